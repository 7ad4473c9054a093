"""GoogLeNet: stages of inceptions, blocks of four branches side by side (Szegedy et al. 2015).

As the lecture writes it, without the auxiliary losses. The 1x1 convolution in front of a 3x3 or 5x5 is described by a
ratio, so that widths and ratios can be drawn apart from one another.
"""

import dataclasses
from typing import ClassVar

from anynas.errors import ArchitectureError
from anynas.families import checks
from anynas.families.lecture import conv, linear
from anynas.layers import Activation, Concat, Flatten, GlobalPool, Layer, Pool, Sequence

WIDTH_STEP = 8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GoogLeNet:
    """Parameters of one GoogLeNet, with one value an inception, from first to last; the defaults are the lecture's.

    Raises:
        ArchitectureError: A value is out of range, or a tuple has not one value an inception.
    """

    family: ClassVar[str] = "googlenet"
    regime_fields: ClassVar[tuple[str, ...]] = ()
    block_fields: ClassVar[tuple[str, ...]] = (
        "conv1_widths",
        "conv3_widths",
        "conv3_ratios",
        "conv5_widths",
        "conv5_ratios",
        "pool_widths",
    )

    stem_width: int = 64  # of the 7x7 and of the 1x1 behind it; the 3x3 that ends the stem has three times as many
    depths: tuple[int, ...] = (2, 5, 2)  # inceptions in each stage
    conv1_widths: tuple[int, ...] = (64, 128, 192, 160, 128, 112, 256, 256, 384)  # the 1x1 branch
    conv3_widths: tuple[int, ...] = (128, 192, 208, 224, 256, 288, 320, 320, 384)  # the 3x3 branch
    conv3_ratios: tuple[float, ...] = (1.3, 1.5, 2.2, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0)  # its width / its 1x1's: it divides
    conv5_widths: tuple[int, ...] = (32, 96, 48, 64, 64, 64, 128, 128, 128)  # the 5x5 branch
    conv5_ratios: tuple[float, ...] = (2.0, 3.0, 3.0, 2.7, 2.7, 2.0, 4.0, 4.0, 2.7)  # its width / its 1x1's: it divides
    pool_widths: tuple[int, ...] = (32, 64, 64, 64, 64, 64, 128, 128, 128)  # the pooled branch

    def __post_init__(self) -> None:
        object.__setattr__(self, "stem_width", checks.positive_integer(self.family, "stem_width", self.stem_width))
        object.__setattr__(self, "depths", checks.positive_integers(self.family, "depths", self.depths))
        for name in self.block_fields:
            check = checks.ratios if name.endswith("_ratios") else checks.positive_integers
            values = check(self.family, name, getattr(self, name), each="inception")
            if len(values) != sum(self.depths):
                raise ArchitectureError(
                    f"googlenet: {name} must have one value an inception, as depths has in all ({sum(self.depths)}); "
                    f"got {len(values)}"
                )
            object.__setattr__(self, name, values)

    def layers(self, num_classes: int) -> Sequence:
        """Return the tree: two sequences for the stem, one a stage, and the linear layer."""
        pool = Pool("max", kernel=3, stride=2, padding=1)
        parts: list[Layer] = [
            Sequence((conv(self.stem_width, 7, stride=2, padding=3), Activation(), pool)),
            Sequence((*_conv_relu(self.stem_width, 1), *_conv_relu(3 * self.stem_width, 3), pool)),
        ]
        columns = (getattr(self, name) for name in self.block_fields)
        inceptions = [_inception(*values) for values in zip(*columns, strict=True)]
        for depth in self.depths[:-1]:
            parts.append(Sequence((*inceptions[:depth], pool)))
            inceptions = inceptions[depth:]
        parts.append(Sequence((*inceptions, GlobalPool(), Flatten())))
        return Sequence((*parts, linear(num_classes)))


def published() -> dict[str, GoogLeNet]:
    """Return the lecture's network by its name."""
    return {"googlenet": GoogLeNet()}


def reduced_width(width: int, ratio: float) -> int:
    """Return the width of the 1x1 in front of a branch: the nearest multiple of 8 of width / ratio, at least 8.

    Halves round to even.
    """
    return max(WIDTH_STEP, WIDTH_STEP * round(width / ratio / WIDTH_STEP))


def _inception(conv1: int, conv3: int, conv3_ratio: float, conv5: int, conv5_ratio: float, pool: int) -> Concat:
    branches: tuple[tuple[Layer, ...], ...] = (
        _conv_relu(conv1, 1),
        (*_conv_relu(reduced_width(conv3, conv3_ratio), 1), *_conv_relu(conv3, 3)),
        (*_conv_relu(reduced_width(conv5, conv5_ratio), 1), *_conv_relu(conv5, 5)),
        (Pool("max", kernel=3, stride=1, padding=1), *_conv_relu(pool, 1)),
    )
    return Concat(tuple(Sequence(branch) for branch in branches))


def _conv_relu(width: int, kernel: int) -> tuple[Layer, ...]:
    return (conv(width, kernel, padding=kernel // 2), Activation())
