"""An ensemble: networks of one setting that differ by their seed, trained on every row of a table.

Letters: n rows, R members, K classes.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from outweigh._chunk import Progress, Trained
from outweigh._final import name_of
from outweigh._model import Model, learned
from outweigh._network import Build
from outweigh._plan import Design, plan
from outweigh._repairs import Affine
from outweigh._settings import Setting
from outweigh._shapes import Shape
from outweigh._split import Fold
from outweigh._table import Table
from outweigh._training import Trainer, train


class Ensemble(NamedTuple):
    """What became of a training."""

    model: Model
    members: tuple[Trained, ...]  # (R,) each of one lane


def train_ensemble(
    table: Table,
    setting: Setting,
    *,
    build: Build,
    trainer: Trainer,
    design: Design,
    undo: bool,
    tell: Callable[[Progress], None],
) -> Ensemble:
    """Train one setting on every row.

    Parameters
    ----------
    table : Table
    setting : Setting
    build : callable
        ``build(n_features, n_outputs)`` returns the Keras model that the trainer trains.
    trainer : Trainer
    design : Design
        Its seeds are the members.
    undo : bool
        Whether what the setting does to probabilities is taken back.
    tell : callable
        Called with a Progress.

    Raises
    ------
    NetworkError
        When every member diverged.
    """
    rows = np.arange(len(table.y))
    whole = plan(table, [Fold(rows, rows[:0])], (setting,), design)
    results = train(whole, trainer, math.inf, tell, keep_parameters=True)
    members = tuple(results.trained.values())
    [part] = whole.parts
    parameters, n_trainable = learned(members)
    k = len(table.classes)
    model = Model(
        classes=table.classes,
        setting=setting.name,
        class_weight=results.class_weight[0, 0] if undo else np.ones(k),
        shape=Shape(*(values[0] for values in part.shape)),
        label=None,
        prior=part.prior,
        repair=Affine(1.0, (0.0,) * k),
        factor=np.ones(k),
        rule=None,
        amount_column=None,
        features=part.features,
        missing=(),
        parameters=parameters,
        n_trainable=n_trainable,
        build=build,
        network=name_of(build),
        target=table.target,
        source=table.source,
        sketch=members[0].sketch,
    )
    return Ensemble(model, members)
