"""Which device a trial runs on, and what it used of it."""

import contextlib
import dataclasses
import platform
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from anynas.errors import DeviceError

DEVICES = ("auto", "cpu", "cuda")


def resolve_device(name: str) -> torch.device:
    """Return the device for "auto" (CUDA where there is one), "cpu" or "cuda".

    Raises:
        DeviceError: CUDA was asked for and there is none, or the name is none of the three.
    """
    if name not in DEVICES:
        raise DeviceError(f'device must be one of {", ".join(DEVICES)}; got "{name}"')
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "device cuda must be present and torch built for it; no CUDA device was found; use --device cpu or auto"
        )
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


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
