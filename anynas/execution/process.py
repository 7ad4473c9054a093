"""Trials in a pool of processes on this machine; needs neither Ray nor Optuna.

A pool of our own rather than `concurrent.futures`: when one of its processes dies that pool breaks and loses every
trial under way; here the one that died is known and replaced.
"""

import contextlib
import math
import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from anynas.errors import ExecutorError
from anynas.execution import Outcome
from anynas.execution.mps import mps as mps_service
from anynas.execution.roster import Roster, past_deadline
from anynas.training.worker import Worker, Workplace
from anynas.trials import Lost, Trial

CONTEXT = multiprocessing.get_context("spawn")  # a fork would copy torch's and CUDA's threads in mid-air
STARTED = "started"  # a process's first word
START_SECONDS = 120.0  # for a process to load torch and say so, where others may be doing the same
PATIENCE_SECONDS = 5.0  # for a process that was told to end


class ProcessExecutor:
    """Persistent worker processes, each with its own data.

    On CUDA worker i uses GPU i % (number of visible GPUs): k times as many workers as GPUs train k trials on each.

    Args:
        workplace: What all trials share.
        workers: How many processes.
        deadline_seconds: How long a trial may take before its process is ended.
        mps: Whether to run NVIDIA's Multi-Process Service for them, where it is installed.
    """

    name = "process"

    def __init__(
        self, workplace: Workplace, *, workers: int, deadline_seconds: float = math.inf, mps: bool = False
    ) -> None:
        self.num_workers = workers
        self._service = contextlib.ExitStack()
        self.has_mps = mps and self._service.enter_context(mps_service())
        self._workplace = workplace
        self._roster: Roster[_Slot] = Roster(deadline_seconds)
        self._deadline_seconds = deadline_seconds
        self._has_started = False  # whether any process has said so: the set-up works
        for index in range(workers):
            self._hire(index)

    def submit(self, trial: Trial, *, alone: bool = False) -> None:
        """Send the trial to a free process, now or when there is one."""
        self._roster.add(trial, alone=alone)
        self._start()

    def next_outcome(self) -> tuple[Trial, Outcome]:
        """Wait for a process to answer, to die or to be past its deadline; one that is gone is replaced."""
        while True:
            busy = {slot.connection: slot for slot in self._roster.busy}
            patience = min([self._roster.seconds_to_deadline(), *(slot.seconds_to_start() for slot in busy.values())])
            for connection in wait(list(busy), None if math.isinf(patience) else patience):
                slot = busy[connection]  # type: ignore[index]
                try:
                    answer = slot.connection.recv()
                except (EOFError, OSError):
                    return self._replace(slot, slot.obituary())
                if answer == STARTED:
                    slot.has_started = self._has_started = True
                    self._roster.begin(slot)
                    continue
                trial = self._roster.end(slot)
                self._start()
                return trial, answer
            for slot in self._roster.overdue():
                return self._replace(slot, past_deadline(self._deadline_seconds))
            for slot in busy.values():
                if slot.seconds_to_start() == 0:
                    return self._replace(slot, Lost(f"worker did not start within {START_SECONDS:g} s"))

    def close(self) -> None:
        """End the processes at once; a trial under way is lost."""
        slots = self._roster.workers
        for slot in slots:
            slot.process.kill()
        for slot in slots:
            slot.process.join(PATIENCE_SECONDS)
            slot.connection.close()
        self._service.close()

    def _hire(self, index: int) -> None:
        self._roster.join(_Slot(self._workplace, index), device_of(index, self._workplace.device))

    def _start(self) -> None:
        while (start := self._roster.next_start()) is not None:
            slot, trial, alone = start
            with contextlib.suppress(OSError):  # it has died already: next_outcome sees that
                slot.connection.send((trial, alone))
            if slot.has_started:
                self._roster.begin(slot)

    def _replace(self, slot: "_Slot", lost: Lost) -> tuple[Trial, Outcome]:
        """End a process, put another one in its place, and return what it had with what became of that."""
        if not self._has_started:
            raise ExecutorError(
                f"worker processes must start; one did not ({lost.reason}); try --executor inline to see why"
            )
        slot.end()
        trial = self._roster.leave(slot)
        assert trial is not None
        self._hire(slot.index)
        self._start()
        return trial, lost


class _Slot:
    """A process and the driver's end of its pipe."""

    def __init__(self, workplace: Workplace, index: int) -> None:
        self.index = index
        self.connection, theirs = CONTEXT.Pipe()
        self.process: BaseProcess = CONTEXT.Process(target=_serve, args=(theirs, workplace, index), daemon=True)
        self.process.start()
        theirs.close()
        self.has_started = False  # it has said so
        self._hired = time.monotonic()

    def seconds_to_start(self) -> float:
        """Return how long the process still has to start; infinity if it has."""
        return math.inf if self.has_started else max(self._hired + START_SECONDS - time.monotonic(), 0.0)

    def obituary(self) -> Lost:
        """Return how the process ended by itself; killed as the system does where memory runs out, it may be that."""
        self.process.join(PATIENCE_SECONDS)
        code = self.process.exitcode
        if code is not None and code < 0:
            return Lost(f"worker killed by signal {-code}", alone=-code == signal.SIGKILL)
        return Lost(f"worker exited with code {code}")

    def end(self) -> None:
        """End the process, if it has not ended."""
        self.process.kill()
        self.process.join(PATIENCE_SECONDS)
        self.connection.close()


def _serve(connection: Connection, workplace: Workplace, index: int) -> None:
    """Run trials as they come, until the driver closes its end or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    threading.Thread(target=_follow_driver, daemon=True).start()
    if workplace.device == "cuda":
        _take_gpu(index)
    worker = Worker(workplace)
    worker.get_ready()
    with contextlib.suppress(EOFError, OSError):
        connection.send(STARTED)
        while True:
            trial, alone = connection.recv()
            connection.send(worker.run(trial, alone=alone))


def _follow_driver() -> None:
    """End this process as soon as its parent has ended, however that came about."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _take_gpu(index: int) -> None:
    """Leave this process one of the visible GPUs, in turn; before torch first touches CUDA."""
    import torch

    os.environ["CUDA_VISIBLE_DEVICES"] = gpu_of(
        index, listed=os.environ.get("CUDA_VISIBLE_DEVICES", ""), count=torch.cuda.device_count()
    )


def device_of(index: int, device: str) -> str:
    """Return the device of a worker as those that share it name it alike."""
    if device != "cuda":
        return device
    import torch

    return f"cuda:{index % max(torch.cuda.device_count(), 1)}"


def gpu_of(index: int, *, listed: str, count: int) -> str:
    """Return the GPU of a worker, as CUDA_VISIBLE_DEVICES names it: all that are visible, in turn.

    Args:
        index: The worker's, from 0.
        listed: CUDA_VISIBLE_DEVICES as it is; empty where all GPUs are visible.
        count: How many there are; where there is none, the worker is left to find out.
    """
    visible = listed.split(",") if listed else [str(device) for device in range(count)]
    return visible[index % len(visible)] if visible else ""
