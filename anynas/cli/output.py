"""What a command says, and where: the one choice between text and JSON, and between remarks and silence."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from anynas.facts import files_facts
from anynas.terminal import make_console, print_line
from anynas.views.searches import print_files

Content = TypeVar("Content")
View = Callable[[Console, Content], None]


class Output:
    """Results on standard output, as text or as one JSON object; remarks beside them.

    Remarks are the plan, the estimate, progress, notes, and where files are. With --json they go to standard error, and
    with --quiet nowhere.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.is_json: bool = getattr(options, "json", False)
        self._is_quiet: bool = getattr(options, "quiet", False)
        self.console = make_console()
        self.remarks = make_console(stderr=self.is_json, quiet=self._is_quiet)

    def result(self, content: Content, view: View[Content], facts: dict[str, Any]) -> None:
        """Print what was asked for: a view of the content, or with --json its facts."""
        if self.is_json:
            print_json(facts)
        else:
            view(self.console, content)

    def beside(self, content: Content, view: View[Content]) -> None:
        """Print what goes with a result; the facts of that have it, so --json does without."""
        if not self.is_json:
            view(self.remarks, content)

    def written(self, files: Mapping[str, Path], told: Mapping[str, Path] | None = None) -> None:
        """Print where files are, by what they are, where writing them was all that was asked for; `told`: in words."""
        self.beside(told or files, print_files)
        if self.is_json:
            print_json({"files": files_facts(files)})

    def remark(self, content: Content, view: View[Content]) -> None:
        """Print what is worth knowing on the way."""
        view(self.remarks, content)
        self.remarks.file.flush()

    def note(self, text: str) -> None:
        """Print a line that is worth knowing."""
        self.remark(text, print_line)


def print_json(facts: dict[str, Any]) -> None:
    """Print fields as strict JSON: a number that is not finite is null."""
    json.dump(_finite(facts), sys.stdout, indent=2, allow_nan=False, default=_plain)
    print()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    """Return what JSON does not know as something that it does: a path as text, NumPy's numbers as Python's."""
    return str(value) if isinstance(value, Path) else value.item()
