"""Findings: each is made where it should be, and nowhere else."""

import math
from dataclasses import replace

import pyarrow as pa
import pytest

from outweigh._columns import columns_of
from outweigh._findings import LOOKS, findings
from tests.test_study import Slow, of_classes
from tests.trainers import Logistic, studied, world


def found(table=None, **how):
    evidence, *_ = studied(table, **how)
    return {finding.code: finding for finding in findings(evidence)}


def with_text(values):
    """The usual world, and a column of texts that says nothing."""
    table = world()
    texts = [values[i % len(values)] for i in range(len(table.y))]
    arrays = {**table.columns.arrays(), "site": pa.array(texts)}
    return replace(table, columns=columns_of(arrays))


def test_a_study_without_blemish_has_no_findings():
    assert found() == {}


def test_every_finding_has_a_code_a_title_and_a_remedy():
    several = found(with_text(["north", "?"]), trainer=Slow(3, 9), time_limit=1.0, epochs=9)
    assert len(several) >= 2
    for code, finding in several.items():
        assert code == finding.code
        assert finding.title.endswith(".")
        assert finding.remedy.endswith(".")
        assert "\n" not in finding.title + finding.remedy
    assert all(look.__doc__.startswith("``") for look in LOOKS)


@pytest.mark.parametrize(
    ("done", "says"),
    [(3, "3 of 3 folds are judged with 1 of 2 seeds"), (2, "2 of 3 folds are judged with 1 of 2")],
)
def test_lanes_that_were_left_are_told(done, says):
    assert says in found(trainer=Slow(done, 9), time_limit=1.0)["time-limit"].title


def test_enough_time_is_no_finding():
    assert "time-limit" not in found(trainer=Slow(99, 99), time_limit=1.0)


def test_a_class_that_is_never_judged_is_named():
    finding = found(of_classes(700, 300, 2))["class-not-judged"]
    assert "2 (2)" in finding.title
    assert "class-not-judged" not in found(of_classes(700, 300, 3))


@pytest.mark.parametrize("text", ["?", "N/A", "", "unknown"])
def test_texts_that_usually_mean_missing_are_shown(text):
    finding = found(with_text(["north", "south", text]))["missing-in-disguise"]
    assert f"{text!r} in site" in finding.title
    assert f"--missing {text!r}" in finding.remedy


@pytest.mark.parametrize(("odd", "is_found"), [(1, True), (3, True), (4, False), (30, False)])
def test_a_column_of_numbers_with_a_few_texts_is_shown(odd, is_found):
    values = [f"{i}.5" for i in range(30 - odd)] + ["red"] * odd
    codes = found(with_text(values))
    assert ("text-among-numbers" in codes) == is_found
    if is_found:
        assert "'red'" in codes["text-among-numbers"].title


def test_texts_that_are_no_numbers_are_no_finding():
    assert found(with_text(["north", "south"])) == {}


@pytest.mark.parametrize(("positives", "is_found"), [(40, True), (300, False)])
def test_too_few_to_stop_by_is_told(positives, is_found):
    assert ("no-early-stopping" in found(of_classes(900, positives))) == is_found
    assert "no-early-stopping" not in found(of_classes(900, positives), patience=0)


class Ending(Logistic):
    """A trainer one of whose lanes ends badly."""

    def __init__(self, outcome):
        super().__init__()
        self.outcome = outcome

    def train_one(self, chunk, keep_parameters):
        trained = super().train_one(chunk, keep_parameters)
        if len(trained.outcome) == 1:  # the final model's
            return trained
        probability = trained.probability.copy()
        if self.outcome == "diverged":
            probability[1] = math.nan
        outcome = (trained.outcome[0], self.outcome, *trained.outcome[2:])
        return replace(trained, probability=probability, outcome=outcome)


@pytest.mark.parametrize("outcome", ["diverged", "collapsed"])
def test_lanes_that_came_to_nothing_are_counted(outcome):
    finding = found(trainer=Ending(outcome))[f"lanes-{outcome}"]
    assert finding.title.startswith(f"6 of 18 lanes {outcome}")


def test_findings_come_in_a_fixed_order():
    codes = list(found(with_text(["1", "?"] + ["2"] * 30), trainer=Slow(3, 9), time_limit=1.0))
    assert codes == ["time-limit", "missing-in-disguise", "text-among-numbers"]
