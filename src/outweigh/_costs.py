"""Costs: what each decision costs, row by row.

A cost matrix has the true classes as rows and the decided ones as columns.

A case may be handed to a person at a cost of its own. One that no right decision undercuts would
hand on every case and is refused. One as high as the expected cost of the most doubtful case hands
on none, and is as good as left out.

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
from outweigh._operating import Cutoff, LeastCost, LeastRowCost, Rule, makes_sense
from outweigh._reading import one_line, quoted, shown

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
        Cost of handing a case to a person, above that of a right decision. Nobody is handed on
        where it reaches the expected cost at the threshold: fn · fp / (fn + fp), if right decisions
        are free.
    tuned : bool
        Whether the threshold is the one of least cost on held-out rows, instead of Elkan's, which
        follows from the costs and has no luck of rows in it. Goes without `refer`.

    Raises
    ------
    UsageError
        When a mistake costs no more than the right decision, or the costs contradict each other.

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
        came = f"fn={self.fn:g}, tp={self.tp:g}, fp={self.fp:g}, tn={self.tn:g}"
        if not np.isfinite([self.fn, self.tp, self.fp, self.tn]).all():
            raise UsageError(f"costs must be finite; came {came}: give numbers")
        if not (self.fn > self.tp and self.fp > self.tn):
            raise UsageError(
                "a mistake must cost more than the right decision (c10 > c00 and c01 > c11); came "
                f"{came}: raise {'fp' if self.fn > self.tp else 'fn'}"
            )
        _check_refer(self.refer, self.matrix)
        if self.tuned and self.refer is not None:
            raise UsageError(
                "a threshold can be tuned where all cases are decided; came tuned=True and "
                f"refer={self.refer:g}: leave one of them out"
            )

    @property
    def matrix(self) -> Float:
        """The cost matrix, (2, D)."""
        return _with_refer(np.array([[self.tn, self.fp], [self.fn, self.tp]], float), self.refer)

    @property
    def implied(self) -> Rule:
        """Elkan's threshold."""
        return LeastCost(self.matrix)

    def text(self, classes: Sequence[Any]) -> str:
        """Say what a missed positive is worth in false alarms, or the other way round."""
        how = "; the threshold is tuned on other folds" if self.tuned else ""
        return _in_false_alarms(self.matrix) + how + _referring(self.refer)

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
        Cost of handing a case to a person, above that of the cheapest right decision.
    by_default : bool
        Whether nobody gave these costs.

    Raises
    ------
    UsageError
        When they are no such table, or a mistake costs no more than the right decision.

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
        costs, classes = _numbers(self.costs), tuple(self.classes)
        object.__setattr__(self, "costs", costs)
        object.__setattr__(self, "classes", classes)
        _check_shape(costs, len(classes))
        for costs_of_class, true in zip(costs, classes, strict=True):
            if not np.isfinite(costs_of_class).all():
                raise UsageError(
                    f"costs must be finite; for the true class {shown(true)} came "
                    f"{quoted(costs_of_class.tolist())}: give numbers"
                )
        if not makes_sense(costs):
            worst = next(k for k in range(len(costs)) if not _row_makes_sense(costs, k))
            raise UsageError(
                "a mistake must cost more than the right decision (c10 > c00 and c01 > c11); for "
                f"the true class {shown(classes[worst])} came {quoted(costs[worst].tolist())}: "
                "raise the mistakes in its row"
            )
        _check_refer(self.refer, costs)

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
        pairs = zip(classes, self.classes, strict=False)
        same = all(label == own or str(label) == str(own) for label, own in pairs)
        if len(classes) != len(self.classes) or not same:
            raise UsageError(
                f"costs must be for the classes {quoted(classes)}, in this order; came those for "
                f"{quoted(self.classes)}: give a row and a column for each"
            )

    def text(self, classes: Sequence[Any]) -> str:
        """Say in short what the mistakes cost."""
        if len(classes) == 2:
            what = _in_false_alarms(self.costs)
        elif self.by_default:
            what = "a mistake costs in inverse proportion to the rows of the true class"
        else:
            what = (
                f"each case is decided at least expected cost, by costs of {len(classes)} classes"
            )
        return what + _referring(self.refer)

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
                f"the cost of a false alarm must be finite and above 0; came fp={self.fp:g}: give "
                "a number such as 10"
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


def _numbers(costs: Any) -> Float:
    try:
        return np.array(costs, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(
            f"costs must be a table of numbers; {one_line(error)}: give a row for each true class"
        ) from None


def _check_shape(costs: Float, k: int) -> None:
    if costs.shape != (k, k):
        raise UsageError(
            f"costs must be {k} × {k}, a row for each true class and a column for each decision; "
            f"came {' × '.join(map(str, costs.shape)) or 'one number'}: give one for each pair"
        )


def _check_refer(refer: float | None, costs: Float) -> None:
    """Refuse a referral as cheap as any right decision: every case would be referred."""
    if refer is None:
        return
    right = float(np.diag(costs).min())
    if not right < refer < float("inf"):
        raise UsageError(
            f"a referral must cost more than a right decision, {right:g}, or every case is "
            f"referred; came {refer:g}: give what it costs that a person looks"
        )


def _in_false_alarms(costs: Float) -> str:
    """Say what the dearer mistake costs, in the other one, from a matrix (2, D)."""
    (tn, fp), (fn, tp) = costs[:, :2].tolist()
    miss, alarm = fn - tp, fp - tn
    if miss >= alarm:
        many = _times(miss / alarm, "false alarm")
        return f"one missed positive costs as much as {many}"
    return f"one false alarm costs as much as {_times(alarm / miss, 'missed positive')}"


def _times(ratio: float, mistake: str) -> str:
    """Say how many of a mistake, a whole number below a million with its thousands apart."""
    number = f"{ratio:.4g}"
    if number == "1":
        return f"one {mistake}"
    return f"{ratio:,.0f} {mistake}s" if 1000 <= ratio < 1e6 else f"{number} {mistake}s"


def _with_refer(costs: Float, refer: float | None) -> Float:
    if refer is None:
        return costs
    return np.column_stack([costs, np.full(len(costs), refer)])


def _referring(refer: float | None) -> str:
    return "" if refer is None else f"; handing a case to a person costs {refer:g}"


def _row_makes_sense(costs: Float, k: int) -> bool:
    dearer = costs[k] - costs[k, k]
    return bool((dearer >= 0).all() and (dearer > 0).any())
