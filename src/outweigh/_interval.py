"""The interval of a verdict: how far the difference that was seen may be from the true one.

Two decision makers are judged on the same held-out entries. What is estimated is how much cheaper
the trained models of the folds would be than their twins on endlessly many new rows, in percent of
what the twins cost. Four things make it less certain than a mean of N entries:

- Entries that are one draw (a group, equal rows, a block of time) count as one *unit*.
- The two decide few rows differently. The spread of the units is therefore never taken to be
  smaller than if half a row of each class had been seen to be decided differently: nothing seen is
  no proof of nothing.
- The setting judged on a fold was chosen on the others. A setting that is lucky on one fold is
  picked for all others, so that the errors of the folds add up instead of cancelling. By how much
  follows from how the settings' losses vary together, and the interval is widened by it.
- Models share training rows. Where two kinds of models come to the same but for what they learned
  by chance, what the rows of fold f say of a model that fold g taught is the very error that the
  rows of g make about one that f taught. It comes twice, and the variance of the sum is twice what
  the entries show; by Cauchy and Schwarz that is the most. Whoever compares says how much of it is
  to be feared.

Letters: N entries, K classes, S settings tried, F folds, P parts of the rows, U units.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
UNSEEN = 0.5  # rows of each class that are imagined to be decided differently
DRAWS = 10_000  # studies imagined; fewer where there are many settings
FEWEST_DRAWS = 500
NUMBERS = 2_000_000  # drawn at most, beyond the fewest draws
PARTS = 12  # of each fold, to be dealt anew when the split is repeated

Float = NDArray[np.float64]
Interval = tuple[float, float]


@final
@dataclass(frozen=True, eq=False, kw_only=True)
class Paired:
    """What each entry costs under the twin's decision and under another one.

    Attributes
    ----------
    twin, other : (N,) float
        Losses, with everything multiplied in that makes an entry count more or less.
    stake : (N,) float, not negative
        The most that two decisions about the entry can differ in loss.
    y : (N,) int
        Class, as a number from 0.
    fold : (N,) int
        Fold in which the entry is judged.
    unit : (N,) int
        Entries that are one draw share a number: a group, equal rows, a block of time, a row that
        is judged in several repetitions of the split.
    repeat : (F,) int
        Repetition of the split that each fold belongs to.
    tried : (S, N) float, optional
        Losses under each setting that was there to be picked. Without them nothing is taken to
        have been picked.
    shared : float
        How many times as large the variance is as the entries show, because models of different
        folds share training rows: from 1 to 2.
    """

    twin: Float
    other: Float
    stake: Float
    y: NDArray[np.int64]
    fold: NDArray[np.int64]
    unit: NDArray[np.int64]
    repeat: NDArray[np.int64]
    tried: Float | None = None
    shared: float = 1.0


Method = Callable[[Paired], Interval | None]
"""Gives a 95 % interval of the difference in percent, or None where there is none."""


def difference(paired: Paired) -> float | None:
    """Give the percentage of the twin's cost that is saved; None where the twin costs nothing."""
    twin = float(paired.twin.sum())
    return 100 * (twin - float(paired.other.sum())) / twin if twin > 0 else None


