"""The report: one self-contained HTML page from a study's plain record.

Record → figures → page. The page loads nothing and runs nothing: a strict content security policy
says so, and every text that came with the data is escaped.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from outweigh.report._figures import demo_figures, study_figures
from outweigh.report._tables import (
    calibration_rows,
    data_rows,
    design_rows,
    look_rows,
    remedy_rows,
    setting_rows,
    test_rows,
    tutorial_rows,
)


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
    style = _style()
    figures = demo_figures(results) if "demo" in results else []
    html: str = _template().render(
        r=results,
        style=style,
        policy=f"default-src 'none'; style-src '{_hash(style)}'; base-uri 'none'",
        sections=[*figures, *study_figures(results)],
        settings=setting_rows(results),
        remedies=remedy_rows(results),
        calibration=calibration_rows(results),
        test=test_rows(results),
        tutorial=tutorial_rows(results),
        data=data_rows(results),
        design=design_rows(results),
        looks=look_rows(results),
    )
    return html


@cache
def _style() -> str:
    return files("outweigh.report").joinpath("style.css").read_text(encoding="utf-8")


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("outweigh.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
