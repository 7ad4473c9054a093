"""One side of a comparison in a fresh process, so that neither finds what the other has loaded, started or warmed up.

python -m benchmarks.sides trials:anynas FOLDER    reads a request from standard input, writes FOLDER/answer.json
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measuring import BenchmarkError, Measurement

ROOT = Path(__file__).parents[1]
QUIET = {  # Ray reports nothing, and writes nothing outside its temporary folder, as under anynas
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def run_side(name: str, **request: Any) -> Measurement:
    """Return what a side answers, with the request and `spawned`, the time at which its process was started.

    Args:
        name: MODULE:FUNCTION within this package; the function takes (request, folder of its own).
        **request: JSON-ready.

    Raises:
        BenchmarkError: It ended with an error.
    """
    with tempfile.TemporaryDirectory() as folder:
        spawned = time.time()
        process = subprocess.run(
            [sys.executable, "-m", "benchmarks.sides", name, folder],
            input=json.dumps(request),
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode != 0:
            lines = process.stderr.strip().splitlines() or ["nothing on standard error"]
            raise BenchmarkError(f"{name} must end with code 0; got {process.returncode}: {lines[-1]}")
        answer = json.loads((Path(folder) / "answer.json").read_text(encoding="utf-8"))
    return {**request, "spawned": spawned, **answer}


def environment() -> dict[str, str]:
    """Return the environment of all sides: this tree first, and a quiet Ray."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **QUIET, "PYTHONPATH": path}


def _main(name: str, folder: str) -> None:
    module, _, function = name.partition(":")
    side = getattr(importlib.import_module(f"benchmarks.{module}"), function)
    answer = side(json.load(sys.stdin), Path(folder))
    (Path(folder) / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    _main(*sys.argv[1:])
