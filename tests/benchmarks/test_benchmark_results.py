"""The command, the file that it writes, and its tables."""

import io
import json

import pytest

from benchmarks.__main__ import SECTIONS, main
from benchmarks.measuring import BenchmarkError, Fact, Task
from benchmarks.progress import Progress
from benchmarks.results import load_results, save_results
from benchmarks.tables import fact_text, number, seconds_text, table


@pytest.fixture
def earlier(tmp_path):
    """A file with one section, found long ago."""
    rows = [
        {"name": "trials", "other": "Ray Tune", "anynas_seconds": [1.0, 1.5, 2.0], "other_seconds": [3.0, 4.0, 4.5]}
        | {"ratio": 4 / 1.5, "low": 2.25, "high": 3.0}
    ]
    facts = [{"name": "busy", "value": 97.25, "unit": "%", "n": 3, "low": None, "high": None}]
    section = {"date": "2001-02-03", "git_commit": "0123456789abcdef", "quick": False, "load_before": 0.1}
    section |= {"machine": {"processor": "P", "cores": 2, "memory_gib": 8.0, "system": "S"}, "wall_seconds": 60.0}
    section |= {"versions": {"python": "3"}, "rows": rows, "facts": facts, "measurements": [{"round": 0}]}
    save_results(tmp_path / "cpu.json", {"trials": section})
    return tmp_path / "cpu.json"


def test_a_run_of_one_section_keeps_the_others_as_they_were(earlier, capsys):
    before = load_results(earlier)["trials"]
    assert main(["--only", "draws", "--quick", "--out", str(earlier.parent)]) == 0
    after = load_results(earlier)
    assert list(after) == ["trials", "draws"]
    assert after["trials"] == before
    assert after["draws"]["date"] > "2020"
    out, err = capsys.readouterr()
    assert "2001-02-03" in out
    assert "draws: AnyNetA, round 1, anynas; " in err
    assert " left\n" in err


def test_a_side_that_fails_is_code_1_and_loses_nothing(earlier, capsys, monkeypatch):
    def fails(*_, **__):
        raise BenchmarkError("rejection must end; it did not")

    before = earlier.read_bytes()
    monkeypatch.setattr("benchmarks.draws.draw_by_rejection", fails)
    assert main(["--only", "draws", "--quick", "--out", str(earlier.parent)]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "benchmarks: rejection must end; it did not"
    assert earlier.read_bytes() == before


def test_progress_tells_the_time_left_at_the_pace_of_what_is_done(monkeypatch):
    now = 0.0
    monkeypatch.setattr("benchmarks.progress.time.monotonic", lambda: now)
    tasks = [Task(label=label, expected_seconds=seconds, work=dict) for label, seconds in (("a", 10), ("b", 20))]
    stream = io.StringIO()
    progress = Progress(tasks, stream)
    progress.begin(tasks[0])
    now = 15.0  # half as long again as expected
    progress.end(tasks[0])
    progress.begin(tasks[1])
    assert stream.getvalue() == "1/2  a; 30 s left\n2/2  b; 30 s left\n"


def test_the_file_keeps_every_measurement_and_the_table_fits_80_columns(tmp_path, capsys):
    assert main(["--only", "draws", "--quick", "--out", str(tmp_path / "new")]) == 0
    section = load_results(tmp_path / "new" / "cpu.json")["draws"]
    assert len(section["measurements"]) == 12
    assert all(m["seconds"] > 0 for m in section["measurements"])
    assert section["quick"]
    text = table({"draws": section})
    assert max(map(len, text.splitlines())) <= 80
    assert "too few measurements" in text
    assert "| AnyNetE, 20 and 3 draws | rejection |" in (tmp_path / "new" / "cpu.md").read_text(encoding="utf-8")


def test_the_file_has_one_line_a_measurement(earlier):
    text = earlier.read_text(encoding="utf-8")
    assert text.splitlines()[-6:] == ['   "measurements": [', '    {"round": 0}', "   ]", "  }", " }", "}"]
    assert json.loads(text)["sections"] == load_results(earlier)


def test_a_table_says_when_where_and_how_often(earlier):
    assert table(load_results(earlier)).splitlines() == [
        "trials",
        "  2001-02-03, commit 0123456789, load before the run 0.1",
        "  P, 2 cores, 8 GiB, S",
        "  python 3",
        "",
        "                                        anynas  instead  ratio          95 %   n",
        "  trials, vs Ray Tune                   1.50 s   4.00 s   2.67     2.25–3.00   3",
        "  busy                                                            97.2 % (n = 3)",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "draw"], '--only: unknown section "draw"; did you mean "draws"?'),
        (["--only", ""], f'--only: unknown section ""; known: {", ".join(sorted(SECTIONS))}'),
        (["--quick"], "--quick needs --out FOLDER: what it measures is no result to keep"),
        (["--fast"], "unrecognized arguments: --fast; see python -m benchmarks --help"),
    ],
)
def test_bad_options_are_one_line_and_code_2(arguments, message, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"benchmarks: {message}\n")


def test_out_must_be_a_folder(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["--quick", "--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err == f"benchmarks: --out must be a folder; {tmp_path / 'file'} is a file\n"


def test_missing_libraries_show_before_any_work_and_only_where_they_are_needed(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["--only", "trials,draws", "--quick", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        'benchmarks: pydantic, requests must be installed; run pip install -c constraints.txt ".[bench]"\n'
    )
    assert main(["--only", "draws", "--quick", "--out", str(tmp_path)]) == 0


@pytest.mark.parametrize("content", ["", "[]", json.dumps({"schema": 99, "sections": {}})])
def test_a_file_that_holds_no_results_is_not_overwritten(tmp_path, content, capsys):
    (tmp_path / "cpu.json").write_text(content)
    assert main(["--only", "draws", "--quick", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"benchmarks: {tmp_path / 'cpu.json'}: must hold results of schema 1; it does not; move it away\n"
    )
    assert (tmp_path / "cpu.json").read_text() == content


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.12345, "0.123"), (1.2345, "1.23"), (12.345, "12.3"), (1234.5, "1,234"), (-0.0004, "-0.000")],
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(12.34, "12.3 s"), (0.0123, "12.3 ms"), (0.0000456, "45.6 µs")])
def test_times_have_the_unit_that_suits_them(seconds, text):
    assert seconds_text(seconds) == text


def test_a_fact_shows_its_interval():
    fact = Fact(name="difference", value=0.25, unit="points", n=48, low=-0.125, high=0.5)
    assert fact_text(fact) == "0.250 [-0.125, 0.500] points"
