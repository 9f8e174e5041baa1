"""Classes: how many rows of each there are, which are absent, and what to call them.

N rows, K classes; ``y`` (N,) holds class codes 0 … K − 1.
"""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def n_classes(y: Integers) -> int:
    """Give K.

    Examples
    --------
    >>> n_classes(np.array([0, 2, 1, 0]))
    3
    """
    return int(y.max()) + 1


def class_counts(y: Integers, rows: Integers) -> Integers:
    """Count some rows of each class, (K,), the absent ones too.

    Examples
    --------
    >>> class_counts(np.array([0, 2, 1, 0]), rows=np.array([0, 1, 3]))
    array([2, 0, 1])
    """
    return np.bincount(y[rows], minlength=n_classes(y))


def name_rows(k: int, n_classes: int) -> str:
    """Call the rows of class k by a name.

    Examples
    --------
    >>> name_rows(1, 2), name_rows(1, 3)
    ('positives', 'rows of class code 1')
    """
    return ("negatives", "positives")[k] if n_classes == 2 else f"rows of class code {k}"


def absent_classes(y: Integers, rows: Integers, *, every: bool = False) -> str:
    """Say what some rows lack to judge by: a class of two, or a second one of more.

    Parameters
    ----------
    y : (N,) int64
    rows : (n,) int64
    every : bool
        Whether each class must be there, of more than two as well: to learn from, it must.

    Returns
    -------
    str
        Empty when nothing is missing.

    Examples
    --------
    >>> y = np.array([0, 2, 1, 0])
    >>> absent_classes(y, np.array([0, 2])), absent_classes(y, np.array([0, 2]), every=True)
    ('', 'no rows of class code 2')
    """
    counts = class_counts(y, rows)
    if every or len(counts) == 2:
        return "" if counts.all() else f"no {name_rows(int(counts.argmin()), len(counts))}"
    return "" if (counts > 0).sum() > 1 else "rows of fewer than two classes"
