"""Trials side by side in the driver's own process, each on a stream of its own on one GPU."""

from anynas.execution import Outcome
from anynas.execution.roster import Roster
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
        self._roster: Roster[int] = Roster()
        self._lanes: dict[int, int] = {}  # a trial's number -> its lane
        for lane in range(workers):
            self._roster.join(lane, workplace.device)

    def submit(self, trial: Trial, *, alone: bool = False) -> None:
        """Begin the trial, or let it wait for a lane; it goes on whenever an outcome is waited for."""
        self._roster.add(trial, alone=alone)
        self._start()

    def next_outcome(self) -> tuple[Trial, Outcome]:
        """Go on with all trials until one has ended."""
        trial, outcome = self._trainings.next_result()
        self._roster.end(self._lanes.pop(trial.number))
        self._start()
        return trial, outcome

    def close(self) -> None:
        """Drop what is under way."""
        self._trainings = SideBySide(Worker(self._workplace))

    def _start(self) -> None:
        while (start := self._roster.next_start()) is not None:
            lane, trial, _ = start
            self._lanes[trial.number] = lane
            self._trainings.add(trial)
