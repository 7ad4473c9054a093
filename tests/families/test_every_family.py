"""What every family promises: JSON, one clear line for a wrong value, exact counts, networks that learn.

Held against random members; AnyNet's own count is tested further in tests/test_counting.py.
"""

import copy
import dataclasses
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from oracles import hooked_complexity, without_values
from torch import nn

from anynas.architecture import Architecture
from anynas.counting import complexity, layer_summary
from anynas.errors import ArchitectureError
from anynas.families import FAMILIES, Family
from anynas.families.alexnet import AlexNet
from anynas.families.anynet import AnyNet
from anynas.families.densenet import DenseNet
from anynas.families.googlenet import GoogLeNet
from anynas.families.lenet import LeNet
from anynas.families.nin import NiN
from anynas.families.resnet import ResNet
from anynas.families.vgg import VGG
from anynas.layers import Shape
from anynas.networks import build

Draw = random.Random


def some(rng: Draw, values: list[Any], length: int) -> tuple[Any, ...]:
    return tuple(rng.choices(values, k=length))


def a_lenet(rng: Draw) -> LeNet:
    return LeNet(
        widths=some(rng, [1, 3, 8], rng.randint(1, 3)),
        kernel=rng.choice([1, 3, 5]),
        hidden_widths=some(rng, [1, 9, 20], rng.randint(1, 3)),
        activation=rng.choice(["relu", "sigmoid"]),
        pooling=rng.choice(["max", "average"]),
    )


def an_alexnet(rng: Draw) -> AlexNet:
    return AlexNet(widths=some(rng, [2, 5, 8], 5), hidden_width=rng.choice([4, 30]), dropout=rng.choice([0, 0.3, 0.5]))


def a_vgg(rng: Draw) -> VGG:
    stages = rng.randint(1, 5)
    return VGG(
        depths=some(rng, [1, 2, 3], stages),
        widths=some(rng, [2, 5, 8], stages),
        hidden_width=rng.choice([4, 30]),
        dropout=rng.choice([0, 0.3]),
    )


def a_nin(rng: Draw) -> NiN:
    stages = rng.randint(1, 3)
    return NiN(
        widths=some(rng, [2, 5, 8], stages), kernels=some(rng, [1, 3, 5, 11], stages), dropout=rng.choice([0, 0.3])
    )


def a_googlenet(rng: Draw) -> GoogLeNet:
    depths = some(rng, [1, 2], rng.randint(1, 3))
    widths = {f"{part}_widths": some(rng, [3, 8, 20, 40], sum(depths)) for part in ("conv1", "conv3", "conv5", "pool")}
    ratios = {f"{part}_ratios": some(rng, [1, 1.5, 2.7], sum(depths)) for part in ("conv3", "conv5")}
    return GoogLeNet(depths=depths, stem_width=rng.choice([2, 8]), **widths, **ratios)


def a_resnet(rng: Draw) -> ResNet:
    stages = rng.randint(1, 4)
    return ResNet(
        depths=some(rng, [1, 2], stages),
        widths=some(rng, [6, 8, 8, 20], stages),
        block=rng.choice(["basic", "bottleneck"]),
        bottleneck_ratios=some(rng, [1, 2, 4], stages),
        groups=some(rng, [1, 2, 3, 32], stages),
        residual=rng.random() < 0.7,
        strides=some(rng, [1, 2, 3], stages),
        stem_width=rng.choice([6, 8]),
        stem_kernel=rng.choice([3, 7]),
        stem_stride=rng.choice([1, 2]),
        stem_pool=rng.random() < 0.5,
        conv_bias=rng.random() < 0.5,
        shortcut_norm=rng.random() < 0.5,
        initialisation=rng.choice(["xavier_uniform", "fan_out_normal"]),
    )


def a_densenet(rng: Draw) -> DenseNet:
    return DenseNet(
        growth_rate=rng.choice([1, 4, 7]),
        depths=some(rng, [1, 2, 3], rng.randint(1, 4)),
        reduction=rng.choice([1, 2, 3, 100]),
        stem_width=rng.choice([3, 8]),
    )


def an_anynet(rng: Draw) -> AnyNet:
    stages, block = rng.randint(1, 3), rng.choice(["X", "Y", "R", "V", "VR"])
    return AnyNet(
        depths=some(rng, [1, 2], stages),
        widths=some(rng, [8, 8, 20], stages),
        bottleneck_ratios=some(rng, [1, 2], stages),
        group_widths=some(rng, [1, 2, 4], stages),
        strides=some(rng, [1, 2], stages),
        block=block,
        stem_width=8,
        se_ratio=0.25 if block == "Y" else 0,
    )


