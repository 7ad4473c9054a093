"""Entries in a database, with SQLite, which needs no server: the same record as in the journal, and no password."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from doubles import TINY_FIDELITY, plain_space, without_costs
from small_study import write as write_study
from test_store import IDENTITY, SPACE, entry, failed, write

import anynas
from anynas.database import storage_url
from anynas.errors import AnynasError, RunError, SettingsError
from anynas.storage import check_storage, storage_of
from anynas.store import Run, load_run, recording

ENTRIES = [entry(2), failed(0), entry(1), entry(1, role="confirmation", seed=8), entry(1, role="test", seed=9)]


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'runs.db'}"


def record(path: Path, url: str | None, entries: list[Any]) -> Run:
    with recording(path, IDENTITY, storage=url) as recorder:
        for each in entries:
            recorder.add(each, SPACE)
        return recorder.run


def refused(path: Path, url: str) -> str:
    with pytest.raises(AnynasError) as caught:
        record(path, url, [])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def names(url: str) -> list[str]:
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        found = [name for (name,) in connection.execute(sqlalchemy.text("SELECT study_name FROM studies ORDER BY 1"))]
    engine.dispose()
    return found


# The same record


def test_entries_are_those_of_the_journal(tmp_path: Path) -> None:
    there, here = record(tmp_path / "there", url_in(tmp_path), ENTRIES), write(tmp_path / "here", ENTRIES)
    assert there.entries() == here.entries() == load_run(tmp_path / "there").entries()
    assert there.table().equals(here.table())
    assert there.curves().equals(here.curves())
    assert not (there.path / "journal.log").exists()


def test_a_run_says_where_its_entries_are_and_goes_on_without_being_told(tmp_path: Path) -> None:
    url = url_in(tmp_path)
    run = record(tmp_path / "run", url, [entry(0)])
    content = json.loads((run.path / "run.json").read_text())
    (name,) = names(url)
    assert content["storage"] == {"url": url, "studies": {"plain": name}}
    assert name.startswith("run-")
    assert content["identity"] == IDENTITY
    for given in (None, url):
        record(tmp_path / "run", given, [entry(1 if given else 2)])
    assert [e.number for e in run.entries()] == [0, 1, 2]


def test_a_journals_run_json_does_not_speak_of_storage(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [])
    assert list(json.loads((run.path / "run.json").read_text())) == ["schema", "created", "identity"]


def test_runs_of_one_question_in_folders_of_one_name_do_not_mix(tmp_path: Path) -> None:
    url = url_in(tmp_path)
    runs = [record(tmp_path / place / "run", url, [entry(number)]) for number, place in enumerate("ab")]
    assert [[e.number for e in run.entries()] for run in runs] == [[0], [1]]
    assert len(names(url)) == 2


def test_populations_may_differ_in_the_choices_of_one_parameter(tmp_path: Path) -> None:
    identity = {**IDENTITY, "study": "two", "populations": {"even": IDENTITY, "uneven": IDENTITY}}
    spaces = {"even": plain_space(widths=[4, 8, 12]), "uneven": plain_space(widths=[4, 12, 16])}  # a range, a list
    with recording(tmp_path / "run", identity, storage=url_in(tmp_path)) as recorder:
        for name, space in spaces.items():
            (drawn,) = space.sample(1, seed=0)
            own = {"space": name, "architecture": drawn, "columns": space.columns_of(drawn)}
            recorder.add(entry(0, role="population", **own), space)
    assert [e.space for e in recorder.run.entries()] == ["even", "uneven"]
    assert [name.split("/")[1] for name in names(url_in(tmp_path))] == ["even", "uneven"]


def test_a_study_in_a_database_has_the_journals_table(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    runs = [
        anynas.run_study(study, models=2, executor="inline", run=tmp_path / name, storage=url)
        for name, url in (("here", None), ("there", url_in(tmp_path)))
    ]
    here, there = (without_costs(run.table()) for run in runs)
    assert there.equals(here)


# One transaction a trial; reading writes nothing


def test_a_search_on_rungs_has_the_journals_table_and_history(tmp_path: Path) -> None:
    runs = [
        anynas.search(
            plain_space(),
            trials=6,
            sampler="random",
            executor="inline",
            rungs=2,
            reduction=2,
            fidelity=dataclasses.replace(TINY_FIDELITY, epochs=2),
            run=tmp_path / name,
            storage=url,
        )
        for name, url in (("there", url_in(tmp_path)), ("here", None))
    ]
    there, here = runs
    assert set(here.table()["state"]) == {"complete", "pruned"}
    assert without_costs(there.table()).equals(without_costs(here.table()))
    steps = [[(e.role, e.number, e.epochs, e.result.state) for e in run.history()] for run in runs]
    assert steps[0] == steps[1]
    assert len(steps[0]) > len(there.entries())


def test_a_finished_trial_is_one_commit_that_wrote(tmp_path: Path) -> None:
    run = record(tmp_path / "run", url_in(tmp_path), [])
    log: list[str] = []

    def executed(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        log.append(statement.split()[0])

    def committed(connection: Any) -> None:
        log.append("COMMIT")

    listeners = {"before_cursor_execute": executed, "commit": committed}
    for name, listener in listeners.items():
        sqlalchemy.event.listen(sqlalchemy.Engine, name, listener)
    try:
        with recording(run.path, IDENTITY) as recorder:
            log.clear()
            recorder.add(entry(0), SPACE)
            written = list(log)
            log.clear()
            run.table()
            read = set(log)
    finally:
        for name, listener in listeners.items():
            sqlalchemy.event.remove(sqlalchemy.Engine, name, listener)
    transactions = " ".join(written).split("COMMIT")
    assert sum("INSERT" in each or "UPDATE" in each for each in transactions) == 1
    assert not read & {"INSERT", "UPDATE", "DELETE", "CREATE", "ALTER"}


def test_reading_changes_no_byte_and_makes_no_file(tmp_path: Path) -> None:
    run = record(tmp_path / "run", url_in(tmp_path), ENTRIES)
    before = (tmp_path / "runs.db").read_bytes()
    for read in (run.entries, run.table, run.best, run.front, run.failures, run.curves, run.confirmations):
        read()
    check_storage(run.path, None)
    assert (tmp_path / "runs.db").read_bytes() == before
    (tmp_path / "runs.db").unlink()
    (name,) = storage_of(run.path).studies.values()  # type: ignore[attr-defined]
    for use in (run.table, lambda: record(run.path, None, [])):
        with pytest.raises(RunError) as caught:
            use()
        assert str(caught.value) == (
            f'{url_in(tmp_path)}: must be the database with the run\'s Optuna studies, "{name}"; they are not there; '
            "restore it, or correct the url in run.json"
        )
    assert not (tmp_path / "runs.db").exists()


def test_an_entry_that_optuna_wrote_again_after_a_broken_connection_is_read_once(tmp_path: Path) -> None:
    run = record(tmp_path / "run", url_in(tmp_path), [entry(0), entry(0), entry(1)])
    assert [e.number for e in run.entries()] == [0, 1]


DIES = """
import os, sys
from pathlib import Path
import sqlalchemy
import test_store as ours
from anynas.store import recording
with recording(Path(sys.argv[1]), ours.IDENTITY) as recorder:
    recorder.add(ours.entry(1), ours.SPACE)
    sqlalchemy.event.listen(sqlalchemy.Engine, "commit", lambda connection: os.kill(os.getpid(), 9))
    recorder.add(ours.entry(2), ours.SPACE)
