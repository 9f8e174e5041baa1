"""The validation share: training rows that take no part in gradient steps and tell when to stop.

N rows of a table, n of them in a fold's training part, K classes.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from outweigh._classes import absent_classes, class_counts, n_classes
from outweigh._errors import SplitError, UsageError
from outweigh._groups import choose, tally

Rows = NDArray[np.int64]


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


def validation_share(
    y: Rows, rows: Rows, *, n_gradient: int, seed: int, group: Rows | None = None
) -> tuple[Rows, Rows]:
    """Divide training rows into those for gradient steps and those that tell when to stop.

    The number of gradient rows is given, by `whole_batches`, rather than a share: one shape for all
    folds, so that one compiled program serves the study, and no partial batch. Whole groups seldom
    add up to that number: then the gradient side is cut above it, as little as groups allow, and
    the rows too many are left out of both parts, at random.

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
    group : (N,) int64, optional
        Group codes of the whole table; a group stays on one side.

    Returns
    -------
    gradient_rows : (n_gradient,) int64
    validation_rows : (m,) int64
        Both stratified and sorted; m = n − n_gradient, or less with groups. Of more than two
        classes, one with a single row or group is in the gradient part only.

    Raises
    ------
    SplitError
        When a class has only one row or group here, or a part is too small to hold every class.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1])
    >>> validation_share(y, np.arange(9), n_gradient=6, seed=0)
    (array([1, 2, 3, 5, 6, 8]), array([0, 4, 7]))

    >>> pairs = np.array([0, 0, 1, 1, 2, 3, 2, 3, 4])
    >>> validation_share(y, np.arange(9), n_gradient=6, seed=0, group=pairs)
    (array([0, 1, 2, 3, 4, 6]), array([5, 7, 8]))
    """
    rows = np.asarray(rows, dtype=np.int64)
    if group is not None:
        return _share_of_groups(y, rows, n_gradient, seed, group)
    counts = class_counts(y, rows)
    n_validation, n_shared = len(rows) - n_gradient, (counts > 1).sum()
    stays = rows[counts[y[rows]] < 2]
    if n_shared < 2 or min(n_gradient - len(stays), n_validation) < n_shared:
        raise SplitError(
            "the training rows of a fold must give rows of each class to training and validation; "
            f"{len(rows)} rows, {counts.min()} of the rarest class, cannot be divided into "
            f"{n_gradient} and {n_validation}: collect more, or take smaller batches"
        )
    divided = rows[counts[y[rows]] > 1]
    gradient, validation = train_test_split(
        divided,
        train_size=n_gradient - len(stays),
        test_size=n_validation,
        stratify=y[divided],
        random_state=seed,
    )
    return np.sort(np.concatenate([stays, gradient])), np.sort(validation)


def _share_of_groups(
    y: Rows, rows: Rows, n_gradient: int, seed: int, group: Rows
) -> tuple[Rows, Rows]:
    """Divide training rows as `validation_share` does, in whole groups."""
    number, counts = tally(y[rows], group[rows], n_classes(y))
    holders, n_validation = (counts > 0).sum(axis=0), len(rows) - n_gradient
    rng, chosen = np.random.default_rng(seed), np.zeros(len(counts), dtype=bool)
    if (holders > 1).sum() >= 2 and n_validation > 0 and n_gradient >= (holders > 0).sum():
        chosen = choose(counts, n_validation, rng=rng)
    validation = rows[chosen[number]]
    if absent_classes(y, validation):
        raise SplitError(
            "the training rows of a fold must give whole groups of each class to training, "
            f"{n_gradient} rows at least, and to validation; {len(rows)} rows in {len(counts)} "
            f"groups, the largest of {counts.sum(axis=1).max()}, {holders.min()} groups with the "
            "rarest class, do not allow it: take smaller batches, or --patience 0"
        )
    return _thinned(y, rows[~chosen[number]], n_gradient, rng), validation


def _thinned(y: Rows, rows: Rows, n: int, rng: np.random.Generator) -> Rows:
    """Keep n rows at random: one of each class, and of the others each class's share."""
    shuffled = rng.permutation(rows)
    kept = np.unique(y[shuffled], return_index=True)[1]
    others = np.delete(shuffled, kept)
    by_class = others[np.argsort(y[others], kind="stable")]
    m = n - len(kept)
    evenly = np.arange(m) * len(others) // max(m, 1)
    return np.sort(np.concatenate([shuffled[kept], by_class[evenly]]))
