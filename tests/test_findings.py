"""Findings: every code has one outcome, and is documented; findings on training."""

import math
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

import outweigh
from outweigh._columns import columns_of
from outweigh._findings import LOOKS, Finding, Outcome, findings, looks_at, outcome
from outweigh._look import Found, NotApplicable
from outweigh._training import Failure
from tests.evidence import ask
from tests.test_study import of_classes
from tests.trainers import Logistic, Slow, studied, world

DOCUMENT = Path(outweigh.__file__).parents[2] / "docs" / "findings.md"


def outcomes(table=None, **how):
    evidence, *_ = studied(table, **how)
    return {outcome.code: outcome for outcome in looks_at(evidence)}


def with_text(values):
    """The usual world, and a column of texts that says nothing."""
    table = world()
    texts = [values[i % len(values)] for i in range(len(table.y))]
    arrays = {**table.columns.arrays(), "site": pa.array(texts)}
    return replace(table, columns=columns_of(arrays))


def test_a_study_without_blemish_has_no_findings():
    evidence, *_ = studied(settings="none")
    assert findings(evidence) == []


def test_every_code_has_one_outcome_in_a_fixed_order():
    found = outcomes(with_text(["1", "?"] + ["2"] * 30), trainer=Slow(3, 9), time_limit=1.0)
    assert list(found) == list(LOOKS)
    states = {
        state: [c for c, o in found.items() if o.state == state]
        for state in ("found", "clear", "not applicable")
    }
    assert sum(map(len, states.values())) == len(LOOKS)
    assert {"time-limit", "missing-in-disguise", "text-among-numbers"} <= set(states["found"])
    assert {"lanes-diverged", "separating-column"} <= set(states["clear"])
    assert "class-not-judged" in states["not applicable"]


@pytest.mark.parametrize("k", [2, 3, 5])
def test_every_line_is_a_sentence_on_one_line(k):
    evidence, *_ = studied(world(k=k), trainer=Slow(3, 9), time_limit=1.0)
    found = findings(evidence)
    assert found
    for finding in found:
        assert finding.title.endswith(".")
        assert finding.remedy.endswith(".")
        assert (finding.title + finding.remedy).isprintable()


def test_findings_are_those_of_the_outcomes():
    evidence, *_ = studied(with_text(["north", "?"]))
    expected = [finding for outcome in looks_at(evidence) for finding in outcome.findings]
    assert findings(evidence) == expected
    assert "missing-in-disguise" in [finding.code for finding in expected]


def test_an_outcome_is_found_clear_or_not_applicable():
    answers = {
        "found": [Found("Two.", "Mend."), Found("Three.", "Mend.")],
        "clear": [],
        "not applicable": [NotApplicable("there is nothing")],
    }
    came = {state: outcome("a-code", lambda e, a=a: iter(a), None) for state, a in answers.items()}
    assert all(state == outcome.state for state, outcome in came.items())
    assert came["found"].findings[1] == Finding("a-code", "Three.", "Mend.")
    assert came["clear"] == Outcome("a-code", (), None)
    assert came["not applicable"].because == "there is nothing"


def test_a_look_says_its_code():
    assert all(look.__doc__.startswith(f"``{code}``: ") for code, look in LOOKS.items())


def test_every_code_is_documented_and_every_documented_code_exists():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert re.findall(r"^### (.*)$", text, re.MULTILINE) == list(LOOKS)


@pytest.mark.parametrize("code", LOOKS)
def test_a_section_says_the_rule_the_remedy_and_an_example(code):
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.split(f"### {code}\n")[1].split("\n#")[0]
    assert "**Rule**:" in section
    assert "**What to do**:" in section
    [example] = re.findall(r"```text\n(.*)\n```", section)
    assert example.endswith(".")


@pytest.mark.parametrize(
    ("done", "says"),
    [(3, "3 of 3 folds are judged with 1 of 2 seeds"), (2, "2 of 3 folds are judged with 1 of 2")],
)
def test_lanes_that_were_left_are_told(done, says):
    found = outcomes(trainer=Slow(done, 9), time_limit=1.0)["time-limit"]
    assert says in found.findings[0].title


def test_enough_time_is_clear_and_no_limit_is_no_question():
    assert outcomes(trainer=Slow(99, 99), time_limit=1.0)["time-limit"].state == "clear"
    assert outcomes()["time-limit"].because == "no --time-limit was set"


def test_each_setting_that_failed_is_named_with_its_reason():
    failures = (
        Failure("smote", 0, 3, "smote could not resample the training rows: too few neighbours."),
        Failure("adasyn", 1, 0, "no neighbours"),
    )
    smote, adasyn = ask("setting-failed", SimpleNamespace(failures=failures)).findings
    assert smote.title == (
        "'smote' is left out: in fold 1 with seed 3, smote could not resample the training rows: "
        "too few neighbours."
    )
    assert adasyn.title == "'adasyn' is left out: in fold 2 with seed 0, no neighbours."
    assert ask("setting-failed", SimpleNamespace(failures=())).state == "clear"


def test_a_setting_that_failed_is_left_out_of_the_study():
    """No neighbour can be found for three rows; the others are compared."""
    evidence, *_ = studied(of_classes(900, 6), settings="none,balanced,smote")
    [finding] = ask("setting-failed", evidence).findings
    assert finding.title.startswith("'smote' is left out: in fold 1 with seed ")
    assert finding.title.isprintable()
    assert evidence.predictions.settings == ("none", "balanced")


@pytest.mark.parametrize(("positives", "state"), [(40, "found"), (300, "clear")])
def test_too_few_to_stop_by_is_told(positives, state):
    table = of_classes(900, positives)
    assert outcomes(table)["no-early-stopping"].state == state
    assert outcomes(table, patience=0)["no-early-stopping"].state == "not applicable"


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


@pytest.mark.parametrize(("how", "other"), [("diverged", "collapsed"), ("collapsed", "diverged")])
def test_lanes_that_came_to_nothing_are_counted(how, other):
    evidence, *_ = studied(trainer=Ending(how))
    [finding] = ask(f"lanes-{how}", evidence).findings
    assert finding.title.startswith(f"6 of 18 lanes {how}")
    assert ask(f"lanes-{other}", evidence).state == "clear"


@pytest.mark.parametrize("k", [2, 5])
def test_a_study_of_row_weights_that_are_0_is_looked_at_whole(k):
    table = world(k=k)
    weight = (np.arange(len(table.y)) % 3 > 0).astype(float)
    assert len(outcomes(replace(table, row_weight=weight))) == len(LOOKS)
