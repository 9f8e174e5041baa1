r"""Repairs: maps from probabilities to honest ones, learned from rows that were held out.

Three ways are one family of growing freedom,

.. math:: p'_k \propto p_k^a \, e^{b_k},

fitted on the log loss: `EFFECTIVE_WEIGHT` frees the shifts b, which is what a class weight does and
what undoing too much or too little of it leaves behind; `TEMPERATURE` frees the scale a, which is
over- or underconfidence; `PLATT` frees both. With two classes this is the line a·log-odds + b.
`ISOTONIC` frees everything but the order.

Letters: N rows, K classes, S settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.isotonic import isotonic_regression

Float = NDArray[np.float64]

FLOOR = 1e-12  # a probability of 0 is taken for this, so that its logarithm is a number
RIDGE = 1e-6  # pull towards the identity: keeps what could be told apart for sure finite
LEAST_SCALE = 0.01  # a scale below 0 would turn the ranking round
STEPS, HALVINGS, CLOSE = 50, 30, 1e-5
COARSE, SOME = 16, 1000


class Map(Protocol):
    """What a repair has learned."""

    def __call__(self, probability: Float) -> Float:
        """Map probabilities (..., K); rows sum to 1."""
        ...

    def as_record(self) -> dict[str, Any]:
        """Give it as plain JSON types; `map_from` takes them back."""
        ...


class Repair(Protocol):
    """A way to repair probabilities."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def fit_all(
        self, probability: Float, y: NDArray[np.int64], row_weight: Float | None = None
    ) -> tuple[Map, ...]:
        """Learn from the probabilities (S, N, K) of several settings, and the classes (N,)."""
        ...


@final
@dataclass(frozen=True)
class Affine:
    """A line on the log of the probabilities; scale 1 and shifts 0 change no bit.

    Attributes
    ----------
    scale : float
        Above 0.
    shift : (K,) tuple of float
    """

    scale: float
    shift: tuple[float, ...]

    def __call__(self, probability: Float) -> Float:
        """Map probabilities (..., K)."""
        if self.scale == 1 and not any(self.shift):
            return probability
        logit = np.log(np.maximum(probability, FLOOR))
        return np.asarray(softmax(self.scale * logit + np.array(self.shift), axis=-1))

    def as_record(self) -> dict[str, Any]:
        """Give it as plain JSON types."""
        return {"kind": "affine", "scale": self.scale, "shift": list(self.shift)}


@final
@dataclass(frozen=True, eq=False)
class Steps:
    """Rising steps for each class, one against the rest; of two classes only for the second.

    Attributes
    ----------
    x, y : tuple of arrays
        Knots of each class: between them the line, beyond them the last value.
    """

    x: tuple[Float, ...]
    y: tuple[Float, ...]

    def __call__(self, probability: Float) -> Float:
        """Map probabilities (..., K)."""
        if len(self.x) == 1:
            second = np.interp(probability[..., 1], self.x[0], self.y[0])
            return np.stack([1 - second, second], axis=-1)
        knots = zip(self.x, self.y, strict=True)
        each = [np.interp(probability[..., k], *of_class) for k, of_class in enumerate(knots)]
        stepped = np.stack(each, axis=-1)
        return np.asarray(stepped / stepped.sum(axis=-1, keepdims=True))

    def as_record(self) -> dict[str, Any]:
        """Give it as plain JSON types."""
        x, y = ([knots.tolist() for knots in axis] for axis in (self.x, self.y))
        return {"kind": "steps", "x": x, "y": y}


@final
@dataclass(frozen=True)
class Nothing:
    """Leaves probabilities as they are."""

    name: str

    def fit_all(
        self, probability: Float, y: NDArray[np.int64], row_weight: Float | None = None
    ) -> tuple[Map, ...]:
        """Learn nothing, for each setting."""
        return (Affine(1.0, (0.0,) * probability.shape[-1]),) * len(probability)


@final
@dataclass(frozen=True)
class Line:
    """A member of the affine family: what of it is free."""

    name: str
    scales: bool
    shifts: bool

    def fit_all(
        self, probability: Float, y: NDArray[np.int64], row_weight: Float | None = None
    ) -> tuple[Affine, ...]:
        """Fit by Newton's method, with a ridge of 1e-6 towards the identity; shifts sum to 0."""
        logit = np.log(np.maximum(probability, FLOOR))
        weight = np.ones(len(y)) if row_weight is None else row_weight
        kind = _OfTwo if logit.shape[-1] == 2 else _OfMany
        loss = kind(logit, y, weight)
        free = loss.free(scales=self.scales, shifts=self.shifts)
        theta = np.tile(loss.start(), (len(logit), 1))
        if len(y) > COARSE * SOME:  # most of the way is gone on a few of the rows
            theta = _newton(kind(logit[:, ::COARSE], y[::COARSE], weight[::COARSE]), free, theta)
        return tuple(Affine(float(row[0]), loss.shift(row)) for row in _newton(loss, free, theta))


