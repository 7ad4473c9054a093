"""tree.md, every file of the package in a line: python -m docs.tree

The line is the first sentence of the file's own docstring, so that nothing is said twice.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tree.md"
HEAD = """\
# The tree, file by file

Made by `python -m docs.tree` from the first sentence of each file's docstring; not written by hand. README has the tree
by folders; a module imports only from those above its own row there (`tests/test_layering.py`).
"""
FOLDERS = ("anynas", "benchmarks", "docs")


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for folder in FOLDERS:
        for inner in sorted({path.parent for path in (ROOT / folder).rglob("*.py")}):
            rows = [(path.name, said_of(path)) for path in sorted(inner.glob("*.py"))]
            lines = [f"| `{name}` | {text} |" for name, text in rows if text]
            if lines:
                heading = inner.relative_to(ROOT).as_posix()
                parts.append(f"## {heading}/\n\n| file | what it is |\n| --- | --- |\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def said_of(path: Path) -> str:
    """Return the first sentence of a file's docstring; nothing if it has none."""
    text = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0].split())
    sentence = re.split(r"(?<=[^.][.]) (?=[A-Z`])|; (?=not )", text)[0].rstrip(".:")
    return sentence.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
