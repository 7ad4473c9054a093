"""Entries in a database that Optuna's RDBStorage knows, shared by as many runs as one likes.

Every population of a run is an Optuna study of its own there: a database wants one set of choices a parameter and
study, and populations may differ in theirs. A finished trial is one transaction of `add_trial`, template and all, so it
is there as a whole or not at all, and committed when that returns. Reading writes nothing, not even missing tables.

No password is ever written down: a URL that has one is refused.
"""

import contextlib
import dataclasses
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from anynas.errors import RunError, SettingsError

if TYPE_CHECKING:
    import optuna
    from optuna.storages import RDBStorage
    from sqlalchemy.engine import URL

EXAMPLE = "sqlite:///runs.db or postgresql://user@host/database"
EXTRAS = {"postgresql": "pip install 'anynas[postgresql]'"}  # a scheme's module, where anynas has an extra for it
SECRETS = {"password", "passwd", "passphrase", "pwd", "sslpassword"}  # fields of a URL's query
LAST_TABLE = "alembic_version"  # of those that Optuna makes
ATTEMPTS = 5  # to make tables, half a second apart: of several drivers that begin at once in an empty database one wins


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The entries of one run in a database."""

    url: str  # as `storage_url` returns it
    studies: Mapping[str, str]  # space, in a study its population -> name of the Optuna study with its trials

    def create(self) -> None:
        """Create the Optuna studies, and the tables if the database has none.

        Raises:
            RunError: The database cannot be reached or written to.
        """
        import optuna

        with _explained(self.url):
            _make_tables(self.url)
            with _connected(self.url) as storage:
                for name in self.studies.values():
                    optuna.create_study(study_name=name, storage=storage, direction="minimize")

    def read(self) -> "list[optuna.trial.FrozenTrial]":
        """Return the finished trials of all studies.

        Raises:
            RunError: The database cannot be reached, or is not the one that the run was begun with.
        """
        with self._opened() as studies:
            trials = [trial for study in studies.values() for trial in study.get_trials(deepcopy=False)]
        return list(_distinct(trials))

    @contextlib.contextmanager
    def opened(self) -> "Iterator[Callable[[optuna.trial.FrozenTrial, str], None]]":
        """Yield a function that writes a finished trial of a space: there as a whole, and to stay, when it returns.

        Raises:
            RunError: As `read`; when a trial is written too.
        """
        with self._opened() as studies:
            yield lambda trial, space: studies[space].add_trial(trial)

    @contextlib.contextmanager
    def _opened(self) -> "Iterator[dict[str, optuna.Study]]":
        import optuna

        with _explained(self.url), _connected(self.url) as storage:
            try:
                if storage is None:
                    raise KeyError
                found = {s: optuna.load_study(study_name=name, storage=storage) for s, name in self.studies.items()}
            except KeyError:
                names = ", ".join(f'"{name}"' for name in self.studies.values())
                raise RunError(
                    f"{self.url}: must be the database with the run's Optuna studies, {names}; they are not there; "
                    "restore it, or correct the url in run.json"
                ) from None
            yield found


def storage_url(text: str) -> str:
    """Return a storage's URL as it is kept: SQLite's path is absolute.

    Raises:
        SettingsError: It is no URL of a database that can be used here, or it has a password in it.
    """
    import sqlalchemy

    try:
        url = sqlalchemy.make_url(text)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise SettingsError(f'storage must be a URL such as {EXAMPLE}; got "{_without_password(text)}"') from None
    if _has_secret(url):
        raise SettingsError(
            "storage must be a URL without a password, as it is kept in run.json; leave the password out, and give it "
            "in the variable PGPASSWORD or in ~/.pgpass (PostgreSQL), or in an option file (MySQL)"
        )
    try:
        url.get_dialect().import_dbapi()
    except sqlalchemy.exc.NoSuchModuleError:
        raise SettingsError(
            f'storage must be a database that Optuna knows, such as {EXAMPLE}; got "{url.drivername}"'
        ) from None
    except ImportError as error:
        what = " ".join(str(error).split())
        how = EXTRAS.get(url.get_backend_name(), "install it")
        raise SettingsError(f"storage {url.drivername} must have its Python module; {what}; {how}") from None
    return _with_absolute_path(url).render_as_string(hide_password=False)


def check_reachable(url: str) -> None:
    """Raise RunError unless a database is there, or can be made where SQLite's file is to be; nothing is written."""
    with _explained(url):
        file = _sqlite_file(url)
        if file is not None and not file.parent.is_dir():
            raise RunError(f"{url}: must lie in a folder that is there; {file.parent} is none")
        with _connected(url):
            pass


