"""A study's figures: what is on the Axes equals what was passed in, and every file is written."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from numpy.testing import assert_allclose

import anynas
from anynas.analysis.best_value import best_value
from anynas.analysis.expected import expected_best_curve
from anynas.analysis.holm import judge_together
from anynas.analysis.learning import learning_quartiles
from anynas.analysis.panels import comparison_panel, population_panel
from anynas.analysis.visible import VisibleErrors, visible_errors
from anynas.figures import (
    draw_choices,
    draw_claims,
    draw_complexity,
    draw_expected_best,
    draw_learning,
    draw_panel,
    draw_quantiles,
    draw_study,
    draw_values,
    looks,
)
from anynas.study.checking import answer, measured_twice, trained_again
from anynas.study.stated import StatedCheck

FOOTER = "n = 40, seed 3, 2 epochs; anynas 0.1.0, a machine"
LOOK = looks("ABC")
ALL = VisibleErrors(low=0.0, high=100.0)


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture(scope="module")
def table():
    """Return populations B, A, C of 40 networks: one of A failed, one diverged; C alone has words and truths."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"space": np.repeat(["B", "A", "C"], 40), "number": [*range(40)] * 3, "state": "complete"})
    rows["reason"] = ""
    rows["flops"] = rng.lognormal(0, 0.5, 120) * 1e6
    rows["params"] = rng.lognormal(0, 0.5, 120) * 1e5
    rows["error"] = (20 - 3 * np.log(rows["flops"] / 1e6) + rng.normal(0, 1, 120)).round(1)
    rows["width_1"] = rng.integers(1, 9, 120) * 8
    rows["width_2"] = np.where(rows["space"] == "A", rows["width_1"], rng.integers(1, 9, 120) * 8)
    rows["depth_1"] = np.where(rows["space"] == "B", np.nan, rng.integers(1, 4, 120))
    rows["pool"] = np.where(rows["space"] == "C", rng.choice(["max", "mean"], 120), None)
    rows["bias"] = pd.Series(rng.random(120) < 0.5, dtype=object).where(rows["space"] == "C")
    rows.loc[45, ["state", "error", "reason"]] = ["failed", np.nan, "out of memory"]
    rows.loc[50, ["error", "reason"]] = [90.0, "diverged"]
    return rows


@pytest.fixture(scope="module")
def curves(table):
    return pd.concat([table[["space", "number", "error"]].assign(epoch=e, loss=1.0) for e in (1, 2)], ignore_index=True)


def judged(table, name="same", **arguments):
    kinds = {key: arguments.pop(key) for key in ("claim", "margin") if key in arguments}
    given = {"baseline": "B", "candidate": "A", "control": "flops", **arguments}
    return name, anynas.compare_populations(table, **given, **kinds), comparison_panel(table, **given)


@pytest.fixture(scope="module")
def claims(table):
    return [
        judged(table, "same", claim="no_effect", margin=0.7),
        judged(table, "better", candidate="C", control="none", claim="improves"),
    ]


@pytest.fixture
def pages(monkeypatch):
    """Return figures by file name, as they are saved."""
    saved, savefig = {}, Figure.savefig

    def keeping(figure, path, **options):
        saved[path.name] = figure
        savefig(figure, path, **options)

    monkeypatch.setattr(Figure, "savefig", keeping)
    return saved


def legend(ax):
    return [text.get_text().replace("\n", " ") for text in ax.get_legend().get_texts()]


def test_steps_and_bands_are_those_of_the_panel(ax, claims):
    panel = claims[0][2]
    visible = visible_errors([p.errors for p in panel.populations])
    draw_panel(panel, ax, looks=LOOK, visible=visible, title="a claim")
    for population, line, area in zip(panel.populations, ax.lines, ax.collections, strict=True):
        assert line.get_drawstyle() == "steps-post"
        errors, shares = line.get_data()
        assert_allclose(errors[1 : len(population.edf.errors) + 1], population.edf.errors)
        assert_allclose(shares[1 : len(population.edf.errors) + 1], population.edf.cumulative)
        assert (errors[0], shares[0]) == (population.edf.errors[0], 0)
        corners = {(round(x, 9), round(y, 9)) for x, y in area.get_paths()[0].vertices}
        for edge in (population.band.low, population.band.high):
            expected = zip(population.band.errors.round(9), edge.round(9), strict=True)
            assert set(expected) <= corners
    assert ax.get_xlim() == (visible.low, visible.high)


