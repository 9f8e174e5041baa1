"""The record: a study as plain JSON types, which is also ``results.json``.

Every number of the report stands here, with the rows it stands on: ``held-out`` rows were never
used for any choice, ``cross-fitted`` numbers rest on choices made on other folds, ``in-sample``
ones on choices made on the same rows.

Letters: N entries, K classes, S settings, R seeds.
"""

import math
import os
import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np

from outweigh import _scores as scores
from outweigh._chunk import COLLAPSED, Trained
from outweigh._compare import NO_GAIN, TOO_FEW, Verdict
from outweigh._findings import Finding
from outweigh._operating import cheapest_constant, decide, describe, threshold
from outweigh._predictions import Predictions
from outweigh._settings import TWIN, Setting
from outweigh._study import Evidence
from outweigh._table import Table

HELD_OUT = "held-out"
LIBRARIES = ("outweigh", "keras", "jax", "numpy", "scikit-learn")

Record = dict[str, Any]


def record(
    evidence: Evidence, *, about_network: Mapping[str, str], findings: Sequence[Finding] = ()
) -> Record:
    """Give a study as plain JSON types.

    Parameters
    ----------
    evidence : Evidence
    about_network : mapping
        What the trainer says of its network.
    findings : sequence of Finding

    Returns
    -------
    record : dict
        With the keys of ``results.json``.
    """
    e = evidence
    training = e.table.take(e.split.rest)
    settings = settings_record(e.predictions, e.settings, e.costs, training)
    return {
        "outweigh": version("outweigh"),
        "data": data_record(e.table, e.split.rest, e.split.test),
        "objective": objective_record(e.costs, e.table, given=e.costs_given),
        "design": _design(e, about_network),
        "settings": settings,
        "chosen": chosen_record(e.verdict, settings),
        "verdict": verdict_record(e.verdict),
        "curves": curves_record(e.predictions),
        "history": _history(e.settings, e.curves),
        "test": _test(e),
        "findings": [asdict(finding) for finding in findings],
        "timing": {"seconds": dict(e.seconds)},
        "environment": environment(),
    }


def data_record(table: Table, training: np.ndarray, test: np.ndarray) -> Record:
    """Describe the rows."""
    positive = table.positive
    return {
        "source": table.source,
        "target": table.target,
        **_part(table, np.arange(len(table.y))),
        "features": len(table.names),
        "positive": None if positive is None else str(positive),
        "prevalence": None if positive is None else float(np.mean(table.y == 1)),
        "training": _part(table, training),
        "test": _part(table, test) if len(test) else None,
        "notes": list(table.notes),
    }


def objective_record(costs: np.ndarray, table: Table, *, given: bool) -> Record:
    """Describe what mistakes cost."""
    two = len(costs) == 2
    return {
        "name": "cost",
        "text": describe(costs, table.classes, default=not given),
        "cost_fn": float(costs[1, 0]) if two else None,
        "cost_fp": float(costs[0, 1]) if two else None,
        "default": not given,
        "matrix": costs.tolist(),
        "threshold": threshold(costs) if two else None,
    }


def settings_record(
    predictions: Predictions, settings: tuple[Setting, ...], costs: np.ndarray, table: Table
) -> list[Record]:
    """Score each setting on rows that its lanes never visited."""
    averaged = predictions.averaged()
    constant = _constant_cost(predictions, costs)
    records = []
    for s, setting in enumerate(settings):
        weight = setting.class_weight(table.counts, table.classes)
        two = len(weight) == 2
        records.append(
            {
                "name": setting.name,
                "class_weight": _by_label(table, weight),
                "weight_ratio": float(weight[1] / weight[0]) if two else None,
                "power": setting.power,
                **numbers(predictions, averaged[s], costs, constant, HELD_OUT),
                "seeds_collapsed": int((predictions.outcome[s] == COLLAPSED).any(axis=1).sum()),
                "at_half": _at_half(predictions, s, costs, constant) if two else None,
                "by_seed": _by_seed(predictions, s, costs),
            }
        )
    return records


