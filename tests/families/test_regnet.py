"""RegNet: the quantised line, the published networks, what its parameters must be."""

import inspect
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from anynas.architecture import Architecture, regnet
from anynas.errors import ArchitectureError
from anynas.families.anynet import anynet_parameters, compatible
from anynas.families.regnet import (
    first_slopes,
    levels_of_line,
    published_regnets,
    regnet_parameters,
    settings_of_stages,
    stages_of_line,
    stages_of_lines,
)

# Tables 5 and 6 of the paper: blocks and (effective) widths of each stage.
PUBLISHED_STAGES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "regnetx_200mf": ((1, 1, 4, 7), (24, 56, 152, 368)),
    "regnetx_400mf": ((1, 2, 7, 12), (32, 64, 160, 384)),
    "regnetx_600mf": ((1, 3, 5, 7), (48, 96, 240, 528)),
    "regnetx_800mf": ((1, 3, 7, 5), (64, 128, 288, 672)),
    "regnetx_1.6gf": ((2, 4, 10, 2), (72, 168, 408, 912)),
    "regnetx_3.2gf": ((2, 6, 15, 2), (96, 192, 432, 1008)),
    "regnetx_4.0gf": ((2, 5, 14, 2), (80, 240, 560, 1360)),
    "regnetx_6.4gf": ((2, 4, 10, 1), (168, 392, 784, 1624)),
    "regnetx_8.0gf": ((2, 5, 15, 1), (80, 240, 720, 1920)),
    "regnetx_12gf": ((2, 5, 11, 1), (224, 448, 896, 2240)),
    "regnetx_16gf": ((2, 6, 13, 1), (256, 512, 896, 2048)),
    "regnetx_32gf": ((2, 7, 13, 1), (336, 672, 1344, 2520)),
    "regnety_200mf": ((1, 1, 4, 7), (24, 56, 152, 368)),
    "regnety_400mf": ((1, 3, 6, 6), (48, 104, 208, 440)),
    "regnety_600mf": ((1, 3, 7, 4), (48, 112, 256, 608)),
    "regnety_800mf": ((1, 3, 8, 2), (64, 128, 320, 768)),
    "regnety_1.6gf": ((2, 6, 17, 2), (48, 120, 336, 888)),
    "regnety_3.2gf": ((2, 5, 13, 1), (72, 216, 576, 1512)),
    "regnety_4.0gf": ((2, 6, 12, 2), (128, 192, 512, 1088)),
    "regnety_6.4gf": ((2, 7, 14, 2), (144, 288, 576, 1296)),
    "regnety_8.0gf": ((2, 4, 10, 1), (168, 448, 896, 2016)),
    "regnety_12gf": ((2, 5, 11, 1), (224, 448, 896, 2240)),
    "regnety_16gf": ((2, 4, 11, 1), (224, 448, 1232, 3024)),
    "regnety_32gf": ((2, 5, 12, 1), (232, 696, 1392, 3712)),
}
# The ranges of the paper, by 0.1 and by 0.001.
WA_VALUES = np.array([round(k * 0.1, 1) for k in range(1, 2560)])
WM_VALUES = np.array([round(k * 0.001, 3) for k in range(1500, 3001)])
TIES = [1.69, 1.96, 2.25, 2.56, 2.89]  # squares of tenths: some blocks lie exactly between two levels
LINE: dict[str, Any] = {"depth": 13, "w0": 24, "wa": 36.44, "wm": 2.49, "group_width": 8}


def test_every_published_regnet_is_known() -> None:
    assert sorted(published_regnets()) == sorted(PUBLISHED_STAGES)


@pytest.mark.parametrize("name", PUBLISHED_STAGES)
def test_a_published_regnet_has_the_stages_of_the_papers_table(name: str) -> None:
    parameters = regnet_parameters(**published_regnets()[name])
    widths, _, _ = compatible(
        parameters.widths, parameters.bottleneck_ratios, parameters.group_widths, block=parameters.block
    )
    assert (parameters.depths, tuple(widths.tolist())) == PUBLISHED_STAGES[name]
    assert parameters.block == ("X" if name.startswith("regnetx") else "Y")


def test_a_regnets_widths_are_nominal() -> None:
    parameters = regnet_parameters(**published_regnets()["regnetx_400mf"])
    assert parameters.widths == (24, 64, 152, 392)  # compatible with groups of 16: 32, 64, 160, 384
    assert parameters.group_widths == (16, 16, 16, 16)


@given(
    depth=st.integers(1, 64),
    w0=st.integers(1, 32).map(lambda steps: 8 * steps),
    wa=st.integers(0, 2560).map(lambda tenths: tenths / 10),
    wm=st.integers(1100, 3000).map(lambda thousandths: thousandths / 1000),
)
@settings(deadline=None, max_examples=300)
def test_the_stages_are_the_runs_of_the_quantised_line(depth: int, w0: int, wa: float, wm: float) -> None:
    block_widths = []
    for j in range(depth):
        power = math.log((w0 + wa * j) / w0) / math.log(wm)
        steps = w0 * wm ** round(power) / 8
        for value in (power, steps):  # at a half, the last bit of a logarithm decides
            assume(abs(value % 1 - 0.5) > 1e-9)
        block_widths.append(8 * round(steps))
    widths, depths = stages_of_line(depth=depth, w0=w0, wa=wa, wm=wm)
    assert [width for width, blocks in zip(widths, depths, strict=True) for _ in range(blocks)] == block_widths
    assert all(narrow < wide for narrow, wide in itertools.pairwise(widths))


