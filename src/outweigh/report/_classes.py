"""Classes: the parts of the page that only a study of more than two classes has.

What each mistake costs, with a control for it, and a page for each class.

Letters: K classes, D decisions: K, and one more where cases may be referred.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from outweigh._operating import REFER
from outweigh._predictions import TWIN_NAME
from outweigh._written import written
from outweigh.report._axis import shares
from outweigh.report._chart import Chart
from outweigh.report._confusion import (
    Cell,
    Float,
    Mistake,
    Outcome,
    alike,
    at_costs,
    cell_rows,
    dearest,
    outcome,
)
from outweigh.report._line import Line
from outweigh.report._words import few, number, percent

Record = dict[str, Any]

three_places = partial(written, form="{:.3f}")

NUMBERS = (
    ("recall", "recall", percent),
    ("precision", "precision", percent),
    ("average_precision", "average precision", three_places),
    ("roc_auc", "ROC AUC", three_places),
)


@dataclass(frozen=True)
class Control:
    """The costs (K, D) that can be changed, and what decisions do where they start.

    `exact` tells whether the numbers are the study's own decisions; where it has no costs they are
    decided anew, on probabilities rounded to `of`-ths, as they are at any other costs.
    """

    labels: tuple[str, ...]
    decisions: tuple[str, ...]
    costs: tuple[tuple[str, ...], ...]
    referral: str | None
    settings: tuple[tuple[str, str], ...]  # name, and the parts that it plays
    live: bool
    exact: bool
    of: int | None
    rounded: float | None  # what the study's costs come to on such probabilities
    here: Outcome
    twin: Outcome
    rows: tuple[tuple[Cell, ...], ...]
    recall: tuple[tuple[str, str], ...]  # value, and how it is written
    precision: tuple[tuple[str, str], ...]
    mistake: Mistake | None


@dataclass(frozen=True)
class ClassPage:
    """One class against the rest.

    `share` is a part of the `whole`: of all rows, or of what they weigh.
    `numbers` has a row for each setting; `flows` one for each decision: for each setting, which
    share of the class is decided so, and which share of those decided as the class is that one.
    """

    label: str
    rows: int
    share: float
    whole: str
    saying: str | None
    head: tuple[str, ...]
    numbers: tuple[tuple[str, str, tuple[str, ...]], ...]  # setting, its part, cells
    names: tuple[str, ...]
    flows: tuple[tuple[str, tuple[str, ...]], ...]
    charts: tuple[Chart, ...]


@dataclass(frozen=True)
class ClassesPart:
    """What the page shows of more than two classes."""

    control: Control | None
    pages: tuple[ClassPage, ...]


def classes(results: Record) -> ClassesPart | None:
    """Give what the page shows of more than two classes; None of two, or from an older record.

    Parameters
    ----------
    results : dict
        A study's record.
    """
    told, cells = results.get("per_class"), results.get("cells")
    if told is None:
        return None
    pages = tuple(_page(results, told, k) for k in range(len(told["classes"])))
    return ClassesPart(_control(results, told, cells), pages)


def classes_data(results: Record) -> Record:
    """Give what the page's script needs to decide anew; empty where it has nothing to decide on.

    Parameters
    ----------
    results : dict
        A study's record.

    Returns
    -------
    data : dict
        Cells and counts as texts: cells apart by ``;``, classes by ``,``, and nothing for 0.
    """
    told, cells = results.get("per_class"), results.get("cells")
    if told is None or cells is None:
        return {}
    costs = _costs(results)
    return {
        "labels": [c["label"] for c in told["classes"]],
        "of": cells["of"],
        "factor": cells["factor"],
        "given": _matrix(results) is not None,
        "costs": costs.tolist(),
        "twin": list(told["settings"]).index(TWIN_NAME),
        "settings": [
            {
                "name": name,
                "cells": _written(cells["settings"][name]["cells"]),
                "counts": _written(cells["settings"][name]["counts"]),
                "exact": found["confusion"]["value"] if _matrix(results) is not None else None,
            }
            for name, found in told["settings"].items()
        ],
    }


def _written(rows: list[list[float]]) -> str:
    """Write rows of numbers, most of them 0, in few characters."""
    return ";".join(",".join(f"{v:.17g}" if v else "" for v in row) for row in rows)


def _matrix(results: Record) -> Float | None:
    """Give the study's costs (K, D), where it has any."""
    matrix = results["objective"]["matrix"]
    return None if matrix is None else np.asarray(matrix, dtype=float)


def _costs(results: Record) -> Float:
    """Give the costs that the control starts from: the study's, or all mistakes alike."""
    matrix = _matrix(results)
    return alike(len(results["per_class"]["classes"])) if matrix is None else matrix


def _control(results: Record, told: Record, cells: Record | None) -> Control | None:
    exact, costs = _matrix(results) is not None, _costs(results)
    if not exact and cells is None:
        return None
    names = list(told["settings"])

    def of(name: str) -> Outcome:
        if exact:
            return outcome(np.asarray(told["settings"][name]["confusion"]["value"]), costs)
        return at_costs(cells or {}, name, costs)

    here = of(names[0])
    labels = tuple(c["label"] for c in told["classes"])
    k = len(labels)
    return Control(
        labels=labels,
        decisions=(*labels, REFER)[: costs.shape[1]],
        costs=tuple(tuple(map(_entry, row[:k])) for row in costs),
        referral=_entry(costs[0, k]) if costs.shape[1] > k else None,
        settings=tuple((name, ", ".join(_parts(results, name))) for name in names),
        live=cells is not None,
        exact=exact,
        of=None if cells is None else cells["of"],
        rounded=None if cells is None else at_costs(cells, names[0], costs).cost,
        here=here,
        twin=of(TWIN_NAME),
        rows=tuple(map(tuple, cell_rows(here.confusion))),
        recall=tuple(map(_share, here.recall)),
        precision=tuple(map(_share, here.precision)),
        mistake=dearest(here, costs),
    )


