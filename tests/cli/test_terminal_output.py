"""What commands print in a terminal of 80 columns, and where piped: the width holds, colour is for terminals."""

import os
import pty
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from report_runs import entry, write_search
from small_study import write

TINY = ["--epochs", "1", "--images", "64", "--executor", "inline", "--sampler", "random", "--trials", "1"]
QUICK = [
    ["spaces"],
    ["show", "AnyNetD"],
    ["show", "resnet18"],
    ["sample", "--space", "AnyNetE", "-n", "5"],
    ["table", "r"],
    ["status", "r"],
    ["status"],
    ["compare", "r", "--where", "nondecreasing(width)", "--claim", "improves"],
    ["power", "--claim", "improves", "--sd", "4", "-n", "50"],
    ["compare", "--help"],
]
ALL = [  # the others load torch
    *QUICK,
    ["search", "--space", "LeNet", "--run", "s", *TINY],
    ["study", "run", "small.toml", "--dry-run", "--executor", "inline"],
    ["report", "r"],
    ["export", "lenet", "--out", "e"],
    ["doctor"],
]
CODE = """
import contextlib
from anynas.cli import main
for command in {}:
    with contextlib.suppress(SystemExit):
        assert main(command) == 0, command
"""
CONTROL = r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07"
PLAIN = ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "LINES")


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in PLAIN}
    return {**kept, "TERM": "xterm-256color", **changes}


def in_terminal(folder: Path, code: str, **changes: str) -> str:
    """Run code in a terminal of 80 columns and return all that it was sent."""
    import fcntl
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(**changes)
    )
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # as Linux tells that the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    text = b"".join(parts).decode()
    assert child.wait(60) == 0, text
    return text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_search(tmp_path / "r", [entry(number) for number in range(8)], winner=3)
    write(tmp_path)
    return tmp_path


def test_no_line_in_a_terminal_is_wider_than_it_and_there_is_colour(folder: Path) -> None:
    text = in_terminal(folder, CODE.format(ALL))
    assert "\x1b[1m" in text
    lines = re.split(r"[\r\n]+", re.sub(CONTROL, "", text))
    path = str(folder)
    assert [line for line in lines if len(line) > 80 and path not in line and "1,602,423," not in line] == []
    assert any(line.startswith("winner: ") for line in lines)


def test_piped_output_has_no_colour_and_the_same_width(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(QUICK)],
        cwd=folder,
        env=environment(FORCE_COLOR="1"),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout) == []
    lines = [line for line in done.stdout.splitlines() if str(folder) not in line and "1,602,423," not in line]
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_a_terminal_that_wants_none_gets_no_control_characters(variable: dict[str, str], folder: Path) -> None:
    assert "\x1b" not in in_terminal(folder, CODE.format(QUICK[:5]), **variable)
