"""A lane of a loss of ours equals the same model trained alone by Keras's own fit on that loss."""

from dataclasses import replace

import numpy as np
import pytest

from outweigh._chunk import Chunk
from outweigh._lanes import KerasTrainer, batch_order
from outweigh._losses import Focal, LogitAdjusted, VectorScaled
from outweigh._network import keras_on_jax, seeded
from outweigh._shapes import Shape, plain

keras = keras_on_jax()
ops = keras.ops

N_TRAINING, BATCH, EPOCHS, SEED = 1_000, 64, 3, 7  # 15 whole batches and one of 40 rows


def network(last=None, hidden="relu", rate=1e-2):
    """Build networks of one hidden layer, compiled with the cross-entropy of what they give."""

    def build(n_features, n_outputs, loss=None):
        layers = [keras.layers.Dense(16, hidden), keras.layers.Dense(n_outputs, last)]
        model = keras.Sequential([keras.Input((n_features,)), *layers])
        kind = (
            keras.losses.BinaryCrossentropy
            if n_outputs == 1
            else keras.losses.SparseCategoricalCrossentropy
        )
        usual = kind(from_logits=last is None)
        model.compile(keras.optimizers.Adam(rate), usual if loss is None else loss)
        return model

    return build


def data(k):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(N_TRAINING + 200, 5)).astype("float32")
    score = x @ rng.normal(size=(5, k)) + rng.gumbel(size=(len(x), k))
    return x, np.argmax(score - np.linspace(0, 2, k), axis=1)


def counts(k):
    return np.bincount(data(k)[1][:N_TRAINING])


def chunk(k, class_weight, shapes, **changed):
    """A chunk of lanes with these class weights (L, K) and shapes; None: the network's own loss."""
    x, y = data(k)
    whole = Chunk(
        fold=0,
        seed=SEED,
        x=x,
        y=y,
        row_weight=None,
        class_weight=np.asarray(class_weight, float),
        prior=np.full(k, 1 / k),
        training=np.arange(N_TRAINING),
        validation=np.arange(0),
        held_out=np.arange(N_TRAINING, len(x)),
        batch_size=BATCH,
        epochs=EPOCHS,
        patience=0,
        shape=None if shapes is None else Shape(*map(np.stack, zip(*shapes, strict=True))),
    )
    return replace(whole, **changed)


def by_keras(build, k, loss, class_weight, *, one_hot=False, starts=0):
    """Train one model with Keras, visiting the rows in the engine's order; give its output.

    Its class weights act from an epoch on: until then and from then on are two fits of Keras's.
    """
    x, y = data(k)
    target = keras.utils.to_categorical(y) if one_hot else y
    with seeded(SEED):
        model = build(x.shape[1], 1 if k == 2 else k, loss)
    for epoch in range(EPOCHS):
        order = batch_order(N_TRAINING, seed=SEED, epoch=epoch)
        weights = {"class_weight": dict(enumerate(class_weight))} if epoch >= starts else {}
        model.fit(x[order], target[order], batch_size=BATCH, shuffle=False, verbose=0, **weights)
    return model.predict(x[N_TRAINING:], verbose=0)


def sigmoid(f):
    p = np.asarray(ops.sigmoid(f))
    return np.hstack([1 - p, p])


def weights(k):
    return np.stack([np.ones(k), np.geomspace(0.3, 12, k)])


# -- losses of Keras's


@pytest.mark.parametrize("last", [None, "sigmoid"])
def test_focal_loss_of_two_classes(last):
    build = network(last)
    loss = keras.losses.BinaryFocalCrossentropy(gamma=2.0, from_logits=last is None)
    shape = Focal(2.0).shape(counts(2))
    [trained] = KerasTrainer(build).train([chunk(2, weights(2), [shape, shape])])
    for said, weight in zip(trained.probability, weights(2), strict=True):
        alone = by_keras(build, 2, loss, weight)
        alone = sigmoid(alone) if last is None else np.hstack([1 - alone, alone])
        assert np.abs(said - alone).max() <= 1e-5


def test_keras_s_class_balancing_of_focal_loss_is_class_weights():
    build, alpha = network(), 0.8
    loss = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=alpha, gamma=2.0, from_logits=True
    )
    shape = Focal(2.0).shape(counts(2))
    [trained] = KerasTrainer(build).train([chunk(2, [[1 - alpha, alpha]], [shape])])
    alone = sigmoid(by_keras(build, 2, loss, [1, 1]))
    assert np.abs(trained.probability[0] - alone).max() <= 1e-5


