"""The verdict: whether class weights earn their place against the twin without any.

For each fold the class-weight setting that is best on the other folds is judged on this one, beside
the twin, each repaired and each at its own operating point, which the other folds chose too. So no
row praises a choice that it took part in; the models of different folds do share training rows.

Costs are compared in percent of what the twin costs, scores (F1, average precision, …) in points,
hundredths. Positive: weights help.

When the split is repeated, all of this happens within each repetition: another repetition's folds
hold the very rows that are judged. The entries of a row in several repetitions are one unit of the
interval, so that repeating takes out the luck of the split and none of the luck of the rows.

Letters: N entries, S settings, R seeds, F folds, K classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import final

import numpy as np
from numpy.typing import NDArray

from outweigh._decisions import Decisions, ranked
from outweigh._interval import DEFAULT, Interval, Method, Paired, difference, over_folds
from outweigh._objective import Costs, Counted, Objective, Ranking
from outweigh._predictions import Predictions
from outweigh._scores import confusion
from outweigh._settings import TWIN

HELP = "weights_help"
HURT = "weights_hurt"
NO_GAIN = "no_detectable_gain"
TOO_FEW = "too_few_positives"

FEWEST = 20  # rows outside the most frequent class, below which nothing is claimed
POWER = 1.43  # (1.96 + 0.84) / 1.96: to settle a difference in four studies of five
FARTHEST = 100  # times as many positives, beyond which nobody would wait for them

Float = NDArray[np.float64]


@final
@dataclass(frozen=True)
class FoldResult:
    """One fold: the setting that the other folds chose, and what it and the twin come to here."""

    fold: int
    setting: str
    weighted: float  # mean cost of a case, or the score
    twin: float


@final
@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The paired comparison of class weights, chosen on other folds, with no weights.

    Attributes
    ----------
    code : str
        ``weights_help``, ``weights_hurt``, ``no_detectable_gain`` or ``too_few_positives``.
    text : str
        The same as a sentence.
    difference : float or None
        What weights save, in percent of the twin's cost, or what they add to a score, in points.
        Negative where they do harm. None where there is nothing to compare.
    unit : str
        ``percent`` or ``points``.
    interval : (float, float) or None
        95 % interval of the difference between the trained models of the folds.
    basis : str
        Always ``cross-fitted``.
    chosen : str
        The setting to use: the twin unless weights help.
    best : str
        The best class-weight setting on all folds together, an in-sample choice.
    more_positives : int or None
        About how many more rows outside the most frequent class would settle a difference of this
        size in four studies of five; None where it is settled, or would take very many.
    by_fold : tuple of FoldResult
    by_seed : tuple of float
        The difference for each seed alone, without averaging.
    """

    code: str
    text: str
    difference: float | None
    unit: str
    interval: Interval | None
    basis: str
    chosen: str
    best: str
    more_positives: int | None
    by_fold: tuple[FoldResult, ...]
    by_seed: tuple[float, ...]

    @property
    def seed_mean(self) -> float | None:
        """The mean difference of single seeds."""
        return float(np.mean(self.by_seed)) if self.by_seed else None

    @property
    def seed_standard_error(self) -> float | None:
        """Its standard error; None with fewer than two seeds."""
        if len(self.by_seed) < 2:
            return None
        return float(np.std(self.by_seed, ddof=1) / np.sqrt(len(self.by_seed)))


@final
@dataclass(frozen=True, eq=False)
class Compared:
    """Two decision makers on the same entries: the difference, its interval, fold by fold."""

    difference: float | None
    interval: Interval | None
    weighted: Float  # (F,)
    twin: Float  # (F,)


