"""The spread of tuned thresholds: a brute-force sweep of the rows that may choose them."""

from dataclasses import replace

import numpy as np
import pytest

from outweigh._costs import Cost, CostMatrix, RowCost
from outweigh._counted import BalancedAccuracy, FBeta
from outweigh._decisions import decide_all
from outweigh._deployment import deployed
from outweigh._rankings import RocAuc
from outweigh._repairs import NONE
from outweigh._spread import spread
from tests.records import noisy, record

COSTS = Cost(fn=9.3, fp=1)
TUNABLE = (COSTS, Cost(fn=9.3, fp=1, tuned=True), FBeta(1), BalancedAccuracy())


def swept(worth, said):
    """Try every cut-off, the highest first; give the middle of the first that are best."""
    there = np.unique(said)[::-1]
    cuts = [np.inf, *(there[1:] + there[:-1]) / 2, 0.0]
    values = np.array([worth(said >= cut) for cut in cuts])
    best = np.isclose(values, values.max(), rtol=1e-12, atol=0)
    first = int(best.argmax())
    n = int(np.argmin([*best[first:], False]))
    return cuts[first + (n - 1) // 2]


def worth_of(objective, cases):
    """What flagging some cases is worth."""
    y, w = cases.y == 1, cases.weight

    def costs(flagged):
        return -(w * np.where(y, 9.3 * ~flagged, flagged)).sum()

    def score(flagged):
        cells = [[(w * ((y == t) & (flagged == d))).sum() for d in (0, 1)] for t in (0, 1)]
        return float(objective.shown(np.array(cells)))

    return costs if isinstance(objective, Cost) else score


@pytest.mark.parametrize("factor", [None, np.array([0.5, 4.0])])
@pytest.mark.parametrize("objective", TUNABLE, ids=["cost", "tuned", "f1", "balanced-accuracy"])
def test_thresholds_are_those_of_a_sweep_of_the_other_folds(objective, factor):
    p = noisy(0, n=200, row_weight=np.random.default_rng(0).integers(1, 4, 200))
    found = decide_all(p, objective, factor=factor)
    factor = np.ones(2) if factor is None else factor
    told = spread(found, 2)
    for f in range(5):
        entries, said = found.calibrated.within(f)
        assert not (p.fold[entries] == f).any()
        others = found.cases.take(entries)
        worth = worth_of(objective, others)
        average = deployed(said[2], factor)[:, 1]
        assert told.by_fold[f] == pytest.approx(swept(worth, average), rel=1e-12)
        for r in range(2):
            lane = found.of_lane(np.full(5, 2), r)[entries, 1]
            assert told.by_seed[r, f] == pytest.approx(swept(worth, lane), rel=1e-12)
    cut = told.by_fold[p.fold]
    assert np.array_equal(told.decided, found.probability[2, :, 1] >= cut)


def test_a_tuned_objective_decides_by_these_thresholds():
    for objective in TUNABLE[1:]:
        found = decide_all(noisy(1), objective)
        for s in range(4):
            told = spread(found, s)
            assert np.array_equal(told.by_fold, found.thresholds[s])
            assert np.array_equal(told.decided, found.decided[s])


def test_a_threshold_that_is_implied_is_compared_with_one_that_is_tuned():
    p = noisy(1)
    implied, tuned = (decide_all(p, replace(COSTS, tuned=t)) for t in (False, True))
    assert np.array_equal(spread(implied, 1).by_fold, tuned.thresholds[1])
    assert (implied.thresholds == 1 / 10.3).all()


def test_costs_of_two_classes_are_the_same_as_a_matrix():
    p, costs = noisy(2), Cost(fn=7, fp=2, tp=-1, tn=0.5)
    one, two = (spread(decide_all(p, o), 1) for o in (costs, CostMatrix(costs.matrix, p.classes)))
    for name in ("by_fold", "by_seed", "decided"):
        assert np.array_equal(getattr(one, name), getattr(two, name))


def test_one_seed_has_the_thresholds_of_the_average():
    told = spread(decide_all(noisy(3, n_seeds=1), COSTS, repairs=(NONE,)), 1)
    assert np.array_equal(told.by_seed, told.by_fold[np.newaxis])


def test_thresholds_can_be_checked_with_a_pencil():
    """Two folds of four rows; each takes the middle between 0.3 and 0.7, or 0.2 and 0.4."""
    y, fold = np.array([0, 0, 1, 1] * 2), np.arange(8) // 4
    p = record(y, fold, {"none": np.array([0.1, 0.3, 0.7, 0.9, 0.1, 0.2, 0.4, 0.5])})
    told = spread(decide_all(p, Cost(fn=1, fp=1), repairs=(NONE,)), 0)
    assert told.by_fold == pytest.approx([0.3, 0.5])
    assert told.decided.tolist() == [0, 1, 1, 1, 0, 0, 0, 1]  # from 0.3 on, and from 0.5 on


def test_nothing_in_a_fold_moves_the_threshold_that_the_average_has_for_it():
    p = noisy(4)
    there = p.fold == 2
    probability, y = p.probability.copy(), p.y.copy()
    probability[:, :, there] = np.random.default_rng(0).dirichlet([1, 1], (4, 2, there.sum()))
    y[there] = 1 - y[there]
    other = replace(p, probability=probability, y=y)
    one, two = (spread(decide_all(q, COSTS), 1).by_fold for q in (p, other))
    assert one[2] == two[2]
    assert not np.array_equal(one, two)


@pytest.mark.parametrize(
    ("k", "objective"),
    [
        (2, RowCost(fp=1)),
        (2, Cost(fn=9, fp=1, refer=0.5)),
        (2, CostMatrix([[0, 1], [9, 0]], ("a", "b"), refer=0.5)),
        (2, RocAuc()),
        (3, CostMatrix(1 - np.eye(3), tuple("abc"))),
        (3, RocAuc()),
    ],
)
def test_where_there_is_no_one_threshold_there_is_nothing_to_tune(k, objective):
    p = noisy(5, k, n=100, n_settings=2, amount=np.ones(100))
    assert spread(decide_all(p, objective, repairs=(NONE,)), 1) is None
