"""Networks: the tree as torch builds it, held against plain torch; initialisation; branches."""

import dataclasses
import math
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from anynas.architecture import Architecture, anynet, load_architecture
from anynas.counting import complexity
from anynas.errors import ArchitectureError
from anynas.families.anynet import Block
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
)
from anynas.networks import build

SMALL: dict[str, Any] = {
    "depths": [1, 2, 2],
    "widths": [16, 16, 32],
    "bottleneck_ratios": [1, 2, 4],
    "group_widths": [8, 8, 4],
    "strides": [1, 2, 2],
    "stem_width": 16,
    "stem_stride": 1,
}


@dataclasses.dataclass(frozen=True)
class Described:
    """A family of one network: a tree written by hand, for layers that AnyNet does not use."""

    tree: Sequence

    def layers(self, num_classes: int) -> Sequence:
        return self.tree


def built(*layers: Layer, input_shape: tuple[int, ...]) -> nn.Module:
    described = Architecture(Described(Sequence(layers)))  # type: ignore[arg-type]
    return build(described, input_shape=input_shape, num_classes=1)


# The same networks, written straight in torch


class PlainBlock(nn.Module):
    """An X or Y block (se_ratio > 0) of effective widths."""

    def __init__(
        self, in_width: int, width: int, *, stride: int, ratio: int, group_width: int, se_ratio: float
    ) -> None:
        super().__init__()
        inner = width // ratio
        self.reduce = nn.Conv2d(in_width, inner, 1, bias=False)
        self.reduce_norm = nn.BatchNorm2d(inner)
        self.spatial = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner // group_width, bias=False)
        self.spatial_norm = nn.BatchNorm2d(inner)
        self.squeeze = self.excite = None
        if se_ratio > 0:
            self.squeeze = nn.Conv2d(inner, round(se_ratio * in_width), 1)
            self.excite = nn.Conv2d(round(se_ratio * in_width), inner, 1)
        self.expand = nn.Conv2d(inner, width, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(width)
        self.project = None
        if in_width != width or stride != 1:
            self.project = nn.Conv2d(in_width, width, 1, stride=stride, bias=False)
            self.project_norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.reduce_norm(self.reduce(x)))
        y = torch.relu(self.spatial_norm(self.spatial(y)))
        if self.squeeze is not None and self.excite is not None:
            mean = y.mean(dim=(2, 3), keepdim=True)
            y = y * torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        y = self.expand_norm(self.expand(y))
        return torch.relu(y + (x if self.project is None else self.project_norm(self.project(x))))


