"""How commands end, whatever happens: the codes of `Exit`, and no traceback but for a fault of anynas itself."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from anynas.cli.exits import Exit

TINY = ("--epochs", "1", "--images", "64", "--executor", "inline", "--sampler", "random", "--trials", "1")


def ended(*arguments: str, cwd: Path, code: str = "") -> tuple[int, str]:
    """Run a command whose output nobody reads; return its exit code and what it says on standard error."""
    read, write = os.pipe()
    os.close(read)
    program = f"import sys; {code}\nfrom anynas.cli import main; sys.exit(main())"
    with os.fdopen(write, "w") as output:
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], cwd=cwd, stdout=output, stderr=subprocess.PIPE, text=True
        )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("spaces",), ("sample", "--space", "AnyNetD", "-n", "3", "--json"), ("completion", "bash")],
    ids=" ".join,
)
def test_a_reader_that_has_gone_is_told_by_the_code_alone(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert ended(*arguments, cwd=tmp_path) == (Exit.UNREAD, "")


def test_a_search_that_nobody_reads_ends_and_its_run_can_go_on(tmp_path: Path, here: Any) -> None:
    asked = ("search", "--space", "LeNet", *TINY, "--run", "r")
    assert ended(*asked, cwd=tmp_path) == (Exit.UNREAD, "")
    assert here(*asked, cwd=tmp_path)[0] == Exit.DONE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("spaces",), ("spaces", "--json"), ("completion", "bash")], ids=" ".join)
def test_an_output_without_room_is_told_in_one_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "anynas", *arguments], cwd=tmp_path, stdout=output, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == Exit.REFUSED
    assert done.stderr == (
        "anynas: standard output must have room for what is printed; No space left on device; send it elsewhere\n"
    )


def test_a_fault_of_anynas_shows_where_it_is(tmp_path: Path) -> None:
    code = "import anynas.designspace; anynas.designspace.builtin_spaces = None"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}\nfrom anynas.cli import main; sys.exit(main())", "spaces"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (Exit.FAULT, "")
    assert done.stderr.startswith("Traceback")


def test_a_search_of_which_every_trial_failed_cannot_be_done_as_asked(
    tmp_path: Path, here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    from anynas.driver import loop
    from anynas.trials import TrialResult

    real = loop._entry

    def failed(*arguments: Any) -> Any:
        return dataclasses.replace(real(*arguments), result=TrialResult.failed("out of luck"))

    monkeypatch.setattr(loop, "_entry", failed)
    code, _, err = here("search", "--space", "LeNet", *TINY, "--run", "r", cwd=tmp_path)
    assert (code, err) == (
        Exit.REFUSED,
        f"anynas: {tmp_path}/r: at least one trial must be complete; none is (out of luck)\n",
    )


def test_codes_are_those_that_shells_and_scripts_expect() -> None:
    assert {end.name: int(end) for end in Exit} == {
        "DONE": 0, "FAULT": 1, "REFUSED": 2, "INTERRUPTED": 130, "UNREAD": 141,
    }  # fmt: skip
