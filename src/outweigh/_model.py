"""The model: columns in, honest probabilities and the cheapest decision out.

The chosen setting's networks, one for each seed, each told its class weights and rid of them again,
then averaged.

Letters: n new rows, R seeds, K classes, P parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from outweigh._columns import Columns
from outweigh._errors import UsageError
from outweigh._features import Features
from outweigh._network import Build
from outweigh._operating import Cost, decide
from outweigh._settings import undo

DEFAULT = "default"  # what our own network is called


@dataclass(frozen=True, eq=False)
class Model:
    """What predicts.

    Attributes
    ----------
    classes : (K,) tuple
        The labels: (negative, positive) when there are two.
    setting : str
        Name of the class-weight setting.
    class_weight : (K,) float64
        What the networks were weighted with, and what is undone.
    costs : (K, K) float64
        ``costs[t, d]``: cost of deciding d where t is true.
    prior : (K,) float64
        Class shares of the rows that it was trained on.
    features : Features
        How columns become the networks' inputs.
    missing : tuple of str
        Texts that mean a missing value.
    parameters : (P,) tuple of arrays (R, ...)
        The networks' trainable variables, then the others.
    n_trainable : int
    build : callable
        ``build(n_features, n_outputs)`` returns the Keras model.
    network : str
        ``"default"``, or what the user calls theirs.
    target, source : str
        What was predicted, and the data it was learned from.
    """

    classes: tuple[Any, ...]
    setting: str
    class_weight: np.ndarray
    costs: np.ndarray
    prior: np.ndarray
    features: Features
    missing: tuple[str, ...]
    parameters: tuple[np.ndarray, ...]
    n_trainable: int
    build: Build
    network: str
    target: str
    source: str

    def predict_proba(self, columns: Columns) -> np.ndarray:
        """Give the probability (n, K) of each class, class weights undone, averaged over seeds."""
        from outweigh._lanes import predict  # late: JAX and Keras load only to train and predict

        parameters = (
            list(self.parameters[: self.n_trainable]),
            list(self.parameters[self.n_trainable :]),
        )
        x = self.features.transform(columns)
        said = predict(self.build, parameters, x, n_classes=len(self.classes))
        return np.asarray(undo(said, self.class_weight).mean(axis=0))

    def with_costs(self, objective: Cost) -> "Model":
        """Give the same model for other costs; there must be two classes."""
        if len(self.classes) > 2:
            raise UsageError(
                f"costs of a miss and a false alarm need two classes; {self.target!r} has "
                f"{len(self.classes)}: leave the costs out"
            )
        return replace(self, costs=objective.matrix)

    def decide(self, probability: np.ndarray) -> np.ndarray:
        """Give the decision (n,) of least expected cost, as a place in `classes`."""
        return decide(probability, self.costs)

    def cost_saved(self, probability: np.ndarray) -> np.ndarray:
        """Give the expected cost (n,) that acting on a case saves.

        With two classes that of flagging it, compared with not flagging it: negative where a false
        alarm is the more likely harm. With more, that of the cheapest decision compared with the
        one decision for everybody that costs least at the training prevalence.
        """
        expected = probability @ self.costs  # (n, K)
        if len(self.classes) == 2:
            return np.asarray(expected[:, 0] - expected[:, 1])
        usual = (self.prior @ self.costs).argmin()
        return np.asarray(expected[:, usual] - expected.min(axis=1))


def stacked(parameters: Sequence[tuple[list[np.ndarray], list[np.ndarray]]]) -> tuple[Any, int]:
    """Put the parameters of R single networks together: arrays (R, ...), how many are trainable."""
    n_trainable = len(parameters[0][0])
    flat = [[*trainable, *other] for trainable, other in parameters]
    return tuple(np.concatenate(of_seeds) for of_seeds in zip(*flat, strict=True)), n_trainable
