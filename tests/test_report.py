"""The report: one page, whole, safe, and the same numbers as the record."""

import base64
import copy
import hashlib
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification

import outweigh as ow
from outweigh.report import page
from outweigh.report._chart import Axis, Chart, Line, _log_ticks, _ticks
from outweigh.report._figures import study_figures, weight_charts
from outweigh.report._tables import remedy_rows
from tests.test_record import recorded
from tests.trainers import world

VOID = {"meta", "line", "circle", "polyline", "polygon", "br"}
EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</title><b>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;&amp;",
    "‮evil\u2028",
)
NUMBERS = st.floats(-1e30, 1e30) | st.sampled_from([math.nan, math.inf, -math.inf])


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
        assert f"<td>{setting['recall']['value']:.1%}</td>" in text
    assert f"<td>{results['test']['twin']['brier']['value']:.4f}</td>" in text


def test_a_page_loads_nothing_and_runs_nothing(results):
    html = page(results)
    read = Page(html)
    names = {name for _, attributes in read.tags for name in attributes}
    assert {"script", "link", "img", "iframe", "object"}.isdisjoint(tag for tag, _ in read.tags)
    assert not [name for name in names if name.startswith("on") or name in ("style", "src", "href")]
    assert "http:" not in html
    assert "https:" not in html


def test_the_policy_allows_the_style_sheet_and_nothing_else(results):
    html = page(results)
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    [policy] = [a["content"] for t, a in Page(html).tags if "Policy" in a.get("http-equiv", "")]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'"


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_text_stays_text(results, evil):
    plain = page(results)
    hostile = copy.deepcopy(results)
    hostile["data"] |= {"source": evil, "target": evil, "positive": evil, "notes": [evil]}
    hostile["settings"][1]["name"] = evil
    hostile["settings"][1]["class_weight"] = {evil: 1.0}
    hostile["chosen"] |= {"setting": evil, "reason": evil}
    hostile["verdict"] |= {"text": evil, "best": evil}
    hostile["curves"][evil] = hostile["curves"]["none"]
    hostile["findings"] = [{"code": evil, "title": evil, "remedy": evil}]
    read = Page(page(hostile))
    kinds = lambda tags: {(tag, frozenset(attributes)) for tag, attributes in tags}
    assert kinds(read.tags) <= kinds(Page(plain).tags) | {("h3", frozenset())}
    assert evil in "".join(read.text)


def test_the_same_record_gives_the_same_page(results):
    assert page(results) == page(copy.deepcopy(results))


def test_more_than_two_classes_have_a_page_too(three_classes):
    assert "power τ" in page(three_classes)
    Page(page(three_classes))


def test_what_is_no_number_is_a_dash(results):
    lost = copy.deepcopy(results)
    lost["settings"][0]["precision"]["value"] = None
    assert page(lost).count("<td>–</td>") == page(results).count("<td>–</td>") + 1


def test_a_study_without_interval_draws_no_interval(results):
    bare = copy.deepcopy(results)
    bare["verdict"] |= {"difference": None, "interval": None}
    assert "What class weights save" not in page(bare)


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
    assert remedy_rows(scored).head[1] == "score gained, points"


def test_the_path_of_weights_shows_class_weights_alone(remedies):
    ratios = [s["weight_ratio"] for s in remedies["settings"] if s["kind"] == "weights"]
    assert len([s for s in remedies["settings"] if s["weight_ratio"]]) > len(ratios)
    for chart in weight_charts(remedies):
        for line in chart.lines:
            assert line.x == ratios
    three = recorded(world(k=3), settings="path:3,focal:2+sqrt")[1]
    [chart] = weight_charts(three)
    assert chart.lines[0].x == [0, 1, 1.4]


