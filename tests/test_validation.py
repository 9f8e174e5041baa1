from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from outweigh._errors import SplitError, UsageError
from outweigh._validation import validation_share, whole_batches


def codes(*counts: int) -> np.ndarray:
    y = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(0).permutation(y)


# --- whole batches


@given(st.integers(1, 5000), st.integers(1, 300))
def test_gradient_rows_fill_whole_batches_and_leave_some(n, batch_size):
    if batch_size > int(0.925 * n):
        with pytest.raises(UsageError, match="a batch must fit"):
            whole_batches(n, batch_size=batch_size)
        return
    n_gradient = whole_batches(n, batch_size=batch_size)
    assert n_gradient % batch_size == 0
    assert 0 < n_gradient <= 0.925 * n
    assert abs(n_gradient - 0.85 * n) <= batch_size


@pytest.mark.parametrize(
    ("n", "batch_size", "want"),
    [(1000, 64, 832), (1000, 1, 850), (1000, 512, 512), (1000, 900, 900), (150, 80, 80)],
)
def test_whole_batches_can_be_checked_with_a_pencil(n, batch_size, want):
    assert whole_batches(n, batch_size=batch_size) == want


# --- rows


@given(st.integers(0, 99))
def test_the_validation_share_is_stratified_and_its_size_is_given(seed):
    y, rows = codes(150, 60), np.arange(10, 210)
    gradient, validation = validation_share(y, rows, n_gradient=160, seed=seed)
    assert len(gradient) == 160
    assert np.sort(np.concatenate([gradient, validation])).tolist() == rows.tolist()
    for part in (gradient, validation):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
    assert abs(y[validation].sum() - 0.2 * y[rows].sum()) <= 1


def test_the_validation_share_is_the_one_that_studies_always_had():
    y = np.array(list("001002010020100021000102010012"), dtype=int)
    validation = validation_share(y, np.arange(2, 30), n_gradient=20, seed=7)[1]
    assert validation.tolist() == [2, 8, 9, 13, 18, 21, 23, 27]


@pytest.mark.parametrize("group", [None, np.arange(200) // 4])
def test_each_seed_has_a_validation_share_of_its_own(group):
    y, rows = codes(150, 50), np.arange(200)
    shares = [
        validation_share(y, rows, n_gradient=160, seed=seed, group=group)[1].tobytes()
        for seed in (0, 1, 2, 3, 4, 0)
    ]
    assert len(set(shares)) == 5
    assert shares[0] == shares[5]


@pytest.mark.parametrize("group", [None, np.arange(61)])
def test_of_many_classes_a_single_row_or_group_stays_with_the_gradient_rows(group):
    y = codes(40, 20, 1)
    for seed in range(10):
        gradient, validation = validation_share(
            y, np.arange(61), n_gradient=48, seed=seed, group=group
        )
        assert len(gradient) == 48
        assert len(validation) == 13
        assert (y[gradient] == 2).sum() == 1


@pytest.mark.parametrize(
    ("y", "n_gradient"),
    [
        (codes(20, 1), 16),
        (codes(20, 5), 24),
        (codes(20, 5), 25),
        (codes(20, 5), 1),
        (codes(20, 1, 1), 18),
    ],
)
def test_a_class_that_cannot_be_shared_is_one_clear_line(y, n_gradient):
    with pytest.raises(SplitError, match="give rows of each class to training and validation"):
        validation_share(y, np.arange(len(y)), n_gradient=n_gradient, seed=0)


def test_training_rows_without_a_class_are_one_clear_line():
    y = np.array([0] * 20 + [1] * 20)
    with pytest.raises(SplitError, match="20 rows, 0 of the rarest class"):
        validation_share(y, np.arange(20), n_gradient=16, seed=0)


# --- groups


grouped_tables = st.integers(2, 3).flatmap(
    lambda n_classes: st.lists(
        st.tuples(st.integers(0, n_classes - 1), st.integers(0, 15)), min_size=20, max_size=60
    ).map(lambda rows: np.array([(k, 0) for k in range(n_classes)] + rows).T)
)


@given(grouped_tables, st.floats(0.5, 0.95), st.integers(0, 99))
def test_no_group_is_on_both_sides_and_gradient_rows_are_as_many_as_asked(table, share, seed):
    (y, group), n_gradient = table, int(share * len(table[0]))
    rows = np.arange(1, len(y))
    try:
        gradient, validation = validation_share(
            y, rows, n_gradient=n_gradient, seed=seed, group=group
        )
    except SplitError:
        return
    assert len(gradient) == n_gradient
    assert not set(group[gradient]) & set(group[validation])
    assert set(y[gradient]) == set(y[rows])
    assert len(set(y[validation])) > 1
    for part in (gradient, validation):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
        assert np.isin(part, rows).all()
    n_dropped = len(rows) - len(gradient) - len(validation)
    sizes = np.unique(group[np.setdiff1d(rows, validation)], return_counts=True)[1]
    assert (sizes <= n_dropped).sum() <= len(set(y))  # for each class one group that stays


def can_be_cut(counts: np.ndarray, n_gradient: int) -> bool:
    for sides in product([False, True], repeat=len(counts)):
        left, right = counts[np.array(sides)].sum(axis=0), counts[~np.array(sides)].sum(axis=0)
        if left.all() and right.all() and left.sum() >= n_gradient:
            return True
    return False


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=2, max_size=7),
    st.floats(0.05, 0.95),
    st.integers(0, 9),
)
def test_two_classes_are_shared_whenever_groups_allow_it(counts, share, seed):
    group = np.repeat(np.arange(len(counts)), [sum(count) for count in counts])
    y = np.concatenate([np.repeat([0, 1], count) for count in counts]).astype(int)
    assume(len(np.unique(y)) == 2)
    n_gradient = max(2, int(share * len(y)))

    def divided():
        return validation_share(y, np.arange(len(y)), n_gradient=n_gradient, seed=seed, group=group)

    if can_be_cut(np.array(counts), n_gradient):
        gradient, validation = divided()
        assert set(y[gradient]) == set(y[validation]) == {0, 1}
    else:
        with pytest.raises(SplitError, match="must give whole groups of each class"):
            divided()