def drawn_lines(n: int, seed: int) -> dict[str, Any]:
    """Return n lines of the paper's grid, a third of them with blocks that can lie exactly between two levels."""
    generator = np.random.default_rng(seed)
    wm = generator.choice(WM_VALUES, n)
    wm[::3] = generator.choice(TIES, len(wm[::3]))
    return {
        "depth": generator.integers(1, 64, n),
        "w0": 8 * generator.integers(1, 32, n),
        "wa": WA_VALUES[(len(WA_VALUES) ** generator.random(n)).astype(int)],
        "wm": wm,
    }


def rows_of(lines: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(lines, values, strict=True)) for values in zip(*(v.tolist() for v in lines.values()), strict=True)]


@pytest.mark.parametrize("num_stages", [1, 3, 4])
def test_many_lines_have_the_stages_of_each(num_stages: int) -> None:
    lines = drawn_lines(6000, seed=1)
    stages = [stages_of_line(**line) for line in rows_of(lines)]
    last = levels_of_line(lines["depth"] - 1, w0=lines["w0"], wa=lines["wa"], wm=lines["wm"])
    kept = [i for i, (widths, _) in enumerate(stages) if len(widths) == num_stages == last[i] + 1]
    widths, depths = stages_of_lines(**{name: values[kept] for name, values in lines.items()}, num_stages=num_stages)
    assert len(kept) > 200
    assert widths.tolist() == [stages[i][0] for i in kept]
    assert depths.tolist() == [stages[i][1] for i in kept]


def test_no_lines_have_no_stages() -> None:
    widths, depths = stages_of_lines(**drawn_lines(0, seed=1), num_stages=4)
    assert widths.shape == depths.shape == (0, 4)


@pytest.mark.parametrize("wm", [*TIES, 1.001, 1.5, 2.49, 3.0])
@pytest.mark.parametrize("level", [0, 1, 2, 3, 4])
def test_the_first_slope_is_the_least_that_brings_a_block_to_a_level(wm: float, level: int) -> None:
    blocks, w0 = np.arange(63), np.arange(8, 256, 40)[:, None]
    levels = levels_of_line(blocks[:, None], w0=w0[..., None], wa=WA_VALUES, wm=wm)
    expected = np.count_nonzero(levels < level, axis=-1)
    assert (np.diff(levels, axis=-1) >= 0).all()
    assert first_slopes(WA_VALUES, level=level, block=blocks, w0=w0, wm=wm).tolist() == expected.tolist()


@pytest.mark.parametrize("name", PUBLISHED_STAGES)
def test_a_published_regnet_is_on_the_papers_grid(name: str) -> None:
    """RegNetX-32GF alone starts wider, at 320, than the 248 at which the paper's range ends."""
    line = {key: published_regnets()[name][key] for key in ("depth", "w0", "wa", "wm")}
    widths, depths = stages_of_line(**line)
    found = settings_of_stages(widths, depths, wa_values=WA_VALUES, wm_values=WM_VALUES)
    assert found is not None
    wa, wm = WA_VALUES[found[0]], WM_VALUES[found[1]]
    assert stages_of_line(depth=line["depth"], w0=line["w0"], wa=wa, wm=wm) == (widths, depths)
    assert (wa, wm) == (pytest.approx(line["wa"], rel=0.06), pytest.approx(line["wm"], rel=0.003))
    assert (line["w0"] <= 248) == (name != "regnetx_32gf")


def test_the_stages_of_a_line_lead_back_to_a_line_with_the_same_stages() -> None:
    lines = drawn_lines(3000, seed=2)
    last = levels_of_line(lines["depth"] - 1, w0=lines["w0"], wa=lines["wa"], wm=lines["wm"])
    tried = 0
    for line, level in zip(rows_of(lines), last, strict=True):
        widths, depths = stages_of_line(**line)
        if len(widths) == level + 1 <= 6:
            found = settings_of_stages(widths, depths, wa_values=WA_VALUES, wm_values=WM_VALUES)
            assert found is not None
            line |= {"wa": float(WA_VALUES[found[0]]), "wm": float(WM_VALUES[found[1]])}
            assert stages_of_line(**line) == (widths, depths)
            tried += 1
    assert tried > 500


