"""`anynas power`: the numbers are those of analysis.power, and a pilot's spread is its trials'."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from anynas import compare
from anynas.analysis.power import models_needed, power, smallest_effect, spread


@pytest.fixture
def pilot(tmp_path):
    """Return a folder with pilot.csv, of spaces A and B, in which a trial of A failed."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "space": ["A"] * 40 + ["B"] * 30,
            "number": [*range(40), *range(30)],
            "network_key": [str(k) for k in range(70)],
            "state": ["failed"] + ["complete"] * 69,
            "reason": "",
            "error": [np.nan, *(20 + rng.gamma(2, 2, 69))],
            **dict.fromkeys(("flops", "params", "activations"), 1000),
        }
    )
    table.to_csv(tmp_path / "pilot.csv", index=False)
    return tmp_path


def test_the_models_needed_and_a_table_of_power(tmp_path, here):
    code, out, err = here("power", "--claim", "no_effect", "--margin", "1", "--sd", "4", cwd=tmp_path)
    assert (code, err) == (0, "")
    needed = models_needed("no_effect", margin=1.0, sd=4.0)
    assert (
        power("no_effect", n=needed, margin=1.0, sd=4.0) >= 0.8 > power("no_effect", n=needed - 1, margin=1.0, sd=4.0)
    )
    assert f"needed: {needed} models of each population, for a power of 0.8\n" in out
    rows = dict(re.findall(r"^ *([\d,]+)  (\d\.\d{3})$", out, re.M))
    assert rows == {
        f"{n:,}": f"{power('no_effect', n=n, margin=1.0, sd=4.0):.3f}" for n in (25, 50, 100, 250, 500, 1000)
    }
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out


def test_json_has_the_same_numbers(tmp_path, here):
    asked = ("--claim", "improves", "--effect", "-1", "--sd", "4", "--alpha", "0.01", "--power", "0.9", "--paired")
    said = json.loads(here("power", *asked, "--json", cwd=tmp_path)[1])
    needed = models_needed("improves", effect=-1.0, sd=4.0, alpha=0.01, power=0.9, paired=True)
    assert said["models_needed"] == needed
    assert said["table"][2] == {
        "n": 100,
        "power": power("improves", n=100, effect=-1.0, sd=4.0, alpha=0.01, paired=True),
    }
    assert (said["n"], said["power_at_n"], said["smallest_effect"], said["pilot"]) == (None, None, None, None)


def test_a_number_of_models_gives_their_power_and_the_smallest_effect(tmp_path, here):
    asked = ("power", "--claim", "improves", "--sd", "4", "-n", "100")
    smallest = smallest_effect(n=100, sd=4.0)
    out = here(*asked, cwd=tmp_path, columns=120)[1]
    assert f"with 100 models of each population and a power of 0.8: {smallest:.3g} points" in out
    assert "power with 100" not in out
    out = here(*asked, "--effect", "-2", cwd=tmp_path, columns=120)[1]
    found = power("improves", n=100, sd=4.0, effect=-2.0)
    assert f"power with 100 models of each population: {found:.3f} if the true difference is -2 points" in out
    said = json.loads(here(*asked, "--effect", f"-{smallest:.12f}", "--json", cwd=tmp_path)[1])
    assert said["power_at_n"] == pytest.approx(0.8)
    same = ("power", "--claim", "no_effect", "--margin", "2", "--sd", "4", "-n", "100", "--json")
    said = json.loads(here(*same, cwd=tmp_path)[1])
    assert (said["power_at_n"], said["smallest_effect"]) == (power("no_effect", n=100, margin=2.0, sd=4.0), None)


@pytest.mark.parametrize("statistic", ["trimmed_mean", "mean", "median"])
def test_a_pilot_gives_the_spread_of_its_complete_trials(statistic, pilot, here):
    table = pd.read_csv(pilot / "pilot.csv")
    sd = spread(table[table["space"] == "A"]["error"].dropna(), statistic)
    asked = ("power", "--claim", "no_effect", "--margin", "1", "--pilot", "pilot.csv", "--space", "A")
    said = json.loads(here(*asked, "--statistic", statistic, "--json", cwd=pilot)[1])
    assert said["sd"] == sd
    assert said["pilot"] == {"run": "pilot.csv", "space": "A", "n": 39, "searched": False}
    assert said["models_needed"] == models_needed("no_effect", margin=1.0, sd=sd)
    name = statistic.replace("trimmed_mean", "10 % trimmed mean")
    out = here(*asked, "--statistic", statistic, cwd=pilot)[1]
    assert f"{name} with a spread of {sd:.3g} points, from a pilot of 39 models of A\n" in out


