"""A line: one series of a chart, or a cloud of dots, and how it looks."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from outweigh.report._markers import marker


@dataclass(frozen=True)
class Line:
    """One series.

    Attributes
    ----------
    name : str
    look : str
        Classes of the style sheet: chosen, twin, half, other, reference-1 to -8, better, worse,
        open; limit before another one draws it thin.
    x, y : sequence of float
        NaN where nothing is known: there the line is broken. What lies beyond an axis, infinite
        too, is drawn at its end.
    low, high : sequence of float, optional
        A band around y.
    dots : bool
        Whether each point is marked.
    bars : bool
        Whether low and high are a bar at each point, not a band; then points are not joined.
    across : bool
        Whether low and high are values of x.
    joined : bool
        Whether points are joined.
    names : sequence of str, optional
        Says what each point is.
    sizes : sequence of float, optional
        The area of each point's mark, in any unit.
    """

    name: str
    look: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    dots: bool = False
    bars: bool = False
    across: bool = False
    joined: bool = True
    names: Sequence[str] | None = None
    sizes: Sequence[float] | None = None

    @property
    def drawn(self) -> bool:
        """Whether a line joins its points."""
        return self.joined and not self.bars and len(self.x) > 1

    @property
    def marked(self) -> bool:
        """Whether its points are marked."""
        return self.dots or not self.drawn

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Give its points: line, x, y, low, high, name; None for what is not known."""
        nothing = [None] * len(self.x)
        columns = self.x, self.y, self.low or nothing, self.high or nothing
        for i, point in enumerate(zip(*columns, strict=True)):
            if math.isnan(self.x[i]) and math.isnan(self.y[i]):  # a gap, no point
                continue
            known = (None if v is None or math.isnan(v) else float(v) for v in point)
            yield self.name, *known, self.names[i] if self.names else None

    def swatch(self) -> Markup:
        """Draw what a legend shows of it."""
        stroke = Markup('<line class="line {}" x1="0" x2="30" y1="6" y2="6"/>').format(self.look)
        parts = (stroke if self.drawn else "") + (marker(self.look, 15, 6) if self.marked else "")
        box = Markup('<svg class="swatch" viewBox="0 0 30 12" aria-hidden="true">{}</svg>')
        return box.format(parts)
