"""``weigh``: a table in, a study out. The study as its user holds it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, final

import narwhals as nw
import numpy as np

from outweigh import _folder
from outweigh._chunk import Progress
from outweigh._compare import Verdict
from outweigh._errors import UsageError
from outweigh._network import Build, default_network
from outweigh._operating import Cost
from outweigh._predictions import Predictions
from outweigh._record import record
from outweigh._settings import parse_settings, undo
from outweigh._study import Design, Evidence, run
from outweigh._table import Table, from_arrays, from_frame
from outweigh.report import page


@final
class Study:
    """Class weights weighed against none, on one table.

    Attributes
    ----------
    verdict : Verdict
        The paired comparison with the unweighted twin.
    chosen : str
        The setting to use.
    predictions : Predictions
        What every lane said about rows that it never visited.
    results : dict
        Every number, as plain JSON types; each says which rows it stands on.
    """

    def __init__(self, evidence: Evidence, trainer: Any, frame_kind: Any):
        self._evidence = evidence
        self._trainer = trainer
        self._frame_kind = frame_kind
        table = evidence.table
        n_features = len(evidence.final.features.names) if evidence.final else len(table.names)
        about = trainer.describe(n_features, len(table.classes))
        self.results = record(evidence, about_network=about)

    @property
    def verdict(self) -> Verdict:
        """The paired comparison with the unweighted twin."""
        return self._evidence.verdict

    @property
    def chosen(self) -> str:
        """The setting to use."""
        return self.verdict.chosen

    @property
    def predictions(self) -> Predictions:
        """What every lane said about rows that it never visited."""
        return self._evidence.predictions

    def frame(self) -> Any:
        """Give a row for each setting with its scores, in the kind of frame that came in.

        Arrays give a pyarrow table.
        """
        rows = [_flat(setting) for setting in self.results["settings"]]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return nw.from_dict(columns, backend=self._frame_kind).to_native()

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the chosen model's probabilities for new rows, its class weights undone.

        Parameters
        ----------
        X : frame or array
            With the columns that the study saw, in any order in a frame.

        Returns
        -------
        probability : array of float, shape (n, K)
            In the order of ``results["data"]["classes"]``.
        """
        final_model = self._evidence.final
        if final_model is None:
            raise UsageError("this study trained no final model.")
        columns = _columns(X, self._evidence.table)
        x = final_model.features.transform(columns)
        said = [self._trainer.predict(trained, x)[0] for trained in final_model.trained]
        undone = [undo(probability, final_model.class_weight[0]) for probability in said]
        return np.asarray(np.mean(undone, axis=0))

    def to_html(self, path: str | Path) -> None:
        """Write the report, one self-contained page."""
        _folder.write_text(Path(path), page(self.results))

    def save(self, folder: str | Path, *, configuration: dict[str, Any] | None = None) -> None:
        """Write a run folder: report, numbers, predictions, configuration."""
        _folder.write(
            Path(folder),
            results=self.results,
            predictions=self.predictions,
            configuration=configuration or {},
        )

    def __repr__(self) -> str:
        return f"<outweigh.Study: {self.verdict.code}, chosen {self.chosen!r}>"

    def _repr_html_(self) -> str:
        # a frame of its own: the page's style and policy are not the notebook's
        return f'<iframe srcdoc="{_quoted(page(self.results))}" width="100%" height="700"></iframe>'


