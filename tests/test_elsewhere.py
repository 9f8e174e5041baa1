"""Predictions made elsewhere: the same study, from a frame in any order and of any kind."""

from dataclasses import replace

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import outweigh as ow
from outweigh._deployment import Deployment
from outweigh._elsewhere import predictions_of
from outweigh._errors import TableError, UsageError
from outweigh._record import record as record_of
from tests.records import kinds, noisy, of_rows, saturated
from tests.trainers import studied, world

KINDS = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "chunks": lambda frame: pd.concat([frame[:7], frame[7:]]),
}


def frame_of(p, *, seeds=True, weights=True):
    """A record as a frame, a row for each prediction."""
    parts = []
    for s, r in p.lanes:
        lane = {
            "row": p.row,
            "fold": p.fold,
            "setting": p.settings[s],
            "seed": p.seeds[r],
            "y": [p.classes[c] for c in p.y],
        }
        said, weight = p.probability[s, r].astype(float), p.class_weight[s, p.fold]
        if len(p.classes) == 2:
            lane |= {"probability": said[:, 1], "weight_ratio": weight[:, 1] / weight[:, 0]}
        else:
            columns = zip(p.classes, said.T, weight.T, strict=True)
            for label, of_class, weight_of_class in columns:
                lane |= {f"probability {label}": of_class, f"weight {label}": weight_of_class}
        for name in ("row_weight", "amount", "unit"):
            if getattr(p, name) is not None:
                lane[name] = getattr(p, name)
        parts.append(pd.DataFrame(lane))
    frame = pd.concat(parts, ignore_index=True)
    without = [*([] if seeds else ["seed"]), *([] if weights else ["weight_ratio"])]
    return frame.drop(columns=without)


def in_order(p):
    """The same record, its entries fold by fold, as a frame is read."""
    return of_rows(p, np.argsort(p.fold, kind="stable"))


def numbers(record):
    """All numbers of a record, by where they stand; but not what a frame cannot tell."""
    if isinstance(record, dict):
        left_out = {"class_weight", "weight_ratio", "power", "outcome", "seeds_collapsed"}
        left_out |= {"text", "inverse"}
        pairs = [(name, part) for name, part in record.items() if name not in left_out]
    elif isinstance(record, list):
        pairs = list(enumerate(record))
    else:
        return {(): record}
    return {(name, *rest): v for name, part in pairs for rest, v in numbers(part).items()}


def assert_same_study(elsewhere, evidence):
    """Compare verdict, thresholds and scores with those of networks trained here."""
    here = dict.fromkeys(("network", "optimizer", "parameters"), "here")
    of_evidence = record_of(evidence, about_network=here)
    for part in ("settings", "verdict", "thresholds", "chosen"):
        mine, theirs = numbers(elsewhere.results[part]), numbers(of_evidence[part])
        assert mine.keys() == theirs.keys()
        for where, value in theirs.items():
            if isinstance(value, float):
                assert mine[where] == pytest.approx(value, rel=1e-4, abs=1e-6), (part, *where)
            else:
                assert mine[where] == value, (part, *where)


# the same study


@pytest.mark.parametrize("objective", [None, ow.Cost(fn=30, fp=1), ow.FBeta(1), ow.RocAuc()])
def test_a_study_s_predictions_are_the_same_study(objective):
    evidence, *_ = studied(world(603), objective=objective)
    found = ow.weigh_predictions(frame_of(evidence.predictions), objective=objective)
    assert_same_study(found, evidence)


def test_three_classes_are_the_same_study():
    evidence, *_ = studied(world(603, k=3), settings="none,balanced")
    found = ow.weigh_predictions(frame_of(evidence.predictions))
    assert_same_study(found, evidence)


def test_amounts_row_weights_and_units_are_the_same_study():
    rng = np.random.default_rng(0)
    table = world(603)
    roles = {"amount": rng.uniform(1, 50, 603), "row_weight": rng.integers(1, 4, 603) * 1.0}
    table = replace(table, group=rng.integers(0, 90, 603), **roles)
    evidence, *_ = studied(table, objective=ow.RowCost(fp=5), settings="none,balanced")
    found = ow.weigh_predictions(frame_of(evidence.predictions), objective=ow.RowCost(fp=5))
    assert_same_study(found, evidence)


