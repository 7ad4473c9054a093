"""Where Jupyter is met: what it shows of a thing, and who tells it how long work goes.

The things that are shown, and the work that is told of, are in rows far above what shows them. This module is the one
that reaches down: it knows no row but, when it is called, that of the views and that of progress.
"""

import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

warnings.filterwarnings("ignore", message="IProgress not found")  # widgets that Optuna's import asks for: none is drawn


def html_of(thing: object) -> str:
    """Return what a notebook's cell shows of a thing, as its `_repr_html_` does."""
    from anynas.views.cells import cell_of

    return cell_of(thing)


def show_text(thing: object, printer: Any) -> None:
    """Print what stands for a thing where there are no pictures, as its `_repr_pretty_` does.

    It is for things that know a folder: a notebook is given away with its outputs, and says nothing of whose it was.
    """
    from anynas.views.cells import text_of

    printer.text(text_of(thing))


def is_notebook() -> bool:
    """Return whether this is a Jupyter kernel; IPython is not imported to know it."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def reading_of(reading: Any) -> Any:
    """Return who is told how far decoding of pictures is: who the caller wants, else as for `told`; None is nobody."""
    if reading is None and is_notebook():
        from anynas.progress.notebook import PictureLine

        return PictureLine()
    return reading


def told(plan: object, progress: Any, silent: Any) -> "AbstractContextManager[Any]":
    """Return who is told how a plan goes, to be entered before it is run.

    Args:
        plan: Of a search, a study or a full training.
        progress: Who the caller wants; None: a line of the cell in a notebook, nobody elsewhere.
        silent: Nobody.
    """
    import contextlib

    if progress is None and is_notebook():
        from anynas.progress.notebook import reporter_for

        reporter: AbstractContextManager[Any] = reporter_for(plan)
        return reporter
    return contextlib.nullcontext(silent if progress is None else progress)
