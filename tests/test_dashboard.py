"""optuna-dashboard opens a run as README says: its journal, or the database that has its entries."""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_store import DRAWS, IDENTITY, SPACE, entry, failed

from anynas.store import Run, recording

PROGRAM = shutil.which("optuna-dashboard", path=str(Path(sys.executable).parent)) or shutil.which("optuna-dashboard")
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="optuna-dashboard is not installed: pip install 'anynas[dashboard]'"
)


@contextlib.contextmanager
def dashboard(storage: object, folder: Path) -> Iterator[str]:
    """Yield the address of a dashboard that answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(PROGRAM), str(storage), "--host", "127.0.0.1", "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    with (folder / "dashboard.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            deadline = time.monotonic() + 300
            while True:
                assert process.poll() is None, (folder / "dashboard.log").read_text()
                try:
                    urllib.request.urlopen(f"{address}/api/meta", timeout=60).close()
                    break
                except OSError:
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
            yield address
        finally:
            process.kill()


def fetched(address: str) -> str:
    with urllib.request.urlopen(address, timeout=120) as answer:
        text: str = answer.read().decode()
        return text


def record(tmp_path: Path, url: str | None) -> Run:
    with recording(tmp_path / "run", IDENTITY, storage=url) as recorder:
        for each in (entry(0, error=21.5), entry(1, error=19.25), failed(2)):
            recorder.add(each, SPACE)
    return recorder.run


@pytest.mark.parametrize("where", ["journal", "database"])
def test_a_run_is_shown_with_its_trials_and_stays_as_it_is(tmp_path: Path, where: str) -> None:
    url = f"sqlite:///{tmp_path / 'runs.db'}" if where == "database" else None
    run = record(tmp_path, url)
    before, entries = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}, run.entries()
    with dashboard(url or run.path / "journal.log", tmp_path) as address:
        assert "<html" in fetched(f"{address}/dashboard").lower()
        (study,) = json.loads(fetched(f"{address}/api/studies"))["study_summaries"]
        shown: dict[str, Any] = json.loads(fetched(f"{address}/api/studies/{study['study_id']}"))
    assert re.fullmatch(r"trials|run-[0-9a-f]{8}", study["study_name"])
    assert [trial["state"] for trial in shown["trials"]] == ["Complete", "Complete", "Fail"]
    assert [trial["values"] for trial in shown["trials"][:2]] == [[21.5], [19.25]]
    parameters = {each["name"]: each["param_external_value"] for each in shown["trials"][1]["params"]}
    assert parameters == {name: str(value) for name, value in SPACE.columns_of(DRAWS[1]).items()}
    assert run.entries() == entries
    assert {path: path.read_bytes() for path in before} == before
