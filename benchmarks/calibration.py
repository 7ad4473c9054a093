"""Do the verdicts keep their word? python -m benchmarks.calibration simulates studies on tables of trained networks.

Populations are drawn, with replacement, from a table whose every network is known, so the true difference is known too.
The candidate is moved by a constant so that the truth is a null, or exactly a margin; then the package's own intervals
and verdicts are counted against it. The tables are NATS-Bench's size space and NAAP-440 (see shared/data).

- improves: claimed under a true null in at most 5 % of studies.
- no_effect: claimed in at most 5 % where the true difference is the margin, on either side.
- 95 % intervals hold the truth in 93 to 97 % (92 to 97 % with 30 networks).
- all of it again with 1 % of networks diverged, at an error of 90 %.
- the planner's number of networks gives the power that it promises, within 5 points.

A rate of at most 5 % is allowed three Monte Carlo standard errors; below 1,000 repeats all ranges are.
"""

import argparse
import dataclasses
import datetime
import importlib.metadata
import json
import math
import os
import platform
import shlex
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anynas.analysis import ranks
from anynas.analysis.bands import bootstrap_band, dkw_band
from anynas.analysis.claims import Claim, judge
from anynas.analysis.contrasts import Apart, Contrast
from anynas.analysis.controls import Arm, controlled
from anynas.analysis.edf import edf
from anynas.analysis.estimands import location, single
from anynas.analysis.power import models_needed, spread
from anynas.analysis.quantile_gaps import quantile_gaps
from anynas.analysis.samples import Sample, make_sample
from anynas.terminal import duration
from anynas.training.devices import processor_name
from anynas.training.worker import git_commit

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
ALPHA, DIVERGED = 0.05, 90.0  # level; the error of a network that diverged, percent
TABLES = ("nats_sss_cifar10.csv.xz", "naap440.csv.xz")
SIZES = (30, 100, 500)
RATES = (0.0, 0.01)  # of divergence
STATISTICS = ("trimmed_mean", "mean", "median")
IMPROVES = Claim(kind="improves")
FEW = 1000  # repeats, below which all ranges are widened by three standard errors
REGRESSION_REPEATS = 0.1  # of the repeats: each resamples 2,000 populations
BAND_REPEATS = 0.5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Law:
    """What networks are drawn from: a table's errors, of which a share has diverged."""

    errors: np.ndarray
    diverged: float = 0.0

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return the errors of n networks."""
        drawn = rng.choice(self.errors, n)
        return np.where(rng.random(n) < self.diverged, DIVERGED, drawn) if self.diverged else drawn

    def whole(self) -> Sample:
        """Return the law itself, as a weighted population."""
        weights = np.full(self.errors.size, (1 - self.diverged) / self.errors.size)
        errors, weights = np.append(self.errors, DIVERGED), np.append(weights, self.diverged)
        return make_sample(errors, weights, name="law")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number found, and what it must be."""

    section: str
    case: str
    n: str  # networks of baseline and candidate
    diverged: float
    statistic: str
    measure: str
    value: float
    low: float  # between which it must lie, Monte Carlo error included
    high: float
    promised: bool  # whether it is part of the promise, or shown beside it
    repeats: int

    @property
    def holds(self) -> bool:
        """Whether it lies where it must."""
        return self.low <= self.value <= self.high


Task = tuple[str, Callable[[int, np.random.Generator], Iterator[Row]], float]  # name, work, share of the repeats


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if all that is promised holds, 1 if something does not, 2 for bad options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=2000, help="simulated studies a case (2000)")
    parser.add_argument("--quick", action="store_true", help="100 repeats, to see that it works; needs --out")
    parser.add_argument("--out", metavar="DIR", help="where calibration.json and .md are written (benchmarks/results)")
    parser.add_argument("--data", metavar="DIR", default=ROOT.parent / "shared" / "data", help="the tables' folder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    data = Path(options.data)
    wrong = ""
    if options.quick and options.out is None:
        wrong = "--quick needs --out DIR: what it finds is no result to keep"
    elif options.repeats < 10:
        wrong = f"--repeats must be at least 10; got {options.repeats}"
    elif not all((data / name).is_file() for name in TABLES):
        wrong = f"--data must be the folder of {' and '.join(TABLES)}; {data} is not"
    if wrong:
        print(f"calibration: {wrong}", file=sys.stderr)
        return 2
    repeats = 100 if options.quick else options.repeats
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "benchmarks.calibration", *given])
    started = time.monotonic()
    rows = simulate(tasks(data), repeats, options.seed)
    write(Path(options.out or RESULTS), rows, repeats, options.seed, command, time.monotonic() - started)
    failing = [row for row in rows if row.promised and not row.holds]
    for row in failing:
        print(f"does not hold: {row}")
    return 1 if failing else 0


