"""Class weights: rules from class counts to one weight per class.

A rule looks at the counts n_k of K classes, n rows together, and says how much a row of each class
weighs. Every rule is scaled so that a training row weighs 1 on average, and so settings can be
compared at one learning rate; only `Fixed` takes the user's weights exactly as given. Rules know
nothing of networks or folds.
"""

import math
import reprlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outweigh._counts import counts_of
from outweigh._errors import SplitError, UsageError
from outweigh._frames import target_columns

LEAST, MOST = 1e-30, 1e30
"""Bounds of a weight or a ratio: networks compute in float32, which ends at 1e-38 and 1e38."""

STEEPEST = 4
"""The largest power, for the same reason."""

NAMED = {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}
"""The powers that go by a name."""


@runtime_checkable
class Rule(Protocol):
    """What gives each class its weight."""

    def weights(self, counts: ArrayLike, classes: Sequence[Any]) -> NDArray[np.float64]:
        """Give the weight (K,) of each class from its number of rows (K,) and its label (K,)."""


@dataclass(frozen=True)
class Power:
    r"""Weight each class by a power of its rarity: τ = 0 no weight, ½ square root, 1 balanced.

    Parameters
    ----------
    tau : float from 0 to 4

    Notes
    -----
    .. math:: w_k = n \Big/ \Big(n_k^{\tau} \sum_j n_j^{1-\tau}\Big)

    At τ = 1 this is scikit-learn's "balanced" to the last digit, at τ = 0 exactly 1. With two
    classes the weight ratio is :math:`(n_0 / n_1)^\tau`.

    Examples
    --------
    >>> Power(1).weights([90, 10], classes=(0, 1))
    array([0.55555556, 5.        ])
    >>> Power(0.5).weights([90, 10], classes=(0, 1))
    array([0.83333333, 2.5       ])
    """

    tau: float

    def __post_init__(self) -> None:
        check_number("a power", self.tau, 0, STEEPEST)

    def weights(self, counts: ArrayLike, classes: Sequence[Any]) -> NDArray[np.float64]:
        """Give the weight (K,) of each class."""
        n_k = positive(counts)
        weight: NDArray[np.float64] = n_k.sum() / ((n_k ** (1 - self.tau)).sum() * n_k**self.tau)
        return weight


@dataclass(frozen=True)
class Ratio:
    r"""Weight a row of the positive class r times as much as a row of the negative one.

    Parameters
    ----------
    r : float, positive

    Notes
    -----
    .. math:: w_0 = n / (n_0 + r n_1), \quad w_1 = r w_0

    Examples
    --------
    >>> Ratio(3).weights([90, 10], classes=(0, 1))
    array([0.83333333, 2.5       ])
    """

    r: float

    def __post_init__(self) -> None:
        check_number("a ratio", self.r, LEAST, MOST)

    def weights(self, counts: ArrayLike, classes: Sequence[Any]) -> NDArray[np.float64]:
        """Give the weight (2,) of the negative and the positive class."""
        n_k = positive(counts)
        if len(n_k) != 2:
            raise UsageError(
                f"a ratio needs two classes; came {len(n_k)}: "
                "use a power, or give each class its weight"
            )
        w_k = np.array([1.0, self.r])
        weight: NDArray[np.float64] = w_k * (n_k.sum() / (n_k @ w_k))
        return weight


@dataclass(frozen=True)
class Effective:
    r"""Weight each class by the inverse of its effective number of rows.

    β = 0 gives every class weight 1; as β approaches 1 the weights approach the balanced ones.

    Parameters
    ----------
    beta : float, at least 0 and below 1

    Notes
    -----
    The effective number of a class of :math:`n_k` rows is
    :math:`(1 - \beta^{n_k}) / (1 - \beta)`. Cui et al. scale the weights to sum to K; here a row
    weighs 1 on average, as under every rule.

    References
    ----------
    Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019.
    doi:10.1109/CVPR.2019.00949

    Examples
    --------
    >>> Effective(0.99).weights([90, 10], classes=(0, 1))
    array([0.6567935 , 4.08885854])
    """

    beta: float

    def __post_init__(self) -> None:
        check_number("beta", self.beta, 0, math.nextafter(1, 0))

    def weights(self, counts: ArrayLike, classes: Sequence[Any]) -> NDArray[np.float64]:
        """Give the weight (K,) of each class."""
        n_k = positive(counts)
        w_k = (1 - self.beta) / (1 - self.beta**n_k)
        weight: NDArray[np.float64] = w_k * (n_k.sum() / (n_k @ w_k))
        return weight


@dataclass(frozen=True)
class Fixed:
    """Weight each class exactly as given.

    Parameters
    ----------
    pairs : tuple of (label, weight)
        One for each class, in any order.

    Examples
    --------
    >>> Fixed((("good", 1), ("bad", 20))).weights([90, 10], classes=("bad", "good"))
    array([20.,  1.])
    """

    pairs: tuple[tuple[Any, float], ...]

    def __post_init__(self) -> None:
        for label, weight in self.pairs:
            check_number(f"the weight of class {reprlib.repr(label)}", weight, LEAST, MOST)
        for label, times in Counter(label for label, _ in self.pairs).items():
            if times > 1:
                raise UsageError(
                    f"a class must have one weight; {reprlib.repr(label)} has {times}: keep one"
                )

    def weights(self, counts: ArrayLike, classes: Sequence[Any]) -> NDArray[np.float64]:
        """Give the weight (K,) of each class; the counts do not matter."""
        given = dict(self.pairs)
        for label in given:
            if label not in classes:
                raise UsageError(not_a_class(label, classes))
        if missing := [label for label in classes if label not in given]:
            raise UsageError(
                "every class must have a weight, Keras would take 1 in silence; "
                f"none came for {reprlib.repr(missing)}: add it"
            )
        return np.array([given[label] for label in classes], dtype=np.float64)