class PlainNetwork(nn.Module):
    """A 3x3 stem of stride 2 on three channels, stages of blocks with stride 2 each, a linear head."""

    def __init__(
        self,
        *,
        stem_width: int,
        depths: list[int],
        widths: list[int],
        ratio: int,
        group_widths: list[int],
        se_ratio: float,
        num_classes: int,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, stem_width, 3, stride=2, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(stem_width)
        self.blocks = nn.ModuleList()
        in_width = stem_width
        for depth, width, group_width in zip(depths, widths, group_widths, strict=True):
            for position in range(depth):
                stride = 2 if position == 0 else 1
                self.blocks.append(
                    PlainBlock(
                        in_width,
                        width,
                        stride=stride,
                        ratio=ratio,
                        group_width=group_width,
                        se_ratio=se_ratio,
                    )
                )
                in_width = width
        self.head = nn.Linear(in_width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem_norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits


def randomise(network: nn.Module) -> None:
    """Give every weight and statistic a value of its own, so that two that are swapped are seen."""
    generator = torch.Generator().manual_seed(0)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.normal_(generator=generator).mul_(0.2)
            if "running_var" in name:
                value.abs_().add_(0.5)


def assert_same_network(network: nn.Module, plain: nn.Module) -> None:
    plain_state, state = plain.state_dict(), network.state_dict()
    assert [tuple(value.shape) for value in state.values()] == [tuple(value.shape) for value in plain_state.values()]
    network, plain = network.double(), plain.double()
    randomise(plain)
    network.load_state_dict(dict(zip(state, plain.state_dict().values(), strict=True)))
    images = torch.randn(4, 3, 40, 33, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    for mode in (True, False):  # with the batch's statistics, then with the running ones
        logits, expected = network.train(mode)(images), plain.train(mode)(images)
        assert logits.shape == (4, 10)
        assert expected.std() > 0.01
        torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-12)


def test_a_network_of_x_blocks_equals_one_written_in_torch() -> None:
    architecture = anynet(
        depths=[2, 1, 2],
        widths=[24, 64, 80],
        bottleneck_ratios=[2, 2, 2],
        group_widths=[4, 8, 16],
        stem_width=24,
    )
    plain = PlainNetwork(  # 80 / 2 = 40 channels are 2.5 groups of 16, so 2: 32 channels, 64 outside
        stem_width=24,
        depths=[2, 1, 2],
        widths=[24, 64, 64],
        ratio=2,
        group_widths=[4, 8, 16],
        se_ratio=0.0,
        num_classes=10,
    )
    assert_same_network(build(architecture, input_shape=(3, 40, 33), num_classes=10), plain)


def test_a_network_of_y_blocks_equals_one_written_in_torch() -> None:
    architecture = anynet(
        depths=[2, 1, 2],
        widths=[24, 48, 40],
        bottleneck_ratios=[1, 1, 1],
        group_widths=[8, 16, 64],
        block="Y",
        stem_width=16,
    )
    plain = PlainNetwork(  # a group width above the width is the width
        stem_width=16,
        depths=[2, 1, 2],
        widths=[24, 48, 40],
        ratio=1,
        group_widths=[8, 16, 40],
        se_ratio=0.25,
        num_classes=10,
    )
    assert_same_network(build(architecture, input_shape=(3, 40, 33), num_classes=10), plain)


def test_a_network_of_v_blocks_equals_one_written_in_torch() -> None:
    def layer(in_width: int, width: int, kernel: int, stride: int) -> list[nn.Module]:
        conv = nn.Conv2d(in_width, width, kernel, stride, padding=kernel // 2)
        return [conv, nn.BatchNorm2d(width), nn.ReLU()]

    architecture = anynet(
        depths=[1, 2],
        widths=[20, 30],
        block="V",
        strides=[1, 3],
        stem_width=12,
        stem_kernel=7,
        stem_pool=True,
        conv_bias=True,
    )
    plain = nn.Sequential(
        *layer(3, 12, 7, 2),
        nn.MaxPool2d(3, stride=2, padding=1),
        *layer(12, 20, 3, 1),
        *layer(20, 30, 3, 3),
        *layer(30, 30, 3, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(30, 10),
    )
    assert_same_network(build(architecture, input_shape=(3, 40, 33), num_classes=10), plain)


# Initialisation


@pytest.mark.parametrize("block", get_args(Block))
def test_weights_start_as_the_paper_says(block: Block) -> None:
    torch.manual_seed(0)
    architecture = anynet(
        depths=[2, 2],
        widths=[128, 192],
        bottleneck_ratios=[1, 2],
        group_widths=[16, 32],
        block=block,
        stem_width=64,
        conv_bias=True,
    )
    network = build(architecture, input_shape=(3, 32, 32), num_classes=1000)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    linears = [module for module in network.modules() if isinstance(module, nn.Linear)]
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(convolutions) >= 5
    assert len(norms) >= 5
    assert len(linears) == 1
    expected = [
        (conv, math.sqrt(2 / (conv.kernel_size[0] * conv.kernel_size[1] * conv.out_channels))) for conv in convolutions
    ]
    for module, deviation in [*expected, (linears[0], 0.01)]:
        n = module.weight.numel()
        assert module.weight.std().item() == pytest.approx(deviation, rel=5 / math.sqrt(2 * n))
        assert abs(module.weight.mean().item()) < 5 * deviation / math.sqrt(n)
        kurtosis = (module.weight / module.weight.std()).pow(4).mean().item()
        assert kurtosis == pytest.approx(3, abs=5 * math.sqrt(24 / n))  # a uniform one has 1.8
        assert module.bias is not None
        assert (module.bias == 0).all()
    for norm in norms:
        assert (norm.weight == 1).all()
        assert (norm.bias == 0).all()
        assert (norm.running_mean == 0).all()
        assert (norm.running_var == 1).all()


def test_the_lectures_layers_start_uniform_with_biases_as_torch_draws_them() -> None:
    torch.manual_seed(0)
    network = built(
        Conv(64, 3, bias=True, initialisation="xavier_uniform"),
        Flatten(),
        Linear(64, initialisation="xavier_uniform"),
        input_shape=(16, 8, 8),
    )
    conv, _, linear = network.children()
    for module, fan_in, fan_out in ((conv, 16 * 9, 64 * 9), (linear, 64 * 36, 64)):
        assert isinstance(module, nn.Conv2d | nn.Linear)
        bound = math.sqrt(6 / (fan_in + fan_out))
        assert 0.99 * bound < module.weight.abs().max().item() <= bound
        n = module.weight.numel()
        assert module.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=5 / math.sqrt(2 * n))
        assert module.bias is not None
        assert 0 < module.bias.abs().max().item() <= 1 / math.sqrt(fan_in)


def test_torchs_random_state_alone_decides_the_weights() -> None:
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        network = build(anynet(**SMALL), input_shape=(1, 12, 12), num_classes=10)
        return nn.utils.parameters_to_vector(network.parameters())

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


# What a network is to its caller


def test_the_parts_of_a_network_bear_their_names() -> None:
    network = build(anynet(**SMALL), input_shape=(1, 12, 12), num_classes=10)
    assert [name for name, _ in network.named_children()] == ["stem", "stage1", "stage2", "stage3", "head"]
    assert [len(stage) for stage in (network.stage1, network.stage2, network.stage3)] == [1, 2, 2]  # type: ignore[arg-type]


@pytest.mark.parametrize("block", get_args(Block))
def test_a_network_maps_images_to_logits_and_every_parameter_gets_a_gradient(block: Block) -> None:
    torch.manual_seed(0)
    network = build(anynet(**SMALL, block=block), input_shape=(1, 12, 10), num_classes=7)
    images = torch.randn(5, 1, 12, 10)
    before = images.clone()
    logits = network(images)
    assert logits.shape == (5, 7)
    assert torch.equal(images, before)
    nn.functional.cross_entropy(logits, torch.arange(5)).backward()
    without = [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []


def test_a_network_takes_images_of_other_sizes_than_it_was_described_for() -> None:
    network = build(anynet(**SMALL), input_shape=(3, 12, 12), num_classes=7).eval()
    assert network(torch.zeros(2, 3, 31, 17)).shape == (2, 7)


def test_parts_that_bear_one_name_are_all_built() -> None:
    def part(width: int, name: str) -> Sequence:
        return Sequence((Conv(width, 1),), name=name)

    parts = (part(2, "same"), part(3, "same"), part(4, "3"), part(5, ""), part(6, "same"), part(7, "same_4"))
    network = built(*parts, input_shape=(1, 4, 4))
    assert [child[0].out_channels for child in network.children()] == [2, 3, 4, 5, 6, 7]  # type: ignore[index]
    assert [name for name, _ in network.named_children()] == ["same", "same_1", "3", "3_3", "same_4", "same_4_5"]


def test_a_large_network_is_built_on_the_meta_device_without_memory_for_its_weights() -> None:
    architecture = load_architecture("regnety_32gf")
    with torch.device("meta"):
        network = build(architecture, input_shape=(3, 224, 224), num_classes=1000)
    assert {value.device.type for value in network.state_dict().values()} == {"meta"}
    counted = complexity(architecture, input_shape=(3, 224, 224), num_classes=1000)
    assert sum(value.numel() for value in network.parameters()) == counted.params


def test_nothing_is_built_for_an_input_that_does_not_fit() -> None:
    with pytest.raises(ArchitectureError) as caught:
        built(Sequence((Conv(8, 3),), name="stem"), input_shape=(1, 2, 5))
    assert str(caught.value) == (
        "stem: its 3x3 convolution (stride 1, padding 0) needs a larger input; "
        "2x5 reached it; use larger images or fewer strides"
    )


# Branches and other layers that AnyNet does not use


IMAGES = torch.randn(3, 4, 6, 5, generator=torch.Generator().manual_seed(0))


def test_an_empty_sequence_is_the_identity() -> None:
    assert torch.equal(built(input_shape=(4, 6, 5))(IMAGES), IMAGES)


def test_a_residual_adds_its_branches() -> None:
    network = built(Residual(Pool("max", 3, 1, padding=1), Activation("sigmoid")), input_shape=(4, 6, 5))
    expected = nn.functional.max_pool2d(IMAGES, 3, 1, 1) + torch.sigmoid(IMAGES)
    torch.testing.assert_close(network(IMAGES), expected)


def test_a_dense_branch_keeps_its_input_in_front_of_the_other_channels() -> None:
    network = built(Concat((Sequence(), Pool("average", 3, 1, padding=1))), input_shape=(4, 6, 5))
    out = network(IMAGES)
    assert torch.equal(out[:, :4], IMAGES)
    torch.testing.assert_close(out[:, 4:], nn.functional.avg_pool2d(IMAGES, 3, 1, 1))


def test_a_scale_multiplies_each_channel_by_its_gate() -> None:
    network = built(Scale(Sequence((GlobalPool(), Activation("sigmoid")))), input_shape=(4, 6, 5))
    expected = IMAGES * torch.sigmoid(IMAGES.mean(dim=(2, 3), keepdim=True))
    torch.testing.assert_close(network(IMAGES), expected)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Residual(Activation()), IMAGES + IMAGES.relu()),
        (Residual(Sequence(), Activation()), IMAGES + IMAGES.relu()),
        (Residual(Sequence((Sequence(), Activation()))), IMAGES + IMAGES.relu()),
        (Residual(Sequence((Dropout(0.0), Activation()))), IMAGES + IMAGES.relu()),
        (Residual(Sequence((Activation(), Pool("average", 1, 1)))), IMAGES + IMAGES.relu()),
        (Concat((Sequence(), Activation())), torch.cat([IMAGES, IMAGES.relu()], dim=1)),
        (Activation(), IMAGES.relu()),
    ],
)
def test_a_relu_changes_no_branch_but_its_own_and_not_the_callers_images(layer: Layer, expected: Tensor) -> None:
    images = IMAGES.clone()
    out = built(layer, input_shape=(4, 6, 5)).eval()(images)
    assert torch.equal(out, expected)
    assert torch.equal(images, IMAGES)


def test_a_relu_behind_a_norm_saves_the_memory_of_a_copy() -> None:
    relus = [
        module
        for module in build(anynet(**SMALL), input_shape=(1, 12, 12), num_classes=10).modules()
        if isinstance(module, nn.ReLU)
    ]
    assert len(relus) == 1 + 3 * 5
    assert all(relu.inplace for relu in relus)


def test_dropout_acts_while_training_alone() -> None:
    torch.manual_seed(0)
    network = built(Flatten(), Dropout(0.25), input_shape=(4, 100, 100))
    ones = torch.ones(1, 4, 100, 100)
    assert (network.train()(ones) == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert torch.equal(network.eval()(ones), torch.ones(1, 40_000))


def test_norm_and_linear_take_the_widths_that_reach_them() -> None:
    network = built(Concat((Conv(3, 1), Conv(5, 1))), Norm(), Flatten(), Linear(2, bias=False), input_shape=(4, 6, 5))
    _, norm, _, linear = network.children()
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.num_features == 8
    assert isinstance(linear, nn.Linear)
    assert (linear.in_features, linear.out_features, linear.bias) == (8 * 30, 2, None)
