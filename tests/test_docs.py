"""What README and the pages in docs/ show works: commands can be given, snippets run, links lead somewhere."""

import os
import re
import shlex
from pathlib import Path

import pytest

from anynas.cli import make_parser
from benchmarks.blocks import Block, blocks, here, run_blocks

ROOT = Path(__file__).parents[1]
MADE = "tree.md"  # from docstrings, which show forms of commands rather than commands
PAGES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").glob("*.md") if page.name != MADE)]
ADDING = sorted((ROOT / "docs").glob("adding-*.md"))  # every block of theirs is run
SHOWN_ONLY = "not run"  # the mark of a block of Python that needs what is not here


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands(page: Path) -> list[str]:
    """Return the lines of code blocks that call anynas, alone or behind another command, and those in running text."""
    text = text_of(page).replace("\\\n", " ")
    found = re.findall(r"(?s)```bash\n(.*?)```", text)
    lines = [line for block in found for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]*\banynas [a-z]+ [^`\n]*)`", re.sub(r"(?s)```.*?```", "", text))
    calls = [re.search(r"(?:^|[\s\"'&]|-- )(anynas [a-z].*)", line) for line in lines if not line.startswith("#")]
    return [match[1].strip() for match in calls if match]


SHOWN = [(page.name, command) for page in PAGES for command in commands(page)]


def test_commands_are_found_on_the_pages_that_show_some() -> None:
    assert {name for name, _ in SHOWN} >= {"README.md", "cluster.md", "searching.md", "studies.md", "winner.md"}
    assert len(SHOWN) > 60


@pytest.mark.parametrize(("page", "command"), SHOWN)
def test_a_command_that_is_shown_can_be_given(page: str, command: str) -> None:
    words = shlex.split(command.rstrip("\"'"), comments=True)
    options = make_parser().parse_args([word for word in words[1:] if word != "…"])
    assert callable(options.command)


def run_all(some: list[Block], folder: Path) -> list[str]:
    """Run blocks in order, and return what they said."""
    outcomes = list(run_blocks(some, folder, environment=here(), deadline_seconds=300))
    last = outcomes[-1]
    assert last.code == 0, f"{last.block.code}\n{last.output}"
    return [each.output for each in outcomes]


@pytest.mark.slow
@pytest.mark.parametrize("page", ADDING, ids=lambda page: page.stem)
def test_every_block_of_a_page_on_adding_works_in_order(page: Path, tmp_path: Path) -> None:
    run_all([block for block in blocks(text_of(page)) if block.language in ("bash", "python", "toml")], tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what README's blocks of bash leave for its blocks of Python: a small run, of tiny networks."""
    import anynas

    path = tmp_path_factory.mktemp("reading")
    small = anynas.Fidelity(epochs=1, images=64)
    anynas.search("LeNet", trials=2, sampler="random", fidelity=small, executor="inline", run=path / "runs" / "first")
    return path


SNIPPETS = [
    (page, number, block)
    for page in PAGES
    if page not in ADDING
    for number, block in enumerate(blocks(text_of(page)), 1)
    if block.language == "python" and block.mark != SHOWN_ONLY
]


def test_there_are_snippets_of_python() -> None:
    assert {page.name for page, _, _ in SNIPPETS} >= {"README.md", "searching.md", "studies.md", "winner.md"}


@pytest.mark.parametrize(
    ("page", "block"),
    [pytest.param(page, block, id=f"{page.stem} {number}") for page, number, block in SNIPPETS],
)
def test_a_snippet_of_python_works(page: Path, block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    exec(compile(block.code, f"{page.name}: {block.first_line}", "exec"), {"__name__": "__main__"})


# Links


def prose(page: Path) -> str:
    return re.sub(r"(?s)```.*?```", "", text_of(page))


def anchors(page: Path) -> set[str]:
    """Return a page's anchors as GitHub makes them: headings in lower case, without punctuation, words joined."""
    headings = re.findall(r"(?m)^#+ (.+)$", prose(page))
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


WRITTEN = [
    page for page in ROOT.rglob("*.md") if not {".venv", "node_modules", "runs"} & {*page.relative_to(ROOT).parts}
]
LINKS = [
    (page, link)
    for page in sorted(WRITTEN)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page))
    if not re.match(r"[a-z]+:", link)
]


def test_links_are_found() -> None:
    assert len(LINKS) > 50


@pytest.mark.parametrize(
    ("page", "link"), [pytest.param(page, link, id=f"{page.relative_to(ROOT)} {link}") for page, link in LINKS]
)
def test_a_link_leads_to_a_file_and_to_a_heading_of_it(page: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = Path(os.path.normpath(page.parent / path)) if path else page
    assert target.is_relative_to(ROOT)
    assert target.exists()
    assert not anchor or anchor in anchors(target)


def test_the_index_names_every_page() -> None:
    index = text_of(ROOT / "docs" / "README.md")
    pages = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md"]
    assert [name for name in pages if not re.search(rf"(?m)^\| [^|]*\b{re.escape(name)}\b", index)] == []
