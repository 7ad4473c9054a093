"""ResNet and ResNeXt: the lecture's and the papers' networks; widths and groups; what its parameters must be."""

import dataclasses
from fractions import Fraction
from typing import Any

import lecture_networks
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_same_network, assert_summary
from torch import Tensor, nn

from anynas.architecture import Architecture, anynet, load_architecture
from anynas.counting import Complexity, complexity
from anynas.errors import ArchitectureError
from anynas.families.resnet import ResNet, compatible_bottleneck
from anynas.layers import Conv, Layer, Linear, Norm, Residual, Sequence

IMAGE = (1, 96, 96)
IMAGENET: dict[str, Any] = {"input_shape": (3, 224, 224), "num_classes": 1000}
TWO_STAGES: dict[str, Any] = {
    "depths": (1, 2),
    "widths": (12, 40),
    "bottleneck_ratios": (1, 2),
    "groups": (4, 8),
    "strides": (1, 3),
    "stem_width": 12,
    "stem_kernel": 5,
    "stem_stride": 1,
    "stem_pool": False,
}


def test_the_lectures_network_has_the_lectures_parts_and_shapes() -> None:
    rows = [
        ("Sequential", (64, 24, 24)),
        ("Sequential", (64, 24, 24)),
        ("Sequential", (128, 12, 12)),
        ("Sequential", (256, 6, 6)),
        ("Sequential", (512, 3, 3)),
        ("Sequential", (10,)),
    ]
    assert_summary(load_architecture("resnet18"), lecture_networks.resnet18(), IMAGE, rows)


def test_the_lectures_network_equals_one_written_in_torch() -> None:
    assert_same_network(load_architecture("resnet18"), lecture_networks.resnet18(), IMAGE, 10)


# The papers' networks


@pytest.mark.parametrize(
    ("name", "params", "flops", "activations"),
    [
        ("resnet50", 25557032, 4089185256, 11315688),
        ("resnext50_32x4d", 25028904, 4230480872, 14602216),
    ],
)
def test_complexity_equals_the_published_one(name: str, params: int, flops: int, activations: int) -> None:
    counted = complexity(load_architecture(name), **IMAGENET)
    assert counted == Complexity(params=params, flops=flops, activations=activations)


def test_complexity_of_cifars_resnet56_equals_the_published_one() -> None:
    counted = complexity(load_architecture("resnet56_cifar"), input_shape=(3, 32, 32), num_classes=10)
    assert counted == Complexity(params=855770, flops=125747850, activations=544778)


def test_the_papers_bottleneck_networks_are_the_anynets_that_have_their_layers() -> None:
    shell: dict[str, Any] = {
        "depths": [3, 4, 6, 3],
        "widths": [256, 512, 1024, 2048],
        "strides": [1, 2, 2, 2],
        "stem_width": 64,
        "stem_kernel": 7,
        "stem_pool": True,
    }
    resnet50 = anynet(**shell, bottleneck_ratios=[4] * 4, block="R")
    resnext50 = anynet(**shell, bottleneck_ratios=[2] * 4, group_widths=[4, 8, 16, 32])
    assert load_architecture("resnet50").network_key == resnet50.network_key
    assert load_architecture("resnext50_32x4d").network_key == resnext50.network_key


# Members, against blocks written in plain torch


class PlainBlock(nn.Module):
    """Convolutions with norms, a ReLU between two, and one behind the block; the input is added if asked."""

    def __init__(self, convolutions: list[nn.Conv2d], shortcut: nn.Module | None) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        for convolution in convolutions:
            self.convolutions += [convolution, nn.BatchNorm2d(convolution.out_channels)]
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for position, layer in enumerate(self.convolutions):
            y = layer(torch.relu(y) if position > 0 and position % 2 == 0 else y)
        return torch.relu(y if self.shortcut is None else y + self.shortcut(x))


def plain_network(blocks: list[nn.Module], *, bias: bool, width: int) -> nn.Sequential:
    stem = (nn.Conv2d(3, 12, 5, padding=2, bias=bias), nn.BatchNorm2d(12), nn.ReLU())
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 7))


