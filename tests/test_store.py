"""The record: one entry a finished trial, crashes mended, one driver a run, and tables that hold what was promised."""

import dataclasses
import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import filelock
import optuna
import pandas as pd
import pytest
from doubles import plain_space
from hypothesis import given, settings
from hypothesis import strategies as st

from anynas.designspace import load_space
from anynas.errors import RunError
from anynas.store import LIST_COLUMNS, Entry, Recorder, Run, load_run, recording, write_result
from anynas.terminal import text_of
from anynas.trials import CurvePoint, TrialResult
from anynas.views.searches import print_faults

SPACE = plain_space()
DRAWS = SPACE.sample(40, seed=0)
IDENTITY: dict[str, Any] = {
    "study": "search",
    "space": {"name": "plain", "digest": "0123456789abcdef"},
    "regime": "fashion",
    "data": "fashion-mnist-mini",
    "recipe": {"learning_rate": 0.1, "batch_size": 64},
    "fidelity": {"epochs": 2, "images": "all"},
    "seed": 0,
    "sampler": "random",
    "bounds": "flops 0.0:1200000.0",
    "objectives": ["error"],
}


def entry(number: int, *, error: float = 20.0, role: str = "search", seed: int = 7, **changes: Any) -> Entry:
    result = TrialResult(
        state="complete",
        error=error,
        curve=(CurvePoint(epoch=1, loss=1.5, error=error + 5), CurvePoint(epoch=2, loss=0.1 + 0.2, error=error)),
        seconds=1.25,
        peak_memory_bytes=1 << 30,
        device="a processor",
        lost=("worker killed by signal 9",),
        provenance={"anynas_version": "0.1.0", "torch_version": "2.13.0", "git_commit": "abc", "pid": "1"},
    )
    architecture = DRAWS[number]
    fields: dict[str, Any] = {
        "number": number,
        "role": role,
        "space": "plain",
        "architecture": architecture,
        "result": result,
        "seed": seed,
        "flops": 1000 + number,
        "params": 100 + number,
        "activations": 10 + number,
        "epochs": 2,
        "images": 10_000,
        "columns": SPACE.columns_of(architecture),
        "point": tuple(SPACE.encode(architecture).tolist()),
    }
    return Entry(**{**fields, **changes})


def failed(number: int, reason: str = "ValueError: no") -> Entry:
    return entry(number, result=TrialResult.failed(reason))


def write(path: Path, entries: Sequence[Entry], identity: dict[str, Any] = IDENTITY) -> Run:
    with recording(path, identity) as recorder:
        for each in entries:
            recorder.add(each, SPACE)
        return recorder.run


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(path: Path, identity: dict[str, Any] = IDENTITY, **options: Any) -> str:
    with pytest.raises(RunError) as caught, recording(path, identity, **options):
        pass
    return str(caught.value)


# One record a finished trial


def test_entries_come_back_as_they_were_written_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    written = [entry(2), failed(0), entry(1), entry(1, role="confirmation", seed=8), entry(1, role="test", seed=9)]
    run = write(tmp_path / "run", written)
    assert run.entries() == [written[1], written[2], written[0], written[3], written[4]]
    assert run.entries("search") == [written[1], written[2], written[0]]
    assert load_run(tmp_path / "run").entries("test") == [written[4]]


def test_the_journal_gains_one_line_for_each_finished_trial_and_none_for_reading(tmp_path: Path) -> None:
    with recording(tmp_path / "run", IDENTITY) as recorder:
        journal = tmp_path / "run" / "journal.log"
        before = len(journal.read_bytes().splitlines())
        for number in range(5):
            recorder.add(entry(number), SPACE)
            assert [e.number for e in load_run(tmp_path / "run").entries()] == list(range(number + 1))
            assert len(journal.read_bytes().splitlines()) == before + number + 1


def test_opening_a_run_again_and_again_leaves_its_journal_as_it_is(tmp_path: Path) -> None:
    write(tmp_path / "run", [entry(0)])
    journal = (tmp_path / "run" / "journal.log").read_bytes()
    for _ in range(3):
        write(tmp_path / "run", [])
    assert (tmp_path / "run" / "journal.log").read_bytes() == journal


