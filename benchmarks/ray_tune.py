"""The same trainings under Ray Tune, in the ordinary way: a function trainable that reports each epoch, one CPU a
trial, as many at once as there are cores. Everything else is as Ray sets it: threads, reuse of actors, loggers.
"""

import logging
import time
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune

import anynas
from benchmarks.measuring import BenchmarkError
from benchmarks.plain import Arrays, load_arrays, train_plainly


def trainable(config: dict[str, Any], arrays: Arrays) -> None:
    """Train one network and report after each epoch."""
    started = time.time()
    trial = config["trial"]
    errors = train_plainly(
        anynas.Architecture.from_dict(trial["architecture"]),
        arrays,
        recipe=anynas.Recipe(**config["recipe"]),
        epochs=config["epochs"],
        seed=trial["seed"],
    )
    for error in errors:
        tune.report({"error": error, "started": started, "ended": time.time(), "threads": torch.get_num_threads()})


def tuner(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Side: all trainings as one grid of a Tuner."""
    start_ray()
    arrays = load_arrays(request["data"], request["images"])
    run = tune.Tuner(
        tune.with_resources(tune.with_parameters(trainable, arrays=arrays), {"cpu": 1}),
        param_space={
            "trial": tune.grid_search(request["trials"]),
            "recipe": request["recipe"],
            "epochs": request["epochs"],
        },
        tune_config=tune.TuneConfig(metric="error", mode="min"),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0),
    )
    grid = run.fit()
    results: list[Any] = [grid[index].metrics for index in range(len(grid))]
    workers = int(ray.cluster_resources()["CPU"])  # type: ignore[no-untyped-call]
    ray.shutdown()
    keys = {trial["seed"]: trial["key"] for trial in request["trials"]}
    if len(results) != len(keys) or grid.num_errors:
        raise BenchmarkError(f"all of Ray Tune's trials must be complete; {grid.num_errors} are not")
    return {
        "first_start": min(metrics["started"] for metrics in results),
        "last_end": max(metrics["ended"] for metrics in results),
        "workers": workers,
        "threads": results[0]["threads"],
        "results": [
            {
                "key": keys[metrics["config"]["trial"]["seed"]],
                "error": metrics["error"],
                "seconds": metrics["ended"] - metrics["started"],
            }
            for metrics in results
        ],
    }


def start_ray() -> None:
    """Start Ray on this machine with one CPU a core, without a dashboard."""
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
