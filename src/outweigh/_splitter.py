"""Folds as scikit-learn's splitters make them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

from outweigh._classes import absent_classes, n_classes
from outweigh._errors import SplitError, UsageError
from outweigh._split import Fold, Rows


def folds_of(
    cv: Any,
    y: Rows,
    *,
    shown: tuple[Any, Any] | None = None,
    group: Any = None,
    kept: Rows | None = None,
) -> tuple[Fold, ...]:
    """Give the folds of a splitter.

    Parameters
    ----------
    cv : splitter, or iterable of (training, held-out) pairs of arrays of row numbers
    y : (N,) int64
        Class codes.
    shown : (X, y), optional
        What the splitter is shown, N rows; class codes alone unless given.
    group : (N,) array, optional
        Groups, which the splitter is given and must keep whole.
    kept : (n,) int64, optional
        The rows that are left: folds are of these, by their places among them.

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
        When a fold cannot train or judge, or tears a group.

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
    kept = np.arange(len(y)) if kept is None else kept
    X, target = shown or (np.zeros((len(y), 1)), y)
    folds: list[Fold] = []
    repeat, seen = 0, np.zeros(len(kept), dtype=bool)
    for number, pair in enumerate(check_cv(cv, target, classifier=True).split(X, target, group)):
        parts = [np.unique(np.asarray(part, dtype=np.int64)) for part in pair]
        _check_numbers(len(y), parts, number)
        training, held_out = (np.flatnonzero(np.isin(kept, part)) for part in parts)
        _check(y[kept], training, held_out, number)
        _check_groups(None if group is None else group[kept], training, held_out, number)
        if seen[held_out].any():
            repeat, seen = repeat + 1, np.zeros(len(kept), dtype=bool)
        seen[held_out] = True
        folds.append(Fold(training, held_out, repeat))
    if np.bincount([fold.repeat for fold in folds], minlength=1).min() < 2:
        raise UsageError(
            "cv must hold out other rows in each of two folds or more, for what is judged on one "
            f"is chosen on the others; {type(cv).__name__} does not: StratifiedKFold does"
        )
    return tuple(folds)


def _check_numbers(n: int, parts: list[Rows], number: int) -> None:
    """Raise where the rows of a fold are none."""
    for part in parts:
        if len(part) and not (part[0] >= 0 and part[-1] < n):
            raise SplitError(
                f"rows of a fold must be numbers from 0 to {n - 1}; fold {number} of cv has "
                f"{part[0]} to {part[-1]}: number the rows of X"
            )


def _check_groups(group: Any, training: Rows, held_out: Rows, number: int) -> None:
    """Raise where a group is on both sides of a fold."""
    if group is not None and (torn := np.intersect1d(group[training], group[held_out])).size:
        raise SplitError(
            f"rows of one group must be on one side of a fold; {len(torn)} groups of fold {number} "
            "of cv are on both: use StratifiedGroupKFold, or a number of folds"
        )


def _check(y: Rows, training: Rows, held_out: Rows, number: int) -> None:
    """Raise where a fold cannot train or judge."""
    if twice := len(np.intersect1d(training, held_out)):
        raise SplitError(
            f"no row may train and judge at once; {twice} of fold {number} of cv do: divide them"
        )
    if not len(held_out):
        raise SplitError(
            f"each fold must hold out rows that weigh something; fold {number} of cv has none: "
            "divide anew"
        )
    present = np.bincount(y[training], minlength=n_classes(y))
    if (present == 0).any():
        raise SplitError(
            f"the training rows of a fold must hold rows of each class; fold {number} of cv has "
            f"{absent_classes(y, training, every=True)}: use StratifiedKFold"
        )
