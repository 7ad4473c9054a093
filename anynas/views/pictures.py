"""What the commands print about a user's own pictures, before they are trained on."""

from typing import TYPE_CHECKING

from rich.console import Console

from anynas.errors import shown
from anynas.terminal import plural

if TYPE_CHECKING:
    from anynas.data import DataSet

MOST_NAMES = 12  # classes that are named


def print_pictures(console: Console, data: "DataSet") -> None:
    """Print where pictures are, what they were made into, how they were split, and which files were skipped."""
    pictures = data.pictures
    if pictures is None:
        return
    size = "x".join(map(str, data.image_shape))
    training, validation, test = pictures.splits
    named = ", ".join(pictures.class_names[:MOST_NAMES])
    more = len(pictures.class_names) - MOST_NAMES
    lines = [
        f"pictures of {shown(pictures.folder)} as {size}: {training:,} for training, {validation:,} for validation, "
        f"{test:,} for test",
        f"{len(pictures.class_names)} classes: {named}{f' and {more} more' if more > 0 else ''}",
    ]
    if pictures.skipped:
        lines.append(f"{plural(pictures.skipped, 'file')} skipped; all are listed in {pictures.skipped_list}")
        lines += [f"  {line}" for line in pictures.first_skipped]
    for line in lines:
        console.print(line, soft_wrap=True)
