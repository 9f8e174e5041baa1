"""A model as one whole: a single Keras model, whose layers and operations are all Keras's own.

Its networks stand side by side; what becomes of their outputs in `Model` is said again here in
Keras's operations, and in float32, since that is all that Keras computes in on JAX. So it is kept
in logarithms as long as it can be.

Letters: n rows, P columns, G of them with gaps, D features, R networks, K classes.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outweigh._errors import UsageError
from outweigh._features import FARTHEST
from outweigh._model import Model
from outweigh._network import Network, keras_on_jax, prepare
from outweigh._reading import quoted
from outweigh._recipe import written
from outweigh._repairs import FLOOR, Affine, Map, Steps
from outweigh._shapes import Shape, is_plain, posterior

COLUMNS, FEATURES = "columns", "features"  # what goes in
PROBABILITY = "probability"  # what comes out
COARSEST = 0.01  # of a standard deviation: steps of float32 that a column may come in
WIDEST = 1e30  # a standard deviation, and its inverse, that float32 can square
HUGE = 1e38  # float32 ends beyond
TINY = float(np.finfo("float32").tiny)
SUREST = 1e-7  # a probability is not taken for less before its logit is taken


def whole(model: Model, *, inputs: str, flips: bool = False) -> Any:
    """Build a Keras model that gives a model's probabilities (n, K), in the order of its classes.

    Parameters
    ----------
    model : Model
    inputs : {"columns", "features"}
        What it takes, as float32: the columns (n, P) in the order of ``model.features.schema``,
        NaN for gaps, if `check_columns` lets them pass; or the features (n, D) that
        ``model.features.transform`` makes of them.
    flips : bool
        Whether the classes come in the opposite order.
    """
    keras = keras_on_jax()
    width = len(model.features.schema if inputs == COLUMNS else model.features.names)
    given = keras.Input((width,), name=inputs, dtype="float32")
    x = _standardised(model, given) if inputs == COLUMNS else given
    each = [_undone(_said(network, x, model), model) for network in _networks(model)]
    averaged = keras.ops.mean(keras.ops.stack(each), axis=0)
    probability = _deployed(_repaired(averaged, model.repair), model.factor)
    if flips:
        probability = keras.ops.flip(probability, axis=-1)
    named = keras.layers.Identity(name=PROBABILITY, dtype="float32")(probability)
    return keras.Model(given, named, name="outweigh")


def check_columns(model: Model) -> None:
    """Check that a whole can make features of a model's columns.

    Raises
    ------
    UsageError
        When some are no numbers, or need more digits than float32 has.
    """
    remedy = 'give inputs="features", and feed it what features.transform of the model makes'
    if others := [name for name, kind in model.features.schema if kind != "number"]:
        raise UsageError(
            f"what is to take columns must have numbers only; {quoted(others, most=5)} hold text "
            f"or dates: {remedy}"
        )
    names = [name for name, _ in model.features.schema]
    if coarse := [name for name, fine in zip(names, _fine(model), strict=True) if not fine]:
        raise UsageError(
            f"what takes columns takes them as float32, of seven digits; "
            f"{quoted(coarse, most=5)} vary too little about their mean for that: {remedy}"
        )


def standard(model: Model) -> dict[str, Any]:
    """Give what was learned of numbers: fill (P,), gaps (G,), mean and scale (P + G,)."""
    return dict(written(model.features)["numbers"])


def _fine(model: Model) -> NDArray[np.bool_]:
    """Tell of each column (P,) whether its values can be told apart in float32."""
    mean, scale = (standard(model)[of][: len(model.features.schema)] for of in ("mean", "scale"))
    with np.errstate(over="ignore", invalid="ignore"):
        step = np.spacing(np.abs(mean).astype(np.float32))
        fine = (step <= COARSEST * scale) & (scale > 1 / WIDEST) & (scale < WIDEST)
    return np.asarray(fine | np.isinf(scale))  # what was constant tells nothing apart


# from columns to probabilities


def _standardised(model: Model, x: Any) -> Any:
    """Make features (n, D) of columns of numbers (n, P), as `Features.transform` does."""
    ops = keras_on_jax().ops
    fill, gaps, mean, scale = standard(model).values()
    gap = ops.isnan(x)
    features = ops.where(gap, _float32(np.clip(fill, -HUGE, HUGE)), ops.clip(x, -HUGE, HUGE))
    if gaps:
        told = ops.take(ops.cast(gap, "float32"), gaps, axis=1)
        features = ops.concatenate([features, told], axis=1)
    near = _float32(np.where(np.isinf(scale), 0, mean))
    rest = (near - mean) / scale  # of the mean, which float32 leaves out
    standardised = (features - near) * _float32(1 / scale) + _float32(rest)
    return ops.clip(standardised, -FARTHEST, FARTHEST)


def _networks(model: Model) -> Iterator[Network]:
    """Build the networks (R,) with the numbers that they have learned."""
    for r in range(len(model.parameters[0])):
        network = prepare(
            model.build,
            n_features=len(model.features.names),
            n_classes=len(model.classes),
            n_labels=model.label and model.label[1],
            seed=r,
        )
        own = network.model
        variables = [*own.trainable_variables, *own.non_trainable_variables]
        for variable, values in zip(variables, model.parameters, strict=True):
            variable.assign(values[r])
        own.name = f"network_{r + 1}"
        yield network


def _said(network: Network, x: Any, model: Model) -> Any:
    """Give the logarithms (n, K) of what a network says."""
    ops = keras_on_jax().ops
    z = ops.cast(_alone(network.model)(x), "float32")
    two = len(model.classes) == 2
    if model.label is not None:
        place, _ = model.label
        z = z[:, place : place + 1]
    scaled = not two and bool((model.shape.delta != 1).any())
    if not network.from_logits and (scaled or model.label is not None):
        p = ops.clip(z, SUREST, 1 - SUREST)
        z = ops.log(p) - ops.log1p(-p) if two else ops.log(p)
    elif not network.from_logits:
        p = ops.concatenate([1 - z, z], axis=1) if two else z
        return ops.log(ops.maximum(p, TINY))
    z = z * _float32(model.shape.delta) if scaled else z
    z = ops.concatenate([ops.zeros_like(z), z], axis=1) if two else z
    return ops.log_softmax(z, axis=-1)


def _alone(model: Any) -> Any:
    """Give a network without what it was compiled with, which only training needs."""
    keras = keras_on_jax()
    if isinstance(model, keras.Function) and type(model).call.__module__.startswith("keras."):
        return keras.Model(model.inputs, model.outputs[0], name=model.name)
    model.compiled = False
    return model


def _undone(log: Any, model: Model) -> Any:
    """Give the posterior (n, K) of what a network says: without its loss, and class weights."""
    ops = keras_on_jax().ops
    if not is_plain(model.shape):
        shape = _constants(model.shape)
        log = ops.transpose(posterior(ops.transpose(log), shape, ops))
    return ops.softmax(log - _float32(np.log(model.class_weight)), axis=-1)


def _constants(shape: Shape) -> Shape:
    """Give a shape as numbers that Keras's tensors can stand to the right of."""
    delta, iota = (_float32(values) for values in (shape.delta, shape.iota))
    if len(delta) == 2:
        delta, iota = delta.tolist(), iota.tolist()
    return Shape(float(shape.gamma), delta, iota, _float32(shape.epsilon))


