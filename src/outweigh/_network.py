"""A network: a Keras model as pure functions of its parameters.

outweigh trains any Keras model with one input of D numbers and one output per row: one number
for two classes, K numbers for K classes. A user hands it over as a function
``build(n_features, n_outputs)`` that returns the model, compiled or not.

Keras and JAX are imported here and in the rooms above, only once a network is needed.
"""

import importlib.util
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from outweigh._errors import NetworkError

Build = Callable[[int, int], Any]

ADAM = 1e-3  # the default network's learning rate
HIDDEN = (64, 64)  # its hidden units


def keras_on_jax() -> Any:
    """Import Keras, on JAX."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    if keras.backend.backend() != "jax":
        raise NetworkError(
            f"Keras must run on JAX here, but it runs on {keras.backend.backend()}: "
            "set KERAS_BACKEND=jax before Python starts."
        )
    return keras


def default_network(n_features: int, n_outputs: int) -> Any:
    """Build the default network for tables: two hidden layers of 64 ReLU units, logits out.

    Parameters
    ----------
    n_features : int
    n_outputs : int
        1 for two classes, K for K classes.

    Returns
    -------
    model : keras.Model, compiled with Adam(1e-3) and the cross-entropy of the logits

    Examples
    --------
    >>> default_network(6, 1).count_params()
    4673
    """
    keras = keras_on_jax()
    hidden = [keras.layers.Dense(units, activation="relu") for units in HIDDEN]
    model = keras.Sequential(
        [keras.Input((n_features,)), *hidden, keras.layers.Dense(n_outputs, name="logits")]
    )
    model.compile(keras.optimizers.Adam(ADAM), _cross_entropy(n_outputs, from_logits=True))
    return model


@dataclass(frozen=True)
class Network:
    """A model that can be trained here, and what its output means."""

    model: Any
    optimizer: Any
    loss: Any  # a Keras loss: (y_true, y_pred, sample_weight) -> number
    one_hot: bool  # whether that loss wants y_true as one column per class
    from_logits: bool
    n_classes: int
    output_bias: int | None  # which trainable variable starts at the log prior odds, if any

    def start(self) -> tuple[list[Any], list[Any], list[Any]]:
        """Give the values of trainable, other and optimizer variables before the first step."""
        variables = (
            self.model.trainable_variables,
            self.model.non_trainable_variables,
            self.optimizer.variables,
        )
        trainable, other, steps = ([variable.value for variable in v] for v in variables)
        return trainable, other, steps


def prepare(
    build: Build,
    *,
    n_features: int,
    n_classes: int,
    seed: int,
    learning_rate: float | None = None,
) -> Network:
    """Build a model with the given seed and check that it can be trained here.

    Parameters
    ----------
    build : callable
        ``build(n_features, n_outputs)`` returns a Keras model.
    n_features, n_classes, seed : int
    learning_rate : float, optional
        Overrides the optimizer's.

    Returns
    -------
    network : Network

    Raises
    ------
    NetworkError
        When the function raises, returns no Keras model, or one whose input or output does not
        fit.
    """
    keras = keras_on_jax()
    n_outputs = 1 if n_classes == 2 else n_classes
    model = _built(build, n_features, n_outputs, seed)
    _check_shapes(model, n_features, n_outputs)
    compiled = getattr(model, "compiled", False)
    from_logits = _says_logits(keras, model)
    loss, one_hot = _loss(keras, model, n_outputs, from_logits)
    optimizer = model.optimizer if compiled else keras.optimizers.Adam(ADAM)
    if learning_rate is not None:
        optimizer.learning_rate = learning_rate
    optimizer.build(model.trainable_variables)
    is_default = build is default_network
    return Network(
        model=model,
        optimizer=optimizer,
        loss=loss,
        one_hot=one_hot,
        from_logits=from_logits,
        n_classes=n_classes,
        output_bias=len(model.trainable_variables) - 1 if is_default else None,
    )


def load_build(where: str) -> Build:
    """Load a network function from ``FILE.py:FUNCTION``.

    Raises
    ------
    NetworkError
        When the file or the function is missing, or the file cannot be run.
    """
    file, _, name = where.rpartition(":")
    if not file or not name:
        raise NetworkError(f"--network must be FILE.py:FUNCTION, got {where!r}.")
    if not Path(file).is_file():
        raise NetworkError(f"--network must name a Python file that exists, got {file!r}.")
    keras_on_jax()
    spec = importlib.util.spec_from_file_location("outweigh_user_network", file)
    if spec is None or spec.loader is None:
        raise NetworkError(f"--network must name a Python file (.py), got {file!r}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # so that Keras can find classes defined there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise NetworkError(f"{file} must run without an error, it raised {_told(error)}") from error
    build = getattr(module, name, None)
    if not callable(build):
        raise NetworkError(f"{file} must define a function {name!r}, it defines none.")
    return build  # type: ignore[no-any-return]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Keras for a while, and leave Python's and NumPy's own generators as they were."""
    keras = keras_on_jax()
    state = random.getstate(), np.random.get_state()  # noqa: NPY002  (Keras seeds the old one)
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(state[0])
        np.random.set_state(state[1])  # noqa: NPY002


