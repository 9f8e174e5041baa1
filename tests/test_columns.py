from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outweigh._columns import align, columns_of, looks_missing, number_columns
from outweigh._errors import TableError

nan = np.nan


def one(values, type_=None, **more):
    return columns_of({"x": pa.array(values, type_)}, **more)


def read(columns) -> list:
    """Give the one column of columns as Python's values."""
    if columns.kinds == ("number",):
        return [None if np.isnan(x) else x for x in columns.numbers[:, 0].tolist()]
    return columns.others["x"].to_pylist()


def assert_same(one, other) -> None:
    assert one.schema == other.schema
    assert one.numbers.tobytes() == other.numbers.tobytes()
    assert one.others.equals(other.others)
    assert one.others.schema == other.others.schema


def assert_one_line(error: BaseException) -> None:
    assert str(error).isprintable()
    assert error.__suppress_context__ or error.__context__ is None


# ------------------------------------------------------------------- kinds


DAY = datetime(2020, 7, 1)


@pytest.mark.parametrize(
    ("values", "type_", "kind", "want"),
    [
        ([1, None], pa.int8(), "number", [1, None]),
        ([2**64 - 1, None], pa.uint64(), "number", [2.0**64, None]),
        ([1.5, nan], pa.float32(), "number", [1.5, None]),
        ([1.5, None], pa.float16(), "number", [1.5, None]),
        ([True, None, False], pa.bool_(), "number", [1, None, 0]),
        ([Decimal("0.1"), None], pa.decimal128(4, 2), "number", [0.1, None]),
        ([None, None], pa.null(), "number", [None, None]),
        ([None, None], pa.string(), "number", [None, None]),
        ([None, None], pa.date32(), "number", [None, None]),
        ([timedelta(days=-1, seconds=1.5), None], None, "number", [-86398.5, None]),
        ([time(1, 0, 2), None], pa.time32("s"), "number", [3602, None]),
        ([time(1, 0, 0, 5), None], pa.time64("us"), "number", [3600.000005, None]),
        (["1", None, ""], pa.string(), "text", ["1", None, ""]),
        (["é", None], pa.large_string(), "text", ["é", None]),
        ([date(2020, 7, 1), None], pa.date32(), "date", [DAY, None]),
        ([date(2020, 7, 1), None], pa.date64(), "date", [DAY, None]),
        ([DAY, None], pa.timestamp("s"), "date", [DAY, None]),
        ([DAY, None], pa.timestamp("us", "Europe/Paris"), "date", [DAY, None]),
        ([1_999, -1, None], pa.timestamp("ns"), "date", [datetime(1970, 1, 1, 0, 0, 0, 1)]),
    ],
)
def test_each_type_has_its_kind(values, type_, kind, want):
    columns = one(values, type_)
    assert columns.schema == (("x", kind),)
    assert read(columns)[: len(want)] == want
    assert len(columns) == len(values)


@given(st.lists(st.integers(-(2**61), 2**61), min_size=1))
def test_a_duration_is_the_same_seconds_in_any_unit(micros):
    micros = [i % 2**52 * (1 if i < 0 else -1) for i in micros]
    coarse = one(micros, pa.duration("us"))
    assert_same(one([1000 * i + 999 * (i > 0) for i in micros], pa.duration("ns")), coarse)
    assert coarse.numbers[:, 0].tolist() == [i / 10**6 for i in micros]


def test_columns_keep_the_order_of_the_source():
    held = {"b": pa.array(["u"]), "a": pa.array([1]), "d": pa.array([DAY]), "c": pa.array([2])}
    columns = columns_of(held)
    assert columns.names == ("b", "a", "d", "c")
    assert columns.kinds == ("text", "number", "date", "number")
    assert columns.numbers.tolist() == [[1, 2]]
    assert columns.others.column_names == ["b", "d"]


@pytest.mark.parametrize(
    ("values", "type_", "words"),
    [
        ([[1], [2]], None, "'x' ('list<"),
        ([{"a\x1b": 1}], None, "'x' ('struct<"),
        ([b"a"], None, "'x' ('binary')"),
        ([None], pa.list_(pa.int8()), "'x' ('list<"),
        ([1.0, np.inf, -np.inf], None, "infinite values (2) in 'x'"),
        ([2_932_897], pa.date32(), "years 1 to 9999; the table has others in 'x'"),
        ([2**31 - 1], pa.date32(), "years 1 to 9999"),
        ([-(2**62)], pa.timestamp("us"), "years 1 to 9999"),
        ([2**62], pa.timestamp("s", "UTC"), "years 1 to 9999"),
    ],
)
def test_a_column_that_cannot_serve_is_one_clear_line(values, type_, words):
    with pytest.raises(TableError) as caught:
        one(values, type_)
    assert words in str(caught.value)
    assert_one_line(caught.value)


