"""Faults of the record, by the whole driver: a full disk, a torn line, locks of the dead; no pickle is read."""

import contextlib
import json
import os
import pickle
import resource
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disturbing import Witness, command, environment, same, search, written

import anynas
from anynas.errors import RunError
from anynas.store import Entry, Run
from benchmarks.soak import leave_lock, tear

NO_SPACE = "No space left on device"


def full(path: Path, why: str) -> str:
    """Return what is said of a file that cannot be written."""
    return (
        f"{path}: must be writable, with room for what is written; {why}; what is finished is safe; mend that, and run "
        "the same command again"
    )


def test_a_journal_without_room_ends_the_command_in_one_line_and_loses_nothing(folder: Path, undisturbed: Run) -> None:
    done = subprocess.run(
        command("--trials", "12", "--executor", "inline"),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000)),  # no file is to be longer
    )
    journal = folder / "run" / "journal.log"
    assert (done.returncode, done.stderr) == (2, f"anynas: {full(journal, 'File too large')}\n")
    assert not (folder / "run" / "driver.json").exists()
    assert 3 <= written(anynas.load_run(folder / "run")).total() < 12
    assert same(search(folder, "run", trials=12, executor="inline"), undisturbed)


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[Callable[[str], None]]:
    """Mount a disk of a size; yield a function that gives it another one."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a disk")
    try:
        yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", str(path)], check=True) and None
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_wherever_a_disk_is_full_the_run_ends_in_one_line_and_goes_on_when_there_is_room(
    folder: Path, undisturbed: Run
) -> None:
    path, said, before = folder / "run", [], Counter()
    with small_disk(path, "24k") as resize:
        for size in range(24, 200, 12):
            resize(f"{size}k")
            try:
                run = search(folder, "run", trials=12, executor="inline")
            except RunError as error:
                said.append(str(error))
            else:
                assert same(run, undisturbed)
                break
            kept = written(anynas.load_run(path))
            assert before <= kept, "no line of the journal suffers"
            before = kept
        files = ("journal.log", "driver.json", "result.json", "table.csv")
        assert set(said) <= {full(path / name, NO_SPACE) for name in files}
        assert said[0] == full(path / "journal.log", NO_SPACE)


@pytest.fixture
def begun(folder: Path) -> Run:
    """Five trials of the twelve and a repeat."""

    def interrupt(entry: Entry) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(folder, "run", trials=12, executor="inline", progress=Witness({5: interrupt}))
    return anynas.load_run(folder / "run")


def test_after_a_crash_in_mid_write_the_same_command_goes_on(begun: Run, folder: Path, undisturbed: Run) -> None:
    journal = begun.path / "journal.log"
    torn = tear(journal)
    leave_lock(journal)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    holder = {"host": socket.gethostname(), "pid": dead.pid, "started": "2026-01-01T00:00:00+00:00"}
    (begun.path / "driver.json").write_text(json.dumps(holder))
    assert same(search(folder, "run", trials=12, executor="inline"), undisturbed)
    assert [path.read_bytes() for path in begun.path.glob("journal.log.torn-*")] == [torn]
    assert not list(begun.path.glob("*.lock?*"))


def test_a_run_goes_on_without_reading_a_pickle(
    begun: Run, folder: Path, undisturbed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a pickle is read")

    for name in ("load", "loads", "Unpickler", "_load", "_loads", "_Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    run = search(folder, "run", trials=12, executor="inline")
    monkeypatch.undo()
    assert same(run, undisturbed)
    assert [path for path in begun.path.rglob("*") if path.read_bytes()[:1] == b"\x80"] == []
