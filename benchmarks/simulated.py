"""An executor whose trials sleep, or cost nothing at all: what is left is the driver's own work.

A trial's error is a function of its architecture's key, as in a table of trained networks, and how long it sleeps one
of its seed; so a search meets the same trials in whatever order they end. Nothing is trained and nothing is sent.
"""

import heapq
import math
import statistics
import time

import numpy as np

from anynas.architecture import Architecture
from anynas.execution import Outcome
from anynas.trials import CurvePoint, Paused, Trial, TrialResult

SPREAD = 0.3  # of the logarithm of a trial's seconds
PROVENANCE = {"anynas_version": "0", "torch_version": "0", "python_version": "0", "host": "host", "pid": "1"}


class Simulated:
    """Workers that sleep.

    Args:
        workers: Trials at once.
        seconds: Of a trial trained to its end, on average.
        paused_bytes: What the state of a trial that pauses takes.
    """

    name = "simulated"

    def __init__(self, workers: int, *, seconds: float = 0.0, paused_bytes: int = 0) -> None:
        self.num_workers = workers
        self.spans: list[tuple[float, float]] = []  # when each trial was submitted, when it ended; time.perf_counter
        self.waited = 0.0  # seconds that the driver had nothing to do
        self.seconds, self._paused_bytes = seconds, paused_bytes
        self._under_way: list[tuple[float, int, Trial]] = []  # a heap: ends, tickets, trials

    def submit(self, trial: Trial, *, alone: bool = False) -> None:
        """Let a worker sleep from now on."""
        now = time.perf_counter()
        end = now + self.seconds * _share(trial) * _factor(trial.seed)
        heapq.heappush(self._under_way, (end, trial.number, trial))
        self.spans.append((now, end))

    def next_outcome(self) -> tuple[Trial, Outcome]:
        """Wait for the trial that ends first."""
        end, _, trial = heapq.heappop(self._under_way)
        started = time.perf_counter()
        if end > started:
            time.sleep(end - started)
            self.waited += time.perf_counter() - started
        return trial, self._outcome(trial)

    def close(self) -> None:
        """Drop what is under way."""
        self._under_way.clear()

    def _outcome(self, trial: Trial) -> Outcome:
        epochs = trial.stop or trial.fidelity.epochs
        final, first = errors_of(trial.architecture)
        curve = tuple(
            CurvePoint(epoch=epoch, loss=1.0, error=final + (first - final) / (2 * epoch))
            for epoch in range(1, epochs + 1)
        )
        result = TrialResult(
            state="pruned" if trial.stop else "complete",
            error=curve[-1].error,
            curve=curve,
            seconds=self.seconds * _share(trial) * _factor(trial.seed),
            provenance=dict(PROVENANCE),
        )
        if not trial.stop:
            return result
        return Paused(result=result, arrays=(np.ones(self._paused_bytes, dtype=np.uint8),))


def errors_of(architecture: Architecture) -> tuple[float, float]:
    """Return two percentages, the same on every machine: where a curve ends, and where it comes from."""
    key = architecture.key
    final, first = (100.0 * int(digits, 16) / 16 ** len(key) for digits in (key, key[::-1]))
    return final, first


def _share(trial: Trial) -> float:
    """Return what is to be trained, of a whole training."""
    before = len(trial.paused.result.curve) if trial.paused else 0
    return ((trial.stop or trial.fidelity.epochs) - before) / trial.fidelity.epochs


def _factor(seed: int) -> float:
    """Return a log-normal factor of mean 1: the quantile that a seed stands for."""
    quantile = (seed % 2**32 + 0.5) / 2**32
    return math.exp(SPREAD * statistics.NormalDist().inv_cdf(quantile) - SPREAD**2 / 2)
