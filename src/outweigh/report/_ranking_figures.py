"""Ranking: how well positives come before negatives, whatever the threshold."""

from typing import Any

from outweigh._written import written
from outweigh.report._axis import shares
from outweigh.report._chart import Chart
from outweigh.report._line import Line
from outweigh.report._point import prevalence
from outweigh.report._shown import Looks, with_references

Record = dict[str, Any]

RECALL = shares("recall", least=0.0, most=1.0)


def ranking_charts(results: Record) -> list[Chart]:
    """Draw precision and recall, ROC and gain: chosen, twin, the best, and the references."""
    curves = results["curves"]
    shown = [(name, look) for name, look in with_references(results) if name in curves]
    if not shown:
        return []
    positives = share_of_positives(results)
    share = written(positives, "{:.2%}")
    return [
        Chart(
            "Precision and recall",
            f"by chance precision would be {share}",
            RECALL,
            shares("precision", least=0.0, most=1.0),
            _lines(curves, shown, "precision_recall", "recall", "precision"),
            key="precision-recall",
        ),
        Chart(
            "ROC",
            "by chance it would be the diagonal",
            shares("false alarms among the negatives", least=0.0, most=1.0),
            RECALL,
            _lines(curves, shown, "roc", "false_positive_rate", "true_positive_rate"),
            diagonal=True,
            key="roc",
        ),
        Chart(
            "Gain",
            f"how many are caught by flagging so many of all cases, of which {share} are "
            "positive; by chance it would be the diagonal",
            shares("flagged of all cases", least=0.0, most=1.0),
            RECALL,
            (*_gains(curves, shown, positives), _perfect(positives)),
            diagonal=True,
            key="gain",
        ),
    ]


def share_of_positives(results: Record) -> float:
    """Give the prevalence in the world that decisions are for."""
    if results.get("counts"):
        return prevalence(results["counts"])
    told = results["objective"].get("prevalence")
    return float(results["data"]["prevalence"] if told is None else told)


def _lines(curves: Record, shown: Looks, curve: str, x: str, y: str) -> tuple[Line, ...]:
    tables = [(name, look, curves[name][curve]) for name, look in shown]
    return tuple(Line(name, look, table[x], table[y]) for name, look, table in tables)


def _gains(curves: Record, shown: Looks, positives: float) -> list[Line]:
    lines = []
    for name, look in shown:
        alarms, recall = (
            curves[name]["roc"][rate] for rate in ("false_positive_rate", "true_positive_rate")
        )
        both = zip(recall, alarms, strict=True)
        flagged = [positives * caught + (1 - positives) * alarm for caught, alarm in both]
        lines.append(Line(name, look, flagged, recall))
    return lines


def _perfect(positives: float) -> Line:
    return Line("the best there can be", "limit", [0.0, positives, 1.0], [0.0, 1.0, 1.0])
