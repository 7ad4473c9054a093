"""The order of layers, from the ground up: a module imports only from rows above its own."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "anynas"
ROWS = [  # each row may import from the rows before it; within a folder, and within a row, anything goes
    "errors",
    "notebook",
    "layers",
    "families",
    "architecture",
    "counting",
    "counting_anynets",
    "settings",
    "trials",
    "regimes",
    "designspace",
    "analysis",
    "folder",
    "tables",
    "journal",
    "database",
    "storage",
    "status",
    "store",
    "networks",
    "data",
    "training",
    "execution",
    "exporting",
    "driver",
    "study",
    "figures",
    "doctor",
    "facts",
    "terminal",
    "progress",
    "pieces",
    "views",
    "results",
    "report",
    "cli",
    "__main__",
]
REACHES_DOWN = {"notebook": {"progress", "views"}}  # when it is called: things show themselves in Jupyter
KNOWS_TORCH = {"networks", "data", "training", "execution", "exporting", "doctor"}
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def row_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(path: Path) -> set[str]:
    """Return the full names of all modules that a file imports anywhere in it, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_every_module_has_a_row():
    assert {row_of(path) for path in SOURCES} == set(ROWS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_rows_above_its_own(path):
    below = ROWS[ROWS.index(row_of(path)) + 1 :]
    imported = {name.split(".")[1] for name in imported_modules(path) if name.startswith("anynas.")}
    assert not imported & set(below) - REACHES_DOWN.get(row_of(path), set())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_rows_that_compute_on_tensors_know_torch(path):
    if "torch" in {name.split(".")[0] for name in imported_modules(path)}:
        assert row_of(path) in KNOWS_TORCH


@pytest.mark.parametrize(
    ("library", "home"),
    [("ray", "execution/on_ray.py"), ("optuna.samplers", "driver/samplers/adaptive.py")],
)
def test_one_module_imports_ray_and_one_uses_optunas_samplers(library, home):
    def uses(path: Path) -> bool:
        imports = any(f"{name}.".startswith(f"{library}.") for name in imported_modules(path))
        name = re.escape(f"{library}.")
        return imports or re.search(rf"\b{name}", path.read_text(encoding="utf-8")) is not None

    assert {str(path.relative_to(PACKAGE)) for path in SOURCES if uses(path)} == {home}


def test_what_reaches_down_does_so_only_when_it_is_called():
    code = "import sys, anynas.notebook; print(*(name for name in sys.modules if name.startswith('anynas.')))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["anynas.notebook"]


def test_no_module_is_called_utils():
    assert not [path for path in PACKAGE.rglob("*") if path.stem in ("utils", "util", "helpers", "misc", "common")]
