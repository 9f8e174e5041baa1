"""``weigh``: a table in, a study out."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from outweigh._answer import Study
from outweigh._chunk import Progress
from outweigh._deployment import AS_TRAINED, Deployment
from outweigh._engine import keras_trainer
from outweigh._errors import UsageError
from outweigh._final import answered
from outweigh._frames import is_frame
from outweigh._grammar import Given, check_usable, parse_references, parse_settings
from outweigh._network import Build, default_network
from outweigh._objective import Objective, checked
from outweigh._plan import Design
from outweigh._split import Fold
from outweigh._study import run
from outweigh._table import Table, from_arrays, from_frame


def weigh(
    X: Any,
    y: Any = None,
    *,
    target: str | None = None,
    positive: Any = None,
    objective: Objective | None = None,
    prevalence: float | None = None,
    sampled_at: float | None = None,
    settings: Given = "path:8",
    references: Given = (),
    use: str | None = None,
    network: Build = default_network,
    folds: int = 5,
    repeats: int = 1,
    seeds: int = 5,
    seed: int = 0,
    test_size: float = 0.0,
    group: Any = None,
    time: Any = None,
    row_weight: Any = None,
    amount: Any = None,
    exclude: Iterable[str] = (),
    missing: Iterable[str] = (),
    segments: Any = (),
    duplicates_together: bool = False,
    epochs: int | None = None,
    patience: int = 15,
    watch: str = "undone",
    batch_size: int | None = None,
    learning_rate: float | None = None,
    time_limit: float | None = None,
    workers: int | None = None,
    tell: Callable[[str, Progress], None] = lambda stage, progress: None,
) -> Study:
    """Weigh class weights for a network on a table with a rare class.

    Parameters
    ----------
    X : frame or array, shape (n, d)
        Numbers, text, dates; pandas, polars, pyarrow or an array.
    y : array, shape (n,), optional
        Labels of two classes or more. Or name the column of X that holds them: `target`.
    target : str, optional
    positive : label, optional
        The class that the study is about; of two classes the rarer one unless given.
    objective : Cost, CostMatrix, RowCost, FBeta, Alerts or another objective, optional
        What decisions are for. Unless given, a missed positive costs n0/n1 false alarms.
    prevalence, sampled_at : float, optional
        Share of positives where the model will be used; share of the negatives that the table
        kept. Probabilities, thresholds and expected figures are then for that world.
    settings : str or sequence
        What to try, separated by commas: ``balanced``, ``sqrt``, ``power:0.7``, ``ratio:50``,
        ``weights:0=1|1=200``, ``path:8``; ``focal:2``, ``oversample``, ``smote``, …, or
        ``remedies`` for a dozen of those. Or a sequence of such texts and of objects that have
        ``fit_resample``. The unweighted twin is always there.
    references : str or sequence
        Classifiers to measure the networks against: ``logistic``, ``random-forest``,
        ``hist-gradient-boosting+balanced``, …, or ``usual`` for three of them; or classifiers.
    use : str, optional
        Name of the setting that the model is refitted with, or ``best``: the class weights that
        came out best, whatever the verdict. The verdict's choice unless given.
    network : callable
        ``build(n_features, n_outputs)`` returns a Keras model, compiled or not.
    folds, repeats, seeds, seed : int
        Folds of the study, how often the split is made anew, networks averaged in each fold, and
        where their seeds begin.
    test_size : float
        Share of rows that is touched once, at the end.
    group, time, row_weight, amount : optional
        Columns of X by name, with `target`; else arrays of shape (n,). Rows of one group stay on
        one side of every cut; with a time no row is judged by a network that saw later ones. The
        amount is what it costs to miss a row, for `RowCost`.
    exclude : iterable of str
        Columns of X to leave out, with `target`.
    missing : iterable of str
        Texts that mean a missing value, such as ``"?"``.
    segments : sequence of str or array, or mapping of str to array of shape (n,)
        By what the report tells errors apart: columns of X by name, which stay what they are, a
        feature or left out, or values beside X. Up to 20.
    duplicates_together : bool
        Whether rows that are equal in every feature stay in one fold.
    epochs, patience, batch_size, learning_rate : optional
        As in Keras; patience 0 turns early stopping off.
    watch : str
        The validation loss that lanes stop by: ``undone``, ``raw`` or ``weighted``.
    time_limit : float, optional
        Minutes. What is finished by then is judged, and a finding says what is missing.
    workers : int, optional
        Blocks of lanes to train side by side; as many as there are cores unless given.
    tell : callable
        Called with ``"folds"`` or ``"final"`` and a Progress.

    Returns
    -------
    study : Study

    Raises
    ------
    UsageError, DataError, NetworkError
        Each says in one line what must hold, what came and what to do.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> X, y = make_classification(400, weights=[0.85], random_state=0)
    >>> study = weigh(X, y, settings="balanced", folds=2, seeds=1, epochs=2)
    >>> study.results["data"]["classes"]
    {'0': 338, '1': 62}
    """
    roles = {"group": group, "time": time, "row_weight": row_weight, "amount": amount}
    table = _table(X, y, target, positive, exclude, missing, roles | {"segments": segments})
    return weigh_table(
        table,
        objective=objective,
        deployment=Deployment(prevalence=prevalence, sampled_at=sampled_at),
        settings=settings,
        references=references,
        use=use,
        network=network,
        design=Design(
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
        ),
        learning_rate=learning_rate,
        workers=workers,
        frame_of=X,
        tell=tell,
    )


def weigh_table(
    table: Table,
    *,
    objective: Objective | None,
    deployment: Deployment = AS_TRAINED,
    settings: Given,
    references: Given = (),
    use: str | None = None,
    network: Build,
    design: Design,
    network_name: str | None = None,
    test: np.ndarray | None = None,
    folds: Sequence[Fold] | None = None,
    learning_rate: float | None = None,
    workers: int | None = None,
    frame_of: Any = None,
    tell: Callable[[str, Progress], None] = lambda stage, progress: None,
) -> Study:
    """Weigh class weights on a table that has been read.

    Takes what `weigh` does, and

    Parameters
    ----------
    network_name : str, optional
        What the user calls the network.
    test : (M,) array of int, optional
        The rows that are touched once, at the end.
    folds : sequence of Fold, optional
        Instead of the design's.
    frame_of : frame, optional
        One of the kind that frames are given back in.
    """
    if objective is not None:
        checked(objective, table.classes, has_amount=table.amount is not None)
    parsed = parse_settings(settings, table.classes)
    parsed += parse_references(references, table.classes)
    check_usable(use, parsed)
    trainer = keras_trainer(network, learning_rate=learning_rate, workers=workers)
    evidence = run(
        table,
        settings=parsed,
        use=use,
        objective=objective,
        deployment=deployment,
        trainer=trainer,
        design=design,
        test=test,
        folds=folds,
        tell=tell,
    )
    return answered(evidence, trainer, network_name=network_name, frame_of=frame_of)


def _table(
    X: Any,
    y: Any,
    target: str | None,
    positive: Any,
    exclude: Iterable[str],
    missing: Iterable[str],
    roles: dict[str, Any],
) -> Table:
    if (y is None) == (target is None):
        raise UsageError("give either y or the name of the target column, target=.")
    if target is not None:
        if not is_frame(X):
            raise UsageError("target= names a column of a frame, X is none: give y")
        return from_frame(
            X, target=target, positive=positive, exclude=exclude, missing=missing, **roles
        )
    if tuple(exclude):
        raise UsageError("exclude= goes with target=; leave the columns out of X yourself")
    return from_arrays(X, y, positive=positive, missing=missing, **roles)
