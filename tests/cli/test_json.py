"""--json: one strict object on standard output and nothing else there, with the values of the Python API; --quiet."""

import dataclasses
import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from all_commands import all_commands
from few_images import few

import anynas
from anynas.data import DATA_SETS
from anynas.designspace import builtin_spaces
from anynas.doctor import examine

SEARCH = (
    "search",
    "--space",
    "LeNet",
    "--data",
    "few",
    "--epochs",
    "1",
    "--images",
    "256",
    "--sampler",
    "random",
    "--run",
    "r",
)
INLINE = ("--executor", "inline")
STUDY = """
models = 2
data = "few"
[fidelity]
epochs = 1
images = 64
[populations.LeNet]
[[claims]]
name = "any"
population = "LeNet"
where = "kernel > 3"
claim = "improves"
"""
MARKS = r"Traceback|\x1b"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder with a search's run and a study's, made once."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATA_SETS, "few", few)
        patch.chdir(folder)
        (folder / "mine.toml").write_text(STUDY)
        fidelity = anynas.Fidelity(epochs=1, images=256)
        asked = {"data": "few", "fidelity": fidelity, "executor": "inline"}
        anynas.search("LeNet", trials=2, sampler="random", run="r", **asked)
        anynas.run_study("mine.toml", executor="inline", run="s")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, in which data set "few" is known."""
    monkeypatch.setitem(DATA_SETS, "few", few)
    shutil.copytree(made, tmp_path / "made")
    return tmp_path / "made"


@pytest.fixture
def told(here: Any, folder: Path) -> Any:
    """Return a function that gives what a command tells as JSON, after checking that it is strict and alone."""

    def tell(*arguments: Any, remarks: str = "") -> Any:
        code, out, err = here(*arguments, "--json", cwd=folder)
        assert code == 0, err
        assert out.startswith("{\n")
        assert not re.search(MARKS, out + err)
        assert re.search(remarks, err) if remarks else err == "", err
        found = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", key) for key in found)
        if "--dry-run" not in arguments:
            assert untold(found, " ".join(map(str, arguments))) == set()
        return found

    return tell


def untold(found: dict[str, Any], typed: str) -> set[str]:
    """Return the keys that docs/commands.md does not tell; sections that refer to others need not tell theirs."""
    page = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
    name = next(name for name in all_commands() if typed.startswith(name))
    section = page.split(f"\n## anynas {name}\n")[1].split("\n## ")[0]
    told = set(re.findall(r"`(\w+)`", section))
    return set() if re.search("all that|all fields|as that of", section) else set(found) - told


def as_json(value: Any) -> Any:
    """Return a value as JSON gives it back."""
    return json.loads(json.dumps(value, default=str))


def rows(table: Any) -> list[dict[str, Any]]:
    """Return a table's rows with None for NaN, and with its JSON texts read."""
    return [
        {
            name: json.loads(value)
            if name in ("architecture", "recipe")
            else None
            if isinstance(value, float) and math.isnan(value)
            else value
            for name, value in row.items()
        }
        for row in table.to_dict("records")
    ]


def test_search_tells_the_winner_the_front_and_the_files(told: Any, folder: Path, here: Any) -> None:
    found = told(*SEARCH, *INLINE, "--trials", 3, remarks=r"(?s)about .*\n2 trials finished already\n.*3/3  trial 2")
    run = anynas.load_run(folder / "r")
    assert found["run"] == "r"
    assert found["result"] == run.result()
    assert found["front"] == as_json(rows(run.front()))
    assert (found["quantity"], found["faults"]) == ("flops", [])
    assert found["files"] == {
        "table": "r/table.csv", "error_against_flops": "r/error_flops.png", **found["files"],
    }  # fmt: skip
    assert all((folder / path).is_file() for path in found["files"].values())
    quiet = here(*SEARCH, *INLINE, "--trials", 3, "--json", "-q", cwd=folder)
    assert (json.loads(quiet[1]), quiet[2]) == (found, "")
    code, out, err = here(*SEARCH, *INLINE, "--trials", 3, "--quiet", cwd=folder)
    assert (code, err) == (0, "")
    assert re.match(r"winner: trial \d", out)
    assert re.search(r"3 trials: 0 failed, \d diverged\n\Z", out)


