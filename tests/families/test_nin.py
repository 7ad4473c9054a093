"""NiN: the lecture's network, layer by layer; its other members; what its parameters must be."""

from typing import Any

import lecture_networks
import pytest
from oracles import assert_same_network, assert_summary

from anynas.architecture import load_architecture
from anynas.counting import complexity
from anynas.errors import ArchitectureError
from anynas.families.lecture import conv
from anynas.families.nin import NiN
from anynas.layers import Activation, Dropout, Flatten, GlobalPool, Pool, Sequence

IMAGE = (1, 224, 224)


def test_the_lectures_network_has_the_lectures_layers_and_shapes() -> None:
    rows = [
        ("Sequential", (96, 54, 54)),
        ("MaxPool2d", (96, 26, 26)),
        ("Sequential", (256, 26, 26)),
        ("MaxPool2d", (256, 12, 12)),
        ("Sequential", (384, 12, 12)),
        ("MaxPool2d", (384, 5, 5)),
        ("Dropout", (384, 5, 5)),
        ("Sequential", (10, 5, 5)),
        ("AdaptiveAvgPool2d", (10, 1, 1)),
        ("Flatten", (10,)),
    ]
    assert_summary(load_architecture("nin"), lecture_networks.nin(), IMAGE, rows)


def test_the_lectures_network_equals_one_written_in_torch() -> None:
    assert_same_network(load_architecture("nin"), lecture_networks.nin(), IMAGE, 10)


def test_members_have_other_widths_kernels_and_dropout() -> None:
    def stage(width: int, kernel: int, stride: int, padding: int) -> Sequence:
        first = conv(width, kernel, stride=stride, padding=padding)
        return Sequence((first, Activation(), *(conv(width, 1), Activation()) * 2))

    pool = Pool("max", 3, 2)
    assert NiN(widths=(8, 16), kernels=(5, 7), dropout=0.25).layers(7) == Sequence(
        (
            *(stage(8, 5, 4, 0), pool),
            *(stage(16, 7, 1, 3), pool),
            *(Dropout(0.25), stage(7, 3, 1, 1), GlobalPool(), Flatten()),
        )
    )


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (10, "layer 1.1 (Conv2d): its 11x11 convolution (stride 4, padding 0) needs a larger input; 10x10 reached it"),
        (28, "layer 4 (MaxPool2d): its 3x3 max-pooling (stride 2, padding 0) needs a larger input; 2x2 reached it"),
    ],
)
def test_an_image_that_is_too_small_is_refused_with_the_layer_and_what_reached_it(size: int, message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        complexity(load_architecture("nin"), input_shape=(1, size, size), num_classes=10)
    assert str(caught.value) == f"{message}; use larger images or fewer strides"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"widths": "wide"}, "nin: widths must be a list with one value a stage; got 'wide'"),
        ({"widths": []}, "nin: widths must have a value for at least one stage; got none"),
        ({"widths": [96, 256, None]}, "nin: widths must be whole numbers of at least 1; got None"),
        ({"widths": [96, 256]}, "nin: kernels must have one value a stage, as widths has (2); got 3"),
        ({"kernels": [11]}, "nin: kernels must have one value a stage, as widths has (3); got 1"),
        ({"kernels": [11, 5, 0]}, "nin: kernels must be whole numbers of at least 1; got 0"),
        ({"kernels": [11, 4, 3]}, "nin: kernels must be odd; got 4"),
        ({"dropout": 1.0}, "nin: dropout must lie in [0, 1); got 1"),
        ({"dropout": [0.5]}, "nin: dropout must be a number; got [0.5]"),
    ],
)
def test_a_wrong_value_is_refused_with_what_must_hold(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        NiN(**wrong)
    assert str(caught.value) == message
