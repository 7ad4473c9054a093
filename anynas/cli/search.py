"""`anynas search`: find the best network of a space."""

import argparse
from typing import TYPE_CHECKING

from anynas.cli.exits import Exit, interrupted
from anynas.cli.names import SAMPLERS, one_of
from anynas.cli.options import (
    Commands,
    add_bounds,
    add_command,
    add_data,
    add_output,
    add_run,
    add_seed,
    add_space,
    add_training,
    add_workforce,
    workforce,
)

if TYPE_CHECKING:
    from rich.console import Console

    from anynas.data import Reading
    from anynas.driver.search import SearchPlan


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "search",
        _search,
        summary="find the best network of a space",
        example="anynas search --space AnyNetD --trials 48\n"
        "anynas search --space mine.toml --sampler random --dry-run --json",
    )
    what = parser.add_argument_group("what is searched")
    add_space(what)
    add_bounds(what, "the regime's band of flops")
    what.add_argument(
        "--objectives",
        default="error",
        metavar="NAMES",
        help="what to minimise: error, or with flops, params or activations: error,flops (error)",
    )
    what.add_argument("--sampler", default="tpe", metavar="NAME", help=f"{one_of(SAMPLERS)} (tpe)")
    what.add_argument(
        "--warm-start",
        metavar="RUN|TABLE",
        help="tell tpe, gp or nsga2 the trials of an earlier run first: its folder, or its table as .csv or .parquet",
    )
    add_seed(what, "all that is drawn")
    budget = parser.add_argument_group("budget")
    budget.add_argument("--trials", type=int, metavar="N", help="trials in all (32, unless --minutes is given)")
    budget.add_argument("--minutes", type=float, metavar="M", help="end within about M minutes")
    budget.add_argument(
        "--rungs",
        type=int,
        default=1,
        metavar="R",
        help="pause trials on R rungs of epochs; few go on (1: none pauses)",
    )
    budget.add_argument(
        "--reduction", type=int, default=3, metavar="K", help="one in K goes on, with about K times the epochs (3)"
    )
    training = parser.add_argument_group("training")
    add_data(training, "the regime's")
    add_training(training, epochs="the regime's", recipe="the regime's")
    training.add_argument("--images", type=int, metavar="N", help="training images of each trial (all)")
    training.add_argument(
        "--fidelity", metavar="FILE", help="TOML file: epochs, images, resolution of a trial (the regime's)"
    )
    add_workforce(parser)
    add_run(parser, "runs/SPACE-DIGEST")
    add_output(parser)


def _search(options: argparse.Namespace) -> int:
    import os

    if options.sampler == "gp":
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # heard when torch is imported; halves the time of an ask

    from anynas.cli.output import Output
    from anynas.driver.search import estimate, run_plan
    from anynas.facts import files_facts, plan_facts, search_facts
    from anynas.figures import draw_search
    from anynas.folder import writing
    from anynas.progress import PictureReporter, Reporter
    from anynas.terminal import print_line
    from anynas.views.searches import print_faults, print_files, print_plan, print_winner

    output = Output(options)
    with PictureReporter(output.remarks) as reading:
        plan = _plan(options, reading)
    expected = estimate(plan)

    def show_plan(console: "Console", of: "SearchPlan") -> None:
        print_plan(console, of, expected)

    if options.dry_run:
        output.result(plan, show_plan, plan_facts(plan, expected))
        return Exit.DONE
    output.remark(plan, show_plan)
    if options.detach:
        from anynas.cli.detached import detach

        return detach(options, plan.path, output)
    try:
        with Reporter(
            output.remarks,
            seconds_per_trial=expected.seconds_per_trial if expected else None,
            workers=plan.crew.num_workers,
            minutes=plan.minutes,
            ladder=plan.ladder,
        ) as reporter:
            run = run_plan(plan, progress=reporter, expected=expected)
    except KeyboardInterrupt:
        return interrupted(f"what is finished is safe in {plan.path}; the same command goes on")
    with writing(run.path):
        pictures = draw_search(
            run.table(),
            run.front(),
            run.path,
            winner=run.result()["number"],
            seed=options.seed,
            quantity=run.quantity,
        )
    files = {"table": run.path / "table.csv", **pictures}
    found = search_facts(run)
    output.beside("", print_line)
    output.result(found, print_winner, {**found, "files": files_facts(files)})
    output.beside(run, print_faults)
    output.beside(files, print_files)
    return Exit.DONE


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
