"""A treatment: all in which the lanes of a chunk may differ, as numbers that JAX maps over.

The loss of a row is computed here, for losses that are no Keras loss: see `outweigh._shapes`.

Letters: B rows of a batch, K classes. Two classes have one logit, (B, 1).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from outweigh._shapes import Shape, posterior

SUREST = 1e-7  # a probability is not taken for less, nor for more than 1 − that; Keras does so too
FAR = -1e30


class Treatment(NamedTuple):
    """What is done to a lane about the imbalance."""

    class_weight: Any  # (K,) factors on the loss
    frequency: Any  # (K,) how many times as frequent sampling makes each class
    shape: Shape | None = None  # of its loss; None: Keras's own
    start: Any = None  # () the epoch after which the class weights act; None: from the first on

    def acting(self, acts: Any) -> "Treatment":
        """Leave the class weights out while they do not act."""
        return self._replace(class_weight=jnp.where(acts, self.class_weight, 1))

    def undone(self, log: Any) -> Any:
        """Give the log posterior (B, K) from what the lane says."""
        if self.shape is not None:
            log = posterior(log, self.shape, jnp)
        return jax.nn.log_softmax(log - jnp.log(self.class_weight * self.frequency))


def logits(y_pred: Any, *, from_logits: bool) -> Any:
    """Give an output (B, K) or (B, 1) as logits."""
    z = y_pred.astype("float32")
    if from_logits:
        return z
    p = jnp.clip(z, SUREST, 1 - SUREST)
    return jnp.log(p) - jnp.log1p(-p) if z.shape[1] == 1 else jnp.log(p)


def losses(f: Any, y: Any, shape: Shape) -> Any:
    """Give the loss (B,) of rows of classes y (B,) from logits f, without class weights.

    All of it is computed in logarithms: 1 − p, raised to a power, is 0 in float32 long before its
    logarithm is lost.
    """
    return _of_two(f[:, 0], y, shape) if f.shape[1] == 1 else _of_many(f, y, shape)


def _of_two(f: Any, y: Any, shape: Shape) -> Any:
    (delta_0, delta_1), (iota_0, iota_1) = shape.delta, shape.iota
    positive = y == 1
    as_positive, as_negative = delta_1 * f - iota_1, -delta_0 * f - iota_0
    margin = jnp.where(positive, as_positive, as_negative)
    other = jnp.where(positive, as_negative, as_positive)
    epsilon = jnp.where(positive, shape.epsilon[1], shape.epsilon[0]) / 2
    loss = (1 - epsilon) * jax.nn.softplus(-margin) + epsilon * jax.nn.softplus(-other)
    return jnp.exp(-shape.gamma * jax.nn.softplus(margin)) * loss


def _of_many(f: Any, y: Any, shape: Shape) -> Any:
    own = y[:, None] == jnp.arange(f.shape[1])
    g = shape.delta * f + shape.iota
    log = jax.nn.log_softmax(g)
    rest = jax.nn.logsumexp(jnp.where(own, FAR, g), axis=1) - jax.nn.logsumexp(g, axis=1)
    epsilon = jnp.where(own, shape.epsilon, 0).sum(axis=1)
    loss = -(1 - epsilon) * jnp.where(own, log, 0).sum(axis=1) - epsilon * log.mean(axis=1)
    return jnp.exp(shape.gamma * rest) * loss
