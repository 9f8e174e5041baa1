"""Scored: what probabilities and decisions are worth, as numbers that say what they stand on.

``held-out`` rows were never used for any choice, ``cross-fitted`` numbers rest on choices made on
other folds, ``in-sample`` ones on choices made on the same rows.

Letters: N entries, K classes, D decisions, S settings, R seeds, F folds.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outweigh import _scores as scores
from outweigh._decisions import Cases, Decisions, ranked
from outweigh._objective import Costs, Counted, Objective, Ranking
from outweigh._predictions import Predictions
from outweigh._repairs import EFFECTIVE_WEIGHT, fit

HELD_OUT, CROSS_FITTED, IN_SAMPLE = "held-out", "cross-fitted", "in-sample"

SHOWN = ("expected_cost", "score", "flagged_share")
"""What is shown of the decisions of each seed and fold."""

Record = dict[str, Any]
Float = NDArray[np.float64]


def number(value: float | None, basis: str, interval: tuple[float, float] | None = None) -> Record:
    """Give a number with its interval and the rows it stands on; what is no number is null."""
    known = value is not None and math.isfinite(value)
    return {
        "value": value if known else None,
        "interval": None if interval is None else list(interval),
        "basis": basis,
    }


def all_numbers(
    objective: Objective,
    cases: Cases,
    probability: Float,
    decided: NDArray[np.int64],
    basis: str,
) -> Record:
    """Score probabilities (N, K) and decisions (N,)."""
    y, weight = cases.y, cases.weight
    precision, area = scores.ranking(y, probability, fold=cases.fold, row_weight=weight)
    return {
        "average_precision": number(precision, basis),
        "roc_auc": number(area, basis),
        **probability_numbers(cases, probability, basis),
        **decision_numbers(objective, cases, probability, decided, basis),
    }


def probability_numbers(cases: Cases, probability: Float, basis: str) -> Record:
    """Say how far probabilities (N, K) are from the classes."""
    return {
        "log_loss": number(scores.log_loss(cases.y, probability, cases.weight), basis),
        "brier": number(scores.brier(cases.y, probability, cases.weight), basis),
    }


def decision_numbers(
    objective: Objective,
    cases: Cases,
    probability: Float,
    decided: NDArray[np.int64],
    basis: str,
) -> Record:
    """Say what decisions (N,) do and cost; of a ranking only how good it is."""
    if isinstance(objective, Ranking):
        each = ranked(objective, cases, probability)
        known = each[np.isfinite(each)]
        found = dict.fromkeys(("flagged_share", "recall", "precision", "referred_share"), math.nan)
        return _with_worth(found, None, None, known.mean() if len(known) else None, basis)
    k = probability.shape[1]
    refers = isinstance(objective, Costs) and objective.refer is not None
    cells = scores.confusion(cases.y, decided, k, cases.weight, n_decisions=k + refers)
    found = scores.decision_scores(cells)
    if isinstance(objective, Counted):
        return _with_worth(found, None, None, float(objective.shown(cells)), basis)
    assert isinstance(objective, Costs)
    cost = _mean_cost(objective, cases, decided)
    constant = cheapest_constant(objective, cases, k)
    return _with_worth(found, 1000 * cost, cost / constant if constant > 0 else None, None, basis)


def cheapest_constant(objective: Costs, cases: Cases, n_classes: int) -> float:
    """Give the mean cost of a case under the cheapest policy that decides all cases alike."""
    return min(_mean_cost(objective, cases, np.full(len(cases.y), d)) for d in range(n_classes))


def at_half(decisions: Decisions, s: int) -> Record:
    """Score what weights do by themselves: the raw output of two classes, flagged above 0.5."""
    said = raw(decisions.predictions, s)
    flagged = (said[:, 1] > 0.5).astype(np.int64)
    return decision_numbers(decisions.objective, decisions.cases, said, flagged, HELD_OUT)


def by_seed(decisions: Decisions, s: int) -> Record:
    """Score each seed alone, without averaging."""
    p, cases = decisions.predictions, decisions.cases
    of_fold = np.full(len(p.prior), s)
    table: dict[str, list[Any]] = {}
    for r in range(len(p.seeds)):
        said = decisions.of_lane(of_fold, r)
        decided = decisions.decide(of_fold, said)
        precision, _ = scores.ranking(cases.y, said, fold=cases.fold, row_weight=cases.weight)
        row = {"average_precision": precision if math.isfinite(precision) else None}
        row |= _values(decision_numbers(decisions.objective, cases, said, decided, HELD_OUT))
        if len(p.classes) == 2:
            half = p.alive[s, r, p.fold] & (p.probability[s, r, :, 1] > 0.5)
            flagged = half.astype(np.int64)
            found = decision_numbers(decisions.objective, cases, said, flagged, HELD_OUT)
            row |= {f"{name}_at_half": value for name, value in _values(found).items()}
        for name, value in row.items():
            table.setdefault(name, []).append(value)
    return {**table, "outcome": p.outcome[s].tolist()}


def by_fold(decisions: Decisions, s: int) -> Record:
    """Score each fold alone, (F,) numbers of a kind; what is no number there is null."""
    cases, table = decisions.cases, dict[str, list[float | None]]()
    for f in range(len(decisions.predictions.prior)):
        entries = np.flatnonzero((cases.fold == f) & (cases.weight > 0))
        row = _of_cases(decisions, s, entries)
        for name, value in row.items():
            table.setdefault(name, []).append(value)
    return table


def calibration(decisions: Decisions, s: int) -> Record:
    """Follow a setting's probabilities: as its networks say them, undone, repaired.

    All for the world of the training rows. `mean` is the mean probability of the positive class,
    where there are two.
    """
    p, calibrated = decisions.predictions, decisions.calibrated
    weight = np.ones(len(p.y)) if p.row_weight is None else p.row_weight
    cases = Cases(p.y, p.fold, weight, None)
    stages = (
        ("raw", raw(p, s), HELD_OUT),
        ("undone", p.averaged()[s], HELD_OUT),
        ("repaired", calibrated.repaired[s], CROSS_FITTED),
    )
    two = len(p.classes) == 2
    return {
        "repair": calibrated.final_kinds[s],
        "by_fold": [str(kind) for kind in calibrated.kinds[s]],
        "map": calibrated.final[s].as_record(),
        "tried": _tried(decisions, s),
        "expressed": _expressed(p, s) if two else None,
        "share_of_positives": float(np.average(p.y == 1, weights=weight)) if two else None,
        **{
            stage: {
                **probability_numbers(cases, said, basis),
                "mean": number(
                    float(np.average(said[:, 1], weights=weight)) if two else None, basis
                ),
            }
            for stage, said, basis in stages
        },
    }


def plain_sums(sums: NDArray[Any], row_weight: Float) -> Any:
    """Give sums of row weights as plain numbers, whole where all row weights are and floats can be.

    Others are rounded to 12 digits: the last ones hang on the order of the rows.
    """
    if (row_weight == np.round(row_weight)).all() and row_weight.sum() < 2.0**53:
        return np.round(sums).astype(np.int64).tolist()
    rounded = [float(f"{value:.12g}") for value in sums.ravel()]
    return np.reshape(rounded, sums.shape).tolist()


def _of_cases(decisions: Decisions, s: int, entries: NDArray[np.int64]) -> Record:
    """Score some entries, and keep what is shown of each fold."""
    d = decisions
    if not len(entries):
        return {**dict.fromkeys(SHOWN), "average_precision": None}
    cases, said, decided = d.cases.take(entries), d.probability[s, entries], d.decided[s, entries]
    precision, _ = scores.ranking(cases.y, said, fold=cases.fold, row_weight=cases.weight)
    return {
        **_values(decision_numbers(d.objective, cases, said, decided, CROSS_FITTED)),
        "average_precision": precision if math.isfinite(precision) else None,
    }


def _tried(decisions: Decisions, s: int) -> dict[str, float] | None:
    """Give the cross-fitted log loss of each repair; None where there were too few rows to try."""
    crossed = decisions.calibrated
    losses = crossed.log_losses[s].tolist()
    return (
        dict(zip(crossed.names, losses, strict=True)) if all(map(math.isfinite, losses)) else None
    )


def raw(predictions: Predictions, s: int) -> Float:
    """Average a setting's weighted probabilities (N, K) over its seeds.

    Diverged lanes are left out; where all of them diverged, the prior of the fold stands in.
    """
    p = predictions
    alive = p.alive[s][:, p.fold, np.newaxis]
    total = np.where(alive, p.probability[s], 0).sum(axis=0, dtype=float)
    n_alive = alive.sum(axis=0)
    return np.where(n_alive > 0, total / np.maximum(n_alive, 1), p.prior[p.fold])


def _expressed(p: Predictions, s: int) -> float | None:
    """Tell which part of the log of the weight ratio the networks express; 1: all of it."""
    ratio = p.class_weight[s, :, 1] / p.class_weight[s, :, 0]
    nominal = float(np.log(ratio).mean())
    if abs(nominal) < 0.01:
        return None
    shift = fit(EFFECTIVE_WEIGHT, p.averaged()[s], p.y, p.row_weight).as_record()["shift"]
    return float(1 - (shift[1] - shift[0]) / nominal)


def _mean_cost(objective: Costs, cases: Cases, decided: NDArray[np.int64]) -> float:
    cost = objective.row_loss(cases.y, decided, cases.amount)
    return float(np.average(cost, weights=cases.weight))


def _with_worth(
    found: dict[str, float],
    cost: float | None,
    share: float | None,
    score: float | None,
    basis: str,
) -> Record:
    every = {"expected_cost": cost, "cost_share": share, "score": score, **found}
    return {name: number(value, basis) for name, value in every.items()}


def _values(numbers: Record) -> dict[str, float | None]:
    """Keep what is shown of each seed and fold."""
    return {name: numbers[name]["value"] for name in SHOWN}
