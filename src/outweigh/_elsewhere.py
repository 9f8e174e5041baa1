"""Trained elsewhere: a study of predictions that another library made.

A frame with a row for each prediction is enough: which row of the table, in which fold, by which
setting and seed, what the class is and what was said. Repair, thresholds, verdict and report are
then the same as of networks that were trained here.

Letters: N entries, S settings, R seeds, F folds, K classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outweigh._answer import Study
from outweigh._columns import floats
from outweigh._compare import Verdict, judge
from outweigh._costs import by_default
from outweigh._decisions import Decisions, decide_all
from outweigh._deployment import Deployment
from outweigh._errors import TableError
from outweigh._findings import looks_at_judged
from outweigh._frames import as_arrow, frame_columns, frame_kind
from outweigh._labels import Classes, encode, is_numeric, positive_last
from outweigh._objective import Objective, checked
from outweigh._per_class import per_class
from outweigh._predictions import KINDS, TWIN_NAME, WEIGHTS, Predictions
from outweigh._reading import quoted, shown
from outweigh._record import (
    SCHEMA,
    chosen_record,
    counted_record,
    curves_record,
    environment,
    findings_record,
    objective_record,
    settings_record,
    thresholds_record,
    verdict_record,
    weighted,
)
from outweigh._roles import group_codes, measures
from outweigh._scored import Record

NEEDED = ("row", "fold", "setting", "y")
ROUNDING = 1e-3  # by which probabilities may miss 1 in all

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class _Judged:
    """What findings look at."""

    decisions: Decisions
    verdict: Verdict

    @property
    def predictions(self) -> Predictions:
        return self.decisions.predictions


def weigh_predictions(
    frame: Any,
    *,
    positive: Any = None,
    objective: Objective | None = None,
    prevalence: float | None = None,
    sampled_at: float | None = None,
) -> Study:
    """Weigh settings whose predictions were made elsewhere, by torch or XGBoost, say.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame or pyarrow.Table
        A row for each prediction of a row that its model was not trained on. Columns:

        - ``row``: the row of your table; ``fold``: the one fold it was held out in; ``setting``:
          what was tried, ``none`` without any weights; ``y``: the class;
        - ``probability``: of the positive class, as the model says it; with more than two classes
          ``probability <label>`` for each;
        - ``seed`` (optional): of the run, where there are several;
        - ``weight_ratio`` (optional): weight of a positive over that of a negative in training,
          XGBoost's ``scale_pos_weight``; with more than two classes ``weight <label>`` for each;
          what is not said is 1;
        - ``kind`` (optional): what the setting is about, ``weights``, ``loss``, ``sampling`` or
          ``reference``; the verdict is about class weights alone, each other setting stands beside
          ``none`` by itself; what is not said is about weights;
        - ``row_weight``, ``amount``, ``unit`` (optional): what the row counts, what it costs to
          miss it, and which rows are one draw (those of one customer, say).
    positive : label, optional
        The positive class of two; the rarer one unless given.
    objective : Objective, optional
        What decisions are for, as in `weigh`.
    prevalence, sampled_at : float, optional
        As in `weigh`.

    Returns
    -------
    study : Study
        Without a model.

    Raises
    ------
    TableError
        When a column is missing or wrong, or a setting lacks a prediction that another one has.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(300) % 10 == 0
    >>> one = pd.DataFrame({"row": range(300), "fold": np.arange(300) // 60, "y": y})
    >>> said = [one.assign(setting=s, probability=0.1 + 0.8 * rng.random(300)) for s in "ab"]
    >>> said[0]["setting"] = "none"
    >>> weigh_predictions(pd.concat(said)).results["settings"][1]["name"]
    'b'
    """
    predictions = predictions_of(frame, positive=positive)
    counts = np.bincount(predictions.y, minlength=len(predictions.classes))
    deployment = Deployment(prevalence=prevalence, sampled_at=sampled_at)
    wanted = by_default(counts, predictions.classes) if objective is None else objective
    checked(wanted, predictions.classes, has_amount=predictions.amount is not None)
    decisions = decide_all(predictions, wanted, factor=deployment.factor(predictions.shares))
    verdict = judge(decisions)
    given = objective is not None
    return Study(
        decisions,
        verdict,
        chosen=verdict.chosen,
        results=lambda: _results(decisions, verdict, given=given, deployment=deployment),
        frame_of=frame,
    )


def predictions_of(frame: Any, *, positive: Any = None) -> Predictions:
    """Take a frame of predictions, as `weigh_predictions` describes it, as a record."""
    arrays = _arrays(frame)
    classes, y = encode(arrays["y"], "'y'")
    classes, y, _ = positive_last(classes, y, positive, "'y'")
    setting, settings = _settings(arrays["setting"])
    seed, seeds = _numbers(arrays.get("seed", pa.array(np.zeros(len(y), dtype=int))), "'seed'")
    fold, _ = _numbers(arrays["fold"], "'fold'")
    row = group_codes(arrays["row"], "'row'", missing=())
    order = np.lexsort((row, fold, seed, setting))
    shape = len(settings), len(seeds), len(y) // (len(settings) * len(seeds))
    _check_whole(fold[order], row[order], shape)
    alike = _Alike(order, shape[2])
    row, fold, y = alike(row, "'row'"), alike(fold, "'fold'"), alike(y, "'y'")
    said = _said(arrays, classes)[order].reshape(*shape, len(classes))
    weight = _weights(arrays, classes)[order].reshape(*shape, len(classes))
    n_folds = int(fold.max()) + 1
    _check_folds(row, n_folds)
    prior = np.bincount(y, minlength=len(classes)) / shape[2]
    return Predictions(
        row=row,
        fold=fold,
        y=y,
        classes=classes,
        settings=settings,
        seeds=tuple(seeds),
        class_weight=_of_folds(weight, fold, settings),
        prior=np.tile(prior, (n_folds, 1)),
        probability=said,
        outcome=np.full((*shape[:2], n_folds), "finished"),
        n_training=shape[2],
        row_weight=alike.measured(arrays, "row_weight"),
        amount=alike.measured(arrays, "amount"),
        unit=alike.named(arrays, "unit"),
        kinds=tuple(_kinds(arrays.get("kind"), setting, settings)),
    )


def _arrays(frame: Any) -> dict[str, pa.Array]:
    """Give the columns of a frame of predictions by name."""
    columns = frame_columns(frame, frame_kind(frame))
    arrays = {name: as_arrow(column, shown(name)) for name, column in columns.items()}
    if lacking := [name for name in NEEDED if name not in arrays]:
        raise TableError(
            f"predictions must have the columns {quoted(NEEDED)}; {quoted(lacking)} is not there: "
            "add it"
        )
    if not len(arrays["row"]):
        raise TableError("predictions must have rows; came none: give one for each prediction")
    return arrays


@dataclass(frozen=True)
class _Alike:
    """Takes from all predictions what every lane must say alike of its n entries.

    `order` sorts the predictions by lane, and in a lane by entry.
    """

    order: NDArray[np.int64]
    n: int

    def __call__(self, values: NDArray[Number], name: str) -> NDArray[Number]:
        of_lanes = values[self.order].reshape(-1, self.n)
        if (of_lanes != of_lanes[0]).any():
            raise TableError(
                f"{name} of a row must be the same in every setting and seed; for some rows it is "
                "not: mend it"
            )
        return np.asarray(of_lanes[0])

    def measured(self, arrays: Mapping[str, pa.Array], name: str) -> NDArray[np.float64] | None:
        """Give weights or amounts, where they came."""
        if name not in arrays:
            return None
        return self(measures(arrays[name], shown(name), missing=()), shown(name))

    def named(self, arrays: Mapping[str, pa.Array], name: str) -> NDArray[np.int64] | None:
        """Give the numbers of what has names, where they came."""
        if name not in arrays:
            return None
        return self(group_codes(arrays[name], shown(name), missing=()), shown(name))


def _kinds(
    column: pa.Array | None, setting: NDArray[np.int64], settings: Sequence[str]
) -> Iterator[str]:
    """Give what each setting is about; all class weights where nothing is said."""
    for s, name in enumerate(settings):
        if name == TWIN_NAME or column is None:
            yield WEIGHTS
            continue
        said = {kind or WEIGHTS for kind in column.filter(pa.array(setting == s)).to_pylist()}
        if len(said) > 1 or not said <= {*KINDS}:
            raise TableError(
                f"'kind' must be one of {quoted(KINDS)}, the same for all of a setting; came "
                f"{quoted(sorted(map(str, said)))} for {shown(name)}: mend it"
            )
        yield said.pop()


def _settings(column: pa.Array) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Give the place of each row's setting, and the settings, the twin first."""
    code = group_codes(column, "'setting'", missing=())
    _, first = np.unique(code, return_index=True)
    came = [str(column[int(i)].as_py()) for i in first]
    if TWIN_NAME not in came:
        raise TableError(
            f"one setting must be {TWIN_NAME!r}, trained without weights; came {quoted(came)}: "
            "add its predictions, or rename it"
        )
    order = sorted(range(len(came)), key=lambda i: came[i] != TWIN_NAME)
    return np.argsort(order)[code], tuple(came[i] for i in order)


def _numbers(column: pa.Array, name: str) -> tuple[NDArray[np.int64], list[int]]:
    """Give the place of each whole number among those there are, in their order."""
    values = floats(column) if is_numeric(column.type) else np.full(len(column), np.nan)
    if not ((np.abs(values) < 2**53) & (values == np.round(values))).all():
        raise TableError(f"{name} must hold whole numbers; it holds others: number them from 0")
    found, place = np.unique(values.astype(np.int64), return_inverse=True)
    return place.astype(np.int64), found.tolist()


def _said(arrays: Mapping[str, pa.Array], classes: Classes) -> NDArray[np.float32]:
    """Give the probability (M, K) of each class."""
    if len(classes) == 2:
        p = _column(arrays, "probability")
        said = np.column_stack([1 - p, p])
    else:
        said = np.column_stack([_column(arrays, f"probability {label}") for label in classes])
    if not ((said >= 0) & (said <= 1)).all():
        raise TableError(
            "probabilities must lie between 0 and 1; some do not: give what predict_proba gives"
        )
    if (np.abs(said.sum(axis=1) - 1) > ROUNDING).any():
        raise TableError(
            "the probabilities of a row must sum to 1; some do not: give what predict_proba gives"
        )
    return said.astype(np.float32)


def _weights(arrays: Mapping[str, pa.Array], classes: Classes) -> NDArray[np.float64]:
    """Give the class weights (M, K) that each prediction was made under."""
    n = len(arrays["y"])
    if len(classes) > 2 and "weight_ratio" in arrays:
        raise TableError(
            f"'weight_ratio' needs two classes; there are {len(classes)}: give "
            f"{shown(f'weight {classes[0]}')} and so on"
        )
    names = [f"weight {label}" for label in classes]
    columns = [_column(arrays, name) if name in arrays else np.ones(n) for name in names]
    if len(classes) == 2 and "weight_ratio" in arrays:
        columns[1] = _column(arrays, "weight_ratio")
    weight = np.column_stack(columns)
    if not (np.isfinite(weight) & (weight > 0)).all():
        raise TableError("weights must be finite and above 0; some are not: mend them")
    return weight


def _column(arrays: Mapping[str, pa.Array], name: str) -> NDArray[np.float64]:
    if name not in arrays:
        raise TableError(f"predictions must have the column {shown(name)}; it is not there: add it")
    if not is_numeric(arrays[name].type):
        raise TableError(f"{shown(name)} must hold numbers; came {arrays[name].type}: mend it")
    return floats(arrays[name])


def _of_folds(
    weight: NDArray[np.float64], fold: NDArray[np.int64], settings: Sequence[str]
) -> NDArray[np.float64]:
    """Give the class weights (S, F, K) of each setting and fold, from those of all (S, R, N, K)."""
    _, first = np.unique(fold, return_index=True)
    found = weight[:, 0, first]
    if (weight != found[:, np.newaxis, fold]).any():
        raise TableError(
            "a setting must have the same weights in all of a fold; some have several: give each "
            "a name of its own"
        )
    twin = found[settings.index(TWIN_NAME)]
    if (twin != twin[:, :1]).any():
        raise TableError(
            f"{TWIN_NAME!r} must be trained without weights; came some with: rename that setting"
        )
    return found


def _check_folds(row: NDArray[np.int64], n_folds: int) -> None:
    """Check that what is chosen on some folds can be judged on another."""
    if n_folds < 2:
        raise TableError(
            "there must be two folds or more, for what one is judged by is chosen on the others; "
            "came 1: hold out each part of the rows in turn"
        )
    if len(np.unique(row)) < len(row):
        raise TableError(
            "each row must be held out in one fold; some come in several: give the predictions of "
            "one split"
        )


def _check_whole(
    fold: NDArray[np.int64], row: NDArray[np.int64], shape: tuple[int, int, int]
) -> None:
    """Check that each setting and seed has every entry once; they are sorted by lane and entry.

    Where all of as many parts of equal size rise alike, each is a lane: inside one nothing falls.
    """
    n_settings, n_seeds, n = shape
    whole = n_settings * n_seeds * n == len(row)
    if whole:
        lanes = np.column_stack([fold, row]).reshape(n_settings * n_seeds, n, 2)
        once = (np.diff(lanes[0], axis=0) != 0).any(axis=1).all()
        whole = bool(once and (lanes == lanes[0]).all())
    if not whole:
        raise TableError(
            "each setting and seed must have one prediction for each row and fold; some are "
            "missing or come twice: give all of them once"
        )


def _results(
    decisions: Decisions, verdict: Verdict, *, given: bool, deployment: Deployment
) -> Record:
    """Give the record of a study whose table is not known."""
    p = decisions.predictions
    settings = settings_record(decisions, _abouts(p))
    compared = dict.fromkeys((verdict.chosen, TWIN_NAME, verdict.best))
    return {
        "outweigh": version("outweigh"),
        "schema": SCHEMA,
        "data": _data(p),
        "objective": objective_record(
            decisions.objective, p.classes, given=given, deployment=deployment
        ),
        "design": {
            "folds": len(p.prior),
            "seeds": list(p.seeds),
            "judged": f"{len(p.prior)} folds, as the predictions say",
            "network": "trained elsewhere",
        },
        "settings": settings,
        "chosen": chosen_record(verdict, settings, objective=decisions.objective),
        "verdict": verdict_record(verdict),
        "thresholds": thresholds_record(decisions, verdict.chosen),
        "curves": curves_record(decisions),
        **counted_record(decisions, compared),
        "per_class": per_class(decisions, compared),
        "segments": [],
        "history": {},
        "test": None,
        **findings_record(looks_at_judged(_Judged(decisions, verdict))),
        "timing": {"seconds": {}},
        "environment": environment(),
    }


def _abouts(p: Predictions) -> list[Record]:
    """Describe the settings by their class weights: those that have any, and no weights at all."""
    weights = p.class_weight.mean(axis=1)
    weighs = (weights != weights[:, :1]).any(axis=1)
    return [
        weighted(name, p.classes, weights[s] if kind == WEIGHTS or weighs[s] else None)
        for s, (name, kind) in enumerate(zip(p.settings, p.kinds, strict=True))
    ]


def _data(p: Predictions) -> Record:
    _, first = np.unique(p.row, return_index=True)
    counts = np.bincount(p.y[first], minlength=len(p.classes)).tolist()
    labels: Sequence[str] = [str(label) for label in p.classes]
    part = {"rows": len(first), "classes": dict(zip(labels, counts, strict=True))}
    two = len(labels) == 2
    return {
        "source": "predictions",
        "sha256": None,
        "target": "y",
        **part,
        "features": None,
        "positive": labels[1] if two else None,
        "prevalence": counts[1] / len(first) if two else None,
        "weighted": p.row_weight is not None,
        "training": part,
        "test": None,
        "notes": [],
    }
