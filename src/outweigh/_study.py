"""The study: split, plan lanes, train, gather, repair, decide, compare, refit.

The trainer is an argument: anything with one method that turns chunks into predictions. So the
flow can be run with the engine, or with a closed form.

Letters: N rows, K classes, S settings, R seeds, F folds.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from outweigh._chunk import Progress, Trained
from outweigh._compare import Verdict, judge
from outweigh._costs import by_default
from outweigh._decisions import Decisions, decide_all
from outweigh._deployment import AS_TRAINED, Deployment, shares
from outweigh._errors import UsageError
from outweigh._features import Features
from outweigh._groups import first_copies
from outweigh._objective import Objective
from outweigh._plan import Design, Part, Plan, Schedule, plan, split
from outweigh._predictions import WEIGHTS, Predictions
from outweigh._settings import BEST, TWIN, Setting
from outweigh._shapes import Shape
from outweigh._split import Fold, Split
from outweigh._table import Table
from outweigh._training import Failure, Results, Trainer, finished, train

FOLDS_SHARE = 0.85  # of a time limit; the rest is for the final model

Tell = Callable[[str, Progress], None]


@dataclass(frozen=True, eq=False)
class Final:
    """The setting to use and its twin, refitted on every row that is not a test row."""

    settings: tuple[Setting, ...]  # the chosen one first
    class_weight: np.ndarray  # (S, K) how many times as frequent each class is in what they learned
    shape: Shape  # of their losses, (S, ...)
    features: Features
    trained: tuple[Trained, ...]  # one for each seed
    test: Predictions | None
    label: tuple[int, int] | None = None  # place and number, where the networks have several


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
    curves: tuple[Trained, ...]  # of all folds and seeds judged, for their validation curves
    failures: tuple[Failure, ...]  # settings that could not be trained
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
    use: str | None = None,
    objective: Objective | None = None,
    deployment: Deployment = AS_TRAINED,
    trainer: Trainer,
    design: Design,
    test: np.ndarray | None = None,
    folds: Sequence[Fold] | None = None,
    tell: Tell = lambda stage, progress: None,
) -> Evidence:
    """Weigh the settings against the twin.

    Parameters
    ----------
    table : Table
    settings : tuple of Setting
        The twin, ``none``, among them.
    use : str, optional
        Name of the setting that the final model is refitted with, or `BEST`; the verdict's choice
        unless given.
    objective : Objective, optional
        Unless given: costs in inverse proportion to the rows of a class that are not test rows.
    deployment : Deployment
        The world that figures and decisions are for.
    trainer : Trainer
    design : Design
    test : (M,) array of int, optional
        The rows that are touched once, at the end, instead of a share of all.
    folds : sequence of Fold, optional
        Instead of the design's; there are no test rows then.
    tell : callable
        Called with the stage, ``"folds"`` or ``"final"``, and its Progress.

    Returns
    -------
    evidence : Evidence
    """
    clock = Clock(design.time_limit)
    table, divided = split(table, design, test, folds)
    counts = np.bincount(table.y[divided.rest], minlength=len(table.classes))
    check_world(deployment, table, divided.folds)
    given = objective is not None
    objective = by_default(counts, table.classes) if objective is None else objective
    planned = plan(table, divided.folds, settings, design)
    clock.lap("prepare")
    results = train(planned, trainer, clock.until(FOLDS_SHARE), lambda p: tell("folds", p))
    clock.lap("folds")
    judging, seeds = finished(results.trained, len(planned.parts), planned.seeds)
    predictions = _gathered(planned, results, judging, seeds)
    decisions = decide_all(predictions, objective, factor=deployment.factor(predictions.shares))
    verdict = judge(decisions)
    clock.lap("judge")
    used = best(decisions) if use == BEST else use or verdict.chosen
    chosen = _named(used, results)
    design_of_final = replace(design, seeds=len(seeds))
    final = _refit(table, divided, chosen, design_of_final, trainer, clock, tell)
    clock.lap("final")
    return Evidence(
        table=table,
        split=divided,
        settings=results.settings,
        objective=objective,
        objective_given=given,
        deployment=deployment,
        design=design,
        schedule=planned.schedule,
        decisions=decisions,
        verdict=verdict,
        curves=tuple(results.trained[f, seed] for f in judging for seed in seeds),
        failures=results.failures,
        final=final,
        seconds=clock.rounded(),
    )


def check_world(deployment: Deployment, table: Table, folds: Sequence[Fold]) -> None:
    """Check, before anything is trained, that another world can be told from the rows judged.

    Raises
    ------
    UsageError
        As `Deployment.factor` does.
    """
    rows = np.concatenate([fold.held_out for fold in folds])
    weight = None if table.row_weight is None else table.row_weight[rows]
    deployment.factor(shares(table.y[rows], len(table.classes), weight))


def best(decisions: Decisions) -> str:
    """Name the class weights, none among them, that came out best on all folds."""
    p, came = decisions.predictions, decisions.overall
    weights = [s for s, kind in enumerate(p.kinds) if kind == WEIGHTS]
    return p.settings[min(weights, key=lambda s: came[s])]


def gather(
    table: Table,
    settings: Sequence[Setting],
    folds: Sequence[Fold],
    trained: Sequence[Sequence[Trained]],
    *,
    seeds: Sequence[int],
    class_weight: np.ndarray,
    prior: np.ndarray,
    shape: Shape | None = None,
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
    shape : Shape of arrays (S, F, ...), optional
        Of the settings' losses.

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
        kinds=tuple(setting.kind for setting in settings),
        shape=shape,
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
        results.settings,
        [part.fold for part in parts],
        [[results.trained[f, seed] for seed in seeds] for f in folds],
        seeds=seeds,
        class_weight=results.class_weight[:, list(folds)],
        prior=np.stack([part.prior for part in parts]),
        shape=_shapes(results, parts) if any(s.bends for s in results.settings) else None,
    )


def _shapes(results: Results, parts: Sequence[Part]) -> Shape:
    """Give the shapes (S, F, ...) of the settings' losses in each part."""
    numbers = list(results.numbers)
    by_part = zip(*(part.shape for part in parts), strict=True)
    return Shape(*(np.stack(of_parts, axis=1)[numbers] for of_parts in by_part))


def _named(name: str, results: Results) -> Setting:
    """Give the setting to refit with."""
    found = [setting for setting in results.settings if setting.name == name]
    if not found:
        reason = next(f.reason for f in results.failures if f.setting == name)
        raise UsageError(f"--use must name a setting that can be trained; {reason}: name another")
    return found[0]


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
    told = lambda progress: tell("final", progress)
    results = train(whole, trainer, clock.until(), told, keep_parameters=True)
    if not results.trained and chosen in results.settings:
        whole = replace(whole, seeds=whole.seeds[:1])
        results = train(whole, trainer, math.inf, told, keep_parameters=True)
    _named(chosen.name, results)
    seeds = [seed for _, seed in results.trained]
    return Final(
        settings=results.settings,
        class_weight=results.class_weight[:, 0],
        shape=Shape(*(values[:, 0] for values in _shapes(results, whole.parts))),
        features=whole.parts[0].features,
        trained=tuple(results.trained.values()),
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
