"""Populations as the command line names them: of runs, of studies' results, of tables that `anynas table` wrote."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anynas.errors import SettingsError, did_you_mean
from anynas.tables import RESULTS, is_table, read_table

if TYPE_CHECKING:
    import pandas as pd

TEXTS = (
    "space",
    "state",
    "reason",
    "network_key",
)  # columns that comparisons read, as `anynas table --out` writes them
NUMBERS = ("number", "error", "flops", "params", "activations")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Populations:
    """The trials of all that was named; column `space` holds each population's name."""

    table: "pd.DataFrame"
    names: tuple[str, ...]  # in the order in which they came
    searched: tuple[str, ...]  # those that an adaptive sampler chose


def load_populations(paths: Sequence[str]) -> Populations:
    """Return the populations of runs and tables; where two hold a space of one name, the run's goes in front.

    Raises:
        RunError: A folder holds no run.
        SettingsError: A file is no table of trials, has none, or something is named twice.
    """
    import pandas as pd

    folders = [Path(path) for path in paths]
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise SettingsError(f"each RUN must be named once; got {', '.join(paths)}")
    loaded = [_load(folder) for folder in folders]
    stems = [Path(folder.resolve().name).stem if folder.is_file() else folder.resolve().name for folder in folders]
    labels = stems if len(set(stems)) == len(stems) else list(paths)
    spaces = [set(table["space"]) for table, _ in loaded]
    tables: list[pd.DataFrame] = []
    searched: list[str] = []
    for position, (table, adaptive) in enumerate(loaded):
        others = set().union(*(each for k, each in enumerate(spaces) if k != position))
        names = {space: f"{labels[position]}/{space}" if space in others else space for space in spaces[position]}
        tables.append(table.assign(space=table["space"].map(names)))
        searched += names.values() if adaptive else []
    together = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    return Populations(together, tuple(dict.fromkeys(together["space"])), tuple(searched))


def check_population(name: str, populations: Populations) -> str:
    """Return the name, or raise SettingsError if there is no such population."""
    if name not in populations.names:
        raise SettingsError(f'no population is called "{name}"{did_you_mean(name, populations.names)}')
    return name


def _load(path: Path) -> "tuple[pd.DataFrame, bool]":
    """Return a checked table, and whether an adaptive sampler chose its networks."""
    if (path / RESULTS).is_file() and not (path / "run.json").is_file():
        path = path / RESULTS
    if is_table(path):
        table, adaptive = read_table(path, texts=TEXTS), False
    else:
        from anynas.driver.samplers import is_adaptive
        from anynas.store import load_run

        run = load_run(path)
        table, adaptive = run.table(), is_adaptive(run.identity.get("sampler"))
    for name in (*TEXTS, *NUMBERS):
        if name not in table.columns:
            raise SettingsError(
                f'{path}: must have the columns that anynas table --out writes; it has no "{name}"; write it anew'
            )
    if table.empty:
        raise SettingsError(f"{path}: must have finished trials; it has none")
    for name in NUMBERS:
        if table[name].dtype.kind not in "iuf":
            raise SettingsError(f'{path}: column "{name}" must have numbers; got {table[name].dtype}')
    if table["space"].isna().any():
        raise SettingsError(f"{path}: every trial must name its space; {int(table['space'].isna().sum())} do not")
    return table, adaptive
