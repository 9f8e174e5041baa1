"""The study: split, plan lanes, train, gather, repair, decide, compare, refit.

The trainer is an argument: anything with one method that turns chunks into predictions. So the
flow can be run with the engine, or with a closed form.

Letters: N rows, K classes, S settings, R seeds, F folds.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from outweigh._chunk import Chunk, Progress, Trained
from outweigh._compare import Verdict, judge
from outweigh._costs import by_default
from outweigh._decisions import Decisions, decide_all
from outweigh._deployment import AS_TRAINED, Deployment
from outweigh._errors import UsageError
from outweigh._features import Features
from outweigh._groups import first_copies
from outweigh._machine import free_memory
from outweigh._objective import Objective
from outweigh._plan import Design, Plan, Schedule, plan, split
from outweigh._predictions import Predictions
from outweigh._settings import TWIN, Setting
from outweigh._split import Fold, Split
from outweigh._table import Table

FOLDS_SHARE = 0.85  # of a time limit; the rest is for the final model
MEMORY_SHARE = 0.4  # of what is free, for the features of folds that train side by side

Tell = Callable[[str, Progress], None]
Results = dict[tuple[int, int], Trained]  # by fold and seed


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


@dataclass(frozen=True, eq=False)
class Final:
    """The chosen setting and its twin, refitted on every row that is not a test row."""

    settings: tuple[Setting, ...]  # the chosen one first
    class_weight: np.ndarray  # (S, K)
    features: Features
    trained: tuple[Trained, ...]  # one for each seed
    test: Predictions | None


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a study did and what came out of it."""

    table: Table
    split: Split
    settings: tuple[Setting, ...]
    objective: Objective
    objective_given: bool
    deployment: Deployment
    design: Design
    schedule: Schedule
    decisions: Decisions
    verdict: Verdict
    curves: tuple[Trained, ...]  # of all chunks judged, for their validation curves
    final: Final
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def predictions(self) -> Predictions:
        """What every lane said about rows that it never visited."""
        return self.decisions.predictions

    @property
    def judged(self) -> str:
        """Say in a few words which rows judge."""
        n = len(self.predictions.prior)
        if self.table.time is not None:
            return f"{n} blocks of time, each by networks of earlier rows"
        folds = f"{n} folds" if self.design.repeats == 1 else f"{n} folds of several splits"
        groups = "" if self.table.group is None else " of whole groups"
        return f"{folds}{groups}, each by networks that never saw it"


def run(
    table: Table,
    *,
    settings: tuple[Setting, ...],
    objective: Objective | None = None,
    deployment: Deployment = AS_TRAINED,
    trainer: Trainer,
    design: Design,
    test: np.ndarray | None = None,
    tell: Tell = lambda stage, progress: None,
) -> Evidence:
    """Weigh the settings against the twin.

    Parameters
    ----------
    table : Table
    settings : tuple of Setting
        The twin, ``none``, among them.
    objective : Objective, optional
        Unless given: costs in inverse proportion to the rows of a class that are not test rows.
    deployment : Deployment
        The world that figures and decisions are for.
    trainer : Trainer
    design : Design
    test : (M,) array of int, optional
        The rows that are touched once, at the end, instead of a share of all.
    tell : callable
        Called with the stage, ``"folds"`` or ``"final"``, and its Progress.

    Returns
    -------
    evidence : Evidence
    """
    clock = Clock(design.time_limit)
    table, divided = split(table, design, test)
    counts = np.bincount(table.y[divided.rest], minlength=len(table.classes))
    factor = deployment.factor(counts / counts.sum())
    given = objective is not None
    objective = by_default(counts, table.classes) if objective is None else objective
    planned = plan(table, divided.folds, settings, design)
    clock.lap("prepare")
    results = train(planned, trainer, clock.until(FOLDS_SHARE), lambda p: tell("folds", p))
    clock.lap("folds")
    folds, seeds = finished(results, len(planned.parts), planned.seeds)
    predictions = _gathered(planned, results, folds, seeds)
    decisions = decide_all(predictions, objective, factor=factor)
    verdict = judge(decisions)
    clock.lap("judge")
    chosen = next(setting for setting in settings if setting.name == verdict.chosen)
    design_of_final = replace(design, seeds=len(seeds))
    final = _refit(table, divided, chosen, design_of_final, trainer, clock, tell)
    clock.lap("final")
    return Evidence(
        table=table,
        split=divided,
        settings=settings,
        objective=objective,
        objective_given=given,
        deployment=deployment,
        design=design,
        schedule=planned.schedule,
        decisions=decisions,
        verdict=verdict,
        curves=tuple(results[f, seed] for f in folds for seed in seeds),
        final=final,
        seconds=clock.rounded(),
    )


def train(
    planned: Plan, trainer: Trainer, until: float, tell: Callable[[Progress], None]
) -> Results:
    """Train a plan's lanes, as many folds at a time as fit in memory."""
    results: Results = {}
    waves = list(_waves(len(planned.parts), planned.x_bytes))
    for i, numbers in enumerate(waves):
        chunks = list(planned.chunks(numbers))
        trained = trainer.train(chunks, until=until, tell=_of_wave(i, len(waves), tell))
        results |= {
            (chunk.fold, chunk.seed): one
            for chunk, one in zip(chunks, trained, strict=True)
            if one is not None
        }
    return results


