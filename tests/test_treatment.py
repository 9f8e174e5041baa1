"""The losses that lanes learn, against Keras's own, and against their papers' formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from outweigh._losses import CROSS_ENTROPY, Focal, LogitAdjusted, Smoothed, VectorScaled
from outweigh._network import keras_on_jax
from outweigh._shapes import plain, undo, unshaped
from outweigh._treatment import Treatment, logits, losses

keras = keras_on_jax()

B = 200
LOSSES = {
    "cross-entropy": CROSS_ENTROPY,
    "focal": Focal(2.0),
    "focal, a little": Focal(0.5),
    "logit-adjusted": LogitAdjusted(1.0),
    "vector-scaled": VectorScaled(0.15, 1.0),
    "smoothed": Smoothed(0.1),
}

of_each_loss = pytest.mark.parametrize("name", LOSSES)
of_two_and_more = pytest.mark.parametrize("k", [2, 3, 5])


def rows(k, spread=3.0):
    """Logits (B, 1) of two classes or (B, K), and classes (B,)."""
    rng = np.random.default_rng(k)
    f = rng.normal(0, spread, (B, 1 if k == 2 else k)).astype("float32")
    return jnp.asarray(f), rng.integers(0, k, B).astype("int32")


def counts(k):
    return np.geomspace(900, 20, k).round()


def shape_of(name, k):
    return single(LOSSES[name].shape(counts(k)))


def single(shape):
    return jax.tree.map(lambda v: jnp.asarray(v, "float32"), shape)


def targets(y, k):
    """The classes as Keras's losses want them: (B, 1), or one-hot (B, K)."""
    return y[:, None].astype("float32") if k == 2 else jax.nn.one_hot(y, k)


def assert_alike(mine, theirs, f, *, atol=1e-6):
    """Values (B,) and their gradients agree; Keras keeps 1e-7 away from 0 and 1."""
    for expected, found in zip(with_slope(theirs)(f), with_slope(mine)(f), strict=True):
        np.testing.assert_allclose(found, expected, atol=atol, rtol=1e-5)


def with_slope(loss):
    """Give a function that gives the loss (B,) and its gradient, compiled."""

    def both(f):
        slope, each = jax.grad(lambda f: (loss(f).sum(), loss(f)), has_aux=True)(f)
        return each, slope

    return jax.jit(both)


def output(f, *, from_logits):
    """What the network's last layer makes of its logits."""
    if from_logits:
        return f
    return jax.nn.sigmoid(f) if f.shape[1] == 1 else jax.nn.softmax(f)


def cross_entropy(k, **how):
    """Keras's own, one value for each row."""
    kind = keras.losses.BinaryCrossentropy if k == 2 else keras.losses.CategoricalCrossentropy
    return kind(reduction=None, **how)


def focal(k, gamma, **how):
    kind = (
        keras.losses.BinaryFocalCrossentropy
        if k == 2
        else keras.losses.CategoricalFocalCrossentropy
    )
    alpha = {} if k == 2 else {"alpha": 1.0}
    return kind(gamma=gamma, reduction=None, **alpha, **how)


# -- against Keras


@of_two_and_more
@pytest.mark.parametrize("from_logits", [True, False])
def test_the_plain_shape_is_keras_s_cross_entropy(k, from_logits):
    f, y = rows(k)
    loss = cross_entropy(k, from_logits=from_logits)

    def mine(f):
        said = output(f, from_logits=from_logits)
        return losses(logits(said, from_logits=from_logits), y, single(plain(k)))

    assert_alike(mine, lambda f: loss(targets(y, k), output(f, from_logits=from_logits)), f)


@of_two_and_more
@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("from_logits", [True, False])
def test_focal_loss_is_keras_s(k, gamma, from_logits):
    f, y = rows(k)
    loss, shape = focal(k, gamma, from_logits=from_logits), single(Focal(gamma).shape(counts(k)))

    def mine(f):
        said = output(f, from_logits=from_logits)
        return losses(logits(said, from_logits=from_logits), y, shape)

    # Keras's log p and (1 − p)^γ are those of p, which has lost digits where it is near 1
    theirs = lambda f: loss(targets(y, k), output(f, from_logits=from_logits))
    assert_alike(mine, theirs, f, atol=3e-6)


