"""The rule of rungs on hand-made cases: which trial goes on, which rungs there are, what is kept and what it cost."""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anynas.driver.rungs import Kept, Ladder, Standings, make_ladder, together
from anynas.errors import SettingsError
from anynas.trials import CurvePoint, Paused, TrialResult

THREE = Ladder(epochs=(1, 3, 9), reduction=3)


def result(errors: Sequence[float], *, state: str = "pruned", reason: str = "", seconds: float = 1.0) -> TrialResult:
    """Return a result with these errors after its epochs."""
    return TrialResult(
        state=state,  # type: ignore[arg-type]
        error=math.nan if state == "failed" else errors[-1],
        curve=tuple(CurvePoint(epoch=epoch, loss=1.0, error=error) for epoch, error in enumerate(errors, start=1)),
        seconds=seconds,
        reason=reason,
    )


# Ladders


@pytest.mark.parametrize(
    ("epochs", "rungs", "reduction", "expected"),
    [
        (9, 3, 3, (1, 3, 9)),
        (90, 4, 3, (3, 10, 30, 90)),
        (10, 3, 3, (1, 3, 10)),
        (5, 3, 3, (1, 2, 5)),
        (2, 2, 2, (1, 2)),
        (16, 5, 2, (1, 2, 4, 8, 16)),
        (7, 1, 3, (7,)),
    ],
)
def test_each_rung_has_about_one_in_reduction_of_the_epochs_above_it(
    epochs: int, rungs: int, reduction: int, expected: tuple[int, ...]
) -> None:
    ladder = make_ladder(epochs, rungs=rungs, reduction=reduction)
    assert ladder.epochs == expected
    assert [ladder.stop(rung) for rung in range(1, ladder.top + 1)] == [*expected[:-1], None]


