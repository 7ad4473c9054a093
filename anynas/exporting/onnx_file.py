"""A network as ONNX, with batches of any size; written by torch's exporter and held against onnxruntime."""

import contextlib
import importlib
import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from anynas.errors import ExportError
from anynas.exporting.card import Card

TOLERANCE = 1e-4  # of a logit, absolute, and relative to the largest where that is above 1
INSTALL = "install anynas with its extra: pip install anynas[export]"


def write_onnx(card: Card, network: nn.Module, path: Path, images: Tensor) -> None:
    """Write the network as one file, input "images" and output "logits", and check it.

    Args:
        card: Told in the file.
        network: Ready to be evaluated, on the CPU.
        path: Where to.
        images: (N, C, H, W), to check it with.

    Raises:
        ExportError: A library is missing, or onnxruntime's logits differ from torch's.
    """
    onnx = needed("onnx", "onnxscript", "onnxruntime")[0]
    said = io.StringIO()  # the exporter prints how it goes
    with warnings.catch_warnings(), contextlib.redirect_stdout(said):
        warnings.simplefilter("ignore")  # of the exporter's own parts
        program = torch.onnx.export(
            network,
            (images,),
            dynamo=True,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    model.producer_name, model.doc_string = (
        "anynas",
        f"{card.architecture.family} {card.architecture.key}; {card.weights}",
    )
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    session = session_of(path)
    for batch in (images, images[:1]):
        with torch.no_grad():
            expected = network(batch)
        (logits,) = session.run(["logits"], {"images": batch.numpy()})
        difference = (torch.from_numpy(logits) - expected).abs().max().item()
        if not difference <= TOLERANCE * max(expected.abs().max().item(), 1.0):
            raise ExportError(f"ONNX must give the network's logits within {TOLERANCE:g}; it differs by {difference:g}")


def session_of(path: Path) -> Any:
    """Return onnxruntime's session of a file, on the CPU.

    Raises:
        ExportError: onnxruntime is missing, or the file is damaged.
    """
    (onnxruntime,) = needed("onnxruntime")
    try:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # its own kinds, which differ from version to version
        raise ExportError(f"{path}: must be an ONNX file; {' '.join(str(error).split())}") from None


def needed(*libraries: str) -> list[Any]:
    """Return libraries as modules, or raise ExportError with those that are missing."""
    found, missing = [], []
    for library in libraries:
        try:
            found.append(importlib.import_module(library))
        except ImportError:
            missing.append(library)
    if missing:
        raise ExportError(f"format onnx must have {' and '.join(missing)}; not found; {INSTALL}")
    return found
