"""Draws in pairs: what is shared, each population's own law, and bounds that hold for all."""

import itertools

import numpy as np
import pytest
from scipy import stats

from anynas.counting import complexity
from anynas.designspace import Bounds, DesignSpace, builtin_spaces, load_space
from anynas.designspace.pairs import draws_in_pairs, shared_axes
from anynas.errors import EmptyBandError, SpaceError

NONE = Bounds()
A, B, D = (load_space(name) for name in ("AnyNetA", "AnyNetB", "AnyNetD"))


@pytest.mark.parametrize("name", builtin_spaces())
def test_an_axis_changes_the_column_that_it_stands_for(name: str) -> None:
    space = load_space(name)
    assert len(space.axes) == len(set(space.axes)) == space.dimension
    rng = np.random.default_rng(5)
    changed: dict[str, set[str]] = {axis: set() for axis in space.axes[:12]}
    for _ in range(40):
        base = rng.random(space.dimension)
        before = space.columns_at(base)
        for place, axis in enumerate(space.axes[:12]):
            point = base.copy()
            point[place] = rng.random()
            after = space.columns_at(point)
            different = {column for column in {*before, *after} if before.get(column) != after.get(column)}
            changed[axis] |= different
            assert not different or axis in different or space.nondecreasing or space.family in ("regnet",)
    alone = {axis for axis, columns in changed.items() if not columns}
    assert not alone or all(axis in ("depth", "w0", "wa", "wm") for axis in alone)


def test_a_leader_alone_is_its_draws() -> None:
    band = Bounds(flops=A.regime.flops)
    pairs = itertools.islice(draws_in_pairs([A], [band], seed=4), 40)
    assert [members[0][0] for members in pairs] == A.sample(40, seed=4, flops=A.regime.flops)


def test_a_tied_ratio_is_the_first_stages_and_all_else_is_shared() -> None:
    for (free, _), (tied, _) in itertools.islice(draws_in_pairs([A, B], [NONE, NONE], seed=1), 200):
        before, after = free.parameters, tied.parameters
        assert (after.depths, after.widths, after.group_widths) == (before.depths, before.widths, before.group_widths)
        assert after.bottleneck_ratios == (before.bottleneck_ratios[0],) * 4


@pytest.mark.parametrize("follower", [B, D], ids=lambda space: space.name)
def test_a_follower_alone_is_drawn_by_its_own_law(follower: DesignSpace) -> None:
    pairs = itertools.islice(draws_in_pairs([A, follower], [NONE, NONE], seed=2), 3_000)
    ours = [members[1][0].parameters for members in pairs]
    own = [architecture.parameters for architecture in follower.sample(3_000, seed=77)]
    for statistic in (lambda p: sum(p.widths), lambda p: p.widths[3], lambda p: sum(p.depths)):
        assert stats.ks_2samp([statistic(p) for p in ours], [statistic(p) for p in own]).pvalue > 1e-3


def test_all_members_of_a_pair_lie_within_their_bounds() -> None:
    low, high = 800_000, 1_200_000
    bounds = [Bounds(flops=(low, high)), Bounds(flops=(low, high), params=(0, 60_000))]
    for (free, _), (tied, _) in itertools.islice(draws_in_pairs([A, B], bounds, seed=0), 50):
        first, second = (complexity(a, input_shape=(1, 28, 28), num_classes=10) for a in (free, tied))
        assert low <= first.flops <= high
        assert low <= second.flops <= high
        assert second.params <= 60_000


def test_members_decode_from_their_points() -> None:
    for free, tied in itertools.islice(draws_in_pairs([A, B], [NONE, NONE], seed=3), 20):
        assert A.decode(free[1]) == free[0]
        assert B.decode(tied[1]) == tied[0]


def test_a_follower_that_is_freer_than_its_leader_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"AnyNetA must choose nothing that AnyNetB does not choose too"):
        shared_axes(B, A)


def test_bounds_that_never_hold_for_both_are_an_error_with_the_acceptance_seen() -> None:
    lenet = load_space("LeNet")
    bounds = [Bounds(flops=(0, 200_000)), Bounds(flops=(900_000, 1_000_000))]
    with pytest.raises(EmptyBandError, match=r"LeNet and LeNet: all must lie within their bounds.*accepted 0 of"):
        next(draws_in_pairs([lenet, lenet], bounds, seed=0))
