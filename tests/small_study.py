"""A small study that tests share, written as users write theirs."""

from pathlib import Path

from doubles import PLAIN_SPACE

SMALL = """
description = "two stages of plain 3x3s"
data = "fashion-mnist-mini"
models = 6
seed = 3

[fidelity]
epochs = 2
images = 640
resolution = 12

[populations.free]
space = "plain.toml"

[populations.tied]
space = { extends = "plain.toml", tie = ["width"] }
pairs_with = "free"

[populations.wide]
space = { extends = "plain.toml", parameters.width.values = [16, 24] }
models = 4

[[claims]]
name = "ties"
says = "tied widths make no difference"
baseline = "free"
candidate = "tied"
claim = "no_effect"
margin = 5.0
paired = true

[[claims]]
name = "wide"
baseline = "free"
candidate = "wide"
claim = "improves"

[[claims]]
name = "at equal params"
baseline = "free"
candidate = "tied"
claim = "no_effect"
margin = 40.0
control = "params"

[[claims]]
name = "increasing"
population = "free"
where = "nondecreasing(width)"
claim = "improves"
"""
PLAIN = (
    PLAIN_SPACE.replace('regime = "fashion"\n', "")
    + """
[regime]
like = "fashion"
flops = [0, 1e9]
"""
)


def write(folder: Path, text: str = SMALL) -> Path:
    """Write a study and the space that it speaks of; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plain.toml").write_text(PLAIN)
    path = folder / "small.toml"
    path.write_text(text)
    return path


def changed(before: str, after: str, text: str = SMALL) -> str:
    """Return the study with one thing changed."""
    assert text.count(before) == 1, before
    return text.replace(before, after)
