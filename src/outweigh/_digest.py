"""A digest: one number for all that a table holds, to tell whether two are the same.

N rows. Values are digested, not the file that held them: CSV, Parquet and frames of the same table
have the same digest.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from outweigh._labels import is_text


def digest(parts: Iterable[tuple[str, Any]]) -> str:
    """Give the SHA-256 of named values, in hexadecimal digits.

    Parameters
    ----------
    parts : iterable of (str, value)
        Arrays of numbers, arrow's arrays, and what JSON can write. Each part is told apart from
        what stands beside it, so that no value can move from one to another unseen.

    Examples
    --------
    >>> digest([("size", np.array([1.0, 2.0]))])[:12]
    '4f5eeeed1294'
    """
    found = hashlib.sha256()
    for name, values in parts:
        pieces = _pieces(values)
        found.update(json.dumps([name, [[p.dtype.str, p.shape] for p in pieces]]).encode() + b"\n")
        for piece in pieces:
            found.update(piece.data)
    return found.hexdigest()


def _pieces(values: Any) -> tuple[NDArray[Any], ...]:
    """Give values as arrays of plain numbers in memory, little-endian, row by row."""
    if isinstance(values, np.ndarray):
        return (_plain(values),)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if not isinstance(values, pa.Array):
        return (np.frombuffer(json.dumps(values).encode(), dtype=np.uint8),)
    there = _plain(np.asarray(values.is_valid()))
    if pt.is_floating(values.type):
        return there, _plain(np.asarray(pc.fill_null(values.cast(pa.float64()), 0.0)))
    if pt.is_date(values.type) or pt.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", getattr(values.type, "tz", None)), safe=False)
        values = values.cast(pa.int64())
    if pt.is_integer(values.type):
        return there, _plain(np.asarray(pc.fill_null(values, 0)))
    return there, *_text_pieces(_as_text(values))


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))


def _text_pieces(texts: pa.Array) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give how many bytes of UTF-8 each text has, and all of them."""
    texts = pc.fill_null(texts, "")
    length = _plain(np.asarray(pc.binary_length(texts)))
    _, places, data = texts.buffers()
    start = np.frombuffer(places, np.int64, 1, 8 * texts.offset)[0] if len(texts) else 0
    total = int(length.sum())
    written = np.frombuffer(data, np.uint8, total, start) if total else np.zeros(0, np.uint8)
    return length, written


def _as_text(values: pa.Array) -> pa.Array:
    if is_text(values.type):
        return values.cast(pa.large_string())
    texts = [None if value is None else str(value) for value in values.to_pylist()]
    return pa.array(texts, pa.large_string())
