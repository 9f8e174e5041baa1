"""Operating points: rules that turn probabilities into decisions.

A cost matrix has the true classes as rows and the decided ones as columns: ``costs[t, d]`` is the
cost of deciding d where t is true. One column more is the cost of handing the case to a person. A
benefit is a negative cost.

Letters: N rows, K classes, D decisions.
"""

from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

REFER = "refer to a person"
"""The decision that hands a case on, beside the classes."""

Float = NDArray[np.float64]
Integers = NDArray[np.int64]


class Rule(Protocol):
    """What decides."""

    @property
    def threshold(self) -> float | None:
        """The probability from which a case is flagged, where there is one for all."""
        ...

    def decide(self, probability: Float, amount: Float | None = None) -> Integers:
        """Decide cases: (..., N, K) probabilities, (..., N) decisions.

        `amount` (N,) is what it costs to miss each case, for rules that depend on it.
        """
        ...

    def as_record(self) -> dict[str, Any]:
        """Give it as plain JSON types; `rule_from` takes them back."""
        ...


@final
@dataclass(frozen=True)
class Cutoff:
    """Flags from a threshold on, of two classes; from infinity on nobody is flagged.

    Examples
    --------
    >>> Cutoff(0.2).decide(np.array([[0.8, 0.2], [0.9, 0.1]]))
    array([1, 0])
    """

    threshold: float

    def decide(self, probability: Float, amount: Float | None = None) -> Integers:
        """Decide cases (..., N, 2)."""
        return np.asarray(probability[..., 1] >= self.threshold, dtype=np.int64)

    def as_record(self) -> dict[str, Any]:
        """Give it as plain JSON types; infinity is null."""
        finite = self.threshold if np.isfinite(self.threshold) else None
        return {"kind": "cutoff", "threshold": finite}


@final
@dataclass(frozen=True, eq=False)
class LeastCost:
    """Decides at least expected cost; of two classes a tie is flagged.

    Parameters
    ----------
    costs : (K, D) float64
        D is K, or K + 1: the last decision is then to refer the case to a person, which is made
        where it is cheaper than all others.

    Examples
    --------
    >>> LeastCost(np.array([[0.0, 1.0], [9.0, 0.0]])).decide(np.array([[0.95, 0.05], [0.85, 0.15]]))
    array([0, 1])
    """

    costs: Float

    @property
    def threshold(self) -> float | None:
        """Elkan's threshold, of two classes and decisions."""
        return threshold(self.costs) if self.costs.shape == (2, 2) else None

    def decide(self, probability: Float, amount: Float | None = None) -> Integers:
        """Decide cases (..., N, K)."""
        k, d = self.costs.shape
        decided = _decided_alone(probability, self.costs[:, :k])
        if d > k:
            expected = probability @ self.costs
            referred = expected[..., k] < expected[..., :k].min(axis=-1)
            decided = np.where(referred, k, decided)
        return np.asarray(decided, dtype=np.int64)

    def as_record(self) -> dict[str, Any]:
        """Give it as plain JSON types."""
        return {"kind": "least-cost", "costs": self.costs.tolist()}


@final
@dataclass(frozen=True)
class LeastRowCost:
    """Flags where missing the case costs more, in expectation, than a false alarm of cost `fp`.

    A case that costs nothing to miss is never flagged, be it as sure as can be.

    Examples
    --------
    >>> rule = LeastRowCost(fp=10)
    >>> rule.decide(np.array([[0.9, 0.1], [0.9, 0.1]]), amount=np.array([50.0, 500.0]))
    array([0, 1])
    """

    fp: float

    @property
    def threshold(self) -> None:
        """There is one for each row, fp / (fp + amount)."""
        return

    def decide(self, probability: Float, amount: Float | None = None) -> Integers:
        """Decide cases (..., N, 2) of amounts (N,)."""
        if amount is None:
            raise ValueError("a rule of costs per row needs each row's amount")
        missed, alarm = probability[..., 1] * amount, probability[..., 0] * self.fp
        return np.asarray((missed >= alarm) & (amount > 0), dtype=np.int64)

    def as_record(self) -> dict[str, Any]:
        """Give it as plain JSON types."""
        return {"kind": "least-row-cost", "fp": self.fp}


def threshold(costs: Float) -> float:
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
    >>> threshold(np.array([[0, 1], [9, 0]]))
    0.1
    """
    false_alarm = costs[0, 1] - costs[0, 0]
    miss = costs[1, 0] - costs[1, 1]
    return float(false_alarm / (false_alarm + miss))


def _decided_alone(probability: Float, costs: Float) -> NDArray[Any]:
    """Decide cases (..., N, K) by costs (K, K), none of them referred."""
    if len(costs) == 2:  # not by two sums: rounding would decide ties
        return np.asarray(probability[..., 1] >= threshold(costs))
    return np.asarray(np.argmin(probability @ costs, axis=-1))


def rule_from(record: Any) -> Rule:
    """Give a rule back from plain JSON types that nobody vouches for.

    Raises
    ------
    ValueError, KeyError, TypeError
        When they are no rule.
    """
    try:
        return _read_rule(record)
    except OverflowError:  # JSON has whole numbers that are no float64
        raise ValueError("the numbers of a rule must be finite") from None


def _read_rule(record: Any) -> Rule:
    kind = record.get("kind") if isinstance(record, dict) else None
    if kind == "cutoff":
        value = record["threshold"]
        if value is None:
            return Cutoff(float("inf"))
        if not 0 <= float(value) <= 1:
            raise ValueError("a threshold must lie within 0 and 1")
        return Cutoff(float(value))
    if kind == "least-cost":
        costs = np.array(record["costs"], dtype=float)
        if costs.ndim != 2 or costs.shape[1] - costs.shape[0] not in (0, 1) or len(costs) < 2:
            raise ValueError("costs must have a row for each class and a column for each decision")
        if not np.isfinite(costs).all() or not makes_sense(costs):
            raise ValueError("costs must be finite, and mistakes cost more than right decisions")
        return LeastCost(costs)
    if kind == "least-row-cost":
        if not 0 < float(record["fp"]) < float("inf"):
            raise ValueError("the cost of a false alarm must be above 0")
        return LeastRowCost(float(record["fp"]))
    raise ValueError("a rule must be a cutoff, or of least cost")


def makes_sense(costs: Float) -> bool:
    """Tell whether a matrix (K, D) makes mistakes cost more than right decisions.

    Of two classes both mistakes must; of more, no mistake may cost less than the right decision,
    and some mistake on each class must cost more.
    """
    k = len(costs)
    dearer = costs[:, :k] - np.diag(costs)[:, np.newaxis]
    return bool((dearer >= 0).all() and (dearer > 0).any(axis=1).all())
