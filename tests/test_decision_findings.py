"""Findings on decisions: each is made where it should be, and nowhere else."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit

from outweigh._compare import judge
from outweigh._counted import Alerts, FBeta, PrecisionAtRecall, RecallAtPrecision
from outweigh._decision_findings import _is_clearly_better
from outweigh._decisions import decide_all
from outweigh._repairs import NONE
from tests.evidence import ask, of_predictions
from tests.records import COSTS, EVERYBODY, FOLD, TWO_MISSED, N, record
from tests.records import Y as ROWS

NAMES = ("none", "power:0.7", "balanced", "power:1.4")
RATIOS = [1, 5, 10, 20]
Y = np.arange(100) % 2


def compared(costs, best, *, names=NAMES, ratio=RATIOS, noise=0.1, **how):
    """Settings of such costs in each of five folds, nearly the same in all of them."""
    each = np.asarray(costs)[:, None] + noise * np.random.default_rng(0).normal(
        size=(len(costs), 5)
    )
    elsewhere = each.sum(axis=1, keepdims=True) - each
    said = np.full((len(names), len(Y)), 0.5)
    return of_predictions(said, Y, names=names, ratio=ratio, elsewhere=elsewhere, best=best, **how)


def test_the_largest_weight_is_an_edge_where_the_cost_still_falls():
    [finding] = ask("weight-at-edge", compared([9, 8, 7, 6], "power:1.4")).findings
    assert "largest class weights tried, 'power:1.4'" in finding.title
    assert "the next, 'balanced'" in finding.title
    assert "larger ones" in finding.remedy


def test_the_smallest_weight_is_an_edge_where_no_weight_is_no_better():
    [finding] = ask("weight-at-edge", compared([6.2, 6, 7, 8], "power:0.7")).findings
    assert "smallest class weights tried, 'power:0.7'" in finding.title
    assert ask("weight-at-edge", compared([5, 6, 7, 8], "power:0.7")).state == "clear"


def test_a_ratio_below_1_is_the_smallest_weight():
    e = compared(
        [7, 6, 8, 9],
        "ratio:0.5",
        names=("none", "ratio:0.5", "ratio:2", "ratio:3"),
        ratio=[1, 0.5, 2, 3],
    )
    assert "'ratio:0.5', do best, and clearly better than the next, 'none'" in (
        ask("weight-at-edge", e).findings[0].title
    )


@pytest.mark.parametrize(
    ("costs", "best"), [([9, 8, 6, 7], "balanced"), ([6, 6, 6, 6], "power:1.4")]
)
def test_a_best_weight_inside_or_by_chance_is_no_edge(costs, best):
    assert ask("weight-at-edge", compared(costs, best, noise=0.5)).state == "clear"


def test_the_order_of_settings_is_no_matter():
    names, ratio = ("none", "power:1.4", "power:0.7", "balanced"), [1, 20, 5, 10]
    e = compared([9, 6, 8, 7], "power:1.4", names=names, ratio=ratio)
    assert "the next, 'balanced'" in ask("weight-at-edge", e).findings[0].title


@pytest.mark.parametrize(
    "e",
    [
        compared([9], "none", names=("none",), ratio=[1]),
        compared([9, 8], "balanced", names=("none", "balanced"), ratio=[1, 10]),
        compared([9, 8, 7, 6], "power:1.4", verdict="too_few_positives"),
    ],
)
def test_one_weight_or_few_positives_have_no_edge(e):
    assert ask("weight-at-edge", e).state == "not applicable"


def test_of_several_classes_powers_are_compared():
    said = np.full((4, 90, 3), 1 / 3)
    costs = np.array([9, 8, 7, 6])[:, None] + np.zeros(5)
    how = {"names": NAMES, "elsewhere": costs}
    e = of_predictions(said, np.arange(90) % 3, best="power:1.4", **how)
    assert ask("weight-at-edge", e).state == "found"


def test_clearly_better_is_students_t_over_the_folds():
    """The jackknife of a sum is the t test of its parts."""
    rng = np.random.default_rng(0)
    for shift in np.linspace(-1.5, 1.5, 13):
        one, other = rng.normal(shift, 1, 5), rng.normal(size=5)
        costs = np.array([one, other])
        elsewhere = costs.sum(axis=1, keepdims=True) - costs
        e = of_predictions(np.full((2, 100), 0.5), Y, elsewhere=elsewhere)
        t = stats.ttest_rel(one, other)
        assert _is_clearly_better(e, 0, 1) == (t.pvalue < 0.05 and t.statistic < 0)


def test_a_cut_off_that_flags_nobody_or_everybody_is_an_edge():
    cuts = [[0.3, 0.4, np.inf, np.inf, np.inf]]
    p = np.full((1, 100), 0.35)
    decided = (p >= np.array(cuts)[:, np.arange(100) % 5]).astype(int)
    e = of_predictions(p, Y, thresholds=cuts, decided=decided)
    [finding] = ask("threshold-at-edge", e).findings
    assert "flags nobody in 4 of 5 folds" in finding.title
    e = of_predictions(p, Y, thresholds=[[0.1, 0.2, 0.3, 0.2, 0.1]], decided=np.ones((1, 100), int))
    assert "flags everybody in 5 of 5" in ask("threshold-at-edge", e).findings[0].title


def test_a_cut_off_that_is_never_reached_is_an_edge():
    e = of_predictions(np.full((1, 100), 0.35), Y, thresholds=np.full((1, 5), np.inf))
    assert "flags nobody in 5 of 5" in ask("threshold-at-edge", e).findings[0].title


def test_a_fold_that_does_not_count_has_no_edge():
    weight = (np.arange(100) % 5 > 0).astype(float)
    cuts = [[0.1, 0.6, 0.6, 0.2, 0.2]]
    decided = (np.array(cuts)[:, np.arange(100) % 5] <= 0.35).astype(int)
    e = of_predictions(
        np.full((1, 100), 0.35), Y, thresholds=cuts, decided=decided, row_weight=weight
    )
    titles = [finding.title for finding in ask("threshold-at-edge", e).findings]
    assert ["everybody in 2 of 4" in titles[0], "nobody in 2 of 4" in titles[1]] == [True, True]


def test_a_cut_off_that_flags_some_is_none():
    p = np.random.default_rng(0).random((1, 100))
    cuts = np.array([[0.3, 0.4, 0.5, 0.5, 0.6]])
    decided = (p >= cuts[:, np.arange(100) % 5]).astype(int)
    e = of_predictions(p, Y, thresholds=cuts, decided=decided)
    assert ask("threshold-at-edge", e).state == "clear"


@pytest.mark.parametrize("cut", [0.05, np.nan])
def test_a_cut_off_that_costs_imply_is_not_searched_for(cut):
    e = of_predictions(np.full((1, 100), 0.5), Y, thresholds=np.full((1, 5), cut))
    assert ask("threshold-at-edge", e).state == "not applicable"


@pytest.mark.parametrize(("caught", "alarms", "state"), [(9, 1, "clear"), (8, 1, "found")])
def test_a_floor_that_is_missed_is_told(caught, alarms, state):
    decided = np.zeros((1, 100), dtype=int)
    decided[0, np.flatnonzero(Y == 1)[:caught]] = 1
    decided[0, np.flatnonzero(Y == 0)[:alarms]] = 1
    e = of_predictions(np.full((1, 100), 0.5), Y, decided=decided)
    e.decisions.objective = RecallAtPrecision(0.9)
    found = ask("floor-missed", e)
    assert found.state == state
    if state == "found":
        assert "comes to 88.9 % precision" in found.findings[0].title
        assert "below the floor of 90.0 %" in found.findings[0].title
    e.decisions.objective = PrecisionAtRecall(1)
    assert "% recall on rows that" in ask("floor-missed", e).findings[0].title
    e.decisions.objective = FBeta(1)
    assert "no floor" in ask("floor-missed", e).because


def flagging(share, *, weight=None):
    """1000 cases, 100 of them positive, of which a share is flagged."""
    y = (np.arange(1000) % 10 == 0).astype(int)
    decided = (np.arange(1000) < share * 1000).astype(int)[None]
    return of_predictions(np.full((1, 1000), 0.5), y, decided=decided, row_weight=weight)


@pytest.mark.parametrize(
    ("share", "everybody", "nobody"),
    [
        (1, "found", "clear"),
        (0.91, "found", "clear"),
        (0.9, "clear", "clear"),
        (0.011, "clear", "clear"),
        (0.009, "clear", "found"),
        (0, "clear", "found"),
    ],
)
def test_flags_are_counted(share, everybody, nobody):
    assert ask("flags-nearly-everybody", flagging(share)).state == everybody
    assert ask("flags-nearly-nobody", flagging(share)).state == nobody


def test_a_budget_says_how_many_are_flagged():
    e = flagging(0.001)
    e.decisions.objective = Alerts(1)
    assert "budget" in ask("flags-nearly-nobody", e).because


def test_flags_count_by_weight():
    weight = np.where(np.arange(1000) < 500, 1, 0)
    assert ask("flags-nearly-everybody", flagging(0.5, weight=weight)).state == "found"


@pytest.mark.parametrize(
    "code", ["threshold-at-edge", "flags-nearly-everybody", "flags-nearly-nobody"]
)
def test_a_ranking_and_several_classes_flag_nobody(code):
    ranking = of_predictions(np.full((1, 100), 0.5), Y, ranks=True)
    several = of_predictions(np.full((1, 90, 3), 1 / 3), np.arange(90) % 3)
    assert "ranks" in ask(code, ranking).because
    assert "two classes" in ask(code, several).because


def moved(shift=2.0, *, noise=0.0, verdict="no_detectable_gain"):
    """A weighted setting whose raw output is the twin's with higher odds."""
    rng = np.random.default_rng(0)
    p = expit(2 * rng.normal(size=2000) - 2)
    y = (rng.random(2000) < p).astype(int)
    other = expit(logit(p) + noise * rng.normal(size=2000))
    raw = [p, expit(logit(other) + shift)]
    return of_predictions([p, other], y, raw=raw, ratio=[1, np.exp(shift)], verdict=verdict)