def test_a_line_that_alone_has_its_stages_is_found_on_a_coarse_grid() -> None:
    slopes, ratios = [4.0, 9.5, 21.1], [1.5, 2.25, 3.0]
    for (i, wa), (k, wm) in itertools.product(enumerate(slopes), enumerate(ratios)):
        widths, depths = stages_of_line(depth=13, w0=16, wa=wa, wm=wm)
        levels = levels_of_line(np.arange(13), w0=16, wa=wa, wm=wm)
        found = settings_of_stages(widths, depths, wa_values=slopes, wm_values=ratios)
        assert found == ((i, k) if (np.diff(levels) <= 1).all() else None)


def test_of_the_lines_with_some_stages_the_middle_one_is_found() -> None:
    stages = stages_of_line(depth=13, w0=24, wa=36.44, wm=2.49)
    near = WM_VALUES[abs(WM_VALUES - 2.49) < 0.1]
    served = {
        float(wm): [float(wa) for wa in WA_VALUES[300:500] if stages_of_line(depth=13, w0=24, wa=wa, wm=wm) == stages]
        for wm in near
    }
    ratios = [wm for wm, slopes in served.items() if slopes]
    found = settings_of_stages(*stages, wa_values=WA_VALUES, wm_values=WM_VALUES)
    assert found is not None
    assert WM_VALUES[found[1]] == ratios[(len(ratios) - 1) // 2]
    slopes = served[float(WM_VALUES[found[1]])]
    assert WA_VALUES[found[0]] == slopes[(len(slopes) - 1) // 2]


@pytest.mark.parametrize(
    ("widths", "depths"),
    [
        ((24, 56, 152, 368), (7, 4, 1, 1)),  # a line climbs ever more slowly from level to level
        ((24, 56, 152, 160), (1, 1, 4, 7)),  # no one ratio
        ((24, 24, 24, 24), (1, 1, 4, 7)),
        ((24, 56, 56, 152), (1, 1, 4, 7)),
        ((56, 24, 16, 8), (1, 1, 4, 7)),
        ((30, 75, 187, 470), (1, 1, 4, 7)),  # no multiples of 8
        ((8, 40, 200, 1000), (1, 1, 4, 7)),  # a ratio of 5
    ],
)
def test_stages_of_no_line_lead_to_none(widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
    assert settings_of_stages(widths, depths, wa_values=WA_VALUES, wm_values=WM_VALUES) is None


def test_a_line_without_slope_is_one_stage() -> None:
    assert stages_of_line(depth=7, w0=48, wa=0.0, wm=2.5) == ([48], [7])


def test_a_regnet_is_the_anynet_with_its_stages() -> None:
    parameters = regnet_parameters(**LINE, bottleneck_ratio=2, stem_width=16, stem_stride=1, strides=[1, 2, 2, 2])
    assert parameters == anynet_parameters(
        depths=[1, 1, 4, 7],
        widths=[24, 56, 152, 368],
        bottleneck_ratios=[2] * 4,
        group_widths=[8] * 4,
        stem_width=16,
        stem_stride=1,
        strides=[1, 2, 2, 2],
    )


def test_the_stem_does_not_follow_the_first_width() -> None:
    assert regnet_parameters(**{**LINE, "w0": 80}).stem_width == 32


def test_a_regnet_with_squeeze_and_excitation_has_block_y() -> None:
    parameters = regnet_parameters(**LINE, se_ratio=0.25)
    assert (parameters.block, parameters.se_ratio) == ("Y", 0.25)


def test_the_public_function_says_that_it_returns_an_architecture() -> None:
    assert regnet(**LINE) == Architecture(regnet_parameters(**LINE))
    assert inspect.signature(regnet).return_annotation is Architecture
    assert "Slope of the line" in inspect.getdoc(regnet)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"depth": 0}, "regnet: depth must be a whole number of at least 1; got 0"),
        ({"depth": 13.5}, "regnet: depth must be a whole number of at least 1; got 13.5"),
        ({"depth": True}, "regnet: depth must be a whole number of at least 1; got True"),
        ({"w0": 30}, "regnet: w0 must be a positive multiple of 8; got 30"),
        ({"w0": 0}, "regnet: w0 must be a positive multiple of 8; got 0"),
        ({"w0": -8}, "regnet: w0 must be a positive multiple of 8; got -8"),
        ({"w0": "24"}, "regnet: w0 must be a finite number; got '24'"),
        ({"wa": -0.5}, "regnet: wa must be at least 0; got -0.5"),
        ({"wa": math.inf}, "regnet: wa must be a finite number; got inf"),
        ({"wm": 1}, "regnet: wm must be above 1; got 1"),
        ({"wm": 0.5}, "regnet: wm must be above 1; got 0.5"),
        ({"wm": math.nan}, "regnet: wm must be a finite number; got nan"),
        ({"group_width": 0}, "anynet: group_widths must be whole numbers of at least 1; got 0"),
        (
            {"bottleneck_ratio": 0.5},
            "anynet: bottleneck_ratios must be whole numbers of at least 1; got 0.5",
        ),
    ],
)
def test_a_wrong_value_of_the_line_is_refused_with_what_must_hold(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        regnet(**{**LINE, **wrong})
    assert str(caught.value) == message
