"""The GPU's engine: equal to the plain one step by step, nothing left of warming up, full and partial batches.

Where there is no GPU its logic runs with a recorder that does the work anew; tests marked `gpu` run the graphs.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from anynas.architecture import anynet, load_architecture
from anynas.data import DataSet, Split
from anynas.networks import build
from anynas.training.cuda.engine import GraphEngine
from anynas.training.cuda.recording import WARM_UPS, Repeater, Work
from anynas.training.devices import one_thread, repeatable_kernels
from anynas.training.eager import EVALUATION_BATCH, EagerEngine
from anynas.training.engines import Engine, make_engine
from anynas.training.loop import train_trial
from anynas.training.prepared import PreparedData, prepare
from anynas.trials import Trial

MakeTrial = Callable[..., Trial]
GROUPED = anynet(
    depths=[2, 1], widths=[16, 24], bottleneck_ratios=[2, 2], group_widths=[4, 4], stem_width=8, stem_stride=1
)
PRECISIONS = (torch.float32, torch.bfloat16)
without_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Train as a worker does."""
    with one_thread(), repeatable_kernels():
        yield


class Logged(Repeater):
    """A recorder that counts."""

    def __init__(self) -> None:
        self.warmed = self.recorded = self.played = 0
        self.generators: list[torch.Generator] = []

    def warm_up(self, work: Work) -> None:
        self.warmed += 1
        super().warm_up(work)

    def record(self, work: Work, generators: Sequence[torch.Generator]) -> Callable[[], None]:
        self.recorded += 1
        self.generators += generators

        def play() -> None:
            self.played += 1
            work()

        return play


def pair(trial: Trial, data: PreparedData, precision: torch.dtype = torch.float32, **more: Any) -> list[Engine]:
    """Return the plain engine and the one that records, of the same network."""
    engines: list[Engine] = []
    for kind, extra in ((EagerEngine, {}), (GraphEngine, more)):
        torch.manual_seed(trial.seed)
        network = build(trial.architecture, input_shape=data.image_shape, num_classes=data.num_classes)
        engines.append(kind(network, trial, data, precision, **extra))  # type: ignore[operator]
    return engines


def state_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone().cpu() for name, value in network.state_dict().items()}


def steps(engine: Engine, number: int, device: str = "cpu") -> list[float]:
    return [engine.step(torch.arange(64, device=device) + 64 * step, 0.1 / (step + 1)).item() for step in range(number)]


# Without a GPU


@pytest.mark.parametrize("precision", PRECISIONS, ids=str)
@pytest.mark.parametrize("changes", [{}, {"momentum": 0.0, "nesterov": False}, {"augmentation": "crop_flip"}], ids=str)
def test_steps_are_those_of_the_plain_engine_to_the_bit(
    trial: MakeTrial, prepared: PreparedData, precision: torch.dtype, changes: dict[str, Any]
) -> None:
    asked = trial(architecture=GROUPED, weight_decay=0.01, **changes)
    plain, graph = pair(asked, prepared, precision, recorder=Repeater())
    assert steps(graph, 4) == steps(plain, 4)
    found, expected = state_of(graph.network), state_of(plain.network)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert {int(value) for name, value in found.items() if name.endswith("num_batches_tracked")} == {4}


def test_a_network_with_dropout_draws_what_it_draws_in_the_plain_engine(trial: MakeTrial, data: DataSet) -> None:
    whole = prepare(data, resolution=67, device=torch.device("cpu"))
    asked = trial(architecture=load_architecture("nin"), batch_size=4)
    losses = []
    for engine in pair(asked, whole, recorder=Repeater()):
        torch.manual_seed(5)
        losses.append([engine.step(torch.arange(4), 0.01).item() for _ in range(2)])
    assert losses[0] == losses[1]


def test_warming_up_leaves_nothing_behind(trial: MakeTrial, prepared: PreparedData) -> None:
    _, graph = pair(trial(augmentation="crop_flip"), prepared, recorder=(log := Logged()))
    before, drawn = state_of(graph.network), torch.get_rng_state()
    record = log.record

    def looked_at(work: Work, generators: Sequence[torch.Generator]) -> Callable[[], None]:
        after = state_of(graph.network)
        assert all(torch.equal(after[name], before[name]) for name in before)
        assert all(parameter.grad is None for parameter in graph.network.parameters())
        assert torch.equal(torch.get_rng_state(), drawn)
        expected = torch.Generator().manual_seed(generators[0].initial_seed()).get_state()
        assert torch.equal(generators[0].get_state(), expected)
        return record(work, generators)

    log.record = looked_at  # type: ignore[method-assign]
    graph.step(torch.arange(64), 0.1)
    assert (log.warmed, log.recorded, log.played) == (1, 1, 1)
    assert WARM_UPS >= 2


