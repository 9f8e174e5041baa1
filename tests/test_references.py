"""References: in a study a classifier is what it is by hand, and learns no held-out row."""

import os
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from imblearn.ensemble import BalancedRandomForestClassifier
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as resampling_pipeline
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.class_weight import compute_class_weight
from xgboost import XGBClassifier

from outweigh import UsageError, _references
from outweigh._chunk import COLLAPSED, DIVERGED, FINISHED, Chunk, Progress
from outweigh._errors import SettingError
from outweigh._grammar import parse_references
from outweigh._references import REFERENCES, ClassifierTrainer, reference_named, reference_of
from outweigh._settings import EXACT, PRIOR_ONLY
from outweigh._shapes import undo

N, TRAINED = 400, 320
RNG = np.random.default_rng(3)
X = RNG.normal(size=(N, 4)).astype("float32")
Y = (X[:, 1] + RNG.normal(size=N) > 1).astype(int)
ROWS = np.arange(TRAINED)


FEWER = {"logistic": {}, "hist-gradient-boosting": {"max_iter": 20}}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Few trees, on one core: boosting's threads wait for each other wherever cores are busy."""
    monkeypatch.setattr(_references, "cores", lambda: 1)
    for name, (path, parameters) in REFERENCES.items():
        fewer = FEWER.get(name, {"n_estimators": 2 if name == "easy-ensemble" else 10})
        monkeypatch.setitem(REFERENCES, name, (path, parameters | fewer))


def chunk(*class_weights, **changed):
    """Every second row validates; rows are out of order, and told apart by their first feature."""
    weights = np.array(class_weights or [[1.0, 1.0]])
    whole = Chunk(
        fold=0,
        seed=7,
        x=X,
        y=Y,
        row_weight=None,
        class_weight=weights,
        prior=np.ones(weights.shape[1]) / weights.shape[1],
        training=ROWS[::2][::-1],
        validation=ROWS[1::2],
        held_out=np.arange(TRAINED, N),
        batch_size=32,
        epochs=9,
        patience=3,
    )
    return replace(whole, **changed)


def said(classifier, *chunks):
    """What a trainer's lanes say of the held-out rows of the first chunk (L, m, K)."""
    named = isinstance(classifier, str)
    reference = reference_named(classifier) if named else reference_of(classifier)
    return ClassifierTrainer(reference).train(chunks)[0].probability


def by_hand(classifier, x, y, weight=None, **keyword):
    """What the classifier says of the held-out rows, with nothing in between."""
    keyword = keyword or ({} if weight is None else {"sample_weight": weight})
    return classifier.fit(x, y, **keyword).predict_proba(X[TRAINED:]).astype("float32")


class Planted(BaseEstimator):
    """Says of each row what `answer` makes of it, and remembers what it was given to learn."""

    fits: list[dict] = []  # noqa: RUF012  (shared: every fit is by a clone)

    def __init__(self, answer=None, random_state=None, n_jobs=None):
        self.answer = answer
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X, y, sample_weight=None):
        given = {"row": X[:, 0].copy(), "y": y, "weight": sample_weight}
        self.fits.append(given | {"seed": self.random_state, "jobs": self.n_jobs})
        X[:] = np.nan
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        self.fits[-1]["jobs of prediction"] = self.n_jobs
        if self.answer is None:
            p = (1 + np.arange(len(X))) / (2 + len(X))
            return np.column_stack([1 - p, p])
        return self.answer(X)


@pytest.fixture
def fits():
    Planted.fits.clear()
    return Planted.fits


def always(*answer):
    return lambda X: np.tile(answer, (len(X), 1))


NAMED = sorted(REFERENCES)


