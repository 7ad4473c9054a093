"""Counting: published numbers, hooks on built networks, the vectorised count, summaries, bad input."""

import dataclasses
import itertools
import random
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import hooked_complexity, without_values
from torch import nn

from anynas.architecture import Architecture, anynet, load_architecture
from anynas.counting import Complexity, complexity, layer_summary, measure
from anynas.counting_anynets import count_anynets
from anynas.errors import ArchitectureError
from anynas.families.anynet import Block, compatible
from anynas.families.regnet import published_regnets
from anynas.layers import (
    Activation,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalPool,
    Layer,
    Linear,
    Norm,
    Pool,
    Residual,
    Scale,
    Sequence,
    Shape,
)
from anynas.networks import build

IMAGENET: dict[str, Any] = {"input_shape": (3, 224, 224), "num_classes": 1000}
RESNET50_SHELL: dict[str, Any] = {
    "depths": [3, 4, 6, 3],
    "widths": [256, 512, 1024, 2048],
    "strides": [1, 2, 2, 2],
    "stem_width": 64,
    "stem_kernel": 7,
    "stem_pool": True,
}
RESNET50 = anynet(**RESNET50_SHELL, bottleneck_ratios=[4] * 4, block="R")
RESNEXT50_32X4D = anynet(**RESNET50_SHELL, bottleneck_ratios=[2] * 4, group_widths=[4, 8, 16, 32])


@dataclasses.dataclass(frozen=True)
class Described:
    """A family of one network: a tree written by hand, so that layers AnyNet does not use can be counted."""

    tree: Sequence

    def layers(self, num_classes: int) -> Sequence:
        return Sequence((*self.tree.layers, Linear(num_classes)))


# Published numbers


@pytest.mark.parametrize(
    ("name", "params", "flops", "activations"),
    [
        ("regnetx_200mf", 2684792, 199040872, 2164056),
        ("regnetx_400mf", 5157512, 397678568, 3143272),
        ("regnetx_3.2gf", 15296552, 3176622952, 11367432),
        ("regnetx_8.0gf", 39572648, 7995133416, 14059688),
        ("regnety_400mf", 4344144, 401849056, 3892496),
        ("regnety_4.0gf", 20646656, 3973301344, 12287200),
    ],
)
def test_complexity_of_a_regnet_equals_the_published_one(name: str, params: int, flops: int, activations: int) -> None:
    counted = complexity(load_architecture(name), **IMAGENET)
    assert counted == Complexity(params=params, flops=flops, activations=activations)


@pytest.mark.parametrize(
    ("names", "millions"),
    [
        ("regnetx", [2.7, 5.2, 6.2, 7.3, 9.2, 15.3, 22.1, 26.2, 39.6, 46.1, 54.3, 107.8]),
        ("regnety", [3.2, 4.3, 6.1, 6.3, 11.2, 19.4, 20.6, 30.6, 39.2, 51.8, 83.6, 145.0]),
    ],
)
def test_params_of_all_regnets_round_to_those_of_the_papers_tables(names: str, millions: list[float]) -> None:
    published = [name for name in published_regnets() if name.startswith(names)]  # from small to large
    counted = [complexity(load_architecture(name), **IMAGENET).params for name in published]
    assert [round(params / 1e6, 1) for params in counted] == millions


def test_complexity_of_resnet50_equals_the_published_one() -> None:
    counted = complexity(RESNET50, **IMAGENET)
    assert counted == Complexity(params=25557032, flops=4089185256, activations=11315688)
    pool = measure(Pool("max", 3, 2, padding=1), (64, 112, 112))[1]
    assert counted.activations - pool.activations == 11114984  # as it is without the pool's


def test_complexity_of_resnext50_equals_the_published_one() -> None:
    counted = complexity(RESNEXT50_32X4D, **IMAGENET)
    assert counted == Complexity(params=25028904, flops=4230480872, activations=14602216)


def test_complexity_holds_plain_numbers() -> None:
    counted = complexity(load_architecture("regnety_400mf"), **IMAGENET)
    assert {type(value) for value in dataclasses.astuple(counted)} == {int}


# The built network, counted by hooks, and the vectorised count


