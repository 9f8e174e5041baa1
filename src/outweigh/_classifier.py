"""A Keras network as a classifier of scikit-learn.

Letters: n rows, d columns, R members, K classes.
"""

import warnings
from collections import Counter
from collections.abc import Mapping
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from outweigh._callbacks import DONE, told
from outweigh._chunk import DIVERGED, Curves
from outweigh._engine import keras_trainer
from outweigh._ensemble import train_ensemble
from outweigh._errors import UsageError
from outweigh._grammar import setting_of
from outweigh._intake import in_own_words, new_columns, seed_of, taken, weighted
from outweigh._network import Build, default_network
from outweigh._plan import Design
from outweigh._settings import TWIN, Setting
from outweigh._weights import LEAST, MOST, Ratio, Rule, check_number, rule_of

WHOLE = {"members": 1, "epochs": 1, "patience": 0, "batch_size": 1, "workers": 1}
"""The least that numbers may be."""

OPTIONAL = ("epochs", "batch_size", "workers")


class NetworkClassifier(ClassifierMixin, CallbackSupportMixin, BaseEstimator):  # type: ignore[misc]
    """A Keras network, or the average of several, as a classifier of scikit-learn.

    Columns of numbers, text and dates become standardised features, gaps included: nothing has to
    come before it in a pipeline.

    Parameters
    ----------
    network : callable, optional
        ``build(n_features, n_outputs)`` returns a new Keras model at each call, compiled or not,
        with one output for two classes and K for K classes. Two hidden layers of 64 unless given.
    class_weight : {"balanced", "sqrt", "none"}, rule, float, dict or None
        As `class_weight` takes it: a name; `Power`, `Effective`; how many times as much a row of
        the rarer of two classes weighs; weights by label, every class among them. Rules count the
        rows that `fit` is given, whatever they weigh.
    members : int
        Networks that are trained from different seeds, and averaged.
    epochs : int, optional
        At most. Unless given 150, or 30 where nothing stops a network early.
    patience : int
        Epochs without improvement on validation rows, a share of 15 % of the rows, after which a
        network stops, with the parameters of its best epoch. 0 takes no share and stops nothing;
        so do fewer than 10 validation rows outside the most frequent class.
    watch : {"undone", "raw", "weighted"}
        The validation loss that has to improve: with the class weights taken back out of the
        output; as it is; weighted.
    batch_size : int, optional
        About a sixteenth of the rows unless given, a power of 2 from 32 to 256.
    learning_rate : float, optional
        Overrides the optimizer's.
    undo : bool
        Whether the class weights are taken back out of the probabilities. What a network trained
        under weights says is inflated; `predict` then decides as one without weights would.
    workers : int, optional
        Members to train side by side; as many as there are cores unless given.
    random_state : int, RandomState or None
        Seed of the first member; the others count up from it.

    Attributes
    ----------
    classes_ : (K,) array
    n_features_in_ : int
    feature_names_in_ : (d,) array of str
        Where X had names.
    class_weight_ : dict of label → weight
        What each class weighed.
    epochs_ : (R,) array of int
        Epochs until the parameters kept, of each member.
    curves_ : tuple of Curves, (R,)
        Validation log losses of each member, epoch by epoch: ``undone``, ``raw``, ``weighted``.
    model_ : outweigh._model.Model
        What predicts.

    Raises
    ------
    UsageError, DataError, NetworkError
        From `fit`; each is a ValueError, and says in one line what must hold, what came and what to
        do.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = make_classification(400, weights=[0.9], random_state=0)
    >>> network = NetworkClassifier(class_weight="balanced", epochs=5, random_state=0)
    >>> network.fit(X, y).predict_proba(X).shape
    (400, 2)
    >>> network.class_weight_[1]
    4.878048780487805
    """

    def __init__(
        self,
        network: Build | None = None,
        *,
        class_weight: str | float | Mapping[Any, float] | Rule | None = None,
        members: int = 1,
        epochs: int | None = None,
        patience: int = 15,
        watch: str = "undone",
        batch_size: int | None = None,
        learning_rate: float | None = None,
        undo: bool = False,
        workers: int | None = None,
        random_state: Any = None,
    ):
        self.network = network
        self.class_weight = class_weight
        self.members = members
        self.epochs = epochs
        self.patience = patience
        self.watch = watch
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.undo = undo
        self.workers = workers
        self.random_state = random_state

    @with_callbacks  # type: ignore[untyped-decorator]
    @in_own_words
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the networks.

        Parameters
        ----------
        X : frame or array, shape (n, d)
            Numbers, text, dates; pandas, polars, pyarrow or an array. NaN and None are gaps.
        y : array-like, shape (n,)
            Labels of two classes or more.
        sample_weight : array-like, shape (n,), optional
            What each row weighs, besides its class; scaled to mean 1. A row of weight 0 is left
            out.

        Returns
        -------
        self : NetworkClassifier
        """
        progress = told(self)
        table, self.classes_ = taken(self, X, y, row_weight=sample_weight)
        table, _ = weighted(table)
        counts = np.bincount(table.y, minlength=len(table.classes))
        setting = _setting(self.class_weight, table.classes, counts)
        build = self.network or default_network
        ensemble = train_ensemble(
            table,
            setting,
            build=build,
            trainer=keras_trainer(build, learning_rate=self.learning_rate, workers=self.workers),
            design=design_of(self, seed_of(self.random_state)),
            undo=self.undo,
            tell=progress,
        )
        self.model_ = ensemble.model
        self.epochs_ = np.array([member.epochs[0] for member in ensemble.members])
        self.curves_ = tuple(_of_lane(member.curves) for member in ensemble.members)
        weights = setting.class_weight(counts, table.classes).tolist()
        self.class_weight_ = dict(zip(table.classes, weights, strict=True))
        progress(DONE)
        _warn([member.outcome[0] for member in ensemble.members])
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Give the probability (n, K) of each class, in the order of ``classes_``.

        Parameters
        ----------
        X : frame or array, shape (n, d)
            With the columns that `fit` had, in their order.
        """
        check_is_fitted(self)
        return np.asarray(self.model_.predict_proba(new_columns(self, X)))

    def predict(self, X: Any) -> NDArray[Any]:
        """Give the most likely class (n,) of each row."""
        most = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[most])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def design_of(estimator: NetworkClassifier, seed: int, **more: Any) -> Design:
    """Give how an estimator's networks train."""
    _check(estimator)
    return Design(
        seeds=estimator.members,
        seed=seed,
        epochs=estimator.epochs,
        patience=estimator.patience,
        watch=estimator.watch,
        batch_size=estimator.batch_size,
        **more,
    )


