"""Spread: how far folds and seeds agree about what is gained, what it costs, and where to cut."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

from outweigh.report._aim import gained
from outweigh.report._axis import Axis, rows
from outweigh.report._chart import Chart, row_height
from outweigh.report._line import Line
from outweigh.report._shown import known, settings, slug, three, worth

Record = dict[str, Any]

NOTHING = ((0.0, "no difference"),)
AIR = 1.1  # between thresholds and the ends of their axis, as a factor
LOW = 200.0  # pixels, of a chart of two or three rows


def verdict_charts(results: Record) -> list[Chart]:
    """Draw the saving of each fold and seed, and the interval."""
    verdict = results["verdict"]
    if verdict["difference"] is None or verdict["interval"] is None:
        return []
    points = verdict["unit"] == "points"
    folds = [_gain(f["weighted"], f["twin"], verdict["unit"]) for f in verdict["by_fold"]]
    seeds = verdict["by_seed"]
    low, high = verdict["interval"]
    y, (all_, fold, seed) = rows(("all", "folds", "seeds"))
    lines = (
        Line(
            "folds together, 95 % interval",
            "chosen",
            [verdict["difference"]],
            [all_],
            [low],
            [high],
            across=True,
            joined=False,
        ),
        _dots("each fold", "twin", folds, fold, [f"fold {f['fold']}" for f in verdict["by_fold"]]),
        _dots("each seed", "half", seeds, seed),
    )
    return [
        Chart(
            "What class weights gain",
            f"{'points' if points else 'percent of the cost of the twin'}; right of 0 they help",
            Axis(gained(results)),
            y,
            lines,
            NOTHING,
            key="verdict",
            basis=verdict["basis"],
            height=LOW,
        )
    ]


def _gain(weighted: float | None, twin: float | None, unit: str) -> float:
    """Give what a fold gains, in the verdict's unit."""
    if weighted is None or twin is None or (unit == "percent" and not twin):
        return math.nan
    return 100 * (weighted - twin) if unit == "points" else 100 * (twin - weighted) / twin


def fold_charts(results: Record) -> list[Chart]:
    """Draw what the settings cost (or score) in each fold and with each seed."""
    by_name = settings(results)
    shown = [(name, look) for name, look in three(results) if name in by_name]
    judged = worth(results, by_name[shown[0][0]])
    if judged is None or not all(by_name[name].get("by_fold") for name, _ in shown):
        return []
    key, title = judged
    y, places = rows(
        [text for name, _ in shown for text in (name, "folds", "seeds")],
        heads=range(0, 3 * len(shown), 3),
    )
    placed = [(by_name[name], look, places[3 * i + 1]) for i, (name, look) in enumerate(shown)]
    seeds = results["design"]["seeds"]
    return [
        Chart(
            "Folds and seeds",
            f"{title}, in each fold and with each seed alone",
            Axis(title),
            y,
            (*(_apart(*one, key, seeds) for one in placed), _together(placed, key)),
            key="folds-and-seeds",
            height=row_height(3 * len(shown)),
        )
    ]


def _apart(setting: Record, look: str, place: float, key: str, seeds: list[int]) -> Line:
    """Mark each fold, and one row below each seed."""
    folds, by_seed = setting["by_fold"][key], setting["by_seed"][key]
    names = [f"fold {f}" for f in range(len(folds))] + [f"seed {r}" for r in seeds]
    at = [place] * len(folds) + [place - 1] * len(by_seed)
    values = [known(v) for v in (*folds, *by_seed)]
    return Line(setting["name"], look, values, at, joined=False, names=names)


def _together(placed: list[tuple[Record, str, float]], key: str) -> Line:
    """Draw a piece of a line for each setting."""
    x, y = [], []
    for setting, _, place in placed:
        x += [known(setting[key]["value"])] * 2 + [math.nan]  # pieces are not joined
        y += [place + 0.4, place - 1.4, math.nan]
    return Line("all folds together", "limit", x, y)


def threshold_charts(results: Record) -> list[Chart]:
    """Draw the thresholds that folds and seeds would choose, and the one that costs imply."""
    return [_thresholds(found) for found in results["thresholds"]]


def _thresholds(found: Record) -> Chart:
    by_fold = [_cut(t) for t in found["by_fold"]]
    by_seed = [_cut(t) for of_folds in found["by_seed"] for t in of_folds]
    y, (fold, seed) = rows(("folds", "seeds"))
    return Chart(
        f"Thresholds of {found['setting']}",
        "; ".join((_tuned_against_implied(found), *_at_the_ends(by_fold, by_seed))),
        _probabilities((*by_fold, *by_seed, found["implied"])),
        y,
        (
            _dots("each fold, seeds averaged", "chosen", by_fold, fold),
            _dots("each seed and fold", "half", by_seed, seed),
        ),
        () if found["implied"] is None else ((found["implied"], "implied by the costs"),),
        key=f"thresholds-{slug(found['setting'])}",
        height=LOW,
    )


def _probabilities(thresholds: Iterable[float | None]) -> Axis:
    """Give the axis that all thresholds lie on, but those that flag everybody or nobody."""
    inside = [t for t in thresholds if t and math.isfinite(t)] or [0.5]
    return Axis(
        "probability to flag from",
        log=True,
        form="{:.3g}".format,
        least=min(inside) / AIR,
        most=max(inside) * AIR,
    )


def _cut(threshold: float | None) -> float:
    """Give a threshold; infinite, which a record has as none, where it flags nobody."""
    return math.inf if threshold is None else threshold


def _at_the_ends(by_fold: list[float], by_seed: list[float]) -> Iterator[str]:
    """Say how many thresholds lie at no probability: these flag everybody, or nobody."""
    ends = (("left", "everybody", 0.0), ("right", "nobody", math.inf))
    for end, whom, threshold in ends:
        folds, seeds = by_fold.count(threshold), by_seed.count(threshold)
        if folds or seeds:
            yield (
                f"at the {end} end those that flag {whom}, {folds} of {len(by_fold)} folds and "
                f"{seeds} of {len(by_seed)} seeds and folds"
            )


def _tuned_against_implied(found: Record) -> str:
    tuned, implied = found["tuned_cost"]["value"], found["implied_cost"]["value"]
    if found["implied"] is None or tuned is None or implied is None:
        return "each chosen on the other folds"
    return f"cost per 1,000 cases: {implied:.4g} as implied, {tuned:.4g} tuned on the other folds"


def _dots(
    name: str, look: str, x: list[float], place: float, names: list[str] | None = None
) -> Line:
    return Line(name, look, x, [place] * len(x), joined=False, names=names)
