"""Ten thousand texts that mean harm, as names, labels and files: in the page they stay text.

A study's record is written with names that stand for others, and its page is read. Then the names
are replaced in the record, by hostile ones, and the page is written and read again: it must have
the same elements with the same attributes, and each text must be the first page's with the names
replaced. So nothing is lost either.
"""

import copy
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser

import pytest

from outweigh.report import page
from outweigh.report._card import card
from tests.browser import chromium, opened  # noqa: F401  (the fixture "browser")
from tests.hostile_texts import FRAGMENTS, LONE_SURROGATES, hostile_texts
from tests.test_card import rendered
from tests.test_record import recorded
from tests.trainers import world

NAME = re.compile(r"harmless\d\d")
AT_ONCE = 60  # texts in one page
OURS = re.compile(r"#?[\w.: -]*")
LINKS = {
    *("id", "for", "href", "name", "data-figure"),
    *("aria-labelledby", "aria-controls", "aria-describedby"),
}
VOID = {"meta", "br", "input", "hr", "col"}


def hostile():
    """Texts that can be names: not the empty one."""
    return [text for text in hostile_texts() if text]


def batches(texts) -> Iterator[dict[str, str]]:
    """Names to replace, and what by."""
    for i in range(0, len(texts), AT_ONCE):
        part = texts[i : i + AT_ONCE]
        part += texts[: AT_ONCE - len(part)]
        yield {f"harmless{j:02}": text for j, text in enumerate(part)}


