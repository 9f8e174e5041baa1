"""Letters: about how wide a text is drawn, so that labels keep clear of each other.

No font is known to a page until it is shown; these widths are those of wide ones.
"""

import unicodedata

SIZE = 12.0  # pixels, of all text in a chart
NARROW, WIDE = set("ijl.,:;|'!()[] "), set("mwMW@%")


def width(text: str) -> float:
    """Give the width of a text in pixels.

    Examples
    --------
    >>> width("1:200") < width("1:2000") < width("一二三四五六")
    True
    """
    return SIZE * sum(map(_em, text))


def cut(text: str, most: float) -> str:
    """Shorten a text to a width in pixels.

    Examples
    --------
    >>> cut("balanced-random-forest", 80)
    'balanced-r…'
    """
    if width(text) <= most:
        return text
    while text and width(text + "…") > most:
        text = text[:-1]
    return text + "…"


def _em(letter: str) -> float:
    if letter in NARROW:
        return 0.4
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return 0.95 if letter in WIDE else 0.7 if letter.isupper() else 0.62
