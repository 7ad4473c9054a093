"""Faults of workers and nodes, by the whole driver: the table is that of an undisturbed run, the reasons are kept."""

import functools
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from disturbing import Witness, faults_of, hit, same, search, worker_of, write
from doubles import PLAIN_SPACE

import anynas
from anynas.execution import inline, on_ray, process
from anynas.regimes import load_regime
from anynas.store import Run
from anynas.terminal import text_of
from anynas.training.prepared import PreparedData
from anynas.training.worker import Worker
from anynas.trials import Trial
from anynas.views.searches import print_faults
from benchmarks.local_cluster import LocalCluster

DEADLINE = {"deadline_seconds": 8.0}  # a trial takes less than one second
KINDS = ["process", pytest.param("ray", marks=pytest.mark.ray)]


@pytest.fixture
def staff(request: pytest.FixtureRequest) -> Callable[[str], dict[str, Any]]:
    """Return a function that gives two workers of a kind: processes, or those of a cluster."""

    def ask(kind: str) -> dict[str, Any]:
        if kind == "process":
            return {"executor": "process", "workers": 2}
        return {"executor": "ray", "address": request.getfixturevalue("cluster").address}

    return ask


def test_a_process_killed_and_one_that_hangs_cost_a_try_each(folder: Path, undisturbed: Run, leftovers: Any) -> None:
    witness = Witness({2: hit(signal.SIGKILL), 5: hit(signal.SIGSTOP)})
    run = search(folder, "run", trials=12, executor="process", workers=2, progress=witness, **DEADLINE)
    assert same(run, undisturbed)
    assert faults_of(run) == {
        ("tried again", "worker killed by signal 9"): 1,
        ("tried again", "past its deadline of 8 s"): 1,
    }
    assert run.table()["retries"].sum() + run.confirmations()["retries"].sum() == 2
    assert leftovers() == []


@pytest.mark.ray
@pytest.mark.slow
def test_workers_and_nodes_of_a_cluster_die_hang_and_come_and_nothing_is_lost(
    folder: Path, undisturbed: Run, cluster: LocalCluster
) -> None:
    witness = Witness(
        {
            2: hit(signal.SIGKILL),
            5: hit(signal.SIGSTOP),
            8: lambda entry: cluster.remove_node(cluster.node_of(worker_of(entry))),
            9: lambda entry: cluster.add_node(),
        }
    )
    run = search(folder, "run", trials=12, executor="ray", address=cluster.address, progress=witness, **DEADLINE)
    assert same(run, undisturbed)
    found = faults_of(run)
    assert found[("tried again", "past its deadline of 8 s")] >= 1
    lost = {reason: times for (_, reason), times in found.items() if reason.startswith("worker lost (")}
    assert len(lost) == len(found) - 1
    assert sum(lost.values()) >= 1, (
        "the killed worker; Ray may take longer than the deadline to see that a node is gone"
    )
    tried_again = run.table()["retries"].sum() + run.confirmations()["retries"].sum()
    assert tried_again == sum(found.values()) >= 3
    assert {event for event, _ in found} == {"tried again"}
    changes = [note.split()[3] for note in witness.notes]
    assert "joined" in changes  # Ray may see that a node is gone only after the last trial's end
    assert set(changes) <= {"joined", "left"}
    assert cluster.left_behind() == []


# What is wrong with a trial itself


class UnluckyWorker(Worker):
    """About every third trial raises, whenever it is tried."""

    def prepared(self, trial: Trial) -> PreparedData:
        return prepared_unluckily(self, trial)


def prepared_unluckily(worker: Worker, trial: Trial) -> PreparedData:
    if trial.seed % 3 == 0:
        raise RuntimeError("out of luck")
    return Worker.prepared(worker, trial)


def serve_unlucky(*arguments: Any) -> None:
    """Serve as a process of the pool does."""
    process.Worker = UnluckyWorker  # type: ignore[misc]
    process._serve(*arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_trials_that_always_raise_are_failed_at_once_with_their_reason_and_no_other_trial_suffers(
    folder: Path,
    kind: str,
    staff: Callable[[str], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setattr(inline, "Worker", UnluckyWorker)
    alone = search(folder, "alone", trials=8, executor="inline")
    if kind == "process":
        monkeypatch.setattr(process, "_serve", serve_unlucky)
    else:
        from ray import cloudpickle

        for module in (on_ray, sys.modules[__name__]):  # the class as it is here, not as the nodes would import it
            cloudpickle.register_pickle_by_value(module)
            request.addfinalizer(functools.partial(cloudpickle.unregister_pickle_by_value, module))
        monkeypatch.setattr(on_ray._Actor, "prepared", prepared_unluckily, raising=False)
    run = search(folder, "run", trials=8, **staff(kind))
    assert same(run, alone)
    times = run.faults()["times"].sum()
    assert times >= 2
    assert faults_of(run) == {("failed", "RuntimeError: out of luck"): times}
    assert set(run.failures()["reason"]) == {"RuntimeError: out of luck"}
    assert text_of(print_faults, run) == f"failed: {times} x RuntimeError: out of luck\n"


HUGE = "values = [8, 12, 16, 20, 4096]"  # the last has more than a billion bytes of weights


@pytest.mark.parametrize("kind", KINDS)
def test_networks_too_large_for_their_memory_are_tried_three_times_and_no_other_trial_suffers(
    tmp_path: Path, kind: str, staff: Callable[[str], dict[str, Any]]
) -> None:
    space = PLAIN_SPACE.replace('low = 4\nhigh = 16\nstep = 4\nlaw = "uniform"\n', f"{HUGE}\n").replace(
        "stages = 2", "stages = 1"
    )
    folder = write(tmp_path, space=space.replace("values = [1, 2]", "values = [2, 3]"))
    run = search(folder, "run", trials=8, memory_bytes=100 * 2**20, **staff(kind))
    table, failed = run.table(), run.failures()
    assert set(failed["number"]) == set(table[table["width"] == 4096]["number"])
    assert 1 <= len(failed) < 8
    assert set(failed["retries"]) == {2}
    assert all(reason.startswith("out of memory (") for reason in failed["reason"])
    assert run.result()["failed"] == len(failed)
    asked = {"data": "fashion-mnist-mini", "recipe": load_regime("fashion").recipe, "device": "cpu"}
    asked["fidelity"] = anynas.load_fidelity(folder / "tiny.toml")
    for entry in run.entries("search"):
        if entry.result.curve:  # it was trained, and repeats no other
            again = anynas.train(entry.architecture, seed=entry.seed, **asked)
            assert (again.error, again.curve) == (entry.result.error, entry.result.curve)
    reasons = {("tried again", reason.removesuffix(", 3 times")) for reason in failed["reason"]}
    assert {key for key in faults_of(run) if key[0] == "tried again"} == reasons
    assert sum(n for (event, _), n in faults_of(run).items() if event == "tried again") == 2 * len(failed)
