"""Samplers: what any must keep to, what each promises besides, and how good they are on trained networks."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from doubles import doubled_space, plain_space, search_alone
from scipy.stats import qmc

import anynas
from anynas.architecture import Architecture
from anynas.counting import complexity
from anynas.designspace import Bounds, DesignSpace
from anynas.designspace import space as space_module
from anynas.driver.samplers import (
    SAMPLERS,
    Earlier,
    Kind,
    Known,
    Proposal,
    Sampler,
    check_sampler,
    is_adaptive,
    make_sampler,
)
from anynas.driver.samplers.adaptive import METHODS, POPULATION, STARTUP
from anynas.errors import EmptyBandError, SettingsError

FREE = Bounds()
WIDE = plain_space(stages=3, depths=[1, 2, 3], widths=range(4, 65, 4))  # 6 axes, 110,592 networks
RISING = WIDE.derive("rising", nondecreasing=["width"], tie=["depth"])
SINGLE = plain_space(depths=[2], widths=[8])
BAND = Bounds(flops=(2.0e6, 2.6e6))  # about one draw of WIDE in eight
NARROW = Bounds(flops=(2.0e6, 2.1e6), params=(10_000, 60_000))
CASES = {
    "free": (WIDE, FREE),
    "band": (WIDE, BAND),
    "three bounds": (WIDE, Bounds(flops=(1e6, 4e6), params=(5_000, 90_000), activations=(10_000, 40_000))),
    "rising": (RISING, Bounds(flops=(1e6, 4e6))),
    "equal": (WIDE.derive("equal", equal=["width"]), Bounds(flops=(1e6, 4e6))),
    "four names a network": (doubled_space(), FREE),
    "nothing free": (SINGLE, FREE),
}
ADAPTIVE = [name for name, kind in SAMPLERS.items() if kind.learns]
any_sampler = pytest.mark.parametrize("name", SAMPLERS)
any_adaptive = pytest.mark.parametrize("name", ADAPTIVE)
any_sequence = pytest.mark.parametrize("name", ["random", "qmc"])


def total_width(architecture: Architecture) -> float:
    """Return an error that is least for the narrowest network."""
    return float(sum(architecture.parameters.widths))


def far_from_the_middle(architecture: Architecture) -> float:
    """Return an error that is least inside the space, in none of its corners."""
    widths, depths = architecture.parameters.widths, architecture.parameters.depths
    return float(sum(abs(width - 28) for width in widths) + 10 * sum(abs(depth - 2) for depth in depths))


def within(space: DesignSpace, bounds: Bounds, architecture: Architecture) -> bool:
    regime = space.regime
    counted = complexity(architecture, input_shape=regime.input_shape, num_classes=regime.num_classes)
    for name in ("flops", "params", "activations"):
        low, high = getattr(bounds, name) or (0, np.inf)
        if not low <= getattr(counted, name) <= high:
            return False
    return True


def told(space: DesignSpace, history: list[Known], *, seed: int = 0, bounds: Bounds = FREE) -> Sampler:
    """Return a new TPE that is told the finished trials, as one is when a run goes on."""
    sampler = make_sampler("tpe", space, seed=seed, bounds=bounds)
    for known in history:
        sampler.tell(known)
    return sampler


def allow(monkeypatch: pytest.MonkeyPatch, name: str, *, asks: int) -> None:
    """Let a sampler propose so many points a trial."""
    monkeypatch.setitem(METHODS, name, dataclasses.replace(METHODS[name], asks=asks))


def behind_the_start(name: str, more: int) -> range:
    """Return the numbers of the start and so many more; an ask of GP takes long, so it gets few."""
    return range(max(STARTUP, POPULATION) + (min(more, 3) if name == "gp" else more))


def proposals(history: list[Known]) -> list[Proposal]:
    return [known.proposal for known in history]


def keys(history: list[Known]) -> list[str]:
    return [known.proposal.architecture.key for known in history]


# any sampler


@any_sampler
@pytest.mark.parametrize("case", CASES)
def test_every_proposal_is_in_the_space_and_within_the_bounds_and_is_what_its_point_decodes_to(
    name: str, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for adaptive in ADAPTIVE:
        allow(monkeypatch, adaptive, asks=2 if adaptive == "gp" else 20)  # the small spaces run out, which takes all
    space, bounds = CASES[case]
    history = search_alone(make_sampler(name, space, seed=3, bounds=bounds), total_width, behind_the_start(name, 12))
    for architecture, point in ((p.architecture, p.point) for p in proposals(history)):
        assert space.contains(architecture)
        assert within(space, bounds, architecture)
        assert all(type(u) is float and 0 <= u <= 1 for u in point)
        assert space.decode(point) == architecture


@any_sampler
def test_two_samplers_with_one_seed_propose_the_same_and_other_seeds_propose_others(name: str) -> None:
    first, second, other = (
        proposals(
            search_alone(make_sampler(name, WIDE, seed=seed, bounds=BAND), total_width, behind_the_start(name, 5))
        )
        for seed in (1, 1, 2)
    )
    assert first == second
    assert len({p.architecture.key for p in first} & {p.architecture.key for p in other}) <= 1


@any_sampler
def test_proposals_differ_from_each_other_where_the_space_is_large(name: str) -> None:
    numbers = behind_the_start(name, 32)
    history = search_alone(make_sampler(name, WIDE, seed=5, bounds=FREE), far_from_the_middle, numbers)
    assert len(set(keys(history))) == len(numbers)


@any_sampler
def test_numbers_may_be_left_out_and_trials_may_end_in_any_order_or_fail(name: str) -> None:
    sampler = make_sampler(name, WIDE, seed=0, bounds=BAND)
    asked = {number: sampler.ask(number) for number in (2, 0, 14, 30, 15, 16, 31)}
    for number in (31, 0, 15, 2, 30, 14, 16):
        error = None if number in (15, 2) else total_width(asked[number].architecture)
        sampler.tell(Known(number, asked[number], error))
    later = sampler.ask(40)
    assert within(WIDE, BAND, later.architecture)
    assert later not in asked.values()


@any_sampler
def test_a_history_of_failures_alone_stops_no_sampler(name: str) -> None:
    history = search_alone(make_sampler(name, WIDE, seed=0, bounds=BAND), lambda _: None, range(STARTUP + 5))
    assert len(set(keys(history))) == STARTUP + 5


@any_sampler
def test_a_space_without_free_parameters_has_one_proposal_for_all_numbers(name: str) -> None:
    history = search_alone(make_sampler(name, SINGLE, seed=0, bounds=FREE), total_width, range(STARTUP + 3))
    assert proposals(history) == [Proposal(SINGLE.sample(1, seed=0)[0], ())] * (STARTUP + 3)


@any_sampler
def test_a_band_without_networks_is_reported_at_the_first_ask(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space_module, "FRUITLESS", 8192)
    sampler = make_sampler(name, WIDE, seed=0, bounds=Bounds(flops=(1, 2)))
    with pytest.raises(EmptyBandError) as caught:
        sampler.ask(0)
    assert str(caught.value) == (
        "plain (fashion): flops 1:2 must hold for some draws; accepted 0 of 8,192 candidates; widen the band"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tp", 'unknown sampler "tp"; did you mean "tpe"?'),
        ("QMC", 'unknown sampler "QMC"; did you mean "qmc"?'),
        ("annealing", 'unknown sampler "annealing"; known: gp, nsga2, qmc, random, tpe'),
    ],
)
def test_an_unknown_sampler_is_refused_with_what_is_known(name: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make_sampler(name, WIDE, seed=0, bounds=FREE)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "told", "message"),
    [
        ("qmc", "has_earlier", "a warm start needs a sampler that learns from trials: tpe, gp or nsga2; got qmc"),
        ("random", "has_earlier", "a warm start needs a sampler that learns from trials: tpe, gp or nsga2; got random"),
        (
            *("gp", "has_rungs"),
            "rungs need a sampler that learns from paused trials, or from none: tpe, random or qmc; got gp",
        ),
        (
            *("nsga2", "has_rungs"),
            "rungs need a sampler that learns from paused trials, or from none: tpe, random or qmc; got nsga2",
        ),
    ],
)
def test_a_sampler_that_cannot_learn_from_what_it_would_be_told_is_refused(name: str, told: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_sampler(name, **{told: True})
    assert str(caught.value) == message


def test_a_sampler_of_ones_own_is_an_entry_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, object]] = []

    def make(space: DesignSpace, **told: object) -> Sampler:
        made.append(told)
        return make_sampler("random", space, seed=0, bounds=FREE)

    monkeypatch.setitem(SAMPLERS, "mine", Kind(make=make))
    assert make_sampler("mine", WIDE, seed=3, bounds=BAND).ask(0) == make_sampler(
        "random", WIDE, seed=0, bounds=FREE
    ).ask(0)
    assert made == [{"seed": 3, "bounds": BAND, "objectives": ("error",), "earlier": ()}]
    for what in ("has_rungs", "has_earlier"):  # what it did not say it can
        with pytest.raises(SettingsError, match="got mine"):
            check_sampler("mine", **{what: True})


def test_trials_of_an_unknown_sampler_are_taken_for_no_sample_of_the_space() -> None:
    names = (None, "random", "qmc", "tpe", "gp", "nsga2", "somebody's")
    assert [is_adaptive(name) for name in names] == [False, False, False, True, True, True, True]


# random and qmc


@any_sequence
@pytest.mark.parametrize("bounds", [FREE, BAND], ids=["free", "band"])
def test_a_proposal_depends_on_seed_and_number_alone(name: str, bounds: Bounds) -> None:
    in_turn = proposals(search_alone(make_sampler(name, WIDE, seed=7, bounds=bounds), total_width, range(40)))
    jumping = make_sampler(name, WIDE, seed=7, bounds=bounds)
    for number in (39, 4, 17, 0, 38, 17):
        assert jumping.ask(number) == in_turn[number]
        assert make_sampler(name, WIDE, seed=7, bounds=bounds).ask(number) == in_turn[number]


@pytest.mark.parametrize("bounds", [FREE, BAND], ids=["free", "band"])
def test_random_proposals_are_the_draws_of_the_space(bounds: Bounds) -> None:
    history = search_alone(make_sampler("random", WIDE, seed=11, bounds=bounds), total_width, range(60))
    assert [p.architecture for p in proposals(history)] == WIDE.sample(60, seed=11, flops=bounds.flops)


@pytest.mark.parametrize("bounds", [FREE, BAND], ids=["free", "band"])
def test_qmc_proposals_are_scipys_scrambled_sobol_points_within_the_bounds(bounds: Bounds) -> None:
    points = qmc.Sobol(WIDE.dimension, scramble=True, rng=np.random.default_rng(11)).random(1024)
    expected = [a for a in map(WIDE.decode, points) if within(WIDE, bounds, a)][:60]
    history = search_alone(make_sampler("qmc", WIDE, seed=11, bounds=bounds), total_width, range(60))
    assert [p.architecture for p in proposals(history)] == expected


@pytest.mark.parametrize("seed", range(5))
def test_qmc_takes_each_value_equally_often(seed: int) -> None:
    space = plain_space(stages=2, depths=[1, 2], widths=range(4, 33, 4))
    sampler = make_sampler("qmc", space, seed=seed, bounds=FREE)
    architectures = [sampler.ask(number).architecture.parameters for number in range(16)]
    for stage in range(2):
        assert sorted(a.widths[stage] for a in architectures) == sorted([*range(4, 33, 4)] * 2)
        assert sorted(a.depths[stage] for a in architectures) == [1] * 8 + [2] * 8


@pytest.mark.parametrize("seed", range(5))
def test_qmc_fills_the_cube_more_evenly_than_random(seed: int) -> None:
    def unevenness(name: str) -> float:
        sampler = make_sampler(name, WIDE, seed=seed, bounds=FREE)
        return float(qmc.discrepancy([sampler.ask(number).point for number in range(64)]))

    assert unevenness("qmc") < 0.75 * unevenness("random")


# tpe


def test_tpe_begins_with_the_draws_of_the_space() -> None:
    history = search_alone(make_sampler("tpe", WIDE, seed=4, bounds=BAND), total_width, range(STARTUP + 1))
    draws = WIDE.sample(STARTUP + 1, seed=4, flops=BAND.flops)
    assert [p.architecture for p in proposals(history)[:STARTUP]] == draws[:STARTUP]
    assert history[STARTUP].proposal.architecture != draws[STARTUP]


@pytest.mark.parametrize("bounds", [FREE, BAND], ids=["free", "band"])
def test_tpe_told_the_same_history_proposes_the_same(bounds: Bounds) -> None:
    history = search_alone(make_sampler("tpe", WIDE, seed=4, bounds=bounds), total_width, range(24))
    first, second = (told(WIDE, history, seed=4, bounds=bounds) for _ in range(2))
    numbers = (24, 25, 40)  # all under way at once
    assert [first.ask(number) for number in numbers] == [second.ask(number) for number in numbers]


def test_tpe_proposals_depend_on_errors_seed_and_number() -> None:
    history = search_alone(make_sampler("tpe", WIDE, seed=4, bounds=FREE), total_width, range(24))
    turned = [Known(k.number, k.proposal, -float(k.error or 0)) for k in history]
    asked = [
        told(WIDE, history, seed=4).ask(24),
        told(WIDE, turned, seed=4).ask(24),
        told(WIDE, history, seed=5).ask(24),
        told(WIDE, history, seed=4).ask(25),
    ]
    assert len({proposal.point for proposal in asked}) == 4


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("bounds", [FREE, Bounds(flops=(1, 1e12))], ids=["no bounds", "bounds that all meet"])
def test_a_resumed_tpe_proposes_what_the_uninterrupted_one_does_where_none_missed(bounds: Bounds, workers: int) -> None:
    space = plain_space(stages=4, depths=[1, 2, 3], widths=range(4, 129, 4))  # so large that none comes twice
    uninterrupted = make_sampler("tpe", space, seed=2, bounds=bounds)
    history: list[Known] = []
    for first in range(0, 24, workers):
        batch = [(number, uninterrupted.ask(number)) for number in range(first, first + workers)]
        for number, proposal in reversed(batch):
            error = None if number in (3, 14) else far_from_the_middle(proposal.architecture)
            history.append(Known(number, proposal, error))
            uninterrupted.tell(history[-1])
    resumed = told(space, sorted(history, key=lambda known: known.number), seed=2, bounds=bounds)
    going_on = search_alone(uninterrupted, far_from_the_middle, range(24, 34))
    assert search_alone(resumed, far_from_the_middle, range(24, 34)) == going_on
    assert len(set(keys(history + going_on))) == 34


@pytest.mark.parametrize("bounds", [FREE, BAND], ids=["free", "band"])
def test_a_resumed_tpe_repeats_no_trial_and_draws_no_more(bounds: Bounds) -> None:
    history = search_alone(make_sampler("tpe", WIDE, seed=6, bounds=bounds), far_from_the_middle, range(30))
    history[7] = Known(7, history[7].proposal, None)
    resumed = told(WIDE, history, seed=6, bounds=bounds)
    later = search_alone(resumed, far_from_the_middle, range(30, 45))
    assert len(set(keys(history + later))) == 45
    drawn = WIDE.sample(2000, seed=99, flops=bounds.flops)
    lower_quartile = np.quantile([far_from_the_middle(a) for a in drawn], 0.25)
    assert np.median([float(known.error or 0) for known in later]) < lower_quartile


def test_tpe_resumed_before_its_model_has_begun_goes_on_with_the_draws() -> None:
    draws = WIDE.sample(STARTUP, seed=6)
    history = search_alone(make_sampler("tpe", WIDE, seed=6, bounds=FREE), total_width, range(4))
    resumed = told(WIDE, history, seed=6)
    assert [resumed.ask(number).architecture for number in range(4, STARTUP)] == draws[4:]


def test_tpe_proposes_each_setting_of_a_small_space_before_any_again(monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, "tpe", asks=20)
    space = doubled_space()
    history = search_alone(make_sampler("tpe", space, seed=0, bounds=FREE), total_width, range(24))
    drawn, asked = set(keys(history[:STARTUP])), keys(history[STARTUP:])
    left = space.size() - len(drawn)
    assert 0 < left < len(asked), "the space must run out"
    assert len(set(asked[:left])) == left
    assert not drawn & set(asked[:left])
    assert drawn | set(asked) == drawn | set(asked[:left])


def test_tpe_keeps_proposals_under_way_apart() -> None:
    sampler = make_sampler("tpe", WIDE, seed=0, bounds=BAND)
    search_alone(sampler, total_width, range(20))
    under_way = [sampler.ask(number).architecture.key for number in range(20, 36)]
    assert len(set(under_way)) == 16


def decoded_points(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, ...]]:
    """Return a list that grows by each point that is decoded: each point that TPE asked for."""
    points: list[tuple[float, ...]] = []
    decode: Callable[..., Architecture] = DesignSpace.decode

    def noting(space: DesignSpace, u: Any) -> Architecture:
        points.append(tuple(u))
        return decode(space, u)

    monkeypatch.setattr(DesignSpace, "decode", noting)
    return points


def test_tpe_learns_from_misses_where_the_band_is(monkeypatch: pytest.MonkeyPatch) -> None:
    band = Bounds(flops=(8e6, 9e6))
    drawn = np.mean([within(WIDE, band, candidate) for candidate in WIDE.sample(2000, seed=1)])
    assert 0 < drawn < 0.05, "the band must be narrow"
    points = decoded_points(monkeypatch)
    search_alone(make_sampler("tpe", WIDE, seed=0, bounds=band), far_from_the_middle, range(STARTUP + 15))
    assert 15 / len(points) > 2.5 * drawn


def test_tpe_that_misses_throughout_its_budget_takes_a_draw_within_the_bounds_near_where_it_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allow(monkeypatch, "tpe", asks=1)
    points = decoded_points(monkeypatch)
    sampler = make_sampler("tpe", WIDE, seed=0, bounds=NARROW)
    search_alone(sampler, far_from_the_middle, range(STARTUP))
    assert points == []
    draws = [WIDE.encode(draw) for draw in WIDE.sample(500, seed=9, flops=NARROW.flops, params=NARROW.params)]
    nearness, seen = [], set()
    for number in range(STARTUP, STARTUP + 15):
        proposal = sampler.ask(number)
        assert len(points) == number - STARTUP + 1, "one proposal a trial"
        if proposal.point == points[-1]:
            continue  # a hit
        assert within(WIDE, NARROW, proposal.architecture)
        assert WIDE.columns_at(proposal.point) == WIDE.columns_of(proposal.architecture)
        distances = [float(np.linalg.norm(draw - points[-1])) for draw in draws]
        nearness.append(np.mean(np.asarray(distances) < np.linalg.norm(np.subtract(proposal.point, points[-1]))))
        seen.add(proposal.architecture.key)
        sampler.tell(Known(number, proposal, far_from_the_middle(proposal.architecture)))
    assert len(nearness) >= 10, "most must have missed"
    assert len(seen) == len(nearness)
    assert np.mean(nearness) < 0.1  # the nearest of 64


def test_tpe_asks_no_more_often_than_its_budget_and_then_proposes_a_known_network_if_there_is_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allow(monkeypatch, "tpe", asks=5)
    points = decoded_points(monkeypatch)
    space = plain_space(stages=1, depths=[1], widths=[4, 8, 400])
    small = Bounds(flops=(0, 1e6))  # without the widest
    history = search_alone(make_sampler("tpe", space, seed=0, bounds=small), total_width, range(STARTUP + 4))
    assert set(keys(history[:STARTUP])) == set(keys(history)), "the draws must have found both"
    assert len(points) == 4 * 5


def test_tpe_asks_nothing_when_all_settings_of_a_space_were_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    points = decoded_points(monkeypatch)
    space = plain_space(stages=1, depths=[1], widths=[4, 8])
    history = search_alone(make_sampler("tpe", space, seed=0, bounds=FREE), total_width, range(STARTUP + 4))
    assert len(set(keys(history[:STARTUP]))) == space.size() == 2
    assert set(keys(history[STARTUP:])) <= set(keys(history[:STARTUP]))
    assert points == []


# gp, nsga2, and what all that learn have in common


def by_numbers(name: str, *, bounds: Bounds, objectives: tuple[str, ...], numbers: range) -> list[Known]:
    """Return a search in which numbers 3 and 9 failed."""
    sampler = make_sampler(name, WIDE, seed=2, bounds=bounds, objectives=objectives)
    history: list[Known] = []
    for number in numbers:
        proposal = sampler.ask(number)
        error = None if number in (3, 9) else far_from_the_middle(proposal.architecture)
        history.append(Known(number, proposal, error))
        sampler.tell(history[-1])
    return history


@any_adaptive
@pytest.mark.parametrize("objectives", [("error",), ("error", "params")], ids=len)
@pytest.mark.parametrize("bounds", [FREE, BAND], ids=["free", "band"])
def test_a_resumed_sampler_proposes_what_the_uninterrupted_one_does_misses_too(
    name: str, bounds: Bounds, objectives: tuple[str, ...]
) -> None:
    numbers = range(STARTUP + 4) if name == "gp" else range(3 * POPULATION + 5)
    history = by_numbers(name, bounds=bounds, objectives=objectives, numbers=numbers)
    assert len(set(keys(history))) == len(numbers)
    if METHODS[name].learns_from_misses and bounds == BAND:
        assert any(known.proposal.misses for known in history)
    for cut in {2, METHODS[name].startup + 1, len(numbers) - 2}:
        resumed = make_sampler(name, WIDE, seed=2, bounds=bounds, objectives=objectives)
        for known in history[:cut]:
            resumed.tell(known)
        for known in history[cut:]:
            assert resumed.ask(known.number) == known.proposal, f"cut at {cut}"
            resumed.tell(known)


@any_adaptive
def test_misses_are_not_proposals_and_lie_outside_the_bounds_or_repeat(name: str) -> None:
    history = by_numbers(name, bounds=BAND, objectives=("error",), numbers=behind_the_start(name, 12))
    seen: set[str] = set()
    for known in history:
        for point in known.proposal.misses:
            missed = WIDE.decode(point)
            assert missed.key in seen or not within(WIDE, BAND, missed)
        seen.add(known.proposal.architecture.key)


@any_adaptive
def test_earlier_trials_stand_in_for_the_start_and_are_not_proposed_again(name: str) -> None:
    earlier = [Earlier(a, far_from_the_middle(a)) for a in WIDE.sample(40, seed=6, flops=BAND.flops)]
    sampler = make_sampler(name, WIDE, seed=6, bounds=BAND, earlier=earlier)
    numbers = range(3) if name == "gp" else range(24)
    history = search_alone(sampler, far_from_the_middle, numbers)
    known = {trial.architecture.key for trial in earlier}
    assert len(known | set(keys(history))) == len(known) + len(numbers)
    assert min(float(k.error or 0) for k in history) < np.quantile([trial.error for trial in earlier], 0.25)


@any_adaptive
def test_few_earlier_trials_leave_the_rest_of_the_start_to_draws_of_others(name: str) -> None:
    startup = METHODS[name].startup
    draws = WIDE.sample(startup, seed=6)
    earlier = [Earlier(a, far_from_the_middle(a)) for a in draws[:3]]
    sampler = make_sampler(name, WIDE, seed=6, bounds=FREE, earlier=earlier)
    history = search_alone(sampler, far_from_the_middle, range(startup - 3))
    assert [p.architecture for p in proposals(history)] == draws[3:]


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_a_space_that_an_earlier_run_has_exhausted_is_proposed_again(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, name, asks=5)
    space = plain_space(stages=1, depths=[1], widths=[4, 8])
    earlier = [Earlier(a, total_width(a)) for a in dict.fromkeys(space.sample(20, seed=0))]
    assert len(earlier) == 2
    history = search_alone(make_sampler(name, space, seed=0, bounds=FREE, earlier=earlier), total_width, range(12))
    assert set(keys(history)) <= {trial.architecture.key for trial in earlier}


@any_adaptive
def test_earlier_trials_outside_the_bounds_teach_where_these_are(name: str) -> None:
    earlier = [Earlier(a, far_from_the_middle(a)) for a in WIDE.sample(STARTUP, seed=1)]
    assert not all(within(WIDE, BAND, trial.architecture) for trial in earlier)
    sampler = make_sampler(name, WIDE, seed=0, bounds=BAND, earlier=earlier)
    history = search_alone(sampler, far_from_the_middle, range(3))
    assert all(within(WIDE, BAND, proposal.architecture) for proposal in proposals(history))


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_two_objectives_are_both_searched_for(name: str) -> None:
    """The widest have the least error: a search for that alone ends with many params, one for both does not."""

    def narrowness(architecture: Architecture) -> float:
        return 400.0 - total_width(architecture)

    def least_params(objectives: tuple[str, ...]) -> float:
        sampler = make_sampler(name, WIDE, seed=0, bounds=FREE, objectives=objectives)
        late = proposals(search_alone(sampler, narrowness, range(64)))[32:]
        return float(np.quantile([_params(proposal.architecture) for proposal in late], 0.25))

    assert least_params(("error", "params")) < 0.6 * least_params(("error",))


def _params(architecture: Architecture) -> int:
    return complexity(architecture, input_shape=WIDE.regime.input_shape, num_classes=10).params


def test_nsga2_begins_with_a_generation_of_draws_and_then_crosses_the_best_of_them() -> None:
    history = search_alone(make_sampler("nsga2", WIDE, seed=4, bounds=FREE), far_from_the_middle, range(2 * POPULATION))
    draws = WIDE.sample(POPULATION, seed=4)
    assert [p.architecture for p in proposals(history)[:POPULATION]] == draws
    first = np.array([known.proposal.point for known in history[:POPULATION]])
    children = np.array([known.proposal.point for known in history[POPULATION:]])
    inherited = np.mean([np.isin(child, first) for child in children])
    assert inherited > 0.5  # of the coordinates; the others mutated


def test_nsga2s_generations_are_optunas_own() -> None:
    """The name under which Optuna keeps them is written out in our code."""
    history = search_alone(
        make_sampler("nsga2", WIDE, seed=4, bounds=FREE), far_from_the_middle, range(2 * POPULATION + 5)
    )
    resumed: Any = make_sampler("nsga2", WIDE, seed=4, bounds=FREE)
    for known in history:
        resumed.tell(known)
    study = resumed._study
    optunas = METHODS["nsga2"].make(0)
    sizes = [len(optunas.get_population(study, generation)) for generation in range(4)]
    assert sizes == [POPULATION, POPULATION, 5, 0]


def test_nsga2_with_failures_in_its_first_generation_draws_until_that_is_full() -> None:
    draws = WIDE.sample(POPULATION + 3, seed=4)
    failing = {draw.key for draw in draws[:3]}
    history = search_alone(
        make_sampler("nsga2", WIDE, seed=4, bounds=FREE),
        lambda a: None if a.key in failing else far_from_the_middle(a),
        range(POPULATION + 4),
    )
    assert [p.architecture for p in proposals(history)[: POPULATION + 3]] == draws
    assert history[-1].proposal.architecture != WIDE.sample(POPULATION + 4, seed=4)[-1]


def test_gp_asks_no_more_than_four_times_a_trial_and_then_takes_a_draw_within_the_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampler = make_sampler("gp", WIDE, seed=0, bounds=NARROW)
    search_alone(sampler, far_from_the_middle, range(STARTUP))
    points = decoded_points(monkeypatch)
    proposal = sampler.ask(STARTUP)
    assert 1 <= len(points) <= METHODS["gp"].asks == 4
    assert within(WIDE, NARROW, proposal.architecture)
    assert len(proposal.misses) in (len(points), len(points) - 1)


def test_gp_needs_two_complete_trials_and_draws_until_it_has_them() -> None:
    history = search_alone(make_sampler("gp", WIDE, seed=4, bounds=FREE), lambda _: None, range(STARTUP + 4))
    assert [p.architecture for p in proposals(history)] == WIDE.sample(STARTUP + 4, seed=4)


def test_torch_is_imported_for_gp_alone() -> None:
    """In a process of its own; other parts of a search need torch, samplers do not."""
    script = """
