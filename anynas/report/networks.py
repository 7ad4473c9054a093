"""Architectures of a report: those with the least error, each as a drawing and as tables."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from anynas.architecture import Architecture
from anynas.pieces import Network, Networks, Text
from anynas.report.page import Section
from anynas.report.record import Record
from anynas.terminal import count, plural
from anynas.views.architectures import diagram_legend, network_piece

BEST = 5  # different networks that are shown


def network_section(record: Record) -> Section | None:
    """Return the best networks, each once however often it was trained; None if no trial is complete."""
    complete = record.complete
    if complete.empty:
        return None
    best = complete.sort_values(["error", "number"], kind="stable").drop_duplicates("network_key").head(BEST)
    winner = None if record.result is None else record.result["number"]
    several = record.verdicts is not None
    networks = []
    legend = Text(text=_legend(best["architecture"].iloc[0], n=len(best), several=several))
    for place, row in enumerate(best.to_dict("records"), 1):
        trial = f"{row['space']}, trial {row['number']}" if several else f"trial {row['number']}"
        facts = [
            ("validation error", f"{row['error']:.2f} %"),
            ("flops", count(row["flops"])),
            ("params", count(row["params"])),
            ("key", row["key"]),
        ]
        won = ", the winner" if row["number"] == winner else ""
        heading = f"{place}. {trial}{won}"
        networks.append(network_item(record, row["space"], row["architecture"], heading=heading, facts=facts))
    return Section(key="networks", heading="Best networks", items=[legend, Networks(networks=networks)])


def network_item(
    record: Record,
    population: str,
    architecture: str | Mapping[str, Any],
    *,
    heading: str,
    facts: Sequence[tuple[str, str]],
) -> Network:
    """Return an architecture as a page shows it; there is no drawing where its images are not known.

    Args:
        record: The run's.
        population: That it belongs to.
        architecture: As a table's JSON has it, or as a dictionary.
        heading: Above it.
        facts: Its error and cost.
    """
    fields = json.loads(architecture) if isinstance(architecture, str) else architecture
    return network_piece(Architecture.from_dict(fields), record.images.get(population), heading=heading, facts=facts)


def _legend(architecture: str, *, n: int, several: bool) -> str:
    of = "of all populations" if several else "of the search"
    return (
        f"{plural(n, 'different network')} {of} with the least validation error, one seed each. "
        f"{diagram_legend(json.loads(architecture)['family'])}"
    )
