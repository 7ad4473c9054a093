"""Design spaces: published sizes, laws against plain rejection, the cube, draws by index, membership."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from anynas.architecture import Architecture, anynet, load_architecture, regnet
from anynas.counting import complexity
from anynas.designspace import Bounds, DesignSpace, load_space
from anynas.designspace import space as space_module
from anynas.designspace.parameters import Parameter, log_uniform, uniform, uniform_range
from anynas.errors import EmptyBandError, SpaceError
from anynas.regimes import load_regime

LADDER = ("AnyNetA", "AnyNetB", "AnyNetC", "AnyNetD", "AnyNetE")
PAPER_BAND = (360e6, 400e6)
FASHION = load_regime("fashion")
KINDS = ("tie", "equal", "nondecreasing", "nonincreasing")

FIELDS = {  # parameter -> field of an AnyNet
    "depth": "depths",
    "width": "widths",
    "bottleneck_ratio": "bottleneck_ratios",
    "group_width": "group_widths",
}
Columns = dict[str, NDArray[np.int64]]  # parameter -> (n, stages)


def fixed_to(name: str, value: int) -> Parameter:
    return uniform(name, [value], count=4)


A, B, C, D, E = (load_space(name) for name in LADDER)
DERIVED = (
    C.derive("equal widths", equal=["width"]),
    C.derive("decreasing widths", nonincreasing=["width"]),
    D.derive("equal depths", equal=["depth"]),
    D.derive("decreasing depths", nonincreasing=["depth"]),
    A.derive("all four", tie=["group_width"], nondecreasing=["bottleneck_ratio", "width"], equal=["depth"]),
    A.derive("both orders", nondecreasing=["width"], nonincreasing=["width", "depth"]),
    dataclasses.replace(
        E, name="one ratio", parameters=(*E.parameters[:2], fixed_to("bottleneck_ratio", 2), E.parameters[3])
    ),
    dataclasses.replace(E, name="one depth", parameters=(fixed_to("depth", 3), *E.parameters[1:])),
)
SPACES = {space.name: space for space in (A, B, C, D, E, *DERIVED)}
any_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def small_space(stages: int = 3, **constraints: Any) -> DesignSpace:
    """Return a space that can be enumerated: 3 depths, 3 widths, 2 ratios and 2 group widths a stage."""
    return DesignSpace(
        name="small",
        family="anynet",
        regime=FASHION,
        parameters=(
            uniform_range("depth", low=1, high=3, step=1, count=stages),
            log_uniform("width", low=8, high=24, step=8, count=stages),
            uniform("bottleneck_ratio", [1, 2], count=stages),
            uniform("group_width", [4, 8], count=stages),
        ),
        stages=stages,
        **constraints,
    )


def nominal_values(space: DesignSpace, points: NDArray[np.float64]) -> Columns:
    """Return what points decode to, without building it."""
    settings = space._settings(points)
    return {p.name: np.asarray(p.values)[settings[p.name]] for p in space.parameters}


def columns_of(architectures: list[Architecture]) -> Columns:
    return {name: np.array([getattr(a.parameters, field) for a in architectures]) for name, field in FIELDS.items()}


def member(space: DesignSpace = A, **changes: Any) -> Architecture:
    """Return an architecture of all the ladder's spaces, or one with changes."""
    fields = {
        "depths": [1, 2, 2, 4],
        "widths": [16, 24, 24, 64],
        "bottleneck_ratios": [2] * 4,
        "group_widths": [8] * 4,
    }
    shell = {
        "strides": [2] * 4,
        "stem_width": space.regime.stem_width,
        "stem_stride": space.regime.stem_stride,
    }
    return anynet(**{**fields, **shell, **changes})


# Sizes and dimensions


@pytest.mark.parametrize(
    ("space", "size", "dimension"),
    [
        (A, 1846757322198614016, 16),
        (B, 68398419340689408, 13),
        (C, 316659348799488, 10),
        (D, 13821510942720, 10),
        (E, 817446539520, 10),
    ],
    ids=LADDER,
)
def test_the_ladders_spaces_have_the_published_sizes(space: DesignSpace, size: int, dimension: int) -> None:
    assert space.size() == size
    assert space.dimension == dimension


