"""MLflow: a model in its registry, and there again as a function of frames.

What is logged is the bundle, never a pickle. A network of its user's own comes along as a
``.keras`` file, so that nobody has to name the function that built it.

Letters: n rows, K classes.
"""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outweigh._bundle import LIBRARIES, load, save
from outweigh._columns import Columns
from outweigh._errors import BundleError
from outweigh._export import export_keras, held, wanted
from outweigh._model import DEFAULT, Model
from outweigh._network import keras_on_jax
from outweigh._operating import REFER
from outweigh._rows import rows_from
from outweigh._whole import FEATURES

NETWORKS = "networks.keras"  # beside the bundle
ROWS_AT_ONCE = 2048


@final
class Served:
    """A model as MLflow calls it."""

    def __init__(self, model: Model, says: Callable[[Columns], NDArray[np.float64]]):
        self._model = model
        self._says = says

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Give a pandas frame: a probability for each class; the decision, where costs decide.

        Parameters
        ----------
        model_input : frame
            With the columns of the study, in any order; and with that of the costs, where each row
            has its own.
        """
        model = self._model
        rows = rows_from(
            model_input, model.features.schema, missing=model.missing, amount=model.amount_column
        )
        probability = self._says(rows.columns)
        labels = [str(label) for label in model.classes]
        said = {f"probability {k}": p for k, p in zip(labels, probability.T, strict=True)}
        if model.rule is not None:
            decided = model.decide(probability, rows.amount)
            said["decision"] = pa.array([*labels, REFER]).take(pa.array(decided))
        return pa.table(said).to_pandas()


def log_model(fitted: Any, name: str = "model", **options: Any) -> Any:
    """Log a model with MLflow, in the run that is active; needs ``outweigh[mlflow]``.

    ``mlflow.pyfunc.load_model`` gives it back. Its ``predict`` takes a frame with the columns of
    the study, text and dates included, and gives a column ``probability <label>`` for each class,
    and ``decision`` where the model has costs.

    Parameters
    ----------
    fitted : Study, classifier or Model
        What holds the model: a study, or a classifier that was fitted.
    name : str
        Of the logged model.
    **options
        Passed to ``mlflow.pyfunc.log_model``, such as ``input_example``, a few rows of a frame, and
        ``registered_model_name``.

    Returns
    -------
    mlflow.models.model.ModelInfo

    Raises
    ------
    UsageError
        When ``outweigh[mlflow]`` is not installed, or a network of the user's own has parts that
        Keras cannot load again.
    """
    pyfunc = wanted("mlflow.pyfunc", "mlflow")
    model = held(fitted)
    with TemporaryDirectory() as folder:
        bundle = Path(folder, "bundle")
        save(model, bundle)
        if model.network != DEFAULT:
            export_keras(model, bundle / NETWORKS, inputs=FEATURES)
        standard = {
            "signature": _signature(model),
            "pip_requirements": [f"{library}=={version(library)}" for library in LIBRARIES],
        }
        return pyfunc.log_model(
            name=name,
            loader_module=__name__,
            data_path=str(bundle),
            **(standard | options),
        )


def _load_pyfunc(path: str) -> Served:
    """Read what `log_model` has logged; models in registries ask for this room and this name."""
    file = Path(path, NETWORKS)
    if not file.is_file():
        model = load(Path(path))
        return Served(model, model.predict_proba)
    model = load(Path(path), build=_unbuilt)
    networks = keras_on_jax().saving.load_model(file)
    return Served(model, lambda columns: _said(networks, model.features.transform(columns)))


def _said(networks: Any, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Give what a file of networks says of features (n, D)."""
    if not len(x):  # of no rows Keras says nothing
        return np.empty((0, networks.output_shape[1]))
    return np.asarray(networks.predict(x, batch_size=ROWS_AT_ONCE, verbose=0), dtype=np.float64)


def _unbuilt(n_features: int, n_outputs: int) -> Any:
    raise BundleError("the networks are in the file beside the bundle")


def _signature(model: Model) -> Any:
    """Say what goes in and what comes out.

    MLflow takes no whole numbers and no truth values for doubles, and no categories for texts;
    outweigh does, and checks. Dates are told, since a server gets them as texts.
    """
    models, schema = wanted("mlflow.models", "mlflow"), wanted("mlflow.types.schema", "mlflow")
    kinds = dict(model.features.schema)
    if model.amount_column is not None:  # it may be a feature, too
        kinds[model.amount_column] = "number"
    given = {f"probability {label}": "double" for label in model.classes}
    if model.rule is not None:
        given["decision"] = "string"
    told = {
        name: "datetime" if kind == "date" else schema.AnyType() for name, kind in kinds.items()
    }
    return models.ModelSignature(
        *(
            schema.Schema([schema.ColSpec(kind, name) for name, kind in part.items()])
            for part in (told, given)
        )
    )