def test_a_panel_says_n_failures_what_lies_beyond_and_its_control(ax, claims):
    panel = claims[0][2]
    visible = visible_errors([p.errors for p in panel.populations])
    draw_panel(panel, ax, looks=LOOK, visible=visible, title="a claim")
    first, second = panel.populations
    assert visible.high < 90
    assert legend(ax) == [f"B (n = {first.n})", f"A (n = {second.n}, 1 failed, 1 beyond {visible.high:.0f} %)"]
    assert ax.get_legend().get_title().get_text().replace("\n", " ") == f"held fixed: {panel.held}"
    assert ax.get_title("left") == "a claim"


def test_a_population_shown_alone_is_before_the_others(ax, table):
    draw_panel(population_panel(table), ax, looks=LOOK, visible=ALL, title="A", shown="A")
    assert legend(ax) == ["A (n = 39, 1 failed)"]
    assert [line.get_color() == LOOK["A"].colour for line in ax.lines] == [False, True, False]
    assert len(ax.collections) == 1


def test_quantile_differences_have_their_intervals_and_the_margin_spans_both_sides_of_zero(ax, claims):
    comparison = claims[0][1]
    draw_quantiles(comparison, ax, title="same")
    (zone,) = ax.patches
    assert_allclose([zone.get_y(), zone.get_y() + zone.get_height()], [-0.7, 0.7])
    (bars,) = ax.containers
    assert_allclose(bars.lines[0].get_ydata(orig=False), [gap.difference for gap in comparison.quantiles])
    ends = [segment[:, 1] for segment in bars.lines[2][0].get_segments()]
    assert_allclose(np.array(ends, dtype=float), [[gap.ci_low, gap.ci_high] for gap in comparison.quantiles])
    assert [0, 0] in [list(line.get_ydata()) for line in ax.lines], "a zero line"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["10", "25", "50", "75", "90"]


def test_without_a_margin_there_is_no_zone(ax, claims):
    draw_quantiles(claims[1][1], ax, title="better")
    assert not ax.patches


def test_each_claim_is_a_row_with_its_intervals_margin_and_verdict(ax, claims):
    draw_claims([claim[:2] for claim in claims], ax)
    (zone,) = ax.patches
    assert_allclose([zone.get_x(), zone.get_x() + zone.get_width()], [-0.7, 0.7])
    assert zone.get_y() < 0 < zone.get_y() + zone.get_height(), "the first row's"
    for row, (name, comparison, _) in enumerate(claims):
        thin, thick, dot = ax.lines[3 * row : 3 * row + 3]
        assert_allclose(thin.get_data(), [[comparison.ci_low, comparison.ci_high], [row, row]])
        assert_allclose(thick.get_data(), [[comparison.bound_low, comparison.bound_high], [row, row]])
        assert_allclose(dot.get_data(), [[comparison.difference], [row]])
        label = ax.get_yticklabels()[row].get_text()
        assert label.startswith(f"{name}\n{comparison.candidate} (n = {comparison.n_candidate})")
        assert f"held fixed: {comparison.held}" in label.replace("\n", " ")
        assert ax.texts[row].get_text().endswith(f": {comparison.verdict}")
    assert f"{abs(claims[0][1].difference):.2f} [" in ax.texts[0].get_text()


def test_a_verdict_of_several_claims_says_so(ax, claims):
    together = judge_together([comparison for _, comparison, _ in claims])
    draw_claims([("a", together[0])], ax)
    assert ax.texts[0].get_text().endswith("\n(Holm, of 2 claims)")


