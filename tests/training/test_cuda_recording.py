"""What surrounds a recording, with everything of CUDA's replaced by what writes down that it was called."""

import contextlib
import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from anynas.training.cuda import recording
from anynas.training.cuda.recording import WARM_UPS, GraphRecorder

DEVICE = torch.device("cuda:1")


class Stream:
    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    def wait_stream(self, other: "Stream") -> None:
        self.log.append(f"{self.name} waits for {other.name}")


class DefaultGenerator:
    """Points to a state, as torch's does."""

    def __init__(self) -> None:
        self.state = "shared"

    def graphsafe_get_state(self) -> str:
        return self.state

    def clone_state(self) -> str:
        return f"copy of {self.state}"

    def graphsafe_set_state(self, state: str) -> None:
        self.state = state


class Graph:
    def __init__(self, log: list[str]) -> None:
        self.log = log

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.log.append(f"registered {generator.initial_seed()}")

    def replay(self) -> None:
        self.log.append("replayed")


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def current() -> list[str]:
    """Name of the stream that is current."""
    return ["default"]


@pytest.fixture
def default() -> DefaultGenerator:
    return DefaultGenerator()


@pytest.fixture(autouse=True)
def _no_cuda(monkeypatch: pytest.MonkeyPatch, log: list[str], current: list[str], default: DefaultGenerator) -> None:
    streams = {name: Stream(name, log) for name in ("default", "lane", "side")}

    @contextlib.contextmanager
    def on(stream: Stream) -> Iterator[None]:
        before, current[0] = current[0], stream.name
        yield
        current[0] = before

    @contextlib.contextmanager
    def graph(_: Graph, stream: Stream) -> Iterator[None]:
        log.append(f"capture on {stream.name}")
        with on(stream):
            yield
        log.append("captured")

    fakes: dict[str, Any] = {
        "current_stream": lambda _: streams[current[0]],
        "default_stream": lambda _: streams["default"],
        "Stream": lambda _: streams["side"],
        "stream": on,
        "graph": graph,
        "CUDAGraph": lambda: Graph(log),
        "default_generators": (None, default),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(recording.torch.cuda, name, fake)


def test_warming_up_happens_beside_the_default_stream_and_both_wait(log: list[str], current: list[str]) -> None:
    GraphRecorder(DEVICE).warm_up(lambda: log.append(f"work on {current[0]}"))
    assert log == ["side waits for default", *["work on side"] * WARM_UPS, "default waits for side"]


def test_a_lane_records_on_its_own_stream(log: list[str], current: list[str]) -> None:
    current[0] = "lane"
    recorder = GraphRecorder(DEVICE)
    recorder.record(lambda: log.append(f"work on {current[0]}"), [])
    assert log == ["capture on lane", "work on lane", "captured"]


def test_generators_are_registered_before_and_work_is_done_once_and_played_later(log: list[str]) -> None:
    generator = torch.Generator().manual_seed(7)
    play = GraphRecorder(DEVICE).record(lambda: log.append("work"), [generator])
    assert log == ["registered 7", "capture on side", "work", "captured"]
    play()
    assert log[-1] == "replayed"


def test_a_graph_without_registration_is_left_to_torch(monkeypatch: pytest.MonkeyPatch, log: list[str]) -> None:
    monkeypatch.delattr(Graph, "register_generator_state")
    GraphRecorder(DEVICE).record(lambda: None, [torch.Generator()])
    assert log == ["capture on side", "captured"]


def test_while_it_records_torchs_generator_is_a_copy_and_no_garbage_is_collected(default: DefaultGenerator) -> None:
    seen: list[Any] = []
    GraphRecorder(DEVICE).record(lambda: seen.append((default.state, gc.isenabled())), [])
    assert seen == [("copy of shared", False)]
    assert (default.state, gc.isenabled()) == ("shared", True)


def test_after_a_failure_torchs_generator_and_the_collector_are_back(default: DefaultGenerator) -> None:
    def fails() -> None:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        GraphRecorder(DEVICE).record(fails, [])
    assert (default.state, gc.isenabled()) == ("shared", True)
