"""What every executor promises, and what each does when its workers or Ray itself are gone."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time

import pytest

from anynas.architecture import anynet
from anynas.errors import AnynasError, ExecutorError, SettingsError
from anynas.execution import process
from anynas.execution.choosing import OnDemand, Workforce, default_workers, make_executor
from anynas.training.worker import Workplace
from anynas.trials import Fidelity, Lost, Paused, Recipe, Trial

HERE = Workplace(data="fashion-mnist-mini", input_shape=(1, 28, 28), num_classes=10, device="cpu")
SMALL = anynet(depths=[1], widths=[8], block="V", stem_width=8, stem_stride=2)
KINDS = ["inline", "process", pytest.param("ray", marks=pytest.mark.ray)]


def trial(number, *, architecture=SMALL, images=128, epochs=1, resolution=8):
    return Trial(
        number=number,
        architecture=architecture,
        recipe=Recipe(),
        fidelity=Fidelity(epochs=epochs, images=images, resolution=resolution),
        seed=number,
    )


LONG = {"images": 10_000, "epochs": 1_000, "resolution": 28}


@contextlib.contextmanager
def started(kind, workers=2):
    executor = make_executor(Workforce(executor=kind, workers=workers), HERE)
    try:
        yield executor
    finally:
        executor.close()


def drain(executor, trials):
    """Run trials through an executor, never more at once than it has workers; return outcomes by number."""
    waiting, outcomes, busy = list(trials), {}, 0
    while waiting or busy:
        while waiting and busy < executor.num_workers:
            executor.submit(waiting.pop(0))
            busy += 1
        ended = executor.next_outcome()
        if ended is None:
            continue
        done, outcome = ended
        outcomes[done.number] = outcome
        busy -= 1
    return outcomes


@pytest.fixture(scope="module")
def alone():
    """What the inline executor makes of four trials, one of which cannot be trained."""
    with started("inline") as executor:
        return drain(executor, [*(trial(n) for n in range(3)), trial(3, images=20_000)])


@pytest.mark.parametrize("kind", KINDS)
def test_every_trial_comes_back_once_with_the_same_result_and_the_same_reason_and_goes_on_where_it_paused(
    kind, alone, leftovers
):
    """Five pause on two workers; whoever is free goes on with them, the last first."""
    long = [trial(number, epochs=3) for number in range(5)]
    with started(kind) as executor:
        assert executor.name == kind
        outcomes = drain(executor, [*(trial(n) for n in range(3)), trial(3, images=20_000)])
        paused = drain(executor, [dataclasses.replace(t, stop=1) for t in long])
        again = drain(executor, [dataclasses.replace(t, paused=paused[t.number]) for t in reversed(long)])
    assert {n: (o.state, o.error, o.curve) for n, o in outcomes.items() if n < 3} == {
        n: (o.state, o.error, o.curve) for n, o in alone.items() if n < 3
    }
    assert outcomes[3].state == "failed"
    assert outcomes[3].reason == alone[3].reason
    assert outcomes[3].reason == (
        "SettingsError: images must be at least one batch (64) and at most the data set's 10000; got 20000"
    )
    with started("inline") as executor:
        whole = drain(executor, long)
    assert {type(outcome) for outcome in paused.values()} == {Paused}
    assert {n: (o.error, o.curve) for n, o in again.items()} == {n: (o.error, o.curve) for n, o in whole.items()}
    assert leftovers() == []


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_worker_killed_in_mid_trial_is_lost_and_replaced(kind, leftovers):
    with started(kind) as executor:
        first = drain(executor, [trial(0)])[0]
        pids = ray_pids(executor) if kind == "ray" else set()
        executor.submit(trial(1, **LONG))
        executor.submit(trial(2))
        assert executor.next_outcome()[0].number == 2
        if kind == "process":
            (busy,) = executor._roster.busy
            pid = busy.process.pid
        else:
            (pid,) = pids - ray_pids(executor)
        os.kill(pid, signal.SIGKILL)
        lost, outcome = executor.next_outcome()
        assert lost.number == 1
        assert isinstance(outcome, Lost)
        if kind == "process":
            assert outcome.reason == "worker killed by signal 9"
        again = drain(executor, [trial(0), trial(4), trial(5)])
        assert again[0].error == first.error
    assert leftovers() == []


def test_a_process_killed_in_its_first_trial_is_lost_and_replaced():
    """As the kernel does when memory runs out: the first network may be the one that is too large."""
    with started("process", workers=1) as executor:
        executor.submit(trial(0, **LONG))
        (slot,) = executor._roster.workers
        assert slot.connection.poll(60)  # it has started
        time.sleep(0.3)
        slot.process.kill()
        lost, outcome = executor.next_outcome()
        assert (lost.number, outcome) == (0, Lost("worker killed by signal 9", alone=True))
        executor.submit(trial(1))
        assert executor.next_outcome()[1].state == "complete"


def test_a_process_killed_between_two_trials_is_lost_and_replaced():
    with started("process", workers=1) as executor:
        first = drain(executor, [trial(0)])[0]
        (slot,) = executor._roster.workers
        slot.process.kill()
        slot.process.join()
        assert drain(executor, [trial(0)]) == {0: Lost("worker killed by signal 9", alone=True)}
        again = drain(executor, [trial(0)])[0]
        assert (again.error, again.curve) == (first.error, first.curve)
        assert again.provenance["pid"] != first.provenance["pid"]


def ray_pids(executor):
    """Return the processes of the actors that are idle."""
    return {int(executor._ray.get(actor.versions.remote())["pid"]) for actor in executor._roster.idle}


WIDE = anynet(depths=[1], widths=[1024], block="V", stem_width=1024, stem_stride=1)  # 28 x 28: 200 MB a batch and layer


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_trial_over_its_memory_is_lost_its_worker_goes_on_and_asks_for_another_try_alone(kind):
    place = dataclasses.replace(HERE, memory_bytes=100 * 2**20)
    executor = make_executor(Workforce(executor=kind, workers=1), place)
    try:
        first = drain(executor, [trial(0)])[0]
        lost = drain(executor, [trial(1, architecture=WIDE, resolution=28)])[1]
        again = drain(executor, [trial(0)])[0]
    finally:
        executor.close()
    assert isinstance(lost, Lost)
    assert lost.alone
    assert lost.reason.startswith("out of memory (")
    assert (again.error, again.provenance["pid"]) == (first.error, first.provenance["pid"])


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_trial_past_its_deadline_is_lost_and_its_worker_replaced(kind, leftovers):
    executor = make_executor(Workforce(executor=kind, workers=1, deadline_seconds=10), HERE)
    try:
        first = drain(executor, [trial(0)])[0]
        lost = drain(executor, [trial(1, **LONG)])[1]
        again = drain(executor, [trial(0)])[0]
    finally:
        executor.close()
    assert lost == Lost("past its deadline of 10 s")
    assert again.error == first.error
    assert again.provenance["pid"] != first.provenance["pid"]
    assert leftovers() == []


@pytest.mark.parametrize("kind", KINDS[:2])  # Ray's actors wait in the same roster
def test_more_trials_than_workers_wait_for_their_turn(kind):
    with started(kind, workers=1) as executor:
        for number in range(3):
            executor.submit(trial(number), alone=number == 1)
        assert [executor.next_outcome()[0].number for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("kind", KINDS[1:])
def test_closing_ends_what_runs(kind, leftovers):
    with started(kind) as executor:
        executor.submit(trial(0, **LONG))
        time.sleep(0.5)
    assert leftovers() == []


def test_worker_processes_end_when_their_driver_is_killed(leftovers):
    code = (
        "from tests.execution.test_executors import *\n"
        "if __name__ == '__main__':\n"
        "    executor = make_executor(Workforce(executor='process', workers=2), HERE)\n"
        "    drain(executor, [trial(0)])\n"
        "    executor.submit(trial(1, **LONG))\n"
        "    print('under way', flush=True)\n"
        "    executor.next_outcome()\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    assert driver.stdout.readline() == "under way\n"
    driver.kill()
    driver.wait()
    driver.stdout.close()
    assert leftovers() == []


def test_processes_that_cannot_start_say_so():
    nowhere = Workplace(data="fashion-mnist-mini", input_shape=(1, 28, 28), num_classes=10, device="cuda:9")
    executor = make_executor(Workforce(executor="process", workers=1), nowhere)
    try:
        executor.submit(trial(0))
        with pytest.raises(ExecutorError) as caught:
            executor.next_outcome()
    finally:
        executor.close()
    assert str(caught.value) == (
        "worker processes must start; one did not (worker exited with code 1); try --executor inline to see why"
    )


def test_a_process_that_hangs_while_it_starts_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(process, "START_SECONDS", 1.0)
    with started("process", workers=1) as executor:
        (slot,) = executor._roster.workers
        os.kill(slot.process.pid, signal.SIGSTOP)
        executor.submit(trial(0))
        with pytest.raises(ExecutorError) as caught:
            executor.next_outcome()
    assert str(caught.value) == (
        "worker processes must start; one did not (worker did not start within 1 s); try --executor inline to see why"
    )


@pytest.mark.ray
def test_actors_that_cannot_start_say_why_in_their_own_words():
    nowhere = dataclasses.replace(HERE, device="cuda:9")
    with pytest.raises(ExecutorError) as caught:
        make_executor(Workforce(workers=1), nowhere)
    assert str(caught.value) == (
        'Ray\'s workers must start; one did not (DeviceError: device must be one of auto, cpu, cuda; got "cuda:9")'
    )


def test_an_unknown_executor_and_no_workers_are_refused():
    with pytest.raises(SettingsError) as caught:
        Workforce(executor="proces")
    assert str(caught.value) == 'unknown executor "proces"; did you mean "process"?'
    with pytest.raises(SettingsError) as caught:
        Workforce(executor="process", workers=0)
    assert str(caught.value) == "workers must be at least 1; got 0"


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"gpus_per_trial": 0}, "gpus_per_trial must be above 0 and at most 1; got 0"),
        ({"gpus_per_trial": 2.0}, "gpus_per_trial must be above 0 and at most 1; got 2"),
        ({"memory_bytes": 0}, "memory must be above 0 bytes; got 0"),
        ({"deadline_seconds": -1}, "deadline must be above 0 s; got -1"),
        (
            {"executor": "inline", "deadline_seconds": 5},
            "deadline needs workers that may die; got executor inline; use ray or process",
        ),
        (
            {"executor": "inline", "memory_bytes": 1e9},
            "memory needs workers that may die; got executor inline; use ray or process",
        ),
        ({"executor": "process", "address": "a:1"}, "address is for the executor ray; got executor process"),
        ({"device": "gpu", "address": "a:1"}, 'device must be one of auto, cpu, cuda; got "gpu"'),
    ],
)
def test_what_workers_cannot_be_asked_is_refused(settings, error):
    with pytest.raises(AnynasError) as caught:
        Workforce(**settings)
    assert str(caught.value) == error


def test_workers_are_as_many_as_the_cores_that_we_may_use():
    assert default_workers("cpu") == len(os.sched_getaffinity(0))


def test_where_ray_cannot_start_processes_take_its_place_and_the_user_is_told(monkeypatch):
    ray = pytest.importorskip("ray")

    def broken(**_):
        raise RuntimeError("no room in shared memory\nand a long story")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", broken)
    told = []
    executor = make_executor(Workforce(workers=1), HERE, note=told.append)
    executor.close()
    assert executor.name == "process"
    assert told == ["Ray did not start (RuntimeError: no room in shared memory); going on with processes"]


def test_a_cluster_that_cannot_be_reached_is_an_error_not_a_fallback(monkeypatch):
    ray = pytest.importorskip("ray")

    def broken(**_):
        raise ConnectionError("could not connect")

    monkeypatch.setattr(ray, "init", broken)
    with pytest.raises(ExecutorError) as caught:
        make_executor(Workforce(workers=1, address="10.0.0.1:6379"), HERE)
    assert str(caught.value) == (
        "address must be that of a Ray cluster that can be reached; got 10.0.0.1:6379 (could not connect)"
    )


@pytest.mark.ray
def test_workers_with_another_version_are_refused(monkeypatch, leftovers):
    from anynas.execution import on_ray

    ours = on_ray.provenance()
    monkeypatch.setattr(on_ray, "provenance", lambda: {**ours, "torch_version": "1.0"})
    with pytest.raises(ExecutorError) as caught:
        make_executor(Workforce(workers=1), HERE)
    assert str(caught.value) == (
        f"torch_version must agree between the driver (1.0) and all workers; {ours['host']} has {ours['torch_version']}"
    )
    assert leftovers() == []


def test_an_executor_on_demand_starts_with_the_first_trial_and_once():
    begun = []

    def start():
        begun.append(make_executor(Workforce(executor="inline"), HERE))
        return begun[-1]

    executor = OnDemand(start)
    executor.close()
    assert begun == []
    outcomes = drain(OnDemand(start), [trial(0), trial(1)])
    assert len(begun) == 1
    assert [outcomes[n].state for n in range(2)] == ["complete", "complete"]
