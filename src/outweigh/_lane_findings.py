"""Findings on training: lanes that were left, came to nothing, or ran without a stop."""

from collections.abc import Iterator

from outweigh._chunk import COLLAPSED, DIVERGED
from outweigh._look import Found, NotApplicable
from outweigh._reading import shown
from outweigh._study import Evidence

Answers = Iterator[Found | NotApplicable]


def out_of_time(e: Evidence) -> Answers:
    """``time-limit``: lanes were left when the time was up."""
    if e.design.time_limit is None:
        yield NotApplicable("no --time-limit was set")
        return
    planned = len(e.split.folds), e.design.seeds
    judged = len(e.predictions.prior), len(e.predictions.seeds)
    final = len(e.final.trained)
    if judged == planned and final == judged[1]:
        return
    yield Found(
        f"Time was up: {judged[0]} of {planned[0]} folds are judged with {judged[1]} of "
        f"{planned[1]} seeds, and {final} of the final model's.",
        "Raise --time-limit, or try fewer settings: intervals get narrower and averages steadier.",
    )


def setting_failed(e: Evidence) -> Answers:
    """``setting-failed``: a setting could not be trained on some rows, and is left out."""
    for failure in e.failures:
        yield Found(
            f"{shown(failure.setting)} is left out: in fold {failure.fold + 1} with seed "
            f"{failure.seed}, {failure.reason.rstrip('.')}.",
            "Mend what it says, or leave the setting out: the others are compared without it.",
        )


def lanes_diverged(e: Evidence) -> Answers:
    """``lanes-diverged``: lanes whose numbers grew beyond all bounds."""
    yield from _ended(e, DIVERGED, "left the numbers")


def lanes_collapsed(e: Evidence) -> Answers:
    """``lanes-collapsed``: lanes that learned nothing but one constant."""
    yield from _ended(e, COLLAPSED, "say the same of every row")


def no_early_stopping(e: Evidence) -> Answers:
    """``no-early-stopping``: too few rows of the rarer classes to stop lanes by."""
    if e.design.patience == 0:
        yield NotApplicable("--patience 0 turned early stopping off")
    elif not e.schedule.stops_early:
        yield Found(
            "Too few rows of the rarer classes to stop by: every lane ran "
            f"{e.schedule.epochs} epochs.",
            "Collect more of them, or choose --epochs with care.",
        )


def _ended(e: Evidence, how: str, does: str) -> Answers:
    outcome = e.predictions.outcome
    if n := int((outcome == how).sum()):
        yield Found(
            f"{n:,} of {outcome.size:,} lanes {how}: they {does}.",
            "Try a smaller --learning-rate, more epochs, or another network.",
        )
