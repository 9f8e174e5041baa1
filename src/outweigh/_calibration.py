"""Calibration: each fold's probabilities repaired by what the other folds teach.

Which repair a fold gets is chosen on the other folds too: each of them is scored after repairs that
neither it nor the fold in question took part in, and the simplest wins whose log loss is within one
standard error of the best.

Letters: N entries, S settings, F folds, K classes, T ways to repair.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from outweigh._repairs import NONE, REPAIRS, HeldOut, Map, Repair

Float = NDArray[np.float64]
Integers = NDArray[np.int64]

FEWEST = 10  # rows outside the most frequent class that a repair is learned from
SMALLEST = float(np.finfo(float).eps)  # of a probability in the log loss, as in scikit-learn


@final
@dataclass(frozen=True, eq=False, kw_only=True)
class CrossFitted:
    """Probabilities repaired across folds, and how.

    Attributes
    ----------
    names : (T,) tuple of str
        The ways there were to choose from, simplest first.
    kinds : (S, F) tuples of str
        The way chosen for each fold on its other folds.
    maps : (S, F) tuples of Map
        That way, learned from all of the other folds.
    repaired : (S, N, K) float64
        Each entry by the map of its fold.
    final_kinds : (S,) tuple of str
    final : (S,) tuple of Map
        For new rows: the way chosen by the cross-fitted log loss of all folds, learned from them.
    log_losses : (S, T) float64
        That log loss; NaN where a way could not be tried.
    """

    names: tuple[str, ...]
    kinds: tuple[tuple[str, ...], ...]
    maps: tuple[tuple[Map, ...], ...]
    repaired: Float
    final_kinds: tuple[str, ...]
    final: tuple[Map, ...]
    log_losses: Float
    _folds: "_Folds"

    def within(self, f: int) -> tuple[Integers, Float]:
        """Give the entries (M,) of the other folds of f, and their probabilities (S, M, K).

        Each is repaired by what the others among them teach, in the way chosen for f. Nothing in
        them stems from fold f: what is chosen by them may be judged on it.
        """
        entries = self._folds.others(f)
        said = np.empty((len(self.kinds), len(entries), self.repaired.shape[-1]))
        fold = self._folds.fold[entries]
        for g in np.unique(fold):
            there = fold == g
            for s, kinds in enumerate(self.kinds):
                way = self.names.index(kinds[f])
                fitted = self._folds.fitted(frozenset((f, int(g))), way)[s]
                said[s, there] = fitted(self._folds.probability[s, entries[there]])
        return entries, said


def cross_fit(
    probability: Float,
    *,
    y: Integers,
    fold: Integers,
    repeat: Integers,
    row_weight: Float | None = None,
    unit: Integers | None = None,
    repairs: Sequence[Repair] = REPAIRS,
) -> CrossFitted:
    """Repair each fold's probabilities by the other folds of its repetition.

    Parameters
    ----------
    probability : (S, N, K) float64
    y, fold : (N,) int64
    repeat : (F,) int64
        Repetition of the split that each fold belongs to.
    row_weight : (N,) float64, optional
    unit : (N,) int64, optional
        Entries that are one draw have one number; each is its own unless given.
    repairs : sequence of Repair
        Simplest first, doing nothing among them.

    Returns
    -------
    crossed : CrossFitted

    Examples
    --------
    Odds three times too high in each of four folds:

    >>> y = np.tile([1, 0, 0, 0, 0], 80)
    >>> said = np.tile([1 - 3 / 7, 3 / 7], (1, 400, 1))
    >>> crossed = cross_fit(said, y=y, fold=np.arange(400) // 100, repeat=np.zeros(4, dtype=int))
    >>> crossed.final_kinds, crossed.repaired[0, 0].round(4)
    (('effective-weight',), array([0.8, 0.2]))
    """
    weight = np.ones(len(y)) if row_weight is None else row_weight
    place = np.arange(len(y)) if unit is None else np.unique(unit, return_inverse=True)[1]
    folds = _Folds(probability, y, fold, repeat, weight, place, tuple(repairs))
    n_settings, n_folds = len(probability), len(repeat)
    ways = np.array([folds.chosen(f) for f in range(n_folds)]).T  # (S, F)
    maps = tuple(
        tuple(folds.fitted(frozenset((f,)), ways[s, f])[s] for f in range(n_folds))
        for s in range(n_settings)
    )
    repaired = np.empty_like(probability)
    for f in range(n_folds):
        there = fold == f
        for s in range(n_settings):
            repaired[s, there] = maps[s][f](probability[s, there])
    final_ways, log_losses = folds.chosen_by_all()
    names = tuple(repair.name for repair in repairs)
    return CrossFitted(
        names=names,
        kinds=tuple(tuple(names[way] for way in of_folds) for of_folds in ways),
        maps=maps,
        repaired=repaired,
        final_kinds=tuple(names[way] for way in final_ways),
        final=tuple(folds.fitted(frozenset(), way)[s] for s, way in enumerate(final_ways)),
        log_losses=log_losses,
        _folds=folds,
    )


class _Folds:
    """The folds, and what is learned from all but one or two of them, each time once."""

    def __init__(
        self,
        probability: Float,
        y: Integers,
        fold: Integers,
        repeat: Integers,
        weight: Float,
        unit: Integers,
        repairs: tuple[Repair, ...],
    ):
        self.probability, self.fold = probability, fold
        self._y, self._weight, self._unit = y, weight, unit
        self._repeat, self._repairs = repeat, repairs
        self._held_out = HeldOut.all(probability, y, weight)
        shape = len(repeat), probability.shape[-1]
        cell = np.ravel_multi_index((fold, y), shape)[weight > 0]
        self._counts = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
        self.fitted = cache(self._fitted)
        self._taught = lru_cache(maxsize=1)(self._taught_without)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the folds are made of, and nothing that was learned."""
        given = self.probability, self._y, self.fold, self._repeat, self._weight, self._unit
        return _Folds, (*given, self._repairs)

    def others(self, f: int) -> Integers:
        """Give the entries of the other folds of a fold's repetition."""
        return np.flatnonzero(self._teaches(frozenset((f,)))[self.fold])

    def chosen(self, f: int) -> Integers:
        """Choose a way (S,) for a fold, on its other folds."""
        return self._simplest(self._pairs(f))[0]

    def chosen_by_all(self) -> tuple[Integers, Float]:
        """Choose a way (S,) for new rows, on all folds; give the log losses (S, T), too.

        Only where each fold could choose one: thresholds for new rows stand on what folds repair.
        """
        folds = range(len(self._repeat))
        could = all(self._can_choose(self._pairs(f)) for f in folds)
        return self._simplest({f: frozenset((f,)) for f in folds if could})

    def _pairs(self, f: int) -> dict[int, frozenset[int]]:
        """Give each other fold of a fold's repetition with what it is repaired without: both."""
        others = np.flatnonzero(self._teaches(frozenset((f,))) & self._counts.any(axis=1))
        return {int(g): frozenset((f, int(g))) for g in others}

    def _can_choose(self, without: dict[int, frozenset[int]]) -> bool:
        enough = all(map(self._enough, without.values()))
        return len(self._repairs) > 1 and len(without) >= 2 and enough

    def _simplest(self, without: dict[int, frozenset[int]]) -> tuple[Integers, Float]:
        """Choose the simplest way that is as good as any on some folds; give the log losses.

        `without` says for each of the folds which ones it is repaired without.
        """
        shape = len(self.probability), len(self._repairs)
        if not self._can_choose(without):
            return np.full(shape[0], self._repairs.index(NONE)), np.full(shape, np.nan)
        parts = [np.flatnonzero((self.fold == f) & (self._weight > 0)) for f in without]
        ways = [[self.fitted(e, way) for way in range(shape[1])] for e in without.values()]
        entries = np.concatenate(parts)
        weight, unit = self._weight[entries], np.unique(self._unit[entries], return_inverse=True)[1]
        chosen, means = np.empty(shape[0], dtype=np.int64), np.empty(shape)
        for s in range(shape[0]):
            loss = np.concatenate(
                [
                    self._losses([maps[s] for maps in each], s, part)
                    for each, part in zip(ways, parts, strict=True)
                ],
                axis=1,
            )
            means[s] = loss @ weight / weight.sum()
            chosen[s] = _first_as_good(loss * weight, unit)
        return chosen, means

    def _losses(self, maps: Sequence[Map], s: int, entries: Integers) -> Float:
        """Give the log loss (T, M) of what a setting says of entries, after each of some maps."""
        said = self.probability[s, entries]
        true = np.arange(len(entries)), self._y[entries]
        return -np.log(np.maximum([repaired(said)[true] for repaired in maps], SMALLEST))

    def _enough(self, excluded: frozenset[int]) -> bool:
        """Tell whether there are rows enough to learn from without some folds."""
        counts = self._counts[self._teaches(excluded)].sum(axis=0)
        return bool(counts.sum() - counts.max() >= FEWEST)

    def _fitted(self, excluded: frozenset[int], way: int) -> tuple[Map, ...]:
        """Learn a map for each setting without some folds; without none, from all there are."""
        return self._repairs[way].fit(self._taught(excluded))

    def _taught_without(self, excluded: frozenset[int]) -> HeldOut:
        return self._held_out.take(np.flatnonzero(self._teaches(excluded)[self.fold]))

    def _teaches(self, excluded: frozenset[int]) -> NDArray[np.bool_]:
        """Tell of each fold (F,) whether it is of the same repetition, and not excluded."""
        if not excluded:
            return np.ones(len(self._repeat), dtype=bool)
        teaches: NDArray[np.bool_] = self._repeat == self._repeat[min(excluded)]
        teaches[list(excluded)] = False
        return teaches


def _first_as_good(loss: Float, unit: Integers) -> int:
    """Give the first of some losses (T, M) within one standard error of the least.

    The error is that of the difference to the least, row by row; entries of one unit are summed.
    Units (M,) are numbered from 0.
    """
    n_units = int(unit.max()) + 1
    worse = loss - loss[loss.sum(axis=1).argmin()]
    for way, more in enumerate(worse):
        error = np.bincount(unit, more).std() * np.sqrt(n_units * n_units / max(n_units - 1, 1))
        if more.sum() <= error:
            return way
    raise AssertionError("the least loss is no larger than itself")
