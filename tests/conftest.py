"""What several parts share: subprocesses that import the anynas under test, executors, a look at what they leave."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # GP's threads would fight each other, and other tests, for the cores

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import anynas

Leftovers = Callable[[], list[str]]


@pytest.fixture(scope="session", autouse=True)
def _one_package() -> Iterator[None]:
    """Let subprocesses and Ray's workers import the package that the tests import, wherever it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(anynas.__file__).parents[1]), prepend=os.pathsep)
        yield


@pytest.fixture
def leftovers(monkeypatch: pytest.MonkeyPatch) -> Leftovers:
    """Return a function that waits for all processes started in the test to end, and returns those that don't."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs /proc")
    mark = f"ANYNAS_TEST_MARK={uuid.uuid4()}"
    monkeypatch.setenv(*mark.split("="))

    def alive() -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark.encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:  # it has ended, or is another user's
                continue
        return [line for line in found if "multiprocessing.resource_tracker" not in line]  # lives as long as we do

    def wait(seconds: float = 60.0) -> list[str]:
        end = time.monotonic() + seconds
        while alive() and time.monotonic() < end:
            time.sleep(0.05)
        return alive()

    return wait
