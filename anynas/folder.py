"""A run's folder: JSON files that are either whole or not there, and one driver at a time."""

import contextlib
import datetime
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from anynas.errors import RunError

LEASE, LAST_LEASE = "driver.json", "last_driver.json"  # of the driver at work; of the one before that, which has ended
DYING = 10.0  # seconds, in which a driver that was killed lets go of its lock: on a busy machine that takes a while
ENDINGS = tuple(  # by which a driver is told to end: Ctrl-C, `kill` and clusters, a terminal that closes
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@contextlib.contextmanager
def one_driver(path: Path, *, takeover: bool, about: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Hold a run's folder for this process, making it if there is none; driver.json in it names the holder.

    Args:
        path: The folder.
        takeover: Whether to take it from a driver on another machine.
        about: What else driver.json says of this driver, JSON-ready.

    Raises:
        RunError: Another driver is at work on it, or had it last on another machine, or it cannot be written to.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_locked(path))
        _check_lease(path, takeover)
        stack.callback(_retire, path)  # ours from here on, not another host's
        us = {"host": socket.gethostname(), "pid": os.getpid(), "started": now(), "began": _began(os.getpid())}
        write_json(path / LEASE, {**us, **(about or {})})
        yield


def check_free(path: Path, *, takeover: bool) -> None:
    """Raise RunError, as `one_driver` would; the folder is made if there is none, and stays free."""
    with _locked(path):
        _check_lease(path, takeover)


def lease_of(path: Path, *, last: bool = False) -> dict[str, Any] | None:
    """Return what driver.json says, or None if there is none; `last`: of the last driver that has ended."""
    try:
        lease = read_json(path / (LAST_LEASE if last else LEASE))
    except RunError:  # there is none, or half of one, whose writer died under its lock
        return None
    return lease if {"host", "pid", "started"} <= lease.keys() else None


def is_alive(lease: Mapping[str, Any]) -> bool | None:
    """Return whether the driver that wrote a lease lives; None: it is on another machine, which is not seen from here.

    A process of the same number that began at another time is another one.
    """
    if lease["host"] != socket.gethostname():
        return None
    try:
        os.kill(lease["pid"], 0)  # signal 0 is none: it only asks
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    began, here = lease.get("began"), _began(lease["pid"])
    return (None in (began, here) or began == here) and not _is_defunct(lease["pid"])


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and its like wait until the end: a write that they cut short would leave a lock behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    kept = {number: signal.getsignal(number) for number in ENDINGS}
    for number in kept:
        signal.signal(number, lambda came, frame: arrived.append(came))
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    for came in arrived:
        signal.raise_signal(came)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a folder, making it if there is none."""
    import filelock

    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path / "driver.lock", timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            lease = lease_of(path)
            lock.acquire(timeout=DYING if lease is not None and is_alive(lease) is False else 0)
    except filelock.Timeout:
        raise RunError(
            f"{path}: must have one driver at a time; {_owner(path)} is at work on it; wait for it, or stop it"
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise RunError(f"{path}: must be a folder that can be written to; {reason}; choose another --run") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise RunError where a run's file, or one of those in its folder, cannot be written: the disk is full, say."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{path}: must be writable, with room for what is written; {error.strerror or error}; what is finished is "
            "safe; mend that, and run the same command again"
        ) from None


def _check_lease(path: Path, takeover: bool) -> None:
    """Raise RunError if a driver on another machine has the run.

    The lock does not reach that far on every file system.
    """
    lease = None if takeover else lease_of(path)
    if lease is not None and lease["host"] != socket.gethostname():
        raise RunError(
            f"{path}: must have one driver at a time; {_owner(path)} had it last; pass --takeover if that one is dead"
        )


def _retire(path: Path) -> None:
    """Put our lease aside: nobody is at work, and what it says of the work asked for stays known."""
    with contextlib.suppress(FileNotFoundError):
        (path / LEASE).replace(path / LAST_LEASE)


def _owner(path: Path) -> str:
    owner = lease_of(path)
    return f"process {owner['pid']} on {owner['host']}, since {owner['started']}" if owner else "another process"


def _began(pid: int) -> int | None:
    """Return when a process began, in ticks since this machine did; None where that is not to be known."""
    fields = _process(pid)
    return int(fields[19]) if fields else None


def _is_defunct(pid: int) -> bool:
    """Return whether a process has ended, and only its parent has not heard of it."""
    return _process(pid)[:1] in (["Z"], ["X"])


def _process(pid: int) -> list[str]:
    """Return Linux's facts about a process, from the third (proc(5), /proc/pid/stat): before it is its name."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: must be readable; {error.strerror or error}") from None
    except ValueError:
        raise RunError(f"{path}: must be JSON; it is damaged; restore it from a copy") from None
    if not isinstance(content, dict):
        raise RunError(f"{path}: must be a JSON object; got {type(content).__name__}")
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file that is either whole or not there; the driver's lock makes us its only writer."""
    beginning = path.with_name(f".{path.name}")
    with writing(path):
        with beginning.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        beginning.replace(path)


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
