"""Decisions: what every setting comes to once it is repaired, deployed and cut where it should be.

Predictions → repair → deployment → operating point. Each fold's repair and operating point are
chosen on the other folds, so that a decision never rests on the row that it is about.

Letters: N entries, S settings, R seeds, F folds, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from outweigh._calibration import CrossFitted, cross_fit
from outweigh._deployment import deployed
from outweigh._objective import Costs, Counted, Objective, Ranking
from outweigh._operating import Rule
from outweigh._predictions import Predictions
from outweigh._repairs import LINES, REPAIRS, Repair
from outweigh._scores import confusion

Float = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Cases:
    """What decisions are judged on.

    Attributes
    ----------
    y : (M,) int64
    fold : (M,) int64
    weight : (M,) float64
        What each case counts at deployment.
    amount : (M,) float64, optional
        What it costs to miss each case if it is positive.
    """

    y: NDArray[np.int64]
    fold: NDArray[np.int64]
    weight: Float
    amount: Float | None

    def take(self, entries: NDArray[np.int64]) -> "Cases":
        """Keep some cases, by number."""
        amount = None if self.amount is None else self.amount[entries]
        return Cases(self.y[entries], self.fold[entries], self.weight[entries], amount)


@final
@dataclass(frozen=True, eq=False)
class Applied:
    """What settings say (S, M, K) and decide (S, M) of cases that no choice rests on."""

    cases: Cases
    probability: Float
    decided: NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False, kw_only=True)
class Decisions:
    """What every setting decides about rows that had no part in it.

    Attributes
    ----------
    predictions : Predictions
    objective : Objective
    factor : (K,) float64
        How many times as frequent each class is where the model will be used.
    cases : Cases
        The entries, as they count at deployment.
    calibrated : CrossFitted
    probability : (S, N, K) float64
        Class weights undone, averaged over seeds, repaired by what other folds taught, and at
        deployment.
    rules : (S, F) tuples of Rule
        The operating point for each fold, chosen on the others. Empty where the objective ranks.
    final_rules : (S,) tuple of Rule
        Chosen on all folds: for new rows. Empty where the objective ranks.
    decided : (S, N) int64
        All 0 where the objective ranks.
    elsewhere : (S, F) float64
        What each setting comes to on the other folds of each fold; less is better.
    """

    predictions: Predictions
    objective: Objective
    factor: Float
    cases: Cases
    calibrated: CrossFitted
    probability: Float
    rules: tuple[tuple[Rule, ...], ...]
    final_rules: tuple[Rule, ...]
    decided: NDArray[np.int64]
    elsewhere: Float

    @property
    def thresholds(self) -> Float:
        """The thresholds (S, F); NaN where a rule has none."""
        return np.array([[_threshold(rule) for rule in of_folds] for of_folds in self.rules])

    @property
    def overall(self) -> Float:
        """What each setting (S,) comes to on all folds, cross-fitted; less is better."""
        return worth(self.objective, self.cases, self.probability, self.decided)

    def apply(self, predictions: Predictions) -> Applied:
        """Repair and decide other rows by what all folds taught, each setting by its name."""
        cases = Cases(
            predictions.y, predictions.fold, _weight(predictions, self.factor), predictions.amount
        )
        places = [self.predictions.settings.index(name) for name in predictions.settings]
        averaged = zip(places, predictions.averaged(), strict=True)
        said = deployed(np.stack([self.calibrated.final[s](p) for s, p in averaged]), self.factor)
        rules = [self.final_rules[s] for s in places] if self.final_rules else []
        return Applied(cases, said, _decided(self.objective, rules, cases, said))

    def of_settings(self, of_fold: NDArray[np.int64]) -> Float:
        """Give the probabilities (N, K) of a setting for each fold (F,)."""
        fold = self.predictions.fold
        return np.asarray(self.probability[of_fold[fold], np.arange(len(fold))])

    def of_lane(self, of_fold: NDArray[np.int64], r: int) -> Float:
        """Give what one seed alone says (N, K): repaired as the average is, at deployment.

        A lane that diverged says that all classes are as likely.
        """
        p = self.predictions
        said = np.empty((len(p.row), len(p.classes)))
        for s in np.unique(of_fold):
            alive = p.alive[s, r, p.fold, np.newaxis]
            lane = np.where(alive, p.of_lane(s, r), 1 / len(p.classes))
            for f in np.flatnonzero(of_fold == s):
                there = p.fold == f
                said[there] = self.calibrated.maps[s][f](lane[there])
        return deployed(said, self.factor)

    def decide(self, of_fold: NDArray[np.int64], probability: Float) -> NDArray[np.int64]:
        """Decide entries (N, K) by the rules of a setting for each fold (F,); 0 in a ranking."""
        rules = [tuple(self.rules[s][f] for f, s in enumerate(of_fold))] if self.rules else []
        said = probability[np.newaxis]
        return np.asarray(_by_fold(self.objective, rules, self.cases, said)[0])


def decide_all(
    predictions: Predictions,
    objective: Objective,
    *,
    factor: Float | None = None,
    repairs: Sequence[Repair] | None = None,
) -> Decisions:
    """Repair, deploy and decide what every setting predicts.

    Parameters
    ----------
    predictions : Predictions
    objective : Objective
    factor : (K,) float64, optional
        As `Deployment.factor` gives it; all 1 unless given.
    repairs : sequence of Repair, optional
        What to choose from: unless given all, or `LINES` where the objective ranks.

    Returns
    -------
    decisions : Decisions
    """
    p = predictions
    factor = np.ones(len(p.classes)) if factor is None else factor
    if repairs is None:
        repairs = LINES if isinstance(objective, Ranking) else REPAIRS
    calibrated = cross_fit(
        p.averaged(),
        y=p.y,
        fold=p.fold,
        repeat=np.asarray(p.repeat),
        row_weight=p.row_weight,
        unit=p.unit,
        repairs=repairs,
    )
    probability = deployed(calibrated.repaired, factor)
    cases = Cases(p.y, p.fold, _weight(p, factor), p.amount)
    rules, elsewhere = [], []
    for f in range(len(p.prior)):
        entries, said = calibrated.within(f)
        said, others = deployed(said, factor), cases.take(entries)
        rules.append(operating_points(objective, others, said))
        decided = _decided(objective, rules[-1], others, said)
        elsewhere.append(worth(objective, others, said, decided))
    of_settings = tuple(zip(*rules, strict=True))
    return Decisions(
        predictions=p,
        objective=objective,
        factor=factor,
        cases=cases,
        calibrated=calibrated,
        probability=probability,
        rules=of_settings,
        final_rules=operating_points(objective, cases, probability),
        decided=_by_fold(objective, of_settings, cases, probability),
        elsewhere=np.stack(elsewhere, axis=1),
    )


def operating_points(objective: Objective, cases: Cases, probability: Float) -> tuple[Rule, ...]:
    """Choose a rule for each of the settings (S, M, K) on some cases; none where it ranks."""
    if isinstance(objective, Ranking):
        return ()
    return tuple(objective.rule(said, cases.y, cases.weight) for said in probability)


def worth(
    objective: Objective, cases: Cases, probability: Float, decided: NDArray[np.int64]
) -> Float:
    """Give what settings (S,) come to on some cases (M,): less is better.

    Parameters
    ----------
    objective : Objective
    cases : Cases
    probability : (S, M, K) float64
    decided : (S, M) int
        Not looked at where the objective ranks.
    """
    if isinstance(objective, Ranking):
        each = np.array([ranked(objective, cases, said) for said in probability])
        known = np.isfinite(each).all(axis=0)
        return np.asarray(-each[:, known].mean(axis=1)) if known.any() else np.zeros(len(each))
    if isinstance(objective, Counted):
        cells = [confusion(cases.y, d, 2, cases.weight) for d in decided]
        return np.asarray(-objective.value(np.stack(cells)))
    if isinstance(objective, Costs):
        loss = objective.row_loss(cases.y, decided, cases.amount)
        return np.asarray(np.vecdot(loss, cases.weight))  # unlike a matrix product, row by row
    raise TypeError(f"{objective!r} must be costs, a score of counts, or a ranking")


def ranked(objective: Ranking, cases: Cases, probability: Float) -> Float:
    """Score the ranking (M, K) of each fold; NaN where one has no case, or nothing else."""
    folds = [cases.fold == f for f in np.unique(cases.fold)]
    return np.array([objective.score(cases.y[f], probability[f], cases.weight[f]) for f in folds])


def _weight(p: Predictions, factor: Float) -> Float:
    """Give what each entry (N,) counts where class k is `factor[k]` times as frequent."""
    return factor[p.y] if p.row_weight is None else factor[p.y] * p.row_weight


def _decided(
    objective: Objective, rules: Sequence[Rule], cases: Cases, probability: Float
) -> NDArray[np.int64]:
    """Decide (S, M), each setting by one rule; all 0 where there are none."""
    decided = np.zeros(probability.shape[:2], dtype=np.int64)
    for s, chosen in enumerate(rules):
        rule = objective.of_batch(probability[s], cases.weight) or chosen
        decided[s] = rule.decide(probability[s], cases.amount)
    return decided


def _by_fold(
    objective: Objective, rules: Sequence[Sequence[Rule]], cases: Cases, probability: Float
) -> NDArray[np.int64]:
    """Decide (S, N), each setting by a rule for each fold; all 0 where there are none.

    What can be decided without classes is decided of all folds together, as one batch.
    """
    decided = np.zeros(probability.shape[:2], dtype=np.int64)
    for s, of_folds in enumerate(rules):
        batch = objective.of_batch(probability[s], cases.weight)
        for f, chosen in enumerate(of_folds):
            there = np.flatnonzero(cases.fold == f)
            amount = None if cases.amount is None else cases.amount[there]
            decided[s, there] = (batch or chosen).decide(probability[s, there], amount)
    return decided


def _threshold(rule: Rule) -> float:
    return float("nan") if rule.threshold is None else rule.threshold
