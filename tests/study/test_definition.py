"""study.toml: what it means, and one clear line for everything that it must not say."""

from pathlib import Path

import pytest
from small_study import PLAIN, SMALL, changed, write

from anynas.designspace import Bounds, load_space
from anynas.errors import AnynasError, SettingsError
from anynas.study.definition import builtin_studies, load_study
from anynas.study.stated import StatedClaim
from anynas.trials import Fidelity


def test_a_study_is_its_populations_and_claims(tmp_path: Path) -> None:
    study = load_study(write(tmp_path))
    assert (study.name, study.description, study.seed, study.alpha) == ("small", "two stages of plain 3x3s", 3, 0.05)
    assert {name: p.models for name, p in study.populations.items()} == {"free": 6, "tied": 6, "wide": 4}
    assert {name: p.pairs_with for name, p in study.populations.items()} == {
        "free": None,
        "tied": "free",
        "wide": None,
    }
    assert [claim.name for claim in study.claims] == ["ties", "wide", "at equal params", "increasing"]
    assert study.claims[0].to_dict() == {
        "name": "ties",
        "says": "tied widths make no difference",
        "baseline": "free",
        "candidate": "tied",
        "claim": "no_effect",
        "margin": 5.0,
        "paired": True,
    }


def test_a_population_is_a_space_under_its_own_name(tmp_path: Path) -> None:
    study = load_study(write(tmp_path))
    plain = load_space(tmp_path / "plain.toml")
    free, tied, wide = (study.populations[name].space for name in ("free", "tied", "wide"))
    assert (free.name, free.digest) == ("free", plain.digest)
    assert (tied.name, tied.digest) == ("tied", plain.derive("any", tie=["width"]).digest)
    assert [p.values for p in wide.parameters if p.name == "width"] == [(16, 24)]


def test_fidelity_recipe_and_band_are_the_populations_then_the_studys_then_the_regimes(tmp_path: Path) -> None:
    text = changed(
        "[populations.wide]\n", "[populations.wide]\nflops = [0, 2e6]\nfidelity.epochs = 3\nrecipe.momentum = 0.5\n"
    )
    text = changed("seed = 3\n", "seed = 3\nparams = [0, 1e6]\nrecipe.learning_rate = 0.07\n", text)
    populations = load_study(write(tmp_path, text)).populations
    assert populations["free"].fidelity == Fidelity(epochs=2, images=640, resolution=12)
    assert populations["wide"].fidelity == Fidelity(epochs=3, images=640, resolution=12)
    assert [(p.recipe.learning_rate, p.recipe.momentum) for p in populations.values()] == [
        (0.07, 0.9),
        (0.07, 0.9),
        (0.07, 0.5),
    ]
    assert populations["free"].bounds == Bounds(params=(0, 1e6))
    assert populations["wide"].bounds == Bounds(flops=(0, 2e6))
    regimes = load_study(write(tmp_path)).populations["free"]
    assert regimes.bounds == Bounds(flops=(0, 1e9))
    assert regimes.recipe.learning_rate == 0.1


def test_a_resolution_is_pixels_so_that_one_worker_serves_several_regimes(tmp_path: Path) -> None:
    text = 'data = "fashion-mnist-mini"\n[populations.LeNet]\n[populations.VGG]\n'
    populations = load_study(write(tmp_path, text)).populations
    assert [p.fidelity.resolution for p in populations.values()] == [28, 32]


def test_models_can_be_given_for_all(tmp_path: Path) -> None:
    study = load_study(write(tmp_path)).with_models(9)
    assert {p.models for p in study.populations.values()} == {9}
    with pytest.raises(SettingsError, match="models must be at least 2, one network is no population; got 1"):
        study.with_models(1)


@pytest.mark.parametrize("name", builtin_studies())
def test_every_study_that_comes_with_anynas_is_valid_and_all_that_it_asks_says_something(name: str) -> None:
    study = load_study(name)
    asked = [*study.claims, *study.checks]
    assert asked
    assert all(each.says for each in asked)


def test_a_folder_with_a_study_is_named_by_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "study.toml").write_text("[populations.LeNet]\n")
    assert load_study(tmp_path / "mine").name == "mine"
    monkeypatch.chdir(tmp_path / "mine")
    assert load_study("study.toml").name == "mine"


