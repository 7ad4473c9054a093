"""Tables of trained networks that nobody here wrote; tests that need them skip where they are absent."""

import functools
from pathlib import Path

import pandas as pd
import pytest

HERE = Path(__file__).resolve()
FOLDERS = [HERE.parents[up] / "shared" / "data" for up in (2, 3)]  # beside the checkout, or a folder above that


@functools.cache
def _read(name: str) -> pd.DataFrame:
    for folder in FOLDERS:
        if (folder / name).exists():
            return pd.read_csv(folder / name)
    pytest.skip(f"needs {FOLDERS[0] / name}")


def size_space() -> pd.DataFrame:
    """Return NATS-Bench's size space: error, flops, params, and whether widths never decrease."""
    table = _read("nats_sss_cifar10.csv.xz")
    widths = table[["c1", "c2", "c3", "c4", "c5"]]
    return pd.DataFrame(
        {
            "error": table["err"].round(2),
            "flops": table["macs"],
            "params": table["params"],
            "increasing": (widths.diff(axis=1).iloc[:, 1:] >= 0).all(axis=1),
        }
    )


def learning_curves() -> pd.DataFrame:
    """Return NAAP-440's errors, percent, by the number of epochs after which they were measured: 3, 9, 30, 90."""
    table = _read("naap440.csv.xz")
    return pd.DataFrame({epochs: (100 * (1 - table[f"e{epochs}Accuracy"])).round(2) for epochs in (3, 9, 30, 90)})


def plain_space() -> pd.DataFrame:
    """Return NAAP-440: error after 90 epochs, flops, params, and whether there is a residual connection."""
    table = _read("naap440.csv.xz")
    return pd.DataFrame(
        {
            "error": (100 * (1 - table["e90Accuracy"])).round(2),
            "flops": table["NumMACs"],
            "params": table["NumParams"],
            "residual": table["scheme"].str.contains("r"),
        }
    )
