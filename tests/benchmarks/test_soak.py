"""The soak: which faults it draws, what it reports, and a short one from end to end."""

import json
from collections import Counter
from pathlib import Path

import pytest
from disturbing import search, write

from anynas.store import Run, load_run
from benchmarks.soak import KINDS, NODES, Dice, Fault, main, markdown, report, tear


def test_faults_follow_from_the_seed_and_leave_a_cluster_within_its_bounds() -> None:
    dice, again, drawn, nodes = Dice(3, 5.0), Dice(3, 5.0), Counter(), 2
    for _ in range(2000):
        kind = dice.kind(nodes)
        assert kind == again.kind(nodes)
        nodes += {"node added": 1, "node switched off": -1, "node shut down": -1}.get(kind, 0)
        assert NODES[0] <= nodes <= NODES[1]
        drawn[kind] += 1
    assert set(drawn) == set(KINDS)
    assert drawn["worker killed"] > drawn["worker stopped until its deadline"] > drawn["driver told to stop"]
    pauses = [dice.pause() for _ in range(2000)]
    assert 4.5 < sum(pauses) / len(pauses) < 5.5


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    folder = write(tmp_path_factory.mktemp("soak"))
    return search(folder, "run", trials=4, executor="inline"), search(folder, "reference", trials=4, executor="inline")


ABOUT = {"minutes": 0.5, "seed": 1, "gap_seconds": 4.0, "deadline_seconds": 30, "wall_seconds": 60.0}
FAULTS = [Fault(1.0, "worker killed"), Fault(2.5, "node added"), Fault(9.0, "worker killed")]


def test_a_soak_that_lost_nothing_says_so_with_all_counts(runs: tuple[Run, Run]) -> None:
    found = report(*runs, FAULTS, starts=1, errors=[], left_behind=[], about=ABOUT)
    assert all(found["checks"].values())
    assert found["faults"] == {"worker killed": 2, "node added": 1}
    assert found["trials"] == {"search": 4, "confirmation": 6, "test": 1}
    assert (found["retries"], found["failed"], found["trials_tried_again"]) == ({}, {}, 0)
    assert json.loads(json.dumps(found))["events"] == [
        [1.0, "worker killed"],
        [2.5, "node added"],
        [9.0, "worker killed"],
    ]
    page = markdown(found)
    assert "3 faults; 11 trials, 0 of them tried again, 0 failed; the driver was started 1 time. All that" in page
    assert page.count("| yes |") == len(found["checks"])


def test_whatever_is_lost_doubled_or_left_shows(runs: tuple[Run, Run], tmp_path: Path) -> None:
    _, reference = runs
    shorter = search(write(tmp_path), "run", trials=3, executor="inline")
    found = report(shorter, reference, FAULTS, starts=1, errors=["exit code 1"], left_behind=["process 1"], about=ABOUT)
    assert {what for what, holds in found["checks"].items() if not holds} == {
        "the table is that without faults",
        "the result is that without faults",
        "the driver said nothing else",
        "nothing was left behind",
    }
    assert "**Not all holds.**" in markdown(found)
    journal = shorter.path / "journal.log"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([*lines, lines[-1]]))
    found = report(load_run(shorter.path), reference, FAULTS, starts=1, errors=[], left_behind=[], about=ABOUT)
    assert not found["checks"]["every trial was written once"]


def test_a_torn_journal_is_whole_but_for_its_last_line(runs: tuple[Run, Run], tmp_path: Path) -> None:
    journal = tmp_path / "journal.log"
    content = (runs[0].path / "journal.log").read_bytes()
    journal.write_bytes(content)
    torn = tear(journal)
    assert journal.read_bytes() == content + torn
    assert content.endswith(b"\n")
    assert len(torn) > 100
    assert b"\n" not in torn


def test_times_that_are_none_are_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--gap", "0", "--out", str(tmp_path / "soak.json")]) == 2
    assert capsys.readouterr().err == "soak: --gap must be above 0; got 0\n"


@pytest.mark.ray
@pytest.mark.extended
def test_a_short_soak_loses_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "soak.json"
    code = main(["--minutes", "0.4", "--gap", "4", "--seed", "5", "--out", str(out)])
    found = json.loads(out.read_text())
    assert found["checks"] == dict.fromkeys(found["checks"], True)
    assert code == 0
    assert sum(found["faults"].values()) == len(found["events"]) >= 1
    assert out.with_suffix(".md").read_text() == markdown(found)