def simulate(todo: Sequence[Task], repeats: int, seed: int) -> list[Row]:
    """Return all rows; a case's draws depend on the seed and its name alone."""
    rows, started = [], time.monotonic()
    for k, (name, work, share) in enumerate(todo):
        spent = time.monotonic() - started
        left = f"; {duration(spent / k * (len(todo) - k))} left" if k else ""
        line = f"{k + 1}/{len(todo)}  {name}{left}"
        print(f"\r\033[K{line[:79]}" if sys.stderr.isatty() else f"{line}\n", end="", file=sys.stderr, flush=True)
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        rows += work(max(10, round(repeats * share)), rng)
    print(file=sys.stderr)
    return rows


def tasks(data: Path) -> list[Task]:
    """Return what is simulated."""
    nats = pd.read_csv(data / TABLES[0])
    naap = pd.read_csv(data / TABLES[1])
    errors, flops = nats["err"].round(2).to_numpy(), nats["macs"].to_numpy(dtype=np.float64)
    increasing = (nats[["c1", "c2", "c3", "c4", "c5"]].diff(axis=1).iloc[:, 1:] >= 0).all(axis=1).to_numpy()
    band = (flops >= 30e6) & (flops <= 40e6)
    plain = (100 * (1 - naap["e90Accuracy"])).round(2).to_numpy()
    cases = {
        "NATS, all against all": (errors, errors),
        "NATS 30-40 M, other against increasing widths": (errors[band & ~increasing], errors[band & increasing]),
        "NAAP, all against all": (plain, plain),
    }
    todo: list[Task] = []
    for case, (first, second) in cases.items():
        for rate in RATES:
            laws = Law(errors=first, diverged=rate), Law(errors=second, diverged=rate)
            for n in SIZES:
                todo.append(_task(_verdicts, f"{case}, n = {n}, diverged {rate:g}", case, laws, (n, n), rate))
            if case.startswith("NATS"):
                todo.append(_task(_verdicts, f"{case}, n = 100 and 500, {rate:g}", case, laws, (100, 500), rate))
            todo.append(_task(_others, f"{case}, ranks, n = 100, {rate:g}", case, laws, (100, 100), rate))
    pairs = nats.pivot_table(index=["c1", "c2", "c3", "c4"], columns="c5", values="err").round(2)
    for rate in RATES:
        for n in SIZES:
            todo.append(_task(_pairs, f"pairs, n = {n}, diverged {rate:g}", pairs[[32, 40]].to_numpy(), n, rate))
        todo.append(_task(_powers, f"power, NATS, diverged {rate:g}", "NATS", Law(errors=errors, diverged=rate), rate))
        todo.append(_task(_powers, f"power, NAAP, diverged {rate:g}", "NAAP", Law(errors=plain, diverged=rate), rate))
    for n in (100, 500):
        todo.append(_task(_controls, f"weights over flops, n = {n}", errors, flops, "weights", n))
    regression = _task(_controls, "regression on flops, n = 100", errors, flops, "regression", 100)
    todo.append((*regression[:2], REGRESSION_REPEATS))
    bands = _task(_bands, "bands, NATS", Law(errors=errors))
    todo.append((*bands[:2], BAND_REPEATS))
    return todo


def _task(work: Callable[..., Iterator[Row]], name: str, *arguments: Any) -> Task:
    return name, lambda repeats, rng: work(repeats, rng, *arguments), 1.0


