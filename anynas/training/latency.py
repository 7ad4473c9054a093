"""How long a network takes on this device, once it is built: torch's own modules, in float32."""

import dataclasses
import statistics
import time

import torch

from anynas.architecture import Architecture
from anynas.layers import Shape
from anynas.networks import build
from anynas.training.devices import forked_random_state, resolve_device

WARM_CALLS = 3
LEAST_CALLS, MOST_CALLS = 10, 500
SECONDS = 2.0  # after which no further call begins, if there were enough


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Calls of one network with batches of one size."""

    batch: int
    n: int  # timed calls
    warm_calls: int  # before them
    median_seconds: float
    low_seconds: float  # quartiles
    high_seconds: float
    threads: int  # of torch, on a CPU


@torch.no_grad()
def latency_of(
    architecture: Architecture,
    *,
    input_shape: Shape,
    num_classes: int,
    batches: tuple[int, ...] = (1, 64),
    device: str = "auto",
) -> list[Latency]:
    """Return how long calls take, by size of the batch.

    Args:
        architecture: Which network; its weights are initial.
        input_shape: (C, H, W).
        num_classes: Number of logits.
        batches: Sizes.
        device: "auto", "cpu" or "cuda".

    Raises:
        ArchitectureError: The input is too small for the network.
        DeviceError: There is no such device.
    """
    where = resolve_device(device)
    with forked_random_state(where):
        network = build(architecture, input_shape=input_shape, num_classes=num_classes).to(where).eval()
        return [_timed(network, torch.randn(batch, *input_shape, device=where)) for batch in batches]


def _timed(network: torch.nn.Module, images: torch.Tensor) -> Latency:
    def call() -> float:
        started = time.perf_counter()
        network(images)
        if images.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - started

    for _ in range(WARM_CALLS):
        call()
    end = time.perf_counter() + SECONDS
    calls: list[float] = []
    while len(calls) < LEAST_CALLS or (len(calls) < MOST_CALLS and time.perf_counter() < end):
        calls.append(call())
    low, median, high = statistics.quantiles(calls, n=4, method="inclusive")
    return Latency(
        batch=len(images),
        n=len(calls),
        warm_calls=WARM_CALLS,
        median_seconds=median,
        low_seconds=low,
        high_seconds=high,
        threads=torch.get_num_threads(),
    )
