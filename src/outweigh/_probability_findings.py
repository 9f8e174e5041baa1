"""Findings on probabilities: what weights did to them, and whether they are honest in the end.

Letters: N entries, K classes, S settings, R seeds, F folds, U units: what is one draw.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from outweigh._look import Found, Judged, NotApplicable
from outweigh._predictions import TWIN_NAME, WEIGHTS, Predictions
from outweigh._reading import shown

INFLATED = 1.5  # times the share observed, from which a mean probability is called inflated

FEWEST = 10  # rows of a class, and of all others, and units, for a test to mean much
BEYOND_CHANCE = 3  # standard errors
OFF, STEEPEST, FLATTEST = 0.1, 1.25, 0.8  # bounds of what a small deviation is
SMALLEST = 1e-7  # of a probability whose log odds are taken: float32 knows none nearer to 1

SUREST = 0.25  # share of the rows
FEWEST_RARE = 50  # rows of the rarest class, for a look at its labels
FEWEST_ODD = 5  # rows of it among the surest others
EXCESS = 1.5  # times as many as expected
LUCK = 0.001  # probability of as many by chance

Answers = Iterator[Found | NotApplicable]
Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]
Units = NDArray[np.int64]


def probabilities_inflated(e: Judged) -> Answers:
    """``probabilities-inflated``: trained with weights, networks exaggerate the rarest class."""
    p = e.predictions
    kinds = zip(p.settings, p.kinds, strict=True)
    weighted = [name for name, kind in kinds if kind == WEIGHTS and name != TWIN_NAME]
    if not weighted:
        yield NotApplicable("no class weights were tried")
        return
    name = "balanced" if "balanced" in weighted else e.verdict.best
    weight = _row_weight(p)
    shares = np.bincount(p.y, weight, len(p.classes)) / weight.sum()
    k = int(np.where(shares > 0, shares, np.inf).argmin())
    said = _mean_said(p, p.settings.index(name), k, weight)
    if said is None:
        yield NotApplicable(f"every lane of {shown(name)} diverged")
    elif said >= INFLATED * shares[k]:
        yield Found(
            f"Trained with {shown(name)}, networks take class {shown(p.classes[k])} for "
            f"{said / shares[k]:.1f} times as frequent as it is: they say {said:.3g} on average, "
            f"where {shares[k]:.3g} of the rows are.",
            "Never take the raw output for a probability: predict_proba and outweigh predict give "
            "it with the weights taken out.",
        )


def repair_not_enough(e: Judged) -> Answers:
    """``repair-not-enough``: probabilities deviate from what happened, even after repair."""
    p, d = e.predictions, e.decisions
    asked = [1] if len(p.classes) == 2 else range(len(p.classes))
    y = p.y[_row_weight(p) > 0]
    tested = [k for k in asked if min((y == k).sum(), (y != k).sum()) >= FEWEST]
    if not tested or len(np.unique(np.asarray(p.unit))) < FEWEST:
        yield NotApplicable(f"there are fewer than {FEWEST} rows of a class, or independent units")
        return
    said = d.probability[p.settings.index(e.verdict.chosen)]
    for k in tested:
        for what in _deviations(p.y == k, said[:, k], d.cases.weight, np.asarray(p.unit)):
            yield Found(
                f"The probabilities of class {shown(p.classes[k])} that {shown(e.verdict.chosen)} "
                f"gives are off, even when repaired: {what}.",
                "Do not take them at their word. Collect more rows, or look for what differs "
                "between the folds: time, groups, sources.",
            )


def label_noise(e: Judged) -> Answers:
    """``label-noise``: rows of the rarest class are where networks are surest of another one."""
    p = e.predictions
    rows = np.flatnonzero((np.asarray(p.repeat) == 0)[p.fold] & (_row_weight(p) > 0))
    counts = np.bincount(p.y[rows], minlength=len(p.classes))
    k = int(counts.argmin())
    if len(counts) > 2:
        yield NotApplicable("there are more than two classes")
    elif counts[k] < FEWEST_RARE:
        yield NotApplicable(f"there are fewer than {FEWEST_RARE} rows of {shown(p.classes[k])}")
    else:
        said = e.decisions.calibrated.repaired[p.settings.index(e.verdict.chosen), rows, k]
        unit, label = np.asarray(p.unit)[rows], f"class {shown(p.classes[k])}"
        yield from _among_the_surest(p.y[rows] == k, said, unit, label)


def _among_the_surest(is_rare: Truth, said: Floats, unit: Units, label: str) -> Answers:
    """Compare the rare rows among the surest others with what their probabilities expect."""
    surest = said <= np.quantile(said, SUREST, method="lower")  # ties all or none
    observed, expected = int(is_rare[surest].sum()), float(said[surest].sum())
    if observed < max(FEWEST_ODD, EXCESS * expected):
        return
    residual = is_rare[surest] - said[surest]
    alike = max(1.0, _sum_of_squares(residual, unit[surest]) / float(residual @ residual))
    if gammainc(observed / alike, expected / alike) <= LUCK:  # of a Poisson number as large
        yield Found(
            f"Of the {surest.sum():,} rows that are surest not to be of {label}, {observed:,} are, "
            f"where {expected:,.1f} are expected: some labels may be wrong.",
            "Have the labels of these rows checked: no weight and no threshold finds them.",
        )


def _mean_said(p: Predictions, s: int, k: int, weight: Floats) -> float | None:
    """Give the mean raw probability of class k that a setting's living lanes say."""
    alive = p.alive[s][:, p.fold]  # (R, N)
    said = np.where(alive, p.probability[s, :, :, k], 0).astype(np.float64)
    counted = float((alive @ weight).sum())
    return float((said @ weight).sum() / counted) if counted else None


def _deviations(is_case: Truth, said: Floats, weight: Floats, unit: Units) -> Iterator[str]:
    r"""Say what of two score tests fails, calibration in the large and its slope.

    With p the probability and l its log odds, less their mean under the weights w p (1 − p), the
    scores of a row are w (y − p) and w (y − p) l; their spread is that of the sums over units.
    """
    p = np.clip(said, SMALLEST, 1 - SMALLEST)
    information = weight * p * (1 - p)
    l = np.log(p / (1 - p))
    l = l - (information @ l) / information.sum()
    residual = weight * (is_case - p)
    total, z = _score(residual, unit)
    ratio = (weight @ p + total) / (weight @ p)
    if abs(z) > BEYOND_CHANCE and abs(ratio - 1) > OFF:
        yield f"{weight @ p:.4g} are expected and {weight @ p + total:.4g} observed"
    total, z = _score(residual * l, unit)
    spread = information @ l**2
    slope = 1 + total / spread if spread > SMALLEST * information.sum() else 1.0
    if abs(z) > BEYOND_CHANCE and not FLATTEST <= slope <= STEEPEST:
        how = "extreme" if slope < 1 else "timid"
        yield f"they are too {how} (slope {slope:.2f}, where 1 is right)"


def _score(each: Floats, unit: Units) -> tuple[float, float]:
    """Sum what each entry adds to a score, and give the sum in standard errors over the units."""
    error = np.sqrt(_sum_of_squares(each, unit))
    return float(each.sum()), float(each.sum() / error) if error > 0 else 0.0


def _sum_of_squares(each: Floats, unit: Units) -> float:
    """Square the sum of each unit, and sum these."""
    of_units = np.bincount(np.unique(unit, return_inverse=True)[1], each)
    return float(of_units @ of_units)


def _row_weight(p: Predictions) -> Floats:
    return np.ones(len(p.y)) if p.row_weight is None else p.row_weight
