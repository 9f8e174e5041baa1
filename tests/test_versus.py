"""Versus: what each setting gains on the twin, in cost, in ranking, and in calibration."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit
from sklearn import metrics

from outweigh._compare import HELP, NO_GAIN, judge
from outweigh._costs import Cost, CostMatrix, RowCost, by_default
from outweigh._counted import Alerts, BalancedAccuracy, FBeta, Matthews
from outweigh._decisions import decide_all
from outweigh._predictions import LOSS, REFERENCE, SAMPLING, WEIGHTS
from outweigh._rankings import AveragePrecision, RocAuc
from outweigh._repairs import NONE
from outweigh._versus import ALIKE, BETTER, WORSE, cost_gains, versus_twin
from tests.records import (
    COSTS,
    EVERYBODY,
    FOLD,
    TWO_MISSED,
    N,
    Y,
    noisy,
    of_rows,
    record,
    relabelled,
    repeated,
)

OBJECTIVES = (COSTS, RowCost(fp=2), FBeta(1), Matthews(), BalancedAccuracy(), Alerts(100))
OBJECTIVES += (AveragePrecision(), RocAuc())
CURRENCIES = ("cost", "ranking", "calibration")
KINDS = (WEIGHTS, LOSS, SAMPLING, REFERENCE)
name = lambda objective: objective.name


def versus(predictions, objective=COSTS, **how):
    """What each setting gains on the twin, by its name."""
    found = versus_twin(decide_all(predictions, objective, **how))
    return {of_setting.setting: of_setting for of_setting in found}


def unrepaired(predictions, objective=COSTS):
    return versus(predictions, objective, repairs=(NONE,))


def taken(p, places, kinds):
    """Some settings of a record, in some order, as settings of these kinds."""
    each = {name: getattr(p, name)[places] for name in ("class_weight", "probability", "outcome")}
    names = tuple(p.settings[s] for s in places)
    return replace(p, settings=names, kinds=tuple(kinds), **each)


def numbers(of_setting):
    """Everything that must stay the same when nothing that matters changes."""
    gains = [getattr(of_setting, currency) for currency in CURRENCIES]
    return [n for g in gains for n in (g.difference, *(g.interval or ()), *g.by_seed)]


def assert_same(one, other):
    assert list(one) == list(other)
    for setting in one:
        words = [[getattr(v[setting], c).says for c in CURRENCIES] for v in (one, other)]
        assert words[0] == words[1]
        assert numbers(other[setting]) == pytest.approx(numbers(one[setting]), rel=1e-6, abs=1e-9)


# what a gain is


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("weight", [None, np.random.default_rng(0).integers(0, 4, 400)])
def test_gains_are_those_of_scikit_learn_s_scores(k, weight):
    p = noisy(1, k, row_weight=weight)
    objective = COSTS if k == 2 else CostMatrix(1 - np.eye(3), p.classes)
    found = decide_all(p, objective)
    counts = np.ones(400) if weight is None else weight
    costs = [counts @ objective.row_loss(p.y, decided) for decided in found.decided]
    losses = [
        metrics.log_loss(p.y, said, sample_weight=counts, labels=range(k))
        for said in found.probability
    ]
    for s, of_setting in enumerate(versus_twin(found), start=1):
        assert of_setting.cost.difference == pytest.approx(100 * (1 - costs[s] / costs[0]))
        precision = [precision_of_folds(p, said, counts) for said in found.probability[[s, 0]]]
        assert of_setting.ranking.difference == pytest.approx(100 * np.subtract(*precision).mean())
        calibration = 100 * (1 - losses[s] / losses[0])
        assert of_setting.calibration.difference == pytest.approx(calibration)
        units = [getattr(of_setting, currency).unit for currency in CURRENCIES]
        assert units == ["percent", "points", "percent"]


def precision_of_folds(p, said, weight):
    """The mean over the classes, each against the rest, of scikit-learn's average precision."""
    folds, k = [p.fold == f for f in range(5)], len(p.classes)
    return np.array(
        [
            np.mean(
                [
                    metrics.average_precision_score(
                        p.y[f] == c, said[f, c], sample_weight=weight[f]
                    )
                    for c in ([1] if k == 2 else range(k))
                ]
            )
            for f in folds
        ]
    )


