"""Runs with their entries in PostgreSQL: what the journal has, whoever is killed, the driver or the server."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from doubles import PLAIN_SPACE, TINY_FIDELITY, without_costs
from postgresql_server import PASSWORD, Server, find_programs
from small_study import write as write_study
from test_store import IDENTITY, SPACE, entry, write

import anynas
from anynas.cli import main
from anynas.database import Database
from anynas.errors import RunError
from anynas.store import load_run, recording

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'anynas[postgresql]'")
PROGRAMS = find_programs()
pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL's initdb and pg_ctl are not installed"),
]
UNREADABLE = "must be a database that can be reached, read and written"
TO_DO = "see that it is up and lets you in, then run the same command again"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    assert PROGRAMS is not None
    running = Server(PROGRAMS)
    yield running
    running.remove()


@pytest.fixture
def url(server: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of an empty database; the password is in the environment."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    return server.create_database(f"d{abs(hash(request.node.name))}")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.toml"
    path.write_text(PLAIN_SPACE)
    return path


def no_password_in(folder: Path) -> bool:
    return all(PASSWORD.encode() not in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_search_has_the_journals_table_and_winner_and_two_runs_do_not_mix(
    plain: Path, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = {"sampler": "random", "executor": "inline", "fidelity": TINY_FIDELITY, "flops": (0, float("inf"))}
    for trials in (2, 5):  # extended, as the other is
        here = anynas.search(plain, trials=trials, run=tmp_path / "here", **common)
    anynas.search(plain, trials=2, run=tmp_path / "there", storage=url, **common)
    other = anynas.search(plain, trials=3, run=tmp_path / "other" / "there", storage=url, **common)
    there = anynas.search(plain, trials=5, run=tmp_path / "there", **common)  # without being told again
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")  # reading writes nothing, or fails here
    assert without_costs(there.table()).equals(without_costs(here.table()))
    assert there.result() == here.result()
    assert len(other.table()) == 3
    assert len(there.entries()) == len(here.entries())
    assert no_password_in(tmp_path)


def test_a_study_has_the_journals_table_and_verdicts(tmp_path: Path, url: str) -> None:
    study = write_study(tmp_path)
    runs = [
        anynas.run_study(study, models=3, executor="inline", run=tmp_path / name, storage=where)
        for name, where in (("here", None), ("there", url))
    ]
    here, there = (without_costs(load_run(run.path).table()) for run in runs)
    assert there.equals(here)
    verdicts = [{**anynas.judge(run).to_dict(), "provenance": None} for run in runs]
    assert verdicts[0] == verdicts[1]


def test_a_driver_killed_and_a_server_crashed_in_mid_run_lose_nothing_and_double_nothing(
    plain: Path, tmp_path: Path, url: str, server: Server
) -> None:
    (tmp_path / "tiny.toml").write_text("epochs = 2\nimages = 1280\nresolution = 12\n")
    command = [
        *(sys.executable, "-m", "anynas", "search", "--space", "plain.toml", "--sampler", "random", "--trials", "8"),
        *("--executor", "inline", "--flops", "0:", "--fidelity", "tiny.toml"),
    ]
    killed = [*command, "--run", "run", "--storage", url]
    driver = subprocess.Popen(killed, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and driver.poll() is None:
        if (tmp_path / "run" / "run.json").exists() and len(load_run(tmp_path / "run").entries()) >= 2:
            break
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    assert driver.returncode == -signal.SIGKILL
    kept = load_run(tmp_path / "run").entries()
    assert 2 <= len(kept) < 8
    server.stop("immediate")
    server.start()
    assert load_run(tmp_path / "run").entries() == kept
    for again in (killed, [*command, "--run", "reference"]):
        done = subprocess.run(again, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    run, reference = load_run(tmp_path / "run"), load_run(tmp_path / "reference")
    assert without_costs(run.table()).equals(without_costs(reference.table()))
    assert run.result() == reference.result()
    assert len(run.entries()) == len(reference.entries())
    assert [e for e in run.entries() if e in kept] == kept, "nothing finished is trained again"


def test_a_server_restarted_under_a_driver_at_work_is_no_error(tmp_path: Path, url: str, server: Server) -> None:
    with recording(tmp_path / "run", IDENTITY, storage=url) as recorder:
        recorder.add(entry(0), SPACE)
        server.stop()
        server.start()
        recorder.add(entry(1), SPACE)
    assert recorder.run.entries() == write(tmp_path / "here", [entry(0), entry(1)]).entries()


def test_a_server_that_goes_away_ends_the_run_with_one_line(tmp_path: Path, url: str, server: Server) -> None:
    server.stop()
    try:
        with pytest.raises(RunError) as caught, recording(tmp_path / "run", IDENTITY, storage=url):
            pass
    finally:
        server.start()
    assert str(caught.value).startswith(f"{url}: {UNREADABLE}; ")
    assert str(caught.value).endswith(f"; {TO_DO}")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_wrong_password_gets_one_line_and_exit_code_2(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGPASSWORD", "wrong, but secret")
    monkeypatch.chdir(tmp_path)
    code = main(["search", "--space", "AnyNetD", "--executor", "inline", "--storage", url])
    said = capsys.readouterr()
    assert (code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith(f"anynas: {url}: {UNREADABLE}; ")
    assert "password authentication failed" in said.err
    assert "but secret" not in said.err
    assert not list(tmp_path.iterdir())


def test_a_user_who_may_not_create_tables_gets_one_line_and_no_run(tmp_path: Path, url: str, server: Server) -> None:
    database = url.split("/")[3].split("?")[0]
    server.sql(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    server.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database)
    with (
        pytest.raises(RunError) as caught,
        recording(tmp_path / "run", IDENTITY, storage=server.url(database, "guest")),
    ):
        pass
    assert str(caught.value) == (
        f"{server.url(database, 'guest')}: {UNREADABLE}; permission denied for schema public; {TO_DO}"
    )
    assert not (tmp_path / "run" / "run.json").exists()


def test_drivers_that_begin_at_once_in_an_empty_database_all_find_its_tables(url: str) -> None:
    databases = [Database(url=url, studies={"plain": f"run-{number}"}) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Database.create, databases))
    assert [database.read() for database in databases] == [[]] * 4
