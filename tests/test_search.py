"""The study as a meta-estimator: it is `weigh`, and it is a search of scikit-learn's kind."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV, ShuffleSplit, StratifiedKFold, cross_val_score

from outweigh import (
    Alerts,
    AveragePrecision,
    Cost,
    CostMatrix,
    FBeta,
    NetworkClassifier,
    Power,
    RowCost,
    UsageError,
    WeightSearchCV,
    weigh,
)
from tests.trainers import linear

X, Y = make_classification(300, n_features=5, weights=[0.8], flip_y=0.1, random_state=0)
HOW = {"epochs": 6, "patience": 0, "learning_rate": 0.02}
GRID = [None, "sqrt", {0: 1, 1: 60}]
FOLDS = StratifiedKFold(3, shuffle=True, random_state=1)


def network(**changes):
    return NetworkClassifier(linear, **{**HOW, "random_state": 0, **changes})


def search(**changes):
    return WeightSearchCV(**{"estimator": network(), "settings": GRID, "cv": FOLDS, **changes})


@pytest.fixture(scope="module")
def fitted():
    return search().fit(X, Y)


def test_it_is_the_study_of_the_same_folds():
    found = WeightSearchCV(network(members=2), settings="balanced", cv=3).fit(X, Y)
    study = weigh(X, Y, settings="balanced", network=linear, folds=3, seeds=2, **HOW)
    assert found.verdict_ == study.verdict
    assert (found.study_.predictions.probability == study.predictions.probability).all()
    assert (found.predict_proba(X) == study.predict_proba(X)).all()
    threshold = {s["name"]: s["threshold"]["value"] for s in study.results["settings"]}
    assert found.best_threshold_ == threshold[study.chosen]


def test_its_folds_score_as_a_grid_search_over_the_classifier_does():
    grid = GridSearchCV(network(), {"class_weight": GRID}, cv=FOLDS, scoring="average_precision")
    grid.fit(X, Y)
    ours = search(objective=AveragePrecision(), refit="best").fit(X, Y)
    for key in ("split0_test_score", "split2_test_score", "mean_test_score", "std_test_score"):
        assert ours.cv_results_[key] == pytest.approx(grid.cv_results_[key], abs=1e-3)
    assert (
        ours.cv_results_["rank_test_score"].tolist() == grid.cv_results_["rank_test_score"].tolist()
    )
    assert ours.best_index_ == grid.best_index_
    assert ours.n_splits_ == grid.n_splits_


def test_results_have_the_shape_of_scikit_learns(fitted):
    results = fitted.cv_results_
    assert results["param_setting"].tolist() == ["none", "sqrt", "weights:0=1|1=60"]
    assert results["params"][0] == {"class_weight": None}
    assert results["params"][2] == {"class_weight": {0: 1, 1: 60}}
    assert results["param_class_weight"][1] == results["params"][1]["class_weight"]
    splits = np.array([results[f"split{f}_test_score"] for f in range(3)])
    assert results["mean_test_score"] == pytest.approx(splits.mean(axis=0))
    assert results["std_test_score"] == pytest.approx(splits.std(axis=0))
    assert sorted(results["rank_test_score"]) == [1, 2, 3]
    assert (results["mean_test_score"] < 0).all()  # costs
    assert fitted.best_score_ == results["mean_test_score"][fitted.best_index_]


def test_a_score_is_minus_the_cost_of_a_thousand_cases_of_the_fold(fitted):
    decisions = fitted.study_.decisions
    there = decisions.cases.fold == 1
    y, flagged = decisions.cases.y[there], decisions.decided[2, there]
    cost = decisions.objective.matrix[y, flagged].mean()
    assert fitted.cv_results_["split1_test_score"][2] == pytest.approx(-1000 * cost)


def test_the_verdict_says_what_is_refitted_unless_the_best_is_asked_for(fitted):
    assert fitted.best_setting_ == fitted.verdict_.chosen
    best = search(refit="best").fit(X, Y)
    assert best.best_index_ == best.cv_results_["mean_test_score"].argmax()
    again = network(**HOW, class_weight=best.best_class_weight_, undo=True).fit(X, Y)
    for ours, its in zip(again.model_.parameters, best.model_.parameters, strict=True):
        assert (ours == its).all()


def test_it_predicts_at_the_operating_point(fitted):
    said = fitted.predict_proba(X)
    assert (fitted.predict(X) == (said[:, 1] >= fitted.best_threshold_)).all()
    assert 0 < fitted.best_threshold_ < 1


def test_the_rarer_class_is_positive_and_columns_follow_the_labels(fitted):
    flipped = search().fit(X, 1 - Y)
    assert flipped.model_.classes == (1, 0)
    assert (flipped.predict_proba(X) == fitted.predict_proba(X)[:, ::-1]).all()
    assert (flipped.predict(X) == 1 - fitted.predict(X)).all()
    assert flipped.score(X, 1 - Y) == fitted.score(X, Y)


def test_another_class_may_be_the_positive_one():
    common = search(pos_label=0, objective=Cost(fn=1, fp=9)).fit(X, Y)
    assert common.model_.classes == (1, 0)
    assert common.best_threshold_ == pytest.approx(0.9)
    said = common.predict_proba(X)[:, 0]
    assert (common.predict(X) == np.where(said >= 0.9, 0, 1)).all()


def test_of_three_classes_the_least_cost_decides():
    x, y = make_classification(
        300, 5, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=0
    )
    costs = CostMatrix([[0, 1, 9], [1, 0, 9], [3, 3, 0]], classes=("a", "b", "c"))
    y = np.array(["a", "b", "c"])[y]
    found = search(settings="balanced", objective=costs).fit(x, y)
    expected = found.predict_proba(x) @ costs.matrix
    assert (found.predict(x) == found.classes_[expected.argmin(axis=1)]).all()
    assert found.best_threshold_ is None


@pytest.mark.parametrize("objective", [FBeta(1), Alerts(100)], ids=repr)
def test_any_objective_of_counts_will_do(objective):
    found = search(objective=objective).fit(X, Y)
    flagged = found.predict_proba(X)[:, 1] >= found.best_threshold_
    assert (found.predict(X) == flagged).all()


def test_a_ranking_has_no_threshold_and_scores_as_scikit_learn_does():
    found = search(objective=AveragePrecision()).fit(X, Y)
    said = found.predict_proba(X)
    assert found.best_threshold_ is None
    assert (found.predict(X) == said.argmax(axis=1)).all()
    assert found.score(X, Y) == pytest.approx(average_precision_score(Y, said[:, 1]))


def test_it_can_be_cross_validated_itself():
    scores = cross_val_score(search(cv=2, settings="balanced"), X, Y, cv=2)
    assert scores.shape == (2,)
    assert (scores < 0).all()


def test_rows_of_weight_nought_are_no_rows_in_any_fold():
    weight = (np.arange(len(Y)) % 4 > 0).astype(float)
    kept = np.flatnonzero(weight)
    place = np.cumsum(weight).astype(int) - 1
    pairs = list(FOLDS.split(X, Y))
    inner = [tuple(place[part[weight[part] > 0]] for part in pair) for pair in pairs]
    one = search(cv=pairs).fit(X, Y, sample_weight=weight)
    other = search(cv=inner).fit(X[kept], Y[kept])
    assert (one.predict_proba(X) == other.predict_proba(X)).all()
    assert one.verdict_ == other.verdict_


def test_rows_of_weight_nought_do_not_decide_which_class_is_positive():
    weight = np.where((Y == 0) & (np.cumsum(Y == 0) > 20), 0.0, 1.0)  # the rarer is 0 now
    kept = weight > 0
    one = search(cv=2).fit(X, Y, sample_weight=weight)
    other = search(cv=2).fit(X[kept], Y[kept])
    assert one.model_.classes == other.model_.classes == (1, 0)
    assert (one.predict_proba(X) == other.predict_proba(X)).all()


def test_a_fold_with_nothing_to_rank_has_no_score():
    negatives = np.flatnonzero(Y == 0)
    rest = np.setdiff1d(np.arange(len(Y)), negatives[:40])
    thirds = np.array_split(np.random.default_rng(0).permutation(rest), 2)
    pairs = [(np.setdiff1d(np.arange(len(Y)), out), out) for out in (negatives[:40], *thirds)]
    found = search(cv=pairs, objective=AveragePrecision(), refit="best").fit(X, Y)
    assert np.isnan(found.cv_results_["split0_test_score"]).all()
    splits = [found.cv_results_[f"split{f}_test_score"] for f in (1, 2)]
    assert found.cv_results_["mean_test_score"] == pytest.approx(np.mean(splits, axis=0))


def test_a_score_is_for_the_world_that_the_model_is_for():
    found = search(prevalence=0.02, objective=Cost(fn=20, fp=1)).fit(X, Y)
    flagged = found.predict(X) == 1
    missed, alarms = np.mean(~flagged[Y == 1]), np.mean(flagged[Y == 0])
    assert found.score(X, Y) == pytest.approx(-1000 * (0.02 * missed * 20 + 0.98 * alarms))


def test_a_copy_is_saved_with_its_model(fitted, tmp_path):
    pickle.loads(pickle.dumps(fitted.study_)).save(tmp_path / "copy")
    assert (tmp_path / "copy" / "bundle").is_dir()


def test_groups_stay_on_one_side():
    group = np.arange(len(Y)) // 5
    found = search(cv=3).fit(X, Y, groups=group)
    fold, row = found.study_.predictions.fold, found.study_.predictions.row
    assert all(len(set(fold[group[row] == g])) == 1 for g in range(60))


def test_a_pickle_predicts_the_same_and_holds_no_rows(fitted):
    data = pickle.dumps(fitted)
    again = pickle.loads(data)
    assert (again.predict_proba(X) == fitted.predict_proba(X)).all()
    assert again.study_.results == fitted.study_.results
    assert np.ascontiguousarray(X[:, 0]).tobytes() not in data


def test_the_best_is_among_the_weights_and_none():
    grid = [Power(0.5), "focal:2"]
    found = search(settings=grid, refit="best").fit(X, Y)
    assert found.best_setting_ in ("none", "power:0.5")
    assert found.cv_results_["params"][2] == {"setting": "focal:2"}
    assert found.cv_results_["param_class_weight"].mask.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"refit": True}, "refit must be 'verdict' or 'best'; came True"),
        ({"estimator": LogisticRegression()}, "must be a NetworkClassifier; came LogisticRegress"),
        ({"estimator": network(class_weight="sqrt")}, "must leave class_weight and undo as they"),
        ({"estimator": network(undo=True)}, "must leave class_weight and undo as they are"),
        ({"objective": RowCost(fp=1)}, "predict is given no amounts"),
        ({"objective": Cost(fn=9, fp=2, refer=1)}, "a referral is no class"),
        ({"objective": "f1"}, "an objective must be an object"),
        ({"settings": [{0: 1, 2: 5}]}, "class weights must name classes; came 2"),
        ({"settings": "balancd"}, "settings must be known; came 'balancd'"),
        ({"cv": 1}, "cv must be at least 2; came 1"),
        ({"prevalence": 2}, "^prevalence must lie between 0 and 1; came 2"),
        ({"time_limit": 0}, "^time_limit must be above 0 minutes; came 0"),
        ({"cv": ShuffleSplit(2, random_state=0)}, "ShuffleSplit does not"),
    ],
)
def test_parameters_that_make_no_sense_are_one_clear_line(parameters, message):
    with pytest.raises(UsageError, match=message) as caught:
        search(**parameters).fit(X, Y)
    assert "\n" not in str(caught.value)
