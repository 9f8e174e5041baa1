"""The objective: what decisions are for.

::

    Objective
    ├── Costs     Cost, CostMatrix, RowCost                     what decisions cost, row by row
    ├── Counted   FBeta, RecallAtPrecision, PrecisionAtRecall,  a score of the counts of all rows
    │             Alerts, BalancedAccuracy, Matthews
    └── Ranking   AveragePrecision, RocAuc                      no decisions at all

Costs imply the operating point. Counted scores choose it among all cut-offs. Rankings choose
settings and refuse to choose a threshold.

Letters: N rows, K classes, D decisions.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outweigh._cutoffs import sweep
from outweigh._errors import UsageError
from outweigh._operating import Cutoff, Rule

Float = NDArray[np.float64]
Integers = NDArray[np.int64]


class Objective(ABC):
    """What decisions are for.

    Attributes
    ----------
    name : str
        What it is called on the command line.
    title : str
        What is compared, in a sentence: "your cost", "F1".
    bound : str
        What must be kept beside that, in a sentence: "the floor of 90 % precision".
    """

    name: str
    title: str
    bound: str = "what was asked"

    def check(self, classes: Sequence[Any], *, has_amount: bool) -> None:
        """Raise a UsageError where it makes no sense for these classes."""
        if len(classes) != 2:
            raise UsageError(
                f"{self.name!r} needs two classes; there are {len(classes)}: give --costs, or "
                "leave it out"
            )

    @abstractmethod
    def text(self, classes: Sequence[Any]) -> str:
        """Say what it is in a sentence."""

    @abstractmethod
    def rule(self, probability: Float, y: Integers, row_weight: Float | None = None) -> Rule:
        """Choose the operating point for probabilities (N, K) and classes (N,)."""

    def of_batch(self, probability: Float, weight: Float) -> Rule | None:
        """Give what decides a batch of cases (N,), if that can be said without their classes.

        Else, and for all but budgets, what other cases chose decides them.
        """
        return None


def checked(objective: Any, classes: Sequence[Any], *, has_amount: bool) -> Objective:
    """Give what came as an objective, if it is one that makes sense for these classes.

    Raises
    ------
    UsageError
        When it is none, or makes no sense.
    """
    if not isinstance(objective, Objective):
        raise UsageError(
            f"an objective must be an object, such as Cost(fn=5, fp=1) or FBeta(1); came "
            f"{objective!r}: give one"
        )
    objective.check(classes, has_amount=has_amount)
    return objective


class Costs(Objective):
    """Decisions cost something, row by row."""

    name = "cost"
    title = "your cost"
    refer: float | None = None
    tuned: bool = False

    @property
    @abstractmethod
    def matrix(self) -> Float | None:
        """Costs (K, D) by true class and decision, where they are the same for all rows."""

    @abstractmethod
    def row_loss(self, y: Integers, decided: Integers, amount: Float | None = None) -> Float:
        """Give what each decision (..., N) on rows (N,) costs."""

    @abstractmethod
    def stake(self, y: Integers, amount: Float | None = None) -> Float:
        """Give the most that two decisions about each row (N,) can differ in cost."""

    @property
    @abstractmethod
    def implied(self) -> Rule:
        """The operating point that follows from the costs alone."""

    def rule(self, probability: Float, y: Integers, row_weight: Float | None = None) -> Rule:
        """Give the operating point that follows from the costs, whatever the rows."""
        return self.implied


class Counted(Objective):
    """A score of two classes, made from the counts of true class by decision; more is better."""

    @abstractmethod
    def shown(self, cells: Float) -> Float:
        """Give the score of counts (..., 2, 2), as users know it."""

    def value(self, cells: Float) -> Float:
        """Give what is to be as large as possible: the score, below 0 where a floor is missed."""
        return self.shown(cells)

    def rule(self, probability: Float, y: Integers, row_weight: Float | None = None) -> Cutoff:
        """Choose the best of all cut-offs."""
        swept = sweep(probability[:, 1], y, row_weight)
        return Cutoff(swept.best(self.value(swept.cells)))


class Ranking(Objective):
    """How well positives come before negatives; of more than two classes each against the rest."""

    def check(self, classes: Sequence[Any], *, has_amount: bool) -> None:
        """Raise nothing: any classes can be ranked."""

    @abstractmethod
    def score(self, y: Integers, probability: Float, row_weight: Float) -> float:
        """Score probabilities (N, K); NaN where there is no case, or nothing else."""

    def rule(self, probability: Float, y: Integers, row_weight: Float | None = None) -> Rule:
        """Refuse to choose.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError(
            f"an objective must decide to have a threshold; {self.name} ranks: give --cost-fn and "
            "--cost-fp, or f1"
        )
