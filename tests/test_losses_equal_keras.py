"""A lane of a loss of ours equals the same model trained alone by Keras's own fit on that loss."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

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


def softmax(f):
    return np.asarray(ops.softmax(f))


def menon(n_k, tau):
    """Menon et al.: the cross-entropy of softmax(f + τ log π); f itself is what a network says."""
    log_prior = (tau * np.log(n_k / n_k.sum())).astype("float32")

    def loss(y, f):
        return keras.losses.sparse_categorical_crossentropy(y, f + log_prior, from_logits=True)

    return loss


def kini_of_two(n_k, gamma, tau):
    """Kini et al.: log(1 + exp(ι_y − Δ_y ỹ f)) with ỹ from −1 and 1."""
    delta = ((n_k / n_k.max()) ** gamma).astype("float32")
    iota = (tau * np.log(n_k[::-1] / n_k)).astype("float32")

    def loss(y, f):
        exponent = ops.where(y > 0.5, iota[1] - delta[1] * f, iota[0] + delta[0] * f)
        return ops.softplus(exponent)[:, 0]

    return loss


@dataclass(frozen=True)
class Case:
    """A lane, and the loss that Keras is to train with instead."""

    shape: Shape
    keras_loss: Any
    one_hot: bool = False
    class_weight: tuple[float, ...] = (0.3, 12.0)
    of_keras: tuple[float, ...] | None = None  # its class weights, where its loss has some


TWO, THREE = counts(2), counts(3)
FOCAL = {"gamma": 2.0, "from_logits": True}
ALIKE = {"label_smoothing": 0.2, "from_logits": True}
BALANCING = {"apply_class_balancing": True, "alpha": 0.8}
OF_TWO = {
    "focal": Case(
        Focal(2.0).shape(TWO), keras.losses.BinaryFocalCrossentropy(**FOCAL), class_weight=(1, 1)
    ),
    "focal, class weights": Case(
        Focal(2.0).shape(TWO), keras.losses.BinaryFocalCrossentropy(**FOCAL)
    ),
    "focal, Keras's class balancing": Case(
        Focal(2.0).shape(TWO),
        keras.losses.BinaryFocalCrossentropy(**FOCAL, **BALANCING),
        class_weight=(0.2, 0.8),
        of_keras=(1, 1),
    ),
    "labels smoothed alike": Case(
        plain(2)._replace(epsilon=np.full(2, 0.2)), keras.losses.BinaryCrossentropy(**ALIKE)
    ),
    "logit-adjusted": Case(LogitAdjusted(1.5).shape(TWO), kini_of_two(TWO, 0.0, 1.5)),
    "vector-scaled": Case(VectorScaled(0.3, 1.0).shape(TWO), kini_of_two(TWO, 0.3, 1.0)),
}
OF_THREE = {
    "logit-adjusted": Case(
        LogitAdjusted(1.5).shape(THREE), menon(THREE, 1.5), class_weight=(1, 1, 1)
    ),
    "labels smoothed alike": Case(
        plain(3)._replace(epsilon=np.full(3, 0.2)),
        keras.losses.CategoricalCrossentropy(**ALIKE),
        one_hot=True,
        class_weight=(0.3, 2, 12),
    ),
}


@cache
def of_lanes(k):
    """Train the lanes of all cases of k classes together."""
    cases = (OF_TWO if k == 2 else OF_THREE).values()
    lanes = chunk(k, [case.class_weight for case in cases], [case.shape for case in cases])
    [trained] = KerasTrainer(network()).train([lanes])
    return trained.probability


@pytest.mark.parametrize(("k", "name"), [(2, name) for name in OF_TWO] + [(3, n) for n in OF_THREE])
def test_a_lane_of_a_loss_is_the_model_that_keras_trains_with_it(k, name):
    cases = OF_TWO if k == 2 else OF_THREE
    case = cases[name]
    weight = case.class_weight if case.of_keras is None else case.of_keras
    f = by_keras(network(), k, case.keras_loss, weight, one_hot=case.one_hot)
    alone = sigmoid(f) if k == 2 else softmax(f)
    assert np.abs(of_lanes(k)[list(cases).index(name)] - alone).max() <= 1e-5


@pytest.mark.parametrize("k", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_lane_of_focal_loss_whose_network_gives_probabilities(k):
    """Keras has focal loss of more than two classes for probabilities alone, to good digits."""
    build = network("sigmoid" if k == 2 else "softmax")
    two, many = keras.losses.BinaryFocalCrossentropy, keras.losses.CategoricalFocalCrossentropy
    loss = two(gamma=2.0) if k == 2 else many(alpha=1.0, gamma=2.0)
    weight = np.geomspace(0.3, 12, k)
    [trained] = KerasTrainer(build).train([chunk(k, [weight], [Focal(2.0).shape(counts(k))])])
    alone = by_keras(build, k, loss, weight, one_hot=k > 2)
    alone = np.hstack([1 - alone, alone]) if k == 2 else alone
    assert np.abs(trained.probability[0] - alone).max() <= 1e-5


def test_vector_scaling_of_three_classes_says_the_scaled_logits():
    build = network()
    delta = ((THREE / THREE.max()) ** 0.3).astype("float32")
    log_prior = np.log(THREE / THREE.sum()).astype("float32")

    def loss(y, f):
        scaled = delta * f + log_prior
        return keras.losses.sparse_categorical_crossentropy(y, scaled, from_logits=True)

    shape, weight = VectorScaled(0.3, 1.0).shape(THREE), (0.3, 2, 12)
    [trained] = KerasTrainer(build).train([chunk(3, [weight], [shape])])
    alone = softmax(delta * by_keras(build, 3, loss, weight))
    assert np.abs(trained.probability[0] - alone).max() <= 1e-5


# -- weights that wait


def test_deferred_weights_are_two_fits_one_after_the_other():
    build, weight = network(), (0.3, 12.0)
    lanes = chunk(2, [weight] * 3, [plain(2)] * 3, start=np.arange(3))
    [trained] = KerasTrainer(build).train([lanes])
    for starts, said in enumerate(trained.probability):
        alone = sigmoid(by_keras(build, 2, None, weight, starts=starts))
        assert np.abs(said - alone).max() <= 1e-5


# -- nothing changed


@pytest.mark.parametrize(
    ("k", "gives"),
    [
        *((2, "logits"), (3, "probabilities")),
        pytest.param(2, "probabilities", marks=pytest.mark.slow),
        pytest.param(3, "logits", marks=pytest.mark.slow),
    ],
)
def test_a_lane_of_the_plain_shape_is_a_lane_without_one(k, gives):
    """A smooth network that takes small steps: training makes no rounding larger."""
    last = {"logits": None, "probabilities": "sigmoid" if k == 2 else "softmax"}[gives]
    trainer = KerasTrainer(network(last, hidden="tanh", rate=1e-3))
    weights = [np.ones(k), np.geomspace(0.3, 12, k)]
    of_shapes = (trainer.train([chunk(k, weights, s)])[0] for s in (None, [plain(k)] * 2))
    ours, shaped = (trained.probability for trained in of_shapes)
    np.testing.assert_allclose(shaped, ours, atol=1e-6)
