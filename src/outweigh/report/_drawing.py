"""A drawing: the parts of a chart as SVG.

Colours and dashes are classes that the style sheet knows, so that one drawing serves light, dark
and paper. Every text is escaped.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby

from markupsafe import Markup

from outweigh.report._axis import Axis, Scale
from outweigh.report._letters import cut, width
from outweigh.report._line import Line
from outweigh.report._markers import RADIUS, marker
from outweigh.report._pixels import joined, short
from outweigh.report._plane import BETWEEN, BOTTOM, GAP, MOST, TOP, WIDTH, Plane
from outweigh.report._thinning import thinned

SMALLEST, LARGEST = 2.0, 9.0  # radius of a point that has a size
LABEL = 17.0  # height of a mark's label
LARGER = 16 / 12  # all text on a narrow screen, by the style sheet
ARROW = 4.0  # pixels, of the end of a bar that goes on beyond the plot


def x_axis(axis: Axis, plane: Plane) -> Markup:
    """Draw the grid of an axis, and what is written below."""
    x, bottom = plane.x, plane.height - BOTTOM
    grid = "".join(f"M{short(x(t))} {short(TOP)}V{short(bottom)}" for t in plane.x_ticks)
    texts = [_text(axis.written(t), x(t), bottom + 18, "tick middle") for t in plane.x_ticks]
    title = _text(axis.title, (x.start + x.end) / 2, plane.height - 8, "label middle")
    return _group("x axis", _path("grid", grid), *texts, title)


def y_axis(axis: Axis, plane: Plane) -> Markup:
    """Draw the grid of an axis, and what is written on its left."""
    y, left, right = plane.y, short(plane.x.start), short(plane.x.end)
    grid = "".join(f"M{left} {short(y(t))}H{right}" for t in plane.y_ticks)
    place = plane.x.start - GAP
    parts = [_text(axis.written(t), place, y(t) + 4, "tick end", MOST) for t in plane.y_ticks]
    parts += [_text(head, 4, y(t) + 4, "head", place) for t, head in axis.heads]
    if axis.title:
        middle = short((y.start + y.end) / 2)
        turned = Markup('<text class="label middle" transform="translate(14 {}) rotate(-90)">{}')
        parts.append(turned.format(middle, axis.title) + Markup("</text>"))
    return _group("y axis", _path("grid", grid), *parts)


def marks(named: Sequence[tuple[float, str]], plane: Plane, *, diagonal: bool) -> Markup:
    """Draw vertical lines with their names, none of which lies on another, and x = y."""
    x, y = plane.x, plane.y
    parts = []
    if diagonal:
        least, most = max(x.low, y.low), min(x.high, y.high)
        ends = joined([plane.at(least, least), plane.at(most, most)])
        parts.append(Markup('<polyline class="rule" points="{}"/>').format(ends))
    rows: list[float] = []  # where the last label of each ends
    for place, name in sorted((x(value), name) for value, name in named):
        parts.append(_path("rule", f"M{short(place)} {short(TOP)}V{short(y.start)}"))
        room = max(WIDTH - place, place - x.start) - BETWEEN
        length = min(LARGER * width(name), room)
        right = place + BETWEEN + length <= WIDTH
        start = place + 5 if right else place - 5 - length
        row = next((i for i, end in enumerate(rows) if end + BETWEEN <= start), len(rows))
        rows[row : row + 1] = [start + length]
        look, at = ("mark", place + 5) if right else ("mark end", place - 5)
        parts.append(_text(name, at, TOP + 12 + LABEL * row, look, room / LARGER))
    return _group("marks", *parts)


def series(line: Line, plane: Plane) -> Markup:
    """Draw a line, the band or the bars around it, and its points."""
    drawn = list(_runs(line.x, line.y))
    parts = [*(_bars if line.bars or line.across else _bands)(line, plane)]
    if line.drawn:
        parts += [_polyline(line, plane, run) for run in drawn if len(run) > 1]
    parts += _markers(line, plane, [i for run in drawn for i in run if line.marked or len(run) < 2])
    start = Markup('<g class="series" data-name="{}">').format(line.name)
    return start + Markup("").join(parts) + Markup("</g>")


def _runs(*columns: Sequence[float]) -> Iterator[list[int]]:
    """Give the points in a row of which all is known; infinite ones lie beyond an axis' end."""
    known = [not any(map(math.isnan, point)) for point in zip(*columns, strict=True)]
    for there, run in groupby(range(len(known)), key=known.__getitem__):
        if there:
            yield list(run)


