"""DenseNet: each convolution reads all that came before it in its dense block (Huang et al. 2017).

As the lecture writes it: 3x3 convolutions alone, without the paper's 1x1 in front of each.
"""

import dataclasses
from typing import ClassVar

from anynas.families import checks
from anynas.families.lecture import conv, linear
from anynas.layers import Activation, Concat, Flatten, GlobalPool, Norm, Pool, Sequence


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DenseNet:
    """Parameters of one DenseNet; the defaults are the lecture's.

    Raises:
        ArchitectureError: A value is out of range.
    """

    family: ClassVar[str] = "densenet"
    regime_fields: ClassVar[tuple[str, ...]] = ()
    block_fields: ClassVar[tuple[str, ...]] = ()

    growth_rate: int = 32  # channels that each convolution adds
    depths: tuple[int, ...] = (4, 4, 4, 4)  # convolutions in each dense block
    reduction: int = 2  # width in front of a transition / width behind it: it divides, rounded down, at least 1
    stem_width: int = 64

    def __post_init__(self) -> None:
        object.__setattr__(self, "depths", checks.positive_integers(self.family, "depths", self.depths))
        for name in ("growth_rate", "reduction", "stem_width"):
            object.__setattr__(self, name, checks.positive_integer(self.family, name, getattr(self, name)))

    def layers(self, num_classes: int) -> Sequence:
        """Return the tree: sequences for the stem, each dense block, each transition between two, and the head."""
        stem = (conv(self.stem_width, 7, stride=2, padding=3), Norm(), Activation())
        parts = [Sequence((*stem, Pool("max", kernel=3, stride=2, padding=1)))]
        step = Sequence((Norm(), Activation(), conv(self.growth_rate, 3, padding=1)))
        width = self.stem_width
        for position, depth in enumerate(self.depths):
            if position > 0:
                width = max(width // self.reduction, 1)
                pool = Pool("average", kernel=2, stride=2)
                parts.append(Sequence((Norm(), Activation(), conv(width, 1), pool)))
            parts.append(Sequence((Concat((Sequence(), step)),) * depth))
            width += depth * self.growth_rate
        parts.append(Sequence((Norm(), Activation(), GlobalPool(), Flatten(), linear(num_classes))))
        return Sequence(tuple(parts))


def published() -> dict[str, DenseNet]:
    """Return the lecture's network by its name."""
    return {"densenet": DenseNet()}
