"""Calibration: each fold's probabilities repaired by what the other folds teach.

Which repair a fold gets is chosen on the other folds too: each of them is scored after repairs that
neither it nor the fold in question took part in, and the simplest wins whose log loss is within one
standard error of the best.

Letters: N entries, S settings, F folds, K classes, T ways to repair.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
from numpy.typing import NDArray

from outweigh._repairs import NONE, REPAIRS, Map, Repair

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
        self.fitted = cache(self._fitted)

    def others(self, f: int) -> Integers:
        """Give the entries of the other folds of a fold's repetition."""
        return np.flatnonzero((self._repeat[self.fold] == self._repeat[f]) & (self.fold != f))

    def chosen(self, f: int) -> Integers:
        """Choose a way (S,) for a fold, on its other folds."""
        others = np.unique(self.fold[self.others(f)])
        return self._simplest({int(g): frozenset((f, int(g))) for g in others})[0]

    def chosen_by_all(self) -> tuple[Integers, Float]:
        """Choose a way (S,) for new rows, on all folds; give the log losses (S, T), too."""
        return self._simplest({f: frozenset((f,)) for f in range(len(self._repeat))})

    def _simplest(self, without: dict[int, frozenset[int]]) -> tuple[Integers, Float]:
        """Choose the simplest way that is as good as any on some folds; give the log losses.

        `without` says for each of the folds which ones it is repaired without.
        """
        shape = len(self.probability), len(self._repairs)
        if (
            len(self._repairs) == 1
            or len(without) < 2
            or not all(map(self._enough, without.values()))
        ):
            return np.full(shape[0], self._repairs.index(NONE)), np.full(shape, np.nan)
        parts = {f: np.flatnonzero(self.fold == f) for f in without}
        entries = np.concatenate(list(parts.values()))
        weight, unit = self._weight[entries], self._unit[entries]
        chosen, means = np.empty(shape[0], dtype=np.int64), np.empty(shape)
        for s in range(shape[0]):
            loss = np.stack(
                [
                    np.concatenate([self._loss(s, way, without[f], parts[f]) for f in without])
                    for way in range(shape[1])
                ]
            )
            means[s] = loss @ weight / weight.sum()
            chosen[s] = _first_as_good(loss * weight, unit)
        return chosen, means

    def _loss(self, s: int, way: int, excluded: frozenset[int], entries: Integers) -> Float:
        """Give the log loss (M,) of entries repaired without some folds."""
        said = self.fitted(excluded, way)[s](self.probability[s, entries])
        own = said[np.arange(len(entries)), self._y[entries]]
        return np.asarray(-np.log(np.maximum(own, SMALLEST)))

    def _enough(self, excluded: frozenset[int]) -> bool:
        """Tell whether there are rows enough to learn from without some folds."""
        counts = np.bincount(self._y[self._entries(excluded)])
        return bool(counts.sum() - counts.max() >= FEWEST) if len(counts) else False

    def _fitted(self, excluded: frozenset[int], way: int) -> tuple[Map, ...]:
        """Learn a map for each setting without some folds; without none, from all there are."""
        entries = self._entries(excluded)
        return self._repairs[way].fit_all(
            self.probability[:, entries], self._y[entries], self._weight[entries]
        )

    def _entries(self, excluded: frozenset[int]) -> Integers:
        if not excluded:
            return np.arange(len(self._y))
        same = self._repeat[self.fold] == self._repeat[min(excluded)]
        return np.flatnonzero(same & ~np.isin(self.fold, list(excluded)))


def _first_as_good(loss: Float, unit: Integers) -> int:
    """Give the first of some losses (T, M) within one standard error of the least.

    The error is that of the difference to the least, row by row; entries of a unit are summed.
    """
    _, place = np.unique(unit, return_inverse=True)
    n_units = int(place.max()) + 1
    worse = loss - loss[loss.sum(axis=1).argmin()]
    for way, more in enumerate(worse):
        error = np.bincount(place, more).std() * np.sqrt(n_units * n_units / max(n_units - 1, 1))
        if more.sum() <= error:
            return way
    raise AssertionError("the least loss is no larger than itself")
