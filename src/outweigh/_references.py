"""References: classifiers of scikit-learn's kind, that networks are measured against.

A network that loses to gradient boosting is not helped by a weight. So any classifier can stand in
a study: it learns the same training rows under the same class weights, and passes the same waist,
repairs and thresholds as the networks. It stops by itself, so the rows that stop a network are
training rows to it.

Letters: n training rows, m held out, K classes, L lanes.
"""

import inspect
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outweigh._chunk import (
    COLLAPSED,
    DIVERGED,
    FINISHED,
    Chunk,
    Curves,
    Progress,
    Trained,
    is_constant,
)
from outweigh._errors import SettingError, UsageError
from outweigh._estimators import called, parameters, seeded
from outweigh._machine import cores
from outweigh._predictions import ROUNDING
from outweigh._reading import one_line
from outweigh._weights import Power

SLOW = {"learning_rate": 0.05, "subsample": 0.8, "colsample_bytree": 0.8}
"""Boosting in small steps, of which each sees a part of the rows and columns: so seeds differ, and
their average gains."""

REPEATABLE = {"deterministic": True, "force_col_wise": True}
"""What lightgbm needs to give the same bits again."""

REFERENCES: dict[str, tuple[str, dict[str, Any]]] = {
    "logistic": ("sklearn.linear_model.LogisticRegression", {"max_iter": 1000}),
    # with twice as many of these small steps, log loss was worse on seven tables of seven
    "hist-gradient-boosting": (
        "sklearn.ensemble.HistGradientBoostingClassifier",
        {"learning_rate": 0.05, "max_iter": 100, "max_features": 0.5, "early_stopping": False},
    ),
    # leaves of one row say 0 and 1, leaves of five lose a rare class: two came first on average
    "random-forest": (
        "sklearn.ensemble.RandomForestClassifier",
        {"n_estimators": 300, "min_samples_leaf": 2},
    ),
    # once repaired, leaves of one row had the lower log loss on six tables of seven
    "extra-trees": ("sklearn.ensemble.ExtraTreesClassifier", {"n_estimators": 300}),
    "balanced-random-forest": (
        "imblearn.ensemble.BalancedRandomForestClassifier",
        {"n_estimators": 300},
    ),
    "easy-ensemble": ("imblearn.ensemble.EasyEnsembleClassifier", {}),
    # its trees end earlier than lightgbm's, so it takes twice as many; more gained nothing
    "xgboost": (
        "xgboost.XGBClassifier",
        {"n_estimators": 200, **SLOW, "tree_method": "hist", "verbosity": 0},
    ),
    "lightgbm": (
        "lightgbm.LGBMClassifier",
        {"n_estimators": 100, **SLOW, "subsample_freq": 1, **REPEATABLE, "verbosity": -1},
    ),
}
"""Class and parameters of each classifier that goes by a name."""

EVENLY = ("auto", "all", "not minority")
"""What imbalanced-learn's classifiers are told when all classes are to be drawn alike."""

Tell = Callable[[Progress], None]


@final
@dataclass(frozen=True)
class Reference:
    """A classifier that networks are measured against.

    Attributes
    ----------
    name : str
    build : callable
        Gives a fresh classifier, not fitted.
    balances : bool
        Whether it learns from balanced classes by itself: it draws its own rows, or weighs them.
    exact : bool
        Whether that is all it does about the classes by itself, as far as can be told.
    own : int, optional
        Tells apart the classifiers that a user brought along, whatever they are called.

    Examples
    --------
    >>> reference_named("balanced-random-forest").weight([90, 10])
    array([0.55555556, 5.        ])
    """

    name: str
    build: Callable[[], Any] = field(compare=False, repr=False)
    balances: bool = False
    exact: bool = field(default=True, repr=False)
    own: int | None = field(default=None, repr=False)

    def weight(self, counts: ArrayLike) -> NDArray[np.float64]:
        """Give how many times as frequent each class (K,) is in what it learns from.

        Parameters
        ----------
        counts : (K,) array_like
            Training rows of each class.

        Raises
        ------
        SplitError
            When a class has none.
        """
        n_k = np.asarray(counts)
        return Power(1.0 if self.balances else 0.0).weights(n_k, range(len(n_k)))


