"""Regimes: for which images a space is meant, written out as numbers.

A regime owns input shape, classes, stem, strides, complexity band, recipe and fidelity. A space owns everything else.
Stem and strides are those of AnyNets; other families have their own.
"""

import dataclasses
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


def load_regime(name: str) -> Regime:
    """Return a regime by name.

    Raises:
        SettingsError: No such regime.
    """
    if name not in REGIMES:
        raise SettingsError(f'unknown regime "{name}"{did_you_mean(name, REGIMES)}')
    return REGIMES[name]


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
