"""Bases: which rows each number of the report stands on, and why."""

from typing import Any

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
    verdict, chosen = results["verdict"], results["chosen"]
    [used] = [s for s in results["settings"] if s["name"] == chosen["setting"]]
    rows = [
        _row(
            "the verdict and its interval",
            verdict["basis"],
            "setting, repair and threshold of each fold are chosen on the other folds",
        ),
        _row(
            "scores, costs and curves of a setting",
            "cross-fitted",
            "its repair and operating point are chosen on the other folds; which of the settings "
            "is best is not: that choice is inside the verdict alone",
        ),
        _row(
            "flagged from 0.5, raw and undone probabilities",
            "held-out",
            "nothing is chosen for them",
        ),
    ]
    if chosen["threshold"] is not None:
        basis = used["threshold"]["basis"]
        why = "it follows from costs" if basis == "held-out" else "it was chosen on all folds"
        rows.append(_row("the threshold for new cases", basis, why))
    if results.get("counts"):
        rows.append(
            _row(
                "the controls, where costs imply the threshold",
                "cross-fitted",
                "each row is counted by networks that never saw it",
            )
        )
        rows.append(
            _row(
                "the controls, at a threshold or budget that was chosen on these rows",
                "in-sample",
                "the rows that show it to be good are those that it was picked by",
            )
        )
    if results.get("segments"):
        rows.append(_row("errors by segment", "cross-fitted", "as the scores of the setting"))
    if results["history"]:
        rows.append(
            _row(
                "training curves",
                "in-sample",
                "the validation rows of a fold stop its training; they are none that judge",
            )
        )
    if results["test"] is not None:
        rows.append(_row("test rows", "held-out", "touched once, at the end"))
    return Sheet(HEAD, tuple(rows), prose=True)


def _row(what: str, basis: str, because: str) -> Row:
    return Row(what, (basis, because))