def test_focal_loss_of_three_classes():
    build = network("softmax")
    loss = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0)
    shape = Focal(2.0).shape(counts(3))
    [trained] = KerasTrainer(build).train([chunk(3, weights(3)[1:], [shape])])
    alone = by_keras(build, 3, loss, weights(3)[1], one_hot=True)
    assert np.abs(trained.probability[0] - alone).max() <= 1e-5


@pytest.mark.parametrize("k", [2, 3])
def test_labels_smoothed_alike_in_all_classes(k):
    build = network()
    kind = keras.losses.BinaryCrossentropy if k == 2 else keras.losses.CategoricalCrossentropy
    loss = kind(from_logits=True, label_smoothing=0.2)
    shape = plain(k)._replace(epsilon=np.full(k, 0.2))
    [trained] = KerasTrainer(build).train([chunk(k, weights(k)[1:], [shape])])
    alone = by_keras(build, k, loss, weights(k)[1], one_hot=k > 2)
    alone = sigmoid(alone) if k == 2 else np.asarray(ops.softmax(alone))
    assert np.abs(trained.probability[0] - alone).max() <= 1e-5


# -- losses of papers, written out


def test_logit_adjustment_of_three_classes():
    """Menon et al.: the cross-entropy of softmax(f + τ log π); f itself is what it says."""
    build, prior = network(), counts(3) / N_TRAINING

    def loss(y, f):
        adjusted = f + np.float32(1.5) * np.log(prior).astype("float32")
        return keras.losses.sparse_categorical_crossentropy(y, adjusted, from_logits=True)

    shape = LogitAdjusted(1.5).shape(counts(3))
    [trained] = KerasTrainer(build).train([chunk(3, weights(3)[:1], [shape])])
    alone = np.asarray(ops.softmax(by_keras(build, 3, loss, weights(3)[0])))
    assert np.abs(trained.probability[0] - alone).max() <= 1e-5


@pytest.mark.parametrize(("gamma", "tau"), [(0.0, 1.5), (0.3, 1.0)])
def test_vector_scaling_and_logit_adjustment_of_two_classes(gamma, tau):
    """Kini et al.: log(1 + exp(ι_y − Δ_y ỹ f)) with ỹ from −1 and 1."""
    build, n_k = network(), counts(2)
    delta = ((n_k / n_k.max()) ** gamma).astype("float32")
    iota = (tau * np.log(n_k[::-1] / n_k)).astype("float32")

    def loss(y, f):
        positive = y > 0.5
        exponent = ops.where(positive, iota[1] - delta[1] * f, iota[0] + delta[0] * f)
        return ops.softplus(exponent)[:, 0]

    shape = VectorScaled(gamma, tau).shape(n_k)
    [trained] = KerasTrainer(build).train([chunk(2, weights(2)[1:], [shape])])
    alone = sigmoid(by_keras(build, 2, loss, weights(2)[1]))
    assert np.abs(trained.probability[0] - alone).max() <= 1e-5


def test_vector_scaling_of_three_classes_says_the_scaled_logits():
    build, n_k = network(), counts(3)
    delta = ((n_k / n_k.max()) ** 0.3).astype("float32")
    iota = np.log(n_k / n_k.sum()).astype("float32")

    def loss(y, f):
        scaled = delta * f + iota
        return keras.losses.sparse_categorical_crossentropy(y, scaled, from_logits=True)

    shape = VectorScaled(0.3, 1.0).shape(n_k)
    [trained] = KerasTrainer(build).train([chunk(3, weights(3)[1:], [shape])])
    alone = np.asarray(ops.softmax(delta * by_keras(build, 3, loss, weights(3)[1])))
    assert np.abs(trained.probability[0] - alone).max() <= 1e-5


# -- weights that wait


@pytest.mark.parametrize("starts", [1, 2])
def test_deferred_weights_are_two_fits_one_after_the_other(starts):
    build = network()
    lanes = chunk(2, weights(2), [plain(2)] * 2, start=np.array([0, starts]))
    [trained] = KerasTrainer(build).train([lanes])
    for said, weight in zip(trained.probability, weights(2), strict=True):
        alone = sigmoid(by_keras(build, 2, None, weight, starts=starts))
        assert np.abs(said - alone).max() <= 1e-5


# -- nothing changed


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("gives", ["logits", "probabilities"])
def test_a_lane_of_the_plain_shape_is_a_lane_without_one(k, gives):
    """A smooth network that takes small steps: training makes no rounding larger."""
    last = {"logits": None, "probabilities": "sigmoid" if k == 2 else "softmax"}[gives]
    trainer = KerasTrainer(network(last, hidden="tanh", rate=1e-3))
    shapes = (None, [plain(k)] * 2)
    ours, shaped = (trainer.train([chunk(k, weights(k), s)])[0].probability for s in shapes)
    np.testing.assert_allclose(shaped, ours, atol=1e-6)
