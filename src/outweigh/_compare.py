"""The verdict: whether class weights earn their place against the twin without any.

For each fold the class-weight setting that is best on the other folds is judged on this one, beside
the twin, each repaired and each at its own operating point, which the other folds chose too. So no
row praises a choice that it took part in; the models of different folds do share training rows.
Settings that are no class weights have no part in it: see `outweigh._versus`.

When the split is repeated, all of this happens within each repetition: another repetition's folds
hold the very rows that are judged. The entries of a row in several repetitions are one unit of the
interval, so that repeating takes out the luck of the split and none of the luck of the rows.

Letters: N entries, S settings, R seeds, F folds, K classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import final

import numpy as np
from numpy.typing import NDArray

from outweigh._decisions import Decisions, worth
from outweigh._difference import FEWEST, Compared, Saying, compare, n_rare, settled, unit_of
from outweigh._interval import DEFAULT, Interval, Method
from outweigh._objective import Ranking
from outweigh._predictions import TWIN_NAME, WEIGHTS, Predictions

HELP = "weights_help"
HURT = "weights_hurt"
NO_GAIN = "no_detectable_gain"
TOO_FEW = "too_few_positives"

POWER = 1.43  # (1.96 + 0.84) / 1.96: to settle a difference in four studies of five
FARTHEST = 100  # times as many positives, beyond which nobody would wait for them

Float = NDArray[np.float64]


@final
@dataclass(frozen=True)
class FoldResult:
    """One fold: the setting that the other folds chose, and what it and the twin come to here."""

    fold: int
    setting: str
    weighted: float  # mean cost of a case, or the score
    twin: float


@final
@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The paired comparison of class weights, chosen on other folds, with no weights.

    Attributes
    ----------
    code : str
        ``weights_help``, ``weights_hurt``, ``no_detectable_gain`` or ``too_few_positives``.
    text : str
        The same as a sentence.
    difference : float or None
        What weights save, in percent of the twin's cost, or what they add to a score, in points.
        Negative where they do harm. None where there is nothing to compare.
    unit : str
        ``percent`` or ``points``.
    interval : (float, float) or None
        95 % interval of the difference between the trained models of the folds.
    basis : str
        Always ``cross-fitted``.
    chosen : str
        The setting to use: the twin unless weights help.
    best : str
        The best class-weight setting on all folds together, an in-sample choice.
    more_positives : int or None
        About how many more rows outside the most frequent class would settle a difference of this
        size in four studies of five; None where it is settled, or would take very many.
    by_fold : tuple of FoldResult
    by_seed : tuple of float
        The difference for each seed alone, without averaging.
    """

    code: str
    text: str
    difference: float | None
    unit: str
    interval: Interval | None
    basis: str
    chosen: str
    best: str
    more_positives: int | None
    by_fold: tuple[FoldResult, ...]
    by_seed: tuple[float, ...]

    @property
    def seed_mean(self) -> float | None:
        """The mean difference of single seeds."""
        return float(np.mean(self.by_seed)) if self.by_seed else None

    @property
    def seed_standard_error(self) -> float | None:
        """Its standard error; None with fewer than two seeds."""
        if len(self.by_seed) < 2:
            return None
        return float(np.std(self.by_seed, ddof=1) / np.sqrt(len(self.by_seed)))


def judge(decisions: Decisions, *, method: Method = DEFAULT) -> Verdict:
    """Compare class weights with the twin.

    Parameters
    ----------
    decisions : Decisions
    method : callable
        What gives the interval of paired losses.

    Returns
    -------
    verdict : Verdict
    """
    p, unit = decisions.predictions, unit_of(decisions.objective)
    twin = p.settings.index(TWIN_NAME)
    others = [s for s, kind in enumerate(p.kinds) if kind == WEIGHTS and s != twin]
    if not others:
        return _nothing_to_compare(unit)
    picked = np.array([min(others, key=lambda s: came[s]) for came in decisions.elsewhere.T])
    said, decided = _of_two(decisions, picked, twin)
    found = compare(decisions, said, decided, tried=decisions.decided[others], method=method)
    by_seed = tuple(_by_seed(decisions, picked, twin))
    overall = decisions.overall
    best = min(others, key=lambda s: overall[s])
    claimed = _code(p, found.interval, by_seed)
    but = _but(claimed, decisions, worth(decisions.objective, decisions.cases, said, decided), best)
    code = NO_GAIN if but else claimed
    more = _more_positives(p, found) if code == NO_GAIN else None
    return Verdict(
        code=code,
        text=_told(code, found, decisions, more, but),
        difference=found.difference,
        unit=unit,
        interval=found.interval,
        basis="cross-fitted",
        chosen=p.settings[best] if code == HELP else TWIN_NAME,
        best=p.settings[best],
        more_positives=more,
        by_fold=tuple(
            FoldResult(f, p.settings[s], float(found.other[f]), float(found.twin[f]))
            for f, s in enumerate(picked)
        ),
        by_seed=by_seed,
    )


