"""The difference: two decision makers, one of them the twin, judged on the same entries.

Costs are compared in percent of what the twin costs, scores (F1, average precision, …) in points,
hundredths. Positive: the other one is better. `_interval` says how certain that is.

Letters: N entries, S settings, R seeds, F folds, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from outweigh._decisions import Decisions, ranked
from outweigh._interval import DEFAULT, Interval, Method, Paired, difference, over_folds
from outweigh._objective import Costs, Counted, Objective, Ranking
from outweigh._predictions import Predictions
from outweigh._scores import confusion

PERCENT, POINTS = "percent", "points"

FEWEST = 20  # rows outside the most frequent class, below which nothing is claimed

Float = NDArray[np.float64]
Integers = NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class Compared:
    """What two decision makers differ by, how certain that is, and what both come to by fold.

    Attributes
    ----------
    difference : float or None
        None where there is nothing to compare.
    unit : str
        ``percent`` or ``points``.
    interval : (float, float) or None
    other, twin : (F,) float64
        Mean losses of a case, or scores; NaN where a fold has none.
    """

    difference: float | None
    unit: str
    interval: Interval | None
    other: Float
    twin: Float


def unit_of(objective: Objective) -> str:
    """Tell whether what decisions are for is compared in percent or in points."""
    return POINTS if isinstance(objective, Counted | Ranking) else PERCENT


@final
class Saying:
    """Words for a difference, of costs or of a score."""

    def __init__(self, objective: Objective):
        self._costs = unit_of(objective) == PERCENT
        self.subject = "your cost" if self._costs else objective.title
        self._unit = "%" if self._costs else "points"

    def better(self, by: float) -> str:
        """Say what is gained, after "they …"."""
        return f"{'lower' if self._costs else 'raise'} {self.subject} by {by:.1f} {self._unit}"

    def worse(self, by: float) -> str:
        """Say what is lost, after "they …"."""
        return f"{'raise' if self._costs else 'lower'} {self.subject} by {by:.1f} {self._unit}"

    def changed(self, saved: float) -> str:
        """Say what the subject is, compared with the twin's."""
        if f"{abs(saved):.1f}" == "0.0":
            return "the same"
        lower = (saved > 0) == self._costs
        return f"{abs(saved):.1f} {self._unit} {'lower' if lower else 'higher'}"


def compare(
    decisions: Decisions,
    probability: Float,
    decided: Integers,
    *,
    tried: Integers | None = None,
    shared: float = 1.0,
    method: Method = DEFAULT,
) -> Compared:
    """Compare two decision makers on all entries by what decisions are for.

    Parameters
    ----------
    decisions : Decisions
    probability : (2, N, K) float64
        What the other one and the twin say.
    decided : (2, N) int
        Not looked at where the objective ranks.
    tried : (S, N) int, optional
        What settings decide of which the other one was picked; nothing was picked unless given.
    shared : float
        How much training rows in common widen the interval: see `outweigh._interval.Paired`.
    method : callable
        What gives the interval of paired losses.

    Returns
    -------
    compared : Compared
    """
    objective = decisions.objective
    if isinstance(objective, Ranking):
        other, twin = (ranked(objective, decisions.cases, said) for said in probability)
        return compare_scores(decisions.predictions, other, twin, shared=shared)
    if isinstance(objective, Counted):
        return _compare_counts(decisions, objective, decided, tried, shared, method)
    if isinstance(objective, Costs):
        return _compare_costs(decisions, objective, decided, tried, shared, method)
    raise TypeError(f"{objective!r} must be costs, a score of counts, or a ranking")


def compare_losses(
    decisions: Decisions,
    other: Float,
    twin: Float,
    *,
    stake: Float,
    tried: Float | None = None,
    shared: float = 1.0,
    method: Method = DEFAULT,
) -> Compared:
    """Compare losses (N,) of a case, in percent of the twin's.

    Parameters
    ----------
    decisions : Decisions
    other, twin : (N,) float64
    stake : (N,) float64
        The most that two losses of an entry can differ by.
    tried : (S, N) float64, optional
        Losses of the settings of which the other one was picked.
    shared : float
    method : callable
    """
    p, weight = decisions.predictions, decisions.cases.weight
    counted = None if tried is None else tried * weight
    paired = _paired(p, twin * weight, other * weight, stake * weight, counted, shared)
    total = np.bincount(p.fold, weight, len(p.prior))
    total[total == 0] = np.nan  # a fold whose rows count nothing costs no number
    each = [np.bincount(p.fold, loss, len(total)) / total for loss in (paired.other, paired.twin)]
    interval = method(paired)
    if interval is not None and min(other.min(), twin.min()) >= 0:
        interval = min(interval[0], 100.0), min(interval[1], 100.0)  # no more can be saved than all
    return Compared(difference(paired), PERCENT, interval, *each)


