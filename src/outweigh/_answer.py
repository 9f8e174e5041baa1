"""The answer: a study as its user holds it."""

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, final

import narwhals as nw
import numpy as np

from outweigh import _folder
from outweigh._compare import Verdict
from outweigh._decisions import Decisions
from outweigh._errors import NetworkError, UsageError
from outweigh._files import write_text
from outweigh._model import Model
from outweigh._predictions import Predictions
from outweigh._rows import rows_from
from outweigh.report import page
from outweigh.report._card import card
from outweigh.report._figure import Figures
from outweigh.report._notebook import study_html


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
    decisions : Decisions
        What every setting decides about rows that had no part in it.
    results : dict
        Every number, as plain JSON types; each says which rows it stands on.
    """

    def __init__(
        self,
        decisions: Decisions,
        verdict: Verdict,
        *,
        chosen: str,
        results: Callable[[], dict[str, Any]],
        model: Callable[[], Model] | None = None,
        frame_of: Any = None,
    ):
        self.decisions = decisions
        self.verdict = verdict
        self.chosen = chosen
        self._make_results = results
        self._make_model = model
        self._frame_kind = _kind(frame_of)

    @property
    def predictions(self) -> Predictions:
        """What every lane said about rows that it never visited."""
        return self.decisions.predictions

    @cached_property
    def results(self) -> dict[str, Any]:
        """Every number, as plain JSON types; each says which rows it stands on."""
        return self._make_results()

    @cached_property
    def model(self) -> Model:
        """The chosen setting, trained on every row that is not a test row.

        Raises
        ------
        NetworkError
            When the final network diverged with every seed.
        UsageError
            When the networks were trained elsewhere.
        """
        if self._make_model is None:
            raise UsageError(
                "a model must have been trained here; this study has predictions only: refit "
                f"{self.chosen!r} where you trained it"
            )
        return self._make_model()

    def frame(self) -> Any:
        """Give a row for each setting with its scores, in the kind of frame that came in.

        Arrays give a pyarrow table.
        """
        rows = [_flat(setting) for setting in self.results["settings"]]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return nw.from_dict(columns, backend=self._frame_kind).to_native()

    @cached_property
    def figures(self) -> Figures:
        """The figures of the report by key: each is a frame, a plot, and a picture in a notebook.

        Frames are of the kind that came in; arrays give pyarrow tables.
        """
        return Figures(self.results, self._frame_kind)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the chosen model's probabilities for new rows: undone, repaired, at deployment.

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
        UsageError
            When the networks were trained elsewhere.
        """
        model = self.model
        rows = rows_from(X, model.features.schema, missing=model.missing)
        return model.predict_proba(rows.columns)

    def to_html(self, path: str | Path) -> None:
        """Write the report, one self-contained page."""
        write_text(Path(path), page(self.results))

    def card(self) -> str:
        """Give the model card: what the report says, in Markdown."""
        return card(self.results)

    def save(self, folder: str | Path, *, configuration: dict[str, Any] | None = None) -> None:
        """Write a run folder: report, numbers, predictions, decisions, configuration, model."""
        _folder.write(
            Path(folder),
            results=self.results,
            decisions=self.decisions,
            configuration=configuration or {},
            model=self._model_if_any(),
        )

    def _model_if_any(self) -> Model | None:
        """Give the model; None where it diverged, as the report says, or was trained elsewhere."""
        try:
            return self.model
        except (NetworkError, UsageError):
            return None

    def __getstate__(self) -> dict[str, Any]:
        """Give what is pickled: what the study came to, and none of the rows that it was about."""
        _ = self.results, self._model_if_any()
        return {**vars(self), "_make_results": None, "_make_model": None}

    def __repr__(self) -> str:
        return f"<outweigh.Study: {self.verdict.code}, chosen {self.chosen!r}>"

    def _repr_html_(self) -> str:
        return study_html(self.results)


def _kind(frame: Any) -> Any:
    """Tell the kind of frame to give back."""
    known = nw.from_native(frame, eager_only=True, pass_through=True)
    return known.implementation if isinstance(known, nw.DataFrame) else "pyarrow"


def _flat(setting: dict[str, Any]) -> dict[str, Any]:
    """Keep the values of a setting's numbers, and what it gains on the twin."""
    values = {k: v["value"] for k, v in setting.items() if isinstance(v, dict) and "basis" in v}
    plain = {k: setting[k] for k in ("name", "kind", "weight_ratio", "power")}
    weight = setting["class_weight"]
    return {
        **plain,
        "class_weight": None if weight is None else json.dumps(weight),
        "repair": setting["calibration"]["repair"],
        **values,
        **_gains(setting["versus_none"]),
    }


def _gains(versus: dict[str, Any] | None) -> dict[str, float | None]:
    """Give what is gained in each currency, and the ends of its interval."""
    columns: dict[str, float | None] = {}
    for currency in ("cost", "ranking", "calibration"):
        gain = {"value": None, "interval": None} if versus is None else versus[currency]
        low, high = gain["interval"] or (None, None)
        names = (f"{currency}_gain{end}" for end in ("", "_low", "_high"))
        columns |= zip(names, (gain["value"], low, high), strict=True)
    return columns
