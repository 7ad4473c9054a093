"""The plain engine: torch's own modules, step by step, on any device."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from anynas.data import Split
from anynas.training.augmentation import augmented
from anynas.training.engines import AUGMENTATION_STREAM, count_wrong, make_optimizer, norms_and_others
from anynas.training.prepared import PreparedData
from anynas.trials import Trial

EVALUATION_BATCH = 500


class EagerEngine:
    """Channels innermost, everything else as torch does it."""

    def __init__(self, network: nn.Module, trial: Trial, data: PreparedData) -> None:
        self.network = network.to(data.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._recipe, self._data = trial.recipe, data
        self._optimizer = make_optimizer(*norms_and_others(self.network), trial.recipe)
        self._generator = torch.Generator(data.device).manual_seed(trial.seed ^ AUGMENTATION_STREAM)

    def step(self, batch: Tensor, rate: float) -> Tensor:
        """Take one step; see `Engine`."""
        self.network.train()
        train = self._data.train
        images = augmented(self._data.batch(train.images[batch]), self._recipe.augmentation, self._generator)
        logits = self.network(images.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits, train.labels[batch], label_smoothing=self._recipe.label_smoothing)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        return loss.detach()

    @torch.inference_mode()
    def error(self, split: Split) -> float:
        """Return the error in percent; see `Engine`."""
        self.network.eval()
        wrong = torch.zeros((), dtype=torch.int64, device=self._data.device)
        parts = zip(*(torch.split(part, EVALUATION_BATCH) for part in (split.images, split.labels)), strict=True)
        for images, labels in parts:
            wrong += count_wrong(self.network(self._data.batch(images)), labels, 1)
        return 100.0 * wrong.item() / len(split)
