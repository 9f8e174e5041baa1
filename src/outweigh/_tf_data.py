"""Graphs: the weights of a tf.data set, computed inside its own graph.

A Python call for each batch would hold up the pipeline. What an element is, its shape and dtype,
is known before any comes; what is not known, a label without a weight, ends the epoch with an error
that says which.

Letters: N rows, K classes, T yes/no labels. `tf` is TensorFlow, which the data set has loaded.
"""

import functools
import reprlib
from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any

import numpy as np

from outweigh._batches import counted
from outweigh._errors import UsageError
from outweigh._outputs import each
from outweigh._row_weights import asks, checked, rules_of_labels
from outweigh._targets import Labels, OneHot, YesNo, resolved

ROWS_AT_ONCE = 4096
"""How many rows are counted at once where data come row by row."""

UNKNOWN = "every label must have a weight, Keras would take 1 in silence; none was given for"


def counted_targets(tf: Any, data: Any, class_weight: Any, kind: Any) -> Any:
    """Count the classes of a tf.data set, in one pass over its targets."""
    size = int(data.cardinality())
    if size < 0:
        never = size == int(tf.data.INFINITE_CARDINALITY)
        raise UsageError(
            f"data that are counted must say how many batches they have; this one "
            f"{'never ends' if never else 'does not'}: pass counts=count_classes(...) or a dict "
            f"of weights{'' if never else ', or apply tf.data.experimental.assert_cardinality'}"
        )
    spec, rows = _target_spec(tf, data), _rows(tf, data)
    kinds = _for_each(
        lambda y, name, rule, kind: _kind(kind, y, name, rows) if asks(rule) else kind,
        spec,
        rule=class_weight,
        kind=kind,
    )
    targets = data.map(lambda *batch: batch[1])
    if all(part.shape.rank == 0 for part in tf.nest.flatten(spec)):
        targets = targets.batch(ROWS_AT_ONCE)
    return counted(_pairs(targets), class_weight, kinds)


def weighted_dataset(tf: Any, data: Any, class_weight: Any, kind: Any) -> Any:
    """Give a tf.data set of (x, y, row weight)."""
    _target_spec(tf, data)
    rows = _rows(tf, data)

    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]  # no types
    def weigh(x: Any, y: Any, given: Any = None) -> tuple[Any, Any, Any]:
        own = functools.partial(_graph_weight, rows=rows)
        weight = _for_each(own, y, tf=tf, rule=class_weight, kind=kind)
        return x, y, weight if given is None else _times(tf, weight, given)

    return data.map(weigh)


def _pairs(targets: Any) -> Iterator[tuple[None, Any]]:
    return ((None, y) for y in targets.as_numpy_iterator())


def _target_spec(tf: Any, data: Any) -> Any:
    """Give the spec of the target, of one output or of several, if it can be weighed."""
    spec = data.element_spec
    if not (isinstance(spec, tuple) and len(spec) in (2, 3)):
        raise UsageError(
            "data must give (x, y) or (x, y, sample_weight); came elements "
            f"{reprlib.repr(spec)}: map them to that"
        )
    for part in tf.nest.flatten(spec[1]):
        if not isinstance(part, tf.TensorSpec):
            raise UsageError(
                f"targets must be plain tensors; came {type(part).__name__}: use to_tensor with a "
                "label to ignore"
            )
    return spec[1]


def _for_each(function: Any, y: Any, *, tf: Any = None, **choices: Any) -> Any:
    """Call a function with the target of each output; here a tuple is several, of whatever rank."""
    own = (lambda *a, **k: function(tf, *a, **k)) if tf is not None else function
    if isinstance(y, Mapping | tuple | list):
        return each(own, y, choices)
    return own(y, "y", **choices)


def _shape(y: Any, name: str) -> tuple[int | None, ...]:
    if y.shape.rank is None:
        raise UsageError(
            f"the number of axes of {name} must be known; it is not: give the data an "
            "output_signature, or set_shape"
        )
    return tuple(y.shape)


def _rows(tf: Any, data: Any) -> set[int | None]:
    """Give how many rows the parts of x may have: the sizes of their first axes, 0 for none."""
    shapes = (getattr(part, "shape", None) for part in tf.nest.flatten(data.element_spec[0]))
    known = [shape for shape in shapes if shape is not None and shape.rank is not None]
    return {shape[0] if shape.rank else 0 for shape in known}


def _kind(kind: Any, y: Any, name: str, rows: set[int | None]) -> Any:
    """Give the kind that was said, or `Labels` where x has as many rows as there are labels."""
    shape = _shape(y, name)
    if kind is None and 1 <= len(shape) <= 2 and shape[0] != 1 and rows - {shape[0]}:
        raise UsageError(
            f"{name} must be a batch of labels, unless another kind is said; it has shape {shape}, "
            f"x has another first axis: say kind=OneHot() or YesNo() if these are rows, Labels() "
            "if each number is a label"
        )
    return resolved(kind, shape, name)


def _graph_weight(tf: Any, y: Any, name: str, rule: Any, kind: Any, rows: set[int | None]) -> Any:
    """Give the weights of one output's target."""
    shape = _shape(y, name)
    if rule is None:
        return tf.ones(tf.shape(y)[: max(len(shape) - 1, min(len(shape), 1))])
    if asks(rule):
        raise UsageError(
            f"the weights of {name} must be known before its first batch, a rule needs counts; "
            f"came {reprlib.repr(rule)}: pass counts=, or the weights as a dict"
        )
    if y.dtype == tf.string:
        raise UsageError(f"labels must be numbers in a graph; {name} holds text: encode it first")
    match _kind(kind, y, name, rows):
        case Labels() as labels:
            return _of_labels(tf, y, checked(rule), labels.ignore, name)
        case OneHot():
            return _of_one_hot(tf, y, rule, _places(shape, -1, name), name)
        case YesNo() as yes_no:
            return _of_yes_no(tf, y, rule, _places(shape, yes_no.axis, name), yes_no, name)


