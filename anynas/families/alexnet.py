"""AlexNet: five convolutions and three linear layers (Krizhevsky et al. 2012), as the lecture writes it."""

import dataclasses
from typing import ClassVar

from anynas.errors import ArchitectureError
from anynas.families import checks
from anynas.families.lecture import conv, linear
from anynas.layers import Activation, Dropout, Flatten, Layer, Pool, Sequence

NUM_CONVOLUTIONS = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AlexNet:
    """Parameters of one AlexNet; the defaults are the lecture's.

    Raises:
        ArchitectureError: A value is out of range.
    """

    family: ClassVar[str] = "alexnet"
    regime_fields: ClassVar[tuple[str, ...]] = ()
    block_fields: ClassVar[tuple[str, ...]] = ()

    widths: tuple[int, ...] = (96, 256, 384, 384, 256)  # output channels of the five convolutions
    hidden_width: int = 4096  # of both linear layers in front of the last
    dropout: float = 0.5  # share of their values, in [0, 1)

    def __post_init__(self) -> None:
        widths = checks.positive_integers(self.family, "widths", self.widths, each="convolution")
        if len(widths) != NUM_CONVOLUTIONS:
            raise ArchitectureError(
                f"alexnet: widths must have {NUM_CONVOLUTIONS} values, one a convolution; got {len(widths)}"
            )
        object.__setattr__(self, "widths", widths)
        hidden = checks.positive_integer(self.family, "hidden_width", self.hidden_width)
        object.__setattr__(self, "hidden_width", hidden)
        object.__setattr__(self, "dropout", checks.dropout(self.family, "dropout", self.dropout))

    def layers(self, num_classes: int) -> Sequence:
        """Return the tree: one flat sequence."""
        first, second, *others = self.widths
        pool = Pool("max", kernel=3, stride=2)
        tree: list[Layer] = [conv(first, 11, stride=4, padding=1), Activation(), pool]
        tree += [conv(second, 5, padding=2), Activation(), pool]
        for width in others:
            tree += [conv(width, 3, padding=1), Activation()]
        tree += [pool, Flatten()]
        tree += [linear(self.hidden_width), Activation(), Dropout(self.dropout)] * 2
        return Sequence((*tree, linear(num_classes)))


def published() -> dict[str, AlexNet]:
    """Return the lecture's network by its name."""
    return {"alexnet": AlexNet()}
