"""All that a report tells of, read once: a run's folder while it grows or afterwards, or a study's results alone."""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anynas.driver.samplers import is_adaptive
from anynas.driver.warm_start import FILE
from anynas.errors import RunError
from anynas.folder import read_json
from anynas.layers import Shape
from anynas.regimes import REGIMES, Regime
from anynas.results import Results, results_in
from anynas.status import Status
from anynas.store import Run, load_run
from anynas.study.definition import builtin_studies, load_study
from anynas.study.judging import Verdicts, judge_table
from anynas.study.running import declarations
from anynas.tables import RESULTS

if TYPE_CHECKING:
    import pandas as pd

Images = tuple[Shape, int]  # (C, H, W), and the number of classes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """A run at a moment; what results alone don't know is None."""

    folder: Path
    identity: dict[str, Any] | None
    created: str | None
    status: Status | None
    table: "pd.DataFrame"
    curves: "pd.DataFrame"
    faults: "pd.DataFrame"  # event, reason, times
    hosts: tuple[str, ...]  # machines that trained
    images: dict[str, Images]  # of each population
    results: Results | None  # of a study
    verdicts: Verdicts | None
    source: str | None = None  # of a run's data: a name, or where a user's own are
    class_names: tuple[str, ...] = ()  # of a user's own data
    regime: Regime | None = None  # of a search, if it is known

    @property
    def name(self) -> str:
        """The study's, or that of the space that was searched."""
        if self.verdicts is not None:
            return self.verdicts.study
        assert self.identity is not None
        return str(self.identity["space"]["name"])

    @property
    def complete(self) -> "pd.DataFrame":
        """The trials that are complete."""
        return self.table[self.table["state"] == "complete"]

    @property
    def result(self) -> dict[str, Any] | None:
        """What a finished search found."""
        return None if self.status is None else self.status.result

    @property
    def is_adaptive(self) -> bool:
        """Whether a sampler chose networks by the trials before, so that they are no sample of the space."""
        return self.identity is not None and is_adaptive(self.identity.get("sampler"))

    @property
    def quantity(self) -> str:
        """What the front sets against error: a search's second objective, flops where there is none."""
        others = [name for name in (self.identity or {}).get("objectives", ()) if name != "error"]
        return str(others[0]) if others else "flops"

    @property
    def earlier(self) -> str | None:
        """Where the trials came from that its sampler was told before its first ask, if there were any."""
        return str(read_json(self.folder / FILE).get("source")) if "warm_start" in (self.identity or {}) else None

    @property
    def is_finished(self) -> bool:
        """Whether all that was asked is there."""
        if self.status is not None:
            return self.status.is_finished
        return self.verdicts is not None and self.verdicts.is_final


def read_record(folder: Path) -> Record:
    """Return the record in a folder.

    Raises:
        RunError: It holds neither a run nor a study's results, or they cannot be read.
    """
    if (folder / "run.json").is_file():
        return _of_run(load_run(folder))
    if (folder / RESULTS).is_file():
        return _of_results(folder.absolute())
    raise RunError(f"{folder}: must be a run's folder, with run.json in it, or a study's results; it is neither")


def _of_run(run: Run) -> Record:
    identity = run.identity
    curves, status = run.curves(), run.status()  # before the table: a run grows, and no curve is to lack its trial
    table = run.table()
    results, verdicts = None, None
    if "populations" in identity:
        first, last = declarations(run.path)
        results = Results(table=table, curves=curves, first=first, last=last)
        verdicts = judge_table(table, first=first, last=last)
    parts = identity.get("populations") or {identity["space"]["name"]: identity}
    return Record(
        folder=run.path,
        identity=identity,
        created=read_json(run.path / "run.json").get("created"),
        status=status,
        table=table,
        curves=curves,
        faults=run.faults(),
        hosts=tuple(sorted({entry.result.provenance.get("host", "") for entry in run.entries()} - {""})),
        images={
            name: (tuple(part["images"]["input_shape"]), part["images"]["num_classes"])
            for name, part in parts.items()
            if "images" in part
        },
        results=results,
        verdicts=verdicts,
        source=run.source,
        class_names=run.class_names,
        regime=run.regime(identity["regime"]) if "regime" in identity else None,
    )


def _of_results(folder: Path) -> Record:
    import pandas as pd

    results = results_in(folder)
    table = results.table
    lost = table["retry_reasons"] if "retry_reasons" in table else pd.Series("", index=table.index)
    events = Counter(("tried again", reason) for reason in lost[lost.fillna("") != ""])
    events += Counter(("failed", reason) for reason in table.loc[table["state"] == "failed", "reason"])
    return Record(
        folder=folder,
        identity=None,
        created=None,
        status=None,
        table=table,
        curves=results.curves,
        faults=pd.DataFrame(
            [(event, reason, times) for (event, reason), times in events.most_common()],
            columns=["event", "reason", "times"],
        ),
        hosts=(),
        images=_images_of(results),
        results=results,
        verdicts=judge_table(table, first=results.first, last=results.last),
    )


def _images_of(results: Results) -> dict[str, Images]:
    """Return for which images a study's networks are, as far as anynas knows its populations or regimes."""
    if results.last.study in builtin_studies():
        regimes = {name: each.space.regime for name, each in load_study(results.last.study).populations.items()}
    else:
        named = results.table.groupby("space")["regime"].first()
        regimes = {str(name): REGIMES[regime] for name, regime in named.items() if regime in REGIMES}
    return {name: (regime.input_shape, regime.num_classes) for name, regime in regimes.items()}