def test_another_prevalence_is_the_same_study():
    there = Deployment(prevalence=0.02)
    evidence, *_ = studied(world(603), objective=ow.Cost(fn=30, fp=1), deployment=there)
    frame = frame_of(evidence.predictions)
    found = ow.weigh_predictions(frame, objective=ow.Cost(fn=30, fp=1), prevalence=0.02)
    assert_same_study(found, evidence)
    assert found.results["objective"]["prevalence"] == 0.02


# how the frame is written does not matter


def assert_same_record(one, two):
    """Compare two records but for rounding in float32, and the names of rows and units."""
    for name in ("fold", "y", "settings", "seeds", "classes", "outcome"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    for name in ("probability", "class_weight", "row_weight", "amount"):
        a, b = getattr(one, name), getattr(two, name)
        assert (a is None) == (b is None)
        assert a is None or a == pytest.approx(b, rel=1e-6, abs=1e-7), name
    same = np.equal.outer(one.unit, one.unit) == np.equal.outer(two.unit, two.unit)
    assert same.all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [2, 3])
def test_a_frame_of_any_kind_is_the_record_it_was_written_from(kind, k):
    rng = np.random.default_rng(0)
    more = {"row_weight": rng.uniform(1, 2, 100), "amount": rng.uniform(1, 2, 100)}
    p = in_order(noisy(0, k, n=100, unit=rng.integers(0, 9, 100), **more))
    if k == 2:  # only the ratio of the weights can be told
        p = replace(p, class_weight=p.class_weight / p.class_weight[..., :1])
    found = predictions_of(KINDS[kind](frame_of(p)), positive="b" if k == 2 else None)
    assert_same_record(found, p)
    assert found.n_training == 100


def test_the_order_of_the_frame_does_not_matter():
    p = noisy(1, n=200)
    frame = frame_of(p)
    shuffled = frame.groupby("setting", sort=False).sample(frac=1, random_state=0)
    one, two = (ow.weigh_predictions(f, positive="b") for f in (frame, shuffled))
    assert two.verdict.difference == pytest.approx(one.verdict.difference)
    assert two.verdict.interval == pytest.approx(one.verdict.interval)
    assert [r.setting for r in two.verdict.by_fold] == [r.setting for r in one.verdict.by_fold]
    assert two.results["settings"][0]["name"] == "none"  # the twin comes first


def test_the_twin_may_come_anywhere():
    p = noisy(1, n=100, n_settings=3)
    frame = frame_of(p)
    turned = pd.concat([frame[frame["setting"] == p.settings[s]] for s in (1, 2, 0)])
    assert predictions_of(turned, positive="b") == predictions_of(frame, positive="b")


def test_without_a_column_of_seeds_there_is_one():
    p = noisy(2, n=200, n_seeds=1)
    one = predictions_of(frame_of(p), positive="b")
    two = predictions_of(frame_of(p, seeds=False), positive="b")
    assert one == two
    assert two.seeds == (0,)


