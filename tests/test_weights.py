import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_class_weight

from outweigh._errors import DataError, SplitError, UsageError
from outweigh._weights import Effective, Fixed, Power, Ratio, Rule, class_weight

counts_of = st.lists(st.integers(1, 10**9), min_size=2, max_size=6)
scaled_rules = st.one_of(
    st.floats(0, 2).map(Power),
    st.floats(0, 1, exclude_max=True).map(Effective),
)


def weights(rule: Rule, counts: list[int]) -> np.ndarray:
    return rule.weights(counts, classes=range(len(counts)))


@pytest.mark.parametrize("seed", range(50))
def test_balanced_equals_scikit_learn_to_the_last_bit(seed):
    rng = np.random.default_rng(seed)
    k, n = rng.integers(2, 9), rng.integers(10, 5000)
    y = np.concatenate([np.arange(k), rng.choice(k, size=n, p=rng.dirichlet(np.ones(k)))])
    expected = compute_class_weight("balanced", classes=np.arange(k), y=y)
    assert list(class_weight(y, "balanced").values()) == expected.tolist()
    assert Power(1).weights(np.bincount(y), range(k)).tolist() == expected.tolist()


@given(counts_of)
def test_power_0_is_exactly_one(counts):
    assert (weights(Power(0), counts) == 1).all()


@given(counts_of)
def test_beta_0_is_exactly_one(counts):
    assert (weights(Effective(0), counts) == 1).all()


@given(counts_of, scaled_rules)
def test_a_training_row_weighs_1_on_average(counts, rule):
    mean = weights(rule, counts) @ counts / sum(counts)
    assert mean == pytest.approx(1, rel=1e-12)


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.floats(1e-9, 1e9))
def test_a_ratio_is_the_ratio_of_the_weights_and_a_row_weighs_1_on_average(n_0, n_1, r):
    w_0, w_1 = weights(Ratio(r), [n_0, n_1])
    assert w_1 / w_0 == pytest.approx(r, rel=1e-14)
    assert (w_0 * n_0 + w_1 * n_1) / (n_0 + n_1) == pytest.approx(1, rel=1e-12)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.floats(0, 2))
def test_a_power_of_two_classes_is_a_ratio(n_0, n_1, tau):
    ratio = Ratio((n_0 / n_1) ** tau)
    assert weights(Power(tau), [n_0, n_1]) == pytest.approx(weights(ratio, [n_0, n_1]), rel=1e-12)


@given(counts_of, scaled_rules, st.randoms())
def test_relabelled_classes_keep_their_weights(counts, rule, random):
    order = list(range(len(counts)))
    random.shuffle(order)
    moved = weights(rule, [counts[k] for k in order])
    assert moved == pytest.approx(weights(rule, counts)[order], rel=1e-12)


@given(counts_of, scaled_rules)
def test_the_rarer_class_never_weighs_less(counts, rule):
    w_k = weights(rule, sorted(counts))
    assert (w_k[1:] <= w_k[:-1] * (1 + 1e-12)).all()


def test_effective_number_is_the_paper_s():
    # Effective numbers at β = ½: a class of 1 row has 1, a class of 2 rows has 1.5.
    w_k = weights(Effective(0.5), [1, 2])
    assert w_k[0] / w_k[1] == pytest.approx(1.5)


def test_effective_number_approaches_balanced():
    counts = [9000, 900, 100]
    assert weights(Effective(1 - 1e-10), counts) == pytest.approx(
        weights(Power(1), counts), rel=1e-5
    )


def test_weight_2_is_the_row_twice():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.repeat([0, 1], [40, 20])
    w = Fixed(((0, 1), (1, 2))).weights([40, 20], (0, 1))[y]
    twice = np.concatenate([np.arange(60), np.flatnonzero(y == 1)])
    weighted = LogisticRegression(tol=1e-10).fit(X, y, sample_weight=w)
    repeated = LogisticRegression(tol=1e-10).fit(X[twice], y[twice])
    assert weighted.coef_ == pytest.approx(repeated.coef_, rel=1e-6)


def test_fixed_weights_are_taken_as_given_in_any_order():
    rule = Fixed((("b", 200.0), ("a", 0.1)))
    assert rule.weights([5, 5], ("a", "b")).tolist() == [0.1, 200]


# class_weight: rules


def test_rules_go_by_name_number_dict_or_object():
    y = [0] * 80 + [1] * 20
    assert class_weight(y) == class_weight(y, "balanced") == class_weight(y, Power(1))
    assert class_weight(y, "none") == {0: 1.0, 1: 1.0}
    assert class_weight(y, "sqrt") == class_weight(y, Power(0.5))
    assert class_weight(y, 2) == pytest.approx(class_weight(y, "sqrt"))
    assert class_weight(y, np.float32(2)) == class_weight(y, Ratio(2))
    assert class_weight(y, {1: 200, 0: 1}) == {0: 1.0, 1: 200.0}


