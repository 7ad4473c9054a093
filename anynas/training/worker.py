"""What an executor's worker does: keep data, train trials, turn whatever goes wrong into a value.

A worker needs torch and anynas; neither Ray nor Optuna.
"""

import contextlib
import dataclasses
import importlib
import math
import os
import platform
import re
import socket
from contextlib import AbstractContextManager
from pathlib import Path

import torch

import anynas
from anynas.architecture import anynet
from anynas.data import DataSet, load_data
from anynas.errors import AnynasError
from anynas.layers import Shape
from anynas.training.devices import device_name, one_thread, repeatable_kernels, resolve_device
from anynas.training.loop import train_trial
from anynas.training.memory import memory_limit, ran_out_of_memory
from anynas.training.prepared import PreparedData, prepare
from anynas.trials import Lost, Paused, Trial, TrialResult

TINY = anynet(depths=[1], widths=[8], block="V", stem_width=8)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What all trials of a run share: the data, for networks of which shape, and the device."""

    data: str  # a data set's name, or where it is on this machine
    input_shape: Shape  # (C, H, W)
    num_classes: int
    device: str = "auto"  # "auto", "cpu" or "cuda"
    gpu_share: float = 1.0  # of a GPU and its memory, for each worker
    memory_bytes: float = math.inf  # of the device's memory, that a trial may take beyond what its worker has already

    @property
    def workers_per_gpu(self) -> int:
        """How many workers share a GPU."""
        return int(1 / self.gpu_share + 1e-9)  # three thirds are one, however they are rounded


class Worker:
    """Trains trials one after the other; data are loaded once, and prepared once for each resolution."""

    def __init__(self, workplace: Workplace, data: DataSet | None = None) -> None:
        self.workplace = workplace
        self.device = resolve_device(workplace.device)
        self._data = data
        self._prepared: dict[int, PreparedData] = {}
        self._is_warm = False  # has what the first training loads, compiles and keeps

    def versions(self) -> dict[str, str]:
        """Return the versions that must agree between the driver and its workers, and where this one is."""
        return provenance()

    def get_ready(self) -> None:
        """Load what the first trial would load: data, and kernels, which a new machine compiles.

        So it takes no part of that trial's time.
        """
        with contextlib.suppress(AnynasError):  # the trial says what is wrong
            _ = self.data
        if self.device.type == "cpu":
            importlib.import_module("anynas.training.cpu.engine")

    def run(self, trial: Trial, *, alone: bool = False) -> TrialResult | Paused | Lost:
        """Train a trial; an exception becomes a value, its text the same under every executor.

        Args:
            trial: What to train.
            alone: Whether the whole device is this worker's meanwhile, not just its share.
        """
        try:
            with self.conditions():
                data = self.prepared(trial)
                most = self._memory_bytes(alone=alone)
                if math.isfinite(most) and not self._is_warm:
                    self._warm_up(trial, data)
                with memory_limit(most, self.device):
                    outcome: TrialResult | Paused | Lost = train_trial(trial, data)
        except Exception as error:
            outcome = self.failure(error)
        return signed(outcome)

    def conditions(self) -> AbstractContextManager[None]:
        """Return what training stands under: one thread on a CPU, deterministic kernels on a GPU."""
        return one_thread() if self.device.type == "cpu" else repeatable_kernels()

    def failure(self, error: Exception) -> TrialResult | Lost:
        """Return what comes of a trial that an exception ended; where memory ran out it may be tried again."""
        text = f"{type(error).__name__}: {_stable(str(error))}".removesuffix(": ")
        if ran_out_of_memory(error):
            return Lost(" ".join(f"out of memory ({text})".split()), alone=True)
        return TrialResult.failed(text, device=device_name(self.device))

    def prepared(self, trial: Trial) -> PreparedData:
        """Return the data at the trial's resolution, on this worker's device."""
        shape = self.workplace.input_shape
        resolution = shape[1] if trial.fidelity.resolution == "regime" else trial.fidelity.resolution
        if resolution not in self._prepared:
            self._prepared[resolution] = prepare(self.data, resolution=resolution, device=self.device)
        return self._prepared[resolution]

    def _warm_up(self, trial: Trial, data: PreparedData) -> None:
        """Train a tiny network on a batch, so that what that loads for good is not counted as a trial's."""
        few = dataclasses.replace(trial.fidelity, epochs=1, images=trial.recipe.batch_size)
        tiny = dataclasses.replace(trial, architecture=TINY, fidelity=few, test=False, stop=None, paused=None)
        with contextlib.suppress(AnynasError):  # it says what is wrong when it is the trial's turn
            train_trial(tiny, data)
        self._is_warm = True

    def _memory_bytes(self, *, alone: bool) -> float:
        """Return how much of the device's memory a trial may take."""
        share = self.workplace.gpu_share
        if self.device.type != "cuda" or alone or share == 1:
            return self.workplace.memory_bytes
        total = torch.cuda.get_device_properties(self.device).total_memory
        return min(self.workplace.memory_bytes, max(share * total - torch.cuda.memory_reserved(self.device), 0.0))

    @property
    def data(self) -> DataSet:
        """The data as they are: uint8, in memory, at their own resolution."""
        if self._data is None:
            place = self.workplace
            self._data = load_data(place.data, input_shape=place.input_shape, num_classes=place.num_classes)
        return self._data


def signed(outcome: TrialResult | Paused | Lost) -> TrialResult | Paused | Lost:
    """Return what came of a trial with the versions that decided it, and where it ran."""
    if isinstance(outcome, Lost):
        return outcome
    if isinstance(outcome, Paused):
        return dataclasses.replace(outcome, result=dataclasses.replace(outcome.result, provenance=provenance()))
    return dataclasses.replace(outcome, provenance=provenance())


def provenance() -> dict[str, str]:
    """Return the versions of everything that decides a result, and the machine's name and process."""
    return {
        "anynas_version": anynas.__version__,
        "torch_version": str(torch.__version__),  # its own class, which compares as versions do
        "python_version": platform.python_version(),
        "host": socket.gethostname(),
        "pid": str(os.getpid()),
        "git_commit": git_commit(),
    }


def git_commit() -> str:
    """Return the commit of the checkout that anynas runs from; empty for an installed package."""
    root = Path(anynas.__file__).parents[1]
    with contextlib.suppress(OSError):
        git = root / ".git"
        if git.is_file():  # a linked worktree: "gitdir: PATH"
            git = root / git.read_text(encoding="utf-8").partition(":")[2].strip()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head
        common = git / "commondir"
        base = git / common.read_text(encoding="utf-8").strip() if common.exists() else git
        name = head.removeprefix("ref: ")
        if (base / name).exists():
            return (base / name).read_text(encoding="utf-8").strip()
        for line in (base / "packed-refs").read_text(encoding="utf-8").splitlines():
            if line.endswith(f" {name}"):
                return line.split()[0]
    return ""


def _stable(message: str) -> str:
    """Return a message without what differs from one run to the next: addresses."""
    return re.sub(r"0x[0-9a-fA-F]+", "0x…", message)
