"""A tape computes what its modules compute: values, gradients and running moments, against autograd in doubles."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from anynas.architecture import images_of, load_architecture
from anynas.designspace import builtin_spaces, load_space
from anynas.networks import Branches, Gated, Sum, build
from anynas.training.cpu import kernels
from anynas.training.cpu.convolutions import Direct, Pointwise, Unfolded, Wide, convolution_of, is_mostly_wide
from anynas.training.cpu.tape import Tape
from anynas.training.devices import one_thread

BATCH = 6


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def conv(*sizes: int, **settings: Any) -> nn.Conv2d:
    return nn.Conv2d(*sizes, **{"bias": False, **settings})


def grown(network: nn.Module) -> nn.Module:
    """Give norms parameters and running moments that are not those of the beginning."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return network


def played(network: nn.Module, images: Tensor, outgoing: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what a tape puts out, (N, ...), and the gradients of the parameters for `outgoing`."""
    gradients = {id(p): torch.full_like(p, 7.0) for p in network.parameters()}
    tape = Tape(network, image_shape=images.shape[1:], batch_size=len(images), gradients=lambda p: gradients[id(p)])
    for _ in range(2):  # nothing of a step is left in the next
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.load_state_dict(module.kept)  # type: ignore[arg-type]
        tape.images.value.copy_(images.permute(1, 2, 3, 0))
        tape.forward()
        assert tape.logits.grad is not None
        tape.logits.grad.copy_(outgoing.movedim(0, -1))
        tape.backward()
    return tape.logits.value.movedim(-1, 0), {name: gradients[id(p)] for name, p in network.named_parameters()}


def assert_same(network: nn.Module, shape: tuple[int, int, int], batch: int = BATCH) -> None:
    torch.manual_seed(3)
    images = torch.randn(batch, *shape)
    exact = copy.deepcopy(network).double().train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.kept = copy.deepcopy(module.state_dict())  # type: ignore[assignment]
    wanted = exact(images.double())
    outgoing = torch.randn(wanted.shape)
    wanted.backward(outgoing.double())
    got, gradients = played(network, images, outgoing)
    assert_close(got, wanted.detach())
    assert gradients.keys() == dict(exact.named_parameters()).keys()
    for name, parameter in exact.named_parameters():
        assert parameter.grad is not None
        assert_close(gradients[name], parameter.grad, name)
    for name, buffer in exact.named_buffers():
        assert_close(dict(network.named_buffers())[name], buffer, name)
    evaluation = Tape(network, image_shape=shape, batch_size=batch, gradients=None)
    evaluation.images.value.copy_(images.permute(1, 2, 3, 0))
    evaluation.forward()
    with torch.no_grad():
        assert_close(evaluation.logits.value.movedim(-1, 0), exact.eval()(images.double()))


def assert_close(got: Tensor, wanted: Tensor, name: str = "") -> None:
    assert got.shape == wanted.shape
    assert (got.double() - wanted).abs().max() <= 2e-4 * wanted.abs().max() + 1e-6, name


FRONT = (conv(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU())  # so that gradients have to pass what comes next


@pytest.mark.parametrize("side", [1, 2, 5, 8])
@pytest.mark.parametrize(
    ("layer", "operation"),
    [
        (conv(4, 6, 1), Pointwise),
        (conv(4, 6, 1, stride=2), Pointwise),
        (conv(4, 6, 1, stride=3, bias=True), Pointwise),
        (conv(4, 6, 3, padding=1), Direct),
        (conv(4, 6, 3, padding=1, stride=2), Direct),
        (conv(4, 6, 3, padding=1, stride=3, bias=True), Direct),
        (conv(4, 8, 3, padding=1, groups=2), Direct),
        (conv(4, 4, 3, padding=1, groups=4, bias=True), Direct),
        (conv(4, 12, 3, padding=1, groups=4, stride=2), Direct),
        (conv(4, 6, 5, padding=2, bias=True), Unfolded),
        (conv(4, 6, 5, padding=3, stride=2), Unfolded),
        (conv(4, 6, 1, padding=1), Unfolded),
        (conv(4, 6, 5, padding=2, groups=2, bias=True), Wide),
    ],
    ids=str,
)
def test_a_convolution_of_any_kind_in_front_or_behind(layer: nn.Conv2d, operation: type, side: int) -> None:
    assert convolution_of(layer) is operation
    assert_same(grown(nn.Sequential(*copy.deepcopy(FRONT), copy.deepcopy(layer))), (3, side, side + 1))
    assert_same(copy.deepcopy(layer), (4, side, side + 1))


@pytest.mark.parametrize(
    ("layer", "operation"),
    [
        (conv(16, 20, 3, padding=1), Unfolded),
        (conv(32, 20, 3, padding=1, stride=2, bias=True), Wide),
        (conv(32, 32, 3, padding=1, groups=2), Wide),
    ],
    ids=str,
)
def test_a_convolution_of_many_channels(layer: nn.Conv2d, operation: type) -> None:
    assert convolution_of(layer) is operation
    front = (conv(3, layer.in_channels, 1), nn.BatchNorm2d(layer.in_channels), nn.ReLU())
    assert_same(grown(nn.Sequential(*front, layer)), (3, 7, 6))


@pytest.mark.parametrize(
    "layers",
    [
        [nn.BatchNorm2d(4)],
        [nn.BatchNorm2d(4), nn.ReLU()],
        [nn.ReLU(), nn.BatchNorm2d(4)],
        [nn.BatchNorm2d(4), nn.Sigmoid()],
        [nn.ReLU(), nn.ReLU()],
        [nn.MaxPool2d(2, 2)],
        [nn.MaxPool2d(3, 2, 1)],
        [nn.MaxPool2d(3, 1, 1)],
        [nn.AvgPool2d(2, 2)],
        [nn.AvgPool2d(3, 2, 1)],
        [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)],
        [nn.Flatten(), nn.Linear(4 * 56, 5), nn.ReLU(), nn.Linear(5, 3, bias=False)],
        [nn.Dropout(0.0), nn.Identity(), nn.Sequential()],
        [Sum(nn.Identity(), conv(4, 4, 1))],
        [Sum(conv(4, 4, 1), nn.Identity()), nn.ReLU()],
        [Sum(nn.Sequential(conv(4, 4, 1), nn.BatchNorm2d(4)), nn.Identity())],
        [Sum(nn.Sequential(conv(4, 4, 1), nn.BatchNorm2d(4)), nn.Identity()), nn.ReLU()],
        [
            Sum(
                nn.Sequential(conv(4, 6, 3, padding=1, stride=2), nn.BatchNorm2d(6)),
                nn.Sequential(conv(4, 6, 1, stride=2), nn.BatchNorm2d(6)),
            ),
            nn.ReLU(),
        ],
        [Branches([nn.Identity(), conv(4, 2, 1), nn.Sequential(conv(4, 3, 1), nn.ReLU())])],
        [Gated(nn.Sequential(nn.AdaptiveAvgPool2d(1), conv(4, 2, 1), nn.ReLU(), conv(2, 4, 1), nn.Sigmoid()))],
    ],
    ids=str,
)
def test_every_other_layer(layers: list[nn.Module]) -> None:
    assert_same(grown(nn.Sequential(*copy.deepcopy(FRONT), *layers)), (3, 7, 8))


@pytest.mark.parametrize(
    ("name", "expected"), [("lenet", False), ("vgg11", True), ("densenet", True), ("regnetx_200mf", False)]
)
def test_what_torch_does_best_is_left_to_it(name: str, expected: bool) -> None:
    shape, classes = images_of(name)
    tree = load_architecture(name).layers(classes)
    assert is_mostly_wide(tree, shape) == expected
    network = build(load_architecture(name), input_shape=shape, num_classes=classes)
    counts = {Wide: 0, None: 0}
    for module in network.modules():  # by hooks: multiply-adds of each convolution
        if isinstance(module, nn.Conv2d):
            kind = Wide if convolution_of(module) is Wide else None

            def count(module: nn.Module, inputs: Any, output: Tensor, kind: Any = kind) -> None:
                assert isinstance(module, nn.Conv2d)
                counts[kind] += output.numel() * module.weight[0].numel() + (module.bias is not None) * output.numel()

            module.register_forward_hook(count)
    with torch.no_grad():
        network.eval()(torch.zeros(1, *shape))
    assert (counts[Wide] > counts[None]) == expected


def test_windows_with_equal_values_send_the_gradient_to_the_first_as_torch_does() -> None:
    network = nn.Sequential(conv(1, 1, 1), nn.MaxPool2d(2, 2))
    images = torch.ones(2, 1, 4, 4)
    outgoing = torch.ones(2, 1, 2, 2)
    _, gradients = played(network, images, outgoing)
    network(images).backward(outgoing)
    weight = network[0].weight
    assert isinstance(weight.grad, Tensor)
    assert_close(gradients["0.weight"], weight.grad.double())


@pytest.mark.parametrize("name", builtin_spaces())
def test_members_of_every_space(name: str) -> None:
    space = load_space(name)
    shape = space.regime.input_shape
    for architecture in space.sample(2, seed=5, flops=(0, space.regime.flops[1] / 2)):
        torch.manual_seed(0)
        network = build(architecture, input_shape=shape, num_classes=10)
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        assert_values_close(network, shape)


def assert_values_close(network: nn.Module, shape: tuple[int, int, int]) -> None:
    """Deep networks multiply what single precision loses: all gradients together are at least as close as torch's."""
    torch.manual_seed(3)
    images, labels = torch.randn(16, *shape), torch.arange(16) % 10
    exact = copy.deepcopy(network).double().train()
    functional.cross_entropy(exact(images.double()), labels).backward()  # type: ignore[no-untyped-call]
    gradients = {id(p): torch.zeros_like(p) for p in network.parameters()}
    tape = Tape(network, image_shape=shape, batch_size=16, gradients=lambda p: gradients[id(p)])
    tape.images.value.copy_(images.permute(1, 2, 3, 0))
    tape.forward()
    losses = torch.empty(16)
    assert tape.logits.grad is not None
    kernels.cross_entropy(tape.logits.value.numpy(), labels.numpy(), tape.logits.grad.numpy(), losses.numpy(), 0.0)
    tape.backward()
    functional.cross_entropy(network.train()(images), labels).backward()  # type: ignore[no-untyped-call]
    wanted, torchs = (
        torch.cat([p.grad.flatten() for p in one.parameters() if p.grad is not None]).double()
        for one in (exact, network)
    )
    got = torch.cat([gradients[id(p)].flatten() for p in network.parameters()]).double()
    assert (got - wanted).norm() <= max(0.01 * wanted.norm(), 1.5 * (torchs - wanted).norm())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_torchs(smoothing: float) -> None:
    logits = (torch.randn(5, 9) * 20).requires_grad_()
    labels = torch.arange(9) % 5
    wanted = functional.cross_entropy(logits.t(), labels, label_smoothing=smoothing, reduction="none")
    wanted.mean().backward()  # type: ignore[no-untyped-call]
    losses, gradient = torch.empty(9), torch.empty(5, 9)
    kernels.cross_entropy(logits.detach().numpy(), labels.numpy(), gradient.numpy(), losses.numpy(), smoothing)
    assert logits.grad is not None
    assert_close(losses, wanted.detach().double())
    assert_close(gradient, logits.grad.double())


def test_moments_keep_their_digits_far_from_zero() -> None:
    rows = torch.randn(2, 30_000) + torch.tensor([[3e3], [0.0]])
    out, moments, running = torch.empty_like(rows), torch.empty(2, 2), torch.zeros(2)
    kernels.normalise(
        *(rows.numpy(), rows.numpy(), out.numpy(), torch.ones(2).numpy(), torch.zeros(2).numpy()),
        *(running.numpy(), torch.ones(2).numpy(), moments.numpy(), 0, 0, 0.1, 1e-5),
    )
    assert_close(1 / moments[1] ** 2, rows.double().var(dim=1, unbiased=False) + 1e-5)
    assert_close(moments[0], rows.double().mean(dim=1))


def test_dropout_drops_its_share_and_its_gradient() -> None:
    network = nn.Sequential(conv(1, 1, 1), nn.Dropout(0.25))
    nn.init.ones_(network[0].weight)  # type: ignore[arg-type]
    gradients = {id(p): torch.zeros_like(p) for p in network.parameters()}
    tape = Tape(network, image_shape=(1, 40, 40), batch_size=8, gradients=lambda p: gradients[id(p)])
    tape.images.value.fill_(1.0)
    tape.forward()
    kept = tape.logits.value != 0
    assert torch.allclose(tape.logits.value[kept], torch.tensor(4 / 3))
    assert kept.double().mean() == pytest.approx(0.75, abs=0.02)
    assert tape.logits.grad is not None
    tape.logits.grad.fill_(1.0)
    tape.backward()
    assert gradients[id(network[0].weight)].item() == pytest.approx(kept.sum().item() * 4 / 3, rel=1e-4)
