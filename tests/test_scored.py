"""Numbers that say what they stand on: pencil, scikit-learn, and the laws of weights."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from outweigh._costs import Cost, CostMatrix, RowCost
from outweigh._counted import FBeta, Matthews
from outweigh._decisions import Cases, decide_all
from outweigh._deployment import Deployment
from outweigh._rankings import AveragePrecision, RocAuc
from outweigh._repairs import NONE
from outweigh._scored import (
    CROSS_FITTED,
    HELD_OUT,
    all_numbers,
    at_half,
    by_fold,
    by_seed,
    calibration,
    cheapest_constant,
    decision_numbers,
    number,
    plain_sums,
    raw,
)
from tests.records import kinds, noisy, record, saturated

AS_SAID = (NONE,)


def values(numbers):
    """Keep the values of a record of numbers."""
    return {name: one["value"] for name, one in numbers.items()}


def drawn(n=300, k=2, seed=0, *, weighted=True):
    """Cases, what is said of them (N, K) and decided (N,)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    weight = rng.integers(0, 4, n).astype(float) if weighted else np.ones(n)
    said = rng.dirichlet(np.ones(k), n)
    cases = Cases(y, np.arange(n) % 3, weight, rng.uniform(1, 9, n))
    return cases, said, rng.integers(0, k, n)


# one number


