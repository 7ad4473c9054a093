"""What a shell offers to complete: names and files, found without loading what they name."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from anynas.cli import names
from anynas.cli.options import Parser
from anynas.settings import shipped

RUNS = Path("runs")
Completer = Callable[[str], Iterable[str]]


def complete(parser: Parser) -> None:
    """Answer the shell that asks how its line may go on, and end the process."""
    import argcomplete

    argcomplete.autocomplete(parser, always_complete_options="long", default_completer=_words)  # type: ignore[arg-type]


def _words(prefix: str, action: argparse.Action, **_: Any) -> list[str]:
    """Return the words that a value may be: by its option where that has names, else by its metavar."""
    completers = [OPTIONS[name] for name in action.option_strings if name in OPTIONS]
    completer = completers[0] if completers else METAVARS.get(str(action.metavar), _nothing)
    return [word for word in completer(prefix) if word.startswith(prefix)]


def _one(words: Sequence[str]) -> Completer:
    return lambda prefix: words


def _nothing(prefix: str) -> Sequence[str]:
    return ()


def _spaces(prefix: str) -> list[str]:
    return [*(path.stem for path in shipped("spaces").glob("*.toml")), *_paths(prefix, ".toml")]


def _architectures(prefix: str) -> list[str]:
    from anynas.architecture import named_architectures

    return [*named_architectures(), *_paths(prefix, ".json")]


def _studies(prefix: str) -> list[str]:
    return [*(path.parent.name for path in shipped("studies").glob("*/study.toml")), *_paths(prefix, ".toml")]


def _runs(prefix: str) -> list[str]:
    """Return runs where they are by default; elsewhere folders, on the way to one."""
    runs = [str(path.parent) for path in RUNS.glob("*/run.json")]
    return runs if any(run.startswith(prefix) for run in runs) else _folders(prefix)


def _tables(prefix: str) -> list[str]:
    return [*_runs(prefix), *_paths(prefix, ".csv", ".parquet")]


def _folders(prefix: str) -> list[str]:
    return [path for path in _paths(prefix) if path.endswith("/")]


def _paths(prefix: str, *endings: str) -> list[str]:
    """Return the files that begin so and have such an ending, or any where none is named; and folders, with a slash."""
    given, slash, name = prefix.rpartition("/")
    folder = Path(f"{given}{slash}" or ".").expanduser()
    try:
        found = [path for path in folder.iterdir() if path.name.startswith(name)]
    except OSError:
        return []
    shown = [path for path in found if name.startswith(".") or not path.name.startswith(".")]
    files = [path for path in shown if not path.is_dir() and (not endings or path.suffix in endings)]
    return [
        *(f"{given}{slash}{path.name}" for path in files),
        *(f"{given}{slash}{path.name}/" for path in shown if path.is_dir()),
    ]


def _both(*completers: Completer) -> Completer:
    return lambda prefix: [word for completer in completers for word in completer(prefix)]


OPTIONS: dict[str, Completer] = {
    "--claim": _one(names.CLAIMS),
    "--control": _one(names.CONTROLS),
    "--data": _both(_one(names.DATA_SETS), _folders),
    "--device": _one(names.DEVICES),
    "--executor": _one(names.EXECUTORS),
    "--format": _one(names.FORMATS),
    "--method": _one(names.METHODS),
    "--objectives": _one(names.OBJECTIVES),
    "--pilot": _tables,
    "--regime": _one(names.REGIMES),
    "--run": _runs,
    "--sampler": _one(names.SAMPLERS),
    "--statistic": _one(names.STATISTICS),
    "--warm-start": _tables,
    "--workers": _one(("auto",)),
}
METAVARS: dict[str, Completer] = {
    "DIR": _folders,
    "FILE": _paths,
    "FOLDER": _folders,
    "IMAGE": _paths,
    "RUN": _runs,
    "RUN|TABLE": _tables,
    "RUN|ARCHITECTURE": _both(_runs, _architectures),
    "RUN|ARCHITECTURE|FOLDER": _both(_runs, _architectures),
    "SPACE": _spaces,
    "SPACE|ARCHITECTURE": _both(_spaces, _architectures),
    "STUDY": _studies,
}
