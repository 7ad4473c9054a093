"""Pictures: results -> Axes, one function a figure. Nothing is computed here that a reader might want as a number."""

from anynas.figures.complexity import draw_complexity
from anynas.figures.differences import draw_claims, draw_quantiles
from anynas.figures.edfs import draw_edf, draw_panel
from anynas.figures.inline import inline_svg
from anynas.figures.learning import draw_expected_best, draw_learning
from anynas.figures.looks import Look, looks
from anynas.figures.pages import save, save_page
from anynas.figures.parameters import draw_choices, draw_values
from anynas.figures.search import draw_error_flops, draw_front, draw_search
from anynas.figures.study import draw_study

__all__ = [
    "Look",
    "draw_choices",
    "draw_claims",
    "draw_complexity",
    "draw_edf",
    "draw_error_flops",
    "draw_expected_best",
    "draw_front",
    "draw_learning",
    "draw_panel",
    "draw_quantiles",
    "draw_search",
    "draw_study",
    "draw_values",
    "inline_svg",
    "looks",
    "save",
    "save_page",
]
