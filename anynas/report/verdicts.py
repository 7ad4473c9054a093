"""What a reader asks first: the verdicts of a study, the winner of a search."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anynas.analysis.comparison import NAMES
from anynas.report.networks import network_item
from anynas.report.page import Facts, Item, Section, Table, Text, Verdict, Verdicts
from anynas.report.record import Record
from anynas.terminal import count, plural

if TYPE_CHECKING:
    from anynas.study import judging
    from anynas.study.checking import Answer

MINUS = "\u2212"


def verdict_section(record: Record) -> Section:
    """Return a study's verdicts, with what must be known beside them, and its populations."""
    verdicts = record.verdicts
    assert verdicts is not None
    judged = [*map(_claim, verdicts.claims), *map(_check, verdicts.checks)]
    items: list[Item] = [Text(text=_counts(verdicts))]
    items += [Text(text=f"{_first(notice)}.", is_note=True) for notice in verdicts.notices]
    items += [Verdicts(verdicts=judged), Text(text=_how(verdicts))] if judged else []
    columns = ["population", "n", "failed", "diverged", "trimmed mean", "median", "best", "median params"]
    rows = [_population(row) for row in verdicts.populations]
    caption = "Populations: complete of planned trials, and validation errors in percent"
    items.append(Table(caption=caption, columns=columns, rows=rows))
    return Section(key="verdicts", heading="Verdicts", items=items)


def winner_section(record: Record) -> Section:
    """Return what a search found: its winner, or the best so far."""
    result = record.result
    if result is not None:
        return Section(key="winner", heading="Winner", items=_winner(record, result))
    if record.complete.empty:
        nothing = Text(text=f"No trial is complete yet; {plural(len(record.table), 'trial')} finished.", is_note=True)
        return Section(key="winner", heading="Best so far", items=[nothing])
    best = record.complete.loc[record.complete["error"].idxmin()]
    facts = [
        ("validation error, one seed", f"{best['error']:.2f} %"),
        ("flops (multiply-adds)", count(best["flops"])),
        ("params", count(best["params"])),
    ]
    note = (
        "The search has not ended: this is the best trial so far, with a single seed. When it ends, the best are "
        "trained again with other seeds, the winner is chosen by its mean, and its test error is computed."
    )
    heading = f"Trial {best['number']}, {best['key']}"
    network = network_item(record, best["space"], best["architecture"], heading=heading, facts=())
    return Section(
        key="winner",
        heading="Best so far",
        items=[Facts(facts=facts, large=True), Text(text=note, is_note=True), network],
    )


def _winner(record: Record, result: dict[str, Any]) -> list[Item]:
    errors = result["validation_errors"]
    tested = "unknown: its training failed" if result["test_error"] is None else f"{result['test_error']:.2f} %"
    facts = [
        (f"validation error, mean of {plural(len(errors), 'seed')}", f"{result['validation_error_mean']:.2f} %"),
        ("test error", tested),
        ("flops (multiply-adds)", count(result["flops"])),
        ("params", count(result["params"])),
    ]
    text = (
        f"Trial {result['number']}, the best of {plural(result['trials'], 'trial')} by the mean of its validation "
        f"errors ({_listed(errors)} %, one a seed). The test error is that of one further training, with another seed."
    )
    heading = f"Trial {result['number']}, {result['key']}"
    space = record.table["space"].iloc[0]
    return [
        Facts(facts=facts, large=True),
        Text(text=text),
        network_item(record, space, result["architecture"], heading=heading, facts=()),
        _confirmed(record, result),
    ]


def _confirmed(record: Record, result: dict[str, Any]) -> Table:
    """Return those that were trained again: the best, or of two objectives some of the front."""
    if "front" not in result:
        rows = [
            [f"trial {number}", _listed(values), f"{sum(values) / len(values):.2f}"]
            for number, values in sorted(result["finalists"].items(), key=lambda item: sum(item[1]) / len(item[1]))
        ]
        caption = "The best, trained again: validation errors in percent"
        return Table(caption=caption, columns=["trial", "each seed", "mean"], rows=rows)
    costs = list(dict.fromkeys(["flops", "params", record.quantity]))
    rows = [
        [
            f"trial {row['number']}",
            _listed(row["validation_errors"]),
            f"{row['validation_error_mean']:.2f}",
            *(count(row[name]) for name in costs),
            "no: another is better by its mean" if row["dominated"] else "yes",
        ]
        for row in result["front"]
    ]
    caption = f"The front of error and {record.quantity}, trained again: validation errors in percent"
    columns = ["trial", "each seed", "mean", *costs, "still of the front"]
    return Table(caption=caption, columns=columns, rows=rows, words=["still of the front"])


