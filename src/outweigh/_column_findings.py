"""Findings on columns: what is no feature, or too good a one.

Letters: N rows, K classes.
"""

import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.stats import rankdata

from outweigh._columns import Columns, looks_missing
from outweigh._look import Found, NotApplicable
from outweigh._reading import quoted, shown
from outweigh._study import Evidence
from outweigh._table import Table

NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
MOST_ODD = 0.1  # of a column's values, for it to look like numbers
SHOWN = 5  # columns that a title names

ALONE = 0.99  # ROC AUC of a column by itself, from which a leak is suspected
FEWEST_TO_SEPARATE = 20  # rows of a class, and of all others, to say so
SAMPLED = 5000  # rows of each class that are looked at
MOST_CATEGORIES = 100  # different numbers that may be codes of categories

FEWEST_TO_NAME = 100  # rows, to tell names of rows from features
DISTINCT = 0.99  # share of different values, from which a column may name rows
CHANCE = 10  # times as many repeats as there are, by chance, in a column that names rows
MOST_WORDS = 3  # of a name

FEWEST_TIMES = 20  # different values, to tell a time from a class or a flag
TIME_WORDS = {"date", "datetime", "time", "timestamp"}
BIRTH_WORDS = {"birth", "born", "dob"}

Answers = Iterator[Found | NotApplicable]
Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]