@dataclasses.dataclass(frozen=True)
class Draws:
    """AnyNets that differ in their stages alone, for one input."""

    stages: dict[str, np.ndarray[Any, Any]]  # (n, stages) each
    shared: dict[str, Any]
    input_shape: Shape
    num_classes: int

    @property
    def architectures(self) -> list[Architecture]:
        rows = zip(*self.stages.values(), strict=True)
        return [
            anynet(**dict(zip(self.stages, (column.tolist() for column in row), strict=True)), **self.shared)
            for row in rows
        ]

    @property
    def counted(self) -> list[Complexity]:
        image = {"input_shape": self.input_shape, "num_classes": self.num_classes}
        return [complexity(architecture, **image) for architecture in self.architectures]


def random_draws(block: Block, *, num_sets: int, num_draws: int) -> list[Draws]:
    rng = random.Random(f"draws of block {block}")
    return [_random_set(rng, block, num_draws) for _ in range(num_sets)]


def _random_set(rng: random.Random, block: Block, num_draws: int) -> Draws:
    num_stages = rng.randint(1, 6)
    stem_width = rng.choice([8, 12, 16, 32, 64])

    def widths() -> list[int]:
        drawn = [rng.choice([stem_width, rng.randint(1, 300)])]
        while len(drawn) < num_stages:
            drawn.append(rng.choice([drawn[-1], 8 * rng.randint(1, 64), rng.randint(1, 300)]))
        return drawn

    def column(values: list[int]) -> list[int]:
        return rng.choices(values, k=num_stages)

    return Draws(
        stages={
            "depths": np.array([column([1, 1, 2]) for _ in range(num_draws)]),
            "widths": np.array([widths() for _ in range(num_draws)]),
            "bottleneck_ratios": np.array([column([1, 1, 2, 3, 4]) for _ in range(num_draws)]),
            "group_widths": np.array([column([1, 2, 4, 8, 16, 24, 32]) for _ in range(num_draws)]),
        },
        shared={
            "strides": tuple(column([1, 1, 2, 2, 3])),
            "block": block,
            "stem_width": stem_width,
            "stem_stride": rng.choice([1, 2, 4]),
            "stem_kernel": rng.choice([1, 3, 5, 7]),
            "stem_pool": rng.random() < 0.4,
            "se_ratio": rng.choice([0.1, 0.25, 0.5, 1.0]) if block == "Y" else 0.0,
            "conv_bias": rng.random() < 0.4,
        },
        input_shape=(
            rng.randint(1, 4),
            *(rng.choice([rng.randint(1, 12), rng.randint(13, 96)]) for _ in "HW"),
        ),
        num_classes=rng.choice([1, 2, 10, 100, 1000]),
    )


@pytest.mark.parametrize("block", get_args(Block))
def test_complexity_equals_the_built_network(block: Block) -> None:
    for draws in random_draws(block, num_sets=12, num_draws=5):  # 300 networks over the five blocks
        image = {"input_shape": draws.input_shape, "num_classes": draws.num_classes}
        for architecture, counted in zip(draws.architectures, draws.counted, strict=True):
            with without_values():
                network = build(architecture, **image).eval()
            assert hooked_complexity(network, draws.input_shape) == counted, (architecture, image)


@pytest.mark.parametrize("block", get_args(Block))
def test_the_vectorised_count_equals_the_count_of_each_network(block: Block) -> None:
    for draws in random_draws(block, num_sets=60, num_draws=5):  # the 12 sets above are the first of these
        vectorised = count_anynets(
            **draws.stages, **draws.shared, input_shape=draws.input_shape, num_classes=draws.num_classes
        )
        for name in ("flops", "params", "activations"):
            values = getattr(vectorised, name)
            assert (values.shape, values.dtype) == ((5,), np.int64)
            assert values.tolist() == [getattr(counted, name) for counted in draws.counted], (name, draws)


