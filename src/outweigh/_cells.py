"""Cells: the rows of more than two classes, counted by what is said of them.

Rows whose probabilities are the same once they are rounded make a cell, and a cell is decided as
one: so a page can count decisions at other costs without the rows. Probabilities are rounded to
M-ths that sum to M.

Letters: N entries, K classes, C cells.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outweigh._decisions import Decisions
from outweigh._scored import CROSS_FITTED, Record, plain_sums

PARTS = (1000, 500, 200, 100, 50, 20, 10, 5)
"""What one may be divided into, the finest first."""

MOST = 5000  # cells of a setting
FIRST = 20_000  # rows, whose cells can be too many already

Float = NDArray[np.float64]
Integers = NDArray[np.int64]


def cells(decisions: Decisions, names: Iterable[str]) -> Record | None:
    """Count the rows of each true class by cell, for some settings.

    Parameters
    ----------
    decisions : Decisions
    names : iterable of str
        The settings.

    Returns
    -------
    cells : dict or None
        None unless there are more than two classes, and where even the coarsest cells are too many.
        ``of`` is M, the finest of `PARTS` that leaves no setting more than 5,000 cells. For each
        setting ``cells`` (C, K) has the probabilities in M-ths and ``counts`` (C, K) the sums of
        row weights by true class: whole numbers where all row weights are, else rounded to 12
        digits. Rows of weight 0 are left out.
    """
    d, p = decisions, decisions.predictions
    if len(p.classes) == 2:
        return None
    weight = np.ones(len(p.y)) if p.row_weight is None else p.row_weight
    there = np.flatnonzero(weight > 0)
    said = {name: d.probability[p.settings.index(name), there] for name in dict.fromkeys(names)}
    parts = next((m for m in PARTS if all(map(_are_few(m), said.values()))), None)
    if parts is None:
        return None
    return {
        "basis": CROSS_FITTED,
        "of": parts,
        "factor": d.factor.tolist(),
        "settings": {
            name: _counted(rounded(of_setting, parts), p.y[there], weight[there])
            for name, of_setting in said.items()
        },
    }


def rounded(probability: Float, parts: int) -> Integers:
    """Round probabilities (N, K) to parts of one, whole numbers that sum to `parts`.

    What is left once all are rounded down goes to the largest remainders; of equal ones to the
    first.

    Examples
    --------
    >>> rounded(np.array([[0.335, 0.335, 0.33]]), 100)
    array([[34, 33, 33]])
    """
    share = probability / probability.sum(axis=1, keepdims=True) * parts
    down = np.floor(share).astype(np.int64)
    left = parts - down.sum(axis=1, keepdims=True)
    order = np.argsort(down - share, axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    return np.asarray(down + (rank < left))


def _are_few(parts: int) -> Any:
    """Give a test whether probabilities (N, K) have few enough cells."""

    def test(probability: Float) -> bool:
        return all(
            len(np.unique(_numbered(rounded(some, parts)))) <= MOST
            for some in (probability[:FIRST], probability)
        )

    return test


def _numbered(cell: Integers) -> Integers:
    """Give each cell (N, K) its number (N,) among the different ones, in order."""
    place = np.zeros(len(cell), dtype=np.int64)
    for column in cell.T:
        _, place = np.unique(place * (column.max() + 1) + column, return_inverse=True)
    return place


def _counted(cell: Integers, y: Integers, weight: Float) -> Record:
    """Sum the weight of each true class in each cell."""
    n_classes = cell.shape[1]
    _, first, place = np.unique(_numbered(cell), return_index=True, return_inverse=True)
    sums = np.bincount(place * n_classes + y, weight, minlength=len(first) * n_classes)
    counts = plain_sums(sums.reshape(len(first), n_classes), weight)
    return {"cells": cell[first].tolist(), "counts": counts}
