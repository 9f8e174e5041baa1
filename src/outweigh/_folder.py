"""A run folder: everything that one study wrote.

``results.json`` (every number), ``predictions.parquet`` (what every network said),
``decisions.parquet`` (what each setting made of that), ``report.html``, ``card.md`` (the same in
Markdown), ``run.toml`` (the configuration) and ``bundle/`` (the model). Each file appears whole or
not at all.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from outweigh._bundle import save
from outweigh._configuration import shareable, to_toml
from outweigh._decisions import Decisions
from outweigh._errors import UsageError
from outweigh._files import write_text
from outweigh._json import written
from outweigh._model import Model
from outweigh._operating import REFER
from outweigh.report import page
from outweigh.report._card import card

RESULTS = "results.json"
REPORT = "report.html"
CARD = "card.md"
PREDICTIONS = "predictions.parquet"
DECISIONS = "decisions.parquet"
CONFIGURATION = "run.toml"
BUNDLE = "bundle"


def write(
    folder: Path,
    *,
    results: dict[str, Any],
    decisions: Decisions,
    configuration: dict[str, Any],
    model: Model | None = None,
) -> None:
    """Write a study's files; the model last, for it can be too large to save."""
    folder.mkdir(parents=True, exist_ok=True)
    if configuration:
        results = results | {"configuration": shareable(configuration)}
    write_text(folder / CONFIGURATION, to_toml(configuration))
    draft = folder / f".{PREDICTIONS}.draft"
    decisions.predictions.save(draft)
    draft.replace(folder / PREDICTIONS)
    draft = folder / f".{DECISIONS}.draft"
    pq.write_table(decided_table(decisions), draft, compression="zstd")
    draft.replace(folder / DECISIONS)
    write_text(folder / RESULTS, written(results))
    write_text(folder / REPORT, page(results))
    write_text(folder / CARD, card(results))
    if model is not None:
        save(model, folder / BUNDLE)


def decided_table(decisions: Decisions) -> pa.Table:
    """Give what each setting says and decides of each entry, S N rows.

    Columns: row, fold, setting, y, probability (of the positive class; with more than two classes
    ``probability <label>`` for each), decision (where the objective decides: a label, or "refer to
    a person"), weight (what the row counts at deployment), amount (if any).
    """
    d, p = decisions, decisions.predictions
    n_settings, n = d.decided.shape
    labels = [str(label) for label in p.classes]
    names = pa.array([*labels, REFER])
    said = {"probability": d.probability[..., 1].ravel()}
    if len(labels) > 2:
        said = {f"probability {k}": d.probability[..., i].ravel() for i, k in enumerate(labels)}
    table: dict[str, Any] = {
        "row": np.tile(p.row, n_settings),
        "fold": np.tile(p.fold, n_settings),
        "setting": pa.array(p.settings).take(pa.array(np.repeat(np.arange(n_settings), n))),
        "y": names.take(pa.array(np.tile(p.y, n_settings))),
        **said,
    }
    if d.final_rules:
        table["decision"] = names.take(pa.array(d.decided.ravel()))
    table["weight"] = np.tile(d.cases.weight, n_settings)
    if d.cases.amount is not None:
        table["amount"] = np.tile(d.cases.amount, n_settings)
    return pa.table(table)


def read_results(folder: Path) -> dict[str, Any]:
    """Read a run folder's numbers."""
    path = folder / RESULTS
    if not path.is_file():
        raise UsageError(f"a run folder must hold {RESULTS}, {str(folder)!r} does not.")
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{str(path)!r} must be JSON, but it is damaged: {error}") from None
    return dict(results)


def new_folder(out: Path | None, stem: str) -> Path:
    """Choose where a run is written: never over another one.

    Raises
    ------
    UsageError
        When the folder asked for holds something already.
    """
    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(
                f"--out must be a new or empty folder, {str(out)!r} holds something already: "
                "choose another name, or remove it."
            )
        return out
    names = (f"outweigh-{stem}{'' if i == 1 else f'-{i}'}" for i in range(1, 10_000))
    return next(Path(name) for name in names if not Path(name).exists())
