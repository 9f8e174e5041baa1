from functools import partial

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from outweigh._errors import SplitError, UsageError
from outweigh._groups import duplicate_groups
from outweigh._split import Split, divide


def codes(*counts: int) -> np.ndarray:
    y = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(0).permutation(y)


def by_class(y: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.bincount(y[rows], minlength=y.max() + 1)


def numbers_of(split: Split) -> list[list[int]]:
    parts = [part for fold in split.folds for part in (fold.training, fold.held_out)]
    return [part.tolist() for part in (*parts, split.test, split.always_training)]


def one_line(error: pytest.ExceptionInfo, *words: str) -> bool:
    message = str(error.value)
    return message.isprintable() and ": " in message and all(word in message for word in words)


def assert_no_group_is_cut(split: Split, group: np.ndarray) -> None:
    for fold in split.folds:
        assert not set(group[fold.training]) & set(group[fold.held_out])
        assert not set(group[fold.training]) & set(group[split.test])
        assert not set(group[fold.held_out]) & set(group[split.test])


splits = st.tuples(
    st.lists(st.integers(12, 40), min_size=2, max_size=4).map(lambda counts: codes(*counts)),
    st.integers(2, 5),
    st.sampled_from([0.0, 0.2, 0.4]),
    st.integers(0, 99),
)
tables = st.integers(2, 3).flatmap(
    lambda n_classes: st.lists(
        st.tuples(st.integers(0, n_classes - 1), st.integers(0, 24), st.integers(0, 9)),
        min_size=30,
        max_size=90,
    ).map(lambda rows: np.array([(k, 0, 0) for k in range(n_classes)] + rows).T)
)  # y, group, time; each class has a row


# --- every split


@given(splits, st.integers(1, 3))
def test_each_row_is_tested_or_in_each_repetition_held_out_once(drawn, repeats):
    y, folds, test_size, seed = drawn
    split = divide(y, folds=folds, repeats=repeats, test_size=test_size, seed=seed)
    assert len(split.folds) == folds * repeats
    for repeat in range(repeats):
        held_out = [fold.held_out for fold in split.folds if fold.repeat == repeat]
        assert np.sort(np.concatenate([*held_out, split.test])).tolist() == list(range(len(y)))
    for fold in split.folds:
        together = np.concatenate([fold.training, fold.held_out, split.test])
        assert np.sort(together).tolist() == list(range(len(y)))


@given(tables, st.booleans(), st.booleans(), st.integers(1, 2))
def test_parts_are_disjoint_sorted_row_numbers(table, grouped, timed, repeats):
    y, group, time = table
    asked = {"group": group} if grouped else {}
    asked |= {"time": time, "test_size": 0.2} if timed else {"repeats": repeats}
    try:
        split = divide(y, folds=2, **asked)
    except SplitError:
        return
    for fold in split.folds:
        together = np.concatenate([fold.training, fold.held_out, split.test])
        assert len(np.unique(together)) == len(together)
        assert np.isin(split.always_training, fold.training).all()
        for rows in (fold.training, fold.held_out, split.test, split.always_training, split.rest):
            assert rows.dtype == np.int64
            assert (np.diff(rows) > 0).all()


@given(splits)
def test_every_part_has_its_share_of_each_class_to_within_a_row(drawn):
    y, folds, test_size, seed = drawn
    split = divide(y, folds=folds, test_size=test_size, seed=seed)
    assert (np.abs(by_class(y, split.test) - test_size * np.bincount(y)) <= 1.5).all()
    ideal = by_class(y, split.rest) / folds
    for fold in split.folds:
        assert (np.abs(by_class(y, fold.held_out) - ideal) < 1).all()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"test_size": 0.2},
        {"repeats": 2},
        {"group": np.arange(280) // 4},
        {"group": np.arange(280) // 4, "test_size": 0.2, "repeats": 2},
        {"group": np.repeat(np.arange(23), np.arange(1, 24) + (np.arange(1, 24) > 19))},
    ],
)
def test_the_seed_decides(asked):
    first, again, other = (divide(codes(200, 80), seed=seed, **asked) for seed in (1, 1, 2))
    assert numbers_of(first) == numbers_of(again)
    assert numbers_of(first) != numbers_of(other)
    if "test_size" in asked:
        assert first.test.tolist() != other.test.tolist()


