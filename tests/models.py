"""Small models of tables drawn at random: columns of every kind, names and labels of any kind."""

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa

from outweigh._columns import Columns
from outweigh._features import fit_features
from outweigh._final import answered
from outweigh._model import Model
from outweigh._network import HIDDEN, default_network
from outweigh._operating import LeastCost
from outweigh._repairs import Affine
from outweigh._shapes import plain
from outweigh._table import Table, from_frame
from tests.trainers import Logistic, studied

N = 90

NAMES = [
    "size",
    'a "quoted" name',
    "it's",
    "größe, in µm",
    "\u202eleft to right\u200f",
    "=cmd('/c calc')!A1",
    "two\nlines",
    "\x1b[31mred\x1b[0m",
    "back\\slash/slash",
    "{{ name }} <script>",
    "__loader__",
    "x" * 3000,
    "🙂",
    " ",
]
LABELS = {
    int: [-7, 0, 3, 2**62, 5, 6],
    float: [-1.5, 0.1, 1e300, 5e-324, 2.5, 3.0],
    str: NAMES[1:7],
    bool: [False, True],
}


def drawn(seed: int) -> Table:
    """Draw a table of two to six classes."""
    rng = np.random.default_rng(seed)
    kind = [int, float, str, bool][seed % 4]
    k = 2 if kind is bool else 2 + seed // 4 % 5
    y = np.concatenate([np.arange(k).repeat(6), np.zeros(N - 6 * k, int)])[rng.permutation(N)]
    names = rng.permutation(NAMES).tolist()
    columns = {names.pop(): column(rng) for _ in range(rng.integers(1, 5))}
    labels = rng.permutation(np.array(LABELS[kind], dtype=object))[:k].tolist()
    return from_frame(pa.table({**columns, "y": [labels[i] for i in y]}), target="y")


def column(rng) -> pa.Array:
    """Draw a column of numbers, of few or many texts, or of dates; some have gaps."""
    gaps = rng.random(N) < rng.choice([0, 0.2])
    numbers = rng.normal(size=N) * 10.0 ** rng.integers(-9, 9)
    days = [datetime(2000, 1, 1) + timedelta(hours=int(h)) for h in rng.integers(0, 99999, N)]
    cells = [
        numbers,
        rng.integers(0, 3, N),
        rng.random(N) < 0.5,
        rng.choice([*NAMES, ""], N),
        [f"{''.join(rng.choice(list('abcdé🙂'), 9))} {i}" for i in range(N)],
        days,
        [day.replace(hour=0) for day in days],
    ]
    return pa.array(list(cells[rng.integers(len(cells))]), mask=gaps)


def by_hand(columns: Columns, *, k=2, build=default_network, seed=0) -> Model:
    """A model that nobody trained, of two seeds, with the shapes of the default network."""
    rng = np.random.default_rng(seed)
    features = fit_features(columns, range(len(columns)))
    widths = (len(features.names), *HIDDEN, 1 if k == 2 else k)
    shapes = [shape for d, h in pairwise(widths) for shape in ((2, d, h), (2, h))]
    return Model(
        classes=tuple(f"class {i}" for i in range(k)),
        setting="ratio:9",
        class_weight=rng.uniform(0.1, 9, k),
        shape=drawn_shape(rng, k),
        label=None,
        prior=np.full(k, 1 / k),
        repair=Affine(1.0, (0.0,) * k),
        factor=np.ones(k),
        rule=LeastCost((1 - np.eye(k)) * rng.uniform(1, 9, (k, 1))),
        amount_column=None,
        features=features,
        missing=("?",),
        parameters=tuple(rng.normal(0, 0.1, shape).astype("float32") for shape in shapes),
        n_trainable=len(shapes),
        build=build,
        network="default" if build is default_network else "mine.py:mine",
        target="y",
        source="mine.csv",
    )


def drawn_shape(rng, k):
    """The shape of some loss: focal, vector-scaled, smoothed, or cross-entropy."""
    bent = (
        {"gamma": np.asarray(rng.uniform(0, 3))},
        {"delta": rng.uniform(0.5, 1, k), "iota": rng.normal(size=k)},
        {"epsilon": rng.uniform(0, 0.2, k)},
        {},
    )
    return plain(k)._replace(**bent[rng.integers(len(bent))])


def model_of(table: Table, *, trainer=None, **options) -> Model:
    """The model of a small study of a table, trained exactly."""
    trainer = Logistic() if trainer is None else trainer
    small = {"folds": 2, "seeds": 2, "patience": 0, "settings": "balanced"}
    evidence, *_ = studied(table, trainer=trainer, **(small | options))
    return answered(evidence, trainer).model
