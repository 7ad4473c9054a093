"""Image files classified by a network from its folder: decoded, resized and normalised as its training images were."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from anynas.data.images import read_image, resized
from anynas.errors import RunError
from anynas.exporting.card import Card
from anynas.exporting.export import CARD, MODEL, python_keys
from anynas.exporting.onnx_file import session_of
from anynas.exporting.torchvision_file import torchvision_keys
from anynas.folder import read_json
from anynas.networks import build
from anynas.training.trained import CHECKPOINT, RECORD, WEIGHTS, load_trained
from anynas.training.weights import read_tensors

KEYS: dict[str, Callable[[Card], list[str]]] = {"python": python_keys, "torchvision": torchvision_keys}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A class and how sure the network is of it."""

    number: int
    name: str  # the class's number where it has no name
    probability: float


@dataclasses.dataclass(frozen=True, slots=True)
class Predictor:
    """A trained network that classifies image files."""

    card: Card
    logits: Callable[[Tensor], Tensor]  # of normalised images (N, C, H, W)

    def predict(self, image: str | Path, *, most: int = 3) -> list[Prediction]:
        """Return the most probable classes of an image file, the first one first.

        Raises:
            DataError: The file is missing, or no image.
        """
        mean, deviation = (torch.tensor(values).view(-1, 1, 1) for values in (self.card.mean, self.card.deviation))
        pixels = resized(read_image(Path(image), self.card.input_shape[0]), self.card.input_shape[1])
        with torch.no_grad():
            probabilities = self.logits((pixels.float() - mean) / deviation)[0].softmax(dim=0)
        values, numbers = probabilities.topk(min(most, self.card.num_classes))
        names = self.card.class_names or tuple(map(str, range(self.card.num_classes)))
        return [
            Prediction(number=number, name=names[number], probability=value)
            for number, value in zip(numbers.tolist(), values.tolist(), strict=True)
        ]


def load_predictor(folder: str | Path) -> Predictor:
    """Return the network in a folder that `train_fully` or `export` left; no code in the folder is run.

    Raises:
        RunError: The folder holds no trained network, or what it holds is damaged.
        ExportError: It is ONNX, and onnxruntime is missing.
    """
    path = Path(folder)
    if (path / RECORD).exists() or (path / CHECKPOINT).exists():
        trained = load_trained(path)
        return _checked(path, Predictor(Card.of(trained), trained.network()))
    if not (path / CARD).is_file():
        raise RunError(
            f"{folder}: must be the folder of a trained or exported network; it has neither {RECORD} nor {CARD}"
        )
    fields = read_json(path / CARD)
    card, form = Card.from_dict(fields, where=str(path / CARD)), fields.get("format")
    if form == "onnx":
        session = session_of(path / MODEL)

        def logits(images: Tensor) -> Tensor:
            return torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])

        return _checked(path, Predictor(card, logits))
    network = build(card.architecture, input_shape=card.input_shape, num_classes=card.num_classes)
    names = list(network.state_dict())
    tensors, _ = read_tensors(path / WEIGHTS)
    theirs = KEYS[form](card) if form in KEYS else names
    try:
        network.load_state_dict({name: tensors[other] for name, other in zip(names, theirs, strict=True)})
    except (KeyError, RuntimeError):
        raise RunError(
            f"{path / WEIGHTS}: must hold the state of {card.architecture.family} {card.architecture.key}; its tensors "
            "are others; export the network again"
        ) from None
    return _checked(path, Predictor(card, network.eval()))


def _checked(path: Path, predictor: Predictor) -> Predictor:
    if not predictor.card.mean:
        raise RunError(
            f"{path}: must hold a trained network; its weights are initial; train it (anynas train) and export it again"
        )
    return predictor
