"""A data block: what the page's script reads, in a form that no text in it can break out of."""

import base64
import json
import zlib
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

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
    raw = bytearray()
    for table, scale in tables:
        last = 0
        for count in reversed(table):
            now = round(count * scale)
            raw += varint(now - last)
            last = now
    return base64.b64encode(zlib.compress(bytes(raw), 9)).decode()


def varint(n: int) -> bytes:
    """Write a whole number in groups of seven bits, the lowest first (LEB128).

    Examples
    --------
    >>> list(varint(300))
    [172, 2]
    """
    groups = bytearray()
    while n > 127:
        groups.append(n & 127 | 128)
        n >>= 7
    groups.append(n)
    return bytes(groups)
