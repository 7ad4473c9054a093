"""Every command of anynas with its parser, as the command line itself has them."""

import argparse
import functools

from anynas.cli import make_parser
from anynas.cli.options import Parser


@functools.cache
def all_commands() -> dict[str, Parser]:
    """Return parsers by what is typed: "search", "study run"."""
    return dict(_under(make_parser(), ""))


def _under(parser: Parser, words: str) -> list[tuple[str, Parser]]:
    parts = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not parts:
        return [(words, parser)]
    return [pair for name, each in parts[0].choices.items() for pair in _under(each, f"{words} {name}".strip())]
