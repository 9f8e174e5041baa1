"""Rankings: how well rows of a class come before the others, whatever the threshold.

Letters: N rows, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from outweigh._objective import Ranking
from outweigh._scores import average_precision, roc_auc

Float = NDArray[np.float64]
Integers = NDArray[np.int64]


@final
@dataclass(frozen=True)
class AveragePrecision(Ranking):
    """The mean precision over the recalls."""

    name = "average-precision"
    title = "average precision"

    def text(self, classes: Sequence[Any]) -> str:
        """Say what it is."""
        return "the largest average precision; no threshold is chosen"

    def score(self, y: Integers, probability: Float, row_weight: Float) -> float:
        """Score probabilities (N, K)."""
        return _one_against_rest(average_precision, y, probability, row_weight)


@final
@dataclass(frozen=True)
class RocAuc(Ranking):
    """The share of pairs of a positive and a negative that are in the right order."""

    name = "roc-auc"
    title = "ROC AUC"

    def text(self, classes: Sequence[Any]) -> str:
        """Say what it is."""
        return "the largest area under the ROC curve; no threshold is chosen"

    def score(self, y: Integers, probability: Float, row_weight: Float) -> float:
        """Score probabilities (N, K)."""
        return _one_against_rest(roc_auc, y, probability, row_weight)


def _one_against_rest(score: Any, y: Integers, probability: Float, row_weight: Float) -> float:
    counts = row_weight > 0
    y, probability, row_weight = y[counts], probability[counts], row_weight[counts]
    k = probability.shape[1]
    each = [
        score(y == c, probability[:, c], row_weight)
        for c in ([1] if k == 2 else range(k))
        if 0 < np.count_nonzero(y == c) < len(y)
    ]
    return float(np.mean(each)) if each else float("nan")
