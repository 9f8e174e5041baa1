"""Scores against scikit-learn's and scipy's, and the laws of row weights and of curves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest
from sklearn import metrics

from outweigh._scores import (
    POINTS,
    average_precision,
    brier,
    confusion,
    curves,
    decision_scores,
    log_loss,
    ranking,
    reliability,
    roc_auc,
    wilson,
)

nan = np.nan


def world(*, k=2, n=200, f=3, seed=0):
    """Classes, probabilities (N, K) with some ties, folds, and whole row weights, zeros among."""
    rng = np.random.default_rng(seed)
    y = rng.choice(k, n, p=[1 - 0.2 * (k - 1), *[0.2] * (k - 1)])
    probability = rng.dirichlet(np.ones(k) + 2 * np.eye(k)[0], n).round(2) + 0.01
    probability[np.arange(n), y] += 0.2
    probability /= probability.sum(axis=1, keepdims=True)
    return y, probability, np.arange(n) % f, rng.integers(0, 4, n)


# ranking


@pytest.mark.parametrize("k", [2, 3])
def test_ranking_scores_are_scikit_learns_averaged_over_the_folds(k):
    y, p, fold, weight = world(k=k)
    for w in (None, weight):
        each = [
            [
                score(y[rows] == c, p[rows, c], sample_weight=None if w is None else w[rows])
                for score in (metrics.average_precision_score, metrics.roc_auc_score)
            ]
            for rows in (fold == f for f in range(3))
            for c in ([1] if k == 2 else range(3))
        ]
        assert ranking(y, p, fold=fold, row_weight=w) == pytest.approx(np.mean(each, axis=0))


def test_ranking_can_be_checked_with_a_pencil():
    """First fold: a case in place 1 and 3 of 4. Second fold: the case is last of 2."""
    y = np.array([1, 0, 1, 0, 0, 1])
    p = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    found = ranking(y, np.stack([1 - p, p], axis=1), fold=np.array([0, 0, 0, 0, 1, 1]))
    assert found == pytest.approx((((1 + 2 / 3) / 2 + 1 / 2) / 2, (3 / 4 + 0) / 2))


def test_folds_need_not_share_a_scale():
    y, p, fold, _ = world()
    shrunk = p.copy()
    shrunk[fold == 1, 1] /= 10
    shrunk[fold == 1, 0] = 1 - shrunk[fold == 1, 1]
    assert ranking(y, shrunk, fold=fold) == pytest.approx(ranking(y, p, fold=fold))


def test_a_fold_without_a_positive_ranks_nothing_and_is_left_out():
    y, p, fold, _ = world()
    without = np.where(fold == 1, 0, y)
    rest = fold != 1
    assert ranking(without, p, fold=fold) == ranking(y[rest], p[rest], fold=fold[rest])


def test_a_fold_whose_positives_weigh_nothing_is_left_out_too():
    y, p, fold, _ = world()
    weight = np.where((fold == 1) & (y == 1), 0.0, 1.0)
    rest = fold != 1
    found = ranking(y, p, fold=fold, row_weight=weight)
    assert found == ranking(y[rest], p[rest], fold=fold[rest])


@pytest.mark.parametrize("only", [0, 1])
def test_where_one_class_is_alone_there_is_no_ranking(only):
    _, p, fold, _ = world()
    assert ranking(np.full(200, only), p, fold=fold) == pytest.approx((nan, nan), nan_ok=True)


def test_a_constant_score_ranks_like_a_coin():
    y, p, _, _ = world()
    found = ranking(y, np.full_like(p, 0.5), fold=np.zeros(200, int))
    assert found == pytest.approx((y.mean(), 0.5))


# log loss and Brier score


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_probability_scores_are_scikit_learns(k, weighted):
    y, p, _, weight = world(k=k)
    w = weight if weighted else None
    said = p[:, 1] if k == 2 else p
    assert log_loss(y, p, w) == pytest.approx(metrics.log_loss(y, p, sample_weight=w))
    assert brier(y, p, w) == pytest.approx(metrics.brier_score_loss(y, said, sample_weight=w))


def test_probability_scores_can_be_checked_with_a_pencil():
    y, p = np.array([1, 0]), np.array([[0.75, 0.25], [0.5, 0.5]])
    assert log_loss(y, p) == pytest.approx((np.log(4) + np.log(2)) / 2)
    assert brier(y, p) == pytest.approx((0.75**2 + 0.5**2) / 2)


def test_a_sure_mistake_costs_what_it_costs_in_scikit_learn():
    y, p = np.array([1, 0]), np.array([[1.0, 0.0], [1.0, 0.0]])
    assert log_loss(y, p) == pytest.approx(metrics.log_loss(y, p))


# decisions


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_confusion_matrix_is_scikit_learns(k, weighted):
    y, p, _, weight = world(k=k)
    w = weight if weighted else None
    decided = p.argmax(axis=1)
    cells = confusion(y, decided, k, w)
    assert (cells == metrics.confusion_matrix(y, decided, sample_weight=w)).all()
    assert cells.sum() == (200 if w is None else weight.sum())


def test_classes_that_nobody_is_of_or_decided_for_keep_their_cells():
    cells = confusion(np.array([0, 0]), np.array([0, 1]), 3)
    assert cells.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_a_decision_that_is_no_class_has_a_column_of_its_own():
    y, decided, weight = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 2]), np.array([1, 2, 3, 4])
    assert confusion(y, decided, 2, n_decisions=3).tolist() == [[1, 0, 1], [0, 1, 1]]
    assert confusion(y, decided, 2, weight, n_decisions=3).tolist() == [[1, 0, 2], [0, 3, 4]]
    assert confusion(y[[0, 2]], decided[[0, 2]], 2, n_decisions=3)[:, 2].tolist() == [0, 0]


def test_decision_scores_can_be_checked_with_a_pencil():
    found = decision_scores(np.array([[80.0, 10], [4, 6]]))
    want = {"flagged_share": 16 / 100, "recall": 6 / 10, "precision": 6 / 16}
    assert found == pytest.approx(want | {"referred_share": nan}, nan_ok=True)


def test_what_is_referred_is_neither_flagged_nor_caught():
    """Of 12 positives 6 are flagged and 2 referred; of 108 rows 16 are flagged and 8 referred."""
    found = decision_scores(np.array([[80.0, 10, 6], [4, 6, 2]]))
    want = {"flagged_share": 16 / 108, "recall": 6 / 12, "precision": 6 / 16}
    assert found == pytest.approx(want | {"referred_share": 8 / 108})


def test_where_cases_may_be_referred_and_none_is_their_share_is_0():
    found = decision_scores(confusion(np.array([0, 1]), np.array([0, 1]), 2, n_decisions=3))
    assert found["referred_share"] == 0


def test_with_three_classes_what_is_referred_is_caught_by_nobody():
    cells = np.array([[6.0, 1, 1, 2], [0, 2, 0, 2], [1, 1, 4, 0]])
    found = decision_scores(cells)
    assert found["recall"] == pytest.approx((6 / 10 + 2 / 4 + 4 / 6) / 3)
    assert found["precision"] == pytest.approx((6 / 7 + 2 / 4 + 4 / 5) / 3)
    assert found["referred_share"] == pytest.approx(4 / 20)


def test_with_three_classes_recall_and_precision_are_scikit_learns_macro_means():
    y, p, _, _ = world(k=3)
    decided = p.argmax(axis=1)
    found = decision_scores(confusion(y, decided, 3))
    assert found["recall"] == pytest.approx(metrics.recall_score(y, decided, average="macro"))
    assert found["precision"] == pytest.approx(metrics.precision_score(y, decided, average="macro"))
    assert np.isnan(found["flagged_share"])


def test_what_cannot_be_divided_is_nan_and_no_warning():
    nobody_flagged = decision_scores(np.array([[9.0, 0], [1, 0]]))
    assert np.isnan(nobody_flagged["precision"])
    assert nobody_flagged["recall"] == 0
    no_positive = decision_scores(np.array([[9.0, 1], [0, 0]]))
    assert np.isnan(no_positive["recall"])
    assert no_positive["precision"] == 0


# laws that all scores share


def every_score(y, p, fold, w):
    k = p.shape[1]
    cells = confusion(y, p.argmax(axis=1), k, w)
    ranks = ranking(y, p, fold=fold, row_weight=w)
    return [*ranks, log_loss(y, p, w), brier(y, p, w), *(cells / cells.sum()).ravel()]


@pytest.mark.parametrize("k", [2, 3])
def test_row_weight_2_is_the_row_twice_and_0_the_row_absent(k):
    y, p, fold, weight = world(k=k)
    rows = np.repeat(np.arange(200), weight)
    repeated = every_score(y[rows], p[rows], fold[rows], None)
    assert every_score(y, p, fold, weight) == pytest.approx(repeated)


@pytest.mark.parametrize("k", [2, 3])
def test_the_order_of_rows_does_not_matter(k):
    y, p, fold, weight = world(k=k)
    order = np.random.default_rng(1).permutation(200)
    shuffled = every_score(y[order], p[order], fold[order], weight[order])
    assert every_score(y, p, fold, weight) == pytest.approx(shuffled)


def test_the_order_of_rows_does_not_matter_to_curves():
    y, p, _, weight = world()
    for order in (np.argsort(y, kind="stable"), np.random.default_rng(1).permutation(200)):
        shuffled = curves(y[order], p[order, 1], weight[order])
        assert shuffled == curves(y, p[:, 1], weight)
        table = reliability(y, p[:, 1])
        for name, column in reliability(y[order], p[order, 1]).items():
            assert column == pytest.approx(table[name]), name


# curves


def both(y, probability, row_weight=None):
    found = curves(y, probability, row_weight)
    one, two = found["precision_recall"], found["roc"]
    return (
        np.column_stack([one["recall"], one["precision"]]),
        np.column_stack([two["false_positive_rate"], two["true_positive_rate"]]),
    )


def test_a_short_curve_is_scikit_learns():
    y, p, _, weight = world()
    precision, recall, _ = metrics.precision_recall_curve(y, p[:, 1], sample_weight=weight)
    false, true, _ = metrics.roc_curve(y, p[:, 1], sample_weight=weight)
    pr, roc = both(y, p[:, 1], weight)
    assert pr == pytest.approx(np.column_stack([recall, precision]), abs=1e-6)
    assert roc == pytest.approx(np.column_stack([false, true]), abs=1e-6)


@pytest.mark.parametrize("n", [20, 5000, 20_000])
def test_curves_run_from_end_to_end_in_at_most_so_many_points(n):
    rng = np.random.default_rng(n)
    y = np.arange(n) % 10 // 9
    pr, roc = both(y, rng.normal(size=n) + y)
    assert max(len(pr), len(roc)) <= POINTS
    assert pr[0].tolist() == [1, 0.1]  # everybody is flagged, one in ten rightly
    assert pr[-1].tolist() == [0, 1]
    assert roc[[0, -1]].tolist() == [[0, 0], [1, 1]]
    assert (np.diff(pr[:, 0]) <= 0).all()
    assert (np.diff(roc, axis=0) >= 0).all()


def test_a_thinned_curve_keeps_points_of_the_whole_and_leaves_no_gap():
    rng = np.random.default_rng(0)
    y = np.arange(20_000) % 10 // 9
    p = rng.normal(size=20_000) + y
    pr, roc = both(y, p)
    precision, recall, _ = metrics.precision_recall_curve(y, p)
    false, true, _ = metrics.roc_curve(y, p)
    for kept, whole in ((pr, (recall, precision)), (roc, (false, true))):
        points = {(round(a, 6), round(b, 6)) for a, b in zip(*whole, strict=True)}
        assert {tuple(point) for point in kept.tolist()} <= points
    assert np.abs(np.diff(pr[:, 0])).max() <= 2 / POINTS
    assert np.trapezoid(roc[:, 1], roc[:, 0]) == pytest.approx(
        metrics.roc_auc_score(y, p), abs=1e-3
    )


def test_the_curves_of_a_constant_score_are_their_ends():
    pr, roc = both(np.array([0, 0, 0, 1]), np.full(4, 0.3))
    assert pr.tolist() == [[1, 0.25], [0, 1]]
    assert roc.tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize("only", [0, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_where_one_class_is_alone_there_are_no_curves(only, weighted):
    y, p, _, _ = world()
    weight = np.where(y == only, 1.0, 0.0) if weighted else None
    found = curves(y if weighted else np.full(200, only), p[:, 1], weight)
    assert [points for curve in found.values() for points in curve.values()] == [[]] * 4


# reliability

scored = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        arrays(int, n, elements=st.integers(0, 1)),
        arrays(float, n, elements=st.sampled_from([0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 1.0])),
    )
)


@settings(deadline=None)
@given(scored)
def test_bins_hold_every_row_once(drawn):
    y, p = drawn
    table = {name: np.array(column) for name, column in reliability(y, p).items()}
    assert table["count"].sum() == len(y)
    assert (table["count"] > 0).all()
    assert (table["observed"] * table["count"]).sum() == pytest.approx(y.sum())
    assert (table["predicted"] * table["count"]).sum() == pytest.approx(p.sum())
    assert (np.diff(table["predicted"]) > 0).all()
    assert len({len(column) for column in table.values()}) == 1


@settings(deadline=None)
@given(scored)
def test_bounds_are_scipys_wilson_interval(drawn):
    table = reliability(*drawn)
    for share, count, low, high in zip(
        *(table[name] for name in ("observed", "count", "low", "high")), strict=True
    ):
        want = binomtest(round(share * count), count).proportion_ci(method="wilson")
        assert (low, high) == pytest.approx((want.low, want.high), abs=1e-12)


def test_bins_hold_equal_numbers_of_positives():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(1000) % 20 == 0).astype(int)
    table = reliability(y, rng.random(1000))
    assert (np.array(table["observed"]) * table["count"]).round().tolist() == [5] * 10


@pytest.mark.parametrize(
    ("positives", "bins"), [(0, 1), (4, 1), (9, 1), (10, 2), (49, 9), (80, 10)]
)
def test_a_bin_needs_five_positives(positives, bins):
    y = (np.arange(1000) < positives).astype(int)
    p = np.random.default_rng(positives).random(1000)
    assert len(reliability(y, p)["count"]) == bins


def test_one_bin_is_the_whole():
    y, p, _, _ = world()
    table = reliability(y, p[:, 1], n_bins=1)
    assert table["count"] == [200]
    assert table["observed"] == [y.mean()]
    assert table["predicted"] == pytest.approx([p[:, 1].mean()])


def test_rows_of_one_score_are_in_one_bin_however_the_table_is_sorted():
    y = np.repeat([1, 0], [50, 450])
    table = reliability(y, np.full(500, 0.1))
    assert (table["count"], table["observed"]) == ([500], [0.1])


@settings(max_examples=100, deadline=None)
@given(data=st.data(), n=st.integers(2, 60))
def test_rankings_are_scikit_learns_with_ties_and_weights(data, n):
    y = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    y[:2] = True, False
    some = st.sampled_from([0, 0.1, 0.25, 0.5, 1])
    p = np.array(data.draw(st.lists(some, min_size=n, max_size=n)))
    weight = data.draw(st.none() | st.just(np.linspace(0.1, 3, n)))
    for ours, theirs in (
        (average_precision, metrics.average_precision_score),
        (roc_auc, metrics.roc_auc_score),
    ):
        assert ours(y, p, weight) == pytest.approx(theirs(y, p, sample_weight=weight), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(scored, st.data())
def test_a_row_of_weight_2_is_two_rows_in_a_bin_and_one_of_0_is_none(drawn, data):
    y, p = drawn
    weight = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(y), max_size=len(y))))
    weight[0] = 1
    weighted = reliability(y, p, row_weight=weight, n_bins=1)
    repeated = reliability(np.repeat(y, weight), np.repeat(p, weight), n_bins=1)
    for name in ("predicted", "observed"):
        assert weighted[name] == pytest.approx(repeated[name])
    assert weighted["count"] == [np.count_nonzero(weight)]


def test_an_interval_of_weighted_rows_rests_on_as_many_draws_as_they_make():
    y, p = np.repeat([1, 0], [40, 60]), np.full(100, 0.5)
    heavy = np.repeat([1.0, 9.0, 1.0], [40, 10, 50])
    table = reliability(y, p, row_weight=heavy)
    assert table["observed"] == pytest.approx([40 / 180])
    draws = 180**2 / (90 + 10 * 81)
    low, high = wilson(np.array([40 / 180]), np.array([draws]))
    assert (table["low"], table["high"]) == (pytest.approx(low), pytest.approx(high))
    alike = reliability(y, p, row_weight=np.full(100, 7.0))
    assert alike["low"] == pytest.approx(reliability(y, p)["low"])
