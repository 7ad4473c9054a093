"""VGG: the lecture's networks, layer by layer; what its parameters must be."""

from typing import Any

import lecture_networks
import pytest
import torch
from oracles import assert_same_network, assert_summary

from anynas.architecture import Architecture, load_architecture
from anynas.counting import complexity
from anynas.errors import ArchitectureError
from anynas.families.lecture import conv
from anynas.families.vgg import VGG
from anynas.layers import Activation, Dropout, Linear, Pool, Sequence
from anynas.networks import build

IMAGE = (1, 224, 224)


def test_the_lectures_network_has_the_lectures_layers_shapes_and_params() -> None:
    rows = [
        ("Sequential", (64, 112, 112)),
        ("Sequential", (128, 56, 56)),
        ("Sequential", (256, 28, 28)),
        ("Sequential", (512, 14, 14)),
        ("Sequential", (512, 7, 7)),
        ("Flatten", (25088,)),
        ("Linear", (4096,)),
        ("ReLU", (4096,)),
        ("Dropout", (4096,)),
        ("Linear", (4096,)),
        ("ReLU", (4096,)),
        ("Dropout", (4096,)),
        ("Linear", (10,)),
    ]
    with torch.device("meta"):
        plain = lecture_networks.vgg()
    assert_summary(load_architecture("vgg11"), plain, IMAGE, rows)


def test_the_narrow_network_that_the_lecture_trains_equals_one_written_in_torch() -> None:
    narrow = Architecture(VGG(widths=(16, 32, 64, 128, 128)))
    assert_same_network(narrow, lecture_networks.vgg(lecture_networks.NARROW_VGG), IMAGE, 10)


def test_members_have_other_depths_widths_and_dropout() -> None:
    layers = VGG(depths=[1, 3], widths=[8, 24], hidden_width=50, dropout=0.25).layers(7).layers  # type: ignore[arg-type]
    relu, pool = Activation(), Pool("max", 2, 2)
    assert layers[0] == Sequence((conv(8, 3, padding=1), relu, pool))
    assert layers[1] == Sequence((*(conv(24, 3, padding=1), relu) * 3, pool))
    assert [layer.width for layer in layers if isinstance(layer, Linear)] == [50, 50, 7]
    assert [layer.rate for layer in layers if isinstance(layer, Dropout)] == [0.25, 0.25]


def test_a_head_of_global_pooling_is_the_mean_of_each_channel_and_one_linear_layer() -> None:
    pooled = Architecture(VGG(depths=(1, 2), widths=(8, 24), hidden_width=50, head="global_pooling"))
    torch.manual_seed(0)
    network = build(pooled, input_shape=(1, 28, 28), num_classes=7).eval()
    images = torch.randn(3, 1, 28, 28)
    stages = torch.nn.Sequential(*list(network)[:2])
    head = list(network)[-1]
    assert isinstance(head, torch.nn.Linear)
    expected = head(stages(images).mean(dim=(2, 3)))
    torch.testing.assert_close(network(images), expected)
    convolutions = 8 * (9 * 1 + 1) + 24 * (9 * 8 + 1) + 24 * (9 * 24 + 1)
    assert complexity(pooled, input_shape=(1, 28, 28), num_classes=7).params == convolutions + 7 * (24 + 1)


def test_hidden_layers_that_are_not_there_make_no_other_network() -> None:
    narrow, wide = (Architecture(VGG(hidden_width=width, head="global_pooling")) for width in (64, 4096))
    assert narrow.key != wide.key
    assert narrow.network_key == wide.network_key


@pytest.mark.parametrize("head", ["linear", "global_pooling"])
def test_the_head_survives_json_and_is_left_out_where_it_is_the_lectures(head: Any) -> None:
    architecture = Architecture(VGG(head=head))
    written = architecture.to_dict()
    assert written.get("head", "linear") == head
    assert ("head" in written) == (head == "global_pooling")
    assert Architecture.from_dict(written) == architecture


def test_an_unknown_head_is_refused() -> None:
    with pytest.raises(ArchitectureError, match='unknown head "pool"; known: global_pooling, linear'):
        VGG(head="pool")  # type: ignore[arg-type]


def test_an_image_that_is_too_small_is_refused_with_the_layer_and_what_reached_it() -> None:
    with pytest.raises(ArchitectureError) as caught:
        complexity(load_architecture("vgg11"), input_shape=(1, 28, 28), num_classes=10)
    assert str(caught.value) == (
        "layer 5.5 (MaxPool2d): its 2x2 max-pooling (stride 2, padding 0) needs a larger input; "
        "1x1 reached it; use larger images or fewer strides"
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"depths": 5}, "vgg: depths must be a list with one value a stage; got 5"),
        ({"depths": []}, "vgg: depths must have a value for at least one stage; got none"),
        ({"depths": [1, 1, 2, 2, 1.5]}, "vgg: depths must be whole numbers of at least 1; got 1.5"),
        ({"widths": [64, 128]}, "vgg: widths must have one value a stage, as depths has (5); got 2"),
        ({"widths": [[64, 128]]}, "vgg: widths must be whole numbers of at least 1; got [64, 128]"),
        ({"hidden_width": -1}, "vgg: hidden_width must be a whole number of at least 1; got -1"),
        ({"dropout": 1.0}, "vgg: dropout must lie in [0, 1); got 1"),
        ({"dropout": None}, "vgg: dropout must be a number; got None"),
    ],
)
def test_a_wrong_value_is_refused_with_what_must_hold(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        VGG(**wrong)
    assert str(caught.value) == message