def _by_seed(decisions: Decisions, picked: NDArray[np.int64], twin: int) -> Iterator[float]:
    """Give the difference of each seed alone, with the same settings, repairs and thresholds."""
    for r in range(len(decisions.predictions.seeds)):
        said, decided = _of_two(decisions, picked, twin, seed=r)
        found = compare(decisions, said, decided, method=lambda paired: None).difference
        if found is not None:
            yield found


def _of_two(
    decisions: Decisions, picked: NDArray[np.int64], twin: int, seed: int | None = None
) -> tuple[Float, NDArray[np.int64]]:
    """Give what the settings picked and the twin say (2, N, K) and decide (2, N)."""
    two = picked, np.full(len(picked), twin)
    if seed is None:
        said = [decisions.of_settings(of_fold) for of_fold in two]
    else:
        said = [decisions.of_lane(of_fold, seed) for of_fold in two]
    decided = [decisions.decide(of_fold, p) for of_fold, p in zip(two, said, strict=True)]
    return np.stack(said), np.stack(decided)


def _code(p: Predictions, interval: Interval | None, by_seed: tuple[float, ...]) -> str:
    if n_rare(p) < FEWEST:
        return TOO_FEW
    return {1: HELP, -1: HURT, 0: NO_GAIN}[settled(p, interval, by_seed)]


def _but(code: str, decisions: Decisions, two: Float, best: int) -> str:
    """Say why a difference that is no chance is no gain, or no harm; empty where it is one.

    Parameters
    ----------
    code : str
    decisions : Decisions
    two : (2,) float64
        What the settings picked and the twin come to; less is better, and a missed floor is worse
        than any score.
    best : int
        The best class-weight setting on all folds together.
    """
    other, twin = two
    sign = {HELP: 1, HURT: -1}.get(code, 0)
    if sign * (twin - other) < 0:
        bound = decisions.objective.bound
        than = " than no weights do" if code == HELP else ""
        return f"but {'they' if code == HELP else 'no weights'} miss {bound} by more{than}"
    overall = decisions.overall
    if code == HELP and overall[best] >= overall[decisions.predictions.settings.index(TWIN_NAME)]:
        return "but no one setting is better than none on all folds together"
    return ""


def _more_positives(p: Predictions, found: Compared) -> int | None:
    """Say how many more would settle a difference of this size: widths go as 1/√n."""
    if found.interval is None or not found.difference:
        return None
    low, high = found.interval
    half = max(high - found.difference, found.difference - low)
    times = (POWER * half / found.difference) ** 2
    if not 1 < times <= FARTHEST:
        return None
    more = (times - 1) * n_rare(p)
    place = 10 ** max(0, len(str(int(more))) - 2)  # two digits: it is a guess
    return int(ceil(more / place) * place)


def _told(code: str, found: Compared, decisions: Decisions, more: int | None, but: str) -> str:
    p, saved = decisions.predictions, found.difference
    if code == TOO_FEW:
        kind = f"rows of the rarer class{'' if len(p.classes) == 2 else 'es'}"
        return (
            f"Too few {kind} to judge class weights: {n_rare(p)} where at least {FEWEST} are "
            "needed. Collect more before you choose a weight."
        )
    if saved is None or found.interval is None:
        return "No detectable gain from class weights: there is nothing to tell them apart by."
    says = Saying(decisions.objective)
    (low, high), instead = found.interval, _instead(decisions)
    if code == HELP:
        return f"Class weights {says.better(saved)} (95 % interval {low:.1f} to {high:.1f})."
    if code == HURT:
        return (
            f"Class weights {says.worse(-saved)} (95 % interval {-high:.1f} to {-low:.1f}). "
            f"{instead}"
        )
    told = f"{says.subject} is {says.changed(saved)} with them"
    interval = f"(95 % interval: {says.changed(low)} to {says.changed(high)})"
    if but:
        return f"No gain from class weights that counts: {told} {interval}, {but}. {instead}"
    needed = "" if more is None else f" {_needed(more, p)}"
    return f"No detectable gain from class weights: {told} {interval}. {instead}{needed}"


def _needed(more: int, p: Predictions) -> str:
    """Say how many more rows would settle a difference of this size, in four studies of five."""
    return f"If it is real, about {more:,} more {_rows(p)} would probably settle it."


def _rows(p: Predictions) -> str:
    return "positives" if len(p.classes) == 2 else "rows of the rarer classes"


def _instead(decisions: Decisions) -> str:
    if isinstance(decisions.objective, Ranking):
        return "Leave them out."
    if len(decisions.predictions.classes) == 2:
        return "Leave them out and move the threshold."
    return "Leave them out and decide by least expected cost."


def _nothing_to_compare(unit: str) -> Verdict:
    return Verdict(
        code=NO_GAIN,
        text="No class weights were tried, so there is nothing to compare.",
        difference=None,
        unit=unit,
        interval=None,
        basis="cross-fitted",
        chosen=TWIN_NAME,
        best=TWIN_NAME,
        more_positives=None,
        by_fold=(),
        by_seed=(),
    )
