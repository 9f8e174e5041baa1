"""Settings: what is done about the imbalance, by name.

A setting is up to three things at once: a rule of `outweigh._weights` that weighs the classes, a
loss of `outweigh._losses`, and a way to draw or make the rows that a lane visits. A reference is a
classifier that is no network, under a rule. What all of it does to probabilities is taken back by
`outweigh._shapes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outweigh._draws import Draw
from outweigh._errors import UsageError
from outweigh._losses import CROSS_ENTROPY, Loss
from outweigh._predictions import LOSS, REFERENCE, SAMPLING, TWIN_NAME, WEIGHTS
from outweigh._references import Reference
from outweigh._samplers import Sampler
from outweigh._weights import NAMED, Power, Rule
from outweigh._written import written

EXACT, PRIOR_ONLY = "exact", "prior only"

LONGEST = 1000
"""The most values on a path: their names have four digits."""

NO_RULE = Power(0.0)

BEST = "best"
"""Stands for the class weights, none among them, that came out best, whatever the verdict."""


@dataclass(frozen=True)
class Setting:
    """One way to treat the imbalance.

    Attributes
    ----------
    name : str
        ``"none"``, ``"power:0.2"``, ``"balanced"``, ``"weights:0=1|1=200"``, ``"focal:2+sqrt"``.
    rule : Rule
        What gives each class its weight.
    loss : Loss
        What a row costs; cross-entropy, or whatever the network minimises.
    deferred : float
        Share of the epochs, from 0 to below 1, before the class weights act.
    draw : Draw, optional
        Which training rows an epoch visits.
    sampler : Sampler, optional
        What resamples the training rows once for each fold and seed.
    reference : Reference, optional
        The classifier, where it is no network.
    """

    name: str
    rule: Rule
    loss: Loss = CROSS_ENTROPY
    deferred: float = 0.0
    draw: Draw | None = None
    sampler: Sampler | None = None
    reference: Reference | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.deferred < 1:
            raise UsageError(
                f"weights must be deferred by a share of the epochs from 0 to below 1; came "
                f"{self.deferred}: deferred:0.8 is usual"
            )

    @property
    def kind(self) -> str:
        """What it is about: ``weights``, ``loss``, ``sampling`` or ``reference``."""
        if self.reference is not None:
            return REFERENCE
        if self.draw is not None or self.sampler is not None:
            return SAMPLING
        return LOSS if self.bends else WEIGHTS

    @property
    def bends(self) -> bool:
        """Whether its lanes learn a loss of ours instead of the network's own."""
        return self.loss != CROSS_ENTROPY or self.deferred > 0

    @property
    def weighs(self) -> bool:
        """Whether it weighs classes at all."""
        return self.rule != NO_RULE

    @property
    def power(self) -> float | None:
        """The exponent τ when the rule is a power, else None."""
        return self.rule.tau if isinstance(self.rule, Power) else None

    @property
    def inverse(self) -> str:
        """Whether what it does to probabilities is undone as a whole, or the prior only."""
        made = self.sampler is not None and not self.sampler.by_class
        leans = self.reference is not None and not self.reference.exact
        return PRIOR_ONLY if self.deferred or made or leans else EXACT

    @property
    def text(self) -> str:
        """Say in a few words what it does."""
        parts = [
            self.reference and self.reference.name,
            self.sampler and f"training rows resampled by {self.sampler.name}",
            self.draw and f"rows drawn anew in each epoch: {self.draw.name}",
            self.loss.text if self.loss != CROSS_ENTROPY else None,
            f"class weights {_called(self.rule)}" if self.weighs else None,
            f"from {written(self.deferred, '{:.0%}')} of the epochs on" if self.deferred else None,
        ]
        return ", ".join(part for part in parts if part) or "nothing"

    def class_weight(self, counts: ArrayLike, classes: Sequence[Any]) -> NDArray[np.float64]:
        """Give the weight (K,) of each class from its number of training rows (K,)."""
        return self.rule.weights(counts, classes)


TWIN = Setting(TWIN_NAME, NO_RULE)
"""The setting that every other one is compared with."""


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
    return tuple(power(value) for value in tau.tolist())


def power(tau: float) -> Setting:
    """Give the setting of a power τ; 0 and 1 go by their names."""
    names = {0.0: "none", 1.0: "balanced"}
    return Setting(names.get(tau, f"power:{short(tau)}"), Power(tau))


def short(value: float) -> str:
    """Write a number with the digits it needs, and no more: two numbers never share a name."""
    return str(value).removesuffix(".0")


def _called(rule: Rule) -> str:
    if isinstance(rule, Power):
        named = {tau: name for name, tau in NAMED.items()}
        return named.get(rule.tau, f"of power {short(rule.tau)}")
    return type(rule).__name__.lower()
