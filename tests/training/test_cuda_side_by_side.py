"""Trainings in turns: each ends as it would alone, whatever its neighbours draw, need or die of."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from anynas.architecture import load_architecture
from anynas.data import DataSet
from anynas.training import loop, side_by_side
from anynas.training.cuda.engine import GraphEngine
from anynas.training.cuda.recording import Repeater
from anynas.training.eager import EagerEngine
from anynas.training.engines import Engine, network_of
from anynas.training.prepared import PreparedData
from anynas.training.side_by_side import SideBySide
from anynas.training.worker import Worker, Workplace, provenance
from anynas.trials import Trial, TrialResult

MakeTrial = Callable[..., Trial]
HERE = Workplace(data="synthetic", input_shape=(1, 14, 14), num_classes=10, device="cpu")
ENGINES: tuple[Callable[..., Engine], ...] = (EagerEngine, functools.partial(GraphEngine, recorder=Repeater()))


def made(kind: Callable[..., Engine]) -> loop.MakeEngine:
    def make(trial: Trial, data: PreparedData) -> Engine:
        return kind(network_of(trial, data), trial, data)

    return make


def outcome(result: TrialResult) -> Any:
    return result.state, result.curve, result.error, result.reason


def together(worker: Worker, trials: list[Trial], make: loop.MakeEngine | None = None) -> dict[int, TrialResult]:
    running = SideBySide(worker, make)
    for trial in trials:
        running.add(trial)
    ended = {}
    while len(running):
        trial, result = running.next_result()
        ended[trial.number] = result
    return ended


@pytest.mark.parametrize("kind", ENGINES)
def test_trials_side_by_side_end_as_they_do_alone(
    trial: MakeTrial, data: DataSet, kind: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "STEPS_AT_ONCE", 1)
    worker, make = Worker(HERE, data), made(kind)
    trials = [trial(number=n, seed=n, epochs=1 + n % 2, augmentation="crop_flip", test=n == 2) for n in range(4)]
    with worker.conditions():
        alone = {t.number: loop.train_trial(t, worker.prepared(t), make) for t in trials}
    side = together(worker, trials, make)
    assert {n: outcome(r) for n, r in side.items()} == {n: outcome(r) for n, r in alone.items()}
    assert side[2].test_error == alone[2].test_error
    assert side[0].provenance == provenance()


def test_trials_that_draw_from_torchs_own_state_do_not_disturb_each_other(
    trial: MakeTrial, data: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "STEPS_AT_ONCE", 1)
    worker = Worker(dataclasses.replace(HERE, input_shape=(1, 67, 67)), data)
    changes = {"architecture": load_architecture("nin"), "batch_size": 4, "images": 8, "learning_rate": 0.01}
    trials = [trial(number=n, seed=n, **changes) for n in range(2)]
    few = dataclasses.replace(worker.prepared(trials[0]))
    short = dataclasses.replace(few, validation=dataclasses.replace(few.validation, labels=few.validation.labels[:4]))
    short = dataclasses.replace(
        short, validation=dataclasses.replace(short.validation, images=few.validation.images[:4])
    )
    monkeypatch.setattr(Worker, "prepared", lambda *_: short)
    make = made(EagerEngine)
    with worker.conditions():
        alone = {t.number: outcome(loop.train_trial(t, short, make)) for t in trials}
    assert {n: outcome(r) for n, r in together(worker, trials, make).items()} == alone


def test_turns_go_round(trial: MakeTrial, data: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "STEPS_AT_ONCE", 2)
    order: list[int] = []

    class Told(EagerEngine):
        def __init__(self, network: Any, trial: Trial, data: PreparedData) -> None:
            super().__init__(network, trial, data)
            self._number = trial.number

        def step(self, batch: torch.Tensor, rate: float | torch.Tensor) -> torch.Tensor:
            order.append(self._number)
            return super().step(batch, rate)

    together(Worker(HERE, data), [trial(number=n) for n in range(3)], made(Told))
    assert order == [0, 0, 1, 1, 2, 2] * 2


def test_a_training_whose_steps_are_under_way_is_passed_over(
    trial: MakeTrial, data: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every training's device is slow: it is asked three times before it has come far enough."""
    asked = 0

    def slow(_: torch.device) -> Callable[[], bool]:
        times = 0

        def ready() -> bool:
            nonlocal times, asked
            times, asked = times + 1, asked + 1
            return times > 3

        return ready

    monkeypatch.setattr(loop, "reached", slow)
    pauses: list[float] = []
    monkeypatch.setattr(side_by_side.time, "sleep", pauses.append)
    ended = together(Worker(HERE, data), [trial(number=n, seed=n) for n in range(2)], made(EagerEngine))
    assert [result.state for result in ended.values()] == ["complete"] * 2
    assert asked > 6
    assert pauses == [side_by_side.PAUSE_SECONDS] * len(pauses)
    assert pauses


