"""Features as they came: columns of numbers, of text and of dates, before preprocessing.

N rows, P columns of numbers. A column's kind follows from its type in arrow. Its texts are looked
into only where some of them are said to mean missing: what is left may be numbers or dates. New
rows are brought to the kinds that a study learned by `align`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.types as pt
from numpy.typing import ArrayLike, NDArray

from outweigh._errors import TableError
from outweigh._labels import is_numeric, is_text
from outweigh._reading import TRUTH, quoted, shown

TYPES = {"number": pa.float64(), "text": pa.large_string(), "date": pa.timestamp("us")}
"""The kinds of columns, and the type that each is held in."""

FIRST, LAST = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999, in seconds: beyond them dates cannot be computed with."""

UNSAID = tuple(pv.ConvertOptions().null_values)
"""What a reader of CSV takes for a gap between numbers or dates."""

PLACEHOLDERS = ("?", "", "na", "n/a", "null", "none", "-", "nan", "missing", "unknown")

Schema = tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Columns:
    """Features before preprocessing.

    Attributes
    ----------
    numbers : (N, P) float64
        The columns of numbers; NaN where a value is missing, never infinite, read-only.
    others : pyarrow.Table
        The columns of text (``large_string``) and of dates (``timestamp[us]``, in UTC where the
        source told a zone); null where a value is missing.
    names : tuple of str
        Names of all columns, in the order of the source.
    kinds : tuple of str
        ``"number"``, ``"text"`` or ``"date"`` for each.
    """

    numbers: NDArray[np.float64]
    others: pa.Table
    names: tuple[str, ...]
    kinds: tuple[str, ...]

    def __post_init__(self) -> None:
        locked = self.numbers.view()  # a view, so that the caller's own array stays writeable
        locked.flags.writeable = False
        object.__setattr__(self, "numbers", locked)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def schema(self) -> Schema:
        """Name and kind of each column: what new rows must have."""
        return tuple(zip(self.names, self.kinds, strict=True))

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """Names of the columns of one kind."""
        return tuple(name for name, its in self.schema if its == kind)

    def take(self, rows: ArrayLike) -> "Columns":
        """Keep some rows, by number or mask, in the order given."""
        kept = np.arange(len(self))[np.asarray(rows)]
        others = self.others.take(pa.array(kept)) if self.others.num_columns else self.others
        return Columns(self.numbers[kept], others, self.names, self.kinds)

    def comparable(self) -> NDArray[np.float64]:
        """Give a matrix (N, D) in which equal values, gaps among them, are equal byte for byte."""
        codes = [
            pc.dictionary_encode(column.combine_chunks(), null_encoding="encode").indices
            for column in self.others.columns
        ]
        return np.column_stack([self.numbers + 0.0, *map(np.asarray, codes)])  # −0.0 is 0.0

    def arrays(self) -> dict[str, Any]:
        """Each column as arrow's array, by name."""
        numbers = dict(zip(self.of_kind("number"), self.numbers.T, strict=True))
        return {
            name: pa.array(numbers[name], from_pandas=True)
            if name in numbers
            else self.others[name].combine_chunks()
            for name in self.names
        }


def number_columns(numbers: NDArray[np.float64], names: Sequence[str]) -> Columns:
    """Take a matrix (N, P) of finite numbers and NaN as columns.

    Examples
    --------
    >>> number_columns(np.eye(2), ["a", "b"]).schema
    (('a', 'number'), ('b', 'number'))
    """
    return Columns(numbers, pa.table({}), tuple(names), ("number",) * len(names))


def columns_of(
    arrays: Mapping[str, pa.Array], *, missing: Sequence[str] = (), where: str = "the table"
) -> Columns:
    """Tell numbers, text and dates apart.

    Numbers, truth values, decimals, and durations and times of day (in seconds) are numbers. A
    column without any value is one too, whatever its type.

    Parameters
    ----------
    arrays : mapping of str to pyarrow.Array
        One or more columns of N rows.
    missing : sequence of str
        Texts that mean missing, spaces around them aside. A column of text where one was found
        becomes what the rest of it is: numbers, dates or text.
    where : str
        The source, as messages show it.

    Returns
    -------
    Columns

    Raises
    ------
    TableError
        When a column is nested or binary, or holds an infinity or a date beyond the year 9999.

    Examples
    --------
    >>> arrays = {"size": pa.array(["1.5", "?", "2"]), "site": pa.array(["north", None, ""])}
    >>> columns = columns_of(arrays, missing=["?"])
    >>> columns.schema
    (('size', 'number'), ('site', 'text'))
    >>> columns.numbers
    array([[1.5],
           [nan],
           [2. ]])
    >>> columns.others["site"].to_pylist()
    ['north', None, '']
    """
    strange = [f"{shown(n)} ({shown(c.type)})" for n, c in arrays.items() if not kind_of(c.type)]
    if strange:
        more = f" and {len(strange) - 20} more" if len(strange) > 20 else ""
        raise TableError(
            f"features must be numbers, text or dates; {where} has others in "
            f"{', '.join(strange[:20])}{more}: leave these columns out with --exclude, or encode "
            "them"
        )
    read = {name: told(column, missing) for name, column in arrays.items()}
    full = {n: c if c.null_count < len(c) else pa.nulls(len(c)) for n, c in read.items()}
    return _built(full, {n: kind_of(c.type) or "" for n, c in full.items()}, where)


