"""Which rows train, which judge, and which are never touched before the end.

N rows, K classes, F folds. ``y`` holds class codes 0 … K − 1. Row numbers are sorted.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, train_test_split

from outweigh._errors import SplitError, UsageError

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows that train, and rows that judge what was trained.

    Attributes
    ----------
    training, held_out : (n,) int64
        Row numbers, sorted; no row is in both.
    """

    training: Rows
    held_out: Rows


@dataclass(frozen=True, eq=False)
class Split:
    """The rows of a study.

    Attributes
    ----------
    folds : (F,) tuple of Fold
        Each row that is not a test row is held out once.
    test : (n,) int64
        Rows never used before the end; may be empty.
    """

    folds: tuple[Fold, ...]
    test: Rows


def stratified(y: Rows, *, folds: int = 5, test_size: float = 0.0, seed: int = 0) -> Split:
    """Divide rows so that every part has its share of each class.

    Parameters
    ----------
    y : (N,) int64
        Class codes.
    folds : int
        Two at least.
    test_size : float
        Share of all rows that is set aside as the test part, in [0, 1).
    seed : int
        Drives the shuffling.

    Returns
    -------
    Split

    Raises
    ------
    UsageError
        When `folds` or `test_size` make no sense.
    SplitError
        When a class has too few rows for one in each fold, and in the test part.

    Examples
    --------
    >>> split = stratified(np.array([0, 0, 0, 0, 1, 1, 0, 0, 0]), folds=2, seed=3)
    >>> [fold.held_out for fold in split.folds]
    [array([3, 5, 6, 7, 8]), array([0, 1, 2, 4])]
    """
    if folds < 2:
        raise UsageError(f"--folds must be at least 2; came {folds}")
    if not 0 <= test_size < 1:
        raise UsageError(f"--test-size must be at least 0 and below 1; came {test_size}")
    y = np.asarray(y)
    _require_rows(_counts(y), folds, "")
    rest, test = _test_part(y, test_size, seed)
    _require_rows(_counts(y, rest), folds, " outside the test part")
    shuffled = StratifiedKFold(folds, shuffle=True, random_state=seed)
    parts = shuffled.split(np.zeros(len(rest)), y[rest])
    return Split(tuple(Fold(rest[training], rest[held_out]) for training, held_out in parts), test)


def whole_batches(n: int, *, batch_size: int, share: float = 0.15) -> int:
    """Count the rows for gradient steps: about ``(1 - share) * n``, in whole batches.

    Pass the rows of the smallest training part: one number then serves every fold. With one shape
    for all folds one compiled program serves the study, and no step sees a partial batch.

    Parameters
    ----------
    n : int
        Training rows.
    batch_size : int
    share : float
        Share of the rows meant for validation; at least half of it is left.

    Returns
    -------
    int
        A multiple of `batch_size`.

    Raises
    ------
    UsageError
        When not even one batch fits.

    Examples
    --------
    >>> whole_batches(1000, batch_size=64)
    832
    """
    most = int(n * (1 - share / 2))
    if not 1 <= batch_size <= most:
        raise UsageError(
            f"a batch must fit into the training rows, less some for validation; came --batch-size "
            f"{batch_size} for {n} rows: choose 1 to {most}"
        )
    return batch_size * min(max(1, round((1 - share) * n / batch_size)), most // batch_size)


def validation_share(y: Rows, rows: Rows, *, n_gradient: int, seed: int) -> tuple[Rows, Rows]:
    """Divide training rows into those for gradient steps and those that tell when to stop.

    The number of gradient rows is given, by `whole_batches`, rather than a share: one shape for all
    folds, so that one compiled program serves the study, and no partial batch.

    Parameters
    ----------
    y : (N,) int64
        Class codes of the whole table.
    rows : (n,) int64
        Numbers of the training rows.
    n_gradient : int
        How many of them are for gradient steps.
    seed : int
        Each seed divides differently.

    Returns
    -------
    gradient_rows : (n_gradient,) int64
    validation_rows : (n - n_gradient,) int64
        Both stratified and sorted.

    Raises
    ------
    SplitError
        When a class has only one row here, or a part is too small to hold every class.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1])
    >>> validation_share(y, np.arange(9), n_gradient=6, seed=0)
    (array([1, 2, 3, 5, 6, 8]), array([0, 4, 7]))
    """
    rows = np.asarray(rows, dtype=np.int64)
    counts = np.unique(y[rows], return_counts=True)[1]
    n_validation = len(rows) - n_gradient
    if counts.min() < 2 or min(n_gradient, n_validation) < len(counts):
        raise SplitError(
            "the training rows of a fold must give rows of each class to training and validation; "
            f"{len(rows)} rows, {counts.min()} of the rarest class, cannot be divided into "
            f"{n_gradient} and {n_validation}: collect more, or take smaller batches"
        )
    gradient, validation = train_test_split(
        rows, train_size=n_gradient, test_size=n_validation, stratify=y[rows], random_state=seed
    )
    return np.sort(gradient), np.sort(validation)


def _counts(y: Rows, rows: Rows | slice = slice(None)) -> Rows:
    """Count the rows of each class of y, the absent ones too."""
    return np.bincount(y[rows], minlength=y.max() + 1)[np.unique(y)]


def _test_part(y: Rows, test_size: float, seed: int) -> tuple[Rows, Rows]:
    """Divide rows into (rest, test), both sorted."""
    every = np.arange(len(y), dtype=np.int64)
    if test_size == 0:
        return every, every[:0]
    n_test, n_classes = math.ceil(test_size * len(y)), len(_counts(y))
    if n_classes <= n_test <= len(y) - n_classes:  # else scikit-learn refuses, in other words
        rest, test = train_test_split(every, test_size=n_test, stratify=y, random_state=seed)
        if _counts(y, test).all():
            return np.sort(rest), np.sort(test)
    raise SplitError(
        f"the test part must hold rows of each class, and so must the rest; --test-size "
        f"{test_size:g} of {len(y)} rows does not allow it: ask for another, or collect more"
    )


def _require_rows(counts: Rows, folds: int, where: str) -> None:
    """Raise when a class cannot put a row into each fold."""
    fewest = int(counts.min())
    if fewest >= folds:
        return
    binary = len(counts) == 2
    kind = ("negatives", "positives")[counts.argmin()] if binary else "rows of the smallest class"
    advice = f"ask for --folds {fewest} or collect more" if fewest > 1 else "collect more"
    raise SplitError(f"fewer {kind}{where} ({fewest}) than folds ({folds}): {advice}")
