"""Trials side by side in the driver's own process, each on a stream of its own on one GPU."""

from anynas.execution import Outcome
from anynas.training.side_by_side import SideBySide
from anynas.training.worker import Worker, Workplace
from anynas.trials import Trial


class StreamsExecutor:
    """Several trials at once in this process. They share its fate: what kills one kills all."""

    name = "streams"

    def __init__(self, workplace: Workplace, *, workers: int) -> None:
        self.num_workers = workers
        self._workplace = workplace
        self._trainings = SideBySide(Worker(workplace))

    def submit(self, trial: Trial) -> None:
        """Begin the trial; it goes on whenever an outcome is waited for."""
        self._trainings.add(trial)

    def next_outcome(self) -> tuple[Trial, Outcome]:
        """Go on with all trials until one has ended."""
        return self._trainings.next_result()

    def close(self) -> None:
        """Drop what is under way."""
        self._trainings = SideBySide(Worker(self._workplace))
