"""What Jupyter shows of things: whole, valid, escaped, twice if need be, in the light and in the dark; and quickly."""

import itertools
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import html5lib
import pytest
from doubles import plain_space
from report_runs import entry, failure, population, write_search, write_study

import anynas
from anynas.analysis.comparison import Comparison
from anynas.store import Run
from anynas.study.stated import StatedCheck, StatedClaim
from anynas.training.trained import Trained
from anynas.views.charts import interval_chart, points_chart, steps_chart

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
BETTER = StatedClaim(name="better", says=HOSTILE, baseline="a", candidate=HOSTILE, claim="improves")
AGAIN = StatedCheck(name=HOSTILE, check="seed_noise", population="a", at_most=0.5)


def hostile_space() -> anynas.DesignSpace:
    return plain_space(name=HOSTILE).derive(HOSTILE, description=HOSTILE)


def a_comparison(**asked: Any) -> Comparison:
    errors = [17.4, 18.9, 16.2, 21.0], [16.1, 17.0, 15.8, 18.2]
    return anynas.compare(*errors, **asked)


def a_search(folder: Path) -> Run:
    entries = [*(entry(number) for number in range(6)), failure(6, HOSTILE), entry(7, error=90.0, reason="diverged")]
    return write_search(folder, entries, winner=3)


def a_study(folder: Path) -> Run:
    populations = {"a": population("a"), HOSTILE: population(HOSTILE, better=2.0, n=5)}
    return write_study(folder, populations, claims=[BETTER], checks=[AGAIN], name=HOSTILE, description=HOSTILE)


def a_trained_network(folder: Path) -> Trained:
    return Trained(
        path=folder,
        architecture=anynas.load_architecture("lenet"),
        input_shape=(1, 28, 28),
        num_classes=10,
        class_names=(),
        mean=(0.0,),
        deviation=(1.0,),
        data=HOSTILE,
        recipe=anynas.Recipe(),
        fidelity=anynas.Fidelity(epochs=3),
        num_images=10_000,
        seed=0,
        validation_error=12.5,
        test_error=13.25,
        record={"anynas_version": "0.1.0", "torch_version": "2.13.0", "device": HOSTILE},
    )


THINGS: dict[str, Callable[[Path], Any]] = {
    "space": lambda _: hostile_space(),
    "architecture": lambda _: anynas.load_architecture("googlenet"),
    "comparison": lambda _: a_comparison(claim="no_effect", margin=1.0),
    "comparison without a claim": lambda _: a_comparison(),
    "edf": lambda _: anynas.edf([3.0, 4.0, 4.0, 90.0]),
    "edf of one": lambda _: anynas.edf([0.0]),
    "search": a_search,
    "search of two objectives": lambda folder: write_search(
        folder, [entry(number) for number in range(3)], objectives=["error", "params"]
    ),
    "search that goes on": lambda folder: write_search(folder, [entry(0)]),
    "search of which all failed": lambda folder: write_search(folder, [failure(0, HOSTILE)]),
    "search without trials": lambda folder: write_search(folder, []),
    "study": a_study,
    "verdicts": lambda folder: anynas.judge(a_study(folder)),
    "trained network": a_trained_network,
    "status of a search": lambda folder: a_search(folder).status(),
    "status of a study": lambda folder: a_study(folder).status(),
}


