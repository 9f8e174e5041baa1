"""The way back from a loss: what minimises the expected loss, found by search, is undone."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from outweigh._losses import Focal, LogitAdjusted, Smoothed, VectorScaled
from outweigh._shapes import (
    LEFT,
    Shape,
    are_shapes,
    is_plain,
    log_odds,
    plain,
    posterior,
    spoken,
    undo,
    unshaped,
)

LOSSES = {
    "focal": Focal(2.0),
    "focal, a little": Focal(0.3),
    "logit-adjusted": LogitAdjusted(1.0),
    "vector-scaled": VectorScaled(0.15, 1.0),
    "smoothed": Smoothed(0.1),
}


def shape_of(name, k):
    """The shape of a loss for classes of 1,000 to 30 rows."""
    return LOSSES[name].shape(np.geomspace(1000, 30, k))


def permuted(shape, order):
    gamma, *parts = shape
    return Shape(gamma, *(part[order] for part in parts))


in_two_to_five = pytest.mark.parametrize("k", [2, 3, 5])
of_each_loss = pytest.mark.parametrize("name", LOSSES)


# -- what a network learns, by search


def expected_loss(f, world, shape):
    """Give Σ_y η_y w_y loss_y of logits f, (1,) of two classes or (K,): the definition itself.

    It is analytic in f, so that a complex step differentiates it exactly.
    """
    k = len(world.eta)
    total = 0
    for y, share in enumerate(world.eta * world.class_weight):
        if k == 2:
            margin = shape.delta[y] * (f[0] if y == 1 else -f[0]) - shape.iota[y]
            own = 1 / (1 + np.exp(-margin))
            p = np.array([1 - own, own] if y == 1 else [own, 1 - own])
        else:
            e = np.exp(shape.delta * f + shape.iota)
            p = e / e.sum()
        target = (1 - shape.epsilon[y]) * np.eye(k)[y] + shape.epsilon[y] / k
        total += share * (1 - p[y]) ** shape.gamma * -(target * np.log(p)).sum()
    return total


def learned(world, shape):
    """Give the probabilities (K,) of which the expected loss is least."""
    two = len(world.eta) == 2
    whole = (lambda f: f) if two else (lambda f: np.append(0, f))  # logits differ by what is free
    loss = lambda f: expected_loss(whole(f), world, shape)
    slope = lambda f: np.array([loss(f + 1e-30j * e).imag / 1e-30 for e in np.eye(len(f))])
    found = minimize(loss, np.zeros(len(world.eta) - 1), jac=slope, options={"gtol": 1e-10}).x
    assert np.abs(slope(found)).max() < 1e-7
    return softmax(np.append(0, found) if two else shape.delta * whole(found))


@dataclass(frozen=True)
class World:
    eta: np.ndarray  # (K,) the posterior
    class_weight: np.ndarray  # (K,)

    @property
    def weighted(self):
        """The posterior under the class weights."""
        return self.eta * self.class_weight / (self.eta @ self.class_weight)


@st.composite
def worlds(draw, k):
    eta, weight = (arrays(draw, k, low, high) for low, high in ((0.02, 1), (0.2, 5)))
    return World(eta / eta.sum(), weight)


@st.composite
def shapes(draw, k):
    """Draw a shape of one of the four kinds."""
    kind = draw(st.sampled_from(["focal", "shifted", "scaled", "smoothed"]))
    if kind == "focal":
        return plain(k)._replace(gamma=np.asarray(draw(st.floats(0, 5))))
    if kind == "smoothed":
        return plain(k)._replace(epsilon=arrays(draw, k, 0, 0.5))
    delta = arrays(draw, k, 0.3, 1) if kind == "scaled" else np.ones(k)
    return plain(k)._replace(delta=delta, iota=arrays(draw, k, -2, 2))


def arrays(draw, k, low, high):
    return np.array(draw(st.lists(st.floats(low, high), min_size=k, max_size=k)))


@in_two_to_five
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_what_minimises_the_expected_loss_is_taken_back_to_the_posterior(k, data):
    world, shape = data.draw(worlds(k)), data.draw(shapes(k))
    said = learned(world, shape)
    assume((world.weighted > LEFT * said).all())  # of less than that, smoothing leaves a part
    back = unshaped(said, shape)
    assert back == pytest.approx(world.weighted, rel=1e-4)
    assert undo(back, world.class_weight) == pytest.approx(world.eta, rel=1e-4)


@given(world=worlds(2), shape=shapes(2))
@settings(max_examples=50, deadline=None)
def test_of_two_classes_what_is_spoken_is_what_would_be_learned(world, shape):
    said = softmax(spoken(world.weighted, shape))
    assume((world.weighted > LEFT * said).all())
    assert said == pytest.approx(learned(world, shape), rel=1e-4)


@pytest.mark.parametrize("k", [3, 5])
@given(data=st.data())
def test_of_more_classes_scaled_and_shifted_logits_are_spoken_exactly(k, data):
    world = data.draw(worlds(k))
    shape = plain(k)._replace(delta=arrays(data.draw, k, 0.3, 1), iota=arrays(data.draw, k, -2, 2))
    said = softmax(shape.delta * spoken(world.eta, shape))
    assert unshaped(said, shape) == pytest.approx(world.eta)


@of_each_loss
@pytest.mark.parametrize("rare", [0.5, 1e-3, 1e-6])
def test_lanes_start_at_finite_logits_however_rare_a_class(name, rare):
    assert np.isfinite(spoken([1 - rare, rare], LOSSES[name].shape([1 - rare, rare]))).all()


# -- laws of the way back


@in_two_to_five
def test_the_shape_of_cross_entropy_leaves_probabilities_as_they_are(k):
    p = np.random.default_rng(0).dirichlet(np.full(k, 0.3), size=50)
    assert is_plain(plain(k))
    np.testing.assert_array_equal(unshaped(p, plain(k)), p)
    by_formula = softmax(posterior(np.log(p.T), plain(k), np), axis=0)
    np.testing.assert_allclose(by_formula.T, p, rtol=1e-9)


@of_each_loss
@in_two_to_five
def test_relabelled_classes_relabel_the_answer(name, k):
    p = np.random.default_rng(1).dirichlet(np.ones(k), size=20)
    order = np.roll(np.arange(k), 1)
    shape = shape_of(name, k)
    expected = unshaped(p, shape)[:, order]
    np.testing.assert_allclose(unshaped(p[:, order], permuted(shape, order)), expected, rtol=1e-9)


@of_each_loss
def test_of_two_classes_the_order_of_rows_is_kept(name):
    f = np.linspace(-30, 30, 2001)
    assert (np.diff(log_odds(f, shape_of(name, 2), np)) > 0).all()


@of_each_loss
@in_two_to_five
def test_each_row_is_taken_back_by_itself_and_sums_to_1(name, k):
    p = np.random.default_rng(2).dirichlet(np.ones(k), size=(4, 6))
    shape = shape_of(name, k)
    back = unshaped(p, shape)
    np.testing.assert_allclose(back.sum(axis=-1), 1)
    np.testing.assert_allclose(unshaped(p[2, 3], shape), back[2, 3], rtol=1e-12)


@of_each_loss
@in_two_to_five
def test_a_probability_of_0_or_1_stays_one(name, k):
    sure, torn = np.eye(k)[-1], np.append(np.zeros(k - 2), [0.5, 0.5])
    for certain in (sure, torn):
        back = unshaped(certain, shape_of(name, k))
        assert (back[certain == 0] <= 1e-30).all()
        assert back.sum() == pytest.approx(1)
    assert unshaped(sure, shape_of(name, k))[-1] == pytest.approx(1)


def test_focal_loss_by_hand():
    """p = 0.8, γ = 2: 0.8 / (0.2² − 2 · 0.2 · 0.8 log 0.8) against 0.2 / (0.8² − 2 · 0.8 · …)."""
    positive = 0.8 / (0.04 - 0.32 * np.log(0.8))
    negative = 0.2 / (0.64 - 0.32 * np.log(0.2))
    expected = positive / (positive + negative)
    assert unshaped([0.2, 0.8], plain(2)._replace(gamma=2.0))[1] == pytest.approx(expected)


def test_vector_scaling_by_hand():
    """f = log 3, Δ = (1, ½), ι = (0, log 2): η₁ / η₀ = σ(log 3) / ½ σ(log 2 − ½ log 3)."""
    shape = plain(2)._replace(delta=np.array([1, 0.5]), iota=np.array([0, np.log(2)]))
    odds = 0.75 / (0.5 / (1 + np.sqrt(3) / 2))
    assert unshaped([0.25, 0.75], shape)[1] == pytest.approx(odds / (1 + odds))


def test_smoothing_by_hand():
    """ε = (0, 0.2) makes 0.9 η of η positives: 0.36 comes from 0.4."""
    shape = plain(2)._replace(epsilon=np.array([0, 0.2]))
    assert unshaped([0.64, 0.36], shape) == pytest.approx([0.6, 0.4])


def test_of_less_than_smoothing_makes_a_tenth_is_left():
    """ε = (0.2, 0) makes 0.1 of 0, and 0.9 η + 0.1 of η; of 0.05 no posterior could be told."""
    shape = plain(2)._replace(epsilon=np.array([0.2, 0]))
    odds = 0.005 / (0.95 / 0.9)
    assert unshaped([0.95, 0.05], shape)[1] == pytest.approx(odds / (1 + odds))


# -- numbers


@of_each_loss
@pytest.mark.parametrize("k", [2, 5])
def test_in_float32_it_is_the_same_and_its_gradient_finite(name, k):
    """From even odds to 1e-25, and at the ends."""
    few = np.append(np.geomspace(1e-25, 0.4, 60), 1e-300)
    rare, sure = (np.stack([v] + [(1 - v) / (k - 1)] * (k - 1)) for v in (few, 1 - few))
    p = np.concatenate([rare, rare[::-1], sure, np.eye(k)], axis=1)
    log = np.maximum(np.log(np.maximum(p, 1e-300)), -1e5)
    shape = shape_of(name, k)
    expected = log_softmax(posterior(log, shape, np), axis=0)
    single = jax.tree.map(lambda v: jnp.asarray(v, "float32"), shape)

    @jax.jit
    def mine(log):
        found = jax.nn.log_softmax(posterior(log, single, jnp), axis=0)
        return found.sum(), found

    slope, found = jax.grad(mine, has_aux=True)(jnp.asarray(log, "float32"))
    told = p > 1e-26
    np.testing.assert_allclose(found[told], expected[told], rtol=2e-4, atol=2e-4)
    assert np.isfinite(found).all()
    assert np.isfinite(slope).all()


def test_no_digit_of_focal_loss_is_lost_where_a_network_is_nearly_sure():
    """At p = 1 − q the odds are q^−(1+γ) / (1 + γ), but for what is of the order of q."""
    gamma, f = 2.0, np.array([25.0])  # of 1 − e^−25 float32 keeps nothing
    z = log_odds(f, plain(2)._replace(gamma=gamma), np)
    assert z == pytest.approx((1 + gamma) * f - np.log(1 + gamma), rel=1e-9)


# -- undoing class weights


def test_undoing_weights_by_hand():
    """Odds of 3 under weight ratio 6 are odds of ½."""
    assert undo([0.25, 0.75], [1, 6]) == pytest.approx([2 / 3, 1 / 3])


@in_two_to_five
@given(data=st.data())
def test_undoing_weights_takes_back_what_they_did(k, data):
    world = data.draw(worlds(k))
    assert undo(world.weighted, world.class_weight) == pytest.approx(world.eta)
    assert undo(world.weighted, 7 * world.class_weight) == pytest.approx(world.eta)


def test_undoing_leaves_0_and_1_as_they_are():
    np.testing.assert_array_equal(undo([[0, 1], [1, 0]], [1, 1e6]), [[0, 1], [1, 0]])


# -- which numbers are those of a loss


@of_each_loss
def test_shapes_are_told_from_other_numbers(name):
    shape = shape_of(name, 3)
    assert are_shapes(shape)
    assert not is_plain(shape)
    for part, wrong in (("gamma", -1.0), ("delta", 0.0), ("epsilon", 1.0), ("epsilon", -0.1)):
        several = np.full_like(getattr(shape, part), wrong)
        assert not are_shapes(shape._replace(**{part: several}))
    for part in Shape._fields:
        assert not are_shapes(shape._replace(**{part: getattr(shape, part) * np.nan}))


def test_scaled_logits_of_more_than_two_classes_need_no_way_back():
    """A network is asked for softmax(Δ f); of two classes for σ(f)."""
    assert is_plain(plain(3)._replace(delta=np.array([1, 0.5, 0.2])))
    assert not is_plain(plain(2)._replace(delta=np.array([1, 0.5])))
