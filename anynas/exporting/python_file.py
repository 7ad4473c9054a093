"""A network as one Python file that needs torch alone: classes for its blocks, its parts, a reader of its weights."""

from anynas import __version__
from anynas.architecture import Architecture
from anynas.counting import complexity
from anynas.exporting.blocks import DEFAULTS, Block, Item, Leaf, Part, parts_of
from anynas.exporting.card import Card
from anynas.exporting.classes import BlockClass, Slot, Use, classes_of
from anynas.exporting.source import Call, Expression, Repeated, constant, signature, statement

FIRST_REPEATED = 3  # equal blocks in a row, from which on they are written once
BLOCK_NAMES = {  # what a family's own blocks are called; others are called Block
    "googlenet": "Inception",
    "densenet": "DenseLayer",
    "nin": "NiNBlock",
}
PARAMETER_TYPES = {"p": "float"}

IMPORTS = """
import json
from pathlib import Path

import torch
from torch import Tensor, nn
""".strip()

NORMALISED = '''
def normalised(images: Tensor) -> Tensor:
    """Map pixels (N, C, H, W) in 0..255 to what the network was trained on."""
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (MEAN, STD))
    return (images.float() - mean) / std
'''.strip()

LOAD = '''
def load(weights: str | Path = WEIGHTS) -> Network:
    """Return the network with weights from a file, ready to be evaluated."""
    network = Network()
    network.load_state_dict(read_safetensors(weights))
    return network.eval()
'''.strip()

READER = '''
def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors in a safetensors file, by name.

    The file is 8 bytes that say how long its header is, the header as JSON, and the
    tensors' bytes, to which the header points.
    """
    content = bytearray(Path(path).read_bytes())
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])
    header.pop("__metadata__", None)
    dtypes = {"F32": torch.float32, "I64": torch.int64}
    tensors = {}
    for name, about in header.items():
        first, last = about["data_offsets"]
        dtype = dtypes[about["dtype"]]
        count = (last - first) // dtype.itemsize
        flat = torch.frombuffer(content, dtype=dtype, count=count, offset=begin + first)
        tensors[name] = flat.view(about["shape"])
    return tensors
'''.strip()


def python_source(card: Card) -> str:
    """Return the file's text.

    Args:
        card: The network, and what is told of it.
    """
    architecture = card.architecture
    parts = parts_of(architecture.layers(card.num_classes), card.input_shape)
    items = [item for part in parts for item in part.items]
    classes = classes_of(items, block_name=_block_name(architecture))
    written = [_class(one) for one in dict.fromkeys(classes.values())]
    imports = IMPORTS
    if any(one.after == "ReLU" for one in classes.values()):
        imports += "\nfrom torch.nn import functional"
    head = [docstring(card, ["torch"]), imports, "\n".join(constants(card))]
    sections = [
        "\n\n".join(head),
        *("\n".join(lines) for lines in written),
        "\n".join(_network(card, parts, classes)),
        *([NORMALISED] if card.mean else []),
        LOAD,
        READER,
    ]
    return "\n\n\n".join(sections) + "\n"


def _block_name(architecture: Architecture) -> str:
    block = getattr(architecture.parameters, "block", "")
    return f"{block[:1].upper()}{block[1:]}Block" if block else BLOCK_NAMES.get(architecture.family, "Block")


