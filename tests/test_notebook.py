"""In a notebook: small, quiet, its style its own, and every text inert."""

import copy
import re
from xml.etree import ElementTree

import pytest

from outweigh.report._figure import Figures
from outweigh.report._notebook import study_html
from tests.test_figures import group
from tests.test_record import recorded
from tests.trainers import world

EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "&lt;&amp;",
)
STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@pytest.fixture(scope="module")
def results():
    """A record with more settings than are shown, and a column of segments."""
    found = recorded(world(600), settings="path:10")[1]
    segment = {"column": "site", "kind": "categories", "basis": "cross-fitted"}
    return found | {"segments": [segment | {"groups": [group("north", 0.5)]}]}


def html_of(results):
    """Read what a notebook shows of a study and of each figure, as strictly as XML is read."""
    texts = study_html(results), *(f._repr_html_() for f in Figures(results).values())
    return [ElementTree.fromstring(STYLE.sub("", text)) for text in texts]


def test_a_study_in_a_notebook_is_small_and_runs_nothing(results):
    html = study_html(results)
    assert len(html.encode()) < 60_000
    assert results["verdict"]["text"] in html
    assert html.count('<svg class="chart"') == 3
    assert html.count("<tr") == 1 + 8
    assert "The best of 10 settings" in html
    for tree in html_of(results):
        tags = {e.tag for e in tree.iter()}
        assert {"script", "iframe", "link", "img", "object"}.isdisjoint(tags)
        attributes = {name for e in tree.iter() for name in e.attrib}
        assert not [n for n in attributes if n.startswith("on") or n in ("style", "src", "href")]


def test_weights_of_classes_and_of_rows_are_told_of(results):
    used = copy.deepcopy(results)
    used["chosen"]["setting"] = "balanced"
    used["data"]["weighted"] = True
    assert " times as much as negatives)" in study_html(used)
    assert "600 rows, each with a weight." in study_html(used)
    plain = study_html(results)
    assert (results["chosen"]["setting"] == "none") == (" times as much as" not in plain)
    assert "600 rows." in plain


def test_the_style_of_a_notebook_reaches_nothing_else(results):
    [style] = STYLE.findall(study_html(results))
    assert style.startswith(".outweigh {")
    assert style.count("{") == style.count("}")
    assert style.rstrip().endswith("}")
    depth = 0
    for i, letter in enumerate(style.rstrip()):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth or i in (*range(11), len(style.rstrip()) - 1)


def test_ids_of_two_studies_in_one_notebook_are_told_apart(results):
    other = copy.deepcopy(results)
    other["curves"]["none"]["roc"]["true_positive_rate"][1] += 0.1
    ids = [
        set(re.findall(r' id="([^"]+)"', Figures(r)["roc"]._repr_html_())) for r in (results, other)
    ]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_names_are_inert(results, evil):
    hostile = copy.deepcopy(results)
    hostile["curves"][evil] = hostile["curves"]["balanced"]
    hostile["counts"]["settings"][evil] = hostile["counts"]["settings"]["balanced"]
    [balanced] = [s for s in hostile["settings"] if s["name"] == "balanced"]
    balanced["name"] = evil
    hostile["chosen"] |= {"setting": evil, "reason": evil}
    hostile["verdict"] |= {"text": evil, "best": evil, "code": evil}
    hostile["objective"]["text"] = evil
    hostile["segments"][0] |= {"column": evil, "groups": [group(evil, 0.5)]}
    hostile["thresholds"][0]["setting"] = evil
    tags = lambda trees: {e.tag for tree in trees for e in tree.iter()}
    found = html_of(hostile)
    assert tags(found) <= tags(html_of(results))
    assert evil in "".join(found[0].itertext())
