"""A search on a cluster under random faults: python -m benchmarks.soak --minutes 30 --seed 0 --out soak.json

`anynas search` runs as users run it, in a process of its own, on a cluster of this machine. At random moments a worker
is killed or stopped, a node is switched off, shut down or added, the driver is killed (its journal torn, its locks left
behind) or told to stop; then the same command goes on. In the end the same search without faults, by processes and
without Ray, says what should have come of it. What happened, and whether anything was lost, is written as JSON, with a
page beside it.
"""

import argparse
import contextlib
import dataclasses
import datetime
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anynas.store import Run, load_run
from anynas.terminal import duration, plural
from benchmarks.local_cluster import TRAINING, LocalCluster, end
from benchmarks.results import commit, machine, versions, write_whole
from benchmarks.sides import environment

SPACE = """
description = "two stages of plain 3x3s"
family = "anynet"
regime = "fashion"
stages = 2

[parameters.depth]
values = [1, 2, 3]

[parameters.width]
low = 4
high = 64
step = 4
law = "uniform"

[parameters.bottleneck_ratio]
values = [1]

[parameters.group_width]
values = [1]

[fixed]
block = "V"
"""
FIDELITY = "epochs = 2\nimages = 2560\nresolution = 14\n"  # about a second
DEADLINE_SECONDS = 30
NODES = (1, 3)  # of the cluster, at least and at most
ENDLESS = 1_000_000  # trials, while there are faults
KINDS = {  # fault -> how often, relative to the others
    "worker killed": 6,
    "worker stopped until its deadline": 3,
    "node switched off": 2,
    "node shut down": 1,
    "node added": 3,
    "driver killed": 2,
    "driver killed, journal torn": 1,
    "driver killed, lock left behind": 1,
    "driver told to stop": 1,
}
COSTS = ("seconds", "peak_memory_bytes", "device", "retries", "retry_reasons")  # columns that faults may change
USER_ERROR, INTERRUPTED = 2, 130


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """What happened, when."""

    second: float  # since the start
    kind: str


class Dice:
    """Draws the next fault, and how long it is until then.

    Args:
        seed: Of all draws.
        gap_seconds: Mean time between two faults.
    """

    def __init__(self, seed: int, gap_seconds: float) -> None:
        self._random, self._gap_seconds = random.Random(seed), gap_seconds

    def pause(self) -> float:
        """Return seconds to the next fault."""
        return self._random.expovariate(1 / self._gap_seconds)

    def kind(self, nodes: int) -> str:
        """Return a fault that a cluster with so many nodes can have."""
        least, most = NODES
        possible = {
            kind: weight
            for kind, weight in KINDS.items()
            if not (kind == "node added" and nodes >= most)
            and not (kind in ("node switched off", "node shut down") and nodes <= least)
        }
        return self._random.choices(list(possible), weights=list(possible.values()))[0]

    def one_of(self, things: Sequence[Any]) -> Any:
        """Return one of them."""
        return self._random.choice(things)


class Driver:
    """`anynas search` in a process of its own, started again and again.

    Args:
        folder: For the question's files, and the run.
        address: The cluster's.
    """

    def __init__(self, folder: Path, address: str) -> None:
        self._folder, self._address = folder, address
        self.starts = 0
        self.errors: list[str] = []  # lines on standard error that no fault explains, and exit codes likewise
        self.start()

    def start(self, trials: int = ENDLESS) -> None:
        """Start it; it goes on where it was."""
        self.starts += 1
        where = ("--address", self._address, "--deadline", str(DEADLINE_SECONDS))
        self.process = start_search(self._folder, "run", trials, *where)

    def end(self, sent: int) -> None:
        """End it by a signal."""
        self.process.send_signal(sent)
        self.check(-sent, *([INTERRUPTED] if sent == signal.SIGTERM else []))  # -sent: before it could listen

    def check(self, *codes: int) -> None:
        """Wait for it to end; note what it says, and an exit code that is none of these."""
        _, said = self.process.communicate()
        lines = [line for line in said.splitlines() if not line.startswith("anynas: interrupted")]
        if self.process.returncode not in codes:
            lines.append(f"exit code {self.process.returncode}")
        self.errors += lines


