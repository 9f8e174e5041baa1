"""From a column of labels to classes and codes.

N rows, K classes. A label is a truth value, a number or a text; the code of a row is the place of
its label among the classes. ``target`` is the target's name, as messages show it.
"""

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as pt
from numpy.typing import NDArray

from outweigh._errors import TableError
from outweigh._reading import quoted, shown

MOST_CLASSES = 1000
"""A target with more distinct values than this is a measurement or a name, not a class."""

Classes = tuple[Any, ...]
Codes = NDArray[np.int64]


def is_numeric(kind: pa.DataType) -> bool:
    """Whether arrow's type turns into float64: numbers, truth values, decimals, nothing at all."""
    tests = (pt.is_integer, pt.is_floating, pt.is_boolean, pt.is_decimal, pt.is_null)
    return any(test(kind) for test in tests)


def is_text(kind: pa.DataType) -> bool:
    """Whether arrow's type is text."""
    return bool(pt.is_string(kind) or pt.is_large_string(kind))


def encode(labels: pa.Array, target: str, *, fewest: int = 2) -> tuple[Classes, Codes]:
    """Give the sorted distinct labels (K,), and for each row (N,) the place of its label.

    Empty text and NaN are missing, and a missing label is an error.
    """
    if not (is_text(labels.type) or is_numeric(labels.type)):
        raise TableError(f"the target must hold labels; {target} holds {labels.type}: encode it")
    coded = labels.dictionary_encode("encode")
    distinct = [_plain(label) for label in coded.dictionary.to_pylist()]
    place = coded.indices.to_numpy()
    missing = np.array([label is None for label in distinct])[place].sum()
    if missing:
        raise TableError(
            f"every row must have a label; {missing:,} of {len(labels):,} in {target} are missing: "
            "fill them, or drop these rows"
        )
    classes = tuple(sorted(set(distinct)))
    _check_classes(classes, target, fewest)
    code = {label: k for k, label in enumerate(classes)}
    return classes, np.array([code[label] for label in distinct], dtype=np.int64)[place]


def positive_last(
    classes: Classes, y: Codes, positive: Any, target: str
) -> tuple[Classes, Codes, tuple[str, ...]]:
    """Order two classes as (negative, positive); the note says which was chosen, if none was asked.

    Without `positive` it is the rarer one.
    """
    if len(classes) > 2:
        if positive is not None:
            raise TableError(
                f"a positive class needs a target of two; {target} has {len(classes)}: "
                "leave --positive out"
            )
        return classes, y, ()
    notes: tuple[str, ...] = ()
    if positive is not None:
        k = _find(positive, classes, target)
    else:
        k = _rarer(classes, y, target)
        notes = (f"positive class is {shown(classes[k])}, the rarer of the two",)
    return (classes, y, notes) if k == 1 else (classes[::-1], 1 - y, notes)


def _plain(label: Any) -> Any:
    """Give a label as a plain Python value, and None for what is missing."""
    if isinstance(label, Decimal | np.floating):  # arrow hands out its short floats as NumPy's
        label = float(label)
    absent = label == "" or (isinstance(label, float) and math.isnan(label))
    return None if absent else label


def _check_classes(classes: Classes, target: str, fewest: int) -> None:
    if len(classes) < fewest:
        raise TableError(
            f"the target must hold two classes or more; {target} is always {shown(classes[0])}: "
            "name another column"
        )
    number = not isinstance(classes[0], str)
    if len(classes) > MOST_CLASSES:
        kind = "numbers and looks like a regression target" if number else "texts"
        raise TableError(
            f"the target must hold at most {MOST_CLASSES:,} classes; {target} has {len(classes):,} "
            f"distinct {kind}: group them, or name another column"
        )
    if number and (math.isinf(classes[0]) or math.isinf(classes[-1])):
        raise TableError(f"labels must be finite; {target} has an infinite one: replace it")


def _rarer(classes: Classes, y: Codes, target: str) -> int:
    first, second = np.bincount(y).tolist()
    if first == second:
        raise TableError(
            f"one class must be the rarer; {target} has {first:,} rows each of {quoted(classes)}: "
            "name the positive one with --positive"
        )
    return int(second < first)


def _find(positive: Any, classes: Classes, target: str) -> int:
    """Place of a label that may have been given as text, as it is on the command line."""
    if positive in classes:
        return classes.index(positive)
    for k, label in enumerate(classes):
        if str(positive) in _spellings(label):
            return k
    raise TableError(
        f"the positive class must be a label of {target}; came {shown(positive)}: "
        f"choose from {quoted(classes)}"
    )


def _spellings(label: Any) -> set[str]:
    """Texts that mean a label: for 1.0 also 1, for True also true."""
    if isinstance(label, bool):
        return {str(label), str(label).lower()}
    return {str(label), f"{label:g}"} if isinstance(label, float) else {str(label)}
