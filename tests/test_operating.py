"""What is decided at given costs: Elkan's threshold, least expected cost, constant policies."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from outweigh._errors import UsageError
from outweigh._operating import (
    Cost,
    cheapest_constant,
    decide,
    default_costs,
    describe,
    threshold,
)

money = st.floats(-100, 100)
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
    k = len(costs)
    return [sum(probability[t] * costs[t, d] for t in range(k)) for d in range(k)]


# the threshold


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


# decide


@given(cost_matrices(), posteriors(2))
def test_with_two_classes_the_decision_is_the_cheaper_one(costs, p):
    wait, flag = expected(p, costs)
    assume(abs(flag - wait) > 1e-9 * np.abs(costs).max())
    assert decide(p, costs) == (flag < wait)


@given(cost_matrices(k=3), posteriors(3))
def test_with_three_classes_the_decision_is_the_cheapest(costs, p):
    cost = expected(p, costs)
    least, second, _ = sorted(cost)
    assume(second - least > 1e-9 * np.abs(costs).max())
    assert decide(p, costs) == cost.index(least)


@given(cost_matrices(), posteriors(2), st.floats(1e-3, 1e3))
def test_scaling_the_costs_decides_nothing_else(costs, p, factor):
    assume(abs(p[1] - threshold(costs)) > 1e-9)
    assert decide(p, costs * factor) == decide(p, costs)


def test_a_tie_is_flagged():
    assert decide(np.array([0.5, 0.5]), Cost(fn=3, fp=3).matrix) == 1
    assert decide(np.array([0.75, 0.25]), Cost(fn=3, fp=1).matrix) == 1


@pytest.mark.parametrize("k", [2, 3])
def test_cases_are_decided_together_as_one_by_one(k):
    p = np.random.default_rng(0).dirichlet(np.ones(k), size=(4, 5))
    costs = default_costs(np.arange(1, k + 1))
    decided = decide(p, costs)
    assert decided.shape == (4, 5)
    assert decided.dtype.kind == "i"
    for place in np.ndindex(4, 5):
        assert decided[place] == decide(p[place], costs)


@pytest.mark.parametrize("k", [2, 3])
def test_a_sure_case_is_decided_as_what_it_is(k):
    assert decide(np.eye(k), default_costs(np.arange(1, k + 1))).tolist() == list(range(k))


@pytest.mark.parametrize("k", [2, 3])
def test_no_other_decisions_cost_less_if_the_probabilities_are_true(k):
    p = np.random.default_rng(k).dirichlet(np.ones(k), size=4)
    costs = default_costs(np.arange(1, k + 1))

    def total(decisions):
        return sum(expected(p[i], costs)[d] for i, d in enumerate(decisions))

    least = min(map(total, itertools.product(range(k), repeat=4)))
    assert total(decide(p, costs)) == pytest.approx(least)


# policies that decide the same for everybody


@pytest.mark.parametrize("k", [2, 3])
def test_the_cheapest_constant_is_the_cheapest_of_all(k):
    rng = np.random.default_rng(k)
    for _ in range(20):
        y, costs = rng.integers(0, k, 30), rng.normal(size=(k, k))
        each = [costs[y, d].mean() for d in range(k)]
        counts = np.bincount(y, minlength=k)
        assert cheapest_constant(counts, costs) == pytest.approx(min(each))


def test_constants_that_can_be_checked_with_a_pencil():
    counts = np.array([90, 10])
    assert cheapest_constant(counts, Cost(fn=5, fp=1).matrix) == pytest.approx(0.5)  # flag nobody
    assert cheapest_constant(counts, Cost(fn=100, fp=1).matrix) == pytest.approx(0.9)  # everybody


# costs


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_under_the_default_costs_both_constants_cost_the_same(n_0, n_1):
    counts = np.array([n_0, n_1])
    nobody, everybody = counts @ default_costs(counts)
    assert nobody == pytest.approx(everybody)


def test_under_the_default_costs_the_threshold_is_the_prevalence():
    assert threshold(default_costs(np.array([970, 30]))) == pytest.approx(0.03)


def test_default_costs_of_three_classes():
    costs = default_costs(np.array([60, 30, 10]))
    assert costs.tolist() == [[0, 1, 1], [2, 0, 2], [6, 6, 0]]


@pytest.mark.parametrize("wrong", [0, -1, np.nan, np.inf])
@pytest.mark.parametrize("name", ["fn", "fp"])
def test_a_mistake_that_costs_nothing_is_refused(name, wrong):
    with pytest.raises(UsageError, match=f"above 0, got {name}={wrong}") as caught:
        Cost(**({"fn": 1, "fp": 1} | {name: wrong}))
    assert "\n" not in str(caught.value)


def test_costs_are_told_in_false_alarms():
    told = describe(Cost(fn=30, fp=4).matrix, ("no", "yes"), default=False)
    assert told == "one missed positive costs as much as 7.5 false alarms"
    told = describe(default_costs(np.array([90, 10])), ("no", "yes"), default=True)
    assert "as much as 9 false alarms (n0/n1" in told
    assert "inverse proportion" in describe(default_costs(np.ones(3)), (0, 1, 2), default=True)
