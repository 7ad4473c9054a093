"""A judged study as a Markdown page: verdicts first, then populations, pictures, and where all of it comes from."""

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anynas.terminal import duration

if TYPE_CHECKING:
    from anynas.study.checking import Answer
    from anynas.study.judging import JudgedClaim, Verdicts


def study_page(verdicts: "Verdicts", figures: Mapping[str, Path], *, footer: str) -> str:
    """Return the page.

    Args:
        verdicts: All of it.
        figures: Pictures beside the page, by what they show.
        footer: n, seed, fidelity, version, machine.
    """
    parts = [f"# {escaped(verdicts.study)}", escaped(verdicts.description)]
    parts += [f"*{escaped(notice)}*" for notice in verdicts.notices]
    if verdicts.claims:
        columns = ["claim", "difference of error, points", "held fixed", "n (baseline, candidate)", "verdict"]
        parts += ["## Claims", _table(columns, map(_claim, verdicts.claims)), _how(verdicts)]
    if verdicts.checks:
        columns = ["check", "found", "demanded", "n", "verdict"]
        parts += ["## Checks", _table(columns, map(_check, verdicts.checks)), "Each check is judged for itself."]
    columns = ["population", "n", "failed", "diverged", "trimmed mean", "median", "best", "median params"]
    parts += ["## Populations", _table(columns, map(_population, verdicts.populations))]
    parts += [f"![{escaped(what)}]({path.name})" for what, path in figures.items()]
    made = verdicts.provenance
    took = duration(made["training_seconds"])
    parts.append(f"{escaped(footer)}; commit {', '.join(made['git_commit']) or 'unknown'}; {took} of training in all.")
    parts.append(f"    anynas study run {verdicts.study}\n    anynas study judge {verdicts.study}")
    parts.append("A study of your own goes by its file's path in the place of its name.")
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Return text as Markdown shows it, whatever it holds."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")


def claim_numbers(claim: "JudgedClaim") -> tuple[str, str, str]:
    """Return a claim's difference with its interval, its n, and its verdict, as pages write them."""
    found = claim.comparison
    if found is None:
        return "", "", claim.verdict
    n = f"{found.n_baseline:,} pairs" if found.paired else f"{found.n_baseline:,} and {found.n_candidate:,}"
    return f"{found.difference:+.2f} [{found.ci_low:.2f}, {found.ci_high:.2f}]", n, claim.verdict


def _claim(claim: "JudgedClaim") -> Sequence[str]:
    difference, n, verdict = claim_numbers(claim)
    held = claim.comparison.held if claim.comparison else claim.reason
    return escaped(claim.stated.says or claim.stated.name), difference, escaped(held), n, verdict


def _check(check: "Answer") -> Sequence[str]:
    words = escaped(check.stated.says or check.stated.name)
    demanded = f"at {'least' if check.stated.at_least is not None else 'most'} {check.demand:g}"
    if check.verdict is None:
        return words, escaped(check.text), demanded, f"{check.n:,}", "not answered"
    ends = [f"{end:.2f}" if end is not None else "infinite" for end in (check.estimate, check.low, check.high)]
    return words, f"{ends[0]} [{ends[1]}, {ends[2]}]", demanded, f"{check.n:,}", check.verdict


def _population(row: Mapping[str, Any]) -> Sequence[str]:
    errors = ("" if row[name] is None else f"{row[name]:.2f}" for name in ("trimmed_mean", "median", "best"))
    params = "" if row["median_params"] is None else f"{row['median_params']:,.0f}"
    counts = (f"{row['complete']:,}/{row['planned']:,}", str(row["failed"]), str(row["diverged"]))
    return escaped(row["population"]), *counts, *errors, params


def _how(verdicts: "Verdicts") -> str:
    return (
        "Difference: candidate - baseline, of the statistic that was declared (10 % trimmed means unless said), with "
        f"{100 * (1 - verdicts.alpha):g} % intervals; below 0 the candidate is better. Verdicts are Holm's over all "
        f"claims at {verdicts.alpha:g}."
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
