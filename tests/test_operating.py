"""Rules: Elkan's threshold, least expected cost, referrals, and rules as plain JSON."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from outweigh._operating import (
    Cutoff,
    LeastCost,
    LeastRowCost,
    makes_sense,
    rule_from,
    threshold,
)

money = st.floats(-100, 100)  # below 0: a benefit
gap = st.floats(0.01, 1000)


@st.composite
def cost_matrices(draw, k=2):
    """Costs (K, K) of which a right decision is the least in its row; benefits among them."""
    right = draw(arrays(float, k, elements=money))
    worse = draw(arrays(float, (k, k), elements=gap))
    return right[:, None] + worse * (1 - np.eye(k))


def posteriors(k):
    mass = arrays(float, k, elements=st.floats(1e-3, 1))
    return mass.map(lambda m: m / m.sum())


def expected(probability, costs):
    """Expected cost of each decision, cell by cell."""
    k, d = costs.shape
    return [sum(probability[t] * costs[t, i] for t in range(k)) for i in range(d)]


def with_refer(costs, refer):
    return np.column_stack([costs, np.full(len(costs), refer)])


def unequal(costs_of_decisions):
    """Leave out ties, which rounding decides."""
    least, second, *_ = sorted(costs_of_decisions)
    assume(second - least > 1e-9 * max(map(abs, costs_of_decisions)) + 1e-12)


# Elkan's threshold


@given(cost_matrices())
def test_at_the_threshold_both_decisions_cost_the_same(costs):
    p = threshold(costs)
    assert 0 < p < 1
    wait, flag = expected([1 - p, p], costs)
    assert flag == pytest.approx(wait, abs=1e-9 * np.abs(costs).max())


@given(cost_matrices(), st.floats(1e-3, 1e3), arrays(float, (2, 1), elements=money))
def test_only_ratios_of_what_a_mistake_adds_matter(costs, factor, fixed):
    assert threshold(costs * factor) == pytest.approx(threshold(costs), rel=1e-9)
    assert threshold(costs + fixed) == pytest.approx(threshold(costs), rel=1e-6)


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([[0, 1], [1, 0]], 1 / 2),
        ([[0, 1], [200, 0]], 1 / 201),
        ([[0, 3], [0, -1]], 3 / 4),  # a miss costs nothing, a hit earns 1
        ([[0, 5], [100, 5]], 5 / 100),  # each letter costs 5, whoever gets it
        ([[-1, 1], [6, 0]], 2 / 8),
    ],
)
def test_thresholds_that_can_be_checked_with_a_pencil(costs, expected):
    assert threshold(np.array(costs, dtype=float)) == pytest.approx(expected)


# cut-offs


def test_a_probability_at_the_threshold_is_flagged_and_its_neighbour_is_not():
    below = np.nextafter(0.3, 0)
    assert Cutoff(0.3).decide(np.array([[1 - 0.3, 0.3], [1 - below, below]])).tolist() == [1, 0]


def test_from_0_everybody_is_flagged_and_from_infinity_nobody():
    every = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    assert Cutoff(0.0).decide(every).tolist() == [1, 1, 1]
    assert Cutoff(np.inf).decide(every).tolist() == [0, 0, 0]


@given(cost_matrices(), arrays(float, 20, elements=st.floats(0, 1)))
def test_two_classes_at_least_cost_are_a_cut_off_at_elkans_threshold(costs, p):
    rule, said = LeastCost(costs), np.stack([1 - p, p], axis=-1)
    assert rule.threshold == threshold(costs)
    assert rule.decide(said).tolist() == Cutoff(threshold(costs)).decide(said).tolist()


# least expected cost


@given(cost_matrices(), posteriors(2))
def test_with_two_classes_the_decision_is_the_cheaper_one(costs, p):
    cost = expected(p, costs)
    unequal(cost)
    assert LeastCost(costs).decide(p) == np.argmin(cost)


@pytest.mark.parametrize("k", [3, 5])
@settings(deadline=None)
@given(data=st.data())
def test_with_more_classes_the_decision_is_the_cheapest(k, data):
    costs, p = data.draw(cost_matrices(k=k)), data.draw(posteriors(k))
    cost = expected(p, costs)
    unequal(cost)
    assert LeastCost(costs).decide(p) == np.argmin(cost)


@given(cost_matrices(), posteriors(2), st.floats(1e-3, 1e3))
def test_scaling_the_costs_decides_nothing_else(costs, p, factor):
    assume(abs(p[1] - threshold(costs)) > 1e-9)
    assert LeastCost(costs * factor).decide(p) == LeastCost(costs).decide(p)


@pytest.mark.parametrize("k", [2, 3])
@settings(deadline=None)
@given(data=st.data())
def test_relabelled_classes_relabel_the_decision(k, data):
    costs, p = data.draw(cost_matrices(k=k)), data.draw(posteriors(k))
    unequal(expected(p, costs))
    order = data.draw(st.permutations(range(k)))
    decided = LeastCost(costs[np.ix_(order, order)]).decide(p[order])
    assert order[decided] == LeastCost(costs).decide(p)


@pytest.mark.parametrize(("fn", "fp", "p"), [(3, 3, 0.5), (3, 1, 0.25), (9, 1, 0.1), (49, 1, 0.02)])
def test_a_tie_of_two_classes_is_flagged(fn, fp, p):
    costs = np.array([[0.0, fp], [fn, 0.0]])
    assert LeastCost(costs).decide(np.array([1 - p, p])) == 1
    assert LeastCost(with_refer(costs, 2.0 * fn)).decide(np.array([1 - p, p])) == 1


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("refer", [None, 0.3])
def test_cases_are_decided_together_as_one_by_one(k, refer):
    p = np.random.default_rng(0).dirichlet(np.ones(k), size=(4, 5))
    costs = np.arange(1.0, k + 1)[:, None] * (1 - np.eye(k))
    rule = LeastCost(costs if refer is None else with_refer(costs, refer))
    decided = rule.decide(p)
    assert decided.shape == (4, 5)
    assert decided.dtype == np.int64
    for place in np.ndindex(4, 5):
        assert decided[place] == rule.decide(p[place])


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("refer", [None, 0.01])
def test_a_sure_case_is_decided_as_what_it_is(k, refer):
    costs = np.arange(1.0, k + 1)[:, None] * (1 - np.eye(k))
    rule = LeastCost(costs if refer is None else with_refer(costs, refer))
    assert rule.decide(np.eye(k)).tolist() == list(range(k))


@pytest.mark.parametrize("k", [2, 3])
def test_no_other_decisions_cost_less_if_the_probabilities_are_true(k):
    p = np.random.default_rng(k).dirichlet(np.ones(k), size=4)
    costs = np.arange(1.0, k + 1)[:, None] * (1 - np.eye(k))

    def total(decisions):
        return sum(expected(p[i], costs)[d] for i, d in enumerate(decisions))

    least = min(map(total, itertools.product(range(k), repeat=4)))
    assert total(LeastCost(costs).decide(p)) == pytest.approx(least)


# referrals


@pytest.mark.parametrize("k", [2, 3])
@settings(deadline=None)
@given(data=st.data())
def test_a_case_is_referred_exactly_when_that_is_cheapest(k, data):
    costs, p = data.draw(cost_matrices(k=k)), data.draw(posteriors(k))
    refer = data.draw(st.floats(-100, 1000))
    cost = expected(p, with_refer(costs, refer))
    unequal(cost)
    decided = LeastCost(with_refer(costs, refer)).decide(p)
    assert decided == np.argmin(cost)
    assert (decided == k) == (refer < min(cost[:k]))


@pytest.mark.parametrize("refer", [1000.0, 20.0])
def test_a_referral_dearer_than_every_mistake_is_as_good_as_none(refer):
    p = np.linspace(0, 1, 101)
    said = np.stack([1 - p, p], axis=-1)
    costs = np.array([[0.0, 1.0], [19.0, 0.0]])
    assert (
        LeastCost(with_refer(costs, refer)).decide(said).tolist()
        == LeastCost(costs).decide(said).tolist()
    )


def test_the_doubtful_are_referred():
    rule = LeastCost(with_refer(np.array([[0.0, 1.0], [4.0, 0.0]]), 0.4))
    p = np.array([0.0, 0.05, 0.15, 0.5, 0.7, 1.0])  # pass: 4 p, flag: 1 − p
    assert rule.decide(np.stack([1 - p, p], axis=-1)).tolist() == [0, 0, 2, 2, 1, 1]
    assert rule.threshold is None


def test_a_referral_that_costs_the_same_is_not_made():
    rule = LeastCost(with_refer(np.array([[0.0, 1.0], [1.0, 0.0]]), 0.5))
    assert rule.decide(np.array([0.5, 0.5])) == 1


# costs per row


@settings(deadline=None)
@given(
    arrays(float, 20, elements=st.floats(0, 1)),
    arrays(float, 20, elements=st.floats(0, 1e6)),
    st.floats(0.01, 1e4),
)
def test_a_row_is_flagged_where_a_miss_costs_more_than_a_false_alarm(p, amount, fp):
    decided = LeastRowCost(fp).decide(np.stack([1 - p, p], axis=-1), amount)
    for of_row, cost, flagged in zip(p, amount, decided, strict=True):
        miss, alarm = of_row * cost, (1 - of_row) * fp
        assert flagged == (miss >= alarm and cost > 0)


def test_a_tie_of_costs_per_row_is_flagged():
    said, amount = np.array([[0.5, 0.5], [0.75, 0.25], [0.75, 0.25]]), np.array([2.0, 6.0, 5.99])
    assert LeastRowCost(2.0).decide(said, amount).tolist() == [1, 1, 0]


def test_a_rule_of_costs_per_row_needs_them():
    with pytest.raises(ValueError, match="needs each row's amount"):
        LeastRowCost(1.0).decide(np.array([[0.5, 0.5]]))
    assert LeastRowCost(1.0).threshold is None


# rules as records

RULES = [
    Cutoff(0.0),
    Cutoff(0.1),
    Cutoff(1.0),
    Cutoff(float(np.nextafter(0.3, 1))),
    Cutoff(np.inf),
    LeastCost(np.array([[0.0, 1.0], [9.0, -3.5]])),
    LeastCost(np.array([[0.0, 1.0, 0.2], [9.0, 0.0, 0.2]])),
    LeastCost(np.array([[0, 1 / 3, 4], [1, 0, 1], [4, 1, 0.0]])),
    LeastRowCost(2.5),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rule_comes_back_from_json(rule):
    text = json.dumps(rule.as_record(), allow_nan=False)
    back = rule_from(json.loads(text))
    assert type(back) is type(rule)
    assert back.as_record() == rule.as_record()
    assert back.threshold == rule.threshold


BROKEN = {
    "nothing": None,
    "a text": "cutoff",
    "a list": [],
    "no kind": {"threshold": 0.5},
    "another kind": {"kind": "coin", "threshold": 0.5},
    "a kind that is no text": {"kind": ["cutoff"], "threshold": 0.5},
    "no threshold": {"kind": "cutoff"},
    "a threshold above 1": {"kind": "cutoff", "threshold": 1.01},
    "a threshold below 0": {"kind": "cutoff", "threshold": -0.01},
    "a threshold that is no number": {"kind": "cutoff", "threshold": float("nan")},
    "an infinite threshold": {"kind": "cutoff", "threshold": float("inf")},
    "a threshold in words": {"kind": "cutoff", "threshold": "half"},
    "a list of thresholds": {"kind": "cutoff", "threshold": [0.5]},
    "a threshold of 400 digits": {"kind": "cutoff", "threshold": 10**400},
    "no costs": {"kind": "least-cost"},
    "costs of null": {"kind": "least-cost", "costs": None},
    "empty costs": {"kind": "least-cost", "costs": []},
    "costs of one class": {"kind": "least-cost", "costs": [[0, 1]]},
    "a row of costs": {"kind": "least-cost", "costs": [0, 1]},
    "a ragged table": {"kind": "least-cost", "costs": [[0, 1], [1]]},
    "two columns too many": {"kind": "least-cost", "costs": [[0, 1, 1, 1], [1, 0, 1, 1]]},
    "a column too few": {"kind": "least-cost", "costs": [[0, 1], [1, 0], [1, 1]]},
    "costs in words": {"kind": "least-cost", "costs": [["a", "b"], ["c", "d"]]},
    "costs of 400 digits": {"kind": "least-cost", "costs": [[0, 10**400], [1, 0]]},
    "costs that are no numbers": {"kind": "least-cost", "costs": [[0, float("nan")], [1, 0]]},
    "an infinite referral": {"kind": "least-cost", "costs": [[0, 1, float("inf")], [1, 0, 1]]},
    "mistakes for nothing": {"kind": "least-cost", "costs": [[0, 0], [1, 0]]},
    "mistakes that pay": {"kind": "least-cost", "costs": [[0, 1], [-1, 0]]},
    "no cost per row": {"kind": "least-row-cost"},
    "a false alarm for nothing": {"kind": "least-row-cost", "fp": 0},
    "a false alarm that pays": {"kind": "least-row-cost", "fp": -1},
    "an infinite false alarm": {"kind": "least-row-cost", "fp": float("inf")},
    "a false alarm of null": {"kind": "least-row-cost", "fp": None},
}


@pytest.mark.parametrize("record", BROKEN.values(), ids=BROKEN)
def test_what_is_no_rule_is_refused(record):
    with pytest.raises((ValueError, KeyError, TypeError)):
        rule_from(record)


# costs that make sense


@pytest.mark.parametrize(
    ("costs", "sense"),
    [
        ([[0, 1], [1, 0]], True),
        ([[0, 1], [0, 0]], False),
        ([[0, 0], [1, 0]], False),
        ([[5, 6], [0, -1]], True),  # benefits, and costs of right decisions
        ([[5, 4], [1, 0]], False),
        ([[0, 0, 1], [1, 0, 0], [1, 1, 0]], True),  # some mistakes of three may be free
        ([[0, 0, 0], [1, 0, 0], [1, 1, 0]], False),
        ([[0, -1, 2], [1, 0, 0], [1, 1, 0]], False),
        ([[0, 1, -9], [1, 0, -9]], True),  # a referral is no mistake
    ],
)
def test_mistakes_must_cost_more_than_right_decisions(costs, sense):
    assert makes_sense(np.array(costs, dtype=float)) is sense
