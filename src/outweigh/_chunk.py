"""A chunk: lanes of one fold and seed, which train together on the same batches.

A lane is one training run, setting × fold × seed. The lanes of a chunk start from the same
parameters (the output bias apart) and visit the same rows in the same order; all that differs
is how they weight the classes, and what shape their loss has. So settings are compared on common
random numbers, and each batch is in memory once for all of them. Settings that visit other rows,
because they draw or make some, have a chunk of their own for each fold and seed.

Letters: L lanes, N rows of the table, n of them training, v validating, m held out, D features,
K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from outweigh._draws import Visits
from outweigh._shapes import Shape

STOPPED = "stopped"  # early, with the parameters of its best epoch
FINISHED = "finished"  # after all epochs
COLLAPSED = "collapsed"  # says the same of every row
DIVERGED = "diverged"  # its loss or its parameters are no numbers any more

CONSTANT = 1e-6  # a lane whose probabilities differ by less has collapsed


@dataclass(frozen=True)
class Chunk:
    """What the lanes of one fold and seed are given. Rows are numbers into x, y, row_weight."""

    fold: int
    seed: int
    x: np.ndarray  # (N, D) float32, preprocessed as the fold's training rows say
    y: np.ndarray  # (N,) int, codes of the classes
    row_weight: np.ndarray | None  # (N,)
    class_weight: np.ndarray  # (L, K)
    prior: np.ndarray  # (K,) class shares of the fold's training rows
    training: np.ndarray  # (n,) the rows of the gradient steps
    validation: np.ndarray  # (v,) the rows that stop a lane; none: all epochs are run
    held_out: np.ndarray  # (m,) the rows to predict; no lane visits them
    batch_size: int
    epochs: int
    patience: int
    watch: str = "undone"  # which of the validation curves stops a lane
    shape: Shape | None = None  # of the lanes' losses, (L, ...); None: what the network minimises
    start: np.ndarray | None = None  # (L,) epochs before class weights act; None: none
    draw: Visits | None = None  # which training rows an epoch visits; None: each once
    frequency: np.ndarray | None = None  # (K,) what sampling made of the classes; None: nothing

    @property
    def n_labels(self) -> int | None:
        """T, where rows have several yes/no labels: y is (N, T), class_weight (L, T, 2)."""
        return self.class_weight.shape[1] if self.class_weight.ndim == 3 else None

    @property
    def rows_per_epoch(self) -> int:
        """Training rows that an epoch visits."""
        if self.draw is None:
            return len(self.training)
        counts = np.bincount(self.y[self.training], minlength=self.class_weight.shape[1])
        return self.draw.length(counts, self.batch_size)


def default_batch_size(n_training: int) -> int:
    """Give the batch size for a table: about a sixteenth of its rows, a power of 2, 32 to 256.

    Examples
    --------
    >>> [default_batch_size(n) for n in (100, 1_000, 8_946, 1_000_000)]
    [32, 32, 256, 256]
    """
    return int(min(256, max(32, 2 ** np.floor(np.log2(max(n_training, 1) / 16)))))


class Curves(NamedTuple):
    """Three log losses of the validation rows: of a lane and epoch, or of all, (L, epochs run).

    With l = −log p of a row's own class and a its row weight, 1 where there is none:

    ========  =======================  ========================================================
    undone    Σ a l′ / Σ a             l′ once the class weights are taken out of the output
    raw       Σ a l / Σ a              the output as it is: Keras's ``val_loss`` of a fit with
                                       ``class_weight``, which leaves validation rows unweighted
    weighted  Σ a w l / Σ a            w the class weight, as in Keras's ``evaluate`` with
                                       ``sample_weight``: weights do not count in the mean's n
    ========  =======================  ========================================================

    Keras takes no probability for less than 1e-7, and adds a network's regularisers.
    """

    undone: Any
    raw: Any
    weighted: Any


@dataclass(frozen=True)
class Trained:
    """What became of a chunk's lanes."""

    probability: np.ndarray  # (L, m, K) float32, as the network says it: weighted, not undone
    outcome: tuple[str, ...]  # (L,)
    epochs: np.ndarray  # (L,) epochs until the parameters kept
    curves: Curves  # arrays (L, epochs run); no columns without validation rows
    parameters: tuple[Any, ...] | None = (
        None  # arrays (L, ...) in the network's order, if asked for
    )
    sketch: str = ""  # what the network computes, where it is one; see `Network.sketch`

    @classmethod
    def joined(cls, parts: Sequence["Trained"]) -> "Trained":
        """Put the lanes of several parts of one fold and seed together."""
        if len(parts) == 1:
            return parts[0]
        kept = [part.parameters for part in parts if part.parameters is not None]
        return cls(
            probability=np.concatenate([part.probability for part in parts]),
            outcome=tuple(o for part in parts for o in part.outcome),
            epochs=np.concatenate([part.epochs for part in parts]),
            curves=Curves(*map(_stacked, zip(*[part.curves for part in parts], strict=True))),
            parameters=_concatenated(kept) if kept else None,
            sketch=next((part.sketch for part in parts if part.sketch), ""),
        )

    def take(self, lanes: Sequence[int]) -> "Trained":
        """Give some lanes, by number, in that order."""
        numbers = list(lanes)
        if numbers == list(range(len(self.outcome))):
            return self
        return Trained(
            probability=self.probability[numbers],
            outcome=tuple(self.outcome[i] for i in numbers),
            epochs=self.epochs[numbers],
            curves=Curves(*(curve[numbers] for curve in self.curves)),
            parameters=None
            if self.parameters is None
            else tuple([v[numbers] for v in of_kind] for of_kind in self.parameters),
            sketch=self.sketch,
        )

    @property
    def validation_log_loss(self) -> np.ndarray:
        """The undone curve, (L, epochs run)."""
        return np.asarray(self.curves.undone)


@dataclass(frozen=True)
class Progress:
    """How far a training is: lanes, and epochs of lanes."""

    lanes: int
    lanes_done: int
    epochs_done: int
    share_done: float  # of the whole, estimated; lanes that stop early count as whole


def is_constant(probability: np.ndarray) -> bool:
    """Tell whether a lane says the same of every row (m, K); of one row it cannot be told.

    Examples
    --------
    >>> is_constant(np.array([[0.9, 0.1], [0.9, 0.1]])), is_constant(np.array([[0.9, 0.1]]))
    (True, False)
    """
    return len(probability) > 1 and bool(np.ptp(probability, axis=0).max() < CONSTANT)


def _stacked(curves: Sequence[np.ndarray]) -> np.ndarray:
    """Put one curve of several parts together, the shorter ones filled up with NaN."""
    longest = max(curve.shape[1] for curve in curves)
    return np.concatenate(
        [np.pad(c, ((0, 0), (0, longest - c.shape[1])), constant_values=np.nan) for c in curves]
    )


def _concatenated(parameters: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Put the trainable variables of several parts together, and the others."""
    kinds = zip(*parameters, strict=True)
    return tuple([np.concatenate(v) for v in zip(*of_kind, strict=True)] for of_kind in kinds)
