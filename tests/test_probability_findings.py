"""Findings on probabilities: each is made where it should be, and nowhere else."""

import numpy as np
import pytest
from scipy.special import expit, logit

from outweigh._probability_findings import _deviations
from tests.evidence import ask, of_predictions

N = 4000


def drawn(n=N, *, seed=0, spread=2.0, log_odds=-2.5):
    """Honest probabilities, and the classes that they promise."""
    rng = np.random.default_rng(seed)
    p = expit(log_odds + spread * rng.normal(size=n))
    return p, (rng.random(n) < p).astype(int)


def test_raw_outputs_above_one_and_a_half_times_the_share_are_inflated():
    y = np.repeat([0, 1], [90, 10])
    for mean, state in ((0.14, "clear"), (0.16, "found"), (0.01, "clear")):
        e = of_predictions(np.full((2, 100), 0.1), y, raw=np.full((2, 100), mean))
        assert ask("probabilities-inflated", e).state == state


def test_only_class_weights_inflate():
    y = np.repeat([0, 1], [90, 10])
    raw = np.repeat([[0.1], [0.9], [0.3]], 100, axis=1)
    names = ("none", "oversample", "power:1.4")
    kinds = ("weights", "sampling", "weights")
    e = of_predictions(np.full((3, 100), 0.1), y, raw=raw, names=names, kinds=kinds)
    [found] = ask("probabilities-inflated", e).findings
    assert "'power:1.4', networks take class 'yes' for 3.0 times" in found.title
    e = of_predictions(np.full((2, 100), 0.1), y, raw=raw[:2], names=names[:2], kinds=kinds[:2])
    assert ask("probabilities-inflated", e).because == "no class weights were tried"


def test_the_factor_is_told_of_balanced_weights():
    y = np.repeat([0, 1], [90, 10])
    raw = np.repeat([[0.1], [0.5], [0.9]], 100, axis=1)
    e = of_predictions(np.full((3, 100), 0.1), y, raw=raw, best="power:1.4")
    title = ask("probabilities-inflated", e).findings[0].title
    assert "'balanced', networks take class 'yes' for 5.0 times as frequent as it is: they say" in (
        title
    )


def test_without_balanced_weights_the_best_ones_are_asked():
    y = np.repeat([0, 1], [90, 10])
    names = ("none", "power:0.5", "power:1.4")
    raw = np.repeat([[0.1], [0.12], [0.9]], 100, axis=1)
    said = np.full((3, 100), 0.1)
    for best, state in (("power:0.5", "clear"), ("power:1.4", "found")):
        e = of_predictions(said, y, raw=raw, names=names, best=best)
        assert ask("probabilities-inflated", e).state == state


def test_rows_count_by_their_weight_in_the_inflation():
    y = np.repeat([0, 1], [90, 10])
    raw = np.full((2, 100), 0.5)
    for of_positives, state in ((1, "found"), (9, "clear")):
        weight = np.repeat([1, of_positives], [90, 10])
        e = of_predictions(np.full((2, 100), 0.1), y, raw=raw, row_weight=weight)
        assert ask("probabilities-inflated", e).state == state


def test_diverged_lanes_are_left_out_of_the_inflation():
    y = np.tile(np.repeat([0, 1], [9, 1]), 10)
    raw = np.full((2, 100), 0.5)
    outcomes = np.full((2, 1, 5), "finished", dtype="<U9")
    outcomes[1, 0, 0] = "diverged"
    raw[1, ::5] = np.nan
    e = of_predictions(np.full((2, 100), 0.1), y, raw=raw, outcomes=outcomes)
    assert "5.0 times" in ask("probabilities-inflated", e).findings[0].title
    outcomes[1] = "diverged"
    e = of_predictions(np.full((2, 100), 0.1), y, raw=raw, outcomes=outcomes)
    assert ask("probabilities-inflated", e).state == "not applicable"