def align(
    data: Columns | Mapping[str, pa.Array],
    schema: Schema,
    *,
    missing: Sequence[str] = (),
    where: str = "the new rows",
) -> tuple[Columns, tuple[str, ...]]:
    """Give new rows the columns of a study, in its order and of its kinds.

    Numbers become text where text was learned; text becomes numbers or dates where each of them
    can be read as one. Nothing else is converted.

    Parameters
    ----------
    data : Columns or mapping of str to pyarrow.Array
        With the study's columns, in any order, and perhaps with others.
    schema : tuple of (name, kind)
        What the study learned from.
    missing : sequence of str
        Texts that mean missing, as in the study.
    where : str
        The source, as messages show it.

    Returns
    -------
    columns : Columns
    extra : tuple of str
        Columns that the study does not know, left out.

    Raises
    ------
    TableError
        When a column is not there, or is of another kind that cannot be converted.

    Examples
    --------
    >>> schema = (("size", "number"), ("site", "text"))
    >>> new = {"site": pa.array([7, 12]), "note": pa.array(["", ""]), "size": pa.array(["?", "3"])}
    >>> columns, extra = align(new, schema, missing=["?"])
    >>> columns.numbers.ravel(), columns.others["site"].to_pylist(), extra
    (array([nan,  3.]), ['7', '12'], ('note',))
    """
    arrays = data.arrays() if isinstance(data, Columns) else data
    if lacking := [name for name, _ in schema if name not in arrays]:
        raise TableError(
            f"new rows must have the columns of the study; {where} lacks {quoted(lacking)}: "
            "add them, empty if need be"
        )
    read = {n: _converted(without(arrays[n], missing), kind, n, where) for n, kind in schema}
    known = dict(schema)
    return _built(read, known, where), tuple(name for name in arrays if name not in known)


def looks_missing(columns: Columns) -> list[tuple[str, str, int]]:
    """Find texts that usually mean missing, such as ``?``, ``NA`` or nothing at all.

    Returns
    -------
    list of (name, text, count)
        A column of text, what stands in it without the spaces around, and in how many rows.

    Examples
    --------
    >>> looks_missing(columns_of({"site": pa.array(["north", " ?", "?", "Unknown"])}))
    [('site', '?', 2), ('site', 'Unknown', 1)]
    """
    found = []
    for name in columns.of_kind("text"):
        text = pc.utf8_trim_whitespace(columns.others[name])
        empty = text.filter(_is_one_of(pc.utf8_lower(text), PLACEHOLDERS))
        counted = empty.value_counts().to_pylist()
        found += [(name, count["values"], count["counts"]) for count in counted]
    return found


def kind_of(type_: pa.DataType) -> str | None:
    """Kind of a column of one of arrow's types; None for nested and binary ones."""
    if is_numeric(type_) or pt.is_duration(type_) or pt.is_time(type_):
        return "number"
    if is_text(type_):
        return "text"
    return "date" if pt.is_date(type_) or pt.is_timestamp(type_) else None


def without(column: pa.Array, missing: Sequence[str]) -> pa.Array:
    """Write null for the texts that mean missing; without any, give the column itself."""
    if not (missing and is_text(column.type)):
        return column
    absent = _is_one_of(pc.utf8_trim_whitespace(column), [text.strip() for text in missing])
    return pc.if_else(absent, None, column) if pc.any(absent).as_py() else column


def told(column: pa.Array, missing: Sequence[str]) -> pa.Array:
    """Take out the texts that mean missing; where there were any, the rest becomes what it is."""
    rest = without(column, missing)
    return column if rest is column else retyped(rest)


def retyped(text: pa.Array) -> pa.Array:
    """Give texts as numbers or as dates, if all of them are, else as they are."""
    for read in READERS.values():
        if read(text[:100]) is not None and (values := read(text)) is not None:
            return values
    return text


def nulled(column: pa.Array) -> pa.Array:
    """Write null for NaN, which are both missing."""
    if not pt.is_floating(column.type):
        return column
    column = column.cast(pa.float64())  # arrow computes little with short floats
    return pc.if_else(pc.is_nan(column), None, column)


def floats(column: pa.Array) -> NDArray[np.float64]:
    """Give a column of numbers as float64, durations and times of day in seconds; NaN is null."""
    if pt.is_duration(column.type) or pt.is_time(column.type):
        return _seconds(column)
    if pt.is_decimal(column.type):
        column = column.cast(pa.string())  # by way of text: arrow's direct cast is not exact
    numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(numbers, dtype=np.float64)