def numbers(
    predictions: Predictions,
    probability: np.ndarray,
    costs: np.ndarray,
    constant: float,
    basis: str,
) -> Record:
    """Score probabilities (N, K) and the decisions that their costs imply."""
    y, weight = predictions.y, predictions.row_weight
    precision, area = scores.ranking(y, probability, fold=predictions.fold, row_weight=weight)
    decided = _decisions(predictions, decide(probability, costs), costs, constant, basis)
    two = len(costs) == 2
    return {
        "average_precision": number(precision, basis),
        "roc_auc": number(area, basis),
        "log_loss": number(scores.log_loss(y, probability, weight), basis),
        "brier": number(scores.brier(y, probability, weight), basis),
        "threshold": number(threshold(costs) if two else math.nan, basis),
        **decided,
    }


def number(value: float | None, basis: str, interval: tuple[float, float] | None = None) -> Record:
    """Give a number with its interval and the rows it stands on; what is no number is null."""
    known = value is not None and math.isfinite(value)
    return {
        "value": value if known else None,
        "interval": None if interval is None else list(interval),
        "basis": basis,
    }


def verdict_record(verdict: Verdict) -> Record:
    """Describe the paired comparison."""
    return {
        "code": verdict.code,
        "text": verdict.text,
        "difference": verdict.difference,
        "interval": None if verdict.interval is None else list(verdict.interval),
        "basis": verdict.basis,
        "best": verdict.best,
        "by_fold": [
            {"fold": f.fold, "setting": f.setting, "cost": f.cost, "cost_twin": f.cost_twin}
            for f in verdict.by_fold
        ],
        "by_seed": list(verdict.by_seed),
        "seed_mean": verdict.seed_mean,
        "seed_standard_error": verdict.seed_standard_error,
    }


def chosen_record(verdict: Verdict, settings: list[Record]) -> Record:
    """Describe the setting to use, in natural frequencies where there are two classes."""
    reason = {
        NO_GAIN: "weights save nothing that can be told from chance, so none are used",
        TOO_FEW: "too few rows of the rarest class to justify weights, so none are used",
    }.get(
        verdict.code,
        "no weights cost less" if verdict.chosen == TWIN.name else "it is the cheapest of all",
    )
    [chosen] = [s for s in settings if s["name"] == verdict.chosen]
    return {"setting": verdict.chosen, "reason": reason, "text": frequencies(chosen)}


def frequencies(setting: Record, cases: int = 10_000) -> str | None:
    """Say what a setting does to 10,000 cases."""
    flagged, recall, precision = (
        setting[k]["value"] for k in ("flagged_share", "recall", "precision")
    )
    if flagged is None or recall is None:
        return None
    caught = flagged * cases * (precision or 0.0)
    positives = caught / recall if recall else None
    among = "" if positives is None else f" of the {positives:,.0f}"
    return (
        f"of {cases:,} cases you would flag {flagged * cases:,.0f}; "
        f"{caught:,.0f}{among} positives are among them"
    )


def curves_record(predictions: Predictions, shown: Collection[str] | None = None) -> Record:
    """Give the curves of the settings shown (all of them by default), pooled over the folds.

    There are none for more than two classes.
    """
    if len(predictions.classes) > 2:
        return {}
    y, weight = predictions.y, predictions.row_weight
    averaged = predictions.averaged()[:, :, 1]
    return {
        name: {
            **scores.curves(y, averaged[s], weight),
            "reliability": scores.reliability(y, averaged[s]),
            "reliability_raw": scores.reliability(y, _raw(predictions, s)[:, 1]),
        }
        for s, name in enumerate(predictions.settings)
        if shown is None or name in shown
    }


