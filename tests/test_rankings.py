"""Rankings: pairs in the right order, precision at each positive, and no threshold at all."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from outweigh._errors import UsageError
from outweigh._rankings import AveragePrecision, RocAuc

RANKINGS = [AveragePrecision(), RocAuc()]
every_ranking = pytest.mark.parametrize("ranking", RANKINGS, ids=lambda r: r.name)


@st.composite
def rows(draw, k=2, weights=(1.0,), n=12):
    """Classes, probabilities (N, K) with ties, and row weights."""
    mass = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=k, max_size=k).filter(any)
    cells = st.tuples(st.integers(0, k - 1), mass, st.sampled_from(weights))
    y, said, weight = zip(*draw(st.lists(cells, min_size=2, max_size=n)), strict=True)
    said = np.array(said)
    return np.array(y), said / said.sum(axis=1, keepdims=True), np.array(weight)


def pairs_in_order(positive, score, weight):
    """The share of pairs of a case and another that are in the right order; ties half."""
    right = total = 0.0
    for i in np.flatnonzero(positive):
        for j in np.flatnonzero(~positive):
            pair = weight[i] * weight[j]
            right += pair * ((score[i] > score[j]) + (score[i] == score[j]) / 2)
            total += pair
    return right / total


def mean_precision(positive, score, weight):
    """The mean over cases of the precision among all rows that score at least as much."""
    of_cases = 0.0
    for i in np.flatnonzero(positive):
        above = score >= score[i]
        of_cases += weight[i] * weight[above & positive].sum() / weight[above].sum()
    return of_cases / weight[positive].sum()


ORACLES = {"roc-auc": pairs_in_order, "average-precision": mean_precision}


@every_ranking
@settings(deadline=None, max_examples=50)
@given(table=rows(weights=(0.5, 1.0, 3.0)))
def test_a_score_is_counted_by_hand(ranking, table):
    y, said, weight = table
    assume(0 < y.sum() < len(y))
    expected = ORACLES[ranking.name](y == 1, said[:, 1], weight)
    assert ranking.score(y, said, weight) == pytest.approx(expected)


@every_ranking
@settings(deadline=None, max_examples=20)
@given(table=rows(k=3))
def test_of_three_classes_it_is_the_mean_of_each_against_the_rest(ranking, table):
    y, said, weight = table
    there = [c for c in range(3) if 0 < (y == c).sum() < len(y)]
    assume(there)
    each = [ORACLES[ranking.name](y == c, said[:, c], weight) for c in there]
    assert ranking.score(y, said, weight) == pytest.approx(np.mean(each))


@every_ranking
@settings(deadline=None, max_examples=20)
@given(table=rows(k=3), order=st.permutations(range(3)))
def test_relabelled_classes_score_the_same(ranking, table, order):
    y, said, weight = table
    relabelled = ranking.score(np.argsort(order)[y], said[:, order], weight)
    assert relabelled == pytest.approx(ranking.score(y, said, weight), nan_ok=True)


@every_ranking
@settings(deadline=None, max_examples=50)
@given(table=rows(weights=(0.0, 1.0, 2.0)))
def test_weight_2_is_the_row_twice_and_weight_0_the_row_absent(ranking, table):
    y, said, weight = table
    times = weight.astype(int)
    twice = ranking.score(
        np.repeat(y, times), np.repeat(said, times, axis=0), np.ones(int(times.sum()))
    )
    assert ranking.score(y, said, weight) == pytest.approx(twice, nan_ok=True)


@every_ranking
@pytest.mark.parametrize("only", [0, 1])
def test_with_one_class_there_is_no_score(ranking, only):
    said = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert np.isnan(ranking.score(np.full(2, only), said, np.ones(2)))
    assert np.isnan(ranking.score(np.array([only, 1 - only]), said, np.array([1.0, 0.0])))
    assert np.isnan(ranking.score(np.array([0, 1]), said, np.zeros(2)))


def test_scores_that_can_be_checked_with_a_pencil():
    p, y = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 0, 1, 0])
    said = np.stack([1 - p, p], axis=-1)
    assert RocAuc().score(y, said, np.ones(4)) == pytest.approx(3 / 4)
    assert AveragePrecision().score(y, said, np.ones(4)) == pytest.approx((1 + 2 / 3) / 2)


@every_ranking
def test_any_classes_can_be_ranked(ranking):
    for classes in (("no", "yes"), "abc", range(5)):
        ranking.check(classes, has_amount=False)
    assert "no threshold is chosen" in ranking.text(("no", "yes"))


@every_ranking
def test_a_ranking_refuses_to_choose_a_threshold_in_one_line(ranking):
    with pytest.raises(UsageError, match=f"{ranking.name} ranks: give --cost-fn") as caught:
        ranking.rule(np.full((2, 2), 0.5), np.array([0, 1]))
    assert str(caught.value).isprintable()
    assert caught.value.exit_code == 2
