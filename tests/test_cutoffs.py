"""Cut-offs: all of them, each with what it does, and the best one in the middle of its equals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outweigh._cutoffs import Sweep, sweep

NEXT = float(np.nextafter(0.3, 1))
EDGES = [0.0, 5e-324, 0.1, 0.3, NEXT, 0.5, float(np.nextafter(1, 0)), 1.0]
"""Probabilities with nothing between some of them, and both ends."""


@st.composite
def rows(draw, weights=(0.0, 0.5, 1.0, 3.0)):
    """Probabilities full of ties, classes and row weights that add up without rounding."""
    cells = st.tuples(st.sampled_from(EDGES), st.integers(0, 1), st.sampled_from(weights))
    table = draw(st.lists(cells, min_size=1, max_size=12))
    p, y, weight = map(np.array, zip(*table, strict=True))
    return p, y, weight


def counted(p, y, weight, threshold):
    """Rows by true class and decision, one by one."""
    cells = [[0.0, 0.0], [0.0, 0.0]]
    for of_row, k, w in zip(p, y, weight, strict=True):
        cells[k][int(of_row >= threshold)] += w
    return cells


def same(swept, other):
    return np.array_equal(swept.thresholds, other.thresholds) and np.array_equal(
        swept.cells, other.cells
    )


@settings(deadline=None)
@given(rows())
def test_a_cell_counts_the_rows_that_the_threshold_decides_so(table):
    swept = sweep(*table)
    assert swept.cells.tolist() == [counted(*table, t) for t in swept.thresholds]


@settings(deadline=None)
@given(rows())
def test_every_way_to_cut_is_there_once(table):
    p, _, weight = table
    there = p[weight > 0]

    def flagged(t):
        return tuple(there >= t)

    ways = [flagged(t) for t in sweep(*table).thresholds]
    assert len(set(ways)) == len(ways)
    assert set(ways) == {flagged(t) for t in (*there, np.inf)}


@settings(deadline=None)
@given(rows())
def test_thresholds_fall_from_nobody_to_everybody(table):
    thresholds = sweep(*table).thresholds
    assert (np.diff(thresholds) < 0).all()
    assert thresholds[0] == np.inf
    assert thresholds[-1] == (0 if table[2].any() else np.inf)


@settings(deadline=None)
@given(rows(weights=(0.0, 1.0, 2.0)))
def test_weight_2_is_the_row_twice_and_weight_0_the_row_absent(table):
    p, y, weight = table
    times = weight.astype(int)
    assert same(sweep(p, y, weight), sweep(np.repeat(p, times), np.repeat(y, times)))


@settings(deadline=None)
@given(rows(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(table, random):
    order = list(range(len(table[0])))
    random.shuffle(order)
    assert same(sweep(*table), sweep(*(column[order] for column in table)))


def test_thresholds_lie_midway():
    assert sweep(np.array([0.5, 0.25, 0.5, 1.0]), np.zeros(4, int)).thresholds.tolist() == [
        np.inf,
        0.75,
        0.375,
        0.0,
    ]


def test_of_neighbours_the_threshold_is_the_higher_one():
    swept = sweep(np.array([0.3, NEXT]), np.array([0, 1]))
    assert swept.thresholds.tolist() == [np.inf, NEXT, 0.0]
    assert swept.cells[1].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("weight", [np.zeros(0), np.zeros(3)], ids=["no rows", "all of weight 0"])
def test_of_no_rows_nobody_is_flagged(weight):
    n = len(weight)
    swept = sweep(np.full(n, 0.5), np.zeros(n, int), weight)
    assert swept.thresholds.tolist() == [np.inf]
    assert swept.cells.tolist() == [[[0, 0], [0, 0]]]
    assert swept.best(np.zeros(1)) == np.inf


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ([0, 3, 1, 2, 1], 4),
        ([0, 3, 3, 3, 1], 3),  # the middle one
        ([0, 3, 3, 1, 1], 4),  # of two the higher one
        ([0, 3, 1, 3, 3], 4),  # of two plateaus that of the higher thresholds
        ([1, 1, 1, 1, 1], 3),
        ([0, 0, 0, 0, 9], 1),
        ([9, 0, 0, 0, 0], 5),
        ([0, 0, 9, 9, 9], 2),  # to the very end
        ([-3, -2, -2, -2, -4], 3),
        ([0, 0.3, 0.1 + 0.2, 0.3, 0], 3),  # equal but for rounding
        ([0, 3, 3 + 1e-6, 3, 0], 3),
        ([0, 3 + 1e-6, 3, 3, 0], 4),
    ],
)
def test_the_best_is_the_middle_of_its_plateau(values, best):
    swept = Sweep(np.array([5.0, 4.0, 3.0, 2.0, 1.0]), np.zeros((5, 2, 2)))
    assert swept.best(np.array(values, dtype=float)) == best
