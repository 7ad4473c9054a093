"""What tests of faults share: a question small enough to be asked often, its undisturbed run, a cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from disturbing import search, write

from anynas.store import Run
from benchmarks.local_cluster import LocalCluster


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the question's files."""
    return write(tmp_path)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Twelve trials, inline."""
    return search(write(tmp_path_factory.mktemp("undisturbed")), "run", trials=12, executor="inline")


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """Two nodes of one CPU each; a test that takes one away gives another one back."""
    with LocalCluster(nodes=2) as cluster:
        yield cluster