@given(
    tie=st.sets(st.sampled_from(list(FIELDS))),
    equal=st.sets(st.sampled_from(list(FIELDS))),
    nondecreasing=st.sets(st.sampled_from(list(FIELDS))),
    nonincreasing=st.sets(st.sampled_from(list(FIELDS))),
)
@settings(deadline=None, max_examples=12)
def test_the_size_is_the_number_of_architectures_that_a_space_contains(**constraints: set[str]) -> None:
    space = small_space(stages=2, **{kind: sorted(names) for kind, names in constraints.items()})
    shell = {"strides": [2, 2], "stem_width": 16, "stem_stride": 1}
    grids = [itertools.product(parameter.values, repeat=2) for parameter in space.parameters]
    contained = 0
    for setting in itertools.product(*grids):
        allowed = all(
            satisfies({kind for kind in KINDS if name in constraints[kind]}, values)
            for name, values in zip(FIELDS, setting, strict=True)
        )
        architecture = anynet(**dict(zip(FIELDS.values(), setting, strict=True)), **shell)
        assert space.contains(architecture) == allowed
        contained += allowed
        if allowed and contained % 7 == 0:
            assert space.decode(space.encode(architecture)) == architecture
    assert space.size() == contained


def satisfies(kinds: set[str], values: tuple[int, ...]) -> bool:
    return (
        (not kinds & {"tie", "equal"} or len(set(values)) == 1)
        and ("nondecreasing" not in kinds or list(values) == sorted(values))
        and ("nonincreasing" not in kinds or list(values) == sorted(values, reverse=True))
    )


def test_a_parameter_with_one_value_has_no_axis() -> None:
    assert SPACES["one ratio"].dimension == 9
    assert SPACES["one depth"].dimension == 6
    assert SPACES["one ratio"].size() == E.size() // 3
    single = dataclasses.replace(
        A,
        parameters=tuple(fixed_to(name, value) for name, value in zip(FIELDS, (1, 8, 1, 8), strict=True)),
    )
    assert (single.dimension, single.size()) == (0, 1)
    assert single.sample(2, seed=0) == [single.decode([])] * 2
    assert single.encode(single.decode([])).shape == (0,)


# Laws: against rejection, against a dynamic programme, against published figures


@functools.cache
def rejected_from_c(name: str, n: int = 20_000) -> Columns:
    """Return draws of D or E as plain rejection gives them: independent draws, kept where they comply."""
    generator, law = np.random.default_rng(2003), {p.name: p.probabilities for p in C.parameters}
    kept: list[NDArray[np.int64]] = []
    while sum(map(len, kept)) < n:
        widths = 8 + 8 * generator.choice(128, size=(500_000, 4), p=law["width"])
        widths = widths[(np.diff(widths) >= 0).all(axis=1)]
        depths = 1 + generator.choice(16, size=widths.shape, p=law["depth"])
        rows = np.hstack([widths, depths])
        kept.append(rows if name == "AnyNetD" else rows[(np.diff(depths) >= 0).all(axis=1)])
    rows = np.concatenate(kept)[:n]
    return {"width": rows[:, :4], "depth": rows[:, 4:]}


@functools.cache
def from_sample(space: DesignSpace, n: int = 20_000) -> Columns:
    return columns_of(space.sample(n, seed=7))


def from_cube(space: DesignSpace, n: int = 20_000) -> Columns:
    """Return what uniform points decode to; the first 2,000 by `decode` itself."""
    points = np.random.default_rng(8).random((n, space.dimension))
    values = nominal_values(space, points)
    decoded = columns_of([space.decode(point) for point in points[:2_000]])
    assert all((decoded[name] == values[name][:2_000]).all() for name in values)
    return values


