"""What every engine promises, and what holds for the CPU's alone."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from anynas.architecture import Architecture, anynet
from anynas.data import Split
from anynas.networks import build
from anynas.training.augmentation import augmented
from anynas.training.cpu.engine import EVALUATION_BATCH, CpuEngine
from anynas.training.cuda.engine import GraphEngine
from anynas.training.cuda.recording import Repeater
from anynas.training.devices import one_thread
from anynas.training.eager import EagerEngine
from anynas.training.engines import (
    AUGMENTATION_STREAM,
    Engine,
    count_wrong,
    make_engine,
    make_optimizer,
    norms_and_others,
)
from anynas.training.prepared import PreparedData
from anynas.trials import Trial

MakeTrial = Callable[..., Trial]
ENGINES = (CpuEngine, EagerEngine, functools.partial(GraphEngine, recorder=Repeater()))
BOTTLENECKS = anynet(  # with a 3x3 of few channels a group, and one of many
    depths=[2, 1], widths=[16, 40], bottleneck_ratios=[2, 2], group_widths=[4, 20], stem_width=8, stem_stride=1
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Train as a worker does."""
    with one_thread():
        yield


def engine_of(kind: Callable[..., Engine], trial: Trial, data: PreparedData) -> Engine:
    torch.manual_seed(trial.seed)
    network = build(trial.architecture, input_shape=data.image_shape, num_classes=data.num_classes)
    return kind(network, trial, data)


def values_of(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@pytest.mark.parametrize("kind", ENGINES)
class TestEngine:
    """The contract."""

    def test_a_step_returns_the_loss_before_it_and_moves_by_the_rate(
        self, kind: Callable[..., Engine], trial: MakeTrial, prepared: PreparedData
    ) -> None:
        asked = trial(momentum=0.0, nesterov=False, weight_decay=0.0)
        batch, moved = torch.arange(64), []
        for rate in (0.0, 0.1, 0.2):
            engine = engine_of(kind, asked, prepared)
            before = values_of(engine.network)
            loss = engine.step(batch, rate)
            plain = build(asked.architecture, input_shape=prepared.image_shape, num_classes=10)
            torch.nn.utils.vector_to_parameters(before, plain.parameters())
            expected = functional.cross_entropy(plain(prepared.train.images[:64]), prepared.train.labels[:64])
            assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
            assert (loss.shape, loss.requires_grad) == ((), False)
            moved.append((values_of(engine.network) - before).norm().item())
        assert moved[0] == 0
        assert moved[1] > 0
        assert moved[2] == pytest.approx(2 * moved[1], rel=1e-3)

    def test_steps_are_those_of_a_plain_loop_in_double_precision(
        self, kind: Callable[..., Engine], trial: MakeTrial, prepared: PreparedData
    ) -> None:
        asked = trial(
            architecture=BOTTLENECKS,
            augmentation="crop_flip",
            label_smoothing=0.1,
            weight_decay=0.01,
            norm_weight_decay=0.1,
        )
        engine = engine_of(kind, asked, prepared)
        torch.manual_seed(asked.seed)
        plain = build(asked.architecture, input_shape=prepared.image_shape, num_classes=10).double()
        shifts = torch.Generator().manual_seed(asked.seed ^ AUGMENTATION_STREAM)
        optimizer = torch.optim.SGD(
            [
                {"params": [p], "weight_decay": 0.1 if isinstance(module, nn.BatchNorm2d) else 0.01}
                for module in plain.modules()
                for p in module.parameters(recurse=False)
            ],
            lr=0.05,
            momentum=0.9,
            nesterov=True,
        )
        for step in range(4):
            batch = torch.arange(64) + 64 * step
            images = augmented(prepared.train.images[batch], "crop_flip", shifts).double()
            loss = functional.cross_entropy(plain(images), prepared.train.labels[batch], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            assert engine.step(batch, 0.05).item() == pytest.approx(loss.item(), rel=1e-3)
        for name, value in plain.state_dict().items():
            got = engine.network.state_dict()[name].double()
            assert (got - value).norm() <= 1e-2 * value.double().norm() + 1e-4, name

    def test_the_error_is_that_of_the_network_in_evaluation_mode(
        self, kind: Callable[..., Engine], trial: MakeTrial, prepared: PreparedData
    ) -> None:
        engine = engine_of(kind, trial(architecture=BOTTLENECKS), prepared)
        for step in range(4):
            engine.step(torch.arange(64) + 64 * step, 0.1)
        plain = build(BOTTLENECKS, input_shape=prepared.image_shape, num_classes=10)
        plain.load_state_dict(engine.network.state_dict())
        plain.eval()
        for size in (1, EVALUATION_BATCH, EVALUATION_BATCH + 1, 200):
            part = Split(prepared.test.images[:size], prepared.test.labels[:size])
            with torch.no_grad():
                wrong = plain(part.images).argmax(dim=1) != part.labels
            assert engine.error(part) == pytest.approx(100 * wrong.double().mean().item(), abs=1.0)

    def test_evaluation_leaves_the_network_as_it_was(
        self, kind: Callable[..., Engine], trial: MakeTrial, prepared: PreparedData
    ) -> None:
        engine = engine_of(kind, trial(), prepared)
        engine.step(torch.arange(64), 0.1)
        before = {name: value.clone() for name, value in engine.network.state_dict().items()}
        engine.error(prepared.validation)
        assert all(torch.equal(value, before[name]) for name, value in engine.network.state_dict().items())

    def test_evaluation_between_steps_changes_no_step(
        self, kind: Callable[..., Engine], trial: MakeTrial, prepared: PreparedData
    ) -> None:
        ends = []
        for evaluates in (False, True):
            engine = engine_of(kind, trial(architecture=BOTTLENECKS), prepared)
            for step in range(3):
                engine.step(torch.arange(64) + 64 * step, 0.1)
                if evaluates:
                    engine.error(prepared.validation)
            ends.append(values_of(engine.network))
        assert torch.equal(*ends)

    def test_the_same_trial_gives_the_same_bits(
        self, kind: Callable[..., Engine], trial: MakeTrial, prepared: PreparedData
    ) -> None:
        ends = []
        for _ in range(2):
            engine = engine_of(kind, trial(architecture=BOTTLENECKS, augmentation="crop_flip"), prepared)
            losses = [engine.step(torch.arange(64) + 64 * step, 0.1).item() for step in range(3)]
            ends.append((losses, values_of(engine.network).tolist(), engine.error(prepared.validation)))
        assert ends[0] == ends[1]

    def test_an_infinite_weight_gives_a_loss_that_is_no_number_and_the_error_of_nothing_right(
        self, kind: Callable[..., Engine], trial: MakeTrial, prepared: PreparedData
    ) -> None:
        engine = engine_of(kind, trial(architecture=BOTTLENECKS), prepared)
        with torch.no_grad():
            next(engine.network.parameters()).fill_(math.inf)
        assert math.isnan(engine.step(torch.arange(64), 0.1).item())
        assert engine.error(prepared.validation) == 100.0


@pytest.mark.parametrize(("width", "kind"), [(8, CpuEngine), (64, EagerEngine)])
def test_a_cpu_has_its_own_engine_but_for_what_torch_does_best(
    trial: MakeTrial, prepared: PreparedData, width: int, kind: type
) -> None:
    plain = anynet(depths=[3], widths=[width], block="V", stem_width=width)
    assert isinstance(make_engine(trial(architecture=plain), prepared), kind)


def test_parameters_lie_in_two_arrays_each_on_a_line_of_the_cache(trial: MakeTrial, prepared: PreparedData) -> None:
    network = engine_of(CpuEngine, trial(architecture=BOTTLENECKS), prepared).network
    assert len({p.untyped_storage().data_ptr() for p in network.parameters()}) == 2
    assert all(p.data_ptr() % 64 == 0 for p in network.parameters())


def test_images_whose_largest_logit_is_not_their_labels_are_wrong() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0], [5.0, -1.0, 1.0], [0.0, 0.0, 3.0], [9.0, 0.0, 3.0]])
    for labels, wrong in (([1, 0, 2, 1], 1), ([1, 0, 2, 0], 0), ([0, 1, 0, 1], 4)):
        assert count_wrong(logits, torch.tensor(labels), 1) == wrong
        assert count_wrong(logits.t().contiguous(), torch.tensor(labels), 0) == wrong


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_logit_that_is_no_finite_number_counts_as_wrong(bad: float) -> None:
    logits = torch.tensor([[0.0, 2.0, bad], [bad, 1.0, 1.0], [3.0, 0.0, 0.0], [bad, bad, bad]])
    assert count_wrong(logits, torch.tensor([1, 0, 0, 0]), 1) == 3