CLAIM = 'name = "wide"\nbaseline = "free"\ncandidate = "wide"\nclaim = "improves"\n'


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('candidate = "wide"', 'candidate = "wid"', 'claims 2, "wide": unknown population "wid"; did you mean "wide"?'),
        ("margin = 5.0", "margin = 0", 'claims 1: claim "no_effect" needs a margin above 0, in points of error; got 0'),
        ("margin = 5.0\n", "", 'claims 1: claim "no_effect" needs a margin above 0, in points of error; got none'),
        ('"nondecreasing(width)"', '"nondecreasing(breadth)"', 'claims 4, "increasing": where: free: condition'),
        ('"nondecreasing(width)"', '"error < 20"', "it must be about what is known before training"),
        ('"nondecreasing(width)"', '"width >"', "claims 4"),
        ('where = "nondecreasing(width)"\n', "", "population and where belong together"),
        ("models = 6", "models = 1", "models must be at least 2, one network is no population; got 1"),
        ("models = 4", "models = 1", "populations.wide: models must be at least 2, one network is no population"),
        ('pairs_with = "free"', 'pairs_with = "fre"', 'pairs_with must name another population; got "fre"; did you'),
        ('pairs_with = "free"', 'pairs_with = "tied"', 'pairs_with must name another population; got "tied"'),
        ('pairs_with = "free"', 'pairs_with = "wide"', "models must be as many as its leader's; got 6, wide has 4"),
        ('pairs_with = "free"\n', "", 'claims 1, "ties": paired populations must be drawn in pairs; free and tied'),
        ('space = "plain.toml"', 'space = "AnyNetZ"', 'populations.free: unknown space "AnyNetZ"'),
        ('space = "plain.toml"', "space = 3", "populations.free: space must be a name, a path or a table; got 3"),
        ('tie = ["width"]', 'tie = ["breadth"]', "populations.tied: space: "),
        ("seed = 3", "sede = 3", 'small.toml: unknown key "sede"; did you mean "seed"?'),
        ("seed = 3", "seed = -3", "seed must be at least 0; got -3"),
        ("seed = 3", "alpha = 1.5", "alpha"),
        ("epochs = 2", "epochs = 0", "epochs must be at least 1; got 0"),
        ('name = "wide"', 'name = "ties"', 'each claim and check must have a name of its own; "ties" comes 2 times'),
        ('candidate = "wide"', 'candidate = "free"', "baseline and candidate must differ; got free twice"),
        (
            "paired = true",
            'paired = true\ncontrol = "flops"',
            'pairs hold all but one thing fixed; got control "flops"',
        ),
        ('control = "params"', 'control = "parms"', "control must be"),
        ('claim = "improves"\n\n[[claims]]\nname = "at', 'claim = "helps"\n\n[[claims]]\nname = "at', "claim must be"),
        (CLAIM, CLAIM + 'where = "flops > 1"\n', "between two populations use within"),
        (CLAIM, CLAIM + "flops = [2, 1]\n", "flops must be LOW:HIGH with 0 <= LOW <= HIGH; got 2:1"),
        ("models = 4\n", "models = 4\nflops = [2, 1]\n", "populations.wide: flops must be LOW:HIGH"),
        (
            "models = 4\n",
            'models = 4\nseed = 3\npairs_with = "free"\n',
            "seed is the leader's where pairs_with is given",
        ),
    ],
)
def test_what_must_not_be_said_is_one_clear_line(tmp_path: Path, before: str, after: str, said: str) -> None:
    with pytest.raises(AnynasError) as caught:
        load_study(write(tmp_path, changed(before, after)))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "small.toml" in str(caught.value) or "populations" in str(caught.value)


def test_the_freer_space_leads_a_pair(tmp_path: Path) -> None:
    text = SMALL.replace('pairs_with = "free"\n', "").replace(
        'space = "plain.toml"', 'space = "plain.toml"\npairs_with = "tied"'
    )
    with pytest.raises(AnynasError, match=r"free must choose nothing that tied does not choose too.*other way round"):
        load_study(write(tmp_path, text))


def test_two_populations_are_not_the_same_draws(tmp_path: Path) -> None:
    text = '[populations.LeNet]\n[populations.again]\nspace = "LeNet"\n'
    with pytest.raises(
        SettingsError, match="LeNet and again must not be the same draws; give one of them another seed"
    ):
        load_study(write(tmp_path, text))
    assert load_study(write(tmp_path, text + "seed = 1\n")).populations["again"].seed == 1


def test_an_unknown_study_is_told_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match='unknown study "lectur"; did you mean "lecture"'):
        load_study("lectur")


def test_a_claim_without_a_name_is_called_by_what_it_compares() -> None:
    assert StatedClaim(claim="improves", baseline="a", candidate="b").name == "b against a"
    assert StatedClaim(claim="improves", population="a", where="equal(width)").name == "a where equal(width)"


def test_the_plain_space_of_these_tests_is_the_one_they_say(tmp_path: Path) -> None:
    (tmp_path / "plain.toml").write_text(PLAIN)
    assert load_space(tmp_path / "plain.toml").size() == 64