def test_curves_are_drawn_for_twin_best_weights_best_remedy_and_chosen(remedies):
    changed = copy.deepcopy(remedies)
    for setting in changed["settings"]:
        setting["expected_cost"]["value"] = 1.0 if setting["name"] == "oversample" else 2.0
    changed["verdict"]["best"] = "power:1.4"
    names = lambda record: {
        title: [line.name for line in charts[0].lines]
        for title, _, charts in study_figures(record)
        if title in ("Ranking", "Can the probabilities be believed?")
    }
    assert set(map(tuple, names(changed).values())) == {("none", "power:1.4", "oversample")}
    changed["chosen"]["setting"] = "smote"
    shown = names(changed)["Ranking"]
    assert shown == ["none", "power:1.4", "oversample", "smote"]
    alone = copy.deepcopy(changed)
    alone["settings"] = [s for s in alone["settings"] if s["kind"] == "weights"]
    alone["chosen"]["setting"] = "none"
    assert names(alone)["Ranking"] == ["none", "power:1.4", "balanced"]


def test_a_record_from_before_there_were_remedies_has_a_page(results):
    older = copy.deepcopy(results)
    for setting in older["settings"]:
        for key in ("kind", "text", "inverse", "versus_none"):
            del setting[key]
    html = page(older)
    Page(html)
    assert "Every remedy against none" not in html
    assert [c.lines for c in weight_charts(older)] == [c.lines for c in weight_charts(results)]


@pytest.mark.parametrize("evil", EVIL)
def test_a_remedy_s_hostile_name_stays_text(remedies, evil):
    plain, hostile = Page(page(remedies)), copy.deepcopy(remedies)
    [smote] = [s for s in hostile["settings"] if s["name"] == "smote"]
    smote |= {"name": evil, "text": evil, "inverse": evil}
    smote["versus_none"]["cost"]["says"] = evil
    hostile["curves"][evil] = hostile["curves"]["smote"]
    read = Page(page(hostile))
    kinds = lambda tags: {(tag, frozenset(attributes)) for tag, attributes in tags}
    assert kinds(read.tags) <= kinds(plain.tags)
    assert evil in "".join(read.text)


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e6))
def test_ticks_are_round_few_and_within_the_axis(low, length):
    high = low + length
    ticks = _ticks(low, high)
    assert len(ticks) <= 7
    assert all(low - 1e-6 * length <= t <= high + 1e-6 * length for t in ticks)
    assert ticks == sorted(ticks)


@given(st.floats(1e-8, 1e3), st.floats(1.5, 1e9))
def test_log_ticks_are_powers_of_ten_or_two_and_five_times_them(low, factor):
    ticks = _log_ticks(low, low * factor)
    assert all(low * 0.998 <= t <= low * factor * 1.002 for t in ticks)
    assert all(f"{t:.0e}"[0] in "125" and math.isclose(float(f"{t:.0e}"), t) for t in ticks)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=9),
    st.booleans(),
)
def test_a_chart_of_any_numbers_is_drawn_inside_its_box(points, log):
    x, y = zip(*points, strict=True)
    line = Line("a", "chosen", x, y, dots=True)
    drawn = Chart("t", "c", Axis("x", log=log), Axis("y", log=log), (line,)).svg()
    numbers = [float(v) for v in re.findall(r'c[xy]="([^"]+)"', drawn)]
    assert all(-20 <= v <= 600 for v in numbers)
    assert "nan" not in drawn
    Page(drawn)


def test_a_point_lies_where_its_axes_say():
    axis = {"least": 0.0, "most": 10.0}
    line = Line("a", "chosen", [0, 5, 10], [0, 5, 10], dots=True)
    drawn = Chart("t", "c", Axis("x", **axis), Axis("y", **axis), (line,)).svg()
    x, y = (np.array([float(v) for v in re.findall(f'c{a}="([^"]+)"', drawn)]) for a in "xy")
    assert x[1] == pytest.approx((x[0] + x[2]) / 2, abs=0.1)
    assert y[1] == pytest.approx((y[0] + y[2]) / 2, abs=0.1)
    assert x[0] < x[2]
    assert y[0] > y[2]  # upwards is less in SVG
