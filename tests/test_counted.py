"""Scores of counts: scikit-learn's values, the best of all cut-offs, floors and budgets."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from outweigh._counted import (
    Alerts,
    BalancedAccuracy,
    FBeta,
    Matthews,
    PrecisionAtRecall,
    RecallAtPrecision,
)
from outweigh._errors import UsageError
from outweigh._wanted import parse_objective

OBJECTIVES = [
    FBeta(),
    FBeta(0.5),
    FBeta(2),
    RecallAtPrecision(0.6),
    RecallAtPrecision(1),
    PrecisionAtRecall(0.6),
    PrecisionAtRecall(1),
    Alerts(1),
    Alerts(300),
    Alerts(999),
    BalancedAccuracy(),
    Matthews(),
]
every_objective = pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: o.name)
P = [0.0, 5e-324, 0.1, 0.3, float(np.nextafter(0.3, 1)), 0.5, 0.7, float(np.nextafter(1, 0)), 1.0]


@st.composite
def rows(draw, weights=(0.0, 0.5, 1.0, 3.0)):
    """Probabilities (N, 2) full of ties, classes and row weights; some row counts."""
    cells = st.tuples(st.sampled_from(P), st.integers(0, 1), st.sampled_from(weights))
    table = draw(st.lists(cells, min_size=1, max_size=12))
    p, y, weight = map(np.array, zip(*table, strict=True))
    assume(weight.any())
    return np.stack([1 - p, p], axis=-1), y, weight


def counted(y, decided, weight):
    """Rows by true class and decision."""
    return np.bincount(2 * y + decided, weights=weight, minlength=4).reshape(2, 2)


def of_cut(objective, table, threshold):
    """What is to be as large as possible, at one cut-off."""
    said, y, weight = table
    return objective.value(counted(y, (said[:, 1] >= threshold).astype(int), weight))


# a budget is kept in a batch of which no class is known


@settings(deadline=None)
@given(rows(), st.sampled_from([1, 100, 300, 500, 900]))
def test_a_batch_flags_as_many_as_the_budget_has_room_for(table, per_1000):
    said, _, weight = table
    cut = Alerts(per_1000).of_batch(said, weight).threshold
    flagged = lambda threshold: weight[said[:, 1] >= threshold].sum() / weight.sum()
    assert flagged(cut) <= per_1000 / 1000 + 1e-9
    lower = [value for value in said[weight > 0, 1] if value < cut]
    assert not lower or flagged(max(lower)) > per_1000 / 1000 * (1 - 1e-9)


@every_objective
def test_no_other_objective_decides_a_batch_of_its_own(objective):
    batch = objective.of_batch(np.array([[0.4, 0.6], [0.9, 0.1]]), np.ones(2))
    assert (batch is None) == (not isinstance(objective, Alerts))


# the values


def known(objective, y, decided, weight):
    """Give the value as scikit-learn has it."""
    options = {"sample_weight": weight}
    if isinstance(objective, FBeta):
        return metrics.fbeta_score(y, decided, beta=objective.beta, zero_division=0, **options)
    if isinstance(objective, BalancedAccuracy):
        return metrics.balanced_accuracy_score(y, decided, **options)
    if isinstance(objective, Matthews):
        return metrics.matthews_corrcoef(y, decided, **options)
    if isinstance(objective, PrecisionAtRecall):
        return metrics.precision_score(y, decided, zero_division=0, **options)
    return metrics.recall_score(y, decided, zero_division=0, **options)


@every_objective
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_a_value_is_scikit_learns(objective, data):
    n = data.draw(st.integers(2, 12))
    bits = st.lists(st.integers(0, 1), min_size=n, max_size=n).map(np.array)
    y, decided = data.draw(bits), data.draw(bits)
    assume(0 < y.sum() < n)  # its balanced accuracy leaves a missing class out
    weight = data.draw(st.lists(st.floats(0.1, 9), min_size=n, max_size=n).map(np.array))
    expected = known(objective, y, decided, weight)
    assert objective.shown(counted(y, decided, weight)) == pytest.approx(expected, abs=1e-9)


def test_f1_is_scikit_learns():
    y, decided = np.array([0, 0, 0, 1, 1, 1, 1]), np.array([0, 1, 0, 1, 1, 0, 1])
    cells = counted(y, decided, np.ones(7))
    assert FBeta().shown(cells) == pytest.approx(metrics.f1_score(y, decided))


PENCIL = np.array([[80, 10], [5, 5]])
"""Precision 1/3, recall 1/2."""


@pytest.mark.parametrize(
    ("objective", "shown"),
    [
        (FBeta(), 2 / (3 + 2)),
        (FBeta(2), 5 / (3 + 4 * 2)),
        (RecallAtPrecision(0.9), 1 / 2),
        (PrecisionAtRecall(0.9), 1 / 3),
        (Alerts(10), 1 / 2),
        (BalancedAccuracy(), (1 / 2 + 8 / 9) / 2),
        (Matthews(), (5 * 80 - 10 * 5) / (15 * 10 * 90 * 85) ** 0.5),
    ],
    ids=lambda o: o.name if hasattr(o, "name") else "",
)
def test_values_that_can_be_checked_with_a_pencil(objective, shown):
    assert objective.shown(PENCIL) == pytest.approx(shown)


@every_objective
def test_scores_of_many_counts_are_those_of_each(objective):
    cells = np.random.default_rng(0).integers(0, 9, size=(3, 4, 2, 2)).astype(float)
    for score in (objective.shown, objective.value):
        together = score(cells)
        assert together.shape == (3, 4)
        for place in np.ndindex(3, 4):
            assert together[place] == score(cells[place])


@every_objective
@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0), (1, 1), None], ids=str)
def test_where_there_is_nothing_to_divide_by_a_score_is_a_number(objective, place):
    cells = np.zeros((2, 2))
    if place is not None:
        cells[place] = 7
    assert np.isfinite(objective.shown(cells))
    assert np.isfinite(objective.value(cells))


@pytest.mark.parametrize("factor", [1e-9, 1e9])
@every_objective
def test_scores_depend_on_shares_alone(objective, factor):
    assert objective.shown(PENCIL * factor) == pytest.approx(objective.shown(PENCIL))


# the cut-off


@every_objective
@settings(deadline=None, max_examples=20)
@given(table=rows())
def test_the_cut_off_is_the_best_of_all(objective, table):
    said, y, weight = table
    chosen = of_cut(objective, table, objective.rule(said, y, weight).threshold)
    best = max(of_cut(objective, table, t) for t in (*said[:, 1], np.inf))
    assert chosen == pytest.approx(best, abs=1e-12)


@every_objective
@settings(deadline=None, max_examples=20)
@given(table=rows(weights=(0.0, 1.0, 2.0)))
def test_weight_2_is_the_row_twice_and_weight_0_the_row_absent(objective, table):
    said, y, weight = table
    times = weight.astype(int)
    twice = objective.rule(np.repeat(said, times, axis=0), np.repeat(y, times))
    assert objective.rule(said, y, weight).threshold == twice.threshold


@every_objective
@settings(deadline=None, max_examples=20)
@given(table=rows(weights=(1.0, 2.0, 7.0)))
def test_row_weights_matter_by_their_ratios_alone(objective, table):
    said, y, weight = table
    tenth = objective.rule(said, y, weight / 10).threshold  # whose sums are rounded
    chosen = objective.rule(said, y, weight).threshold
    assert of_cut(objective, table, tenth) == pytest.approx(of_cut(objective, table, chosen))


ONE = np.linspace(0.05, 0.95, 10)
"""Ten rows, of which the seventh from above is the one positive."""


@pytest.mark.parametrize(
    ("objective", "n_flagged"),
    [
        (FBeta(), 7),
        (RecallAtPrecision(0.9), 7),  # out of reach: the best precision, 1/7
        (PrecisionAtRecall(0.9), 7),
        (BalancedAccuracy(), 7),
        (Matthews(), 7),
        (Alerts(700), 7),
        (Alerts(600), 3),  # none can be found: the middle of 0 to 6
    ],
    ids=lambda o: o.name if hasattr(o, "name") else "",
)
def test_one_positive_is_found_where_that_is_allowed(objective, n_flagged):
    y = (np.arange(10) == 3).astype(int)
    said = np.stack([1 - ONE, ONE], axis=-1)
    assert objective.rule(said, y).decide(said).sum() == n_flagged


@every_objective
def test_rows_of_one_probability_are_flagged_all_or_none(objective):
    said, y = np.full((6, 2), 0.5), np.array([0, 0, 0, 0, 1, 1])
    assert objective.rule(said, y).decide(said).sum() in (0, 6)


# floors and budgets


@settings(deadline=None)
@given(rows(), st.floats(1, 999))
def test_alerts_stay_within_their_budget_on_the_rows_that_they_were_chosen_on(table, per_1000):
    said, y, weight = table
    flagged = Alerts(per_1000).rule(said, y, weight).decide(said)
    assert np.average(flagged, weights=weight) <= per_1000 / 1000 + 1e-9


def test_a_budget_of_a_share_that_ties_cannot_fill_is_left():
    p = np.array([0.9, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    said, y = np.stack([1 - p, p], axis=-1), np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    assert Alerts(300).rule(said, y).decide(said).sum() == 1  # the next cut-off flags 4 of 10
    assert Alerts(400).rule(said, y).decide(said).sum() == 4


@pytest.mark.parametrize("weight", [1.0, 0.1, 0.7, 1 / 3])
@pytest.mark.parametrize(
    "objective", [RecallAtPrecision(0.9), RecallAtPrecision(0.9 + 1e-13)], ids=["0.9", "nearly"]
)
def test_a_floor_that_is_just_reached_is_reached(objective, weight):
    p, y = np.linspace(0.9, 0.1, 12), np.array([1] * 9 + [0] * 3)
    y[4], y[9] = 0, 1  # 9 of the first 10 are positive
    said = np.stack([1 - p, p], axis=-1)
    assert objective.rule(said, y, np.full(12, weight)).decide(said).sum() == 10


@settings(deadline=None)
@given(rows(), st.floats(0.01, 1))
def test_a_floor_of_recall_is_kept_wherever_there_is_a_positive(table, floor):
    said, y, weight = table
    assume(weight[y == 1].any())
    decided = PrecisionAtRecall(floor).rule(said, y, weight).decide(said)
    assert metrics.recall_score(y, decided, sample_weight=weight) >= floor - 1e-9


@settings(deadline=None)
@given(rows(), st.floats(0.01, 1))
def test_a_missed_floor_is_worth_less_than_any_that_is_reached(table, floor):
    said, y, weight = table
    precision, recall = PrecisionAtRecall(floor), RecallAtPrecision(floor)
    for t in (*said[:, 1], np.inf):
        cells = counted(y, (said[:, 1] >= t).astype(int), weight)
        for objective, held in ((recall, precision.shown(cells)), (precision, recall.shown(cells))):
            if abs(held - floor) > 1e-9:
                assert (objective.value(cells) >= 0) == (held > floor)


def test_of_missed_floors_the_nearer_one_is_worth_more():
    far, near = np.array([[90, 1], [9, 1]]), np.array([[90, 2], [4, 6]])  # recall 0.1 and 0.6
    assert PrecisionAtRecall(0.9).value(far) == pytest.approx(0.1 - 1)
    assert PrecisionAtRecall(0.9).value(near) == pytest.approx(0.6 - 1)
    assert RecallAtPrecision(0.9).value(far) == pytest.approx(0.5 - 1)
    assert RecallAtPrecision(0.9).value(near) == pytest.approx(0.75 - 1)


def test_of_exceeded_budgets_the_smaller_excess_is_worth_more():
    assert Alerts(10).value(np.array([[50, 40], [0, 10]])) == pytest.approx(-0.5)
    assert Alerts(10).value(np.array([[80, 10], [0, 10]])) == pytest.approx(-0.2)


# names and texts


@settings(deadline=None)
@given(st.floats(1e-6, 1))
def test_a_name_can_be_said_on_the_command_line(share):
    for objective in (
        FBeta(1000 * share),
        Alerts(999 * share),
        RecallAtPrecision(share),
        PrecisionAtRecall(share),
    ):
        assert parse_objective(objective.name) == objective


@every_objective
def test_every_name_means_its_objective(objective):
    assert parse_objective(objective.name) == objective


@pytest.mark.parametrize(
    ("objective", "name"),
    [
        (FBeta(1), "f1"),
        (FBeta(2), "fbeta:2"),
        (Alerts(10), "alerts:10"),
        (Alerts(2.5), "alerts:2.5"),
    ],
)
def test_names_are_short(objective, name):
    assert objective.name == name


def test_texts_say_what_is_asked_for():
    said = {
        o.name: o.text(("no", "yes")) for o in (FBeta(2), Alerts(2.5), RecallAtPrecision(0.995))
    }
    assert said == {
        "fbeta:2": "the largest F2 of class yes",
        "alerts:2.5": "as many positives as possible among 2.5 alerts per 1,000 cases",
        "recall@precision>=0.995": "the largest recall among cut-offs of at least 99.5 % precision",
    }


# mistakes


@pytest.mark.parametrize(
    ("made", "said"),
    [
        *[(lambda b=b: FBeta(b), "beta must be above 0") for b in (0, -1, 1e200, np.nan, np.inf)],
        *[
            (lambda f=f, kind=kind: kind(f), f"a floor of {of} must be above 0 and at most 1")
            for kind, of in ((RecallAtPrecision, "precision"), (PrecisionAtRecall, "recall"))
            for f in (0, -0.1, 1.01, 90, np.nan)
        ],
        *[
            (lambda n=n: Alerts(n), "above 0 and below 1000 of 1,000 cases")
            for n in (0, -1, 1000, np.nan, np.inf)
        ],
        *[(lambda o=o: o.check("abc", has_amount=False), "needs two classes") for o in OBJECTIVES],
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(made, said):
    with pytest.raises(UsageError) as caught:
        made()
    message = str(caught.value)
    assert said in message
    assert message.isprintable()
    assert caught.value.exit_code == 2
    assert ": " in message.split("; ", 1)[1]  # what came: what to do


@every_objective
def test_two_classes_are_enough(objective):
    objective.check(("no", "yes"), has_amount=False)
