"""Rows last is the same function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from outweigh._layout import ELEMENTWISE, REDUCTIONS, rows_last
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


@pytest.mark.parametrize("product", [jnp.matmul, lambda x, w: jnp.einsum("bf,fg->bg", x, w)])
def test_a_dense_layer_multiplies_with_rows_last(product):
    def dense(x, w):
        return jnp.maximum(product(x, w), 0).sum(axis=0)

    traced = jax.make_jaxpr(rows_last(dense))(jnp.ones((16, 5)), jnp.ones((5, 3)))
    [dot] = [e for e in traced.jaxpr.eqns if e.primitive.name == "dot_general"]
    assert dot.outvars[0].aval.shape == (3, 16)


def test_what_has_no_rule_is_given_its_rows_upright():
    def odd(x, w):
        return jnp.sort(x @ w, axis=1)[:, ::-1].cumsum(axis=0)

    rng = np.random.default_rng(0)
    x, w = (jnp.asarray(rng.normal(size=s).astype("float32")) for s in ((16, 5), (5, 3)))
    np.testing.assert_allclose(rows_last(odd)(x, w), odd(x, w), rtol=1e-5)


# Laws for any function: small whole numbers, whose sums and products are exact, so that values must
# be equal to the bit; sizes that coincide, so that rows could be mistaken for features.


def whole(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).integers(-3, 4, shape).astype("float32"))


def clipped(v):
    return jnp.clip(v, -99, 99)


STEPS = {  # functions of a matrix (B, f), weights (f, f), and a matrix seen before (B, f)
    "times weights": lambda v, w, u: clipped(v @ w),
    "times weights turned": lambda v, w, u: clipped(v @ w.T),
    "weights first": lambda v, w, u: clipped((w @ v.T).T),
    "rows with rows": lambda v, w, u: clipped((v @ u.T) @ u),
    "rows with rows, neither turned": lambda v, w, u: clipped(jnp.einsum("bf,cf->bc", v, u) @ u),
    "features with features": lambda v, w, u: clipped(v @ clipped(v.T @ u)),
    "sum of features": lambda v, w, u: clipped(u + v.sum(axis=1, keepdims=True)),
    "largest of rows": lambda v, w, u: clipped(u - v.max(axis=0)),
    "sum of all": lambda v, w, u: u + v.sum() % 3,
    "sum over no axis": lambda v, w, u: clipped(u + v.sum(axis=())),
    "first feature of each row": lambda v, w, u: v[:, 0][:, None] - u,
    "first row for all": lambda v, w, u: jnp.broadcast_to(v[0], v.shape) + jnp.sign(u),
    "a column of rows": lambda v, w, u: v * v[:, :1].reshape(-1).reshape(-1, 1) % 5,
    "shape of the transpose": lambda v, w, u: v.reshape(v.shape[::-1]).reshape(v.shape),
    "flat and back": lambda v, w, u: u.reshape(-1)[::-1].reshape(v.shape),
    "three axes": lambda v, w, u: clipped((v[:, :, None] * w).sum(axis=1)),
    "a row by a row": lambda v, w, u: clipped(jax.vmap(lambda a, b: a * b[0] + a.max())(v, u)),
    "one after another": lambda v, w, u: clipped(lax.scan(lambda c, r: (c - r, c), v[0], u)[1]),
    "side by side": lambda v, w, u: jnp.concatenate([v, u], axis=1)[:, ::2][:, : v.shape[1]],
    "below each other": lambda v, w, u: jnp.concatenate([u, v])[1 : 1 + len(v)],
    "a constant of rows": lambda v, w, u: v + whole(*v.shape, seed=1),
    "a mask": lambda v, w, u: jnp.where(
        jax.random.bernoulli(jax.random.key(0), 0.5, v.shape), v, u
    ),
    "relu": lambda v, w, u: jax.nn.relu(v) - jnp.minimum(u, 1),
    "sorted": lambda v, w, u: jnp.sort(v, axis=1) + jnp.cumsum(u, axis=0) % 2,
    "a branch": lambda v, w, u: lax.cond(w.sum() > 0, lambda a: a, lambda a: -a, v),
    "checkpointed": lambda v, w, u: jax.checkpoint(lambda a: clipped(a * u))(v),
}


def check_the_law(names, n_rows):
    x, w = whole(n_rows, 4), whole(4, 4, seed=2)

    def function(x, w):
        values = [x, clipped(x @ w)]
        for name in names:
            values.append(STEPS[name](values[-1], w, values[-2]))
        return values[2:]

    def both(x, w):
        values, back = jax.vjp(function, x, w)
        return values, back([jnp.sign(v) for v in values])

    (values, gradient), (found, found_gradient) = both(x, w), rows_last(both)(x, w)
    for e, f in zip(values, found, strict=True):
        np.testing.assert_array_equal(f, e)
    for e, f in zip(gradient, found_gradient, strict=True):  # these may outgrow whole numbers
        np.testing.assert_allclose(f, e, rtol=1e-4, atol=1e-4 * abs(e).max())


@pytest.mark.parametrize("name", STEPS)
def test_rows_last_is_the_same_function_for_as_many_rows_as_features(name):
    check_the_law([name], n_rows=4)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=2, max_size=5), st.sampled_from([1, 4]))
def test_rows_last_is_the_same_function_of_any_steps(names, n_rows):
    check_the_law(names, n_rows)


def test_a_transpose_that_turns_nothing_leaves_rows_where_they_are():
    def same(x):
        return lax.transpose_p.bind(x, permutation=(0, 1))  # as JAX may derive it

    np.testing.assert_array_equal(rows_last(same)(whole(3, 3)), whole(3, 3))


OPERATIONS = {
    "add_any": lambda x, y: jax.grad(lambda x: (x * x + jnp.sin(x)).sum())(x),
    "and": lambda x, y: (x > 2) & (y > 0),
    "clamp": lambda x, y: lax.clamp(y, x, y + 1),
    "convert_element_type": lambda x, y: x.astype("int32"),
    "copy": lambda x, y: jnp.copy(x),
    "integer_pow": lambda x, y: x**3,
    "not": lambda x, y: ~(x > 2),
    "or": lambda x, y: (x > 2) | (y > 0),
    "round": lambda x, y: lax.round(x),
    "select_n": lambda x, y: lax.select_n(x > 2, x, y),
    "xor": lambda x, y: (x > 2) ^ (y > 0),
    "reduce_max": lambda x, y: x.max(axis=0),
    "reduce_min": lambda x, y: x.min(axis=1),
    "reduce_prod": lambda x, y: x.prod(axis=0),
    "reduce_sum": lambda x, y: x.sum(axis=1),
}
TWO = {"add", "div", "eq", "ge", "gt", "le", "lt", "max", "min", "mul", "ne", "pow", "rem", "sub"}
OPERATIONS |= {name: getattr(lax, name) for name in TWO}


@pytest.mark.parametrize("name", sorted(ELEMENTWISE | REDUCTIONS))
def test_each_rule_is_its_operation(name):
    function = OPERATIONS.get(name, lambda x, y: getattr(lax, name)(x))
    x, y = abs(whole(3, 3)) + 1.5, whole(3, 3, seed=1)
    assert name in {e.primitive.name for e in jax.make_jaxpr(function)(x, y).eqns}
    np.testing.assert_allclose(rows_last(function)(x, y), function(x, y), rtol=1e-6)
