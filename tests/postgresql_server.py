"""A PostgreSQL server for tests: a cluster of its own in a temporary folder, on a Unix socket there, with passwords."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

PASSWORD = "a secret of the tests"


def find_programs() -> Path | None:
    """Return the folder with initdb and pg_ctl, the newest version's where there are several."""
    on_path = shutil.which("pg_ctl")
    if on_path:
        return Path(on_path).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    return debian[-1].parent if debian else None


class Server:
    """A server that runs from `start` to `stop`; nobody but this process knows its socket."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="anynas-postgresql-"))  # short: a socket's path has 107 bytes
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            names = {entry.pw_name for entry in pwd.getpwall()}
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        (self.folder / "password").write_text(PASSWORD)
        (self.folder / "password").chmod(0o644)
        self._run(
            "initdb", "-D", "data", "-E", "UTF8", "-U", "tests", "-A", "scram-sha-256", "--pwfile", "password", "-N"
        )
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}'"
        self._run("pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", options)

    def stop(self, mode: str = "fast") -> None:
        """Stop it; "immediate" is a crash: what it has not written to its log is lost."""
        self._run("pg_ctl", "stop", "-w", "-D", "data", "-m", mode)

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def create_database(self, name: str) -> str:
        """Create a database and return its URL, without the password."""
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str, user: str = "tests") -> str:
        return f"postgresql+psycopg://{user}@/{database}?host={str(self.folder).replace('/', '%2F')}"

    def sql(self, text: str, database: str = "postgres") -> str:
        """Return what psql prints for a statement."""
        return self._run("psql", "-h", self.folder, "-U", "tests", "-d", database, "-At", "-c", text)

    def _run(self, program: str, *arguments: object) -> str:
        done = subprocess.run(
            [self._programs / program, *map(str, arguments)],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self.folder), "PGPASSWORD": PASSWORD},
            stdout=subprocess.PIPE if program == "psql" else subprocess.DEVNULL,  # a server would keep a pipe open
            stderr=subprocess.PIPE if program == "psql" else subprocess.DEVNULL,
            text=True,
            timeout=120,
            **self._as,
        )
        log = self.folder / "log"
        assert done.returncode == 0, f"{program}: {done.stderr or (log.read_text() if log.exists() else '')}"
        return (done.stdout or "").strip()
