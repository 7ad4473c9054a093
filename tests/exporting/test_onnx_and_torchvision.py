"""ONNX within 1e-4 by onnxruntime; torchvision's RegNet with our weights, and its own published networks."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from exporting.conftest import FAMILIES, made
from torch import nn

import anynas
from anynas.errors import ExportError
from anynas.exporting import onnx_file
from anynas.exporting.card import Card
from anynas.exporting.export import FORMATS, some_images
from anynas.exporting.torchvision_file import torchvision_keys, torchvision_source

BATCHES = (1, 2, 5)
SMALL = {"stem_width": 16, "bottleneck_ratios": [2, 1], "group_widths": [8, 16]}
EXPRESSIBLE = {
    "X": anynas.anynet(depths=[1, 3], widths=[24, 32], **SMALL),
    "R": anynas.anynet(depths=[2, 2], widths=[16, 40], block="R", **SMALL),
    "Y": anynas.anynet(depths=[2, 1], widths=[16, 32], block="Y", strides=[1, 2], **SMALL),
    "Y, other ratio": anynas.anynet(depths=[2, 1], widths=[24, 40], se_ratio=0.3, **SMALL),
}


@pytest.fixture(scope="module")
def regnet() -> Iterator[ModuleType]:
    """Return torchvision's module.

    The build that registries have is for CUDA, and describes operators that it then has not beside a torch for CPUs;
    none of them is part of a RegNet, so they are left undescribed.
    """
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("needs torchvision")
    with pytest.MonkeyPatch.context() as patch:
        described = "torchvision._meta_registrations"
        patch.setitem(sys.modules, described, ModuleType(described))
        yield importlib.import_module("torchvision.models.regnet")


def test_onnx_gives_the_networks_logits_for_batches_of_any_size(family: tuple[Card, nn.Module], tmp_path: Path) -> None:
    card, network = family
    FORMATS["onnx"](card, network, tmp_path)
    session = onnx_file.session_of(tmp_path / "model.onnx")
    for batch in BATCHES:
        images = torch.randn(batch, *card.input_shape, generator=torch.Generator().manual_seed(batch))
        (logits,) = session.run(["logits"], {"images": images.numpy()})
        with torch.no_grad():
            expected = network(images)
        assert (torch.from_numpy(logits) - expected).abs().max() <= 1e-4 * max(1, expected.abs().max().item())


def test_onnx_that_differs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "TOLERANCE", -1.0)
    with pytest.raises(ExportError, match=r"^ONNX must give the network's logits within -1; it differs by [\d.e-]+$"):
        FORMATS["onnx"](*made(FAMILIES["lenet"], (1, 28, 28)), tmp_path)


def test_onnx_without_its_libraries_gets_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("onnxscript", "onnxruntime"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ExportError) as refused:
        FORMATS["onnx"](*made(FAMILIES["lenet"], (1, 28, 28)), tmp_path)
    assert str(refused.value) == (
        "format onnx must have onnxscript and onnxruntime; not found; install anynas with its extra: "
        "pip install anynas[export]"
    )


@pytest.mark.parametrize("name", list(EXPRESSIBLE))
def test_torchvisions_regnet_gives_the_networks_bits(name: str, tmp_path: Path, regnet: ModuleType) -> None:
    card, network = made(EXPRESSIBLE[name], (3, 64, 64))
    FORMATS["torchvision"](card, network, tmp_path)
    names: dict[str, object] = {"__file__": str(tmp_path / "network.py"), "__name__": "network"}
    exec((tmp_path / "network.py").read_text(encoding="utf-8"), names)
    loaded = names["load"]()  # type: ignore[operator]
    assert isinstance(loaded, regnet.RegNet)
    images = some_images(card)
    with torch.no_grad():
        torch.testing.assert_close(loaded(images), network(images), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("regnetx_800mf", "regnet_x_800mf"),
        ("regnetx_1.6gf", "regnet_x_1_6gf"),
        ("regnetx_3.2gf", "regnet_x_3_2gf"),
        ("regnetx_8.0gf", "regnet_x_8gf"),
        ("regnetx_16gf", "regnet_x_16gf"),
        ("regnetx_32gf", "regnet_x_32gf"),
        ("regnety_400mf", "regnet_y_400mf"),
        ("regnety_1.6gf", "regnet_y_1_6gf"),
        ("regnety_3.2gf", "regnet_y_3_2gf"),
        ("regnety_16gf", "regnet_y_16gf"),
        ("regnety_32gf", "regnet_y_32gf"),
    ],
)
def test_published_regnets_are_torchvisions_own(
    ours: str, theirs: str, regnet: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but three: x_400mf, y_800mf and y_8gf, whose widths torchvision rounds in another way."""
    architecture = anynas.load_architecture(ours)
    card = Card(architecture=architecture, input_shape=(3, 224, 224), num_classes=1000)
    network = regnet.RegNet
    with monkeypatch.context() as patch:  # its stages are computed on tensors with values
        patch.setattr(regnet, "RegNet", lambda stages, **_: stages)
        stages = getattr(regnet, theirs)()
    with torch.device("meta"):
        expected = network(stages).state_dict()
        state = anynas.build(architecture, input_shape=(3, 224, 224), num_classes=1000).state_dict()
    found = dict(zip(torchvision_keys(card), (tuple(value.shape) for value in state.values()), strict=True))
    assert found == {name: tuple(value.shape) for name, value in expected.items()}


@pytest.mark.parametrize(
    ("architecture", "shape", "reason"),
    [
        (FAMILIES["lenet"], (3, 28, 28), "be an AnyNet; it is of family lenet"),
        (FAMILIES["anynet V"], (3, 28, 28), "have blocks X, Y or R; its blocks are V"),
        (
            anynas.anynet(depths=[1, 1], widths=[16, 16], stem_stride=1, **SMALL),
            (3, 28, 28),
            "begin with a 3x3 of stride 2; its stem is a 3x3 of stride 1",
        ),
        (FAMILIES["anynet Y"], (3, 28, 28), "have no pool in its stem; it has one"),
        (anynas.load_architecture("regnetx32"), (3, 28, 28), "have no biases in its convolutions; it has some"),
        (EXPRESSIBLE["X"], (1, 28, 28), "see images of 3 channels; they have 1"),
        (
            anynas.anynet(depths=[1, 1], widths=[16, 16], se_ratio=0.01, **SMALL),
            (3, 28, 28),
            "have squeeze-and-excitation of at least one channel before rounding; se_ratio 0.01 gives less",
        ),
    ],
)
def test_what_torchvision_cannot_express_is_said(
    architecture: anynas.Architecture, shape: tuple[int, ...], reason: str
) -> None:
    with pytest.raises(ExportError) as refused:
        torchvision_source(Card(architecture=architecture, input_shape=shape, num_classes=10))
    assert str(refused.value) == (f"torchvision's RegNet must {reason} ({architecture.key}); choose another --format")
