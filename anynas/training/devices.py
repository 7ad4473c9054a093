"""Which device a trial runs on, and what it used of it."""

import contextlib
import dataclasses
import platform
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from anynas.errors import DeviceError

DEVICES = ("auto", "cpu", "cuda")

Ready = Callable[[], bool]  # whether the device has come so far; asking does not wait


def resolve_device(name: str) -> torch.device:
    """Return the device for "auto" (CUDA where there is one), "cpu" or "cuda".

    Raises:
        DeviceError: CUDA was asked for and there is none, or the name is none of the three.
    """
    check_device(name)
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "device cuda must be present and torch built for it; no CUDA device was found; use --device cpu or auto"
        )
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def check_device(name: str) -> None:
    """Raise DeviceError unless the name is one of `DEVICES`."""
    if name not in DEVICES:
        raise DeviceError(f'device must be one of {", ".join(DEVICES)}; got "{name}"')


def device_name(device: torch.device) -> str:
    """Return what a reader of the table wants to know: the GPU's name, or the processor's."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()


def processor_name() -> str:
    """Return the processor's model, as the system tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run torch with one thread: as many trials as cores beat one trial on all cores, and sums keep their order.

    Numbers too small to be normal are flushed to zero, since they slow a CPU down a hundredfold.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)


@contextlib.contextmanager
def repeatable_kernels() -> Iterator[None]:
    """Let cuDNN choose among its deterministic algorithms alone, and by rule, not by timing."""
    flags = torch.backends.cudnn
    before = flags.deterministic, flags.benchmark
    flags.deterministic, flags.benchmark = True, False
    try:
        yield
    finally:
        flags.deterministic, flags.benchmark = before


@contextlib.contextmanager
def forked_random_state(device: torch.device) -> Iterator[None]:
    """Leave torch's random state, and the device's, as they were."""
    before = random_state(device)
    try:
        yield
    finally:
        set_random_state(device, before)


def random_state(device: torch.device) -> list[torch.Tensor]:
    """Return torch's random state, and the device's if that has one of its own."""
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def set_random_state(device: torch.device, states: Sequence[torch.Tensor]) -> None:
    """Put back what `random_state` returned."""
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)


def reached(device: torch.device) -> Ready:
    """Return a function that says whether the device has done all that it was given on this stream up to now."""
    if device.type != "cuda":
        return _always
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    return event.query


def _always() -> bool:
    return True


@dataclasses.dataclass(slots=True)
class PeakMemory:
    """Peak memory since `start`.

    Of the device, or of this process on a CPU (of its whole life where the system can't reset it).
    """

    device: torch.device

    def start(self) -> None:
        """Forget earlier peaks."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            with contextlib.suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    def bytes(self) -> int:
        """Return the peak in bytes."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        with contextlib.suppress(OSError):
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