@pytest.mark.parametrize("name", NAMED)
def test_a_reference_says_what_the_classifier_fitted_by_hand_says(name):
    classifier = reference_named(name).build()
    known = classifier.get_params().keys()
    classifier.set_params(
        **{k: v for k, v in {"random_state": 7, "n_jobs": 1}.items() if k in known}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = by_hand(classifier, X[:TRAINED], Y[:TRAINED])
    np.testing.assert_array_equal(said(name, chunk())[0], expected)


@pytest.mark.parametrize("name", ["logistic", "random-forest", "xgboost"])
def test_each_lane_has_its_own_class_weights(name):
    weights = ([1.0, 1.0], [0.5, 4.0])
    together = said(name, chunk(*weights))
    apart = [said(name, chunk(weight))[0] for weight in weights]
    np.testing.assert_array_equal(together, apart)
    assert together[1, :, 1].mean() > together[0, :, 1].mean() + 0.1


def test_each_lane_begins_with_a_fresh_classifier():
    class Once(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            assert not hasattr(self, "classes_")
            return super().fit(X, y, sample_weight)

    assert len(said(Once(), chunk([1, 1], [1, 2]), chunk())) == 2


def test_what_searches_its_parameters_hands_the_weights_on():
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1]}, cv=3, scoring="neg_log_loss")
    weight = np.where(Y[:TRAINED] == 1, 5.0, 1.0)
    expected = by_hand(clone(search), X[:TRAINED], Y[:TRAINED], weight)
    np.testing.assert_array_equal(said(search, chunk([1.0, 5.0]))[0], expected)


def test_weight_2_is_each_row_twice():
    classifier = LogisticRegression(solver="newton-cholesky", tol=1e-10)
    order = np.concatenate([ROWS, np.flatnonzero(Y[:TRAINED] == 1)])
    expected = by_hand(clone(classifier), X[order].astype(float), Y[order])
    weighted = said(classifier, chunk([1.0, 2.0], x=X.astype(float)))[0]
    np.testing.assert_allclose(weighted, expected, atol=1e-6)


def test_row_weight_0_is_a_row_that_is_not_there():
    classifier = LogisticRegression(solver="newton-cholesky", tol=1e-10)
    row_weight = (np.arange(N) % 3 > 0).astype(float)
    there = np.flatnonzero(row_weight[:TRAINED])
    expected = by_hand(clone(classifier), X[there].astype(float), Y[there])
    weighted = said(classifier, chunk(x=X.astype(float), row_weight=row_weight))[0]
    np.testing.assert_allclose(weighted, expected, atol=1e-6)


def test_a_row_weighs_its_class_weight_times_its_own(fits):
    row_weight = np.linspace(0.5, 2, N)
    said(Planted(), chunk([0.5, 20.0], row_weight=row_weight))
    expected = np.where(Y == 1, 20.0, 0.5) * row_weight
    np.testing.assert_array_equal(fits[0]["weight"], expected[:TRAINED])


def test_where_every_row_weighs_1_the_fit_is_given_no_weight(fits):
    said(Planted(), chunk([1.0, 1.0], row_weight=np.ones(N)))
    assert fits[0]["weight"] is None


def test_training_and_validation_rows_are_learned_in_the_order_of_the_table(fits):
    said(Planted(), chunk())
    np.testing.assert_array_equal(fits[0]["row"], X[:TRAINED, 0])
    np.testing.assert_array_equal(fits[0]["y"], Y[:TRAINED])


def test_no_held_out_row_is_ever_learned(fits):
    held_out = np.arange(0, N, 4)
    training = np.setdiff1d(np.arange(N), held_out)
    of_folds = [chunk([1, 1], [1, 9], training=training, validation=ROWS[:0], held_out=held_out)]
    said(Planted(), *of_folds)
    assert len(fits) == 2
    assert not any(np.isin(fit["row"], X[held_out, 0]).any() for fit in fits)


def test_a_classifier_that_overwrites_its_rows_overwrites_a_copy():
    before = X.copy()
    said(Planted(), chunk())
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("name", ["random-forest", "extra-trees", "easy-ensemble"])
def test_another_seed_is_another_forest(name):
    assert (said(name, chunk(seed=1)) != said(name, chunk(seed=2))).any()


