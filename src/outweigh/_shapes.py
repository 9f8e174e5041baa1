"""The shape of a loss: what makes it differ from cross-entropy, and the way back to the posterior.

A network's logits f become the loss of a row of class y by

    g_k = Δ_k f_k + ι_k,   p = softmax(g),   t = (1 − ε_y) e_y + ε_y / K,
    loss = w_y (1 − p_y)^γ (−Σ_k t_k log p_k)

with w the class weights. Focal loss is γ alone, logit adjustment ι alone, vector scaling Δ and ι,
label smoothing that depends on the class ε alone. With two classes there is one logit f, that of
the positive class, and vector scaling takes the form that its authors give it for two: a row of
class y has the margin Δ_y s f − ι_y, s = 1 for positives and −1 for the others, and its own
p_y = σ(margin). For two classes of one Δ the two forms are the same.

A network that has learned such a loss does not say how likely a class is. It says what minimises
the expected loss, and `posterior` takes that back, for each of the four by a closed form. What it
is given is what a network is said to say: softmax(Δ f) for K classes, the sigmoid of f for two.
What is left then is a posterior for a world where class k is w_k times as frequent, be it by class
weights or because rows were drawn to be so; `undo` takes that back.

Letters: K classes, B rows, w class weights, η the posterior under them.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]

LEAST = -1e5  # a logarithm below which there is nothing to tell
LEFT = 0.1  # of a probability, at least, when smoothing is taken back
FARTHEST, HALVINGS = 80.0, 60  # logits beyond which nobody starts; steps of a bisection
NEAR = 1e-3  # of 1: nearer, the digits of a probability are in what it lacks
TINY = 1e-30  # float32 ends at 1e-38, and slopes of logarithms at 1e38


class Shape(NamedTuple):
    """The parameters of a loss; or of several, stacked on leading axes."""

    gamma: Any  # ()
    delta: Any  # (K,), positive
    iota: Any  # (K,)
    epsilon: Any  # (K,), from 0 to below 1


def plain(n_classes: int) -> Shape:
    """Give the shape of cross-entropy itself."""
    return Shape(*map(np.asarray, (0.0, np.ones(n_classes), *np.zeros((2, n_classes)))))


def is_plain(shape: Shape) -> bool:
    """Tell whether a shape is that of cross-entropy; Δ with K > 2 classes is no part of the way."""
    two = len(shape.delta) == 2
    bent = shape.gamma != 0 or np.any(shape.iota) or np.any(shape.epsilon)
    return not (bent or (two and np.any(shape.delta != 1)))


def are_shapes(shape: Shape) -> bool:
    """Tell whether the numbers of shapes are those of losses."""
    finite = all(bool(np.isfinite(part).all()) for part in shape)
    within = (shape.epsilon >= 0) & (shape.epsilon < 1)
    return finite and bool((shape.gamma >= 0).all() and (shape.delta > 0).all() and within.all())


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


def unshaped(probability: ArrayLike, shape: Shape) -> Float:
    """Give the posterior (..., K) under the class weights, from what a network says (..., K).

    Examples
    --------
    Focal loss makes a network less sure than it should be:

    >>> unshaped([0.2, 0.8], plain(2)._replace(gamma=2.0)).round(3)
    array([0.024, 0.976])
    """
    said = np.asarray(probability, dtype=np.float64)
    if is_plain(shape):
        return said
    with np.errstate(divide="ignore"):
        log = np.maximum(np.log(np.moveaxis(said, -1, 0)), LEAST)
    return np.asarray(np.moveaxis(np.exp(_normalised(posterior(log, shape, np), np)), 0, -1))


def spoken(posterior_of_classes: ArrayLike, shape: Shape) -> Float:
    """Give logits (K,) with which a network says a posterior (K,): where it starts to learn.

    Of two classes exactly, by bisection. Of more without focusing and smoothing, which a few steps
    make good.
    """
    log = np.log(np.asarray(posterior_of_classes, dtype=np.float64))
    if len(log) > 2:
        return np.asarray(np.clip((log - shape.iota) / shape.delta, -FARTHEST, FARTHEST))
    low, high = -FARTHEST, FARTHEST
    for _ in range(HALVINGS):
        f = (low + high) / 2
        low, high = (f, high) if log_odds(f, shape, np) < log[1] - log[0] else (low, f)
    return np.array([-f / 2, f / 2])


def posterior(log: Any, shape: Shape, xp: Any) -> Any:
    r"""Give the posterior under the class weights as logits (K, ...), from what a network says.

    Parameters
    ----------
    log : (K, ...)
        Logarithms of probabilities, finite.
    shape : Shape
        At most one of γ, (Δ, ι) and ε may differ from cross-entropy's.
    xp : module
        ``numpy``, ``jax.numpy`` or ``keras.ops``.

    Notes
    -----
    The expected loss :math:`\sum_y \eta_y \ell_y` is least where

    ==================  ============================================================================
    focal               :math:`\eta_k \propto p_k \big/ \big((1-p_k)^\gamma
                        - \gamma (1-p_k)^{\gamma-1} p_k \log p_k\big)`
    vector scaling, 2   :math:`\eta_1 / \eta_0 = \Delta_0 \sigma(\iota_0 + \Delta_0 f) \big/
                        \Delta_1 \sigma(\iota_1 - \Delta_1 f)`
    vector scaling, K   :math:`\eta \propto e^{\iota_k} \mathrm{softmax}(\Delta f)_k`
    smoothing           :math:`p_k = (1-\epsilon_k) \eta_k + \sum_j \epsilon_j \eta_j / K`
    ==================  ============================================================================

    References
    ----------
    Charoenphakdee et al., On Focal Loss for Class-Posterior Probability Estimation, CVPR 2021,
    doi:10.1109/CVPR46437.2021.00516. Menon et al., Long-tail learning via logit
    adjustment, ICLR 2021. Kini et al., Label-Imbalanced and Group-Sensitive Classification under
    Overparameterization, NeurIPS 2021. The ways back from vector scaling and smoothing follow from
    the losses.
    """
    if log.shape[0] == 2:
        z = log_odds(log[1] - log[0], shape, xp)
        return xp.stack([xp.zeros_like(z), z])
    iota, epsilon = (v.reshape(-1, *[1] * (log.ndim - 1)) for v in (shape.iota, shape.epsilon))
    log = _normalised(log + iota, xp)
    p = xp.exp(log)
    q = _at_least(xp.tensordot(1 - xp.eye(p.shape[0], dtype=p.dtype), p, axes=1), xp)
    bend = _bend(log, p, q, shape.gamma, xp)
    log = _normalised(log - shape.gamma * xp.log(q) - xp.log(bend), xp)
    smoothed = xp.log(_unsmoothed(xp.exp(log), epsilon, xp))
    return xp.where(xp.any(epsilon > 0), smoothed, log)  # else small ones would lose digits


def log_odds(f: Any, shape: Shape, xp: Any) -> Any:
    """Give the log odds of the posterior of two classes, from those that a network says."""
    (delta_0, delta_1), (iota_0, iota_1) = shape.delta, shape.iota
    z = _log_ratio(iota_0 + delta_0 * f, iota_1 - delta_1 * f, xp) + xp.log(delta_0 / delta_1)
    p_0, p_1 = _sigmoids(z, xp)
    bend_0 = _bend(log_sigmoid(-z, xp), p_0, p_1, shape.gamma, xp)
    bend_1 = _bend(log_sigmoid(z, xp), p_1, p_0, shape.gamma, xp)
    z = (1 + shape.gamma) * z + xp.log(bend_0 / bend_1)
    p_0, p_1 = _sigmoids(z, xp)
    epsilon_0, epsilon_1 = shape.epsilon
    kept = 1 - (epsilon_0 + epsilon_1) / 2
    positive = _left(p_1, (p_1 - epsilon_0 / 2) / kept, xp)
    negative = _left(p_0, (p_0 - epsilon_1 / 2) / kept, xp)
    return xp.where(xp.any(shape.epsilon > 0), xp.log(positive) - xp.log(negative), z)


def log_sigmoid(z: Any, xp: Any) -> Any:
    """Give log σ(z)."""
    return xp.minimum(z, 0) - xp.log1p(xp.exp(-abs(z)))


def _log_ratio(a: Any, b: Any, xp: Any) -> Any:
    """Give log(σ(a) / σ(b))."""
    return xp.minimum(a, 0) - xp.minimum(b, 0) + xp.log(_sum_with_1(b, xp) / _sum_with_1(a, xp))


def _sigmoids(z: Any, xp: Any) -> Any:
    """Give σ(−z) and σ(z), the smaller one to all its digits."""
    larger = 1 / _sum_with_1(z, xp)
    smaller = xp.exp(-abs(z)) * larger
    return xp.where(z < 0, larger, smaller), xp.where(z < 0, smaller, larger)


def _sum_with_1(z: Any, xp: Any) -> Any:
    return 1 + xp.exp(-abs(z))


def _bend(log: Any, p: Any, q: Any, gamma: Any, xp: Any) -> Any:
    """Give by how much focal loss bends odds beyond a power: 1 + γ p (−log p) / q, q = 1 − p."""
    return 1 + gamma * p * xp.where(q < NEAR, 1 + q / 2, -log / xp.maximum(q, NEAR))


def _unsmoothed(p: Any, epsilon: Any, xp: Any) -> Any:
    """Take smoothing back."""
    kept = 1 - epsilon
    share = (xp.sum(p / kept, axis=0) - 1) / xp.sum(1 / kept, axis=0)
    return _left(p, (p - share) / kept, xp)


def _left(p: Any, unsmoothed: Any, xp: Any) -> Any:
    """Leave a network a tenth of what it says.

    Now and then that is less than any posterior is smoothed to, and would be taken to be sure.
    """
    return _at_least(xp.maximum(unsmoothed, LEFT * p), xp)


def _normalised(log: Any, xp: Any) -> Any:
    most = xp.max(log, axis=0)
    return log - most - xp.log(xp.sum(xp.exp(log - most), axis=0))


def _at_least(values: Any, xp: Any) -> Any:
    return xp.maximum(values, TINY)