def test_weights_that_only_move_the_threshold_are_found():
    [finding] = ask("weights-moved-threshold", moved()).findings
    p = moved().predictions.probability[:, 0, :, 1]
    assert f"flag {100 * (p[1] > 0.5).mean():.1f} % of the cases" in finding.title
    assert f"without weights {100 * (p[0] > 0.5).mean():.1f} %" in finding.title


def test_weights_that_gain_move_little_or_rank_otherwise_are_not():
    assert ask("weights-moved-threshold", moved(0.1)).state == "clear"
    assert ask("weights-moved-threshold", moved(verdict="weights_help")).state == "clear"
    assert ask("weights-moved-threshold", moved(noise=4.0)).state == "clear"


@pytest.mark.parametrize(
    ("few", "many", "state"),
    [(1, 20, "clear"), (1, 21, "found"), (100, 199, "clear"), (100, 200, "found")],
)
def test_weights_move_the_threshold_by_a_factor_of_2_and_2_percent(few, many, state):
    p = np.linspace(0.9, 0.1, 1000)
    raw = np.where(np.arange(1000) < np.array([[few], [many]]), 0.6, 0.4)
    e = of_predictions([p, p], (np.arange(1000) % 9 == 0).astype(int), raw=raw)
    assert ask("weights-moved-threshold", e).state == state


