"""Cut-offs: every threshold that decides two classes differently, and what each one does.

Letters: N rows, C cut-offs.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

ROUNDING = 1e-12
"""By which part of the largest two values may differ and be as good: sums are not exact."""


@final
@dataclass(frozen=True, eq=False)
class Sweep:
    """All cut-offs of a probability, from flagging nobody to flagging everybody.

    Attributes
    ----------
    thresholds : (C,) float64, falling
        A row is flagged from a threshold on; each lies midway between two probabilities that came,
        the first is infinite and the last 0.
    cells : (C, 2, 2) float64
        Rows, or their weight, by true class and decision.
    """

    thresholds: Float
    cells: Float

    def best(self, values: Float) -> float:
        """Give the threshold of the largest of values (C,).

        Of several in a row that are as good, the middle one, or the higher of two; of several such
        rows, that of the highest thresholds.
        """
        good = values >= values.max() - ROUNDING * np.abs(values).max()
        first = int(good.argmax())
        worse = np.flatnonzero(~good[first:])
        last = first + int(worse[0] if len(worse) else len(values) - first) - 1
        return float(self.thresholds[(first + last) // 2])


def sweep(probability: Float, y: NDArray[np.int64], row_weight: Float | None = None) -> Sweep:
    """Try every cut-off.

    Parameters
    ----------
    probability : (N,) float64
        Of the positive class.
    y : (N,) int
        1 for a positive, 0 for a negative.
    row_weight : (N,) float64, optional
        Rows of weight 0 are taken for absent.

    Returns
    -------
    swept : Sweep
        Rows of one probability are flagged together. Of no rows the one cut-off is to flag nobody.

    Examples
    --------
    >>> swept = sweep(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1]))
    >>> swept.thresholds.round(2), swept.cells[:, 1, 1]
    (array([ inf, 0.6 , 0.25, 0.  ]), array([0., 1., 2., 2.]))
    """
    weight = np.ones(len(y)) if row_weight is None else np.asarray(row_weight, dtype=float)
    there = weight > 0
    y, weight = y[there], weight[there]
    values, place = np.unique(probability[there], return_inverse=True)
    counts = [np.bincount(place, weight * (y == k), len(values))[::-1] for k in (0, 1)]
    flagged = np.stack([np.concatenate([[0.0], of_class.cumsum()]) for of_class in counts], axis=1)
    passed = flagged[-1] - flagged
    return Sweep(_between(values)[: len(flagged)], np.stack([passed, flagged], axis=-1))


def _between(values: Float) -> Float:
    """Give thresholds (C,) around rising values, the highest first."""
    low, high = values[:-1], values[1:]
    middle = low + (high - low) / 2
    middle = np.where(middle > low, middle, high)  # neighbours have nothing between them
    return np.concatenate([[np.inf], middle[::-1], [0.0]])
