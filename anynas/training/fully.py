"""One network trained in full, on all training images, in a folder of its own; interrupted, it goes on from there.

After each epoch the folder's checkpoint is replaced by what a paused trial needs to go on (`pausing`), so that on a CPU
a training that was interrupted ends with the bits of one that was not. Errors at the end are those of the weights as
they are written, in float32 and by torch's own modules: what an exported network has.
"""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from anynas.architecture import Architecture
from anynas.counting import complexity
from anynas.data import DataSet, Reading, Split
from anynas.errors import RunError
from anynas.folder import now, read_json, write_json
from anynas.layers import Shape
from anynas.networks import build
from anynas.notebook import told
from anynas.regimes import Regime
from anynas.settings import require
from anynas.store import Run
from anynas.training.checkpoints import read_checkpoint, write_checkpoint
from anynas.training.devices import check_device
from anynas.training.engines import Engine, count_wrong, make_engine
from anynas.training.loop import train_trial
from anynas.training.memory import ran_out_of_memory
from anynas.training.prepared import PreparedData
from anynas.training.subject import subject_of
from anynas.training.timing import seconds_of
from anynas.training.trained import ARCHITECTURE, CHECKPOINT, RECORD, SCHEMA, WEIGHTS, Trained, load_trained
from anynas.training.weights import write_tensors
from anynas.training.worker import Worker, Workplace, provenance
from anynas.trials import CurvePoint, Fidelity, Paused, Recipe, Trial, TrialResult

TIMES_THE_EPOCHS = 10  # of a short trial: what full training takes if no epochs are asked
LOCK = "training.lock"
DRAWN = "curve.png"
EVALUATION_BATCH = 500


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """A training that has been checked and can be run: the same plan in the same folder goes on where it was."""

    architecture: Architecture
    data: DataSet
    input_shape: Shape  # (C, H, W)
    num_classes: int
    recipe: Recipe
    fidelity: Fidelity
    seed: int
    device: str
    path: Path

    @property
    def identity(self) -> dict[str, Any]:
        """What is trained and how, JSON-ready: what may not change in a folder."""
        return {
            "architecture": self.architecture.to_dict(),
            **self.data.identity,
            "input_shape": list(self.input_shape),
            "num_classes": self.num_classes,
            "recipe": dataclasses.asdict(self.recipe),
            "fidelity": dataclasses.asdict(self.fidelity),
            "seed": self.seed,
        }

    @property
    def trial(self) -> Trial:
        """The training as a trial."""
        return Trial(
            number=0, architecture=self.architecture, recipe=self.recipe, fidelity=self.fidelity, seed=self.seed
        )

    @property
    def is_finished(self) -> bool:
        """Whether the folder has the trained network already."""
        return (self.path / RECORD).exists()

    @property
    def epochs_done(self) -> int:
        """How many epochs the folder has already."""
        if self.is_finished:
            return self.fidelity.epochs
        checkpoint = self.path / CHECKPOINT
        return len(read_checkpoint(checkpoint)[0].result.curve) if checkpoint.exists() else 0

    def worker(self) -> Worker:
        """Return who trains it."""
        channels, height, _ = self.input_shape
        place = Workplace(
            data=self.data.place,
            input_shape=(channels, height, height),
            num_classes=self.num_classes,
            device=self.device,
        )
        return Worker(place, self.data)


class EpochProgress(Protocol):
    """Who is told how a training goes."""

    def finished(self, point: CurvePoint) -> None:
        """An epoch has ended."""


class Silent:
    """Tells nobody."""

    def finished(self, point: CurvePoint) -> None:
        """Tell nobody."""


def train_fully(
    network: "Architecture | Run | str | Path", *, progress: EpochProgress | None = None, **settings: Any
) -> Trained:
    """Train one network on all training images, and leave its weights and errors in a folder.

    Running the same call again goes on where it was interrupted, or returns what is finished.

    Args:
        network: An architecture, its name or JSON file; or a search's run or folder: its winner, with the run's data,
            regime and recipe.
        progress: Who is told each epoch; None: a line of the cell's output in Jupyter, nobody elsewhere.
        **settings: Each may be left out:
            data: the run's or the regime's, or a data set, its name, or the path of a folder of pictures;
            regime: the one of the family's own space, or what suits the data; recipe: the regime's;
            epochs: ten times those of a short trial; seed (0); device: "auto", "cpu" or "cuda";
            path: the folder, runs/NAME-DIGEST or RUN/winner; reading: is told how far decoding of pictures is.

    Raises:
        AnynasError: Something is not as it must be; the message says what, and what to do.
    """
    plan = plan_training(network, **settings)
    with told(plan, progress, Silent()) as reporter:
        for point in run_training(plan):
            reporter.finished(point)
    return load_trained(plan.path)


