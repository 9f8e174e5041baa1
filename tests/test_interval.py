"""The interval of the verdict: what is one draw, what was not seen, what was chosen."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from outweigh._interval import DEFAULT, Paired, difference, inflation, over_folds, over_units

SEEDS = st.integers(0, 10_000)
LAW = settings(max_examples=20, deadline=None)


def paired(twin, other, **changes) -> Paired:
    """Losses of entries that are each their own unit, in two folds, with a stake of 1."""
    n = len(twin)
    fields = {
        "twin": np.asarray(twin, dtype=float),
        "other": np.asarray(other, dtype=float),
        "stake": np.ones(n),
        "y": np.zeros(n, dtype=int),
        "fold": np.arange(n) % 2,
        "unit": np.arange(n),
        "repeat": np.zeros(2, dtype=int),
    }
    return Paired(**(fields | changes))


def drawn(seed=0, n=300, n_tried=3) -> Paired:
    """Ten positives in a hundred, a missed one costs 9; settings err on a fifth of the rows."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 10 == 0).astype(int)
    stake = np.where(y == 1, 9.0, 1.0)
    twin, other, *tried = (rng.random((2 + n_tried, n)) < 0.2) * stake
    return paired(
        twin,
        other,
        stake=stake,
        y=y,
        fold=rng.permutation(n) % 5,
        unit=rng.integers(0, n // 2, n),
        repeat=np.zeros(5, dtype=int),
        tried=np.stack(tried) if tried else None,
    )


def taken(p: Paired, entries) -> Paired:
    """Some entries, in some order."""
    each = {name: getattr(p, name)[entries] for name in ("twin", "other", "stake", "y", "unit")}
    tried = None if p.tried is None else p.tried[:, entries]
    return replace(p, **each, fold=p.fold[entries], tried=tried)


def same(interval, other) -> bool:
    return interval == pytest.approx(other, rel=1e-6, abs=1e-9)


# with a pencil


def test_four_rows_with_a_pencil():
    # the twin loses 1 on three rows, the other one on the last two of them and on the fourth:
    # nothing is saved, and two rows are decided differently
    p = paired([1, 1, 1, 0], [0, 1, 1, 1])
    half = 100 * stats.t.ppf(0.975, 3) * np.sqrt(4 / 3 * 2) / 3
    assert same(over_units(p), (-half, half))


def test_what_is_saved_counts_against_every_row_that_the_twin_loses():
    # a third is saved: parts in the error are 2/3 − 0, 2/3 − 1, 2/3 − 1 and 0
    p = paired([1, 1, 1, 0], [0, 1, 1, 0], stake=np.full(4, 0.1))
    assert difference(p) == pytest.approx(100 / 3)
    half = 100 * stats.t.ppf(0.975, 3) * np.sqrt(4 / 3 * (4 + 1 + 1) / 9) / 3
    assert same(over_units(p), (100 / 3 - half, 100 / 3 + half))


def test_nothing_seen_is_half_a_row_of_each_class():
    p = paired([3, 0, 1, 0], [3, 0, 1, 0], y=np.array([1, 1, 0, 0]), stake=np.array([3, 5, 1, 1]))
    half = 100 * stats.t.ppf(0.975, 3) * np.sqrt(((9 + 25) / 2 + 1) / 2) / 4
    assert same(over_units(p), (-half, half))


def test_what_models_share_multiplies_the_variance():
    p = drawn()
    for method in (over_units, over_folds):
        (low, high), (lowest, highest) = method(p), method(replace(p, shared=2.0))
        assert highest - lowest == pytest.approx(np.sqrt(2) * (high - low))
        assert highest + lowest == pytest.approx(high + low)


def test_where_no_decision_is_behind_a_loss_nothing_is_unseen():
    equal = paired([3, 1, 1, 2], [3, 1, 1, 2])
    assert same(over_units(equal, unseen=0.0), (0, 0))
    p = drawn()  # where many rows are decided differently, nothing changes
    assert over_units(p, unseen=0.0) == over_units(p)


@LAW
@given(SEEDS, st.integers(2, 10))
def test_units_of_equal_cost_give_scipys_t(seed, n):
    saved = np.random.default_rng(seed).normal(size=n)
    p = paired(np.ones(n), 1 - saved, stake=np.full(n, 1e-9))
    t = stats.ttest_1samp(100 * saved, 0)
    assert same(over_units(p), tuple(t.confidence_interval(0.95)))


# laws


@LAW
@given(SEEDS, st.floats(1e-3, 1e3))
def test_all_costs_times_a_number_change_nothing(seed, times):
    p = drawn(seed)
    scaled = {name: times * getattr(p, name) for name in ("twin", "other", "stake", "tried")}
    assert same(over_units(replace(p, **scaled)), over_units(p))
    assert same(over_folds(replace(p, **scaled)), over_folds(p))


@LAW
@given(SEEDS)
def test_the_order_of_entries_is_irrelevant(seed):
    p = drawn(seed)
    shuffled = taken(p, np.random.default_rng(seed).permutation(len(p.y)))
    assert same(over_units(shuffled), over_units(p))
    assert same(over_folds(shuffled), over_folds(p))


@LAW
@given(SEEDS)
def test_names_of_units_and_classes_are_irrelevant(seed):
    p = drawn(seed)
    renamed = np.random.default_rng(seed).permutation(1000)[p.unit] - 500
    assert same(over_units(replace(p, unit=renamed, y=1 - p.y)), over_units(p))


@LAW
@given(SEEDS)
def test_weight_2_is_a_row_that_comes_twice_in_its_unit(seed):
    p = replace(drawn(seed), stake=np.full(300, 1e-9))  # what was not seen aside
    rng = np.random.default_rng(seed)
    times = rng.integers(0, 3, len(p.y))
    weighted = {name: times * getattr(p, name) for name in ("twin", "other", "stake", "tried")}
    assert same(
        over_units(replace(p, **weighted)), over_units(taken(p, np.repeat(np.arange(300), times)))
    )


@LAW
@given(SEEDS)
def test_weight_0_is_a_row_that_is_absent(seed):
    p = drawn(seed)
    weight = np.random.default_rng(seed).integers(0, 2, len(p.y))
    weighted = {name: weight * getattr(p, name) for name in ("twin", "other", "stake", "tried")}
    assert same(over_units(replace(p, **weighted)), over_units(taken(p, weight == 1)))


@LAW
@given(SEEDS)
def test_only_the_sums_of_a_unit_matter(seed):
    p = replace(drawn(seed), stake=np.full(300, 1e-9))
    place = {"minlength": p.unit.max() + 1}
    first = np.unique(p.unit, return_index=True)[1]
    sums = lambda loss: np.bincount(p.unit, loss, **place)[p.unit[first]]
    summed = replace(
        taken(p, first),
        twin=sums(p.twin),
        other=sums(p.other),
        tried=np.stack([sums(loss) for loss in p.tried]),
    )
    assert same(over_units(summed), over_units(p))


def test_twin_and_other_may_trade_places():
    p = paired([1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 0, 0])  # both lose 3
    low, high = over_units(p)
    assert same(over_units(replace(p, twin=p.other, other=p.twin)), (-high, -low))
    p = paired([1] * 40 + [0] * 60, [1] * 10 + [0] * 90)
    assert over_units(p)[0] > 0
    assert over_units(replace(p, twin=p.other, other=p.twin))[1] < 0


def test_rows_that_move_together_tell_less():
    p = replace(drawn(), unit=np.arange(300), tried=None)
    doubled = taken(p, np.tile(np.arange(300), 2))
    width = lambda paired: np.ptp(over_units(paired))
    alone = replace(doubled, unit=np.arange(600))
    t = stats.t.ppf(0.975, 299) * np.sqrt(300 / 299) / stats.t.ppf(0.975, 599) / np.sqrt(600 / 599)
    assert width(doubled) / width(alone) == pytest.approx(np.sqrt(2) * t)


def test_a_row_judged_in_each_repetition_is_one_draw():
    p = replace(drawn(n_tried=0), unit=np.arange(300))
    twice = replace(taken(p, np.tile(np.arange(300), 2)), repeat=np.repeat([0, 1], 5))
    assert same(over_units(twice), over_units(p))


def test_identical_decisions_are_no_proof_of_no_difference():
    p = replace(drawn(n_tried=0), unit=np.arange(300))
    for repeat in (np.zeros(5, dtype=int), np.repeat([0, 1], 5)):
        times = len(repeat) // 5
        equal = replace(taken(p, np.tile(np.arange(300), times)), repeat=repeat)
        low, high = over_units(replace(equal, other=equal.twin))
        half = 100 * stats.t.ppf(0.975, 299) * np.sqrt((81 + 1) / 2) / p.twin.sum()
        assert same((low, high), (-half, half))


def test_there_is_no_interval_where_there_is_nothing_to_measure_by():
    assert difference(paired([0, 0], [1, 0])) is None
    assert difference(paired([-1, 0], [1, 0])) is None  # a benefit
    assert over_units(paired([0, 0], [1, 0])) is None
    assert over_folds(paired([0, 0], [1, 0])) is None
    assert over_units(paired([1, 1], [1, 0], unit=np.zeros(2, dtype=int))) is None
    assert over_units(paired([1, 1], [1, 1], stake=np.array([1.0, 0]))) is None
    assert over_folds(paired([1], [0], repeat=np.zeros(1, dtype=int))) is None


def test_five_classes_and_one_row_of_the_rarest():
    y = np.array([0] * 60 + [1] * 20 + [2] * 10 + [3] * 9 + [4])
    stake = (60 / np.bincount(y))[y]
    rng = np.random.default_rng(0)
    twin, weighted = (rng.random((2, 100)) < 0.3) * stake
    low, high = over_units(paired(twin, weighted, y=y, stake=stake))
    least = 100 * stats.t.ppf(0.975, 99) * np.sqrt(60**2 / 2) / twin.sum()
    assert low < difference(paired(twin, weighted)) - least
    assert high > difference(paired(twin, weighted)) + least


# the choice


def widened(error: np.ndarray, deals) -> float:
    """The definition, study by study: error (studies, N, S), the folds (studies, R, N)."""
    together, apart = 0.0, 0.0
    for errors, repetitions in zip(error, deals, strict=True):
        own = np.zeros(len(errors))
        for fold in repetitions:
            for f in np.unique(fold):
                picked = errors[fold != f].sum(axis=0).argmax()
                own[fold == f] += errors[fold == f, picked]
        together += own.sum() ** 2
        apart += (own**2).sum()
    return together / apart


def test_where_nothing_is_picked_nothing_is_widened():
    assert inflation(np.eye(1), n_folds=5) == 1
    assert inflation(np.eye(4), n_folds=1) == 1
    assert inflation(np.zeros((3, 3)), n_folds=5) == 1
    for n_folds in range(2, 12):  # all settings are the same
        assert 1 <= inflation(np.ones((3, 3)), n_folds=n_folds) < 1.06
    p = drawn()
    alone = over_units(replace(p, tried=None))
    assert over_units(replace(p, tried=p.tried[:1])) == alone
    assert np.ptp(over_units(p)) > np.ptp(alone)


def test_two_settings_and_two_folds_with_a_pencil():
    # picked by the other fold, a fold's error is its larger or its smaller one; both folds agree:
    # twice E[max]² = 1/π, beside two variances
    assert inflation(np.eye(2), n_folds=2) == pytest.approx(1 + 1 / np.pi, abs=0.04)


@pytest.mark.parametrize("n_folds", [3, 5])
def test_the_widening_is_that_of_its_definition(n_folds):
    covariance = np.array([[1.0, 0.6, 0.0], [0.6, 2.0, 0.5], [0.0, 0.5, 0.5]])
    rng = np.random.default_rng(5)
    error = rng.multivariate_normal(np.zeros(3), covariance, (8000, n_folds))
    deals = np.broadcast_to(np.arange(n_folds), (8000, 1, n_folds))
    assert inflation(covariance, n_folds=n_folds) == pytest.approx(widened(error, deals), rel=0.06)


def test_the_widening_of_repetitions_is_that_of_its_definition():
    rng = np.random.default_rng(6)
    error = rng.normal(size=(3000, 100, 8))
    deals = rng.permuted(np.broadcast_to(np.arange(100) % 5, (3000, 5, 100)), axis=2)
    found = inflation(np.eye(8), n_folds=5, n_repeats=5)
    assert found == pytest.approx(widened(error, deals), rel=0.08)
    assert found > 1.1 * inflation(np.eye(8), n_folds=5)


@pytest.mark.parametrize("repeat", [np.zeros(6, dtype=int), np.repeat([0, 1], 3)])
def test_an_interval_is_widened_as_its_settings_vary_together(repeat):
    p = replace(drawn(), repeat=repeat)
    parts = [np.bincount(p.unit, loss.sum() / p.twin.sum() * p.twin - loss) for loss in p.tried]
    n_repeats = len(set(repeat.tolist()))
    widening = inflation(np.cov(parts), n_folds=6 // n_repeats, n_repeats=n_repeats)
    times = np.ptp(over_units(p)) / np.ptp(over_units(replace(p, tried=None)))
    assert times == pytest.approx(np.sqrt(widening), rel=1e-3)


def test_more_to_choose_from_widens_more():
    found = [inflation(np.eye(s), n_folds=5) for s in (1, 2, 4, 16)]
    assert found == sorted(found)
    assert found[-1] > 1.8


def test_the_scale_and_the_names_of_settings_are_irrelevant():
    covariance = np.array([[1.0, 0.6, 0.0], [0.6, 2.0, 0.5], [0.0, 0.5, 0.5]])
    once = inflation(covariance, n_folds=5)
    assert inflation(1e6 * covariance, n_folds=5) == pytest.approx(once, rel=1e-6)
    turned = covariance[::-1, ::-1]
    assert inflation(turned, n_folds=5) == pytest.approx(once, rel=0.05)


def test_a_covariance_that_hardly_moves_hardly_moves_the_widening():
    nearly = np.eye(3) + 1e-12 * np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]])
    assert inflation(nearly, n_folds=5) == pytest.approx(inflation(np.eye(3), n_folds=5), rel=1e-6)


