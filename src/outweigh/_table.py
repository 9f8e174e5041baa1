"""The one door where files, frames and arrays become numbers and a target.

A `Table` holds N rows of D numeric columns and a target of K classes. All checks of the input stand
here and in the two rooms below, so that no later room meets text, an infinity or a label it does
not know. Every door ends in `_assemble`, which takes each column in arrow's hands: the same table
is the same `Table` whichever door it came by, bit for bit.
"""

import difflib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.types as pt
from numpy.typing import ArrayLike, NDArray

from outweigh._errors import TableError, UsageError
from outweigh._labels import Classes, encode, is_numeric, is_text, positive_last
from outweigh._reading import one_line, quoted, read_file, shown


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers to learn from, and the class of each row.

    Attributes
    ----------
    columns : (N, D) float64
        NaN where a value is missing; never infinite.
    names : (D,) tuple of str
        Names of the columns.
    y : (N,) int64
        Class of each row, as its place in `classes`.
    classes : (K,) tuple
        The labels, plain Python values: (negative, positive) when there are two, else sorted.
    target : str
        Name of the target.
    source : str
        Where the table came from: a file's name, ``"pandas frame"``, ``"arrays"``.
    notes : tuple of str
        What was chosen for the user.
    row_weight : (N,) float64, optional
        How much each row counts; none is negative.

    Notes
    -----
    The arrays are read-only.
    """

    columns: NDArray[np.float64]
    names: tuple[str, ...]
    y: NDArray[np.int64]
    classes: tuple[Any, ...]
    target: str
    source: str
    notes: tuple[str, ...] = ()
    row_weight: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for field in ("columns", "y", "row_weight"):
            if (array := getattr(self, field)) is not None:
                locked = array.view()  # a view, so that the caller's own array stays writeable
                locked.flags.writeable = False
                object.__setattr__(self, field, locked)

    @property
    def counts(self) -> NDArray[np.int64]:
        """(K,) number of rows of each class."""
        return np.bincount(self.y, minlength=len(self.classes)).astype(np.int64)

    @property
    def positive(self) -> Any:
        """The positive label, or None when there are more than two classes."""
        return self.classes[1] if len(self.classes) == 2 else None

    def take(self, rows: ArrayLike) -> "Table":
        """Keep some rows, by number or mask, in the order given; the classes stay all the same."""
        rows = np.asarray(rows)
        weight = None if self.row_weight is None else self.row_weight[rows]
        return replace(self, columns=self.columns[rows], y=self.y[rows], row_weight=weight)


def read_table(
    path: str | os.PathLike[str],
    *,
    target: str,
    positive: Any = None,
    exclude: Iterable[str] = (),
) -> Table:
    r"""Read a table from a CSV or Parquet file.

    Parameters
    ----------
    path : str or PathLike
        Ends in ``.csv``, ``.csv.gz`` or ``.parquet``. CSV is separated by commas and written in
        UTF-8; an empty cell is missing.
    target : str
        The column of classes: truth values, whole numbers, text or numbers. Empty text is missing.
    positive : label, optional
        The positive class when there are two, as in the table or as its text. Without it the rarer
        one is positive, and `Table.notes` says so.
    exclude : iterable of str
        Columns to leave out. All others must be numeric: numbers, truth values, decimals.

    Returns
    -------
    Table

    Raises
    ------
    TableError
        When the file or a column cannot serve; one line says what to do.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "defects.csv")
    ...     _ = path.write_text("width,hours,broken\n1.5,20,no\n,31,no\n1.7,90,yes\n")
    ...     table = read_table(path, target="broken")
    >>> table.columns
    array([[ 1.5, 20. ],
           [ nan, 31. ],
           [ 1.7, 90. ]])
    >>> table.classes, table.counts
    (('no', 'yes'), array([2, 1]))
    >>> table.notes
    ("positive class is 'yes', the rarer of the two",)
    """
    columns = _frame_columns(read_file(path), shown(Path(path).name))
    return _divide(columns, target, positive, exclude, Path(path).name)


def read_target(
    path: str | os.PathLike[str], *, target: str, positive: Any = None
) -> tuple[Classes, NDArray[np.int64]]:
    """Read the classes (K,) of a file's target and their rows (K,), whatever its other columns.

    Takes and raises what `read_table` does.
    """
    source, name = Path(path).name, shown(target)
    columns = _frame_columns(read_file(path), shown(source))
    _require_known("the target", target, columns, source)
    classes, y = encode(_arrow(columns[target], name), name)
    classes, y, _ = positive_last(classes, y, positive, name)
    return classes, np.bincount(y, minlength=len(classes))


def from_frame(
    frame: Any, *, target: str, positive: Any = None, exclude: Iterable[str] = ()
) -> Table:
    """Take a table from a pandas, polars or pyarrow frame.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame or pyarrow.Table
        In memory. NaN and null are both missing; the index of a pandas frame is not read.
    target, positive, exclude
        As in `read_table`.

    Returns
    -------
    Table

    Raises
    ------
    TableError
        When a column cannot serve; one line says what to do.

    Examples
    --------
    >>> frame = pa.table({"width": [1.5, None, 1.7], "broken": [0, 0, 1]})
    >>> from_frame(frame, target="broken").positive
    1
    """
    source = _frame_kind(frame)
    return _divide(_frame_columns(frame, source), target, positive, exclude, source)


def from_arrays(
    X: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    positive: Any = None,
    row_weight: Any = None,
) -> Table:
    """Take a table from features and a target held apart.

    Parameters
    ----------
    X : (N, D) array-like or frame
        Numbers; NaN and None are missing.
    y : (N,) array-like or series
        Labels. The target is called what the series is called, else ``"y"``.
    names : (D,) sequence of str, optional
        Without it the columns are called as in the frame, or x0, x1, ….
    positive : label, optional
        As in `read_table`.
    row_weight : (N,) array-like, optional
        How much each row counts: finite, none negative, not all zero.

    Returns
    -------
    Table

    Raises
    ------
    TableError
        When an array cannot serve; one line says what to do.

    Examples
    --------
    >>> table = from_arrays([[1.5, 20], [1.6, 31], [1.7, 90]], ["no", "no", "yes"])
    >>> table.names, table.y
    (('x0', 'x1'), array([0, 0, 1]))
    """
    source = _frame_kind(X) if nw.dependencies.is_into_dataframe(X) else "arrays"
    columns = _array_columns(X) if source == "arrays" else _frame_columns(X, source)
    if names is not None:
        columns = _renamed(columns, names)
    target = str(getattr(y, "name", None) or "y")
    return _assemble(columns, y, target, positive, source, row_weight)


def _divide(
    columns: Mapping[str, Any], target: str, positive: Any, exclude: Iterable[str], source: str
) -> Table:
    """Divide named columns into features, the target and what is left out."""
    left_out = {exclude} if isinstance(exclude, str) else {str(name) for name in exclude}
    target = str(target)
    if target in left_out:
        raise UsageError(
            f"the target must stay; --exclude names {shown(target)} too: drop it there"
        )
    for role, name in [("the target", target), *(("--exclude", name) for name in sorted(left_out))]:
        _require_known(role, name, columns, source)
    features = {n: c for n, c in columns.items() if n != target and n not in left_out}
    return _assemble(features, columns[target], target, positive, source)


def _require_known(role: str, name: str, columns: Mapping[str, Any], source: str) -> None:
    if name not in columns:
        raise TableError(
            f"{role} must name a column of {_printable(source)}; {shown(name)} is none: "
            f"{_nearest(name, columns)}"
        )


def _nearest(name: str, names: Iterable[str]) -> str:
    folded = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), folded, n=3)
    if close:
        return f"did you mean {quoted(folded[match] for match in close)}?"
    return f"it has {quoted(folded.values())}"


def _assemble(
    columns: Mapping[str, Any],
    labels: Any,
    target: str,
    positive: Any,
    source: str,
    row_weight: Any = None,
) -> Table:
    where, name = _printable(source), shown(target)
    features = {n: _arrow(column, shown(n)) for n, column in columns.items()}
    labels = _arrow(labels, name)
    if not features:
        raise TableError(f"a table must have features; {where} has no column beside the target")
    n = len(next(iter(features.values())))
    if len(labels) != n:
        raise TableError(f"X and y must have the same rows; X has {n} and y has {len(labels)}")
    if n == 0:
        raise TableError(f"a table must have rows; {where} has none: add some")
    classes, y = encode(labels, name)
    classes, y, notes = positive_last(classes, y, positive, name)
    return Table(
        columns=_matrix(features, where),
        names=tuple(features),
        y=y,
        classes=classes,
        target=target,
        source=source,
        notes=notes,
        row_weight=None if row_weight is None else _weights(row_weight, n),
    )


def _frame_kind(frame: Any) -> str:
    try:
        return f"{nw.from_native(frame, eager_only=True).implementation.value} frame"
    except nw.exceptions.DuplicateError:
        return "the frame"  # _frame_columns will name the duplicates
    except TypeError:
        kind = f"{type(frame).__module__.partition('.')[0]} {type(frame).__name__}"
        raise TableError(
            f"a frame must be pandas, polars or pyarrow, and in memory; came {kind}: "
            "collect a lazy frame, pass arrays as X and y"
        ) from None


def _frame_columns(frame: Any, where: str) -> dict[str, Any]:
    if isinstance(frame, pa.Table):
        frame = _without_index(frame)
    native = getattr(frame, "column_names", None)
    names = [str(name) for name in (frame.columns if native is None else native)]
    _require_unique(names, where)
    series = nw.from_native(frame, eager_only=True).iter_columns()
    return dict(zip(names, series, strict=True))


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


def _array_columns(X: Any) -> dict[str, Any]:
    kind = type(X).__name__
    try:
        X = np.asarray(X)
    except ValueError:
        raise TableError("X must be a rectangle; its rows have different lengths") from None
    if X.ndim != 2:
        raise TableError(
            f"X must have two dimensions, rows and columns; came {kind} of shape {X.shape}: "
            "reshape it, make a sparse matrix dense"
        )
    if X.dtype.kind in "biuf":
        X = X.astype(np.float64, copy=False)  # arrow takes neither long nor byte-swapped numbers
    return {f"x{j}": column for j, column in enumerate(X.T)}


def _renamed(columns: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    names = [str(name) for name in names]
    if len(names) != len(columns):
        raise TableError(f"names must name each column of X; came {len(names)} for {len(columns)}")
    _require_unique(names, "names")
    return dict(zip(names, columns.values(), strict=True))


def _arrow(values: Any, name: str) -> pa.Array:
    """One column in arrow's hands, whatever held it; NaN and None become null."""
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


