import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from outweigh._features import FARTHEST, fit_features
from outweigh._table import Table

nan = np.nan


def table_of(columns) -> Table:
    columns = np.asarray(columns, dtype=float)
    n, d = columns.shape
    y = np.arange(n) % 2
    return Table(columns, tuple(f"x{j}" for j in range(d)), y, (0, 1), "y", "test")


def test_features_can_be_checked_with_a_pencil():
    table = table_of([[1, 5], [nan, 5], [3, 5]])
    features = fit_features(table, np.arange(3))
    assert features.names == ("x0", "x1", "missingindicator_x0")
    a, b = 1.5**0.5, 0.5**0.5  # (3 − 2) / sd(1, 2, 3) and (1/3) / sd(0, 1, 0)
    want = [[-a, 0, -b], [0, 0, 2 * b], [a, 0, -b]]
    assert features.transform(table.columns) == pytest.approx(np.array(want))


def test_only_the_training_rows_teach():
    table = table_of([[1, 2], [nan, 4], [3, 9], [7e7, nan], [nan, -5e9]])
    other = table_of([*table.columns[:3], [0, 0], [1, 1]])
    rows = [0, 1, 2]
    one, two = fit_features(table, rows), fit_features(other, rows)
    assert one.names == two.names
    assert one.transform(table.columns).tobytes() == two.transform(table.columns).tobytes()


def test_a_column_constant_in_training_is_zero_everywhere():
    table = table_of([[5, nan, 1e300], [5, nan, 1e300], [1e9, 3, -1e300], [nan, nan, nan]])
    features = fit_features(table, [0, 1])
    assert not features.transform(table.columns).any()


def test_a_far_value_is_clipped_and_nothing_overflows():
    table = table_of([[0.0], [1.0], [1e300], [-1.7e308]])
    z = fit_features(table, [0, 1]).transform(table.columns)
    assert z.ravel().tolist() == [-1, 1, FARTHEST, -FARTHEST]


def test_no_rows_become_no_rows():
    features = fit_features(table_of([[1, nan], [2, 3]]), [0, 1])
    assert features.transform(np.empty((0, 2))).shape == (0, 3)


@settings(max_examples=80, deadline=None)
@given(arrays(float, (6, 3), elements=st.floats(allow_infinity=False)))
def test_features_are_always_finite_and_ready_for_a_network(columns):
    table = table_of(columns)
    features = fit_features(table, [0, 1, 2, 3])
    z = features.transform(table.columns)
    assert z.shape == (6, len(features.names))
    assert z.dtype == np.float32
    assert z.flags.c_contiguous
    assert np.isfinite(z).all()
    assert np.abs(z).max() <= FARTHEST
