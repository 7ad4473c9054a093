"""Limits of memory: what asks for more is told so, and afterwards all is as before."""

import math
import resource
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from anynas.training.memory import memory_limit, ran_out_of_memory

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
MIB = 2**20
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits what a process may allocate")


def allocations() -> list[Any]:
    """Return three ways to ask for 256 MiB."""
    return [lambda: torch.ones(64 * MIB), lambda: np.ones(32 * MIB), lambda: bytearray(256 * MIB)]


@linux
@pytest.mark.parametrize("position", range(3))
def test_whatever_takes_more_than_the_limit_says_that_memory_ran_out(position: int) -> None:
    ask = allocations()[position]
    with memory_limit(100 * MIB, CPU), pytest.raises((MemoryError, RuntimeError)) as caught:
        ask()
    assert ran_out_of_memory(caught.value)
    ask()  # afterwards there is no limit


@linux
def test_what_stays_within_the_limit_is_not_disturbed() -> None:
    with memory_limit(1000 * MIB, CPU):
        for ask in allocations():
            ask()


@linux
def test_a_limit_that_was_there_before_is_there_again() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with memory_limit(100 * MIB, CPU):
        assert resource.getrlimit(resource.RLIMIT_DATA) != before
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    with memory_limit(math.inf, CPU):
        assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_on_a_gpu_the_share_is_what_the_process_has_and_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=1000))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 100)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda share, device: shares.append(share))
    with memory_limit(150, GPU):
        assert shares == [0.25]
    assert shares == [0.25, 1.0]
    with memory_limit(5000, GPU):
        assert shares[2:] == [1.0]


@pytest.mark.parametrize(
    ("error", "says_so"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_only_errors_that_mean_it_are_taken_for_a_lack_of_memory(error: Exception, says_so: bool) -> None:
    assert ran_out_of_memory(error) is says_so