def compare_scores(
    predictions: Predictions, other: Float, twin: Float, *, shared: float = 1.0
) -> Compared:
    """Compare scores of the folds (F,), in points: Student's t, averaged over repetitions."""
    folds = np.flatnonzero(np.isfinite(other - twin))
    if not len(folds):
        return Compared(None, POINTS, None, other, twin)
    ones = np.ones(len(folds))  # losses that are 1 on average: percents of them are points
    paired = Paired(
        twin=ones,
        other=ones - (other - twin)[folds],
        stake=ones,
        y=np.zeros(len(folds), dtype=np.int64),
        fold=folds,
        unit=folds,
        repeat=np.asarray(predictions.repeat),
        shared=shared,
    )
    return Compared(difference(paired), POINTS, over_folds(paired), other, twin)


def settled(p: Predictions, interval: Interval | None, by_seed: Sequence[float]) -> int:
    """Tell a difference from chance: 1 is better, −1 is worse, 0 is open.

    The rows must say so, and the seeds too: their mean by two of its standard errors. With few
    rows outside the most frequent class it is always open.

    Parameters
    ----------
    p : Predictions
    interval : (float, float) or None
    by_seed : sequence of float
        The difference by each seed alone.
    """
    if n_rare(p) < FEWEST or interval is None:
        return 0
    mean = float(np.mean(by_seed)) if by_seed else 0.0
    error = float(np.std(by_seed, ddof=1) / np.sqrt(len(by_seed))) if len(by_seed) > 1 else 0.0
    if interval[0] > 0 and mean - 2 * error > 0:
        return 1
    if interval[1] < 0 and mean + 2 * error < 0:
        return -1
    return 0


def n_rare(p: Predictions) -> int:
    """Count the rows that are not of the most frequent class, each once."""
    first = np.isin(p.fold, np.flatnonzero(p.repeat == 0))
    counts = np.bincount(p.y[first], minlength=len(p.classes))
    return int(counts.sum() - counts.max())


def _compare_costs(
    decisions: Decisions,
    objective: Costs,
    decided: Integers,
    tried: Integers | None,
    shared: float,
    method: Method,
) -> Compared:
    p = decisions.predictions
    other, twin = objective.row_loss(p.y, decided, p.amount)
    return compare_losses(
        decisions,
        other,
        twin,
        stake=objective.stake(p.y, p.amount),
        tried=None if tried is None else objective.row_loss(p.y, tried, p.amount),
        shared=shared,
        method=method,
    )


def _compare_counts(
    decisions: Decisions,
    objective: Counted,
    decided: Integers,
    tried: Integers | None,
    shared: float,
    method: Method,
) -> Compared:
    """Compare scores whose counts are pooled over the folds.

    A score is no mean over entries. What an entry adds to its uncertainty is the slope of the score
    along the entry's own cell.
    """
    p, weight = decisions.predictions, decisions.cases.weight
    cells = [confusion(p.y, d, 2, weight) for d in decided]
    slopes = [_slopes(objective, of_cells) for of_cells in cells]
    of_twin = slopes[1][p.y, decided[1]]

    def gained(each: Integers) -> Float:
        return np.asarray(weight * (slopes[0][p.y, each] - of_twin))

    stakes = np.max([np.abs(slope[:, 1] - slope[:, 0]) for slope in slopes], axis=0)
    base = np.full(len(p.y), 1 / len(p.y))  # losses that sum to 1: percents of them are points
    of_tried = None if tried is None else base - gained(tried)
    mine = base - gained(decided[0])
    around = method(_paired(p, base, mine, stakes[p.y] * weight, of_tried, shared))
    shown = [float(objective.shown(of_cells)) for of_cells in cells]
    points = 100 * (shown[0] - shown[1])
    interval = None if around is None else (points + around[0], points + around[1])
    each = [_counts_by_fold(decisions, objective, d) for d in decided]
    return Compared(points, POINTS, interval, *each)


def _paired(
    p: Predictions, twin: Float, other: Float, stake: Float, tried: Float | None, shared: float
) -> Paired:
    return Paired(
        twin=twin,
        other=other,
        stake=stake,
        y=p.y,
        fold=p.fold,
        unit=np.asarray(p.unit),
        repeat=np.asarray(p.repeat),
        tried=tried,
        shared=shared,
    )


def _slopes(objective: Counted, cells: Float) -> Float:
    """Give the slope of a score along each of its cells (2, 2).

    Steps are small beside each cell: among a million rows few may be found.
    """
    step = 1e-4 * np.where(cells > 0, cells, cells[cells > 0].min())
    each = step.reshape(4, 1, 1) * np.eye(4).reshape(4, 2, 2)
    up, down = objective.shown(cells + each), objective.shown(np.maximum(cells - each, 0))
    width = step + np.minimum(cells, step)
    return np.asarray((up - down).reshape(2, 2) / width)


def _counts_by_fold(decisions: Decisions, objective: Counted, decided: Integers) -> Float:
    p, weight = decisions.predictions, decisions.cases.weight
    folds = [p.fold == f for f in range(len(p.prior))]
    cells = [confusion(p.y[f], decided[f], 2, weight[f]) for f in folds]
    return np.asarray(objective.shown(np.stack(cells)))
