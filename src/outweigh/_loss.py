"""A loss: what a network minimises, and what it makes of the network's output and its targets.

Whether an output is logits or probabilities is never read from its values: small logits look like
probabilities. It is said: by an attribute ``from_logits`` of the model, by the compiled loss, by
the last layer. Who speaks must agree; where nobody does, the network is asked. Likewise, for more
than two classes, whether the loss wants its targets one-hot.

Letters: B rows of a batch, K classes. Targets are 0.0 or 1.0, (B, 1), for two classes; codes (B,)
or one-hot (B, K) for K.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from outweigh._errors import NetworkError

SAYS_LOGITS = {"linear": True, "sigmoid": False, "hard_sigmoid": False, "softmax": False}
"""What an activation of the last layer says of the output."""


@dataclass(frozen=True)
class Loss:
    """What is minimised, and what its two arguments are."""

    function: Any  # a Keras loss: (y_true, y_pred, sample_weight) -> number
    from_logits: bool
    one_hot: bool  # whether it wants y_true as one column per class


def loss_of(keras: Any, model: Any, n_outputs: int) -> Loss:
    """Give the loss that a model is compiled with, or else the cross-entropy of its output.

    Raises
    ------
    NetworkError
        When the loss does not fit one output, or the model does not say what its output is.
    """
    given = _compiled(keras, model, n_outputs)
    activation = _last_activation(keras, model)
    _check_columns(given, activation, n_outputs)
    from_logits = _from_logits(model, given, activation)
    if given is None:
        return Loss(cross_entropy(keras, n_outputs, from_logits=from_logits), from_logits, False)
    one_hot = n_outputs > 1 and _wants_one_hot(model, given)
    return Loss(_of_rows(keras, given), from_logits, one_hot)


def labelled(keras: Any, model: Any) -> Loss:
    """Give the loss of a model of several yes/no outputs: binary cross-entropy, and no other.

    Raises
    ------
    NetworkError
        When it is compiled with another one, or does not say what its output is.
    """
    given = _compiled(keras, model, n_outputs=1)
    if given is not None and _kind(given).lower().replace("_", "") != "binarycrossentropy":
        raise NetworkError(
            "a network of several labels must be compiled with a binary cross-entropy, or with no "
            f"loss; its loss is {_name(given)}: weights act on each label's own term of it."
        )
    activation = _last_activation(keras, model)
    _check_columns(given, activation, n_outputs=1)
    from_logits = _from_logits(model, given, activation)
    return Loss(cross_entropy(keras, 1, from_logits=from_logits), from_logits, one_hot=True)


def cross_entropy(keras: Any, n_outputs: int, *, from_logits: bool) -> Any:
    """Give Keras's cross-entropy for one output or for K of them."""
    if n_outputs == 1:
        return keras.losses.BinaryCrossentropy(from_logits=from_logits)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)


def _compiled(keras: Any, model: Any, n_outputs: int) -> Any:
    """Give the compiled loss: Keras's object or a function; None if there is none."""
    given = getattr(model, "loss", None) if getattr(model, "compiled", False) else None
    if given is None:
        return None
    # no public way tells loss_weights without serialising the user's own objects
    compiled = getattr(getattr(model, "_compile_config", None), "config", {})
    if isinstance(given, list | tuple | dict) or compiled.get("loss_weights") is not None:
        raise NetworkError(
            "the network must be compiled with one loss and no loss_weights, it has one output: "
            "pass the loss itself."
        )
    if given in ("crossentropy", "ce"):  # Keras's own short name for what fits the output
        given = "binary_crossentropy" if n_outputs == 1 else "sparse_categorical_crossentropy"
    try:
        return keras.losses.get(given)
    except ValueError as error:
        raise NetworkError(
            f"the network's loss must be one that Keras knows, got {given!r}."
        ) from (error)


def _last_activation(keras: Any, model: Any) -> str | None:
    """Name the last layer's activation; None where it cannot be told for sure.

    A subclassed model computes what its code says, in whatever order its layers are listed.
    """
    if not type(model).call.__module__.startswith("keras."):
        return None
    if isinstance(model, keras.Sequential):
        last = model.layers[-1]
    elif isinstance(model, keras.Function):  # functional
        [last] = [o for o in model.operations if o.name == model.output_names[0]] or [None]
    else:
        return None
    if isinstance(last, keras.Model):
        return _last_activation(keras, last)
    if type(last) is keras.layers.Softmax:
        return "softmax"
    if type(last) not in (keras.layers.Activation, keras.layers.Dense, keras.layers.EinsumDense):
        return None
    known = (name for name in SAYS_LOGITS if getattr(keras.activations, name) is last.activation)
    return next(known, getattr(last.activation, "__name__", None))


