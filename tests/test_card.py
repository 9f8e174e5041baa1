"""The model card: whole for every kind of study, and a text from the data is text in it."""

import copy
import re
import unicodedata
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from markdown_it import MarkdownIt

import outweigh as ow
from outweigh._deployment import Deployment
from outweigh._segment import segment
from outweigh.report._card import card
from outweigh.report._markdown import LONGEST, escaped, plain
from tests.hostile_texts import LONE_SURROGATES, hostile_texts
from tests.test_record import recorded
from tests.trainers import world

MARKDOWN = MarkdownIt("gfm-like", {"html": True, "linkify": True})


def rendered(markdown):
    """The elements of a card, and its text as a reader sees it."""
    tokens = [t for block in MARKDOWN.parse(markdown) for t in (block, *(block.children or ()))]
    elements = [t.type for t in tokens if t.type not in ("inline", "text", "text_special")]
    return elements, "".join(t.content for t in tokens if t.type == "text")


def alone(text):
    """What Markdown makes of a text between words, in a table, and after a bullet."""
    written = escaped(text)
    return rendered(
        f"a **{written}** {written} b\n\n|x|y|\n|-|-|\n| a {written} | b |\n\n- a {written}\n"
    )


@pytest.fixture(scope="module")
def remedies():
    settings = "path:4,smote,focal:2,focal:2+sqrt,oversample"
    return recorded(world(600), settings=settings, references="logistic", test_size=0.2)[1]


