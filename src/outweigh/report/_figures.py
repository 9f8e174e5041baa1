"""The figures of a report: from the plain record to charts, in the order of the page."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

from outweigh.report._chart import Chart
from outweigh.report._classes import classes
from outweigh.report._decision_figures import decision_charts
from outweigh.report._demo_figures import ratio_charts
from outweigh.report._probability_figures import reliability_charts
from outweigh.report._ranking_figures import ranking_charts
from outweigh.report._remedy_figures import remedy_charts
from outweigh.report._segment_figures import has_intervals, segment_charts
from outweigh.report._spread_figures import fold_charts, threshold_charts, verdict_charts
from outweigh.report._training_figures import history_charts
from outweigh.report._weight_figures import cost_charts, weight_charts

Record = dict[str, Any]

DEMO = (
    "Every ratio from 1:1 to 1:200, flagged where the weighted output exceeds 0.5, as the "
    "tutorial does it. Lines: the median of five seeds; bands: all of them. The dashed line is "
    "the best possible rule, from the known generating process."
)
WEIGHT = (
    "Each setting twice: its weights undone, at its own operating point, and the weighted output "
    "flagged from 0.5, as the usual recipe does it. Where the first line is flat, the weight only "
    "moved the threshold. Bands: from the best to the worst single seed. Lines: the networks of "
    "all seeds averaged into one model, which often does better than any of them, so that a line "
    "may leave its band."
)
WEIGHT_OF_MANY = (
    "Each setting with its weights undone and every case decided at least expected cost. Where the "
    "line is flat, the weight does nothing that such decisions do not. The band goes from the best "
    "to the worst single seed. The line is the networks of all seeds averaged into one model, "
    "which often does better than any of them, so that it may leave the band."
)
RANKING = (
    "How well the scores put positives before negatives, whatever the threshold; all folds. "
    "The references are other classifiers, on the same rows."
)
BELIEF = (
    "Predicted against observed shares of positives, in bins of equally many positives, with "
    "95 % intervals of the observed share. Honest probabilities lie on the diagonal."
)
CERTAINTY = (
    "What class weights save, chosen on the other folds and judged on each fold, and the same for "
    "each seed alone. The bar is the 95 % interval of the difference between the trained models."
)
CUT = (
    "Each dot is the threshold that would have been best on the other folds. Where they lie far "
    "apart, a tuned threshold is mostly luck; the one that costs imply is the same for all."
)
TRAINING = (
    "Validation log losses, averaged over folds and seeds, up to the epoch at which the first lane "
    "stopped. Lanes stop by the undone one unless told otherwise (--watch). Under a weight the raw "
    "one falls and rises at other epochs: it asks for probabilities that the weight was meant to "
    "distort."
)
REMEDIES = (
    "What each setting gains on the twin, paired on the same rows: in what decisions are for, in "
    "how positives are ranked, and in how far probabilities can be believed. One remedy may win in "
    "one and lose in another."
)
SEGMENTS = (
    "The same decisions, group by group. Where there are many groups, some look different by "
    "chance."
)
SURE = " The intervals are those of each group alone."


TABLES = ("weights", "probabilities")
"""Sections of which tables are a part, which stand on a page without any chart too."""


class Section(NamedTuple):
    """Charts that belong together.

    Attributes
    ----------
    key : str
    title : str
    says : str
        What the charts say; nothing where there are none.
    charts : list of Chart
    """

    key: str
    title: str
    says: str
    charts: list[Chart]


def figures(results: Record) -> tuple[Section, ...]:
    """Give the figures of a study or of the demo, in the order of the page.

    Parameters
    ----------
    results : dict
        A study's record; what an older one lacks is left out.

    Returns
    -------
    sections : tuple of Section
        Those that have charts, or tables on the page; no two charts have the same key.
    """
    two = results["data"]["positive"] is not None
    weights = [*weight_charts(results), *cost_charts(results)]
    spread = [*verdict_charts(results), *fold_charts(results)]
    sure = SURE if any(map(has_intervals, results.get("segments") or ())) else ""
    sections = (
        Section("demo", "Recall is bought with alarms", DEMO, ratio_charts(results.get("demo"))),
        Section("weights", "What each weight does", WEIGHT if two else WEIGHT_OF_MANY, weights),
        Section("ranking", "Ranking", RANKING, ranking_charts(results)),
        Section(
            "probabilities",
            "Can the probabilities be believed?",
            BELIEF,
            reliability_charts(results),
        ),
        Section("certainty", "How certain that is", CERTAINTY, spread),
        Section("thresholds", "Where to cut", CUT, threshold_charts(results)),
        Section("training", "Training", TRAINING, history_charts(results)),
        Section("remedies", "Every remedy against none", REMEDIES, remedy_charts(results)),
        Section("segments", "Group by group", SEGMENTS + sure, segment_charts(results)),
    )
    return _told_apart(
        section if section.charts else section._replace(says="")
        for section in sections
        if section.charts or section.key in TABLES
    )


def charts(results: Record) -> Iterator[Chart]:
    """Give every chart of a page, those of each class by itself too, and that of its picture."""
    for section in figures(results):
        yield from section.charts
    yield from decision_charts(results)
    part = classes(results)
    for one in () if part is None else part.pages:
        yield from one.charts


def _told_apart(sections: Iterable[Section]) -> tuple[Section, ...]:
    """Give each chart a key of its own: names that differ in signs alone would share one."""
    taken: set[str] = set()
    return tuple(
        section._replace(charts=[_renamed(chart, taken) for chart in section.charts])
        for section in sections
    )


def _renamed(chart: Chart, taken: set[str]) -> Chart:
    keys = (f"{chart.key}-{n}" if n > 1 else chart.key for n in count(1))
    key = next(key for key in keys if key not in taken)
    taken.add(key)
    return replace(chart, key=key)
