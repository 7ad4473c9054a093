"""Blocks of one structure as one class with parameters: what differs between them, by name.

Which slots of a class share a parameter follows from how channels flow through it, and from the values that its blocks
have there. A number that is the same in all blocks and is no width stands in the class as it is.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from anynas.exporting.blocks import Block, Item, Leaf, Number, blocks_in

Values: TypeAlias = tuple[Number | None, ...]  # a slot's, one a block; None where the block has no such slot
Slot: TypeAlias = str | Number  # a parameter's name, or a number

INPUTS = ("width_in", "width")  # parameters for the channels that reach a block; the second where they also leave it


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """An item of a class's chain: a layer, or another class, with a name or a number for each of its slots."""

    kind: str
    slots: tuple[tuple[str, Slot], ...]
    bias: bool = True
    of: "BlockClass | None" = None


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class BlockClass:
    """A class, and the arguments of each block that is one of its instances."""

    name: str
    kind: str
    chains: tuple[tuple[Use, ...], ...]
    after: str
    parameters: tuple[str, ...]
    shortcut_if: str  # condition under which a residual has a shortcut's layers; "" for always or never
    arguments: dict[Block, tuple[Number, ...]]  # in the order of the parameters


def classes_of(items: Iterable[Item], *, block_name: str) -> dict[Block, BlockClass]:
    """Return the class of every block, those that others use first.

    Args:
        items: A network's.
        block_name: What its own blocks are called.
    """
    groups: dict[object, list[Block]] = {}
    for block in blocks_in(tuple(items)):
        group = groups.setdefault(_structure(block, with_shortcut=False), [])
        if block not in group:
            group.append(block)
    found: dict[Block, BlockClass] = {}
    names: dict[str, int] = {}
    for group in groups.values():
        for blocks in _with_like_shortcuts(group):
            base = "SqueezeExcitation" if blocks[0].kind == "scale" else block_name
            names[base] = names.get(base, 0) + 1
            name = base if names[base] == 1 else f"{base}{names[base]}"
            made = _Maker(blocks, found).made(name)
            found |= dict.fromkeys(blocks, made)
    return found


def _structure(item: Item, *, with_shortcut: bool = True) -> object:
    """Return what two blocks of one class have in common: everything but their numbers."""
    if isinstance(item, Leaf):
        return item.kind, item.bias
    chains = item.chains if with_shortcut or item.kind != "residual" else item.chains[:1]
    return item.kind, item.after, tuple(tuple(_structure(part) for part in chain) for chain in chains)


def _with_like_shortcuts(blocks: list[Block]) -> list[list[Block]]:
    """Return residuals in groups in which shape alone decides whether there is a shortcut's layers."""
    if blocks[0].kind != "residual":
        return [blocks]
    kinds = {_structure(block) for block in blocks if block.chains[1]}
    if len(kinds) <= 1 and _shortcut_condition(blocks) is not None:
        return [blocks]
    groups: dict[object, list[Block]] = {}
    for block in blocks:
        groups.setdefault(_structure(block), []).append(block)
    return list(groups.values())


def _shortcut_condition(blocks: list[Block]) -> str | None:
    """Return the condition under which a residual has a shortcut's layers; None where no shape tells."""
    have = [bool(block.chains[1]) for block in blocks]
    if all(have) or not any(have):
        return ""
    if have == [_width_out(block) != block.width_in for block in blocks]:
        return "width_in != width_out"
    if have == [_width_out(block) != block.width_in or _stride(block) != 1 for block in blocks]:
        return "width_in != width_out or stride != 1"
    return None


def _width_out(block: Block) -> Number:
    widths = [
        value
        for item in block.chains[0]
        if isinstance(item, Leaf)
        for name, value in item.slots
        if name == "out_channels"
    ]
    return widths[-1] if widths else block.width_in


def _stride(block: Block) -> Number:
    product: Number = 1
    for item in block.chains[0]:
        if isinstance(item, Leaf):
            product *= dict(item.slots).get("stride", 1)
    return product


