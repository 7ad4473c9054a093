"""`anynas train`: train one network in full."""

import argparse

from anynas.cli.options import Commands, add_command, add_data, add_seed, interrupted


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "train",
        _train,
        summary="train a run's winner, or any architecture, in full",
        example="anynas train runs/AnyNetD-1f0c2a9b --epochs 30",
    )
    parser.add_argument("network", metavar="RUN|ARCHITECTURE", help="a search's folder, a name or a JSON file")
    add_data(parser, "the run's or the regime's")
    parser.add_argument("--regime", metavar="R", help="for an architecture: fashion, cifar or imagenet (its family's)")
    parser.add_argument("--recipe", metavar="FILE", help="TOML file: how it is trained (the run's or the regime's)")
    parser.add_argument("--epochs", type=int, metavar="E", help="epochs (ten times those of a trial)")
    add_seed(parser, "all that is drawn")
    parser.add_argument("--device", default="auto", metavar="D", help="auto (default), cpu or cuda")
    parser.add_argument("--out", metavar="FOLDER", help="where it is kept (RUN/winner or runs/NAME-DIGEST)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and how long it takes, and stop")


def _train(options: argparse.Namespace) -> int:
    from anynas.figures.learning import draw_training
    from anynas.progress import EpochReporter, PictureReporter
    from anynas.terminal import make_console
    from anynas.training.devices import device_name, resolve_device
    from anynas.training.fully import plan_training, run_training, seconds_left
    from anynas.training.trained import ARCHITECTURE, RECORD, WEIGHTS, load_trained
    from anynas.trials import load_recipe
    from anynas.views.networks import print_trained, print_training_plan
    from anynas.views.searches import print_files

    console = make_console()
    where = device_name(resolve_device(options.device))
    with PictureReporter(console) as reading:
        plan = plan_training(
            options.network,
            data=options.data,
            regime=options.regime,
            recipe=load_recipe(options.recipe) if options.recipe else None,
            epochs=options.epochs,
            seed=options.seed,
            device=options.device,
            path=options.out,
            reading=reading,
        )
    seconds = seconds_left(plan)
    print_training_plan(console, plan, seconds=seconds, where=where)
    if options.dry_run:
        return 0
    try:
        with EpochReporter(console, epochs=plan.fidelity.epochs, done=plan.epochs_done, seconds=seconds) as reporter:
            for point in run_training(plan):
                reporter.finished(point)
    except KeyboardInterrupt:
        return interrupted(f"finished epochs are safe in {plan.path}; the same command goes on")
    trained = load_trained(plan.path)
    print_trained(console, trained, num_validation=len(plan.data.validation), num_test=len(plan.data.test))
    record = trained.record
    trained_on = f"{trained.fidelity.epochs} epochs of {trained.num_images:,} images of {trained.data}"
    curve = draw_training(
        trained.curve(),
        trained.path / "curve.png",
        title=f"{trained.architecture.family} {trained.architecture.key} in full training",
        footer=f"n = 1 training, seed {trained.seed}, {trained_on}; "
        f"anynas {record['anynas_version']}, torch {record['torch_version']}, {record['device']}",
    )
    files = {"weights": WEIGHTS, "architecture": ARCHITECTURE, "record": RECORD}
    print_files(console, {**{what: trained.path / name for what, name in files.items()}, "curve": curve})
    return 0
