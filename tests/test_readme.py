"""What README shows is so: its study is one, its tree names every module."""

import re
from pathlib import Path

from anynas.study.definition import load_study

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_study_that_readme_shows_can_be_run(tmp_path: Path) -> None:
    (text,) = re.findall(r"(?s)```toml\n# mine\.toml\n(.*?)```", README)
    (tmp_path / "mine.toml").write_text(text)
    study = load_study(tmp_path / "mine.toml")
    assert list(study.populations) == ["untied", "tied"]
    assert [claim.claim for claim in study.claims] == ["no_effect", "improves"]


def test_the_tree_names_every_module_and_folder() -> None:
    (tree,) = re.findall(r"(?s)## The tree\n\n.*?\n\n```\n(.*?)```", README)
    names = {
        path.stem for path in (ROOT / "anynas").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    missing = [name for name in names if not name.startswith("_") and not re.search(rf"\b{name}(\.py|/)", tree)]
    assert not missing
    assert all(f"{folder}/" in tree for folder in ("spaces", "studies", "benchmarks", "docs", "tests"))
