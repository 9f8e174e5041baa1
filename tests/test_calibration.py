"""Calibration across folds: what is chosen for a fold never rests on it."""

import numpy as np
import pytest

from outweigh._calibration import _first_as_good, cross_fit
from outweigh._repairs import EFFECTIVE_WEIGHT, ISOTONIC, NONE, PLATT, REPAIRS, TEMPERATURE, fit
from tests.test_repairs import world

N, F = 900, 5
FOLD = np.arange(N) % F


def crossed(said, y, *, fold=FOLD, repeat=(0,) * F, **options):
    said = said if said.ndim == 3 else said[np.newaxis]
    return cross_fit(said, y=y, fold=fold, repeat=np.array(repeat), **options)


def wrong(k=2):
    """Far too sure and far too often of the later classes: every way is better than none."""
    said, y = world(N, k=k, sharp=2.5)
    said = said * 4.0 ** np.arange(k)
    return said / said.sum(axis=1, keepdims=True), y


def same(one, two, s, f):
    """Whether all that is chosen for a fold is the same to the last bit."""
    maps = [c.maps[s][f].as_record() for c in (one, two)]
    within = [c.within(f)[1][s] for c in (one, two)]
    return (
        one.kinds[s][f] == two.kinds[s][f] and maps[0] == maps[1] and (within[0] == within[1]).all()
    )


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("f", [0, 3])
@pytest.mark.parametrize(
    "repairs",
    [REPAIRS, *((NONE, way) for way in (EFFECTIVE_WEIGHT, TEMPERATURE, PLATT, ISOTONIC))],
    ids=lambda repairs: repairs[-1].name if len(repairs) == 2 else "all",
)
def test_no_row_of_a_fold_has_a_say_in_what_is_chosen_for_it(repairs, k, f):
    said, y = wrong(k)
    other, y_other = said.copy(), y.copy()
    other[f == FOLD] = world(N, k=k, seed=7)[0][f == FOLD]
    y_other[f == FOLD] = np.roll(y_other[f == FOLD], 1)
    one, two = crossed(said, y, repairs=repairs), crossed(other, y_other, repairs=repairs)
    assert one.kinds[0][f] != "none"
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


@pytest.mark.parametrize("way", REPAIRS[1:], ids=lambda way: way.name)
def test_within_repairs_each_fold_by_what_neither_took_part_in(way):
    said, y = wrong()
    found = crossed(said, y, repairs=(NONE, way))
    assert found.kinds[0][2] == way.name
    entries, inner = found.within(2)
    assert (entries == np.flatnonzero(FOLD != 2)).all()
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
    one, many = (crossed(said, y, row_weight=w * weight, repairs=REPAIRS[:4]) for w in (1, 100))
    assert one.log_losses == pytest.approx(many.log_losses, abs=1e-6)
    assert one.kinds == many.kinds
    assert one.repaired == pytest.approx(many.repaired, abs=1e-6)


@pytest.mark.parametrize("k", [2, 3])
def test_weight_2_is_the_row_twice_and_weight_0_is_no_row(k):
    """Both copies are one unit, and an entry of no weight is none."""
    said, y = world(N, k=k)
    weight = np.random.default_rng(1).integers(0, 4, N)
    rows = np.repeat(np.arange(N), weight)
    weighted = crossed(said, y, row_weight=weight.astype(float))
    repeated = crossed(said[rows], y[rows], fold=FOLD[rows], unit=rows)
    assert weighted.kinds == repeated.kinds
    assert weighted.final_kinds == repeated.final_kinds
    assert weighted.log_losses == pytest.approx(repeated.log_losses, abs=1e-9)
    assert weighted.repaired[:, rows] == pytest.approx(repeated.repaired, abs=1e-7)


def test_rows_of_no_weight_are_not_rows_to_learn_from():
    """A hundred positives, of which twelve count."""
    said, y = world(N)
    y = (np.arange(N) < 100).astype(int)
    weight = ((y == 0) | (np.arange(N) < 12)).astype(float)
    found = crossed(said, y, row_weight=weight)
    assert found.kinds == (("none",) * F,)
    assert crossed(said, y).kinds != found.kinds


@pytest.mark.parametrize("k", [2, 3])
def test_relabelled_classes_relabel_what_is_repaired(k):
    said, y = world(N, k=k)
    order = np.roll(np.arange(k), 1)
    one, two = crossed(said, y), crossed(said[:, order], np.argsort(order)[y])
    assert one.kinds == two.kinds
    assert one.log_losses == pytest.approx(two.log_losses, abs=1e-6)
    assert one.repaired[..., order] == pytest.approx(two.repaired, abs=1e-6)


@pytest.mark.parametrize("k", [2, 3])
def test_several_settings_together_are_each_alone(k):
    """Among them honest probabilities, and a ranking the wrong way round."""
    said, y = world(N, k=k)
    turned = said[:, ::-1]
    odds = said ** (1 / 1.4) * np.exp(-0.5 * np.arange(k))
    settings = np.stack([said, turned, odds / odds.sum(axis=1, keepdims=True)])
    together = crossed(settings, y)
    assert len({*together.final_kinds}) > 1
    for s, alone in enumerate(crossed(setting, y) for setting in settings):
        assert together.kinds[s] == alone.kinds[0]
        assert together.final_kinds[s] == alone.final_kinds[0]
        assert together.log_losses[s] == pytest.approx(alone.log_losses[0], abs=1e-8)
        assert together.repaired[s] == pytest.approx(alone.repaired[0], abs=1e-7)


def test_the_log_losses_are_those_of_each_way_on_each_fold_left_out():
    said, y = world(N, k=3)
    weight = np.random.default_rng(2).random(N)
    found = crossed(said, y, row_weight=weight)
    for way, repair in enumerate(REPAIRS):
        own = np.empty(N)
        for f in range(F):
            there = f == FOLD
            learned = fit(repair, said[~there], y[~there], weight[~there])
            own[there] = learned(said[there])[np.arange(there.sum()), y[there]]
        expected = np.average(-np.log(own), weights=weight)
        assert found.log_losses[0, way] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("k", [2, 5])
def test_labels_in_the_place_of_probabilities_stay_finite(k):
    """Three in four right: nothing is sure any more, nor lost without end."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, k, N)
    said = np.eye(k)[np.where(rng.random(N) < 0.75, y, rng.integers(0, k, N))]
    found = crossed(said, y)
    assert np.isfinite(found.log_losses).all()
    assert ((found.repaired > 0) & (found.repaired < 1)).all()
    assert found.repaired.sum(axis=-1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("second", "chosen"),
    [([0, 0, 0, 5], 0), ([0.9, 1, 1.1, 1], 1), ([2, 2, 2, 2], 0)],
)
def test_the_simplest_that_is_as_good_is_taken(second, chosen):
    """The first loses 2 on each row; what it loses more is set against its own spread."""
    loss = np.array([[2.0, 2, 2, 2], second])
    assert _first_as_good(loss, np.arange(4)) == chosen


@pytest.mark.parametrize(("last", "chosen"), [(-1.1, 0), (-0.9, 1)])
def test_as_good_is_within_one_standard_error(last, chosen):
    """Differences 1, 1, 1, d: their sum is 1.9 and its error 2.1, or the other way round.

    With d = −1.1 the squares about the mean of 0.475 are 3 · 0.525² + 1.575² = 3.3075, and the
    error of the sum is √(4 · 3.3075 / 3) = 2.1.
    """
    loss = np.array([[2.0, 2, 2, 2], [1, 1, 1, 2 - last]])
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
