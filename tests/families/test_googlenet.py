"""GoogLeNet: the lecture's network, part by part; how ratios become widths; what its parameters must be."""

from fractions import Fraction
from typing import Any

import lecture_networks
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_same_network, assert_summary

from anynas.architecture import load_architecture
from anynas.errors import ArchitectureError
from anynas.families.googlenet import GoogLeNet, reduced_width
from anynas.layers import Concat, Conv, Sequence

IMAGE = (1, 96, 96)
ONE_EACH: dict[str, Any] = {
    "depths": (1, 2),
    "conv1_widths": (8, 16, 24),
    "conv3_widths": (32, 40, 48),
    "conv3_ratios": (1, 2, 4.5),
    "conv5_widths": (56, 64, 72),
    "conv5_ratios": (7, 8, 100),
    "pool_widths": (3, 5, 7),
}


def test_the_lectures_network_has_the_lectures_parts_and_shapes() -> None:
    rows = [
        ("Sequential", (64, 24, 24)),
        ("Sequential", (192, 12, 12)),
        ("Sequential", (480, 6, 6)),
        ("Sequential", (832, 3, 3)),
        ("Sequential", (1024,)),
        ("Linear", (10,)),
    ]
    assert_summary(load_architecture("googlenet"), lecture_networks.googlenet(), IMAGE, rows)


def test_the_lectures_network_equals_one_written_in_torch() -> None:
    assert_same_network(load_architecture("googlenet"), lecture_networks.googlenet(), IMAGE, 10)


def widths_of(layer: Any) -> list[list[int]]:
    """Return the widths of each branch's convolutions."""
    assert isinstance(layer, Concat)
    return [
        [child.width for child in branch.layers if isinstance(child, Conv)]
        for branch in layer.branches
        if isinstance(branch, Sequence)
    ]


def test_members_have_one_value_an_inception_and_a_stem_of_their_own() -> None:
    parts = GoogLeNet(**ONE_EACH, stem_width=10).layers(7).layers
    first, second, stage1, stage2 = (part.layers for part in parts if isinstance(part, Sequence))
    assert [layer.width for layer in (*first, *second) if isinstance(layer, Conv)] == [10, 10, 30]
    assert [len(stage1), len(stage2)] == [1 + 1, 2 + 2]  # inceptions, and a pool or what ends the last stage
    assert widths_of(stage1[0]) == [[8], [32, 32], [8, 56], [3]]
    assert widths_of(stage2[0]) == [[16], [16, 40], [8, 64], [5]]  # 2.5 eights, half to even, are two
    assert widths_of(stage2[1]) == [[24], [8, 48], [8, 72], [7]]


@pytest.mark.parametrize(
    ("width", "ratio", "reduced"),
    [(128, 1.3, 96), (208, 2.2, 96), (224, 2.0, 112), (40, 2.0, 16), (56, 2.0, 32), (8, 4.0, 8), (1, 1.0, 8)],
)
def test_the_width_in_front_of_a_branch_is_a_multiple_of_eight(width: int, ratio: float, reduced: int) -> None:
    assert reduced_width(width, ratio) == reduced


@given(width=st.integers(1, 2048), ratio=st.integers(8, 64))
@settings(deadline=None)
def test_the_width_in_front_of_a_branch_is_the_nearest_of_exact_arithmetic(width: int, ratio: int) -> None:
    exact = 8 * round(Fraction(width * 8, ratio) / 8)  # `round` takes halves to even; ratio in eighths
    assert reduced_width(width, ratio / 8) == max(8, exact)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stem_width": 0}, "googlenet: stem_width must be a whole number of at least 1; got 0"),
        ({"depths": [2, 5, "2"]}, "googlenet: depths must be whole numbers of at least 1; got '2'"),
        ({"depths": []}, "googlenet: depths must have a value for at least one stage; got none"),
        (
            {"depths": [2, 5, 3]},
            "googlenet: conv1_widths must have one value an inception, as depths has in all (10); got 9",
        ),
        (
            {"pool_widths": [32, 64]},
            "googlenet: pool_widths must have one value an inception, as depths has in all (9); got 2",
        ),
        ({"conv3_widths": 128}, "googlenet: conv3_widths must be a list with one value an inception; got 128"),
        ({"conv1_widths": [0] * 9}, "googlenet: conv1_widths must be whole numbers of at least 1; got 0"),
        ({"conv3_ratios": [0.5] * 9}, "googlenet: conv3_ratios must be finite numbers of at least 1; got 0.5"),
        ({"conv3_ratios": ["2"] * 9}, "googlenet: conv3_ratios must be finite numbers of at least 1; got '2'"),
        ({"conv3_ratios": [[2.0]] * 9}, "googlenet: conv3_ratios must be finite numbers of at least 1; got [2.0]"),
        ({"conv5_ratios": [True] * 9}, "googlenet: conv5_ratios must be finite numbers of at least 1; got True"),
        (
            {"conv5_ratios": [float("inf")] * 9},
            "googlenet: conv5_ratios must be finite numbers of at least 1; got inf",
        ),
        (
            {"conv5_ratios": [float("nan")] * 9},
            "googlenet: conv5_ratios must be finite numbers of at least 1; got nan",
        ),
        (
            {"conv5_ratios": [10**400] * 9},
            f"googlenet: conv5_ratios must be finite numbers of at least 1; got {10**400}",
        ),
        ({"conv5_ratios": 2.0}, "googlenet: conv5_ratios must be a list with one value an inception; got 2.0"),
    ],
)
def test_a_wrong_value_is_refused_with_what_must_hold(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        GoogLeNet(**wrong)
    assert str(caught.value) == message
