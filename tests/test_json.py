"""JSON that reads back as what was written, and a line for each list of plain values."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outweigh._json import written
from tests.test_record import recorded

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
records = st.recursive(
    plain, lambda parts: st.one_of(st.lists(parts), st.dictionaries(st.text(), parts))
)


@given(records)
def test_what_is_written_reads_back_as_it_was(value):
    text = written(value)
    read = json.loads(text)
    assert read == value
    assert repr(read) == repr(value)  # 1, 1.0 and true differ


@given(records)
def test_but_for_its_lines_it_is_what_json_writes(value):
    """Outside of texts there is no other white space than after a comma, a colon or a line."""
    parts = [line.strip() for line in written(value).split("\n")]
    expected = [line.strip() for line in json.dumps(value, indent=1).split("\n")]
    assert "".join(parts).replace(" ", "") == "".join(expected).replace(" ", "")


def test_a_list_of_plain_values_takes_one_line_and_a_table_one_for_each_row():
    value = {
        "a": [1, 2.5, None, "x", True],
        "table": [[1, 2], [3, 4]],
        "deep": [[[1], [2]], []],
        "mixed": [1, {"b": []}, [2]],
        "none": {},
    }
    assert written(value).split("\n") == [
        "{",
        ' "a": [1, 2.5, null, "x", true],',
        ' "table": [',
        "  [1, 2],",
        "  [3, 4]",
        " ],",
        ' "deep": [',
        "  [",
        "   [1],",
        "   [2]",
        "  ],",
        "  []",
        " ],",
        ' "mixed": [',
        "  1,",
        "  {",
        '   "b": []',
        "  },",
        "  [2]",
        " ],",
        ' "none": {}',
        "}",
    ]


def test_the_record_of_a_study_reads_back_as_it_was():
    _, found = recorded()
    assert json.loads(written(found)) == found


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(value):
    for nested in (value, [value], {"a": [1.0, value]}, [[value]]):
        with pytest.raises(ValueError, match="JSON compliant"):
            written(nested)


@pytest.mark.parametrize("value", [{1: 2}, {"a": {None: 1}}, [np.int64(1)], {"a": {1, 2}}])
def test_what_is_no_plain_value_is_refused(value):
    with pytest.raises(TypeError):
        written(value)
