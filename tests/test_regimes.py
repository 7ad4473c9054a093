"""Regimes: published values, and that each can do what it is for."""

import dataclasses
import json
import statistics

import pytest

from anynas.architecture import anynet
from anynas.counting import complexity
from anynas.data import load_data
from anynas.designspace import Bounds, load_space
from anynas.errors import SettingsError
from anynas.regimes import (
    REGIMES,
    SIDES,
    STEPS,
    Regime,
    batch_size_for,
    fitted,
    load_regime,
    regime_from_dict,
    regime_of_images,
    regime_to_dict,
    side_for,
)
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


# Regimes that follow from a user's own pictures


@pytest.mark.parametrize(
    ("median", "side"), [(8, 28), (28, 28), (31.5, 28), (32, 32), (64, 64), (95, 64), (130, 128), (3000, 224)]
)
def test_the_side_is_the_largest_of_a_short_list_that_enlarges_few_pictures(median: float, side: int) -> None:
    assert side_for(median) == side


def of_pictures(side: int, channels: int = 3, num_images: int = 2_100, num_classes: int = 5) -> Regime:
    return regime_of_images(f"pictures-{side}", (channels, side, side), num_classes=num_classes, num_images=num_images)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", SIDES)
def test_a_band_takes_the_same_part_of_a_space_as_the_fashion_regimes(side: int, channels: int) -> None:
    regime, fashion = of_pictures(side, channels), load_regime("fashion")
    body = -(-side // regime.stem_stride)
    assert 28 <= body <= 56
    assert regime.stem_kernel >= regime.stem_stride  # no pixel is passed over
    for name in ("AnyNetA", "AnyNetD"):
        shares = []
        for each in (fashion, regime):
            space = load_space(name, regime=each)
            points = next(space.random_points(0))
            shares.append(space.inside(points, Bounds(flops=each.flops)).mean())
        assert 0.6 * shares[0] < shares[1] < 1.6 * shares[0]


def test_small_grey_pictures_have_the_fashion_regimes_networks_and_recipe() -> None:
    regime, fashion = of_pictures(28, channels=1, num_images=50_000, num_classes=10), load_regime("fashion")
    changed = {"name": "pictures-28", "data": ""}
    assert regime == dataclasses.replace(fashion, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize("num_images", [2, 3, 6, 10, 30, 210, 1_000, 2_100, 7_999, 8_000, 50_000, 10**6])
@pytest.mark.parametrize("side", [64, 128])
def test_a_short_trial_takes_as_many_steps_however_many_pictures_there_are(num_images: int, side: int) -> None:
    regime = of_pictures(side, num_images=num_images)
    batch, fidelity = regime.recipe.batch_size, regime.fidelity
    images = num_images if fidelity.images == "all" else fidelity.images
    assert 2 <= batch <= num_images
    assert images <= num_images
    steps = fidelity.epochs * (images // batch)
    assert STEPS <= steps <= 2 * STEPS + images // batch
    assert regime.recipe.learning_rate == pytest.approx(0.1 * batch / 64)


def test_coloured_pictures_are_shifted_and_flipped_and_grey_ones_are_not() -> None:
    assert of_pictures(64, 3).recipe.augmentation == "crop_flip"
    assert of_pictures(64, 1).recipe.augmentation == "none"


def test_short_trials_of_many_classes_see_some_of_each() -> None:
    assert of_pictures(64, num_images=100_000, num_classes=500).fidelity.images == 50_000


def test_a_fitted_regime_keeps_side_band_and_recipe() -> None:
    imagenet = load_regime("imagenet")
    regime = fitted(imagenet, channels=1, num_classes=3, num_images=5_000)
    assert (regime.name, regime.input_shape, regime.num_classes) == ("imagenet-1x224x224", (1, 224, 224), 3)
    assert (regime.flops, regime.recipe, regime.fidelity) == (imagenet.flops, imagenet.recipe, imagenet.fidelity)
    assert fitted(imagenet, channels=3, num_classes=1000, num_images=10**6) == imagenet


def test_where_there_are_few_images_a_fitted_regime_takes_all_of_them_more_often() -> None:
    lenet = load_space("LeNet").regime  # 4 epochs of 8,000 images
    regime = fitted(lenet, channels=3, num_classes=3, num_images=210)
    assert regime.fidelity == Fidelity(epochs=153)
    assert regime.recipe == lenet.recipe
    few = fitted(lenet, channels=3, num_classes=3, num_images=20)
    assert few.recipe.batch_size == 8
    assert few.recipe.learning_rate == pytest.approx(lenet.recipe.learning_rate * 8 / lenet.recipe.batch_size)


def test_a_batch_is_no_larger_than_the_images_and_a_power_of_two() -> None:
    assert [batch_size_for(n, most=64) for n in (2, 3, 7, 8, 100, 210, 512, 9_999)] == [2, 2, 4, 8, 8, 16, 64, 64]


@each_regime
def test_a_regime_is_what_its_dictionary_tells(regime: Regime) -> None:
    assert regime_from_dict(json.loads(json.dumps(regime_to_dict(regime)))) == regime
