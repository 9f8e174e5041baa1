"""Counts at thresholds: brute force, pencil, and the numbers that the record gives by itself."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outweigh._costs import Cost, CostMatrix, RowCost
from outweigh._counted import Alerts, FBeta
from outweigh._decisions import decide_all
from outweigh._deployment import Deployment
from outweigh._predictions import DIVERGED
from outweigh._rankings import AveragePrecision
from outweigh._repairs import NONE, REPAIRS
from outweigh._scored import at_half, decision_numbers
from outweigh._tallies import FEWEST, MOST, MOST_BY_SEED, tallies
from tests.records import noisy, of_rows, record, repeated

COST = Cost(fn=9, fp=1)
WORTH = ("expected_cost", "cost_share", "flagged_share", "recall", "precision")


def decided(predictions=None, objective=COST, *, factor=None, repairs=REPAIRS):
    predictions = noisy() if predictions is None else predictions
    return decide_all(predictions, objective, factor=factor, repairs=repairs)


def elsewhere(predictions, **world):
    """What a world is to a record's classes."""
    shares = np.bincount(predictions.y, minlength=2) / len(predictions.y)
    return Deployment(**world).factor(shares)


def knots(counts):
    return np.array([np.inf if t is None else t for t in counts["threshold"]])


def from_counts(counts, tp, fp, costs, prevalence=None):
    """Give the numbers of one point of the counts, by the formulas that a page uses."""
    (tn_cost, fp_cost), (fn_cost, tp_cost) = np.asarray(costs)[:, :2]
    positives, negatives, (f_0, f_1) = counts["positives"], counts["negatives"], counts["factor"]
    b = positives * f_1 / (positives * f_1 + negatives * f_0)
    b = b if prevalence is None else prevalence
    recall, alarm = tp / positives, fp / negatives
    flagged = b * recall + (1 - b) * alarm

    def cost(recall, alarm):
        positive = recall * tp_cost + (1 - recall) * fn_cost
        return 1000 * (b * positive + (1 - b) * (alarm * fp_cost + (1 - alarm) * tn_cost))

    found = cost(recall, alarm)
    return {
        "expected_cost": found,
        "cost_share": found / min(cost(0, 0), cost(1, 1)),
        "flagged_share": flagged,
        "recall": recall,
        "precision": b * recall / flagged if flagged else np.nan,
    }


def values(numbers):
    found = {name: numbers[name]["value"] for name in WORTH}
    return {name: np.nan if value is None else value for name, value in found.items()}


def with_weights(predictions, seed=0, whole=True):
    rng = np.random.default_rng(seed)
    n = len(predictions.y)
    weight = rng.integers(0, 4, n) if whole else rng.uniform(0, 3, n)
    return replace(predictions, row_weight=weight.astype(float))


# what is counted


@pytest.mark.parametrize("whole", [True, False, None])
def test_each_count_is_that_of_the_rows_flagged_from_the_knot_on(whole):
    p = noisy(n_seeds=3)
    p = p if whole is None else with_weights(p, whole=whole)
    d = decided(p)
    counts = tallies(d)
    weight = np.ones(len(p.y)) if p.row_weight is None else p.row_weight
    for s, name in enumerate(p.settings):
        for k, kind in ((1, "tp"), (0, "fp")):
            flagged = d.probability[s, :, 1] >= knots(counts)[:, None]
            brute = (flagged * weight * (p.y == k)).sum(axis=1)
            assert counts["settings"][name][kind] == pytest.approx(brute, rel=1e-11, abs=0)
            if whole is not False:
                assert counts["settings"][name][kind] == brute.tolist()


def test_two_rows_can_be_counted_with_a_pencil():
    low = np.array([0.25, 0.25, 0.625, 0.625])
    said = {"none": low, "a": np.array([0.25, 0.875, 0.25, 0.875])}
    p = record(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), said)
    counts = tallies(decided(p, Cost(fn=1, fp=1), repairs=(NONE,)))
    assert counts["threshold"] == [0, 0.25, 0.5, 0.625, 0.875, None]
    assert (counts["positives"], counts["negatives"], counts["factor"]) == (2, 2, [1, 1])
    assert counts["settings"]["none"]["tp"] == [2, 2, 1, 1, 0, 0]
    assert counts["settings"]["none"]["fp"] == [2, 2, 1, 1, 0, 0]
    assert counts["settings"]["a"]["tp"] == [2, 2, 2, 2, 2, 0]
    assert counts["settings"]["a"]["fp"] == [2, 2, 0, 0, 0, 0]
    assert counts["settings"]["a"]["at_half"] == {"tp": 2, "fp": 0}