def test_a_failure_is_a_value_and_its_neighbours_go_on(trial: MakeTrial, data: DataSet) -> None:
    ended = together(Worker(HERE, data), [trial(number=0, images=10), trial(number=1)], made(EagerEngine))
    assert ended[0].reason == (
        "SettingsError: images must be at least one batch (64) and at most the data set's 512; got 10"
    )
    assert ended[1].state == "complete"


def test_data_that_cannot_be_prepared_are_a_failure_too(trial: MakeTrial) -> None:
    worker = Worker(Workplace(data="fashion-mnist-mini", input_shape=(1, 28, 28), num_classes=7, device="cpu"))
    assert together(worker, [trial()])[0].reason.startswith("DataError: ")


def test_torchs_random_state_is_left_as_it_was(trial: MakeTrial, data: DataSet) -> None:
    before = torch.get_rng_state()
    together(Worker(HERE, data), [trial(number=n, seed=n) for n in range(2)], made(EagerEngine))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_trial_may_join_while_others_are_under_way(trial: MakeTrial, data: DataSet) -> None:
    running = SideBySide(Worker(HERE, data), made(EagerEngine))
    running.add(trial(number=0))
    running.add(trial(number=1, epochs=3))
    first, _ = running.next_result()
    running.add(trial(number=2))
    assert len(running) == 2
    assert [first.number, running.next_result()[0].number, running.next_result()[0].number] == [0, 2, 1]


def test_no_two_lanes_share_a_stream_and_one_that_is_free_is_used_again(
    trial: MakeTrial, data: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a graph works in belongs to its stream."""
    made_streams, used = [], []

    class Stream:
        def wait_stream(self, other: Any) -> None:
            used.append(made_streams.index(self))

    def new(_: torch.device) -> Stream:
        made_streams.append(Stream())
        return made_streams[-1]

    monkeypatch.setattr(side_by_side, "_new_stream", new)
    monkeypatch.setattr(side_by_side, "_on", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: None)
    running = SideBySide(Worker(HERE, data), made(EagerEngine))
    running.add(trial(number=0))
    running.add(trial(number=1, epochs=4))
    for number in (2, 3):
        running.next_result()
        running.add(trial(number=number))
    assert used == [0, 1, 0, 0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_two_streams_equal_one(trial: MakeTrial, data: DataSet) -> None:
    worker = Worker(dataclasses.replace(HERE, device="cuda"), data)
    trials = [trial(number=n, seed=n, epochs=2, augmentation="crop_flip") for n in range(4)]
    alone = {t.number: worker.run(t) for t in trials}
    side = together(worker, trials)
    for number, result in side.items():
        assert result.state == alone[number].state == "complete", result.reason
        assert [p.loss for p in result.curve] == pytest.approx([p.loss for p in alone[number].curve], rel=1e-3)
        assert result.error == pytest.approx(alone[number].error, abs=2)
