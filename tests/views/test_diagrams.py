"""Networks as drawings: parts as the tree has them, bars as high as they are wide, for every family."""

import xml.etree.ElementTree as ET

import pytest

import anynas
from anynas.architecture import images_of, named_architectures
from anynas.errors import ArchitectureError
from anynas.views.diagrams import HEIGHT, network_diagram, network_parts

ANYNET = anynas.anynet(
    depths=[1, 3], widths=[20, 64], bottleneck_ratios=[1, 2], group_widths=[8, 4], stem_width=16, stem_stride=1
)


def bars(svg: str) -> list[ET.Element]:
    return ET.fromstring(svg).findall("rect")


def test_an_anynets_parts_are_its_stem_stages_and_head_as_built() -> None:
    parts = network_parts(ANYNET, input_shape=(1, 28, 28), num_classes=10)
    assert [(part.name, part.depth, part.width, part.size, part.detail) for part in parts] == [
        ("stem", 1, 16, "28×28", ""),
        ("stage1", 1, 16, "14×14", "b 1 g 8"),  # 20 is drawn; groups of 8 make it 16
        ("stage2", 3, 64, "7×7", "b 2 g 4"),
        ("head", 1, 10, "", ""),
    ]
    assert parts[2].text == "stage2: 3 blocks of width 64, images 7×7, b 2 g 4"


def test_a_bar_stands_for_each_block_and_its_height_is_the_width() -> None:
    drawn = bars(network_diagram(ANYNET, input_shape=(1, 28, 28), num_classes=10))
    heights = [float(bar.attrib["height"]) for bar in drawn]
    assert heights == pytest.approx([HEIGHT / 4, HEIGHT / 4, HEIGHT, HEIGHT, HEIGHT, HEIGHT * 10 / 64], abs=0.05)
    lefts = [float(bar.attrib["x"]) for bar in drawn]
    assert lefts == sorted(lefts)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("lenet", [("conv", 1, 6), ("conv", 1, 16), ("linear", 1, 120), ("linear", 1, 84), ("linear", 1, 10)]),
        ("nin", [("part 1", 3, 96), ("part 2", 3, 256), ("part 3", 3, 384), ("part 4", 3, 10)]),
        (
            "resnet18",
            [
                *[("part 1", 1, 64), ("part 2", 2, 64), ("part 3", 2, 128), ("part 4", 2, 256), ("part 5", 2, 512)],
                ("linear", 1, 10),
            ],
        ),
        ("googlenet", [("part 1", 1, 64), ("part 2", 2, 192), ("part 3", 2, 480), ("part 4", 5, 832),
                       ("part 5", 2, 1024), ("linear", 1, 10)]),
    ],
)  # fmt: skip
def test_other_families_are_drawn_from_their_trees(name: str, parts: list[tuple[str, int, int]]) -> None:
    shape, classes = images_of(name)
    found = network_parts(anynas.load_architecture(name), input_shape=shape, num_classes=classes)
    assert [(part.name, part.depth, part.width) for part in found] == parts


@pytest.mark.parametrize("name", named_architectures())
def test_every_named_network_has_a_drawing_that_holds_all_of_it(name: str) -> None:
    shape, classes = images_of(name)
    architecture = anynas.load_architecture(name)
    root = ET.fromstring(network_diagram(architecture, input_shape=shape, num_classes=classes))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for bar in root.findall("rect"):
        x, y, wide, high = (float(bar.attrib[key]) for key in ("x", "y", "width", "height"))
        assert 0 <= x <= x + wide <= width + 1
        assert 0 <= y <= y + high <= height
        assert 0 < high <= HEIGHT + 0.1
    for text in root.findall("text"):
        assert 0 <= float(text.attrib["x"]) <= width
        assert float(text.attrib["y"]) <= height
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"].count("; ") == len(
        network_parts(architecture, input_shape=shape, num_classes=classes)
    ) - 1  # fmt: skip
    assert not [element for element in root.iter() if "id" in element.attrib]


def test_images_that_are_too_small_are_refused_as_they_are_for_counting() -> None:
    with pytest.raises(ArchitectureError, match="needs a larger input"):
        network_diagram(anynas.load_architecture("alexnet"), input_shape=(1, 8, 8), num_classes=10)
