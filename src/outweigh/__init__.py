"""Class weights for neural networks on rare classes, weighed honestly.

>>> import outweigh as ow
>>> ow.class_weight([0, 0, 0, 1], "balanced")
{0: 0.6666666666666666, 1: 2.0}
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outweigh._answer import Study
    from outweigh._compare import Verdict
    from outweigh._counts import count_classes
    from outweigh._errors import (
        BundleError,
        DataError,
        NetworkError,
        OutweighError,
        SplitError,
        TableError,
        UsageError,
    )
    from outweigh._network import default_network
    from outweigh._operating import Cost
    from outweigh._predictions import Predictions
    from outweigh._settings import undo
    from outweigh._weigh import weigh
    from outweigh._weights import Effective, Power, class_weight

__version__ = "0.1.0"

_ROOMS = {
    "BundleError": "_errors",
    "Cost": "_operating",
    "DataError": "_errors",
    "Effective": "_weights",
    "NetworkError": "_errors",
    "OutweighError": "_errors",
    "Power": "_weights",
    "Predictions": "_predictions",
    "SplitError": "_errors",
    "Study": "_answer",
    "TableError": "_errors",
    "UsageError": "_errors",
    "Verdict": "_compare",
    "class_weight": "_weights",
    "count_classes": "_counts",
    "default_network": "_network",
    "undo": "_settings",
    "weigh": "_weigh",
}

__all__ = [
    "BundleError",
    "Cost",
    "DataError",
    "Effective",
    "NetworkError",
    "OutweighError",
    "Power",
    "Predictions",
    "SplitError",
    "Study",
    "TableError",
    "UsageError",
    "Verdict",
    "class_weight",
    "count_classes",
    "default_network",
    "undo",
    "weigh",
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