@pytest.mark.parametrize("whole", [True, False])
def test_counts_fall_from_all_to_none(whole):
    counts = tallies(decided(with_weights(noisy(), whole=whole)))
    thresholds = knots(counts)
    assert (np.diff(thresholds) > 0).all()
    assert (thresholds[0], thresholds[-1]) == (0, np.inf)
    for one in counts["settings"].values():
        for kind, total in (("tp", "positives"), ("fp", "negatives")):
            assert (np.diff(one[kind]) <= 0).all()
            assert (one[kind][0], one[kind][-1]) == (counts[total], 0)


@pytest.mark.parametrize("factor", [None, (1.5, 0.2)])
def test_from_the_implied_threshold_on_what_is_counted_is_what_is_decided(factor):
    p = with_weights(noisy(seed=3))
    for objective in (COST, Cost(fn=30, fp=2, tp=-1, tn=0.5), Cost(fn=1, fp=3)):
        d = decided(p, objective, factor=None if factor is None else np.array(factor))
        counts = tallies(d)
        g = counts["threshold"].index(objective.implied.threshold)
        for s, name in enumerate(p.settings):
            for k, kind in ((1, "tp"), (0, "fp")):
                flagged = p.row_weight[(d.decided[s] == 1) & (p.y == k)].sum()
                assert counts["settings"][name][kind][g] == flagged


