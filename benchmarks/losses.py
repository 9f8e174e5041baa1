"""What a loss of ours costs: ten loss remedies against ten plain weights, in one chunk each.

The two take turns, and what an epoch costs is the difference between a long and a short training,
so that neither compiling nor preparing is in it. Seconds are those that the processor spent on
this process: another one beside it does not count.
"""

import statistics
import sys
import time
from collections.abc import Sequence

import numpy as np

from outweigh._chunk import Chunk
from outweigh._grammar import parse_settings
from outweigh._lanes import KerasTrainer
from outweigh._network import keras_on_jax
from outweigh._settings import Setting
from outweigh._shapes import Shape

REMEDIES = (
    "focal:1, focal:2, focal:5, logit-adjusted:0.5, logit-adjusted:1, vector-scaled:0.15|1, "
    "smoothed:0.1, focal:2+balanced, deferred:0.8, deferred:0.5+sqrt"
)
WEIGHTS = "path:11"  # without the twin as many
NETWORKS = {"64-64, the default": (64, 64), "16-16": (16, 16), "2-2": (2, 2)}
EPOCHS = {"64-64, the default": 8, "16-16": 40, "2-2": 80}
PATIENT = 10**6  # no lane stops
ROWS, FEATURES, BATCH, SHARE = 20_000, 30, 256, 0.15
CLASSES = {2: (2.5,), 3: (1.5, 2.5)}  # where a score is cut


def losses(rounds: int) -> None:
    """Print what an epoch of each costs."""
    print(f"**Losses**, an epoch of ten lanes, {ROWS:,} rows, {FEATURES} features, one core\n")
    print("| network | classes | ten weights, ms | ten loss remedies, ms | ratio |")
    print("|---|---|---|---|---|")
    for k in CLASSES:
        for name, hidden in NETWORKS.items():
            plain, bent = measured(hidden, k, EPOCHS[name], rounds)
            ratio = statistics.median(b / p for p, b in zip(plain, bent, strict=True))
            cells = f"{1e3 * statistics.median(plain):.1f} | {1e3 * statistics.median(bent):.1f}"
            print(f"| {name} | {k} | {cells} | {ratio:.2f} |", flush=True)
            print(f"losses: {name}, {k} classes", file=sys.stderr, flush=True)
    print()


def measured(hidden: Sequence[int], k: int, epochs: int, rounds: int) -> list[list[float]]:
    """Give the seconds of an epoch, in each round: of ten weights, of ten loss remedies."""
    arms = [parse_settings(text, range(k))[1:] for text in (WEIGHTS, REMEDIES)]
    trainer = KerasTrainer(network(hidden), workers=1)
    seconds: list[list[float]] = [[], []]
    for settings in arms:
        spent(trainer, settings, k, 1)  # compiles
    for _ in range(rounds):
        for settings, found in zip(arms, seconds, strict=True):
            short, long = (spent(trainer, settings, k, n) for n in (1, 1 + epochs))
            found.append((long - short) / epochs)
    return seconds


def spent(trainer: KerasTrainer, settings: Sequence[Setting], k: int, epochs: int) -> float:
    chunk = chunk_of(settings, k, epochs)
    begun = time.process_time()
    trainer.train([chunk])
    return time.process_time() - begun


def network(hidden: Sequence[int]):
    """Build networks as the default one is, of other sizes."""
    keras = keras_on_jax()

    def build(n_features, n_outputs):
        layers = [keras.layers.Dense(units, activation="relu") for units in hidden]
        output = keras.layers.Dense(n_outputs, name="logits")
        model = keras.Sequential([keras.Input((n_features,)), *layers, output])
        binary = keras.losses.BinaryCrossentropy(from_logits=True)
        sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", binary if n_outputs == 1 else sparse)
        return model

    return build


def chunk_of(settings: Sequence[Setting], k: int, epochs: int) -> Chunk:
    """Lay out a fold: four rows of five to learn from, a share of them to stop by."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, FEATURES)).astype("float32")
    y = np.searchsorted(CLASSES[k], x[:, 0] + rng.normal(size=ROWS))
    n = ROWS * 4 // 5
    n_gradient = int((1 - SHARE) * n) // BATCH * BATCH
    counts = np.bincount(y[:n])
    bends = any(setting.bends for setting in settings)
    shapes = [setting.loss.shape(counts) for setting in settings]
    starts = [round(setting.deferred * epochs) for setting in settings]
    return Chunk(
        fold=0,
        seed=0,
        x=x,
        y=y,
        row_weight=None,
        class_weight=np.stack([s.class_weight(counts, range(k)) for s in settings]),
        prior=counts / n,
        training=np.arange(n_gradient),
        validation=np.arange(n_gradient, n),
        held_out=np.arange(n, ROWS),
        batch_size=BATCH,
        epochs=epochs,
        patience=PATIENT,
        shape=Shape(*map(np.stack, zip(*shapes, strict=True))) if bends else None,
        start=np.array(starts) if bends else None,
    )
