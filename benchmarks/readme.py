"""README's code blocks in an empty environment: python -m benchmarks.readme

Clones a repository into an empty folder, makes an empty virtual environment beside it, and runs the blocks of the
clone's README in order, word for word, as somebody would who sees anynas for the first time: nothing is cached. It
stops at the first block that fails. What each block took, and the time from clone to the first result, which is the end
of the first block, is written as JSON; docs/performance.md shows it.

The standard library is enough for it: what tells of the machine and the versions is asked of the new environment.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.blocks import Block, Ran, blocks, environment_of, run_blocks, without_comment

ROOT = Path(__file__).parents[1]
RUN = ("bash", "python", "toml")  # languages; blocks in others are only shown
TEST = "test"  # the mark of the block that runs all tests
ABOUT = "import json; from benchmarks.results import *; print(json.dumps([commit(), machine(), versions()]))"
WIDTH = 60  # columns of a block's first line


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0 if all blocks work, 1 if one does not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readme", description=__doc__.partition("\n")[0])
    parser.add_argument("--source", default=str(ROOT), help="what is cloned: a folder or a URL (this repository)")
    parser.add_argument("--out", metavar="FILE", help="where the result is written as JSON (nowhere)")
    parser.add_argument("--with-tests", action="store_true", help="also run the block that runs all tests")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="readme-") as folder:
        result = try_readme(options.source, Path(folder), with_tests=options.with_tests)
    failed = [block for block in result["blocks"] if block["exit_code"]]
    if options.out and not failed:
        Path(options.out).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 1 if failed else 0


def try_readme(source: str, folder: Path, *, with_tests: bool) -> dict[str, Any]:
    """Return what came of the README of `source`, cloned into an empty folder; each block is printed as it ends."""
    load, started = os.getloadavg()[0], time.monotonic()
    clone, prefix = folder / "clone", folder / "environment"
    subprocess.run(["git", "clone", "--quiet", source, str(clone)], check=True)
    subprocess.run([sys.executable, "-m", "venv", str(prefix)], check=True)
    environment = {**environment_of(prefix), "XDG_CACHE_HOME": str(folder / "cache")}
    ready, first, ran = time.monotonic() - started, None, []
    print(f"{ready:8.1f} s  clone and environment", flush=True)
    page = (clone / "README.md").read_text(encoding="utf-8")
    for each in run_blocks(to_run(blocks(page), with_tests=with_tests), clone, environment=environment):
        if first is None:
            first = time.monotonic() - started
        ran.append(each)
        print(row(each), flush=True)
        if each.code:
            print(each.output, file=sys.stderr)
    if first is not None:
        print(f"{first:8.1f} s  from clone to first result")
    about = _about(environment, clone) if ran and not ran[-1].code else {}
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        **about,
        "load_before": round(load, 2),
        "clone_seconds": round(ready, 1),
        "first_result_seconds": None if first is None else round(first, 1),
        "wall_seconds": round(time.monotonic() - started, 1),
        "blocks": [
            {"language": each.block.language, "first_line": each.block.first_line}
            | {"seconds": round(each.seconds, 1), "exit_code": each.code}
            for each in ran
        ],
    }


def to_run(some: Sequence[Block], *, with_tests: bool) -> list[Block]:
    """Return the blocks that are run."""
    return [block for block in some if block.language in RUN and (with_tests or block.mark != TEST)]


def row(ran: Ran) -> str:
    """Return a block's line: seconds, exit code, first line."""
    line = without_comment(ran.block.first_line)
    short = line if len(line) <= WIDTH else f"{line[: WIDTH - 2]} …"
    return f"{ran.seconds:8.1f} s  {'ok' if ran.code == 0 else f'exit code {ran.code}'}  {ran.block.language}: {short}"


def _about(environment: dict[str, str], clone: Path) -> dict[str, Any]:
    """Return commit, machine and versions, as the new environment tells them."""
    command = ["python", "-c", ABOUT]
    answer = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=True)
    commit, machine, versions = json.loads(answer.stdout)
    return {"git_commit": commit, "machine": machine, "versions": versions}


if __name__ == "__main__":
    sys.exit(main())