def test_the_ranking_s_interval_is_students_t_over_the_folds():
    p = noisy(2)
    found = decide_all(p, COSTS)
    of_setting = versus_twin(found)[0]
    each = [precision_of_folds(p, said, np.ones(400)) for said in found.probability[:2]]
    t = stats.ttest_rel(100 * each[1], 100 * each[0]).confidence_interval(0.95)
    assert of_setting.ranking.interval == pytest.approx(tuple(t))


def test_the_calibration_s_interval_is_that_of_a_ratio_with_twice_the_variance():
    """Sums of log losses l and t: each row's part in the error of l / t is (l − t · l̄ / t̄) / t̄."""
    p = noisy(2)
    found = decide_all(p, COSTS)
    of_class = np.maximum(found.probability[:2, np.arange(400), p.y], np.finfo(float).eps)
    twin, mine = -np.log(of_class)
    part = (mine - twin * mine.mean() / twin.mean()) / twin.mean()
    half = 100 * stats.t.ppf(0.975, 399) * np.sqrt(2) * stats.sem(part)
    centre = 100 * (1 - mine.mean() / twin.mean())
    interval = versus_twin(found)[0].calibration.interval
    assert interval == pytest.approx((centre - half, min(centre + half, 100)))


def below(gain):
    """How far an interval reaches down from its difference: upwards no more than all is saved."""
    return gain.difference - gain.interval[0]


@pytest.mark.parametrize("objective", [COSTS, FBeta(1), RocAuc()], ids=name)
def test_the_variance_of_a_reference_is_doubled_for_it_is_another_kind_of_model(objective):
    p = noisy(2, n_settings=2)
    of_loss, of_reference = (
        versus(replace(p, kinds=(WEIGHTS, kind)), objective)["ratio:2"]
        for kind in (LOSS, REFERENCE)
    )
    ranks = isinstance(objective, RocAuc)
    for currency, times in (("cost", 2 if ranks else 2 / 1.5), ("ranking", 2), ("calibration", 1)):
        one, two = (getattr(v, currency) for v in (of_loss, of_reference))
        assert (two.difference, two.by_seed) == (one.difference, one.by_seed)
        assert below(two) == pytest.approx(np.sqrt(times) * below(one))


@pytest.mark.parametrize("objective", OBJECTIVES, ids=name)
def test_a_lone_class_weight_gains_what_the_verdict_says(objective):
    """Its interval is wider: half of the variance is added for what is chosen on other folds."""
    p = noisy(3, n_settings=2, amount=np.arange(400) % 13 + 1.0)
    found = decide_all(p, objective)
    [of_setting], verdict = versus_twin(found), judge(found)
    gain = of_setting.cost
    assert (gain.difference, gain.unit, gain.by_seed) == (
        verdict.difference,
        verdict.unit,
        verdict.by_seed,
    )
    wider = 1 if isinstance(objective, AveragePrecision | RocAuc) else np.sqrt(1.5)
    assert below(gain) == pytest.approx(wider * (verdict.difference - verdict.interval[0]))
    most = 100 if gain.unit == "percent" else np.inf
    assert gain.interval[1] == pytest.approx(min(most, gain.difference + below(gain)))


def test_an_objective_that_ranks_is_its_own_currency():
    of_setting = versus(noisy(4), AveragePrecision())["ratio:2"]
    assert of_setting.cost == of_setting.ranking
    assert of_setting.cost.unit == "points"


def test_costs_alone_are_the_same_costs():
    found = decide_all(noisy(5), FBeta(1))
    every = versus_twin(found)
    assert cost_gains(found, [3, 1]) == (every[2].cost, every[0].cost)
    assert cost_gains(found, []) == ()


