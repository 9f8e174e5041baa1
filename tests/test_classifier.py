"""A Keras network as a classifier: it is the study's network, and Keras's own."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from outweigh import NetworkClassifier, NetworkError, Power, UsageError, class_weight, undo, weigh
from outweigh._lanes import batch_order
from outweigh._network import keras_on_jax, seeded
from tests.trainers import linear

X, Y = make_classification(240, n_features=5, weights=[0.8], random_state=0)
FIXED = {"epochs": 3, "patience": 0, "batch_size": 48, "random_state": 0}


def small(**parameters):
    return NetworkClassifier(**{"network": linear, **FIXED, **parameters})


def standardised(x):
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32")


@pytest.mark.parametrize("rule", [None, "balanced", {0: 1, 1: 40}], ids=str)
def test_it_says_what_keras_says_after_its_own_fit(rule):
    keras = keras_on_jax()
    with seeded(0):
        model = linear(5, 1)
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy())
    weight = class_weight(Y, rule or "none")
    x = standardised(X)
    for epoch in range(FIXED["epochs"]):
        order = batch_order(len(Y), seed=0, epoch=epoch)
        model.fit(x[order], Y[order], class_weight=weight, batch_size=48, shuffle=False, verbose=0)
    said = small(class_weight=rule).fit(X, Y).predict_proba(X)[:, 1]
    assert said == pytest.approx(np.asarray(model(x))[:, 0], abs=1e-5)


def test_it_is_the_model_of_a_study_to_the_bit():
    study = weigh(
        X, Y, settings="balanced", use="balanced", network=linear, folds=2, seeds=2, epochs=4
    )
    alone = NetworkClassifier(
        linear, class_weight="balanced", members=2, epochs=4, undo=True, random_state=0
    ).fit(X, Y)
    for ours, its in zip(alone.model_.parameters, study.model.parameters, strict=True):
        assert (ours == its).all()


def test_members_are_averaged_and_counted_up_from_the_first_seed():
    three = small(members=3).fit(X, Y).predict_proba(X)
    each = [small(random_state=seed).fit(X, Y).predict_proba(X) for seed in range(3)]
    assert three == pytest.approx(np.mean(each, axis=0), abs=1e-6)


def test_undoing_takes_the_class_weights_out_of_what_it_says():
    plain, undone = (
        small(class_weight="balanced", undo=u).fit(X, Y).predict_proba(X) for u in (False, True)
    )
    weights = list(class_weight(Y, "balanced").values())
    assert undone == pytest.approx(undo(plain, weights), abs=1e-12)


def test_a_row_of_weight_nought_is_no_row_at_all():
    weight = np.arange(len(Y)) % 3
    kept = weight > 0
    one = small().fit(X, Y, sample_weight=weight).predict_proba(X)
    other = small().fit(X[kept], Y[kept], sample_weight=weight[kept]).predict_proba(X)
    assert (one == other).all()


def test_weights_are_scaled_to_a_mean_of_one_and_equal_ones_are_none():
    weight = np.random.default_rng(0).uniform(1, 5, len(Y))
    given = weight, 64 * weight, None, np.full(len(Y), 7)
    one, scaled, none, equal = (small().fit(X, Y, w).predict_proba(X) for w in given)
    assert (one == scaled).all()
    assert (none == equal).all()
    assert not np.allclose(one, none, atol=1e-6)


@pytest.mark.parametrize("flipped", [False, True])
def test_a_ratio_is_about_the_rarer_class_whichever_it_is(flipped):
    y = 1 - Y if flipped else Y
    found = small(class_weight=8.0).fit(X, y).class_weight_
    assert found == pytest.approx(class_weight(y, 8.0))
    assert found[0 if flipped else 1] == pytest.approx(8 * found[1 if flipped else 0])


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [False, True], [-3, 7], [1.0, 2.0], np.array(["a", "b"])]
)
def test_labels_come_back_as_they_were(labels):
    y = np.asarray(labels)[Y]
    fitted = small().fit(X, y)
    assert fitted.predict(X).dtype == y.dtype
    assert set(fitted.predict(X)) <= set(y)
    assert fitted.classes_.tolist() == sorted(set(y.tolist()))


def test_five_classes_are_predicted_in_the_order_of_their_labels():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 5, 300)
    x = np.eye(5)[y] * 4 + rng.normal(size=(300, 5))
    y = np.array(list("ecadb"))[y]
    fitted = small(epochs=40, learning_rate=0.05).fit(x, y)
    assert fitted.score(x, y) > 0.9
    said = fitted.predict_proba(x)
    assert said.shape == (300, 5)
    assert said.sum(axis=1) == pytest.approx(1)


def test_text_and_gaps_need_nothing_before_it():
    import pandas as pd

    frame = pd.DataFrame(X, columns=list("abcde")).assign(site=np.where(Y, "north", "south"))
    frame.loc[::7, ["a", "site"]] = None
    fitted = small(epochs=60, learning_rate=0.05).fit(frame, Y)
    assert fitted.feature_names_in_.tolist() == [*"abcde", "site"]
    assert fitted.score(frame, Y) > 0.95


def test_what_became_of_the_members_is_told():
    fitted = small(members=2, epochs=30, patience=3, batch_size=16).fit(X, Y)
    assert fitted.epochs_.shape == (2,)
    assert all(curves.undone.ndim == 1 for curves in fitted.curves_)
    assert fitted.class_weight_ == {0: 1.0, 1: 1.0}


def test_members_that_diverge_are_left_out_with_a_warning(monkeypatch):
    from outweigh import _lanes

    outcome = iter(["diverged", "finished"])
    monkeypatch.setattr(_lanes, "_outcome", lambda *args: next(outcome))
    with pytest.warns(ConvergenceWarning, match="1 of 2 members diverged and are left out"):
        fitted = small(members=2, workers=1).fit(X, Y)
    assert len(fitted.model_.parameters[0]) == 1


def test_networks_that_all_diverge_are_an_error(monkeypatch):
    from outweigh import _lanes

    monkeypatch.setattr(_lanes, "_outcome", lambda *args: "diverged")
    with pytest.raises(NetworkError, match="it diverged with every seed"):
        small(members=2).fit(X, Y)


def test_the_same_network_function_with_other_parts_is_trained_anew():
    units = [2]

    def growing(n_features, n_outputs):
        keras = keras_on_jax()
        return keras.Sequential(
            [
                keras.Input((n_features,)),
                keras.layers.Dense(units[0], activation="relu"),
                keras.layers.Dense(n_outputs, activation="sigmoid"),
            ]
        )

    first = NetworkClassifier(growing, **FIXED).fit(X, Y)
    units[0] = 5
    second = NetworkClassifier(growing, **FIXED).fit(X, Y)
    assert [f.model_.parameters[0].shape for f in (first, second)] == [(1, 5, 2), (1, 5, 5)]


def test_a_seed_makes_it_repeatable_and_none_does_not():
    once, again = (small(random_state=np.random.RandomState(3)).fit(X, Y) for _ in range(2))
    assert (once.predict_proba(X) == again.predict_proba(X)).all()
    one, other = (small(random_state=None).fit(X, Y) for _ in range(2))
    assert (one.predict_proba(X) != other.predict_proba(X)).any()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"class_weight": {0: 1, 2: 5}}, "class weights must name classes; came 2"),
        ({"class_weight": {"0": 1, "1": 5}}, "came '0', a str: write 0, an int"),
        ({"class_weight": {1: 5}}, r"every class must have a weight.* none came for \[0\]"),
        ({"class_weight": {0: 0, 1: 5}}, "the weight of class 0 must be a number from 1e-30"),
        ({"class_weight": {0: -1, 1: 5}}, "the weight of class 0 must be a number from 1e-30"),
        ({"class_weight": {0: 1, 1: np.nan}}, "the weight of class 1 must be a number"),
        ({"class_weight": "weighted"}, "a rule must be one of 'none', 'sqrt', 'balanced', a rule"),
        ({"class_weight": "focal:2"}, "a rule must be one of .*; came 'focal:2': choose one"),
        ({"class_weight": ["balanced"]}, r"a rule must be one of .*; came \['balanced'\]"),
        ({"undo": "no"}, "undo must be True or False; came 'no'"),
        ({"random_state": 2**40}, "random_state must be from 0 to 2147483647; came"),
        ({"random_state": -1}, "random_state must be from 0 to 2147483647; came -1"),
        ({"members": 0}, "members must be a whole number from 1; came 0"),
        ({"epochs": 0}, "epochs must be a whole number from 1; came 0"),
        ({"watch": "loss"}, "^watch must be one of undone, raw, weighted; came 'loss'"),
    ],
)
def test_parameters_that_make_no_sense_are_one_clear_line(parameters, message):
    with pytest.raises(UsageError, match=message) as caught:
        small(**parameters).fit(X, Y)
    assert "\n" not in str(caught.value)


def test_nothing_is_predicted_before_it_is_fitted_nor_from_other_columns():
    with pytest.raises(NotFittedError):
        small().predict(X)
    with pytest.raises(ValueError, match="X has 4 features, but NetworkClassifier is expecting 5"):
        small().fit(X, Y).predict(X[:, :4])


def test_rules_are_given_as_objects_too():
    assert small(class_weight=Power(0.5)).fit(X, Y).class_weight_ == class_weight(Y, "sqrt")


def test_what_a_network_function_reads_may_change_between_fits_but_not_before_predicting():
    keras, act = keras_on_jax(), ["relu"]

    def changing(n_features, n_outputs):
        layers = keras.layers
        hidden = layers.Dense(4, activation=act[0])
        return keras.Sequential([keras.Input((n_features,)), hidden, layers.Dense(n_outputs)])

    said = []
    for act[0] in ("relu", "tanh", "relu"):
        said.append(NetworkClassifier(changing, **FIXED).fit(X, Y).predict_proba(X))
    assert (said[0] == said[2]).all()
    assert np.abs(said[0] - said[1]).max() > 0.01
    relu = NetworkClassifier(changing, **FIXED).fit(X, Y)
    act[0] = "sigmoid"
    assert (relu.predict_proba(X) == said[0]).all()  # as it is known from before
    fewer = NetworkClassifier(changing, **FIXED).fit(X[:, :3], Y)
    act[0] = "elu"
    with pytest.raises(NetworkError, match="what it reads has changed since"):
        fewer.predict_proba(X[:, :3])


def test_a_partial_of_lists_is_one_network_function_for_all_fits(monkeypatch):
    from functools import partial

    from outweigh import _program

    compiled = []
    of_engine = _program.Program.compile
    monkeypatch.setattr(
        _program.Program,
        "compile",
        lambda program, *given: compiled.append(id(program)) or of_engine(program, *given),
    )
    for _ in range(3):
        small(network=None).set_params(network=partial(linear_of, units=[1])).fit(X, Y)
    assert len(compiled) == 3
    assert len(set(compiled)) == 1


def linear_of(n_features, n_outputs, *, units):
    return linear(n_features, n_outputs * units[0])


def test_a_network_function_that_reads_another_constant_predicts_by_it():
    factor = np.array([1.0])

    def scaled(n_features, n_outputs):
        keras = keras_on_jax()
        rows = keras.Input((n_features,))
        output = keras.layers.Dense(n_outputs, activation="sigmoid")(rows * factor[0])
        return keras.Model(rows, output)

    for factor[0] in (1.0, 30.0):
        fitted = NetworkClassifier(scaled, **FIXED).fit(X, Y)
        x = factor[0] * standardised(X)
        kernel, bias = (v[0] for v in fitted.model_.parameters[:2])
        said = fitted.predict_proba(X)[:, 1]
        assert said == pytest.approx(1 / (1 + np.exp(-(x @ kernel + bias)[:, 0])), abs=1e-5)