@pytest.mark.parametrize("residual", [True, False])
def test_a_network_of_basic_blocks_has_its_stride_on_the_first_3x3(residual: bool) -> None:
    def block(before: int, width: int, stride: int) -> PlainBlock:
        convolutions = [nn.Conv2d(before, width, 3, stride, padding=1), nn.Conv2d(width, width, 3, padding=1)]
        same = before == width and stride == 1
        shortcut = nn.Identity() if same else nn.Conv2d(before, width, 1, stride)
        return PlainBlock(convolutions, shortcut if residual else None)

    plain = plain_network([block(12, 12, 1), block(12, 40, 3), block(40, 40, 1)], bias=True, width=40)
    assert_same_network(Architecture(ResNet(**TWO_STAGES, residual=residual)), plain, (3, 20, 17), 7)


@pytest.mark.parametrize("residual", [True, False])
def test_a_network_of_bottleneck_blocks_has_its_stride_and_groups_on_the_3x3(residual: bool) -> None:
    def block(before: int, inner: int, width: int, groups: int, stride: int) -> PlainBlock:
        middle = nn.Conv2d(inner, inner, 3, stride, padding=1, groups=groups, bias=False)
        outer = [nn.Conv2d(before, inner, 1, bias=False), nn.Conv2d(inner, width, 1, bias=False)]
        project = nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))
        same = before == width and stride == 1
        shortcut: nn.Module = nn.Identity() if same else project
        return PlainBlock([outer[0], middle, outer[1]], shortcut if residual else None)

    network = ResNet(**TWO_STAGES, block="bottleneck", residual=residual, conv_bias=False, shortcut_norm=True)
    # 40 / 2 = 20 channels are 2.5 channels in each of 8 groups, so 2: 16 channels, 32 outside
    blocks: list[nn.Module] = [block(12, 12, 12, 4, 1), block(12, 16, 32, 8, 3), block(32, 16, 32, 8, 1)]
    plain = plain_network(blocks, bias=False, width=32)
    assert_same_network(Architecture(network), plain, (3, 20, 17), 7)


def leaves(layer: Layer) -> list[Layer]:
    match layer:
        case Sequence(layers=layers):
            return [leaf for child in layers for leaf in leaves(child)]
        case Residual(body=body, shortcut=shortcut):
            return leaves(body) + leaves(shortcut)
    return [layer]


@pytest.mark.parametrize(
    ("initialisation", "convolutions", "head"),
    [
        ("xavier_uniform", "xavier_uniform", "xavier_uniform"),
        ("fan_out_normal", "fan_out_normal", "small_normal"),
        ("small_normal", "small_normal", "small_normal"),
    ],
)
def test_the_initialisation_is_of_all_layers(initialisation: Any, convolutions: str, head: str) -> None:
    found = leaves(ResNet(initialisation=initialisation).layers(10))
    assert {leaf.initialisation for leaf in found if isinstance(leaf, Conv)} == {convolutions}
    assert [leaf.initialisation for leaf in found if isinstance(leaf, Linear)] == [head]


def test_biases_and_the_norms_of_shortcuts_are_as_the_fields_say() -> None:
    def counted(**fields: bool) -> tuple[int, int]:
        found = leaves(ResNet(**fields).layers(10))  # type: ignore[arg-type]
        return sum(isinstance(leaf, Norm) for leaf in found), sum(leaf.bias for leaf in found if isinstance(leaf, Conv))

    assert counted() == (17, 20)
    assert counted(shortcut_norm=True) == (20, 20)
    assert counted(conv_bias=False) == (17, 0)
    assert counted(residual=False) == (17, 17)


def test_a_basic_block_reads_neither_ratios_nor_groups() -> None:
    other = ResNet(bottleneck_ratios=(1, 2, 3, 5), groups=(7, 7, 7, 7))
    assert Architecture(other).network_key == Architecture(ResNet()).network_key
    assert Architecture(other).key != Architecture(ResNet()).key


# How widths, ratios and groups are made compatible