def test_without_weights_nothing_inflates():
    e = of_predictions(np.full((1, 100), 0.9), np.arange(100) % 2)
    assert ask("probabilities-inflated", e).because == "no class weights were tried"


@pytest.mark.parametrize("seed", range(20))
def test_honest_probabilities_need_no_repair(seed):
    p, y = drawn(seed=seed)
    assert ask("repair-not-enough", of_predictions([p], y)).state == "clear"


def test_shifted_probabilities_are_found_and_counted():
    p, y = drawn()
    shifted = expit(logit(p) + 0.5)
    titles = [f.title for f in ask("repair-not-enough", of_predictions([shifted], y)).findings]
    assert f"{shifted.sum():.4g} are expected and {y.sum():.4g} observed" in titles[0]


@pytest.mark.parametrize(("scale", "how"), [(1.6, "extreme"), (0.6, "timid")])
def test_a_wrong_slope_is_found(scale, how):
    p, y = drawn(log_odds=0.0)
    e = of_predictions([expit(scale * logit(p))], y)
    [finding] = ask("repair-not-enough", e).findings
    assert f"they are too {how}" in finding.title


def test_a_small_deviation_is_no_finding_however_many_rows():
    p, y = drawn(400_000)
    assert ask("repair-not-enough", of_predictions([expit(logit(p) + 0.05)], y)).state == "clear"


def test_a_deviation_of_a_few_units_is_chance():
    p, y = drawn()
    shifted = expit(logit(p) + 0.5)
    rows = np.arange(N)
    assert ask("repair-not-enough", of_predictions([shifted], y, unit=rows)).state == "found"
    few = of_predictions([shifted], y, unit=rows % 9)
    assert ask("repair-not-enough", few).state == "not applicable"


def test_copies_do_not_add_certainty():
    p, y = drawn(150, log_odds=-1.0, seed=1)
    off = expit(logit(p) + 0.6)
    p20, y20 = np.tile(off, 20), np.tile(y, 20)
    own = np.arange(150 * 20)
    as_rows = of_predictions([p20], y20, unit=own)
    as_copies = of_predictions([p20], y20, unit=own % 150)
    assert ask("repair-not-enough", as_rows).state == "found"
    assert ask("repair-not-enough", as_copies).state == "clear"
    assert ask("repair-not-enough", of_predictions([off], y)).state == "clear"


def test_weight_2_is_the_row_twice_and_weight_0_no_row():
    p, y = drawn(500)
    weight = np.random.default_rng(1).integers(0, 3, 500).astype(float)
    twice = np.repeat(np.arange(500), weight.astype(int))
    off = expit(logit(p) + 1)
    weighted = list(_deviations(y == 1, off, weight, np.arange(500)))
    repeated = list(_deviations(y[twice] == 1, off[twice], np.ones(len(twice)), twice))
    assert weighted == repeated
    assert weighted


def test_a_constant_has_no_slope():
    y = (np.arange(1000) % 10 == 0).astype(int)
    [finding] = ask("repair-not-enough", of_predictions([np.full(1000, 0.3)], y)).findings
    assert "300 are expected and 100 observed" in finding.title


def test_too_few_rows_of_a_class_are_no_test():
    y = np.zeros(200, dtype=int)
    y[:9] = 1
    assert (
        ask("repair-not-enough", of_predictions([np.full(200, 0.5)], y)).state == "not applicable"
    )


def test_sure_probabilities_that_are_right_or_wrong():
    y = np.arange(200) % 2
    assert ask("repair-not-enough", of_predictions([y.astype(float)], y)).state == "clear"
    assert ask("repair-not-enough", of_predictions([1.0 - y], y)).state == "found"


def test_each_of_several_classes_is_tested():
    rng = np.random.default_rng(0)
    honest = rng.dirichlet([6, 2, 1], size=N)
    y = (rng.random((N, 1)) > honest.cumsum(axis=1)).sum(axis=1)
    assert ask("repair-not-enough", of_predictions([honest], y)).state == "clear"
    off = honest * [1, 1, 3]
    off /= off.sum(axis=1, keepdims=True)
    titles = [f.title for f in ask("repair-not-enough", of_predictions([off], y)).findings]
    assert any("probabilities of class 2" in title for title in titles)


