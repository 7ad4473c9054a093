"""Count many AnyNets at once: arrays in closed form, and tables of what their stages cost.

What a layer costs is `counting`'s affair; the sums here are held to its count of each network's tree.
"""

import dataclasses
import functools
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from anynas.counting import Complexity, _count_conv, _count_norm, _Place, _window, image_shape
from anynas.families.anynet import Block, compatible, squeeze_width
from anynas.layers import Conv, Pool, Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def count_anynets(
    *,
    depths: "ArrayLike",
    widths: "ArrayLike",
    bottleneck_ratios: "ArrayLike",
    group_widths: "ArrayLike",
    **shared: Any,
) -> Complexity:
    """Count many AnyNets that differ in their stages alone, as `complexity` counts each.

    Args:
        depths: Nominal values, shape (n, stages); likewise widths, bottleneck_ratios and group_widths, any of which
            may also be (stages,): the same in all.
        shared: What they share: the fields of `Shared`.

    Returns:
        Arrays of shape (n,).

    Raises:
        ArchitectureError: The input is no image's shape, or too small for the strides.
    """
    import numpy as np

    given = Shared(**shared)
    rows = (np.asarray(values).T for values in (depths, widths, bottleneck_ratios, group_widths))
    rows = (row if row.ndim == 2 else row[:, None] for row in rows)
    repeats, *nominal = (np.ascontiguousarray(row) for row in np.broadcast_arrays(*rows))
    total, places = given.stem()
    in_width: Any = np.full(repeats.shape[1], given.stem_width, dtype=np.int64)
    for depth, place, *stage in zip(repeats, places, *compatible(*nominal, block=given.block), strict=True):
        width, inner_width, groups = stage
        total += given.first_block(place, in_width, width, inner_width, groups)
        total += given.other_block(place, width, inner_width, groups) * (depth - 1)
        in_width = width
    return total + given.head(in_width)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What AnyNets share that are counted together, and what their parts cost; fields as `anynet` takes them."""

    strides: tuple[int, ...]
    input_shape: Shape
    num_classes: int
    block: Block = "X"
    stem_width: int = 32
    stem_stride: int = 2
    stem_kernel: int = 3
    stem_pool: bool = False
    se_ratio: float = 0.0
    conv_bias: bool = False

    @property
    def linear(self) -> bool:
        """Whether a stage's cost is linear in the width that enters it.

        Squeeze-and-excitation rounds that width, and a shortcut without stride is free if it is the stage's own.
        """
        return self.se_ratio == 0 and (self.block == "V" or 1 not in self.strides)

    def stem(self) -> tuple[Complexity, list["_StagePlace"]]:
        """Return the stem's cost, and where each stage works."""
        channels, height, width = image_shape(self.input_shape)
        conv = Conv(self.stem_width, self.stem_kernel, self.stem_stride, padding=self.stem_kernel // 2)
        height, width = _window(conv, height, width, _Place("stem"))
        cost = _count_conv(channels, self.stem_width, self.stem_kernel, height * width, bias=self.conv_bias)
        cost += _count_norm(self.stem_width)
        if self.stem_pool:
            height, width = _window(Pool("max", kernel=3, stride=2, padding=1), height, width, _Place("stem"))
            cost += Complexity(activations=self.stem_width * height * width)
        places = []
        for number, stride in enumerate(self.strides, start=1):
            before = height * width
            height, width = _window(Conv(1, 3, stride, padding=1), height, width, _Place(f"stage{number}"))
            places.append(_StagePlace(stride, before, height * width))
        return cost, places

    def first_block(self, place: "_StagePlace", in_width: Any, width: Any, inner_width: Any, groups: Any) -> Complexity:
        """Return what a stage's first block costs, its shortcut included, for effective values."""
        cost = self._block(place.before, place.positions, in_width, width, inner_width, groups)
        if self.block == "V":
            return cost
        projection = _count_conv(in_width, width, 1, place.positions, bias=self.conv_bias) + _count_norm(width)
        return cost + (projection if place.stride != 1 else projection * (in_width != width))

    def other_block(self, place: "_StagePlace", width: Any, inner_width: Any, groups: Any) -> Complexity:
        """Return what each block behind the first costs."""
        return self._block(place.positions, place.positions, width, width, inner_width, groups)

    def _block(
        self, before: int, positions: int, in_width: Any, width: Any, inner_width: Any, groups: Any
    ) -> Complexity:
        """Count a block without its shortcut; the 1x1 in front works on the positions before the stride."""
        bias = self.conv_bias
        if self.block in ("V", "VR"):
            return _count_conv(in_width, width, 3, positions, bias=bias) + _count_norm(width)
        total = _count_conv(in_width, inner_width, 1, before, bias=bias)
        total += _count_conv(inner_width, inner_width, 3, positions, groups=groups, bias=bias)
        total += _count_conv(inner_width, width, 1, positions, bias=bias)
        total += _count_norm(2 * inner_width + width)
        if self.se_ratio > 0:
            inside = squeeze_width(in_width, self.se_ratio)
            total += _count_conv(inner_width, inside, 1, 1, bias=True)
            total += _count_conv(inside, inner_width, 1, 1, bias=True)
        return total

    def head(self, in_width: Any) -> Complexity:
        """Return the classifier's cost."""
        terms = in_width * self.num_classes + self.num_classes
        return Complexity(flops=terms, params=terms, activations=self.num_classes)


class _StagePlace(NamedTuple):
    """Where a stage works: its stride, and the positions before and behind it; or arrays of these, of many stages."""

    stride: int
    before: Any
    positions: Any


class StageTable:
    """What stages of few settings cost: networks made of them are counted by looking up.

    A network costs the sum over its stages s of first_s + (depth_s - 1) * other_s + width_{s-1} * slope_s. Each is a
    function of the setting in that stage alone; stem and head are part of the first and the last `first`.

    Args:
        shared: What the networks share; it must be `linear`.
        widths: Nominal values of each setting, shape (settings,), or (stages, settings) where they differ; likewise
            bottleneck_ratios and group_widths.
    """

    def __init__(
        self, shared: Shared, *, widths: "ArrayLike", bottleneck_ratios: "ArrayLike", group_widths: "ArrayLike"
    ) -> None:
        import numpy as np

        start, places = shared.stem()
        before, positions = (np.array(column)[:, None] for column in list(zip(*places, strict=True))[1:])
        everywhere = _StagePlace(shared.strides[0], before, positions)  # of strides it only matters which are 1: none
        nominal = np.broadcast_arrays(widths, bottleneck_ratios, group_widths)
        effective = compatible(*nominal, block=shared.block)
        first = shared.first_block(everywhere, 0, *effective)
        other = shared.other_block(everywhere, *effective)
        slope = shared.first_block(everywhere, 1, *effective) + first * -1
        every_width = np.broadcast_to(effective[0], (len(places), effective[0].shape[-1]))
        head = shared.head(every_width[-1])
        self._first_of_stage = np.arange(len(places))[:, None] * every_width.shape[1]
        self._widths = every_width.ravel()

        @functools.cache  # filled when it is counted
        def costs(quantity: str) -> "list[NDArray[np.int64]]":
            parts = [np.broadcast_to(getattr(c, quantity), every_width.shape).copy() for c in (first, other, slope)]
            parts[0][0] += getattr(start, quantity) + parts[2][0] * shared.stem_width
            parts[0][-1] += getattr(head, quantity)
            return [part.ravel() for part in parts]

        self._costs = costs

    def count(
        self, settings: "NDArray[np.int64]", depths: "NDArray[np.int64]", quantities: Collection[str]
    ) -> Complexity:
        """Count many networks.

        Args:
            settings: Which setting each stage has, (stages, n).
            depths: Blocks in each stage, (stages, n).
            quantities: What to count, of flops, params and activations; the others are left at 0.

        Returns:
            Arrays of shape (n,).
        """
        at, more = settings + self._first_of_stage, depths - 1
        widths = self._widths.take(at[:-1])
        counts = {}
        for quantity in quantities:
            first, other, slope = self._costs(quantity)
            own = first.take(at) + more * other.take(at)
            counts[quantity] = own.sum(axis=0) + (widths * slope.take(at[1:])).sum(axis=0)
        return Complexity(**counts)