@pytest.mark.parametrize("statistic", ["trimmed_mean", "mean"])
def test_a_pilot_of_pairs_gives_the_spread_of_their_differences(statistic, pilot, here):
    table = pd.read_csv(pilot / "pilot.csv")
    pairs = table.pivot(index="number", columns="space", values="error").dropna()
    asked = ("--claim", "no_effect", "--margin", "1", "--pilot", "pilot.csv", "--space", "A", "B", "--paired")
    said = json.loads(here("power", *asked, "--statistic", statistic, "--json", cwd=pilot)[1])
    assert said["pilot"]["n"] == len(pairs) == 29
    if statistic == "mean":
        assert said["sd"] == pytest.approx((pairs["B"] - pairs["A"]).std())
    else:
        found = compare(pairs["A"], pairs["B"], paired=True)
        assert said["sd"] == pytest.approx(found.standard_error * 29**0.5)
    assert said["models_needed"] == models_needed("no_effect", margin=1.0, sd=said["sd"], paired=True)
    out = here("power", *asked, "--statistic", statistic, cwd=pilot, columns=120)[1]
    assert "from a pilot of 29 pairs of A and B\n" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--claim", "improves", "--effect", "-1"],
            "exactly one of --sd and --pilot must say how errors spread; got neither",
        ),
        (
            ["--claim", "improves", "--effect", "-1", "--sd", "1", "--pilot", "pilot.csv"],
            "exactly one of --sd and --pilot must say how errors spread; got both",
        ),
        (
            ["--claim", "improves", "--sd", "4"],
            "improves must have --effect, the true difference in points, below 0; or -n, for the smallest effect found",
        ),
        (
            ["--claim", "improves", "--sd", "4", "--effect", "1"],
            "effect must be below 0, a lower error, for improves to be supported; got 1",
        ),
        (
            ["--claim", "no_effect", "--sd", "4", "--margin", "1", "--effect", "1"],
            "effect must lie within the margin, -1 to 1; got 1",
        ),
        (
            ["--claim", "no_effect", "--sd", "4", "--margin", "1", "--effect", "nan"],
            "effect must be a finite difference, in points of error; got nan",
        ),
        (
            ["--claim", "improves", "--sd", "4", "--effect", "-1", "--power", "1"],
            "power must lie between 0 and 1, the usual one is 0.8; got 1",
        ),
        (
            ["--claim", "improves", "--sd", "0", "--effect", "-1"],
            "sd must be above 0, in points of error; got 0; claim: improves",
        ),
        (
            ["--claim", "improves", "--sd", "4", "-n", "1"],
            "n must be at least 2 networks of each population; got 1",
        ),
        (["--claim", "better", "--sd", "4"], 'unknown claim "better"; known: improves, no_effect'),
        (
            ["--claim", "improves", "-n", "9", "--sd", "4", "--space", "A"],
            "--space names a space of the pilot; got it without --pilot; leave it out",
        ),
        (
            ["--claim", "improves", "-n", "9", "--pilot", "pilot.csv"],
            "the pilot must be of one space; got A, B; name one by --space",
        ),
        (
            ["--claim", "improves", "-n", "9", "--pilot", "pilot.csv", "--space", "A", "B"],
            "the pilot must be of one space; got A, B; name one by --space",
        ),
        (
            ["--claim", "improves", "-n", "9", "--pilot", "pilot.csv", "--space", "C"],
            'no population is called "C"; known: A, B',
        ),
        (
            ["--claim", "improves", "-n", "9", "--pilot", "pilot.csv", "--space", "A", "--paired"],
            "the pilot must be of two populations, drawn in pairs; got A; name both by --space",
        ),
        (["--sd", "4"], "the following arguments are required: --claim; see anynas power --help"),
    ],
)
def test_bad_input_gets_one_line(arguments, message, pilot, refused):
    assert refused("power", *arguments, cwd=pilot) == f"anynas: {message}"
