"""How kernels are compiled: types of their arrays, and what the compiler may do."""

from typing import Any

import numba
import numpy as np
from numba import float32

LINE = float32[::1]
MATRIX = float32[:, ::1]
PLANE = float32[:, :, ::1]
IMAGES = float32[:, :, :, ::1]
COLUMNS = float32[:, :, :, :, :, ::1]
ZERO: Any = np.float32(0)

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "cache": True,  # beside the module, or in the user's cache where that can't be written
    "boundscheck": False,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},  # sums in any order; a NaN stays a NaN
}


def compiled(signature: Any) -> Any:
    """Compile for these types when the module is imported, or take what was compiled before from the cache."""
    return numba.njit(signature, **_OPTIONS)


inlined = numba.njit(**_OPTIONS)
