"""The record: a study as plain JSON types, which is also ``results.json``.

Every number of the report stands here, with the rows it stands on: see `outweigh._scored`.

Letters: N entries, K classes, S settings, R seeds.
"""

import math
import os
import platform
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from outweigh import _scored as scored
from outweigh import _scores as scores
from outweigh._cells import cells
from outweigh._chunk import COLLAPSED, Trained
from outweigh._compare import NO_GAIN, TOO_FEW, Verdict
from outweigh._counted import Alerts, PrecisionAtRecall, RecallAtPrecision
from outweigh._decisions import Decisions
from outweigh._deployment import Deployment
from outweigh._findings import Outcome, found_in
from outweigh._objective import Costs, Objective
from outweigh._per_class import per_class
from outweigh._plan import WATCHED
from outweigh._predictions import REFERENCE, TWIN_NAME, WEIGHTS
from outweigh._scored import CROSS_FITTED, HELD_OUT, IN_SAMPLE, Record, number
from outweigh._segments import segments_record
from outweigh._settings import Setting
from outweigh._spread import spread
from outweigh._study import Evidence
from outweigh._table import Table
from outweigh._tallies import tallies
from outweigh._versus import BETTER, Versus, versus_twin

SCHEMA = 1
"""Number of the form that a record has: ``results.schema.json`` describes it."""

LIBRARIES = ("outweigh", "keras", "jax", "numpy", "scikit-learn")


def record(
    evidence: Evidence, *, about_network: Mapping[str, str], outcomes: Sequence[Outcome] = ()
) -> Record:
    """Give a study as plain JSON types.

    Parameters
    ----------
    evidence : Evidence
    about_network : mapping
        What the trainer says of its network.
    outcomes : sequence of Outcome
        What was looked for, and what was found.

    Returns
    -------
    record : dict
        With the keys of ``results.json``.
    """
    e = evidence
    training = e.table.take(e.split.rest)
    settings = settings_record(e.decisions, [about(setting, training) for setting in e.settings])
    used = e.final.settings[0].name
    return {
        "outweigh": version("outweigh"),
        "schema": SCHEMA,
        "data": data_record(e.table, e.split.rest, e.split.test),
        "objective": objective_record(
            e.objective, e.table.classes, given=e.objective_given, deployment=e.deployment
        ),
        "design": _design(e, about_network),
        "settings": settings,
        "chosen": chosen_record(e.verdict, settings, used, objective=e.objective),
        "verdict": verdict_record(e.verdict),
        "thresholds": thresholds_record(e.decisions, used),
        "curves": curves_record(e.decisions),
        **counted_record(e.decisions, (used, TWIN_NAME, e.verdict.best)),
        "per_class": per_class(e.decisions, dict.fromkeys((used, TWIN_NAME, e.verdict.best))),
        "segments": segments_record(e.decisions, e.table, used=used, rest=e.split.rest),
        "history": _history(e.settings, e.curves),
        "test": _test(e),
        **findings_record(outcomes),
        "timing": {"seconds": dict(e.seconds)},
        "environment": environment(),
    }


def data_record(table: Table, training: np.ndarray, test: np.ndarray) -> Record:
    """Describe the rows."""
    positive = table.positive
    return {
        "source": table.source,
        "target": table.target,
        "sha256": table.digest,
        **_part(table, np.arange(len(table.y))),
        "features": len(table.names),
        "positive": None if positive is None else str(positive),
        "prevalence": None if positive is None else float(np.mean(table.y == 1)),
        "weighted": table.row_weight is not None,
        "training": _part(table, training),
        "test": _part(table, test) if len(test) else None,
        "notes": list(table.notes),
    }


