"""Groups: rows that belong together and go to one side of a cut whole.

A customer's visits, a patient's images, copies of one row. G groups, K classes, P parts; counts
(G, K) are the rows of each class in each group.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from outweigh._errors import UsageError

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

FREE = -1
"""The part of a group that has none yet."""


def copied(matrix: NDArray[np.float64]) -> tuple[Integers, Integers]:
    """Find the rows (N, D) that are there more than once.

    Rows are first compared by a hash of 64 bits, and only those whose hash comes twice byte for
    byte: exact, and several times as fast where few rows are copies.

    Parameters
    ----------
    matrix : (N, D) float64
        Equal values must be equal byte for byte, as `Columns.comparable` makes them.

    Returns
    -------
    rows : (M,) int64
        Their numbers, sorted.
    group : (M,) int64
        Rows that are equal have the same.

    Examples
    --------
    >>> copied(np.array([[1.0, np.nan], [2.0, 3.0], [1.0, np.nan]]))
    (array([0, 2]), array([0, 0]))
    """
    place, times = np.unique(_hash(matrix), return_inverse=True, return_counts=True)[1:]
    rows = np.flatnonzero((times > 1)[place])
    group = duplicate_groups(matrix[rows])
    alone = np.bincount(group, minlength=1)[group] == 1  # two hashes met by chance
    return rows[~alone], group[~alone]


def first_copies(matrix: ArrayLike, rows: ArrayLike) -> Integers:
    """Give for each of some rows of a matrix the first of them that it is a copy of.

    Parameters
    ----------
    matrix : (N, D) array-like of numbers
    rows : (M,) array-like of int
        Which rows are compared; a row may come several times.

    Returns
    -------
    (M,) int64
        Numbers of rows. Rows that are not among those compared have no say in them.

    Examples
    --------
    >>> first_copies([[1, 5], [1, 6], [1, 5], [1, 5]], rows=[3, 1, 2])
    array([2, 1, 2])
    """
    among, place = np.unique(np.asarray(rows), return_inverse=True)
    copies, group = copied(np.asarray(matrix, dtype=np.float64)[among])
    _, at, which = np.unique(group, return_index=True, return_inverse=True)
    first = among.astype(np.int64)
    first[copies] = among[copies[at]][which]
    return np.asarray(first[place])


def duplicate_groups(matrix: ArrayLike, group: ArrayLike | None = None) -> Integers:
    """Group the rows of a matrix that are copies of each other.

    A given grouping is kept, and coarsened: groups that share a row, or are linked by a chain of
    shared rows, become one.

    Parameters
    ----------
    matrix : (N, D) array-like of numbers
        Rows are copies when they are equal byte for byte: a gap equals a gap, 0.0 is not -0.0.
    group : (N,) array-like of int, optional
        Groups to begin with.

    Returns
    -------
    (N,) int64
        Codes 0 … G − 1; rows of one group have the same.

    Raises
    ------
    UsageError
        When the matrix does not hold numbers.

    Examples
    --------
    Rows 0 and 2 are copies, and so their groups 7 and 9 are one:

    >>> duplicate_groups([[1, 5], [1, 6], [1, 5], [2, 2]], group=[7, 7, 9, 8])
    array([0, 0, 0, 1])
    """
    rows = np.ascontiguousarray(matrix)
    if rows.ndim != 2 or rows.dtype.hasobject:
        raise UsageError(
            f"copies are looked for in a matrix of numbers; came {rows.ndim} dimensions of "
            f"{rows.dtype}: turn the columns into numbers first"
        )
    one_number_per_row = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))
    copy = np.unique(one_number_per_row.ravel(), return_inverse=True)[1].astype(np.int64)
    return copy if group is None else _joined(copy, np.asarray(group))


def _hash(matrix: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Mix the bits of each row (N, D) into one number (N,)."""
    bits = np.ascontiguousarray(matrix, dtype=np.float64).view(np.uint64)
    rng = np.random.default_rng(0)
    hashed = np.zeros(len(bits), dtype=np.uint64)
    for column in bits.T:
        odd = np.uint64(2 * rng.integers(2**62) + 1)  # an even factor would lose a bit
        hashed = (hashed ^ column) * odd
        hashed ^= hashed >> np.uint64(29)
    return hashed


def tally(y: Integers, group: Integers, n_classes: int) -> tuple[Integers, Integers]:
    """Count the rows of each class in each group.

    Parameters
    ----------
    y, group : (n,) int64
        Class and group codes of some rows.
    n_classes : int
        K.

    Returns
    -------
    number : (n,) int64
        Which group each row belongs to, 0 … G − 1.
    counts : (G, K) int64

    Examples
    --------
    >>> tally(np.array([0, 1, 1]), np.array([8, 3, 8]), 2)
    (array([1, 0, 1]), array([[0, 1],
           [1, 1]]))
    """
    codes, number = np.unique(group, return_inverse=True)
    places = np.bincount(number * n_classes + y, minlength=len(codes) * n_classes)
    return number.astype(np.int64), places.reshape(len(codes), n_classes)


