"""Costs: what each decision costs, row by row.

A cost matrix has the true classes as rows and the decided ones as columns.

Letters: N rows, K classes, D decisions: K, and one more where cases may be handed to a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from outweigh._cutoffs import sweep
from outweigh._errors import UsageError
from outweigh._objective import Costs
from outweigh._operating import Cutoff, LeastCost, LeastRowCost, Rule, makes_sense, threshold

Float = NDArray[np.float64]
Integers = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Cost(Costs):
    """What the decisions on two classes cost.

    Parameters
    ----------
    fn : float
        Cost of a missed positive (false negative).
    fp : float
        Cost of a false alarm (false positive).
    tp, tn : float
        Cost of a right flag and of a right pass; a benefit is negative.
    refer : float, optional
        Cost of handing a case to a person.
    tuned : bool
        Whether the threshold is the one of least cost on held-out rows, instead of Elkan's, which
        follows from the costs. It did worse on 10 of 11 tables.

    Examples
    --------
    >>> Cost(fn=100, fp=1).matrix
    array([[  0.,   1.],
           [100.,   0.]])
    """

    fn: float
    fp: float
    tp: float = 0.0
    tn: float = 0.0
    refer: float | None = None
    tuned: bool = False

    def __post_init__(self) -> None:
        if not np.isfinite([self.fn, self.fp, self.tp, self.tn]).all():
            raise UsageError(f"costs must be finite; came fn={self.fn}, fp={self.fp}: give numbers")
        if not (self.fn > self.tp and self.fp > self.tn):
            raise UsageError(
                "a mistake must cost more than the right decision (c10 > c00 and c01 > c11); came "
                f"fn={self.fn:g}, tp={self.tp:g}, fp={self.fp:g}, tn={self.tn:g}: raise fn or fp"
            )
        _check_refer(self.refer)

    @property
    def matrix(self) -> Float:
        """The cost matrix, (2, D)."""
        return _with_refer(np.array([[self.tn, self.fp], [self.fn, self.tp]], float), self.refer)

    @property
    def implied(self) -> Rule:
        """Elkan's threshold."""
        return LeastCost(self.matrix)

    def text(self, classes: Sequence[Any]) -> str:
        """Say how many false alarms a missed positive is worth."""
        ratio = (self.fn - self.tp) / (self.fp - self.tn)
        how = "; the threshold is tuned on other folds" if self.tuned else ""
        return f"one missed positive costs as much as {ratio:.4g} false alarms{how}" + _referring(
            self.refer
        )

    def row_loss(self, y: Integers, decided: Integers, amount: Float | None = None) -> Float:
        """Give what each decision (..., N) on rows (N,) costs."""
        return np.asarray(self.matrix[y, decided])

    def stake(self, y: Integers, amount: Float | None = None) -> Float:
        """Give the most that two decisions about each row (N,) can differ in cost."""
        return np.asarray(np.ptp(self.matrix, axis=1)[y])

    def rule(self, probability: Float, y: Integers, row_weight: Float | None = None) -> Rule:
        """Give Elkan's threshold, or the best of all cut-offs where it is to be tuned."""
        if not self.tuned:
            return self.implied
        swept = sweep(probability[:, 1], y, row_weight)
        return Cutoff(swept.best(-(swept.cells * self.matrix[:, :2]).sum(axis=(1, 2))))


@final
@dataclass(frozen=True, eq=False)
class CostMatrix(Costs):
    """What each decision costs for each class.

    Parameters
    ----------
    costs : (K, K) array
        True classes as rows, decided ones as columns.
    classes : (K,) sequence
        Their labels; of two the positive one last.
    refer : float, optional
        Cost of handing a case to a person.
    by_default : bool
        Whether nobody gave these costs.

    Examples
    --------
    >>> CostMatrix([[0, 1, 4], [1, 0, 1], [4, 1, 0]], classes=("a", "b", "c")).matrix.shape
    (3, 3)
    """

    costs: Any
    classes: tuple[Any, ...]
    refer: float | None = None
    by_default: bool = False

    def __post_init__(self) -> None:
        costs, k = np.array(self.costs, dtype=float), len(self.classes)
        object.__setattr__(self, "costs", costs)
        object.__setattr__(self, "classes", tuple(self.classes))
        if costs.shape != (k, k):
            raise UsageError(
                f"costs must have a row and a column for each of {k} classes; came "
                f"{' × '.join(map(str, costs.shape))}: add the others"
            )
        if not np.isfinite(costs).all():
            raise UsageError("costs must be finite; some are not: give numbers")
        if not makes_sense(costs):
            worst = next(k for k in range(len(costs)) if not _row_makes_sense(costs, k))
            raise UsageError(
                "a mistake must cost more than the right decision (c10 > c00 and c01 > c11); for "
                f"the true class {self.classes[worst]!r} it does not: raise its costs, which stand "
                "in its row"
            )
        _check_refer(self.refer)

    @property
    def matrix(self) -> Float:
        """The cost matrix, (K, D)."""
        return _with_refer(self.costs, self.refer)

    @property
    def implied(self) -> Rule:
        """The decision of least expected cost."""
        return LeastCost(self.matrix)

    def check(self, classes: Sequence[Any], *, has_amount: bool) -> None:
        """Raise where these are not the classes that the costs are for."""
        if tuple(map(str, classes)) != tuple(map(str, self.classes)):
            raise UsageError(
                f"costs must be for the classes {list(classes)}; came {list(self.classes)}: give "
                "one row and column for each, in this order"
            )

    def text(self, classes: Sequence[Any]) -> str:
        """Say in short what the mistakes cost."""
        if self.by_default and len(classes) > 2:
            return "a mistake costs in inverse proportion to the rows of the true class"
        if len(classes) > 2:
            return (
                f"each case is decided at least expected cost, by costs of {len(classes)} classes"
            )
        ratio = (1 - threshold(self.costs)) / threshold(self.costs)
        return f"one missed positive costs as much as {ratio:.4g} false alarms" + _referring(
            self.refer
        )

    def row_loss(self, y: Integers, decided: Integers, amount: Float | None = None) -> Float:
        """Give what each decision (..., N) on rows (N,) costs."""
        return np.asarray(self.matrix[y, decided])

    def stake(self, y: Integers, amount: Float | None = None) -> Float:
        """Give the most that two decisions about each row (N,) can differ in cost."""
        return np.asarray(np.ptp(self.matrix, axis=1)[y])


