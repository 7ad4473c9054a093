"""The notebooks: kept whole and in order, without a trace of the machine that ran them; run again at small scale."""

import ast
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = ["01_search", "02_design_principles", "03_classic_networks", "04_distributed", "05_your_own_space"]
SMALL: dict[str, dict[str, Any]] = {  # a notebook's parameters here
    "01_search": {"trials": 2, "epochs": 1, "images": 128, "final_epochs": 1, "executor": "inline", "workers": None},
    "02_design_principles": {"models": 20},
    "03_classic_networks": {"draws": 1, "epochs": 1, "images": 128},
    "04_distributed": {"trials": 1, "epochs": 1, "images": 64, "workers": 1, "executors": ["ray", "inline"]},
    "05_your_own_space": {"models": 3, "epochs": 1, "images": 128, "executor": "inline", "workers": None},
}
KEPT = ("PATH", "HOME", "PYTHONPATH", "LANG", "TMPDIR", "VIRTUAL_ENV")  # of the environment
LARGEST = 1.5e6  # bytes
OF_A_MACHINE = re.compile(
    r"(?<![\w.:/])/(?:tmp|home|root|var|usr|Users|mnt|opt|work|private)/|[A-Z]:\\|process \d+ on |\.ipynb_checkpoints"
)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def notebook(name: str) -> nbformat.NotebookNode:
    return read(name)


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def parameters(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    (cell,) = [cell for cell in code(notebook) if "parameters" in cell.metadata.get("tags", ())]
    return cell


def texts(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """Yield all that outputs say; pictures are not read."""
    for cell in code(notebook):
        for output in cell.outputs:
            yield from [output.text] if output.output_type == "stream" else []
            yield from (said for kind, said in output.get("data", {}).items() if kind.startswith("text/"))


def assert_ran(notebook: nbformat.NotebookNode) -> None:
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]


def test_all_five_are_here_and_have_small_parameters() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES == list(SMALL)


def test_a_notebook_is_valid_and_for_any_python_kernel(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")


def test_a_notebook_defines_no_function(notebook: nbformat.NotebookNode) -> None:
    """A cell that begins with def belongs in the package."""
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    for cell in code(notebook):
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, defined)]


def test_a_notebook_is_kept_as_it_ran_from_its_first_cell_to_its_last(notebook: nbformat.NotebookNode) -> None:
    assert_ran(notebook)
    kept = [output.get("data", {}) for cell in code(notebook) for output in cell.outputs]
    assert [data for data in kept if "image/png" in data or "<svg" in data.get("text/html", "")]


def test_outputs_say_nothing_of_the_machine_that_ran_them(notebook: nbformat.NotebookNode) -> None:
    said = "\n".join(texts(notebook))
    assert not OF_A_MACHINE.findall(said)
    assert socket.gethostname() not in said


def test_a_notebook_is_of_a_sensible_size(name: str) -> None:
    assert (FOLDER / f"{name}.ipynb").stat().st_size < LARGEST


def test_its_links_lead_somewhere(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\((?!https?:)([^)]+)\)", cell.source):
                assert (FOLDER / target).exists(), target


def test_a_notebook_runs_at_small_scale(name: str, notebook: nbformat.NotebookNode, tmp_path: Path) -> None:
    asked = parameters(notebook)
    assigned = {target.id for node in ast.parse(asked.source).body for target in ast.walk(node) if is_stored(target)}
    assert assigned == set(SMALL[name])
    asked.source = "\n".join(f"{key} = {value!r}" for key, value in SMALL[name].items())
    kept = {key: os.environ[key] for key in KEPT if key in os.environ}
    own = dict.fromkeys(("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"), str(tmp_path / "jupyter"))
    (tmp_path / "jupyter").mkdir()
    (tmp_path / "here").mkdir()
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path / "here")}}
    )
    client.execute(env={**kept, **own, "OMP_NUM_THREADS": "1"})
    assert_ran(notebook)
    assert not OF_A_MACHINE.findall("\n".join(texts(notebook)))
    assert not list((tmp_path / "here").iterdir()), "nothing is left where a notebook runs"


def is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
