"""Trials in the driver's own process, one after the other: for tests and debugging."""

from collections import deque

from anynas.data import DataSet
from anynas.execution import Outcome
from anynas.training.worker import Worker, Workplace
from anynas.trials import Trial


class InlineExecutor:
    """One worker, in this process."""

    name = "inline"
    num_workers = 1

    def __init__(self, workplace: Workplace, data: DataSet | None = None) -> None:
        self._worker = Worker(workplace, data)
        self._waiting: deque[Trial] = deque()

    def submit(self, trial: Trial, *, alone: bool = False) -> None:
        """Keep the trial until its result is asked for; here every one is alone."""
        self._waiting.append(trial)

    def next_outcome(self) -> tuple[Trial, Outcome]:
        """Train the trial that has waited longest."""
        trial = self._waiting.popleft()
        return trial, self._worker.run(trial)

    def close(self) -> None:
        """Drop what waits."""
        self._waiting.clear()
