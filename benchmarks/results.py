"""What was found: a JSON file with a section for each thing measured, kept from run to run.

Every section has its own date, commit, machine and versions, so that a run of some of them leaves the others as they
were.
"""

import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anynas.training.devices import processor_name
from anynas.training.worker import git_commit
from benchmarks.measuring import BenchmarkError, Measurement, Section
from benchmarks.sides import ROOT

SCHEMA = 1
DEPTH = 4  # of the JSON's nesting, below which all stands on one line
RESULTS = ROOT / "benchmarks" / "results"
LIBRARIES = ("anynas", "torch", "ray", "optuna", "numpy", "tensorboardX")

Results = dict[str, dict[str, Any]]  # section's name -> section, as in the JSON


def make_section(
    section: Section, measurements: Sequence[Measurement], *, quick: bool, load: float, wall_seconds: float
) -> dict[str, Any]:
    """Return what is written of a section that has been measured; `load`: of the machine before the run."""
    rows, facts = section.summary(measurements)
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "git_commit": commit(),
        "quick": quick,
        "machine": machine(),
        "load_before": round(load, 2),
        "wall_seconds": round(wall_seconds, 1),
        "versions": versions(),
        "rows": [dataclasses.asdict(row) for row in rows],
        "facts": [dataclasses.asdict(fact) for fact in facts],
        "measurements": list(measurements),
    }


def load_results(path: Path) -> Results:
    """Return the sections in a file; none if there is no file.

    Raises:
        BenchmarkError: It is no such file.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError
        return dict(content["sections"])
    except (ValueError, KeyError, TypeError):
        raise BenchmarkError(f"{path}: must hold results of schema {SCHEMA}; it does not; move it away") from None


def save_results(path: Path, results: Results) -> None:
    """Write the sections; the file is whole or not there."""
    write_whole(path, _dumped({"schema": SCHEMA, "sections": results}))


def write_whole(path: Path, text: str) -> None:
    """Write a file at once: a run that is interrupted leaves the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def machine() -> dict[str, Any]:
    """Return the processor, the cores that this process may use, memory in GiB, and the system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": processor_name(),
        "cores": cores,
        "memory_gib": round(memory, 1),
        "system": platform.system(),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that decide results; without those that are not there."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """Return the commit of this checkout, with "+" behind it if tracked files differ from it."""
    try:
        status = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", ":!benchmarks/results", ":!docs"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return git_commit()
    return git_commit() + ("+" if status.stdout.strip() else "")


def _dumped(value: Any, depth: int = 0) -> str:
    """Return JSON with one line a row, fact or measurement: readable, and a change of one is a change of one line."""
    if not isinstance(value, (dict, list)) or depth == DEPTH or not value:
        return json.dumps(value, allow_nan=False)
    inner, outer = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, list):
        return "[" + ",".join(f"{inner}{_dumped(item, DEPTH)}" for item in value) + f"{outer}]"
    items = (f"{inner}{json.dumps(key)}: {_dumped(item, depth + 1)}" for key, item in value.items())
    return "{" + ",".join(items) + f"{outer}}}" + ("\n" if depth == 0 else "")
