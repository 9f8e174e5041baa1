import gzip
import math
import subprocess
import sys
import tempfile
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outweigh._errors import TableError, UsageError
from outweigh._features import fit_features
from outweigh._rows import read_rows, rows_from
from outweigh._table import Table, from_arrays, from_frame, read_table

SMALL = b"a,y\n1,0\n2,0\n3,1\n"
TORN = gzip.compress(SMALL * 99, mtime=0)[:-20]


def assert_same(one: Table, other: Table) -> None:
    assert_same_columns(one.columns, other.columns)
    assert one.y.tobytes() == other.y.tobytes()
    assert [(type(k), k) for k in one.classes] == [(type(k), k) for k in other.classes]
    assert (one.target, one.notes) == (other.target, other.notes)
    assert (one.missing, one.row_id) == (other.missing, other.row_id)
    for segment, same in zip(one.segments, other.segments, strict=True):
        assert segment.name == same.name
        assert segment.values.equals(same.values)
    assert one.digest == other.digest
    for by_row in ("group", "time", "row_weight"):
        values, others = getattr(one, by_row), getattr(other, by_row)
        assert (values is None) == (others is None)
        assert values is None or (values.tobytes(), values.dtype) == (
            others.tobytes(),
            others.dtype,
        )


def assert_same_columns(one, other) -> None:
    assert one.schema == other.schema
    assert one.numbers.tobytes() == other.numbers.tobytes()
    assert one.numbers.shape == other.numbers.shape
    assert one.numbers.dtype == other.numbers.dtype == np.float64
    assert one.others.schema == other.others.schema
    assert one.others.equals(other.others)


def assert_one_line(error: BaseException) -> None:
    assert str(error).isprintable()
    assert error.__suppress_context__ or error.__context__ is None


@pytest.fixture
def write(tmp_path):
    def write(content: bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


# ------------------------------------------------------------------- one table, every door


number = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
whole = st.one_of(st.none(), st.integers(-(2**62), 2**62))
truth = st.one_of(st.none(), st.booleans())
# no letters of which a reader of CSV could make a number, a truth value or a gap
word = st.one_of(st.none(), st.text("éß 漢x,;'\"\n?-", max_size=4))
moment = st.one_of(st.none(), st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)))
day = st.one_of(st.none(), st.dates(date(1700, 1, 1), date(2200, 1, 1)))
labels = st.sampled_from([(0, 1), (2, 7, -1), (False, True), ("no", "<b>é,\n"), (0.0, 1.5)])


@st.composite
def tables(draw):
    n = draw(st.integers(3, 8))
    column = st.sampled_from([number, whole, truth, word, moment, day]).flatmap(
        lambda cell: st.lists(cell, min_size=n, max_size=n)
    )
    columns = draw(st.lists(column, min_size=1, max_size=4))
    classes = draw(labels)
    y = [*classes, *draw(st.lists(st.sampled_from(classes), min_size=n, max_size=n))][:n]
    # not the empty name, which pl.from_arrow replaces
    name = st.text("aé \n,\"'<\x1b", min_size=1, max_size=4)
    names = draw(st.lists(name, unique=True, min_size=5))
    table = dict(zip(names, [*columns, y], strict=False))
    return pa.table(table), list(table)[-1], classes[-1] if len(classes) == 2 else None


@settings(max_examples=60, deadline=None)
@given(tables())
@example((pa.table({"a": [True, False, True], "b": [1, 0, 1]}), "b", 1))
@example((pa.table({"a": [True, False, True], "b": [2**62, 0, 1], "c": [0, 1, 1]}), "c", 1))
@example((pa.table({"a": [0.5, 1.5, 2.5], "b": [2**62, 0, 1], "c": [0, 1, 1]}), "c", 1))
def test_one_table_is_the_same_through_every_door(drawn):
    arrow, target, positive = drawn
    told_apart = arrow.column_names[:-1]
    asked = {"target": target, "positive": positive, "segments": told_apart}
    asked |= {"missing": ["", "?"]}  # CSV has no null text
    want = from_frame(arrow, **asked)
    frame = arrow.to_pandas()
    with tempfile.TemporaryDirectory() as folder:
        csv, parquet = Path(folder, "t.csv"), Path(folder, "t.parquet")
        frame.to_csv(csv, index=False)
        pq.write_table(arrow, parquet)
        assert_same(read_table(csv, **asked), want)
        assert_same(read_table(parquet, **asked), want)
    assert_same(from_frame(frame, **asked), want)
    assert_same(from_frame(pl.from_arrow(arrow), **asked), want)
    features, y = frame.drop(columns=target), frame[target]
    more = {"positive": positive, "missing": ["", "?"], "segments": told_apart}
    assert_same(from_arrays(features, y, **more), want)
    matrix = np.array([arrow[name].to_pylist() for name in features], dtype=object).T
    y = pd.Series(y, name=target)
    assert_same(from_arrays(matrix, y, names=list(features), **more), want)
    assert_same(from_arrays(matrix.tolist(), y, names=list(features), **more), want)


ZOO = pa.table(
    {
        "whole": [1, 2, -3, 4, 5, 6],
        "huge": [2**62, -(2**62), 2**53 + 1, 0, None, 1],
        "real": [0.1, None, -0.0, 0.0, 1e300, 5e-324],
        "flag": [True, None, False, True, False, False],
        "word": ["a", 'ü, "b"', None, "a", " a", "漢字\n"],
        "sort": ["low", "high", "low", None, "low", "high"],
        "day": [date(2020, 1, 1), None, date(1969, 7, 20), *[date(2024, 2, 29)] * 3],
        "moment": [datetime(2020, 1, 1, 12, 30, 15, 250_000), None, *[datetime(2021, 1, 1)] * 4],
        "who": ["p1", "p2", "p1", "p3", "p3", "p1"],
        "when": [*["2020-03-01", "2020-01-01"] * 2, "2020-12-31", "2021-01-01"],
        "counts": [1.0, 2.5, 0.0, 1.0, 1.0, 3.0],
        "key": [10, 11, 12, 13, 14, 15],
        "y": ["no", "no", "no", "no", "yes", "yes"],
    }
)
ASKED = {
    "target": "y",
    "group": "who",
    "time": "when",
    "row_weight": "counts",
    "row_id": "key",
    "segments": ["word", "flag", "moment", "real", "who"],
    "missing": [""],
}