def test_a_ratio_weighs_the_rarer_class_whatever_its_label():
    rare_1, rare_0 = [0] * 9 + [1], [1] * 9 + [0]
    assert class_weight(rare_1, 9) == pytest.approx({0: 10 / 18, 1: 5.0})
    assert class_weight(rare_0, 9) == pytest.approx({1: 10 / 18, 0: 5.0})
    assert class_weight(["a", "b"], 3) == {"a": 0.5, "b": 1.5}


@pytest.mark.parametrize(
    "rule",
    ["auto", "power:0.7", None, True, [1, 2], Power, object(), np.ones(2)],
    ids=type,
)
def test_what_is_no_rule_is_refused(rule):
    with pytest.raises(UsageError, match="a rule must be one of"):
        class_weight([0, 1], rule)


@pytest.mark.parametrize("r", [0, -1, np.nan, np.inf, 1e31])
def test_a_ratio_must_be_positive_and_finite(r):
    with pytest.raises(UsageError, match="a ratio must be a number from 1e-30 to 1e\\+30"):
        class_weight([0, 1], r)


def test_a_ratio_needs_two_classes():
    with pytest.raises(UsageError, match="needs two classes; came 3"):
        class_weight([0, 1, 2], 50)


@pytest.mark.parametrize("tau", [-0.1, 4.1, np.nan, True, "1"])
def test_a_power_must_be_in_range(tau):
    with pytest.raises(UsageError, match="a power must be a number from 0 to 4"):
        Power(tau)


@pytest.mark.parametrize("beta", [-0.1, 1, np.nan])
def test_beta_must_be_below_1(beta):
    with pytest.raises(UsageError, match="beta must be a number from 0 to 1"):
        Effective(beta)


@given(counts_of, st.floats(0, 1, exclude_max=True))
def test_every_weight_is_positive_and_finite(counts, beta):
    for rule in (Power(4), Effective(beta)):
        w_k = weights(rule, counts)
        assert (w_k > 0).all()
        assert np.isfinite(w_k).all()


def test_a_class_without_training_rows_has_no_weight():
    with pytest.raises(SplitError, match=r"must have training rows; the counts are \[90.0, 0.0\]"):
        weights(Power(1), [90, 0])


# class_weight: what Keras 3.15 takes in silence, or stumbles over

