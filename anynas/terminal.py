"""What people see in a terminal: tables, and numbers as people say them; plain lines where there is no terminal."""

import io
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

Content = TypeVar("Content")
PIPED_WIDTH = 400


def make_console() -> Console:
    """Return a console for standard output.

    No colours and no cursor movements where it is piped, and no line cut short.
    """
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)


def text_of(show: Callable[[Console, Content], None], content: Content) -> str:
    """Return what a function prints of something, as a plain text of at most 80 columns."""
    text = io.StringIO()
    show(Console(file=text, width=80, highlight=False, markup=False, emoji=False, color_system=None), content)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def print_table(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    title: str = "",
    right: Sequence[str] = (),
) -> None:
    """Print a table; long texts are folded, never cut.

    Columns whose values are numbers are set flush right and kept whole, and so are those named in `right`.
    """
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, show_edge=False)
    texts = [[_cell(value) for value in row] for row in rows]
    for position, column in enumerate(columns):
        numeric = column in right or (bool(rows) and all(isinstance(row[position], (int, float)) for row in rows))
        table.add_column(
            column,
            justify="right" if numeric else "left",
            no_wrap=numeric,
            overflow="fold",
            header_style="bold",
        )
    for row in texts:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def duration(seconds: float) -> str:
    """Return a time as people say it: 45 s, 4 min, 3 h 20 min."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def plural(number: int, thing: str) -> str:
    """Return "1 trial", "2 trials"."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def count(number: float) -> str:
    """Return a count of flops or params with three digits: 1.05 M, 398 M, 12.3 G."""
    rounded = float(f"{number:.3g}")
    for divisor, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if divisor <= abs(rounded) < math.inf:
            digits = f"{rounded / divisor:.3g}" if abs(rounded) < 1e15 else f"{rounded / divisor:.0f}"
            return f"{digits} {unit}"
    return f"{number:.0f}"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
