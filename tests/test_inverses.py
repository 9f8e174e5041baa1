"""The way back, end to end: whatever a remedy does to a network, the posterior comes back.

The world is a table of cells, with so many rows of each class, and the network has logits of its
own for each cell. So nothing but the remedy stands between what it learns and the shares of the
classes in a cell, which are the posterior, and known. All of the engine takes part: cohorts, draws,
the compiled losses, then `unshaped` and `undo`.

Letters: C cells, K classes, N rows, S settings.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from outweigh._chunk import Chunk
from outweigh._cohorts import Cohort, cohorts_of, visited
from outweigh._grammar import parse_settings
from outweigh._lanes import KerasTrainer
from outweigh._network import keras_on_jax
from outweigh._settings import Setting
from outweigh._shapes import LEFT, Shape, undo, unshaped

REMEDIES = (
    "balanced",
    "focal:2",
    "logit-adjusted:1",
    "vector-scaled:0.15|1",
    "smoothed:0.1",
    "focal:2+balanced",
    "oversample",
    "undersample",
    "balanced-batches",
)
DRAWN = ("oversample", "undersample", "balanced-batches")
SMOOTHED = "smoothed:0.1"
STEPS = 200  # each on the whole table at once, and ever smaller: no luck of batches is left

# rows (C, K), 10,000 in all; of two classes the positives are 0.1 to 60 % of a cell
WORLDS = {
    "1 %": [[6993, 7], [1992, 8], [784, 16], [107, 33], [24, 36]],
    "20 %": [[999, 1], [990, 10], [1900, 100], [2511, 489], [1200, 800], [400, 600]],
    "three classes": [[4985, 10, 5], [2400, 500, 100], [800, 100, 100], [100, 400, 500]],
}


@dataclass
class Learned:
    """What a lane says of each cell (C, K), as it is and after the way back."""

    said: np.ndarray
    back: np.ndarray


@cache
def learned(world: str) -> dict[str, Learned]:
    """Train the twin and every remedy in a world."""
    settings = parse_settings(REMEDIES, range(np.shape(WORLDS[world])[1]))
    cohorts, trainer = cohorts_of(settings), KerasTrainer(saturated, workers=1)
    found = {}
    for cohort in cohorts:
        found |= of_cohort(cohort, [settings[s] for s in cohort.settings], world, trainer)
    return found


def of_cohort(
    cohort: Cohort, settings: list[Setting], world: str, trainer: KerasTrainer
) -> dict[str, Learned]:
    rows = np.array(WORLDS[world])
    shapes = [setting.loss.shape(rows.sum(axis=0)) for setting in settings]
    chunk, frequency = visited(chunk_of(rows, cohort, settings, shapes), cohort, one_hot=())
    [trained] = trainer.train([chunk])
    return {
        setting.name: Learned(said, undo(unshaped(said, shape), weight * frequency))
        for setting, said, shape, weight in zip(
            settings, trained.probability, shapes, chunk.class_weight, strict=True
        )
    }


def chunk_of(
    rows: np.ndarray, cohort: Cohort, settings: list[Setting], shapes: list[Shape]
) -> Chunk:
    """Lay the rows out, one-hot by cell; a row more of each cell, to be predicted, comes last."""
    counts, (n_cells, n_classes) = rows.sum(axis=0), rows.shape
    cell, y = (codes.ravel().repeat(rows.ravel()) for codes in np.indices(rows.shape))
    n = len(y)
    return Chunk(
        fold=0,
        seed=0,
        x=np.eye(n_cells, dtype="float32")[np.append(cell, np.arange(n_cells))],
        y=np.append(y, np.zeros(n_cells, dtype=int)),
        row_weight=None,
        class_weight=np.stack([s.class_weight(counts, range(n_classes)) for s in settings]),
        prior=counts / n,
        training=np.arange(n),
        validation=np.arange(0),
        held_out=n + np.arange(n_cells),
        batch_size=n * n_classes,  # an epoch is one, whatever it visits
        epochs=STEPS,
        patience=0,
        shape=Shape(*map(np.stack, zip(*shapes, strict=True))) if cohort.bends else None,
    )


def saturated(n_features, n_outputs):
    """Build a network of a logit, or one for each class, for each cell."""
    keras = keras_on_jax()
    dense = keras.layers.Dense(n_outputs, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((n_features,)), dense])
    binary = keras.losses.BinaryCrossentropy(from_logits=True)
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = keras.optimizers.schedules.CosineDecay(0.5, STEPS, alpha=1e-3)
    adam = keras.optimizers.Adam(rate, beta_1=0.8, beta_2=0.9)  # steep at first, flat soon
    model.compile(adam, binary if n_outputs == 1 else sparse)
    return model


def posterior(world: str) -> np.ndarray:
    rows = np.array(WORLDS[world])
    return rows / rows.sum(axis=1, keepdims=True)


def log_loss(world: str, probability: np.ndarray) -> float:
    rows = np.array(WORLDS[world])
    return float(-(rows * np.log(probability)).sum() / rows.sum())


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Give the log odds (C, K − 1) of each class but the first against it."""
    return np.log(probability[:, 1:] / probability[:, :1])


def in_every_world(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("world", "name"), list(product(WORLDS, names)))


@in_every_world("none", *REMEDIES)
def test_the_posterior_of_every_cell_comes_back(world, name):
    lane, expected = learned(world)[name], posterior(world)
    atol = 0.02 if name in DRAWN else 5e-4  # an epoch has no exact share of each cell
    told = np.ones(len(expected), dtype=bool)
    if name == SMOOTHED:  # of what is smaller than it is made by smoothing, a part is left
        told = (expected > LEFT * lane.said).all(axis=1)
        assert told.sum() >= len(told) - 1
    np.testing.assert_allclose(log_odds(lane.back)[told], log_odds(expected)[told], atol=atol)


@in_every_world(*REMEDIES)
def test_the_log_loss_is_that_of_the_unweighted_fit(world, name):
    lanes = learned(world)
    twin = log_loss(world, lanes["none"].back)
    assert log_loss(world, lanes[name].back) == pytest.approx(twin, rel=1e-3)


@in_every_world(*REMEDIES)
def test_a_recalibration_of_the_labels_finds_nothing_to_do(world, name):
    rows, back = np.array(WORLDS[world]), learned(world)[name].back
    for k in range(1, rows.shape[1]):  # each class against the first, on the rows of the two
        f = log_odds(back)[:, k - 1]
        labels = np.repeat([0, 1], len(f))
        line = LogisticRegression(C=np.inf, tol=1e-8).fit(
            np.tile(f, 2)[:, None], labels, sample_weight=rows[:, [0, k]].T.ravel()
        )
        assert line.coef_.item() == pytest.approx(1, abs=0.02)
        assert line.intercept_.item() == pytest.approx(0, abs=0.02)


@in_every_world(*REMEDIES)
def test_without_the_way_back_it_is_another_posterior(world, name):
    """So that the laws above are laws of the way back, and no remedy is one in name only."""
    said, expected = learned(world)[name].said, posterior(world)
    least = 0.5 if name != SMOOTHED else 0.3
    assert np.abs(log_odds(said) - log_odds(expected)).max() > least
