"""Confusion: where the cases of each class go, and what that costs, at any costs.

Counts of cases by their probabilities, rounded to M-ths, stand in for the rows: from them any
costs can be decided on anew. The page's script does the same sums in the same order.

Letters: C cells, K classes, D decisions: K, and one more where cases may be referred.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outweigh.report._words import few

Float = NDArray[np.float64]
Record = dict[str, Any]

SHADES = 10


@dataclass(frozen=True, eq=False)
class Outcome:
    """What decisions do: cases per 1,000 (K, D) by true class and decision, and what they cost.

    `cost` is per 1,000 cases, `share` a part of the cost of the cheapest constant policy, if that
    is above 0. Where nobody says what decisions cost, both are None.
    """

    confusion: Float
    cost: float | None
    share: float | None

    @property
    def right(self) -> float:
        """Cases per 1,000 that are decided right."""
        return float(np.diag(self.confusion).sum())

    @property
    def wrong(self) -> float:
        """Cases per 1,000 that are decided, and wrong."""
        return float(self.confusion[:, : len(self.confusion)].sum()) - self.right

    @property
    def referred(self) -> float:
        """Cases per 1,000 that a person decides."""
        return float(self.confusion[:, len(self.confusion) :].sum())

    @property
    def recall(self) -> Float:
        """Share (K,) of each class that is decided right; NaN where it has no cases."""
        return _shares(np.diag(self.confusion), self.confusion.sum(axis=1))

    @property
    def precision(self) -> Float:
        """Share (K,) of each decision that is right; NaN where it is never made."""
        return _shares(np.diag(self.confusion), self.confusion.sum(axis=0)[: len(self.confusion)])


@dataclass(frozen=True)
class Mistake:
    """A mistake: true class and decision as numbers, cases per 1,000, and what they cost."""

    true: int
    decided: int
    cases: float
    cost: float


@dataclass(frozen=True)
class Cell:
    """A cell of the table: its number, how it is written, and the classes of its looks."""

    value: float
    text: str
    look: str


def at_costs(cells: Record, setting: str, costs: Sequence[Sequence[float]] | Float) -> Outcome:
    """Decide counted cases at least expected cost.

    Parameters
    ----------
    cells : dict
        ``results["cells"]``.
    setting : str
        One of those counted.
    costs : (K, D) array
        True classes as rows, decisions as columns; the last of K + 1 is to refer the case.

    Returns
    -------
    outcome : Outcome

    Examples
    --------
    Three cases of a hundred look like the third class. At these costs they are taken for it:

    >>> counted = {"cells": [[9, 1, 0], [6, 0, 4]], "counts": [[90, 7, 0], [1, 0, 2]]}
    >>> cells = {"of": 10, "factor": [1.0, 1.0, 1.0], "settings": {"none": counted}}
    >>> at_costs(cells, "none", [[0, 1, 1], [1, 0, 1], [9, 9, 0]]).confusion
    array([[900.,   0.,  10.],
           [ 70.,   0.,   0.],
           [  0.,   0.,  20.]])
    """
    costs = np.asarray(costs, dtype=float)
    counted = cells["settings"][setting]
    weight = np.asarray(counted["counts"], dtype=float) * np.asarray(cells["factor"], dtype=float)
    decided = _cheapest(np.asarray(counted["cells"], dtype=float), costs)
    sums = np.zeros(costs.shape)
    for k in range(len(costs)):
        sums[k] = np.bincount(decided, weights=weight[:, k], minlength=costs.shape[1])
    return outcome(1000 * sums / sums.sum(), costs)


def outcome(confusion: Float, costs: Float | None) -> Outcome:
    """Say what decisions (K, D), per 1,000 cases, come to at costs (K, D), where there are any."""
    if costs is None:
        return Outcome(confusion, None, None)
    cost = float((confusion * costs).sum())
    constant = float((confusion.sum(axis=1) @ costs[:, : len(costs)]).min())
    return Outcome(confusion, cost, cost / constant if constant > 0 else None)


def dearest(found: Outcome, costs: Float) -> Mistake | None:
    """Give the mistake that costs most in all, the first of equal ones; None where none does."""
    k = len(costs)
    paid = found.confusion[:, :k] * costs[:, :k]
    np.fill_diagonal(paid, 0)
    true, decided = (int(i) for i in np.unravel_index(np.argmax(paid), paid.shape))
    if paid[true, decided] <= 0:
        return None
    cases = float(found.confusion[true, decided])
    return Mistake(true, decided, cases, float(paid[true, decided]))


def alike(n_classes: int) -> Float:
    """Give costs (K, K) at which every mistake is as dear as any other."""
    return np.ones((n_classes, n_classes)) - np.eye(n_classes)


def cell_rows(confusion: Float) -> list[list[Cell]]:
    """Give the cells of the table (K, D), shaded by their share of the row.

    Examples
    --------
    >>> [cell.look for cell in cell_rows(np.array([[55.0, 45.0, 0.0], [0.0, 0.0, 9.0]]))[0]]
    ['right s5', 'wrong s4', 'referred s0']
    """
    shares = _shares(confusion, confusion.sum(axis=1, keepdims=True))
    return [
        [
            Cell(float(v), few(float(v)), f"{_kind(k, d, len(confusion))} s{_shade(shares[k, d])}")
            for d, v in enumerate(row)
        ]
        for k, row in enumerate(confusion)
    ]


def _cheapest(probability: Float, costs: Float) -> NDArray[np.int64]:
    """Decide cells (C, K), summing class by class, as the page's script does: to the same bits."""
    expected = np.zeros((len(probability), costs.shape[1]))
    for k, row in enumerate(costs):
        expected += probability[:, k, np.newaxis] * row
    return np.asarray(np.argmin(expected, axis=1), dtype=np.int64)


def _kind(true: int, decided: int, n_classes: int) -> str:
    if decided == n_classes:
        return "referred"
    return "right" if decided == true else "wrong"


def _shade(share: float) -> int:
    return min(int(SHADES * share), SHADES - 1) if share == share else 0  # NaN: no cases


def _shares(part: Float, whole: Float) -> Float:
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0))
