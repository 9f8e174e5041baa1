"""Training: a plan's jobs, each by the trainer of its cohort, and what came of them.

Letters: S settings, F folds, R seeds, K classes.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple, Protocol

import numpy as np

from outweigh._chunk import Chunk, Progress, Trained
from outweigh._cohorts import Cohort
from outweigh._errors import SettingError, UsageError
from outweigh._machine import free_memory
from outweigh._plan import Job, Plan
from outweigh._references import ClassifierTrainer
from outweigh._settings import Setting

MEMORY_SHARE = 0.4  # of what is free, for the features of folds that train side by side


class Trainer(Protocol):
    """What trains the lanes of chunks."""

    def train(
        self,
        chunks: Sequence[Chunk],
        *,
        keep_parameters: bool = False,
        until: float = math.inf,
        tell: Callable[[Progress], None],
    ) -> list[Trained | None]:
        """Train each chunk's lanes on its training rows, and predict its held-out rows.

        A chunk that is not done when ``time.monotonic()`` passes `until` gives None.
        """
        ...


class Failure(NamedTuple):
    """A setting that could not be trained on some rows, and ended."""

    setting: str
    fold: int
    seed: int
    reason: str


@dataclass(frozen=True, eq=False)
class Results:
    """What became of a plan's lanes.

    Attributes
    ----------
    settings : (S,) tuple of Setting
        Those that were trained wherever time allowed.
    trained : dict of (fold, seed) → Trained
        With a lane for each of these settings; where time was up for one of them, none is there.
    class_weight : (S, F, K) float64
        How many times as frequent each class is in what the lanes learned.
    failures : tuple of Failure
        The settings that ended, each where it did so first.
    """

    settings: tuple[Setting, ...]
    numbers: tuple[int, ...]  # of these settings in the plan
    trained: Mapping[tuple[int, int], Trained]
    class_weight: np.ndarray
    failures: tuple[Failure, ...]


def train(
    planned: Plan,
    trainer: Trainer,
    until: float,
    tell: Callable[[Progress], None],
    *,
    keep_parameters: bool = False,
) -> Results:
    """Train a plan's lanes, as many folds at a time as fit in memory.

    A setting that cannot be trained on the rows of one fold ends: it could not be compared with the
    others on equal footing. They go on.
    """
    work = _Work(planned, trainer, until, keep_parameters)
    timed = math.isfinite(until) and any(c.sampler for c in planned.cohorts)

    def together(job: Job) -> tuple[Cohort | None, int | None]:
        """Tell what a run has in common: a reference, or a seed whose rows take long to make."""
        return job.cohort if job.cohort.reference else None, job.seed if timed else None

    parts = list(waves(len(planned.parts), planned.x_bytes))
    for i, numbers in enumerate(parts):
        jobs = list(planned.jobs(numbers))
        runs = [list(run) for _, run in groupby(jobs, key=together)]
        x = {n: planned.x(n) for n in numbers}
        lanes = np.cumsum([0, *(sum(len(job.cohort.settings) for job in run) for run in runs)])
        for done, run in zip(lanes, runs, strict=False):
            of_run = part_of(tell, i, len(parts), int(done), int(lanes[-1]))
            work.run(run, x, of_run)
    return work.results()


def finished(
    trained: Mapping[tuple[int, int], Trained], n_folds: int, seeds: Sequence[int]
) -> tuple[list[int], tuple[int, ...]]:
    """Give the folds and seeds to judge by: all folds with as many seeds as were finished.

    Where not one seed was, the folds that the first seed finished.

    Raises
    ------
    UsageError
        When fewer than two folds were finished.
    """
    whole = tuple(s for s in seeds if all((f, s) in trained for f in range(n_folds)))
    if whole:
        return list(range(n_folds)), whole
    folds = [f for f in range(n_folds) if (f, seeds[0]) in trained]
    if len(folds) < 2:
        raise UsageError(
            f"--time-limit must leave time for two folds; {len(folds)} of {n_folds} "
            "came to an end: allow more minutes, or try fewer settings"
        )
    return folds, tuple(s for s in seeds if all((f, s) in trained for f in folds))


class _Work:
    """Trains runs of jobs, and keeps what came of them."""

    def __init__(self, planned: Plan, trainer: Trainer, until: float, keep_parameters: bool):
        self._planned = planned
        self._trainer = trainer
        self._until = until
        self._keep = keep_parameters
        self._trained: dict[tuple[Cohort, int, int], Trained] = {}
        self._frequency: dict[tuple[Cohort, int, int], np.ndarray] = {}
        self._failed: dict[Cohort, tuple[Job, str]] = {}

    def run(
        self, jobs: Sequence[Job], x: Mapping[int, np.ndarray], tell: Callable[[Progress], None]
    ) -> None:
        """Train jobs of one trainer."""
        if any(job.cohort.sampler for job in jobs):  # they take their time before the first epoch
            tell(Progress(sum(len(job.cohort.settings) for job in jobs), 0, 0, 0.0))
        chunks = {job: chunk for job in jobs if (chunk := self._made(job, x)) is not None}
        chunks = {job: chunk for job, chunk in chunks.items() if job.cohort not in self._failed}
        if not chunks:
            return
        if reference := jobs[0].cohort.reference:
            self._fit(ClassifierTrainer(reference), chunks, tell)
            return
        trained = self._trainer.train(
            list(chunks.values()), keep_parameters=self._keep, until=self._until, tell=tell
        )
        for job, one in zip(chunks, trained, strict=True):
            if one is not None:
                self._trained[job.cohort, job.part, job.seed] = one

    def _fit(
        self,
        trainer: ClassifierTrainer,
        chunks: Mapping[Job, Chunk],
        tell: Callable[[Progress], None],
    ) -> None:
        """Fit a reference job by job, until one fails."""
        for i, (job, chunk) in enumerate(chunks.items()):
            of_job = part_of(tell, i, len(chunks), 0, 1)
            try:
                [one] = trainer.train([chunk], until=self._until, tell=of_job)
            except SettingError as error:
                self._failed[job.cohort] = (job, str(error))
                return
            if one is not None:
                self._trained[job.cohort, job.part, job.seed] = one

    def results(self) -> Results:
        """Put the lanes of all cohorts together, in the order of the settings."""
        planned = self._planned
        cohorts = [cohort for cohort in planned.cohorts if cohort not in self._failed]
        numbers = [s for cohort in cohorts for s in cohort.settings]
        places = np.argsort(numbers).tolist()
        every = ((f, seed) for seed in planned.seeds for f in range(len(planned.parts)))
        trained = {
            (f, seed): Trained.joined([self._trained[c, f, seed] for c in cohorts]).take(places)
            for f, seed in every
            if cohorts and all((c, f, seed) in self._trained for c in cohorts)
        }
        kept = tuple(sorted(numbers))
        return Results(
            settings=tuple(planned.settings[s] for s in kept),
            numbers=kept,
            trained=trained,
            class_weight=self._learned(cohorts)[list(kept)],
            failures=tuple(self._failures()),
        )

    def _made(self, job: Job, x: Mapping[int, np.ndarray]) -> Chunk | None:
        """Make a job's chunk; None where its cohort has ended."""
        if job.cohort in self._failed or time.monotonic() > self._until:
            return None
        try:
            chunk, frequency = self._planned.chunk(job, x[job.part])
        except SettingError as error:
            self._failed[job.cohort] = (job, str(error))
            return None
        self._frequency[job.cohort, job.part, job.seed] = frequency
        return chunk

    def _learned(self, cohorts: Sequence[Cohort]) -> np.ndarray:
        """Give the class weights (S, F, K), times what sampling did on average over the seeds."""
        parts = self._planned.parts
        learned = np.stack([part.class_weight for part in parts], axis=1)
        for cohort in cohorts:
            for f in range(len(parts)):
                each = [v for (c, g, _), v in self._frequency.items() if (c, g) == (cohort, f)]
                if each:
                    learned[list(cohort.settings), f] *= np.mean(each, axis=0)
        return learned

    def _failures(self) -> Iterator[Failure]:
        for cohort, (job, reason) in self._failed.items():
            for s in cohort.settings:
                yield Failure(self._planned.settings[s].name, job.part, job.seed, reason)


def waves(n_folds: int, x_bytes: int) -> Iterator[range]:
    """Cut the folds into waves whose features fit in memory together."""
    together = max(1, int(MEMORY_SHARE * free_memory() // max(x_bytes, 1)))
    for first in range(0, n_folds, together):
        yield range(first, min(first + together, n_folds))


def part_of(
    tell: Callable[[Progress], None], wave: int, n_waves: int, done: int, lanes: int
) -> Callable[[Progress], None]:
    """Tell of a run, which begins when some lanes of its wave are done, as part of the whole."""
    return lambda p: tell(
        replace(
            p,
            lanes=n_waves * lanes,
            lanes_done=wave * lanes + done + p.lanes_done,
            share_done=(wave + (done + p.share_done * p.lanes) / lanes) / n_waves,
        )
    )