def rounded(width: int, ratio: int, groups: int) -> tuple[int, int, int]:
    """Return (width, inner width, groups) in exact arithmetic; `round` takes halves to even."""
    inner = max(width // ratio, 1)
    groups = min(groups, inner)
    inner = max(groups, groups * round(Fraction(inner, groups)))
    return inner * ratio, inner, groups


@pytest.mark.parametrize(
    ("nominal", "effective"),
    [
        ((256, 4, 1), (256, 64, 1)),
        ((256, 2, 32), (256, 128, 32)),
        ((40, 2, 8), (32, 16, 8)),  # 2.5 channels a group, half to even
        ((56, 2, 8), (64, 32, 8)),  # 3.5, half to even
        ((16, 4, 32), (16, 4, 4)),  # no more groups than channels
        ((3, 4, 2), (4, 1, 1)),  # at least one channel
        ((30, 4, 1), (28, 7, 1)),  # the ratio divides the width
    ],
)
def test_compatible_bottlenecks(nominal: tuple[int, int, int], effective: tuple[int, int, int]) -> None:
    assert compatible_bottleneck(*nominal) == effective


@given(width=st.integers(1, 4096), ratio=st.integers(1, 8), groups=st.integers(1, 256))
@settings(deadline=None)
def test_effective_widths_are_those_of_exact_arithmetic_and_round_to_themselves(
    width: int, ratio: int, groups: int
) -> None:
    effective = compatible_bottleneck(width, ratio, groups)
    assert effective == rounded(width, ratio, groups)
    assert effective[1] % effective[2] == 0
    assert compatible_bottleneck(effective[0], ratio, groups) == effective


# What parameters must be


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"depths": 2}, "resnet: depths must be a list with one value a stage; got 2"),
        ({"depths": [2, 2]}, "resnet: widths must have one value a stage, as depths has (2); got 4"),
        ({"widths": [64]}, "resnet: widths must have one value a stage, as depths has (4); got 1"),
        (
            {"bottleneck_ratios": [4] * 3},
            "resnet: bottleneck_ratios must have one value a stage, as depths has (4); got 3",
        ),
        ({"groups": [1] * 5}, "resnet: groups must have one value a stage, as depths has (4); got 5"),
        ({"groups": [1, 1, 1, 0]}, "resnet: groups must be whole numbers of at least 1; got 0"),
        ({"strides": [1]}, "resnet: strides must have one value a stage, as depths has (4); got 1"),
        ({"widths": [64, 128, 256, 51.2]}, "resnet: widths must be whole numbers of at least 1; got 51.2"),
        (
            {"bottleneck_ratios": [1, 1, 1, 0.25]},
            "resnet: bottleneck_ratios must be whole numbers of at least 1; got 0.25",
        ),
        ({"block": "basics"}, 'resnet: unknown block "basics"; did you mean "basic"?'),
        ({"block": "X"}, 'resnet: unknown block "X"; known: basic, bottleneck'),
        ({"residual": 1}, "resnet: residual must be true or false; got 1"),
        ({"stem_pool": "no"}, "resnet: stem_pool must be true or false; got 'no'"),
        ({"conv_bias": None}, "resnet: conv_bias must be true or false; got None"),
        ({"shortcut_norm": 0}, "resnet: shortcut_norm must be true or false; got 0"),
        ({"stem_width": 0}, "resnet: stem_width must be a whole number of at least 1; got 0"),
        ({"stem_stride": 0}, "resnet: stem_stride must be a whole number of at least 1; got 0"),
        ({"stem_kernel": 2}, "resnet: stem_kernel must be odd; got 2"),
        ({"initialisation": "xavier"}, 'resnet: unknown initialisation "xavier"; did you mean "xavier_uniform"?'),
    ],
)
def test_a_wrong_value_is_refused_with_what_must_hold(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        ResNet(**wrong)
    assert str(caught.value) == message


def test_a_replaced_value_is_checked_as_a_new_one_is() -> None:
    with pytest.raises(ArchitectureError, match="widths must have one value a stage"):
        dataclasses.replace(ResNet(), widths=(16, 16))
