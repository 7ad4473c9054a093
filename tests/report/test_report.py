"""A report read back: all of it is there, in order, valid, complete in itself, and no text of a user's is markup."""

import dataclasses
import itertools
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import html5lib
import pandas as pd
import pytest
from doubles import PLAIN_SPACE, TINY_FIDELITY
from hypothesis import given, settings
from hypothesis import strategies as st
from report_runs import (
    DRAWS,
    ERRORS,
    entry,
    failure,
    identity_of,
    population,
    write_search,
    write_study,
)

import anynas
from anynas.cli import make_parser
from anynas.designspace import load_space
from anynas.driver.search import plan_search
from anynas.errors import RunError, SettingsError
from anynas.pieces import Table, Text
from anynas.report import write_report
from anynas.report.page import Page, Section
from anynas.settings import shipped
from anynas.study.stated import StatedCheck, StatedClaim
from anynas.trials import Fidelity, Recipe

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
ABOUT_ALL = [failure(8, "CUDA ran away"), entry(9, reason="diverged", error=90.0), entry(7, lost=("a signal",))]
BETTER = StatedClaim(name="better", says="b beats a", baseline="a", candidate="b", claim="improves")
SAME = StatedClaim(name="same", baseline="a", candidate="b", claim="no_effect", margin=1.0)


class Reader(HTMLParser):
    """Reads a page as a tree of (tag, attributes, text)."""

    VOID = ("meta", "br", "hr", "img", "link", "input")

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(page)
        self.close()
        assert not self._open, "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag} has an attribute twice"
        self.elements.append((tag, dict(attrs), []))
        if tag not in self.VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag, f"{tag} is closed in its turn"

    def handle_data(self, data: str) -> None:
        for place in self._open:
            self.elements[place][2].append(data)

    def all(self, tag: str, **attributes: str) -> list[tuple[dict[str, str | None], str]]:
        """Return attributes and text of all elements of a tag."""
        return [
            (own, " ".join("".join(text).split()))
            for name, own, text in self.elements
            if name == tag and all(own.get(key.rstrip("_")) == value for key, value in attributes.items())
        ]

    def texts(self, tag: str, **attributes: str) -> list[str]:
        return [text for _, text in self.all(tag, **attributes)]

    def facts(self) -> dict[str, str]:
        """Return all values by what they are, the last one's where there are several."""
        return dict(zip(self.texts("dt"), self.texts("dd"), strict=True))


