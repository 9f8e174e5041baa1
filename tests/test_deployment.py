"""Another world: probabilities and factors follow, and nothing differs where nothing differs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outweigh._deployment import AS_TRAINED, Deployment, deployed
from outweigh._errors import UsageError

INSIDE = st.floats(0.001, 0.999)


@given(INSIDE, INSIDE, INSIDE)
def test_two_classes_follow_elkan_s_formula(p, b, there):
    factor = Deployment(prevalence=there).factor(np.array([1 - b, b]))
    expected = there * (p - p * b) / (b - p * b + there * p - b * there)
    assert deployed(np.array([1 - p, p]), factor)[1] == pytest.approx(expected, rel=1e-9)


@given(INSIDE, INSIDE)
def test_undersampling_is_undone_as_dal_pozzolo_does_it(p, kept):
    factor = Deployment(sampled_at=kept).factor(np.array([0.7, 0.3]))
    expected = kept * p / (kept * p - p + 1)
    assert deployed(np.array([1 - p, p]), factor)[1] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("b", [0.01, 0.1, 0.25, 0.5])
def test_the_prevalence_of_training_changes_nothing(b):
    factor = Deployment(prevalence=b).factor(np.array([1 - b, b]))
    said = np.random.default_rng(0).dirichlet([1, 1], 50)
    assert deployed(said, factor) is said


def test_the_rows_then_have_the_prevalence_asked_for():
    counts = np.array([900, 100])
    factor = Deployment(prevalence=0.02).factor(counts / 1000)
    there = counts * factor
    assert there[1] / there.sum() == pytest.approx(0.02)


def test_all_negatives_are_as_many_as_there_were():
    counts = np.array([100, 50])  # of 1,000 negatives
    there = counts * Deployment(sampled_at=0.1).factor(counts / 150)
    assert there[1] / there.sum() == pytest.approx(50 / 1050)


def test_where_nothing_differs_any_number_of_classes_will_do():
    assert (AS_TRAINED.factor(np.full(5, 0.2)) == 1).all()
    assert AS_TRAINED.text() is None
    assert not AS_TRAINED.differs


def test_what_differs_is_said_in_percent():
    assert Deployment(prevalence=0.05).text() == (
        "figures are for a world in which 5 % of the cases are positive"
    )
    assert Deployment(sampled_at=0.001).text() == (
        "figures are for all negatives, of which 0.1 % were in the table"
    )


@given(INSIDE, INSIDE)
def test_there_and_back_again(b, there):
    said = np.array([[0.9, 0.1], [0.2, 0.8], [0.0, 1.0]])
    away = deployed(said, Deployment(prevalence=there).factor(np.array([1 - b, b])))
    back = deployed(away, Deployment(prevalence=b).factor(np.array([1 - there, there])))
    assert back == pytest.approx(said, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("b", [0, 1, -0.1, 1.5, float("nan"), float("inf")])
def test_a_prevalence_outside_0_and_1_is_refused(b):
    with pytest.raises(UsageError, match="--prevalence must lie between 0 and 1"):
        Deployment(prevalence=b)


@pytest.mark.parametrize("kept", [0, -0.1, 1.01, float("nan")])
def test_a_share_kept_that_makes_no_sense_is_refused(kept):
    with pytest.raises(UsageError, match="--sampled-at must be above 0"):
        Deployment(sampled_at=kept)


def test_the_share_of_positives_is_said_once():
    with pytest.raises(UsageError, match="must be said once"):
        Deployment(prevalence=0.1, sampled_at=0.1)


def test_more_than_two_classes_have_no_prevalence():
    with pytest.raises(UsageError, match="need two classes; there are 3"):
        Deployment(prevalence=0.1).factor(np.full(3, 1 / 3))
