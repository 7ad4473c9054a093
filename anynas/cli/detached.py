"""`--detach`: the same command again, in a process of its own that outlives the terminal."""

import argparse
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anynas
from anynas.cli.exits import Exit
from anynas.cli.output import Output
from anynas.errors import RunError
from anynas.folder import check_free, lease_of, now
from anynas.status import LOG
from anynas.terminal import print_line

if TYPE_CHECKING:
    from rich.console import Console

PACKAGES = Path(anynas.__file__).parents[1]  # where this package lies
LOOK_EVERY = 0.05  # seconds


def detach(options: argparse.Namespace, path: Path, output: Output) -> int:
    """Start the driver of a run that was checked, wait until it is at work or has ended, and say where it is.

    Returns:
        0, or the exit code of a driver that ended before it was at work; its last line is shown then.

    Raises:
        RunError: Another driver has the run, or its folder cannot be written to.
    """
    folder = path.absolute()
    check_free(folder, takeover=options.takeover)
    log = folder / LOG
    try:
        with log.open("a", encoding="utf-8") as said:
            arguments = _arguments(options, path)
            print(now(), shlex.join(["anynas", *arguments]), file=said, flush=True)
            begin = said.tell()
            driver = _start(arguments, said.fileno())
    except OSError as error:
        reason = error.strerror or error
        raise RunError(f"{folder}: must be a folder that can be written to; {reason}; choose another --run") from None
    try:
        while driver.poll() is None and not _is_at_work(driver.pid, folder):
            time.sleep(LOOK_EVERY)
    except KeyboardInterrupt:
        driver.terminate()
        driver.wait()
        raise
    ended = driver.poll()
    if ended:
        return _told(ended, _last_line(log, begin), path)
    if ended is None:
        driver.returncode = 0  # it is left to itself: Popen is not to warn of that
    facts = {"run": str(path), "pid": driver.pid if ended is None else None, "log": str(path / LOG)}
    output.result(facts, _print_detached, facts)
    return Exit.DONE


def _print_detached(console: "Console", driver: dict[str, Any]) -> None:
    """Print where a driver is, and how to look at it and to end it."""
    lines = [f"how far it is: anynas status {shlex.quote(driver['run'])}"]
    if driver["pid"] is None:
        lines.insert(0, f"the driver has done all that was left, and ended; what it said is in {driver['log']}")
    else:
        lines.insert(0, f"the driver goes on by itself: process {driver['pid']}, what it says is in {driver['log']}")
        lines.append(f"to end it, with all that is finished kept: kill {driver['pid']}")
    for line in lines:
        print_line(console, line)


def _told(ended: int, said: str, path: Path) -> int:
    """Show the last line of a driver that ended before it was at work, and return its exit code."""
    code = ended if ended > 0 else 128 - ended  # as shells tell a signal
    if not said.startswith("anynas: "):
        said = f"anynas: the driver must come to work; it ended with exit code {code} ({said}); see {path / LOG}"
    print(said, file=sys.stderr)
    return code


def _arguments(options: argparse.Namespace, path: Path) -> list[str]:
    """Return the command's arguments without --detach, however short it was written, and with the run's folder."""
    given = options.arguments
    end = given.index("--") if "--" in given else len(given)
    kept = [each for each in given[:end] if not (each.startswith("--det") and "--detach".startswith(each))]
    return [*kept, *([] if options.run else ["--run", str(path)]), *given[end:]]


def _start(arguments: list[str], output: int) -> "subprocess.Popen[bytes]":
    """Start the command with this very package, in a session of its own: no terminal's end is its own."""
    return subprocess.Popen(
        [sys.executable, *_program(), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _program() -> list[str]:
    """Return what Python is to run: a user's script that called the command, which may know more than anynas."""
    started = sys.modules["__main__"]
    script = getattr(started, "__file__", None)
    if script is not None and script.endswith(".py") and getattr(started, "__spec__", None) is None:
        return [script]
    safe = [] if Path.cwd() == PACKAGES else ["-P"]  # else no module in the current folder gets in the way
    return [*safe, "-m", "anynas"]


def _is_at_work(pid: int, folder: Path) -> bool:
    lease = lease_of(folder)
    return lease is not None and lease["pid"] == pid and (folder / "run.json").exists()


def _last_line(log: Path, begin: int) -> str:
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode("utf-8", errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")
