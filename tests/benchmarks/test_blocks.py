"""A page's code blocks: found word for word, run in order as a reader would, and the first that fails is told."""

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks import readme
from benchmarks.blocks import Block, blocks, environment_of, here, run_blocks

PAGE = """
# A page

```bash
word=tree
```

Text with `code` in it.

<!-- test -->
```bash
exit 3
```

```toml
# mine.toml
[a]
b = 1
```

```python
# mine.py
VALUE = 7
```

```
just shown
```

```yaml
a: b
```
"""


def ran(page: str, folder: Path, **options: float) -> list[tuple[int, str]]:
    return [(each.code, each.output) for each in run_blocks(blocks(page), folder, environment=here(), **options)]


def fenced(language: str, code: str) -> str:
    return f"```{language}\n{code}\n```\n"


def test_blocks_are_found_with_their_languages_marks_and_files() -> None:
    found = [(block.language, block.mark, block.file, block.first_line) for block in blocks(PAGE)]
    assert found == [
        ("bash", "", None, "word=tree"),
        ("bash", "test", None, "exit 3"),
        ("toml", "", "mine.toml", "# mine.toml"),
        ("python", "", "mine.py", "# mine.py"),
        ("yaml", "", None, "a: b"),
    ]
    assert blocks(PAGE)[2].code == "# mine.toml\n[a]\nb = 1\n"


def test_one_shell_goes_on_from_block_to_block_and_scripts_find_the_files(tmp_path: Path) -> None:
    page = fenced("bash", "word=tree\nmkdir inner") + fenced("python", "# mine.py\nVALUE = 7")
    page += fenced("python", "import mine\nprint('it is', mine.VALUE)") + fenced("bash", "echo $word; ls mine.py; cat")
    assert ran(page, tmp_path) == [(0, ""), (0, ""), (0, "it is 7\n"), (0, "tree\nmine.py\n")]
    assert (tmp_path / "inner").is_dir()


@pytest.mark.parametrize(
    ("language", "code", "exit_code", "said"),
    [
        ("bash", "echo before\n(exit 4)\necho behind", 4, "before\n"),
        ("bash", "echo before && (exit 5) && echo behind", 5, "before\n"),
        ("bash", "exit 6", 6, ""),
        ("python", "print('before'); raise SystemExit(7)", 7, "before\n"),
    ],
)
def test_the_first_block_that_fails_is_the_last_and_tells_its_exit_code(
    language: str, code: str, exit_code: int, said: str, tmp_path: Path
) -> None:
    page = fenced("bash", "true") + fenced(language, code) + fenced("bash", "touch behind")
    assert ran(page, tmp_path) == [(0, ""), (exit_code, said)]
    assert not (tmp_path / "behind").exists()


def test_a_block_past_its_deadline_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    outcomes = ran(fenced("bash", "echo begun\nsleep 60"), tmp_path, deadline_seconds=0.5)
    assert [(code != 0, said) for code, said in outcomes] == [(True, "begun\n")]


def test_an_environment_is_active_and_free_of_this_ones_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    environment = environment_of(Path("fresh"))
    assert environment["PATH"].startswith("fresh/bin:")
    assert environment["VIRTUAL_ENV"] == "fresh"
    assert "PYTHONPATH" not in environment


def test_the_test_block_is_left_out_unless_it_is_asked_for() -> None:
    some = [Block("bash", "a\n"), Block("bash", "b\n", "test"), Block("yaml", "c\n"), Block("python", "d\n")]
    assert [block.code for block in readme.to_run(some, with_tests=False)] == ["a\n", "d\n"]
    assert [block.code for block in readme.to_run(some, with_tests=True)] == ["a\n", "b\n", "d\n"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a README of two blocks, of which the second fails."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "README.md").write_text(fenced("bash", "python --version; pwd") + fenced("bash", "false"))
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=n", "-c", "user.email=e@e", "commit", "-qm", "m"]):
        subprocess.run(["git", *command], cwd=source, check=True)
    return source


def test_a_readme_is_tried_on_a_clone_and_a_failure_is_told_and_writes_nothing(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_environment(command: list[str], **options: object) -> object:
        return None if command[1:3] == ["-m", "venv"] else run(command, **options)  # type: ignore[call-overload]

    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", make_environment)  # which takes seconds
    assert readme.main(["--source", str(repository), "--out", str(tmp_path / "result.json")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" s  ")[1] for line in lines] == [
        "clone and environment",
        "ok  bash: python --version; pwd",
        "exit code 1  bash: false",
        "from clone to first result",
    ]
    assert not (tmp_path / "result.json").exists()


def test_the_committed_result_is_of_a_run_in_which_every_block_worked() -> None:
    result = json.loads((readme.ROOT / "benchmarks" / "results" / "readme.json").read_text())
    assert {block["exit_code"] for block in result["blocks"]} == {0}
    assert 0 < result["clone_seconds"] < result["first_result_seconds"] < result["wall_seconds"]
    assert result["machine"]["cores"] >= 1