@pytest.mark.parametrize(
    ("epochs", "rungs", "reduction", "message"),
    [
        (9, 0, 3, "rungs must be at least 1; got 0"),
        (9, 3, 1, "reduction must be at least 2; got 1"),
        (
            2,
            3,
            3,
            "rungs must differ in epochs; 3 rungs with reduction 3 of 2 epochs have 1, 1, 2; choose fewer rungs, or at "
            "least 5 epochs",
        ),
    ],
)
def test_rungs_that_cannot_be_get_one_line(epochs: int, rungs: int, reduction: int, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make_ladder(epochs, rungs=rungs, reduction=reduction)
    assert str(caught.value) == message


@given(epochs=st.integers(1, 200), rungs=st.integers(2, 5), reduction=st.integers(2, 5))
def test_the_number_of_epochs_that_an_error_names_is_enough_and_the_least(
    epochs: int, rungs: int, reduction: int
) -> None:
    try:
        assert make_ladder(epochs, rungs=rungs, reduction=reduction).epochs[-1] == epochs
    except SettingsError as error:
        enough = int(str(error).split()[-2])
        assert enough > epochs
        make_ladder(enough, rungs=rungs, reduction=reduction)
        with pytest.raises(SettingsError):
            make_ladder(enough - 1, rungs=rungs, reduction=reduction)


# Errors on rungs


def test_a_trial_has_an_error_on_each_rung_that_it_finished() -> None:
    assert THREE.errors(result([50])) == (50,)
    assert THREE.errors(result([50, 45, 40])) == (50, 40)
    assert THREE.errors(result(range(50, 41, -1), state="complete")) == (50, 48, 42)


def test_divergence_finishes_the_rung_that_it_happens_on() -> None:
    assert THREE.errors(result([90], state="complete", reason="diverged")) == (90,)
    assert THREE.errors(result([50, 90], state="complete", reason="diverged")) == (50, 90)
    assert THREE.errors(result([50, 45, 90], state="complete", reason="diverged")) == (50, 90)
    assert THREE.errors(result([50, 45, 40, 90], state="complete", reason="diverged")) == (50, 40, 90)


def test_a_failure_has_the_errors_of_the_rungs_before_it_and_a_repeat_has_none() -> None:
    assert THREE.errors(TrialResult.failed("out of memory")) == ()
    assert THREE.errors(result([50, 45, 40], state="failed")) == (50, 40)
    assert THREE.errors(TrialResult(state="pruned", error=50.0, reason="repeats trial 3")) == ()


# Promotion


@pytest.mark.parametrize(
    ("errors", "waiting", "expected"),
    [
        ({}, (), None),
        ({0: (5,), 1: (6,)}, (0, 1), None),  # a third of two is none
        ({0: (5,), 1: (4,), 2: (6,)}, (0, 1, 2), 1),  # one of three: the best
        ({0: (5,), 1: (4,), 2: (6,)}, (0, 2), None),  # the best is under way, and no other is among the best
        ({0: (5,), 1: (4,), 2: (6,), 3: (3,)}, (0, 2, 3), 3),  # who comes later may be better
        ({n: (n,) for n in range(6)}, range(6), 0),  # two of six: the better one first
        ({n: (n,) for n in range(6)}, range(1, 6), 1),
        (dict.fromkeys(range(3), (5,)), range(3), 0),  # of equals the one that began first
        ({0: (5, 4), 1: (6,), 2: (7,), 3: (5.5,), 4: (8,), 5: (9,)}, (0, 1, 2, 3, 4, 5), 3),  # 0 counts below as well
        ({0: (1, 9), 1: (2, 8), 2: (3, 7), **{n: (n,) for n in range(3, 12)}}, range(12), 2),  # the highest rung first
        ({0: (1, 9), 1: (2, 8), 2: (3, 7), **{n: (n,) for n in range(3, 12)}}, (0, 1, 3), 3),  # else the one below
        ({0: (1, 1, 1), 1: (2,), 2: (3,)}, (1, 2), None),  # who has reached the top does not go on
    ],
)
def test_the_trial_that_goes_on(
    errors: dict[int, tuple[float, ...]], waiting: Sequence[int], expected: int | None
) -> None:
    assert standings(errors, waiting).promote() == expected


def standings(errors: Mapping[int, Sequence[float]], waiting: Collection[int], ladder: Ladder = THREE) -> Standings:
    """Return standings in which trials have these errors on the rungs that they finished; others than `waiting` failed
    on their way to the next.
    """
    made = Standings(ladder)
    for number, reached in errors.items():
        made.add(number, at_rungs(reached, ladder, state="pruned" if number in waiting else "failed"))
    return made


def at_rungs(errors: Sequence[float], ladder: Ladder, *, state: str = "pruned") -> TrialResult:
    heights = zip((0, *ladder.epochs), ladder.epochs, errors, strict=False)
    return result([error for below, height, error in heights for _ in range(height - below)], state=state)


def test_on_a_ladder_of_one_rung_nothing_goes_on() -> None:
    assert standings({n: (n,) for n in range(9)}, range(9), Ladder(epochs=(9,))).promote() is None


def test_the_furthest_is_the_best_on_the_highest_rung_where_any_waits() -> None:
    errors = {0: (1,), 1: (9, 8), 2: (9, 7), 3: (9, 1)}
    assert standings(errors, {0, 1, 2}).promote_to_the_end() == 2
    assert standings(errors, {0}).promote_to_the_end() == 0
    assert standings(errors, ()).promote_to_the_end() is None


def rule(ladder: Ladder, errors: Mapping[int, Sequence[float]], waiting: Collection[int]) -> int | None:
    """The rule as the paper writes it: every rung sorted anew."""
    for rung in range(ladder.top - 1, 0, -1):
        finished = sorted((reached[rung - 1], number) for number, reached in errors.items() if len(reached) >= rung)
        for _, number in finished[: len(finished) // ladder.reduction]:
            if number in waiting and len(errors[number]) == rung:
                return number
    return None


@settings(deadline=None)
@given(
    events=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8)), max_size=80),
    reduction=st.integers(2, 4),
)
def test_whatever_order_results_come_in_who_goes_on_is_as_if_all_were_sorted_anew(
    events: list[tuple[int, int]], reduction: int
) -> None:
    """What begins, pauses, ends and fails while others are under way; many errors are equal."""
    ladder = Ladder(epochs=(1, 3, 9), reduction=reduction)
    made, errors, waiting, under_way = Standings(ladder), dict[int, tuple[float, ...]](), set[int](), list[int]()
    for what, error in events:
        expected = rule(ladder, errors, waiting)
        if what <= 1 and under_way:  # one that goes on pauses again, or ends
            number = under_way.pop(0)
            errors[number] = (*errors[number], error)
            state = "complete" if len(errors[number]) == ladder.top else "pruned"
        elif what == 2 and under_way:
            number, state = under_way.pop(), "failed"
        elif what <= 4:  # a new one
            number, state = len(errors), "pruned"
            errors[number] = (error,)
        else:
            assert made.promote() == expected
            if expected is not None:
                waiting.remove(expected)
                under_way.append(expected)
            continue
        if state == "pruned":
            waiting.add(number)
        made.add(number, at_rungs(errors[number], ladder, state=state))
    assert made.promote() == rule(ladder, errors, waiting)


