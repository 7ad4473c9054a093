"""Who trains what: workers by the device that they are on, trials under way, trials that wait; no process, no clock of
its own but for deadlines. Executors keep one each, and do what it says.
"""

import dataclasses
import math
import time
from collections import Counter, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from anynas.trials import Lost, Trial

W = TypeVar("W", bound=Hashable)


@dataclasses.dataclass(slots=True)
class _Task:
    trial: Trial
    alone: bool  # whether nothing else is to run on its device meanwhile
    begun: float = math.inf  # when, by the monotonic clock; infinity: not yet


class Roster(Generic[W]):
    """Workers that have joined, and what each is doing.

    A trial that is to be alone is given a device as soon as nothing runs there: the one where least is under way is
    kept free for it.

    Args:
        deadline_seconds: How long a trial may take.
    """

    def __init__(self, deadline_seconds: float = math.inf) -> None:
        self._deadline_seconds = deadline_seconds
        self._devices: dict[W, str] = {}  # in the order of joining
        self._under_way: dict[W, _Task] = {}
        self._waiting: deque[_Task] = deque()

    def __len__(self) -> int:
        return len(self._devices)

    @property
    def workers(self) -> list[W]:
        """All that have joined and not left."""
        return list(self._devices)

    @property
    def busy(self) -> list[W]:
        """Workers with a trial."""
        return list(self._under_way)

    @property
    def idle(self) -> list[W]:
        """Workers without one."""
        return [worker for worker in self._devices if worker not in self._under_way]

    def join(self, worker: W, device: str) -> None:
        """Let a worker take trials, on a device that it may share with others."""
        self._devices[worker] = device

    def leave(self, worker: W) -> Trial | None:
        """Forget a worker; return the trial that is lost with it, if it had one."""
        self._devices.pop(worker, None)
        task = self._under_way.pop(worker, None)
        return task.trial if task else None

    def add(self, trial: Trial, *, alone: bool) -> None:
        """Let a trial wait for a worker."""
        self._waiting.append(_Task(trial, alone))

    def next_start(self) -> tuple[W, Trial, bool] | None:
        """Give a free worker the trial that has waited longest and can begin.

        Returns:
            Both, and whether the trial is alone; None if there is no such trial, or no worker for it.
        """
        load = Counter(self._devices[worker] for worker in self._under_way)
        closed = {self._devices[worker] for worker, task in self._under_way.items() if task.alone}
        for task in list(self._waiting):
            open_devices = [device for device in dict.fromkeys(self._devices.values()) if device not in closed]
            if task.alone and open_devices:
                quietest = min(open_devices, key=lambda device: load[device])
                closed.add(quietest)  # kept free for it
                open_devices = [] if load[quietest] else [quietest]
            worker = next((worker for worker in self.idle if self._devices[worker] in open_devices), None)
            if worker is not None:
                self._waiting.remove(task)
                self._under_way[worker] = task
                return worker, task.trial, task.alone
        return None

    def begin(self, worker: W) -> None:
        """Start the clock of a worker's trial: its worker is there."""
        self._under_way[worker].begun = time.monotonic()

    def end(self, worker: W) -> Trial:
        """Take back a worker's trial, which has ended; the worker is free."""
        return self._under_way.pop(worker).trial

    def overdue(self) -> list[W]:
        """Return workers whose trial is past its deadline."""
        now = time.monotonic()
        return [w for w, task in self._under_way.items() if task.begun + self._deadline_seconds <= now]

    def seconds_to_deadline(self) -> float:
        """Return how long it is to the next deadline of a trial under way; infinity if there is none."""
        first = min((task.begun for task in self._under_way.values()), default=math.inf)
        return max(first + self._deadline_seconds - time.monotonic(), 0.0)


def past_deadline(seconds: float) -> Lost:
    """Return what becomes of a trial whose worker was ended at its deadline."""
    return Lost(f"past its deadline of {seconds:g} s")
