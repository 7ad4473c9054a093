"""python -m benchmarks.gpu: how fast populations train on one GPU, side by side with the loop that a user writes.

    python -m benchmarks.gpu --out DIR [--regimes fashion cifar] [--budget 500]

It needs torch, numpy and this checkout, no other library. Every variant trains the same networks of AnyNetD with the
same seeds; results are written after each, and a variant that fails or finds no memory or time leaves its reason.
`--device cpu --quick` runs the ways that a CPU has, to see that all works; its figures mean nothing.
"""

import argparse
import dataclasses
import datetime
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anynas
from anynas.designspace import load_space
from anynas.regimes import load_regime
from anynas.training.cuda.packing import trials_at_once
from anynas.training.worker import Workplace, git_commit
from anynas.trials import Fidelity, Trial
from benchmarks.gpu_pool import Pool, PoolError
from benchmarks.gpu_results import HEADINGS, Row, Variant, cells, save
from benchmarks.gpu_worker import Job

DATA = {"fashion": "fashion-mnist-mini", "cifar": "synthetic"}
FIDELITIES = {"fashion": Fidelity(epochs=2, images=8_000), "cifar": Fidelity(epochs=2, images=8_000)}
QUICK = Fidelity(epochs=1, images=256)
AT_ONCE = (4, 8, 2)  # in the order of interest
CHECK_SECONDS = 120.0
LONGEST_SHARE = 0.2  # of a regime's budget, for one variant
SINGLE = (
    ("ordinary", "float32"),
    *((kind, precision) for precision in ("float32", "bfloat16") for kind in ("graph", "eager")),
    ("free graph", "float32"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Population:
    """Trials of one regime."""

    regime: str
    workplace: Workplace
    trials: tuple[Trial, ...]

    @property
    def images(self) -> int:
        """How many images a trial trains on, all epochs together."""
        recipe, fidelity = self.trials[0].recipe, self.trials[0].fidelity
        assert isinstance(fidelity.images, int)
        return fidelity.epochs * (fidelity.images // recipe.batch_size * recipe.batch_size)


class Bench:
    """Goes through variants while there is time, with one pool of processes at a time."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.end = time.monotonic() + options.budget
        self.rows: list[Row] = []
        self.facts: dict[str, Any] = {
            "anynas": anynas.__version__,
            "commit": git_commit(),
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
            "seed": options.seed,
            "command": sys.argv[1:],
            "regimes": {},
            "populations": {},
            "need": {},
        }
        self._pool: Pool | None = None
        self._under_mps = False

    def run(self) -> None:
        """Measure all regimes."""
        try:
            place = self._pool_for(with_mps=False).place
            self.facts["machine"] = {"device": place.name, **place.facts}
            if self.options.check:
                self.facts["checks"] = checks(self.options.device)
                print("\n".join(self.facts["checks"]), flush=True)
            for position, name in enumerate(self.options.regimes):
                left = self.end - time.monotonic()
                self._regime(name, time.monotonic() + left / (len(self.options.regimes) - position), place.device)
        finally:
            self._close()

    def _regime(self, name: str, end: float, device: str) -> None:
        population = population_of(name, self.options)
        first = population.trials[0]
        self.facts["regimes"][name] = (
            f"n = {len(population.trials)} networks of AnyNetD, {DATA[name]}, {first.recipe}, {first.fidelity}."
        )
        self.facts["populations"][name] = [trial.architecture.to_dict() for trial in population.trials]
        print(f"\n{name}\n{_line(HEADINGS)}", flush=True)
        for kind, precision in SINGLE:
            if device == "cuda" or "graph" not in kind:
                self._measure(population, Variant(kind=kind, precision=precision, how="alone", at_once=1), end)
        room = self._room(population) if device == "cuda" else 2
        for variant in packed(device, faster_first(name, self.rows)):
            if variant.at_once > room:
                self._note(population, variant, f"memory has room for {room} at once")
            else:
                self._measure(population, variant, end)

    def _room(self, population: Population) -> int:
        """Return for how many trials there is room, from what one process has needed up to now."""
        job = _job(population, Variant(kind="graph", precision="float32", how="alone", at_once=1), self.options)
        try:
            pool = self._pool_for(with_mps=False)
            pool.ready(1, dataclasses.replace(job, trials=(warm_up(population.trials[0]),)))
            need = pool.need()
        except PoolError:
            self._close()
            return max(AT_ONCE)
        assert need is not None
        self.facts["need"][population.regime] = dataclasses.asdict(need)
        return trials_at_once(need, total_bytes=pool.place.total_bytes, free_bytes=pool.place.free_bytes)

    def _measure(self, population: Population, variant: Variant, end: float) -> None:
        left = end - time.monotonic()
        if left <= 0:
            self._note(population, variant, "no time left")
            return
        base = _job(population, variant, self.options)
        one_process = variant.how in ("alone", "streams")
        number = 1 if one_process else variant.at_once
        seconds = min(left, LONGEST_SHARE * self.options.budget / len(self.options.regimes))
        if variant.how == "streams":
            jobs = [dataclasses.replace(base, trials=population.trials, streams=variant.at_once, seconds=seconds)]
        else:
            jobs = [dataclasses.replace(base, trials=(trial,)) for trial in population.trials]
        try:
            pool = self._pool_for(with_mps=variant.how == "processes+MPS")
            pool.ready(number, dataclasses.replace(base, trials=(warm_up(population.trials[0]),)))
            started = time.monotonic()
            outcomes = pool.run(jobs, number, seconds)
            wall = time.monotonic() - started
        except PoolError as error:
            self._close()
            self._note(population, variant, str(error))
            return
        reason = next((outcome.reason for outcome in outcomes if outcome.error != outcome.error), "")
        if not reason and len(outcomes) < len(population.trials):
            reason = "no time for all"
        self._add(population, variant, reason=reason, outcomes=tuple(outcomes), wall_seconds=wall)

    def _note(self, population: Population, variant: Variant, reason: str) -> None:
        self._add(population, variant, reason=reason)

    def _add(self, population: Population, variant: Variant, **found: Any) -> None:
        row = Row(
            regime=population.regime,
            variant=variant,
            planned=len(population.trials),
            images=population.images,
            **found,
        )
        self.rows.append(row)
        save(self.options.out, self.facts, self.rows)
        print(_line(cells(row, self.rows)) + (f"  {row.reason}" if row.reason else ""), flush=True)

    def _pool_for(self, *, with_mps: bool) -> Pool:
        if self._pool is None or self._under_mps != with_mps:
            self._close()
            self._pool, self._under_mps = Pool(self.options.device, with_mps=with_mps), with_mps
        return self._pool

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None


def checks(device: str) -> list[str]:
    """Return what `benchmarks.gpu_check` says, a line each; it runs in a process of its own, which may die."""
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--device", device]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CHECK_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        text = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
        return [*text.splitlines(), f"checks: not done within {CHECK_SECONDS:.0f} s"]
    died = [] if done.returncode in (0, 1) else [f"checks: exit code {done.returncode}"]
    return [*done.stdout.splitlines(), *done.stderr.splitlines()[-20:], *died]


def population_of(name: str, options: argparse.Namespace) -> Population:
    """Return a regime's trials: the same networks and seeds for every variant."""
    regime = load_regime(name)
    space = load_space("AnyNetD", regime=name)
    networks = space.sample(options.models, seed=options.seed, flops=regime.flops)
    trials = tuple(
        Trial(
            number=number,
            architecture=network,
            recipe=regime.recipe,
            fidelity=QUICK if options.quick else FIDELITIES[name],
            seed=options.seed + number,
        )
        for number, network in enumerate(networks)
    )
    workplace = Workplace(
        data=DATA[name], input_shape=regime.input_shape, num_classes=regime.num_classes, device=options.device
    )
    return Population(name, workplace, trials)


def _job(population: Population, variant: Variant, options: argparse.Namespace) -> Job:
    """Return a job without trials."""
    return Job(
        kind=variant.kind,
        precision=variant.precision,
        workplace=population.workplace,
        trials=(),
        loader_workers=options.loader_workers,
    )


def warm_up(trial: Trial) -> Trial:
    """Return the trial cut to a few steps."""
    return dataclasses.replace(trial, fidelity=Fidelity(epochs=1, images=4 * trial.recipe.batch_size))


def packed(device: str, precisions: Sequence[str]) -> Iterator[Variant]:
    """Yield the ways to train several at once, in the order of interest; MPS in blocks, since it needs a new pool."""
    if device != "cuda":
        for how in ("streams", "processes"):
            yield Variant(kind="eager", precision="float32", how=how, at_once=2)
        return
    for precision in precisions:
        for hows in (("streams", "processes"), ("processes+MPS",)):
            for at_once in AT_ONCE:
                for how in hows:
                    yield Variant(kind="graph", precision=precision, how=how, at_once=at_once)


def faster_first(regime: str, rows: Sequence[Row]) -> list[str]:
    """Return the two precisions, the one in which graphs alone trained more trials an hour first."""
    speed = {
        row.variant.precision: row.trials_per_hour
        for row in rows
        if row.regime == regime and row.variant.kind == "graph" and row.variant.how == "alone" and row.complete
    }
    return sorted(("float32", "bfloat16"), key=lambda precision: -speed.get(precision, 0.0))


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0 done, 1 no process could start, 130 interrupted; what was measured is in the folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description="Training populations on one GPU.")
    parser.add_argument("--out", type=Path, required=True, help="folder for gpu.json and gpu.md")
    parser.add_argument("--budget", type=float, default=500.0, metavar="SECONDS", help="for all (default: 500)")
    parser.add_argument("--regimes", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--models", type=int, default=24, help="networks in a population (default: 24)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--loader-workers", type=int, default=4, help="of the ordinary loop's DataLoader (default: 4)")
    parser.add_argument("--no-check", dest="check", action="store_false", help="leave out benchmarks.gpu_check")
    parser.add_argument("--quick", action="store_true", help="256 images: to see that it works")
    bench = Bench(parser.parse_args(arguments))
    try:
        bench.run()
    except PoolError as error:
        print(f"benchmarks.gpu: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"\n{bench.options.out / 'gpu.json'}, {bench.options.out / 'gpu.md'}")
    return 0


def _line(texts: Sequence[str]) -> str:
    widths = (32, 7, 10, 10, 11, 12, 8, 16, 10)
    return " ".join(
        text.ljust(width) if position == 0 else text.rjust(width)
        for position, (text, width) in enumerate(zip(texts, widths, strict=True))
    )


if __name__ == "__main__":
    sys.exit(main())
