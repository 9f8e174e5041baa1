"""Both estimators at home in scikit-learn: whatever holds one does with it what it says.

Expected values are those of the estimator alone, put together by hand: a pipeline is the classifier
on what its steps made, a vote is a mean, a threshold a comparison.
"""

import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_resampling_pipeline
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier, OutputCodeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from outweigh import Cost, NetworkClassifier, Power, WeightSearchCV
from outweigh._engine import keras_trainer
from tests.trainers import linear

N = 120  # and folds of 60: two sizes, so that nearly every fit is served by what another compiled
FIRST, SECOND = np.arange(N) % 4 < 2, np.arange(N) % 4 > 1
FOLDS = [(np.flatnonzero(a), np.flatnonzero(b)) for a, b in ((FIRST, SECOND), (SECOND, FIRST))]


def drawn():
    rng = np.random.default_rng(0)
    x = rng.normal([0, 5, -5], size=(N, 3))
    y = (x[:, 0] + rng.normal(size=N) > 1).astype(int)
    return x, y


X, Y = drawn()
HEAVY = np.where(Y == 1, 9.0, 1.0)
GROUPS = np.arange(N) // 2


def network(build=linear, **parameters):
    small = {"epochs": 2, "patience": 0, "learning_rate": 0.05, "random_state": 0}
    return NetworkClassifier(build, **(small | parameters))


def search(**parameters):
    return WeightSearchCV(network(), **({"settings": "balanced", "cv": 2} | parameters))


BOTH = pytest.mark.parametrize("make", [network, search])


@cache
def fitted(make):
    return make().fit(X, Y)


def proba(estimator, rows=X):
    return estimator.predict_proba(rows)


def alone(x=X, y=Y, rows=X, make=network, **more):
    """What the estimator says that is fitted by itself."""
    return proba(make().fit(x, y, **more), rows)


def equal(a, b):
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-7)


# -- what holds an estimator -----------------------------------------------------------------------


@BOTH
def test_a_pipeline_is_the_estimator_on_what_came_before(make):
    scaler = StandardScaler().set_output(transform="pandas")
    pipeline = make_pipeline(scaler, make()).fit(X, Y)
    scaled = StandardScaler().fit_transform(X)
    equal(proba(pipeline), alone(scaled, rows=scaled, make=make))
    assert list(pipeline[-1].feature_names_in_) == ["x0", "x1", "x2"]


@BOTH
def test_a_column_transformer_may_leave_text_and_gaps_to_it(make):
    town = np.where(np.arange(N) % 5 == 0, None, np.where(Y == 1, "ulm", "bonn"))
    frame = pd.DataFrame({"a": X[:, 0], "town": town})
    scaling = make_column_transformer((StandardScaler(), ["a"]), remainder="passthrough")
    scaling.set_output(transform="pandas")
    pipeline = make_pipeline(scaling, make()).fit(frame, Y)
    made = scaling.fit_transform(frame)
    equal(proba(pipeline, frame), alone(made, rows=made, make=make))
    assert list(made.columns) == ["standardscaler__a", "remainder__town"]


def test_a_sampler_in_front_resamples_the_rows_of_fit_alone():
    sampler = RandomOverSampler(random_state=0)
    pipeline = make_resampling_pipeline(sampler, network()).fit(X, Y)
    equal(proba(pipeline), alone(*sampler.fit_resample(X, Y)))


def test_a_grid_search_scores_each_class_weight_as_it_scores_alone():
    tried = [None, "balanced", 5.0, {0: 1, 1: 9}, Power(0.5)]
    grid = GridSearchCV(network(), {"class_weight": tried}, cv=FOLDS, scoring="balanced_accuracy")
    grid.fit(X, Y)
    for weight, score in zip(tried, grid.cv_results_["mean_test_score"], strict=True):
        own = network(class_weight=weight)
        assert score == cross_val_score(own, X, Y, cv=FOLDS, scoring="balanced_accuracy").mean()
    assert len(set(grid.cv_results_["mean_test_score"])) > 1
    equal(proba(grid), proba(network(**grid.best_params_).fit(X, Y)))