def missing_in_disguise(e: Evidence) -> Answers:
    """``missing-in-disguise``: a text column holds what usually means a missing value."""
    if not e.table.columns.of_kind("text"):
        yield NotApplicable("no column is text")
        return
    found = looks_missing(e.table.columns)
    if not found:
        return
    named = ", ".join(f"{shown(text)} in {shown(name)} ({n:,} rows)" for name, text, n in found[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    texts = dict.fromkeys(text for _, text, _ in found)
    options = " ".join(f"--missing {shown(text)}" for text in texts)
    yield Found(
        f"Texts that usually mean missing are taken as they are: {named}{more}.",
        f"If they do mean missing, say so: {options}.",
    )


def text_among_numbers(e: Evidence) -> Answers:
    """``text-among-numbers``: a column is text because of a few values."""
    names = e.table.columns.of_kind("text")
    if not names:
        yield NotApplicable("no column is text")
    for name in names:
        text = e.table.columns.others[name].drop_null()
        odd = text.filter(pc.invert(pc.match_substring_regex(text, NUMBER)))
        if 0 < len(odd) <= MOST_ODD * len(text):
            example = shown(odd[0].as_py())
            yield Found(
                f"{shown(name)} is taken as text, since {len(odd):,} of {len(text):,} values are "
                f"no numbers, such as {example}.",
                f"Mend these values, or say that they mean missing: --missing {example}.",
            )


def separating_column(e: Evidence) -> Answers:
    """``separating-column``: one column tells a class from all others almost alone."""
    not_test = np.delete(np.arange(len(e.table.y)), e.split.test)
    table = e.table.take(_some_of_each_class(e.table, not_test))
    classes = _separable(table)
    if not classes:
        yield NotApplicable(f"no class, or not all others, has {FEWEST_TO_SEPARATE} rows")
        return
    found = {}
    for name, kind in table.columns.schema:
        area = max(_best_area(table.columns, name, kind, table.y == k) for k in classes)
        if area >= ALONE:
            found[name] = f"ROC AUC {area:.4f}"
    if found:
        yield Found(
            f"One column alone tells a class from all others: {_listed(found)}.",
            "If it is not yet known when a decision is made, it leaks the answer: leave it out, "
            f"{_options('--exclude', found)}.",
        )


def identifier_column(e: Evidence) -> Answers:
    """``identifier-column``: a column names the rows or counts them, and says nothing of them."""
    if len(e.table.y) < FEWEST_TO_NAME:
        yield NotApplicable(f"there are fewer than {FEWEST_TO_NAME} rows")
        return
    found = _identifiers(e.table.columns)
    if found:
        yield Found(
            f"Columns that seem to name rows, or to count them, are features: "
            f"{quoted(found, SHOWN)}.",
            "A network learns them by heart. If so, say --id with one of them, and leave out the "
            f"others: {_options('--exclude', found)}.",
        )


def time_like_column(e: Evidence) -> Answers:
    """``time-like-column``: rows seem to have a time, and rows of all times judge."""
    if e.table.time is not None:
        yield NotApplicable("later rows are judged by earlier ones")
        return
    columns, identifiers = e.table.columns, set(_identifiers(e.table.columns))
    found = {}
    for name, kind in columns.schema:
        why = _looks_like_time(columns, name, kind)
        if why and name not in identifiers:
            found[name] = why
    if found:
        yield Found(
            f"Columns that seem to say when a row was, while rows are divided at random: "
            f"{_listed(found)}.",
            "If the model will decide later cases, judge later rows by earlier ones: "
            f"--time {shown(next(iter(found)))}.",
        )


def area_under_curve(y: Truth, score: Floats) -> float:
    """Give the ROC AUC of scores (n,): how often a case has the higher one, ties half.

    Examples
    --------
    >>> area_under_curve(np.array([False, True, False, True]), np.array([1.0, 2.0, 2.0, 3.0]))
    0.875
    """
    n, n_cases = len(y), int(y.sum())
    above = rankdata(score)[y].sum() - n_cases * (n_cases + 1) / 2
    return float(above / (n_cases * (n - n_cases)))


def _some_of_each_class(table: Table, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take at most `SAMPLED` rows of each class, evenly spaced: an AUC knows no class shares."""
    each = [rows[table.y[rows] == k] for k in range(len(table.classes))]
    taken = [of_class[:: max(1, -(-len(of_class) // SAMPLED))] for of_class in each]
    return np.sort(np.concatenate(taken))


def _separable(table: Table) -> list[int]:
    """Name the classes to be told from all others, those with rows enough; of two the positive."""
    counts, total = table.counts, len(table.y)
    asked = [1] if len(counts) == 2 else range(len(counts))
    return [k for k in asked if min(counts[k], total - counts[k]) >= FEWEST_TO_SEPARATE]


def _best_area(columns: Columns, name: str, kind: str, is_case: Truth) -> float:
    """Give the best ROC AUC that a column has as numbers, as gaps, or as categories."""
    if kind == "text":
        return _area_of_categories(_codes(columns.others[name]), is_case)
    values = _numbers(columns, name)
    known = ~np.isnan(values)
    areas = [_area_either_way(is_case, known.astype(float))]
    if min(is_case[known].sum(), (~is_case)[known].sum()) >= FEWEST_TO_SEPARATE:
        areas.append(_area_either_way(is_case[known], values[known]))
    codes = np.unique(values, return_inverse=True)[1]
    if codes.max() < MOST_CATEGORIES:
        areas.append(_area_of_categories(codes, is_case))
    return max(areas)


def _area_either_way(is_case: Truth, score: Floats) -> float:
    area = area_under_curve(is_case, score)
    return max(area, 1 - area)


def _area_of_categories(codes: NDArray[np.int64], is_case: Truth) -> float:
    """Score each half of the rows by the share of cases that the other half has in a category.

    So a category that came once, as a name does, says nothing.
    """
    half = np.random.default_rng(0).random(len(codes)) < 0.5
    score = np.empty(len(codes))
    for own, other in ((half, ~half), (~half, half)):
        n = np.bincount(codes[other], minlength=codes.max() + 1)
        cases = np.bincount(codes[other], is_case[other], minlength=codes.max() + 1)
        score[own] = ((cases + is_case.mean()) / (n + 1))[codes[own]]
    return area_under_curve(is_case, score)


def _identifiers(columns: Columns) -> list[str]:
    """Name the columns that seem to name rows."""
    names: dict[str, Callable[[str], bool]] = {
        "number": lambda name: _avoids_repeats(_numbers(columns, name)),
        "text": lambda name: _is_a_name_each(columns.others[name]),
        "date": lambda name: False,
    }
    return [name for name, kind in columns.schema if names[kind](name)]


def _avoids_repeats(values: Floats) -> bool:
    """Tell whether whole numbers are all but all different, where chance would repeat them.

    Of n numbers drawn at random from R there are about n² / 2R repeats.
    """
    n = len(values)
    if n < FEWEST_TO_NAME or not np.array_equal(values, np.floor(values)):
        return False  # a NaN is not equal to itself
    repeats = n - len(np.unique(values))
    by_chance = n**2 / (2 * (values.max() - values.min() + 1))
    return repeats <= (1 - DISTINCT) * n and by_chance >= CHANCE * (repeats + 1)


def _is_a_name_each(text: pa.ChunkedArray) -> bool:
    """Tell whether texts are all but all different, and too short to be sentences."""
    known = text.drop_null()
    if len(known) < FEWEST_TO_NAME or pc.count_distinct(known).as_py() < DISTINCT * len(known):
        return False
    words = pc.count_substring_regex(pc.utf8_trim_whitespace(known), r"\s+").to_numpy() + 1
    return float(np.mean(words <= MOST_WORDS)) >= DISTINCT


def _looks_like_time(columns: Columns, name: str, kind: str) -> str:
    """Say why a column looks like the time of its rows; empty where it does not."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)]
    if BIRTH_WORDS & set(words):
        return ""
    if kind == "date":
        why = "dates"
    elif words and (words[-1] in TIME_WORDS or words == ["year"]):
        why = "by its name"
    elif kind == "number" and _is_monotone(_numbers(columns, name)):
        why = "in the order of the rows"
    else:
        return ""
    return why if _n_distinct(columns, name, kind) >= FEWEST_TIMES else ""


def _is_monotone(values: Floats) -> bool:
    """Tell whether values never fall, or never rise, from row to row."""
    steps = np.diff(values)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _n_distinct(columns: Columns, name: str, kind: str) -> int:
    if kind == "text":
        return int(pc.count_distinct(columns.others[name]).as_py())
    return len(np.unique(_numbers(columns, name)))


def _numbers(columns: Columns, name: str) -> Floats:
    """Give a column of numbers or dates, in seconds, as numbers."""
    if name in columns.others.column_names:
        count = columns.others[name].cast(pa.int64())
        return np.asarray(count.to_numpy() / 1e6, dtype=np.float64)
    return columns.numbers[:, columns.of_kind("number").index(name)]


def _codes(text: pa.ChunkedArray) -> NDArray[np.int64]:
    """Give the number of each text of a column; a gap is one more text."""
    encoded = pc.dictionary_encode(text.combine_chunks(), null_encoding="encode")
    return np.asarray(encoded.indices, dtype=np.int64)


def _listed(found: dict[str, str]) -> str:
    """List columns and what was found of each, and say how many more there are."""
    named = [f"{shown(name)} ({why})" for name, why in found.items()]
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return ", ".join(named[:SHOWN]) + more


def _options(option: str, names: Iterable[str]) -> str:
    """Write an option once for each name, the first few."""
    written = [f"{option} {shown(name)}" for name in names]
    return " ".join([*written[:SHOWN], "…"] if len(written) > SHOWN else written)