def _verdicts(
    repeats: int, rng: np.random.Generator, case: str, laws: tuple[Law, Law], sizes: tuple[int, int], rate: float
) -> Iterator[Row]:
    """Count verdicts and coverage where the true difference is 0, the margin, and minus the margin."""
    wholes = [law.whole() for law in laws]
    drawn = [tuple(law.draw(rng, n) for law, n in zip(laws, sizes, strict=True)) for _ in range(repeats)]
    for statistic in STATISTICS:
        truth = location(wholes[1], statistic) - location(wholes[0], statistic)
        margin = _margin(laws, sizes, statistic)
        same = Claim(kind="no_effect", margin=margin)
        counts = dict.fromkeys(("covered", "improves", "worsens", "at_margin", "at_-margin"), 0)
        for baseline, candidate in drawn:
            null = _confidence(baseline, candidate - truth, statistic, rng)
            counts["covered"] += null.quantile(ALPHA / 2) <= 0 <= null.quantile(1 - ALPHA / 2)
            verdict = judge(IMPROVES, null, null, ALPHA).verdict
            counts["improves"] += verdict == "supported"
            counts["worsens"] += verdict == "contradicted"
            for name, target in (("at_margin", margin), ("at_-margin", -margin)):
                moved = _confidence(baseline, candidate - truth + target, statistic, rng)
                counts[name] += judge(same, moved, moved, ALPHA).verdict == "supported"
        promised = statistic == "trimmed_mean"
        make = _maker("verdicts", case, sizes, rate, statistic, repeats)
        yield make("95 % interval holds the truth", counts["covered"], *_coverage(min(sizes), repeats), promised)
        yield make("improves supported, no difference", counts["improves"], 0.0, _most(repeats), promised)
        yield make("improves contradicted, no difference", counts["worsens"], 0.0, _most(repeats), promised)
        for side in ("margin", "-margin"):
            count = counts[f"at_{side}"]
            yield make(f"no_effect supported, difference = {side}", count, 0.0, _most(repeats), promised)


def _others(
    repeats: int, rng: np.random.Generator, case: str, laws: tuple[Law, Law], sizes: tuple[int, int], rate: float
) -> Iterator[Row]:
    """Count coverage of the statistics beside the estimand."""
    wholes = [law.whole() for law in laws]
    shift = ranks.hodges_lehmann(*wholes, ALPHA).estimate
    share = ranks.prob_better(*wholes, ALPHA).estimate
    shares = (0.1, 0.25, 0.5, 0.75, 0.9)
    truths = [gap.difference for gap in quantile_gaps(*wholes, ALPHA, rng, shares, resamples=2)]
    covered = dict.fromkeys(["P(better)", "Hodges-Lehmann", *(f"quantile {s:g}" for s in shares)], 0)
    for _ in range(repeats):
        pair = [make_sample(law.draw(rng, n), name="drawn") for law, n in zip(laws, sizes, strict=True)]
        better, moved = ranks.prob_better(*pair, ALPHA), ranks.hodges_lehmann(*pair, ALPHA)
        covered["P(better)"] += better.low <= share <= better.high
        covered["Hodges-Lehmann"] += moved.low - 1e-9 <= shift <= moved.high + 1e-9
        for gap, truth in zip(quantile_gaps(*pair, ALPHA, rng, shares), truths, strict=True):
            covered[f"quantile {gap.share:g}"] += gap.ci_low <= truth <= gap.ci_high
    for name, count in covered.items():
        make = _maker("beside the estimand", case, sizes, rate, name, repeats)
        yield make("95 % interval holds the truth", count, *_coverage(min(sizes), repeats), False)


def _pairs(repeats: int, rng: np.random.Generator, pairs: np.ndarray, n: int, rate: float) -> Iterator[Row]:
    """Count coverage for pairs: NATS networks that differ in the last width alone, 32 against 40."""
    differences = pairs[:, 1] - pairs[:, 0]
    chance = rate * (1 - rate)  # of one of a pair to diverge alone; then the other's error is the pair's own
    values = np.concatenate([differences, DIVERGED - pairs[:, 0], pairs[:, 1] - DIVERGED, [0.0]])
    weights = np.repeat([(1 - rate) ** 2, chance, chance], len(pairs)) / len(pairs)
    whole = make_sample(values, np.append(weights, rate**2), name="law")
    for statistic in STATISTICS:
        truth, covered, wins = location(whole, statistic), 0, 0
        for _ in range(repeats):
            drawn = pairs[rng.integers(len(pairs), size=n)]
            drawn = np.where(rng.random((n, 2)) < rate, DIVERGED, drawn)
            seen = single(make_sample(drawn[:, 1] - drawn[:, 0] - truth, name="drawn"), statistic, rng)
            covered += seen.quantile(ALPHA / 2) <= 1e-9 and seen.quantile(1 - ALPHA / 2) >= -1e-9
            wins += judge(IMPROVES, seen, seen, ALPHA).verdict == "supported"
        make = _maker("pairs", "NATS, last width 32 against 40", (n, n), rate, statistic, repeats)
        promised = statistic == "trimmed_mean"
        yield make("95 % interval holds the truth", covered, *_coverage(n, repeats), promised)
        yield make("improves supported, no difference", wins, 0.0, _most(repeats), promised)