def test_a_random_search_reaches_other_parameters_through_a_pipeline():
    tried = {"networkclassifier__learning_rate": [1e-5, 0.3], "networkclassifier__undo": [True]}
    pipeline = make_pipeline(StandardScaler(), network(class_weight="balanced", epochs=20))
    found = RandomizedSearchCV(pipeline, tried, n_iter=2, cv=2, scoring="roc_auc", random_state=0)
    assert found.fit(X, Y).best_params_["networkclassifier__learning_rate"] == 0.3


@BOTH
def test_each_row_is_predicted_by_what_the_other_fold_learned(make):
    said = cross_val_predict(make(), X, Y, cv=FOLDS, method="predict_proba")
    for training, held_out in FOLDS:
        equal(said[held_out], alone(X[training], Y[training], X[held_out], make))


@BOTH
def test_several_scorers_at_once_score_as_each_alone(make):
    scoring = ["roc_auc", "average_precision", "neg_log_loss", "neg_brier_score", "f1"]
    results = cross_validate(make(), X, Y, cv=FOLDS, scoring=scoring)
    for name in scoring:
        alone = cross_val_score(make(), X, Y, cv=FOLDS, scoring=name)
        assert results[f"test_{name}"].tolist() == alone.tolist()


def test_a_threshold_is_a_comparison():
    fixed = FixedThresholdClassifier(network(), threshold=0.3).fit(X, Y)
    assert (fixed.predict(X) == (alone()[:, 1] >= 0.3)).all()
    tuned = TunedThresholdClassifierCV(network(), scoring="balanced_accuracy", cv=FOLDS).fit(X, Y)
    assert (tuned.predict(X) == (alone()[:, 1] >= tuned.best_threshold_)).all()
    assert balanced_accuracy_score(Y, tuned.predict(X)) > 0.6


@pytest.mark.parametrize("ensemble", [True, False])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_moves_probabilities_and_keeps_their_order(method, ensemble):
    model = CalibratedClassifierCV(
        network(class_weight="balanced"), method=method, ensemble=ensemble, cv=FOLDS
    )
    said = proba(model.fit(X, Y))
    equal(said.sum(axis=1), 1)
    assert abs(said[:, 1].mean() - Y.mean()) < 0.05 < alone()[:, 1].mean() - Y.mean()
    if not ensemble:
        order = np.argsort(proba(network(class_weight="balanced").fit(X, Y))[:, 1])
        assert (np.diff(said[order, 1]) >= 0).all()


def test_a_soft_vote_and_bags_are_means():
    other = LogisticRegression()
    vote = VotingClassifier([("a", network()), ("b", other)], voting="soft").fit(X, Y)
    equal(proba(vote), (alone() + proba(other.fit(X, Y))) / 2)
    bags = BaggingClassifier(network(), n_estimators=2, random_state=0).fit(X, Y)
    equal(proba(bags), np.mean([proba(own) for own in bags.estimators_], axis=0))


def test_a_stack_learns_from_its_probabilities():
    stack = StackingClassifier([("network", network())], LogisticRegression(), cv=2).fit(X, Y)
    equal(stack.transform(X)[:, 0], alone()[:, 1])
    assert stack.predict(X).shape == (N,)


def test_more_classes_may_be_one_against_the_rest_or_codes():
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    said = proba(OneVsRestClassifier(network()).fit(X, y))
    each = np.transpose([alone(y=(y == k).astype(int))[:, 1] for k in range(3)])
    equal(said, each / each.sum(axis=1, keepdims=True))
    codes = OutputCodeClassifier(network(), random_state=0).fit(X, y)
    assert set(codes.predict(X)) <= {0, 1, 2}


@BOTH
def test_inspection_asks_it_about_rows_that_it_changed(make):
    x = np.column_stack([X[:, 0], np.ones(N), X[:, 2]])
    model = make().fit(x, Y)
    importance = permutation_importance(model, x, Y, n_repeats=2, random_state=0)
    assert importance.importances[1].tolist() == [0, 0]
    asked = partial_dependence(model, x, [0], grid_resolution=3, method="brute")
    for value, average in zip(asked["grid_values"][0], asked["average"][0], strict=True):
        rows = np.column_stack([np.full(N, value), x[:, 1:]])
        assert average == pytest.approx(proba(model, rows)[:, 1].mean())


