"""Segments: what decisions do to the groups of a column."""

import math
from typing import Any

from outweigh.report._axis import rows, shares
from outweigh.report._chart import Chart, row_height
from outweigh.report._line import Line
from outweigh.report._shown import TWIN, known, settings, slug

Record = dict[str, Any]

MEASURES = (("recall", "Recall"), ("precision", "Precision"), ("flagged_share", "Flagged"))
ASIDE = 0.16  # of a row: the chosen setting above, the twin below


def segment_charts(results: Record) -> list[Chart]:
    """Draw recall, precision and flagged share of each group, chosen and twin."""
    return [
        chart for segment in results.get("segments") or () for chart in _of_column(segment, results)
    ]


def _of_column(segment: Record, results: Record) -> list[Chart]:
    groups, chosen = segment["groups"], results["chosen"]["setting"]
    measures = [
        (key, title)
        for key, title in MEASURES
        if any(known(group["chosen"][key]["value"]) >= 0 for group in groups)
    ]
    if not measures:
        return []
    block = ["all rows", *(str(group["name"]) for group in groups)]
    y, places = rows(
        [text for _, title in measures for text in (title, *block)],
        heads=range(0, len(measures) * (1 + len(block)), 1 + len(block)),
    )
    sides = [("chosen", chosen, "chosen", ASIDE)]
    if chosen != TWIN:
        sides.append(("twin", TWIN, "twin", -ASIDE))
    by_name = settings(results)
    lines = []
    for side, name, look, aside in sides:
        numbers = [
            (number, places[m * (1 + len(block)) + 1 + i] + (aside if len(sides) > 1 else 0.0))
            for m, (key, _) in enumerate(measures)
            for i, number in enumerate(
                (by_name[name][key], *(group[side][key] for group in groups))
            )
        ]
        ends = [number["interval"] or (math.nan, math.nan) for number, _ in numbers]
        lines.append(
            Line(
                name,
                look,
                [known(number["value"]) for number, _ in numbers],
                [place for _, place in numbers],
                [known(low) for low, _ in ends],
                [known(high) for _, high in ends],
                across=True,
                joined=False,
                names=[text for _ in measures for text in block],
            )
        )
    return [
        Chart(
            f"By {segment['column']}",
            _caption(segment),
            shares("share", least=0.0, most=1.0),
            y,
            tuple(lines),
            key=f"segments-{slug(segment['column'])}",
            basis=segment["basis"],
            height=row_height(len(places)),
        )
    ]


def _caption(segment: Record) -> str:
    differ = "groups differ also because their cases do"
    sure = any(group["chosen"]["recall"]["interval"] for group in segment["groups"])
    return f"with 95 % intervals; {differ}" if sure else differ