def as_csv(folder, ending=".csv"):
    path = Path(folder, f"zoo{ending}")
    content = ZOO.to_pandas().to_csv(index=False).encode()
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    return read_table(path, **ASKED)


def as_parquet(folder, **more):
    pq.write_table(ZOO, Path(folder, "zoo.parquet"), **more)
    return read_table(Path(folder, "zoo.parquet"), **ASKED)


def as_pandas(change):
    return lambda folder: from_frame(change(ZOO.to_pandas()), **ASKED)


def as_polars(*changes):
    return lambda folder: from_frame(pl.from_arrow(ZOO).with_columns(*changes), **ASKED)


def as_arrow_of(**types):
    return lambda folder: from_frame(
        pa.table(
            [ZOO[n].cast(types.get(n, ZOO[n].type)) for n in ZOO.column_names], ZOO.column_names
        ),
        **ASKED,
    )


def as_arrays(make):
    held = {role: ZOO[name].to_pylist() for role, name in ASKED.items() if role in ROLES}
    left = [name for name in ZOO.column_names if name not in ASKED.values()]
    held["segments"] = [*ASKED["segments"][:-1], pd.Series(ZOO["who"].to_pylist(), name="who")]
    y = pd.Series(ZOO["y"].to_pylist(), name="y")

    def read(folder):
        matrix = make([ZOO[name].to_pylist() for name in left])
        return from_arrays(matrix, y, names=left, missing=[""], **held)

    return read


ROLES = ("group", "time", "row_weight", "row_id")
EVERY_DOOR = {
    "csv": as_csv,
    "csv.gz": lambda folder: as_csv(folder, ".csv.gz"),
    "parquet": as_parquet,
    "parquet, small row groups": lambda folder: as_parquet(folder, row_group_size=2),
    "pandas": as_pandas(lambda frame: frame),
    "pandas, text as objects": as_pandas(lambda f: f.astype({"word": object, "sort": object})),
    "pandas, categories": as_pandas(lambda f: f.astype({"sort": "category", "whole": "category"})),
    "pandas, dates in ns": as_pandas(
        lambda f: f.assign(day=pd.to_datetime(f["day"]).astype("datetime64[ns]"))
    ),
    "pandas, a zone": as_pandas(lambda f: f.assign(moment=f["moment"].dt.tz_localize("UTC"))),
    "pandas, arrow's types": as_pandas(lambda f: f.convert_dtypes(dtype_backend="pyarrow")),
    "pandas, dates as time": as_pandas(lambda f: f.assign(when=pd.to_datetime(f["when"]))),
    "polars": as_polars(),
    "polars, categories": as_polars(pl.col("sort").cast(pl.Categorical)),
    "polars, an enum": as_polars(pl.col("sort").cast(pl.Enum(["never", "high", "low"]))),
    "polars, dates in ms": as_polars(pl.col("moment").cast(pl.Datetime("ms"))),
    "polars, NaN": as_polars(pl.col("real").fill_null(math.nan)),
    "pyarrow": as_arrow_of(),
    "pyarrow, large text": as_arrow_of(word=pa.large_string(), sort=pa.large_string()),
    "pyarrow, views of text": as_arrow_of(word=pa.string_view()),
    "pyarrow, dictionaries": as_arrow_of(sort=pa.dictionary(pa.int8(), pa.string())),
    "pyarrow, days in ms": as_arrow_of(day=pa.date64()),
    "an array of objects": as_arrays(lambda columns: np.array(columns, dtype=object).T),
    "a list of rows": as_arrays(lambda columns: list(zip(*columns, strict=True))),
}


@pytest.mark.parametrize("door", EVERY_DOOR)
def test_a_table_of_every_kind_is_the_same_bits_through_every_door(tmp_path, door):
    want, table = from_frame(ZOO, **ASKED), EVERY_DOOR[door](tmp_path)
    assert want.columns.kinds == ("number",) * 4 + ("text",) * 2 + ("date",) * 2
    assert_same(table, want)
    features = fit_features(table.columns, [0, 1, 2, 4])
    same = fit_features(want.columns, [0, 1, 2, 4])
    assert features.names == same.names
    assert features.transform(table.columns).tobytes() == same.transform(want.columns).tobytes()


def test_question_marks_in_a_csv_file_and_in_text_columns_are_the_same_gaps(write, tmp_path):
    table = read_table(
        write(b"a,b,c,d,y\n1,?,x,2020-01-01,0\n ?,2, ?,?,0\n3,4,y,2021-01-01,1\n"),
        target="y",
        missing="?",
    )
    frame = pl.DataFrame(
        {
            "a": ["1", "?", "3"],
            "b": ["? ", "2", " 4"],
            "c": ["x", "?", "y"],
            "d": ["2020-01-01", "?", "2021-01-01"],
            "y": [0, 0, 1],
        }
    )
    frame.write_parquet(tmp_path / "t.parquet")
    assert table.columns.kinds == ("number", "number", "text", "date")
    assert_same(read_table(tmp_path / "t.parquet", target="y", missing=["?"]), table)
    assert table.missing == ("?",)


