"""A chart: lines, bands and points on two axes, drawn as SVG.

Coordinates are data until the last moment; colours are classes that the page's style sheet knows,
so that one drawing serves light, dark and paper. Every text is escaped.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 560, 330
LEFT, RIGHT, TOP, BOTTOM = 62, 24, 14, 48
SMALLEST = 1e-30  # number on a logarithmic axis, and length of any
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)

Format = Callable[[float], str]


@dataclass(frozen=True)
class Line:
    """One series: what it is called, how it looks, its points, and a band around them if any."""

    name: str
    look: str  # a class of the style sheet: chosen, twin, other, half, limit
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    dots: bool = False
    bars: bool = False  # low and high as a bar at each dot, not as a band


@dataclass(frozen=True)
class Axis:
    """One axis: its title, whether it is logarithmic, and how its numbers are written."""

    title: str
    log: bool = False
    form: Format = "{:g}".format
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Chart:
    """What is drawn. `marks` are vertical lines with a name; `diagonal` draws x = y."""

    title: str
    caption: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    marks: tuple[tuple[float, str], ...] = ()
    diagonal: bool = False

    def svg(self) -> Markup:
        """Draw the chart."""
        return _drawn(self)

    def table(self, most: int = 64) -> list[tuple[str, str, str, str]]:
        """Give the points as text: series, x, y, and the band or bar around it.

        At most `most` rows for a line, evenly spaced.
        """
        return [row for line in self.lines for row in _rows(line, self, most)]


@dataclass(frozen=True)
class _Scale:
    """From data to pixels."""

    low: float
    high: float
    start: float  # pixel of low
    end: float
    log: bool

    def __call__(self, value: float) -> float:
        low, high, value = (self._bend(v) for v in (self.low, self.high, value))
        place = (value - low) / (high - low)
        return self.start + min(max(place, -0.02), 1.02) * (self.end - self.start)

    def _bend(self, value: float) -> float:
        return math.log10(max(value, self.low / 10)) if self.log else value

    def ticks(self) -> list[float]:
        """Give about five round numbers within the scale."""
        return _log_ticks(self.low, self.high) if self.log else _ticks(self.low, self.high)


def _ticks(low: float, high: float) -> list[float]:
    """Give round numbers from low to high, about five of them.

    Examples
    --------
    >>> _ticks(0, 0.93)
    [0.0, 0.2, 0.4, 0.6, 0.8]
    """
    rough = (high - low) / 5
    unit = 10 ** math.floor(math.log10(rough))
    step = next(s * unit for s in STEPS if s * unit >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Give powers of ten from low to high, and 2 and 5 times them where there is room.

    Examples
    --------
    >>> _log_ticks(1, 200)
    [1, 2, 5, 10, 20, 50, 100, 200]
    >>> _log_ticks(1e-4, 1)
    [0.0001, 0.001, 0.01, 0.1, 1]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = (1, 2, 5) if math.log10(high / low) < 3 else (1,)
    found = [float(f"{digit}e{decade}") for decade in decades for digit in digits]
    return [int(t) if t >= 1 else t for t in found if low * 0.999 <= t <= high * 1.001]


def _scale(axis: Axis, values: Iterable[float], start: float, end: float) -> _Scale:
    known = [v for v in values if math.isfinite(v) and not (axis.log and v < SMALLEST)] or [1.0]
    low = min(known) if axis.least is None else axis.least
    high = max(known) if axis.most is None else axis.most
    least_length = max(SMALLEST, 1e-9 * max(abs(low), abs(high)))  # what ticks can tell apart
    if high - low <= least_length:
        room = max(0.5, least_length)
        low, high = (low / 2, low * 2) if axis.log else (low - room, low + room)
    elif not axis.log:  # some air, where nothing fixes the end
        air = 0.06 * (high - low)
        low -= air if axis.least is None else 0
        high += air if axis.most is None else 0
    return _Scale(low, high, start, end, axis.log)


def _drawn(chart: Chart) -> Markup:
    x = _scale(chart.x, _all(chart, "x"), LEFT, WIDTH - RIGHT)
    y = _scale(chart.y, _all(chart, "y"), HEIGHT - BOTTOM, TOP)
    parts = [*_grid(chart, x, y)]
    if chart.diagonal:
        least, most = max(x.low, y.low), min(x.high, y.high)
        ends = (x(least), y(least), x(most), y(most))
        parts.append(_tag("line", "rule", **dict(zip(("x1", "y1", "x2", "y2"), ends, strict=True))))
    for value, name in chart.marks:
        parts += _mark(x(value), name)
    for line in chart.lines:
        parts += _line(line, x, y)
    label = Markup("<title>{}</title>").format(chart.title)
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}"'
    return Markup(f'<svg {box} role="img">') + label + Markup("").join(parts) + Markup("</svg>")


def _all(chart: Chart, name: str) -> Iterable[float]:
    for line in chart.lines:
        yield from getattr(line, name)
        if name == "y":
            yield from line.low or ()
            yield from line.high or ()


def _grid(chart: Chart, x: _Scale, y: _Scale) -> Iterable[Markup]:
    for tick in y.ticks():
        place = y(tick)
        yield _tag("line", "grid", x1=LEFT, x2=WIDTH - RIGHT, y1=place, y2=place)
        yield _text(chart.y.form(tick), LEFT - 8, place + 4, "tick end")
    for tick in x.ticks():
        yield _tag("line", "grid", x1=x(tick), x2=x(tick), y1=TOP, y2=HEIGHT - BOTTOM)
        yield _text(chart.x.form(tick), x(tick), HEIGHT - BOTTOM + 18, "tick middle")
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield _text(chart.x.title, middle, HEIGHT - 8, "label middle")
    height = (TOP + HEIGHT - BOTTOM) / 2
    yield _text(chart.y.title, 14, height, "label middle", f"rotate(-90 14 {height:g})")


def _line(line: Line, x: _Scale, y: _Scale) -> Iterable[Markup]:
    known = [i for i, v in enumerate(line.y) if math.isfinite(v) and math.isfinite(line.x[i])]
    points = [(x(line.x[i]), y(line.y[i])) for i in known]
    if line.low is not None and line.high is not None:
        low = [(x(line.x[i]), y(line.low[i])) for i in known]
        high = [(x(line.x[i]), y(line.high[i])) for i in known]
        if line.bars:
            for (px, bottom), (_, top) in zip(low, high, strict=True):
                yield _tag("line", f"bar {line.look}", x1=px, x2=px, y1=bottom, y2=top)
        else:
            yield _tag("polygon", f"band {line.look}", points=_points(low + high[::-1]))
    if len(points) > 1 and not line.bars:
        yield _tag("polyline", f"line {line.look}", points=_points(points))
    if line.dots or line.bars or len(points) == 1:
        for px, py in points:
            yield _tag("circle", f"dot {line.look}", cx=px, cy=py, r=3.2)


def _mark(place: float, name: str) -> Iterable[Markup]:
    yield _tag("line", "rule", x1=place, x2=place, y1=TOP, y2=HEIGHT - BOTTOM)
    side, shift = ("end", -5) if place > WIDTH * 0.7 else ("start", 5)
    yield _text(name, place + shift, TOP + 10, f"tick {side}")


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _tag(name: str, look: str, **attributes: float | str) -> Markup:
    given = {k: f"{v:.1f}" if isinstance(v, int | float) else v for k, v in attributes.items()}
    written = "".join(f' {k}="{escape(v)}"' for k, v in given.items())
    return Markup(f'<{name} class="{escape(look)}"{written}/>')


def _text(text: str, x: float, y: float, look: str, transform: str = "") -> Markup:
    turned = f' transform="{transform}"' if transform else ""
    place = f'x="{x:.1f}" y="{y:.1f}"'
    return Markup(f'<text class="{escape(look)}" {place}{turned}>') + text + Markup("</text>")


def _rows(line: Line, chart: Chart, most: int) -> Iterable[tuple[str, str, str, str]]:
    step = -(-len(line.x) // most) or 1
    for i in range(0, len(line.x), step):
        around = ""
        if line.low is not None and line.high is not None:
            around = f"{_precise(line.low[i])} to {_precise(line.high[i])}"
        yield line.name, _precise(line.x[i]), _precise(line.y[i]), around


def _precise(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "–"
