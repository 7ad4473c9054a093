"""Data sets as tensors: images uint8 (N, C, H, W) and labels int64 (N,), in three splits; one file a data set.

Search and populations use validation error; test images are for winners alone.
"""

import dataclasses
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from anynas.data import fashion_mnist, synthetic
from anynas.data.splits import Split
from anynas.errors import DataError, did_you_mean
from anynas.layers import Shape

if TYPE_CHECKING:
    import numpy as np

__all__ = ["DATA_SETS", "DataSet", "Split", "load_data"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DataSet:
    """Images of one shape, with their labels."""

    name: str
    num_classes: int
    train: Split
    validation: Split
    test: Split

    @property
    def image_shape(self) -> Shape:
        """Shape of one image, (C, H, W)."""
        return tuple(self.train.images.shape[1:])

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their numbers; empty where they have none."""
        return CLASS_NAMES.get(self.name, ())

    def to_arrays(self) -> dict[str, "np.ndarray[Any, Any]"]:
        """Return its images and labels by name, sharing memory: what can be handed on without a copy."""
        return {
            f"{name} {part}": getattr(getattr(self, name), part).numpy()
            for name in ("train", "validation", "test")
            for part in ("images", "labels")
        }

    @classmethod
    def from_arrays(cls, name: str, num_classes: int, arrays: Mapping[str, "np.ndarray[Any, Any]"]) -> "DataSet":
        """Return the data set that gave these arrays, sharing memory; they may be read-only, and are never written."""

        def tensor(key: str) -> Tensor:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
                return torch.from_numpy(arrays[key])

        def split(which: str) -> Split:
            return Split(tensor(f"{which} images"), tensor(f"{which} labels"))

        return cls(
            name=name,
            num_classes=num_classes,
            train=split("train"),
            validation=split("validation"),
            test=split("test"),
        )

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the training pixels in [0, 255], each of shape (C,)."""
        pixels = self.train.images.double()
        return pixels.mean(dim=(0, 2, 3)).float(), pixels.std(dim=(0, 2, 3)).clamp_min(1.0).float()


Splits = tuple[Split, Split, Split]  # train, validation, test

DATA_SETS: dict[str, Callable[[Shape, int], Splits]] = {
    "fashion-mnist-mini": lambda shape, num_classes: fashion_mnist.load_mini(),
    "fashion-mnist": lambda shape, num_classes: fashion_mnist.load_full(),
    "synthetic": synthetic.make,
}

CLASS_NAMES = {"fashion-mnist-mini": fashion_mnist.CLASSES, "fashion-mnist": fashion_mnist.CLASSES}


def load_data(name: str, *, input_shape: Shape = (1, 28, 28), num_classes: int = 10) -> DataSet:
    """Return a data set on the CPU.

    Args:
        name: One of `DATA_SETS`.
        input_shape: (C, H, W) that networks will see; only `synthetic` is made to measure, others have their own.
        num_classes: Likewise.

    Raises:
        DataError: The name is unknown, the data are missing or damaged, or they do not suit networks of this shape.
    """
    if name not in DATA_SETS:
        raise DataError(f'unknown data set "{name}"{did_you_mean(name, DATA_SETS)}')
    train, validation, test = DATA_SETS[name](input_shape, num_classes)
    classes = int(train.labels.max()) + 1
    data = DataSet(name=name, num_classes=classes, train=train, validation=validation, test=test)
    if (data.image_shape[0], classes) != (input_shape[0], num_classes):
        raise DataError(
            f'data set "{name}" must have {input_shape[0]} channels and {num_classes} classes for these networks; it '
            f"has {data.image_shape[0]} and {classes}; choose another --data or --regime"
        )
    return data
