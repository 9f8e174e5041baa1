"""Repairs: each against an outside oracle, at every edge, and back from a file."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from outweigh._repairs import (
    EFFECTIVE_WEIGHT,
    ISOTONIC,
    LEAST_SCALE,
    NONE,
    PLATT,
    REPAIRS,
    TEMPERATURE,
    Affine,
    HeldOut,
    Steps,
    _newton,
    _OfMany,
    _OfTwo,
    fit,
    map_from,
)

LINES = (EFFECTIVE_WEIGHT, TEMPERATURE, PLATT)

by_name = {"ids": lambda repair: repair.name}


def world(n=600, *, k=2, seed=0, sharp=1.4):
    """Probabilities (N, K) that are too sure and shifted, and classes drawn from the true ones."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(size=(n, k)) - 2 * (np.arange(k) > 0)
    true = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    said = np.exp(sharp * logit + 0.7 * np.arange(k))
    y = (rng.random((n, 1)) > true.cumsum(axis=1)).sum(axis=1)
    return said / said.sum(axis=1, keepdims=True), np.minimum(y, k - 1)


def log_odds(p):
    return np.log(p[:, 1]) - np.log(p[:, 0])


def loss(p, y):
    return -np.log(p[np.arange(len(y)), y]).mean()


def drawn(p, seed=0):
    """Classes (N,) that come true as often as probabilities (N, K) say."""
    u = np.random.default_rng(seed).random((len(p), 1))
    return np.minimum((u > p.cumsum(axis=1)).sum(axis=1), p.shape[1] - 1)


def two(second):
    return np.column_stack([1 - np.asarray(second), second])


# against others


def test_platt_is_logistic_regression_on_the_log_odds():
    said, y = world()
    model = LogisticRegression(C=np.inf, tol=1e-12, solver="newton-cholesky")
    model.fit(log_odds(said)[:, None], y)
    found = fit(PLATT, said, y)
    assert found.scale == pytest.approx(model.coef_[0, 0], rel=1e-5)
    assert found.shift[1] - found.shift[0] == pytest.approx(model.intercept_[0], rel=1e-5)


class Saying(ClassifierMixin, BaseEstimator):
    """A fitted classifier of scikit-learn's whose features are its decision function."""

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, x):
        return x

    def predict(self, x):
        return self.classes_[x.argmax(axis=1)]


@pytest.mark.parametrize("k", [3, 4])
def test_temperature_is_scikit_learn_s(k):
    said, y = world(k=k)
    score = np.log(said)
    model = CalibratedClassifierCV(FrozenEstimator(Saying().fit(score, y)), method="temperature")
    theirs = model.fit(score, y).predict_proba(score)
    assert fit(TEMPERATURE, said, y)(said) == pytest.approx(theirs, abs=1e-4)


def test_a_line_is_drawn_on_the_logarithms():
    said, _ = world(k=3)
    found = Affine(0.7, (1.0, -0.5, 0.25))(said.reshape(2, 300, 3))
    expected = softmax(0.7 * np.log(said) + [1.0, -0.5, 0.25], axis=1)
    assert found.reshape(-1, 3) == pytest.approx(expected, abs=1e-14)
    tripled = Affine(1.0, (0.0, np.log(3)))(np.array([[0.75, 0.25]]))  # odds 1:3 become 1:1
    assert tripled == pytest.approx(np.array([[0.5, 0.5]]))


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("repair", LINES, **by_name)
def test_a_line_is_the_best_of_its_family(repair, k):
    said, y = world(k=k)
    found = fit(repair, said, y)
    at = loss(found(said), y)

    def of(theta):
        scale = theta[0] if repair.scales else 1.0
        shift = theta[1:] if repair.shifts else np.zeros(k)
        return loss(Affine(scale, tuple(shift))(said), y)

    best = minimize(of, [1.0, *np.zeros(k)], method="BFGS", options={"gtol": 1e-8})
    assert at == pytest.approx(best.fun, abs=1e-8)
    assert sum(found.shift) == pytest.approx(0, abs=1e-9)
    assert repair.scales or found.scale == 1
    assert repair.shifts or not any(found.shift)


