"""Who trains a run's trials: which executor, with how many workers, on which device, and what each trial may take."""

import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from anynas.data import DataSet
from anynas.errors import SettingsError, did_you_mean
from anynas.execution import Executor, Outcome
from anynas.layers import Shape
from anynas.settings import require
from anynas.training.devices import check_device, resolve_device
from anynas.training.worker import Workplace
from anynas.trials import Trial

EXECUTORS = ("ray", "process", "inline")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Workforce:
    """Who is asked to train: none of it changes what comes out, so all of it may change when a run goes on.

    Raises:
        SettingsError: No such executor, or a value is out of range or means nothing to this executor.
        DeviceError: No such device.
    """

    executor: str = "ray"  # one of EXECUTORS
    workers: int | None = None  # trials at once; None: as many as there is room for, one a core or a share of a GPU
    address: str | None = None  # of an existing Ray cluster
    device: str = "auto"  # "auto", "cpu" or "cuda"
    gpus_per_trial: float = 1.0  # share of a GPU, and of its memory
    memory_bytes: float = math.inf  # that a trial may take
    deadline_seconds: float = math.inf  # for one trial, from when it begins

    def __post_init__(self) -> None:
        name = self.executor
        if name not in EXECUTORS:
            raise SettingsError(f'unknown executor "{name}"{did_you_mean(name, EXECUTORS)}')
        check_device(self.device)
        require(self.workers is None or self.workers >= 1, f"workers must be at least 1; got {self.workers}")
        require(self.address is None or name == "ray", f"address is for the executor ray; got executor {name}")
        require(
            0 < self.gpus_per_trial <= 1, f"gpus_per_trial must be above 0 and at most 1; got {self.gpus_per_trial:g}"
        )
        require(self.memory_bytes > 0, f"memory must be above 0 bytes; got {self.memory_bytes:g}")
        require(self.deadline_seconds > 0, f"deadline must be above 0 s; got {self.deadline_seconds:g}")
        for what, limit in (("memory", self.memory_bytes), ("deadline", self.deadline_seconds)):
            require(
                name != "inline" or math.isinf(limit),
                f"{what} needs workers that may die; got executor inline; use ray or process",
            )


def workforce_from(settings: Mapping[str, Any], others: Iterable[str]) -> Workforce:
    """Return the workforce that is asked for by name.

    Args:
        settings: Fields of `Workforce`.
        others: Names that may have been meant, too.

    Raises:
        SettingsError: A name is unknown, or as `Workforce` does.
    """
    known = [field.name for field in dataclasses.fields(Workforce)]
    for name in settings:
        if name not in known:
            raise SettingsError(f'unknown setting "{name}"{did_you_mean(name, [*known, *others])}')
    return Workforce(**settings)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who trains a run's trials, on what: an executor that has not started yet."""

    workforce: Workforce
    workplace: Workplace
    data: DataSet

    @property
    def num_workers(self) -> int | None:
        """Trials at once; None where only the cluster knows."""
        force = self.workforce
        if force.executor == "inline":
            return 1
        if force.workers or force.address:
            return force.workers
        return default_workers(self.workplace.device, self.workplace.workers_per_gpu)

    @property
    def where(self) -> str:
        """The device in words."""
        device = self.workplace.device
        return device if device != "auto" else "the cluster's GPUs, or its cores if it has none"

    def on_demand(self, note: Callable[[str], None]) -> "OnDemand":
        """Return the executor, which starts when the first trial is submitted."""
        return OnDemand(lambda: make_executor(self.workforce, self.workplace, data=self.data, note=note))


def make_crew(workforce: Workforce, data: DataSet, input_shape: Shape) -> Crew:
    """Return who trains networks for images of this shape, (C, H, W), on a data set.

    Raises:
        DeviceError: The device is not there.
    """
    workplace = Workplace(
        data=data.place,
        input_shape=input_shape,
        num_classes=data.num_classes,
        device=workforce.device if workforce.address else resolve_device(workforce.device).type,
        gpu_share=workforce.gpus_per_trial,
        memory_bytes=workforce.memory_bytes,
    )
    return Crew(workforce=workforce, workplace=workplace, data=data)


def make_executor(
    workforce: Workforce,
    workplace: Workplace,
    *,
    data: DataSet | None = None,
    note: Callable[[str], None] = lambda message: None,
) -> Executor:
    """Return a started executor; where Ray can't start on this machine, processes take its place, and `note` is told.

    Args:
        workforce: Which, and how many workers.
        workplace: What all trials share; its device is "cpu" or "cuda", or "auto" on a cluster.
        data: The workplace's, where they are loaded already; processes load their own.
        note: Is told one line when something is not as asked, or changes.

    Raises:
        ExecutorError: It cannot start.
    """
    if workforce.executor == "ray":
        from anynas.execution.on_ray import RayExecutor, RayUnavailableError

        try:
            return RayExecutor(
                workplace,
                workers=workforce.workers,
                address=workforce.address,
                data=data,
                deadline_seconds=workforce.deadline_seconds,
                note=note,
            )
        except RayUnavailableError as error:
            note(f"{error}; going on with processes")
    if workforce.executor == "inline":
        from anynas.execution.inline import InlineExecutor

        return InlineExecutor(workplace, data)
    from anynas.execution.process import ProcessExecutor

    return ProcessExecutor(
        workplace,
        workers=workforce.workers or default_workers(workplace.device, workplace.workers_per_gpu),
        deadline_seconds=workforce.deadline_seconds,
    )


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

    def submit(self, trial: Trial, *, alone: bool = False) -> None:
        """Hand over a trial; where no worker is free it waits for one."""
        self._started().submit(trial, alone=alone)

    def next_outcome(self) -> tuple[Trial, Outcome] | None:
        """Wait for a trial to end, and return it with what came of it; None: there are more workers."""
        return self._started().next_outcome()

    def close(self) -> None:
        """End the workers, if there are any."""
        if self._executor is not None:
            self._executor.close()

    def _started(self) -> Executor:
        if self._executor is None:
            self._executor = self._start()
        return self._executor


def default_workers(device: str, workers_per_gpu: int = 1) -> int:
    """Return one a core that this process may use, or as many as this machine's GPUs have room for."""
    if device == "cuda":
        import torch

        return max(torch.cuda.device_count() * workers_per_gpu, 1)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