@pytest.mark.parametrize("name", ["row", "unit", "setting"])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_units_and_settings_may_have_names(kind, name):
    p = noisy(3, n=100, n_settings=2, n_seeds=1, unit=np.arange(100) // 3)
    frame = frame_of(p)
    named = frame.assign(**{name: "no " + frame[name].astype(str)})
    named["setting"] = named["setting"].replace("no none", "none")
    one, two = (predictions_of(KINDS[kind](f), positive="b") for f in (frame, named))
    expected = one if name != "setting" else replace(one, settings=("none", "no ratio:2"))
    assert two == expected


def test_the_verdict_is_about_class_weights_whatever_stands_beside_them():
    p = noisy(3)
    frame = frame_of(p)
    sampled = frame["setting"] == p.settings[-1]
    found = ow.weigh_predictions(frame.assign(kind=np.where(sampled, "sampling", "weights")))
    without = ow.weigh_predictions(frame[~sampled])
    assert found.verdict == without.verdict
    beside = found.results["settings"][-1]
    assert beside["kind"] == "sampling"
    assert beside["versus_none"]["cost"]["value"] is not None


def test_folds_and_seeds_may_have_any_whole_numbers():
    p = noisy(4, n=100)
    frame = frame_of(p)
    one = predictions_of(frame, positive="b")
    frame = frame.assign(fold=frame["fold"] * 7 + 3.0, seed=frame["seed"] - 40)
    two = predictions_of(frame, positive="b")
    assert two == replace(one, seeds=(-40, -39))


@pytest.mark.parametrize("labels", [(False, True), (0, 1), (0.0, 1.0), ("no", "yes")])
def test_classes_may_be_of_any_kind_and_the_rarer_one_is_positive(labels):
    p = noisy(5, n=100)
    frame = frame_of(p).assign(y=np.tile(np.array(labels)[p.y], 8))
    assert predictions_of(frame).classes == labels
    turned = predictions_of(frame, positive=labels[0])
    assert turned.classes == labels[::-1]
    assert np.array_equal(turned.y, 1 - predictions_of(frame).y)


def test_other_columns_are_no_matter():
    p = noisy(6, n=100)
    frame = frame_of(p)
    more = frame.assign(model="torch", when=pd.Timestamp("2026-01-01"), list=[[1]] * len(frame))
    assert predictions_of(more) == predictions_of(frame)


# weights are undone


@pytest.mark.parametrize("column", ["weight_ratio", "weight yes"])
def test_a_weight_that_is_told_is_undone(column):
    """A network that says everything: with its weight told it is the twin, and gains nothing."""
    weights = {"none": np.ones(2), "scale_pos_weight": np.array([1, 8.0])}
    p = in_order(saturated(*kinds(0), weights))
    p = replace(p, classes=("no", "yes"))
    frame = frame_of(p).rename(columns={"weight_ratio": column})
    found = ow.weigh_predictions(frame, positive="yes", objective=ow.Cost(fn=7.3, fp=1))
    assert found.predictions.averaged()[1] == pytest.approx(p.averaged()[0], rel=1e-5, abs=1e-7)
    assert found.verdict.difference == 0
    assert found.results["settings"][1]["weight_ratio"] == 8


def test_a_weight_that_is_not_told_is_not_undone_but_repaired():
    weights = {"none": np.ones(2), "scale_pos_weight": np.array([1, 8.0])}
    p = in_order(saturated(*kinds(0, n=2000), weights))
    found = ow.weigh_predictions(
        frame_of(p, weights=False), positive="b", objective=ow.Cost(fn=7.3, fp=1)
    )
    assert found.predictions.averaged()[1] == pytest.approx(p.probability[1, 0], abs=1e-6)
    weighted = found.results["settings"][1]
    assert weighted["weight_ratio"] == 1
    assert weighted["calibration"]["repair"] != "none"
    stages = weighted["calibration"]
    undone, repaired = (stages[name]["log_loss"]["value"] for name in ("undone", "repaired"))
    assert repaired < undone


# what a study of predictions is


def test_a_study_of_predictions_writes_a_report_and_a_folder_without_a_model(tmp_path):
    found = ow.weigh_predictions(frame_of(noisy(7, n=200)), positive="b")
    found.to_html(tmp_path / "report.html")
    assert "trained elsewhere" in (tmp_path / "report.html").read_text("utf-8")
    found.save(tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"report.html", "results.json", "predictions.parquet"} <= names
    assert "bundle" not in names
    assert ow.Predictions.load(tmp_path / "run" / "predictions.parquet") == found.predictions
    assert found.verdict.text in found._repr_html_()
    assert "roc" in found.figures
    assert found.verdict.code in repr(found)


@pytest.mark.parametrize("use", [lambda s: s.model, lambda s: s.predict_proba(np.ones((2, 2)))])
def test_there_is_no_model_to_predict_with(use):
    found = ow.weigh_predictions(frame_of(noisy(7, n=200)), positive="b")
    with pytest.raises(UsageError, match=r"^a model must have been trained here; .*'none'") as e:
        use(found)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("kind", "module"), [("pandas", "pandas"), ("polars", "polars"), ("pyarrow", "pyarrow")]
)
def test_the_scores_come_as_a_frame_of_the_same_kind(kind, module):
    frame = KINDS[kind](frame_of(noisy(7, n=200)))
    scores = ow.weigh_predictions(frame, positive="b").frame()
    assert type(scores).__module__.partition(".")[0] == module
    assert nw.from_native(scores)["name"].to_list()[0] == "none"


