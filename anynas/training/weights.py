"""Tensors in files: safetensors, which hold numbers and text alone, so that nothing from outside is ever unpickled."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from anynas.errors import RunError


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str] | None = None) -> None:
    """Write a file that is either whole or not there.

    Args:
        path: Where.
        tensors: By name, on any device.
        about: Text that the file is to hold beside them.
    """
    from safetensors.torch import save

    plain = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    write_whole(path, save(plain, metadata={"format": "pt", **(about or {})}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return a file's tensors, and the text beside them.

    Raises:
        RunError: The file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except OSError as error:
        raise RunError(f"{path}: must be readable; {error.strerror or 'there is none'}") from None
    except SafetensorError as error:
        raise RunError(f"{path}: must be a safetensors file; it is damaged ({error}); restore it from a copy") from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is either whole or not there, whatever ends this process meanwhile."""
    beginning = path.with_name(f".{path.name}")
    try:
        with beginning.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beginning.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beginning.unlink()
        raise
