"""Jobs to workers and outcomes back: none waits for the driver, and a try that came to nothing is followed by another.

The next job is asked for while all workers train, and a worker that has finished gets it before the result is recorded
and told. One worker alone gets its next job after that.
"""

import dataclasses
from collections import deque
from typing import Protocol

from anynas.driver.jobs import Clock, Job
from anynas.execution import Executor
from anynas.trials import Lost, Paused, Trial, TrialResult, counted

MAX_RETRIES = 2


class Jobs(Protocol):
    """What is to be trained, and what becomes of it."""

    def ask(self) -> Job | None:
        """Return the next job; None: there is no other, or no time for one."""

    def needs_training(self, job: Job) -> bool:
        """Return whether a job must be trained; one that need not be is settled by that."""

    def promoted(self, *, idle: bool) -> Job | None:
        """Return a trial that goes on before anything new begins, if there is one.

        `idle` says that nothing is under way, and nothing else left to do.
        """

    def settle(self, job: Job, result: TrialResult, paused: Paused | None) -> list[Job]:
        """Take a result, and where the trial paused if it did; return jobs that must be trained after all."""


def work(executor: Executor, jobs: Jobs, clock: Clock) -> None:
    """Keep all workers busy until the jobs are done, or there is no time for another of them."""
    again: deque[Job] = deque()  # to be trained after all, before all others
    ahead: deque[Job] = deque()  # the next of `jobs`: one at most; recorded nowhere before it is trained
    busy: dict[int, tuple[Job, tuple[Lost, ...]]] = {}  # ticket -> job, and what became of earlier tries
    ticket = 0

    def submit(job: Job, tries: tuple[Lost, ...] = ()) -> None:
        nonlocal ticket
        executor.submit(
            Trial(
                number=ticket,
                architecture=job.proposal.architecture,
                recipe=job.setting.recipe,
                fidelity=job.setting.fidelity,
                seed=job.seed,
                test=job.role == "test",
                stop=job.stop,
                paused=job.paused,
            ),
            alone=any(lost.alone for lost in tries),
        )
        busy[ticket] = (job, tries)
        ticket += 1

    def ask() -> bool:
        """Return whether there was another job; if it needs training, it is the one ahead."""
        job = jobs.ask()
        if job is not None and jobs.needs_training(job):
            ahead.append(job)
        return job is not None

    def fill() -> None:
        """Give every free worker a job, while there are any and there is time."""
        while not busy or len(busy) < executor.num_workers:
            if again:
                submit(again.popleft())
            elif promoted := jobs.promoted(idle=False):
                submit(promoted)
            elif ahead and clock.allows_another():
                submit(ahead.popleft())
            elif ahead or not ask():
                return

    while True:
        fill()
        if not busy:
            promoted = jobs.promoted(idle=True)
            if promoted is None:
                return
            submit(promoted)
        if executor.num_workers > 1 and not ahead:
            ask()  # once: a finished trial is not to wait for long
        ended = executor.next_outcome()
        if ended is None:
            continue
        trial, outcome = ended
        job, tries = busy.pop(trial.number)
        if isinstance(outcome, Lost):
            if len(tries) < MAX_RETRIES:
                submit(job, (*tries, outcome))
                continue
            outcome = TrialResult.failed(counted([*(lost.reason for lost in tries), outcome.reason]))
        paused = outcome if isinstance(outcome, Paused) else None
        result = outcome.result if isinstance(outcome, Paused) else outcome
        clock.saw(result.seconds)
        try:
            if again or ahead:
                fill()
        finally:  # what is finished is recorded, whatever becomes of the next
            again += jobs.settle(job, dataclasses.replace(result, lost=tuple(lost.reason for lost in tries)), paused)
