"""Remedies: what each setting gains on the twin, told apart in three currencies."""

import math
from collections.abc import Iterator
from typing import Any

from outweigh._predictions import TWIN_NAME
from outweigh.report._aim import aim, gained
from outweigh.report._axis import Axis, rows
from outweigh.report._chart import Chart, row_height
from outweigh.report._line import Line
from outweigh.report._shown import known
from outweigh.report._tables import GROUPS

Record = dict[str, Any]

MOST_WEIGHTS = 12  # class weights with a row of their own
FAR = 4.0  # times as far from 0 as the typical end of an interval, and intervals are cut

CUT = "; an arrow marks an interval that goes on"
SAYS = (("better", "better"), ("worse", "worse"), ("no detectable difference", "open"))


def remedy_charts(results: Record) -> list[Chart]:
    """Draw what each setting gains, with its interval: a row for each, kind by kind."""
    compared = [s for s in results["settings"] if s.get("versus_none")]
    if not compared:
        return []
    kept = _kept(compared, results)
    names: list[str] = []
    heads, row_of = [], {}
    for kind, title in GROUPS.items():
        of_kind = [s for s in kept if s["kind"] == kind]
        if of_kind:
            heads.append(len(names))
            names.append(title)
        for setting in of_kind:
            row_of[setting["name"]] = len(names)
            names.append(setting["name"])
    y, places = rows(names, heads)
    place = {name: places[row] for name, row in row_of.items()}
    left_out = len(compared) - len(kept)
    more = f"; {left_out} more class weights are in the table" if left_out else ""
    return [
        _forest(kept, currency, title, unit, y, place, more)
        for currency, title, unit in _currencies(results)
        if any(s["versus_none"][currency]["value"] is not None for s in kept)
    ]


def _kept(compared: list[Record], results: Record) -> list[Record]:
    """Leave out class weights where there are many: those along a path say much the same."""
    weights = [s for s in compared if s["kind"] == "weights"]
    if len(weights) <= MOST_WEIGHTS:
        return compared
    wanted = {"balanced", results["chosen"]["setting"], results["verdict"]["best"]}
    step = (len(weights) - 1) / (MOST_WEIGHTS - 1)
    wanted |= {weights[round(i * step)]["name"] for i in range(MOST_WEIGHTS)}
    return [s for s in compared if s["kind"] != "weights" or s["name"] in wanted]


def _currencies(results: Record) -> Iterator[tuple[str, str, str]]:
    """Give what can be gained: its key, its title, and what its axis measures."""
    yield "cost", aim(results), gained(results)
    yield "ranking", "ranking", "average precision gained, points"
    yield "calibration", "calibration", "log loss saved, %"


def _forest(
    kept: list[Record],
    currency: str,
    title: str,
    unit: str,
    y: Axis,
    place: dict[str, float],
    more: str,
) -> Chart:
    gains = {s["name"]: s["versus_none"][currency] for s in kept}
    lines = [_said(gains, says, look, place) for says, look in SAYS]
    least, most = _ends(list(gains.values()))
    cut = "" if least is most is None else CUT
    return Chart(
        f"Gained in {title}",
        f"each beside {TWIN_NAME}, with its 95 % interval; right of 0 is better{cut}{more}",
        Axis(unit, least=least, most=most),
        y,
        tuple(line for line in lines if len(line.x)),
        ((0.0, "no difference"),),
        key=f"remedies-{currency}",
        basis=next(iter(gains.values()))["basis"],
        height=row_height(round(y.most or 0)),
    )


def _said(gains: dict[str, Record], says: str, look: str, place: dict[str, float]) -> Line:
    """Draw the settings of which the same is said."""
    of_these = {n: g for n, g in gains.items() if g["says"] == says and g["value"] is not None}
    ends = [gain["interval"] or (math.nan, math.nan) for gain in of_these.values()]
    return Line(
        look,
        look,
        [gain["value"] for gain in of_these.values()],
        [place[name] for name in of_these],
        [known(low) for low, _ in ends],
        [known(high) for _, high in ends],
        across=True,
        joined=False,
        names=list(of_these),
    )


def _ends(gains: list[Record]) -> tuple[float | None, float | None]:
    """End the axis where one wide interval would squeeze all others together, past every gain."""
    known = [gain for gain in gains if gain["value"] is not None]
    values = [gain["value"] for gain in known]
    ends = [end for gain in known for end in gain["interval"] or ()]
    if not ends:
        return None, None
    reach = sorted(map(abs, ends))
    far = FAR * reach[len(reach) // 2]
    least, most = (1.1 * end for end in (min(-far, *values), max(far, *values)))
    return least if min(ends) < least else None, most if max(ends) > most else None
