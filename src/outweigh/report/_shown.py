"""Shown: which settings a chart has lines for, and how each of them looks."""

import math
import re
from typing import Any

from outweigh._predictions import TWIN_NAME
from outweigh.report._aim import aim
from outweigh.report._words import number

Record = dict[str, Any]
Looks = list[tuple[str, str]]

MOST_REFERENCES = 8
MOST_WEIGHTS = 4  # of classes that are told one by one
ASIDE = 0.16  # of a row: the chosen setting above, the twin below


def roles(results: Record) -> Looks:
    """Name the settings that curves are drawn for, and how each looks.

    The twin, the best class weights, the best of all else (balanced weights where there is nothing
    else), and the one to use.
    """
    chosen, best = results["chosen"]["setting"], results["verdict"]["best"]
    looks = {TWIN_NAME: "twin", best: "half", _best_remedy(results) or "balanced": "other"}
    return list((looks | {chosen: "chosen"}).items())


def with_references(results: Record) -> Looks:
    """Name the references too, the first few of them."""
    looks = dict(roles(results))
    references = [s["name"] for s in results["settings"] if s.get("kind") == "reference"]
    rest = [name for name in references if name not in looks][:MOST_REFERENCES]
    return [*looks.items(), *((name, f"reference-{i}") for i, name in enumerate(rest, 1))]


def three(results: Record) -> Looks:
    """Name the twin, the best class weights and the one to use."""
    looks = {TWIN_NAME: "twin", results["verdict"]["best"]: "half"}
    return list((looks | {results["chosen"]["setting"]: "chosen"}).items())


def sides(results: Record) -> list[tuple[str, str, float]]:
    """Name the one to use and, where that is another, the twin: how it looks, how far it is aside.

    For charts of named rows, each of which shows both.
    """
    chosen = results["chosen"]["setting"]
    if chosen == TWIN_NAME:
        return [(chosen, "chosen", 0.0)]
    return [(chosen, "chosen", ASIDE), (TWIN_NAME, "twin", -ASIDE)]


def settings(results: Record) -> dict[str, Record]:
    """Give the settings by name."""
    return {setting["name"]: setting for setting in results["settings"]}


def of_weights(results: Record) -> list[Record]:
    """Keep the settings that are class weights and nothing else; an older record has no others."""
    return [s for s in results["settings"] if s.get("kind", "weights") == "weights"]


def worth(results: Record, setting: Record) -> tuple[str, str] | None:
    """Tell what decisions are judged by, and its title; None in a ranking."""
    if setting["expected_cost"]["value"] is not None:
        return "expected_cost", "cost per 1,000 cases"
    if setting["flagged_share"]["value"] is not None:
        return "score", aim(results)
    return None


def weights_in_words(setting: Record) -> str | None:
    """Say which class weights a setting has; None where no class weighs more than another.

    Of many classes the one that weighs least and the one that weighs most.

    Examples
    --------
    >>> weights_in_words({"weight_ratio": 20.96, "class_weight": {"ok": 0.5, "bad": 10.48}})
    'positives count 21 times as much as negatives'
    """
    weights: Record = setting["class_weight"] or {}
    if len({*weights.values()}) < 2:
        return None
    ratio = setting["weight_ratio"]
    if ratio is None:
        return _weights_of_many(weights)
    more, less = ("positives", "negatives") if ratio > 1 else ("negatives", "positives")
    return f"{more} count {number(max(ratio, 1 / ratio), 3)} times as much as {less}"


def _weights_of_many(weights: Record) -> str:
    written = {label: number(weight, 3) for label, weight in weights.items()}
    if len(weights) <= MOST_WEIGHTS:
        return ", ".join(f"{label} weighs {weight}" for label, weight in written.items())
    least, most = min(weights, key=weights.__getitem__), max(weights, key=weights.__getitem__)
    return f"{least} weighs least, {written[least]}, and {most} most, {written[most]}"


def flags_nobody(results: Record) -> bool:
    """Tell whether the cut-off that was tuned lies above every case: no number, as a record has it.

    Where there is none since nothing is cut off (rankings, costs of each row, referrals), it is not
    so.
    """
    if results["chosen"]["threshold"] is not None:
        return False
    used = settings(results)[results["chosen"]["setting"]]
    if results["objective"].get("matrix") is not None:
        return four_costs(results) is not None
    return used["score"]["value"] is not None and used["flagged_share"]["value"] is not None


def four_costs(results: Record) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Give ((tn, fp), (fn, tp)), where two classes are decided by them and none is referred."""
    matrix = results["objective"].get("matrix")
    if matrix is None or [len(row) for row in matrix] != [2, 2]:
        return None
    (tn, fp), (fn, tp) = matrix
    return (tn, fp), (fn, tp)


def group_name(group: Record) -> str:
    """Name a group of a segment: a value by itself could be taken for a range, or for the rest.

    Examples
    --------
    >>> group_name({"of": "value", "name": "missing"}), group_name({"of": "range", "name": "to 9"})
    ('is missing', 'to 9')
    """
    return f"is {group['name']}" if group.get("of") == "value" else str(group["name"])


def known(value: float | None) -> float:
    """Give a number; NaN for what is none."""
    return math.nan if value is None else float(value)


def slug(name: str) -> str:
    """Write a name as part of a key.

    Examples
    --------
    >>> slug("weights:0=1|1=200")
    'weights-0-1-1-200'
    """
    return re.sub(r"[\W_]+", "-", name.lower()).strip("-") or "x"


def _best_remedy(results: Record) -> str | None:
    """Name the best of the losses and samplings, else of the references."""
    for kinds in (("loss", "sampling"), ("reference",)):
        others = [s for s in results["settings"] if s.get("kind") in kinds]
        if others:
            return str(min(others, key=loss)["name"])
    return None


def loss(setting: Record) -> float:
    """Give what is better the smaller it is: the cost, or less than none of the score."""
    cost, score = setting["expected_cost"]["value"], setting["score"]["value"]
    if cost is not None:
        return float(cost)
    return math.inf if score is None else -float(score)
