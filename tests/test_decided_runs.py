"""Objectives, costs and worlds from the command line; scikit-learn confirms every number."""

import csv
import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.oracle import check
from tests.test_cli import command as command
from tests.test_cli import outweigh as outweigh

FAST = [
    "--settings",
    "balanced",
    "--folds",
    "3",
    "--seeds",
    "2",
    "--epochs",
    "6",
    "--patience",
    "0",
]
RUN = ["run", "t.csv", "--target", "sick", "--out", "r", *FAST]


@pytest.fixture(autouse=True)
def table(tmp_path):
    """Rows with an amount, and labels of two and of three kinds."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(420, 2))
    risk = x[:, 0] + rng.normal(size=420)
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "amount": rng.lognormal(3, 1, 420).round(2)})
    frame["sick"] = np.where(risk > 1.4, "yes", "no")
    frame["grade"] = np.select([risk > 1.4, risk > 0.3], ["bad", "fair"], "good")
    frame.to_csv(tmp_path / "t.csv", index=False)
    with (tmp_path / "costs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["true", "yes", "no"], ["yes", -1, 6], ["no", 2, 0]])
    with (tmp_path / "grades.csv").open("w", newline="") as file:
        rows = [["true", "good", "fair", "bad"], ["bad", 9, 3, 0], ["fair", 4, 0, 1]]
        csv.writer(file).writerows([*rows, ["good", 0, 1, 2]])
    return frame


def results_of(folder):
    return json.loads((folder / "r" / "results.json").read_text())


BINARY = ["--exclude", "grade"]
OPTIONS = {
    "costs by default": [],
    "two costs": ["--cost-fn", "5", "--cost-fp", "1"],
    "a tuned threshold": ["--cost-fn", "5", "--cost-fp", "1", "--tuned-threshold"],
    "a referral": ["--cost-fn", "5", "--cost-fp", "1", "--refer-cost", "0.4"],
    "a cost file with a benefit": ["--costs", "costs.csv"],
    "an amount for each row": ["--cost-column", "amount", "--cost-fp", "4"],
    "F1": ["--objective", "f1"],
    "the Matthews correlation": ["--objective", "mcc"],
    "balanced accuracy": ["--objective", "balanced-accuracy"],
    "a budget of alerts": ["--objective", "alerts:50"],
    "a floor of precision": ["--objective", "recall@precision>=0.4"],
    "a floor of recall": ["--objective", "precision@recall>=0.6"],
    "a ranking": ["--objective", "average-precision"],
    "another prevalence": ["--cost-fn", "5", "--cost-fp", "1", "--prevalence", "0.02"],
    "negatives thinned out": ["--sampled-at", "0.2", "--objective", "f1"],
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_scikit_learn_confirms_every_number(command, tmp_path, options):
    status, out, err = command(*RUN, *BINARY, *options)
    assert status == 0, err
    found = results_of(tmp_path)
    assert len(check(tmp_path / "r")) >= 2 * 5  # settings × numbers
    assert " ".join(found["verdict"]["text"].split()) in " ".join(out.split())
    assert found["objective"]["text"] in " ".join(out.split())


def test_a_cost_matrix_of_three_grades_is_confirmed_too(command, tmp_path):
    run = ["run", "t.csv", "--target", "grade", "--out", "r", "--exclude", "sick", *FAST]
    status, _, err = command(*run, "--costs", "grades.csv")
    assert status == 0, err
    found = results_of(tmp_path)
    assert list(found["data"]["classes"]) == ["bad", "fair", "good"]
    assert found["objective"]["matrix"] == [[0, 3, 9], [1, 0, 4], [2, 1, 0]]
    assert len(check(tmp_path / "r")) >= 2 * 5


def test_another_prevalence_trains_nothing_anew(command, tmp_path):
    """Same predictions; odds, threshold and figures of another world."""
    assert command(*RUN, *BINARY, "--cost-fn", "5", "--cost-fp", "1")[0] == 0
    here = pd.read_parquet(tmp_path / "r" / "predictions.parquet")
    (tmp_path / "r").rename(tmp_path / "here")
    assert (
        command(*RUN, *BINARY, "--cost-fn", "5", "--cost-fp", "1", "--prevalence", "0.02")[0] == 0
    )
    there = pd.read_parquet(tmp_path / "r" / "predictions.parquet")
    assert here.equals(there)
    before, after = (
        json.loads((tmp_path / name / "results.json").read_text()) for name in ("here", "r")
    )
    assert after["objective"]["threshold"] == before["objective"]["threshold"]
    assert (
        after["settings"][0]["flagged_share"]["value"]
        < before["settings"][0]["flagged_share"]["value"]
    )
    assert "2 %" in after["objective"]["world"] or "0.02" in after["objective"]["world"]


MISTAKES = {
    "a mistake that pays": (["--cost-fn", "-1", "--cost-fp", "1"], "c10 > c00 and c01 > c11"),
    "costs without a false alarm": (["--cost-fn", "5", "--cost-fp", "0"], "c10 > c00 and c01"),
    "one cost alone": (["--cost-fn", "5"], "must come with --cost-fp"),
    "a cost file of three classes": (["--costs", "grades.csv"], "labels of the classes"),
    "a cost file without labels": (["--costs", "bare.csv"], "a table with labels"),
    "a cost file of one row": (["--costs", "short.csv"], "--costs must"),
    "no cost file": (["--costs", "none.csv"], "--costs must name a CSV file"),
    "a ranking with a threshold": (["--objective", "roc-auc", "--tuned-threshold"], "ranks"),
    "a ranking with a referral": (["--objective", "roc-auc", "--refer-cost", "1"], "--refer-cost"),
    "no alerts": (["--objective", "alerts:0"], "above 0"),
    "an unknown objective": (["--objective", "accuracy"], "must be known"),
    "a floor above all": (["--objective", "recall@precision>=1.5"], "at most 1"),
    "two ways": (["--objective", "f1", "--cost-fn", "5", "--cost-fp", "1"], "said once"),
    "a prevalence of 0": (["--prevalence", "0"], "between 0 and 1"),
    "a prevalence of 1": (["--prevalence", "1"], "between 0 and 1"),
    "two prevalences": (["--prevalence", "0.1", "--sampled-at", "0.1"], "said once"),
    "a strange curve": (["--watch", "loss"], "--watch must be one of undone, raw, weighted"),
}


@pytest.mark.parametrize(("options", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_clear_line(command, tmp_path, options, says):
    (tmp_path / "bare.csv").write_text("0,1\n5,0\n")
    (tmp_path / "short.csv").write_text("true,yes,no\nyes,0,5\n")
    status, out, err = command(*RUN, *BINARY, *options)
    assert (status, out) == (2, ""), err
    (line,) = [line for line in err.splitlines() if line.startswith("outweigh: ")]
    assert says in line
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("option", [["--prevalence", "0.1"], ["--sampled-at", "0.1"]])
def test_more_than_two_classes_have_no_prevalence(command, option):
    run = ["run", "t.csv", "--target", "grade", "--out", "r", "--exclude", "sick", *FAST]
    status, _, err = command(*run, *option)
    assert status == 2
    assert "need two classes; there are 3" in err.splitlines()[-1]


def test_a_cost_column_that_is_not_there_is_named(command):
    status, _, err = command(*RUN, *BINARY, "--cost-column", "amuont", "--cost-fp", "1")
    assert status == 65
    assert "--cost-column must name a column of t.csv; 'amuont' is none" in err.splitlines()[-1]


# prediction


@pytest.fixture
def new(tmp_path, table):
    table.drop(columns=["sick", "grade"]).head(40).to_csv(tmp_path / "new.csv", index=False)


def predicted(command, *options):
    status, out, err = command("predict", "r", "new.csv", *options)
    assert status == 0, err
    return pd.read_csv(pd.io.common.StringIO(out)).sort_values("row").reset_index(drop=True)


def test_new_rows_are_decided_by_their_own_amounts(command, new, table):
    options = ["--cost-column", "amount", "--cost-fp", "4"]
    assert command(*RUN, *BINARY, *options)[0] == 0
    found = predicted(command)
    p, amount = found.probability, table.amount.head(40)
    flagged = p * amount >= (1 - p) * 4
    assert (found.decision == np.where(flagged, "yes", "no")).all()
    assert found["expected cost saved"].to_numpy() == pytest.approx(p * amount - (1 - p) * 4)


def test_new_rows_follow_prevalence_and_costs_without_training_again(command, new):
    assert command(*RUN, *BINARY, "--cost-fn", "5", "--cost-fp", "1")[0] == 0
    here = predicted(command)
    there = predicted(command, "--prevalence", "0.02")
    b = (pd.read_csv("t.csv").sick == "yes").mean()
    odds = here.probability / (1 - here.probability) * (0.02 / 0.98) * ((1 - b) / b)
    assert there.probability.to_numpy() == pytest.approx((odds / (1 + odds)).to_numpy())
    assert (there.decision == np.where(there.probability >= 1 / 6, "yes", "no")).all()
    dear = predicted(command, "--costs", "costs.csv")
    assert dear.probability.to_numpy() == pytest.approx(here.probability.to_numpy())
    assert (dear.decision == np.where(dear.probability >= 2 / 9, "yes", "no")).all()
    handed = predicted(command, "--cost-fn", "5", "--cost-fp", "1", "--refer-cost", "0.3")
    assert set(handed.decision) <= {"yes", "no", "refer to a person"}


def test_a_model_that_ranks_gives_probabilities_and_decides_only_at_costs(command, new):
    assert command(*RUN, *BINARY, "--objective", "roc-auc")[0] == 0
    assert list(predicted(command)) == ["row", "probability"]
    assert "decision" in predicted(command, "--cost-fn", "5", "--cost-fp", "1")


def test_a_threshold_that_was_chosen_decides_new_rows(command, new, tmp_path):
    assert command(*RUN, *BINARY, "--objective", "f1")[0] == 0
    found, cut = predicted(command), results_of(tmp_path)["chosen"]["threshold"]
    assert (found.decision == np.where(found.probability >= cut, "yes", "no")).all()
    assert "expected cost saved" not in found
