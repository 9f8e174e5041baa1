"""A segment: a column by which errors are told apart, however it is asked for."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from outweigh._errors import TableError, UsageError
from outweigh._segment import MOST_SEGMENTS, segment, segment_columns
from outweigh._table import from_arrays, from_frame
from outweigh._weigh import weigh

FRAME = pa.table({"a": [1.0, 2, 3, 4], "site": list("nsns"), "y": [0, 0, 1, 0]})


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (["b", "a", None, "  ", "", " a"], ["b", "a", None, None, None, " a"]),
        ([True, None, False], ["True", None, "False"]),
        ([1, None, -3], [1.0, None, -3.0]),
        ([0.5, float("nan"), -0.0], [0.5, None, 0.0]),
        ([2**60, 2**60 + 1], [str(2**60), str(2**60 + 1)]),  # floats are too coarse
        ([Decimal("1.10"), None], [1.1, None]),
        ([timedelta(hours=1), None], [3600.0, None]),
        ([date(2020, 1, 2), None], [datetime(2020, 1, 2), None]),
        ([None, None], [None, None]),
    ],
)
def test_a_segment_holds_texts_numbers_or_dates(column, values):
    found = segment("s", pa.array(column)).values
    assert found.to_pylist() == values
    assert found.type in (pa.large_string(), pa.float64(), pa.timestamp("us"))


def test_texts_that_mean_missing_are_missing_and_the_rest_is_what_it_is():
    assert segment("s", pa.array(["1", "?", "2"]), ("?",)).values.to_pylist() == [1, None, 2]
    assert segment("s", pa.array(["a", "? ", "2"]), ("?",)).values.to_pylist() == ["a", None, "2"]
    assert segment("s", pa.array(["007", "", "08"])).values.to_pylist() == ["007", None, "08"]


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (pa.array([[1], [2]]), "segments must be numbers, text or dates; 's' holds"),
        (pa.array([1.0, float("inf")]), "segments must be finite; 's' is not"),
    ],
)
def test_what_cannot_tell_rows_apart_is_one_clear_line(column, says):
    with pytest.raises(TableError, match=says) as caught:
        segment("s", column)
    assert str(caught.value).isprintable()


def named(table):
    return {segment.name: segment.values.to_pylist() for segment in table.segments}


SEX = ["f", "m", "m", "f"]
ASKED = {
    "a name": ("site", {"site": list("nsns")}),
    "names": (["site", "a", "site"], {"site": list("nsns"), "a": [1, 2, 3, 4]}),
    "an array": ([np.array(SEX)], {"segment 1": SEX}),
    "a list": ([SEX], {"segment 1": SEX}),
    "a name and an array": (["a", np.array(SEX)], {"a": [1, 2, 3, 4], "segment 2": SEX}),
    "a series": (pd.Series(SEX, name="sex"), {"sex": SEX}),
    "series": ([pl.Series("sex", SEX), pd.Series(SEX)], {"sex": SEX, "segment 2": SEX}),
    "a mapping": ({"sex": SEX, 3: np.arange(4)}, {"sex": SEX, "3": [0, 1, 2, 3]}),
    "a frame": (pd.DataFrame({"sex": SEX}), {"sex": SEX}),
    "nothing": ((), {}),
}


@pytest.mark.parametrize("how", ASKED)
def test_segments_are_named_or_given(how):
    given, expected = ASKED[how]
    assert named(from_frame(FRAME, target="y", segments=given)) == expected
    X = FRAME.select(["a", "site"]).to_pandas()
    assert named(from_arrays(X, FRAME["y"].to_pylist(), segments=given)) == expected


def test_an_array_beside_the_table_may_have_the_name_of_a_column():
    table = from_frame(FRAME, target="y", segments={"site": SEX, "y": SEX})
    assert named(table) == {"site": SEX, "y": SEX}
    assert table.columns.others["site"].to_pylist() == list("nsns")


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ("y", UsageError, "--segment names 'y': name another column"),
        (["site", "sites"], TableError, "'sites' is none: did you mean 'site'?"),
        ([f"s{i}" for i in range(3)], TableError, "--segment must name a column of"),
        ({"s": [1, 2]}, TableError, "'s' must have a value for each of 4 rows; came 2"),
        ({"s": np.ones((4, 2))}, TableError, "'s' must have one dimension"),
        ([pd.Series(SEX, name="s")] * 2, UsageError, "segments must differ in name; 's' came"),
        ({"s": [object()] * 4}, TableError, "'s' must hold values of one plain kind"),
        (
            {f"s{i}": SEX for i in range(MOST_SEGMENTS + 1)},
            UsageError,
            "there must be at most 20 segments; came 21",
        ),
    ],
)
def test_segments_that_cannot_serve_are_one_clear_line(given, error, says):
    with pytest.raises(error) as caught:
        from_frame(FRAME, target="y", segments=given)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()


def test_weigh_takes_segments_through_both_of_its_doors(monkeypatch):
    monkeypatch.setattr("outweigh._weigh.weigh_table", lambda table, **_: table)
    frame, y = FRAME.to_pandas(), FRAME["y"].to_pylist()
    by_name = weigh(frame, target="y", segments=["site"], exclude=["site"])
    assert (named(by_name), by_name.names) == ({"site": list("nsns")}, ("a",))
    assert named(weigh(frame[["a"]], y, segments={"sex": SEX})) == {"sex": SEX}
    assert named(weigh(np.eye(4), y, segments=["x1"])) == {"x1": [0, 1, 0, 0]}
    with pytest.raises(UsageError, match="--segment names 'y'"):
        weigh(frame, target="y", segments="y")


def test_twenty_segments_may_be_asked_for():
    columns = {f"s{i}": SEX for i in range(MOST_SEGMENTS)}
    assert [*segment_columns([*columns], columns, source="t.csv")] == [*columns]


def test_rows_are_taken_and_unknown_ones_follow():
    site = segment("site", pa.array(SEX))
    assert site.take([3, 0]).values.to_pylist() == ["f", "f"]
    assert site.take(np.zeros(0, dtype=int)).values.to_pylist() == []
    assert site.followed_by(2).values.to_pylist() == [*SEX, None, None]
