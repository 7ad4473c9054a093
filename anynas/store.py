"""The record: one entry per finished trial in an Optuna storage; and Run, the folder, which reads it.

    runs/AnyNetD-1f0c2a9b/
      run.json       what identifies the run: space, regime, data, recipe, fidelity, seed, sampler, bounds; and
                     which database has the entries, if they are not here; and where its data are and which regime
                     suits them, if their names do not say it
      journal.log    the entries, an Optuna journal that optuna-dashboard and the rest of that ecosystem can read
      driver.json    host and process of the driver at work, if there is one, and how much it is asked to do
      last_driver.json  the same of the last one that has ended
      driver.lock    held by the driver at work
      driver.log     what a detached driver prints
      result.json    what a finished search found; beside it table.csv and pictures
      warm_start.json  trials of another run that its sampler was told before the first ask, if there were any
      claims.json    what a study claims, as it stood before its first trial and as it is now

An entry is written once, when its trial is finished. Running trials are the driver's own affair, so a crash leaves
none behind. Where trials pause on rungs, each rung that a trial finishes is an entry, whole in itself: all that is
known of the trial up to there, state "pruned". A later one of the same trial takes its place. So at any moment the
record is one of finished trials, and what it says of a trial that goes on holds until that has finished another rung.

The value of Optuna's trial is the error, whatever a search minimises: complexity is among its attributes, and a study
of one value is what every other program can read.
"""

import contextlib
import dataclasses
import functools
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anynas.architecture import Architecture
from anynas.designspace import DesignSpace
from anynas.errors import RunError
from anynas.folder import now, one_driver, read_json, uninterrupted, write_json
from anynas.notebook import html_of, show_text
from anynas.regimes import REGIMES, Regime, regime_from_dict
from anynas.status import Status, status_of
from anynas.storage import check_storage, create_storage, storage_of
from anynas.trials import CurvePoint, TrialResult, counted

if TYPE_CHECKING:
    import optuna
    import pandas as pd

