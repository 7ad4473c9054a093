"""What `anynas status` prints of a run at each stage, as whole texts."""

import dataclasses

import pytest

from anynas.status import Best, Count, Driver, Question, Status
from anynas.terminal import text_of
from anynas.views.status import print_runs, print_status, status_line

BEST = Best(population="AnyNetD", number=12, key="3ecb830c9a6e", error=16.2, flops=1_050_000)
COUNT = Count(name="AnyNetD", finished=24, asked=48, pruned=0, failed=3, diverged=1, retried=2, best=BEST)
SEARCH = Status(
    run="/home/user/runs/AnyNetD-1f0c2a9b",
    at="2026-01-02T03:10:05+00:00",
    question=Question(
        study="search",
        spaces=("AnyNetD",),
        regimes=("fashion",),
        data="fashion-mnist-mini",
        samplers=("tpe",),
        seed=0,
        fidelities=({"epochs": 2, "images": 8000, "resolution": "regime"},),
        rungs=1,
    ),
    is_finished=False,
    driver=Driver.AT_WORK,
    host="host",
    pid=4711,
    since="2026-01-02T03:04:05+00:00",
    workers=2,
    populations=(COUNT,),
    finished=24,
    asked=48,
    final_trainings=0,
    reasons={"ValueError: no": 2, "worker killed by signal 9, 3 times": 1},
    last_finished="2026-01-02T03:09:53+00:00",
    seconds_since=12.0,
    seconds_left=185.0,
    result=None,
    log=(),
)
HEAD = """\
run       /home/user/runs/AnyNetD-1f0c2a9b
asks      a search of AnyNetD; regime fashion, data fashion-mnist-mini
          sampler tpe, seed 0; 2 epochs of 8,000 images a trial
"""
AT_WORK = """\
driver    at work: process 4711 on host, since 2026-01-02T03:04:05+00:00
trials    [############............] 24/48 finished, about 3 min left
"""
TAIL = """\
best      error 16.20 %, trial 12, 1.05 Mflops, 3ecb830c9a6e
trouble   3 failed, 1 diverged, 2 retried: 2 x ValueError: no; 1 x worker killed
          by signal 9, 3 times
last      a trial finished 12 s ago
"""


def shown(status: Status) -> str:
    return text_of(print_status, status)


def test_a_search_at_work() -> None:
    assert shown(SEARCH) == HEAD + AT_WORK + TAIL


def test_a_search_whose_best_are_trained_again() -> None:
    status = dataclasses.replace(SEARCH, final_trainings=3)
    assert shown(status) == HEAD + AT_WORK + "          the best again: 3 trainings finished\n" + TAIL


@pytest.mark.parametrize(
    ("driver", "text"),
    [
        (
            Driver.DIED,
            "driver    died: process 4711 on host, since 2026-01-02T03:04:05+00:00; its\n"
            "          finished trials are safe, and the same command goes on\n",
        ),
        (
            Driver.ELSEWHERE,
            "driver    on another machine: process 4711 on host, since\n"
            "          2026-01-02T03:04:05+00:00; whether it is alive is not known here\n",
        ),
        (Driver.ABSENT, "driver    none is at work; the same command goes on\n"),
    ],
)
def test_a_search_whose_driver_is_not_at_work(driver: Driver, text: str) -> None:
    log = ("24/48  trial 23: error 17.00 %", "Traceback " + "very " * 20 + "long")
    status = dataclasses.replace(SEARCH, driver=driver, seconds_left=None, log=log)
    bar = "trials    [############............] 24/48 finished\n"
    last = """\
driver.log ends with
          24/48  trial 23: error 17.00 %
          Traceback very very very very very very very very very very very very
          very very very very very very very very long
"""
    assert shown(status) == HEAD + text + bar + TAIL + last


