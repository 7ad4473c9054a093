"""NiN, network in network: 1x1 convolutions behind each larger one, no linear layer (Lin et al. 2013).

As the lecture writes it: the last stage is like the others, so a ReLU acts on the logits too; they are never negative.
"""

import dataclasses
from typing import ClassVar

from anynas.families import checks
from anynas.families.lecture import conv
from anynas.layers import Activation, Dropout, Flatten, GlobalPool, Layer, Pool, Sequence

FIRST_STRIDE = 4


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NiN:
    """Parameters of one NiN; the defaults are the lecture's. A last stage, one channel a class, follows these.

    Raises:
        ArchitectureError: A value is out of range, or the tuples differ in length.
    """

    family: ClassVar[str] = "nin"
    regime_fields: ClassVar[tuple[str, ...]] = ()
    block_fields: ClassVar[tuple[str, ...]] = ()

    widths: tuple[int, ...] = (96, 256, 384)  # output channels of each stage
    kernels: tuple[int, ...] = (11, 5, 3)  # odd; of each stage's first convolution; the other two are 1x1
    dropout: float = 0.5  # share of the values in front of the last stage, in [0, 1)

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", checks.positive_integers(self.family, "widths", self.widths))
        object.__setattr__(self, "kernels", checks.odd_integers(self.family, "kernels", self.kernels))
        checks.length(self.family, "kernels", self.kernels, self.widths, source="widths")
        object.__setattr__(self, "dropout", checks.dropout(self.family, "dropout", self.dropout))

    def layers(self, num_classes: int) -> Sequence:
        """Return the tree: a sequence and a pool a stage, then the last stage, the mean of whose channels is a logit.

        The first stage has stride 4 and no padding, the others keep their image's size.
        """
        tree: list[Layer] = []
        for position, (width, kernel) in enumerate(zip(self.widths, self.kernels, strict=True)):
            stride, padding = (FIRST_STRIDE, 0) if position == 0 else (1, kernel // 2)
            tree += [_stage(width, kernel, stride, padding), Pool("max", kernel=3, stride=2)]
        tree += [Dropout(self.dropout), _stage(num_classes, 3, 1, 1)]
        return Sequence((*tree, GlobalPool(), Flatten()))


def published() -> dict[str, NiN]:
    """Return the lecture's network by its name."""
    return {"nin": NiN()}


def _stage(width: int, kernel: int, stride: int, padding: int) -> Sequence:
    pointwise = (conv(width, 1), Activation())
    return Sequence((conv(width, kernel, stride=stride, padding=padding), Activation(), *pointwise, *pointwise))
