"""What numbers mean is said, and read as that."""

import numpy as np
import pandas as pd
import pytest

from outweigh import (
    DataError,
    Labels,
    OneHot,
    UsageError,
    YesNo,
    class_weights,
    count_classes,
    row_weight,
)
from outweigh._targets import read_target


def test_labels_of_any_shape_count_as_the_flat_ones():
    y = np.random.default_rng(0).integers(0, 3, (4, 5, 6))
    flat = count_classes([y.ravel()])
    for shaped in (y, y[..., np.newaxis], y.tolist(), y.astype("uint8"), y.astype("float16")):
        assert count_classes([shaped], kind=Labels()) == flat
    assert count_classes(list(y), kind=Labels()) == flat  # a mask is a batch


def test_zero_is_one_label_whatever_its_sign():
    y = np.array([0.0, -0.0, 1.0, -0.0])
    assert count_classes([y]) == {0: 3, 1: 1}
    assert row_weight(y, {0: 2, 1: 5}).tolist() == [2, 2, 5, 2]


@pytest.mark.parametrize("ignore", [255, 255.0, np.uint8(255)])
def test_an_ignored_label_is_counted_nowhere(ignore):
    assert count_classes([[[0, 1, 255], [255, 0, 0]]], kind=Labels(ignore)) == {0: 3, 1: 1}


def test_missing_labels_can_be_ignored_and_are_refused_otherwise():
    y = np.array([0, np.nan, 1, 0])
    assert count_classes([y], kind=Labels(ignore=np.nan)) == {0: 2, 1: 1}
    assert read_target(y, None, "y", mask=[True, False, True, True]).code[1] == -1
    with pytest.raises(DataError, match="1 of 4 in batch 1 are missing"):
        count_classes([y], kind=Labels(ignore=7))


def test_one_hot_rows_count_as_their_places():
    y = np.random.default_rng(0).integers(0, 4, (3, 5))
    for dtype in (np.int64, np.float32, bool):
        assert count_classes([np.eye(4, dtype=dtype)[y]], kind=OneHot()) == count_classes(
            [y], kind=Labels()
        )
    assert count_classes([[[0, 0], [1, 0]]], kind=OneHot()) == {0: 1}  # a row of zeros is padding


def test_yes_no_labels_are_counted_each_for_itself_in_any_batches():
    Y = np.random.default_rng(0).integers(0, 2, (30, 3))
    expected = tuple(count_classes([column]) for column in Y.T)
    assert count_classes(np.array_split(Y, 4), kind=YesNo()) == expected
    assert count_classes([Y[..., np.newaxis]], kind=YesNo(axis=-2)) == expected
    assert count_classes([pd.DataFrame(Y)], kind=YesNo()) == expected
    assert class_weights(expected) == class_weights(Y)


def test_unknown_yes_no_labels_are_counted_nowhere():
    counts = count_classes([[[0, -1], [1, 0], [0, 1]]], kind=YesNo(ignore=-1))
    assert counts == ({0: 2, 1: 1}, {0: 1, 1: 1})
    nan = count_classes([np.array([[0, np.nan], [1, 0], [0, 1]])], kind=YesNo(ignore=np.nan))
    assert nan == counts


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 3, 4, 1)])
def test_what_could_mean_several_things_must_be_said(shape):
    with pytest.raises(UsageError, match=r"must hold one label per row.*say kind=Labels\(\)"):
        count_classes([np.zeros(shape, int)])


@pytest.mark.parametrize(
    ("y", "kind", "error", "says"),
    [
        ([[0.9, 0.1]], OneHot(), DataError, r"has \[0.9, 0.1\]: .* soft labels"),
        ([[1, 1]], OneHot(), DataError, r"has \[1, 1\]: say kind=YesNo\(\)"),
        ([[2, 0]], OneHot(), DataError, r"has \[2, 0\]"),
        ([[np.nan, 1]], OneHot(), DataError, "must hold one 1 and zeros"),
        ([[1], [0]], OneHot(), UsageError, r"shape \(2, 1\): say kind=Labels"),
        ([["a", "b"]], OneHot(), DataError, "must hold one 1"),
        ([[0, 0.5]], YesNo(), DataError, "must be 0 or 1; batch 1 has 0.5"),
        ([[0, -1]], YesNo(), DataError, "batch 1 has -1.*say which number to ignore"),
        ([0, 1], YesNo(axis=-2), UsageError, r"must have an axis -2; batch 1 has shape \(2,\)"),
        ([[0, 1], [1]], Labels(), DataError, "one plain kind"),
        ([[0.5, 1]], Labels(), DataError, "must be whole"),
        ([0, 1], OneHot, UsageError, r"kind must be Labels\(\), OneHot\(\) or YesNo\(\)"),
        ([0, 1], "labels", UsageError, "came 'labels'"),
    ],
)
def test_a_target_that_is_not_what_was_said_is_refused_in_one_line(y, kind, error, says):
    with pytest.raises(error, match=says) as caught:
        count_classes([y], kind=kind)
    assert "\n" not in str(caught.value)


def test_an_axis_counted_from_the_front_is_refused():
    with pytest.raises(UsageError, match="counted from the end"):
        YesNo(axis=1)


def test_batches_with_other_labels_are_refused():
    with pytest.raises(UsageError, match="batch 2 has 3, those before it 2"):
        count_classes([[[0, 1]], [[0, 1, 1]]], kind=YesNo())


def test_tensors_are_taken_from_wherever_they_live():
    class Tensor:
        """As torch's: NumPy is refused until it is detached and brought home."""

        def detach(self):
            return self

        def cpu(self):
            return np.array([0, 1, 1])

        def __array__(self, *_, **__):
            raise TypeError("use Tensor.cpu() first")

    assert count_classes([Tensor()]) == {0: 1, 1: 2}