def test_a_step_is_recorded_once_and_evaluation_once(trial: MakeTrial, prepared: PreparedData) -> None:
    _, graph = pair(trial(), prepared, recorder=(log := Logged()))
    steps(graph, 3)
    assert (log.recorded, log.played) == (1, 3)
    for split in (prepared.validation, prepared.test, prepared.validation):
        graph.error(split)
    assert (log.recorded, log.played) == (2, 6)
    steps(graph, 1)
    assert (log.recorded, log.played) == (2, 7)


def test_indices_and_rate_are_read_where_they_are_copied_to(trial: MakeTrial, prepared: PreparedData) -> None:
    plain, graph = pair(trial(momentum=0.0, nesterov=False), prepared, recorder=Repeater())
    for rate in (0.0, 0.5, 0.25):
        batch = torch.randperm(512)[:64]
        moved = []
        for engine in (plain, graph):
            before = state_of(engine.network)
            engine.step(batch, rate)
            after = state_of(engine.network)
            moved.append(torch.cat([(after[name] - before[name]).flatten().float() for name in before]))
        assert torch.equal(*moved)


@pytest.mark.parametrize("size", [1, 3, EVALUATION_BATCH - 1, EVALUATION_BATCH, EVALUATION_BATCH + 1])
@pytest.mark.parametrize("precision", PRECISIONS, ids=str)
def test_a_split_of_any_size_has_the_error_that_the_plain_engine_finds(
    trial: MakeTrial, prepared: PreparedData, size: int, precision: torch.dtype
) -> None:
    plain, graph = pair(trial(), prepared, precision, recorder=Repeater())
    steps(plain, 4), steps(graph, 4)
    images, labels = (torch.cat([part, part, part])[:size] for part in (prepared.test.images, prepared.test.labels))
    graph.error(prepared.validation)  # whose images lie in what the next split does not fill
    assert graph.error(Split(images, labels)) == pytest.approx(plain.error(Split(images, labels)), abs=100 / size / 2)


def test_rows_that_fill_up_a_batch_do_not_count(trial: MakeTrial, prepared: PreparedData) -> None:
    _, graph = pair(trial(), prepared, recorder=Repeater())
    with torch.no_grad():
        for parameter in graph.network.parameters():
            parameter.fill_(float("nan"))
    few = Split(prepared.test.images[:7], prepared.test.labels[:7])
    assert graph.error(few) == 100.0


def test_narrow_weights_follow_their_masters_into_evaluation(trial: MakeTrial, prepared: PreparedData) -> None:
    _, graph = pair(trial(), prepared, torch.bfloat16, recorder=Repeater())
    graph.error(prepared.validation)
    with torch.no_grad():
        list(graph.network.parameters())[-1][3] = 1e4  # the bias of one class
    alone = Split(prepared.test.images, torch.full_like(prepared.test.labels, 3))
    assert graph.error(alone) == 0.0


def test_weights_stay_float32_and_learning_in_bfloat16_is_learning(trial: MakeTrial, prepared: PreparedData) -> None:
    ends = []
    for precision in PRECISIONS:
        _, graph = pair(trial(), prepared, precision, recorder=Repeater())
        losses = [graph.step(torch.arange(64), 0.05).item() for _ in range(25)]
        assert losses[-1] < 0.85 * losses[0]
        assert {p.dtype for p in graph.network.parameters()} == {torch.float32}
        ends.append(losses[-1])
    assert ends[0] != ends[1]
    assert ends[0] == pytest.approx(ends[1], rel=0.1)


def test_a_whole_trial_is_that_of_the_plain_engine(trial: MakeTrial, prepared: PreparedData) -> None:
    def engine(kind: Any, **more: Any) -> Callable[[Trial, PreparedData], Engine]:
        def made(asked: Trial, data: PreparedData) -> Engine:
            network = build(asked.architecture, input_shape=data.image_shape, num_classes=data.num_classes)
            return kind(network, asked, data, **more)  # type: ignore[no-any-return]

        return made

    asked = trial(epochs=2, augmentation="crop_flip", test=True)
    plain = train_trial(asked, prepared, engine(EagerEngine))
    graph = train_trial(asked, prepared, engine(GraphEngine, recorder=Repeater()))
    assert (graph.curve, graph.error, graph.test_error) == (plain.curve, plain.error, plain.test_error)