def test_each_network_is_a_point_of_its_populations_marker(ax, table):
    complete = table[table["state"] == "complete"]
    populations = list(complete.groupby("space", sort=False))
    failed = {"A": 1, "B": 0, "C": 0}
    draw_complexity(populations, ax, against="flops", looks=LOOK, visible=ALL, failed=failed)
    for name, rows in populations:
        colour = LOOK[name].colour
        own = [c for c in ax.collections if np.allclose(c.get_edgecolor()[0, :3], _rgb(colour))]
        points = np.concatenate([c.get_offsets() for c in own])
        expected = rows[["flops", "error"]].to_numpy(dtype=float) / [1e6, 1]
        assert_allclose(np.sort(points, axis=0), np.sort(expected, axis=0))
    ax.legend()
    assert legend(ax) == ["B (n = 40)", "A (n = 39, 1 failed)", "C (n = 40)"]


def _rgb(colour):
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def test_the_interval_of_the_best_value_is_shaded_with_its_median_as_a_line(ax):
    rng = np.random.default_rng(0)
    values = pd.Series(rng.integers(1, 20, 60), dtype=float)
    errors = pd.Series(20 + (values - 8).abs() + rng.random(60))
    best = best_value(values, errors)
    draw_values(values, errors, ax, label="width_1", look=LOOK["A"], visible=ALL, best=best)
    (zone,), (line,) = ax.patches, ax.lines
    assert_allclose([zone.get_x(), zone.get_x() + zone.get_width()], [best.low, best.high])
    assert_allclose(line.get_xdata(), best.median)
    assert_allclose(ax.collections[0].get_offsets(), np.column_stack([values, errors]))


def test_choices_are_strips_without_an_interval(ax):
    values, errors = pd.Series(["max", "mean", "max"], dtype=object), pd.Series([3.0, 4.0, 5.0])
    draw_choices(values, errors, ax, label="pool", look=LOOK["A"], visible=ALL)
    places, heights = np.asarray(ax.collections[0].get_offsets()).T
    assert_allclose(places.round(), [0, 1, 0])
    assert_allclose(heights, errors)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["max", "mean"]
    assert not ax.patches


def test_expected_best_is_drawn_as_it_was_computed_on_a_log_axis(ax, table):
    curve = expected_best_curve(table[table["space"] == "B"]["error"])
    draw_expected_best([("B", curve)], ax, looks=LOOK, failed={"B": 0})
    (line,) = ax.lines
    assert_allclose(line.get_xydata(), curve)
    assert ax.get_xscale() == "log"


def test_learning_shows_median_quartiles_and_few_networks(ax):
    rows = [("A", k, epoch, 30.0 * (k + 1) / epoch) for k in range(3) for epoch in (1, 2)]
    curves = pd.DataFrame(rows, columns=["space", "number", "epoch", "error"])
    few = curves[curves["number"] < 2]
    draw_learning(learning_quartiles(curves), few, ax, title="A", look=LOOK["A"], visible=ALL)
    *thin, median = ax.lines
    assert_allclose([line.get_ydata() for line in thin], [[30, 15], [60, 30]])
    assert_allclose(median.get_xydata(), [[1, 60], [2, 30]])
    corners = set(map(tuple, ax.collections[0].get_paths()[0].vertices))
    assert {(1.0, 45.0), (1.0, 75.0), (2.0, 22.5), (2.0, 37.5)} <= corners


def test_populations_are_told_apart_without_colour():
    many = looks(map(str, range(64))).values()
    assert len({(look.colour, look.dashes) for look in many}) == 64
    eight = list(looks("ABCDEFGH").values())
    for of in ("colour", "dashes", "marker", "hatch"):
        assert len({getattr(look, of) for look in eight}) == 8


def test_all_pictures_of_a_study_are_written(tmp_path, pages, table, curves, claims):
    folder = tmp_path / "new" / "figures"
    written = draw_study(table, curves, claims, folder, footer=FOOTER)
    assert {what: path.name for what, path in written.items()} == {
        "error EDFs": "edfs.png",
        "difference by quantile": "quantiles.png",
        "claims": "claims.png",
        "error against flops and params": "complexity.png",
        "parameters of B": "parameters_B.png",
        "parameters of A": "parameters_A.png",
        "parameters of C": "parameters_C.png",
        "expected best of n": "expected_best.png",
        "learning curves": "learning.png",
    }
    assert {path.name for path in folder.iterdir()} == {path.name for path in written.values()}
    for path in written.values():
        pixels = imread(path)
        assert pixels.shape[1] == 7 * 160
        assert pixels[..., :3].std() > 0.05, "something is drawn"
        footer = pages[path.name].get_supxlabel().replace("\n", " ")
        assert "eld fixed: " in footer
        assert footer.endswith(FOOTER)


