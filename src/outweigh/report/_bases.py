"""Bases: which rows each number of the report stands on, and why."""

from collections.abc import Iterator
from typing import Any

from outweigh.report._shown import settings
from outweigh.report._tables import Row, Sheet

Record = dict[str, Any]

HEAD = ("what", "stands on", "because")
MEANINGS = (
    ("held-out", "rows that were never used for any choice"),
    ("cross-fitted", "rows judged by choices that were made on other folds"),
    ("in-sample", "rows that had a part in the choice: too good to be promised"),
)


def basis_rows(results: Record) -> Sheet:
    """Say of each kind of number in a record which rows it stands on."""
    rows = (*_of_scores(results), *_of_decisions(results), *_of_the_rest(results))
    return Sheet(HEAD, rows, prose=True)


def _of_scores(results: Record) -> Iterator[Row]:
    yield _row(
        "the verdict and its interval",
        results["verdict"]["basis"],
        "setting, repair and threshold of each fold are chosen on the other folds",
    )
    yield _row(
        "scores, costs and curves of a setting",
        "cross-fitted",
        "its repair and operating point are chosen on the other folds; which of the settings is "
        "best is not: that choice is inside the verdict alone",
    )
    yield _row(
        "flagged from 0.5, raw and undone probabilities", "held-out", "nothing is chosen for them"
    )


def _of_decisions(results: Record) -> Iterator[Row]:
    """Tell of the threshold and of the controls, which not every study has."""
    chosen = results["chosen"]
    if chosen["threshold"] is not None:
        basis = settings(results)[chosen["setting"]]["threshold"]["basis"]
        why = "it follows from costs" if basis == "held-out" else "it was chosen on all folds"
        yield _row("the threshold for new cases", basis, why)
    if results.get("counts"):
        yield _row(
            "the controls, where costs imply the threshold",
            "cross-fitted",
            "each row is counted by networks that never saw it",
        )
        yield _row(
            "the controls, at a threshold or budget that was chosen on these rows",
            "in-sample",
            "the rows that show it to be good are those that it was picked by",
        )


def _of_the_rest(results: Record) -> Iterator[Row]:
    if results.get("segments"):
        yield _row("errors by segment", "cross-fitted", "as the scores of the setting")
    if results["history"]:
        yield _row(
            "training curves",
            "in-sample",
            "the validation rows of a fold stop its training; they are none that judge",
        )
    if results["test"] is not None:
        yield _row("test rows", "held-out", "touched once, at the end")


def _row(what: str, basis: str, because: str) -> Row:
    return Row(what, (basis, because))
