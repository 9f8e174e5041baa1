"""Aim: what decisions are for, in as few words as a title or the head of a column has room for.

A record has the objective by the name that the command line knows, and as a sentence; in a chart
neither is readable.
"""

import re
from typing import Any

Record = dict[str, Any]

TITLES = {
    "f1": "F1",
    "recall@precision": "recall",
    "precision@recall": "precision",
    "alerts": "recall within the budget",
    "balanced-accuracy": "balanced accuracy",
    "mcc": "Matthews correlation",
    "average-precision": "average precision",
    "roc-auc": "ROC AUC",
}
FLOORS = {"recall@precision": "precision", "precision@recall": "recall"}


def aim(results: Record) -> str:
    """Name what decisions are judged by: ``cost``, or the score.

    Parameters
    ----------
    results : dict
        A study's record.

    Returns
    -------
    title : str
        A score that has no title of its own is called as it is on the command line.

    Examples
    --------
    >>> aim({"objective": {"name": "recall@precision>=0.9"}})
    'recall at 90 % precision or more'
    >>> aim({"objective": {"name": "fbeta:2"}})
    'F2'
    """
    kind, number = _parts(results)
    if kind == "fbeta":
        return f"F{number}"
    if kind in FLOORS:
        return f"{TITLES[kind]} at {100 * float(number):g} % {FLOORS[kind]} or more"
    return TITLES.get(kind, str(results["objective"]["name"]))


def gained(results: Record) -> str:
    """Name what one setting gains on another in what decisions are for, and in which unit.

    Examples
    --------
    >>> gained({"objective": {"name": "cost"}}), gained({"objective": {"name": "f1"}})
    ('cost saved, %', 'F1 gained, points')
    """
    of = aim(results)
    return "cost saved, %" if of == "cost" else f"{of} gained, points"


def bound(results: Record) -> str | None:
    """Name what decisions must keep whatever they reach: a budget or a floor; None where nothing.

    Examples
    --------
    >>> bound({"objective": {"name": "alerts:20"}}), bound({"objective": {"name": "f1"}})
    ('the budget', None)
    """
    kind, _ = _parts(results)
    return {"alerts": "the budget", **dict.fromkeys(FLOORS, "the floor")}.get(kind)


def _parts(results: Record) -> tuple[str, str]:
    """Take the name of an objective apart: its kind, and the number that goes with it."""
    kind, *number = re.split(":|>=", str(results["objective"]["name"]), maxsplit=1)
    return kind, "".join(number)