def objective_record(
    objective: Objective, classes: Sequence[Any], *, given: bool, deployment: Deployment
) -> Record:
    """Describe what is wanted of the decisions, and the world that they are for."""
    matrix = objective.matrix if isinstance(objective, Costs) else None
    two = matrix is not None and matrix.shape == (2, 2)
    why = "" if given else " (n0/n1 at the training prevalence: no costs were given)"
    return {
        "name": objective.name,
        "text": objective.text(classes) + why,
        "cost_fn": float(matrix[1, 0]) if matrix is not None and two else None,
        "cost_fp": float(matrix[0, 1]) if matrix is not None and two else None,
        "default": not given,
        "matrix": None if matrix is None else matrix.tolist(),
        "threshold": _implied(objective),
        "prevalence": deployment.prevalence,
        "sampled_at": deployment.sampled_at,
        "world": deployment.text(),
    }


def about(setting: Setting, table: Table) -> Record:
    """Describe a setting by what it does to the rows of a table."""
    weight = setting.class_weight(table.counts, table.classes)
    weighs = setting.weighs or setting.kind == WEIGHTS  # the twin weighs each class alike
    return weighted(
        setting.name,
        table.classes,
        weight if weighs else None,
        power=setting.power if weighs else None,
        text=setting.text,
        inverse=setting.inverse,
    )


def weighted(
    name: str,
    classes: Sequence[Any],
    weight: np.ndarray | None,
    *,
    power: float | None = None,
    text: str | None = None,
    inverse: str | None = None,
) -> Record:
    """Describe a setting by its class weights (K,), if any, and in words."""
    by_label = ratio = None
    if weight is not None:
        by_label = {str(label): float(w) for label, w in zip(classes, weight, strict=True)}
        ratio = float(weight[1] / weight[0]) if len(weight) == 2 else None
    return {
        "name": name,
        "class_weight": by_label,
        "weight_ratio": ratio,
        "power": power,
        "text": text,
        "inverse": inverse,
    }


def settings_record(decisions: Decisions, abouts: Sequence[Record]) -> list[Record]:
    """Score each setting on rows that its lanes never visited.

    Parameters
    ----------
    decisions : Decisions
    abouts : sequence of dict
        What `weighted` says of each setting.
    """
    d = decisions
    two = len(d.predictions.classes) == 2
    versus = {found.setting: versus_record(found) for found in versus_twin(d)}
    records = []
    for s, said in enumerate(abouts):
        records.append(
            {
                **said,
                "kind": d.predictions.kinds[s],
                "versus_none": versus.get(said["name"]),
                **scored.all_numbers(
                    d.objective, d.cases, d.probability[s], d.decided[s], CROSS_FITTED
                ),
                "threshold": _threshold(d, s),
                "seeds_collapsed": int((d.predictions.outcome[s] == COLLAPSED).any(axis=1).sum()),
                "calibration": scored.calibration(d, s),
                "at_half": scored.at_half(d, s) if two else None,
                "by_seed": scored.by_seed(d, s),
                "by_fold": scored.by_fold(d, s),
            }
        )
    return records


def versus_record(versus: Versus) -> Record:
    """Describe what a setting gains on the twin, by currency."""
    gains = {"cost": versus.cost, "ranking": versus.ranking, "calibration": versus.calibration}
    return {
        currency: {
            **number(gain.difference, CROSS_FITTED, gain.interval),
            "unit": gain.unit,
            "says": gain.says,
            "by_seed": list(gain.by_seed),
        }
        for currency, gain in gains.items()
    }


def thresholds_record(decisions: Decisions, used: str) -> list[Record]:
    """Compare the threshold that costs imply with tuned ones, for the one used and the twin."""
    d, records = decisions, []
    for name in dict.fromkeys((used, TWIN_NAME)):
        s = d.predictions.settings.index(name)
        found = spread(d, s)
        if found is None:
            continue
        tuned = scored.decision_numbers(
            d.objective, d.cases, d.probability[s], found.decided, CROSS_FITTED
        )
        records.append(
            {
                "setting": name,
                "implied": _implied(d.objective),
                "by_fold": [_finite(t) for t in found.by_fold],
                "by_seed": [[_finite(t) for t in of_folds] for of_folds in found.by_seed],
                "tuned_cost": tuned["expected_cost"],
                "implied_cost": scored.decision_numbers(
                    d.objective, d.cases, d.probability[s], d.decided[s], CROSS_FITTED
                )["expected_cost"],
            }
        )
    return records


