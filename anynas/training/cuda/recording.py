"""Recording of work on a GPU as a CUDA graph, behind two methods, so that all around it can be tested without one."""

import contextlib
import gc
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch

Work = Callable[[], object]
WARM_UPS = 3  # cuDNN and cuBLAS set up what they need, and autograd its nodes, before anything is recorded


class Recorder(Protocol):
    """Turns work of fixed shapes on fixed tensors into something that plays it."""

    def warm_up(self, work: Work) -> None:
        """Do the work a few times; whoever asks undoes what that changed."""

    def record(self, work: Work, generators: Sequence[torch.Generator]) -> Callable[[], None]:
        """Return a function that does the work; recording alone does none of it.

        Args:
            work: It waits for nothing on the device, and always uses the same tensors.
            generators: What it draws from, besides torch's own.
        """


class GraphRecorder:
    """Records CUDA graphs; they play on whatever stream is current.

    It records on the stream that is current when it is made, or beside it where that is the default one, which cannot
    be recorded. A recorded graph keeps workspaces that belong to the stream: trials that run at the same time must have
    streams of their own.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        current = torch.cuda.current_stream(device)
        is_default = current == torch.cuda.default_stream(device)
        self._stream = torch.cuda.Stream(device) if is_default else current  # type: ignore[no-untyped-call]

    def warm_up(self, work: Work) -> None:
        """Do the work a few times; see `Recorder`."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UPS):
                work()
        current.wait_stream(self._stream)

    def record(self, work: Work, generators: Sequence[torch.Generator]) -> Callable[[], None]:
        """Record; see `Recorder`. What torch's own generator draws in the graph is a stream of the graph's own."""
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            _register(graph, generator)
        recording = torch.cuda.graph(graph, stream=self._stream)
        with _own_default_generator(self._device), _no_collection(), recording:
            work()
        return graph.replay


class Repeater:
    """Does the work anew whenever it is played: the stand-in for a recorder where there is no GPU."""

    def warm_up(self, work: Work) -> None:
        """Do the work a few times; see `Recorder`."""
        for _ in range(WARM_UPS):
            work()

    def record(self, work: Work, generators: Sequence[torch.Generator]) -> Callable[[], None]:
        """Return the work; see `Recorder`."""

        def play() -> None:
            work()

        return play


def _register(graph: torch.cuda.CUDAGraph, generator: torch.Generator) -> None:
    """Let a graph draw from a generator: later releases of torch see to it themselves, and say so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        register = getattr(graph, "register_generator_state", None)
        if register is not None:
            register(generator)


@contextlib.contextmanager
def _own_default_generator(device: torch.device) -> Iterator[None]:
    """Let torch's own generator on the device be a copy of itself, which whatever is recorded meanwhile keeps.

    So trials that play side by side do not draw from one another's stream.
    """
    index = torch.cuda.current_device() if device.index is None else device.index
    default = torch.cuda.default_generators[index]
    before = default.graphsafe_get_state()
    default.graphsafe_set_state(default.clone_state())
    try:
        yield
    finally:
        default.graphsafe_set_state(before)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from freeing older graphs while one is recorded: that would break it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