class _Maker:
    """Makes the class of some blocks of one structure.

    Args:
        blocks: Each once.
        known: Classes of the blocks inside them.
    """

    def __init__(self, blocks: list[Block], known: dict[Block, BlockClass]) -> None:
        self._blocks, self._known = blocks, known
        self._values: dict[str, Values] = {}  # of each parameter, in the order of the parameters

    def made(self, name: str) -> BlockClass:
        """Return the class."""
        first = self._blocks[0]
        width_in = INPUTS[first.kind == "scale"]
        self._values[width_in] = tuple(block.width_in for block in self._blocks)
        self._input = width_in
        chains = tuple(self._chain(place) for place in range(len(first.chains)))
        condition = (_shortcut_condition(self._blocks) or "") if first.kind == "residual" else ""
        used = {slot for chain in chains for use in chain for _, slot in use.slots} | set(condition.split())
        parameters = tuple(parameter for parameter in _ordered(self._values) if parameter in used)
        arguments = {
            block: tuple(self._value(parameter, place) for parameter in parameters)
            for place, block in enumerate(self._blocks)
        }
        return BlockClass(name, first.kind, chains, first.after, parameters, condition, arguments)

    def _value(self, parameter: str, place: int) -> Number:
        value = self._values[parameter][place]
        assert value is not None
        return value

    def _chain(self, place: int) -> tuple[Use, ...]:
        """Return one of the chains with names in the place of numbers."""
        versions = [block.chains[place] for block in self._blocks]
        template = next((version for version in versions if version), ())
        width = self._input
        widths = self._widths_of(place, [version or None for version in versions], template)
        uses = []
        for position, item in enumerate(template):
            items = [version[position] if version else None for version in versions]
            if isinstance(item, Leaf):
                slots: list[tuple[str, Slot]] = []
                for slot_place, (slot, _) in enumerate(item.slots):
                    values = tuple(one.slots[slot_place][1] if isinstance(one, Leaf) else None for one in items)
                    if slot in ("in_channels", "num_features"):
                        width = self._reaching(width, values)
                        slots.append((slot, width))
                    elif slot == "out_channels":
                        width = widths[position]
                        slots.append((slot, width))
                    else:
                        slots.append((slot, self._slot(slot, values)))
                uses.append(Use(item.kind, tuple(slots), item.bias))
            else:
                of = self._known[item]
                passed: list[tuple[str, Slot]] = []
                for number, parameter in enumerate(of.parameters):
                    values = tuple(
                        self._known[one].arguments[one][number] if isinstance(one, Block) else None for one in items
                    )
                    if parameter in INPUTS:
                        width = self._reaching(width, values)
                        passed.append((parameter, width))
                    elif parameter == "width_out":
                        width = widths[position]
                        passed.append((parameter, width))
                    elif "width" in parameter:
                        passed.append((parameter, self._named(parameter, values)))
                    else:
                        passed.append((parameter, self._slot(parameter, values)))
                uses.append(Use(of.name, tuple(passed), of=of))
        return tuple(uses)

    def _reaching(self, width: str, values: Values) -> str:
        """Return the parameter for channels that reach an item: as followed so far, unless branches were joined."""
        return width if _agree(values, self._values[width]) else self._named("joined_width", values)

    def _widths_of(
        self, place: int, versions: Sequence[tuple[Item, ...] | None], template: tuple[Item, ...]
    ) -> dict[int, str]:
        """Return the parameter for the channels that each item of a chain puts out, by its position."""
        kind = self._blocks[0].kind
        found: list[tuple[int, Values]] = []
        for position, item in enumerate(template):
            columns = [version[position] if version else None for version in versions]
            if isinstance(item, Leaf) and "out_channels" in dict(item.slots):
                found.append(
                    (position, tuple(dict(c.slots)["out_channels"] if isinstance(c, Leaf) else None for c in columns))
                )
            elif isinstance(item, Block) and "width_out" in self._known[item].parameters:
                number = self._known[item].parameters.index("width_out")
                found.append(
                    (
                        position,
                        tuple(self._known[c].arguments[c][number] if isinstance(c, Block) else None for c in columns),
                    )
                )
        if not found:
            return {}
        several = kind == "concat" and sum(bool(chain) for chain in self._blocks[0].chains) > 1
        suffix = f"_{place + 1}" if several else ""
        last = {"scale": self._input, "concat": f"width{suffix}" if several else "added_width"}.get(kind, "width_out")
        inner = {"scale": "squeeze_width"}.get(kind, f"inner_width{suffix}")
        names: dict[int, str] = {}
        end = found[-1][1]
        for position, values in reversed(found):
            if _agree(values, end):
                names[position] = self._named(last, values, exactly=True)
            else:
                names[position] = self._named(inner, values)
        return names

    def _slot(self, slot: str, values: Values) -> Slot:
        """Return a number where all blocks have it, else a parameter."""
        some = {value for value in values if value is not None}
        if None in values:  # a shortcut's: as the body's, where that fits
            for name, others in self._values.items():
                if name.rstrip("_0123456789") == slot and _agree(values, others):
                    return name
        return some.pop() if len(some) == 1 else self._named(slot, values)

    def _named(self, name: str, values: Values, *, exactly: bool = False) -> str:
        """Return a parameter with these values: one that has them already, or a new one by this name."""
        number = 1
        while True:
            candidate = name if number == 1 else f"{name}_{number}"
            if candidate not in self._values:
                self._values[candidate] = values
                return candidate
            if _agree(values, self._values[candidate]):
                return candidate
            assert not exactly, f"{name} has two values"
            number += 1


def _ordered(names: Iterable[str]) -> list[str]:
    """Return parameters as people expect them: what comes in, what goes out, what is inside; then all others."""

    def rank(name: str) -> int:
        if name in INPUTS:
            return 0
        return 1 if name == "width_out" else 2 if "width" in name else 3

    return sorted(names, key=rank)


def _agree(values: Values, others: Values) -> bool:
    """Return whether two slots have the same number wherever both are."""
    return all(None in pair or pair[0] == pair[1] for pair in zip(values, others, strict=True))
