"""Rows last is the same function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from outweigh._layout import rows_last
from outweigh._network import keras_on_jax, seeded

keras = keras_on_jax()
layers = keras.layers

NETWORKS = {
    "dense": lambda: [layers.Dense(8, "relu"), layers.Dense(8, "tanh")],
    "BatchNorm": lambda: [layers.Dense(8), layers.BatchNormalization(), layers.Activation("gelu")],
    "LayerNorm": lambda: [layers.Dense(8), layers.LayerNormalization(), layers.ELU()],
    "softmax inside": lambda: [layers.Dense(8, "softmax"), layers.Dense(8, "selu")],
    "as many units as rows": lambda: [layers.Dense(16, "swish"), layers.Dense(16, "mish")],
    "convolution": lambda: [
        layers.Reshape((5, 1)),
        layers.Conv1D(4, 3, activation="relu"),
        layers.Flatten(),
    ],
    "attention": lambda: [layers.Reshape((5, 1)), layers.LSTM(6)],
    "normalised to length 1": lambda: [layers.Dense(8), layers.UnitNormalization()],
}


def of_network(name):
    with seeded(3):
        model = keras.Sequential([keras.Input((5,)), *NETWORKS[name](), layers.Dense(2)])
    trainable = [v.value for v in model.trainable_variables]
    other = [v.value for v in model.non_trainable_variables]

    def loss(trainable, x):
        z, _ = model.stateless_call(trainable, other, x, training=True)
        return (jax.nn.log_softmax(z) ** 2).sum()

    return loss, trainable


@pytest.mark.parametrize("name", NETWORKS)
def test_values_and_gradients_are_the_same(name):
    loss, trainable = of_network(name)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(16, 5)).astype("float32"))

    def both(x, trainable):
        return jax.value_and_grad(loss)(trainable, x)

    expected, found = both(x, trainable), rows_last(both)(x, trainable)
    for e, f in zip(jax.tree.leaves(expected), jax.tree.leaves(found), strict=True):
        np.testing.assert_allclose(f, e, rtol=2e-4, atol=2e-5)


def test_a_dense_layer_multiplies_with_rows_last():
    def dense(x, w):
        return jnp.maximum(x @ w, 0).sum(axis=0)

    traced = jax.make_jaxpr(rows_last(dense))(jnp.ones((16, 5)), jnp.ones((5, 3)))
    [product] = [e for e in traced.jaxpr.eqns if e.primitive.name == "dot_general"]
    assert product.outvars[0].aval.shape == (3, 16)


def test_what_has_no_rule_is_given_its_rows_upright():
    def odd(x, w):
        return jnp.sort(x @ w, axis=1)[:, ::-1].cumsum(axis=0)

    rng = np.random.default_rng(0)
    x, w = (jnp.asarray(rng.normal(size=s).astype("float32")) for s in ((16, 5), (5, 3)))
    np.testing.assert_allclose(rows_last(odd)(x, w), odd(x, w), rtol=1e-5)