def test_the_frame_says_what_each_setting_gains_on_none():
    study = ow.weigh_predictions(frame_of(noisy(7, n=200)), positive="b")
    rows = study.frame().to_dict("records")
    for row, setting in zip(rows, study.results["settings"], strict=True):
        assert row["kind"] == "weights"
        for currency in ("cost", "ranking", "calibration"):
            found = [row[f"{currency}_gain{end}"] for end in ("", "_low", "_high")]
            if setting["name"] == "none":
                assert np.isnan(found).all()
            else:
                gain = setting["versus_none"][currency]
                assert found == [gain["value"], *gain["interval"]]


@pytest.mark.parametrize(
    ("k", "objective", "message"),
    [
        (2, ow.RowCost(fp=1), "need a column with what it costs"),
        (3, ow.FBeta(1), "needs two classes"),
        (3, ow.CostMatrix([[0, 1], [9, 0]], ("a", "b")), "must be for the classes"),
    ],
)
def test_an_objective_that_does_not_fit_is_refused(k, objective, message):
    with pytest.raises(UsageError, match=message):
        ow.weigh_predictions(frame_of(noisy(7, k, n=200)), objective=objective)


# mistakes


def first(frame, **values):
    """The same frame, its first row with other values."""
    frame = frame.copy()
    for name, value in values.items():
        column = frame[name].astype(object)
        column.iloc[0] = value
        frame[name] = column.infer_objects()
    return frame