def _seconds(column: pa.Array) -> NDArray[np.float64]:
    """Give durations and times of day in seconds, parts of a microsecond cut off."""
    count = column.cast(pa.int32() if pt.is_time32(column.type) else pa.int64())
    if column.type.unit == "ns":
        count = pc.divide(count, 1000)
    parts = {"s": 1, "ms": 10**3}.get(column.type.unit, 10**6)
    return np.asarray(count.to_numpy(zero_copy_only=False) / parts)


def _converted(column: pa.Array, kind: str, name: str, where: str) -> pa.Array:
    """Give a column as another kind, or raise."""
    came = kind_of(column.type)
    if came == kind:
        return column
    column = nulled(column)
    if column.null_count == len(column):
        return pa.nulls(len(column), TYPES[kind])
    if came == "text" and kind in READERS and (read := READERS[kind](column)) is not None:
        return read
    if kind == "text" and is_numeric(column.type):
        return column.cast(pa.large_string())
    raise TableError(
        f"{shown(name)} must hold {kind}s, as in the study; in {where} it holds "
        f"{example(column, kind)}: mend it"
    )


def example(column: pa.Array, kind: str) -> str:
    """Tell why a column is not of a kind: a text in it that is none, or arrow's type."""
    if not is_text(column.type):
        return shown(column.type)
    texts = column.unique().drop_null()[:1000]
    return next((shown(t) for t in texts if READERS[kind](pa.array([t])) is None), "text")


def _said(text: pa.Array) -> pa.Array:
    """Text without the spaces around it, null where a reader of CSV would see a gap."""
    trimmed = pc.utf8_trim_whitespace(text.cast(pa.large_string()))
    return pc.if_else(_is_one_of(trimmed, UNSAID), None, trimmed)


def _is_one_of(text: pa.Array, texts: Sequence[str]) -> pa.Array:
    return pc.is_in(text, value_set=pa.array(texts, text.type))


def _read_numbers(text: pa.Array) -> pa.Array | None:
    """Texts as numbers, True and False among themselves too; None when one is neither."""
    said = _said(text)
    try:
        return said.cast(pa.float64())
    except pa.ArrowInvalid:
        true, false = (_is_one_of(said, words) for words in TRUTH)
        plain = pc.all(pc.or_(pc.or_(true, false), said.is_null())).as_py()
        return pc.if_else(said.is_valid(), true, None) if plain else None


def _read_dates(text: pa.Array) -> pa.Array | None:
    """Texts as dates, when all are written by ISO 8601: all with a zone, or all without."""
    said = _said(text)
    for unit in ("us", "ns"):
        for zone in (None, "UTC"):
            try:
                return said.cast(pa.timestamp(unit, zone))
            except pa.ArrowInvalid:
                continue
    return None


READERS = {"number": _read_numbers, "date": _read_dates}


def _built(arrays: Mapping[str, pa.Array], kinds: Mapping[str, str], where: str) -> Columns:
    n = len(next(iter(arrays.values()), ()))
    numbers = {name: column for name, column in arrays.items() if kinds[name] == "number"}
    others = {
        name: dates(column, name, where) if kinds[name] == "date" else column.cast(TYPES["text"])
        for name, column in arrays.items()
        if kinds[name] != "number"
    }
    return Columns(
        numbers=_matrix(numbers, n, where),
        others=pa.table(others),
        names=tuple(arrays),
        kinds=tuple(kinds[name] for name in arrays),
    )


def _matrix(columns: Mapping[str, pa.Array], n: int, where: str) -> NDArray[np.float64]:
    """(N, P) numbers, NaN where missing."""
    matrix = np.empty((n, len(columns)))
    for j, column in enumerate(columns.values()):
        matrix[:, j] = floats(column)
    matrix[np.isnan(matrix)] = np.nan  # a NaN has many bit patterns; one is enough
    infinite = np.isinf(matrix).sum(axis=0)
    if infinite.any():
        found = quoted(name for name, count in zip(columns, infinite, strict=True) if count)
        raise TableError(
            f"features must be finite; {where} has infinite values ({infinite.sum()}) in {found}: "
            "replace them, or leave the cells empty"
        )
    return matrix


def dates(column: pa.Array, name: str, where: str) -> pa.Array:
    """Dates in UTC and microseconds, finer parts cut off."""
    seconds = column.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    ends = pc.min_max(seconds).as_py()
    if None not in ends.values() and not FIRST <= ends["min"] <= ends["max"] <= LAST:
        raise TableError(
            f"dates must lie in the years 1 to 9999; {where} has others in {shown(name)}: "
            "replace them, or leave the cells empty"
        )
    return column.cast(TYPES["date"], safe=False)