def same_law(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the p-value of a chi-square test on two samples of numbers, those in rare values pooled."""
    cuts = np.unique(np.quantile(np.concatenate([one, other]), np.linspace(0, 1, 25)[1:-1]))
    table = np.array([np.bincount(np.searchsorted(cuts, part), minlength=len(cuts) + 1) for part in (one, other)])
    return float(stats.chi2_contingency(table[:, table.sum(axis=0) > 0]).pvalue)


def ties(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which neighbouring stages are equal, as one number a row."""
    return (np.diff(values) == 0) @ np.array([1, 2, 4])


@pytest.mark.parametrize("drawn_by", [from_sample, from_cube])
@pytest.mark.parametrize("space", [D, E], ids=["AnyNetD", "AnyNetE"])
def test_draws_and_decoded_points_follow_the_law_of_plain_rejection(
    space: DesignSpace, drawn_by: Callable[[DesignSpace], Columns]
) -> None:
    drawn, rejected = drawn_by(space), rejected_from_c(space.name)
    for name in ("width", "depth"):
        assert len(drawn[name]) == len(rejected[name]) == 20_000
        for stage in range(4):
            assert same_law(drawn[name][:, stage], rejected[name][:, stage]) > 1e-4
        assert same_law(drawn[name].sum(axis=1), rejected[name].sum(axis=1)) > 1e-4
        assert same_law(np.ptp(drawn[name], axis=1), np.ptp(rejected[name], axis=1)) > 1e-4
        assert same_law(ties(drawn[name]), ties(rejected[name])) > 1e-4


def test_what_is_not_ordered_keeps_its_own_law() -> None:
    drawn = from_sample(A)
    for parameter in A.parameters:
        observed = drawn[parameter.name]
        expected = 20_000 * np.array(parameter.probabilities)
        for stage in range(4):
            counts = np.array([(observed[:, stage] == value).sum() for value in parameter.values])
            assert stats.chisquare(counts, expected).pvalue > 1e-4
        assert abs(np.corrcoef(observed.T)[np.triu_indices(4, 1)]).max() < 0.04


def test_equal_widths_follow_the_law_of_plain_rejection() -> None:
    generator, law = np.random.default_rng(9), C.parameters[1].probabilities
    pairs = generator.choice(128, size=(2_000_000, 2), p=law)
    rejected = 8 + 8 * pairs[pairs[:, 0] == pairs[:, 1]]
    two_stages = tuple(dataclasses.replace(parameter, count=2) for parameter in C.parameters)
    space = dataclasses.replace(C, stages=2, parameters=two_stages).derive("equal", equal=["width"])
    drawn = from_cube(space)["width"]
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert same_law(drawn[:, 0], rejected[:, 0]) > 1e-4


def share_monotone(law: tuple[float, ...], stages: int = 4) -> float:
    """Return the probability that independent draws never decrease, from the first stage on."""
    ending_at = np.array(law)  # probability that the run so far holds and ends at each value
    for _ in range(stages - 1):
        ending_at = np.array(law) * np.cumsum(ending_at)
    return float(ending_at.sum())


def test_the_laws_give_the_published_shares_of_monotone_draws() -> None:
    law = {parameter.name: parameter.probabilities for parameter in C.parameters}
    assert share_monotone(law["width"]) == pytest.approx(0.055404, abs=5e-7)
    assert share_monotone(law["width"]) * share_monotone(law["depth"]) == pytest.approx(0.0044073, abs=5e-8)


def test_the_shares_of_monotone_draws_are_those_of_an_enumeration() -> None:
    depths = C.parameters[0]
    rows = np.array(list(itertools.product(range(16), repeat=4)))
    monotone = rows[(np.diff(rows) >= 0).all(axis=1)]
    share = np.array(depths.probabilities)[monotone].prod(axis=1).sum()
    assert share_monotone(depths.probabilities) == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "share_of_c", "low", "high"),
    [
        ("AnyNetA", 1, 0.020, 0.022),  # 2.1 %
        ("AnyNetB", 1, 0.020, 0.022),
        ("AnyNetC", 1, 0.020, 0.022),
        ("AnyNetD", 0.055404, 0.00103, 0.00111),  # 0.107 %
        ("AnyNetE", 0.0044073, 0.000092, 0.000104),  # 0.0095 to 0.0101 %
    ],
)
def test_the_papers_band_accepts_the_published_share_of_candidates(
    name: str, share_of_c: float, low: float, high: float
) -> None:
    space, inside, candidates = load_space(name, regime="imagenet"), 0, 0
    for points in itertools.islice(space.random_points(11), 75):
        inside += int(Bounds(flops=PAPER_BAND).accept(space._members.count(space._settings(points))).sum())
        candidates += len(points)
    assert low < share_of_c * inside / candidates < high


def test_e_is_conditioned_not_sorted() -> None:
    depths = from_sample(E)["depth"]
    assert depths.sum(axis=1).mean() == pytest.approx(17.1, abs=0.2)  # sorted: 19.8
    assert (ties(depths) > 0).mean() == pytest.approx(0.75, abs=0.015)  # sorted: 0.53


def test_the_band_keeps_es_law_conditional() -> None:
    drawn = load_space("AnyNetE", regime="imagenet").sample(4_000, seed=1, flops=PAPER_BAND)
    depths = columns_of(drawn)["depth"]
    assert depths.sum(axis=1).mean() == pytest.approx(18.9, abs=0.4)  # sorted: 20.7
    assert (ties(depths) > 0).mean() == pytest.approx(0.71, abs=0.03)  # sorted: 0.50


# The unit cube


