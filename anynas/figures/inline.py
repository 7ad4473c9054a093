"""A panel as SVG for a page that has others beside it: one element, whose ids are its own, and no other file or font.

What matplotlib writes is a file of its own: styles for everything in the document, ids that the next figure has too,
namespaces, links and a date. All of that is taken out, so that equal panels are equal texts.
"""

import io
import re
import warnings
import xml.etree.ElementTree as ET
from typing import Any

from anynas.figures.pages import TEXT, Draw

FONTS = ["DejaVu Sans", "Verdana", "Arial", "Helvetica"]  # the widest first: what replaces it needs no more room
DPI = 200  # of what is drawn as an image
DIGITS = re.compile(r"-?\d+\.\d{3,}")  # more than a hundredth of a point is not seen
UNREADABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # what no XML may hold
HATCHED = re.compile(r"(fill: url\(#([^)]+)\)); fill-opacity: ([\d.]+)")
REFERENCES = re.compile(r"url\(#([^)]+)\)")
VECTOR: dict[Any, Any] = {
    "svg.fonttype": "none",  # texts stay texts: to be read aloud, searched and copied
    "svg.hashsalt": "anynas",
    "font.family": "sans-serif",
    "font.sans-serif": FONTS,
}


def inline_svg(
    draw: Draw, *, prefix: str, label: str, width: float = 3.5, height: float = 3.0, image_below: float | None = None
) -> str:
    """Return a panel as an `<svg>` element.

    Args:
        draw: Called with the Axes.
        prefix: Of all its ids; no two elements of a page may have the same.
        label: What it shows, for those who don't see it.
        width: Inches.
        height: Inches.
        image_below: What lies below this z-order becomes one image within the SVG: thousands of points are smaller so.
    """
    import seaborn
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with seaborn.axes_style("ticks"), rc_context({**TEXT, **VECTOR}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")  # a browser has other fonts
        figure = Figure(figsize=(width, height), layout="constrained")  # not pyplot's: no backend is touched
        ax = figure.subplots()
        draw(ax)
        ax.set_rasterization_zorder(image_below)
        seaborn.despine(figure)
        written = io.BytesIO()
        figure.savefig(written, format="svg", dpi=DPI, metadata={"Date": None})
    root = ET.fromstring(UNREADABLE.sub("\ufffd", written.getvalue().decode("utf-8")))
    for parent in [each for each in root.iter() if len(each)]:
        for child in list(parent):
            if _name(child.tag) in ("metadata", "style"):
                parent.remove(child)
    _show_hatches(root)
    for element in root.iter():
        element.tag, element.tail = _name(element.tag), None
        element.text = element.text if element.tag == "text" else None
        for name, value in list(element.attrib.items()):
            del element.attrib[name]
            element.set(_name(name), _attribute(_name(name), value, prefix))
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {
        "class": "chart",
        "role": "img",
        "aria-label": UNREADABLE.sub("\ufffd", label),
        "style": "stroke-linejoin: round; stroke-linecap: butt",
    }
    return ET.tostring(root, encoding="unicode")


def _show_hatches(root: ET.Element) -> None:
    """Make areas alone transparent, where matplotlib makes their hatches so too, which then are not to be seen."""
    grounds = {each.get("id"): each[0] for each in root.iter() if _name(each.tag) == "pattern"}
    for element in root.iter():
        if found := HATCHED.search(element.get("style", "")):
            grounds[found[2]].set("fill-opacity", found[3])
            element.set("style", element.attrib["style"].replace(found[0], found[1]))


def _name(qualified: str) -> str:
    """Return a name without its namespace, which HTML knows by itself."""
    return qualified.rpartition("}")[2]


def _attribute(name: str, value: str, prefix: str) -> str:
    if name == "id":
        return f"{prefix}-{value}"
    if name in ("d", "transform", "x", "y"):
        return DIGITS.sub(lambda found: f"{float(found[0]):.2f}", value)
    if name == "href" and value.startswith("#"):
        return f"#{prefix}-{value[1:]}"
    return REFERENCES.sub(rf"url(#{prefix}-\1)", value)
