"""What each weight does: cost and flagged share against the weight, and cost against threshold."""

from collections.abc import Sequence
from typing import Any

from outweigh.report._aim import bound
from outweigh.report._axis import Axis, one_to, shares
from outweigh.report._chart import Chart
from outweigh.report._line import Line
from outweigh.report._plane import values
from outweigh.report._point import Costs, Tables, prevalence
from outweigh.report._shown import four_costs, known, of_weights, three, worth

Record = dict[str, Any]
Marks = tuple[tuple[float, str], ...]

RATIO = Axis("weight ratio, positive : negative", log=True, form=one_to)
CROSS_FITTED = "cross-fitted"
BOTH = f"{CROSS_FITTED}; flagged from 0.5: held-out"
FEW = 16  # settings, each of which is marked
SMALLEST = 1e-6  # threshold that is drawn


def weight_charts(results: Record) -> list[Chart]:
    """Draw cost (or score) and flagged share against the weight."""
    settings = [s for s in of_weights(results) if s["weight_ratio"]]
    settings.sort(key=lambda s: s["weight_ratio"])
    if len(settings) < 2:
        return _power_charts(results)
    judged = worth(results, settings[0])
    if judged is None:
        return []
    key, title = judged
    marks = _marks(settings, results["chosen"]["setting"])
    return [
        _worth_chart(results, settings, key, title, marks),
        Chart(
            "Flagged",
            "share of all cases",
            RATIO,
            shares("flagged", least=0.0),
            _own_and_half(settings, "flagged_share"),
            marks,
            key="flagged-by-weight",
            basis=BOTH,
        ),
    ]


def _worth_chart(
    results: Record, settings: list[Record], key: str, title: str, marks: Marks
) -> Chart:
    """Draw the cost or the score; from 0.5 only where that keeps what decisions must keep."""
    kept, costs = bound(results), key == "expected_cost"
    lines = _own_and_half(settings, key)[: 1 if kept else 2]
    better = f"{title}; {'lower' if costs else 'higher'} is better"
    left_out = f"; flagged from 0.5 is left out, since {kept} is not kept there"
    return Chart(
        "Expected cost" if costs else title[0].upper() + title[1:],
        better + (left_out if kept else ""),
        RATIO,
        Axis(title, least=_bottom(lines)),
        lines,
        marks,
        key="cost-by-weight" if costs else "score-by-weight",
        basis=CROSS_FITTED if kept else BOTH,
    )


def cost_charts(results: Record) -> list[Chart]:
    """Draw the cost at each threshold, of the chosen setting and the twin."""
    counts, costs_of = results.get("counts"), four_costs(results)
    if not counts or costs_of is None:
        return []
    (tn, fp), (fn, tp) = costs_of
    costs, tables = Costs(tn, fp, fn, tp), Tables(counts, prevalence(counts))
    implied = results["objective"]["threshold"]
    least = max(SMALLEST, min(implied or 1.0, tables.prevalence) / 100)
    lines = tuple(
        _by_threshold(tables, name, look, costs, least)
        for name, look in three(results)
        if look != "half" and name in counts["settings"]
    )
    return [
        Chart(
            "Cost at each threshold",
            "cost per 1,000 cases, weights undone and probabilities repaired; the lowest point of "
            "a line was found on the rows that it is drawn from",
            Axis("probability to flag from", log=True, form="{:.3g}".format, least=least, most=1.0),
            Axis("cost per 1,000 cases", least=_bottom(lines)),
            lines,
            () if implied is None else ((implied, "implied by the costs"),),
            key="cost-by-threshold",
            basis=counts["basis"],
        )
    ]


def _by_threshold(tables: Tables, name: str, look: str, costs: Costs, least: float) -> Line:
    finite = [(g, t) for g, t in enumerate(tables.knots) if least <= t <= 1]
    cost = [tables.cost(tables.rates(name, g), costs) for g, _ in finite]
    return Line(name, look, [t for _, t in finite], cost)


def _bottom(lines: Sequence[Line]) -> float | None:
    """Begin at 0, unless some of what is drawn lies below it: benefits, scores worse than luck."""
    return None if any(value < 0 for value in values(lines, across=False)) else 0.0


def _own_and_half(settings: list[Record], key: str) -> tuple[Line, Line]:
    return (
        _path(settings, key, "own threshold", "chosen", half=False),
        _path(settings, key, "flagged from 0.5", "half", half=True),
    )


def _path(settings: list[Record], key: str, name: str, look: str, *, half: bool) -> Line:
    """Follow a number along the settings, with the spread of its seeds."""
    numbers = [(s["at_half"] if half else s)[key]["value"] for s in settings]
    seeds = [s["by_seed"][f"{key}_at_half" if half else key] for s in settings]
    return _line(name, look, [s["weight_ratio"] for s in settings], numbers, seeds)


def _power_charts(results: Record) -> list[Chart]:
    """Draw cost against the power, where more than two classes leave no one ratio."""
    settings = [s for s in of_weights(results) if s["power"] is not None]
    settings.sort(key=lambda s: s["power"])
    if len(settings) < 2 or settings[0]["expected_cost"]["value"] is None:
        return []
    costs = [s["expected_cost"]["value"] for s in settings]
    seeds = [s["by_seed"]["expected_cost"] for s in settings]
    line = _line("least expected cost", "chosen", [s["power"] for s in settings], costs, seeds)
    return [
        Chart(
            "Expected cost",
            "cost per 1,000 cases; lower is better",
            Axis("power τ: 0 no weight, 1 balanced"),
            Axis("cost per 1,000 cases", least=_bottom([line])),
            (line,),
            _marks(settings, results["chosen"]["setting"], "power"),
            key="cost-by-weight",
        )
    ]


def _line(
    name: str,
    look: str,
    x: list[float],
    numbers: list[float | None],
    seeds: list[list[float | None]],
) -> Line:
    of_seeds = [[v for v in of_setting if v is not None] for of_setting in seeds]
    return Line(
        name,
        look,
        x,
        [known(v) for v in numbers],
        [known(min(v, default=None)) for v in of_seeds],
        [known(max(v, default=None)) for v in of_seeds],
        dots=len(x) <= FEW,
    )


def _marks(settings: list[Record], chosen: str, along: str = "weight_ratio") -> Marks:
    place = {s["name"]: s[along] for s in settings}
    wanted = [(chosen, "chosen"), ("balanced", "balanced")]
    return tuple((place[name], label) for name, label in wanted if name in place)