@any_space
def test_every_draw_decodes_from_its_own_point(space: DesignSpace) -> None:
    for architecture in space.sample(100, seed=3):
        point = space.encode(architecture)
        assert point.shape == (space.dimension,)
        assert space.decode(point) == architecture


@any_space
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_every_point_of_the_closed_cube_decodes_into_the_space(space: DesignSpace, data: st.DataObject) -> None:
    coordinates = st.floats(0, 1) | st.sampled_from([0.0, 1.0])
    architecture = space.decode(data.draw(st.lists(coordinates, min_size=space.dimension, max_size=space.dimension)))
    assert space.contains(architecture)
    assert space.decode(space.encode(architecture)) == architecture
    for name, values in columns_of([architecture]).items():
        assert satisfies({kind for kind in KINDS if name in getattr(space, kind)}, tuple(values[0].tolist()))


def test_the_corners_of_the_cube_are_the_smallest_and_the_largest_architecture() -> None:
    for space in (A, B, C, D, E):
        assert space.decode(np.zeros(space.dimension)) == member(
            depths=[1] * 4, widths=[8] * 4, bottleneck_ratios=[1] * 4, group_widths=[1] * 4
        )
        assert space.decode(np.ones(space.dimension)) == member(
            depths=[16] * 4, widths=[1024] * 4, bottleneck_ratios=[4] * 4, group_widths=[32] * 4
        )


def test_a_mixed_corner_takes_each_parameter_to_its_own_end() -> None:
    point = [0, 1, 0, 1, 0, 0, 1, 1, 1, 0]  # depths, widths, ratio, group width
    assert C.decode(point).parameters.depths == (1, 16, 1, 16)
    assert C.decode(point) == member(
        depths=[1, 16, 1, 16], widths=[8, 8, 1024, 1024], bottleneck_ratios=[4] * 4, group_widths=[1] * 4
    )
    assert E.decode(point).parameters.depths == (1, 16, 16, 16)


@pytest.mark.parametrize(
    ("point", "came"),
    [
        ([0.5] * 9, "[0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5]"),
        ([0.5] * 11, "[0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5]"),
        ([0.5] * 9 + [1.5], "[0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 1.5]"),
        ([0.5] * 9 + [-0.1], "[ 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 -0.1]"),
        ([0.5] * 9 + [math.nan], "[0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 nan]"),
        ([[0.5] * 10], "[[0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5]]"),
        ([0.5] * 1000, "[0.5 0.5 0.5 ... 0.5 0.5 0.5]"),
        (
            [0.12345678] * 9 + [1.00000001],
            "[0.12345678 0.12345678 0.12345678 0.12345678 0.12345678 0.12345678 0.12345678 0.12345678 "
            "0.12345678 1.00000001]",
        ),
        (0.5, "0.5"),
        ([], "[]"),
    ],
)
def test_a_point_that_is_none_of_the_cube_is_refused_on_one_line(point: Any, came: str) -> None:
    with pytest.raises(SpaceError) as caught:
        E.decode(point)
    assert str(caught.value) == f"AnyNetE: a point must be 10 numbers in [0, 1]; got {came}"


def test_an_architecture_outside_the_space_has_no_point() -> None:
    outside = member(widths=[64, 24, 24, 16])
    with pytest.raises(SpaceError) as caught:
        D.encode(outside)
    assert str(caught.value) == f"AnyNetD must contain the architecture; got {outside.parameters}"


# Draws


@any_space
@pytest.mark.parametrize("bounds", [{}, {"flops": (0.5e6, 20e6)}], ids=["free", "bounded"])
def test_a_draw_depends_on_its_index_alone(space: DesignSpace, bounds: dict[str, Any]) -> None:
    whole = space.sample(40, seed=5, **bounds)
    assert whole[:7] == space.sample(7, seed=5, **bounds)
    for start in (0, 1, 13, 39):
        assert space.sample(40 - start, seed=5, start=start, **bounds) == whole[start:]


def test_draws_in_chunks_are_the_whole_across_blocks_of_candidates() -> None:
    space = load_space("AnyNetE", regime="imagenet")
    whole = space.sample(300, seed=2, flops=PAPER_BAND)  # about 90 a block are in the band
    for size in (70, 100, 299):
        chunks = [
            space.sample(min(size, 300 - start), seed=2, start=start, flops=PAPER_BAND) for start in range(0, 300, size)
        ]
        assert list(itertools.chain.from_iterable(chunks)) == whole
    unbounded = space.sample(space_module.BLOCK + 5, seed=2)
    assert space.sample(6, seed=2, start=space_module.BLOCK - 1) == unbounded[-6:]
    assert len(set(unbounded[:3]) & set(unbounded[space_module.BLOCK : space_module.BLOCK + 3])) == 0


