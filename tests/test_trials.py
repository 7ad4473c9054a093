"""Trials: recipes and their learning rates, fidelities, files, results."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anynas.errors import SettingsError
from anynas.trials import CurvePoint, Fidelity, Recipe, TrialResult, load_fidelity, load_recipe

STEPS = st.integers(1, 5000)
FRACTIONS = st.floats(0, 0.99)

# The learning rate


def test_without_warm_up_a_half_cosine_falls_from_its_peak_to_nothing() -> None:
    recipe = Recipe(learning_rate=0.8, warmup_fraction=0.0)
    assert recipe.learning_rate_at(0, 100) == pytest.approx(0.8)
    assert recipe.learning_rate_at(25, 100) == pytest.approx(0.8 * (2 + math.sqrt(2)) / 4)
    assert recipe.learning_rate_at(50, 100) == pytest.approx(0.4)
    assert recipe.learning_rate_at(99, 100) == pytest.approx(0.8 * 0.5 * (1 - math.cos(math.pi / 100)))
    assert recipe.learning_rate_at(99, 100) < 0.001 * recipe.learning_rate


def test_warm_up_rises_in_a_line_to_the_peak() -> None:
    recipe = Recipe(learning_rate=1.1, warmup_fraction=0.1, schedule="constant")
    rates = [recipe.learning_rate_at(step, 100) for step in range(12)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.1])


def test_warm_up_multiplies_the_half_cosine() -> None:
    with_warmup, without = Recipe(warmup_fraction=0.1), Recipe(warmup_fraction=0.0)
    for step in range(100):
        share = min(1.0, (step + 1) / 11)
        assert with_warmup.learning_rate_at(step, 100) == pytest.approx(share * without.learning_rate_at(step, 100))


def test_a_constant_rate_without_warm_up_is_constant() -> None:
    recipe = Recipe(learning_rate=0.3, schedule="constant", warmup_fraction=0.0)
    assert {recipe.learning_rate_at(step, 7) for step in range(7)} == {0.3}


@given(STEPS, FRACTIONS, st.sampled_from(["half_cosine", "constant"]))
def test_the_rate_is_above_zero_and_at_most_its_peak_at_every_step(
    num_steps: int, warmup_fraction: float, schedule: Any
) -> None:
    recipe = Recipe(learning_rate=0.2, warmup_fraction=warmup_fraction, schedule=schedule)
    rates = [recipe.learning_rate_at(step, num_steps) for step in {0, num_steps // 3, num_steps - 1}]
    assert min(rates) > 0
    assert max(rates) <= 0.2


@given(STEPS, FRACTIONS)
def test_behind_the_warm_up_a_half_cosine_never_rises(num_steps: int, warmup_fraction: float) -> None:
    recipe = Recipe(warmup_fraction=warmup_fraction)
    first = math.ceil(warmup_fraction * num_steps)
    steps = sorted({first + (num_steps - 1 - first) * k // 10 for k in range(11)} & set(range(first, num_steps)))
    rates = [recipe.learning_rate_at(step, num_steps) for step in steps]
    assert rates == sorted(rates, reverse=True)


# Recipes and fidelities


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0}, "learning_rate must be above 0; got 0"),
        ({"learning_rate": -0.1}, "learning_rate must be above 0; got -0.1"),
        ({"learning_rate": math.nan}, "learning_rate must be above 0; got nan"),
        ({"warmup_fraction": 1}, "warmup_fraction must lie in [0, 1); got 1"),
        ({"warmup_fraction": -0.1}, "warmup_fraction must lie in [0, 1); got -0.1"),
        ({"momentum": 1.0, "nesterov": False}, "momentum must lie in [0, 1); got 1"),
        ({"momentum": -0.5, "nesterov": False}, "momentum must lie in [0, 1); got -0.5"),
        ({"momentum": 0.0}, "nesterov needs a momentum above 0; got momentum 0"),
        ({"weight_decay": -1e-4}, "weight_decay must be at least 0; got -0.0001"),
        ({"norm_weight_decay": -1e-4}, "norm_weight_decay must be at least 0; got -0.0001"),
        ({"batch_size": 1}, "batch_size must be at least 2, for batch norm; got 1"),
        ({"label_smoothing": 1}, "label_smoothing must lie in [0, 1); got 1"),
        ({"label_smoothing": -0.1}, "label_smoothing must lie in [0, 1); got -0.1"),
        ({"optimizer": "adam"}, "optimizer must be \"sgd\"; got 'adam'"),
        ({"schedule": "cosine"}, 'schedule must be "half_cosine" or "constant"; got \'cosine\''),
        (
            {"augmentation": "crop"},
            'augmentation must be "none" or "flip" or "crop_flip"; got \'crop\'',
        ),
        (
            {"initialisation": "xavier"},
            'initialisation must be "family" or "fan_in_normal" or "fan_out_normal" or "xavier_uniform"; '
            "got 'xavier'",
        ),
        ({"batch_size": 64.0}, "batch_size must be a whole number; got 64.0"),
        ({"nesterov": "yes"}, "nesterov must be true or false; got 'yes'"),
    ],
)
def test_a_wrong_recipe_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Recipe(**changes)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1; got 0"),
        ({"epochs": 1.5}, "epochs must be a whole number; got 1.5"),
        ({"images": 1}, 'images must be at least 2, or "all"; got 1'),
        ({"images": "most"}, "images must be a whole number or \"all\"; got 'most'"),
        ({"resolution": 0}, 'resolution must be at least 1, or "regime"; got 0'),
        ({"resolution": "all"}, "resolution must be a whole number or \"regime\"; got 'all'"),
    ],
)
def test_a_wrong_fidelity_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Fidelity(**changes)
    assert str(caught.value) == message


def test_the_edges_of_what_is_allowed_are_allowed() -> None:
    Recipe(
        warmup_fraction=0,
        momentum=0,
        nesterov=False,
        weight_decay=0,
        norm_weight_decay=0,
        batch_size=2,
        label_smoothing=0,
    )
    Fidelity(epochs=1, images=2, resolution=1)


def test_recipes_and_fidelities_are_frozen_and_changed_by_replace() -> None:
    recipe = Recipe()
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.learning_rate = 1.0  # type: ignore[misc]
    with pytest.raises(SettingsError):
        dataclasses.replace(recipe, learning_rate=-1)
    assert dataclasses.replace(recipe, learning_rate=1) == Recipe(learning_rate=1.0)


# Files


def test_a_recipe_is_read_from_a_file_and_keeps_the_defaults_of_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('learning_rate = 1\naugmentation = "flip"\nnesterov = false\nmomentum = 0')
    expected = Recipe(learning_rate=1.0, augmentation="flip", nesterov=False, momentum=0.0)
    assert load_recipe(path) == expected
    assert load_recipe(str(path)) == expected


def test_a_fidelity_is_read_from_a_file_and_keeps_the_defaults_of_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "fidelity.toml"
    path.write_text("epochs = 3\nimages = 500\nresolution = 16")
    assert load_fidelity(path) == Fidelity(epochs=3, images=500, resolution=16)
    path.write_text('images = "all"')
    assert load_fidelity(str(path)) == Fidelity()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rat = 1", 'recipe.toml: unknown key "learning_rat"; did you mean "learning_rate"?'),
        ("batch_size = 1", "recipe.toml: batch_size must be at least 2, for batch norm; got 1"),
        ('learning_rate = "1"', "recipe.toml: learning_rate must be a number; got '1'"),
    ],
)
def test_a_wrong_file_is_refused_by_its_name_and_its_fault(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_recipe(path)
    assert str(caught.value) == message


def test_a_missing_file_is_refused_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "missing.toml"
    for load in (load_recipe, load_fidelity):
        with pytest.raises(SettingsError) as caught:
            load(path)
        assert str(caught.value) == f"{path}: must be a readable TOML file; No such file or directory"


# Results


def test_a_failure_has_a_reason_on_one_line_and_no_error() -> None:
    failed = TrialResult.failed("out of\n  memory:\tneeded more ", device="a card", lost=("it", "again"))
    assert (failed.state, failed.reason) == ("failed", "out of memory: needed more")
    assert (failed.device, failed.retries) == ("a card", 2)
    assert math.isnan(failed.error)
    assert math.isnan(failed.test_error)
    assert failed.curve == ()


def test_a_result_that_says_no_more_than_it_must_claims_nothing() -> None:
    result = TrialResult(state="complete", error=12.5, curve=(CurvePoint(epoch=1, loss=0.5, error=12.5),))
    assert math.isnan(result.test_error)
    assert math.isnan(result.seconds)
    assert (result.peak_memory_bytes, result.retries, result.reason, result.provenance) == (0, 0, "", {})
    result.provenance["host"] = "here"
    assert TrialResult(state="complete").provenance == {}
