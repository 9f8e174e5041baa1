"""Evidence made by hand, with just what a look reads, and the outcome of a look."""

from types import SimpleNamespace

import numpy as np

from outweigh._findings import LOOKS, outcome
from outweigh._grammar import parse_settings
from outweigh._plan import Design
from outweigh._predictions import Predictions
from outweigh._split import divide


def ask(code, evidence):
    """Take one look."""
    return outcome(code, LOOKS[code], evidence)


def of_table(table, *, folds=3, test_size=0.0, repeats=1, **design):
    """Evidence of a table and its split, without any training."""
    split = divide(
        table.y,
        folds=folds,
        repeats=repeats,
        test_size=test_size,
        group=table.group,
        time=table.time,
    )
    return SimpleNamespace(table=table, split=split, design=Design(folds=folds, **design))


def of_predictions(
    said,
    y,
    *,
    names=None,
    kinds=(),
    ratio=None,
    raw=None,
    fold=None,
    unit=None,
    row_weight=None,
    outcomes=None,
    repeat=None,
    row=None,
    thresholds=None,
    decided=None,
    elsewhere=None,
    ranks=False,
    chosen="none",
    best=None,
    verdict="no_detectable_gain",
):
    """Evidence of what settings say of the positive class, (S, N), or of every class, (S, N, K)."""
    said, y = np.asarray(said, dtype=float), np.asarray(y)
    said = np.stack([1 - said, said], axis=2) if said.ndim == 2 else said
    n_settings, n, n_classes = said.shape
    names = names or ("none", "balanced", "power:1.4")[:n_settings]
    fold = np.arange(n) % 5 if fold is None else np.asarray(fold)
    n_folds = int(fold.max()) + 1
    weight = np.ones((n_settings, n_folds, n_classes))
    weight[:, :, -1] = np.reshape(ratio or np.ones(n_settings), (-1, 1))
    raw = said if raw is None else np.stack([1 - np.asarray(raw), raw], axis=2)
    predictions = Predictions(
        row=np.arange(n) if row is None else row,
        fold=fold,
        y=y,
        classes=("no", "yes") if n_classes == 2 else tuple(range(n_classes)),
        settings=names,
        kinds=kinds,
        seeds=(0,),
        class_weight=weight,
        prior=np.full((n_folds, n_classes), 1 / n_classes),
        probability=raw[:, None],
        outcome=np.full((n_settings, 1, n_folds), "finished") if outcomes is None else outcomes,
        n_training=n,
        row_weight=row_weight,
        unit=unit,
        repeat=repeat,
    )
    counts = np.ones(n) if row_weight is None else np.asarray(row_weight, dtype=float)
    decided = said.argmax(axis=2) if decided is None else np.asarray(decided)
    cuts = np.full((n_settings, n_folds), 0.5) if thresholds is None else np.asarray(thresholds)
    no_matter = np.zeros((n_settings, n_folds))
    return SimpleNamespace(
        predictions=predictions,
        settings=parse_settings(",".join(names), predictions.classes),
        verdict=SimpleNamespace(code=verdict, chosen=chosen, best=best or names[-1]),
        decisions=SimpleNamespace(
            objective=SimpleNamespace(name="f1"),
            predictions=predictions,
            cases=SimpleNamespace(weight=counts),
            probability=said,
            calibrated=SimpleNamespace(repaired=said),
            rules=() if ranks else ("a rule",),
            decided=decided,
            thresholds=cuts,
            elsewhere=no_matter if elsewhere is None else np.asarray(elsewhere, dtype=float),
        ),
    )
