"""What is made for docs/: its figures show what the committed tables and the spaces say, its tree is the package's."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import anynas
from anynas.study.definition import load_study
from docs import figures, tree

LIMIT = 150_000  # bytes of a picture
STUDY = load_study(figures.ROOT / "studies" / "principles" / "study.toml")


def test_the_committed_tree_is_made_from_the_docstrings() -> None:
    assert tree.PAGE.read_text(encoding="utf-8") == tree.page(), "run python -m docs.tree"


def test_every_file_of_the_package_says_what_it_is() -> None:
    said = {path: tree.said_of(path) for path in (tree.ROOT / "anynas").rglob("*.py")}
    assert [path for path, text in said.items() if not 10 < len(text) < 300] == []


def test_all_figures_are_there_and_small() -> None:
    assert {path.name for path in figures.FOLDER.iterdir()} == set(figures.FIGURES)
    assert max(path.stat().st_size for path in figures.FOLDER.iterdir()) < LIMIT


def test_the_drawn_networks_are_the_committed_ones(tmp_path: Path) -> None:
    figures.networks(tmp_path / "networks.svg")
    text = (tmp_path / "networks.svg").read_text(encoding="utf-8")
    assert text == (figures.FOLDER / "networks.svg").read_text(encoding="utf-8"), "run python -m docs.figures"
    space = anynas.load_space("AnyNetE")
    (network,) = space.sample(1, seed=0, flops=space.regime.flops)
    assert all(f">× {depth}<" in text for depth in network.parameters.depths)


@pytest.mark.slow
def test_the_pictures_are_the_committed_ones(tmp_path: Path) -> None:
    figures.main(tmp_path)
    for name in figures.FIGURES:
        if name.endswith(".png"):
            with Image.open(tmp_path / name) as made, Image.open(figures.FOLDER / name) as committed:
                assert made.size == committed.size
                apart = np.abs(np.asarray(made.convert("L"), float) - np.asarray(committed.convert("L"), float))
                assert apart.mean() < 2, f"{name}: run python -m docs.figures"  # fonts may be drawn a little otherwise


def test_what_is_drawn_are_the_studys_trials_and_claims() -> None:
    table = figures.principles()
    assert len(table) == 1350
    assert set(table["state"]) == {"complete"}
    assert set(figures.LADDER) <= set(table["space"])
    assert set(figures.CLAIMS) <= {claim.name for claim in STUDY.claims}
    footer = figures.footer_of(table)
    assert footer.startswith(
        "2 epochs of 8,000 images of fashion-mnist-mini, 0.8 to 1.2 million multiply-adds, seed 0;"
    )
    assert table["flops"].between(0.8e6, 1.2e6).all()


PAGE = (figures.ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")


def test_numbers_of_the_concepts_are_those_of_the_populations() -> None:
    table = figures.principles()
    errors = {name: table.loc[table["space"] == name, "error"].to_numpy() for name in figures.LADDER}
    shares = [f"{100 * anynas.edf(errors[name])(20.0):.0f}" for name in ("AnyNetD", "AnyNetC")]
    assert f"In D, {shares[0]} % of the networks are at most 20 % wrong, in C {shares[1]} %." in PAGE
    best = [
        f"{anynas.expected_best(errors[name], n):.1f}" for name, n in (("AnyNetE", 4), ("AnyNetB", 16), ("AnyNetC", 16))
    ]
    assert f"four draws of E may be expected at {best[0]} %, the best of sixteen of A, B or C at {best[1]} to" in PAGE
    assert f"{best[1]} to {best[2]} %" in PAGE
    params = [f"{table.loc[table['space'] == name, 'params'].median():,.0f}" for name in ("AnyNetD", "AnyNetC")]
    assert f"{params[0]} params, that of C {params[1]}" in PAGE
    sizes = list(figures.ladder_sizes().values())
    factors = [round(more / fewer) for more, fewer in itertools.pairwise(sizes)][:4]
    assert f"by a factor of {min(factors)} (D to E) to {max(factors)} (B to C)" in PAGE


def test_differences_in_the_concepts_are_those_of_the_studies_pages() -> None:
    found = re.findall(r"([+-]\d\.\d\d) \[(-?\d\.\d\d), (-?\d\.\d\d)\]", PAGE)
    assert len(found) == 10
    told = "".join((figures.ROOT / "studies" / name / "README.md").read_text() for name in ("principles", "ties"))
    for difference, low, high in found:
        assert f"{difference} [{low}, {high}]" in told
