"""``weigh``: one study whatever holds the table, and what its user can do with it."""

import json
import tomllib
from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import outweigh as ow
from outweigh._final import answered
from outweigh.report import page
from tests.trainers import Logistic, linear, studied, world

N = 240
NAMES = ["age", "dose", "smokes"]


def columns():
    """Columns of three kinds, gaps among them, and labels of which one in five is rare."""
    rng = np.random.default_rng(0)
    age, dose = rng.normal(50, 9, N), rng.integers(0, 9, N).astype(float)
    dose[::11] = np.nan
    label = np.where(rng.permutation(N) % 5 == 0, "sick", "well")
    return {"age": age, "dose": dose, "smokes": rng.random(N) < 0.3}, label


def as_arrays():
    features, label = columns()
    return np.column_stack(list(features.values())).astype(float), label


def as_pandas():
    features, label = columns()
    return pd.DataFrame(features), label


def as_polars():
    features, label = columns()
    frame = pl.DataFrame(features).with_columns(pl.col("dose").fill_nan(None).cast(pl.Int32))
    return frame, label


def as_pyarrow():
    features, label = columns()
    gaps = pa.array(features["dose"], from_pandas=True)
    return pa.table({**features, "dose": gaps}), label


KINDS = {
    "arrays": (as_arrays, pa.Table),
    "pandas": (as_pandas, pd.DataFrame),
    "polars": (as_polars, pl.DataFrame),
    "pyarrow": (as_pyarrow, pa.Table),
}


def weighed(X, y, **options):
    small = {"settings": "balanced", "folds": 2, "seeds": 2, "epochs": 9, "learning_rate": 0.1}
    return ow.weigh(X, y, network=linear, **(small | options))


@pytest.fixture(scope="module")
def studies():
    return {kind: weighed(*made()) for kind, (made, _) in KINDS.items()}


def numbers(study):
    """Everything of the results but the names of table and columns, and how long it took."""
    found = json.loads(json.dumps(study.results, allow_nan=False))
    del found["data"]["source"], found["data"]["sha256"], found["timing"]
    return found


def exact(trainer=None, **options):
    """A study with an exact trainer in place of the engine."""
    trainer = Logistic() if trainer is None else trainer
    evidence, *_ = studied(trainer=trainer, **options)
    return answered(evidence, trainer)


# the table that goes in


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_frames_and_arrays_give_the_same_numbers(studies, kind):
    assert numbers(studies[kind]) == numbers(studies["arrays"])
    assert studies[kind].predictions == studies["arrays"].predictions
    assert studies[kind].results["data"]["source"] == f"{kind} frame"


def test_the_target_may_be_a_column_of_the_frame(studies):
    X, y = as_pandas()
    study = weighed(X.assign(state=y)[["state", *NAMES]], None, target="state")
    assert study.predictions == studies["pandas"].predictions
    assert study.results["data"]["target"] == "state"


@pytest.mark.parametrize("given", [{}, {"y": np.zeros(9), "target": "y"}])
def test_labels_must_come_from_one_place(given):
    with pytest.raises(ow.UsageError, match="either y or the name of the target"):
        ow.weigh(np.zeros((9, 1)), **given)


def test_an_objective_is_an_object():
    with pytest.raises(ow.UsageError, match=r"such as Cost\(fn=5, fp=1\) or FBeta\(1\); came 'f1'"):
        ow.weigh(np.zeros((9, 1)), np.arange(9) % 2, objective="f1")


def test_costs_of_a_miss_need_two_classes():
    with pytest.raises(ow.UsageError, match="needs two classes; there are 3"):
        ow.weigh(np.zeros((9, 1)), np.arange(9) % 3, objective=ow.Cost(fn=9, fp=1))


def test_costs_go_into_the_study():
    X, y = as_arrays()
    study = weighed(X, y, objective=ow.Cost(fn=30, fp=2), positive="well", epochs=1)
    found = study.results["objective"]
    assert (found["cost_fn"], found["cost_fp"], found["default"]) == (30, 2, False)
    assert found["threshold"] == 2 / 32
    assert study.results["data"]["positive"] == "well"


# the study that comes out


@pytest.mark.parametrize("kind", KINDS)
def test_the_settings_come_back_in_the_kind_that_went_in(studies, kind):
    frame = studies[kind].frame()
    assert isinstance(frame, KINDS[kind][1])
    table = pa.table(frame) if kind != "pandas" else pa.Table.from_pandas(frame)
    rows = table.to_pylist()
    assert [row["name"] for row in rows] == ["none", "balanced"]
    for row, setting in zip(rows, studies[kind].results["settings"], strict=True):
        assert json.loads(row["class_weight"]) == setting["class_weight"]
        assert row["weight_ratio"] == setting["weight_ratio"]
        for name in ("expected_cost", "log_loss", "average_precision", "recall"):
            assert row[name] == setting[name]["value"]


def test_three_classes_have_a_frame_too():
    rows = exact(table=world(k=3)).frame().to_pylist()
    assert [row["weight_ratio"] for row in rows] == [None] * 3
    assert all(row["brier"] > 0 for row in rows)


def test_a_study_says_what_it_found(studies):
    study = studies["arrays"]
    assert study.verdict.code == study.results["verdict"]["code"]
    assert study.chosen == study.results["chosen"]["setting"] == study.verdict.chosen
    assert repr(study) == f"<outweigh.Study: {study.verdict.code}, chosen {study.chosen!r}>"


def test_a_notebook_shows_what_was_found_and_runs_nothing():
    study = exact()
    shown = study._repr_html_()
    assert study.verdict.text in shown
    assert not any(f"<{tag}" in shown for tag in ("script", "iframe", "link", "img"))


