"""`anynas search`: find the best network of a space."""

import argparse
from typing import TYPE_CHECKING

from anynas.cli.options import (
    Commands,
    add_bounds,
    add_command,
    add_data,
    add_run,
    add_seed,
    add_space,
    add_workforce,
    interrupted,
    workforce,
)

if TYPE_CHECKING:
    from anynas.data import Reading
    from anynas.driver.search import SearchPlan


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "search",
        _search,
        summary="find the best network of a space",
        example="anynas search --space AnyNetD --trials 48",
    )
    add_space(parser)
    add_bounds(parser, "default: the regime's band of flops")
    parser.add_argument("--trials", type=int, metavar="N", help="trials in all (32, unless --minutes is given)")
    parser.add_argument("--minutes", type=float, metavar="M", help="end within about M minutes")
    parser.add_argument("--sampler", default="tpe", metavar="NAME", help="tpe (default), gp, nsga2, random or qmc")
    parser.add_argument(
        "--objectives",
        default="error",
        metavar="NAMES",
        help="what to minimise: error (default), or with flops, params or activations: error,flops",
    )
    parser.add_argument(
        "--warm-start",
        metavar="PATH",
        help="tell tpe, gp or nsga2 the trials of an earlier run first: its folder, or its table as .csv or .parquet",
    )
    add_seed(parser, "all that is drawn")
    add_data(parser, "the regime's")
    parser.add_argument("--epochs", type=int, metavar="E", help="epochs of each trial (the regime's)")
    parser.add_argument("--images", type=int, metavar="N", help="training images of each trial (all)")
    parser.add_argument("--recipe", metavar="FILE", help="TOML file: how networks are trained")
    parser.add_argument("--fidelity", metavar="FILE", help="TOML file: epochs, images, resolution of a trial")
    parser.add_argument(
        "--rungs",
        type=int,
        default=1,
        metavar="R",
        help="pause trials on R rungs of epochs; few go on (1: none pauses)",
    )
    parser.add_argument(
        "--reduction", type=int, default=3, metavar="K", help="one in K goes on, with about K times the epochs (3)"
    )
    add_workforce(parser)
    add_run(parser, "runs/SPACE-DIGEST")


def _search(options: argparse.Namespace) -> int:
    import os

    if options.sampler == "gp":
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # heard when torch is imported; halves the time of an ask

    from anynas.driver.search import estimate, run_plan
    from anynas.figures import draw_search
    from anynas.folder import writing
    from anynas.progress import PictureReporter, Reporter
    from anynas.terminal import make_console
    from anynas.views.searches import print_faults, print_files, print_plan, print_winner

    console = make_console()
    with PictureReporter(console) as reading:
        plan = _plan(options, reading)
    expected = estimate(plan)
    print_plan(console, plan, expected)
    if options.dry_run:
        return 0
    if options.detach:
        from anynas.cli.detached import detach

        return detach(options, plan.path)
    seconds_per_trial = expected.seconds_per_trial if expected else None
    try:
        with Reporter(
            console,
            seconds_per_trial=seconds_per_trial,
            workers=plan.crew.num_workers,
            minutes=plan.minutes,
            ladder=plan.ladder,
        ) as reporter:
            run = run_plan(plan, progress=reporter, expected=expected)
    except KeyboardInterrupt:
        return interrupted(f"what is finished is safe in {plan.path}; the same command goes on")
    print_winner(console, run)
    print_faults(console, run)
    with writing(run.path):
        pictures = draw_search(
            run.table(),
            run.front(),
            run.path,
            winner=run.result()["number"],
            seed=options.seed,
            quantity=run.quantity,
        )
    print_files(console, {"table": run.path / "table.csv", **pictures})
    return 0


def _plan(options: argparse.Namespace, reading: "Reading") -> "SearchPlan":
    from anynas.driver.search import plan_search
    from anynas.trials import load_fidelity, load_recipe

    return plan_search(
        options.space,
        trials=options.trials,
        minutes=options.minutes,
        seed=options.seed,
        sampler=options.sampler,
        objectives=options.objectives.split(","),
        warm_start=options.warm_start,
        flops=options.flops,
        params=options.params,
        activations=options.activations,
        regime=options.regime,
        data=options.data,
        recipe=load_recipe(options.recipe) if options.recipe else None,
        fidelity=load_fidelity(options.fidelity) if options.fidelity else None,
        epochs=options.epochs,
        images=options.images,
        rungs=options.rungs,
        reduction=options.reduction,
        run=options.run,
        storage=options.storage,
        takeover=options.takeover,
        reading=reading,
        **workforce(options),
    )