def test_a_finished_search_tells_its_winner() -> None:
    result = {"number": 12, "key": "3ecb830c9a6e", "validation_error_mean": 16.5, "test_error": 17.25}
    done = {"driver": Driver.ABSENT, "is_finished": True, "finished": 48, "seconds_left": None, "final_trainings": 7}
    status = dataclasses.replace(SEARCH, **done, result=result)
    text = """\
driver    none is needed: all is finished
trials    [########################] 48/48 finished
"""
    winner = """\
winner    trial 12, 3ecb830c9a6e: validation error 16.50 %, mean of its seeds;
          test error 17.25 %
"""
    assert shown(status) == HEAD + text + TAIL + winner
    failed = dataclasses.replace(status, result={**result, "test_error": None})
    assert shown(failed).endswith("its seeds;\n          its training for the test failed\n")


def test_a_search_on_rungs_with_a_budget_of_minutes_and_nothing_finished_yet() -> None:
    question = dataclasses.replace(SEARCH.question, rungs=3)
    count = dataclasses.replace(COUNT, finished=5, asked=None, pruned=4, failed=0, diverged=0, retried=0, best=None)
    status = dataclasses.replace(
        SEARCH,
        question=question,
        populations=(count,),
        finished=5,
        asked=None,
        reasons={},
        last_finished=None,
        seconds_since=None,
    )
    assert (
        shown(status)
        == """\
run       /home/user/runs/AnyNetD-1f0c2a9b
asks      a search of AnyNetD; regime fashion, data fashion-mnist-mini
          sampler tpe, seed 0; 2 epochs of 8,000 images a trial, 3 rungs
driver    at work: process 4711 on host, since 2026-01-02T03:04:05+00:00
trials    5 finished, 4 paused or pruned, about 3 min left
trouble   0 failed, 0 diverged, 0 retried
"""
    )


def test_a_study_has_a_line_a_population() -> None:
    question = dataclasses.replace(
        SEARCH.question,
        study="mine",
        spaces=("free", "tied"),
        samplers=("random",),
        fidelities=(
            {"epochs": 2, "images": 640, "resolution": 12},
            {"epochs": 1, "images": "all", "resolution": "regime"},
        ),
    )
    tied = dataclasses.replace(COUNT, name="tied", finished=0, asked=1200, failed=0, diverged=0, retried=0, best=None)
    status = dataclasses.replace(
        SEARCH,
        question=question,
        populations=(dataclasses.replace(COUNT, name="free", asked=1200), tied),
        asked=2400,
    )
    assert (
        shown(status)
        == """\
run       /home/user/runs/AnyNetD-1f0c2a9b
asks      study mine, 2 spaces; regime fashion, data fashion-mnist-mini
          sampler random, seed 0; 2 epochs of 640 images of 12x12 or 1 epoch of
          all images a trial
driver    at work: process 4711 on host, since 2026-01-02T03:04:05+00:00
trials    [........................] 24/2,400 finished, about 3 min left
population  finished  failed  diverged  retried  best %
free        24/1,200       3         1        2   16.20
tied         0/1,200       0         0        0
trouble   3 failed, 1 diverged, 2 retried: 2 x ValueError: no; 1 x worker killed
          by signal 9, 3 times
last      a trial finished 12 s ago
"""
    )


def test_a_line_and_a_list() -> None:
    assert status_line(SEARCH) == (
        "2026-01-02T03:10:05+00:00  24/48 finished, about 3 min left, best 16.20 %, 3 failed; driver at work"
    )
    done = dataclasses.replace(SEARCH, is_finished=True, driver=Driver.ABSENT, finished=48, seconds_left=None)
    runs = {"runs/AnyNetD-1f0c2a9b": SEARCH, "runs/broken": "broken: must be JSON; it is damaged", "runs/done": done}
    assert (
        text_of(print_runs, runs)
        == """\
run                    trials  best %   left  driver
runs/AnyNetD-1f0c2a9b   24/48   16.20  3 min  at work
runs/done               48/48   16.20         all is finished
not readable: broken: must be JSON; it is damaged
"""
    )
