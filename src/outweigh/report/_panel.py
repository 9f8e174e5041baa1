"""The panel: what the page's controls start from, and what stands there without its script.

The controls are costs, an alerts budget, a threshold, the prevalence and a setting. They begin
where the study stands, so that the first numbers on the page are the study's own.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from outweigh._predictions import TWIN_NAME
from outweigh.report._block import block
from outweigh.report._parts import in_parts, packed_counts, scales
from outweigh.report._picture import KINDS, picture
from outweigh.report._point import ROUNDING, Costs, Point, Tables, point, prevalence, whole_cases
from outweigh.report._shown import flags_nobody, four_costs, settings
from outweigh.report._words import few, number, percent, whole

Record = dict[str, Any]

COSTS, ALERTS, THRESHOLD = "costs", "alerts", "threshold"
RARE = 10  # positives of 1,000 cases, below which parts of one are told


@dataclass(frozen=True)
class Start:
    """Where the controls stand when the page is opened."""

    setting: str
    by: str  # which of costs, alerts and threshold decides
    costs: Costs
    alerts: float
    knot: int


@dataclass(frozen=True)
class Panel:
    """The controls, and what the chosen setting and its twin do where they start."""

    start: Start
    positive: str
    prevalence: float
    knots: int
    here: Point
    twin: Point
    counted_at: float | None
    saying: str
    shown: str
    picture: Markup
    apart: str | None  # why these are not the study's decisions
    has_model: bool  # in the folder of the report, that decides as the controls do
    notes: tuple[str, ...]
    settings: tuple[tuple[str, tuple[tuple[int, str], ...]], ...]  # by kind: number and name
    data: Markup
    tables: str

    @property
    def cases(self) -> dict[str, str]:
        """What the chosen setting does to 1,000 cases, by kind."""
        return dict(zip(KINDS, told(self.here.per_1000)[1], strict=True))

    @property
    def cases_of_twin(self) -> dict[str, str]:
        """What the twin does to 1,000 cases, by kind."""
        return dict(zip(KINDS, told(self.twin.per_1000)[1], strict=True))

    @property
    def rows(self) -> dict[str, float]:
        """What the chosen setting does to the rows that were judged, by kind."""
        return {kind: getattr(self.here, kind) for kind in KINDS}

    @property
    def saving(self) -> float | None:
        """What the chosen setting saves, in percent of the cost of its twin."""
        if self.twin.cost <= 0:
            return None
        return 100 * (self.twin.cost - self.here.cost) / self.twin.cost


def panel(results: Record, kinds: dict[str, str]) -> Panel | None:
    """Give the panel of a study of two classes; None where a record has no counted tables.

    Parameters
    ----------
    results : dict
        A study's record.
    kinds : dict
        What the kinds of settings are called, in order.
    """
    found = opening(results)
    if found is None:
        return None
    tables, start, here, twin = found
    counts, apart = tables.counts, _apart(results)
    of_a_run = "demo" not in results and results["data"].get("sha256") is not None
    return Panel(
        start=start,
        positive=results["data"]["positive"],
        prevalence=tables.prevalence,
        knots=len(tables.knots),
        here=here,
        twin=twin,
        counted_at=counts["threshold"][start.knot],
        saying=saying(here, results["data"]["positive"]),
        shown=shown(start, here, tables.prevalence),
        picture=picture(here.per_1000),
        apart=apart,
        has_model=of_a_run and apart is None,
        notes=tuple(_notes(results, start)),
        settings=tuple(_grouped(results, kinds)),
        data=block(_data(results, tables, start)),
        tables=packed_counts(counts),
    )


def opening(results: Record) -> tuple[Tables, Start, Point, Point] | None:
    """Give what is counted, where controls start, and what chosen and twin do there."""
    counts = results.get("counts")
    if counts is None:
        return None
    tables, costs = Tables(in_parts(counts), prevalence(counts)), _costs(results)
    start = _start(results, tables, costs)
    here = point(tables, start.setting, start.knot, costs)
    return tables, start, here, point(tables, TWIN_NAME, _knot_of_twin(start, tables), costs)


def told(per_1000: Sequence[float]) -> tuple[Sequence[float], tuple[str, ...]]:
    """Round cases of 1,000 together, so that they add up; where positives are rare, each by itself.

    Examples
    --------
    >>> told([20.6, 0.3, 90.6, 888.5])
    ([21, 0, 91, 888], ('21', 'fewer than 1', '91', '888'))
    >>> told([0.6, 0.2, 90.6, 908.6])[1]
    ('0.6', '0.2', '91', '909')
    """
    if per_1000[0] + per_1000[1] < RARE - ROUNDING:
        return per_1000, tuple(map(few, per_1000))
    numbers = whole_cases(per_1000)
    pairs = zip(numbers, per_1000, strict=True)
    return numbers, tuple("fewer than 1" if n == 0 < x else whole(n) for n, x in pairs)


def saying(here: Point, positive: str) -> str:
    """Say in natural frequencies what is done to cases; the page's script says it likewise."""
    numbers, texts = told(here.per_1000)
    caught, missed, alarmed, _ = numbers
    return (
        f"Of 1,000 cases, {few(caught + missed)} are “\u2068{positive}\u2069”. Flagged: "
        f"{few(caught + alarmed)}, namely {texts[0]} of those and {texts[2]} of the others. "
        f"Missed: {texts[1]}."
    )


def shown(start: Start, here: Point, prevalence: float) -> str:
    """Say what the numbers stand for; the page's script says it likewise."""
    rule = {COSTS: "where it saves cost", ALERTS: "within the budget"}
    return (
        f"Shown: {start.setting}; a miss costs {number(start.costs.fn)}, a false alarm "
        f"{number(start.costs.fp)}; prevalence {percent(prevalence)}; flagged "
        f"{rule.get(start.by, 'from the threshold')}, {_who(here.threshold)}."
    )


