"""What this machine has, and what a search on it would use."""

import importlib.metadata
import platform
from pathlib import Path

from anynas.data import cifar10
from anynas.data.fashion_mnist import DEBIAN
from anynas.data.official import cache_folder
from anynas.driver.search import DEFAULT_SAMPLER, DEFAULT_TRIALS
from anynas.execution.choosing import EXECUTORS, default_workers
from anynas.regimes import REGIMES
from anynas.training.devices import device_name, processor_name, resolve_device

LIBRARIES = ("anynas", "torch", "ray", "optuna", "numpy", "scipy", "pandas", "seaborn")


def examine() -> dict[str, dict[str, str]]:
    """Return findings by heading: machine, data, versions, and what `search` would use."""
    import torch

    device = resolve_device("auto")
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    regime = REGIMES["fashion"]
    return {
        "machine": {
            "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
            "processor": processor_name(),
            "cores": str(default_workers("cpu")),
            "memory": _memory(),
            "GPU": ", ".join(gpus) or "none",
        },
        "data": {
            "fashion-mnist-mini": "here, it comes with anynas",
            "fashion-mnist": _where_is_fashion_mnist(),
            "cifar10": _where_is_cifar10(),
            "synthetic": "here, it is made when needed",
        },
        "versions": {name: _version(name) for name in LIBRARIES},
        "search would use": {
            "executor": EXECUTORS[0],
            "workers": str(default_workers(device.type)),
            "device": f"{device.type} ({device_name(device)})",
            "data": regime.data,
            "fidelity": f"{regime.fidelity.epochs} epochs",
            "sampler": f"{DEFAULT_SAMPLER}, {DEFAULT_TRIALS} trials",
        },
    }


def _memory() -> str:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    except OSError:
        return "unknown"
    return f"{kilobytes['MemTotal'] / 2**20:.1f} GiB, {kilobytes['MemAvailable'] / 2**20:.1f} GiB of it free"


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
