"""The figures of a report: from the plain record to charts."""

import math
from typing import Any

from outweigh.report._chart import Axis, Chart, Line

Record = dict[str, Any]

SHARE = Axis("", form=lambda v: f"{100 * v:.3g} %")
LOOKS = {"chosen": "chosen", "none": "twin"}


def share(title: str, **how: Any) -> Axis:
    """Give an axis of shares, written in percent."""
    return Axis(title, form=SHARE.form, **how)


def study_figures(results: Record) -> list[tuple[str, str, list[Chart]]]:
    """Give the sections of a study's figures: title, what they say, charts."""
    sections = [
        ("What each weight does", _weight_says(results), weight_charts(results)),
        ("How certain that is", CERTAINTY, verdict_charts(results["verdict"])),
        ("Where to cut", CUT, threshold_charts(results)),
        ("Ranking", RANKING, ranking_charts(results)),
        ("Can the probabilities be believed?", BELIEF, reliability_charts(results)),
        ("Training", TRAINING, history_charts(results)),
    ]
    return [section for section in sections if section[2]]


WEIGHT = (
    "Each setting twice: its weights undone, at its own operating point, and the weighted output "
    "flagged from 0.5, as the usual recipe does it. Where the first line is flat, the weight only "
    "moved the threshold. Bands: from the best to the worst single seed; lines: the average of all "
    "seeds."
)
WEIGHT_OF_MANY = (
    "Each setting with its weights undone and every case decided at least expected cost. Where the "
    "line is flat, the weight does nothing that such decisions do not. The band goes from the best "
    "to the worst single seed; the line is the average of all seeds."
)
CERTAINTY = (
    "What class weights save, chosen on the other folds and judged on each fold, and the same for "
    "each seed alone. The bar is the 95 % interval of the difference between the trained models."
)
CUTS = {1.0: "seeds", 2.0: "folds"}
CUT = (
    "Each dot is the threshold that would have been best on the other folds. Where they lie far "
    "apart, a tuned threshold is mostly luck; the one that costs imply is the same for all."
)
RANKING = "How well the scores put positives before negatives, whatever the threshold; all folds."
BELIEF = (
    "Predicted against observed shares of positives, in bins of equally many positives, with "
    "95 % intervals of the observed share. Honest probabilities lie on the diagonal."
)
TRAINING = (
    "Validation log losses, averaged over folds and seeds, up to the epoch at which the first lane "
    "stopped. Lanes stop by the undone one unless told otherwise (--watch). Under a weight the raw "
    "one falls and rises at other epochs: it asks for probabilities that the weight was meant to "
    "distort."
)


def _weight_says(results: Record) -> str:
    return WEIGHT if results["data"]["positive"] is not None else WEIGHT_OF_MANY


def weight_charts(results: Record) -> list[Chart]:
    """Draw cost and flagged share against the weight."""
    settings = [s for s in _of_weights(results) if s["weight_ratio"]]
    settings.sort(key=lambda s: s["weight_ratio"])
    if len(settings) < 2:
        return _power_charts(results)
    x = Axis("weight ratio, positive : negative", log=True, form=lambda v: f"1:{v:g}")
    worth = _worth(settings)
    if worth is None:
        return []
    key, title, caption = worth
    costs = (
        _path(settings, key, "own threshold", "chosen", half=False),
        _path(settings, key, "flagged from 0.5", "half", half=True),
    )
    flagged = (
        _path(settings, "flagged_share", "own threshold", "chosen", half=False),
        _path(settings, "flagged_share", "flagged from 0.5", "half", half=True),
    )
    marks = _marks(settings, results["chosen"]["setting"])
    return [
        Chart(title, caption, x, Axis(caption, least=0.0), costs, marks),
        Chart("Flagged", "share of all cases", x, share("flagged", least=0.0), flagged, marks),
    ]


def _of_weights(results: Record) -> list[Record]:
    """Keep the settings that are class weights and nothing else; an older record has no others."""
    return [s for s in results["settings"] if s.get("kind", "weights") == "weights"]


def _worth(settings: list[Record]) -> tuple[str, str, str] | None:
    """Tell what decisions are judged by: their cost, or a score; None in a ranking."""
    if settings[0]["expected_cost"]["value"] is not None:
        return "expected_cost", "Expected cost", "cost per 1,000 cases"
    if settings[0]["flagged_share"]["value"] is not None:
        return "score", "Score", "score of the objective"
    return None