def environment() -> Record:
    """Name the versions that the numbers come from."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "cores": len(os.sched_getaffinity(0)),
    }


def _design(e: Evidence, about_network: Mapping[str, str]) -> Record:
    return {
        "folds": len(e.split.folds),
        "seeds": list(e.design.all_seeds),
        "judged": e.judged,
        "epochs": e.schedule.epochs,
        "patience": e.schedule.patience,
        "batch_size": e.schedule.batch_size,
        "lanes": len(e.settings) * len(e.design.all_seeds) * len(e.split.folds),
        **about_network,
    }


def _decisions(
    predictions: Predictions, decided: np.ndarray, costs: np.ndarray, constant: float, basis: str
) -> Record:
    cells = scores.confusion(predictions.y, decided, len(costs), predictions.row_weight)
    found = scores.decision_scores(cells, costs)
    cost = found.pop("cost")
    return {
        "expected_cost": number(1000 * cost, basis),
        "cost_share": number(cost / constant if constant > 0 else None, basis),
        **{name: number(value, basis) for name, value in found.items()},
    }


def _at_half(predictions: Predictions, s: int, costs: np.ndarray, constant: float) -> Record:
    """Score what the weights do by themselves: the weighted output, flagged from 0.5."""
    flagged = (_raw(predictions, s)[:, 1] > 0.5).astype(int)
    return _decisions(predictions, flagged, costs, constant, HELD_OUT)


def _by_seed(predictions: Predictions, s: int, costs: np.ndarray) -> Record:
    """Score each seed alone, without averaging."""
    two = len(costs) == 2
    table: dict[str, list[Any]] = {"average_precision": [], "expected_cost": []}
    if two:
        table |= {"flagged_share": [], "expected_cost_at_half": [], "flagged_share_at_half": []}
    for r in range(len(predictions.seeds)):
        probability = np.nan_to_num(predictions.of_lane(s, r), nan=1 / len(costs))
        ap, _ = scores.ranking(
            predictions.y, probability, fold=predictions.fold, row_weight=predictions.row_weight
        )
        table["average_precision"].append(ap if math.isfinite(ap) else None)
        _append_decisions(table, predictions, decide(probability, costs), costs, "")
        if two:
            half = (predictions.probability[s, r, :, 1] > 0.5).astype(int)
            _append_decisions(table, predictions, half, costs, "_at_half")
    return {**table, "outcome": predictions.outcome[s].tolist()}


def _append_decisions(
    table: dict[str, list[Any]],
    predictions: Predictions,
    decided: np.ndarray,
    costs: np.ndarray,
    suffix: str,
) -> None:
    cells = scores.confusion(predictions.y, decided, len(costs), predictions.row_weight)
    found = scores.decision_scores(cells, costs)
    table[f"expected_cost{suffix}"].append(1000 * found["cost"])
    if f"flagged_share{suffix}" in table:
        table[f"flagged_share{suffix}"].append(found["flagged_share"])


def _raw(predictions: Predictions, s: int) -> np.ndarray:
    """Average a setting's weighted probabilities (N, K) over its seeds."""
    said = np.nan_to_num(predictions.probability[s].astype(float), nan=0.5)
    return np.asarray(said.mean(axis=0))


def _constant_cost(predictions: Predictions, costs: np.ndarray) -> float:
    counts = np.bincount(predictions.y, weights=predictions.row_weight, minlength=len(costs))
    return cheapest_constant(counts, costs)


def _history(settings: tuple[Setting, ...], trained: tuple[Trained, ...]) -> Record:
    """Average the validation curves of each setting over folds and seeds, while all still run."""
    shortest = min((t.validation_log_loss.shape[1] for t in trained), default=0)
    if not shortest:
        return {}
    curves = np.mean([t.validation_log_loss[:, :shortest] for t in trained], axis=0)
    return {
        setting.name: {
            "epoch": list(range(1, shortest + 1)),
            "validation_log_loss": [float(v) if math.isfinite(v) else None for v in curve],
        }
        for setting, curve in zip(settings, curves, strict=True)
    }


def _test(e: Evidence) -> Record | None:
    """Score the final model and its twin on the test rows, which nothing else touched."""
    if e.final is None or e.final.test is None:
        return None
    found = [
        {
            "setting": setting.name,
            **numbers(
                e.final.test,
                probability,
                e.costs,
                _constant_cost(e.final.test, e.costs),
                HELD_OUT,
            ),
        }
        for setting, probability in zip(e.final.settings, e.final.test.averaged(), strict=True)
    ]
    return {"chosen": found[0], "twin": found[-1]}


def _part(table: Table, rows: np.ndarray) -> Record:
    counts = np.bincount(table.y[rows], minlength=len(table.classes))
    labels = [str(label) for label in table.classes]
    return {"rows": len(rows), "classes": dict(zip(labels, counts.tolist(), strict=True))}


def _by_label(table: Table, weight: np.ndarray) -> dict[str, float]:
    return {str(label): float(w) for label, w in zip(table.classes, weight, strict=True)}
