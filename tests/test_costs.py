"""Costs: what decisions cost row by row, the operating points that follow, and costs refused."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from outweigh._costs import Cost, CostMatrix, RowCost, by_default
from outweigh._cutoffs import sweep
from outweigh._errors import UsageError
from outweigh._operating import Cutoff, LeastRowCost, threshold

money = st.floats(-100, 100)  # below 0: a benefit
gap = st.floats(0.01, 1000)
P = [0.0, 0.1, 0.3, float(np.nextafter(0.3, 1)), 0.5, float(np.nextafter(1, 0)), 1.0]
THREE = [[0, 1, 4], [1, 0, 1], [4, 1, 0]]


@st.composite
def costs_of_two(draw, **options):
    """Costs of two classes, benefits among them."""
    tp, tn, miss, alarm = draw(st.tuples(money, money, gap, gap))
    return Cost(fn=tp + miss, fp=tn + alarm, tp=tp, tn=tn, **options)


@st.composite
def rows(draw, weights=(0.0, 0.5, 1.0, 3.0)):
    """Probabilities (N, 2) with ties, classes and row weights; some row counts."""
    cells = st.tuples(st.sampled_from(P), st.integers(0, 1), st.sampled_from(weights))
    p, y, weight = map(np.array, zip(*draw(st.lists(cells, min_size=1, max_size=12)), strict=True))
    assume(weight.any())
    return np.stack([1 - p, p], axis=-1), y, weight


def total(costs, table, rule):
    said, y, weight = table
    return costs.row_loss(y, rule.decide(said)) @ weight


def refused(made):
    """Give the message of a mistake, which is one line."""
    with pytest.raises(UsageError) as caught:
        made()
    message = str(caught.value)
    assert message.isprintable()
    assert ": " in message.split("; ", 1)[1]  # what must hold; what came: what to do
    assert caught.value.exit_code == 2
    return message


# what decisions cost


def test_each_decision_costs_what_its_cell_says():
    costs = Cost(fn=100, fp=3, tp=-5, tn=1, refer=7)
    y, decided = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 0, 1, 2])
    assert costs.matrix.tolist() == [[1, 3, 7], [100, -5, 7]]
    assert costs.row_loss(y, decided).tolist() == [1, 3, 7, 100, -5, 7]
    assert costs.stake(y).tolist() == [6, 6, 6, 105, 105, 105]


def test_each_decision_of_three_costs_what_its_cell_says():
    costs = CostMatrix(THREE, ("a", "b", "c"), refer=0.5)
    y, decided = np.repeat([0, 1, 2], 4), np.tile([0, 1, 2, 3], 3)
    assert costs.row_loss(y, decided).tolist() == [0, 1, 4, 0.5, 1, 0, 1, 0.5, 4, 1, 0, 0.5]
    assert costs.stake(np.array([0, 1, 2])).tolist() == [4, 1, 4]


@pytest.mark.parametrize(
    "costs",
    [Cost(fn=9, fp=1), CostMatrix(THREE, ("a", "b", "c"), refer=0.5), RowCost(fp=2)],
    ids=lambda c: type(c).__name__,
)
def test_decisions_cost_together_as_one_by_one(costs):
    rng = np.random.default_rng(0)
    y, decided, amount = rng.integers(0, 2, 6), rng.integers(0, 2, (3, 4, 6)), rng.uniform(0, 9, 6)
    together = costs.row_loss(y, decided, amount)
    assert together.shape == (3, 4, 6)
    for place in np.ndindex(3, 4):
        assert together[place].tolist() == costs.row_loss(y, decided[place], amount).tolist()


@given(costs_of_two())
def test_a_cost_matrix_of_two_classes_is_a_cost(cost):
    matrix = CostMatrix(cost.matrix, ("no", "yes"))
    assert matrix.matrix.tolist() == cost.matrix.tolist()
    assert matrix.implied.threshold == cost.implied.threshold
    assert matrix.text(("no", "yes")) == cost.text(("no", "yes"))


def test_costs_given_are_not_changed_from_outside():
    given_costs = np.array(THREE, dtype=float)
    costs = CostMatrix(given_costs, ("a", "b", "c"))
    given_costs[:] = 7
    assert costs.matrix.tolist() == THREE


# the operating point


@settings(deadline=None)
@given(costs_of_two(), arrays(float, 10, elements=st.floats(0, 1)))
def test_flagged_is_what_costs_less_flagged(cost, p):
    said = np.stack([1 - p, p], axis=-1)
    decided = cost.rule(said, np.zeros(10, int)).decide(said)
    for of_row, flagged in zip(p, decided, strict=True):
        flag = of_row * cost.tp + (1 - of_row) * cost.fp
        wait = of_row * cost.fn + (1 - of_row) * cost.tn
        if abs(flag - wait) > 1e-9 * max(abs(flag), abs(wait), 1):
            assert flagged == (flag < wait)


@given(costs_of_two(), rows())
def test_what_costs_imply_rests_on_no_row(cost, table):
    assert cost.rule(*table).as_record() == cost.implied.as_record()


@settings(deadline=None)
@given(costs_of_two(tuned=True), rows())
def test_a_tuned_threshold_is_the_cheapest_of_all_on_its_rows(cost, table):
    tuned = total(cost, table, cost.rule(*table))
    every = [total(cost, table, Cutoff(t)) for t in (*table[0][:, 1], np.inf)]
    tolerance = 1e-9 * np.abs(cost.matrix).max() * table[2].sum()
    assert tuned == pytest.approx(min(every), abs=tolerance)
    assert tuned <= total(cost, table, cost.implied) + tolerance


@settings(deadline=None, max_examples=50)
@given(rows(weights=(0.0, 1.0, 2.0)))
def test_tuned_weight_2_is_the_row_twice_and_weight_0_the_row_absent(table):
    said, y, weight = table
    times, cost = weight.astype(int), Cost(fn=9, fp=1, tuned=True)
    twice = cost.rule(np.repeat(said, times, axis=0), np.repeat(y, times))
    assert cost.rule(said, y, weight).threshold == twice.threshold


def test_a_tuned_threshold_is_the_middle_of_its_plateau():
    p, y = np.array([0.9, 0.8, 0.3, 0.2]), np.array([1, 1, 0, 0])
    said = np.stack([1 - p, p], axis=-1)
    assert Cost(fn=1, fp=1, tuned=True).rule(said, y).threshold == pytest.approx(0.55)
    assert len(sweep(p, y).thresholds) == 5


# costs per row


@settings(deadline=None)
@given(st.floats(0.1, 1000), gap, arrays(float, 20, elements=st.floats(0, 1)), st.data())
def test_where_all_amounts_are_equal_costs_per_row_are_two_costs(amount, fp, p, data):
    cost, of_rows, amounts = Cost(fn=amount, fp=fp), RowCost(fp), np.full(20, amount)
    y = np.array(data.draw(st.lists(st.integers(0, 1), min_size=20, max_size=20)))
    said = np.stack([1 - p, p], axis=-1)
    decided = of_rows.implied.decide(said, amounts)
    away = np.abs(p - cost.implied.threshold) > 1e-12  # ties are for rounding
    assert decided[away].tolist() == cost.implied.decide(said)[away].tolist()
    assert of_rows.row_loss(y, decided, amounts).tolist() == cost.row_loss(y, decided).tolist()
    assert of_rows.stake(y, amounts).tolist() == cost.stake(y).tolist()


def test_missing_a_row_costs_its_own_amount():
    y, decided = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    amount = np.array([10.0, 20.0, 30.0, 40.0])
    assert RowCost(fp=3).row_loss(y, decided, amount).tolist() == [0, 3, 30, 0]
    assert RowCost(fp=3).stake(y, amount).tolist() == [3, 3, 30, 40]
    assert RowCost(fp=3).matrix is None
    assert RowCost(fp=3).implied == LeastRowCost(3)


# by default


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_by_default_flagging_nobody_costs_what_flagging_everybody_does(n_0, n_1):
    counts = np.array([n_0, n_1])
    nobody, everybody = counts @ by_default(counts, ("no", "yes")).matrix
    assert nobody == pytest.approx(everybody)


@pytest.mark.parametrize("counts", [(970, 30), (30, 970), (1, 10**6), (5, 5)])
def test_by_default_the_threshold_is_the_prevalence(counts):
    costs = by_default(np.array(counts), ("no", "yes"))
    assert threshold(costs.matrix) == pytest.approx(counts[1] / sum(counts))


def test_by_default_three_classes_cost_in_inverse_proportion_to_their_rows():
    costs = by_default(np.array([60, 30, 10]), ("a", "b", "c"))
    assert costs.matrix.tolist() == [[0, 1, 1], [2, 0, 2], [6, 6, 0]]


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=5), st.data())
def test_relabelled_classes_relabel_the_costs_by_default(counts, data):
    order = data.draw(st.permutations(range(len(counts))))
    labels = tuple("abcde"[: len(counts)])
    costs = by_default(np.array(counts), labels).matrix
    assert by_default(np.array(counts)[order], labels).matrix.tolist() == (
        costs[np.ix_(order, order)].tolist()
    )


# texts


@pytest.mark.parametrize(
    ("costs", "text"),
    [
        (Cost(fn=30, fp=4), "one missed positive costs as much as 7.5 false alarms"),
        (Cost(fn=5, fp=1, tp=-5, tn=-1), "one missed positive costs as much as 5 false alarms"),
        (
            Cost(fn=9, fp=1, refer=0.5),
            "one missed positive costs as much as 9 false alarms; handing a case to a person costs "
            "0.5",
        ),
        (
            Cost(fn=9, fp=1, tuned=True),
            "one missed positive costs as much as 9 false alarms; the threshold is tuned on other "
            "folds",
        ),
        (
            CostMatrix([[0, 1e-20], [1e20, 0]], ("no", "yes")),
            "one missed positive costs as much as 1e+40 false alarms",
        ),
        (Cost(fn=1e300, fp=1e-300), "one missed positive costs as much as inf false alarms"),
        (Cost(fn=1, fp=1), "one missed positive costs as much as one false alarm"),
        (Cost(fn=12345, fp=1), "one missed positive costs as much as 12,345 false alarms"),
        (Cost(fn=0.001, fp=1), "one false alarm costs as much as 1,000 missed positives"),
        (Cost(fn=2, fp=3), "one false alarm costs as much as 1.5 missed positives"),
        (Cost(fn=1, fp=1.00001), "one false alarm costs as much as one missed positive"),
        (
            CostMatrix(THREE, "abc", refer=0.5),
            "each case is decided at least expected cost, by costs of 3 classes; handing a case to "
            "a person costs 0.5",
        ),
        (
            by_default(np.array([3, 2, 1]), "abc"),
            "a mistake costs in inverse proportion to the rows of the true class",
        ),
        (RowCost(fp=10), "missing a positive costs its own amount, a false alarm 10"),
    ],
)
def test_what_costs_mean_is_said_in_a_sentence(costs, text):
    classes = costs.classes if isinstance(costs, CostMatrix) else ("no", "yes")
    assert costs.text(classes) == text


# referrals


def test_a_referral_is_worth_it_up_to_the_cost_of_the_most_doubtful_case():
    doubtful = np.array([0.9, 0.1])  # at the threshold, where both decisions cost 0.9
    assert Cost(fn=9, fp=1, refer=0.89).implied.decide(doubtful) == 2
    assert Cost(fn=9, fp=1, refer=0.91).implied.decide(doubtful) == 1
    assert 9 * 1 / (9 + 1) == 0.9  # as the docstring has it


@pytest.mark.parametrize("refer", [0, -1, np.nan, np.inf, -np.inf])
def test_a_referral_as_cheap_as_a_right_decision_is_refused(refer):
    for made in (
        lambda: Cost(fn=9, fp=1, refer=refer),
        lambda: CostMatrix(THREE, "abc", refer=refer),
    ):
        assert "a referral must cost more than a right decision, 0" in refused(made)


@given(costs_of_two(), gap)
def test_a_referral_that_is_allowed_leaves_some_case_to_the_model(cost, dearer):
    refer = min(cost.tp, cost.tn) + dearer
    costs = Cost(fn=cost.fn, fp=cost.fp, tp=cost.tp, tn=cost.tn, refer=refer)
    assert costs.implied.decide(np.eye(2)).min() < 2
    refused(lambda: CostMatrix(cost.matrix, ("no", "yes"), refer=min(cost.tp, cost.tn)))


# mistakes

MISTAKES = {
    "a miss for nothing": (lambda: Cost(fn=0, fp=1), "c01 > c11); came fn=0, tp=0, fp=1, tn=0"),
    "a false alarm for nothing": (lambda: Cost(fn=1, fp=0), "raise fp"),
    "a miss that pays": (lambda: Cost(fn=-1, fp=1), "raise fn"),
    "a hit dearer than a miss": (lambda: Cost(fn=5, fp=1, tp=5), "raise fn"),
    "a pass dearer than an alarm": (lambda: Cost(fn=5, fp=1, tn=2), "raise fp"),
    "no number": (lambda: Cost(fn=np.nan, fp=1), "must be finite; came fn=nan"),
    "infinity": (lambda: Cost(fn=1, fp=np.inf), "must be finite; came fn=1, tp=0, fp=inf"),
    "an infinite benefit": (lambda: Cost(fn=1, fp=1, tp=-np.inf), "came fn=1, tp=-inf"),
    "a tuned referral": (lambda: Cost(fn=9, fp=1, refer=0.5, tuned=True), "leave one of them out"),
    "a matrix too small": (lambda: CostMatrix([[0, 1], [1, 0]], "abc"), "3 × 3, a row for each"),
    "a matrix too large": (lambda: CostMatrix(THREE, "ab"), "came 3 × 3"),
    "a row": (lambda: CostMatrix([0, 1], "ab"), "came 2: give one for each pair"),
    "one number": (lambda: CostMatrix(1, "ab"), "came one number"),
    "a ragged table": (lambda: CostMatrix([[0, 1], [1]], "ab"), "must be a table of numbers"),
    "words": (lambda: CostMatrix([["a", "b"], ["c", "d"]], "ab"), "must be a table of numbers"),
    "nothing": (lambda: CostMatrix(None, "ab"), "came one number"),
    "a gap": (lambda: CostMatrix([[0, 1], [np.nan, 0]], "ab"), "true class 'b' came nan, 0.0"),
    "a free class": (
        lambda: CostMatrix([[0, 1, 1], [0, 0, 0], [1, 1, 0]], np.array(["a", "b", "c"])),
        "for the true class 'b' came 0.0, 0.0, 0.0: raise the mistakes in its row",
    ),
    "a hostile class": (
        lambda: CostMatrix([[0, 1], [0, 0]], ("a", "b\n\x1b[31m" + "x" * 999)),
        "for the true class 'b\\n",
    ),
    "a row cost of nothing": (lambda: RowCost(fp=0), "finite and above 0; came fp=0"),
    "a row cost that pays": (lambda: RowCost(fp=-1), "finite and above 0"),
    "an infinite row cost": (lambda: RowCost(fp=np.inf), "finite and above 0; came fp=inf"),
    "no amounts": (
        lambda: RowCost(fp=1).check(("no", "yes"), has_amount=False),
        "--cost-column (amount= in Python)",
    ),
    "no amount of a loss": (
        lambda: RowCost(fp=1).row_loss(np.array([0]), np.array([0])),
        "give amount=",
    ),
    "no amount of a stake": (lambda: RowCost(fp=1).stake(np.array([0])), "give amount="),
    "row costs of three classes": (
        lambda: RowCost(fp=1).check("abc", has_amount=True),
        "needs two classes; there are 3",
    ),
    "two costs of three classes": (
        lambda: Cost(fn=9, fp=1).check("abc", has_amount=False),
        "needs two classes; there are 3",
    ),
    "other classes": (
        lambda: CostMatrix(THREE, "abc").check("abd", has_amount=False),
        "the classes 'a', 'b', 'd', in this order; came those for 'a', 'b', 'c'",
    ),
    "another order": (
        lambda: CostMatrix(THREE, "abc").check("acb", has_amount=False),
        "in this order",
    ),
    "fewer classes": (
        lambda: CostMatrix(THREE, "abc").check("ab", has_amount=False),
        "came those for 'a', 'b', 'c'",
    ),
    "very many classes": (
        lambda: CostMatrix(THREE, "abc").check(range(999), has_amount=False),
        "and 979 more",
    ),
}


@pytest.mark.parametrize(("made", "said"), MISTAKES.values(), ids=MISTAKES)
def test_what_makes_no_sense_is_refused_in_one_line(made, said):
    message = refused(made)
    assert said in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("own", "classes"),
    [
        (("a", "b", "c"), ("a", "b", "c")),
        ((0, 1, 2), ("0", "1", "2")),
        ((0, 1, 2), (0.0, 1.0, 2.0)),
        (np.array([0, 1, 2]), (0, 1, 2)),
        (np.array(["a", "b", "c"]), ("a", "b", "c")),
    ],
    ids=str,
)
def test_classes_may_be_said_as_they_are_or_as_text(own, classes):
    CostMatrix(THREE, own).check(classes, has_amount=False)
