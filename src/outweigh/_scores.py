"""Scores: how good probabilities and decisions are, as numbers and as curves.

Ranking scores (average precision, ROC AUC) are computed on each fold and averaged, since the
models of different folds need not share a scale. Probability and decision scores are pooled.
With K > 2 classes ranking scores are the mean over the classes of one against the rest.

Letters: N rows, K classes, F folds.
"""

from typing import Any

import numpy as np
from sklearn import metrics

SMALLEST = float(np.finfo(float).eps)  # of a probability in the log loss, as in scikit-learn
POINTS = 200  # on a curve


def ranking(
    y: np.ndarray,
    probability: np.ndarray,
    *,
    fold: np.ndarray,
    row_weight: np.ndarray | None = None,
) -> tuple[float, float]:
    """Give average precision and ROC AUC, averaged over the folds.

    Parameters
    ----------
    y : array of int, shape (N,)
    probability : array of float, shape (N, K)
    fold : array of int, shape (N,)
    row_weight : array of float, shape (N,), optional

    Returns
    -------
    average_precision, roc_auc : float
        NaN where no fold holds both a case and a non-case.
    """
    columns = [1] if probability.shape[1] == 2 else range(probability.shape[1])
    counts = True if row_weight is None else row_weight > 0  # weight 0: the row is absent
    each = [
        _ranking_of_fold(y[rows] == k, probability[rows, k], _take(row_weight, rows))
        for rows in (np.flatnonzero((fold == f) & counts) for f in np.unique(fold))
        for k in columns
        if 0 < np.count_nonzero(y[rows] == k) < len(rows)
    ]
    if not each:
        return float("nan"), float("nan")
    precision, area = np.mean(each, axis=0)
    return float(precision), float(area)


def average_precision(
    y: np.ndarray, probability: np.ndarray, row_weight: np.ndarray | None = None
) -> float:
    r"""Give the mean precision over the recalls, of truth values y (N,) and probabilities (N,).

    There must be weight on both truth values.

    Notes
    -----
    .. math:: \sum_c (R_c - R_{c-1}) P_c

    with recall R and precision P from each probability that came upwards, the highest first.

    Examples
    --------
    >>> average_precision(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]))
    0.8333333333333333
    """
    caught, alarms = _flagged(y, probability, row_weight)
    gained = np.diff(caught, prepend=0.0)
    return float(gained @ (caught / (caught + alarms)) / caught[-1])


def roc_auc(y: np.ndarray, probability: np.ndarray, row_weight: np.ndarray | None = None) -> float:
    """Give the share of pairs of both truth values that are in the right order; ties count half.

    Examples
    --------
    >>> roc_auc(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]))
    0.75
    """
    caught, alarms = _flagged(y, probability, row_weight)
    before = np.append(0.0, caught[:-1])
    pairs = np.diff(alarms, prepend=0.0) @ (caught + before) / 2
    return float(pairs / (caught[-1] * alarms[-1]))


def log_loss(y: np.ndarray, probability: np.ndarray, row_weight: np.ndarray | None = None) -> float:
    """Give the mean of −log p(true class).

    Examples
    --------
    >>> round(log_loss(np.array([1, 0]), np.array([[0.5, 0.5], [0.5, 0.5]])), 4)
    0.6931
    """
    return float(np.average(log_losses(y, probability), weights=row_weight))


