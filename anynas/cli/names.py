"""Names that options take, for their help and for the shell, known without loading what they name; tests hold them
against their homes.
"""

from collections.abc import Sequence

CLAIMS = ("improves", "no_effect")
CONTROLS = ("none", "flops", "params", "activations")
DATA_SETS = ("cifar10", "fashion-mnist", "fashion-mnist-mini", "synthetic")
DEVICES = ("auto", "cpu", "cuda")
EXECUTORS = ("ray", "process", "inline")
FORMATS = ("python", "torch", "onnx", "torchvision")
METHODS = ("weights", "regression")
OBJECTIVES = ("error", "error,flops", "error,params", "error,activations")
REGIMES = ("fashion", "cifar", "imagenet")
SAMPLERS = ("tpe", "gp", "nsga2", "random", "qmc")
SHELLS = ("bash", "zsh", "fish")
STATISTICS = ("trimmed_mean", "mean", "median")


def one_of(names: Sequence[str]) -> str:
    """Return "a, b or c"."""
    *before, last = names
    return f"{', '.join(before)} or {last}"
