"""docs/performance.md, made from what was measured: python -m benchmarks.page

Every number on the page comes from a file in benchmarks/results; where there is none, the page says so.
"""

import json
from pathlib import Path
from typing import Any

from anynas.terminal import duration
from benchmarks.__main__ import SECTIONS, load_section
from benchmarks.blocks import without_comment
from benchmarks.measuring import Fact
from benchmarks.results import RESULTS, Results, load_results
from benchmarks.scale import gpu_table
from benchmarks.sides import ROOT
from benchmarks.tables import about_section, facts_of, markdown_tables

PAGE = ROOT / "docs" / "performance.md"
MARGIN = 0.5  # points of validation error within which two ways of training count as equal
HEAD = """\
# Performance

Made by `python -m benchmarks.page` from the files in `benchmarks/results/`, which keep every single measurement; not
written by hand. Each row pairs anynas with what a user would pick instead, on the same work, turn by turn in one run. A
ratio is that of the medians, what is used instead divided by anynas: above 1, anynas is faster. Its 95 % interval comes
from a bootstrap over the rounds, drawn as pairs; n is the number of rounds, and few rounds make an interval too short.

To repeat all of it{duration}, or one section:

```bash
pip install -c constraints.txt -e ".[bench]"
python -m benchmarks
python -m benchmarks --only draws
python -m benchmarks.page
```
"""
TRIED = """\
## Tried and left

Ideas that did not help, with numbers, are in [CHANGELOG.md](../CHANGELOG.md) under "Tried and left".
"""
CLONE = """\
## From clone to first result

README's code blocks, word for word and in order, in an empty virtual environment beside a fresh clone, with empty
caches (`python -m benchmarks.readme`). The first result is the end of the first block: anynas and all that it needs are
installed, a space is searched, the winner found and tested. Packages come from where pip gets them on that machine,
which makes a part of the time; the block that runs the tests is left out.
"""
NO_GPU = """\
## GPU

No GPU run has been made: nothing on this page says how fast anynas is on one.
"""


def page(results: Path) -> str:
    """Return the page for a folder of results."""
    sections = load_results(results / "cpu.json")
    parts = [HEAD.format(duration=_duration(sections))]
    for name in SECTIONS:
        parts.append(_section(name, sections.get(name)))
    parts.append(_gpu(sorted(results.glob("gpu-*.json"))))
    parts.append(_clone(results / "readme.json"))
    return "\n".join([*parts, TRIED])


def error_check(facts: list[Fact]) -> str:
    """Return a sentence on whether anynas' networks are as good as the plain loop's."""
    (fact,) = [fact for fact in facts if fact.name == "validation error, anynas minus plain loop"]
    if fact.low is None or fact.high is None:
        return "There are too few trainings to compare errors."
    mean = "is" if abs(fact.value) <= MARGIN else "is not"
    interval = "lies" if fact.low >= -MARGIN and fact.high <= MARGIN else "does not lie"
    return (
        f"*Same quality?* The mean difference of validation errors, anynas minus plain loop, {mean} within ±{MARGIN} "
        f"points; its 95 % interval {interval} within them."
    )


def _section(name: str, measured: dict[str, Any] | None) -> str:
    module = load_section(name)
    parts = [f"## {module.TITLE}", module.METHOD]
    if measured is None:
        return "\n\n".join([*parts, "Not measured yet.\n"])
    parts += [f"{_quick(measured)}Measured {'; '.join(about_section(measured))}.", markdown_tables(measured).rstrip()]
    if name == "trials":
        parts.append(error_check(facts_of(measured)))
    if name == "scale":
        parts.append(gpu_table(measured["measurements"]))
    return "\n\n".join(parts) + "\n"


def _gpu(paths: list[Path]) -> str:
    """Return the GPU runs, a heading for each file; their sections may be any."""
    if not paths:
        return NO_GPU
    parts = ["## GPU"]
    for path in paths:
        parts.append(f"### {path.stem.removeprefix('gpu-')}")
        for name, measured in load_results(path).items():
            about = "; ".join(about_section(measured))
            parts += [f"{_quick(measured)}*{name}*, measured {about}.", markdown_tables(measured).rstrip()]
    return "\n\n".join(parts) + "\n"


def _clone(path: Path) -> str:
    """Return how README's blocks went on a clone."""
    if not path.exists():
        return f"{CLONE}\nNot measured yet.\n"
    tried = json.loads(path.read_text(encoding="utf-8"))
    rows = [("clone and empty environment", tried["clone_seconds"])]
    for block in tried["blocks"]:
        rows.append((f"{block['language']}: `{without_comment(block['first_line'])}`", block["seconds"]))
    busy = " The machine had other work." if tried["load_before"] > tried["machine"]["cores"] / 2 else ""
    lines = [f"| {what.replace('|', '&#124;')} | {seconds:.0f} s |" for what, seconds in rows]
    return "\n".join(
        [
            CLONE,
            f"Measured {'; '.join(about_section(tried))}; n = 1.{busy}\n",
            f"From clone to first result: {duration(tried['first_result_seconds'])}; to the end of all blocks: "
            f"{duration(tried['wall_seconds'])}.\n",
            "| what, or a block's first line | time |\n| --- | --: |",
            *lines,
            "",
        ]
    )


def _duration(sections: Results) -> str:
    """Return how long a whole run takes, in brackets, if there has been one."""
    if not set(SECTIONS) <= set(sections):
        return ""
    return f" ({duration(sum(section['wall_seconds'] for section in sections.values()))} where these numbers come from)"


def _quick(measured: dict[str, Any]) -> str:
    return "**Too few measurements to mean anything.** " if measured["quick"] else ""


if __name__ == "__main__":
    PAGE.write_text(page(RESULTS), encoding="utf-8")
    print(PAGE)
