"""Losses: remedies that change what a row costs while a network learns.

A remedy looks at the counts n_k of K classes, n rows together, and gives the shape of its loss, a
`outweigh._shapes.Shape`. Each keeps its paper's letters; π_k = n_k / n.
"""

from dataclasses import dataclass
from typing import Protocol, final, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from outweigh._shapes import Shape, plain
from outweigh._weights import check_number, positive

STRONGEST = 10
"""The largest γ of a focal loss, and the largest τ: float32 has no digits for more."""

STEEPEST = 2
"""The largest γ of a vector-scaled loss, for the same reason."""


@runtime_checkable
class Loss(Protocol):
    """What a row costs while a network learns."""

    @property
    def text(self) -> str:
        """Say in a few words what it does."""
        ...

    def shape(self, counts: ArrayLike) -> Shape:
        """Give its shape for classes of so many rows (K,)."""
        ...


@final
@dataclass(frozen=True)
class CrossEntropy:
    """The loss that leaves nothing to take back."""

    @property
    def text(self) -> str:
        """Say in a few words what it does."""
        return "cross-entropy"

    def shape(self, counts: ArrayLike) -> Shape:
        """Give its shape: that of nothing changed."""
        return plain(len(positive(counts)))


@final
@dataclass(frozen=True)
class Focal:
    r"""Give less to rows that are told well: each row counts :math:`(1 - p_y)^\gamma`.

    Parameters
    ----------
    gamma : float from 0 to 10

    Notes
    -----
    The paper's α_t are class weights, and come from a rule: ``focal:2+balanced``.

    References
    ----------
    Lin et al., Focal Loss for Dense Object Detection, ICCV 2017. doi:10.1109/ICCV.2017.324

    Examples
    --------
    >>> float(Focal(2.0).shape([90, 10]).gamma)
    2.0
    """

    gamma: float

    def __post_init__(self) -> None:
        check_number("γ of a focal loss", self.gamma, 0, STRONGEST)

    @property
    def text(self) -> str:
        """Say in a few words what it does."""
        return f"focal loss, γ = {self.gamma:g}"

    def shape(self, counts: ArrayLike) -> Shape:
        """Give its shape."""
        return plain(len(positive(counts)))._replace(gamma=np.asarray(float(self.gamma)))


@final
@dataclass(frozen=True)
class VectorScaled:
    r"""Scale the logits of each class by a power of its size, and shift them by the log prior.

    Parameters
    ----------
    gamma : float from 0 to 2
        :math:`\Delta_k = (n_k / \max_j n_j)^\gamma`
    tau : float from 0 to 10
        K classes: :math:`\iota_k = \tau \log \pi_k`. Two:
        :math:`\iota_k = \tau \log \big((1 - \pi_k) / \pi_k\big)`

    Notes
    -----
    The paper's ω_k are class weights, and come from a rule.

    References
    ----------
    Kini et al., Label-Imbalanced and Group-Sensitive Classification under Overparameterization,
    NeurIPS 2021.

    Examples
    --------
    >>> VectorScaled(0.5, 1.0).shape([90, 10]).delta.round(3)
    array([1.   , 0.333])
    """

    gamma: float
    tau: float

    def __post_init__(self) -> None:
        check_number("γ of a vector-scaled loss", self.gamma, 0, STEEPEST)
        check_number("τ of a vector-scaled loss", self.tau, 0, STRONGEST)

    @property
    def text(self) -> str:
        """Say in a few words what it does."""
        return f"vector-scaled loss, γ = {self.gamma:g}, τ = {self.tau:g}"

    def shape(self, counts: ArrayLike) -> Shape:
        """Give its shape."""
        n_k = positive(counts)
        prior = n_k / n_k.sum()
        # a class of two has the margin that its odds ask for, a class of many the logit
        shift = np.log(prior) if len(n_k) > 2 else np.log((1 - prior) / prior)
        delta = (n_k / n_k.max()) ** self.gamma
        return plain(len(n_k))._replace(delta=delta, iota=self.tau * shift)


@final
@dataclass(frozen=True)
class LogitAdjusted:
    r"""Add τ times the log prior to the logits while a network learns, and not when it speaks.

    Parameters
    ----------
    tau : float from 0 to 10

    References
    ----------
    Menon et al., Long-tail learning via logit adjustment, ICLR 2021.

    Examples
    --------
    >>> LogitAdjusted(1.0).shape([90, 5, 5]).iota.round(3)
    array([-0.105, -2.996, -2.996])
    """

    tau: float

    def __post_init__(self) -> None:
        check_number("τ of a logit-adjusted loss", self.tau, 0, STRONGEST)

    @property
    def text(self) -> str:
        """Say in a few words what it does."""
        return f"logit-adjusted loss, τ = {self.tau:g}"

    def shape(self, counts: ArrayLike) -> Shape:
        """Give its shape: vector scaling's without the scaling."""
        return VectorScaled(0.0, self.tau).shape(counts)


@final
@dataclass(frozen=True)
class Smoothed:
    r"""Believe labels a little less, those of rare classes the least: they are learned by heart.

    Parameters
    ----------
    epsilon : float from 0 to 0.9
        Of the rarest class; :math:`\epsilon_k = \epsilon \min_j n_j / n_k`.

    Notes
    -----
    The paper smooths rare classes more than frequent ones; that it is in proportion to 1/n_k is
    ours.

    References
    ----------
    Shwartz-Ziv et al., Simplifying Neural Network Training Under Class Imbalance, NeurIPS 2023.

    Examples
    --------
    >>> Smoothed(0.1).shape([90, 10]).epsilon.round(3)
    array([0.011, 0.1  ])
    """

    epsilon: float

    def __post_init__(self) -> None:
        check_number("ε of smoothed labels", self.epsilon, 0, 0.9)

    @property
    def text(self) -> str:
        """Say in a few words what it does."""
        return f"labels smoothed, ε = {self.epsilon:g} in the rarest class"

    def shape(self, counts: ArrayLike) -> Shape:
        """Give its shape."""
        n_k = positive(counts)
        return plain(len(n_k))._replace(epsilon=self.epsilon * n_k.min() / n_k)


CROSS_ENTROPY = CrossEntropy()