def elsewhere(**columns):
    """A study of predictions of two settings, that somebody else made."""
    rng = np.random.default_rng(0)
    y = np.where(np.arange(300) % 10 == 0, "bad", "ok")
    one = pd.DataFrame({"row": range(300), "fold": np.arange(300) // 60, "y": y})
    said = [one.assign(setting=s, probability=rng.random(300)) for s in ("none", "b")]
    said = [said[0].assign(weight_ratio=1.0), said[1].assign(**{"weight_ratio": 1.0} | columns)]
    return ow.weigh_predictions(pd.concat(said)).results


def used(results, name):
    """The card of a study of which a setting is the one to use."""
    changed = copy.deepcopy(results)
    changed["chosen"]["setting"] = name
    return card(changed)


STUDIES = {
    "two classes": {},
    "three classes": {"table": world(k=3)},
    "test rows": {"test_size": 0.3},
    "a ranking": {"objective": ow.AveragePrecision()},
    "a score": {"objective": ow.FBeta(1)},
    "referral": {"objective": ow.Cost(fn=9, fp=1, refer=0.2)},
    "no weights": {"settings": "none"},
    "another world": {"deployment": Deployment(prevalence=0.3)},
}


# a study


@pytest.mark.parametrize("name", STUDIES)
def test_every_kind_of_study_has_a_card(name):
    how = dict(STUDIES[name])
    found = recorded(how.pop("table", None), **how)[1]
    markdown = card(found)
    elements, text = rendered(markdown)
    assert found["verdict"]["text"] in text
    assert elements.count("table_open") >= 2
    assert markdown.startswith("# Model card: y in world\n")
    assert "None" not in markdown
    assert "nan" not in re.findall(r"\w+", markdown)


@pytest.mark.parametrize("name", [*STUDIES, "a reference", "made elsewhere"])
def test_sentences_end_once_and_lie_one_space_apart(name):
    how = dict(STUDIES.get(name, {"settings": "none", "references": "logistic", "use": "logistic"}))
    found = elsewhere() if name == "made elsewhere" else recorded(how.pop("table", None), **how)[1]
    markdown = card(found)
    assert ".." not in markdown
    assert not [line for line in markdown.splitlines() if "  " in line.replace("|  |", "")]
    assert not re.search(r"\d%", markdown)  # a sign of percent stands apart


def test_what_was_not_done_is_not_told():
    plain = card(recorded(settings="none")[1])
    assert "taken out" not in plain
    assert "run.toml" not in plain  # the study was made in Python
    world_of_its_own = card(recorded(deployment=Deployment(prevalence=0.3))[1])
    assert "\nAll " in world_of_its_own
    assert "Before the move to that world" in world_of_its_own
    reference = card(recorded(settings="none", references="logistic", use="logistic")[1])
    assert "It is no network: logistic." in reference
    assert "It is trained on the same rows as networks, averaged over 2 seeds. Its" in reference
    assert "taken out" not in reference


def test_what_was_done_to_probabilities_is_told_by_its_kind(remedies):
    out = "What that did to its probabilities is taken out of them again."
    told = {s["name"]: out in used(remedies, s["name"]) for s in remedies["settings"]}
    assert told == {
        **dict.fromkeys(("none", "smote", "logistic"), False),
        **dict.fromkeys(("power:0.4667", "balanced", "power:1.4"), True),
        **dict.fromkeys(("focal:2", "focal:2+sqrt", "oversample"), True),
    }
    prior = "What that did to the shares of the classes is taken out"
    assert prior in used(remedies, "smote")
    leaning = copy.deepcopy(remedies)
    [reference] = [s for s in leaning["settings"] if s["name"] == "logistic"]
    reference["inverse"] = "prior only"
    assert prior not in used(leaning, "logistic")
    assert "does about the classes by itself is not taken out" in used(leaning, "logistic")


def test_predictions_without_weights_are_said_to_have_none():
    for kind in ("weights", "sampling", "loss", "reference"):
        markdown = used(elsewhere(kind=kind), "b")
        assert "It is trained with the setting b. Its probabilities" in markdown
    weighted = used(elsewhere(weight_ratio=4.0), "b")
    assert "setting b (class ok weighs 1, class bad weighs 4). What that did" in weighted
    assert "taken out" in weighted


def test_a_cut_off_above_every_case_flags_nobody():
    found = recorded(objective=ow.FBeta(1))[1]
    found["chosen"]["threshold"] = None  # what a record makes of an infinite one
    assert "No case is flagged" in card(found)


def test_the_numbers_are_those_of_the_record(remedies):
    markdown = card(remedies)
    chosen = next(s for s in remedies["settings"] if s["name"] == remedies["chosen"]["setting"])
    assert f"| recall | {100 * chosen['recall']['value']:.1f} % |" in markdown
    assert f"{remedies['test']['chosen']['brier']['value']:.4f} |" in markdown
    assert f"repaired {chosen['calibration']['repaired']['log_loss']['value']:.4f}" in markdown
    assert remedies["chosen"]["text"] in markdown


def test_an_interval_stands_beside_its_number(remedies):
    changed = copy.deepcopy(remedies)
    numbers = changed["settings"][0]
    numbers["recall"] |= {"value": 0.5, "interval": [0.25, 0.75]}
    changed["chosen"]["setting"] = numbers["name"]
    assert "| recall | 50.0 % (25.0 % to 75.0 %) |" in card(changed)


def test_what_was_not_measured_is_said(remedies):
    assert "none were kept for a last test" not in card(remedies)
    without = copy.deepcopy(remedies)
    without["test"] = without["data"]["test"] = None
    assert "none were kept for a last test" in card(without)
    assert "Whether it errs more in one part" in card(without)


def test_what_would_settle_it_is_told_with_its_condition(remedies):
    assert "studies of five" not in card(remedies)
    open_ = copy.deepcopy(remedies)
    open_["verdict"]["more_positives"] = 1640
    told = "If the true difference is the one seen, about 1,640 more positives would settle it in"
    assert f"{told} four studies of five." in card(open_)


def test_settings_are_counted_beside_the_twin(remedies):
    kinds = "3 settings of class weights, 2 losses, 2 samplings, 1 reference that is no network"
    assert f"Tried beside none: {kinds}." in card(remedies)
    assert "Tried beside none: nothing." in card(recorded(settings="none")[1])


def test_two_intervals_of_one_difference_are_told_apart(remedies):
    assert "The verdict's is another one" in card(remedies)
    assert "The verdict's is another one" not in card(recorded(settings="none,focal:2")[1])


def test_the_weights_of_rows_are_told_of(remedies):
    told = ("Rows have weights.", "positive, by the weights of rows.", ", by the weights of rows:")
    table = world(600)
    weight = np.where(table.y == 1, 3.0, 1.0)
    weighted = card(recorded(replace(table, row_weight=weight))[1])
    assert [text in weighted for text in told] == [True] * 3
    assert [text in card(remedies) for text in told] == [False] * 3


def test_of_several_classes_groups_have_no_positives():
    site = pa.array([("north", "south")[i % 2] for i in range(600)])
    for k in (2, 3):
        made = replace(world(600, k=k), segments=(segment("site", site),))
        found = recorded(made)[1]
        assert ("| group | rows | positives |" in card(found)) == (k == 2)


def test_segments_have_a_table_each_with_intervals(remedies):
    changed = copy.deepcopy(remedies)
    number = {"value": 0.5, "interval": [0.4, 0.6], "basis": "cross-fitted"}
    names = ("expected_cost", "score", "flagged_share", "recall", "precision")
    groups = [
        {
            "name": name,
            "of": "value",
            "rows": 10,
            "positives": 2,
            **{w: dict.fromkeys(names, number) for w in both},
        }
        for both in [("chosen", "twin")]
        for name in ("north", "south | west")
    ]
    segment = {"column": "region", "kind": "categories", "basis": "cross-fitted", "groups": groups}
    changed["segments"] = [segment]
    markdown = card(changed)
    assert "By region (cross-fitted" in markdown
    half = "50.0 % (40.0 % to 60.0 %)"
    assert f"| is south \\| west | 10 | 2 | {half} | {half} | {half} | 0.5 |" in markdown
    assert "Whether it errs more in one part" not in markdown


def test_a_value_called_missing_is_not_taken_for_what_is_missing():
    table = world(600)
    site = [("missing", "x", None)[i % 3] for i in range(600)]
    made = replace(table, segments=(segment("site", pa.array(site)),))
    rows = [line.split(" | ")[0] for line in card(recorded(made)[1]).splitlines()]
    assert [row for row in rows if "missing" in row] == ["| is missing", "| (missing)"]
    assert "| is x" in rows


def test_more_than_two_classes_are_told_of_one_by_one():
    found = recorded(world(k=3))[1]
    number = found["per_class"]["settings"][found["chosen"]["setting"]]["classes"][2]
    rows = found["data"]["classes"]["2"]
    assert f"| class 2 | {rows} | {100 * number['recall']['value']:.1f} % |" in card(found)


def test_an_older_record_has_a_card_too(remedies):
    older = copy.deepcopy(remedies)
    for setting in older["settings"]:
        for key in ("kind", "text", "inverse", "versus_none", "by_fold"):
            setting.pop(key, None)
    for key in ("counts", "cells", "segments", "schema", "looks", "per_class"):
        older.pop(key, None)
    older["data"].pop("sha256", None)
    assert rendered(card(older))


def test_the_same_record_gives_the_same_card(remedies):
    assert card(remedies) == card(copy.deepcopy(remedies))


# texts that mean harm


def test_every_hostile_text_is_text_wherever_it_stands():
    harmless, _ = alone("x")
    for text in hostile_texts(surrogates=True):
        elements, shown = alone(text)
        assert (elements, text) == (harmless, text)
        assert shown.count(plain(text) or "(empty)") >= 4


def test_a_text_is_one_line_of_bounded_length_without_what_steers():
    for text in hostile_texts(surrogates=True):
        line = plain(text)
        assert not {unicodedata.category(c) for c in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert len(line) <= LONGEST
        line.encode()


def test_a_harmless_text_is_left_as_it_is():
    for text in ("power:0.4667", "hist-gradient-boosting", "V_1", "3.2 to 7.1", "a; b, c (d)"):
        assert escaped(text) == text


@pytest.mark.parametrize("text", LONE_SURROGATES)
def test_a_card_can_be_written_whatever_came(remedies, text):
    changed = copy.deepcopy(remedies)
    changed["data"] |= {"source": text, "target": text}
    assert card(changed).encode()