def test_values_can_be_checked_with_a_pencil(write):
    table = read_table(write(b"a,flag,y\n1.5,true,no\n,false,no\n-2,,yes\n"), target="y")
    nan = math.nan
    assert np.array_equal(table.columns.numbers, [[1.5, 1], [nan, 0], [-2, nan]], equal_nan=True)
    assert table.names == ("a", "flag")
    assert table.classes == ("no", "yes")
    assert table.y.tolist() == [0, 0, 1]
    assert table.counts.tolist() == [2, 1]
    assert table.positive == "yes"
    assert (table.target, table.source) == ("y", "data.csv")
    assert table.notes == ("positive class is 'yes', the rarer of the two",)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + SMALL,
        SMALL.replace(b"\n", b"\r\n"),
        SMALL.replace(b"\n", b"\r"),
        SMALL.replace(b"\n", b"\n\n"),
        SMALL.rstrip(),
        b'"a","y"\n"1","0"\n"2","0"\n"3","1"\n',
    ],
    ids=["byte order mark", "crlf", "cr", "blank lines", "no last line end", "quoted"],
)
def test_the_ways_to_write_a_csv_file_are_one(write, content):
    want = read_table(write(SMALL), target="y")
    assert_same(read_table(write(content), target="y"), want)
    assert_same(read_table(write(gzip.compress(content), "d.csv.gz"), target="y"), want)


@pytest.mark.parametrize("kind", ["category", "Float64", "Int8", "float16", "int64[pyarrow]"])
def test_how_pandas_stores_a_column_does_not_matter(kind):
    frame = pd.DataFrame({"a": [3, 1, 2], "y": [0, 0, 1]})
    want = from_frame(frame, target="y")
    assert_same(from_frame(frame.astype({"a": kind}), target="y"), want)


def test_decimals_become_the_nearest_floats(write):
    cells = [Decimal("0.1"), None, Decimal("123.456")]
    frame = pa.table({"a": pa.array(cells, pa.decimal128(12, 6)), "y": [0, 0, 1]})
    want = read_table(write(b"a,y\n0.1,0\n,0\n123.456,1\n"), target="y")
    assert_same(from_frame(frame, target="y"), want)


def test_every_nan_is_the_same_nan():
    odd = np.array([0xFFF8000000000001], dtype=np.uint64).view(np.float64)[0]
    X, y = np.array([[odd], [1.0], [np.nan]]), [0, 0, 1]
    want = from_arrays(np.array([[np.nan], [1.0], [np.nan]]), y)
    assert_same(from_arrays(X, y), want)
    assert_same(from_arrays(pl.DataFrame({"x0": X[:, 0]}), y), want)


def test_byte_order_and_object_arrays_do_not_matter():
    X, y = np.array([[1, 2], [3, 4], [5, 6]]), np.array([0, 0, 1])
    want = from_arrays(X, y)
    assert_same(from_arrays(X.astype(">f8"), y.astype(">i4")), want)
    assert_same(from_arrays(X.astype(object), y.astype(object)), want)
    assert_same(from_arrays(X.tolist(), y.tolist()), want)


def test_the_index_of_a_pandas_frame_is_never_a_feature(tmp_path):
    frame = pd.DataFrame({"a": [1, 2, 3], "y": [0, 0, 1]}, index=pd.Index([7, 8, 9], name="id"))
    frame.to_parquet(tmp_path / "t.parquet")
    want = from_frame(frame, target="y")
    assert want.names == ("a",)
    assert_same(read_table(tmp_path / "t.parquet", target="y"), want)
    assert_same(from_frame(pa.Table.from_pandas(frame), target="y"), want)


def test_a_pandas_frame_put_together_from_parts_is_the_frame():
    who, y = ["g", "h", "g", "i"], ["no", "yes", "no", "no"]
    frame = pd.DataFrame({"a": [1.0, 2, 3, 4], "text": list("uvuw"), "who": who, "y": y})
    parts = pd.concat([frame[:1], frame[1:3], frame[3:]])
    one, two = (from_frame(f, target="y", group="who") for f in (frame, parts))
    assert two.group.tolist() == one.group.tolist() == [0, 1, 0, 2]
    assert two.y.tolist() == one.y.tolist() == [0, 1, 0, 0]
    assert np.array_equal(two.columns.comparable(), one.columns.comparable())


def test_the_names_of_folders_add_no_columns(tmp_path):
    folder = tmp_path / "year=2020"
    folder.mkdir()
    pq.write_table(pa.table({"a": [1, 2, 3], "y": [0, 0, 1]}), folder / "t.parquet")
    assert read_table(folder / "t.parquet", target="y").names == ("a",)


def test_excluded_columns_may_hold_anything():
    frame = pd.DataFrame({"a": [1, 2, 3], "mixed": [1, "x", None], "y": [0, 0, 1]})
    assert from_frame(frame, target="y", exclude=["mixed"]).names == ("a",)
    assert from_frame(frame, target="y", exclude="mixed").names == ("a",)


def test_late_text_makes_the_whole_column_text(write):
    table = read_table(write(b"a,y\n" + b"1,0\n" * 300_000 + b"x,1\n"), target="y")
    assert table.columns.kinds == ("text",)
    assert table.columns.others["a"].value_counts().to_pylist() == [
        {"values": "1", "counts": 300_000},
        {"values": "x", "counts": 1},
    ]


def test_numbers_beside_text_in_python_s_lists_stay_numbers():
    table = from_arrays([[1, "a"], [2, "b"], [3, "a"]], [0, 0, 1])
    assert table.columns.kinds == ("number", "text")
    assert from_arrays(np.array([[1, "a"], [2, "b"], [3, "a"]]), [0, 0, 1]).columns.kinds == (
        "text",
        "text",
    )


# ------------------------------------------------------------------- what else is known of a row


def test_groups_times_weights_and_ids_are_no_features():
    table = from_frame(ZOO, **ASKED)
    assert table.names == ("whole", "huge", "real", "flag", "word", "sort", "day", "moment")
    assert table.group.tolist() == [0, 1, 0, 2, 2, 0]
    assert table.time.tolist() == [1, 0, 1, 0, 2, 3]
    assert table.row_weight.tolist() == [1, 2.5, 0, 1, 1, 3]
    assert table.row_id.to_pylist() == [10, 11, 12, 13, 14, 15]