def _is(tf: Any, values: Any, ignore: Any) -> Any:
    """Tell which values count for nothing; NaN is unlike itself."""
    if ignore is None:
        return tf.zeros_like(values, tf.bool)
    if not isinstance(ignore, Real):
        raise UsageError(
            f"in a graph a number can be ignored; came {reprlib.repr(ignore)}: mend it"
        )
    numbers = tf.cast(values, tf.float64)
    return tf.math.is_nan(numbers) if ignore != ignore else numbers == float(ignore)


def _places(shape: tuple[int | None, ...], axis: int, name: str) -> int:
    size = shape[axis] if len(shape) >= -axis else None
    if size is None:
        raise UsageError(
            f"the size of axis {axis} of {name} must be known, it holds the classes; the shape is "
            f"{shape}: set_shape"
        )
    return size


def _of_labels(tf: Any, y: Any, given: Mapping[Any, float], ignore: Any, name: str) -> Any:
    """Look each label up among the sorted ones that have a weight."""
    if not all(map(_is_whole, given)):
        raise UsageError(
            f"the labels of {name} are whole numbers; weights came for "
            f"{reprlib.repr(list(given))}: write them as numbers of 64 bits"
        )
    labels = sorted(given)
    keys = tf.constant([int(label) for label in labels], tf.int64)
    weights = tf.constant([given[label] for label in labels], tf.float32)
    flat = tf.reshape(y, [-1])
    gone = _is(tf, flat, ignore)
    whole = tf.cast(tf.where(gone, tf.zeros_like(flat), flat), tf.int64)
    place = tf.minimum(tf.searchsorted(keys, whole), len(labels) - 1)
    known = gone | (tf.gather(keys, place) == whole) & (tf.cast(whole, y.dtype) == flat)
    with tf.control_dependencies([_require(tf, known, flat, f"{UNKNOWN} labels of {name}:")]):
        weight = tf.where(gone, 0.0, tf.gather(weights, place))
        weight = tf.reshape(weight, tf.shape(y))
    weight.set_shape(y.shape)
    return weight


def _is_whole(label: Any) -> bool:
    """Whether a label is a whole number that fits into 64 bits."""
    if not isinstance(label, int | float | np.number | np.bool_):
        return False
    return bool(-(2**63) <= label < 2**63) and float(label).is_integer()


def _of_one_hot(tf: Any, y: Any, rule: Any, k: int, name: str) -> Any:
    given = checked(rule, range(k))
    table = tf.constant([given.get(label, -1.0) for label in range(k)], tf.float32)
    number = tf.cast(y, tf.float32)
    ones, zeros = number == 1, number == 0
    count = tf.reduce_sum(tf.cast(ones, tf.int32), axis=-1)
    fine = tf.reduce_all(ones | zeros, axis=-1) & (count <= 1)
    weight = tf.reduce_sum(tf.where(ones, table, 0.0), axis=-1)
    text = f"a one-hot row must hold one 1 and zeros, or only zeros; in {name} came:"
    checks = [
        _require(tf, fine, number, text),
        _require(tf, weight >= 0, number, f"{UNKNOWN} the class of these rows of {name}:"),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(weight)


def _of_yes_no(tf: Any, y: Any, rule: Any, n_labels: int, kind: YesNo, name: str) -> Any:
    given = [checked(own, (0, 1)) for own in rules_of_labels(rule, n_labels)]
    after = (1,) * (-kind.axis - 1)
    no, yes = (
        tf.constant(
            np.reshape([own.get(label, -1) for own in given], (n_labels, *after)), tf.float32
        )
        for label in (0, 1)
    )
    number = tf.cast(y, tf.float32)
    gone = _is(tf, y, kind.ignore)
    weight = tf.where(gone, 0.0, tf.where(number == 1, yes, no))
    fine = gone | (number == 0) | (number == 1)
    checks = [
        _require(tf, fine, number, f"yes/no labels must be 0 or 1; in {name} came:"),
        _require(tf, weight >= 0, number, f"{UNKNOWN} these labels of {name}:"),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(weight)


def _require(tf: Any, fine: Any, values: Any, text: str) -> Any:
    """Raise in the graph unless all is fine, with the first values that are not."""
    bad = tf.boolean_mask(values, ~fine) if fine.shape.rank else values
    return tf.debugging.Assert(tf.reduce_all(fine), [text, bad], summarize=6)


def _times(tf: Any, weight: Any, given: Any) -> Any:
    """Multiply weights by those that came with the data, for all outputs or for each."""
    if isinstance(weight, Mapping):
        own = given if isinstance(given, Mapping) else dict.fromkeys(weight, given)
        return {output: _times(tf, weight[output], own[output]) for output in weight}
    if isinstance(weight, tuple):
        several = given if isinstance(given, tuple) else (given,) * len(weight)
        return tuple(_times(tf, w, g) for w, g in zip(weight, several, strict=True))
    sample, axes = tf.cast(given, tf.float32), weight.shape.rank - given.shape.rank
    if axes == -1 and sample.shape[-1] == 1:
        sample = tf.squeeze(sample, -1)
    elif axes < 0:
        raise UsageError(
            f"sample weights must fit their targets; came shape {given.shape} for weights of shape "
            f"{weight.shape}: give one for each row, or for each element"
        )
    for _ in range(axes):
        sample = tf.expand_dims(sample, -1)
    weight = tf.ensure_shape(weight * sample, weight.shape)
    return weight