SCHEMA = 1
BEGINNINGS = (  # what a driver that ended at once may leave
    *("driver.lock", "driver.json", ".driver.json", "last_driver.json", "driver.log", ".run.json"),
)
LIST_COLUMNS = [  # a table's, before one column a parameter
    *("study", "space", "number", "key", "network_key", "state", "error", "flops", "params", "activations"),
    *("epochs", "rung", "images", "seconds", "peak_memory_bytes", "seed", "device", "retries", "retry_reasons"),
    *("reason", "regime", "recipe", "architecture", "anynas_version", "torch_version", "git_commit"),
]
ROLES = {  # why a trial was run
    "search": "proposed by the sampler: a row of the table",
    "population": "a draw of one of a study's populations: a row of the table",
    "confirmation": "one of the best, again with another seed",
    "test": "the winner, again with another seed and with its test error",
}
TABLE_ROLES = ("search", "population")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One finished trial with all that the table needs."""

    number: int  # within its role and space
    role: str
    space: str  # in a study the population's name
    architecture: Architecture
    result: TrialResult
    seed: int
    flops: int
    params: int
    activations: int
    epochs: int  # with rungs those that it was trained, else the fidelity's
    images: int
    columns: dict[str, Any]  # nominal parameters by column: width_1, depth_3, ...
    point: tuple[float, ...]  # of the unit cube, from which the architecture was decoded
    rung: int = 1  # the last one that it was trained for, from 1
    misses: tuple[tuple[float, ...], ...] = ()  # points that its sampler proposed before it and learnt from


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """A run's folder, to be read while it grows or afterwards."""

    path: Path

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _repr_html_(self) -> str:
        return html_of(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        show_text(self, printer)

    @property
    def identity(self) -> dict[str, Any]:
        """What the run asks; it never changes."""
        identity: dict[str, Any] = read_json(self.path / "run.json")["identity"]
        return identity

    @property
    def source(self) -> str:
        """Which data it is on: a data set's name, or the absolute path of those that a user has."""
        return str(self._kept("data").get("source", self.identity["data"]))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes of a user's data; empty where the data set's own name says them."""
        return tuple(self._kept("data").get("class_names", ()))

    def regime(self, name: str) -> Regime | None:
        """Return a regime of its trials by name; None if it is kept nowhere: of a space that is a user's file."""
        regimes = self._kept("regimes")
        return regime_from_dict(regimes[name]) if name in regimes else REGIMES.get(name)

    def history(self, role: str | None = None) -> list[Entry]:
        """Return all entries of a role, or of all roles, in the order in which they were written.

        Of a trial that finished several rungs there is one for each.
        """
        entries = (_entry(trial) for trial in storage_of(self.path).read())
        return [entry for entry in entries if role in (None, entry.role)]

    def entries(self, role: str | None = None) -> list[Entry]:
        """Return the finished trials of a role, or of all roles: by role, population, number, seed."""
        latest = {(e.role, e.space, e.number, e.seed): e for e in self.history(role)}
        populations = list(self.identity.get("populations", ()))

        def place(entry: Entry) -> tuple[int, int, int, int]:
            position = populations.index(entry.space) if entry.space in populations else 0
            return list(ROLES).index(entry.role), position, entry.number, entry.seed

        return sorted(latest.values(), key=place)

    def table(self) -> "pd.DataFrame":
        """Return one row a trial that a sampler or a population proposed: fixed columns first, then one a parameter.

        Rows are in the order of their numbers, a study's population by population.
        """
        return self._frame(self._rows())

    def confirmations(self) -> "pd.DataFrame":
        """Return the trainings of the best with other seeds: the table's columns, role, and the winner's test error."""
        entries = [entry for entry in self.entries() if entry.role not in TABLE_ROLES]
        frame = self._frame(entries)
        frame.insert(3, "role", [entry.role for entry in entries])
        frame.insert(4, "test_error", [entry.result.test_error for entry in entries])
        return frame

    def best(self) -> "pd.Series[Any]":
        """Return the table's row with the least error.

        Raises:
            RunError: No trial is complete.
        """
        complete = self._complete()
        return complete.loc[complete["error"].idxmin()]

    @property
    def quantity(self) -> str:
        """What the front sets against error: the search's second objective, flops where there is none."""
        others = [name for name in self.identity.get("objectives", ()) if name != "error"]
        return str(others[0]) if others else "flops"

    def front(self) -> "pd.DataFrame":
        """Return the rows that no other beats in both error and the run's `quantity`, by that."""
        from anynas.analysis.front import pareto_front

        return pareto_front(self._complete(), against=self.quantity)

    def failures(self) -> "pd.DataFrame":
        """Return the rows of trials that failed, with their reasons."""
        table = self.table()
        return table[table["state"] == "failed"]

    def faults(self) -> "pd.DataFrame":
        """Return what went wrong, got over or not: event ("tried again" or "failed"), reason, times; most often first.

        All trials count, those that only confirm a winner too.
        """
        import pandas as pd

        entries = self.entries()
        events = Counter(("tried again", reason) for entry in entries for reason in entry.result.lost)
        events += Counter(("failed", entry.result.reason) for entry in entries if entry.result.state == "failed")
        rows = [(event, reason, times) for (event, reason), times in events.most_common()]
        return pd.DataFrame(rows, columns=["event", "reason", "times"])

    def curves(self) -> "pd.DataFrame":
        """Return space, number, epoch, loss and error (validation, percent): one row a trial and epoch."""
        import pandas as pd

        rows = [
            {"space": entry.space, "number": entry.number, **dataclasses.asdict(point)}
            for entry in self._rows()
            for point in entry.result.curve
        ]
        return pd.DataFrame(rows, columns=["space", "number", "epoch", "loss", "error"])

    def result(self) -> dict[str, Any]:
        """Return what the search found: its winner, confirmed with further seeds.

        Raises:
            RunError: The search has not ended yet.
        """
        path = self.path / "result.json"
        if not path.exists():
            raise RunError(f"{self.path}: its search must have ended; it has not; run the same command again to go on")
        return read_json(path)

    def status(self) -> Status:
        """Return how far it is and what became of its driver; it may be asked for at any time.

        Raises:
            RunError: Its record cannot be read.
        """
        return status_of(self.path)

    def _kept(self, what: str) -> dict[str, Any]:
        kept: dict[str, Any] = read_json(self.path / "run.json").get(what, {})
        return kept

    def _rows(self) -> list[Entry]:
        return [entry for entry in self.entries() if entry.role in TABLE_ROLES]

    def _complete(self) -> "pd.DataFrame":
        table = self.table()
        complete = table[table["state"] == "complete"]
        if complete.empty:
            raise RunError(
                f"{self.path}: at least one trial must be complete; {len(table)} are finished, none complete"
            )
        return complete

    def _frame(self, entries: list[Entry]) -> "pd.DataFrame":
        import pandas as pd

        identity = self.identity
        populations = identity.get("populations", {})
        parameters: dict[str, None] = {}  # an ordered set
        rows = []
        for entry in entries:
            asked = populations.get(entry.space, identity)
            recipe = json.dumps(asked["recipe"], sort_keys=True)
            rows.append({"study": identity["study"], "regime": asked["regime"], "recipe": recipe, **_row(entry)})
            parameters.update(dict.fromkeys(entry.columns))
        return pd.DataFrame(rows, columns=[*LIST_COLUMNS, *parameters])


def load_run(path: str | Path) -> Run:
    """Return the run in a folder.

    Raises:
        RunError: The folder holds no run, or one of another schema.
    """
    folder = Path(path)
    if not (folder / "run.json").is_file():
        raise RunError(f"{folder}: must be a run's folder, with run.json in it; there is none")
    schema = read_json(folder / "run.json").get("schema")
    if schema != SCHEMA:
        raise RunError(f"{folder}: its schema must be {SCHEMA}; got {schema!r}")
    return Run(folder.absolute())


class Recorder:
    """The one writer of a run's record; open it with `recording`."""

    def __init__(self, run: Run, add: "Callable[[optuna.trial.FrozenTrial, str], None]") -> None:
        self.run = run
        self._add = add

    def add(self, entry: Entry, space: DesignSpace) -> None:
        """Write a finished trial of a space: one atomic record, on disk when this returns."""
        import optuna

        states = optuna.trial.TrialState
        error, state = entry.result.error, entry.result.state
        trial = optuna.trial.create_trial(
            state={"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[state],
            value=error if state == "complete" else None,
            intermediate_values={entry.epochs: error} if state == "pruned" else None,
            params=entry.columns,
            distributions={column: _distributions(space)[column] for column in entry.columns},
            user_attrs=_attributes(entry),
        )
        with uninterrupted():
            self._add(trial, entry.space)


@contextlib.contextmanager
def recording(
    path: Path,
    identity: Mapping[str, Any],
    *,
    storage: str | None = None,
    takeover: bool = False,
    about: Mapping[str, Any] | None = None,
    kept: Mapping[str, Any] | None = None,
) -> Iterator[Recorder]:
    """Open a run's folder for its one driver, making it if there is none.

    Args:
        path: The folder.
        identity: What the run asks, JSON-ready; an existing run's must be equal.
        storage: URL of the database for the entries; None: what the run has, the folder's journal for a new one.
        takeover: Whether to take a run over from a driver on another machine that is known to be dead.
        about: What driver.json is to say of this driver, JSON-ready; see `anynas.status`.
        kept: What run.json is to keep beside the identity; where a user's data are may change.

    Raises:
        RunError: The folder belongs to another question, another driver is at work on it, its record is damaged, or
            the database is another one or cannot be reached.
    """
    path = path.absolute()
    check_identity(path, identity)
    storage = check_storage(path, storage)
    with one_driver(path, takeover=takeover, about=about):
        if not (path / "run.json").exists():
            where = create_storage(path, storage, identity)
            about_it = {"schema": SCHEMA, "created": now(), "identity": dict(identity), **where, **(kept or {})}
            write_json(path / "run.json", about_it)
        elif (about_it := read_json(path / "run.json")) != (now_it := {**about_it, **(kept or {})}):
            write_json(path / "run.json", now_it)
        with storage_of(path).opened() as add:
            yield Recorder(Run(path), add)


def write_result(run: Run, result: Mapping[str, Any]) -> None:
    """Write what a finished search found."""
    write_json(run.path / "result.json", dict(result))


def check_identity(path: Path, identity: Mapping[str, Any]) -> None:
    """Raise RunError if the folder is a run that asks something else, or is no run but holds files."""
    if (path / "run.json").exists():
        for name, has, came in differences(load_run(path).identity, identity):
            raise RunError(
                f"{path}: a run's {name} must not change; it has {shown(has)}, got {shown(came)}; choose another --run"
            )
    elif path.is_file() or (path.is_dir() and any(p.name not in BEGINNINGS for p in path.iterdir())):
        raise RunError(f"{path}: must be a run's folder or a new one; it holds other things; choose another --run")


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the fields in which two identities differ, with both values: "recipe learning_rate", 0.1, 0.2."""
    one, other = _flat(first), _flat(second)
    for name in {**one, **other}:
        if one.get(name) != other.get(name):
            yield name, one.get(name), other.get(name)


def shown(value: Any) -> str:
    """Return an identity's value as errors show it."""
    if value is None:
        return "none"
    return json.dumps(value) if not isinstance(value, str) else value or "none"


def _flat(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the identity with a field's own fields in its place, each under both names: "recipe learning_rate".

    And so on inwards.
    """
    flat: dict[str, Any] = {}
    for name, value in identity.items():
        inner = _flat(value) if isinstance(value, dict) else None
        flat |= {name: value} if inner is None else {f"{name} {field}": item for field, item in inner.items()}
    return flat


@functools.lru_cache(maxsize=8)
def _distributions(space: DesignSpace) -> "dict[str, optuna.distributions.BaseDistribution]":
    """Return the grids of all of a space's columns as Optuna writes them."""
    return {column: _distribution(p.values) for p in space.all_parameters for column in p.columns}


def _distribution(values: tuple[Any, ...]) -> "optuna.distributions.BaseDistribution":
    """Return a parameter's grid as Optuna writes it: evenly spaced numbers as a range, others as a list."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if any(isinstance(value, (bool, str)) for value in values):
        return CategoricalDistribution(values)
    steps = {Decimal(str(after)) - Decimal(str(before)) for before, after in itertools.pairwise(values)}
    if len(steps) != 1:
        return CategoricalDistribution(values)
    if all(isinstance(value, int) for value in values):
        return IntDistribution(values[0], values[-1], step=int(steps.pop()))
    return FloatDistribution(values[0], values[-1], step=float(steps.pop()))


def _attributes(entry: Entry) -> dict[str, Any]:
    """Return the entry as user attributes, JSON that is readable in a dashboard."""
    names = [field.name for field in dataclasses.fields(entry) if field.name not in ("result", "architecture")]
    fields = {name: getattr(entry, name) for name in names}
    if not entry.misses:
        del fields["misses"]
    result = _json_ready(dataclasses.asdict(entry.result))
    return {**fields, "architecture": entry.architecture.to_dict(), "result": result}


def _json_ready(value: Any) -> Any:
    """Return the value without numbers that JSON has not: NaN's fields are left out, infinity becomes text."""
    if isinstance(value, dict):
        return {key: _json_ready(item) for key, item in value.items() if item == item}  # NaN alone differs from itself
    if isinstance(value, (list, tuple)):
        return [_json_ready(item) for item in value]
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _numbers(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields that `_json_ready` wrote with their numbers as they were, but for NaN, which is left out."""
    floats = ("loss", "error", "test_error", "seconds")
    return {name: float(value) if name in floats else value for name, value in fields.items()}


def _entry(trial: "optuna.trial.FrozenTrial") -> Entry:
    fields = dict(trial.user_attrs)
    result = _numbers(fields.pop("result"))
    curve = tuple(CurvePoint(**{"loss": math.nan, "error": math.nan, **_numbers(p)}) for p in result.pop("curve"))
    fields["point"] = tuple(fields["point"])
    fields["misses"] = tuple(map(tuple, fields.get("misses", ())))
    architecture = Architecture.from_dict(fields.pop("architecture"))
    unnamed = ("not recorded",) * result.pop("retries", 0)  # of records from before reasons were kept
    result["lost"] = tuple(result.get("lost", unnamed))
    return Entry(architecture=architecture, result=TrialResult(**result, curve=curve), **fields)


def _row(entry: Entry) -> dict[str, Any]:
    result = entry.result
    copied = ("number", "space", "flops", "params", "activations", "epochs", "rung", "images", "seed")
    from_result = ("state", "error", "seconds", "peak_memory_bytes", "device", "retries", "reason")
    return {
        **{name: getattr(entry, name) for name in copied},
        **{name: getattr(result, name) for name in from_result},
        "retry_reasons": counted(result.lost),
        **{name: result.provenance.get(name, "") for name in ("anynas_version", "torch_version", "git_commit")},
        "key": entry.architecture.key,
        "network_key": entry.architecture.network_key,
        "architecture": json.dumps(entry.architecture.to_dict()),
        **entry.columns,
    }
