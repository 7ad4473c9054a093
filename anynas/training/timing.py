"""How long trials will take on this machine, from a few steps of each."""

import time
from collections.abc import Callable

import torch

from anynas.data import Split
from anynas.training.devices import forked_random_state
from anynas.training.engines import make_engine
from anynas.training.worker import Worker
from anynas.trials import Trial

WARM_STEPS, TIMED_STEPS, TIMED_IMAGES = 1, 3, 256


def seconds_of(trial: Trial, worker: Worker) -> float:
    """Return about how many seconds the trial would take, from a few training steps and a little evaluation."""
    data = worker.prepared(trial)
    some = Split(data.validation.images[:TIMED_IMAGES], data.validation.labels[:TIMED_IMAGES])
    with worker.conditions(), forked_random_state(data.device):
        torch.manual_seed(trial.seed)
        engine = make_engine(trial, data)
        batch = torch.arange(trial.recipe.batch_size, device=data.device)

        def steps(number: int) -> None:
            for _ in range(number):
                engine.step(batch, trial.recipe.learning_rate).item()

        steps(WARM_STEPS)
        per_step = _seconds(lambda: steps(TIMED_STEPS)) / TIMED_STEPS
        engine.error(some)
        per_evaluation = _seconds(lambda: engine.error(some)) * len(data.validation) / len(some)
    num_images = len(data.train) if trial.fidelity.images == "all" else trial.fidelity.images
    return trial.fidelity.epochs * (num_images // trial.recipe.batch_size * per_step + per_evaluation)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
