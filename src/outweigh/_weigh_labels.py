"""``weigh_labels``: a table with several yes/no targets in, a study of each out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from outweigh._answer import Study
from outweigh._chunk import Progress
from outweigh._deployment import Deployment
from outweigh._engine import keras_trainer
from outweigh._errors import UsageError
from outweigh._final import answered
from outweigh._frames import target_columns
from outweigh._grammar import Given, parse_settings
from outweigh._labelled import run_labels
from outweigh._network import Build, default_network
from outweigh._objective import Objective, checked
from outweigh._plan import Design
from outweigh._table import Table, from_arrays


def weigh_labels(
    X: Any,
    Y: Any,
    *,
    positive: Any = None,
    objective: Objective | Mapping[Any, Objective] | None = None,
    prevalence: float | None = None,
    sampled_at: float | None = None,
    settings: Given = "path:8",
    network: Build = default_network,
    folds: int = 5,
    repeats: int = 1,
    seeds: int = 5,
    seed: int = 0,
    test_size: float = 0.0,
    group: Any = None,
    time: Any = None,
    row_weight: Any = None,
    epochs: int | None = None,
    patience: int = 15,
    watch: str = "undone",
    batch_size: int | None = None,
    learning_rate: float | None = None,
    duplicates_together: bool = False,
    missing: Iterable[str] = (),
    time_limit: float | None = None,
    workers: int | None = None,
    tell: Callable[[str, Progress], None] = lambda stage, progress: None,
) -> dict[Any, Study]:
    """Weigh class weights for one network with several yes/no targets.

    Gives a study of each target. What is not told here is as in `outweigh.weigh`; settings are
    class weights alone, and there are no segments.

    Parameters
    ----------
    X : frame or array, shape (N, D)
    Y : frame or array, shape (N, T)
        A column for each target, of two classes each.
    positive : label, optional
        The class of interest in every target; the rarer one of each unless given.
    objective : objective, or mapping of column → objective, optional
        For every target, or for each its own.
    network : callable
        ``build(n_features, n_outputs)`` returns a Keras model with an output for each target: log
        odds, or probabilities from a sigmoid.
    group, time, row_weight : array, shape (N,), optional

    Returns
    -------
    studies : dict of column → Study
        Columns of an array go by their numbers. The models share their networks' parameters where
        they chose the same setting.

    Raises
    ------
    UsageError, DataError, NetworkError
        Each says in one line what must hold, what came and what to do.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> X, Y = make_multilabel_classification(300, n_classes=2, random_state=0)
    >>> studies = weigh_labels(X, Y, settings="balanced", folds=2, seeds=1, epochs=2)
    >>> [study.results["data"]["classes"] for study in studies.values()]
    [{'1': 183, '0': 117}, {'1': 182, '0': 118}]
    """
    design = Design(
        folds=folds,
        repeats=repeats,
        seeds=seeds,
        seed=seed,
        test_size=test_size,
        epochs=epochs,
        patience=patience,
        watch=watch,
        batch_size=batch_size,
        duplicates_together=duplicates_together,
        time_limit=time_limit,
    )
    roles = {"group": group, "time": time, "row_weight": row_weight}
    tables = {
        name: replace(
            from_arrays(X, column, positive=positive, missing=missing, **roles), target=str(name)
        )
        for name, column in target_columns(Y).items()
    }
    classes = {table.classes for table in tables.values()}
    parsed = parse_settings(settings, classes.pop() if len(classes) == 1 else (0, 1))
    trainer = keras_trainer(network, learning_rate=learning_rate, workers=workers)
    evidence = run_labels(
        tables,
        settings=parsed,
        objectives=_objectives(objective, tables),
        deployment=Deployment(prevalence=prevalence, sampled_at=sampled_at),
        trainer=trainer,
        design=design,
        tell=tell,
    )
    return {name: answered(e, trainer, frame_of=X) for name, e in evidence.items()}


def _objectives(given: Any, tables: Mapping[Any, Table]) -> dict[Any, Objective | None]:
    """Give each target its objective, checked for its classes."""
    if isinstance(given, Mapping):
        if strangers := [name for name in given if name not in tables]:
            raise UsageError(
                f"objectives must be for columns of Y; came {strangers[0]!r}: choose from "
                f"{', '.join(map(str, tables))}"
            )
        objectives = {name: given.get(name) for name in tables}
    else:
        objectives = dict.fromkeys(tables, given)
    for name, objective in objectives.items():
        if objective is not None:
            checked(objective, tables[name].classes, has_amount=False)
    return objectives