def plan_training(
    network: "Architecture | Run | str | Path",
    *,
    data: str | Path | DataSet | None = None,
    regime: str | Regime | None = None,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    seed: int = 0,
    device: str | None = None,
    path: str | Path | None = None,
    reading: Reading | None = None,
) -> TrainingPlan:
    """Check a training without starting it; arguments and errors are those of `train_fully`."""
    require(epochs is None or epochs >= 1, f"epochs must be at least 1; got {epochs}")
    require(seed >= 0, f"seed must be at least 0; got {seed}")
    check_device(device or "auto")
    subject = subject_of(network, regime, data, reading)
    loaded = subject.data
    recipe = recipe or subject.recipe
    require(
        recipe.batch_size <= len(loaded.train),
        f"batch_size must be at most the data set's {len(loaded.train)} training images; got {recipe.batch_size}",
    )
    times = subject.fidelity.epochs * TIMES_THE_EPOCHS
    fidelity = dataclasses.replace(subject.fidelity, epochs=times if epochs is None else epochs, images="all")
    channels, side, _ = subject.input_shape
    side = side if fidelity.resolution == "regime" else fidelity.resolution
    plan = TrainingPlan(
        architecture=subject.architecture,
        data=loaded,
        input_shape=(channels, side, side),
        num_classes=subject.num_classes,
        recipe=recipe,
        fidelity=fidelity,
        seed=seed,
        device=device or "auto",
        path=Path(),
    )
    complexity(plan.architecture, input_shape=plan.input_shape, num_classes=plan.num_classes)  # it fits its images
    digest = hashlib.sha256(json.dumps(plan.identity, sort_keys=True).encode()).hexdigest()[:8]
    folder = Path(path) if path is not None else subject.folder or Path("runs") / f"{subject.name}-{digest}"
    _check_folder(folder, plan.identity)
    return dataclasses.replace(plan, path=folder)


def seconds_left(plan: TrainingPlan) -> float:
    """Return about how many seconds the rest of a training takes on this machine, from a few steps."""
    left = plan.fidelity.epochs - plan.epochs_done
    return seconds_of(plan.trial, plan.worker()) * left / plan.fidelity.epochs if left else 0.0


def run_training(plan: TrainingPlan) -> Iterator[CurvePoint]:
    """Train a plan to its end, epoch by epoch; what an epoch left is safe when it is told.

    Yields:
        Each epoch that is new.

    Raises:
        RunError: Another process is at work on the folder, memory ran out, or the training diverged.
    """
    with _one_training(plan.path):
        _check_folder(plan.path, plan.identity)  # it may have changed since
        if not plan.is_finished:
            yield from _train(plan)


def _train(plan: TrainingPlan) -> Iterator[CurvePoint]:
    worker, kept = plan.worker(), _Kept()
    checkpoint = plan.path / CHECKPOINT
    paused = read_checkpoint(checkpoint)[0] if checkpoint.exists() else None
    epochs = plan.fidelity.epochs
    for epoch in range(len(paused.result.curve) if paused else 0, epochs):
        stop = epoch + 1 if epoch + 1 < epochs else None
        with _explained(plan), worker.conditions():
            data = worker.prepared(plan.trial)
            outcome = train_trial(dataclasses.replace(plan.trial, stop=stop, paused=paused), data, kept)
        result = _summed(outcome, paused)
        if result.reason == "diverged":
            raise RunError(
                f"{plan.path}: a training must not diverge; in epoch {len(result.curve)} its loss was no number or "
                "exploded; lower learning_rate, with --recipe FILE and another --out"
            )
        if isinstance(outcome, Paused):
            paused = dataclasses.replace(outcome, result=result)
            write_checkpoint(checkpoint, paused, plan.identity)
        else:
            with worker.conditions():
                _finish(plan, kept.made.network, result, data)
        yield result.curve[-1]


class _Kept:
    """Makes an engine once: from one epoch to the next it is not made anew."""

    made: Engine

    def __call__(self, trial: Trial, data: PreparedData) -> Engine:
        if not hasattr(self, "made"):
            self.made = make_engine(trial, data)
        return self.made


def _summed(outcome: TrialResult | Paused, before: Paused | None) -> TrialResult:
    """Return an outcome's result with the costs of all epochs up to it."""
    result = outcome.result if isinstance(outcome, Paused) else outcome
    if before is None:
        return result
    return dataclasses.replace(
        result,
        seconds=before.result.seconds + result.seconds,
        peak_memory_bytes=max(before.result.peak_memory_bytes, result.peak_memory_bytes),
    )


