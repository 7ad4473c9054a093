"""What a network's user must know beside its weights: images, classes, normalisation, where the weights come from."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from anynas import __version__
from anynas.architecture import Architecture
from anynas.errors import AnynasError, RunError
from anynas.layers import Shape
from anynas.training.trained import Trained

SCHEMA = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How weights were trained, and what came of it."""

    data: str
    epochs: int
    images: int  # training images
    seed: int
    validation_error: float  # percent
    test_error: float  # percent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One network and its images."""

    architecture: Architecture
    input_shape: Shape  # (C, H, W)
    num_classes: int
    class_names: tuple[str, ...] = ()  # empty where they have none
    mean: tuple[float, ...] = ()  # of training pixels in [0, 255], one a channel; empty where nothing was trained
    deviation: tuple[float, ...] = ()
    training: Training | None = None  # None: weights are initial
    seed: int = 0  # of the initial weights

    @classmethod
    def of(cls, trained: Trained) -> "Card":
        """Return the card of a network trained in full."""
        return cls(
            architecture=trained.architecture,
            input_shape=trained.input_shape,
            num_classes=trained.num_classes,
            class_names=trained.class_names,
            mean=trained.mean,
            deviation=trained.deviation,
            training=Training(
                data=trained.data,
                epochs=trained.fidelity.epochs,
                images=trained.num_images,
                seed=trained.seed,
                validation_error=trained.validation_error,
                test_error=trained.test_error,
            ),
            seed=trained.seed,
        )

    @property
    def weights(self) -> str:
        """Where the weights come from, one line."""
        if self.training is None:
            return f"initial, seed {self.seed}: not trained"
        made = self.training
        return f"trained on {made.data}: {made.epochs} epochs of {made.images:,} images, seed {made.seed}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "schema": SCHEMA,
            "anynas_version": __version__,
            "key": self.architecture.key,
            "architecture": self.architecture.to_dict(),
            "input_shape": list(self.input_shape),
            "num_classes": self.num_classes,
            "class_names": list(self.class_names),
            "mean": list(self.mean),
            "std": list(self.deviation),
            "training": None if self.training is None else dataclasses.asdict(self.training),
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, where: str) -> "Card":
        """Return the card that `to_dict` wrote.

        Raises:
            RunError: It is damaged or of another schema; the message begins with `where`.
        """
        if data.get("schema") != SCHEMA:
            raise RunError(f"{where}: its schema must be {SCHEMA}; got {data.get('schema')!r}")
        try:
            return cls(
                architecture=Architecture.from_dict(data["architecture"]),
                input_shape=tuple(data["input_shape"]),
                num_classes=data["num_classes"],
                class_names=tuple(data["class_names"]),
                mean=tuple(map(float, data["mean"])),
                deviation=tuple(map(float, data["std"])),
                training=None if data["training"] is None else Training(**data["training"]),
                seed=data["seed"],
            )
        except (KeyError, TypeError, ValueError, AnynasError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else error
            raise RunError(f"{where}: must be what export wrote; {reason}; export the network again") from None
