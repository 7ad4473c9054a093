"""Studies as a user writes them without anynas: Optuna on SQLite, and Ray Tune with OptunaSearch.

The 16 choices of AnyNet A, drawn at random, and an objective that costs nothing. Bounds are left out, which spares
these sides the counting that anynas does.
"""

import time
from pathlib import Path
from typing import Any

STAGES = range(1, 5)


def sqlite(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Side: `study.optimize` with an SQLite storage."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{folder / 'study.db'}", sampler=optuna.samplers.RandomSampler(seed=request["round"])
    )

    def objective(trial: optuna.Trial) -> float:
        for stage in STAGES:
            trial.suggest_int(f"depth_{stage}", 1, 16, log=True)
            8 * trial.suggest_int(f"width_{stage}", 1, 128, log=True)
            trial.suggest_categorical(f"bottleneck_ratio_{stage}", [1, 2, 4])
            trial.suggest_categorical(f"group_width_{stage}", [1, 2, 4, 8, 16, 32])
        return 50.0

    started = time.perf_counter()
    study.optimize(objective, n_trials=request["trials"])
    return {"seconds": time.perf_counter() - started}


def optuna_search(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Side: a Tuner whose proposals come from Optuna, on this machine's cores; Ray's start is left out."""
    import optuna
    import ray
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    from benchmarks.ray_tune import start_ray

    def trainable(config: dict[str, Any]) -> None:
        tune.report({"error": 50.0})

    parameters: dict[str, Any] = {}
    for stage in STAGES:
        parameters[f"depth_{stage}"] = tune.lograndint(1, 17)
        parameters[f"width_{stage}"] = tune.lograndint(1, 129)
        parameters[f"bottleneck_ratio_{stage}"] = tune.choice([1, 2, 4])
        parameters[f"group_width_{stage}"] = tune.choice([1, 2, 4, 8, 16, 32])
    start_ray()
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space=parameters,
        tune_config=tune.TuneConfig(
            metric="error",
            mode="min",
            num_samples=request["trials"],
            search_alg=OptunaSearch(sampler=optuna.samplers.RandomSampler(seed=request["round"])),
        ),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0),
    )
    started = time.perf_counter()
    results = tuner.fit()
    seconds = time.perf_counter() - started
    ray.shutdown()
    if results.errors:
        raise RuntimeError(f"all trials must be complete; {len(results.errors)} failed")
    return {"seconds": seconds}
