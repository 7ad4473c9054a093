"""Pausing: a trial that goes on ends with the bits of one that never stopped, whatever the family, engine and place."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from anynas.architecture import Architecture, anynet, load_architecture
from anynas.data import DataSet
from anynas.training import loop
from anynas.training.cpu.engine import CpuEngine
from anynas.training.cuda.engine import GraphEngine
from anynas.training.cuda.recording import Repeater
from anynas.training.devices import one_thread
from anynas.training.eager import EagerEngine
from anynas.training.engines import network_of
from anynas.training.prepared import PreparedData, prepare
from anynas.training.side_by_side import SideBySide
from anynas.training.worker import Worker, Workplace, provenance
from anynas.trials import Paused, Trial, TrialResult

MakeTrial = Callable[..., Trial]
KINDS = {"tape": CpuEngine, "eager": EagerEngine, "graph": functools.partial(GraphEngine, recorder=Repeater())}
FAMILIES = {
    "anynet": anynet(depths=[1, 2], widths=[16, 24], bottleneck_ratios=[2, 2], group_widths=[4, 4], se_ratio=0.25),
    "resnet": load_architecture("resnet56_cifar"),
    "lenet": load_architecture("lenet"),
    "vgg": load_architecture("vgg11"),
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Train as a worker does."""
    with one_thread():
        yield


def maker(kind: str) -> loop.MakeEngine:
    return lambda trial, data: KINDS[kind](network_of(trial, data), trial, data)


def pieces(trial: Trial, stops: list[int], train: Callable[[Trial], TrialResult | Paused]) -> TrialResult | Paused:
    """Return what comes of a trial that pauses at these epochs, each time with an engine of its own."""
    outcome: TrialResult | Paused = train(dataclasses.replace(trial, stop=stops[0]))
    for stop in [*stops[1:], None]:
        assert isinstance(outcome, Paused)
        outcome = train(dataclasses.replace(trial, stop=stop, paused=outcome))
    return outcome


def bits(result: TrialResult | Paused) -> tuple[Any, ...]:
    assert isinstance(result, TrialResult)
    return result.state, result.error, result.test_error, result.curve, result.reason


def small(family: str, data: DataSet) -> tuple[Architecture, PreparedData]:
    """Return a network, and few images of the least side that it takes."""
    side = 32 if family == "vgg" else 28 if family == "lenet" else 14
    prepared = prepare(data, resolution=side, device=torch.device("cpu"))
    few = {
        name: dataclasses.replace(part, images=part.images[:64], labels=part.labels[:64])
        for name, part in (("validation", prepared.validation), ("test", prepared.test))
    }
    return FAMILIES[family], dataclasses.replace(prepared, **few)


@pytest.mark.parametrize("kind", ["tape", "eager"])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_a_trial_that_goes_on_equals_one_that_never_stopped(
    trial: MakeTrial, data: DataSet, family: str, kind: str
) -> None:
    """VGG draws its dropout from torch's own state; all draw their augmentation from the engine's."""
    architecture, prepared = small(family, data)
    asked = trial(
        architecture=architecture,
        epochs=3,
        images=32,
        batch_size=16,
        augmentation="crop_flip",
        test=True,
        learning_rate=0.05,
    )
    whole = loop.train_trial(asked, prepared, maker(kind))
    parts = pieces(asked, [1, 2], lambda t: loop.train_trial(t, prepared, maker(kind)))
    assert bits(parts) == bits(whole)
    assert len({point.loss for point in whole.curve}) == 3  # type: ignore[union-attr]


@pytest.mark.parametrize("changes", [{"momentum": 0.0, "nesterov": False}, {"images": 300, "batch_size": 80}], ids=str)
@pytest.mark.parametrize("kind", list(KINDS))
def test_whatever_the_recipe_and_wherever_it_pauses(
    trial: MakeTrial, prepared: PreparedData, kind: str, changes: dict[str, Any]
) -> None:
    asked = trial(epochs=4, **changes)
    whole = bits(loop.train_trial(asked, prepared, maker(kind)))
    for stops in ([1], [3], [2, 3]):
        assert bits(pieces(asked, stops, lambda t: loop.train_trial(t, prepared, maker(kind)))) == whole


def test_weights_and_momentum_are_the_same_bits_too(trial: MakeTrial, prepared: PreparedData) -> None:
    """Seen in the arrays of a trial that pauses later on, which hold all that can ever come of it."""
    asked = trial(epochs=4)
    direct = loop.train_trial(dataclasses.replace(asked, stop=3), prepared)
    first = loop.train_trial(dataclasses.replace(asked, stop=1), prepared)
    assert isinstance(first, Paused)
    second = loop.train_trial(dataclasses.replace(asked, stop=3, paused=first), prepared)
    assert isinstance(direct, Paused)
    assert isinstance(second, Paused)
    assert len(direct.arrays) == len(second.arrays)
    for one, other in zip(direct.arrays, second.arrays, strict=True):
        assert one.tobytes() == other.tobytes()
    assert direct.num_bytes == sum(array.nbytes for array in direct.arrays)