def _has_secret(url: "URL") -> bool:
    """Return whether there is a password, or something that may be one, as the user's name was written wrongly."""
    misplaced = url.get_backend_name() != "sqlite" and "@" in f"{url.host}{url.database}"
    return url.password is not None or misplaced or bool(SECRETS & {key.lower() for key in url.query})


def _with_absolute_path(url: "URL") -> "URL":
    if url.get_backend_name() != "sqlite":
        return url
    if not url.database or url.database.startswith((":memory:", "file:")):
        raise SettingsError(f'storage must be a file that stays, such as sqlite:///runs.db; got "{url.database or ""}"')
    return url.set(database=str(Path(url.database).expanduser().absolute()))


def _without_password(text: str) -> str:
    return re.sub(r"[^/]*@", "...@", text)


def _sqlite_file(url: str) -> Path | None:
    import sqlalchemy

    parsed = sqlalchemy.make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def _has_tables(url: str) -> bool:
    """Return whether Optuna has made its tables, all of them."""
    import sqlalchemy

    file = _sqlite_file(url)
    if file is not None and not file.exists():
        return False  # to look into it would make it
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    return bool(sqlalchemy.inspect(engine).has_table(LAST_TABLE))


def _make_tables(url: str) -> None:
    """Let Optuna make its tables, or another driver that begins at the same time: one of them wins."""
    import optuna
    import sqlalchemy

    for attempt in range(1, ATTEMPTS + 1):
        if _has_tables(url):
            return
        try:
            with _connected(url, create_tables=True):
                return
        except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError):
            if attempt == ATTEMPTS:
                raise
            time.sleep(0.5)


@contextlib.contextmanager
def _connected(url: str, *, create_tables: bool = False) -> "Iterator[RDBStorage | None]":
    """Yield the storage, or None where its tables are missing and are not to be made.

    No connection is held between two transactions: they are many to a server with many runs, and one that was restarted
    between two trials is no error.
    """
    import optuna
    import sqlalchemy

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if not create_tables and not _has_tables(url):
        yield None
        return
    try:
        storage = optuna.storages.RDBStorage(
            url.replace("{", "{{").replace("}", "}}"),  # Optuna takes it for a template
            engine_kwargs={"poolclass": sqlalchemy.NullPool},
            skip_table_creation=not create_tables,
        )
    except RuntimeError as error:
        raise RunError(f"{url}: must have the tables of this version of Optuna; {error}") from None
    try:
        yield storage
    finally:
        storage.remove_session()


@contextlib.contextmanager
def _explained(url: str) -> Iterator[None]:
    """Say in one line what a database has to complain of."""
    import optuna
    import sqlalchemy

    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
        said = str(getattr(cause, "orig", None) or cause or error).strip().splitlines()[0].rstrip(".")
        raise RunError(
            f"{url}: must be a database that can be reached, read and written; {said}; see that it is up and lets you "
            "in, then run the same command again"
        ) from None


def _distinct(trials: "Iterable[optuna.trial.FrozenTrial]") -> "Iterator[optuna.trial.FrozenTrial]":
    """Yield each entry once: Optuna writes one again if the connection broke before the database's answer came."""
    seen = set()
    for trial in trials:
        content = json.dumps(trial.user_attrs, sort_keys=True)
        if content not in seen:
            seen.add(content)
            yield trial
