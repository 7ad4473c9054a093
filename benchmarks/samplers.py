"""How good samplers are on trained networks: python -m benchmarks.samplers TABLE searches a table of their errors.

TABLE is NATS-Bench's size space (columns c1 to c5, err, params, macs, as csv): all 32,768 choices of five widths from 8
to 64, each trained on CIFAR-10. It does not come with anynas. Errors are test errors after 90 epochs, in percent,
rounded to 0.01. Nothing is trained; each trial is asked for after all before it were told.

With one objective a line gives the best error after so many trials; with error and flops the hypervolume of the front
that was found: the share of what the whole table's front dominates, measured from the worst corner of that front. Flops
are those of five stages of one plain 3x3 with these widths at 28 pixels, as the samplers count them, not the table's.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anynas.counting import complexity
from anynas.designspace import Bounds, DesignSpace
from anynas.designspace.parameters import uniform
from anynas.driver.samplers import Known, make_sampler
from anynas.regimes import load_regime

STAGES = 5
TRIALS = (16, 32, 64)  # after which a search is looked at

Widths = tuple[int, ...]
Values = tuple[float, float]  # error in percent, flops


def main(arguments: Sequence[str] | None = None) -> None:
    """Search, and print a line a sampler."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.samplers", description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, metavar="TABLE", help="csv file of NATS-Bench's size space")
    parser.add_argument("--samplers", default="random,tpe,nsga2,gp", metavar="NAMES", help="which (all but qmc)")
    parser.add_argument("--objectives", default="error", metavar="NAMES", help="error (default), or error,flops")
    parser.add_argument(
        "--seeds", type=int, default=20, metavar="N", help="searches of each sampler, seeds from 0 (20)"
    )
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # GP: before torch is imported
    objectives = tuple(options.objectives.split(","))
    space = widths_space()
    values = _values(options.table, space)
    shown = "best error, %" if len(objectives) == 1 else "share of the hypervolume"
    print(f"{options.table.name}, {options.seeds} searches each, {shown}: mean and its standard error")
    for name in options.samplers.split(","):
        started = time.process_time()
        rows = [_searched(name, space, values, objectives, seed) for seed in range(options.seeds)]
        seconds = (time.process_time() - started) / options.seeds
        print(_line(name, np.array(rows), seconds), flush=True)


def widths_space() -> DesignSpace:
    """Return five stages of one plain 3x3 each, whose widths are the table's."""
    return DesignSpace(
        name="widths",
        family="anynet",
        regime=load_regime("fashion"),
        parameters=(
            uniform("depth", [1], count=STAGES),
            uniform("width", list(range(8, 65, 8)), count=STAGES),
            uniform("bottleneck_ratio", [1], count=STAGES),
            uniform("group_width", [1], count=STAGES),
        ),
        stages=STAGES,
        fixed={"block": "V"},
    )


def hypervolume(values: Sequence[Values], corner: Values) -> float:
    """Return the area that points dominate below and left of the corner."""
    area, least = 0.0, corner[0]
    for error, flops in sorted(values, key=lambda point: (point[1], point[0])):
        if error < least and flops < corner[1]:
            area += (least - error) * (corner[1] - flops)
            least = error
    return area


def front(values: Sequence[Values]) -> list[Values]:
    """Return the points that no other beats in both, by flops."""
    found: list[Values] = []
    for error, flops in sorted(values, key=lambda point: (point[1], point[0])):
        if not found or error < found[-1][0]:
            found.append((error, flops))
    return found


def _values(path: Path, space: DesignSpace) -> dict[Widths, Values]:
    import pandas as pd

    table = pd.read_csv(path)
    widths = table[[f"c{stage}" for stage in range(1, STAGES + 1)]].to_numpy()
    errors = table["err"].round(2)
    grid = space.parameters[1].values
    points = (np.searchsorted(grid, widths) + 0.5) / len(grid)
    flops = [_flops(space, architecture) for architecture, _ in space.members(points)]
    return {tuple(w): (float(e), f) for w, e, f in zip(widths.tolist(), errors, flops, strict=True)}


def _flops(space: DesignSpace, architecture: Any) -> float:
    regime = space.regime
    counted = complexity(architecture, input_shape=regime.input_shape, num_classes=regime.num_classes)
    return float(counted.flops)


def _searched(
    name: str, space: DesignSpace, values: dict[Widths, Values], objectives: tuple[str, ...], seed: int
) -> list[float]:
    """Return what is measured after each number of trials."""
    sampler = make_sampler(name, space, seed=seed, bounds=Bounds(), objectives=objectives)
    found: list[Values] = []
    for number in range(max(TRIALS)):
        proposal = sampler.ask(number)
        found.append(values[proposal.architecture.parameters.widths])
        sampler.tell(Known(number, proposal, found[-1][0]))
    if len(objectives) == 1:
        return [min(error for error, _ in found[:trials]) for trials in TRIALS]
    best = front(list(values.values()))
    corner = best[0][0], best[-1][1]
    return [hypervolume(found[:trials], corner) / hypervolume(best, corner) for trials in TRIALS]


def _line(name: str, measured: Any, seconds: float) -> str:
    """Return a sampler's line; `measured` is (searches, numbers of trials)."""
    means = measured.mean(axis=0)
    noise = measured.std(axis=0, ddof=1) / np.sqrt(len(measured)) if len(measured) > 1 else np.full(len(means), np.nan)
    parts = [f"{trials} trials {m:.3f} +- {s:.3f}" for trials, m, s in zip(TRIALS, means, noise, strict=True)]
    return f"{name}: {', '.join(parts)}; {seconds:.1f} s of one processor a search"


if __name__ == "__main__":
    main()
