"""AnyNet: stem, stages of identical blocks, head (Radosavovic et al. 2020, arXiv 2003.13678, section 3.1).

Parameters are nominal: what was drawn. Building and counting use the effective ones, in which widths are rounded so
that bottleneck ratios and group widths divide them (appendix D there; `compatible` below).
"""

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, get_args

from anynas.errors import ArchitectureError
from anynas.families import checks
from anynas.layers import (
    Activation,
    Conv,
    Flatten,
    GlobalPool,
    Layer,
    Linear,
    Norm,
    Pool,
    Residual,
    Scale,
    Sequence,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

Block: TypeAlias = Literal[
    "X",  # 1x1, 3x3 in groups, 1x1, residual
    "Y",  # X with squeeze-and-excitation after the 3x3
    "R",  # X without groups
    "V",  # one 3x3
    "VR",  # V, residual
]
_BLOCKS = get_args(Block)
DEFAULT_SE_RATIO = 0.25


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AnyNet:
    """Nominal parameters of one AnyNet; per-stage tuples have one value a stage, any number of stages.

    Raises:
        ArchitectureError: A value is out of range, or the tuples differ in length.
    """

    family: ClassVar[str] = "anynet"
    regime_fields: ClassVar[tuple[str, ...]] = ("strides", "stem_width", "stem_stride", "stem_kernel", "stem_pool")
    block_fields: ClassVar[tuple[str, ...]] = ()

    depths: tuple[int, ...]  # blocks in each stage
    widths: tuple[int, ...]  # output channels of each stage
    bottleneck_ratios: tuple[int, ...]  # inner width = width / ratio: it divides
    group_widths: tuple[int, ...]  # channels per group, not the number of groups
    strides: tuple[int, ...]  # of each stage's first block
    block: Block = "X"
    stem_width: int = 32
    stem_stride: int = 2
    stem_kernel: int = 3
    stem_pool: bool = False  # 3x3 max-pool with stride 2 behind the stem's convolution
    se_ratio: float = 0.0  # squeeze-and-excitation: its width / the block's input width; > 0 for Y alone
    conv_bias: bool = False  # biases in the stem's and the blocks' convolutions

    def __post_init__(self) -> None:
        for name in ("depths", "widths", "bottleneck_ratios", "group_widths", "strides"):
            values = checks.positive_integers(self.family, name, getattr(self, name))
            object.__setattr__(self, name, values)
            checks.length(self.family, name, values, self.depths)
        for name in ("stem_width", "stem_stride", "stem_kernel"):
            object.__setattr__(self, name, checks.positive_integer(self.family, name, getattr(self, name)))
        for name in ("stem_pool", "conv_bias"):
            checks.flag(self.family, name, getattr(self, name))
        checks.word(self.family, "block", self.block, _BLOCKS)
        checks.odd_integer(self.family, "stem_kernel", self.stem_kernel)
        object.__setattr__(self, "se_ratio", checks.number(self.family, "se_ratio", self.se_ratio))
        if (self.block == "Y") != (self.se_ratio > 0) or not 0 <= self.se_ratio <= 1:
            raise ArchitectureError(
                "anynet: se_ratio must lie in (0, 1] for block Y and be 0 for every other; "
                f'got block "{self.block}", se_ratio {self.se_ratio:g}'
            )

    def layers(self, num_classes: int) -> Sequence:
        """Return the tree: stem, stage1, stage2, ..., head."""
        stem: list[Layer] = [
            self._conv(self.stem_width, self.stem_kernel, stride=self.stem_stride),
            Norm(),
            Activation(),
        ]
        if self.stem_pool:
            stem.append(Pool("max", kernel=3, stride=2, padding=1))
        parts = [Sequence(tuple(stem), name="stem")]
        in_width = self.stem_width
        effective = compatible(self.widths, self.bottleneck_ratios, self.group_widths, block=self.block)
        stages = zip(*(column.tolist() for column in effective), strict=True)
        for number, (width, inner_width, groups) in enumerate(stages, start=1):
            first = self._block(in_width, width, inner_width, groups, self.strides[number - 1])
            other = self._block(width, width, inner_width, groups, 1)
            blocks = (first, *(other,) * (self.depths[number - 1] - 1))
            parts.append(Sequence(blocks, name=f"stage{number}"))
            in_width = width
        parts.append(Sequence((GlobalPool(), Flatten(), Linear(num_classes)), name="head"))
        return Sequence(tuple(parts))

    def _block(self, in_width: int, width: int, inner_width: int, groups: int, stride: int) -> Layer:
        if self.block == "V":
            return Sequence((self._conv(width, 3, stride=stride), Norm(), Activation()))
        if self.block == "VR":
            body = Sequence((self._conv(width, 3, stride=stride), Norm()))
        else:
            inner: list[Layer] = [self._conv(inner_width, 1), Norm(), Activation()]
            inner += [self._conv(inner_width, 3, stride=stride, groups=groups), Norm(), Activation()]
            if self.se_ratio > 0:
                inner.append(_squeeze_excitation(inner_width, squeeze_width(in_width, self.se_ratio)))
            body = Sequence((*inner, self._conv(width, 1), Norm()))
        same_shape = in_width == width and stride == 1
        shortcut = Sequence() if same_shape else Sequence((self._conv(width, 1, stride=stride), Norm()))
        return Sequence((Residual(body, shortcut), Activation()))

    def _conv(self, width: int, kernel: int, *, stride: int = 1, groups: int = 1) -> Conv:
        return Conv(width, kernel, stride, padding=kernel // 2, groups=groups, bias=self.conv_bias)


def anynet_parameters(
    *,
    depths: Iterable[int],
    widths: Iterable[int],
    bottleneck_ratios: Iterable[int] | None = None,
    group_widths: Iterable[int] | None = None,
    strides: Iterable[int] | None = None,
    block: Block = "X",
    se_ratio: float = 0.0,
    **rest: Any,
) -> AnyNet:
    """Return an AnyNet's parameters with the defaults that depend on one another filled in.

    Strides are 2 for each stage; ratios and group widths 1, where the block has none. Block Y is block X with
    squeeze-and-excitation: Y without a ratio gets 0.25, X with a ratio is Y.
    """
    depths = checks.positive_integers(AnyNet.family, "depths", depths)
    se_ratio = checks.number(AnyNet.family, "se_ratio", se_ratio)
    needed = {
        "bottleneck_ratios": (bottleneck_ratios, ("X", "Y", "R")),
        "group_widths": (group_widths, ("X", "Y")),
    }
    for name, (values, blocks) in needed.items():
        if values is None and block in blocks:
            raise ArchitectureError(f"anynet: {name} must be given for block {block}, one value a stage")
    if block == "Y" and se_ratio == 0:
        se_ratio = DEFAULT_SE_RATIO
    if block == "X" and se_ratio > 0:
        block = "Y"
    ones = (1,) * len(depths)
    return AnyNet(
        depths=depths,
        widths=checks.positive_integers(AnyNet.family, "widths", widths),
        bottleneck_ratios=ones
        if bottleneck_ratios is None
        else checks.positive_integers(AnyNet.family, "bottleneck_ratios", bottleneck_ratios),
        group_widths=ones
        if group_widths is None
        else checks.positive_integers(AnyNet.family, "group_widths", group_widths),
        strides=(2,) * len(depths) if strides is None else checks.positive_integers(AnyNet.family, "strides", strides),
        block=block,
        se_ratio=se_ratio,
        **rest,
    )


def anynets_like(template: AnyNet, **lists: "NDArray[np.int64]") -> list[AnyNet]:
    """Return many AnyNets that differ from the template in some lists alone.

    Each is what `dataclasses.replace` would return. But their lists are checked all at once, and nothing else is again:
    the template has been, and no other field's range depends on a list.

    Args:
        template: Has all that is the same in all.
        **lists: Fields' values, each (n, stages).

    Raises:
        ArchitectureError: A value is out of range, or the lists differ from the template's in length.
    """
    for name, values in lists.items():
        if values.dtype != int or (values < 1).any():
            checks.positive_integers(AnyNet.family, name, values.ravel().tolist())
        checks.length(AnyNet.family, name, values.T, template.strides, source="strides")
    made = [AnyNet.__new__(AnyNet) for _ in next(iter(lists.values()))]
    for field in dataclasses.fields(AnyNet):
        put = getattr(AnyNet, field.name).__set__  # as the constructor does, past what keeps a frozen one frozen
        if field.name in lists:
            for one, value in zip(made, zip(*lists[field.name].T.tolist(), strict=True), strict=True):
                put(one, value)
        else:
            value = getattr(template, field.name)
            for one in made:
                put(one, value)
    return made


def published() -> dict[str, AnyNet]:
    """Return the lecture's RegNet: two stages, biases in the convolutions."""
    regnetx32 = anynet_parameters(
        depths=(4, 6), widths=(32, 80), bottleneck_ratios=(1, 1), group_widths=(16, 16), conv_bias=True
    )
    return {"regnetx32": regnetx32}


def compatible(
    widths: "ArrayLike", bottleneck_ratios: "ArrayLike", group_widths: "ArrayLike", *, block: Block
) -> tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.int64]"]:
    """Return effective (widths, inner widths, numbers of groups) of stages, arrays of one shape.

    The inner width v = width // ratio becomes a multiple of the group width g, which is at most v; the width becomes
    v * ratio. Halves round to even, as the published networks were made. Source: arXiv 2003.13678, appendix D, as
    pycls computes it.
    """
    import numpy as np

    width = np.asarray(widths, dtype=np.int64)
    if block in ("V", "VR"):  # neither bottleneck nor groups
        return width, width, np.ones_like(width)
    ratio = np.asarray(bottleneck_ratios, dtype=np.int64)
    inner = np.maximum(width // ratio, 1)
    if block == "R":
        return inner * ratio, inner, np.ones_like(inner)
    group_width = np.minimum(np.asarray(group_widths, dtype=np.int64), inner)
    inner = np.maximum(group_width, group_width * np.rint(inner / group_width).astype(np.int64))
    return inner * ratio, inner, inner // group_width


def squeeze_width(in_width: "Any", se_ratio: float) -> "Any":
    """Return the channels inside squeeze-and-excitation for a block's input width (an int or an array).

    Rounded, at least 1.
    """
    import numpy as np

    rounded = np.maximum(np.rint(np.asarray(in_width) * se_ratio), 1).astype(np.int64)
    return int(rounded) if rounded.ndim == 0 else rounded


def _squeeze_excitation(width: int, inner_width: int) -> Scale:
    squeeze = Conv(inner_width, 1, bias=True)
    excite = Conv(width, 1, bias=True)
    return Scale(Sequence((GlobalPool(), squeeze, Activation(), excite, Activation("sigmoid"))))
