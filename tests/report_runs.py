"""Runs for reports, written without training: a search and a study, finished or not, with any names."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from doubles import plain_space, setting_for

from anynas.counting import complexity
from anynas.designspace import Bounds
from anynas.driver.planning import asked
from anynas.store import Entry, Run, recording, write_result
from anynas.study.running import Declaration, write_declarations
from anynas.study.stated import StatedCheck, StatedClaim
from anynas.trials import CurvePoint, TrialResult

SPACE = plain_space()
DRAWS = SPACE.sample(40, seed=0)
ERRORS = [30.0, 22.5, 41.25, 18.75, 25.0, 27.5, 19.5, 33.0]  # of trials 0 to 7
VERSIONS = {"anynas_version": "0.1.0", "torch_version": "2.13.0", "git_commit": "abc123", "host": "node7"}


def entry(number: int, *, space: str = "plain", role: str = "search", seed: int = 7, **result: Any) -> Entry:
    """Return a finished trial; the error of the first eight is that of `ERRORS`, unless another one is given."""
    error = result.pop("error", ERRORS[number % len(ERRORS)])
    curve = tuple(CurvePoint(epoch=epoch, loss=1.0, error=error + 10 / epoch) for epoch in (1, 2))
    fields: dict[str, Any] = {"state": "complete", "error": error, "seconds": 60.0, "device": "a processor"}
    architecture = DRAWS[number]
    counted = complexity(architecture, input_shape=SPACE.regime.input_shape, num_classes=10)
    return Entry(
        number=number,
        role=role,
        space=space,
        architecture=architecture,
        result=TrialResult(**{**fields, "curve": curve, "provenance": VERSIONS, **result}),
        seed=seed,
        flops=counted.flops,
        params=counted.params,
        activations=counted.activations,
        epochs=2,
        images=640,
        columns=SPACE.columns_of(architecture),
        point=tuple(SPACE.encode(architecture).tolist()),
    )


def failure(number: int, reason: str, **fields: Any) -> Entry:
    """Return a trial that failed."""
    whole = entry(number, **fields)
    return dataclasses.replace(whole, result=dataclasses.replace(TrialResult.failed(reason), provenance=VERSIONS))


def identity_of(**changes: Any) -> dict[str, Any]:
    """Return what a search of the plain space asks."""
    setting = setting_for(SPACE)
    asks = asked(setting, Bounds(flops=(0.0, 1e9)), "random")
    return {"study": "search", "data": "fashion-mnist-mini", **asks, "objectives": ["error"], **changes}


def write_search(
    path: Path, entries: Sequence[Entry], *, asked_trials: int = 8, winner: int | None = None, **changes: Any
) -> Run:
    """Write a search's run; with a winner it has ended."""
    about = {"trials": {"plain": asked_trials}, "minutes": None, "executor": "inline", "workers": 1}
    with recording(path, identity_of(**changes), about=about) as recorder:
        for each in entries:
            recorder.add(each, SPACE)
        run = recorder.run
    if winner is not None:
        chosen = next(each for each in entries if each.number == winner)
        write_result(
            run,
            {
                "number": winner,
                "key": chosen.architecture.key,
                "architecture": chosen.architecture.to_dict(),
                "validation_errors": [18.75, 19.25, 19.0],
                "validation_error_mean": 19.0,
                "test_error": 20.125,
                "flops": chosen.flops,
                "params": chosen.params,
                "activations": chosen.activations,
                "finalists": {str(winner): [18.75, 19.25, 19.0], "6": [19.5, 20.0, 19.9]},
                "trials": sum(each.role == "search" for each in entries),
                "failed": 0,
                "diverged": 0,
            },
        )
    return run


def write_study(
    path: Path,
    populations: dict[str, Sequence[Entry]],
    *,
    claims: Sequence[StatedClaim] = (),
    checks: Sequence[StatedCheck] = (),
    name: str = "mine",
    description: str = "",
    models: int = 8,
    **changes: Any,
) -> Run:
    """Write a study's run, whose populations are all of the plain space."""
    each = asked(setting_for(SPACE), Bounds(flops=(0.0, 1e9)), "random")
    identity = {
        "study": name,
        "seed": 0,
        "data": "fashion-mnist-mini",
        "populations": {key: {**each, "pairs_with": None} for key in populations},
        **changes,
    }
    declared = Declaration(
        study=name,
        at="2026-01-01T00:00:00+00:00",
        anynas_version="0.1.0",
        description=description,
        seed=0,
        alpha=0.05,
        models=dict.fromkeys(populations, models),
        claims=tuple(claims),
        checks=tuple(checks),
    )
    with recording(path, identity) as recorder:
        write_declarations(declared, declared, path)
        for entries in populations.values():
            for one in entries:
                recorder.add(one, SPACE)
        return recorder.run


def population(name: str, *, better: float = 0.0, n: int = 8) -> list[Entry]:
    """Return a population's trials, whose errors are so many points lower than those of `ERRORS`."""
    return [
        entry(number, space=name, role="population", error=ERRORS[number % len(ERRORS)] - better + 0.1 * number)
        for number in range(n)
    ]
