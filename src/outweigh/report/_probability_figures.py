"""Probabilities: predicted against observed shares of positives, before and after the repair."""

from typing import Any

from outweigh.report._axis import shares
from outweigh.report._chart import Chart
from outweigh.report._line import Line
from outweigh.report._shown import roles

Record = dict[str, Any]

STAGES = (
    (
        "reliability",
        "Reliability, repaired",
        "what outweigh predicts with, each fold by the others",
    ),
    ("reliability_undone", "Reliability, undone", "the average over seeds, before any repair"),
    ("reliability_raw", "Reliability, raw", "before weights, losses and sampling are undone"),
)


def reliability_charts(results: Record) -> list[Chart]:
    """Draw predicted against observed shares: repaired, undone, raw."""
    curves = results["curves"]
    shown = [(name, look) for name, look in roles(results) if name in curves]
    charts = []
    for key, title, caption in STAGES:
        tables = [(name, look, curves[name][key]) for name, look in shown]
        lines = tuple(_bins(*table) for table in tables if table[2]["predicted"])
        if not lines:
            continue
        every = [v for line in lines for v in (*line.x, *line.y) if v > 0]
        ends = {"least": min(every, default=0.01) / 1.5, "most": 1.0}
        charts.append(
            Chart(
                title,
                f"{caption}; a larger mark has more rows",
                shares("predicted", log=True, **ends),
                shares("observed", log=True, **ends),
                lines,
                diagonal=True,
                key=key.replace("_", "-"),
                basis="cross-fitted" if key == "reliability" else "held-out",
            )
        )
    return charts


def _bins(name: str, look: str, table: Record) -> Line:
    """Draw one mark for each bin, the larger the more rows are in it."""
    counts = table.get("count")
    return Line(
        name,
        look,
        table["predicted"],
        table["observed"],
        table["low"],
        table["high"],
        bars=True,
        names=None if counts is None else [f"{n:,} rows" for n in counts],
        sizes=counts,
    )
