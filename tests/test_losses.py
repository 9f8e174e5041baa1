"""Losses: from counts of classes to the letters of each paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outweigh._errors import UsageError
from outweigh._losses import (
    CROSS_ENTROPY,
    Focal,
    LogitAdjusted,
    Loss,
    Smoothed,
    VectorScaled,
)
from outweigh._shapes import are_shapes, is_plain, plain

LOSSES = (
    CROSS_ENTROPY,
    Focal(2.0),
    LogitAdjusted(1.0),
    VectorScaled(0.15, 1.0),
    Smoothed(0.1),
)
STRONGEST = (Focal(10), LogitAdjusted(10), VectorScaled(2, 10), Smoothed(0.9))
NOTHING = (
    CROSS_ENTROPY,
    Focal(0.0),
    LogitAdjusted(0.0),
    VectorScaled(0.0, 0.0),
    Smoothed(0.0),
)

counts = st.lists(st.integers(1, 10**7), min_size=2, max_size=6)
by_text = {"ids": lambda loss: type(loss).__name__}


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def close(one, other):
    return all(np.allclose(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("loss", [*LOSSES, *STRONGEST], **by_text)
@given(counts=counts)
def test_whatever_the_counts_it_is_the_shape_of_a_loss(loss, counts):
    assert isinstance(loss, Loss)
    shape = loss.shape(counts)
    assert [part.shape for part in shape] == [(), *[(len(counts),)] * 3]
    assert are_shapes(shape)


@pytest.mark.parametrize("loss", NOTHING, ids=range(5))
@given(counts=counts)
def test_a_parameter_of_0_leaves_cross_entropy(loss, counts):
    assert is_plain(loss.shape(counts))
    assert same(loss.shape(counts), plain(len(counts)))


@pytest.mark.parametrize("loss", LOSSES, **by_text)
@given(counts=counts, times=st.integers(2, 50))
def test_only_the_shares_of_classes_count(loss, counts, times):
    assert close(loss.shape(counts), loss.shape(times * np.array(counts)))


@pytest.mark.parametrize("loss", LOSSES, **by_text)
@given(counts=counts)
def test_relabelled_classes_relabel_the_shape(loss, counts):
    gamma, *parts = loss.shape(counts)
    assert close(loss.shape(counts[::-1]), (gamma, *(part[::-1] for part in parts)))


def test_focal_loss_is_one_number():
    assert same(Focal(2.0).shape([90, 5, 5]), plain(3)._replace(gamma=2.0))


def test_logit_adjustment_of_many_classes_adds_tau_times_the_log_prior():
    """Menon et al.: f_y + τ log π_y."""
    found = LogitAdjusted(2.0).shape([70, 20, 10])
    assert close(found, plain(3)._replace(iota=2 * np.log([0.7, 0.2, 0.1])))


def test_of_two_classes_the_margin_is_what_the_odds_ask_for():
    """As softmax of f + τ log π: its log odds are f − τ log(π₀/π₁), and those of class 0 the minus.

    Here π₀/π₁ = 4, so that a positive has the margin f − τ log 4, a negative −f + τ log 4.
    """
    found = LogitAdjusted(0.5).shape([80, 20])
    assert close(found, plain(2)._replace(iota=0.5 * np.log([1 / 4, 4])))


def test_vector_scaling_takes_the_power_of_the_size():
    """Kini et al.: Δ_y = (n_y / n_max)^γ."""
    found = VectorScaled(0.5, 0.0).shape([100, 25, 4])
    assert close(found, plain(3)._replace(delta=np.array([1, 0.5, 0.2])))


@given(counts=counts, tau=st.floats(0, 10))
def test_vector_scaling_without_scaling_is_logit_adjustment(counts, tau):
    assert same(VectorScaled(0.0, tau).shape(counts), LogitAdjusted(tau).shape(counts))


def test_smoothing_is_in_proportion_to_rarity():
    found = Smoothed(0.2).shape([100, 40, 20])
    assert close(found, plain(3)._replace(epsilon=np.array([0.04, 0.1, 0.2])))


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (CROSS_ENTROPY, "cross-entropy"),
        (Focal(2.0), "focal loss, γ = 2"),
        (LogitAdjusted(0.5), "logit-adjusted loss, τ = 0.5"),
        (VectorScaled(0.15, 1.0), "vector-scaled loss, γ = 0.15, τ = 1"),
        (Smoothed(0.1), "labels smoothed, ε = 0.1 in the rarest class"),
    ],
)
def test_each_says_what_it_does(loss, text):
    assert loss.text == text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda v: Focal(v), "γ of a focal loss must be"),
        (lambda v: LogitAdjusted(v), "τ of a logit-adjusted loss must be"),
        (lambda v: VectorScaled(v, 1.0), "γ of a vector-scaled loss must be"),
        (lambda v: VectorScaled(0.1, v), "τ of a vector-scaled loss must be"),
        (lambda v: Smoothed(v), "ε of smoothed labels must be"),
    ],
)
@pytest.mark.parametrize("value", [-0.1, 10.1, float("nan"), float("inf"), "2", None, True])
def test_a_parameter_out_of_range_is_refused_in_one_line(make, message, value):
    with pytest.raises(UsageError, match=message) as raised:
        make(value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("loss", LOSSES, **by_text)
@pytest.mark.parametrize("counts", [[5, 0], [5, -1], [np.nan, 5]])
def test_a_class_without_rows_has_no_loss(loss, counts):
    with pytest.raises(ValueError, match="must"):
        loss.shape(counts)
