"""Chromium, as tests drive it: what a page says, asks for, pops up or is refused is an error.

The browser is the system's own; where there is none, tests that need one are skipped.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

WATCH = """
window.refused = [];
addEventListener("securitypolicyviolation", (event) => {
  window.refused.push(`${event.effectiveDirective} ${event.blockedURI}`);
});
"""

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


SAID = """
(query) => [...document.querySelectorAll(query)].map((e) => {
  const text = e.matches("input") ? e.value : e.textContent;
  return [e.id || JSON.stringify(e.dataset), text, e.getAttribute("class"), e.hidden];
})
"""


@dataclass
class Trouble:
    """What a page did that no report may do."""

    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def started(playwright: Playwright) -> Browser:
    """Start the system's Chromium."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))


@pytest.fixture(name="browser", scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium, one for each file of tests that imports this."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed: make browser")
    with sync_playwright() as playwright:
        browser = started(playwright)
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser,
    html: str,
    *,
    width: int = 1280,
    height: int = 900,
    scheme: str = "light",
    javascript: bool = True,
) -> Iterator[Page]:
    """Open a page from a file, and see at the end that it gave no trouble.

    Parameters
    ----------
    browser : Browser
    html : str
    width, height : int
        Of the window, in CSS pixels.
    scheme : str
        "light" or "dark".
    javascript : bool
    """
    trouble = Trouble()
    with (
        TemporaryDirectory() as folder,
        _window(browser, width, height, scheme, javascript) as page,
    ):
        path = Path(folder) / "report.html"
        path.write_text(html, encoding="utf-8")
        _listen(page, path.as_uri(), trouble)
        page.goto(path.as_uri())
        yield page
        page.wait_for_timeout(0)  # what is under way is told
        if javascript:
            trouble.refused += page.evaluate("window.refused")
    assert trouble == Trouble(), trouble


def said(page: Page, query: str) -> list[list[object]]:
    """Give the elements that a query finds: what each is, says, looks like, and if it is hidden."""
    return page.evaluate(SAID, query)


def violations(page: Page) -> list[str]:
    """Give what axe finds against WCAG 2.2 A and AA and its own best practices."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = page.evaluate(
        "(rules) => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", list(RULES)
    )
    return [
        f"{broken['id']}: {broken['help']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for broken in found["violations"]
        for node in broken["nodes"]
    ]


@contextmanager
def _window(
    browser: Browser, width: int, height: int, scheme: str, javascript: bool
) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        java_script_enabled=javascript,
    )
    context.add_init_script(WATCH)
    try:
        yield context.new_page()
    finally:
        context.close()


def _listen(page: Page, url: str, trouble: Trouble) -> None:
    def asked(request) -> None:
        if request.url.partition("#")[0] != url:
            trouble.requests.append(request.url)

    def popped(dialog) -> None:
        trouble.dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("console", lambda message: trouble.console.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: trouble.errors.append(str(error)))
    page.on("request", asked)
    page.on("dialog", popped)
