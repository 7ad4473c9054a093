"""The exported file: it needs torch alone, gives the network's bits, and reads as its formatter would have it."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from exporting.conftest import FAMILIES, made
from torch import nn

import anynas
from anynas.designspace import builtin_spaces
from anynas.exporting.card import Card
from anynas.exporting.export import FORMATS, some_images
from anynas.exporting.python_file import python_source

ALONE = """
import importlib.abc, sys

class TorchAlone(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        root = name.partition(".")[0]
        if root not in sys.stdlib_module_names and root not in ("torch", "network"):
            raise ImportError(f"{name} is not to be had")

for name in ("anynas", "safetensors", "numpy", "PIL", "onnx", "torchvision", "pandas", "scipy"):
    sys.modules[name] = None
import torch
from torch.nn import functional
sys.meta_path.insert(0, TorchAlone())
sys.path.insert(0, "export")
torch.set_num_threads(1)
import network

images = torch.frombuffer(bytearray(open("images", "rb").read()), dtype=torch.float32)
logits = network.load()(images.view(-1, *network.INPUT_SHAPE)).detach().flatten()
sys.stdout.write(" ".join(float(value).hex() for value in logits))
"""


def written(card: Card, network: nn.Module, folder: Path) -> nn.Module:
    """Export a network into a folder and return what the file there loads."""
    folder.mkdir()
    FORMATS["python"](card, network, folder)
    names: dict[str, object] = {"__file__": str(folder / "network.py"), "__name__": "network"}
    exec((folder / "network.py").read_text(encoding="utf-8"), names)
    return names["load"]()  # type: ignore[operator]


def assert_same(card: Card, network: nn.Module, loaded: nn.Module) -> None:
    ours, theirs = network.state_dict(), loaded.state_dict()
    assert len(set(theirs)) == len(ours)
    assert all(torch.equal(a, b) for a, b in zip(ours.values(), theirs.values(), strict=True))
    images = some_images(card)
    with torch.no_grad():
        assert torch.equal(loaded(images), network(images))


def test_each_familys_file_gives_the_networks_bits(family: tuple[Card, nn.Module], tmp_path: Path) -> None:
    assert_same(*family, written(*family, tmp_path / "export"))


@pytest.mark.parametrize("draws", [3, pytest.param(11, marks=pytest.mark.extended)])  # 209 networks of 19 spaces
@pytest.mark.parametrize("name", builtin_spaces())
def test_random_networks_of_every_space_round_trip_and_their_files_are_formatted(
    name: str, draws: int, tmp_path: Path
) -> None:
    space = anynas.load_space(name)
    networks = space.sample(draws, seed=5, flops=space.regime.flops)
    for number, draw in enumerate(networks):
        card, network = made(draw, space.regime.input_shape)
        folder = tmp_path / str(number)
        assert_same(card, network, written(card, network, folder))
        (folder / "weights.safetensors").unlink()
    for options in (["format", "--check"], ["format", "--check", "--line-length", "120"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *options, "--isolated", "--no-cache", str(tmp_path)]
        answer = subprocess.run(ruff, capture_output=True, text=True)
        assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("name", ["anynet Y", "googlenet", "densenet"])
def test_it_needs_torch_alone(name: str, tmp_path: Path) -> None:
    card, network = made(FAMILIES[name])
    written(card, network, tmp_path / "export")
    images = some_images(card)
    (tmp_path / "images").write_bytes(images.numpy().tobytes())
    answer = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", ALONE], cwd=tmp_path, capture_output=True, text=True
    )
    assert answer.stderr == ""
    with torch.no_grad():
        assert answer.stdout == " ".join(float(value).hex() for value in network(images).flatten())


def test_the_files_whole_text() -> None:
    card, _ = made(FAMILIES["anynet VR"], (1, 28, 28))
    text = python_source(card)
    begin, _, rest = text.partition("\n\n\ndef normalised(")
    assert begin == (Path(__file__).with_name("network_of_blocks_vr.txt")).read_text(encoding="utf-8").rstrip("\n")
    assert (
        hashlib.sha256(rest.encode()).hexdigest()
        == hashlib.sha256(
            python_source(made(FAMILIES["lenet"])[0]).partition("\n\n\ndef normalised(")[2].encode()
        ).hexdigest()
    ), "what follows is the same in all files"


def test_equal_blocks_in_a_row_are_written_once_and_a_class_serves_all_stages() -> None:
    deep = anynas.anynet(depths=[1, 16, 30], widths=[8, 16, 24], bottleneck_ratios=[1] * 3, group_widths=[8] * 3)
    text = python_source(made(deep)[0])
    assert re.findall(r"for _ in range\((\d+)\)", text) == ["15", "29"]
    assert re.findall(r"^class (\w+)", text, re.M) == ["XBlock", "Network"]
    assert len(text.splitlines()) < 150


def test_an_untrained_file_says_so_and_has_no_normalisation() -> None:
    text = python_source(Card(architecture=FAMILIES["lenet"], input_shape=(1, 28, 28), num_classes=10, seed=4))
    assert "weights       initial, seed 4: not trained" in text
    assert "MEAN" not in text
    assert "CLASSES" not in text
