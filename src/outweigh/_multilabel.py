"""Several yes/no targets at once: one network, and for each an output and weights of its own.

The loss of a row is the mean over its labels of their weighted cross-entropies, which is Keras's
``BinaryCrossentropy`` where all weights are 1. Keras itself has no weights for this: its
``class_weight`` takes one class for each row.

Letters: B rows of a batch, T labels, two classes of each, no and yes.
"""

from typing import Any

import jax
import jax.numpy as jnp

from outweigh._chunk import Curves
from outweigh._treatment import SUREST, logits


def loss(y_pred: Any, y: Any, class_weight: Any, row_weight: Any, *, from_logits: bool) -> Any:
    """Give the loss of a batch.

    Parameters
    ----------
    y_pred : (B, T)
    y : (B, T) int
        1 for yes.
    class_weight : (T, 2)
    row_weight : (B,) or None
    from_logits : bool
    """
    f = logits_of(y_pred, from_logits=from_logits)
    yes = y == 1
    weight = jnp.where(yes, class_weight[:, 1], class_weight[:, 0])
    each = (weight * jax.nn.softplus(jnp.where(yes, -f, f))).mean(axis=1)
    return (each if row_weight is None else row_weight * each).mean()


def logits_of(y_pred: Any, *, from_logits: bool) -> Any:
    """Give outputs (B, T) as the log odds of yes."""
    if from_logits:
        return logits(y_pred, from_logits=True)
    p = jnp.clip(y_pred.astype("float32"), SUREST, 1 - SUREST)
    return jnp.log(p) - jnp.log1p(-p)


def log_probability(y_pred: Any, *, from_logits: bool) -> Any:
    """Give the log probabilities (B, T, 2) of no and yes."""
    f = logits_of(y_pred, from_logits=from_logits)
    return -jax.nn.softplus(jnp.stack([f, -f], axis=-1))


def log_losses(says: Any, undo: Any, class_weight: Any, validation: Any) -> Curves:
    """Give the mean log losses of validation rows (S, B, ...), averaged over the labels.

    Parameters
    ----------
    says : callable
        Gives the log probabilities (B, T, 2) of rows x (B, D).
    undo : callable
        Gives them without class weights.
    class_weight : (T, 2)
    validation : Rows
    """

    def add(totals: Any, batch: Any) -> tuple[Any, None]:
        log = says(batch.x)
        yes = batch.y == 1
        own, undone = (jnp.where(yes, v[..., 1], v[..., 0]) for v in (log, undo(log)))
        weight = jnp.where(yes, class_weight[:, 1], class_weight[:, 0])
        each = jnp.stack([undone, own, weight * own]).mean(axis=2)
        return totals - (batch.row_weight * each).sum(axis=1), None

    totals, _ = jax.lax.scan(add, jnp.zeros(3, "float32"), validation)
    return Curves(*(totals / validation.row_weight.sum()))