def _entry(cost: float) -> str:
    """Write a cost as a field holds it: no commas."""
    return number(cost, 5).replace(",", "")


def _parts(results: Record, name: str) -> Iterator[str]:
    """Name the parts that a setting plays."""
    if name == results["chosen"]["setting"]:
        yield "chosen"
    if name == TWIN_NAME:
        yield "no weights"
    elif name == results["verdict"]["best"]:
        yield "best weights"


def _look(results: Record, name: str) -> str:
    if name == results["chosen"]["setting"]:
        return "chosen"
    return "twin" if name == TWIN_NAME else "half"


def _share(value: float) -> tuple[str, str]:
    known = bool(np.isfinite(value))
    return (repr(float(value)), percent(value)) if known else ("", "–")


def _page(results: Record, told: Record, k: int) -> ClassPage:
    about = told["classes"][k]
    of_class = {name: found["classes"][k] for name, found in told["settings"].items()}
    decided = next(iter(told["settings"].values()))["confusion"]["value"] is not None
    costly = any(c["expected_cost"]["value"] is not None for c in of_class.values())
    head = [title for key, title, _ in NUMBERS if decided or key not in ("recall", "precision")]
    head += ["cost of 1,000 of its cases", "its part of the cost of 1,000 cases"] if costly else []
    return ClassPage(
        label=about["label"],
        rows=about["rows"],
        share=about["share"],
        whole="what all rows weigh" if results.get("data", {}).get("weighted") else "all",
        saying=_saying(next(iter(of_class.values()))) if decided else None,
        head=("setting", *head),
        numbers=tuple(
            (name, ", ".join(_parts(results, name)), tuple(_numbers(found, about, decided, costly)))
            for name, found in of_class.items()
        ),
        names=tuple(of_class),
        flows=tuple(_flows(told, k)) if decided else (),
        charts=tuple(_charts(results, about, of_class, k)),
    )


def _saying(found: Record) -> str:
    """Say in natural frequencies how a class is decided."""
    recall, precision = found["recall"]["value"], found["precision"]["value"]
    if recall is None:
        return "It has no cases to tell anything by."
    caught = f"Of 1,000 of its cases {few(1000 * recall)} are decided right"
    if precision is None:
        return f"{caught}; no case is decided so."
    return f"{caught}; of 1,000 that are decided so, {few(1000 * precision)} are of this class."


def _numbers(found: Record, about: Record, decided: bool, costly: bool) -> Iterator[str]:
    for key, _, form in NUMBERS:
        if decided or key not in ("recall", "precision"):
            yield form(found[key]["value"])
    if costly:
        cost = found["expected_cost"]["value"]
        yield number(cost)
        yield number(None if cost is None else cost * about["share"])


def _flows(told: Record, k: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give where the cases of a class go, and whence those come that are decided so."""
    tables = [np.asarray(s["confusion"]["value"]) for s in told["settings"].values()]
    labels = [c["label"] for c in told["classes"]]
    for d, label in enumerate([*labels, REFER][: tables[0].shape[1]]):
        to = (_part(table[k, d], table[k].sum()) for table in tables)
        whence = (
            _part(table[d, k], table[:, k].sum()) if d < len(labels) else "–" for table in tables
        )
        yield label, tuple(chain(to, whence))


def _part(part: float, whole: float) -> str:
    return percent(part / whole if whole > 0 else None)


def _charts(results: Record, about: Record, of_class: Record, k: int) -> Iterator[Chart]:
    """Draw how well a class is told from the rest; the setting to use on top."""
    drawn = [(name, _look(results, name), found) for name, found in of_class.items()][::-1]
    label = about["label"]
    recall, precision, false = (
        shares(title, least=0.0, most=1.0)
        for title in ("recall", "precision", "false alarms among the rest")
    )
    yield Chart(
        f"{label}: precision and recall",
        f"by chance precision would be {percent(about['share'])}",
        recall,
        precision,
        tuple(_lines(drawn, "precision_recall", "recall", "precision")),
        key=f"class-{k}-precision-recall",
    )
    yield Chart(
        f"{label}: ROC",
        "by chance it would be the diagonal",
        false,
        recall,
        tuple(_lines(drawn, "roc", "false_positive_rate", "true_positive_rate")),
        diagonal=True,
        key=f"class-{k}-roc",
    )
    yield from _reliability(label, drawn, k)


def _lines(drawn: list[tuple[str, str, Record]], curve: str, x: str, y: str) -> Iterator[Line]:
    for name, look, found in drawn:
        yield Line(name, look, found[curve][x], found[curve][y])


def _reliability(label: str, drawn: list[tuple[str, str, Record]], k: int) -> Iterator[Chart]:
    tables = [(name, look, found["reliability"]) for name, look, found in drawn]
    lines = tuple(
        Line(name, look, t["predicted"], t["observed"], t["low"], t["high"], bars=True)
        for name, look, t in tables
        if t["predicted"]
    )
    every = [v for line in lines for v in (*line.x, *line.y) if v > 0]
    if not every:
        return
    predicted, observed = (
        shares(title, log=True, least=min(every) / 1.5, most=1.0)
        for title in ("predicted", "observed")
    )
    yield Chart(
        f"{label}: reliability",
        "probabilities as decisions use them; honest ones lie on the diagonal",
        predicted,
        observed,
        lines,
        diagonal=True,
        key=f"class-{k}-reliability",
    )
