"""What a reader asks first: the verdicts of a study, the winner of a search."""

from collections.abc import Sequence
from typing import Any

from anynas.pieces import Facts, Item, Table, Text, Verdicts
from anynas.report.networks import network_item
from anynas.report.page import Section
from anynas.report.record import Record
from anynas.terminal import count, plural
from anynas.views.searches import best_facts, winner_facts
from anynas.views.verdicts import (
    check_verdict,
    claim_verdict,
    first_capital,
    how_judged,
    populations_table,
    verdict_counts,
)


def verdict_section(record: Record) -> Section:
    """Return a study's verdicts, with what must be known beside them, and its populations."""
    verdicts = record.verdicts
    assert verdicts is not None
    judged = [*map(claim_verdict, verdicts.claims), *map(check_verdict, verdicts.checks)]
    items: list[Item] = [Text(text=verdict_counts(verdicts))]
    items += [Text(text=f"{first_capital(notice)}.", is_note=True) for notice in verdicts.notices]
    items += [Verdicts(verdicts=judged), Text(text=how_judged(verdicts))] if judged else []
    items.append(populations_table(verdicts))
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
    note = (
        "The search has not ended: this is the best trial so far, with a single seed. When it ends, the best are "
        "trained again with other seeds, the winner is chosen by its mean, and its test error is computed."
    )
    heading = f"Trial {best['number']}, {best['key']}"
    network = network_item(record, best["space"], best["architecture"], heading=heading, facts=())
    return Section(
        key="winner",
        heading="Best so far",
        items=[Facts(facts=best_facts(best), large=True), Text(text=note, is_note=True), network],
    )


def _winner(record: Record, result: dict[str, Any]) -> list[Item]:
    errors = result["validation_errors"]
    text = (
        f"Trial {result['number']}, the best of {plural(result['trials'], 'trial')} by the mean of its validation "
        f"errors ({_listed(errors)} %, one a seed). The test error is that of one further training, with another seed."
    )
    heading = f"Trial {result['number']}, {result['key']}"
    space = record.table["space"].iloc[0]
    return [
        Facts(facts=winner_facts(result), large=True),
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
