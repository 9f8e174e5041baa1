"""Scores of counts: how many rows of each of two classes are decided each way.

Where there is nothing to divide by, a score is 0. A floor that no cut-off reaches is approached as
far as one can; a budget is never exceeded.

Letters: the last two axes of ``cells`` are true class and decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from outweigh._cutoffs import sweep
from outweigh._errors import UsageError
from outweigh._objective import Counted
from outweigh._operating import Cutoff

Float = NDArray[np.float64]

ROUNDING = 1e-12
"""By which part a share may miss its bound: sums of row weights are not exact."""


@final
@dataclass(frozen=True)
class FBeta(Counted):
    """The harmonic mean of precision and recall, recall counted `beta` times.

    Parameters
    ----------
    beta : float
        Above 0 and at most 1,000.

    Examples
    --------
    >>> float(FBeta(1).shown(np.array([[80, 10], [5, 5]]))).__round__(3)
    0.4
    """

    beta: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.beta <= 1000:
            raise UsageError(
                f"beta must be above 0 and at most 1000; came {self.beta:g}: write f1 or fbeta:2"
            )

    @property
    def name(self) -> str:  # type: ignore[override]
        """What it is called on the command line."""
        return "f1" if self.beta == 1 else f"fbeta:{_digits(self.beta)}"

    @property
    def title(self) -> str:  # type: ignore[override]
        """What is compared."""
        return f"F{_digits(self.beta)}"

    def text(self, classes: Sequence[Any]) -> str:
        """Say what it is."""
        return f"the largest {self.title} of class {classes[1]!s}"

    def shown(self, cells: Float) -> Float:
        """Give F-beta of counts (..., 2, 2); 0 where nothing is found."""
        _, fp, fn, tp = _cells(cells)
        b = self.beta**2
        return _ratio((1 + b) * tp, (1 + b) * tp + b * fn + fp)


@final
@dataclass(frozen=True)
class RecallAtPrecision(Counted):
    """The largest recall among cut-offs of at least some precision; else the best precision.

    Parameters
    ----------
    floor : float
        The precision, above 0 and at most 1.

    Examples
    --------
    >>> RecallAtPrecision(0.9).name
    'recall@precision>=0.9'
    """

    floor: float

    def __post_init__(self) -> None:
        _check_floor(self.floor, "precision")

    @property
    def name(self) -> str:  # type: ignore[override]
        """What it is called on the command line."""
        return f"recall@precision>={_digits(self.floor)}"

    title = "recall"

    @property
    def bound(self) -> str:  # type: ignore[override]
        """What must be kept."""
        return f"the floor of {100 * self.floor:g} % precision"

    def text(self, classes: Sequence[Any]) -> str:
        """Say what it is."""
        return f"the largest recall among cut-offs of at least {100 * self.floor:g} % precision"

    def shown(self, cells: Float) -> Float:
        """Give recall."""
        _, _, fn, tp = _cells(cells)
        return _ratio(tp, tp + fn)

    def value(self, cells: Float) -> Float:
        """Give recall, or precision less 1 where the floor is missed."""
        _, fp, _, tp = _cells(cells)
        precision = _ratio(tp, tp + fp)
        return np.where(_reaches(precision, self.floor), self.shown(cells), precision - 1)


@final
@dataclass(frozen=True)
class PrecisionAtRecall(Counted):
    """The largest precision among cut-offs of at least some recall.

    Parameters
    ----------
    floor : float
        The recall, above 0 and at most 1.

    Examples
    --------
    >>> PrecisionAtRecall(0.9).name
    'precision@recall>=0.9'
    """

    floor: float

    def __post_init__(self) -> None:
        _check_floor(self.floor, "recall")

    @property
    def name(self) -> str:  # type: ignore[override]
        """What it is called on the command line."""
        return f"precision@recall>={_digits(self.floor)}"

    title = "precision"

    @property
    def bound(self) -> str:  # type: ignore[override]
        """What must be kept."""
        return f"the floor of {100 * self.floor:g} % recall"

    def text(self, classes: Sequence[Any]) -> str:
        """Say what it is."""
        return f"the largest precision among cut-offs of at least {100 * self.floor:g} % recall"

    def shown(self, cells: Float) -> Float:
        """Give precision."""
        _, fp, _, tp = _cells(cells)
        return _ratio(tp, tp + fp)

    def value(self, cells: Float) -> Float:
        """Give precision, or recall less 1 where the floor is missed."""
        _, _, fn, tp = _cells(cells)
        recall = _ratio(tp, tp + fn)
        return np.where(_reaches(recall, self.floor), self.shown(cells), recall - 1)


@final
@dataclass(frozen=True)
class Alerts(Counted):
    """As many positives as possible among so many flagged of 1,000 cases.

    Parameters
    ----------
    per_1000 : float
        The budget, above 0 and below 1,000. Rows of one probability are flagged together, or not
        at all where they do not fit in it.

    Examples
    --------
    >>> Alerts(10).name
    'alerts:10'
    """

    per_1000: float

    def __post_init__(self) -> None:
        if not 0 < self.per_1000 < 1000:
            raise UsageError(
                "a budget of alerts must be above 0 and below 1000 of 1,000 cases; came "
                f"{self.per_1000:g}: write alerts:10"
            )

    @property
    def name(self) -> str:  # type: ignore[override]
        """What it is called on the command line."""
        return f"alerts:{_digits(self.per_1000)}"

    title = "recall within the budget"

    def text(self, classes: Sequence[Any]) -> str:
        """Say what it is."""
        return f"as many positives as possible among {self.per_1000:g} alerts per 1,000 cases"

    def shown(self, cells: Float) -> Float:
        """Give recall."""
        _, _, fn, tp = _cells(cells)
        return _ratio(tp, tp + fn)

    def value(self, cells: Float) -> Float:
        """Give recall, or minus the share flagged where that is over the budget."""
        flagged, within = self._flagged(cells)
        return np.where(within, self.shown(cells), -flagged)

    def of_batch(self, probability: Float, weight: Float) -> Cutoff:
        """Flag the most likely cases (N,) of a batch, as many as the budget has room for.

        A threshold from elsewhere flags more or fewer, and more alerts are no better model.
        """
        swept = sweep(probability[:, 1], np.zeros(len(weight), dtype=np.int64), weight)
        flagged, within = self._flagged(swept.cells)
        return Cutoff(swept.best(np.where(within, flagged, -flagged)))

    def _flagged(self, cells: Float) -> tuple[Float, NDArray[np.bool_]]:
        """Give the share flagged of counts (..., 2, 2), and whether it is within the budget."""
        _, fp, _, tp = _cells(cells)
        flagged = _ratio(tp + fp, cells.sum(axis=(-2, -1)))
        return flagged, flagged <= self.per_1000 / 1000 * (1 + ROUNDING)


@final
@dataclass(frozen=True)
class BalancedAccuracy(Counted):
    """The mean of the recalls of both classes."""

    name = "balanced-accuracy"
    title = "balanced accuracy"

    def text(self, classes: Sequence[Any]) -> str:
        """Say what it is."""
        return "the largest mean of the recalls of both classes"

    def shown(self, cells: Float) -> Float:
        """Give the mean recall."""
        tn, fp, fn, tp = _cells(cells)
        return np.asarray((_ratio(tp, tp + fn) + _ratio(tn, tn + fp)) / 2)


@final
@dataclass(frozen=True)
class Matthews(Counted):
    """The correlation of class and decision, from −1 to 1."""

    name = "mcc"
    title = "the Matthews correlation"

    def text(self, classes: Sequence[Any]) -> str:
        """Say what it is."""
        return "the largest Matthews correlation of class and decision"

    def shown(self, cells: Float) -> Float:
        """Give the correlation; 0 where one class or decision is missing."""
        tn, fp, fn, tp = _cells(cells / np.maximum(cells.sum(axis=(-2, -1), keepdims=True), 1e-300))
        spread = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        return _ratio(tp * tn - fp * fn, spread)


def _check_floor(floor: float, of: str) -> None:
    if not 0 < floor <= 1:
        raise UsageError(
            f"a floor of {of} must be above 0 and at most 1; came {floor:g}: write 0.9 for 90 %"
        )


def _reaches(share: Float, floor: float) -> NDArray[np.bool_]:
    return np.asarray(share >= floor * (1 - ROUNDING))


def _digits(value: float) -> str:
    """Write a number in as few digits as bring it back, 2.0 as 2."""
    return np.format_float_positional(value, trim="-")


def _cells(cells: Float) -> tuple[Float, Float, Float, Float]:
    """Give true negatives, false positives, false negatives and true positives."""
    cells = np.asarray(cells, dtype=float)
    return cells[..., 0, 0], cells[..., 0, 1], cells[..., 1, 0], cells[..., 1, 1]


def _ratio(part: Float, whole: Float) -> Float:
    """Divide; 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)