def over_units(paired: Paired, *, unseen: float = UNSEEN, shared: float = 1.0) -> Interval | None:
    r"""Give Student's t over the units, widened for what was not seen and for the choice.

    Parameters
    ----------
    paired : Paired
    unseen : float
        Rows of each class that are imagined to be decided differently; 0 where losses follow from
        no decision, so that any two differ a little.

    Returns
    -------
    interval : (float, float) or None
        None where the twin costs nothing or all is one unit.

    Notes
    -----
    With :math:`\hat R = 1 - \sum w / \sum t` the share of the twin's losses t that the others, w,
    save, a unit's part in the error of that share is
    :math:`\psi_u = \sum_{i \in u} \big((1 - \hat R) t_i - w_i\big) / \sum t`, and

    .. math::
        \hat R \pm t_{U-1} \sqrt{c \, \kappa V}, \qquad
        V = \max\Big(\frac{U}{U-1} \sum_u \psi_u^2,\; h \sum_k \overline{s_k^2}\Big)

    with h the rows unseen, :math:`\overline{s_k^2}` the mean squared stake of a row of class k, in
    shares of :math:`\sum t` too, c what is told by `Paired.shared`, and κ from `inflation`.

    The linearised ratio is that of Cochran, Sampling Techniques, 3rd edition, Wiley 1977, chapter
    6, over units drawn whole, chapter 9A.

    Examples
    --------
    Ten rows; the twin misses three positives of cost 4, the other one finds one of them and
    gives two false alarms:

    >>> paired = Paired(
    ...     twin=np.array([4., 4, 4, 0, 0, 0, 0, 0, 0, 0]),
    ...     other=np.array([0., 4, 4, 1, 1, 0, 0, 0, 0, 0]),
    ...     stake=np.array([4., 4, 4, 1, 1, 1, 1, 1, 1, 1]),
    ...     y=np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0]), fold=np.arange(10) % 2,
    ...     unit=np.arange(10), repeat=np.zeros(2, dtype=int),
    ... )
    >>> low, high = over_units(paired)
    >>> round(difference(paired), 1), round(low, 1), round(high, 1)
    (16.7, -57.7, 91.0)
    """
    centre = difference(paired)
    place, n_units = _units(paired)
    if centre is None or n_units < 2:
        return None
    seen = n_units / (n_units - 1) * np.sum(_parts(paired, paired.other, place) ** 2)
    variance = max(seen, unseen * _square_stakes(paired).sum())
    variance *= paired.shared * _inflation(paired, place)
    half = 100 * float(stats.t.ppf((1 + CONFIDENCE) / 2, n_units - 1) * np.sqrt(variance))
    return centre - half, centre + half


def inflation(covariance: Float, *, n_folds: int, n_repeats: int = 1) -> float:
    r"""Give how many times as large the variance is because other folds picked the setting.

    Parameters
    ----------
    covariance : (S, S) float
        How the errors of the settings' savings vary together; the scale does not matter.
    n_folds : int
        Of a repetition of the split.
    n_repeats : int

    Returns
    -------
    inflation : float
        1 where nothing was picked: a single setting, or a single fold.

    Notes
    -----
    Let :math:`e_f(s)` be the error of setting s on fold f, and :math:`p_f` the setting that saves
    most on the other folds. Given those, :math:`e_f(p_f)` is 0 on average, but :math:`p_g` depends
    on :math:`e_f` too, so that the errors of two folds are not independent. They are drawn anew,
    normal, with the given covariance between settings and none between folds, and settings are
    picked as if all were equally good, where luck decides most:

    .. math:: \kappa = E\Big[\Big(\sum_f e_f(p_f)\Big)^2\Big] \Big/ E\Big[\sum_f e_f(p_f)^2\Big]

    When the split is repeated, the errors are drawn for parts of folds, dealt anew in each
    repetition, and a part's error is the mean over the repetitions. Draws are the same each time.

    Examples
    --------
    Two settings that err independently, two folds. The errors of the folds multiply to
    :math:`1/\pi` of a variance on average, and that comes twice:

    >>> round(inflation(np.eye(2), n_folds=2), 1)
    1.3
    """
    if len(covariance) < 2 or n_folds < 2:
        return 1.0
    folds = _deals(n_folds, n_repeats)  # (repetitions, P)
    error = _drawn_errors(covariance, folds.shape[1])  # (draws, P, S)
    own = np.sum([_picked_errors(error, fold) for fold in folds], axis=0)  # (draws, P)
    apart, together = np.sum(own**2), np.sum(own.sum(axis=1) ** 2)
    return max(1.0, float(together / apart)) if apart > 0 else 1.0


