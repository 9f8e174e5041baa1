"""An oracle: a run folder's numbers computed anew with scikit-learn, from its two Parquet files.

Nothing of outweigh's own statistics is used: class weights are taken out by hand, repairs are
refitted with scikit-learn on the other folds, and every score is scikit-learn's.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

CLOSE = 1e-9  # for what is only counted
FITTED = 2e-4  # for probabilities that two solvers fitted


def check(folder: Path) -> list[str]:
    """Compare results.json with what the Parquet files say; give the names of what was compared.

    Raises
    ------
    AssertionError
        When a number differs; it says which.
    """
    results = json.loads((folder / "results.json").read_text())
    decisions = pd.read_parquet(folder / "decisions.parquet")
    file = pq.ParquetFile(folder / "predictions.parquet")
    facts = json.loads(file.schema_arrow.metadata[b"outweigh"])
    lanes = file.read().to_pandas()
    compared = []
    for s, setting in enumerate(results["settings"]):
        of = decisions[decisions.setting == setting["name"]]
        if results["data"]["positive"] is not None:
            _check_probabilities(setting, of, lanes, facts, s, results)
            compared.append(f"{setting['name']}: probabilities")
        for name, value in _scores(of, results).items():
            _same(f"{setting['name']}: {name}", setting[name]["value"], value)
            compared.append(f"{setting['name']}: {name}")
    return compared


def _check_probabilities(
    setting: dict[str, Any],
    of: pd.DataFrame,
    lanes: pd.DataFrame,
    facts: dict[str, Any],
    s: int,
    results: dict[str, Any],
) -> None:
    """Undo, average and repair by hand, fold by fold."""
    mine = lanes[lanes.setting == setting["name"]].copy()
    ratio = np.array([w[1] / w[0] for w in facts["class_weight"][s]])[mine.fold]
    odds = mine.probability.astype(float) / mine.complement.astype(float) / ratio
    mine["undone"] = np.where(np.isinf(odds), 1.0, odds / (1 + odds))
    averaged = mine.groupby(["fold", "row"], sort=False).undone.mean().to_numpy()
    said, fold = of.probability.to_numpy(), of.fold.to_numpy()
    y = (of.y == results["data"]["positive"]).to_numpy().astype(int)
    weight = mine.row_weight.to_numpy()[: len(of)] if "row_weight" in mine else np.ones(len(of))
    prior = results["data"]["training"]["classes"]
    n1 = prior[results["data"]["positive"]]
    n0 = sum(prior.values()) - n1
    factor = _factor(results["objective"], n1 / (n0 + n1))
    for f, kind in enumerate(setting["calibration"]["by_fold"]):
        there, others = fold == f, fold != f
        repaired = _repaired(kind, averaged[others], y[others], weight[others], averaged[there])
        shifted = repaired * factor / (repaired * factor + 1 - repaired)
        gap = np.abs(shifted - said[there]).max()
        assert gap < FITTED, f"{setting['name']}, fold {f}, {kind}: probabilities differ by {gap}"


def _factor(objective: dict[str, Any], b: float) -> float:
    """Give the factor on the odds of a positive where the model will be used."""
    if objective["sampled_at"] is not None:
        return float(objective["sampled_at"])
    there = objective["prevalence"]
    return 1.0 if there is None else there / (1 - there) * (1 - b) / b


def _repaired(
    kind: str, p: np.ndarray, y: np.ndarray, weight: np.ndarray, new: np.ndarray
) -> np.ndarray:
    """Repair with scikit-learn."""
    if kind == "none":
        return new
    if kind == "isotonic":
        return _isotonic(p, y, weight, new)
    line = lambda q: np.log(np.clip(q, 1e-12, 1)) - np.log(np.clip(1 - q, 1e-12, 1))
    x, at = line(p)[:, None], line(new)[:, None]
    if kind == "effective-weight":  # a slope of 1: the line enters as an offset, by bisection
        low, high = -30.0, 30.0
        for _ in range(200):
            middle = (low + high) / 2
            mean = np.average(1 / (1 + np.exp(-(x[:, 0] + middle))), weights=weight)
            low, high = (middle, high) if mean < np.average(y, weights=weight) else (low, middle)
        return 1 / (1 + np.exp(-(at[:, 0] + low)))
    model = LogisticRegression(
        C=np.inf, fit_intercept=kind == "platt", solver="newton-cholesky", tol=1e-10
    )
    return model.fit(x, y, weight).predict_proba(at)[:, 1]


def _isotonic(p: np.ndarray, y: np.ndarray, weight: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Fit steps, add half a hit and half a miss to each, and let them rise again."""
    steps = IsotonicRegression(out_of_bounds="clip").fit(p, y, weight)
    values, step = np.unique(steps.predict(p), return_inverse=True)
    rows = np.bincount(step, weight) + 1
    smoothed = (np.bincount(step, weight * y) + 0.5) / rows
    risen = IsotonicRegression().fit(values, smoothed, sample_weight=rows)
    knots, at = np.unique(p, return_index=True)
    return np.interp(new, knots, risen.predict(steps.predict(p)[at]))


