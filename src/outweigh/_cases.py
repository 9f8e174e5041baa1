"""Cases: new rows with what the model says of them, the most worth acting on first.

n cases, K classes.
"""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

from outweigh._columns import Columns
from outweigh._errors import UsageError
from outweigh._files import write_bytes
from outweigh._model import Model

ACTIVE = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a text for a formula."""


def cases(model: Model, columns: Columns, ids: pa.Array | None, *, name: str = "row") -> pa.Table:
    """Give a row for each case: probabilities, decision, and the expected cost that acting saves.

    Parameters
    ----------
    model : Model
    columns : Columns, n rows
    ids : (n,) pyarrow.Array, optional
        What each case goes by; its number, from 0, unless given.
    name : str
        Of that column.

    Returns
    -------
    cases : pyarrow.Table
        The largest saving first; cases that save the same keep their order.
    """
    probability = model.predict_proba(columns)
    saved = model.cost_saved(probability)
    labels = [str(label) for label in model.classes]
    said = {f"probability {label}": p for label, p in zip(labels, probability.T, strict=True)}
    if len(labels) == 2:
        said = {"probability": probability[:, 1]}
    table = {
        **said,
        "decision": pa.array(labels).take(pa.array(model.decide(probability))),
        "expected cost saved": saved,
    }
    ids = pa.array(np.arange(len(probability))) if ids is None else ids
    names, values = [name, *table], [ids, *table.values()]  # an id may be called "decision" too
    return pa.table(values, names=names).take(pa.array(np.argsort(-saved, kind="stable")))


def to_csv(table: pa.Table) -> str:
    """Write a table as CSV; a ``'`` goes before text that a spreadsheet would take for a formula.

    Examples
    --------
    >>> print(to_csv(pa.table({"id": ["=1+1", "b"], "change": [-1, 2]})))
    "id","change"
    "'=1+1",-1
    "b",2
    <BLANKLINE>
    """
    tamed = [_tamed(column) for column in table.columns]
    names = [_inert(name) for name in table.column_names]
    out = io.BytesIO()
    pv.write_csv(pa.table(tamed, names=names), out)
    return out.getvalue().decode()


def write(table: pa.Table, path: Path) -> None:
    """Write a table to a file, as Parquet or as CSV by its ending."""
    if path.suffix.lower() == ".parquet":
        out = io.BytesIO()
        pq.write_table(table, out)
        write_bytes(path, out.getvalue())
    else:
        write_bytes(path, to_csv(table).encode())


def check_out(path: Path) -> None:
    """Check before any work that a table can be written to a path, and over nothing.

    Raises
    ------
    UsageError
        When it cannot.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"--out must end in .csv or .parquet; came {path.name!r}: rename it")
    if path.exists():
        raise UsageError(f"--out must be a new file; {str(path)!r} is there: choose another name")
    if not path.parent.is_dir():
        raise UsageError(f"--out must lie in a folder that exists; {str(path.parent)!r} does not")


def _tamed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    return pa.chunked_array([[v if v is None else _inert(v) for v in column.to_pylist()]])


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(ACTIVE) else text