# -- parameters, metadata, copies ------------------------------------------------------------------


def test_a_clone_keeps_every_parameter():
    given = {"class_weight": {0: 1, 1: 9}, "members": 3, "epochs": 7, "patience": 2}
    given |= {"watch": "raw", "batch_size": 8, "learning_rate": 0.1, "undo": True}
    given |= {"workers": 1, "random_state": 5, "network": linear}
    assert clone(NetworkClassifier(**given)).get_params() == given
    rules = NetworkClassifier(class_weight=Power(0.7))
    assert clone(rules).class_weight == Power(0.7)
    own = {"settings": ["sqrt", 5.0], "objective": Cost(fn=5, fp=1), "cv": 3, "refit": "best"}
    copy = clone(WeightSearchCV(NetworkClassifier(linear, members=2), **own))
    assert {name: copy.get_params()[name] for name in own} == own
    assert copy.set_params(estimator__members=4).estimator.members == 4
    assert copy.estimator.network is linear


def test_a_page_shows_it_with_its_parameters():
    assert "class_weight" in network(class_weight="balanced")._repr_html_()
    assert "NetworkClassifier" in search()._repr_html_()


@pytest.fixture
def _routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("_routing")
@BOTH
def test_row_weights_reach_fit_through_whatever_holds_it(make):
    weighted = make().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    expected = alone(make=make, sample_weight=HEAVY)
    assert expected[:, 1].mean() > alone(make=make)[:, 1].mean() + 0.02
    pipeline = make_pipeline(scaler, weighted).fit(X, Y, sample_weight=HEAVY)
    scaled = scaler.fit_transform(X)
    equal(proba(pipeline), alone(scaled, rows=scaled, make=make, sample_weight=HEAVY))
    grid = GridSearchCV(weighted, {"random_state": [0]}, cv=FOLDS).fit(X, Y, sample_weight=HEAVY)
    equal(proba(grid), expected)
    parts = cross_validate(
        weighted, X, Y, cv=FOLDS, params={"sample_weight": HEAVY}, return_estimator=True
    )
    for part, (rows, _) in zip(parts["estimator"], FOLDS, strict=True):
        equal(proba(part), alone(X[rows], Y[rows], make=make, sample_weight=HEAVY[rows]))
    calibrated = CalibratedClassifierCV(weighted, ensemble=False, cv=FOLDS)
    calibrated.fit(X, Y, sample_weight=HEAVY)
    equal(proba(calibrated.calibrated_classifiers_[0].estimator), expected)


@pytest.mark.usefixtures("_routing")
def test_groups_reach_the_folds_of_a_search():
    grouped = search().set_fit_request(groups=True)
    pipeline = make_pipeline(StandardScaler(), grouped).fit(X, Y, groups=GROUPS)
    said = pipeline[-1].cv_results_["split0_test_score"].tolist()
    x = StandardScaler().fit_transform(X)
    assert said == search().fit(x, Y, groups=GROUPS).cv_results_["split0_test_score"].tolist()
    assert said != search().fit(x, Y).cv_results_["split0_test_score"].tolist()
    with pytest.raises(ValueError, match="fewer groups"):
        grouped.fit(X, Y, groups=np.ones(N))


@BOTH
def test_a_copy_on_disk_predicts_the_same_to_the_bit(make, tmp_path):
    model = fitted(make)
    joblib.dump(model, tmp_path / "model")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model")):
        assert (proba(copy) == proba(model)).all()
        assert (copy.predict(X) == model.predict(X)).all()
    assert not hasattr(clone(copy), "model_")


@BOTH
def test_a_copy_holds_no_row_that_it_was_fitted_on(make):
    copy = pickle.dumps(fitted(make))
    assert not any(value.tobytes() in copy for value in X.ravel())
    assert not any(value.tobytes() in copy for value in X.astype("float32").ravel())
    assert X[0, 0].tobytes() in pickle.dumps(X)


