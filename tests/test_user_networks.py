"""A user's network, whatever it is made of, trains as Keras's own fit trains it, or is refused.

Each network here is trained as lanes of different class weights, side by side, and once more for
each class weight by ``model.fit``: from the same parameters, on the same batches.
"""

from dataclasses import replace

import jax
import numpy as np
import pytest

from outweigh._chunk import Chunk
from outweigh._lanes import KerasTrainer, batch_order
from outweigh._network import keras_on_jax, seeded

keras = keras_on_jax()
layers, losses, optimizers, ops = keras.layers, keras.losses, keras.optimizers, keras.ops

D, BATCH, EPOCHS, SEED, HELD_OUT = 6, 32, 3, 7, 50
WHOLE, WITH_REST = 160, 180  # rows to train on: five whole batches; five and one of 20 rows


@pytest.fixture(scope="module", autouse=True)
def _compiled_in_haste():
    """Spare the optimiser: compiling is nearly all that these tests do.

    test_lanes_equal_keras.py holds the same law with every optimisation.
    """
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


# -- networks -----------------------------------------------------------------------------------


def branches_and_a_skip(n_features, n_outputs):
    x = keras.Input((n_features,))
    wide = layers.Dense(8, activation="relu")(x)
    deep = keras.Sequential([layers.Dense(8, activation="tanh"), layers.Dense(n_features)])(x)
    joined = layers.Concatenate()([wide, layers.Add()([x, deep]) * 0.5])
    model = keras.Model(x, layers.Dense(n_outputs)(ops.relu(joined)))
    sgd = optimizers.SGD(0.1, momentum=0.9, nesterov=True, global_clipnorm=0.5)
    model.compile(sgd, losses.BinaryCrossentropy(from_logits=True))
    return model


class Noisy(keras.Model):
    """Subclassed, with a mode of training; its own loss does not tell what its output is."""

    from_logits = True

    def __init__(self, n_outputs):
        super().__init__()
        self.out = layers.Dense(n_outputs)  # the last layer is not the last one here
        self.stack = [
            layers.Dense(8, use_bias=False),
            layers.BatchNormalization(),
            layers.GaussianNoise(0.1),
        ]
        self.dropout = layers.Dropout(0.3)

    def call(self, x, training=False):
        for layer in self.stack:
            x = layer(x, training=training) if layer is not self.stack[0] else layer(x)
        return self.out(self.dropout(ops.relu(x), training=training))


def focal(y_true, y_pred):
    p = ops.sigmoid(y_pred)
    miss = ops.where(y_true > 0.5, 1 - p, p)
    return -ops.mean(miss**2 * ops.log(1 - miss + 1e-7), axis=-1)


def subclassed_with_noise(n_features, n_outputs):
    model = Noisy(n_outputs)
    model.compile(optimizers.Adam(1e-2, amsgrad=True, clipvalue=0.1), focal)
    return model


class Plain(keras.Model):
    """Subclassed, without a mode of training, and built only when it first sees rows."""

    def __init__(self, n_outputs):
        super().__init__()
        self.hidden = layers.Dense(8, activation="gelu")
        self.out = layers.Dense(n_outputs)

    def call(self, x):
        return ops.softmax(self.out(self.hidden(x)))


class Brier(losses.Loss):
    def call(self, y_true, y_pred):
        return ops.sum(ops.square(y_true - y_pred), axis=-1)


def subclassed_with_its_own_loss(n_features, n_outputs):
    model = Plain(n_outputs)
    model.from_logits, model.one_hot = False, True
    model.compile(optimizers.RMSprop(1e-2, centered=True, momentum=0.5), Brier())
    return model


def regularised(n_features, n_outputs):
    hidden = layers.Dense(
        8,
        "relu",
        kernel_regularizer=keras.regularizers.L1L2(1e-2, 1e-2),
        activity_regularizer=keras.regularizers.L2(1e-2),
        kernel_constraint=keras.constraints.MaxNorm(1.0),
    )
    out = layers.Dense(n_outputs, activation="sigmoid")
    model = keras.Sequential([keras.Input((n_features,)), hidden, out])
    schedule = optimizers.schedules.CosineDecay(1e-2, decay_steps=12, warmup_steps=3)
    adamw = optimizers.AdamW(schedule, weight_decay=1e-2)
    adamw.exclude_from_weight_decay(var_names=["bias"])
    model.compile(adamw, losses.BinaryFocalCrossentropy(gamma=1.5))
    return model


def accumulating(n_features, n_outputs):
    model = keras.Sequential(
        [keras.Input((n_features,)), layers.Dense(8, "elu"), layers.Dense(n_outputs)]
    )
    sgd = optimizers.SGD(0.1, momentum=0.5, clipnorm=0.3, gradient_accumulation_steps=2)
    model.compile(sgd, losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1))
    return model


def scaling_its_loss(n_features, n_outputs):
    model = keras.Sequential(
        [keras.Input((n_features,)), layers.Dense(8, "relu"), layers.Dense(n_outputs, "sigmoid")]
    )
    inner = optimizers.Adam(1e-2)
    scaled = optimizers.LossScaleOptimizer(inner, initial_scale=2.0**15, dynamic_growth_steps=4)
    model.compile(scaled, "binary_crossentropy")
    return model


