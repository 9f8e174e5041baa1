"""A plot: a chart drawn with matplotlib, which is loaded only here and only when asked for."""

import math
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from outweigh._errors import UsageError
from outweigh.report._axis import Axis, Scale
from outweigh.report._chart import Chart
from outweigh.report._letters import cut
from outweigh.report._line import Line
from outweigh.report._plane import MOST, WIDTH

INCHES = 6.4  # wide
SOFT = "#5b5f69"

COLOURS = {
    "chosen": "#0b62b8",
    "twin": "#1c1d21",
    "half": "#c2410c",
    "other": "#7a4fb5",
    "better": "#17703f",
    "worse": "#b3261e",
    "open": SOFT,
    "limit": SOFT,
    **{
        f"reference-{i}": ("#0f766e", "#be185d", "#4d7c0f", "#92400e")[(i - 1) % 4]
        for i in range(1, 9)
    },
}
DASHES: dict[str, Any] = {
    "chosen": "-",
    "twin": (0, (5, 2)),
    "half": (0, (1, 1.2)),
    "other": (0, (6, 2, 1.5, 2)),
    **{f"reference-{i}": (0, (8 - i // 2, 2, 1 + i % 3, 1 + i // 3)) for i in range(1, 9)},
}
LIMIT = (0, (3, 3))
MARKERS = {"twin": "s", "half": "^", "other": "D", "better": ">", "worse": "<"}


def plotted(chart: Chart, ax: Any = None) -> Any:
    """Draw a chart on matplotlib's Axes, or on those of a new figure."""
    if find_spec("matplotlib") is None:
        raise UsageError(
            "matplotlib must be installed to plot a figure: pip install 'outweigh[plot]'"
        )
    beside = ax is None and bool(chart.y.names)  # rows leave a legend no room
    ax = _new_axes(chart) if ax is None else ax
    laid = chart.plane
    for axis, name in ((chart.x, "x"), (chart.y, "y")):
        getattr(ax, f"set_{name}scale")("log" if axis.log else "linear")
    handles = [_line(ax, line, _within(line.x, laid.x)) for line in chart.lines]
    for line in chart.lines:
        _cut_ends(ax, line, laid.x)
    _rules(ax, chart, laid.x, laid.y)
    ax.set_xlim(laid.x.low, laid.x.high)
    ax.set_ylim(laid.y.low, laid.y.high)
    _ticks(ax.xaxis, chart.x, laid.x_ticks)
    _ticks(ax.yaxis, chart.y, laid.y_ticks)
    ax.grid(alpha=0.25)
    ax.set_axisbelow(True)
    ax.set_title(literal(chart.title))
    ax.set_xlabel(literal(chart.x.title))
    ax.set_ylabel(literal(chart.y.title))
    if len(handles) > 1:
        _legend(ax, handles, chart, beside=beside)
    return ax


def literal(text: str) -> str:
    r"""Write a text so that matplotlib shows it as it is, on one line, and not as a formula.

    Examples
    --------
    >>> print(literal("$x_1$"))
    \$x_1\$
    """
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split()).replace("$", r"\$")


def _new_axes(chart: Chart) -> Any:
    from matplotlib.figure import Figure  # late: it is not always there

    size = (INCHES, INCHES * chart.height / WIDTH + 0.6)
    return Figure(figsize=size, layout="constrained").add_subplot()


def _within(values: Sequence[float], scale: Scale) -> list[float]:
    """Put at the ends of an axis what has no place on it: infinite values, and 0 of a logarithm."""
    ends = {math.inf: scale.high, -math.inf: scale.low} | ({0.0: scale.low} if scale.log else {})
    return [ends.get(value, value) for value in values]


def _line(ax: Any, line: Line, x: Sequence[float]) -> Any:
    """Draw a line along x; give what stands for it in a legend."""
    limit, _, look = line.look.rpartition(" ")
    colour = COLOURS.get(look, SOFT)
    _around(ax, line, colour)
    dash = LIMIT if limit or look == "limit" else DASHES.get(look, "-")
    marks = {"color": "white" if look == "open" else colour, "edgecolors": colour}
    name, marker = literal(line.name), MARKERS.get(look, "o")
    if line.sizes:
        most = max(line.sizes)
        areas = [12 + 150 * size / most for size in line.sizes]
        return ax.scatter(x, line.y, areas, marker=marker, label=name, zorder=3, **marks)
    [drawn] = ax.plot(
        x,
        line.y,
        color=colour,
        linestyle=dash if line.drawn else "none",
        linewidth=1.2 if limit or look.startswith("reference") else 1.8,
        marker=marker if line.marked else "none",
        markersize=5,
        markerfacecolor=marks["color"],
        label=name,
        zorder=3,
    )
    return drawn


def _around(ax: Any, line: Line, colour: str) -> None:
    """Draw the band or the bars around a line."""
    if line.low is None or line.high is None:
        return
    if line.across:
        ax.hlines(line.y, line.low, line.high, color=colour, linewidth=1.2, alpha=0.7)
    elif line.bars:
        ax.vlines(line.x, line.low, line.high, color=colour, linewidth=1.2, alpha=0.7)
    else:
        ax.fill_between(line.x, line.low, line.high, color=colour, alpha=0.16, linewidth=0)


def _cut_ends(ax: Any, line: Line, x: Scale) -> None:
    """Point to where a bar along x goes on beyond the plot."""
    if not line.across or line.low is None or line.high is None:
        return
    colour = COLOURS.get(line.look, SOFT)
    lower = [y for y, end in zip(line.y, line.low, strict=True) if end < x.low]
    higher = [y for y, end in zip(line.y, line.high, strict=True) if end > x.high]
    for edge, of_cut, arrow in ((x.low, lower, "<"), (x.high, higher, ">")):
        if of_cut:
            ax.plot([edge] * len(of_cut), of_cut, arrow, color=colour, markersize=4, label="_cut")


def _rules(ax: Any, chart: Chart, x: Scale, y: Scale) -> None:
    """Draw what lies behind: x = y, and vertical lines with their names."""
    if chart.diagonal:
        ends = max(x.low, y.low), min(x.high, y.high)
        ax.plot(ends, ends, color=SOFT, linestyle=":", linewidth=1, label="_x = y")
    for value, name in chart.marks:
        left = x(value) > (x.start + x.end) / 2
        ax.axvline(value, color=SOFT, linestyle=":", linewidth=1)
        ax.annotate(
            literal(name),
            (value, 1.0),
            xycoords=ax.get_xaxis_transform(),
            xytext=(-3 if left else 3, -3),
            textcoords="offset points",
            ha="right" if left else "left",
            rotation=0 if chart.y.names else 90,
            va="top",
            fontsize="small",
            color=SOFT,
        )


def _ticks(axis: Any, ours: Axis, ticks: Sequence[float]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    if ours.names or ours.heads:
        named = sorted((*ours.names, *ours.heads))
        labels = [literal(cut(text, MOST)) for _, text in named]
        axis.set_ticks([place for place, _ in named], labels)
        heads = {place for place, _ in ours.heads}
        for (place, _), label in zip(named, axis.get_ticklabels(), strict=True):
            label.set_fontweight("bold" if place in heads else "normal")
        return
    axis.set_major_formatter(FuncFormatter(lambda value, _: ours.form(value)))
    if ours.log or ours.whole:
        axis.set_major_locator(FixedLocator(list(ticks)))
        axis.set_minor_locator(NullLocator())


def _legend(ax: Any, handles: Sequence[Any], chart: Chart, *, beside: bool) -> None:
    """Name the lines. A name that begins with an underscore would be left out, so it comes last."""
    numbers = [str(i) for i in range(len(handles))]
    place = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if beside else {"loc": "best"}
    legend = ax.legend(handles, numbers, fontsize="small", framealpha=0.8, **place)
    for text, line in zip(legend.get_texts(), chart.lines, strict=True):
        text.set_text(literal(cut(line.name, 1.5 * MOST)))
