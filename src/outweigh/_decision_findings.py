"""Findings on decisions: choices at the end of their range, and what the weights were good for.

Letters: N entries, S settings, R seeds, F folds.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from outweigh import _scores as scores
from outweigh._compare import NO_GAIN, TOO_FEW
from outweigh._counted import Alerts, PrecisionAtRecall, RecallAtPrecision
from outweigh._difference import Saying
from outweigh._look import Found, Judged, NotApplicable
from outweigh._objective import Objective
from outweigh._predictions import LOSS, SAMPLING, TWIN_NAME, WEIGHTS, Predictions
from outweigh._reading import shown
from outweigh._versus import BETTER, Gain, cost_gains
from outweigh._written import written

CONFIDENCE = 0.95
NEARLY_EVERYBODY = 0.9  # of the cases
NEARLY_NOBODY = 0.1  # times as many as there are positives
MOVED, MOVED_BY = 2, 0.02  # times as many flagged, and that share of all more

FLAG = 1

Answers = Iterator[Found | NotApplicable]
Floats = NDArray[np.float64]


def weight_at_edge(e: Judged) -> Answers:
    """``weight-at-edge``: the best class weight is the largest or the smallest that was tried."""
    names, strength, kinds = e.predictions.settings, _strength(e), e.predictions.kinds
    tried = [kind == WEIGHTS for kind in kinds] & np.isfinite(strength)
    order = [s for s in np.argsort(strength).tolist() if tried[s]]
    best, twin = names.index(e.verdict.best), names.index(TWIN_NAME)
    if best not in order or len(order) < 3:
        yield NotApplicable("fewer than two strengths of class weights were tried")
        return
    if e.verdict.code == TOO_FEW:
        yield NotApplicable("there are too few positives to compare class weights by")
        return
    at = order.index(best)
    for size, inner, at_edge in (
        ("largest", order[at - 1], at == len(order) - 1),
        ("smallest", order[min(at + 1, len(order) - 1)], at == 0 or _is_first(e, order, at, twin)),
    ):
        if at_edge and _is_clearly_better(e, best, inner):
            further = "larger" if size == "largest" else "smaller"
            yield Found(
                f"The {size} class weights tried, {shown(names[best])}, do best, and clearly "
                f"better than the next, {shown(names[inner])}.",
                f"The best may lie beyond: try {further} ones, too, with --settings.",
            )


def threshold_at_edge(e: Judged) -> Answers:
    """``threshold-at-edge``: the cut-off that was searched for flags everybody or nobody."""
    d, p, s = e.decisions, e.predictions, e.predictions.settings.index(e.verdict.chosen)
    if reason := _no_flags(e):
        yield NotApplicable(reason)
        return
    if not _is_searched(d.thresholds):
        yield NotApplicable("the cut-off follows from the costs, it is not searched for")
        return
    flagged = np.where(d.decided[s] == FLAG, d.cases.weight, 0)
    total = np.bincount(p.fold, d.cases.weight)
    shares = np.bincount(p.fold, flagged)[total > 0] / total[total > 0]
    for whom, share in (("everybody", 1), ("nobody", 0)):
        n = int((shares == share).sum())
        if n >= len(shares) / 2:
            yield Found(
                f"The best cut-off for {shown(d.objective.name)} flags {whom} in {n} of "
                f"{len(shares)} folds: it lies at the end of its range.",
                "The objective may ask for what these networks cannot give: ask for less, or give "
                "costs instead.",
            )


def floor_missed(e: Judged) -> Answers:
    """``floor-missed``: a floor of precision or recall is not kept by rows that chose nothing."""
    d, objective = e.decisions, e.decisions.objective
    if not isinstance(objective, RecallAtPrecision | PrecisionAtRecall):
        yield NotApplicable("the objective has no floor")
        return
    s = e.predictions.settings.index(e.verdict.chosen)
    value = float(
        objective.value(scores.confusion(e.predictions.y, d.decided[s], 2, d.cases.weight))
    )
    if value >= 0:
        return
    of = "precision" if isinstance(objective, RecallAtPrecision) else "recall"
    came, floor = (written(share, "{:.1%}") for share in (1 + value, objective.floor))
    yield Found(
        f"{shown(e.verdict.chosen)} comes to {came} {of} on rows that had no part in choosing its "
        f"threshold: below the floor of {floor}.",
        "A threshold does a little worse on other rows than on those that chose it. Ask for more "
        "than you need, or collect more positives.",
    )


def flags_nearly_everybody(e: Judged) -> Answers:
    """``flags-nearly-everybody``: more than nine of ten cases would be flagged."""
    if reason := _no_flags(e):
        yield NotApplicable(reason)
        return
    flagged, _ = _shares(e)
    if flagged > NEARLY_EVERYBODY:
        yield Found(
            f"{shown(e.verdict.chosen)} flags {written(flagged, '{:.1%}')} of the cases: nearly "
            "everybody.",
            "By this objective a look at everybody is about as good. Check it: a false alarm may "
            "cost more than was said.",
        )


def flags_nearly_nobody(e: Judged) -> Answers:
    """``flags-nearly-nobody``: fewer would be flagged than a tenth of the positives."""
    if reason := _no_flags(e):
        yield NotApplicable(reason)
        return
    if isinstance(e.decisions.objective, Alerts):
        yield NotApplicable("a budget of alerts says how many are flagged")
        return
    flagged, positive = _shares(e)
    if flagged < NEARLY_NOBODY * positive:
        flags, are = (written(share, "{:.2%}") for share in (flagged, positive))
        yield Found(
            f"{shown(e.verdict.chosen)} flags {flags} of the cases, where {are} are positive: "
            "nearly nobody.",
            "By this objective doing nothing is about as good. Check it: a missed positive may "
            "cost more than was said.",
        )


def weights_moved_threshold(e: Judged) -> Answers:
    """``weights-moved-threshold``: weights change what 0.5 flags, and nothing else."""
    p, best = e.predictions, e.verdict.best
    if best == TWIN_NAME:
        yield NotApplicable("no class weights were tried")
        return
    if len(p.classes) > 2:
        yield NotApplicable("there are more than two classes, and no threshold")
        return
    s, twin = p.settings.index(best), p.settings.index(TWIN_NAME)
    weighted, plain = (_flagged_from_half(e, i) for i in (s, twin))
    few, many = sorted((weighted, plain))
    moved = many >= max(MOVED * few, few + MOVED_BY)
    if not moved or e.verdict.code != NO_GAIN or _ranks_otherwise(e, s, twin):
        return
    flag, flag_plain = (written(share, "{:.1%}") for share in (weighted, plain))
    yield Found(
        f"From 0.5, networks trained with {shown(best)} flag {flag} of the cases, those without "
        f"weights {flag_plain}. Yet both rank cases alike, and "
        f"{'' if _ranks(e) else 'with each at its own cut-off '}no gain can be told from chance.",
        "The weights moved what 0.5 flags and did no more: leave them out"
        f"{'' if _ranks(e) else ', and move the threshold yourself'}.",
    )


def _ranks(e: Judged) -> bool:
    """Tell whether the objective ranks and asks for no cut-off."""
    return not e.decisions.rules


def remedy_beats_none(e: Judged) -> Answers:
    """``remedy-beats-none``: a loss or a way of sampling does better than what was chosen."""
    p, d = e.predictions, e.decisions
    remedies = [s for s, kind in enumerate(p.kinds) if kind in (LOSS, SAMPLING)]
    if not remedies:
        yield NotApplicable("no other loss and no sampling were tried")
        return
    gains = dict(zip(remedies, cost_gains(d, remedies), strict=True))
    least, chosen = d.overall, p.settings.index(e.verdict.chosen)
    better = [s for s in remedies if gains[s].says == BETTER and least[s] < least[chosen]]
    if not better:
        return
    best = min(better, key=lambda s: least[s])
    beside = "" if e.verdict.chosen == TWIN_NAME else f", and better than {shown(e.verdict.chosen)}"
    yield Found(
        f"With {shown(p.settings[best])} {_gained(gains[best], d.objective)}{beside}; "
        f"{len(better)} of the {len(remedies)} tried so do better.",
        f"outweigh run --use {shown(p.settings[best])} refits it. The interval is that of a remedy "
        "fixed in advance: of many some look better by chance, so try it on new rows.",
    )


def _gained(gain: Gain, objective: Objective) -> str:
    says = Saying(objective)
    numbers = gain.difference, *(gain.interval or ())
    gained, low, high = (says.changed(number) for number in numbers if number is not None)
    return f"{says.subject} is {gained} than without any remedy (95 % interval: {low} to {high})"


def _strength(e: Judged) -> Floats:
    """Give the log of each setting's (S,) weight ratio; of many classes, that of the extremes."""
    weight = e.predictions.class_weight
    two = weight.shape[2] == 2
    ratio = weight[..., 1] / weight[..., 0] if two else weight.max(axis=2) / weight.min(axis=2)
    return np.asarray(np.log(ratio).mean(axis=1))


