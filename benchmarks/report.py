"""How large a report is, how soon it opens, and how soon its controls follow.

Times are the browser's own: an input event is dispatched, the page lays itself out, and the next
frame comes. Chromium is the system's.

Letters: N rows, S settings, R seeds.
"""

import statistics
import time
import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np
from scipy.special import expit

from benchmarks.tables import timed

MOVES = 300  # of a slider
FRAME = 16  # ms
QUICK = ("--settings", "path:4", "--folds", "3", "--seeds", "2", "--epochs", "10")

TIMED = """
async (moves) => {
  const frame = () => new Promise(requestAnimationFrame);
  const found = {};
  for (const id of ["miss-range", "threshold-range", "prevalence-range"]) {
    const slider = document.getElementById(id), most = Number(slider.max);
    found[id] = [];
    for (let i = 0; i < moves / 3; i++) {
      await frame();
      const begun = performance.now();
      slider.value = String(Math.round(most * (0.1 + 0.8 * ((7 * i) % 100) / 100)));
      slider.dispatchEvent(new Event("input", {bubbles: true}));
      document.body.getBoundingClientRect();
      found[id].push(performance.now() - begun);
    }
  }
  return Object.values(found).flat();
}
"""
OPENED = """
() => {
  const [navigation] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return [navigation.loadEventEnd, paint ? paint.startTime : NaN];
}
"""


def report(data: Path | None = None) -> None:
    """Print size, time to open and time of an update for four pages, and for each table's."""
    try:
        browser = import_module("tests.browser")
    except ImportError:
        print("Report: not measured, Playwright must be installed (--group test).")
        return
    if browser.CHROMIUM is None:
        print("Report: not measured, Chromium must be installed (make browser).")
        return
    from playwright.sync_api import sync_playwright

    print("**The report** in Chromium\n")
    print("| page | kB | written, s | first paint, ms | loaded, ms | update, ms: p50 | p95 |")
    print("|---|---|---|---|---|---|---|")
    with sync_playwright() as playwright:
        chromium = browser.started(playwright)
        for name, make in PAGES.items():
            results = make()
            begun = time.perf_counter()
            html = written(results)
            seconds = time.perf_counter() - begun
            with browser.opened(chromium, html) as page:
                page.wait_for_selector("#controls:not([hidden])")
                loaded, painted = page.evaluate(OPENED)
                took = page.evaluate(TIMED, MOVES)
            print_page(name, len(html.encode()), seconds, painted, loaded, took)
        print(f"\nA frame lasts {FRAME} ms at 60 Hz.\n")
        if data is not None:
            on_tables(data, chromium, browser)
        chromium.close()


def on_tables(data: Path, chromium, browser) -> None:
    """Open the report of each table; one that complains or asks for anything raises."""
    print("| table | kB | console, requests, dialogs | axe | update, ms: p50 | p95 |")
    print("|---|---|---|---|---|---|")
    known = tomllib.loads((data / "datasets.toml").read_text())
    for name, about in known.items():
        options = [] if "positive" not in about else ["--positive", str(about["positive"])]
        status, *_, results, errors = timed(
            [str(data / about["file"]), "--target", about["target"], *options, *QUICK]
        )
        if status:
            print(f"| {name} | {errors[-1]} | | | | |")
            continue
        html = written(results)
        with browser.opened(chromium, html) as page:
            page.wait_for_selector("#controls:not([hidden]), #class-controls:not([hidden])")
            found = browser.violations(page)
            took = page.evaluate(TIMED, MOVES) if page.query_selector("#controls") else []
        times = [f"{statistics.median(took):.1f}", f"{p95(took):.1f}"] if took else ["–", "–"]
        size = f"{len(html.encode()) / 1000:,.0f}"
        print(f"| {name} | {size} | none | {len(found)} | {' | '.join(times)} |", flush=True)


def p95(values) -> float:
    return statistics.quantiles(values, n=20)[-1]


def print_page(name, size, seconds, painted, loaded, took) -> None:
    cells = f"{size / 1000:,.0f} | {seconds:.2f} | {painted:.0f} | {loaded:.0f}"
    print(f"| {name} | {cells} | {statistics.median(took):.1f} | {p95(took):.1f} |", flush=True)


def written(results) -> str:
    from outweigh.report import page

    return page(results)


def demo():
    from outweigh._demo import run_demo

    return run_demo(quick=True, tell=lambda stage, progress: None).results


def elsewhere(n_settings: int, n_rows: int, n_seeds: int):
    """Judge class weights of rows whose log odds are one score and the noise of each lane."""
    from outweigh._compare import judge
    from outweigh._costs import by_default
    from outweigh._decisions import decide_all
    from outweigh._deployment import AS_TRAINED
    from outweigh._elsewhere import _results
    from outweigh._repairs import NONE

    predictions = drawn(n_settings, n_rows, n_seeds)
    objective = by_default(np.bincount(predictions.y), predictions.classes)
    decisions = decide_all(predictions, objective, repairs=(NONE,))
    return _results(decisions, judge(decisions), given=False, deployment=AS_TRAINED)


def drawn(n_settings: int, n_rows: int, n_seeds: int):
    """Draw what networks say, undone or not: a posterior, a noise, and the weight."""
    from outweigh._predictions import Predictions

    rng = np.random.default_rng(0)
    score = rng.normal(-4.5, 1.5, n_rows).astype(np.float32)
    y = (rng.random(n_rows) < expit(score)).astype(np.int64)
    ratio = np.geomspace(1, 100, n_settings).astype(np.float32)
    p = np.empty((n_settings, n_seeds, n_rows, 2), dtype=np.float32)
    for s, weight in enumerate(ratio):
        for r in range(n_seeds):
            noise = 0.1 * rng.standard_normal(n_rows, dtype=np.float32)
            p[s, r, :, 1] = expit(score + np.log(weight) + noise)
            p[s, r, :, 0] = 1 - p[s, r, :, 1]
    weights = np.ones((n_settings, 5, 2))
    weights[:, :, 1] = ratio[:, np.newaxis]
    share = y.mean()
    return Predictions(
        row=np.arange(n_rows),
        fold=np.arange(n_rows) % 5,
        y=y,
        classes=(0, 1),
        settings=("none", *(f"ratio:{r:.4g}" for r in ratio[1:])),
        seeds=tuple(range(n_seeds)),
        class_weight=weights,
        prior=np.tile([1 - share, share], (5, 1)),
        probability=p,
        outcome=np.full((n_settings, n_seeds, 5), "finished"),
        n_training=n_rows,
    )


PAGES = {
    "demo, 66 settings × 20,000 rows": demo,
    "8 settings × 10,000 rows, 5 seeds": lambda: elsewhere(8, 10_000, 5),
    "12 settings × 10,000 rows, 5 seeds": lambda: elsewhere(12, 10_000, 5),
    "50 settings × 600,000 rows, 1 seed": lambda: elsewhere(50, 600_000, 1),
}
