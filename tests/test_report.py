"""The report: one page, whole, safe, and the same numbers as the record."""

import base64
import copy
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.datasets import make_classification

import outweigh as ow
from outweigh.report import _tables as tables
from outweigh.report import page
from outweigh.report._shown import weights_in_words
from outweigh.report._tables import remedy_rows
from tests.test_record import recorded
from tests.trainers import world

VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Reads a page strictly: every tag closed, in order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def results():
    X, y = make_classification(500, weights=[0.85], random_state=0)
    how = {"settings": "path:4", "folds": 2, "seeds": 2, "epochs": 3, "test_size": 0.2}
    return ow.weigh(X, y, **how).results


@pytest.fixture(scope="module")
def three_classes():
    X, y = make_classification(
        400, n_informative=4, n_classes=3, weights=[0.7, 0.2], random_state=0
    )
    return ow.weigh(X, y, settings="path:3", folds=2, seeds=1, epochs=2).results


@pytest.fixture(scope="module")
def remedies():
    """A study of class weights and of all else, some of it with class weights too."""
    settings = "path:4,smote,focal:2,focal:2+sqrt,oversample"
    return recorded(world(600), settings=settings, references="logistic,random-forest")[1]


def test_a_page_is_whole_and_names_the_verdict(results):
    read = Page(page(results))
    assert results["verdict"]["text"] in "".join(read.text).replace("\u00a0", " ")
    assert sum(tag == "h1" for tag, _ in read.tags) == 1


def test_the_numbers_of_the_table_are_those_of_the_record(results):
    text = page(results)
    for setting in results["settings"]:
        assert f"<td>{setting['expected_cost']['value']:.4g}</td>" in text
        assert f"<td>{100 * setting['recall']['value']:.1f} %</td>" in text
    assert f"<td>{results['test']['twin']['brier']['value']:.4f}</td>" in text


def test_a_page_asks_nobody_for_anything(results):
    html = page(results)
    read = Page(html)
    assert {"link", "img", "iframe", "object", "base"}.isdisjoint(tag for tag, _ in read.tags)
    attributes = [(name, value) for _, given in read.tags for name, value in given.items()]
    assert not [n for n, _ in attributes if n.startswith("on") or n in ("style", "src", "action")]
    assert {value[0] for name, value in attributes if name == "href"} == {"#"}
    assert "http:" not in html
    assert "https:" not in html