@pytest.mark.parametrize("value", [None, np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_null(value):
    assert number(value, HELD_OUT) == {"value": None, "interval": None, "basis": HELD_OUT}


def test_a_number_has_an_interval_and_says_what_it_stands_on():
    found = number(0.5, CROSS_FITTED, (0.25, 1.0))
    assert found == {"value": 0.5, "interval": [0.25, 1.0], "basis": "cross-fitted"}


# decisions

CASES = Cases(
    y=np.array([0, 0, 1, 1]),
    fold=np.zeros(4, int),
    weight=np.array([5.0, 1, 1, 3]),
    amount=np.array([7.0, 7, 20, 2]),
)
SAID = np.array([[0.7, 0.3], [0.4, 0.6], [0.8, 0.2], [0.1, 0.9]])
DECIDED = np.array([0, 1, 0, 1])  # one false alarm, one missed positive


@pytest.mark.parametrize(
    ("objective", "cost", "constant"),
    [
        (Cost(fn=4, fp=2), 2 + 4, 6 * 2),  # everybody: 6 false alarms; nobody: 4 × 4
        (Cost(fn=4, fp=2, tp=-1), 2 + 4 - 3, 6 * 2 - 4),
        (Cost(fn=2, fp=2), 2 + 2, 4 * 2),
        (RowCost(fp=2), 2 + 20, 6 * 2),
        (RowCost(fp=9), 9 + 20, 20 + 3 * 2),
        (CostMatrix([[0, 2], [4, 0]], ("no", "yes")), 2 + 4, 6 * 2),
    ],
)
def test_what_decisions_cost_can_be_checked_with_a_pencil(objective, cost, constant):
    found = decision_numbers(objective, CASES, SAID, DECIDED, HELD_OUT)
    assert values(found) == pytest.approx(
        {
            "expected_cost": 1000 * cost / 10,
            "cost_share": cost / constant,
            "score": None,
            "flagged_share": 4 / 10,
            "recall": 3 / 4,
            "precision": 3 / 4,
            "referred_share": None,
        }
    )
    assert cheapest_constant(objective, CASES, 2) == pytest.approx(constant / 10)
    assert {one["basis"] for one in found.values()} == {HELD_OUT}


def test_referrals_cost_what_they_cost_and_their_share_is_told():
    costs = Cost(fn=4, fp=2, refer=0.5)
    found = values(decision_numbers(costs, CASES, SAID, np.array([0, 2, 0, 1]), HELD_OUT))
    assert found["expected_cost"] == pytest.approx(1000 * (0.5 + 4) / 10)
    assert found["cost_share"] == pytest.approx((0.5 + 4) / 12)
    assert (found["referred_share"], found["flagged_share"]) == pytest.approx((1 / 10, 3 / 10))
    none = values(decision_numbers(costs, CASES, SAID, DECIDED, HELD_OUT))
    assert none["referred_share"] == 0  # it could have been


def test_where_doing_nothing_is_free_there_is_no_share_of_it():
    cases = Cases(np.zeros(4, int), CASES.fold, CASES.weight, None)
    found = values(decision_numbers(Cost(fn=4, fp=2), cases, SAID, DECIDED, HELD_OUT))
    assert found["cost_share"] is None
    assert found["recall"] is None
    assert found["expected_cost"] == pytest.approx(1000 * 2 * 4 / 10)


@pytest.mark.parametrize(
    ("objective", "score"),
    [(FBeta(1), metrics.f1_score), (Matthews(), metrics.matthews_corrcoef)],
)
def test_scores_of_counts_are_scikit_learn_s(objective, score):
    cases, said, decided = drawn()
    found = values(decision_numbers(objective, cases, said, decided, HELD_OUT))
    assert found["score"] == pytest.approx(score(cases.y, decided, sample_weight=cases.weight))
    assert found["expected_cost"] is found["cost_share"] is None
    recall = metrics.recall_score(cases.y, decided, sample_weight=cases.weight)
    assert found["recall"] == pytest.approx(recall)


def test_of_a_ranking_only_how_good_it_is_is_told():
    cases, said, decided = drawn()
    found = values(decision_numbers(RocAuc(), cases, said, decided, HELD_OUT))
    score = found.pop("score")
    assert set(found.values()) == {None}
    each = [
        metrics.roc_auc_score(cases.y[there], said[there, 1], sample_weight=cases.weight[there])
        for there in (cases.fold == f for f in range(3))
    ]
    assert score == pytest.approx(np.mean(each))


def test_where_there_is_nothing_to_rank_there_is_no_score():
    cases, said, decided = drawn()
    alone = Cases(np.zeros(300, int), cases.fold, cases.weight, None)
    found = values(all_numbers(AveragePrecision(), alone, said, decided, HELD_OUT))
    assert found["score"] is found["average_precision"] is found["roc_auc"] is None
    assert found["log_loss"] > 0


@pytest.mark.parametrize("k", [2, 3])
def test_all_numbers_are_scikit_learn_s(k):
    cases, said, decided = drawn(k=k)
    objective = CostMatrix(1 - np.eye(k), tuple("abc"[:k]))
    found = values(all_numbers(objective, cases, said, decided, HELD_OUT))
    y, w = cases.y, cases.weight
    two = k == 2
    wrong = 1 - metrics.accuracy_score(y, decided, sample_weight=w)
    means = {"average": "binary" if two else "macro", "sample_weight": w}
    expected = {
        "log_loss": metrics.log_loss(y, said, sample_weight=w),
        "brier": metrics.brier_score_loss(y, said[:, 1] if two else said, sample_weight=w),
        "recall": metrics.recall_score(y, decided, **means),
        "precision": metrics.precision_score(y, decided, **means),
        "expected_cost": 1000 * wrong,
        "flagged_share": np.average(decided == 1, weights=w) if two else None,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("objective", [Cost(fn=4, fp=2), RowCost(fp=2), FBeta(1), RocAuc()])
def test_row_weight_2_is_the_row_twice_and_0_the_row_absent(objective):
    cases, said, decided = drawn()
    rows = np.repeat(np.arange(300), cases.weight.astype(int))
    twice = replace(cases.take(rows), weight=np.ones(len(rows)))
    one = values(all_numbers(objective, cases, said, decided, HELD_OUT))
    two = values(all_numbers(objective, twice, said[rows], decided[rows], HELD_OUT))
    assert two == pytest.approx(one)


def test_at_another_prevalence_cases_cost_what_they_cost_in_a_world_of_that_prevalence():
    """Negatives three times as frequent, against a table in which each stands three times."""
    p = noisy(0)
    n = np.bincount(p.y)
    factor = Deployment(prevalence=n[1] / (3 * n[0] + n[1])).factor(n / n.sum())
    costs = Cost(fn=20, fp=1)
    found = decide_all(p, costs, factor=factor, repairs=AS_SAID)
    rows = np.repeat(np.arange(len(p.y)), np.where(p.y == 0, 3, 1))
    for s, said in enumerate(found.probability):
        mine = all_numbers(costs, found.cases, said, found.decided[s], CROSS_FITTED)
        flagged = said[rows, 1] >= 1 / 21
        assert np.array_equal(flagged, found.decided[s][rows])
        wrong = np.where(p.y[rows] == 1, 20 * ~flagged, flagged)
        assert mine["expected_cost"]["value"] == pytest.approx(1000 * wrong.mean())
        assert mine["flagged_share"]["value"] == pytest.approx(flagged.mean())
        log_loss = metrics.log_loss(p.y[rows], said[rows])
        assert mine["log_loss"]["value"] == pytest.approx(log_loss)


# weights by themselves


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), st.floats(1.1, 60))
def test_a_weight_r_at_one_half_is_worth_what_the_twin_is_at_1_over_1_plus_r(seed, r):
    p = saturated(*kinds(seed), {"none": np.ones(2), "weighted": np.array([1, r])})
    found = decide_all(p, Cost(fn=r, fp=1), repairs=AS_SAID)
    assume((np.abs(found.probability[0, :, 1] - 1 / (1 + r)) > 1e-6).all())  # no ties
    twin = decision_numbers(
        found.objective, found.cases, found.probability[0], found.decided[0], HELD_OUT
    )
    assert at_half(found, 1) == twin


def test_one_half_itself_is_not_flagged():
    p = record(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), {"none": np.full(4, 0.5)})
    assert at_half(decide_all(p, FBeta(1)), 0)["flagged_share"]["value"] == 0


