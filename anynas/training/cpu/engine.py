"""A CPU's engine: one tape to train, one to evaluate, and all parameters in two arrays."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from anynas.data import Split
from anynas.training.augmentation import augmented
from anynas.training.cpu import kernels
from anynas.training.cpu.convolutions import Wide, convolution_of
from anynas.training.cpu.tape import Tape
from anynas.training.engines import AUGMENTATION_STREAM, count_wrong, make_optimizer, momenta, norms_and_others
from anynas.training.prepared import PreparedData
from anynas.trials import Trial

EVALUATION_BATCH = 64  # so few that values stay in the cache from one operation to the next
ALIGNED = 16  # values: each parameter begins on a line of the cache


class CpuEngine:
    """Plays a network's tape; nothing is allocated from one step to the next.

    Args:
        network: To be trained; its parameters are moved into arrays of the engine's.
        trial: Recipe and seed.
        data: What it is trained on.
        evaluation_batch: Images that are evaluated at once.
    """

    def __init__(
        self, network: nn.Module, trial: Trial, data: PreparedData, evaluation_batch: int = EVALUATION_BATCH
    ) -> None:
        self.network = network
        self._recipe, self._data = trial.recipe, data
        self._gradients: dict[int, Tensor] = {}
        self._channels_last = {
            id(module.weight)
            for module in network.modules()
            if isinstance(module, nn.Conv2d) and convolution_of(module) is Wide
        }
        norms, others = (self._gathered(parameters) for parameters in norms_and_others(network))
        self._optimizer = make_optimizer(norms, others, trial.recipe)
        self.generator = torch.Generator().manual_seed(trial.seed ^ AUGMENTATION_STREAM)
        size = trial.recipe.batch_size
        self._tape = Tape(
            network, image_shape=data.image_shape, batch_size=size, gradients=lambda p: self._gradients[id(p)]
        )
        self._losses = torch.empty(size)
        self._evaluation: Tape | None = None
        self._evaluation_batch = evaluation_batch

    def step(self, batch: Tensor, rate: float) -> Tensor:
        """Take one step; see `Engine`."""
        train, logits = self._data.train, self._tape.logits
        images = augmented(self._data.batch(train.images[batch]), self._recipe.augmentation, self.generator)
        self._tape.images.value.copy_(images.permute(1, 2, 3, 0))
        self._tape.forward()
        assert logits.grad is not None
        kernels.cross_entropy(
            *(logits.value.numpy(), train.labels[batch].numpy(), logits.grad.numpy(), self._losses.numpy()),
            self._recipe.label_smoothing,
        )
        self._tape.backward()
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        return self._losses.mean()

    def error(self, split: Split) -> float:
        """Return the error in percent; see `Engine`."""
        size = self._evaluation_batch
        if self._evaluation is None:
            self._evaluation = Tape(self.network, image_shape=self._data.image_shape, batch_size=size, gradients=None)
        tape, wrong = self._evaluation, 0
        parts = zip(*(torch.split(part, size) for part in (split.images, split.labels)), strict=True)
        for images, labels in parts:
            tape.images.value[..., : len(images)].copy_(self._data.batch(images).permute(1, 2, 3, 0))
            tape.forward()
            wrong += int(count_wrong(tape.logits.value[:, : len(images)], labels, 0))
        return 100.0 * wrong / len(split)

    def changing(self) -> Iterator[Tensor]:
        """Yield what a step changes; see `Engine`."""
        yield from self.network.state_dict().values()
        yield from momenta(self._optimizer)

    def _gathered(self, parameters: list[nn.Parameter]) -> list[Tensor]:
        """Move parameters into one array, and their gradients into another; return them as what an optimiser takes."""
        if not parameters:
            return []
        starts = [0]
        for parameter in parameters:
            starts.append(starts[-1] + -(-parameter.numel() // ALIGNED) * ALIGNED)
        together, gradients = torch.zeros(starts[-1]), torch.zeros(starts[-1])
        for parameter, start in zip(parameters, starts, strict=False):
            part = slice(start, start + parameter.numel())
            value, gradient = (self._shaped(array[part], parameter) for array in (together, gradients))
            parameter.data = value.copy_(parameter.detach())
            self._gradients[id(parameter)] = gradient
        together.grad = gradients
        return [together]

    def _shaped(self, part: Tensor, parameter: Tensor) -> Tensor:
        """Return a part of an array in the parameter's shape, with channels innermost where torch wants it so."""
        if id(parameter) not in self._channels_last:
            return part.view(parameter.shape)
        outputs, channels, *sides = parameter.shape
        return part.view(outputs, *sides, channels).permute(0, 3, 1, 2)