def test_another_seed_is_no_other_logistic_regression():
    np.testing.assert_array_equal(said("logistic", chunk(seed=1)), said("logistic", chunk(seed=2)))


@pytest.mark.parametrize("name", NAMED)
def test_the_same_seed_gives_the_same_bits_however_many_cores_there_are(name, monkeypatch):
    alone = said(name, chunk())
    monkeypatch.setattr(_references, "cores", lambda: 2)
    assert said(name, chunk()).tobytes() == alone.tobytes()


def test_what_a_user_settled_stays_and_what_is_open_follows_the_lane(fits, monkeypatch):
    monkeypatch.setattr(_references, "cores", lambda: 5)
    said(Planted(), chunk(seed=11))
    said(Planted(random_state=3, n_jobs=2), chunk(seed=11))
    said(make_pipeline(StandardScaler(), Planted()), chunk(seed=11))
    assert [(fit["seed"], fit["jobs"]) for fit in fits] == [(11, 5), (3, 2), (11, 5)]


def test_one_thread_predicts_for_several_would_add_up_in_any_order(fits, monkeypatch):
    monkeypatch.setattr(_references, "cores", lambda: 5)
    for classifier in (Planted(), Planted(n_jobs=3), make_pipeline(StandardScaler(), Planted())):
        said(classifier, chunk())
    assert [fit["jobs of prediction"] for fit in fits] == [1, 1, 1]


def test_jobs_are_threads_of_this_process():
    processes = []

    class Telling(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            processes.append(os.getpid())
            return super().fit(X, y, sample_weight)

    said(BaggingClassifier(Telling(), 4, n_jobs=2), chunk())
    assert processes == [os.getpid()] * 4


COUNTING = """
import numpy as np
from threadpoolctl import threadpool_info
from outweigh._chunk import Chunk
from outweigh._references import ClassifierTrainer, Reference

class Counting:
    def fit(self, X, y):
        print(max(pool["num_threads"] for pool in threadpool_info()))

def build():
    import sklearn.ensemble
    return Counting()

rows = np.arange(4)
of = {"fold": 0, "seed": 0, "x": np.ones((4, 1)), "y": rows % 2, "row_weight": None}
of |= {"class_weight": np.ones((1, 2)), "prior": np.ones(2) / 2, "training": rows}
of |= {"validation": rows[:0], "held_out": rows[:0], "batch_size": 4, "epochs": 1, "patience": 0}
ClassifierTrainer(Reference("counting", build)).train([Chunk(**of)])
"""


def test_sums_have_one_thread_also_in_a_library_that_comes_with_the_classifier():
    many = os.environ | {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}
    done = subprocess.run(
        [sys.executable, "-c", COUNTING], env=many, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"


def test_a_pipeline_is_seeded_and_weighed_in_its_last_step():
    forest = RandomForestClassifier(20)
    inside = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), forest))
    by_user = make_pipeline(
        StandardScaler(), StandardScaler(), RandomForestClassifier(20, random_state=7)
    )
    weight = np.where(Y[:TRAINED] == 1, 9.0, 1.0)
    expected = by_hand(
        by_user, X[:TRAINED], Y[:TRAINED], randomforestclassifier__sample_weight=weight
    )
    np.testing.assert_array_equal(said(inside, chunk([1.0, 9.0]))[0], expected)


Y5 = np.digitize(X[:, 1], [-1, 0, 0.7, 1.2])


@pytest.mark.parametrize("name", ["logistic", "balanced-random-forest", "xgboost", "lightgbm"])
def test_five_classes_have_five_columns(name):
    probability = said(name, chunk(np.ones(5), y=Y5))[0]
    assert probability.shape == (N - TRAINED, 5)
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-6)
    assert (probability.argmax(axis=1) == Y5[TRAINED:]).mean() > 0.5


