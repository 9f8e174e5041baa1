"""A treatment: all in which the lanes of a chunk may differ, as numbers that JAX maps over.

The loss of a row is computed here, for losses that are no Keras loss: see `outweigh._shapes`.

Letters: B rows of a batch, K classes. Two classes have one logit, (B, 1).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from outweigh._shapes import TINY, Shape, log_sigmoid, posterior

SUREST = 1e-7  # a probability is not taken for less, nor for more than 1 − that; Keras does so too


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
            log = jnp.moveaxis(posterior(jnp.moveaxis(log, -1, 0), self.shape, jnp), 0, -1)
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

    1 − p is raised to a power by its logarithm: p itself is 1 in float32 long before that is lost.
    """
    return _of_two(f[:, 0], y, shape) if f.shape[1] == 1 else _of_many(f, y, shape)


def _of_two(f: Any, y: Any, shape: Shape) -> Any:
    positive = y == 1
    delta, iota, epsilon = (jnp.where(positive, v[1], v[0]) for v in shape[1:])
    margin = jnp.where(positive, f, -f) * delta - iota
    log_p = log_sigmoid(margin, jnp)
    loss = epsilon / 2 * margin - log_p  # log(1 − p) is log p − margin
    return jnp.exp(shape.gamma * (log_p - margin)) * loss


def _of_many(f: Any, y: Any, shape: Shape) -> Any:
    own = y[:, None] == jnp.arange(f.shape[1])
    g = shape.delta * f + shape.iota
    g = g - jax.lax.stop_gradient(g.max(axis=1, keepdims=True))
    e = jnp.exp(g)
    log_sum = jnp.log(e.sum(axis=1))
    log_rest = jnp.log(jnp.maximum(jnp.where(own, 0, e).sum(axis=1), TINY)) - log_sum
    epsilon = jnp.where(own, shape.epsilon, 0).sum(axis=1, keepdims=True)
    target = jnp.where(own, 1 - epsilon, 0) + epsilon / f.shape[1]
    return jnp.exp(shape.gamma * log_rest) * (log_sum - (target * g).sum(axis=1))