def test_a_role_that_is_not_asked_for_is_none():
    table = from_arrays(np.ones((3, 1)), [0, 0, 1])
    assert [getattr(table, role) for role in ROLES] == [None] * 4


@pytest.mark.parametrize(
    ("values", "want"),
    [
        (["b", "a", "b"], [0, 1, 0]),
        ([7, 3, 7], [0, 1, 0]),
        ([2**62, 2**62 + 1, 2**62], [0, 1, 0]),
        ([0.0, -0.0, 1.5], [0, 0, 1]),
        ([True, False, True], [0, 1, 0]),
        ([date(2020, 1, 1), date(2021, 1, 1), date(2020, 1, 1)], [0, 1, 0]),
        (pd.Series(["b", "a", "b"], dtype="category"), [0, 1, 0]),
        (np.array([3, 1, 3], dtype=np.float16), [0, 1, 0]),
        ([Decimal(1), Decimal(2), Decimal(1)], [0, 1, 0]),
        ([timedelta(1), timedelta(2), timedelta(1)], [0, 1, 0]),
    ],
)
def test_equal_values_are_one_group(values, want):
    table = from_arrays(np.ones((3, 1)), [0, 0, 1], group=values)
    assert (table.group.tolist(), table.group.dtype) == (want, np.int64)


@pytest.mark.parametrize(
    ("values", "want"),
    [
        ([5, 2, 5], [1, 0, 1]),
        ([2**62 + 1, 2**62, 2**62 + 1], [1, 0, 1]),  # which as floats would be equal
        ([0.5, -math.inf, 0.5], [1, 0, 1]),
        ([0.0, -0.0, 1.0], [0, 0, 1]),
        (np.array([3, 1, 3], dtype=np.float16), [1, 0, 1]),
        ([date(2020, 1, 2), date(2020, 1, 1), date(2020, 1, 2)], [1, 0, 1]),
        (pd.to_datetime(["2020-01-02", "2020-01-01", "2020-01-02"]).to_series(), [1, 0, 1]),
        (["2020-01-02", "2020-01-01 23:59:59.5", "2020-01-02 00:00"], [1, 0, 1]),
        (["2020-01-02T00:00Z", "2020-01-02T00:30+01:00", "2020-01-02T00:00Z"], [1, 0, 1]),
        (["10", " 9", "10"], [1, 0, 1]),  # numbers, not texts
        ([timedelta(2), timedelta(1), timedelta(2)], [1, 0, 1]),
        ([Decimal("1.5"), Decimal("-2"), Decimal("1.5")], [1, 0, 1]),
        ([True, False, True], [1, 0, 1]),
    ],
)
def test_times_are_ranked_and_equal_ones_rank_equal(values, want):
    table = from_arrays(np.ones((3, 1)), [0, 0, 1], time=values)
    assert (table.time.tolist(), table.time.dtype) == (want, np.int64)


@settings(deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=3))
def test_ranks_order_rows_as_the_times_do(times):
    table = from_arrays(
        np.ones((len(times), 1)), [0, 0, *[1] * (len(times) - 2)], positive=1, time=times
    )
    assert sorted(set(table.time.tolist())) == list(range(len(set(times))))
    for i in range(len(times)):
        assert [t < times[i] for t in times] == (table.time < table.time[i]).tolist()


@pytest.mark.parametrize(
    "values", [[1, 2, 3], ["a", "b", "a"], [date(2020, 1, 1)] * 3, [None, 1, 2]]
)
def test_row_ids_are_kept_as_they_came(values):
    table = from_arrays(np.ones((3, 1)), [0, 0, 1], row_id=values)
    assert table.row_id.to_pylist() == values


# ------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    ("given_labels", "want"),
    [
        ([1, 0, 0], (0, 1)),
        ([0.0, 1.0, 1.0], (1.0, 0.0)),
        ([True, False, False], (False, True)),
        (["b", "a", "b"], ("b", "a")),
        ([2, 1, 1, 3], (1, 2, 3)),
        (np.array([1, 2, 2], dtype=np.float16), (2.0, 1.0)),
        (pd.Series(["b", "a", "b"], dtype="category"), ("b", "a")),
        (pl.Series(["b", "a", "b"], dtype=pl.Enum(["a", "b", "never"])), ("b", "a")),
        ([Decimal(1), Decimal(2), Decimal(2)], (2.0, 1.0)),
    ],
)
def test_labels_are_plain_and_the_rarer_of_two_is_positive(given_labels, want):
    table = from_arrays(np.ones((len(given_labels), 1)), given_labels)
    assert [(type(k), k) for k in table.classes] == [(type(k), k) for k in want]
    back = [table.classes[code] for code in table.y]
    assert back == [k.item() if isinstance(k, np.generic) else k for k in given_labels]
    assert table.positive == (want[1] if len(want) == 2 else None)
    assert len(table.notes) == (len(want) == 2)


@pytest.mark.parametrize(
    ("pair", "positive", "want"),
    [
        ((0, 1), 0, 0),
        ((0, 1), "1", 1),
        ((0.0, 1.0), "1", 1.0),
        ((0.0, 1.0), "0.0", 0.0),
        ((False, True), "false", False),
        ((False, True), "True", True),
        (("<=50K", ">50K"), ">50K", ">50K"),
    ],
)
def test_the_positive_class_can_be_named_as_on_the_command_line(pair, positive, want):
    table = from_arrays(np.ones((2, 1)), list(pair), positive=positive)
    assert table.positive == want
    assert table.notes == ()


def test_true_and_one_are_two_labels_in_a_csv_file(write):
    table = read_table(write(b"a,y\n1,True\n2,1\n3,1\n"), target="y")
    assert table.classes == ("1", "True")


