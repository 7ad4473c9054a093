"""Write a network for use elsewhere: as one Python file, as state for `anynas.build`, as ONNX, as torchvision's RegNet.

Each form is a folder, which appears when all of it is written and checked; network.json in it says what the network is.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from anynas.architecture import Architecture, images_of, load_architecture, named_architectures
from anynas.counting import image_shape
from anynas.designspace.loading import own_regime
from anynas.errors import ExportError, SettingsError, did_you_mean
from anynas.exporting.card import Card
from anynas.exporting.onnx_file import write_onnx
from anynas.exporting.python_file import python_source
from anynas.exporting.torchvision_file import torchvision_keys, torchvision_source
from anynas.folder import write_json
from anynas.layers import Shape
from anynas.networks import build
from anynas.store import Run, load_run
from anynas.training.devices import forked_random_state
from anynas.training.trained import ARCHITECTURE, CHECKPOINT, RECORD, WEIGHTS, Trained, load_trained
from anynas.training.weights import write_tensors

CARD, SOURCE, MODEL = "network.json", "network.py", "model.onnx"
WINNER = "winner"  # a run's folder with its winner, trained in full
CHECKED_IMAGES = 2


def export(
    network: "Architecture | Run | Trained | str | Path",
    path: str | Path,
    *,
    format: str = "python",
    input_shape: Shape | None = None,
    num_classes: int | None = None,
    seed: int = 0,
) -> Path:
    """Write a network into a new folder.

    A network that was not trained has initial weights; what is written says so.

    Args:
        network: What `train_fully` left, or its folder; a search's run or folder: its winner, with the weights of
            RUN/winner if `train_fully` left some there; an architecture, its name or JSON file.
        path: The folder.
        format: "python": network.py, which needs torch alone, and its weights; "torch": the state of the module that
            `build` returns, and the architecture; "onnx": model.onnx, checked by onnxruntime; "torchvision": network.py
            with torchvision's RegNet, and weights by its names.
        input_shape: (C, H, W), for an architecture; None takes the images it was made for.
        num_classes: Likewise.
        seed: Of initial weights.

    Returns:
        The folder.

    Raises:
        ExportError: The network has no such form, or a library that the form needs is missing.
        AnynasError: Something else is not as it must be.
    """
    if format not in FORMATS:
        raise SettingsError(f'unknown format "{format}"{did_you_mean(format, FORMATS)}')
    card, module = described(network, input_shape=input_shape, num_classes=num_classes, seed=seed)
    with _new_folder(Path(path)) as folder:
        FORMATS[format](card, module, folder)
        write_json(folder / CARD, {"format": format, **card.to_dict()})
    return Path(path)


def described(
    network: "Architecture | Run | Trained | str | Path",
    *,
    input_shape: Shape | None = None,
    num_classes: int | None = None,
    seed: int = 0,
) -> tuple[Card, nn.Module]:
    """Return a network's card, and the network, ready to be evaluated; arguments and errors are those of `export`."""
    if seed < 0:
        raise SettingsError(f"seed must be at least 0; got {seed}")
    found = _found(network)
    if isinstance(found, Trained):
        _refuse_images(input_shape, num_classes, "a trained network")
        return Card.of(found), found.network()
    if isinstance(found, Run):
        _refuse_images(input_shape, num_classes, "a run's winner")
        result, images = found.result(), found.identity["images"]
        architecture = Architecture.from_dict(result["architecture"])
        shape, classes = tuple(images["input_shape"]), images["num_classes"]
    else:
        architecture, shape, classes = found
    card = Card(
        architecture=architecture,
        input_shape=image_shape(shape if input_shape is None else input_shape),
        num_classes=classes if num_classes is None else num_classes,
        seed=seed,
    )
    with forked_random_state(torch.device("cpu")):
        torch.manual_seed(seed)
        return card, build(architecture, input_shape=card.input_shape, num_classes=card.num_classes).eval()


