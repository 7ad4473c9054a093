"""`anynas study run` and `judge`: what they print and write, and one clear line for what cannot be."""

import json
import shutil

import pandas as pd
import pytest
from doubles import without_costs
from small_study import SMALL, changed, write

import anynas
from anynas.figures import draw_study
from anynas.results import results_in

FILES = {"report.md", "table.parquet", "curves.parquet", "verdicts.json", "verdicts.txt", "claims.json"}
PICTURES = {"edfs.png", "quantiles.png", "claims.png", "complexity.png", "expected_best.png", "learning.png"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a study and its finished run."""
    folder = tmp_path_factory.mktemp("finished")
    anynas.run_study(write(folder), executor="inline", run=folder / "run")
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of it."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_dry_run_tells_the_plan_and_the_time_and_writes_nothing(tmp_path, here):
    write(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = here("study", "run", "small.toml", "--dry-run", "--executor", "inline", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert sorted(tmp_path.rglob("*")) == before
    for text in ("small: two stages of plain 3x3s", "4 claims; data fashion-mnist-mini, seed 3", " for 16 trials with"):
        assert text in out
    assert max(map(len, out.splitlines())) <= 80


def test_run_trains_judges_and_leaves_table_verdicts_and_pictures(tmp_path, here):
    write(tmp_path)
    arguments = ("study", "run", "small.toml", "--models", "6", "--executor", "inline", "--run", "run")
    code, out, err = here(*arguments, cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "18/18 finished" in out
    made = {path.name for path in (tmp_path / "run" / "results").iterdir()}
    assert made >= FILES | PICTURES - {"quantiles.png"}
    content = json.loads((tmp_path / "run" / "results" / "verdicts.json").read_text())
    for claim in content["claims"]:
        assert f"{claim['verdict'].upper()}  {claim['stated']['name']}\n" in out
    table = pd.read_parquet(tmp_path / "run" / "results" / "table.parquet")
    run = anynas.load_run(tmp_path / "run")
    assert without_costs(table).equals(without_costs(run.table().astype(table.dtypes.to_dict())))
    again = here(*arguments, cwd=tmp_path)
    assert again[0] == 0
    assert "all of it is finished: nothing is trained again" in again[1]


def test_judge_prints_what_python_gives(folder, here):
    verdicts = anynas.judge(folder / "run")
    code, out, err = here("study", "judge", "small.toml", "--run", "run", "--json", cwd=folder)
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found.pop("run"), found.pop("files")["verdicts"]) == ("run", "run/results/verdicts.txt")
    assert found == json.loads(json.dumps(verdicts.to_dict()))
    by_folder = here("study", "judge", "run", "--json", cwd=folder)
    assert json.loads(by_folder[1]) == json.loads(out)


def test_judge_works_from_the_results_alone(folder, here):
    here("study", "judge", "small.toml", "--run", "run", "--out", "results", cwd=folder)
    shutil.rmtree(folder / "run")
    code, out, _ = here("study", "judge", "small.toml", "--run", "results", "--out", "again", cwd=folder)
    assert code == 0
    for name in ("verdicts.json", "verdicts.txt"):
        assert (folder / "again" / name).read_bytes() == (folder / "results" / name).read_bytes()
    assert {path.name for path in (folder / "again").iterdir()} == {
        path.name for path in (folder / "results").iterdir()
    }
    assert "SUPPORTED" in out or "UNDECIDED" in out or "CONTRADICTED" in out


def test_the_text_fits_80_columns_and_has_every_verdict_first(folder, here):
    here("study", "judge", "small.toml", "--run", "run", cwd=folder)
    text = (folder / "run" / "results" / "verdicts.txt").read_text()
    assert max(map(len, text.splitlines())) <= 80
    verdicts = anynas.judge(folder / "run")
    places = [text.index(f"{claim.verdict.upper()}  {claim.stated.name}\n") for claim in verdicts.claims]
    assert places == sorted(places)
    assert places[-1] < text.index("population") < text.index("candidate - baseline, in points of error")


def test_claims_that_changed_after_the_first_trial_are_said_to(folder, here):
    write(folder, changed("margin = 5.0", "margin = 2.0"))
    code, out, _ = here("study", "judge", "small.toml", "--run", "run", cwd=folder)
    assert code == 0
    assert "note: claims changed after the first trial: ties\n" in out
    recorded = results_in(folder / "run" / "results")
    assert (recorded.first.claims[0].margin, recorded.last.claims[0].margin) == (5.0, 2.0)
    assert "claims changed" not in here("study", "judge", "run", cwd=folder)[1], "the run's own claims did not"


def test_judge_on_partial_results_says_interim(tmp_path, here, monkeypatch):
    from anynas.driver import loop

    trained = 0
    real = loop._entry

    def stop_after_eight(*arguments):
        nonlocal trained
        trained += 1
        if trained > 8:
            raise KeyboardInterrupt
        return real(*arguments)

    write(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_entry", stop_after_eight)
        code, _, err = here("study", "run", "small.toml", "--executor", "inline", "--run", "run", cwd=tmp_path)
    assert code == 130
    assert err == (
        "anynas: interrupted; what is finished is safe in run; the same command goes on, anynas study judge small.toml "
        "judges what there is\n"
    )
    code, out, err = here("study", "judge", "small.toml", "--run", "run", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "note: interim: 8 of 16 trials are finished" in out


def test_a_claim_that_can_never_be_judged_is_exit_code_2_and_the_others_are_written(folder, here):
    text = changed('candidate = "tied"\nclaim = "no_effect"\nmargin = 40.0\ncontrol = "params"', OVERLAP)
    write(folder, text)
    code, out, err = here("study", "judge", "small.toml", "--run", "run", cwd=folder)
    assert code == 2
    assert err.startswith('anynas: claim "at equal params": a control for params needs at least 2 networks of each')
    assert err.count("\n") == 1
    assert "NOT JUDGED  at equal params" in out
    content = json.loads((folder / "run" / "results" / "verdicts.json").read_text())
    assert [claim["comparison"] is None for claim in content["claims"][:3]] == [False, False, True]


OVERLAP = 'candidate = "wide"\nclaim = "improves"\ncontrol = "params"'


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('candidate = "wide"', 'candidate = "wid"', 'unknown population "wid"; did you mean "wide"?'),
        ('"nondecreasing(width)"', '"nondecreasing(breadth)"', "breadth"),
        ("margin = 5.0", "margin = 0", "needs a margin above 0, in points of error; got 0"),
        ("models = 6", "models = 1", "models must be at least 2, one network is no population; got 1"),
        ('space = "plain.toml"', 'space = "AnyNetZ"', 'unknown space "AnyNetZ"; did you mean'),
    ],
)
@pytest.mark.parametrize("command", ["run", "judge"])
def test_bad_input_gets_one_line(before, after, said, command, tmp_path, refused):
    write(tmp_path, changed(before, after))
    assert said in refused("study", command, "small.toml", "--run", "run", cwd=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("study", "run", "small.toml", "--models", "1"),
            "models must be at least 2, one network is no population; got 1",
        ),
        (("study", "run", "lectur"), 'unknown study "lectur"; did you mean "lecture"?'),
        (("study", "judge", "small.toml"), "must be a run's folder, with run.json in it; there is none"),
        (("study", "judge", "small.toml", "--run", "nowhere"), "must be a run's folder, with run.json in it"),
        (("study", "run", "missing.toml"), "missing.toml: must be a readable TOML file"),
        (("study", "run", "small.toml", "--executor", "cloud"), 'unknown executor "cloud"'),
        (("study",), "see anynas study --help"),
    ],
)
def test_what_cannot_be_run_gets_one_line(arguments, said, tmp_path, refused):
    write(tmp_path)
    assert said in refused(*arguments, cwd=tmp_path)


def test_errors_that_are_no_numbers_get_one_line(folder, here, refused):
    here("study", "judge", "small.toml", "--run", "run", "--out", "results", cwd=folder)
    table = pd.read_parquet(folder / "results" / "table.parquet")
    table.loc[3, "error"] = float("nan")
    table.to_parquet(folder / "results" / "table.parquet")
    assert "errors must be finite numbers" in refused("study", "judge", "small.toml", "--run", "results", cwd=folder)


def test_a_table_that_is_none_gets_one_line(folder, here, refused):
    here("study", "judge", "small.toml", "--run", "run", "--out", "results", cwd=folder)
    (folder / "results" / "table.parquet").write_bytes(b"not a table")
    assert "must be readable" in refused("study", "judge", "small.toml", "--run", "results", cwd=folder)


def test_pictures_name_seed_fidelity_version_and_machine(folder, monkeypatch, here):
    footers = []

    def noted(*arguments, footer, **more):
        footers.append(footer)
        return draw_study(*arguments, footer=footer, **more)

    monkeypatch.setattr("anynas.results.draw_study", noted)
    here("study", "judge", "small.toml", "--run", "run", cwd=folder)
    (footer,) = footers
    device = anynas.load_run(folder / "run").table()["device"].iloc[0]
    assert footer.startswith("n = 16, seed 3, 2 epochs of 640 images; anynas ")
    assert footer.endswith(device)


def test_the_studys_text_is_what_these_tests_say():
    assert SMALL.count("[[claims]]") == 4