def test_a_segment_stays_a_feature_has_another_role_or_is_left_out():
    columns = {"site": ["n", "s", "n", "s"], "who": ["p", "p", "q", "r"], "sex": list("fmfm")}
    frame = pa.table({**columns, "size": [1, 2, 3, 4], "y": [0, 0, 1, 0]})
    plain = from_frame(frame, target="y", group="who", exclude=["sex"])
    table = from_frame(
        frame, target="y", group="who", exclude=["sex"], segments=["site", "who", "sex", "site"]
    )
    assert table.names == plain.names == ("site", "size")
    assert table.group.tolist() == plain.group.tolist()
    told = {segment.name: segment.values.to_pylist() for segment in table.segments}
    assert told == columns
    assert from_frame(frame, target="y", segments="sex").names == ("site", "who", "sex", "size")


def test_a_column_left_out_may_still_hold_anything_unless_it_is_a_segment():
    frame = pa.table({"a": [1, 2, 3], "nested": [[1], [2], [3]], "y": [0, 0, 1]})
    assert from_frame(frame, target="y", exclude=["nested"]).names == ("a",)
    with pytest.raises(TableError, match="segments must be numbers, text or dates; 'nested'"):
        from_frame(frame, target="y", exclude=["nested"], segments=["nested"])


# ------------------------------------------------------------------- its digest


PLAIN = {"a": [1.5, 2.5, None, 4.0], "b": ["u", "v", "u", None], "y": [0, 0, 1, 0]}
ROLES_OF_ROWS = {"who": ["p", "p", "q", "r"], "when": [1, 2, 3, 4], "id": ["i", "j", "k", "l"]}


def digest_of(changes=(), order=(0, 1, 2, 3), **asked):
    columns = {
        name: [column[i] for i in order] for name, column in {**PLAIN, **dict(changes)}.items()
    }
    return from_frame(pa.table(columns), **({"target": "y"} | asked)).digest


def test_a_digest_changes_with_every_value_name_type_and_row_order():
    changed = [
        {"a": [1.5, 2.5, None, 4.0000000000000009]},
        {"a": [1.5, 2.5, 0.0, 4.0]},
        {"b": ["u", "v", "w", None]},
        {"b": ["u", "v", "u", ""]},
        {"b": ["uv", "", "u", None]},
        {"y": [0, 0, 0, 1]},
        {"y": [0, 0, 2, 0]},
        {"y": [False, False, True, False]},
        {"y": ["0", "0", "1", "0"]},
        {"c": [1, 1, 1, 1]},
    ]
    digests = [digest_of(), digest_of(order=[1, 0, 2, 3]), *map(digest_of, changed)]
    renamed = pa.table(list(PLAIN.values()), ["A", "b", "y"])
    retarget = pa.table(list(PLAIN.values()), ["a", "b", "Y"])
    digests += [from_frame(renamed, target="y").digest, from_frame(retarget, target="Y").digest]
    digests += [from_frame(pa.table({n: PLAIN[n] for n in "bay"}), target="y").digest]
    assert len({*digests}) == len(digests)
    assert all(len(digest) == 64 and int(digest, 16) for digest in digests)


@pytest.mark.parametrize(
    ("role", "column"),
    [("group", "who"), ("time", "when"), ("row_id", "id"), ("row_weight", "when")],
)
def test_a_digest_changes_with_what_is_known_of_a_row(role, column):
    values = ROLES_OF_ROWS[column]
    other = [*values[:3], values[2]]
    digests = [digest_of({column: came}, **{role: column}) for came in (values, other)]
    assert len({digest_of(), *digests}) == 3


def test_a_digest_changes_with_a_segment_that_is_no_feature():
    asked = {"segments": ["c"], "exclude": ["c"]}
    first, second = (digest_of({"c": [*"nns", end]}, **asked) for end in "ns")
    assert len({first, second, digest_of()}) == 3
    assert digest_of(segments=["b"]) == digest_of()


def test_a_digest_does_not_say_which_class_is_positive_or_what_missing_was_written_as():
    assert digest_of(positive=0) == digest_of(positive=1)
    assert digest_of({"b": ["u", "v", "u", "?"]}, missing=["?"]) == digest_of()


# ------------------------------------------------------------------- the record


def test_taking_rows_keeps_all_that_is_known_of_them():
    table = from_arrays(
        [[1, "u"], [2, "v"], [3, "w"]],
        ["a", "a", "b"],
        row_weight=[1, 2, 3],
        group=["g", "h", "h"],
        time=[3, 2, 1],
        row_id=["i", "j", "k"],
        missing=["-"],
        segments={"ward": ["n", "n", "s"]},
    )
    taken = table.take([2, 1])
    assert taken.columns.numbers.tolist() == [[3], [2]]
    assert taken.columns.others["x1"].to_pylist() == ["w", "v"]
    assert (taken.y.tolist(), taken.row_weight.tolist()) == ([1, 0], [3, 2])
    assert (taken.group.tolist(), taken.time.tolist()) == ([1, 1], [0, 1])
    assert (taken.row_id.to_pylist(), taken.missing) == (["k", "j"], ("-",))
    assert [segment.values.to_pylist() for segment in taken.segments] == [["s", "n"]]
    assert taken.digest == table.digest  # of what was read
    assert table.take(np.array([True, True, False])).counts.tolist() == [2, 0]
    assert_same(table.take(range(3)), table)


def test_a_table_is_read_only_and_leaves_the_arrays_it_came_from_alone():
    X, weight = np.ones((3, 2)), np.ones(3)
    table = from_arrays(X, [0, 0, 1], row_weight=weight, group=[1, 1, 2], time=[1, 2, 3])
    for some in (table, table.take([0])):
        for array in (some.columns.numbers, some.y, some.row_weight, some.group, some.time):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
    X[0], weight[0] = 7, 7
    assert table.columns.numbers[0].tolist() == [1, 1]
    assert table.row_weight.tolist() == [1, 1, 1]


