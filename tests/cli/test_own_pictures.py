"""A folder of a user's own pictures, from search to predict: all that a command line is for."""

import html
import json
from pathlib import Path

import numpy as np
import pytest
from own_pictures import SIZES, pixels, save

from anynas.data import decoding

SCRIPT = "<script>alert(1)<"
NAMES = ("bird", 'it\'s "a" <b>Käfer</b>'.replace("/", ""), SCRIPT)
SPACE = """
family = "anynet"
regime = "fashion"
stages = 2
[parameters.depth]
values = [1]
[parameters.width]
values = [8, 16]
[parameters.bottleneck_ratio]
values = [1]
[parameters.group_width]
values = [1]
[fixed]
block = "V"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a space, and 300 pictures in three classes, of several sizes and kinds."""
    monkeypatch.setenv("ANYNAS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tiny.toml").write_text(SPACE)
    own = tmp_path / "own pictures"
    for label, name in enumerate(NAMES):
        for number in range(99):
            ending = ("png", "jpg", "bmp")[number % 3]
            save(own / name / f"{number}.{ending}", pixels(label, number, SIZES[number % len(SIZES)]))
    deep = pixels(0, 500, channels=1).astype(np.uint16) * 257
    save(own / "bird" / "16 bits.png", deep)
    alpha = np.concatenate([pixels(1, 500), np.full((32, 32, 1), 200, np.uint8)], axis=2)
    save(own / NAMES[1] / '<b>"ödd"; name.png', alpha)
    (own / SCRIPT / "broken.png").write_bytes((own / SCRIPT / "0.png").read_bytes()[:200])
    (own / SCRIPT / "Thumbs.db").write_bytes(b"left by a system")
    return tmp_path


@pytest.mark.slow
def test_a_folder_of_pictures_goes_through_search_report_training_export_and_predict(
    home: Path, here, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = [
        *("search", "--space", "tiny.toml", "--data", "own pictures", "--trials", "2", "--epochs", "3"),
        *("--flops", "0:1e9", "--executor", "inline", "--sampler", "random", "--seed", "1"),
    ]
    code, out, err = here(*search, cwd=home)
    assert (code, err) == (0, "")
    assert f"pictures of {home / 'own pictures'} as 3x28x28: 209 for training, 45 for validation, 45 for test" in out
    assert f"3 classes: {SCRIPT}, bird, {NAMES[1]}" in out
    assert "1 file skipped; all are listed in " in out
    assert f"\n  {SCRIPT}/broken.png: must be an image file; it is none, or damaged\n" in out
    assert "300 of 300 files decoded" in out
    assert "regime pictures-28: images of 3x28x28, 3 classes, batches of 16" in out
    (run,) = (home / "runs").iterdir()

    monkeypatch.setattr(decoding, "decode", None)  # from here on the cache does
    code, out, err = here(*search[:4], "./own pictures/", *search[5:], cwd=home)
    assert (code, err) == (0, "")
    assert "all of it is finished" in out
    assert "1 file skipped" in out
    assert list((home / "runs").iterdir()) == [run]
    monkeypatch.undo()
    monkeypatch.setenv("ANYNAS_CACHE", str(home / "cache"))

    code, out, err = here("report", run, cwd=home)
    assert (code, err) == (0, "")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<b>K" not in page
    assert html.escape(SCRIPT) in page.replace("&#34;", "&quot;")
    assert "pictures-28" in page

    code, out, err = here("train", run, "--epochs", "2", cwd=home)
    assert (code, err) == (0, "")
    record = json.loads((run / "winner" / "training.json").read_text(encoding="utf-8"))
    assert record["class_names"] == [SCRIPT, "bird", NAMES[1]]
    assert record["images"] == 209

    code, out, err = here("export", run, "--format", "python", "--out", "exported", cwd=home)
    assert (code, err) == (0, "")
    assert "trained on pictures: 2 epochs of 209 images" in out
    compile((home / "exported" / "network.py").read_text(encoding="utf-8"), "network.py", "exec")

    asked = [home / "own pictures" / "bird" / name for name in ("16 bits.png", "1.jpg")]
    code, out, err = here("predict", "exported", "--json", *asked, cwd=home)
    assert (code, err) == (0, "")
    answers = json.loads(out)["predictions"]
    assert [Path(answer["image"]) for answer in answers] == asked
    assert {one["name"] for answer in answers for one in answer["classes"]} == {SCRIPT, "bird", NAMES[1]}
    _, mine, _ = here("predict", run / "winner", *asked, cwd=home)
    assert f"{SCRIPT} " in mine
    assert "bird " in mine


def test_a_run_belongs_to_its_pictures(home: Path, here) -> None:
    search = [
        *("search", "--space", "tiny.toml", "--data", "own pictures", "--trials", "1", "--epochs", "1"),
        *("--flops", "0:1e9", "--executor", "inline", "--sampler", "random"),
    ]
    code, _, err = here(*search, cwd=home)
    assert (code, err) == (0, "")
    (run,) = (home / "runs").iterdir()
    (home / "own pictures").rename(home / "moved")
    code, _, err = here("train", run, "--epochs", "1", cwd=home)
    assert code == 2
    assert err == (
        f"anynas: {run}: its data must be where they were, in {home / 'own pictures'}; there is nothing now; pass "
        "--data with where they are\n"
    )
    code, _, err = here("train", run, "--epochs", "1", "--data", "moved", "--dry-run", cwd=home)
    assert (code, err) == (0, "")
    (home / "moved" / "bird" / "0.png").unlink()
    (home / "moved").rename(home / "own pictures")
    code, _, err = here(*search, cwd=home)
    assert code == 2
    assert err.startswith(f"anynas: {run.relative_to(home)}: a run's pictures must not change; it has 299 in 3 classes")
    assert err.count("\n") == 1
    code, _, err = here("train", run, "--epochs", "1", cwd=home)
    assert code == 2
    assert "its pictures must be those that it was begun with, 299 in 3 classes" in err
