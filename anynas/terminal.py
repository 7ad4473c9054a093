"""What people see in a terminal: tables, and numbers as people say them; plain lines where there is no terminal."""

import io
import math
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

Content = TypeVar("Content")
PIPED_WIDTH = 80  # columns where there is no terminal to ask, unless COLUMNS says otherwise


def make_console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Return a console for standard output, or for standard error.

    Colours and cursor movements are for terminals alone, and not where NO_COLOR is set or TERM is dumb.

    Args:
        stderr: For which of the two.
        quiet: Whether nothing is printed at all.
    """
    is_open = (sys.stderr if stderr else sys.stdout).isatty()
    is_plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") in ("dumb", "unknown")
    is_lively = is_open and not is_plain and not quiet
    return _Console(
        stderr=stderr,
        quiet=quiet,
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=is_lively,
        force_interactive=is_lively,
        color_system="auto" if is_lively else None,
        width=None if is_open else _piped_width(),
    )


class _Console(Console):
    """Leaves it to the command how it ends when nobody reads any more."""

    def on_broken_pipe(self) -> None:
        raise


def _piped_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) > 0 else PIPED_WIDTH


def print_line(console: Console, text: str) -> None:
    """Print a text, folded between words, what follows set in; paths and other long words stay whole."""
    lines = textwrap.wrap(text, console.width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    for line in lines or [""]:
        console.print(line, soft_wrap=True)


def print_event(console: Console, text: str) -> None:
    """Print a line of a log at once: folded in a terminal; elsewhere whole, so that each event is a line."""
    if console.is_terminal:
        print_line(console, text)
    else:
        console.print(text, soft_wrap=True)
    console.file.flush()


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

    Columns whose values are numbers are set flush right and kept whole, and so are those named in `right`. Words are
    kept whole as long as there is room: keys are to be copied.
    """
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, show_edge=False)
    texts = [[_cell(value) for value in row] for row in rows]
    numeric = [
        column in right or (bool(rows) and all(isinstance(row[position], (int, float)) for row in rows))
        for position, column in enumerate(columns)
    ]
    headings, kept = _kept(columns, texts, numeric, console.width)
    for position, heading in enumerate(headings):
        table.add_column(
            heading,
            justify="right" if numeric[position] else "left",
            no_wrap=position in kept,
            overflow="fold",
            header_style="bold",
        )
    for row in texts:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _kept(
    columns: Sequence[str], texts: Sequence[Sequence[str]], numeric: Sequence[bool], width: int
) -> tuple[list[str], set[int]]:
    """Return headings, and which columns are kept whole: numbers, and of those of words as many as there is room for.

    Where all of it does not fit, headings of the latter fold between their words.
    """
    longest = [max((len(row[position]) for row in texts), default=0) for position in range(len(columns))]
    least = [max(map(len, column.split()), default=0) for column in columns]
    kept = {position for position, is_number in enumerate(numeric) if is_number}
    words = [
        position
        for position in range(len(columns))
        if position not in kept and texts and not any(" " in row[position] for row in texts)
    ]
    natural = [max(cells, len(column)) for cells, column in zip(longest, columns, strict=True)]
    if sum(natural) + 2 * (len(columns) - 1) <= width:
        return list(columns), kept.union(words)
    others = [position for position in range(len(columns)) if position not in kept and position not in words]
    room = width - 2 * (len(columns) - 1) - 10 * len(others)
    room -= sum(natural[position] for position in kept)
    headings = list(columns)
    for position in sorted(words, key=lambda position: longest[position]):
        size = max(longest[position], least[position])
        room -= size
        if room >= 0:
            kept.add(position)
            headings[position] = "\n".join(textwrap.wrap(columns[position], size)) or columns[position]
    return headings, kept


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
