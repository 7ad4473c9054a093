"""How far a run is: counts, time left and the driver's fate from the files alone, and nothing written for it."""

import dataclasses
import datetime
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_store import HOLDS, IDENTITY, SPACE, contents, entry, failed, write

from anynas.folder import check_free
from anynas.status import Driver
from anynas.store import load_run, recording, write_result
from anynas.trials import TrialResult

ABOUT = {"trials": {"plain": 10}, "trainings": {"plain": 17.0}, "minutes": None, "executor": "process", "workers": 2}
RUNGS = {**IDENTITY, "fidelity": {"epochs": 9, "images": "all"}, "rungs": 2, "reduction": 3}


def diverged(number: int) -> Any:
    return entry(number, result=TrialResult(state="complete", error=90.0, seconds=1.25, reason="diverged"))


@pytest.fixture
def held(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A run whose driver is another process."""
    command = [sys.executable, "-c", HOLDS, tmp_path / "run", json.dumps(IDENTITY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        yield process
        process.kill()


def lease(path: Path, **changes: Any) -> None:
    fields = {"host": socket.gethostname(), "pid": os.getpid(), "started": "2026-01-02T03:04:05+00:00", **ABOUT}
    (path / "driver.json").write_text(json.dumps({**fields, **changes}))


# Counts


def test_a_run_at_work_tells_its_driver_how_far_it_is_the_best_and_what_went_wrong(tmp_path: Path) -> None:
    with recording(tmp_path / "run", IDENTITY, about=ABOUT) as recorder:
        for each in (
            entry(0, error=30.0),
            entry(1, error=12.5),
            failed(2),
            failed(3),
            failed(4, "killed"),
            diverged(5),
        ):
            recorder.add(each, SPACE)
        recorder.add(entry(1, role="confirmation", seed=8, error=1.0), SPACE)
        status = recorder.run.status()
    assert (status.driver, status.pid, status.host) == (Driver.AT_WORK, os.getpid(), socket.gethostname())
    assert (status.finished, status.asked, status.workers, status.final_trainings) == (6, 10, 2, 1)
    assert {what: status.total(what) for what in ("pruned", "failed", "diverged", "retried")} == {
        "pruned": 0,
        "failed": 3,
        "diverged": 1,
        "retried": 2,
    }
    assert status.reasons == {"ValueError: no": 2, "killed": 1}
    assert status.best is not None
    assert (status.best.number, status.best.error, status.best.flops) == (1, 12.5, 1001)
    assert status.best.key == entry(1).architecture.key
    assert status.seconds_since is not None
    assert 0 <= status.seconds_since < 60
    assert not status.is_finished
    assert status.may_go_on


def test_what_is_asked_is_told_as_the_run_has_it(tmp_path: Path) -> None:
    question = write(tmp_path / "run", []).status().question
    assert dataclasses.asdict(question) == {
        "study": "search",
        "spaces": ("plain",),
        "regimes": ("fashion",),
        "data": "fashion-mnist-mini",
        "samplers": ("random",),
        "seed": 0,
        "fidelities": ({"epochs": 2, "images": "all"},),
        "rungs": 1,
    }


def test_after_the_driver_has_ended_it_is_still_known_how_much_was_asked(tmp_path: Path) -> None:
    with recording(tmp_path / "run", IDENTITY, about=ABOUT) as recorder:
        recorder.add(entry(0), SPACE)
    status = recorder.run.status()
    assert (status.driver, status.finished, status.asked, status.seconds_left) == (Driver.ABSENT, 1, 10, None)
    assert not status.is_finished


def test_a_run_of_which_nothing_is_known_but_its_entries_tells_those(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(0)])
    (run.path / "last_driver.json").unlink()
    status = run.status()
    assert (status.driver, status.finished, status.asked, status.is_finished) == (Driver.ABSENT, 1, None, False)


def test_a_search_is_finished_when_its_result_is_there_and_no_more_is_asked(tmp_path: Path) -> None:
    with recording(tmp_path / "run", IDENTITY, about={**ABOUT, "trials": {"plain": 2}}) as recorder:
        for number in range(2):
            recorder.add(entry(number), SPACE)
        run = recorder.run
    assert not run.status().is_finished, "the winner is not chosen yet"
    write_result(run, {"number": 1, "trials": 2})
    status = run.status()
    assert status.is_finished
    assert status.result == {"number": 1, "trials": 2}
    with recording(tmp_path / "run", IDENTITY, about=ABOUT):
        pass
    assert not run.status().is_finished, "it was extended to 10"
    write(run.path, [entry(2)])
    assert not run.status().is_finished, "nor without a number, as a budget of minutes may have extended it"
    write_result(run, {"number": 1, "trials": 3})
    (run.path / "last_driver.json").unlink()
    assert run.status().is_finished, "of older runs the result tells how many trials there are"


def test_where_fewer_are_asked_than_were_finished_before_none_is_missing(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(number) for number in range(3)])
    with recording(run.path, IDENTITY, about={**ABOUT, "trials": {"plain": 2}, "trainings": {"plain": 2.0}}):
        status = run.status()
    assert (status.finished, status.asked, status.seconds_left) == (3, 3, 0.0)


def test_a_population_has_counts_of_its_own(tmp_path: Path) -> None:
    asks = {name: IDENTITY[name] for name in ("space", "regime", "recipe", "fidelity", "seed", "sampler", "bounds")}
    other = {**asks, "fidelity": {"epochs": 1, "images": 64}}
    identity = {"study": "mine", "seed": 0, "data": "synthetic", "populations": {"a": asks, "b": other}}
    about = {"trials": {"a": 4, "b": 6}, "executor": "inline", "workers": 1}
    slow = dataclasses.replace(entry(0).result, seconds=10.0)
    with recording(tmp_path / "run", identity, about=about) as recorder:
        for each in (
            entry(0, role="population", space="a", error=30.0),
            entry(1, role="population", space="a", error=31.0),
            entry(0, role="population", space="b", result=slow),
        ):
            recorder.add(each, SPACE)
        status = recorder.run.status()
    assert [(each.name, each.finished, each.asked) for each in status.populations] == [("a", 2, 4), ("b", 1, 6)]
    assert [each.best.error for each in status.populations if each.best] == [30.0, 20.0]
    assert (status.finished, status.asked) == (3, 10)
    assert status.seconds_left == pytest.approx(2 * 1.25 + 5 * 10.0)
    assert status.question.fidelities == ({"epochs": 2, "images": "all"}, {"epochs": 1, "images": 64})
    json.dumps(status.to_dict())


# Time left


def test_the_time_left_is_what_is_missing_at_the_pace_of_this_drivers_trials(tmp_path: Path) -> None:
    old = dataclasses.replace(entry(0).result, seconds=1000.0)
    run = write(tmp_path / "run", [entry(0, result=old)])
    time.sleep(1.1)  # a lease begins at a whole second
    with recording(run.path, IDENTITY, about=ABOUT) as recorder:
        assert run.status().seconds_left == pytest.approx(16 * 1000 / 2), "of this driver there is none yet"
        recorder.add(entry(1), SPACE)
        recorder.add(failed(2), SPACE)
        assert run.status().seconds_left == pytest.approx(14 * 1.25 / 2)


def test_a_trial_that_has_paused_counts_for_the_epochs_that_it_was_trained(tmp_path: Path) -> None:
    short = TrialResult(state="pruned", error=40.0, seconds=3.0)
    full = TrialResult(state="complete", error=30.0, seconds=9.0)
    about = {**ABOUT, "trials": {"plain": 4}, "trainings": {"plain": 3.0}, "workers": 1}
    with recording(tmp_path / "run", RUNGS, about=about) as recorder:
        for each in (entry(0, result=short, epochs=3), entry(1, result=short, epochs=3)):
            recorder.add(each, SPACE)
        assert recorder.run.status().total("pruned") == 2
        recorder.add(entry(1, result=full, epochs=9, rung=2), SPACE)
        status = recorder.run.status()
    assert (status.finished, status.total("pruned")) == (2, 1)
    assert status.seconds_left == pytest.approx((3 - 1 / 3 - 1) * 9.0)


def test_a_budget_of_minutes_ends_when_it_is_spent(tmp_path: Path) -> None:
    with recording(
        tmp_path / "run", IDENTITY, about={**ABOUT, "trials": None, "trainings": None, "minutes": 2}
    ) as record:
        left, asked = record.run.status().seconds_left, record.run.status().asked
    assert asked is None
    assert left is not None
    assert 100 < left <= 120
    with recording(tmp_path / "run", IDENTITY, about={**ABOUT, "minutes": 1e9}) as record:
        record.add(entry(0), SPACE)
        assert record.run.status().seconds_left == pytest.approx(16 * 1.25 / 2), "whatever ends first"


# The driver's fate


def test_a_driver_that_was_killed_has_died_and_its_last_lines_are_there(
    held: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    run = load_run(tmp_path / "run")
    (run.path / "driver.log").write_text("".join(f"line {number}\n\n" for number in range(900)))
    assert (run.status().driver, run.status().log) == (Driver.AT_WORK, ())
    held.kill()
    deadline = time.monotonic() + 30
    while run.status().driver is Driver.AT_WORK and time.monotonic() < deadline:
        time.sleep(0.01)
    assert run.status().driver is Driver.DIED, "though nobody has waited for it yet"
    held.wait()
    status = run.status()
    assert (status.driver, status.pid, status.may_go_on) == (Driver.DIED, held.pid, False)
    assert status.log == tuple(f"line {number}" for number in range(895, 900))


def test_another_process_with_the_dead_drivers_number_is_not_the_driver(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [])
    lease(run.path, began=1)
    assert run.status().driver is Driver.DIED
    check_free(run.path, takeover=False)
    lease(run.path)
    assert run.status().driver is Driver.AT_WORK, "a lease without that is believed"


def test_of_a_driver_on_another_machine_it_is_not_known_whether_it_lives(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(0)])
    lease(run.path, host="elsewhere", pid=41)
    status = run.status()
    assert (status.driver, status.host, status.pid) == (Driver.ELSEWHERE, "elsewhere", 41)
    assert (status.may_go_on, status.seconds_left) == (True, pytest.approx(16 * 1.25 / 2)), "if it does"


def test_half_a_lease_is_none(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [])
    (run.path / "driver.json").write_text('{"host": "elsewh')
    assert run.status().driver is Driver.ABSENT


# Looking changes nothing


def test_looking_changes_nothing_even_where_a_crash_tore_the_journal(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(0), entry(1)])
    lease(run.path, pid=2**22 + 1)
    journal = run.path / "journal.log"
    journal.write_bytes(journal.read_bytes()[:-40])
    (run.path / "journal.log.lock").symlink_to(journal)  # as a dead writer leaves it
    before = contents(run.path)
    status = run.status()
    assert (status.finished, status.driver) == (1, Driver.DIED)
    assert contents(run.path) == before


def test_a_run_without_a_journal_gets_none(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [])
    (run.path / "journal.log").unlink()
    assert run.status().finished == 0
    assert not (run.path / "journal.log").exists()


def test_a_run_in_a_database_has_the_status_of_one_in_a_journal(tmp_path: Path) -> None:
    found = []
    for name, storage in (("journal", None), ("database", f"sqlite:///{tmp_path}/runs.db")):
        with recording(tmp_path / name, IDENTITY, storage=storage, about=ABOUT) as recorder:
            for each in (entry(0), failed(1), diverged(2)):
                recorder.add(each, SPACE)
            status = recorder.run.status()
        found.append(dataclasses.replace(status, run="", at="", since="", last_finished=None, seconds_since=None))
        assert status.seconds_since is not None
        assert 0 <= status.seconds_since < 60
    assert found[0] == found[1]


def test_times_are_right_whatever_the_time_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")  # 14 hours ahead
    time.tzset()
    try:
        status = write(tmp_path / "run", [entry(0)]).status()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert status.seconds_since is not None
    assert 0 <= status.seconds_since < 60
    assert status.last_finished is not None
    assert datetime.datetime.fromisoformat(status.last_finished).utcoffset() == datetime.timedelta(0)