def test_nothing_moves_without_weights_or_without_a_threshold():
    alone = of_predictions(np.full((1, 100), 0.5), Y)
    several = of_predictions(np.full((2, 90, 3), 1 / 3), np.arange(90) % 3)
    for e in (alone, several):
        assert ask("weights-moved-threshold", e).state == "not applicable"


# only class weights are looked at where class weights are meant


def test_what_is_no_class_weight_is_no_edge():
    """A way of sampling as steep as none of the weights, and better than all of them."""
    names, kinds = (*NAMES, "oversample"), ("weights",) * 4 + ("sampling",)
    how = {"names": names, "kinds": kinds, "ratio": [*RATIOS, 90]}
    e = compared([9, 8, 7, 6, 1], "power:1.4", **how)
    [finding] = ask("weight-at-edge", e).findings
    assert "'power:1.4', do best, and clearly better than the next, 'balanced'" in finding.title
    alone = compared(
        [9, 8, 7],
        "none",
        names=("none", "oversample", "smote"),
        kinds=("weights", "sampling", "sampling"),
        ratio=[1, 5, 90],
    )
    assert ask("weight-at-edge", alone).state == "not applicable"


# remedies that are no class weights


def remedies(said, kinds, objective=COSTS):
    """Evidence of settings that say so, decided and judged without repair."""
    p = record(ROWS, FOLD, said, kinds=kinds)
    decisions = decide_all(p, objective, repairs=(NONE,))
    return SimpleNamespace(predictions=p, decisions=decisions, verdict=judge(decisions))