def test_the_first_and_the_last_date_are_dates():
    ends = [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)]
    assert read(one(ends, pa.timestamp("us"))) == ends


# ------------------------------------------------------------------- texts that mean missing


@pytest.mark.parametrize(
    ("cells", "missing", "kind", "want"),
    [
        (["1", "?", "2.5"], ["?"], "number", [1, None, 2.5]),
        ([" 1 ", " ?", "2.5\n"], ["?"], "number", [1, None, 2.5]),
        (["1", "?", "NaN", "", None], ["?"], "number", [1, None, None, None, None]),
        (["true", "?", "False"], ["?"], "number", [1, None, 0]),
        (["1", "?", "true"], ["?"], "text", ["1", None, "true"]),
        (["2020-07-01", "?"], ["?"], "date", [DAY, None]),
        (["2020-07-01 02:00:00+02:00", "?"], ["?"], "date", [DAY, None]),
        (["2020-07-01", "2020-07-01 00:00:00.000000001", "?"], ["?"], "date", [DAY, DAY, None]),
        (["2020-07-01", "2020-07-01Z", "?"], ["?"], "text", ["2020-07-01", "2020-07-01Z", None]),
        (["M", " ? ", "F "], ["?"], "text", ["M", None, "F "]),
        (["M", "NA", "na", ""], ["NA", ""], "text", ["M", None, "na", None]),
        (["M", "NA", "na"], [" NA "], "text", ["M", None, "na"]),
        (["?", "?"], ["?"], "number", [None, None]),
        (["", "a"], [], "text", ["", "a"]),
        (["1", "2"], ["?"], "text", ["1", "2"]),  # no text was found: the type is believed
        (["9" * 30, "?"], ["?"], "number", [1e30, None]),
    ],
)
@pytest.mark.parametrize("type_", [pa.string(), pa.large_string()])
def test_texts_that_mean_missing_are_taken_out(cells, missing, kind, want, type_):
    columns = one(cells, type_, missing=missing)
    assert columns.kinds == (kind,)
    assert read(columns) == want


def test_what_means_missing_in_text_does_not_touch_numbers():
    assert read(one([-1.0, 2.0], missing=["-1", "-1.0"])) == [-1, 2]


def test_texts_that_look_missing_are_counted():
    held = {
        "n": pa.array([1, 2, 3, 4, 5]),
        "b": pa.array(["?", " ? ", "x", None, "Unknown"]),
        "a": pa.array(["", "  ", "N/A", "-", "NaN"]),
        "clean": pa.array(["u", "v", "missing?", "no", "nano"]),
    }
    assert looks_missing(columns_of(held)) == [
        ("b", "?", 2),
        ("b", "Unknown", 1),
        ("a", "", 2),
        ("a", "N/A", 1),
        ("a", "-", 1),
        ("a", "NaN", 1),
    ]
    assert looks_missing(columns_of({"n": held["n"]})) == []


@given(st.lists(st.sampled_from(["?", "NA", "x", "y", ""]), min_size=3))
def test_what_looks_missing_no_longer_does_once_it_is_said_to_be(cells):
    columns = one([*cells, "z"])
    found = looks_missing(columns)
    assert sum(count for _, _, count in found) == sum(c not in ("x", "y") for c in cells)
    assert looks_missing(one([*cells, "z"], missing=[text for _, text, _ in found])) == []


# ------------------------------------------------------------------- rows


MIXED = {
    "size": pa.array([1.5, None, 2]),
    "site": pa.array(["a", None, ""]),
    "day": pa.array([DAY, None, DAY + timedelta(1)]),
}


@pytest.mark.parametrize("rows", [[2, 0], [0, 1, 1, 1], [True, False, True], [-1]])
def test_rows_are_kept_in_the_order_given(rows):
    taken = columns_of(MIXED).take(rows)
    chosen = np.arange(3)[np.asarray(rows)]
    want = columns_of({name: column.take(pa.array(chosen)) for name, column in MIXED.items()})
    assert_same(taken, want)
    assert len(taken) == len(chosen)


def test_numbers_alone_keep_their_rows():
    columns = number_columns(np.arange(6.0).reshape(3, 2), "ab")
    assert columns.take([2]).numbers.tolist() == [[4, 5]]
    assert len(columns.take(np.arange(0))) == 0