def _finish(plan: TrainingPlan, trained: nn.Module, result: TrialResult, data: PreparedData) -> None:
    """Write the trained network; its record comes last."""
    images = {"input_shape": plan.input_shape, "num_classes": plan.num_classes}
    network = build(plan.architecture, **images)  # type: ignore[arg-type]
    network.load_state_dict(trained.state_dict())
    network.to(data.device).eval()
    counted = complexity(plan.architecture, **images)  # type: ignore[arg-type]
    write_tensors(plan.path / WEIGHTS, network.state_dict())
    write_json(plan.path / ARCHITECTURE, plan.architecture.to_dict())
    record = {
        "schema": SCHEMA,
        "finished": now(),
        "identity": plan.identity,
        "key": plan.architecture.key,
        "network_key": plan.architecture.network_key,
        **{name: int(value) for name, value in dataclasses.asdict(counted).items()},
        "images": len(data.train),
        "class_names": list(plan.data.class_names),
        "mean": data.mean.flatten().tolist(),
        "std": data.deviation.flatten().tolist(),
        "validation_error": error_of(network, data.validation, data),
        "test_error": error_of(network, data.test, data),
        "curve": [dataclasses.asdict(point) for point in result.curve],
        "seconds": result.seconds,
        "peak_memory_bytes": result.peak_memory_bytes,
        "device": result.device,
        **provenance(),
    }
    write_json(plan.path / RECORD, record)
    (plan.path / CHECKPOINT).unlink(missing_ok=True)


@torch.no_grad()
def error_of(network: nn.Module, split: Split, data: PreparedData) -> float:
    """Return the top-1 error of a network on a split in percent, as torch's own modules compute it."""
    wrong = 0
    parts = zip(*(torch.split(part, EVALUATION_BATCH) for part in (split.images, split.labels)), strict=True)
    for images, labels in parts:
        wrong += int(count_wrong(network(data.batch(images).contiguous()), labels, 1))
    return 100.0 * wrong / len(split)


@contextlib.contextmanager
def _explained(plan: TrainingPlan) -> Iterator[None]:
    """Say what to do where memory runs out."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out_of_memory(error):
            raise
        raise RunError(
            f"{plan.path}: memory must suffice for batches of {plan.recipe.batch_size}; it ran out; lower batch_size, "
            "with --recipe FILE and another --out"
        ) from None


@contextlib.contextmanager
def _one_training(path: Path) -> Iterator[None]:
    """Hold a folder for this process, making it if there is none."""
    import filelock

    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path / LOCK, timeout=0)
        lock.acquire()
    except filelock.Timeout:
        raise RunError(
            f"{path}: must have one training at a time; another process is at work on it; wait for it, or choose "
            "another --out"
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        yield
    except OSError as error:  # of checkpoints and the like: a full disk
        raise _unwritable(path, error) from None
    finally:
        lock.release()


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(f"{path}: must be a folder that can be written to; {error.strerror or error}; choose another --out")


def _check_folder(path: Path, identity: dict[str, Any]) -> None:
    """Raise RunError unless the folder is new, or trains the same."""
    if (path / RECORD).exists():
        existing = read_json(path / RECORD).get("identity", {})
    elif (path / CHECKPOINT).exists():
        existing = read_checkpoint(path / CHECKPOINT)[1]
    elif path.exists() and (not path.is_dir() or any(not _is_ours(file.name) for file in path.iterdir())):
        raise RunError(
            f"{path}: must be a trained network's folder or a new one; it holds other things; choose another --out"
        )
    else:
        return
    had, asked = _flat(existing), _flat(identity)
    for name in {**had, **asked}:
        if had.get(name) != asked.get(name):
            raise RunError(
                f"{path}: a training's {name} must not change; it has {json.dumps(had.get(name))}, got "
                f"{json.dumps(asked.get(name))}; choose another --out"
            )


def _is_ours(name: str) -> bool:
    """Return whether a file may be left of a training that was interrupted in its first epoch or its last moment."""
    return name.removeprefix(".") in (LOCK, CHECKPOINT, WEIGHTS, ARCHITECTURE, RECORD)


def _flat(identity: dict[str, Any]) -> dict[str, Any]:
    """Return a table with inner tables' fields in their place; an architecture stands as a whole, by its key."""
    flat: dict[str, Any] = {}
    for name, value in identity.items():
        if name == "architecture":
            flat[name] = Architecture.from_dict(value).key
        elif isinstance(value, dict):
            flat |= value
        else:
            flat[name] = value
    return flat