@pytest.fixture(params=list(THINGS))
def thing(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return THINGS[request.param](tmp_path / "a run")


def test_a_cell_is_valid_holds_no_script_and_may_be_shown_twice(thing: Any) -> None:
    shown = thing._repr_html_()
    page = f"<!DOCTYPE html><html><head><title>t</title></head><body>{shown}{shown}</body></html>"
    parser = html5lib.HTMLParser(strict=False, namespaceHTMLElements=False)
    tree = parser.parse(page)
    allowed = ("unexpected-start-tag-in-body",)  # styles in the midst of a page, as pandas has them
    assert not [error for error in parser.errors if error[1] not in allowed]
    assert not [element.tag for element in tree.iter() if element.tag in ("script", "img", "link", "iframe", "object")]
    attributes = list(itertools.chain.from_iterable(element.attrib for element in tree.iter()))
    assert not [name for name in attributes if name == "id" or str(name).startswith("on")]
    assert "url(" not in shown
    assert "http" not in shown


def test_what_is_shown_has_no_ink_or_ground_of_its_own(thing: Any) -> None:
    """So that it can be read in the light and in the dark."""
    shown = thing._repr_html_()
    named = {*re.findall(r'(?:fill|stroke)="([^"]+)"', shown)} - {"none", "currentColor"}
    assert all(re.fullmatch(r"#[0-9A-F]{6}", colour) and colour != "#000000" for colour in named)
    assert not re.findall(r"background(?:-color)?: (?!none)", shown)


def test_what_a_user_named_is_shown_as_text() -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in hostile_space()._repr_html_()


def test_a_space_shows_what_the_command_shows() -> None:
    shown = anynas.load_space("AnyNetD")._repr_html_()
    for text in (
        "AnyNetD: C with widths that never decrease (anynet, 4 stages)",
        "10 free parameters, 13,821,510,942,720 settings",
        "log-uniform 8..1024 by 8",
        "nondecreasing",
        "band 800 k to 1.2 M multiply-adds; 2 epochs of 8,000 images a trial",
    ):
        assert text in shown


@pytest.mark.parametrize(
    ("network", "images"),
    [
        (anynas.load_architecture("lenet"), "1×28×28, 10 classes"),
        (anynas.load_architecture("densenet"), "1×96×96, 10 classes"),
        (anynas.load_architecture("regnetx_400mf"), "3×224×224, 1,000 classes"),
        (anynas.load_space("AnyNetE").sample(1, seed=0)[0], "1×28×28, 10 classes"),
        (anynas.load_space("AnyNetE", regime="imagenet").sample(1, seed=0)[0], "3×224×224, 1,000 classes"),
        (anynas.load_space("LeNet").sample(1, seed=0)[0], "1×28×28, 10 classes"),
    ],
)
def test_an_architecture_is_drawn_on_the_images_that_it_was_made_for(network: anynas.Architecture, images: str) -> None:
    shown = network._repr_html_()
    assert images in shown
    assert "<svg" in shown


def test_an_architecture_for_which_no_known_image_is_large_enough_is_still_told() -> None:
    deep = anynas.anynet(depths=[1] * 12, widths=[8] * 12, block="V", stem_width=8, strides=[2] * 12)
    assert "Each stage, as drawn" in deep._repr_html_()


def test_a_comparison_tells_its_verdict_first_then_difference_interval_n_and_what_was_held_fixed() -> None:
    shown = a_comparison(claim="improves")._repr_html_()
    places = [
        shown.index(text)
        for text in (
            '<span class="badge">undecided</span> candidate against baseline',
            "1.60 points lower than that of baseline",
            "n = 4 and 4 networks. Held fixed: nothing.",
            "Undecided: too few models",
            "<svg",
        )
    ]
    assert places == sorted(places)


def test_a_run_tells_what_was_asked_how_far_it_is_and_its_best_networks(tmp_path: Path) -> None:
    shown = a_search(tmp_path / "run")._repr_html_()
    for text in (
        "Search of plain. Finished: 8 trials",
        "Sampler random, seed 0",
        "validation error, mean of 3 seeds",
        "The best of 7 complete trials, one seed each",
        "Error against flops; the line is the Pareto front",
        "n = 7, seed 0, 2 epochs of 640 images a trial; anynas 0.1.0, torch 2.13.0, a processor",
    ):
        assert text in shown
    partial = write_search(tmp_path / "partial", [entry(0)])
    assert "Partial: 1 of 8 trials finished; no driver is at work" in partial._repr_html_()
    assert "validation error, one seed" in partial._repr_html_()


def test_a_run_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    run = a_search(tmp_path / "run")
    (run.path / "run.json").write_text("{")
    assert "<strong>Run run</strong>" in run._repr_html_()
    (run.path / "run.json").unlink()
    assert "<strong>Run run</strong>" in run._repr_html_()


class Printer:
    """What IPython hands to `_repr_pretty_`."""

    def __init__(self) -> None:
        self.said = ""

    def text(self, said: str) -> None:
        self.said += said


def test_in_plain_text_too_a_notebook_names_no_folder_and_no_machine(tmp_path: Path) -> None:
    run = a_search(tmp_path / "run")
    for thing in (run, run.status()):
        printer = Printer()
        thing._repr_pretty_(printer, False)
        assert printer.said == "Search of plain. Finished: 8 trials"
        assert str(tmp_path) not in thing._repr_html_()
    assert repr(run) == f"Run({str(run.path)!r})"


def test_spaces_and_architectures_show_themselves_without_torch_and_plots() -> None:
    code = (
        "import sys, anynas; space = anynas.load_space('AnyNetD'); space._repr_html_();"
        "space.sample(1, seed=0)[0]._repr_html_(); print({'torch', 'matplotlib', 'scipy', 'pandas'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_charts_draw_what_they_are_given() -> None:
    points = points_chart(
        [(1.0, 20.0), (2.0, 10.0), (3.0, 99.0)], [(1.0, 20.0), (2.0, 10.0)], x="x", y="y", y_range=(5, 30)
    )
    assert points.count("<circle") == 2 + 2  # one lies above the axis; those of the front are drawn again
    steps = steps_chart(
        [(f"p{number}", [(1.0, 0.5), (2.0, 1.0)]) for number in range(10)], x="x", y="y", x_range=(0, 3)
    )
    assert steps.count("stroke-dasharray") >= 2  # colours come again, with dashes
    assert all(f">p{number}<" in steps for number in range(10))
    assert interval_chart(a_comparison(claim="no_effect", margin=1.0)).count("<rect") == 1
