"""Folds as scikit-learn's splitters make them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

from outweigh._classes import absent_classes, n_classes
from outweigh._errors import SplitError, UsageError
from outweigh._split import Fold, Rows


def folds_of(cv: Any, y: Rows, *, group: Rows | None = None) -> tuple[Fold, ...]:
    """Give the folds of a splitter.

    Parameters
    ----------
    cv : splitter, or iterable of (training, held-out) pairs of arrays of row numbers
    y : (N,) int64
        Class codes.
    group : (N,) int64, optional
        What the splitter is given as groups.

    Returns
    -------
    folds : tuple of Fold
        A fold that holds out a row a second time begins another repetition.

    Raises
    ------
    UsageError
        When it is no splitter, or a repetition has one fold only: what is judged on a fold is
        chosen on the others.
    SplitError
        When a fold cannot train or judge.

    Examples
    --------
    >>> from sklearn.model_selection import RepeatedKFold
    >>> y = np.array([0, 1] * 4)
    >>> [fold.repeat for fold in folds_of(RepeatedKFold(n_splits=2, n_repeats=2), y)]
    [0, 0, 1, 1]
    """
    if isinstance(cv, str) or not (hasattr(cv, "split") or isinstance(cv, Iterable)):
        raise UsageError(
            f"cv must be a number of folds, a splitter or pairs of row numbers; came {cv!r}: 5 is "
            "usual"
        )
    splitter = check_cv(cv, y, classifier=True)
    rows = np.zeros((len(y), 1))
    folds: list[Fold] = []
    repeat, seen = 0, np.zeros(len(y), dtype=bool)
    for number, pair in enumerate(splitter.split(rows, y, group)):
        training, held_out = (np.unique(np.asarray(part, dtype=np.int64)) for part in pair)
        _check(y, training, held_out, number)
        if seen[held_out].any():
            repeat, seen = repeat + 1, np.zeros(len(y), dtype=bool)
        seen[held_out] = True
        folds.append(Fold(training, held_out, repeat))
    alone = np.bincount([fold.repeat for fold in folds], minlength=1).min() < 2
    if alone:
        raise UsageError(
            "cv must hold out other rows in each of two folds or more, for what is judged on one "
            f"is chosen on the others; {type(cv).__name__} does not: StratifiedKFold does"
        )
    return tuple(folds)


def _check(y: Rows, training: Rows, held_out: Rows, number: int) -> None:
    """Raise where a fold cannot train or judge."""
    for part in (training, held_out):
        if len(part) and not (part[0] >= 0 and part[-1] < len(y)):
            raise SplitError(
                f"rows of a fold must be numbers from 0 to {len(y) - 1}; fold {number} of cv has "
                f"{part[0]} to {part[-1]}: number the rows of X"
            )
    if twice := len(np.intersect1d(training, held_out)):
        raise SplitError(
            f"no row may train and judge at once; {twice} of fold {number} of cv do: divide them"
        )
    if not len(held_out):
        raise SplitError(
            f"each fold must hold out a row; fold {number} of cv has none: divide anew"
        )
    present = np.bincount(y[training], minlength=n_classes(y))
    if (present == 0).any():
        raise SplitError(
            f"the training rows of a fold must hold rows of each class; fold {number} of cv has "
            f"{absent_classes(y, training, every=True)}: use StratifiedKFold"
        )
