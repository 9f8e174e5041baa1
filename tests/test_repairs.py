"""Repairs: each against an outside oracle, at every edge, and back from a file."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from outweigh._repairs import (
    EFFECTIVE_WEIGHT,
    ISOTONIC,
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


# against others


def test_platt_is_logistic_regression_on_the_log_odds():
    said, y = world()
    model = LogisticRegression(C=np.inf, tol=1e-12, solver="newton-cholesky")
    model.fit(log_odds(said)[:, None], y)
    found = fit(PLATT, said, y)
    assert found.scale == pytest.approx(model.coef_[0, 0], rel=1e-5)
    assert found.shift[1] - found.shift[0] == pytest.approx(model.intercept_[0], rel=1e-5)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("repair", LINES, ids=lambda repair: repair.name)
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


@pytest.mark.parametrize("ratio", [0.2, 3.0, 40.0])
def test_a_weight_left_in_is_found(ratio):
    said, y = world(20_000, sharp=1.0)
    odds = np.exp(log_odds(said) - 0.7) * ratio
    weighted = np.column_stack([1 / (1 + odds), odds / (1 + odds)])
    shift = fit(EFFECTIVE_WEIGHT, weighted, y).shift
    assert shift[0] - shift[1] == pytest.approx(np.log(ratio), abs=0.1)


# laws


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("repair", REPAIRS, ids=lambda repair: repair.name)
def test_weight_2_is_the_row_twice_and_weight_0_is_no_row(repair, k):
    said, y = world(k=k)
    weight = np.random.default_rng(1).integers(0, 4, len(y)).astype(float)
    rows = np.repeat(np.arange(len(y)), weight.astype(int))
    weighted, repeated = fit(repair, said, y, weight), fit(repair, said[rows], y[rows])
    assert weighted(said) == pytest.approx(repeated(said), abs=1e-7)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("repair", REPAIRS, ids=lambda repair: repair.name)
def test_relabelled_classes_relabel_the_repair(repair, k):
    said, y = world(k=k)
    order = np.random.default_rng(2).permutation(k) if k > 2 else np.array([1, 0])
    place = np.argsort(order)
    there = fit(repair, said[:, order], place[y])(said[:, order])
    assert there == pytest.approx(fit(repair, said, y)(said)[:, order], abs=1e-6)


@pytest.mark.parametrize("scales", [False, True])
@pytest.mark.parametrize("shifts", [False, True])
def test_two_classes_are_many_classes_that_are_two(scales, shifts):
    said, y = world()
    log, weight = np.log(said).T[np.newaxis], np.random.default_rng(3).random(len(y))
    two, many = _OfTwo(np.diff(log, axis=1), y, weight), _OfMany(log, y, weight)
    found = []
    for loss_of, n_shifts in ((two, 1), (many, 2)):
        free = np.array([scales, *[shifts] * n_shifts])
        if free.any():
            theta = _newton(loss_of, free, np.array([loss_of.start]))[0]
            found.append([theta[0], *loss_of.shift(theta)])
    assert not found or found[0] == pytest.approx(found[1], abs=1e-6)


def test_several_settings_are_fitted_as_each_alone():
    worlds = [world(seed=s, sharp=1 + s)[0] for s in range(3)]
    y = world()[1]
    for repair in REPAIRS:
        together = repair.fit(HeldOut.all(np.stack(worlds), y))
        for said, found in zip(worlds, together, strict=True):
            assert found(said) == pytest.approx(fit(repair, said, y)(said), abs=1e-7)


def test_doing_nothing_changes_no_bit():
    said, y = world()
    assert fit(NONE, said, y)(said) is said


def test_many_rows_are_fitted_as_few():
    """Above 16,000 rows the way there begins on a few of them."""
    said, y = world(4_000)
    many = fit(PLATT, np.tile(said, (5, 1)), np.tile(y, 5))
    assert many(said) == pytest.approx(fit(PLATT, said, y)(said), abs=1e-7)


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
@pytest.mark.parametrize("repair", REPAIRS, ids=lambda repair: repair.name)
def test_at_the_edge_probabilities_stay_probabilities(repair, edge):
    p, y = EDGES[edge]
    said = np.column_stack([1 - p, p])
    found = fit(repair, said, np.array(y))
    for new in (said, np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])):
        assert np.isfinite(found(new)).all()
        assert found(new).sum(axis=1) == pytest.approx(1)
        assert (found(new) >= 0).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.floats(0, 9)), min_size=3, max_size=40),
    st.sampled_from(REPAIRS),
)
def test_any_rows_give_probabilities(rows, repair):
    p, y, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    weight[0] = 1.0
    said = np.column_stack([1 - p, p])
    found = fit(repair, said, y.astype(int), weight)(said)
    assert np.isfinite(found).all()
    assert found.sum(axis=1) == pytest.approx(1)


# from a file


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("repair", REPAIRS, ids=lambda repair: repair.name)
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


def test_records_are_frozen():
    with pytest.raises(AttributeError):
        replace(PLATT).name = "other"