# ------------------------------------------------------------------- one line for each bad input


BAD_FILES = {
    "empty": (b"", "'data.csv' is empty"),
    "header only": (b"a,y\n", "has none"),
    "header without line end": (b"a,y", "has no rows"),
    "blank": (b"\n\n", "has no rows"),
    "short row": (b"a,y\n1,0\n2\n", "cells as the header, 2; row 3 of 'data.csv'"),
    "long row": (b"a,y\n1,0\n2,0,0\n", "row 3 of 'data.csv' (the header is row 1) has 3"),
    "semicolons": (b"a;y\n1,5;0\n", "the delimiter must be a comma"),
    "tabs": (b"a\ty\n1\t0\n", "has '\\t' and no comma"),
    "zip": (b"PK\x03\x04\n", "a zip archive or a spreadsheet"),
    "gzip": (gzip.compress(SMALL, mtime=0), "name it .csv.gz"),
    "parquet": (b"PAR1", "name it .parquet"),
    "zero bytes": (b"a,y\n\x00,1\n", "is binary"),
    "utf-16": ("a,y\n1,0\n".encode("utf-16"), "is UTF-16"),
    "latin-1 header": ("é,y\n1,0\n".encode("latin-1"), "must be UTF-8"),
    "latin-1 late": (SMALL * 9999 + b"\xe9,1\n", "must be UTF-8; 'data.csv' is not"),
    "latin-1 at the end of a short row": (b"a,y\n1,0\n\xe9", "must be UTF-8"),
    "quote left open": (b'a,y\n1,"no\n2,no\n3,yes\n', "every quote must be closed; row 2"),
    "same name twice": (b"a,a,y\n1,2,0\n", "column names must differ; 'data.csv' repeats 'a'"),
    "no target": (b"a,Y\n1,0\n", "'y' is none: did you mean 'Y'?"),
    "nothing like the target": (b"a,b\n1,0\n", "'y' is none: it has 'a', 'b'"),
    "one class": (b"a,y\n1,0\n2,0\n", "two classes or more; 'y' is always 0"),
    "missing labels": (b"a,y\n1,0\n2,\n3,1\n4,\n", "2 of 4 in 'y' are missing"),
    "missing text labels": (b"a,y\n1,no\n2,\n3,yes\n", "1 of 3 in 'y' are missing"),
    "no labels": (b"a,y\n1,\n2,\n", "2 of 2 in 'y' are missing"),
    "infinite label": (b"a,y\n1,inf\n2,1\n3,1\n", "labels must be finite"),
    "date labels": (b"a,y\n1,2020-01-01\n2,2020-01-02\n", "'y' holds date32[day]"),
    "tie": (b"a,y\n1,0\n2,1\n", "1 rows each of 0, 1: name the positive one with --positive"),
    "infinite": (b"a,b,y\ninf,1,0\n1e400,-inf,0\n1,1,1\n", "infinite values (3) in 'a', 'b'"),
    "no features": (b"y\n0\n0\n1\n", "no column beside the target"),
    "measurement": (
        b"a,y\n" + b"".join(b"1,%d.5\n" % i for i in range(1001)),
        "1,001 distinct numbers and looks like a regression target",
    ),
    "identifier": (
        b"a,y\n" + b"".join(b"1,n%d\n" % i for i in range(1001)),
        "1,001 distinct texts",
    ),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_one_clear_line(write, kind):
    content, words = BAD_FILES[kind]
    with pytest.raises(TableError) as caught:
        read_table(write(content), target="y")
    assert words in str(caught.value)
    assert_one_line(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("data.xlsx", b"", "must end in .csv, .csv.gz or .parquet; came 'data.xlsx'"),
        ("data.parquet", b"", "must be readable; 'data.parquet' is not"),
        ("data.parquet", b"a,y\n1,0\n" * 9, "must be readable; 'data.parquet' is not"),
        ("data.csv.gz", SMALL, "must be readable; 'data.csv.gz' is not"),
        (
            "data.csv.gz",
            TORN,
            "must be readable; 'data.csv.gz' is not",
        ),
        ("\x1b[31m\n.csv", b"a;y", "'\\x1b[31m\\n.csv'"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_one_clear_line(write, name, content, words):
    with pytest.raises(TableError) as caught:
        read_table(write(content, name), target="y")
    assert words in str(caught.value)
    assert_one_line(caught.value)


def test_a_missing_file_and_a_folder_are_one_clear_line(tmp_path):
    with pytest.raises(TableError, match="does not: check the path"):
        read_table(tmp_path / "none.csv", target="y")
    with pytest.raises(TableError, match="is a directory"):
        read_table(tmp_path, target="y")
    with pytest.raises(TableError, match="must be readable"):
        read_table("x" * 5000 + ".csv", target="y")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"positive": "2"}, "must be a label of 'y'; came '2': choose from 0, 1"),
        ({"exclude": ["b"]}, "--exclude must name a column of data.csv; 'b' is none"),
        ({"exclude": ["a"]}, "no column beside the target"),
        ({"target": "\x1b\n"}, "'\\x1b\\n' is none"),
    ],
)
def test_a_choice_that_the_table_lacks_is_one_clear_line(write, asked, words):
    with pytest.raises(TableError) as caught:
        read_table(write(SMALL), **{"target": "y", **asked})
    assert words in str(caught.value)
    assert_one_line(caught.value)


def test_the_target_cannot_be_excluded(write):
    with pytest.raises(UsageError, match="--target names 'y' and --exclude names it too"):
        read_table(write(SMALL), target="y", exclude=["y"])