@pytest.mark.parametrize("seed", range(5))
def test_both_sides_of_a_cut_between_groups_are_stratified(seed):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(400), rng.integers(1, 20, 400))
    y = (rng.random(len(group)) < rng.beta(0.3, 3, 400)[group]).astype(int)
    n_gradient = whole_batches(len(y), batch_size=32)
    parts = validation_share(y, np.arange(len(y)), n_gradient=n_gradient, seed=seed, group=group)
    for part in parts:
        assert y[part].mean() == pytest.approx(y.mean(), rel=0.05)


def test_rows_too_many_are_left_out_at_random_and_of_no_class_the_last_one():
    y = np.array([0] * 30 + [1] + [0] * 4 + [1])  # groups of 31 and of 5
    group = np.array([0] * 31 + [1] * 5)
    shares = [
        validation_share(y, np.arange(36), n_gradient=10, seed=seed, group=group)[0]
        for seed in range(20)
    ]
    for gradient in shares:
        assert len(gradient) == 10
        assert y[gradient].sum() == 1
    assert len({gradient.tobytes() for gradient in shares}) == 20


def test_rows_are_left_out_of_each_class_alike():
    y, group = codes(400, 200), np.arange(600) % 2  # two groups of 300, and 150 rows asked for
    gradient, _ = validation_share(y, np.arange(600), n_gradient=150, seed=0, group=group)
    side = np.flatnonzero(group == group[gradient[0]])
    assert abs(y[gradient].sum() - y[side].mean() * 150) <= 1.5


@pytest.mark.parametrize(
    ("y", "group", "n_gradient", "words"),
    [
        (codes(20, 20), np.arange(40) // 20, 34, "40 rows in 2 groups, the largest of 20"),
        (np.array([0] * 20 + [1] * 9), np.array([*range(20), *[20] * 9]), 20, "1 groups with"),
        (codes(20, 20), np.zeros(40, dtype=int), 20, "40 rows in 1 groups"),
        (codes(20, 20), np.arange(40), 40, "40 rows at least"),
        (codes(20, 20), np.arange(40), 1, "1 rows at least"),
    ],
)
def test_groups_that_cannot_be_shared_are_one_clear_line(y, group, n_gradient, words):
    with pytest.raises(SplitError) as caught:
        validation_share(y, np.arange(len(y)), n_gradient=n_gradient, seed=0, group=group)
    message = str(caught.value)
    assert message.isprintable()
    assert words in message
    assert message.endswith("take smaller batches, or --patience 0")
