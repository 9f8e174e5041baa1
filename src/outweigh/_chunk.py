"""A chunk: one fold and seed, whose lanes train together on the same batches.

A lane is one training run, setting × fold × seed. The lanes of a chunk start from the same
parameters (the output bias apart) and visit the same rows in the same order; all that differs
is how they weight the classes. So settings are compared on common random numbers, and each batch
is in memory once for all of them.

Letters: L lanes, N rows of the table, n of them training, v validating, m held out, D features,
K classes.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

STOPPED = "stopped"  # early, with the parameters of its best epoch
FINISHED = "finished"  # after all epochs
COLLAPSED = "collapsed"  # says the same of every row
DIVERGED = "diverged"  # its loss or its parameters are no numbers any more


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
