"""A chart: lines, bands and points on two axes, before anything is drawn.

It holds data, not pixels, so that one chart is a drawing on a page, a frame, and a plot.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup

from outweigh.report._axis import Axis
from outweigh.report._drawing import marks, series, x_axis, y_axis
from outweigh.report._line import Line
from outweigh.report._pixels import short
from outweigh.report._plane import WIDTH, Plane, plane

SVG = Markup(
    '<svg class="chart" viewBox="0 0 {width} {height}" role="img" '
    'aria-labelledby="{id}-title {id}-says" data-x="{x}" data-y="{y}">'
    '<title id="{id}-title">{title}</title><desc id="{id}-says">{says}</desc>'
    '{parts}<g class="live"></g></svg>'
)
HEIGHT = 330.0
ROW = 19  # pixels, of one named row


@dataclass(frozen=True)
class Chart:
    """What is drawn.

    Attributes
    ----------
    title, caption : str
    x, y : Axis
    lines : tuple of Line
    marks : tuple of (float, str)
        Vertical lines with a name.
    diagonal : bool
        Whether x = y is drawn.
    key : str
        Its name, the only one of its kind on a page.
    basis : str
        The rows that it stands on.
    height : float
        In pixels, of `WIDTH` wide.
    """

    title: str
    caption: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    marks: tuple[tuple[float, str], ...] = ()
    diagonal: bool = False
    key: str = "chart"
    basis: str = "cross-fitted"
    height: float = HEIGHT

    def svg(self, prefix: str = "") -> Markup:
        """Draw the chart; its ids start with a prefix."""
        laid = self.plane
        parts = (
            x_axis(self.x, laid),
            y_axis(self.y, laid),
            marks(self.marks, laid, diagonal=self.diagonal),
            *(series(line, laid) for line in self.lines),
        )
        return SVG.format(
            width=short(WIDTH),
            height=short(self.height),
            id=prefix + self.key,
            x=laid.x.text,
            y=laid.y.text,
            title=self.title,
            says=self.says,
            parts=Markup("").join(parts),
        )

    @property
    def plane(self) -> Plane:
        """Where everything lies."""
        return plane(self.x, self.y, self.lines, self.height, [at for at, _ in self.marks])

    @property
    def says(self) -> str:
        """What it shows, in words."""
        axes = f"{self.y.title} against {self.x.title}" if self.y.title else self.x.title
        names = ", ".join(line.name for line in self.lines)
        return f"{self.caption}. {axes}: {names}."

    def table(self, most: int = 20) -> list[tuple[str, str, str, str]]:
        """Give the points as text: series, x, y, and the band or bar around it.

        At most `most` rows for a line, evenly spaced, its ends among them.
        """
        return [row for line in self.lines for row in _rows(line, self, most)]


def row_height(n_rows: int) -> float:
    """Give the height of a chart of named rows."""
    return ROW * n_rows + 80.0


def _rows(line: Line, chart: Chart, most: int) -> Iterator[tuple[str, str, str, str]]:
    points = [i for i, x in enumerate(line.x) if not (math.isnan(x) and math.isnan(line.y[i]))]
    for i in (points[n] for n in _spaced(len(points), most)):
        around = ""
        if line.low is not None and line.high is not None:
            around = f"{_precise(line.low[i])} to {_precise(line.high[i])}"
        yield line.name, _cell(chart.x, line.x[i]), _cell(chart.y, line.y[i]), around


def _spaced(n: int, most: int) -> Iterable[int]:
    return range(n) if n <= most else sorted({round(i * (n - 1) / (most - 1)) for i in range(most)})


def _cell(axis: Axis, value: float) -> str:
    return axis.written(value) if axis.names else _precise(value)


def _precise(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4g}".replace("inf", "∞")
