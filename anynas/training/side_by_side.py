"""Several trainings at once in one process: on a GPU each has a stream of its own, and they take turns on the host.

A turn hands some steps to the device and waits for nothing; a training whose steps are still under way is passed over.
Each draws from a random state of its own, so that every trial ends as it would alone. Where there is no GPU the turns
are the same, and nothing is gained but a test of them.
"""

import contextlib
import dataclasses
import time
from collections import deque
from contextlib import AbstractContextManager

import torch

from anynas.training.devices import Ready, forked_random_state, random_state, set_random_state
from anynas.training.loop import MakeEngine, Training, training
from anynas.training.worker import Worker, signed
from anynas.trials import Lost, Paused, Trial, TrialResult

Outcome = TrialResult | Paused | Lost

PAUSE_SECONDS = 50e-6  # where all trainings wait for the device; a step takes ten times as long


@dataclasses.dataclass(slots=True)
class _Lane:
    """A training under way."""

    trial: Trial
    steps: Training
    stream: torch.cuda.Stream | None
    random_state: list[torch.Tensor]
    ready: Ready


class SideBySide:
    """Trains every trial that it is given, all at once.

    Results are those of `Worker.run`, but for costs: seconds are those during which others ran too, and peak memory is
    that of all together since the youngest of them began.

    Args:
        worker: Its device and data serve all.
        make: Makes their engines; None takes the device's own.
    """

    def __init__(self, worker: Worker, make: MakeEngine | None = None) -> None:
        self._worker, self._make = worker, make
        self._lanes: deque[_Lane] = deque()
        self._free: list[torch.cuda.Stream | None] = []  # no two lanes share one: what a graph works in belongs to it
        self._ended: deque[tuple[Trial, Outcome]] = deque()

    def __len__(self) -> int:
        """Return how many trials are under way, or have ended and not been asked for."""
        return len(self._lanes) + len(self._ended)

    def add(self, trial: Trial) -> None:
        """Begin a trial; it goes on whenever a result is waited for."""
        try:
            data = self._worker.prepared(trial)
        except Exception as error:
            self._ended.append((trial, self._worker.failure(error)))
            return
        device = self._worker.device
        stream = self._free.pop() if self._free else _new_stream(device)
        if stream is not None:  # begins where the current one, which prepared the data, will have ended
            stream.wait_stream(torch.cuda.current_stream(device))
        steps = training(trial, data, self._make)
        self._lanes.append(_Lane(trial, steps, stream, random_state(device), ready=lambda: True))

    def next_result(self) -> tuple[Trial, Outcome]:
        """Go on with all trials until one has ended, and return it; there must be one."""
        with self._worker.conditions(), forked_random_state(self._worker.device):
            while not self._ended:
                self._take_turn()
        trial, outcome = self._ended.popleft()
        return trial, signed(outcome)

    def _take_turn(self) -> None:
        lane = next((lane for lane in self._lanes if lane.ready()), None)
        if lane is None:
            time.sleep(PAUSE_SECONDS)
            return
        self._lanes.remove(lane)
        set_random_state(self._worker.device, lane.random_state)
        try:
            with _on(lane.stream):
                lane.ready = next(lane.steps)
        except StopIteration as end:
            self._end(lane, end.value)
        except Exception as error:
            self._end(lane, self._worker.failure(error))
        else:
            lane.random_state = random_state(self._worker.device)
            self._lanes.append(lane)  # behind all others: turns go round

    def _end(self, lane: _Lane, outcome: Outcome) -> None:
        self._free.append(lane.stream)
        self._ended.append((lane.trial, outcome))


def _new_stream(device: torch.device) -> torch.cuda.Stream | None:
    return torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]


def _on(stream: torch.cuda.Stream | None) -> AbstractContextManager[object]:
    return contextlib.nullcontext() if stream is None else torch.cuda.stream(stream)