def test_reading_a_run_changes_nothing_in_its_folder(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(0), failed(1)])
    before = contents(run.path)
    for read in (run.entries, run.table, run.best, run.front, run.failures, run.curves, run.confirmations):
        read()
    assert contents(run.path) == before


def test_a_run_that_has_no_journal_yet_is_read_as_empty_and_gets_none_from_that(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [])
    (run.path / "journal.log").unlink()
    assert run.entries() == []
    assert list(run.table().columns) == LIST_COLUMNS
    assert not (run.path / "journal.log").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_run_can_be_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(0)])
    run.path.chmod(0o555)
    try:
        assert len(run.table()) == 1
    finally:
        run.path.chmod(0o755)


def test_a_runs_files_can_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        run = write(tmp_path / "run", [entry(0)])
        write_result(run, {"number": 0})
    finally:
        os.umask(umask)
    modes = {path.name: path.stat().st_mode & 0o777 for path in run.path.iterdir()}
    names = ("run.json", "journal.log", "result.json", "driver.lock", "last_driver.json")
    assert modes == {name: 0o644 for name in names if name in modes}


def test_the_folder_holds_no_pickle(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(number) for number in range(3)])
    write_result(run, {"number": 0})
    for name, content in contents(run.path).items():
        text = content.decode("utf-8")  # a pickle's first byte is none of UTF-8
        assert "pickle" not in text
        for line in text.splitlines() if name == "journal.log" else [text or "{}"]:
            json.loads(line)


# NaN and infinity


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf, 1e308, 1e-320])
def test_a_diverged_trials_curve_survives_with_its_last_loss(tmp_path: Path, loss: float) -> None:
    curve = (CurvePoint(epoch=1, loss=2.5, error=60.0), CurvePoint(epoch=2, loss=loss, error=90.0))
    diverged = TrialResult(state="complete", error=90.0, curve=curve, reason="diverged", seconds=math.nan)
    run = write(tmp_path / "run", [entry(0, result=diverged)])
    (back,) = run.entries()
    assert repr(back.result) == repr(diverged)  # NaN equals itself there
    assert repr(run.curves()["loss"].tolist()) == repr([2.5, loss])


def test_the_journal_is_strict_json(tmp_path: Path) -> None:
    curve = (CurvePoint(epoch=1, loss=math.inf, error=math.nan),)
    run = write(tmp_path / "run", [entry(0, result=TrialResult(state="complete", error=90.0, curve=curve)), failed(1)])

    def none_of_json(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    for line in (run.path / "journal.log").read_text().splitlines():
        json.loads(line, parse_constant=none_of_json)


# Crashes


@pytest.fixture(scope="module")
def three_trials(tmp_path_factory: pytest.TempPathFactory) -> Run:
    short = TrialResult(state="complete", error=20.0)
    return write(tmp_path_factory.mktemp("store") / "run", [entry(number, result=short) for number in range(3)])


def test_a_record_torn_at_any_byte_is_set_aside_and_the_run_goes_on(three_trials: Run, tmp_path: Path) -> None:
    journal = (three_trials.path / "journal.log").read_bytes()
    first_lines, last = journal[: journal[:-1].rfind(b"\n") + 1], journal[journal[:-1].rfind(b"\n") + 1 :]
    entries = three_trials.entries()
    folder = tmp_path / "run"
    shutil.copytree(three_trials.path, folder)
    for length in range(len(last)):
        (folder / "journal.log").write_bytes(first_lines + last[:length])
        if length % 50 == 1:
            assert load_run(folder).entries() == entries[:2]  # a reader sees what is whole
        with recording(folder, IDENTITY) as recorder:
            assert (folder / "journal.log").read_bytes() == first_lines
            assert [path.read_bytes() for path in folder.glob("journal.log.torn-*")] == [last[:length]] * (length > 0)
            if length % 50 == 1:
                assert recorder.run.entries() == entries[:2]
                recorder.add(entries[2], SPACE)
                recorder.add(entry(3), SPACE)  # Optuna by itself would fail here, and never load it again
        if length % 50 == 1:
            assert [e.number for e in load_run(folder).entries()] == [0, 1, 2, 3]
            write(folder, [entry(4)])
            assert [e.number for e in load_run(folder).entries()] == [0, 1, 2, 3, 4]
        for path in folder.glob("journal.log.torn-*"):
            path.unlink()


def test_a_damaged_line_in_the_middle_is_an_error_for_the_driver_and_for_readers(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(number) for number in range(3)])
    journal = run.path / "journal.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    damaged = [*lines[:2], lines[2][:40] + b"\n", *lines[3:]]
    journal.write_bytes(b"".join(damaged))
    message = f"{journal}: each line must be JSON; line 3 is damaged; restore the file from a copy"
    assert refused(run.path) == message
    with pytest.raises(RunError) as caught:
        load_run(run.path).table()
    assert str(caught.value) == message
    assert journal.read_bytes() == b"".join(damaged)
    assert not (run.path / "driver.json").exists()