@final
@dataclass(frozen=True)
class RowCost(Costs):
    """Missing a positive costs its own amount, a false alarm costs the same for all.

    Parameters
    ----------
    fp : float
        Cost of a false alarm, above 0. What it costs to miss a row stands in a column.

    Examples
    --------
    >>> RowCost(fp=10).row_loss(np.array([1, 0]), np.array([0, 1]), amount=np.array([50.0, 99.0]))
    array([50., 10.])
    """

    fp: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.fp) and self.fp > 0):
            raise UsageError(
                f"the cost of a false alarm must be finite and above 0; came fp={self.fp}: raise it"
            )

    @property
    def matrix(self) -> None:
        """There is one for each row."""
        return

    @property
    def implied(self) -> Rule:
        """A threshold for each row."""
        return LeastRowCost(self.fp)

    def check(self, classes: Sequence[Any], *, has_amount: bool) -> None:
        """Raise unless there are two classes, and amounts."""
        super().check(classes, has_amount=has_amount)
        if not has_amount:
            raise UsageError(
                "costs per row need a column with what it costs to miss each row; none came: give "
                "--cost-column (amount= in Python)"
            )

    def text(self, classes: Sequence[Any]) -> str:
        """Say what a mistake costs."""
        return f"missing a positive costs its own amount, a false alarm {self.fp:g}"

    def row_loss(self, y: Integers, decided: Integers, amount: Float | None = None) -> Float:
        """Give what each decision (..., N) on rows (N,) costs."""
        missed, alarm = (y == 1) & (decided == 0), (y == 0) & (decided == 1)
        return np.asarray(missed * _known(amount) + alarm * self.fp)

    def stake(self, y: Integers, amount: Float | None = None) -> Float:
        """Give the most that two decisions about each row (N,) can differ in cost."""
        return np.where(y == 1, _known(amount), self.fp)


def by_default(counts: NDArray[Any], classes: Sequence[Any]) -> Costs:
    """Give the costs that stand in where none are known.

    A mistake on a class costs in inverse proportion to its rows, 1 for the most frequent one. So a
    missed positive costs as much as n_0 / n_1 false alarms.

    Parameters
    ----------
    counts : (K,) array of int
    classes : (K,) sequence

    Examples
    --------
    >>> by_default(np.array([90, 10]), ("no", "yes")).matrix
    array([[0., 1.],
           [9., 0.]])
    """
    each = np.max(counts) / np.asarray(counts, dtype=float)
    costs = np.outer(each, np.ones(len(each))) * (1 - np.eye(len(each)))
    if len(each) == 2:
        return Cost(fn=float(costs[1, 0]), fp=float(costs[0, 1]))
    return CostMatrix(costs, tuple(classes), by_default=True)


def _known(amount: Float | None) -> Float:
    if amount is None:
        raise UsageError("costs per row need the amount of each row; none came: give amount=")
    return amount


def _check_refer(refer: float | None) -> None:
    if refer is not None and not np.isfinite(refer):
        raise UsageError(f"the cost of a referral must be finite; came {refer}: give a number")


def _with_refer(costs: Float, refer: float | None) -> Float:
    if refer is None:
        return costs
    return np.column_stack([costs, np.full(len(costs), refer)])


def _referring(refer: float | None) -> str:
    return "" if refer is None else f"; handing a case to a person costs {refer:g}"


def _row_makes_sense(costs: Float, k: int) -> bool:
    dearer = costs[k] - costs[k, k]
    return bool((dearer >= 0).all() and (dearer > 0).any())