def weigh(
    X: Any,
    y: Any = None,
    *,
    target: str | None = None,
    positive: Any = None,
    objective: Cost | None = None,
    settings: str = "path:8",
    network: Build = default_network,
    folds: int = 5,
    seeds: int = 5,
    seed: int = 0,
    test_size: float = 0.0,
    epochs: int | None = None,
    patience: int = 15,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    workers: int | None = None,
    tell: Callable[[str, Progress], None] = lambda stage, progress: None,
) -> Study:
    """Weigh class weights for a network on a table with a rare class.

    Parameters
    ----------
    X : frame or array, shape (n, d)
        Numbers; pandas, polars, pyarrow or an array.
    y : array, shape (n,), optional
        Labels of two classes or more. Or name the column of X that holds them: `target`.
    target : str, optional
    positive : label, optional
        The class that the study is about; of two classes the rarer one unless given.
    objective : Cost, optional
        What mistakes cost. Unless given, a missed positive costs n0/n1 false alarms.
    settings : str
        What to try, separated by commas: ``balanced``, ``sqrt``, ``power:0.7``, ``ratio:50``,
        ``weights:0=1|1=200``, ``path:8``. The unweighted twin is always there.
    network : callable
        ``build(n_features, n_outputs)`` returns a Keras model, compiled or not.
    folds, seeds, seed : int
        Folds of the study, networks averaged in each, and where their seeds begin.
    test_size : float
        Share of rows that is touched once, at the end.
    epochs, patience, batch_size, learning_rate : optional
        As in Keras; patience 0 turns early stopping off.
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
    table = _table(X, y, target, positive)
    return weigh_table(
        table,
        objective=objective,
        settings=settings,
        network=network,
        design=Design(folds, seeds, seed, test_size, epochs, patience, batch_size),
        learning_rate=learning_rate,
        workers=workers,
        frame_kind=_kind(X),
        tell=tell,
    )


def weigh_table(
    table: Table,
    *,
    objective: Cost | None,
    settings: str,
    network: Build,
    design: Design,
    learning_rate: float | None = None,
    workers: int | None = None,
    frame_kind: Any = "pyarrow",
    tell: Callable[[str, Progress], None] = lambda stage, progress: None,
) -> Study:
    """Weigh class weights on a table that has been read."""
    if objective is not None and len(table.classes) > 2:
        raise UsageError(
            f"costs of a miss and a false alarm need two classes; {table.target!r} has "
            f"{len(table.classes)}: leave the costs out."
        )
    parsed = parse_settings(settings, table.classes)
    from outweigh._lanes import KerasTrainer  # late: JAX and Keras load only to train

    trainer = KerasTrainer(network, learning_rate=learning_rate, workers=workers)
    evidence = run(
        table,
        settings=parsed,
        costs=None if objective is None else objective.matrix,
        trainer=trainer,
        design=design,
        tell=tell,
    )
    return Study(evidence, trainer, frame_kind)


def _table(X: Any, y: Any, target: str | None, positive: Any) -> Table:
    if (y is None) == (target is None):
        raise UsageError("give either y or the name of the target column, target=.")
    if target is not None:
        return from_frame(X, target=target, positive=positive)
    return from_arrays(X, y, positive=positive)


def _kind(X: Any) -> Any:
    """Tell the kind of frame to give back."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    return frame.implementation if isinstance(frame, nw.DataFrame) else "pyarrow"


def _columns(X: Any, table: Table) -> np.ndarray:
    """Give the columns (n, D) that the study saw, in its order."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        missing = [name for name in table.names if name not in frame.columns]
        if missing:
            raise UsageError(f"new rows must have the columns of the study, {missing} are missing.")
        return np.column_stack([frame[name].cast(nw.Float64).to_numpy() for name in table.names])
    columns = np.asarray(X, dtype=float)
    if columns.ndim != 2 or columns.shape[1] != len(table.names):
        raise UsageError(
            f"new rows must have {len(table.names)} columns, their shape is {columns.shape}."
        )
    return columns


def _flat(setting: dict[str, Any]) -> dict[str, Any]:
    """Keep the values of a setting's numbers."""
    values = {k: v["value"] for k, v in setting.items() if isinstance(v, dict) and "basis" in v}
    plain = {k: setting[k] for k in ("name", "weight_ratio", "power")}
    return {**plain, "class_weight": json.dumps(setting["class_weight"]), **values}


def _quoted(html: str) -> str:
    return html.replace("&", "&amp;").replace('"', "&quot;")
