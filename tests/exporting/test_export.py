"""Exports as a whole: where their weights come from, that a folder is whole or not there, and what is refused."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from few_images import few

import anynas
from anynas.data import DATA_SETS
from anynas.errors import AnynasError, DataError, RunError
from anynas.exporting.predicting import load_predictor, read_image
from anynas.training.weights import read_tensors
from anynas.trials import Fidelity, Recipe

RECIPE = Recipe(batch_size=32)
TINY = anynas.anynet(depths=[1, 2], widths=[8, 16], bottleneck_ratios=[1, 1], group_widths=[8, 8], stem_width=8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> anynas.Trained:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATA_SETS, "few", few)
        path = tmp_path_factory.mktemp("trained") / "t"
        return anynas.train_fully(TINY, data="few", regime="cifar", recipe=RECIPE, epochs=2, path=path)


def loaded(folder: Path) -> dict[str, object]:
    names: dict[str, object] = {"__file__": str(folder / "network.py"), "__name__": "network"}
    exec((folder / "network.py").read_text(encoding="utf-8"), names)
    return names


def test_an_exported_winner_has_the_error_that_training_reported(tmp_path: Path, trained: anynas.Trained) -> None:
    assert anynas.export(trained, tmp_path / "e", format="python") == tmp_path / "e"
    assert sorted(file.name for file in (tmp_path / "e").iterdir()) == [
        *("network.json", "network.py", "weights.safetensors")
    ]
    module = loaded(tmp_path / "e")
    _, validation, _ = few((3, 32, 32), 10)
    with torch.no_grad():
        logits = module["load"]()(module["normalised"](validation.images))  # type: ignore[operator]
    error = 100 * (logits.argmax(dim=1) != validation.labels).double().mean().item()
    assert error == trained.validation_error
    assert f"errors        {error:.2f} % validation, {trained.test_error:.2f} % test (top-1)" in str(module["__doc__"])


def test_torch_is_the_state_of_what_build_returns(tmp_path: Path, trained: anynas.Trained) -> None:
    folder = anynas.export(trained.path, tmp_path / "new" / "e", format="torch")
    network = anynas.build(
        anynas.load_architecture(folder / "architecture.json"), input_shape=(3, 32, 32), num_classes=10
    )
    tensors, _ = read_tensors(folder / "weights.safetensors")
    network.load_state_dict(tensors)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(network.eval()(images), trained.network()(images))


def test_initial_weights_are_those_of_the_seed_and_said_to_be(tmp_path: Path) -> None:
    states = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        state = torch.random.get_rng_state()
        folder = anynas.export(TINY, tmp_path / name, format="torch", seed=seed)
        assert torch.equal(torch.random.get_rng_state(), state)
        states.append((folder / "weights.safetensors").read_bytes())
        card = json.loads((folder / "network.json").read_text())
        assert (card["training"], card["seed"], card["mean"], card["input_shape"]) == (None, seed, [], [1, 28, 28])
    assert states[0] == states[1] != states[2]


def test_a_run_is_its_winner_with_trained_weights_if_there_are_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DATA_SETS, "few", few)
    run = anynas.search(
        *("LeNet",),
        trials=1,
        sampler="random",
        data="few",
        recipe=RECIPE,
        fidelity=Fidelity(epochs=1, images=64),
        executor="inline",
        run=tmp_path / "run",
    )
    before = anynas.export(run, tmp_path / "before", format="torch")
    winner = anynas.train_fully(run, epochs=1)
    after = anynas.export(tmp_path / "run", tmp_path / "after", format="torch")
    cards = [json.loads((folder / "network.json").read_text()) for folder in (before, after)]
    assert [card["architecture"] for card in cards] == [run.result()["architecture"]] * 2
    assert cards[0]["training"] is None
    assert cards[1]["training"]["validation_error"] == winner.validation_error


@pytest.mark.parametrize(
    ("network", "settings", "message"),
    [
        ("lenet", {"format": "onxx"}, 'unknown format "onxx"; did you mean "onnx"?'),
        ("lenett", {}, 'unknown architecture "lenett"; did you mean "lenet" or "alexnet" or "googlenet"?'),
        ("lenet", {"seed": -1}, "seed must be at least 0; got -1"),
        ("lenet", {"num_classes": 0}, "num_classes must be a whole number of at least 1; got 0"),
        (
            "lenet",
            {"format": "torchvision"},
            "torchvision's RegNet must be an AnyNet; it is of family lenet (81a9d24b8ec5); choose another --format",
        ),
    ],
)
def test_what_cannot_be_exported_gets_one_line_and_leaves_nothing(
    network: str, settings: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(AnynasError) as refused:
        anynas.export(network, tmp_path / "new" / "e", **settings)  # type: ignore[arg-type]
    assert str(refused.value) == message.replace("81a9d24b8ec5", anynas.load_architecture("lenet").key)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, trained: anynas.Trained) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(AnynasError) as refused:
        anynas.export(trained, tmp_path)
    assert str(refused.value) == f"{tmp_path}: must be a new folder; it is there already; choose another --out"
    with pytest.raises(AnynasError) as refused:
        anynas.export(trained, tmp_path / "e", input_shape=(3, 8, 8))
    assert str(refused.value) == (
        "input and classes must be those of a trained network, which has its own; leave them out"
    )


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Return a few validation images as files of several kinds."""
    from PIL import Image

    _, validation, _ = few((3, 32, 32), 10)
    paths = []
    for number, suffix in enumerate(("png", "bmp", "tiff", "webp")):
        pixels = validation.images[number].permute(1, 2, 0).numpy()
        path = tmp_path / f"image{number}.{suffix}"
        Image.fromarray(pixels).save(path, **({"lossless": True} if suffix == "webp" else {}))
        paths.append(path)
    return paths


