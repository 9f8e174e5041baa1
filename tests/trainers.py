"""A trainer without a network: weighted logistic regression, and a world where it is right."""

import math
from dataclasses import dataclass, field

import numpy as np
from sklearn.linear_model import LogisticRegression

from outweigh._chunk import FINISHED, STOPPED, Chunk, Curves, Progress, Trained
from outweigh._columns import number_columns
from outweigh._deployment import AS_TRAINED
from outweigh._grammar import parse_references, parse_settings
from outweigh._network import keras_on_jax
from outweigh._plan import Design
from outweigh._shapes import undo
from outweigh._study import run
from outweigh._table import Table


def linear(n_features, n_outputs):
    """Build the network that a logistic regression is."""
    keras = keras_on_jax()
    activation = "sigmoid" if n_outputs == 1 else "softmax"
    output = keras.layers.Dense(n_outputs, activation=activation, name="output")
    return keras.Sequential([keras.Input((n_features,)), output])


@dataclass
class Logistic:
    """Fits each lane by Newton's steps, and remembers the chunks of each call."""

    calls: list[list[Chunk]] = field(default_factory=list)
    build = staticmethod(linear)

    def describe(self, n_features, n_classes, *, n_labels=None):
        return {"network": "logistic regression", "optimizer": "Newton", "parameters": "few"}

    def train(self, chunks, *, keep_parameters=False, until=math.inf, tell):
        self.calls.append(list(chunks))
        lanes = [len(chunk.class_weight) for chunk in chunks]
        tell(Progress(sum(lanes), 0, 0, 0.0))
        trained = [self.train_one(chunk, keep_parameters) for chunk in chunks]
        tell(Progress(sum(lanes), sum(lanes), sum(lanes), 1.0))
        return trained

    def train_one(self, chunk, keep_parameters):
        models = [fitted(chunk, weight) for weight in chunk.class_weight]
        n_lanes, k = chunk.class_weight.shape
        said = [predicted(model, chunk.x[chunk.held_out], k) for model in models]
        kernel = np.stack([model.coef_.T for model in models]).astype("float32")
        bias = np.stack([model.intercept_ for model in models]).astype("float32")
        return Trained(
            probability=np.array(said, dtype=np.float32).reshape(n_lanes, -1, k),
            outcome=(STOPPED if chunk.patience else FINISHED,) * n_lanes,
            epochs=np.ones(n_lanes, dtype=int),
            curves=self.curves(chunk, models),
            parameters=([kernel, bias], []) if keep_parameters else None,
        )

    def curves(self, chunk, models):
        rows, k = chunk.validation, chunk.class_weight.shape[1]
        if not len(rows):
            return Curves(*np.empty((3, len(models), 0)))
        said = [predicted(model, chunk.x[rows], k) for model in models]
        row_weight = None if chunk.row_weight is None else chunk.row_weight[rows]
        losses = [
            log_losses(p, chunk.y[rows], weight, row_weight)
            for p, weight in zip(said, chunk.class_weight, strict=True)
        ]
        return Curves(*np.transpose(losses)[:, :, None])


def log_losses(said, y, class_weight, row_weight=None):
    """Give the undone, raw and weighted log loss of rows, from what was said of them (n, K)."""
    raw = -np.log(said[np.arange(len(y)), y])
    undone = -np.log(undo(said, class_weight)[np.arange(len(y)), y])
    each = (undone, raw, class_weight[y] * raw)
    return Curves(*(np.average(loss, weights=row_weight) for loss in each))


def fitted(chunk, class_weight):
    """Fit one lane on the rows of its gradient steps."""
    x, y = chunk.x[chunk.training].astype(float), chunk.y[chunk.training]
    weight = class_weight[y] * (1 if chunk.row_weight is None else chunk.row_weight[chunk.training])
    return LogisticRegression(C=1e6, solver="newton-cholesky", tol=1e-10).fit(x, y, weight)


def predicted(model, x, k):
    return model.predict_proba(x.astype(float)) if len(x) else np.empty((0, k))


def world(n=1203, *, k=2, seed=0, log_odds=-2.0) -> Table:
    """Draw rows whose log odds of each class are linear in two columns."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    odds = np.exp(x @ rng.normal(size=(2, k)) + log_odds * (np.arange(k) > 0)).cumsum(axis=1)
    y = (rng.random((n, 1)) * odds[:, -1:] > odds).sum(axis=1)
    return table_of(x, y, tuple(range(k)))


def table_of(x, y, classes=(0, 1), **roles) -> Table:
    """A table of numbers (N, D), called a, b, …, and of codes (N,)."""
    return Table(number_columns(x, "abcdefgh"[: x.shape[1]]), y, classes, "y", "world", **roles)


class Slow(Logistic):
    """A trainer that is out of time after some chunks, and then is again."""

    def __init__(self, *done):
        super().__init__()
        self.done = list(done)

    def train(self, chunks, *, until=math.inf, **how):
        trained = super().train(chunks, **how)
        n = self.done.pop(0) if until < math.inf else len(chunks)
        return trained[:n] + [None] * (len(chunks) - n)


def studied(
    table=None,
    *,
    trainer=None,
    settings="none,balanced,power:1.4",
    references=None,
    use=None,
    objective=None,
    deployment=AS_TRAINED,
    test=None,
    tell=lambda stage, progress: None,
    **design,
):
    """Run a small study; give its evidence, and the chunks of each call of the trainer."""
    table = world() if table is None else table
    trainer = Logistic() if trainer is None else trainer
    parsed = parse_settings(settings, table.classes)
    parsed += parse_references(references, table.classes) if references else ()
    evidence = run(
        table,
        settings=parsed,
        use=use,
        objective=objective,
        deployment=deployment,
        trainer=trainer,
        design=Design(**({"folds": 3, "seeds": 2} | design)),
        test=test,
        tell=tell,
    )
    return evidence, *trainer.calls