def verdict_charts(verdict: Record) -> list[Chart]:
    """Draw the saving of each fold and seed, and the interval."""
    if verdict["difference"] is None or verdict["interval"] is None:
        return []
    folds = [_gain(f["weighted"], f["twin"], verdict["unit"]) for f in verdict["by_fold"]]
    seeds = verdict["by_seed"]
    low, high = verdict["interval"]
    y = 1.0
    rows = (
        Line("folds together", "chosen", [verdict["difference"]], [3.0], dots=True),
        Line("95 % interval", "chosen", [low, high], [3.0, 3.0]),
        Line("each fold", "twin", folds, [2.0] * len(folds), dots=True),
        Line("each seed", "half", seeds, [y] * len(seeds), dots=True),
    )
    names = {1.0: "seeds", 2.0: "folds", 3.0: "all"}
    points = verdict["unit"] == "points"
    chart = Chart(
        "What class weights gain",
        f"{'points' if points else 'percent of the cost of the twin'}; right of 0 they help",
        Axis("gained, points" if points else "saved, %"),
        Axis("", form=lambda v: names.get(v, ""), least=0.5, most=3.5),
        tuple(_loose(line) for line in rows),
        ((0.0, "no difference"),),
    )
    return [chart]


def _gain(weighted: float | None, twin: float | None, unit: str) -> float:
    """Give what a fold gains, in the verdict's unit."""
    if weighted is None or twin is None or (unit == "percent" and not twin):
        return math.nan
    return 100 * (weighted - twin) if unit == "points" else 100 * (twin - weighted) / twin


def threshold_charts(results: Record) -> list[Chart]:
    """Draw the thresholds that folds and seeds would choose, and the one that costs imply."""
    charts = []
    for found in results["thresholds"]:
        by_seed = [t for of_folds in found["by_seed"] for t in of_folds if t]
        by_fold = [t for t in found["by_fold"] if t]
        if not by_fold:
            continue
        lines = (
            Line("each seed and fold", "half", by_seed, [1.0] * len(by_seed), dots=True),
            Line("each fold, seeds averaged", "chosen", by_fold, [2.0] * len(by_fold), dots=True),
        )
        marks = () if found["implied"] is None else ((found["implied"], "implied by the costs"),)
        charts.append(
            Chart(
                f"Thresholds of {found['setting']}",
                _tuned_against_implied(found),
                Axis("probability to flag from", log=True, form=lambda v: f"{v:.3g}"),
                Axis("", form=lambda v: CUTS.get(v, ""), least=0.5, most=2.5),
                tuple(_loose(line) for line in lines),
                marks,
            )
        )
    return charts


def _tuned_against_implied(found: Record) -> str:
    tuned, implied = found["tuned_cost"]["value"], found["implied_cost"]["value"]
    if found["implied"] is None or tuned is None or implied is None:
        return "each chosen on the other folds"
    return f"cost per 1,000 cases: {implied:.4g} as implied, {tuned:.4g} tuned on the other folds"


def ranking_charts(results: Record) -> list[Chart]:
    """Draw precision–recall and ROC curves of chosen, twin and the best of the others."""
    if not _shown(results):
        return []
    prevalence = results["data"]["prevalence"]
    whole = {"least": 0.0, "most": 1.0}
    return [
        Chart(
            "Precision and recall",
            f"by chance precision would be {prevalence:.2%}",
            share("recall", **whole),
            share("precision", **whole),
            _curves(results, "precision_recall", "recall", "precision"),
        ),
        Chart(
            "ROC",
            "by chance it would be the diagonal",
            share("false alarms among the negatives", **whole),
            share("recall", **whole),
            _curves(results, "roc", "false_positive_rate", "true_positive_rate"),
            diagonal=True,
        ),
    ]


def _curves(results: Record, curve: str, x: str, y: str) -> tuple[Line, ...]:
    tables = [(name, look, results["curves"][name][curve]) for name, look in _shown(results)]
    return tuple(Line(name, look, table[x], table[y]) for name, look, table in tables)


def reliability_charts(results: Record) -> list[Chart]:
    """Draw predicted against observed shares: repaired, undone, raw."""
    shown = _shown(results)
    charts = []
    for key, title, caption in (
        ("reliability", "Repaired", "what outweigh predicts with, each fold by the others"),
        ("reliability_undone", "Undone", "the average over seeds, before any repair"),
        ("reliability_raw", "Raw", "before weights, losses and sampling are undone"),
    ):
        tables = [(name, look, results["curves"][name][key]) for name, look in shown]
        lines = tuple(
            Line(name, look, t["predicted"], t["observed"], t["low"], t["high"], bars=True)
            for name, look, t in tables
            if t["predicted"]
        )
        if lines:
            every = [v for line in lines for v in (*line.x, *line.y) if v > 0]
            least = min(every, default=0.01) / 1.5
            axis = {"log": True, "least": least, "most": 1.0}
            observed = share("observed", **axis)
            charts.append(
                Chart(title, caption, share("predicted", **axis), observed, lines, diagonal=True)
            )
    return charts


def history_charts(results: Record) -> list[Chart]:
    """Draw the three validation curves of chosen, twin and the best of the others."""
    history = results["history"]
    names = [(n, look) for n, look in _roles(results) if n in history]
    if not names or len(history[names[0][0]]["epoch"]) < 2:
        return []
    return [
        Chart(title, caption, Axis("epoch"), Axis("log loss"), _histories(history, names, kind))
        for kind, title, caption in (
            ("undone", "Undone", "class weights taken out of what the network says"),
            ("raw", "Raw", "the weighted output as it is: what Keras shows as val_loss"),
            ("weighted", "Weighted", "the weighted output, rows counting as in training"),
        )
    ]


