"""Where trials run. An executor takes trials and hands back results in order of completion; it decides nothing."""

from typing import Protocol

from anynas.trials import Lost, Paused, Trial, TrialResult

Outcome = TrialResult | Paused | Lost


class Executor(Protocol):
    """Workers of one kind; each takes one trial at a time."""

    @property
    def name(self) -> str:
        """As on the command line."""

    @property
    def num_workers(self) -> int:
        """How many trials it runs at once; on a cluster more when nodes come, fewer when they go."""

    def submit(self, trial: Trial, *, alone: bool = False) -> None:
        """Hand over a trial; where no worker is free it waits for one.

        `alone` keeps its device free of others meanwhile.
        """

    def next_outcome(self) -> tuple[Trial, Outcome] | None:
        """Wait for a trial to end or pause, and return it with what came of it; there must be one under way.

        None: no trial has ended, but there are more workers than there were.
        """

    def close(self) -> None:
        """End the workers, and with them whatever they run."""
