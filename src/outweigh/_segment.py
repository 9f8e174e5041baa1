"""A segment: a column by which errors are told apart.

N rows. It may be a feature or not, and may have a role beside: a model's errors can be told apart
by what the model never saw.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import ArrayLike

from outweigh._columns import dates, floats, told, without
from outweigh._errors import TableError, UsageError
from outweigh._frames import as_arrow, frame_columns, is_frame
from outweigh._labels import is_text
from outweigh._reading import shown
from outweigh._roles import require_known, require_plain

MOST_SEGMENTS = 20


@dataclass(frozen=True, eq=False)
class Segment:
    """A column by which errors are told apart.

    Attributes
    ----------
    name : str
        Of the column.
    values : (N,) pyarrow.Array
        Text, numbers (``double``) or dates (``timestamp[us]``); null where nothing is known.
    """

    name: str
    values: pa.Array

    def take(self, rows: ArrayLike) -> "Segment":
        """Keep some rows, by number."""
        return replace(self, values=self.values.take(pa.array(np.asarray(rows))))

    def followed_by(self, n: int) -> "Segment":
        """Put n rows behind, of which nothing is known."""
        return replace(self, values=pa.concat_arrays([self.values, pa.nulls(n, self.values.type)]))


def segment_columns(
    given: Any, columns: Mapping[str, Any], *, source: str, target: str | None = None
) -> dict[str, Any]:
    """Give the columns that segments are asked for, by name.

    Parameters
    ----------
    given : str or iterable of str, of arrays (N,) or of both; mapping of str to array; frame
        A name is that of a column of the table. A series goes by its own name.
    columns : mapping of str to column
        The table's.
    source : str
        The table's, as messages show it.
    target : str, optional
        The column that cannot be a segment.

    Raises
    ------
    UsageError, TableError
        When the target is asked for, too many are, or a name is of no column.
    """
    found: dict[str, Any] = {}
    for name, values in _named(given):
        if values is None:
            if name == target:
                raise UsageError(
                    f"segments must tell errors apart by another column than the target; --segment "
                    f"names {shown(name)}: name another column"
                )
            require_known("--segment", name, columns, source)
            values = columns[name]
        elif name in found:
            raise UsageError(f"segments must differ in name; {shown(name)} came twice: rename one")
        found[name] = values
    if len(found) > MOST_SEGMENTS:
        raise UsageError(
            f"there must be at most {MOST_SEGMENTS} segments; came {len(found)}: choose those that "
            "matter"
        )
    return found


def segment(name: str, column: pa.Array, missing: tuple[str, ...] = ()) -> Segment:
    """Take a column as a segment; empty text, too, is missing.

    Examples
    --------
    >>> segment("site", pa.array(["north", " ", "south"])).values.to_pylist()
    ['north', None, 'south']
    """
    require_plain(column, "segments", shown(name))
    values = told(column, missing)
    if is_text(values.type):
        return Segment(name, without(values, [""]).cast(pa.large_string()))
    if pt.is_boolean(values.type):
        return Segment(name, pc.if_else(values, "True", "False").cast(pa.large_string()))
    if pt.is_integer(values.type) and _are_codes(values):
        return Segment(name, values.cast(pa.large_string()))
    if pt.is_date(values.type) or pt.is_timestamp(values.type):
        return Segment(name, dates(values, name, "the segments"))
    number = floats(values) + 0.0  # −0.0 is 0.0
    if np.isinf(number).any():
        raise TableError(f"segments must be finite; {shown(name)} is not: replace the infinities")
    return Segment(name, pa.array(number, from_pandas=True))


def read_segment(name: str, values: Any, n: int, missing: tuple[str, ...]) -> Segment:
    """Take n values as a segment, whatever holds them.

    Raises
    ------
    TableError
        When there are more or fewer, or they are no numbers, text or dates.
    """
    column = as_arrow(values, shown(name))
    if len(column) != n:
        raise TableError(
            f"{shown(name)} must have a value for each of {n} rows; came {len(column)}"
        )
    return segment(name, column, missing)


def _are_codes(values: pa.Array) -> bool:
    """Tell whether whole numbers are larger than floats can tell apart.

    With gaps between them some doors have made floats of them already.
    """
    ends = pc.min_max(values).as_py().values()
    return not values.null_count and any(end is not None and abs(end) > 2**53 for end in ends)


def _named(given: Any) -> Iterable[tuple[str, Any]]:
    """Give names, and arrays where they came with one."""
    if given is None:
        return []
    if isinstance(given, Mapping):
        return [(str(name), values) for name, values in given.items()]
    if is_frame(given):
        return frame_columns(given, "the segments").items()
    alone = isinstance(given, str) or nw.dependencies.is_into_series(given)
    each = [given] if alone else list(given)
    return [
        (str(one), None) if isinstance(one, str) else (_name_of(one, f"segment {i}"), one)
        for i, one in enumerate(each, start=1)
    ]


def _name_of(values: Any, otherwise: str) -> str:
    name = getattr(values, "name", None)
    return otherwise if name is None or name == "" else str(name)