def _decoded(column: pa.Array) -> pa.Array:
    """Categories as their values; views of text as text, for arrow encodes their nulls as ''."""
    if pt.is_dictionary(column.type):
        return _decoded(column.dictionary_decode())
    return column.cast(pa.large_string()) if pt.is_string_view(column.type) else column


def _matrix(columns: Mapping[str, pa.Array], where: str) -> NDArray[np.float64]:
    """(N, D) numbers, NaN where missing."""
    other = [f"{shown(n)} ({_example(c)})" for n, c in columns.items() if not is_numeric(c.type)]
    if other:
        more = f" and {len(other) - 20} more" if len(other) > 20 else ""
        raise TableError(
            f"features must be numbers; {where} has others in {', '.join(other[:20])}{more}: "
            "leave these columns out with --exclude, or encode them"
        )
    matrix = np.stack([_floats(column) for column in columns.values()], axis=1)
    matrix[np.isnan(matrix)] = np.nan  # a NaN has many bit patterns; one is enough
    infinite = np.isinf(matrix).sum(axis=0)
    if infinite.any():
        found = quoted(name for name, count in zip(columns, infinite, strict=True) if count)
        raise TableError(
            f"features must be finite; {where} has infinite values ({infinite.sum()}) in {found}: "
            "replace them, or leave the cells empty"
        )
    return matrix


def _floats(column: pa.Array) -> NDArray[np.float64]:
    if pt.is_decimal(column.type):
        column = column.cast(pa.string())  # by way of text: arrow's direct cast is not exact
    floats = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(floats, dtype=np.float64)


def _example(column: pa.Array) -> str:
    """Tell why a column is not numeric: a text in it that is no number, or arrow's type."""
    if not is_text(column.type):
        return str(column.type)
    texts = column.unique()[:1000].to_pylist()
    return next((shown(text) for text in texts if text and not _is_number(text)), "text")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _weights(row_weight: Any, n: int) -> NDArray[np.float64]:
    column = _arrow(row_weight, "row_weight")
    if len(column) != n or not is_numeric(column.type):
        raise TableError(f"row_weight must be {n} numbers; came {len(column)} of {column.type}")
    weight = _floats(column).copy()
    if not (np.isfinite(weight) & (weight >= 0)).all() or not weight.any():
        raise TableError("row_weight must be finite, none negative and not all zero: mend it")
    return weight


def _printable(source: str) -> str:
    """Name a source in a message: the name of a file may hold anything."""
    return source if source.isprintable() else shown(source)
