"""Several yes/no targets in the engine: Keras's own fit, and each label as if alone."""

from dataclasses import replace

import numpy as np
import pytest

from outweigh._chunk import Chunk
from outweigh._errors import NetworkError
from outweigh._lanes import KerasTrainer, batch_order
from outweigh._network import keras_on_jax

N, D, T, N_TRAINING = 300, 4, 3, 192
WEIGHTS = np.array([[[1, 1]] * T, [[0.6, 3], [0.6, 5], [0.8, 2]]], dtype=float)


def chunk(*, validating=0, row_weight=None, class_weight=WEIGHTS, epochs=3) -> Chunk:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, D)).astype("float32")
    y = (rng.random((N, T)) < 1 / (1 + np.exp(2 - x @ rng.normal(size=(D, T))))).astype(int)
    rows = np.arange(N)
    return Chunk(
        fold=0,
        seed=3,
        x=x,
        y=y,
        row_weight=row_weight,
        class_weight=np.asarray(class_weight, dtype=float),
        prior=np.full((T, 2), 0.5),
        training=rows[:N_TRAINING],
        validation=rows[N_TRAINING : N_TRAINING + validating],
        held_out=rows[-60:],
        batch_size=32,
        epochs=epochs,
        patience=2 if validating else 0,
    )


def network(activation="sigmoid", *, loss="binary_crossentropy", hidden=True):
    """Make the function that builds a network of T outputs."""

    def build(n_features, n_outputs):
        keras = keras_on_jax()
        layers = [keras.layers.Dense(6, activation="tanh")] if hidden else []
        zeros = "glorot_uniform" if hidden else "zeros"
        last = keras.layers.Dense(n_outputs, activation=activation, kernel_initializer=zeros)
        model = keras.Sequential([keras.Input((n_features,)), *layers, last])
        optimizer = "adam" if hidden else keras.optimizers.SGD(0.3 * n_outputs)
        model.compile(optimizer, loss)
        return model

    return build


def fitted(given: Chunk, build, loss) -> np.ndarray:
    """Fit with Keras on the same batches; give the probabilities (m, T) of yes."""
    keras = keras_on_jax()
    keras.utils.set_random_seed(given.seed)
    model = build(D, T)
    model.compile(model.optimizer, loss)
    x, y = given.x[given.training], given.y[given.training].astype("float32")
    weight = None if given.row_weight is None else given.row_weight[given.training]
    for epoch in range(given.epochs):
        order = batch_order(len(y), seed=given.seed, epoch=epoch)
        own = None if weight is None else weight[order].astype("float32")
        how = {"batch_size": given.batch_size, "shuffle": False, "verbose": 0}
        model.fit(x[order], y[order], sample_weight=own, **how)
    said = model.predict(given.x[given.held_out], verbose=0)
    return said if loss_is_of_probabilities(model) else 1 / (1 + np.exp(-said))


def loss_is_of_probabilities(model) -> bool:
    return model.layers[-1].activation.__name__ == "sigmoid"


def weighted(class_weight):
    """Write the loss out, as a function for Keras."""
    w = class_weight.astype("float32")

    def loss(t, p):
        ops = keras_on_jax().ops
        p = ops.clip(p, 1e-7, 1 - 1e-7)
        each = -(t * w[:, 1] * ops.log(p) + (1 - t) * w[:, 0] * ops.log(1 - p))
        return ops.mean(each, axis=-1)

    return loss


@pytest.mark.parametrize("row_weight", [None, np.linspace(0.5, 2, N)])
def test_a_lane_of_several_labels_is_keras_fit_with_the_loss_written_out(row_weight):
    given, build = chunk(row_weight=row_weight), network()
    [trained] = KerasTrainer(build).train([given])
    assert trained.probability.shape == (2, 60, T, 2)
    for lane, class_weight in zip(trained.probability, given.class_weight, strict=True):
        expected = fitted(given, build, weighted(class_weight))
        np.testing.assert_allclose(lane[..., 1], expected, atol=1e-5)
        np.testing.assert_allclose(lane.sum(axis=-1), 1, atol=1e-6)


def test_without_weights_it_is_keras_own_binary_cross_entropy_of_logits_too():
    keras = keras_on_jax()
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    given, build = chunk(class_weight=WEIGHTS[:1]), network(None, loss=loss)
    [trained] = KerasTrainer(build).train([given])
    np.testing.assert_allclose(
        trained.probability[0, ..., 1], fitted(given, build, loss), atol=1e-5
    )


def alone(given: Chunk, t: int) -> Chunk:
    """Give the chunk of one label by itself."""
    parts = {"y": given.y[:, t], "class_weight": given.class_weight[:, t], "prior": given.prior[t]}
    return replace(given, **parts)


def test_a_network_that_shares_no_layer_learns_each_label_as_if_alone():
    given, build = chunk(epochs=6), network(hidden=False)
    [together] = KerasTrainer(build).train([given])
    for t in range(T):
        [one] = KerasTrainer(build).train([alone(given, t)])
        np.testing.assert_allclose(together.probability[:, :, t], one.probability, atol=1e-5)


def test_the_curve_that_stops_a_lane_is_the_mean_over_labels():
    given, build = chunk(validating=40, epochs=4), network(hidden=False)
    [together] = KerasTrainer(build).train([given])
    curves = []
    for t in range(T):
        [one] = KerasTrainer(build).train([alone(given, t)])
        curves.append(one.curves.undone)
    n = min(c.shape[1] for c in (*curves, together.curves.undone))
    mean = np.mean([c[:, :n] for c in curves], axis=0)
    np.testing.assert_allclose(together.curves.undone[:, :n], mean, atol=1e-5)


def test_the_default_network_starts_at_each_labels_weighted_prior():
    prior = np.array([[0.9, 0.1], [0.5, 0.5], [0.98, 0.02]])
    given = chunk(epochs=1)
    given = replace(given, prior=prior, x=np.zeros_like(given.x), training=np.arange(1))
    [trained] = KerasTrainer(learning_rate=1e-9).train([given])
    odds = trained.probability[:, 0, :, 1] / trained.probability[:, 0, :, 0]
    expected = WEIGHTS[..., 1] / WEIGHTS[..., 0] * prior[:, 1] / prior[:, 0]
    np.testing.assert_allclose(odds, expected, rtol=1e-3)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (network(loss="binary_focal_crossentropy"), "must be compiled with a binary cross-entropy"),
        (network("softmax"), "must not have a softmax"),
        (network(loss="mse"), "must be compiled with a binary cross-entropy"),
    ],
)
def test_a_network_whose_loss_is_another_is_refused(build, message):
    with pytest.raises(NetworkError, match=message):
        KerasTrainer(build).train([chunk()])
