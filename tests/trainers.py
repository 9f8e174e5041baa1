"""A trainer without a network: class-weighted logistic regression, the same to the last digit."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.linear_model import LogisticRegression

from outweigh._chunk import FINISHED, STOPPED, Chunk, Progress, Trained
from outweigh._settings import undo


@dataclass
class Logistic:
    """Fits each lane by Newton's steps, and remembers the chunks of each call."""

    calls: list[list[Chunk]] = field(default_factory=list)

    def describe(self, n_features, n_classes):
        return {"network": "logistic regression", "optimizer": "Newton", "parameters": "few"}

    def train(self, chunks, *, keep_parameters=False, tell):
        self.calls.append(list(chunks))
        lanes = [len(chunk.class_weight) for chunk in chunks]
        tell(Progress(sum(lanes), 0, 0, 0.0))
        trained = [self.train_one(chunk, keep_parameters) for chunk in chunks]
        tell(Progress(sum(lanes), sum(lanes), sum(lanes), 1.0))
        return trained

    def train_one(self, chunk, keep_parameters):
        models = [fitted(chunk, weight) for weight in chunk.class_weight]
        n_lanes, k = chunk.class_weight.shape
        said = [model(chunk.x[chunk.held_out]) for model in models]
        return Trained(
            probability=np.array(said, dtype=np.float32).reshape(n_lanes, -1, k),
            outcome=(STOPPED if chunk.patience else FINISHED,) * n_lanes,
            epochs=np.ones(n_lanes, dtype=int),
            validation_log_loss=self.curves(chunk, models),
            parameters=tuple(models) if keep_parameters else None,
        )

    def curves(self, chunk, models):
        rows = chunk.validation
        if not len(rows):
            return np.empty((len(models), 0))
        said = undo([model(chunk.x[rows]) for model in models], chunk.class_weight[:, None])
        return -np.log(said[:, np.arange(len(rows)), chunk.y[rows]]).mean(axis=1, keepdims=True)

    def predict(self, trained, x):
        return np.stack([model(x) for model in trained.parameters])


def fitted(chunk, class_weight):
    """Fit one lane on the rows of its gradient steps; give a function from x to probabilities."""
    x, y = chunk.x[chunk.training].astype(float), chunk.y[chunk.training]
    weight = class_weight[y] * (1 if chunk.row_weight is None else chunk.row_weight[chunk.training])
    model = LogisticRegression(C=1e6, solver="newton-cholesky", tol=1e-10).fit(x, y, weight)
    k = len(class_weight)

    def predict(x):
        return model.predict_proba(x.astype(float)) if len(x) else np.empty((0, k))

    return predict
