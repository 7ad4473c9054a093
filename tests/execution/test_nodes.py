"""What a Ray cluster's nodes have room for, and what is said when they come and go."""

import dataclasses

import pytest

from anynas.execution.nodes import Nodes, room_of
from tests.execution.test_executors import HERE

GPUS = dataclasses.replace(HERE, device="cuda")


def node(name, alive=True, **resources):
    return {"NodeID": f"id of {name}", "NodeManagerHostname": name, "Alive": alive, "Resources": resources}


@pytest.mark.parametrize(
    ("resources", "place", "room"),
    [
        ({"CPU": 4.0}, HERE, 4),
        ({}, HERE, 0),
        ({"CPU": 8.0, "GPU": 2.0}, GPUS, 2),
        ({"CPU": 8.0, "GPU": 2.0}, dataclasses.replace(GPUS, gpu_share=0.25), 8),
        ({"CPU": 3.0, "GPU": 2.0}, dataclasses.replace(GPUS, gpu_share=0.25), 3),
        ({"CPU": 8.0, "GPU": 2.0}, dataclasses.replace(GPUS, gpu_share=0.4), 4),  # 2.5 a GPU are two
        ({"CPU": 8.0, "GPU": 1.0}, dataclasses.replace(GPUS, gpu_share=1 / 3), 3),
        ({"CPU": 4.0, "memory": 7e9}, dataclasses.replace(HERE, memory_bytes=2e9), 3),
        ({"CPU": 4.0, "GPU": 1.0, "memory": 7e9}, dataclasses.replace(GPUS, memory_bytes=2e9), 1),  # the GPU's memory
    ],
)
def test_a_node_has_room_for_as_many_workers_as_its_scarcest_resource(resources, place, room):
    assert room_of(resources, place) == room


def test_nodes_that_are_not_alive_count_for_nothing():
    nodes = Nodes([node("a", CPU=2), node("b", alive=False, CPU=16, GPU=4)])
    assert nodes.room(HERE) == 2
    assert not nodes.have_gpus
    assert "id of a" in nodes
    assert "id of b" not in nodes


def test_each_node_that_comes_or_goes_is_told_once():
    nodes = Nodes([node("a", CPU=2)])
    assert nodes.update([node("a", CPU=2)]) == []
    assert nodes.update([node("a", CPU=2), node("b", CPU=4, GPU=1)]) == [
        "node b has joined the Ray cluster: nodes 2, CPUs 6, GPUs 1"
    ]
    assert nodes.have_gpus
    assert nodes.update([node("a", alive=False, CPU=2), node("b", CPU=4, GPU=1)]) == [
        "node a has left the Ray cluster: nodes 1, CPUs 4, GPUs 1"
    ]
    assert nodes.update([node("b", CPU=4, GPU=1)]) == []
