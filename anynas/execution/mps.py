"""NVIDIA's Multi-Process Service for the processes that a run starts: their kernels then share a GPU at the same time.

Without it, processes on one GPU take turns. The service is a daemon of this run alone: it is told its own folders, and
ends with the run; settings of the GPU stay as they are.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

CONTROL = "nvidia-cuda-mps-control"
PATIENCE_SECONDS = 30.0


@contextlib.contextmanager
def mps() -> Iterator[bool]:
    """Keep the service running; yields whether it does: processes started meanwhile use it.

    It does not where its program is missing or says no; all works without it, only slower. This process must not have
    touched CUDA before, or it stays outside.
    """
    control = shutil.which(CONTROL)
    if control is None:
        yield False
        return
    with tempfile.TemporaryDirectory(prefix="mps-", ignore_cleanup_errors=True) as folder:
        variables = {f"CUDA_MPS_{name}_DIRECTORY": str(Path(folder, name.lower())) for name in ("PIPE", "LOG")}
        for path in variables.values():
            Path(path).mkdir()
        environment = {**os.environ, **variables}
        if not _told([control, "-d"], "", environment):
            yield False
            return
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield True
        finally:
            _told([control], "quit\n", environment)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _told(command: list[str], text: str, environment: dict[str, str]) -> bool:
    """Return whether a command took what it was told."""
    try:
        done = subprocess.run(
            command,
            input=text,
            env=environment,
            timeout=PATIENCE_SECONDS,
            check=False,
            text=True,
            stdout=subprocess.DEVNULL,  # not a pipe: the daemon would keep it open
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
