"""Aim: titles are those that objectives have, read from their names in a record."""

import pytest

import outweigh as ow
from outweigh.report._aim import aim, bound, gained

OBJECTIVES = [
    ow.FBeta(1),
    ow.FBeta(0.5),
    ow.Alerts(12.5),
    ow.BalancedAccuracy(),
    ow.AveragePrecision(),
    ow.RocAuc(),
]
FLOORS = [ow.RecallAtPrecision(0.9), ow.PrecisionAtRecall(0.35)]


def record(objective):
    return {"objective": {"name": objective.name}}


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
def test_a_score_is_called_as_its_objective_calls_it(objective):
    assert aim(record(objective)) == objective.title
    assert gained(record(objective)) == f"{objective.title} gained, points"


@pytest.mark.parametrize("objective", FLOORS, ids=lambda objective: objective.name)
def test_a_floor_is_named_with_its_score_and_must_be_kept(objective):
    assert aim(record(objective)).startswith(f"{objective.title} at {100 * objective.floor:g} % ")
    assert bound(record(objective)) in objective.bound


def test_a_budget_must_be_kept_and_else_nothing():
    assert bound(record(ow.Alerts(10))) == "the budget"
    assert [bound(record(o)) for o in (ow.FBeta(2), ow.Matthews(), ow.Cost(fn=2, fp=1))] == [
        None
    ] * 3
    assert aim(record(ow.Matthews())) in ow.Matthews().title


def test_costs_are_saved_and_a_score_without_a_title_keeps_its_name():
    assert gained(record(ow.Cost(fn=2, fp=1))) == "cost saved, %"
    assert aim({"objective": {"name": "mine:3"}}) == "mine:3"