def of_two_optimizers(n_features, n_outputs):
    model = keras.Sequential(
        [
            keras.Input((n_features,)),
            layers.Dense(8, "relu", name="first"),
            layers.Dense(n_outputs, "softmax", name="last"),
        ]
    )
    by_layer = optimizers.OptimizerMap(optimizers.Nadam(1e-2))
    by_layer["first/.*"] = optimizers.SGD(0.1)
    model.compile(optimizers.MultiOptimizer(by_layer), "crossentropy")
    return model


def convolving(n_features, n_outputs):
    model = keras.Sequential(
        [
            keras.Input((n_features,)),
            layers.Reshape((n_features, 1)),
            layers.Conv1D(6, 3, activation="relu"),
            layers.LayerNormalization(),
            layers.GlobalAveragePooling1D(),
            layers.Dense(n_outputs),
        ]
    )
    model.compile(optimizers.Adam(1e-2), losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


class Tied(layers.Layer):
    """The transpose of another layer, which has the variables."""

    def __init__(self, other):
        super().__init__()
        self.other = other

    def call(self, x):
        return ops.matmul(x, ops.transpose(self.other.kernel))


def adapted_frozen_and_tied(n_features, n_outputs):
    normalized = layers.Normalization()
    normalized.adapt(np.random.default_rng(0).normal(1, 3, size=(50, n_features)))
    frozen, shared = layers.Dense(8, "relu"), layers.Dense(4, use_bias=False)
    frozen.trainable = False
    x = keras.Input((n_features,))
    code = shared(frozen(normalized(x)))
    h = layers.UnitNormalization()(Tied(shared)(code))
    model = keras.Model(x, layers.Softmax()(layers.Dense(n_outputs)(layers.add([h, h]))))
    model.compile(optimizers.Adam(1e-2), losses.KLDivergence())
    return model


class Centred(layers.Layer):
    """Takes a running mean off its rows, and counts its calls."""

    def build(self, shape):
        self.mean = self.add_weight(shape=(shape[-1],), trainable=False, initializer="zeros")
        self.calls = self.add_weight(shape=(), dtype="int32", trainable=False, initializer="zeros")

    def call(self, x, training=False):
        if training:
            self.calls.assign(self.calls + 1)
            share = 1 / ops.cast(self.calls, "float32")
            self.mean.assign(self.mean + share * (ops.mean(x, axis=0) - self.mean))
            self.add_loss(1e-2 * ops.mean(ops.square(x)))
        return x - self.mean


class Caught(keras.metrics.Metric):
    """A metric of one's own, with a state: nothing to train."""

    def __init__(self):
        super().__init__()
        self.rows = self.add_variable(shape=(), initializer="zeros", name="rows")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.rows.assign(self.rows + ops.sum(ops.cast(y_pred > 0.5, "float32")))

    def result(self):
        return self.rows + 0.0


def with_a_state_and_a_metric(n_features, n_outputs):
    x = keras.Input((n_features,))
    hidden = layers.Dense(8, "relu")(Centred()(layers.Dense(8)(x)))
    model = keras.Model(x, layers.Dense(n_outputs, "sigmoid")(hidden))
    reduced = losses.BinaryCrossentropy(reduction="mean_with_sample_weight")
    model.compile(optimizers.Lion(1e-3), reduced, metrics=[Caught()], weighted_metrics=["accuracy"])
    return model


def not_compiled(n_features, n_outputs):
    hidden = layers.Dense(8, "relu", kernel_initializer="he_normal")
    return keras.Sequential([keras.Input((n_features,)), hidden, layers.Dense(n_outputs)])


def averaging_its_weights(n_features, n_outputs):
    model = not_compiled(n_features, n_outputs)
    adam = optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.9)
    model.compile(adam, losses.BinaryCrossentropy(from_logits=True))
    return model


def of_half_precision(n_features, n_outputs):
    half = {"dtype": "mixed_bfloat16"}
    hidden = [layers.Dense(8, "relu", **half) for _ in range(2)]
    out = layers.Dense(n_outputs, "sigmoid", dtype="float32")
    model = keras.Sequential([keras.Input((n_features,)), *hidden, out])
    model.compile(optimizers.Adam(1e-2), "binary_crossentropy")
    return model


# network: classes, rows to train on, whether rows weigh
NETWORKS = {
    branches_and_a_skip: (2, WHOLE, False),
    subclassed_with_noise: (2, WITH_REST, True),
    subclassed_with_its_own_loss: (3, WHOLE, False),
    regularised: (2, WHOLE, True),
    accumulating: (4, WITH_REST, False),
    of_two_optimizers: (3, WHOLE, True),
    convolving: (4, WHOLE, False),
    adapted_frozen_and_tied: (3, WHOLE, True),
    with_a_state_and_a_metric: (2, WHOLE, False),
    not_compiled: (5, WHOLE, False),
}


# -- the engine and Keras -----------------------------------------------------------------------


