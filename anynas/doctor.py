"""What this machine has, and what a search on it would use."""

import importlib.metadata
import platform
from pathlib import Path
from typing import Any

from anynas.data import cifar10
from anynas.data.fashion_mnist import DEBIAN
from anynas.data.official import cache_folder
from anynas.driver.search import DEFAULT_SAMPLER, DEFAULT_TRIALS
from anynas.execution.choosing import EXECUTORS, default_workers
from anynas.regimes import REGIMES
from anynas.training.devices import device_name, processor_name, resolve_device

LIBRARIES = ("anynas", "torch", "ray", "optuna", "numpy", "scipy", "pandas", "seaborn")


def examine() -> dict[str, dict[str, Any]]:
    """Return findings by heading: machine, data, versions, and what `search` would use; None is what is not known."""
    import torch

    device = resolve_device("auto")
    regime = REGIMES["fashion"]
    return {
        "machine": {
            "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
            "processor": processor_name(),
            "cores": default_workers("cpu"),
            **_memory(),
            "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        },
        "data": {
            "fashion-mnist-mini": "here, it comes with anynas",
            "fashion-mnist": _where_is_fashion_mnist(),
            "cifar10": _where_is_cifar10(),
            "synthetic": "here, it is made when needed",
        },
        "versions": {name: _version(name) for name in LIBRARIES},
        "search_would_use": {
            "executor": EXECUTORS[0],
            "workers": default_workers(device.type),
            "device": f"{device.type} ({device_name(device)})",
            "data": regime.data,
            "epochs": regime.fidelity.epochs,
            "sampler": DEFAULT_SAMPLER,
            "trials": DEFAULT_TRIALS,
        },
    }


def _memory() -> dict[str, int | None]:
    """Return this machine's memory, and how much of it is free, in bytes."""
    names = {"memory_bytes": "MemTotal", "memory_free_bytes": "MemAvailable"}
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return dict.fromkeys(names)
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return {name: 1024 * kilobytes[theirs] for name, theirs in names.items()}


def _where_is_fashion_mnist() -> str:
    for folder in (cache_folder() / "fashion-mnist", DEBIAN):
        if folder.is_dir() and len(list(folder.glob("*.gz"))) >= 4:
            return f"here, in {folder}"
    return "not here; downloaded when first asked for, 30 MB"


def _where_is_cifar10() -> str:
    path = cache_folder() / "cifar10" / cifar10.NAME
    return f"here, in {path.parent}" if path.is_file() else "not here; downloaded when first asked for, 170 MB"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
