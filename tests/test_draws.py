import sys
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outweigh._draws import STACK, BalancedBatches, Oversampled, Undersampled
from outweigh._errors import UsageError
from outweigh._weights import Power

DRAWS = [
    Oversampled(),
    Oversampled(0.5),
    Oversampled(0.1),
    Undersampled(),
    Undersampled(0.5),
    Undersampled(0.1),
    BalancedBatches(),
]
every_draw = pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.name)
tables = st.lists(st.integers(0, 40), min_size=2, max_size=5).filter(lambda counts: sum(counts))


def rows_of(*counts, seed=0):
    """Give codes with so many rows of each class, in some order."""
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))


def epochs(draw, y, n, *, seed=0, batch_size=32):
    """Give the rows that the first n epochs visit, (n, T)."""
    return np.stack([draw.order(y, seed=seed, epoch=e, batch_size=batch_size) for e in range(n)])


# what every draw keeps to


@every_draw
@given(counts=tables, batch_size=st.integers(1, 50), seed=st.integers(0, 9))
def test_every_row_of_a_class_is_visited_equally_often_up_to_one(draw, counts, batch_size, seed):
    y = rows_of(*counts)
    so_far = np.zeros(len(y), dtype=int)
    for epoch in range(4):
        np.add.at(so_far, draw.order(y, seed=seed, epoch=epoch, batch_size=batch_size), 1)
        for code in np.unique(y):
            assert np.ptp(so_far[y == code]) <= 1


@every_draw
@given(counts=tables, batch_size=st.integers(1, 50), epoch=st.integers(0, 10**6))
def test_every_epoch_has_as_many_visits_in_whole_batches(draw, counts, batch_size, epoch):
    n_visits = draw.length(counts, batch_size)
    order = draw.order(rows_of(*counts), seed=1, epoch=epoch, batch_size=batch_size)
    assert order.shape == (n_visits,)
    assert order.dtype == np.int64
    assert n_visits < batch_size or n_visits % batch_size == 0


@every_draw
def test_the_classes_share_the_visits_of_each_epoch_as_promised(draw):
    y = rows_of(700, 200, 60, 30, 10)
    tau = getattr(draw, "tau", 1.0)
    want = np.bincount(y) ** (1 - tau) / (np.bincount(y) ** (1 - tau)).sum()
    for order in epochs(draw, y, 5):
        assert np.bincount(y[order]) == pytest.approx(want * len(order), abs=5)  # K visits at most


@every_draw
def test_the_weight_is_the_share_of_visits_over_the_share_of_rows(draw):
    y = rows_of(700, 200, 60, 30, 10)
    counts, visited = np.bincount(y), y[epochs(draw, y, 40)].ravel()
    want = draw.weight(counts) * counts / len(y) * len(visited)
    assert np.bincount(visited) == pytest.approx(want, abs=5)  # K visits, however many epochs
    assert draw.weight(counts) @ counts == pytest.approx(len(y))


@every_draw
def test_an_epoch_alone_is_the_epoch_in_sequence(draw):
    y = rows_of(90, 10)
    alone = draw.order(y, seed=3, epoch=5, batch_size=32)
    assert (epochs(draw, y, 6, seed=3)[5] == alone).all()
    assert (draw.order(y, seed=3, epoch=5, batch_size=32) == alone).all()


@every_draw
def test_seeds_and_epochs_differ(draw):
    y = rows_of(90, 10)
    orders = np.concatenate([epochs(draw, y, 3, seed=seed) for seed in range(3)])
    assert len(np.unique(orders, axis=0)) == 9


@every_draw
def test_classes_come_in_another_order_for_each_seed(draw):
    y = rows_of(90, 10)
    order = np.stack([y[epochs(draw, y, 3, seed=seed).ravel()] for seed in range(3)])
    assert len(np.unique(order, axis=0)) == 3


@every_draw
def test_classes_and_parts_of_an_epoch_are_mixed(draw):
    y = np.sort(rows_of(300, 300))  # nothing to sample: each half of an epoch is as the whole
    for order in epochs(draw, y, 3):
        half = len(order) // 2
        assert y[order[:half]].mean() == pytest.approx(0.5, abs=0.15)
        assert order[:half].mean() == pytest.approx(order[half:].mean(), abs=80)


@every_draw
def test_a_class_without_rows_is_left_out(draw):
    y = rows_of(30, 10)
    apart = np.array([1, 3])[y]
    weight = draw.weight([30, 10])
    assert draw.length([0, 30, 0, 10, 0], 8) == draw.length([30, 10], 8)
    assert draw.weight([0, 30, 0, 10, 0]).tolist() == [1, weight[0], 1, weight[1], 1]
    visited = [draw.order(labels, seed=0, epoch=2, batch_size=8) for labels in (y, apart)]
    assert (np.bincount(y[visited[0]]) == np.bincount(apart[visited[1]])[[1, 3]]).all()


@every_draw
def test_one_positive_is_visited_over_and_over(draw):
    y = rows_of(2 * STACK, 1)
    visited = y[epochs(draw, y, 4)]
    want = draw.weight([2 * STACK, 1])[1] * visited.size / len(y)
    assert visited.sum() == pytest.approx(want, abs=1)


@every_draw
def test_fewer_rows_than_a_batch_are_no_trouble(draw):
    y = rows_of(5, 3)
    n_visits = draw.length([5, 3], 256)
    assert draw.order(y, seed=0, epoch=0, batch_size=256).shape == (n_visits,)
    assert 6 <= n_visits <= 10


@every_draw
def test_the_rows_are_not_touched(draw):
    y = rows_of(90, 10)
    y.flags.writeable = False
    draw.order(y, seed=0, epoch=0, batch_size=32)