TWIN_AND_LOSS = ("weights", "loss")


def test_a_remedy_that_beats_the_twin_is_found():
    [finding] = ask(
        "remedy-beats-none",
        remedies({"none": EVERYBODY, "focal:2": TWO_MISSED}, TWIN_AND_LOSS),
    ).findings
    assert finding.title.startswith(
        "With 'focal:2' your cost is 90.0 % lower than without any remedy (95 % interval: "
    )
    assert finding.title.endswith("; 1 of the 1 tried so do better.")
    assert "--use 'focal:2'" in finding.remedy


def test_a_remedy_raises_a_score():
    e = remedies({"none": EVERYBODY, "smote": TWO_MISSED}, ("weights", "sampling"), FBeta(1))
    [finding] = ask("remedy-beats-none", e).findings
    assert "With 'smote' F1 is" in finding.title
    assert "points higher than without" in finding.title


def test_the_cheapest_of_several_is_named_and_how_many_were_tried():
    one_missed = np.where(np.arange(N) % 200 < 10, 0.0, ROWS)
    said = {"none": EVERYBODY, "a": TWO_MISSED, "b": one_missed, "c": EVERYBODY}
    e = remedies(said, ("weights", "loss", "sampling", "sampling"))
    [finding] = ask("remedy-beats-none", e).findings
    assert finding.title.startswith("With 'b' ")
    assert "2 of the 3 tried" in finding.title


@pytest.mark.parametrize(
    ("weights", "state"), [(TWO_MISSED, "found"), (ROWS.astype(float), "clear")]
)
def test_a_remedy_must_be_better_than_the_verdict_s_choice_too(weights, state):
    one_missed = np.where(np.arange(N) % 200 < 10, 0.0, ROWS)
    said = {"none": EVERYBODY, "balanced": weights, "a": one_missed}
    e = remedies(said, ("weights", "weights", "loss"))
    assert e.verdict.chosen == "balanced"
    came = ask("remedy-beats-none", e)
    assert came.state == state
    if state == "found":
        assert ", and better than 'balanced'" in came.findings[0].title


def test_no_remedy_is_claimed_where_chance_may_be_behind_it():
    """It saves 5 of 900 false alarms."""
    spared = (np.arange(N) < 6) & (ROWS == 0)
    e = remedies({"none": EVERYBODY, "a": np.where(spared, 0.0, 0.11)}, TWIN_AND_LOSS)
    assert e.decisions.overall[1] < e.decisions.overall[0]
    assert ask("remedy-beats-none", e).state == "clear"


@pytest.mark.parametrize("kind", ["weights", "reference"])
def test_weights_and_references_are_no_such_remedies(kind):
    e = remedies({"none": EVERYBODY, "a": TWO_MISSED}, ("weights", kind))
    assert ask("remedy-beats-none", e).because == "no other loss and no sampling were tried"