def test_draws_is_the_endless_sequence_of_sample() -> None:
    bounds = Bounds(flops=FASHION.flops)
    endless = E.draws(seed=4, bounds=bounds, start=3)
    drawn = list(itertools.islice(endless, 10))
    assert [architecture for architecture, _ in drawn] == E.sample(10, seed=4, start=3, flops=FASHION.flops)
    assert all(E.decode(point) == architecture for architecture, point in drawn)


def test_a_band_keeps_the_draws_that_lie_in_it_in_their_order() -> None:
    low, high = FASHION.flops
    everything = E.sample(300, seed=6)
    counts = [complexity(a, input_shape=(1, 28, 28), num_classes=10).flops for a in everything]
    inside = [a for a, flops in zip(everything, counts, strict=True) if low <= flops <= high]
    assert 10 < len(inside) < 100
    assert E.sample(len(inside), seed=6, flops=(low, high)) == inside


def test_a_derived_space_of_the_same_law_draws_the_same() -> None:
    derived = C.derive("mine", nondecreasing=["width"], description="my own D")
    assert derived.digest == D.digest
    assert derived.sample(20, seed=1) == D.sample(20, seed=1)


def test_spaces_of_other_laws_have_other_digests_and_draws() -> None:
    digests = {space.digest for space in SPACES.values()}
    assert len(digests) == len(SPACES)
    assert C.sample(20, seed=1) != C.derive("tied", tie=["depth"]).sample(20, seed=1)


def test_the_digest_reads_what_makes_a_law_and_no_more() -> None:
    assert load_space("AnyNetE", regime="imagenet").digest == E.digest
    assert dataclasses.replace(E, name="other", description="other").digest == E.digest
    other_law = tuple(
        dataclasses.replace(p, probabilities=(1 / 16,) * 16) if p.name == "depth" else p for p in E.parameters
    )
    assert dataclasses.replace(E, parameters=other_law).digest != E.digest
    assert dataclasses.replace(E, fixed={"block": "R"}).digest != E.digest


def test_the_digest_reads_fixed_fields_as_the_family_completes_them() -> None:
    spellings: list[dict[str, Any]] = [{"block": "Y"}, {"se_ratio": 0.25}, {"block": "Y", "se_ratio": 0.25}]
    assert len({dataclasses.replace(E, fixed=fixed).digest for fixed in spellings}) == 1
    assert dataclasses.replace(E, fixed={}).digest == E.digest
    assert dataclasses.replace(E, fixed={"se_ratio": 0.5}).digest != dataclasses.replace(E, fixed=spellings[0]).digest


def test_the_digest_does_not_hear_the_last_digits_of_a_logarithm() -> None:
    other_machine = tuple(
        dataclasses.replace(p, probabilities=tuple(math.nextafter(q, 1) for q in p.probabilities)) for p in E.parameters
    )
    assert other_machine != E.parameters
    assert dataclasses.replace(E, parameters=other_machine).digest == E.digest


def test_draws_differ_by_seed() -> None:
    drawn = [tuple(E.sample(5, seed=seed)) for seed in (0, 1, 2, 2**40)]
    assert len(set(drawn)) == 4


def test_pinned_draws_hold() -> None:
    """Every stored run rests on these; to change them is to change the draws of every seed."""
    fashion = D.sample(3, seed=0, flops=FASHION.flops)
    imagenet = load_space("AnyNetE", regime="imagenet").sample(3, seed=0, flops=PAPER_BAND)
    assert [architecture.key for architecture in fashion] == ["fa7810b06a0f", "72860816d910", "21670d77657b"]
    assert [architecture.key for architecture in imagenet] == ["30a07f41cb35", "21d7887b97df", "75ee6c7486dc"]


def test_500_of_e_in_the_papers_band_are_what_they_should_be() -> None:
    space = load_space("AnyNetE", regime="imagenet")
    drawn = space.sample(500, seed=0, flops=PAPER_BAND)
    assert len(drawn) == 500
    assert len({architecture.key for architecture in drawn}) > 495
    for architecture in drawn:
        counted = complexity(architecture, input_shape=(3, 224, 224), num_classes=1000)
        assert PAPER_BAND[0] <= counted.flops <= PAPER_BAND[1]
        assert space.contains(architecture)
        parameters = architecture.parameters
        assert parameters.widths == tuple(sorted(parameters.widths))
        assert parameters.depths == tuple(sorted(parameters.depths))
        assert len(set(parameters.bottleneck_ratios)) == len(set(parameters.group_widths)) == 1
        assert (parameters.stem_width, parameters.stem_stride, parameters.strides) == (32, 2, (2, 2, 2, 2))


