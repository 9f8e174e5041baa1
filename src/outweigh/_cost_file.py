"""A cost file: what each decision costs for each class, as a table with labels.

The true classes are its rows and the predicted ones its columns, both labelled, in any order; the
first column holds the labels of the rows.

Letters: K classes.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from outweigh._costs import CostMatrix
from outweigh._errors import UsageError
from outweigh._reading import one_line, quoted, shown

MOST_WRITTEN = 3
"""Classes of which an example has a row; of more it says that there are more."""


def read_costs(path: Path, classes: Sequence[Any]) -> CostMatrix:
    r"""Read the costs of a table's classes from a CSV file.

    Parameters
    ----------
    path : Path
    classes : (K,) sequence
        The labels; a label is told by its text, spaces around it aside.

    Returns
    -------
    costs : CostMatrix

    Raises
    ------
    UsageError
        When the file cannot be read, or is no such table; one line says what to do.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "costs.csv")
    ...     _ = path.write_text("true,bad,good\nbad,0,5\ngood,1,0\n")
    ...     read_costs(path, ("good", "bad")).matrix
    array([[0., 1.],
           [5., 0.]])
    """
    head, *rows = _table(path, classes)
    predicted = _matched(head[1:], classes, "columns", path)
    true = _matched([row[0] for row in rows], classes, "rows", path)
    costs = np.empty((len(classes), len(classes)))
    for t, row in zip(true, rows, strict=True):
        for d, cell in zip(predicted, row[1:], strict=True):
            costs[t, d] = _number(cell, classes[t], path)
    return CostMatrix(costs, tuple(classes))


def _table(path: Path, classes: Sequence[Any]) -> list[list[str]]:
    """Give the rows, the head first, all of one length and with labels."""
    table, name, k = _rows(path), shown(path.name), len(classes)
    if not table:
        raise UsageError(f"--costs must hold a table; {name} is empty: write {_example(classes)}")
    width, *others = sorted({len(row) for row in table})
    if others:
        raise UsageError(
            f"--costs must hold a table with rows of one length; {name} has rows of "
            f"{' and '.join(map(str, [width, *others]))} cells: write {_example(classes)}"
        )
    corner = table[0][0].strip()
    if width == 1 or (
        width == k and (corner in _places(classes) or _as_number(corner) is not None)
    ):
        raise UsageError(
            f"--costs must hold a table with labels, {k + 1} × {k + 1} for {k} classes; {name} "
            f"is {len(table)} × {width}: write {_example(classes)}"
        )
    return table


def _rows(path: Path) -> list[list[str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        lines = io.StringIO(text, newline="")  # a quoted label may hold line breaks
        return [row for row in csv.reader(lines, strict=True) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(
            f"--costs must name a CSV file that can be read; {one_line(error)}: name another"
        ) from None


def _matched(found: list[str], classes: Sequence[Any], what: str, path: Path) -> list[int]:
    """Give the class of each label of rows or columns; each must come once."""
    wanted = f"--costs must have the labels of the classes as its {what}"
    name, places = shown(path.name), _places(classes)
    codes = [places.get(label, places.get(label.strip(), -1)) for label in found]
    if strange := [label for label, k in zip(found, codes, strict=True) if k < 0]:
        raise UsageError(
            f"{wanted}, {quoted(classes, most=8)}; {name} has {quoted(strange, most=5)}: write "
            f"{_example(classes)}"
        )
    if twice := [label for k, label in enumerate(classes) if codes.count(k) > 1]:
        raise UsageError(
            f"{wanted}, each once; in {name} {quoted(twice, most=5)} comes more than once: leave "
            "one out"
        )
    if lacking := [label for k, label in enumerate(classes) if k not in codes]:
        raise UsageError(f"{wanted}; {name} lacks {quoted(lacking, most=5)}: add what is missing")
    return codes


def _example(classes: Sequence[Any]) -> str:
    """Write a table of these classes, its lines side by side: the last is the dearest to miss."""
    labels, more = [_cell(label) for label in classes[:MOST_WRITTEN]], len(classes) > MOST_WRITTEN
    lines = [["true", *labels]]
    for t, label in enumerate(labels):
        miss = "5" if t == len(labels) - 1 else "1"
        lines.append([label, *("0" if d == t else miss for d in range(len(labels)))])
    return " / ".join(",".join([*line, "…"] if more else line) for line in lines) + " / …" * more


def _cell(label: Any) -> str:
    """Write a label as a cell of CSV, on one line and short; one that cannot be so is told."""
    text = str(label)
    if len(text) > 20 or not text.isprintable():
        return shown(label)
    return '"' + text.replace('"', '""') + '"' if {*text} & {*',"'} else text


def _places(classes: Sequence[Any]) -> dict[str, int]:
    """Give the place of each text that means a label; a label's own text comes first."""
    places = {str(label): k for k, label in enumerate(classes)}
    for k, label in enumerate(classes):
        for text in _other_spellings(label):
            places.setdefault(text, k)
    return places


def _other_spellings(label: Any) -> list[str]:
    """Give other texts that mean a label: for 1.0 also 1, for 1 also 1.0, for True also true."""
    if isinstance(label, bool):
        return [str(label).lower()]
    if isinstance(label, int):
        return [f"{label}.0"]
    if isinstance(label, float) and label.is_integer():
        return [str(int(label))]
    return [str(label).strip()]


def _number(cell: str, true: Any, path: Path) -> float:
    value = _as_number(cell)
    if value is None or not np.isfinite(value):
        raise UsageError(
            f"costs must be finite numbers; {shown(path.name)} has {shown(cell)} for the true "
            f"class {shown(true)}: write a number such as 5 or 0.5"
        )
    return value


def _as_number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