def over_folds(paired: Paired) -> Interval | None:
    """Give Student's t over the folds, averaged over the repetitions.

    Parameters
    ----------
    paired : Paired

    Returns
    -------
    interval : (float, float) or None
        None where the twin costs nothing in some repetition, or has one fold there.

    Examples
    --------
    The twin costs 10 on each of three folds, the other one 8, 9 and 10:

    >>> paired = Paired(
    ...     twin=np.array([10., 10, 10]), other=np.array([8., 9, 10]), stake=np.ones(3),
    ...     y=np.zeros(3, dtype=int), fold=np.arange(3), unit=np.arange(3),
    ...     repeat=np.zeros(3, dtype=int),
    ... )
    >>> low, high = over_folds(paired)
    >>> round(low, 1), round(high, 1)
    (-14.8, 34.8)
    """
    n_folds = len(paired.repeat)
    twin = np.bincount(paired.fold, paired.twin, n_folds)
    other = np.bincount(paired.fold, paired.other, n_folds)
    judged = np.bincount(paired.fold, minlength=n_folds) > 0
    of_repeats = [judged & (paired.repeat == r) for r in np.unique(paired.repeat[judged])]
    intervals = [_t(twin[of], other[of], paired.shared) for of in of_repeats]
    if None in intervals:
        return None
    low, high = np.mean(np.array(intervals), axis=0).tolist()
    return low, high


DEFAULT: Method = over_units
"""Of those that cover in every simulated world of benchmarks/README.md, the narrowest."""


def _t(twin: Float, other: Float, shared: float) -> Interval | None:
    if twin.sum() <= 0 or len(twin) < 2:
        return None
    saved = 100 * (twin - other) / twin.mean()
    error = np.sqrt(shared) * stats.sem(saved)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(saved) - 1) * error
    return float(saved.mean() - half), float(saved.mean() + half)


def _units(paired: Paired) -> tuple[NDArray[np.int64], int]:
    """Give the place of each entry's unit, and how many units have anything at stake."""
    _, place = np.unique(paired.unit, return_inverse=True)
    return place, int(np.count_nonzero(np.bincount(place, paired.stake)))


def _parts(paired: Paired, loss: Float, place: NDArray[np.int64]) -> Float:
    """Give each unit's part (U,) in the error of the share that a setting with this loss saves."""
    twin, loss = paired.twin / paired.twin.sum(), loss / paired.twin.sum()
    return np.bincount(place, loss.sum() * twin - loss).astype(np.float64)


def _square_stakes(paired: Paired) -> Float:
    """Give the mean squared stake (K,) of a row of each class, as a share of the twin's cost.

    A row's stake is that of its entries in all repetitions.
    """
    stake = len(np.unique(paired.repeat)) * paired.stake / paired.twin.sum()
    rows = np.bincount(paired.y, paired.stake > 0)
    return np.asarray(np.bincount(paired.y, stake**2) / np.maximum(rows, 1))


def _inflation(paired: Paired, place: NDArray[np.int64]) -> float:
    if paired.tried is None:
        return 1.0
    parts = np.stack([_parts(paired, loss, place) for loss in paired.tried])  # (S, U)
    n_repeats = len(np.unique(paired.repeat))
    n_folds = len(paired.repeat) // n_repeats
    return inflation(parts @ parts.T, n_folds=n_folds, n_repeats=n_repeats)


def _deals(n_folds: int, n_repeats: int) -> NDArray[np.int64]:
    """Give the fold of each part of the rows, (repetitions, P); a single split needs F parts."""
    if n_repeats == 1:
        return np.arange(n_folds)[np.newaxis]
    rng = np.random.default_rng(0)
    return np.stack([rng.permutation(PARTS * n_folds) % n_folds for _ in range(n_repeats)])


def _drawn_errors(covariance: Float, n_parts: int) -> Float:
    """Draw errors (draws, P, S) of the settings on each part of the rows."""
    variance, direction = np.linalg.eigh(covariance)
    # the symmetric root: unlike others it hardly moves when the covariance hardly does
    root = (direction * np.sqrt(np.maximum(variance, 0))) @ direction.T
    n_draws = min(DRAWS, max(FEWEST_DRAWS, NUMBERS // (n_parts * len(root))))
    normal = np.random.default_rng(1).normal(size=(n_draws, n_parts, len(root)))
    return np.asarray(normal @ root)


def _picked_errors(error: Float, fold: NDArray[np.int64]) -> Float:
    """Give each part's error (draws, P) with the setting that saves most on the other folds."""
    own = np.empty(error.shape[:2])
    for f in np.unique(fold):
        picked = np.argmax(error[:, fold != f].sum(axis=1), axis=1)
        own[:, fold == f] = error[np.arange(len(error)), :, picked][:, fold == f]
    return own
