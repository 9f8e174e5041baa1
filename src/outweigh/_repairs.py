r"""Repairs: maps from probabilities to honest ones, learned from rows that were held out.

Three ways are one family of growing freedom,

.. math:: p'_k \propto p_k^a \, e^{b_k},

fitted on the log loss: `EFFECTIVE_WEIGHT` frees the shifts b, which is what a class weight does and
what undoing too much or too little of it leaves behind; `TEMPERATURE` frees the scale a, which is
over- or underconfidence; `PLATT` frees both. With two classes this is the line a·log-odds + b.
`ISOTONIC` frees everything but the order.

Letters: N rows, K classes, S settings; C columns of what is said: that of the second class alone
where there are two, else all K.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Float = NDArray[np.float64]
Integers = NDArray[np.int64]

FLOOR = 1e-12  # a probability of 0 is taken for this, so that its logarithm is a number
RIDGE = 1e-6  # pull towards the identity: keeps what could be told apart for sure finite
LEAST_SCALE = 0.01  # a scale below 0 would turn the ranking round
LARGEST = 1e100  # of a number in a record: what is made of it overflows nowhere
STEPS, HALVINGS, CLOSE, LITTLE = 50, 60, 1e-5, 1e-10
COARSE, SOME = 16, 1000
BLOCK = (
    1000  # numbers of a column worked on at a time: what is made of them stays in a core's cache
)


class Map(Protocol):
    """What a repair has learned."""

    def __call__(self, probability: Float) -> Float:
        """Map probabilities (..., K); rows sum to 1."""
        ...

    def as_record(self) -> dict[str, Any]:
        """Give it as plain JSON types; `map_from` takes them back."""
        ...


@final
@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows that were held out: what several settings say of them, and the classes that came true.

    Attributes
    ----------
    said : Said
        Of these rows and others.
    rows : (N,) int64
        Which of them are meant.
    y : (N,) int64
    weight : (N,) float64
    """

    said: "Said"
    rows: Integers
    y: Integers
    weight: Float

    @staticmethod
    def all(probability: Float, y: Integers, weight: Float | None = None) -> "HeldOut":
        """Hold out each of the rows of probabilities (S, N, K)."""
        weight = np.ones(len(y)) if weight is None else weight
        return HeldOut(Said(probability), np.arange(len(y)), y, weight)

    def take(self, entries: Integers | slice) -> "HeldOut":
        """Keep some of the rows."""
        return HeldOut(self.said, self.rows[entries], self.y[entries], self.weight[entries])

    @cached_property
    def log(self) -> Float:
        """The logarithms (S, C, N) of what is said."""
        return np.take(self.said.log, self.rows, axis=-1)

    def steps(self, s: int, c: int) -> tuple[Float, Integers]:
        """Give the values that a setting says in one column, rising, and each row's place there."""
        values, place = self.said.values[s][c]
        return values, place[self.rows]


@final
class Said:
    """Probabilities (S, N, K), and what every fit asks of them, worked out once."""

    def __init__(self, probability: Float):
        self._probability = probability
        self.n_settings, _, self.n_classes = probability.shape

    @property
    def columns(self) -> range:
        """The classes that the columns are about."""
        return range(1, 2) if self.n_classes == 2 else range(self.n_classes)

    @cached_property
    def log(self) -> Float:
        """Log odds (S, 1, N) of two classes; logarithms (S, K, N) of more."""
        log = np.stack([_log(p) for p in self._probability])
        return np.diff(log, axis=1) if self.n_classes == 2 else log

    @cached_property
    def values(self) -> list[list[tuple[Float, Integers]]]:
        """The values of each setting's columns, rising, and each row's (N,) place among them."""
        return [
            [np.unique(p[:, c], return_inverse=True) for c in self.columns]
            for p in self._probability
        ]


class Repair(Protocol):
    """A way to repair probabilities."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def fit(self, held_out: HeldOut) -> tuple[Map, ...]:
        """Learn a map for each setting (S,)."""
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
        flat = probability.reshape(-1, probability.shape[-1])
        score = self.scale * _log(flat) + np.array(self.shift)[:, np.newaxis]
        return _softmax(score, axis=0).T.reshape(probability.shape)

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

    def fit(self, held_out: HeldOut) -> tuple[Map, ...]:
        """Learn nothing, for each setting."""
        said = held_out.said
        return tuple(Affine(1.0, (0.0,) * said.n_classes) for _ in range(said.n_settings))


@final
@dataclass(frozen=True)
class Line:
    """A member of the affine family: what of it is free."""

    name: str
    scales: bool
    shifts: bool

    def fit(self, held_out: HeldOut) -> tuple[Affine, ...]:
        """Fit by Newton's method, with a ridge of 1e-6 towards the identity; shifts sum to 0."""
        kind = _OfTwo if held_out.said.n_classes == 2 else _OfMany
        loss = kind(held_out.log, held_out.y, held_out.weight)
        theta = np.tile(loss.start, (held_out.said.n_settings, 1))
        free = np.array([self.scales] + [self.shifts] * (theta.shape[1] - 1))
        if len(held_out.y) > COARSE * SOME:  # most of the way is gone on a few of the rows
            few = held_out.take(slice(None, None, COARSE))
            theta = _newton(kind(few.log, few.y, few.weight), free, theta)
        theta = _newton(loss, free, theta)
        beyond = theta[:, 0] < LEAST_SCALE
        if beyond.any():  # the loss is convex: the best left is at the bound
            theta[beyond, 0] = LEAST_SCALE
            theta = _newton(loss, free & (np.arange(len(free)) > 0), theta, beyond)
        return tuple(Affine(float(row[0]), loss.shift(row)) for row in theta)


