"""python -m benchmarks: measure, print a table, and write it as JSON and Markdown."""

import argparse
import importlib
import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from anynas.errors import AnynasError, did_you_mean
from benchmarks.measuring import BenchmarkError, Section
from benchmarks.progress import Progress
from benchmarks.results import RESULTS, load_results, make_section, save_results, write_whole
from benchmarks.sides import run_side
from benchmarks.tables import markdown, table

SECTIONS = {name: name for name in ("trials", "draws", "driver", "scale", "startup", "profile", "ways")}
RAY_TUNE = ("pydantic", "requests")  # what it imports beyond Ray
NEEDED = {"trials": RAY_TUNE, "driver": (*RAY_TUNE, "sqlalchemy"), "startup": RAY_TUNE}  # section -> libraries
TRAINING = {"trials", "startup", "profile", "ways"}  # sections that train
FAILED, USER_ERROR, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0 done, 1 a side failed, 2 bad options (one line on standard error), 130 interrupted."""
    try:
        names, quick, folder = _options(arguments)
        path = folder / "cpu.json"
        load_results(path)  # one that cannot be read shows before any work
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return USER_ERROR
    try:
        measure(names, quick=quick, path=path)
    except (BenchmarkError, AnynasError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"benchmarks: interrupted; sections that were finished are in {path}", file=sys.stderr)
        return INTERRUPTED
    print(table(load_results(path)))
    print(f"{path}\n{path.with_suffix('.md')}")
    return 0


def measure(names: Sequence[str], *, quick: bool, path: Path) -> None:
    """Measure sections and write each when it is finished; others in the file stay as they are."""
    sections = {name: load_section(name) for name in names}
    tasks = {name: section.tasks(quick=quick) for name, section in sections.items()}
    load = os.getloadavg()[0]
    if TRAINING & set(names):
        run_side("population:compile_kernels")
    progress = Progress([task for name in names for task in tasks[name]])
    try:
        for name, section in sections.items():
            started, measurements = time.monotonic(), []
            for task in tasks[name]:
                progress.begin(task)
                measurements.append(task.work())
                progress.end(task)
            seconds = time.monotonic() - started
            made = make_section(section, measurements, quick=quick, load=load, wall_seconds=seconds)
            merged = {**load_results(path), name: made}
            results = {name: merged[name] for name in SECTIONS if name in merged}
            save_results(path, results)
            write_whole(path.with_suffix(".md"), markdown(results))
    finally:
        progress.close()


def load_section(name: str) -> Section:
    """Return a section's module, imported when it is needed: it may need torch or Ray."""
    module: Section = importlib.import_module(f"benchmarks.{SECTIONS[name]}")
    return module


class _Parser(argparse.ArgumentParser):
    """Reports a wrong option in one line."""

    def error(self, message: str) -> NoReturn:
        raise BenchmarkError(f"{message}; see python -m benchmarks --help")


def _options(arguments: Sequence[str] | None) -> tuple[list[str], bool, Path]:
    """Return the sections to measure, whether quickly, and the folder for the results."""
    parser = _Parser(
        prog="python -m benchmarks",
        description="Measure anynas side by side with what a user would pick instead. About an hour on two cores.",
    )
    parser.add_argument("--only", metavar="A,B", help=f"some of {','.join(SECTIONS)} (all); others keep their results")
    parser.add_argument("--quick", action="store_true", help="few measurements, to see that it works; needs --out")
    parser.add_argument("--out", metavar="FOLDER", help="where cpu.json and cpu.md are written (benchmarks/results)")
    options = parser.parse_args(arguments)
    names = list(SECTIONS) if options.only is None else options.only.split(",")
    for name in names:
        if name not in SECTIONS:
            raise BenchmarkError(f'--only: unknown section "{name}"{did_you_mean(name, SECTIONS)}')
    if options.quick and options.out is None:
        raise BenchmarkError("--quick needs --out FOLDER: what it measures is no result to keep")
    folder = Path(options.out or RESULTS)
    if folder.exists() and not folder.is_dir():
        raise BenchmarkError(f"--out must be a folder; {folder} is a file")
    needed = dict.fromkeys(library for name in names for library in NEEDED.get(name, ()))
    missing = [library for library in needed if importlib.util.find_spec(library) is None]
    if missing:
        raise BenchmarkError(f'{", ".join(missing)} must be installed; run pip install -c constraints.txt ".[bench]"')
    return [name for name in SECTIONS if name in names], options.quick, folder


if __name__ == "__main__":
    sys.exit(main())