def _is_first(e: Judged, order: list[int], at: int, twin: int) -> bool:
    """Tell whether a setting is next to the twin, the weakest of all, and no worse than it."""
    elsewhere = e.decisions.elsewhere
    return at == 1 and order[0] == twin and bool(elsewhere[order[1]].sum() <= elsewhere[twin].sum())


def _is_clearly_better(e: Judged, one: int, other: int) -> bool:
    """Tell whether a setting is better than another one beyond chance, by the jackknife over folds.

    What settings come to on the other folds of each fold are the jackknife's replicates.
    """
    difference = e.decisions.elsewhere[one] - e.decisions.elsewhere[other]  # less is better
    repeat = np.asarray(e.predictions.repeat)
    each = [difference[repeat == r] for r in np.unique(repeat)]
    m = min(len(of_repeat) for of_repeat in each)
    if m < 2:
        return False
    variance = np.mean([(m - 1) ** 2 / m * of_repeat.var(ddof=1) for of_repeat in each])
    bound = stats.t.ppf((1 + CONFIDENCE) / 2, m - 1) * np.sqrt(variance)
    return bool(difference.mean() < -bound)


def _no_flags(e: Judged) -> str:
    """Say why nobody is flagged in this study; empty where cases are."""
    if _ranks(e):
        return "the objective ranks cases and decides nothing"
    return "" if len(e.predictions.classes) == 2 else "there are more than two classes, and no flag"


