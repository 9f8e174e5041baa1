"""Files become pyarrow tables here, strictly: what is not plainly a table is refused.

A reader that guesses changes data in silence: it pads short rows, reads text in the wrong encoding,
takes a ``;`` file for one wide column. Each of these is one line of error here.
"""

import codecs
import os
import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

from outweigh._errors import TableError

HEAD = 1 << 16
"""Bytes at the start of a text file that are looked at before it is parsed."""

BLOCK = 1 << 24
"""Bytes parsed at once; no row, the header included, may be longer."""

SIGNATURES = {
    b"PK\x03\x04": "a zip archive or a spreadsheet: save it as CSV or Parquet",
    b"\x1f\x8b": "compressed by gzip: name it .csv.gz",
    b"PAR1": "Parquet: name it .parquet",
    b"\xff\xfe": "UTF-16: save it as UTF-8",
    b"\xfe\xff": "UTF-16: save it as UTF-8",
}


TRUTH = (["true", "True", "TRUE"], ["false", "False", "FALSE"])
"""How true and false are written. Not pyarrow's own lists: they hold "1" and "0" too, and would
merge the labels True and 1."""


def read_file(path: str | os.PathLike[str], *, texts: Iterable[str] = ()) -> pa.Table:
    """Read every column of a CSV or Parquet file.

    Parameters
    ----------
    path : str or PathLike
        Ends in ``.csv``, ``.csv.gz`` or ``.parquet``. CSV is separated by commas and written in
        UTF-8, with or without a byte order mark; its first row names the columns. In columns of
        numbers and truth values an empty cell is missing, and so are ``NA``, ``NaN`` and ``null``;
        text is kept as it is.
    texts : iterable of str
        Columns of a CSV file to read as text, whatever they look like.

    Returns
    -------
    pyarrow.Table
        As it stands in the file: text, dates and columns of the same name too.

    Raises
    ------
    TableError
        When the file cannot be read, or is not a table.
    """
    path = Path(path)
    name, ending = shown(path.name), path.name.lower()
    try:
        if path.is_dir():
            raise TableError(f"the data must be one file; {shown(path)} is a directory")
        if not path.exists():
            raise TableError(f"the data must exist; {shown(path)} does not: check the path")
        if ending.endswith((".csv", ".csv.gz")):
            return _read_csv(path, texts)
        if ending.endswith(".parquet"):
            return _read_parquet(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise TableError(f"the data must be readable; {name} is not: {one_line(error)}") from None
    raise TableError(
        f"the data must end in .csv, .csv.gz or .parquet; came {name}: save it as one of these"
    )


def shown(value: object) -> str:
    """Write a value that came from outside on one line, short, and with no control characters."""
    text = repr(value if isinstance(value, bool | int | float) else str(value))
    return text if len(text) <= 80 else f"{text[:60]}…{text[-16:]}"


def quoted(values: Iterable[object], most: int = 20) -> str:
    """List values for a message, and say how many more there are."""
    every = [shown(value) for value in values]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def printable(source: str) -> str:
    """Name a source in a message: the name of a file may hold anything."""
    return source if source.isprintable() else shown(source)


def one_line(error: Exception) -> str:
    """Give another library's message without line breaks or control characters."""
    text = " ".join(str(error).split())[:200]
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _read_parquet(path: Path) -> pa.Table:
    # not pq.read_table: it would add columns guessed from the names of the folders
    with pq.ParquetFile(path) as file:
        table = file.read()
    table.validate(full=True)  # a damaged file may hold text that is no UTF-8, or offsets astray
    return table


def _open(path: Path) -> pa.NativeFile:
    return pa.input_stream(path, compression="gzip" if path.suffix.lower() == ".gz" else None)


def _read_csv(path: Path, texts: Iterable[str]) -> pa.Table:
    with _open(path) as stream:
        _check_head(stream.read(HEAD), path)
    table = _parse(path, texts)
    _check_encoding(table, path)
    _check_last_quote(table, path)
    return table


def _parse(path: Path, texts: Iterable[str]) -> pa.Table:
    try:
        with _open(path) as stream:
            return pv.read_csv(
                stream,
                # several threads lose count of the rows, and the message would not name one
                read_options=pv.ReadOptions(use_threads=False, block_size=BLOCK),
                parse_options=pv.ParseOptions(newlines_in_values=True),
                convert_options=pv.ConvertOptions(
                    true_values=TRUTH[0],
                    false_values=TRUTH[1],
                    column_types=dict.fromkeys(texts, pa.large_string()),
                ),
            )
    except pa.ArrowInvalid as error:
        name = shown(path.name)
        if "Empty CSV file" in str(error):
            raise TableError(f"a table must have a header and rows; {name} has no rows") from None
        # not by pyarrow's invalid_row_handler: it prints a traceback when the row is no UTF-8
        if ragged := re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", str(error)):
            row, expected, actual = ragged.groups()
            raise TableError(
                f"every row must have as many cells as the header, {expected}; row {row} of {name} "
                f"(the header is row 1) has {actual}: mend it"
            ) from None
        raise


def _check_head(head: bytes, path: Path) -> None:
    name = shown(path.name)
    if not head:
        raise TableError(f"a table must have a header and rows; {name} is empty")
    for signature, kind in SIGNATURES.items():
        if head.startswith(signature):
            raise TableError(f"a .csv file must be plain UTF-8 text; {name} is {kind}")
    if b"\0" in head:
        raise TableError(f"a .csv file must be plain UTF-8 text; {name} is binary: export it again")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD)
    except UnicodeDecodeError:
        raise TableError(_not_utf8(path)) from None
    header = re.split(rb"[\r\n]", head.lstrip(b"\r\n"), maxsplit=1)[0]
    if b"," not in header and (found := re.search(rb"[;\t|]", header)):
        raise TableError(
            f"the delimiter must be a comma; the header of {name} has {shown(found[0].decode())} "
            "and no comma: save it with commas"
        )


def _check_encoding(table: pa.Table, path: Path) -> None:
    try:
        names = table.column_names
    except UnicodeDecodeError:
        raise TableError(_not_utf8(path)) from None
    # pyarrow does not stop at text that is no UTF-8; it calls the column binary
    columns = zip(names, table.schema.types, strict=True)
    if binary := [name for name, kind in columns if kind == pa.binary()]:
        raise TableError(f"{_not_utf8(path)} (column {quoted(binary)})")


def _not_utf8(path: Path) -> str:
    return f"a .csv file must be UTF-8; {shown(path.name)} is not: save it again as UTF-8"


def _check_last_quote(table: pa.Table, path: Path) -> None:
    """Raise when the last cell begins with a quote that never ends, and so holds rows as text."""
    last = table.column(table.num_columns - 1)[-1].as_py() if table.num_rows else None
    if not (isinstance(last, str) and re.search(r"[\r\n]", last)):
        return
    with _open(path) as stream:
        closed = stream.read().rstrip(b"\r\n").endswith(b'"')
    if not closed:
        raise TableError(
            f"every quote must be closed; row {table.num_rows + 1} of {shown(path.name)} "
            "(the header is row 1) opens one that runs to the end of the file: close it"
        )