def test_a_lock_that_a_dead_writer_left_on_the_journal_is_removed(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(0)])
    lock = run.path / "journal.log.lock"
    lock.symlink_to(run.path / "journal.log")  # as Optuna's own lock does
    (run.path / "journal.log.lock0123.rename").symlink_to(run.path / "journal.log")
    started = time.monotonic()
    write(tmp_path / "run", [entry(1)])
    assert time.monotonic() - started < 10  # Optuna by itself waits for 30 s
    assert not list(run.path.glob("journal.log.lock*"))
    assert len(run.entries()) == 2


DIES = """
import json, os, sys
import anynas.store as store
real, calls = os.fsync, int(sys.argv[3])
def fsync(descriptor):
    global calls
    calls -= 1
    if calls < 0:
        os.kill(os.getpid(), 9)
    real(descriptor)
os.fsync = fsync
with store.recording(store.Path(sys.argv[1]), json.loads(sys.argv[2])):
    pass
"""


@pytest.mark.parametrize("write_that_kills", [0, 1, 2])
def test_a_folder_whose_first_driver_died_while_making_it_is_still_the_runs(
    tmp_path: Path, write_that_kills: int
) -> None:
    path = tmp_path / "run"
    ended = subprocess.run([sys.executable, "-c", DIES, path, json.dumps(IDENTITY), str(write_that_kills)])
    assert ended.returncode == -signal.SIGKILL
    assert path.is_dir()
    assert len(write(path, [entry(0)]).entries()) == 1


def test_a_half_written_driver_json_belongs_to_a_dead_driver(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(0)])
    (run.path / "driver.json").write_text('{"host": "elsewh')
    assert len(write(run.path, [entry(1)]).entries()) == 2


# One driver a run

