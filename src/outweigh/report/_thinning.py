"""Thinning: a line of fewer points that nobody can tell from the whole one.

D. H. Douglas and T. K. Peucker, "Algorithms for the reduction of the number of points required to
represent a digitized line or its caricature", Cartographica 10 (1973): keep the point that lies
farthest from the straight line between two kept ones, until none lies far.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = Sequence[tuple[float, float]]
Float = NDArray[np.float64]

TOLERANCE = 0.25  # pixels
MOST = 200  # points


def thinned(points: Points, tolerance: float = TOLERANCE, most: int = MOST) -> Points:
    """Leave out points of a line, never its ends.

    Parameters
    ----------
    points : sequence of (float, float)
        In pixels.
    tolerance : float
        How far a point that is left out may lie from the line that is drawn; twice as far, and so
        on, where more points than `most` would be left.
    most : int

    Examples
    --------
    >>> thinned([(0, 0), (1, 0.1), (2, 0), (3, 5)])
    [(0, 0), (2, 0), (3, 5)]
    """
    if len(points) < 3:
        return points
    at = np.asarray(points, dtype=float)
    kept = _kept(at, tolerance)
    while len(kept) > most:
        tolerance *= 2
        kept = _kept(at, tolerance)
    return [points[i] for i in kept]


def _kept(at: Float, tolerance: float) -> NDArray[np.int64]:
    """Tell which of points (n, 2) are kept."""
    keep, parts = {0, len(at) - 1}, [(0, len(at) - 1)]
    while parts:
        first, last = parts.pop()
        if last - first < 2:
            continue
        away = distances(at[first + 1 : last], at[first], at[last])
        if away.max() > tolerance:
            farthest = first + 1 + int(away.argmax())
            keep.add(farthest)
            parts += [(first, farthest), (farthest, last)]
    return np.array(sorted(keep))


def distances(at: Float, start: Float, end: Float) -> Float:
    """Give how far points (n, 2) lie from the straight line between two points (2,)."""
    along = end - start
    length = float(along @ along)
    share = np.clip((at - start) @ along / length, 0, 1) if length else np.zeros(len(at))
    gap = at - start - share[:, np.newaxis] * along
    return np.hypot(gap[:, 0], gap[:, 1])