MEMBERS: dict[str, Callable[[Draw], Family]] = {
    "anynet": an_anynet,
    "lenet": a_lenet,
    "alexnet": an_alexnet,
    "vgg": a_vgg,
    "nin": a_nin,
    "googlenet": a_googlenet,
    "resnet": a_resnet,
    "densenet": a_densenet,
}
EVERY_FAMILY = pytest.mark.parametrize("family", FAMILIES)


def members(family: str, count: int) -> list[Architecture]:
    rng = Draw(f"members of {family}")
    return [Architecture(MEMBERS[family](rng)) for _ in range(count)]


def image_for(family: str, rng: Draw) -> Shape:
    smallest = 63 if family in ("alexnet", "nin") else 32
    return (rng.randint(1, 3), *(rng.randint(smallest, smallest + 24) for _ in "HW"))


def fitting(family: str, count: int) -> list[tuple[Architecture, Shape]]:
    """Return members, each with an image that it takes."""
    rng = Draw(f"images of {family}")
    pairs = [(architecture, image_for(family, rng)) for architecture in members(family, 10 * count)]
    taken = [pair for pair in pairs if not refusal(*pair)]
    assert len(taken) >= count
    return taken[:count]


def refusal(architecture: Architecture, input_shape: Shape) -> str:
    try:
        complexity(architecture, input_shape=input_shape, num_classes=10)
    except ArchitectureError as error:
        return str(error)
    return ""


def test_a_family_is_found_by_its_name() -> None:
    assert {name: family.family for name, family in FAMILIES.items()} == {name: name for name in MEMBERS}


@EVERY_FAMILY
def test_the_fields_that_are_set_apart_are_fields(family: str) -> None:
    fields = {field.name for field in dataclasses.fields(FAMILIES[family])}
    assert set(FAMILIES[family].regime_fields) <= fields
    assert set(FAMILIES[family].block_fields) <= fields
    parameters = MEMBERS[family](Draw(0))
    assert all(isinstance(getattr(parameters, name), tuple) for name in parameters.block_fields)


def test_what_a_regime_decides_is_the_stem_the_strides_and_the_dress() -> None:
    set_apart = {name: family.regime_fields for name, family in FAMILIES.items() if family.regime_fields}
    stem = {"strides", "stem_width", "stem_kernel", "stem_stride", "stem_pool"}
    dress = {"conv_bias", "shortcut_norm", "initialisation"}
    assert {name: set(fields) for name, fields in set_apart.items()} == {"anynet": stem, "resnet": stem | dress}


# JSON


@EVERY_FAMILY
def test_a_member_survives_json(family: str) -> None:
    for architecture in members(family, 30):
        again = Architecture.from_dict(json.loads(json.dumps(architecture.to_dict())))
        assert again == architecture
        assert (again.key, again.network_key) == (architecture.key, architecture.network_key)


@EVERY_FAMILY
def test_a_members_data_are_flat_and_spell_every_field_out_but_those_of_later_at_their_default(family: str) -> None:
    (member,) = members(family, 1)
    data = member.to_dict()
    fields = [field for field in dataclasses.fields(FAMILIES[family]) if not field.metadata.get("later")]
    assert list(data) == ["schema", "family", *(field.name for field in fields)]
    assert data["family"] == family
    assert {type(value) for value in data.values()} <= {int, float, bool, str, list}
    assert {type(item) for value in data.values() if isinstance(value, list) for item in value} <= {int, float}


@EVERY_FAMILY
def test_whole_numbers_and_lists_in_json_give_the_key_of_floats_and_tuples(family: str) -> None:
    for architecture in members(family, 10):
        data = architecture.to_dict()
        whole = {
            name: int(value) if isinstance(value, float) and value == int(value) else value
            for name, value in data.items()
        }
        assert Architecture.from_dict(whole).key == architecture.key


@pytest.mark.parametrize("value", ["text", None, [["nested"]], [["1", 2]], {"a": 1}, [], [None], float("nan"), -1])
@EVERY_FAMILY
def test_a_value_of_a_wrong_type_is_refused_in_one_line_that_names_the_field(family: str, value: Any) -> None:
    (member,) = members(family, 1)
    for field in dataclasses.fields(FAMILIES[family]):
        with pytest.raises(ArchitectureError) as caught:
            Architecture.from_dict({**member.to_dict(), field.name: value})
        message = str(caught.value)
        assert message.startswith(f"{family}: ")
        assert field.name in message
        assert "\n" not in message


