"""A paused training in a file: its arrays as they are, its result and what it trains as JSON beside them.

One file, so that arrays and JSON are always of the same epoch.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from anynas.errors import RunError
from anynas.training.weights import read_tensors, write_tensors
from anynas.trials import CurvePoint, Paused, TrialResult

SCHEMA = 1


def write_checkpoint(path: Path, paused: Paused, identity: Mapping[str, Any]) -> None:
    """Replace the checkpoint by a later one.

    Args:
        path: Its file.
        paused: The training.
        identity: What is trained, JSON-ready.
    """
    fields = dataclasses.asdict(paused.result)
    numbers = {name: value for name, value in fields.items() if not (isinstance(value, float) and math.isnan(value))}
    about = {"schema": SCHEMA, "identity": dict(identity), "result": numbers}
    arrays = {f"{place:05d}": torch.from_numpy(array) for place, array in enumerate(paused.arrays)}
    write_tensors(path, arrays, {"anynas": json.dumps(about, allow_nan=False)})


def read_checkpoint(path: Path) -> tuple[Paused, dict[str, Any]]:
    """Return the paused training, and what it trains.

    Raises:
        RunError: The file is damaged, or of another schema.
    """
    tensors, texts = read_tensors(path)
    try:
        about = json.loads(texts["anynas"])
        schema, identity, fields = about["schema"], about["identity"], about["result"]
        curve = tuple(CurvePoint(**point) for point in fields.pop("curve"))
        result = TrialResult(**{**fields, "lost": tuple(fields["lost"])}, curve=curve)
    except (KeyError, TypeError, ValueError):
        raise RunError(f"{path}: must be a checkpoint; it is damaged; delete it to begin again") from None
    if schema != SCHEMA:
        raise RunError(f"{path}: its schema must be {SCHEMA}; got {schema!r}; delete it to begin again")
    return Paused(result=result, arrays=tuple(tensors[name].numpy() for name in sorted(tensors))), identity
