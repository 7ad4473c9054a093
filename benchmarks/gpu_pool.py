"""Processes on one GPU that train side by side, handed one trial after the other; what they die of is a reason."""

import contextlib
import multiprocessing
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from anynas.execution.mps import mps
from anynas.training.cuda.packing import MemoryNeed
from benchmarks.gpu_worker import END, Job, Outcome, Place, serve

CONTEXT = multiprocessing.get_context("spawn")
START_SECONDS = 120.0  # for torch and CUDA to load
GRACE_SECONDS = 20.0  # for trials under way when time is up
CLOSE_SECONDS = 5.0


class PoolError(Exception):
    """A process failed or ran out of time; its message is one line. The pool is of no use any more."""


class Pool:
    """Processes that start as they are needed, the first alone on the GPU.

    Args:
        device: "cpu", "cuda" or "auto".
        with_mps: Whether they run under MPS; PoolError is raised where that cannot be.
    """

    def __init__(self, device: str, *, with_mps: bool = False) -> None:
        self._device = device
        self._service = contextlib.ExitStack()
        self._members: list[tuple[Any, Connection]] = []
        if with_mps and not self._service.enter_context(mps()):
            raise PoolError("MPS did not start (is nvidia-cuda-mps-control installed?)")
        try:
            self.place: Place = self._start()
        except PoolError:
            self.close()
            raise

    def need(self) -> MemoryNeed | None:
        """Return what the first process has needed so far; to be asked before others start. None on a CPU."""
        _, connection = self._members[0]
        connection.send("need")
        answer: MemoryNeed | None = self._answer(connection, START_SECONDS)
        return answer

    def ready(self, number: int, job: Job) -> None:
        """Have so many processes, each warm: it has done the job."""
        while len(self._members) < number:
            self._start()
        for _, connection in self._members[:number]:
            with contextlib.suppress(OSError):
                connection.send(job)
        for _, connection in self._members[:number]:
            while (answer := self._answer(connection, START_SECONDS)) != END:
                self._complain(answer)

    def run(self, jobs: Sequence[Job], number: int, seconds: float) -> list[Outcome]:
        """Return what comes of jobs, handed one by one to so many processes, until time is up; those left are absent.

        Raises:
            PoolError: A process died, a job failed as a whole, or trials under way did not end in time.
        """
        waiting, outcomes = deque(jobs), list[Outcome]()
        idle = [connection for _, connection in self._members[:number]]
        busy: set[Connection] = set()
        end = time.monotonic() + seconds
        while busy or (waiting and time.monotonic() < end):
            while waiting and idle and time.monotonic() < end:
                connection = idle.pop()
                with contextlib.suppress(OSError):  # it has died: that shows when it is listened to
                    connection.send(waiting.popleft())
                busy.add(connection)
            ready = wait(list(busy), timeout=max(end + GRACE_SECONDS - time.monotonic(), 0.0))
            if not ready:
                raise PoolError("out of time: trials under way did not end")
            for connection in (own for own in list(busy) if own in ready):
                answer = self._received(connection)
                if answer == END:
                    busy.remove(connection)
                    idle.append(connection)
                elif isinstance(answer, Outcome):
                    outcomes.append(answer)
                else:
                    raise PoolError(str(answer))
        return outcomes

    def close(self) -> None:
        """End all processes: those that answer by word, others by force."""
        for _, connection in self._members:
            with contextlib.suppress(OSError):
                connection.send(None)
        for process, connection in self._members:
            process.join(CLOSE_SECONDS)
            if process.is_alive():
                process.kill()
                process.join(CLOSE_SECONDS)
            connection.close()
        self._members.clear()
        self._service.close()

    def _start(self) -> Place:
        ours, theirs = CONTEXT.Pipe()
        process = CONTEXT.Process(target=serve, args=(theirs, self._device))
        process.start()
        theirs.close()
        self._members.append((process, ours))
        place: Place = self._answer(ours, START_SECONDS)
        return place

    def _answer(self, connection: Connection, seconds: float) -> Any:
        if not connection.poll(seconds):
            raise PoolError(f"a process did not answer within {seconds:.0f} s")
        return self._received(connection)

    def _received(self, connection: Connection) -> Any:
        try:
            return connection.recv()
        except (EOFError, OSError):
            process = next(process for process, own in self._members if own is connection)
            process.join(CLOSE_SECONDS)
            raise PoolError(f"a process ended with code {process.exitcode}") from None

    @staticmethod
    def _complain(answer: Any) -> None:
        if isinstance(answer, Outcome):
            if answer.error != answer.error:  # NaN: the trial failed
                raise PoolError(answer.reason)
        else:
            raise PoolError(str(answer))