def data(n_classes, n_training, rows_weigh, spoilt=()):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n_training + HELD_OUT, D)).astype("float32")
    score = x @ rng.normal(size=(D, n_classes)) + rng.gumbel(size=(len(x), n_classes))
    y = np.argmax(score - np.linspace(0, 2, n_classes), axis=1)
    x[list(spoilt), 0] = np.inf
    row_weight = rng.uniform(0, 2, len(x)).astype("float32") if rows_weigh else None
    return x, y, row_weight


def chunk(x, y, row_weight, class_weight):
    n_classes = class_weight.shape[1]
    n_training = len(x) - HELD_OUT
    return Chunk(
        fold=0,
        seed=SEED,
        x=x,
        y=y,
        row_weight=row_weight,
        class_weight=class_weight,
        prior=np.full(n_classes, 1 / n_classes),
        training=np.arange(n_training),
        validation=np.arange(0),
        held_out=np.arange(n_training, len(x)),
        batch_size=BATCH,
        epochs=EPOCHS,
        patience=0,
    )


def by_keras(build, x, y, row_weight, class_weights, *, at_once=False):
    """Train one lane after the other with Keras; give the probabilities of the held-out rows.

    Epoch by epoch, the rows put into the engine's order beforehand; or all epochs in one fit, as
    one long epoch: Keras averages weights where a fit ends.
    """
    n_training, n_classes = len(x) - HELD_OUT, class_weights.shape[1]
    with seeded(SEED):
        model = build(D, 1 if n_classes == 2 else n_classes)
        model(keras.KerasTensor((None, D)))
    from_logits, target = meaning(model, y, n_classes)
    if not model.compiled:
        model.compile(optimizers.Adam(1e-3), losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    start = [np.array(v.value) for v in variables]
    orders = [batch_order(n_training, seed=SEED, epoch=epoch) for epoch in range(EPOCHS)]
    for weights in class_weights:
        for variable, value in zip(variables, start, strict=True):
            variable.assign(value)
        for order in [np.concatenate(orders)] if at_once else orders:
            how = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
            if row_weight is None:
                how["class_weight"] = dict(enumerate(weights))
            else:
                how["sample_weight"] = (row_weight * weights[y])[order]
            model.fit(x[order], target[order], **how)
        z = ops.convert_to_tensor(model.predict(x[n_training:], verbose=0))
        yield probabilities(z, from_logits)


def meaning(model, y, n_classes):
    """Say what a network's output and targets are; it is known here, whatever the engine thinks."""
    from_logits = getattr(model, "from_logits", getattr(model.loss, "from_logits", None))
    if from_logits is None:
        from_logits = not model.compiled
    if n_classes == 2:
        return from_logits, y[:, None].astype("float32")
    one_hot = isinstance(model.loss, losses.CategoricalCrossentropy | losses.KLDivergence | Brier)
    return from_logits, np.eye(n_classes, dtype="float32")[y] if one_hot else y


def probabilities(z, from_logits):
    if z.shape[1] == 1:
        p = np.asarray(ops.sigmoid(z) if from_logits else z)
        return np.hstack([1 - p, p])
    return np.asarray(ops.softmax(z) if from_logits else z)


def largest_difference(build, n_classes, n_training, rows_weigh, spoilt=(), **how):
    x, y, row_weight = data(n_classes, n_training, rows_weigh, spoilt)
    class_weights = np.stack([np.ones(n_classes), np.geomspace(0.3, 12, n_classes)])
    [trained] = KerasTrainer(build).train([chunk(x, y, row_weight, class_weights)])
    alone = np.stack([*by_keras(build, x, y, row_weight, class_weights, **how)])
    assert np.abs(alone[0] - alone[1]).max() > 1e-3  # the weights are felt
    return np.abs(trained.probability - alone).max()


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_a_users_network_trains_as_by_keras(build, record_property):
    difference = largest_difference(build, *NETWORKS[build])
    record_property("largest difference", float(difference))
    assert difference <= 1e-5


def test_a_step_that_is_no_number_is_left_out_by_an_optimizer_that_scales_its_loss():
    assert largest_difference(scaling_its_loss, 2, WHOLE, False, spoilt=(3, 77)) <= 1e-5


def test_weights_averaged_by_the_optimizer_are_those_that_predict():
    assert largest_difference(averaging_its_weights, 2, WHOLE, False, at_once=True) <= 1e-5


def test_averaged_weights_are_those_that_early_stopping_watches():
    x, y, _ = data(2, WHOLE, rows_weigh=False)
    plain = chunk(x, y, None, np.ones((1, 2)))
    watched = replace(plain, validation=plain.held_out, patience=EPOCHS)
    trainer = KerasTrainer(averaging_its_weights)
    [unwatched], [stopping] = trainer.train([plain]), trainer.train([watched])
    own = unwatched.probability[0, np.arange(HELD_OUT), y[WHOLE:]]
    assert stopping.validation_log_loss[0, -1] == pytest.approx(-np.log(own).mean(), rel=1e-5)


def test_half_precision_is_kept_and_agrees_to_its_own_precision():
    assert largest_difference(of_half_precision, 2, WHOLE, False) <= 1e-2  # bfloat16: 8 bits