ROLE_MISTAKES = {
    "target as group": ({"group": "y"}, "--target names 'y' and --group names it too: choose one"),
    "group as time": ({"group": "a", "time": "a"}, "--group names 'a' and --time names it too"),
    "weight as id": ({"row_weight": "a", "row_id": "a"}, "--row-weight names 'a' and --id names"),
    "group left out": ({"group": "a", "exclude": ["a"]}, "--group names 'a' and --exclude names"),
    "no such group": ({"group": "nowhere\x1b"}, "--group must name a column of data.csv; 'nowhere"),
    "almost such a time": ({"time": "WHEN"}, "'WHEN' is none: did you mean 'when'?"),
    "no such weight": ({"row_weight": "w"}, "--row-weight must name a column"),
    "no such id": ({"row_id": "w"}, "--id must name a column"),
    "gaps in the group": ({"group": "gaps"}, "every row must have a group; 1 of 3 in 'gaps' are"),
    "blank group": ({"group": "blank"}, "every row must have a group; 2 of 3 in 'blank' are"),
    "unknown group": ({"group": "ask", "missing": "?"}, "every row must have a group; 1 of 3"),
    "gaps in the time": ({"time": "gaps"}, "every row must have a time; 1 of 3 in 'gaps' are miss"),
    "unknown time": ({"time": "ask", "missing": ["?"]}, "every row must have a time; 1 of 3"),
    "words for a time": ({"time": "ask"}, "time must be numbers or dates; 'ask' holds '?': write"),
    "no such segment": ({"segments": ["GAPS"]}, "'GAPS' is none: did you mean 'gaps'?"),
    "weights below zero": ({"row_weight": "below"}, "'below' must be finite, none negative"),
    "infinite weights": (
        {"row_weight": "beyond", "exclude": []},
        "'beyond' must be finite, none negative",
    ),
    "missing weights": ({"row_weight": "gaps"}, "'gaps' must be finite, none negative"),
    "weights of nothing": ({"row_weight": "zero"}, "not all zero: mend it"),
    "words for weights": ({"row_weight": "ask"}, "'ask' must be 3 numbers; came string"),
    "unknown labels": ({"target": "ask", "missing": ["?"]}, "1 of 3 in 'ask' are missing"),
}
ODD = (
    b"a,gaps,blank,ask,when,below,beyond,zero,y\n"
    b"1,1, ,?,2020-01-01,-1,1,0,0\n"
    b"2,,,yes,2020-01-01,1,1,0,0\n"
    b"3,2,g,no,2020-01-02,1,inf,0,1\n"
)


@pytest.mark.parametrize("mistake", ROLE_MISTAKES)
def test_a_column_that_cannot_serve_in_its_role_is_one_clear_line(write, mistake):
    asked, words = ROLE_MISTAKES[mistake]
    with pytest.raises((TableError, UsageError)) as caught:
        read_table(write(ODD), **{"target": "y", "exclude": ["beyond"], **asked})
    assert words in str(caught.value)
    assert isinstance(caught.value, UsageError) == ("it too" in str(caught.value))
    assert_one_line(caught.value)


def test_a_positive_class_needs_two_classes():
    with pytest.raises(TableError, match="has 3: leave --positive out"):
        from_arrays(np.ones((3, 1)), [0, 1, 2], positive=1)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pl.DataFrame({"a": [1], "y": [0]}).lazy(), "came polars LazyFrame: collect"),
        ([[1, 0]], "came builtins list"),
        (pd.DataFrame([[1, 2, 0]], columns=["a", "a", "y"]), "repeats 'a'"),
        (pd.DataFrame([[1, 2, 0]], columns=[1, "1", "y"]), "repeats '1'"),
        (pd.DataFrame({"a": [1, "x"], "y": [0, 1]}), "'a' must hold values of one plain kind"),
        (pd.DataFrame({"a": [1j, 2], "y": [0, 1]}), "'a' must hold values of one plain kind"),
        (pd.DataFrame({"a": [1, 2], "y": [0, "0"]}), "'y' must hold values of one plain kind"),
        (pl.DataFrame({"a": [[1], [2]], "y": [0, 1]}), "'y' has 1 rows each"),
        (pl.DataFrame({"a": [[1], [2], [3]], "y": [0, 1, 1]}), "'a' ('large_list<"),
        (pd.DataFrame({"a": [b"x"] * 3, "y": [0, 1, 1]}), "'a' ('binary'): leave these columns"),
        (pl.DataFrame({"a": [{"b\n": 1}] * 3, "y": [0, 1, 1]}), "'a' ('struct<b\\n: int64>')"),
        (pa.table({"a": pa.array([2**31 - 1] * 3, pa.date32()), "y": [0, 1, 1]}), "1 to 9999"),
    ],
)
def test_a_bad_frame_is_one_clear_line(frame, words):
    with pytest.raises(TableError) as caught:
        from_frame(frame, target="y")
    assert words in str(caught.value)
    assert_one_line(caught.value)


X3, Y3 = np.ones((3, 1)), [0, 0, 1]


