"""How far a run is and what became of its driver, from the outside: nothing is written, mended or locked.

Everything comes from files that the driver leaves: run.json says what is asked, driver.json who is at work and how much
is asked of it, the entries what is finished and when, driver.log what a detached driver said last. Entries are read as
the attributes that the record writes, without the networks, as a long run is looked at again and again.
"""

import collections
import dataclasses
import datetime
import enum
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anynas.architecture import Architecture
from anynas.folder import is_alive, lease_of, read_json
from anynas.notebook import html_of, show_text
from anynas.storage import storage_of

if TYPE_CHECKING:
    import optuna

LOG = "driver.log"  # what a detached driver prints
LAST_LINES = 5  # of it, of at most so many bytes
TAIL_BYTES = 4096
MOST_REASONS = 3  # the most frequent
TABLED = ("search", "population")  # roles of trials that are rows of the table


class Driver(enum.StrEnum):
    """What is known of a run's driver."""

    AT_WORK = "at work"
    DIED = "died"
    ABSENT = "not at work"
    ELSEWHERE = "on another machine"


_FATES = {True: Driver.AT_WORK, False: Driver.DIED, None: Driver.ELSEWHERE}  # by whether it is alive


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a run asks; of a study what its populations have, each thing once."""

    study: str  # "search", or the study's name
    spaces: tuple[str, ...]
    regimes: tuple[str, ...]
    data: str
    samplers: tuple[str, ...]
    seed: int
    fidelities: tuple[dict[str, Any], ...]
    rungs: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The trial with the least validation error so far."""

    population: str
    number: int
    key: str
    error: float  # percent
    flops: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many trials of a population, or of a search, there are so far."""

    name: str
    finished: int
    asked: int | None  # in all; None: as many as time allows, or not known
    pruned: int  # of the finished: paused on a rung, or left there
    failed: int
    diverged: int
    retried: int
    best: Best | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How far a run is at a moment."""

    run: str  # the folder
    at: str  # the moment, ISO 8601, as all times here
    question: Question
    is_finished: bool
    driver: Driver
    host: str | None  # of the driver, or of the last one
    pid: int | None
    since: str | None
    workers: int | None
    populations: tuple[Count, ...]  # of a search one
    finished: int
    asked: int | None
    final_trainings: int  # finished; of a search: the best again with other seeds, then the winner's test error
    reasons: dict[str, int]  # why trials failed, the most frequent
    last_finished: str | None
    seconds_since: float | None  # the last finished trial
    seconds_left: float | None  # None: nobody is at work, or nothing to judge by
    result: dict[str, Any] | None  # of a finished search
    log: tuple[str, ...]  # last lines of a detached driver that is at work no more, before it was done

    def _repr_html_(self) -> str:
        return html_of(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        show_text(self, printer)

    @property
    def may_go_on(self) -> bool:
        """Whether a driver is at work, or may be."""
        return self.driver in (Driver.AT_WORK, Driver.ELSEWHERE)

    @property
    def best(self) -> Best | None:
        """Of all populations."""
        found = [count.best for count in self.populations if count.best is not None]
        return min(found, key=lambda best: best.error, default=None)

    def total(self, what: str) -> int:
        """Return the sum of a count over all populations: "pruned", "failed", "diverged", "retried"."""
        return sum(getattr(count, what) for count in self.populations)

    def to_dict(self) -> dict[str, Any]:
        """Return everything JSON-ready, but for numbers that are not finite."""
        best = None if self.best is None else dataclasses.asdict(self.best)
        return {**dataclasses.asdict(self), "driver": self.driver.value, "best": best}


def status_of(folder: Path) -> Status:
    """Return how far the run in a folder is.

    Raises:
        RunError: Its record cannot be read.
    """
    identity = read_json(folder / "run.json")["identity"]
    is_search = "populations" not in identity
    trials = _latest(storage_of(folder).read())
    lease = lease_of(folder)
    last = lease or lease_of(folder, last=True) or {}
    driver = Driver.ABSENT if lease is None else _FATES[is_alive(lease)]
    may_go_on = driver in (Driver.AT_WORK, Driver.ELSEWHERE)
    now = datetime.datetime.now(datetime.UTC)
    tabled = [trial for trial in trials if trial.role in TABLED]
    result = read_json(folder / "result.json") if (folder / "result.json").exists() else None
    if result is not None and (may_go_on or result["trials"] != len(tabled)):  # of the search before it was extended
        result = None
    asked = last.get("trials") or _asked_before(folder, identity, result)
    names = [identity["space"]["name"]] if is_search else list(identity["populations"])
    counts = tuple(_count(name, asked.get(name), [trial for trial in tabled if trial.space == name]) for name in names)
    in_all = sum(count.asked for count in counts if count.asked is not None) if asked else None
    is_finished = in_all == len(tabled) and not may_go_on and (result is not None or not is_search)
    reasons = collections.Counter(trial.reason for trial in tabled if trial.state == "failed")
    latest = max((trial.at for trial in trials), default=None)
    return Status(
        run=str(folder),
        at=now.isoformat(timespec="seconds"),
        question=_question(identity),
        is_finished=is_finished,
        driver=driver,
        host=last.get("host"),
        pid=last.get("pid"),
        since=last.get("started"),
        workers=last.get("workers"),
        populations=counts,
        finished=len(tabled),
        asked=in_all,
        final_trainings=len(trials) - len(tabled),
        reasons=dict(reasons.most_common(MOST_REASONS)),
        last_finished=None if latest is None else latest.isoformat(timespec="seconds"),
        seconds_since=None if latest is None else (now - latest).total_seconds(),
        seconds_left=_seconds_left(last, trials, identity, now) if may_go_on else None,
        result=result if is_finished else None,
        log=() if is_finished or may_go_on else _tail(folder / LOG),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """Of an entry what is counted here."""

    role: str
    space: str
    number: int
    seed: int
    epochs: int
    state: str
    error: float
    seconds: float
    reason: str
    retries: int
    at: datetime.datetime  # when it was recorded
    attributes: Mapping[str, Any]  # all of the entry


def _latest(recorded: "Iterable[optuna.trial.FrozenTrial]") -> list[_Trial]:
    """Return the trials as they are now: one that finished several rungs has an entry for each."""
    trials = (_trial(each) for each in recorded)
    return list({(trial.role, trial.space, trial.number, trial.seed): trial for trial in trials}.values())


def _trial(recorded: "optuna.trial.FrozenTrial") -> _Trial:
    fields, result = recorded.user_attrs, recorded.user_attrs["result"]
    assert recorded.datetime_complete is not None  # only finished trials are recorded
    return _Trial(
        **{name: fields[name] for name in ("role", "space", "number", "seed", "epochs")},
        **{name: result[name] for name in ("state", "reason")},
        retries=len(result.get("lost", ())),
        error=float(result.get("error", math.nan)),  # a NaN is left out there
        seconds=float(result.get("seconds", math.nan)),
        at=recorded.datetime_complete.astimezone(datetime.UTC),  # as Optuna writes it, in this machine's time zone
        attributes=fields,
    )


def _count(name: str, asked: int | None, own: list[_Trial]) -> Count:
    """Return what is told of a population's trials; fewer may be asked than an earlier driver has finished."""
    complete = [trial for trial in own if trial.state == "complete"]
    best = min(complete, key=lambda trial: (trial.error, trial.number), default=None)
    return Count(
        name=name,
        finished=len(own),
        asked=None if asked is None else max(asked, len(own)),
        pruned=sum(trial.state == "pruned" for trial in own),
        failed=sum(trial.state == "failed" for trial in own),
        diverged=sum(trial.reason == "diverged" for trial in complete),
        retried=sum(trial.retries > 0 for trial in own),
        best=None if best is None else _best(best),
    )


def _best(trial: _Trial) -> Best:
    return Best(
        population=trial.space,
        number=trial.number,
        key=Architecture.from_dict(trial.attributes["architecture"]).key,
        error=trial.error,
        flops=trial.attributes["flops"],
    )


def _asked_before(folder: Path, identity: Mapping[str, Any], result: Mapping[str, Any] | None) -> dict[str, int]:
    """Return how many trials were asked where no driver.json tells: by what a finished search or a study left."""
    if "populations" not in identity:
        return {} if result is None else {identity["space"]["name"]: result["trials"]}
    if not (folder / "claims.json").exists():
        return {}
    last = read_json(folder / "claims.json")["last"]
    return {name: models * last.get("repeats", {}).get(name, 1) for name, models in last["models"].items()}


def _question(identity: Mapping[str, Any]) -> Question:
    parts = list(identity.get("populations", {"": identity}).values())

    def each(field: str) -> tuple[Any, ...]:
        found: list[Any] = []
        for part in parts:
            if part[field] not in found:
                found.append(part[field])
        return tuple(found)

    return Question(
        study=identity["study"],
        spaces=tuple(space["name"] for space in each("space")),
        regimes=each("regime"),
        data=identity["data"],
        samplers=each("sampler"),
        seed=identity["seed"],
        fidelities=each("fidelity"),
        rungs=identity.get("rungs", 1),
    )


def _seconds_left(
    lease: Mapping[str, Any], trials: list[_Trial], identity: Mapping[str, Any], now: datetime.datetime
) -> float | None:
    """Return about how long the driver still takes: what it lacks at its trials' own pace, or until its time is up."""
    started = datetime.datetime.fromisoformat(lease["started"])
    ends = []
    if lease.get("minutes"):
        ends.append(60 * lease["minutes"] - (now - started).total_seconds())
    if lease.get("trials") and lease.get("workers"):
        work = _work_left(lease.get("trainings") or lease["trials"], trials, identity, started)
        if work is not None:
            ends.append(work / lease["workers"])
    return max(min(ends), 0.0) if ends else None


def _work_left(
    trainings: Mapping[str, float], trials: list[_Trial], identity: Mapping[str, Any], started: datetime.datetime
) -> float | None:
    """Return the seconds of training that are missing, or None if nothing is known of any.

    A population goes at its own pace, and before its first trial has ended, at that of all. What this driver has
    trained counts, if there is any: the one before it may have had another machine.
    """
    timed = [trial for trial in trials if math.isfinite(trial.seconds)]
    timed = [trial for trial in timed if trial.at >= started] or timed
    if not timed:
        return None
    left = 0.0
    for name, asked in trainings.items():
        missing = asked - sum(_share(trial, identity) for trial in trials if trial.space == name)
        own = [trial for trial in timed if trial.space == name] or timed
        pace = sum(trial.seconds for trial in own) / sum(_share(trial, identity) for trial in own)
        left += max(missing, 0.0) * pace
    return left


def _share(trial: _Trial, identity: Mapping[str, Any]) -> float:
    """Return which part of a full training a trial was: on rungs it may have paused."""
    return trial.epochs / identity["fidelity"]["epochs"] if "rungs" in identity and trial.role == "search" else 1.0


def _tail(log: Path) -> tuple[str, ...]:
    """Return the last lines of a log, or none if there is none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - TAIL_BYTES, 0))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(line.rstrip() for line in text.splitlines() if line.strip())[-LAST_LINES:]
