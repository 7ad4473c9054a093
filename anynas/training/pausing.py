"""A training's state as plain arrays, on the host: taken after an epoch, and put back into an engine just made.

They are all that later epochs depend on: what a step changes for good, and how far every stream of random numbers has
been drawn. Nothing in them is code.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from anynas.training.devices import random_state, set_random_state
from anynas.training.engines import Engine

Arrays = tuple[np.ndarray[Any, Any], ...]


def arrays_of(engine: Engine, order: torch.Generator, device: torch.device) -> Arrays:
    """Return copies of an engine's tensors, then the states of its generator, of the order of images, and of torch."""
    tensors = [*engine.changing(), engine.generator.get_state(), order.get_state(), *random_state(device)]
    return tuple(tensor.detach().cpu().numpy().copy() for tensor in tensors)


@torch.no_grad()
def put_back(
    arrays: Sequence[np.ndarray[Any, Any]], engine: Engine, order: torch.Generator, device: torch.device
) -> None:
    """Bring an engine for the same trial, made on a device of the same kind, to where the arrays were taken."""
    tensors = list(engine.changing())
    values = [torch.from_numpy(array.copy()) for array in arrays]  # may be read-only where they come from
    for tensor, value in zip(tensors, values, strict=False):
        tensor.copy_(value)
    generator, images, *states = values[len(tensors) :]
    engine.generator.set_state(generator)
    order.set_state(images)
    set_random_state(device, states)
