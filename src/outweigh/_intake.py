"""Intake: what scikit-learn hands over becomes a table.

Whatever is checked in the same way for every classifier of scikit-learn is checked by its own
public functions, in its own words: what kind of array came, whether features are the same as at
fit. The rest is checked where every table is.

Letters: n rows, d columns, K classes.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.utils import (
    assert_all_finite,
    check_consistent_length,
    check_random_state,
    column_or_1d,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from outweigh._classes import absent_classes
from outweigh._columns import Columns
from outweigh._errors import DataError, TableError, UsageError
from outweigh._frames import as_arrow, frame_columns, is_frame, renamed
from outweigh._reading import one_line
from outweigh._rows import rows_from
from outweigh._table import Table, from_arrays

LARGEST_SEED = 2**31

OWN_NAMES = {"folds": "cv", "seed": "random_state", "row_weight": "sample_weight", "use": "refit"}
"""What options and arguments are called here."""

Fit = TypeVar("Fit", bound=Callable[..., Any])


def taken(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    row_weight: Any = None,
    positive: Any = None,
    rarer: bool = False,
    group: Any = None,
) -> tuple[Table, NDArray[Any]]:
    """Take what an estimator is to be fitted on as a table, and note its features.

    Parameters
    ----------
    estimator : estimator
        ``n_features_in_`` and ``feature_names_in_`` are set.
    X : frame or array, shape (n, d)
        An array of objects is one of numbers where it can be.
    y : array-like, shape (n,)
    row_weight : array-like, shape (n,), optional
    positive : label, optional
        Of two classes the second unless given.
    rarer : bool
        Whether, unless it is given, the first one is positive where it is the rarer.
    group : array-like, shape (n,), optional

    Returns
    -------
    table : Table
    classes : (K,) array
        The labels, sorted, of the kind that came; those of the table are plain Python values.
    """
    columns = _admitted(estimator, X, reset=True)
    if y is None:
        name = type(estimator).__name__
        raise UsageError(f"{name} requires y to be passed, but the target y is None")
    y = column_or_1d(y, warn=True)
    _check_labels(y)
    check_classification_targets(y)
    assert_all_finite(y, input_name="y")
    check_consistent_length(columns, y)
    classes, codes = np.unique(y, return_inverse=True)
    labels = classes.tolist()
    if len(labels) < 2:
        raise TableError(
            f"y must hold two classes or more; came {len(labels)} class, {labels}: pass rows of "
            "each"
        )
    table = from_arrays(
        columns,
        np.array(labels, dtype=object)[codes].tolist(),
        positive=labels[1] if positive is None and len(labels) == 2 else positive,
        row_weight=row_weight,
        group=group,
    )
    flips = rarer and positive is None and _first_is_rarer(table)
    return _flipped(table) if flips else table, classes


def weighted(table: Table) -> tuple[Table, NDArray[np.int64]]:
    """Scale row weights to mean 1; give the numbers of the rows that are left, too.

    A row of weight 0 is no row at all, and equal weights are no weights.
    """
    rows = np.arange(len(table.y))
    if table.row_weight is None:
        return table, rows
    rows = np.flatnonzero(table.row_weight)
    if absent := absent_classes(table.y, rows, every=True):
        raise TableError(
            f"each class must have rows that weigh something; there are {absent}: leave that class "
            "out, or give its rows a weight"
        )
    weight = table.row_weight[rows]
    scaled = None if np.ptp(weight) == 0 else weight / weight.mean()
    return replace(table.take(rows), row_weight=scaled), rows


def new_columns(estimator: Any, X: Any) -> Columns:
    """Bring rows to predict to the columns that a fitted estimator learned from.

    Where those had no names, columns go by their places, as everywhere in scikit-learn.
    """
    schema = estimator.model_.features.schema
    rows = _admitted(estimator, X, reset=False)
    if is_frame(rows) and not hasattr(estimator, "feature_names_in_"):
        columns = renamed(frame_columns(rows, "X"), [name for name, _ in schema])
        rows = pa.table({name: as_arrow(column, name) for name, column in columns.items()})
    return rows_from(rows, schema).columns


def seed_of(random_state: Any) -> int:
    """Give the seed that a ``random_state`` means: a whole number is itself, others draw one."""
    if isinstance(random_state, int | np.integer):
        if not 0 <= random_state < LARGEST_SEED:
            raise UsageError(
                f"random_state must be from 0 to {LARGEST_SEED - 1}; came {random_state}: 0 will do"
            )
        return int(random_state)
    return int(check_random_state(random_state).randint(LARGEST_SEED))


def in_own_words(fit: Fit) -> Fit:
    """Tell errors of a fit in the names that scikit-learn's users know, not the command line's."""

    @wraps(fit)
    def told(*args: Any, **kwargs: Any) -> Any:
        try:
            return fit(*args, **kwargs)
        except (UsageError, DataError) as error:
            said = re.sub(r"--([a-z-]+)|row_weight", _own_name, str(error))
            raise type(error)(said) from error.__cause__

    return told  # type: ignore[return-value]  # the same signature


def _own_name(name: re.Match[str]) -> str:
    text = name[1] or name[0]
    return OWN_NAMES.get(text, text.replace("-", "_"))


def _first_is_rarer(table: Table) -> bool:
    """Tell whether the first of two classes is the rarer, among rows that weigh something."""
    there = slice(None) if table.row_weight is None else table.row_weight > 0
    first, second, *more = np.bincount(table.y[there], minlength=2)
    return not more and bool(first < second)


def _flipped(table: Table) -> Table:
    """Make the first of two classes the positive one."""
    return replace(table, classes=table.classes[::-1], y=1 - table.y)


def _check_labels(y: NDArray[Any]) -> None:
    """Raise where labels are missing or of several kinds; scikit-learn finds NaN alone."""
    if y.dtype.kind != "O":
        return
    try:
        missing = pa.array(y, from_pandas=True).null_count
    except pa.ArrowException as error:
        raise TableError(
            f"y must hold labels of one kind; arrow says: {one_line(error)}: convert them"
        ) from None
    if missing:
        raise TableError(
            f"y must hold a label for each row; {missing} are missing: leave those rows out"
        )


def _admitted(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Check what scikit-learn checks; a frame comes back as it is, all else as an array."""
    if is_frame(X):
        validate_data(estimator, X, skip_check_array=True, reset=reset)
        return X
    array = validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")
    if array.dtype.kind != "O":
        return array
    try:
        return array.astype(np.float64)
    except ValueError:  # text among numbers: each column is what its values are
        return array
