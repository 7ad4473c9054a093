"""Regimes: for which images a space is meant, written out as numbers.

A regime owns input shape, classes, stem, strides, complexity band, recipe and fidelity. A space owns everything else.
Stem and strides are those of AnyNets; other families have their own.

For a user's own pictures one follows from them (`regime_of_images`); a regime that was meant for others can be fitted
to them (`fitted`).
"""

import dataclasses
import math
import numbers
from collections.abc import Mapping
from typing import Any

from anynas.errors import SettingsError, did_you_mean
from anynas.settings import require, settings_from
from anynas.trials import Fidelity, Recipe


def _is_whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """Images, and how networks for them begin, shrink and train.

    Raises:
        SettingsError: A value is out of range.
    """

    name: str
    input_shape: tuple[int, int, int]  # (C, H, W)
    num_classes: int
    stem_width: int
    stem_stride: int
    stage_stride: int  # of each stage's first block
    flops: tuple[float, float]  # complexity band of searches and populations: multiply-adds, both ends included
    data: str  # the data set that `search` takes if none is named; empty where anynas ships none
    recipe: Recipe
    fidelity: Fidelity
    stem_kernel: int = 3

    def __post_init__(self) -> None:
        shape, flops = tuple(self.input_shape), tuple(self.flops)
        object.__setattr__(self, "input_shape", shape)
        require(
            len(shape) == 3 and all(_is_whole(size) and size >= 1 for size in shape),
            f"input_shape must be three whole numbers [channels, height, width]; got {list(shape)}",
        )
        require(
            len(flops) == 2 and all(map(_is_number, flops)) and 0 <= flops[0] <= flops[1],
            f"flops must be [low, high] with 0 <= low <= high; got {list(flops)}",
        )
        object.__setattr__(self, "flops", (float(flops[0]), float(flops[1])))
        for name, least in _LEAST.items():
            value = getattr(self, name)
            require(
                _is_whole(value) and value >= least, f"{name} must be a whole number of at least {least}; got {value!r}"
            )
        require(isinstance(self.data, str), f"data must be a data set's name; got {self.data!r}")


_LEAST = {"num_classes": 2, "stem_width": 1, "stem_stride": 1, "stem_kernel": 1, "stage_stride": 1}

REGIMES = {
    regime.name: regime
    for regime in (
        Regime(
            name="fashion",
            input_shape=(1, 28, 28),
            num_classes=10,
            stem_width=16,
            stem_stride=1,
            stage_stride=2,  # 28 -> 14, 7, 4, 2
            flops=(0.8e6, 1.2e6),
            data="fashion-mnist-mini",
            recipe=Recipe(learning_rate=0.1, batch_size=64, weight_decay=5e-4, warmup_fraction=0.3),
            fidelity=Fidelity(epochs=2, images=8_000),
        ),
        Regime(
            name="cifar",
            input_shape=(3, 32, 32),
            num_classes=10,
            stem_width=16,
            stem_stride=1,
            stage_stride=2,  # 32 -> 16, 8, 4, 2
            flops=(4e6, 6e6),
            data="",
            recipe=Recipe(
                learning_rate=0.1,
                batch_size=128,
                weight_decay=5e-4,
                warmup_fraction=0.1,
                label_smoothing=0.1,
                augmentation="crop_flip",
            ),
            fidelity=Fidelity(epochs=5),
        ),
        Regime(
            name="imagenet",
            input_shape=(3, 224, 224),
            num_classes=1000,
            stem_width=32,
            stem_stride=2,
            stage_stride=2,  # 224 -> stem 112, then 56, 28, 14, 7
            flops=(360e6, 400e6),
            data="",
            recipe=Recipe(  # arXiv 2003.13678, section 3.1
                learning_rate=0.05,
                batch_size=128,
                weight_decay=5e-5,
                norm_weight_decay=5e-5,
                warmup_fraction=0.0,
                nesterov=False,
                augmentation="crop_flip",
            ),
            fidelity=Fidelity(epochs=10),
        ),
    )
}


SIDES = (28, 32, 48, 64, 96, 128, 160, 224)  # pixels, of a user's own pictures
LARGEST_BODY = 48  # pixels that the first stage may see before the stem takes larger steps
LONGEST_STEP = 4
STEPS = 250  # of SGD, in a short trial: as many as those of the fashion regime have
SHORT_EPOCHS = 2  # at least
LARGE_SIDE = 96  # pixels from which batches are half as large, so that a step takes not much longer
MANY_IMAGES = 8_000  # of an epoch; of larger data short trials take that many, or some of each class
IMAGES_OF_A_CLASS = 100


def side_for(median: float) -> int:
    """Return the side of squares for pictures whose shorter sides have this median: none is enlarged much."""
    return max((side for side in SIDES if side <= median), default=SIDES[0])