def _powers(repeats: int, rng: np.random.Generator, case: str, law: Law, rate: float) -> Iterator[Row]:
    """Compare the planner's promise, a power of 0.8, with the share of studies of its size that succeed."""
    whole = law.whole()
    noise = spread(rng.choice(whole.errors, 200_000, p=whole.weights))
    more = _slack(repeats, 0.8) if repeats < FEW else 0.0
    plans = [(IMPROVES, -share * noise) for share in (0.6, 0.3)]
    plans += [
        (Claim(kind="no_effect", margin=within * noise), effect * noise)
        for within, effect in ((0.7, 0.0), (0.4, 0.0), (0.6, 0.2))
    ]
    for claim, effect in plans:
        margin = "" if claim.margin is None else f" within {claim.margin:.2f}"
        n = models_needed(claim.kind, sd=noise, effect=effect, margin=claim.margin)
        won = 0
        for _ in range(repeats):
            seen = _confidence(law.draw(rng, n), law.draw(rng, n) + effect, "trimmed_mean", rng)
            won += judge(claim, seen, seen, ALPHA).verdict == "supported"
        make = _maker("power", case, (n, n), rate, "trimmed_mean", repeats)
        yield make(
            f"{claim.kind}{margin} supported, effect {effect:.2f}, 80 % planned",
            won,
            0.75 - more,
            min(0.85 + more, 1.0),
            True,
        )


def _controls(
    repeats: int, rng: np.random.Generator, errors: np.ndarray, flops: np.ndarray, method: Any, n: int
) -> Iterator[Row]:
    """Count verdicts where the candidate has more flops and, at equal flops, the same law: a null under the control."""
    tilts = [flops**power / (flops**power).sum() for power in (-0.5, 0.5)]
    covered = wins = losses = 0
    for _ in range(repeats):
        rows = [rng.choice(errors.size, n, p=tilt) for tilt in tilts]
        arms = [Arm(name="drawn", errors=errors[chosen], complexity=flops[chosen]) for chosen in rows]
        cases, _ = controlled(*arms, control="flops", method=method, num_bins=10, error_range=(0, 100), paired=False)
        contrast: Contrast = cases.seen
        seen = contrast.confidence("trimmed_mean", rng)
        covered += seen.quantile(ALPHA / 2) <= 0 <= seen.quantile(1 - ALPHA / 2)
        verdict = judge(IMPROVES, seen, seen, ALPHA).verdict
        wins += verdict == "supported"
        losses += verdict == "contradicted"
    make = _maker("controls", f"NATS, candidate of more flops, {method}", (n, n), 0.0, "trimmed_mean", repeats)
    yield make("95 % interval holds the truth", covered, *_coverage(n, repeats), False)
    yield make("improves supported, no difference", wins, 0.0, _most(repeats), False)
    yield make("improves contradicted, no difference", losses, 0.0, _most(repeats), False)


def _bands(repeats: int, rng: np.random.Generator, law: Law) -> Iterator[Row]:
    """Count how often a band holds all of F: at least 95 % for DKW, whose guarantee also holds with ties."""
    truth = edf(law.errors)
    for n in SIZES:
        held = {"dkw": 0, "bootstrap": 0}
        for k in range(repeats):
            errors = law.draw(rng, n)
            for band in (dkw_band(errors), bootstrap_band(errors, resamples=500, seed=k)):
                above = truth(band.errors) <= band.high
                below = truth(np.nextafter(band.errors, -np.inf)) <= np.append(band.half_width, band.high[:-1])
                held[band.method] += bool((above & below & (truth(band.errors) >= band.low)).all())
        for method, count in held.items():
            make = _maker("bands", "NATS", (n, n), 0.0, method, repeats)
            yield make("95 % band holds all of F", count, 0.95 - _slack(repeats), 1.0, method == "dkw")


def _confidence(baseline: np.ndarray, candidate: np.ndarray, statistic: Any, rng: np.random.Generator) -> Any:
    pair = Apart(make_sample(baseline, name="baseline"), make_sample(candidate, name="candidate"))
    return pair.confidence(statistic, rng)


