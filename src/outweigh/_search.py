"""The study as a meta-estimator of scikit-learn.

Letters: n rows, d columns, K classes, S settings, F folds.
"""

import time
from dataclasses import replace
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from outweigh._answer import Study
from outweigh._callbacks import DONE, told
from outweigh._chunk import Progress
from outweigh._classifier import NetworkClassifier, design_of
from outweigh._costs import RowCost
from outweigh._decisions import Cases, Decisions, worth
from outweigh._deployment import Deployment
from outweigh._errors import UsageError
from outweigh._grammar import Given, parse_settings
from outweigh._intake import in_own_words, new_columns, seed_of, taken, weighted
from outweigh._network import default_network
from outweigh._objective import Costs, Objective, Ranking
from outweigh._plan import Design
from outweigh._predictions import WEIGHTS
from outweigh._settings import BEST, TWIN, Setting
from outweigh._split import Fold
from outweigh._splitter import folds_of
from outweigh._study import FOLDS_SHARE
from outweigh._table import Table
from outweigh._weigh import weigh_table

VERDICT = "verdict"

Results = dict[str, Any]


class WeightSearchCV(ClassifierMixin, CallbackSupportMixin, BaseEstimator):  # type: ignore[misc]
    """Search class weights for a network by cross-validation, and say whether they help at all.

    All settings of a fold and seed train together. The verdict compares the best class weight with
    none, each with repaired probabilities and at its own operating point; the model is refitted by
    it on all rows, predicts repaired probabilities, and decides at the operating point.

    Parameters
    ----------
    estimator : NetworkClassifier, optional
        How a network is built and trained, and how many members are averaged; its ``class_weight``
        and ``undo`` must be left as they are. Five members unless given.
    settings : str or sequence
        What to try, beside no weights: ``"path:8"``, ``"balanced, ratio:50, focal:2"``, or a
        sequence of such texts and of what ``class_weight`` takes: None, a name, a ratio, a dict, a
        rule.
    objective : Cost, CostMatrix, FBeta, Alerts or another objective, optional
        What decisions are for. Unless given, a missed positive costs n0/n1 false alarms.
    cv : int, splitter or iterable
        Folds of the study, stratified, whole groups where there are some; or a splitter of
        scikit-learn, or pairs of training and held-out row numbers. None means 5.
    refit : {"verdict", "best"}
        What the model is refitted with: no weights unless the verdict says that they help; or
        whatever came out best, none among them, as in a grid search.
    pos_label : label, optional
        The positive of two classes. Unless given the rarer one, of two of one size the second.
    references : str or sequence
        Classifiers to measure the networks against, as `weigh` takes them.
    prevalence, sampled_at : float, optional
        Share of positives where the model will be used; share of the negatives that the rows kept.
    time_limit : float, optional
        Minutes.
    random_state : int, RandomState or None
        Of the folds and of the first member; the estimator's unless given.

    Attributes
    ----------
    classes_ : (K,) array
    n_features_in_ : int
    feature_names_in_ : (d,) array of str
        Where X had names.
    cv_results_ : dict of str → array
        A place for each setting (S,): ``param_setting``, ``param_class_weight``, ``params``,
        ``split0_test_score`` and so on, ``mean_test_score``, ``std_test_score``,
        ``rank_test_score``; ``mean_fit_time``, a lane's share of the whole. A score is the
        objective's on one fold, decided by what the others chose; costs per 1,000 cases with a
        minus.
    best_index_ : int
        The place of what the model was refitted with.
    best_setting_ : str
    best_class_weight_ : dict of label → weight, or None
        Of the refitted model.
    best_params_ : dict
        ``{"class_weight": ...}``, as `NetworkClassifier` takes it.
    best_score_ : float
        Its ``mean_test_score``.
    best_threshold_ : float or None
        Of the repaired probability of the positive class, from which a row is called positive; None
        with more than two classes, or where the objective ranks.
    verdict_ : Verdict
    study_ : Study
    model_ : outweigh._model.Model
        What predicts; its two classes are (negative, positive).

    Raises
    ------
    UsageError, DataError, NetworkError
        From `fit`; each is a ValueError, and says in one line what must hold, what came and what to
        do.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> X, y = make_classification(400, weights=[0.85], random_state=0)
    >>> network = NetworkClassifier(epochs=2, random_state=0)
    >>> search = WeightSearchCV(network, settings=["sqrt", "balanced"], cv=2).fit(X, y)
    >>> search.cv_results_["param_setting"].tolist()
    ['none', 'sqrt', 'balanced']
    >>> search.predict_proba(X).shape, search.verdict_.basis
    ((400, 2), 'cross-fitted')
    """

    def __init__(
        self,
        estimator: NetworkClassifier | None = None,
        *,
        settings: Given = "path:8",
        objective: Objective | None = None,
        cv: Any = 5,
        refit: str = VERDICT,
        pos_label: Any = None,
        references: Given = (),
        prevalence: float | None = None,
        sampled_at: float | None = None,
        time_limit: float | None = None,
        random_state: Any = None,
    ):
        self.estimator = estimator
        self.settings = settings
        self.objective = objective
        self.cv = cv
        self.refit = refit
        self.pos_label = pos_label
        self.references = references
        self.prevalence = prevalence
        self.sampled_at = sampled_at
        self.time_limit = time_limit
        self.random_state = random_state

    @with_callbacks  # type: ignore[untyped-decorator]
    @in_own_words
    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Run the study, and refit the setting to use on all rows.

        Parameters
        ----------
        X : frame or array, shape (n, d)
            Numbers, text, dates; pandas, polars, pyarrow or an array. NaN and None are gaps.
        y : array-like, shape (n,)
            Labels of two classes or more.
        sample_weight : array-like, shape (n,), optional
            What each row weighs, in training and in scores; scaled to mean 1.
        groups : array-like, shape (n,), optional
            Rows of one group are on one side of every fold; it is an error if the splitter or the
            pairs in ``cv`` have it otherwise.

        Returns
        -------
        self : WeightSearchCV
        """
        _check(self)
        estimator = self.estimator or NetworkClassifier(members=5)
        progress = told(self)
        table, self.classes_ = taken(
            self,
            X,
            y,
            row_weight=sample_weight,
            positive=self.pos_label,
            rarer=True,
            group=groups,
        )
        table, folds = _divided(self.cv, table, X, y)
        state = estimator.random_state if self.random_state is None else self.random_state
        settings = parse_settings(self.settings, table.classes)
        begun = time.perf_counter()
        self.study_ = weigh_table(
            table,
            objective=self.objective,
            deployment=Deployment(prevalence=self.prevalence, sampled_at=self.sampled_at),
            settings=settings,
            references=self.references,
            use=BEST if self.refit == BEST else None,
            network=estimator.network or default_network,
            design=_design(self, estimator, seed_of(state)),
            folds=folds,
            learning_rate=estimator.learning_rate,
            workers=estimator.workers,
            tell=lambda stage, p: progress(_of_whole(stage, p)),
        )
        self.model_ = self.study_.model
        seconds = time.perf_counter() - begun
        self._note(self.study_, {s.name: _parameters(s, table) for s in settings}, seconds)
        progress(DONE)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Give the repaired probability (n, K) of each class, in the order of ``classes_``.

        Parameters
        ----------
        X : frame or array, shape (n, d)
            With the columns that `fit` had, in their order.
        """
        check_is_fitted(self)
        said = self.model_.predict_proba(new_columns(self, X))
        return np.asarray(said[:, self._places()])

    def predict(self, X: Any) -> NDArray[Any]:
        """Give the class (n,) of each row at the operating point; the likeliest after a ranking."""
        check_is_fitted(self)
        said = self.model_.predict_proba(new_columns(self, X))
        ranks = self.model_.rule is None
        decided = said.argmax(axis=1) if ranks else self.model_.decide(said)
        return np.asarray(self.classes_[np.argsort(self._places())[decided]])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Score rows by the objective: more is better, costs per 1,000 cases have a minus.

        Where the model is for another prevalence than it was trained at, rows are such as `fit`
        had, and the score is for that world.
        """
        check_consistent_length(X, y, sample_weight)
        said = self.predict_proba(X)[:, np.argsort(self._places())]
        code = {label: k for k, label in enumerate(self.model_.classes)}
        labels = column_or_1d(y).tolist()
        if strange := set(labels) - code.keys():
            raise UsageError(f"y must hold classes that fit saw; came {strange}: leave them out")
        true = np.array([code[label] for label in labels])
        weight = np.ones(len(true)) if sample_weight is None else np.asarray(sample_weight, float)
        weight = weight * self.model_.factor[true]
        cases = Cases(true, np.zeros(len(true), dtype=np.int64), weight, None)
        decided = np.zeros(len(true), int) if self.model_.rule is None else self.model_.decide(said)
        objective = self.study_.decisions.objective
        return float(_scores(objective, cases, said[np.newaxis], decided[np.newaxis])[0])

    def _places(self) -> list[int]:
        """Give the place of each of ``classes_`` among the model's."""
        return [self.model_.classes.index(label) for label in self.classes_.tolist()]

    def _note(self, study: Study, parameters: dict[str, Results], seconds: float) -> None:
        """Set what scikit-learn's searches set."""
        self.verdict_ = study.verdict
        self.cv_results_ = _cv_results(study, parameters, seconds)
        self.n_splits_ = len(study.predictions.prior)
        self.best_setting_ = study.chosen
        self.best_index_ = study.predictions.settings.index(study.chosen)
        self.best_params_ = self.cv_results_["params"][self.best_index_]
        self.best_class_weight_ = self.best_params_.get("class_weight")
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        rule = self.model_.rule
        self.best_threshold_ = None if rule is None else rule.threshold

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _check(search: WeightSearchCV) -> None:
    """Raise where parameters make no sense."""
    if search.refit not in (VERDICT, BEST):
        raise UsageError(
            f"refit must be {VERDICT!r} or {BEST!r}; came {search.refit!r}: choose one"
        )
    if isinstance(search.cv, Integral) and search.cv < 2:
        raise UsageError(f"cv must be at least 2; came {search.cv!r}: 5 is usual")
    estimator = search.estimator
    if estimator is not None and not isinstance(estimator, NetworkClassifier):
        raise UsageError(
            f"the estimator must be a NetworkClassifier; came {type(estimator).__name__}: put the "
            "steps of a pipeline before the search, weigh other classifiers with weigh_predictions"
        )
    if estimator is not None and (estimator.class_weight is not None or estimator.undo):
        raise UsageError(
            "the estimator must leave class_weight and undo as they are, for they are what is "
            f"searched; came class_weight={estimator.class_weight!r}, undo={estimator.undo}: name "
            "the weights in settings"
        )
    objective = search.objective
    refers = isinstance(objective, Costs) and objective.refer is not None
    if refers or isinstance(objective, RowCost):
        what = "a referral is no class" if refers else "predict is given no amounts"
        raise UsageError(
            f"the objective must decide rows by their features alone, for {what}; came "
            f"{objective!r}: use weigh"
        )