def _repaired(p: Any, repair: Map) -> Any:
    """Map probabilities (n, K)."""
    ops = keras_on_jax().ops
    match repair:
        case Affine(scale, shift):
            if scale == 1 and not any(shift):
                return p
            log = ops.log(ops.maximum(p, FLOOR))
            return ops.softmax(log * scale + _float32(shift), axis=-1)
        case Steps(x, y) if len(x) == 1:
            second = _interpolated(p[:, 1:], x[0], y[0])
            return ops.concatenate([1 - second, second], axis=1)
        case Steps(x, y):
            knots = enumerate(zip(x, y, strict=True))
            each = [_interpolated(p[:, k : k + 1], *of_class) for k, of_class in knots]
            stepped = ops.concatenate(each, axis=1)
            return stepped / ops.sum(stepped, axis=1, keepdims=True)
    raise TypeError(repair)


def _interpolated(p: Any, x: NDArray[np.float64], y: NDArray[np.float64]) -> Any:
    """Interpolate (n, 1) between knots: from each to the next, the share that is gone, summed."""
    ops = keras_on_jax().ops
    gone = ops.clip((p - _float32(x[:-1])) * _float32(1 / np.diff(x)), 0, 1)
    return ops.sum(gone * _float32(np.diff(y)), axis=1, keepdims=True) + float(y[0])


def _deployed(p: Any, factor: NDArray[np.float64]) -> Any:
    """Bring probabilities (n, K) to where class k is `factor[k]` times as frequent."""
    if (factor == 1).all():
        return p
    more = p * _float32(factor)
    return more / keras_on_jax().ops.sum(more, axis=-1, keepdims=True)


def _float32(values: ArrayLike) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)
