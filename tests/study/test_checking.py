"""A study's checks: what they demand, who may be asked, what comes of tables whose answer is known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_study import SMALL, write

from anynas.analysis.noise import seed_noise
from anynas.errors import SettingsError
from anynas.results import results_of, write_results
from anynas.study.checking import answer, measured_twice
from anynas.study.definition import load_study
from anynas.study.judging import judge
from anynas.study.running import declarations, jobs, plan_study, run_study
from anynas.study.stated import StatedCheck

CHECKS = """
[populations.longer]
space = "plain.toml"
pairs_with = "free"
fidelity.epochs = 3

[populations.again]
space = "plain.toml"
seed = 8
models = 4
repeats = 3

[[checks]]
name = "order"
says = "two epochs do"
check = "rank_correlation"
population = "free"
reference = "longer"
at_least = 0.5

[[checks]]
check = "seed_noise"
population = "again"
at_most = 0.5
"""
ORDER = StatedCheck(check="rank_correlation", population="a", reference="b", at_least=0.7)
SEEDS = StatedCheck(check="seed_noise", population="a", at_most=0.5)


def table_of(**populations: Any) -> pd.DataFrame:
    parts = []
    for name, columns in populations.items():
        n = len(columns["error"])
        defaults = {"space": name, "number": range(n), "network_key": map(str, range(n)), "state": "complete"}
        parts.append(pd.DataFrame({**defaults, "reason": "", **columns}))
    return pd.concat(parts, ignore_index=True)


def again(sd: float, *, spread: float = 2.0, networks: int = 40, repeats: int = 3, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    own = np.repeat(rng.normal(20, spread, networks), repeats)
    keys = np.repeat([f"k{i}" for i in range(networks)], repeats)
    return {"error": own + rng.normal(0, sd, own.size), "network_key": keys}


@pytest.mark.parametrize(("noise", "verdict"), [(0.1, "supported"), (1.0, "undecided"), (4.0, "contradicted")])
def test_ranks_are_judged_by_the_bounds_of_their_correlation(noise: float, verdict: str) -> None:
    rng = np.random.default_rng(1)
    short = rng.normal(20, 1, 60)
    found = answer(table_of(a={"error": short}, b={"error": short / 2 + noise * rng.normal(0, 0.5, 60)}), ORDER, 0.05)
    assert (found.verdict, found.n) == (verdict, 60)
    assert found.low <= found.estimate <= found.high  # type: ignore[operator]
    assert f"{found.estimate:.2f} [{found.low:.2f}, {found.high:.2f}] (95 %), n = 60 networks" in found.text


@pytest.mark.parametrize(("sd", "verdict"), [(0.3, "supported"), (0.9, "undecided"), (3.0, "contradicted")])
def test_seed_noise_is_judged_by_the_bounds_of_its_ratio(sd: float, verdict: str) -> None:
    columns = again(sd)
    found = answer(table_of(a=columns), SEEDS, 0.05)
    assert (found.verdict, found.n) == (verdict, 40)
    noise = seed_noise(columns["error"], columns["network_key"])
    assert found.estimate == pytest.approx(noise.seed_sd / noise.architecture_sd)
    assert found.low < found.estimate < found.high  # type: ignore[operator]
    assert found.numbers["n_trials"] == 120


def test_only_networks_measured_twice_count_and_never_a_failed_trial() -> None:
    short, long = {"error": [5.0, 1, 2, 3, 4, 9, 8]}, {"error": [1.0, 2, 3, 4, 5, 6, 7]}
    table = table_of(a={**short, "state": ["failed"] + ["complete"] * 6}, b=long)
    table = table[~((table["space"] == "b") & (table["number"] == 6))]
    pairs = measured_twice(table, ORDER)
    assert pairs["number"].tolist() == [1, 2, 3, 4, 5]
    assert pairs["first"].tolist() == [1, 2, 3, 4, 9]
    assert pairs["second"].tolist() == [2, 3, 4, 5, 6]
    assert answer(table, ORDER, 0.05).estimate == pytest.approx(1)


def test_networks_that_diverged_are_no_seed_noise() -> None:
    columns = again(0.3)
    spoilt = {**columns, "error": columns["error"].copy(), "reason": ["diverged"] + [""] * 119}
    spoilt["error"][0] = 90.0
    found = answer(table_of(a=spoilt), SEEDS, 0.05)
    assert found.verdict == "supported"
    assert found.numbers["n_trials"] == 119


def test_seeds_that_explain_everything_have_no_ratio() -> None:
    found = answer(table_of(a={"error": [1.0, 3.0, 1.0, 3.0], "network_key": ["x", "x", "y", "y"]}), SEEDS, 0.05)
    assert (found.verdict, found.estimate, found.high) == ("contradicted", None, None)
    json.dumps(found.to_dict(), allow_nan=False)


def test_what_cannot_be_answered_yet_says_why() -> None:
    found = answer(table_of(a={"error": [1.0, 2.0]}, b={"error": [1.0, 2.0]}), ORDER, 0.05)
    assert (found.verdict, found.estimate) == (None, None)
    assert "at least 5 networks" in found.text


def test_a_network_is_trained_with_a_seed_of_its_own_each_time(tmp_path: Path) -> None:
    plan = plan_study(write(tmp_path, SMALL + CHECKS), executor="inline", run=tmp_path / "run")
    found = sorted((job for job in jobs(plan) if job.setting.space.name == "again"), key=lambda job: job.number)
    keys = [job.proposal.architecture.key for job in found]
    drawn = plan.study.populations["again"].space.sample(4, seed=8, flops=(0, 1e9))
    assert keys == [architecture.key for architecture in drawn for _ in range(3)]
    assert len({job.seed for job in found}) == 12
    assert plan.num_trials == 16 + 6 + 12


def test_more_models_keep_the_trials_that_there_are(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL + CHECKS)
    few, more = (
        {
            (job.setting.space.name, job.number): (job.proposal.architecture.key, job.seed)
            for job in jobs(plan_study(path, models=models, executor="inline", run=tmp_path / "run"))
        }
        for models in (2, 5)
    )
    assert few.items() <= more.items()


def test_checks_are_declared_answered_drawn_and_told(tmp_path: Path) -> None:
    run = run_study(write(tmp_path, SMALL + CHECKS), executor="inline", run=tmp_path / "run")
    first, last = declarations(run.path)
    assert first == last
    assert last.trials == {"free": 6, "tied": 6, "wide": 4, "longer": 6, "again": 12}
    assert [check.name for check in last.checks] == ["order", "seed_noise of again"]
    verdicts = judge(run)
    assert verdicts.is_final
    table = run.table()
    assert verdicts.check("order").numbers == answer(table, last.checks[0], 0.05).numbers
    twice = table.pivot(index="number", columns="space", values="error").loc[:5, ["free", "longer"]]
    ranks = twice.rank().to_numpy().T
    assert verdicts.check("order").estimate == pytest.approx(np.corrcoef(ranks)[0, 1])
    files = write_results(verdicts, results_of(run), tmp_path / "out")
    assert files["checks"].stat().st_size > 10_000
    text = (tmp_path / "out" / "verdicts.txt").read_text()
    assert f'{verdicts.check("order").verdict.upper()}  order\n  "two epochs do"\n' in text  # type: ignore[union-attr]
    assert "checks each for itself at alpha 0.05" in " ".join(text.split())
    assert [check["stated"]["name"] for check in verdicts.to_dict()["checks"]] == ["order", "seed_noise of again"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('reference = "longer"\n', "", "checks 1: rank_correlation needs reference"),
        ("at_least = 0.5", "at_most = 0.5", "checks 1: rank_correlation needs at_least"),
        ("at_least = 0.5", "at_least = 0.5\nat_most = 0.5", "checks 1: rank_correlation has no at_most"),
        ("at_least = 0.5", "at_least = 1.5", "at_least must lie between -1 and 1; got 1.5"),
        ("at_most = 0.5", "at_most = 0", "at_most must be above 0; got 0"),
        ('reference = "longer"', 'reference = "free"', "reference must be another population; got free twice"),
        ('reference = "longer"', 'reference = "long"', 'unknown population "long"; did you mean'),
        ('reference = "longer"', 'reference = "tied"', "population and reference must be the same networks"),
        ('reference = "longer"', 'reference = "wide"', "population and reference must be the same networks"),
        ('population = "again"', 'population = "free"', "seed_noise needs repeats of at least 2; free has none"),
        ("repeats = 3", "repeats = 0", "populations.again: repeats must be at least 1; got 0"),
        ("repeats = 3", "repeats = 3\npairs_with = 'wide'", "seed is the leader's where pairs_with is given"),
        ('check = "seed_noise"', 'check = "noise"', "check must be"),
        ('says = "two epochs do"', 'say = "x"', 'unknown key "say"; did you mean "says"?'),
    ],
)
def test_what_a_check_must_not_say_is_one_clear_line(tmp_path: Path, before: str, after: str, said: str) -> None:
    text = SMALL + CHECKS
    assert text.count(before) == 1
    with pytest.raises(SettingsError) as caught:
        load_study(write(tmp_path, text.replace(before, after)))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_networks_trained_again_are_no_further_networks_to_a_claim(tmp_path: Path) -> None:
    claim = '\n[[claims]]\nname = "x"\nbaseline = "free"\ncandidate = "again"\nclaim = "improves"\n'
    with pytest.raises(SettingsError, match=r"a claim's networks must be trained once each.* again has repeats = 3"):
        load_study(write(tmp_path, SMALL + CHECKS + claim))


def test_a_follower_is_repeated_as_often_as_its_leader(tmp_path: Path) -> None:
    text = SMALL + CHECKS.replace("fidelity.epochs = 3", "fidelity.epochs = 3\nrepeats = 2")
    with pytest.raises(SettingsError, match="repeats must be as many as its leader's; got 2, free has 1"):
        load_study(write(tmp_path, text))