def test_a_dry_run_of_search_tells_the_plan(told: Any, folder: Path, here: Any) -> None:
    plan = told(*SEARCH, *INLINE, "--trials", 5, "--dry-run")
    assert plan["identity"] == anynas.load_run(folder / "r").identity
    assert (plan["run"], plan["trials"], plan["executor"], plan["workers"]) == ("r", {"LeNet": 5}, "inline", 1)
    assert plan["estimate"].keys() >= {"total_seconds", "seconds_per_trial", "trials", "num_final_trainings"}
    assert plan["estimate"]["trials"] == 3
    assert "about " in here(*SEARCH, *INLINE, "--trials", 5, "--dry-run", "-q", cwd=folder)[1], "it is the result"


def test_a_study_tells_its_verdicts(told: Any, folder: Path, here: Any) -> None:
    asked = ("study", "run", "mine.toml", *INLINE, "--run", "s")
    plan = told(*asked, "--models", 3, "--dry-run")
    assert (plan["trials"], plan["estimate"]["trials"]) == ({"LeNet": 3}, 1)
    found = told(*asked, remarks="all of it is finished")
    judged = told("study", "judge", "mine.toml", "--run", "s")
    verdicts = as_json(anynas.judge(folder / "s").to_dict())
    for each in (found, judged):
        assert {name: each[name] for name in verdicts} == verdicts
        assert each["run"] == "s"
        assert all((folder / path).is_file() for path in each["files"].values())
    assert found["faults"] == []
    code, out, err = here(*asked, "--quiet", cwd=folder)
    assert (code, err) == (0, "")
    assert out.startswith("mine\n\n")
    assert "report:" not in out


def test_status_tells_what_python_tells(told: Any, folder: Path) -> None:
    (folder / "runs").mkdir()
    shutil.move(folder / "r", folder / "runs" / "r")
    changing = {"at": None, "seconds_since": None}
    found = told("status", "runs/r")
    assert {**found, **changing} == {**as_json(anynas.load_run(folder / "runs/r").status().to_dict()), **changing}
    assert [{**each, **changing, "run": None} for each in told("status")["runs"]] == [
        {**found, **changing, "run": None}
    ]


def test_table_tells_all_columns(told: Any, folder: Path, here: Any) -> None:
    table = anynas.load_run(folder / "r").table()
    assert told("table", "r") == {"run": "r", "trials": as_json(rows(table))}
    assert told("table", "r", "--out", "t.csv") == {"files": {"table": "t.csv"}}
    assert here("table", "r", "--out", "t.csv", "-q", cwd=folder) == (0, "", "")