@final
@dataclass(frozen=True)
class ClassifierTrainer:
    """Trains chunks with a classifier.

    Parameters
    ----------
    reference : Reference
    """

    reference: Reference

    def train(
        self,
        chunks: Sequence[Chunk],
        *,
        keep_parameters: bool = False,
        until: float = math.inf,
        tell: Tell = lambda progress: None,
    ) -> list[Trained | None]:
        """Fit a fresh classifier for each lane, on training and validation rows alike.

        Parameters
        ----------
        chunks : sequence of Chunk
            A lane's class weights, times the row weights, are the fit's ``sample_weight``; where
            all are 1, the fit gets none.
        keep_parameters : bool
            No matter: a classifier's are not kept.
        until : float
            The ``time.monotonic()`` after which no fit is begun.
        tell : callable
            Called with a Progress after each fit.

        Returns
        -------
        trained : list of Trained, in the order of the chunks
            None for a chunk whose lanes were not all fitted in time, and for those behind it.

        Raises
        ------
        SettingError
            When the classifier cannot learn the rows, or cannot weigh them where it has to.
        """
        n_lanes = [len(chunk.class_weight) for chunk in chunks]
        lanes, done = sum(n_lanes), 0
        trained: list[Trained | None] = [None] * len(chunks)
        for i, chunk in enumerate(chunks):
            said = []
            for class_weight in chunk.class_weight:
                if time.monotonic() > until:
                    return trained
                said.append(_learn(self.reference, chunk, class_weight))
                done += 1
                tell(Progress(lanes, done, done, done / lanes))
            trained[i] = _trained(np.stack(said))
        return trained


def reference_named(name: str) -> Reference | None:
    """Give the classifier that goes by a name of `REFERENCES`; None where none does.

    Raises
    ------
    UsageError
        When its library is not installed.

    Examples
    --------
    >>> reference_named("logistic").build()
    LogisticRegression(max_iter=1000)
    """
    if name not in REFERENCES:
        return None
    path, parameters = REFERENCES[name]
    package = path.partition(".")[0]
    if find_spec(package) is None:
        raise UsageError(
            f"{package} must be installed for --reference {name}: pip install 'outweigh[trees]'"
        )
    # all that imbalanced-learn has under a name here draw balanced rows
    return Reference(name, partial(_build, path, parameters), balances=package == "imblearn")


def reference_of(classifier: Any, name: str | None = None) -> Reference:
    """Take a user's own classifier.

    Parameters
    ----------
    classifier : object with ``fit`` and ``predict_proba``
        A pipeline too. It is left as it is: each lane fits a clone. Where its user left
        ``random_state`` open it follows the lane's seed, and where ``n_jobs``, it uses the cores.
    name : str, optional
        The classifier on one line, unless given.

    Returns
    -------
    reference : Reference
        Balanced where it is one of imbalanced-learn's that draw balanced rows, or where its
        ``class_weight`` is ``"balanced"``. Other ways to lean towards a class are left to the
        repair, and it is not `exact`.

    Raises
    ------
    UsageError
        When it is no such object, or cannot be cloned.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> reference_of(LogisticRegression(C=0.1, class_weight="balanced"))
    Reference(name="LogisticRegression(C=0.1, class_weight='balanced')", balances=True)
    """
    from sklearn.base import clone

    _check(classifier)
    try:
        template = clone(classifier, safe=False)  # where nothing can clone it: a deep copy
    except Exception as error:
        raise UsageError(
            f"a reference must be a classifier that can be cloned; {type(classifier).__name__} "
            f"raised {_told(error)}: mend it"
        ) from error
    build = partial(clone, template, safe=False)
    balances = _balances(classifier)
    exact = balances or not _leans(classifier)
    return Reference(name or called(classifier), build, balances, exact, own=id(classifier))


def _build(path: str, parameters: dict[str, Any]) -> Any:
    """Make the classifier of a class, whose library is loaded only now."""
    module, _, kind = path.rpartition(".")
    return getattr(import_module(module), kind)(**parameters)


def _check(classifier: Any) -> None:
    kind = classifier if isinstance(classifier, type) else type(classifier)
    if classifier is kind:
        raise UsageError(
            f"a reference must be a classifier; came the class {kind.__name__}: "
            f"write {kind.__name__}()"
        )
    for method in ("fit", "predict_proba"):
        if not callable(getattr(classifier, method, None)):
            raise UsageError(
                f"a reference must have fit and predict_proba; {kind.__name__} has no {method}: "
                "choose a classifier that gives probabilities"
            )


def _balances(classifier: Any) -> bool:
    """Tell whether a classifier draws balanced rows, or weighs them to be so, by itself."""
    learner = _last_step(classifier)[1]
    asked = parameters(learner).get
    evenly = _draws(learner) and asked("sampling_strategy") in EVENLY
    return evenly or asked("class_weight") in ("balanced", "balanced_subsample")


def _leans(classifier: Any) -> bool:
    """Tell whether a classifier leans towards a class by itself, in ways that are not undone."""
    from sklearn.pipeline import Pipeline

    steps = [step for _, step in classifier.steps] if isinstance(classifier, Pipeline) else []
    learner = _last_step(classifier)[1]
    asked = parameters(learner).get
    weighs = asked("class_weight") is not None or asked("is_unbalance")
    scales = asked("scale_pos_weight") not in (None, 1)
    resamples = any(hasattr(step, "fit_resample") for step in steps)
    return bool(weighs or scales or resamples or _draws(learner))


