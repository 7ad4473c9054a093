"""`anynas study run|judge`: populations and claims that were declared before."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from anynas.cli.exits import Exit, interrupted, refused
from anynas.cli.options import (
    Commands,
    Parser,
    add_command,
    add_output,
    add_parser,
    add_run,
    add_workforce,
    workforce,
)

if TYPE_CHECKING:
    from rich.console import Console

    from anynas.study.judging import Verdicts
    from anynas.study.running import StudyPlan


def add(commands: Commands) -> None:
    """Add the command and its two commands."""
    parser = add_parser(
        commands,
        "study",
        summary="train populations and judge claims about them",
        example="anynas study run lecture --models 20",
    )
    parts = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    run = add_command(
        parts,
        "run",
        _run,
        summary="train a study's populations and judge its claims; again: go on, or extend",
        example="anynas study run lecture --models 20",
    )
    _add_study(run)
    run.add_argument("--models", type=int, metavar="N", help="networks of each population (the study's)")
    add_workforce(run)
    add_run(run, "runs/STUDY-DIGEST")
    add_output(run)
    judge = add_command(
        parts,
        "judge",
        _judge,
        summary="judge a study's claims on what is finished so far",
        example="anynas study judge lecture",
    )
    _add_study(judge)
    judge.add_argument("--run", metavar="DIR", help="the run's folder, or one with its results (runs/STUDY-DIGEST)")
    judge.add_argument("--out", metavar="FOLDER", help="where all of it goes (the run's folder, results)")
    add_output(judge)


def _add_study(parser: Parser) -> None:
    parser.add_argument("study", metavar="STUDY", help="a name, a study.toml, or its folder")


def _run(options: argparse.Namespace) -> int:
    from anynas.cli.output import Output
    from anynas.facts import files_facts, plan_facts, rows_of, seen_from_here
    from anynas.progress import PictureReporter, StudyReporter
    from anynas.results import results_of, write_results
    from anynas.study.judging import judge
    from anynas.study.running import estimate, plan_study, run_plan
    from anynas.views.searches import print_faults, print_files
    from anynas.views.studies import print_study_plan, print_verdicts

    output = Output(options)
    with PictureReporter(output.remarks) as reading:
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

    def show_plan(console: "Console", of: "StudyPlan") -> None:
        print_study_plan(console, of, expected)

    if options.dry_run:
        output.result(plan, show_plan, plan_facts(plan, expected))
        return Exit.DONE
    output.remark(plan, show_plan)
    if options.detach:
        from anynas.cli.detached import detach

        return detach(options, plan.path, output)
    trials = {name: population.num_trials for name, population in plan.study.populations.items()}
    try:
        with StudyReporter(
            output.remarks,
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
    files = write_results(verdicts, results_of(run), run.path / "results")
    facts = {"run": seen_from_here(run.path), **verdicts.to_dict(), "faults": rows_of(run.faults())}
    output.result(verdicts, print_verdicts, {**facts, "files": files_facts(files)})
    output.beside(run, print_faults)
    output.beside(files, print_files)
    return _code(verdicts)


def _judge(options: argparse.Namespace) -> int:
    from anynas.cli.output import Output
    from anynas.facts import files_facts
    from anynas.results import results_in, write_results
    from anynas.study.definition import load_study
    from anynas.study.judging import judge_table
    from anynas.study.running import declaration_of, plan_study
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
    output = Output(options)
    output.result(verdicts, print_verdicts, {"run": str(folder), **verdicts.to_dict(), "files": files_facts(files)})
    output.beside(files, print_files)
    return _code(verdicts)


def _code(verdicts: "Verdicts") -> Exit:
    """Return how it ends: refused, with a line for each, if claims cannot be judged however many models there are."""
    impossible = [claim for claim in verdicts.claims if claim.comparison is None and not claim.too_early]
    for claim in impossible:
        refused(f'claim "{claim.stated.name}": {claim.reason}')
    return Exit.REFUSED if impossible else Exit.DONE