HOLDS = """
import json, sys
from pathlib import Path
from anynas.store import recording
with recording(Path(sys.argv[1]), json.loads(sys.argv[2])):
    print("at work", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other_driver(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", HOLDS, tmp_path / "run", json.dumps(IDENTITY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        yield process
        process.kill()


def test_a_driver_that_was_killed_is_waited_for_until_it_has_let_go_of_its_lock(tmp_path: Path) -> None:
    """The process is gone for all who ask while its last threads still hold what it had open."""
    path = tmp_path / "run"
    with recording(path, IDENTITY):
        lease = json.loads((path / "driver.json").read_text())
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (path / "driver.json").write_text(json.dumps({**lease, "pid": ended.pid}))
    lock = filelock.FileLock(path / "driver.lock", thread_local=False)
    lock.acquire()
    threading.Timer(0.5, lock.release).start()
    with recording(path, IDENTITY) as recorder:
        assert recorder.run.entries() == []


def test_a_second_driver_is_refused_and_told_who_has_the_run(
    other_driver: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    path = tmp_path / "run"
    lease = json.loads((path / "driver.json").read_text())
    assert (lease["host"], lease["pid"]) == (socket.gethostname(), other_driver.pid)
    before = contents(path)
    message = (
        f"{path}: must have one driver at a time; process {other_driver.pid} on {socket.gethostname()}, since "
        f"{lease['started']} is at work on it; wait for it, or stop it"
    )
    assert refused(path) == message
    assert refused(path, takeover=True) == message  # the lock is held by a living process
    assert contents(path) == before
    other_driver.kill()
    other_driver.wait()
    assert len(write(path, [entry(0)]).entries()) == 1  # a dead one's lease is nobody's


def test_a_driver_leaves_no_lease_behind_however_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "run"

    def interrupted() -> None:
        with recording(path, IDENTITY) as recorder:
            recorder.add(entry(0), SPACE)
            assert (path / "driver.json").exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not (path / "driver.json").exists()
    assert len(write(path, [entry(1)]).entries()) == 2


def test_a_driver_on_another_host_keeps_its_run_until_it_is_taken_over(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(0)])
    lease = {"host": "elsewhere", "pid": 41, "started": "2026-01-02T03:04:05+00:00"}
    (run.path / "driver.json").write_text(json.dumps(lease))
    message = (
        f"{run.path}: must have one driver at a time; process 41 on elsewhere, since 2026-01-02T03:04:05+00:00 had it "
        "last; pass --takeover if that one is dead"
    )
    for _ in range(2):  # to be refused does not end the other's lease
        assert refused(run.path) == message
    assert json.loads((run.path / "driver.json").read_text()) == lease
    with recording(run.path, IDENTITY, takeover=True) as recorder:
        assert json.loads((run.path / "driver.json").read_text())["pid"] == os.getpid()
        recorder.add(entry(1), SPACE)
    assert len(run.entries()) == 2
    assert not (run.path / "driver.json").exists()


# The folder


def test_a_folder_with_other_things_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")
    message = f"{tmp_path}: must be a run's folder or a new one; it holds other things; choose another --run"
    assert refused(tmp_path) == message
    assert contents(tmp_path) == {"thesis.tex": b"all of it"}
    assert refused(tmp_path / "thesis.tex") == message.replace(str(tmp_path), str(tmp_path / "thesis.tex"))


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "run"
    assert refused(path) == f"{path}: must be a folder that can be written to; Not a directory; choose another --run"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o555)
    message = f"{tmp_path / 'run'}: must be a folder that can be written to; Permission denied; choose another --run"
    assert refused(tmp_path / "run") == message


def test_an_empty_folder_becomes_the_runs(tmp_path: Path) -> None:
    assert write(tmp_path, [entry(0)]).entries() == [entry(0)]


def test_a_relative_path_names_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = write(Path("runs/deep/run"), [entry(0)])
    monkeypatch.chdir("/")
    assert run.path == tmp_path / "runs" / "deep" / "run"
    assert len(run.entries()) == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("study", "population", "study must not change; it has search, got population"),
        (
            "space",
            {"name": "other", "digest": "0123456789abcdef"},
            "space name must not change; it has plain, got other",
        ),
        (
            "space",
            {"name": "plain", "digest": "ffff"},
            "space digest must not change; it has 0123456789abcdef, got ffff",
        ),
        ("regime", "cifar", "regime must not change; it has fashion, got cifar"),
        ("data", "synthetic", "data must not change; it has fashion-mnist-mini, got synthetic"),
        (
            "recipe",
            {"learning_rate": 0.2, "batch_size": 64},
            "recipe learning_rate must not change; it has 0.1, got 0.2",
        ),
        ("fidelity", {"epochs": 3, "images": "all"}, "fidelity epochs must not change; it has 2, got 3"),
        ("fidelity", {"epochs": 2, "images": 128}, "fidelity images must not change; it has all, got 128"),
        ("seed", 1, "seed must not change; it has 0, got 1"),
        ("sampler", "tpe", "sampler must not change; it has random, got tpe"),
        (
            "bounds",
            "flops 0.0:1200001.0",
            "bounds must not change; it has flops 0.0:1200000.0, got flops 0.0:1200001.0",
        ),
    ],
)
def test_a_run_that_asks_something_else_is_refused_by_what_differs(
    tmp_path: Path, field: str, value: Any, said: str
) -> None:
    run = write(tmp_path / "run", [entry(0)])
    before = contents(run.path)
    assert refused(run.path, {**IDENTITY, field: value}) == f"{run.path}: a run's {said}; choose another --run"
    assert contents(run.path) == before


def test_no_run_in_a_folder_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RunError) as caught:
            load_run(path)
        assert str(caught.value) == f"{path}: must be a run's folder, with run.json in it; there is none"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"schema": 2, "identity": {}}', "{folder}: its schema must be 1; got 2"),
        ('{"identity": {}}', "{folder}: its schema must be 1; got None"),
        ('{"schema": 1, "ide', "{file}: must be JSON; it is damaged; restore it from a copy"),
        ("[1]", "{file}: must be a JSON object; got list"),
    ],
)
def test_a_run_json_that_is_none_is_an_error(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "run.json").write_text(content)
    message = said.format(folder=tmp_path, file=tmp_path / "run.json")
    with pytest.raises(RunError) as caught:
        load_run(tmp_path)
    assert str(caught.value) == message
    assert refused(tmp_path) == message


# Rungs


def test_the_latest_entry_of_a_trial_is_the_trial_and_all_are_history(tmp_path: Path) -> None:
    def on(rung: int, number: int) -> Entry:
        whole = entry(number)
        state = "complete" if rung == 2 else "pruned"
        result = dataclasses.replace(whole.result, state=state, curve=whole.result.curve[:rung], error=30.0 - rung)
        return dataclasses.replace(whole, result=result, rung=rung, epochs=rung)

    written = [on(1, 1), on(1, 0), on(2, 1), failed(2)]
    run = write(tmp_path / "run", written)
    assert [(e.number, e.rung) for e in run.history("search")] == [(1, 1), (0, 1), (1, 2), (2, 1)]
    assert run.entries() == [written[1], written[2], run.entries()[2]]
    table = run.table()
    assert table[["number", "state", "rung", "epochs"]].to_numpy().tolist() == [
        [0, "pruned", 1, 1],
        [1, "complete", 2, 2],
        [2, "failed", 1, 2],
    ]
    assert table["error"].tolist()[:2] == [29.0, 28.0]
    assert run.best()["number"] == 1, "pruned trials are never the best"
    assert run.front()["number"].tolist() == [1]
    assert run.curves().groupby("number").size().to_dict() == {0: 1, 1: 2}
    optunas = optuna.load_study(
        study_name="trials",
        storage=optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(run.path / "journal.log"))
        ),
    ).get_trials()
    assert [trial.state.name for trial in optunas] == ["PRUNED", "PRUNED", "COMPLETE", "FAIL"]
    assert optunas[0].intermediate_values == {1: 29.0}


def test_misses_come_back_to_the_last_bit_and_where_there_are_none_the_record_says_nothing(tmp_path: Path) -> None:
    written = [entry(0), entry(1, misses=((0.1 + 0.2, 1 / 3), (5e-324, 1.0)))]
    run = write(tmp_path / "run", written)
    assert run.entries() == written
    lines = (run.path / "journal.log").read_text().splitlines()
    assert sum('"misses"' in line for line in lines) == 1


@pytest.mark.parametrize(
    ("objectives", "quantity", "numbers"),
    [
        (["error"], "flops", [0, 1, 2]),
        (["error", "params"], "params", [1, 2]),
        (["error", "activations"], *("activations", [2])),
    ],
)
def test_the_front_sets_error_against_the_searchs_other_objective(
    tmp_path: Path, objectives: list[str], quantity: str, numbers: list[int]
) -> None:
    costs = [(10, 30, 3), (20, 10, 2), (30, 20, 1)]
    entries = [
        entry(number, error=30.0 - 5 * number - (number == 0), flops=flops, params=params, activations=activations)
        for number, (flops, params, activations) in enumerate(costs)
    ]
    run = write(tmp_path / "run", entries, {**IDENTITY, "objectives": objectives})
    assert run.quantity == quantity
    assert run.front()["number"].tolist() == numbers


def test_a_record_from_before_there_were_rungs_is_read(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(0)])
    journal = run.path / "journal.log"
    text, now = journal.read_text(), re.compile(r',? ?"rung": ?1')
    assert len(now.findall(text)) == 1
    journal.write_text(now.sub("", text))
    assert run.entries() == [entry(0)]


# The table


def test_the_table_has_the_promised_columns_and_then_one_a_parameter(tmp_path: Path) -> None:
    table = write(tmp_path / "run", [entry(1), entry(0)]).table()
    promised = (
        "study space number key network_key state error flops params activations epochs rung images "
        "seconds peak_memory_bytes seed device retries retry_reasons reason regime recipe architecture "
        "anynas_version torch_version git_commit"
    )
    parameters = "depth_1 depth_2 width_1 width_2 bottleneck_ratio_1 bottleneck_ratio_2 group_width_1 group_width_2"
    assert list(table.columns) == [*promised.split(), *parameters.split()]
    assert table["number"].tolist() == [0, 1]


def test_a_row_holds_what_the_entry_says(tmp_path: Path) -> None:
    row = write(tmp_path / "run", [entry(3)]).table().iloc[0].to_dict()
    architecture = DRAWS[3]
    shape = architecture.parameters
    assert row == {
        "study": "search",
        "space": "plain",
        "number": 3,
        "key": architecture.key,
        "network_key": architecture.network_key,
        "state": "complete",
        "error": 20.0,
        "flops": 1003,
        "params": 103,
        "activations": 13,
        "epochs": 2,
        "rung": 1,
        "images": 10_000,
        "seconds": 1.25,
        "peak_memory_bytes": 1 << 30,
        "seed": 7,
        "device": "a processor",
        "retries": 1,
        "retry_reasons": "worker killed by signal 9",
        "reason": "",
        "regime": "fashion",
        "recipe": '{"batch_size": 64, "learning_rate": 0.1}',
        "architecture": json.dumps(architecture.to_dict()),
        "anynas_version": "0.1.0",
        "torch_version": "2.13.0",
        "git_commit": "abc",
        "depth_1": shape.depths[0],
        "depth_2": shape.depths[1],
        "width_1": shape.widths[0],
        "width_2": shape.widths[1],
        "bottleneck_ratio_1": 1,
        "bottleneck_ratio_2": 1,
        "group_width_1": 1,
        "group_width_2": 1,
    }


def test_seeds_of_63_bits_survive_in_table_and_csv(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(0, seed=2**63 - 1)])
    assert run.table()["seed"].tolist() == [2**63 - 1]
    run.table().to_csv(tmp_path / "table.csv", index=False)
    assert pd.read_csv(tmp_path / "table.csv")["seed"].tolist() == [2**63 - 1]


def test_a_failed_trial_has_no_error_and_its_reason(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(0), failed(1, "RuntimeError: first line\n  second line")])
    assert run.table()["state"].tolist() == ["complete", "failed"]
    assert math.isnan(run.table()["error"][1])
    failures = run.failures()
    assert failures["number"].tolist() == [1]
    assert failures["reason"].tolist() == ["RuntimeError: first line second line"]


def test_the_best_is_the_complete_trial_with_the_least_error_and_of_equals_the_first(tmp_path: Path) -> None:
    errors = [30.0, 12.5, 12.5, 40.0]
    confirmation = entry(0, role="confirmation", error=1.0)  # no row of the table
    run = write(tmp_path / "run", [*(entry(n, error=e) for n, e in enumerate(errors)), failed(4), confirmation])
    assert run.best()["number"] == 1
    assert run.best()["error"] == 12.5


def test_nothing_complete_has_no_best_and_no_front(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [failed(0), failed(1)])
    message = f"{run.path}: at least one trial must be complete; 2 are finished, none complete"
    for ask in (run.best, run.front):
        with pytest.raises(RunError) as caught:
            ask()
        assert str(caught.value) == message


@pytest.fixture(scope="module")
def populated(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write(tmp_path_factory.mktemp("front") / "run", [])


@settings(deadline=None, max_examples=60)
@given(
    trials=st.lists(
        st.tuples(st.sampled_from([10.0, 20.0, 30.0, 40.0]), st.integers(1, 5), st.booleans()), min_size=1, max_size=12
    ).filter(lambda trials: any(complete for _, _, complete in trials))
)
def test_the_front_is_what_no_other_beats(populated: Run, trials: list[tuple[float, int, bool]]) -> None:
    entries = [
        entry(number, error=error, flops=flops) if complete else dataclasses.replace(failed(number), flops=flops)
        for number, (error, flops, complete) in enumerate(trials)
    ]

    class Given(Run):
        def entries(self, role: str | None = None) -> list[Entry]:
            return entries

    complete = [e for e in entries if e.result.state == "complete"]

    def beats(one: Entry, other: Entry) -> bool:
        costs, others = (one.result.error, one.flops), (other.result.error, other.flops)
        better = costs != others and all(a <= b for a, b in zip(costs, others, strict=True))
        return better or (costs == others and one.number < other.number)  # of equals the first stands for all

    unbeaten = [e for e in complete if not any(beats(other, e) for other in complete)]
    front = Given(populated.path).front()
    assert front["number"].tolist() == [e.number for e in sorted(unbeaten, key=lambda e: e.flops)]


def test_curves_have_one_row_a_trial_and_epoch(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(1, error=30.0), failed(2), entry(0)])
    expected = pd.DataFrame(
        {
            "space": ["plain"] * 4,
            "number": [0, 0, 1, 1],
            "epoch": [1, 2, 1, 2],
            "loss": [1.5, 0.1 + 0.2] * 2,
            "error": [25.0, 20.0, 35.0, 30.0],
        }
    )
    pd.testing.assert_frame_equal(run.curves(), expected)


def test_no_curves_are_an_empty_table_with_its_columns(tmp_path: Path) -> None:
    assert list(write(tmp_path / "run", []).curves().columns) == ["space", "number", "epoch", "loss", "error"]


def test_confirmations_are_kept_apart_from_the_table(tmp_path: Path) -> None:
    tested = dataclasses.replace(entry(1).result, test_error=23.5)
    run = write(
        tmp_path / "run",
        [entry(0), entry(1), entry(1, role="test", seed=9, result=tested), entry(1, role="confirmation", seed=8)],
    )
    assert run.table()["number"].tolist() == [0, 1]
    confirmations = run.confirmations()
    assert list(confirmations.columns[:5]) == ["study", "space", "number", "role", "test_error"]
    assert confirmations["role"].tolist() == ["confirmation", "test"]
    assert confirmations["seed"].tolist() == [8, 9]
    assert math.isnan(confirmations["test_error"][0])
    assert confirmations["test_error"][1] == 23.5


def test_confirmations_stand_in_one_order_whichever_ended_first(tmp_path: Path) -> None:
    again = [entry(1, role="confirmation", seed=seed) for seed in (4, 2, 3)]
    runs = [write(tmp_path / name, order) for name, order in (("one", again), ("other", again[::-1]))]
    assert runs[0].confirmations().equals(runs[1].confirmations())
    assert runs[0].confirmations()["seed"].tolist() == [2, 3, 4]


def test_a_result_is_there_when_the_search_has_ended(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(0)])
    with pytest.raises(RunError) as caught:
        run.result()
    assert str(caught.value) == (
        f"{run.path}: its search must have ended; it has not; run the same command again to go on"
    )
    write_result(run, {"number": 0})
    assert run.result() == {"number": 0}
    write_result(run, {"number": 1})
    assert run.result() == {"number": 1}


def test_a_run_says_where_it_is(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [])
    assert repr(run) == f"Run('{tmp_path / 'run'}')"
    assert run.identity == IDENTITY


# Optuna reads it too


# What went wrong


def with_result(number: int, **result: Any) -> Entry:
    before = entry(number)
    return dataclasses.replace(before, result=dataclasses.replace(before.result, **{"lost": (), **result}))


def test_faults_are_counted_by_what_they_are_whether_they_were_got_over_or_not(tmp_path: Path) -> None:
    died, late = "worker lost (ActorDiedError)", "past its deadline of 9 s"
    entries = [
        with_result(0),
        with_result(1, lost=(died, late)),
        with_result(2, lost=(died, died), state="failed", error=math.nan, reason=f"{died}, 3 times"),
        with_result(3, state="failed", error=math.nan, reason="ValueError: no"),
        dataclasses.replace(with_result(0, lost=(died,)), role="confirmation", seed=8),
    ]
    run = write(tmp_path / "run", entries)
    assert [tuple(row) for row in run.faults().itertuples(index=False)] == [
        ("tried again", died, 4),
        ("tried again", late, 1),
        ("failed", f"{died}, 3 times", 1),
        ("failed", "ValueError: no", 1),
    ]
    assert run.table()["retry_reasons"].tolist() == ["", f"{died}; {late}", f"{died}, 2 times", ""]
    assert text_of(print_faults, run) == (
        f"tried again: 4 x {died}; 1 x {late}\nfailed: 1 x {died}, 3 times; 1 x ValueError: no\n"
    )


def test_where_nothing_went_wrong_nothing_is_said_of_it(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [with_result(0)])
    assert run.faults().empty
    assert text_of(print_faults, run).strip() == ""


def test_a_record_from_before_reasons_were_kept_still_has_its_number_of_retries(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [with_result(0)])
    journal = run.path / "journal.log"
    journal.write_text(journal.read_text().replace('"lost": []', '"retries": 2').replace('"lost":[]', '"retries":2'))
    assert run.entries()[0].result.lost == ("not recorded", "not recorded")


def read_by_optuna(run: Run) -> optuna.Study:
    backend = optuna.storages.journal.JournalFileBackend(str(run.path / "journal.log"))
    return optuna.load_study(study_name="trials", storage=optuna.storages.JournalStorage(backend))


def test_optuna_reads_the_journal_with_readable_parameters(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [entry(1, error=30.0), entry(0, error=12.5), failed(2)])
    study = read_by_optuna(run)
    assert study.best_value == 12.5
    frame = study.trials_dataframe()
    assert frame["state"].tolist() == ["COMPLETE", "COMPLETE", "FAIL"]
    assert frame["value"].tolist()[:2] == [30.0, 12.5]
    assert math.isnan(frame["value"][2])
    assert frame["user_attrs_number"].tolist() == [1, 0, 2]
    for trial, number in zip(study.trials, (1, 0, 2), strict=True):
        assert trial.params == SPACE.columns_of(DRAWS[number])
        assert trial.user_attrs["point"] == SPACE.encode(DRAWS[number]).tolist()
        assert trial.user_attrs["architecture"] == DRAWS[number].to_dict()
    assert frame["params_width_1"].tolist() == [DRAWS[number].parameters.widths[0] for number in (1, 0, 2)]


def test_optuna_sees_each_grid_as_a_range_where_it_is_one(tmp_path: Path) -> None:
    space = load_space("AnyNetD")
    (architecture,) = space.sample(1, seed=0)
    with recording(tmp_path / "run", IDENTITY) as recorder:
        recorder.add(entry(0, architecture=architecture, columns=space.columns_of(architecture)), space)
    (trial,) = read_by_optuna(load_run(tmp_path / "run")).trials
    categorical, integers = optuna.distributions.CategoricalDistribution, optuna.distributions.IntDistribution
    grids = {
        "depth": integers(1, 16),
        "width": integers(8, 1024, step=8),
        "bottleneck_ratio": categorical((1, 2, 4)),
        "group_width": categorical((1, 2, 4, 8, 16, 32)),
    }
    assert trial.distributions == {f"{name}_{stage}": grid for name, grid in grids.items() for stage in (1, 2, 3, 4)}
    assert trial.params == space.columns_of(architecture)


def test_a_recorder_writes_only_to_the_run_it_was_opened_for(tmp_path: Path) -> None:
    with recording(tmp_path / "one", IDENTITY) as one, recording(tmp_path / "two", IDENTITY) as two:
        assert isinstance(one, Recorder)
        one.add(entry(0), SPACE)
        two.add(entry(1), SPACE)
    assert [e.number for e in load_run(tmp_path / "one").entries()] == [0]
    assert [e.number for e in load_run(tmp_path / "two").entries()] == [1]
