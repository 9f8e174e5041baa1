"""Law 1: a lane equals the same model trained alone by Keras's own fit."""

from dataclasses import replace

import numpy as np
import pytest

from outweigh._chunk import Chunk
from outweigh._lanes import KerasTrainer, batch_order
from outweigh._network import keras_on_jax, seeded

keras = keras_on_jax()
layers = keras.layers

N_TRAINING, BATCH, EPOCHS, SEED = 1_000, 64, 3, 7  # 15 whole batches and one of 40 rows


def network(*hidden, loss=None, optimizer=None, last="sigmoid"):
    def build(n_features, n_outputs):
        output = layers.Dense(n_outputs, activation=last)
        model = keras.Sequential([keras.Input((n_features,)), *[make() for make in hidden], output])
        if optimizer is not None:
            model.compile(optimizer=optimizer(), loss=loss)
        return model

    return build


def dense(units=16):
    return lambda: layers.Dense(units, activation="relu")


def decaying():
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-2, decay_steps=10, decay_rate=0.9)
    return keras.optimizers.AdamW(schedule, weight_decay=1e-2)


def adam():
    return keras.optimizers.Adam(1e-2)


def momentum():
    return keras.optimizers.SGD(1e-2, momentum=0.9)


BINARY = "binary_crossentropy"
LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)
SOFTMAX = "sparse_categorical_crossentropy"
CASES = {
    "plain, not compiled": (2, network(dense(), dense())),
    "plain, Adam": (2, network(dense(), dense(), loss=BINARY, optimizer=adam)),
    "logits": (2, network(dense(), loss=LOGITS, optimizer=adam, last=None)),
    "BatchNorm": (
        2,
        network(dense(), layers.BatchNormalization, dense(), loss=BINARY, optimizer=adam),
    ),
    "Dropout": (
        2,
        network(dense(), lambda: layers.Dropout(0.3), dense(), loss=BINARY, optimizer=adam),
    ),
    "SGD with momentum": (2, network(dense(), loss=BINARY, optimizer=momentum)),
    "AdamW with a schedule": (2, network(dense(), loss=BINARY, optimizer=decaying)),
    "regularised": (
        2,
        network(
            lambda: layers.Dense(16, "relu", kernel_regularizer="l2"), loss=BINARY, optimizer=adam
        ),
    ),
    "softmax of 3 classes": (
        3,
        network(dense(), loss=SOFTMAX, optimizer=adam, last="softmax"),
    ),
    "logits of 4 classes": (
        4,
        network(
            dense(),
            loss=keras.losses.CategoricalCrossentropy(from_logits=True),
            optimizer=adam,
            last=None,
        ),
    ),
}


def data(n_classes):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(N_TRAINING + 200, 5)).astype("float32")
    score = x @ rng.normal(size=(5, n_classes)) + rng.gumbel(size=(len(x), n_classes))
    y = np.argmax(score - np.linspace(0, 2, n_classes), axis=1)
    return x, y


def chunk(x, y, class_weight, row_weight=None):
    n_classes = class_weight.shape[1]
    return Chunk(
        fold=0,
        seed=SEED,
        x=x,
        y=y,
        row_weight=row_weight,
        class_weight=class_weight,
        prior=np.full(n_classes, 1 / n_classes),
        training=np.arange(N_TRAINING),
        validation=np.arange(0),
        held_out=np.arange(N_TRAINING, len(x)),
        batch_size=BATCH,
        epochs=EPOCHS,
        patience=0,
    )


