"""What was found: a JSON file with a section for each thing measured, and tables made from it.

Every section has its own date, commit, machine and versions, so that a run of some of them leaves the others as they
were.
"""

import dataclasses
import datetime
import importlib.metadata
import json
import math
import os
import platform
import subprocess
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anynas.training.devices import processor_name
from anynas.training.worker import git_commit
from benchmarks.measuring import BenchmarkError, Fact, Measurement, Row, Section
from benchmarks.sides import ROOT

SCHEMA = 1
DEPTH = 4  # of the JSON's nesting, below which all stands on one line
RESULTS = ROOT / "benchmarks" / "results"
LIBRARIES = ("anynas", "torch", "ray", "optuna", "numpy", "tensorboardX")
WIDTH, NAME = 80, 35  # columns of a terminal; of them for a row's name

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
    """Write the sections, and beside them a table in Markdown; a file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = _dumped({"schema": SCHEMA, "sections": results})
    for target, text in ((path, content), (path.with_suffix(".md"), markdown(results))):
        beside = target.with_name(f".{target.name}")
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)


def table(results: Results) -> str:
    """Return rows and facts for a terminal of 80 columns."""
    lines = []
    for name, section in results.items():
        about = [wrapped for line in about_section(section) for wrapped in textwrap.wrap(line, WIDTH - 2)]
        lines += [f"{name}{_quick(section)}", *(f"  {line}" for line in about), ""]
        if section["rows"]:
            lines.append(f"  {'':<{NAME}}{_columns('anynas', 'instead', 'ratio', '95 %', 'n')}")
        for row in rows_of(section):
            lines += _wrapped(f"{row.name}, vs {row.other}", _cells(row))
        for fact in facts_of(section):
            lines += _wrapped(fact.name, [f"{fact_text(fact)} (n = {fact.n})"])
        lines.append("")
    return "\n".join(lines)


def markdown(results: Results) -> str:
    """Return rows and facts as Markdown tables, a heading for each section."""
    parts = []
    for name, section in results.items():
        about = "; ".join(about_section(section))
        parts.append(f"## {name}{_quick(section)}\n\n{about}.\n\n{markdown_tables(section)}")
    return "\n".join(parts)


def markdown_tables(section: Mapping[str, Any]) -> str:
    """Return a section's rows and facts as Markdown tables."""
    lines = []
    if section["rows"]:
        lines += [
            "| what | instead | anynas, median | instead, median | ratio | 95 % interval | n |",
            "| --- | --- | --: | --: | --: | --: | --: |",
        ]
        for row in rows_of(section):
            ours, theirs, ratio, interval, n = _cells(row)
            lines.append(f"| {row.name} | {row.other} | {ours} | {theirs} | {ratio} | {interval} | {n} |")
        lines.append("")
    if section["facts"]:
        lines += ["| what | value | n |", "| --- | --: | --: |"]
        lines += [f"| {fact.name} | {fact_text(fact)} | {fact.n} |" for fact in facts_of(section)]
        lines.append("")
    return "\n".join(lines)


def rows_of(section: Mapping[str, Any]) -> list[Row]:
    """Return a section's rows."""
    return [Row(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}) for row in section["rows"]]


def facts_of(section: Mapping[str, Any]) -> list[Fact]:
    """Return a section's facts."""
    return [Fact(**fact) for fact in section["facts"]]


def fact_text(fact: Fact) -> str:
    """Return a fact's value with its unit and interval."""
    interval = "" if fact.low is None or fact.high is None else f" [{number(fact.low)}, {number(fact.high)}]"
    return f"{number(fact.value)}{interval} {fact.unit}".rstrip()


def seconds_text(seconds: float) -> str:
    """Return a time with three digits, in the unit that suits it."""
    for divisor, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= divisor:
            return f"{number(seconds / divisor)} {unit}"
    return f"{number(seconds / 1e-6)} µs"


def number(value: float) -> str:
    """Return a number with three digits; whole from 100 on."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(2 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{min(decimals, 3)}f}"


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


def about_section(section: Mapping[str, Any]) -> list[str]:
    """Return when, where and with which versions a section was measured."""
    machine, versions = section["machine"], section["versions"]
    return [
        f"{section['date']}, commit {_short(section['git_commit'])}, load before the run {section['load_before']}",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:.0f} GiB, {machine['system']}",
        ", ".join(f"{library} {version}" for library, version in versions.items()),
    ]


def _dumped(value: Any, depth: int = 0) -> str:
    """Return JSON with one line a row, fact or measurement: readable, and a change of one is a change of one line."""
    if not isinstance(value, (dict, list)) or depth == DEPTH or not value:
        return json.dumps(value, allow_nan=False)
    inner, outer = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, list):
        return "[" + ",".join(f"{inner}{_dumped(item, DEPTH)}" for item in value) + f"{outer}]"
    items = (f"{inner}{json.dumps(key)}: {_dumped(item, depth + 1)}" for key, item in value.items())
    return "{" + ",".join(items) + f"{outer}}}" + ("\n" if depth == 0 else "")


def _short(commit: str) -> str:
    return commit[:10] + ("+" if commit.endswith("+") else "") if commit else "unknown"


def _quick(section: Mapping[str, Any]) -> str:
    return " (quick: too few measurements to mean anything)" if section["quick"] else ""


def _cells(row: Row) -> list[str]:
    ours, theirs = row.medians
    interval = f"{number(row.low)}–{number(row.high)}" if len(row.anynas_seconds) > 1 else "–"
    return [seconds_text(ours), seconds_text(theirs), number(row.ratio), interval, str(len(row.anynas_seconds))]


def _columns(ours: str, theirs: str, ratio: str, interval: str, n: str) -> str:
    return f"{ours:>9}{theirs:>9}{ratio:>7}{interval:>14}{n:>4}"


def _wrapped(name: str, cells: Sequence[str]) -> list[str]:
    """Return a line of a table; a name too long for its column stands above."""
    values = cells[0] if len(cells) == 1 else _columns(*cells)
    room = WIDTH - 2 - len(values)
    if len(name) < room:
        return [f"  {name:<{room}}{values}"]
    return [*textwrap.wrap(name, WIDTH, initial_indent="  ", subsequent_indent="    "), f"{values:>{WIDTH}}"]
