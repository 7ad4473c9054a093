"""ResNet and ResNeXt: stages of blocks that add their input (He et al. 2016; Xie et al. 2017).

The defaults are the lecture's ResNet-18, which has biases in its convolutions and no norm in its shortcuts; `published`
has the networks of the papers too. Widths are nominal: what was drawn. The tree has the effective ones, which
bottleneck ratios and numbers of groups divide (`compatible_bottleneck` below).
"""

import dataclasses
from typing import ClassVar, Literal, TypeAlias, get_args

from anynas.families import checks
from anynas.layers import (
    Activation,
    Conv,
    Flatten,
    GlobalPool,
    Initialisation,
    Layer,
    Linear,
    Norm,
    Pool,
    Residual,
    Sequence,
)

ResNetBlock: TypeAlias = Literal[
    "basic",  # two 3x3
    "bottleneck",  # 1x1, 3x3 in groups, 1x1
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ResNet:
    """Nominal parameters of one ResNet; per-stage tuples have one value a stage, any number of stages.

    Raises:
        ArchitectureError: A value is out of range, or the tuples differ in length.
    """

    family: ClassVar[str] = "resnet"
    regime_fields: ClassVar[tuple[str, ...]] = (
        "strides",
        "stem_width",
        "stem_kernel",
        "stem_stride",
        "stem_pool",
        "conv_bias",
        "shortcut_norm",
        "initialisation",
    )
    block_fields: ClassVar[tuple[str, ...]] = ()

    depths: tuple[int, ...] = (2, 2, 2, 2)  # blocks in each stage
    widths: tuple[int, ...] = (64, 128, 256, 512)  # output channels of each stage
    block: ResNetBlock = "basic"
    bottleneck_ratios: tuple[int, ...] = (4, 4, 4, 4)  # inner width = width / ratio: it divides; basic: not read
    groups: tuple[int, ...] = (1, 1, 1, 1)  # number of groups of the 3x3, not channels per group; basic: not read
    residual: bool = True  # whether blocks add their input
    strides: tuple[int, ...] = (1, 2, 2, 2)  # of each stage's first block, on its first 3x3
    stem_width: int = 64
    stem_kernel: int = 7
    stem_stride: int = 2
    stem_pool: bool = True  # 3x3 max-pool with stride 2 behind the stem's convolution
    conv_bias: bool = True  # biases in all convolutions
    shortcut_norm: bool = False  # batch norm behind the 1x1 of a shortcut whose shape changes
    initialisation: Initialisation = "xavier_uniform"  # of all layers; fan_out_normal: small_normal for the linear one

    def __post_init__(self) -> None:
        for name in ("depths", "widths", "bottleneck_ratios", "groups", "strides"):
            values = checks.positive_integers(self.family, name, getattr(self, name))
            object.__setattr__(self, name, values)
            checks.length(self.family, name, values, self.depths)
        for name in ("stem_width", "stem_stride"):
            object.__setattr__(self, name, checks.positive_integer(self.family, name, getattr(self, name)))
        object.__setattr__(self, "stem_kernel", checks.odd_integer(self.family, "stem_kernel", self.stem_kernel))
        for name in ("residual", "stem_pool", "conv_bias", "shortcut_norm"):
            checks.flag(self.family, name, getattr(self, name))
        checks.word(self.family, "block", self.block, get_args(ResNetBlock))
        checks.word(self.family, "initialisation", self.initialisation, get_args(Initialisation))

    def layers(self, num_classes: int) -> Sequence:
        """Return the tree: a sequence for the stem, one a stage, and one for what follows them."""
        stem: list[Layer] = [self._conv(self.stem_width, self.stem_kernel, self.stem_stride), Norm(), Activation()]
        if self.stem_pool:
            stem.append(Pool("max", kernel=3, stride=2, padding=1))
        parts = [Sequence(tuple(stem))]
        in_width = self.stem_width
        stages = zip(self.depths, self.widths, self.bottleneck_ratios, self.groups, self.strides, strict=True)
        for depth, width, ratio, groups, first_stride in stages:
            inner_width = width
            if self.block == "bottleneck":
                width, inner_width, groups = compatible_bottleneck(width, ratio, groups)
            first = self._block(in_width, width, inner_width, groups, first_stride)
            other = self._block(width, width, inner_width, groups, 1)
            parts.append(Sequence((first, *(other,) * (depth - 1))))
            in_width = width
        linear: Initialisation = "small_normal" if self.initialisation == "fan_out_normal" else self.initialisation
        parts.append(Sequence((GlobalPool(), Flatten(), Linear(num_classes, initialisation=linear))))
        return Sequence(tuple(parts))

    def _block(self, in_width: int, width: int, inner_width: int, groups: int, stride: int) -> Sequence:
        if self.block == "basic":
            convolutions = [self._conv(width, 3, stride), self._conv(width, 3)]
        else:
            middle = self._conv(inner_width, 3, stride, groups=groups)
            convolutions = [self._conv(inner_width, 1), middle, self._conv(width, 1)]
        body: list[Layer] = []
        for convolution in convolutions:
            body += [convolution, Norm(), Activation()]
        if not self.residual:
            return Sequence(tuple(body))
        shortcut: tuple[Layer, ...] = ()
        if in_width != width or stride != 1:
            shortcut = (self._conv(width, 1, stride), *([Norm()] if self.shortcut_norm else []))
        return Sequence((Residual(Sequence(tuple(body[:-1])), Sequence(shortcut)), Activation()))

    def _conv(self, width: int, kernel: int, stride: int = 1, *, groups: int = 1) -> Conv:
        return Conv(
            width,
            kernel,
            stride,
            padding=kernel // 2,
            groups=groups,
            bias=self.conv_bias,
            initialisation=self.initialisation,
        )


def published() -> dict[str, ResNet]:
    """Return the lecture's ResNet-18, and ResNet-50, ResNeXt-50 and CIFAR's ResNet-56 as their papers have them."""
    return {
        "resnet18": ResNet(),
        "resnet50": _of_the_papers((3, 4, 6, 3), (256, 512, 1024, 2048), block="bottleneck"),
        "resnext50_32x4d": _of_the_papers(
            (3, 4, 6, 3), (256, 512, 1024, 2048), block="bottleneck", bottleneck_ratio=2, groups=32
        ),
        "resnet56_cifar": dataclasses.replace(
            _of_the_papers((9, 9, 9), (16, 32, 64), block="basic"),
            stem_width=16,
            stem_kernel=3,
            stem_stride=1,
            stem_pool=False,
        ),
    }


def compatible_bottleneck(width: int, bottleneck_ratio: int, groups: int) -> tuple[int, int, int]:
    """Return effective (width, inner width, number of groups) of a bottleneck block.

    There are no more groups than inner channels, width // ratio; the inner width becomes their nearest multiple, halves
    rounding to even, and the width a multiple of that.
    """
    inner_width = max(width // bottleneck_ratio, 1)
    groups = min(groups, inner_width)
    inner_width = groups * round(inner_width / groups)  # at least one channel a group: groups <= inner width
    return inner_width * bottleneck_ratio, inner_width, groups


def _of_the_papers(
    depths: tuple[int, ...],
    widths: tuple[int, ...],
    *,
    block: ResNetBlock,
    bottleneck_ratio: int = 4,
    groups: int = 1,
) -> ResNet:
    return ResNet(
        depths=depths,
        widths=widths,
        block=block,
        bottleneck_ratios=(bottleneck_ratio,) * len(depths),
        groups=(groups,) * len(depths),
        strides=(1,) + (2,) * (len(depths) - 1),
        conv_bias=False,
        shortcut_norm=True,
        initialisation="fan_out_normal",
    )
