"""Devices: which one, one thread for a trial and the old number after it, peak memory."""

import platform
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from anynas.errors import DeviceError
from anynas.training.devices import PeakMemory, device_name, one_thread, processor_name, resolve_device

CPU = torch.device("cpu")
without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
MEGABYTE = 2**20


@pytest.fixture
def threads() -> Iterator[None]:
    """Put back the number of threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def unreadable(*_: Any, **__: Any) -> str:
    raise PermissionError("not here")


# Which device


def test_cpu_is_the_cpu() -> None:
    assert resolve_device("cpu") == CPU


@without_cuda
def test_auto_is_the_cpu_where_there_is_no_cuda() -> None:
    assert resolve_device("auto") == CPU


@pytest.mark.parametrize(("name", "device"), [("auto", "cuda"), ("cuda", "cuda"), ("cpu", "cpu")])
def test_auto_is_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch, name: str, device: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device(name) == torch.device(device)


@without_cuda
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(DeviceError) as caught:
        resolve_device("cuda")
    assert str(caught.value) == (
        "device cuda must be present and torch built for it; no CUDA device was found; use --device cpu or auto"
    )


@pytest.mark.parametrize("name", ["gpu", "cuda:1", "CPU", ""])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(DeviceError) as caught:
        resolve_device(name)
    assert str(caught.value) == f'device must be one of auto, cpu, cuda; got "{name}"'


def test_the_cpu_is_named_by_its_model() -> None:
    assert device_name(CPU) == processor_name() != ""
    assert "  " not in processor_name()


def test_the_processors_model_is_read_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "processor\t: 0\nmodel name\t: Some  Chip: 3 GHz\nmodel name\t: Other\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)
    assert processor_name() == "Some Chip: 3 GHz"


def test_a_processor_that_the_system_does_not_name_goes_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", unreadable)
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert processor_name() == platform.machine()


# One thread


@pytest.mark.parametrize("number", [1, 2, 3])
def test_one_thread_inside_and_the_old_number_after(threads: None, number: int) -> None:
    torch.set_num_threads(number)
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == number


def test_the_old_number_of_threads_is_back_after_an_error(threads: None) -> None:
    torch.set_num_threads(2)
    with pytest.raises(RuntimeError, match="inside"), one_thread():
        raise RuntimeError("inside")
    assert torch.get_num_threads() == 2
    assert torch.tensor([1e-40]).mul(0.5).item() > 0


def test_numbers_too_small_to_be_normal_are_zero_inside_alone() -> None:
    small = torch.tensor([1e-40])
    with one_thread():
        inside = small.mul(0.5).item()
    assert inside == 0
    assert small.mul(0.5).item() > 0


# Peak memory


PEAKS = """
import torch
from anynas.training.devices import PeakMemory
memory = PeakMemory(torch.device("cpu"))
memory.start()
before = memory.bytes()
block = torch.ones(25 * 2**20)
print(memory.bytes() - before, block.sum().item())
"""


def test_the_peak_grows_with_what_is_allocated() -> None:
    answer = subprocess.run(  # a process that has not lived long: an old one has memory to reuse
        [sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True
    )
    grown, total = answer.stdout.split()
    assert float(total) == 25 * 2**20
    assert int(grown) >= 90 * MEGABYTE


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this system keeps the peak for good")
def test_a_new_start_forgets_the_old_peak() -> None:
    memory = PeakMemory(CPU)
    memory.start()
    block = torch.ones(200 * MEGABYTE // 4)
    peak = memory.bytes()
    del block
    assert memory.bytes() >= peak - 20 * MEGABYTE  # still told
    memory.start()
    assert 0 < memory.bytes() < peak - 150 * MEGABYTE


@pytest.mark.parametrize(("system", "unit"), [("linux", 1024), ("darwin", 1)])
def test_where_the_system_tells_no_peak_it_is_that_of_the_whole_life(
    monkeypatch: pytest.MonkeyPatch, system: str, unit: int
) -> None:
    monkeypatch.setattr(Path, "read_text", unreadable)
    monkeypatch.setattr(Path, "write_text", unreadable)
    monkeypatch.setattr("sys.platform", system)
    memory = PeakMemory(CPU)
    memory.start()
    assert memory.bytes() == resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