def by_keras(build, x, y, class_weight, row_weight=None, after_epoch=lambda model, target: None):
    """Train one model with Keras, visiting the rows in the engine's order; predict the others."""
    n_classes = len(class_weight)
    with seeded(SEED):
        model = build(x.shape[1], 1 if n_classes == 2 else n_classes)
        if not model.compiled:
            model.compile(keras.optimizers.Adam(1e-3), BINARY)
    one_hot = isinstance(model.loss, keras.losses.CategoricalCrossentropy)
    target = keras.utils.to_categorical(y) if one_hot else y
    weight = class_weight[y] * (1 if row_weight is None else row_weight)
    for epoch in range(EPOCHS):
        order = batch_order(N_TRAINING, seed=SEED, epoch=epoch)
        weights = (
            {"class_weight": dict(enumerate(class_weight))}
            if row_weight is None
            else {"sample_weight": weight[order]}
        )
        model.fit(x[order], target[order], batch_size=BATCH, shuffle=False, verbose=0, **weights)
        after_epoch(model, target)
    output = model.predict(x[N_TRAINING:], verbose=0)
    if getattr(model.loss, "from_logits", False):
        output = keras.ops.sigmoid(output) if n_classes == 2 else keras.ops.softmax(output)
    output = np.asarray(output)
    return np.hstack([1 - output, output]) if n_classes == 2 else output


LONG = ("plain, not compiled", "logits of 4 classes")  # like others that are always run


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in CASES]
)
def test_a_lane_is_the_model_trained_alone(name):
    n_classes, build = CASES[name]
    x, y = data(n_classes)
    class_weight = np.stack([np.ones(n_classes), np.geomspace(0.3, 12, n_classes)])
    [trained] = KerasTrainer(build).train([chunk(x, y, class_weight)])
    for lane, weight in enumerate(class_weight):
        alone = by_keras(build, x, y, weight)
        assert np.abs(trained.probability[lane] - alone).max() <= 1e-5


def test_row_weights_multiply_class_weights():
    n_classes, build = CASES["plain, Adam"]
    x, y = data(n_classes)
    row_weight = np.random.default_rng(2).uniform(0, 3, len(x)).astype("float32")
    class_weight = np.array([[0.5, 10.0]])
    [trained] = KerasTrainer(build).train([chunk(x, y, class_weight, row_weight)])
    alone = by_keras(build, x, y, class_weight[0], row_weight)
    assert np.abs(trained.probability[0] - alone).max() <= 1e-5


def test_keras_does_not_weight_validation_rows_by_class():
    """What the raw curve is named for: ``val_loss`` of a fit with ``class_weight``."""
    x, y = data(2)
    model = CASES["plain, Adam"][1](5, 1)
    rows = {"class_weight": {0: 0.5, 1: 10.0}, "validation_data": (x[-200:], y[-200:])}
    history = model.fit(x[:-200], y[:-200], verbose=0, **rows).history
    evaluated = model.evaluate(x[-200:], y[-200:], verbose=0)
    assert history["val_loss"] == pytest.approx([evaluated], rel=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "softmax of 3 classes",
        pytest.param("logits", marks=pytest.mark.slow),
        pytest.param("Dropout", marks=pytest.mark.slow),
        pytest.param("logits of 4 classes", marks=pytest.mark.slow),
    ],
)
def test_the_raw_and_weighted_curves_are_those_of_keras(name):
    n_classes, build = CASES[name]
    x, y = data(n_classes)
    class_weight = np.stack([np.ones(n_classes), np.geomspace(0.3, 12, n_classes)])
    plan = chunk(x, y, class_weight)
    plan = replace(plan, validation=plan.held_out, patience=EPOCHS)
    [trained] = KerasTrainer(build).train([plan])
    for lane, weight in enumerate(class_weight):
        raw, weighted = [], []

        def evaluate(model, target, weight=weight, raw=raw, weighted=weighted):
            rows = x[N_TRAINING:], target[N_TRAINING:]
            raw.append(model.evaluate(*rows, verbose=0))
            weighted.append(model.evaluate(*rows, sample_weight=weight[y[N_TRAINING:]], verbose=0))

        by_keras(build, x, y, weight, after_epoch=evaluate)
        assert trained.curves.raw[lane] == pytest.approx(raw, rel=1e-5)
        assert trained.curves.weighted[lane] == pytest.approx(weighted, rel=1e-5)
