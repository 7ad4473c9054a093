"""What rungs save, trained for real: python -m benchmarks.rungs searches with them and without, and says so.

The same networks with the same seeds are trained in full and on rungs, in this process, one after the other: what a
search on rungs trains is a part of what full training does, so errors differ only in which trials were carried on.
Time is the processor's, since a machine may have other work.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anynas.driver.jobs import Clock, Silent
from anynas.driver.loop import run_search
from anynas.driver.rungs import make_ladder
from anynas.driver.samplers import make_sampler
from anynas.driver.search import SearchPlan, plan_search
from anynas.execution.inline import InlineExecutor
from anynas.store import Entry, recording
from anynas.training.devices import processor_name
from anynas.training.worker import Worker
from anynas.trials import Fidelity, Trial


def main(arguments: Sequence[str] | None = None) -> None:
    """Search twice and print a line each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rungs", description=__doc__.splitlines()[0])
    parser.add_argument("--space", default="AnyNetD", metavar="SPACE", help="where networks are drawn (AnyNetD)")
    parser.add_argument("--trials", type=int, default=12, metavar="N", help="networks (12)")
    parser.add_argument("--epochs", type=int, default=9, metavar="E", help="of full training (9)")
    parser.add_argument("--images", type=int, default=1280, metavar="N", help="training images of each epoch (1280)")
    parser.add_argument("--rungs", type=int, default=3, metavar="R", help="rungs (3)")
    parser.add_argument("--reduction", type=int, default=3, metavar="K", help="one in K goes on (3)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of networks and trainings (0)")
    options = parser.parse_args(arguments)
    plan = plan_search(
        options.space,
        trials=options.trials,
        seed=options.seed,
        sampler="random",
        data="fashion-mnist-mini",
        fidelity=Fidelity(epochs=options.epochs, images=options.images),
        device="cpu",
        executor="inline",
    )
    print(
        f"{options.space}, {options.trials} networks, seed {options.seed}, {options.images:,} images an epoch; "
        f"{processor_name()}, one worker"
    )
    Worker(plan.crew.workplace, plan.data).run(_trial(plan))  # what is compiled or loaded once costs neither side
    in_full: dict[int, float] = {}
    for rungs in (1, options.rungs):
        started = time.process_time()
        entries = _searched(plan, rungs, options.reduction)
        seconds = time.process_time() - started
        in_full = in_full or {entry.number: entry.result.error for entry in entries}
        print(_line(plan, rungs, options.reduction, entries, in_full, seconds), flush=True)


def _searched(plan: SearchPlan, rungs: int, reduction: int) -> list[Entry]:
    executor = InlineExecutor(plan.crew.workplace)
    with tempfile.TemporaryDirectory() as folder, recording(Path(folder) / "run", plan.identity) as recorder:
        return run_search(
            plan.setting,
            make_sampler(plan.sampler, plan.setting.space, seed=plan.setting.seed, bounds=plan.bounds),
            executor,
            recorder,
            trials=plan.trials,
            clock=Clock(),
            progress=Silent(),
            ladder=make_ladder(plan.setting.fidelity.epochs, rungs=rungs, reduction=reduction),
        )


def _trial(plan: SearchPlan) -> Trial:
    (architecture,) = plan.setting.space.sample(1, seed=0, flops=plan.bounds.flops)
    fidelity = Fidelity(epochs=1, images=plan.setting.recipe.batch_size)
    return Trial(number=0, architecture=architecture, recipe=plan.setting.recipe, fidelity=fidelity, seed=0)


def _line(
    plan: SearchPlan, rungs: int, reduction: int, entries: list[Entry], in_full: dict[int, float], seconds: float
) -> str:
    ladder = make_ladder(plan.setting.fidelity.epochs, rungs=rungs, reduction=reduction)
    summary: dict[str, Any] = ladder.summary([entry.result for entry in entries])
    complete = [entry for entry in entries if entry.result.state == "complete"]
    best = min(complete, key=lambda entry: (entry.result.error, entry.number))
    place = 1 + sum(error < best.result.error for error in in_full.values())
    reached = ", ".join(f"{rung['trials']} trained {rung['epochs']} epochs" for rung in summary["rungs"])
    return (
        f"{'rungs' if rungs > 1 else 'in full'}: {reached}; {summary['epochs_trained']} epochs of "
        f"{summary['epochs_in_full']}, {seconds:.0f} s; best error "
        f"{best.result.error:.2f} %, trial {best.number}, number {place} of {len(in_full)} in full"
    )


if __name__ == "__main__":
    main()
