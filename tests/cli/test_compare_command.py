"""`anynas compare`: the numbers are those of the comparison, and the right populations are compared."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import anynas
from anynas.analysis.conditions import condition

TINY = ["--epochs", "1", "--images", "64", "--executor", "inline", "--trials", "3"]


def population(space, n, *, shift=0.0, seed=0):
    """Return a made-up table of trials; the first failed, the second diverged."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "space": space,
            "number": range(n),
            "network_key": [f"{space}-{k}" for k in range(n)],
            "state": "complete",
            "reason": "",
            "error": 20 + shift + rng.gamma(2, 1, n),
            "flops": rng.integers(8e5, 1.2e6, n),
            "params": rng.integers(1e4, 1e5, n),
            "activations": rng.integers(1e4, 1e5, n),
            "epochs": 2,
            "regime": "fashion",
            "width_1": 8 * rng.integers(1, 9, n),
            "width_2": 8 * rng.integers(1, 9, n),
        }
    )
    table.loc[0, ["state", "reason", "error"]] = ["failed", "out of memory", np.nan]
    table.loc[1, ["reason", "error"]] = ["diverged", 90.0]
    return table


@pytest.fixture
def tables(tmp_path):
    """Return a folder with two.csv (spaces A and B) and a.parquet (A alone)."""
    a, b = population("A", 60), population("B", 50, shift=-0.5, seed=1)
    pd.concat([a, b]).to_csv(tmp_path / "two.csv", index=False)
    a.to_parquet(tmp_path / "a.parquet", index=False)
    b.to_csv(tmp_path / "b.csv", index=False)
    return tmp_path


