"""How much memory a trial may take, and how it shows that this was too little."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import torch

SAID = ("can't allocate memory", "not enough memory", "out of memory")  # by libraries that raise plain RuntimeErrors


def ran_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, the processor's or the GPU's."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in SAID)


@contextlib.contextmanager
def memory_limit(num_bytes: float, device: torch.device) -> Iterator[None]:
    """Let what runs inside take so many bytes of the device's memory, beyond what this process has before.

    More raises what the library that asks for it raises then (see `ran_out_of_memory`). On a CPU it is the system that
    says no, where it can: on Linux, not on macOS.

    Args:
        num_bytes: Infinity sets no limit.
        device: Whose memory.
    """
    if num_bytes == float("inf"):
        yield
    elif device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.empty_cache()
        share = min((torch.cuda.memory_reserved(device) + num_bytes) / total, 1.0)
        torch.cuda.set_per_process_memory_fraction(share, device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, device)
    else:
        before = resource.getrlimit(resource.RLIMIT_DATA)
        most = _data_bytes() + int(num_bytes)
        if before[1] != resource.RLIM_INFINITY:
            most = min(most, before[1])
        resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, before)


def _data_bytes() -> int:
    """Return what the system counts towards the limit; 0 where it does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 0
