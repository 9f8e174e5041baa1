"""Findings on rows: each is made where it should be, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from outweigh._groups import copied, duplicate_groups
from outweigh._split import Fold, Split
from outweigh._table import from_arrays
from tests.evidence import ask, of_table
from tests.trainers import table_of


def labelled(*counts):
    """A table of so many rows of each class, all different."""
    y = np.repeat(np.arange(len(counts)), counts)
    return table_of(np.arange(2.0 * len(y)).reshape(-1, 2), y, tuple(range(len(counts))))


def with_copies(n, *, of_class=0):
    """300 rows, 60 of them positive; the last n are copies of the first of their class."""
    x, y = np.random.default_rng(0).normal(size=(300, 2)), np.arange(300) % 5 == 0
    y = y.astype(int)
    to = np.flatnonzero(y == of_class)[-n:] if n else []
    x[to] = x[np.flatnonzero(y == of_class)[:n]]
    return table_of(x, y)


def test_a_class_that_is_never_judged_is_named():
    found = ask("class-not-judged", of_table(labelled(70, 30, 2)))
    assert "2 (2)" in found.findings[0].title
    assert ask("class-not-judged", of_table(labelled(70, 30, 3))).state == "clear"
    assert ask("class-not-judged", of_table(labelled(70, 30))).state == "not applicable"


@pytest.mark.parametrize(
    ("counts", "state"), [((60, 30), "clear"), ((60, 29), "found"), ((29, 60), "found")]
)
def test_ten_rows_of_the_rarer_class_must_judge_each_fold(counts, state):
    assert ask("few-positives-in-fold", of_table(labelled(*counts))).state == state


def test_all_classes_but_the_most_frequent_count_together():
    assert ask("few-positives-in-fold", of_table(labelled(60, 15, 15))).state == "clear"
    found = ask("few-positives-in-fold", of_table(labelled(60, 12, 15)))
    assert found.findings[0].title.startswith("3 of 3 folds")
    assert found.findings[0].title.endswith("is 9.")


def test_rows_of_weight_0_judge_nothing():
    table = labelled(60, 30)
    weight = np.ones(90)
    assert (
        ask("few-positives-in-fold", of_table(replace(table, row_weight=weight))).state == "clear"
    )
    weight[-1] = 0
    assert (
        ask("few-positives-in-fold", of_table(replace(table, row_weight=weight))).state == "found"
    )


def test_copies_in_other_folds_are_counted_as_by_brute_force():
    e = of_table(with_copies(20))
    x, y = e.table.columns.numbers, e.table.y
    across = {
        i
        for fold in e.split.folds
        for i in fold.held_out
        if (x[fold.training] == x[i]).all(axis=1).any()
    }
    assert len(across) > 10
    title = ask("duplicates-across-folds", e).findings[0].title
    assert title.startswith(f"{len(across)} of 300 rows ")
    assert "and 0 of them are of another class" in title
    assert len(set(y[list(across)])) == 1


def test_copies_of_another_class_than_most_are_counted():
    x = np.random.default_rng(0).normal(size=(300, 2))
    x[:40] = 5.0
    y = np.arange(300) % 3
    y[:40] = np.repeat([0, 1, 2], [34, 4, 2])
    title = ask("duplicates-across-folds", of_table(table_of(x, y, (0, 1, 2)))).findings[0].title
    assert title.startswith("40 of 300 rows")
    assert "and 6 of them are of another class" in title


def test_few_copies_are_no_finding_unless_they_are_many_of_the_rare_rows():
    assert ask("duplicates-across-folds", of_table(with_copies(0))).state == "clear"
    rare = labelled(2000, 60)
    for pairs, of_class, state in ((2, 1, "found"), (1, 1, "clear"), (2, 0, "clear")):
        x, first = rare.columns.numbers.copy(), 2000 * of_class
        x[first : first + pairs] = x[first + 20 : first + 20 + pairs]
        e = of_table(table_of(x, rare.y), folds=60 if of_class else 3)
        assert ask("duplicates-across-folds", e).state == state


def test_copies_that_are_kept_together_are_no_question():
    e = of_table(with_copies(20), duplicates_together=True)
    assert ask("duplicates-across-folds", e).state == "not applicable"


def test_copies_in_one_group_are_on_one_side():
    table = with_copies(20)
    group = duplicate_groups(table.columns.comparable())
    assert ask("duplicates-across-folds", of_table(replace(table, group=group))).state == "clear"


def test_copies_of_earlier_rows_and_of_test_rows_are_on_the_other_side():
    x = np.random.default_rng(0).normal(size=(300, 2))
    x[250:] = x[:50]  # the last block of time repeats the first, which never judges
    y = np.arange(300) % 2
    in_time = table_of(x, y, time=np.arange(300))
    for e in (of_table(in_time, folds=2), of_table(in_time, folds=2, test_size=50 / 300)):
        assert ask("duplicates-across-folds", e).findings[0].title.startswith("100 of 300 rows")


def test_copies_in_no_part_are_on_no_side():
    x = np.random.default_rng(0).normal(size=(300, 2))
    x[200:] = x[:100]
    e = of_table(table_of(x, np.arange(300) % 2))
    rows = np.arange(200)
    e.split = Split((Fold(rows[::2], rows[1::2]), Fold(rows[1::2], rows[::2])), rows[:0])
    assert ask("duplicates-across-folds", e).state == "clear"


def test_a_gap_equals_a_gap_and_a_text_itself_only():
    rows = [[np.nan, "a"], [1.0, "a"], [np.nan, "a"], [1.0, None], [-0.0, "b"], [0.0, "b"]]
    table = from_arrays(rows, [0, 1, 0, 0, 0, 0])
    found, group = copied(table.columns.comparable())
    assert found.tolist() == [0, 2, 4, 5]
    assert group[0] == group[1] != group[2] == group[3]


@pytest.mark.parametrize("seed", range(5))
def test_copies_are_found_as_byte_for_byte(seed):
    matrix = np.random.default_rng(seed).integers(0, 4, size=(100, 4)).astype(float)
    group = duplicate_groups(matrix)
    expected = np.flatnonzero(np.bincount(group)[group] > 1)
    rows, mine = copied(matrix)
    assert rows.tolist() == expected.tolist()
    assert ((mine[:, None] == mine) == (group[rows][:, None] == group[rows])).all()


def test_rows_that_meet_by_their_hash_alone_are_no_copies(monkeypatch):
    monkeypatch.setattr("outweigh._groups._hash", lambda matrix: np.zeros(len(matrix)))
    rows, group = copied(np.array([[1.0], [2.0], [1.0], [3.0]]))
    assert rows.tolist() == [0, 2]
    assert group[0] == group[1]


def test_a_table_without_copies_has_none():
    for matrix in (np.arange(3.0)[:, None], np.empty((0, 2))):
        assert [len(each) for each in copied(matrix)] == [0, 0]


def test_every_repetition_of_the_split_counts():
    table = with_copies(2, of_class=1)
    one = [of_table(table, repeats=r) for r in (1, 9)]
    titles = [ask("duplicates-across-folds", e).findings for e in one]
    assert titles[1][0].title.startswith("4 of 300")