def test_the_random_networks_hold_the_cases_that_are_easily_miscounted() -> None:
    sets = [draws for block in ("X", "Y", "R", "VR") for draws in random_draws(block, num_sets=12, num_draws=5)]
    kept = rounded = squeezed_to_a_pixel = 0
    for draws in sets:
        widths, ratios, group_widths = (draws.stages[name] for name in ("widths", "bottleneck_ratios", "group_widths"))
        effective = compatible(widths, ratios, group_widths, block=draws.shared["block"])[0]
        before = np.column_stack([np.full(len(widths), draws.shared["stem_width"]), effective[:, :-1]])
        kept += int(((np.array(draws.shared["strides"]) == 1) & (before == effective)).sum())
        rounded += int((effective != widths).sum())
        summary = layer_summary(draws.architectures[0], input_shape=draws.input_shape, num_classes=10)
        squeezed_to_a_pixel += summary.output_shape.iloc[-2][1:] == (1, 1)
    assert kept >= 50  # first blocks with an identity shortcut
    assert rounded >= 100
    assert squeezed_to_a_pixel >= 3
    assert {draws.shared["stem_pool"] for draws in sets} == {True, False}
    assert {draws.shared["conv_bias"] for draws in sets} == {True, False}
    assert {len(draws.shared["strides"]) for draws in sets} == {1, 2, 3, 4, 5, 6}


def test_the_vectorised_count_of_a_published_network_is_the_published_one() -> None:
    p = load_architecture("regnetx_3.2gf").parameters
    counted = count_anynets(
        depths=np.array([p.depths]),
        widths=np.array([p.widths]),
        bottleneck_ratios=np.array([p.bottleneck_ratios]),
        group_widths=np.array([p.group_widths]),
        strides=p.strides,
        **IMAGENET,
    )
    numbers = [values.tolist() for values in dataclasses.astuple(counted)]
    assert numbers == [[3176622952], [15296552], [11367432]]


# Layer by layer: pycls' conventions


@pytest.mark.parametrize(
    ("layer", "shape", "out", "flops", "params", "activations"),
    [
        (Conv(8, 3, 2, padding=1), (4, 9, 7), (8, 5, 4), 288 * 20, 288, 160),
        (Conv(8, 3, 2, padding=1, groups=2), (4, 9, 7), (8, 5, 4), 144 * 20, 144, 160),
        (Conv(8, 3, 2, padding=1, bias=True), (4, 9, 7), (8, 5, 4), 296 * 20, 296, 160),
        (Conv(8, 11, 4), (1, 224, 224), (8, 54, 54), 968 * 54 * 54, 968, 8 * 54 * 54),
        (Norm(), (4, 9, 7), (4, 9, 7), 0, 8, 0),
        (Activation(), (4, 9, 7), (4, 9, 7), 0, 0, 0),
        (Pool("max", 3, 2), (4, 9, 7), (4, 4, 3), 0, 0, 48),
        (GlobalPool(), (4, 9, 7), (4, 1, 1), 0, 0, 0),
        (Flatten(), (4, 9, 7), (252,), 0, 0, 0),
        (Linear(10), (252,), (10,), 2530, 2530, 10),
        (Linear(10, bias=False), (252,), (10,), 2520, 2520, 10),
        (Dropout(0.5), (252,), (252,), 0, 0, 0),
        (Sequence(), (4, 9, 7), (4, 9, 7), 0, 0, 0),
        (Residual(Conv(4, 1)), (4, 9, 7), (4, 9, 7), 16 * 63, 16, 252),
        (Residual(Conv(8, 1), Conv(8, 1)), (4, 9, 7), (8, 9, 7), 64 * 63, 64, 1008),
        (Concat((Sequence(), Conv(8, 1), Norm())), (4, 9, 7), (16, 9, 7), 32 * 63, 40, 504),
        (Scale(Sequence((GlobalPool(), Conv(4, 1, bias=True)))), (4, 9, 7), (4, 9, 7), 20, 20, 4),
    ],
)
def test_a_layer_counts_as_pycls_counts_it(
    layer: Layer, shape: Shape, out: Shape, flops: int, params: int, activations: int
) -> None:
    expected = Complexity(flops=flops, params=params, activations=activations)
    assert measure(layer, shape) == (out, expected)


