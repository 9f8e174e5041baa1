"""Frames and arrays become named columns, and each column arrow's array.

Whatever held a column, it is taken in arrow's hands: the same values are the same array.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from outweigh._errors import TableError
from outweigh._reading import one_line, quoted


def frame_kind(frame: Any) -> str:
    """Name what a frame is, as ``"pandas frame"``, or raise when it is none."""
    try:
        return f"{nw.from_native(frame, eager_only=True).implementation.value} frame"
    except nw.exceptions.DuplicateError:
        return "the frame"  # frame_columns will name the duplicates
    except TypeError:
        kind = f"{type(frame).__module__.partition('.')[0]} {type(frame).__name__}"
        raise TableError(
            f"a frame must be pandas, polars or pyarrow, and in memory; came {kind}: "
            "collect a lazy frame, pass arrays as X and y"
        ) from None


def is_frame(data: Any) -> bool:
    """Whether something is a frame, so that its columns have names."""
    return bool(nw.dependencies.is_into_dataframe(data))


def frame_columns(frame: Any, where: str) -> dict[str, Any]:
    """Give the columns of a frame by their names, which are text and differ."""
    if isinstance(frame, pa.Table):
        frame = _without_index(frame)
    native = getattr(frame, "column_names", None)
    names = [str(name) for name in (frame.columns if native is None else native)]
    _require_unique(names, where)
    series = nw.from_native(frame, eager_only=True).iter_columns()
    return dict(zip(names, series, strict=True))


def array_columns(X: Any, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Give the columns of an array (N, D) by name: x0, x1, …, unless named."""
    kind = type(X).__name__
    try:
        X = np.asarray(X) if hasattr(X, "dtype") else _values(X)
    except ValueError:
        raise TableError("X must be a rectangle; its rows have different lengths") from None
    if X.ndim != 2:
        raise TableError(
            f"X must have two dimensions, rows and columns; came {kind} of shape {X.shape}: "
            "reshape it, make a sparse matrix dense"
        )
    if X.dtype.kind in "iuf":
        X = X.astype(np.float64, copy=False)  # arrow takes neither long nor byte-swapped numbers
    columns = {f"x{j}": column for j, column in enumerate(X.T)}
    return columns if names is None else renamed(columns, names)


def target_columns(Y: Any) -> dict[Any, Any]:
    """Give the columns of several targets by name, those of an array by number."""
    if is_frame(Y):
        return frame_columns(Y, "Y")
    array = np.asarray(Y)
    if array.ndim != 2:
        raise TableError(
            f"Y must have a column for each target; came shape {array.shape}: one target alone "
            "needs no Y"
        )
    return dict(enumerate(array.T))


def renamed(columns: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Call columns by other names."""
    names = [str(name) for name in names]
    if len(names) != len(columns):
        raise TableError(f"names must name each column of X; came {len(names)} for {len(columns)}")
    _require_unique(names, "names")
    return dict(zip(names, columns.values(), strict=True))


def as_arrow(values: Any, name: str) -> pa.Array:
    """One column in arrow's hands; None and, where there is no null, NaN become null."""
    try:
        if isinstance(values, nw.Series):
            return _decoded(values.to_arrow())
        if nw.dependencies.is_into_series(values):
            return _decoded(nw.from_native(values, series_only=True).to_arrow())
        if not isinstance(values, list | tuple):  # these may mix kinds, which NumPy would hide
            values = np.asarray(values)
            if values.ndim != 1:
                shape = values.shape
                raise TableError(f"{name} must have one dimension; came shape {shape}: ravel it")
            values = values.astype(values.dtype.newbyteorder("="), copy=False)
        return _decoded(pa.array(values, from_pandas=True))
    except (pa.ArrowException, TypeError, OverflowError, UnicodeEncodeError) as error:
        raise TableError(
            f"{name} must hold values of one plain kind; arrow says: {one_line(error)}: "
            "convert it, or leave it out"
        ) from None


def _without_index(table: pa.Table) -> pa.Table:
    """Leave out the columns that pandas declared to be its index, not data."""
    declared = (table.schema.pandas_metadata or {}).get("index_columns", ())
    index = {name for name in declared if isinstance(name, str)}
    return table.select([i for i, name in enumerate(table.column_names) if name not in index])


def _require_unique(names: Iterable[str], source: str) -> None:
    """Raise when two columns have the same name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise TableError(f"column names must differ; {source} repeats {quoted(twice)}: rename them")


def _values(rows: Any) -> np.ndarray[Any, Any]:
    """Rows of Python values as an array that keeps each value what it is.

    NumPy alone writes numbers beside text as text, and truth values beside numbers as numbers.
    """
    array = np.asarray(rows)  # raises when rows have different lengths
    return np.asarray(rows, dtype=object) if array.ndim == 2 else array


def _decoded(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Chunks as one, categories as values; views of text as text, for their nulls turn into ''."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pt.is_dictionary(column.type):
        return _decoded(column.dictionary_decode())
    return column.cast(pa.large_string()) if pt.is_string_view(column.type) else column