def test_columns_are_read_only_and_leave_the_array_they_came_from_alone():
    numbers = np.ones((2, 1))
    columns = number_columns(numbers, ["a"])
    for locked in (columns, columns.take([0])):
        with pytest.raises(ValueError, match="read-only"):
            locked.numbers[0] = 0
    numbers[0] = 7


# ------------------------------------------------------------------- new rows


def test_columns_are_their_own_kind_of_new_rows():
    columns = columns_of(MIXED)
    again, extra = align(columns, columns.schema)
    assert_same(again, columns)
    assert extra == ()


@given(st.permutations(list(MIXED)), st.booleans())
def test_new_rows_may_come_in_any_order_and_with_more(names, more):
    columns = columns_of(MIXED)
    new = {name: MIXED[name] for name in names} | ({"z\x1b": pa.array([[1]] * 3)} if more else {})
    again, extra = align(new, columns.schema)
    assert_same(again, columns)
    assert extra == (("z\x1b",) if more else ())


@pytest.mark.parametrize(
    ("kind", "values", "type_", "want"),
    [
        ("text", [1, None, -0], pa.int8(), ["1", None, "0"]),
        ("text", [1.0, nan, 2.5], None, ["1", None, "2.5"]),
        ("text", [True, None], None, ["true", None]),
        ("text", [Decimal("1.50")], None, ["1.50"]),
        ("text", [None], pa.null(), [None]),
        ("text", [None], pa.date32(), [None]),
        ("number", ["1", " 2.5", None, "NA", "", "?"], None, [1, 2.5, None, None, None, None]),
        ("number", ["true", "FALSE"], None, [1, 0]),
        ("number", [None], pa.string(), [None]),
        ("number", [timedelta(1)], None, [86400]),
        ("date", ["2020-07-01", None, "", "?"], None, [DAY, None, None, None]),
        ("date", ["2020-07-01T02:00+02:00"], None, [DAY]),
        ("date", [nan], pa.float64(), [None]),
        ("date", [DAY.date()], None, [DAY]),
    ],
)
def test_new_rows_are_converted_where_that_is_safe(kind, values, type_, want):
    columns, _ = align({"x": pa.array(values, type_)}, (("x", kind),), missing=["?"])
    assert columns.kinds == (kind,)
    assert read(columns) == want


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("number", ["1", "two\x1b"], "'x' must hold numbers, as in the study; in the new rows it"),
        ("number", ["1", "two\x1b"], "it holds 'two\\x1b'"),
        ("number", ["1", "true"], "it holds text"),
        ("number", [DAY], "it holds 'timestamp[us]'"),
        ("number", ["1e999"], "infinite values (1) in 'x'"),
        ("text", [DAY], "'x' must hold texts, as in the study"),
        ("text", [timedelta(1)], "it holds 'duration[us]'"),
        ("text", [[1]], "it holds 'list<"),
        ("date", [1], "'x' must hold dates, as in the study"),
        ("date", ["1.7.2020"], "it holds '1.7.2020'"),
        ("date", ["2020-07-01", "2020-07-01Z"], "must hold dates"),
    ],
)
def test_new_rows_of_another_kind_are_one_clear_line(kind, values, words):
    with pytest.raises(TableError) as caught:
        align({"x": pa.array(values)}, (("x", kind),))
    assert words in str(caught.value)
    assert_one_line(caught.value)


def test_columns_that_new_rows_lack_are_named_in_one_line():
    schema = (("a", "number"), ("b\x1b", "text"), ("c", "date"))
    with pytest.raises(TableError, match="new rows must have the columns") as caught:
        align({"a": pa.array([1])}, schema, where="new.csv")
    assert "new.csv lacks 'b\\x1b', 'c': add them" in str(caught.value)
    assert_one_line(caught.value)


cells = st.one_of(st.none(), st.text("01.?e- \x00-é", max_size=4), st.floats().map(repr))


@settings(max_examples=200, deadline=None)
@given(st.lists(cells, min_size=1, max_size=6), st.sampled_from([(), ("?",), ("", "1")]))
def test_any_text_becomes_columns_that_new_rows_can_follow(cells, missing):
    try:
        columns = one(cells, pa.string(), missing=missing)
    except TableError as error:
        assert_one_line(error)  # an infinity among numbers
    else:
        new, _ = align({"x": pa.array(cells, pa.string())}, columns.schema, missing=missing)
        assert_same(new, columns)