def _scores(of: pd.DataFrame, results: dict[str, Any]) -> dict[str, float]:
    """Score one setting's rows."""
    labels = list(results["data"]["classes"])
    two = results["data"]["positive"] is not None
    if two:
        labels.sort(key=lambda label: label == results["data"]["positive"])
    y = np.array([labels.index(label) for label in of.y])
    weight = of.weight.to_numpy()
    said = of[[f"probability {label}" for label in labels]] if not two else of[["probability"]]
    p = np.column_stack([1 - said, said]) if two else said.to_numpy()
    ap, auc = [], []
    for f in np.unique(of.fold):
        rows = (of.fold == f).to_numpy()
        for k in [1] if two else range(len(labels)):
            hit = y[rows] == k
            if 0 < hit.sum() < len(hit):
                ap.append(
                    metrics.average_precision_score(hit, p[rows, k], sample_weight=weight[rows])
                )
                auc.append(metrics.roc_auc_score(hit, p[rows, k], sample_weight=weight[rows]))
    found = {
        "average_precision": np.mean(ap),
        "roc_auc": np.mean(auc),
        "log_loss": metrics.log_loss(
            y, np.clip(p, 2.3e-16, None), sample_weight=weight, labels=range(len(labels))
        ),
    }
    if two:
        found["brier"] = metrics.brier_score_loss(y, p[:, 1], sample_weight=weight)
    if "decision" in of:
        found |= _decided(of, labels, y, weight, results)
    return {name: float(value) for name, value in found.items()}


def _decided(
    of: pd.DataFrame, labels: list[str], y: np.ndarray, weight: np.ndarray, results: dict[str, Any]
) -> dict[str, float]:
    """Score decisions."""
    names = [*labels, "refer to a person"]
    decided = np.array([names.index(decision) for decision in of.decision])
    found: dict[str, float] = {}
    if len(labels) == 2:
        flagged = decided == 1
        found["flagged_share"] = np.average(flagged, weights=weight)
        found["recall"] = metrics.recall_score(y, flagged, sample_weight=weight)
        if flagged.any():
            found["precision"] = metrics.precision_score(y, flagged, sample_weight=weight)
    else:
        found["recall"] = metrics.recall_score(
            y, decided, average="macro", sample_weight=weight, zero_division=np.nan
        )
    objective = results["objective"]
    if objective["matrix"] is not None:
        cost = np.array(objective["matrix"])[y, decided]
        found["expected_cost"] = 1000 * np.average(cost, weights=weight)
    elif "amount" in of:
        fp = float(objective["text"].split()[-1])
        cost = np.where(y == 1, of.amount * (decided == 0), fp * (decided == 1))
        found["expected_cost"] = 1000 * np.average(cost, weights=weight)
    elif objective["name"] == "f1":
        found["score"] = metrics.f1_score(y, decided, sample_weight=weight)
    elif objective["name"] == "mcc":
        found["score"] = metrics.matthews_corrcoef(y, decided, sample_weight=weight)
    elif objective["name"] == "balanced-accuracy":
        found["score"] = metrics.balanced_accuracy_score(y, decided, sample_weight=weight)
    elif objective["name"].startswith(("alerts", "recall@")):
        found["score"] = metrics.recall_score(y, decided, sample_weight=weight)
    elif objective["name"].startswith("precision@"):
        found["score"] = metrics.precision_score(y, decided, sample_weight=weight, zero_division=0)
    return found


def _same(what: str, told: float | None, found: float) -> None:
    if not np.isfinite(found):
        assert told is None, f"{what}: {told} where nothing can be told"
        return
    assert told is not None, f"{what}: null instead of {found}"
    assert abs(told - found) <= CLOSE * max(1, abs(found)), f"{what}: {told}, but {found}"
