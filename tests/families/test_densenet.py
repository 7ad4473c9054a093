"""DenseNet: the lecture's network, part by part; its other members; what its parameters must be."""

from typing import Any

import lecture_networks
import pytest
from oracles import assert_same_network, assert_summary

from anynas.architecture import Architecture, load_architecture
from anynas.counting import complexity, layer_summary
from anynas.errors import ArchitectureError
from anynas.families.densenet import DenseNet

IMAGE = (1, 96, 96)


def test_the_lectures_network_has_its_parts_and_shapes() -> None:
    rows = [
        ("Sequential", (64, 24, 24)),
        ("Sequential", (192, 24, 24)),  # four times 32 channels more
        ("Sequential", (96, 12, 12)),  # halved
        ("Sequential", (224, 12, 12)),
        ("Sequential", (112, 6, 6)),
        ("Sequential", (240, 6, 6)),
        ("Sequential", (120, 3, 3)),
        ("Sequential", (248, 3, 3)),
        ("Sequential", (10,)),
    ]
    assert_summary(load_architecture("densenet"), lecture_networks.densenet(), IMAGE, rows)


def test_the_lectures_network_equals_one_written_in_torch() -> None:
    assert_same_network(load_architecture("densenet"), lecture_networks.densenet(), IMAGE, 10)


@pytest.mark.parametrize(
    ("reduction", "widths"),
    [(1, [5, 26, 26, 33, 10]), (3, [5, 26, 8, 15, 10]), (100, [5, 26, 1, 8, 10])],
)
def test_members_grow_by_their_rate_and_shrink_by_their_reduction(reduction: int, widths: list[int]) -> None:
    member = Architecture(DenseNet(growth_rate=7, depths=(3, 1), reduction=reduction, stem_width=5))
    summary = layer_summary(member, input_shape=(3, 16, 16), num_classes=10)
    assert [shape[0] for shape in summary.output_shape] == widths


def test_an_image_that_is_too_small_is_refused_with_the_layer_and_what_reached_it() -> None:
    with pytest.raises(ArchitectureError) as caught:
        complexity(load_architecture("densenet"), input_shape=(1, 28, 28), num_classes=10)
    assert str(caught.value) == (
        "layer 7.4 (AvgPool2d): its 2x2 average-pooling (stride 2, padding 0) needs a larger input; "
        "1x1 reached it; use larger images or fewer strides"
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"growth_rate": 0}, "densenet: growth_rate must be a whole number of at least 1; got 0"),
        ({"depths": 4}, "densenet: depths must be a list with one value a stage; got 4"),
        ({"depths": []}, "densenet: depths must have a value for at least one stage; got none"),
        ({"depths": [4, "4"]}, "densenet: depths must be whole numbers of at least 1; got '4'"),
        ({"reduction": 0.5}, "densenet: reduction must be a whole number of at least 1; got 0.5"),
        ({"stem_width": True}, "densenet: stem_width must be a whole number of at least 1; got True"),
    ],
)
def test_a_wrong_value_is_refused_with_what_must_hold(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        DenseNet(**wrong)
    assert str(caught.value) == message
