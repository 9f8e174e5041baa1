"""Counts: how many rows of each class a target has.

A label is a truth value, a whole number or a text. N rows in all, n in a batch.
"""

import itertools
import math
import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outweigh._errors import TableError, UsageError

KINDS = {bool: "truth values", int: "numbers", float: "numbers", str: "text"}


def count_classes(batches: Iterable[Any]) -> Counter[Any]:
    """Count the rows of each class in a target that need not fit in memory.

    Parameters
    ----------
    batches : iterable of (n,) array-likes or series
        The labels, some rows at a time; one batch is held at a time.

    Returns
    -------
    counts : collections.Counter of label → rows
        In the order of the sorted labels, plain Python values; `class_weight` takes it in place
        of the labels.

    Raises
    ------
    UsageError
        When a batch is not one label per row.
    TableError
        When labels are missing or of several kinds.

    Examples
    --------
    >>> counts = count_classes(labels for labels in ([0, 0, 1], [0, 1, 0]))
    >>> counts
    Counter({0: 4, 1: 2})
    """
    one = hasattr(batches, "shape") or isinstance(batches, str | bytes | Mapping)
    if one or not isinstance(batches, Iterable):
        raise UsageError(
            "batches must be an iterable of arrays, each of one label per row; came one "
            f"{type(batches).__name__}: pass [y] to count a whole target"
        )
    total: Counter[Any] = Counter()
    kinds: set[str] = set()
    names = (f"batch {number}" for number in itertools.count(1))
    counted = map(_count, batches, names)  # holds on to no batch, as a loop over them would
    for number, counts in enumerate(counted, 1):
        kinds |= {KINDS[type(label)] for label in counts}
        _check_kinds(kinds, f"batch {number}")
        total.update(counts)
    return _sorted(total)


def counts_of(y: Any) -> Counter[Any]:
    """Count the rows of each class in a whole target, or check its counts.

    Parameters
    ----------
    y : (N,) array-like or series, or collections.Counter of label → rows
    """
    counts = _checked(y) if isinstance(y, Counter) else _count(y, "y")
    _check_kinds({KINDS[type(label)] for label in counts}, "y")
    if len(counts) < 2:
        held = f"is always {reprlib.repr(next(iter(counts)))}" if counts else "has no rows"
        raise TableError(f"y must hold two classes or more; it {held}: pass the whole target")
    return _sorted(counts)


def _sorted(counts: Counter[Any]) -> Counter[Any]:
    return Counter(dict(sorted(counts.items())))


def _count(y: Any, name: str) -> Counter[Any]:
    """Count labels, each as a plain Python value."""
    try:
        # from_pandas: NaN and pandas's NA are null. Arrow mixes no kinds, which NumPy would hide.
        column = pa.array(_one_dimensional(y, name), from_pandas=True)
        counted = column.value_counts().to_pylist()
    except (pa.ArrowException, TypeError, OverflowError, UnicodeEncodeError) as error:
        reason = " ".join(str(error).split())
        raise TableError(
            f"labels must be of one plain kind; {name} is not: {reason}: mend it"
        ) from None
    counts: Counter[Any] = Counter()
    for pair in counted:
        counts[_plain(pair["values"])] += pair["counts"]  # 0.0 and −0.0 are one label
    _check_labels(counts, name)
    return counts


def _checked(given: Counter[Any]) -> Counter[Any]:
    """Check counts that were not counted here."""
    for label, rows in given.items():
        if not isinstance(rows, Integral) or isinstance(rows, bool) or rows < 1:
            raise UsageError(
                f"a count must be a whole number from 1; class {reprlib.repr(label)} has "
                f"{reprlib.repr(rows)}: leave absent classes out"
            )
    counts: Counter[Any] = Counter()
    for label, rows in given.items():
        counts[_plain(label)] += int(rows)
    _check_labels(counts, "y")
    return counts


def _one_dimensional(y: Any, name: str) -> NDArray[Any]:
    try:
        if isinstance(y, list | tuple):
            labels = np.array(y, dtype=object)
        else:
            labels = y if isinstance(y, np.ma.MaskedArray) else np.asarray(y)
    except ValueError:
        raise UsageError(f"{name} must hold one label per row; its rows differ in length") from None
    if labels.ndim != 1:
        raise UsageError(
            f"{name} must hold one label per row; came {type(y).__name__} of shape "
            f"{labels.shape}: use y.ravel() for a single column, y.argmax(axis=1) for one-hot rows"
        )
    return labels.astype(labels.dtype.newbyteorder("="), copy=False)


def _plain(label: Any) -> Any:
    """Give a label as a plain Python value, None for a missing one."""
    label = label.item() if isinstance(label, np.generic) else label
    return None if label == "" or label != label else label  # NaN is the one unlike itself


def _check_labels(counts: Counter[Any], name: str) -> None:
    if missing := counts[None]:
        raise TableError(
            f"every row must have a label; {missing} of {counts.total()} in {name} are missing: "
            "fill them, or drop these rows"
        )
    for label in counts:
        if type(label) not in KINDS or label in (math.inf, -math.inf):
            raise TableError(
                "labels must be truth values, finite numbers or text; "
                f"{name} has {reprlib.repr(label)}: encode it"
            )
        if isinstance(label, float) and not label.is_integer():
            raise TableError(
                f"numbers that are labels must be whole, Keras would round them; {name} has "
                f"{label}: encode the classes, or is this a regression target?"
            )


def _check_kinds(kinds: set[str], name: str) -> None:
    if len(kinds) > 1:
        raise TableError(
            f"labels must be of one plain kind; up to {name} they are "
            f"{' and '.join(sorted(kinds))}: mend it"
        )
