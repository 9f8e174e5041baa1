"""Cells of more than two classes: they keep rows, sums and, nearly, what decisions cost."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outweigh import _cells
from outweigh._cells import MOST, PARTS, cells, rounded
from outweigh._costs import CostMatrix
from outweigh._decisions import decide_all
from outweigh._repairs import NONE
from outweigh._scored import decision_numbers
from tests.records import noisy, of_rows, record

NAMES = ("none", "ratio:2", "none")


def decided(predictions, costs=None):
    k = len(predictions.classes)
    costs = 1 - np.eye(k) if costs is None else costs
    return decide_all(predictions, CostMatrix(costs, classes=predictions.classes))


def weighted(predictions, whole=True):
    rng = np.random.default_rng(0)
    n = len(predictions.y)
    weight = rng.integers(0, 4, n) if whole else rng.uniform(0, 3, n)
    return replace(predictions, row_weight=weight.astype(float))


def as_arrays(found, name):
    one = found["settings"][name]
    return np.array(one["cells"]), np.array(one["counts"])


def cost_of(found, name, costs):
    """Give the cost of 1,000 cases that are decided cell by cell."""
    cell, count = as_arrays(found, name)
    decision = (cell @ costs).argmin(axis=1)
    return 1000 * (count * costs.T[decision]).sum() / count.sum()


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("whole", [True, False, None])
def test_counts_sum_to_the_classes_and_cells_to_their_parts(k, whole):
    p = noisy(k=k)
    p = p if whole is None else weighted(p, whole)
    weight = np.ones(len(p.y)) if p.row_weight is None else p.row_weight
    found = cells(decided(p), NAMES)
    assert [*found["settings"]] == ["none", "ratio:2"]
    assert (found["basis"], found["factor"]) == ("cross-fitted", [1.0] * k)
    for name in found["settings"]:
        cell, count = as_arrays(found, name)
        assert (cell.sum(axis=1) == found["of"]).all()
        assert (cell >= 0).all()
        assert count.sum(axis=0) == pytest.approx(np.bincount(p.y, weight, minlength=k))
        assert (count.sum(axis=1) > 0).all()
        assert len(np.unique(cell, axis=0)) == len(cell)
        kind = float if whole is False else int
        assert {type(n) for row in found["settings"][name]["counts"] for n in row} == {kind}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=20))
def test_rounding_keeps_the_sum_and_moves_nothing_by_a_whole_part(rows):
    said = np.array(rows) + np.array([1e-9, 0, 0, 0])
    said /= said.sum(axis=1, keepdims=True)
    for parts in PARTS:
        found = rounded(said, parts)
        assert (found.sum(axis=1) == parts).all()
        assert (found >= 0).all()
        assert (np.abs(found - said * parts) < 1 + 1e-9).all()


def test_what_is_left_goes_to_the_largest_remainders():
    said = np.array([[0.25, 0.25, 0.5], [0.16, 0.68, 0.16], [1, 0, 0]])
    assert rounded(said, 10).tolist() == [[3, 2, 5], [2, 7, 1], [10, 0, 0]]


def test_probabilities_that_are_equal_are_one_cell():
    said = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])[np.arange(30) % 2]
    p = record(np.arange(30) % 3, np.arange(30) % 5, {"none": said[None]})
    found = cells(decide_all(p, decided(noisy(k=3)).objective, repairs=(NONE,)), ["none"])
    assert found["of"] == 1000
    assert found["settings"]["none"] == {
        "cells": [[200, 200, 600], [500, 300, 200]],
        "counts": [[5, 5, 5], [5, 5, 5]],
    }


def test_row_weight_2_is_the_row_twice():
    p = weighted(noisy(k=3))
    rows = np.repeat(np.arange(len(p.y)), p.row_weight.astype(int))
    twice = replace(of_rows(p, rows), row_weight=None, unit=p.unit[rows])
    objective = decided(p).objective
    both = (decide_all(one, objective, repairs=(NONE,)) for one in (p, twice))
    assert cells(next(both), NAMES) == cells(next(both), NAMES)


@pytest.mark.parametrize("k", [3, 5, 7])
def test_what_cells_cost_nears_what_rows_cost_as_they_are_finer(k, monkeypatch):
    rng = np.random.default_rng(k)
    costs = rng.uniform(1, 9, (k, k)) * (1 - np.eye(k))
    d = decided(noisy(k=min(k, 5), n=3000) if k < 6 else drawn(k), costs)
    exact = decision_numbers(d.objective, d.cases, d.probability[0], d.decided[0], "x")
    exact = exact["expected_cost"]["value"]
    for parts, tolerance in ((1000, 0.005), (100, 0.02), (20, 0.1), (10, 0.15)):
        monkeypatch.setattr(_cells, "PARTS", (parts,))
        assert cost_of(cells(d, ["none"]), "none", costs) == pytest.approx(exact, rel=tolerance)


def drawn(k, n=3000):
    """Rows of k classes and, of two settings, probabilities that are right."""
    rng = np.random.default_rng(0)
    said = rng.dirichlet([3, *[0.5] * (k - 1)], (2, 1, n))
    y = (rng.random((n, 1)) > said[0, 0].cumsum(axis=1)[:, :-1]).sum(axis=1)
    names = ("none", "ratio:2")
    return record(y, np.arange(n) % 5, dict(zip(names, said, strict=True)), classes=tuple(range(k)))


def test_the_parts_are_the_finest_that_leave_few_cells(monkeypatch):
    d = decided(drawn(3))
    monkeypatch.setattr(_cells, "MOST", 400)
    found = cells(d, NAMES)
    place = PARTS.index(found["of"])
    assert 0 < place < len(PARTS) - 1
    assert all(len(one["cells"]) <= 400 for one in found["settings"].values())
    finer = [len(np.unique(rounded(said, PARTS[place - 1]), axis=0)) for said in d.probability]
    assert max(finer) > 400


def test_cells_that_are_too_many_are_none(monkeypatch):
    monkeypatch.setattr(_cells, "MOST", 3)
    assert cells(decided(drawn(7)), ["none"]) is None


def test_seven_classes_and_many_rows_stay_within_the_cells():
    found = cells(decided(drawn(7, n=4000)), NAMES)
    assert all(len(one["cells"]) <= MOST for one in found["settings"].values())


def test_of_two_classes_there_are_no_cells():
    assert cells(decide_all(noisy(), CostMatrix(1 - np.eye(2), ("a", "b"))), ["none"]) is None