def deal(
    counts: Integers,
    shares: ArrayLike,
    *,
    rng: np.random.Generator,
    room: ArrayLike = np.inf,
) -> Integers:
    """Deal groups to parts, so that each part has about its share of each class and of all rows.

    Greedy, heavy groups first: each goes where it costs least, `misfit` being the cost. That is
    the idea of scikit-learn's StratifiedGroupKFold, for unequal parts too, and with three
    departures. Groups with the same counts are dealt in one stroke, which makes a table of 600,000
    rows a matter of a second. Groups about equally heavy (to a factor of 2) come in random order,
    or a table of big groups would have one division for all seeds. And where a part ends up without
    a class although there are groups enough, each part is first given one group of each class.

    Parameters
    ----------
    counts : (G, K) int64
    shares : (P,) array-like of float
        What part of all rows each part should have.
    rng : numpy.random.Generator
    room : float or (P,) array-like of float
        How many rows a part may have at most. One part at least must be boundless.

    Returns
    -------
    part : (G,) int64
        Which part each group went to.

    Examples
    --------
    >>> counts = np.array([[9, 0], [2, 1], [2, 1], [5, 0], [4, 0], [2, 0]])
    >>> part = deal(counts, [0.5, 0.5], rng=np.random.default_rng(0))
    >>> [counts[part == p].sum(axis=0).tolist() for p in range(2)]
    [[13, 1], [11, 1]]
    """
    shares = np.asarray(shares, dtype=np.float64)
    room = np.broadcast_to(np.asarray(room, dtype=np.float64), shares.shape)
    dealt = _greedy(counts, shares, np.full(len(counts), FREE), room, rng)
    enough = (counts > 0).sum(axis=0) >= len(shares)
    if lacking(counts, dealt, len(shares))[:, enough].any():
        dealt = _greedy(counts, shares, _cover(counts, shares, room, rng), room, rng)
    return dealt


