"""AnyNet: what its parameters must be, how widths are rounded, which layers they describe."""

import dataclasses
import pickle
from fractions import Fraction
from typing import Any, get_args

import lecture_networks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_same_network, assert_summary

from anynas.architecture import load_architecture
from anynas.errors import ArchitectureError
from anynas.families.anynet import AnyNet, Block, anynet_parameters, anynets_like, compatible, squeeze_width
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
    canonical,
)

FOUR_STAGES: dict[str, Any] = {
    "depths": [1, 2, 3, 4],
    "widths": [32, 64, 128, 256],
    "bottleneck_ratios": [1, 1, 2, 4],
    "group_widths": [8, 8, 16, 16],
}
ONE_STAGE: dict[str, Any] = {"depths": [1], "widths": [16], "bottleneck_ratios": [1], "group_widths": [8]}
GRID = [(w, b, g) for w in range(8, 1025, 8) for b in (1, 2, 4) for g in (1, 2, 4, 8, 16, 32)]


# What parameters must be


def test_lists_become_tuples_and_strides_are_two_by_default() -> None:
    parameters = anynet_parameters(**FOUR_STAGES)
    assert parameters == AnyNet(
        depths=(1, 2, 3, 4),
        widths=(32, 64, 128, 256),
        bottleneck_ratios=(1, 1, 2, 4),
        group_widths=(8, 8, 16, 16),
        strides=(2, 2, 2, 2),
        block="X",
        stem_width=32,
        stem_stride=2,
        stem_kernel=3,
        stem_pool=False,
        se_ratio=0.0,
        conv_bias=False,
    )


def test_numbers_of_numpy_become_plain_ones() -> None:
    arrays = {name: np.array(values) for name, values in FOUR_STAGES.items()}
    parameters = anynet_parameters(**arrays, stem_width=np.int64(32))
    assert parameters == anynet_parameters(**FOUR_STAGES)
    assert {type(width) for width in (*parameters.widths, parameters.stem_width)} == {int}


def test_parameters_are_frozen() -> None:
    parameters = anynet_parameters(**ONE_STAGE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        parameters.block = "R"  # type: ignore[misc]


def test_a_replaced_value_is_checked_as_a_new_one_is() -> None:
    with pytest.raises(ArchitectureError, match="widths must have one value a stage"):
        dataclasses.replace(anynet_parameters(**ONE_STAGE), widths=(16, 16))


def test_networks_made_many_at_once_are_those_made_one_by_one() -> None:
    template = anynet_parameters(**FOUR_STAGES, strides=[2, 1, 2, 2], block="Y", stem_pool=True, conv_bias=True)
    rng = np.random.default_rng(0)
    lists = {name: rng.integers(1, 1000, (5, 4)) for name in ("depths", "widths", "group_widths")}
    many = anynets_like(template, **lists)
    each = [
        dataclasses.replace(template, **{name: tuple(values[row].tolist()) for name, values in lists.items()})
        for row in range(5)
    ]
    assert many == each
    assert list(map(repr, many)) == list(map(repr, each))
    assert list(map(hash, many)) == list(map(hash, each))
    assert pickle.loads(pickle.dumps(many)) == each
    assert {type(width) for one in many for width in one.widths} == {int}
    assert anynets_like(template, widths=np.empty((0, 4), dtype=int)) == []
    with pytest.raises(dataclasses.FrozenInstanceError):
        many[0].block = "R"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"widths": [[8] * 4, [8, 8, 0, 8]]}, "widths must be whole numbers of at least 1; got 0"),
        ({"depths": [[1] * 4, [1, 2.5, 1, 1]]}, "depths must be whole numbers of at least 1; got 1.0"),
        ({"depths": [[True] * 4]}, "depths must be whole numbers of at least 1; got True"),
        ({"group_widths": [[8] * 3]}, "group_widths must have one value a stage, as strides has (4); got 3"),
    ],
)
def test_wrong_values_are_refused_among_many_too(wrong: dict[str, list[Any]], message: str) -> None:
    lists = {name: np.array(values) for name, values in wrong.items()}
    with pytest.raises(ArchitectureError) as caught:
        anynets_like(anynet_parameters(**FOUR_STAGES), **lists)
    assert str(caught.value) == f"anynet: {message}"