@pytest.mark.parametrize("alpha", [0.25, 0.9])
def test_keras_s_class_balancing_of_focal_loss_is_class_weights(alpha):
    f, y = rows(2)
    loss = focal(2, 2.0, from_logits=True, apply_class_balancing=True, alpha=alpha)
    weight = jnp.where(y == 1, alpha, 1 - alpha)
    shape = single(Focal(2.0).shape(counts(2)))
    assert_alike(lambda f: weight * losses(f, y, shape), lambda f: loss(targets(y, 2), f), f)


@of_two_and_more
def test_labels_smoothed_alike_in_all_classes_are_keras_s(k):
    f, y = rows(k)
    loss = cross_entropy(k, from_logits=True, label_smoothing=0.2)
    shape = single(plain(k)._replace(epsilon=np.full(k, 0.2)))
    assert_alike(lambda f: losses(f, y, shape), lambda f: loss(targets(y, k), f), f)


# -- against the papers


@of_two_and_more
def test_logit_adjustment_is_cross_entropy_of_logits_and_log_prior(k):
    """Menon et al., equation 10, in float64."""
    f, y = rows(k)
    whole = np.hstack([np.zeros((B, 1)), f]) if k == 2 else np.asarray(f, float)
    prior = counts(k) / counts(k).sum()
    expected = -log_softmax(whole + 1.0 * np.log(prior), axis=1)[np.arange(B), y]
    found = losses(f, y, shape_of("logit-adjusted", k))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_vector_scaling_of_two_classes_is_a_margin():
    """Kini et al.: log(1 + exp(ι_y) exp(−Δ_y ỹ f)), ỹ from −1 and 1, in float64."""
    f, y = rows(2)
    (n_0, n_1), sign = counts(2), np.where(y == 1, 1, -1)
    delta = np.where(y == 1, (n_1 / n_0) ** 0.15, 1)
    iota = np.where(y == 1, np.log(n_0 / n_1), np.log(n_1 / n_0))
    expected = np.log1p(np.exp(iota) * np.exp(-delta * sign * np.asarray(f[:, 0], float)))
    np.testing.assert_allclose(losses(f, y, shape_of("vector-scaled", 2)), expected, rtol=1e-4)


@pytest.mark.parametrize("k", [3, 5])
def test_vector_scaling_of_more_classes_scales_and_shifts_logits(k):
    f, y = rows(k)
    n_k = counts(k)
    g = (n_k / n_k.max()) ** 0.15 * np.asarray(f, float) + np.log(n_k / n_k.sum())
    expected = -log_softmax(g, axis=1)[np.arange(B), y]
    found = losses(f, y, shape_of("vector-scaled", k))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@of_two_and_more
def test_labels_are_smoothed_by_the_share_of_their_own_class(k):
    f, y = rows(k)
    whole = np.hstack([np.zeros((B, 1)), f]) if k == 2 else np.asarray(f, float)
    epsilon = (0.1 * counts(k).min() / counts(k))[y, None]
    label = (1 - epsilon) * np.eye(k)[y] + epsilon / k
    expected = -(label * log_softmax(whole, axis=1)).sum(axis=1)
    np.testing.assert_allclose(losses(f, y, shape_of("smoothed", k)), expected, rtol=1e-5)


# -- numbers


@of_each_loss
@of_two_and_more
def test_losses_and_gradients_are_finite_however_sure_a_network(name, k):
    """At logits ±1e4 the loss of what is right is 0, of what is wrong about 1e4."""
    sure = np.full((2 * k, k), -1e4, "float32")
    sure[np.arange(2 * k), np.tile(np.arange(k), 2)] = 1e4
    f = sure[:, 1:] if k == 2 else sure
    y = np.repeat([0, 1], k)
    shape = shape_of(name, k)
    each, slopes = with_slope(lambda f: losses(f, y, shape))(f)
    assert np.isfinite(each).all()
    assert np.isfinite(slopes).all()
    right = np.tile(np.arange(k), 2) == y
    scale = float(shape.delta.min())
    assert (each[~right] >= 0.9 * scale * 1e4).all()
    if name != "smoothed":
        assert (each[right] <= 1e-6).all()


