"""The interval of the verdict: how far the paired difference in cost may be from the true one.

Two decision makers are judged on the same held-out entries. What is estimated is how much cheaper
the trained models of the folds would be than their twins on endlessly many new rows, as a
percentage of the twin's cost. Few entries are decided differently by the two, and the difference
rests on those alone.

Letters: N entries, K classes, F folds, U units.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class Paired:
    """What each entry costs under the twin's decision and under the weighted setting's.

    Attributes
    ----------
    twin, weighted : (N,) float
        Losses, everything that makes an entry count more or less multiplied in.
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
    """

    twin: NDArray[np.float64]
    weighted: NDArray[np.float64]
    stake: NDArray[np.float64]
    y: NDArray[np.int64]
    fold: NDArray[np.int64]
    unit: NDArray[np.int64]
    repeat: NDArray[np.int64]


Method = Callable[[Paired], Interval | None]
"""Gives a 95 % interval in percent, or None where there is none."""


def difference(paired: Paired) -> float | None:
    """Give the percentage of the twin's cost that is saved; None where the twin costs nothing."""
    twin = float(paired.twin.sum())
    return None if twin <= 0 else 100 * (twin - float(paired.weighted.sum())) / twin


def over_units(paired: Paired) -> Interval | None:
    """Give Student's t over the units, one discordant row of each class imagined."""
    centre = difference(paired)
    if centre is None:
        return None
    _, place = np.unique(paired.unit, return_inverse=True)
    residual = (1 - centre / 100) * paired.twin - paired.weighted
    squares = np.bincount(place, residual) ** 2
    n_units = len(squares)
    imagined = len(np.unique(paired.repeat)) ** 2 * _mean_square_stakes(paired)
    variance = squares.sum() * n_units / max(n_units - 1, 1) + imagined.sum()
    fourth = (squares**2).sum() + (imagined**2).sum()
    freedom = max(1.0, min(2 * variance**2 / fourth, n_units - 1)) if fourth else 1.0
    half = 100 * stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(variance) / paired.twin.sum()
    return centre - float(half), centre + float(half)


def over_folds(paired: Paired) -> Interval | None:
    """Give Student's t over the folds, averaged over the repetitions; None with a single fold."""
    intervals = [
        _over_folds(paired, np.flatnonzero(paired.repeat == r)) for r in np.unique(paired.repeat)
    ]
    if any(interval is None for interval in intervals):
        return None
    low, high = np.mean([i for i in intervals if i is not None], axis=0).tolist()
    return low, high


def _over_folds(paired: Paired, folds: NDArray[np.int64]) -> Interval | None:
    n_folds = len(paired.repeat)
    twin = np.bincount(paired.fold, paired.twin, n_folds)[folds]
    weighted = np.bincount(paired.fold, paired.weighted, n_folds)[folds]
    if twin.sum() <= 0 or len(folds) < 2:
        return None
    saved = 100 * (twin - weighted) / twin.mean()
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(folds) - 1) * stats.sem(saved)
    return float(saved.mean() - half), float(saved.mean() + half)


def _mean_square_stakes(paired: Paired) -> NDArray[np.float64]:
    """Give the mean (K,) of the squared stakes over the entries of each class that have one."""
    counts = np.bincount(paired.y, paired.stake > 0)
    return np.bincount(paired.y, paired.stake**2) / np.maximum(counts, 1)


DEFAULT: Method = over_units