@final
@dataclass(frozen=True)
class Isotonic:
    """Frees all but the order.

    To each step half a hit and half a miss are added (Jeffreys' prior): a step without a positive
    is no proof that there are none, and the fewer its rows, the less.
    """

    name: str

    def fit(self, held_out: HeldOut) -> tuple[Steps, ...]:
        """Fit isotonic regression to each class, one against the rest, and smooth its steps."""
        y, weight, classes = held_out.y, held_out.weight, held_out.said.columns
        found = []
        for s in range(held_out.said.n_settings):
            columns = [
                _steps(*held_out.steps(s, c), weight, weight * (y == k))
                for c, k in enumerate(classes)
            ]
            found.append(Steps(*zip(*columns, strict=True)))
        return tuple(found)


NONE = Nothing("none")
EFFECTIVE_WEIGHT = Line("effective-weight", scales=False, shifts=True)
TEMPERATURE = Line("temperature", scales=True, shifts=False)
PLATT = Line("platt", scales=True, shifts=True)
ISOTONIC = Isotonic("isotonic")

LINES: tuple[Repair, ...] = (NONE, EFFECTIVE_WEIGHT, TEMPERATURE, PLATT)
"""Those that keep apart what was apart: steps make ties, and a ranking suffers by them."""

REPAIRS: tuple[Repair, ...] = (*LINES, ISOTONIC)
"""Simplest first."""


def fit(repair: Repair, probability: Float, y: Integers, row_weight: Float | None = None) -> Map:
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
    return repair.fit(HeldOut.all(probability[np.newaxis], y, row_weight))[0]


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
        if len(shift) < 2 or not scale > 0 or not (np.abs([scale, *shift]) <= LARGEST).all():
            raise ValueError(f"a scale must be above 0, and no number beyond {LARGEST:g}")
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


def _log(probability: Float) -> Float:
    """Give the logarithms (K, N) of probabilities (N, K): sums over few long rows are fast."""
    return np.log(np.maximum(probability.T, FLOOR, order="C"))


def _softmax(score: Float, axis: int) -> Float:
    """Make scores probabilities."""
    odds = np.exp(score - score.max(axis=axis, keepdims=True))
    return np.asarray(odds / odds.sum(axis=axis, keepdims=True))


def _steps(x: Float, place: Integers, weight: Float, hit: Float) -> tuple[Float, Float]:
    """Fit rising steps to one class; give the knots where they bend.

    To each step half a hit and half a miss are added, and then steps that no longer rise are pooled
    again.
    """
    total, hits = (np.bincount(place, counts, len(x)) for counts in (weight, hit))
    there = total > 0
    x, total, hits = x[there], total[there], hits[there]
    raw = isotonic_regression(hits / total, weights=total).x
    step = np.concatenate([[0], (np.diff(raw) > 0).cumsum()])
    rows = np.bincount(step, total) + 1
    y = isotonic_regression((np.bincount(step, hits) + 0.5) / rows, weights=rows).x[step]
    bends = np.ones(len(x), dtype=bool)
    bends[1:-1] = (np.diff(y[:-1]) != 0) | (np.diff(y[1:]) != 0)
    return x[bends], y[bends]


class _OfTwo:
    """Log loss of two classes: log odds a·m + c, with m those of what is said, (S, 1, N)."""

    start = (1.0, 0.0)

    def __init__(self, log: Float, y: Integers, weight: Float):
        self._m, self._y, self._weight = log[:, 0], y, weight
        self.most = np.abs(self._m).max(axis=1, initial=0)

    @staticmethod
    def shift(theta: Float) -> tuple[float, ...]:
        return (-float(theta[1]) / 2, float(theta[1]) / 2)

    def at(self, theta: Float) -> tuple[Float, Float]:
        """Give gradient (S, 2) and Hessian (S, 2, 2)."""
        gradient, hessian = _summed(self._part, theta, self._m.shape[1])
        ridge = RIDGE * np.array([1, 0.5])  # two shifts of c/2 each
        return gradient + ridge * (theta - self.start), hessian + np.diag(ridge)

    def _part(self, theta: Float, rows: slice) -> tuple[Float, Float]:
        m, w = self._m[:, rows], self._weight[rows]
        q = (1 + np.tanh((theta[:, :1] * m + theta[:, 1:]) / 2)) / 2
        error, spread = (q - self._y[rows]) * w, q * (1 - q) * w
        am = spread * m
        off = am.sum(axis=1)
        hessian = np.array([[np.vecdot(am, m), off], [off, spread.sum(axis=1)]])
        gradient = np.array([np.vecdot(error, m), error.sum(axis=1)])
        return gradient.T, hessian.T


