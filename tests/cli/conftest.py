"""The command line run in this process."""

import signal

import pytest

from anynas.cli import main
from anynas.folder import ENDINGS


@pytest.fixture
def here(monkeypatch, capsys):
    """Return a function that runs `anynas` in this process, which is quicker: nothing is imported anew."""

    def command(*arguments, cwd, columns=80):
        monkeypatch.chdir(cwd)
        monkeypatch.setenv("COLUMNS", str(columns))
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:  # --help
            code = end.code
        said = capsys.readouterr()
        return code or 0, said.out, said.err

    previous = {number: signal.getsignal(number) for number in ENDINGS}
    yield command
    for number, handler in previous.items():
        signal.signal(number, handler)


@pytest.fixture
def refused(here):
    """Return a function that gives a bad input's one line, after checking exit code 2 and that nothing was written."""

    def line(*arguments, cwd):
        before = sorted(cwd.rglob("*"))
        code, out, err = here(*arguments, cwd=cwd)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert sorted(cwd.rglob("*")) == before
        return err.removesuffix("\n")

    return line
