"""Checks that the families share: each returns the value in its plain type, or raises one line.

What must hold, then what came; the line begins with the family's name.
"""

import math
import numbers
from collections.abc import Iterable, Mapping, Sized
from typing import Any

from anynas.errors import ArchitectureError, did_you_mean


def positive_integers(family: str, name: str, values: Iterable[Any], *, each: str = "stage") -> tuple[int, ...]:
    """Return a list of whole numbers of at least 1, one for each of what `each` says."""
    if type(values) is tuple and values:
        for value in values:  # all() with a generator takes three times as long
            if type(value) is not int or value < 1:
                break
        else:
            return values  # nearly always: a space's draws, and what has been checked before
    listed = _listed(family, name, values, each)
    for value in listed:
        if not _is_positive_integer(value):
            raise ArchitectureError(f"{family}: {name} must be whole numbers of at least 1; got {value!r}")
    return tuple(int(value) for value in listed)


def odd_integers(family: str, name: str, values: Iterable[Any], *, each: str = "stage") -> tuple[int, ...]:
    """Return a list of odd whole numbers: kernels that have a middle."""
    checked = positive_integers(family, name, values, each=each)
    for value in checked:
        if value % 2 == 0:
            raise ArchitectureError(f"{family}: {name} must be odd; got {value}")
    return checked


def ratios(family: str, name: str, values: Iterable[Any], *, each: str = "stage") -> tuple[float, ...]:
    """Return a list of finite numbers of at least 1."""
    listed = _listed(family, name, values, each)
    for value in listed:
        if not _is_finite(value) or value < 1:
            raise ArchitectureError(f"{family}: {name} must be finite numbers of at least 1; got {value!r}")
    return tuple(float(value) for value in listed)


def positive_integer(family: str, name: str, value: Any) -> int:
    """Return a whole number of at least 1."""
    if not _is_positive_integer(value):
        raise ArchitectureError(f"{family}: {name} must be a whole number of at least 1; got {value!r}")
    return int(value)


def odd_integer(family: str, name: str, value: Any) -> int:
    """Return an odd whole number of at least 1."""
    checked = positive_integer(family, name, value)
    if checked % 2 == 0:
        raise ArchitectureError(f"{family}: {name} must be odd; got {checked}")
    return checked


def number(family: str, name: str, value: Any) -> float:
    """Return a number, which may be infinite or none (NaN): its range is the caller's to check."""
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ArchitectureError(f"{family}: {name} must be a number; got {value!r}")
    try:
        return float(value)
    except OverflowError:  # a whole number beyond all floats
        return -math.inf if value < 0 else math.inf


def dropout(family: str, name: str, value: Any) -> float:
    """Return a share of values to drop: at least 0, below 1."""
    checked = number(family, name, value)
    if not 0 <= checked < 1:
        raise ArchitectureError(f"{family}: {name} must lie in [0, 1); got {checked:g}")
    return checked


def flag(family: str, name: str, value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ArchitectureError(f"{family}: {name} must be true or false; got {value!r}")
    return value


def word(family: str, name: str, value: Any, known: tuple[str, ...]) -> Any:
    """Return one of the known words."""
    if value not in known:
        raise ArchitectureError(f'{family}: unknown {name} "{value}"{did_you_mean(str(value), known)}')
    return value


def length(family: str, name: str, values: Sized, like: Sized, *, source: str = "depths") -> None:
    """Check that a list has one value a stage, as another has."""
    if len(values) != len(like):
        raise ArchitectureError(
            f"{family}: {name} must have one value a stage, as {source} has ({len(like)}); got {len(values)}"
        )


def _listed(family: str, name: str, values: Any, each: str) -> tuple[Any, ...]:
    article = "an" if each[0] in "aeiou" else "a"
    if not isinstance(values, Iterable) or isinstance(values, str | bytes | Mapping):
        raise ArchitectureError(f"{family}: {name} must be a list with one value {article} {each}; got {values!r}")
    listed = tuple(values)
    if not listed:
        raise ArchitectureError(f"{family}: {name} must have a value for at least one {each}; got none")
    return listed


def _is_positive_integer(value: Any) -> bool:
    if type(value) is int:
        return value >= 1
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and not value < 1


def _is_finite(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
