"""Decisions: what becomes of 1,000 cases, true class by decision, chosen and twin.

The numbers are those of the record, judged as all of its scores are. The page has a picture and a
table of such cases; here they are a chart, for frames and plots.
"""

import math
from collections.abc import Iterator
from typing import Any

from outweigh._operating import REFER
from outweigh._predictions import TWIN_NAME
from outweigh.report._axis import Axis, rows
from outweigh.report._chart import Chart, row_height
from outweigh.report._line import Line
from outweigh.report._ranking_figures import share_of_positives
from outweigh.report._shown import settings, sides

Record = dict[str, Any]
Cases = dict[str, float]
"""Cases of 1,000 by setting: the chosen one, and the twin."""
Block = tuple[str, list[tuple[str, Cases]]]
"""A true class, and what is decided of its cases."""


def decision_charts(results: Record) -> list[Chart]:
    """Draw the cases of each kind among 1,000, where there are decisions to count."""
    blocks = _of_more(results) if results["data"]["positive"] is None else _of_two(results)
    if not blocks:
        return []
    texts = [text for head, kinds in blocks for text in (head, *(name for name, _ in kinds))]
    y, places = rows(texts, heads=_heads(blocks))
    return [
        Chart(
            "Decisions",
            "cases of 1,000, by true class and by what is decided",
            Axis("cases per 1,000", least=0.0),
            y,
            tuple(_lines(blocks, [place for place, _ in y.names], results)),
            key="decisions",
            basis=_basis(results),
            height=row_height(len(places)),
        )
    ]


def _heads(blocks: list[Block]) -> Iterator[int]:
    """Give the row of each block's head."""
    at = 0
    for _, kinds in blocks:
        yield at
        at += 1 + len(kinds)


def _lines(blocks: list[Block], places: list[float], results: Record) -> Iterator[Line]:
    every = [(f"{head}: {kind}", cases) for head, kinds in blocks for kind, cases in kinds]
    for name, look, aside in sides(results):
        yield Line(
            name,
            look,
            [cases[name] for _, cases in every],
            [place + aside for place in places],
            joined=False,
            names=[says for says, _ in every],
        )


def _basis(results: Record) -> str:
    """Tell the rows that decisions stand on."""
    chosen = results["chosen"]["setting"]
    if results["data"]["positive"] is None:
        return str(results["per_class"]["settings"][chosen]["confusion"]["basis"])
    return str(settings(results)[chosen]["flagged_share"]["basis"])


def _of_two(results: Record) -> list[Block]:
    """Give the kinds of cases; none where cases are ranked, or a record does not count them."""
    by_name = settings(results)
    used = {name: by_name[name] for name in (results["chosen"]["setting"], TWIN_NAME)}
    if any(s["flagged_share"]["value"] is None for s in used.values()) or not results.get("counts"):
        return []
    of_each = {name: _kinds(setting, results) for name, setting in used.items()}
    heads = (str(results["data"]["positive"]), "others")
    return [
        (head, [(kind, {n: 1000 * of_each[n][i][kind] for n in used}) for kind in kinds])
        for i, (head, kinds) in enumerate(zip(heads, next(iter(of_each.values())), strict=True))
    ]


def _kinds(setting: Record, results: Record) -> tuple[dict[str, float], dict[str, float]]:
    """Give the shares of all cases that are decided so: of the positives, and of the others."""
    flagged, positives = setting["flagged_share"]["value"], share_of_positives(results)
    caught = flagged * (setting["precision"]["value"] or 0.0)  # none where nobody is flagged
    alarms = flagged - caught
    of_positives, of_others = {"caught": caught}, {"false alarms": alarms}
    if setting["referred_share"]["value"] is None:
        of_positives["missed"] = positives - caught
        of_others["left alone"] = 1 - positives - alarms
    else:
        missed, left = _passed(setting, caught, alarms, results["objective"]["matrix"])
        of_positives |= {"missed": missed, "referred": positives - caught - missed}
        of_others |= {"left alone": left, "referred": 1 - positives - alarms - left}
    return _rid_of_rounding(of_positives), _rid_of_rounding(of_others)


def _passed(
    setting: Record, caught: float, alarms: float, matrix: list[list[float]]
) -> tuple[float, float]:
    """Give the shares that are missed and left alone where some cases are referred.

    The record has no more than the share referred of all cases. What all of them cost tells how
    many of those passed are missed, unless a miss costs no more than a case left alone.
    """
    (tn, fp, refer), (fn, tp, _) = matrix
    cost, referred = setting["expected_cost"]["value"] / 1000, setting["referred_share"]["value"]
    passed = 1 - caught - alarms - referred
    if fn == tn:
        return math.nan, math.nan
    missed = (cost - tp * caught - fp * alarms - refer * referred - tn * passed) / (fn - tn)
    return missed, passed - missed


def _rid_of_rounding(shares: dict[str, float]) -> dict[str, float]:
    """Lift what sums of floats put a little below 0."""
    return {kind: max(share, 0.0) for kind, share in shares.items()}


def _of_more(results: Record) -> list[Block]:
    """Give the confusion matrix of more than two classes, a block for each true one."""
    told = results.get("per_class")
    return list(_rows_of(told, results["chosen"]["setting"])) if told else []


def _rows_of(told: Record, chosen: str) -> Iterator[Block]:
    cells = {name: told["settings"][name]["confusion"]["value"] for name in (TWIN_NAME, chosen)}
    if cells[chosen] is None:
        return
    labels = [one["label"] for one in told["classes"]]
    decisions = [*labels, REFER][: len(cells[chosen][0])]
    for k, label in enumerate(labels):
        kinds = [
            (f"decided {name}", {n: cells[n][k][d] for n in cells})
            for d, name in enumerate(decisions)
        ]
        yield label, kinds