# -- side by side ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_other_processes_predict_and_search_as_this_one_does():
    tried = {"class_weight": [None, "balanced"]}
    here = GridSearchCV(network(), tried, cv=FOLDS, scoring="neg_log_loss").fit(X, Y)
    there = clone(here).set_params(n_jobs=2).fit(X, Y)
    scores = [grid.cv_results_["mean_test_score"].tolist() for grid in (here, there)]
    assert scores[0] == scores[1]
    models = [fitted(network), fitted(search)]
    far = joblib.Parallel(n_jobs=2)(joblib.delayed(proba)(model, X) for model in models)
    assert all((said == proba(model)).all() for said, model in zip(far, models, strict=True))


def scaled(n_features, n_outputs, *, by):
    """Build a network that a search may choose the scale of."""
    import keras

    return keras.Sequential([keras.layers.Rescaling(by), linear(n_features, n_outputs)])


@dataclass
class Scaled:
    """The same as an object that may change, and so is no key."""

    by: float

    def __call__(self, n_features, n_outputs):
        return scaled(n_features, n_outputs, by=self.by)


def test_networks_may_be_searched_as_partials_or_objects():
    expected = [alone(make=lambda by=by: network(partial(scaled, by=by))) for by in (0.1, 3.0)]
    assert abs(expected[0] - expected[1]).max() > 0.1
    changing = Scaled(0.1)
    equal(alone(make=lambda: network(changing)), expected[0])
    changing.by = 3.0
    equal(alone(make=lambda: network(changing)), expected[1])


def test_copies_of_a_partial_share_what_was_compiled():
    build = partial(scaled, by=2.0)
    copy = clone(network(build)).network
    assert copy is not build
    assert keras_trainer(copy).programs is keras_trainer(build).programs
    assert keras_trainer(partial(scaled, by=2.5)).programs is not keras_trainer(build).programs


def slow(n_features, n_outputs):
    """Build a network whose seed another thread would have time to change."""
    time.sleep(0.01)
    return linear(n_features, n_outputs)


def test_threads_train_what_each_trains_alone():
    def fit(seed):
        return proba(network(slow, members=2, random_state=seed).fit(X, Y))

    expected = [fit(seed) for seed in range(0, 12, 2)]
    with ThreadPoolExecutor(3) as pool:
        for said, own in zip(pool.map(fit, range(0, 12, 2)), expected, strict=True):
            assert (said == own).all()
    with joblib.parallel_config("threading"):
        scores = cross_val_score(network(), X, Y, cv=FOLDS, scoring="neg_log_loss", n_jobs=2)
    one_by_one = cross_val_score(network(), X, Y, cv=FOLDS, scoring="neg_log_loss")
    assert scores.tolist() == one_by_one.tolist()


# -- callbacks -------------------------------------------------------------------------------------


class Log:
    """Remembers what it is told, and may raise when so much is done."""

    def __init__(self, error=None):
        self.error = error
        self.told = []
        self.done = 0

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.told.append((context.task_name, context.task_id, "begin"))

    def on_fit_task_end(self, estimator, context):
        self.told.append((context.task_name, context.task_id, "end"))
        if self.error is not None:
            raise self.error


@BOTH
def test_a_callback_is_told_of_every_hundredth_in_order(make):
    log = Log()
    make().set_callbacks(log).fit(X, Y)
    steps = [("step", i, part) for i in range(100) for part in ("begin", "end")]
    assert log.told == ["setup", ("fit", 0, "begin"), *steps, ("fit", 0, "end"), "teardown"]


@BOTH
@pytest.mark.parametrize("error", [RuntimeError("of the callback"), KeyboardInterrupt()])
def test_a_callback_is_torn_down_whatever_ends_the_training(make, error):
    log = Log(error)
    model = make().set_callbacks(log)
    with pytest.raises(type(error)):
        model.fit(X, Y)
    assert log.told[-1] == "teardown"
    assert ("step", 99, "end") not in log.told
    assert not hasattr(model, "model_")
    log = Log()
    with pytest.raises(ValueError, match="two classes"):
        make().set_callbacks(log).fit(X, np.zeros(N))
    assert log.told[-1] == "teardown"


@BOTH
def test_the_callbacks_of_scikit_learn_are_served(make, capsys):
    monitor = ScoringMonitor(scoring="roc_auc")
    bar = ProgressBar()
    model = make().set_callbacks(monitor, bar).fit(X, Y)
    assert (proba(model) == proba(fitted(make))).all()
    assert "100%" in capsys.readouterr().out