def test_each_setting_comes_by_its_name_and_kind_and_the_twin_does_not():
    p = noisy(6, n_settings=5)
    p = taken(p, [1, 0, 2, 3, 4], (WEIGHTS, *KINDS))
    found = versus_twin(decide_all(p, COSTS))
    assert [of_setting.setting for of_setting in found] == ["ratio:2", *p.settings[2:]]
    assert [of_setting.kind for of_setting in found] == [WEIGHTS, *KINDS[1:]]


def test_a_twin_alone_is_compared_with_nothing():
    assert versus_twin(decide_all(record(Y, FOLD, {"none": EVERYBODY}), COSTS)) == ()


# what it says


def test_a_setting_that_is_clearly_better_is_and_the_twin_beside_it_is_worse():
    """Costs of 180 against 18 in each fold; two sure misses are dear in log loss."""
    better = unrepaired(record(Y, FOLD, {"none": EVERYBODY, "a": TWO_MISSED}))["a"]
    assert (better.cost.says, better.cost.difference) == (BETTER, pytest.approx(90))
    assert (better.ranking.says, better.calibration.says) == (BETTER, ALIKE)
    worse = unrepaired(record(Y, FOLD, {"none": TWO_MISSED, "a": EVERYBODY}))["a"]
    assert (worse.cost.says, worse.cost.difference) == (WORSE, pytest.approx(-900))
    assert worse.ranking.difference == pytest.approx(-better.ranking.difference)


def test_a_setting_may_win_in_one_currency_and_lose_in_another():
    """It tells the positives from the others, and exaggerates: costs and log loss are worse."""
    apart = np.where(Y == 1, 0.9, 0.8)
    found = unrepaired(record(Y, FOLD, {"none": np.full(N, 0.1 - 1e-6), "a": apart}))["a"]
    assert [getattr(found, currency).says for currency in CURRENCIES] == [ALIKE, BETTER, WORSE]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=name)
