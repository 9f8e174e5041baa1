"""A look at a study: one question, and what may be answered to it.

A look yields a `Found` for each thing that it finds, or says why the question makes no sense here.
Where it yields nothing, all is clear.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

from outweigh._study import Evidence


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


Look = Callable[[Evidence], Iterator[Found | NotApplicable]]