@pytest.mark.parametrize("name", ["flops", "params", "activations"])
def test_every_draw_keeps_its_bound_as_complexity_counts(name: str) -> None:
    low, high = {"flops": (2e6, 4e6), "params": (20_000, 50_000), "activations": (50_000, 90_000)}[name]
    bounds: dict[str, Any] = {name: (low, high)}
    counts = [
        getattr(complexity(a, input_shape=(1, 28, 28), num_classes=10), name) for a in A.sample(200, seed=2, **bounds)
    ]
    assert low <= min(counts)
    assert max(counts) <= high
    assert max(counts) - min(counts) > 0.8 * (high - low)


def test_several_bounds_hold_together() -> None:
    drawn = A.sample(50, seed=2, flops=(2e6, 4e6), params=(20_000, 50_000), activations=(50_000, 90_000))
    for architecture in drawn:
        counted = complexity(architecture, input_shape=(1, 28, 28), num_classes=10)
        assert 2e6 <= counted.flops <= 4e6
        assert 20_000 <= counted.params <= 50_000
        assert 50_000 <= counted.activations <= 90_000


def test_both_ends_of_a_band_belong_to_it() -> None:
    space = small_space()
    flops = complexity(space.sample(1, seed=3)[0], input_shape=(1, 28, 28), num_classes=10).flops
    assert space.sample(1, seed=3, flops=(flops, flops)) == space.sample(1, seed=3)
    others = space.sample(20, seed=3, flops=(flops, flops))
    assert {complexity(a, input_shape=(1, 28, 28), num_classes=10).flops for a in others} == {flops}


def test_bounds_are_counted_at_the_regimes_input() -> None:
    for regime in ("fashion", "cifar", "imagenet"):
        space = load_space("AnyNetD", regime=regime)
        low, high = space.regime.flops
        shape, num_classes = space.regime.input_shape, space.regime.num_classes
        for architecture in space.sample(20, seed=0, flops=(low, high)):
            assert low <= complexity(architecture, input_shape=shape, num_classes=num_classes).flops <= high


def test_no_draws_are_no_draws() -> None:
    assert E.sample(0, seed=0) == []
    assert E.sample(0, seed=0, flops=(1, 2)) == []


def test_an_empty_band_is_refused_with_the_acceptance_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space_module, "FRUITLESS", 2 * space_module.BLOCK)
    with pytest.raises(EmptyBandError) as caught:
        E.sample(1, seed=0, flops=(1, 2), params=(5, 5000))
    assert str(caught.value) == (
        "AnyNetE (fashion): flops 1:2, params 5:5000 must hold for some draws; "
        "accepted 0 of 8,192 candidates; widen the band"
    )


def test_a_band_that_runs_dry_is_refused_with_the_acceptance_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    first = A.sample(1, seed=0)[0]
    flops = complexity(first, input_shape=(1, 28, 28), num_classes=10).flops
    assert A.sample(1, seed=0, flops=(flops, flops)) == [first]
    monkeypatch.setattr(space_module, "FRUITLESS", space_module.BLOCK)
    with pytest.raises(EmptyBandError) as caught:
        A.sample(2, seed=0, flops=(flops, flops))
    assert str(caught.value) == (
        f"AnyNetA (fashion): flops {flops:g}:{flops:g} must hold for some draws; "
        "accepted 1 of 8,192 candidates; widen the band"
    )


def test_a_band_counts_as_empty_after_a_million_candidates() -> None:
    assert space_module.FRUITLESS == 1_048_576


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": -1}, "n and start must be at least 0; got n -1, start 0"),
        ({"start": -1}, "n and start must be at least 0; got n 1, start -1"),
        ({"seed": -1}, "seed must be at least 0; got -1"),
        ({"flops": (400, 360)}, "flops must be LOW:HIGH with 0 <= LOW <= HIGH; got 400:360"),
        ({"params": (-5, 360)}, "params must be LOW:HIGH with 0 <= LOW <= HIGH; got -5:360"),
        ({"activations": 7}, "activations must be a pair (low, high) of numbers; got 7"),
    ],
)
def test_a_request_for_draws_that_is_none_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        E.sample(**{"n": 1, "seed": 0, **arguments})
    assert str(caught.value) == message


