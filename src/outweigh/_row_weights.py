"""Row weights: the weight of each row, step or pixel of a target, as `sample_weight` takes it.

Keras's own ``class_weight`` serves one output with one label per row, and takes other targets for
something else in silence. Weights per element serve every loss, output and kind of data.

Letters: N rows, K classes, T yes/no labels.
"""

import reprlib
from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outweigh._counts import KINDS, counts_in
from outweigh._errors import UsageError
from outweigh._outputs import each, each_output, told
from outweigh._reading import quoted
from outweigh._targets import Coded, as_array, plain, read_target
from outweigh._weights import Fixed, class_weight, not_a_class

class_weight_of = class_weight  # where an argument has its name


def row_weight(
    y: Any, class_weight: Any = "balanced", *, kind: Any = None, mask: Any = None
) -> Any:
    """Give each element of a target its weight, for Keras's ``sample_weight`` or any loss.

    Parameters
    ----------
    y : array-like, tensor or frame; or a dict, list or tuple of arrays
        The target of one output, or of several by name or place.
    class_weight : {"balanced", "sqrt", "none"}, rule, float or dict
        As `outweigh.class_weight` takes it. Rules count the elements of this `y`: for a batch, pass
        the dict that they gave for all data. A dict is used as it is; it must have each class of
        `y`, and may have more, since a batch may lack the rare one. Of `YesNo` a dict
        ``{0: ..., 1: ...}`` for all labels, or a list or dict of T of them. None is for targets
        that have no classes: weight 1. Of several outputs one for all, or one by name or place.
    kind : Labels, OneHot or YesNo, optional
        What numbers of `y` mean; without it, (N,) or (N, 1) holds one label per row. Of several
        outputs one for all, or one by name or place.
    mask : array of bool, optional
        False where an element counts nothing and weighs 0, in the shape of the weights or in that
        of their leading axes. Of several outputs likewise.

    Returns
    -------
    row_weight : float32 array, structured as `y` is
        In the shape of `y`, for `OneHot` without the last axis. Under a rule, elements that count
        weigh 1 on average.

    Raises
    ------
    UsageError
        When the rule makes no sense for these labels, a class has no weight, or numbers of `y`
        could mean several things.
    TableError
        When `y` is not what was said, labels are missing, or there is one class only.

    Notes
    -----
    Keras's own losses are averages over the last axis. So targets of binary outputs are to be
    (N, S, 1) or (N, H, W, 1), as outputs are, not (N, S): weights per step fit losses per step.

    Examples
    --------
    >>> row_weight([0, 0, 0, 1])
    array([0.6666667, 0.6666667, 0.6666667, 2.       ], dtype=float32)
    >>> row_weight([1, 0], {0: 1, 1: 20})
    array([20.,  1.], dtype=float32)

    A network with two outputs, one of them a regression:

    >>> row_weight({"churn": [0, 1], "value": [9.5, 8.0]}, {"churn": {0: 1, 1: 5}, "value": None})
    {'churn': array([1., 5.], dtype=float32), 'value': array([1., 1.], dtype=float32)}
    """
    return each_output(_one_output, y, class_weight=class_weight, kind=kind, mask=mask)


def settled_row_weight(y: Any, class_weight: Any, kind: Any) -> Any:
    """Give weights of a batch; raise where they would be those of a rule on this batch alone."""
    return each_output(_one_settled, y, class_weight=class_weight, kind=kind)


def settled(class_weight: Any, counts: Any) -> Any:
    """Turn a rule into weights once, so that it is the same for every batch.

    Parameters
    ----------
    class_weight
        As `row_weight` takes it.
    counts : Counter or tuple of T Counters; or a dict or list of these, one for each output
    """
    several = isinstance(counts, list) or _is_dict(counts)
    if several:
        return each(_settled_one, counts, {"class_weight": class_weight})
    return _settled_one(counts, "y", class_weight)


def asks(class_weight: Any) -> bool:
    """Whether any part of what is wanted needs counts: all but dicts of weights, and None.

    A dict of numbers alone has weights by label; beside anything else, a number is a ratio.
    """
    if isinstance(class_weight, Mapping):
        parts = class_weight.values()
        return not all(isinstance(part, Real) for part in parts) and any(map(asks, parts))
    if isinstance(class_weight, list | tuple):
        return any(map(asks, class_weight))
    return class_weight is not None


