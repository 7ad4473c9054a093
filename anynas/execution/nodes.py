"""Which nodes a Ray cluster has, and how many workers they have room for; told by Ray's list of them, not by Ray."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from anynas.training.worker import Workplace

Node = Mapping[str, Any]  # as Ray describes it: NodeID, Alive, NodeManagerHostname, Resources


class Nodes:
    """Nodes that are alive."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = _alive(nodes)

    def __contains__(self, node: object) -> bool:
        return node in self._nodes

    @property
    def have_gpus(self) -> bool:
        """Whether any of them has."""
        return self._total("GPU") > 0

    def update(self, nodes: Iterable[Node]) -> list[str]:
        """See which there are now; return a line for each that has come or gone."""
        before, self._nodes = self._nodes, _alive(nodes)
        changes = [(name, "joined") for node, name in _names(self._nodes).items() if node not in before]
        changes += [(name, "left") for node, name in _names(before).items() if node not in self._nodes]
        return [f"node {name} has {what} the Ray cluster: {self}" for name, what in changes]

    def room(self, workplace: Workplace) -> int:
        """Return how many workers they have room for, if nothing else runs there."""
        return sum(room_of(node["Resources"], workplace) for node in self._nodes.values())

    def __str__(self) -> str:
        return f"nodes {len(self._nodes)}, CPUs {self._total('CPU')}, GPUs {self._total('GPU')}"

    def _total(self, unit: str) -> int:
        return sum(int(node["Resources"].get(unit, 0)) for node in self._nodes.values())


def room_of(resources: Mapping[str, float], workplace: Workplace) -> int:
    """Return how many workers a node with these resources has room for, if nothing else runs there."""
    rooms = [int(resources.get("CPU", 0))]
    if workplace.device == "cuda":
        rooms.append(int(resources.get("GPU", 0)) * workplace.workers_per_gpu)
    elif math.isfinite(workplace.memory_bytes):
        rooms.append(int(resources.get("memory", 0) // workplace.memory_bytes))
    return min(rooms)


def _alive(nodes: Iterable[Node]) -> dict[str, Node]:
    return {node["NodeID"]: node for node in nodes if node["Alive"]}


def _names(nodes: Mapping[str, Node]) -> dict[str, str]:
    return {key: str(node["NodeManagerHostname"]) for key, node in nodes.items()}
