"""Cohorts: settings whose lanes can train together, and the rows that they visit.

Lanes share a chunk where they visit the same rows and their losses are of one kind. So all class
weights are one cohort, all losses of ours another, and each way to draw or to make rows is one for
itself. References share nothing, and each is a cohort under each rule.

Letters: N rows of the table, n training, S settings, L of them in a cohort, K classes, D features.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outweigh._chunk import Chunk
from outweigh._draws import Draw
from outweigh._references import Reference
from outweigh._samplers import Sampler
from outweigh._settings import Setting

STEPS = 32  # numbers of rows made by a sampler that are told apart, of each order of magnitude


@final
@dataclass(frozen=True)
class Cohort:
    """Settings, by their number, whose lanes visit the same rows."""

    settings: tuple[int, ...]
    bends: bool = False
    draw: Draw | None = None
    sampler: Sampler | None = None
    reference: Reference | None = None


@final
@dataclass(frozen=True)
class Passes:
    """Visits made rows in passes that need not end with an epoch: every epoch is of one length."""

    n_rows: int  # of which the training rows of a chunk are the first

    def length(self, counts: ArrayLike, batch_size: int) -> int:
        """Give the rows of an epoch: as many as there are, rounded down."""
        grain = _grain(self.n_rows, batch_size)
        return self.n_rows // grain * grain or self.n_rows

    def order(
        self, y: NDArray[np.int64], *, seed: int, epoch: int, batch_size: int
    ) -> NDArray[np.int64]:
        """Give the rows that an epoch visits; where one pass ends, the next one begins."""
        length = self.length(y, batch_size)
        first, last = epoch * length, (epoch + 1) * length
        passes = range(first // self.n_rows, -(-last // self.n_rows))
        orders = [np.random.default_rng([seed, i]).permutation(self.n_rows) for i in passes]
        begin = first - passes[0] * self.n_rows
        return np.concatenate(orders)[begin : begin + length]


def cohorts_of(settings: Sequence[Setting]) -> tuple[Cohort, ...]:
    """Put settings into cohorts, in the order in which their first ones come.

    Examples
    --------
    >>> from outweigh._grammar import parse_settings
    >>> settings = parse_settings("focal:2, balanced, oversample, smoothed:0.1", classes=(0, 1))
    >>> [cohort.settings for cohort in cohorts_of(settings)]
    [(0, 2), (1, 4), (3,)]
    """
    found: dict[tuple[Cohort, int | None], list[int]] = {}
    for s, setting in enumerate(settings):
        alike = Cohort((), setting.bends, setting.draw, setting.sampler, setting.reference)
        found.setdefault((alike, s if setting.reference else None), []).append(s)
    return tuple(replace(alike, settings=tuple(numbers)) for (alike, _), numbers in found.items())


def visited(
    chunk: Chunk, cohort: Cohort, *, one_hot: Sequence[NDArray[np.int64]]
) -> tuple[Chunk, NDArray[np.float64]]:
    """Give a chunk the rows that a cohort visits.

    Parameters
    ----------
    chunk : Chunk
        With the rows that the cohort was given.
    cohort : Cohort
    one_hot : sequence of (g,) int
        The features that tell the texts of one column.

    Returns
    -------
    chunk : Chunk
    frequency : (K,) float64
        How many times as frequent each class is among the rows visited.

    Raises
    ------
    SettingError
        When the sampler cannot serve these rows.
    """
    counts = np.bincount(chunk.y[chunk.training], minlength=len(chunk.prior))
    if cohort.sampler is not None:
        return _resampled(chunk, cohort.sampler, one_hot)
    if cohort.reference is not None:
        return chunk, cohort.reference.weight(counts)
    if cohort.draw is None:
        return chunk, np.ones(len(counts))
    frequency = cohort.draw.weight(counts)
    return replace(chunk, draw=cohort.draw, frequency=frequency), frequency


def _resampled(
    chunk: Chunk, sampler: Sampler, one_hot: Sequence[NDArray[np.int64]]
) -> tuple[Chunk, NDArray[np.float64]]:
    """Put the rows that a sampler makes of the training rows before the others.

    The training rows are filled up, with rows that no epoch visits, to a number that all folds
    share: one compiled program serves them all.
    """
    given, weight = chunk.training, chunk.row_weight
    made = sampler.resample(
        chunk.x[given],
        chunk.y[given],
        None if weight is None else weight[given],
        one_hot=one_hot,
        seed=chunk.seed,
    )
    n, others = len(made.y), np.concatenate([chunk.validation, chunk.held_out])
    places = n + np.arange(len(others))
    filling = np.zeros(-n % _grain(n, chunk.batch_size), dtype=np.int64)
    before, after = (
        np.bincount(y, weights=w, minlength=len(chunk.prior))
        for y, w in ((chunk.y[given], None if weight is None else weight[given]), made[1:])
    )
    with np.errstate(invalid="ignore", divide="ignore"):  # a class that no row is of
        frequency = np.where(before > 0, after / before, 1) * before.sum() / after.sum()
    return replace(
        chunk,
        x=np.concatenate([made.x, chunk.x[others]]),
        y=np.concatenate([made.y, chunk.y[others]]),
        row_weight=None if weight is None else np.concatenate([made.row_weight, weight[others]]),
        training=np.concatenate([np.arange(n), filling]),
        validation=places[: len(chunk.validation)],
        held_out=places[len(chunk.validation) :],
        draw=Passes(n),
        frequency=frequency,
    ), frequency


def _grain(n: int, batch_size: int) -> int:
    """Give the step in which numbers of rows are told apart: whole batches, a few of the rows."""
    return batch_size * max(1, n // (STEPS * batch_size))