def _polyline(line: Line, plane: Plane, run: Sequence[int]) -> Markup:
    points = joined(thinned([plane.at(line.x[i], line.y[i]) for i in run]))
    return Markup('<polyline class="line {}" points="{}"/>').format(line.look, points)


def _bands(line: Line, plane: Plane) -> Iterator[Markup]:
    if line.low is None or line.high is None:
        return
    for run in _runs(line.x, line.low, line.high):
        low = thinned([plane.at(line.x[i], line.low[i]) for i in run])
        high = thinned([plane.at(line.x[i], line.high[i]) for i in run])
        around = joined([*low, *reversed(high)])
        yield Markup('<polygon class="band {}" points="{}"/>').format(line.look, around)


def _bars(line: Line, plane: Plane) -> Iterator[Markup]:
    if line.low is None or line.high is None:
        return
    path = ""
    for i in chain.from_iterable(_runs(line.x, line.y, line.low, line.high)):
        scale, at = (plane.x, line.y[i]) if line.across else (plane.y, line.x[i])
        beside = (plane.y if line.across else plane.x)(at)
        ends = line.low[i], line.high[i]
        path += "".join(_pieces(scale, ends, beside, across=line.across))
    yield Markup('<path class="bar {}" d="{}"/>').format(line.look, path)


def _pieces(
    scale: Scale, ends: tuple[float, float], beside: float, *, across: bool
) -> Iterator[str]:
    """Draw a bar within the plot, with the head of an arrow at each end that lies outside."""
    inside = [min(max(end, scale.low), scale.high) for end in ends]
    low, high = (short(scale(end)) for end in inside)
    at = short(beside)
    yield f"M{low} {at}H{high}" if across else f"M{at} {low}V{high}"
    forth = math.copysign(ARROW, scale.end - scale.start)
    for end, kept, inward in zip(ends, inside, (forth, -forth), strict=True):
        if end != kept:
            yield _head(scale(kept), beside, inward, across=across)


def _head(tip: float, beside: float, inward: float, *, across: bool) -> str:
    """Draw the head of an arrow whose tip lies at an edge of the plot."""
    points = [(tip + inward * abs(side), beside + ARROW * side) for side in (-1, 0, 1)]
    pixels = ((a, b) if across else (b, a) for a, b in points)
    return "M" + "L".join(f"{short(x)} {short(y)}" for x, y in pixels)


def _markers(line: Line, plane: Plane, points: Iterable[int]) -> Iterator[Markup]:
    largest = max(line.sizes or (), default=0.0) or 1.0
    for i in points:
        says = line.names[i] if line.names else ""
        radius = RADIUS
        if line.sizes:
            radius = SMALLEST + (LARGEST - SMALLEST) * math.sqrt(line.sizes[i] / largest)
        yield marker(line.look, *plane.at(line.x[i], line.y[i]), radius, says)


def _group(look: str, *parts: Markup) -> Markup:
    return Markup('<g class="{}">{}</g>').format(look, Markup("").join(parts))


def _path(look: str, path: str) -> Markup:
    return Markup('<path class="{}" d="{}"/>').format(look, path)


def _text(text: str, x: float, y: float, look: str, most: float = math.inf) -> Markup:
    """Write a text, cut to a width; then the whole of it is shown when one asks for more."""
    shown = cut(text, most)
    whole = "" if shown == text else Markup("<title>{}</title>").format(text)
    start = Markup('<text class="{}" x="{}" y="{}">').format(look, short(x), short(y))
    return start + shown + whole + Markup("</text>")
