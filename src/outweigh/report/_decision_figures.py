"""Decisions: what becomes of 1,000 cases, true class by decision, chosen and twin.

The page has a picture and a table of it; here it is a chart, for frames and plots.
"""

from collections.abc import Iterator
from typing import Any

from outweigh.report._axis import Axis, rows
from outweigh.report._chart import Chart, row_height
from outweigh.report._line import Line
from outweigh.report._panel import opening
from outweigh.report._shown import TWIN

Record = dict[str, Any]

KINDS = ("caught", "missed", "false alarms", "left alone")
REFER = "refer to a person"
ASIDE = 0.16  # of a row: the chosen setting above, the twin below


def decision_charts(results: Record) -> list[Chart]:
    """Draw the cases of each kind among 1,000, where there are decisions to count."""
    blocks = _of_two(results) or _of_more(results)
    if not blocks:
        return []
    texts = [text for head, names, _ in blocks for text in (head, *names)]
    heads, at = [], 0
    for _, names, _ in blocks:
        heads.append(at)
        at += 1 + len(names)
    y, places = rows(texts, heads=heads)
    kept = [place for i, place in enumerate(places) if i not in heads]
    chosen = results["chosen"]["setting"]
    sides = [(chosen, "chosen", ASIDE)] + [(TWIN, "twin", -ASIDE)] * (chosen != TWIN)
    lines = tuple(
        Line(
            name,
            look,
            [cases[name] for *_, each in blocks for cases in each],
            [place + (aside if len(sides) > 1 else 0.0) for place in kept],
            joined=False,
            names=[
                f"{head}: {text}" if head else text for head, names, _ in blocks for text in names
            ],
        )
        for name, look, aside in sides
    )
    return [
        Chart(
            "Decisions",
            "cases of 1,000, by true class and by what is decided",
            Axis("cases per 1,000", least=0.0),
            y,
            lines,
            key="decisions",
            height=row_height(len(places)),
        )
    ]


Block = tuple[str, tuple[str, ...], list[dict[str, float]]]


def _of_two(results: Record) -> list[Block]:
    """Give the four kinds of cases at the study's own decisions."""
    found = opening(results)
    if found is None:
        return []
    _, start, here, twin = found
    pairs = zip(here.per_1000, twin.per_1000, strict=True)
    cases = [{TWIN: of_twin, start.setting: own} for own, of_twin in pairs]
    return [
        (results["data"]["positive"], KINDS[:2], cases[:2]),
        ("others", KINDS[2:], cases[2:]),
    ]


def _of_more(results: Record) -> list[Block]:
    """Give the confusion matrix of more than two classes, a block for each true one."""
    told = results.get("per_class")
    return list(_rows_of(told, results["chosen"]["setting"])) if told else []


def _rows_of(told: Record, chosen: str) -> Iterator[Block]:
    cells = {name: told["settings"][name]["confusion"]["value"] for name in (TWIN, chosen)}
    if cells[chosen] is None:
        return
    labels = [one["label"] for one in told["classes"]]
    decisions = [*labels, REFER][: len(cells[chosen][0])]
    for k, label in enumerate(labels):
        names = tuple(f"decided {decision}" for decision in decisions)
        yield label, names, [{n: cells[n][k][d] for n in cells} for d in range(len(decisions))]