# Membership


@pytest.mark.parametrize("regime", ["fashion", "imagenet"])
def test_draws_of_a_space_are_in_all_its_ancestors(regime: str) -> None:
    for rung, name in enumerate(LADDER):
        drawn = load_space(name, regime=regime).sample(100, seed=rung)
        for ancestor in LADDER[: rung + 1]:
            assert all(map(load_space(ancestor).contains, drawn))


@pytest.mark.parametrize(
    ("changes", "last"),
    [
        ({}, "AnyNetE"),
        ({"depths": [2, 1, 2, 4]}, "AnyNetD"),
        ({"widths": [24, 16, 24, 64]}, "AnyNetC"),
        ({"group_widths": [8, 8, 16, 8]}, "AnyNetB"),
        ({"bottleneck_ratios": [2, 2, 2, 1]}, "AnyNetA"),
        ({"depths": [1, 2, 2, 17]}, None),
        ({"widths": [16, 24, 24, 1032]}, None),
        ({"widths": [16, 20, 24, 64]}, None),
        ({"bottleneck_ratios": [3] * 4}, None),
        ({"group_widths": [64] * 4}, None),
        ({"block": "R"}, None),
        ({"block": "Y"}, None),
        ({"conv_bias": True}, None),
        (
            {
                "depths": [1] * 3,
                "widths": [8] * 3,
                "bottleneck_ratios": [1] * 3,
                "group_widths": [1] * 3,
                "strides": [2] * 3,
            },
            None,
        ),
    ],
)
def test_the_ladder_contains_an_architecture_down_to_the_rung_that_it_violates(
    changes: dict[str, Any], last: str | None
) -> None:
    containing = [name for name in LADDER if load_space(name).contains(member(**changes))]
    assert containing == list(LADDER[: LADDER.index(last) + 1] if last else ())


def test_what_a_regime_owns_plays_no_part_in_membership() -> None:
    assert E.contains(member(stem_width=64, stem_stride=4, stem_kernel=7, strides=[1, 2, 2, 2], stem_pool=True))


def test_membership_speaks_of_nominal_values() -> None:
    nominal = member(widths=[8, 24, 40, 72], group_widths=[16] * 4, bottleneck_ratios=[1] * 4)
    assert C.contains(nominal)  # effective group widths are 8, 16, 16, 16
    assert C.decode(C.encode(nominal)) == nominal


def test_regnets_within_the_ranges_are_in_e() -> None:
    imagenet = load_space("AnyNetE", regime="imagenet")
    for name in ("regnetx_200mf", "regnetx_400mf"):
        architecture = load_architecture(name)
        assert imagenet.contains(architecture)
        assert imagenet.decode(imagenet.encode(architecture)) == architecture
    assert imagenet.contains(regnet(depth=12, w0=32, wa=30.5, wm=2.2, group_width=16, bottleneck_ratio=2))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("regnetx_600mf", "groups of 24"),
        ("regnety_200mf", "block Y"),
        ("regnetx_3.2gf", "groups of 48, and fewer blocks in the last stage"),
    ],
)
def test_regnets_beyond_the_ranges_are_not_in_e(name: str, why: str) -> None:
    assert not load_space("AnyNetE", regime="imagenet").contains(load_architecture(name)), why


def test_columns_are_those_of_a_table() -> None:
    assert E.columns_of(member(widths=[16, 24, 24, 64])) == {
        "depth_1": 1, "depth_2": 2, "depth_3": 2, "depth_4": 4,
        "width_1": 16, "width_2": 24, "width_3": 24, "width_4": 64,
        "bottleneck_ratio_1": 2, "bottleneck_ratio_2": 2, "bottleneck_ratio_3": 2, "bottleneck_ratio_4": 2,
        "group_width_1": 8, "group_width_2": 8, "group_width_3": 8, "group_width_4": 8,
    }  # fmt: skip


# Derived spaces and what they are made of


def test_a_derived_space_adds_to_its_parents_constraints() -> None:
    derived = E.derive("mine", tie=["width", "width"], nonincreasing=["depth"], description="equal depths")
    assert (derived.name, derived.description, derived.regime) == ("mine", "equal depths", E.regime)
    assert derived.tie == ("bottleneck_ratio", "group_width", "width")
    assert derived.nondecreasing == ("width", "depth")
    assert derived.nonincreasing == ("depth",)
    assert derived.size() == 16 * 128 * 3 * 6
    assert E.tie == ("bottleneck_ratio", "group_width")