def regime_of_images(name: str, input_shape: tuple[int, int, int], *, num_classes: int, num_images: int) -> Regime:
    """Return a regime that follows from the images: networks and trials as short as those of the fashion regime.

    The stem's stride leaves the body at most 48 pixels where it can; a stem of stride 4 has a kernel of 5, so that it
    passes over no pixel. The band is where the fashion regime's networks are if they see these images: their bodies
    cost as the area does, and the stem what it costs. So a band takes the same part of a space as that one.

    A trial takes 250 steps, with batches of an eighth of the images or less, at most 64 or of large images 32, and a
    learning rate in proportion.
    Coloured images are shifted and flipped; grey ones, which may be writing, are not.

    Args:
        name: The regime's.
        input_shape: (C, H, W).
        num_classes: At least 2.
        num_images: For training.
    """
    fashion, (channels, side, _) = REGIMES["fashion"], input_shape
    stride = next((step for step in (1, 2) if side / step <= LARGEST_BODY), LONGEST_STEP)
    kernel = 3 if stride < LONGEST_STEP else 5
    batch = batch_size_for(num_images, most=fashion.recipe.batch_size // (2 if side >= LARGE_SIDE else 1))
    per_epoch = max(MANY_IMAGES, IMAGES_OF_A_CLASS * num_classes)
    return Regime(
        name=name,
        input_shape=input_shape,
        num_classes=num_classes,
        stem_width=fashion.stem_width,
        stem_stride=stride,
        stem_kernel=kernel,
        stage_stride=fashion.stage_stride,
        flops=_band(fashion, channels=channels, body=-(-side // stride), kernel=kernel),
        data="",
        recipe=dataclasses.replace(
            fashion.recipe,
            batch_size=batch,
            learning_rate=fashion.recipe.learning_rate * batch / fashion.recipe.batch_size,
            augmentation="crop_flip" if channels > 1 else "none",
        ),
        fidelity=Fidelity(
            epochs=max(math.ceil(STEPS / max(min(num_images, per_epoch) // batch, 1)), SHORT_EPOCHS),
            images="all" if num_images <= per_epoch else per_epoch,
        ),
    )


def batch_size_for(num_images: int, *, most: int) -> int:
    """Return a power of two, or `most`: about an eighth of the images, at least 8 where there are so many."""
    wanted = max(num_images // 8, min(8, num_images), 2)
    return most if wanted >= most else 1 << (wanted.bit_length() - 1)


def fitted(regime: Regime, *, channels: int, num_classes: int, num_images: int) -> Regime:
    """Return a regime for images of other channels, classes and number; its side, band and recipe stay as they are.

    Where there are fewer images than its trials take, they take all, in as many more epochs. A batch that is larger
    than that gets smaller, and its learning rate with it.
    """
    _, height, width = regime.input_shape
    shape, recipe, fidelity = (channels, height, width), regime.recipe, regime.fidelity
    name = regime.name
    if (shape, num_classes) != (regime.input_shape, regime.num_classes):
        name = f"{regime.name}-{channels}x{height}x{width}"
    if recipe.batch_size > num_images:
        batch = batch_size_for(num_images, most=recipe.batch_size)
        rate = recipe.learning_rate * batch / recipe.batch_size
        recipe = dataclasses.replace(recipe, batch_size=batch, learning_rate=rate)
    if fidelity.images != "all" and fidelity.images > num_images:
        epochs = math.ceil(fidelity.epochs * fidelity.images / num_images)
        fidelity = dataclasses.replace(fidelity, epochs=epochs, images="all")
    return dataclasses.replace(
        regime, name=name, input_shape=shape, num_classes=num_classes, recipe=recipe, fidelity=fidelity
    )


def _band(fashion: Regime, *, channels: int, body: int, kernel: int) -> tuple[float, float]:
    """Return where networks of the fashion regime's band are at another body, in two digits."""
    before = fashion.input_shape[1] // fashion.stem_stride
    stem_before = before**2 * fashion.stem_width * fashion.stem_kernel**2 * fashion.input_shape[0]
    stem = body**2 * fashion.stem_width * kernel**2 * channels
    low, high = (stem + (end - stem_before) * (body / before) ** 2 for end in fashion.flops)
    return float(f"{low:.2g}"), float(f"{high:.2g}")


def load_regime(name: str) -> Regime:
    """Return a regime by name.

    Raises:
        SettingsError: No such regime.
    """
    if name not in REGIMES:
        raise SettingsError(f'unknown regime "{name}"{did_you_mean(name, REGIMES)}')
    return REGIMES[name]


def regime_to_dict(regime: Regime) -> dict[str, Any]:
    """Return a regime as JSON-ready data."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(regime).items()}


def regime_from_dict(data: Mapping[str, Any]) -> Regime:
    """Return the regime that `regime_to_dict` wrote."""
    parts = {"recipe": Recipe(**data["recipe"]), "fidelity": Fidelity(**data["fidelity"])}
    return Regime(**{**data, **parts})


def regime_from(table: Mapping[str, Any], *, name: str, where: str) -> Regime:
    """Return a space's own regime.

    Args:
        table: Some of a regime's fields, recipe and fidelity as tables of theirs; `like` names the regime that has the
            others, fashion if it is left out.
        name: The new regime's.
        where: A file's name, for errors.

    Raises:
        SettingsError: A key is unknown, or a value is not valid.
    """
    given = dict(table)
    base = load_regime(given.pop("like", "fashion"))
    fields = {field.name: getattr(base, field.name) for field in dataclasses.fields(base)}
    for key, value in given.items():
        if key not in fields or key == "name":
            raise SettingsError(f'{where}: regime: unknown key "{key}"{did_you_mean(key, fields)}')
        if key in ("input_shape", "flops"):
            require(isinstance(value, list), f"{where}: regime: {key} must be a list; got {value!r}")
    for part, cls in (("recipe", Recipe), ("fidelity", Fidelity)):
        if part in given:
            require(isinstance(given[part], dict), f"{where}: regime: {part} must be a table; got {given[part]!r}")
            data = {**dataclasses.asdict(fields[part]), **given[part]}
            given[part] = settings_from(cls, data, where=f"{where}: regime: {part}")
    return settings_from(Regime, {**fields, **given, "name": name}, where=f"{where}: regime")