@pytest.mark.parametrize("strongest", [Focal(10), VectorScaled(2, 10), Smoothed(0.9)])
@of_two_and_more
def test_the_strongest_are_finite_too(strongest, k):
    y = np.arange(k)
    shape = single(strongest.shape(np.geomspace(1e6, 1, k)))
    loss = with_slope(lambda f: losses(f, y, shape))
    for far in (0.0, 1e4, -1e4):
        each, slopes = loss(jnp.full((k, 1 if k == 2 else k), far).at[:, 0].multiply(-1.0))
        assert np.isfinite(each).all()
        assert np.isfinite(slopes).all()


@of_two_and_more
def test_keras_s_own_loss_which_weights_and_sampling_use_is_finite_too(k):
    f = jnp.full((k, 1 if k == 2 else k), 1e4).at[0].multiply(-1.0)
    loss = cross_entropy(k, from_logits=True)
    each, slopes = with_slope(lambda f: loss(targets(np.arange(k), k), f))(f)
    assert np.isfinite(each).all()
    assert np.isfinite(slopes).all()


def test_no_digit_of_focal_loss_is_lost_where_a_network_is_nearly_sure():
    """f = 20: (1 − p)² (−log p) is e^−60, where p itself is 1 in float32; Keras's is 0."""
    f, y = jnp.array([[20.0]]), np.array([1])
    found = losses(f, y, single(plain(2)._replace(gamma=2.0)))
    assert found[0] == pytest.approx(np.exp(-60), rel=1e-4)


@pytest.mark.parametrize("k", [2, 3])
def test_probabilities_of_0_and_1_are_taken_for_nearly_so(k):
    said = jnp.array([[0.0], [1.0], [0.5]]) if k == 2 else jnp.eye(3, dtype="float32")
    f = logits(said, from_logits=False)
    assert np.isfinite(f).all()
    assert np.abs(f).max() == pytest.approx(-np.log(1e-7), rel=0.02)


# -- taking it back


@of_each_loss
@of_two_and_more
def test_a_lane_is_judged_by_what_its_predictions_become(name, k):
    """The compiled way back is that of finished predictions."""
    rng = np.random.default_rng(7)
    p = rng.dirichlet(np.ones(k), size=50)
    shape = LOSSES[name].shape(counts(k))
    weight, frequency = np.geomspace(0.4, 8, k), np.geomspace(0.7, 3, k)
    treatment = jax.tree.map(
        lambda v: jnp.asarray(v, "float32"), Treatment(weight, frequency, shape)
    )
    found = jax.jit(Treatment.undone)(treatment, jnp.asarray(np.log(p), "float32"))
    expected = np.log(undo(unshaped(p, shape), weight * frequency))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@of_two_and_more
def test_without_a_shape_and_of_the_plain_shape_the_way_back_is_one(k):
    log = jnp.asarray(np.log(np.random.default_rng(8).dirichlet(np.ones(k), 50)), "float32")
    ones = jnp.ones(k)
    without, of_plain = (
        jax.jit(Treatment.undone)(Treatment(3 * ones, ones, shape), log)
        for shape in (None, single(plain(k)))
    )
    np.testing.assert_allclose(without, of_plain, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(without, log, rtol=1e-5, atol=1e-6)


def test_weights_that_do_not_act_yet_are_neither_used_nor_taken_back():
    treatment = Treatment(jnp.array([0.5, 9.0]), jnp.array([1.0, 2.0]))
    waiting, acting = (treatment.acting(jnp.asarray(acts)) for acts in (False, True))
    np.testing.assert_array_equal(waiting.class_weight, [1, 1])
    np.testing.assert_array_equal(acting.class_weight, [0.5, 9])
    half = jnp.log(jnp.array([[0.5, 0.5]]))
    assert jnp.exp(waiting.undone(half))[0] == pytest.approx([2 / 3, 1 / 3])
    assert jnp.exp(acting.undone(half))[0] == pytest.approx([36 / 37, 1 / 37])