# On a GPU


@pytest.fixture(scope="module")
def on_gpu(data: DataSet) -> PreparedData:
    """The data on the device, uint8."""
    return prepare(data, resolution=14, device=torch.device("cuda"))


@pytest.mark.gpu
@without_gpu
@pytest.mark.parametrize("precision", PRECISIONS, ids=str)
@pytest.mark.parametrize("changes", [{}, {"momentum": 0.0, "nesterov": False}, {"augmentation": "crop_flip"}], ids=str)
def test_a_graph_takes_the_plain_engines_steps(
    trial: MakeTrial, on_gpu: PreparedData, precision: torch.dtype, changes: dict[str, Any]
) -> None:
    plain, graph = pair(trial(architecture=GROUPED, **changes), on_gpu, precision)
    relative = 1e-3 if precision == torch.float32 else 3e-2
    assert steps(graph, 6, "cuda") == pytest.approx(steps(plain, 6, "cuda"), rel=relative)
    found, expected = state_of(graph.network), state_of(plain.network)
    for name, value in expected.items():
        assert (found[name].float() - value.float()).norm() <= 10 * relative * value.float().norm() + 1e-4, name
    assert graph.error(on_gpu.test) == pytest.approx(plain.error(on_gpu.test), abs=3)


@pytest.mark.gpu
@without_gpu
def test_a_graph_sees_another_rate(trial: MakeTrial, on_gpu: PreparedData) -> None:
    _, graph = pair(trial(momentum=0.0, nesterov=False), on_gpu)
    batch = torch.arange(64, device="cuda")
    graph.step(batch, 0.1)
    before = state_of(graph.network)
    graph.step(batch, 0.0)
    frozen = state_of(graph.network)
    graph.step(batch, 0.1)
    moved = state_of(graph.network)
    weights = [name for name in before if name.endswith("weight")]
    assert all(torch.equal(before[name], frozen[name]) for name in weights)
    assert any(not torch.equal(frozen[name], moved[name]) for name in weights)


@pytest.mark.gpu
@without_gpu
def test_augmentation_draws_anew_in_every_step_of_a_graph(trial: MakeTrial, on_gpu: PreparedData) -> None:
    _, graph = pair(trial(augmentation="crop_flip"), on_gpu)
    batch = torch.arange(64, device="cuda")
    assert len({graph.step(batch, 0.0).item() for _ in range(6)}) > 1


@pytest.mark.gpu
@without_gpu
def test_the_same_trial_gives_the_same_curve_on_a_gpu(trial: MakeTrial, on_gpu: PreparedData) -> None:
    asked = trial(epochs=2, augmentation="crop_flip")
    first, again = (train_trial(asked, on_gpu) for _ in range(2))
    assert first.curve == again.curve


@pytest.mark.gpu
@without_gpu
def test_nothing_waits_for_the_device_within_an_epoch(
    trial: MakeTrial, on_gpu: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, graph = pair(trial(augmentation="crop_flip"), on_gpu)
    batch = torch.arange(64, device="cuda")
    graph.step(batch, 0.1)  # recording may wait
    total = torch.zeros((), device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):
            total += graph.step(batch, 0.1)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert total.item() > 0


@pytest.mark.gpu
@without_gpu
def test_a_gpu_has_an_engine_that_records(trial: MakeTrial, on_gpu: PreparedData) -> None:
    assert isinstance(make_engine(trial(), on_gpu), GraphEngine)


@pytest.mark.gpu
@without_gpu
def test_dropout_in_graphs_is_repeatable_and_changes_from_step_to_step(trial: MakeTrial, data: DataSet) -> None:
    whole = prepare(data, resolution=67, device=torch.device("cuda"))
    asked = trial(architecture=load_architecture("nin"), batch_size=4)
    batch, losses = torch.arange(4, device="cuda"), []
    for _ in range(2):
        _, graph = pair(asked, whole)
        losses.append([graph.step(batch, 0.0).item() for _ in range(4)])
    assert losses[0] == losses[1]
    assert len(set(losses[0])) > 1