def test_a_ranking_has_no_decisions_at_one_half():
    found = at_half(decide_all(noisy(0), RocAuc()), 1)
    assert found["flagged_share"]["value"] is found["expected_cost"]["value"] is None


# the average as it is said


def diverged(p, s, r, f, left):
    """The same record, a lane of it diverged."""
    probability, outcome = p.probability.copy(), p.outcome.copy()
    probability[s, r, p.fold == f] = left
    outcome[s, r, f] = "diverged"
    return replace(p, probability=probability, outcome=outcome)


@pytest.mark.parametrize("k", [2, 3])
def test_the_raw_average_is_the_mean_over_the_seeds(k):
    p = noisy(1, k)
    assert raw(p, 2) == pytest.approx(p.probability[2].astype(float).mean(axis=0))


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("left", [np.nan, np.inf, 0.9])
def test_the_raw_average_leaves_out_what_diverged(left, k):
    p = noisy(1, k)
    one = diverged(p, 2, 0, 4, left)
    there = p.fold == 4
    assert np.array_equal(raw(one, 2)[there], p.probability[2, 1, there])
    assert np.array_equal(raw(one, 2)[~there], raw(p, 2)[~there])
    both = raw(diverged(one, 2, 1, 4, left), 2)
    assert np.array_equal(both[there], p.prior[p.fold[there]])


# seed by seed


def test_a_seed_that_is_alone_is_the_average():
    found = decide_all(noisy(2, n_seeds=1), Cost(fn=9, fp=1))
    table, of_setting = (
        by_seed(found, 1),
        values(
            all_numbers(
                found.objective, found.cases, found.probability[1], found.decided[1], HELD_OUT
            )
        ),
    )
    for name in ("average_precision", "expected_cost", "score", "flagged_share"):
        assert table[name] == [pytest.approx(of_setting[name])]
    half = values(at_half(found, 1))
    assert table["expected_cost_at_half"] == [pytest.approx(half["expected_cost"])]
    assert table["flagged_share_at_half"] == [pytest.approx(half["flagged_share"])]
    assert table["outcome"] == [["finished"] * 5]