@pytest.mark.parametrize("k", [2, 3])
def test_a_ranking_the_wrong_way_round_is_flattened_and_not_turned(k):
    """The loss is convex: where its least is beyond the least scale, the best is there."""
    said, y = world(k=k)
    wrong = softmax(-np.log(said), axis=1)
    assert fit(TEMPERATURE, wrong, y).scale == LEAST_SCALE
    found = fit(PLATT, wrong, y)

    def of(shift):
        return loss(Affine(LEAST_SCALE, tuple(shift))(wrong), y)

    best = minimize(of, np.zeros(k), method="BFGS", options={"gtol": 1e-9})
    assert found.scale == LEAST_SCALE
    assert of(found.shift) == pytest.approx(best.fun, abs=1e-9)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("right", [0.6, 0.9])
def test_labels_in_the_place_of_probabilities_become_the_share_that_is_right(k, right):
    """A temperature has but one number to give: it must be that share."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, k, 400)
    said = np.eye(k)[np.where(np.arange(400) < 400 * right, y, (y + 1) % k)]
    found = fit(TEMPERATURE, said, y)(said)
    assert found.max(axis=1) == pytest.approx(np.full(400, right), abs=1e-6)
    spread = np.where(said == 1, right, (1 - right) / (k - 1))
    assert loss(fit(PLATT, said, y)(said), y) <= loss(spread, y) + 1e-9


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("repair", [TEMPERATURE, PLATT], **by_name)
def test_labels_that_say_nothing_are_worth_no_more_than_nothing(repair, seed):
    """Sure of anything, wrong three times in four: no step of the fit may leap past the least."""
    rng = np.random.default_rng(seed)
    said, y = np.eye(4)[rng.integers(0, 4, 200)], rng.integers(0, 4, 200)
    assert loss(fit(repair, said, y)(said), y) < np.log(4) + 0.02


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("repair", LINES, **by_name)
@pytest.mark.parametrize("seed", range(12))
def test_a_line_is_the_best_of_hostile_rows_too(seed, repair, k):
    """Sure, scattered, a class missing, weights over six powers of ten: the gradient is 0."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 200))
    said = softmax(rng.normal(size=(n, k)) * 10.0 ** rng.uniform(-3, 2), axis=1)
    sure = rng.random(n) < rng.choice([0, 0.1, 1])
    said[sure] = np.eye(k)[rng.integers(0, k, sure.sum())]
    y = [said.argmax(axis=1), said.argmin(axis=1), drawn(said, seed)][seed % 3]
    weight = np.where(rng.random(n) < 0.1, 0, 10.0 ** rng.uniform(-3, 3, n))
    found = fit(repair, said, y, weight)

    def of(scale, shift):
        score = log_softmax(scale * np.log(np.maximum(said, 1e-12)) + shift, axis=1)
        lost = -(weight * score[np.arange(n), y]).sum()
        return lost + 1e-6 / 2 * ((scale - 1) ** 2 + (shift**2).sum())

    shift, least = np.array(found.shift), of(found.scale, np.array(found.shift))
    steps = 10.0 ** np.arange(-6, 1)
    aside = [s * d for s in steps for d in (*np.eye(k), *-np.eye(k))] if repair.shifts else []
    scales = [found.scale + d for s in steps for d in (s, -s)] if repair.scales else []
    tried = [of(found.scale, shift + d) for d in aside]
    tried += [of(scale, shift) for scale in scales if scale >= LEAST_SCALE]
    assert least <= min(tried) + 1e-9 * (1 + least)


def test_isotonic_is_scikit_learn_s_with_half_a_hit_and_a_miss_on_each_step():
    said, y = world()
    said = said.round(2)
    steps = IsotonicRegression(out_of_bounds="clip").fit(said[:, 1], y)
    level = steps.predict(said[:, 1])
    values, step = np.unique(level, return_inverse=True)
    rows = np.bincount(step) + 1
    smoothed = (np.bincount(step, y) + 0.5) / rows
    again = IsotonicRegression().fit(values, smoothed, sample_weight=rows)
    found = fit(ISOTONIC, said, y)(said)[:, 1]
    assert found == pytest.approx(again.predict(level))


