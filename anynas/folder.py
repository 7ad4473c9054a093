"""A run's folder: JSON files that are either whole or not there, and one driver at a time."""

import contextlib
import datetime
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anynas.errors import RunError


@contextlib.contextmanager
def one_driver(path: Path, *, takeover: bool) -> Iterator[None]:
    """Hold a run's folder for this process, making it if there is none; driver.json in it names the holder.

    Raises:
        RunError: Another driver is at work on it, or had it last on another machine, or it cannot be written to.
    """
    import filelock

    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path / "driver.lock", timeout=0)
        lock.acquire()
    except filelock.Timeout:
        raise RunError(
            f"{path}: must have one driver at a time; {_owner(path)} is at work on it; wait for it, or stop it"
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise RunError(f"{path}: must be a folder that can be written to; {reason}; choose another --run") from None
    with contextlib.ExitStack() as stack:
        stack.callback(lock.release)
        _check_lease(path, takeover)
        stack.callback((path / "driver.json").unlink, missing_ok=True)  # ours from here on, not another host's
        write_json(path / "driver.json", {"host": socket.gethostname(), "pid": os.getpid(), "started": now()})
        yield


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the end: a write that they cut short would leave a lock behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
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
    lease = path / "driver.json"
    if not lease.exists() or takeover:
        return
    try:
        host = read_json(lease).get("host")
    except RunError:  # half a file: its writer died here, under the lock that we now hold
        return
    if host != socket.gethostname():
        raise RunError(
            f"{path}: must have one driver at a time; {_owner(path)} had it last; pass --takeover if that one is dead"
        )


def _owner(path: Path) -> str:
    try:
        owner = read_json(path / "driver.json")
        return f"process {owner['pid']} on {owner['host']}, since {owner['started']}"
    except (RunError, KeyError):
        return "another process"


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
