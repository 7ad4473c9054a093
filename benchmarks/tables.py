"""Rows and facts as people read them: in a terminal of 80 columns, and in Markdown."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.measuring import Fact, Row
from benchmarks.results import Results

WIDTH, NAME = 80, 35  # columns of a terminal; of them for a row's name


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
    seconds = ("anynas_seconds", "other_seconds")
    return [Row(**{**row, **{name: tuple(row[name]) for name in seconds}}) for row in section["rows"]]


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


def about_section(section: Mapping[str, Any]) -> list[str]:
    """Return when, where and with which versions a section was measured."""
    machine, versions = section["machine"], section["versions"]
    return [
        f"{section['date']}, commit {_short(section['git_commit'])}, load before the run {section['load_before']}",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:.0f} GiB, {machine['system']}",
        ", ".join(f"{library} {version}" for library, version in versions.items()),
    ]


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