def test_isotonic_steps_count_row_weights():
    """As scikit-learn's do, before half a hit and half a miss are added to each."""
    said, y = world()
    said, weight = said.round(1), np.random.default_rng(4).random(len(y))
    model = IsotonicRegression(out_of_bounds="clip").fit(said[:, 1], y, weight)
    level = model.predict(said[:, 1])
    found = fit(ISOTONIC, said, y, weight * 1e9)(said)[:, 1]
    assert found == pytest.approx(level, abs=1e-8)


def test_steps_go_on_beyond_the_rows_they_were_learned_from():
    """Of 0.3 three rows, no hit: (0 + ½) / (3 + 1); of 0.6 two, both hits: (2 + ½) / (2 + 1)."""
    found = fit(ISOTONIC, two([0.3] * 3 + [0.6] * 2), np.array([0, 0, 0, 1, 1]))
    assert found(two([0.0, 0.3, 0.45, 0.6, 1.0]))[:, 1] == pytest.approx(
        [1 / 8, 1 / 8, (1 / 8 + 5 / 6) / 2, 5 / 6, 5 / 6]
    )


def test_steps_that_no_longer_rise_once_smoothed_are_pooled():
    """One hit alone beats 8 hits of 9 raw, and falls behind once half a row is added."""
    p = np.array([0.3] * 9 + [0.9])
    y = np.array([1] * 8 + [0] + [1])
    said = np.column_stack([1 - p, p])
    found = fit(ISOTONIC, said, y)(said)[:, 1]
    assert found == pytest.approx(np.full(10, (8.5 + 1.5) / (10 + 2)))


