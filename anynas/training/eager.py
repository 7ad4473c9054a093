"""The plain engine: torch's own modules, step by step, on any device."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from anynas.data import Split
from anynas.training.augmentation import augmented
from anynas.training.engines import AUGMENTATION_STREAM, count_wrong, make_optimizer, momenta, norms_and_others
from anynas.training.precision import NarrowWeights
from anynas.training.prepared import PreparedData
from anynas.trials import Trial

EVALUATION_BATCH = 500


class EagerEngine:
    """Channels innermost, everything else as torch does it.

    Args:
        network: To be trained; it is moved to the data's device.
        trial: Recipe and seed.
        data: What it is trained on.
        precision: Of activations and of what multiplies them; weights, norms, losses and the optimiser stay float32.
    """

    def __init__(
        self, network: nn.Module, trial: Trial, data: PreparedData, precision: torch.dtype = torch.float32
    ) -> None:
        self.network: nn.Module = network.to(data.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.precision = precision
        self.generator = torch.Generator(data.device).manual_seed(trial.seed ^ AUGMENTATION_STREAM)
        self._recipe, self._data = trial.recipe, data
        self._narrow = None if precision == torch.float32 else NarrowWeights(self.network, precision)
        self._optimizer = make_optimizer(*norms_and_others(self.network), trial.recipe)

    def step(self, batch: Tensor, rate: float | Tensor) -> Tensor:
        """Take one step; see `Engine`. The rate may lie on the device."""
        self.network.train()
        train = self._data.train
        images = augmented(self._data.batch(train.images[batch]), self._recipe.augmentation, self.generator)
        self.refresh()
        self.forget_gradients()
        loss = functional.cross_entropy(
            self._logits(images), train.labels[batch], label_smoothing=self._recipe.label_smoothing
        )
        loss.backward()  # type: ignore[no-untyped-call]
        if self._narrow is not None:
            self._narrow.hand_back_gradients()
        _align_gradients(self.network)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        return loss.detach()

    def error(self, split: Split) -> float:
        """Return the error in percent; see `Engine`."""
        self.refresh()
        wrong = torch.zeros((), dtype=torch.int64, device=self._data.device)
        parts = zip(*(torch.split(part, EVALUATION_BATCH) for part in (split.images, split.labels)), strict=True)
        for images, labels in parts:
            wrong += self.count_wrong(images, labels)
        return 100.0 * wrong.item() / len(split)

    @torch.no_grad()
    def count_wrong(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return how many images (N, C, H, W) are wrong, a scalar on the device; labels below 0 count for nothing."""
        self.network.eval()
        return count_wrong(self._logits(self._data.batch(images)), labels, 1)

    def refresh(self) -> None:
        """Bring narrow copies of weights up to date; to be done before `count_wrong` if steps were taken."""
        if self._narrow is not None:
            self._narrow.refresh()

    def forget_gradients(self) -> None:
        """Let go of all gradients, and of their memory."""
        self._optimizer.zero_grad(set_to_none=True)
        if self._narrow is not None:
            self._narrow.forget_gradients()

    def changing(self) -> Iterator[Tensor]:
        """Yield what a step changes; see `Engine`."""
        yield from self.network.state_dict().values()
        yield from momenta(self._optimizer)

    def _logits(self, images: Tensor) -> Tensor:
        """Map normalised images (N, C, H, W) to float32 logits (N, classes)."""
        images = images.contiguous(memory_format=torch.channels_last)
        if self._narrow is None:
            logits: Tensor = self.network(images)
            return logits
        logits = functional_call(self.network, self._narrow.weights, (images.to(self.precision),))
        return logits.float()


def _align_gradients(network: nn.Module) -> None:
    """Give gradients the strides of their parameters, to the letter.

    autograd lets them differ where a dimension has size 1, as a 1x1 kernel's has; torch's fused optimisers do not.
    """
    for parameter in network.parameters():
        gradient = parameter.grad
        if gradient is None or gradient.stride() == parameter.stride():
            continue
        pairs = zip(parameter.shape, parameter.stride(), gradient.stride(), strict=True)
        if all(wanted == found for size, wanted, found in pairs if size > 1):
            parameter.grad = gradient.as_strided(parameter.shape, parameter.stride())
        else:
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
