"""The waist: what every lane said about rows it never saw, in one frozen record.

Everything before makes a `Predictions`; everything after reads it and nothing else. It comes from
any trainer, or from a file.

Letters: N entries, K classes, S settings, R seeds, F folds. An entry is a row of the table judged
in one fold.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import DTypeLike, NDArray

from outweigh._errors import TableError
from outweigh._settings import undo

DIVERGED = "diverged"
OUTCOMES = ("stopped", "finished", "collapsed", DIVERGED)

DTYPES: dict[str, DTypeLike] = {
    "row": np.int64,
    "fold": np.int64,
    "y": np.int64,
    "class_weight": np.float64,
    "prior": np.float64,
    "probability": np.float32,
    "outcome": "<U9",  # as long as the longest outcome
    "row_weight": np.float64,
}
"""Kind of each array of the record."""

FORMAT = 1
"""Number of the file format; a reader refuses what it does not know."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Predictions:
    """Out-of-fold predictions of all lanes.

    Attributes
    ----------
    row : (N,) int64
        Number in the table of each entry's row.
    fold : (N,) int64
        Fold in which the entry is judged.
    y : (N,) int64
        Its class, as a place in `classes`.
    classes : (K,) tuple
        The labels, plain Python values; (negative, positive) when there are two.
    settings : (S,) tuple of str
        Their names; ``"none"`` is the twin.
    seeds : (R,) tuple of int
    class_weight : (S, F, K) float64
        What the setting's lanes of each fold were weighted with.
    prior : (F, K) float64
        Class shares of each fold's training rows.
    probability : (S, R, N, K) float32
        As the lanes gave it: weighted, not undone. Only a diverged lane may hold anything else
        than probabilities.
    outcome : (S, R, F) str
        How each lane ended: ``"stopped"`` early, ``"finished"`` all epochs, ``"collapsed"`` to a
        constant, or ``"diverged"``.
    n_training : int
        Rows of the table that the folds were made from.
    row_weight : (N,) float64, optional
        How much each entry counts.

    Notes
    -----
    The arrays are read-only. Two records are equal when every bit is.

    Examples
    --------
    Two entries, each judged in its own fold, by the twin and by balanced weights:

    >>> said = np.array([[[[0.9, 0.1], [0.8, 0.2]]], [[[0.5, 0.5], [0.3, 0.7]]]])
    >>> predictions = Predictions(
    ...     row=[7, 3], fold=[0, 1], y=[0, 1], classes=("no", "yes"),
    ...     settings=("none", "balanced"), seeds=(0,),
    ...     class_weight=[[[1, 1], [1, 1]], [[0.5, 4.5], [0.5, 4.5]]],
    ...     prior=[[0.9, 0.1], [0.9, 0.1]], probability=said,
    ...     outcome=np.full((2, 1, 2), "finished"), n_training=100,
    ... )
    >>> predictions.averaged()[1].round(3)
    array([[0.9  , 0.1  ],
           [0.794, 0.206]])
    """

    row: NDArray[np.int64]
    fold: NDArray[np.int64]
    y: NDArray[np.int64]
    classes: tuple[Any, ...]
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    class_weight: NDArray[np.float64]
    prior: NDArray[np.float64]
    probability: NDArray[np.float32]
    outcome: NDArray[np.str_]
    n_training: int
    row_weight: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("classes", "settings", "seeds"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, dtype in DTYPES.items():
            if (array := getattr(self, name)) is not None:
                object.__setattr__(self, name, _frozen(array, dtype))
        _check_shapes(self)
        _check_values(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Predictions):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def undone(self) -> NDArray[np.float64]:
        """Give the probabilities (S, R, N, K) with the class weights taken out, lane by lane."""
        undone = np.empty(self.probability.shape)
        for s, r in self._lanes:
            undone[s, r] = self._undone(s, r)
        return undone

    def averaged(self) -> NDArray[np.float64]:
        """Give the prediction (S, N, K) of each setting: the mean of its seeds' undone probability.

        Diverged lanes are left out; where all of a setting's lanes diverged, its prediction is the
        prior of the fold.
        """
        return self._averaged

    @cached_property
    def _averaged(self) -> NDArray[np.float64]:
        total = np.zeros((len(self.settings), *self.probability.shape[2:]))
        for s, r in self._lanes:
            alive = self._alive[s, r, self.fold, np.newaxis]
            np.add(total[s], self._undone(s, r), out=total[s], where=alive)
        n_alive = self._alive.sum(axis=1)[:, self.fold, np.newaxis]
        return _frozen(np.where(n_alive > 0, total / np.maximum(n_alive, 1), self.prior[self.fold]))

    @property
    def _lanes(self) -> Iterator[tuple[int, int]]:
        return np.ndindex(len(self.settings), len(self.seeds))

    @property
    def _alive(self) -> NDArray[np.bool_]:
        """(S, R, F)."""
        return self.outcome != DIVERGED

    def _undone(self, s: int, r: int) -> NDArray[np.float64]:
        """(N, K); one lane of each fold at a time, for all of them at once are large in float64."""
        with np.errstate(invalid="ignore"):  # what diverged lanes left
            return undo(self.probability[s, r], self.class_weight[s, self.fold])