@pytest.mark.parametrize("k", [2, 3, 4])
def test_the_effective_weight_gives_each_class_its_share(k):
    said, y = world(k=k)
    found = fit(EFFECTIVE_WEIGHT, said, y)(said).mean(axis=0)
    assert found == pytest.approx(np.bincount(y, minlength=k) / len(y), abs=1e-8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ratio", [0.2, 3.0, 40.0])
def test_a_weight_left_in_is_found(ratio, seed):
    """Exact weighted posteriors: the shift is −log r, within three of its standard errors."""
    true = two(1 / (1 + np.exp(3 - 1.5 * np.random.default_rng(seed).normal(size=5_000))))
    y = drawn(true, seed + 100)
    weighted = true * [1, ratio] / (true * [1, ratio]).sum(axis=1, keepdims=True)
    shift = fit(EFFECTIVE_WEIGHT, weighted, y).shift
    error = 1 / np.sqrt((true[:, 0] * true[:, 1]).sum())  # of an intercept: 1 / √information
    assert shift[1] - shift[0] == pytest.approx(-np.log(ratio), abs=3 * error)


# laws


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("repair", REPAIRS, **by_name)
def test_weight_2_is_the_row_twice_and_weight_0_is_no_row(repair, k):
    said, y = world(k=k)
    weight = np.random.default_rng(1).integers(0, 4, len(y)).astype(float)
    rows = np.repeat(np.arange(len(y)), weight.astype(int))
    weighted, repeated = fit(repair, said, y, weight), fit(repair, said[rows], y[rows])
    assert weighted(said) == pytest.approx(repeated(said), abs=1e-7)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("repair", REPAIRS, **by_name)
def test_relabelled_classes_relabel_the_repair(repair, k):
    said, y = world(k=k)
    order = np.random.default_rng(2).permutation(k) if k > 2 else np.array([1, 0])
    place = np.argsort(order)
    there = fit(repair, said[:, order], place[y])(said[:, order])
    assert there == pytest.approx(fit(repair, said, y)(said)[:, order], abs=1e-6)


@pytest.mark.parametrize("repair", LINES, **by_name)
def test_two_classes_are_many_classes_that_are_two(repair):
    said, y = world()
    log, weight = np.log(said).T[np.newaxis], np.random.default_rng(3).random(len(y))
    of_two = _OfTwo(np.diff(log, axis=1), y, weight)
    of_many = _OfMany(log, y, weight)
    found = []
    for one in (of_two, of_many):
        free = np.array([repair.scales] + [repair.shifts] * (len(one.start) - 1))
        theta = _newton(one, free, np.array([one.start]))[0]
        found.append([theta[0], *one.shift(theta)])
    assert found[0] == pytest.approx(found[1], abs=1e-8)


@pytest.mark.parametrize("n", [600, 2_500])
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("repair", REPAIRS, **by_name)
def test_several_settings_are_fitted_as_each_alone(repair, k, n):
    """To the last bit, though one ranks the wrong way round and one is learned in a step or two."""
    worlds = [world(n, k=k, seed=s, sharp=1 + s)[0] for s in range(3)]
    y = world(n, k=k)[1]
    worlds += [worlds[0][:, ::-1], np.full((n, k), 1 / k)]
    together = repair.fit(HeldOut.all(np.stack(worlds), y))
    for said, found in zip(worlds, together, strict=True):
        assert found.as_record() == fit(repair, said, y).as_record()


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("repair", REPAIRS, **by_name)
def test_some_of_the_rows_teach_what_they_teach_alone(repair, k):
    """To the last bit: nothing of the other rows is left in what is worked out once for all."""
    said, y = world(k=k)
    said, weight = said.round(2) + 1e-3, np.random.default_rng(5).random(len(y))
    rows = np.random.default_rng(6).permutation(len(y))[:200]
    (taken,) = repair.fit(HeldOut.all(said[np.newaxis], y, weight).take(rows))
    assert taken.as_record() == fit(repair, said[rows], y[rows], weight[rows]).as_record()


def test_doing_nothing_changes_no_bit():
    said, y = world()
    assert fit(NONE, said, y)(said) is said


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("repair", LINES, **by_name)
def test_many_rows_are_fitted_as_few(repair, k):
    """Above 16,000 rows the way there begins on a few of them."""
    said, y = world(4_000, k=k)
    many = fit(repair, np.tile(said, (5, 1)), np.tile(y, 5))
    assert many(said) == pytest.approx(fit(repair, said, y)(said), abs=1e-7)


# edges

EDGES = {
    "one positive": (np.full(30, 0.1), [1] + [0] * 29),
    "no positive": (np.linspace(0.1, 0.9, 30), [0] * 30),
    "told apart for sure": (np.array([0.1] * 15 + [0.9] * 15), [0] * 15 + [1] * 15),
    "told apart the wrong way round": (np.array([0.9] * 15 + [0.1] * 15), [0] * 15 + [1] * 15),
    "zeros and ones": (np.array([0.0] * 15 + [1.0] * 15), [0] * 14 + [1] * 16),
    "tiny": (np.array([1e-38] * 15 + [1e-300] * 15), [0] * 29 + [1]),
    "the same for all": (np.full(30, 0.5), [0, 1] * 15),
}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("repair", REPAIRS, **by_name)
def test_at_the_edge_probabilities_stay_probabilities(repair, edge):
    p, y = EDGES[edge]
    said = np.column_stack([1 - p, p])
    found = fit(repair, said, np.array(y))
    for new in (said, np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])):
        assert np.isfinite(found(new)).all()
        assert found(new).sum(axis=1) == pytest.approx(1)
        assert (found(new) >= 0).all()


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(2, 5), st.integers(3, 40), st.sampled_from(REPAIRS))
def test_any_rows_give_probabilities(data, k, n, repair):
    drawn = [
        data.draw(st.lists(value, min_size=n, max_size=n))
        for value in (
            st.lists(st.floats(0, 1), min_size=k, max_size=k),
            st.integers(0, k - 1),
            st.floats(0, 9),
        )
    ]
    odds, y, weight = (np.array(column) for column in drawn)
    weight[0] = 1.0
    odds[odds.sum(axis=1) < 1e-300] = 1.0
    said = odds / odds.sum(axis=1, keepdims=True)
    map_ = fit(repair, said, y, weight)
    for new in (said, np.eye(k)):
        found = map_(new)
        assert found.shape == new.shape
        assert ((found >= 0) & (found <= 1)).all()
        assert found.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("repair", REPAIRS, **by_name)
