"""The verdict: whether class weights earn their place against the twin without any.

For each fold the best class-weight setting is chosen on the other folds and judged on this one,
beside the twin. Both decide at the threshold that their costs imply, on undone probabilities that
are averaged over seeds. So no row praises a choice that it took part in; the models of different
folds do share training rows.

When the split is repeated, all of this happens within each repetition: another repetition's folds
hold the very rows that are judged. Differences and intervals are then averaged over the
repetitions, which takes out the luck of the split and none of the luck of the rows.

Letters: N entries, S settings, R seeds, F folds, K classes.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from outweigh._operating import decide
from outweigh._predictions import Predictions
from outweigh._settings import TWIN

HELP = "weights_help"
HURT = "weights_hurt"
NO_GAIN = "no_detectable_gain"
TOO_FEW = "too_few_positives"

FEWEST = 20  # rows outside the most frequent class, below which nothing is claimed
CONFIDENCE = 0.95


@dataclass(frozen=True)
class FoldResult:
    """One fold: the setting that the other folds chose, and what it and the twin cost here."""

    fold: int
    setting: str
    cost: float  # mean of a case
    cost_twin: float


@dataclass(frozen=True)
class Verdict:
    """The paired comparison of class weights, chosen on other folds, with no weights.

    Attributes
    ----------
    code : str
        ``weights_help``, ``weights_hurt``, ``no_detectable_gain`` or ``too_few_positives``.
    text : str
        The same as a sentence.
    difference : float or None
        Percent of the twin's cost that weights save; negative where they cost more. None where
        the twin costs nothing or there is nothing to compare.
    interval : (float, float) or None
        95 % interval of the difference, in percent: Student's t over the folds.
    basis : str
        Always ``cross-fitted``.
    chosen : str
        The setting to use: the twin unless weights help.
    best : str
        The cheapest class-weight setting on all folds together, an in-sample choice.
    by_fold : tuple of FoldResult
    by_seed : tuple of float
        The difference for each seed alone, in percent, without averaging.
    """

    code: str
    text: str
    difference: float | None
    interval: tuple[float, float] | None
    basis: str
    chosen: str
    best: str
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


def judge(predictions: Predictions, costs: np.ndarray) -> Verdict:
    """Compare class weights with the twin.

    Parameters
    ----------
    predictions : Predictions
    costs : array of float, shape (K, K)
        ``costs[t, d]``: cost of deciding d where t is true.

    Returns
    -------
    verdict : Verdict
    """
    cost = costs[predictions.y, decide(predictions.averaged(), costs)]  # (S, N)
    by_fold = _sums(predictions, cost)  # (S, F)
    twin = predictions.settings.index(TWIN.name)
    others = [s for s in range(len(by_fold)) if s != twin]
    if not others:
        return _nothing_to_compare()
    best = predictions.settings[min(others, key=lambda s: by_fold[s].sum())]
    repeat = np.asarray(predictions.repeat)
    picked = _picked(by_fold, others, repeat)
    folds = np.arange(len(picked))
    weighted, plain = by_fold[picked, folds], by_fold[twin]
    difference, interval = _over_repeats(weighted, plain, repeat)
    by_seed = _by_seed(predictions, costs, picked, twin)
    code = _code(predictions, interval, by_seed)
    rows = _sums(predictions, np.ones((1, len(predictions.y))))[0]
    results = tuple(
        FoldResult(
            int(f), predictions.settings[picked[f]], weighted[f] / rows[f], plain[f] / rows[f]
        )
        for f in folds
    )
    return Verdict(
        code=code,
        text=_told(code, difference, interval, predictions),
        difference=difference,
        interval=interval,
        basis="cross-fitted",
        chosen=best if code == HELP else TWIN.name,
        best=best,
        by_fold=results,
        by_seed=by_seed,
    )


def paired_difference(
    weighted: np.ndarray, twin: np.ndarray
) -> tuple[float | None, tuple[float, float] | None]:
    """Give the percentage of the twin's cost that is saved, and its interval over the folds.

    Parameters
    ----------
    weighted, twin : array of float, shape (F,)
        Total cost in each fold.

    Returns
    -------
    difference : float or None
    interval : (float, float) or None
        Student's t with F − 1 degrees of freedom. The paired bootstrap over rows is not used: the
        two models decide few rows differently, and it never imagines those that it did not see.

    Examples
    --------
    >>> difference, (low, high) = paired_difference(np.array([8., 9, 10]), np.array([10., 10, 10]))
    >>> round(difference, 1), round(low, 1), round(high, 1)
    (10.0, -14.8, 34.8)
    """
    if twin.sum() == 0:
        return None, None
    saved = 100 * (twin - weighted) / twin.mean()
    if len(saved) < 2:
        return float(saved.mean()), None
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(saved) - 1) * stats.sem(saved)
    return float(saved.mean()), (float(saved.mean() - half), float(saved.mean() + half))


def _over_repeats(
    weighted: np.ndarray, twin: np.ndarray, repeat: np.ndarray
) -> tuple[float | None, tuple[float, float] | None]:
    """Average the differences of the repetitions, and their intervals."""
    each = [paired_difference(weighted[repeat == r], twin[repeat == r]) for r in np.unique(repeat)]
    differences = [difference for difference, _ in each if difference is not None]
    intervals = [interval for _, interval in each if interval is not None]
    if not differences:
        return None, None
    mean = float(np.mean(differences))
    if len(intervals) < len(each):
        return mean, None
    low, high = np.mean(intervals, axis=0).tolist()
    return mean, (low, high)


def _picked(by_fold: np.ndarray, others: list[int], repeat: np.ndarray) -> list[int]:
    """Choose for each fold the setting that is cheapest on the other folds of its repetition."""
    folds = np.arange(by_fold.shape[1])
    # not the total less the fold's own: what is rounded off there would break ties here
    elsewhere = [by_fold[:, (repeat == repeat[f]) & (folds != f)].sum(axis=1) for f in folds]
    return [min(others, key=lambda s: elsewhere[f][s]) for f in folds]


def _sums(predictions: Predictions, values: np.ndarray) -> np.ndarray:
    """Sum values (..., N) over the entries of each fold, (..., F)."""
    weight = 1 if predictions.row_weight is None else predictions.row_weight
    folds = np.arange(len(predictions.prior))
    return np.stack(
        [(values * weight)[:, predictions.fold == f].sum(axis=1) for f in folds], axis=1
    )


def _by_seed(
    predictions: Predictions, costs: np.ndarray, picked: list[int], twin: int
) -> tuple[float, ...]:
    """Give the difference of each seed alone, with the same settings picked."""
    differences = []
    for r in range(len(predictions.seeds)):
        cost = {
            s: _sums(
                predictions, costs[predictions.y, decide(predictions.of_lane(s, r), costs)][None]
            )
            for s in {*picked, twin}
        }
        weighted = sum(cost[s][0, f] for f, s in enumerate(picked))
        plain = cost[twin][0].sum()
        if plain > 0:
            differences.append(float(100 * (plain - weighted) / plain))
    return tuple(differences)


def _code(
    predictions: Predictions, interval: tuple[float, float] | None, by_seed: tuple[float, ...]
) -> str:
    """Say help or hurt only when the folds say so and the seeds say so too."""
    if _n_rare(predictions) < FEWEST:
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


def _told(
    code: str,
    difference: float | None,
    interval: tuple[float, float] | None,
    predictions: Predictions,
) -> str:
    if code == TOO_FEW:
        kind = f"rows of the rarer class{'' if len(predictions.classes) == 2 else 'es'}"
        return (
            f"Too few {kind} to judge class weights: {_n_rare(predictions)} where at least "
            f"{FEWEST} are needed. Collect more before you choose a weight."
        )
    if difference is None or interval is None:
        return "No detectable gain from class weights: there is nothing to tell them apart by."
    if code == HELP:
        low, high = interval
        return (
            f"Class weights lower your cost by {difference:.1f} % "
            f"(95 % interval {low:.1f} to {high:.1f})."
        )
    if code == HURT:
        high, low = interval
        return (
            f"Class weights raise your cost by {-difference:.1f} % "
            f"(95 % interval {-low:.1f} to {-high:.1f}). {_instead(predictions)}"
        )
    best, worst = (_changed(bound) for bound in interval[::-1])
    return (
        f"No detectable gain from class weights: your cost is {_changed(difference)} with them "
        f"(95 % interval: {worst} to {best}). {_instead(predictions)}"
    )


def _instead(predictions: Predictions) -> str:
    if len(predictions.classes) == 2:
        return "Leave them out and move the threshold."
    return "Leave them out and decide by least expected cost."


def _n_rare(predictions: Predictions) -> int:
    """Count the rows that are not of the most frequent class, each once."""
    first = np.isin(predictions.fold, np.flatnonzero(predictions.repeat == 0))
    counts = np.bincount(predictions.y[first], minlength=len(predictions.classes))
    return int(counts.sum() - counts.max())


def _changed(saved: float) -> str:
    return f"{abs(saved):.1f} % {'lower' if saved >= 0 else 'higher'}"


def _nothing_to_compare() -> Verdict:
    return Verdict(
        code=NO_GAIN,
        text="No class weights were tried, so there is nothing to compare.",
        difference=None,
        interval=None,
        basis="cross-fitted",
        chosen=TWIN.name,
        best=TWIN.name,
        by_fold=(),
        by_seed=(),
    )