def check_valid(page: str) -> Reader:
    """Return a page as read, after checking all that holds for every report."""
    html5lib.HTMLParser(strict=True).parse(page)
    read = Reader(page)
    ids = [own["id"] for _, own, _ in read.elements if "id" in own]
    assert len(set(ids)) == len(ids)
    for _, own, _ in read.elements:
        assert not [name for name in own if name.startswith("on") or name in ("src", "srcset", "xmlns")]
        for name in ("href", "clip-path", "fill", "style"):
            for target in re.findall(r"#([\w.-]+)\)|^#(.+)", own.get(name) or ""):
                assert "".join(target) in ids or not target[1] or name != "href", own
            for target in re.findall(r"url\(#([^)]+)\)", own.get(name) or ""):
                assert target in ids
        assert (own.get("href") or "#").startswith(("#", "data:image/png;base64,"))
    assert not re.search(r"(?i)https?:|//[a-z]", re.sub(r'href="data:[^"]*"', "", page)), "nothing is anywhere else"
    levels = [int(tag[1]) for tag, _, _ in read.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for tag in ("header", "nav", "main", "footer", "title"):
        assert len(read.all(tag)) >= 1
    assert "script" not in {tag for tag, _, _ in read.elements}
    (policy,) = [own["content"] for own, _ in read.all("meta") if own.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    for own, _ in read.all("svg"):
        assert own["role"] == "img"
        assert own["aria-label"]
    assert len(read.all("table")) == len(read.all("caption"))
    assert all(own["scope"] in ("col", "row") for own, _ in read.all("th"))
    return read


def report(run: Any) -> Reader:
    return check_valid(write_report(run).read_text(encoding="utf-8"))


def sections(read: Reader) -> list[str]:
    return read.texts("h2")


# Searches


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    entries = [*map(entry, range(7)), *ABOUT_ALL, entry(3, role="confirmation", seed=8), entry(3, role="test", seed=9)]
    return report(write_search(tmp_path_factory.mktemp("searched") / "run", entries, asked_trials=10, winner=3))


def test_a_finished_search_tells_its_winner_first_and_then_everything_in_order(searched: Reader) -> None:
    assert searched.texts("h1") == searched.texts("title") == ["Search of plain"]
    assert searched.texts("p", class_="state finished") == ["Finished: 10 trials"]
    assert searched.texts("p", class_="asked") == [
        "A search of plain; regime fashion, data fashion-mnist-mini.",
        "Sampler random, seed 0; 1 epoch of 128 images of 8x8 a trial.",
    ]
    assert sections(searched) == [
        *("Winner", "Errors", "Best networks", "Learning curves", "Failures and retries", "Provenance", "To repeat it"),
    ]
    assert searched.texts("a") == sections(searched)
    facts = searched.facts()
    assert facts["validation error, mean of 3 seeds"] == "19.00 %"
    assert facts["test error"] == "20.12 %"
    assert "Trial 3, the best of 10 trials by the mean of its validation errors (18.75, 19.25, 19.00 %" in " ".join(
        searched.texts("p")
    )


def test_each_trial_is_a_point_and_the_edf_of_random_draws_has_a_band(searched: Reader) -> None:
    edf, against, learning = searched.texts("figcaption")[:3]
    assert edf.startswith("Error EDF: the share of networks with at most this validation error, n = 9, one seed each")
    assert edf.endswith("Band: 95 %, simultaneous (DKW).")
    assert against.startswith("Error against flops (multiply-adds) of all complete trials, n = 9, one seed each")
    assert learning.startswith("plain: validation error after each epoch, n = 9.")
    assert len(searched.all("svg", class_="chart")) == 3


def test_an_adaptive_samplers_trials_have_no_band(tmp_path: Path) -> None:
    read = report(write_search(tmp_path / "run", [entry(0), entry(1)], sampler="tpe"))
    assert "No band: the sampler chose its networks, they are no sample of the space." in read.texts("figcaption")[0]
    assert "--workers 1" in read.texts("code")[0]


def test_the_best_networks_are_drawn_and_the_winner_is_named(searched: Reader) -> None:
    best = sorted(range(8), key=ERRORS.__getitem__)[:5]
    headings = [f"{place}. trial {number}" for place, number in enumerate(best, 1)]
    assert searched.texts("h3") == [f"Trial 3, {DRAWS[3].key}", f"{headings[0]}, the winner", *headings[1:]]
    drawings = searched.all("svg", class_="network")
    assert len(drawings) == 6
    widths = DRAWS[3].to_dict()["widths"]
    assert f"stage1: {DRAWS[3].to_dict()['depths'][0]} block" in str(drawings[0][0]["aria-label"])
    assert f"of width {widths[1]}" in str(drawings[0][0]["aria-label"])


def test_failures_divergence_and_retries_are_counted_with_their_reasons(searched: Reader) -> None:
    assert "Of 10 finished trials 1 failed, 1 diverged, 1 tried again." in searched.texts("p")
    rows = searched.texts("tr")
    assert "CUDA ran away failed 1" in rows
    assert "a signal tried again 1" in rows


def test_provenance_comes_from_the_record(searched: Reader) -> None:
    facts = searched.facts()
    expected = {
        "n": "9 complete of 10 finished trials",
        "a trial": "2 epochs of 640 images",
        "regime": "fashion",
        "data": "fashion-mnist-mini",
        "sampler": "random",
        "bounds": "flops 0 to 1 G",
        "anynas": "0.1.0",
        "torch": "2.13.0",
        "git commit": "abc123",
        "devices": "a processor",
        "machines": "node7",
    }
    assert {name: facts[name] for name in expected} == expected
    assert facts["seed of the run"].startswith("0;")
    assert facts["space"].startswith("plain (digest ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*", facts["created"])


def test_a_search_at_work_tells_the_best_so_far_and_what_is_missing(tmp_path: Path) -> None:
    read = report(write_search(tmp_path / "run", [entry(0), entry(1), failure(2, "no")]))
    assert read.texts("p", class_="state partial") == ["Partial: 3 of 8 trials finished; no driver is at work"]
    assert sections(read)[0] == "Best so far"
    assert read.facts()["validation error, one seed"] == "22.50 %"
    assert f"Trial 1, {DRAWS[1].key}" in read.texts("h3")


@pytest.mark.parametrize("entries", [[], [failure(0, "no")]], ids=["no trial", "one that failed"])
def test_a_search_of_which_nothing_is_complete_has_a_report(tmp_path: Path, entries: list[Any]) -> None:
    read = report(write_search(tmp_path / "run", entries))
    assert sections(read) == ["Best so far", "Failures and retries", "Provenance", "To repeat it"]
    assert any(text.startswith("No trial is complete yet") for text in read.texts("p"))


def test_an_extended_search_has_no_winner_until_it_has_ended_again(tmp_path: Path) -> None:
    run = write_search(tmp_path / "run", [entry(3), entry(6)], asked_trials=2, winner=3)
    assert sections(report(run))[0] == "Winner"
    assert sections(report(write_search(tmp_path / "run", [entry(1)], asked_trials=4)))[0] == "Best so far"


def test_trials_on_rungs_are_counted_by_rung_and_no_edf_is_drawn(tmp_path: Path) -> None:
    pruned = [
        dataclasses.replace(each, rung=1, epochs=1, result=dataclasses.replace(each.result, state="pruned"))
        for each in (entry(0), entry(1), entry(2))
    ]
    entries = [*pruned, dataclasses.replace(entry(3), rung=2)]
    rungs = {"rungs": 2, "reduction": 3, "fidelity": dataclasses.asdict(Fidelity(epochs=3, images=128))}
    read = report(write_search(tmp_path / "run", entries, **rungs))
    assert "Rungs" in sections(read)
    rows = read.texts("tr")
    assert "1 1 4 3 22.50" in rows
    assert "2 3 1 1 18.75" in rows
    assert not [text for text in read.texts("figcaption") if text.startswith("Error EDF")]
    assert "--rungs 2 --reduction 3" in read.texts("code")[0]


def test_a_search_of_two_objectives_has_their_front_and_what_became_of_it(tmp_path: Path) -> None:
    (tmp_path / "plain.toml").write_text(PLAIN_SPACE)
    common = {"fidelity": TINY_FIDELITY, "flops": (0, 1e9), "executor": "inline"}
    first = anynas.search(tmp_path / "plain.toml", trials=2, sampler="random", run=tmp_path / "first", **common)
    run = anynas.search(
        tmp_path / "plain.toml",
        trials=3,
        objectives=("error", "params"),
        warm_start=first.path,
        run=tmp_path / "run",
        **common,
    )
    read = report(run)
    assert "Minimised are error and params: their front." in read.texts("p", class_="asked")
    assert read.texts("figcaption")[1].startswith("Error against params of all complete trials, n = 3")
    rows = read.texts("tr")
    for row in run.result()["front"]:
        start = f"trial {row['number']} {', '.join(f'{error:.2f}' for error in row['validation_errors'])}"
        (found,) = [text for text in rows if text.startswith(start)]
        assert found.endswith("no: another is better by its mean" if row["dominated"] else "yes")
    facts = read.facts()
    assert (facts["minimised"], facts["warm start"]) == ("error and params", f"2 trials of {first.path}")
    options = options_of(read)
    assert (options.objectives, options.warm_start) == ("error,params", str(first.path))


def test_a_run_in_a_database_has_the_same_report(tmp_path: Path) -> None:
    space = tmp_path / "plain.toml"
    space.write_text(PLAIN_SPACE)
    run = anynas.search(
        space,
        trials=2,
        sampler="random",
        fidelity=TINY_FIDELITY,
        flops=(0, 1e9),
        executor="inline",
        run=tmp_path / "run",
        storage=f"sqlite:///{tmp_path}/runs.db",
    )
    read = report(run)
    assert read.texts("p", class_="state finished") == ["Finished: 2 trials"]
    assert sections(read)[0] == "Winner"
    assert len(read.all("svg", class_="network")) == 3


def test_a_report_changes_nothing_but_itself_and_is_the_same_again(tmp_path: Path) -> None:
    run = write_search(tmp_path / "run", [entry(0), entry(1)])
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    first = write_report(run, tmp_path / "a.html").read_text()
    second = write_report(run.path, str(tmp_path / "b.html")).read_text()
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before
    made = re.compile(r"Made by anynas [^<]*")
    assert made.sub("", first) == made.sub("", second)


# The command that repeats it


def options_of(read: Reader) -> Any:
    words = shlex.split(read.texts("code")[0])
    assert words[0] == "anynas"
    return make_parser().parse_args(words[1:])


def test_a_builtin_spaces_search_is_repeated_by_its_command_alone(tmp_path: Path) -> None:
    plan = plan_search("AnyNetD", fidelity=Fidelity(epochs=1, images=640), seed=5, flops=(900e3, 1.1e6))
    read = report(write_search(tmp_path / "run", [], **plan.identity))
    options = options_of(read)
    again = plan_search(
        options.space,
        regime=options.regime,
        seed=options.seed,
        sampler=options.sampler,
        flops=options.flops,
        data=options.data,
        fidelity=dataclasses.replace(
            load_space("AnyNetD").regime.fidelity, epochs=options.epochs, images=options.images
        ),
        trials=options.trials,
    )
    assert again.identity == plan.identity
    assert len(read.texts("code")) == 1


def test_files_are_given_where_options_do_not_do(tmp_path: Path) -> None:
    recipe, fidelity = Recipe(learning_rate=0.25, augmentation="flip"), Fidelity(epochs=3, images="all", resolution=14)
    plan = plan_search("AnyNetC", recipe=recipe, fidelity=fidelity)
    read = report(write_search(tmp_path / "run", [], **plan.identity))
    page = (tmp_path / "run" / "report.html").read_text()
    files = dict(re.findall(r"<figcaption>(\w+\.toml)</figcaption>\n<pre[^>]*><code>(.*?)</code>", page, re.S))
    for name, text in files.items():
        (tmp_path / name).write_text(text.replace("&#34;", '"'))
    options = options_of(read)
    assert (options.recipe, options.fidelity) == ("recipe.toml", "fidelity.toml")
    assert anynas.load_recipe(tmp_path / "recipe.toml") == recipe
    assert anynas.load_fidelity(tmp_path / "fidelity.toml") == fidelity


def test_a_users_space_is_named_with_its_digest(tmp_path: Path) -> None:
    read = report(write_search(tmp_path / "run", [entry(0)]))
    digest = identity_of()["space"]["digest"]
    assert options_of(read).space == "plain.toml"
    assert f"plain.toml is a file of the user's: its space must have the digest {digest}." in read.texts("p")


def test_a_space_of_another_regime_is_asked_for_in_it(tmp_path: Path) -> None:
    space = load_space("AnyNetD", regime="cifar")
    plan = plan_search(space, data="synthetic", fidelity=Fidelity(epochs=1, images=256))
    read = report(write_search(tmp_path / "run", [], **plan.identity))
    assert (options_of(read).space, options_of(read).regime) == ("AnyNetD", "cifar")


# Studies


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    populations = {"a": population("a"), "b": population("b", better=20.0)}
    claims = [
        BETTER,
        SAME,
        StatedClaim(name="never", population="a", where="width_1 < 0", claim="improves"),
    ]
    checks = [StatedCheck(check="rank_correlation", name="order", population="a", reference="b", at_least=0.5)]
    run = write_study(tmp_path_factory.mktemp("studied") / "run", populations, claims=claims, checks=checks)
    return report(run)


def test_a_study_tells_its_verdicts_first_and_in_words(studied: Reader) -> None:
    verdicts = dict(zip(studied.texts("h3"), studied.texts("article"), strict=False))
    assert sections(studied) == [
        *("Verdicts", "Error EDFs", "Error against complexity", "Expected best", "Can trials be trusted?"),
        *("Best networks", "Learning curves", "Failures and retries", "Provenance", "To repeat it"),
    ]
    assert "3 claims: 1 supported, 1 contradicted, 1 not judged; 1 check: 1 supported." in studied.texts("p")
    better = verdicts["supported better: b beats a"]
    assert "The 10 % trimmed mean of the error of b is 20.00 points lower than that of a: −20.00 [−" in better
    assert "Claimed: an improvement. n = 8 and 8 networks. Held fixed: nothing." in better
    assert "Claimed: no effect, within ±1." in verdicts["contradicted same"]
    assert "needs at least 2 complete trials on each side" in verdicts["not judged never"]
    assert "supported order" in verdicts
    assert "a 8/8 0 0" in " ".join(studied.texts("tr"))
    assert "Not judged, and so not counted by Holm: never." in studied.texts("p", class_="note")


def test_a_study_has_a_picture_for_every_claim_population_and_check(studied: Reader) -> None:
    captions = studied.texts("figcaption")[:-1]
    assert len(studied.all("svg", class_="chart")) == len(captions) == 1 + 2 + 2 + 1 + 1 + 2
    assert captions[0].startswith("better, same: differences of error, candidate − baseline, in points.")
    assert "better (improves: supported): error EDFs. Bands: 95 %, simultaneous." in captions
    assert "same (no effect within ±1: contradicted): error EDFs. Bands: 95 %, simultaneous." in captions
    for what in ("flops (multiply-adds)", "params"):
        text = f"Error against {what}, n = 16. The Pareto front is that of all populations together."
        assert text in captions
    assert {text.partition(":")[0] for text in captions if "after each epoch" in text} == {"a", "b"}


def test_the_best_networks_of_a_study_name_their_population(studied: Reader) -> None:
    headings = [text for text in studied.texts("h3") if re.match(r"\d\. ", text)]
    assert headings[0] == "1. b, trial 3"
    assert len(headings) == 5


def test_a_study_without_claims_shows_each_population_with_its_band(tmp_path: Path) -> None:
    read = report(write_study(tmp_path / "run", {"a": population("a"), "b": population("b")}))
    assert "This study claims nothing." in read.texts("p")
    assert "a: error EDF, n = 8. Band: 95 %, simultaneous (DKW); others in grey." in read.texts("figcaption")


def test_a_study_with_an_empty_population_says_what_is_missing(tmp_path: Path) -> None:
    read = report(write_study(tmp_path / "run", {"a": population("a", n=3), "b": []}, claims=[BETTER]))
    assert read.texts("p", class_="state partial")[0].startswith("Partial: 3 of 16 trials finished")
    assert any(text.startswith("Interim: 3 of 16 trials are finished") for text in read.texts("p", class_="note"))
    assert "not judged better: b beats a" in read.texts("h3")
    assert "Error EDFs" in sections(read)


def test_a_study_with_no_trial_at_all_has_a_report(tmp_path: Path) -> None:
    read = report(write_study(tmp_path / "run", {"a": [], "b": []}, claims=[BETTER, SAME]))
    assert sections(read) == ["Verdicts", "Failures and retries", "Provenance", "To repeat it"]


def test_a_study_whose_trials_all_failed_has_a_report(tmp_path: Path) -> None:
    failed = [failure(number, "no memory", space="a", role="population") for number in range(4)]
    read = report(write_study(tmp_path / "run", {"a": failed, "b": []}, claims=[BETTER]))
    assert "no memory failed 4" in read.texts("tr")


def test_a_studys_results_alone_make_a_report(tmp_path: Path) -> None:
    results = shipped("studies") / "ties" / "results"
    read = check_valid(write_report(results, tmp_path / "ties.html").read_text(encoding="utf-8"))
    assert read.texts("h1") == ["Study ties"]
    assert options_of(read).study == "ties"
    assert len(read.all("svg", class_="network")) == 5
    assert "trials" in read.facts()["n"]


def test_thousands_of_networks_are_one_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_search(tmp_path / "run", [*map(entry, range(8))])
    assert "data:image/png" not in write_report(run).read_text()
    monkeypatch.setattr("anynas.report.pictures.MANY", 5)
    page = write_report(run).read_text()
    assert page.count("data:image/png;base64,") == 1
    check_valid(page)


# Texts of users'


def test_hostile_names_are_text_wherever_they_appear(tmp_path: Path) -> None:
    entries = [
        entry(0, space=HOSTILE, role="population", device=HOSTILE, lost=(HOSTILE,)),
        entry(1, space=HOSTILE, role="population", device=HOSTILE),
        failure(2, f"ValueError: {HOSTILE}", space=HOSTILE, role="population"),
    ]
    claim = StatedClaim(name=f"claim {HOSTILE}", says=HOSTILE, baseline=HOSTILE, candidate="b", claim="improves")
    run = write_study(
        tmp_path / HOSTILE.replace("/", "-"),
        {HOSTILE: entries, "b": population("b")},
        claims=[claim],
        name=HOSTILE,
        description=HOSTILE,
        data=HOSTILE,
    )
    read = report(run)
    assert read.texts("title") == [f"Study {HOSTILE}"]
    assert read.texts("p", class_="description") == [HOSTILE]
    assert any(HOSTILE in text for text in read.texts("h3"))
    facts = read.facts()
    assert (facts["data"], HOSTILE in facts["devices"]) == (HOSTILE, True)
    assert f"ValueError: {HOSTILE} failed 1" in read.texts("tr")
    assert any(text.startswith("<script>alert(1)</script>") for text in read.texts("text")), "in pictures too"
    assert shlex.split(read.texts("code")[0])[3] == f"{HOSTILE}.toml"
    page = (run.path / "report.html").read_text()
    assert "<script" not in page
    assert "<img" not in page


@pytest.mark.parametrize("name", ["$x_1$ and $\\frac$", "空间", "a\x00\x07b", "{{ 7 * 7 }}", "]]>", "--run", "%s"])
def test_names_that_mean_something_elsewhere_mean_nothing_here(tmp_path: Path, name: str) -> None:
    entries = [entry(number, space=name, role="population") for number in range(3)]
    read = report(write_study(tmp_path / "run", {name: entries, "b": population("b")}, name=name))
    shown = name.replace("\x00", "\ufffd").replace("\x07", "\ufffd")
    assert read.texts("h1") == [f"Study {shown}"]
    assert any(shown in text for text in read.texts("text"))


TEXTS = st.text(max_size=40) | st.text(alphabet="<>&\"'/!-{}%# ab;", max_size=40)


@settings(deadline=None, max_examples=100)
@given(TEXTS, TEXTS)
def test_any_text_is_read_back_as_it_was(first: str, second: str) -> None:
    table = Table(caption=first, columns=[second, first], rows=[[second, first]])
    section = Section(key="a", heading=first or "-", items=[Text(text=second), table])
    page = Page(
        title=first, description=second, state="-", is_finished=False, asked=[first], sections=[section], footer=second
    ).html()
    page.encode("utf-8")
    read = Reader(page)

    def shown(text: str) -> str:
        return " ".join(re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "\ufffd", text).split())

    assert read.texts("h1") == [shown(first)]
    assert read.texts("td") == [shown(first)]
    assert read.texts("p")[-2] == shown(second)


# Files


def test_the_default_is_in_the_runs_folder_and_another_file_can_be_named(tmp_path: Path) -> None:
    run = write_search(tmp_path / "run", [])
    assert write_report(run) == run.path / "report.html"
    assert write_report(str(run.path), tmp_path / "other.html") == tmp_path / "other.html"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.html", "run"]


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        write_report(tmp_path / "nowhere")
    assert str(caught.value) == (
        f"{tmp_path / 'nowhere'}: must be a run's folder, with run.json in it, or a study's results; it is neither"
    )
    (tmp_path / "table.parquet").write_text("no table")
    with pytest.raises(RunError):
        write_report(tmp_path)


def test_a_file_that_cannot_be_written_is_refused_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_search(tmp_path / "run", [])
    before = sorted(tmp_path.rglob("*"))
    for file, reason in ((tmp_path / "no" / "r.html", "there is no such folder"), (tmp_path, "it is a folder")):
        with pytest.raises(SettingsError) as caught:
            write_report(run, file)
        assert str(caught.value) == f"{file}: must be a file that can be written; {reason}; choose another --out"
    (tmp_path / "old.html").write_text("as it was")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SettingsError, match="No space left on device; choose another --out"):
        write_report(run, tmp_path / "old.html")
    assert (tmp_path / "old.html").read_text() == "as it was"
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "old.html"])


def test_a_table_of_results_that_lacks_newer_columns_will_do(tmp_path: Path) -> None:
    results = shipped("studies") / "lecture" / "results"
    table = pd.read_parquet(results / "table.parquet").drop(columns=["recipe", "retries"], errors="ignore")
    for name in ("curves.parquet", "claims.json"):
        (tmp_path / name).write_bytes((results / name).read_bytes())
    table.to_parquet(tmp_path / "table.parquet", index=False)
    read = report(tmp_path)
    assert read.facts()["recipe"] == "not recorded"
    assert read.texts("h1") == ["Study lecture"]
