"""A Ray cluster on this machine, for faults of all kinds: nodes come and go, workers are found by their processes.

Its head has no CPU and only the driver connects to it; every other node has one, and so room for one worker.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.sides import QUIET

ACTOR = "ray::_Actor"  # how Ray names the process of one of anynas' workers; while it trains, and only then:
TRAINING = "ray::_Actor.run"
STORE_BYTES = 80 * 2**20  # for a node's objects; Ray's least is about 75 MB
PATIENCE_SECONDS = 60.0


class LocalCluster:
    """A head, and nodes of one CPU each.

    Args:
        nodes: How many to begin with.
    """

    def __init__(self, nodes: int) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False},
        )
        self.nodes: list[Any] = []
        for _ in range(nodes):
            self.add_node()

    def __enter__(self) -> "LocalCluster":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def address(self) -> str:
        """For --address."""
        return str(self._cluster.address)

    def add_node(self) -> None:
        """Let a node join."""
        self.nodes.append(self._cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES))

    def remove_node(self, node: Any, *, at_once: bool = True) -> None:
        """Take a node away: at once, as a machine that is switched off, or as one that is shut down."""
        self.nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=not at_once)

    def node_of(self, worker: int) -> Any:
        """Return the node of a worker's process."""
        (parent,) = (parent for pid, parent, _ in processes() if pid == worker)
        return next(node for node in self.nodes if _raylet(node) == parent)

    def workers(self, title: str = ACTOR) -> list[int]:
        """Return the processes of all workers, or of those with a trial under way: by node, as they joined."""
        children = {pid: parent for pid, parent, name in processes() if name.startswith(title)}
        return [pid for node in self.nodes for pid, parent in children.items() if parent == _raylet(node)]

    def left_behind(self) -> list[str]:
        """Wait for all workers to end and all CPUs to be free; return what there still is of actors and processes."""
        wait_for(lambda: not self._left_behind())
        return self._left_behind()

    def close(self) -> None:
        """End it all."""
        self._cluster.shutdown()

    def _left_behind(self) -> list[str]:
        state = self._cluster.global_state
        found = [f"process {pid}" for pid in self.workers()]
        found += [f"actor {name}" for name, actor in state.actor_table(None).items() if actor["State"] != "DEAD"]
        free = sum(node.get("CPU", 0) for node in state.available_resources_per_node().values())
        return [*found, *([f"{len(self.nodes) - free:g} CPUs in use"] if free != len(self.nodes) else [])]


def _raylet(node: Any) -> int:
    """Return the process that starts a node's workers."""
    pid: int = node.all_processes["raylet"][0].process.pid
    return pid


def wait_for(condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> bool:
    """Wait until something holds, and return whether it came to that in time."""
    end = time.monotonic() + seconds
    while not (holds := bool(condition())) and time.monotonic() < end:
        time.sleep(0.05)
    return holds


def processes() -> list[tuple[int, int, str]]:
    """Return process, parent and title of all that run on this machine and are not dead."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # it has ended
            continue
        if state != "Z":
            found.append((int(folder.name), int(parent), title))
    return found


def end(pid: int, sent: int = signal.SIGKILL) -> bool:
    """Send a process a signal; return whether it was there."""
    try:
        os.kill(pid, sent)
    except ProcessLookupError:
        return False
    return True
