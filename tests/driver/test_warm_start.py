"""Warm starts: what is told, what is refused, and what stays when the earlier run grows or goes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from doubles import PLAIN_SPACE, TINY_FIDELITY, without_costs

import anynas
from anynas.driver.search import plan_search
from anynas.driver.warm_start import FILE
from anynas.errors import AnynasError
from anynas.store import Run

COMMON: dict[str, Any] = {"fidelity": TINY_FIDELITY, "flops": (0, float("inf")), "executor": "inline"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a space and an earlier run of six trials; nothing in it is changed."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "plain.toml").write_text(PLAIN_SPACE)
    anynas.search(folder / "plain.toml", trials=6, sampler="random", run=folder / "earlier", seed=5, **COMMON)
    return folder


@pytest.fixture
def folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def search(**settings: Any) -> Run:
    return anynas.search("plain.toml", **{"warm_start": "earlier", "trials": 3, "run": "run", **COMMON, **settings})


def refused(**settings: Any) -> str:
    with pytest.raises(AnynasError) as caught:
        plan_search("plain.toml", **{"warm_start": "earlier", **COMMON, **settings})
    return str(caught.value)


def table_of(folder: Path) -> pd.DataFrame:
    return anynas.load_run(folder / "earlier").table()


def test_a_run_its_folder_and_its_tables_tell_the_same(folder: Path) -> None:
    table = table_of(folder)
    table.to_csv("trials.csv", index=False)
    table.to_parquet("trials.parquet", index=False)
    sources = [anynas.load_run("earlier"), Path("earlier"), "trials.csv", "trials.parquet"]
    plans = [plan_search("plain.toml", warm_start=source, **COMMON) for source in sources]
    told = [[(t.architecture.key, t.error) for t in plan.warm_start.trials] for plan in plans if plan.warm_start]
    assert told[0] == list(dict(zip(table["key"], table["error"], strict=True)).items())
    assert told == [told[0]] * 4
    assert len({plan.identity["warm_start"]["digest"] for plan in plans}) == 1


def test_architectures_that_are_known_are_not_proposed_again_and_are_no_trials_of_this_run(folder: Path) -> None:
    run = search(sampler="nsga2", trials=4)
    assert len(run.table()) == run.result()["trials"] == 4
    assert not set(run.table()["key"]) & set(table_of(folder)["key"])


def test_trials_that_failed_or_were_pruned_teach_nothing_and_repeats_are_told_once(folder: Path) -> None:
    table = table_of(folder).drop_duplicates("key")
    table["state"] = ["failed", "pruned", *["complete"] * (len(table) - 2)]
    pd.concat([table, table]).to_csv("trials.csv", index=False)
    plan = plan_search("plain.toml", warm_start="trials.csv", **COMMON)
    assert plan.warm_start
    assert [trial.architecture.key for trial in plan.warm_start.trials] == list(table["key"][2:])


def test_a_table_of_architectures_and_errors_alone_is_enough(folder: Path) -> None:
    table_of(folder)[["architecture", "error"]].to_csv("trials.csv", index=False)
    plan = plan_search("plain.toml", warm_start="trials.csv", **COMMON)
    assert plan.warm_start
    assert len(plan.warm_start.trials) == table_of(folder)["key"].nunique()


def test_the_same_command_goes_on_when_the_earlier_run_has_grown_and_when_it_is_gone(folder: Path) -> None:
    first = search(sampler="nsga2", run=None)
    undisturbed = search(sampler="nsga2", trials=9, run="undisturbed")
    anynas.search("plain.toml", trials=9, sampler="random", run="earlier", seed=5, **COMMON)
    again = search(sampler="nsga2", trials=6, run=None)
    assert again.path == first.path
    assert again.identity == first.identity
    shutil.rmtree("earlier")
    last = search(sampler="nsga2", trials=9, run=None)
    assert last.path == first.path
    assert without_costs(last.table()).equals(without_costs(undisturbed.table()))


def test_what_was_told_is_read_again_where_it_was_lost_and_must_be_the_same(folder: Path) -> None:
    run = search(sampler="tpe")
    (run.path / FILE).unlink()
    assert search(sampler="tpe").identity == run.identity
    assert (run.path / FILE).is_file()
    (run.path / FILE).unlink()
    digest = run.identity["warm_start"]["digest"]
    anynas.search("plain.toml", trials=9, sampler="random", run="earlier", seed=5, **COMMON)
    came = plan_search("plain.toml", warm_start="earlier", **COMMON).identity["warm_start"]["digest"]
    assert refused(run="run") == (
        f"run: a run's warm_start digest must not change; it has {digest}, got {came}; choose another --run"
    )


def test_a_run_is_refused_without_the_warm_start_that_it_had_and_with_another(folder: Path) -> None:
    digest = search(sampler="tpe").identity["warm_start"]["digest"]
    assert refused(run="run", warm_start=None) == (
        f"run: a run's warm_start digest must not change; it has {digest}, got none; choose another --run"
    )
    table_of(folder).head(2).to_csv("two.csv", index=False)
    assert refused(run="run", warm_start="two.csv").startswith(
        f"run: a run's warm_start digest must not change; it has {digest}, got "
    )
    table_of(folder).to_csv("same.csv", index=False)
    assert plan_search("plain.toml", run="run", warm_start="same.csv", **COMMON).identity["warm_start"] == {
        "digest": digest,
        "trials": table_of(folder)["key"].nunique(),
    }


def test_what_is_kept_is_plain_json_and_said_to_be_damaged_if_it_is(folder: Path) -> None:
    run = search(sampler="tpe")
    content = json.loads((run.path / FILE).read_text())
    assert content["source"] == "earlier"
    assert set(content["trials"][0]) == {"architecture", "error"}
    (run.path / FILE).write_text(json.dumps({"source": "earlier", "trials": [{"error": 1}]}))
    assert refused(run="run") == f"run/{FILE}: must be as anynas wrote it; it is damaged; restore it from a copy"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "synthetic"}, "data must be this search's, synthetic; got fashion-mnist-mini"),
        (
            {"fidelity": anynas.Fidelity(epochs=2, images=128, resolution=8)},
            "fidelity epochs must be this search's, 2; got 1",
        ),
        (
            {"fidelity": anynas.Fidelity(epochs=1, images=128, resolution=16)},
            "fidelity resolution must be this search's, 16; got 8",
        ),
        (
            {"recipe": anynas.Recipe(learning_rate=0.2)},
            "recipe learning_rate must be this search's, 0.2; got 0.1",
        ),
    ],
)
def test_a_run_whose_trials_were_trained_in_another_way_is_refused(
    folder: Path, settings: dict[str, Any], message: str
) -> None:
    assert refused(**settings) == f"earlier: its {message}; choose trials that were trained as these are"


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (
            "regime",
            "cifar",
            "its regime must be this search's, fashion; got cifar; choose trials that were trained as these are",
        ),
        ("epochs", 3, "its epochs must be this search's, 1; got 3; choose trials that were trained as these are"),
        ("images", 64, "its images must be this search's, 128; got 64; choose trials that were trained as these are"),
        (
            *("recipe", '{"momentum": 0.5}'),
            "its recipe momentum must be this search's, 0.9; got 0.5; choose trials that were trained as these are",
        ),
        ("recipe", "sgd", "column recipe must have JSON objects; got 'sgd'"),
        ("error", 101.0, "complete trial 1: its error must be a percentage; got 101.0"),
        ("error", None, "complete trial 1: its error must be a percentage; got nan"),
        ("architecture", "anynet", "complete trial 1: its architecture must be one as JSON; got 'anynet'"),
        ("state", "failed", "must have a complete trial to start from; it has none among 6"),
    ],
)
def test_a_table_with_something_else_in_it_is_refused(folder: Path, column: str, value: Any, message: str) -> None:
    table = table_of(folder)
    recipe = json.loads(table["recipe"].iloc[0])
    if column == "recipe" and value.startswith("{"):
        value = json.dumps({**recipe, **json.loads(value)})
    table.assign(**{column: value}).to_csv("trials.csv", index=False)
    assert refused(warm_start="trials.csv") == f"trials.csv: {message}"


def test_a_network_of_another_space_is_refused(folder: Path) -> None:
    network = anynas.load_space("AnyNetD").sample(1, seed=0)[0]
    table = table_of(folder)
    table.loc[2, "architecture"] = json.dumps(network.to_dict())
    table.to_parquet("trials.parquet", index=False)
    assert refused(warm_start="trials.parquet") == (
        f"trials.parquet: complete trial 3: its architecture must lie in plain; {network.key} does not; choose trials "
        "of the same space"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone", "gone: must be a run's folder, with run.json in it; there is none"),
        ("gone.csv", "gone.csv: must be a table that can be read; No such file or directory"),
    ],
)
def test_a_source_that_is_not_there_is_refused(folder: Path, name: str, message: str) -> None:
    assert refused(warm_start=name) == message


def test_a_table_without_errors_is_refused(folder: Path) -> None:
    table_of(folder).drop(columns="error").to_csv("trials.csv", index=False)
    assert refused(warm_start="trials.csv") == (
        'trials.csv: must have the columns that anynas table --out writes; it has no "error"; write it anew'
    )


def test_a_sampler_that_learns_nothing_is_refused_a_warm_start(folder: Path) -> None:
    assert refused(sampler="qmc") == ("a warm start needs a sampler that learns from trials: tpe, gp or nsga2; got qmc")