def _divided(cv: Any, table: Table, X: Any, y: Any) -> tuple[Table, tuple[Fold, ...] | None]:
    """Give the rows that weigh something, and the folds of a splitter; None: the study's own."""
    kept, rows = weighted(table)
    if cv is None or isinstance(cv, Integral):
        return kept, None
    return kept, folds_of(cv, table.y, shown=(X, y), group=table.group, kept=rows)


def _design(search: WeightSearchCV, estimator: NetworkClassifier, seed: int) -> Design:
    """Give how the study is made; what a splitter says about folds is not in it."""
    folds = {"folds": int(search.cv)} if isinstance(search.cv, Integral) else {}
    return design_of(estimator, seed, time_limit=search.time_limit, **folds)


def _of_whole(stage: str, progress: Progress) -> Progress:
    """Give the progress of a stage as that of the whole."""
    begin, end = (0.0, FOLDS_SHARE) if stage == "folds" else (FOLDS_SHARE, 1.0)
    return replace(progress, share_done=begin + (end - begin) * progress.share_done)


def _parameters(setting: Setting, table: Table) -> Results:
    """Give what `NetworkClassifier` would take to train a setting, where it could."""
    if setting.kind != WEIGHTS:
        return {"setting": setting.name}
    if setting == TWIN:
        return {"class_weight": None}
    weights = setting.class_weight(table.counts, table.classes).tolist()
    return {"class_weight": dict(zip(table.classes, weights, strict=True))}