NAN = float("nan")
TRAPS = {  # what came, and what Keras makes of it: labels, weights, our answer
    "a class without weight: weighs 1": ([0, 1], {0: 5}, "none came for [1]: add it"),
    "no weights: all weigh 1": ([0, 1], {}, "none came for [0, 1]: add it"),
    "keys are text: all weigh 1": ([0, 1], {"0": 5, "1": 9}, "came '0', a str: write 0, an int"),
    "labels are text: TypeError": (["0", "1"], {0: 5, 1: 9}, "came 0, an int: write '0', a str"),
    "keys count from 0, labels from 1: the 2s weigh 1": (
        [1, 2],
        {0: 5, 1: 9},
        "came 0, which is none of [1, 2]",
    ),
    "a weight too many: left out": ([0, 1], {0: 5, 1: 9, 2: 3}, "none of [0, 1]: leave it out"),
    "weight 0: rows without effect": ([0, 1], {0: 0, 1: 9}, "weight of class 0 must be a number"),
    "negative: learns to be wrong": ([0, 1], {0: 5, 1: -9}, "weight of class 1 must be a number"),
    "NaN: the loss is NaN": ([0, 1], {0: 5, 1: NAN}, "from 1e-30 to 1e+30; came nan"),
    "infinite: the loss is infinite": ([0, 1], {0: 5, 1: float("inf")}, "came inf"),
    "a weight as text: read as a number": ([0, 1], {0: 5, 1: "9"}, "came '9'"),
    "a truth value: 1": ([0, 1], {0: 5, 1: True}, "came True"),
    "a list: AttributeError": ([0, 1], [5, 9], "a ratio or a dict of label: weight; came [5, 9]"),
    "an array: AttributeError": ([0, 1], np.array([5, 9]), "or a dict of label: weight; came arr"),
    "'auto': AttributeError": ([0, 1], "auto", "one of 'none', 'sqrt', 'balanced'"),
    "None: no weights": ([0, 1], None, "one of 'none', 'sqrt', 'balanced'"),
    "one-hot: argmax": (np.eye(2), "balanced", "y.argmax(axis=1) for one-hot rows"),
    "multi-hot: the first class of each row": ([[1, 1, 0], [0, 0, 1]], "balanced", "shape (2, 3)"),
    "a label for each step: argmax over time": (
        np.array([[0, 1, 1], [1, 0, 0]]),
        "balanced",
        "one label per row; came ndarray of shape (2, 3)",
    ),
    "one-hot for each step: TypeError": (np.ones((2, 3, 2)), "balanced", "of shape (2, 3, 2)"),
    "a column: squeezed": (np.array([[0], [1]]), "balanced", "use y.ravel() for a single column"),
    "fractions: rounded to 0 and 2": ([0.5, 1.5], "balanced", "must be whole, Keras would round"),
    "a missing label: weighs as class 0": ([0.0, 1.0, NAN], "balanced", "1 of 3 in y are missing"),
    "categories of text: TypeError": (
        pd.Series(["a", "b"], dtype="category"),
        {0: 5, 1: 9},
        "came 0, which is none of ['a', 'b']",
    ),
    "truth values and numbers: one and the same": ([0, 1, True], "balanced", "of one plain kind"),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_what_keras_misreads_gives_one_line_that_says_what_to_do(trap):
    y, weights, says = TRAPS[trap]
    with pytest.raises((UsageError, DataError), match=re.escape(says)) as caught:
        class_weight(y, weights)
    assert str(caught.value).isprintable()


def test_what_keras_reads_rightly_serves():
    assert class_weight(np.array([False, True]), {0: 5, 1: 9}) == {0: 5, 1: 9}
    assert class_weight(np.array([0.0, 1.0]), {0: 5, 1: 9}) == {0: 5, 1: 9}
    assert class_weight([-1, 1], {-1: 5, 1: 9}) == {-1: 5, 1: 9}
    assert class_weight(pd.Series([0, 1], dtype="category"), {0: 5, 1: 9}) == {0: 5, 1: 9}


def test_equal_keys_of_another_kind_serve():
    assert class_weight([0.0, 1.0], {0: 1, 1: 9}) == {0: 1.0, 1: 9.0}
    assert class_weight([0, 1], {np.int64(0): 1, np.int32(1): 9}) == {0: 1.0, 1: 9.0}
    assert class_weight([False, True], {0: 1, 1: 9}) == {False: 1.0, True: 9.0}


# class_weight: y


@pytest.mark.parametrize(
    "y",
    [
        [0, 0, 1],
        (0, 0, 1),
        [np.int64(0), np.int32(0), 1],
        np.array([0, 0, 1], dtype=np.uint8),
        np.array([0, 0, 1], dtype=">i4"),
        np.array([0, 0, 1], dtype=object),
        np.ma.array([0, 0, 1]),
        pd.Series([0, 0, 1], index=[7, 7, 7]),
        pd.Series([0, 0, 1], dtype="Int64"),
        pd.Series([0, 0, 1], dtype="category"),
        pl.Series([0, 0, 1]),
        pl.Series([0, 0, 1]).to_arrow(),
    ],
    ids=lambda y: f"{type(y).__module__}.{type(y).__name__}",
)
def test_y_may_come_in_any_array_and_keys_are_plain(y):
    weight = class_weight(y)
    assert weight == {0: 0.75, 1: 1.5}
    assert {type(key) for key in weight} == {int}


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [0.0, 1.0], [-1, 1]])
def test_keys_are_as_in_y(labels):
    weight = class_weight(np.array(labels))
    assert list(weight) == labels
    assert {type(key) for key in weight} == {type(labels[0])}


@pytest.mark.parametrize(
    "y",
    [
        np.array([[0], [1]]),
        [[1, 0], [0, 1]],
        np.eye(2),
        pd.DataFrame({"y": [0, 1]}),
        np.zeros((2, 3, 2)),
        "01",
        {0: 1},
        None,
    ],
    ids=lambda y: type(y).__name__,
)
def test_y_must_be_one_label_per_row(y):
    with pytest.raises(UsageError, match="y must hold one label per row"):
        class_weight(y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1, None], "1 of 3 in y are missing"),
        ([0.0, 1.0, np.nan], "1 of 3 in y are missing"),
        (np.array([0, np.nan, np.nan]), "2 of 3 in y are missing"),
        (pd.Series([0, 1, pd.NA], dtype="Int64"), "1 of 3 in y are missing"),
        (pl.Series([0, 1, None]), "1 of 3 in y are missing"),
        (np.ma.array([0, 1, 1], mask=[0, 0, 1]), "1 of 3 in y are missing"),
        (["a", "", "b"], "1 of 3 in y are missing"),
        ([0, "a"], "labels must be of one plain kind"),
        ([0, True], "labels must be of one plain kind"),
        ([[1], [1, 2]], "labels must be of one plain kind"),
        ([0, 10**400], "labels must be of one plain kind"),
        ([0.0, np.inf], "finite numbers"),
        (np.array(["2026-01-01", "2026-01-02"], dtype="M8[D]"), "encode it"),
        ([0, 0, 0], "y must hold two classes or more; it is always 0"),
        ([], "y must hold two classes or more; it has no rows"),
    ],
)
def test_labels_that_cannot_serve_are_bad_data(y, message):
    with pytest.raises(DataError, match=message) as caught:
        class_weight(y)
    assert "\n" not in str(caught.value)


def test_the_two_zeros_are_one_label():
    assert class_weight([0.0, -0.0, 1.0]) == {0.0: 0.75, 1.0: 1.5}


def test_hostile_labels_stay_on_one_line():
    with pytest.raises(UsageError) as caught:
        class_weight(["<b>\n\x1b[31m", "b" * 10_000], {"c\n": 1})
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 300