"""


def test_a_driver_killed_before_a_commit_leaves_nothing_of_that_trial(tmp_path: Path) -> None:
    run = record(tmp_path / "run", url_in(tmp_path), [entry(0)])
    tests = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run([sys.executable, "-c", DIES, run.path], env={**os.environ, "PYTHONPATH": tests})
    assert ended.returncode == -9
    assert [e.number for e in run.entries()] == [0, 1]
    record(run.path, None, [entry(2)])
    assert [e.number for e in run.entries()] == [0, 1, 2]


# What is refused, and how


def test_the_storage_of_a_run_may_not_change(tmp_path: Path) -> None:
    url, other = url_in(tmp_path), f"sqlite:///{tmp_path / 'other.db'}"
    here, there = write(tmp_path / "here", []), record(tmp_path / "there", url, [])
    said = "a run's storage must not change; it has"
    assert refused(here.path, url) == f"{here.path}: {said} journal.log, got {url}; choose another --run"
    assert refused(there.path, other) == f"{there.path}: {said} {url}, got {other}; choose another --run"
    assert not (tmp_path / "other.db").exists()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@host/db",
        "postgresql+psycopg://host/db?user=me&password=hunter2",
        "postgresql://me/you:hunter2@host/db",
        "mysql://host/db?passwd=hunter2",
        "me:hunter2@host/db",
        "postgresql://me:hunter2@host:port/db",
    ],
)
def test_a_password_is_refused_and_told_to_nobody(tmp_path: Path, url: str) -> None:
    said = refused(tmp_path / "run", url)
    assert "hunter2" not in said
    assert said.startswith(("storage must be a URL without a password", "storage must be a URL such as"))
    assert not list(tmp_path.iterdir())


def test_the_line_about_a_password_says_what_to_do() -> None:
    with pytest.raises(SettingsError) as caught:
        storage_url("postgresql://me:hunter2@host/db")
    assert str(caught.value) == (
        "storage must be a URL without a password, as it is kept in run.json; leave the password out, and give it in "
        "the variable PGPASSWORD or in ~/.pgpass (PostgreSQL), or in an option file (MySQL)"
    )


EXAMPLES = "sqlite:///runs.db or postgresql://user@host/database"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("runs.db", f'storage must be a URL such as {EXAMPLES}; got "runs.db"'),
        ("redis://host", f'storage must be a database that Optuna knows, such as {EXAMPLES}; got "redis"'),
        ("sqlite://", 'storage must be a file that stays, such as sqlite:///runs.db; got ""'),
        ("sqlite:///:memory:", 'storage must be a file that stays, such as sqlite:///runs.db; got ":memory:"'),
        (
            "sqlite:////no/such/folder/a.db",
            "sqlite:////no/such/folder/a.db: must lie in a folder that is there; /no/such/folder is none",
        ),
        (
            "postgresql+pg8000://host/db",
            "storage postgresql+pg8000 must have its Python module; No module named 'pg8000'; pip install "
            "'anynas[postgresql]'",
        ),
    ],
)
def test_a_storage_that_cannot_be_used_is_refused_before_anything_is_written(
    tmp_path: Path, url: str, message: str
) -> None:
    assert refused(tmp_path / "run", url) == message
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_text("all of my thesis, which is long enough to be no header of a database\n" * 20)
    assert refused(tmp_path / "run", url_in(tmp_path)) == (
        f"{url_in(tmp_path)}: must be a database that can be reached, read and written; file is not a database; see "
        "that it is up and lets you in, then run the same command again"
    )
    assert not (tmp_path / "run").exists()


def test_a_relative_path_is_kept_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert storage_url("sqlite:///runs.db") == url_in(tmp_path)
    assert storage_url(url_in(tmp_path)) == url_in(tmp_path)
    server = "postgresql+psycopg://me@/db?host=%2Ftmp%2Fsocket&port=5433"
    assert storage_url(server) == server


def test_a_planned_search_writes_nothing(tmp_path: Path) -> None:
    from anynas.driver.search import plan_search

    plan = plan_search(SPACE, executor="inline", run=tmp_path / "run", storage=url_in(tmp_path), fidelity=TINY_FIDELITY)
    assert plan.storage == url_in(tmp_path)
    assert not list(tmp_path.iterdir())
