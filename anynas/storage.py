"""Where a run's entries are: in its folder's journal, or in a database that its run.json names."""

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from anynas.database import Database, check_reachable, storage_url
from anynas.errors import RunError
from anynas.folder import read_json
from anynas.journal import Journal

if TYPE_CHECKING:
    import optuna

JOURNAL = "journal.log"


class Storage(Protocol):
    """The entries of one run."""

    def read(self) -> "list[optuna.trial.FrozenTrial]":
        """Return the finished trials; nothing is written."""

    def opened(self) -> "AbstractContextManager[Callable[[optuna.trial.FrozenTrial, str], None]]":
        """Yield a function that writes a finished trial of a space, in a study its population.

        The run's driver alone may do so. A trial is written as a whole or not at all, and stays when that returns.
        """


def storage_of(folder: Path) -> Storage:
    """Return the storage of the run in a folder."""
    named = read_json(folder / "run.json").get("storage")
    return Journal(folder / JOURNAL) if named is None else Database(**named)


def create_storage(folder: Path, url: str | None, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Create what a new run's entries are written to, and return what its run.json says of that.

    Names in a shared database begin with the folder's, and end so that no other run has them: two runs may ask the
    same question. A journal is created when it is opened, and run.json need not speak of it.
    """
    if url is None:
        return {}
    name = f"{folder.name}-{secrets.token_hex(4)}"
    populations = identity.get("populations")
    studies = {p: f"{name}/{p}" for p in populations} if populations else {identity["space"]["name"]: name}
    Database(url=url, studies=studies).create()
    return {"storage": {"url": url, "studies": studies}}


def check_storage(folder: Path, url: str | None) -> str | None:
    """Return the URL of the database that a run has, or will have, as it is kept; nothing is written.

    Args:
        folder: A run's, or a new one.
        url: What is asked for; None: what the run has, which for a new one is its folder's journal.

    Returns:
        None for the journal.

    Raises:
        SettingsError: It is no URL that can be used.
        RunError: The run has its entries elsewhere, or the database cannot be reached.
    """
    url = None if url is None else storage_url(url)
    if (folder / "run.json").exists():
        storage = storage_of(folder)
        has = storage.url if isinstance(storage, Database) else None
        if url not in (None, has):
            raise RunError(
                f"{folder}: a run's storage must not change; it has {has or JOURNAL}, got {url}; choose another --run"
            )
        url = has
    if url is not None:
        check_reachable(url)
    return url