def test_repetitions_differ_in_all_but_the_test_part_and_no_seed_has_anothers():
    y = codes(60, 30)
    seen = {
        fold.held_out.tobytes()
        for seed in range(4)
        for fold in divide(y, folds=3, repeats=4, seed=seed).folds
    }
    assert len(seen) == 4 * 4 * 3
    once, more = (divide(y, repeats=repeats, test_size=0.2) for repeats in (1, 3))
    assert once.test.tolist() == more.test.tolist()
    assert numbers_of(once)[:10] == numbers_of(more)[:10]
    assert [fold.repeat for fold in more.folds] == [0] * 5 + [1] * 5 + [2] * 5


@pytest.mark.parametrize("seed", range(5))
def test_folds_do_not_depend_on_which_class_has_which_code(seed):
    y, group = codes(150, 60), np.random.default_rng(seed).integers(0, 60, 210)
    for asked in ({}, {"group": group}, {"group": group, "test_size": 0.2}):
        assert numbers_of(divide(y, seed=seed, **asked)) == numbers_of(
            divide(1 - y, seed=seed, **asked)
        )


def test_the_final_model_may_learn_from_what_is_no_test_row():
    split = divide(codes(50, 50, 3), test_size=0.2)
    assert split.rest.tolist() == np.setdiff1d(np.arange(103), split.test).tolist()


# --- stratified


def test_folds_and_test_part_are_those_that_studies_always_had():
    y = np.array(list("001002010020100021000102010012"), dtype=int)
    split = divide(y, folds=3, test_size=0.2, seed=7)
    assert split.test.tolist() == [2, 6, 9, 14, 23, 24]
    assert [fold.held_out.tolist() for fold in split.folds] == [
        [3, 7, 8, 11, 16, 20, 25, 27],
        [4, 10, 12, 15, 18, 21, 22, 26],
        [0, 1, 5, 13, 17, 19, 28, 29],
    ]


@pytest.mark.parametrize("seed", range(5))
def test_folds_are_scikit_learns(seed):
    y = codes(70, 40, 11)
    expected = StratifiedKFold(5, shuffle=True, random_state=seed).split(y, y)
    for fold, (training, held_out) in zip(divide(y, seed=seed).folds, expected, strict=True):
        assert fold.training.tolist() == training.tolist()
        assert fold.held_out.tolist() == held_out.tolist()