def verdict_record(verdict: Verdict) -> Record:
    """Describe the paired comparison."""
    return {
        "code": verdict.code,
        "text": verdict.text,
        "difference": verdict.difference,
        "unit": verdict.unit,
        "interval": None if verdict.interval is None else list(verdict.interval),
        "basis": verdict.basis,
        "best": verdict.best,
        "more_positives": verdict.more_positives,
        "by_fold": [
            {
                "fold": f.fold,
                "setting": f.setting,
                "weighted": _finite(f.weighted),
                "twin": _finite(f.twin),
            }
            for f in verdict.by_fold
        ],
        "by_seed": list(verdict.by_seed),
        "seed_mean": verdict.seed_mean,
        "seed_standard_error": verdict.seed_standard_error,
    }


def chosen_record(
    verdict: Verdict,
    settings: list[Record],
    used: str | None = None,
    *,
    objective: Objective,
) -> Record:
    """Describe the setting to use, in natural frequencies where there are two classes.

    It is what the verdict chose, unless the user wants another one.
    """
    name = used or verdict.chosen
    [chosen] = [s for s in settings if s["name"] == name]
    if name != verdict.chosen:
        reason = f"you asked for it; by the verdict it would be {verdict.chosen}"
    else:
        reason = _reason(verdict, objective) + _still_better(chosen, settings, objective)
    text = frequencies(chosen)
    if text and chosen["threshold"]["basis"] == IN_SAMPLE and not isinstance(objective, Alerts):
        text = f"judged by thresholds that the other folds chose, {text}"
    return {
        "setting": name,
        "reason": reason,
        "text": text,
        "threshold": chosen["threshold"]["value"],
        "repair": chosen["calibration"]["repair"],
    }


def _reason(verdict: Verdict, objective: Objective) -> str:
    """Say why the verdict's choice is what to use."""
    costs = isinstance(objective, Costs)
    if verdict.code == NO_GAIN:
        return "weights bring no gain that can be told from chance, so none are used"
    if verdict.code == TOO_FEW:
        return "too few rows of the rarest class to justify weights, so none are used"
    if verdict.chosen == TWIN_NAME:
        return "no weights cost less" if costs else "no weights do better"
    return f"of the class weights it {'costs least' if costs else 'does best'}"


def _still_better(chosen: Record, settings: list[Record], objective: Objective) -> str:
    """Name what is no class weight, beats the twin beyond chance, and came out better than chosen.

    Scores that have a floor cannot be compared without it.
    """
    if isinstance(objective, RecallAtPrecision | PrecisionAtRecall):
        return ""
    key, sign = ("expected_cost", 1) if isinstance(objective, Costs) else ("score", -1)
    better = [
        s for s in settings if s["kind"] != WEIGHTS and s["versus_none"]["cost"]["says"] == BETTER
    ]
    best = min(better, key=lambda s: sign * s[key]["value"], default=None)
    if best is None or sign * best[key]["value"] >= sign * chosen[key]["value"]:
        return ""
    return f"; {best['name']}, which is no class weight, came out better still"


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
    referred = setting.get("referred_share", {}).get("value")
    handed = f" and hand {referred * cases:,.0f} to a person" if referred else ""
    them = "those flagged" if referred else "them"
    return (
        f"of {cases:,} cases you would flag {flagged * cases:,.0f}{handed}; "
        f"{caught:,.0f}{among} positives are among {them}"
    )