def _built(build: Build, n_features: int, n_outputs: int, seed: int) -> Any:
    keras = keras_on_jax()
    call = f"{getattr(build, '__name__', 'build')}({n_features}, {n_outputs})"
    with seeded(seed):
        try:
            model = build(n_features, n_outputs)
            if isinstance(model, keras.Model) and not model.built:
                model.build((None, n_features))
        except Exception as error:
            raise NetworkError(
                f"the network function must build a model, but {call} raised {_told(error)}"
            ) from error
    if not isinstance(model, keras.Model):
        raise NetworkError(
            f"the network function must return a keras.Model, but {call} returned "
            f"{type(model).__name__}."
        )
    if not model.trainable_variables:
        raise NetworkError(f"the network must have something to train, {call} has no variables.")
    return model


def _check_shapes(model: Any, n_features: int, n_outputs: int) -> None:
    keras = keras_on_jax()
    rows = keras.KerasTensor((None, n_features), dtype="float32")
    try:
        output = model.compute_output_spec(rows, training=False)
    except Exception as error:
        raise NetworkError(
            f"the network must accept rows of {n_features} features, it raised {_told(error)}"
        ) from error
    shape = getattr(output, "shape", None)
    if shape is None or len(shape) != 2 or shape[1] != n_outputs:
        came = f"of shape {tuple(shape)}" if shape is not None else f"a {type(output).__name__}"
        raise NetworkError(
            f"the network's output must be of shape (rows, {n_outputs}), it is {came}: use the "
            "n_outputs that build() is called with (1 for two classes, K for K classes)."
        )


def _says_logits(keras: Any, model: Any) -> bool:
    """Tell whether the output is logits: from the compiled loss, or else the last activation.

    Never from values: small logits look like probabilities.
    """
    last = model.layers[-1] if model.layers else None
    activation = getattr(last, "activation", None)
    by_layer = {keras.activations.sigmoid: False, keras.activations.softmax: False}
    by_layer[keras.activations.linear] = True
    layer_says = by_layer.get(activation) if activation is not None else None
    loss_says = getattr(getattr(model, "loss", None), "from_logits", None)
    if loss_says is not None:
        if layer_says is not None and layer_says != loss_says:
            raise NetworkError(
                f"loss and last layer must agree on logits: the loss has from_logits={loss_says}, "
                f"the last layer's activation is {getattr(activation, '__name__', activation)!r}."
            )
        return bool(loss_says)
    if layer_says is None:
        raise NetworkError(
            "the network must say whether its output is logits or probabilities: end it with a "
            "layer whose activation is 'sigmoid', 'softmax' or None, or compile it with a loss "
            "that has from_logits."
        )
    if layer_says and isinstance(getattr(model, "loss", None), str):
        raise NetworkError(
            f"the loss {model.loss!r} takes probabilities, but the last layer gives logits: end "
            "the network with a sigmoid or softmax, or compile it with a loss object that has "
            "from_logits=True."
        )
    return layer_says


def _loss(keras: Any, model: Any, n_outputs: int, from_logits: bool) -> tuple[Any, bool]:
    """Give the model's loss, and whether it wants one column per class."""
    if not getattr(model, "compiled", False) or model.loss is None:
        return _cross_entropy(n_outputs, from_logits=from_logits), False
    if isinstance(model.loss, list | tuple | dict):
        raise NetworkError("the network must have one output and one loss, it has several.")
    loss = keras.losses.get(model.loss)
    if not isinstance(loss, keras.losses.Loss):
        loss = _reduced(loss)
    name = getattr(model.loss, "name", model.loss if isinstance(model.loss, str) else "")
    return loss, n_outputs > 1 and "sparse" not in str(name)


def _reduced(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """Make a loss of values per row one of a batch, as Keras does: the mean of value × weight."""

    def loss(y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        values = function(y_true, y_pred)
        return (values * sample_weight).mean()

    return loss


def _cross_entropy(n_outputs: int, *, from_logits: bool) -> Any:
    losses = keras_on_jax().losses
    if n_outputs == 1:
        return losses.BinaryCrossentropy(from_logits=from_logits)
    return losses.SparseCategoricalCrossentropy(from_logits=from_logits)


def _told(error: BaseException) -> str:
    """Tell an exception in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else f"{type(error).__name__}."
