"""The model: columns in, honest probabilities and decisions out.

The chosen setting's networks, one for each seed, each rid again of what its loss, its class weights
and its rows did to probabilities, then averaged, repaired, and brought to the world that they are
used in.

Letters: n new rows, D features, R seeds, K classes, P parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from outweigh._chunk import DIVERGED, Trained
from outweigh._columns import Columns
from outweigh._deployment import Deployment, deployed
from outweigh._errors import NetworkError, UsageError
from outweigh._features import Features
from outweigh._network import Build
from outweigh._objective import Costs
from outweigh._operating import LeastCost, LeastRowCost, Rule
from outweigh._repairs import Map
from outweigh._shapes import Shape, undo, unshaped

DEFAULT = "default"  # what our own network is called


@dataclass(frozen=True, eq=False)
class Model:
    """What predicts.

    Attributes
    ----------
    classes : (K,) tuple
        The labels: (negative, positive) when there are two.
    setting : str
        Name of the setting.
    class_weight : (K,) float64
        How many times as frequent each class is in what the networks learned, which is undone.
    shape : Shape
        Of the loss, which is undone before.
    label : (int, int), optional
        Which label this is and of how many, where the networks have an output for each.
    prior : (K,) float64
        Class shares, as much as they count, of the rows that it was judged on.
    repair : Map
        What makes the average honest.
    factor : (K,) float64
        How many times as frequent each class is where the model is used.
    rule : Rule or None
        What decides; None where the study was about ranking.
    amount_column : str or None
        Name of the column that says what it costs to miss a row, where decisions depend on it.
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
    sketch : str
        Of the network, in the process that trained it: `build` must still build that one.
    """

    classes: tuple[Any, ...]
    setting: str
    class_weight: np.ndarray
    shape: Shape
    label: tuple[int, int] | None
    prior: np.ndarray
    repair: Map
    factor: np.ndarray
    rule: Rule | None
    amount_column: str | None
    features: Features
    missing: tuple[str, ...]
    parameters: tuple[np.ndarray, ...]
    n_trainable: int
    build: Build
    network: str
    target: str
    source: str
    sketch: str = ""

    def predict_proba(self, columns: Columns) -> np.ndarray:
        """Give the probability (n, K) of each class: undone, averaged, repaired, at deployment."""
        return self.predict_features(self.features.transform(columns))

    def predict_features(self, x: np.ndarray) -> np.ndarray:
        """Give the probability (n, K) of each class from features (n, D) of float32."""
        from outweigh._lanes import predict  # late: JAX and Keras load only to train and predict

        parameters = (
            list(self.parameters[: self.n_trainable]),
            list(self.parameters[self.n_trainable :]),
        )
        k = len(self.classes)
        scaled = k > 2 and bool((self.shape.delta != 1).any())
        delta = self.shape.delta if scaled else None
        if self.label is None:
            said = predict(self.build, parameters, x, n_classes=k, delta=delta, sketch=self.sketch)
        else:
            place, n_labels = self.label
            said = predict(self.build, parameters, x, n_labels=n_labels, sketch=self.sketch)[
                :, :, place
            ]
        said = unshaped(said, self.shape)
        averaged = np.asarray(undo(said, self.class_weight).mean(axis=0))
        return deployed(self.repair(averaged), self.factor)

    def __getstate__(self) -> dict[str, Any]:
        """Give what is pickled: another version of JAX may write the same network another way."""
        return {**vars(self), "sketch": ""}

    def at(self, objective: Costs | None, deployment: Deployment) -> "Model":
        """Give the same model for other costs, or for another world than it was made for."""
        model = self
        if objective is not None:
            objective.check(self.classes, has_amount=False)
            model = replace(model, rule=objective.implied, amount_column=None)
        if deployment.differs:
            model = replace(model, factor=deployment.factor(self.prior))
        return model

    def decide(self, probability: np.ndarray, amount: np.ndarray | None = None) -> np.ndarray:
        """Give the decision (n,), as a place in `classes`; K: refer to a person."""
        if self.rule is None:
            raise UsageError(
                f"a model must have costs to decide by; that of {self.source!r} was made to rank: "
                "give --cost-fn and --cost-fp"
            )
        return self.rule.decide(probability, amount)

    def cost_saved(
        self, probability: np.ndarray, amount: np.ndarray | None = None
    ) -> np.ndarray | None:
        """Give the expected cost (n,) that acting on a case saves; None where costs are unknown.

        With two classes that of flagging it, compared with not flagging it: negative where a false
        alarm is the more likely harm. With more, or where cases are referred to a person, that of
        the cheapest decision compared with the one decision for everybody that costs least at the
        class shares of the rows that the model was judged on.
        """
        if isinstance(self.rule, LeastRowCost):
            return np.asarray(probability[:, 1] * amount - probability[:, 0] * self.rule.fp)
        if not isinstance(self.rule, LeastCost):
            return None
        expected = probability @ self.rule.costs  # (n, D)
        if expected.shape[1] == 2:
            return np.asarray(expected[:, 0] - expected[:, 1])
        usual = (self.prior @ self.rule.costs).argmin()
        return np.asarray(expected[:, usual] - expected.min(axis=1))


def learned(trained: Sequence[Trained]) -> tuple[tuple[np.ndarray, ...], int]:
    """Put the first lanes of R trainings together: parameters (R, ...), how many are trainable.

    Those that diverged are left out.

    Raises
    ------
    NetworkError
        When all of them did.
    """
    alive = [t.parameters for t in trained if t.outcome[0] != DIVERGED and t.parameters]
    if not alive:
        raise NetworkError(
            "the final network must keep finite numbers; it diverged with every seed: scale the "
            "loss down, or take a smaller learning rate"
        )
    flat = [[*trainable, *other] for trainable, other in alive]
    first = [np.concatenate([v[:1] for v in values]) for values in zip(*flat, strict=True)]
    return tuple(first), len(alive[0][0])