@pytest.mark.parametrize(
    ("X", "y", "more", "words"),
    [
        ([1, 2, 3], Y3, {}, "two dimensions, rows and columns; came list of shape (3,)"),
        ([[1], [2, 3]], Y3, {}, "X must be a rectangle"),
        (X3, Y3[:2], {}, "X has 3 and y has 2"),
        (X3[:0], [], {}, "must have rows"),
        (X3[:, :0], Y3, {}, "must have features"),
        ([[[1]], [[2]], [[3]]], Y3, {}, "two dimensions"),
        ([[1], ["v"], ["w"]], Y3, {}, "'x0' must hold values of one plain kind"),
        (X3, [0, 1, "1"], {}, "'y' must hold values of one plain kind"),
        (X3, [[0], [0], [1]], {}, "'y' holds list"),
        (X3, np.array([[0], [0], [1]]), {}, "'y' must have one dimension; came shape (3, 1)"),
        (X3, "001", {}, "'y' must have one dimension"),
        (X3, [0, math.nan, 1], {}, "1 of 3 in 'y' are missing"),
        (X3, Y3, {"names": ["a", "b"]}, "came 2 for 1"),
        (np.ones((3, 2)), Y3, {"names": ["a", "a"]}, "names repeats 'a'"),
        (X3, Y3, {"row_weight": [1, 2]}, "row_weight must have a value for each of 3 rows; came 2"),
        (X3, Y3, {"row_weight": ["a", "b", "c"]}, "row_weight must be 3 numbers; came string"),
        (X3, Y3, {"group": [1, 2]}, "group must have a value for each of 3 rows; came 2"),
        (X3, Y3, {"group": [1, "a", 2]}, "group must hold values of one plain kind"),
        (X3, Y3, {"group": [1, None, math.nan]}, "every row must have a group; 2 of 3 in group"),
        (X3, Y3, {"group": [[1], [2], [3]]}, "groups must be numbers, text or dates; group holds"),
        (X3, Y3, {"time": ["1.5.2020"] * 3}, "time holds '1.5.2020': write it as 2024-12-31"),
        (X3, Y3, {"time": np.ones((3, 1))}, "time must have one dimension"),
        (X3, Y3, {"row_id": [1, 2]}, "row_id must have a value for each of 3 rows; came 2"),
        (X3, Y3, {"row_id": [[1], [2], [3]]}, "row ids must be numbers, text or dates; row_id"),
        (X3, Y3, {"row_weight": [1, 2, -1]}, "none negative"),
        (X3, Y3, {"row_weight": [1, 2, None]}, "must be finite"),
        (X3, Y3, {"row_weight": [0, 0, 0]}, "not all zero"),
    ],
)
def test_bad_arrays_are_one_clear_line(X, y, more, words):
    with pytest.raises(TableError) as caught:
        from_arrays(X, y, **more)
    assert words in str(caught.value)
    assert_one_line(caught.value)


cells = st.sampled_from([b"a", b"y", b"1", b".5", b'"', b",", b"\n", b"\r", b"\xe9", b"", b"inf"])


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=40), st.lists(cells, max_size=30).map(b"".join)), st.booleans())
def test_any_bytes_are_a_table_or_one_line(content, with_header):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fuzz.csv")
        path.write_bytes(b"a,y\n" * with_header + content)
        try:
            table = read_table(path, target="y")
        except TableError as error:
            assert_one_line(error)
        else:
            assert not np.isinf(table.columns.numbers).any()


def test_a_damaged_parquet_file_is_a_table_or_one_line(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1.0, 2.0, 3.0], "y": ["no", "no", "yes"]}), path)
    content = path.read_bytes()
    for i in range(0, len(content), 7):
        for damaged in (content[:i], content[:i] + b"\xff" + content[i + 1 :]):
            path.write_bytes(damaged)
            try:
                read_table(path, target="y")
            except TableError as error:
                assert_one_line(error)


def test_importing_the_table_loads_no_frame_library_and_no_engine():
    heavy = ("jax", "keras", "pandas", "polars", "sklearn", "scipy", "skrub")
    found = f"str([m for m in {heavy} if m in sys.modules])"
    code = f"import sys, outweigh._table, outweigh._rows; sys.exit({found})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr.strip() == "[]"


# ------------------------------------------------------------------- new rows


def test_rows_that_were_learned_from_come_back_the_same(tmp_path):
    table = from_frame(ZOO, **ASKED)
    schema, missing = table.columns.schema, table.missing
    csv, parquet = tmp_path / "new.csv", tmp_path / "new.parquet"
    ZOO.to_pandas().iloc[:, ::-1].to_csv(csv, index=False)
    pq.write_table(ZOO, parquet)
    for rows in (
        read_rows(csv, schema, missing=missing, row_id="key"),
        read_rows(parquet, schema, missing=missing, row_id="key"),
        rows_from(ZOO.to_pandas(), schema, missing=missing, row_id="key"),
        rows_from(pl.from_arrow(ZOO), schema, missing=missing, row_id="key"),
    ):
        assert_same_columns(rows.columns, table.columns)
        assert sorted(rows.extra) == ["counts", "when", "who", "y"]
        assert rows.row_id.equals(table.row_id)
    matrix = np.array([ZOO[name].to_pylist() for name in table.names], dtype=object).T
    assert_same_columns(rows_from(matrix, schema, missing=missing).columns, table.columns)


def test_text_that_looks_like_numbers_is_read_as_the_text_it_was(write):
    schema = (("code", "text"), ("flag", "text"), ("size", "number"))
    rows = read_rows(write(b"code,flag,size\n007,True,1\n1.50,false,2\n"), schema)
    assert rows.columns.others["code"].to_pylist() == ["007", "1.50"]
    assert rows.columns.others["flag"].to_pylist() == ["True", "false"]
    assert rows.columns.numbers.tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([[1, 2]], "new rows must have the 1 columns of the study; came 2: give them in its order"),
        (pd.DataFrame({"b": [1]}), "pandas frame lacks 'a': add them"),
        (pd.DataFrame({"a": ["x"]}), "'a' must hold numbers, as in the study; in pandas frame it"),
        (pd.DataFrame({"a": [math.inf]}), "infinite values (1) in 'a'"),
        (pl.DataFrame({"a": [1]}).lazy(), "rows and columns; came LazyFrame"),
        ([1, 2], "two dimensions"),
    ],
)
def test_new_rows_that_cannot_serve_are_one_clear_line(X, words):
    with pytest.raises(TableError) as caught:
        rows_from(X, (("a", "number"),))
    assert words in str(caught.value)
    assert_one_line(caught.value)


def test_an_id_that_new_rows_lack_is_one_clear_line(write):
    with pytest.raises(TableError, match="--id must name a column"):
        read_rows(write(SMALL), (("a", "number"),), row_id="key")
