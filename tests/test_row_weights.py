"""Each element weighs what its class does, and the weighted loss of Keras is the one by hand."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from outweigh import (
    DataError,
    Labels,
    OneHot,
    Power,
    UsageError,
    YesNo,
    class_weight,
    class_weights,
    row_weight,
    weighted,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_rows_weigh_what_their_class_does(rng):
    y = rng.choice(["no", "yes", "maybe"], 200, p=[0.7, 0.1, 0.2])
    for rule in ("balanced", "sqrt", Power(0.7), {"no": 1, "yes": 7, "maybe": 3}):
        weight = row_weight(y, rule)
        given = class_weight(y, rule)
        assert weight.dtype == np.float32
        assert weight.tolist() == pytest.approx([given[label] for label in y])


@pytest.mark.parametrize("shape", [(60,), (60, 1), (12, 5), (6, 5, 2), (6, 5, 2, 1)])
def test_balanced_classes_weigh_the_same_and_elements_1_on_average(shape, rng):
    y = rng.choice(3, shape, p=[0.6, 0.3, 0.1])
    weight = row_weight(y, kind=Labels())
    assert weight.shape == shape
    assert weight.mean() == pytest.approx(1, rel=1e-6)
    assert [weight[y == k].sum() for k in range(3)] == pytest.approx([y.size / 3] * 3, rel=1e-6)


def test_what_counts_for_nothing_weighs_nothing_and_moves_no_weight():
    y = np.array([[0, 0, 1], [0, 255, 255]])
    alone = row_weight([0, 0, 1, 0])
    ignored = row_weight(y, kind=Labels(ignore=255))
    masked = row_weight(y, kind=Labels(), mask=y != 255)
    by_row = row_weight([[0, 0, 1, 0], [9, 9, 9, 9]], kind=Labels(), mask=[True, False])
    for weight in (ignored, masked, by_row):
        assert weight[weight > 0].tolist() == alone.tolist()
    assert (ignored > 0).tolist() == (masked > 0).tolist() == (y != 255).tolist()
    assert not by_row[1].any()


def test_one_hot_rows_weigh_as_their_labels(rng):
    y = rng.choice(4, (8, 5), p=[0.4, 0.3, 0.2, 0.1])
    hot = np.eye(4)[y]
    np.testing.assert_array_equal(row_weight(hot, kind=OneHot()), row_weight(y, kind=Labels()))
    hot[2, 3] = 0
    weight = row_weight(hot, kind=OneHot())
    assert weight[2, 3] == 0
    assert weight.sum() == pytest.approx(39)


def test_yes_no_labels_weigh_each_for_itself(rng):
    Y = rng.integers(0, 2, (40, 3)) & rng.integers(0, 2, (40, 3))
    columns = np.column_stack([row_weight(column) for column in Y.T])
    np.testing.assert_array_equal(row_weight(Y, kind=YesNo()), columns)
    np.testing.assert_array_equal(row_weight(Y, class_weights(Y), kind=YesNo()), columns)
    each = list(class_weights(Y).values())
    np.testing.assert_array_equal(row_weight(Y, each, kind=YesNo()), columns)
    above = row_weight(Y[..., np.newaxis], kind=YesNo(axis=-2))
    np.testing.assert_array_equal(above, columns[..., np.newaxis])
    np.testing.assert_array_equal(row_weight(Y, {0: 1, 1: 3}, kind=YesNo()), 1 + 2 * Y)


def test_outputs_have_their_own_rules_kinds_and_masks():
    y = {"a": np.array([0, 0, 1]), "b": np.array([[[1, 0]], [[1, 0]], [[0, 1]]])}
    both = row_weight(y, kind={"a": None, "b": OneHot()})
    np.testing.assert_array_equal(both["a"], row_weight(y["a"]))
    np.testing.assert_array_equal(both["b"], row_weight(y["b"], kind=OneHot()))
    own = row_weight(
        y,
        {"a": {0: 1, 1: 5}, "b": None},
        kind={"a": None, "b": None},
        mask={"a": [True] * 3, "b": None},
    )
    assert own["a"].tolist() == [1, 1, 5]
    assert own["b"].tolist() == [[1]] * 3  # without weights, whatever it is
    assert [w.tolist() for w in row_weight([y["a"], y["a"]], ["none", {0: 1, 1: 5}])] == [
        [1, 1, 1],
        [1, 1, 5],
    ]
    assert isinstance(row_weight((y["a"], y["a"])), tuple)


def test_a_batch_may_lack_a_class_of_the_dict_but_not_the_dict_one_of_the_batch():
    given = {0: 1, 1: 20}
    assert row_weight([0, 0], given).tolist() == [1, 1]
    assert row_weight([1], given).tolist() == [20]
    with pytest.raises(UsageError, match=r"none came for \[2\]"):
        row_weight([0, 2], given)
    assert row_weight(np.eye(3)[:2], {0: 1, 1: 2, 2: 9}, kind=OneHot()).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("y", "rule", "kind", "says"),
    [
        ([0, 1], {"0": 1, "1": 2}, None, "came '0', a str: write 0, an int"),
        ([0, 1], {0: 1, 1: 2, "x": 3}, None, "came 'x', which is none of"),
        ([0, 1], {0: 1, 1: 0}, None, "the weight of class 1 must be a number.*came 0"),
        ([0, 1], {0: 1, 1: -1}, None, "came -1"),
        ([0, 1], {0: 1, 1: float("nan")}, None, "came nan"),
        ([0, 1], {0: 1, 1: 2, 7: 0}, None, "the weight of class 7 must be"),  # absent, too
        ([0, 1], {7: 1, 8: 2}, None, r"none came for \[0, 1\]"),
        ([0, 0], "balanced", None, "it is always 0: pass the whole target"),
        ([0, 1], "auto", None, "a rule must be one of"),
        (np.eye(2), {0: 1, 1: 2, 2: 3}, OneHot(), r"came 2, which is none of \[0, 1\]"),
        (np.eye(2), {0: 1}, OneHot(), r"none came for \[1\]"),
        (np.eye(2), "balanced", None, "unless another kind is said"),
        ([[0, 1]] * 2, "balanced", YesNo(), "label 0 of y: y must hold two classes"),
        (np.eye(2), [{0: 1, 1: 2}] * 3, YesNo(), "each of 2 yes/no labels must have its weights"),
        (np.eye(2), {0: {0: 1, 1: 2}, 2: {0: 1, 1: 2}}, YesNo(), "the numbers from 0 to 1"),
        (np.eye(2), {0: 1, 1: 2, 2: 3}, YesNo(), "label 0 of y: .* came 2, which is none of"),
        ([0.2, 0.7], "balanced", None, "is this a regression target"),
        (np.array([0, None], object), "balanced", None, "1 of 2 in y are missing"),
        (np.array([{}, []], object), "balanced", None, "one plain kind"),
        ({"a": [0, 1]}, {"a": "balanced", "b": None}, None, "must name each output"),
        ({"a": [0, 1], "b": [0, 0]}, "balanced", None, "output 'b': y must hold two classes"),
        ([np.array([0, 1])] * 2, ["balanced"], None, "must have one for each of 2 outputs"),
    ],
)
def test_what_cannot_be_weighed_is_refused_in_one_line(y, rule, kind, says):
    with pytest.raises((UsageError, DataError), match=says) as caught:
        row_weight(y, rule, kind=kind)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mask", [[1, 0], [True], [[True, False]] * 2, "no"])
def test_a_mask_must_be_of_truth_values_and_fit(mask):
    with pytest.raises(UsageError, match="a mask must hold truth values"):
        row_weight([0, 1], mask=mask)


def test_frames_and_series_are_targets():
    y = pd.Series([0, 0, 1], dtype="Int64")
    assert row_weight(y, {0: 1, 1: 2}).tolist() == [1, 1, 2]
    assert row_weight(pd.DataFrame({"y": y}), {0: 1, 1: 2}).tolist() == [[1], [1], [2]]


def test_no_deep_learning_library_is_loaded():
    code = (
        "import sys, outweigh as ow; ow.row_weight([0, 0, 1]); list(ow.weighted([([1], [0, 1])]));"
        "ow.initial_bias([0, 1]); ow.undo([.5, .5], [1, 2]); ow.threshold(ow.Cost(fn=2, fp=1));"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"keras", "jax", "tensorflow", "torch", "grain"}


# Keras


def softmax(logits):
    e = np.exp(logits)
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("shape", [(12, 1), (12, 5, 1), (12, 4, 3, 1)])
def test_keras_weighs_binary_targets_as_by_hand(shape, rng):
    import keras

    y, p = rng.integers(0, 2, shape), rng.random(shape)
    weight = row_weight(y, {0: 1, 1: 9}, kind=Labels())
    by_hand = (weight * -np.log(np.where(y == 1, p, 1 - p))).mean()
    got = keras.losses.BinaryCrossentropy()(y, p, sample_weight=weight)
    assert float(got) == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("shape", [(12,), (12, 1), (12, 5), (12, 5, 1), (12, 4, 3), (12, 4, 3, 1)])
def test_keras_weighs_labels_and_one_hot_rows_as_by_hand(shape, rng):
    import keras

    places = shape[:-1] if shape[-1] == 1 else shape
    y, p = rng.integers(0, 3, shape), softmax(rng.normal(size=(*places, 3)))
    hot, weight = np.eye(3)[y.reshape(places)], row_weight(y, kind=Labels())
    by_hand = (weight.reshape(places) * -np.log((p * hot).sum(axis=-1))).mean()
    sparse = keras.losses.SparseCategoricalCrossentropy()(y, p, sample_weight=weight)
    weight = row_weight(hot, kind=OneHot())
    full = keras.losses.CategoricalCrossentropy()(hot, p, sample_weight=weight)
    assert [float(sparse), float(full)] == pytest.approx([by_hand] * 2, rel=1e-6)


def test_keras_weighs_yes_no_labels_on_a_last_axis_of_one(rng):
    import keras

    Y, p = rng.integers(0, 2, (12, 4, 1)), rng.random((12, 4, 1))
    weight = row_weight(Y, [{0: 1, 1: t + 2} for t in range(4)], kind=YesNo(axis=-2))
    by_hand = (weight * -np.log(np.where(Y == 1, p, 1 - p))).mean()
    got = keras.losses.BinaryCrossentropy()(Y, p, sample_weight=weight)
    assert float(got) == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("last", [(), (1,)])
def test_a_network_trains_and_is_scored_by_weights_per_step(last, rng):
    import keras

    keras.utils.set_random_seed(0)
    units, activation, loss = (
        (1, "sigmoid", "binary_crossentropy")
        if last
        else (2, "softmax", "sparse_categorical_crossentropy")
    )
    model = keras.Sequential([keras.Input((5, 6)), keras.layers.Dense(units, activation)])
    model.compile(loss=loss, weighted_metrics=["accuracy"])
    X, y = rng.normal(size=(12, 5, 6)).astype("float32"), rng.integers(0, 2, (12, 5, *last))
    weight = row_weight(y, {0: 1, 1: 9}, kind=Labels())
    p = np.asarray(model(X), dtype=np.float64)[..., -1]
    code, flat = y.reshape(12, 5), weight.reshape(12, 5)
    by_hand = (flat * -np.log(np.where(code == 1, p, 1 - p))).mean()
    got = model.train_on_batch(X, y, sample_weight=weight, return_dict=True)  # before its step
    assert got["loss"] == pytest.approx(by_hand, rel=1e-6)
    assert got["accuracy"] == pytest.approx(np.average((p > 0.5) == code, weights=flat), rel=1e-5)


def test_keras_weighs_each_of_several_outputs_as_by_hand(rng):
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    outputs = {
        "churn": keras.layers.Dense(1, "sigmoid", name="churn")(inputs),
        "kind": keras.layers.Dense(3, "softmax", name="kind")(inputs),
        "value": keras.layers.Dense(1, name="value")(inputs),
    }
    model = keras.Model(inputs, outputs)
    losses = {"churn": "binary_crossentropy", "kind": "categorical_crossentropy", "value": "mse"}
    model.compile(loss=losses)
    X = rng.normal(size=(20, 6)).astype("float32")
    y = {
        "churn": rng.integers(0, 2, (20, 1)),
        "kind": np.eye(3)[rng.integers(0, 3, 20)],
        "value": rng.normal(size=(20, 1)),
    }
    weight = row_weight(
        y,
        {"churn": "balanced", "kind": {0: 1, 1: 2, 2: 3}, "value": None},
        kind={"churn": None, "kind": OneHot(), "value": None},
    )
    p = {name: np.asarray(said, dtype=np.float64) for name, said in model(X).items()}
    churn = -np.log(np.where(y["churn"] == 1, p["churn"], 1 - p["churn"]))[:, 0]
    kind = -np.log((p["kind"] * y["kind"]).sum(axis=-1))
    value = ((p["value"] - y["value"]) ** 2)[:, 0]
    by_hand = (weight["churn"][:, 0] * churn).mean() + (weight["kind"] * kind).mean() + value.mean()
    got = model.evaluate(X, y, sample_weight=weight, verbose=0, return_dict=True)
    assert got["loss"] == pytest.approx(by_hand, rel=1e-6)


def test_a_dict_for_a_list_of_outputs_is_weights_by_label():
    targets = np.array([0, 0, 1]), np.array([1, 1, 0])
    for made in (list, tuple):
        found = row_weight(made(targets), {0: 1, 1: 9})
        assert [weights.tolist() for weights in found] == [[1, 1, 9], [9, 9, 1]]
    numbered = row_weight(dict(enumerate(targets)), {0: 1, 1: 9})
    assert [weights.tolist() for weights in numbered.values()] == [[1, 1, 9], [9, 9, 1]]


def test_a_ratio_beside_no_weights_is_a_ratio():
    x, y = np.zeros((6, 1)), {"churn": np.array([0, 0, 0, 0, 0, 1]), "value": np.arange(6.0)}
    batches = [(x[i : i + 3], {k: v[i : i + 3] for k, v in y.items()}) for i in (0, 3)]
    wanted = row_weight(y, {"churn": 9.0, "value": None})
    found = [weights["churn"] for _, _, weights in weighted(batches, {"churn": 9.0, "value": None})]
    assert np.concatenate(found) == pytest.approx(wanted["churn"])
