"""Which training rows an epoch visits, drawn anew for each epoch.

Whoever samples once, before training, throws rows away for good, or repeats the same ones for ever.
Here each class is a deck of its rows: shuffled, dealt to the last card, and shuffled again for the
next pass. A draw says how many visits an epoch has and how the classes share them. Visits are
numbered on through the epochs, T in each, and a visit's class and card follow from its number
alone: so nothing is kept between epochs, and any of them can be drawn by itself.

Letters: n rows, n_k of class k, K classes, T visits in an epoch, m_k of them to class k.
"""

import reprlib
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outweigh._errors import UsageError
from outweigh._weights import Power

STACK = 4096
"""Cards that are shuffled at a time, in whole decks: one of three rows may be dealt thousands of
times in an epoch, and a generator for each would take longer than the training."""

SHUFFLE = 2**32 - 1
"""Stands where a class's code would, in the generators that mix the classes of an epoch."""


class Visits(Protocol):
    """What tells which rows an epoch visits."""

    def length(self, counts: ArrayLike, batch_size: int) -> int:
        """Give the visits T of every epoch, from the number of rows (K,) of each class."""
        ...

    def order(
        self, y: NDArray[np.int64], *, seed: int, epoch: int, batch_size: int
    ) -> NDArray[np.int64]:
        """Give the rows (T,) that an epoch visits, as positions in the codes y (n,), in order."""
        ...


class Draw(Visits, Protocol):
    """What tells which rows an epoch visits, by their class."""

    @property
    def name(self) -> str:
        """What it goes by: ``"oversample"``, ``"undersample:0.5"``, ``"balanced-batches"``."""
        ...

    def weight(self, counts: ArrayLike) -> NDArray[np.float64]:
        """Tell how many times as frequent each class (K,) is among the visits as in the rows.

        The mean over the n rows is 1. A class without rows, which is never visited, has 1.
        """
        ...


@final
@dataclass(frozen=True)
class Oversampled:
    r"""Visit the rows of rare classes several times in an epoch, the most frequent class's once.

    Parameters
    ----------
    tau : float above 0, at most 1
        1: all classes are visited alike; ½: as the square roots of their rows.

    Notes
    -----
    .. math:: m_k = n_{\max} (n_k / n_{\max})^{1 - \tau}

    The visits of an epoch are rounded down to whole batches, where there are more than one. Counted
    from the first epoch on, all rows of a class are visited equally often, up to one visit.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 0, 1, 1])
    >>> Oversampled().length([4, 2], batch_size=4)
    8
    >>> Oversampled().order(y, seed=0, epoch=0, batch_size=4)
    array([3, 0, 2, 5, 1, 4, 4, 5])
    >>> Oversampled().weight([4, 2])
    array([0.75, 1.5 ])
    """

    tau: float = 1.0

    def __post_init__(self) -> None:
        _check_tau(self.tau)

    @property
    def name(self) -> str:
        """``"oversample"``, or with its tau, ``"oversample:0.5"``."""
        return _named("oversample", self.tau)

    def length(self, counts: ArrayLike, batch_size: int) -> int:
        """Give the visits of every epoch."""
        n_k = _present(counts)
        return _whole(_visits(n_k, n_k.max(), self.tau), batch_size)

    def order(
        self, y: NDArray[np.int64], *, seed: int, epoch: int, batch_size: int
    ) -> NDArray[np.int64]:
        """Give the rows that an epoch visits, in order."""
        n_visits = self.length(np.bincount(y), batch_size)
        return _order(y, self.tau, n_visits, n_visits, seed=seed, epoch=epoch)

    def weight(self, counts: ArrayLike) -> NDArray[np.float64]:
        """Tell how many times as frequent each class is among the visits as in the rows."""
        return _weight(counts, self.tau)


