"""Samplers: what any must keep to, what each promises besides, and TPE on a table of trained networks."""

import dataclasses
import os
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
from anynas.driver.samplers import SAMPLERS, Known, Proposal, Sampler, make_sampler
from anynas.driver.samplers.adaptive import METHODS, STARTUP
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
any_sampler = pytest.mark.parametrize("name", SAMPLERS)
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
    allow(monkeypatch, "tpe", asks=20)  # the small spaces run out, which takes all of it
    space, bounds = CASES[case]
    history = search_alone(make_sampler(name, space, seed=3, bounds=bounds), total_width, range(STARTUP + 12))
    for architecture, point in ((p.architecture, p.point) for p in proposals(history)):
        assert space.contains(architecture)
        assert within(space, bounds, architecture)
        assert all(type(u) is float and 0 <= u <= 1 for u in point)
        assert space.decode(point) == architecture


@any_sampler
def test_two_samplers_with_one_seed_propose_the_same_and_other_seeds_propose_others(name: str) -> None:
    first, second, other = (
        proposals(search_alone(make_sampler(name, WIDE, seed=seed, bounds=BAND), total_width, range(STARTUP + 5)))
        for seed in (1, 1, 2)
    )
    assert first == second
    assert len({p.architecture.key for p in first} & {p.architecture.key for p in other}) <= 1


@any_sampler
def test_proposals_differ_from_each_other_where_the_space_is_large(name: str) -> None:
    history = search_alone(make_sampler(name, WIDE, seed=5, bounds=FREE), far_from_the_middle, range(40))
    assert len(set(keys(history))) == 40


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
        ("annealing", 'unknown sampler "annealing"; known: qmc, random, tpe'),
    ],
)
def test_an_unknown_sampler_is_refused_with_what_is_known(name: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make_sampler(name, WIDE, seed=0, bounds=FREE)
    assert str(caught.value) == message


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


# tpe on trained networks

FOLDER = Path(os.environ.get("ANYNAS_SHARED_DATA", Path(anynas.__file__).parents[2] / "shared" / "data"))
NATS = FOLDER / "nats_sss_cifar10.csv.xz"
REFERENCE = {32: 6.63, 64: 6.46}  # plain Optuna's TPE with five integers: mean best error of 20 seeds, percent


@pytest.mark.slow
@pytest.mark.skipif(not NATS.exists(), reason=f"needs {NATS.name}; ANYNAS_SHARED_DATA names its folder")
def test_tpe_finds_networks_as_good_as_plain_optuna_does_on_a_table_of_trained_networks() -> None:
    table = pd.read_csv(NATS)
    widths = table[["c1", "c2", "c3", "c4", "c5"]].itertuples(index=False, name=None)
    errors = dict(zip(widths, table["err"].round(2), strict=True))
    space = plain_space(stages=5, depths=[1], widths=range(8, 65, 8))
    assert space.size() == len(errors) == 32_768
    runs = []
    for seed in range(20):
        sampler = make_sampler("tpe", space, seed=seed, bounds=FREE)
        history = search_alone(sampler, lambda a: errors[a.parameters.widths], range(max(REFERENCE)))
        runs.append([known.error for known in history])
    for trials, reference in REFERENCE.items():
        best = np.min(np.array(runs, dtype=float)[:, :trials], axis=1)
        noise = best.std(ddof=1) / np.sqrt(len(best))
        assert best.mean() <= reference + 2 * noise, f"{trials} trials: {best.mean():.3f} +- {noise:.3f}"
