"""The command that repeats a run, from what identifies it; and the files that it needs, where options do not do."""

import dataclasses
import re
import shlex
from collections.abc import Mapping
from typing import Any

from anynas.designspace import DesignSpace, builtin_spaces, load_space
from anynas.pieces import Item, Listing, Text
from anynas.regimes import REGIMES, Regime
from anynas.report.page import Section
from anynas.report.provenance import written
from anynas.report.record import Record
from anynas.study.definition import builtin_studies, load_study

CAPTION = "This repeats it in a folder of its own; with --run and the folder of this run it goes on, or is extended."
BANDS = ("flops", "params", "activations")


def repeating_section(record: Record) -> Section:
    """Return the command, and what it needs."""
    items = _study(record) if record.verdicts is not None else _search(record)
    return Section(key="repeat", heading="To repeat it", items=items)


def _search(record: Record) -> list[Item]:
    identity = record.identity
    assert identity is not None
    name, regime = identity["space"]["name"], identity["regime"]
    space = _space(identity, record.regime)
    words = ["anynas", "search", "--space", name if space is not None else f"{name}.toml"]
    if space is None or load_space(name).regime.name != regime:
        words += ["--regime", asked_for] if (asked_for := _base(regime)) else []
    asked = record.status.asked if record.status is not None else None
    words += ["--trials", str(asked)] if asked else []
    words += [
        "--sampler",
        identity["sampler"],
        "--seed",
        str(identity["seed"]),
        "--data",
        record.source or identity["data"],
    ]
    files: list[Item] = []
    fidelity, recipe = identity["fidelity"], identity["recipe"]
    words += ["--epochs", str(fidelity["epochs"])]
    own = space.regime.fidelity if space is not None else None
    if own is not None and own.resolution == fidelity.get("resolution") and fidelity["images"] != "all":
        words += ["--images", str(fidelity["images"])]
    elif own is None or own.images != fidelity["images"] or own.resolution != fidelity.get("resolution"):
        words += ["--fidelity", "fidelity.toml"]
        files.append(Listing(caption="fidelity.toml", text=_toml(fidelity)))
    if space is None or recipe != dataclasses.asdict(space.regime.recipe):
        words += ["--recipe", "recipe.toml"]
        files.append(Listing(caption="recipe.toml", text=_toml(recipe)))
    bounds = identity.get("bounds")
    for band in BANDS:
        if isinstance(bounds, dict) and bounds.get(band):
            words += [f"--{band}", ":".join(f"{float(end):.15g}" for end in bounds[band])]
    if identity.get("rungs", 1) > 1:
        words += ["--rungs", str(identity["rungs"]), "--reduction", str(identity["reduction"])]
    if len(identity.get("objectives", ())) > 1:
        words += ["--objectives", ",".join(identity["objectives"])]
    if record.earlier is not None:
        words += ["--warm-start", record.earlier]
    workers = record.status.workers if record.status is not None else None
    if record.is_adaptive and workers == 1:
        words += ["--workers", "1"]
    items: list[Item] = [Listing(caption=CAPTION, text=shlex.join(words))]
    items += files
    if space is None:
        text = f"{name}.toml is a file of the user's: its space must have the digest {identity['space']['digest']}."
        items.append(Text(text=text))
    if record.is_adaptive:
        items.append(
            Text(
                text="An adaptive sampler proposes by what has finished before: with one worker it proposes the same "
                "networks again, with several others may finish first, and then it proposes others."
            )
        )
    return items


def _study(record: Record) -> list[Item]:
    assert record.results is not None
    last = record.results.last
    shipped = last.study in builtin_studies()
    words = ["anynas", "study", "run", last.study if shipped else f"{last.study}.toml"]
    declared = {name: each.models for name, each in load_study(last.study).populations.items()} if shipped else None
    if declared != last.models and len(set(last.models.values())) == 1:
        words += ["--models", str(next(iter(last.models.values())))]
    items: list[Item] = [Listing(caption=CAPTION, text=shlex.join(words))]
    if not shipped:
        text = (
            f"{last.study}.toml is a file of the user's: populations, claims and checks as they stand in claims.json."
        )
        items.append(Text(text=text))
    return items


def _base(regime: str) -> str | None:
    """Return the regime that anynas knows, from its own name or that of one that was fitted to pictures."""
    return next((known for known in REGIMES if re.fullmatch(rf"{known}(-\d+x\d+x\d+)?", regime)), None)


def _space(identity: Mapping[str, Any], regime: Regime | None) -> DesignSpace | None:
    """Return the space that comes with anynas and is the run's; None if it is a file of the user's, or has changed."""
    name = identity["space"]["name"]
    if name not in builtin_spaces():
        return None
    space = load_space(name)
    if regime is not None and space.regime.name != regime.name:
        space = load_space(name, regime=regime)
    return space if space.digest == identity["space"]["digest"] else None


def _toml(fields: Mapping[str, Any]) -> str:
    """Return plain fields as a TOML file has them."""

    quoted = {name: f'"{value}"' if isinstance(value, str) else written(value) for name, value in fields.items()}
    return "\n".join(f"{name} = {value}" for name, value in quoted.items())
