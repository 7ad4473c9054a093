"""docs/commands.md tells every command, its JSON's keys, the exit codes and the environment variables as they are."""

import re
from pathlib import Path

import pytest
from all_commands import all_commands

from anynas.cli.exits import Exit

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"(?ms)^## (.+?)\n(.*?)(?=^## |\Z)", PAGE))


def test_the_page_has_a_section_for_each_command_in_the_order_of_help() -> None:
    assert list(SECTIONS) == [*(f"anynas {name}" for name in all_commands()), "Exit codes", "Environment variables"]


@pytest.mark.parametrize("command", all_commands())
def test_a_section_has_an_example_and_says_what_is_written_and_what_json_has(command: str) -> None:
    text = SECTIONS[f"anynas {command}"]
    assert re.search(rf"```bash\n(?:.*\n)*?.*\banynas {command}\b", text)
    assert "\nWrites: " in text
    assert re.search("^JSON[^:]*: ", text, re.M)


def test_the_codes_that_are_told_are_those_of_the_code() -> None:
    told = re.findall(r"^\| (\d+) \| (.+) \|$", SECTIONS["Exit codes"], re.M)
    assert told == [(str(int(end)), end.meaning) for end in Exit]


def test_every_variable_that_is_read_is_told() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", SECTIONS["Environment variables"], re.M))
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "anynas").rglob("*.py"))
    read = set(re.findall(r"environ(?:\.get|\.setdefault)?[(\[]\"(\w+)\"", sources))
    assert {name for name in read if not name.startswith("_")} - told == set()