@pytest.mark.parametrize("name", ["logistic", "random-forest", "xgboost"])
def test_a_class_without_training_rows_gets_0_and_the_others_as_if_it_did_not_exist(name):
    there = ROWS[np.isin(Y5[:TRAINED], (0, 2, 4))]
    weight = np.array([1.0, 50.0, 2.0, 50.0, 3.0])
    rows = {"training": there, "validation": there[:0]}
    of_five = said(name, chunk(weight, y=Y5, **rows))[0]
    of_three = said(name, chunk(weight[::2], y=Y5 // 2, **rows))[0]
    np.testing.assert_array_equal(of_five[:, ::2], of_three)
    assert not of_five[:, 1::2].any()


def test_columns_stand_where_the_classifier_says_its_classes_are():
    class Backwards(BaseEstimator):
        def fit(self, X, y):
            self.forwards = GaussianNB().fit(X, y)
            self.classes_ = self.forwards.classes_[::-1]

        def predict_proba(self, X):
            return self.forwards.predict_proba(X)[:, ::-1]

    expected = by_hand(GaussianNB(), X[:TRAINED], Y[:TRAINED])
    np.testing.assert_array_equal(said(Backwards(), chunk())[0], expected)


@pytest.mark.parametrize("name", [n for n in NAMED if reference_named(n).balances])
def test_what_learns_from_balanced_rows_says_the_prior_once_that_is_undone(name):
    """Of labels drawn without a look at the features, nothing but the prior can be said."""
    y = (np.random.default_rng(0).random(N) < 0.1).astype(int)
    probability = said(name, chunk(y=y))[0]
    weight = reference_named(name).weight(np.bincount(y[:TRAINED]))
    assert probability[:, 1].mean() == pytest.approx(0.5, abs=0.15)
    assert undo(probability, weight)[:, 1].mean() == pytest.approx(0.1, abs=0.05)


def test_a_reference_weighs_classes_as_scikit_learn_balances_them_or_not_at_all():
    counts = [700, 200, 100]
    balanced = compute_class_weight("balanced", classes=np.arange(3), y=np.repeat(range(3), counts))
    np.testing.assert_array_equal(reference_named("easy-ensemble").weight(counts), balanced)
    np.testing.assert_array_equal(reference_named("random-forest").weight(counts), np.ones(3))


def test_a_classifier_that_balances_is_known_by_its_kind_or_by_its_class_weight():
    from imblearn.ensemble import BalancedBaggingClassifier, RUSBoostClassifier

    asked = LogisticRegression(class_weight="balanced")
    for balanced in (BalancedBaggingClassifier(), RUSBoostClassifier(), asked):
        assert reference_of(balanced).balances
        assert reference_of(make_pipeline(StandardScaler(), balanced)).balances
    halfway = BalancedBaggingClassifier(sampling_strategy=0.5)
    by_hand = LogisticRegression(class_weight={0: 1, 1: 9})
    for other in (halfway, by_hand, RandomForestClassifier(), Planted()):
        assert not reference_of(other).balances


def test_probabilities_of_0_and_1_are_left_as_they_are():
    trained = ClassifierTrainer(reference_of(KNeighborsClassifier(1))).train([chunk()])[0]
    assert set(trained.probability.ravel()) == {0, 1}
    assert trained.outcome == (FINISHED,)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (None, FINISHED),
        (always(0.9, 0.1), COLLAPSED),
        (lambda X: np.eye(2)[(X[:, 0] > 0).astype(int)], FINISHED),
        (lambda X: np.where(X[:, :1] == X[0, 0], [np.nan, 0.5], 0.5), DIVERGED),
        (lambda X: np.where(X[:, :1] == X[0, 0], [-0.1, 0.5], 0.5), DIVERGED),
        (lambda X: np.where(X[:, :1] == X[0, 0], [1.1, 0.5], 0.5), DIVERGED),
        (lambda X: np.where(X[:, :1] == X[0, 0], [0, 0], [0.5, 0.5]), DIVERGED),
    ],
)
def test_how_a_lane_ended_is_told_from_what_it_says(answer, outcome):
    trained = ClassifierTrainer(reference_of(Planted(answer))).train([chunk([1, 1], [1, 2])])[0]
    assert trained.outcome == (outcome, outcome)


