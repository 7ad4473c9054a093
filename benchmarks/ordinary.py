"""The loop that a user writes for a GPU: a Dataset that transforms image by image, a DataLoader with worker processes,
`.to(device)`, SGD, a schedule, `loss.item()` in every step; contiguous, float32, nothing of anynas but the network.

The work is that of a trial: the same network and initialisation, images, recipe, epochs and evaluation.
"""

import random
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from anynas.data import DataSet, Split
from anynas.networks import build, initialise
from anynas.trials import Trial

LOADER_WORKERS = 4
EVALUATION_BATCH = 500


class Pictures(Dataset[tuple[Tensor, int]]):
    """Images, normalised, and augmented if a kind of augmentation is named, whenever one is taken."""

    def __init__(self, split: Split, mean: Tensor, deviation: Tensor, augmentation: str = "none") -> None:
        self.images, self.labels = split.images, split.labels.tolist()
        self.mean, self.deviation = mean.view(-1, 1, 1), deviation.view(-1, 1, 1)
        self.augmentation = augmentation

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = (self.images[index].float() - self.mean) / self.deviation
        if self.augmentation != "none" and random.random() < 0.5:
            image = image.flip(2)
        if self.augmentation == "crop_flip":
            _, height, width = image.shape
            rows, columns = max(height // 8, 1), max(width // 8, 1)
            padded = nn.functional.pad(image, (columns, columns, rows, rows))
            top, left = random.randint(0, 2 * rows), random.randint(0, 2 * columns)
            image = padded[:, top : top + height, left : left + width]
        return image, self.labels[index]


def train(trial: Trial, data: DataSet, device: torch.device, *, loader_workers: int = LOADER_WORKERS) -> float:
    """Train a trial's network at the data's own resolution and return its validation error in percent."""
    recipe, fidelity = trial.recipe, trial.fidelity
    torch.manual_seed(trial.seed)
    random.seed(trial.seed)
    network = build(trial.architecture, input_shape=data.image_shape, num_classes=data.num_classes)
    if recipe.initialisation != "family":
        initialise(network, recipe.initialisation)
    network = network.to(device)
    count = len(data.train) if fidelity.images == "all" else fidelity.images
    first, statistics = Split(data.train.images[:count], data.train.labels[:count]), data.statistics()
    loading: dict[str, Any] = {
        "num_workers": loader_workers,
        "pin_memory": device.type == "cuda",
        "persistent_workers": loader_workers > 0,
    }
    loader = DataLoader(
        Pictures(first, *statistics, recipe.augmentation),
        batch_size=recipe.batch_size,
        shuffle=True,
        drop_last=True,
        **loading,
    )
    validation = DataLoader(Pictures(data.validation, *statistics), batch_size=EVALUATION_BATCH, **loading)
    norms = {id(p) for m in network.modules() if isinstance(m, nn.BatchNorm2d) for p in m.parameters()}
    optimizer = torch.optim.SGD(
        [
            {"params": [p for p in network.parameters() if id(p) not in norms], "weight_decay": recipe.weight_decay},
            {"params": [p for p in network.parameters() if id(p) in norms], "weight_decay": recipe.norm_weight_decay},
        ],
        lr=1.0,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
    )
    num_steps = fidelity.epochs * len(loader)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: recipe.learning_rate_at(step, num_steps))
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    for _ in range(fidelity.epochs):
        network.train()
        running = 0.0
        for images, labels in loader:
            images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
            optimizer.zero_grad()
            loss = loss_of(network(images), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
            running += loss.item()
        error = _error(network, validation, device)
    return error


def _error(network: nn.Module, loader: DataLoader[tuple[Tensor, int]], device: torch.device) -> float:
    """Return the error in percent."""
    network.eval()
    wrong = count = 0
    with torch.no_grad():
        for images, labels in loader:
            wrong += int((network(images.to(device)).argmax(dim=1).cpu() != labels).sum())
            count += len(labels)
    return 100.0 * wrong / count
