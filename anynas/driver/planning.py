"""What a search and a study have in common before anything is trained: data, settings, identity, time."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from anynas.architecture import Architecture
from anynas.data import DataSet, load_data
from anynas.designspace import Bounds, DesignSpace
from anynas.driver.jobs import Setting
from anynas.errors import DataError
from anynas.settings import require
from anynas.training.timing import seconds_of
from anynas.training.worker import Worker
from anynas.trials import Fidelity, Recipe, Trial

PROBES = 4  # draws that are timed for an estimate
IMAGES = (  # what a regime says of images and AnyNets' stems; a space may have a regime of its own
    *("input_shape", "num_classes", "stem_width", "stem_kernel", "stem_stride", "stage_stride"),
)


def data_for(space: DesignSpace, name: str | None) -> DataSet:
    """Return the data set of this name, or the regime's own if None.

    Raises:
        DataError: The regime has none, or the data do not suit its networks.
    """
    regime = space.regime
    if not (name or regime.data):
        raise DataError(
            f"regime {regime.name} has no data set of its own; pass --data with one of {regime.input_shape[0]} "
            f"channels and {regime.num_classes} classes (synthetic has any)"
        )
    return load_data(name or regime.data, input_shape=regime.input_shape, num_classes=regime.num_classes)


def make_setting(space: DesignSpace, *, recipe: Recipe, fidelity: Fidelity, data: DataSet, seed: int) -> Setting:
    """Return what trials share, checked against the data.

    Raises:
        SettingsError: There are fewer training images than are asked for, or fewer than a batch.
    """
    num_images = len(data.train) if fidelity.images == "all" else fidelity.images
    require(
        recipe.batch_size <= num_images <= len(data.train),
        f"images must be at least one batch ({recipe.batch_size}) and at most the data set's {len(data.train)}; "
        f"got {num_images}",
    )
    return Setting(space=space, recipe=recipe, fidelity=fidelity, num_images=num_images, seed=seed)


def asked(setting: Setting, bounds: Bounds, sampler: str) -> dict[str, Any]:
    """Return what a population or search asks, JSON-ready: what may not change in a run's folder."""
    space = setting.space
    return {
        "space": {"name": space.name, "digest": space.digest},
        "regime": space.regime.name,
        "images": {name: list(v) if isinstance(v := getattr(space.regime, name), tuple) else v for name in IMAGES},
        "recipe": dataclasses.asdict(setting.recipe),
        "fidelity": dataclasses.asdict(setting.fidelity),
        "seed": setting.seed,
        "sampler": sampler,
        "bounds": {name: given and [str(end) for end in given] for name, given in dataclasses.asdict(bounds).items()},
    }


def digest_of(identity: dict[str, Any]) -> str:
    """Return eight hexadecimal digits that name a run's folder."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]


def seconds_per_trial(setting: Setting, draws: Iterable[Architecture], worker: Worker) -> float:
    """Return about how long one trial takes on this machine: the mean over some draws, from a few steps of each."""
    trials = [
        Trial(number=0, architecture=draw, recipe=setting.recipe, fidelity=setting.fidelity, seed=0) for draw in draws
    ]
    return float(np.mean([seconds_of(trial, worker) for trial in trials]))