def soak(folder: Path, *, minutes: float, seed: int, gap_seconds: float) -> dict[str, Any]:
    """Let faults happen to a search for some minutes, let it end, and return what came of it."""
    write_question(folder)
    dice, faults, left_behind, begun = Dice(seed, gap_seconds), [], [], time.monotonic()
    with LocalCluster(nodes=2) as cluster:
        driver = Driver(folder, cluster.address)
        while (now := time.monotonic() - begun) < minutes * 60:
            time.sleep(min(dice.pause(), minutes * 60 - now))
            if driver.process.poll() is not None:
                driver.check()  # none of our faults ends it
                driver.start()
            kind = dice.kind(len(cluster.nodes))
            if happens(kind, cluster, driver, dice, folder / "run"):
                faults.append(Fault(round(time.monotonic() - begun, 1), kind))
                print(f"{faults[-1].second:7.1f} s  {kind}, {len(cluster.nodes)} nodes", flush=True)
            if kind.startswith("driver"):
                left_behind += cluster.left_behind()
                driver.start()
        driver.end(signal.SIGTERM)
        left_behind += cluster.left_behind()
        trials = 1 + max(_numbers(folder / "run"), default=0)
        print(f"faults are over; {trials} trials, to be finished in peace", flush=True)
        driver.start(trials)
        driver.check(0)
        left_behind += cluster.left_behind()
    seconds = time.monotonic() - begun
    print("the same without faults", flush=True)
    reference = start_search(folder, "reference", trials, "--executor", "process")
    reference.communicate()
    return report(
        load_run(folder / "run"),
        load_run(folder / "reference"),
        faults,
        starts=driver.starts,
        errors=driver.errors,
        left_behind=left_behind,
        about={
            "minutes": minutes,
            "seed": seed,
            "gap_seconds": gap_seconds,
            "deadline_seconds": DEADLINE_SECONDS,
            "wall_seconds": round(seconds, 1),
        },
    )


def happens(kind: str, cluster: LocalCluster, driver: Driver, dice: Dice, run: Path) -> bool:
    """Let a fault happen; return whether it did: a worker can be hit only if one is at work."""
    if kind.startswith("worker"):
        workers = cluster.workers(TRAINING)
        return bool(workers) and end(dice.one_of(workers), signal.SIGKILL if "killed" in kind else signal.SIGSTOP)
    if kind == "node added":
        cluster.add_node()
    elif kind.startswith("node"):
        cluster.remove_node(dice.one_of(cluster.nodes), at_once=kind == "node switched off")
    else:
        driver.end(signal.SIGTERM if kind == "driver told to stop" else signal.SIGKILL)
        journal = run / "journal.log"
        if kind.endswith("torn") and journal.exists():
            tear(journal)
        if kind.endswith("lock left behind") and run.exists():
            leave_lock(journal)
    return True


