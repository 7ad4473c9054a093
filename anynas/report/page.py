"""What a page is made of, and how it becomes HTML: every text is escaped there, whatever it holds."""

import dataclasses
import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import jinja2
from markupsafe import Markup

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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and what stands below it."""

    key: str  # its id
    heading: str
    items: Sequence[Item]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A report."""

    title: str
    description: str
    state: str  # how far the run is, one line
    is_finished: bool
    asked: Sequence[str]  # what it asks, a line each
    sections: Sequence[Section]
    footer: str

    def html(self) -> str:
        """Return the page."""
        return _template().render(page=self, style=Markup((FOLDER / "page.css").read_text(encoding="utf-8")))


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_readable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html")


def _readable(value: Any) -> Any:
    """Return a text with a sign in the place of what no page may hold; markup is our own, and has none."""
    return UNREADABLE.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value
