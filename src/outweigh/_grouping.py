"""A grouping: rows divided by what a column says of them, and by nothing else.

N rows, G groups. Since it follows from the values alone it is settled before any result is seen.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from outweigh._labels import is_text

CATEGORIES, RANGES = "categories", "ranges"
VALUE, RANGE, REST, MISSING = "value", "range", "rest", "missing"

MOST_GROUPS = 12  # of categories, all others among them
QUARTILES = (0.25, 0.5, 0.75)
MOVED = 0.01  # share of the rows that rounding an edge may move into the next range
DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True, eq=False)
class Grouping:
    """Groups of rows.

    Attributes
    ----------
    kind : str
        ``"categories"`` or ``"ranges"``.
    code : (N,) int64
        The place of each row's group among the names.
    names : (G,) tuple of str
        No two of them alike.
    of : (G,) tuple of str
        What the rows of each group have in common: ``"value"``, one value; ``"range"``, values in a
        row; ``"rest"``, one of all other values; ``"missing"``, none. A name alone does not tell.
    """

    kind: str
    code: NDArray[np.int64]
    names: tuple[str, ...]
    of: tuple[str, ...]


def grouping(values: pa.Array) -> Grouping:
    """Divide rows by the values of a segment.

    Up to twelve values are a group each, those of most rows first; of more texts the eleven most
    frequent are, and all others are one more. More numbers or dates are up to four ranges, cut at
    quartiles (values that came, rounded where that moves hardly a row). A range holds its upper
    end; the lower end of ``"3.2 to 7.1"`` lies in the range below, while whole numbers and days are
    named by the first and the last in the range. Missing values are the last group.

    Parameters
    ----------
    values : (N,) pyarrow.Array
        As in `Segment`.

    Examples
    --------
    >>> grouping(pa.array(["b", "a", "b", None])).names
    ('b', 'a', 'missing')
    >>> grouping(pa.array(["missing", None])).of
    ('value', 'missing')
    >>> grouping(pa.array([float(i) for i in range(40)])).names
    ('up to 9', '10 to 19', '20 to 29', 'above 29')
    """
    coded = values.dictionary_encode()
    place = np.asarray(coded.indices.fill_null(-1), dtype=np.int64)
    if is_text(values.type) or len(coded.dictionary) <= MOST_GROUPS:
        return _with_missing(CATEGORIES, *_categories(coded.dictionary, place))
    code, names = _ranges(values)
    return _with_missing(RANGES, code, names, [RANGE] * len(names))


def _with_missing(kind: str, code: NDArray[np.int64], names: list[str], of: list[str]) -> Grouping:
    """Make the rows that have no group, −1, the last one."""
    if (code < 0).any():
        code = np.where(code < 0, len(names), code)
        names, of = [*names, _unlike("missing", names)], [*of, MISSING]
    return Grouping(kind, code, tuple(names), tuple(of))


def _unlike(name: str, names: Iterable[str]) -> str:
    """Set a name apart from those of groups that are called so."""
    while name in names:
        name = f"({name})"
    return name


def _categories(
    distinct: pa.Array, place: NDArray[np.int64]
) -> tuple[NDArray[np.int64], list[str], list[str]]:
    """Make a group of each value, or of the most frequent ones and of all others."""
    count = np.bincount(place[place >= 0], minlength=len(distinct))
    value_order = np.asarray(pc.rank(distinct, tiebreaker="first"), dtype=np.int64)
    order = np.lexsort((value_order, -count))
    alone = len(order) if len(order) <= MOST_GROUPS else MOST_GROUPS - 1
    group = np.full(len(order) + 1, -1)  # one more: the place −1 of what is missing
    group[order] = np.minimum(np.arange(len(order)), alone)
    names = [_value_name(value) for value in distinct.take(pa.array(order[:alone])).to_pylist()]
    of = [VALUE] * len(names)
    if alone < len(order):
        names.append(_unlike(f"all others ({len(order) - alone:,} values)", names))
        of.append(REST)
    return group[place], names, of


def _value_name(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return _number_name(value)
    return str(value.isoformat(" ").removesuffix(" 00:00:00"))


def _number_name(value: float) -> str:
    if value == 0 or 1e-4 <= abs(value) < 1e15:
        return np.format_float_positional(value, trim="-")
    return repr(float(value))


def _ranges(values: pa.Array) -> tuple[NDArray[np.int64], list[str]]:
    """Cut numbers or dates at their quartiles."""
    there = np.asarray(values.is_valid())
    known = values.drop_null()
    code = np.full(len(values), -1)
    if not pt.is_timestamp(values.type):
        code[there], names = _cut_numbers(np.asarray(known, dtype=np.float64))
        return code, names
    moment = np.asarray(known.cast(pa.int64()))
    day = moment // DAY
    if len(np.unique(day)) > MOST_GROUPS:
        edges = _quartiles(day)
        code[there], names = _cut(day, edges), _whole_names(edges, _day_name, "after")
    else:
        edges = _quartiles(moment)
        code[there], names = _cut(moment, edges), _names(edges, _moment_name, "after")
    return code, names


def _cut_numbers(number: NDArray[np.float64]) -> tuple[NDArray[np.int64], list[str]]:
    edges = _quartiles(number)
    if (np.abs(number) < 2**53).all() and (number == np.rint(number)).all():
        return _cut(number, edges), _whole_names(edges, _number_name, "above")
    edges = _rounded(edges, number)
    return _cut(number, edges), _names(edges, _number_name, "above")


def _quartiles(values: NDArray[Any]) -> NDArray[Any]:
    """Give the quartiles, as values that came, each once, with a value above all of them."""
    distinct = np.unique(values)
    edges = np.unique(np.quantile(values, QUARTILES, method="inverted_cdf"))
    below = edges[edges < distinct[-1]]
    return below if len(below) else distinct[-2:-1]


def _rounded(edges: NDArray[np.float64], number: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give edges with as few digits as move hardly a row into another range."""
    exact = _cut(number, edges)
    for digits in (3, 4, 6):
        rounded = np.array([float(f"{edge:.{digits}g}") for edge in edges])
        code = _cut(number, rounded)
        whole = len(np.unique(code)) == len(edges) + 1
        if whole and (np.diff(rounded) > 0).all() and np.mean(code != exact) <= MOVED:
            return rounded
    return edges


def _cut(values: NDArray[Any], edges: NDArray[Any]) -> NDArray[np.int64]:
    """Give the range of each value; a range holds its upper end."""
    return np.searchsorted(edges, values, side="left").astype(np.int64)


def _names(edges: NDArray[Any], name: Callable[[Any], str], above: str) -> list[str]:
    between = [f"{name(a)} to {name(b)}" for a, b in pairwise(edges)]
    return [f"up to {name(edges[0])}", *between, f"{above} {name(edges[-1])}"]


def _whole_names(edges: NDArray[Any], name: Callable[[Any], str], above: str) -> list[str]:
    """Name ranges of whole numbers by the first and the last of each."""
    pairs = zip(edges[:-1] + 1, edges[1:], strict=True)
    between = [name(b) if a == b else f"{name(a)} to {name(b)}" for a, b in pairs]
    return [f"up to {name(edges[0])}", *between, f"{above} {name(edges[-1])}"]


def _day_name(day: Any) -> str:
    return str(np.datetime64(int(day), "D"))


def _moment_name(moment: Any) -> str:
    return str(np.datetime64(int(moment), "us").item())
