"""In a notebook: a study, or one of its figures, as a piece of somebody else's page.

It is small, runs nothing, and its style reaches nothing outside of it. Every text is escaped.
"""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from outweigh._predictions import TWIN_NAME
from outweigh._written import written
from outweigh.report._chart import Chart
from outweigh.report._figures import charts
from outweigh.report._shown import loss, settings, weights_in_words
from outweigh.report._tables import known_numbers

Record = dict[str, Any]

MOST = 8  # settings in the table
NUMBERS_SHOWN = (
    *("expected_cost", "score", "flagged_share", "recall", "precision", "average_precision"),
)
FIGURES = ("cost-by-weight", "precision-recall", "reliability", "verdict", "remedies-cost")
MOST_FIGURES = 3


def study_html(results: Record) -> str:
    """Give the verdict, what to use, the first settings, and three figures."""
    parts = [_verdict(results), _used(results), _settings(results)]
    by_key = {chart.key: chart for chart in charts(results)}
    picked = [by_key[key] for key in FIGURES if key in by_key][:MOST_FIGURES]
    parts.append(Markup('<div class="charts">{}</div>').format(_joined(map(_figure, picked))))
    return _apart(_joined(parts))


def figure_html(chart: Chart) -> str:
    """Give one figure."""
    return _apart(_figure(chart))


def _apart(content: Markup) -> str:
    style = Markup(_style())  # ours: it holds nothing that came with data
    return str(Markup('<div class="outweigh"><style>{}</style>{}</div>').format(style, content))


@cache
def _style() -> str:
    own, charts = (
        files("outweigh.report").joinpath(name).read_text(encoding="utf-8")
        for name in ("notebook.css", "chart.css")
    )
    return f".outweigh {{\n{own}{charts}}}"


def _verdict(results: Record) -> Markup:
    verdict = results["verdict"]
    return Markup('<p class="verdict {}">{}</p>').format(verdict["code"], verdict["text"])


def _used(results: Record) -> Markup:
    chosen = results["chosen"]
    weights = weights_in_words(settings(results)[chosen["setting"]])
    how = f" ({weights})" if weights else ""
    use = Markup("Use <strong>{}</strong>{}: {}.").format(chosen["setting"], how, chosen["reason"])
    if chosen["threshold"] is not None:
        use += Markup(" Flag from a probability of <strong>{:.4g}</strong>.").format(
            chosen["threshold"]
        )
    basis = Markup('<p class="note">{}. {}.</p>')
    weighted = ", each with a weight" if results["data"].get("weighted") else ""
    rows = f"{results['data']['rows']:,} rows{weighted}"
    return Markup("<p>{}</p>").format(use) + basis.format(results["objective"]["text"], rows)


def _settings(results: Record) -> Markup:
    """Show the chosen setting, the twin, and the best of the others."""
    every, chosen = results["settings"], results["chosen"]["setting"]
    before = lambda s: (s["name"] != chosen, s["name"] != TWIN_NAME, loss(s))
    first = sorted(every, key=before)[:MOST]
    kept = [number for number in known_numbers(results, first) if number[0] in NUMBERS_SHOWN]
    head = _joined(Markup("<th>{}</th>").format(title) for title in ("", *(n[1] for n in kept)))
    rows = _joined(_row(setting, kept, chosen) for setting in first)
    more = len(every) - len(first)
    said = f"The best of {len(every)} settings; study.frame() has all." if more else ""
    table = Markup('<div class="wide"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>')
    return table.format(head, rows) + Markup('<p class="note">{}</p></div>').format(said)


def _row(setting: Record, kept: Iterable[tuple[str, str, str]], chosen: str) -> Markup:
    cells = _joined(
        Markup("<td>{}</td>").format(written(setting[key]["value"], form)) for key, _, form in kept
    )
    look = "chosen" if setting["name"] == chosen else ""
    row = Markup('<tr class="{}"><th scope="row">{}</th>{}</tr>')
    return row.format(look, setting["name"], cells)


def _figure(chart: Chart) -> Markup:
    drawn = chart.svg()
    # other cells show the same figures of other studies, and ids must tell them apart
    prefix = hashlib.sha256(str(drawn).encode()).hexdigest()[:8] + "-"
    legend = _joined(
        Markup("<li>{}{}</li>").format(line.swatch(), line.name) for line in chart.lines
    )
    return Markup(
        "<figure><figcaption><strong>{}</strong> {}</figcaption>"
        '<ul class="legend">{}</ul>{}</figure>'
    ).format(chart.title, chart.caption, legend, chart.svg(prefix))


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)
