"""More than two classes on the page: any costs decided anew, and each class by itself."""

import copy
import json
import re
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outweigh._cells import cells
from outweigh._costs import CostMatrix
from outweigh._decisions import decide_all
from outweigh._per_class import per_class
from outweigh._rankings import AveragePrecision
from outweigh._repairs import NONE
from outweigh._scored import all_numbers
from outweigh.report import STYLES, _file, _policy, _script, _template
from outweigh.report._block import block
from outweigh.report._classes import classes, classes_data
from outweigh.report._confusion import at_costs, dearest, outcome
from outweigh.report._words import number
from tests.browser import chromium, opened, said, violations  # noqa: F401  (one is a fixture)
from tests.records import record

CHOSEN, TWIN, BEST = NAMES = ("power:0.7", "none", "balanced")
EVIL = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title><b>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202eevil\u2028 &lt;&amp;",
    "x" * 200,
)
SHELL = """
{%- from "classes.html.jinja" import cost_control, class_pages -%}
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>classes</title>
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{{ style | safe }}</style></head><body><main><h1>Classes</h1>
{% if part.control %}{{ cost_control(part.control) }}{% endif %}
{{ class_pages(part.pages) }}
</main><script type="application/json" id="class-data">{{ data }}</script>
<script>{{ script | safe }}</script></body></html>
"""


def study(k=4, n=600, *, refer=None, ranks=False, labels=None, row_weight=None, seed=0):
    """What the page reads of a study of three settings, and its decisions."""
    rng = np.random.default_rng(seed)
    share = 0.6 ** np.arange(k)
    y = np.append(np.repeat(np.arange(k), 5), rng.choice(k, n - 5 * k, p=share / share.sum()))
    logits = rng.normal(size=(3, 2, n, k)) + 2 * np.eye(k)[y] + np.log(share)
    said = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    labels = tuple(labels or (f"class {i}" for i in range(k)))
    predictions = record(
        y,
        rng.permutation(n) % 5,
        dict(zip(NAMES, said, strict=True)),
        classes=labels,
        row_weight=row_weight,
    )
    costs = np.round(rng.uniform(1, 9, (k, k)), 2) * (1 - np.eye(k))
    objective = AveragePrecision() if ranks else CostMatrix(costs, labels, refer=refer)
    decisions = decide_all(predictions, objective, repairs=(NONE,))
    results = {
        "per_class": per_class(decisions, NAMES),
        "cells": cells(decisions, NAMES),
        "objective": {"matrix": None if ranks else objective.matrix.tolist()},
        "chosen": {"setting": CHOSEN},
        "verdict": {"best": BEST},
    }
    return json.loads(json.dumps(results)), decisions


@cache
def of_four(refer):
    """Such a study of four classes."""
    return study(refer=refer)


def paper(results):
    """A page with nothing but what is tested here."""
    style, script = "".join(map(_file, STYLES)), _script("classes")
    return (
        _template()
        .environment.from_string(SHELL)
        .render(
            part=classes(results),
            data=block(classes_data(results)),
            style=style,
            script=script,
            policy=_policy(style, [script]),
        )
    )


def drawn_costs(rng, k, refer=None):
    """Costs that make sense: whole, of two digits, or wild; some of right decisions too."""
    costs = [
        rng.integers(1, 20, (k, k)).astype(float),
        rng.uniform(0.01, 9, (k, k)).round(2),
        np.exp(rng.normal(0, 3, (k, k))),
    ][rng.integers(3)]
    costs = np.maximum(costs, 0.01)
    np.fill_diagonal(costs, rng.choice([0, 0, -1.5, 0.005], k))
    if refer is None:
        return costs
    dearer = float(np.diag(costs).min()) + float(rng.uniform(0.01, 2))
    return np.column_stack([costs, np.full(k, dearer)])


