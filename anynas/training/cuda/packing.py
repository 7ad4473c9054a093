"""How many trials a GPU's memory has room for, from what one was measured to need."""

import dataclasses

import torch

from anynas.errors import SettingsError

MOST_TRIALS = 16  # at once on one GPU: more hosts' work, caches and queues than one GPU has use for
SPARE_SHARE = 0.1  # of the GPU's memory: allocators keep more than they use, and networks differ


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """What one trial alone was measured to need, in bytes.

    Raises:
        SettingsError: A trial that needs nothing was not measured.
    """

    trial_bytes: int  # most that torch's allocator held while it trained
    context_bytes: int  # what CUDA itself keeps for a process, whatever that trains

    def __post_init__(self) -> None:
        if self.trial_bytes < 1 or self.context_bytes < 0:
            raise SettingsError(
                "trial_bytes must be at least 1 and context_bytes at least 0; "
                f"got {self.trial_bytes} and {self.context_bytes}"
            )


def trials_at_once(need: MemoryNeed, *, total_bytes: int, free_bytes: int, one_process: bool = False) -> int:
    """Return for how many trials there is room: at least 1, at most `MOST_TRIALS`.

    Args:
        need: Of the largest trial.
        total_bytes: The GPU's memory, of which a share is left alone.
        free_bytes: What of it nobody uses.
        one_process: Whether all share one process, and with it one context.
    """
    room = free_bytes - int(SPARE_SHARE * total_bytes)
    if one_process:
        number = (room - need.context_bytes) // need.trial_bytes
    else:
        number = room // (need.trial_bytes + need.context_bytes)
    return max(1, min(MOST_TRIALS, number))


def measured_need(device: torch.device) -> MemoryNeed:
    """Return what this process has needed at most since its peak was last reset, if it is alone on the GPU."""
    free, total = torch.cuda.mem_get_info(device)
    return MemoryNeed(
        trial_bytes=max(torch.cuda.max_memory_reserved(device), 1),
        context_bytes=max(total - free - torch.cuda.memory_reserved(device), 0),
    )