def curves_record(decisions: Decisions, shown: Collection[str] | None = None) -> Record:
    """Give the curves of the settings shown (all of them by default), pooled over the folds.

    There are none for more than two classes.
    """
    p, calibrated = decisions.predictions, decisions.calibrated
    if len(p.classes) > 2:
        return {}
    cases = decisions.cases
    repeats = len(np.unique(np.asarray(p.repeat)))
    reliability = partial(scores.reliability, p.y, row_weight=p.row_weight, repeats=repeats)
    return {
        name: {
            **scores.curves(cases.y, decisions.probability[s, :, 1], cases.weight),
            "reliability": reliability(calibrated.repaired[s, :, 1]),
            "reliability_undone": reliability(p.averaged()[s, :, 1]),
            "reliability_raw": reliability(scored.raw(p, s)[:, 1]),
        }
        for s, name in enumerate(p.settings)
        if shown is None or name in shown
    }


def counted_record(decisions: Decisions, names: Iterable[str]) -> Record:
    """Give the counts that a page can turn to other costs: of two classes, and of more.

    Parameters
    ----------
    decisions : Decisions
    names : iterable of str
        The settings whose cells are wanted where there are more than two classes.
    """
    return {"counts": tallies(decisions), "cells": cells(decisions, names)}


def findings_record(outcomes: Sequence[Outcome]) -> Record:
    """Give what was found, and how every look ended."""
    return {
        "findings": [asdict(finding) for finding in found_in(outcomes)],
        "looks": [{"code": o.code, "outcome": o.state, "because": o.because} for o in outcomes],
    }


def environment() -> Record:
    """Name the versions that the numbers come from."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "cores": len(os.sched_getaffinity(0)),
    }


def _design(e: Evidence, about_network: Mapping[str, str]) -> Record:
    p = e.predictions
    return {
        "folds": len(p.prior),
        "seeds": list(p.seeds),
        "judged": e.judged,
        "epochs": e.schedule.epochs,
        "patience": e.schedule.patience,
        "watch": e.design.watch,
        "batch_size": e.schedule.batch_size,
        "lanes": len(p.prior) * len(p.seeds) * sum(kind != REFERENCE for kind in p.kinds),
        **about_network,
    }


def _threshold(decisions: Decisions, s: int) -> Record:
    """Give the threshold for new rows; it follows from costs, or was chosen on all folds."""
    if not decisions.final_rules:
        return number(None, IN_SAMPLE)
    follows = isinstance(decisions.objective, Costs) and not decisions.objective.tuned
    value = decisions.final_rules[s].threshold
    return number(value, HELD_OUT if follows else IN_SAMPLE)


def _implied(objective: Objective) -> float | None:
    """Give the threshold that follows from costs, where one does."""
    return objective.implied.threshold if isinstance(objective, Costs) else None


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _history(settings: tuple[Setting, ...], trained: tuple[Trained, ...]) -> Record:
    """Average the validation curves of the networks over folds and seeds, while all still run."""
    shortest = min((t.curves.undone.shape[1] for t in trained), default=0)
    if not shortest:
        return {}
    curves = {
        kind: np.mean([getattr(t.curves, kind)[:, :shortest] for t in trained], axis=0)
        for kind in WATCHED
    }
    return {
        setting.name: {
            "epoch": list(range(1, shortest + 1)),
            **{kind: [_finite(v) for v in curve[s]] for kind, curve in curves.items()},
        }
        for s, setting in enumerate(settings)
        if setting.kind != REFERENCE  # it has no epochs
    }


def _test(e: Evidence) -> Record | None:
    """Score the final model and its twin on the test rows, which nothing else touched."""
    if e.final.test is None:
        return None
    d, found = e.decisions.apply(e.final.test), []
    for s, setting in enumerate(e.final.settings):
        numbers = scored.all_numbers(e.objective, d.cases, d.probability[s], d.decided[s], HELD_OUT)
        found.append({"setting": setting.name, **numbers})
    return {"chosen": found[0], "twin": found[-1]}


def _part(table: Table, rows: np.ndarray) -> Record:
    counts = np.bincount(table.y[rows], minlength=len(table.classes))
    labels = [str(label) for label in table.classes]
    return {"rows": len(rows), "classes": dict(zip(labels, counts.tolist(), strict=True))}
