"""A run's Optuna journal: JSON lines, read without writing to them, and mended when a crash tore their end."""

import contextlib
import dataclasses
import datetime
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from anynas.errors import RunError
from anynas.folder import writing

if TYPE_CHECKING:
    import optuna

STUDY = "trials"


@dataclasses.dataclass(frozen=True, slots=True)
class Journal:
    """The entries of one run in a file."""

    path: Path

    def read(self) -> "list[optuna.trial.FrozenTrial]":
        """Read without writing: `create_study` would add a line even to a journal that has its study."""
        import optuna

        if not self.path.exists():
            return []
        try:
            study = optuna.load_study(study_name=STUDY, storage=_storage(self.path))
        except KeyError:  # its driver is about to create the study
            return []
        return study.get_trials(deepcopy=False)

    @contextlib.contextmanager
    def opened(self) -> "Iterator[Callable[[optuna.trial.FrozenTrial, str], None]]":
        """Yield a function that writes a finished trial: one line, on disk when it returns.

        All spaces are in one Optuna study, which is created once.

        Raises:
            RunError: A line of the journal is damaged, or it cannot be written to, now or later.
        """
        import optuna

        with writing(self.path):
            mend(self.path)
            storage = _storage(self.path)
            try:
                study = optuna.load_study(study_name=STUDY, storage=storage)
            except KeyError:
                study = optuna.create_study(study_name=STUDY, storage=storage, direction="minimize")

        def add(trial: "optuna.trial.FrozenTrial", space: str) -> None:
            with writing(self.path):
                study.add_trial(trial)

        yield add


def mend(journal: Path) -> None:
    """Keep a last line that a crash tore aside, and remove a lock that a dead writer left; we hold the driver's lock.

    Optuna would load such a journal, fail at the next write, and after one more never load it again; its own lock
    would be waited for.
    """
    for lock in journal.parent.glob(f"{journal.name}.lock*"):
        lock.unlink()
    if not journal.exists():
        return
    content = journal.read_bytes()
    whole = content.rfind(b"\n") + 1
    torn = content[whole:]
    if torn:
        aside = journal.with_name(f"{journal.name}.torn-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S%f}")
        try:
            aside.write_bytes(torn)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        with journal.open("r+b") as file:
            file.truncate(whole)
            file.flush()
            os.fsync(file.fileno())
    _check_lines(journal)


def _check_lines(journal: Path) -> None:
    """Raise RunError if a whole line of the journal is damaged."""
    *lines, _ = journal.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            json.loads(line)
        except ValueError:
            raise RunError(
                f"{journal}: each line must be JSON; line {number} is damaged; restore the file from a copy"
            ) from None


def _storage(journal: Path) -> "optuna.storages.JournalStorage":
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.storages.JournalStorage(JournalFileBackend(str(journal.absolute())))
    except ValueError:
        _check_lines(journal)
        raise
