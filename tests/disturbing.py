"""A small question, what its record holds, and a witness of its run that lets faults happen."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from doubles import PLAIN_SPACE, without_costs

import anynas
from anynas.driver.jobs import Silent
from anynas.store import Entry, Run

FIDELITY = "epochs = 2\nimages = 2560\nresolution = 12\n"  # half a second: long enough to be hit in mid-trial
Fault = Callable[[Entry], object]  # given the trial that has just ended


def write(folder: Path, *, space: str = PLAIN_SPACE) -> Path:
    """Write the question's files into a folder; return it."""
    (folder / "plain.toml").write_text(space)
    (folder / "tiny.toml").write_text(FIDELITY)
    return folder


def search(folder: Path, run: str, **settings: Any) -> Run:
    """Ask the question in this process."""
    return anynas.search(
        folder / "plain.toml",
        sampler="random",
        run=folder / run,
        flops=(0, float("inf")),
        fidelity=anynas.load_fidelity(folder / "tiny.toml"),
        **settings,
    )


def command(*options: str) -> list[str]:
    """Return the command that asks the same in a process of its own, in the folder with the question's files."""
    return [
        *(sys.executable, "-m", "anynas", "search", "--space", "plain.toml", "--run", "run", "--sampler", "random"),
        *("--flops", "0:", "--fidelity", "tiny.toml", *options),
    ]


def environment() -> dict[str, str]:
    """Return an environment for it, with paths that hold in any folder."""
    paths = [str(Path(path).absolute()) for path in os.environ["PYTHONPATH"].split(os.pathsep)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def same(run: Run, other: Run) -> bool:
    """Return whether two runs have found the same, and each has written every trial once.

    What trials cost, and how often they were tried, may differ.
    """
    pd.testing.assert_frame_equal(without_costs(run.table()), without_costs(other.table()))
    pd.testing.assert_frame_equal(without_costs(run.confirmations()), without_costs(other.confirmations()))
    return run.result() == other.result() and written(run) == written(other)


def written(run: Run) -> Counter[tuple[str, int, int]]:
    """Return how often the journal has each trial."""
    return Counter((entry.role, entry.number, entry.seed) for entry in run.history())


class Witness(Silent):
    """Sees trials end, and lets faults happen between them.

    Args:
        faults: The number of trials that must have been trained -> what happens then.
    """

    def __init__(self, faults: Mapping[int, Fault]) -> None:
        self.notes: list[str] = []
        self._faults = faults
        self._trained = 0

    def finished(self, entry: Entry) -> None:
        """Let what is due happen."""
        if not entry.result.reason.startswith("repeats"):
            self._trained += 1
            self._faults.get(self._trained, lambda entry: None)(entry)

    def note(self, message: str) -> None:
        """Keep it."""
        self.notes.append(message)


def hit(sent: int) -> Fault:
    """Return a fault that sends a signal to the worker of the trial that has just ended: it is at the next one."""

    def fault(entry: Entry) -> None:
        time.sleep(0.1)
        os.kill(worker_of(entry), sent)

    return fault


def worker_of(entry: Entry) -> int:
    """Return the process that trained."""
    return int(entry.result.provenance["pid"])


def faults_of(run: Run) -> dict[tuple[str, str], int]:
    """Return how often a run met each fault."""
    return {(row.event, row.reason): row.times for row in run.faults().itertuples()}
