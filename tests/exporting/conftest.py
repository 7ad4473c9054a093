"""Networks of every space, and one of each family with statistics that are not those of an untrained one."""

from collections.abc import Iterator

import pytest
import torch
from oracles import randomise
from torch import nn

import anynas
from anynas.exporting.card import Card, Training
from anynas.networks import build

FAMILIES = {  # one each, small
    "anynet X": anynas.anynet(depths=[1, 4], widths=[16, 24], bottleneck_ratios=[2, 2], group_widths=[4, 4]),
    "anynet Y": anynas.anynet(
        depths=[2, 1], widths=[16, 32], bottleneck_ratios=[1, 1], group_widths=[8, 8], block="Y", stem_pool=True
    ),
    "anynet V": anynas.anynet(depths=[1, 2], widths=[8, 16], block="V", stem_width=8, conv_bias=True),
    "anynet VR": anynas.anynet(depths=[3, 1], widths=[8, 16], block="VR", stem_width=8, strides=[1, 2]),
    "lenet": anynas.load_architecture("lenet"),
    **{
        family: anynas.Architecture.from_dict({"schema": 1, "family": family.partition(",")[0], **fields})
        for family, fields in {
            "resnet": {
                "depths": [1, 3],
                "widths": [16, 32],
                "block": "bottleneck",
                "bottleneck_ratios": [2, 2],
                "groups": [1, 4],
                "strides": [1, 2],
                "stem_width": 8,
            },
            "resnet, plain": {
                "depths": [1, 2],
                "widths": [8, 16],
                "bottleneck_ratios": [1, 1],
                "groups": [1, 1],
                "strides": [1, 2],
                "residual": False,
            },
            "alexnet": {"widths": [8, 16, 16, 16, 8], "hidden_width": 32},
            "vgg": {"depths": [1, 2], "widths": [8, 16], "hidden_width": 32},
            "nin": {"widths": [8, 16], "kernels": [5, 3]},
            "googlenet": {
                "stem_width": 8,
                "depths": [1, 2],
                "conv1_widths": [8, 8, 16],
                "conv3_widths": [8, 16, 16],
                "conv3_ratios": [1.0, 2.0, 2.0],
                "conv5_widths": [8, 8, 8],
                "conv5_ratios": [1.0, 1.0, 1.0],
                "pool_widths": [8, 8, 8],
            },
            "densenet": {"depths": [2, 2], "growth_rate": 4, "stem_width": 8},
        }.items()
    },
}


def made(architecture: anynas.Architecture, shape: tuple[int, ...] = (3, 67, 67)) -> tuple[Card, nn.Module]:
    """Return a network whose every weight and statistic is its own, and a card that says that it was trained."""
    training = Training(data="few", epochs=3, images=256, seed=1, validation_error=12.5, test_error=13.25)
    card = Card(
        architecture=architecture,
        input_shape=shape,
        num_classes=10,
        class_names=("T-shirt/top", 'the "other"', *map(str, range(8))),
        mean=(72.5,) * shape[0],
        deviation=(90.25,) * shape[0],
        training=training,
    )
    network = build(architecture, input_shape=shape, num_classes=10)
    randomise(network)
    return card, network.eval()


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Several threads wait for one another on machines that are busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> tuple[Card, nn.Module]:
    """Return each family's network with its card."""
    return made(FAMILIES[request.param])
