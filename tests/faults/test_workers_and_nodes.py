"""Faults of workers and nodes, by the whole driver: the table is that of an undisturbed run, the reasons are kept."""

import signal
from pathlib import Path
from typing import Any

import pytest
from disturbing import Witness, faults_of, hit, same, search, worker_of

from anynas.store import Run
from benchmarks.local_cluster import LocalCluster

DEADLINE = {"deadline_seconds": 8.0}  # a trial takes less than one second


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
    assert found.pop(("tried again", "past its deadline of 8 s"), 0) == 1
    assert sum(found.values()) == 2, "the killed worker's trial, and the one on the node that left"
    assert all(event == "tried again" and reason.startswith("worker lost (") for event, reason in found)
    assert run.table()["retries"].sum() + run.confirmations()["retries"].sum() == 3
    assert [note.partition(":")[0].split()[2:4] for note in witness.notes] == [["has", "left"], ["has", "joined"]]
    assert cluster.left_behind() == []
