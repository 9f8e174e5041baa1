"""Versus: what each setting gains on the twin, in three currencies.

Cost
    What decisions are for, compared just as in the verdict: percent of the twin's cost, or points
    of a score.
Ranking
    Average precision, in points: how well rows of a class come before the others, whatever the
    threshold.
Calibration
    Log loss of the repaired probabilities, in percent of the twin's: how far they can be believed.

A setting may win in one and lose in another. Each was fixed before the study, so that nothing was
picked and no interval is widened for a choice. It holds for a setting that one has in mind; among
many some will look better by chance.

Models of different folds share training rows, and their repairs and operating points are chosen on
the same other folds. So the variance of a cost is taken for half as large again as the rows show,
and that of a log loss, which differs a little in every row, for twice as large; so is all that is
said of a reference, which is a model of another kind than the twin (see `outweigh._interval`). The
simulation that this is held to is in `benchmarks/versus.py`.

Letters: N entries, S settings, R seeds, F folds, K classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from outweigh._decisions import Decisions, ranked
from outweigh._difference import Compared, compare, compare_losses, compare_scores, settled
from outweigh._interval import Interval, over_units
from outweigh._objective import Ranking
from outweigh._predictions import REFERENCE, TWIN_NAME, Predictions
from outweigh._rankings import AveragePrecision
from outweigh._scores import log_losses

COST, MOST = 1.5, 2.0  # times as large a variance is as the rows show: of costs, and at most

BETTER, WORSE, ALIKE = "better", "worse", "no detectable difference"

Float = NDArray[np.float64]
Integers = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Gain:
    """What a setting gains on the twin in one currency.

    Attributes
    ----------
    difference : float or None
        Positive where the setting is better. None where there is nothing to compare.
    unit : str
        ``percent`` of the twin's, or ``points``.
    interval : (float, float) or None
        95 % interval of the difference between the trained models of the folds.
    says : str
        ``better`` or ``worse`` where the interval leaves out 0 and the seeds agree, by two standard
        errors of their mean; else ``no detectable difference``.
    by_seed : tuple of float
        The difference for each seed alone, without averaging.
    """

    difference: float | None
    unit: str
    interval: Interval | None
    says: str
    by_seed: tuple[float, ...]


@final
@dataclass(frozen=True)
class Versus:
    """A setting beside the twin: what it gains in cost, in ranking, and in calibration."""

    setting: str
    kind: str
    cost: Gain
    ranking: Gain
    calibration: Gain


def versus_twin(decisions: Decisions) -> tuple[Versus, ...]:
    """Compare every setting but the twin with the twin.

    Parameters
    ----------
    decisions : Decisions

    Returns
    -------
    versus : tuple of Versus
        In the order of the settings.
    """
    p = decisions.predictions
    others = [s for s, name in enumerate(p.settings) if name != TWIN_NAME]
    gains = _gains(decisions, others, (_cost, _ranking, _calibration))
    return tuple(
        Versus(p.settings[s], p.kinds[s], *of_setting)
        for s, of_setting in zip(others, gains, strict=True)
    )


def cost_gains(decisions: Decisions, settings: Sequence[int]) -> tuple[Gain, ...]:
    """Compare some settings, by number, with the twin by what decisions are for alone."""
    return tuple(gain for (gain,) in _gains(decisions, settings, (_cost,)))


@final
@dataclass(frozen=True, eq=False)
class _Side:
    """What a setting says (N, K) and decides (N,), averaged over seeds or by one seed alone."""

    decisions: Decisions
    probability: Float
    decided: Integers
    kind: str

    def shared(self, least: float = 1.0) -> float:
        """Give how many times as large a variance is as the rows show."""
        return MOST if self.kind == REFERENCE else least

    @cached_property
    def precision(self) -> Float:
        """Average precision in each fold (F,)."""
        return ranked(AveragePrecision(), self.decisions.cases, self.probability)

    @cached_property
    def loss(self) -> Float:
        """Log loss of each entry (N,)."""
        return log_losses(self.decisions.cases.y, self.probability)


Currency = Callable[[_Side, _Side], Compared]
"""Compares a setting with the twin."""


def _cost(mine: _Side, twin: _Side) -> Compared:
    said = np.stack([mine.probability, twin.probability])
    decided = np.stack([mine.decided, twin.decided])
    ranks = isinstance(mine.decisions.objective, Ranking)
    return compare(mine.decisions, said, decided, shared=mine.shared(1.0 if ranks else COST))


def _ranking(mine: _Side, twin: _Side) -> Compared:
    p = mine.decisions.predictions
    return compare_scores(p, mine.precision, twin.precision, shared=mine.shared())


def _calibration(mine: _Side, twin: _Side) -> Compared:
    return compare_losses(
        mine.decisions,
        mine.loss,
        twin.loss,
        stake=np.ones(len(mine.loss)),
        shared=MOST,
        method=partial(over_units, unseen=0.0),  # no decision is behind it
    )


def _gains(
    decisions: Decisions, settings: Sequence[int], currencies: Sequence[Currency]
) -> list[tuple[Gain, ...]]:
    """Give what each setting gains in each currency."""
    p = decisions.predictions
    looks = (None, *range(len(p.seeds)))
    average, *seeds = [_compared(decisions, settings, currencies, r) for r in looks]
    return [
        tuple(
            _gain(p, found, [of_seed[i][c].difference for of_seed in seeds])
            for c, found in enumerate(of_setting)
        )
        for i, of_setting in enumerate(average)
    ]


def _compared(
    decisions: Decisions, settings: Sequence[int], currencies: Sequence[Currency], r: int | None
) -> list[list[Compared]]:
    """Compare each setting with the twin in each currency, averaged over seeds or by seed r."""
    twin = _side(decisions, decisions.predictions.settings.index(TWIN_NAME), r)
    sides = (_side(decisions, s, r) for s in settings)
    return [[currency(side, twin) for currency in currencies] for side in sides]


def _side(decisions: Decisions, s: int, r: int | None) -> _Side:
    p = decisions.predictions
    if r is None:
        return _Side(decisions, decisions.probability[s], decisions.decided[s], p.kinds[s])
    of_fold = np.full(len(p.prior), s)
    said = decisions.of_lane(of_fold, r)
    return _Side(decisions, said, decisions.decide(of_fold, said), p.kinds[s])


def _gain(p: Predictions, found: Compared, by_seed: Sequence[float | None]) -> Gain:
    known = tuple(difference for difference in by_seed if difference is not None)
    says = {1: BETTER, -1: WORSE, 0: ALIKE}[settled(p, found.interval, known)]
    return Gain(found.difference, found.unit, found.interval, says, known)
