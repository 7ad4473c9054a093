"""The errors that a caller can act on.

Each message is one line: what must hold, what came, what to do. The command line prints it and exits with code 2.
"""

import difflib
import unicodedata
from collections.abc import Iterable


class AnynasError(Exception):
    """Something the caller asked for cannot be done as asked; the message says what to change."""


class ArchitectureError(AnynasError, ValueError):
    """Parameters that describe no network, or a network that does not fit its input."""


class SpaceError(AnynasError, ValueError):
    """A design space that cannot be read, or a request that it cannot meet."""


class EmptyBandError(SpaceError):
    """No draw of the space falls within the asked bounds."""


class SettingsError(AnynasError, ValueError):
    """A recipe, fidelity, sampler, executor or other setting that is not one."""


class DataError(AnynasError):
    """A data set that is unknown, missing, damaged or of the wrong shape."""


class RunError(AnynasError):
    """A run's folder that is missing, damaged, in use, or that belongs to another question."""


class ExportError(AnynasError):
    """A network that cannot be written, or read, in the form that was asked for."""


class DeviceError(AnynasError):
    """A device that was asked for and is not there."""


class ExecutorError(AnynasError):
    """An executor that cannot start or has lost its workers."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "x"?` for the nearest known words, or a list of what is known.

    Args:
        word: What came.
        known: What would have been right.
    """
    known = sorted(known)
    lowered = {name.lower(): name for name in known}
    matches = difflib.get_close_matches(word.lower(), lowered, n=3, cutoff=0.6)
    near = [lowered[word.lower()]] if word.lower() in lowered else [lowered[name] for name in matches]
    if near:
        return "; did you mean " + " or ".join(f'"{name}"' for name in near) + "?"
    return "; known: " + ", ".join(known)


def shown(name: object) -> str:
    """Return a name of a file or folder as text that can be printed: no line breaks, no commands to a terminal."""
    text = unicodedata.normalize("NFC", str(name).encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
