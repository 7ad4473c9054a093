"""Who gets which trial: in their order, alone where they must be, and until when."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anynas.execution import roster as module
from anynas.execution.roster import Roster
from tests.execution.test_executors import trial


def roster_of(devices: str, **settings: float) -> Roster[int]:
    """Return a roster with a worker on each of the devices, one letter each."""
    roster: Roster[int] = Roster(**settings)
    for worker, device in enumerate(devices):
        roster.join(worker, device)
    return roster


def starts(roster: Roster[int]) -> list[tuple[int, int]]:
    """Let all begin that can; return workers and trials' numbers."""
    begun = []
    while (start := roster.next_start()) is not None:
        worker, given_trial, _ = start
        begun.append((worker, given_trial.number))
    return begun


def test_trials_begin_in_their_order_and_those_without_a_worker_wait() -> None:
    roster = roster_of("ab")
    for number in range(4):
        roster.add(trial(number), alone=False)
    assert starts(roster) == [(0, 0), (1, 1)]
    assert roster.end(1).number == 1
    assert starts(roster) == [(1, 2)]
    assert roster.busy == [0, 1]
    assert roster.end(0).number == 0
    assert starts(roster) == [(0, 3)]


def test_a_trial_that_is_to_be_alone_waits_until_its_device_is_quiet_and_keeps_others_from_it() -> None:
    roster = roster_of("aab")
    for number in range(3):
        roster.add(trial(number), alone=False)
    assert starts(roster) == [(0, 0), (1, 1), (2, 2)]
    roster.add(trial(3), alone=True)
    roster.add(trial(4), alone=False)
    roster.end(0)  # on a, where another still runs: it is kept free
    assert starts(roster) == []
    roster.end(2)  # now b is quiet, and a need not be kept free
    assert starts(roster) == [(2, 3), (0, 4)]
    roster.add(trial(5), alone=False)
    roster.end(1)
    assert starts(roster) == [(1, 5)]


def test_while_a_trial_is_alone_nothing_else_begins_on_its_device() -> None:
    roster = roster_of("aa")
    roster.add(trial(0), alone=True)
    roster.add(trial(1), alone=False)
    assert starts(roster) == [(0, 0)]
    roster.end(0)
    assert starts(roster) == [(0, 1)]


def test_two_trials_that_are_to_be_alone_take_a_device_each_or_turns() -> None:
    two, one = roster_of("aabb"), roster_of("aa")
    for roster in (two, one):
        for number in range(2):
            roster.add(trial(number), alone=True)
    assert starts(two) == [(0, 0), (2, 1)]
    assert starts(one) == [(0, 0)]
    one.end(0)
    assert starts(one) == [(0, 1)]


def test_a_worker_that_leaves_gives_its_trial_back_and_takes_no_more() -> None:
    roster = roster_of("ab")
    roster.add(trial(0), alone=False)
    assert starts(roster) == [(0, 0)]
    lost = roster.leave(0)
    assert lost is not None
    assert lost.number == 0
    assert roster.leave(1) is None
    assert len(roster) == 0
    roster.add(trial(1), alone=True)
    roster.add(trial(2), alone=False)
    assert starts(roster) == []
    roster.join(7, "c")
    assert starts(roster) == [(7, 1)]


@given(st.lists(st.tuples(st.sampled_from(["add", "alone", "end", "leave", "join"]), st.integers(0, 9)), max_size=60))
def test_whatever_happens_no_trial_is_lost_doubled_or_disturbed(steps: list[tuple[str, int]]) -> None:
    """Every trial ends, comes back with its worker, or waits; an `alone` one shares its device with none."""
    roster, devices, numbers = Roster[int](), {}, 0
    alone, under_way = set(), {}
    for what, which in steps:
        if what in ("add", "alone"):
            roster.add(trial(numbers), alone=what == "alone")
            alone |= {numbers} if what == "alone" else set()
            numbers += 1
        elif what == "join" and which not in devices:
            devices[which] = "abc"[which % 3]
            roster.join(which, devices[which])
        elif what == "end" and which in under_way:
            assert roster.end(which).number == under_way.pop(which)
        elif what == "leave" and which in devices:
            lost = roster.leave(which)
            assert (lost and lost.number) == under_way.pop(which, None)
            del devices[which]
        for worker, number in starts(roster):
            assert worker not in under_way
            assert worker in devices
            under_way[worker] = number
        assert roster.busy == list(under_way)
        on: dict[str, list[int]] = {}
        for worker, number in under_way.items():
            on.setdefault(devices[worker], []).append(number)
        assert all(len(together) == 1 or not alone & set(together) for together in on.values())
    if devices:  # then all the rest gets its turn
        for worker in list(under_way):
            roster.end(worker)
        done = set()
        while begun := starts(roster):
            for worker, number in begun:
                assert number not in done
                done.add(number)
                roster.end(worker)
        assert roster.next_start() is None
        roster.add(trial(numbers), alone=False)
        assert [number for _, number in starts(roster)] == [numbers]  # nothing waited before it


def test_a_trial_is_overdue_when_its_time_since_it_began_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(module.time, "monotonic", lambda: clock.now)
    roster = roster_of("ab", deadline_seconds=10.0)
    for number in range(2):
        roster.add(trial(number), alone=False)
    assert starts(roster) == [(0, 0), (1, 1)]
    assert roster.seconds_to_deadline() == math.inf  # nobody has begun
    roster.begin(0)
    clock.now = 104.0
    roster.begin(1)
    assert roster.seconds_to_deadline() == 6.0
    assert roster.overdue() == []
    clock.now = 111.0
    assert roster.overdue() == [0]
    assert roster.seconds_to_deadline() == 0.0
    roster.leave(0)
    assert roster.seconds_to_deadline() == 3.0


def test_without_a_deadline_nothing_is_ever_overdue() -> None:
    roster = roster_of("a")
    roster.add(trial(0), alone=False)
    starts(roster)
    roster.begin(0)
    assert roster.overdue() == []
    assert roster.seconds_to_deadline() == math.inf
