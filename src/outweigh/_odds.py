"""Odds: where class weights move them, and the way back.

Class weights multiply the odds of two classes by the ratio r of their weights. So a network under
weights starts at odds r times those of the classes, says odds r times too high, and is to be
flagged from odds r times those of the threshold that costs imply.

Letters: N rows, K classes of n_k rows and weight w_k each, T yes/no labels.
"""

import reprlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outweigh import _operating, _shapes
from outweigh._costs import Cost, CostMatrix
from outweigh._counts import counts_in, counts_of
from outweigh._errors import SplitError, UsageError
from outweigh._outputs import told
from outweigh._row_weights import checked, rules_of_labels
from outweigh._targets import Kind, OneHot, read_target
from outweigh._weights import LEAST, MOST, check_number, class_weight

class_weight_of = class_weight  # where an argument has its name

Float = NDArray[np.float64]

UNROUND = 0.01
"""By how much the sum of a row may differ from 1: float16 has three digits."""

SLACK = 1e-5
"""By how much float32's rounding may take a probability beyond 1."""


def initial_bias(y: Any, class_weight: Any = None, *, kind: Kind | None = None) -> float | Float:
    r"""Give the bias with which an untrained network says how frequent each class is.

    A last layer with zero kernel and this bias predicts the base rate, under class weights the
    weighted one. So training need not begin by learning it.

    Parameters
    ----------
    y : array-like; or collections.Counter, or a tuple of T of them
        The target, or its counts as `count_classes` gives them.
    class_weight : {"balanced", "sqrt", "none"}, rule, float or dict, optional
        The weights under which the network is going to be trained.
    kind : Labels, OneHot or YesNo, optional
        What numbers of `y` mean; without it, (N,) or (N, 1) holds one label per row.

    Returns
    -------
    bias : float or float64 array
        For ``bias_initializer=keras.initializers.Constant(bias)``. Of two classes the log odds of
        the second sorted label, for a layer of one unit. Of more, and of `OneHot`, the (K,) log
        shares in the order of the sorted labels, whose softmax they are, not centred. Of `YesNo`
        the (T,) log odds of yes.

    Raises
    ------
    UsageError, TableError, SplitError
        As `class_weight` does; and when a class has no row, since its bias would be −∞.

    Notes
    -----
    .. math:: b = \log \frac{w_1 n_1}{w_0 n_0}, \qquad b_k = \log \frac{w_k n_k}{\sum_j w_j n_j}

    Examples
    --------
    >>> round(initial_bias([0] * 90 + [1] * 10), 4)
    -2.1972
    >>> initial_bias([0] * 90 + [1] * 10, "balanced")
    0.0
    >>> np.exp(initial_bias(["a", "a", "b", "c"]))
    array([0.5 , 0.25, 0.25])
    """
    counts, labels = y, None
    if not isinstance(y, Counter) and not _is_counts(y):
        coded = read_target(y, kind, "y")
        counts, labels = counts_in(coded, "y"), coded.labels
    if isinstance(counts, tuple):
        rules = rules_of_labels(class_weight, len(counts))
        for t, rule in enumerate(rules):
            if isinstance(rule, Mapping):
                told(f"label {t} of y", lambda rule, _: checked(rule, (0, 1)), rule)
        pairs = enumerate(zip(counts, rules, strict=True))
        return np.array(
            [told(f"label {t} of y", _log_odds, own, rule=rule) for t, (own, rule) in pairs]
        )
    if not isinstance(kind, OneHot):
        return (
            _log_odds(counts, "y", class_weight)
            if len(counts) == 2
            else _log_shares(counts, class_weight)
        )
    places = list(range(len(labels or counts)))
    if sorted(counts) != places:
        raise SplitError(
            f"every class must have rows, its bias would be −∞ otherwise; of {len(places)} one-hot "
            f"places those with rows are {reprlib.repr(sorted(counts))}: leave the others out"
        )
    return _log_shares(counts, class_weight)


def undo(probability: ArrayLike, class_weight: Any) -> Float:
    r"""Take class weights back out of probabilities.

    Parameters
    ----------
    probability : (..., K), or (..., 1) of two classes
        What a network trained under the weights says: a probability for each class, in the order
        of the sorted labels, or that of the second class alone, as a sigmoid of one unit gives it.
    class_weight : dict of label → weight, or (..., K) array
        As `class_weight` gives it; or positive numbers, broadcast against `probability`.

    Returns
    -------
    probability : (..., K) or (..., 1) float64
        As it came: each row sums to 1, or is the second class alone; a 0 or 1 stays exactly that.

    Raises
    ------
    UsageError
        When weights are no positive numbers, or there is not one for each class.

    Notes
    -----
    .. math:: p_k = \frac{p_{w,k} / w_k}{\sum_j p_{w,j} / w_j}

    With two classes this divides the odds by the weight ratio :math:`w_1 / w_0`.

    References
    ----------
    Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001, Theorem 2.

    Examples
    --------
    Nine negatives to each positive; at balanced weights "even odds" means a probability of 0.1:

    >>> undo([0.5, 0.5], class_weight=[1, 9])
    array([0.9, 0.1])
    >>> undo([[0.5], [0.9]], {0: 1, 1: 9})
    array([[0.1],
           [0.5]])
    """
    w = _weights(class_weight)
    said = _checked(probability, w.shape[-1])
    alone = said.shape[-1] == 1
    p = np.concatenate([1 - said, said], axis=-1) if alone else said
    try:
        undone = _shapes.undo(p, w)
    except ValueError:
        raise UsageError(
            f"class weights must fit the probabilities; came shape {w.shape} for {said.shape}: "
            "give one for each class"
        ) from None
    return undone[..., 1:] if alone else undone