@pytest.mark.parametrize(
    ("y", "asked", "words"),
    [
        (codes(50, 3), {}, "fewer positives (3) than folds (5): ask for --folds 3 or collect more"),
        (codes(3, 50), {}, "fewer negatives (3) than folds (5)"),
        (codes(50, 1), {}, "fewer positives (1) than folds (5): collect more"),
        (codes(50, 5), {"test_size": 0.2}, "positives outside the test part (4) than folds (5)"),
        (codes(50, 5), {"test_size": 0.95}, "outside the test part"),
        (codes(50, 5), {"test_size": 0.01}, "must hold rows of each class"),
        (codes(50, 5), {"test_size": 0.05}, "must hold rows of each class"),
        (codes(50, 5), {"test_size": 0.99}, "must hold rows of each class"),
        (codes(50, 4, 3), {}, "at least two classes must have rows for each of 5 folds; 1 of 3"),
        (
            codes(2, *[1] * 998),
            {},
            "the target has 999 different values in 1,000 rows, most of them once: is it the ",
        ),
        (codes(50, 8, 7), {"test_size": 0.5}, "two classes must have rows outside the test part"),
    ],
)
def test_too_few_rows_of_a_class_are_one_clear_line(y, asked, words):
    with pytest.raises(SplitError) as caught:
        divide(y, **asked)
    assert one_line(caught, words)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"folds": 1}, "--folds must be at least 2; came 1"),
        ({"repeats": 0}, "--repeats must be at least 1; came 0"),
        ({"test_size": 1.0}, "--test-size must be at least 0 and below 1; came 1.0"),
        ({"test_size": -0.1}, "came -0.1"),
        ({"test_size": float("nan")}, "came nan"),
        ({"seed": -1}, "--seed must be at least 0 and below 2**32; came -1"),
        ({"seed": 2**32}, "came 4294967296"),
    ],
)
def test_numbers_that_make_no_sense_are_usage_errors(asked, words):
    with pytest.raises(UsageError) as caught:
        divide(codes(50, 50), **asked)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"time": np.arange(100), "repeats": 3}, "came --repeats 3 with --time: leave one"),
        ({"test": [1, 2], "test_size": 0.2}, "--test with --test-size 0.2: leave one"),
        ({"time": np.arange(99)}, "time must have a value for each of 100 rows; came 99"),
        ({"group": np.arange(9)}, "group must have a value for each of 100 rows; came 9"),
        ({"test": [1, 1]}, "came 2, 1 of them different: give each row once"),
        ({"test": [99, 100]}, "test rows must be numbers from 0 to 99"),
        ({"test": [-1, 4]}, "test rows must be numbers from 0 to 99"),
    ],
)
def test_options_that_make_no_sense_together_are_usage_errors(asked, words):
    with pytest.raises(UsageError) as caught:
        divide(codes(50, 50), **asked)
    assert one_line(caught, words)


# --- classes too rare to be judged


def test_three_rows_of_one_class_among_seven_always_train():
    y = codes(400, 200, 100, 50, 20, 10, 3)
    split = divide(y, repeats=2, seed=4)
    assert (y[split.always_training] == 6).all()
    assert len(split.always_training) == 3
    for fold in split.folds:
        assert np.isin(split.always_training, fold.training).all()
        assert (by_class(y, fold.held_out)[:6] > 0).all()
    held_out = np.concatenate([fold.held_out for fold in split.folds if fold.repeat == 1])
    assert np.sort(held_out).tolist() == np.flatnonzero(y < 6).tolist()


def test_a_class_too_rare_for_the_folds_is_not_spent_on_the_test_part():
    y = codes(100, 100, 1, 4)
    split = divide(y, test_size=0.5)
    assert by_class(y, split.test).tolist() == [52, 51, 0, 0]
    assert by_class(y, split.always_training).tolist() == [0, 0, 1, 4]


def test_a_class_that_the_test_part_left_too_few_rows_always_trains():
    y = codes(100, 100, 6)
    split = divide(y, test_size=0.5)
    assert by_class(y, split.always_training).tolist() == [0, 0, 3]


def test_with_groups_the_whole_group_of_a_rare_row_always_trains():
    y, group = np.array([0, 1] * 30 + [2, 0, 2, 1]), np.array([*range(60), 60, 60, 61, 61])
    split = divide(y, group=group)
    assert split.always_training.tolist() == [60, 61, 62, 63]
    assert_no_group_is_cut(split, group)


def test_a_class_that_loses_its_groups_to_a_rarer_one_always_trains_too():
    y = np.array([0, 1] * 20 + [2, 3] + [2] * 4)  # 5 groups hold class 2, and one of them class 3
    group = np.array([*range(40), 40, 40, 41, 42, 43, 44])
    assert divide(y, group=group).always_training.tolist() == list(range(40, 46))


def test_a_class_that_only_test_rows_have_is_one_clear_line():
    y = np.array([0, 1] * 10 + [0, 1, 2])
    with pytest.raises(SplitError) as caught:
        divide(y, test=[20, 21, 22])
    assert one_line(caught, "rows outside the test part; there are no rows of class code 2")


# --- groups


