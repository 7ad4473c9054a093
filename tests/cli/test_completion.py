"""The shell completes commands, options, names and runs: asked as shells ask, and in a shell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from anynas.architecture import named_architectures
from anynas.designspace import builtin_spaces
from anynas.study.definition import builtin_studies

IFS = "\x0b"


@pytest.fixture
def offered(tmp_path: Path) -> Any:
    """Return a function that gives what is offered for a line of which the last word is being typed."""
    for name in ("runs/one", "runs/two", "runs/notes", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("runs/one/run.json", "runs/two/run.json", "mine.toml", "net.json", "trials.csv", ".hidden.toml"):
        (tmp_path / name).write_text("{}")

    def ask(line: str, code: str = "from anynas.cli import main; main()") -> set[str]:
        answer = tmp_path / "answer"
        env = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
        env |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "_ARGCOMPLETE_IFS": IFS}
        env |= {"_ARGCOMPLETE_COMP_WORDBREAKS": " \t\n\"'><=;|&(:", "_ARGCOMPLETE_SUPPRESS_SPACE": "1"}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **env}, capture_output=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, b"")
        words = answer.read_text().split(IFS)
        return {word for word in words if word}

    return ask


def test_commands_and_options_are_offered(offered: Any) -> None:
    assert offered("anynas s") == {"search", "study", "status", "sample", "spaces", "show"}
    assert offered("anynas study ") >= {"run", "judge"}
    assert offered("anynas search --r") == {"--regime", "--recipe", "--rungs", "--reduction", "--run"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("anynas search --space ", {*builtin_spaces(), "mine.toml", "elsewhere/", "runs/"}),
        ("anynas search --space AnyNetD --sampler ", {"tpe", "gp", "nsga2", "random", "qmc"}),
        ("anynas search --executor ", {"ray", "process", "inline"}),
        ("anynas search --device ", {"auto", "cpu", "cuda"}),
        ("anynas search --regime ", {"fashion", "cifar", "imagenet"}),
        ("anynas train lenet --data fa", {"fashion-mnist", "fashion-mnist-mini"}),
        ("anynas export lenet --format to", {"torch", "torchvision"}),
        ("anynas study run ", {*builtin_studies(), "mine.toml", "elsewhere/", "runs/"}),
        ("anynas status ru", {"runs/one", "runs/two"}),
        ("anynas report e", {"elsewhere/"}),
        ("anynas show resnet5", {name for name in named_architectures() if name.startswith("resnet5")}),
        ("anynas show n", {*(name for name in named_architectures() if name.startswith("n")), "net.json"}),
        ("anynas compare t", {"trials.csv"}),
        ("anynas sample --space AnyNetD -n ", set()),
        ("anynas completion ", {"bash", "zsh", "fish"}),
    ],
)
def test_names_files_and_runs_are_offered(line: str, words: set[str], offered: Any) -> None:
    assert {word for word in offered(line) if not word.startswith("-")} == words


def test_nothing_heavy_is_loaded_to_complete(offered: Any, tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "end = os._exit\n"
        "heavy = {'torch', 'pandas', 'ray', 'optuna', 'numpy', 'scipy', 'rich', 'matplotlib'}\n"
        "def told(code):\n"
        "    Path('loaded').write_text(' '.join(heavy & set(sys.modules)))\n"
        "    end(code)\n"
        "os._exit = told\n"
        "import argcomplete.finders\n"
        "argcomplete.finders.CompletionFinder.__call__.__defaults__ = tuple(\n"
        "    told if each is end else each for each in argcomplete.finders.CompletionFinder.__call__.__defaults__)\n"
        "from anynas.cli import main; main()"
    )
    for line in ("anynas show r", "anynas search --data s", "anynas study judge l", "anynas report r"):
        assert offered(line, code)
        assert (tmp_path / "loaded").read_text() == ""


def test_argcomplete_is_loaded_for_shells_alone() -> None:
    code = "import sys; from anynas.cli import make_parser; make_parser(); print('argcomplete' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_takes(shell: str, here: Any, tmp_path: Path) -> None:
    code, script, err = here("completion", shell, cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "complete" in script
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


LINE = "anynas search --space AnyNet"
ASKED = {
    "bash": f"""
        eval "$(anynas completion bash)"
        complete -p anynas >&2
        COMP_LINE="{LINE}" COMP_POINT={len(LINE)} COMP_TYPE=9 COMP_CWORD=3
        COMP_WORDS=({LINE})
        _python_argcomplete anynas AnyNet --space
        printf "%s\\n" "${{COMPREPLY[@]}}"
    """,
    "fish": f"""
        anynas completion fish | source
        complete --do-complete "{LINE}"
    """,
    "zsh": f"""
        autoload -Uz compinit && compinit -u -D
        eval "$(anynas completion zsh)"
        BUFFER="{LINE}" CURSOR={len(LINE)} words=({LINE})
        _describe() {{ printf "%s\\n" "${{completions[@]%%:*}}" }}
        _python_argcomplete anynas
    """,
}


@pytest.mark.parametrize("shell", ASKED)
def test_a_shell_completes_a_line(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    (tmp_path / "anynas").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m anynas "$@"\n')
    (tmp_path / "anynas").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        [shell, "-c", ASKED[shell]], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
    )
    words = {word.split()[0] for word in done.stdout.splitlines() if word.strip()}
    assert words == {name for name in builtin_spaces() if name.startswith("AnyNet")}, done.stderr


def test_an_unknown_shell_gets_one_line(tmp_path: Path, refused: Any) -> None:
    said = refused("completion", "csh", cwd=tmp_path)
    assert said.startswith("anynas: argument SHELL: invalid choice: 'csh' (choose from ")