def class_weight(
    y: Any, rule: str | float | Mapping[Any, float] | Rule = "balanced"
) -> dict[Any, float]:
    """Give each class its weight, checked and ready for Keras's ``fit(class_weight=...)``.

    Parameters
    ----------
    y : (N,) array-like or series, or collections.Counter
        The label of each row: truth values, whole numbers or text; none missing. Or how many rows
        each has, as `count_classes` counts them where they do not fit in memory.
    rule : {"balanced", "sqrt", "none"}, rule, float or dict
        A name; `Power`, `Ratio`, `Effective`; how many times as much a row of the rarer of two
        classes weighs (of classes of one size: the second); or the weights, as label → weight.

    Returns
    -------
    class_weight : dict of label → weight
        In the order of the sorted labels, plain Python values. A row of `y` weighs 1 on average,
        but for a dict, which is given back as it is once all is well with it.

    Raises
    ------
    UsageError
        When the rule makes no sense for these labels, or `y` is not one label per row. A dict must
        have each class, as it is in `y`, and no other: Keras would silently weigh 1 instead.
    TableError
        When labels are missing or of several kinds, or there is one class only.

    Examples
    --------
    >>> y = [0] * 90 + [1] * 10
    >>> class_weight(y)
    {0: 0.5555555555555556, 1: 5.0}
    >>> class_weight(y, {0: 1, 1: 200})
    {0: 1.0, 1: 200.0}
    >>> class_weight(y, {"0": 1, "1": 200})
    Traceback (most recent call last):
    outweigh._errors.UsageError: class weights must name classes; came '0', a str: write 0, an int

    Labels that do not fit in memory are counted first:

    >>> from outweigh import count_classes
    >>> class_weight(count_classes([[0] * 50, [0] * 40 + [1] * 10]))
    {0: 0.5555555555555556, 1: 5.0}
    """
    counted = counts_of(y)
    classes, counts = tuple(counted), np.array(list(counted.values()))
    rarer_first = len(classes) == 2 and counts[0] < counts[1]
    order = slice(None, None, -1 if rarer_first else 1)  # rules want (negative, positive)
    weight = rule_of(rule).weights(counts[order], classes[order])[order]
    return dict(zip(classes, weight.tolist(), strict=True))


def class_weights(Y: Any, rule: str | float | Rule = "balanced") -> dict[Any, dict[Any, float]]:
    """Give the classes of each of several targets their weights.

    Parameters
    ----------
    Y : frame or array, shape (N, T), or tuple of T collections.Counter
        A column for each target, or its counts.
    rule : {"balanced", "sqrt", "none"}, rule or float
        As `class_weight` takes it.

    Returns
    -------
    class_weight : dict of column → dict of label → weight
        Columns of an array, and counts, go by their numbers.

    Raises
    ------
    UsageError, TableError
        As `class_weight` does.

    Examples
    --------
    >>> class_weights([[0, 1], [0, 0], [0, 1], [1, 0]])
    {0: {0: 0.6666666666666666, 1: 2.0}, 1: {0: 1.0, 1: 1.0}}
    """
    counted = isinstance(Y, list | tuple) and all(isinstance(column, Counter) for column in Y)
    columns = dict(enumerate(Y)) if counted else target_columns(Y)
    return {name: class_weight(column, rule) for name, column in columns.items()}


def positive(counts: ArrayLike) -> NDArray[np.float64]:
    """Give counts as floats; raise where a class has no row."""
    n_k = np.asarray(counts, dtype=np.float64)
    if not (n_k > 0).all():
        raise SplitError(
            f"every class must have training rows; the counts are {reprlib.repr(n_k.tolist())}: "
            "merge classes, or split otherwise"
        )
    return n_k


def check_number(what: str, value: Any, low: float, high: float) -> None:
    """Raise unless the value is a number from low to high; NaN is in no interval."""
    number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    if not (number and low <= value <= high):
        raise UsageError(
            f"{what} must be a number from {low:g} to {high:g}; came {reprlib.repr(value)}: mend it"
        )


def not_a_class(label: Any, classes: Sequence[Any]) -> str:
    """Write the error for a label that is none; a text that only looks like one is told so."""
    came = f"class weights must name classes; came {reprlib.repr(label)}"
    for known in classes:
        if str(known) == str(label):
            kinds = (type(label).__name__, type(known).__name__)
            a, b = (f"a{'n' * (kind[0] in 'aeiou')} {kind}" for kind in kinds)
            return f"{came}, {a}: write {reprlib.repr(known)}, {b}"
    return f"{came}, which is none of {reprlib.repr(list(classes))}: leave it out, or mend it"


def rule_of(rule: Any) -> Rule:
    """Give the rule that is meant by a name, a ratio, a dict or a rule itself."""
    match rule:
        case str() if rule in NAMED:
            return Power(NAMED[rule])
        case Mapping():
            return Fixed(tuple(rule.items()))
        case Rule() if not isinstance(rule, type):
            return rule
        case Real() if not isinstance(rule, bool):
            return Ratio(rule)  # type: ignore[arg-type]  # Real is how NumPy's floats are known
    raise UsageError(
        f"a rule must be one of {', '.join(map(repr, NAMED))}, a rule such as Power(0.7), a ratio "
        f"or a dict of label: weight; came {reprlib.repr(rule)}: choose one of these"
    )
