"""Commands that README and the pages in docs/ show are commands of anynas, options and all."""

import re
import shlex
from pathlib import Path

import pytest

from anynas.cli import make_parser

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(page: Path) -> list[str]:
    """Return the lines of code blocks that call anynas, alone or behind another command, and those in running text."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"(?s)```bash\n(.*?)```", text)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]*\banynas [a-z]+ [^`\n]*)`", re.sub(r"(?s)```.*?```", "", text))
    found = [re.search(r"(?:^|[\s\"'&]|-- )(anynas [a-z].*)", line) for line in lines if not line.startswith("#")]
    return [match[1].strip() for match in found if match]


SHOWN = [(page.name, command) for page in PAGES for command in commands(page)]


def test_commands_are_found_on_the_pages_that_show_some() -> None:
    assert {name for name, _ in SHOWN} >= {"README.md", "cluster.md"}
    assert len(SHOWN) > 30


@pytest.mark.parametrize(("page", "command"), SHOWN)
def test_a_command_that_is_shown_can_be_given(page: str, command: str) -> None:
    words = shlex.split(command.rstrip("\"'"), comments=True)
    options = make_parser().parse_args([word for word in words[1:] if word != "…"])
    assert callable(options.command)
