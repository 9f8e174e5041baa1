"""A grouping: every row in one group, by its value alone, under a name that is true."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outweigh._grouping import MOST_GROUPS, grouping
from outweigh._segment import segment


def groups(values, **options):
    """Names of the groups with the numbers of their rows, and the kind."""
    found = grouping(segment("s", pa.array(values, from_pandas=True), **options).values)
    count = np.bincount(found.code, minlength=len(found.names))
    return dict(zip(found.names, count.tolist(), strict=True)), found.kind


def test_few_values_are_a_group_each_those_of_most_rows_first():
    assert groups(["b", "a", "b", "c", "a", "b"]) == ({"b": 3, "a": 2, "c": 1}, "categories")
    assert groups(["b", "a", "c"]) == ({"a": 1, "b": 1, "c": 1}, "categories")
    assert groups([3, 10, 10, 2]) == ({"10": 2, "2": 1, "3": 1}, "categories")
    assert groups([0.5, 2.0, 2.0]) == ({"2": 2, "0.5": 1}, "categories")
    assert groups([True, False, False]) == ({"False": 2, "True": 1}, "categories")
    midnight, noon = datetime(2024, 2, 29), datetime(2024, 2, 29, 12)
    assert groups([noon, midnight]) == (
        {"2024-02-29": 1, "2024-02-29 12:00:00": 1},
        "categories",
    )


def test_missing_values_are_the_last_group():
    assert groups([None, None, "a"])[0] == {"a": 1, "missing": 2}
    assert groups([*range(20), None])[0]["missing"] == 1
    assert groups([None, None]) == ({"missing": 2}, "categories")


def test_each_group_says_what_its_rows_have_in_common():
    of = lambda values: grouping(segment("s", pa.array(values)).values).of
    assert of(["a", "missing", None]) == ("value", "value", "missing")
    assert of([*(f"t{i}" for i in range(13)), None]) == (*["value"] * 11, "rest", "missing")
    assert of([*range(13), None]) == (*["range"] * 4, "missing")
    assert of(["all others (2 values)"]) == ("value",)


def test_a_value_called_missing_is_not_taken_for_one():
    assert groups(["missing", None, None, "missing", "missing"])[0] == {
        "missing": 3,
        "(missing)": 2,
    }


def test_of_many_texts_the_most_frequent_are_groups_and_the_rest_is_one():
    texts = [f"t{i:02}" for i in range(30) for _ in range(30 - i)]
    found, kind = groups(texts)
    assert kind == "categories"
    assert list(found) == [*(f"t{i:02}" for i in range(11)), "all others (19 values)"]
    assert list(found.values()) == [*range(30, 19, -1), sum(range(1, 20))]
    twelve = [f"t{i:02}" for i in range(MOST_GROUPS)]
    assert list(groups(twelve)[0]) == twelve


def test_many_whole_numbers_are_ranges_named_by_their_ends():
    assert groups(range(13)) == (
        {"up to 3": 4, "4 to 6": 3, "7 to 9": 3, "above 9": 3},
        "ranges",
    )
    by_hand = [*range(13), *[5] * 20]
    assert groups(by_hand)[0] == {"up to 5": 26, "above 5": 7}
    assert groups([*range(13), *[4] * 8, *[5] * 8])[0] == {"up to 4": 13, "5": 9, "above 5": 7}


def test_many_fractions_are_ranges_cut_at_rounded_quartiles():
    assert groups(np.arange(1000) / 1000 + 0.0001)[0] == {
        "up to 0.249": 249,
        "0.249 to 0.499": 250,
        "0.499 to 0.749": 250,
        "above 0.749": 251,
    }


def test_many_days_are_ranges_of_days_and_moments_of_a_day_are_ranges_of_moments():
    days = [datetime(2024, 1, 1, 23) + timedelta(days=i) for i in range(40)]
    assert groups(days)[0] == {
        "up to 2024-01-10": 10,
        "2024-01-11 to 2024-01-20": 10,
        "2024-01-21 to 2024-01-30": 10,
        "after 2024-01-30": 10,
    }
    hours = [datetime(1969, 12, 31) + timedelta(hours=i) for i in range(16)]
    assert groups(hours)[0] == {
        "up to 1969-12-31 03:00:00": 4,
        "1969-12-31 03:00:00 to 1969-12-31 07:00:00": 4,
        "1969-12-31 07:00:00 to 1969-12-31 11:00:00": 4,
        "after 1969-12-31 11:00:00": 4,
    }


def test_numbers_that_are_mostly_the_same_are_two_ranges():
    assert groups([*[0] * 90, *range(1, 14)])[0] == {"up to 0": 90, "above 0": 13}
    assert groups([*range(13), *[50] * 90])[0] == {"up to 12": 13, "above 12": 90}


def ends(name):
    """The range that a name tells, its lower end left out."""
    if name.startswith("up to "):
        return -np.inf, float(name.removeprefix("up to "))
    if name.startswith("above "):
        return float(name.removeprefix("above ")), np.inf
    low, high = name.split(" to ")
    return float(low), float(high)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-1e9, 1e9).map(lambda x: x + 0.123), min_size=13, max_size=60, unique=True),
    st.integers(-12, 12),
)
def test_a_row_lies_in_the_range_that_its_group_names(numbers, power):
    values = np.array(numbers) * 10.0**power
    found = grouping(pa.array(values))
    if found.kind == "categories" or (values == np.rint(values)).all():
        return
    assert 2 <= len(found.names) <= 4
    assert {*found.code.tolist()} == {*range(len(found.names))}
    bounds = [ends(name) for name in found.names]
    assert [high for _, high in bounds[:-1]] == [low for low, _ in bounds[1:]]
    for value, g in zip(values, found.code, strict=True):
        low, high = bounds[g]
        assert low < value <= high


cells = st.one_of(
    st.none(),
    st.text(max_size=2),
)
columns = st.one_of(
    st.lists(st.one_of(st.none(), st.text("abc ", max_size=3)), min_size=1, max_size=60),
    st.lists(st.one_of(st.none(), st.integers(-(2**60), 2**60)), min_size=1, max_size=60),
    st.lists(st.one_of(st.none(), st.integers(-30, 30)), min_size=1, max_size=60),
    st.lists(st.one_of(st.none(), st.floats(allow_infinity=False)), min_size=1, max_size=60),
    st.lists(
        st.one_of(st.none(), st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))),
        min_size=1,
        max_size=60,
    ),
)


@settings(max_examples=300, deadline=None)
@given(columns)
def test_every_row_is_in_one_group_and_equal_values_are_in_the_same(column):
    values = segment("s", pa.array(column, from_pandas=True)).values
    found = grouping(values)
    assert len({*found.names}) == len(found.names) == len(found.of) <= MOST_GROUPS + 1
    assert {*found.code.tolist()} == {*range(len(found.names))}
    by_value = {}
    for value, g in zip(values.to_pylist(), found.code.tolist(), strict=True):
        assert by_value.setdefault(value, g) == g
    assert (None in by_value) == ("missing" in found.of)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    for values in (rng.normal(size=50), rng.integers(0, 40, 50), rng.choice(list("abc"), 50)):
        column = segment("s", pa.array(values)).values
        order = rng.permutation(50)
        first, turned = grouping(column), grouping(column.take(pa.array(order)))
        assert first.names == turned.names
        assert first.code[order].tolist() == turned.code.tolist()
