"""JSON for readers: as ``json.dumps`` indents it, but with a line for each list of plain values."""

import json
from collections.abc import Iterable
from typing import Any


def written(value: Any) -> str:
    """Write plain JSON types, indented by one space for each level.

    A list of numbers, texts, truth values and nulls takes one line; in a list of such lists each
    has its own.

    Parameters
    ----------
    value : dict, list, str, number, bool or None
        The keys of its dicts are texts.

    Returns
    -------
    text : str
        Reads back as the same value.

    Raises
    ------
    ValueError
        When a number is infinite or not a number.
    TypeError
        When a value has another type.

    Examples
    --------
    >>> print(written({"share": [0.5, None], "cells": [[1, 0], [0, 1]]}))
    {
     "share": [0.5, null],
     "cells": [
      [1, 0],
      [0, 1]
     ]
    }
    """
    return _written(value, "\n")


def _written(value: Any, line: str) -> str:
    """Write a value whose lines begin with `line`, a line break and its indent."""
    if isinstance(value, dict) and value:
        pairs = (f"{_key(key)}: {_written(one, line + ' ')}" for key, one in value.items())
        return _block("{", pairs, "}", line)
    if isinstance(value, list | tuple) and any(isinstance(v, dict | list | tuple) for v in value):
        return _block("[", (_written(one, line + " ") for one in value), "]", line)
    return json.dumps(value, allow_nan=False)


def _block(start: str, parts: Iterable[str], end: str, line: str) -> str:
    return start + f"{line} " + f",{line} ".join(parts) + line + end


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the keys of a record must be texts; came {key!r}")
    return json.dumps(key)
