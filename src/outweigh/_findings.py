"""Findings: what a user should know of a study. One function and one stable code each.

A finding is no error: the study went on. It has a title and a remedy.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from outweigh._columns import looks_missing
from outweigh._study import Evidence

NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
MOST_ODD = 0.1  # of a column's values, for it to look like numbers


@dataclass(frozen=True)
class Finding:
    """What was found, and what to do about it."""

    code: str
    title: str
    remedy: str


def findings(evidence: Evidence) -> list[Finding]:
    """Look for everything there is to find, in a fixed order."""
    return [finding for look in LOOKS for finding in look(evidence)]


def out_of_time(e: Evidence) -> Iterator[Finding]:
    """``time-limit``: lanes were left when the time was up."""
    planned = len(e.split.folds), e.design.seeds
    judged = len(e.predictions.prior), len(e.predictions.seeds)
    final = len(e.final.trained)
    if judged == planned and final == judged[1]:
        return
    yield Finding(
        "time-limit",
        f"Time was up: {judged[0]} of {planned[0]} folds are judged with {judged[1]} of "
        f"{planned[1]} seeds, and {final} of the final model's.",
        "Raise --time-limit, or try fewer settings: intervals get narrower and averages steadier.",
    )


def class_not_judged(e: Evidence) -> Iterator[Finding]:
    """``class-not-judged``: a class has fewer rows than there are folds."""
    if not len(e.split.always_training):
        return
    codes, counts = np.unique(e.table.y[e.split.always_training], return_counts=True)
    named = ", ".join(f"{e.table.classes[k]} ({n})" for k, n in zip(codes, counts, strict=True))
    yield Finding(
        "class-not-judged",
        f"Classes with fewer rows than folds are trained on and never judged: {named}.",
        "Collect more of these rows, merge the class with another, or take fewer --folds.",
    )


def missing_in_disguise(e: Evidence) -> Iterator[Finding]:
    """``missing-in-disguise``: a text column holds what usually means a missing value."""
    found = looks_missing(e.table.columns)
    if not found:
        return
    named = ", ".join(f"{text!r} in {name} ({n} rows)" for name, text, n in found[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    texts = dict.fromkeys(text for _, text, _ in found)
    options = " ".join(f"--missing {text!r}" for text in texts)
    yield Finding(
        "missing-in-disguise",
        f"Texts that usually mean missing are taken as they are: {named}{more}.",
        f"If they do mean missing, say so: {options}.",
    )


def text_among_numbers(e: Evidence) -> Iterator[Finding]:
    """``text-among-numbers``: a column is text because of a few values."""
    for name in e.table.columns.of_kind("text"):
        text = e.table.columns.others[name].drop_null()
        odd = text.filter(pc.invert(pc.match_substring_regex(text, NUMBER)))
        if 0 < len(odd) <= MOST_ODD * len(text):
            example = odd[0].as_py()
            yield Finding(
                "text-among-numbers",
                f"{name} is taken as text, since {len(odd)} of {len(text)} values are no numbers, "
                f"such as {example!r}.",
                f"Mend these values, or say that they mean missing: --missing {example!r}.",
            )


def too_few_to_stop_by(e: Evidence) -> Iterator[Finding]:
    """``no-early-stopping``: too few rows of the rarer classes to stop lanes by."""
    if e.schedule.stops_early or e.design.patience == 0:
        return
    yield Finding(
        "no-early-stopping",
        f"Too few rows of the rarer classes to stop by: every lane ran {e.schedule.epochs} epochs.",
        "Collect more of them, or choose --epochs with care.",
    )


def lanes_lost(e: Evidence) -> Iterator[Finding]:
    """``lanes-diverged``, ``lanes-collapsed``: lanes that came to nothing."""
    outcome = e.predictions.outcome
    for ended, does in (
        ("diverged", "left the numbers"),
        ("collapsed", "say the same of every row"),
    ):
        n = int((outcome == ended).sum())
        if n:
            yield Finding(
                f"lanes-{ended}",
                f"{n} of {outcome.size} lanes {ended}: they {does}.",
                "Try a smaller --learning-rate, more epochs, or another network.",
            )


LOOKS: tuple[Callable[[Evidence], Iterator[Finding]], ...] = (
    out_of_time,
    class_not_judged,
    missing_in_disguise,
    text_among_numbers,
    too_few_to_stop_by,
    lanes_lost,
)
