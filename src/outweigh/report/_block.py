"""A data block: what the page's script reads, in a form that no text in it can break out of."""

import base64
import json
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

BREAKERS = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def block(data: Any) -> Markup:
    r"""Write data as JSON in which no character has a meaning to HTML.

    Examples
    --------
    >>> block({"name": "</script>"})
    Markup('{"name":"\\u003c/script\\u003e"}')
    """
    written = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return Markup(written.translate(BREAKERS))


def packed(tables: Iterable[tuple[list[float], float]]) -> str:
    """Pack falling tables of counts: what each knot adds to the next one, as varints, deflated.

    Parameters
    ----------
    tables : iterable of (list of float, float)
        Counts that fall to 0, and what they are multiplied by before they are rounded.

    Returns
    -------
    packed : str
        In base 64.
    """
    steps: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    for table, scale in tables:
        rising = np.rint(np.array(table[::-1]) * scale).astype(np.int64)
        steps.append(np.concatenate([rising[:1], rising[1:] - rising[:-1]]))
    return base64.b64encode(zlib.compress(varints(np.concatenate(steps)), 9)).decode()


def varints(numbers: NDArray[np.int64]) -> bytes:
    """Write whole numbers in groups of seven bits each, the lowest first (LEB128).

    Examples
    --------
    >>> list(varints(np.array([5, 300])))
    [5, 172, 2]
    """
    n_groups = np.ones(len(numbers), dtype=np.int64)
    for bits in range(7, 63, 7):
        n_groups += numbers >= 1 << bits
    start = np.cumsum(n_groups) - n_groups
    written = np.zeros(n_groups.sum(), dtype=np.uint8)
    for k in range(n_groups.max(initial=0)):
        there = n_groups > k
        more = 128 * (n_groups[there] > k + 1)
        written[start[there] + k] = numbers[there] >> 7 * k & 127 | more
    return written.tobytes()
