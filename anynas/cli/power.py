"""`anynas power`: how many models a claim takes, before a run or after a pilot."""

import argparse
import math
from typing import TYPE_CHECKING, Any

from anynas.cli.exits import Exit
from anynas.cli.options import Commands, add_claim, add_command, add_output
from anynas.cli.populations import check_population, load_populations
from anynas.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

SIZES = (25, 50, 100, 250, 500, 1000)  # of the table: models of each population


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "power",
        _power,
        summary="say how many models a claim takes",
        example="anynas power --claim no_effect --margin 1 --sd 4",
    )
    add_claim(parser, required=True)
    spread = parser.add_argument_group("how errors spread")
    spread.add_argument("--sd", type=float, metavar="S", help="spread of errors, in points; of differences if paired")
    spread.add_argument("--pilot", metavar="RUN|TABLE", help="instead: a run, or a table that anynas table wrote")
    spread.add_argument(
        "--space", nargs="+", metavar="NAME", help="whose trials of the pilot count, if it has several; two if paired"
    )
    asked = parser.add_argument_group("what is asked")
    asked.add_argument("--effect", type=float, metavar="D", help="true difference; below 0 it improves (0)")
    asked.add_argument("-n", type=int, metavar="N", help="models of each population: tell their power")
    asked.add_argument("--power", type=float, default=0.8, metavar="P", help="probability that is wanted (0.8)")
    add_output(parser, quiet=False)


def _power(options: argparse.Namespace) -> int:
    from anynas.analysis.claims import Claim
    from anynas.analysis.estimands import check_statistic
    from anynas.cli.output import Output
    from anynas.views.comparisons import print_power

    _ = Claim(kind=options.claim, margin=options.margin)  # checks it
    check_statistic(options.statistic)
    if options.effect is not None and not math.isfinite(options.effect):
        raise SettingsError(f"effect must be a finite difference, in points of error; got {options.effect:g}")
    if not 0 < options.power < 1:
        raise SettingsError(f"power must lie between 0 and 1, the usual one is 0.8; got {options.power:g}")
    if (options.sd is None) == (options.pilot is None):
        came = "neither" if options.sd is None else "both"
        raise SettingsError(f"exactly one of --sd and --pilot must say how errors spread; got {came}")
    if options.pilot is None and options.space is not None:
        raise SettingsError("--space names a space of the pilot; got it without --pilot; leave it out")
    if options.claim == "improves" and options.effect is None and options.n is None:
        raise SettingsError(
            "improves must have --effect, the true difference in points, below 0; or -n, for the smallest effect found"
        )
    sd, pilot = (options.sd, None) if options.pilot is None else _pilot(options)
    fields = _numbers(options, sd, pilot)
    Output(options).result(fields, print_power, fields)
    return Exit.DONE


def _pilot(options: argparse.Namespace) -> tuple[float, dict[str, Any]]:
    """Return the spread of a pilot's errors, or of the differences of its pairs, and what the pilot was."""
    populations = load_populations([options.pilot])
    names = options.space or populations.names
    wanted = 2 if options.paired else 1
    if len(names) != wanted:
        what, count = ("two populations, drawn in pairs", "both") if options.paired else ("one space", "one")
        raise SettingsError(f"the pilot must be of {what}; got {', '.join(names)}; name {count} by --space")
    names = [check_population(name, populations) for name in names]
    rows = populations.table[populations.table["space"].isin(names)]
    n, sd = (_spread_of_pairs if options.paired else _spread)(rows[rows["state"] == "complete"], names, options)
    searched = any(name in populations.searched for name in names)
    return sd, {"run": options.pilot, "space": " and ".join(names), "n": n, "searched": searched}


def _spread(rows: "pd.DataFrame", names: list[str], options: argparse.Namespace) -> tuple[int, float]:
    from anynas.analysis.power import spread

    return len(rows), spread(rows["error"], options.statistic)


def _spread_of_pairs(rows: "pd.DataFrame", names: list[str], options: argparse.Namespace) -> tuple[int, float]:
    from anynas.analysis.populations import compare_populations

    rows = rows[rows.groupby("number")["number"].transform("size") == 2]
    if rows.empty:
        raise SettingsError(
            f"{' and '.join(names)} must have complete trials with the same numbers, the pairs; they have none"
        )
    pairs = compare_populations(
        rows, baseline=names[0], candidate=names[1], paired=True, statistic=options.statistic, alpha=options.alpha
    )
    return pairs.n_baseline, pairs.standard_error * math.sqrt(pairs.n_baseline)


def _numbers(options: argparse.Namespace, sd: float, pilot: dict[str, Any] | None) -> dict[str, Any]:
    """Return all numbers, JSON-ready; those that were not asked for are None."""
    from anynas.analysis.power import models_needed, power, smallest_effect

    effect = 0.0 if options.effect is None else options.effect
    claimed: dict[str, Any] = {
        "sd": sd,
        "effect": effect,
        "margin": options.margin,
        "alpha": options.alpha,
        "paired": options.paired,
    }
    n, wanted, improves = options.n, options.power, options.claim == "improves"
    needed, at_n, smallest, table = None, None, None, []
    if n is None:
        needed = models_needed(options.claim, **claimed, power=wanted)
        table = [{"n": size, "power": power(options.claim, n=size, **claimed)} for size in SIZES]
    else:
        if not improves or options.effect is not None:
            at_n = power(options.claim, n=n, **claimed)
        if improves:
            smallest = smallest_effect(n=n, sd=sd, alpha=options.alpha, power=wanted, paired=options.paired)
    return {
        "claim": options.claim,
        "statistic": options.statistic,
        **claimed,
        "pilot": pilot,
        "power": wanted,
        "models_needed": needed,
        "n": n,
        "power_at_n": at_n,
        "smallest_effect": smallest,
        "table": table,
    }
