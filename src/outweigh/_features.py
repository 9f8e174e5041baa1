"""Columns as a network wants them: no gap, every column of mean 0 and standard deviation 1.

N rows, D columns in, D' features out. Everything that is learned (medians, means, scales) is
learned from training rows alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from outweigh._table import Table

LARGEST = 1e100
"""Values are clipped to ± this before they are averaged: a variance must fit into a float64."""

FARTHEST = 1e4
"""Features are clipped to ± this many standard deviations. A value farther out says no more than
that, while one of 1e300 would overflow float32, and with it the network."""


@dataclass(frozen=True, eq=False)
class Features:
    """What the training rows taught about the columns; made by `fit_features`.

    Attributes
    ----------
    names : (D',) tuple of str
        The columns, then ``missingindicator_…`` for each that had gaps in the training rows.
    pipeline : sklearn.pipeline.Pipeline
        Median imputation with indicators, then standardisation.
    """

    names: tuple[str, ...]
    pipeline: Pipeline

    def transform(self, columns: NDArray[np.float64]) -> NDArray[np.float32]:
        """Turn columns (N, D) into features (N, D'): float32, C-contiguous, all finite."""
        if len(columns) == 0:  # an empty test part is no error, though scikit-learn calls it one
            return np.zeros((0, len(self.names)), dtype=np.float32)
        standardised = self.pipeline.transform(_tamed(columns))
        return np.ascontiguousarray(standardised.clip(-FARTHEST, FARTHEST), dtype=np.float32)


def fit_features(table: Table, rows: ArrayLike) -> Features:
    """Learn from some rows of a table how to turn its columns into features.

    A gap becomes the column's median, and a further feature says where the gaps were. A column that
    is constant on these rows becomes 0 everywhere: no weight could be learned for it, so that
    another value met later must not move the network.

    Parameters
    ----------
    table : Table
    rows : (n,) array-like of int
        Numbers of the training rows.

    Returns
    -------
    Features

    Examples
    --------
    >>> from outweigh._table import from_arrays
    >>> table = from_arrays([[1, 5], [np.nan, 5], [3, 5], [9, 7]], [0, 0, 1, 0], names=["a", "b"])
    >>> features = fit_features(table, [0, 1, 2])
    >>> features.names
    ('a', 'b', 'missingindicator_a')
    >>> features.transform(table.columns).round(2)
    array([[-1.22,  0.  , -0.71],
           [ 0.  ,  0.  ,  1.41],
           [ 1.22,  0.  , -0.71],
           [ 8.57,  0.  , -0.71]], dtype=float32)
    """
    pipeline = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    training = pipeline.fit_transform(_tamed(table.columns[np.asarray(rows)]))
    constant = training.min(axis=0) == training.max(axis=0)
    pipeline[-1].scale_[constant] = np.inf  # whatever is divided by it is 0
    return Features(names=tuple(pipeline.get_feature_names_out(table.names)), pipeline=pipeline)


def _tamed(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(columns, -LARGEST, LARGEST)
