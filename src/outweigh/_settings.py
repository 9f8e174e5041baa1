"""Settings: what is done about the imbalance, by name, and its exact inverse on probabilities.

A setting is a rule of `outweigh._weights` and the name it goes by. What a network says under class
weights w is a posterior for a world where class k is w_k times as frequent; `undo` takes it back.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outweigh._errors import UsageError
from outweigh._weights import NAMED, Effective, Fixed, Power, Ratio, Rule

GRAMMAR = "none, balanced, sqrt, power:0.7, effective:0.999, ratio:50, weights:0=1|1=200, path:8"
"""One example of each setting, as messages show them."""

LONGEST = 1000
"""The most values on a path: their names have four digits."""

NUMBERED: dict[str, Callable[[float], Rule]] = {"effective": Effective, "ratio": Ratio}
"""The rules of one number; powers are made by `_power`."""


@dataclass(frozen=True)
class Setting:
    """One way to treat the imbalance.

    Attributes
    ----------
    name : str
        ``"none"``, ``"power:0.2"``, ``"balanced"``, ``"ratio:50"``, ``"weights:0=1|1=200"``.
    rule : Rule
        What gives each class its weight.
    """

    name: str
    rule: Rule

    @property
    def power(self) -> float | None:
        """The exponent τ when the rule is a power, else None."""
        return self.rule.tau if isinstance(self.rule, Power) else None

    def class_weight(self, counts: ArrayLike, classes: Sequence[Any]) -> NDArray[np.float64]:
        """Give the weight (K,) of each class from its number of training rows (K,)."""
        return self.rule.weights(counts, classes)


TWIN = Setting("none", Power(0.0))
"""The setting that every other one is compared with."""


def parse_settings(text: str, classes: Sequence[Any]) -> tuple[Setting, ...]:
    """Read settings as they stand on the command line.

    Parameters
    ----------
    text : str
        Separated by commas: ``none``, ``balanced``, ``sqrt``, ``power:0.7``, ``effective:0.999``,
        ``ratio:50``, ``weights:0=1|1=200`` (each label as its text), ``path:8`` (see `path`).
    classes : (K,) sequence
        The labels: (negative, positive) when there are two.

    Returns
    -------
    settings : tuple of Setting
        ``none`` first, the others in the order given. A rule that comes twice is kept once.

    Raises
    ------
    UsageError
        When a setting is unknown, or makes no sense for these classes.

    Examples
    --------
    >>> [setting.name for setting in parse_settings("balanced, ratio:50", classes=(0, 1))]
    ['none', 'balanced', 'ratio:50']
    >>> parse_settings("smoat", classes=(0, 1))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    outweigh._errors.UsageError: settings must be known; came 'smoat': choose from none, ...
    """
    by_rule = {TWIN.rule: TWIN}
    for part in text.split(","):
        for setting in _parse(part.strip(), classes):
            by_rule.setdefault(setting.rule, setting)
    for rule in by_rule:
        rule.weights(np.ones(len(classes)), classes)  # raises where it cannot serve these classes
    return tuple(by_rule.values())


def path(n: int) -> tuple[Setting, ...]:
    """Give n powers τ evenly from 0 to 1.4; the values nearest to 0 and 1 snap to them.

    Examples
    --------
    >>> [setting.name for setting in path(5)]
    ['none', 'power:0.35', 'power:0.7', 'balanced', 'power:1.4']
    """
    if not 2 <= n <= LONGEST:
        raise UsageError(f"a path must have from 2 to {LONGEST} values; came {n}: path:8 is usual")
    tau = np.linspace(0, 1.4, n).round(4)
    tau[np.abs(tau - 1).argmin()] = 1
    return tuple(_power(value) for value in tau.tolist())


def undo(probability: ArrayLike, class_weight: ArrayLike) -> NDArray[np.float64]:
    r"""Take class weights back out of probabilities.

    Parameters
    ----------
    probability : (..., K)
        What a network trained under the weights says.
    class_weight : (..., K), positive
        Broadcast against `probability`.

    Returns
    -------
    probability : (..., K) float64
        Each row sums to 1; a 0 or 1 stays exactly that.

    Notes
    -----
    .. math:: p_k = \frac{p_{w,k} / w_k}{\sum_j p_{w,j} / w_j}

    With two classes this divides the odds by the weight ratio :math:`w_1 / w_0`.

    References
    ----------
    Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001, Theorem 2.

    Examples
    --------
    Nine negatives to each positive; at balanced weights "even odds" means a probability of 0.1:

    >>> undo([0.5, 0.5], class_weight=[1, 9])
    array([0.9, 0.1])
    """
    p = np.asarray(probability, dtype=np.float64) / np.asarray(class_weight, dtype=np.float64)
    p /= p.sum(axis=-1, keepdims=True)
    return p


def _parse(text: str, classes: Sequence[Any]) -> Iterable[Setting]:
    name, colon, argument = text.partition(":")
    if text in NAMED:
        return [Setting(text, Power(NAMED[text]))]
    if colon and name == "power":
        return [_power(_number(argument, text))]
    if colon and name in NUMBERED:
        value = _number(argument, text)
        return [Setting(f"{name}:{_short(value)}", NUMBERED[name](value))]
    if colon and name == "weights":
        return [_weights(argument, text, classes)]
    if colon and name == "path":
        return path(_whole(argument, text))
    raise UsageError(f"settings must be known; came {text!r}: choose from {GRAMMAR}")


def _power(tau: float) -> Setting:
    names = {0.0: "none", 1.0: "balanced"}
    return Setting(names.get(tau, f"power:{_short(tau)}"), Power(tau))


def _weights(argument: str, text: str, classes: Sequence[Any]) -> Setting:
    pairs = tuple(_pairs(argument, text, classes))
    place = {label: k for k, label in enumerate(classes)}
    in_order = sorted(pairs, key=lambda pair: place.get(pair[0], len(classes)))
    name = "|".join(f"{label}={_short(weight)}" for label, weight in in_order)
    return Setting(f"weights:{name}", Fixed(tuple(in_order)))


def _pairs(argument: str, text: str, classes: Sequence[Any]) -> Iterator[tuple[Any, float]]:
    """Read ``0=1|1=200``; a text that means no label stays text, and `Fixed` refuses it."""
    label_of = {spelling: label for label in classes for spelling in _spellings(label)}
    for pair in argument.split("|"):
        label, equals, weight = pair.rpartition("=")
        if not equals:
            raise UsageError(
                f"weights must be label=weight, with | between them; came {text!r}: "
                "write weights:0=1|1=200"
            )
        yield label_of.get(label.strip(), label.strip()), _number(weight, text)


def _spellings(label: Any) -> set[str]:
    """Texts that mean a label: for 1.0 also 1, for True also true."""
    text = str(label)
    if isinstance(label, bool):
        return {text, text.lower()}
    return {text, _short(label)} if isinstance(label, float) else {text}


def _number(argument: str, text: str) -> float:
    try:
        return float(argument)
    except ValueError:
        raise UsageError(
            f"{text!r} must hold a number; came {argument!r}: such as in {GRAMMAR}"
        ) from None


def _whole(argument: str, text: str) -> int:
    try:
        return int(argument)
    except ValueError:
        raise UsageError(
            f"{text!r} must hold a whole number; came {argument!r}: write path:8"
        ) from None


def _short(value: float) -> str:
    """Write a number with the digits it needs, and no more: two numbers never share a name."""
    return str(value).removesuffix(".0")
