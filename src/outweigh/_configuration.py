"""The configuration: the options that a run was started with, to repeat it."""

import json
from pathlib import PurePath
from typing import Any

PATHS = ("data", "test", "costs", "network")


def to_toml(configuration: dict[str, Any]) -> str:
    """Write a flat configuration as TOML; what is None is left out."""
    # a JSON string, number, list or true/false is also a TOML value, but for pairs of surrogates
    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False).replace(chr(127), chr(92) + 'u007f')}"
        for key, value in configuration.items()
        if value is not None
    ]
    return "\n".join(lines) + "\n"


def shareable(configuration: dict[str, Any]) -> dict[str, Any]:
    """Give a configuration that may be forwarded: it names files, and not where they lie.

    Examples
    --------
    >>> shareable({"data": "/home/ada/parts.csv", "folds": 5, "test": None})
    {'data': 'parts.csv', 'folds': 5}
    """
    given = {key: value for key, value in configuration.items() if value is not None}
    return given | {key: PurePath(given[key]).name for key in PATHS if key in given}
