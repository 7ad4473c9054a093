"""Engines: how a network's steps and its evaluation are computed on one device. All compute the same network.

An engine is made for one trial, and its network's parameters are what a trial ends with. Which engine serves is a
function of the device and the architecture alone, never of timing.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from anynas.data import Split
from anynas.networks import build, initialise
from anynas.training.prepared import PreparedData
from anynas.trials import Recipe, Trial

AUGMENTATION_STREAM = 0x5EED_1  # set apart from the streams of initial weights and of the order of images


class Engine(Protocol):
    """One network in training."""

    @property
    def network(self) -> nn.Module:
        """The network; its parameters and running moments are those of the last step."""

    @property
    def generator(self) -> torch.Generator:
        """What augmentation draws from."""

    def changing(self) -> Iterator[Tensor]:
        """Yield every tensor that a step changes for good, from before the first one on: parameters, running moments,
        momentum; always in the same order. Who copies to them puts the network where they came from.
        """

    def step(self, batch: Tensor, rate: float) -> Tensor:
        """Take one step of the recipe's optimiser.

        Args:
            batch: Indices of training images, (recipe.batch_size,), on the device.
            rate: Learning rate.

        Returns:
            The batch's mean loss before the step, a scalar on the device; the next step may overwrite it.
        """

    def error(self, split: Split) -> float:
        """Return the top-1 error on a split in percent; a logit that is not a number counts as wrong."""


def network_of(trial: Trial, data: PreparedData) -> nn.Module:
    """Return the trial's network, with weights drawn by torch's current random state."""
    network = build(trial.architecture, input_shape=data.image_shape, num_classes=data.num_classes)
    if trial.recipe.initialisation != "family":
        initialise(network, trial.recipe.initialisation)
    return network


def make_engine(trial: Trial, data: PreparedData) -> Engine:
    """Return the trial's engine, with weights drawn by torch's current random state."""
    network = network_of(trial, data)
    if data.device.type == "cpu":
        from anynas.training.cpu.convolutions import is_mostly_wide
        from anynas.training.cpu.engine import CpuEngine  # compiles its kernels when it is first imported

        if not is_mostly_wide(trial.architecture.layers(data.num_classes), data.image_shape):
            return CpuEngine(network, trial, data)
        from anynas.training.eager import EagerEngine

        return EagerEngine(network, trial, data)
    from anynas.training.cuda.engine import GraphEngine
    from anynas.training.precision import precision_of

    return GraphEngine(network, trial, data, precision_of(data.device, network))


def norms_and_others(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the parameters of batch norms, and all others, each in the network's order."""
    norms = [p for module in network.modules() if isinstance(module, nn.BatchNorm2d) for p in module.parameters()]
    in_norms = set(map(id, norms))
    return norms, [p for p in network.parameters() if id(p) not in in_norms]


def make_optimizer(norms: Sequence[Tensor], others: Sequence[Tensor], recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser, with the weight decay of each of the two kinds of parameters.

    Momentum begins at zero, so that no step differs from another.
    """
    groups = [
        {"params": list(others), "weight_decay": recipe.weight_decay},
        {"params": list(norms), "weight_decay": recipe.norm_weight_decay},
    ]
    optimizer = torch.optim.SGD(
        [group for group in groups if group["params"]],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        fused=True,
    )
    if recipe.momentum:
        for parameter in (*others, *norms):
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def momenta(optimizer: torch.optim.Optimizer) -> Iterator[Tensor]:
    """Yield the optimiser's own tensors, in the order of its parameters."""
    for state in optimizer.state.values():
        yield from (value for value in state.values() if isinstance(value, Tensor))


def count_wrong(logits: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return how many images are wrong, a scalar on the device; labels below 0 stand for images that do not count.

    `classes` is the dimension of the logits' classes.
    """
    right = (logits.argmax(dim=classes) == labels) & logits.isfinite().all(dim=classes)
    return (~right & (labels >= 0)).sum()
