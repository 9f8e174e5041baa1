"""The world that a model is used in, where it differs from the one that it was trained in.

Two things may differ without a network having to be trained again: the share of positives, and, in
a table whose negatives were thinned out, the negatives that are not in it. Both multiply the
frequency of each class by a factor; probabilities, thresholds and expected figures follow.

Letters: N rows, K classes.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from outweigh._errors import UsageError
from outweigh._shapes import undo


@final
@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Where a model will be used.

    Parameters
    ----------
    prevalence : float, optional
        Share of positives there, above 0 and below 1; that of the training rows unless given.
    sampled_at : float, optional
        Share of the negatives that were kept when the table was made, above 0 and at most 1.

    Examples
    --------
    Half of the rows are positive, in the world one in ten:

    >>> Deployment(prevalence=0.1).factor(np.array([0.5, 0.5]))
    array([1.8, 0.2])
    """

    prevalence: float | None = None
    sampled_at: float | None = None

    def __post_init__(self) -> None:
        b, kept = self.prevalence, self.sampled_at
        if b is not None and not 0 < b < 1:
            raise UsageError(
                f"--prevalence must lie between 0 and 1; came {b}: give the share of positives "
                "where the model will be used, such as 0.02"
            )
        if kept is not None and not 0 < kept <= 1:
            raise UsageError(
                f"--sampled-at must be above 0 and at most 1; came {kept}: give the share of the "
                "negatives that was kept, such as 0.1"
            )
        if b is not None and kept is not None:
            raise UsageError(
                "the share of positives must be said once; came --prevalence and --sampled-at: "
                "leave one of them out"
            )

    @property
    def differs(self) -> bool:
        """Whether anything is said to differ from the training rows."""
        return self.prevalence is not None or self.sampled_at is not None

    def factor(self, prior: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the factor (K,) on the frequency of each class, from its share in the table (K,).

        Rows share as much as they count: it is what their weights make of them that probabilities
        were learned and judged in.

        Raises
        ------
        UsageError
            When something differs and there are more than two classes, or one that counts nothing.
        """
        if not self.differs:
            return np.ones(len(prior))
        if len(prior) > 2:
            raise UsageError(
                f"--prevalence and --sampled-at need two classes; there are {len(prior)}: leave "
                "them out"
            )
        if not all(prior):
            raise UsageError(
                "--prevalence and --sampled-at need rows of both classes that count something; all "
                "of one weigh 0: leave them out, or weigh it"
            )
        if self.sampled_at is not None:
            prior = np.asarray(prior, dtype=float)
            whole = np.array([1 / self.sampled_at, 1.0])
            return np.asarray(whole / (prior @ whole))
        b = float(self.prevalence or 0)
        own = float(prior[1])  # 1 − own, not prior[0]: equal shares then give 1 to the bit
        return np.array([(1 - b) / (1 - own), b / own])

    def text(self) -> str | None:
        """Say in a sentence what differs; None where nothing does."""
        if self.prevalence is not None:
            share = f"{100 * self.prevalence:.4g} %"
            return f"figures are for a world in which {share} of the cases are positive"
        if self.sampled_at is not None:
            share = f"{100 * self.sampled_at:.4g} %"
            return f"figures are for all negatives, of which {share} were in the table"
        return None


AS_TRAINED = Deployment()
"""Nothing differs."""


def shares(
    y: NDArray[np.int64], n_classes: int, weight: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Give the share (K,) of each class among rows (N,), as much as they count.

    Examples
    --------
    >>> shares(np.array([0, 0, 1]), 2, np.array([1.0, 1.0, 2.0]))
    array([0.5, 0.5])
    """
    counts = np.bincount(y, weight, minlength=n_classes)
    return np.asarray(counts / counts.sum())


def deployed(probability: NDArray[np.float64], factor: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Bring probabilities (..., N, K) to where class k is `factor[k]` times as frequent.

    Notes
    -----
    With two classes and shares of positives b in training and b′ there, this is Elkan's

    .. math:: p' = b' \frac{p - p b}{b - p b + b' p - b b'}

    Factors that are all 1 change no bit.

    References
    ----------
    Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001, Theorem 2.

    Examples
    --------
    >>> deployed(np.array([[0.5, 0.5]]), np.array([1.8, 0.2]))
    array([[0.9, 0.1]])
    """
    if (factor == 1).all():
        return probability
    return undo(probability, 1 / factor)
