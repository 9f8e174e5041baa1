"""The arms of the benchmarks. Each prints one JSON line: seconds to start, seconds an epoch."""

import json
import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.__main__ import NETWORKS


def data(name):
    features, hidden, batch, rows, lanes = NETWORKS[name]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, features)).astype("float32")
    y = (x[:, 0] + rng.normal(size=rows) > 2.5).astype(int)
    return x, y, hidden, batch, lanes


def build(hidden):
    import keras

    def network(n_features, n_outputs):
        layers = [keras.layers.Dense(units, activation="relu") for units in hidden]
        output = keras.layers.Dense(n_outputs, activation="sigmoid")
        model = keras.Sequential([keras.Input((n_features,)), *layers, output])
        model.compile("adam", "binary_crossentropy")
        return model

    return network


def keras_fit(name):
    """Time Keras's own fit: epochs after the first are its steady state."""
    import keras

    x, y, hidden, batch, _ = data(name)
    ends = []
    begun = time.perf_counter()
    model = build(hidden)(x.shape[1], 1)
    told = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    epochs = 2 if keras.backend.backend() == "torch" else 6
    weight = {0: 0.5, 1: 49.0}
    model.fit(
        x, y, batch_size=batch, epochs=epochs, class_weight=weight, verbose=0, callbacks=[told]
    )
    epoch = statistics.median(np.diff(ends))
    return {"start": ends[0] - begun - epoch, "epoch": epoch}


def ours(name):
    """Time the engine: the difference of a long and a short run is its steady state."""
    from outweigh._chunk import Chunk
    from outweigh._lanes import KerasTrainer

    x, y, hidden, batch, lanes = data(name)
    rows = np.arange(len(y))
    weights = np.stack([np.ones(lanes), np.geomspace(1, 200, lanes)], axis=1)
    prior = np.bincount(y) / len(y)

    def seconds(epochs):
        trainer = KerasTrainer(build(hidden))
        chunk = Chunk(0, 0, x, y, None, weights, prior, rows, rows[:0], rows[:64], batch, epochs, 0)
        trainer.train([chunk])
        return trainer.seconds

    begun = time.perf_counter()
    seconds(1)
    start = time.perf_counter() - begun
    epochs = 10
    short, long = (
        statistics.median(seconds(n)["train"] for _ in range(3)) for n in (1, 1 + epochs)
    )
    epoch = (long - short) / epochs
    return {"start": start - epoch, "epoch": epoch}


def mlp(name):
    """Time scikit-learn's network in its grid search; it knows no class weights."""
    from sklearn.model_selection import GridSearchCV, PredefinedSplit
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")
    x, y, hidden, batch, _ = data(name)
    split = PredefinedSplit(np.where(np.arange(len(y)) < 100, 0, -1))

    def seconds(epochs, candidates=4):
        network = MLPClassifier(hidden, batch_size=batch, max_iter=epochs, tol=0)
        grid = {"alpha": np.geomspace(1e-5, 1e-2, candidates)}
        search = GridSearchCV(network, grid, cv=split, n_jobs=-1, refit=False, scoring="roc_auc")
        begun = time.perf_counter()
        search.fit(x, y)
        return (time.perf_counter() - begun) / candidates

    seconds(1)  # starts the workers
    short, long = seconds(1), seconds(4)
    epoch = (long - short) / 3
    return {"start": max(short - epoch, 0.0), "epoch": epoch}


def peak(name):
    """Time the largest product of float32 matrices that XLA does at full speed."""
    import jax
    import jax.numpy as jnp

    n = 2048
    a = jnp.ones((n, n), "float32")
    product = jax.jit(lambda a: a @ a)
    product(a).block_until_ready()
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        product(a).block_until_ready()
        times.append(time.perf_counter() - begun)
    return {"flops": 2 * n**3 / statistics.median(times)}


def mammography(path):
    """Time four of the 200 fits that a run stands for, as a Keras user would write them."""
    import keras

    from outweigh import default_network
    from outweigh._features import fit_features
    from outweigh._split import divide
    from outweigh._table import read_table
    from outweigh._validation import validation_share

    table = read_table(path, target="Class")
    split = divide(table.y)
    times = []
    for i, fold in enumerate(split.folds[:4]):
        gradient, validation = validation_share(table.y, fold.training, n_gradient=7680, seed=i)
        x = fit_features(table.columns, fold.training).transform(table.columns)
        counts = np.bincount(table.y[fold.training])
        weight = dict(enumerate(counts.sum() / (2 * counts)))
        begun = time.perf_counter()
        model = default_network(x.shape[1], 1)
        stop = keras.callbacks.EarlyStopping(patience=15, restore_best_weights=True)
        model.fit(
            x[gradient],
            table.y[gradient],
            batch_size=256,
            epochs=150,
            class_weight=weight if i % 2 else None,
            validation_data=(x[validation], table.y[validation]),
            callbacks=[stop],
            verbose=0,
        )
        model.predict(x[fold.held_out], verbose=0)
        times.append(time.perf_counter() - begun)
    return {"fit": statistics.mean(times)}


if __name__ == "__main__":
    arm, name = sys.argv[1:]
    arms = {"outweigh": ours, "MLPClassifier": mlp, "peak": peak, "mammography": mammography}
    print(json.dumps(arms.get(arm, keras_fit)(name)))
