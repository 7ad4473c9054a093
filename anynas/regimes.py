"""Regimes: for which images a space is meant, written out as numbers.

A regime owns input shape, classes, stem, strides, complexity band, recipe and fidelity. A space owns everything else.
"""

import dataclasses

from anynas.errors import SettingsError, did_you_mean
from anynas.trials import Fidelity, Recipe


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """Images, and how networks for them begin, shrink and train."""

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