def _check(estimator: NetworkClassifier) -> None:
    """Raise where a number makes no sense."""
    for name, least in WHOLE.items():
        value = getattr(estimator, name)
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not (whole and value >= least) and (value is not None or name not in OPTIONAL):
            raise UsageError(f"{name} must be a whole number from {least}; came {value!r}: mend it")
    if not isinstance(estimator.undo, bool | np.bool_):
        raise UsageError(f"undo must be True or False; came {estimator.undo!r}: mend it")
    if estimator.learning_rate is not None:
        check_number("learning_rate", estimator.learning_rate, LEAST, MOST)


def _setting(given: Any, classes: tuple[Any, ...], counts: NDArray[np.int64]) -> Setting:
    """Give the setting of a class weight; a ratio is about the rarer class, whichever it is."""
    if given is None:
        return TWIN
    rule = rule_of(given)
    if isinstance(rule, Ratio) and counts[0] < counts[1]:
        rule = Ratio(1 / float(rule.r))
    return setting_of(rule, classes)


def _of_lane(curves: Curves) -> Curves:
    return Curves(*(np.asarray(curve)[0] for curve in curves))


def _warn(outcomes: list[str]) -> None:
    """Warn of members that are left out."""
    if lost := Counter(outcomes)[DIVERGED]:
        warnings.warn(
            f"{lost} of {len(outcomes)} members diverged and are left out: take a smaller "
            "learning rate",
            ConvergenceWarning,
            stacklevel=3,
        )