def judge(decisions: Decisions, *, method: Method = DEFAULT) -> Verdict:
    """Compare class weights with the twin.

    Parameters
    ----------
    decisions : Decisions
    method : callable
        What gives the interval of paired losses.

    Returns
    -------
    verdict : Verdict
    """
    p, objective = decisions.predictions, decisions.objective
    unit = "points" if isinstance(objective, Counted | Ranking) else "percent"
    twin = p.settings.index(TWIN.name)
    others = [s for s in range(len(p.settings)) if s != twin]
    if not others:
        return _nothing_to_compare(unit)
    picked = np.array([min(others, key=lambda s: came[s]) for came in decisions.elsewhere.T])
    said, decided = _of_two(decisions, picked, twin)
    found = compare(decisions, said, decided, method=method)
    by_seed = tuple(_by_seed(decisions, picked, twin))
    code = _code(p, found.interval, by_seed)
    overall = decisions.overall
    best = p.settings[min(others, key=lambda s: overall[s])]
    more = _more_positives(p, found) if code == NO_GAIN else None
    return Verdict(
        code=code,
        text=_told(code, found, decisions, more),
        difference=found.difference,
        unit=unit,
        interval=found.interval,
        basis="cross-fitted",
        chosen=best if code == HELP else TWIN.name,
        best=best,
        more_positives=more,
        by_fold=tuple(
            FoldResult(f, p.settings[s], float(found.weighted[f]), float(found.twin[f]))
            for f, s in enumerate(picked)
        ),
        by_seed=by_seed,
    )


def compare(
    decisions: Decisions,
    probability: Float,
    decided: NDArray[np.int64],
    *,
    method: Method = DEFAULT,
) -> Compared:
    """Compare two decision makers, the weighted one and the twin, on all entries.

    Parameters
    ----------
    decisions : Decisions
    probability : (2, N, K) float64
    decided : (2, N) int; not looked at where the objective ranks
    method : callable

    Returns
    -------
    compared : Compared
    """
    objective = decisions.objective
    if isinstance(objective, Ranking):
        return _compare_rankings(decisions, objective, probability)
    if isinstance(objective, Counted):
        return _compare_counts(decisions, objective, decided, method)
    if isinstance(objective, Costs):
        return _compare_costs(decisions, objective, decided, method)
    raise TypeError(f"{objective!r} must be costs, a score of counts, or a ranking")


def _compare_costs(
    decisions: Decisions, objective: Costs, decided: NDArray[np.int64], method: Method
) -> Compared:
    p, weight = decisions.predictions, decisions.cases.weight
    weighted, twin = objective.row_loss(p.y, decided, p.amount) * weight
    tried = objective.row_loss(p.y, _tried(decisions), p.amount) * weight
    paired = _paired(p, twin, weighted, objective.stake(p.y, p.amount) * weight, tried)
    rows = np.bincount(p.fold, weight, len(p.prior))
    rows[rows == 0] = np.nan  # a fold whose rows count nothing costs no number
    each = [np.bincount(p.fold, loss, len(rows)) / rows for loss in (weighted, twin)]
    return Compared(difference(paired), method(paired), *each)


def _compare_counts(
    decisions: Decisions, objective: Counted, decided: NDArray[np.int64], method: Method
) -> Compared:
    """Compare scores whose counts are pooled over the folds.

    A score is no mean over entries. What an entry adds to its uncertainty is the slope of the score
    along the entry's own cell.
    """
    p, weight = decisions.predictions, decisions.cases.weight
    cells = [confusion(p.y, d, 2, weight) for d in decided]
    slopes = [_slopes(objective, of_cells) for of_cells in cells]
    of_twin = slopes[1][p.y, decided[1]]
    gained = weight * (slopes[0][p.y, decided[0]] - of_twin)
    stakes = np.max([np.abs(slope[:, 1] - slope[:, 0]) for slope in slopes], axis=0)
    base = np.full(len(p.y), 1 / len(p.y))  # losses that sum to 1: percents of them are points
    tried = base - weight * (slopes[0][p.y, _tried(decisions)] - of_twin)
    around = method(_paired(p, base, base - gained, stakes[p.y] * weight, tried))
    shown = [float(objective.shown(of_cells)) for of_cells in cells]
    points = 100 * (shown[0] - shown[1])
    interval = None if around is None else (points + around[0], points + around[1])
    each = [_counts_by_fold(decisions, objective, d) for d in decided]
    return Compared(points, interval, *each)