def log_losses(y: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Give −log p(true class) of each row (N,); a probability of 0 is taken for the smallest."""
    own = np.maximum(np.take_along_axis(probability, y[:, None], axis=1)[:, 0], SMALLEST)
    return np.asarray(-np.log(own))


def brier(y: np.ndarray, probability: np.ndarray, row_weight: np.ndarray | None = None) -> float:
    """Give the mean squared error of the probabilities; of the positive one if K is 2."""
    error = (probability - np.eye(probability.shape[1])[y]) ** 2
    each = error[:, 1] if probability.shape[1] == 2 else error.sum(axis=1)
    return float(np.average(each, weights=row_weight))


def confusion(
    y: np.ndarray,
    decided: np.ndarray,
    n_classes: int,
    row_weight: np.ndarray | None = None,
    *,
    n_decisions: int | None = None,
) -> np.ndarray:
    """Count the rows (or their weight) by true class and decision, (K, D); D is K unless given."""
    d = n_decisions or n_classes
    cells = np.bincount(y * d + decided, weights=row_weight, minlength=n_classes * d)
    return cells.reshape(n_classes, d).astype(float)


def decision_scores(cells: np.ndarray) -> dict[str, float]:
    """Give what a confusion matrix (K, D) says: flagged share, recall, precision, referred share.

    With K > 2, recall and precision are means over the classes, and nothing is flagged. What is
    referred to a person, decision K, is caught by nobody yet.
    """
    total, k = cells.sum(), len(cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.diag(cells) / cells.sum(axis=1)
        precision = np.diag(cells) / cells.sum(axis=0)[:k]
    two = k == 2
    return {
        "flagged_share": float(cells[:, 1].sum() / total) if two else float("nan"),
        "recall": float(recall[1]) if two else _known_mean(recall),
        "precision": float(precision[1]) if two else _known_mean(precision),
        "referred_share": float(cells[:, k:].sum() / total) if cells.shape[1] > k else float("nan"),
    }


def curves(
    y: np.ndarray, probability: np.ndarray, row_weight: np.ndarray | None = None
) -> dict[str, dict[str, list[float]]]:
    """Give the pooled precision–recall and ROC curves of a binary score, thinned.

    They have no points where all rows that count are of one class.
    """
    counts = y if row_weight is None else y[row_weight > 0]
    if counts.all() or not counts.any():
        return {
            "precision_recall": {"recall": [], "precision": []},
            "roc": {"false_positive_rate": [], "true_positive_rate": []},
        }
    precision, recall, _ = metrics.precision_recall_curve(y, probability, sample_weight=row_weight)
    false, true, _ = metrics.roc_curve(y, probability, sample_weight=row_weight)
    return {
        "precision_recall": _thinned({"recall": recall, "precision": precision}, along=recall),
        "roc": _thinned(
            {"false_positive_rate": false, "true_positive_rate": true}, along=false + true
        ),
    }


def reliability(
    y: np.ndarray,
    probability: np.ndarray,
    *,
    row_weight: np.ndarray | None = None,
    n_bins: int = 10,
    repeats: int = 1,
) -> dict[str, list[float]]:
    """Compare predicted with observed shares of positives in bins of equal numbers of positives.

    Equal numbers of rows would put nearly all bins where nothing happens. Bounds are Wilson's
    95 % interval of the observed share, of as many draws as the rows judged make, however often
    each was: (Σ w)² / Σ w² where they weigh w. `count` has the rows judged that weigh something.
    """
    weight = np.ones(len(y)) if row_weight is None else np.asarray(row_weight, dtype=float)
    there = weight > 0  # weight 0: the row is absent
    y, probability, weight = np.asarray(y)[there], probability[there], weight[there]
    values, place = np.unique(probability, return_inverse=True)
    positives = np.bincount(place, weight * (y == 1), len(values))  # of each value: ties share one
    total, below = positives.sum(), np.cumsum(positives) - positives
    n_bins = max(1, min(n_bins, int(np.count_nonzero(y == 1)) // 5))
    bin_of = np.floor(below * n_bins / (total or 1)).astype(int)
    bins = np.minimum(bin_of, n_bins - 1)[place]
    sums = (np.bincount(bins, w, n_bins) for w in (None, weight, weight**2))
    filled = np.bincount(bins, minlength=n_bins) > 0
    count, mass, squares = (sum_of[filled] for sum_of in sums)
    predicted = np.bincount(bins, weight * probability, n_bins)[filled] / mass
    observed = np.bincount(bins, weight * y, n_bins)[filled] / mass
    low, high = wilson(observed, mass**2 / squares / repeats)
    table = {
        "predicted": predicted,
        "observed": observed,
        "count": count,
        "low": low,
        "high": high,
    }
    return {name: column.tolist() for name, column in table.items()}


def _ranking_of_fold(
    y: np.ndarray, probability: np.ndarray, row_weight: Any
) -> tuple[float, float]:
    return average_precision(y, probability, row_weight), roc_auc(y, probability, row_weight)


def _flagged(
    y: np.ndarray, probability: np.ndarray, row_weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Count the positives and the negatives, (C,) each, from each probability that came upwards."""
    if row_weight is not None and not row_weight.all():  # weight 0: the row is absent
        there = row_weight > 0
        y, probability, row_weight = y[there], probability[there], row_weight[there]
    order = np.argsort(-probability, kind="stable")
    last = np.append(np.diff(probability[order]) != 0, True)  # rows of one probability go together
    positive = y[order].astype(float)
    weight = 1.0 if row_weight is None else row_weight[order]
    of_both = positive * weight, (1 - positive) * weight
    caught, alarms = (of_class.cumsum()[last] for of_class in of_both)
    return caught, alarms


def _take(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[rows]


def _thinned(table: dict[str, np.ndarray], *, along: np.ndarray) -> dict[str, list[float]]:
    """Keep points evenly spaced along a curve, its ends included."""
    if len(along) > POINTS:
        place = (along - along[0]) / (along[-1] - along[0])
        keep = np.unique(np.searchsorted(place, np.linspace(0, 1, POINTS - 1)))
        keep = np.unique([0, *keep.clip(0, len(along) - 1), len(along) - 1])
        table = {name: column[keep] for name, column in table.items()}
    return {name: [round(float(v), 6) for v in column] for name, column in table.items()}


def _known_mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def wilson(share: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give Wilson's 95 % interval of a share."""
    z = 1.959963984540054
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)