def _histories(history: Record, names: list[tuple[str, str]], kind: str) -> tuple[Line, ...]:
    return tuple(
        Line(
            name,
            look,
            history[name]["epoch"],
            [math.nan if v is None else v for v in history[name][kind]],
        )
        for name, look in names
    )


def demo_figures(results: Record) -> list[tuple[str, str, list[Chart]]]:
    """Give the charts of the demo: what each ratio does to the tutorial's two networks."""
    said = (
        "Every ratio from 1:1 to 1:200, flagged where the weighted output exceeds 0.5, as the "
        "tutorial does it. Lines: the median of five seeds; bands: all of them. The dashed line is "
        "the best possible rule, from the known generating process."
    )
    charts = [
        chart
        for network in results["demo"]["networks"]
        for chart in _ratio_charts(network, results["demo"]["bayes"])
    ]
    return [("Recall is bought with alarms", said, charts)]


def _ratio_charts(network: Record, bayes: Record) -> list[Chart]:
    lines = []
    for key, name, look in (
        ("recall", "recall", "chosen"),
        ("flagged_share", "flagged of everybody", "half"),
    ):
        by_ratio = [sorted(column) for column in zip(*network[key], strict=True)]
        lines += [
            Line(
                name,
                look,
                network["ratios"],
                [v[len(v) // 2] for v in by_ratio],
                [v[0] for v in by_ratio],
                [v[-1] for v in by_ratio],
            ),
            Line(f"{name}, best possible", f"limit {look}", bayes["ratio"], bayes[key]),
        ]
    collapsed = sum(network["collapsed"])
    lanes = len(network["collapsed"]) * network["seeds"]
    return [
        Chart(
            f"Network {network['name']}",
            f"{collapsed} of {lanes} lanes collapsed to a constant",
            Axis("weight ratio, positive : negative", log=True, form=lambda v: f"1:{v:g}"),
            share("share", least=0.0, most=1.0),
            tuple(lines),
        )
    ]


def _path(settings: list[Record], key: str, name: str, look: str, *, half: bool) -> Line:
    """Follow a number along the settings, with the spread of its seeds."""
    suffix = "_at_half" if half else ""
    values = [(s["at_half"] if half else s)[key]["value"] for s in settings]
    spread = [s["by_seed"][f"{key}{suffix}"] for s in settings]
    return Line(
        name,
        look,
        [s["weight_ratio"] for s in settings],
        [math.nan if v is None else v for v in values],
        [min(v) for v in spread],
        [max(v) for v in spread],
        dots=len(settings) <= 16,
    )


def _power_charts(results: Record) -> list[Chart]:
    """Draw cost against the power, where more than two classes leave no one ratio."""
    settings = [s for s in _of_weights(results) if s["power"] is not None]
    settings.sort(key=lambda s: s["power"])
    if len(settings) < 2:
        return []
    spread = [s["by_seed"]["expected_cost"] for s in settings]
    line = Line(
        "least expected cost",
        "chosen",
        [s["power"] for s in settings],
        [s["expected_cost"]["value"] for s in settings],
        [min(v) for v in spread],
        [max(v) for v in spread],
        dots=True,
    )
    x = Axis("power τ: 0 no weight, 1 balanced")
    y = Axis("cost per 1,000 cases", least=0.0)
    return [Chart("Expected cost", "per 1,000 cases", x, y, (line,))]


def _marks(settings: list[Record], chosen: str) -> tuple[tuple[float, str], ...]:
    ratio = {s["name"]: s["weight_ratio"] for s in settings}
    wanted = [(chosen, "chosen"), ("balanced", "balanced")]
    return tuple((ratio[name], label) for name, label in wanted if name in ratio)


def _roles(results: Record) -> list[tuple[str, str]]:
    """Name the settings that curves are drawn for, and how each looks.

    The twin, the best class weights, the best of all else (balanced weights where there is nothing
    else), and the one to use.
    """
    chosen, best = results["chosen"]["setting"], results["verdict"]["best"]
    roles = {"none": "twin", best: "half", _best_remedy(results) or "balanced": "other"}
    return list((roles | {chosen: "chosen"}).items())


def _best_remedy(results: Record) -> str | None:
    """Name the best of the settings that are no class weights, by what decisions are for."""
    others = [s for s in results["settings"] if s.get("kind", "weights") != "weights"]
    return min(others, key=_loss, default={"name": None})["name"]


def _loss(setting: Record) -> float:
    cost, score = setting["expected_cost"]["value"], setting["score"]["value"]
    if cost is not None:
        return float(cost)
    return math.inf if score is None else -float(score)


def _shown(results: Record) -> list[tuple[str, str]]:
    return [(name, look) for name, look in _roles(results) if name in results["curves"]]


def _loose(line: Line) -> Line:
    """Keep a row of dots from being joined: each is a line of its own to the eye."""
    if line.name == "95 % interval":
        return line
    return Line(line.name, line.look, line.x, line.y, line.y, line.y, bars=True)
