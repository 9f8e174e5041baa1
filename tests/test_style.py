"""The page's style in a browser: what is clicked stays, words stay whole, tables fit the paper."""

from functools import cache

import pytest

from outweigh.report import page
from tests.browser import chromium, opened  # noqa: F401  (the fixture "browser")
from tests.test_record import recorded
from tests.test_report_in_browser import ALL_OPEN, WIDTHS, every_option, html, study

PAPER = (680, 718)  # CSS pixels between the margins of A4 and of Letter


# what is clicked stays where it is

PLACES = """
() => ["reset", "picture", "main"].map((id) => {
  const box = document.getElementById(id).getBoundingClientRect();
  return [box.top + scrollY, box.height];
})
"""


@pytest.mark.parametrize("width", WIDTHS)
def test_a_message_moves_nothing(browser, width):
    with opened(browser, html("every option"), width=width) as window:
        window.wait_for_selector("#controls:not([hidden])")
        before = window.evaluate(PLACES)
        for name in ("miss", "alarm", "alerts", "threshold", "prevalence"):
            own = window.input_value(f"#{name}")
            window.fill(f"#{name}", "-1")
            assert window.inner_text("#trouble") != ""
            assert window.evaluate(PLACES) == before, name
            window.fill(f"#{name}", own)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_first_click_after_a_mistake_is_not_lost(browser, width):
    with opened(browser, html("two classes"), width=width) as window:
        window.wait_for_selector("#controls:not([hidden])")
        own = window.input_value("#miss")
        window.fill("#miss", "77")
        window.fill("#alerts", "2000")
        window.locator("#reset").scroll_into_view_if_needed()
        box = window.locator("#reset").bounding_box()
        window.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert window.input_value("#miss") == own
        assert window.inner_text("#trouble") == ""


# words stay whole

BROKEN = """
(within) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), broken = [];
  while (texts.nextNode()) {
    const text = texts.currentNode, range = document.createRange();
    if (!text.parentElement.checkVisibility() || !text.parentElement.closest(within)) continue;
    for (const word of text.textContent.matchAll(/\\S+/g)) {
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1)
        broken.push(word[0]);
    }
  }
  return broken;
}
"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["two classes", "every option", "three classes"])
def test_no_title_of_a_column_and_no_command_breaks_inside_a_word(browser, name, width):
    with opened(browser, html(name), width=width) as window:
        window.evaluate(ALL_OPEN)
        assert window.evaluate(BROKEN, "th, code") == []


@pytest.mark.parametrize("width", WIDTHS)
def test_an_option_in_a_sentence_stays_whole(browser, width):
    findings = [
        {"code": "a", "title": f"{'x' * n} --exclude 'a'.", "remedy": f"{'x ' * n}--row-weight: b."}
        for n in range(1, 60)
    ]
    looks = [
        {"code": "b", "outcome": "not-applicable", "because": f"{'x ' * n} --patience 0 says so"}
        for n in range(1, 60)
    ]
    results = study("two classes")[1] | {"findings": findings, "looks": looks}
    with opened(browser, page(results), width=width) as window:
        window.evaluate(ALL_OPEN)
        assert [word for word in window.evaluate(BROKEN, "main") if word.startswith("-")] == []
        assert window.locator("code:text-is('--row-weight')").count() == len(findings)


# paper

TOO_WIDE = """
() => [...document.querySelectorAll("main table")].filter((table) => table.checkVisibility())
  .filter((table) => {
    const [own, room] = [table, table.closest("section, figure")]
      .map((e) => e.getBoundingClientRect());
    return own.left < room.left || own.right > room.right + 1;
  }).map((table) => table.closest("[aria-label], [aria-labelledby]").outerHTML.slice(0, 100))
"""


@cache
def with_everything():
    table, how = every_option()
    return page(recorded(table, **how | {"settings": "path:3,remedies", "references": "usual"})[1])


@pytest.mark.parametrize("width", PAPER)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("with everything", marks=pytest.mark.slow),
        *("every option", "referral", "three classes"),
    ],
)
def test_every_table_fits_the_paper(browser, name, width):
    text = with_everything() if name == "with everything" else html(name)
    with opened(browser, text, width=width) as window:
        window.emulate_media(media="print")
        assert window.locator("main table").count() > 5
        assert window.evaluate(TOO_WIDE) == []
        assert window.evaluate(BROKEN, "thead th") == []
