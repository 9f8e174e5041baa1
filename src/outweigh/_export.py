"""Exports: a model as one file that is used without outweigh.

A file takes its name only once it has been read back, and has said of a few hundred rows what the
model says of them.

Letters: n rows, P columns, D features, K classes.
"""

import json
import logging
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outweigh._columns import number_columns
from outweigh._errors import UsageError
from outweigh._files import write_bytes
from outweigh._model import Model
from outweigh._network import keras_on_jax
from outweigh._reading import one_line, shown
from outweigh._whole import COLUMNS, FEATURES, HUGE, PROBABILITY, check_columns, standard, whole

ABOUT = "outweigh.json"  # in a .keras file, which is a zip archive
CLOSE = 1e-4  # apart, on average; float32 is 1e-6 apart, what computes something else 0.01
TRIED = 256  # rows
GAPS = 0.1  # of their values

Says = Callable[[NDArray[np.float32]], NDArray[np.floating[Any]]]


def export_keras(fitted: Any, path: str | Path, *, inputs: str = COLUMNS) -> None:
    """Write a model as one ``.keras`` file, which Keras alone loads on JAX, TensorFlow or torch.

    The file is a Keras model of all networks and of all that comes after them: what the class
    weights and the loss did is taken back, the networks are averaged, probabilities repaired and
    brought to where they are used. It gives what ``predict_proba`` gives, in float32.

    Parameters
    ----------
    fitted : Study, classifier or Model
        What holds the model: a study, or a classifier that was fitted.
    path : str or Path
        Ends in ``.keras``. A file that is there is replaced.
    inputs : {"columns", "features"}
        What the file's model takes, as float32. Either the columns (n, P) of the table in their
        order, NaN for gaps, where all of them are numbers. Or, whatever they hold, the features
        (n, D) that ``model.features.transform`` makes of them.

    Raises
    ------
    UsageError
        When the columns cannot be taken, or the network has parts that Keras cannot load again.

    Notes
    -----
    The order of columns and classes, which is that of ``predict_proba``, and the rule that decides
    are in ``outweigh.json`` in the file, which is a zip archive. An isotonic repair may be so steep
    that a row in a thousand differs in the third or fourth digit; else differences stay below 1e-5.

    Examples
    --------
    >>> import outweigh as ow
    >>> X, y = np.random.default_rng(0).normal(size=(80, 2)), np.arange(80) % 4 == 0
    >>> study = ow.weigh(X, y, settings="balanced", folds=2, seeds=1, epochs=1)
    >>> with TemporaryDirectory() as folder:
    ...     export_keras(study, Path(folder, "model.keras"))
    ...     loaded = keras_on_jax().saving.load_model(Path(folder, "model.keras"))
    >>> bool(np.allclose(loaded.predict(X, verbose=0), study.predict_proba(X), atol=1e-5))
    True
    """
    model = _checked(fitted, path, ".keras", inputs)
    flips = _flips(fitted, model)
    trial, expected = _trial(model, inputs, flips)
    built = whole(model, inputs=inputs, flips=flips)
    with TemporaryDirectory() as folder:
        draft = Path(folder, "model.keras")
        try:
            with _silent():
                built.save(draft)
                loaded = keras_on_jax().saving.load_model(draft)
        except Exception as error:  # whatever a user's own layer raises
            raise UsageError(
                f"the network must be made of what Keras can load again; {_told(error)}: use "
                "Keras's own layers, or register yours with "
                "keras.saving.register_keras_serializable"
            ) from None
        _compare(lambda x: np.asarray(loaded(x)), trial, expected)
        with zipfile.ZipFile(draft, "a") as archive:
            archive.writestr(ABOUT, json.dumps(about(model, inputs, flips=flips), indent=1))
        _write(Path(path), draft.read_bytes())


def export_onnx(fitted: Any, path: str | Path, *, inputs: str = COLUMNS) -> None:
    """Write a model as an ONNX file, of any number of rows; needs ``outweigh[onnx]``.

    It takes and gives what the file of `export_keras` does, as ``columns`` or ``features`` and
    ``probability``. What that file has in ``outweigh.json`` is under ``outweigh`` in the metadata.

    Parameters
    ----------
    fitted : Study, classifier or Model
        What holds the model: a study, or a classifier that was fitted.
    path : str or Path
        Ends in ``.onnx``. A file that is there is replaced.
    inputs : {"columns", "features"}
        As in `export_keras`.

    Raises
    ------
    UsageError
        When ``outweigh[onnx]`` is not installed, the columns cannot be taken, or the network has
        parts for which there is nothing in ONNX.
    """
    model = _checked(fitted, path, ".onnx", inputs)
    converter, runtime = (wanted(module, "onnx") for module in ("jax2onnx", "onnxruntime"))
    flips = _flips(fitted, model)
    trial, expected = _trial(model, inputs, flips)
    try:
        built = whole(model, inputs=inputs, flips=flips)
        data = _converted(converter, built, about(model, inputs, flips=flips))
        session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
        _compare(lambda x: session.run([PROBABILITY], {inputs: x})[0], trial, expected)
    except UsageError:
        raise
    except Exception as error:  # three libraries of others, and a network of the user's
        raise UsageError(
            f"the network must be made of what ONNX has; {_told(error)}: write a .keras file with "
            "export_keras"
        ) from None
    _write(Path(path), data)


