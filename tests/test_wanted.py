"""What is wanted: each way of saying it, one way at a time, and one line for each mistake."""

from pathlib import Path

import numpy as np
import pytest

from outweigh._costs import Cost, CostMatrix, RowCost
from outweigh._counted import (
    Alerts,
    BalancedAccuracy,
    FBeta,
    Matthews,
    PrecisionAtRecall,
    RecallAtPrecision,
)
from outweigh._errors import UsageError
from outweigh._rankings import AveragePrecision, RocAuc
from outweigh._wanted import GRAMMAR, Wanted, parse_objective

TWO, THREE = ("no", "yes"), ("a", "b", "c")


@pytest.fixture
def of_two(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("true,no,yes\nno,-1,3\nyes,20,2\n")
    return path


@pytest.fixture
def of_three(tmp_path):
    path = tmp_path / "three.csv"
    path.write_text("true,a,b,c\na,0,1,4\nb,1,0,1\nc,4,1,0\n")
    return path


def refused(made):
    """Give the message of a mistake, which is one line."""
    with pytest.raises(UsageError) as caught:
        made()
    message = str(caught.value)
    assert message.isprintable()
    assert ": " in message.split("; ", 1)[1]  # what must hold; what came: what to do
    assert len(message) < 400
    assert caught.value.exit_code == 2
    return message


# ways of saying it


def test_where_nothing_is_said_there_is_nothing():
    for wanted in (Wanted(), Wanted(objective="cost")):
        assert wanted.resolved(TWO) is None
        assert wanted.resolved_costs(TWO) is None


def test_two_costs():
    wanted = Wanted(cost_fn=9, cost_fp=1)
    assert wanted.resolved(TWO) == wanted.resolved_costs(TWO) == Cost(fn=9, fp=1)


def test_costs_may_be_called_so():
    assert Wanted(objective="cost", cost_fn=9, cost_fp=1).resolved(TWO) == Cost(fn=9, fp=1)


def test_two_costs_and_a_referral_or_a_tuned_threshold():
    assert Wanted(cost_fn=9, cost_fp=1, refer_cost=0.5).resolved(TWO) == Cost(9, 1, refer=0.5)
    assert Wanted(cost_fn=9, cost_fp=1, tuned_threshold=True).resolved(TWO) == (
        Cost(9, 1, tuned=True)
    )


def test_costs_of_a_file(of_two, of_three):
    two, three = Wanted(costs=of_two).resolved(TWO), Wanted(costs=of_three).resolved(THREE)
    assert isinstance(two, CostMatrix)
    assert two.matrix.tolist() == [[-1, 3], [20, 2]]
    assert three.matrix.tolist() == [[0, 1, 4], [1, 0, 1], [4, 1, 0]]


def test_costs_of_a_file_and_a_referral(of_two, of_three):
    for path, classes in ((of_two, TWO), (of_three, THREE)):
        costs = Wanted(costs=path, refer_cost=0.5).resolved(classes)
        assert costs.matrix[:, -1].tolist() == [0.5] * len(classes)
        assert costs.matrix.shape == (len(classes), len(classes) + 1)


def test_a_threshold_is_tuned_for_two_classes_of_a_file(of_two):
    tuned = Wanted(costs=of_two, tuned_threshold=True).resolved(TWO)
    assert tuned == Cost(fn=20, fp=3, tp=2, tn=-1, tuned=True)
    assert tuned.matrix.tolist() == [[-1, 3], [20, 2]]


def test_costs_per_row():
    assert Wanted(cost_column="amount", cost_fp=3).resolved(TWO) == RowCost(fp=3)


def test_an_objective_by_its_name():
    wanted = Wanted(objective="fbeta:2")
    assert wanted.resolved(TWO) == FBeta(2)
    assert wanted.resolved_costs(TWO) is None


@pytest.mark.parametrize(
    ("text", "objective"),
    [
        ("cost", None),
        ("f1", FBeta(1)),
        ("fbeta:2", FBeta(2)),
        ("fbeta:0.5", FBeta(0.5)),
        ("recall@precision>=0.9", RecallAtPrecision(0.9)),
        ("precision@recall>=0.9", PrecisionAtRecall(0.9)),
        ("alerts:10", Alerts(10)),
        ("balanced-accuracy", BalancedAccuracy()),
        ("mcc", Matthews()),
        ("average-precision", AveragePrecision()),
        ("roc-auc", RocAuc()),
    ],
)
def test_names_mean_objectives(text, objective):
    assert parse_objective(text) == objective
    if objective is not None:
        assert objective.name == text


def test_all_that_messages_offer_can_be_said():
    offered = [parse_objective(text) for text in GRAMMAR.split(", ")]
    assert len(offered) == 10
    assert [o.name if o else "cost" for o in offered] == GRAMMAR.split(", ")


# mistakes

FILE = Path("costs.csv")  # which need not be there to be one way too many
MISTAKES = {
    "two costs and a file": (
        {"cost_fn": 9, "cost_fp": 1, "costs": FILE},
        "must be said once; came --costs and --cost-fn: leave",
    ),
    "two costs and a column": (
        {"cost_fn": 9, "cost_fp": 1, "cost_column": "amount"},
        "came --cost-column and --cost-fn",
    ),
    "a file and a column": (
        {"costs": FILE, "cost_column": "amount", "cost_fp": 1},
        "came --costs and --cost-column",
    ),
    "costs and F1": (
        {"cost_fn": 9, "cost_fp": 1, "objective": "f1"},
        "came --cost-fn and --objective f1",
    ),
    "a file and a ranking": (
        {"costs": FILE, "objective": "roc-auc"},
        "came --costs and --objective roc-auc",
    ),
    "everything": (
        {"cost_fn": 9, "cost_fp": 1, "cost_column": "a", "costs": FILE, "objective": "mcc"},
        "came --costs and --cost-column and --cost-fn and --objective mcc",
    ),
    "a line break": (
        {"cost_fn": 9, "cost_fp": 1, "objective": "fbeta:2\n"},
        "--objective fbeta:2",
    ),
    "a miss alone": ({"cost_fn": 9}, "--cost-fn must come with --cost-fp; it came alone: give"),
    "a column alone": ({"cost_column": "a"}, "--cost-column must come with --cost-fp; it came"),
    "a false alarm alone": (
        {"cost_fp": 1},
        "--cost-fp must come with --cost-fn or --cost-column; nothing came with it: give",
    ),
    "a false alarm and a file": (
        {"cost_fp": 1, "costs": FILE},
        "--costs came with it: leave --cost-fp out",
    ),
    "a false alarm and F1": (
        {"cost_fp": 1, "objective": "f1"},
        "--objective f1 came with it: leave --cost-fp out",
    ),
    "a referral without costs": (
        {"refer_cost": 1},
        "--refer-cost must come with costs; came none: give --cost-fn",
    ),
    "a referral by default": ({"refer_cost": 1, "objective": "cost"}, "came none"),
    "a referral and F1": ({"refer_cost": 1, "objective": "f1"}, "came --objective f1"),
    "a referral and a ranking": (
        {"refer_cost": 1, "objective": "roc-auc"},
        "--refer-cost must come with costs; came --objective roc-auc",
    ),
    "a referral and a column": (
        {"refer_cost": 1, "cost_column": "a", "cost_fp": 1},
        "costs that are the same for all rows; came --cost-column: leave --refer-cost out",
    ),
    "a tuned threshold without costs": (
        {"tuned_threshold": True},
        "--tuned-threshold must come with costs; came none",
    ),
    "a tuned threshold and F1": (
        {"tuned_threshold": True, "objective": "f1"},
        "--tuned-threshold must come with costs; came --objective f1",
    ),
    "a tuned threshold and ROC AUC": (
        {"tuned_threshold": True, "objective": "roc-auc"},
        "an objective must decide to have a threshold; roc-auc ranks: leave --tuned-threshold out",
    ),
    "a tuned threshold and a column": (
        {"tuned_threshold": True, "cost_column": "a", "cost_fp": 1},
        "came --cost-column: leave --tuned-threshold out",
    ),
    "a tuned threshold and a referral": (
        {"tuned_threshold": True, "refer_cost": 0.5, "cost_fn": 9, "cost_fp": 1},
        "came --tuned-threshold and --refer-cost: leave one of them out",
    ),
    "a tuned threshold and a referral of a file": (
        {"tuned_threshold": True, "refer_cost": 0.5, "costs": FILE},
        "came --tuned-threshold and --refer-cost",
    ),
    "a miss for nothing": ({"cost_fn": 0, "cost_fp": 1}, "came fn=0, tp=0, fp=1, tn=0"),
    "a miss that is no number": ({"cost_fn": np.nan, "cost_fp": 1}, "costs must be finite"),
    "an infinite false alarm": ({"cost_fn": 9, "cost_fp": np.inf}, "costs must be finite"),
    "a false alarm that pays": ({"cost_column": "a", "cost_fp": -1}, "above 0; came fp=-1"),
    "a referral for nothing": (
        {"cost_fn": 9, "cost_fp": 1, "refer_cost": 0},
        "a referral must cost more than a right decision",
    ),
    "an unknown objective": ({"objective": "f2"}, "must be known; came 'f2': choose from cost, f1"),
}


@pytest.mark.parametrize(("options", "said"), MISTAKES.values(), ids=MISTAKES)
def test_options_that_make_no_sense_are_refused_before_any_work(options, said):
    assert said in refused(lambda: Wanted(**options))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be known; came ''"),
        ("F1", "must be known; came 'F1'"),
        ("f1 ", "must be known"),
        ("recall@precision>0.9", "must be known"),
        ("accuracy", "must be known"),
        ("x" * 9999, "must be known; came 'xxx"),
        ("\x1b[31m\n\u2028", r"came '\x1b[31m\n\u2028'"),
        ("fbeta:", "must end in one; came 'fbeta:'"),
        ("fbeta:two", "must end in one; came 'fbeta:two'"),
        ("alerts:10 of 1000", "must end in one"),
        ("alerts:\x1b\n" + "x" * 9999, r"came 'alerts:\x1b\nxxx"),
        ("fbeta:0", "beta must be above 0 and at most 1000; came 0"),
        ("fbeta:-1", "beta must be above 0"),
        ("fbeta:nan", "came nan"),
        ("fbeta:1e200", "came 1e+200"),
        ("alerts:0", "a budget of alerts must be above 0 and below 1000 of 1,000 cases; came 0"),
        ("alerts:1000", "came 1000"),
        ("alerts:nan", "came nan"),
        ("recall@precision>=0", "a floor of precision must be above 0 and at most 1; came 0"),
        ("recall@precision>=90", "came 90: write 0.9 for 90 %"),
        ("precision@recall>=0", "a floor of recall must be above 0 and at most 1; came 0"),
        ("precision@recall>=1.1", "came 1.1"),
        ("precision@recall>=nan", "came nan"),
    ],
)
def test_objectives_that_make_no_sense_are_refused_in_one_line(text, said):
    for made in (lambda: parse_objective(text), lambda: Wanted(objective=text)):
        assert said in refused(made)


def test_a_file_of_three_classes_has_no_threshold_to_tune(of_three):
    wanted = Wanted(costs=of_three, tuned_threshold=True)
    assert "needs two classes" in refused(lambda: wanted.resolved(THREE))


def test_a_file_must_be_there_and_for_these_classes(of_two, tmp_path):
    missing = Wanted(costs=tmp_path / "missing.csv")
    assert "must name a CSV file" in refused(lambda: missing.resolved(TWO))
    assert "as its columns, 'a', 'b', 'c'; 'two.csv' has 'no'" in refused(
        lambda: Wanted(costs=of_two).resolved(THREE)
    )


def test_a_referral_must_cost_more_than_the_right_decisions_of_a_file(of_two):
    assert Wanted(costs=of_two, refer_cost=0).resolved(TWO).refer == 0  # a right pass earns 1
    wanted = Wanted(costs=of_two, refer_cost=-1)
    assert "more than a right decision, -1" in refused(lambda: wanted.resolved(TWO))
