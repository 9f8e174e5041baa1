"""Objects of scikit-learn's kind, such as users bring along: parameters, and what to call them.

Whatever has no ``get_params`` is none, and is taken as it is.
"""

import inspect
import re
from typing import Any


def parameters(estimator: Any, *, deep: bool = False) -> dict[str, Any]:
    """Give the parameters by name, those of its parts too if `deep`."""
    return estimator.get_params(deep=deep) if hasattr(estimator, "get_params") else {}


def seeded(estimator: Any, seed: int) -> Any:
    """Seed an object and its parts, where their user has left ``random_state`` open."""
    unseeded = {
        name: seed % 2**32  # scikit-learn takes none that is larger
        for name, value in parameters(estimator, deep=True).items()
        if name.rpartition("__")[-1] == "random_state" and value is None
    }
    return estimator.set_params(**unseeded) if unseeded else estimator


def called(value: Any) -> str:
    """Write an object on one line, with the parameters that are not as they come.

    scikit-learn's own text is cut when long, xgboost's names every parameter there is, and that of
    an object without any is its place in memory.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> called(LogisticRegression(C=0.1)), called(object())
    ('LogisticRegression(C=0.1)', 'object')
    """
    if isinstance(value, type) or not hasattr(value, "get_params"):
        if not any("__repr__" in vars(kind) for kind in type(value).__mro__[:-1]):
            return type(value).__name__
        text = re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(repr(value).split()))
        return "".join(c for c in text if c.isprintable())
    usual: dict[str, Any] = {}
    for kind in reversed(type(value).__mro__):
        if inspect.isfunction(begin := vars(kind).get("__init__")):
            usual |= {p.name: p.default for p in inspect.signature(begin).parameters.values()}
    given = {name: called(v) for name, v in parameters(value).items()}
    changed = [f"{name}={v}" for name, v in given.items() if v != called(usual.get(name))]
    return f"{type(value).__name__}({', '.join(changed)})"