def test_five_classes_one_of_them_missing_one_once(repair):
    said, _ = world(300, k=5)
    y = np.array([4] + [0, 1, 2] * 99 + [0, 0])
    found = fit(repair, said, y)(said)
    assert np.isfinite(found).all()
    assert found.sum(axis=1) == pytest.approx(1)
    if repair not in (NONE, TEMPERATURE):  # these cannot move one class alone
        assert found[:, 3].mean() < said[:, 3].mean() / 2


# from a file


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("repair", REPAIRS, **by_name)
def test_a_map_comes_back_to_the_last_bit(repair, k):
    said, y = world(k=k)
    found = fit(repair, said, y)
    back = map_from(json.loads(json.dumps(found.as_record(), allow_nan=False)))
    assert (back(said) == found(said)).all()


GOOD = Steps((np.array([0.1, 0.9]),), (np.array([0.2, 0.7]),)).as_record()
BROKEN = [
    None,
    [],
    {},
    {"kind": "pickle"},
    {"kind": "affine", "scale": 0, "shift": [0, 0]},
    {"kind": "affine", "scale": float("nan"), "shift": [0, 0]},
    {"kind": "affine", "scale": 1, "shift": [0, float("inf")]},
    {"kind": "affine", "scale": 1, "shift": [0]},
    {"kind": "affine", "scale": "x", "shift": [0, 0]},
    {"kind": "affine", "scale": 1},
    {"kind": "affine", "scale": 1e308, "shift": [0, 0]},
    {"kind": "affine", "scale": 1, "shift": [0, -1e308]},
    {"kind": "affine", "scale": 1, "shift": [[0], [0]]},
    {"kind": "affine", "scale": 1, "shift": 0},
    {"kind": ["affine"], "scale": 1, "shift": [0, 0]},
    GOOD | {"x": [{}]},
    GOOD | {"x": None},
    GOOD | {"x": [[[0.1, 0.9]]], "y": [[[0.2, 0.7]]]},
    GOOD | {"x": [[0.1, 0.1]]},
    GOOD | {"x": [[float("nan"), 0.9]]},
    GOOD | {"x": [[0.9, 0.1]]},
    GOOD | {"x": [[0.1]]},
    GOOD | {"x": []},
    GOOD | {"x": [[]], "y": [[]]},
    GOOD | {"y": [[0.7, 0.2]]},
    GOOD | {"y": [[0.0, 0.7]]},
    GOOD | {"y": [[0.2, 1.0]]},
    GOOD | {"y": [[0.2, float("nan")]]},
    GOOD | {"x": [[0.1, 1.9]]},
    GOOD | {"x": [[0.1, 0.9]] * 2, "y": [[0.2, 0.7]] * 2},
]


@pytest.mark.parametrize("record", BROKEN)
def test_what_is_no_map_is_refused(record):
    with pytest.raises((ValueError, KeyError, TypeError)):
        map_from(record)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
RISING = st.lists(st.lists(st.floats(0, 1), max_size=3).map(sorted), max_size=3)


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {"kind": st.just("affine"), "scale": st.floats() | PLAIN},
        optional={"shift": st.lists(st.floats(), max_size=4) | PLAIN},
    )
    | st.fixed_dictionaries({"kind": st.just("steps"), "x": RISING | PLAIN, "y": RISING | PLAIN})
)
def test_a_record_is_refused_or_gives_probabilities(record):
    try:
        read = map_from(record)
    except (ValueError, KeyError, TypeError):
        return
    k = len(record["shift"]) if record["kind"] == "affine" else max(2, len(record["x"]))
    said = np.array([*np.eye(k), np.full(k, 1 / k), *world(5, k=k)[0]])
    found = read(said)
    assert ((found >= 0) & (found <= 1)).all()
    assert found.sum(axis=1) == pytest.approx(1)