import sys
import anynas
from anynas.designspace import Bounds
from anynas.driver.samplers import SAMPLERS, Known, make_sampler
space = anynas.load_space("AnyNetD")
for name in SAMPLERS:
    if name != "gp":
        sampler = make_sampler(name, space, seed=0, bounds=Bounds())
        for number in range(10):
            sampler.tell(Known(number, sampler.ask(number), 10.0 + number))
print("torch" in sys.modules)
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "False\n", "")


# On trained networks

FOLDER = Path(os.environ.get("ANYNAS_SHARED_DATA", Path(anynas.__file__).parents[2] / "shared" / "data"))
NATS = FOLDER / "nats_sss_cifar10.csv.xz"
REFERENCE = {  # plain Optuna with five integers: mean best error of 20 seeds after so many trials, percent
    "tpe": {32: 6.63, 64: 6.46},
    "nsga2": {32: 7.10, 64: 6.86},
    "gp": {16: 6.65, 32: 6.45},
}


@pytest.mark.slow
@pytest.mark.skipif(not NATS.exists(), reason=f"needs {NATS.name}; ANYNAS_SHARED_DATA names its folder")
@pytest.mark.parametrize(
    ("name", "seeds"), [pytest.param("tpe", 20, marks=pytest.mark.extended), ("nsga2", 20), ("gp", 3)]
)
def test_a_sampler_finds_networks_as_good_as_plain_optunas_does_on_a_table_of_trained_networks(
    name: str, seeds: int
) -> None:
    table = pd.read_csv(NATS)
    widths = table[["c1", "c2", "c3", "c4", "c5"]].itertuples(index=False, name=None)
    errors = dict(zip(widths, table["err"].round(2), strict=True))
    space = plain_space(stages=5, depths=[1], widths=range(8, 65, 8))
    assert space.size() == len(errors) == 32_768
    runs = []
    for seed in range(seeds):
        sampler = make_sampler(name, space, seed=seed, bounds=FREE)
        history = search_alone(sampler, lambda a: errors[a.parameters.widths], range(max(REFERENCE[name])))
        runs.append([known.error for known in history])
    for trials, reference in REFERENCE[name].items():
        best = np.min(np.array(runs, dtype=float)[:, :trials], axis=1)
        noise = best.std(ddof=1) / np.sqrt(len(best))
        assert best.mean() <= reference + 2 * noise, f"{trials} trials: {best.mean():.3f} +- {noise:.3f}"
