import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outweigh._errors import UsageError
from outweigh._groups import choose, deal, duplicate_groups, lacking, misfit, tally

small_matrices = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 12)), min_size=1, max_size=30
).map(np.array)
some_counts = st.integers(2, 3).flatmap(
    lambda n_classes: st.lists(
        st.tuples(*[st.integers(0, 4)] * n_classes).filter(any), min_size=2, max_size=12
    ).map(np.array)
)


def same_group(code: np.ndarray) -> np.ndarray:
    return code[:, None] == code


def linked(related: np.ndarray) -> np.ndarray:
    """Follow links from row to row, (N, N), until no new one turns up."""
    while not np.array_equal(farther := (related.astype(int) @ related) > 0, related):
        related = farther
    return related


# --- duplicate_groups


@given(small_matrices)
def test_rows_share_a_code_when_a_chain_of_copies_and_groups_links_them(drawn):
    matrix, group = drawn[:, :2].astype(np.float32), drawn[:, 2]
    copies = (matrix[:, None] == matrix).all(axis=2)
    assert np.array_equal(same_group(duplicate_groups(matrix)), copies)
    joined = duplicate_groups(matrix, group)
    assert np.array_equal(same_group(joined), linked(copies | same_group(group)))
    assert joined.dtype == np.int64
    assert set(joined) == set(range(joined.max() + 1))


@given(small_matrices, st.randoms(use_true_random=False))
def test_permuting_rows_permutes_nothing_but_their_numbers(drawn, random):
    order = np.array(random.sample(range(len(drawn)), len(drawn)))
    matrix, group = drawn[:, :2], drawn[:, 2]
    for before, after in (
        (duplicate_groups(matrix), duplicate_groups(matrix[order])),
        (duplicate_groups(matrix, group), duplicate_groups(matrix[order], group[order])),
    ):
        assert np.array_equal(same_group(before)[order][:, order], same_group(after))


def test_copies_are_equal_byte_for_byte():
    nan = np.nan
    assert duplicate_groups([[nan, 1.0], [nan, 1.0], [0.0, 1.0], [-0.0, 1.0]]).tolist() == (
        duplicate_groups([[2, 2], [2, 2], [0, 0], [1, 1]]).tolist()
    )


def test_a_matrix_stored_column_by_column_has_the_same_copies():
    matrix = np.random.default_rng(0).integers(0, 3, (40, 2))
    by_column = np.asfortranarray(matrix)
    assert np.array_equal(duplicate_groups(matrix), duplicate_groups(by_column))


@pytest.mark.parametrize("matrix", [np.array([["a", 1]], dtype=object), np.arange(3)])
def test_what_is_no_matrix_of_numbers_is_refused(matrix):
    with pytest.raises(UsageError, match="in a matrix of numbers; came"):
        duplicate_groups(matrix)


# --- tally, deal, choose


@given(small_matrices)
def test_a_tally_counts_each_row_once(drawn):
    y, group = drawn[:, 1], drawn[:, 2]
    number, counts = tally(y, group, 3)
    assert counts.sum() == len(y)
    assert np.array_equal(same_group(number), same_group(group))
    assert (counts[number, y] > 0).all()


@given(some_counts, st.integers(0, 9))
def test_alike_groups_dealt_in_one_stroke_are_dealt_as_one_by_one(counts, seed):
    alike = np.repeat(counts[:1], 17, axis=0)
    part = deal(alike, [0.5, 0.3, 0.2], rng=np.random.default_rng(seed))
    load = np.zeros(3)
    for _ in range(17):  # each to where it costs least
        load[((2 * load + 1) / np.array([0.5, 0.3, 0.2])).argmin()] += 1
    assert np.bincount(part, minlength=3).tolist() == load.tolist()


@given(some_counts, st.integers(0, 9))
def test_no_part_overflows(counts, seed):
    room = np.array([np.inf, counts.sum() // 4])
    part = deal(counts, [0.5, 0.5], rng=np.random.default_rng(seed), room=room)
    assert set(part) <= {0, 1}
    assert counts[part == 1].sum() <= room[1]


@given(some_counts, st.integers(1, 20), st.integers(0, 9))
@example(np.array([(0, 1, 2), (2, 0, 1), (2, 3, 0)]), 7, 246)  # the last class goes across whole
@example(np.array([(2, 0, 2), (2, 2, 0), (0, 2, 2)]), 9, 2623)
def test_chosen_groups_fit_and_leave_each_class_behind(counts, most, seed):
    most = min(most, counts.sum() - 1)
    if most < 1:
        return
    chosen = choose(counts, most, rng=np.random.default_rng(seed))
    assert counts[chosen].sum() <= most
    assert (counts[~chosen].any(axis=0) == counts.any(axis=0)).all()
    could_go = counts[~chosen].sum(axis=1) <= most - counts[chosen].sum()
    assert could_go.sum() <= counts.shape[1]  # for each class one that stays


@pytest.mark.parametrize(
    ("counts", "most"),
    [
        ([(4, 0), (0, 3), (4, 1)], 6),
        ([(0, 5), (2, 1), (3, 0)], 6),
        ([(1, 0), (0, 5), (2, 2), (1, 4)], 4),
    ],
)
def test_one_group_of_both_classes_is_chosen_where_two_of_one_do_not_fit(counts, most):
    for seed in range(5):
        chosen = choose(np.array(counts), most, rng=np.random.default_rng(seed))
        assert np.array(counts)[chosen].any(axis=0).all()


@pytest.mark.parametrize(
    "counts",
    [
        [(0, 3, 3), (2, 0, 0), (2, 3, 0), (3, 0, 3)],
        [(3, 0, 0), (1, 0, 3), (0, 3, 1), (3, 2, 0)],
        [(0, 3, 2), (1, 0, 0), (2, 0, 3), (1, 2, 0)],
    ],
)
def test_the_class_of_the_fewest_groups_is_dealt_first_where_classes_are_bound_up(counts):
    for seed in range(10):
        part = deal(np.array(counts), [0.5, 0.5], rng=np.random.default_rng(seed))
        assert not lacking(np.array(counts), part, 2).any()


def test_big_groups_of_different_sizes_are_dealt_differently_by_different_seeds():
    counts = np.column_stack([np.arange(100, 130), np.arange(10, 40)])
    dealt = {deal(counts, [0.5, 0.5], rng=np.random.default_rng(s)).tobytes() for s in range(8)}
    assert len(dealt) == 8


def test_a_misfit_can_be_checked_with_a_pencil():
    counts, part = np.array([[3, 0], [1, 1]]), np.array([0, 1])
    # classes 3/4 and 1/4, 0 and 1, all rows 3/5 and 2/5; each part's share is 1/2
    expected = (2 * 0.25**2 + 2 * 0.5**2 + 2 * 0.1**2) / 0.5
    assert misfit(counts, part, [0.5, 0.5]) == pytest.approx(expected)


def test_a_class_that_no_group_has_is_lacking_nowhere():
    assert not lacking(np.array([[1, 0], [1, 0]]), np.array([0, 1]), 2).any()
