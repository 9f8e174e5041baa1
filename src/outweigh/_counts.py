"""Counts: how many rows of each class a target has.

A label is a truth value, a whole number or a text. N rows in all, n in a batch, T yes/no labels.
"""

import itertools
import math
import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from outweigh._errors import TableError, UsageError
from outweigh._targets import Coded, Kind, Labels, OneHot, YesNo, as_array, plain, read_target

KINDS = {bool: "truth values", int: "numbers", float: "numbers", str: "text"}

Counts = Counter[Any] | tuple[Counter[Any], ...]
"""Of the classes of a target, or of each of its yes/no labels."""


@overload
def count_classes(
    batches: Iterable[Any], *, kind: Labels | OneHot | None = None
) -> Counter[Any]: ...
@overload
def count_classes(batches: Iterable[Any], *, kind: YesNo) -> tuple[Counter[Any], ...]: ...
def count_classes(batches: Iterable[Any], *, kind: Kind | None = None) -> Counts:
    """Count the rows of each class in a target that need not fit in memory.

    Parameters
    ----------
    batches : iterable of array-likes or series
        The targets, some rows at a time; one batch is held at a time.
    kind : Labels, OneHot or YesNo, optional
        What their numbers mean; without it, a batch (n,) or (n, 1) holds one label per row.

    Returns
    -------
    counts : collections.Counter of label → rows
        In the order of the sorted labels, plain Python values; `class_weight` takes it in place
        of the labels. Of `YesNo` a tuple of T, one for each label, for `class_weights`. All
        elements are counted, be they rows, pixels or steps, but for those that count for nothing.

    Raises
    ------
    UsageError
        When a batch is not one label per row, and nothing else was said.
    TableError
        When labels are missing or of several kinds, or are not what was said.

    Examples
    --------
    >>> counts = count_classes(labels for labels in ([0, 0, 1], [0, 1, 0]))
    >>> counts
    Counter({0: 4, 1: 2})

    A data set of pairs:

    >>> data = [("x", [[1, 0], [1, 0]]), ("x", [[0, 1], [1, 0]])]
    >>> count_classes((y for x, y in data), kind=OneHot())
    Counter({0: 3, 1: 1})
    """
    one = hasattr(batches, "shape") or isinstance(batches, str | bytes | Mapping)
    if one or not isinstance(batches, Iterable):
        raise UsageError(
            "batches must be an iterable of arrays, each of one label per row; came one "
            f"{type(batches).__name__}: pass [y] to count a whole target"
        )
    total: Counts = Counter()
    # map holds on to no batch, as a loop over them would
    counted = map(_batch_counts, batches, itertools.repeat(kind), itertools.count(1))
    for number, counts in enumerate(counted, 1):
        total = added(total, counts, f"batch {number}") if number > 1 else counts
    return total


def added(total: Any, more: Any, name: str) -> Any:
    """Add the counts of one more batch."""
    if isinstance(total, tuple):
        if len(total) != len(more):
            raise UsageError(
                f"batches must have the same yes/no labels; {name} has {len(more)}, those before "
                f"it {len(total)}: mend it"
            )
        return tuple(_sum(a, b, name) for a, b in zip(total, more, strict=True))
    return _sum(total, more, name)


def counts_in(coded: Coded, name: str) -> Counts:
    """Count the classes of a target that is read."""
    if coded.axis is None:
        return _counts(coded.code, coded.labels, name)
    places = np.moveaxis(coded.code, coded.axis, 0)
    return tuple(
        _counts(code, coded.labels, f"label {t} of {name}") for t, code in enumerate(places)
    )


def counts_of(y: Any) -> Counter[Any]:
    """Count the rows of each class in a whole target, or check its counts.

    Parameters
    ----------
    y : (N,) array-like or series, or collections.Counter of label → rows
    """
    counts = _checked(y) if isinstance(y, Counter) else _row_counts(y)
    _check_kinds({KINDS[type(label)] for label in counts}, "y")
    if len(counts) < 2:
        held = f"is always {reprlib.repr(next(iter(counts)))}" if counts else "has no rows"
        raise TableError(f"y must hold two classes or more; it {held}: pass the whole target")
    return _sorted(counts)


def _sorted(counts: Counter[Any]) -> Counter[Any]:
    return Counter(dict(sorted(counts.items())))


def _batch_counts(batch: Any, kind: Kind | None, number: int) -> Counts:
    name = f"batch {number}"
    if kind is None and as_array(batch, name).ndim == 0:
        raise UsageError(_not_rows(batch, (), name))
    return counts_in(read_target(batch, kind, name), name)


def _row_counts(y: Any) -> Counter[Any]:
    """Count the labels of rows (N,)."""
    array = as_array(y, "y")
    if array.ndim != 1:
        raise UsageError(_not_rows(y, array.shape, "y"))
    coded = Labels().read(array, "y")
    return _counts(coded.code, coded.labels, "y")


def _not_rows(y: Any, shape: tuple[int, ...], name: str) -> str:
    return (
        f"{name} must hold one label per row; came {type(y).__name__} of shape {shape}: use "
        "y.ravel() for a single column, y.argmax(axis=1) for one-hot rows"
    )


def _counts(code: NDArray[Any], labels: Sequence[Any], name: str) -> Counter[Any]:
    """Count labels, each as a plain Python value."""
    rows = np.bincount(code.ravel() + 1, minlength=len(labels) + 1)[1:]
    counts: Counter[Any] = Counter()
    for label, n in zip(labels, rows.tolist(), strict=True):
        if n:
            counts[label] += n  # 0.0 and −0.0 are one label
    _check_labels(counts, name)
    return _sorted(counts)


def _sum(total: Counter[Any], more: Counter[Any], name: str) -> Counter[Any]:
    counts = total + more
    _check_kinds({KINDS[type(label)] for label in [*total, *more]}, name)
    return _sorted(counts)


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
        counts[plain(label)] += int(rows)
    _check_labels(counts, "y")
    return counts


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
