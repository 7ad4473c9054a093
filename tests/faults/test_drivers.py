"""A driver on a cluster, killed at any moment: the same command goes on, and nothing of it is left on the nodes."""

import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from disturbing import command, environment, same, search, written

import anynas
from anynas.store import Run
from benchmarks.local_cluster import LocalCluster, wait_for
from benchmarks.soak import leave_lock, tear


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("moments", [5, pytest.param(10, marks=pytest.mark.extended)])
def test_a_driver_killed_at_many_moments_loses_nothing_and_leaves_nothing_on_the_cluster(
    folder: Path, cluster: LocalCluster, moments: int
) -> None:
    dice, kept = random.Random(11), [0]

    def asked(trials: int) -> list[str]:
        return command("--trials", str(trials), "--address", cluster.address)

    for moment in range(moments):
        driver = subprocess.Popen(asked(1_000), cwd=folder, env=environment(), stdout=subprocess.DEVNULL)
        wanted = records(folder) + dice.choice([0, 0, 1, 1, 2])
        end = time.monotonic() + 60
        while driver.poll() is None and records(folder) < wanted and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(dice.uniform(0, 6) if wanted == kept[-1] else dice.uniform(0, 0.5))
        driver.send_signal(signal.SIGKILL)
        assert driver.wait() == -signal.SIGKILL, "it was at work"
        assert cluster.left_behind() == []
        kept.append(records(folder))
        if moment % 3 == 2 and kept[-1]:  # it might have been writing
            tear(folder / "run" / "journal.log")
            leave_lock(folder / "run" / "journal.log")
    assert kept == sorted(kept), "a finished trial is never lost"
    trials = max(entry.number for entry in anynas.load_run(folder / "run").entries()) + 1
    done = subprocess.run(asked(trials), cwd=folder, env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert same(anynas.load_run(folder / "run"), search(folder, "undisturbed", trials=trials, executor="inline"))
    assert cluster.left_behind() == []


@pytest.mark.ray
@pytest.mark.slow
def test_a_driver_killed_with_a_ray_of_its_own_leaves_no_process_and_another_executor_goes_on(
    folder: Path, undisturbed: Run, leftovers: Callable[[float], list[str]]
) -> None:
    driver = subprocess.Popen(
        command("--trials", "12", "--workers", "2"), cwd=folder, env=environment(), stdout=subprocess.DEVNULL
    )
    assert wait_for(lambda: records(folder) >= 1, seconds=240)
    driver.send_signal(signal.SIGKILL)
    assert driver.wait() == -signal.SIGKILL, "it was at work"
    assert leftovers(120) == []  # Ray's own look every few seconds whether they are still needed
    assert same(search(folder, "run", trials=12, executor="inline"), undisturbed)


def records(folder: Path) -> int:
    """Return how many trials are recorded."""
    return written(anynas.load_run(folder / "run")).total() if (folder / "run" / "run.json").exists() else 0