def test_spaces_draws_and_networks_are_told(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from anynas.training import latency

    monkeypatch.setattr(latency, "SECONDS", 0.0)
    listed = {each["name"]: each for each in told("spaces")["spaces"]}
    assert {name: each["size"] for name, each in listed.items()} == {
        name: anynas.load_space(name).size() for name in builtin_spaces()
    }
    space = anynas.load_space("RegNetX", regime="imagenet")
    shown = told("show", "RegNetX", "--regime", "imagenet")
    assert (shown["size"], shown["dimension"], shown["regime"]["name"]) == (space.size(), space.dimension, "imagenet")
    assert [each["name"] for each in shown["parameters"]] == [each.name for each in space.all_parameters]
    drawn = told("sample", "--space", "RegNetX", "--regime", "imagenet", "-n", 2, "--start", 1)
    draws = space.sample(2, seed=0, start=1)
    assert [each["architecture"] for each in drawn["draws"]] == as_json([each.to_dict() for each in draws])
    assert [each["number"] for each in drawn["draws"]] == [1, 2]
    network = anynas.load_architecture("lenet")
    counted = dataclasses.asdict(anynas.complexity(network, input_shape=(1, 28, 28), num_classes=10))
    found = told("show", "lenet", "--latency")
    assert {name: found[name] for name in counted} == counted
    assert sum(layer["flops"] for layer in found["layers"]) == counted["flops"]
    assert (found["key"], found["architecture"]) == (network.key, as_json(network.to_dict()))
    assert [each["batch"] for each in found["latency"]["batches"]] == [1, 64]
    assert found["latency"]["batches"][0]["median_seconds"] > 0


def test_comparisons_and_power_are_told(told: Any, folder: Path, here: Any) -> None:
    shutil.copytree(folder / "r", folder / "other")
    table = anynas.load_run(folder / "r").table()
    both = pd.concat([table.assign(space=name) for name in ("r/LeNet", "other/LeNet")])
    expected = anynas.compare_populations(both, baseline="r/LeNet", candidate="other/LeNet", claim="improves")
    found = told("compare", "r", "other", "--claim", "improves")
    assert found == as_json(expected.to_dict())
    assert told("power", "--claim", "no_effect", "--margin", 1, "--sd", 4)["models_needed"] > 100


def test_a_network_in_hand_is_told(told: Any, folder: Path, here: Any) -> None:
    from PIL import Image

    asked = ("train", "lenet", "--data", "few", "--epochs", 1, "--out", "t")
    plan = told(*asked, "--dry-run")
    assert (plan["folder"], plan["epochs_done"], plan["is_finished"], plan["images"]) == ("t", 0, False, 256)
    found = told(*asked, remarks=r"about \d+ s: 1 epoch\n")
    trained = anynas.load_trained(folder / "t")
    assert {name: found[name] for name in trained.record} == trained.record
    assert found["files"]["weights"] == "t/weights.safetensors"
    code, out, err = here(*asked, "-q", cwd=folder)
    assert (code, err) == (0, "")
    assert re.fullmatch(r"validation error .*\ntest error .*\n", out)
    card = told("export", "t", "--out", "e")
    assert (card["key"], card["training"]["data"]) == (trained.architecture.key, "few")
    assert card["files"]["network_py"] == "e/network.py"
    Image.fromarray(few((1, 28, 28), 10)[1].images[0, 0].numpy()).save(folder / "a.png")
    (one,) = told("predict", "e", "a.png")["predictions"]
    assert (one["image"], len(one["classes"])) == ("a.png", 3)
    code, out, err = here("predict", "e", "a.png", "none.png", "--json", cwd=folder)
    assert (code, json.loads(out)["predictions"], err.count("\n")) == (2, [one], 1)


def test_reports_and_machines_are_told(told: Any, folder: Path, here: Any) -> None:
    assert told("report", "r") == {"files": {"report": "r/report.html"}}
    assert here("report", "r", "--quiet", cwd=folder) == (0, "", "")
    found = told("doctor")
    changing = {"memory_free_bytes": None}
    assert {**found, "machine": {**found["machine"], **changing}} == {
        **examine(),
        "machine": {**examine()["machine"], **changing},
    }


def test_a_wrong_input_is_still_one_line(refused: Any, folder: Path) -> None:
    assert refused("search", "--space", "AnyNetF", "--json", cwd=folder).startswith('anynas: unknown space "AnyNetF"')
    assert refused("report", "nowhere", "--json", "-q", cwd=folder).startswith("anynas: nowhere: must be a run's")


@pytest.mark.parametrize("command", sorted(set(all_commands()) - {"completion"}))
def test_every_command_that_prints_results_is_asked_here(command: str) -> None:
    words = ", ".join(f'"{word}"' for word in command.split())
    assert f"({words}" in Path(__file__).read_text(encoding="utf-8")
