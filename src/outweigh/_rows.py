"""New rows at prediction time, brought to the columns that a study learned from."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outweigh._columns import Columns, Schema, align
from outweigh._errors import TableError
from outweigh._frames import array_columns, as_arrow, frame_columns, frame_kind, is_frame
from outweigh._labels import is_text
from outweigh._reading import printable, read_file, shown
from outweigh._roles import measures, require_known, row_ids


@dataclass(frozen=True, eq=False)
class NewRows:
    """Rows to predict.

    Attributes
    ----------
    columns : Columns
        Of the study's names, order and kinds.
    extra : tuple of str
        Columns that came too and are not looked at; the target may be among them.
    row_id : (n,) pyarrow.Array, optional
        Names of the rows.
    amount : (n,) float64, optional
        What it costs to miss each row if it is positive.
    """

    columns: Columns
    extra: tuple[str, ...] = ()
    row_id: pa.Array | None = None
    amount: NDArray[np.float64] | None = None


def read_rows(
    path: str | os.PathLike[str],
    schema: Schema,
    *,
    missing: Sequence[str] = (),
    row_id: str | None = None,
    amount: str | None = None,
) -> NewRows:
    r"""Read new rows from a CSV or Parquet file.

    Parameters
    ----------
    path : str or PathLike
        As in `read_table`.
    schema : tuple of (name, kind)
        The study's `Columns.schema`. What it calls text is read as text: ``007`` stays ``007``.
    missing : sequence of str
        The study's `Table.missing`.
    row_id : str, optional
        The column that names the rows. Its ``007`` stays ``007``, too.
    amount : str, optional
        The column that says what it costs to miss a row.

    Returns
    -------
    NewRows

    Raises
    ------
    TableError
        When the file cannot be read, or a column is not there or of another kind.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "new.csv")
    ...     _ = path.write_text("lot,site,width\n7,01,?\n8,02,1.5\n")
    ...     rows = read_rows(path, (("width", "number"), ("site", "text")), missing=["?"])
    >>> rows.columns.numbers.ravel(), rows.columns.others["site"].to_pylist(), rows.extra
    (array([nan, 1.5]), ['01', '02'], ('lot',))
    """
    texts = [name for name, kind in schema if kind == "text"]
    texts += [] if row_id is None else [row_id]
    source = Path(path).name
    columns = frame_columns(read_file(path, texts=texts), shown(source))
    rows = _new_rows(columns, schema, missing, row_id, amount, source)
    return rows if rows.row_id is None else replace(rows, row_id=_counted(rows.row_id))


def rows_from(
    X: Any,
    schema: Schema,
    *,
    missing: Sequence[str] = (),
    row_id: str | None = None,
    amount: str | None = None,
) -> NewRows:
    """Take new rows from a frame, or from an array whose columns are in the study's order.

    Takes and raises what `read_rows` does.

    Examples
    --------
    >>> rows_from([[1, "north"]], (("width", "number"), ("site", "text"))).columns.numbers
    array([[1.]])
    """
    if is_frame(X):
        source = frame_kind(X)
        return _new_rows(frame_columns(X, source), schema, missing, row_id, amount, source)
    columns = array_columns(X)
    if len(columns) != len(schema):
        raise TableError(
            f"new rows must have the {len(schema)} columns of the study; came {len(columns)}: give "
            "them in its order, or as a frame"
        )
    named = dict(zip((name for name, _ in schema), columns.values(), strict=True))
    return _new_rows(named, schema, missing, row_id, amount, "the array")


def _new_rows(
    columns: Mapping[str, Any],
    schema: Schema,
    missing: Sequence[str],
    row_id: str | None,
    amount: str | None,
    source: str,
) -> NewRows:
    asked = {name for name, _ in schema}
    arrays = {n: as_arrow(column, shown(n)) for n, column in columns.items() if n in asked}
    aligned, _ = align(arrays, schema, missing=missing, where=printable(source))
    extra = tuple(name for name in columns if name not in (*asked, row_id, amount))
    ids, values = None, None
    if row_id is not None:
        require_known("--id", row_id, columns, source)
        ids = row_ids(as_arrow(columns[row_id], shown(row_id)), shown(row_id))
    if amount is not None:
        require_known("the cost column", amount, columns, source)
        column = as_arrow(columns[amount], shown(amount))
        values = measures(column, shown(amount), missing, may_be_zero=True)  # be it of one row
    return NewRows(aligned, extra, ids, values)


def _counted(ids: pa.Array) -> pa.Array:
    """Give texts as whole numbers where no digit is lost by it."""
    if not is_text(ids.type):
        return ids
    said = pc.if_else(pc.equal(ids, ""), None, ids)
    try:
        numbers = said.cast(pa.int64())
    except pa.ArrowInvalid:
        return ids
    return numbers if numbers.cast(ids.type).equals(said) else ids
