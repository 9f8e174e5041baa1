"""A plane: two scales in a frame, with room for what is written beside them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from outweigh.report._axis import Axis, Scale, scale
from outweigh.report._letters import width
from outweigh.report._line import Line

WIDTH = 560.0
RIGHT, TOP, BOTTOM = 16.0, 14.0, 48.0
TITLE = 24.0  # of the axis on the left
GAP = 8.0  # between a label and its axis
MOST = 190.0  # of a name on the left
BETWEEN = 6.0  # labels along an axis


@dataclass(frozen=True)
class Plane:
    """Two scales, in pixels from the upper left corner.

    Attributes
    ----------
    x, y : Scale
    x_ticks, y_ticks : sequence of float
        Where numbers or names are written.
    height : float
    """

    x: Scale
    y: Scale
    x_ticks: Sequence[float]
    y_ticks: Sequence[float]
    height: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Give the pixel of a point."""
        return self.x(x), self.y(y)


def plane(
    x: Axis, y: Axis, lines: Sequence[Line], height: float, marks: Iterable[float] = ()
) -> Plane:
    """Lay out two axes around lines, and around the places along x that are marked."""
    across = (*values(lines, across=True), *marks)
    up = scale(y, values(lines, across=False), height - BOTTOM, TOP)
    y_ticks = _places(y) or up.ticks()
    texts = [y.written(tick) for tick in y_ticks] + [text for _, text in y.heads]
    widest = min(max((width(text) for text in texts), default=0.0), MOST)
    left = GAP + widest + (TITLE if y.title else 4.0)
    right = RIGHT
    for _ in range(3):  # the last label may need more room, which may change the labels
        along = scale(x, across, left, WIDTH - right)
        x_ticks = _places(x) or along.ticks(partial(_apart, x, along))
        last = max((along(t) + width(x.written(t)) / 2 for t in x_ticks), default=0.0)
        if last <= WIDTH - 1:
            break
        right += last - WIDTH + 2
    return Plane(along, up, x_ticks, y_ticks, height)


def values(lines: Iterable[Line], *, across: bool) -> Iterator[float]:
    """Give all values of lines along x (across) or y, their bands and bars too."""
    for line in lines:
        yield from line.x if across else line.y
        if line.across == across:
            yield from line.low or ()
            yield from line.high or ()


def _places(axis: Axis) -> list[float]:
    return [place for place, _ in axis.names]


def _apart(axis: Axis, along: Scale, ticks: Sequence[float]) -> bool:
    """Tell whether ticks are as the axis asks, and their labels keep clear of each other."""
    if axis.whole and any(tick % 1 for tick in ticks):
        return False
    ends = [(along(t), width(axis.written(t)) / 2) for t in ticks]
    return all(b - half_b - a - half_a >= BETWEEN for (a, half_a), (b, half_b) in pairwise(ends))
