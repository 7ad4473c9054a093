"""docs/performance.md: what was measured, and nothing else."""

import json

import pytest

from benchmarks.__main__ import SECTIONS
from benchmarks.measuring import Fact
from benchmarks.page import PAGE, error_check, page
from benchmarks.results import RESULTS, SCHEMA


def test_the_committed_page_is_made_from_the_committed_results():
    assert PAGE.read_text(encoding="utf-8") == page(RESULTS), "run python -m benchmarks.page"


def test_a_page_without_results_has_no_numbers_and_says_so(tmp_path):
    text = page(tmp_path)
    assert text.count("Not measured yet.") == len(SECTIONS) + 1  # and README's blocks
    assert "No GPU run has been made" in text


def section(**changes):
    facts = [{"name": "validation error, anynas minus plain loop", "value": 0.1, "unit": "points", "n": 48}]
    facts[0] |= {"low": -0.2, "high": 0.4}
    return {
        "date": "2001-02-03",
        "git_commit": "0123456789abcdef",
        "quick": False,
        "load_before": 0.1,
        "machine": {"processor": "P", "cores": 2, "memory_gib": 8.0, "system": "S"},
        "wall_seconds": 60.0,
        "versions": {"python": "3"},
        "rows": [],
        "facts": facts,
        "measurements": [],
        **changes,
    }


def write(path, **sections):
    path.write_text(json.dumps({"schema": SCHEMA, "sections": sections}))


def test_a_measured_section_shows_its_numbers_its_machine_and_its_quality(tmp_path):
    write(tmp_path / "cpu.json", trials=section())
    text = page(tmp_path)
    assert text.count("Not measured yet.") == len(SECTIONS)
    assert "Measured 2001-02-03, commit 0123456789, load before the run 0.1; P, 2 cores, 8 GiB, S; python 3." in text
    assert "| validation error, anynas minus plain loop | 0.100 [-0.200, 0.400] points | 48 |" in text
    assert "anynas minus plain loop, is within ±0.5 points" in text


def test_quick_results_are_marked(tmp_path):
    write(tmp_path / "cpu.json", trials=section(quick=True))
    assert "**Too few measurements to mean anything.**" in page(tmp_path)


def test_gpu_runs_are_shown_where_there_are_any(tmp_path):
    write(tmp_path / "gpu-h100.json", trials=section())
    text = page(tmp_path)
    assert "### h100" in text
    assert "No GPU run" not in text


def test_a_readme_that_was_tried_shows_its_blocks_and_the_time_to_the_first_result(tmp_path):
    block = {"language": "bash", "first_line": "a | b    # why", "seconds": 61.4, "exit_code": 0}
    tried = section(clone_seconds=3.2, first_result_seconds=64.6, wall_seconds=65.0, blocks=[block])
    (tmp_path / "readme.json").write_text(json.dumps(tried))
    text = page(tmp_path)
    assert "| clone and empty environment | 3 s |\n| bash: `a &#124; b` | 61 s |\n" in text
    assert "From clone to first result: 65 s; to the end of all blocks: 65 s." in text


@pytest.mark.parametrize(
    ("value", "low", "high", "words"),
    [
        (0.0, -0.5, 0.5, "is within ±0.5 points; its 95 % interval lies within them."),
        (-0.2, -0.51, 0.1, "is within ±0.5 points; its 95 % interval does not lie within them."),
        (0.6, 0.4, 0.8, "is not within ±0.5 points; its 95 % interval does not lie within them."),
    ],
)
def test_the_page_says_whether_errors_are_the_same(value, low, high, words):
    fact = Fact(name="validation error, anynas minus plain loop", value=value, unit="points", n=9, low=low, high=high)
    assert error_check([fact]).endswith(f"anynas minus plain loop, {words}")