def tear(journal: Path) -> bytes:
    """Leave half a record at a journal's end, as a driver that dies in mid-write does, and return it."""
    *_, last = journal.read_bytes().splitlines()
    torn = last[: len(last) // 2]
    with journal.open("ab") as file:
        file.write(torn)
    return torn


def leave_lock(journal: Path) -> None:
    """Leave the lock that Optuna has on a journal while it writes."""
    with contextlib.suppress(FileExistsError):  # the driver has left one itself
        journal.with_name(f"{journal.name}.lock").symlink_to(journal)


def start_search(folder: Path, run: str, trials: int, *options: str) -> "subprocess.Popen[str]":
    """Start `anynas search` in a folder with the question's files."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "anynas", "search", "--space", "space.toml", "--fidelity", "fidelity.toml"),
            *("--flops", "0:", "--sampler", "random", "--run", run, "--trials", str(trials), *options),
        ],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def write_question(folder: Path) -> None:
    """Write the files that the search reads."""
    (folder / "space.toml").write_text(SPACE, encoding="utf-8")
    (folder / "fidelity.toml").write_text(FIDELITY, encoding="utf-8")


def report(
    run: Run,
    reference: Run,
    faults: Iterable[Fault],
    *,
    starts: int,
    errors: Sequence[str],
    left_behind: Sequence[str],
    about: dict[str, Any],
) -> dict[str, Any]:
    """Return what happened, and what must hold afterwards.

    Args:
        run: What suffered the faults.
        reference: The same without.
        faults: That happened.
        starts: Of the driver.
        errors: What it said that it should not have.
        left_behind: Processes, actors or CPUs in use after it had ended.
        about: How it was asked.
    """
    faults = list(faults)
    entries = run.entries()
    written = Counter((entry.role, entry.number, entry.seed) for entry in run.history())
    suffered = Counter(reason for entry in entries for reason in entry.result.lost)
    failed = [entry for entry in entries if entry.result.state == "failed"]
    searched = sorted(entry.number for entry in entries if entry.role == "search")
    return {
        "schema": 1,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "git_commit": commit(),
        "machine": machine(),
        "versions": versions(),
        **about,
        "faults": dict(Counter(fault.kind for fault in faults).most_common()),
        "driver_starts": starts,
        "trials": dict(Counter(entry.role for entry in entries)),
        "trials_tried_again": sum(entry.result.retries > 0 for entry in entries),
        "retries": dict(suffered.most_common()),
        "failed": dict(Counter(entry.result.reason for entry in failed).most_common()),
        "torn_lines_kept": len(list(run.path.glob("*.torn-*"))),
        "checks": {
            "every number is there": searched == list(range(len(searched))),
            "every trial was written once": set(written.values()) == {1},
            "the table is that without faults": _agree(run.table(), reference.table()),
            **({} if failed else {"the result is that without faults": run.result() == reference.result()}),
            "the driver said nothing else": not errors,
            "nothing was left behind": not left_behind,
            "there is no pickle in the folder": not _pickles(run.path),
        },
        "errors": list(errors),
        "left_behind": list(left_behind),
        "events": [[fault.second, fault.kind] for fault in faults],
    }


def markdown(found: dict[str, Any]) -> str:
    """Return the page."""
    about = ", ".join(f"{name} {value}" for name, value in found["versions"].items())
    place = found["machine"]
    held = all(found["checks"].values())
    page = [
        "# A search under random faults",
        "",
        f"`python -m benchmarks.soak --minutes {found['minutes']:g} --seed {found['seed']}`, {found['date']}, commit "
        f"{found['git_commit'][:12]}; {about}; {place['processor']}, {place['cores']} cores, {place['system']}; "
        f"{duration(found['wall_seconds'])}. A cluster of {NODES[0]} to {NODES[1]} nodes with one CPU each, on this "
        f"machine; a fault every {found['gap_seconds']:g} s on average; trials past "
        f"{found['deadline_seconds']} s are ended.",
        "",
        f"{sum(found['faults'].values())} faults; {sum(found['trials'].values())} trials, "
        f"{found['trials_tried_again']} of them tried again, {sum(found['failed'].values())} failed; the driver was "
        f"started {plural(found['driver_starts'], 'time')}. "
        f"{'All that must hold does.' if held else '**Not all holds.**'}",
    ]
    for title, counts in (
        ("fault", found["faults"]),
        ("why a try came to nothing", found["retries"]),
        ("why a trial failed", found["failed"]),
        ("trials", found["trials"]),
    ):
        if counts:
            page += ["", f"| {title} | times |", "| --- | --- |", *(f"| {what} | {n} |" for what, n in counts.items())]
    page += ["", "| must hold | holds |", "| --- | --- |"]
    page += [f"| {what} | {'yes' if holds else '**no**'} |" for what, holds in found["checks"].items()]
    return "\n".join(page) + "\n"


def _agree(table: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Return whether a table is another one but for costs, and for trials that were hit three times, which failed."""
    hit = set(table[table["state"] == "failed"]["number"])
    table, other = (t[~t["number"].isin(hit)].reset_index(drop=True) for t in (table, other))
    return bool(table.drop(columns=list(COSTS)).equals(other.drop(columns=list(COSTS))))


def _numbers(run: Path) -> list[int]:
    """Return the numbers of trials that are finished; a driver may have died before it made the folder."""
    return [entry.number for entry in load_run(run).entries("search")] if (run / "run.json").exists() else []


def _pickles(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.read_bytes()[:1] == b"\x80"]


def _dumped(found: dict[str, Any]) -> str:
    """Return JSON with a line an event."""
    events = ",\n  ".join(json.dumps(event) for event in found["events"])
    rest = {name: value for name, value in found.items() if name != "events"}
    return json.dumps(rest, indent=1)[:-2] + f',\n "events": [\n  {events}\n ]\n}}\n'


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0 all that must hold does, 1 it does not, 2 bad options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="A search under random faults.")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long there are faults (30)")
    parser.add_argument("--seed", type=int, default=0, help="of which faults, and when (0)")
    parser.add_argument("--gap", type=float, default=12.0, metavar="S", help="mean seconds between two faults (12)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON; the page is beside it, as .md")
    options = parser.parse_args(arguments)
    for name in ("minutes", "gap"):
        if getattr(options, name) <= 0:
            print(f"soak: --{name} must be above 0; got {getattr(options, name):g}", file=sys.stderr)
            return USER_ERROR
    with tempfile.TemporaryDirectory() as folder:
        found = soak(Path(folder), minutes=options.minutes, seed=options.seed, gap_seconds=options.gap)
    write_whole(options.out, _dumped(found))
    write_whole(options.out.with_suffix(".md"), markdown(found))
    print(markdown(found))
    return 0 if all(found["checks"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