@pytest.mark.parametrize("kind", KINDS)
def test_a_constraint_on_an_unknown_parameter_is_refused(kind: str) -> None:
    arguments: dict[str, Any] = {kind: ["widht"]}
    with pytest.raises(SpaceError) as caught:
        C.derive("mine", **arguments)
    assert str(caught.value) == f'{kind}: unknown parameter "widht"; did you mean "width"?'


@pytest.mark.parametrize("kind", KINDS)
def test_a_constraint_given_as_text_is_refused(kind: str) -> None:
    arguments: dict[str, Any] = {kind: "width"}
    with pytest.raises(SpaceError) as caught:
        C.derive("mine", **arguments)
    assert str(caught.value) == f'{kind} must be a list of parameters; got the text "width"; write ["width"]'


def test_a_space_reads_as_its_name_its_regime_and_its_size() -> None:
    assert repr(E) == "DesignSpace(AnyNetE, regime fashion, 10 free parameters, 8.17e+11 settings)"


@pytest.mark.parametrize(
    ("fixed", "block", "se_ratio"),
    [
        ({"block": "Y"}, "Y", 0.25),
        ({"se_ratio": 0.5}, "Y", 0.5),
        ({"block": "X", "se_ratio": 0.5}, "Y", 0.5),
        ({"block": "R", "conv_bias": True}, "R", 0.0),
        ({"block": "VR"}, "VR", 0.0),
        ({}, "X", 0.0),
    ],
)
def test_a_space_of_other_blocks_contains_and_counts_what_it_draws(
    fixed: dict[str, Any], block: str, se_ratio: float
) -> None:
    space = dataclasses.replace(A, fixed=fixed)
    low, high = 1e6, 8e6
    for architecture in space.sample(30, seed=1, flops=(low, high)):
        assert (architecture.parameters.block, architecture.parameters.se_ratio) == (block, se_ratio)
        assert architecture.parameters.conv_bias == fixed.get("conv_bias", False)
        assert low <= complexity(architecture, input_shape=(1, 28, 28), num_classes=10).flops <= high
        assert space.contains(architecture)
        assert space.decode(space.encode(architecture)) == architecture
    assert A.contains(space.sample(1, seed=1)[0]) == (fixed == {})


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"block": "Q"}, 'anynet: unknown block "Q"; known: R, V, VR, X, Y'),
        ({"conv_bias": 1}, "anynet: conv_bias must be true or false; got 1"),
        (
            {"block": "R", "se_ratio": 0.5},
            'anynet: se_ratio must lie in (0, 1] for block Y and be 0 for every other; got block "R", se_ratio 0.5',
        ),
    ],
)
def test_fixed_fields_that_make_no_network_are_refused(fixed: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        dataclasses.replace(A, fixed=fixed)
    assert str(caught.value) == message


# Counting many candidates


@pytest.mark.parametrize(
    ("delta", "looked_up"),
    [
        ("", True),
        ("[parameters.width]\nlow = 8\nhigh = 2048\nstep = 4\nlaw = 'uniform'", False),  # too large a table
        ("[fixed]\nblock = 'Y'", False),  # squeeze-and-excitation rounds
    ],
)
def test_many_candidates_are_counted_as_each_is_whether_or_not_costs_are_looked_up(
    tmp_path: Path, delta: str, looked_up: bool
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'extends = "AnyNetA"\n{delta}\n')
    check_counts(load_space(path), looked_up=looked_up)


def test_lists_that_a_space_fixes_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'family = "anynet"\nregime = "fashion"\nstages = 2\n[parameters.depth]\nvalues = [1, 2, 3]\n'
        "[parameters.width]\nvalues = [8, 16, 24]\n[fixed]\nbottleneck_ratios = [1, 2]\ngroup_widths = [8, 4]\n"
    )
    check_counts(load_space(path), looked_up=True)


def check_counts(space: DesignSpace, *, looked_up: bool) -> None:
    assert (space._members._stage_table is not None) == looked_up
    settings = space._settings(np.random.default_rng(0).random((40, space.dimension)))
    counted = space._members.count(settings)
    at = {"input_shape": space.regime.input_shape, "num_classes": space.regime.num_classes}
    for row, architecture in enumerate(space._members.architectures(settings)):
        one = complexity(architecture, **at)
        assert [one.flops, one.params, one.activations] == [
            counts[row] for counts in (counted.flops, counted.params, counted.activations)
        ]
