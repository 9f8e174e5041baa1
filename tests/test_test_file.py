"""A test file: touched at the end, taught from never."""

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv
import pytest

from outweigh import TableError
from outweigh._table import read_table
from outweigh._test_file import with_test_file

N, M = 120, 30


def rows(n, seed, **changes):
    rng = np.random.default_rng(seed)
    table = {
        "dose": rng.normal(size=n),
        "site": np.array(["north", "south"])[rng.integers(0, 2, n)],
        "weight": rng.random(n) + 0.5,
        "who": rng.integers(0, 40, n),
        "state": np.where(np.arange(n) % 4 == 0, "sick", "well"),
    }
    return {name: column for name, column in (table | changes).items() if column is not None}


def write(folder, name, table):
    path = folder / name
    pv.write_csv(pa.table(table), path)
    return path


@pytest.fixture
def table(tmp_path):
    path = write(tmp_path, "train.csv", rows(N, 0))
    return read_table(path, target="state", row_weight="weight", group="who")


def test_test_rows_stand_behind_the_others(table, tmp_path):
    path = write(tmp_path, "test.csv", rows(M, 1))
    together, test = with_test_file(table, path, row_weight="weight")
    assert test.tolist() == list(range(N, N + M))
    expected = read_table(path, target="state", row_weight="weight", group="who")
    assert (together.columns.numbers[test] == expected.columns.numbers).all()
    assert together.columns.others.slice(N) == expected.columns.others
    assert (together.y[test] == expected.y).all()
    assert (together.row_weight[test] == expected.row_weight).all()
    assert together.take(np.arange(N)).columns.others == table.columns.others
    assert (together.y[:N] == table.y).all()
    assert "the test rows are those of 'test.csv'" in together.notes


def test_columns_come_in_any_order_and_others_do_not_matter(table, tmp_path):
    plain = with_test_file(table, write(tmp_path, "a.csv", rows(M, 1)))[0]
    turned = dict(reversed(rows(M, 1, note=["x"] * M).items()))
    other = with_test_file(table, write(tmp_path, "b.csv", turned))[0]
    assert (other.columns.numbers == plain.columns.numbers).all()
    assert other.columns.others == plain.columns.others


def test_a_test_row_is_in_a_group_of_its_own(table, tmp_path):
    together, test = with_test_file(table, write(tmp_path, "test.csv", rows(M, 1)))
    assert len(set(together.group[test])) == M
    assert set(together.group[test]).isdisjoint(table.group)
    assert together.time is None


def test_a_test_file_needs_no_segments_and_has_none(tmp_path):
    path = write(tmp_path, "train.csv", rows(N, 0))
    asked = {"target": "state", "exclude": ["site"]}
    table = read_table(path, **asked, segments=["site"])
    other = write(tmp_path, "test.csv", rows(M, 1, site=None))
    together, test = with_test_file(table, other)
    [site] = together.segments
    assert site.values.slice(0, N).equals(table.segments[0].values)
    assert site.values.take(pa.array(test)).null_count == M
    assert together.digest != table.digest
    assert together.digest != with_test_file(table, write(tmp_path, "u.csv", rows(M, 2)))[0].digest


def test_rows_without_a_weight_count_once(table, tmp_path):
    path = write(tmp_path, "test.csv", rows(M, 1, weight=None))
    together, test = with_test_file(table, path)
    assert (together.row_weight[test] == 1).all()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"dose": None}, "lacks 'dose'"),
        ({"state": None}, "'state' is none"),
        ({"state": ["dead"] * M}, "has 'dead'"),
        ({"state": [""] * M}, "missing"),
        ({"dose": ["red"] * M}, "'dose' must hold numbers"),
        ({"dose": [float("inf")] * M}, "infinite"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line(table, tmp_path, changes, says):
    path = write(tmp_path, "test.csv", rows(M, 1, **changes))
    with pytest.raises(TableError, match=says) as caught:
        with_test_file(table, path)
    assert "\n" not in str(caught.value)


def test_labels_are_the_same_whether_they_read_as_numbers_or_as_text(tmp_path):
    first = rows(N, 0, state=np.arange(N) % 4 // 3)
    table = read_table(write(tmp_path, "train.csv", first), target="state")
    second = rows(M, 1, state=(np.arange(M) % 4 // 3).astype(float))
    together, test = with_test_file(table, write(tmp_path, "test.csv", second))
    assert (together.y[test] == np.arange(M) % 4 // 3).all()
    assert together.classes == (0, 1)