@pytest.mark.parametrize("world", [{}, {"prevalence": 0.02}, {"sampled_at": 0.1}])
@pytest.mark.parametrize("whole", [True, False, None])
def test_numbers_made_of_counts_are_those_of_the_record(world, whole):
    p = noisy(seed=5)
    p = p if whole is None else with_weights(p, whole=whole)
    d = decided(p, factor=elsewhere(p, **world))
    counts = tallies(d)
    for s, name in enumerate(p.settings):
        one = counts["settings"][name]
        for g in range(0, len(counts["threshold"]), 7):
            flagged = (d.probability[s, :, 1] >= knots(counts)[g]).astype(int)
            expected = decision_numbers(COST, d.cases, d.probability[s], flagged, "x")
            found = from_counts(counts, one["tp"][g], one["fp"][g], COST.matrix)
            assert found == pytest.approx(values(expected), rel=1e-9, nan_ok=True)
        half = from_counts(counts, one["at_half"]["tp"], one["at_half"]["fp"], COST.matrix)
        assert half == pytest.approx(values(at_half(d, s)), rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("prevalence", [0.01, 0.3])
def test_another_share_of_positives_moves_thresholds_as_the_formula_says(prevalence):
    """Counts of a study made for one world give the figures of a study made for another."""
    p = noisy(seed=7)
    here, there = (
        decided(p, factor=elsewhere(p, **world), repairs=(NONE,))
        for world in ({}, {"prevalence": prevalence})
    )
    counts = tallies(here)
    b = counts["positives"] / (counts["positives"] + counts["negatives"])
    k = prevalence / (1 - prevalence) / (b / (1 - b))
    odds = COST.implied.threshold / (1 - COST.implied.threshold) / k
    t = odds / (1 + odds)
    counts = tallies(here, [t])  # so that no row lies between the threshold and its knot
    g = int((knots(counts) >= t).argmax())
    for s, name in enumerate(p.settings):
        one = counts["settings"][name]
        found = from_counts(counts, one["tp"][g], one["fp"][g], COST.matrix, prevalence)
        expected = decision_numbers(COST, there.cases, there.probability[s], there.decided[s], "x")
        assert found == pytest.approx(values(expected), rel=1e-9, nan_ok=True)


def test_row_weight_2_is_the_row_twice():
    p = with_weights(noisy())
    rows = np.repeat(np.arange(len(p.y)), p.row_weight.astype(int))
    twice = replace(of_rows(p, rows), row_weight=None, unit=p.unit[rows])
    weighted, doubled = (tallies(decided(one, repairs=(NONE,))) for one in (p, twice))
    assert weighted["positives"] == doubled["positives"]
    same = sorted({*weighted["threshold"][:-1]} & {*doubled["threshold"][:-1]})
    assert len(same) > 100
    for name, one in weighted["settings"].items():
        for kind in ("tp", "fp"):
            for t in same:
                a, b = weighted["threshold"].index(t), doubled["threshold"].index(t)
                assert one[kind][a] == doubled["settings"][name][kind][b]


def test_a_row_of_weight_0_is_counted_nowhere():
    p = noisy()
    y, weight = np.append(p.y, 1), np.append(np.ones(len(p.y)), 0)
    rows = np.append(np.arange(len(p.y)), 0)
    without = tallies(decided(p, repairs=(NONE,)))
    ghost = replace(of_rows(p, rows), y=y, row=np.append(p.row, 999), row_weight=weight)
    ghost = tallies(decided(replace(ghost, unit=None), repairs=(NONE,)))
    assert (ghost["positives"], ghost["negatives"]) == (without["positives"], without["negatives"])


@pytest.mark.parametrize("k", [0, 1])
def test_a_class_that_weighs_nothing_leaves_nothing_to_count(k):
    p = noisy()
    assert tallies(decided(replace(p, row_weight=(p.y == k).astype(float)))) is None


def test_weights_that_no_whole_number_can_hold_are_floats():
    p = noisy()
    counts = tallies(decided(replace(p, row_weight=np.full(len(p.y), 1e18))))
    assert type(counts["positives"]) is float
    assert counts["positives"] == pytest.approx(1e18 * p.y.sum())


def test_whole_weights_give_whole_numbers_and_others_do_not():
    for whole, kind in ((True, int), (False, float), (None, int)):
        p = noisy() if whole is None else with_weights(noisy(), whole=whole)
        counts = tallies(decided(p))
        assert {type(n) for n in counts["settings"]["none"]["tp"]} == {kind}
        assert type(counts["positives"]) is kind


def test_the_entries_of_repetitions_are_counted_as_they_are():
    p = repeated(noisy(), 2)
    counts = tallies(decided(p))
    assert counts["positives"] == p.y.sum() == 2 * noisy().y.sum()


# the knots


@pytest.mark.parametrize(
    "objective",
    [
        COST,
        Cost(fn=3, fp=7, tuned=True),
        Cost(fn=9, fp=1, refer=0.5),
        CostMatrix([[0, 2], [5, -1]], classes=("a", "b")),
    ],
)
def test_the_thresholds_of_costs_and_of_settings_are_knots(objective):
    d = decided(objective=objective)
    (tn, fp), (fn, tp) = objective.matrix[:, :2].tolist()
    found = tallies(d, [0.123456789])["threshold"]
    chosen = [rule.threshold for rule in d.final_rules if rule.threshold is not None]
    implied = (fp - tn) / ((fp - tn) + (fn - tp))
    assert {0.0, 0.5, 0.123456789, implied, *chosen} <= {*found}


@pytest.mark.parametrize("objective", [FBeta(1), Alerts(20), AveragePrecision(), RowCost(2)])
def test_there_are_counts_whatever_two_classes_are_decided_for(objective):
    p = replace(noisy(), amount=np.full(400, 3.0))
    d = decided(p, objective, repairs=(NONE,))
    counts = tallies(d)
    assert {rule.threshold for rule in d.final_rules} - {None} <= {*counts["threshold"]}
    assert {0.0, 0.5} <= {*counts["threshold"]}


def test_other_knots_are_probabilities_that_came_with_six_digits():
    d = decided(repairs=(NONE,))
    fixed = {0.0, 0.5, COST.implied.threshold}
    others = [t for t in tallies(d)["threshold"][:-1] if t not in fixed]
    assert len(others) > 400
    said = np.unique(d.probability[..., 1])
    for t in others:
        assert float(f"{t:.6g}") == t
        above = said[said >= t].min()
        assert t <= above <= t * (1 + 1e-5)


def test_if_few_probabilities_came_each_can_be_cut_at():
    rng = np.random.default_rng(0)
    different = rng.random(60)
    said = {"none": rng.choice(different, 500), "a": rng.choice(different, 500)}
    p = record((np.arange(500) % 9 == 0).astype(int), np.arange(500) % 5, said)
    d = decided(p, repairs=(NONE,))
    flagged = tallies(d)["settings"]["a"]
    brute = {(d.probability[1, :, 1] >= t).sum() for t in [*np.unique(d.probability), 2]}
    assert {t + f for t, f in zip(flagged["tp"], flagged["fp"], strict=True)} == brute | {500}


def test_knots_are_dense_where_rows_are_and_among_the_largest():
    p = noisy(n=20_000, n_settings=4, n_seeds=1)
    counts = tallies(decided(p, repairs=(NONE,)))
    for one in counts["settings"].values():
        flagged = np.add(one["tp"], one["fp"]) / len(p.y)
        assert -np.diff(flagged).min() < 0.01  # from one knot to the next
        few = flagged[(flagged > 0) & (flagged < 0.01)]
        assert len(few) > 100  # alerts below 10 per 1,000
        recall = np.divide(one["tp"], counts["positives"])
        assert -np.diff(recall).min() < 0.02


@pytest.mark.parametrize(("n_settings", "n_seeds"), [(2, 1), (40, 2), (60, 5)])
def test_there_are_fewer_knots_where_there_are_more_settings(n_settings, n_seeds):
    p = noisy(n=2000, n_settings=n_settings, n_seeds=n_seeds)
    n = len(tallies(decided(p, repairs=(NONE,)))["threshold"])
    budget = 80_000 // (n_settings + min(n_settings, MOST_BY_SEED) * n_seeds)
    assert max(FEWEST, min(MOST, budget)) * 0.9 <= n <= max(FEWEST, min(MOST, budget))


# seeds


def test_each_seed_is_counted_as_it_stands_alone():
    p = noisy(n_seeds=3)
    d = decided(p, factor=np.array([1.2, 0.4]))
    counts = tallies(d)
    for s, name in enumerate(p.settings):
        seeds = counts["settings"][name]["by_seed"]
        for r in range(3):
            said = d.of_lane(np.full(5, s), r)[:, 1]
            half = p.probability[s, r, :, 1] > 0.5
            for k, kind in ((1, "tp"), (0, "fp")):
                brute = ((said >= knots(counts)[:, None]) & (p.y == k)).sum(axis=1)
                assert seeds[kind][r] == brute.tolist()
                assert seeds["at_half"][kind][r] == (half & (p.y == k)).sum()


def test_only_class_weights_are_counted_by_seed():
    p = replace(noisy(), kinds=("weights", "loss", "sampling", "reference"))
    counts = tallies(decided(p))
    assert [one["by_seed"] is None for one in counts["settings"].values()] == [0, 1, 1, 1]


def test_a_lane_that_diverged_breaks_nothing():
    p = noisy(n_seeds=2)
    outcome, said = p.outcome.copy(), p.probability.copy()
    outcome[1, 0], said[1, 0] = DIVERGED, np.nan
    outcome[2], said[2] = DIVERGED, np.nan
    d = decided(replace(p, outcome=outcome, probability=said))
    counts = tallies(d)
    json.dumps(counts, allow_nan=False)
    assert counts["settings"][p.settings[1]]["by_seed"]["at_half"]["tp"][0] == 0
    assert counts["settings"][p.settings[2]]["tp"][0] == p.y.sum()


# the edges


def test_of_more_than_two_classes_nothing_is_flagged():
    objective = CostMatrix(1 - np.eye(3), classes=("a", "b", "c"))
    assert tallies(decided(noisy(k=3), objective)) is None


edges = st.sampled_from([0.0, 1.0, 0.5, 0.1, 1e-300, 5e-324, 1 - 2**-24, 1e-7])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(edges, edges, st.booleans()), min_size=10, max_size=60))
def test_ties_certainties_and_single_positives_are_counted_as_they_are(rows):
    first, second, y = map(np.array, zip(*rows, strict=True))
    y = y.astype(int)
    y[0], y[1] = 1, 0
    p = record(y, np.arange(len(y)) % 5, {"none": first, "a": second})
    d = decided(p, repairs=(NONE,))
    counts = tallies(d)
    assert json.loads(json.dumps(counts, allow_nan=False)) == counts
    for s, name in enumerate(p.settings):
        for k, kind in ((1, "tp"), (0, "fp")):
            brute = ((d.probability[s, :, 1] >= knots(counts)[:, None]) & (y == k)).sum(axis=1)
            assert counts["settings"][name][kind] == brute.tolist()


def test_a_hundred_thousand_rows_take_no_time():
    p = noisy(n=100_000, n_settings=10, n_seeds=1)
    d = decided(p, repairs=(NONE,))
    start = time.process_time()
    tallies(d)
    assert time.process_time() - start < 3
