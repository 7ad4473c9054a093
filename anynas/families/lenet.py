"""LeNet: convolutions with pooling, then linear layers (LeCun et al. 1998), as the lecture writes it."""

import dataclasses
from typing import ClassVar, Literal, TypeAlias, get_args

from anynas.families import checks
from anynas.families.lecture import conv, linear
from anynas.layers import Activation, Flatten, Layer, Pool, Sequence

ActivationKind: TypeAlias = Literal["relu", "sigmoid"]
PoolKind: TypeAlias = Literal["max", "average"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LeNet:
    """Parameters of one LeNet; the defaults are the lecture's.

    Raises:
        ArchitectureError: A value is out of range.
    """

    family: ClassVar[str] = "lenet"
    regime_fields: ClassVar[tuple[str, ...]] = ()
    block_fields: ClassVar[tuple[str, ...]] = ()

    widths: tuple[int, ...] = (6, 16)  # output channels of each convolution
    kernel: int = 5  # odd; the first convolution is padded to keep its image's size, the others are not
    hidden_widths: tuple[int, ...] = (120, 84)  # linear layers in front of the last
    activation: ActivationKind = "sigmoid"
    pooling: PoolKind = "average"  # 2x2, stride 2, behind each convolution

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", checks.positive_integers(self.family, "widths", self.widths))
        object.__setattr__(self, "kernel", checks.odd_integer(self.family, "kernel", self.kernel))
        hidden = checks.positive_integers(self.family, "hidden_widths", self.hidden_widths, each="hidden layer")
        object.__setattr__(self, "hidden_widths", hidden)
        checks.word(self.family, "activation", self.activation, get_args(ActivationKind))
        checks.word(self.family, "pooling", self.pooling, get_args(PoolKind))

    def layers(self, num_classes: int) -> Sequence:
        """Return the tree: one flat sequence."""
        activation = Activation(self.activation)
        tree: list[Layer] = []
        for position, width in enumerate(self.widths):
            padding = self.kernel // 2 if position == 0 else 0
            tree += [conv(width, self.kernel, padding=padding), activation, Pool(self.pooling, kernel=2, stride=2)]
        tree.append(Flatten())
        for width in self.hidden_widths:
            tree += [linear(width), activation]
        return Sequence((*tree, linear(num_classes)))


def published() -> dict[str, LeNet]:
    """Return the lecture's network by its name."""
    return {"lenet": LeNet()}