def test_block_y_squeezes_to_a_quarter_by_default() -> None:
    assert anynet_parameters(**ONE_STAGE, block="Y").se_ratio == 0.25
    assert anynet_parameters(**ONE_STAGE, block="Y", se_ratio=0.5).se_ratio == 0.5


def test_block_x_with_squeeze_and_excitation_is_block_y() -> None:
    assert anynet_parameters(**ONE_STAGE, se_ratio=0.25) == anynet_parameters(**ONE_STAGE, block="Y")


@pytest.mark.parametrize("block", ["V", "VR"])
def test_blocks_without_bottleneck_and_groups_need_neither(block: Block) -> None:
    parameters = anynet_parameters(depths=[1, 1], widths=[8, 16], block=block)
    assert parameters.bottleneck_ratios == parameters.group_widths == (1, 1)


def test_block_r_needs_no_group_widths() -> None:
    parameters = anynet_parameters(depths=[1], widths=[8], bottleneck_ratios=[4], block="R")
    assert parameters.group_widths == (1,)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"widths": [32, 64, 128]},
            "anynet: widths must have one value a stage, as depths has (4); got 3",
        ),
        (
            {"bottleneck_ratios": [1] * 5},
            "anynet: bottleneck_ratios must have one value a stage, as depths has (4); got 5",
        ),
        (
            {"group_widths": [8]},
            "anynet: group_widths must have one value a stage, as depths has (4); got 1",
        ),
        (
            {"strides": [2, 2]},
            "anynet: strides must have one value a stage, as depths has (4); got 2",
        ),
        ({"depths": [1, 2, 3, 1.5]}, "anynet: depths must be whole numbers of at least 1; got 1.5"),
        ({"depths": [1, 2, 3, True]}, "anynet: depths must be whole numbers of at least 1; got True"),
        ({"widths": [32, 64, 128, 0]}, "anynet: widths must be whole numbers of at least 1; got 0"),
        ({"widths": [32, 64, 128, "256"]}, "anynet: widths must be whole numbers of at least 1; got '256'"),
        (
            {"bottleneck_ratios": [1, 1, 1, 0.25]},
            "anynet: bottleneck_ratios must be whole numbers of at least 1; got 0.25",
        ),
        (
            {"group_widths": [8, 8, 8, None]},
            "anynet: group_widths must be whole numbers of at least 1; got None",
        ),
        ({"strides": [2, 2, 2, -1]}, "anynet: strides must be whole numbers of at least 1; got -1"),
        ({"depths": 4}, "anynet: depths must be a list with one value a stage; got 4"),
        ({"widths": 64}, "anynet: widths must be a list with one value a stage; got 64"),
        ({"depths": []}, "anynet: depths must have a value for at least one stage; got none"),
        ({"stem_width": 0}, "anynet: stem_width must be a whole number of at least 1; got 0"),
        ({"stem_stride": 1.5}, "anynet: stem_stride must be a whole number of at least 1; got 1.5"),
        ({"stem_kernel": "3"}, "anynet: stem_kernel must be a whole number of at least 1; got '3'"),
        ({"stem_kernel": 4}, "anynet: stem_kernel must be odd; got 4"),
        ({"stem_pool": 1}, "anynet: stem_pool must be true or false; got 1"),
        ({"conv_bias": "yes"}, "anynet: conv_bias must be true or false; got 'yes'"),
        ({"block": "x"}, 'anynet: unknown block "x"; did you mean "X"?'),
        ({"block": "vr"}, 'anynet: unknown block "vr"; did you mean "VR"?'),
        ({"block": "Z"}, 'anynet: unknown block "Z"; known: R, V, VR, X, Y'),
        ({"block": None}, 'anynet: unknown block "None"; known: R, V, VR, X, Y'),
        ({"se_ratio": "a quarter"}, "anynet: se_ratio must be a number; got 'a quarter'"),
        (
            {"block": "R", "se_ratio": 0.25},
            'anynet: se_ratio must lie in (0, 1] for block Y and be 0 for every other; got block "R", se_ratio 0.25',
        ),
        (
            {"block": "Y", "se_ratio": 1.5},
            'anynet: se_ratio must lie in (0, 1] for block Y and be 0 for every other; got block "Y", se_ratio 1.5',
        ),
        (
            {"se_ratio": -0.25},
            'anynet: se_ratio must lie in (0, 1] for block Y and be 0 for every other; got block "X", se_ratio -0.25',
        ),
        (
            {"se_ratio": float("nan")},
            'anynet: se_ratio must lie in (0, 1] for block Y and be 0 for every other; got block "X", se_ratio nan',
        ),
        (
            {"group_widths": None},
            "anynet: group_widths must be given for block X, one value a stage",
        ),
        (
            {"bottleneck_ratios": None},
            "anynet: bottleneck_ratios must be given for block X, one value a stage",
        ),
        (
            {"block": "Y", "group_widths": None},
            "anynet: group_widths must be given for block Y, one value a stage",
        ),
        (
            {"block": "R", "bottleneck_ratios": None},
            "anynet: bottleneck_ratios must be given for block R, one value a stage",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_what_must_hold(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        anynet_parameters(**{**FOUR_STAGES, **wrong})
    assert str(caught.value) == message


# How widths, ratios and group widths are made compatible


def rounded(width: int, ratio: int, group_width: int) -> tuple[int, int, int]:
    """Return (width, inner width, groups) of one stage in exact arithmetic; `round` takes halves to even."""
    inner = max(1, width // ratio)
    group_width = min(group_width, inner)
    inner = max(group_width, group_width * round(Fraction(inner, group_width)))
    return inner * ratio, inner, inner // group_width


@pytest.mark.parametrize(
    ("nominal", "effective"),
    [
        ((392, 1, 16), (384, 384, 24)),  # RegNetX-400MF: 24.5 groups, half to even
        ((24, 1, 16), (32, 32, 2)),  # 1.5 groups, half to even
        ((40, 1, 16), (32, 32, 2)),  # 2.5 groups, half to even
        ((64, 1, 16), (64, 64, 4)),  # nothing to round
        ((8, 1, 32), (8, 8, 1)),  # the group width shrinks to the width
        ((8, 4, 32), (8, 2, 1)),  # to the inner width
        ((24, 4, 4), (32, 8, 2)),  # the ratio divides the width before groups divide it
    ],
)
def test_compatible_stages_are_those_of_the_paper(
    nominal: tuple[int, int, int], effective: tuple[int, int, int]
) -> None:
    assert tuple(map(int, compatible(*nominal, block="X"))) == effective


def test_compatible_settings_of_the_whole_grid_equal_exact_arithmetic() -> None:
    columns = np.array(GRID).T
    expected = np.array([rounded(*setting) for setting in GRID])
    for block in ("X", "Y"):
        np.testing.assert_array_equal(np.array(compatible(*columns, block=block)).T, expected)


def test_the_grid_of_a_stage_holds_1496_different_stages() -> None:
    assert len(GRID) == 2304
    effective = np.array(compatible(*np.array(GRID).T, block="X")).T
    assert len({tuple(row) for row in effective.tolist()}) == 1496


@pytest.mark.parametrize("ratio", [1, 2, 4])
@pytest.mark.parametrize("group_width", [1, 2, 4, 8, 16, 32])
def test_compatibility_is_monotone_idempotent_near_and_stays_on_the_grid(ratio: int, group_width: int) -> None:
    nominal = np.arange(8, 1025, 8)
    effective, _, _ = compatible(nominal, ratio, group_width, block="X")
    again, _, _ = compatible(effective, ratio, group_width, block="X")
    assert (np.diff(effective) >= 0).all()
    np.testing.assert_array_equal(again, effective)
    assert (3 * np.abs(effective - nominal) <= nominal).all()
    assert (effective % 8 == 0).all()
    assert effective.max() <= 1024


@given(
    width=st.integers(1, 4096),
    ratio=st.integers(1, 8),
    group_width=st.integers(1, 256),
    block=st.sampled_from(["X", "Y", "R"]),
)
@settings(deadline=None)
def test_effective_widths_are_divided_by_ratio_and_groups_and_round_to_themselves(
    width: int, ratio: int, group_width: int, block: Block
) -> None:
    effective, inner, groups = map(int, compatible(width, ratio, group_width, block=block))
    assert effective == inner * ratio
    assert inner % groups == 0
    assert inner // groups == (inner if block == "R" else min(group_width, max(1, width // ratio)))
    again = compatible(effective, ratio, group_width, block=block)
    assert tuple(map(int, again)) == (effective, inner, groups)


def test_group_widths_do_not_round_a_block_without_groups() -> None:
    assert tuple(map(int, compatible(392, 2, 16, block="R"))) == (392, 196, 1)
    assert tuple(map(int, compatible(394, 4, 16, block="R"))) == (392, 98, 1)


@pytest.mark.parametrize("block", ["V", "VR"])
def test_neither_ratio_nor_group_width_rounds_a_block_without_them(block: Block) -> None:
    assert tuple(map(int, compatible(393, 4, 16, block=block))) == (393, 393, 1)


@pytest.mark.parametrize(
    ("in_width", "ratio", "squeezed"),
    [(32, 0.25, 8), (10, 0.25, 2), (14, 0.25, 4), (2, 0.25, 1), (1, 0.25, 1), (24, 0.5, 12), (7, 1.0, 7)],
)
def test_squeeze_width_is_the_rounded_share_of_the_input_width(in_width: int, ratio: float, squeezed: int) -> None:
    assert squeeze_width(in_width, ratio) == squeezed
    np.testing.assert_array_equal(squeeze_width(np.array([in_width]), ratio), [squeezed])


# Which layers the parameters describe


def block_in(parameters: AnyNet, stage: int, position: int) -> Layer:
    part = parameters.layers(num_classes=10).layers[stage]
    assert isinstance(part, Sequence)
    return part.layers[position]


def conv(width: int, kernel: int, stride: int = 1, groups: int = 1, bias: bool = False) -> Conv:
    padding = {1: 0, 3: 1, 7: 3}[kernel]
    return Conv(width, kernel, stride, padding=padding, groups=groups, bias=bias)


def test_an_anynet_is_a_stem_its_stages_and_a_head() -> None:
    parts = anynet_parameters(**FOUR_STAGES).layers(num_classes=10).layers
    names = [part.name for part in parts if isinstance(part, Sequence)]
    assert names == ["stem", "stage1", "stage2", "stage3", "stage4", "head"]
    depths = [len(part.layers) for part in parts[1:-1] if isinstance(part, Sequence)]
    assert depths == FOUR_STAGES["depths"]


def test_the_stem_is_a_convolution_with_norm_relu_and_a_pool_if_asked() -> None:
    plain = anynet_parameters(**ONE_STAGE).layers(10).layers[0]
    pooled = anynet_parameters(**ONE_STAGE, stem_width=64, stem_kernel=7, stem_pool=True).layers(10).layers[0]
    assert canonical(plain) == canonical(Sequence((conv(32, 3, 2), Norm(), Activation())))
    assert canonical(pooled) == canonical(
        Sequence((conv(64, 7, 2), Norm(), Activation(), Pool("max", 3, 2, padding=1)))
    )


def test_the_head_pools_all_positions_and_ends_in_a_linear_layer_with_bias() -> None:
    head = anynet_parameters(**ONE_STAGE).layers(num_classes=7).layers[-1]
    assert canonical(head) == canonical(Sequence((GlobalPool(), Flatten(), Linear(7, bias=True))))


def test_an_x_block_is_a_bottleneck_with_groups_and_its_stride_on_the_3x3() -> None:
    parameters = anynet_parameters(depths=[2], widths=[64], bottleneck_ratios=[2], group_widths=[8])
    body = (
        (conv(32, 1), Norm(), Activation()),
        (conv(32, 3, 2, groups=4), Norm(), Activation()),
        (conv(64, 1), Norm()),
    )
    shortcut = Sequence((conv(64, 1, 2), Norm()))
    first = Residual(Sequence(tuple(layer for part in body for layer in part)), shortcut)
    assert canonical(block_in(parameters, 1, 0)) == canonical(Sequence((first, Activation())))
    same = Sequence(
        (conv(32, 1), Norm(), Activation(), conv(32, 3, groups=4), Norm(), Activation(), conv(64, 1), Norm())
    )
    assert canonical(block_in(parameters, 1, 1)) == canonical(Sequence((Residual(same), Activation())))


def test_a_y_block_squeezes_behind_the_3x3_by_the_blocks_input_width() -> None:
    parameters = anynet_parameters(
        depths=[2], widths=[64], bottleneck_ratios=[1], group_widths=[64], block="Y", stem_width=16
    )
    for position, squeezed in ((0, 4), (1, 16)):  # a quarter of 16, then of 64
        gate = (
            GlobalPool(),
            conv(squeezed, 1, bias=True),
            Activation(),
            conv(64, 1, bias=True),
            Activation("sigmoid"),
        )
        stride = 2 if position == 0 else 1
        body = Sequence(
            (
                *(conv(64, 1), Norm(), Activation()),
                *(conv(64, 3, stride), Norm(), Activation(), Scale(Sequence(gate))),
                *(conv(64, 1), Norm()),
            )
        )
        shortcut = Sequence((conv(64, 1, 2), Norm())) if position == 0 else Sequence()
        expected = Sequence((Residual(body, shortcut), Activation()))
        assert canonical(block_in(parameters, 1, position)) == canonical(expected)


def test_an_r_block_is_an_x_block_with_one_group() -> None:
    r = anynet_parameters(depths=[3], widths=[64], bottleneck_ratios=[4], block="R")
    x = anynet_parameters(depths=[3], widths=[64], bottleneck_ratios=[4], group_widths=[16])
    assert canonical(r.layers(10)) == canonical(x.layers(10))


def test_a_v_block_is_one_3x3_and_a_vr_block_adds_its_input() -> None:
    v = anynet_parameters(depths=[2], widths=[64], block="V")
    vr = anynet_parameters(depths=[2], widths=[64], block="VR")
    assert canonical(block_in(v, 1, 0)) == canonical(Sequence((conv(64, 3, 2), Norm(), Activation())))
    assert canonical(block_in(v, 1, 1)) == canonical(Sequence((conv(64, 3), Norm(), Activation())))
    shortcut = Sequence((conv(64, 1, 2), Norm()))
    first = Residual(Sequence((conv(64, 3, 2), Norm())), shortcut)
    assert canonical(block_in(vr, 1, 0)) == canonical(Sequence((first, Activation())))
    second = Residual(Sequence((conv(64, 3), Norm())))
    assert canonical(block_in(vr, 1, 1)) == canonical(Sequence((second, Activation())))


@pytest.mark.parametrize("block", ["X", "Y", "R", "VR"])
def test_a_first_block_of_equal_width_without_stride_keeps_its_input(block: Block) -> None:
    def shortcut(width: int, stride: int) -> Layer:
        parameters = anynet_parameters(
            depths=[1],
            widths=[width],
            bottleneck_ratios=[1],
            group_widths=[8],
            strides=[stride],
            block=block,
            stem_width=16,
        )
        residual = block_in(parameters, 1, 0)
        assert isinstance(residual, Sequence)
        assert isinstance(residual.layers[0], Residual)
        return residual.layers[0].shortcut

    assert canonical(shortcut(16, 1)) == "[]"
    assert canonical(shortcut(24, 1)) == canonical(Sequence((conv(24, 1), Norm())))
    assert canonical(shortcut(16, 2)) == canonical(Sequence((conv(16, 1, 2), Norm())))


@pytest.mark.parametrize("block", get_args(Block))
def test_biases_are_in_all_convolutions_if_asked_and_else_in_the_gates_alone(block: Block) -> None:
    def convolutions(layer: Layer, gated: bool = False) -> list[tuple[bool, bool]]:
        """Return (in a gate, has a bias) of each convolution."""
        match layer:
            case Conv(bias=bias):
                return [(gated, bias)]
            case Sequence(layers=layers):
                return [found for child in layers for found in convolutions(child, gated)]
            case Residual(body=body, shortcut=shortcut):
                return convolutions(body, gated) + convolutions(shortcut, gated)
            case Scale(gate=gate):
                return convolutions(gate, True)
        return []

    without = anynet_parameters(**FOUR_STAGES, block=block).layers(10)
    having = anynet_parameters(**FOUR_STAGES, block=block, conv_bias=True).layers(10)
    assert {bias for _, bias in convolutions(having)} == {True}
    assert all(bias == gated for gated, bias in convolutions(without))
    assert any(gated for gated, _ in convolutions(without)) == (block == "Y")


# The lecture's RegNet


def test_the_lectures_regnet_has_the_lectures_shapes_and_params() -> None:
    rows = [("stem", (32, 48, 48)), ("stage1", (32, 24, 24)), ("stage2", (80, 12, 12)), ("head", (10,))]
    assert_summary(load_architecture("regnetx32"), lecture_networks.regnetx32(), (1, 96, 96), rows)


def test_the_lectures_regnet_equals_one_written_in_torch() -> None:
    assert_same_network(load_architecture("regnetx32"), lecture_networks.regnetx32(), (1, 96, 96), 10)
