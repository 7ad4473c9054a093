"""From the batch innermost to channels innermost, and back."""

from numba import void

from anynas.training.cpu.kernels.compiling import PLANE, compiled

_TILE = 16  # values: a line of the cache


@compiled(void(PLANE, PLANE))
def transpose_ends(x, y):  # type: ignore[no-untyped-def]
    """Y (B, P, A) from x (A, P, B), in tiles that fit the first cache."""
    first, positions, last = x.shape
    for p in range(positions):
        for i in range(0, first, _TILE):
            for j in range(0, last, _TILE):
                rows, columns = x[i : i + _TILE, p, j : j + _TILE], y[j : j + _TILE, p, i : i + _TILE]
                for a in range(rows.shape[0]):
                    for b in range(rows.shape[1]):
                        columns[b, a] = rows[a, b]