@settings(deadline=None)
@given(errors=st.lists(st.integers(0, 30), min_size=1, max_size=60), reduction=st.integers(2, 4))
def test_one_worker_promotes_only_the_best_so_far_and_never_more_than_a_rungs_share_at_that_time(
    errors: list[int], reduction: int
) -> None:
    """Trials whose error never changes: against a plain count of who was better on the rung at that moment."""
    ladder = Ladder(epochs=(1, 2, 4), reduction=reduction)
    standings, at_rung = Standings(ladder), {1: dict[int, int](), 2: dict[int, int](), 3: dict[int, int]()}
    for number, error in enumerate(errors):
        at_rung[1][number] = error
        standings.add(number, result([error]))
        while (promoted := standings.promote()) is not None:
            rung = max(rung for rung, there in at_rung.items() if promoted in there)
            there = at_rung[rung]
            better = sum((error, n) < (there[promoted], promoted) for n, error in there.items())
            assert better < len(there) // reduction
            at_rung[rung + 1][promoted] = errors[promoted]
            height = ladder.epochs[rung]
            standings.add(promoted, result([errors[promoted]] * height, state="complete" if rung == 2 else "pruned"))
    for rung in (1, 2):  # nobody who is among the best was left behind
        ranked = sorted(at_rung[rung], key=lambda n: (at_rung[rung][n], n))
        assert set(ranked[: len(ranked) // reduction]) <= set(at_rung[rung + 1])


def test_a_trial_that_was_promoted_does_not_go_on_again_until_it_has_paused_again() -> None:
    standings = Standings(THREE)
    for number in range(3):
        standings.add(number, result([number]))
    assert (standings.promote(), standings.promote()) == (0, None)
    standings.add(0, result([0, 0, 0]))
    assert standings.promote() is None  # a third of one is none
    assert (standings.promote_to_the_end(), standings.promote()) == (0, None)


def test_one_reaches_the_top_in_the_end_however_few_there_are() -> None:
    standings = Standings(THREE)
    standings.add(0, result([5]))
    standings.add(1, result([90], state="complete", reason="diverged"))
    assert (standings.promote(), standings.promote_to_the_end()) == (None, 0)
    standings.add(0, result([5, 5, 5]))
    assert standings.promote_to_the_end() == 0
    standings.add(0, result([5] * 9, state="complete"))
    assert standings.promote_to_the_end() is None


def test_failed_and_diverged_trials_and_repeats_never_go_on_and_the_diverged_alone_count_for_the_share() -> None:
    standings = Standings(THREE)
    standings.add(0, result([90], state="complete", reason="diverged"))
    standings.add(1, TrialResult.failed("no"))
    standings.add(2, TrialResult(state="pruned", error=1.0, reason="repeats trial 0"))
    standings.add(3, result([50]))
    assert standings.promote() is None  # two count
    standings.add(4, result([60]))
    assert standings.promote() == 3  # of three
    standings.add(3, result([50], state="failed"))  # on its way up
    assert standings.promote() is None  # it keeps its place below: nobody takes it


# Costs


def test_so_many_trials_take_about_so_many_epochs() -> None:
    assert THREE.expected_epochs(0) == 0
    assert THREE.expected_epochs(1) == 9  # one has to reach the top
    assert THREE.expected_epochs(9) == 9 * 1 + 3 * 2 + 1 * 6
    assert THREE.expected_epochs(27) == 27 * 1 + 9 * 2 + 3 * 6
    assert THREE.in_full(27) == 7.0
    assert [THREE.trials_within(n) for n in (1, 7)] == [1, 27]
    plain = Ladder(epochs=(9,))
    assert (plain.in_full(7), plain.trials_within(7)) == (7, 7)


def test_the_summary_counts_rungs_and_epochs() -> None:
    results = [
        result([50]),
        result([40, 40, 40]),
        result([30] * 9, state="complete"),
        result([90], state="complete", reason="diverged"),
        TrialResult.failed("no"),
        TrialResult(state="pruned", error=50.0, reason="repeats trial 0"),
    ]
    assert THREE.summary(results) == {
        "rungs": [{"epochs": 1, "trials": 4}, {"epochs": 3, "trials": 2}, {"epochs": 9, "trials": 1}],
        "epochs_trained": 1 + 3 + 9 + 1,
        "epochs_in_full": 4 * 9,
    }


def test_parts_of_a_training_add_up() -> None:
    first, second = result([50], seconds=2.0), result([50, 40, 30], seconds=3.0)
    assert together(None, first) is first
    both = together(first, second)
    assert (both.seconds, both.curve, both.error) == (5.0, second.curve, 30)
    lost = together(both, TrialResult.failed("worker lost", lost=("worker lost",) * 2))
    assert (lost.state, lost.seconds, lost.curve, lost.retries) == ("failed", 5.0, second.curve, 2)


# What is kept


def paused(error: float, size: int) -> Paused:
    return Paused(result=result([error]), arrays=(np.zeros(size, dtype=np.uint8),))


def test_what_has_no_room_leaves_the_greatest_error_first() -> None:
    kept = Kept(limit=100)
    for number, error in enumerate((30.0, 50.0, 40.0)):
        kept.keep(number, paused(error, 40))
    assert kept.take(1) is None
    taken = kept.take(0)
    assert taken is not None
    assert taken.result.error == 30
    assert kept.take(0) is None, "it is handed over once"
    assert kept.take(2) is not None


def test_a_trial_that_pauses_again_is_kept_once_as_it_is_then() -> None:
    kept = Kept(limit=100)
    kept.keep(0, paused(30.0, 60))
    kept.keep(0, paused(20.0, 50))
    kept.keep(1, paused(40.0, 50))
    assert kept.take(1) is not None
    taken = kept.take(0)
    assert taken is not None
    assert (taken.result.error, taken.num_bytes) == (20.0, 50)


def test_what_is_larger_than_all_the_room_is_not_kept_and_drives_nobody_out() -> None:
    kept = Kept(limit=100)
    kept.keep(0, paused(30.0, 60))
    kept.keep(1, paused(20.0, 101))
    assert kept.take(1) is None
    assert kept.take(0) is not None
