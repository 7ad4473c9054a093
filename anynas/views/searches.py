"""What the commands print about a search and its run: the plan, the winner, trials, files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from anynas.architecture import Architecture
from anynas.facts import Facts, seen_from_here
from anynas.terminal import count, duration, plural, print_line, print_table
from anynas.views.pictures import print_pictures
from anynas.views.spaces import print_choices

if TYPE_CHECKING:
    import pandas as pd

    from anynas.driver.search import Estimate, SearchPlan
    from anynas.store import Run


def print_plan(console: Console, plan: "SearchPlan", expected: "Estimate | None") -> None:
    """Print what a search will do, and about how long that takes."""
    setting = plan.setting
    epochs, regime = setting.fidelity.epochs, setting.space.regime
    print_pictures(console, plan.data)
    lines = [
        f"{setting.space.name}: {setting.space.size():.3g} networks; {_bounds(plan)}",
        f"data {plan.data.name}: {setting.num_images:,} images, {plural(epochs, 'epoch')} a trial, on "
        f"{plan.crew.where}",
        f"sampler {plan.sampler}, seed {setting.seed}, executor {plan.crew.workforce.executor}",
    ]
    if plan.data.pictures is not None or regime.data == "":
        size = "x".join(map(str, regime.input_shape))
        lines.insert(
            1,
            f"regime {regime.name}: images of {size}, {regime.num_classes} classes, batches of "
            f"{setting.recipe.batch_size}",
        )
    if len(plan.objectives) > 1:
        lines.append(f"objectives {' and '.join(plan.objectives)}: their front")
    if plan.warm_start is not None:
        lines.append(f"warm start: {plural(len(plan.warm_start.trials), 'trial')} of {plan.warm_start.source}")
    if plan.ladder.top > 1:
        *lower, top = plan.ladder.epochs
        lines.append(
            f"trials pause after {' and '.join(map(str, lower))} of {plural(top, 'epoch')}; about one in "
            f"{plan.ladder.reduction} goes on"
        )
    if expected is None:
        lines.append("how long a trial takes there is known when the first has ended")
    elif expected.trials == expected.num_final_trainings == 0:
        lines.append("all of it is finished: nothing is trained again")
    else:
        in_full = " in full" if plan.ladder.top > 1 else ""
        lines.append(
            f"about {duration(expected.total_seconds)}: {plural(expected.trials, 'trial')}, then "
            f"{expected.num_final_trainings} trainings to choose the winner; "
            f"{duration(expected.seconds_per_trial)} each{in_full}, {expected.workers} at once"
        )
    lines.append(f"run {plan.path}" + (f", entries in {plan.storage}" if plan.storage else ""))
    for line in lines:
        print_line(console, line)


def print_winner(console: Console, found: Facts) -> None:
    """Print a finished search: the winner's stages, errors and cost, the Pareto front, and the count of trials."""
    result, quantity = found["result"], found["quantity"]
    console.print(f"winner: trial {result['number']}, {result['key']}")
    print_choices(console, Architecture.from_dict(result["architecture"]))
    errors = result["validation_errors"]
    each = ", ".join(f"{error:.2f}" for error in errors)
    tested = "unknown, its training failed" if result["test_error"] is None else f"{result['test_error']:.2f} %"
    mean = result["validation_error_mean"]
    print_line(console, f"validation error  {mean:.2f} %, mean of {len(errors)} seeds ({each})")
    console.print(f"test error        {tested}")
    console.print(f"flops             {count(result['flops'])} multiply-adds")
    console.print(f"params            {count(result['params'])}")
    console.print()
    console.print(f"Pareto front of error and {quantity}, one seed each")
    costs = list(dict.fromkeys(["flops", "params", quantity]))
    rows = [[row["number"], row["error"], *(count(row[name]) for name in costs), row["key"]] for row in found["front"]]
    print_table(console, ["trial", "error %", *costs, "key"], rows)
    if "front" in result:
        _print_confirmed(console, result["front"], costs)
    console.print()
    console.print(f"{plural(result['trials'], 'trial')}: {result['failed']} failed, {result['diverged']} diverged")
    if "rungs" in result:
        reached = [
            f"{plural(rung['trials'], 'trial')} after {plural(rung['epochs'], 'epoch')}" for rung in result["rungs"]
        ]
        trained, in_full = result["epochs_trained"], result["epochs_in_full"]
        print_line(console, f"rungs: {', '.join(reached)}")
        console.print(f"trained {trained:,} epochs of {in_full:,} that full training takes: {trained / in_full:.0%}")


def _print_confirmed(console: Console, front: list[dict[str, Any]], costs: list[str]) -> None:
    """Print those of the front that were trained again; one that others beat by its mean is still told."""
    console.print()
    console.print("of these, trained again with other seeds")
    rows = [
        [
            row["number"],
            row["validation_error_mean"],
            len(row["validation_errors"]),
            *(count(row[name]) for name in costs),
            "beaten by its mean" if row["dominated"] else "",
        ]
        for row in front
    ]
    print_table(console, ["trial", "mean error %", "seeds", *costs, ""], rows)


def winner_facts(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is told of a search's winner first."""
    tested = "unknown: its training failed" if result["test_error"] is None else f"{result['test_error']:.2f} %"
    seeds = plural(len(result["validation_errors"]), "seed")
    error = f"{result['validation_error_mean']:.2f} %"
    return [(f"validation error, mean of {seeds}", error), ("test error", tested), *_costs(result)]


def best_facts(best: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is told of the best trial so far, a table's row."""
    return [("validation error, one seed", f"{best['error']:.2f} %"), *_costs(best)]


def _costs(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("flops (multiply-adds)", count(row["flops"])), ("params", count(row["params"]))]


def print_faults(console: Console, run: "Run") -> None:
    """Print which tries came to nothing and which trials failed, by their reasons; nothing if there are none."""
    for event, rows in run.faults().groupby("event", sort=False):
        reasons = "; ".join(f"{row.times} x {row.reason}" for row in rows.itertuples())
        print_line(console, f"{event}: {reasons}")


def print_files(console: Console, files: Mapping[str, Path]) -> None:
    """Print where things are, as seen from the current folder."""
    for what, path in files.items():
        print_line(console, f"{what}: {seen_from_here(path)}")


def print_trials(console: Console, table: "pd.DataFrame") -> None:
    """Print a line a trial."""
    rows = [
        [int(r.number), float(r.error), count(r.flops), count(r.params), float(r.seconds), r.key, r.reason or r.state]
        for r in table.itertuples()
    ]
    print_table(console, ["trial", "error %", "flops", "params", "seconds", "key", "state"], rows)


def _bounds(plan: "SearchPlan") -> str:
    ranges = {name: getattr(plan.bounds, name) for name in ("flops", "params", "activations")}
    given = {name: band for name, band in ranges.items() if band is not None}
    return ", ".join(f"{name} {count(low)} to {count(high)}" for name, (low, high) in given.items()) or "no bounds"
