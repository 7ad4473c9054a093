"""What a process of `benchmarks.gpu` does: train trials in the way that it is told, and say what they cost.

It needs torch, numpy and anynas; the process that starts it leaves CUDA alone, so that MPS can take it in.
"""

import contextlib
import dataclasses
import os
import platform
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any, Literal

import torch

from anynas.training.cuda.engine import GraphEngine
from anynas.training.cuda.packing import MemoryNeed, measured_need
from anynas.training.devices import device_name
from anynas.training.eager import EagerEngine
from anynas.training.engines import Engine, network_of
from anynas.training.loop import MakeEngine, train_trial
from anynas.training.prepared import PreparedData
from anynas.training.side_by_side import SideBySide
from anynas.training.worker import Worker, Workplace
from anynas.trials import Lost, Paused, Trial, TrialResult
from benchmarks import ordinary

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Trials for one process."""

    kind: str  # "ordinary", "eager", "graph", or "free graph": with any of cuDNN's algorithms, deterministic or not
    precision: str
    workplace: Workplace
    trials: tuple[Trial, ...]
    streams: int = 1  # trials at once
    seconds: float = 3600.0  # after which no further trial is begun
    loader_workers: int = ordinary.LOADER_WORKERS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one trial."""

    number: int
    error: float  # validation, percent; NaN where the trial failed
    reason: str  # why it failed or diverged; empty otherwise
    seconds: float
    memory_bytes: int  # most that torch held since the job began


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a process runs."""

    device: Literal["cpu", "cuda"]
    name: str
    total_bytes: int
    free_bytes: int
    facts: dict[str, str]


END = "end"  # of a job


def serve(connection: Connection, device: str) -> None:
    """Answer with `Place`, then take jobs: an `Outcome` each trial, then `END`; "need" is answered by `MemoryNeed`."""
    workers: dict[Workplace, Worker] = {}
    with contextlib.suppress(EOFError, OSError):
        connection.send(_place(device))
        while (told := connection.recv()) is not None:
            if told == "need":
                connection.send(_need(device))
                continue
            try:
                worker = workers.setdefault(told.workplace, Worker(told.workplace))
                for outcome in outcomes(told, worker):
                    connection.send(outcome)
                connection.send(END)
            except (EOFError, OSError):
                raise
            except Exception as error:  # of the job, not of a trial: the parent writes it down
                connection.send(f"{type(error).__name__}: {error}")


def outcomes(job: Job, worker: Worker) -> Iterator[Outcome]:
    """Do a job, and yield what comes of each trial as it ends."""
    if worker.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(worker.device)
    end = time.perf_counter() + job.seconds
    if job.kind == "ordinary":
        yield from _ordinary(job, worker, end)
    elif job.streams == 1:
        for trial in job.trials:
            if time.perf_counter() < end:
                yield _outcome(worker, trial.number, *_alone(job, worker, trial))
    else:
        yield from _side_by_side(job, worker, end)


def engine_maker(kind: str, precision: str) -> MakeEngine:
    """Return what makes a trial's engine."""
    made: Any = EagerEngine if kind == "eager" else GraphEngine

    def make(trial: Trial, data: PreparedData) -> Engine:
        engine: Engine = made(network_of(trial, data), trial, data, PRECISIONS[precision])
        return engine

    return make


def _alone(job: Job, worker: Worker, trial: Trial) -> tuple[float, str, float]:
    try:
        with contextlib.nullcontext() if job.kind == "free graph" else worker.conditions():
            result: TrialResult | Paused | Lost = train_trial(
                trial, worker.prepared(trial), engine_maker(job.kind, job.precision)
            )
    except Exception as error:
        result = worker.failure(error)
    return _told(result)


def _ordinary(job: Job, worker: Worker, end: float) -> Iterator[Outcome]:
    data = worker.data
    for trial in job.trials:
        started = time.perf_counter()
        if started >= end:
            return
        error, reason = float("nan"), ""
        try:
            error = ordinary.train(trial, data, worker.device, loader_workers=job.loader_workers)
        except Exception as problem:
            reason = worker.failure(problem).reason
        yield _outcome(worker, trial.number, error, reason, time.perf_counter() - started)


def _side_by_side(job: Job, worker: Worker, end: float) -> Iterator[Outcome]:
    running, waiting = SideBySide(worker, engine_maker(job.kind, job.precision)), list(job.trials)
    while waiting or len(running):
        while waiting and len(running) < job.streams and time.perf_counter() < end:
            running.add(waiting.pop(0))
        if not len(running):
            return
        trial, result = running.next_result()
        yield _outcome(worker, trial.number, *_told(result))


def _told(result: TrialResult | Paused | Lost) -> tuple[float, str, float]:
    """Return error, reason and seconds; a trial that memory ran out for is not tried again here."""
    if isinstance(result, Lost):
        return float("nan"), result.reason, float("nan")
    result = result.result if isinstance(result, Paused) else result
    return result.error, result.reason, result.seconds


def _outcome(worker: Worker, number: int, error: float, reason: str, seconds: float) -> Outcome:
    cuda = worker.device.type == "cuda"
    memory = torch.cuda.max_memory_reserved(worker.device) if cuda else 0
    return Outcome(number=number, error=error, reason=reason, seconds=seconds, memory_bytes=memory)


def _place(name: str) -> Place:
    device = Worker(Workplace(data="synthetic", input_shape=(1, 8, 8), num_classes=2, device=name)).device
    facts = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "cuda": str(torch.version.cuda),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
    }
    free, total = 0, 0
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        facts["convolutions in TF32"] = str(torch.backends.cudnn.allow_tf32)  # what float32 means on this GPU
        facts["cudnn"] = str(torch.backends.cudnn.version())  # type: ignore[no-untyped-call]
        facts["capability"] = ".".join(map(str, torch.cuda.get_device_capability(device)))
    kind: Literal["cpu", "cuda"] = "cuda" if device.type == "cuda" else "cpu"
    return Place(device=kind, name=device_name(device), total_bytes=total, free_bytes=free, facts=facts)


def _need(device: str) -> MemoryNeed | None:
    if device == "cpu" or not torch.cuda.is_available():
        return None
    return measured_need(torch.device("cuda"))
