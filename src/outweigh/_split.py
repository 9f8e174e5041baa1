"""Which rows train, which judge, and which are never touched before the end.

N rows, K classes, F folds, R repetitions. ``y`` holds class codes 0 … K − 1. Row numbers are
sorted. Three promises: rows of one *group* are never on both sides of a cut; in *time* nobody is
judged by a model that saw a later row; a *test* row is in no fold.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedKFold, train_test_split

from outweigh._classes import absent_classes, class_counts, n_classes, name_rows
from outweigh._errors import SplitError, UsageError
from outweigh._groups import deal, lacking, misfit, tally

Rows = NDArray[np.int64]

CANDIDATES = 5
"""Test parts of whole groups that are dealt, to keep the one nearest to what was asked."""

MOST_ALONE = 20
"""A target with more values than this, most of them in one row alone, is hardly meant as one."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows that train, and rows that judge what was trained.

    Attributes
    ----------
    training, held_out : (n,) int64
        Row numbers, sorted; no row is in both.
    repeat : int
        Which repetition the fold belongs to, from 0.
    """

    training: Rows
    held_out: Rows
    repeat: int = 0


@dataclass(frozen=True, eq=False)
class Split:
    """The rows of a study.

    Where test rows were given, or are the latest, a row that shares its group with one of them is
    in no part.

    Attributes
    ----------
    folds : (R F,) tuple of Fold
        Repetition by repetition.
    test : (n,) int64
        Rows never used before the end; may be empty.
    always_training : (n,) int64
        Rows of every fold's training part, never judged; may be empty.
    """

    folds: tuple[Fold, ...]
    test: Rows
    always_training: Rows = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def rest(self) -> Rows:
        """Rows that folds train on or judge, sorted: what the final model may be trained on."""
        parts = [part for fold in self.folds for part in (fold.training, fold.held_out)]
        there = np.zeros(max(part.max(initial=-1) for part in parts) + 1, dtype=bool)
        for part in parts:
            there[part] = True
        return np.flatnonzero(there)


def divide(
    y: Rows,
    *,
    folds: int = 5,
    repeats: int = 1,
    test_size: float = 0.0,
    seed: int = 0,
    group: Rows | None = None,
    time: Rows | None = None,
    test: ArrayLike | None = None,
) -> Split:
    """Divide rows into folds and a test part: stratified, by groups, or forward in time.

    Every row outside the test part is held out once in each repetition, and every part has its
    share of each class. With `time`, rows are cut into F + 1 blocks of about equal size, and fold f
    learns from all blocks before the one that it judges; the first block judges nothing.

    Parameters
    ----------
    y : (N,) int64
        Class codes.
    folds : int
        F, two at least.
    repeats : int
        R. Each repetition has a shuffle of its own, and all have the same test part.
    test_size : float
        Share of all rows that is set aside as the test part, in [0, 1). With `time` the latest.
    seed : int
        Drives the shuffling.
    group : (N,) int64, optional
        Rows of one group are never on both sides of a cut.
    time : (N,) int64, optional
        When a row was, as a rank. Rows of the same time stay together. With `group` too, a training
        part lacks the rows whose group is also in the block that it is judged by.
    test : (M,) array-like of int, optional
        The test rows, instead of `test_size`.

    Returns
    -------
    Split

    Raises
    ------
    UsageError
        When the options make no sense, by themselves or together.
    SplitError
        When a class has too few rows or groups for one in each fold, and in the test part. Of more
        than two classes such a class, with all its groups, always trains instead, as long as two
        classes are left to judge; in time it is an error with any number of classes.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 0, 1, 1, 0, 0, 0])
    >>> [fold.held_out for fold in divide(y, folds=2, seed=3).folds]
    [array([3, 5, 6, 7, 8]), array([0, 1, 2, 4])]

    >>> y, month = np.array([0, 1, 0, 1, 0, 1, 1, 0]), np.array([0, 0, 1, 1, 2, 2, 3, 3])
    >>> split = divide(y, folds=2, time=month, test_size=0.25)
    >>> [(fold.training.tolist(), fold.held_out.tolist()) for fold in split.folds], split.test
    ([([0, 1], [2, 3]), ([0, 1, 2, 3], [4, 5])], array([6, 7]))
    """
    _check_numbers(folds, repeats, test_size, seed)
    _check_together(len(y), repeats, test_size, group, time, test)
    y = np.asarray(y)
    if test is not None:
        test_rows = _given(y, test)
    elif time is not None:
        test_rows = _latest(y, time, test_size)
    else:
        test_rows = _drawn(y, folds, test_size, seed, group)
    rest = _without_groups(_without(_every(y), test_rows), test_rows, group)
    if time is not None:
        return Split(tuple(_forward(y, rest, folds, time, group)), test_rows)
    where = " outside the test part" if len(test_rows) else ""
    judged, always = _judged(y, rest, folds, group, where)
    made = [
        Fold(_without(rest, held_out), held_out, repeat)
        for repeat in range(repeats)
        for held_out in _held_out(y, judged, folds, _seed_of(seed, repeat), group)
    ]
    return Split(tuple(made), test_rows, always)


def _check_numbers(folds: int, repeats: int, test_size: float, seed: int) -> None:
    """Raise where an option makes no sense by itself."""
    if folds < 2:
        raise UsageError(f"--folds must be at least 2; came {folds}")
    if repeats < 1:
        raise UsageError(f"--repeats must be at least 1; came {repeats}")
    if not 0 <= test_size < 1:
        raise UsageError(f"--test-size must be at least 0 and below 1; came {test_size}")
    if not 0 <= seed < 2**32:
        raise UsageError(f"--seed must be at least 0 and below 2**32; came {seed}")


def _check_together(
    n: int,
    repeats: int,
    test_size: float,
    group: Rows | None,
    time: Rows | None,
    test: ArrayLike | None,
) -> None:
    """Raise where options make no sense together."""
    for name, column in (("group", group), ("time", time)):
        if column is not None and len(column) != n:
            raise UsageError(
                f"{name} must have a value for each of {n} rows; came {len(column)}: give each one"
            )
    if time is not None and repeats > 1:
        raise UsageError(
            f"time can be cut in one way only; came --repeats {repeats} with --time: "
            "leave one of them out"
        )
    if test is not None and test_size > 0:
        raise UsageError(
            "the test rows must be given or drawn, not both; came --test with --test-size "
            f"{test_size:g}: leave one of them out"
        )


def _given(y: Rows, test: ArrayLike) -> Rows:
    """Check the numbers of given test rows, and sort them."""
    rows = np.unique(np.asarray(test, dtype=np.int64))
    if len(rows) < np.size(test) or not np.isin(rows, _every(y)).all():
        raise UsageError(
            f"test rows must be numbers from 0 to {len(y) - 1}, each once; came {np.size(test)}, "
            f"{len(rows)} of them different: give each row once"
        )
    if absent := absent_classes(y, rows):
        raise SplitError(
            f"test rows must be of at least two classes; the {len(rows)} given have {absent}: "
            "give others, or none"
        )
    return rows


def _latest(y: Rows, time: Rows, test_size: float) -> Rows:
    """Give the latest rows, about `test_size` of all."""
    order = np.argsort(time, kind="stable")
    if test_size == 0:
        return order[:0]
    latest = order[_cuts(time[order], np.array([len(y) * (1 - test_size)]))[0] :]
    if absent := absent_classes(y, latest):
        raise SplitError(
            f"test rows must be of at least two classes; the latest {len(latest)} have {absent}: "
            "ask for a larger --test-size, or collect more"
        )
    return np.sort(latest)


def _drawn(y: Rows, folds: int, test_size: float, seed: int, group: Rows | None) -> Rows:
    """Draw test rows, stratified; none of a class that is too rare to be judged at all."""
    if test_size == 0:
        return _every(y)[:0]
    pool, _ = _judged(y, _every(y), folds, group, "")
    n_test, n_present = math.ceil(test_size * len(y)), len(np.unique(y[pool]))
    drawn = pool[:0]
    if n_present <= n_test <= len(pool) - n_present:  # else scikit-learn refuses, in other words
        if group is None:
            _, drawn = train_test_split(pool, test_size=n_test, stratify=y[pool], random_state=seed)
        else:
            drawn = _drawn_groups(y, pool, folds, n_test / len(pool), seed, group)
    if absent_classes(y, drawn):
        raise SplitError(
            "the test part must hold rows of each class, and so must the rest; --test-size "
            f"{test_size:g} of {len(y)} rows does not allow it: ask for another, or collect more"
        )
    return np.sort(drawn)


def _drawn_groups(y: Rows, pool: Rows, folds: int, share: float, seed: int, group: Rows) -> Rows:
    """Draw test rows in whole groups: of a few divisions the one nearest to what was asked.

    Those that leave the folds too few groups of a class come last. The last division is dealt to
    each fold and the test part at once, and so leaves enough wherever that can be.
    """
    number, counts = tally(y[pool], group[pool], n_classes(y))
    shares, rng = [1 - share, share], np.random.default_rng(seed)
    dealt = [deal(counts, shares, rng=rng) == 1 for _ in range(CANDIDATES)]
    dealt.append(deal(counts, [*[(1 - share) / folds] * folds, share], rng=rng) == folds)

    def badness(test: NDArray[np.bool_]) -> tuple[bool, float]:
        left = (counts[~test] > 0).sum(axis=0)
        spoilt = (left < folds) & counts.any(axis=0)
        return bool(spoilt.any()), misfit(counts, test.astype(np.int64), shares)

    drawn: Rows = pool[min(dealt, key=badness)[number]]
    return drawn


def _judged(y: Rows, rows: Rows, folds: int, group: Rows | None, where: str) -> tuple[Rows, Rows]:
    """Divide rows into those that folds judge, and those of classes too rare for that.

    With groups, the whole group of such a row goes, and that may make a further class too rare.
    """
    if n_classes(y) > 2 and (absent := absent_classes(y, rows, every=True)):
        raise SplitError(
            f"each class must have rows{where}; there are {absent}: ask for a smaller test part, "
            "or leave that class out"
        )
    judged = rows
    while True:
        units = _units(y, judged, group)
        if n_classes(y) == 2 and units.min() < folds:
            raise SplitError(_too_few(units, folds, where, "" if group is None else "groups with "))
        going = judged[units[y[judged]] < folds]
        if len(going) == 0:
            break
        judged = _without_groups(_without(judged, going), going, group)
    if (n_judged := (units >= folds).sum()) < 2:
        unit = "rows" if group is None else "groups"
        must = f"at least two classes must have {unit}{where} for each of {folds} folds; "
        if _are_measurements(class_counts(y, rows)):
            raise SplitError(
                f"{must}the target has {len(units):,} different values in {len(rows):,} rows, most "
                "of them once: is it the target? Name another column, or group its values"
            )
        raise SplitError(f"{must}{n_judged} of {len(units)} have: " + _fewer_folds(folds))
    return judged, _without(rows, judged)


def _are_measurements(counts: Rows) -> bool:
    """Whether values with so many rows (K,) are measurements or names, rather than classes."""
    return len(counts) > MOST_ALONE and int((counts == 1).sum()) > len(counts) / 2


def _held_out(y: Rows, judged: Rows, folds: int, seed: int, group: Rows | None) -> Iterator[Rows]:
    """Deal rows to the folds that hold them out."""
    if group is None:
        shuffled = StratifiedKFold(folds, shuffle=True, random_state=seed)
        for _, held_out in shuffled.split(np.zeros(len(judged)), y[judged]):
            yield judged[held_out]
        return
    number, counts = tally(y[judged], group[judged], n_classes(y))
    part = deal(counts, np.full(folds, 1 / folds), rng=np.random.default_rng(seed))
    if lacking(counts, part, folds).any():  # only with K > 2: classes bound up with each other
        raise SplitError(
            f"each of {folds} folds must hold a group of each class; these {len(counts)} groups "
            "cannot be dealt so: " + _fewer_folds(folds)
        )
    for fold in range(folds):
        yield judged[part[number] == fold]


def _forward(y: Rows, rest: Rows, folds: int, time: Rows, group: Rows | None) -> Iterator[Fold]:
    """Cut rows into F + 1 blocks of time; those before a block train, and the block judges."""
    ordered = rest[np.argsort(time[rest], kind="stable")]
    wanted = len(rest) * np.arange(1, folds + 1) / (folds + 1)
    blocks = np.split(ordered, _cuts(time[ordered], wanted))
    for f in range(1, folds + 1):
        held_out = np.sort(blocks[f])
        training = _without_groups(np.sort(np.concatenate(blocks[:f])), held_out, group)
        less = "" if group is None else ", less its groups,"
        for part, absent in (
            (f"what comes before block {f + 1}{less}", absent_classes(y, training, every=True)),
            (f"block {f + 1}", absent_classes(y, held_out)),
        ):
            if absent:
                raise SplitError(
                    "what comes before a block of time must hold rows of each class, and the block "
                    f"of at least two; of {folds + 1} blocks, {part} has {absent}: "
                    + _fewer_folds(folds)
                )
        yield Fold(training, held_out)


def _cuts(time: Rows, wanted: NDArray[np.float64]) -> Rows:
    """Move cuts of rows, in order of time, to where the time changes: no two to one change."""
    changes, m = np.flatnonzero(np.diff(time)) + 1, len(wanted)
    if len(changes) < m:
        raise SplitError(
            f"{m + 1} blocks of time need as many different times; these rows have "
            f"{len(changes) + 1}: ask for fewer --folds, or leave --time out"
        )
    nearest = np.abs(changes[:, None] - wanted).argmin(axis=0)
    rising = np.maximum.accumulate(nearest - np.arange(m)) + np.arange(m)
    return changes[np.minimum(rising, len(changes) - m + np.arange(m))]


def _units(y: Rows, rows: Rows, group: Rows | None) -> Rows:
    """Count what stays whole of each class, (K,): its rows, or the groups that hold them."""
    if group is None:
        return class_counts(y, rows)
    holders: Rows = (tally(y[rows], group[rows], n_classes(y))[1] > 0).sum(axis=0)
    return holders


def _every(y: Rows) -> Rows:
    return np.arange(len(y), dtype=np.int64)


def _without(rows: Rows, others: Rows) -> Rows:
    """Leave out other rows; what was sorted stays so."""
    return np.setdiff1d(rows, others, assume_unique=True)


def _without_groups(rows: Rows, others: Rows, group: Rows | None) -> Rows:
    """Leave out the rows that share a group with other rows."""
    return rows if group is None else rows[~np.isin(group[rows], group[others])]


def _seed_of(seed: int, repeat: int) -> int:
    """Give each repetition a seed: the first the study's own, the others none of its neighbours."""
    return int(np.random.SeedSequence([seed, repeat]).generate_state(1)[0]) if repeat else seed


def _too_few(units: Rows, folds: int, where: str, groups_with: str) -> str:
    """Say that a class cannot give each fold a row, or a group."""
    k = int(units.argmin())
    advice = f"ask for --folds {units[k]} or collect more" if units[k] > 1 else "collect more"
    kind = groups_with + name_rows(k, len(units))
    return f"fewer {kind}{where} ({units[k]}) than folds ({folds}): {advice}"


def _fewer_folds(folds: int) -> str:
    return f"ask for fewer --folds than {folds}, or collect more" if folds > 2 else "collect more"