def replaced(value, names):
    """Replace names wherever they stand in a record, in keys and in sentences too."""
    if isinstance(value, dict):
        return {replaced(k, names): replaced(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [replaced(each, names) for each in value]
    if isinstance(value, str):
        return NAME.sub(lambda found: names[found[0]], value)
    return value


def multiplied(value, copies):
    """Put copies beside each entry of a setting, wherever entries are by its name."""
    if isinstance(value, list):
        return [multiplied(each, copies) for each in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, each in value.items():
        for name in copies.get(key, [key]):
            found[name] = multiplied(each, copies)
    return found


@cache
def harmless(k=2):
    """A record whose texts from the data are names: 60 settings, and all else that has a name."""
    names = [f"harmless{j:02}" for j in range(AT_ONCE)]
    how = {"settings": "path:3,focal:2,smote", "references": "logistic", "test_size": 0.2}
    results = recorded(world(400, k=k), seeds=1, **how)[1]
    originals = [s["name"] for s in results["settings"] if s["name"] != "none"]
    copies = {name: names[i :: len(originals)] for i, name in enumerate(originals)}
    by_name = {s["name"]: s for s in results["settings"]}
    settings = [by_name["none"]]
    for original, of_original in copies.items():
        settings += [copy.deepcopy(by_name[original]) | {"name": name} for name in of_original]
    results = multiplied(results, copies)
    results["settings"] = settings
    for setting in settings[1:]:
        setting |= {"text": f"what {setting['name']} does", "class_weight": {setting["name"]: 1.0}}
    results["chosen"] |= {"setting": names[0], "reason": f"since {names[1]}"}
    results["verdict"] |= {"best": names[len(originals)], "text": f"It is {names[2]}."}
    for fold in results["verdict"]["by_fold"]:
        fold["setting"] = names[0]
    if results["thresholds"]:
        results["thresholds"][0]["setting"] = names[0]
    for setting in (results["test"]["chosen"], results["test"]["twin"]):
        setting["setting"] = names[0]
    results["objective"] |= {"text": f"the most of {names[3]}", "world": f"for {names[4]}"}
    results["data"] |= {"notes": [f"note {name}" for name in names]}
    every = " ¦ ".join(names)
    results["data"] |= {"source": every, "target": f"{every}?"}
    results["design"] |= {"network": every}
    results["findings"] = [
        {"code": f"code {name}", "title": f"There is {name}.", "remedy": f"Mend {name}."}
        for name in names
    ]
    results["looks"] = [
        {"code": f"code {name}", "outcome": "not applicable", "because": f"of {name}"}
        for name in names
    ]
    results["segments"] = [
        of_segment(f"by {names[i]}", names[i : i + 12]) for i in range(0, 60, 12)
    ]
    labels = list(results["data"]["classes"])
    every = {label: f"{label} {' ¦ '.join(names[i::k])}" for i, label in enumerate(labels)}
    return labelled(results, every)


def labelled(results, labels):
    """Replace the labels of classes."""
    for part in (results["data"], results["data"]["training"], results["data"]["test"]):
        part["classes"] = {labels[label]: n for label, n in part["classes"].items()}
    if results["data"]["positive"] is not None:
        results["data"]["positive"] = labels[results["data"]["positive"]]
    for of_class in (results["per_class"] or {"classes": []})["classes"]:
        of_class["label"] = labels[of_class["label"]]
    return results


def of_segment(column, names):
    number = {"value": 0.5, "interval": [0.4, 0.6], "basis": "cross-fitted"}
    keys = ("expected_cost", "score", "flagged_share", "recall", "precision", "average_precision")
    numbers = dict.fromkeys(keys, number)
    groups = [
        {"name": name, "rows": 10, "positives": 2, "chosen": numbers, "twin": numbers}
        for name in names
    ]
    return {"column": column, "kind": "categories", "basis": "cross-fitted", "groups": groups}


@dataclass
class Read(HTMLParser):
    """A page as a parser sees it: each element with its attributes, and the text after each tag.

    A text of a picture that was cut counts as what its title says, which is whole.
    """

    html: str
    tags: list = field(default_factory=list)
    texts: list = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        self.open, self.whole = [], None
        self.feed(self.html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag == "title" and self.open[-1] == "text":  # of a picture: there was no room
            self.whole = ""
        else:
            self.handle_startendtag(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, attributes))
        self.texts.append([tag, ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "title" and self.whole is not None:
            return
        if tag == "text" and self.whole is not None:
            shown, self.texts[-1][1], self.whole = self.texts[-1][1], self.whole, None
            assert shown.endswith("…")
            assert self.texts[-1][1].startswith(shown[:-1])
        self.texts.append([f"/{tag}", ""])

    def handle_data(self, data):
        if self.whole is not None and self.open[-1] == "title":
            self.whole += data
        else:
            self.texts[-1][1] += data

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data[:80]!r}")

    def handle_decl(self, decl):
        assert decl == "doctype html"
        self.texts.append(["!", ""])

    def unknown_decl(self, data):
        raise AssertionError(f"a declaration: {data[:80]!r}")

    handle_pi = handle_comment


def assert_same_but_for_names(read, first, names):
    """Compare a page with the first one, where names stood for hostile texts."""
    assert [(tag, [k for k, _ in a]) for tag, a in read.tags] == [
        (tag, [k for k, _ in a]) for tag, a in first.tags
    ]
    for (_, attributes), (_, of_first) in zip(read.tags, first.tags, strict=True):
        for (key, value), (_, before) in zip(attributes, of_first, strict=True):
            if key in LINKS:
                assert OURS.fullmatch(value)
            elif before and NAME.search(before):
                assert value == replaced(before, names)
    ids = [value for _, attributes in read.tags for key, value in attributes if key == "id"]
    assert len(ids) == len(set(ids))
    assert [tag for tag, _ in read.texts] == [tag for tag, _ in first.texts]
    for (tag, text), (_, before) in zip(read.texts, first.texts, strict=True):
        if tag == "script" and NAME.search(before) and before.lstrip()[:1] in "{[":
            assert unquoted(json.loads(text)) == replaced(unquoted(json.loads(before)), names)
        elif NAME.search(before):
            assert_shown(text, replaced(before, names))


def unquoted(data):
    """Take names that are quoted for a shell as the shell does."""
    if isinstance(data, dict):
        return {k: as_a_shell(data) if k == "use" else unquoted(v) for k, v in data.items()}
    return [unquoted(each) for each in data] if isinstance(data, list) else data


def as_a_shell(setting):
    """Give the name that a shell takes; one that could deceive, and a reference's, is not there."""
    if setting["use"] is None:
        return [setting["name"]]
    if setting["use"] == "NAME":
        assert not setting["name"].isprintable()
        return [setting["name"]]
    return shlex.split(setting["use"])


def assert_shown(text, whole):
    """A text is there whole."""
    spaced = lambda t: t.replace("\u00a0%", " %")
    assert spaced(text) == spaced(whole)


def check(every, first, record):
    for names in every:
        assert_same_but_for_names(Read(page(replaced(record, names))), first, names)


def few():
    """A batch of one text of each kind, and another of texts from all over."""
    kinds = [text for kind in FRAGMENTS.values() for text in kind[:5] if text]
    return [*batches(kinds[:AT_ONCE]), *batches(hostile_texts(AT_ONCE))]


# a page, read by a parser


def every_kind(k):
    """All texts; of three classes a fifth, kind by kind: most of the page is the same."""
    return hostile() if k == 2 else hostile()[::5]


QUICKLY = [2, pytest.param(3, marks=pytest.mark.slow)]


@pytest.mark.parametrize("k", QUICKLY)
def test_names_change_no_element_of_a_page_and_none_is_lost(k):
    record = harmless(k)
    check(few(), Read(page(record)), record)


@pytest.mark.slow
@pytest.mark.parametrize("k", [2, 3])
def test_ten_thousand_names_change_no_element_of_a_page(k):
    record = harmless(k)
    check(batches(every_kind(k)), Read(page(record)), record)


# a card


def check_card(every, record):
    before, text_before = rendered(card(record))
    for names in every:
        elements, text = rendered(card(replaced(record, names)))
        assert elements == before
        assert len(text) > len(text_before) / 2


def single(record):
    """One name as source, for a card shortens texts."""
    found = copy.deepcopy(record)
    found["data"] |= {"source": "harmless00", "target": "harmless01"}
    found["design"] |= {"network": "harmless02"}
    return found


@pytest.mark.parametrize("k", [2, 3])
def test_names_change_no_element_of_a_card(k):
    check_card(few(), single(harmless(k)))


@pytest.mark.slow
def test_ten_thousand_names_change_no_element_of_a_card():
    check_card(batches(hostile()), single(harmless()))


# a page, in a browser

STRUCTURE = """
() => [...document.querySelectorAll("*")].filter((e) => !e.matches("text > title")).map(
  (e) => [e.tagName, ...e.getAttributeNames().sort()].join(" "))
"""
SETTINGS = """
() => {
  const select = document.querySelector("select#setting");
  for (const option of select ? [...select.options] : []) {
    option.selected = true;
    select.dispatchEvent(new Event("input", {bubbles: true}));
    select.dispatchEvent(new Event("change", {bubbles: true}));
  }
  return select ? select.options.length : 0;
}
"""


def structure(browser, record):
    """The elements of a page once all of its settings were shown one after another."""
    with opened(browser, page(record)) as window:
        window.wait_for_selector("#controls:not([hidden]), #class-controls:not([hidden])")
        window.evaluate(SETTINGS)
        return window.evaluate(STRUCTURE)


@pytest.mark.parametrize("k", QUICKLY)
def test_names_neither_run_nor_ask_in_a_browser(browser, k):
    record = harmless(k)
    before = structure(browser, record)
    for names in few():
        assert structure(browser, replaced(record, names)) == before


@pytest.mark.slow
@pytest.mark.parametrize("k", [2, 3])
def test_ten_thousand_names_neither_run_nor_ask_in_a_browser(browser, k):
    record = harmless(k)
    before = structure(browser, record)
    for names in batches(every_kind(k)):
        assert structure(browser, replaced(record, names)) == before


# the texts themselves


def test_the_texts_are_different_many_and_the_same_each_time():
    texts = hostile_texts()
    assert len(set(texts)) == 10_000
    assert texts == hostile_texts()
    assert len(set(hostile_texts(20_000))) == 20_000


def test_the_texts_are_utf_8_but_for_lone_surrogates():
    assert "".join(hostile_texts()).encode().decode() == "".join(hostile_texts())
    for text in LONE_SURROGATES:
        with pytest.raises(UnicodeEncodeError):
            text.encode()


def test_few_texts_are_of_all_kinds():
    few = " ".join(hostile_texts(1000))
    missing = [kind for kind, texts in FRAGMENTS.items() if not any(t in few for t in texts if t)]
    assert missing == []