@final
@dataclass(frozen=True)
class Isotonic:
    """Frees all but the order.

    To each step half a hit and half a miss are added (Jeffreys' prior): a step without a positive
    is no proof that there are none, and the fewer its rows, the less.
    """

    name: str

    def fit_all(
        self, probability: Float, y: NDArray[np.int64], row_weight: Float | None = None
    ) -> tuple[Steps, ...]:
        """Fit isotonic regression to each class, one against the rest, and smooth its steps."""
        weight = np.ones(len(y)) if row_weight is None else row_weight
        k = probability.shape[-1]
        classes = (1,) if k == 2 else range(k)
        found = []
        for said in probability:
            knots = [_steps(said[:, c], (y == c).astype(float), weight) for c in classes]
            x, steps = zip(*knots, strict=True)
            found.append(Steps(x, steps))
        return tuple(found)


NONE = Nothing("none")
EFFECTIVE_WEIGHT = Line("effective-weight", scales=False, shifts=True)
TEMPERATURE = Line("temperature", scales=True, shifts=False)
PLATT = Line("platt", scales=True, shifts=True)
ISOTONIC = Isotonic("isotonic")

REPAIRS: tuple[Repair, ...] = (NONE, EFFECTIVE_WEIGHT, TEMPERATURE, PLATT, ISOTONIC)
"""Simplest first."""


def fit(
    repair: Repair, probability: Float, y: NDArray[np.int64], row_weight: Float | None = None
) -> Map:
    """Learn a map from probabilities and the classes that came true.

    Parameters
    ----------
    repair : Repair
    probability : (N, K) float64
    y : (N,) int64
    row_weight : (N,) float64, optional

    Returns
    -------
    map : Map

    References
    ----------
    Platt, Probabilistic Outputs for Support Vector Machines, 1999. Guo et al., On Calibration of
    Modern Neural Networks, ICML 2017. Alexandari et al., Maximum Likelihood with Bias-Corrected
    Calibration is Hard-To-Beat at Label Shift Adaptation, ICML 2020 (`PLATT` of K > 2 classes).

    Examples
    --------
    Odds three times too high, among rows a fifth of which is positive:

    >>> said = np.tile([1 - 3 / 7, 3 / 7], (10, 1))
    >>> fit(EFFECTIVE_WEIGHT, said, np.array([1, 1] + [0] * 8))(said)[0].round(4)
    array([0.8, 0.2])
    """
    return repair.fit_all(probability[np.newaxis], y, row_weight)[0]


def map_from(record: Any) -> Map:
    """Give a map back from plain JSON types that nobody vouches for.

    Raises
    ------
    ValueError
        When they are no map.
    """
    kind = record.get("kind") if isinstance(record, dict) else None
    if kind == "affine":
        scale, shift = float(record["scale"]), tuple(map(float, record["shift"]))
        if len(shift) < 2 or not scale > 0 or not np.isfinite([scale, *shift]).all():
            raise ValueError("a scale must be above 0, and shifts finite")
        return Affine(scale, shift)
    if kind == "steps":
        x, y = (tuple(np.array(k, dtype=float) for k in record[axis]) for axis in ("x", "y"))
        if len(x) != len(y) or len(x) in (0, 2) or not all(map(_are_steps, x, y)):
            raise ValueError("steps must rise from one knot to the next, within 0 and 1")
        return Steps(x, y)
    raise ValueError("a repair must be affine or steps")


def _are_steps(x: Float, y: Float) -> bool:
    flat = x.ndim == 1 and x.shape == y.shape and len(x) > 0
    return bool(flat and (np.diff(x) > 0).all() and (np.diff(y) >= 0).all() and _within(x, y))


def _within(x: Float, y: Float) -> bool:
    return bool((x >= 0).all() and (x <= 1).all() and (y > 0).all() and (y < 1).all())


def _steps(p: Float, hit: Float, weight: Float) -> tuple[Float, Float]:
    """Fit rising steps to one class; give the knots where they bend.

    To each step half a hit and half a miss are added, and then steps that no longer rise are pooled
    again.
    """
    counts = weight > 0
    x, place = np.unique(p[counts], return_inverse=True)
    total = np.bincount(place, weight[counts])
    hits = np.bincount(place, (weight * hit)[counts])
    raw = isotonic_regression(hits / total, sample_weight=total)
    step = np.concatenate([[0], (np.diff(raw) > 0).cumsum()])
    rows = np.bincount(step, total) + 1
    y = isotonic_regression((np.bincount(step, hits) + 0.5) / rows, sample_weight=rows)[step]
    bends = np.ones(len(x), dtype=bool)
    bends[1:-1] = (np.diff(y[:-1]) != 0) | (np.diff(y[1:]) != 0)
    return x[bends], y[bends]