def digest(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.mark.parametrize("k", [2, 3])
def test_the_policy_allows_the_page_s_own_style_and_script_and_nothing_else(
    results, three_classes, k
):
    html = page(results if k == 2 else three_classes)
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    [script] = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    [policy] = [a["content"] for t, a in Page(html).tags if "Policy" in a.get("http-equiv", "")]
    assert policy == (
        f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    kinds = {attributes.get("type") for tag, attributes in Page(html).tags if tag == "script"}
    assert kinds <= {None, "application/json", "text/plain"}  # data is not run


def test_the_same_record_gives_the_same_page(results):
    assert page(results) == page(copy.deepcopy(results))


def test_more_than_two_classes_have_a_page_too(three_classes):
    assert "power τ" in page(three_classes)
    Page(page(three_classes))


@pytest.mark.parametrize("k", [2, 3])
def test_a_sign_of_percent_stands_apart(results, three_classes, k):
    html = page(results if k == 2 else three_classes)
    text = re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.DOTALL)
    assert "1 %" in text
    assert not re.search(r"\d%", text)


def test_what_is_no_number_is_a_dash(results):
    lost = copy.deepcopy(results)
    lost["settings"][0]["precision"]["value"] = None
    assert page(lost).count("<td>–</td>") == page(results).count("<td>–</td>") + 1


# what rows and classes weigh


def test_the_weights_of_rows_are_told_of_beside_what_they_change():
    table = world(600)
    weighted = replace(table, row_weight=np.full(len(table.y), 2000.0))
    for made in (weighted, table):
        html = page(recorded(made)[1])
        told = made is weighted
        assert ("row weights, in all" in html) == told
        assert ("counted in all" in html) != told
        assert ("600 rows, each with a weight" in html) == told
        assert ("<dt>row weights</dt>" in html) == told


def test_the_weights_to_use_are_told_in_words(results, three_classes):
    for found, name in ((results, "balanced"), (three_classes, "balanced")):
        used = copy.deepcopy(found)
        used["chosen"]["setting"] = name
        [setting] = [s for s in used["settings"] if s["name"] == name]
        header = page(used).partition("</header>")[0]
        ratio = setting["weight_ratio"]
        if ratio is not None:
            assert f"(<bdi>positives count {ratio:.3g} times as much as negatives" in header
        else:
            assert header.count(" weighs ") == 3
        used["chosen"]["setting"] = "none"
        assert " times as much as negatives" not in page(used).partition("</header>")[0]


def test_of_many_classes_the_lightest_and_the_heaviest_are_named():
    setting = {"weight_ratio": None, "class_weight": {str(k): 1 + k / 2 for k in range(9)}}
    assert weights_in_words(setting) == "0 weighs least, 1, and 8 most, 5"
    assert weights_in_words({"weight_ratio": 0.2, "class_weight": {"a": 5.0, "b": 1.0}}) == (
        "negatives count 5 times as much as positives"
    )
    assert weights_in_words({"weight_ratio": 1.0, "class_weight": {"a": 1.0, "b": 1.0}}) is None


def test_the_twin_that_is_chosen_is_shown_once(results):
    for name in ("none", "balanced"):
        used = json.loads(json.dumps(results))  # its parts are one another's no more
        used["chosen"]["setting"] = used["test"]["chosen"]["setting"] = name
        used["test"]["twin"]["setting"] = "none"
        rows = tables.test_rows(used).rows
        assert [row.name for row in rows] == [f"chosen: {name}", "twin: none"][
            : 1 + (name != "none")
        ]
        columns = [a for _, a in Page(page(used)).tags if a.get("class") == "of-twin"]
        assert len(columns) == 3 + 4
        assert all(("hidden" in a) == (name == "none") for a in columns)


def test_of_several_classes_the_probabilities_are_there_without_a_click(results, three_classes):
    folded = "<summary>From raw to honest probabilities"
    assert f"<details open>{folded}" in page(three_classes)
    assert f"<details>{folded}" in page(results)


# remedies that are no class weights


def test_every_remedy_stands_beside_none_kind_by_kind(remedies):
    sheet = remedy_rows(remedies)
    assert [(group, [row.name for row in rows]) for group, rows in sheet.groups] == [
        ("Class weights", ["power:0.4667", "balanced", "power:1.4"]),
        ("Losses", ["focal:2", "focal:2+sqrt"]),
        ("Sampling", ["smote", "oversample"]),
        ("References, no networks", ["logistic", "random-forest"]),
    ]
    read = Page(page(remedies))
    assert "Every remedy against none" in read.text
    assert [a["colspan"] for t, a in read.tags if a.get("scope") == "rowgroup"] == ["8"] * 4


def test_a_remedy_s_row_says_its_gains_in_words_and_numbers(remedies):
    changed = copy.deepcopy(remedies)
    smote = next(s for s in changed["settings"] if s["name"] == "smote")
    smote["versus_none"]["cost"] |= {"value": 8.26, "interval": [2.1, 14.4], "says": "better"}
    smote["versus_none"]["ranking"] |= {"value": -0.04, "interval": [-0.07, -0.01], "says": "worse"}
    nothing = {"value": None, "interval": None, "says": "no detectable difference"}
    smote["versus_none"]["calibration"] |= nothing
    [row] = [row for row in remedy_rows(changed).rows if row.name == "smote"]
    gains = ("+8.3 (+2.1 to +14.4)", "better", "+0.0 (-0.1 to +0.0)", "worse", "–", "–")
    assert row.cells == (*gains, "prior only")
    assert row.title == smote["text"]
    smote["versus_none"]["calibration"] |= {"value": 1.0, "interval": None}
    [row] = [row for row in remedy_rows(changed).rows if row.name == "smote"]
    assert row.cells[4:6] == ("+1.0 (– to –)", "open")


def test_a_score_is_gained_and_a_cost_is_saved(remedies):
    assert remedy_rows(remedies).head[1] == "cost saved, %"
    scored = recorded(world(600), settings="none,oversample", objective=ow.FBeta(1))[1]
    assert remedy_rows(scored).head[1:3] == ("F1 gained, points", "in F1")


def test_a_record_from_before_there_were_remedies_has_a_page(results):
    older = copy.deepcopy(results)
    for setting in older["settings"]:
        for key in ("kind", "text", "inverse", "versus_none"):
            del setting[key]
    html = page(older)
    Page(html)
    assert "Every remedy against none" not in html
