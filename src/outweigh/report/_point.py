"""A point: what one setting does at one threshold, under some costs, in some world.

It is arithmetic on the counted tables of a record, ``results["counts"]``: the script of the page
does the same, ``point.js``, operation by operation, so that a slider needs no rows and both come to
the same bits.

Letters: G knots, thresholds at which cases were counted.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]

ROUNDING = 1e-9  # a budget of 10 alerts is not missed by an error of floats, nor a half
TINY = 1e-12  # nor a knot by one, where a threshold goes to another world and back


@dataclass(frozen=True)
class Costs:
    """What each of the four outcomes of a case costs."""

    tn: float
    fp: float
    fn: float
    tp: float

    @property
    def threshold(self) -> float:
        """The probability from which flagging costs less than not.

        C. Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.

        Examples
        --------
        >>> Costs(tn=0, fp=1, fn=4, tp=0).threshold
        0.2
        """
        alarm = self.fp - self.tn
        return alarm / (alarm + self.fn - self.tp)


@dataclass(frozen=True)
class Tables:
    """Counted tables of one world.

    Attributes
    ----------
    counts : dict
        ``results["counts"]``.
    prevalence : float
        Share of positives among the cases that decisions are for.
    """

    counts: Record
    prevalence: float

    @property
    def knots(self) -> list[float]:
        """The thresholds (G,) at which cases were counted; the last one flags nobody."""
        return [math.inf if t is None else t for t in self.counts["threshold"]]

    def knot(self, threshold: float) -> int:
        """Give the first knot at or above a threshold on the probabilities of this world."""
        there = _moved(threshold, 1 / self._factor)
        return bisect_left(self.knots, there * (1 - TINY))

    def knot_of_budget(self, setting: str, alerts: float) -> int:
        """Give the first knot that flags no more than so many of 1,000 cases."""
        most = alerts / 1000 * (1 + ROUNDING)
        every = range(len(self.counts["threshold"]))
        return next(g for g in every if self.flagged(self.rates(setting, g)) <= most)

    def threshold(self, knot: int) -> float | None:
        """Give a knot on the probabilities of this world; None flags nobody."""
        t = self.counts["threshold"][knot]
        return None if t is None else _moved(t, self._factor)

    def rates(self, setting: str, knot: int) -> tuple[float, float]:
        """Give the shares flagged of the positives and of the negatives."""
        counted = self.counts["settings"][setting]
        return self.shares(counted["tp"][knot], counted["fp"][knot])

    def shares(self, tp: float, fp: float) -> tuple[float, float]:
        """Give counts as shares of the positives and of the negatives."""
        return tp / self.counts["positives"], fp / self.counts["negatives"]

    def cost(self, rates: tuple[float, float], costs: Costs) -> float:
        """Give the expected cost of 1,000 cases."""
        recall, alarm = rates
        b, c = self.prevalence, costs
        missed = recall * c.tp + (1 - recall) * c.fn
        alarmed = alarm * c.fp + (1 - alarm) * c.tn
        return 1000 * (b * missed + (1 - b) * alarmed)

    def constant(self, costs: Costs) -> float:
        """Give the expected cost of the cheapest policy that treats all cases alike."""
        return min(self.cost((0, 0), costs), self.cost((1, 1), costs))

    def flagged(self, rates: tuple[float, float]) -> float:
        """Give the share flagged of all cases."""
        recall, alarm = rates
        return self.prevalence * recall + (1 - self.prevalence) * alarm

    @property
    def _factor(self) -> float:
        """How many times the odds of this world are those that were counted."""
        b, counted = self.prevalence, prevalence(self.counts)
        return b / (1 - b) / (counted / (1 - counted))


@dataclass(frozen=True)
class Point:
    """What one setting does at one knot.

    Attributes
    ----------
    tp, fp, fn, tn : float
        Counts of the rows that were judged.
    per_1000 : (4,) tuple of float
        True positives, false negatives, false positives, true negatives among 1,000 cases.
    precision, share : float, optional
        None where nobody is flagged; where the cheapest constant policy costs nothing.
    """

    knot: int
    threshold: float | None
    tp: float
    fp: float
    fn: float
    tn: float
    per_1000: tuple[float, float, float, float]
    flagged: float
    recall: float
    precision: float | None
    cost: float
    share: float | None


def prevalence(counts: Record) -> float:
    """Give the share of positives in the world that cases were counted in."""
    f0, f1 = counts["factor"]
    positives, negatives = counts["positives"] * f1, counts["negatives"] * f0
    return float(positives / (positives + negatives))


def point(tables: Tables, setting: str, knot: int, costs: Costs) -> Point:
    """Give what a setting does at a knot.

    Examples
    --------
    >>> counted = {"tp": [4, 3, 0], "fp": [16, 2, 0]}
    >>> counts = {"threshold": [0.0, 0.2, None], "positives": 4, "negatives": 16, "factor": [1, 1]}
    >>> tables = Tables(counts | {"settings": {"none": counted}}, prevalence=0.2)
    >>> found = point(tables, "none", 1, Costs(tn=0, fp=1, fn=4, tp=0))
    >>> found.recall, round(found.precision, 9), round(found.cost, 9)
    (0.75, 0.6, 300.0)
    """
    counts, b = tables.counts, tables.prevalence
    counted = counts["settings"][setting]
    tp, fp = counted["tp"][knot], counted["fp"][knot]
    recall, alarm = tables.rates(setting, knot)
    flagged = tables.flagged((recall, alarm))
    cost, constant = tables.cost((recall, alarm), costs), tables.constant(costs)
    return Point(
        knot=knot,
        threshold=tables.threshold(knot),
        tp=tp,
        fp=fp,
        fn=counts["positives"] - tp,
        tn=counts["negatives"] - fp,
        per_1000=(
            1000 * (b * recall),
            1000 * (b * (1 - recall)),
            1000 * ((1 - b) * alarm),
            1000 * ((1 - b) * (1 - alarm)),
        ),
        flagged=flagged,
        recall=recall,
        precision=b * recall / flagged if flagged else None,
        cost=cost,
        share=cost / constant if constant > 0 else None,
    )


def _moved(probability: float, factor: float) -> float:
    """Multiply the odds of a probability."""
    if factor == 1 or not 0 < probability < 1:
        return probability
    odds = probability / (1 - probability) * factor
    return odds / (1 + odds)


def whole_cases(per_1000: Sequence[float]) -> list[int]:
    """Round the four kinds of 1,000 cases to whole numbers: first the positives, then what is done.

    Examples
    --------
    >>> whole_cases([18.4, 4.8, 40.3, 936.5])
    [18, 5, 40, 937]
    """
    caught, missed, alarmed, left = per_1000
    positives = _half_up(caught + missed)
    others = 1000 - positives
    tp = _half_up(caught * positives / (caught + missed or 1))
    fp = _half_up(alarmed * others / (alarmed + left or 1))
    return [tp, positives - tp, fp, others - fp]


def _half_up(x: float) -> int:
    """Round; a half is one, whatever floats made of it."""
    return math.floor(x + 0.5 + ROUNDING)