# over-sampling


def test_oversampling_visits_the_most_frequent_class_once():
    y = rows_of(64, 8)
    visits = np.bincount(Oversampled().order(y, seed=0, epoch=0, batch_size=32), minlength=len(y))
    assert {*visits[y == 0]} == {1}
    assert {*visits[y == 1]} == {8}


def test_the_square_root_can_be_checked_with_a_pencil():
    draw = Oversampled(0.5)  # m = 100, √(25 · 100) = 50, √(4 · 100) = 20
    assert draw.length([100, 25, 4], 10) == 170
    y = rows_of(100, 25, 4)
    assert np.bincount(y[draw.order(y, seed=0, epoch=0, batch_size=10)]).tolist() == [100, 50, 20]
    assert draw.weight([100, 25, 4]) == pytest.approx(Power(0.5).weights([100, 25, 4], "abc"))


# under-sampling


def test_a_round_visits_the_rarest_class_once_and_an_epoch_is_as_many_as_fit():
    assert Undersampled().length([100, 10], 1) == 5 * 20
    assert Undersampled().length([100, 10], 32) == 96
    assert Undersampled(0.5).length([90, 10], 1) == 2 * 40  # √(90 · 10) = 30 and 10
    assert Undersampled(0.25).length([9**4, 7**4], 1) == 9**3 * 7 + 7**4
    assert Undersampled().length([11, 10], 1) == 20
    assert Undersampled().length([7, 7, 7], 1) == 21


@pytest.mark.parametrize("draw", [Undersampled(), BalancedBatches()], ids=lambda draw: draw.name)
def test_undersampling_sees_every_negative_within_few_epochs(draw):
    y = rows_of(1900, 100)  # 992 negatives in each epoch of 1,984 visits
    visits = np.bincount(epochs(draw, y, 2).ravel(), minlength=len(y))
    assert {*visits[y == 0]} == {1, 2}
    assert {*visits[y == 1]} == {19, 20}


def test_rows_share_an_epoch_with_others_in_the_next_pass():
    y = rows_of(4 * STACK, 2 * STACK)  # 2 STACK negatives in an epoch, 4 STACK in a pass
    first, second, other_pass = (
        {*order[y[order] == 0].tolist()} for order in epochs(Undersampled(), y, 3)
    )
    assert not first & second
    assert len(first & other_pass) == pytest.approx(STACK, rel=0.1)


def test_classes_of_one_size_are_not_dealt_alike():
    y = np.repeat([0, 1, 2], [100, 100, 10])
    order = Undersampled().order(y, seed=0, epoch=0, batch_size=1)
    places = [np.sort(order[y[order] == code]) - 100 * code for code in (0, 1)]
    assert [len(places[0]), len(places[1])] == [70, 70]
    assert (places[0] != places[1]).any()


def test_imbalanced_learns_generator_never_sees_most_negatives(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # it would load it, where it is there
    y = rows_of(1900, 100)
    rows = np.arange(2000)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras misses a call in its constructor
        from imblearn.keras import BalancedBatchGenerator

        generator = BalancedBatchGenerator(rows, y, batch_size=32, random_state=0)
        theirs = [x for _ in range(20) for x, _ in map(generator.__getitem__, range(6))]
    seen = np.unique(np.concatenate(theirs))
    assert (y[seen] == 0).sum() <= 100
    ours = np.unique(epochs(Undersampled(), y, 2))
    assert (y[ours] == 0).sum() == 1900


# balanced batches


@given(counts=tables, batch_size=st.integers(1, 50), epoch=st.integers(0, 1000))
def test_in_each_batch_the_classes_differ_by_one_visit_at_most(counts, batch_size, epoch):
    y = rows_of(*counts)
    order = BalancedBatches().order(y, seed=0, epoch=epoch, batch_size=batch_size)
    for batch in order.reshape(-1, min(batch_size, len(y))):
        visits = np.bincount(y[batch], minlength=len(counts))[np.unique(y)]
        assert np.ptp(visits) <= 1


def test_what_is_left_over_in_a_batch_goes_round_the_classes():
    y = rows_of(50, 30, 16)
    batches = y[BalancedBatches().order(y, seed=0, epoch=0, batch_size=32)].reshape(3, 32)
    visits = [Counter(batch.tolist()) for batch in batches]
    assert sum(visits, Counter()) == {0: 32, 1: 32, 2: 32}
    assert all(sorted(of_batch.values()) == [10, 11, 11] for of_batch in visits)


def test_a_balanced_epoch_has_as_many_whole_batches_as_there_are_rows_for():
    assert BalancedBatches().length([90, 10], 32) == 96
    assert BalancedBatches().length([20, 11], 32) == 31


# names and errors


def test_names_say_how_far_a_draw_goes():
    assert [draw.name for draw in DRAWS] == [
        "oversample",
        "oversample:0.5",
        "oversample:0.1",
        "undersample",
        "undersample:0.5",
        "undersample:0.1",
        "balanced-batches",
    ]
    assert Oversampled(1).name == "oversample"
    assert Oversampled(1) == Oversampled(1.0) != Undersampled(1.0)


@pytest.mark.parametrize("make", [Oversampled, Undersampled])
@pytest.mark.parametrize("tau", [0, -0.5, 1.01, np.nan, np.inf, True, "1", None])
def test_tau_must_be_above_0_and_at_most_1(make, tau):
    with pytest.raises(UsageError, match="tau must be a number above 0, at most 1; came") as caught:
        make(tau)
    assert "\n" not in str(caught.value)
