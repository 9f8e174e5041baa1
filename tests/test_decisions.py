"""Decisions: the laws of weights, of other worlds, and of rows that take no part in their own."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from outweigh._costs import Cost, CostMatrix, RowCost
from outweigh._counted import Alerts, FBeta, Matthews, RecallAtPrecision
from outweigh._decisions import Cases, decide_all, operating_points, ranked, worth
from outweigh._deployment import Deployment, deployed
from outweigh._operating import Cutoff
from outweigh._rankings import AveragePrecision, RocAuc
from outweigh._repairs import NONE
from tests.records import kinds, noisy, of_rows, record, relabelled, saturated

AS_SAID = (NONE,)
SEEDS = st.integers(0, 999)


def ratio(r):
    return np.array([1.0, r])


def decided_at(decisions, s, threshold):
    return (decisions.probability[s, :, 1] >= threshold).astype(int)


# weights and thresholds are one thing to a network that can say everything


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.floats(1.1, 60))
def test_one_half_under_weight_r_is_1_over_1_plus_r_without(seed, r):
    p = saturated(*kinds(seed), {"none": ratio(1), "weighted": ratio(r)})
    twin = decide_all(p, Cost(fn=r, fp=1), repairs=AS_SAID)
    assume((np.abs(twin.probability[0, :, 1] - 1 / (1 + r)) > 1e-6).all())  # no ties
    from_half = (p.probability[1, 0, :, 1] > 0.5).astype(int)
    assert (twin.decided[0] == from_half).all()


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.floats(1.1, 60), st.floats(1.1, 60))
def test_undone_probabilities_and_decisions_are_the_twin_s(seed, r, fn):
    p = saturated(*kinds(seed), {"none": ratio(1), "weighted": ratio(r)})
    found = decide_all(p, Cost(fn=fn, fp=1), repairs=AS_SAID)
    assert found.probability[1] == pytest.approx(found.probability[0], rel=1e-5, abs=1e-7)
    assume((np.abs(found.probability[0, :, 1] - 1 / (1 + fn)) > 1e-6).all())
    assert (found.decided[1] == found.decided[0]).all()


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.lists(st.floats(0.2, 9), min_size=3, max_size=3))
def test_undone_probabilities_of_three_classes_are_the_twin_s(seed, weight):
    p = saturated(*kinds(seed, k=3), {"none": np.ones(3), "weighted": np.array(weight)})
    found = decide_all(p, CostMatrix(1 - np.eye(3), tuple("abc")), repairs=AS_SAID)
    assert found.probability[1] == pytest.approx(found.probability[0], rel=1e-5, abs=1e-6)


# rows that weigh 2 or nothing

OBJECTIVES = (
    Cost(fn=7.3, fp=1),
    Cost(fn=7.3, fp=1, refer=0.6),
    Cost(fn=7.3, fp=1, tuned=True),
    RowCost(fp=1.1),
    FBeta(1),
    RecallAtPrecision(0.6),
    AveragePrecision(),
)
IDS = [o.name + ("-tuned" if getattr(o, "tuned", False) else "") for o in OBJECTIVES]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
@pytest.mark.parametrize("seed", range(2))
def test_row_weight_2_is_the_row_twice_and_0_the_row_absent(seed, objective):
    rng = np.random.default_rng(seed)
    weight, amount = rng.integers(0, 4, 400), rng.uniform(1, 20, 400)
    rows = np.repeat(np.arange(400), weight)
    p = noisy(seed, amount=amount)
    weighted = decide_all(replace(p, row_weight=weight), objective)
    twice = decide_all(of_rows(p, rows), objective)
    assert weighted.calibrated.kinds == twice.calibrated.kinds
    assert weighted.probability[:, rows] == pytest.approx(twice.probability, rel=1e-7)
    assert (weighted.decided[:, rows] == twice.decided).all()
    assert weighted.elsewhere == pytest.approx(twice.elsewhere, rel=1e-9)
    assert weighted.overall == pytest.approx(twice.overall, rel=1e-9)
    assert weighted.thresholds == pytest.approx(twice.thresholds, rel=1e-7, nan_ok=True)


def test_a_closed_form_that_trains_on_row_weights_says_what_it_says_of_rows_repeated():
    kind, y, fold = kinds(1, n=900)
    weight = np.random.default_rng(2).integers(0, 4, 900)
    rows = np.repeat(np.arange(900), weight)
    weights = {"none": ratio(1), "weighted": ratio(9)}
    one = saturated(kind, y, fold, weights, row_weight=weight)
    two = saturated(kind[rows], y[rows], fold[rows], weights, row=rows)
    assert (one.probability[:, :, rows] == two.probability).all()
    found, again = (decide_all(p, Cost(fn=5, fp=1)) for p in (one, two))
    assert found.elsewhere == pytest.approx(again.elsewhere, rel=1e-9)
    assert (found.decided[:, rows] == again.decided).all()


# another world


@settings(deadline=None, max_examples=20)
@given(st.integers(20, 400), st.floats(0.02, 0.5))
def test_the_prevalence_of_training_changes_no_bit(n, share):
    y = (np.arange(n) < max(2, int(share * n))).astype(int)
    counts = np.bincount(y)
    factor = Deployment(prevalence=counts[1] / n).factor(counts / n)
    assert factor.tolist() == [1, 1]


@pytest.mark.parametrize("objective", [Cost(fn=20, fp=1), FBeta(2), RocAuc()])
def test_a_factor_of_1_changes_no_bit(objective):
    p = noisy(2)
    one, two = decide_all(p, objective), decide_all(p, objective, factor=np.ones(2))
    for name in ("probability", "decided", "elsewhere", "overall"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    assert np.array_equal(one.thresholds, two.thresholds)


@pytest.mark.parametrize("objective", [Cost(fn=20, fp=1), FBeta(1), Matthews(), Alerts(50)])
def test_negatives_three_times_as_frequent_are_negatives_repeated(objective):
    """The factor of a prevalence, against a world in which each negative stands three times."""
    p = noisy(3)
    n = np.bincount(p.y)
    there = n[1] / (3 * n[0] + n[1])
    factor = Deployment(prevalence=there).factor(n / n.sum())
    found = decide_all(p, objective, factor=factor, repairs=AS_SAID)
    rows = np.repeat(np.arange(len(p.y)), np.where(p.y == 0, 3, 1))
    odds = found.calibrated.repaired[..., 1] / found.calibrated.repaired[..., 0] / 3
    said = (odds / (1 + odds))[:, rows]
    assert found.probability[:, rows, 1] == pytest.approx(said, rel=1e-9)
    told = record(p.y[rows], p.fold[rows], dict(zip(p.settings, said[:, None], strict=True)))
    brute = decide_all(told, objective, repairs=AS_SAID)
    assert (found.decided[:, rows] == brute.decided).all()
    times = 1 if not isinstance(objective, Cost) else len(rows) / len(p.y)  # costs are sums
    assert found.overall * times == pytest.approx(brute.overall, rel=1e-9)


def test_a_thinned_world_that_is_stated_is_the_whole_one():
    """A closed form trained on one negative in four says the whole world's probabilities."""
    rng = np.random.default_rng(0)
    cells = np.stack(np.meshgrid(range(8), range(5)), axis=-1).reshape(-1, 2)  # kind, fold
    negatives, positives = 4 * rng.integers(5, 30, 40), rng.integers(1, 20, 40)
    kind, fold = np.repeat(np.tile(cells, (2, 1)), [*negatives, *positives], axis=0).T
    y = np.repeat([0, 1], [negatives.sum(), positives.sum()])
    kept = (y == 1) | (np.arange(len(y)) % 4 == 0)
    weights = {"none": ratio(1), "weighted": ratio(6)}
    whole = decide_all(saturated(kind, y, fold, weights), Cost(fn=7.7, fp=1), repairs=AS_SAID)
    thin = saturated(kind[kept], y[kept], fold[kept], weights)
    prior = np.bincount(thin.y) / len(thin.y)
    factor = Deployment(sampled_at=0.25).factor(prior)
    found = decide_all(thin, Cost(fn=7.7, fp=1), factor=factor, repairs=AS_SAID)
    assert found.probability == pytest.approx(whole.probability[:, kept], rel=1e-5)
    assert (found.decided == whole.decided[:, kept]).all()
    mean, mean_of_whole = (d.overall / d.cases.weight.sum() for d in (found, whole))
    assert mean == pytest.approx(mean_of_whole, rel=1e-9)