def docstring(card: Card, needs: list[str]) -> str:
    """Return what stands at the top of a file: what the network is, where its weights come from, how it is used.

    Args:
        card: The network.
        needs: Libraries that the file imports.
    """
    architecture = card.architecture
    counted = complexity(architecture, input_shape=card.input_shape, num_classes=card.num_classes)
    lines = [
        f"architecture  {architecture.family} {architecture.key}",
        f"input         images {'x'.join(map(str, card.input_shape))} (channels, height, width), in batches",
        f"output        {card.num_classes} logits",
        f"flops         {counted.flops:,} multiply-adds an image",
        f"params        {counted.params:,}",
        f"activations   {counted.activations:,}",
        f"weights       {card.weights}",
    ]
    if card.training is not None:
        made = card.training
        lines.append(f"errors        {made.validation_error:.2f} % validation, {made.test_error:.2f} % test (top-1)")
    use = ["network = load()  # with the weights beside this file"]
    if card.mean:
        lines.append("pixels        0..255, resized with antialiased bilinear interpolation, rounded")
        use.append("logits = network(normalised(images))  # of pixels (N, C, H, W)")
    else:
        use.append("logits = network(images)  # (N, C, H, W)")
    body = "\n".join([*lines, "", *use])
    needed = " and ".join(needs)
    return f'''"""A convolutional network, written by anynas {__version__}. It needs {needed} alone.\n\n{body}\n"""'''


def constants(card: Card) -> list[str]:
    """Return the lines that say what is known of the images."""
    lines = ['WEIGHTS = Path(__file__).with_name("weights.safetensors")']
    lines += constant("INPUT_SHAPE", card.input_shape)
    for name, values in (("CLASSES", card.class_names), ("MEAN", card.mean), ("STD", card.deviation)):
        lines += constant(name, values) if values else []
    return lines


def _class(one: BlockClass) -> list[str]:
    parameters = ["self", *(f"{name}: {_type(name)}" for name in one.parameters)]
    begin = signature("__init__", parameters, "None", indent=1)
    forward = signature("forward", ["self", "x: Tensor"], "Tensor", indent=1)
    base = "nn.Sequential" if one.kind == "plain" else "nn.Module"
    head = [f"class {one.name}({base}):", f'    """{_said(one)}"""', "", *begin]
    chains = [tuple(map(_use, chain)) for chain in one.chains]
    if one.kind == "plain":
        return [*head, *statement(Call("super().__init__", chains[0], tall=True), indent=2)]
    head.append("        super().__init__()")
    if one.kind == "scale":
        return [*head, *_assigned("gate", chains[0]), "", *forward, "        return x * self.gate(x)"]
    if one.kind == "residual":
        body, shortcut = chains
        lines = [*head, *_assigned("body", body)]
        if one.shortcut_if or not shortcut:
            lines.append("        self.shortcut = nn.Identity()")
        if one.shortcut_if:
            lines.append(f"        if {one.shortcut_if}:")
        if shortcut:
            lines += _assigned("shortcut", shortcut, indent=3 if one.shortcut_if else 2)
        after = {"": "{}", "ReLU": "functional.relu({})", "Sigmoid": "torch.sigmoid({})"}[one.after]
        return [*lines, "", *forward, f"        return {after.format('self.body(x) + self.shortcut(x)')}"]
    names = _branch_names(chains)
    outputs = [f"            {f'self.{name}(x)' if name else 'x'}," for name in names]
    lines = [row for name, chain in zip(names, chains, strict=True) if name for row in _assigned(name, chain)]
    if len(outputs) == 2:
        first, second = (line.strip(" ,") for line in outputs)
        return [*head, *lines, "", *forward, f"        return torch.cat([{first}, {second}], dim=1)"]
    joined = ["        outputs = [", *outputs, "        ]", "        return torch.cat(outputs, dim=1)"]
    return [*head, *lines, "", *forward, *joined]


def _said(one: BlockClass) -> str:
    """Return a class's docstring."""
    if one.kind == "scale":
        return "Every channel times a number that follows from the means of all of them."
    if one.kind == "concat":
        kept = any(not chain for chain in one.chains)
        return "Layers whose output is put behind their input." if kept else "Branches, one behind the other."
    kernels = [_kernel(dict(use.slots)) for use in one.chains[0] if use.kind == "Conv2d"]
    sizes = ", ".join(kernels)
    convolutions = f"Convolution{'s' * (len(kernels) > 1)} {sizes}" if kernels else "Layers"
    around = "them" if len(kernels) != 1 else "it"
    return f"{convolutions}, and a shortcut around {around}." if one.kind == "residual" else f"{convolutions}."


