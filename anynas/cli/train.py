"""`anynas train`: train one network in full."""

import argparse
from typing import TYPE_CHECKING, Any

from anynas.cli.exits import Exit, interrupted
from anynas.cli.options import (
    Commands,
    add_command,
    add_data,
    add_device,
    add_dry_run,
    add_output,
    add_regime,
    add_seed,
    add_training,
)

if TYPE_CHECKING:
    from rich.console import Console


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
    add_regime(parser, "the family's own; a run has its own")
    add_training(parser, epochs="ten times those of a trial", recipe="the run's or the regime's")
    add_seed(parser, "all that is drawn")
    add_device(parser)
    parser.add_argument("--out", metavar="FOLDER", help="where it is kept (RUN/winner or runs/NAME-DIGEST)")
    add_dry_run(parser)
    add_output(parser)


def _train(options: argparse.Namespace) -> int:
    from anynas.cli.output import Output
    from anynas.facts import files_facts, trained_facts, training_plan_facts
    from anynas.figures.learning import draw_training
    from anynas.progress import EpochReporter, PictureReporter
    from anynas.terminal import print_line
    from anynas.training.devices import device_name, resolve_device
    from anynas.training.fully import plan_training, run_training, seconds_left
    from anynas.training.trained import ARCHITECTURE, RECORD, WEIGHTS, load_trained
    from anynas.trials import load_recipe
    from anynas.views.networks import print_trained, print_training_plan
    from anynas.views.searches import print_files

    output = Output(options)
    device = device_name(resolve_device(options.device))
    with PictureReporter(output.remarks) as reading:
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
    planned = training_plan_facts(plan, seconds=seconds, device=device)

    def show_plan(console: "Console", of: dict[str, Any]) -> None:
        print_training_plan(console, plan, of)

    if options.dry_run:
        output.result(planned, show_plan, planned)
        return Exit.DONE
    output.remark(planned, show_plan)
    try:
        with EpochReporter(
            output.remarks, epochs=plan.fidelity.epochs, done=plan.epochs_done, seconds=seconds
        ) as reporter:
            for point in run_training(plan):
                reporter.finished(point)
    except KeyboardInterrupt:
        return interrupted(f"finished epochs are safe in {plan.path}; the same command goes on")
    trained = load_trained(plan.path)
    record = trained.record
    trained_on = f"{trained.fidelity.epochs} epochs of {trained.num_images:,} images of {trained.data}"
    curve = draw_training(
        trained.curve(),
        trained.path / "curve.png",
        title=f"{trained.architecture.family} {trained.architecture.key} in full training",
        footer=f"n = 1 training, seed {trained.seed}, {trained_on}; "
        f"anynas {record['anynas_version']}, torch {record['torch_version']}, {record['device']}",
    )
    names = {"weights": WEIGHTS, "architecture": ARCHITECTURE, "record": RECORD}
    files = {**{what: trained.path / name for what, name in names.items()}, "curve": curve}
    sizes = {"num_validation": len(plan.data.validation), "num_test": len(plan.data.test)}
    output.beside("", print_line)
    output.result(
        trained,
        lambda console, of: print_trained(console, of, **sizes),
        {**trained_facts(trained), **sizes, "files": files_facts(files)},
    )
    output.beside(files, print_files)
    return Exit.DONE