def _check_columns(loss: Any, activation: str | None, n_outputs: int) -> None:
    """Check that neither the loss nor the activation is for another number of columns."""
    kind = _kind(loss).lower().replace("_", "")
    if n_outputs == 1 and (activation == "softmax" or "categorical" in kind):
        what = "a softmax" if activation == "softmax" else f"the loss {_name(loss)}"
        raise NetworkError(
            f"a network of one output must not have {what}, which learns nothing from one column: "
            "use a sigmoid and a binary cross-entropy."
        )
    if n_outputs > 1 and (activation in ("sigmoid", "hard_sigmoid") or kind.startswith("binary")):
        what = f"the loss {_name(loss)}" if kind.startswith("binary") else f"a {activation}"
        raise NetworkError(
            f"a network of {n_outputs} outputs must not have {what}, its classes exclude each "
            "other: use a softmax and a categorical cross-entropy."
        )


def _from_logits(model: Any, loss: Any, activation: str | None) -> bool:
    """Tell whether the output is logits, as those say who can."""
    by_loss = _said_by(loss)
    by_layer = SAYS_LOGITS.get(activation or "")
    if activation == "linear" and loss is not None and by_loss is None:
        by_layer = None  # a loss of one's own may take a linear output for anything
    said = {
        "model.from_logits": _attribute(model, "from_logits"),
        f"the loss {_name(loss)}": by_loss,
        f"the last layer's activation, {activation},": by_layer,
    }
    voices = {who: logits for who, logits in said.items() if logits is not None}
    if not voices:
        raise NetworkError(
            "the network must say whether its output is logits or probabilities: in the function "
            "that builds it, set model.from_logits = True or False."
        )
    if len({*voices.values()}) > 1:
        names = {True: "logits", False: "probabilities"}
        told = " but ".join(f"{who} says {names[logits]}" for who, logits in voices.items())
        raise NetworkError(
            f"the network must agree with itself on what its output is, {told}: mend one of them "
            "(a sigmoid or softmax gives probabilities)."
        )
    return next(iter(voices.values()))


def _said_by(loss: Any) -> bool | None:
    """Tell what a loss says of logits: by its attribute, or by a default of its function."""
    if loss is None:
        return None
    said = getattr(loss, "from_logits", None)
    if said is None and inspect.isroutine(_bare(loss)):
        parameter = inspect.signature(loss).parameters.get("from_logits")
        said = parameter.default if parameter is not None else None
    return said if isinstance(said, bool) else None


def _wants_one_hot(model: Any, loss: Any) -> bool:
    """Tell whether a loss of K columns wants its targets one-hot."""
    kind = _kind(loss)
    by_loss = not kind.lower().startswith("sparse") if kind else None
    by_model = _attribute(model, "one_hot")
    if by_model is None and by_loss is None:
        raise NetworkError(
            f"the network must say what targets its own loss {_name(loss)} takes: in the function "
            "that builds it, set model.one_hot = True (a column per class) or False (codes from 0)."
        )
    if None not in (by_loss, by_model) and by_loss != by_model:
        takes = "one-hot targets" if by_loss else "codes"
        raise NetworkError(
            f"the network must agree on its targets with itself, the loss {_name(loss)} takes "
            f"{takes} but model.one_hot is {by_model}: mend one."
        )
    return bool(by_loss if by_model is None else by_model)


def _attribute(model: Any, name: str) -> bool | None:
    """Give what the user's function has set on the model, if anything."""
    value = getattr(model, name, None)
    if value is not None and not isinstance(value, bool):
        raise NetworkError(f"model.{name} must be True or False, got {value!r}.")
    return value


def _kind(loss: Any) -> str:
    """Name the loss of Keras's that this one is or descends from; empty for one's own."""
    bare = _bare(loss)
    kinds = [bare] if inspect.isroutine(bare) else type(loss).__mro__
    keras_s = [kind.__name__ for kind in kinds if kind.__module__.startswith("keras.")]
    found = keras_s[0] if keras_s else ""
    return "" if found in ("Loss", "LossFunctionWrapper") else found


def _name(loss: Any) -> str:
    bare = _bare(loss)
    return str(getattr(bare, "__name__", type(bare).__name__))


def _bare(loss: Any) -> Any:
    return loss.func if isinstance(loss, functools.partial) else loss


def _of_rows(keras: Any, loss: Any) -> Callable[[Any, Any, Any], Any]:
    """Make a function of targets and outputs a Keras loss, which weighs its rows and averages."""
    if isinstance(loss, keras.losses.Loss):
        return loss  # type: ignore[no-any-return]

    class OfFunction(keras.losses.Loss):  # type: ignore[misc]
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return loss(y_true, y_pred)

    return OfFunction()
