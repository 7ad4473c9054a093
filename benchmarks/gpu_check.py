"""python -m benchmarks.gpu_check: whether recorded graphs train what the plain engine trains; needs no test library.

Each check prints one line, and its reason where it fails; the exit code is 1 if one did. Where there is no GPU the same
checks run with the stand-in that does recorded work anew.
"""

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from anynas.architecture import Architecture, anynet, load_architecture
from anynas.networks import build
from anynas.training.cuda.engine import GraphEngine
from anynas.training.cuda.recording import Repeater
from anynas.training.eager import EagerEngine
from anynas.training.engines import Engine, network_of
from anynas.training.loop import train_trial
from anynas.training.prepared import PreparedData
from anynas.training.side_by_side import SideBySide
from anynas.training.worker import Worker, Workplace
from anynas.trials import Fidelity, Recipe, Trial, TrialResult

GROUPED = anynet(
    depths=[2, 1], widths=[16, 24], bottleneck_ratios=[2, 2], group_widths=[4, 4], stem_width=8, stem_stride=1
)
TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 3e-2}  # relative, of losses


class Checks:
    """The checks, and what they share; each raises AssertionError, or whatever else goes wrong."""

    def __init__(self, device: str) -> None:
        place = Workplace(data="synthetic", input_shape=(1, 28, 28), num_classes=10, device=device)
        self.worker = Worker(place)
        self.cuda = self.worker.device.type == "cuda"

    def graphs_take_the_plain_engines_steps(self) -> str:
        said = []
        for precision, tolerance in TOLERANCES.items():
            for recipe in (Recipe(), Recipe(momentum=0.0, nesterov=False), Recipe(augmentation="crop_flip")):
                trial = _trial(recipe=recipe)
                plain, graph = (self._engine(kind, trial, precision) for kind in (EagerEngine, GraphEngine))
                losses = torch.tensor([self._steps(engine, 6) for engine in (plain, graph)])
                apart = ((losses[0] - losses[1]).abs() / losses[0]).max().item()
                assert apart <= tolerance, f"{precision}, {recipe}: losses {apart:.1e} apart: {losses.tolist()}"
                errors = [engine.error(self._data(trial).test) for engine in (plain, graph)]
                assert abs(errors[0] - errors[1]) <= 3, f"{precision}, {recipe}: errors {errors}"
                said.append(f"{apart:.0e}")
        return f"losses at most {', '.join(said)} apart"

    def the_rate_is_read_anew_in_every_step(self) -> str:
        graph = self._engine(GraphEngine, _trial(recipe=Recipe(momentum=0.0, nesterov=False)))
        self._steps(graph, 1)
        before = _weights(graph.network)
        batch = torch.arange(64, device=self.worker.device)
        graph.step(batch, 0.0)
        assert torch.equal(before, _weights(graph.network)), "weights moved at rate 0"
        graph.step(batch, 0.1)
        assert not torch.equal(before, _weights(graph.network)), "weights did not move at rate 0.1"
        return ""

    def augmentation_and_dropout_draw_anew_and_repeatably(self) -> str:
        nin = _trial(architecture=load_architecture("nin"), recipe=Recipe(batch_size=8), resolution=67)
        for trial in (_trial(recipe=Recipe(augmentation="crop_flip")), nin):
            losses = []
            for _ in range(2):
                graph = self._engine(GraphEngine, trial)
                batch = torch.arange(trial.recipe.batch_size, device=self.worker.device)
                losses.append([graph.step(batch, 0.0).item() for _ in range(4)])
            assert len(set(losses[0])) > 1, f"the same draw in every step: {losses[0]}"
            assert losses[0] == losses[1], f"not the same draws twice: {losses}"
        return ""

    def a_trial_gives_the_same_curve_twice(self) -> str:
        trial = _trial(recipe=Recipe(augmentation="crop_flip"))
        first, again = (self._trained(trial) for _ in range(2))
        assert first.curve == again.curve, f"{first.curve} {again.curve}"
        return ""

    def trials_on_streams_equal_trials_alone(self) -> str:
        trials = [_trial(number=number) for number in range(6)]
        alone = {trial.number: self._trained(trial) for trial in trials}
        running = SideBySide(self.worker, self._make)
        for trial in trials[:3]:
            running.add(trial)
        waiting, apart = trials[3:], 0.0
        while len(running):
            trial, result = running.next_result()
            assert result.state == "complete", result.reason
            pairs = zip(result.curve, alone[trial.number].curve, strict=True)
            apart = max(apart, *(abs(a.loss - b.loss) / b.loss for a, b in pairs))
            if waiting:
                running.add(waiting.pop())
        assert apart <= TOLERANCES[torch.float32], f"losses {apart:.1e} apart"
        return f"losses at most {apart:.0e} apart"

    def nothing_waits_for_the_device_within_an_epoch(self) -> str:
        if not self.cuda:
            return "not asked of a CPU"
        graph = self._engine(GraphEngine, _trial(recipe=Recipe(augmentation="crop_flip")))
        self._steps(graph, 1)
        batch = torch.arange(64, device=self.worker.device)
        total = torch.zeros((), device=self.worker.device)
        torch.cuda.set_sync_debug_mode("error")
        try:
            for _ in range(5):
                total += graph.step(batch, 0.1)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return f"mean loss {total.item() / 5:.2f}"

    def what_recording_and_a_step_cost(self) -> str:
        said = []
        for kind in (EagerEngine, GraphEngine):
            engine = self._engine(kind, _trial())
            started = time.perf_counter()
            self._steps(engine, 1)
            first = time.perf_counter()
            batch = torch.arange(64, device=self.worker.device)
            for _ in range(50):
                loss = engine.step(batch, 0.01)
            loss.item()
            said.append(
                f"{kind.__name__}: first step {first - started:.2f} s, others "
                f"{1e3 * (time.perf_counter() - first) / 50:.2f} ms"
            )
        return "; ".join(said)

    def _data(self, trial: Trial) -> PreparedData:
        return self.worker.prepared(trial)

    def _engine(
        self, kind: type[EagerEngine] | type[GraphEngine], trial: Trial, precision: torch.dtype = torch.float32
    ) -> Engine:
        data = self._data(trial)
        torch.manual_seed(trial.seed)
        network = build(trial.architecture, input_shape=data.image_shape, num_classes=data.num_classes)
        if kind is EagerEngine:
            return EagerEngine(network, trial, data, precision)
        return GraphEngine(network, trial, data, precision, None if self.cuda else Repeater())

    def _make(self, trial: Trial, data: PreparedData) -> Engine:
        return GraphEngine(network_of(trial, data), trial, data, recorder=None if self.cuda else Repeater())

    def _steps(self, engine: Engine, number: int) -> list[float]:
        batches = torch.arange(64 * number, device=self.worker.device).view(number, 64)
        return [engine.step(batch, 0.05).item() for batch in batches]

    def _trained(self, trial: Trial) -> TrialResult:
        return train_trial(trial, self._data(trial), self._make)


def run(device: str, say: Callable[[str], None] = print) -> int:
    """Do all checks, say what came of each, and return how many failed."""
    checks, failed = Checks(device), 0
    for name in [name for name in vars(Checks) if not name.startswith("_")]:
        try:
            with checks.worker.conditions():
                said = getattr(checks, name)()
            say(f"passed  {name.replace('_', ' ')}" + (f": {said}" if said else ""))
        except Exception as error:
            failed += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            say(
                f"FAILED  {name.replace('_', ' ')}: {type(error).__name__}: {error} ({where.name}, line {where.lineno})"
            )
    return failed


def _trial(
    *, architecture: Architecture = GROUPED, recipe: Recipe | None = None, resolution: int = 14, number: int = 0
) -> Trial:
    return Trial(
        number=number,
        architecture=architecture,
        recipe=recipe or Recipe(),
        fidelity=Fidelity(epochs=2, images=512, resolution=resolution),
        seed=number,
    )


def _weights(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()]).clone()


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_check")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    return 1 if run(parser.parse_args(arguments).device, lambda line: print(line, flush=True)) else 0


if __name__ == "__main__":
    sys.exit(main())
