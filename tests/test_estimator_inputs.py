"""What both estimators take: tables, labels, weights of every kind; and how they refuse the rest.

A refusal is one ValueError in one line, of ours or of scikit-learn's own public checks.
"""

import re
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from outweigh import (
    Cost,
    Effective,
    NetworkClassifier,
    Power,
    RowCost,
    WeightSearchCV,
    class_weight,
)
from tests.trainers import linear

N = 60
RNG = np.random.default_rng(0)
Y = (np.arange(N) % 4 == 0).astype(int)
X = RNG.normal(size=(N, 3)) + Y[:, None]
KEYS = [-3, -1]


def called(value):
    """Name a case; where an object lies in memory is no name."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


def network(build=linear, **parameters):
    small = {"epochs": 2, "patience": 0, "random_state": 0}
    return NetworkClassifier(build, **(small | parameters))


def search(estimator=None, **parameters):
    small = {"settings": "balanced", "cv": 2}
    return WeightSearchCV(network() if estimator is None else estimator, **(small | parameters))


BOTH = pytest.mark.parametrize("make", [network, search])


# -- tables ----------------------------------------------------------------------------------------


def mixed():
    """A table with numbers, text, categories, dates, truth values and gaps in most of them."""
    frame = pd.DataFrame(
        {
            "size": X[:, 0],
            "town": RNG.choice(["ulm", "bonn", "köln"], N),
            "grade": pd.Categorical(RNG.choice(["a", "b"], N)),
            "day": pd.date_range("2020-01-01", periods=N),
            "new": RNG.random(N) < 0.5,
            "rooms": pd.array(RNG.integers(1, 9, N), dtype="Int64"),
        }
    )
    for j, name in enumerate(["size", "town", "grade", "day", "rooms"]):
        frame.loc[j :: 7 + j, name] = None
    return frame


MIXED = mixed()
FRAMES = {
    "pandas": MIXED,
    "pandas on arrow": MIXED.convert_dtypes(dtype_backend="pyarrow"),
    "polars": pl.from_pandas(MIXED),
    "pyarrow": pa.Table.from_pandas(MIXED),
}


@cache
def fitted(make, kind=None):
    if kind is None:
        return make().fit(X, Y)
    return make().fit(FRAMES[kind], Y)


@BOTH
@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_of_any_kind_is_the_same_table(make, kind):
    model, expected = fitted(make, kind), fitted(make, "pandas").predict_proba(MIXED)
    assert list(model.feature_names_in_) == list(MIXED.columns)
    assert model.n_features_in_ == 6
    for other in FRAMES.values():
        assert (model.predict_proba(other) == expected).all()


@BOTH
@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")  # scikit-learn's, and right
def test_columns_without_names_go_by_their_places(make):
    expected = fitted(make).predict_proba(X)
    for rows in (pd.DataFrame(X), pd.DataFrame(X, columns=["c", "b", "a"]), X.tolist()):
        assert (fitted(make).predict_proba(rows) == expected).all()


@BOTH
def test_other_columns_are_refused(make):
    for rows in (MIXED.rename(columns={"size": "width"}), MIXED[MIXED.columns[::-1]]):
        for frame in (rows, pl.from_pandas(rows), pa.Table.from_pandas(rows)):
            with pytest.raises(ValueError, match="feature names should match"):
                fitted(make, "pandas").predict(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted(make, "pandas").predict(MIXED.drop(columns="size"))
    with pytest.raises(ValueError, match=r"X has 2 features, but .* is expecting 3"):
        fitted(make).predict(X[:, :2])
    with pytest.raises(ValueError, match="'size' must hold numbers, as in the study"):
        fitted(make, "pandas").predict(MIXED.assign(size="wide"))


# -- labels ----------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes"]),
        np.array(["no", "yes"], dtype=object),
        np.array([False, True]),
        np.array([-3, -1]),
        np.array([1.0, 2.0]),
        np.array([0, 1], dtype="uint8"),
        np.array([2**40, 2**41]),
    ],
    ids=lambda labels: f"{labels.dtype} {labels[0]}",
)
@pytest.mark.parametrize("rare", [1, 0])
def test_labels_come_back_as_they_came(make, labels, rare):
    y = labels[Y if rare else 1 - Y]
    model = make().fit(X, y)
    said = model.predict(X)
    assert model.classes_.dtype == said.dtype == y.dtype
    assert model.classes_.tolist() == labels.tolist()
    assert set(said.tolist()) <= set(labels.tolist())
    expected = fitted(make).predict_proba(X)
    if rare:
        assert (model.predict_proba(X) == expected).all()
    elif make is search:  # to whom the rarer class is the positive one, whatever its name
        assert (model.predict_proba(X)[:, ::-1] == expected).all()


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(Y),
        pd.Series(Y).astype("category"),
        pl.Series(Y),
        pa.array(Y),
        Y.tolist(),
    ],
    ids=lambda y: f"{type(y).__module__.partition('.')[0]} {getattr(y, 'dtype', '')}",
)
def test_labels_in_any_container_are_the_same(y):
    model = network().fit(X, y)
    assert model.predict(X).dtype == Y.dtype
    assert (model.predict_proba(X) == fitted(network).predict_proba(X)).all()


# -- weights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rare", [1, 0])
@pytest.mark.parametrize(
    "rule",
    ["balanced", "sqrt", "none", 7.0, np.float32(7), {-3: 1, -1: 9}, Power(0.7), Effective(0.9)],
    ids=called,
)
def test_class_weights_are_those_of_the_function_of_that_name(rule, rare):
    y = np.array(KEYS)[Y if rare else 1 - Y]
    model = network(class_weight=rule).fit(X, y)
    assert model.class_weight_ == pytest.approx(class_weight(y, rule), rel=1e-15)
    by_hand = network(class_weight=class_weight(y, rule)).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X), by_hand, rtol=0, atol=1e-7)


def test_a_ratio_is_about_the_rarer_class_and_none_is_1():
    for y, rarer in ((Y, 1), (1 - Y, 0)):
        weight = network(class_weight=7.0).fit(X, y).class_weight_
        assert weight[rarer] == pytest.approx(7 * weight[1 - rarer])
        assert network().fit(X, y).class_weight_ == {0: 1.0, 1: 1.0}


# -- refusals --------------------------------------------------------------------------------------

MODEL = linear(3, 1)


def the_same(n_features, n_outputs):
    return MODEL


def refused(estimator, words, *, y=Y, **more):
    with pytest.raises(ValueError, match=words) as caught:
        estimator.fit(X, y, **more)
    assert "\n" not in str(caught.value)
    assert not hasattr(estimator, "model_")


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ({0: 1, 1: 2, 7: 3}, "came 7, which is none of"),
        ({"0": 1, "1": 2}, "came '0', a str: write 0, an int"),
        ({1: 5}, r"none came for \[0\]"),
        ({}, r"none came for \[0, 1\]"),
        ({0: 1, 1: 0}, "weight of class 1 must be a number from .* came 0:"),
        ({0: 1, 1: -2}, "weight of class 1 must be a number from .* came -2:"),
        ({0: 1, 1: np.nan}, "weight of class 1 must be a number from .* came nan:"),
        ({0: 1, 1: np.inf}, "weight of class 1 must be a number from .* came inf:"),
        ({0: 1, 1: "9"}, "weight of class 1 must be a number from .* came '9':"),
        (0, "a ratio must be a number from .* came 0"),
        (-1.0, "a ratio must be a number from .* came -1.0"),
        (True, "came True"),
        ("auto", "came 'auto'"),
        ([1, 9], r"came \[1, 9\]"),
    ],
    ids=called,
)
def test_class_weights_that_mean_nothing_are_refused(weight, words):
    refused(network(class_weight=weight), words)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"members": 0}, "members must be a whole number from 1; came 0"),
        ({"members": 1.5}, "members must be a whole number from 1; came 1.5"),
        ({"members": None}, "members must be a whole number from 1; came None"),
        ({"epochs": 0}, "epochs must be a whole number from 1; came 0"),
        ({"epochs": 2.5}, "epochs must be a whole number from 1; came 2.5"),
        ({"patience": -1}, "patience must be a whole number from 0; came -1"),
        ({"batch_size": 0}, "batch_size must be a whole number from 1; came 0"),
        ({"workers": -1}, "workers must be a whole number from 1; came -1"),
        ({"learning_rate": 0}, "learning_rate must be a number from .* came 0"),
        ({"learning_rate": -0.1}, "learning_rate must be a number from .* came -0.1"),
        ({"learning_rate": np.nan}, "learning_rate must be a number from .* came nan"),
        ({"watch": "loss"}, "watch must be one of undone, raw, weighted; came 'loss'"),
        ({"random_state": -1}, "random_state must be from 0 to 2147483647; came -1"),
        ({"build": MODEL}, "the network function must build a model, but build"),
        ({"build": lambda d, k: None}, "must return a keras.Model, but .* returned NoneType"),
        ({"build": lambda: None}, "raised TypeError"),
        ({"build": the_same, "members": 2}, "must build a new model at each call, but the_same"),
    ],
    ids=called,
)
def test_parameters_that_make_no_sense_are_refused(parameters, words):
    refused(network(**parameters), words)
    refused(search(network(**parameters)), words)


@BOTH
@pytest.mark.parametrize(
    ("y", "words"),
    [
        (X[:, 0], "Unknown label type: continuous"),
        (np.zeros(N), "y must hold two classes or more; came 1 class"),
        (None, "requires y to be passed"),
        (np.array(["a", None] * (N // 2), dtype=object), "must hold a label for each row; 30 are"),
        (np.array(["a", 1] * (N // 2), dtype=object), "must hold labels of one kind"),
        (np.column_stack([Y, Y]), "y should be a 1d array"),
        (Y[:9], "inconsistent numbers of samples"),
    ],
    ids=["numbers", "one class", "none", "gaps", "mixed", "2-D", "short"],
)
def test_labels_that_are_none_are_refused(make, y, words):
    refused(make(), words, y=y)


@BOTH
@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (np.ones(9), "sample_weight must have a value for each of 60 rows; came 9"),
        (-np.ones(N), "sample_weight must be finite, none negative and not all zero"),
        (np.full(N, np.nan), "sample_weight must be finite, none negative and not all zero"),
        (np.zeros(N), "sample_weight must be finite, none negative and not all zero"),
        (1.0 - Y, "each class must have rows that weigh something"),
        (np.ones((N, 1)), "sample_weight must have one dimension"),
    ],
    ids=["short", "negative", "nan", "zero", "class gone", "2-D"],
)
def test_row_weights_that_cannot_weigh_are_refused(make, weight, words):
    refused(make(), words, sample_weight=weight)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"estimator": LogisticRegression()}, "must be a NetworkClassifier; came LogisticRegr"),
        ({"estimator": network(class_weight="balanced")}, "must leave class_weight and undo as"),
        ({"estimator": network(undo=True)}, "must leave class_weight and undo as they are"),
        ({"refit": "x"}, "refit must be 'verdict' or 'best'; came 'x'"),
        ({"refit": True}, "refit must be 'verdict' or 'best'; came True"),
        ({"cv": 1}, "cv must be at least 2; came 1"),
        ({"cv": "5"}, "cv must be a number of folds, a splitter or pairs"),
        ({"cv": 2.5}, "cv must be a number of folds, a splitter or pairs"),
        ({"cv": 40}, "fewer positives"),
        ({"cv": ShuffleSplit(2, random_state=0)}, "must hold out other rows in each of two folds"),
        ({"cv": StratifiedShuffleSplit(2, random_state=0)}, "StratifiedShuffleSplit does not"),
        ({"cv": [(np.arange(30), np.arange(30))]}, "no row may train and judge at once"),
        ({"cv": [(np.arange(30), np.arange(30, 90))]}, "rows of a fold must be numbers from 0 to"),
        ({"objective": RowCost(fp=1)}, "predict is given no amounts"),
        ({"objective": Cost(fn=5, fp=1, refer=0.1)}, "a referral is no class"),
        ({"objective": "roc_auc"}, "an objective must be an object"),
        ({"settings": "auto"}, "settings must be known; came 'auto'"),
        ({"settings": [{0: 1}]}, r"none came for \[1\]"),
        ({"references": "svm"}, "references must be known; came 'svm'"),
        ({"pos_label": 7}, "must be a label of 'y'; came 7"),
        ({"prevalence": 2}, "prevalence must lie between 0 and 1; came 2"),
        ({"time_limit": 0}, "time_limit must be above 0 minutes; came 0"),
    ],
    ids=called,
)
def test_a_search_that_makes_no_sense_is_refused(parameters, words):
    refused(search(**parameters), words)


def test_a_whole_number_of_numpy_is_a_number_of_folds():
    assert search(cv=np.int64(2)).fit(X, Y).n_splits_ == 2


@BOTH
def test_rows_are_judged_once_there_is_a_model(make):
    for name in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(make(), name)(X)
    with pytest.raises(NotFittedError):
        make().score(X, Y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fitted(make).score(X, Y[:9])


def test_a_search_is_scored_on_classes_that_it_knows():
    with pytest.raises(ValueError, match=r"y must hold classes that fit saw; came \{5, 6\}"):
        fitted(search).score(X, Y + 5)
