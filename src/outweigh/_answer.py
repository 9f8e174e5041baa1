"""The answer: a study as its user holds it."""

import json
from pathlib import Path
from typing import Any, final

import narwhals as nw
import numpy as np

from outweigh import _folder
from outweigh._chunk import DIVERGED
from outweigh._compare import Verdict
from outweigh._errors import NetworkError
from outweigh._files import write_text
from outweigh._findings import findings
from outweigh._model import DEFAULT, Model, stacked
from outweigh._network import default_network
from outweigh._predictions import Predictions
from outweigh._record import record
from outweigh._rows import rows_from
from outweigh._study import Evidence
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
    model : Model
        The chosen setting, trained on every row that is not a test row.
    results : dict
        Every number, as plain JSON types; each says which rows it stands on.
    """

    def __init__(
        self,
        evidence: Evidence,
        trainer: Any,
        *,
        network_name: str | None = None,
        frame_of: Any = None,
    ):
        self._evidence = evidence
        self._trainer = trainer
        self._network_name = network_name or _name(trainer.build)
        self._frame_kind = _kind(frame_of)
        about = trainer.describe(len(evidence.final.features.names), len(evidence.table.classes))
        found = findings(evidence)
        self.results = record(evidence, about_network=about, findings=found)

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

    @property
    def model(self) -> Model:
        """The chosen setting, trained on every row that is not a test row.

        Raises
        ------
        NetworkError
            When the final network diverged with every seed.
        """
        e = self._evidence
        alive = [t for t in e.final.trained if t.outcome[0] != DIVERGED and t.parameters]
        if not alive:
            raise NetworkError(
                "the final network must keep finite numbers; it diverged with every seed: "
                "scale the loss down, or take a smaller learning rate"
            )
        parameters, n_trainable = stacked([_first_lane(t.parameters) for t in alive])
        counts = np.bincount(e.table.y[e.split.rest], minlength=len(e.table.classes))
        return Model(
            classes=e.table.classes,
            setting=self.chosen,
            class_weight=e.final.class_weight[0],
            costs=e.costs,
            prior=counts / counts.sum(),
            features=e.final.features,
            missing=e.table.missing,
            parameters=parameters,
            n_trainable=n_trainable,
            build=self._trainer.build,
            network=self._network_name,
            target=e.table.target,
            source=e.table.source,
        )

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

        Raises
        ------
        TableError
            When a column is not there, or of another kind.
        NetworkError
            When the final network diverged with every seed.
        """
        table = self._evidence.table
        rows = rows_from(X, table.columns.schema, missing=table.missing)
        return self.model.predict_proba(rows.columns)

    def to_html(self, path: str | Path) -> None:
        """Write the report, one self-contained page."""
        write_text(Path(path), page(self.results))

    def save(self, folder: str | Path, *, configuration: dict[str, Any] | None = None) -> None:
        """Write a run folder: report, numbers, predictions, configuration, model."""
        try:
            model = self.model
        except NetworkError:  # the report says that its lanes diverged
            model = None
        _folder.write(
            Path(folder),
            results=self.results,
            predictions=self.predictions,
            configuration=configuration or {},
            model=model,
        )

    def __repr__(self) -> str:
        return f"<outweigh.Study: {self.verdict.code}, chosen {self.chosen!r}>"

    def _repr_html_(self) -> str:
        # a frame of its own: the page's style and policy are not the notebook's
        return f'<iframe srcdoc="{_quoted(page(self.results))}" width="100%" height="700"></iframe>'


def _name(build: Any) -> str:
    return DEFAULT if build is default_network else getattr(build, "__name__", "your own")


def _first_lane(parameters: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Take the chosen setting's parameters; the twin's may stand behind them."""
    trainable, other = ([value[:1] for value in part] for part in parameters)
    return trainable, other


def _kind(frame: Any) -> Any:
    """Tell the kind of frame to give back."""
    known = nw.from_native(frame, eager_only=True, pass_through=True)
    return known.implementation if isinstance(known, nw.DataFrame) else "pyarrow"


def _flat(setting: dict[str, Any]) -> dict[str, Any]:
    """Keep the values of a setting's numbers."""
    values = {k: v["value"] for k, v in setting.items() if isinstance(v, dict) and "basis" in v}
    plain = {k: setting[k] for k in ("name", "weight_ratio", "power")}
    return {**plain, "class_weight": json.dumps(setting["class_weight"]), **values}


def _quoted(html: str) -> str:
    return html.replace("&", "&amp;").replace('"', "&quot;")
