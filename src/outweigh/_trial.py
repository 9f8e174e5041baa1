"""A trial: one step of a network, traced before it trains, to say in one line why it cannot.

Letters: B rows of a batch, D features, K classes.
"""

import hashlib
import inspect
import re
from typing import Any

from outweigh._errors import NetworkError
from outweigh._loss import Loss

B = 3  # any number does


def sketch(model: Any, loss: Loss, n_features: int, n_outputs: int) -> str:
    """Trace what a model computes, and give a hash of it.

    Models of one sketch differ in nothing but the values of their variables.

    Parameters
    ----------
    model : keras.Model
    loss : Loss
    n_features, n_outputs : int

    Returns
    -------
    sketch : str
        SHA-256 of the text that JAX hands to its compiler, constants included.

    Raises
    ------
    NetworkError
        When the model cannot be traced, or its loss is not one value for each row.
    """
    import jax

    takes_training = "training" in inspect.signature(model.call).parameters
    training, inference = ({"training": b} if takes_training else {} for b in (True, False))

    def step(trainable: list[Any], other: list[Any], x: Any, y: Any, weight: Any) -> Any:
        y_pred, *rest = model.stateless_call(trainable, other, x, return_losses=True, **training)
        _check_values(loss.function, y, y_pred)
        total = loss.function(y, y_pred, weight)
        _check_total(total)
        return total, rest, model.stateless_call(trainable, other, x, **inference)[0]

    shaped: Any = jax.ShapeDtypeStruct  # untyped
    shapes = {"x": (B, n_features), "y": _targets_shape(loss, n_outputs), "weight": (B,)}
    rows = {name: shaped(shape, "float32") for name, shape in shapes.items()}
    of_model = (model.trainable_variables, model.non_trainable_variables)
    variables = ([shaped(v.shape, v.dtype) for v in some] for some in of_model)
    try:
        text = jax.jit(step).lower(*variables, **rows).as_text()
    except NetworkError:
        raise
    except Exception as error:
        raise NetworkError(
            "JAX must be able to trace the network (no branch on values, no NumPy, randomness "
            f"from a keras.random.SeedGenerator only), it raised {told(error)}"
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()


def told(error: BaseException) -> str:
    r"""Tell an exception in one line: JAX's own where Keras's report of it hides it.

    Examples
    --------
    >>> told(ValueError("no\nsuch layer"))
    'ValueError: no such layer'
    """
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    error = next((e for e in chain if type(e).__module__.startswith("jax.")), error)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # Keras prints in bold
    text = " ".join(plain.rpartition("Error encountered:")[2].split())  # after Keras's guesses
    text = "".join(c for c in text if c.isprintable())
    return f"{type(error).__name__}: {text[:300]}" if text else f"{type(error).__name__}."


def _targets_shape(loss: Loss, n_outputs: int) -> tuple[int, ...]:
    if n_outputs == 1:
        return (B, 1)
    return (B, n_outputs) if loss.one_hot else (B,)


def _check_values(loss: Any, y: Any, y_pred: Any) -> None:
    """Check that a loss leaves the mean to Keras: weights cannot act on what is one number."""
    shape = loss.call(y, y_pred.astype("float32")).shape
    if shape not in ((B,), (B, 1)):
        raise NetworkError(
            "the network's loss must give one value for each row, so that class weights can act "
            f"on them; for {B} rows it gives a result of shape {shape}: leave the mean to Keras."
        )


def _check_total(total: Any) -> None:
    if total.shape != ():
        raise NetworkError(
            f"the network's loss must be one number for a batch, it is of shape {total.shape}: "
            "leave its reduction as Keras has it."
        )
