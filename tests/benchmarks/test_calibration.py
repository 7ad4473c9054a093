"""The calibration at a size that shows that it works, and the page it writes."""

import json

import pytest
from real_tables import FOLDERS

from benchmarks.calibration import main

DATA = next((str(folder) for folder in FOLDERS if folder.is_dir()), None)


@pytest.mark.skipif(DATA is None, reason="needs the tables of shared/data")
def test_a_small_calibration_writes_numbers_with_their_origin(tmp_path, capsys):
    code = main(["--repeats", "10", "--data", DATA, "--out", str(tmp_path), "--seed", "3"])
    found = json.loads((tmp_path / "calibration.json").read_text())
    assert (found["repeats"], found["seed"], code) == (
        10,
        3,
        0 if all(r["holds"] for r in found["rows"] if r["promised"]) else 1,
    )
    assert found["command"].startswith("python -m benchmarks.calibration --repeats 10")
    assert {"processor", "cores", "system"} == set(found["machine"])
    assert {row["section"] for row in found["rows"]} == {
        *("verdicts", "beside the estimand", "pairs", "power", "controls", "bands")
    }
    assert all(0 <= row["value"] <= 1 for row in found["rows"])
    page = (tmp_path / "calibration.md").read_text()
    assert page.count("\n| ") == len(found["rows"]) + 2 * 6
    assert "left" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--quick"], "--quick needs --out DIR: what it finds is no result to keep"),
        (["--repeats", "5"], "--repeats must be at least 10; got 5"),
        (
            ["--data", "nowhere"],
            "--data must be the folder of nats_sss_cifar10.csv.xz and naap440.csv.xz; nowhere is not",
        ),
    ],
)
def test_wrong_options_are_one_line(arguments, message, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"calibration: {message}\n"
