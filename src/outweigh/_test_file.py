"""A test file: rows from elsewhere that are touched once, at the end.

Its columns are brought to the kinds that the first table has, its labels to that table's classes;
what it holds teaches nothing.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from outweigh._columns import Columns, align
from outweigh._errors import TableError
from outweigh._frames import as_arrow, frame_columns
from outweigh._labels import encode
from outweigh._reading import quoted, read_file, shown
from outweigh._roles import measures, require_known
from outweigh._table import Table


def with_test_file(
    table: Table, path: str | os.PathLike[str], *, row_weight: str | None = None
) -> tuple[Table, np.ndarray]:
    """Put the rows of a test file behind those of a table.

    Parameters
    ----------
    table : Table, N rows
    path : str or PathLike
        As in `read_table`. It must have the table's columns and its target. Its segments are not
        read: errors are told apart where folds are judged.
    row_weight : str, optional
        The column that says how much each row counts, if the table has one.

    Returns
    -------
    table : Table, N + M rows
    test : (M,) array of int
        The numbers of the test rows.

    Raises
    ------
    TableError
        When a column or a label is not as in the table.
    """
    where = shown(Path(path).name)
    texts = [name for name, kind in table.columns.schema if kind == "text"]
    found = frame_columns(read_file(path, texts=texts), where)
    arrays = {name: as_arrow(column, shown(name)) for name, column in found.items()}
    require_known("the target", table.target, arrays, Path(path).name)
    columns, _ = align(arrays, table.columns.schema, missing=table.missing, where=where)
    y = _codes(table, arrays[table.target], where)
    weight = None
    if table.row_weight is not None:
        if row_weight is not None:
            require_known("--row-weight", row_weight, arrays, Path(path).name)
            weight = measures(arrays[row_weight], row_weight, table.missing)
        weight = np.concatenate([table.row_weight, np.ones(len(y)) if weight is None else weight])
    amount = table.amount
    if amount is not None:
        column = str(table.amount_column)
        require_known("--cost-column", column, arrays, Path(path).name)
        amount = np.concatenate([amount, measures(arrays[column], column, table.missing)])
    together = replace(
        table,
        columns=_behind(table.columns, columns),
        y=np.concatenate([table.y, y]),
        row_weight=weight,
        amount=amount,
        group=_beyond(table.group, len(y)),
        time=_beyond(table.time, len(y)),
        row_id=None,
        segments=tuple(segment.followed_by(len(y)) for segment in table.segments),
        digest="",  # of all rows
        notes=(*table.notes, f"the test rows are those of {where}"),
    )
    return together, np.arange(len(table.y), len(table.y) + len(y))


def _codes(table: Table, labels: pa.Array, where: str) -> np.ndarray:
    """Give the labels as places among the table's classes."""
    classes, codes = encode(labels, shown(table.target), fewest=1)
    known = {label: k for k, label in enumerate(table.classes)}
    known |= {str(label): k for k, label in enumerate(table.classes)}
    found = [known.get(label, known.get(str(label))) for label in classes]
    if strange := [label for label, k in zip(classes, found, strict=True) if k is None]:
        raise TableError(
            f"the labels of the test file must be those of the table, {quoted(table.classes)}; "
            f"{where} has {quoted(strange)}: mend or drop these rows"
        )
    return np.array(found, dtype=np.int64)[codes]


def _behind(first: Columns, second: Columns) -> Columns:
    return replace(
        first,
        numbers=np.concatenate([first.numbers, second.numbers]),
        others=pa.concat_tables([first.others, second.others]),
    )


def _beyond(codes: np.ndarray | None, n: int) -> np.ndarray | None:
    """Give n rows codes of their own, greater than all others."""
    if codes is None:
        return None
    return np.concatenate([codes, codes.max() + 1 + np.arange(n)])
