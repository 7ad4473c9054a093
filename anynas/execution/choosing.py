"""Which executor, with how many workers, on which device."""

import dataclasses
import os
from collections.abc import Callable

from anynas.errors import SettingsError, did_you_mean
from anynas.execution import Executor, Outcome
from anynas.layers import Shape
from anynas.training.devices import resolve_device
from anynas.training.worker import Workplace
from anynas.trials import Trial

EXECUTORS = ("ray", "process", "inline")


def make_executor(
    name: str,
    workplace: Workplace,
    *,
    workers: int | None,
    address: str | None = None,
    note: Callable[[str], None] = lambda message: None,
) -> Executor:
    """Return a started executor; where Ray can't start on this machine, processes take its place, and `note` is told.

    Args:
        name: One of `EXECUTORS`.
        workplace: What all trials share; its device is "cpu" or "cuda".
        workers: How many trials at once; None: one a core, or one a GPU, of this machine or of the cluster.
        address: Of an existing Ray cluster.
        note: Is told one line when something is not as asked.

    Raises:
        SettingsError: No such executor, or fewer than one worker.
        ExecutorError: It cannot start.
    """
    check_executor(name, workers)
    if name == "ray":
        from anynas.execution.on_ray import RayExecutor, RayUnavailableError

        try:
            return RayExecutor(workplace, workers=workers, address=address)
        except RayUnavailableError as error:
            note(f"{error}; going on with processes")
    if name == "inline":
        from anynas.execution.inline import InlineExecutor

        return InlineExecutor(workplace)
    from anynas.execution.process import ProcessExecutor

    return ProcessExecutor(workplace, workers=workers or default_workers(workplace.device))


class OnDemand:
    """An executor that starts when the first trial is submitted: a run with nothing left to train needs none."""

    def __init__(self, start: Callable[[], Executor]) -> None:
        self._start = start
        self._executor: Executor | None = None

    @property
    def name(self) -> str:
        """The executor's."""
        return self._started().name

    @property
    def num_workers(self) -> int:
        """The executor's."""
        return self._started().num_workers

    def submit(self, trial: Trial) -> None:
        """Hand a trial to a free worker; there must be one."""
        self._started().submit(trial)

    def next_outcome(self) -> tuple[Trial, Outcome]:
        """Wait for a trial to end, and return it with what came of it."""
        return self._started().next_outcome()

    def close(self) -> None:
        """End the workers, if there are any."""
        if self._executor is not None:
            self._executor.close()

    def _started(self) -> Executor:
        if self._executor is None:
            self._executor = self._start()
        return self._executor


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who trains a run's trials: an executor not started yet, with how many workers, where."""

    workplace: Workplace
    executor: str
    workers: int | None  # None: as many as the executor finds room for
    address: str | None  # of an existing Ray cluster

    @property
    def num_workers(self) -> int | None:
        """Trials at once; None where only the cluster knows."""
        if self.executor == "inline":
            return 1
        return self.workers or (None if self.address else default_workers(self.workplace.device))

    def on_demand(self, note: Callable[[str], None]) -> OnDemand:
        """Return the executor, which starts when the first trial is submitted."""
        return OnDemand(
            lambda: make_executor(self.executor, self.workplace, workers=self.workers, address=self.address, note=note)
        )


def make_crew(
    data: str,
    input_shape: Shape,
    num_classes: int,
    *,
    device: str,
    executor: str,
    workers: int | None,
    address: str | None,
) -> Crew:
    """Return who trains on a data set.

    Raises:
        SettingsError: No such executor, fewer than one worker, or an address for another executor than Ray.
        DeviceError: The device is not there.
    """
    check_executor(executor, workers)
    if address is not None and executor != "ray":
        raise SettingsError(f"address is for the executor ray; got executor {executor}")
    workplace = Workplace(
        data=data,
        input_shape=input_shape,
        num_classes=num_classes,
        device=device if address else resolve_device(device).type,
    )
    return Crew(workplace=workplace, executor=executor, workers=workers, address=address)


def check_executor(name: str, workers: int | None) -> None:
    """Raise SettingsError unless the executor exists and the number of workers makes sense."""
    if name not in EXECUTORS:
        raise SettingsError(f'unknown executor "{name}"{did_you_mean(name, EXECUTORS)}')
    if workers is not None and workers < 1:
        raise SettingsError(f"workers must be at least 1; got {workers}")


def default_workers(device: str) -> int:
    """Return one a core that this process may use, or one a GPU."""
    if device == "cuda":
        import torch

        return max(torch.cuda.device_count(), 1)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
