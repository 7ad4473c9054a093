"""Reports in a real browser: nothing runs, nothing is loaded, nothing is wider than a phone, all of it can be read."""

from pathlib import Path
from typing import Any

import pytest
from chromium import Chromium, find_chromium
from report_runs import entry, failure, population, write_search, write_study

from anynas.report import write_report
from anynas.study.stated import StatedClaim

PROGRAM = find_chromium()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed"),
]
HOSTILE = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
LONG = "a" * 300

SIZES = """
const root = document.documentElement
const wide = [...document.querySelectorAll("body *")].filter(each => {
  const box = each.closest(".scroll, .card, pre")
  return box === null && each.getBoundingClientRect().right > root.clientWidth + 1
})
return { width: root.clientWidth, whole: root.scrollWidth, wide: wide.map(each => each.outerHTML.slice(0, 200)) }
"""
CONTRASTS = """
const parts = colour => colour.match(/[\\d.]+/g).map(Number)
const light = colour => {
  const [r, g, b] = parts(colour).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
const style = each => document.defaultView.getComputedStyle(each)
const ground = each => {
  for (; each; each = each.parentElement) {
    const colour = style(each).backgroundColor
    if ((parts(colour)[3] ?? 1) === 1) return colour
  }
  return "rgb(255, 255, 255)"
}
const tags = "h1, h2, h3, p, a, th, td, dt, dd, caption, figcaption, code, .badge, svg.network text"
const texts = [...document.querySelectorAll(tags)]
const found = texts.map(each => {
  const ink = each.tagName === "text" ? style(each).fill : style(each).color
  const [a, b] = [light(ink), light(ground(each))].sort((x, y) => y - x)
  return [(a + 0.05) / (b + 0.05), each.outerHTML.slice(0, 120), ink, ground(each)]
})
return { least: found.reduce((x, y) => x[0] < y[0] ? x : y), page: ground(document.body), n: found.length }
"""
TEXTS = """
const boxes = [...document.querySelectorAll("svg")].map(each => each.getBoundingClientRect())
return {
  title: document.title,
  heading: document.querySelector("h1").textContent,
  scripts: document.scripts.length,
  images: document.images.length,
  marked: document.querySelectorAll("b, i").length,
  drawn: boxes.map(box => [box.width, box.height]),
}
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Chromium:
    assert PROGRAM is not None
    return Chromium(PROGRAM, tmp_path_factory.mktemp("chromium"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of a search, of a study with hostile and long names, and of a search of which nothing is complete."""
    folder = tmp_path_factory.mktemp("pages")
    searched = [entry(number, device=LONG) for number in range(8)]
    claims = [
        StatedClaim(name="better", says=LONG, baseline=HOSTILE, candidate="b", claim="improves"),
        StatedClaim(name="same", baseline=HOSTILE, candidate="b", claim="no_effect", margin=1.0),
        StatedClaim(name=HOSTILE, population="b", where="width_1 < 0", claim="improves"),
    ]
    studied = {HOSTILE: population(HOSTILE), "b": [*population("b", better=20.0), failure(9, LONG, space="b")]}
    runs = {
        "search": write_search(folder / "search", searched, winner=3),
        "study": write_study(folder / "study", studied, claims=claims, name=HOSTILE, description=LONG),
        "empty": write_search(folder / "empty", []),
    }
    return {name: write_report(run) for name, run in runs.items()}


NAMES = ["search", "study", "empty"]


@pytest.mark.parametrize("name", NAMES)
def test_opened_as_a_file_it_gives_no_cause_for_complaint(
    name: str, pages: dict[str, Path], chromium: Chromium
) -> None:
    _, log = chromium.run("--dump-dom", page=pages[name])
    assert "CONSOLE" not in log


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_never_wider_than_its_window(
    name: str, width: int, pages: dict[str, Path], chromium: Chromium
) -> None:
    found = chromium.measure(pages[name].read_text(encoding="utf-8"), SIZES, width=width)
    assert found == {"width": width, "whole": width, "wide": []}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_every_text_stands_out_by_day_and_by_night(
    name: str, dark: bool, pages: dict[str, Path], chromium: Chromium
) -> None:
    found = chromium.measure(pages[name].read_text(encoding="utf-8"), CONTRASTS, width=800, dark=dark)
    assert found["n"] > 20
    assert found["least"][0] >= 4.5, found["least"]
    assert found["page"] == ("rgb(20, 24, 28)" if dark else "rgb(255, 255, 255)")


def test_a_hostile_name_is_shown_and_does_nothing(pages: dict[str, Path], chromium: Chromium) -> None:
    found: Any = chromium.measure(pages["study"].read_text(encoding="utf-8"), TEXTS, width=800)
    assert found["title"] == found["heading"] == f"Study {HOSTILE}"
    assert (found["scripts"], found["images"], found["marked"]) == (0, 0, 0)


@pytest.mark.parametrize("width", [390, 1280])
def test_every_picture_has_room(width: int, pages: dict[str, Path], chromium: Chromium) -> None:
    found = chromium.measure(pages["study"].read_text(encoding="utf-8"), TEXTS, width=width)
    assert len(found["drawn"]) > 10
    assert all(wide > 150 and high > 80 for wide, high in found["drawn"])


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_printed(name: str, pages: dict[str, Path], chromium: Chromium, tmp_path: Path) -> None:
    chromium.run("--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'page.pdf'}", page=pages[name])
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF-")
