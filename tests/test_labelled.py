"""Studies of several yes/no targets at once."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_multilabel_classification

import outweigh as ow
from outweigh._bundle import load
from outweigh._rows import rows_from
from tests.trainers import linear


@pytest.fixture(scope="module")
def world():
    X, Y = make_multilabel_classification(
        500, n_features=6, n_classes=3, n_labels=1, random_state=0
    )
    return X, pd.DataFrame(Y, columns=["fever", "cough", "rash"])


def weighed(X, Y, **options):
    usual = {"settings": "balanced", "folds": 2, "seeds": 2, "epochs": 3, "network": linear_labels}
    return ow.weigh_labels(X, Y, **(usual | options))


def linear_labels(n_features, n_outputs):
    """Build a logistic regression of each label."""
    return linear(n_features, 1) if n_outputs == 1 else many(n_features, n_outputs)


def many(n_features, n_outputs):
    from outweigh._network import keras_on_jax

    keras = keras_on_jax()
    output = keras.layers.Dense(n_outputs, activation="sigmoid")
    return keras.Sequential([keras.Input((n_features,)), output])


@pytest.fixture(scope="module")
def studies(world):
    return weighed(*world, test_size=0.2)


def test_there_is_a_study_of_each_target_by_its_name(world, studies):
    X, Y = world
    assert list(studies) == ["fever", "cough", "rash"]
    for name, study in studies.items():
        counts = Y[name].value_counts()
        assert study.results["data"]["target"] == name
        assert study.results["data"]["classes"] == {
            str(k): int(counts[k]) for k in sorted(counts.index, key=lambda k: -counts[k])
        }
        assert len(X) == study.results["data"]["rows"]


def test_each_target_has_weights_of_its_own(world, studies):
    for study in studies.values():
        said = study.results["settings"][1]["class_weight"]
        training = study.results["data"]["training"]["classes"]
        n = sum(training.values())
        assert said == pytest.approx({k: n / (2 * v) for k, v in training.items()})


def test_all_targets_are_judged_on_the_same_rows(studies):
    records = [study.predictions for study in studies.values()]
    for one in records[1:]:
        assert (one.row == records[0].row).all()
        assert (one.fold == records[0].fold).all()
        assert not (one.y == records[0].y).all()


def test_the_model_of_a_target_says_what_the_study_does(world, studies, tmp_path):
    X, _ = world
    for name, study in studies.items():
        said = study.predict_proba(X)
        assert said.shape == (500, 2)
        np.testing.assert_allclose(said.sum(axis=1), 1)
        study.save(tmp_path / name)
        model = load(tmp_path / name / "bundle", build=linear_labels)
        columns = rows_from(X, model.features.schema, missing=()).columns
        assert model.predict_proba(columns).tobytes() == said.tobytes()
    each = [study.predict_proba(X)[:, 1] for study in studies.values()]
    assert np.abs(each[0] - each[1]).max() > 0.1


def test_a_target_may_have_an_objective_of_its_own(world):
    found = weighed(*world, objective={"cough": ow.Cost(fn=7, fp=1)}, seeds=1)
    assert found["cough"].results["objective"]["cost_fn"] == 7
    assert found["fever"].results["objective"]["default"]


def test_targets_of_an_array_go_by_number(world):
    X, Y = world
    found = weighed(X, Y.to_numpy()[:, :2], seeds=1)
    assert list(found) == [0, 1]


def test_weights_of_several_targets_are_those_of_each(world):
    _, Y = world
    found = ow.class_weights(Y, "sqrt")
    assert found == {name: ow.class_weight(Y[name], "sqrt") for name in Y}
    assert ow.class_weights(Y.to_numpy())[1] == ow.class_weight(Y["cough"])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda Y: Y.assign(cough=np.arange(500) % 3), {}, "must have two classes.*'cough' has 3"),
        (lambda Y: Y["cough"].to_numpy(), {}, "Y must have a column for each target"),
        (lambda Y: Y.assign(cough=1), {}, "cough|two classes"),
        (lambda Y: Y, {"settings": "focal:2"}, "must be class weights; came 'focal:2'"),
        (lambda Y: Y, {"objective": {"flu": ow.Cost(fn=2, fp=1)}}, "columns of Y; came 'flu'"),
        (lambda Y: Y[:7], {}, "same rows"),
    ],
)
def test_what_makes_no_sense_is_one_line(world, change, options, message):
    X, Y = world
    with pytest.raises(ow.OutweighError, match=message) as error:
        weighed(X, change(Y), **options)
    assert "\n" not in str(error.value)


def test_rows_of_rare_combinations_are_judged_too():
    rng = np.random.default_rng(0)
    Y = (rng.random((400, 6)) < 0.3).astype(int)
    studies = weighed(rng.normal(size=(400, 3)), Y, folds=4, seeds=1)
    for study in studies.values():
        assert sorted(study.predictions.row) == list(range(400))


def test_where_every_combination_is_rare_the_rarest_label_is_dealt_evenly():
    rng = np.random.default_rng(0)
    Y = (rng.random((60, 12)) < 0.5).astype(int)
    studies = weighed(rng.normal(size=(60, 3)), Y, folds=3, seeds=1, positive=1)
    assert all(len(study.predictions.row) == 60 for study in studies.values())


def test_weights_may_name_the_labels_that_targets_share():
    rng = np.random.default_rng(0)
    Y = np.where(rng.random((200, 2)) < 0.3, "yes", "no")
    found = weighed(rng.normal(size=(200, 3)), Y, settings="weights:no=1|yes=5", seeds=1)
    assert found[1].results["settings"][1]["class_weight"] == {"no": 1, "yes": 5}


@pytest.mark.slow
def test_in_time_the_rarest_label_alone_must_be_in_every_block():
    rng = np.random.default_rng(0)
    Y = (rng.random((300, 5)) < 0.3).astype(int)
    studies = weighed(rng.normal(size=(300, 3)), Y, folds=2, seeds=1, time=np.arange(300))
    assert {len(study.predictions.row) for study in studies.values()} == {200}


@pytest.mark.slow
def test_copies_kept_together_are_one_row_of_a_combination():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(200, 3)), (rng.random((200, 2)) < 0.3).astype(int)
    X = np.concatenate([X, np.full((3, 3), 9.0)])  # three copies, of a combination of their own
    Y = np.concatenate([np.column_stack([Y, np.arange(200) % 4 == 0]), [[1, 1, 1]] * 3]).astype(int)
    studies = weighed(X, Y, folds=3, seeds=1, duplicates_together=True)
    assert all(len(study.predictions.row) == 203 for study in studies.values())