def choose(counts: Integers, most: int, *, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Choose groups of `most` rows together, or little less, with a fair share of each class.

    The groups left behind keep each class; so a class that only one group holds stays there. In
    the end no further group fits, save those that a class could not spare.

    Parameters
    ----------
    counts : (G, K) int64
    most : int
        Rows of the chosen groups at most.
    rng : numpy.random.Generator

    Returns
    -------
    chosen : (G,) bool
        May lack a class, where it cannot be had.

    Examples
    --------
    >>> counts = np.array([[3, 1], [3, 1], [3, 1], [2, 0], [1, 0]])
    >>> choose(counts, 5, rng=np.random.default_rng(0))
    array([False,  True, False, False,  True])
    """
    share = most / counts.sum()
    part = deal(counts, [1 - share, share], rng=rng, room=[np.inf, most])
    lost = lacking(counts, part, 2)[0]  # a class of one group, or of groups bound up with others
    part[counts[:, lost].any(axis=1)] = 0
    return _filled(counts, part == 1, most, rng)


def misfit(counts: Integers, part: Integers, shares: ArrayLike) -> float:
    r"""Measure how far parts are from their shares of each class and of all rows.

    .. math:: \sum_p \sum_k (l_{pk} - t_p)^2 / t_p

    l: the share of class k in part p; t: the share asked for. All rows count as one more class.

    Examples
    --------
    >>> misfit(np.array([[2, 1], [2, 1]]), np.array([0, 1]), [0.5, 0.5])
    0.0
    """
    shares = np.asarray(shares, dtype=np.float64)
    weight = _weight(counts)
    load = np.stack([weight[part == p].sum(axis=0) for p in range(len(shares))])
    return float(((load - shares[:, None]) ** 2 / shares[:, None]).sum())


def lacking(counts: Integers, part: Integers, n_parts: int) -> NDArray[np.bool_]:
    """Say which parts have no row of a class that other parts have, (P, K).

    Examples
    --------
    >>> lacking(np.array([[2, 1, 0], [2, 0, 0]]), np.array([0, 1]), 2)
    array([[False, False, False],
           [False,  True, False]])
    """
    holds = counts > 0
    has = np.stack([holds[part == p].any(axis=0) for p in range(n_parts)])
    return ~has & holds.any(axis=0)


def _joined(copy: Integers, group: Integers) -> Integers:
    """Join two groupings of the same rows: components of the graph whose edges are the rows."""
    given = np.unique(group, return_inverse=True)[1]
    n_copies = copy.max(initial=-1) + 1
    n_nodes = n_copies + given.max(initial=-1) + 1
    edges = coo_array((np.ones(len(copy)), (copy, n_copies + given)), shape=(n_nodes, n_nodes))
    component: Integers = connected_components(edges, directed=False)[1].astype(np.int64)
    return component[copy]


def _weight(counts: Integers) -> Numbers:
    """Give each group's share of each class that occurs, and of all rows, (G, K + 1)."""
    columns = np.column_stack([counts[:, counts.any(axis=0)], counts.sum(axis=1)])
    weight: Numbers = columns / columns.sum(axis=0)
    return weight


def _greedy(
    counts: Integers, shares: Numbers, begun: Integers, room: Numbers, rng: np.random.Generator
) -> Integers:
    """Deal the free groups. Of m alike ones, those m places are taken that cost least.

    With load l, the j-th group of weight s adds ((2 l + (2 j + 1) s)·s) / t to the misfit, apart
    from what is the same for all parts.
    """
    part, weight, sizes = begun.copy(), _weight(counts), counts.sum(axis=1)
    load = np.stack([weight[part == p].sum(axis=0) for p in range(len(shares))])
    left = room - [sizes[part == p].sum() for p in range(len(shares))]
    for alike in _batches(counts, weight, np.flatnonzero(part == FREE), rng):
        s, size, nth = weight[alike[0]], sizes[alike[0]], np.arange(len(alike))
        # a sum of products, not @: it is the same whatever the order of two classes
        cost = 2 * (load * s).sum(axis=1)[:, None] + (2 * nth + 1) * (s * s).sum()
        cost = np.where((nth + 1) * size <= left[:, None], cost / shares[:, None], np.inf)
        cheapest = np.argsort(cost, axis=None, kind="stable")[: len(alike)]
        n = np.bincount(cheapest // len(alike), minlength=len(shares))
        part[alike] = np.repeat(np.arange(len(shares)), n)
        load += n[:, None] * s
        left = left - n * size
    return part


def _batches(
    counts: Integers, weight: Numbers, free: Integers, rng: np.random.Generator
) -> list[Integers]:
    """Sort groups into batches of the same counts: heavy ones first, to a factor of 2.

    Within that batches are shuffled, and within a batch groups are.
    """
    free = rng.permutation(free)
    if len(free) == 0:
        return []
    kind = np.zeros(len(free), dtype=np.int64)
    for column in counts[free].T:
        kind = np.unique(kind * (column.max() + 1) + column, return_inverse=True)[1]
    first = np.unique(kind, return_index=True)[1]
    octave = np.floor(np.log2((weight[free[first]] ** 2).sum(axis=1)) / 2)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.lexsort((first, -octave))] = np.arange(len(first))
    order = np.argsort(rank[kind], kind="stable")
    return np.split(free[order], np.flatnonzero(np.diff(rank[kind[order]])) + 1)


def _cover(counts: Integers, shares: Numbers, room: Numbers, rng: np.random.Generator) -> Integers:
    """Give each part a group of each class, as far as they go; the others stay free.

    The class that the fewest groups hold comes first, parts of little room before others, and of
    the groups that fit the one that brings most of what the part lacks, then the lightest: where
    two groups do not fit, one that holds both classes may. Of two classes each part gets both,
    where P groups hold each and room is boundless; of more a way may be missed, if seldom.
    """
    part, holds, sizes = np.full(len(counts), FREE), counts > 0, counts.sum(axis=1)
    left, shuffled = room.copy(), rng.permutation(len(counts))
    for k in np.argsort(holds.sum(axis=0), kind="stable"):
        for p in np.lexsort((shares, room)):
            lacks = ~holds[part == p].any(axis=0)
            fits = (part == FREE) & holds[:, k] & (sizes <= left[p])
            candidates = shuffled[fits[shuffled]]
            if lacks[k] and len(candidates):
                brings = (holds[candidates] & lacks).sum(axis=1)
                best = candidates[np.lexsort((sizes[candidates], -brings))[0]]
                part[best] = p
                left[p] -= sizes[best]
    return part


def _filled(
    counts: Integers, chosen: NDArray[np.bool_], most: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Choose more groups, the largest that fit first, until none fits.

    The group with the most rows of a class stays behind, so that no class is lost.
    """
    sizes, chosen = counts.sum(axis=1), chosen.copy()
    left = most - sizes[chosen].sum()
    stays = chosen.copy()
    stays[np.where(chosen[:, None], -1, counts).argmax(axis=0)] = True
    free = rng.permutation(np.flatnonzero(~stays & (sizes <= left)))
    for size in np.unique(sizes[free])[::-1]:
        alike = free[sizes[free] == size][: left // size]
        chosen[alike] = True
        left -= size * len(alike)
    return chosen
