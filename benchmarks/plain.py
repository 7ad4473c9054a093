"""Training as a user writes it in ordinary torch: a Dataset, a DataLoader, SGD, a schedule, contiguous memory format,
torch's own number of threads.

The work is that of an anynas trial: the same network and initialisation, recipe, images, epochs and evaluation.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import anynas
from anynas.data import load_data

EVALUATION_BATCH = 500

Images = NDArray[np.uint8]  # (N, C, H, W)
Transform = Callable[[NDArray[np.uint8]], Tensor]


@dataclasses.dataclass(frozen=True, slots=True)
class Arrays:
    """Training and validation images with their labels, as a user has them in memory."""

    images: Images
    labels: NDArray[np.int64]
    validation_images: Images
    validation_labels: NDArray[np.int64]


class Pictures(Dataset[tuple[Tensor, int]]):
    """Images with labels; the transform is applied whenever an image is taken."""

    def __init__(self, images: Images, labels: NDArray[np.int64], transform: Transform) -> None:
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), int(self.labels[index])


def load_arrays(name: str, num_images: int) -> Arrays:
    """Return the first so many training images of a data set, and all its validation images."""
    data = load_data(name)
    return Arrays(
        data.train.images[:num_images].numpy(),
        data.train.labels[:num_images].numpy(),
        data.validation.images.numpy(),
        data.validation.labels.numpy(),
    )


def to_tensor(image: NDArray[np.uint8]) -> Tensor:
    """Return an image as floats in [0, 1]."""
    return torch.from_numpy(image).float().div(255)


def normalised(mean: float, deviation: float) -> Transform:
    """Return the usual transform: to floats, then to mean 0 and deviation 1."""
    return lambda image: to_tensor(image).sub_(mean).div_(deviation)


def train_plainly(
    architecture: anynas.Architecture, arrays: Arrays, *, recipe: anynas.Recipe, epochs: int, seed: int
) -> Iterator[float]:
    """Train a network and yield its validation error in percent after each epoch."""
    torch.manual_seed(seed)
    shape = arrays.images.shape[1:]
    network = anynas.build(architecture, input_shape=shape, num_classes=int(arrays.labels.max()) + 1)
    transform = normalised(float(arrays.images.mean()) / 255, float(arrays.images.std()) / 255)
    training = Pictures(arrays.images, arrays.labels, transform)
    validation = Pictures(arrays.validation_images, arrays.validation_labels, transform)
    loader = DataLoader(training, batch_size=recipe.batch_size, shuffle=True, drop_last=True)
    validation_loader = DataLoader(validation, batch_size=EVALUATION_BATCH)
    optimizer = torch.optim.SGD(
        parameter_groups(network, recipe),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
    )
    steps = epochs * len(loader)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: recipe.learning_rate_at(step, steps) / recipe.learning_rate
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    for _ in range(epochs):
        network.train()
        for images, labels in loader:
            optimizer.zero_grad()
            criterion(network(images), labels).backward()
            optimizer.step()
            schedule.step()
        yield evaluate(network, validation_loader)


def parameter_groups(network: nn.Module, recipe: anynas.Recipe) -> list[dict[str, Any]]:
    """Return the parameters in two groups: batch norm's have a weight decay of their own."""
    norms = [p for m in network.modules() if isinstance(m, nn.BatchNorm2d) for p in m.parameters()]
    others = [p for m in network.modules() if not isinstance(m, nn.BatchNorm2d) for p in m.parameters(recurse=False)]
    return [
        {"params": others, "weight_decay": recipe.weight_decay},
        {"params": norms, "weight_decay": recipe.norm_weight_decay},
    ]


@torch.no_grad()
def evaluate(network: nn.Module, loader: "DataLoader[tuple[Tensor, int]]") -> float:
    """Return the top-1 error in percent."""
    network.eval()
    wrong = total = 0
    for images, labels in loader:
        wrong += int((network(images).argmax(dim=1) != labels).sum())
        total += len(labels)
    return 100 * wrong / total


def sequential(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Side: one training after the other in one process, each with torch's own number of threads."""
    recipe = anynas.Recipe(**request["recipe"])
    arrays = load_arrays(request["data"], request["images"])
    trials, first_start = [], time.time()
    for trial in request["trials"]:
        started = time.time()
        architecture = anynas.Architecture.from_dict(trial["architecture"])
        errors = list(train_plainly(architecture, arrays, recipe=recipe, epochs=request["epochs"], seed=trial["seed"]))
        trials.append({"key": architecture.key, "error": errors[-1], "seconds": time.time() - started})
    return {
        "first_start": first_start,
        "last_end": time.time(),
        "workers": 1,
        "threads": torch.get_num_threads(),
        "results": trials,
    }
