"""What pages and notebooks are made of, and how it becomes HTML: every text is escaped there, whatever it holds.

A piece says what is shown, never how it looks: a report's page and a notebook's cell have styles of their own.
"""

import dataclasses
import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from markupsafe import Markup

if TYPE_CHECKING:
    import jinja2

FOLDER = Path(__file__).parent
UNREADABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # what no page may hold, and no file


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str
    is_note: bool = False  # what a reader must know


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Values by what they are."""

    kind: ClassVar[str] = "facts"
    facts: Sequence[tuple[str, str]]
    large: bool = False  # few, and the first to be read


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of texts; the first column names its row."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[str] = ()  # columns that hold words; all others, but the first, hold numbers


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a claim or a check."""

    verdict: str
    claim: str
    lines: Sequence[str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """Verdicts side by side."""

    kind: ClassVar[str] = "verdicts"
    verdicts: Sequence[Verdict]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawing with its caption."""

    kind: ClassVar[str] = "picture"
    svg: Markup  # markup of our own making
    caption: str
    is_wide: bool = False  # as wide as the page; on a narrow one it is scrolled


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Pictures side by side, as many as there is room for."""

    kind: ClassVar[str] = "pictures"
    pictures: Sequence[Picture]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """An architecture: its errors and cost, its drawing, what was chosen for it."""

    kind: ClassVar[str] = "network"
    heading: str
    facts: Facts
    diagram: Markup  # markup of our own making
    tables: Sequence[Table]
    once: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """Networks side by side."""

    kind: ClassVar[str] = "networks"
    networks: Sequence[Network]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A command, or a file's content."""

    kind: ClassVar[str] = "listing"
    caption: str
    text: str


Item: TypeAlias = Text | Facts | Table | Verdicts | Picture | Pictures | Network | Networks | Listing


def cell(items: Sequence[Item], *, heading: str = "") -> str:
    """Return pieces as a notebook shows them: an element that brings its own styles, to stand beside others like it."""
    style = Markup((FOLDER / "cell.css").read_text(encoding="utf-8"))
    return environment().get_template("cell.html").render(items=items, heading=heading, style=style).strip()


def environment(*folders: Path) -> "jinja2.Environment":
    """Return the environment of templates in these folders, which may import the pieces' own."""
    return _environment(folders)


@functools.cache
def _environment(folders: tuple[Path, ...]) -> "jinja2.Environment":
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, FOLDER]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_readable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _readable(value: Any) -> Any:
    """Return a text with a sign in the place of what no page may hold; markup is our own, and has none."""
    return UNREADABLE.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value