def study(rng, n=2000, n_settings=4, n_folds=5) -> Paired:
    """Settings that decide one row of twenty by tossing a coin, and all others as the twin does."""
    fold = rng.permutation(n) % n_folds
    twin = (rng.random(n) < 0.2).astype(float)
    tossed = rng.random((n_settings, n)) < 0.05
    tried = np.where(tossed, rng.random((n_settings, n)) < 0.5, twin).astype(float)
    by_fold = np.stack([tried[:, fold == f].sum(axis=1) for f in range(n_folds)], axis=1)
    elsewhere = by_fold.sum(axis=1, keepdims=True) - by_fold
    weighted = tried[elsewhere.argmin(axis=0)[fold], np.arange(n)]
    return paired(twin, weighted, fold=fold, tried=tried, repeat=np.zeros(n_folds, dtype=int))


def test_it_covers_the_truth_and_without_the_choice_it_would_not():
    rng = np.random.default_rng(0)
    studies = [study(rng) for _ in range(200)]
    truth = 100 * (0.2 - (0.95 * 0.2 + 0.05 * 0.5)) / 0.2
    covers = lambda interval: interval[0] <= truth <= interval[1]
    with_choice = np.mean([covers(DEFAULT(p)) for p in studies])
    without = np.mean([covers(DEFAULT(replace(p, tried=None))) for p in studies])
    assert 0.92 <= with_choice <= 0.99
    assert without < 0.9


# over folds


@LAW
@given(st.lists(st.tuples(st.floats(1, 1000), st.floats(1, 1000)), min_size=2, max_size=10))
def test_over_folds_is_scipys_t(pairs):
    weighted, twin = np.array(pairs).T
    n = len(pairs)
    p = paired(twin, weighted, fold=np.arange(n), repeat=np.zeros(n, dtype=int))
    saved = 100 * (twin - weighted) / twin.mean()
    if np.ptp(saved) > 1e-6:
        assert same(over_folds(p), tuple(stats.ttest_1samp(saved, 0).confidence_interval(0.95)))


def test_over_folds_averages_repetitions():
    p = paired([10, 10, 10, 10], [8, 9, 5, 10], fold=np.arange(4), repeat=np.array([0, 0, 1, 1]))
    halves = [over_folds(paired([10, 10], weighted)) for weighted in ([8, 9], [5, 10])]
    assert same(over_folds(p), tuple(np.mean(halves, axis=0)))
