"""Segments in the record: what the setting to use, and the twin, do in each group of rows.

N entries, K classes, G groups.
"""

import numpy as np
from numpy.typing import NDArray

from outweigh import _scored as scored
from outweigh import _scores as scores
from outweigh._decisions import Decisions
from outweigh._grouping import grouping
from outweigh._predictions import TWIN_NAME
from outweigh._scored import CROSS_FITTED, Record, number
from outweigh._table import Table

NUMBERS = ("expected_cost", "score", "flagged_share", "recall", "precision")

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]


def segments_record(
    decisions: Decisions, table: Table, *, used: str, rest: NDArray[np.int64]
) -> list[Record]:
    """Tell the errors of the setting to use, and of the twin, apart by each segment.

    Every number rests on rows that its networks never saw, with repairs and operating points
    chosen on the other folds. Shares have Wilson's 95 % intervals; a cost has none. An interval
    rests on as many draws as its entries make: (Σ w)² / Σ w² of them where they weigh w, and no
    more than there are independent units (rows, groups, blocks of time, clusters of duplicates),
    so that a row judged in several repetitions counts as one.

    Parameters
    ----------
    decisions : Decisions
    table : Table
    used : str
        Name of the setting to use.
    rest : (M,) int64
        The rows that folds train on or judge, sorted. The groups follow from their values alone,
        whatever came out.

    Returns
    -------
    segments : list of dict
        As in ``results.json``. `rows` and `positives` count rows once, however often they were
        judged and whatever they weigh; a group without a judged row is left out.
    """
    records = []
    for segment in table.segments:
        found = grouping(segment.values.take(np.asarray(rest)))
        group = found.code[np.searchsorted(rest, decisions.predictions.row)]
        told = [
            {"name": name, "of": of, **_group(decisions, np.flatnonzero(group == g), used)}
            for g, (name, of) in enumerate(zip(found.names, found.of, strict=True))
            if (group == g).any()
        ]
        records.append(
            {"column": segment.name, "kind": found.kind, "basis": CROSS_FITTED, "groups": told}
        )
    return records


def _group(decisions: Decisions, entries: NDArray[np.int64], used: str) -> Record:
    """Describe the entries of one group."""
    p = decisions.predictions
    _, first = np.unique(p.row[entries], return_index=True)
    two = len(p.classes) == 2
    return {
        "rows": len(first),
        "positives": int((p.y[entries][first] == 1).sum()) if two else None,
        "chosen": _numbers(decisions, entries, used),
        "twin": _numbers(decisions, entries, TWIN_NAME),
    }


def _numbers(decisions: Decisions, entries: NDArray[np.int64], name: str) -> Record:
    """Score one setting on some entries."""
    d, s = decisions, decisions.predictions.settings.index(name)
    cases, said = d.cases.take(entries), d.probability[s, entries]
    decided = d.decided[s, entries]
    if not cases.weight.any():  # rows that count nothing say nothing
        return {key: number(None, CROSS_FITTED) for key in (*NUMBERS, "average_precision")}
    found = scored.decision_numbers(d.objective, cases, said, decided, CROSS_FITTED)
    numbers = {key: found[key] for key in NUMBERS}
    if said.shape[1] == 2:  # of more classes, recall and precision are means of several shares
        positive, flagged = cases.y == 1, decided == 1
        among = {"flagged_share": np.ones(len(entries), dtype=bool)}
        among |= {"recall": positive, "precision": flagged}
        unit = np.asarray(d.predictions.unit)[entries]
        for share, there in among.items():
            numbers[share]["interval"] = _interval(
                numbers[share]["value"], cases.weight[there], unit[there]
            )
    precision, _ = scores.ranking(cases.y, said, fold=cases.fold, row_weight=cases.weight)
    return {**numbers, "average_precision": number(precision, CROSS_FITTED)}


def _interval(share: float | None, weight: Float, unit: NDArray[np.int64]) -> list[float] | None:
    """Give Wilson's interval of a share of entries that weigh something."""
    counts = weight > 0
    if share is None or not counts.any():
        return None
    effective = weight.sum() ** 2 / np.square(weight).sum()
    n = min(float(effective), len(np.unique(unit[counts])))
    low, high = scores.wilson(np.asarray(share), np.asarray(n))
    return [float(low), float(high)]
