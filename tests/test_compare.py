"""The verdict: chosen on other folds, paired with the twin, and said only when it is clear."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from outweigh._compare import HELP, HURT, NO_GAIN, TOO_FEW, judge, paired_difference
from outweigh._operating import Cost, default_costs
from outweigh._predictions import Predictions

COSTS = Cost(fn=9, fp=1).matrix  # flagged from 0.1


def record(y, fold, said, *, class_weight=None, **changes) -> Predictions:
    """Predictions of settings whose seeds say p (R, N), or the same p (N,); or (R, N, K)."""
    k = int(max(y)) + 1
    said = {name: np.atleast_2d(p) if k == 2 else np.asarray(p) for name, p in said.items()}
    p = np.stack([np.stack([1 - v, v], axis=-1) if k == 2 else v for v in said.values()])
    n_settings, n_seeds, f = *p.shape[:2], int(max(fold)) + 1
    fields = {
        "row": np.arange(len(y)),
        "fold": fold,
        "y": y,
        "classes": tuple("abc"[:k]),
        "settings": tuple(said),
        "seeds": tuple(range(n_seeds)),
        "class_weight": np.ones((n_settings, f, k)) if class_weight is None else class_weight,
        "prior": np.tile(np.bincount(y) / len(y), (f, 1)),
        "probability": p,
        "outcome": np.full((n_settings, n_seeds, f), "finished"),
        "n_training": len(y),
    }
    return Predictions(**(fields | changes))


N = 1000
FOLD = np.arange(N) // 200
Y = (np.arange(N) % 10 == 0).astype(int)  # 20 positives in each fold
EVERYBODY = np.full(N, 0.11)  # flagged: costs 180 in each fold
TWO_MISSED = np.where(np.arange(N) % 200 < 20, 0.0, Y)  # costs 2 × 9 in each fold


def noisy(seed=0, k=2, n_settings=4, n_seeds=3, n=600) -> Predictions:
    """A world where the settings differ by chance, some in each fold."""
    rng = np.random.default_rng(seed)
    y = rng.choice(k, n, p=[1 - 0.15 * (k - 1), *[0.15] * (k - 1)])
    shape = (n_settings, n_seeds, n)
    logits = rng.normal(size=(*shape, k)) + 2 * np.eye(k)[y] + np.eye(k)[0]
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    names = ["none", *(f"ratio:{i}" for i in range(2, n_settings + 1))]
    weight = rng.lognormal(sigma=0.3, size=(n_settings, 5, k))
    said = dict(zip(names, p[..., 1] if k == 2 else p, strict=True))
    return record(y, rng.permutation(np.arange(n) % 5), said, class_weight=weight)


def facts(verdict):
    """What must stay the same, names first and then numbers."""
    words = (verdict.code, verdict.chosen, verdict.best, [r.setting for r in verdict.by_fold])
    return words, np.array([verdict.difference, *verdict.interval, *verdict.by_seed])


def assert_same(verdict, other):
    words, numbers = facts(verdict)
    other_words, other_numbers = facts(other)
    assert other_words == words
    assert other_numbers == pytest.approx(numbers, rel=1e-9)


# the interval


@given(st.lists(st.tuples(st.floats(1, 1000), st.floats(1, 1000)), min_size=2, max_size=10))
def test_the_interval_is_scipys_t_over_the_folds(pairs):
    weighted, twin = np.array(pairs).T
    difference, interval = paired_difference(weighted, twin)
    assert difference == pytest.approx(100 * (1 - weighted.sum() / twin.sum()), abs=1e-9)
    saved = 100 * (twin - weighted) / twin.mean()
    if np.ptp(saved) > 1e-6:  # else scipy warns that nothing varies
        want = stats.ttest_1samp(saved, 0).confidence_interval(0.95)
        assert interval == pytest.approx((want.low, want.high))


@settings(deadline=None)
@given(st.integers(0, 999))
def test_the_verdict_s_interval_is_that_of_its_folds(seed):
    predictions = noisy(seed, n=300)
    verdict = judge(predictions, COSTS)
    rows = np.bincount(predictions.fold)
    weighted, twin = np.array([(r.cost, r.cost_twin) for r in verdict.by_fold]).T * rows
    difference, interval = paired_difference(weighted, twin)
    assert (verdict.difference, *verdict.interval) == pytest.approx((difference, *interval))


def test_one_fold_has_no_interval_and_a_twin_that_costs_nothing_no_difference():
    assert paired_difference(np.array([3.0]), np.array([4.0])) == (25, None)
    assert paired_difference(np.array([3.0, 1]), np.zeros(2)) == (None, None)


# what is said


def test_weights_help_where_they_clearly_do():
    verdict = judge(record(Y, FOLD, {"none": EVERYBODY, "balanced": TWO_MISSED}), COSTS)
    assert (verdict.code, verdict.chosen, verdict.best) == (HELP, "balanced", "balanced")
    assert verdict.difference == pytest.approx(100 * (180 - 18) / 180)
    assert verdict.interval == pytest.approx((90, 90))  # the folds agree
    assert verdict.basis == "cross-fitted"
    assert [(r.cost, r.cost_twin) for r in verdict.by_fold] == [(18 / 200, 180 / 200)] * 5
    assert "90.0 %" in verdict.text


def test_weights_hurt_where_they_clearly_do():
    verdict = judge(record(Y, FOLD, {"none": TWO_MISSED, "balanced": EVERYBODY}), COSTS)
    assert (verdict.code, verdict.chosen, verdict.best) == (HURT, "none", "balanced")
    assert verdict.difference == pytest.approx(100 * (18 - 180) / 18)
    assert "900.0 %" in verdict.text


def test_identical_predictions_are_no_gain():
    p = np.random.default_rng(0).beta(1, 5, (3, N))
    verdict = judge(record(Y, FOLD, {"none": p, "balanced": p, "ratio:50": p}), COSTS)
    assert (verdict.code, verdict.chosen, verdict.difference) == (NO_GAIN, "none", 0)
    assert verdict.interval == (0, 0)
    assert verdict.by_seed == (0, 0, 0)
    assert all(r.cost == r.cost_twin for r in verdict.by_fold)


def test_what_is_undone_to_the_twin_s_prediction_is_no_gain():
    said = {"none": np.full(N, 0.1), "ratio:9": np.full(N, 0.5)}
    weight = np.ones((2, 5, 2))
    weight[1, :, 1] = 9
    verdict = judge(record(Y, FOLD, said, class_weight=weight), Cost(fn=8, fp=1).matrix)
    assert (verdict.code, verdict.difference) == (NO_GAIN, 0)


def test_folds_that_disagree_are_no_gain():
    disagree = np.where(FOLD < 3, TWO_MISSED, 0)  # the other two folds miss all: 180, as the twin
    verdict = judge(record(Y, FOLD, {"none": EVERYBODY, "balanced": disagree}), COSTS)
    saved = np.array([90, 90, 90, 0, 0])
    half = stats.t.ppf(0.975, 4) * saved.std(ddof=1) / np.sqrt(5)
    assert verdict.interval == pytest.approx((54 - half, 54 + half))
    assert (verdict.code, verdict.chosen) == (NO_GAIN, "none")
    assert "54.0 %" in verdict.text


def test_seeds_that_disagree_are_no_gain():
    """The average of a sharp seed and an idle one is sharp; alone the idle one saves nothing."""
    said = {"none": np.stack([EVERYBODY] * 2), "balanced": np.stack([TWO_MISSED, EVERYBODY])}
    verdict = judge(record(Y, FOLD, said), COSTS)
    assert verdict.interval == pytest.approx((90, 90))
    assert verdict.by_seed == pytest.approx((90, 0))
    assert verdict.seed_mean == pytest.approx(45)
    assert verdict.seed_standard_error == pytest.approx(stats.sem([90, 0]))  # 45: two are 90
    assert (verdict.code, verdict.chosen) == (NO_GAIN, "none")


@pytest.mark.parametrize(("positives", "code"), [(19, TOO_FEW), (20, HELP)])
def test_below_20_positives_nothing_is_claimed(positives, code):
    y = np.zeros(N, dtype=int)
    y[np.arange(positives) * 50 % N + np.arange(positives) // 20] = 1
    truth = y * 0.9
    verdict = judge(record(y, FOLD, {"none": EVERYBODY, "balanced": truth}), COSTS)
    assert verdict.code == code
    assert verdict.chosen == ("balanced" if code == HELP else "none")
    assert code == HELP or "19 where at least 20" in verdict.text


def test_of_three_classes_20_rows_outside_the_most_frequent_one_are_enough():
    y = np.zeros(N, dtype=int)
    y[np.arange(19) * 50 % N] = 1 + np.arange(19) % 2
    said = {"none": np.full((1, N, 3), 1 / 3), "balanced": np.eye(3)[y][None]}
    assert judge(record(y, FOLD, said), 1 - np.eye(3)).code == TOO_FEW
    y[N - 1] = 2
    said["balanced"] = np.eye(3)[y][None]
    assert judge(record(y, FOLD, said), 1 - np.eye(3)).code == HELP


def test_a_twin_alone_is_compared_with_nothing():
    verdict = judge(record(Y, FOLD, {"none": EVERYBODY}), COSTS)
    assert (verdict.code, verdict.chosen, verdict.difference) == (NO_GAIN, "none", None)
    assert verdict.by_fold == verdict.by_seed == ()
    assert verdict.seed_mean is verdict.seed_standard_error is None


def test_a_perfect_twin_leaves_nothing_to_save():
    verdict = judge(record(Y, FOLD, {"none": Y.astype(float), "balanced": EVERYBODY}), COSTS)
    assert (verdict.code, verdict.difference, verdict.interval) == (NO_GAIN, None, None)
    assert verdict.by_seed == ()


def test_one_seed_has_no_standard_error_and_the_folds_decide():
    verdict = judge(record(Y, FOLD, {"none": EVERYBODY, "balanced": TWO_MISSED}), COSTS)
    assert verdict.seed_mean == pytest.approx(90)
    assert verdict.seed_standard_error is None
    assert verdict.code == HELP


@pytest.mark.parametrize("left", [np.nan, np.inf])
def test_a_lane_that_diverged_takes_no_part(left):
    """Its seed alone flags nobody, which costs 180 as well; the other seed speaks for both."""
    said = {"none": [EVERYBODY] * 2, "balanced": [TWO_MISSED, np.full(N, left)]}
    outcome = np.full((2, 2, 5), "finished")
    outcome[1, 1] = "diverged"
    verdict = judge(record(Y, FOLD, said, outcome=outcome), COSTS)
    assert verdict.difference == pytest.approx(90)
    assert verdict.by_seed == pytest.approx((90, 0))


# no row takes part in the choice that judges it


def test_each_fold_s_setting_is_the_cheapest_on_the_others():
    """``a`` is right in folds 0 and 1 alone, ``b`` in the rest alone: 2 against 3."""
    right_in_0_and_1 = np.where(FOLD < 2, Y, 0).astype(float)
    right_in_the_rest = np.where(FOLD < 2, 0, Y).astype(float)
    said = {"none": EVERYBODY, "a": right_in_0_and_1, "b": right_in_the_rest}
    verdict = judge(record(Y, FOLD, said), COSTS)
    assert [r.setting for r in verdict.by_fold] == ["b", "b", "a", "a", "a"]
    assert verdict.best == "b"
    assert [r.cost for r in verdict.by_fold] == [0.9] * 5  # each time the wrong one


@settings(deadline=None)
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
    costs = Cost(fn=fn, fp=1).matrix
    before, after = (judge(record(y, folds, s), costs).by_fold[fold] for s in (said, changed))
    assert after.setting == before.setting


# what does not matter


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_entries_does_not_matter(seed, k):
    predictions = noisy(seed, k)
    order = np.random.default_rng(seed).permutation(len(predictions.y))
    parts = {name: getattr(predictions, name)[order] for name in ("row", "fold", "y")}
    shuffled = replace(predictions, **parts, probability=predictions.probability[:, :, order])
    costs = default_costs(np.bincount(predictions.y))
    assert_same(judge(predictions, costs), judge(shuffled, costs))


@pytest.mark.parametrize("order", [(1, 0), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_classes_does_not_matter(seed, order):
    order = list(order)
    predictions = noisy(seed, k=len(order))
    renamed = replace(
        predictions,
        y=np.argsort(order)[predictions.y],
        classes=tuple(predictions.classes[c] for c in order),
        class_weight=predictions.class_weight[..., order],
        prior=predictions.prior[:, order],
        probability=predictions.probability[..., order],
    )
    costs = default_costs(np.bincount(predictions.y))
    assert_same(judge(predictions, costs), judge(renamed, costs[np.ix_(order, order)]))


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("factor", [1e-3, 7.3, 1e6])
@pytest.mark.parametrize("seed", range(3))
def test_the_currency_does_not_matter(seed, factor, k):
    predictions = noisy(seed, k)
    costs = default_costs(np.bincount(predictions.y))
    assert_same(judge(predictions, costs), judge(predictions, costs * factor))


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_row_weight_2_is_the_row_twice_and_0_the_row_absent(seed, k):
    predictions = noisy(seed, k)
    weight = np.random.default_rng(seed).integers(0, 4, len(predictions.y))
    rows = np.repeat(np.arange(len(weight)), weight)
    parts = {name: getattr(predictions, name)[rows] for name in ("row", "fold", "y")}
    twice = replace(predictions, **parts, probability=predictions.probability[:, :, rows])
    costs = default_costs(np.bincount(predictions.y))
    weighted, repeated = judge(replace(predictions, row_weight=weight), costs), judge(twice, costs)
    assert_same(weighted, repeated)
    for one, two in zip(weighted.by_fold, repeated.by_fold, strict=True):
        assert (one.cost, one.cost_twin) == pytest.approx((two.cost, two.cost_twin))


# repetitions of the split


def repeated(predictions, times, seed=0):
    """The same entries, divided into folds once more in each repetition."""
    n, f = len(predictions.y), len(predictions.prior)
    rng = np.random.default_rng(seed)
    folds = [predictions.fold, *(rng.permutation(predictions.fold) for _ in range(times - 1))]
    again = lambda name, axis: np.concatenate([getattr(predictions, name)] * times, axis=axis)
    return replace(
        predictions,
        fold=np.concatenate([fold + i * f for i, fold in enumerate(folds)]),
        repeat=np.repeat(np.arange(times), f),
        **{name: again(name, 0) for name in ("row", "y", "prior")},
        **{name: again(name, 1) for name in ("class_weight",)},
        **{name: again(name, 2) for name in ("probability", "outcome")},
        n_training=n,
    )


def test_one_repetition_after_another_is_the_average_of_both():
    both = repeated(noisy(3), 2)
    first, second = (judge(of_repeat(both, i), COSTS) for i in range(2))
    together = judge(both, COSTS)
    assert together.difference == pytest.approx((first.difference + second.difference) / 2)
    assert together.interval == pytest.approx(
        np.mean([first.interval, second.interval], axis=0).tolist()
    )
    assert [r.setting for r in together.by_fold] == [
        r.setting for verdict in (first, second) for r in verdict.by_fold
    ]


def of_repeat(predictions, i):
    folds = np.flatnonzero(predictions.repeat == i)
    rows = np.isin(predictions.fold, folds)
    return replace(
        predictions,
        row=predictions.row[rows],
        fold=predictions.fold[rows] - folds[0],
        y=predictions.y[rows],
        class_weight=predictions.class_weight[:, folds],
        prior=predictions.prior[folds],
        probability=predictions.probability[:, :, rows],
        outcome=predictions.outcome[:, :, folds],
        repeat=np.zeros(len(folds), dtype=int),
    )


def test_the_same_split_twice_is_no_more_certain_than_once():
    once = noisy(4)
    twice = replace(repeated(once, 2), fold=np.concatenate([once.fold, once.fold + 5]))
    assert judge(twice, COSTS).interval == pytest.approx(judge(once, COSTS).interval)


def test_a_row_counts_once_towards_the_fewest_however_often_the_split_is_repeated():
    y = np.zeros(N, dtype=int)
    y[np.arange(19) * 50] = 1
    said = {"none": EVERYBODY, "balanced": y * 0.9}
    assert judge(repeated(record(y, FOLD, said), 3), COSTS).code == TOO_FEW
