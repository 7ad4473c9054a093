"""`anynas compare`: two populations compared, of one run or of several."""

import argparse
from typing import TYPE_CHECKING

from anynas.cli.exits import Exit
from anynas.cli.names import CONTROLS, METHODS, one_of
from anynas.cli.options import Commands, add_bounds, add_claim, add_command, add_output, add_seed
from anynas.cli.populations import Populations, check_population, load_populations
from anynas.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

SIDE = "compared as"  # a column of the table: on which side a trial is
SETTINGS = ("regime", "recipe", "epochs", "images")  # columns in which populations should not differ


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "compare",
        _compare,
        summary="compare two populations, of one run or of several",
        example="anynas compare runs/A runs/B --control flops --claim improves",
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN|TABLE",
        help="a run's folder, a study's results, or a table that anynas table wrote",
    )
    populations = parser.add_argument_group("populations")
    populations.add_argument("--baseline", metavar="NAME", help="a space (the first of two)")
    populations.add_argument("--candidate", metavar="NAME", help="another (the second of two)")
    populations.add_argument(
        "--where",
        metavar="CONDITION",
        help='split one population: "nondecreasing(width)" is the candidate, all others are the baseline',
    )
    add_bounds(populations, "networks outside are left out")
    add_seed(add_claim(parser), "all resampling")
    fixed = parser.add_argument_group("what is held fixed")
    fixed.add_argument("--control", default="none", metavar="C", help=f"{one_of(CONTROLS)} (none)")
    fixed.add_argument("--method", default="weights", metavar="NAME", help=f"how: {one_of(METHODS)} (weights)")
    add_output(parser)


def _compare(options: argparse.Namespace) -> int:
    from anynas.analysis.populations import compare_populations
    from anynas.analysis.summaries import summarise
    from anynas.cli.output import Output
    from anynas.designspace import Bounds
    from anynas.views.comparisons import print_comparison

    bands = {name: getattr(options, name) for name in ("flops", "params", "activations")}
    _ = Bounds(**bands)  # checks them
    populations = load_populations(options.runs)
    table, baseline, candidate = _sides(populations, options)
    comparison = compare_populations(
        table,
        baseline=baseline,
        candidate=candidate,
        by=SIDE,
        control=options.control,
        method=options.method,
        claim=options.claim,
        margin=options.margin,
        alpha=options.alpha,
        statistic=options.statistic,
        paired=options.paired,
        seed=options.seed,
        **bands,
    )
    notes = _notes(populations, table, (baseline, candidate))
    for name, band in bands.items():
        table = table[table[name].between(*band)] if band else table
    sides = summarise(table, (baseline, candidate), by=SIDE)
    output = Output(options)
    output.result(comparison, lambda console, of: print_comparison(console, of, sides), comparison.to_dict())
    for note in notes:
        output.note(f"note: {note}")
    return Exit.DONE


def _sides(populations: Populations, options: argparse.Namespace) -> "tuple[pd.DataFrame, str, str]":
    """Return the rows to compare, with a column that names their side, and both names."""
    if options.where is not None:
        return _split(populations, options)
    baseline, candidate = options.baseline, options.candidate
    names = [name for name in populations.names if name not in (baseline, candidate)]
    for name in (baseline, candidate):
        if name is not None:
            check_population(name, populations)
    if len(names) + (baseline is not None) + (candidate is not None) == 2:  # then what is not named is plain
        baseline = names.pop(0) if baseline is None else baseline
        candidate = names.pop(0) if candidate is None else candidate
    if baseline is None or candidate is None or baseline == candidate:
        known = ", ".join(populations.names)
        advice = "name two with --baseline and --candidate" if len(populations.names) > 1 else "add a RUN, or --where"
        raise SettingsError(f"two populations must be compared; there {_is(populations.names)} {known}; {advice}")
    return populations.table.assign(**{SIDE: populations.table["space"]}), baseline, candidate


def _split(populations: Populations, options: argparse.Namespace) -> "tuple[pd.DataFrame, str, str]":
    """Return the rows of one population, and as names of its sides what they are."""
    from anynas.analysis.conditions import condition

    split = condition(options.where)
    if options.baseline is not None or options.paired:
        option = "--baseline" if options.baseline is not None else "--paired"
        raise SettingsError(f"--where splits one population, so {option} has no meaning; leave one of them out")
    name = options.candidate
    if name is None and len(populations.names) > 1:
        known = ", ".join(populations.names)
        raise SettingsError(f"--where must split one population; there are {known}; name one with --candidate")
    name = populations.names[0] if name is None else check_population(name, populations)
    rows = populations.table[populations.table["space"] == name]
    held = split.holds(rows)
    if held.all() or not held.any():
        raise SettingsError(
            f"condition {split.text}: must hold for some networks of {name} and not for others; it holds for "
            f"{held.sum():,} of {len(rows):,}"
        )
    candidate, baseline = f"{name}: {split.text}", f"{name}: not ({split.text})"
    return rows.assign(**{SIDE: [candidate if holds else baseline for holds in held]}), baseline, candidate


def _notes(populations: Populations, table: "pd.DataFrame", sides: tuple[str, str]) -> list[str]:
    """Return what a reader must know beside the numbers."""
    rows = [table[table[SIDE] == side] for side in sides]
    compared = {space for part in rows for space in part["space"]}
    notes = [
        f"{name} was searched with an adaptive sampler: its trials are no random draws of the space, and the "
        "comparison judges the search, not the space"
        for name in populations.searched
        if name in compared
    ]
    for column in SETTINGS:
        values = [sorted(part[column].dropna().unique(), key=str) if column in part else [] for part in rows]
        if values[0] != values[1]:
            shown = "" if column == "recipe" else f" ({' and '.join(', '.join(map(str, each)) for each in values)})"
            notes.append(f"the populations differ in {column}{shown}, which was not held fixed")
    return notes


def _is(things: tuple[str, ...]) -> str:
    return "is" if len(things) == 1 else "are"