@final
@dataclass(frozen=True)
class Undersampled:
    r"""Visit few rows of frequent classes for each of the rarest, but new ones until all have been.

    Parameters
    ----------
    tau : float above 0, at most 1
        1: all classes are visited alike; ½: as the square roots of their rows.

    Notes
    -----
    A round visits the rarest class once, and of the others

    .. math:: m_k = n_{\min} (n_k / n_{\min})^{1 - \tau}

    rows that were not in the rounds before, until all have been. An epoch is as many rounds as fit
    into n visits: it costs what an epoch without sampling does. Its visits are rounded down to
    whole batches, where there are more than one.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    >>> Undersampled().length([6, 2], batch_size=4)
    8
    >>> Undersampled().order(y, seed=0, epoch=0, batch_size=4)
    array([4, 2, 3, 7, 5, 6, 6, 7])
    >>> Undersampled().order(y, seed=0, epoch=1, batch_size=4)
    array([6, 4, 1, 5, 7, 0, 6, 7])
    """

    tau: float = 1.0

    def __post_init__(self) -> None:
        _check_tau(self.tau)

    @property
    def name(self) -> str:
        """``"undersample"``, or with its tau, ``"undersample:0.5"``."""
        return _named("undersample", self.tau)

    def length(self, counts: ArrayLike, batch_size: int) -> int:
        """Give the visits of every epoch."""
        n_k = _present(counts)
        of_round = _visits(n_k, n_k.min(), self.tau)
        rounds = max(1, n_k.sum() // of_round)
        return _whole(rounds * of_round, batch_size)

    def order(
        self, y: NDArray[np.int64], *, seed: int, epoch: int, batch_size: int
    ) -> NDArray[np.int64]:
        """Give the rows that an epoch visits, in order."""
        n_visits = self.length(np.bincount(y), batch_size)
        return _order(y, self.tau, n_visits, n_visits, seed=seed, epoch=epoch)

    def weight(self, counts: ArrayLike) -> NDArray[np.float64]:
        """Tell how many times as frequent each class is among the visits as in the rows."""
        return _weight(counts, self.tau)


@final
@dataclass(frozen=True)
class BalancedBatches:
    """Visit all classes alike in each batch: their visits in it differ by one at most.

    What is left over when a batch is shared goes to other classes in the next batch. An epoch has n
    visits, rounded down to whole batches; fewer rows than a batch holds are one batch together.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    >>> order = BalancedBatches().order(y, seed=0, epoch=0, batch_size=4)
    >>> order
    array([2, 3, 7, 6, 4, 5, 6, 7])
    >>> y[order].reshape(-1, 4).sum(axis=1)
    array([2, 2])
    """

    @property
    def name(self) -> str:
        """``"balanced-batches"``."""
        return "balanced-batches"

    def length(self, counts: ArrayLike, batch_size: int) -> int:
        """Give the visits of every epoch."""
        return _whole(_present(counts).sum(), batch_size)

    def order(
        self, y: NDArray[np.int64], *, seed: int, epoch: int, batch_size: int
    ) -> NDArray[np.int64]:
        """Give the rows that an epoch visits, batch after batch."""
        n_visits = self.length(np.bincount(y), batch_size)
        return _order(y, 1.0, n_visits, min(batch_size, n_visits), seed=seed, epoch=epoch)

    def weight(self, counts: ArrayLike) -> NDArray[np.float64]:
        """Tell how many times as frequent each class is among the visits as in the rows."""
        return _weight(counts, 1.0)


def _order(
    y: NDArray[np.int64], tau: float, n_visits: int, at_once: int, *, seed: int, epoch: int
) -> NDArray[np.int64]:
    """Draw an epoch, in parts of `at_once` visits that the classes share by n_k^(1 − τ)."""
    counts = np.bincount(y)
    codes = np.flatnonzero(counts)
    edges = np.arange(epoch * n_visits, (epoch + 1) * n_visits + 1, at_once)
    dealt = _dealt(edges, _present(counts) ** (1 - tau))
    rows, parts = [], []
    for code, by_edge in zip(codes.tolist(), dealt.T, strict=True):
        deck = np.flatnonzero(y == code)
        rows.append(_cards(deck, by_edge[0], by_edge[-1], seed=seed, code=code))
        parts.append(np.repeat(np.arange(len(edges) - 1), np.diff(by_edge)))
    by_part = np.argsort(np.concatenate(parts), kind="stable")
    in_parts = np.concatenate(rows)[by_part].reshape(-1, at_once)
    return np.random.default_rng([seed, SHUFFLE, epoch]).permuted(in_parts, axis=1).ravel()


def _dealt(visits: NDArray[np.int64], share: NDArray[np.float64]) -> NDArray[np.int64]:
    """Count how many of the first visits (E,) go to each class (E, K), for shares in any unit.

    Each class takes its share, rounded up, of what the classes before it left. So one visit more
    goes to one class, none of which is ever K visits or more from its share; and where shares are
    equal, those of any run of visits differ by one at most.

    Examples
    --------
    >>> _dealt(np.arange(7), np.array([2.0, 1.0]))[:, 1]
    array([0, 0, 0, 1, 1, 1, 2])
    """
    dealt, rest = [], visits
    for k in range(len(share)):
        left = (rest * share[k + 1 :].sum() // share[k:].sum()).astype(np.int64)
        dealt.append(rest - left)
        rest = left
    return np.stack(dealt, axis=-1)


def _cards(
    deck: NDArray[np.int64], first: int, last: int, *, seed: int, code: int
) -> NDArray[np.int64]:
    """Deal the cards first to last − 1 of a class, counted through all passes of its deck."""
    passes = max(1, STACK // len(deck))
    size = passes * len(deck)
    stacks = range(first // size, -(-last // size))
    cards = [
        np.random.default_rng([seed, code, stack]).permuted(np.tile(deck, (passes, 1)), axis=1)
        for stack in stacks
    ]
    begin = stacks.start * size
    return np.concatenate([deck[:0], *map(np.ravel, cards)])[first - begin : last - begin]


def _visits(n_k: NDArray[np.float64], once: float, tau: float) -> float:
    """Count visits, Σ m_k for m_k ∝ n_k^(1 − τ), that a class of `once` rows has `once` of.

    Rounded, as powers may miss a whole number by a hair.
    """
    return round(float((once * (n_k / once) ** (1 - tau)).sum()), 6)


def _whole(visits: float, batch_size: int) -> int:
    """Round visits down to whole batches, where there are more than one."""
    whole = int(visits)
    return whole - whole % batch_size if whole > batch_size else whole


def _present(counts: ArrayLike) -> NDArray[np.float64]:
    """Give the number of rows of each class that has any."""
    n_k = np.asarray(counts, dtype=np.float64)
    return n_k[n_k > 0]


def _weight(counts: ArrayLike, tau: float) -> NDArray[np.float64]:
    n_k = np.asarray(counts)
    weight = np.ones(len(n_k))
    present = np.flatnonzero(n_k)
    weight[present] = Power(tau).weights(n_k[present], classes=present.tolist())
    return weight


def _named(what: str, tau: float) -> str:
    return what if tau == 1 else f"{what}:{tau}"


def _check_tau(tau: Any) -> None:
    number = isinstance(tau, Real) and not isinstance(tau, bool | np.bool_)
    if not (number and 0 < tau <= 1):
        raise UsageError(
            f"tau must be a number above 0, at most 1; came {reprlib.repr(tau)}: "
            "1 draws all classes alike, 0.5 by the square roots of their rows"
        )
