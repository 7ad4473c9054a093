"""LeNet: the lecture's network, layer by layer; its other members; what its parameters must be."""

from typing import Any

import lecture_networks
import pytest
from oracles import assert_same_network, assert_summary

from anynas.architecture import Architecture, load_architecture
from anynas.counting import complexity
from anynas.errors import ArchitectureError
from anynas.families.lecture import conv, linear
from anynas.families.lenet import LeNet
from anynas.layers import Activation, Flatten, Pool, Sequence

IMAGE = (1, 28, 28)


def test_the_lectures_network_has_the_lectures_layers_and_shapes() -> None:
    rows = [
        ("Conv2d", (6, 28, 28)),
        ("Sigmoid", (6, 28, 28)),
        ("AvgPool2d", (6, 14, 14)),
        ("Conv2d", (16, 10, 10)),
        ("Sigmoid", (16, 10, 10)),
        ("AvgPool2d", (16, 5, 5)),
        ("Flatten", (400,)),
        ("Linear", (120,)),
        ("Sigmoid", (120,)),
        ("Linear", (84,)),
        ("Sigmoid", (84,)),
        ("Linear", (10,)),
    ]
    assert_summary(load_architecture("lenet"), lecture_networks.lenet(), IMAGE, rows)


def test_the_lectures_network_equals_one_written_in_torch() -> None:
    assert_same_network(load_architecture("lenet"), lecture_networks.lenet(), IMAGE, 10)


def test_the_lectures_network_has_61706_params() -> None:
    assert complexity(load_architecture("lenet"), input_shape=IMAGE, num_classes=10).params == 61706


def test_members_have_other_widths_kernels_activations_and_pools() -> None:
    member = LeNet(widths=(8, 12, 20), kernel=3, hidden_widths=(30,), activation="relu", pooling="max")
    relu, pool = Activation("relu"), Pool("max", 2, 2)
    assert member.layers(7) == Sequence(
        (
            *(conv(8, 3, padding=1), relu, pool),
            *(conv(12, 3), relu, pool),
            *(conv(20, 3), relu, pool),
            *(Flatten(), linear(30), relu, linear(7)),
        )
    )


def test_an_image_that_is_too_small_is_refused_with_the_layer_and_what_reached_it() -> None:
    with pytest.raises(ArchitectureError) as caught:
        complexity(Architecture(LeNet()), input_shape=(1, 11, 11), num_classes=10)
    assert str(caught.value) == (
        "layer 6 (AvgPool2d): its 2x2 average-pooling (stride 2, padding 0) needs a larger input; "
        "1x1 reached it; use larger images or fewer strides"
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"widths": 6}, "lenet: widths must be a list with one value a stage; got 6"),
        ({"widths": "616"}, "lenet: widths must be a list with one value a stage; got '616'"),
        ({"widths": {"6": 16}}, "lenet: widths must be a list with one value a stage; got {'6': 16}"),
        ({"widths": []}, "lenet: widths must have a value for at least one stage; got none"),
        ({"widths": [6, 0]}, "lenet: widths must be whole numbers of at least 1; got 0"),
        ({"kernel": 0}, "lenet: kernel must be a whole number of at least 1; got 0"),
        ({"kernel": 4}, "lenet: kernel must be odd; got 4"),
        ({"hidden_widths": 120}, "lenet: hidden_widths must be a list with one value a hidden layer; got 120"),
        ({"hidden_widths": ()}, "lenet: hidden_widths must have a value for at least one hidden layer; got none"),
        ({"hidden_widths": [84.5]}, "lenet: hidden_widths must be whole numbers of at least 1; got 84.5"),
        ({"activation": "rely"}, 'lenet: unknown activation "rely"; did you mean "relu"?'),
        ({"activation": None}, 'lenet: unknown activation "None"; known: relu, sigmoid'),
        ({"pooling": "mean"}, 'lenet: unknown pooling "mean"; known: average, max'),
    ],
)
def test_a_wrong_value_is_refused_with_what_must_hold(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        LeNet(**wrong)
    assert str(caught.value) == message
