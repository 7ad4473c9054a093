"""train, export, predict and show --latency as people meet them: their output compared whole."""

import json
import re
from pathlib import Path

import pytest
from few_images import few

import anynas
from anynas.data import DATA_SETS


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATA_SETS, "few", few)


TRAIN = ("train", "lenet", "--data", "few", "--epochs", "2", "--out", "t")


def test_train_tells_plan_epochs_errors_and_files(tmp_path, here):
    code, out, err = here(*TRAIN, cwd=tmp_path)
    assert (code, err) == (0, "")
    trained = anynas.load_trained(tmp_path / "t")
    curve = trained.record["curve"]
    said = re.sub(r"about \d+ s:|\d+ s left", lambda found: re.sub(r"\d+", "N", found.group()), out)
    said = said.replace(trained.record["device"], "DEVICE")
    assert said == (
        f"lenet {trained.architecture.key} at 1x28x28: 423 k multiply-adds, 61.7 k params\n"
        f"data few: all 256 training images, 2 epochs, batch {trained.recipe.batch_size}, seed 0, on DEVICE\n"
        "about N s: 2 epochs\n"
        "folder t\n"
        f"epoch 1/2: loss {curve[0]['loss']:.4f}, error {curve[0]['error']:.2f} %; N s left\n"
        f"epoch 2/2: loss {curve[1]['loss']:.4f}, error {curve[1]['error']:.2f} %\n"
        "\n"
        f"validation error  {trained.validation_error:.2f} % of 128 images\n"
        f"test error        {trained.test_error:.2f} % of 100 images\n"
        "weights: t/weights.safetensors\n"
        "architecture: t/architecture.json\n"
        "record: t/training.json\n"
        "curve: t/curve.png\n"
    )
    assert (tmp_path / "t" / "curve.png").read_bytes().startswith(b"\x89PNG")
    again = here(*TRAIN, cwd=tmp_path)[1]
    assert "\nall of it is finished: nothing is trained again\nfolder t\n\nvalidation error" in again


def test_a_dry_run_of_train_writes_nothing(tmp_path, here):
    code, out, err = here(*TRAIN, "--dry-run", cwd=tmp_path)
    assert (code, err, list(tmp_path.iterdir())) == (0, "", [])
    assert re.search(r"^about \d+ s: 2 epochs\nfolder t\n$", out, re.M)


def test_train_that_is_interrupted_says_how_it_goes_on(tmp_path, here, monkeypatch):
    from anynas.progress import EpochReporter

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(EpochReporter, "finished", interrupt)
    code, _, err = here(*TRAIN, cwd=tmp_path)
    assert (code, err) == (130, "anynas: interrupted; finished epochs are safe in t; the same command goes on\n")
    monkeypatch.undo()
    monkeypatch.setitem(DATA_SETS, "few", few)
    out = here(*TRAIN, cwd=tmp_path)[1]
    assert re.search(r"^about \d+ s: 1 epoch; 1 epoch done already$", out, re.M)
    assert "epoch 1/2" not in out


def test_what_is_trained_is_exported_and_predicts(tmp_path, here):
    from PIL import Image

    here(*TRAIN, cwd=tmp_path)
    code, out, err = here("export", "t", "--out", "e", cwd=tmp_path)
    key = anynas.load_architecture("lenet").key
    assert (code, err) == (0, "")
    assert out == (
        f"lenet {key}, weights trained on few: 2 epochs of 256 images, seed 0\n"
        "network.json: e/network.json\nnetwork.py: e/network.py\nweights.safetensors: e/weights.safetensors\n"
    )
    _, validation, _ = few((1, 28, 28), 10)
    Image.fromarray(validation.images[0, 0].numpy()).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no image")
    for folder in ("t", "e"):
        code, out, err = here("predict", folder, "a.png", "b.png", "c.png", cwd=tmp_path)
        assert code == 2
        assert re.fullmatch(r"a\.png: (\d [\d.]+ %, ){2}\d [\d.]+ %\n", out)
        assert err == (
            "anynas: b.png: must be an image file; it is none, or damaged\n"
            "anynas: c.png: must be an image file; No such file or directory\n"
        )
    code, out, err = here("predict", "e", "a.png", "--json", cwd=tmp_path)
    (found,) = json.loads(out)["predictions"]
    assert (code, err, found["image"], len(found["classes"])) == (0, "", "a.png", 3)
    assert found["classes"][0].keys() == {"number", "name", "probability"}


def test_show_measures_a_networks_time(tmp_path, here, refused, monkeypatch):
    from anynas.training import latency

    monkeypatch.setattr(latency, "SECONDS", 0.0)
    code, out, err = here("show", "lenet", "--latency", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert re.search(
        r"\ntime of a call on .+: torch, float32, \d+ threads?, after 3 calls to warm up\n"
        r"batch +median ms +lower quartile +upper quartile +n *\n +1 +[\d.]+ +[\d.]+ +[\d.]+ +10\n +64 ",
        out,
    )
    assert refused("show", "AnyNetA", "--latency", cwd=tmp_path) == (
        "anynas: --latency is of one network; AnyNetA is a space; draw one with anynas sample"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "nowhere"], 'unknown architecture "nowhere"; known: '),
        (["train", "lenet", "--epochs", "0"], "epochs must be at least 1; got 0"),
        (["train", "lenet", "--recipe", "no.toml"], "no.toml: must be a readable TOML file; No such file or directory"),
        (["train", "."], ".: must be a run's folder, with run.json in it; there is none"),
        (["export", "lenet"], "the following arguments are required: --out; see anynas export --help"),
        (["export", "lenet", "--format", "pt", "--out", "e"], 'unknown format "pt"; '),
        (["predict", "."], "the following arguments are required: IMAGE; see anynas predict --help"),
        (
            ["predict", "nowhere", "a.png"],
            "nowhere: must be the folder of a trained or exported network; it has neither ",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_gets_one_line(arguments, message, tmp_path, refused):
    assert refused(*arguments, cwd=tmp_path).startswith(f"anynas: {message}")


def test_a_bar_shows_epochs_and_the_time_left(tmp_path: Path) -> None:
    import io

    from rich.console import Console

    from anynas.progress import EpochReporter
    from anynas.trials import CurvePoint

    text = io.StringIO()
    with EpochReporter(Console(file=text, force_terminal=True, width=80), epochs=3, done=1, seconds=20) as reporter:
        reporter.finished(CurvePoint(epoch=2, loss=1.5, error=40.0))
    assert "20 s left" in text.getvalue()
    assert "epoch 2/3: loss 1.5000, error 40.00 %" in re.sub(r"\x1b\[[\d;]*m", "", text.getvalue())