def _draws(learner: Any) -> bool:
    """Tell whether a classifier is one of imbalanced-learn's that draw their own rows."""
    from imblearn.ensemble import (
        BalancedBaggingClassifier,
        BalancedRandomForestClassifier,
        EasyEnsembleClassifier,
        RUSBoostClassifier,
    )

    return isinstance(
        learner,
        BalancedBaggingClassifier
        | BalancedRandomForestClassifier
        | EasyEnsembleClassifier
        | RUSBoostClassifier,
    )


def _last_step(classifier: Any) -> tuple[str, Any]:
    """Give what learns, a pipeline's last step, and how the names of its parameters begin."""
    from sklearn.pipeline import Pipeline

    prefix = ""
    while isinstance(classifier, Pipeline):
        step, classifier = classifier.steps[-1]
        prefix += f"{step}__"
    return prefix, classifier


def _learn(
    reference: Reference, chunk: Chunk, class_weight: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Fit a lane's classifier, and give what it says of the held-out rows (m, K)."""
    rows = np.sort(np.concatenate([chunk.training, chunk.validation]))
    row_weight = 1.0 if chunk.row_weight is None else chunk.row_weight[rows]
    # codes without gaps where a class is missing: xgboost takes no others
    present, y = np.unique(chunk.y[rows], return_inverse=True)
    try:
        with _by_itself():
            classifier = _settled(reference.build(), chunk.seed)
            weight = _weighing(reference.name, classifier, class_weight[present][y] * row_weight)
            with _one_thread():
                classifier.fit(chunk.x[rows], y, **weight)
                return _said(classifier, chunk, present)
    except SettingError:
        raise
    except Exception as error:
        raise SettingError(
            f"{reference.name} could not learn the training rows: {_told(error)}"
        ) from error


@contextmanager
def _by_itself() -> Iterator[None]:
    """Keep warnings in, and start no processes."""
    from joblib import parallel_config

    with warnings.catch_warnings(), parallel_config(backend="threading"):
        warnings.simplefilter("ignore")
        yield


def _one_thread() -> AbstractContextManager[Any]:
    """Let no number of threads change the bits of a sum, in the libraries loaded by now."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)  # type: ignore[no-any-return]


def _settled(classifier: Any, seed: int) -> Any:
    """Settle what a user left open: where a classifier draws from, and how many cores it takes."""
    jobs = f"{_last_step(classifier)[0]}n_jobs"
    classifier = seeded(classifier, seed)
    is_open = parameters(classifier, deep=True).get(jobs, 1) is None
    return classifier.set_params(**{jobs: cores()}) if is_open else classifier


def _weighing(name: str, classifier: Any, weight: NDArray[np.float64]) -> dict[str, Any]:
    """Give the argument of `fit` that weighs the rows (n,); none where all weigh 1."""
    if (weight == 1).all():
        return {}
    prefix, learner = _last_step(classifier)
    taken = inspect.signature(learner.fit).parameters
    if "sample_weight" not in taken and not any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        raise SettingError(
            f"{name} cannot weigh rows: its fit takes no sample_weight; "
            "leave class weights and row weights out, or choose another classifier"
        )
    return {f"{prefix}sample_weight": weight}


def _said(classifier: Any, chunk: Chunk, present: NDArray[np.int64]) -> NDArray[np.float32]:
    """Give the probabilities (m, K) of the held-out rows; 0 for a class that was not there."""
    m = len(chunk.held_out)
    probability = np.zeros((m, chunk.class_weight.shape[1]), dtype=np.float32)
    if not m:
        return probability
    jobs = f"{_last_step(classifier)[0]}n_jobs"
    if jobs in parameters(classifier, deep=True):
        classifier.set_params(**{jobs: 1})  # threads add trees up in the order they happen to end
    said = np.asarray(classifier.predict_proba(chunk.x[chunk.held_out]))
    columns = present[np.asarray(getattr(classifier, "classes_", range(len(present))), dtype=int)]
    if said.shape != (m, len(columns)):
        raise ValueError(f"predict_proba must give {(m, len(columns))} numbers; came {said.shape}")
    probability[:, columns] = said
    return probability


def _trained(probability: NDArray[np.float32]) -> Trained:
    """Make the record of a chunk's lanes from what they said (L, m, K)."""
    n_lanes = len(probability)
    return Trained(
        probability=probability,
        outcome=tuple(map(_outcome, probability)),
        epochs=np.ones(n_lanes, dtype=int),
        curves=Curves(*np.empty((3, n_lanes, 0))),
    )


def _outcome(probability: NDArray[np.float32]) -> str:
    """Say how a lane ended, from what it said (m, K)."""
    within = (probability >= 0) & (probability <= 1 + ROUNDING)  # NaN is nowhere within
    if not (within.all() and probability.any(axis=1).all()):
        return DIVERGED
    return COLLAPSED if is_constant(probability) else FINISHED


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {one_line(error)}"