# other names for the same


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("seed", range(2))
def test_relabelled_classes_relabel_the_decisions(seed, order):
    order, p = list(order), noisy(seed, k=3)
    costs = np.array([[0, 1, 4], [2, 0, 1.5], [9, 5, 0]])
    renamed = relabelled(p, order, tuple("cab"))
    one = decide_all(p, CostMatrix(costs, p.classes))
    two = decide_all(renamed, CostMatrix(costs[np.ix_(order, order)], renamed.classes))
    assert one.calibrated.kinds == two.calibrated.kinds
    assert two.probability == pytest.approx(one.probability[..., order], rel=1e-6)
    assert (np.array(order)[two.decided] == one.decided).all()
    assert two.elsewhere == pytest.approx(one.elsewhere, rel=1e-9)


def assert_same_to_the_bit(one, two):
    for name in ("probability", "decided", "elsewhere", "overall"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


def test_costs_of_two_classes_are_the_same_as_a_matrix():
    p, costs = noisy(4), Cost(fn=7, fp=2, tp=-1, tn=0.5)
    one, two = (decide_all(p, o) for o in (costs, CostMatrix(costs.matrix, p.classes)))
    assert_same_to_the_bit(one, two)
    assert (one.thresholds == (2 - 0.5) / (2 - 0.5 + 7 + 1)).all()
    assert (one.thresholds == two.thresholds).all()


def test_the_same_amount_for_all_is_a_cost():
    p = noisy(5, amount=np.full(400, 7.0))
    one, two = decide_all(p, Cost(fn=7, fp=2)), decide_all(p, RowCost(fp=2))
    assert_same_to_the_bit(one, two)
    assert np.isnan(two.thresholds).all()  # each row has its own


def test_the_order_of_entries_does_not_matter():
    p = noisy(6, amount=np.arange(400.0))
    order = np.random.default_rng(0).permutation(400)
    for objective in (Cost(fn=7, fp=1), RowCost(fp=9), FBeta(1)):
        one, two = decide_all(p, objective), decide_all(of_rows(p, order), objective)
        assert two.probability == pytest.approx(one.probability[:, order], rel=1e-7)
        assert (two.decided == one.decided[:, order]).all()
        assert two.elsewhere == pytest.approx(one.elsewhere, rel=1e-9)


# no row takes part in the choice that judges it


def with_other_fold(p, f, seed):
    """The same record with all that fold f says, is and counts drawn anew."""
    rng, there = np.random.default_rng(seed), p.fold == f
    new = {name: getattr(p, name).copy() for name in ("y", "probability", "row_weight", "amount")}
    new["y"][there] = rng.integers(0, len(p.classes), there.sum())
    fresh = rng.dirichlet(np.ones(len(p.classes)), (*p.probability.shape[:2], there.sum()))
    new["probability"][:, :, there] = fresh
    new["row_weight"][there] = rng.integers(0, 3, there.sum())
    new["amount"][there] = rng.uniform(0, 50, there.sum())
    return replace(p, **new)


THREE = CostMatrix([[0, 1, 4], [2, 0, 1.5], [9, 5, 0]], tuple("abc"))
CLASSES = [(2, o) for o in OBJECTIVES] + [(3, THREE), (3, RocAuc())]


@pytest.mark.parametrize(("k", "objective"), CLASSES, ids=[*IDS, "matrix", "roc-auc"])
def test_nothing_in_a_fold_moves_what_is_chosen_for_it(k, objective):
    f, rng = 3, np.random.default_rng(0)
    p = noisy(f, k, row_weight=rng.integers(1, 3, 400), amount=rng.uniform(1, 9, 400))
    one, two = (decide_all(q, objective) for q in (p, with_other_fold(p, f, f)))
    assert not np.array_equal(one.elsewhere, two.elsewhere)  # it moves what others choose
    assert np.array_equal(one.elsewhere[:, f], two.elsewhere[:, f])
    for s in range(4):
        assert one.calibrated.kinds[s][f] == two.calibrated.kinds[s][f]
        before, after = (d.calibrated.maps[s][f].as_record() for d in (one, two))
        assert before == after
        if one.rules:
            assert one.rules[s][f].as_record() == two.rules[s][f].as_record()


# what there is beside the decisions


@pytest.mark.parametrize("factor", [None, np.array([0.5, 4])])
def test_new_rows_are_decided_by_what_all_folds_taught_each_setting_by_its_name(factor):
    p = noisy(7)
    found = decide_all(p, FBeta(1), factor=factor)
    names = ("ratio:4", "none")
    new = noisy(8, n=100)
    test = replace(
        new,
        settings=names,
        kinds=new.kinds[:2],
        probability=new.probability[:2],
        class_weight=new.class_weight[:2],
        outcome=new.outcome[:2],
        row_weight=np.full(100, 2.0),
    )
    applied = found.apply(test)
    for i, s in enumerate((3, 0)):
        said = found.calibrated.final[s](test.averaged()[i])
        said = deployed(said, np.ones(2) if factor is None else factor)
        assert np.array_equal(applied.probability[i], said)
        assert np.array_equal(applied.decided[i], said[:, 1] >= found.final_rules[s].threshold)
    assert (applied.cases.weight == 2 * (1 if factor is None else factor[test.y])).all()


def test_new_rows_of_a_ranking_are_ranked_and_not_decided():
    applied = decide_all(noisy(7), RocAuc()).apply(noisy(8))
    assert (applied.decided == 0).all()
    assert applied.probability.shape == (4, 400, 2)


def test_final_rules_are_chosen_on_all_folds():
    """Eight rows of two folds: flagged from between 0.3 and 0.7 nothing is wrong."""
    y = np.array([0, 0, 1, 1] * 2)
    p = record(y, np.arange(8) // 4, {"none": np.array([0.1, 0.3, 0.7, 0.9] * 2)})
    found = decide_all(p, FBeta(1), repairs=AS_SAID)
    assert found.final_rules == (Cutoff(found.final_rules[0].threshold),)
    assert found.final_rules[0].threshold == pytest.approx(0.5)
    assert found.thresholds == pytest.approx(np.array([[0.5, 0.5]]))


@pytest.mark.parametrize("factor", [None, np.array([0.5, 4])])
def test_a_seed_that_is_alone_says_what_the_average_says(factor):
    found = decide_all(noisy(9, n_seeds=1), FBeta(1), factor=factor)
    for s in range(4):
        of_fold = np.full(5, s)
        assert np.array_equal(found.of_lane(of_fold, 0), found.probability[s])
        assert np.array_equal(found.decide(of_fold, found.of_lane(of_fold, 0)), found.decided[s])


def test_each_fold_takes_the_setting_it_is_told():
    found = decide_all(noisy(9), FBeta(1))
    of_fold = np.array([3, 0, 2, 2, 1])
    fold = found.predictions.fold
    said = found.of_settings(of_fold)
    for f, s in enumerate(of_fold):
        there = fold == f
        assert np.array_equal(said[there], found.probability[s, there])
        assert np.array_equal(found.decide(of_fold, said)[there], found.decided[s, there])
        lane = found.of_lane(of_fold, 1)[there]
        assert np.array_equal(lane, found.of_lane(np.full(5, s), 1)[there])


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("left", [np.nan, np.inf, 0.0, 0.9])
def test_a_lane_that_diverged_says_that_all_classes_are_as_likely(left, k):
    p = noisy(10, k)
    probability, outcome = p.probability.copy(), p.outcome.copy()
    probability[1, 1, p.fold == 4] = left
    outcome[1, 1, 4] = "diverged"
    objective = Cost(fn=9, fp=1) if k == 2 else THREE
    found = decide_all(
        replace(p, probability=probability, outcome=outcome), objective, repairs=AS_SAID
    )
    lane, there = found.of_lane(np.full(5, 1), 1), p.fold == 4
    assert (lane[there] == 1 / k).all()
    assert np.array_equal(lane[~there], p.of_lane(1, 1)[~there])
    assert np.isfinite(found.probability).all()


# what settings come to

CASES = Cases(
    y=np.array([0, 0, 1, 1]),
    fold=np.array([0, 0, 1, 1]),
    weight=np.array([1.0, 2, 3, 4]),
    amount=np.array([7.0, 7, 10, 100]),
)
SAID = np.array([[[0.6, 0.4], [0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]])
DECIDED = np.array([[1, 0, 0, 1]])


@pytest.mark.parametrize(
    ("objective", "comes_to"),
    [
        (Cost(fn=5, fp=2), 1 * 2 + 3 * 5),
        (RowCost(fp=2), 1 * 2 + 3 * 10),
        (FBeta(1), -2 * 4 / (2 * 4 + 3 + 1)),
        (RecallAtPrecision(0.9), 1 - 4 / 5),  # precision is 4/5, below the floor
        (RecallAtPrecision(0.8), -4 / 7),
    ],
)
def test_what_decisions_come_to_can_be_checked_with_a_pencil(objective, comes_to):
    assert worth(objective, CASES, SAID, DECIDED) == pytest.approx([comes_to])


def test_what_a_setting_comes_to_depends_on_no_other_setting():
    """To the last bit: where two are as good, a rounding error would choose."""
    rng = np.random.default_rng(0)
    y, decided = rng.integers(0, 2, 1001), rng.integers(0, 2, (9, 1001))
    cases = Cases(y, np.zeros(1001, dtype=int), rng.random(1001), None)
    said = np.full((9, 1001, 2), 0.5)
    together = worth(Cost(fn=9.7, fp=0.3), cases, said, decided)
    alone = [worth(Cost(fn=9.7, fp=0.3), cases, said[:1], decided[[s]])[0] for s in range(9)]
    assert together.tolist() == alone


def test_a_ranking_comes_to_the_mean_of_the_folds_that_have_something_to_rank():
    fold = np.array([0, 0, 0, 0, 1, 1])
    y = np.array([0, 1, 0, 1, 1, 1])  # fold 1: positives only
    cases = Cases(y, fold, np.ones(6), None)
    p = np.array([0.2, 0.1, 0.3, 0.9, 0.5, 0.5])
    said = np.stack([1 - p, p], axis=1)
    found = ranked(RocAuc(), cases, said)
    assert found[0] == metrics.roc_auc_score(y[:4], p[:4]) == 0.5
    assert math.isnan(found[1])
    assert worth(RocAuc(), cases, said[None], np.zeros((1, 6))) == [-0.5]
    alone = cases.take(np.array([4, 5]))
    assert worth(RocAuc(), alone, said[None, 4:], np.zeros((1, 2))) == [0]


def test_rankings_have_no_operating_points():
    assert operating_points(AveragePrecision(), CASES, SAID) == ()
    found = decide_all(noisy(0), AveragePrecision())
    assert found.rules == found.final_rules == ()
    assert (found.decided == 0).all()


def test_what_is_no_objective_is_refused():
    with pytest.raises(TypeError, match="must be costs"):
        worth("cost", CASES, SAID, DECIDED)


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("constant", [False, True])
def test_sure_constant_and_tied_probabilities_decide_without_a_warning(k, constant):
    y = np.arange(200) % (10 * k) * (np.arange(200) % (10 * k) < k)  # few of all but class 0
    sure = np.zeros((2, 200, k))
    sure[:, :, 0] = 1
    if not constant:
        sure[0, ::7] = np.eye(k)[1]
    said = {"none": sure if k > 2 else sure[..., 1], "b": sure if k > 2 else sure[..., 1]}
    p = record(y, np.arange(200) % 5, said)
    objectives = [FBeta(1), Matthews(), Cost(fn=9, fp=1)] if k == 2 else []
    for objective in (*objectives, AveragePrecision()):
        found = decide_all(p, objective)
        assert np.isfinite(found.probability).all()
        assert np.isfinite(found.elsewhere).all()


def test_one_positive_in_all_is_decided_without_a_warning():
    y = (np.arange(60) == 7).astype(int)
    p = record(y, np.arange(60) % 5, {"none": np.linspace(0, 1, 60), "b": np.full(60, 0.5)})
    for objective in (FBeta(1), Matthews(), Alerts(100), RocAuc(), Cost(fn=59, fp=1, tuned=True)):
        found = decide_all(p, objective)
        assert np.isfinite(found.elsewhere).all()
        assert set(np.unique(found.decided)) <= {0, 1}