def test_norms_have_a_weight_decay_of_their_own_and_each_parameter_one_group(
    trial: MakeTrial, prepared: PreparedData, tiny: Architecture
) -> None:
    recipe = trial(weight_decay=0.25, norm_weight_decay=0.125).recipe
    network = build(tiny, input_shape=prepared.image_shape, num_classes=10)
    optimizer = make_optimizer(*norms_and_others(network), recipe)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert len(decay) == sum(len(group["params"]) for group in optimizer.param_groups)
    assert len(decay) == len(list(network.parameters()))
    seen = set()
    for module in network.modules():
        for parameter in module.parameters(recurse=False):
            seen.add(type(module))
            assert decay[id(parameter)] == (0.125 if isinstance(module, nn.BatchNorm2d) else 0.25)
    assert seen == {nn.BatchNorm2d, nn.Conv2d, nn.Linear}


def test_norms_do_not_decay_unless_the_recipe_says_so(trial: MakeTrial) -> None:
    recipe = trial().recipe
    assert recipe.norm_weight_decay == 0
    assert recipe.weight_decay > 0


def test_a_network_without_norms_can_be_trained_too(trial: MakeTrial, prepared: PreparedData) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(196, 10))
    engine = CpuEngine(network, trial(), prepared)
    losses = [engine.step(torch.arange(64), 0.01).item() for _ in range(20)]
    assert losses[-1] < losses[0]
    (group,) = make_optimizer(*norms_and_others(network), trial().recipe).param_groups
    assert len(group["params"]) == 2


def test_a_network_for_images_of_another_height_and_width_is_the_same_network(
    trial: MakeTrial, prepared: PreparedData
) -> None:
    def cut(split: Split) -> Split:
        return Split(split.images[:, :, :9].contiguous(), split.labels)

    data = dataclasses.replace(
        prepared, train=cut(prepared.train), validation=cut(prepared.validation), test=cut(prepared.test)
    )
    losses = [
        engine_of(kind, trial(architecture=BOTTLENECKS), data).step(torch.arange(64), 0.1).item() for kind in ENGINES
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
