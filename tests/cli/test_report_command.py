"""`anynas report`: where it writes, what it says, what it refuses."""

from typing import Any

from report_runs import entry, write_search


def test_it_writes_beside_the_run_and_says_where(tmp_path: Any, here: Any) -> None:
    write_search(tmp_path / "r", [entry(0), entry(1)])
    assert here("report", "r", cwd=tmp_path) == (0, "report: r/report.html\n", "")
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>\n")
    assert page.endswith("</html>\n")
    assert "<h1>Search of plain</h1>" in page


def test_it_writes_where_it_is_asked_to_and_over_an_older_one(tmp_path: Any, here: Any) -> None:
    write_search(tmp_path / "r", [])
    (tmp_path / "out.html").write_text("old")
    assert here("report", "r", "--out", "out.html", cwd=tmp_path) == (0, "report: out.html\n", "")
    assert "No trial is complete yet" in (tmp_path / "out.html").read_text(encoding="utf-8")
    assert not (tmp_path / "r" / "report.html").exists()


def test_what_cannot_be_gets_one_line(tmp_path: Any, refused: Any) -> None:
    write_search(tmp_path / "r", [])
    assert refused("report", "nowhere", cwd=tmp_path) == (
        "anynas: nowhere: must be a run's folder, with run.json in it, or a study's results; it is neither"
    )
    assert refused("report", "r", "--out", "no/r.html", cwd=tmp_path) == (
        "anynas: no/r.html: must be a file that can be written; there is no such folder; choose another --out"
    )
    assert refused("report", cwd=tmp_path) == (
        "anynas: the following arguments are required: RUN; see anynas report --help"
    )
