"""A point: counted tables against the rows that they were counted from."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outweigh.report._point import Costs, Tables, point, prevalence, whole_cases

COSTS = Costs(tn=-1.0, fp=3.0, fn=20.0, tp=2.0)
PREVALENCES = st.floats(1e-4, 0.999)


def cases_of(tp, fn, fp, tn):
    """Give whole cases of 1,000 from counts, in whole numbers alone: halves go up."""
    total = tp + fn + fp + tn
    positives = (2000 * (tp + fn) + total) // (2 * total)
    caught = (2 * tp * positives + tp + fn) // (2 * (tp + fn))
    alarmed = (2 * fp * (1000 - positives) + fp + tn) // (2 * (fp + tn))
    return [caught, positives - caught, alarmed, 1000 - positives - alarmed]


def rows(n=400, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(int)
    y[:2] = 0, 1
    return y, np.round(np.clip(0.25 * y + 0.6 * rng.random(n), 0, 1), 2)


def counted(y, p, factor=(1.0, 1.0)):
    """Count at every probability that comes."""
    knots = sorted({0.0, *p.tolist()})
    tp = [int(((p >= t) & (y == 1)).sum()) for t in knots]
    fp = [int(((p >= t) & (y == 0)).sum()) for t in knots]
    return {
        "threshold": [*knots, None],
        "positives": int(y.sum()),
        "negatives": int((1 - y).sum()),
        "factor": list(factor),
        "settings": {"none": {"tp": [*tp, 0], "fp": [*fp, 0]}},
    }


def tables(y, p, b=None):
    counts = counted(y, p)
    return Tables(counts, prevalence(counts) if b is None else b)


def in_world(p, y, b):
    """Move probabilities, and what each row counts, to another share of positives."""
    share = y.mean()
    odds = np.divide(p, 1 - p, out=np.full_like(p, np.inf), where=p < 1)
    odds *= b / (1 - b) / (share / (1 - share))
    moved = np.where(np.isinf(odds), 1.0, odds / (1 + odds))
    return moved, np.where(y == 1, b / share, (1 - b) / (1 - share))


@given(PREVALENCES, st.floats(0.001, 0.999))
@settings(max_examples=60, deadline=None)
def test_a_threshold_in_another_world_decides_as_it_would_row_by_row(b, threshold):
    y, p = rows()
    moved, weight = in_world(p, y, b)
    if np.abs(moved - threshold).min() < 1e-9:
        return  # which side of it a row lies on is a matter of rounding
    flagged = moved >= threshold
    found = tables(y, p, b)
    here = point(found, "none", found.knot(threshold), COSTS)
    assert here.tp == (flagged & (y == 1)).sum()
    assert here.fp == (flagged & (y == 0)).sum()
    matrix = np.array([[COSTS.tn, COSTS.fp], [COSTS.fn, COSTS.tp]])
    cost = np.average(matrix[y, flagged.astype(int)], weights=weight)
    assert here.cost == pytest.approx(1000 * cost, rel=1e-9)
    assert here.flagged == pytest.approx(np.average(flagged, weights=weight), rel=1e-9)


def test_a_threshold_of_the_study_is_its_own_knot():
    y, p = rows()
    found = tables(y, p)
    for g, t in enumerate(found.knots[:-1]):
        assert found.knot(t) == g
        assert found.threshold(g) == t


@given(st.floats(0.01, 1000), PREVALENCES)
@settings(max_examples=60, deadline=None)
def test_a_budget_is_kept_and_used_up(alerts, b):
    y, p = rows()
    found = tables(y, p, b)
    g = found.knot_of_budget("none", alerts)
    flagged = lambda g: 1000 * found.flagged(found.rates("none", g))
    assert flagged(g) <= alerts * (1 + 1e-9)
    assert g == 0 or flagged(g - 1) > alerts


def test_costs_imply_the_cheapest_threshold_of_honest_probabilities():
    """With as many rows as probabilities say, no knot costs less than that of the costs."""
    p = np.repeat(np.arange(1, 20) / 20, 100)
    y = np.concatenate([np.arange(100) < round(100 * t) for t in np.arange(1, 20) / 20]).astype(int)
    found = tables(y, p)
    own = point(found, "none", found.knot(COSTS.threshold), COSTS).cost
    every = [point(found, "none", g, COSTS).cost for g in range(len(found.knots))]
    assert own == pytest.approx(min(every))


def test_flagging_nobody_and_everybody_are_the_constant_policies():
    y, p = rows()
    found = tables(y, p)
    nobody = point(found, "none", len(found.knots) - 1, COSTS)
    everybody = point(found, "none", 0, COSTS)
    assert (nobody.threshold, nobody.precision, nobody.recall) == (None, None, 0)
    assert everybody.flagged == pytest.approx(1)
    assert min(nobody.share, everybody.share) == pytest.approx(1)


def test_cases_of_1000_add_up():
    y, p = rows()
    found = tables(y, p, 0.03)
    for g in range(0, len(found.knots), 7):
        assert sum(point(found, "none", g, COSTS).per_1000) == pytest.approx(1000)


@pytest.mark.parametrize("positives", [4, 8, 12, 20, 48])
@pytest.mark.parametrize("negatives", [60, 80, 104, 1000])
def test_halves_of_a_case_go_up_whatever_floats_make_of_them(positives, negatives):
    every = [*product(range(positives + 1), range(0, negatives + 1, max(1, negatives // 25)))]
    tp, fp = (list(column) for column in zip(*every, strict=True))
    counts = {"threshold": [0.0] * len(every), "positives": positives, "negatives": negatives}
    counts |= {"factor": [1, 1], "settings": {"none": {"tp": tp, "fp": fp}}}
    found = Tables(counts, prevalence(counts))
    for g, (caught, alarmed) in enumerate(every):
        cells = (caught, positives - caught, alarmed, negatives - alarmed)
        assert whole_cases(point(found, "none", g, COSTS).per_1000) == cases_of(*cells)


@given(st.lists(st.floats(0, 1e6), min_size=4, max_size=4))
def test_whole_cases_add_up_and_keep_the_positives(parts):
    if sum(parts) < 1e-6:
        return
    per_1000 = [1000 * part / math.fsum(parts) for part in parts]
    rounded = whole_cases(per_1000)
    assert sum(rounded) == 1000
    assert sum(rounded[:2]) == math.floor(per_1000[0] + per_1000[1] + 0.5)
    assert all(abs(n - part) < 1.5 for n, part in zip(rounded, per_1000, strict=True))
