"""An AnyNet as torchvision's RegNet, where that can express it: BlockParams, and state by torchvision's names."""

from anynas.architecture import Architecture
from anynas.errors import ExportError
from anynas.exporting.card import Card
from anynas.exporting.python_file import NORMALISED, READER, constants, docstring
from anynas.exporting.source import Call, statement
from anynas.families.anynet import AnyNet, compatible, squeeze_width

BODY = {"X": "abc", "R": "abc", "Y": "abc"}  # what torchvision calls a block's convolutions, each with its norm
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def torchvision_source(card: Card) -> str:
    """Return the text of a file that builds the network with torchvision and loads its weights.

    Raises:
        ExportError: torchvision's RegNet cannot express it; the message says why.
    """
    net = _checked(card)
    widths, inner, groups = _effective(net)
    lists = {
        "depths": list(net.depths),
        "widths": widths,
        "group_widths": [one // number for one, number in zip(inner, groups, strict=True)],
        "bottleneck_multipliers": [one / width for one, width in zip(inner, widths, strict=True)],
        "strides": list(net.strides),
    }
    keywords = [(name, str(values)) for name, values in lists.items()]
    if net.se_ratio > 0:
        keywords.append(("se_ratio", repr(net.se_ratio)))
    imports = "\n".join(
        [
            *("import json", "from pathlib import Path", "", "import torch", "from torch import Tensor"),
            "from torchvision.models.regnet import BlockParams, RegNet",
        ]
    )
    load = [
        "def load(weights: str | Path = WEIGHTS) -> RegNet:",
        '    """Return the network with weights from a file, ready to be evaluated."""',
        *statement(Call("BlockParams", (), tuple(keywords), tall=True), indent=1, before="stages = "),
        f"    network = RegNet(stages, num_classes={card.num_classes}, stem_width={net.stem_width})",
        "    network.load_state_dict(read_safetensors(weights))",
        "    return network.eval()",
    ]
    head = "\n\n".join([docstring(card, ["torch", "torchvision"]), imports, "\n".join(constants(card))])
    return "\n\n\n".join([head, *([NORMALISED] if card.mean else []), "\n".join(load), READER]) + "\n"


def torchvision_keys(card: Card) -> list[str]:
    """Return torchvision's names for the network's state, in the order of `build`'s."""
    net = _checked(card)
    keys = _conv_norm("stem")
    in_width = net.stem_width
    widths = _effective(net)[0]
    for stage, (depth, width, stride) in enumerate(zip(net.depths, widths, net.strides, strict=True), start=1):
        for number in range(depth):
            block = f"trunk_output.block{stage}.block{stage}-{number}"
            keys += [*_conv_norm(f"{block}.f.a"), *_conv_norm(f"{block}.f.b")]
            if net.se_ratio > 0:
                keys += [f"{block}.f.se.{layer}.{part}" for layer in ("fc1", "fc2") for part in ("weight", "bias")]
            keys += _conv_norm(f"{block}.f.c")
            if number == 0 and (in_width != width or stride != 1):
                keys += _conv_norm(f"{block}.proj")
        in_width = width
    return [*keys, "fc.weight", "fc.bias"]


def _conv_norm(name: str) -> list[str]:
    return [f"{name}.0.weight", *(f"{name}.1.{part}" for part in NORM)]


def _effective(net: AnyNet) -> tuple[list[int], list[int], list[int]]:
    widths, inner, groups = (
        column.tolist() for column in compatible(net.widths, net.bottleneck_ratios, net.group_widths, block=net.block)
    )
    return widths, inner, groups


def _checked(card: Card) -> AnyNet:
    """Return the network's parameters, or raise ExportError with the first reason why torchvision has no such one."""
    net = card.architecture.parameters
    if not isinstance(net, AnyNet):
        raise ExportError(_refusal(card.architecture, "be an AnyNet", f"it is of family {net.family}"))
    reasons = [
        (net.block in BODY, "have blocks X, Y or R", f"its blocks are {net.block}"),
        (
            (net.stem_kernel, net.stem_stride) == (3, 2),
            "begin with a 3x3 of stride 2",
            f"its stem is a {net.stem_kernel}x{net.stem_kernel} of stride {net.stem_stride}",
        ),
        (not net.stem_pool, "have no pool in its stem", "it has one"),
        (not net.conv_bias, "have no biases in its convolutions", "it has some"),
        (card.input_shape[0] == 3, "see images of 3 channels", f"they have {card.input_shape[0]}"),
        (
            all(round(net.se_ratio * width) == squeeze_width(width, net.se_ratio) for width in _block_inputs(net)),
            "have squeeze-and-excitation of at least one channel before rounding",
            f"se_ratio {net.se_ratio:g} gives less",
        ),
    ]
    for holds, must, is_so in reasons:
        if not holds and (net.se_ratio > 0 or not must.startswith("have squeeze")):
            raise ExportError(_refusal(card.architecture, must, is_so))
    return net


def _block_inputs(net: AnyNet) -> list[int]:
    return [net.stem_width, *_effective(net)[0]]


def _refusal(architecture: Architecture, must: str, is_so: str) -> str:
    return f"torchvision's RegNet must {must}; {is_so} ({architecture.key}); choose another --format"