@given(tables, st.sampled_from([0.0, 0.1, 0.3]), st.integers(2, 4), st.integers(0, 99))
def test_no_group_is_on_both_sides_of_a_cut(table, test_size, folds, seed):
    y, group, _ = table
    try:
        split = divide(y, folds=folds, repeats=2, test_size=test_size, seed=seed, group=group)
    except SplitError:
        return
    assert_no_group_is_cut(split, group)
    for repeat in range(2):
        held_out = [fold.held_out for fold in split.folds if fold.repeat == repeat]
        together = np.concatenate([*held_out, split.test, split.always_training])
        assert np.sort(together).tolist() == list(range(len(y)))


few_groups = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=9)


def spelled_out(counts: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    y = np.concatenate([np.repeat([0, 1], count) for count in counts])
    return y, np.repeat(np.arange(len(counts)), [sum(count) for count in counts])


@given(few_groups, st.integers(2, 4), st.integers(0, 9))
def test_two_classes_are_in_every_fold_whenever_as_many_groups_hold_them(counts, folds, seed):
    y, group = spelled_out(counts)
    assume(len(np.unique(y)) == 2)
    holders = (np.array(counts) > 0).sum(axis=0)
    if holders.min() < folds:
        with pytest.raises(SplitError, match=rf"groups with \w+ \({holders.min()}\)"):
            divide(y, folds=folds, group=group, seed=seed)
        return
    for fold in divide(y, folds=folds, group=group, seed=seed).folds:
        assert by_class(y, fold.held_out).all()
        assert by_class(y, fold.training).all()


def uneven_groups(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    size = np.maximum(1, rng.lognormal(1.5, 1, 300)).astype(int)
    group = np.repeat(np.arange(300), size)
    return (rng.random(len(group)) < rng.beta(0.3, 3, 300)[group]).astype(int), group


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_dealt_no_worse_than_scikit_learn_does(seed):
    y, group = uneven_groups(seed)

    def spread(held_out: list[np.ndarray]) -> np.ndarray:
        return np.ptp([by_class(y, rows) for rows in held_out], axis=0)

    theirs = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(y, y, group)
    ours = spread([fold.held_out for fold in divide(y, group=group, seed=seed).folds])
    assert (ours <= np.maximum(spread([held_out for _, held_out in theirs]), 3)).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_test_part_of_whole_groups_has_its_share_of_each_class(seed):
    y, group = uneven_groups(seed)
    split = divide(y, group=group, test_size=0.2, seed=seed)
    assert np.abs(by_class(y, split.test) / np.bincount(y) - 0.2).max() < 0.01


def test_a_group_for_each_row_is_as_good_as_none():
    y = codes(203, 31)
    for fold in divide(y, group=np.arange(234)).folds:
        assert (np.abs(by_class(y, fold.held_out) - np.bincount(y) / 5) < 1).all()


@given(few_groups, st.integers(2, 4), st.floats(0.1, 0.5), st.integers(0, 9))
@example([(0, size) for size in (1, 3, 7, 7, 4, 4, 1)], 5, 0.2, 157)
def test_the_test_part_leaves_the_folds_their_groups_where_it_can(counts, folds, test_size, seed):
    y, group = spelled_out([*counts, *[(1, 0)] * 20])
    holders = sum(count[1] > 0 for count in counts)
    if holders <= folds:
        with pytest.raises(SplitError):
            divide(y, folds=folds, group=group, test_size=test_size, seed=seed)
        return
    split = divide(y, folds=folds, group=group, test_size=test_size, seed=seed)
    assert by_class(y, split.test).all()


def test_of_a_few_big_groups_the_test_part_is_the_nearest_of_several():
    off = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(25), rng.integers(5, 60, 25))
        y = (rng.random(len(group)) < rng.beta(0.5, 2, 25)[group]).astype(int)
        test = divide(y, group=group, test_size=0.2, seed=seed).test
        off.append(np.abs(by_class(y, test) / np.bincount(y) - 0.2).max())
    assert np.mean(off) < 0.01


@pytest.mark.parametrize(
    ("y", "group", "asked", "words"),
    [
        (
            np.array([0] * 20 + [1] * 9),
            np.array([*range(20), *[20, 21, 22] * 3]),
            {},
            "fewer groups with positives (3) than folds (5): ask for --folds 3 or collect more",
        ),
        (
            np.array([0] * 20 + [1] * 9),
            np.array([*range(20), *[20] * 9]),
            {},
            "fewer groups with positives (1) than folds (5): collect more",
        ),
        (
            np.array([0] * 20 + [1] * 5),
            np.arange(25),
            {"test_size": 0.3},
            "fewer groups with positives outside the test part (3) than folds (5): ask for",
        ),
        (
            np.array([0, 1, 1, 2, 2, 0]),
            np.array([0, 0, 1, 1, 2, 2]),
            {"folds": 2},
            "each of 2 folds must hold a group of each class; these 3 groups cannot be dealt so",
        ),
        (
            np.array([0] * 20 + [1, 2] * 9),
            np.array([*range(20), *[20, 21, 22] * 6]),
            {},
            "at least two classes must have groups for each of 5 folds; 1 of 3 have: ask for",
        ),
    ],
)
def test_too_few_groups_are_one_clear_line(y, group, asked, words):
    with pytest.raises(SplitError) as caught:
        divide(y, group=group, **asked)
    assert one_line(caught, words)


# --- given test rows


def test_given_test_rows_are_the_test_part():
    y = codes(50, 20)
    split = divide(y, test=np.arange(69, 49, -1), repeats=2)
    assert split.test.tolist() == list(range(50, 70))
    held_out = np.concatenate([fold.held_out for fold in split.folds if fold.repeat == 1])
    assert np.sort(held_out).tolist() == list(range(50))


def test_a_row_that_shares_its_group_with_a_given_test_row_is_in_no_part():
    y, group = np.array([0, 1] * 20), np.array([*range(38), 0, 1])
    split = divide(y, test=[38, 39], group=group)
    assert split.rest.tolist() == list(range(2, 38))
    assert_no_group_is_cut(split, group)


@pytest.mark.parametrize(
    ("y", "test", "words"),
    [
        (codes(40, 40), np.flatnonzero(codes(40, 40) == 0)[:9], "the 9 given have no positives"),
        (codes(40, 40), [], "the 0 given have no negatives"),
        (codes(40, 40, 9), [0], "the 1 given have rows of fewer than two classes"),
        (codes(40, 6), [*np.flatnonzero(codes(40, 6))[1:], 0, 1], "than folds (5)"),
    ],
)
def test_test_rows_that_cannot_serve_are_one_clear_line(y, test, words):
    with pytest.raises(SplitError) as caught:
        divide(y, test=test)
    assert one_line(caught, words)


# --- time


@given(tables, st.integers(2, 4), st.sampled_from([0.0, 0.2]), st.booleans())
def test_nobody_is_judged_by_a_model_that_saw_a_later_row(table, folds, test_size, grouped):
    y, group, time = table
    forward = partial(divide, y, folds=folds, time=time, test_size=test_size)
    try:
        split = forward(group=group) if grouped else forward()
    except SplitError:
        return
    judged = np.concatenate([fold.held_out for fold in split.folds])
    assert len(np.unique(judged)) == len(judged)
    for fold in split.folds:
        assert time[fold.training].max() < time[fold.held_out].min()
        assert by_class(y, fold.training).all()
        assert (by_class(y, fold.held_out) > 0).sum() > 1
    if test_size:
        assert time[split.rest].max() < time[split.test].min()
    if grouped:
        assert_no_group_is_cut(split, group)


@given(st.integers(2, 5), st.integers(0, 9))
def test_blocks_of_time_have_about_equal_numbers_of_rows(folds, seed):
    time = np.random.default_rng(seed).permutation(120)
    split = divide(time % 2, folds=folds, time=time, test_size=0.2)
    assert np.sort(time[split.test]).tolist() == list(range(96, 120))
    bounds = np.round(np.linspace(0, 96, folds + 2)).astype(int)
    for f, fold in enumerate(split.folds):
        low, high = time[fold.held_out].min(), time[fold.held_out].max() + 1
        assert abs(low - bounds[f + 1]) <= 1
        assert abs(high - bounds[f + 2]) <= 1
        assert np.sort(time[fold.training]).tolist() == list(range(low))


def test_rows_of_one_time_stay_together_and_no_block_is_empty():
    time = np.array([0, 0, 1, 1, *[2] * 20, 3, 3])
    split = divide(np.arange(26) % 2, folds=3, time=time)
    assert [sorted(set(time[fold.held_out])) for fold in split.folds] == [[1], [2], [3]]


def test_training_lacks_the_groups_of_the_block_that_judges_and_the_judged_rows_stay():
    y, time = np.tile([0, 1], 9), np.repeat([0, 1, 2], 6)
    group = np.array([0, 1, 2, 3, 4, 5, 0, 6, 7, 8, 9, 10, 2, 6, 11, 12, 13, 14])
    split = divide(y, folds=2, time=time, group=group)
    assert [fold.training.tolist() for fold in split.folds] == [
        [1, 2, 3, 4, 5],  # row 0 has the group of row 6
        [0, 1, 3, 4, 5, 6, 8, 9, 10, 11],  # rows 2 and 7 have the groups of rows 12 and 13
    ]
    assert [fold.held_out.tolist() for fold in split.folds] == [[*range(6, 12)], [*range(12, 18)]]


@pytest.mark.parametrize(
    ("y", "time", "asked", "words"),
    [
        (
            np.array([0] * 30 + [1] * 30),
            np.arange(60),
            {},
            "of 6 blocks, what comes before block 2 has no positives: ask for fewer --folds than 5",
        ),
        (
            np.array([0, 1] * 10 + [0] * 10),
            np.arange(30),
            {"folds": 2},
            "of 3 blocks, block 3 has no positives: collect more",
        ),
        (
            np.array([0, 1, 2] * 10 + [0, 1] * 15),
            np.arange(60)[::-1],
            {"folds": 3},
            "of 4 blocks, what comes before block 2 has no rows of class code 2",
        ),
        (
            np.array([0, 1] * 20),
            np.repeat([0, 1, 2, 3], 10),
            {},
            "6 blocks of time need as many different times; these rows have 4",
        ),
        (np.array([0, 1] * 20), np.zeros(40), {"test_size": 0.2}, "2 blocks of time need"),
        (
            np.array([0, 1] * 20 + [0] * 10),
            np.arange(50),
            {"test_size": 0.1},
            "the latest 5 have no positives: ask for a larger --test-size",
        ),
    ],
)
def test_time_that_cannot_be_cut_is_one_clear_line(y, time, asked, words):
    with pytest.raises(SplitError) as caught:
        divide(y, time=time, **asked)
    assert one_line(caught, words)


def test_a_group_through_all_time_is_one_clear_line():
    y, time = np.tile([0, 1], 30), np.arange(60)
    with pytest.raises(SplitError) as caught:
        divide(y, time=time, group=np.where(y == 1, 0, time))
    assert one_line(caught, "what comes before block 2, less its groups, has no positives")


# --- copies of rows


@given(st.integers(0, 99))
def test_copies_are_never_on_both_sides(seed):
    rng = np.random.default_rng(seed)
    matrix, y = rng.integers(0, 5, (150, 3)), rng.integers(0, 2, 150)
    customer = rng.integers(0, 120, 150)
    for group in (duplicate_groups(matrix), duplicate_groups(matrix, customer)):
        try:
            split = divide(y, folds=3, test_size=0.2, group=group, seed=seed)
        except SplitError:
            continue
        for fold in split.folds:
            parts = [set(map(bytes, matrix[r])) for r in (fold.training, fold.held_out, split.test)]
            assert not parts[0] & parts[1]
            assert not parts[0] & parts[2]
            assert not parts[1] & parts[2]
