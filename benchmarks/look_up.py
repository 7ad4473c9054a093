"""The side of the section driver that is anynas: searches whose trials cost nothing.

Errors are looked up by the architecture's key, as in a table of trained networks; everything else is as in a search:
proposals, identities, counts, and a journal on disk.
"""

import dataclasses
import math
import time
from pathlib import Path
from typing import Any

from anynas.designspace import Bounds, load_space
from anynas.driver.jobs import Clock, Setting, Silent
from anynas.driver.loop import run_search
from anynas.driver.samplers import Known, Proposal, Sampler, make_sampler
from anynas.store import recording
from benchmarks.simulated import Simulated

SPACE = "AnyNetD"
WORKERS = 2


class TimedAsk:
    """A sampler that keeps when it was first asked and when it first answered, and how long its asks took."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self.first_ask = self.first_answer = math.inf  # on the clock of time.perf_counter
        self.seconds = 0.0

    def ask(self, number: int) -> Proposal:
        """Ask, and time it."""
        started = time.perf_counter()
        self.first_ask = min(self.first_ask, started)
        proposal = self._sampler.ask(number)
        ended = time.perf_counter()
        self.first_answer = min(self.first_answer, ended)
        self.seconds += ended - started
        return proposal

    def tell(self, known: Known) -> None:
        """Tell."""
        self._sampler.tell(known)


def question(epochs: int | None = None) -> tuple[Setting, Bounds, dict[str, Any]]:
    """Return what all searches share, with the regime's own epochs or others, and what their records say of it."""
    space = load_space(SPACE)
    regime = space.regime
    fidelity = regime.fidelity if epochs is None else dataclasses.replace(regime.fidelity, epochs=epochs)
    setting = Setting(space=space, recipe=regime.recipe, fidelity=fidelity, num_images=8_000, seed=0)
    identity = {"study": "search", "regime": regime.name, "recipe": dataclasses.asdict(regime.recipe)}
    return setting, Bounds(flops=regime.flops), identity


def search(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Side: a search of so many trials; after a random one, a few more by TPE on its record."""
    setting, bounds, identity = question()
    space = setting.space
    with recording(folder / "run", identity) as recorder:

        def run(name: str, trials: int) -> tuple[float, float, float]:
            """Return the seconds before the first ask, those in asks, and all others after the first ask."""
            sampler = TimedAsk(make_sampler(name, space, seed=request["round"], bounds=bounds))
            started = time.perf_counter()
            run_search(
                setting,
                sampler,
                Simulated(WORKERS),
                recorder,
                trials=trials,
                clock=Clock(),
                progress=Silent(),
                reuse=False,
            )
            ended = time.perf_counter()
            return sampler.first_ask - started, sampler.seconds, ended - sampler.first_ask - sampler.seconds

        _, ask, rest = run(request["sampler"], request["trials"])
        answer = {"seconds": ask + rest}
        if request["sampler"] == "random":
            read, ask, rest = run("tpe", request["trials"] + request["few"])
            answer |= {"read_seconds": read, "tpe_ask": ask, "tpe_rest": rest}
    return answer