def held(fitted: Any) -> Model:
    """Give the model of what holds one.

    Raises
    ------
    UsageError
        When it holds none.
    """
    for found in (fitted, getattr(fitted, "model_", None), getattr(fitted, "model", None)):
        if isinstance(found, Model):
            return found
    raise UsageError(
        f"what is exported must hold a model; came {shown(type(fitted).__name__)}: give a study, "
        "or a classifier after its fit"
    )


def wanted(module: str, extra: str) -> Any:
    """Import what an extra brings along.

    Raises
    ------
    UsageError
        When it is not there.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(
            f"this needs {module}; it cannot be imported, {one_line(error)}: "
            f"pip install 'outweigh[{extra}]'"
        ) from None


def about(model: Model, inputs: str, *, flips: bool = False) -> dict[str, Any]:
    """Say as plain JSON types what a file cannot show."""
    two = len(model.classes) == 2
    names = dict(model.features.schema) if inputs == COLUMNS else model.features.names
    return {
        "outweigh": version("outweigh"),
        "inputs": inputs,
        "names": list(names),
        "classes": list(model.classes[::-1] if flips else model.classes),
        "positive": model.classes[1] if two else None,
        "target": model.target,
        "setting": model.setting,
        "prior": model.prior.tolist(),
        "rule": None if model.rule is None else model.rule.as_record(),
        "decisions": list(model.classes),
        "threshold": None if model.rule is None else model.rule.threshold,
        "amount_column": model.amount_column,
    }


def _checked(fitted: Any, path: str | Path, suffix: str, inputs: str) -> Model:
    model = held(fitted)
    if inputs not in (COLUMNS, FEATURES):
        raise UsageError(
            f"inputs must be {COLUMNS!r} or {FEATURES!r}; came {shown(inputs)}: choose one of them"
        )
    if Path(path).suffix != suffix:
        raise UsageError(f"the file must end in {suffix}; came {shown(Path(path).name)}: rename it")
    if inputs == COLUMNS:
        check_columns(model)
    return model


def _flips(fitted: Any, model: Model) -> bool:
    """Tell whether a classifier has its two classes in another order than its model."""
    classes = getattr(fitted, "classes_", None)
    return classes is not None and classes.tolist() == list(model.classes[::-1])


def _trial(
    model: Model, inputs: str, flips: bool
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Draw rows as they might come, and give what is to be said of them."""
    x, expected = _drawn(model, inputs)
    return x, expected[:, ::-1] if flips else expected


def _drawn(model: Model, inputs: str) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Draw rows as they might come, and give what the model says of them."""
    rng = np.random.default_rng(0)
    if inputs == FEATURES:
        x = rng.normal(size=(TRIED, len(model.features.names))).astype(np.float32)
        return x, model.predict_features(x)
    learned, p = standard(model), len(model.features.schema)
    scale = np.where(np.isinf(learned["scale"]), 0, learned["scale"])[:p]
    x = learned["mean"][:p] + scale * rng.normal(size=(TRIED, p))
    x = np.clip(x, -HUGE, HUGE).astype(np.float32)
    x[rng.random(x.shape) < GAPS] = np.nan
    columns = number_columns(x.astype(np.float64), [*dict(model.features.schema)])
    return x, model.predict_proba(columns)


def _compare(says: Says, x: NDArray[np.float32], expected: NDArray[np.float64]) -> None:
    """Check that a file says of rows what the model does."""
    apart = float(np.abs(says(x) - expected).mean())
    if not apart <= CLOSE:
        raise UsageError(
            f"a file must say what its model says; its probabilities are {apart:.2g} apart on "
            "average: the network must compute the same from call to call, and in float32"
        )


def _converted(converter: Any, built: Any, metadata: dict[str, Any]) -> bytes:
    """Convert a whole to ONNX.

    JAX traces it first: the converter's own tracing takes Python's numbers for integers.
    """
    import jax
    from jax.export import symbolic_shape
    from jax.extend.core import jaxpr_as_fun

    shape = symbolic_shape(f"n, {built.input_shape[1]}")
    rows = jax.ShapeDtypeStruct(shape, "float32")  # type: ignore[no-untyped-call]
    traced = jaxpr_as_fun(jax.make_jaxpr(lambda x: built(x, training=False))(rows))
    with _silent():
        made = converter.to_onnx(
            lambda x: traced(x)[0],
            inputs=[rows],
            input_names=[built.inputs[0].name],
            output_names=[PROBABILITY],
            model_name="outweigh",
        )
    made.metadata_props.add(key="outweigh", value=json.dumps(metadata))
    return bytes(made.SerializeToString())


def _told(error: Exception) -> str:
    return f"{type(error).__name__} was raised: {one_line(error).rstrip('.')}"


@contextmanager
def _silent() -> Iterator[None]:
    """Silence Keras and the converter while they work: what they make is compared."""
    log = logging.getLogger("onnx_ir")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _write(path: Path, data: bytes) -> None:
    try:
        write_bytes(path, data)
    except OSError as error:
        raise UsageError(
            f"the file must be one that can be written; {shown(path)} raised {one_line(error)}: "
            "choose another place"
        ) from None