def _kernel(slots: dict[str, Slot]) -> str:
    size = slots["kernel_size"]
    return (size if isinstance(size, str) else f"{size}x{size}") + " in groups" * (slots["groups"] != 1)


def _branch_names(chains: list[tuple[Expression, ...]]) -> list[str]:
    """Return an attribute for each branch; "" for one that keeps the input."""
    if sum(map(bool, chains)) == 1:
        return ["layers" if chain else "" for chain in chains]
    return [f"branch{number}" if chain else "" for number, chain in enumerate(chains, start=1)]


def _network(card: Card, parts: list[Part], classes: dict[Block, BlockClass]) -> list[str]:
    lines = ["class Network(nn.Module):", f'    """{", ".join(part.name for part in parts)}."""', ""]
    lines += [*signature("__init__", ["self"], "None", indent=1), "        super().__init__()"]
    for part in parts:
        lines += _assigned(part.name, tuple(_repeated([_item(item, classes) for item in part.items])))
    lines += ["", *signature("forward", ["self", "x: Tensor"], "Tensor", indent=1)]
    size = ", ".join(map(str, card.input_shape))
    lines.append(f'        """Map images (N, {size}) to logits (N, {card.num_classes})."""')
    *before, last = parts
    lines += [f"        x = self.{part.name}(x)" for part in before]
    return [*lines, f"        return self.{last.name}(x)"]


def _assigned(name: str, chain: tuple[Expression, ...], *, indent: int = 2) -> list[str]:
    return statement(Call("nn.Sequential", chain, tall=True), indent=indent, before=f"self.{name} = ")


def _repeated(calls: list[Expression]) -> list[Expression]:
    """Return calls with those that stand several times in a row written once."""
    merged: list[Expression] = []
    place = 0
    while place < len(calls):
        call, times = calls[place], 1
        while calls[place : place + times + 1] == [call] * (times + 1):
            times += 1
        is_block = isinstance(call, Call) and not call.name.startswith("nn.")
        if isinstance(call, Call) and is_block and times >= FIRST_REPEATED:
            merged.append(Repeated(call, times))
        else:
            merged += [call] * times
        place += times
    return merged


def _item(item: Item, classes: dict[Block, BlockClass]) -> Expression:
    if isinstance(item, Leaf):
        return _layer(item.kind, item.slots, item.bias)
    of = classes[item]
    return _call(of, dict(zip(of.parameters, of.arguments[item], strict=True)))


def _use(use: Use) -> Expression:
    return _call(use.of, dict(use.slots)) if use.of is not None else _layer(use.kind, use.slots, use.bias)


def _call(of: BlockClass, slots: "dict[str, Slot] | dict[str, int | float]") -> Call:
    """Return an instance of a class; the channels that come in and go out need no names."""
    plain = [name for name in of.parameters if name in ("width", "width_in", "width_out")]
    named = tuple((name, str(slots[name])) for name in of.parameters if name not in plain)
    return Call(of.name, tuple(str(slots[name]) for name in plain), named)


def _layer(kind: str, slots: "tuple[tuple[str, Slot], ...] | tuple[tuple[str, int | float], ...]", bias: bool) -> Call:
    """Return one of torch's layers: its first arguments need no names, and what is torch's default is left out."""
    given = dict(slots)
    plain = {"Conv2d": 2, "Linear": 2}.get(kind, 0 if kind.endswith("Pool2d") and kind != "AdaptiveAvgPool2d" else 1)
    words = list(given)
    defaults = DEFAULTS if kind == "Conv2d" else {"padding": 0}
    keywords = [(word, str(given[word])) for word in words[plain:] if given[word] != defaults.get(word)]
    if not bias:
        keywords.append(("bias", "False"))
    return Call(f"nn.{kind}", tuple(str(given[word]) for word in words[:plain]), tuple(keywords))


def _type(parameter: str) -> str:
    return PARAMETER_TYPES.get(parameter.rstrip("_0123456789"), "int")
