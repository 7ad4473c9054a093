"""AlexNet: the lecture's network, layer by layer; its other members; what its parameters must be."""

from typing import Any

import lecture_networks
import pytest
from oracles import assert_same_network, assert_summary

from anynas.architecture import load_architecture
from anynas.counting import complexity
from anynas.errors import ArchitectureError
from anynas.families.alexnet import AlexNet
from anynas.layers import Conv, Dropout, Linear
from anynas.networks import build

IMAGE = (1, 224, 224)


def test_the_lectures_network_has_the_lectures_layers_and_shapes() -> None:
    rows = [
        ("Conv2d", (96, 54, 54)),
        ("ReLU", (96, 54, 54)),
        ("MaxPool2d", (96, 26, 26)),
        ("Conv2d", (256, 26, 26)),
        ("ReLU", (256, 26, 26)),
        ("MaxPool2d", (256, 12, 12)),
        ("Conv2d", (384, 12, 12)),
        ("ReLU", (384, 12, 12)),
        ("Conv2d", (384, 12, 12)),
        ("ReLU", (384, 12, 12)),
        ("Conv2d", (256, 12, 12)),
        ("ReLU", (256, 12, 12)),
        ("MaxPool2d", (256, 5, 5)),
        ("Flatten", (6400,)),
        ("Linear", (4096,)),
        ("ReLU", (4096,)),
        ("Dropout", (4096,)),
        ("Linear", (4096,)),
        ("ReLU", (4096,)),
        ("Dropout", (4096,)),
        ("Linear", (10,)),
    ]
    assert_summary(load_architecture("alexnet"), lecture_networks.alexnet(), IMAGE, rows)


def test_the_lectures_network_equals_one_written_in_torch() -> None:
    assert_same_network(load_architecture("alexnet"), lecture_networks.alexnet(), IMAGE, 10)


def test_members_have_other_widths_and_dropout() -> None:
    layers = AlexNet(widths=(8, 16, 24, 32, 40), hidden_width=50, dropout=0.25).layers(7).layers
    assert [layer.width for layer in layers if isinstance(layer, Conv | Linear)] == [8, 16, 24, 32, 40, 50, 50, 7]
    assert [layer.rate for layer in layers if isinstance(layer, Dropout)] == [0.25, 0.25]
    without = AlexNet(dropout=0).layers(7).layers
    assert [layer.rate for layer in without if isinstance(layer, Dropout)] == [0.0, 0.0]


def test_an_image_that_is_too_small_is_refused_with_the_layer_and_what_reached_it() -> None:
    for count in (complexity, build):
        with pytest.raises(ArchitectureError) as caught:
            count(load_architecture("alexnet"), input_shape=(1, 28, 28), num_classes=10)
        assert str(caught.value) == (
            "layer 6 (MaxPool2d): its 3x3 max-pooling (stride 2, padding 0) needs a larger input; "
            "2x2 reached it; use larger images or fewer strides"
        )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"widths": 96}, "alexnet: widths must be a list with one value a convolution; got 96"),
        ({"widths": []}, "alexnet: widths must have a value for at least one convolution; got none"),
        ({"widths": [96, 256, 384, 384]}, "alexnet: widths must have 5 values, one a convolution; got 4"),
        ({"widths": [96] * 6}, "alexnet: widths must have 5 values, one a convolution; got 6"),
        ({"widths": [96, 256, 384, 384, 0]}, "alexnet: widths must be whole numbers of at least 1; got 0"),
        ({"hidden_width": 0}, "alexnet: hidden_width must be a whole number of at least 1; got 0"),
        ({"hidden_width": "4096"}, "alexnet: hidden_width must be a whole number of at least 1; got '4096'"),
        ({"dropout": 1}, "alexnet: dropout must lie in [0, 1); got 1"),
        ({"dropout": -0.5}, "alexnet: dropout must lie in [0, 1); got -0.5"),
        ({"dropout": float("nan")}, "alexnet: dropout must lie in [0, 1); got nan"),
        ({"dropout": 10**400}, "alexnet: dropout must lie in [0, 1); got inf"),
        ({"dropout": "half"}, "alexnet: dropout must be a number; got 'half'"),
        ({"dropout": False}, "alexnet: dropout must be a number; got False"),
    ],
)
def test_a_wrong_value_is_refused_with_what_must_hold(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        AlexNet(**wrong)
    assert str(caught.value) == message