def _compare_rankings(decisions: Decisions, objective: Ranking, probability: Float) -> Compared:
    """Compare how probabilities rank: Student's t over the folds, averaged over repetitions."""
    p = decisions.predictions
    weighted, twin = (ranked(objective, decisions.cases, said) for said in probability)
    folds = np.flatnonzero(np.isfinite(weighted - twin))
    if not len(folds):
        return Compared(None, None, weighted, twin)
    ones = np.ones(len(folds))  # losses that are 1 on average: percents of them are points
    paired = Paired(
        twin=ones,
        weighted=ones - (weighted - twin)[folds],
        stake=ones,
        y=np.zeros(len(folds), dtype=np.int64),
        fold=folds,
        unit=folds,
        repeat=np.asarray(p.repeat),
    )
    return Compared(difference(paired), over_folds(paired), weighted, twin)


def _paired(p: Predictions, twin: Float, weighted: Float, stake: Float, tried: Float) -> Paired:
    return Paired(
        twin=twin,
        weighted=weighted,
        stake=stake,
        y=p.y,
        fold=p.fold,
        unit=np.asarray(p.unit),
        repeat=np.asarray(p.repeat),
        tried=tried if len(tried) else None,
    )


def _tried(decisions: Decisions) -> NDArray[np.int64]:
    """Give what each class-weight setting decides: those that other folds could choose."""
    twin = decisions.predictions.settings.index(TWIN.name)
    return np.delete(decisions.decided, twin, axis=0)


def _slopes(objective: Counted, cells: Float) -> Float:
    """Give the slope of a score along each of its cells (2, 2).

    Steps are small beside each cell: among a million rows few may be found.
    """
    step = 1e-4 * np.where(cells > 0, cells, cells[cells > 0].min())
    each = step.reshape(4, 1, 1) * np.eye(4).reshape(4, 2, 2)
    up, down = objective.shown(cells + each), objective.shown(np.maximum(cells - each, 0))
    width = step + np.minimum(cells, step)
    return np.asarray((up - down).reshape(2, 2) / width)


def _counts_by_fold(decisions: Decisions, objective: Counted, decided: NDArray[np.int64]) -> Float:
    p, weight = decisions.predictions, decisions.cases.weight
    folds = [p.fold == f for f in range(len(p.prior))]
    cells = [confusion(p.y[f], decided[f], 2, weight[f]) for f in folds]
    return np.asarray(objective.shown(np.stack(cells)))


def _by_seed(decisions: Decisions, picked: NDArray[np.int64], twin: int) -> Iterator[float]:
    """Give the difference of each seed alone, with the same settings, repairs and thresholds."""
    for r in range(len(decisions.predictions.seeds)):
        said, decided = _of_two(decisions, picked, twin, seed=r)
        found = compare(decisions, said, decided, method=lambda paired: None).difference
        if found is not None:
            yield found


def _of_two(
    decisions: Decisions, picked: NDArray[np.int64], twin: int, seed: int | None = None
) -> tuple[Float, NDArray[np.int64]]:
    """Give what the settings picked and the twin say (2, N, K) and decide (2, N)."""
    two = picked, np.full(len(picked), twin)
    if seed is None:
        said = [decisions.of_settings(of_fold) for of_fold in two]
    else:
        said = [decisions.of_lane(of_fold, seed) for of_fold in two]
    decided = [decisions.decide(of_fold, p) for of_fold, p in zip(two, said, strict=True)]
    return np.stack(said), np.stack(decided)


