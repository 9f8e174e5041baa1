"""Class weights for neural networks on rare classes, weighed honestly.

>>> import outweigh as ow
>>> ow.class_weight([0, 0, 0, 1], "balanced")
{0: 0.6666666666666666, 1: 2.0}
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outweigh._answer import Study
    from outweigh._classifier import NetworkClassifier
    from outweigh._compare import Verdict
    from outweigh._costs import Cost, CostMatrix, RowCost
    from outweigh._counted import (
        Alerts,
        BalancedAccuracy,
        FBeta,
        Matthews,
        PrecisionAtRecall,
        RecallAtPrecision,
    )
    from outweigh._counts import count_classes
    from outweigh._elsewhere import weigh_predictions
    from outweigh._errors import (
        BundleError,
        DataError,
        NetworkError,
        OutweighError,
        SplitError,
        TableError,
        UsageError,
    )
    from outweigh._export import export_keras, export_onnx
    from outweigh._loaders import weighted
    from outweigh._mlflow import log_model
    from outweigh._network import default_network
    from outweigh._odds import initial_bias, threshold, undo
    from outweigh._predictions import Predictions
    from outweigh._rankings import AveragePrecision, RocAuc
    from outweigh._row_weights import row_weight
    from outweigh._search import WeightSearchCV
    from outweigh._targets import Labels, OneHot, YesNo
    from outweigh._weigh import weigh
    from outweigh._weigh_labels import weigh_labels
    from outweigh._weights import Effective, Power, class_weight, class_weights

__version__ = "0.1.0"

_ROOMS = {
    "Alerts": "_counted",
    "AveragePrecision": "_rankings",
    "BalancedAccuracy": "_counted",
    "BundleError": "_errors",
    "Cost": "_costs",
    "CostMatrix": "_costs",
    "DataError": "_errors",
    "Effective": "_weights",
    "FBeta": "_counted",
    "Labels": "_targets",
    "Matthews": "_counted",
    "NetworkClassifier": "_classifier",
    "NetworkError": "_errors",
    "OneHot": "_targets",
    "OutweighError": "_errors",
    "Power": "_weights",
    "PrecisionAtRecall": "_counted",
    "Predictions": "_predictions",
    "RecallAtPrecision": "_counted",
    "RocAuc": "_rankings",
    "RowCost": "_costs",
    "SplitError": "_errors",
    "Study": "_answer",
    "TableError": "_errors",
    "UsageError": "_errors",
    "Verdict": "_compare",
    "WeightSearchCV": "_search",
    "YesNo": "_targets",
    "class_weight": "_weights",
    "class_weights": "_weights",
    "count_classes": "_counts",
    "default_network": "_network",
    "export_keras": "_export",
    "export_onnx": "_export",
    "initial_bias": "_odds",
    "log_model": "_mlflow",
    "row_weight": "_row_weights",
    "threshold": "_odds",
    "undo": "_odds",
    "weigh": "_weigh",
    "weigh_labels": "_weigh_labels",
    "weigh_predictions": "_elsewhere",
    "weighted": "_loaders",
}

__all__ = [
    "Alerts",
    "AveragePrecision",
    "BalancedAccuracy",
    "BundleError",
    "Cost",
    "CostMatrix",
    "DataError",
    "Effective",
    "FBeta",
    "Labels",
    "Matthews",
    "NetworkClassifier",
    "NetworkError",
    "OneHot",
    "OutweighError",
    "Power",
    "PrecisionAtRecall",
    "Predictions",
    "RecallAtPrecision",
    "RocAuc",
    "RowCost",
    "SplitError",
    "Study",
    "TableError",
    "UsageError",
    "Verdict",
    "WeightSearchCV",
    "YesNo",
    "class_weight",
    "class_weights",
    "count_classes",
    "default_network",
    "export_keras",
    "export_onnx",
    "initial_bias",
    "log_model",
    "row_weight",
    "threshold",
    "undo",
    "weigh",
    "weigh_labels",
    "weigh_predictions",
    "weighted",
]


def __getattr__(name: str) -> Any:
    """Load a room when one of its names is first asked for: importing the package runs nothing."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'outweigh' has no attribute {name!r}")
    value = getattr(import_module(f"outweigh.{_ROOMS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
