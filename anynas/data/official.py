"""Files that are published elsewhere: where they are kept on this machine, and how they come there."""

import http.client
import os
import urllib.request
from pathlib import Path

from anynas.errors import DataError

PATIENCE_SECONDS = 60  # for an answer that stops coming


def cache_folder() -> Path:
    """Return where data are kept: $ANYNAS_CACHE, or anynas in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("ANYNAS_CACHE") or Path(base) / "anynas")


def download(url: str, *, missing: str, advice: str) -> bytes:
    """Return what is at an address.

    Args:
        url: The address.
        missing: Where else the file might have been, and that it is not there, for the error.
        advice: What to do where the network is no way.

    Raises:
        DataError: It cannot be had.
    """
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            content: bytes = answer.read()
            return content
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DataError(f"{missing} and its download failed ({reason}); {advice}") from None


def keep(content: bytes, path: Path) -> None:
    """Write a file into the cache: whole, or not at all.

    Raises:
        DataError: It cannot be written.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial_left_behind(partial)
        raise unwritable(path.parent, error) from None


def partial_left_behind(path: Path) -> None:
    """Delete what a write that failed has left, if it can be."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def unwritable(folder: Path, error: OSError) -> DataError:
    """Return the error of a folder in the cache that cannot be written to, or has no more room."""
    return DataError(f"{folder}: must be a folder that can be written; {error.strerror}; set ANYNAS_CACHE to another")
