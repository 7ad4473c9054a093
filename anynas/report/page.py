"""A report's page: its heading, its sections of pieces, its footer."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from anynas.pieces import Item, environment

FOLDER = Path(__file__).parent


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
        style = Markup((FOLDER / "page.css").read_text(encoding="utf-8"))
        return environment(FOLDER).get_template("page.html").render(page=self, style=style)
