"""Markers: the shape that stands for a point. Each look has its own, for not all see colours."""

from markupsafe import Markup

from outweigh.report._pixels import joined, short

RADIUS = 3.4  # pixels

CORNERS = {
    "twin": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "half": ((0, -1.2), (1.15, 0.9), (-1.15, 0.9)),
    "other": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    "better": ((-0.9, -1.2), (1.3, 0), (-0.9, 1.2)),
    "worse": ((0.9, -1.2), (-1.3, 0), (0.9, 1.2)),
}
"""Of radius 1; all other looks are circles."""


def marker(look: str, x: float, y: float, radius: float = RADIUS, says: str = "") -> Markup:
    """Draw a marker.

    Parameters
    ----------
    look : str
        Of a line; the last word tells the shape.
    x, y, radius : float
        In pixels.
    says : str
        What is shown of the point when one asks for more.

    Examples
    --------
    >>> marker("chosen", 10, 20, 3)
    Markup('<circle class="dot chosen" cx="10" cy="20" r="3"/>')
    """
    corners = CORNERS.get(look.rpartition(" ")[2])
    if corners is None:
        tag, shape = "circle", f'cx="{short(x)}" cy="{short(y)}" r="{short(radius)}"'
    else:
        points = joined((x + radius * a, y + radius * b) for a, b in corners)
        tag, shape = "polygon", f'points="{points}"'
    start = Markup('<{} class="dot {}" {}').format(tag, look, Markup(shape))
    if not says:
        return start + Markup("/>")
    return start + Markup("><title>{}</title></{}>").format(says, tag)
