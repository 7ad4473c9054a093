"""What the commands print about a study: the plan, and the verdicts."""

from typing import TYPE_CHECKING

from rich.console import Console

from anynas.terminal import count, duration, plural, print_line, print_table
from anynas.views.comparisons import print_comparison
from anynas.views.pictures import print_pictures

if TYPE_CHECKING:
    from anynas.study.checking import Answer
    from anynas.study.definition import Study
    from anynas.study.judging import JudgedClaim, Verdicts
    from anynas.study.running import StudyEstimate, StudyPlan


def print_study_plan(console: Console, plan: "StudyPlan", expected: "StudyEstimate | None") -> None:
    """Print what a study will do, and about how long that takes."""
    study = plan.study
    console.print(f"{study.name}: {study.description}" if study.description else study.name)
    print_pictures(console, plan.data)
    rows = [
        [
            name,
            p.models if p.repeats == 1 else f"{p.models} x {p.repeats}",
            f"{count(p.bounds.flops[0])} to {count(p.bounds.flops[1])}" if p.bounds.flops else "any",
            p.fidelity.epochs,
            f"{p.fidelity.resolution}x{p.fidelity.resolution}",
            p.pairs_with or "",
        ]
        for name, p in study.populations.items()
    ]
    print_table(console, ["population", "models", "flops", "epochs", "pixels", "pairs with"], rows)
    lines = [
        f"{_asked(study)}; data {plan.data.name}, seed {study.seed}, executor {plan.crew.workforce.executor}",
        f"run: {plan.path}" + (f", entries in {plan.storage}" if plan.storage else ""),
    ]
    if expected is None:
        lines.append("how long a trial takes there is known when the first has ended")
    elif expected.trials == 0:
        lines.append("all of it is finished: nothing is trained again")
    else:
        lines.append(
            f"about {duration(expected.total_seconds)} for {plural(expected.trials, 'trial')} with "
            f"{plural(plan.crew.num_workers or 1, 'worker')}"
        )
    for line in lines:
        print_line(console, line)


def _asked(study: "Study") -> str:
    parts = [plural(len(study.claims), "claim")]
    return ", ".join([*parts, plural(len(study.checks), "check")] if study.checks else parts)


def print_verdicts(console: Console, verdicts: "Verdicts") -> None:
    """Print verdicts first, then the populations, and what a reader must know beside them."""
    console.print(f"{verdicts.study}: {verdicts.description}" if verdicts.description else verdicts.study)
    for claim in verdicts.claims:
        console.print()
        _print_claim(console, claim)
    for check in verdicts.checks:
        console.print()
        _print_check(console, check)
    console.print()
    rows = [
        [
            row["population"],
            f"{row['complete']}/{row['planned']}",
            row["failed"],
            row["diverged"],
            *("" if row[name] is None else row[name] for name in ("trimmed_mean", "median", "best")),
        ]
        for row in verdicts.populations
    ]
    columns = ["population", "n", "failed", "diverged", "trimmed mean", "median", "best"]
    print_table(console, columns, rows, right=columns[1:])
    console.print()
    console.print(f"errors: top-1, validation, percent; {_how_judged(verdicts)} at alpha {verdicts.alpha:g}")
    for notice in verdicts.notices:
        console.print(f"note: {notice}")


def print_details(console: Console, verdicts: "Verdicts") -> None:
    """Print each claim's comparison in full."""
    rows = {row["population"]: row for row in verdicts.populations}
    for claim in verdicts.claims:
        if claim.comparison is not None:
            console.print()
            console.print(f"{claim.stated.name}: {claim.verdict}")
            whole = not (claim.stated.population or claim.stated.within)
            print_comparison(
                console, claim.comparison, [rows[name] for name in claim.stated.populations] if whole else ()
            )


def _how_judged(verdicts: "Verdicts") -> str:
    ways = ["claims judged together by Holm"] if verdicts.claims or not verdicts.checks else []
    return ", ".join([*ways, "checks each for itself"] if verdicts.checks else ways)


def _print_check(console: Console, check: "Answer") -> None:
    console.print(f"{(check.verdict or 'not answered').upper()}  {check.stated.name}")
    if check.stated.says:
        console.print(f'  "{check.stated.says}"')
    console.print(f"  {check.text}")


def _print_claim(console: Console, claim: "JudgedClaim") -> None:
    console.print(f"{claim.verdict.upper()}  {claim.stated.name}")
    if claim.stated.says:
        console.print(f'  "{claim.stated.says}"')
    console.print(f"  {claim.comparison.summary() if claim.comparison else claim.reason}")
