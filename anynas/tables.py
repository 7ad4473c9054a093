"""Tables of trials as files: what `anynas table --out` writes, read again."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from anynas.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".parquet", ".csv")
RESULTS = "table.parquet"  # the table among a study's results
ABSENT = ("", "nan", "NaN")  # in a .csv; other words, such as NA, are texts


def is_table(path: Path) -> bool:
    """Return whether a path is named as a table is."""
    return path.suffix in SUFFIXES


def read_table(path: Path, *, texts: Collection[str] = ()) -> "pd.DataFrame":
    """Return a table.

    Args:
        path: A .parquet or .csv file.
        texts: Columns that a .csv file has as text, whatever they look like.

    Raises:
        SettingsError: It cannot be read, or is no table.
    """
    import pandas as pd

    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=list(ABSENT))
    except OSError as error:
        raise SettingsError(f"{path}: must be a table that can be read; {error.strerror or 'it cannot'}") from None
    except (ValueError, NotImplementedError) as error:  # what pandas and pyarrow say of files that are no tables
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SettingsError(f"{path}: must be a table as anynas table --out writes it; {reason[0]}") from None
