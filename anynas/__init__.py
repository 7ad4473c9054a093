"""anynas: neural architecture search and design-space design for convolutional networks.

Public names are loaded when they are first used, so that `import anynas` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from anynas.analysis.compare import compare
    from anynas.analysis.comparison import Comparison
    from anynas.analysis.edf import EDF, edf
    from anynas.analysis.expected import expected_best
    from anynas.analysis.populations import compare_populations
    from anynas.architecture import Architecture, anynet, load_architecture, regnet
    from anynas.counting import Complexity, complexity, layer_summary
    from anynas.data.suiting import regime_for
    from anynas.designspace import DesignSpace, load_space
    from anynas.driver.search import search
    from anynas.errors import AnynasError
    from anynas.exporting.export import export
    from anynas.networks import build
    from anynas.regimes import Regime
    from anynas.report import write_report
    from anynas.store import Run, load_run
    from anynas.study.judging import Verdicts, judge
    from anynas.study.running import run_study
    from anynas.training import train
    from anynas.training.fully import train_fully
    from anynas.training.trained import Trained, load_trained
    from anynas.trials import Fidelity, Recipe, Trial, TrialResult, load_fidelity, load_recipe

_HOMES = {  # public name -> module
    "AnynasError": "errors",
    "Architecture": "architecture",
    "Comparison": "analysis.comparison",
    "Complexity": "counting",
    "DesignSpace": "designspace",
    "EDF": "analysis.edf",
    "Fidelity": "trials",
    "Recipe": "trials",
    "Regime": "regimes",
    "Run": "store",
    "Trained": "training.trained",
    "Trial": "trials",
    "TrialResult": "trials",
    "Verdicts": "study.judging",
    "anynet": "architecture",
    "build": "networks",
    "compare": "analysis.compare",
    "compare_populations": "analysis.populations",
    "complexity": "counting",
    "edf": "analysis.edf",
    "expected_best": "analysis.expected",
    "export": "exporting.export",
    "judge": "study.judging",
    "layer_summary": "counting",
    "load_architecture": "architecture",
    "load_fidelity": "trials",
    "load_recipe": "trials",
    "load_run": "store",
    "load_space": "designspace",
    "load_trained": "training.trained",
    "regime_for": "data.suiting",
    "regnet": "architecture",
    "run_study": "study.running",
    "search": "driver.search",
    "train": "training",
    "train_fully": "training.fully",
    "write_report": "report",
}

__all__ = [  # noqa: RUF022 - one list with _HOMES, which a test compares
    "AnynasError",
    "Architecture",
    "Comparison",
    "Complexity",
    "DesignSpace",
    "EDF",
    "Fidelity",
    "Recipe",
    "Regime",
    "Run",
    "Trained",
    "Trial",
    "TrialResult",
    "Verdicts",
    "anynet",
    "build",
    "compare",
    "compare_populations",
    "complexity",
    "edf",
    "expected_best",
    "export",
    "judge",
    "layer_summary",
    "load_architecture",
    "load_fidelity",
    "load_recipe",
    "load_run",
    "load_space",
    "load_trained",
    "regime_for",
    "regnet",
    "run_study",
    "search",
    "train",
    "train_fully",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'anynas' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"anynas.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
