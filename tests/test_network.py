"""A user's network is taken as it is, or refused in one line."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest

from outweigh import NetworkError, default_network
from outweigh._network import keras_on_jax, load_build, prepare, seeded

keras = keras_on_jax()
layers, losses, ops = keras.layers, keras.losses, keras.ops


def sequential(*stack, loss=None, **said):
    """Give a function that builds these layers; ``None`` stands for a last dense layer."""

    def build(n_features, n_outputs):
        copies = [
            type(s).from_config(s.get_config()) if s else layers.Dense(n_outputs) for s in stack
        ]
        model = keras.Sequential([keras.Input((n_features,)), *copies])
        for name, value in said.items():
            setattr(model, name, value)
        if loss is not None:
            model.compile("adam", loss)
        return model

    return build


def ending(activation, loss=None, **said):
    return sequential(None, layers.Activation(activation), loss=loss, **said)


def functional(n_inputs=1, n_results=1):
    def build(n_features, n_outputs):
        inputs = [keras.Input((n_features,)) for _ in range(n_inputs)]
        joined = layers.Concatenate()(inputs) if n_inputs > 1 else inputs[0]
        results = [layers.Dense(n_outputs, "sigmoid")(joined) for _ in range(n_results)]
        one = lambda some: some if len(some) > 1 else some[0]
        return keras.Model(one(inputs), one(results))

    return build


def subclassed(call, **methods):
    """Give a function that builds a model of one dense layer and this call(model, x)."""
    network = type("Net", (keras.Model,), {"call": call, "from_logits": True, **methods})

    def build(n_features, n_outputs):
        model = network()
        model.dense = layers.Dense(n_outputs)
        return model

    return build


class Doubled(keras.Sequential):
    def call(self, inputs, training=None):
        return 2 * super().call(inputs, training=training)


def raising(n_features, n_outputs):
    raise KeyError("no\nsuch layer")


def compiled(loss, activation, optimizer="adam", **options):
    def build(n_features, n_outputs):
        model = keras.Sequential(
            [keras.Input((n_features,)), layers.Dense(n_outputs, activation=activation)]
        )
        model.compile(optimizer, loss, **options)
        return model

    return build


def own(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def own_mean(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred))


def own_of_logits(y_true, y_pred, from_logits=True):
    return losses.binary_crossentropy(y_true, y_pred, from_logits=from_logits)


BINARY, LOGITS = "binary_crossentropy", losses.BinaryCrossentropy(from_logits=True)
BROKEN = {
    "raises": (raising, "raised KeyError"),
    "no model": (lambda a, b: "model", "must return a keras.Model"),
    "nothing to train": (
        lambda a, b: keras.Sequential([keras.Input((a,)), layers.Dense(b, trainable=False)]),
        "must have something to train",
    ),
    # input and output
    "two inputs": (functional(n_inputs=2), "rows of 3 features"),
    "two outputs": (functional(n_results=2), r"of shape \(rows, 1\), it is a list"),
    "two columns for two classes": (sequential(layers.Dense(2)), r"\(rows, 1\)"),
    "three axes": (
        sequential(layers.Reshape((3, 1)), layers.Dense(1)),
        r"it is of shape \(None, 3",
    ),
    "other input": (
        lambda a, b: keras.Sequential([keras.Input((7,)), layers.Dense(b, "sigmoid")]),
        "rows of 3 features",
    ),
    # what it computes
    "a branch on values": (
        subclassed(lambda self, x: self.dense(x if ops.sum(x) > 0 else -x)),
        "it raised TracerBoolConversionError: Attempted boolean conversion",
    ),
    "NumPy inside": (
        subclassed(lambda self, x: self.dense(np.sqrt(np.asarray(x)))),
        "it raised TracerArrayConversionError",
    ),
    "NumPy's random numbers": (
        subclassed(lambda self, x: self.dense(x + np.random.normal(size=(1, 3)).astype("float32"))),  # noqa: NPY002  (as users write)
        "must compute the same at each call",
    ),
    "Python's random numbers": (
        subclassed(lambda self, x: self.dense(x * random.random())),
        "must compute the same at each call",
    ),
    "Keras's random numbers without a generator": (
        subclassed(lambda self, x: self.dense(x + keras.random.normal((1, 3)))),
        "you should create a `SeedGenerator` instance",
    ),
    "its own steps": (
        subclassed(lambda self, x: self.dense(x), train_step=lambda self, state, data: ({}, state)),
        "overrides train_step",
    ),
    "its own loss step": (
        subclassed(lambda self, x: self.dense(x), compute_loss=lambda self, *_, **__: 0.0),
        "overrides compute_loss",
    ),
    # logits or probabilities
    "says neither": (ending("tanh"), "must say whether its output is logits or probabilities"),
    "says neither, ends in an operation": (
        lambda a, b: keras.Model(x := keras.Input((a,)), ops.sigmoid(layers.Dense(b)(x))),
        "set model.from_logits = True or False",
    ),
    "says neither, subclassed": (
        subclassed(lambda self, x: self.dense(x), from_logits=None),
        "set model.from_logits = True or False",
    ),
    "says neither, does more than its layers": (
        lambda a, b: Doubled([keras.Input((a,)), layers.Dense(b)]),
        "set model.from_logits = True or False",
    ),
    "a linear end that only a loss of one's own knows": (
        compiled(own, None),
        "set model.from_logits = True or False",
    ),
    "a loss of probabilities on logits": (compiled(BINARY, None), "linear, says logits: mend"),
    "a loss of logits on probabilities": (
        compiled(LOGITS, "sigmoid"),
        "the loss BinaryCrossentropy says logits but the last layer's activation, sigmoid, says",
    ),
    "an attribute against the last layer": (
        ending("sigmoid", from_logits=True),
        "model.from_logits says logits but",
    ),
    "an attribute that is no answer": (
        ending("sigmoid", from_logits="yes"),
        "model.from_logits must be True or False, got 'yes'",
    ),
    # the loss
    "several losses": (compiled([BINARY, BINARY], "sigmoid"), "one loss and no loss_weights"),
    "weighs its loss": (compiled(BINARY, "sigmoid", loss_weights=2.0), "no loss_weights"),
    "unknown loss": (
        compiled("no_such_loss", "sigmoid"),
        "one that Keras knows, got 'no_such_loss'",
    ),
    "a loss that is a mean": (compiled(own_mean, "sigmoid"), r"for 3 rows it gives .* shape \(\)"),
    "a loss of the batch": (compiled(losses.Dice(), "sigmoid"), "one value for each row"),
    "a loss that is not reduced": (
        compiled(losses.BinaryCrossentropy(reduction=None), "sigmoid"),
        r"must be one number for a batch, it is of shape \(3,\)",
    ),
    "softmax of one column": (ending("softmax"), "one output must not have a softmax"),
    "a loss of K columns": (
        compiled(losses.CategoricalCrossentropy(), "sigmoid"),
        "must not have the loss CategoricalCrossentropy",
    ),
}
OF_FOUR_CLASSES = {
    "sigmoids": (ending("sigmoid"), "4 outputs must not have a sigmoid"),
    "a loss of two classes": (compiled(LOGITS, None), "must not have the loss BinaryCrossentropy"),
    "does not say its targets": (compiled(own, "softmax"), "set model.one_hot = True"),
    "targets against the loss": (
        ending("softmax", loss="sparse_categorical_crossentropy", one_hot=True),
        "takes codes but model.one_hot is True",
    ),
}
EVERY = [(2, name, *case) for name, case in BROKEN.items()]
EVERY += [(4, name, *case) for name, case in OF_FOUR_CLASSES.items()]


@pytest.mark.parametrize(
    ("n_classes", "build", "says"),
    [(k, b, s) for k, _, b, s in EVERY],
    ids=[name for _, name, _, _ in EVERY],
)
def test_a_broken_network_gives_one_clear_line(n_classes, build, says):
    with pytest.raises(NetworkError, match=says) as caught:
        prepare(build, n_features=3, n_classes=n_classes, seed=0)
    assert str(caught.value).isprintable()


FROM_LOGITS = {
    "the last layer, linear": (sequential(None), True),
    "the last layer, softmax": (sequential(None, layers.Softmax()), False),
    "a loss by its name": (compiled(BINARY, "sigmoid"), False),
    "a loss object": (compiled(LOGITS, None), True),
    "the default of a loss function": (compiled(own_of_logits, None), True),
    "a loss of one's own, its sigmoid": (compiled(own, "sigmoid"), False),
    "the model": (subclassed(lambda self, x: self.dense(x)), True),
    "the model's loss, any activation": (ending("tanh", loss=LOGITS), True),
    "the last layer of the last model": (
        lambda a, b: keras.Sequential([keras.Input((a,)), keras.Sequential([layers.Dense(b)])]),
        True,
    ),
}


@pytest.mark.parametrize("who", FROM_LOGITS)
def test_what_the_output_is_can_be_said_by(who):
    build, from_logits = FROM_LOGITS[who]
    n_classes = 3 if "softmax" in who else 2
    assert prepare(build, n_features=3, n_classes=n_classes, seed=0).from_logits is from_logits


def test_the_layer_that_computes_the_output_counts_not_the_one_listed_last():
    def build(n_features, n_outputs):
        x, dense, last = keras.Input((1,)), layers.Dense(1), layers.Activation("sigmoid")
        return keras.Model(x, dense(last(dense(x))))  # Keras lists the sigmoid last

    assert prepare(build, n_features=1, n_classes=2, seed=0).from_logits


@pytest.mark.parametrize(
    ("loss", "one_hot"),
    [
        ("crossentropy", False),
        ("categorical_crossentropy", True),
        (losses.SparseCategoricalCrossentropy(), False),
        (losses.CategoricalFocalCrossentropy(), True),
        ("kl_divergence", True),
    ],
)
def test_a_loss_of_keras_gets_the_targets_it_takes(loss, one_hot):
    network = prepare(compiled(loss, "softmax"), n_features=3, n_classes=4, seed=0)
    assert network.one_hot is one_hot


@pytest.mark.parametrize("one_hot", [True, False])
def test_a_loss_of_ones_own_gets_the_targets_it_says(one_hot):
    def loss(y_true, y_pred):
        own = losses.categorical_crossentropy if one_hot else losses.sparse_categorical_crossentropy
        return own(y_true, y_pred)

    build = ending("softmax", loss=loss, one_hot=one_hot)
    assert prepare(build, n_features=3, n_classes=4, seed=0).one_hot is one_hot


def test_a_model_handed_over_twice_is_refused():
    model = default_network(3, 1)
    prepare(lambda a, b: model, n_features=3, n_classes=2, seed=0)
    with pytest.raises(NetworkError, match="must build a new model at each call"):
        prepare(lambda a, b: model, n_features=3, n_classes=2, seed=1)


def test_an_optimizer_handed_over_twice_is_refused():
    build = compiled(BINARY, "sigmoid", optimizer=keras.optimizers.Adam())
    prepare(build, n_features=3, n_classes=2, seed=0)
    with pytest.raises(NetworkError, match="must make a new optimizer at each call") as caught:
        prepare(build, n_features=3, n_classes=2, seed=1)
    assert str(caught.value).isprintable()


def test_a_model_that_was_trained_before_keeps_its_parameters_and_its_optimizer():
    def build(n_features, n_outputs):
        model = compiled(BINARY, "sigmoid")(n_features, n_outputs)
        model.fit(np.ones((8, n_features)), np.ones(8), verbose=0)
        return model

    network = prepare(build, n_features=3, n_classes=2, seed=0)
    _, _, steps = network.start()
    assert int(steps[0]) == 1


def test_networks_that_differ_in_more_than_values_have_other_sketches():
    def times(factor, units=4):
        def build(n_features, n_outputs):
            x = keras.Input((n_features,))
            return keras.Model(x, layers.Dense(n_outputs)(layers.Dense(units)(x) * factor))

        return prepare(build, n_features=3, n_classes=2, seed=int(factor)).sketch

    assert times(2.0) == times(2.0)
    assert len({times(2.0), times(3.0), times(2.0, units=5)}) == 3


@pytest.mark.parametrize(("n_classes", "n_outputs"), [(2, 1), (3, 3), (7, 7)])
def test_the_default_network_gives_one_logit_for_two_classes_and_k_for_k(n_classes, n_outputs):
    network = prepare(default_network, n_features=5, n_classes=n_classes, seed=0)
    assert network.from_logits
    assert network.model.output_shape == (None, n_outputs)
    assert network.output_bias == 5


def test_only_the_default_network_has_its_output_bias_set():
    build = compiled("binary_crossentropy", "sigmoid")
    assert prepare(build, n_features=3, n_classes=2, seed=0).output_bias is None


def test_a_compiled_optimizer_is_kept_and_a_learning_rate_overrides_it():
    build = compiled("binary_crossentropy", "sigmoid")
    network = prepare(build, n_features=3, n_classes=2, seed=0, learning_rate=0.25)
    assert network.optimizer is network.model.optimizer
    assert float(network.optimizer.learning_rate) == 0.25


def test_a_learning_rate_cannot_override_a_schedule():
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-2, 10, 0.9)
    build = compiled(BINARY, "sigmoid", optimizer=keras.optimizers.Adam(schedule))
    with pytest.raises(NetworkError, match="one number for it, Adam says TypeError") as caught:
        prepare(build, n_features=3, n_classes=2, seed=0, learning_rate=0.25)
    assert str(caught.value).isprintable()


def test_the_same_seed_builds_the_same_network():
    one, two, other = (
        prepare(default_network, n_features=3, n_classes=2, seed=s).start()[0][0] for s in (4, 4, 5)
    )
    np.testing.assert_array_equal(one, two)
    assert (np.asarray(one) != np.asarray(other)).any()


def test_seeding_keras_leaves_pythons_and_numpys_generators_alone():
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002  (Keras seeds it)
    with seeded(99):
        random.random()
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


def test_a_network_function_is_loaded_from_a_file(tmp_path):
    file = tmp_path / "nets.py"
    file.write_text(
        "import keras\n\n\ndef build(d, k):\n"
        "    return keras.Sequential([keras.Input((d,)), keras.layers.Dense(k, 'sigmoid')])\n"
    )
    assert load_build(f"{file}:build")(4, 1).count_params() == 5


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("nets.py", "FILE.py:FUNCTION"),
        ("gone.py:build", "exists"),
        ("raises.py:build", "raised ZeroDivisionError"),
        ("empty.py:build", "must define a function 'build'"),
        ("broken.py:build", "raised SyntaxError"),
    ],
)
def test_a_file_that_cannot_serve_gives_one_clear_line(tmp_path, monkeypatch, where, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raises.py").write_text("1 / 0\n")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "broken.py").write_text("def build(:\n")
    with pytest.raises(NetworkError, match=says) as caught:
        load_build(where)
    assert str(caught.value).isprintable()


def test_keras_on_another_backend_gives_one_line_that_says_what_to_set():
    code = "import keras, outweigh\noutweigh.default_network(2, 1)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_BACKEND": "numpy"},  # comes with Keras
        capture_output=True,
        text=True,
    )
    said = done.stderr.strip().splitlines()[-1]
    assert "NetworkError: Keras must run on JAX here, but it runs on numpy: " in said
    assert said.endswith("set KERAS_BACKEND=jax before Python starts.")


def test_a_backend_that_cannot_be_imported_gives_the_same_advice(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setitem(sys.modules, "keras", None)  # as if its backend were missing
    with pytest.raises(NetworkError, match=r"on tensorflow it raised .* set KERAS_BACKEND=jax"):
        keras_on_jax()