def finished(
    results: Results, n_folds: int, seeds: Sequence[int]
) -> tuple[list[int], tuple[int, ...]]:
    """Give the folds and seeds to judge by: all folds with as many seeds as were finished.

    Where not one seed was, the folds that the first seed finished.

    Raises
    ------
    UsageError
        When fewer than two folds were finished.
    """
    whole = tuple(s for s in seeds if all((f, s) in results for f in range(n_folds)))
    if whole:
        return list(range(n_folds)), whole
    folds = [f for f in range(n_folds) if (f, seeds[0]) in results]
    if len(folds) < 2:
        raise UsageError(
            f"--time-limit must leave time for two folds; {len(folds)} of {n_folds} "
            "came to an end: allow more minutes, or try fewer settings"
        )
    return folds, tuple(s for s in seeds if all((f, s) in results for f in folds))


def gather(
    table: Table,
    settings: Sequence[Setting],
    folds: Sequence[Fold],
    trained: Sequence[Sequence[Trained]],
    *,
    seeds: Sequence[int],
    class_weight: np.ndarray,
    prior: np.ndarray,
) -> Predictions:
    """Put what the lanes said about their held-out rows into one record.

    Parameters
    ----------
    table : Table
    settings : sequence of Setting, (S,)
    folds : sequence of Fold, (F,)
    trained : sequence of sequence of Trained, (F, R)
    seeds : sequence of int, (R,)
    class_weight : array of float, shape (S, F, K)
    prior : array of float, shape (F, K)

    Returns
    -------
    predictions : Predictions
    """
    rows = np.concatenate([fold.held_out for fold in folds])
    fold_of = np.repeat(np.arange(len(folds)), [len(fold.held_out) for fold in folds])
    return Predictions(
        row=rows,
        fold=fold_of,
        y=table.y[rows],
        classes=table.classes,
        settings=tuple(setting.name for setting in settings),
        seeds=tuple(seeds),
        class_weight=class_weight,
        prior=prior,
        probability=np.concatenate(
            [np.stack([t.probability for t in of_seeds], axis=1) for of_seeds in trained], axis=2
        ),
        outcome=np.stack(
            [np.stack([t.outcome for t in of_seeds], axis=1) for of_seeds in trained], axis=2
        ),
        n_training=len(table.y),
        row_weight=None if table.row_weight is None else table.row_weight[rows],
        repeat=np.array([fold.repeat for fold in folds]),
        unit=_units(table, rows, fold_of),
        amount=None if table.amount is None else table.amount[rows],
    )


def _units(table: Table, rows: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Give each entry its draw: a block of time, a group, or rows equal in every feature."""
    if table.time is not None:
        return fold
    if table.group is not None:
        return np.asarray(table.group[rows])
    return first_copies(table.columns.comparable(), rows)


def _gathered(
    planned: Plan, results: Results, folds: Sequence[int], seeds: Sequence[int]
) -> Predictions:
    """Gather what some folds and seeds of a plan came to."""
    parts = [planned.parts[f] for f in folds]
    return gather(
        planned.table,
        planned.settings,
        [part.fold for part in parts],
        [[results[f, seed] for seed in seeds] for f in folds],
        seeds=seeds,
        class_weight=np.stack([part.class_weight for part in parts], axis=1),
        prior=np.stack([part.prior for part in parts]),
    )


def _waves(n_folds: int, x_bytes: int) -> Iterator[range]:
    """Cut the folds into waves whose features fit in memory together."""
    together = max(1, int(MEMORY_SHARE * free_memory() // max(x_bytes, 1)))
    for first in range(0, n_folds, together):
        yield range(first, min(first + together, n_folds))


def _of_wave(i: int, n: int, tell: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Tell of one wave of n as of a part of the whole."""
    return lambda p: tell(
        replace(
            p,
            lanes=p.lanes * n,
            lanes_done=p.lanes * i + p.lanes_done,
            share_done=(i + p.share_done) / n,
        )
    )


def _refit(
    table: Table,
    divided: Split,
    chosen: Setting,
    design: Design,
    trainer: Trainer,
    clock: "Clock",
    tell: Tell,
) -> Final:
    """Train the chosen setting on every row that is not a test row, with as many seeds.

    The twin comes along where there are test rows to compare them on. One seed is trained to its
    end however little time is left.
    """
    with_twin = len(divided.test) > 0 and chosen != TWIN
    settings = (chosen, TWIN) if with_twin else (chosen,)
    whole = plan(table, [Fold(divided.rest, divided.test)], settings, design)
    chunks = list(whole.chunks([0]))
    told = lambda progress: tell("final", progress)
    trained = trainer.train(chunks, keep_parameters=True, until=clock.until(), tell=told)
    if trained[0] is None:
        trained[:1] = trainer.train(chunks[:1], keep_parameters=True, tell=told)
    results = {
        (0, chunk.seed): one for chunk, one in zip(chunks, trained, strict=True) if one is not None
    }
    seeds = [seed for _, seed in results]
    return Final(
        settings=settings,
        class_weight=whole.parts[0].class_weight,
        features=whole.parts[0].features,
        trained=tuple(results.values()),
        test=_gathered(whole, results, [0], seeds) if len(divided.test) else None,
    )


class Clock:
    """Seconds by stage, and the end of the time there is."""

    def __init__(self, minutes: float | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()
        self._begun = time.monotonic()
        self._limit = math.inf if minutes is None else 60 * minutes

    def until(self, share: float = 1.0) -> float:
        """Give the ``time.monotonic()`` at which a share of the time is used up."""
        return self._begun + share * self._limit

    def lap(self, stage: str) -> None:
        """End a stage, and begin the next one."""
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now

    def rounded(self) -> dict[str, float]:
        """Give the seconds to the millisecond, and their total."""
        rounded = {stage: round(spent, 3) for stage, spent in self.seconds.items()}
        return rounded | {"total": round(sum(self.seconds.values()), 3)}
