"""The side of the section trials that is anynas: a population through its driver, with a record."""

import importlib
import time
from pathlib import Path
from typing import Any

from anynas.driver.jobs import Clock, Silent
from anynas.driver.loop import run_search
from anynas.driver.samplers import make_sampler
from anynas.driver.search import plan_search
from anynas.store import recording
from anynas.trials import Fidelity
from benchmarks.measuring import BenchmarkError
from benchmarks.trials import DRAW_SEED, SPACE


def population(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Side: the same trials through anynas' driver, with a record; a search without its final confirmations."""
    plan = plan_search(
        SPACE,
        trials=len(request["trials"]),
        seed=request["round"],
        sampler="random",
        fidelity=Fidelity(epochs=request["epochs"], images=request["images"]),
        **({"executor": request["executor"]} if "executor" in request else {}),  # else the default
        run=folder / "run",
    )
    sampler = make_sampler("random", plan.setting.space, seed=DRAW_SEED, bounds=plan.bounds)
    notes: list[str] = []
    with recording(plan.path, plan.identity) as recorder:
        executor = plan.crew.on_demand(notes.append)
        workers = executor.num_workers
        try:
            first_start = time.time()
            entries = run_search(
                plan.setting,
                sampler,
                executor,
                recorder,
                trials=plan.trials,
                clock=Clock(),
                progress=Silent(),
                reuse=False,
            )
            last_end = time.time()
        finally:
            executor.close()
    if notes or any(entry.result.state != "complete" for entry in entries):
        reasons = {entry.result.reason for entry in entries if entry.result.state != "complete"}
        raise BenchmarkError(f"all trials must be complete, on the executor asked for; {'; '.join([*notes, *reasons])}")
    if [entry.seed for entry in entries] != [trial["seed"] for trial in request["trials"]]:
        raise BenchmarkError("both sides must train with the same seeds; the driver's are others")
    return {
        "first_start": first_start,
        "last_end": last_end,
        "workers": workers,
        "threads": 1,
        "results": [
            {"key": e.architecture.key, "error": e.result.error, "seconds": e.result.seconds, "reason": e.result.reason}
            for e in entries
        ],
    }


def compile_kernels(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Side: compile what anynas compiles once for a machine, so that no measurement contains it."""
    importlib.import_module("anynas.training.cpu.engine")
    return {}
