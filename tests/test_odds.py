"""Where weights move odds, and the way back: one ratio, thrice."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outweigh import (
    Cost,
    CostMatrix,
    DataError,
    FBeta,
    OneHot,
    RowCost,
    UsageError,
    YesNo,
    class_weight,
    count_classes,
    initial_bias,
    threshold,
    undo,
)

shares = st.floats(1e-6, 1 - 1e-6)
amounts = st.floats(1e-3, 1e3)


# undo


def test_a_dict_undoes_as_its_weights_in_the_order_of_the_labels():
    p = np.array([[0.2, 0.5, 0.3], [0, 0.5, 0.5]])
    expected = undo(p, [2, 3, 7])
    np.testing.assert_array_equal(undo(p, {"c": 7, "a": 2, "b": 3}), expected)
    assert expected[0] == pytest.approx(np.array([0.1, 1 / 6, 3 / 70]) / (0.1 + 1 / 6 + 3 / 70))


@pytest.mark.parametrize("shape", [(1,), (5, 1), (2, 5, 1)])
def test_the_second_class_alone_is_undone_as_beside_the_first(shape):
    p = np.random.default_rng(0).random(shape)
    weights = {0: 0.5, 1: 20}
    both = undo(np.concatenate([1 - p, p], axis=-1), weights)
    np.testing.assert_array_equal(undo(p, weights), both[..., 1:])
    np.testing.assert_array_equal(undo(p.astype("float32"), weights).shape, shape)


def test_sure_is_sure():
    assert undo([[0.0], [1.0]], {0: 1, 1: 1e6}).tolist() == [[0], [1]]


def test_each_label_can_have_weights_of_its_own():
    p = np.full((4, 3), 0.5)
    weights = [[1, 1], [1, 3], [1, 9]]
    assert undo(p[..., np.newaxis], weights)[0, :, 0] == pytest.approx([0.5, 0.25, 0.1])


@pytest.mark.parametrize(
    ("p", "weights", "says"),
    [
        ([0.1, 0.2, 0.3], {0: 1, 1: 2}, r"shape \(3,\): .* p.reshape\(-1, 1\)"),
        (0.5, {0: 1, 1: 2}, r"p.reshape\(-1, 1\)"),
        ([[0.5]], {0: 1, 1: 2, 2: 3}, "one for each of 3 classes"),
        ([[0.2], [3.1]], {0: 1, 1: 2}, "came 3.1: are these logits"),
        ([[0.5, 0.5], [0, 0]], {0: 1, 1: 2}, "must sum to 1; came a sum of 0"),
        (["a"], {0: 1, 1: 2}, "must be an array of numbers"),
        ([0.5, 0.5], [1, 0], "must be positive numbers"),
        ([0.5, 0.5], [1, np.nan], "must be positive numbers"),
        ([0.5, 0.5], {0: 1, 1: -2}, "the weight of class 1 must be"),
        ([0.5, 0.5], {0: 1, "1": 2}, "with labels of one kind"),
        ([0.5, 0.5], "balanced", "outweigh.class_weight gives one from a rule"),
        ([0.5, 0.5], [1], "one for each of two classes or more"),
        (np.full((3, 2), 0.5), np.ones((2, 2)), "must fit the probabilities"),
    ],
)
def test_what_cannot_be_undone_is_refused(p, weights, says):
    with pytest.raises(UsageError, match=says):
        undo(p, weights)


# threshold


@given(amounts, amounts, shares, amounts, amounts)
def test_flagging_weighted_probabilities_is_flagging_undone_ones(fn, fp, p, w0, w1):
    costs, weights = Cost(fn=fn, fp=fp), {0: w0, 1: w1}
    back, t = undo([p], weights)[0], threshold(costs)
    if abs(back - t) > 1e-9:  # nearer, rounding decides
        assert (p >= threshold(costs, weights)) == (back >= t)


def test_the_threshold_is_elkans():
    assert threshold(Cost(fn=9, fp=1)) == 0.1
    assert threshold(Cost(fn=9, fp=3, tp=-3, tn=1)) == pytest.approx(2 / 14)
    assert threshold(CostMatrix([[1, 3], [9, -3]], classes=("no", "yes"))) == pytest.approx(2 / 14)
    assert threshold(Cost(fn=9, fp=1), [1, 9]) == 0.5


@pytest.mark.parametrize(
    ("costs", "weights", "says"),
    [
        (CostMatrix(1 - np.eye(3), classes=(0, 1, 2)), None, "of more than two has none"),
        (Cost(fn=9, fp=1, refer=0.5), None, "of a referral has two"),
        (RowCost(fp=1), None, "a RowCost has one for each row"),
        (FBeta(1), None, "one threshold for all cases follows from Cost"),
        ([[0, 1], [9, 0]], None, "follows from Cost"),
        (Cost(fn=9, fp=1), {0: 1, 1: 2, 2: 3}, "weights of two classes"),
        (Cost(fn=9, fp=1), "balanced", "class_weight gives one from a rule"),
    ],
)
def test_what_has_no_threshold_says_so(costs, weights, says):
    with pytest.raises(UsageError, match=says):
        threshold(costs, weights)


# initial_bias


def said(bias, activation):
    import keras

    units = np.size(bias)
    layer = keras.layers.Dense(
        units,
        activation,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(bias),
    )
    return np.asarray(layer(np.ones((1, 3), "float32")))[0]


@pytest.mark.parametrize("rule", [None, "sqrt", "balanced", {0: 1, 1: 20}])
def test_an_untrained_network_says_the_weighted_base_rate(rule):
    y = np.repeat([0, 1], [90, 10])
    weight = class_weight(y, rule or "none")
    expected = 10 * weight[1] / (90 * weight[0] + 10 * weight[1])
    assert said(initial_bias(y, rule), "sigmoid") == pytest.approx([expected], rel=1e-6)
    assert initial_bias(Counter({0: 90, 1: 10}), rule) == initial_bias(y, rule)


def test_of_more_classes_softmax_says_the_weighted_shares():
    y = np.repeat([0, 1, 2], [60, 30, 10])
    assert said(initial_bias(y), "softmax") == pytest.approx([0.6, 0.3, 0.1], rel=1e-6)
    weighted = said(initial_bias(y, {0: 1, 1: 2, 2: 12}), "softmax")
    assert weighted == pytest.approx([0.25, 0.25, 0.5], rel=1e-6)
    for hot in (np.eye(3)[y], count_classes([np.eye(3)[y]], kind=OneHot())):
        np.testing.assert_array_equal(initial_bias(hot, kind=OneHot()), initial_bias(y))


def test_two_one_hot_places_have_two_biases():
    hot = np.eye(2)[np.repeat([0, 1], [3, 1])]
    assert np.exp(initial_bias(hot, kind=OneHot())) == pytest.approx([0.75, 0.25])


def test_each_yes_no_label_starts_at_its_own_base_rate():
    Y = np.array([[0, 1], [0, 0], [0, 1], [1, 1]])
    for target in (Y, count_classes([Y], kind=YesNo())):
        bias = initial_bias(target, kind=YesNo())
        assert said(bias, "sigmoid") == pytest.approx([0.25, 0.75], rel=1e-6)
        assert initial_bias(target, "balanced", kind=YesNo()) == pytest.approx([0, 0])


@pytest.mark.parametrize(
    ("y", "kind", "says"),
    [
        ([0, 0], None, "it is always 0"),
        (np.eye(3)[[0, 1]], OneHot(), r"of 3 one-hot places those with rows are \[0, 1\]"),
        (Counter({0: 5, 2: 3}), OneHot(), r"those with rows are \[0, 2\]"),
        ([[0, 1], [0, 0]], YesNo(), "label 0 of y: y must hold two classes"),
    ],
)
def test_a_class_without_rows_has_no_bias(y, kind, says):
    with pytest.raises(DataError, match=says):
        initial_bias(y, kind=kind)


@pytest.mark.parametrize("sigmoids", [[0.5, 0.9], [[0.9, 0.9]], [[0.2, 0.2]]])
def test_sigmoids_are_no_rows_of_classes(sigmoids):
    with pytest.raises(UsageError, match=r"p.reshape\(-1, 1\) if each of them is a case's sigmoid"):
        undo(sigmoids, {0: 1, 1: 9})


def test_a_bias_takes_a_dict_that_has_more_classes():
    assert initial_bias([0, 0, 1], {0: 1, 1: 2, 2: 3}) == pytest.approx(0)


def test_yes_no_labels_have_no_third_class():
    with pytest.raises(UsageError, match=r"label 0 of y: .* came 2, which is none of \[0, 1\]"):
        initial_bias([[0], [1]], {0: 1, 1: 2, 2: 3}, kind=YesNo())
