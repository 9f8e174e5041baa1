import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outweigh._errors import SplitError, UsageError
from outweigh._split import stratified, validation_share, whole_batches


def codes(*counts: int) -> np.ndarray:
    y = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(0).permutation(y)


splits = st.tuples(
    st.lists(st.integers(12, 40), min_size=2, max_size=4).map(lambda counts: codes(*counts)),
    st.integers(2, 5),
    st.sampled_from([0.0, 0.2, 0.4]),
    st.integers(0, 99),
)


@given(splits)
def test_each_row_is_tested_or_held_out_once(drawn):
    y, folds, test_size, seed = drawn
    split = stratified(y, folds=folds, test_size=test_size, seed=seed)
    held_out = np.concatenate([fold.held_out for fold in split.folds])
    assert np.sort(np.concatenate([held_out, split.test])).tolist() == list(range(len(y)))
    for fold in split.folds:
        together = np.concatenate([fold.training, fold.held_out, split.test])
        assert np.sort(together).tolist() == list(range(len(y)))
        for rows in (fold.training, fold.held_out, split.test):
            assert rows.dtype == np.int64
            assert (np.diff(rows) > 0).all()


@given(splits)
def test_every_part_has_its_share_of_each_class(drawn):
    y, folds, test_size, seed = drawn
    split = stratified(y, folds=folds, test_size=test_size, seed=seed)
    total = np.bincount(y)
    in_test = np.bincount(y[split.test], minlength=len(total))
    assert (np.abs(in_test - test_size * total) <= 1.5).all()
    in_folds = np.array([np.bincount(y[fold.held_out]) for fold in split.folds])
    assert (np.ptp(in_folds, axis=0) <= 1).all()


def test_the_seed_decides():
    y = codes(50, 20)
    first, again, other = (stratified(y, test_size=0.2, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)
    for one, two in zip(first.folds, again.folds, strict=True):
        assert np.array_equal(one.held_out, two.held_out)


@pytest.mark.parametrize(
    ("y", "asked", "words"),
    [
        (codes(50, 3), {}, "fewer positives (3) than folds (5): ask for --folds 3 or collect more"),
        (codes(3, 50), {}, "fewer negatives (3) than folds (5)"),
        (codes(50, 1), {}, "fewer positives (1) than folds (5): collect more"),
        (codes(50, 50, 4), {}, "fewer rows of the smallest class (4) than folds (5)"),
        (codes(50, 5), {"test_size": 0.2}, "positives outside the test part (4) than folds (5)"),
        (codes(50, 5), {"test_size": 0.95}, "outside the test part"),
        (codes(50, 5), {"test_size": 0.01}, "must hold rows of each class"),
        (codes(50, 5), {"test_size": 0.05}, "must hold rows of each class"),
        (codes(50, 5), {"test_size": 0.99}, "must hold rows of each class"),
    ],
)
def test_too_few_rows_of_a_class_are_one_clear_line(y, asked, words):
    with pytest.raises(SplitError) as caught:
        stratified(y, **asked)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"folds": 1}, "--folds must be at least 2; came 1"),
        ({"test_size": 1.0}, "--test-size must be at least 0 and below 1; came 1.0"),
        ({"test_size": -0.1}, "came -0.1"),
        ({"test_size": float("nan")}, "came nan"),
    ],
)
def test_shares_that_make_no_sense_are_usage_errors(asked, words):
    with pytest.raises(UsageError) as caught:
        stratified(codes(50, 50), **asked)
    assert words in str(caught.value)


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


@given(st.integers(0, 99))
def test_the_validation_share_is_stratified_and_its_size_is_given(seed):
    y, rows = codes(150, 60), np.arange(10, 210)
    gradient, validation = validation_share(y, rows, n_gradient=160, seed=seed)
    assert len(gradient) == 160
    assert np.sort(np.concatenate([gradient, validation])).tolist() == rows.tolist()
    assert (np.diff(gradient) > 0).all()
    assert (np.diff(validation) > 0).all()
    assert abs(y[validation].sum() - 0.2 * y[rows].sum()) <= 1


def test_each_seed_has_a_validation_share_of_its_own():
    y, rows = codes(150, 50), np.arange(200)
    shares = [validation_share(y, rows, n_gradient=160, seed=seed)[1] for seed in range(5)]
    assert len({share.tobytes() for share in shares}) == 5


@pytest.mark.parametrize(
    ("y", "n_gradient"), [(codes(20, 1), 16), (codes(20, 5), 24), (codes(20, 5), 25)]
)
def test_a_class_that_cannot_be_shared_is_one_clear_line(y, n_gradient):
    with pytest.raises(SplitError, match="give rows of each class to training and validation"):
        validation_share(y, np.arange(len(y)), n_gradient=n_gradient, seed=0)
