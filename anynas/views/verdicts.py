"""Verdicts as pieces: a claim with what came of it, a check, the counts of both, populations side by side."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from anynas.analysis.comparison import NAMES
from anynas.pieces import Table, Verdict
from anynas.terminal import count, plural

if TYPE_CHECKING:
    from anynas.analysis.comparison import Comparison
    from anynas.study import judging
    from anynas.study.checking import Answer

MINUS = "\u2212"


def claim_verdict(claim: "judging.JudgedClaim") -> Verdict:
    """Return what came of a claim, and on which numbers."""
    stated, found = claim.stated, claim.comparison
    title = _title(stated.name, stated.says)
    if found is None:
        later = "; more models will do" if claim.too_early else ""
        return Verdict(verdict=claim.verdict, claim=title, lines=[f"Not judged: {claim.reason}{later}."])
    return Verdict(verdict=claim.verdict, claim=title, lines=comparison_lines(found))


def comparison_lines(found: "Comparison") -> list[str]:
    """Return a comparison in sentences: the difference with its interval, the claim, n, what was held fixed."""
    level = f"{100 * (1 - found.alpha):g}\u00a0%"
    n = f"{found.n_baseline:,} pairs" if found.paired else f"{found.n_baseline:,} and {found.n_candidate:,} networks"
    claimed = {"no_effect": f"no effect, within ±{found.margin:g}" if found.margin else "no effect"}
    asked = f"Claimed: {claimed.get(found.claim, 'an improvement')}. " if found.claim else ""
    lines = [
        f"The {NAMES[found.statistic]} of the error of {found.candidate} is {abs(found.difference):.2f} points "
        f"{'lower' if found.difference < 0 else 'higher'} than that of {found.baseline}: {_signed(found.difference)} "
        f"[{_signed(found.ci_low)}, {_signed(found.ci_high)}], {level} interval.",
        f"{asked}n = {n}. Held fixed: {found.held}.",
    ]
    if found.undecided_because:
        needed = f"; about {found.models_needed:,} models of each population would do" if found.models_needed else ""
        lines.append(f"Undecided: {found.undecided_because}{needed}.")
    if found.missing_baseline or found.missing_candidate:
        failed = f"{plural(found.missing_baseline, 'trial')} of the baseline"
        failed += f" and {found.missing_candidate:,} of the candidate failed"
        lines.append(f"{failed}; the interval allows for the best and the worst that they may have been.")
    return lines


def check_verdict(check: "Answer") -> Verdict:
    """Return what came of a check."""
    title = _title(check.stated.name, check.stated.says)
    return Verdict(verdict=check.verdict or "not answered", claim=title, lines=[f"{first_capital(check.text)}."])


def verdict_counts(verdicts: "judging.Verdicts") -> str:
    """Return how many claims and checks there are of each verdict, in a sentence."""
    parts = []
    for what, each in (("claim", verdicts.claims), ("check", verdicts.checks)):
        if each:
            counted = Counter(one.verdict or "not answered" for one in each)
            parts.append(f"{plural(len(each), what)}: {', '.join(f'{n} {word}' for word, n in counted.most_common())}")
    return f"{'; '.join(parts)}." if parts else "This study claims nothing."


def how_judged(verdicts: "judging.Verdicts") -> str:
    ways = [
        f"A difference is candidate {MINUS} baseline in points of validation error: below 0 the candidate is better."
    ]
    if verdicts.claims:
        ways.append(f"All claims are judged together (Holm) at {verdicts.alpha:g}, by one-sided bounds.")
    if verdicts.checks:
        ways.append("Checks ask whether the trials can be trusted; each is judged for itself.")
    return " ".join(ways)


def populations_table(verdicts: "judging.Verdicts") -> Table:
    """Return a row a population."""
    columns = ["population", "n", "failed", "diverged", "trimmed mean", "median", "best", "median params"]
    rows = [_population(row) for row in verdicts.populations]
    caption = "Populations: complete of planned trials, and validation errors in percent"
    return Table(caption=caption, columns=columns, rows=rows)


def first_capital(text: str) -> str:
    """Return text with a capital at its beginning, if it begins with a plain letter."""
    return text[:1].upper() + text[1:] if text[:1].isascii() else text


def _title(name: str, says: str) -> str:
    return f"{name}: {says}" if says else name


def _population(row: dict[str, Any]) -> list[str]:
    errors = ["" if row[name] is None else f"{row[name]:.2f}" for name in ("trimmed_mean", "median", "best")]
    params = "" if row["median_params"] is None else count(row["median_params"])
    counts = [f"{row['complete']:,}/{row['planned']:,}", f"{row['failed']:,}", f"{row['diverged']:,}"]
    return [row["population"], *counts, *errors, params]


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", MINUS)