def _margin(laws: tuple[Law, Law], sizes: tuple[int, int], statistic: Any) -> float:
    """Return four standard errors: wide enough for the claim to have power, so that its error rate is tested."""
    rng = np.random.default_rng(0)
    noise = [spread(law.draw(rng, 20_000), statistic) ** 2 / n for law, n in zip(laws, sizes, strict=True)]
    return 4 * math.sqrt(sum(noise))


def _maker(
    section: str, case: str, sizes: tuple[int, int], rate: float, statistic: str, repeats: int
) -> Callable[[str, int, float, float, bool], Row]:
    n = f"{sizes[0]}" if sizes[0] == sizes[1] else f"{sizes[0]} and {sizes[1]}"

    def make(measure: str, count: int, low: float, high: float, promised: bool) -> Row:
        return Row(
            section=section,
            case=case,
            n=n,
            diverged=rate,
            statistic=statistic,
            measure=measure,
            value=int(count) / repeats,
            low=low,
            high=high,
            promised=promised,
            repeats=repeats,
        )

    return make


def _slack(repeats: int, rate: float = ALPHA) -> float:
    """Return three standard errors of a rate."""
    return 3 * math.sqrt(rate * (1 - rate) / repeats)


def _most(repeats: int) -> float:
    return ALPHA + _slack(repeats)


def _coverage(n: int, repeats: int) -> tuple[float, float]:
    more = _slack(repeats) if repeats < FEW else 0.0
    return (0.93 if n >= 100 else 0.92) - more, min(0.97 + more, 1.0)


def write(folder: Path, rows: Sequence[Row], repeats: int, seed: int, command: str, seconds: float) -> None:
    """Write calibration.json and calibration.md."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": command,
        "repeats": repeats,
        "seed": seed,
        "git_commit": git_commit(),
        "machine": {"processor": processor_name(), "cores": cores, "system": platform.system()},
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in ("anynas", "numpy", "scipy", "pandas")},
        },
        "wall_seconds": round(seconds, 1),
    }
    folder.mkdir(parents=True, exist_ok=True)
    lines = ",\n  ".join(json.dumps({**dataclasses.asdict(row), "holds": row.holds}) for row in rows)
    text = json.dumps(facts, indent=1)[:-2] + f',\n "rows": [\n  {lines}\n ]\n}}\n'
    (folder / "calibration.json").write_text(text, encoding="utf-8")
    (folder / "calibration.md").write_text(markdown(facts, rows), encoding="utf-8")


def markdown(facts: dict[str, Any], rows: Sequence[Row]) -> str:
    """Return the page: one table a section, what does not hold first."""
    promised = [row for row in rows if row.promised]
    failing = [row for row in promised if not row.holds]
    machine, versions = facts["machine"], ", ".join(f"{name} {value}" for name, value in facts["versions"].items())
    page = [
        "# Calibration of intervals and verdicts",
        "",
        f"`{facts['command']}`: {facts['repeats']} repeats a case unless the table says less, seed {facts['seed']}, "
        f"{facts['date']}, commit {facts['git_commit'][:12]}; {versions}; {machine['processor']}, {machine['cores']} "
        f"cores, {machine['system']}; {duration(facts['wall_seconds'])}.",
        "",
        f"Of {len(promised)} numbers promised {len(promised) - len(failing)} hold. A rate must lie in the range beside "
        "it; rates of at most 5 % are allowed three Monte Carlo standard errors, and below 1,000 repeats all are. "
        "Rows marked * stand beside the promise.",
    ]
    for section in dict.fromkeys(row.section for row in rows):
        page += ["", f"## {section.capitalize()}", ""]
        page += ["| case | n | diverged | statistic | measure | found | must lie in | holds | repeats |"]
        page += ["| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
        for row in rows:
            if row.section == section:
                mark = ("yes" if row.holds else "**no**") + ("" if row.promised else " *")
                what = f"{row.case} | {row.n} | {row.diverged:.0%} | {row.statistic} | {row.measure}"
                page.append(f"| {what} | {row.value:.2%} | {row.low:.2%} to {row.high:.2%} | {mark} | {row.repeats} |")
    return "\n".join(page) + "\n"


if __name__ == "__main__":
    sys.exit(main())