class _OfTwo:
    """Log loss of two classes: odds q = a·m + c, with m the log odds, (S, N)."""

    def __init__(self, logit: Float, y: NDArray[np.int64], weight: Float):
        self._m = logit[..., 1] - logit[..., 0]
        self._y, self._weight = y.astype(float), weight

    @staticmethod
    def free(*, scales: bool, shifts: bool) -> list[int]:
        return [*([0] if scales else []), *([1] if shifts else [])]

    @staticmethod
    def start() -> list[float]:
        return [1.0, 0.0]

    @staticmethod
    def shift(theta: Float) -> tuple[float, ...]:
        return (-float(theta[1]) / 2, float(theta[1]) / 2)

    def at(self, theta: Float) -> tuple[Float, Float]:
        """Give gradient (S, 2) and Hessian (S, 2, 2)."""
        m, w = self._m, self._weight
        q = expit(theta[:, :1] * m + theta[:, 1:])
        error = (q - self._y) * w
        spread = q * (1 - q) * w
        am = spread * m
        gradient = np.stack([_dot(error, m), error.sum(axis=1)], axis=1)
        off = am.sum(axis=1)
        hessian = np.array([[_dot(am, m), off], [off, spread.sum(axis=1)]]).transpose(2, 0, 1)
        ridge = RIDGE * np.array([1, 0.5])  # two shifts of c/2 each
        return gradient + ridge * (theta - self.start()), hessian + np.diag(ridge)


class _OfMany:
    """Log loss of K classes: scores a·l + b, with l the log of the probabilities, (S, N, K)."""

    def __init__(self, logit: Float, y: NDArray[np.int64], weight: Float):
        self._l, self._weight = logit, weight
        self._hit = np.eye(logit.shape[-1])[y]

    def free(self, *, scales: bool, shifts: bool) -> list[int]:
        k = self._l.shape[-1]
        return [*([0] if scales else []), *(range(1, k + 1) if shifts else ())]

    def start(self) -> list[float]:
        return [1.0, *([0.0] * self._l.shape[-1])]

    @staticmethod
    def shift(theta: Float) -> tuple[float, ...]:
        return tuple((theta[1:] - theta[1:].mean()).tolist())

    def at(self, theta: Float) -> tuple[Float, Float]:
        """Give gradient (S, 1 + K) and Hessian (S, 1 + K, 1 + K)."""
        q = softmax(theta[:, :1, np.newaxis] * self._l + theta[:, np.newaxis, 1:], axis=-1)
        w = self._weight[:, np.newaxis]
        error, mean = (q - self._hit) * w, (q * self._l).sum(axis=-1, keepdims=True)
        gradient = np.concatenate(
            [(error * self._l).sum(axis=(1, 2))[:, np.newaxis], error.sum(axis=1)], axis=1
        )
        apart = q * (self._l - mean) * w
        k = self._l.shape[-1]
        hessian = np.empty((len(theta), k + 1, k + 1))
        hessian[:, 0, 0] = (apart * self._l).sum(axis=(1, 2))
        hessian[:, 0, 1:] = hessian[:, 1:, 0] = apart.sum(axis=1)
        weighted = q * w
        hessian[:, 1:, 1:] = -np.einsum("snj,snk->sjk", weighted, q)
        hessian[:, range(1, k + 1), range(1, k + 1)] += weighted.sum(axis=1)
        return gradient + RIDGE * (theta - self.start()), hessian + RIDGE * np.eye(k + 1)


def _dot(a: Float, b: Float) -> Float:
    """Give the product of each row of a and b, both (S, N)."""
    return np.asarray(np.einsum("sn,sn->s", a, b))


def _newton(loss: _OfTwo | _OfMany, free: Sequence[int], theta: Float) -> Float:
    """Bring the gradient of a convex loss to 0, for each setting.

    Steps are halved until they shorten the gradient, as short ones of Newton's do. The last step is
    so small that the one after it would be lost in rounding.
    """
    gradient, hessian = loss.at(theta)
    for _ in range(STEPS):
        step = np.zeros_like(theta)
        inner = hessian[:, free][:, :, free]
        step[:, free] = -np.linalg.solve(inner, gradient[:, free, np.newaxis])[..., 0]
        if np.abs(step).max() < CLOSE:
            return theta + step
        length = np.linalg.norm(gradient[:, free], axis=1)
        for _ in range(HALVINGS):
            tried = theta + step
            tried[:, 0] = np.maximum(tried[:, 0], LEAST_SCALE)
            gradient, hessian = loss.at(tried)
            longer = np.linalg.norm(gradient[:, free], axis=1) > length
            if not longer.any():
                break
            step[longer] /= 2
        theta = tried
    return theta
