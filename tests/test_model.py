"""The model: what its networks say, undone, averaged, decided; each by hand."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from outweigh import Cost, NetworkError, UsageError
from outweigh._chunk import DIVERGED, FINISHED, Curves, Trained
from outweigh._columns import number_columns
from outweigh._deployment import AS_TRAINED, Deployment
from outweigh._model import learned
from outweigh._operating import Cutoff, LeastCost, LeastRowCost
from outweigh._repairs import Affine
from outweigh._shapes import plain
from tests.models import by_hand
from tests.trainers import linear

SEEDS, N = 3, 130
X = np.random.default_rng(0).normal(size=(N, 2))
COLUMNS = number_columns(X, ["a", "b"])


def made(k, **changes):
    """A model of logistic regressions, and their parameters."""
    rng = np.random.default_rng(k)
    outputs = 1 if k == 2 else k
    kernel = rng.normal(size=(SEEDS, 2, outputs)).astype("float32")
    bias = rng.normal(size=(SEEDS, outputs)).astype("float32")
    model = replace(by_hand(COLUMNS, k=k, build=linear), shape=plain(k))
    return replace(model, parameters=(kernel, bias), n_trainable=2, **changes), kernel, bias


def probabilities(k):
    """Shares of k classes."""
    parts = arrays(float, (7, k), elements=st.floats(1e-6, 1))
    return parts.map(lambda p: p / p.sum(axis=1, keepdims=True))


# what it says


def test_two_classes_are_undone_and_averaged_as_by_hand():
    model, kernel, bias = made(2, class_weight=np.array([0.5, 4.5]))
    z = model.features.transform(COLUMNS).astype(float)
    odds = [np.exp(z @ kernel[r, :, 0] + bias[r, 0]) / 9 for r in range(SEEDS)]
    expected = np.mean([o / (1 + o) for o in odds], axis=0)
    found = model.predict_proba(COLUMNS)
    assert found[:, 1] == pytest.approx(expected, abs=1e-6)
    assert found.sum(axis=1) == pytest.approx(np.ones(N))


@pytest.mark.parametrize("k", [3, 5])
def test_more_classes_are_undone_and_averaged_as_by_hand(k):
    weight = np.arange(1.0, k + 1)
    model, kernel, bias = made(k, class_weight=weight)
    z = model.features.transform(COLUMNS).astype(float)
    expected = np.zeros((N, k))
    for r in range(SEEDS):
        mass = np.exp(z @ kernel[r] + bias[r]) / weight
        expected += mass / mass.sum(axis=1, keepdims=True) / SEEDS
    assert model.predict_proba(COLUMNS) == pytest.approx(expected, abs=1e-6)


def test_a_weight_of_one_changes_nothing_and_only_ratios_matter():
    plain = made(3, class_weight=np.ones(3))[0].predict_proba(COLUMNS)
    seven = made(3, class_weight=np.full(3, 7.0))[0].predict_proba(COLUMNS)
    assert plain == pytest.approx(seven, rel=1e-12)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 2047, 2048, 2049, 4100])
def test_rows_are_predicted_alike_alone_and_among_others(n):
    model, *_ = made(2)
    many = number_columns(np.resize(X, (n, 2)), ["a", "b"])
    together = model.predict_proba(many)
    assert together.shape == (n, 2)
    alone = [model.predict_proba(COLUMNS.take([i]))[0] for i in range(min(n, N))]
    assert together[: len(alone)] == pytest.approx(np.array(alone), abs=1e-6)
    assert together == pytest.approx(np.resize(together[:N], (n, 2)), abs=1e-6)


def test_the_order_of_rows_does_not_matter():
    model, *_ = made(3)
    order = np.random.default_rng(1).permutation(N)
    found = model.predict_proba(COLUMNS.take(order))
    assert found == pytest.approx(model.predict_proba(COLUMNS)[order], abs=1e-6)


def test_no_rows_are_no_trouble():
    model, *_ = made(3)
    none = model.predict_proba(COLUMNS.take(np.arange(0)))
    assert none.shape == (0, 3)
    assert model.decide(none).shape == model.cost_saved(none).shape == (0,)


def test_networks_are_put_together_seed_by_seed():
    one = [np.ones((1, 2))], [np.zeros((1, 3))]
    two = [np.full((2, 2), 2.0)], [np.full((2, 3), 3.0)]  # a twin's lane stands behind the first
    parameters, n_trainable = learned([_trained(one), _trained(two), _trained(one, DIVERGED)])
    assert n_trainable == 1
    assert [p.tolist() for p in parameters] == [[[1, 1], [2, 2]], [[0, 0, 0], [3, 3, 3]]]


def test_of_networks_that_all_diverged_nothing_is_left():
    with pytest.raises(NetworkError, match="diverged with every seed"):
        learned([_trained(([np.ones((1, 2))], []), DIVERGED)])


def _trained(parameters, outcome=FINISHED):
    n = len(parameters[0][0])
    nothing = np.zeros((n, 0))
    curves = Curves(nothing, nothing, nothing)
    return Trained(np.zeros((n, 0, 2)), (outcome,) * n, np.ones(n), curves, parameters)


# what it decides


@settings(max_examples=50, deadline=None)
@given(p=probabilities(2), fn=st.floats(0.1, 1e3), fp=st.floats(0.1, 1e3))
def test_flagging_saves_what_a_miss_would_cost_less_a_false_alarm(p, fn, fp):
    model = made(2)[0].at(Cost(fn=fn, fp=fp), AS_TRAINED)
    saved = model.cost_saved(p)
    for (p0, p1), save, decided in zip(p, saved, model.decide(p), strict=True):
        assert save == pytest.approx(p1 * fn - p0 * fp)
        if abs(save) > 1e-9 * (fn + fp):
            assert decided == (save > 0)


@settings(max_examples=50, deadline=None)
@given(p=probabilities(3), costs=arrays(float, (3, 3), elements=st.floats(-5, 100)))
def test_three_classes_save_against_the_one_decision_for_all(p, costs):
    prior = np.array([0.7, 0.2, 0.1])
    model = made(3, rule=LeastCost(costs), prior=prior)[0]
    of = lambda shares, d: sum(shares[t] * costs[t, d] for t in range(3))
    usual = min(range(3), key=lambda d: of(prior, d))
    found = zip(p, model.cost_saved(p), model.decide(p), strict=True)
    for shares, save, decided in found:
        best = min(of(shares, d) for d in range(3))
        assert of(shares, decided) == pytest.approx(best, abs=1e-9)
        assert save == pytest.approx(of(shares, usual) - best, abs=1e-9)
        assert save >= -1e-9


def test_a_benefit_counts_as_a_negative_cost():
    model = made(2, rule=LeastCost(np.array([[-1.0, 2.0], [30.0, -10.0]])))[0]
    p = np.array([[0.9, 0.1]])
    assert model.cost_saved(p) == pytest.approx([0.9 * (-1 - 2) + 0.1 * (30 + 10)])
    assert model.decide(p).tolist() == [1]


def test_other_costs_change_decisions_and_nothing_else():
    model, *_ = made(2, rule=LeastCost(Cost(fn=9, fp=1).matrix))
    p = np.array([[0.85, 0.15], [0.4, 0.6]])
    other = model.at(Cost(fn=1, fp=1), AS_TRAINED)
    assert (model.decide(p).tolist(), other.decide(p).tolist()) == ([1, 1], [0, 1])
    assert (other.predict_proba(COLUMNS) == model.predict_proba(COLUMNS)).all()
    assert model.decide(p).tolist() == [1, 1]


def test_costs_of_a_miss_need_two_classes():
    with pytest.raises(UsageError, match="needs two classes; there are 3"):
        made(3)[0].at(Cost(fn=1, fp=1), AS_TRAINED)


def test_the_dearer_a_miss_the_more_is_flagged():
    model, *_ = made(2)
    p = model.predict_proba(COLUMNS)
    flagged = [model.at(Cost(fn=fn, fp=1), AS_TRAINED).decide(p).sum() for fn in (0.1, 1, 10, 100)]
    assert flagged == sorted(flagged)
    assert flagged[0] < flagged[-1]


def test_every_pair_of_costs_and_probabilities_near_the_threshold_agrees():
    for fn, fp in product([1, 3, 7], repeat=2):
        model = made(2)[0].at(Cost(fn=fn, fp=fp), AS_TRAINED)
        cut = fp / (fn + fp)
        p = np.array([cut - 1e-9, cut, cut + 1e-9])
        both = np.stack([1 - p, p], axis=1)
        assert model.decide(both).tolist() == [0, 1, 1]
        assert np.sign(model.cost_saved(both))[[0, 2]].tolist() == [-1, 1]


def test_what_it_says_is_repaired_and_then_brought_to_where_it_is_used():
    plain = made(2)[0].predict_proba(COLUMNS)
    repaired = made(2, repair=Affine(2.0, (-0.5, 0.5)))[0]
    odds = (plain[:, 1] / plain[:, 0]) ** 2 * np.e
    assert repaired.predict_proba(COLUMNS)[:, 1] == pytest.approx(odds / (1 + odds))
    elsewhere = repaired.at(None, Deployment(prevalence=0.1))  # its prior is one half
    there = odds * (0.1 / 0.9)
    assert elsewhere.predict_proba(COLUMNS)[:, 1] == pytest.approx(there / (1 + there))
    assert (repaired.at(None, AS_TRAINED).factor == 1).all()


def test_costs_per_row_decide_by_the_row_s_amount():
    model = made(2, rule=LeastRowCost(fp=10), amount_column="a")[0]
    p, amount = np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([50.0, 500.0])
    assert model.decide(p, amount).tolist() == [0, 1]
    assert model.cost_saved(p, amount) == pytest.approx([5 - 9, 50 - 9])
    assert model.at(Cost(fn=9, fp=1), AS_TRAINED).amount_column is None


def test_cases_may_be_handed_to_a_person():
    costs = np.array([[0.0, 1, 0.3], [9, 0, 0.3]])
    model = made(2, rule=LeastCost(costs))[0]
    p = np.array([[0.99, 0.01], [0.9, 0.1], [0.1, 0.9]])
    assert model.decide(p).tolist() == [0, 2, 1]
    assert (model.cost_saved(p) >= 0).all()


def test_a_threshold_without_costs_saves_nobody_knows_what():
    model = made(2, rule=Cutoff(0.3))[0]
    p = np.array([[0.7, 0.3], [0.8, 0.2]])
    assert model.decide(p).tolist() == [1, 0]
    assert model.cost_saved(p) is None


def test_a_model_that_ranks_decides_nothing():
    model = made(2, rule=None)[0]
    with pytest.raises(UsageError, match="was made to rank: give --cost-fn and --cost-fp"):
        model.decide(np.array([[0.5, 0.5]]))
