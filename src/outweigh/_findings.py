"""Findings: what a user should know of a study. One look and one stable code each.

A finding is no error: the study went on. It has a title and a remedy. Each code has one of three
outcomes: something was found, all is clear, or the question is not applicable, and then it says
why. What each code means stands in ``docs/findings.md``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, final

from outweigh import _column_findings as columns
from outweigh import _data_findings as data
from outweigh import _decision_findings as decisions
from outweigh import _lane_findings as lanes
from outweigh import _probability_findings as probabilities
from outweigh._look import Found, Judged, Look, NotApplicable
from outweigh._study import Evidence

LOOKS: dict[str, Look] = {
    "time-limit": lanes.out_of_time,
    "setting-failed": lanes.setting_failed,
    "lanes-diverged": lanes.lanes_diverged,
    "lanes-collapsed": lanes.lanes_collapsed,
    "no-early-stopping": lanes.no_early_stopping,
    "class-not-judged": data.class_not_judged,
    "few-positives-in-fold": data.few_positives_in_fold,
    "duplicates-across-folds": data.duplicates_across_folds,
    "missing-in-disguise": columns.missing_in_disguise,
    "text-among-numbers": columns.text_among_numbers,
    "separating-column": columns.separating_column,
    "identifier-column": columns.identifier_column,
    "time-like-column": columns.time_like_column,
    "probabilities-inflated": probabilities.probabilities_inflated,
    "repair-not-enough": probabilities.repair_not_enough,
    "label-noise": probabilities.label_noise,
    "weight-at-edge": decisions.weight_at_edge,
    "threshold-at-edge": decisions.threshold_at_edge,
    "floor-missed": decisions.floor_missed,
    "flags-nearly-everybody": decisions.flags_nearly_everybody,
    "flags-nearly-nobody": decisions.flags_nearly_nobody,
    "weights-moved-threshold": decisions.weights_moved_threshold,
    "remedy-beats-none": decisions.remedy_beats_none,
}
"""Every look by its code, in the order in which findings come."""


@final
@dataclass(frozen=True)
class Finding:
    """What was found, and what to do about it.

    Attributes
    ----------
    code : str
        Stable: ``docs/findings.md`` has a section of this name.
    title, remedy : str
        A sentence or two each, on one line. Texts from the data are quoted.
    """

    code: str
    title: str
    remedy: str


@final
@dataclass(frozen=True)
class Outcome:
    """What a look came to: found, clear, or not applicable.

    Attributes
    ----------
    code : str
    findings : tuple of Finding
        Empty where all is clear, and where the question is not applicable.
    because : str or None
        Why the question is not applicable; None where it is.

    Examples
    --------
    >>> Outcome("time-limit", (), because="no --time-limit was set").state
    'not applicable'
    """

    code: str
    findings: tuple[Finding, ...]
    because: str | None = None

    @property
    def state(self) -> str:
        """One of ``found``, ``clear`` and ``not applicable``."""
        if self.findings:
            return "found"
        return "clear" if self.because is None else "not applicable"


def looks_at(evidence: Evidence) -> tuple[Outcome, ...]:
    """Look for everything there is to find.

    Returns
    -------
    outcomes : tuple of Outcome
        One for each code, in a fixed order.
    """
    return tuple(outcome(code, look, evidence) for code, look in LOOKS.items())


def looks_at_judged(judged: Judged) -> tuple[Outcome, ...]:
    """Look for what can be found without the table, when predictions were made elsewhere."""
    return tuple(
        outcome(code, look, judged)
        for code, look in LOOKS.items()
        if look.__module__ in (probabilities.__name__, decisions.__name__)
    )


def outcome(code: str, look: Look, evidence: Any) -> Outcome:
    """Take one look, and give what it came to."""
    answers = list(look(evidence))
    found = tuple(Finding(code, a.title, a.remedy) for a in answers if isinstance(a, Found))
    because = next((a.because for a in answers if isinstance(a, NotApplicable)), None)
    return Outcome(code, found, because)


def findings(evidence: Evidence) -> list[Finding]:
    """Give everything that was found, in a fixed order."""
    return found_in(looks_at(evidence))


def found_in(outcomes: Iterable[Outcome]) -> list[Finding]:
    """Give what was found, in the order of the looks."""
    return [finding for outcome in outcomes for finding in outcome.findings]
