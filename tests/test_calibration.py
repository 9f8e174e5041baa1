"""Calibration across folds: what is chosen for a fold never rests on it."""

import numpy as np
import pytest

from outweigh._calibration import _first_as_good, cross_fit
from outweigh._repairs import EFFECTIVE_WEIGHT, NONE, REPAIRS, fit
from tests.test_repairs import world

N, F = 900, 5
FOLD = np.arange(N) % F


def crossed(said, y, *, fold=FOLD, repeat=(0,) * F, **options):
    said = said if said.ndim == 3 else said[np.newaxis]
    return cross_fit(said, y=y, fold=fold, repeat=np.array(repeat), **options)


def same(one, two, s, f):
    """Whether all that is chosen for a fold is the same to the last bit."""
    maps = [c.maps[s][f].as_record() for c in (one, two)]
    within = [c.within(f)[1][s] for c in (one, two)]
    return (
        one.kinds[s][f] == two.kinds[s][f] and maps[0] == maps[1] and (within[0] == within[1]).all()
    )


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("f", [0, 3])
def test_no_row_of_a_fold_has_a_say_in_what_is_chosen_for_it(k, f):
    said, y = world(N, k=k)
    other, y_other = said.copy(), y.copy()
    other[f == FOLD] = world(N, k=k, seed=7)[0][f == FOLD]
    y_other[f == FOLD] = np.roll(y_other[f == FOLD], 1)
    one, two = crossed(said, y), crossed(other, y_other)
    assert same(one, two, 0, f)
    assert not all(same(one, two, 0, g) for g in range(F))


def test_each_entry_is_repaired_by_the_map_of_its_fold():
    said, y = world(N)
    found = crossed(np.stack([said, said[:, ::-1]]), y)
    for s, mine in enumerate((said, said[:, ::-1])):
        for f in range(F):
            there = f == FOLD
            assert (found.repaired[s, there] == found.maps[s][f](mine[there])).all()
            way = REPAIRS[found.names.index(found.kinds[s][f])]
            learned = fit(way, mine[~there], y[~there])
            assert found.maps[s][f](mine) == pytest.approx(learned(mine), abs=1e-7)


def test_within_repairs_each_fold_by_what_neither_took_part_in():
    said, y = world(N)
    found = crossed(said, y)
    entries, inner = found.within(2)
    assert (entries == np.flatnonzero(FOLD != 2)).all()
    way = REPAIRS[found.names.index(found.kinds[0][2])]
    for g in (0, 1, 3, 4):
        learned = (FOLD != 2) & (g != FOLD)
        expected = fit(way, said[learned], y[learned])(said[g == FOLD])
        assert inner[0, FOLD[entries] == g] == pytest.approx(expected, abs=1e-7)


def test_honest_probabilities_are_nearly_always_left_alone():
    chosen = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        p = 1 / (1 + np.exp(2 - rng.normal(size=N)))
        y = (rng.random(N) < p).astype(int)
        chosen += crossed(np.column_stack([1 - p, p]), y).final_kinds
    assert chosen.count("none") >= 20


def test_a_weight_left_in_is_repaired_as_one():
    said, y = world(N, sharp=1.0)
    found = crossed(said, y)
    assert found.final_kinds == ("effective-weight",)
    assert set(found.kinds[0]) == {"effective-weight"}
    assert found.final[0](said) == pytest.approx(fit(EFFECTIVE_WEIGHT, said, y)(said))
    assert found.log_losses[0, 1] < found.log_losses[0, 0]


def test_repetitions_are_kept_apart():
    """Two repetitions of one split, each as it is alone."""
    said, y = world(N)
    alone = crossed(said, y)
    both = crossed(
        np.tile(said, (2, 1)),
        np.tile(y, 2),
        fold=np.concatenate([FOLD, FOLD + F]),
        repeat=(0,) * F + (1,) * F,
    )
    assert both.kinds[0] == alone.kinds[0] * 2
    assert (both.repaired[0] == np.tile(alone.repaired[0], (2, 1))).all()
    assert (both.within(F + 1)[0] == N + np.flatnonzero(FOLD != 1)).all()


@pytest.mark.parametrize("n_folds", [1, 2])
def test_few_folds_leave_no_choice(n_folds):
    said, y = world(N)
    found = crossed(said, y, fold=np.arange(N) % n_folds, repeat=(0,) * n_folds)
    assert found.kinds == (("none",) * n_folds,)
    assert (found.repaired[0] == said).all()


def test_few_positives_leave_no_choice():
    """Twelve in all: nine or ten without one fold, fewer without two."""
    said, y = world(N)
    y = (np.arange(N) < 12).astype(int)
    found = crossed(said, y)
    assert found.kinds == (("none",) * F,)
    assert found.final_kinds == ("none",)
    assert np.isnan(found.log_losses).all()


def test_without_a_choice_no_bit_changes():
    said, y = world(N)
    found = crossed(said, y, repairs=(NONE,))
    assert (found.repaired[0] == said).all()
    assert (found.within(1)[1][0] == said[FOLD != 1]).all()


def test_units_that_say_the_same_count_once():
    """Copies of a row make no difference clearer."""
    said, y = world(N)
    rows = np.repeat(np.arange(N), 20)
    copied = crossed(said[rows], y[rows], fold=FOLD[rows], unit=rows)
    assert copied.kinds == crossed(said, y).kinds


def test_the_scale_of_row_weights_does_not_matter_to_lines():
    """Isotonic steps are smoothed by half a row, so that to them it does."""
    said, y = world(N)
    weight = np.random.default_rng(0).random(N)
    one, ten = (crossed(said, y, row_weight=w * weight) for w in (1, 10))
    assert one.log_losses[0, :4] == pytest.approx(ten.log_losses[0, :4], abs=1e-6)


@pytest.mark.parametrize(
    ("second", "chosen"),
    [([0, 0, 0, 5], 0), ([0.9, 1, 1.1, 1], 1), ([2, 2, 2, 2], 0)],
)
def test_the_simplest_that_is_as_good_is_taken(second, chosen):
    """The first loses 2 on each row; what it loses more is set against its own spread."""
    loss = np.array([[2.0, 2, 2, 2], second])
    assert _first_as_good(loss, np.arange(4)) == chosen


def test_a_difference_that_one_unit_makes_is_none():
    loss = np.array([[2.0, 2, 2, 2], [1.0, 1, 1, 1]])
    assert _first_as_good(loss, np.arange(4)) == 1
    swings = np.array([[2.0, 2, 2, 2], [1.0, 1, 3, 2.9]])
    assert _first_as_good(swings, np.array([0, 0, 1, 1])) == 0


@pytest.mark.parametrize(("positives", "n_folds"), [(14, 5), (60, 2)])
def test_new_rows_are_repaired_only_where_folds_are(positives, n_folds):
    """Odds far too high, and too few rows without two folds to learn that from.

    A threshold for new rows stands on the folds' probabilities: both must be alike.
    """
    y = (np.arange(1000) < positives).astype(int)
    said = np.tile([0.5, 0.5], (1, 1000, 1))
    found = crossed(said, y, fold=np.arange(1000) % n_folds, repeat=(0,) * n_folds)
    assert set(found.kinds[0]) == {*found.final_kinds} == {"none"}