def _is_searched(thresholds: Floats) -> bool:
    """Tell whether cut-offs (S, F) were searched for: one that costs imply is always the same."""
    if np.isnan(thresholds).any():
        return False
    return bool(np.isinf(thresholds).any() or np.ptp(thresholds) > 0)


def _shares(e: Judged) -> tuple[float, float]:
    """Give the shares of cases that the chosen setting flags, and that are positive."""
    decided = e.decisions.decided[e.predictions.settings.index(e.verdict.chosen)]
    flagged, positive = (
        np.average(of == FLAG, weights=e.decisions.cases.weight)
        for of in (decided, e.predictions.y)
    )
    return float(flagged), float(positive)


def _flagged_from_half(e: Judged, s: int) -> float:
    """Give the share of cases that the raw output, averaged over seeds, flags from 0.5."""
    p = e.predictions
    alive = p.alive[s][:, p.fold]  # (R, N)
    said = np.where(alive, p.probability[s, :, :, 1], 0).sum(axis=0)
    return float(np.average(said > 0.5 * alive.sum(axis=0), weights=e.decisions.cases.weight))


def _ranks_otherwise(e: Judged, s: int, twin: int) -> bool:
    """Tell whether two settings' average precision differs beyond chance, by t over the folds."""
    difference = _precision(e, s) - _precision(e, twin)
    difference = difference[np.isfinite(difference)]
    if len(difference) < 2:
        return False
    bound = stats.t.ppf((1 + CONFIDENCE) / 2, len(difference) - 1) * stats.sem(difference)
    return bool(abs(difference.mean()) > bound)


def _precision(e: Judged, s: int) -> Floats:
    """Give a setting's average precision in each fold (F,)."""
    p, said = e.predictions, e.predictions.averaged()[s]
    return np.array([_of_fold(p, said, p.fold == f) for f in range(len(p.prior))])


def _of_fold(p: Predictions, said: Floats, rows: NDArray[np.bool_]) -> float:
    weight = None if p.row_weight is None else p.row_weight[rows]
    return scores.ranking(p.y[rows], said[rows], fold=p.fold[rows], row_weight=weight)[0]
