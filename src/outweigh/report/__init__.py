"""The report: one self-contained HTML page from a study's plain record.

Record → figures, tables, controls → page. The page asks nobody for anything: a strict content
security policy lets its own style sheet and its own scripts run, by their hashes, and nothing else.
Every text that came with the data is escaped. Without the scripts it is a whole page, too.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from outweigh._configuration import to_toml
from outweigh._predictions import TWIN_NAME
from outweigh._written import written
from outweigh.report import _words as words
from outweigh.report._bases import MEANINGS, basis_rows
from outweigh.report._block import block
from outweigh.report._classes import classes, classes_data
from outweigh.report._figures import figures
from outweigh.report._glossary import glossary
from outweigh.report._options import with_options
from outweigh.report._panel import panel
from outweigh.report._picture import mark
from outweigh.report._shown import settings, weights_in_words
from outweigh.report._tables import (
    GROUPS,
    calibration_rows,
    data_rows,
    design_rows,
    look_rows,
    remedy_rows,
    setting_rows,
    test_rows,
    tutorial_rows,
)

SCRIPTS = {
    "panel": (
        *("words.js", "tables.js", "point.js", "picture.js", "drawing.js", "charts.js"),
        *("sayings.js", "sliders.js", "controls.js"),
    ),
    "classes": ("words.js", "classes.js"),
}
"""What each part of the page runs, as one script."""

STYLES = ("style.css", "chart.css", "panel.css", "classes.css")


def page(results: dict[str, Any]) -> str:
    """Write the report of a study or of the demo.

    Parameters
    ----------
    results : dict
        A study's record, as it stands in ``results.json``.

    Returns
    -------
    html : str
        A whole page that needs no other file.
    """
    controls, parts = panel(results, GROUPS), classes(results)
    style = "".join(map(_file, STYLES))
    there = {"panel": controls is not None, "classes": parts is not None}
    scripts = [_script(part) for part in SCRIPTS if there[part]]
    html: str = _template().render(
        r=results,
        style=style,
        scripts=scripts,
        policy=_policy(style, scripts),
        sections=figures(results),
        panel=controls,
        classes=parts,
        class_data=block(classes_data(results)),
        settings=setting_rows(results),
        remedies=remedy_rows(results),
        calibration=calibration_rows(results),
        test=test_rows(results),
        tutorial=tutorial_rows(results),
        data=data_rows(results),
        bases=basis_rows(results),
        glossary=glossary(results),
        weights=weights_in_words(settings(results)[results["chosen"]["setting"]]),
        meanings=MEANINGS,
        design=design_rows(results),
        looks=look_rows(results),
        configuration=to_toml(results.get("configuration", {})).strip(),
    )
    return html


def _policy(style: str, scripts: list[str]) -> str:
    """Allow the page's own style and scripts, by their hashes, and nothing else."""
    allowed = " ".join(f"'{_hash(script)}'" for script in scripts) or "'none'"
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )


def _script(part: str) -> str:
    return "".join(map(_file, SCRIPTS[part]))


@cache
def _file(name: str) -> str:
    return files("outweigh.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("outweigh.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "few": words.few,
        "show": words.number,
        "percent": words.percent,
        "signed": words.signed,
        "cut_off": words.cut_off,
        "whole": words.whole,
        "twin_name": TWIN_NAME,
        "written": written,
        "mark": mark,
    }
    environment.filters["with_options"] = with_options
    return environment.get_template("page.html.jinja")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