def test_each_seed_is_scored_by_itself():
    p = noisy(3)
    found = decide_all(p, Cost(fn=9, fp=1), repairs=AS_SAID)
    table = by_seed(found, 0)  # nothing to undo
    for r in range(2):
        flagged = p.of_lane(0, r)[:, 1] >= 0.1
        assert table["flagged_share"][r] == pytest.approx(flagged.mean())
        cost = np.where(p.y == 1, 9 * ~flagged, flagged).mean()
        assert table["expected_cost"][r] == pytest.approx(1000 * cost)
        half = (p.probability[0, r, :, 1] > 0.5).mean()
        assert table["flagged_share_at_half"][r] == pytest.approx(half)


@pytest.mark.parametrize("left", [np.nan, np.inf, 0.9])
def test_a_seed_that_diverged_flags_nothing_at_one_half(left):
    p = noisy(3)
    there = p.fold == 4
    table = by_seed(decide_all(diverged(p, 0, 1, 4, left), Cost(fn=9, fp=1)), 0)
    half = (p.probability[0, 1, ~there, 1] > 0.5).sum() / len(p.y)
    assert table["flagged_share_at_half"][1] == pytest.approx(half)
    assert table["outcome"][1] == ["finished"] * 4 + ["diverged"]


def test_three_classes_have_no_one_half():
    found = decide_all(noisy(3, k=3), CostMatrix(1 - np.eye(3), tuple("abc")))
    assert not any("half" in name for name in by_seed(found, 1))


# fold by fold


@pytest.mark.parametrize("k", [2, 3])
def test_each_fold_is_scored_by_itself(k):
    p = noisy(3, k, row_weight=np.random.default_rng(0).uniform(0, 3, 400))
    found = decide_all(p, CostMatrix(2 * (1 - np.eye(k)), tuple("abc"[:k])))
    table = by_fold(found, 1)
    for f in range(5):
        there = p.fold == f
        wrong, w = (found.decided[1] != p.y)[there], p.row_weight[there]
        assert table["expected_cost"][f] == pytest.approx(2000 * np.average(wrong, weights=w))
        if k == 2:
            flagged = np.average(found.decided[1, there], weights=w)
            said = found.probability[1, there, 1]
            precision = metrics.average_precision_score(p.y[there], said, sample_weight=w)
            assert table["flagged_share"][f] == pytest.approx(flagged)
            assert table["average_precision"][f] == pytest.approx(precision)
    assert table["score"] == [None] * 5
    assert (table["flagged_share"] == [None] * 5) == (k == 3)


def test_the_mean_of_the_folds_by_their_weight_is_the_whole():
    p = noisy(3)
    found = decide_all(p, Cost(fn=9, fp=1), factor=np.array([1.1, 0.6]))
    every = all_numbers(found.objective, found.cases, found.probability[2], found.decided[2], "")
    size = np.bincount(p.fold, found.cases.weight)
    table = by_fold(found, 2)
    for name in ("expected_cost", "flagged_share"):
        assert np.average(table[name], weights=size) == pytest.approx(every[name]["value"])
    assert np.mean(table["average_precision"]) == pytest.approx(every["average_precision"]["value"])


def test_a_fold_without_rows_that_count_or_without_a_positive_is_null():
    p = noisy(3)
    weight = np.where(p.fold == 1, 0.0, 1.0)
    y = np.where(p.fold == 2, 0, p.y)
    table = by_fold(decide_all(replace(p, y=y, row_weight=weight), Cost(fn=9, fp=1)), 0)
    assert [of_folds[1] for of_folds in table.values()] == [None] * 4
    assert table["average_precision"][2] is None
    assert table["expected_cost"][2] is not None


