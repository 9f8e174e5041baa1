"""Outputs: a network may have several, and each has its own target and its own choices."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

from outweigh._errors import OutweighError, UsageError
from outweigh._reading import quoted, shown
from outweigh._targets import is_several


def each_output(function: Callable[..., Any], y: Any, **choices: Any) -> Any:
    """Call a function with each output's target, its name, and what was chosen for it.

    Parameters
    ----------
    function : callable of (y, name, **choices)
    y : array-like, or dict, list or tuple of them
        One target, or that of each output by name or by place.
    **choices
        One for all outputs; or by name, as a dict that has any of the names, or by place.

    Returns
    -------
    results
        Structured as `y` is.

    Examples
    --------
    >>> each_output(lambda y, name, rule: (name, rule), {"a": [0], "b": [1]}, rule="balanced")
    {'a': ("output 'a'", 'balanced'), 'b': ("output 'b'", 'balanced')}
    """
    return each(function, y, choices) if is_several(y) else function(y, "y", **choices)


def each(function: Callable[..., Any], outputs: Any, choices: Mapping[str, Any]) -> Any:
    """Call a function with each of several outputs, a dict, list or tuple."""
    named = isinstance(outputs, Mapping)
    names = list(outputs) if named else list(range(len(outputs)))
    results = []
    for name in names:
        own = {what: _own(choice, what, name, names, named) for what, choice in choices.items()}
        results.append(told(f"output {shown(name)}", function, outputs[name], **own))
    if named:
        return dict(zip(names, results, strict=True))
    return tuple(results) if isinstance(outputs, tuple) else results


def told(name: str, function: Callable[..., Any], y: Any, **own: Any) -> Any:
    """Call a function, and let its errors say which output they are about."""
    try:
        return function(y, name, **own)
    except OutweighError as error:
        known = str(error) if name in str(error) else f"{name}: {error}"
        raise type(error)(known) from None


def _own(choice: Any, what: str, name: Any, names: Sequence[Any], named: bool) -> Any:
    """Give what was chosen for one output: of a dict by its name, of a list by its place.

    A dict for a list of outputs is one choice for all of them: its keys are labels, not places; and
    so is a dict of weights by number, whatever the outputs' names are.
    """
    by_place = not named and isinstance(choice, list | tuple)
    by_name = named and isinstance(choice, Mapping) and any(known in choice for known in names)
    by_name = by_name and not _weighs_numbers(choice)
    if by_place and len(choice) != len(names):
        raise UsageError(
            f"{what} must have one for each of {len(names)} outputs; has {len(choice)}"
        )
    if by_name and set(choice) != set(names):
        raise UsageError(
            f"{what} must name each output, {quoted(names)}; it names {quoted(list(choice))}: "
            "give None to an output that goes without"
        )
    return choice[name] if by_place or by_name else choice


def _weighs_numbers(choice: Mapping[Any, Any]) -> bool:
    """Whether a dict gives numbers that are labels their weights."""
    return all(isinstance(w, Real) and not isinstance(label, str) for label, w in choice.items())
