"""Counting in batches is counting at once."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outweigh import DataError, UsageError, class_weight, count_classes

LABELS = st.one_of(
    st.lists(st.integers(-3, 3), max_size=40),
    st.lists(st.booleans(), max_size=40),
    st.lists(st.sampled_from(["a", "b", "ß", " "]), max_size=40),
)


@given(LABELS, st.lists(st.integers(0, 40), max_size=5))
def test_batches_count_as_the_whole(labels, cuts):
    edges = [0, *sorted(cuts), len(labels)]
    batches = (labels[a:b] for a, b in pairwise(edges))
    assert count_classes(batches) == Counter(labels)


def test_counts_serve_where_labels_do():
    y = np.random.default_rng(0).choice([3, 1, 2], 1000, p=[0.7, 0.2, 0.1])
    counts = count_classes(np.array_split(y, 7))
    assert list(counts) == [1, 2, 3]
    for rule in ("balanced", "sqrt", {1: 5, 2: 9, 3: 1}):
        assert class_weight(counts, rule) == class_weight(y, rule)
    assert class_weight(Counter(y), "balanced") == class_weight(y)  # NumPy's numbers as keys


@pytest.mark.parametrize(
    "make",
    [
        np.array,
        tuple,
        pd.Series,
        lambda y: pd.Series(y, dtype="category"),
        pl.Series,
        pa.array,
        lambda y: pa.array(y).dictionary_encode(),
        lambda y: pa.chunked_array([y, y[:0]]),
    ],
    ids=["NumPy", "tuple", "pandas", "categories", "polars", "Arrow", "dictionary", "chunked"],
)
def test_batches_may_be_any_array_of_labels(make):
    assert count_classes(make(y) for y in (["a", "b"], ["a"])) == {"a": 2, "b": 1}


def test_one_batch_is_held_at_a_time():
    freed = []

    class Batch(list):
        def __del__(self):
            freed.append(1)

    def batches():
        for i in range(3):
            assert len(freed) == i
            yield Batch([0, 1])

    assert count_classes(batches()) == {0: 3, 1: 3}


def test_an_empty_batch_adds_nothing():
    assert count_classes([[], [0, 1], np.array([])]) == {0: 1, 1: 1}
    assert count_classes([]) == {}


@pytest.mark.parametrize(
    ("batches", "says"),
    [
        (np.array([0, 1]), r"came one ndarray: pass \[y\]"),
        (np.eye(2), "came one ndarray"),  # its rows would pass for batches
        (pd.Series([0, 1]), "came one Series"),
        (pd.DataFrame({"y": [0, 1]}), "came one DataFrame"),
        ("0110", "came one str"),
        (7, "came one int"),
        (Counter({0: 1}), "came one Counter"),
        ([0, 1], r"batch 1 must hold one label per row; came int of shape \(\)"),
        (
            [[0, 1], np.eye(2)],
            r"batch 2 must hold one label per row.* has shape \(2, 2\): say kind=",
        ),
        ([(np.ones((3, 2)), np.ones(3))], "batch 1 must hold one label per row"),
    ],
)
def test_what_is_no_batches_of_labels_is_refused(batches, says):
    with pytest.raises(UsageError, match=says):
        count_classes(batches)


@pytest.mark.parametrize(
    ("batches", "says"),
    [
        ([[0, 1], [0, None]], "1 of 2 in batch 2 are missing"),
        ([[0, 1], np.array([0, np.nan])], "1 of 2 in batch 2 are missing"),
        ([["a", ""]], "1 of 2 in batch 1 are missing"),
        ([[0, 1], ["0"]], "one plain kind; up to batch 2 they are numbers and text"),
        ([[0, 1], [True]], "up to batch 2 they are numbers and truth values"),
        ([[0.5]], "must be whole"),
        ([[float("inf")]], "finite numbers"),
    ],
)
def test_labels_that_cannot_be_counted_are_bad_data(batches, says):
    with pytest.raises(DataError, match=says):
        count_classes(batches)


@pytest.mark.parametrize(
    ("counts", "error", "says"),
    [
        ({0: 5, 1: 0}, UsageError, "whole number from 1; class 1 has 0: leave absent classes out"),
        ({0: 5, 1: -1}, UsageError, "class 1 has -1"),
        ({0: 5, 1: 0.5}, UsageError, "class 1 has 0.5"),
        ({0: 5, 1: True}, UsageError, "class 1 has True"),
        ({0: 5, None: 2}, DataError, "2 of 7 in y are missing"),
        ({0: 5, "1": 2}, DataError, "they are numbers and text"),
        ({0: 5, (1, 2): 2}, DataError, "encode it"),
        ({0: 5}, DataError, "it is always 0"),
        ({}, DataError, "it has no rows"),
    ],
)
def test_counts_that_cannot_be_are_refused(counts, error, says):
    with pytest.raises(error, match=says):
        class_weight(Counter(counts))


def test_a_dict_is_not_taken_for_counts():
    with pytest.raises(UsageError, match="y must hold one label per row; came dict"):
        class_weight({0: 90, 1: 10})
