"""A network as a small drawing: its parts from left to right, as high as they are wide and as long as they are deep.

Any family's: what is drawn is the top level of its tree. The drawing is SVG without ids, styles of a page or fixed
colours, so that several may stand in one page, light or dark.
"""

import dataclasses
from html import escape

from anynas.architecture import Architecture
from anynas.counting import image_shape, measure
from anynas.families.anynet import AnyNet
from anynas.layers import Concat, Conv, Layer, Linear, Residual, Scale, Sequence, Shape
from anynas.terminal import plural

HEIGHT = 64.0  # of the widest part, pixels
LEAST = 3.0  # of the narrowest
BLOCK, MOST = 9.0, 150.0  # length of a block, and of a part: one with many has shorter blocks
SPACE = 10.0  # between two parts
LETTER, LINE = 6.6, 12.5  # a letter's width at most, and a line's height, of labels
LARGE, SMALL = 1.3, 0.9  # how large it may become where there is room, and how small where there is not
HEAD = 14.0  # above the parts: their widths


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One element of a network's top level that has weights; what has none is left out."""

    name: str  # as the tree has it, or what it is
    depth: int  # blocks, or layers with weights where it has none
    width: int  # channels or features that it puts out, as built
    size: str  # of the images that it puts out; empty where there are none
    of: str  # what depth counts: "block", "convolution", "linear layer"
    detail: str = ""  # what else its family says of it

    @property
    def text(self) -> str:
        """The part in words."""
        words = [f"{self.name}: {plural(self.depth, self.of)} of width {self.width:,}"]
        words += [f"images {self.size}"] if self.size else []
        return ", ".join([*words, self.detail] if self.detail else words)


def network_parts(architecture: Architecture, *, input_shape: Shape, num_classes: int) -> list[Part]:
    """Return the parts of a network that have weights, from its input on.

    Args:
        architecture: Which network.
        input_shape: One image, (C, H, W).
        num_classes: Number of logits.

    Raises:
        ArchitectureError: The input is too small for the network's strides.
    """
    shape = image_shape(input_shape)
    parts: list[Part] = []
    for layer in architecture.layers(num_classes).layers:
        images, shape = shape, measure(layer, shape)[0]
        depth, of = _depth(layer)
        if depth:
            images = shape if len(shape) == 3 else _last_images(layer, images)
            parts.append(
                Part(
                    name=_name(layer, of, len(parts) + 1),
                    depth=depth,
                    width=shape[0],
                    size="" if of == "linear layer" else f"{images[1]}×{images[2]}",
                    of=of,
                    detail=_detail(architecture, layer),
                )
            )
    return parts


def network_diagram(architecture: Architecture, *, input_shape: Shape, num_classes: int) -> str:
    """Return a network's drawing, an `<svg>` element; arguments and errors are those of `network_parts`."""
    parts = network_parts(architecture, input_shape=input_shape, num_classes=num_classes)
    widest = max([part.width for part in parts if part.of != "linear layer"] or [part.width for part in parts])
    middle, below = HEAD + HEIGHT / 2, HEAD + HEIGHT + LINE
    rows = max(3 + bool(part.detail) for part in parts)
    drawn, left = [], 0.0
    for part in parts:
        deep = part.of == "block" or part.depth > 1
        labels = [part.name, part.size, f"× {part.depth}" if deep else "", part.detail]
        block = min(BLOCK, MOST / part.depth)
        bars = part.depth * block
        room = max([bars, *(LETTER * len(label) for label in (*labels, f"{part.width:,}"))])
        high = min(max(HEIGHT * part.width / widest, LEAST), HEIGHT)
        centre = left + room / 2
        for number in range(part.depth):
            x = centre - bars / 2 + number * block
            drawn.append(
                f'<rect x="{x:.1f}" y="{middle - high / 2:.1f}" width="{block - 1:.1f}" height="{high:.1f}" rx="1" '
                f'fill="currentColor" fill-opacity="{0.35 if part.of == "linear layer" else 0.75}"/>'
            )
        drawn.append(_text(centre, HEAD - 4, f"{part.width:,}", strong=True))
        drawn += [_text(centre, below + place * LINE, label) for place, label in enumerate(labels) if label]
        left += room + SPACE
    width, height = max(left - SPACE, 1.0), below + (rows - 0.6) * LINE
    line = f'<path d="M0 {middle:.1f}H{width:.1f}" stroke="currentColor" stroke-opacity="0.4" fill="none"/>'
    words = escape("; ".join(part.text for part in parts))
    return (
        f'<svg class="network" role="img" aria-label="{words}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'style="width: {LARGE * width:.0f}px; min-width: {SMALL * width:.0f}px; max-width: 100%; height: auto" '
        f'font-size="10" font-family="sans-serif">'
        f"{line}{''.join(drawn)}</svg>"
    )


def _text(x: float, y: float, text: str, *, strong: bool = False) -> str:
    weight = ' font-weight="bold"' if strong else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="currentColor"{weight}>{escape(text)}</text>'


def _depth(layer: Layer) -> tuple[int, str]:
    """Return how deep a part is, and what is counted: its blocks, or else its layers with weights."""
    match layer:
        case Sequence(layers=layers):
            blocks = [child for child in layers if isinstance(child, (Sequence, Residual, Concat)) and _depth(child)[0]]
            if blocks:
                return len(blocks), "block"
            kinds = [_depth(child) for child in layers]
            of = next((of for depth, of in kinds if depth and of != "linear layer"), "linear layer")
            return sum(depth for depth, _ in kinds), of
        case Residual(body=body):
            return (1, "block") if _depth(body)[0] else (0, "block")
        case Concat(branches=branches):
            return (1, "block") if any(_depth(branch)[0] for branch in branches) else (0, "block")
        case Scale(gate=gate):
            return _depth(gate)
        case Conv():
            return 1, "convolution"
        case Linear():
            return 1, "linear layer"
    return 0, ""


def _last_images(layer: Layer, shape: Shape) -> Shape:
    """Return the last images (C, H, W) with more than a pixel in a part that ends flat, as GoogLeNet's last does."""
    last = shape
    for child in layer.layers if isinstance(layer, Sequence) else ():
        shape = measure(child, shape)[0]
        last = shape if len(shape) == 3 and shape[1:] != (1, 1) else last
    return last


def _name(layer: Layer, of: str, number: int) -> str:
    if isinstance(layer, Sequence) and (layer.name or of != "linear layer"):
        return layer.name or f"part {number}"
    return {"convolution": "conv", "linear layer": "linear"}.get(of, of)


def _detail(architecture: Architecture, layer: Layer) -> str:
    """Return what an AnyNet has in a stage beside depth and width: its bottleneck ratio b and group width g."""
    parameters = architecture.parameters
    if not isinstance(parameters, AnyNet) or not isinstance(layer, Sequence) or not layer.name.startswith("stage"):
        return ""
    stage = int(layer.name.removeprefix("stage")) - 1
    ratio, group_width = f"b {parameters.bottleneck_ratios[stage]}", f"g {parameters.group_widths[stage]}"
    return {"X": f"{ratio} {group_width}", "Y": f"{ratio} {group_width}", "R": ratio}.get(parameters.block, "")