def test_without_held_out_rows_nothing_is_said():
    trained = ClassifierTrainer(reference_of(Planted())).train([chunk(held_out=ROWS[:0])])[0]
    assert trained.probability.shape == (1, 0, 2)
    assert trained.outcome == (FINISHED,)


def test_the_record_has_one_epoch_no_curves_and_no_parameters():
    trainer = ClassifierTrainer(reference_of(Planted()))
    trained = trainer.train([chunk([1, 1], [1, 2])], keep_parameters=True)[0]
    assert trained.probability.dtype == np.float32
    assert trained.epochs.tolist() == [1, 1]
    assert [curve.shape for curve in trained.curves] == [(2, 0)] * 3
    assert trained.parameters is None


def test_a_classifier_that_cannot_weigh_rows_serves_where_none_has_to_be_weighed():
    neighbours = KNeighborsClassifier()
    expected = by_hand(clone(neighbours), X[:TRAINED], Y[:TRAINED])
    np.testing.assert_array_equal(said(neighbours, chunk())[0], expected)
    with pytest.raises(SettingError, match=r"^KNeighborsClassifier\(\) cannot weigh rows: "):
        said(neighbours, chunk([1.0, 2.0]))
    with pytest.raises(SettingError, match="cannot weigh rows"):
        said("easy-ensemble", chunk(row_weight=np.arange(N) + 1.0))


SHAPE = "predict_proba must give (80, 2) numbers"


def raising(X):
    raise RuntimeError("no\n  such\x1b thing")


@pytest.mark.parametrize(
    ("classifier", "reason"),
    [
        (Planted(raising), r"RuntimeError: no such\x1b thing"),
        (Planted(always(0.2, 0.3, 0.5)), f"ValueError: {SHAPE}; came (80, 3)"),
        (Planted(lambda X: np.zeros((len(X), 1))), f"ValueError: {SHAPE}; came (80, 1)"),
        (RandomForestClassifier(n_estimators=-1), "InvalidParameterError: "),
    ],
)
def test_whatever_a_classifier_raises_is_one_line_that_ends_its_setting(classifier, reason):
    with pytest.raises(SettingError) as caught:
        said(classifier, chunk())
    assert f"could not learn the training rows: {reason}" in str(caught.value)
    assert str(caught.value).isprintable()


def test_an_interrupt_is_not_held_back():
    def stop(X):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        said(Planted(stop), chunk())


def test_no_warning_comes_out():
    def warn(X):
        warnings.warn("not at all", RuntimeWarning, stacklevel=1)
        return always(0.5, 0.5)(X)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        said(Planted(warn), chunk())
        said(LogisticRegression(max_iter=1), chunk())
        said("lightgbm", chunk())
    assert caught == []


def test_time_up_leaves_a_chunk_that_is_not_whole_and_all_behind_it(fits, monkeypatch):
    clock = iter(range(1, 100))
    monkeypatch.setattr(_references.time, "monotonic", lambda: next(clock))
    chunks = [chunk([1, 1], [1, 2]) for _ in range(3)]
    trained = ClassifierTrainer(reference_of(Planted())).train(chunks, until=3)
    assert [one is None for one in trained] == [False, True, True]
    assert len(fits) == 3


def test_progress_counts_fits():
    told = []
    chunks = [chunk([1, 1], [1, 2], [1, 3]), chunk()]
    ClassifierTrainer(reference_of(Planted())).train(chunks, tell=told.append)
    assert told == [Progress(4, n, n, n / 4) for n in (1, 2, 3, 4)]


