"""Data sets as tensors: images uint8 (N, C, H, W) and labels int64 (N,), in three splits; one file a data set.

A data set goes by its name, or by the path of a user's own pictures. Search and populations use validation error; test
images are for winners alone.
"""

import dataclasses
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from anynas.data import cifar10, fashion_mnist, synthetic
from anynas.data.pictures import Pictures, Reading, is_entry, load_pictures, read_entry
from anynas.data.splits import Split
from anynas.errors import DataError, did_you_mean, shown
from anynas.layers import Shape

if TYPE_CHECKING:
    import numpy as np

__all__ = ["DATA_SETS", "DataSet", "Pictures", "Reading", "Split", "check_data", "find_data", "is_path", "load_data"]

SUMMED_TOGETHER = 2**24  # values of pixels, about
PICTURES = "pictures"  # the name of all users' own


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DataSet:
    """Images of one shape, with their labels."""

    name: str
    num_classes: int
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...] = ()  # in the order of their numbers; empty where they have none
    path: str = ""  # from which they were read, absolute; empty where the name alone finds them
    pictures: Pictures | None = None  # what is known of a user's own

    @property
    def image_shape(self) -> Shape:
        """Shape of one image, (C, H, W)."""
        return tuple(self.train.images.shape[1:])

    @property
    def identity(self) -> dict[str, Any]:
        """Which data they are, JSON-ready: a user's pictures by what they show, wherever they are."""
        return {"data": self.name, **({"pictures": self.pictures.identity} if self.pictures else {})}

    @property
    def source(self) -> str:
        """What `load_data` is to be told to find them again, from any folder."""
        return self.path or self.name

    @property
    def place(self) -> str:
        """What `load_data` is to be told on this machine to have the same images again without decoding them."""
        return self.source if self.pictures is None else str(self.pictures.entry)

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

        def split(which: str) -> Split:
            return Split(_tensor(arrays[f"{which} images"]), _tensor(arrays[f"{which} labels"]))

        return cls(
            name=name,
            num_classes=num_classes,
            train=split("train"),
            validation=split("validation"),
            test=split("test"),
        )

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the training pixels in [0, 255], each of shape (C,).

        Sums of whole numbers are exact, however many there are; a few images are looked at at a time.
        """
        channels = self.image_shape[0]
        total, squares = torch.zeros(channels, dtype=torch.int64), torch.zeros(channels, dtype=torch.int64)
        for part in torch.split(self.train.images, max(SUMMED_TOGETHER // self.train.images[0].numel(), 1)):
            pixels = part.transpose(0, 1).reshape(channels, -1).long()
            total += pixels.sum(dim=1)
            squares += (pixels * pixels).sum(dim=1)
        count = self.train.images.numel() // channels
        spread = [count * s - t * t for s, t in zip(squares.tolist(), total.tolist(), strict=True)]  # never rounded
        deviation = torch.tensor([(each / count / max(count - 1, 1)) ** 0.5 for each in spread])
        return (total.double() / count).float(), deviation.clamp_min(1.0)


Splits = tuple[Split, Split, Split]  # train, validation, test

DATA_SETS: dict[str, Callable[[Shape, int], Splits]] = {
    "fashion-mnist-mini": lambda shape, num_classes: fashion_mnist.load_mini(),
    "fashion-mnist": lambda shape, num_classes: fashion_mnist.load_full(),
    "cifar10": lambda shape, num_classes: cifar10.load(),
    "synthetic": synthetic.make,
}

CLASS_NAMES = {
    "fashion-mnist-mini": fashion_mnist.CLASSES,
    "fashion-mnist": fashion_mnist.CLASSES,
    "cifar10": cifar10.CLASSES,
}


def is_path(data: str | Path) -> bool:
    """Return whether data are meant by a path: it has a separator, or is there and no data set has that name."""
    text = str(data)
    if isinstance(data, Path) or "/" in text or os.sep in text or text.startswith("~"):
        return True
    return text not in DATA_SETS and Path(text).exists()


def load_data(
    data: str | Path,
    *,
    input_shape: Shape | None = None,
    num_classes: int | None = None,
    side: int | None = None,
    reading: Reading | None = None,
) -> DataSet:
    """Return a data set on the CPU.

    Args:
        data: One of `DATA_SETS`; or the path of a folder of pictures with one folder a class, or of CIFAR-10's archive.
        input_shape: (C, H, W) that networks will see; None: whatever the data have. Only `synthetic` is made to
            measure (1x28x28 and 10 classes unless told), others have their own.
        num_classes: Likewise.
        side: Of a user's pictures, in pixels; None: that of `input_shape`, or else one that suits the pictures.
        reading: Is told how far decoding of a user's pictures is.

    Raises:
        DataError: The name is unknown, the data are missing or damaged, or they do not suit networks of this shape.
    """
    side = side or (input_shape[1] if input_shape else None)
    found = find_data(data, made_for=(input_shape or (1, 28, 28), num_classes or 10), side=side, reading=reading)
    channels = input_shape[0] if input_shape else found.image_shape[0]
    check_data(found, channels=channels, num_classes=found.num_classes if num_classes is None else num_classes)
    return found


def find_data(
    data: str | Path,
    *,
    made_for: tuple[Shape, int],
    side: int | None = None,
    reading: Reading | None = None,
) -> DataSet:
    """Return a data set as it is: `load_data` without a look at whether it suits.

    Args:
        data: As for `load_data`.
        made_for: Shape and classes of those that are made to measure.
        side: Of a user's pictures; None: one that suits them.
        reading: As for `load_data`.
    """
    if is_path(data):
        return _at(Path(data), side, reading)
    name = str(data)
    if name not in DATA_SETS:
        raise DataError(
            f'unknown data set "{shown(name)}"{did_you_mean(name, DATA_SETS)}; or pass the path of a folder of pictures'
        )
    train, validation, test = DATA_SETS[name](*made_for)
    return DataSet(
        name=name,
        num_classes=int(train.labels.max()) + 1,
        train=train,
        validation=validation,
        test=test,
        class_names=CLASS_NAMES.get(name, ()),
    )


def check_data(data: DataSet, *, channels: int, num_classes: int) -> None:
    """Raise DataError unless the data suit networks for so many channels and classes."""
    if (data.image_shape[0], data.num_classes) != (channels, num_classes):
        raise DataError(
            f'data set "{data.name}" must have {channels} channels and {num_classes} classes for these networks; it '
            f"has {data.image_shape[0]} and {data.num_classes}; choose another --data or --regime"
        )


def _at(path: Path, side: int | None, reading: Reading | None) -> DataSet:
    """Return the data at a path."""
    path = path.expanduser()
    if is_entry(path):
        arrays = read_entry(path)
        if arrays is None:
            raise DataError(
                f"{path}: must be as it was written; it is damaged; begin the command again, which mends it"
            )
    elif cifar10.is_cifar10(path):
        train, validation, test = cifar10.load(path)
        return DataSet(
            name="cifar10",
            num_classes=len(cifar10.CLASSES),
            train=train,
            validation=validation,
            test=test,
            class_names=cifar10.CLASSES,
            path=str(path.absolute()),
        )
    else:
        arrays = load_pictures(path, side=side, reading=reading)
    pictures, pixels, labels = arrays
    parts = (torch.split(_tensor(each), list(pictures.splits)) for each in (pixels, labels))
    train, validation, test = map(Split, *parts)
    return DataSet(
        name=PICTURES,
        num_classes=len(pictures.class_names),
        train=train,
        validation=validation,
        test=test,
        class_names=pictures.class_names,
        path=pictures.folder,
        pictures=pictures,
    )


def _tensor(array: "np.ndarray[Any, Any]") -> Tensor:
    """Return an array as a tensor that shares its memory; it may be read-only, and is never written."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
