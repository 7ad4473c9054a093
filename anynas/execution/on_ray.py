"""Trials on Ray actors: one machine, or a cluster whose nodes come and go; the one module that imports ray.

Actors are persistent, and each has the data from its node's object store, one copy a node. One that dies, with its
process or with its node, is replaced where there is room; what ran on it comes back as lost. Where the cluster grows,
so does the number of workers.
"""

import contextlib
import dataclasses
import logging
import math
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anynas
from anynas.data import DataSet
from anynas.errors import ExecutorError
from anynas.execution import Outcome
from anynas.execution.nodes import Nodes
from anynas.execution.roster import Roster, past_deadline
from anynas.training.worker import Worker, Workplace, provenance
from anynas.trials import Lost, Paused, Trial, TrialResult

START_SECONDS = 120.0  # for the actors of an instance of our own to load torch and say which versions they have
WAIT_SECONDS = 30.0  # for the first actor of a cluster, before the user is told that there is no room for one
LOOK_SECONDS = 2.0  # between two looks at which nodes there are
START_FAILURES = 3  # in a row; then no more actors are started
MUST_AGREE = ("anynas_version", "torch_version")
QUIET = {  # for an instance of our own: nothing is reported, and nothing written outside its temporary folder
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class RayUnavailableError(ExecutorError):
    """Ray cannot start on this machine; processes can do the work."""


class RayExecutor:
    """Persistent actors, as many as are asked for or as the cluster has room for.

    Args:
        workplace: What all trials share; its device may be "auto": the GPUs of a cluster that has some.
        workers: How many actors; None: as many as there is room for, at any time.
        address: Of an existing cluster; None: RAY_ADDRESS, or an instance of our own that ends with this executor.
        data: Those of the workplace; None: every actor loads them by itself.
        deadline_seconds: How long a trial may take before its actor is ended.
        note: Is told one line when something is not as asked.

    Raises:
        RayUnavailableError: No instance could be started here.
        ExecutorError: The cluster at `address` cannot be reached, this machine is too small, or no worker starts, or
            they run other versions.
    """

    name = "ray"

    def __init__(
        self,
        workplace: Workplace,
        *,
        workers: int | None,
        address: str | None = None,
        data: DataSet | None = None,
        deadline_seconds: float = math.inf,
        note: Callable[[str], None] = lambda message: None,
    ) -> None:
        address = address or os.environ.get("RAY_ADDRESS") or None
        self._ray = _connect(address, workers)
        self._is_ours = address is None
        self._workers, self._note, self._deadline_seconds = workers, note, deadline_seconds
        self._roster: Roster[Any] = Roster(deadline_seconds)
        self._starting: dict[Any, Any] = {}  # reference to its first words -> actor
        self._answers: dict[Any, Any] = {}  # reference to a trial's outcome -> actor
        self._homes: dict[Any, str] = {}  # actor -> node
        self._failures, self._trouble = 0, ""  # of actors to start, in a row; and how the last one failed
        try:
            self._nodes, self._looked = Nodes(self._ray.nodes()), time.monotonic()
            if workplace.device == "auto":
                workplace = dataclasses.replace(workplace, device="cuda" if self._nodes.have_gpus else "cpu")
            self._workplace = workplace
            self._check_room()
            self._data = None if data is None else self._ray.put(data.to_arrays())
            self._recruit()
            self._wait_for_workers()
        except BaseException:
            self.close()
            raise

    @property
    def num_workers(self) -> int:
        """Actors that are there now."""
        return len(self._roster)

    def submit(self, trial: Trial, *, alone: bool = False) -> None:
        """Send the trial to an idle actor, now or when there is one."""
        self._roster.add(trial, alone=alone)
        self._start()

    def next_outcome(self) -> tuple[Trial, Outcome] | None:
        """Wait for an actor to answer, to die or to be past its deadline; None if another actor has joined."""
        while True:
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                self._look()
            reference = self._first_of([*self._answers, *self._starting])
            if reference in self._starting:
                if self._welcome(reference):
                    self._start()
                    return None
                self._check_hope()
            elif reference is not None:
                return self._take(reference)
            for actor in self._roster.overdue():
                reference = next(r for r, busy in self._answers.items() if busy is actor)
                del self._answers[reference]
                return self._lose(actor, past_deadline(self._deadline_seconds))

    def close(self) -> None:
        """Leave the cluster, or end the instance that was started here; actors and what they run end with it."""
        self._ray.shutdown()

    # Trials

    def _start(self) -> None:
        while (start := self._roster.next_start()) is not None:
            actor, trial, alone = start
            self._answers[actor.run.remote(trial, alone=alone)] = actor
            self._roster.begin(actor)

    def _first_of(self, references: list[Any]) -> Any:
        """Wait for one of the references, for a deadline, or until it is time to look at the nodes again."""
        seconds = min(LOOK_SECONDS, self._roster.seconds_to_deadline())
        if not references:
            time.sleep(seconds)
            return None
        ready, _ = self._ray.wait(references, num_returns=1, timeout=seconds)
        return ready[0] if ready else None

    def _take(self, reference: Any) -> tuple[Trial, Outcome]:
        actor = self._answers.pop(reference)
        try:
            outcome: Outcome = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:  # not from training, which catches its own
            outcome = TrialResult.failed(f"{type(error.cause).__name__}: {error.cause}")
        except self._ray.exceptions.OutOfMemoryError:
            return self._lose(actor, Lost("worker ended by Ray, as its node ran out of memory", alone=True))
        except self._ray.exceptions.RayError as error:
            return self._lose(actor, Lost(f"worker lost ({type(error).__name__})"))
        trial = self._roster.end(actor)
        self._start()
        return trial, self._signed(outcome)

    def _lose(self, actor: Any, lost: Lost) -> tuple[Trial, Outcome]:
        """End an actor, if it has not ended, and have another one started; return its trial and what became of it."""
        trial = self._dismiss(actor)
        assert trial is not None
        self._recruit()
        self._start()
        return trial, lost

    def _signed(self, outcome: Outcome) -> Outcome:
        """Return the outcome with the commit of the code that was sent to the node: it is not known there."""
        if isinstance(outcome, Lost) or self._is_ours:
            return outcome
        result = outcome.result if isinstance(outcome, Paused) else outcome
        result = dataclasses.replace(result, provenance={**result.provenance, "git_commit": provenance()["git_commit"]})
        return dataclasses.replace(outcome, result=result) if isinstance(outcome, Paused) else result

    # Actors

    def _recruit(self) -> None:
        """Start as many actors as are missing, or give up those that have found no room and are too many."""
        wanted = self._nodes.room(self._workplace) if self._workers is None else self._workers
        missing = wanted - len(self._roster) - len(self._starting)
        for _ in range(missing if self._failures < START_FAILURES else 0):
            actor = self._actor()
            self._starting[actor.introduce.remote()] = actor
        for reference in list(self._starting)[max(len(self._starting) + missing, 0) :]:
            self._dismiss(self._starting.pop(reference))

    def _actor(self) -> Any:
        place = self._workplace
        needs: dict[str, Any] = {"num_cpus": 1, "num_gpus": place.gpu_share if place.device == "cuda" else 0}
        if place.device == "cpu" and math.isfinite(place.memory_bytes):
            needs["memory"] = int(place.memory_bytes)
        return self._ray.remote(**needs)(_Actor).remote(place, self._data)

    def _wait_for_workers(self) -> None:
        """Wait for all actors of an instance of our own, or for the first one of a cluster, however long it takes."""
        begun, told = time.monotonic(), False
        while self._starting if self._is_ours else not self._roster:
            reference = self._first_of(list(self._starting))
            waited = time.monotonic() - begun
            if reference is not None and not self._welcome(reference):
                self._check_hope()
            elif waited > START_SECONDS and self._is_ours:
                raise ExecutorError(f"Ray's workers must start within {START_SECONDS:.0f} s; they did not")
            elif waited > WAIT_SECONDS and not told:
                told = True
                self._note(f"the Ray cluster has {self._nodes}, but no room for a worker yet; waiting for it")
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                self._look()

    def _welcome(self, reference: Any) -> bool:
        """Let an actor that has spoken join; return whether it could."""
        actor = self._starting.pop(reference)
        try:
            about = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._trouble = f"Ray's workers must start; one did not ({_cause(error)})"
        else:
            self._trouble = _disagreement(about)
        if self._trouble:
            self._failures += 1
            self._dismiss(actor)
            return False
        self._failures = 0
        self._homes[actor] = about["node"]
        self._roster.join(actor, about["device"])
        return True

    def _check_hope(self) -> None:
        """Raise ExecutorError if there is no worker, and there will be none."""
        is_over = self._failures >= (1 if self._is_ours else START_FAILURES)
        if is_over and not self._roster and not self._starting:
            raise ExecutorError(self._trouble)
        if self._failures == START_FAILURES:
            self._note(f"no more workers are started: {self._trouble}")
        elif not self._starting:
            self._recruit()

    def _dismiss(self, actor: Any) -> Trial | None:
        """End an actor, if it has not ended, and forget it."""
        self._homes.pop(actor, None)
        with contextlib.suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(actor)
        return self._roster.leave(actor)

    def _look(self) -> None:
        """See which nodes there are now; idle actors of one that has gone go with it."""
        self._looked = time.monotonic()
        for change in self._nodes.update(self._ray.nodes()):
            self._note(change)
        for actor in self._roster.idle:
            if self._homes[actor] not in self._nodes:
                self._dismiss(actor)
        self._recruit()

    def _check_room(self) -> None:
        """Raise ExecutorError if there can't be as many workers as are asked for; a cluster may grow."""
        room = self._nodes.room(self._workplace)
        if room < 1 if self._workers is None else self._is_ours and self._workers > room:
            unit = "GPU" if self._workplace.device == "cuda" else "CPU"
            asked = room if self._workers is None else self._workers
            raise ExecutorError(f"workers must be 1 to what the cluster's {unit}s have room for ({room}); got {asked}")


class _Actor(Worker):
    """A worker in a process of Ray's, with the data that its node has."""

    def __init__(self, workplace: Workplace, arrays: "Mapping[str, Any] | None") -> None:
        data = None if arrays is None else DataSet.from_arrays(workplace.data, workplace.num_classes, arrays)
        super().__init__(workplace, data)

    def introduce(self) -> dict[str, str]:
        """Get ready; return the versions, and where this is."""
        import ray

        self.get_ready()

        context = ray.get_runtime_context()
        node, gpus = context.get_node_id(), context.get_accelerator_ids().get("GPU", [])
        return {**self.versions(), "node": node, "device": ":".join([node, *gpus])}


def _disagreement(theirs: Mapping[str, str]) -> str:
    """Return how a worker's versions differ from the driver's, or nothing."""
    ours = provenance()
    for name in MUST_AGREE:
        if theirs[name] != ours[name]:
            return (
                f"{name} must agree between the driver ({ours[name]}) and all workers; "
                f"{theirs['host']} has {theirs[name]}"
            )
    return ""


def _connect(address: str | None, workers: int | None) -> Any:
    """Return the ray module, connected to a cluster, or to an instance that is started here for this run alone.

    A cluster's nodes get this very package with the job, so that they run the driver's code; libraries are theirs.
    """
    options: dict[str, Any] = {"runtime_env": {"py_modules": [str(Path(anynas.__file__).parent)]}}
    if address is None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        options = {"num_cpus": workers, "include_dashboard": False}
    logging.getLogger("ray.widgets").setLevel(logging.ERROR)  # in a notebook Ray's import asks for widgets
    try:
        import ray

        with _own_signal_handlers():
            ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **options)
        _silence(ray)
    except Exception as error:
        if address is None:
            raise RayUnavailableError(f"Ray did not start ({type(error).__name__}: {_first_line(error)})") from None
        raise ExecutorError(
            f"address must be that of a Ray cluster that can be reached; got {address} ({_first_line(error)})"
        ) from None
    return ray


def _silence(ray: Any) -> None:
    """Keep Ray from printing long reports on nodes that die in the midst of ours: what there is to know is noted."""
    with contextlib.suppress(AttributeError):
        module = ray._private.worker
        assert callable(module.print_to_stdstream)
        module.print_to_stdstream = lambda *args, **kwargs: None


@contextlib.contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Put the handlers back that Ray replaces: its own end the process with a dump of the stack."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in kept.items():
                signal.signal(number, handler)


def _cause(error: Exception) -> str:
    """Return why an actor did not start: in the words of what it raised itself, if it did."""
    *_, last = str(error).strip().splitlines() or [""]
    raised = re.fullmatch(r"(?:\w+\.)*(\w+(?:Error|Exception|Interrupt|Exit): .*)", last)
    return raised[1] if raised else f"{type(error).__name__}: {_first_line(error)}"


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__
