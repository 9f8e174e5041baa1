"""The schema: what stands in ``results.json``, and what its numbers mean."""

import json
from functools import cache
from importlib.resources import files
from typing import Any


def schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of ``results.json``.

    It is closed: a record with another key is none. Each key has a description.

    Examples
    --------
    >>> schema()["properties"]["schema"]["const"]
    1
    """
    return dict(json.loads(_text()))


@cache
def _text() -> str:
    return files("outweigh").joinpath("results.schema.json").read_text(encoding="utf-8")
