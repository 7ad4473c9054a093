"""The sides of the section scale: searches by 64 workers that sleep, and searches as fast as the driver can.

Everything but the workers is as in a search: proposals, identities, counts, networks that were trained before, and a
journal on disk.
"""

import contextlib
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from anynas.driver.jobs import Clock, Silent
from anynas.driver.loop import run_search
from anynas.driver.rungs import make_ladder
from anynas.driver.samplers import make_sampler
from anynas.driver.samplers.adaptive import STARTUP
from anynas.store import Run, recording
from benchmarks.look_up import TimedAsk, question
from benchmarks.simulated import Simulated

WARM_UP = STARTUP + 2  # trials, the last of which need TPE's model
EPOCHS = {1: None, 3: 9}  # rungs -> epochs; None: the regime's


def saturate(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Side: a record grows from size to size; at each, every sampler goes on with a copy of it, for a few free trials.

    Growing it neither counts nor waits for the disk; what a sampler loads when it is first asked does not count.
    """
    measured = []
    for sampler in request["few"]:
        search(folder / f"first-{sampler}", request, sampler, WARM_UP, Simulated(1))
    grown = folder / "run"
    for size in request["sizes"]:
        with mock.patch("os.fsync"):
            search(grown, request, "random", size, Simulated(request["workers"], paused_bytes=request["paused_bytes"]))
        for sampler, few in request["few"].items():
            copy = folder / f"{sampler}-{size}"
            shutil.copytree(grown, copy)
            executor = Simulated(request["workers"], paused_bytes=request["paused_bytes"])
            with timed_fsync() as disk_seconds:
                spent = search(copy, request, sampler, size + few, executor)
            measured.append(
                {"sampler": sampler, "records": size, "trials": few, "disk_seconds": disk_seconds(), **spent}
            )
            shutil.rmtree(copy)
    return {"measured": measured}


def sleep(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Side: a search whose trials sleep, and what its record then takes to be read."""
    workers, trials = request["workers"], request["trials"]
    executor = Simulated(workers, seconds=request["seconds"], paused_bytes=request["paused_bytes"])
    spent = search(folder / "run", request, "random", trials, executor)
    answer = {"spent": spent, **shares(executor)}
    answer["peak_bytes"] = peak_bytes()
    answer["journal_bytes"] = (folder / "run" / "journal.log").stat().st_size
    resumed = search(folder / "run", request, "random", trials + 1, Simulated(workers))
    started = time.perf_counter()
    rows = len(Run(folder / "run").table())
    return {
        **answer,
        "resume_seconds": resumed["ready_seconds"],
        "table_seconds": time.perf_counter() - started,
        "rows": rows,
    }


def approach(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Side: trials so short that the workers ask for a given share of what the driver can do, and for more than that.

    How long they must be follows from free trials just before; what the driver then takes is measured once more.
    """
    workers, trials = request["workers"], request["trials"]
    free = search(folder / "free", request, "random", request["few"], Simulated(workers))
    executor = Simulated(workers, seconds=workers * free["seconds"] / request["few"] / request["load"])
    search(folder / "run", request, "random", trials, executor)
    return {"trial_seconds": executor.seconds, **shares(executor)}


def search(folder: Path, request: dict[str, Any], sampler: str, trials: int, executor: Simulated) -> dict[str, float]:
    """Run a search, or go on with it; return the seconds until it had a first proposal, those after it, and in asks."""
    rungs = request["rungs"]
    setting, bounds, identity = question(EPOCHS[rungs])
    started = time.perf_counter()
    timed = TimedAsk(make_sampler(sampler, setting.space, seed=request["round"], bounds=bounds))
    with recording(folder, identity) as recorder:
        run_search(
            setting,
            timed,
            executor,
            recorder,
            trials=trials,
            clock=Clock(),
            progress=Silent(),
            ladder=make_ladder(setting.fidelity.epochs, rungs=rungs),
        )
    ended = time.perf_counter()
    ready = min(timed.first_answer, ended)
    return {"ready_seconds": ready - started, "seconds": ended - ready, "ask_seconds": timed.seconds}


def shares(executor: Simulated) -> dict[str, float]:
    """Return how busy workers and driver were.

    Returns:
        wall_seconds: From the first trial's start to the last one's end.
        busy: Share of the workers' time in which they had a trial.
        steady_busy: Likewise from the start of as many trials as there are workers to that of the last.
        driver_seconds: What the driver took a trial, waiting for workers left out.
        outcomes: Trials, each once a rung.
    """
    spans, workers = executor.spans, executor.num_workers
    first, last = spans[0][0], max(end for _, end in spans)
    steady = spans[min(workers, len(spans)) - 1][0], spans[-1][0]
    return {
        "wall_seconds": last - first,
        "busy": _busy(spans, first, last) / workers,
        "steady_busy": _busy(spans, *steady) / workers,
        "driver_seconds": (last - first - executor.waited) / len(spans),
        "outcomes": len(spans),
    }


def peak_bytes() -> int:
    """Return this process's peak of resident memory; on Linux without that of the one that started it."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    kibibytes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return 1024 * (kibibytes[0] if kibibytes else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _busy(spans: list[tuple[float, float]], begin: float, end: float) -> float:
    """Return how many trials were under way between two times, on average."""
    within = sum(max(min(ended, end) - max(started, begin), 0.0) for started, ended in spans)
    return within / (end - begin) if end > begin else 0.0


@contextlib.contextmanager
def timed_fsync() -> Iterator[Callable[[], float]]:
    """Yield a function that returns how long has been waited for the disk."""
    fsync, seconds = os.fsync, [0.0]

    def timed(file: Any) -> None:
        started = time.perf_counter()
        fsync(file)
        seconds[0] += time.perf_counter() - started

    with mock.patch("os.fsync", timed):
        yield lambda: seconds[0]