def test_text_is_at_least_seven_points_and_within_the_page(tmp_path, pages, table, curves, claims):
    names = {"baseline": "b-name-of-20-letters", "candidate": "a-name-of-20-letters"}
    change = {"space": {"A": names["candidate"], "B": names["baseline"]}}
    renamed = table.replace(change)
    long = [judged(renamed, "a claim with a long name, longer than a line", claim="improves", **names)] * 3
    draw_study(renamed, curves.replace(change), long, tmp_path, footer=FOOTER)
    from matplotlib.text import Text

    for name, figure in pages.items():
        figure.set_dpi(160)  # as in the file
        figure.draw_without_rendering()
        width, height = figure.bbox.size
        for text in figure.findobj(Text):
            if text.get_visible() and text.get_text().strip() and (text.axes is None or text.axes.axison):
                assert text.get_fontsize() >= 7, (name, text)
        for ax in figure.axes:
            box = ax.get_tightbbox()
            if ax.axison:
                assert -1 <= box.x0 < box.x1 <= width + 1, name
                assert -1 <= box.y0 < box.y1 <= height + 1, name
                assert ax.get_window_extent().width > 0.25 * width / (4 if "parameters" in name else 1), name


def test_legends_cover_no_data(tmp_path, pages, table, curves, claims):
    draw_study(table, curves, claims, tmp_path, footer=FOOTER)
    legends = [(ax, ax.get_legend()) for figure in pages.values() for ax in figure.axes if ax.get_legend()]
    assert len(legends) == 7
    for ax, below in legends:
        assert below.get_window_extent().y1 < ax.get_window_extent().y0


def test_parameters_are_those_that_vary_and_tied_ones_are_drawn_once(tmp_path, pages, table):
    draw_study(table, None, [], tmp_path, footer=FOOTER)
    labels = {
        name: [ax.get_xlabel() for ax in pages[f"parameters_{name}.png"].axes if ax.axison] for name in ("A", "B", "C")
    }
    assert labels == {
        "A": ["width_1 \u2026 2", "depth_1"],
        "B": ["width_1", "width_2"],
        "C": ["width_1", "width_2", "depth_1", "pool", "bias"],
    }


def test_many_parameters_have_several_pages(tmp_path, pages, table):
    rng = np.random.default_rng(0)
    more = {f"depth_{stage}": rng.integers(1, 9, len(table)) for stage in range(2, 22)}
    written = draw_study(table.assign(**more), None, [], tmp_path, footer=FOOTER)
    assert written["parameters of B, 1 of 2"].name == "parameters_B_1_of_2.png"
    axes = [[ax for ax in pages[f"parameters_B_{k}_of_2.png"].axes if ax.axison] for k in (1, 2)]
    assert [len(page) for page in axes] == [20, 2]


def test_many_claims_have_several_pages(tmp_path, pages, table, claims):
    written = draw_study(table, None, [claims[0]] * 5, tmp_path, footer=FOOTER)
    assert written["error EDFs, 2 of 2"].name == "edfs_2_of_2.png"
    assert written["difference by quantile, 1 of 2"].name == "quantiles_1_of_2.png"
    for what in ("edfs", "quantiles"):
        assert [len([ax for ax in pages[f"{what}_{k}_of_2.png"].axes if ax.axison]) for k in (1, 2)] == [4, 1]
    assert len(pages["claims.png"].axes[0].get_yticks()) == 5


def rank_check(rng):
    first = rng.normal(20, 2, 30)
    rows = pd.DataFrame({"space": ["A"] * 30 + ["B"] * 30, "number": [*range(30)] * 2, "state": "complete"})
    rows["error"] = [*first, *(first + rng.normal(0, 1, 30))]
    stated = StatedCheck(check="rank_correlation", name="order", population="A", reference="B", at_least=0.7)
    return answer(rows, stated, 0.05), measured_twice(rows, stated)