PLAIN = frame_of(noisy(8, n=60, n_settings=2, row_weight=np.ones(60), amount=np.ones(60)))
THREE = frame_of(noisy(8, 3, n=60, n_settings=2))
MISTAKES = {
    "no setting": (PLAIN.drop(columns="setting"), "must have the columns .*'setting' is not"),
    "no row and fold": (PLAIN.drop(columns=["row", "fold"]), "'row', 'fold' is not there"),
    "no probability": (PLAIN.drop(columns="probability"), "must have the column 'probability'"),
    "no twin": (PLAIN.replace("none", "plain"), "one setting must be 'none'.*'plain'"),
    "one missing": (PLAIN[1:], "one prediction for each row and fold"),
    "one twice": (pd.concat([PLAIN, PLAIN[:1]]), "one prediction for each row and fold"),
    "one instead of another": (
        pd.concat([PLAIN[1:], PLAIN[-1:]]),
        "one prediction for each row and fold",
    ),
    "all twice": (pd.concat([PLAIN, PLAIN]), "one prediction for each row and fold"),
    "one at another seed": (
        first(PLAIN, seed=1),
        "one prediction for each row and fold",
    ),
    "one at another setting": (
        first(PLAIN, setting="ratio:2"),
        "one prediction for each row and fold",
    ),
    "a seed of one setting alone": (
        PLAIN.assign(seed=PLAIN["seed"] + (PLAIN["setting"] == "none")),
        "one prediction for each row and fold",
    ),
    "another fold": (first(PLAIN, fold=4 - PLAIN["fold"][0] // 4), "one prediction for each row"),
    "one fold": (PLAIN.assign(fold=0), "two folds or more"),
    "several folds": (
        pd.concat([PLAIN, PLAIN.assign(fold=PLAIN["fold"] + 5)]),
        "held out in one fold",
    ),
    "another class": (first(PLAIN, y={"a": "b", "b": "a"}[PLAIN["y"][0]]), "'y' of a row must"),
    "another amount": (first(PLAIN, amount=2.0), "'amount' of a row must be the same"),
    "another row weight": (first(PLAIN, row_weight=2.0), "'row_weight' of a row must be the same"),
    "another unit": (first(PLAIN, unit=2), "'unit' of a row must be the same"),
    "another weight": (
        PLAIN.assign(weight_ratio=np.where(PLAIN.index == len(PLAIN) - 1, 3.0, 2.0)),
        "the same weights in all of a fold",
    ),
    "a twin with weights": (PLAIN.assign(weight_ratio=2.0), "'none' must be trained without"),
    "no weight": (PLAIN.assign(weight_ratio=0.0), "weights must be finite and above 0"),
    "weight missing": (first(PLAIN, weight_ratio=np.nan), "weights must be finite and above 0"),
    "weight in words": (PLAIN.assign(weight_ratio="two"), "'weight_ratio' must hold numbers"),
    "above 1": (first(PLAIN, probability=1.5), "between 0 and 1"),
    "below 0": (first(PLAIN, probability=-0.1), "between 0 and 1"),
    "not said": (first(PLAIN, probability=np.nan), "between 0 and 1"),
    "in words": (PLAIN.assign(probability="likely"), "'probability' must hold numbers"),
    "of dates": (PLAIN.assign(probability=pd.Timestamp("2026-01-01")), "must hold numbers"),
    "half a fold": (first(PLAIN, fold=0.5), "'fold' must hold whole numbers"),
    "a fold too far": (first(PLAIN, fold=1e300), "'fold' must hold whole numbers"),
    "named folds": (PLAIN.assign(fold="first"), "'fold' must hold whole numbers"),
    "half a seed": (first(PLAIN, seed=0.5), "'seed' must hold whole numbers"),
    "no seed": (first(PLAIN, seed=np.nan), "'seed' must hold whole numbers"),
    "no row": (first(PLAIN, row=np.nan), "1 of 240 in 'row' are missing"),
    "no name": (first(PLAIN, setting=None), "1 of 240 in 'setting' are missing"),
    "no class": (first(PLAIN, y=None), "must have a label; 1 of 240"),
    "one class": (PLAIN.assign(y="a"), "two classes or more"),
    "as many of both": (PLAIN.assign(y=np.arange(240) % 2), "one class must be the rarer"),
    "amount below 0": (PLAIN.assign(amount=-1.0), "'amount' must be finite, none negative"),
    "row weight 0": (PLAIN.assign(row_weight=0), "'row_weight' must be finite"),
    "an unknown kind": (PLAIN.assign(kind="smote"), "'kind' must be one of.*came 'smote'"),
    "two kinds at once": (
        PLAIN.assign(kind=np.where(PLAIN.index % 2, "loss", "weights")),
        "the same for all of a setting",
    ),
    "empty": (PLAIN[:0], "predictions must have rows"),
    "no class c": (THREE.drop(columns="probability c"), "must have the column 'probability c'"),
    "not 1 in all": (THREE.assign(**{"probability c": 0.0}), "must sum to 1"),
    "a ratio of three": (THREE.assign(weight_ratio=2.0), "'weight_ratio' needs two classes"),
    "a list": ([1, 2, 3], "a frame must be pandas, polars or pyarrow"),
    "lazy": (pl.from_pandas(PLAIN).lazy(), "collect a lazy frame"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_in_one_line(mistake):
    frame, message = MISTAKES[mistake]
    with pytest.raises(TableError, match=message) as e:
        ow.weigh_predictions(frame)
    assert "\n" not in str(e.value)


def test_a_positive_class_that_is_none_is_refused():
    with pytest.raises(TableError, match="must be a label"):
        ow.weigh_predictions(PLAIN, positive="maybe")


# probabilities of 0 and 1, and the smallest studies


@pytest.mark.parametrize("objective", [None, ow.FBeta(1), ow.Matthews(), ow.AveragePrecision()])
def test_sure_and_constant_predictions_are_judged_without_a_warning(objective):
    frame = PLAIN.assign(probability=np.where(PLAIN["row"] % 3 == 0, 1.0, 0.0))
    found = ow.weigh_predictions(frame, objective=objective)
    assert (found.verdict.code, found.verdict.difference) in {
        ("no_detectable_gain", 0),
        ("too_few_positives", 0),
    }
    ow.weigh_predictions(PLAIN.assign(probability=1e-12), objective=objective)


def test_one_positive_and_the_twin_alone_are_a_study():
    frame = PLAIN[PLAIN["setting"] == "none"].assign(y=lambda f: f["row"] == 7)
    found = ow.weigh_predictions(frame)
    assert found.chosen == "none"
    assert found.verdict.difference is None