def test_a_setting_that_is_the_twin_gains_nothing(objective):
    p = np.random.default_rng(0).beta(1, 5, (2, N // 4))
    amount = np.arange(N // 4) % 7 + 1.0
    of_two = record(Y[::4], FOLD[::4], {"none": p, "a": p}, amount=amount, kinds=(WEIGHTS, LOSS))
    found = versus(of_two, objective)["a"]
    for currency in CURRENCIES:
        gain = getattr(found, currency)
        assert (gain.difference, gain.by_seed, gain.says) == (0, (0, 0), ALIKE)
        assert gain.interval[0] <= 0 <= gain.interval[1]
    assert found.calibration.interval == (0, 0)  # nothing else could have been seen


def test_a_copy_that_is_only_too_sure_is_no_worse_once_it_is_repaired():
    rng = np.random.default_rng(0)
    score = rng.normal(size=4000) - 2.5
    y = (rng.random(4000) < expit(score)).astype(int)
    said = {"none": expit(score), "a": expit(2 * score)}
    p = record(y, np.arange(4000) % 5, said)
    assert unrepaired(p)["a"].calibration.says == WORSE
    repaired = versus(p)["a"]
    assert repaired.calibration.says == ALIKE
    assert abs(repaired.calibration.difference) < 0.5
    assert repaired.ranking.difference == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("positives", "says"), [(19, ALIKE), (20, BETTER)])
def test_below_20_positives_nothing_is_claimed(positives, says):
    y = np.zeros(N, dtype=int)
    y[np.arange(positives) * 50 % N + np.arange(positives) // 20] = 1
    rng = np.random.default_rng(0)
    said = {"none": np.full(N, 0.11), "a": np.where(y == 1, 0.9, 0.01 * rng.random(N))}
    found = unrepaired(record(y, FOLD, said))["a"]
    assert [getattr(found, currency).says for currency in CURRENCIES] == [says] * 3


def test_the_seeds_must_agree_and_a_lone_one_does():
    twin = [EVERYBODY] * 2
    idle = unrepaired(record(Y, FOLD, {"none": twin, "a": [TWO_MISSED, EVERYBODY]}))["a"]
    assert idle.cost.by_seed == pytest.approx((90, 0))
    assert (idle.cost.says, idle.ranking.says) == (ALIKE, ALIKE)
    lone = unrepaired(record(Y, FOLD, {"none": EVERYBODY, "a": TWO_MISSED}))["a"]
    assert (lone.cost.by_seed, lone.cost.says) == (pytest.approx((90,)), BETTER)


def test_where_nothing_can_be_compared_nothing_is_said():
    """A twin without fault costs nothing, and says all: there is no part of nothing to save."""
    sure = Y.astype(float)
    found = unrepaired(record(Y, FOLD, {"none": sure, "a": EVERYBODY}))["a"]
    assert (found.cost.difference, found.cost.interval, found.cost.says) == (None, None, ALIKE)
    assert found.cost.by_seed == found.calibration.by_seed == ()
    assert (found.calibration.difference, found.calibration.says) == (None, ALIKE)
    assert found.ranking.says == WORSE


def test_probabilities_of_0_and_1_cost_much_and_not_all():
    """A forest's, of too few rows to repair: three of them surely wrong."""
    y = np.tile([1, 0, 0, 0, 0], 8)
    sure = np.where(np.arange(40) < 3, 1 - y, y)
    p = record(y, np.arange(40) // 8, {"none": np.full(40, 0.2), "a": sure})
    found = versus(p)["a"].calibration
    wrong = -3 * np.log(np.finfo(float).eps)
    honest = -8 * np.log(np.float32(0.2)) - 32 * np.log(1 - np.float32(0.2))
    assert found.difference == pytest.approx(100 * (1 - wrong / honest), rel=1e-6)
    assert np.isfinite(numbers(versus(p)["a"])).all()


@pytest.mark.parametrize("left", [np.nan, np.inf, 0.9])
def test_a_lane_that_diverged_takes_no_part(left):
    said = {"none": [EVERYBODY] * 2, "a": [TWO_MISSED, np.full(N, left)]}
    outcome = np.full((2, 2, 5), "finished")
    outcome[1, 1] = "diverged"
    found = unrepaired(record(Y, FOLD, said, outcome=outcome))["a"]
    assert found.cost.difference == pytest.approx(90)
    assert np.isfinite(numbers(found)).all()


# nothing but a setting and the twin matters


@settings(deadline=None, max_examples=8)
@given(
    st.integers(0, 999),
    st.sampled_from([2, 3]),
    st.permutations(range(1, 7)),
    st.sampled_from([COSTS, FBeta(1), AveragePrecision()]),
)
def test_the_verdict_is_the_same_to_the_bit_whatever_else_was_tried(seed, k, order, objective):
    p = noisy(seed, k, n_settings=7)
    if k == 3:
        objective = CostMatrix(1 - np.eye(3), p.classes)
    alone = judge(decide_all(taken(p, [0, 1, 2], [WEIGHTS] * 3), objective))
    places = [0, *sorted(order[:2]), *order[2:]]
    kinds = [WEIGHTS if s < 3 else KINDS[1 + s % 3] for s in range(7)]
    places = [0, *order]
    first, second = places.index(1), places.index(2)
    if first > second:  # settings that are as good are taken as they come
        places[first], places[second] = 2, 1
    among = judge(decide_all(taken(p, places, [kinds[s] for s in places]), objective))
    assert dataclasses.asdict(alone) == dataclasses.asdict(among)


@settings(deadline=None, max_examples=4)
@given(st.integers(0, 999), st.permutations(range(1, 7)))
def test_a_gain_is_the_same_to_the_bit_whatever_else_was_tried(seed, order):
    p = noisy(seed, n_settings=7)
    alone = versus(taken(p, [0, 1], [WEIGHTS, SAMPLING]))["ratio:2"]
    assert versus(taken(p, [0, *order], [WEIGHTS] + [SAMPLING] * 6))["ratio:2"] == alone


def test_remedies_alone_leave_the_verdict_nothing_to_compare():
    p = record(Y, FOLD, {"none": EVERYBODY, "a": TWO_MISSED}, kinds=(WEIGHTS, LOSS))
    found = decide_all(p, COSTS, repairs=(NONE,))
    verdict = judge(found)
    assert "No class weights were tried" in verdict.text
    assert (verdict.code, verdict.chosen, verdict.best) == (NO_GAIN, "none", "none")
    assert versus_twin(found)[0].cost.says == BETTER


def test_a_remedy_that_is_better_than_all_is_never_the_verdict_s_choice():
    said = {"none": EVERYBODY, "a": Y * 0.9, "balanced": TWO_MISSED}
    p = record(Y, FOLD, said, kinds=(WEIGHTS, SAMPLING, WEIGHTS))
    verdict = judge(decide_all(p, COSTS, repairs=(NONE,)))
    assert (verdict.code, verdict.chosen, verdict.best) == (HELP, "balanced", "balanced")
    assert {of_fold.setting for of_fold in verdict.by_fold} == {"balanced"}


# what does not matter


@pytest.mark.parametrize("factor", [1e-3, 1e6])
def test_the_currency_does_not_matter(factor):
    p = noisy(7)
    assert_same(versus(p), versus(p, Cost(fn=9 * factor, fp=factor)))


@pytest.mark.parametrize("objective", [COSTS, FBeta(1), RocAuc()], ids=name)
def test_the_order_of_entries_does_not_matter(objective):
    p = noisy(8)
    shuffled = of_rows(p, np.random.default_rng(0).permutation(400))
    assert_same(versus(p, objective), versus(shuffled, objective))


@pytest.mark.parametrize("order", [(1, 0), (1, 2, 0), (4, 2, 0, 1, 3)])
def test_the_order_of_classes_does_not_matter(order):
    order = list(order)
    p = noisy(9, k=len(order))
    matrix = by_default(np.bincount(p.y), p.classes).matrix
    renamed = relabelled(p, order, tuple("vwxyz")[: len(order)])
    one = versus(p, CostMatrix(matrix, p.classes))
    two = versus(renamed, CostMatrix(matrix[np.ix_(order, order)], renamed.classes))
    if len(order) == 2:  # average precision is that of the second class
        one, two = (
            {s: replace(v, ranking=v.cost) for s, v in found.items()} for found in (one, two)
        )
    assert_same(one, two)


@pytest.mark.parametrize("objective", [COSTS, FBeta(1)], ids=name)
def test_row_weight_2_is_the_row_twice_and_0_the_row_absent(objective):
    weight = np.random.default_rng(0).integers(0, 4, 400)
    rows = np.repeat(np.arange(400), weight)
    p = noisy(10)
    one, two = (versus(q, objective) for q in (replace(p, row_weight=weight), of_rows(p, rows)))
    for setting in one:
        for currency in CURRENCIES:
            gains = [getattr(found[setting], currency) for found in (one, two)]
            for part in ("difference", "by_seed"):
                first, second = (getattr(gain, part) for gain in gains)
                assert second == pytest.approx(first, rel=1e-6, abs=1e-9)
        bounds = [found[setting].calibration.interval for found in (one, two)]
        assert bounds[1] == pytest.approx(bounds[0], rel=1e-6)


def test_copies_that_are_one_draw_tell_no_more_than_the_row():
    p = noisy(11)
    twice = of_rows(p, np.tile(np.arange(400), 2))
    each = replace(twice, unit=np.arange(800))
    once, together, apart = (unrepaired(q)["ratio:2"].calibration for q in (p, twice, each))
    width = lambda gain: np.ptp(gain.interval)
    assert width(together) == pytest.approx(width(once), rel=1e-6)
    assert width(apart) < 0.75 * width(once)


@pytest.mark.parametrize("objective", [COSTS, RocAuc()], ids=name)
def test_the_same_split_twice_gains_what_it_gains_once(objective):
    once = noisy(12)
    twice = replace(repeated(once, 2), fold=np.concatenate([once.fold, once.fold + 5]))
    assert_same(versus(once, objective), versus(twice, objective))
