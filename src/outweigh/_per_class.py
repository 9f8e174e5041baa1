"""Each class by itself: how well it is told from the rest, where its cases go, what they cost.

For more than two classes, where no one curve tells a study. Probabilities are repaired, at
deployment and cross-fitted, and so is all that is made of them here.

Letters: N entries, K classes, D decisions: K, and one more where cases may be referred.
"""

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from outweigh import _scores as scores
from outweigh._decisions import Decisions
from outweigh._objective import Costs
from outweigh._scored import CROSS_FITTED, Record, number

Float = NDArray[np.float64]


def per_class(decisions: Decisions, names: Collection[str]) -> Record | None:
    """Tell of each class against the rest, for some settings; None of two classes.

    Parameters
    ----------
    decisions : Decisions
    names : collection of str
        The settings to tell of.

    Returns
    -------
    record : dict, optional
        ``basis``; ``classes``, a list of K with ``label``, ``rows`` and ``share`` (of all cases, at
        deployment); and for each setting ``confusion``, (K, D) cases per 1,000 by true class and
        decision, and ``classes``, a list of K with numbers and curves.
    """
    d, labels = decisions, decisions.predictions.classes
    if len(labels) == 2:
        return None
    places = {name: d.predictions.settings.index(name) for name in names}
    return {
        "basis": CROSS_FITTED,
        "classes": [_about(d, k) for k in range(len(labels))],
        "settings": {name: _of_setting(d, s) for name, s in places.items()},
    }


def _about(d: Decisions, k: int) -> Record:
    own = d.cases.y == k
    return {
        "label": str(d.predictions.classes[k]),
        "rows": len(np.unique(d.predictions.row[own])),
        "share": float(d.cases.weight[own].sum() / d.cases.weight.sum()),
    }


def _of_setting(d: Decisions, s: int) -> Record:
    cells = _confusion(d, s)
    n_classes = d.probability.shape[-1]
    shares = None if cells is None else (1000 * cells / cells.sum()).tolist()
    return {
        "confusion": {"value": shares, "interval": None, "basis": CROSS_FITTED},
        "classes": [_of_class(d, s, k, cells) for k in range(n_classes)],
    }


def _confusion(d: Decisions, s: int) -> Float | None:
    """Sum what cases count by true class and decision (K, D); None where nothing is decided."""
    if not d.final_rules:
        return None
    k = d.probability.shape[-1]
    refers = isinstance(d.objective, Costs) and d.objective.refer is not None
    return scores.confusion(d.cases.y, d.decided[s], k, d.cases.weight, n_decisions=k + refers)


def _of_class(d: Decisions, s: int, k: int, cells: Float | None) -> Record:
    cases, said = d.cases, d.probability[s, :, k]
    own = (cases.y == k).astype(np.int64)
    against = np.column_stack([1 - said, said])
    precision, area = scores.ranking(own, against, fold=cases.fold, row_weight=cases.weight)
    return {
        "average_precision": number(precision, CROSS_FITTED),
        "roc_auc": number(area, CROSS_FITTED),
        **_decided(d, s, k, cells),
        **scores.curves(own, said, cases.weight),
        "reliability": scores.reliability(
            own,
            said,
            row_weight=d.predictions.row_weight,
            repeats=len(np.unique(np.asarray(d.predictions.repeat))),
        ),
    }


def _decided(d: Decisions, s: int, k: int, cells: Float | None) -> Record:
    """Tell how the cases of a class are decided, and what 1,000 of them cost."""
    found = dict.fromkeys(("recall", "precision", "expected_cost"), math.nan)
    if cells is not None:
        found["recall"] = _share(cells[k, k], cells[k].sum())
        found["precision"] = _share(cells[k, k], cells[:, k].sum())
        found["expected_cost"] = 1000 * _mean_cost(d, s, k)
    return {name: number(value, CROSS_FITTED) for name, value in found.items()}


def _mean_cost(d: Decisions, s: int, k: int) -> float:
    own = d.cases.take(np.flatnonzero(d.cases.y == k))
    if not (isinstance(d.objective, Costs) and own.weight.any()):
        return math.nan
    cost = d.objective.row_loss(own.y, d.decided[s][d.cases.y == k], own.amount)
    return float(np.average(cost, weights=own.weight))


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else math.nan
