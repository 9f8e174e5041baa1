"""A user's network is taken as it is, or refused in one line."""

import random

import numpy as np
import pytest

from outweigh import NetworkError, default_network
from outweigh._network import keras_on_jax, load_build, prepare, seeded

keras = keras_on_jax()
layers = keras.layers


def sequential(*stack):
    return lambda n_features, n_outputs: keras.Sequential([keras.Input((n_features,)), *stack])


def raising(n_features, n_outputs):
    raise KeyError("no\nsuch layer")


def compiled(loss, activation):
    def build(n_features, n_outputs):
        model = keras.Sequential(
            [keras.Input((n_features,)), layers.Dense(n_outputs, activation=activation)]
        )
        model.compile("adam", loss)
        return model

    return build


BROKEN = {
    "raises": (raising, "raised KeyError"),
    "no model": (lambda a, b: "model", "must return a keras.Model"),
    "two outputs for two classes": (sequential(layers.Dense(2)), r"\(rows, 1\)"),
    "three dimensions": (sequential(layers.Reshape((3, 1)), layers.Dense(1)), "must be of shape"),
    "other input": (
        lambda a, b: keras.Sequential([keras.Input((7,)), layers.Dense(b, "sigmoid")]),
        "rows of 3 features",
    ),
    "nothing to train": (sequential(layers.Activation("sigmoid")), "must have something to train"),
    "neither logits nor probabilities": (
        sequential(layers.Dense(1, activation="tanh")),
        "logits or probabilities",
    ),
    "a loss of probabilities on logits": (compiled("binary_crossentropy", None), "takes probab"),
    "a loss of logits on probabilities": (
        compiled(keras.losses.BinaryCrossentropy(from_logits=True), "sigmoid"),
        "must agree on logits",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_network_gives_one_clear_line(name):
    build, says = BROKEN[name]
    with pytest.raises(NetworkError, match=says) as caught:
        prepare(build, n_features=3, n_classes=2, seed=0)
    assert "\n" not in str(caught.value)


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
    assert "\n" not in str(caught.value)
