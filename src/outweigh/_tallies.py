"""Tallies: how many positives and negatives each setting flags, from each of many thresholds on.

Of two classes they are all that costs, alerts, precision and recall follow from, whatever the costs
and the share of positives: a page can turn to other ones without the rows. One row of thresholds,
the knots, serves all settings, so that two of them can be compared at the same one.

Letters: N entries, S settings, R seeds, G knots.
"""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Context
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outweigh import _scored as scored
from outweigh._decisions import Decisions
from outweigh._objective import Costs
from outweigh._operating import threshold
from outweigh._predictions import WEIGHTS, Predictions
from outweigh._scored import CROSS_FITTED, Record, plain_sums

FEWEST, MOST, BUDGET = 201, 1001, 80_000  # knots; and knots × rows of counts, in a page's size
MOST_BY_SEED = 16  # class weights whose seeds are counted apart: a band needs no more
DIGITS = 6  # of a knot that need not be exact

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


def tallies(decisions: Decisions, extra: Sequence[float] = ()) -> Record | None:
    """Count what each setting flags from each of the knots on.

    Parameters
    ----------
    decisions : Decisions
    extra : sequence of float
        Probabilities, from 0 to 1, that have to be knots too.

    Returns
    -------
    counts : dict or None
        None unless there are two classes, and both weigh something. ``threshold`` has the G knots,
        rising, the last of them null: it flags nobody. A case is flagged from a knot on, and the
        first flags all. ``tp`` and ``fp`` are sums of row weights over the entries, as they are in
        the table: a share of positives elsewhere changes probabilities, but not these. Where all
        row weights are whole numbers, so are they; else they are rounded to 12 digits. ``by_seed``
        is there for the twin and for class weights, for some along their path where they are many;
        else it is null.

    Notes
    -----
    Each count is exact at the knot as it is written. Knots are 0, 1/2, the threshold that costs
    imply and those that the settings chose; the others are probabilities that came, rounded down
    to 6 digits, denser where probabilities are and among the largest. If few came, all are knots.
    """
    d, p = decisions, decisions.predictions
    if len(p.classes) != 2:
        return None
    weight = np.ones(len(p.y)) if p.row_weight is None else p.row_weight
    counted = _Counted(p.y, weight)
    if not all(counted.whole):
        return None
    apart = _told_by_seed(p)
    n_lanes = len(p.seeds) * len(apart)
    n_knots = max(FEWEST, min(MOST, BUDGET // (len(p.settings) + n_lanes)))
    knots = _knots(d, n_knots, [*_fixed(d), *extra])
    settings = {}
    for s, name in enumerate(p.settings):
        settings[name] = {
            **counted.from_knots(d.probability[s, :, 1], knots),
            "at_half": counted.flagged(scored.raw(p, s)[:, 1] > 0.5),
            "by_seed": _by_seed(d, s, counted, knots) if s in apart else None,
        }
    return {
        "basis": CROSS_FITTED,
        "threshold": [*knots.tolist(), None],
        "positives": counted.whole[1],
        "negatives": counted.whole[0],
        "factor": d.factor.tolist(),
        "settings": settings,
    }


class _Counted:
    """Sums row weights by class; y (N,), weight (N,)."""

    def __init__(self, y: NDArray[np.int64], weight: Float):
        self._entries = [np.flatnonzero(y == k) for k in (0, 1)]
        self._weights = [weight[entries] for entries in self._entries]
        self._are_one = bool((weight == 1).all())
        self._plain = partial(plain_sums, row_weight=weight)
        self._totals = np.array([of_class.sum() for of_class in self._weights])
        self.whole: list[Any] = self._plain(self._totals)

    def from_knots(self, probability: Float, knots: Float) -> dict[str, list[Any]]:
        """Count the cases (N,) flagged from each of the knots on, and at last nobody."""
        flagged = np.zeros((2, len(knots) + 1))
        for k, total in enumerate(self._totals):
            flagged[k, :-1] = np.minimum(self._flagged(k, probability, knots), total)
            flagged[k, 0] = total
        fp, tp = self._plain(flagged)
        return {"tp": tp, "fp": fp}

    def flagged(self, flagged: Bool) -> dict[str, Any]:
        """Count the cases (N,) that are flagged."""
        pairs = zip(self._entries, self._weights, strict=True)
        fp, tp = self._plain(np.array([weight[flagged[rows]].sum() for rows, weight in pairs]))
        return {"tp": tp, "fp": fp}

    def _flagged(self, k: int, probability: Float, knots: Float) -> Float:
        falling, weight = -probability[self._entries[k]], self._weights[k]
        if self._are_one:  # numbers alone are sorted much faster
            return np.searchsorted(np.sort(falling), -knots, side="right").astype(float)
        order = np.argsort(falling, kind="stable")
        sums = np.concatenate([[0.0], np.cumsum(weight[order])])
        return np.asarray(sums[np.searchsorted(falling[order], -knots, side="right")])


def _told_by_seed(p: Predictions) -> set[int]:
    """Choose class weights, evenly along the path of their ratios, whose seeds are told apart."""
    ratio = (p.class_weight[..., 1] / p.class_weight[..., 0]).mean(axis=1)
    weights = [s for s, kind in enumerate(p.kinds) if kind == WEIGHTS]
    path = sorted(weights, key=lambda s: ratio[s])
    return {path[i] for i in _evenly(len(path), MOST_BY_SEED)}


def _by_seed(d: Decisions, s: int, counted: _Counted, knots: Float) -> Record:
    """Count what each seed alone flags, by seed."""
    p = d.predictions
    of_fold = np.full(len(p.prior), s)
    lanes, halves = [], []
    for r in range(len(p.seeds)):
        lanes.append(counted.from_knots(d.of_lane(of_fold, r)[:, 1], knots))
        half = p.alive[s, r, p.fold] & (p.probability[s, r, :, 1] > 0.5)
        halves.append(counted.flagged(half))
    return {
        **{name: [lane[name] for lane in lanes] for name in ("tp", "fp")},
        "at_half": {name: [half[name] for half in halves] for name in ("tp", "fp")},
    }


def _fixed(d: Decisions) -> list[float]:
    """Give the thresholds that are knots whatever the rows."""
    fixed = [0.0, 0.5]
    matrix = d.objective.matrix if isinstance(d.objective, Costs) else None
    if matrix is not None:
        fixed.append(threshold(matrix[:, :2]))
    batches = (d.objective.of_batch(said, d.cases.weight) for said in d.probability)
    chosen = [rule.threshold for rule in (*d.final_rules, *batches) if rule is not None]
    return [*fixed, *(float(t) for t in chosen if t is not None and np.isfinite(t))]


def _knots(d: Decisions, n: int, fixed: Sequence[float]) -> Float:
    """Choose at most n − 1 finite knots, the fixed ones among them."""
    fixed = sorted({float(t) for t in fixed})
    room = max(n - 1 - len(fixed), 0)
    y = d.predictions.y
    came = [_candidates(said, said[y == 1], room) for said in d.probability[..., 1]]
    values = np.unique(np.concatenate(came))
    chosen = [_rounded_down(value) for value in values[_evenly(len(values), room)]]
    return np.unique(np.array([*fixed, *chosen]))


def _candidates(probability: Float, of_positives: Float, n: int) -> Float:
    """Give about n probabilities of a setting: all, if it has no more."""
    values = np.sort(probability)
    different = values[np.append(True, np.diff(values) > 0)]
    if len(different) <= n:
        return np.asarray(different)
    positives = np.sort(of_positives)
    share = n // 3
    tail = np.geomspace(1, len(values), share).astype(int)  # 1, 2, 4, … from the largest
    found = [values[_evenly(len(values), share)], values[-tail]]
    return np.concatenate([*found, positives[_evenly(len(positives), share)]])


def _evenly(n: int, m: int) -> NDArray[np.int64]:
    """Give m places among n, evenly spaced, the first and last among them; all if n is less."""
    return np.unique(np.linspace(0, n - 1, min(n, m)).round().astype(np.int64))


def _rounded_down(value: float) -> float:
    """Round a probability to 6 digits, never above it: its own rows are still flagged."""
    shortest = repr(float(value))
    return float(Context(prec=DIGITS, rounding=ROUND_FLOOR).create_decimal(shortest))
