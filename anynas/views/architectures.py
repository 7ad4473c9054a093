"""An architecture as pieces: its drawing, its costs, what was chosen for it."""

import contextlib
from collections.abc import Sequence

from markupsafe import Markup

from anynas.architecture import Architecture, images_of, load_architecture, named_architectures
from anynas.counting import complexity
from anynas.designspace.loading import own_regime
from anynas.errors import ArchitectureError
from anynas.families.anynet import AnyNet
from anynas.layers import Shape
from anynas.pieces import Facts, Network, Table
from anynas.regimes import REGIMES, Regime, load_regime
from anynas.terminal import count
from anynas.views.diagrams import network_diagram
from anynas.views.spaces import choices_of

Images = tuple[Shape, int]  # (C, H, W), and the number of classes


def network_piece(
    architecture: Architecture, images: Images | None, *, heading: str, facts: Sequence[tuple[str, str]]
) -> Network:
    """Return an architecture as pages show it; there is no drawing where its images are not known, or too small.

    Args:
        architecture: Which.
        images: That it is for.
        heading: Above it.
        facts: Its error and cost.
    """
    diagram = Markup("")
    if images is not None:
        with contextlib.suppress(ArchitectureError):  # of results alone the images are those of the regime today
            diagram = Markup(network_diagram(architecture, input_shape=images[0], num_classes=images[1]))
    choices = choices_of(architecture)
    tables = [
        Table(
            caption=f"Each {columns[0]}, as drawn",
            columns=columns,
            rows=[list(map(str, row)) for row in rows],
        )
        for columns, rows in choices.tables
    ]
    return Network(
        heading=heading, facts=Facts(facts=facts), diagram=diagram, tables=tables, once=", ".join(choices.once)
    )


def diagram_legend(family: str) -> str:
    """Return how drawings of a family's networks, and the tables beside them, are to be read."""
    stages = "b is the bottleneck ratio, g the group width. " if family == "anynet" else ""
    return (
        "Drawings: from left to right the parts that have weights, as high as they are wide (the number above), with a "
        f"bar for each block or layer; below, the size of the images that they put out. {stages}Drawings have the "
        "widths that are built; tables have those that were drawn, before they are rounded so that ratios and groups "
        "divide them."
    )


def images_for(architecture: Architecture) -> Images | None:
    """Return the images that an architecture was made for, as far as it shows; None if all that is known are too small.

    A named network's are its own. An AnyNet's stem is its regime's; any other family has its own space.
    """
    name = name_of(architecture)
    if name is not None:
        return images_of(name)
    for regime in (*_likely(architecture), load_regime("imagenet")):
        with contextlib.suppress(ArchitectureError):
            complexity(architecture, input_shape=regime.input_shape, num_classes=regime.num_classes)
            return regime.input_shape, regime.num_classes
    return None


def name_of(architecture: Architecture) -> str | None:
    """Return the name by which `load_architecture` knows an architecture; None if it has none."""
    return next((name for name in named_architectures() if load_architecture(name) == architecture), None)


def cost_facts(architecture: Architecture, images: Images) -> list[tuple[str, str]]:
    """Return what a network costs on its images."""
    shape, classes = images
    counted = complexity(architecture, input_shape=shape, num_classes=classes)
    return [
        ("images", f"{'×'.join(map(str, shape))}, {classes:,} classes"),
        ("flops (multiply-adds)", count(counted.flops)),
        ("params", count(counted.params)),
        ("activations", count(counted.activations)),
    ]


def _likely(architecture: Architecture) -> list[Regime]:
    parameters = architecture.parameters
    if not isinstance(parameters, AnyNet):
        return [own_regime(architecture)]
    stem = (parameters.stem_width, parameters.stem_stride)
    return [regime for regime in REGIMES.values() if stem == (regime.stem_width, regime.stem_stride)]
