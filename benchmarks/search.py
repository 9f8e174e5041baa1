"""A search over class weights: fit by fit, and all at once.

The same candidates, the same folds and one seed, on five synthetic tables, by three arms that take
turns: scikit-learn's grid search over a plain Keras estimator, the same over `NetworkClassifier`,
and `WeightSearchCV`, whose time holds repairs, verdict and refit too. What is compiled once serves
all later fits of an arm, in all arms but Keras's own.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from outweigh import AveragePrecision, NetworkClassifier, Power, WeightSearchCV, class_weight
from outweigh._network import keras_on_jax, seeded

ROWS, FEATURES, BATCH, EPOCHS = 5_000, 30, 128, 30
TABLES: dict[str, dict[str, Any]] = {
    "5 % positives": {"weights": [0.95], "n_informative": 10},
    "1 % positives": {"weights": [0.99], "n_informative": 10},
    "many clusters": {"weights": [0.97], "n_informative": 8, "n_clusters_per_class": 8},
    "noisy labels": {"weights": [0.95], "n_informative": 6, "flip_y": 0.05},
    "2 % positives": {"weights": [0.98], "n_informative": 5},
}
CANDIDATES = [None, *(Power(fifths / 5) for fifths in range(1, 16))]
FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)


class KerasClassifier(ClassifierMixin, BaseEstimator):
    """What people write: build, fit with class weights, predict."""

    def __init__(self, network: Callable[[int, int], Any], class_weight: Any = None):
        self.network = network
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any) -> "KerasClassifier":
        self.mean_, self.scale_ = X.mean(axis=0), X.std(axis=0)
        self.classes_ = np.unique(y)
        weight = None if self.class_weight is None else class_weight(y, self.class_weight)
        with seeded(0):
            self.model_ = self.network(X.shape[1], 1)
            self.model_.fit(
                self._scaled(X), y, class_weight=weight, batch_size=BATCH, epochs=EPOCHS, verbose=0
            )
        return self

    def predict_proba(self, X: Any) -> Any:
        logit = self.model_.predict(self._scaled(X), batch_size=2048, verbose=0)[:, 0]
        p = 1 / (1 + np.exp(-logit.astype(float)))
        return np.stack([1 - p, p], axis=1)

    def _scaled(self, X: Any) -> Any:
        return ((X - self.mean_) / self.scale_).astype("float32")


def network_of(units: int) -> Callable[[int, int], Any]:
    keras = keras_on_jax()

    def build(n_features: int, n_outputs: int) -> Any:
        hidden = [keras.layers.Dense(units, activation="relu") for _ in range(2)]
        output = keras.layers.Dense(n_outputs, name="logits")
        model = keras.Sequential([keras.Input((n_features,)), *hidden, output])
        model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
        return model

    return build


def arms(units: int) -> dict[str, Any]:
    build = network_of(units)
    ours = NetworkClassifier(build, epochs=EPOCHS, patience=0, batch_size=BATCH, random_state=0)
    grid = {"class_weight": CANDIDATES}
    by = {"cv": FOLDS, "scoring": "average_precision"}
    return {
        "GridSearchCV, Keras": GridSearchCV(KerasClassifier(build), grid, **by),
        "GridSearchCV, NetworkClassifier": GridSearchCV(ours, grid, **by),
        "WeightSearchCV": WeightSearchCV(
            ours, settings=CANDIDATES, objective=AveragePrecision(), cv=FOLDS, refit="best"
        ),
    }


def search(rounds: int) -> None:
    """Print what each arm costs, and what it chooses."""
    lanes = len(CANDIDATES) * FOLDS.n_splits
    print(f"**Search**, {len(CANDIDATES)} class weights × {FOLDS.n_splits} folds = {lanes} fits, ")
    print(f"{ROWS:,} rows, {FEATURES} features, batch {BATCH}, {EPOCHS} epochs\n")
    for units in (16, 64):
        print(f"| {units}-{units} units | " + " | ".join(arms(units)) + " | chosen τ | ratios |")
        print("|---|---|---|---|---|---|")
        for number, (name, shape) in enumerate(TABLES.items()):
            X, y = make_classification(ROWS, FEATURES, random_state=number, **shape)
            found = measured(arms(units), X, y, rounds, keras=number == 0)
            print(row(name, found), flush=True)
            print(f"search: {units} units, {name}", file=sys.stderr, flush=True)
        print()


def measured(arms: dict[str, Any], X: Any, y: Any, rounds: int, *, keras: bool) -> dict[str, Any]:
    """Give the seconds and the choice of each arm; Keras's own fits are measured once."""
    found: dict[str, Any] = {name: ([], None) for name in arms}
    for turn in range(rounds):
        for name, arm in arms.items():
            if "Keras" in name and (turn or not keras):
                continue
            begun = time.perf_counter()
            arm.fit(X, y)
            found[name][0].append(time.perf_counter() - begun)
            found[name] = found[name][0], arm.best_index_ / 5
    return found


def row(name: str, found: dict[str, Any]) -> str:
    seconds = [of_arm for of_arm, _ in found.values()]
    chosen = [f"{tau:g}" for of_arm, tau in found.values() if of_arm]
    cells = [f"{statistics.median(s):.1f} s" if s else "" for s in seconds]
    ratios = [
        f"{statistics.median(a / b for a, b in zip(s, seconds[-1], strict=False)):.1f} ×"
        for s in seconds[:-1]
        if s
    ]
    return f"| {name} | {' | '.join(cells)} | {', '.join(chosen)} | {', '.join(ratios)} |"
