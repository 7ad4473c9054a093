"""The table of stages' costs against the count in closed form, which test_counting.py holds to each network's tree."""

import itertools

import numpy as np
import pytest

from anynas.counting import QUANTITIES
from anynas.counting_anynets import Shared, StageTable, count_anynets
from anynas.families.anynet import Block

WIDTHS, RATIOS, GROUP_WIDTHS = (np.array(c) for c in zip(*itertools.product((8, 24, 56), (1, 4), (1, 16)), strict=True))


@pytest.mark.parametrize("block", ["X", "R", "V", "VR"])
@pytest.mark.parametrize("dress", [{}, {"stem_pool": True, "conv_bias": True, "stem_width": 20, "stem_stride": 1}])
def test_looking_up_counts_every_network_to_the_last_integer(block: Block, dress: dict[str, object]) -> None:
    shared = {"strides": (2, 3, 2), "input_shape": (3, 49, 64), "num_classes": 7, "block": block, **dress}
    table = StageTable(Shared(**shared), widths=WIDTHS, bottleneck_ratios=RATIOS, group_widths=GROUP_WIDTHS)
    rng = np.random.default_rng(0)
    settings, depths = rng.integers(0, len(WIDTHS), (3, 400)), rng.integers(1, 9, (3, 400))
    stages = {"widths": WIDTHS, "bottleneck_ratios": RATIOS, "group_widths": GROUP_WIDTHS}
    counted = count_anynets(depths=depths.T, **{name: values[settings].T for name, values in stages.items()}, **shared)
    looked_up = table.count(settings, depths, QUANTITIES)
    for name in QUANTITIES:
        assert getattr(looked_up, name).tolist() == getattr(counted, name).tolist(), name


def test_values_may_differ_from_stage_to_stage_or_be_the_same_in_all_networks() -> None:
    shared = {"strides": (2, 2), "input_shape": (3, 32, 32), "num_classes": 10}
    table = StageTable(
        Shared(**shared), widths=[16, 32], bottleneck_ratios=np.array([[1], [2]]), group_widths=np.array([[8], [4]])
    )
    depths = np.array([[1, 2], [3, 1]])
    looked_up = table.count(np.array([[0, 1], [1, 1]]), depths, ["params"])
    counted = count_anynets(
        depths=depths.T, widths=[[16, 32], [32, 32]], bottleneck_ratios=(1, 2), group_widths=(8, 4), **shared
    )
    assert looked_up.params.tolist() == counted.params.tolist()
    assert (looked_up.flops, looked_up.activations) == (0, 0)  # not asked for


@pytest.mark.parametrize(
    ("shared", "linear"),
    [
        ({"strides": (2, 2)}, True),
        ({"strides": (2, 1)}, False),  # a shortcut that may be free
        ({"strides": (2, 1), "block": "V"}, True),  # it has none
        ({"strides": (2, 2), "block": "Y", "se_ratio": 0.25}, False),  # a width that is rounded
    ],
)
def test_a_stage_s_cost_is_linear_in_the_width_that_enters_unless_something_rounds_or_compares_it(
    shared: dict[str, object], linear: bool
) -> None:
    assert Shared(input_shape=(3, 32, 32), num_classes=10, **shared).linear == linear
