"""A network that was trained in full, as its folder keeps it; `fully` makes such folders.

runs/resnet18-1f0c2a9b/
  training.json           what was trained, how, and what came of it; written last
  weights.safetensors     the network's state, by the names that `anynas.build` gives
  architecture.json       as `load_architecture` reads it
  curve.png               drawn by the command
  checkpoint.safetensors  until training has ended: where it goes on
  training.lock           held by the process at work
"""

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from anynas.architecture import Architecture
from anynas.errors import AnynasError, RunError
from anynas.folder import read_json
from anynas.layers import Shape
from anynas.networks import build
from anynas.notebook import html_of, show_text
from anynas.training.weights import read_tensors
from anynas.trials import Fidelity, Recipe

if TYPE_CHECKING:
    import pandas as pd

RECORD, WEIGHTS, ARCHITECTURE, CHECKPOINT = (
    *("training.json", "weights.safetensors", "architecture.json", "checkpoint.safetensors"),
)
SCHEMA = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A network trained in full, and how it came about."""

    path: Path  # its folder
    architecture: Architecture
    input_shape: Shape  # (C, H, W)
    num_classes: int
    class_names: tuple[str, ...]  # empty where they have none
    mean: tuple[float, ...]  # of training pixels in [0, 255], one a channel: images are normalised with it
    deviation: tuple[float, ...]
    data: str  # the data set's name
    recipe: Recipe
    fidelity: Fidelity
    num_images: int  # training images
    seed: int
    validation_error: float  # percent, of the network as `network` returns it, in float32
    test_error: float  # likewise on test images
    record: dict[str, Any]  # all of training.json

    def _repr_html_(self) -> str:
        return html_of(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        show_text(self, printer)

    def network(self) -> nn.Module:
        """Return the network with its weights, on the CPU, ready to be evaluated.

        Raises:
            RunError: Its weights are missing or damaged, or another network's.
        """
        return with_weights(self, read_tensors(self.path / WEIGHTS)[0], self.path / WEIGHTS)

    def curve(self) -> "pd.DataFrame":
        """Return epoch, loss (mean training loss) and error (validation, percent): one row an epoch."""
        import pandas as pd

        return pd.DataFrame(self.record["curve"], columns=["epoch", "loss", "error"])


def load_trained(path: str | Path) -> Trained:
    """Return the network that was trained in full in a folder.

    Raises:
        RunError: There is none, its training has not ended, or its record is damaged or of another schema.
    """
    folder = Path(path).absolute()
    if not (folder / RECORD).is_file():
        if (folder / CHECKPOINT).is_file():
            raise RunError(f"{path}: its training must have ended; it has not; run the same command again to go on")
        raise RunError(f"{path}: must be a trained network's folder, with {RECORD} in it; there is none")
    record = read_json(folder / RECORD)
    if record.get("schema") != SCHEMA:
        raise RunError(f"{path}: its schema must be {SCHEMA}; got {record.get('schema')!r}")
    try:
        asked = record["identity"]
        return Trained(
            path=folder,
            architecture=Architecture.from_dict(asked["architecture"]),
            input_shape=tuple(asked["input_shape"]),
            num_classes=asked["num_classes"],
            class_names=tuple(record["class_names"]),
            mean=tuple(map(float, record["mean"])),
            deviation=tuple(map(float, record["std"])),
            data=asked["data"],
            recipe=Recipe(**asked["recipe"]),
            fidelity=Fidelity(**asked["fidelity"]),
            num_images=record["images"],
            seed=asked["seed"],
            validation_error=_number(record["validation_error"]),
            test_error=_number(record["test_error"]),
            record=record,
        )
    except (KeyError, TypeError, ValueError, AnynasError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise RunError(f"{folder / RECORD}: must be what training wrote; {reason}; restore it from a copy") from None


def with_weights(trained: Trained, state: dict[str, Tensor], source: Path) -> nn.Module:
    """Return a trained network with this state; errors name its source."""
    network = build(trained.architecture, input_shape=trained.input_shape, num_classes=trained.num_classes)
    try:
        network.load_state_dict(state)
    except RuntimeError:
        raise RunError(
            f"{source}: must hold the state of {trained.architecture.family} {trained.architecture.key}; its tensors "
            "are others; restore it from a copy"
        ) from None
    return network.eval()


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"an error must be a number; got {value!r}")
    return float(value)
