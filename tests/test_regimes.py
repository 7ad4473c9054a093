"""Regimes: published values, and that each can do what it is for."""

import dataclasses
import statistics

import pytest

from anynas.architecture import anynet
from anynas.counting import complexity
from anynas.data import load_data
from anynas.designspace import load_space
from anynas.errors import SettingsError
from anynas.regimes import REGIMES, Regime, load_regime
from anynas.trials import Fidelity, Recipe

each_regime = pytest.mark.parametrize("regime", REGIMES.values(), ids=REGIMES)


def test_imagenet_is_the_papers() -> None:
    regime = load_regime("imagenet")
    assert (regime.input_shape, regime.num_classes) == ((3, 224, 224), 1000)
    assert (regime.stem_width, regime.stem_stride, regime.stem_kernel, regime.stage_stride) == (32, 2, 3, 2)
    assert regime.flops == (360e6, 400e6)
    assert regime.fidelity == Fidelity(epochs=10)
    recipe = regime.recipe
    assert (recipe.learning_rate, recipe.weight_decay, recipe.batch_size) == (0.05, 5e-5, 128)
    assert (recipe.schedule, recipe.warmup_fraction) == ("half_cosine", 0.0)


def test_fashion_is_small_grey_images_and_a_band_of_about_a_million() -> None:
    regime = load_regime("fashion")
    assert (regime.input_shape, regime.num_classes) == ((1, 28, 28), 10)
    assert (regime.stem_width, regime.stem_stride, regime.stage_stride) == (16, 1, 2)
    assert regime.flops == (0.8e6, 1.2e6)
    assert regime.fidelity.epochs == 2


def test_cifar_is_small_coloured_images() -> None:
    regime = load_regime("cifar")
    assert (regime.input_shape, regime.num_classes) == ((3, 32, 32), 10)


@each_regime
def test_a_regime_goes_by_its_name_and_is_frozen(regime: Regime) -> None:
    assert load_regime(regime.name) is regime
    assert isinstance(regime.recipe, Recipe)
    with pytest.raises(dataclasses.FrozenInstanceError):
        regime.stem_width = 8  # type: ignore[misc]


@each_regime
def test_the_last_of_four_stages_still_sees_an_image_of_two_by_two_or_more(regime: Regime) -> None:
    size = regime.input_shape[1]
    for stride in (regime.stem_stride, *(regime.stage_stride,) * 4):
        size = -(-size // stride)
    assert size >= 2
    deepest = anynet(
        depths=[1] * 4,
        widths=[8] * 4,
        bottleneck_ratios=[1] * 4,
        group_widths=[1] * 4,
        stem_width=regime.stem_width,
        stem_stride=regime.stem_stride,
        strides=[regime.stage_stride] * 4,
    )
    counted = complexity(deepest, input_shape=regime.input_shape, num_classes=regime.num_classes)
    assert counted.flops < regime.flops[0]  # the band is above the smallest network


@each_regime
@pytest.mark.parametrize("name", ["AnyNetA", "AnyNetE"])
def test_every_space_has_networks_throughout_the_band(regime: Regime, name: str) -> None:
    low, high = regime.flops
    space = load_space(name, regime=regime.name)
    flops = [
        complexity(a, input_shape=regime.input_shape, num_classes=regime.num_classes).flops
        for a in space.sample(30, seed=0, flops=regime.flops)
    ]
    assert low <= min(flops) < low + 0.25 * (high - low)
    assert high >= max(flops) > high - 0.25 * (high - low)
    assert low + 0.3 * (high - low) < statistics.mean(flops) < low + 0.7 * (high - low)


@each_regime
def test_the_data_that_a_regime_names_suit_its_networks(regime: Regime) -> None:
    if regime.data:
        data = load_data(regime.data, input_shape=regime.input_shape, num_classes=regime.num_classes)
        assert data.image_shape == regime.input_shape
        assert regime.recipe.batch_size <= len(data.train)
    else:
        assert regime.name in ("cifar", "imagenet")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fashon", 'unknown regime "fashon"; did you mean "fashion"?'),
        ("ImageNet", 'unknown regime "ImageNet"; did you mean "imagenet"?'),
        ("zzz", 'unknown regime "zzz"; known: cifar, fashion, imagenet'),
    ],
)
def test_an_unknown_regime_is_refused_with_the_nearest_ones(name: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_regime(name)
    assert str(caught.value) == message
