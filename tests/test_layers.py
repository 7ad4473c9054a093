"""The tree of layers: one canonical text for each network."""

import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anynas.layers import (
    Activation,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalPool,
    Layer,
    Linear,
    Norm,
    Pool,
    Residual,
    Scale,
    Sequence,
    canonical,
)

LEAVES: list[Layer] = [
    Conv(8, 3),
    Conv(8, 3, stride=2),
    Conv(8, 3, padding=2),
    Conv(8, 3, groups=2),
    Conv(8, 3, bias=True),
    Conv(8, 3, initialisation="xavier_uniform"),
    Norm(),
    Activation(),
    Activation("sigmoid"),
    Pool("max", 3, 2),
    Pool("average", 3, 2),
    GlobalPool(),
    Flatten(),
    Linear(8),
    Linear(8, bias=False),
    Dropout(0.5),
]


def trees() -> st.SearchStrategy[Layer]:
    def combined(layers: st.SearchStrategy[Layer]) -> st.SearchStrategy[Layer]:
        several = st.lists(layers, max_size=3).map(tuple)
        return st.one_of(
            st.builds(Sequence, several, name=st.sampled_from(["", "stem"])),
            st.builds(Residual, layers, layers),
            st.builds(Concat, several.filter(bool)),
            st.builds(Scale, layers),
        )

    return st.recursive(st.sampled_from(LEAVES), combined, max_leaves=6)


def normal_form(layer: Layer) -> tuple[Any, ...]:
    """Return the steps of a network as nested tuples: sequences dissolved, all fields spelled out."""
    match layer:
        case Sequence(layers=layers):
            return tuple(step for child in layers for step in normal_form(child))
        case Residual(body=body, shortcut=shortcut):
            return (("Residual", normal_form(body), normal_form(shortcut)),)
        case Concat(branches=branches):
            return (("Concat", *map(normal_form, branches)),)
        case Scale(gate=gate):
            return (("Scale", normal_form(gate)),)
    return ((type(layer).__name__, *dataclasses.astuple(layer)),)


def wrapped(layer: Layer) -> Layer:
    """Return the same network with every layer inside a named sequence between two empty ones."""
    match layer:
        case Sequence(layers=layers):
            layer = Sequence(tuple(map(wrapped, layers)))
        case Residual(body=body, shortcut=shortcut):
            layer = Residual(wrapped(body), wrapped(shortcut))
        case Concat(branches=branches):
            layer = Concat(tuple(map(wrapped, branches)))
        case Scale(gate=gate):
            layer = Scale(wrapped(gate))
    return Sequence((Sequence(), layer, Sequence(name="empty")), name="wrapped")


def test_canonical_text_lists_the_layers_with_the_fields_that_differ_from_their_defaults() -> None:
    stem = Sequence((Conv(8, 3, 2, padding=1), Norm(), Activation()), name="stem")
    head = Sequence((GlobalPool(), Flatten(), Linear(10)), name="head")
    assert canonical(Sequence((stem, head))) == (
        '[["Conv",["width",8],["kernel",3],["stride",2],["padding",1]],["Norm"],["Activation"],'
        '["GlobalPool"],["Flatten"],["Linear",["width",10]]]'
    )


def test_canonical_text_of_branches_lists_the_steps_of_each() -> None:
    assert canonical(Residual(Norm())) == '[["Residual",["body",[["Norm"]]]]]'
    assert canonical(Residual(Norm(), Conv(8, 1))) == (
        '[["Residual",["body",[["Norm"]]],["shortcut",[["Conv",["width",8],["kernel",1]]]]]]'
    )
    assert canonical(Concat((Sequence(), Norm()))) == '[["Concat",["branches",[[],[["Norm"]]]]]]'


@given(trees())
@settings(deadline=None)
def test_names_and_nested_sequences_are_no_part_of_a_networks_identity(tree: Layer) -> None:
    assert canonical(wrapped(tree)) == canonical(tree)


@given(trees(), trees())
@settings(deadline=None)
def test_two_trees_have_one_canonical_text_exactly_if_they_describe_one_network(a: Layer, b: Layer) -> None:
    assert (canonical(a) == canonical(b)) == (normal_form(a) == normal_form(b))


def test_no_two_different_layers_share_a_canonical_text() -> None:
    texts = {canonical(layer) for layer in LEAVES}
    assert len(texts) == len(LEAVES)


def test_the_branch_in_which_a_layer_stands_is_part_of_a_networks_identity() -> None:
    a, b = Conv(8, 1), Conv(8, 3, padding=1)
    different = [
        Sequence((a, b)),
        Sequence((b, a)),
        Residual(a, b),
        Residual(b, a),
        Residual(Sequence((a, b))),
        Concat((a, b)),
        Concat((b, a)),
        Concat((Sequence((a, b)),)),
        Concat((Sequence(), a, b)),
        Scale(Sequence((a, b))),
    ]
    assert len({canonical(layer) for layer in different}) == len(different)


@given(trees())
@settings(deadline=None)
def test_canonical_text_is_json(tree: Layer) -> None:
    assert len(json.loads(canonical(tree))) == len(normal_form(tree))


@pytest.mark.parametrize("layer", [Conv(8, 3), Linear(10), Sequence(), Residual(Norm())])
def test_layers_are_frozen(layer: Layer) -> None:
    field = dataclasses.fields(layer)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(layer, field, getattr(layer, field))


def test_describing_and_counting_a_network_loads_neither_torch_nor_pandas() -> None:
    program = (
        "import sys\n"
        "from anynas.architecture import load_architecture\n"
        "from anynas.counting import complexity\n"
        "complexity(load_architecture('regnetx_200mf'), input_shape=(3, 32, 32), num_classes=10)\n"
        "print(*sorted({'torch', 'pandas', 'optuna', 'ray'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
