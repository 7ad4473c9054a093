"""`anynas table`: print or write a run's trials."""

import argparse
from pathlib import Path

from anynas.cli.exits import Exit
from anynas.cli.options import Commands, add_command, add_output
from anynas.errors import SettingsError, did_you_mean


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "table",
        _table,
        summary="print or write a run's trials",
        example="anynas table runs/DIR --out trials.parquet",
    )
    parser.add_argument("run", metavar="RUN", help="the run's folder")
    parser.add_argument("--out", metavar="FILE", help="write all columns to a .parquet or .csv file")
    parser.add_argument("--sort", default="number", metavar="COLUMN", help="order of the rows (number)")
    add_output(parser)


def _table(options: argparse.Namespace) -> int:
    from anynas.cli.output import Output
    from anynas.facts import rows_of
    from anynas.store import load_run
    from anynas.terminal import plural
    from anynas.views.searches import print_trials

    output = Output(options)

    table = load_run(options.run).table()
    if options.sort not in table.columns:
        raise SettingsError(f'unknown column "{options.sort}"{did_you_mean(options.sort, table.columns)}')
    table = table.sort_values(options.sort, kind="stable")
    if not options.out:
        output.result(table, print_trials, {"run": options.run, "trials": rows_of(table)})
        return Exit.DONE
    path = Path(options.out)
    if path.suffix not in (".parquet", ".csv"):
        raise SettingsError(f"--out must end in .parquet or .csv; got {path}")
    try:
        table.to_parquet(path, index=False) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    except OSError as error:
        raise SettingsError(f"--out must be a file that can be written; {path}: {error.strerror or error}") from None
    output.written({"table": path}, {f"{plural(len(table), 'trial')}, {len(table.columns)} columns": path})
    return Exit.DONE
