"""VGG: stages of 3x3 convolutions, each halved by a pool, then linear layers (Simonyan and Zisserman 2014).

As the lecture writes it, which calls a stage a block. In place of the hidden linear layers a network may have NiN's
idea: the mean of each channel, and one linear layer.
"""

import dataclasses
from typing import ClassVar, Literal, get_args

from anynas.families import checks
from anynas.families.lecture import conv, linear
from anynas.layers import Activation, Dropout, Flatten, GlobalPool, Layer, Pool, Sequence

Head = Literal["linear", "global_pooling"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VGG:
    """Parameters of one VGG; the defaults are the lecture's VGG-11.

    Raises:
        ArchitectureError: A value is out of range, or the tuples differ in length.
    """

    family: ClassVar[str] = "vgg"
    regime_fields: ClassVar[tuple[str, ...]] = ()
    block_fields: ClassVar[tuple[str, ...]] = ()

    depths: tuple[int, ...] = (1, 1, 2, 2, 2)  # convolutions in each stage
    widths: tuple[int, ...] = (64, 128, 256, 512, 512)  # output channels of each stage
    hidden_width: int = 4096  # of both linear layers in front of the last
    dropout: float = 0.5  # share of their values, in [0, 1)
    # with "global_pooling" there are no hidden layers, and so no dropout
    head: Head = dataclasses.field(default="linear", metadata={"later": True})

    def __post_init__(self) -> None:
        for name in ("depths", "widths"):
            values = checks.positive_integers(self.family, name, getattr(self, name))
            object.__setattr__(self, name, values)
            checks.length(self.family, name, values, self.depths)
        hidden = checks.positive_integer(self.family, "hidden_width", self.hidden_width)
        object.__setattr__(self, "hidden_width", hidden)
        object.__setattr__(self, "dropout", checks.dropout(self.family, "dropout", self.dropout))
        checks.word(self.family, "head", self.head, get_args(Head))

    def layers(self, num_classes: int) -> Sequence:
        """Return the tree: a sequence a stage, then the head, flat."""
        tree: list[Layer] = []
        for depth, width in zip(self.depths, self.widths, strict=True):
            convolutions = (conv(width, 3, padding=1), Activation()) * depth
            tree.append(Sequence((*convolutions, Pool("max", kernel=2, stride=2))))
        if self.head == "global_pooling":
            return Sequence((*tree, GlobalPool(), Flatten(), linear(num_classes)))
        tree.append(Flatten())
        tree += [linear(self.hidden_width), Activation(), Dropout(self.dropout)] * 2
        return Sequence((*tree, linear(num_classes)))


def published() -> dict[str, VGG]:
    """Return the lecture's network by its name."""
    return {"vgg11": VGG()}