class _OfMany:
    """Log loss of K classes: scores a·l + b, with l the log of the probabilities, (S, K, N)."""

    def __init__(self, log: Float, y: Integers, weight: Float):
        k = log.shape[1]
        self._l, self._hit, self._weight = log, np.arange(k)[:, np.newaxis] == y, weight
        self.most = np.abs(log).max(axis=(1, 2), initial=0)
        self.start = (1.0, *[0.0] * k)

    @staticmethod
    def shift(theta: Float) -> tuple[float, ...]:
        return tuple((theta[1:] - theta[1:].mean()).tolist())

    def at(self, theta: Float) -> tuple[Float, Float]:
        """Give gradient (S, 1 + K) and Hessian (S, 1 + K, 1 + K)."""
        k, n = self._l.shape[1:]
        gradient, hessian = _summed(self._part, theta, n)
        return gradient + RIDGE * (theta - self.start), hessian + RIDGE * np.eye(1 + k)

    def _part(self, theta: Float, rows: slice) -> tuple[Float, Float]:
        l, w = self._l[..., rows], self._weight[rows]
        q = _softmax(theta[:, :1, np.newaxis] * l + theta[:, 1:, np.newaxis], axis=1)
        error, weighted = (q - self._hit[:, rows]) * w, q * w
        apart = weighted * (l - (q * l).sum(axis=1, keepdims=True))
        scale, shifts = np.vecdot(error, l).sum(axis=1), error.sum(axis=2)
        gradient = np.concatenate([scale[:, np.newaxis], shifts], axis=1)
        k = l.shape[1]
        hessian = np.empty((len(l), 1 + k, 1 + k))
        hessian[:, 0, 0] = np.vecdot(apart, l).sum(axis=1)
        hessian[:, 0, 1:] = hessian[:, 1:, 0] = apart.sum(axis=2)
        hessian[:, 1:, 1:] = -weighted @ q.transpose(0, 2, 1)
        hessian[:, range(1, 1 + k), range(1, 1 + k)] += weighted.sum(axis=2)
        return gradient, hessian


def _summed(
    part: Callable[[Float, slice], tuple[Float, Float]], theta: Float, n: int
) -> tuple[Float, Float]:
    """Sum a gradient and a Hessian over blocks of the rows (N,).

    How long they are depends on nothing, so that no setting's sums depend on another setting.
    """
    parts = [part(theta, slice(first, first + BLOCK)) for first in range(0, max(n, 1), BLOCK)]
    gradients, hessians = zip(*parts, strict=True)
    return np.sum(gradients, axis=0), np.sum(hessians, axis=0)


def _newton(
    loss: _OfTwo | _OfMany,
    free: NDArray[np.bool_],
    theta: Float,
    going: NDArray[np.bool_] | None = None,
) -> Float:
    """Bring the gradient of a convex loss to 0, for each setting, by what of theta is free.

    A step that goes too far is halved. A long one has gone too far where the loss rises at its end:
    between sure probabilities the loss is straight, and Newton's steps know no measure. A short one
    may end in a rise half as steep as the fall that it began with. The last step is so small, or
    gains so little, that the one after it would be lost in rounding. Settings that are not going,
    all are unless told, stay where they are: what one comes to never depends on another.
    """
    going = np.ones(len(theta), dtype=bool) if going is None else going
    gradient, hessian = loss.at(theta)
    for _ in range(STEPS):
        step, inner = np.zeros_like(theta), hessian[:, free][:, :, free]
        step[:, free] = -np.linalg.solve(inner, gradient[:, free, np.newaxis])[..., 0]
        step[~going] = 0
        fall = -(gradient * step).sum(axis=1)
        last = going & ((np.abs(step).max(axis=1) < CLOSE) | (fall < LITTLE))
        theta, going = np.where(last[:, np.newaxis], theta + step, theta), going & ~last
        if not going.any():
            return theta
        step[last] = 0
        for _ in range(HALVINGS):
            tried = theta + step
            gradient, hessian = loss.at(tried)
            rise, (scale, *shifts) = (gradient * step).sum(axis=1), np.abs(step.T)
            short = scale * loss.most + np.max(shifts, axis=0) < 1  # for the scores of every row
            too_far = going & (rise > np.where(short, fall / 2, 0))
            if not too_far.any():
                break
            step[too_far] /= 2
            fall[too_far] /= 2
        theta = tried
    return theta
