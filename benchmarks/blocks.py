"""The code blocks of a page, and running them in order as a reader would; the standard library is enough for it.

    A block of bash is given to one shell, which goes on from block to block.
    A block whose first line is a comment with a file's name (`# mine.toml`) is written to that file.
    Any other block of python is run as if typed in there.

A comment in front of a block marks it (`<!-- test -->`); blocks in other languages, and without one, are only shown.
"""

import contextlib
import dataclasses
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

FENCED = re.compile(r"(?ms)^(?:<!-- *(?P<mark>[^\n]*?) *-->\n)?```(?P<language>\w+)\n(?P<code>.*?)^```$")
NAMED = re.compile(r"# ([\w.-]+\.(?:toml|py))\n")
SAID = "the block has ended with"  # by the shell, behind each block
DEADLINE_SECONDS = 1800.0  # for one block


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """One block of a page."""

    language: str
    code: str
    mark: str = ""  # what a comment in front of it says

    @property
    def file(self) -> str | None:
        """The file that it is; None if it is none."""
        found = NAMED.match(self.code)
        return found[1] if found and self.language in ("toml", "python") else None

    @property
    def first_line(self) -> str:
        """What it is known by."""
        return self.code.strip().partition("\n")[0]


@dataclasses.dataclass(frozen=True, slots=True)
class Ran:
    """How a block went."""

    block: Block
    code: int  # 0: well
    seconds: float
    output: str


def blocks(text: str) -> list[Block]:
    """Return the code blocks of a page in order."""
    return [Block(found["language"], found["code"], found["mark"] or "") for found in FENCED.finditer(text)]


def without_comment(line: str) -> str:
    """Return a command without the comment behind it."""
    return re.sub(r"  +# .*$", "", line)


def run_blocks(
    some: Iterable[Block], folder: Path, *, environment: Mapping[str, str], deadline_seconds: float = DEADLINE_SECONDS
) -> Iterator[Ran]:
    """Run blocks of bash, python and toml in a folder, and yield how each went; the first that fails is the last.

    Args:
        some: As they stand on the page.
        folder: Where commands are given and files are written.
        environment: Of all processes; the `python` that its PATH finds runs scripts.
        deadline_seconds: After which a block and all that it started are ended.
    """
    with _Shell(folder, environment, deadline_seconds) as shell:
        for block in some:
            started = time.monotonic()
            if block.file is not None:
                (folder / block.file).write_text(block.code, encoding="utf-8")
                code, output = 0, ""
            else:
                code, output = shell.give(block)
            yield Ran(block, code, time.monotonic() - started, output)
            if code:
                return


class _Shell:
    """A shell that goes on from block to block, and ends at the first command that fails."""

    def __init__(self, folder: Path, environment: Mapping[str, str], deadline_seconds: float) -> None:
        self._folder, self._environment, self._deadline_seconds = folder, environment, deadline_seconds

    def __enter__(self) -> "_Shell":
        self._scripts = tempfile.TemporaryDirectory()
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-e"],
            cwd=self._folder,
            env=dict(self._environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._bash.wait()
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        with contextlib.suppress(OSError):
            self._bash.stdin.close()
        self._bash.stdout.close()
        self._scripts.cleanup()

    def give(self, block: Block) -> tuple[int, str]:
        """Return a block's exit code and what it said."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        script = Path(self._scripts.name) / ("block.py" if block.language == "python" else "block.sh")
        script.write_text(block.code, encoding="utf-8")
        command = f"python -c \"$(cat '{script}')\"" if block.language == "python" else f". '{script}'"
        self._bash.stdin.write(f"{command} < /dev/null\necho '{SAID}' $?\n")
        self._bash.stdin.flush()
        timer = threading.Timer(self._deadline_seconds, self._end)
        timer.start()
        lines: list[str] = []
        try:
            for line in self._bash.stdout:
                if line.startswith(SAID):
                    return int(line.split()[-1]), "".join(lines)
                lines.append(line)
            return self._bash.wait() or 1, "".join(lines)  # the shell has ended, so something has failed
        finally:
            timer.cancel()

    def _end(self) -> None:
        """End the shell and what it runs."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)


def environment_of(prefix: Path) -> dict[str, str]:
    """Return this process' environment as it is where the virtual environment at `prefix` is active."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    path = os.pathsep.join([str(prefix / "bin"), kept.get("PATH", os.defpath)])
    return {**kept, "VIRTUAL_ENV": str(prefix), "PATH": path}


def here() -> dict[str, str]:
    """Return the environment in which `python` and `anynas` are those of this process, and anynas this checkout's."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**environment_of(Path(sys.prefix)), "PYTHONPATH": path}
