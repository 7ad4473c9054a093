"""What a search and a study have in common before anything is trained: data, settings, identity, time."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from anynas.architecture import Architecture
from anynas.data import DataSet
from anynas.designspace import Bounds, DesignSpace
from anynas.driver.jobs import Setting
from anynas.regimes import REGIMES, Regime, regime_to_dict
from anynas.settings import require
from anynas.training.timing import seconds_of
from anynas.training.worker import Worker
from anynas.trials import Fidelity, Recipe, Trial

PROBES = 4  # draws that are timed for an estimate
IMAGES = (  # what a regime says of images and AnyNets' stems; a space may have a regime of its own
    *("input_shape", "num_classes", "stem_width", "stem_kernel", "stem_stride", "stage_stride"),
)


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
        "bounds": bounds_of(bounds),
    }


def bounds_of(bounds: Bounds) -> dict[str, Any]:
    """Return bounds, JSON-ready."""
    return {name: given and [str(end) for end in given] for name, given in dataclasses.asdict(bounds).items()}


def named_by(identity: dict[str, Any], data: DataSet, regimes: Mapping[str, Regime]) -> dict[str, Any]:
    """Return by what a run's own folder is named if the user names none.

    Of a user's pictures that is where they are, not what they show, nor what follows from that: so the same command
    comes to the same folder when they have changed, and is refused there.

    Args:
        identity: What the run asks.
        data: What it trains on.
        regimes: By population; of a search under the name "".
    """
    if data.pictures is None:
        return identity

    def stated(part: dict[str, Any], regime: Regime) -> dict[str, Any]:
        side = regime.input_shape[1]
        follows: dict[str, list[Any]] = {
            "images": [part.get("images")],
            "regime": [regime.name],
            "recipe": [dataclasses.asdict(regime.recipe)],
            "fidelity": [
                dataclasses.asdict(dataclasses.replace(regime.fidelity, resolution=each))
                for each in (regime.fidelity.resolution, side)
            ],
            "bounds": [bounds_of(Bounds(flops=regime.flops))],
        }
        return {name: value for name, value in part.items() if value not in follows.get(name, [])}

    named = {name: value for name, value in identity.items() if name != "pictures"}
    if "populations" in named:
        named["populations"] = {name: stated(part, regimes[name]) for name, part in named["populations"].items()}
    else:
        named = stated(named, regimes[""])
    return {**named, "data": data.path}


def kept_with(data: DataSet, regimes: Iterable[Regime]) -> dict[str, Any]:
    """Return what a run's folder keeps beside what identifies it, JSON-ready: where its data are, and their regimes.

    Nothing where their names say all.
    """
    others = {regime.name: regime_to_dict(regime) for regime in regimes if REGIMES.get(regime.name) != regime}
    kept: dict[str, Any] = {"regimes": others} if others else {}
    if data.path:
        kept["data"] = {"source": data.path, "class_names": list(data.class_names)}
    return kept


def digest_of(identity: dict[str, Any]) -> str:
    """Return eight hexadecimal digits that name a run's folder."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]


def seconds_per_trial(setting: Setting, draws: Iterable[Architecture], worker: Worker) -> float:
    """Return about how long one trial takes on this machine: the mean over some draws, from a few steps of each."""
    trials = [
        Trial(number=0, architecture=draw, recipe=setting.recipe, fidelity=setting.fidelity, seed=0) for draw in draws
    ]
    return float(np.mean([seconds_of(trial, worker) for trial in trials]))
