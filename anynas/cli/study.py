"""`anynas study run|judge`: populations and claims that were declared before."""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from anynas.cli.options import USER_ERROR, Commands, Parser, add_command, add_run, add_workforce, interrupted, workforce

if TYPE_CHECKING:
    from anynas.study.judging import Verdicts


def add(commands: Commands) -> None:
    """Add the command and its two commands."""
    parser = commands.add_parser(
        "study",
        help="train populations and judge claims about them",
        description="train populations and judge claims about them",
        epilog="example: anynas study run lecture --models 20",
    )
    parts = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    run = add_command(
        parts,
        "run",
        _run,
        summary="train a study's populations, then judge its claims; again: go on, or extend",
        example="anynas study run lecture --models 20",
    )
    _add_study(run)
    run.add_argument("--models", type=int, metavar="N", help="networks of each population (the study's)")
    add_workforce(run)
    add_run(run, "runs/STUDY-DIGEST")
    judge = add_command(
        parts,
        "judge",
        _judge,
        summary="judge a study's claims on what is finished so far",
        example="anynas study judge lecture",
    )
    _add_study(judge)
    judge.add_argument("--run", metavar="DIR", help="the run's folder, or one with its results (runs/STUDY-DIGEST)")
    judge.add_argument("--out", metavar="DIR", help="where all of it goes (the run's folder, results)")
    judge.add_argument("--json", action="store_true", help="print the verdicts as JSON")


def _add_study(parser: Parser) -> None:
    parser.add_argument("study", metavar="STUDY", help="a name, a study.toml, or its folder")


def _run(options: argparse.Namespace) -> int:
    from anynas.progress import PictureReporter, StudyReporter
    from anynas.results import results_of, write_results
    from anynas.study.judging import judge
    from anynas.study.running import estimate, plan_study, run_plan
    from anynas.terminal import make_console
    from anynas.views.searches import print_faults, print_files
    from anynas.views.studies import print_study_plan, print_verdicts

    console = make_console()
    with PictureReporter(console) as reading:
        plan = plan_study(
            options.study,
            models=options.models,
            run=options.run,
            storage=options.storage,
            takeover=options.takeover,
            reading=reading,
            **workforce(options),
        )
    expected = estimate(plan)
    print_study_plan(console, plan, expected)
    if options.dry_run:
        return 0
    if options.detach:
        from anynas.cli.detached import detach

        return detach(options, plan.path)
    trials = {name: population.num_trials for name, population in plan.study.populations.items()}
    try:
        with StudyReporter(
            console,
            trials,
            seconds_per_trial=expected.seconds_per_trial if expected else None,
            workers=plan.crew.num_workers,
        ) as reporter:
            run = run_plan(plan, progress=reporter)
    except KeyboardInterrupt:
        return interrupted(
            f"what is finished is safe in {plan.path}; the same command goes on, anynas study judge {options.study} "
            "judges what there is"
        )
    verdicts = judge(run)
    print_verdicts(console, verdicts)
    print_faults(console, run)
    print_files(console, write_results(verdicts, results_of(run), run.path / "results"))
    return _code(verdicts)


def _judge(options: argparse.Namespace) -> int:
    import json

    from anynas.results import results_in, write_results
    from anynas.study.definition import load_study
    from anynas.study.judging import judge_table
    from anynas.study.running import declaration_of, plan_study
    from anynas.terminal import make_console
    from anynas.views.searches import print_files
    from anynas.views.studies import print_verdicts

    if options.run is None and (Path(options.study) / "run.json").is_file():
        folder, study = Path(options.study), None
    else:
        study = load_study(options.study)
        folder = Path(options.run) if options.run is not None else plan_study(study).path
    results = results_in(folder)
    last = results.last
    if study is not None:
        stated = dataclasses.replace(declaration_of(study), models=last.models)
        last = last if dataclasses.replace(stated, at=last.at) == last else stated  # changed since it was run
    verdicts = judge_table(results.table, first=results.first, last=last)
    out = Path(options.out) if options.out else folder / "results" if (folder / "run.json").is_file() else None
    files = write_results(verdicts, dataclasses.replace(results, last=last), out) if out else {}
    console = make_console()
    if options.json:
        print(json.dumps(verdicts.to_dict(), indent=2, allow_nan=False))
    else:
        print_verdicts(console, verdicts)
        print_files(console, files)
    return _code(verdicts)


def _code(verdicts: "Verdicts") -> int:
    """Return the exit code: 2 if a claim cannot be judged however many models there are, with a line for each."""
    impossible = [claim for claim in verdicts.claims if claim.comparison is None and not claim.too_early]
    for claim in impossible:
        print(f'anynas: claim "{claim.stated.name}": {claim.reason}', file=sys.stderr)
    return USER_ERROR if impossible else 0