def flipped(y, share, seed=0):
    return np.where(np.random.default_rng([seed, 1]).random(len(y)) < share, 1 - y, y)


def test_flipped_labels_are_found_and_honest_ones_are_not():
    """Where the probabilities know nothing of the flips, and tell the classes well apart."""
    states = {0.0: [], 0.01: []}
    for seed in range(40):
        p, y = drawn(seed=seed, spread=3.0, log_odds=-4.0)
        for share, found in states.items():
            found.append(ask("label-noise", of_predictions([p], flipped(y, share, seed))).state)
    assert states[0.0].count("found") <= 2
    assert states[0.01].count("found") >= 36


def test_noise_that_the_probabilities_know_of_is_not_seen():
    p, y = drawn(spread=3.0, log_odds=-4.0)
    knows = 0.01 + 0.98 * p
    assert ask("label-noise", of_predictions([knows], flipped(y, 0.01))).state == "clear"


def test_the_numbers_of_noise_can_be_counted():
    y = np.zeros(1000, dtype=int)
    y[:20], y[250:300] = 1, 1
    p = np.where(np.arange(1000) < 250, 0.01, 0.1)
    title = ask("label-noise", of_predictions([p], y)).findings[0].title
    assert title.startswith(
        "Of the 250 rows that are surest not to be of class 'yes', 20 are, where 2.5 are"
    )


def test_ties_are_taken_whole_so_that_order_is_no_matter():
    y = np.sort(np.arange(1000) % 5 == 0)[::-1].astype(int)
    assert ask("label-noise", of_predictions([np.full(1000, 0.2)], y)).state == "clear"


def test_a_common_positive_class_is_no_matter():
    p, y = drawn(spread=3.0, log_odds=-4.0)
    y = flipped(y, 0.01)
    title = ask("label-noise", of_predictions([1 - p], 1 - y)).findings[0].title
    assert "surest not to be of class 'no'" in title


def test_each_row_counts_once_however_often_it_is_judged():
    for wrong, state in ((5, "clear"), (20, "found")):
        y = np.zeros(1000, dtype=int)
        y[:wrong], y[250:300] = 1, 1
        e = of_predictions(
            [np.tile(np.where(np.arange(1000) < 250, 0.006, 0.1), 9)],
            np.tile(y, 9),
            fold=np.arange(9000) % 5 + np.repeat(5 * np.arange(9), 1000),
            repeat=np.repeat(np.arange(9), 5),
            row=np.tile(np.arange(1000), 9),
        )
        assert ask("label-noise", e).state == state
    [found] = ask("label-noise", e).findings
    assert "not to be of class 'yes', 20 are, where 1.5 are" in found.title


def test_a_small_excess_is_no_noise_however_sure():
    y = (np.arange(40_000) % 10_000 < 140).astype(int)
    p = np.where(np.arange(40_000) < 10_000, 0.01, 0.1)
    assert ask("label-noise", of_predictions([p], y)).state == "clear"


def test_wrong_labels_of_one_group_are_one_mistake():
    y = np.zeros(1000, dtype=int)
    y[:20], y[250:300] = 1, 1
    p = np.where(np.arange(1000) < 250, 0.01, 0.1)
    unit = np.where(np.arange(1000) < 20, 0, np.arange(1000))
    assert ask("label-noise", of_predictions([p], y, unit=unit)).state == "clear"


def test_label_noise_needs_two_classes_and_positives():
    y = np.arange(300) % 3
    said = np.full((1, 300, 3), 1 / 3)
    assert ask("label-noise", of_predictions(said, y)).state == "not applicable"
    y = (np.arange(300) < 49).astype(int)
    assert ask("label-noise", of_predictions([np.full(300, 0.2)], y)).state == "not applicable"
