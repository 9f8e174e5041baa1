"""Columns that are no features: what each says about its row.

N rows. A row may belong to a group, happen at a time, count more than others, and have a name.
``name`` is the column's, as messages show it.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from outweigh._columns import example, floats, kind_of, nulled, retyped, told, without
from outweigh._errors import TableError, UsageError
from outweigh._labels import is_numeric, is_text
from outweigh._reading import printable, quoted, shown

OPTIONS = {
    "target": "--target",
    "group": "--group",
    "time": "--time",
    "row_weight": "--row-weight",
    "row_id": "--id",
    "amount": "--cost-column",
}


def divide(
    columns: Mapping[str, Any], roles: Mapping[str, Any], exclude: Iterable[Any], source: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """Divide named columns into features, by name, and the names of the roles' columns.

    A column of amounts stays a feature unless it is left out.
    """
    named = {role: str(name) for role, name in roles.items() if name is not None}
    left_out = sorted({exclude} if isinstance(exclude, str) else {str(name) for name in exclude})
    asked = [(OPTIONS[role], name) for role, name in named.items()]
    _require_one_role(asked)
    leaving = [(option, name) for option, name in asked if option != OPTIONS["amount"]]
    leaving += [("--exclude", name) for name in left_out]
    _require_one_role(leaving)
    for option, name in (*asked, *leaving):
        require_known("the target" if option == "--target" else option, name, columns, source)
    taken = {name for _, name in leaving}
    return {name: column for name, column in columns.items() if name not in taken}, named


def require_known(role: str, name: str, columns: Iterable[str], source: str) -> None:
    """Raise when a table has no column of a name."""
    if name not in columns:
        raise TableError(
            f"{role} must name a column of {printable(source)}; {shown(name)} is none: "
            f"{_nearest(name, columns)}"
        )


def require_plain(column: pa.Array, what: str, name: str) -> None:
    """Raise when a column holds anything but numbers, text or dates."""
    if not kind_of(column.type):
        raise TableError(
            f"{what} must be numbers, text or dates; {name} holds {shown(column.type)}: name "
            "another column"
        )


def group_codes(column: pa.Array, name: str, missing: Sequence[str]) -> NDArray[np.int64]:
    """(N,) number of each row's group, in the order in which the groups first come.

    Examples
    --------
    >>> group_codes(pa.array(["b", "a", "b"]), "'site'", missing=())
    array([0, 1, 0])
    """
    column = _whole(column, "a group", name, missing)
    if pt.is_floating(column.type):
        column = pc.add(column, 0.0)  # no group of its own for -0.0
    return np.asarray(column.dictionary_encode().indices, dtype=np.int64)


def time_ranks(column: pa.Array, name: str, missing: Sequence[str]) -> NDArray[np.int64]:
    """(N,) place of each row's time among all, from 0; equal times have equal places.

    Examples
    --------
    >>> time_ranks(pa.array(["2021-03-01", "2020-12-24", "2021-03-01"]), "'day'", missing=())
    array([1, 0, 1])
    """
    column = _whole(column, "a time", name, missing)
    moment = retyped(column) if is_text(column.type) else column
    if is_text(moment.type):
        raise TableError(
            f"time must be numbers or dates; {name} holds {example(column, 'date')}: write it as "
            "2024-12-31 or 2024-12-31 23:59:59"
        )
    return np.asarray(pc.rank(moment, tiebreaker="dense"), dtype=np.int64) - 1


def measures(
    column: pa.Array, name: str, missing: Sequence[str], *, may_be_zero: bool = False
) -> NDArray[np.float64]:
    """(N,) weights or amounts: finite, none negative, not all zero unless they may be."""
    column = told(column, missing)
    if not is_numeric(column.type):
        raise TableError(f"{name} must be {len(column)} numbers; came {column.type}: name another")
    measure = floats(column).copy()
    fine = (np.isfinite(measure) & (measure >= 0)).all() and (may_be_zero or measure.any())
    if not fine:
        rest = " and none negative" if may_be_zero else ", none negative and not all zero"
        raise TableError(f"{name} must be finite{rest}: mend it")
    return measure


def row_ids(column: pa.Array, name: str) -> pa.Array:
    """(N,) names of the rows, as they came; text as ``large_string``."""
    require_plain(column, "row ids", name)
    return column.cast(pa.large_string()) if is_text(column.type) else column


def _require_one_role(asked: Iterable[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    for option, name in asked:
        if name in first:
            raise UsageError(
                f"a column must have one role; {first[name]} names {shown(name)} and {option} "
                "names it too: choose one"
            )
        first[name] = option


def _nearest(name: str, names: Iterable[str]) -> str:
    folded = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), folded, n=3)
    if close:
        return f"did you mean {quoted(folded[match] for match in close)}?"
    return f"it has {quoted(folded.values())}"


def _whole(column: pa.Array, what: str, name: str, missing: Sequence[str]) -> pa.Array:
    """Give a column in which no row is missing, or raise."""
    require_plain(column, f"{what.split()[-1]}s", name)
    column = nulled(without(column, ["", *missing]))
    if column.null_count:
        raise TableError(
            f"every row must have {what}; {column.null_count} of {len(column)} in {name} are "
            "missing: fill them, or drop these rows"
        )
    return column
