"""Trials in a pool of processes on this machine; needs neither Ray nor Optuna.

A pool of our own rather than `concurrent.futures`: when one of its processes dies that pool breaks and loses every
trial under way; here the one that died is known and replaced.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from anynas.errors import ExecutorError
from anynas.execution import Outcome, WorkerLost
from anynas.execution.mps import mps as mps_service
from anynas.training.worker import Worker, Workplace
from anynas.trials import Trial

CONTEXT = multiprocessing.get_context("spawn")  # a fork would copy torch's and CUDA's threads in mid-air
STARTED = "started"  # a process's first word
PATIENCE_SECONDS = 5.0  # for a process that was told to end


class ProcessExecutor:
    """Persistent worker processes, each with its own data.

    On CUDA worker i uses GPU i % (number of visible GPUs): k times as many workers as GPUs train k trials on each.

    Args:
        workplace: What all trials share.
        workers: How many processes.
        mps: Whether to run NVIDIA's Multi-Process Service for them, where it is installed.
    """

    name = "process"

    def __init__(self, workplace: Workplace, *, workers: int, mps: bool = False) -> None:
        self.num_workers = workers
        self._service = contextlib.ExitStack()
        self.has_mps = mps and self._service.enter_context(mps_service())
        self._workplace = workplace
        self._slots = [_Slot(workplace, index) for index in range(workers)]

    def submit(self, trial: Trial) -> None:
        """Send the trial to a free process."""
        slot = next(slot for slot in self._slots if slot.trial is None)
        slot.trial = trial
        with contextlib.suppress(OSError):  # it has died already: next_outcome sees that
            slot.connection.send(trial)

    def next_outcome(self) -> tuple[Trial, Outcome]:
        """Wait for a process to answer or to die; one that died is replaced."""
        while True:
            busy = {slot.connection: slot for slot in self._slots if slot.trial is not None}
            for connection in wait(list(busy)):
                slot = busy[connection]  # type: ignore[index]
                trial = slot.trial
                assert trial is not None
                try:
                    answer = slot.connection.recv()
                except (EOFError, OSError):
                    answer = WorkerLost(slot.obituary())
                    if not slot.has_started:
                        raise ExecutorError(
                            f"worker processes must start; one ended at once ({answer.reason}); "
                            "try --executor inline to see why"
                        ) from None
                    index = self._slots.index(slot)
                    self._slots[index] = _Slot(self._workplace, index, has_started=True)
                if answer == STARTED:
                    slot.has_started = True
                    continue
                slot.trial = None
                return trial, answer

    def close(self) -> None:
        """End the processes at once; a trial under way is lost."""
        for slot in self._slots:
            slot.process.kill()
        for slot in self._slots:
            slot.process.join(PATIENCE_SECONDS)
            slot.connection.close()
        self._service.close()


class _Slot:
    """A process, the driver's end of its pipe, and the trial that it has."""

    def __init__(self, workplace: Workplace, index: int, *, has_started: bool = False) -> None:
        self.connection, theirs = CONTEXT.Pipe()
        self.process: BaseProcess = CONTEXT.Process(target=_serve, args=(theirs, workplace, index), daemon=True)
        self.process.start()
        theirs.close()
        self.trial: Trial | None = None
        self.has_started = has_started  # it, or one before it, has said so: the set-up works

    def obituary(self) -> str:
        """Return how the process ended."""
        self.process.join(PATIENCE_SECONDS)
        code = self.process.exitcode
        return (
            f"worker killed by signal {-code}" if code is not None and code < 0 else f"worker exited with code {code}"
        )


def _serve(connection: Connection, workplace: Workplace, index: int) -> None:
    """Run trials as they come, until the driver closes its end or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    threading.Thread(target=_follow_driver, daemon=True).start()
    if workplace.device == "cuda":
        _take_gpu(index)
    worker = Worker(workplace)
    with contextlib.suppress(EOFError, OSError):
        connection.send(STARTED)
        while True:
            connection.send(worker.run(connection.recv()))


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


def gpu_of(index: int, *, listed: str, count: int) -> str:
    """Return the GPU of a worker, as CUDA_VISIBLE_DEVICES names it: all that are visible, in turn.

    Args:
        index: The worker's, from 0.
        listed: CUDA_VISIBLE_DEVICES as it is; empty where all GPUs are visible.
        count: How many there are; where there is none, the worker is left to find out.
    """
    visible = listed.split(",") if listed else [str(device) for device in range(count)]
    return visible[index % len(visible)] if visible else ""
