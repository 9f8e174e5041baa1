"""A look at a study: one question, and what may be answered to it.

A look yields a `Found` for each thing that it finds, or says why the question makes no sense here.
Where it yields nothing, all is clear.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, final

from outweigh._compare import Verdict
from outweigh._decisions import Decisions
from outweigh._predictions import Predictions


class Judged(Protocol):
    """What any study comes to, also one of predictions that were made elsewhere."""

    @property
    def predictions(self) -> Predictions:
        """What was said about rows that were held out."""
        ...

    @property
    def decisions(self) -> Decisions:
        """What every setting makes of that."""
        ...

    @property
    def verdict(self) -> Verdict:
        """Whether weights earn their place."""
        ...


@final
@dataclass(frozen=True)
class Found:
    """What was found, and what to do about it: a sentence each, on one line."""

    title: str
    remedy: str


@final
@dataclass(frozen=True)
class NotApplicable:
    """Why a question makes no sense of a study: the end of a sentence."""

    because: str


Look = Callable[[Any], Iterator[Found | NotApplicable]]
"""Looks at an `outweigh._study.Evidence`, or at what is `Judged`."""
