"""The engine of a GPU: a step of the plain engine recorded as a CUDA graph, and its evaluation as another.

What is computed is the plain engine's by construction. This module sees to fixed tensors that the graphs read, to what
warming up must not leave behind, and to the rest of a split that fills no batch.
"""

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from anynas.data import Split
from anynas.training.cuda.recording import GraphRecorder, Recorder
from anynas.training.devices import random_state, set_random_state
from anynas.training.eager import EVALUATION_BATCH, EagerEngine
from anynas.training.prepared import PreparedData
from anynas.trials import Trial

NO_IMAGE = -1  # label of a row that fills up a batch


class GraphEngine:
    """Plays a recorded step; indices and rate are copied to where it reads them, and nothing waits for the device.

    Args:
        network: To be trained; it is moved to the data's device.
        trial: Recipe and seed.
        data: What it is trained on.
        precision: As the plain engine's.
        recorder: How work is recorded; None: as CUDA graphs.
    """

    def __init__(
        self,
        network: nn.Module,
        trial: Trial,
        data: PreparedData,
        precision: torch.dtype = torch.float32,
        recorder: Recorder | None = None,
    ) -> None:
        self._eager = EagerEngine(network, trial, data, precision)
        self._data = data
        self._recorder = recorder or GraphRecorder(data.device)
        self._batch = torch.zeros(trial.recipe.batch_size, dtype=torch.int64, device=data.device)
        self._rate = torch.zeros((), device=data.device)
        self._loss = torch.zeros((), device=data.device)
        self._play_step: Callable[[], None] | None = None
        self._evaluation: _Evaluation | None = None

    @property
    def network(self) -> nn.Module:
        """The network; see `Engine`."""
        return self._eager.network

    @property
    def generator(self) -> torch.Generator:
        """What augmentation draws from; see `Engine`."""
        return self._eager.generator

    def changing(self) -> Iterator[Tensor]:
        """Yield what a step changes; see `Engine`."""
        return self._eager.changing()

    def step(self, batch: Tensor, rate: float) -> Tensor:
        """Take one step; see `Engine`. The first one records it."""
        self._batch.copy_(batch)
        self._rate.fill_(rate)
        if self._play_step is None:
            with self._undone():
                self._recorder.warm_up(self._step)
            self._play_step = self._recorder.record(self._step, [self._eager.generator])
        self._play_step()
        return self._loss

    def error(self, split: Split) -> float:
        """Return the error in percent; see `Engine`. The first call records it."""
        if self._evaluation is None:
            self._evaluation = _Evaluation(self._eager, self._data, self._recorder)
        return 100.0 * self._evaluation.count_wrong(split) / len(split)

    def _step(self) -> None:
        self._loss.copy_(self._eager.step(self._batch, self._rate))

    @contextlib.contextmanager
    def _undone(self) -> Iterator[None]:
        """Put back everything that steps change: parameters, moments, momentum, and what generators have drawn.

        Gradients are let go, so that recording allocates them where a graph keeps its own memory.
        """
        device, generator = self._data.device, self.generator
        tensors = list(self.changing())
        kept = [tensor.clone() for tensor in tensors]
        states, drawn = random_state(device), generator.get_state()
        yield
        for tensor, value in zip(tensors, kept, strict=True):
            tensor.copy_(value)
        set_random_state(device, states)
        generator.set_state(drawn)
        self._eager.forget_gradients()


class _Evaluation:
    """A batch of evaluation, recorded: images and labels lie where it reads them, and it adds to a count."""

    def __init__(self, eager: EagerEngine, data: PreparedData, recorder: Recorder) -> None:
        images = data.validation.images
        self._eager = eager
        self._images = torch.zeros(EVALUATION_BATCH, *data.image_shape, dtype=images.dtype, device=data.device)
        self._labels = torch.full((EVALUATION_BATCH,), NO_IMAGE, dtype=torch.int64, device=data.device)
        self._wrong = torch.zeros((), dtype=torch.int64, device=data.device)
        eager.refresh()
        recorder.warm_up(self._add)
        self._play = recorder.record(self._add, [])

    def count_wrong(self, split: Split) -> int:
        """Return how many images of a split are wrong; this waits for the device, once."""
        self._eager.refresh()
        self._wrong.zero_()
        for start in range(0, len(split), EVALUATION_BATCH):
            images = split.images[start : start + EVALUATION_BATCH]
            self._images[: len(images)].copy_(images)
            self._labels[: len(images)].copy_(split.labels[start : start + EVALUATION_BATCH])
            self._labels[len(images) :].fill_(NO_IMAGE)
            self._play()
        return int(self._wrong.item())

    def _add(self) -> None:
        self._wrong += self._eager.count_wrong(self._images, self._labels)
