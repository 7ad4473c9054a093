"""Panels for a page: equal ones are equal texts, ids are their own, texts stay texts, and nothing else is needed."""

import re
import warnings
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from matplotlib.axes import Axes

from anynas.figures import inline_svg


def plain(ax: Axes) -> None:
    ax.plot([0, 1], [0, 2], label="a <b> & $c$")
    ax.scatter([0, 1, 2], [1, 2, 3], label="points")
    ax.fill_between([0, 1], [0, 0], [1, 1], facecolor=("red", 0.25), edgecolor=("red", 0.5), hatch="//", linewidth=0)
    ax.legend()


def drawn(**options: Any) -> ET.Element:
    return ET.fromstring(inline_svg(plain, **{"prefix": "p1", "label": "a picture", **options}))


def test_a_panel_is_the_same_text_each_time() -> None:
    assert inline_svg(plain, prefix="p", label="x") == inline_svg(plain, prefix="p", label="x")


def test_no_two_panels_share_an_id_and_each_reference_is_to_an_own_one() -> None:
    ids = {}
    for prefix in ("p1", "p2"):
        root = drawn(prefix=prefix)
        ids[prefix] = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
        for element in root.iter():
            for name, value in element.attrib.items():
                if name == "href":
                    assert value[1:] in ids[prefix]
                for target in re.findall(r"url\(#([^)]+)\)", value):
                    assert target in ids[prefix]
    assert ids["p1"]
    assert not ids["p1"] & ids["p2"]


def test_texts_are_texts_and_no_formulas() -> None:
    assert "a <b> & $c$" in [text.text for text in drawn().iter("text")]


def test_nothing_of_a_file_of_its_own_is_left() -> None:
    text = inline_svg(plain, prefix="p", label="x")
    assert not re.search(r"xmlns|<style|<metadata|https?:|<\?xml|<!DOCTYPE", text)
    root = drawn()
    assert (root.tag, root.attrib["role"], root.attrib["aria-label"]) == ("svg", "img", "a picture")
    assert "width" not in root.attrib, "the page says how large it is"
    assert root.attrib["viewBox"] == "0 0 252 216"


def test_a_hatch_shows_on_a_transparent_ground() -> None:
    root = drawn()
    (pattern,) = root.iter("pattern")
    ground, lines = pattern
    assert (ground.attrib["fill"], float(ground.attrib["fill-opacity"])) == ("#ff0000", 0.25)
    assert "stroke-opacity: 0.5" in lines.attrib["style"]
    (hatched,) = [each for each in root.iter() if f"fill: url(#{pattern.attrib['id']})" in each.attrib.get("style", "")]
    assert "fill-opacity" not in hatched.attrib["style"]


@pytest.mark.parametrize(("below", "images"), [(None, 0), (1.5, 1)])
def test_what_lies_below_an_order_is_one_image(below: float | None, images: int) -> None:
    found = [each.attrib["href"] for each in drawn(image_below=below).iter("image")]
    assert len(found) == images
    assert all(each.startswith("data:image/png;base64,") for each in found)


@pytest.mark.parametrize("text", ["空间", "a\x01b", "]]>", "&amp;"])
def test_any_text_can_be_drawn_without_a_warning(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = inline_svg(lambda ax: ax.set_title(text), prefix="p", label=text)
    shown = text.replace("\x01", "\ufffd")
    root = ET.fromstring(svg)
    assert shown in [each.text for each in root.iter("text")]
    assert root.attrib["aria-label"] == shown
