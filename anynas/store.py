"""The record: one entry per finished trial in an Optuna storage, in the run's folder; and Run, which reads it.

    runs/AnyNetD-1f0c2a9b/
      run.json       what identifies the run: space, regime, data, recipe, fidelity, seed, sampler, bounds
      journal.log    the entries, an Optuna journal that optuna-dashboard and the rest of that ecosystem can read
      driver.json    host and process of the driver at work, if there is one
      driver.lock    held by it
      result.json    what a finished search found; beside it table.csv and pictures

An entry is written once, when its trial is finished. Running trials are the driver's own affair, so a crash leaves
none behind.
"""

import contextlib
import dataclasses
import datetime
import itertools
import json
import math
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anynas.architecture import Architecture
from anynas.designspace import DesignSpace
from anynas.errors import RunError
from anynas.trials import CurvePoint, TrialResult

if TYPE_CHECKING:
    import optuna
    import pandas as pd

SCHEMA = 1
STUDY = "trials"
LIST_COLUMNS = [  # a table's, before one column a parameter
    *("study", "space", "number", "key", "network_key", "state", "error", "flops", "params", "activations"),
    *("epochs", "images", "seconds", "peak_memory_bytes", "seed", "device", "retries", "reason"),
    *("regime", "recipe", "architecture", "anynas_version", "torch_version", "git_commit"),
]
ROLES = {  # why a trial was run
    "search": "proposed by the sampler: a row of the table",
    "confirmation": "one of the best, again with another seed",
    "test": "the winner, again with another seed and with its test error",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One finished trial with all that the table needs."""

    number: int  # within its role
    role: str
    space: str
    architecture: Architecture
    result: TrialResult
    seed: int
    flops: int
    params: int
    activations: int
    epochs: int
    images: int
    columns: dict[str, Any]  # nominal parameters by column: width_1, depth_3, ...
    point: tuple[float, ...]  # of the unit cube, from which the architecture was decoded


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """A run's folder, to be read while it grows or afterwards."""

    path: Path

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def identity(self) -> dict[str, Any]:
        """What the run asks; it never changes."""
        identity: dict[str, Any] = _read_json(self.path / "run.json")["identity"]
        return identity

    def entries(self, role: str | None = None) -> list[Entry]:
        """Return the finished trials of a role, or of all roles, in the order of their numbers."""
        entries = [_entry(trial) for trial in _study(self.path).get_trials(deepcopy=False)]
        return sorted(
            (e for e in entries if role in (None, e.role)),
            key=lambda e: (list(ROLES).index(e.role), e.number),
        )

    def table(self) -> "pd.DataFrame":
        """Return one row a trial that the sampler proposed, by number: fixed columns first, then one a parameter."""
        return self._frame(self.entries("search"))

    def confirmations(self) -> "pd.DataFrame":
        """Return the trainings of the best with other seeds: the table's columns, role, and the winner's test error."""
        entries = [entry for entry in self.entries() if entry.role != "search"]
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

    def front(self) -> "pd.DataFrame":
        """Return the rows that no other beats in both error and flops, by flops."""
        by_flops = self._complete().sort_values(["flops", "error", "number"])
        least_before = by_flops["error"].cummin().shift(fill_value=math.inf)
        return by_flops[by_flops["error"] < least_before]

    def failures(self) -> "pd.DataFrame":
        """Return the rows of trials that failed, with their reasons."""
        table = self.table()
        return table[table["state"] == "failed"]

    def curves(self) -> "pd.DataFrame":
        """Return number, epoch, loss and error (validation, percent): one row a trial and epoch."""
        import pandas as pd

        rows = [
            {"number": entry.number, **dataclasses.asdict(point)}
            for entry in self.entries("search")
            for point in entry.result.curve
        ]
        return pd.DataFrame(rows, columns=["number", "epoch", "loss", "error"])

    def result(self) -> dict[str, Any]:
        """Return what the search found: its winner, confirmed with further seeds.

        Raises:
            RunError: The search has not ended yet.
        """
        path = self.path / "result.json"
        if not path.exists():
            raise RunError(f"{self.path}: its search must have ended; it has not; run the same command again to go on")
        return _read_json(path)

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
        shared = {
            "study": identity["study"],
            "regime": identity["regime"],
            "recipe": json.dumps(identity["recipe"], sort_keys=True),
        }
        parameters: dict[str, None] = {}  # an ordered set
        rows = []
        for entry in entries:
            rows.append({**shared, **_row(entry)})
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
    schema = _read_json(folder / "run.json").get("schema")
    if schema != SCHEMA:
        raise RunError(f"{folder}: its schema must be {SCHEMA}; got {schema!r}")
    return Run(folder.absolute())


class Recorder:
    """The one writer of a run's record; open it with `recording`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._study = _study(run.path)

    def add(self, entry: Entry, space: DesignSpace) -> None:
        """Write a finished trial of a space: one atomic append, on disk when this returns."""
        import optuna

        complete = entry.result.state == "complete"
        trial = optuna.trial.create_trial(
            state=optuna.trial.TrialState.COMPLETE if complete else optuna.trial.TrialState.FAIL,
            value=entry.result.error if complete else None,
            params=entry.columns,
            distributions={column: _distribution(p.values) for p in space.parameters for column in p.columns},
            user_attrs=_attributes(entry),
        )
        self._study.add_trial(trial)


@contextlib.contextmanager
def recording(path: Path, identity: Mapping[str, Any], *, takeover: bool = False) -> Iterator[Recorder]:
    """Open a run's folder for its one driver, making it if there is none.

    Args:
        path: The folder.
        identity: What the run asks, JSON-ready; an existing run's must be equal.
        takeover: Whether to take a run over from a driver on another machine that is known to be dead.

    Raises:
        RunError: The folder belongs to another question, another driver is at work on it, or its record is damaged.
    """
    import filelock

    path = path.absolute()
    _check_identity(path, identity)
    path.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path / "driver.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise RunError(
            f"{path}: must have one driver at a time; {_owner(path)} is at work on it; wait for it, or stop it"
        ) from None
    try:
        _check_lease(path, takeover)
        _write_json(path / "driver.json", {"host": socket.gethostname(), "pid": os.getpid(), "started": _now()})
        if not (path / "run.json").exists():
            _write_json(path / "run.json", {"schema": SCHEMA, "created": _now(), "identity": dict(identity)})
        _mend(path / "journal.log")
        yield Recorder(Run(path))
    finally:
        with contextlib.suppress(FileNotFoundError):
            (path / "driver.json").unlink()
        lock.release()


def write_result(run: Run, result: Mapping[str, Any]) -> None:
    """Write what a finished search found."""
    _write_json(run.path / "result.json", dict(result))


def _check_identity(path: Path, identity: Mapping[str, Any]) -> None:
    """Raise RunError if the folder is a run that asks something else, or is no run but holds files."""
    if (path / "run.json").exists():
        existing = load_run(path).identity
        for name in {**existing, **identity}:
            if existing.get(name) != identity.get(name):
                raise RunError(
                    f"{path}: a run's {name} must not change; it has {_shown(existing.get(name))}, got "
                    f"{_shown(identity.get(name))}; choose another --run"
                )
    elif path.is_file() or (
        path.is_dir() and any(p.name not in ("driver.lock", "driver.json") for p in path.iterdir())
    ):
        raise RunError(f"{path}: must be a run's folder or a new one; it holds other things; choose another --run")


def _shown(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, str) else value or "none"


def _check_lease(path: Path, takeover: bool) -> None:
    """Raise RunError if a driver on another machine has the run.

    The lock does not reach that far on every file system.
    """
    lease = path / "driver.json"
    if not lease.exists() or takeover:
        return
    try:
        host = _read_json(lease).get("host")
    except RunError:  # half a file: its writer died here, under the lock that we now hold
        return
    if host != socket.gethostname():
        raise RunError(
            f"{path}: must have one driver at a time; {_owner(path)} had it last; pass --takeover if that one is dead"
        )


def _owner(path: Path) -> str:
    try:
        owner = _read_json(path / "driver.json")
        return f"process {owner['pid']} on {owner['host']}, since {owner['started']}"
    except (RunError, KeyError):
        return "another process"


def _mend(journal: Path) -> None:
    """Keep a last line that a crash tore aside, and remove a lock that a dead writer left; we hold the driver's lock.

    Optuna would load such a journal, fail at the next write, and after one more never load it again; its own lock
    would be waited for.
    """
    for lock in journal.parent.glob(f"{journal.name}.lock*"):
        lock.unlink()
    if not journal.exists():
        return
    content = journal.read_bytes()
    whole = content.rfind(b"\n") + 1
    torn = content[whole:]
    if torn:
        aside = journal.with_name(f"{journal.name}.torn-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S%f}")
        aside.write_bytes(torn)
        with journal.open("r+b") as file:
            file.truncate(whole)
            file.flush()
            os.fsync(file.fileno())
    for number, line in enumerate(content[:whole].splitlines(), start=1):
        try:
            json.loads(line)
        except ValueError:
            raise RunError(
                f"{journal}: each line must be JSON; line {number} is damaged; restore the file from a copy"
            ) from None


def _study(path: Path) -> "optuna.Study":
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    backend = JournalFileBackend(str(path.absolute() / "journal.log"))
    storage = optuna.storages.JournalStorage(backend)
    return optuna.create_study(storage=storage, study_name=STUDY, direction="minimize", load_if_exists=True)


def _distribution(values: tuple[Any, ...]) -> "optuna.distributions.BaseDistribution":
    """Return a parameter's grid as Optuna writes it: evenly spaced whole numbers as a range, others as a list."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    steps = {after - before for before, after in itertools.pairwise(values)}
    if len(steps) == 1:
        return IntDistribution(values[0], values[-1], step=steps.pop())
    return CategoricalDistribution(values)


def _attributes(entry: Entry) -> dict[str, Any]:
    """Return the entry as user attributes, JSON that is readable in a dashboard."""
    names = [field.name for field in dataclasses.fields(entry) if field.name not in ("result", "architecture")]
    fields = {name: getattr(entry, name) for name in names}
    result = _json_ready(dataclasses.asdict(entry.result))
    return {**fields, "architecture": entry.architecture.to_dict(), "result": result}


def _json_ready(value: Any) -> Any:
    """Return the value without numbers that JSON has not: NaN and infinity; their fields are left out."""
    if isinstance(value, dict):
        finite = {key: item for key, item in value.items() if not isinstance(item, float) or math.isfinite(item)}
        return {key: _json_ready(item) for key, item in finite.items()}
    return [_json_ready(item) for item in value] if isinstance(value, (list, tuple)) else value


def _entry(trial: "optuna.trial.FrozenTrial") -> Entry:
    fields = dict(trial.user_attrs)
    result = dict(fields.pop("result"))
    curve = tuple(CurvePoint(**{"loss": math.nan, "error": math.nan, **point}) for point in result.pop("curve", ()))
    fields["point"] = tuple(fields["point"])
    architecture = Architecture.from_dict(fields.pop("architecture"))
    return Entry(architecture=architecture, result=TrialResult(**result, curve=curve), **fields)


def _row(entry: Entry) -> dict[str, Any]:
    result = entry.result
    copied = ("number", "space", "flops", "params", "activations", "epochs", "images", "seed")
    from_result = ("state", "error", "seconds", "peak_memory_bytes", "device", "retries", "reason")
    return {
        **{name: getattr(entry, name) for name in copied},
        **{name: getattr(result, name) for name in from_result},
        **{name: result.provenance.get(name, "") for name in ("anynas_version", "torch_version", "git_commit")},
        "key": entry.architecture.key,
        "network_key": entry.architecture.network_key,
        "architecture": json.dumps(entry.architecture.to_dict()),
        **entry.columns,
    }


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: must be readable; {error.strerror or error}") from None
    except ValueError:
        raise RunError(f"{path}: must be JSON; it is damaged; restore it from a copy") from None
    if not isinstance(content, dict):
        raise RunError(f"{path}: must be a JSON object; got {type(content).__name__}")
    return content


def _write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file that is either whole or not there."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}", delete=False, encoding="utf-8"
    ) as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