class Tags(HTMLParser):
    """The tags of a page with the names of their attributes, and its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, tuple(name for name, _ in attributes)))

    def handle_data(self, data):
        self.text.append(data)


# any costs, in Python


@settings(deadline=None)  # the first of them makes the study
@given(st.integers(0, 10_000), st.sampled_from([None, 0.7]))
def test_each_cell_is_decided_at_least_expected_cost(seed, refer):
    results, _ = of_four(refer)
    counted, m = results["cells"]["settings"][CHOSEN], results["cells"]["of"]
    costs = drawn_costs(np.random.default_rng(seed), 4, refer)
    want = np.zeros(costs.shape)
    for q, n in zip(counted["cells"], counted["counts"], strict=True):
        expected = [sum(q[k] / m * costs[k, d] for k in range(4)) for d in range(costs.shape[1])]
        found = min(expected)
        [*ways] = [d for d, cost in enumerate(expected) if cost <= found + 1e-12]
        if len(ways) > 1:  # a tie, up to rounding
            continue
        want[:, ways[0]] += n
    found = at_costs(results["cells"], CHOSEN, costs)
    total = sum(map(sum, counted["counts"]))
    assert found.confusion.sum() == pytest.approx(1000)
    assert (found.confusion >= 1000 * want / total - 1e-9).all()
    assert found.cost == pytest.approx((found.confusion * costs).sum())
    constant = min(found.confusion.sum(axis=1) @ costs[:, d] for d in range(4))
    assert (
        found.share is None
        if constant <= 0
        else found.share == pytest.approx(found.cost / constant)
    )


@pytest.mark.parametrize("refer", [None, 0.7])
def test_at_the_study_s_costs_the_page_starts_from_the_study_s_own_numbers(refer):
    results, d = of_four(refer)
    control = classes(results).control
    own = lambda s: all_numbers(d.objective, d.cases, d.probability[s], d.decided[s], "cross")
    assert control.exact
    assert control.here.cost == pytest.approx(own(0)["expected_cost"]["value"])
    assert control.here.share == pytest.approx(own(0)["cost_share"]["value"])
    assert control.twin.cost == pytest.approx(own(1)["expected_cost"]["value"])
    assert np.nanmean(control.here.recall) == pytest.approx(own(0)["recall"]["value"])
    assert np.nanmean(control.here.precision) == pytest.approx(own(0)["precision"]["value"])
    referred = own(0)["referred_share"]["value"] or 0
    assert control.here.referred == pytest.approx(1000 * referred)
    assert control.here.right + control.here.wrong + control.here.referred == pytest.approx(1000)


def test_decisions_on_rounded_probabilities_come_close_to_the_study_s_own():
    results, d = of_four(None)
    rounded = at_costs(results["cells"], CHOSEN, d.objective.matrix)
    exact = classes(results).control.here
    assert rounded.cost == pytest.approx(exact.cost, rel=0.02)
    assert np.abs(rounded.confusion - exact.confusion).sum() < 20


def test_rows_count_as_they_are_weighted():
    weight = np.random.default_rng(1).uniform(0.5, 2, 600)
    results, d = study(row_weight=weight)
    found = at_costs(results["cells"], CHOSEN, d.objective.matrix)
    shares = [c["share"] for c in results["per_class"]["classes"]]
    np.testing.assert_allclose(found.confusion.sum(axis=1), 1000 * np.array(shares), rtol=1e-9)


def test_the_dearest_mistake_is_the_one_that_costs_most_in_all():
    costs = np.array([[0.0, 1, 1], [9, 0, 1], [1, 9, 0]])
    found = outcome(np.array([[500.0, 50, 0], [4, 200, 40], [3, 3, 200]]), costs)
    mistake = dearest(found, costs)
    assert (mistake.true, mistake.decided, mistake.cases, mistake.cost) == (0, 1, 50, 50)
    right = outcome(np.diag([500.0, 300, 200]), costs)
    assert dearest(right, costs) is None
    assert right.share == 0


def test_two_classes_or_an_older_record_have_no_such_part():
    assert classes({}) is None
    assert classes({"per_class": None, "cells": None}) is None
    assert classes_data({"per_class": None}) == {}


def test_a_study_without_cells_has_its_tables_and_no_control():
    results, _ = study()
    del results["cells"]
    control = classes(results).control
    assert not control.live
    assert classes_data(results) == {}
    assert 'id="class-controls"' not in paper(results)
    ranking, _ = study(ranks=True)
    del ranking["cells"]
    assert classes(ranking).control is None


def test_a_ranking_starts_with_all_mistakes_alike():
    results, _ = study(ranks=True)
    part = classes(results)
    assert not part.control.exact
    assert part.control.here.cost == pytest.approx(part.control.here.wrong)
    assert part.pages[0].flows == ()
    assert part.pages[0].head == ("setting", "average precision", "ROC AUC")
    assert 'id="c-study"' not in paper(results)


def test_each_class_has_a_page_that_agrees_with_the_matrix():
    results, _ = of_four(0.7)
    part = classes(results)
    recall, precision = (
        [text for _, text in s] for s in (part.control.recall, part.control.precision)
    )
    assert [page.label for page in part.pages] == [f"class {i}" for i in range(4)]
    for k, page in enumerate(part.pages):
        assert page.numbers[0][2][:2] == (recall[k], precision[k])
        assert page.flows[k][1][::3] == (recall[k], precision[k])
        assert page.flows[4][0] == "refer to a person"
        assert [chart.key for chart in page.charts] == [
            f"class-{k}-{kind}" for kind in ("precision-recall", "roc", "reliability")
        ]


# as HTML


def test_two_costs_that_are_written_alike_are_told_once():
    results, _ = of_four(None)
    control = classes(results).control
    assert number(control.rounded) == number(control.here.cost)
    assert '<span id="c-own-cost" hidden>' in paper(results)
    apart = copy.deepcopy(results)
    apart["per_class"]["settings"][CHOSEN]["confusion"]["value"][0][1] += 9
    assert '<span id="c-own-cost">' in paper(apart)


def test_what_a_class_is_a_share_of_is_told():
    results, _ = of_four(None)
    assert " of all." in paper(results)
    assert " of what all rows weigh." in paper(results | {"data": {"weighted": True}})


def test_hostile_labels_stay_text():
    plain, _ = study(k=7, refer=0.7)
    hostile, _ = study(k=7, refer=0.7, labels=EVIL)
    read = Tags(paper(hostile))
    assert read.tags == Tags(paper(plain)).tags
    for text in EVIL:
        assert text in "".join(read.text)
    assert json.loads(block(classes_data(hostile)))["labels"] == list(EVIL)


def test_ids_are_there_once_and_regions_have_names_of_their_own():
    html = paper(study(k=5, refer=0.7)[0])

    class Attributes(Tags):
        def handle_starttag(self, tag, attributes):
            self.tags.append(dict(attributes))

    tags = Attributes(html).tags
    ids = [a["id"] for a in tags if "id" in a]
    named = [a["aria-label"] for a in tags if a.get("role") == "region" and "aria-label" in a]
    assert len(ids) == len(set(ids))
    assert len(named) == len(set(named))
    assert not [a for a in tags if "style" in a or any(name.startswith("on") for name in a)]


# in the browser

SET = """(changes) => {
  for (const [id, value] of changes) {
    const input = document.getElementById(id);
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }
}"""
READ = """() => Object.fromEntries(
  [...document.querySelectorAll("#class-costs data")].map((e) => [e.id.slice(2), e.value])
)"""
AT_COSTS = f"(positions) => positions.map((changes) => {{ ({SET})(changes); return ({READ})(); }})"


def fields(costs, setting):
    """What to put into which field."""
    k = len(costs)
    changes = [(f"c-in-{i}-{j}", repr(float(costs[i, j]))) for i in range(k) for j in range(k)]
    if costs.shape[1] > k:
        changes.append(("c-in-refer", repr(float(costs[0, k]))))
    return [*changes, ("c-setting", str(setting))]


def value(read, name):
    return float(read[name]) if read[name] else None


def is_shown(read, found, twin):
    """See that the page shows an outcome, to the count."""
    for k, d in np.ndindex(*found.confusion.shape):
        assert value(read, f"{k}-{d}") == pytest.approx(found.confusion[k, d], rel=1e-12)
    for name, want in (
        ("cost", found.cost),
        ("cost-twin", twin.cost),
        ("share", found.share),
        ("right", found.right),
        ("wrong", found.wrong),
    ):
        want = None if want is None else pytest.approx(want, rel=1e-9, abs=1e-9)
        assert value(read, name) == want
    for k in range(len(found.confusion)):
        for name, shares in (("recall", found.recall), ("precision", found.precision)):
            want = None if np.isnan(shares[k]) else pytest.approx(shares[k], rel=1e-12)
            assert value(read, f"{name}-{k}") == want


def compared(browser, results, positions):
    """Put costs into the page, and compare what it shows with Python."""
    cells_of = results["cells"]
    with opened(browser, paper(results)) as page:
        shown = page.evaluate(AT_COSTS, [fields(costs, s) for costs, s in positions])
    for read, (costs, s) in zip(shown, positions, strict=True):
        is_shown(read, at_costs(cells_of, NAMES[s], costs), at_costs(cells_of, TWIN, costs))
        mistake = dearest(at_costs(cells_of, NAMES[s], costs), costs)
        if mistake is not None:
            assert value(read, "dearest-cost") == pytest.approx(mistake.cost, rel=1e-9)


@pytest.mark.parametrize(
    ("k", "how"),
    [(3, {}), (3, {"refer": 0.7}), (4, {"ranks": True}), (4, {"weighs": True}), (7, {})],
    ids=["three", "referral", "ranking", "row weights", "seven"],
)
def test_the_page_decides_as_python_does(browser, k, how):
    how = dict(how)
    weighs = how.pop("weighs", False)
    rng = np.random.default_rng(k)
    row_weight = rng.uniform(0.2, 3, 600) if weighs else None
    results, _ = study(k, row_weight=row_weight, **how)
    compared(
        browser,
        results,
        [(drawn_costs(rng, k, how.get("refer")), int(rng.integers(3))) for _ in range(20)],
    )


@pytest.mark.slow
@pytest.mark.parametrize(("k", "many"), [(3, 1000), (5, 200), (12, 20)])
def test_the_page_decides_as_python_does_at_many_costs(browser, k, many):
    rng = np.random.default_rng(k)
    results, _ = study(k, n=2000, refer=0.7)
    positions = [(drawn_costs(rng, k, 0.7), int(rng.integers(3))) for _ in range(many)]
    compared(browser, results, positions)


def test_the_study_s_costs_show_the_study_s_own_decisions(browser):
    results, _ = of_four(0.7)
    control = classes(results).control
    with opened(browser, paper(results)) as page:
        is_shown(page.evaluate(READ), control.here, control.twin)
        assert page.is_visible("#c-exact")
        page.fill("#c-in-0-1", "55")
        assert not page.is_visible("#c-exact")
        assert page.is_visible("#c-rounded")
        written = [number(cost) for cost in (control.rounded, control.here.cost)]
        assert page.is_visible("#c-own-cost") == (written[0] != written[1])
        page.select_option("#c-setting", "1")
        read = page.evaluate(READ)
        rounded = at_costs(results["cells"], TWIN, results["objective"]["matrix"])
        assert value(read, "own-rounded") == pytest.approx(rounded.cost, rel=1e-9)
        assert value(read, "own") == pytest.approx(control.twin.cost, rel=1e-9)
        page.click("#c-study")
        is_shown(page.evaluate(READ), control.twin, control.twin)
        assert page.is_visible("#c-exact")
        page.click("#c-alike")
        costs = np.column_stack([1 - np.eye(4), np.full(4, 0.7)])
        twin = at_costs(results["cells"], TWIN, costs)
        is_shown(page.evaluate(READ), twin, twin)


TEXTS = (
    "#class-costs :is(data, input), #c-saying, #c-name, #c-dearest, #c-dearest-true, "
    "#c-dearest-decided, #c-confusion td, #c-exact, #c-rounded, #c-own-cost"
)


@pytest.mark.parametrize(
    "how",
    [{}, {"refer": 0.7}, {"ranks": True}, {"k": 7}, {"k": 3, "row_weight": np.full(600, 0.3)}],
    ids=["four", "referral", "ranking", "seven", "row weights"],
)
def test_the_script_begins_with_the_texts_that_stand_there_without_it(browser, how):
    written = paper(study(**how)[0])
    with opened(browser, written, javascript=False) as page:
        still = said(page, TEXTS)
    with opened(browser, written) as page:
        live = said(page, TEXTS)
    assert len(still) > 30
    assert live == still
    assert any(re.search(r"\d %$", text) for _, text, _, _ in live)


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        ("c-in-0-1", "", "must be a number"),
        ("c-in-0-1", "1e200", "must be a number"),
        ("c-in-1-2", "-3", "no less than the right decision"),
        ("c-in-2-2", "99", "no less than the right decision"),
        ("c-in-refer", "0", "must cost more than a right decision"),
        ("c-in-refer", "", "must cost more than a right decision"),
    ],
)
def test_costs_that_make_no_sense_are_told_and_change_nothing(browser, field, typed, says):
    with opened(browser, paper(of_four(0.7)[0])) as page:
        before = page.evaluate(READ)
        page.fill(f"#{field}", typed)
        assert says in page.inner_text("#c-error")
        assert page.get_attribute(f"#{field}", "aria-invalid") == "true" or field == "c-in-2-2"
        assert page.get_attribute("#c-error", "aria-live") == "polite"
        assert page.evaluate(READ) == before
        page.click("#c-study")
        assert page.inner_text("#c-error") == ""
        assert page.locator('[aria-invalid="true"]').count() == 0
        assert page.evaluate(READ) == before


def test_a_class_whose_mistakes_are_free_is_told(browser):
    with opened(browser, paper(study(3)[0])) as page:
        page.fill("#c-in-1-0", "0")
        page.fill("#c-in-1-2", "0")
        assert "on class 1 all cost 0" in page.inner_text("#c-error")


def test_tabs_are_moved_through_by_keys_alone(browser):
    with opened(browser, paper(study(5)[0])) as page:
        visible = lambda: [k for k in range(5) if page.is_visible(f"#class-{k}")]
        chosen = lambda: page.get_attribute('[aria-selected="true"]', "id")
        assert visible() == [0]
        page.focus("#class-tab-0")
        for key, k in (("ArrowRight", 1), ("End", 4), ("ArrowRight", 0), ("ArrowLeft", 4)):
            page.keyboard.press(key)
            assert visible() == [k]
            assert chosen() == f"class-tab-{k}"
            assert page.evaluate("document.activeElement.id") == f"class-tab-{k}"
        page.keyboard.press("Home")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "class-0"
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.activeElement.id") == "class-tab-0"


def test_controls_are_reached_and_changed_by_keys_alone(browser):
    with opened(browser, paper(study(3, refer=0.7)[0])) as page:
        page.focus("#c-setting")
        reached = ["c-setting"]
        while reached[-1] != "c-in-refer" and len(reached) < 30:
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id"))
        cells_of = [f"c-in-{k}-{d}" for k in range(3) for d in range(3)]
        assert reached == ["c-setting", "c-study", "c-alike", "", *cells_of, "c-in-refer"]
        page.focus("#c-setting")
        page.keyboard.press("ArrowDown")
        assert page.inner_text("#c-name") == TWIN
        page.focus("#c-in-0-1")
        before = page.evaluate(READ)
        page.keyboard.press("Control+A")
        page.keyboard.type("77")
        assert page.evaluate(READ)["cost"] != before["cost"]


def test_without_a_script_everything_is_there_and_nothing_is_dead(browser):
    results, _ = of_four(0.7)
    with opened(browser, paper(results), javascript=False) as page:
        assert not page.is_visible("#class-controls")
        assert page.is_visible("#c-static")
        for k in range(4):
            assert page.is_visible(f"#class-{k}")
        assert page.locator("[role=tab]").count() == 0
        assert page.locator("figure > svg").count() == 12


def test_on_paper_every_class_is_there(browser):
    with opened(browser, paper(study(5)[0])) as page:
        page.emulate_media(media="print")
        assert all(page.is_visible(f"#class-{k}") for k in range(5))
        assert not page.is_visible("[role=tablist]")


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("k", [3, 7, 12])
def test_the_page_itself_never_scrolls_sideways(browser, k, width):
    labels = (*EVIL, *map(str, range(5)))[:k]
    with opened(browser, paper(study(k, labels=labels, refer=0.7)[0]), width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_axe_finds_nothing(browser, width, scheme):
    results, _ = study(7, labels=EVIL, refer=0.7)
    with opened(browser, paper(results), width=width, scheme=scheme) as page:
        assert violations(page) == []
