import gzip
import math
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outweigh._errors import TableError, UsageError
from outweigh._table import Table, from_arrays, from_frame, read_table

SMALL = b"a,y\n1,0\n2,0\n3,1\n"


def assert_same(one: Table, other: Table) -> None:
    assert one.columns.tobytes() == other.columns.tobytes()
    assert one.columns.shape == other.columns.shape
    assert one.columns.dtype == other.columns.dtype == np.float64
    assert one.y.tobytes() == other.y.tobytes()
    assert [(type(k), k) for k in one.classes] == [(type(k), k) for k in other.classes]
    assert (one.names, one.target, one.notes) == (other.names, other.target, other.notes)


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
labels = st.sampled_from([(0, 1), (2, 7, -1), (False, True), ("no", "<b>é,\n"), (0.0, 1.5)])


@st.composite
def tables(draw):
    n = draw(st.integers(3, 8))
    column = st.sampled_from([number, whole, truth]).flatmap(
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
def test_one_table_is_the_same_through_every_door(drawn):
    arrow, target, positive = drawn
    asked = {"target": target, "positive": positive}
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
    assert_same(from_arrays(features, y, positive=positive), want)
    matrix = np.stack([features[name].astype(float) for name in features], axis=1)
    y = pd.Series(y, name=target)
    assert_same(from_arrays(matrix, y, names=list(features), positive=positive), want)


def test_values_can_be_checked_with_a_pencil(write):
    table = read_table(write(b"a,flag,y\n1.5,true,no\n,false,no\n-2,,yes\n"), target="y")
    nan = math.nan
    assert np.array_equal(table.columns, [[1.5, 1], [nan, 0], [-2, nan]], equal_nan=True)
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
    with pytest.raises(TableError, match=r"'a' \('x'\)"):
        read_table(write(b"a,y\n" + b"1,0\n" * 300_000 + b"x,1\n"), target="y")


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


# ------------------------------------------------------------------- the record


def test_taking_rows_keeps_classes_and_weights():
    table = from_arrays([[1], [2], [3]], ["a", "a", "b"], row_weight=[1, 2, 3])
    taken = table.take([2, 1])
    assert taken.columns.tolist() == [[3], [2]]
    assert (taken.y.tolist(), taken.row_weight.tolist()) == ([1, 0], [3, 2])
    assert table.take(np.array([True, True, False])).counts.tolist() == [2, 0]


def test_a_table_is_read_only_and_leaves_the_arrays_it_came_from_alone():
    X, weight = np.ones((3, 2)), np.ones(3)
    table = from_arrays(X, [0, 0, 1], row_weight=weight)
    for array in (table.columns, table.y, table.row_weight, table.take([0]).columns):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    X[0], weight[0] = 7, 7
    assert table.columns[0].tolist() == [1, 1]
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
    "gzip": (gzip.compress(SMALL), "name it .csv.gz"),
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
    "text": (b"a,b,y\n1,M,0\n2,F,0\n3,M,1\n", "has others in 'b' ('M')"),
    "question mark": (b"a,y\n1,0\n?,0\n3,1\n", "'a' ('?'): leave these columns out with --exclude"),
    "dates": (b"a,y\n2020-01-01,0\n,0\n,1\n", "'a' (date32[day])"),
    "measurement": (
        b"a,y\n" + b"".join(b"1,%d.5\n" % i for i in range(1001)),
        "1001 distinct numbers and looks like a regression target",
    ),
    "identifier": (b"a,y\n" + b"".join(b"1,n%d\n" % i for i in range(1001)), "1001 distinct texts"),
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
        ("data.csv.gz", gzip.compress(SMALL * 99)[:-20], "must be readable; 'data.csv.gz' is not"),
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
    with pytest.raises(UsageError, match="--exclude names 'y' too"):
        read_table(write(SMALL), target="y", exclude=["y"])


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
        (pl.DataFrame({"a": [[1], [2], [3]], "y": [0, 1, 1]}), "'a' (large_list<"),
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
        ([["u"], ["v"], ["w"]], Y3, {}, "'x0' ('u')"),
        (X3, [0, 1, "1"], {}, "'y' must hold values of one plain kind"),
        (X3, [[0], [0], [1]], {}, "'y' holds list"),
        (X3, np.array([[0], [0], [1]]), {}, "'y' must have one dimension; came shape (3, 1)"),
        (X3, "001", {}, "'y' must have one dimension"),
        (X3, [0, math.nan, 1], {}, "1 of 3 in 'y' are missing"),
        (X3, Y3, {"names": ["a", "b"]}, "came 2 for 1"),
        (np.ones((3, 2)), Y3, {"names": ["a", "a"]}, "names repeats 'a'"),
        (X3, Y3, {"row_weight": [1, 2]}, "row_weight must be 3 numbers; came 2"),
        (X3, Y3, {"row_weight": ["a", "b", "c"]}, "row_weight must be 3 numbers; came 3 of string"),
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
            assert not np.isinf(table.columns).any()


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
    heavy = ("jax", "keras", "pandas", "polars", "sklearn", "scipy")
    code = f"import sys, outweigh._table; sys.exit(str([m for m in {heavy} if m in sys.modules]))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr.strip() == "[]"