def rules_of_labels(rule: Any, n_labels: int) -> list[Any]:
    """Give each of T yes/no labels its rule."""
    if isinstance(rule, Mapping) and rule and all(map(_is_dict, rule.values())):
        if set(rule) != set(range(n_labels)):
            raise UsageError(
                f"yes/no labels are the numbers from 0 to {n_labels - 1}; the weights are for "
                f"{quoted(list(rule))}: give a dict for each"
            )
        return [rule[t] for t in range(n_labels)]
    if not isinstance(rule, list | tuple):
        return [rule] * n_labels
    if len(rule) != n_labels:
        raise UsageError(
            f"each of {n_labels} yes/no labels must have its weights; came {len(rule)}: mend it"
        )
    return list(rule)


def checked(rule: Any, possible: Sequence[Any] | None = None) -> dict[Any, float]:
    """Check weights by label, and that no label is impossible."""
    if not isinstance(rule, Mapping):
        raise UsageError(
            f"weights must be a dict of label: weight; came {reprlib.repr(rule)}: a list is for "
            "kind=YesNo(), or for several outputs"
        )
    Fixed(tuple(rule.items()))
    for label in rule:
        if possible is not None and label not in possible:
            raise UsageError(not_a_class(label, possible))
    return dict(rule)


def _one_output(y: Any, name: str, class_weight: Any, kind: Any, mask: Any = None) -> NDArray[Any]:
    """Give the weights of one output's target."""
    if class_weight is None:
        return _ones(y, name)
    coded = read_target(y, kind, name, mask)
    counts = counts_in(coded, name)
    if isinstance(counts, Counter):
        return np.asarray(_table(counts, name, class_weight, coded)[coded.code])
    rules = rules_of_labels(class_weight, len(counts))
    tables = [
        told(f"label {t} of {name}", _table, own, class_weight=rule, coded=coded)
        for t, (own, rule) in enumerate(zip(counts, rules, strict=True))
    ]
    assert coded.axis is not None
    code = np.moveaxis(coded.code, coded.axis, -1)
    weight = np.array(tables)[np.arange(len(tables)), code]
    return np.asarray(np.moveaxis(weight, -1, coded.axis))


def _table(counts: Counter[Any], name: str, class_weight: Any, coded: Coded) -> NDArray[np.float32]:
    """Give the weight of each code; the last one, at −1, is that of what counts for nothing."""
    possible = coded.labels if coded.complete else None
    weights = _weights(class_weight, counts, possible)
    return np.array([*(weights.get(label, 0) for label in coded.labels), 0], np.float32)


def _weights(
    rule: Any, counts: Counter[Any], possible: Sequence[Any] | None
) -> Mapping[Any, float]:
    """Give each label its weight; raise where one that came has none."""
    if not isinstance(rule, Mapping):
        return class_weight_of(counts, rule)
    checked(rule, possible)
    kinds = {KINDS[type(label)] for label in counts}
    for label in rule:  # one that did not come may come in another batch, if it is of their kind
        if kinds and KINDS.get(type(plain(label))) not in kinds and label not in counts:
            raise UsageError(not_a_class(label, list(counts)))
    present = {label: weight for label, weight in rule.items() if label in counts}
    Fixed(tuple(present.items())).weights(list(counts.values()), list(counts))
    return rule


def _one_settled(y: Any, name: str, class_weight: Any, kind: Any) -> NDArray[Any]:
    if asks(class_weight):
        raise UsageError(
            f"the weights of {name} must be known before its first batch, a rule needs counts; "
            f"came {reprlib.repr(class_weight)}: pass counts=, or the weights as a dict"
        )
    return _one_output(y, name, class_weight, kind)


def _settled_one(counts: Any, name: str, class_weight: Any) -> Any:
    if not asks(class_weight):
        return class_weight
    if isinstance(counts, tuple):
        rules = rules_of_labels(class_weight, len(counts))
        return [
            told(f"label {t} of {name}", _settled_one, own, class_weight=rule)
            for t, (own, rule) in enumerate(zip(counts, rules, strict=True))
        ]
    return class_weight_of(counts, class_weight)


def _ones(y: Any, name: str) -> NDArray[np.float32]:
    shape = as_array(y, name).shape
    return np.ones(shape[:-1] if len(shape) > 1 else shape, np.float32)


def _is_dict(value: Any) -> bool:
    return isinstance(value, Mapping) and not isinstance(value, Counter)
