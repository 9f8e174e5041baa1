"""The grammar of settings, as they stand on the command line.

Settings are separated by commas. What one setting does at once is joined by ``+``: at most one way
to draw or make rows, one loss, and one rule for class weights: ``oversample:0.5``,
``focal:2+balanced``, ``smote+sqrt``, ``deferred:0.8+ratio:50``. ``weights:`` comes last, for a
label may hold a ``+``; ``path:`` and ``remedies`` stand for several settings, and alone.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from outweigh._draws import BalancedBatches, Draw, Oversampled, Undersampled
from outweigh._errors import UsageError
from outweigh._estimators import called
from outweigh._losses import Focal, LogitAdjusted, Loss, Smoothed, VectorScaled
from outweigh._reading import quoted
from outweigh._references import REFERENCES as NAMES
from outweigh._references import reference_named, reference_of
from outweigh._samplers import sampler_named, sampler_of
from outweigh._settings import BEST, NO_RULE, TWIN, Setting, path, power, short
from outweigh._weights import NAMED, Effective, Fixed, Power, Ratio, Rule

WEIGHT_RULES = "none, balanced, sqrt, power:0.7, effective:0.999, ratio:50, weights:0=1|1=200"
"""One example of each rule for class weights, as messages show them."""

GRAMMAR = (
    f"{WEIGHT_RULES}, path:8, oversample, undersample, balanced-batches, smote, focal:2, "
    "logit-adjusted:1, vector-scaled:0.15|1, smoothed:0.1, deferred:0.8, remedies"
)
"""One example of each setting."""

REMEDIES = (
    "focal:2, logit-adjusted:1, vector-scaled:0.15|1, smoothed:0.1, deferred:0.8, oversample, "
    "undersample, balanced-batches, smote, borderline-smote, adasyn, smote-enn"
)
"""What ``remedies`` stands for."""

USUAL = "logistic, random-forest, hist-gradient-boosting"
"""What ``usual`` stands for among the references."""

RULES: dict[str, Callable[[float], Rule]] = {
    "power": Power,
    "effective": Effective,
    "ratio": Ratio,
}
"""The rules of one number."""

LOSSES: dict[str, Callable[..., Loss]] = {
    "focal": Focal,
    "logit-adjusted": LogitAdjusted,
    "vector-scaled": VectorScaled,
    "smoothed": Smoothed,
}

DRAWS: dict[str, Callable[..., Draw]] = {
    "oversample": Oversampled,
    "undersample": Undersampled,
    "balanced-batches": BalancedBatches,
}

Given = str | Sequence[Any]
"""Settings as text, or a sequence of texts and of objects."""


def parse_settings(given: Given, classes: Sequence[Any]) -> tuple[Setting, ...]:
    """Read settings.

    Parameters
    ----------
    given : str or sequence
        Separated by commas: ``none``, ``balanced``, ``sqrt``, ``power:0.7``, ``effective:0.999``,
        ``ratio:50``, ``weights:0=1|1=200`` (each label as its text), ``path:8`` (see
        `outweigh._settings.path`), the remedies of `GRAMMAR`, any but a path joined by ``+``. Or a
        sequence of such texts, of objects that have ``fit_resample``, and of what `class_weight`
        takes: None, a ratio, a dict of label → weight, a rule.
    classes : (K,) sequence
        The labels: (negative, positive) when there are two.

    Returns
    -------
    settings : tuple of Setting
        ``none`` first, the others in the order given. One that comes twice is kept once.

    Raises
    ------
    UsageError
        When a setting is unknown, or makes no sense for these classes.

    Examples
    --------
    >>> [setting.name for setting in parse_settings("balanced, focal:2+sqrt", classes=(0, 1))]
    ['none', 'balanced', 'focal:2+sqrt']
    >>> parse_settings("smoat", classes=(0, 1))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    outweigh._errors.UsageError: settings must be known; came 'smoat': choose from none, ...
    """
    found = [TWIN]
    for part in _parts(given):
        found += _parse(part, classes) if isinstance(part, str) else [setting_of(part, classes)]
    return _checked(found, classes)


def parse_rule(text: str, classes: Sequence[Any]) -> Setting:
    """Read one rule for class weights, which does nothing else.

    Parameters
    ----------
    text : str
        Such as those of `WEIGHT_RULES`.
    classes : (K,) sequence

    Raises
    ------
    UsageError
        When it is no such rule, or stands for several.

    Examples
    --------
    >>> parse_rule("power:0.5", classes=(0, 1)).class_weight([90, 10], (0, 1))
    array([0.83333333, 2.5       ])
    """
    text = text.strip()
    if text.startswith("path:"):
        raise UsageError(
            f"--rule must weigh classes in one way; came {text!r}, which stands for several: "
            "choose one of them, such as power:0.7"
        )
    if (setting := _of_weights(text, classes)) is None:
        raise UsageError(f"--rule must weigh classes; came {text!r}: choose from {WEIGHT_RULES}")
    return setting


def parse_references(given: Given, classes: Sequence[Any]) -> tuple[Setting, ...]:
    """Read references: classifiers that are no network, each with its own weights if it says so.

    Parameters
    ----------
    given : str or sequence
        Separated by commas: ``logistic``, ``hist-gradient-boosting+balanced``; ``usual`` for
        `USUAL`. Or a sequence of such texts and of scikit-learn classifiers.
    classes : (K,) sequence

    Examples
    --------
    >>> [setting.name for setting in parse_references("logistic, logistic+sqrt", (0, 1))]
    ['logistic', 'logistic+sqrt']
    """
    found = []
    for part in _parts(given):
        if not isinstance(part, str):
            reference = reference_of(part)
            found.append(Setting(reference.name, NO_RULE, reference=reference))
        elif part == "usual":
            found += parse_references(USUAL, classes)
        else:
            found.append(_reference(part, classes))
    return _checked(found, classes)


def check_usable(name: str | None, settings: Sequence[Setting]) -> None:
    """Check that a setting can be what the model is refitted with."""
    networks = [setting.name for setting in settings if setting.reference is None]
    if name is not None and name not in (*networks, BEST):
        raise UsageError(
            f"--use must name a setting that is tried, and no reference; came {name!r}: choose "
            f"from {', '.join(networks)}, or {BEST}"
        )


def _parts(given: Given) -> Iterator[Any]:
    several = isinstance(given, Iterable) and not isinstance(given, str | Mapping)
    alone = not several or hasattr(given, "fit") or hasattr(given, "fit_resample")
    for part in [given] if alone else given:
        if isinstance(part, str):
            yield from (text.strip() for text in part.split(","))
        else:
            yield part


def _checked(settings: Iterable[Setting], classes: Sequence[Any]) -> tuple[Setting, ...]:
    """Keep each setting once; raise where one cannot serve these classes."""
    kept: dict[Any, Setting] = {}
    for setting in settings:
        kept.setdefault(replace(setting, name=""), setting)
    for setting in kept.values():
        setting.class_weight(np.ones(len(classes)), classes)
    names = [setting.name for setting in kept.values()]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(
            f"settings must differ by name; {quoted(sorted(twice))} came twice: keep one, or give "
            "your objects parameters or a __repr__"
        )
    return tuple(kept.values())


def setting_of(given: Any, classes: Sequence[Any]) -> Setting:
    """Give the setting of one text or object, as `parse_settings` takes it.

    Examples
    --------
    >>> [setting_of(given, (0, 1)).name for given in (None, {0: 1, 1: 200}, Power(0.3), 50)]
    ['none', 'weights:0=1|1=200', 'power:0.3', 'ratio:50']
    """
    match given:
        case None:
            return TWIN
        case str():
            return _joined(given, classes)
        case Setting():
            return given
        case Mapping():
            return _fixed(tuple(given.items()), classes)
        case Real() if not isinstance(given, bool):
            return _of_rule(Ratio(given), classes)  # type: ignore[arg-type]  # NumPy's floats too
        case Rule() if not isinstance(given, type):
            return _of_rule(given, classes)
    if not hasattr(given, "fit_resample"):
        raise UsageError(
            f"a setting must be a text, a class weight or have fit_resample; came "
            f"{type(given).__name__}: choose from {GRAMMAR}"
        )
    sampler = sampler_of(given)
    return Setting(sampler.name, NO_RULE, sampler=sampler)


def _of_rule(rule: Rule, classes: Sequence[Any]) -> Setting:
    """Give the setting of a rule, by the name that it has on the command line."""
    match rule:
        case Power():
            return power(rule.tau)
        case Effective():
            return Setting(f"effective:{short(rule.beta)}", rule)
        case Ratio():
            return Setting(f"ratio:{short(rule.r)}", rule)
        case Fixed():
            return _fixed(rule.pairs, classes)
    return Setting(called(rule), rule)


def _parse(text: str, classes: Sequence[Any]) -> Iterable[Setting]:
    if text == "remedies":
        return [setting for part in _parts(REMEDIES) for setting in _parse(part, classes)]
    name, colon, argument = text.partition(":")
    if colon and name == "path":
        return path(_whole(argument, text))
    return [_joined(text, classes)]


def _joined(text: str, classes: Sequence[Any]) -> Setting:
    """Read one setting: what it does at once is joined by ``+``."""
    found: dict[str, Any] = {}
    names = []
    for part in _at_once(text):
        name, does = _one(part, text, classes)
        if twice := found.keys() & does.keys():
            raise UsageError(
                f"a setting must have one {min(twice)} at most; came {text!r}: leave one out"
            )
        found |= does
        names.append(name)
    if "draw" in found and "sampler" in found:
        raise UsageError(f"a setting must draw rows or make some; came {text!r}: leave one out")
    found.setdefault("rule", Power(1.0) if "deferred" in found else NO_RULE)
    if found.get("deferred") and found["rule"] == NO_RULE:
        raise UsageError(
            f"deferred weights must weigh classes; came {text!r}: write deferred:0.8+balanced"
        )
    if len(names) > 1 and names[-1] == TWIN.name:
        names.pop()
    return Setting("+".join(names), **found)


def _at_once(text: str) -> Iterator[str]:
    """Cut a setting at each ``+``; weights come last, for a label may hold one."""
    begin, weights, pairs = text.partition("weights:")
    *before, last = re.split(r"(?<!\de)\+", begin)  # 1e+3 is a number
    yield from (part.strip() for part in before)
    yield f"{last.strip()}{weights}{pairs}"


def _one(part: str, text: str, classes: Sequence[Any]) -> tuple[str, dict[str, Any]]:
    """Read one of the things that a setting does: its name, and what it is to `Setting`."""
    if (weights := _of_weights(part, classes)) is not None:
        return weights.name, {"rule": weights.rule}
    name, colon, argument = part.partition(":")
    if not colon and (sampler := sampler_named(name)) is not None:
        return name, {"sampler": sampler}
    values = [_number(value, part) for value in argument.split("|")] if colon else []
    called = f"{name}:{'|'.join(map(short, values))}" if colon else name
    if name in LOSSES and len(values) == (2 if name == "vector-scaled" else 1):
        return called, {"loss": LOSSES[name](*values)}
    if name == "deferred" and len(values) == 1:
        return called, {"deferred": values[0]}
    if name in DRAWS and len(values) <= (name != "balanced-batches"):
        return called, {"draw": DRAWS[name](*values)}
    raise UsageError(f"settings must be known; came {text!r}: choose from {GRAMMAR}")


def _reference(text: str, classes: Sequence[Any]) -> Setting:
    name, plus, rule = text.partition("+")
    reference = reference_named(name.strip())
    if reference is None:
        raise UsageError(
            f"references must be known; came {text!r}: choose from usual, {', '.join(NAMES)}"
        )
    if not plus:
        return Setting(reference.name, NO_RULE, reference=reference)
    under = _joined(rule, classes)
    if under.bends or under.draw or under.sampler:
        raise UsageError(
            f"a reference must have class weights at most; came {text!r}: write {name}+balanced"
        )
    return Setting(f"{reference.name}+{under.name}", under.rule, reference=reference)


def _of_weights(text: str, classes: Sequence[Any]) -> Setting | None:
    """Give the setting of a rule for class weights; None where the text is none."""
    name, colon, argument = text.partition(":")
    if text in NAMED:
        return Setting(text, Power(NAMED[text]))
    if colon and name == "weights":
        return _weights(argument, text, classes)
    if colon and name in RULES:
        return _of_rule(RULES[name](_number(argument, text)), classes)
    return None


def _weights(argument: str, text: str, classes: Sequence[Any]) -> Setting:
    return _fixed(tuple(_pairs(argument, text, classes)), classes)


def _fixed(pairs: tuple[tuple[Any, float], ...], classes: Sequence[Any]) -> Setting:
    """Give the setting of weights as they are, in the order of the classes."""
    rule = Fixed(pairs)
    place = {label: k for k, label in enumerate(classes)}
    in_order = sorted(rule.pairs, key=lambda pair: place.get(pair[0], len(classes)))
    name = "|".join(f"{label}={short(weight)}" for label, weight in in_order)
    return Setting(f"weights:{name}", Fixed(tuple(in_order)))


def _pairs(argument: str, text: str, classes: Sequence[Any]) -> Iterator[tuple[Any, float]]:
    """Read ``0=1|1=200``; a text that means no label stays text, and `Fixed` refuses it."""
    label_of = {spelling: label for label in classes for spelling in _spellings(label)}
    for pair in argument.split("|"):
        label, equals, weight = pair.rpartition("=")
        if not equals:
            raise UsageError(
                f"weights must be label=weight, with | between them; came {text!r}: "
                "write weights:0=1|1=200"
            )
        yield label_of.get(label.strip(), label.strip()), _number(weight, text)


def _spellings(label: Any) -> set[str]:
    """Texts that mean a label: for 1.0 also 1, for True also true."""
    text = str(label)
    if isinstance(label, bool):
        return {text, text.lower()}
    return {text, short(label)} if isinstance(label, float) else {text}


def _number(argument: str, text: str) -> float:
    try:
        return float(argument)
    except ValueError:
        name = text.partition(":")[0]
        alike = [e for e in GRAMMAR.split(", ") if e.partition(":")[0] == name]
        raise UsageError(
            f"{text!r} must hold a number; came {argument!r}: "
            + (f"write {alike[0]}" if alike else f"choose from {GRAMMAR}")
        ) from None


def _whole(argument: str, text: str) -> int:
    try:
        return int(argument)
    except ValueError:
        raise UsageError(
            f"{text!r} must hold a whole number; came {argument!r}: write path:8"
        ) from None