def _cv_results(study: Study, parameters: dict[str, Results], seconds: float) -> Results:
    """Give the scores of settings, fold by fold, as scikit-learn's searches do."""
    decisions, names = study.decisions, study.predictions.settings
    params = [parameters.get(name, {"setting": name}) for name in names]
    score = _by_fold(decisions)
    known = score[np.isfinite(score).all(axis=1)]  # a fold may have nothing to rank
    mean = known.mean(axis=0) if len(known) else np.zeros(len(names))
    return {
        "mean_fit_time": np.full(len(names), seconds / study.predictions.outcome.size),
        "std_fit_time": np.zeros(len(names)),
        "param_setting": np.ma.masked_array(names, mask=False, dtype=object),
        "param_class_weight": np.ma.masked_array(
            [p.get("class_weight") for p in params],
            mask=["class_weight" not in p for p in params],
            dtype=object,
        ),
        "params": params,
        **{f"split{f}_test_score": of_fold for f, of_fold in enumerate(score)},
        "mean_test_score": mean,
        "std_test_score": known.std(axis=0) if len(known) else np.zeros(len(names)),
        "rank_test_score": rankdata(-mean, method="min").astype(np.int32),
    }


def _by_fold(decisions: Decisions) -> NDArray[np.float64]:
    """Score each setting on each fold, (F, S)."""
    fold = decisions.cases.fold
    each = [np.flatnonzero(fold == f) for f in range(len(decisions.predictions.prior))]
    return np.array(
        [
            _scores(
                decisions.objective,
                decisions.cases.take(rows),
                decisions.probability[:, rows],
                decisions.decided[:, rows],
            )
            for rows in each
        ]
    )


def _scores(
    objective: Objective,
    cases: Cases,
    probability: NDArray[np.float64],
    decided: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Score settings (S,) on some cases: more is better."""
    if isinstance(objective, Ranking):
        return np.array([objective.score(cases.y, said, cases.weight) for said in probability])
    score = -worth(objective, cases, probability, decided)
    return 1000 * score / cases.weight.sum() if isinstance(objective, Costs) else score