def test_a_users_classifier_stays_as_it_was_and_changes_nothing_once_it_was_taken():
    mine = LogisticRegression(C=0.1)
    reference = reference_of(mine)
    first = ClassifierTrainer(reference).train([chunk()])[0].probability
    assert not hasattr(mine, "coef_")
    mine.set_params(C=100)
    again = ClassifierTrainer(reference).train([chunk()])[0].probability
    np.testing.assert_array_equal(first, again)


def test_an_object_of_two_methods_is_enough():
    class Prior:
        def fit(self, X, y):
            self.share = y.mean()

        def predict_proba(self, X):
            return np.tile([1 - self.share, self.share], (len(X), 1))

    probability = said(Prior(), chunk())
    np.testing.assert_allclose(probability[0, :, 1], Y[:TRAINED].mean(), rtol=1e-6)
    assert reference_of(Prior()).name == "Prior"


def test_a_reference_is_called_what_its_user_changed_in_it():
    from xgboost import XGBClassifier

    assert reference_of(LogisticRegression()).name == "LogisticRegression()"
    assert reference_of(XGBClassifier(max_depth=3)).name == "XGBClassifier(max_depth=3)"
    assert reference_of(XGBClassifier(), "mine").name == "mine"
    many = make_pipeline(*[StandardScaler(with_mean=False) for _ in range(30)], GaussianNB())
    spread = GaussianNB(priors=np.full((2, 2), 0.5))
    assert reference_of(spread).name == "GaussianNB(priors=array([[0.5, 0.5], [0.5, 0.5]]))"
    name = reference_of(many).name
    assert name.endswith("('gaussiannb', GaussianNB())])")
    assert name.isprintable()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (LogisticRegression, r"came the class LogisticRegression: write LogisticRegression\(\)"),
        (LinearSVC(), "LinearSVC has no predict_proba: "),
        (StandardScaler(), "StandardScaler has no predict_proba: "),
        ("logistic", "str has no fit: "),
    ],
)
def test_what_is_no_classifier_with_probabilities_is_refused(given, reason):
    with pytest.raises(UsageError, match=reason):
        reference_of(given)


def test_what_cannot_be_cloned_is_refused():
    class Doubled(LogisticRegression):
        def __init__(self, C=1.0):
            super().__init__(C=2 * C)

    with pytest.raises(UsageError, match="can be cloned; Doubled raised RuntimeError: "):
        reference_of(Doubled())


def test_an_unknown_name_is_none():
    assert reference_named("logistics") is None


def test_a_library_that_is_missing_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(UsageError, match=r"xgboost must be .*: pip install 'outweigh\[trees\]'"):
        reference_named("xgboost")


@pytest.mark.parametrize(
    ("given", "exact"),
    [
        (LogisticRegression(), True),
        (LogisticRegression(class_weight="balanced"), True),
        (LogisticRegression(class_weight={0: 1, 1: 9}), False),
        (XGBClassifier(scale_pos_weight=50), False),
        (XGBClassifier(scale_pos_weight=1), True),
        (LGBMClassifier(is_unbalance=True), False),
        (BalancedRandomForestClassifier(sampling_strategy=0.5), False),
        (BalancedRandomForestClassifier(), True),
        (resampling_pipeline(SMOTE(), LogisticRegression()), False),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_leans_towards_a_class_by_itself_is_not_undone_as_a_whole(given, exact):
    assert reference_of(given).exact is exact
    [setting] = parse_references([given], (0, 1))
    assert setting.inverse == (EXACT if exact else PRIOR_ONLY)


def test_classifiers_of_one_name_are_not_taken_for_one():
    class Mine(LogisticRegression):
        def __repr__(self):
            return "Mine"

        def get_params(self, deep=True):
            return {}

    with pytest.raises(UsageError, match="came twice"):
        parse_references([Mine(), Mine()], (0, 1))