def seed_check(rng):
    keys = np.repeat(["x", "y", "z"], 4)
    rows = pd.DataFrame({"space": "C", "number": range(12), "network_key": keys, "state": "complete", "reason": ""})
    rows["error"] = np.repeat([30.0, 10.0, 20.0], 4) + rng.normal(0, 1, 12)
    stated = StatedCheck(check="seed_noise", name="seeds", population="C", at_most=0.5)
    return answer(rows, stated, 0.05), trained_again(rows, stated)


def test_checks_are_drawn_as_they_were_measured(tmp_path, pages, table):
    rng = np.random.default_rng(5)
    ranks, seeds = rank_check(rng), seed_check(rng)
    written = draw_study(table, None, [], tmp_path, checks=[ranks, seeds], footer=FOOTER)
    assert written["checks"].name == "checks.png"
    left, right = pages["checks.png"].axes
    assert_allclose(left.collections[0].get_offsets(), ranks[1][["first", "second"]])
    assert left.get_title("left").startswith(f"order ({ranks[0].verdict}: {ranks[0].estimate:.2f}, n = 30")
    assert (left.get_xlabel(), left.get_ylabel()) == ("A: validation error (%)", "B: validation error (%)")
    trials, means = right.collections[1:3]
    offsets = np.asarray(trials.get_offsets())
    assert_allclose(offsets[:, 1], seeds[1]["error"])
    assert offsets[:, 0].tolist() == [3] * 4 + [1] * 4 + [2] * 4, "networks stand by their mean error"
    assert_allclose(means.get_offsets()[:, 1], np.sort(seeds[1].groupby("network_key")["error"].mean()))


def test_before_any_verdict_each_population_has_a_panel(tmp_path, pages, table):
    written = draw_study(table, pd.DataFrame(), [], tmp_path, footer=FOOTER)
    assert not {"claims", "difference by quantile", "learning curves"} & set(written)
    titles = [ax.get_title("left") for ax in pages["edfs.png"].axes if ax.axison]
    assert titles == ["B", "A", "C"]


def test_drawing_leaves_the_tables_as_they_were(tmp_path, table, curves, claims):
    before = table.copy(), curves.copy()
    draw_study(table, curves, claims, tmp_path, footer=FOOTER)
    pd.testing.assert_frame_equal(table, before[0])
    pd.testing.assert_frame_equal(curves, before[1])


def small(errors):
    return pd.DataFrame(
        {
            "space": [name for name, values in errors.items() for _ in values],
            "number": list(itertools.chain(*(range(len(values)) for values in errors.values()))),
            "state": ["complete" if value == value else "failed" for values in errors.values() for value in values],
            "error": list(itertools.chain(*errors.values())),
            "flops": 1e6,
            "params": 1e5,
        }
    )


@pytest.mark.parametrize(
    "errors",
    [
        {"A": [20.0]},
        {"A": [20.0, 20.0], "B": [20.0, 20.0]},
        {"A": [20.0, 90.0], "B": [90.0, 90.0, 90.0]},
        {"A": [20.0, np.nan], "B": [np.nan, np.nan]},
        {"A": [0.0, 100.0]},
    ],
    ids=str,
)
def test_few_networks_ties_and_divergence_are_drawn(tmp_path, errors):
    table = small(errors)
    curves = table[["space", "number", "error"]].assign(epoch=1, loss=np.nan)
    assert len(draw_study(table, curves, [], tmp_path, footer=FOOTER)) == 4
    if all(len(values) > 1 and not np.isnan(values).any() for values in errors.values()) and len(errors) == 2:
        two = [judged(table, baseline="A", candidate="B", control="none", claim="no_effect", margin=1.0)]
        assert len(draw_study(table, curves, two, tmp_path, footer=FOOTER)) == 6


def test_curves_without_a_number_are_left_out(tmp_path):
    table = small({"A": [20.0, 30.0]})
    curves = table[["space", "number"]].assign(epoch=1, loss=np.nan, error=np.nan)
    assert "learning curves" not in draw_study(table, curves, [], tmp_path, footer=FOOTER)


def test_nothing_is_written_before_a_trial_is_complete(tmp_path):
    assert draw_study(small({"A": [np.nan]}), None, [], tmp_path / "none", footer=FOOTER) == {}
    assert not (tmp_path / "none").exists()
