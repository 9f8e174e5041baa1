"""Words: how the page writes numbers, the same with its script and without."""

import math
from decimal import ROUND_HALF_UP, Context, Decimal


def few(x: float) -> str:
    """Write a number of cases: whole from ten on, else with two digits.

    Examples
    --------
    >>> few(1234.6), few(9.96), few(0.0312), few(0)
    ('1,235', '10', '0.031', '0')
    """
    if x >= 9.95:
        return f"{math.floor(x + 0.5):,}"
    return f"{_rounded(x, 2):f}" if x >= 1e-4 else "0"


def number(x: float | None, digits: int = 4) -> str:
    """Write a number with few digits and no exponent; what is no number is a dash.

    Examples
    --------
    >>> number(12345.6), number(0.02325), number(1e-7), number(None)
    ('12,350', '0.02325', '0.0000001', '–')
    """
    if x is None or not math.isfinite(x):
        return "–"
    return f"{_rounded(x, digits):,f}"


def percent(x: float | None) -> str:
    """Write a share with three digits.

    Examples
    --------
    >>> percent(0.0923), percent(None)
    ('9.23 %', '–')
    """
    return "–" if x is None else f"{number(100 * x, 3)} %"


def signed(x: float | None) -> str:
    """Write a gain in percent with its sign; 0 has none.

    Examples
    --------
    >>> signed(3.04), signed(-12.0), signed(-0.01)
    ('+3 %', '-12 %', '0 %')
    """
    if x is None:
        return "–"
    rounded = round(x, 1) + 0
    return f"{'+' if rounded > 0 else ''}{number(rounded)} %"


def _rounded(x: float, digits: int) -> Decimal:
    """Round the very number, halves up as scripts do, and drop the zeros at its end."""
    rounded = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(Decimal(x + 0))  # no -0
    return rounded.normalize() if rounded else Decimal(0)
