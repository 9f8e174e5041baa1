"""Findings on rows: classes too rare for the split, and copies on both sides of a cut.

Letters: N rows, M of them copies, K classes, F folds, D columns.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from outweigh._groups import copied, tally
from outweigh._look import Found, NotApplicable
from outweigh._reading import shown
from outweigh._split import Split
from outweigh._study import Evidence

FEWEST_JUDGING = 10  # rows outside the most frequent class, for a fold's figures to mean much
COPIES, RARE_COPIES = 0.01, 0.05  # shares of all rows, and of the rarer classes', worth a word
ABSENT, ONLY_TRAINS = -2, -1

Answers = Iterator[Found | NotApplicable]
Integers = NDArray[np.int64]
Truth = NDArray[np.bool_]


def class_not_judged(e: Evidence) -> Answers:
    """``class-not-judged``: a class has fewer rows than there are folds."""
    if len(e.table.classes) == 2:
        yield NotApplicable("there are two classes, and folds judge both")
        return
    if not len(e.split.always_training):
        return
    codes, counts = np.unique(e.table.y[e.split.always_training], return_counts=True)
    named = (f"{shown(e.table.classes[k])} ({n})" for k, n in zip(codes, counts, strict=True))
    yield Found(
        f"Classes with fewer rows than folds are trained on and never judged: {', '.join(named)}.",
        "Collect more of these rows, merge the class with another, or take fewer --folds.",
    )


def few_positives_in_fold(e: Evidence) -> Answers:
    """``few-positives-in-fold``: a fold is judged by a handful of rows of the rarer classes."""
    rare = _is_rare(e)
    counts = [int(rare[fold.held_out].sum()) for fold in e.split.folds]
    few = sum(n < FEWEST_JUDGING for n in counts)
    if few:
        yield Found(
            f"{few} of {len(counts)} folds are judged by fewer than {FEWEST_JUDGING} rows outside "
            f"the most frequent class; the smallest number is {min(counts)}.",
            "Take fewer --folds, or collect more of these rows: one of them more or less changes "
            "a fold's figures.",
        )


def duplicates_across_folds(e: Evidence) -> Answers:
    """``duplicates-across-folds``: rows that are judged have copies among those that trained."""
    if e.design.duplicates_together:
        yield NotApplicable("--duplicates-together keeps copies in one fold")
        return
    rows, group = copied(e.table.columns.comparable())
    parts = _parts(e.split, len(e.table.y))
    across = np.any([_has_several(part[rows], group) for part in parts], axis=0)
    found, rare = rows[across], _is_rare(e)
    if len(found) < COPIES * len(rare) and rare[found].sum() <= RARE_COPIES * rare.sum():
        return
    counts = tally(e.table.y[found], group[across], len(e.table.classes))[1]
    unlike = counts.sum() - counts.max(axis=1).sum()
    yield Found(
        f"{len(found):,} of {len(rare):,} rows are equal in every feature to a row on the other "
        f"side of a cut, and {unlike:,} of them are of another class than most of their copies.",
        "If they are copies of one case, say --duplicates-together: figures are too good without. "
        "If they are cases that look alike, all is well.",
    )


def _parts(split: Split, n: int) -> list[Integers]:
    """Give for each repetition the part (N,) of each row: its fold, or the test rows."""
    parts = []
    for repeat in sorted({fold.repeat for fold in split.folds}):
        part = np.full(n, ABSENT)
        part[split.test] = len(split.folds)
        folds = [fold for fold in split.folds if fold.repeat == repeat]
        for fold in folds:
            part[fold.training] = ONLY_TRAINS
        for f, fold in enumerate(folds):
            part[fold.held_out] = f
        parts.append(part)
    return parts


def _has_several(part: Integers, group: Integers) -> Truth:
    """Tell which rows (M,) are in a group that has rows in several parts."""
    here = part != ABSENT
    number, counts = tally(part[here] - ONLY_TRAINS, group[here], part.max(initial=0) + 2)
    several = np.zeros(len(part), dtype=np.bool_)
    several[here] = ((counts > 0).sum(axis=1) > 1)[number]
    return several


def _is_rare(e: Evidence) -> Truth:
    """Tell which rows (N,) count and are outside the most frequent class."""
    counts = e.table.counts
    rare: Truth = e.table.y != counts.argmax()
    return rare if e.table.row_weight is None else rare & (e.table.row_weight > 0)
