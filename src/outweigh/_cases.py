"""Cases: new rows with what the model says of them, the most worth acting on first.

n cases, K classes.
"""

import io
import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

from outweigh._columns import Columns
from outweigh._errors import UsageError
from outweigh._files import write_bytes
from outweigh._labels import is_text
from outweigh._model import Model
from outweigh._operating import REFER
from outweigh._reading import one_line, shown

SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫"
"""What makes a spreadsheet take a text for a formula; the wide signs do in some countries."""

ENDS = "\t\r\n\0"
"""What a reader may take for the end of a cell, or leave out, at the start of a text."""

QUOTES = "\"'`´‘’‚‛“”„‟«»‹›＂＇"

STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, tabs and line breaks aside, and what turns the text that follows around."""


def cases(
    model: Model,
    columns: Columns,
    ids: pa.Array | None,
    *,
    name: str = "row",
    amount: np.ndarray | None = None,
) -> pa.Table:
    """Give a row for each case: probabilities, decision, and the expected cost that acting saves.

    A model that was made to rank decides nothing, and only one with costs says what acting saves.

    Parameters
    ----------
    model : Model
    columns : Columns, n rows
    ids : (n,) pyarrow.Array, optional
        What each case goes by; its number, from 0, unless given.
    name : str
        Of that column. It gives way, as ``decision (id)``, where a column here has the name.
    amount : (n,) float64, optional
        What it costs to miss each case if it is positive.

    Returns
    -------
    cases : pyarrow.Table
        The largest saving first, or the likeliest positive; equal cases keep their order.
    """
    probability = model.predict_proba(columns)
    saved = model.cost_saved(probability, amount)
    labels = [str(label) for label in model.classes]
    said = {f"probability {label}": p for label, p in zip(labels, probability.T, strict=True)}
    if len(labels) == 2:
        said = {"probability": probability[:, 1]}
    table: dict[str, Any] = dict(said)
    if model.rule is not None:
        decided = pa.array(model.decide(probability, amount))
        table["decision"] = pa.array([*labels, REFER]).take(decided)
    if saved is not None:
        table["expected cost saved"] = saved
    ids = pa.array(np.arange(len(probability))) if ids is None else ids
    while name in table:  # readers of Parquet refuse two columns of one name
        name = f"{name} (id)"
    worth = probability[:, -1] if saved is None else saved
    return pa.table({name: ids, **table}).take(pa.array(np.argsort(-worth, kind="stable")))


def to_csv(table: pa.Table, *, raw_text: bool = False) -> str:
    """Write a table as CSV; a ``'`` goes before text that a spreadsheet would take for a formula.

    Names of columns are texts, too; numbers, dates and truth values stay what they are. All text is
    in quotes, so that a line break or a comma in it begins no cell. The ``'`` can be taken off
    again: it was put there where what follows a text's first ``'`` `acts`.

    Parameters
    ----------
    table : pyarrow.Table
    raw_text : bool
        Whether text is written as it came. It may then act in a spreadsheet.

    Examples
    --------
    >>> print(to_csv(pa.table({"id": ["=1+1", "b"], "change": [-1, 2]})))
    "id","change"
    "'=1+1",-1
    "b",2
    <BLANKLINE>
    """
    if not raw_text:
        tamed = [_each(column, _inert) for column in table.columns]
        table = pa.table(tamed, names=[_inert(name) for name in table.column_names])
    out = io.BytesIO()
    pv.write_csv(table, out)
    return out.getvalue().decode()


def acts(text: str) -> bool:
    """Whether a spreadsheet may take a text for a formula.

    It may where the text begins with a sign, a tab or a line break, be it after spaces, quotes or
    what cannot be seen.

    Examples
    --------
    >>> [acts(text) for text in ("=1+1", ' "@x', "-5", "a=1", "")]
    [True, True, True, False, False]
    """
    for c in text:
        if c in SIGNS or c in ENDS:
            return True
        if not (c.isspace() or c in QUOTES or unicodedata.category(c) in ("Cc", "Cf")):
            break
    return False


def for_terminal(table: pa.Table) -> tuple[pa.Table, int]:
    r"""Leave what could steer a terminal out of names and texts, and count those that lost any.

    Tabs and line breaks stay, and so does what joins letters.

    Examples
    --------
    >>> table, n_changed = for_terminal(pa.table({"id": ["\x1b[31mred", "a\tb"]}))
    >>> table["id"].to_pylist(), n_changed
    (['[31mred', 'a\tb'], 1)
    """
    texts = [
        cell for column in table.columns if is_text(column.type) for cell in column.to_pylist()
    ]
    n_changed = sum(bool(STEERING.search(text or "")) for text in (*table.column_names, *texts))
    columns = [_each(column, _steerless) for column in table.columns]
    names = [_steerless(name) for name in table.column_names]
    return pa.table(columns, names=names), n_changed


def write(table: pa.Table, path: Path, *, raw_text: bool = False) -> None:
    """Write a table to a file, as Parquet or as CSV by its ending; Parquet has texts as they came.

    Parameters
    ----------
    table : pyarrow.Table
    path : Path
    raw_text : bool
        As in `to_csv`.

    Raises
    ------
    UsageError
        When the file cannot be written.
    """
    if path.suffix.lower() == ".parquet":
        out = io.BytesIO()
        pq.write_table(table, out)
        data = out.getvalue()
    else:
        data = to_csv(table, raw_text=raw_text).encode()
    try:
        write_bytes(path, data)
    except OSError as error:
        raise UsageError(f"--out must name a file that can be written: {one_line(error)}") from None


def check_out(path: Path) -> None:
    """Check before any work that a table can be written to a path, and over nothing.

    Raises
    ------
    UsageError
        When it cannot.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"--out must end in .csv or .parquet; came {shown(path.name)}: rename it")
    if os.path.lexists(path):
        raise UsageError(f"--out must be a new file; {shown(path)} is there: choose another name")
    if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise UsageError(
            f"--out must lie in a folder that exists and can be written to; {shown(path.parent)} "
            "is none: choose another one"
        )


def _each(column: pa.ChunkedArray, change: Callable[[str], str]) -> pa.ChunkedArray:
    """Change each text of a column of texts; give other columns as they are."""
    if not is_text(column.type):
        return column
    texts = [None if text is None else change(text) for text in column.to_pylist()]
    return pa.chunked_array([texts], column.type)


def _steerless(text: str) -> str:
    return STEERING.sub("", text)


def _inert(text: str) -> str:
    return f"'{text}" if acts(text) else text