def strict(text):
    """Return JSON, refusing what JSON has not."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"control": "flops", "claim": "no_effect", "margin": 0.5},
        {"control": "params", "method": "regression", "claim": "improves", "statistic": "mean", "seed": 3},
        {"flops": (9e5, 1.1e6), "alpha": 0.1},
    ],
)
def test_json_is_the_comparison_of_the_same_table(options, tables, here):
    words = []
    for name, value in options.items():
        words += [f"--{name}", ":".join(map(str, value)) if isinstance(value, tuple) else value]
    code, out, err = here("compare", "two.csv", *words, "--json", cwd=tables)
    assert (code, err) == (0, "")
    expected = anynas.compare_populations(
        pd.concat([population("A", 60), population("B", 50, shift=-0.5, seed=1)]),
        baseline="A",
        candidate="B",
        **options,
    )
    assert strict(out) == strict(json.dumps(expected.to_dict()))


def test_two_files_give_what_one_table_gives(tables, here):
    one = here("compare", "two.csv", "--json", cwd=tables)
    assert here("compare", "a.parquet", "b.csv", "--json", cwd=tables) == one
    turned = strict(here("compare", "b.csv", "a.parquet", "--json", cwd=tables)[1])
    assert (turned["baseline"], turned["candidate"]) == ("B", "A")
    assert turned["difference"] == pytest.approx(-strict(one[1])["difference"])
    named = strict(here("compare", "two.csv", "--candidate", "A", "--json", cwd=tables)[1])
    assert (named["baseline"], named["difference"]) == ("B", turned["difference"])


def test_where_compares_the_networks_for_which_it_holds_with_all_others(tables, here):
    table = population("A", 60)
    held = condition("nondecreasing(width)").holds(table)
    table["side"] = np.where(held, "yes", "no")
    expected = anynas.compare_populations(table, baseline="no", candidate="yes", by="side", claim="improves")
    asked = ("--where", "nondecreasing(width)", "--claim", "improves", "--json")
    said = strict(here("compare", "a.parquet", *asked, cwd=tables)[1])
    assert said["candidate"] == "A: nondecreasing(width)"
    assert said["baseline"] == "A: not (nondecreasing(width))"
    assert {**said, "baseline": "no", "candidate": "yes"} == strict(json.dumps(expected.to_dict()))
    assert strict(here("compare", "two.csv", "--candidate", "A", *asked, cwd=tables)[1]) == said


def test_the_report_has_every_number_in_80_columns(tables, here):
    asked = ("compare", "two.csv", "--control", "flops", "--claim", "no_effect", "--margin", "0.5")
    code, out, err = here(*asked, cwd=tables)
    found = strict(here(*asked, "--json", cwd=tables)[1])
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80

    def has(pattern):
        assert re.search(rf"^{pattern} *$", out, re.M), f"{pattern}\n{out}"

    def interval(low, high, form="+.2f"):
        return re.escape(f"{low:{form}} to {high:{form}}")

    has("baseline   A")
    has("candidate  B")
    complete = population("A", 60).dropna(subset="error")["error"]
    has(rf"baseline +60 +{found['n_baseline']} +1 +1 +[\d.]+ +{complete.median():.2f} +{complete.min():.2f}")
    for name, estimate, ends in (
        ("10 % trimmed mean", found["difference"], (found["ci_low"], found["ci_high"])),
        ("mean", found["mean_difference"], found["mean_ci"]),
        ("median", found["median_difference"], found["median_ci"]),
        ("Hodges-Lehmann", found["hodges_lehmann"], found["hodges_lehmann_ci"]),
    ):
        has(f"{name} +{re.escape(f'{estimate:+.2f}')} +{interval(*ends)}")
    for gap in found["quantiles"]:
        has(
            f"the best {100 * gap['share']:g} % +{re.escape(format(gap['difference'], '+.2f'))} +"
            f"{interval(gap['ci_low'], gap['ci_high'])}"
        )
    has(rf"P\(candidate is better\) +{found['prob_better']:.3f} +{interval(*found['prob_better_ci'], '.3f')}")
    has(
        rf"KS: EDFs apart by +{found['ks_statistic']:.3f} +{interval(*found['ks_ci'], '.3f')} +{found['ks_pvalue']:.3f}"
    )
    for side in ("baseline", "candidate"):
        lead = found[f"{side}_lead"]
        has(
            f"  {side}'s above by +{lead['share']:.3f} +{interval(lead['low'], lead['high'], '.3f')} +"
            f"{lead['pvalue']:.3f} +{lead['at']:.2f}"
        )
    has(r"baseline, of 59 +0\.017")
    has(r"candidate, of 49 +0\.020")
    has(f"held fixed: {re.escape(found['held'])}")
    has(r"failed: 1 of the baseline, 1 of the candidate")
    has(r"claim no_effect within 0\.5 points: undecided \(too few models\)")
    has(f"  models needed: about {found['models_needed']} of each population, for a power of 0.8")


def test_a_population_that_dominates_is_said_to(tmp_path, here):
    a, b = population("A", 30), population("B", 30)
    b["error"] = a["error"] - 5
    pd.concat([a, b]).iloc[[*range(2, 30), *range(32, 60)]].to_csv(tmp_path / "t.csv", index=False)
    out = here("compare", "t.csv", "--claim", "improves", "--paired", cwd=tmp_path)[1]
    assert "the candidate dominates: at no error is the other's EDF above its own" in out
    assert "the baseline dominates" not in out
    assert "10 % trimmed mean of pairs   -5.00" in out
    assert "claim improves: supported\n" in out
    assert "models needed" not in out


def test_settings_in_which_populations_differ_are_told(tables, here):
    pd.read_csv(tables / "b.csv").assign(epochs=4).to_csv(tables / "b.csv", index=False)
    out = here("compare", "a.parquet", "b.csv", cwd=tables)[1]
    assert out.endswith("note: the populations differ in epochs (2 and 4), which was not held fixed\n")


def test_runs_with_one_space_are_told_apart_and_a_search_is_no_sample(tmp_path, here):
    for name, sampler in (("one", "random"), ("two", "tpe")):
        here("search", "--space", "AnyNetC", *TINY, "--sampler", sampler, "--run", f"runs/{name}", cwd=tmp_path)
    code, out, err = here("compare", "runs/one", "runs/two", "--json", cwd=tmp_path, columns=200)
    assert code == 0
    assert err == (
        "note: two/AnyNetC was searched with an adaptive sampler: its trials are no random draws of the space, and the "
        "comparison judges the search, not the space\n"
    )
    said = strict(out)
    assert (said["baseline"], said["candidate"]) == ("one/AnyNetC", "two/AnyNetC")
    errors = [anynas.load_run(tmp_path / "runs" / name).table()["error"] for name in ("one", "two")]
    assert said["mean_difference"] == pytest.approx(errors[1].mean() - errors[0].mean())
    written = here("table", "runs/one", "--out", "one.csv", cwd=tmp_path)
    assert written[0] == 0
    assert strict(here("compare", "one.csv", "runs/two", "--json", cwd=tmp_path)[1]) == said
    told = here("compare", "runs/one", "runs/two", cwd=tmp_path)[1]
    assert "note: two/AnyNetC was searched" in told
    assert "note: one/AnyNetC" not in told
    code, out, _ = here("power", "--claim", "improves", "-n", "50", "--pilot", "runs/two", cwd=tmp_path, columns=200)
    assert code == 0
    assert "note: an adaptive sampler chose the pilot's networks; random draws of the space may spread more" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: must be a run's folder, with run.json in it; there is none"),
        (["no.csv"], "no.csv: must be a table that can be read; No such file or directory"),
        (["two.csv", "two.csv"], "each RUN must be named once; got two.csv, two.csv"),
        (["a.parquet"], "two populations must be compared; there is A; add a RUN, or --where"),
        (
            ["two.csv", "--baseline", "A", "--candidate", "A"],
            "two populations must be compared; there are A, B; name two with --baseline and --candidate",
        ),
        (["two.csv", "--baseline", "C"], 'no population is called "C"; known: A, B'),
        (["two.csv", "--claim", "improve"], 'unknown claim "improve"; did you mean "improves"?'),
        (
            ["two.csv", "--claim", "no_effect"],
            'claim "no_effect" needs a margin above 0, in points of error; got none; name the least difference that '
            "would matter",
        ),
        (["two.csv", "--control", "flop"], 'unknown control "flop"; did you mean "flops"?'),
        (["two.csv", "--statistic", "mode"], 'unknown statistic "mode"; known: mean, median, trimmed_mean'),
        (["two.csv", "--alpha", "1"], "alpha must lie between 0 and 0.5, the usual one is 0.05; got 1"),
        (["two.csv", "--flops", "2:1"], "flops must be LOW:HIGH with 0 <= LOW <= HIGH; got 2:1"),
        (["two.csv", "--flops", "1:2"], "A: a population must have at least 2 networks; got 0; train more of it"),
        (
            ["two.csv", "--where", "flops < 1e6"],
            "--where must split one population; there are A, B; name one with --candidate",
        ),
        (
            ["a.parquet", "--where", "flops < 1e6", "--baseline", "A"],
            "--where splits one population, so --baseline has no meaning; leave one of them out",
        ),
        (
            ["a.parquet", "--where", "flops > 0"],
            "condition flops > 0: must hold for some networks of A and not for others; it holds for 60 of 60",
        ),
        (
            ["a.parquet", "--where", "increasing(widht)"],
            'condition increasing(widht): the table has no parameter "widht"; did you mean "width"?',
        ),
        (
            ["a.parquet", "--where", "error < 20"],
            'condition error < 20: it must be about what is known before training; got "error"; leave it out',
        ),
        (
            ["short.csv"],
            'short.csv: must have the columns that anynas table --out writes; it has no "activations"; write it anew',
        ),
        (["words.csv"], 'words.csv: column "error" must have numbers; got str'),
        (["none.csv"], "none.csv: must have finished trials; it has none"),
        (["empty.csv"], "empty.csv: must be a table as anynas table --out writes it; No columns to parse from file"),
    ],
)
def test_bad_input_gets_one_line(arguments, message, tables, refused):
    table = population("A", 5)
    table.drop(columns="activations").to_csv(tables / "short.csv", index=False)
    table.assign(error="many").to_csv(tables / "words.csv", index=False)
    table.iloc[:0].to_csv(tables / "none.csv", index=False)
    (tables / "empty.csv").write_text("")
    said = refused("compare", *arguments, cwd=tables)
    assert said.replace("got object", "got str") == f"anynas: {message}"  # pandas 2 says object


def test_a_parquet_file_that_is_none_gets_one_line(tables, refused):
    (tables / "junk.parquet").write_bytes(b"no table at all")
    said = refused("compare", "junk.parquet", cwd=tables)
    assert said.startswith("anynas: junk.parquet: must be a table as anynas table --out writes it; ")


def test_a_studys_results_are_named_by_their_folder(tables, here):
    (tables / "results").mkdir()
    table = pd.read_csv(tables / "two.csv", keep_default_na=False, na_values={"error": [""]})
    table.to_parquet(tables / "results" / "table.parquet", index=False)
    code, out, err = here("compare", "results", "--json", cwd=tables)
    assert code == 0
    assert (strict(out), err) == (strict(here("compare", "two.csv", "--json", cwd=tables)[1]), "")
