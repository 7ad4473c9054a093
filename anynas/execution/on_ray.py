"""Trials on Ray actors: one machine, or a cluster; the one module that imports ray."""

import contextlib
import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from anynas.errors import ExecutorError
from anynas.execution import Outcome, WorkerLost
from anynas.training.worker import Worker, Workplace, provenance
from anynas.trials import Trial, TrialResult

START_SECONDS = 120.0  # for the first actors to load torch and say which versions they have
MUST_AGREE = ("anynas_version", "torch_version")
QUIET = {  # for an instance of our own: nothing is reported, and nothing written outside its temporary folder
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class RayUnavailableError(ExecutorError):
    """Ray cannot start on this machine; processes can do the work."""


class RayExecutor:
    """Persistent actors, each with its own data; an actor that dies is replaced.

    Raises:
        RayUnavailableError: No instance could be started here.
        ExecutorError: The cluster at `address` cannot be reached, is too small, or runs other versions.
    """

    name = "ray"

    def __init__(self, workplace: Workplace, *, workers: int | None, address: str | None = None) -> None:
        self._workplace = workplace
        self._ray = _connect(address, workers, workplace)
        available = int(self._ray.cluster_resources().get("GPU" if workplace.device == "cuda" else "CPU", 0))
        self.num_workers = workers if workers is not None else available
        if not 1 <= self.num_workers <= available:
            self.close()
            unit = "GPU" if workplace.device == "cuda" else "CPU"
            raise ExecutorError(f"workers must be 1 to the Ray cluster's {unit}s ({available}); got {self.num_workers}")
        self._idle = deque(self._actor() for _ in range(self.num_workers))
        self._busy: dict[Any, tuple[Any, Trial]] = {}  # result's reference -> actor, trial
        self._check_versions()

    def submit(self, trial: Trial) -> None:
        """Send the trial to an idle actor."""
        actor = self._idle.popleft()
        self._busy[actor.run.remote(trial)] = (actor, trial)

    def next_outcome(self) -> tuple[Trial, Outcome]:
        """Wait for an actor to answer or to die; one that died is replaced."""
        (reference,), _ = self._ray.wait(list(self._busy), num_returns=1)
        actor, trial = self._busy.pop(reference)
        try:
            outcome: Outcome = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:  # not from training, which catches its own
            outcome = TrialResult.failed(f"{type(error.cause).__name__}: {error.cause}")
        except self._ray.exceptions.RayError as error:
            outcome, actor = WorkerLost(f"worker lost ({type(error).__name__})"), self._actor()
        self._idle.append(actor)
        return trial, outcome

    def close(self) -> None:
        """Leave the cluster, or end the instance that was started here; actors and what they run end with it."""
        self._ray.shutdown()

    def _actor(self) -> Any:
        gpus = 1 if self._workplace.device == "cuda" else 0
        return self._ray.remote(num_cpus=1, num_gpus=gpus)(Worker).remote(self._workplace)

    def _check_versions(self) -> None:
        ours = provenance()
        try:
            answers = self._ray.get([actor.versions.remote() for actor in self._idle], timeout=START_SECONDS)
        except self._ray.exceptions.RayError as error:
            self.close()
            cause = getattr(error, "cause", None) or error
            raise ExecutorError(
                f"Ray's workers must start within {START_SECONDS:.0f} s; {type(cause).__name__}: {_first_line(cause)}"
            ) from None
        for theirs in answers:
            for name in MUST_AGREE:
                if theirs[name] != ours[name]:
                    self.close()
                    raise ExecutorError(
                        f"{name} must agree between the driver ({ours[name]}) and all workers; "
                        f"{theirs['host']} has {theirs[name]}"
                    )


def _connect(address: str | None, workers: int | None, workplace: Workplace) -> Any:
    """Return the ray module, connected to a cluster, or to an instance that is started here for this run alone."""
    address = address or os.environ.get("RAY_ADDRESS") or None
    own: dict[str, Any] = {}
    if address is None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        own = {"num_cpus": workers, "include_dashboard": False}
    try:
        import ray

        with _own_signal_handlers():
            ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:
        if address is None:
            raise RayUnavailableError(f"Ray did not start ({type(error).__name__}: {_first_line(error)})") from None
        raise ExecutorError(
            f"address must be that of a Ray cluster that can be reached; got {address} ({_first_line(error)})"
        ) from None
    return ray


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


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__
