"""A warm start: trials of another run, told to a sampler before its first ask.

They are read from a run's folder or from a table of trials, checked against what this search trains, and kept in this
run's folder as `warm_start.json`: the other run may grow or go, and the same command still goes on where it was. What
was told is part of what identifies a run, as a digest; where it came from is not. Nothing is unpickled.
"""

import dataclasses
import hashlib
import json
import math
import numbers
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anynas.architecture import Architecture
from anynas.driver.jobs import Setting
from anynas.driver.samplers import Earlier
from anynas.errors import AnynasError, RunError, SettingsError
from anynas.folder import read_json, write_json
from anynas.store import differences, load_run, shown
from anynas.tables import is_table, read_table

if TYPE_CHECKING:
    import pandas as pd

FILE = "warm_start.json"
MUST_AGREE = (
    "data",
    "pictures",
    "regime",
    "images",
    "recipe",
    "fidelity",
)  # of two runs' identities: what an error depends on


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WarmStart:
    """Trials that were told, one an architecture."""

    source: str  # path of a run's folder or a table, as it was given
    trials: tuple[Earlier, ...]

    @property
    def identity(self) -> dict[str, Any]:
        """What identifies it, JSON-ready."""
        told = [[trial.architecture.key, repr(trial.error)] for trial in self.trials]
        return {"digest": hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16], "trials": len(told)}


def warm_start_for(folder: Path, source: str, setting: Setting, identity: dict[str, Any]) -> WarmStart:
    """Return what a run in a folder is told: what is kept there of the same source, or else the source as it is now.

    Args:
        folder: The run's own, which need not exist.
        source: Path of another run's folder, or of a .csv or .parquet table.
        setting: What this search's trials share.
        identity: What this search asks, without a warm start.

    Raises:
        RunError: The source is no run, or what is kept is damaged.
        SettingsError: It holds no trials of this space that can be told, or some that were trained in another way.
    """
    if (folder / FILE).is_file():
        kept = _kept(folder / FILE)
        if kept.source == source:
            return kept
    path = Path(source)
    if is_table(path):
        return _told(source, read_table(path, texts=("state", "architecture", "regime", "recipe")), setting)
    run = load_run(path)
    if run.identity["study"] != "search":
        raise SettingsError(
            f"{source}: must be a search's run, or a table; it is study {run.identity['study']}'s; pass what anynas "
            "table --out writes of it"
        )
    theirs, ours = ({name: each.get(name) for name in MUST_AGREE} for each in (run.identity, identity))
    for name, came, must in differences(theirs, ours):
        raise SettingsError(_disagree(source, name, shown(must), shown(came)))
    return _told(source, run.table(), setting)


def keep(warm_start: WarmStart, folder: Path) -> None:
    """Write what was told into a run's folder, unless it is there."""
    if not (folder / FILE).is_file():
        trials = [{"architecture": trial.architecture.to_dict(), "error": trial.error} for trial in warm_start.trials]
        write_json(folder / FILE, {"source": warm_start.source, "trials": trials})


def _kept(path: Path) -> WarmStart:
    content = read_json(path)
    try:
        trials = [Earlier(Architecture.from_dict(t["architecture"]), float(t["error"])) for t in content["trials"]]
        return WarmStart(source=str(content["source"]), trials=tuple(trials))
    except (KeyError, TypeError, ValueError, AnynasError):
        raise RunError(f"{path}: must be as anynas wrote it; it is damaged; restore it from a copy") from None


def _told(source: str, table: "pd.DataFrame", setting: Setting) -> WarmStart:
    """Return the table's complete trials, each architecture once, checked."""
    for name in ("architecture", "error"):
        if name not in table.columns:
            raise SettingsError(
                f'{source}: must have the columns that anynas table --out writes; it has no "{name}"; write it anew'
            )
    complete = table[table["state"] == "complete"] if "state" in table else table
    if complete.empty:
        raise SettingsError(f"{source}: must have a complete trial to start from; it has none among {len(table)}")
    _check_training(source, complete, setting)
    trials: dict[str, Earlier] = {}
    for row, (text, error) in enumerate(zip(complete["architecture"], complete["error"], strict=True), start=1):
        where = f"{source}: complete trial {row}"
        try:
            architecture = Architecture.from_dict(json.loads(text))
        except (TypeError, ValueError, KeyError, AnynasError):
            raise SettingsError(f"{where}: its architecture must be one as JSON; got {str(text)[:60]!r}") from None
        if not setting.space.contains(architecture):
            raise SettingsError(
                f"{where}: its architecture must lie in {setting.space.name}; {architecture.key} does not; choose "
                "trials of the same space"
            )
        percent = float(error) if isinstance(error, numbers.Real) else math.nan
        if not 0 <= percent <= 100:  # nor does NaN
            raise SettingsError(f"{where}: its error must be a percentage; got {error}")
        trials.setdefault(architecture.key, Earlier(architecture, percent))
    return WarmStart(source=source, trials=tuple(trials.values()))


def _check_training(source: str, table: "pd.DataFrame", setting: Setting) -> None:
    """Raise SettingsError if a column says that trials were trained in another way than this search's are."""
    recipe = dataclasses.asdict(setting.recipe)
    must: dict[str, Any] = {
        "regime": setting.space.regime.name,
        "epochs": setting.fidelity.epochs,
        "images": setting.num_images,
    }
    for name, value in must.items():
        for came in table[name].dropna().unique() if name in table else ():
            if came != value:
                raise SettingsError(_disagree(source, name, value, came))
    for text in table["recipe"].dropna().unique() if "recipe" in table else ():
        try:
            theirs = dict(json.loads(text))
        except (TypeError, ValueError):
            raise SettingsError(f"{source}: column recipe must have JSON objects; got {str(text)[:60]!r}") from None
        for name, came, value in differences({"recipe": theirs}, {"recipe": recipe}):
            raise SettingsError(_disagree(source, name, shown(value), shown(came)))


def _disagree(source: str, name: str, must: Any, came: Any) -> str:
    return (
        f"{source}: its {name} must be this search's, {must}; got {came}; choose trials that were trained as these are"
    )
