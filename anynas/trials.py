"""What is trained, how, and what came of it: Recipe, Fidelity, Trial, TrialResult, Paused, Lost. Data alone.

`training` does the work.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from anynas.architecture import Architecture
from anynas.settings import check_types, read_toml, require, settings_from


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is trained, whatever the network.

    Raises:
        SettingsError: A value is out of range.
    """

    optimizer: Literal["sgd"] = "sgd"
    learning_rate: float = 0.1  # at its peak
    schedule: Literal["half_cosine", "constant"] = "half_cosine"  # half_cosine: 0 one step behind the last
    warmup_fraction: float = 0.1  # of all steps, over which the rate rises linearly to its peak
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    norm_weight_decay: float = 0.0  # for batch norm's scale and shift
    batch_size: int = 64
    label_smoothing: float = 0.0
    augmentation: Literal["none", "flip", "crop_flip"] = "none"  # crop: shifts by up to 1/8 of the side
    initialisation: Literal["family", "fan_in_normal", "fan_out_normal", "xavier_uniform"] = "family"  # as layers say

    def __post_init__(self) -> None:
        check_types(self)
        require(self.learning_rate > 0, f"learning_rate must be above 0; got {self.learning_rate:g}")
        require(0 <= self.warmup_fraction < 1, f"warmup_fraction must lie in [0, 1); got {self.warmup_fraction:g}")
        require(0 <= self.momentum < 1, f"momentum must lie in [0, 1); got {self.momentum:g}")
        require(not self.nesterov or self.momentum > 0, "nesterov needs a momentum above 0; got momentum 0")
        require(self.weight_decay >= 0, f"weight_decay must be at least 0; got {self.weight_decay:g}")
        require(
            self.norm_weight_decay >= 0,
            f"norm_weight_decay must be at least 0; got {self.norm_weight_decay:g}",
        )
        require(self.batch_size >= 2, f"batch_size must be at least 2, for batch norm; got {self.batch_size}")
        require(0 <= self.label_smoothing < 1, f"label_smoothing must lie in [0, 1); got {self.label_smoothing:g}")

    def learning_rate_at(self, step: int, num_steps: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        warmup = self.warmup_fraction * num_steps
        rise = min(1.0, (step + 1) / (warmup + 1))
        fall = 0.5 * (1 + math.cos(math.pi * step / num_steps)) if self.schedule == "half_cosine" else 1.0
        return self.learning_rate * rise * fall


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """What one trial spends.

    Raises:
        SettingsError: A value is out of range.
    """

    epochs: int = 2
    images: int | Literal["all"] = "all"  # training images: the first so many of the data set's
    resolution: int | Literal["regime"] = "regime"  # side to which images are resized

    def __post_init__(self) -> None:
        check_types(self)
        require(self.epochs >= 1, f"epochs must be at least 1; got {self.epochs}")
        require(
            self.images == "all" or self.images >= 2,
            f'images must be at least 2, or "all"; got {self.images}',
        )
        require(
            self.resolution == "regime" or self.resolution >= 1,
            f'resolution must be at least 1, or "regime"; got {self.resolution}',
        )


def load_recipe(path: str | Path) -> Recipe:
    """Return the recipe in a TOML file whose keys are Recipe's fields; absent ones keep their default.

    Raises:
        SettingsError: The file is missing, is not TOML, or has an unknown key or an invalid value.
    """
    return settings_from(Recipe, read_toml(Path(path)), where=Path(path).name)


def load_fidelity(path: str | Path) -> Fidelity:
    """Return the fidelity in a TOML file whose keys are Fidelity's fields; absent ones keep their default.

    Raises:
        SettingsError: The file is missing, is not TOML, or has an unknown key or an invalid value.
    """
    return settings_from(Fidelity, read_toml(Path(path)), where=Path(path).name)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One architecture, trained once at one fidelity with one seed."""

    number: int
    architecture: Architecture
    recipe: Recipe
    fidelity: Fidelity
    seed: int  # fixes everything that the trial draws
    test: bool = False  # whether the test error is computed too: for winners
    stop: int | None = None  # epochs after which it pauses, fewer than the fidelity's; None: it is trained to its end
    paused: "Paused | None" = None  # where it goes on; None: at its beginning


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """The network after an epoch."""

    epoch: int  # from 1
    loss: float  # mean training loss over the epoch
    error: float  # validation, percent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What came of a trial. A network that diverged is complete, with the error of chance; a failure has no error."""

    state: Literal["complete", "pruned", "failed"]
    error: float = math.nan  # top-1, validation, percent
    test_error: float = math.nan  # likewise on test images, if the trial asked for it
    curve: tuple[CurvePoint, ...] = ()
    seconds: float = math.nan  # training and evaluation
    peak_memory_bytes: int = 0  # of the device, or of the worker's process on a CPU
    device: str = ""
    reason: str = ""  # "diverged", or what made it fail
    lost: tuple[str, ...] = ()  # why earlier tries came to nothing, in their order
    provenance: dict[str, str] = dataclasses.field(default_factory=dict)  # versions, where it ran

    @property
    def retries(self) -> int:
        """How often it was tried before."""
        return len(self.lost)

    @classmethod
    def failed(cls, reason: str, **fields: Any) -> "TrialResult":
        """Return a failure with its reason, one line."""
        return cls(state="failed", reason=" ".join(reason.split()), **fields)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paused:
    """A trial that stopped after one of its epochs, and all that it needs to go on, wherever that is.

    On a CPU a trial that goes on ends with the bits of one that never stopped.
    """

    result: TrialResult  # up to there: state "pruned", the whole curve, costs since it last went on
    arrays: tuple[np.ndarray[Any, Any], ...]  # weights, moments, momentum, random states: in the engine's order

    @property
    def num_bytes(self) -> int:
        """Size of the arrays."""
        return sum(array.nbytes for array in self.arrays)


@dataclasses.dataclass(frozen=True, slots=True)
class Lost:
    """A try that came to nothing: its worker died, or memory or time ran out.

    Whether there is another one is the driver's choice.
    """

    reason: str
    alone: bool = False  # memory ran out: another try is to have its device to itself


def counted(reasons: Iterable[str]) -> str:
    """Return reasons as one line, each once, with how often it came where that is more than once."""
    return "; ".join(reason + (f", {n} times" if n > 1 else "") for reason, n in Counter(reasons).items())