def _code(p: Predictions, interval: Interval | None, by_seed: tuple[float, ...]) -> str:
    """Say help or hurt only when the rows say so and the seeds say so too."""
    if n_rare(p) < FEWEST:
        return TOO_FEW
    if interval is None:
        return NO_GAIN
    mean = float(np.mean(by_seed)) if by_seed else 0.0
    error = float(np.std(by_seed, ddof=1) / np.sqrt(len(by_seed))) if len(by_seed) > 1 else 0.0
    if interval[0] > 0 and mean - 2 * error > 0:
        return HELP
    if interval[1] < 0 and mean + 2 * error < 0:
        return HURT
    return NO_GAIN


def n_rare(p: Predictions) -> int:
    """Count the rows that are not of the most frequent class, each once."""
    first = np.isin(p.fold, np.flatnonzero(p.repeat == 0))
    counts = np.bincount(p.y[first], minlength=len(p.classes))
    return int(counts.sum() - counts.max())


def _more_positives(p: Predictions, found: Compared) -> int | None:
    """Say how many more would settle a difference of this size: widths go as 1/√n."""
    if found.interval is None or not found.difference:
        return None
    half = (found.interval[1] - found.interval[0]) / 2
    times = (POWER * half / found.difference) ** 2
    if not 1 < times <= FARTHEST:
        return None
    more = (times - 1) * n_rare(p)
    place = 10 ** max(0, len(str(int(more))) - 2)  # two digits: it is a guess
    return int(ceil(more / place) * place)


def _told(code: str, found: Compared, decisions: Decisions, more: int | None) -> str:
    p, saved = decisions.predictions, found.difference
    if code == TOO_FEW:
        kind = f"rows of the rarer class{'' if len(p.classes) == 2 else 'es'}"
        return (
            f"Too few {kind} to judge class weights: {n_rare(p)} where at least {FEWEST} are "
            "needed. Collect more before you choose a weight."
        )
    if saved is None or found.interval is None:
        return "No detectable gain from class weights: there is nothing to tell them apart by."
    says = _Saying(decisions.objective)
    low, high = found.interval
    if code == HELP:
        return f"Class weights {says.better(saved)} (95 % interval {low:.1f} to {high:.1f})."
    if code == HURT:
        return (
            f"Class weights {says.worse(-saved)} (95 % interval {-high:.1f} to {-low:.1f}). "
            f"{_instead(p)}"
        )
    needed = "" if more is None else f" About {more:,} more {_rows(p)} would settle it."
    return (
        f"No detectable gain from class weights: {says.subject} is {says.changed(saved)} with them "
        f"(95 % interval: {says.changed(low)} to {says.changed(high)}). {_instead(p)}{needed}"
    )


class _Saying:
    """Words for a difference, of costs or of a score."""

    def __init__(self, objective: Objective):
        self._costs = not isinstance(objective, Counted | Ranking)
        self.subject = "your cost" if self._costs else objective.title
        self._unit = "%" if self._costs else "points"

    def better(self, by: float) -> str:
        return f"{'lower' if self._costs else 'raise'} {self.subject} by {by:.1f} {self._unit}"

    def worse(self, by: float) -> str:
        return f"{'raise' if self._costs else 'lower'} {self.subject} by {by:.1f} {self._unit}"

    def changed(self, saved: float) -> str:
        lower = (saved >= 0) == self._costs
        return f"{abs(saved):.1f} {self._unit} {'lower' if lower else 'higher'}"


def _rows(p: Predictions) -> str:
    return "positives" if len(p.classes) == 2 else "rows of the rarer classes"


def _instead(p: Predictions) -> str:
    if len(p.classes) == 2:
        return "Leave them out and move the threshold."
    return "Leave them out and decide by least expected cost."


def _nothing_to_compare(unit: str) -> Verdict:
    return Verdict(
        code=NO_GAIN,
        text="No class weights were tried, so there is nothing to compare.",
        difference=None,
        unit=unit,
        interval=None,
        basis="cross-fitted",
        chosen=TWIN.name,
        best=TWIN.name,
        more_positives=None,
        by_fold=(),
        by_seed=(),
    )