def python_keys(card: Card) -> list[str]:
    """Return the names that network.py gives the network's state, in the order of `build`'s."""
    with torch.device("meta"):
        return list(_from_source(python_source(card), Path(SOURCE))["Network"]().state_dict())  # type: ignore[operator]


def _found(network: "Architecture | Run | Trained | str | Path") -> "Trained | Run | tuple[Architecture, Shape, int]":
    """Return what is meant: a trained network, a run without one, or an architecture and its images."""
    if isinstance(network, Trained):
        return network
    if isinstance(network, Run):
        winner = network.path / WINNER
        return load_trained(winner) if (winner / RECORD).exists() else network
    if isinstance(network, Architecture):
        regime = own_regime(network)
        return network, regime.input_shape, regime.num_classes
    text = str(network)
    if text.lower() in named_architectures():
        return (load_architecture(text), *images_of(text))
    folder = Path(text)
    if folder.is_dir():
        is_trained = (folder / RECORD).exists() or (folder / CHECKPOINT).exists()
        return load_trained(folder) if is_trained else _found(load_run(folder))
    return _found(load_architecture(text))


def _refuse_images(input_shape: Shape | None, num_classes: int | None, whose: str) -> None:
    if input_shape is not None or num_classes is not None:
        raise SettingsError(f"input and classes must be those of {whose}, which has its own; leave them out")


def _write_python(card: Card, network: nn.Module, folder: Path) -> None:
    source = python_source(card)
    (folder / SOURCE).write_text(source, encoding="utf-8")
    written = _from_source(source, folder / SOURCE)
    state = network.state_dict()
    write_tensors(folder / WEIGHTS, dict(zip(python_keys(card), state.values(), strict=True)))
    load: Callable[[], nn.Module] = written["load"]  # type: ignore[assignment]
    images = some_images(card)
    with torch.no_grad():
        if not torch.equal(load()(images), network(images)):
            raise ExportError("network.py must give the network's logits bit for bit; it does not; please report this")


def _write_torch(card: Card, network: nn.Module, folder: Path) -> None:
    write_json(folder / ARCHITECTURE, card.architecture.to_dict())
    write_tensors(folder / WEIGHTS, network.state_dict())


def _write_torchvision(card: Card, network: nn.Module, folder: Path) -> None:
    (folder / SOURCE).write_text(torchvision_source(card), encoding="utf-8")
    write_tensors(folder / WEIGHTS, dict(zip(torchvision_keys(card), network.state_dict().values(), strict=True)))


def _write_onnx(card: Card, network: nn.Module, folder: Path) -> None:
    write_onnx(card, network, folder / MODEL, some_images(card))


FORMATS: dict[str, Callable[[Card, nn.Module, Path], None]] = {
    "python": _write_python,
    "torch": _write_torch,
    "onnx": _write_onnx,
    "torchvision": _write_torchvision,
}


def some_images(card: Card) -> Tensor:
    """Return a few images (N, C, H, W) to check a network with."""
    return torch.randn(CHECKED_IMAGES, *card.input_shape, generator=torch.Generator().manual_seed(0))


def _from_source(source: str, path: Path) -> dict[str, object]:
    """Return what a file defines that was just written here."""
    names: dict[str, object] = {"__name__": path.stem, "__file__": str(path)}
    exec(compile(source, str(path), "exec"), names)
    return names


@contextlib.contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """Fill a folder under another name, and give it its own when all is done."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ExportError(f"{path}: must be a new folder; it is there already; choose another --out")
    target = path.absolute()
    there = next(parent for parent in target.parents if parent.exists())  # others are made when all is done
    beginning = there / f".{target.name}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    try:
        beginning.mkdir()
        yield beginning
        target.parent.mkdir(parents=True, exist_ok=True)
        beginning.replace(target)
    except OSError as error:
        raise ExportError(
            f"{path}: must be a folder that can be written; {error.strerror or error}; choose another --out"
        ) from None
    finally:
        shutil.rmtree(beginning, ignore_errors=True)
