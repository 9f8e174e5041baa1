"""A figure: one picture of a study, which is also a frame and a plot."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import narwhals as nw

from outweigh.report._chart import Chart
from outweigh.report._figures import charts
from outweigh.report._notebook import figure_html
from outweigh.report._plot import plotted

COLUMNS = {
    "line": nw.String(),
    "x": nw.Float64(),
    "y": nw.Float64(),
    "low": nw.Float64(),
    "high": nw.Float64(),
    "name": nw.String(),
}


@final
@dataclass(frozen=True, eq=False, repr=False)
class Figure:
    """One figure of a study's report.

    Attributes
    ----------
    key : str
        Its name in ``study.figures``.
    title, caption : str
    basis : str
        The rows that it stands on: ``cross-fitted``, ``held-out``, …
    x_title, y_title : str
        What the axes measure, with their units; none where places along an axis have names.
    """

    _chart: Chart
    _frame_kind: Any = field(default="pyarrow")

    @property
    def key(self) -> str:
        """Its name in ``study.figures``."""
        return self._chart.key

    @property
    def title(self) -> str:
        """What it is called."""
        return self._chart.title

    @property
    def caption(self) -> str:
        """What it shows."""
        return self._chart.caption

    @property
    def basis(self) -> str:
        """The rows that it stands on."""
        return self._chart.basis

    @property
    def x_title(self) -> str:
        """What the horizontal axis measures."""
        return self._chart.x.title

    @property
    def y_title(self) -> str:
        """What the vertical axis measures."""
        return self._chart.y.title

    def frame(self) -> Any:
        """Give a row for each point, in the kind of frame that the study came from.

        Returns
        -------
        frame : pandas, polars or pyarrow
            ``line`` is the name of the series, ``x`` and ``y`` lie on the axes (shares are between
            0 and 1; places that have names are counted from below), ``low`` and ``high`` are the
            ends of the band or interval, and ``name`` says what the point is, where it is said.
            What is not known, or not there, is null; a threshold that flags nobody is infinite.
        """
        rows = [row for line in self._chart.lines for row in line.rows()]
        columns = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
        data = {name: list(column) for name, column in zip(COLUMNS, columns, strict=True)}
        return nw.from_dict(data, schema=COLUMNS, backend=self._frame_kind).to_native()

    def plot(self, ax: Any = None) -> Any:
        """Draw it with matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure's, unless given; it is left to no global state, so show or save
            ``axes.figure``.

        Returns
        -------
        axes : matplotlib Axes

        Raises
        ------
        UsageError
            When matplotlib is not installed.
        """
        return plotted(self._chart, ax)

    def __repr__(self) -> str:
        return f"<outweigh figure {self.key!r}: {self.title}>"

    def _repr_html_(self) -> str:
        return figure_html(self._chart)


@final
class Figures(Mapping[str, Figure]):
    """The figures of a study by key, in the order of its report.

    Parameters
    ----------
    results : dict
        A study's record.
    frame_kind : str or narwhals Implementation
        Of the frames to give.
    """

    def __init__(self, results: dict[str, Any], frame_kind: Any = "pyarrow"):
        self._figures = {chart.key: Figure(chart, frame_kind) for chart in charts(results)}

    def __getitem__(self, key: str) -> Figure:
        """Give a figure.

        Raises
        ------
        KeyError
            When this study has no figure of that name.
        """
        if key in self._figures:
            return self._figures[key]
        close = difflib.get_close_matches(str(key), self._figures, n=3, cutoff=0.4)
        keys = ", ".join(close or self._figures)
        raise KeyError(f"a figure must be one of this study's; {key!r} is none: try {keys}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def __repr__(self) -> str:
        return f"<outweigh figures: {', '.join(self)}>"
