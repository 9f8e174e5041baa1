"""The verdict: chosen on other folds, paired with the twin, and said only when it is clear."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from outweigh._compare import HELP, HURT, NO_GAIN, TOO_FEW, judge
from outweigh._costs import Cost, CostMatrix, RowCost
from outweigh._counted import (
    Alerts,
    BalancedAccuracy,
    FBeta,
    Matthews,
    PrecisionAtRecall,
    RecallAtPrecision,
)
from outweigh._decisions import decide_all
from outweigh._rankings import AveragePrecision, RocAuc
from outweigh._repairs import NONE
from tests.records import (
    COSTS,
    EVERYBODY,
    FOLD,
    TWO_MISSED,
    N,
    Y,
    around,
    kinds,
    noisy,
    record,
    repeated,
    saturated,
    weighed,
)

NO_INTERVAL = lambda paired: None
COUNTED = (FBeta(1), FBeta(2), BalancedAccuracy(), Matthews(), Alerts(100), RecallAtPrecision(0.5))
OBJECTIVES = (COSTS, RowCost(fp=1), *COUNTED, AveragePrecision(), RocAuc())
name = lambda objective: objective.name


# what is said


def test_weights_help_where_they_clearly_do():
    verdict = weighed(record(Y, FOLD, {"none": EVERYBODY, "balanced": TWO_MISSED}))
    assert (verdict.code, verdict.chosen, verdict.best) == (HELP, "balanced", "balanced")
    assert verdict.difference == pytest.approx(100 * (180 - 18) / 180)
    assert verdict.interval[0] < 90 < verdict.interval[1]
    assert (verdict.unit, verdict.basis) == ("percent", "cross-fitted")
    assert [(r.weighted, r.twin) for r in verdict.by_fold] == [(18 / 200, 180 / 200)] * 5
    assert verdict.text.startswith("Class weights lower your cost by 90.0 %")
    assert verdict.more_positives is None


def test_weights_hurt_where_they_clearly_do():
    verdict = weighed(record(Y, FOLD, {"none": TWO_MISSED, "balanced": EVERYBODY}))
    assert (verdict.code, verdict.chosen, verdict.best) == (HURT, "none", "balanced")
    assert verdict.difference == pytest.approx(100 * (18 - 180) / 18)
    assert verdict.text.startswith("Class weights raise your cost by 900.0 %")


def test_swapping_who_is_better_turns_the_sign():
    good = np.where(np.arange(N) % 200 < 50, 0.3, 0.2 + Y / 2)  # 5 of 20 among 45 others, 15 alone
    bad = np.where(np.arange(N) % 200 < 100, 0.3, 0.2 + Y / 2)
    for objective in (FBeta(1), Matthews(), AveragePrecision(), RocAuc()):
        one = weighed(record(Y, FOLD, {"none": bad, "a": good}), objective)
        two = weighed(record(Y, FOLD, {"none": good, "a": bad}), objective)
        assert one.difference > 1
        assert one.difference == pytest.approx(-two.difference)
        assert (one.code, two.code) == (HELP, HURT)
        assert f"raise {objective.title} by {one.difference:.1f} points" in one.text
        assert f"lower {objective.title} by {one.difference:.1f} points" in two.text


@pytest.mark.parametrize("objective", OBJECTIVES, ids=name)
def test_identical_settings_differ_by_nothing(objective):
    y, p = Y[::4], np.random.default_rng(0).beta(1, 5, (2, N // 4))  # 5 positives in each fold
    said = {"none": p, "balanced": p, "ratio:50": p}
    amount = np.arange(N // 4) % 7 + 1.0
    verdict = judge(decide_all(record(y, FOLD[::4], said, amount=amount), objective))
    assert (verdict.code, verdict.chosen, verdict.difference) == (NO_GAIN, "none", 0)
    assert verdict.interval[0] <= 0 <= verdict.interval[1]
    assert verdict.by_seed == (0, 0)
    assert all(r.weighted == r.twin for r in verdict.by_fold)
    assert verdict.more_positives is None


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 99), st.floats(1.5, 60), st.floats(1.5, 60))
def test_weights_of_networks_that_can_say_everything_gain_nothing(seed, r, fn):
    weights = {"none": np.ones(2), "a": np.array([1, r]), "b": np.array([2, 3 * r])}
    p = saturated(*kinds(seed), weights)
    assume((np.abs(p.averaged()[0, :, 1] - 1 / (1 + fn)) > 1e-6).all())  # no ties
    verdict = judge(decide_all(p, Cost(fn=fn, fp=1), repairs=(NONE,)))
    assert (verdict.code, verdict.difference, verdict.by_seed) == (NO_GAIN, 0, (0,))


# both the rows and the seeds must say so

SEEDS_AGREE = {"none": [EVERYBODY] * 2, "balanced": [TWO_MISSED] * 2}
SEEDS_DISAGREE = {"none": [EVERYBODY] * 2, "balanced": [TWO_MISSED, EVERYBODY]}


@pytest.mark.parametrize(
    ("said", "interval", "code"),
    [
        (SEEDS_AGREE, (0.1, 180.0), HELP),
        (SEEDS_AGREE, (0.0, 180.0), NO_GAIN),
        (SEEDS_AGREE, (-1.0, 180.0), NO_GAIN),
        (SEEDS_DISAGREE, (80.0, 100.0), NO_GAIN),  # 45 ± 2 × 45
        (SEEDS_AGREE, (-3.0, -1.0), NO_GAIN),  # the seeds say the opposite
    ],
)
def test_weights_help_only_where_rows_and_seeds_say_so(said, interval, code):
    verdict = weighed(record(Y, FOLD, said), method=around(*interval))
    assert verdict.code == code
    assert verdict.chosen == ("balanced" if code == HELP else "none")
    assert verdict.interval == (interval[0], min(interval[1], 100))  # no more can be saved than all


@pytest.mark.parametrize(
    ("idle", "interval", "code"),
    [
        (EVERYBODY, (-999.0, -0.1), HURT),
        (EVERYBODY, (-999.0, 0.0), NO_GAIN),
        (TWO_MISSED, (-999.0, -0.1), NO_GAIN),
    ],
)
def test_weights_hurt_only_where_rows_and_seeds_say_so(idle, interval, code):
    said = {"none": [TWO_MISSED] * 2, "balanced": [EVERYBODY, idle]}
    assert weighed(record(Y, FOLD, said), method=around(*interval)).code == code


def test_the_seeds_are_judged_one_by_one():
    """The average of a sharp seed and an idle one is sharp; alone the idle one saves nothing."""
    verdict = weighed(record(Y, FOLD, SEEDS_DISAGREE))
    assert verdict.difference == pytest.approx(90)
    assert verdict.by_seed == pytest.approx((90, 0))
    assert verdict.seed_mean == pytest.approx(45)
    assert verdict.seed_standard_error == pytest.approx(stats.sem([90, 0]))  # 45: two are 90


def test_one_seed_has_no_standard_error_and_the_rows_decide():
    verdict = weighed(record(Y, FOLD, {"none": EVERYBODY, "balanced": TWO_MISSED}))
    assert verdict.seed_mean == pytest.approx(90)
    assert verdict.seed_standard_error is None
    assert verdict.code == HELP


@pytest.mark.parametrize("left", [np.nan, np.inf, 0.9])
def test_a_lane_that_diverged_takes_no_part(left):
    """Its seed alone flags everybody, which costs 180 as well; the other seed speaks for both."""
    said = {"none": [EVERYBODY] * 2, "balanced": [TWO_MISSED, np.full(N, left)]}
    outcome = np.full((2, 2, 5), "finished")
    outcome[1, 1] = "diverged"
    verdict = weighed(record(Y, FOLD, said, outcome=outcome))
    assert verdict.difference == pytest.approx(90)
    assert verdict.by_seed == pytest.approx((90, 0))


@pytest.mark.parametrize(("positives", "code"), [(19, TOO_FEW), (20, HELP)])
def test_below_20_positives_nothing_is_claimed(positives, code):
    y = np.zeros(N, dtype=int)
    y[np.arange(positives) * 50 % N + np.arange(positives) // 20] = 1
    said = {"none": EVERYBODY, "balanced": y * 0.9}
    verdict = weighed(record(y, FOLD, said), method=around(80, 100))
    assert verdict.code == code
    assert verdict.chosen == ("balanced" if code == HELP else "none")
    assert code == HELP or "19 where at least 20" in verdict.text


def test_of_three_classes_20_rows_outside_the_most_frequent_one_are_enough():
    y = np.zeros(N, dtype=int)
    y[np.arange(19) * 50 % N] = 1 + np.arange(19) % 2
    costs = CostMatrix(1 - np.eye(3), tuple("abc"))
    for code in (TOO_FEW, HELP):
        said = {"none": np.full((1, N, 3), 1 / 3), "balanced": np.eye(3)[y][None]}
        verdict = weighed(record(y, FOLD, said), costs, method=around(80, 100))
        assert verdict.code == code
        y[N - 1] = 2


def test_a_row_counts_once_towards_the_fewest_however_often_the_split_is_repeated():
    y = np.zeros(N, dtype=int)
    y[np.arange(19) * 50] = 1
    said = {"none": EVERYBODY, "balanced": y * 0.9}
    assert weighed(repeated(record(y, FOLD, said), 3)).code == TOO_FEW


@pytest.mark.parametrize(
    ("objective", "unit"), [(COSTS, "percent"), (FBeta(1), "points"), (RocAuc(), "points")]
)
def test_a_twin_alone_is_compared_with_nothing(objective, unit):
    verdict = weighed(record(Y, FOLD, {"none": EVERYBODY}), objective)
    assert (verdict.code, verdict.chosen, verdict.difference) == (NO_GAIN, "none", None)
    assert (verdict.interval, verdict.more_positives, verdict.unit) == (None, None, unit)
    assert verdict.by_fold == verdict.by_seed == ()
    assert verdict.seed_mean is verdict.seed_standard_error is None


def test_a_perfect_twin_leaves_nothing_to_save():
    verdict = weighed(record(Y, FOLD, {"none": Y.astype(float), "balanced": EVERYBODY}))
    assert (verdict.code, verdict.difference, verdict.interval) == (NO_GAIN, None, None)
    assert verdict.by_seed == ()


# a floor is no price for a score


@pytest.mark.parametrize(
    ("seed", "objective", "told"),
    [
        (
            1,
            RecallAtPrecision(0.3),
            "they miss the floor of 30 % precision by more than no weights",
        ),
        (26, PrecisionAtRecall(0.5), "they miss the floor of 50 % recall by more than no weights"),
        (21, RecallAtPrecision(0.5), "no weights miss the floor of 50 % precision by more."),
    ],
)
def test_what_is_bought_by_missing_a_floor_is_no_gain(seed, objective, told):
    """Neither way: more recall at less precision than asked, and than the twin has, counts not."""
    decisions = decide_all(noisy(seed, n_seeds=1), objective)
    sure = judge(decisions, method=around(-0.01, 0.01))
    assert not sure.interval[0] < 0 < sure.interval[1]
    assert (sure.code, sure.chosen) == (NO_GAIN, "none")
    assert sure.text.startswith("No gain from class weights that counts: ")
    assert told in sure.text


@pytest.mark.parametrize("objective", COUNTED, ids=name)
def test_weights_that_help_keep_what_was_asked_no_worse(objective):
    said = set()
    for seed in range(20):
        decisions = decide_all(noisy(seed, n_seeds=1), objective)
        verdict = judge(decisions, method=around(-0.01, 0.01))
        said.add(verdict.code)
        if verdict.code == HELP:
            best = decisions.predictions.settings.index(verdict.chosen)
            assert decisions.overall[best] < decisions.overall[0]
    assert HELP in said


def test_a_budget_compares_as_many_alerts():
    """Where a threshold that other folds chose would flag more, more are found by that alone."""
    for seed in range(10):
        decisions = decide_all(noisy(seed), Alerts(50), repairs=(NONE,))
        flagged = decisions.decided.mean(axis=1)
        assert (flagged <= 0.05).all()
        assert (flagged >= 0.05 - 1 / 400).all()  # no two probabilities are equal
        assert (decisions.overall <= 0).all()


# how many more positives would settle it


def test_how_many_more_positives_would_settle_it_can_be_checked_with_a_pencil():
    """90 percent within ± 180, 100 positives: ((1.43 × 180 / 90)² − 1) × 100 = 718, two digits."""
    p = record(Y, FOLD, SEEDS_AGREE)
    verdict = weighed(p, method=around(-90, 270))
    assert verdict.more_positives == 720
    assert "If it is real, about 720 more positives would probably settle it." in verdict.text


@pytest.mark.parametrize(
    ("half", "more"),
    [
        (90 / 1.43 - 0.01, None),  # it would be settled in four studies of five as it is
        (90 / 1.43 + 0.01, 1),
        (90 / 1.43 * 9.99, 9900),
        (90 / 1.43 * 10.01, None),  # a hundred times as many: nobody would wait
    ],
)
def test_what_is_settled_or_too_far_is_not_told(half, more):
    """The rows may say what they will: the seeds leave it open."""
    p = record(Y, FOLD, SEEDS_DISAGREE)
    assert weighed(p, method=around(90 - half, 90 + half)).more_positives == more


def test_of_a_verdict_no_more_are_needed():
    p = record(Y, FOLD, SEEDS_AGREE)
    assert weighed(p, method=around(1, 179)).more_positives is None


# no row takes part in the choice that judges it


def test_each_fold_s_setting_is_the_cheapest_on_the_others():
    """``a`` is right in folds 0 and 1 alone, ``b`` in the rest alone: 2 against 3."""
    right_in_0_and_1 = np.where(FOLD < 2, Y, 0).astype(float)
    right_in_the_rest = np.where(FOLD < 2, 0, Y).astype(float)
    said = {"none": EVERYBODY, "a": right_in_0_and_1, "b": right_in_the_rest}
    verdict = weighed(record(Y, FOLD, said))
    assert [r.setting for r in verdict.by_fold] == ["b", "b", "a", "a", "a"]
    assert verdict.best == "b"
    assert [r.weighted for r in verdict.by_fold] == [0.9] * 5  # each time the wrong one


@settings(deadline=None, max_examples=30)
@given(st.integers(0), st.integers(0), st.integers(0, 4), st.sampled_from([9.0, 9.7, 96.92]))
def test_predictions_inside_a_fold_never_move_its_own_choice(seed, other, fold, fn):
    """Two settings are tied on the other folds, where even a rounding error would choose."""
    rng, rng_other = np.random.default_rng(seed), np.random.default_rng(other)
    n = 60
    y, folds = np.arange(n) // 5 % 3 // 2, np.arange(n) % 5
    said = {name: rng.random(n).round() for name in ("none", "a", "b", "c")}
    said["c"] = np.where(folds == fold, said["c"], said["b"])
    changed = {
        name: np.where(folds == fold, rng_other.random(n).round(), p) for name, p in said.items()
    }
    for objective in (Cost(fn=fn, fp=1), FBeta(fn)):
        records = (record(y, folds, s) for s in (said, changed))
        verdicts = (weighed(p, objective, method=NO_INTERVAL) for p in records)
        before, after = (verdict.by_fold[fold] for verdict in verdicts)
        assert after.setting == before.setting
