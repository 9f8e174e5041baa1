"""A network: a Keras model as pure functions of its parameters.

outweigh trains any Keras model with one input of D numbers and one output per row: one number
for two classes, K numbers for K classes. A user hands it over as a function
``build(n_features, n_outputs)`` that returns a new model at each call, compiled or not. What the
model does not show, the function says: ``model.from_logits``, whether the output is logits, and
``model.one_hot``, whether a loss of the user's own takes its targets as K columns.

Keras and JAX are imported here and in the rooms above, only once a network is needed.
"""

import importlib.util
import os
import pickle
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np

from outweigh._errors import NetworkError
from outweigh._loss import Loss, cross_entropy, labelled, loss_of
from outweigh._trial import sketch, told

Build = Callable[[int, int], Any]

ADAM = 1e-3  # the default network's learning rate
HIDDEN = (64, 64)  # its hidden units
KERAS_OWN = (  # what Keras's fit calls; a model that overrides one of them trains otherwise
    "fit",
    "train_step",
    "predict_step",
    "compute_loss",
    "compute_loss_and_updates",
    "stateless_call",
    "stateless_compute_loss",
)

_taken: WeakSet[Any] = WeakSet()  # the models that were handed over before
_seeding = threading.RLock()  # Python's and NumPy's generators are the same for every thread


