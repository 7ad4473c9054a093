"""How long trials will take on this machine, from a few steps of each."""

import time
from collections.abc import Callable

import torch

from anynas.training.devices import one_thread
from anynas.training.loop import EVALUATION_BATCH, make_step
from anynas.training.worker import Worker
from anynas.trials import Trial

WARM_STEPS, TIMED_STEPS = 1, 3


def seconds_of(trial: Trial, worker: Worker) -> float:
    """Return about how many seconds the trial would take, from a few training steps and one batch of evaluation."""
    data = worker.prepared(trial)
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(trial.seed)
        network, step = make_step(trial, data)
        batch = torch.arange(trial.recipe.batch_size, device=data.device)
        for _ in range(WARM_STEPS):
            step(batch, trial.recipe.learning_rate)
        per_step = (
            _seconds(lambda: [step(batch, trial.recipe.learning_rate).item() for _ in range(TIMED_STEPS)]) / TIMED_STEPS
        )
        network.eval()
        with torch.inference_mode():
            images = data.batch(data.validation.images[:EVALUATION_BATCH])
            per_evaluation = _seconds(lambda: network(images).argmax().item()) * len(data.validation) / len(images)
    num_images = len(data.train) if trial.fidelity.images == "all" else trial.fidelity.images
    return trial.fidelity.epochs * (num_images // trial.recipe.batch_size * per_step + per_evaluation)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
