"""Segments: what decisions do to the groups of a column."""

import math
from typing import Any

from outweigh.report._axis import rows, shares
from outweigh.report._chart import Chart, row_height
from outweigh.report._line import Line
from outweigh.report._shown import group_name, known, settings, sides, slug

Record = dict[str, Any]

MEASURES = {"recall": "Recall", "precision": "Precision", "flagged_share": "Flagged"}
WHOLE = "all rows"


def segment_charts(results: Record) -> list[Chart]:
    """Draw recall, precision and flagged share of each group, chosen and twin."""
    found = ((s, _measures(s)) for s in results.get("segments") or ())
    return [_of_column(segment, measures, results) for segment, measures in found if measures]


def _measures(segment: Record) -> list[str]:
    """Name what is known of any group."""
    numbers = [group["chosen"] for group in segment["groups"]]
    return [key for key in MEASURES if any(of[key]["value"] is not None for of in numbers)]


def _of_column(segment: Record, measures: list[str], results: Record) -> Chart:
    """Draw a block of rows for each measure, and in it a row for each group."""
    block = [WHOLE, *map(group_name, segment["groups"])]
    texts = [text for key in measures for text in (MEASURES[key], *block)]
    y, _ = rows(texts, heads=range(0, len(texts), 1 + len(block)))
    lines = (
        _line(segment, measures, settings(results)[name], side, [at + aside for at, _ in y.names])
        for name, side, aside in sides(results)
    )
    return Chart(
        f"By {segment['column']}",
        _caption(segment),
        shares("share", least=0.0, most=1.0),
        y,
        tuple(lines),
        key=f"segments-{slug(segment['column'])}",
        basis=segment["basis"],
        height=row_height(len(texts)),
    )


def _line(
    segment: Record, measures: list[str], setting: Record, side: str, places: list[float]
) -> Line:
    """Mark what one side, chosen or twin, does to all rows and to each group, with intervals."""
    groups = segment["groups"]
    of_groups = [group[side] for group in groups]
    numbers = [of[key] for key in measures for of in (setting, *of_groups)]
    ends = [number["interval"] or (math.nan, math.nan) for number in numbers]
    return Line(
        setting["name"],
        side,
        [known(number["value"]) for number in numbers],
        places,
        [known(low) for low, _ in ends],
        [known(high) for _, high in ends],
        across=True,
        joined=False,
        names=[WHOLE, *(str(group["name"]) for group in groups)] * len(measures),
    )


def _caption(segment: Record) -> str:
    differ = "groups differ also because their cases do"
    return f"with 95 % intervals; {differ}" if has_intervals(segment) else differ


def has_intervals(segment: Record) -> bool:
    """Tell whether the shares of its groups have intervals, as those of two classes do."""
    return any(group["chosen"]["recall"]["interval"] for group in segment["groups"])
