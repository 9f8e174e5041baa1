"""Glossary: each word is one that the page uses, and those of this project are all there."""

import re

import pytest

import outweigh as ow
from outweigh.report import page
from outweigh.report._glossary import glossary
from tests.test_record import recorded
from tests.trainers import world

STUDIES = {
    "weights": {"settings": "path:4"},
    "no weights": {"settings": "none,focal:2"},
    "a score": {"objective": ow.FBeta(1), "settings": "balanced,sqrt"},
    "three classes": {"table": world(k=3), "settings": "path:3"},
}


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_uses_each_word_that_it_explains(name):
    how = dict(STUDIES[name])
    found = recorded(how.pop("table", None), **how)[1]
    words = dict(glossary(found))
    text = re.sub(r"<(style|script)\b.*?</\1>", "", page(found), flags=re.DOTALL).lower()
    for word, meaning in words.items():
        assert meaning in page(found)
        assert len(re.findall(rf"\b{re.escape(word)}", text)) > 1, word
    assert {"twin", "lane", "undone", "operating point", "cross-fitted"} <= set(words)
    settings = {setting["name"] for setting in found["settings"]}
    assert ("balanced" in words) == ("balanced" in settings)
    assert {word for word in words if word.startswith("power:")} <= settings
    assert any("power:" in word for word in words) == any("power:" in s for s in settings)
