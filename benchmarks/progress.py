"""One line on standard error: what is under way, and about how much time is left."""

import sys
import time
from collections.abc import Sequence
from typing import TextIO

from anynas.terminal import duration
from benchmarks.measuring import Task


class Progress:
    """Tells how a list of tasks goes; the time left is what is expected, at the pace of what is done."""

    def __init__(self, tasks: Sequence[Task], stream: TextIO | None = None) -> None:
        self._left = sum(task.expected_seconds for task in tasks)
        self._num_tasks, self._number = len(tasks), 0
        self._expected_done = self._seconds_done = 0.0
        self._stream = sys.stderr if stream is None else stream

    def begin(self, task: Task) -> None:
        """Say that a task begins."""
        self._number += 1
        self._started = time.monotonic()
        text = f"{self._number}/{self._num_tasks}  {task.label}; {duration(self.seconds_left())} left"
        if self._stream.isatty():
            self._stream.write(f"\r\033[K{text[:79]}")
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def end(self, task: Task) -> None:
        """Note that it has ended."""
        self._left -= task.expected_seconds
        self._expected_done += task.expected_seconds
        self._seconds_done += time.monotonic() - self._started

    def close(self) -> None:
        """End the line."""
        if self._stream.isatty():
            self._stream.write("\r\033[K")
            self._stream.flush()

    def seconds_left(self) -> float:
        """Return about how many seconds are left."""
        pace = self._seconds_done / self._expected_done if self._expected_done else 1.0
        return self._left * pace
