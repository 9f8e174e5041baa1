"""The one door where files, frames and arrays become features and a target.

A `Table` holds N rows: their features, their classes of K, and what else is known of each row. All
checks of the input stand here and in the rooms below, so that no later room meets an infinity, a
nested value or a label it does not know. Every door ends in `_assemble`, which takes each column in
arrow's hands: the same table is the same `Table` whichever door it came by, bit for bit.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from outweigh._columns import Columns, columns_of, without
from outweigh._digest import digest
from outweigh._errors import TableError
from outweigh._frames import array_columns, as_arrow, frame_columns, frame_kind, is_frame, renamed
from outweigh._labels import Classes, encode, positive_last
from outweigh._reading import printable, read_file, shown
from outweigh._roles import (
    divide,
    group_codes,
    measures,
    require_known,
    row_ids,
    time_ranks,
)
from outweigh._segment import Segment, read_segment, segment_columns


@dataclass(frozen=True, eq=False)
class Table:
    """Features to learn from, the class of each row, and what else is known of it.

    Attributes
    ----------
    columns : Columns
        N rows of numbers, text and dates, before preprocessing.
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
    group : (N,) int64, optional
        Number of each row's group.
    time : (N,) int64, optional
        Place of each row's time among all; equal times have equal places.
    row_id : (N,) pyarrow.Array, optional
        Name of each row, as it came.
    amount : (N,) float64, optional
        What it costs to miss each row if it is positive.
    amount_column : str, optional
        Name of the column that says so; it may be a feature, too.
    missing : tuple of str
        Texts that mean missing, in new rows too.
    segments : tuple of Segment
        Columns by which errors are told apart.
    digest : str
        SHA-256 of the table as it was read, in hexadecimal digits: the same for the same features,
        target and roles, whatever held them. It stays when rows are taken.

    Notes
    -----
    The arrays are read-only.
    """

    columns: Columns
    y: NDArray[np.int64]
    classes: tuple[Any, ...]
    target: str
    source: str
    notes: tuple[str, ...] = ()
    row_weight: NDArray[np.float64] | None = None
    group: NDArray[np.int64] | None = None
    time: NDArray[np.int64] | None = None
    row_id: pa.Array | None = None
    amount: NDArray[np.float64] | None = None
    amount_column: str | None = None
    missing: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()
    digest: str = ""

    def __post_init__(self) -> None:
        for field in ("y", "row_weight", "group", "time", "amount"):
            if (array := getattr(self, field)) is not None:
                locked = array.view()  # a view, so that the caller's own array stays writeable
                locked.flags.writeable = False
                object.__setattr__(self, field, locked)
        if not self.digest:
            object.__setattr__(self, "digest", digest(_parts(self)))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.columns.names

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
        kept = np.arange(len(self.y))[np.asarray(rows)]
        return replace(
            self,
            columns=self.columns.take(kept),
            y=self.y[kept],
            row_weight=None if self.row_weight is None else self.row_weight[kept],
            group=None if self.group is None else self.group[kept],
            time=None if self.time is None else self.time[kept],
            row_id=None if self.row_id is None else self.row_id.take(pa.array(kept)),
            amount=None if self.amount is None else self.amount[kept],
            segments=tuple(segment.take(kept) for segment in self.segments),
        )


def read_table(
    path: str | os.PathLike[str],
    *,
    target: str,
    positive: Any = None,
    exclude: Iterable[str] = (),
    group: str | None = None,
    time: str | None = None,
    row_weight: str | None = None,
    row_id: str | None = None,
    amount: str | None = None,
    missing: Iterable[str] = (),
    segments: Iterable[str] = (),
) -> Table:
    r"""Read a table from a CSV or Parquet file.

    Parameters
    ----------
    path : str or PathLike
        Ends in ``.csv``, ``.csv.gz`` or ``.parquet``. CSV is separated by commas and written in
        UTF-8; an empty cell between numbers is missing.
    target : str
        The column of classes: truth values, whole numbers, text or numbers. Empty text is missing.
    positive : label, optional
        The positive class when there are two, as in the table or as its text. Without it the rarer
        one is positive, and `Table.notes` says so.
    exclude : iterable of str
        Columns to leave out. All others are features: numbers, truth values, text, dates.
    group : str, optional
        The column that says which rows belong together, as those of one patient do.
    time : str, optional
        The column that says when a row was known: numbers, dates, or dates in text (ISO 8601).
    row_weight : str, optional
        The column that says how much a row counts: finite, none negative, not all zero.
    row_id : str, optional
        The column that names the rows. Like the others it is no feature.
    amount : str, optional
        The column that says what it costs to miss a row if it is positive: finite, none negative.
        It stays a feature unless it is left out, since it is known when a row is decided.
    missing : iterable of str
        Texts that mean missing, such as ``"?"``, spaces around them aside. A column of text where
        one was found becomes what the rest of it is: numbers, dates or text.
    segments : iterable of str
        Columns by which errors are told apart. Any but the target: a column stays what it is beside
        that, a feature, one with a role, or left out.

    Returns
    -------
    Table

    Raises
    ------
    TableError
        When the file or a column cannot serve; one line says what to do.
    UsageError
        When a column is given two roles, or the target is to be a segment.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "defects.csv")
    ...     _ = path.write_text("width,site,lot,broken\n1.5,a,7,no\n?,b,7,no\n1.7,a,9,yes\n")
    ...     table = read_table(path, target="broken", group="lot", missing=["?"])
    >>> table.columns.schema
    (('width', 'number'), ('site', 'text'))
    >>> table.columns.numbers.ravel(), table.group
    (array([1.5, nan, 1.7]), array([0, 0, 1]))
    >>> table.classes, table.counts
    (('no', 'yes'), array([2, 1]))
    >>> table.notes
    ("positive class is 'yes', the rarer of the two",)
    """
    columns = frame_columns(read_file(path), shown(Path(path).name))
    roles = {"target": target, "group": group, "time": time}
    roles |= {"row_weight": row_weight, "row_id": row_id, "amount": amount}
    return _from_columns(columns, roles, segments, Path(path).name, positive, exclude, missing)


def read_target(
    path: str | os.PathLike[str], *, target: str, positive: Any = None
) -> tuple[Classes, NDArray[np.int64]]:
    """Read the classes (K,) of a file's target and their rows (K,), whatever its other columns.

    Takes and raises what `read_table` does.
    """
    source, name = Path(path).name, shown(target)
    columns = frame_columns(read_file(path), shown(source))
    require_known("the target", target, columns, source)
    classes, y = encode(as_arrow(columns[target], name), name)
    classes, y, _ = positive_last(classes, y, positive, name)
    return classes, np.bincount(y, minlength=len(classes))


def from_frame(
    frame: Any,
    *,
    target: str,
    positive: Any = None,
    exclude: Iterable[str] = (),
    group: str | None = None,
    time: str | None = None,
    row_weight: str | None = None,
    row_id: str | None = None,
    amount: str | None = None,
    missing: Iterable[str] = (),
    segments: Any = (),
) -> Table:
    """Take a table from a pandas, polars or pyarrow frame.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame or pyarrow.Table
        In memory. NaN and null are both missing; the index of a pandas frame is not read. The types
        of its columns are believed: digits in a column of text are text, categories their values.
    target, positive, exclude, group, time, row_weight, row_id, amount, missing
        As in `read_table`.
    segments : iterable of str or array, or mapping of str to array (N,)
        Names of columns, or values that are no column of the frame.

    Returns
    -------
    Table

    Raises
    ------
    TableError, UsageError
        As `read_table` does.

    Examples
    --------
    >>> frame = pa.table({"width": [1.5, None, 1.7], "broken": [0, 0, 1]})
    >>> from_frame(frame, target="broken").positive
    1
    """
    source = frame_kind(frame)
    roles = {"target": target, "group": group, "time": time}
    roles |= {"row_weight": row_weight, "row_id": row_id, "amount": amount}
    columns = frame_columns(frame, source)
    return _from_columns(columns, roles, segments, source, positive, exclude, missing)


def from_arrays(
    X: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    positive: Any = None,
    group: Any = None,
    time: Any = None,
    row_weight: Any = None,
    row_id: Any = None,
    amount: Any = None,
    missing: Iterable[str] = (),
    segments: Any = (),
) -> Table:
    """Take a table from features and a target held apart.

    Parameters
    ----------
    X : (N, D) array-like or frame
        Numbers, text and dates; NaN and None are missing.
    y : (N,) array-like or series
        Labels. The target is called what the series is called, else ``"y"``.
    names : (D,) sequence of str, optional
        Without it the columns are called as in the frame, or x0, x1, ….
    positive : label, optional
        As in `read_table`.
    group, time, row_weight, row_id, amount : (N,) array-like, optional
        What the columns of these names hold in `read_table`.
    missing : iterable of str
        As in `read_table`.
    segments : iterable of str or array, or mapping of str to array (N,)
        Names of columns of X, or values that are no column of it.

    Returns
    -------
    Table

    Raises
    ------
    TableError
        When an array cannot serve; one line says what to do.

    Examples
    --------
    >>> table = from_arrays([[1.5, "a"], [1.6, "b"], [1.7, "a"]], ["no", "no", "yes"])
    >>> table.columns.schema, table.y
    ((('x0', 'number'), ('x1', 'text')), array([0, 0, 1]))
    """
    source = frame_kind(X) if is_frame(X) else "arrays"
    columns = array_columns(X) if source == "arrays" else frame_columns(X, source)
    if names is not None:
        columns = renamed(columns, names)
    target = str(getattr(y, "name", None) or "y")
    given = {"group": group, "time": time, "row_weight": row_weight, "row_id": row_id}
    given |= {"amount": amount}
    roles = {role: (role, values) for role, values in given.items() if values is not None}
    told_apart = segment_columns(segments, columns, source=source)
    return _assemble(columns, (target, y), roles, told_apart, source, positive, missing)


def _from_columns(
    columns: Mapping[str, Any],
    roles: Mapping[str, str | None],
    segments: Any,
    source: str,
    positive: Any,
    exclude: Iterable[str],
    missing: Iterable[str],
) -> Table:
    """Divide named columns into features, the target, other roles and what is left out."""
    features, named = divide(columns, roles, exclude, source)
    target = named.pop("target")
    held = {role: (shown(name), columns[name]) for role, name in named.items()}
    told_apart = segment_columns(segments, columns, source=source, target=target)
    given = (target, columns[target])
    table = _assemble(features, given, held, told_apart, source, positive, missing)
    return replace(table, amount_column=named.get("amount"))


def _assemble(
    features: Mapping[str, Any],
    target: tuple[str, Any],
    roles: Mapping[str, tuple[str, Any]],
    segments: Mapping[str, Any],
    source: str,
    positive: Any,
    missing: Iterable[str],
) -> Table:
    where, name = printable(source), shown(target[0])
    missing = (missing,) if isinstance(missing, str) else tuple(str(text) for text in missing)
    arrays = {n: as_arrow(column, shown(n)) for n, column in features.items()}
    labels = without(as_arrow(target[1], name), missing)
    if not arrays:
        raise TableError(f"a table must have features; {where} has no column beside the target")
    n = len(next(iter(arrays.values())))
    if len(labels) != n:
        raise TableError(f"X and y must have the same rows; X has {n} and y has {len(labels)}")
    if n == 0:
        raise TableError(f"a table must have rows; {where} has none: add some")
    classes, y = encode(labels, name)
    classes, y, notes = positive_last(classes, y, positive, name)
    return Table(
        columns=columns_of(arrays, missing=missing, where=where),
        y=y,
        classes=classes,
        target=target[0],
        source=source,
        notes=notes,
        missing=missing,
        segments=tuple(read_segment(*named, n, missing) for named in segments.items()),
        **{role: _read_role(role, *held, n, missing) for role, held in roles.items()},
    )


def _read_role(role: str, name: str, values: Any, n: int, missing: tuple[str, ...]) -> Any:
    """Give what a column says about each row in its role."""
    column = as_arrow(values, name)
    if len(column) != n:
        raise TableError(f"{name} must have a value for each of {n} rows; came {len(column)}")
    if role == "row_id":
        return row_ids(column, name)
    read = {"group": group_codes, "time": time_ranks}.get(role, measures)
    return read(column, name, missing)


def _parts(table: Table) -> Iterator[tuple[str, Any]]:
    """Give what a table holds, for its digest: features, target, roles, and other segments.

    Which of two labels is the positive one is no part of it.
    """
    yield "features", table.columns.schema
    yield "numbers", table.columns.numbers
    yield from zip(table.columns.others.column_names, table.columns.others.columns, strict=True)
    labels = sorted(range(len(table.classes)), key=lambda k: table.classes[k])
    yield table.target, [[type(table.classes[k]).__name__, repr(table.classes[k])] for k in labels]
    yield "classes", np.argsort(labels)[table.y]
    for role in ("row_weight", "group", "time", "row_id", "amount"):
        if (values := getattr(table, role)) is not None:
            yield role, values
    for segment in table.segments:
        if segment.name not in table.names:
            yield segment.name, segment.values
