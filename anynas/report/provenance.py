"""Where a report's numbers come from: rungs, failures, what each trial spent, versions, machines, times."""

import json
from typing import Any

from anynas.driver.rungs import make_ladder
from anynas.pieces import Facts, Item, Table, Text
from anynas.report.page import Section
from anynas.report.record import Record
from anynas.terminal import count, duration, plural

UNKNOWN = "not recorded"


def rungs_section(record: Record) -> Section | None:
    """Return how many trials finished each rung; None where trials do not pause."""
    identity = record.identity or {}
    if identity.get("rungs", 1) == 1:
        return None
    ladder = make_ladder(identity["fidelity"]["epochs"], rungs=identity["rungs"], reduction=identity["reduction"])
    trained = record.table[record.table["state"] != "failed"]
    rows = []
    for rung, epochs in enumerate(ladder.epochs, 1):
        reached = trained[trained["rung"] >= rung]
        ended = trained[trained["rung"] == rung]
        best = f"{ended['error'].min():.2f}" if len(ended) else ""
        rows.append([str(rung), f"{epochs:,}", f"{len(reached):,}", f"{len(ended):,}", best])
    items: list[Item] = [
        Table(
            caption="Trials that finished each rung, those that came no further, and their least error in percent",
            columns=["rung", "epochs", "finished", "came no further", "best of these"],
            rows=rows,
        )
    ]
    if record.result is not None and "epochs_trained" in record.result:
        spent, in_full = record.result["epochs_trained"], record.result["epochs_in_full"]
        share = f" ({spent / in_full:.0%})" if in_full else ""
        items.append(Text(text=f"Trained were {spent:,} epochs of the {in_full:,} that full training takes{share}."))
    text = "Trials that did not go on are pruned: their errors are of other fidelities, and not among those above."
    return Section(key="rungs", heading="Rungs", items=[*items, Text(text=text)])


def trouble_section(record: Record) -> Section:
    """Return what went wrong, got over or not, by its reasons."""
    table = record.table
    failed = int((table["state"] == "failed").sum())
    diverged = int(((table["state"] == "complete") & (table["reason"] == "diverged")).sum())
    retried = int((table["retries"] > 0).sum()) if "retries" in table else 0
    counts = f"{failed:,} failed, {diverged:,} diverged, {retried:,} tried again"
    items: list[Item] = [Text(text=f"Of {plural(len(table), 'finished trial')} {counts}.")]
    if len(record.faults):
        rows = [[row["reason"], row["event"], f"{row['times']:,}"] for row in record.faults.to_dict("records")]
        caption = "Failures and tries that came to nothing, by reason"
        items.append(Table(caption=caption, columns=["reason", "what came", "times"], rows=rows, words=["what came"]))
    if diverged:
        items.append(
            Text(text="A network that diverged is complete, with the error of chance; a trial that failed has none.")
        )
    return Section(key="failures", heading="Failures and retries", items=items)


def provenance_section(record: Record) -> Section:
    """Return n, seeds, fidelity, regime, data, versions, machines, times: all from the record."""
    complete, table = record.complete, record.table
    identity = record.identity or {}
    parts = list((identity.get("populations") or {"": identity}).values()) if identity else []
    seed = identity.get("seed", record.verdicts.seed if record.verdicts else UNKNOWN)
    facts = [
        ("n", f"{len(complete):,} complete of {plural(len(table), 'finished trial')}"),
        ("seed of the run", f"{seed}; each trial has one of its own, from it and its number"),
        (
            "a trial",
            _each(
                _spent(row)
                for row in table[["epochs", "images"]].drop_duplicates().sort_values("epochs").to_dict("records")
            ),
        ),
        ("regime", _each(table["regime"])),
        ("data", str(identity.get("data", UNKNOWN))),
    ]
    if "pictures" in identity:
        facts.append(("pictures", identity["pictures"]))
    if record.class_names:
        facts.append(("classes", ", ".join(record.class_names)))
    if "objectives" in identity:
        facts.append(("minimised", " and ".join(identity["objectives"])))
    if "warm_start" in identity:
        facts.append(("warm start", f"{plural(identity['warm_start']['trials'], 'trial')} of {record.earlier}"))
    if parts:
        facts += [
            ("sampler", _each(part["sampler"] for part in parts)),
            ("bounds", _each(_bounds(part.get("bounds")) for part in parts)),
            ("space", ", ".join(f"{part['space']['name']} (digest {part['space']['digest']})" for part in parts)),
        ]
    facts += [
        ("anynas", _each(complete["anynas_version"])),
        ("torch", _each(complete["torch_version"])),
        ("git commit", _each(complete["git_commit"])),
        ("devices", _each(complete["device"])),
        ("machines", ", ".join(record.hosts) or UNKNOWN),
        ("training in all", duration(float(table["seconds"].sum()))),
        ("created", record.created or (record.results.first.at if record.results else UNKNOWN)),
    ]
    if record.status is not None:
        facts.append(("last trial finished", record.status.last_finished or "none yet"))
    facts.append(("recipe", _each(map(_recipe, table["recipe"].unique())) if "recipe" in table else UNKNOWN))
    note = (
        "Errors are top-1, in percent, on validation images; test images are for winners alone. One flop is one "
        "multiply-add, counted at the regime's input."
    )
    return Section(key="provenance", heading="Provenance", items=[Facts(facts=facts), Text(text=note)])


def _each(values: Any) -> str:
    """Return each value once, in order of appearance; empty ones are not recorded."""
    found = list(dict.fromkeys(str(value) for value in values if value == value and str(value)))
    return ", ".join(found) or UNKNOWN


def _spent(row: dict[str, Any]) -> str:
    return f"{plural(int(row['epochs']), 'epoch')} of {int(row['images']):,} images"


def _bounds(bounds: Any) -> str:
    if not isinstance(bounds, dict):
        return str(bounds or "none")
    given = [f"{name} {' to '.join(count(float(end)) for end in band)}" for name, band in bounds.items() if band]
    return ", ".join(given) or "none"


def _recipe(text: str) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {written(value)}" for name, value in json.loads(text).items())


def written(value: Any) -> str:
    """Return a plain value as a TOML file has it, but for quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)