@EVERY_FAMILY
def test_a_truth_or_a_number_beyond_all_floats_is_refused_or_kept_as_it_is(family: str) -> None:
    (member,) = members(family, 1)
    for field in dataclasses.fields(FAMILIES[family]):
        stored = member.to_dict().get(field.name, field.default)
        for value in (10**400, [10**400], True, [True] * 9):
            try:
                changed = Architecture.from_dict({**member.to_dict(), field.name: value})
            except ArchitectureError:
                continue
            accepted = changed.to_dict().get(field.name, field.default)
            assert accepted == value
            assert type(accepted) is type(stored)


@EVERY_FAMILY
def test_an_unknown_field_is_refused(family: str) -> None:
    (member,) = members(family, 1)
    with pytest.raises(ArchitectureError, match=f'^{family}: unknown field "zzz"; known: '):
        Architecture.from_dict({**member.to_dict(), "zzz": 1})


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "anynet"])
def test_fields_that_are_left_out_are_the_lectures(family: str) -> None:
    assert Architecture.from_dict({"schema": 1, "family": family}) == Architecture(FAMILIES[family]())


# The built network


@EVERY_FAMILY
def test_complexity_and_the_summary_equal_the_built_network(family: str) -> None:
    for architecture, input_shape in fitting(family, 12):
        image: dict[str, Any] = {"input_shape": input_shape, "num_classes": 7}
        with without_values():
            network = build(architecture, **image).eval()
        assert hooked_complexity(network, input_shape) == complexity(architecture, **image), (architecture, image)
        x, rows = torch.empty(1, *input_shape, device="meta"), []
        for name, child in network.named_children():
            x = child(x)
            kind = name if family == "anynet" else type(child).__name__
            rows.append((kind, tuple(x.shape[1:]), sum(parameter.numel() for parameter in child.parameters())))
        summary = layer_summary(architecture, **image)
        assert list(zip(summary.layer, summary.output_shape, summary.params, strict=True)) == rows


@pytest.mark.parametrize("family", ["lenet", "alexnet", "vgg", "nin", "densenet"])
def test_an_image_that_a_member_refuses_is_one_that_torch_refuses(family: str) -> None:
    rng, refused = Draw("small images"), 0
    for architecture in members(family, 40):
        small, large = (1, *(rng.randint(1, 40) for _ in "HW")), (1, 150, 150)
        if not (message := refusal(architecture, small)):
            continue
        refused += 1
        assert message.startswith("layer ")
        with torch.device("meta"):
            network = build(architecture, input_shape=large, num_classes=3)
        features = nn.Sequential(*(child for child in network if not isinstance(child, nn.Linear)))  # type: ignore[union-attr]
        with pytest.raises(RuntimeError, match=r"too small|greater than actual input size"):
            features(torch.empty(2, *small, device="meta"))
    assert refused >= 5


@EVERY_FAMILY
def test_a_network_learns_as_one_whose_relus_overwrite_nothing(family: str) -> None:
    overwriting = 0
    for architecture, input_shape in fitting(family, 4):
        torch.manual_seed(0)
        network = build(architecture, input_shape=input_shape, num_classes=5)
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        careful = copy.deepcopy(network)
        for module in careful.modules():
            if isinstance(module, nn.ReLU):
                overwriting += module.inplace
                module.inplace = False
        images = torch.randn(3, *input_shape, requires_grad=True)
        before, results = images.detach().clone(), []
        for model in (network, careful):
            images.grad = None
            logits = model(images)
            assert logits.shape == (3, 5)
            (logits * torch.arange(15).reshape(3, 5)).sum().backward()
            assert images.grad is not None
            gradients = [parameter.grad for parameter in model.parameters()]
            results.append([logits.detach(), images.grad, *(grad for grad in gradients if grad is not None)])
        assert torch.equal(images.detach(), before)
        assert len(results[0]) == 2 + len(list(network.parameters()))  # every parameter has a gradient
        assert len(results[1]) == len(results[0])
        for value, expected in zip(*results, strict=True):
            assert torch.equal(value, expected)
    assert overwriting > 0
