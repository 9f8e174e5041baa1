"""Operating points: what is decided for a case of given probabilities, and what that costs.

A cost matrix has the true classes as rows and the decided ones as columns: ``costs[t, d]`` is the
cost of deciding d where t is true. A benefit is a negative cost.

Letters: N rows, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from outweigh._errors import UsageError


@dataclass(frozen=True)
class Cost:
    """What the mistakes of a two-class decision cost.

    Parameters
    ----------
    fn : float
        Cost of a missed positive (false negative).
    fp : float
        Cost of a false alarm (false positive).

    Examples
    --------
    >>> Cost(fn=100, fp=1).matrix
    array([[  0.,   1.],
           [100.,   0.]])
    """

    fn: float
    fp: float

    def __post_init__(self) -> None:
        for name, cost in (("fn", self.fn), ("fp", self.fp)):
            if not (np.isfinite(cost) and cost > 0):
                raise UsageError(
                    f"the cost of a mistake must be a finite number above 0, got {name}={cost}: "
                    "give costs relative to a correct decision."
                )

    @property
    def matrix(self) -> np.ndarray:
        """The cost matrix, (2, 2)."""
        return np.array([[0.0, self.fp], [self.fn, 0.0]])


def default_costs(counts: np.ndarray) -> np.ndarray:
    """Give the cost matrix that stands in where no costs are known.

    A mistake on a class costs in inverse proportion to its rows, 1 for the most frequent one. So a
    missed positive costs as much as n_0 / n_1 false alarms.

    Parameters
    ----------
    counts : array of int, shape (K,)

    Returns
    -------
    costs : array of float, shape (K, K)

    Examples
    --------
    >>> default_costs(np.array([90, 10]))
    array([[0., 1.],
           [9., 0.]])
    """
    counts = np.asarray(counts, dtype=float)
    each = counts.max() / counts
    return np.outer(each, np.ones(len(counts))) * (1 - np.eye(len(counts)))


def threshold(costs: np.ndarray) -> float:
    """Give the probability from which flagging a case is the cheaper decision.

    Parameters
    ----------
    costs : array of float, shape (2, 2)

    Returns
    -------
    threshold : float
        Elkan's :math:`(c_{10} - c_{00}) / (c_{10} - c_{00} + c_{01} - c_{11})`, with
        :math:`c_{ij}` the cost of deciding i where j is true.

    References
    ----------
    Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001, equation 2.

    Examples
    --------
    >>> threshold(Cost(fn=9, fp=1).matrix)
    0.1
    """
    false_alarm = costs[0, 1] - costs[0, 0]
    miss = costs[1, 0] - costs[1, 1]
    return float(false_alarm / (false_alarm + miss))


def decide(probability: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Decide each case at least expected cost; a tie of two classes is flagged.

    Parameters
    ----------
    probability : array of float, shape (..., K)
    costs : array of float, shape (K, K)

    Returns
    -------
    decided : array of int, shape (...)

    Examples
    --------
    >>> decide(np.array([[0.95, 0.05], [0.85, 0.15]]), Cost(fn=9, fp=1).matrix)
    array([0, 1])
    """
    if len(costs) == 2:
        return np.asarray(probability[..., 1] >= threshold(costs)).astype(int)
    return np.asarray(np.argmin(probability @ costs, axis=-1))


def cheapest_constant(counts: np.ndarray, costs: np.ndarray) -> float:
    """Give the mean cost of a case under the cheapest policy that decides the same for everybody.

    Parameters
    ----------
    counts : array, shape (K,)
        Rows, or weight of rows, of each class.
    costs : array of float, shape (K, K)
    """
    return float((counts @ costs / counts.sum()).min())


def describe(costs: np.ndarray, classes: Sequence[Any], *, default: bool) -> str:
    """Say in a sentence what the mistakes cost."""
    if len(costs) > 2:
        return (
            "a mistake costs in inverse proportion to the rows of the true class (no costs given)"
        )
    ratio = costs[1, 0] / costs[0, 1]
    why = " (n0/n1 at the training prevalence: no costs were given)" if default else ""
    return f"one missed positive costs as much as {ratio:.4g} false alarms{why}"