def _listed(errors: Sequence[float]) -> str:
    return ", ".join(f"{error:.2f}" for error in errors)


def _claim(claim: "judging.JudgedClaim") -> Verdict:
    stated, found = claim.stated, claim.comparison
    title = _title(stated.name, stated.says)
    if found is None:
        later = "; more models will do" if claim.too_early else ""
        return Verdict(verdict=claim.verdict, claim=title, lines=[f"Not judged: {claim.reason}{later}."])
    level = f"{100 * (1 - found.alpha):g}\u00a0%"
    n = f"{found.n_baseline:,} pairs" if found.paired else f"{found.n_baseline:,} and {found.n_candidate:,} networks"
    claimed = {"no_effect": f"no effect, within ±{found.margin:g}" if found.margin else "no effect"}
    lines = [
        f"The {NAMES[found.statistic]} of the error of {found.candidate} is {abs(found.difference):.2f} points "
        f"{'lower' if found.difference < 0 else 'higher'} than that of {found.baseline}: {_signed(found.difference)} "
        f"[{_signed(found.ci_low)}, {_signed(found.ci_high)}], {level} interval.",
        f"Claimed: {claimed.get(found.claim or '', 'an improvement')}. n = {n}. Held fixed: {found.held}.",
    ]
    if found.undecided_because:
        needed = f"; about {found.models_needed:,} models of each population would do" if found.models_needed else ""
        lines.append(f"Undecided: {found.undecided_because}{needed}.")
    if found.missing_baseline or found.missing_candidate:
        failed = f"{plural(found.missing_baseline, 'trial')} of the baseline"
        failed += f" and {found.missing_candidate:,} of the candidate failed"
        lines.append(f"{failed}; the interval allows for the best and the worst that they may have been.")
    return Verdict(verdict=claim.verdict, claim=title, lines=lines)


def _check(check: "Answer") -> Verdict:
    title = _title(check.stated.name, check.stated.says)
    return Verdict(verdict=check.verdict or "not answered", claim=title, lines=[f"{_first(check.text)}."])


def _title(name: str, says: str) -> str:
    return f"{name}: {says}" if says else name


def _counts(verdicts: "judging.Verdicts") -> str:
    """Return how many claims and checks there are of each verdict, in a sentence."""
    parts = []
    for what, each in (("claim", verdicts.claims), ("check", verdicts.checks)):
        if each:
            counted = Counter(one.verdict or "not answered" for one in each)
            parts.append(f"{plural(len(each), what)}: {', '.join(f'{n} {word}' for word, n in counted.most_common())}")
    return f"{'; '.join(parts)}." if parts else "This study claims nothing."


def _how(verdicts: "judging.Verdicts") -> str:
    ways = [
        f"A difference is candidate {MINUS} baseline in points of validation error: below 0 the candidate is better."
    ]
    if verdicts.claims:
        ways.append(f"All claims are judged together (Holm) at {verdicts.alpha:g}, by one-sided bounds.")
    if verdicts.checks:
        ways.append("Checks ask whether the trials can be trusted; each is judged for itself.")
    return " ".join(ways)


def _population(row: dict[str, Any]) -> list[str]:
    errors = ["" if row[name] is None else f"{row[name]:.2f}" for name in ("trimmed_mean", "median", "best")]
    params = "" if row["median_params"] is None else count(row["median_params"])
    counts = [f"{row['complete']:,}/{row['planned']:,}", f"{row['failed']:,}", f"{row['diverged']:,}"]
    return [row["population"], *counts, *errors, params]


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", MINUS)


def _first(text: str) -> str:
    """Return text with a capital at its beginning, if it begins with a plain letter."""
    return text[:1].upper() + text[1:] if text[:1].isascii() else text
