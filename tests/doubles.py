"""Stand-ins that make the driver's tests cheap: small spaces, results without training, executors without workers."""

import dataclasses
import math
import random
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from anynas.architecture import Architecture
from anynas.designspace import DesignSpace
from anynas.designspace.parameters import uniform, uniform_range
from anynas.driver.jobs import Setting
from anynas.driver.samplers import Known, Proposal, Sampler
from anynas.execution import Outcome
from anynas.regimes import load_regime
from anynas.store import Entry
from anynas.trials import CurvePoint, Fidelity, Paused, Trial, TrialResult

PLAIN_SPACE = """
description = "two stages of plain 3x3s"
family = "anynet"
regime = "fashion"
stages = 2

[parameters.depth]
values = [1, 2]

[parameters.width]
low = 4
high = 16
step = 4
law = "uniform"

[parameters.bottleneck_ratio]
values = [1]

[parameters.group_width]
values = [1]

[fixed]
block = "V"
"""
TINY_FIDELITY = Fidelity(epochs=1, images=128, resolution=8)


def plain_space(
    *, stages: int = 2, depths: Iterable[int] = (1, 2), widths: Iterable[int] = (4, 8, 12, 16), name: str = "plain"
) -> DesignSpace:
    """Return a space of V blocks, whose networks are all different."""
    return DesignSpace(
        name=name,
        family="anynet",
        regime=load_regime("fashion"),
        parameters=(
            uniform("depth", list(depths), count=stages),
            uniform("width", list(widths), count=stages),
            uniform("bottleneck_ratio", [1], count=stages),
            uniform("group_width", [1], count=stages),
        ),
        stages=stages,
        fixed={"block": "V"},
    )


def doubled_space() -> DesignSpace:
    """Return a space in which every network comes under four names: a V block ignores its ratio and groups."""
    return dataclasses.replace(
        plain_space(stages=1, depths=[1, 2], widths=[4, 8]),
        name="doubled",
        parameters=(
            uniform("depth", [1, 2], count=1),
            uniform("width", [4, 8], count=1),
            uniform("bottleneck_ratio", [1, 2], count=1),
            uniform_range("group_width", low=1, high=2, step=1, count=1),
        ),
    )


def setting_for(space: DesignSpace, *, seed: int = 0) -> Setting:
    """Return a setting whose trials would train on 128 images."""
    return Setting(space=space, recipe=space.regime.recipe, fidelity=TINY_FIDELITY, num_images=128, seed=seed)


def error_of(architecture: Architecture, seed: int) -> float:
    """Return an error that depends on the network and the seed, as a training's does."""
    return random.Random(f"{architecture.network_key} {seed}").randrange(1000, 9000) / 100


def result_of(trial: Trial) -> TrialResult:
    """Return what training the trial might have given."""
    return TrialResult(
        state="complete",
        error=error_of(trial.architecture, trial.seed),
        test_error=50.0 if trial.test else math.nan,
        seconds=1.0,
        device="none",
    )


def climbing(error: Callable[[Trial, int], float]) -> Callable[[Trial], Outcome]:
    """Return what training to the next rung might give: a second an epoch, and an error after each.

    An error that is no number is divergence.
    """

    def outcome(trial: Trial) -> Outcome:
        curve = list(trial.paused.result.curve) if trial.paused else []
        start, end = len(curve), trial.stop or trial.fidelity.epochs
        diverged = False
        while len(curve) < end and not diverged:
            reached = error(trial, len(curve) + 1)
            diverged = math.isnan(reached)
            curve.append(CurvePoint(epoch=len(curve) + 1, loss=1.0, error=90.0 if diverged else reached))
        pauses = trial.stop is not None and not diverged
        result = TrialResult(
            state="pruned" if pauses else "complete",
            error=curve[-1].error,
            curve=tuple(curve),
            seconds=float(len(curve) - start),
            reason="diverged" if diverged else "",
        )
        return Paused(result=result, arrays=(np.zeros(3),)) if pauses else result

    return outcome


class FakeExecutor:
    """Workers that take no time, and answer in an order drawn by `seed`; None: in the order of submission."""

    name = "fake"

    def __init__(
        self,
        num_workers: int = 1,
        *,
        seed: int | None = None,
        outcome: Callable[[Trial], Outcome] = result_of,
    ) -> None:
        self.num_workers = num_workers
        self.submitted: list[Trial] = []
        self._outcome = outcome
        self._under_way: list[Trial] = []
        self._rng = None if seed is None else random.Random(seed)

    def submit(self, trial: Trial, *, alone: bool = False) -> None:
        assert len(self._under_way) < self.num_workers, "there must be a free worker"
        self.submitted.append(trial)
        self._under_way.append(trial)

    def next_outcome(self) -> tuple[Trial, Outcome]:
        assert self._under_way, "there must be a trial under way"
        position = self._rng.randrange(len(self._under_way)) if self._rng else 0
        trial = self._under_way.pop(position)
        return trial, self._outcome(trial)

    def close(self) -> None:
        self._under_way.clear()


class MemoryRecorder:
    """A run's record without a folder; the loop reads it through `run.entries`, as it does the real one."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.all = list(entries)

    @property
    def run(self) -> "MemoryRecorder":
        return self

    def entries(self, role: str | None = None) -> list[Entry]:
        latest = {(e.role, e.number, e.seed): e for e in self.history(role)}
        return sorted(latest.values(), key=lambda e: e.number)

    def history(self, role: str | None = None) -> list[Entry]:
        return [e for e in self.all if role in (None, e.role)]

    def add(self, entry: Entry, space: DesignSpace) -> None:
        self.all.append(entry)


class ListSampler:
    """Proposes given architectures, by number, and keeps what it is told."""

    def __init__(self, space: DesignSpace, architectures: Iterable[Architecture]) -> None:
        self._space = space
        self._architectures = list(architectures)
        self.asked: list[int] = []
        self.told: list[Known] = []

    def ask(self, number: int) -> Proposal:
        self.asked.append(number)
        architecture = self._architectures[number]
        return Proposal(architecture, tuple(self._space.encode(architecture).tolist()))

    def tell(self, known: Known) -> None:
        self.told.append(known)


def search_alone(
    sampler: Sampler, error: Callable[[Architecture], float | None], numbers: Iterable[int]
) -> list[Known]:
    """Ask for and tell the trials with these numbers, one after the other, as one worker would."""
    history = []
    for number in numbers:
        proposal = sampler.ask(number)
        history.append(Known(number, proposal, error(proposal.architecture)))
        sampler.tell(history[-1])
    return history


COSTS = (  # of a table's columns: what may differ between machines
    *("seconds", "peak_memory_bytes", "device", "retries", "retry_reasons"),
)


def without_costs(table: Any) -> Any:
    """Return a run's table without the columns in which executors may differ."""
    return table.drop(columns=list(COSTS))