def test_a_ranking_is_scored_by_fold():
    found = decide_all(noisy(3), AveragePrecision())
    table = by_fold(found, 0)
    assert table["score"] == pytest.approx(table["average_precision"])
    assert table["expected_cost"] == [None] * 5


# sums of row weights


def test_sums_are_whole_where_all_weights_are_and_else_have_twelve_digits():
    sums = np.array([[3.0, 1e15], [0.1 + 0.2, 0.0]])
    assert repr(plain_sums(sums[0], np.array([3.0, 0]))) == "[3, 1000000000000000]"
    assert plain_sums(sums, np.array([0.5])) == [[3.0, 1e15], [0.3, 0.0]]


# calibration


@pytest.mark.parametrize("k", [2, 3])
def test_each_stage_of_the_probabilities_is_scored(k):
    p = noisy(4, k, row_weight=np.random.default_rng(0).integers(0, 4, 400))
    objective = CostMatrix(1 - np.eye(k), tuple("abc"[:k]))
    found = decide_all(p, objective)
    told = calibration(found, 1)
    stages = {
        "raw": p.probability[1].astype(float).mean(axis=0),
        "undone": p.averaged()[1],
        "repaired": found.calibrated.repaired[1],
    }
    w = p.row_weight
    for stage, said in stages.items():
        said = said / said.sum(axis=1, keepdims=True)
        log_loss = metrics.log_loss(p.y, said, sample_weight=w)
        assert told[stage]["log_loss"]["value"] == pytest.approx(log_loss, rel=1e-5)
        basis = CROSS_FITTED if stage == "repaired" else HELD_OUT
        assert {one["basis"] for one in told[stage].values()} == {basis}
        mean = np.average(said[:, 1], weights=w) if k == 2 else None
        assert told[stage]["mean"]["value"] == pytest.approx(mean)
    share = np.average(p.y == 1, weights=w) if k == 2 else None
    assert told["share_of_positives"] == pytest.approx(share)
    assert told["by_fold"] == list(found.calibrated.kinds[1])
    assert told["repair"] == found.calibrated.final_kinds[1]
    assert told["map"] == found.calibrated.final[1].as_record()
    assert list(told["tried"]) == list(found.calibrated.names)
    assert min(told["tried"].values()) <= told["tried"]["none"]


def test_calibration_is_of_the_world_of_training_wherever_the_model_is_used():
    p = noisy(4)
    here, there = (
        decide_all(p, Cost(fn=9, fp=1), factor=factor) for factor in (None, np.array([2, 0.1]))
    )
    assert calibration(here, 1) == calibration(there, 1)


def test_where_there_are_too_few_rows_no_repair_is_tried():
    y = (np.arange(60) == 7).astype(int)
    p = record(y, np.arange(60) % 5, {"none": np.linspace(0.1, 0.9, 60)})
    told = calibration(decide_all(p, FBeta(1)), 0)
    assert told["tried"] is None
    assert (told["repair"], set(told["by_fold"])) == ("none", {"none"})


@pytest.mark.parametrize("part", [1, 0.5, 0])
@pytest.mark.parametrize("ratio", [9.0, 1 / 4])
def test_the_part_of_a_weight_that_networks_express_is_found(part, ratio):
    """Networks that learn class shares as if the weight were `ratio ** part`."""
    expressed = {"none": np.ones(2), "weighted": np.array([1, ratio**part])}
    told = np.ones((2, 5, 2))
    told[1, :, 1] = ratio
    p = saturated(*kinds(0, n=5000, n_kinds=4), expressed, class_weight=told)
    found = decide_all(p, Cost(fn=9, fp=1), repairs=AS_SAID)
    assert calibration(found, 1)["expressed"] == pytest.approx(part, abs=0.01)
    assert calibration(found, 0)["expressed"] is None  # there is no weight to express
