"""What the commands print about two populations: a comparison, its verdict, and how many models a claim takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from anynas.analysis.comparison import NAMES, Comparison
from anynas.analysis.ranks import Lead
from anynas.terminal import plural, print_line, print_table

SIDES = ("baseline", "candidate")
Row = list[Any]


def print_comparison(console: Console, comparison: Comparison, populations: Sequence[Mapping[str, Any]] = ()) -> None:
    """Print a comparison as a report.

    Args:
        console: Where to.
        comparison: All of it is shown.
        populations: The baseline's row and the candidate's, as `summarise` gives them; without them their table is
            left out.
    """
    level = f"{100 * (1 - comparison.alpha):g} %"
    console.print(f"baseline   {comparison.baseline}")
    console.print(f"candidate  {comparison.candidate}")
    if populations:
        console.print()
        _print_populations(console, comparison, populations)
    console.print()
    console.print("candidate - baseline, in points of error: below 0 the candidate is better")
    _print_rows(console, ["difference of", "points", f"{level} interval"], _differences(comparison))
    console.print()
    rows = [
        [f"the best {100 * gap.share:g} %", f"{gap.difference:+.2f}", _between(gap.ci_low, gap.ci_high)]
        for gap in comparison.quantiles
    ]
    _print_rows(console, ["the error that bounds", "points", f"{level} interval"], rows)
    console.print()
    _print_rows(console, ["whole populations", "share", f"{level} interval", "p", "at error %"], _shares(comparison))
    for name, lead in zip(SIDES, (comparison.candidate_lead, comparison.baseline_lead), strict=True):
        if lead.share == 0:
            console.print(f"the {name} dominates: at no error is the other's EDF above its own")
    if comparison.divergence is not None:
        console.print()
        _print_rows(console, ["diverged", "share", f"{level} interval", "p"], _divergence(comparison))
    console.print()
    console.print(f"held fixed: {comparison.held}")
    for line in _verdict(comparison):
        console.print(line)


def _print_populations(console: Console, comparison: Comparison, populations: Sequence[Mapping[str, Any]]) -> None:
    compared = (comparison.n_baseline, comparison.n_candidate)
    rows = [
        [
            side,
            row["finished"],
            number,
            row["failed"],
            row["diverged"],
            *("" if row[name] is None else f"{row[name]:.2f}" for name in ("trimmed_mean", "median", "best")),
        ]
        for side, number, row in zip(SIDES, compared, populations, strict=True)
    ]
    columns = ["errors, percent", "trials", "compared", "failed", "diverged", "trimmed mean", "median", "best"]
    _print_rows(console, columns, rows)
    if comparison.method != "none":
        console.print("these errors are as they came; below, complexity is held fixed")


def _differences(comparison: Comparison) -> list[Row]:
    """Return rows of the differences; the first is the one that was asked for."""
    of_pairs = " of pairs" if comparison.paired else ""
    others = {
        "mean": (comparison.mean_difference, comparison.mean_ci),
        "median": (comparison.median_difference, comparison.median_ci),
    }
    shown = {
        NAMES[comparison.statistic] + of_pairs: (comparison.difference, (comparison.ci_low, comparison.ci_high)),
        **{NAMES[name] + of_pairs: value for name, value in others.items() if name != comparison.statistic},
        "Hodges-Lehmann": (comparison.hodges_lehmann, comparison.hodges_lehmann_ci),
    }
    return [[name, f"{estimate:+.2f}", _between(*interval)] for name, (estimate, interval) in shown.items()]


def _shares(comparison: Comparison) -> list[Row]:
    better = [f"{comparison.prob_better:.3f}", _between(*comparison.prob_better_ci, digits=3), "", ""]
    apart = [f"{comparison.ks_statistic:.3f}", _between(*comparison.ks_ci, digits=3), pvalue(comparison.ks_pvalue), ""]
    return [
        ["P(candidate is better)", *better],
        ["KS: EDFs apart by", *apart],
        ["  baseline's above by", *_lead(comparison.baseline_lead)],
        ["  candidate's above by", *_lead(comparison.candidate_lead)],
    ]


def _lead(lead: Lead) -> Row:
    at = f"{lead.at:.2f}" if lead.share > 0 else ""
    return [f"{lead.share:.3f}", _between(lead.low, lead.high, digits=3), pvalue(lead.pvalue), at]


def _divergence(comparison: Comparison) -> list[Row]:
    rates = comparison.divergence
    if rates is None:
        return []
    return [
        [f"baseline, of {rates.n_baseline:,}", f"{rates.baseline:.3f}", "", ""],
        [f"candidate, of {rates.n_candidate:,}", f"{rates.candidate:.3f}", "", ""],
        ["difference", f"{rates.difference:+.3f}", _between(rates.ci_low, rates.ci_high, digits=3),
         pvalue(rates.pvalue)],
    ]  # fmt: skip


def _verdict(comparison: Comparison) -> list[str]:
    """Return what was claimed and what came of it, a line each."""
    lines = []
    if comparison.missing_baseline or comparison.missing_candidate:
        failed = f"{comparison.missing_baseline:,} of the baseline, {comparison.missing_candidate:,} of the candidate"
        lines += [f"failed: {failed}", "  the first interval allows for the best and the worst that they may have been"]
    if comparison.claim is None:
        return lines
    claim = comparison.claim if comparison.margin is None else f"{comparison.claim} within {comparison.margin:g} points"
    together = f", with {plural(comparison.judged_with - 1, 'more claim')} (Holm)" if comparison.judged_with > 1 else ""
    because = f" ({comparison.undecided_because})" if comparison.undecided_because else ""
    lines.append(f"claim {claim}: {comparison.verdict}{because}")
    lines.append(
        f"  {NAMES[comparison.statistic]} {_between(comparison.bound_low, comparison.bound_high)} "
        f"({100 * (1 - comparison.alpha):g} % on each side)"
    )
    lines.append(
        f"  p {pvalue(comparison.pvalue_support)} for support, {pvalue(comparison.pvalue_contradict)} for "
        f"contradiction{together}"
    )
    if comparison.models_needed is not None:
        lines.append(f"  models needed: about {comparison.models_needed:,} of each population, for a power of 0.8")
    return lines


def print_power(console: Console, fields: Mapping[str, Any]) -> None:
    """Print how many models a claim takes, as `anynas power --json` names the numbers."""
    margin = "" if fields["margin"] is None else f" within {fields['margin']:g} points"
    each = "pairs" if fields["paired"] else "models of each population"
    print_line(console, f"claim {fields['claim']}{margin}, alpha {fields['alpha']:g}")
    pilot, pilot_of = fields["pilot"], "pairs of" if fields["paired"] else "models of"
    source = "" if pilot is None else f", from a pilot of {pilot['n']:,} {pilot_of} {pilot['space']}"
    print_line(console, f"{NAMES[fields['statistic']]} with a spread of {fields['sd']:.3g} points{source}")
    if pilot is not None and pilot["searched"]:
        print_line(
            console, "note: an adaptive sampler chose the pilot's networks; random draws of the space may spread more"
        )
    if fields["n"] is not None:
        if fields["power_at_n"] is not None:
            true = f"if the true difference is {fields['effect']:g} points"
            print_line(console, f"power with {fields['n']:,} {each}: {fields['power_at_n']:.3f} {true}")
        if fields["smallest_effect"] is not None:
            print_line(
                console,
                f"smallest improvement found with {fields['n']:,} {each} and a power of {fields['power']:g}: "
                f"{fields['smallest_effect']:.3g} points",
            )
        return
    print_line(console, f"true difference {fields['effect']:g} points")
    print_line(console, f"needed: {fields['models_needed']:,} {each}, for a power of {fields['power']:g}")
    console.print()
    print_table(
        console, ["n", "power"], [[row["n"], f"{row['power']:.3f}"] for row in fields["table"]], right=["power"]
    )


def pvalue(p: float | None) -> str:
    """Return a p-value as it is written: 0.23, 0.012, 0.0004, <0.0001."""
    if p is None:
        return ""
    return "<0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def _between(low: float, high: float, *, digits: int = 2) -> str:
    sign = "+" if digits == 2 else ""
    return f"{low:{sign}.{digits}f} to {high:{sign}.{digits}f}"


def _print_rows(console: Console, columns: Sequence[str], rows: Sequence[Row]) -> None:
    print_table(console, columns, rows, right=columns[1:])