@given(
    kind=st.sampled_from(["conv", "max", "average"]),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 4),
    padding=st.integers(0, 3),
)
@settings(deadline=None)
def test_a_window_fits_exactly_where_torch_says_so_and_has_its_shape(
    kind: Any, height: int, width: int, kernel: int, stride: int, padding: int
) -> None:
    padding = min(padding, kernel // 2)  # torch allows a pool no more
    layer = Conv(2, kernel, stride, padding) if kind == "conv" else Pool(kind, kernel, stride, padding)
    image = torch.zeros(1, 2, height, width)
    weight = torch.zeros(2, 2, kernel, kernel)
    try:
        if kind == "conv":
            out = nn.functional.conv2d(image, weight, stride=stride, padding=padding)
        elif kind == "max":
            out = nn.functional.max_pool2d(image, kernel, stride, padding)
        else:
            out = nn.functional.avg_pool2d(image, kernel, stride, padding)
    except RuntimeError:
        with pytest.raises(ArchitectureError, match=f"{height}x{width} reached it"):
            measure(layer, (2, height, width))
    else:
        assert measure(layer, (2, height, width))[0] == tuple(out.shape[1:])


def test_what_is_no_layer_is_not_counted() -> None:
    with pytest.raises(TypeError, match="no layer: 'Conv'"):
        measure("Conv", (1, 8, 8))  # type: ignore[arg-type]


# The summary


@pytest.mark.parametrize("name", ["regnetx_400mf", "regnety_4.0gf"])
def test_the_summarys_rows_add_up_to_the_complexity(name: str) -> None:
    architecture = load_architecture(name)
    summary = layer_summary(architecture, **IMAGENET)
    counted = complexity(architecture, **IMAGENET)
    assert list(summary.columns) == ["layer", "output_shape", "params", "flops"]
    assert (summary.params.sum(), summary.flops.sum()) == (counted.params, counted.flops)


def test_the_summary_has_a_row_a_part_with_the_shape_that_it_puts_out() -> None:
    summary = layer_summary(load_architecture("regnetx_400mf"), **IMAGENET)
    assert list(zip(summary.layer, summary.output_shape, strict=True)) == [
        ("stem", (32, 112, 112)),
        ("stage1", (32, 56, 56)),
        ("stage2", (64, 28, 28)),
        ("stage3", (160, 14, 14)),
        ("stage4", (384, 7, 7)),
        ("head", (1000,)),
    ]


def test_the_summary_of_the_lectures_regnet_has_the_lectures_shapes() -> None:
    summary = layer_summary(load_architecture("regnetx32"), input_shape=(1, 96, 96), num_classes=10)
    assert summary.output_shape.tolist() == [(32, 48, 48), (32, 24, 24), (80, 12, 12), (10,)]


@pytest.mark.parametrize("block", get_args(Block))
def test_the_summarys_rows_are_the_built_networks_parts(block: Block) -> None:
    for draws in random_draws(block, num_sets=3, num_draws=1):
        image = {"input_shape": draws.input_shape, "num_classes": draws.num_classes}
        summary = layer_summary(draws.architectures[0], **image)
        with torch.device("meta"):
            network = build(draws.architectures[0], **image).eval()
        x, rows = torch.empty(1, *draws.input_shape, device="meta"), []
        for name, part in network.named_children():
            x = part(x)
            rows.append((name, tuple(x.shape[1:]), sum(parameter.numel() for parameter in part.parameters())))
        assert list(zip(summary.layer, summary.output_shape, summary.params, strict=True)) == rows


def test_a_layer_without_a_name_is_summarised_by_its_class_of_torch() -> None:
    described = Architecture(Described(Sequence((Conv(4, 3), Flatten()))))  # type: ignore[arg-type]
    summary = layer_summary(described, input_shape=(1, 5, 5), num_classes=10)
    assert summary.layer.tolist() == ["Conv2d", "Flatten", "Linear"]


# What does not fit


def test_every_anynet_fits_every_image() -> None:
    deep = anynet(depths=[1] * 6, widths=[8] * 6, block="V", stem_stride=4, stem_pool=True, strides=[3] * 6)
    for height, width in itertools.product((1, 2, 97), repeat=2):
        summary = layer_summary(deep, input_shape=(3, height, width), num_classes=10)
        assert summary.output_shape.tolist()[-2:] == [(8, 1, 1), (10,)]


def test_an_input_too_small_is_refused_with_the_part_and_the_shape_that_reached_it() -> None:
    stem = Sequence((Conv(8, 3, 2, padding=1), Norm()), name="stem")
    stage = Sequence((Sequence((Conv(8, 3), Pool("max", 3, 2))),), name="stage1")
    small = Architecture(Described(Sequence((stem, stage, Flatten()))))  # type: ignore[arg-type]
    assert complexity(small, input_shape=(1, 9, 9), num_classes=10).activations == 8 * (25 + 9 + 1) + 10
    for count in (complexity, layer_summary, build):
        with pytest.raises(ArchitectureError) as caught:
            count(small, input_shape=(1, 9, 8), num_classes=10)
        assert str(caught.value) == (
            "stage1: its 3x3 max-pooling (stride 2, padding 0) needs a larger input; "
            "3x2 reached it; use larger images or fewer strides"
        )


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            Sequence((Conv(8, 5, 2),), name="stem"),
            "stem: its 5x5 convolution (stride 2, padding 0) needs a larger input; "
            "4x4 reached it; use larger images or fewer strides",
        ),
        (
            Sequence((Sequence((Pool("average", 5, 1, 0),), name="inner"),), name="outer"),
            "outer.inner: its 5x5 average-pooling (stride 1, padding 0) needs a larger input; "
            "4x4 reached it; use larger images or fewer strides",
        ),
        (
            Sequence((Residual(Conv(8, 1), Conv(8, 1, 2)),), name="stage1"),
            "stage1: a residual's branches must agree; got 8x4x4 and 8x2x2",
        ),
        (
            Sequence((Concat((Conv(8, 1), Conv(8, 1, 2))),), name="stage1"),
            "stage1: branches must agree but for channels; got 8x4x4 and 8x2x2",
        ),
        (
            Sequence((Scale(Conv(8, 1)),), name="stage1"),
            "stage1: a gate must put out 6x1x1; got 8x4x4",
        ),
        (Sequence((Linear(10),), name="head"), "head: a linear layer takes flat input; got 6x4x4"),
        (
            Sequence((Flatten(), Conv(8, 1)), name="head"),
            "head: Conv takes an image (C, H, W); got 96",
        ),
        (
            Sequence((Conv(8, 1, groups=4),), name="stem"),
            "stem: 4 groups must divide the channels; got 6 in, 8 out",
        ),
        (
            Sequence((Conv(9, 1, groups=2),), name="stem"),
            "stem: 2 groups must divide the channels; got 6 in, 9 out",
        ),
        (Linear(10), "network: a linear layer takes flat input; got 6x4x4"),
        (Sequence((Norm(), Linear(10))), "layer 2 (Linear): a linear layer takes flat input; got 6x4x4"),
        (
            Sequence((Norm(), Sequence((Activation(), Sequence((Norm(), Pool("average", 5, 1))))))),
            "layer 2.2.2 (AvgPool2d): its 5x5 average-pooling (stride 1, padding 0) needs a larger input; "
            "4x4 reached it; use larger images or fewer strides",
        ),
        (
            Sequence((Norm(), Residual(Conv(8, 1), Conv(8, 1, 2)))),
            "layer 2 (Residual): a residual's branches must agree; got 8x4x4 and 8x2x2",
        ),
        (
            Sequence((Sequence((Sequence((Linear(10),), name="inner"),)),)),
            "inner: a linear layer takes flat input; got 6x4x4",
        ),
    ],
)
def test_a_layer_that_does_not_fit_is_refused_with_its_place(tree: Layer, message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        measure(tree, (6, 4, 4))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "input_shape", [(28, 28), (1, 1, 28, 28), (), (0, 28, 28), (3, 28, -1), (3, 27.9, 28), ("3", 28, 28), 28]
)
def test_an_input_shape_that_is_not_three_numbers_is_refused(input_shape: Any) -> None:
    architecture = anynet(depths=[1], widths=[8], block="V")
    for count in (complexity, layer_summary, build):
        with pytest.raises(ArchitectureError) as caught:
            count(architecture, input_shape=input_shape, num_classes=10)
        assert str(caught.value) == f"input_shape must be three positive numbers (C, H, W); got {input_shape!r}"


def test_an_input_shape_may_be_a_list_of_numpys_numbers() -> None:
    architecture = anynet(depths=[1], widths=[8], block="V")
    expected = complexity(architecture, input_shape=(1, 28, 28), num_classes=10)
    counted = complexity(architecture, input_shape=list(np.array([1, 28, 28])), num_classes=10)  # type: ignore[arg-type]
    assert counted == expected
    assert type(counted.flops) is int