def test_a_trial_that_pauses_says_what_it_knows_so_far(trial: MakeTrial, prepared: PreparedData) -> None:
    asked = trial(epochs=3)
    whole = loop.train_trial(asked, prepared)
    paused = loop.train_trial(dataclasses.replace(asked, stop=2), prepared)
    assert isinstance(whole, TrialResult)
    assert isinstance(paused, Paused)
    assert (paused.result.state, paused.result.reason) == ("pruned", "")
    assert paused.result.curve == whole.curve[:2], "the learning rate is that of the whole fidelity"
    assert paused.result.error == whole.curve[1].error
    assert 0 < paused.result.seconds < 60


def test_a_training_that_diverges_before_it_would_pause_is_complete(trial: MakeTrial, prepared: PreparedData) -> None:
    asked = trial(epochs=3, learning_rate=1e6, nesterov=False, schedule="constant", warmup_fraction=0.0)
    outcome = loop.train_trial(dataclasses.replace(asked, stop=2), prepared)
    assert isinstance(outcome, TrialResult)
    assert (outcome.state, outcome.reason, outcome.error) == ("complete", "diverged", 90.0)
    assert bits(outcome) == bits(loop.train_trial(asked, prepared))


def test_what_a_trial_goes_on_from_is_left_as_it_was(trial: MakeTrial, prepared: PreparedData) -> None:
    """A worker may die, and the trial be tried again; and arrays may be read-only, as another process's are."""
    asked = trial(epochs=3)
    paused = loop.train_trial(dataclasses.replace(asked, stop=1), prepared)
    assert isinstance(paused, Paused)
    before = [array.tobytes() for array in paused.arrays]
    for array in paused.arrays:
        array.setflags(write=False)
    first, second = (loop.train_trial(dataclasses.replace(asked, paused=paused), prepared) for _ in range(2))
    assert bits(first) == bits(second)
    assert [array.tobytes() for array in paused.arrays] == before


@pytest.mark.parametrize("kind", [CpuEngine, EagerEngine])
def test_an_engine_names_every_tensor_that_a_step_changes(
    trial: MakeTrial, prepared: PreparedData, kind: Callable[..., Any]
) -> None:
    asked = trial()
    engine = kind(network_of(asked, prepared), asked, prepared)
    parameters = list(engine.network.parameters())
    names = [tensor.shape for tensor in engine.changing()]
    engine.step(torch.arange(64), 0.1)
    assert [tensor.shape for tensor in engine.changing()] == names, "from before the first step on"
    held = {tensor.data_ptr() for tensor in engine.changing()}
    assert {parameter.data_ptr() for parameter in parameters} <= held


# In workers


def test_a_worker_hands_back_where_a_trial_paused_and_who_trained_it(trial: MakeTrial, data: DataSet) -> None:
    place = Workplace(data="synthetic", input_shape=(1, 14, 14), num_classes=10, device="cpu")
    asked = trial(epochs=3, test=True)
    whole = Worker(place, data).run(asked)
    paused = Worker(place, data).run(dataclasses.replace(asked, stop=1))
    assert isinstance(paused, Paused)
    assert paused.result.provenance == provenance()
    assert bits(Worker(place, data).run(dataclasses.replace(asked, paused=paused))) == bits(whole)


def test_trials_side_by_side_pause_and_go_on_as_they_would_alone(trial: MakeTrial, data: DataSet) -> None:
    worker = Worker(Workplace(data="synthetic", input_shape=(1, 14, 14), num_classes=10, device="cpu"), data)
    trials = [trial(number=n, seed=n, epochs=3) for n in range(3)]
    alone = {t.number: bits(worker.run(t)) for t in trials}
    side = SideBySide(worker)
    for asked in trials:
        side.add(dataclasses.replace(asked, stop=1))
    ended = []
    while side:
        asked, outcome = side.next_result()
        if isinstance(outcome, Paused):
            side.add(dataclasses.replace(asked, stop=None, paused=outcome))
        else:
            ended.append((asked.number, bits(outcome)))
    assert dict(ended) == alone


def test_what_is_broken_is_a_failure_like_any_other(trial: MakeTrial, data: DataSet) -> None:
    worker = Worker(Workplace(data="synthetic", input_shape=(1, 14, 14), num_classes=10, device="cpu"), data)
    paused = worker.run(trial(epochs=2, stop=1))
    assert isinstance(paused, Paused)
    wider = anynet(depths=[1], widths=[24], block="V", stem_width=8, stem_stride=2)
    outcome = worker.run(trial(epochs=2, architecture=wider, paused=paused))
    assert isinstance(outcome, TrialResult)
    assert outcome.state == "failed"