def threshold(costs: Cost | CostMatrix, class_weight: Any = None) -> float:
    r"""Give the probability from which flagging a case is the cheaper decision.

    Parameters
    ----------
    costs : Cost, or CostMatrix of two classes
    class_weight : dict of label → weight, or (2,) array, optional
        The weights under which the probabilities were learned, if they are not undone: the
        threshold that makes the decisions on them which the plain one makes on undone ones.

    Returns
    -------
    threshold : float
        Flag where the probability of the second class is at least this.

    Raises
    ------
    UsageError
        When there is no such threshold, or the weights are not those of two classes.

    Notes
    -----
    .. math:: t = \frac{c_{10} - c_{00}}{c_{10} - c_{00} + c_{01} - c_{11}}

    with :math:`c_{ij}` the cost of deciding i where j is true. Under weights its odds
    :math:`t / (1 - t)` are multiplied by :math:`w_1 / w_0`.

    References
    ----------
    Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001, equation 2.

    Examples
    --------
    >>> from outweigh import Cost
    >>> threshold(Cost(fn=9, fp=1))
    0.1
    >>> threshold(Cost(fn=9, fp=1), {0: 1, 1: 9})
    0.5
    """
    plain = _operating.threshold(_two_by_two(costs))
    if class_weight is None:
        return plain
    w = _weights(class_weight)
    if w.shape != (2,):
        raise UsageError(
            f"a threshold needs the weights of two classes; came shape {w.shape}: give two"
        )
    flag, passed = plain * w[1], (1 - plain) * w[0]
    return float(flag / (flag + passed))


def _log_odds(counts: Counter[Any], name: str, rule: Any) -> float:
    negative, positive = _masses(counts, rule)
    return float(np.log(positive / negative))


def _log_shares(counts: Counter[Any], rule: Any) -> Float:
    mass = _masses(counts, rule)
    return np.asarray(np.log(mass / mass.sum()))


def _masses(counts: Counter[Any], rule: Any) -> Float:
    """Give the weighted rows (K,) of each class, in the order of the sorted labels."""
    rows = counts_of(counts)
    if isinstance(rule, Mapping) and rows.keys() <= rule.keys():  # it may have more classes
        rule = {label: rule[label] for label in rows}
    weight = class_weight_of(rows, "none" if rule is None else rule)
    return np.array([n * weight[label] for label, n in rows.items()])


def _is_counts(y: Any) -> bool:
    return isinstance(y, tuple) and bool(y) and all(isinstance(part, Counter) for part in y)


def _weights(class_weight: Any) -> Float:
    """Give weights (..., K) as an array, those of a dict in the order of the sorted labels."""
    try:
        if isinstance(class_weight, Mapping):
            for label, weight in class_weight.items():
                check_number(f"the weight of class {reprlib.repr(label)}", weight, LEAST, MOST)
            class_weight = [class_weight[label] for label in sorted(class_weight)]
        weight = np.asarray(class_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(
            "class weights must be a dict of label: weight with labels of one kind, or an array; "
            f"came {reprlib.repr(class_weight)}: outweigh.class_weight gives one from a rule"
        ) from None
    if weight.ndim < 1 or weight.shape[-1] < 2 or not ((weight > 0) & (weight < np.inf)).all():
        raise UsageError(
            "class weights must be positive numbers, one for each of two classes or more; came "
            f"{reprlib.repr(weight.tolist())}: mend them"
        )
    return weight


def _checked(probability: ArrayLike, k: int) -> Float:
    """Give probabilities (..., K), or those (..., 1) of the second of two classes."""
    try:
        said = np.asarray(probability, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(
            f"probabilities must be an array of numbers; came {reprlib.repr(probability)}: mend it"
        ) from None
    alone = said.ndim > 0 and said.shape[-1] == 1 and k == 2
    if said.ndim < 1 or not (alone or said.shape[-1] == k):
        raise UsageError(
            f"probabilities must have a last axis with one for each of {k} classes; came shape "
            f"{said.shape}: of two classes p.reshape(-1, 1) will do for the second alone"
        )
    beyond = (said < 0) | (said > 1 + SLACK)
    if beyond.any():
        raise UsageError(
            f"probabilities must lie within 0 and 1; came {said[beyond][0]:g}: are these logits? "
            "Take their sigmoid or softmax first"
        )
    total = said.sum(axis=-1)
    if not alone and (off := np.abs(total - 1) > UNROUND).any():
        raise UsageError(
            f"the probabilities of a row must sum to 1; came a sum of {total[off].flat[0]:g}: "
            "p.reshape(-1, 1) if each of them is a case's sigmoid"
        )
    return said


def _two_by_two(costs: Any) -> Float:
    """Give the costs (2, 2) of two decisions on two classes."""
    if not isinstance(costs, Cost | CostMatrix):
        raise UsageError(
            "one threshold for all cases follows from Cost or from a CostMatrix of two classes; "
            f"came {reprlib.repr(costs)}: a RowCost has one for each row, fp / (fp + amount)"
        )
    if costs.matrix.shape != (2, 2):
        why = "of a referral has two" if costs.refer is not None else "of more than two has none"
        raise UsageError(
            f"a threshold is for two decisions on two classes; costs {why}: decide for least "
            "expected cost, (p @ costs.matrix).argmin(axis=-1)"
        )
    return np.asarray(costs.matrix)
