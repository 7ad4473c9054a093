"""Where trials run. An executor takes trials and hands back results in order of completion; it decides nothing."""

import dataclasses
from typing import Protocol

from anynas.trials import Paused, Trial, TrialResult


@dataclasses.dataclass(frozen=True, slots=True)
class WorkerLost:
    """What comes back for a trial whose worker died; whether to try again is the driver's choice."""

    reason: str


Outcome = TrialResult | Paused | WorkerLost


class Executor(Protocol):
    """Workers of one kind; each takes one trial at a time."""

    @property
    def name(self) -> str:
        """As on the command line."""

    @property
    def num_workers(self) -> int:
        """How many trials it runs at once."""

    def submit(self, trial: Trial) -> None:
        """Hand a trial to a free worker; there must be one."""

    def next_outcome(self) -> tuple[Trial, Outcome]:
        """Wait for a trial to end or pause, and return it with what came of it; there must be one under way."""

    def close(self) -> None:
        """End the workers, and with them whatever they run."""
