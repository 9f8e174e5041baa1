"""Pixels: coordinates as short text, for a page has thousands of them."""

from collections.abc import Iterable


def short(value: float) -> str:
    """Write a coordinate to a tenth of a pixel.

    Examples
    --------
    >>> short(62.0), short(3.14159), short(-0.01)
    ('62', '3.1', '0')
    """
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")


def joined(points: Iterable[tuple[float, float]]) -> str:
    """Write points as SVG wants them."""
    return " ".join(f"{short(x)},{short(y)}" for x, y in points)