@pytest.mark.parametrize("form", ["trained", "python", "torch", "torchvision", "onnx"])
def test_every_form_classifies_image_files_alike(
    form: str, tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DATA_SETS, "few", few)
    regnet = anynas.anynet(depths=[1, 1], widths=[8, 16], bottleneck_ratios=[1, 1], group_widths=[8, 8])
    found = anynas.train_fully(regnet, data="few", regime="cifar", recipe=RECIPE, epochs=1, path=tmp_path / "t")
    folder = found.path if form == "trained" else anynas.export(found, tmp_path / form, format=form)
    predictor = load_predictor(folder)
    _, validation, _ = few((3, 32, 32), 10)
    mean, deviation = (torch.tensor(values).view(-1, 1, 1) for values in (found.mean, found.deviation))
    with torch.no_grad():
        expected = found.network()((validation.images[: len(pictures)].float() - mean) / deviation).softmax(dim=1)
    for path, probabilities in zip(pictures, expected, strict=True):
        predictions = predictor.predict(path)
        assert [one.number for one in predictions] == probabilities.topk(3).indices.tolist()
        assert [one.name for one in predictions] == [str(one.number) for one in predictions]
        assert [one.probability for one in predictions] == pytest.approx(
            probabilities.topk(3).values.tolist(), abs=1e-5
        )


def test_images_of_other_kinds_are_read_as_people_see_them(tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    grey = (np.arange(35, dtype=np.uint8) * 7).reshape(5, 7)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey.astype(np.uint16) * 256 + 255).save(tmp_path / "deep.png")
    for name in ("grey.png", "deep.png"):
        assert torch.equal(read_image(tmp_path / name, 1), torch.from_numpy(grey)[None, None])
        assert torch.equal(read_image(tmp_path / name, 3), torch.from_numpy(grey)[None, None].expand(1, 3, 5, 7))
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees to the right
    Image.fromarray(grey).save(tmp_path / "turned.png", exif=turned)
    assert torch.equal(read_image(tmp_path / "turned.png", 1)[0, 0], torch.from_numpy(np.rot90(grey, -1).copy()))


def test_files_that_are_no_images_get_one_line(tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("mine")
    for name, reason in (("note.png", "it is none, or damaged"), ("none.png", "No such file or directory")):
        with pytest.raises(DataError) as refused:
            read_image(tmp_path / name, 1)
        assert str(refused.value) == f"{tmp_path}/{name}: must be an image file; {reason}"


def test_folders_without_a_trained_network_get_one_line(tmp_path: Path, trained: anynas.Trained) -> None:
    initial = anynas.export(TINY, tmp_path / "initial", format="torch")
    with pytest.raises(RunError) as refused:
        load_predictor(initial)
    assert str(refused.value) == (
        f"{initial}: must hold a trained network; its weights are initial; train it (anynas train) and export it again"
    )
    with pytest.raises(RunError) as refused:
        load_predictor(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: must be the folder of a trained or exported network; it has neither training.json "
        "nor network.json"
    )
    other = anynas.export(trained, tmp_path / "other", format="torch")
    (other / "weights.safetensors").write_bytes((initial / "weights.safetensors").read_bytes())
    with pytest.raises(RunError) as refused:
        load_predictor(other)
    assert str(refused.value) == (
        f"{other}/weights.safetensors: must hold the state of anynet {TINY.key}; its tensors are others; export the "
        "network again"
    )
    (other / "network.json").write_text(json.dumps({"schema": 1}))
    with pytest.raises(RunError) as refused:
        load_predictor(other)
    assert str(refused.value) == (
        f"{other}/network.json: must be what export wrote; no 'architecture'; export the network again"
    )


def test_a_card_survives_json(trained: anynas.Trained) -> None:
    from anynas.exporting.card import Card

    card = Card.of(trained)
    assert Card.from_dict(json.loads(json.dumps(card.to_dict())), where="here") == card
    assert dataclasses.replace(card, training=None).weights == "initial, seed 0: not trained"
