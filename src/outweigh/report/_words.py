"""Words: how the page writes numbers; ``words.js`` writes the same, to the character."""

import math
from decimal import ROUND_HALF_UP, Context, Decimal

DIGITS = 12  # beyond them floats differ that should be equal, and a half is none
LONG = 6  # digits of a number on an axis: on a short one they have to be told apart
POWERS = ("", "K", "M", "B", "T")  # of a thousand


def whole(x: float) -> str:
    """Write a count, halves up.

    Examples
    --------
    >>> whole(1234), whole(60.5)
    ('1,234', '61')
    """
    return f"{_settled(x).quantize(Decimal(1), ROUND_HALF_UP):,}"


def few(x: float) -> str:
    """Write a number of cases: whole from ten on, else with two digits.

    Examples
    --------
    >>> few(1234.6), few(9.96), few(0.0312), few(0)
    ('1,235', '10', '0.031', '0')
    """
    cases = _settled(x)
    if cases >= Decimal("9.95"):
        return whole(x)
    return f"{_rounded(cases, 2):f}" if cases >= Decimal("1e-4") else "0"


def number(x: float | None, digits: int = 4) -> str:
    """Write a number with few digits and no exponent; what is no number is a dash.

    Examples
    --------
    >>> number(12345.6), number(0.02325), number(1e-7), number(None)
    ('12,350', '0.02325', '0.0000001', '–')
    """
    if x is None or not math.isfinite(x):
        return "–"
    return f"{_rounded(_settled(x), digits):,f}"


def percent(x: float | None) -> str:
    """Write a share with three digits.

    Examples
    --------
    >>> percent(0.0923), percent(None)
    ('9.23 %', '–')
    """
    return "–" if x is None else f"{number(100 * x, 3)} %"


def signed(x: float | None) -> str:
    """Write a gain in percent, to a tenth, with its sign; 0 has none.

    Examples
    --------
    >>> signed(6.25), signed(-12.0), signed(-0.01)
    ('+6.3 %', '-12 %', '0 %')
    """
    if x is None:
        return "–"
    rounded = float(_settled(x).quantize(Decimal("0.1"), ROUND_HALF_UP))
    return f"{'+' if rounded > 0 else ''}{number(rounded)} %"


def brief(x: float) -> str:
    """Write a number on an axis, in thousands, millions, billions or trillions where it is large.

    Examples
    --------
    >>> brief(0.25), brief(1500), brief(1e11), brief(-2e6)
    ('0.25', '1.5K', '100B', '-2M')
    """
    rounded = _rounded(_settled(x), LONG)
    power = min(max(rounded.adjusted() // 3, 0), len(POWERS) - 1)
    shown = rounded.scaleb(-3 * power)
    return (f"{shown:,f}" if abs(shown) >= 10_000 else f"{shown:f}") + POWERS[power]


def cut_off(threshold: float | None) -> str:
    """Write a threshold, or what it comes to where it is none or 0.

    Examples
    --------
    >>> cut_off(0.2), cut_off(0.0), cut_off(None)
    ('0.2', 'flag everybody', 'flag nobody')
    """
    if threshold is None:
        return "flag nobody"
    return number(threshold) if threshold > 0 else "flag everybody"


def _settled(x: float) -> Decimal:
    """Drop what floats add beyond 12 digits, so that halves are halves; 0 has no sign."""
    return Decimal(repr(float(x) + 0.0) if x == int(x) else f"{x:.{DIGITS}g}")


def _rounded(x: Decimal, digits: int) -> Decimal:
    """Round, halves up, and drop the zeros at the end."""
    rounded = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(x)
    return rounded.normalize() if rounded else Decimal(0)
