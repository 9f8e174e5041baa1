"""A cost file: what each decision costs for each class, as a table with labels.

The true classes are its rows and the predicted ones its columns, both labelled, in any order; the
first column holds the labels of the rows.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from outweigh._costs import CostMatrix
from outweigh._errors import UsageError
from outweigh._reading import one_line, quoted, shown

EXAMPLE = "true,good,bad / good,0,1 / bad,5,0"


def read_costs(path: Path, classes: Sequence[Any]) -> CostMatrix:
    r"""Read the costs of a table's classes from a CSV file.

    Parameters
    ----------
    path : Path
    classes : (K,) sequence
        The labels; a label is told by its text.

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
    head, rows = _cells(path)
    labels = _places(classes)
    columns = _matched(head[1:], labels, "columns", path)
    lines = _matched([row[0] for row in rows], labels, "rows", path)
    costs = np.empty((len(classes), len(classes)))
    for t, row in zip(lines, rows, strict=True):
        for d, cell in zip(columns, row[1:], strict=True):
            costs[t, d] = _number(cell, path)
    return CostMatrix(costs, tuple(classes))


def _cells(path: Path) -> tuple[list[str], list[list[str]]]:
    """Read the head and the rows, each as long as the head."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        table = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(
            f"--costs must name a CSV file that can be read; {one_line(error)}: name another"
        ) from None
    if len(table) < 2 or any(len(row) != len(table[0]) for row in table):
        raise UsageError(
            f"--costs must hold a table with labels; {shown(path.name)} has rows of "
            f"{quoted(sorted({str(len(row)) for row in table}))} cells: write {EXAMPLE}"
        )
    return table[0], table[1:]


def _places(classes: Sequence[Any]) -> dict[str, int]:
    """Give the place of each text that means a label: for 1.0 also 1."""
    places = {str(label): k for k, label in enumerate(classes)}
    for k, label in enumerate(classes):
        if isinstance(label, float) and label.is_integer():
            places.setdefault(str(int(label)), k)
        if isinstance(label, int) and not isinstance(label, bool):
            places.setdefault(f"{label}.0", k)
    return places


def _matched(found: list[str], places: dict[str, int], what: str, path: Path) -> list[int]:
    """Give the class of each label of rows or columns; each must come once."""
    wanted = f"--costs must have the labels of the classes as its {what}"
    name = shown(path.name)
    if strange := [label for label in found if label not in places]:
        raise UsageError(
            f"{wanted}, {quoted(dict.fromkeys(places), most=8)}; {name} has "
            f"{quoted(strange, most=5)}: write {EXAMPLE}"
        )
    codes = [places[label] for label in found]
    twice = {label for label, k in zip(found, codes, strict=True) if codes.count(k) > 1}
    if twice:
        raise UsageError(f"{wanted} once; in {name} {quoted(sorted(twice))} comes twice: take one")
    lacking = [label for label, k in places.items() if k not in codes]
    if lacking:
        raise UsageError(f"{wanted}; {name} lacks {quoted(lacking, most=5)}: add what is missing")
    return codes


def _number(cell: str, path: Path) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise UsageError(
            f"costs must be finite numbers; {shown(path.name)} has {shown(cell)}: mend it"
        )
    return value