def test_the_figures_of_a_study_are_frames_of_the_kind_that_came_in(studies):
    for name, study in studies.items():
        frame = nw.from_native(study.figures["roc"].frame())
        kind = nw.from_native(study.frame()).implementation
        assert frame.implementation == kind, name
        assert set(frame["line"]) >= {"none"}
    assert studies["arrays"].figures is studies["arrays"].figures


def test_a_study_is_saved_whole(studies, tmp_path):
    study = studies["arrays"]
    study.save(tmp_path / "run", configuration={"seeds": 1})
    written = json.loads((tmp_path / "run" / "results.json").read_text())
    assert written == study.results | {"configuration": {"seeds": 1}}
    found = ow.Predictions.load(tmp_path / "run" / "predictions.parquet")
    assert found == study.predictions
    assert tomllib.loads((tmp_path / "run" / "run.toml").read_text()) == {"seeds": 1}
    study.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page(study.results)
    assert (tmp_path / "run" / "report.html").read_text(encoding="utf-8") == page(written)


# the chosen model on new rows


@pytest.mark.parametrize("kind", KINDS)
def test_the_chosen_model_predicts_whatever_holds_the_rows(studies, kind):
    X, _ = KINDS[kind][0]()
    found = studies[kind].predict_proba(X)
    assert found.shape == (N, 2)
    assert found.sum(axis=1) == pytest.approx(np.ones(N))
    assert found == pytest.approx(studies["arrays"].predict_proba(as_arrays()[0]), abs=1e-6)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_columns_come_in_any_order_and_others_do_not_matter(studies, kind):
    X, y = KINDS[kind][0]()
    table = pa.table({"label": y, **{name: X[name] for name in reversed(NAMES)}})
    turned = {
        "pandas": lambda: table.to_pandas(),
        "polars": lambda: pl.from_arrow(table),
        "pyarrow": lambda: table,
    }[kind]()
    assert (studies[kind].predict_proba(turned) == studies[kind].predict_proba(X)).all()


def test_the_average_prediction_is_near_the_prevalence(studies):
    found = studies["arrays"].predict_proba(as_arrays()[0]).mean(axis=0)
    assert studies["arrays"].results["data"]["classes"] == {"well": 192, "sick": 48}
    assert found == pytest.approx([0.8, 0.2], abs=0.05)


@pytest.mark.parametrize("k", [2, 3])
def test_an_exact_model_predicts_each_class_as_often_as_it_came(k):
    """The likelihood equations of a logistic regression with an intercept."""
    table = world(k=k)
    study = exact(table=table, patience=0)
    found = study.predict_proba(table.columns.numbers).mean(axis=0)
    assert found == pytest.approx(table.counts / len(table.y), abs=1e-4)


class Blind(Logistic):
    """A trainer whose unweighted lanes see nothing, so that weights are chosen."""

    def train_one(self, chunk, keep_parameters):
        trained = super().train_one(chunk, keep_parameters)
        trained.probability[(chunk.class_weight == 1).all(axis=1)] = chunk.prior
        return trained


def test_the_chosen_weights_are_undone_in_new_predictions():
    table = world(4000)
    study = exact(Blind(), table=table, settings="balanced", patience=0)
    assert study.chosen == "balanced"
    found = study.predict_proba(table.columns.numbers)[:, 1]
    assert found.mean() == pytest.approx(table.y.mean(), abs=0.01)
    unweighted = exact(table=table, settings="balanced", patience=0)
    assert unweighted.chosen == "none"
    assert np.abs(found - unweighted.predict_proba(table.columns.numbers)[:, 1]).mean() < 0.01


@dataclass
class Diverging(Logistic):
    """A trainer whose final model diverges with some seeds."""

    seeds: tuple = ()

    def train_one(self, chunk, keep_parameters):
        trained = super().train_one(chunk, keep_parameters)
        if not keep_parameters or chunk.seed not in self.seeds:
            return trained
        lost = [np.full_like(value, np.nan) for value in trained.parameters[0]]
        return replace(trained, outcome=("diverged",) * len(lost[0]), parameters=(lost, []))


def test_a_final_model_that_diverged_is_left_out():
    x = world().columns.numbers
    one = exact(Diverging(seeds=(0,)), patience=0).predict_proba(x)
    assert one == pytest.approx(exact(patience=0).predict_proba(x))  # all seeds are alike
    none = exact(Diverging(seeds=(0, 1)), patience=0)
    with pytest.raises(ow.NetworkError, match="diverged with every seed"):
        none.predict_proba(x)


def test_columns_called_by_numbers_are_found_again():
    features, y = as_arrays()
    X = pd.DataFrame(features)
    study = weighed(X, y, epochs=1)
    assert study.predict_proba(X) == pytest.approx(study.predict_proba(features))
    assert study.predict_proba(X[[2, 0, 1]]) == pytest.approx(study.predict_proba(features))


def test_missing_columns_are_named(studies):
    X, _ = as_pandas()
    with pytest.raises(ow.TableError, match="lacks 'dose'"):
        studies["pandas"].predict_proba(X[["age", "smokes"]])
    with pytest.raises(ow.TableError, match="the 3 columns of the study; came 2"):
        studies["pandas"].predict_proba(np.zeros((5, 2)))


def test_no_new_rows_have_no_predictions(studies):
    for kind, (made, _) in KINDS.items():
        X, _ = made()
        assert studies[kind].predict_proba(X[:0]).shape == (0, 2)