def _who(threshold: float | None) -> str:
    if threshold is None:
        return "nobody"
    return f"from a probability of {number(threshold)}" if threshold > 0 else "everybody"


def _costs(results: Record) -> Costs:
    """Give the study's costs, or n0/n1 for a miss where it has none of one miss and one alarm."""
    matrix = results["objective"]["matrix"]
    if matrix is not None:
        (tn, fp), (fn, tp) = (row[:2] for row in matrix)
        return Costs(tn, fp, fn, tp)
    negatives, positives = results["data"]["training"]["classes"].values()
    return Costs(tn=0.0, fp=1.0, fn=negatives / max(positives, 1), tp=0.0)


def _start(results: Record, tables: Tables, costs: Costs) -> Start:
    """Stand where the study decides: at the costs, the budget or the threshold that it has."""
    objective, chosen = results["objective"], results["chosen"]
    threshold = chosen["threshold"]
    implied = objective["threshold"]
    if objective["name"].startswith("alerts:"):
        by, knot = ALERTS, tables.knot(1.0 if threshold is None else threshold)
    elif flags_nobody(results):
        by, knot = THRESHOLD, len(tables.knots) - 1
    elif threshold is None or threshold == implied:
        by, knot = COSTS, tables.knot(costs.threshold)
    else:
        by, knot = THRESHOLD, tables.knot(threshold)
    here = point(tables, chosen["setting"], knot, costs)
    alerts = 1000 * here.flagged
    if by == ALERTS:
        alerts = float(objective["name"].removeprefix("alerts:"))
        knot = tables.knot_of_budget(chosen["setting"], alerts)
    return Start(chosen["setting"], by, costs, alerts, knot)


def _knot_of_twin(start: Start, tables: Tables) -> int:
    """Decide the twin's cases by the same rule."""
    return tables.knot_of_budget(TWIN_NAME, start.alerts) if start.by == ALERTS else start.knot


def _apart(results: Record) -> str | None:
    """Say why no controls stand where the study decides; None where they do."""
    matrix = results["objective"]["matrix"]
    if matrix is not None and len(matrix[0]) > 2:
        return (
            "These are not the study's decisions: it hands cases to a person, and the controls "
            "decide each case."
        )
    used = settings(results)[results["chosen"]["setting"]]
    if used["flagged_share"]["value"] is None:
        return (
            "The study ranks cases and decides nothing. The controls show what a threshold would "
            "do."
        )
    if matrix is None and used["expected_cost"]["value"] is not None:
        return (
            "These are not the study's decisions: it knows for each case what a miss of it costs, "
            "and the controls know one cost of a miss for all."
        )
    return None


def _notes(results: Record, start: Start) -> list[str]:
    """Say where the controls are not the study's own decisions."""
    matrix, notes = results["objective"]["matrix"], []
    if start.by == THRESHOLD:
        notes.append(
            "The study judges each fold by a threshold that was chosen on the other folds. Here "
            "one threshold, chosen on all rows, decides all of them, and looks a little better "
            "than it is."
        )
    if matrix is None:
        notes.append(
            "The study knows no cost of a miss and of a false alarm that are the same for all "
            "rows. So the controls start at a miss that costs as many false alarms as there are "
            "negatives for each positive."
        )
    if matrix is not None and (matrix[0][0] or matrix[1][1]):
        notes.append(
            f"Right decisions count, too: {matrix[1][1]:g} for a positive that is flagged, "
            f"{matrix[0][0]:g} for a negative that is not."
        )
    return notes


def _grouped(
    results: Record, kinds: dict[str, str]
) -> list[tuple[str, tuple[tuple[int, str], ...]]]:
    """Give numbers and names of the settings by kind: a page may change a name's line breaks."""
    every = [(s.get("kind", "weights"), i, s["name"]) for i, s in enumerate(results["settings"])]
    groups = [
        (title, tuple((i, name) for k, i, name in every if k == kind))
        for kind, title in kinds.items()
    ]
    return [(title, settings) for title, settings in groups if settings]


def _data(results: Record, tables: Tables, start: Start) -> Record:
    """Give all that the script needs but the tables."""
    counts = tables.counts
    return {
        "start": {
            "setting": start.setting,
            "by": start.by,
            "miss": start.costs.fn,
            "alarm": start.costs.fp,
            "alerts": start.alerts,
            "knot": start.knot,
            "prevalence": tables.prevalence,
        },
        "remade": start.by == COSTS and four_costs(results) is not None,
        "right": [start.costs.tn, start.costs.tp],
        "positive": results["data"]["positive"],
        "threshold": counts["threshold"],
        "positives": counts["positives"],
        "negatives": counts["negatives"],
        "scales": scales(counts),
        "twin": TWIN_NAME,
        "settings": [_setting(s, counts["settings"][s["name"]]) for s in results["settings"]],
    }


def _setting(setting: Record, counted: Record) -> Record:
    """Give a setting as the script knows it; its tables come apart."""
    seeds = counted["by_seed"]
    return {
        "name": setting["name"],
        "ratio": setting["weight_ratio"] if setting.get("kind") == "weights" else None,
        "half": counted["at_half"],
        "seeds": None if seeds is None else seeds["at_half"],
        "use": None if setting.get("kind") == "reference" else _quoted(setting["name"]),
    }


def _quoted(name: str) -> str:
    """Write a name for a shell; one that could deceive the eye has to be typed."""
    return shlex.quote(name) if name.isprintable() else "NAME"
