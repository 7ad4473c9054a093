"""The trainings after a search: the best again with other seeds, so that the winner is not merely the luckiest, and the
winner once more for its test error.

With error as the one objective the best are the networks of least error. With two they are networks of the Pareto
front, evenly from one end to the other, the one of least error among them; the winner still is the one of least error.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from anynas.driver.jobs import Job, Progress, Setting, trial_seed
from anynas.driver.loop import run_jobs
from anynas.driver.rungs import Ladder
from anynas.driver.samplers import Proposal
from anynas.errors import RunError
from anynas.execution import Executor
from anynas.store import Entry, Recorder

FINALISTS = 3  # the best so many are trained again
FRONT_FINALISTS = 5  # likewise of a front
REPLICATES = 2  # so many times, with other seeds


def num_final_trainings(objectives: Sequence[str]) -> int:
    """Return how many trainings come after a search; fewer where it found fewer networks."""
    return (FINALISTS if len(objectives) == 1 else FRONT_FINALISTS) * REPLICATES + 1


def final_trainings_left(entries: Iterable[Entry], objectives: Sequence[str]) -> int:
    """Return how many of them a search that has ended still lacks, from all of its entries."""
    entries = list(entries)
    best = finalists([entry for entry in entries if entry.role == "search"], objectives)
    keys = {entry.architecture.key for entry in best}
    done = sum(entry.role == "confirmation" and entry.architecture.key in keys for entry in entries)
    is_tested = any(entry.role == "test" and entry.architecture.key in keys for entry in entries)
    left = len(best) * REPLICATES - done
    return left + (0 if is_tested and left == 0 else 1)


def finalists(entries: Iterable[Entry], objectives: Sequence[str]) -> list[Entry]:
    """Return the entries whose networks are trained again: by error, or along the front by its other objective."""
    complete = [entry for entry in entries if entry.result.state == "complete"]
    networks: dict[str, Entry] = {}
    for entry in sorted(complete, key=_by_error):
        networks.setdefault(entry.architecture.network_key, entry)
    if len(objectives) == 1:
        return list(networks.values())[:FINALISTS]
    front = _front(networks.values(), objectives[1])
    places = np.linspace(0, len(front) - 1, min(FRONT_FINALISTS, len(front))).round().astype(int)
    return [front[place] for place in places]


def decide(
    setting: Setting,
    objectives: Sequence[str],
    ladder: Ladder,
    entries: Sequence[Entry],
    executor: Executor,
    recorder: Recorder,
    progress: Progress,
) -> dict[str, Any]:
    """Train the best again, choose the winner by its mean, and compute its test error.

    Returns:
        What a finished search found, JSON-ready: `Run.result`.

    Raises:
        RunError: No trial is complete.
    """
    complete = [entry for entry in entries if entry.result.state == "complete"]
    if not complete:
        reasons = "; ".join(sorted({entry.result.reason for entry in entries} - {""})) or "there was no time for one"
        raise RunError(f"{recorder.run.path}: at least one trial must be complete; none is ({reasons})")
    best = finalists(complete, objectives)
    jobs = [_again(setting, e, replicate, "confirmation") for e in best for replicate in range(1, REPLICATES + 1)]
    confirmed = run_jobs(executor, recorder, jobs, stage="confirm", progress=progress)
    errors = {entry.number: [entry.result.error] for entry in best}
    for entry in confirmed:
        if entry.result.state == "complete":
            errors[entry.number].append(entry.result.error)
    means = {number: float(np.mean(values)) for number, values in errors.items()}
    winner = min(best, key=lambda entry: (means[entry.number], entry.number))
    test = _again(setting, winner, REPLICATES + 1, "test")
    (tested,) = run_jobs(executor, recorder, [test], stage="test", progress=progress)
    return {
        **_found(winner, errors),
        "architecture": winner.architecture.to_dict(),
        "test_error": tested.result.test_error if tested.result.state == "complete" else None,
        "finalists": {str(number): values for number, values in errors.items()},
        **({"front": _confirmed_front(best, errors)} if len(objectives) > 1 else {}),
        "trials": len(entries),
        "failed": sum(entry.result.state == "failed" for entry in entries),
        "diverged": sum(entry.result.reason == "diverged" for entry in complete),
        **(ladder.summary([entry.result for entry in entries]) if ladder.top > 1 else {}),
    }


def _front(entries: Iterable[Entry], quantity: str) -> list[Entry]:
    """Return the entries that no other beats in both error and a quantity of complexity, by that quantity."""
    ordered = sorted(entries, key=lambda entry: (getattr(entry, quantity), *_by_error(entry)))
    least_before = itertools.accumulate((entry.result.error for entry in ordered), min, initial=math.inf)
    return [entry for entry, least in zip(ordered, least_before, strict=False) if entry.result.error < least]


def _confirmed_front(best: Sequence[Entry], errors: dict[int, list[float]]) -> list[dict[str, Any]]:
    """Return the front's finalists; `dominated` says that by its mean one is beaten after all.

    They come by the front's quantity, so one is beaten where one before it has no greater mean.
    """
    rows: list[dict[str, Any]] = []
    least = math.inf
    for entry in best:
        row = _found(entry, errors)
        rows.append({**row, "dominated": row["validation_error_mean"] >= least})
        least = min(least, row["validation_error_mean"])
    return rows


def _found(entry: Entry, errors: dict[int, list[float]]) -> dict[str, Any]:
    return {
        "number": entry.number,
        "key": entry.architecture.key,
        "validation_errors": errors[entry.number],
        "validation_error_mean": float(np.mean(errors[entry.number])),
        "flops": entry.flops,
        "params": entry.params,
        "activations": entry.activations,
    }


def _by_error(entry: Entry) -> tuple[float, int]:
    return entry.result.error, entry.number


def _again(setting: Setting, entry: Entry, replicate: int, role: str) -> Job:
    """Return the entry's architecture as a job with a seed of its own.

    Its number stays that of the trial it repeats.
    """
    seed = trial_seed(setting.seed, int(entry.architecture.key, 16), replicate)
    proposal = Proposal(entry.architecture, entry.point)
    return Job(setting=setting, number=entry.number, role=role, proposal=proposal, seed=seed)