def keras_on_jax() -> Any:
    """Import Keras, on JAX."""
    asked = os.environ.setdefault("KERAS_BACKEND", "jax")
    remedy = "set KERAS_BACKEND=jax before Python starts."
    try:
        import keras
    except ImportError as error:
        raise NetworkError(
            f"Keras must run on JAX here, on {asked} it raised {told(error)} {remedy}"
        ) from error
    if keras.backend.backend() != "jax":
        raise NetworkError(
            f"Keras must run on JAX here, but it runs on {keras.backend.backend()}: {remedy}"
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
    loss = cross_entropy(keras, n_outputs, from_logits=True)
    model.compile(keras.optimizers.Adam(ADAM), loss)
    return model


@dataclass(frozen=True)
class Known:
    """A network function as the key of what was compiled for it."""

    build: Build = field(compare=False)
    key: Any


def known(build: Build) -> Known:
    """Give a network function as a key: copies of a partial are one, as scikit-learn makes them.

    One that cannot be a key, since it may change, is new each time.
    """
    key: Any = build
    if isinstance(build, partial):
        key = build.func, build.args, *sorted(build.keywords.items())
    try:
        hash(key)
    except TypeError:
        key = _written(build) if isinstance(build, partial) else object()
    return Known(build, key)


def _written(build: partial[Any]) -> Any:
    """Write a partial as a key by what its arguments hold, lists and arrays too."""
    try:
        return build.func, pickle.dumps((build.args, sorted(build.keywords.items())))
    except Exception:  # whatever an argument's class raises
        return object()


@dataclass(frozen=True)
class Network:
    """A model that can be trained here, and what its output means."""

    model: Any
    optimizer: Any
    loss: Any  # a Keras loss: (y_true, y_pred, sample_weight) -> number
    one_hot: bool  # whether that loss wants y_true as one column per class
    from_logits: bool
    n_classes: int
    n_labels: int | None  # yes/no targets, where it is not one class for each row
    output_bias: int | None  # which trainable variable starts at the log prior odds, if any
    sketch: str  # equal for models that differ in the values of their variables only

    def start(self) -> tuple[list[Any], list[Any], list[Any]]:
        """Give the values of trainable, other and optimizer variables before the first step."""
        variables = (
            self.model.trainable_variables,
            self.model.non_trainable_variables,
            self.optimizer.variables,
        )
        trainable, other, steps = ([variable.value for variable in v] for v in variables)
        return trainable, other, steps

    def scaled(self, loss: Any, steps: list[Any]) -> Any:
        """Give the loss as the optimizer wants it differentiated: some scale it, for float16."""
        state = list(zip(self.optimizer.variables, steps, strict=True))
        with keras_on_jax().StatelessScope(state_mapping=state):
            return self.optimizer.scale_loss(loss)

    def settled(self, trainable: list[Any], steps: list[Any]) -> list[Any]:
        """Give the parameters to predict with: some optimizers keep averages of them."""
        variables = self.model.trainable_variables
        state = [*zip(variables, trainable, strict=True)]
        state += zip(self.optimizer.variables, steps, strict=True)
        with keras_on_jax().StatelessScope(state_mapping=state) as scope:
            self.optimizer.finalize_variable_values(variables)
        return [scope.get_current_value(variable) for variable in variables]


def prepare(
    build: Build,
    *,
    n_features: int,
    n_classes: int = 2,
    n_labels: int | None = None,
    seed: int,
    learning_rate: float | None = None,
) -> Network:
    """Build a model with the given seed and check that it can be trained here.

    Parameters
    ----------
    build : callable
        ``build(n_features, n_outputs)`` returns a Keras model.
    n_features, n_classes, seed : int
    n_labels : int, optional
        Yes/no targets, each with an output of its own, instead of classes.
    learning_rate : float, optional
        Overrides the optimizer's.

    Returns
    -------
    network : Network

    Raises
    ------
    NetworkError
        When the function raises, returns no Keras model, or one whose input, output, loss or
        optimizer does not fit.

    Examples
    --------
    >>> network = prepare(default_network, n_features=6, n_classes=2, seed=0)
    >>> network.from_logits
    True
    """
    keras = keras_on_jax()
    n_outputs = n_labels or (1 if n_classes == 2 else n_classes)
    is_default = build is default_network
    with seeded(seed):
        model = _built(build, n_features, n_outputs)
    _check_ordinary(model)
    if n_labels:
        loss = Loss(None, from_logits=True, one_hot=True) if is_default else labelled(keras, model)
    else:
        loss = loss_of(keras, model, n_outputs)
    optimizer = _optimizer(model, learning_rate)
    return Network(
        model=model,
        optimizer=optimizer,
        loss=loss.function,
        one_hot=loss.one_hot,
        from_logits=loss.from_logits,
        n_classes=n_classes,
        n_labels=n_labels,
        output_bias=len(model.trainable_variables) - 1 if is_default else None,
        sketch="default" if is_default else _sketch(model, loss, optimizer, n_features, n_outputs),
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
        raise NetworkError(f"{file} must run without an error, it raised {told(error)}") from error
    build = getattr(module, name, None)
    if not callable(build):
        raise NetworkError(f"{file} must define a function {name!r}, it defines none.")
    return build  # type: ignore[no-any-return]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed Keras for a while, and leave Python's and NumPy's own generators as they were.

    One thread at a time: another one's draws would be in the middle of this one's.
    """
    keras = keras_on_jax()
    with _seeding:
        state = random.getstate(), np.random.get_state()  # noqa: NPY002  (Keras seeds the old one)
        keras.utils.set_random_seed(seed)
        try:
            yield
        finally:
            random.setstate(state[0])
            np.random.set_state(state[1])  # noqa: NPY002


def _built(build: Build, n_features: int, n_outputs: int) -> Any:
    """Call the user's function, and have the model make its variables."""
    keras = keras_on_jax()
    call = f"{getattr(build, '__name__', 'build')}({n_features}, {n_outputs})"
    try:
        model = build(n_features, n_outputs)
    except Exception as error:
        raise NetworkError(
            f"the network function must build a model, but {call} raised {told(error)}"
        ) from error
    if not isinstance(model, keras.Model):
        raise NetworkError(
            f"the network function must return a keras.Model, but {call} returned "
            f"{type(model).__name__}."
        )
    if model in _taken:
        raise NetworkError(
            f"the network function must build a new model at each call, but {call} returned the "
            "same one again: seeds would start alike, and what it was trained on before would leak."
        )
    _taken.add(model)
    _check_shapes(model, n_features, n_outputs)
    if not model.trainable_variables:
        raise NetworkError(f"the network must have something to train, {call} has no variables.")
    return model


def _check_shapes(model: Any, n_features: int, n_outputs: int) -> None:
    """Check what goes in and what comes out; a model without variables makes them here."""
    keras = keras_on_jax()
    rows = keras.KerasTensor((None, n_features), dtype="float32")
    try:
        with warnings.catch_warnings():  # Keras warns of what it then raises
            warnings.filterwarnings("ignore", "(?s).*unbuilt state", UserWarning)
            output = model.compute_output_spec(rows) if model.built else model(rows)
    except Exception as error:
        raise NetworkError(
            f"the network must accept any number of rows of {n_features} features, and JAX must be "
            f"able to trace it; it raised {told(error)}"
        ) from error
    shape = getattr(output, "shape", None)
    if shape is None or len(shape) != 2 or shape[1] != n_outputs:
        came = f"of shape {tuple(shape)}" if shape is not None else f"a {type(output).__name__}"
        raise NetworkError(
            f"the network must have one output of shape (rows, {n_outputs}), it is {came}: use the "
            "n_outputs that build() is called with (1 for two classes, K for K classes)."
        )


def _check_ordinary(model: Any) -> None:
    """Check that Keras's fit would train the model with Keras's own steps."""
    keras = keras_on_jax()
    own = [n for n in KERAS_OWN if getattr(type(model), n) is not getattr(keras.Model, n)]
    if own:
        raise NetworkError(
            f"the network must train as Keras's own fit does, but its class overrides {own[0]}: "
            "say what it minimises with compile(loss=...) and add_loss."
        )


def _optimizer(model: Any, learning_rate: float | None) -> Any:
    """Give the model's optimizer, ready for its variables; Adam if it is not compiled."""
    keras = keras_on_jax()
    compiled = getattr(model, "compiled", False)
    optimizer = model.optimizer if compiled else keras.optimizers.Adam(ADAM)
    if optimizer.built and not _is_of(optimizer, model.trainable_variables):
        raise NetworkError(
            "the network function must make a new optimizer at each call, this one is already "
            f"another model's: write compile({type(optimizer).__name__}(...)) in the function."
        )
    if learning_rate is not None:
        try:
            optimizer.learning_rate = learning_rate
        except (AttributeError, TypeError) as error:
            raise NetworkError(
                f"a learning rate can only be given to an optimizer that has one number for it, "
                f"{type(optimizer).__name__} says {told(error)}"
            ) from error
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    return optimizer


def _is_of(optimizer: Any, variables: list[Any]) -> bool:
    """Tell whether a built optimizer knows these variables: it refuses to step others."""
    keras = keras_on_jax()
    try:
        with keras.StatelessScope():
            optimizer.apply([keras.ops.zeros(v.shape, v.dtype) for v in variables], variables)
    except (KeyError, ValueError):
        return False
    return True


def _sketch(model: Any, loss: Loss, optimizer: Any, n_features: int, n_outputs: int) -> str:
    """Trace the model twice: what draws Python's or NumPy's random numbers differs."""
    sketches = set()
    for seed in range(2):
        with seeded(seed):
            sketches.add(sketch(model, loss, n_features, n_outputs))
    if len(sketches) > 1:
        raise NetworkError(
            "the network must compute the same at each call, it does not: draw random numbers "
            "with keras.random and a keras.random.SeedGenerator, JAX freezes others."
        )
    states = [variable.shape for variable in optimizer.variables]
    return f"{sketches.pop()} {type(optimizer).__name__} {states}"
