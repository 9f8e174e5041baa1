"""The difference of a verdict: against scikit-learn, by hand, and what it must not depend on."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from outweigh._compare import NO_GAIN, judge
from outweigh._costs import Cost, CostMatrix, RowCost, by_default
from outweigh._counted import (
    Alerts,
    BalancedAccuracy,
    FBeta,
    Matthews,
    PrecisionAtRecall,
    RecallAtPrecision,
)
from outweigh._decisions import decide_all
from outweigh._difference import _slopes, compare
from outweigh._rankings import AveragePrecision, RocAuc
from outweigh._repairs import NONE
from outweigh._scores import confusion
from tests.records import (
    COSTS,
    EVERYBODY,
    FOLD,
    TWO_MISSED,
    N,
    Y,
    around,
    noisy,
    of_repeat,
    of_rows,
    record,
    relabelled,
    repeated,
    weighed,
)

NO_INTERVAL = lambda paired: None
COUNTED = (FBeta(1), FBeta(2), BalancedAccuracy(), Matthews(), Alerts(100), RecallAtPrecision(0.5))
OBJECTIVES = (COSTS, RowCost(fp=1), *COUNTED, AveragePrecision(), RocAuc())
name = lambda objective: objective.name


def facts(verdict):
    """What must stay the same, names first and then numbers."""
    words = (verdict.code, verdict.chosen, verdict.best, [r.setting for r in verdict.by_fold])
    folds = [(r.weighted, r.twin) for r in verdict.by_fold]
    return words, [verdict.difference, *verdict.by_seed, *np.ravel(folds)]


def assert_same(verdict, other, *, difference_only=False):
    words, numbers = facts(verdict)
    other_words, other_numbers = facts(other)
    assert other_words == words
    n = 1 + len(verdict.by_seed) if difference_only else len(numbers)
    assert other_numbers[:n] == pytest.approx(numbers[:n], rel=1e-9, abs=1e-9, nan_ok=True)


# what the difference is, against scikit-learn


def parts_of(verdict, found):
    """What the settings picked and the twin say (2, N, K) and decide (2, N), and the class."""
    p = found.predictions
    picked = np.array([p.settings.index(r.setting) for r in verdict.by_fold])[p.fold]
    entries = np.arange(len(p.y))
    said = np.stack([found.probability[picked, entries], found.probability[0]])
    of_fold = np.array([p.settings.index(r.setting) for r in verdict.by_fold])
    return said, np.stack([found.decide(of_fold, said[0]), found.decided[0]]), p


@pytest.mark.parametrize("weight", [None, np.random.default_rng(0).integers(0, 4, 400)])
@pytest.mark.parametrize(
    ("objective", "score"),
    [
        (FBeta(1), metrics.f1_score),
        (FBeta(2), lambda y, d, **how: metrics.fbeta_score(y, d, beta=2, **how)),
        (BalancedAccuracy(), metrics.balanced_accuracy_score),
        (Matthews(), metrics.matthews_corrcoef),
        (RecallAtPrecision(0.4), metrics.recall_score),
        (PrecisionAtRecall(0.4), metrics.precision_score),
    ],
    ids=lambda o: getattr(o, "name", ""),
)
def test_points_are_hundredths_of_scikit_learn_s_scores(objective, score, weight):
    found = decide_all(noisy(1, row_weight=weight), objective)
    verdict = judge(found)
    _, decided, p = parts_of(verdict, found)
    mine, twin = (score(p.y, d, sample_weight=p.row_weight) for d in decided)
    assert verdict.difference == pytest.approx(100 * (mine - twin))
    assert verdict.unit == "points"
    for f, result in enumerate(verdict.by_fold):
        there = p.fold == f
        weights = None if weight is None else weight[there]
        each = [score(p.y[there], d[there], sample_weight=weights) for d in decided]
        assert [result.weighted, result.twin] == pytest.approx(each)


@pytest.mark.parametrize("weight", [None, np.random.default_rng(0).integers(0, 4, 400)])
@pytest.mark.parametrize(
    ("objective", "score"),
    [
        (AveragePrecision(), metrics.average_precision_score),
        (RocAuc(), metrics.roc_auc_score),
    ],
)
def test_rankings_are_compared_by_the_mean_over_the_folds(objective, score, weight):
    found = decide_all(noisy(2, row_weight=weight), objective)
    verdict = judge(found)
    said, _, p = parts_of(verdict, found)
    counts = np.ones(400) if weight is None else weight
    folds = [p.fold == f for f in range(5)]
    each = np.array(
        [[score(p.y[f], s[f, 1], sample_weight=counts[f]) for s in said] for f in folds]
    )
    gained = 100 * (each[:, 0] - each[:, 1])
    assert verdict.difference == pytest.approx(gained.mean())
    half = stats.t.ppf(0.975, 4) * stats.sem(gained)
    assert verdict.interval == pytest.approx((gained.mean() - half, gained.mean() + half))
    by_fold = np.array([(r.weighted, r.twin) for r in verdict.by_fold])
    assert by_fold == pytest.approx(each, abs=1e-12)


def test_folds_with_nothing_to_rank_are_left_out():
    y = np.where(FOLD == 2, 0, Y)
    p = np.random.default_rng(0).random((2, N))
    verdict = weighed(record(y, FOLD, {"none": p[0], "b": p[1]}), RocAuc())
    folds = [f == FOLD for f in (0, 1, 3, 4)]
    each = [[metrics.roc_auc_score(y[there], s[there]) for s in p] for there in folds]
    gained = np.diff(each, axis=1)
    assert verdict.difference == pytest.approx(100 * gained.mean(), rel=1e-5)
    assert np.isnan(verdict.by_fold[2].weighted)


def test_where_no_fold_has_anything_to_rank_there_is_nothing_to_compare():
    y = (FOLD == 4).astype(int)
    verdict = weighed(record(y, FOLD, {"none": EVERYBODY, "a": TWO_MISSED}), RocAuc())
    assert (verdict.code, verdict.difference, verdict.interval) == (NO_GAIN, None, None)
    assert "nothing to tell them apart by" in verdict.text


@pytest.mark.parametrize("objective", [COSTS, RowCost(fp=1.5)], ids=["cost", "row-cost"])
def test_costs_are_compared_in_percent_of_the_twin_s(objective):
    rng = np.random.default_rng(0)
    weight, amount = rng.integers(0, 4, 400), rng.uniform(1, 20, 400)
    found = decide_all(noisy(3, row_weight=weight, amount=amount), objective)
    verdict = judge(found)
    _, decided, p = parts_of(verdict, found)
    missed = amount if isinstance(objective, RowCost) else 9.0
    alarm = 1.5 if isinstance(objective, RowCost) else 1.0
    mine, twin = (
        weight * ((p.y == 1) & (d == 0)) * missed + weight * ((p.y == 0) & (d == 1)) * alarm
        for d in decided
    )
    assert verdict.difference == pytest.approx(100 * (1 - mine.sum() / twin.sum()))
    for f, result in enumerate(verdict.by_fold):
        there = p.fold == f
        each = [loss[there].sum() / weight[there].sum() for loss in (mine, twin)]
        assert [result.weighted, result.twin] == pytest.approx(each)


def test_a_fold_whose_rows_count_nothing_has_no_cost():
    weight = np.where(FOLD == 1, 0.0, 1.0)
    p = record(Y, FOLD, {"none": EVERYBODY, "a": TWO_MISSED}, row_weight=weight)
    verdict = weighed(p)
    assert verdict.difference == pytest.approx(90)
    assert [np.isnan(r.twin) for r in verdict.by_fold] == [False, True, False, False, False]


# what the interval is made of


def handed_to_method(found):
    """What a method is given to make the interval of."""
    given = []
    judge(found, method=lambda paired: given.append(paired))
    return given[0]


def test_a_method_is_given_the_losses_of_both_and_of_all_that_was_tried():
    rng = np.random.default_rng(0)
    weight, unit = rng.integers(0, 4, 400), rng.integers(0, 90, 400)
    found = decide_all(noisy(4, row_weight=weight, unit=unit), COSTS, factor=np.array([2, 0.5]))
    paired, p = handed_to_method(found), found.predictions
    counts = weight * np.array([2, 0.5])[p.y]
    loss = np.where(found.decided == p.y, 0, np.where(p.y == 1, 9, 1)) * counts
    assert np.array_equal(paired.twin, loss[0])
    assert np.array_equal(paired.tried, loss[1:])
    assert np.array_equal(paired.stake, np.where(p.y == 1, 9, 1) * counts)
    assert np.array_equal(paired.unit, unit)
    assert np.array_equal(paired.fold, p.fold)
    picked = [p.settings.index(r.setting) for r in judge(found).by_fold]
    assert np.array_equal(paired.other, loss[np.array(picked)[p.fold], np.arange(400)])


@pytest.mark.parametrize("objective", COUNTED, ids=name)
def test_the_losses_of_a_score_of_counts_are_percents_that_are_points(objective):
    """They sum to 1 for the twin; that of one entry moves as the score does with its weight."""
    weight = np.random.default_rng(5).integers(1, 4, 400).astype(float)
    p = noisy(5, row_weight=weight)
    found = decide_all(p, objective)
    paired = handed_to_method(found)
    assert paired.twin.sum() == pytest.approx(1)
    verdict = judge(found)
    _, decided, _ = parts_of(verdict, found)
    for i in range(0, 400, 37):
        moved = []
        for more in (1e-3, -1e-3):
            changed = weight.copy()
            changed[i] *= 1 + more
            cells = np.stack([confusion(p.y, d, 2, changed) for d in decided])
            moved.append(np.subtract(*objective.shown(cells)))
        gained = (moved[0] - moved[1]) / 2e-3
        assert paired.twin[i] - paired.other[i] == pytest.approx(gained, rel=1e-4, abs=1e-9)


def test_at_stake_is_what_flagging_an_entry_or_not_may_add_to_a_score():
    """F1 = 2 TP / (2 TP + FN + FP), its slopes by hand; the larger of the two of both sides."""
    weight = np.random.default_rng(6).integers(1, 4, 400).astype(float)
    found = decide_all(noisy(6, row_weight=weight), FBeta(1))
    paired, verdict = handed_to_method(found), judge(found)
    _, decided, p = parts_of(verdict, found)
    most = np.zeros(2)
    for d in decided:
        (_, fp), (fn, tp) = confusion(p.y, d, 2, weight)
        whole = 2 * tp + fn + fp
        slopes = -2 * tp / whole**2, (2 * (fn + fp) + 2 * tp) / whole**2
        most = np.maximum(most, np.abs(slopes))
    assert paired.stake == pytest.approx(most[p.y] * weight, rel=1e-4)


CELLS = st.floats(1, 1e6)
SMOOTH = (*COUNTED, PrecisionAtRecall(0.5))


@settings(deadline=None)
@given(st.tuples(CELLS, CELLS, CELLS, CELLS), st.sampled_from(SMOOTH), st.floats(1e-3, 1e3))
def test_slopes_are_differences_of_the_score_as_one_cell_grows(cells, objective, scale):
    cells = scale * np.reshape(cells, (2, 2))
    slopes = _slopes(objective, cells)
    for i, j in np.ndindex(2, 2):
        step = np.zeros((2, 2))
        step[i, j] = 1e-5 * cells[i, j]
        brute = (objective.shown(cells + step) - objective.shown(cells - step)) / (
            2e-5 * cells[i, j]
        )
        assert slopes[i, j] * cells[i, j] == pytest.approx(brute * cells[i, j], rel=1e-5, abs=1e-9)


def test_slopes_are_right_where_few_are_found_among_a_million():
    """F1 = 2 TP / (2 TP + FN + FP): its slope along TP is 2 (FN + FP) / (2 TP + FN + FP)²."""
    cells = np.array([[999_800.0, 50], [100, 50]])
    slopes = _slopes(FBeta(1), cells)
    assert slopes[1, 1] == pytest.approx(2 * 150 / 250**2, rel=1e-6)
    assert [slopes[0, 1], slopes[1, 0]] == pytest.approx([-2 * 50 / 250**2] * 2, rel=1e-6)
    assert slopes[0, 0] == 0
    nobody = _slopes(FBeta(1), np.array([[999_800.0, 50], [150, 0]]))
    assert nobody[1, 1] == pytest.approx(2 / 200, rel=1e-3)


# what does not matter


@pytest.mark.parametrize("factor", [1e-3, 10, 1e6])
def test_the_currency_does_not_matter(factor):
    p = noisy(6, amount=np.arange(400) % 13 + 1.0)
    dearer = replace(p, amount=p.amount * factor)
    for one, two in (
        (weighed(p), weighed(p, Cost(fn=9 * factor, fp=factor))),
        (weighed(p, RowCost(fp=2)), weighed(dearer, RowCost(fp=2 * factor))),
    ):
        assert_same(one, two, difference_only=True)
        assert two.interval == pytest.approx(one.interval, rel=1e-9)


@pytest.mark.parametrize("objective", [COSTS, RowCost(fp=2), FBeta(1), RocAuc()], ids=name)
def test_the_order_of_entries_does_not_matter(objective):
    p = noisy(7, amount=np.arange(400) % 13 + 1.0)
    shuffled = of_rows(p, np.random.default_rng(0).permutation(400))
    one, two = (judge(decide_all(q, objective)) for q in (p, shuffled))
    assert_same(one, two)
    assert two.interval == pytest.approx(one.interval, rel=1e-9)


@pytest.mark.parametrize("order", [(1, 0), (1, 2, 0), (2, 1, 0)])
def test_the_order_of_classes_does_not_matter(order):
    order = list(order)
    p = noisy(8, k=len(order))
    matrix = by_default(np.bincount(p.y), p.classes).matrix
    renamed = relabelled(p, order, tuple("xyz")[: len(order)])
    one = judge(decide_all(p, CostMatrix(matrix, p.classes)))
    two = judge(decide_all(renamed, CostMatrix(matrix[np.ix_(order, order)], renamed.classes)))
    assert_same(one, two)
    assert two.interval == pytest.approx(one.interval, rel=1e-9)


def test_costs_of_two_classes_are_the_same_as_a_matrix_and_as_one_amount():
    p = noisy(9, amount=np.full(400, 9.0))
    verdicts = [
        judge(decide_all(p, objective))
        for objective in (COSTS, CostMatrix(COSTS.matrix, p.classes), RowCost(fp=1))
    ]
    plain = [dataclasses.asdict(verdict) for verdict in verdicts]
    assert plain[0] == plain[1] == plain[2]


@pytest.mark.parametrize(
    "objective", [COSTS, RowCost(fp=2), FBeta(1), AveragePrecision()], ids=name
)
def test_row_weight_2_is_the_row_twice_and_0_the_row_absent(objective):
    weight = np.random.default_rng(0).integers(0, 4, 400)
    rows = np.repeat(np.arange(400), weight)
    p = noisy(10, amount=np.arange(400) % 13 + 1.0)
    one, two = (decide_all(q, objective) for q in (replace(p, row_weight=weight), of_rows(p, rows)))
    assert_same(judge(one, method=NO_INTERVAL), judge(two, method=NO_INTERVAL))
    if not isinstance(objective, AveragePrecision):  # its interval is over folds
        gained = [
            np.bincount(paired.unit, paired.twin - paired.other, 400)
            for paired in map(handed_to_method, (one, two))
        ]
        assert gained[1] == pytest.approx(gained[0], rel=1e-6, abs=1e-12)


# repetitions of the split


def test_repetitions_are_judged_each_by_itself_and_put_together():
    both = repeated(noisy(11), 2)
    first, second = (decide_all(of_repeat(both, i), COSTS) for i in range(2))
    together = decide_all(both, COSTS)
    verdict = judge(together)
    alone = [judge(found) for found in (first, second)]
    assert [r.setting for r in verdict.by_fold] == [r.setting for v in alone for r in v.by_fold]
    losses = [handed_to_method(found) for found in (first, second, together)]
    assert np.array_equal(losses[2].twin, np.concatenate([losses[0].twin, losses[1].twin]))
    assert np.array_equal(losses[2].other, np.concatenate([losses[0].other, losses[1].other]))
    assert np.array_equal(losses[2].unit, np.tile(np.arange(400), 2))  # a row is one unit
    twin, mine = losses[2].twin.sum(), losses[2].other.sum()
    assert verdict.difference == pytest.approx(100 * (1 - mine / twin))


@pytest.mark.parametrize("objective", [COSTS, FBeta(1), RocAuc()], ids=name)
def test_the_same_split_twice_gains_what_it_gains_once(objective):
    once = noisy(12)
    twice = replace(repeated(once, 2), fold=np.concatenate([once.fold, once.fold + 5]))
    one, two = (judge(decide_all(p, objective)) for p in (once, twice))
    assert two.difference == pytest.approx(one.difference)
    assert two.by_seed == pytest.approx(one.by_seed)


# other uses


def test_two_decision_makers_of_one_s_own_are_compared():
    """Nobody flagged against everybody: 900 against 900, and with F1 0 against 2 · 0.1 / 1.1."""
    found = decide_all(record(Y, FOLD, {"none": EVERYBODY}), COSTS, repairs=(NONE,))
    decided = np.stack([np.zeros(N, int), np.ones(N, int)])
    assert compare(found, found.probability, decided).difference == pytest.approx(0)
    found = decide_all(record(Y, FOLD, {"none": EVERYBODY}), FBeta(1), repairs=(NONE,))
    compared = compare(found, found.probability, decided, method=around(-1, 2))
    assert compared.difference == pytest.approx(-100 * 0.2 / 1.1)
    assert compared.interval == pytest.approx((compared.difference - 1, compared.difference + 2))


def test_what_is_no_objective_is_refused():
    found = decide_all(record(Y, FOLD, {"none": EVERYBODY}), COSTS)
    with pytest.raises(TypeError, match="must be costs"):
        compare(replace(found, objective="cost"), found.probability, found.decided)
