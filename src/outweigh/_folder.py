"""A run folder: everything that one study wrote.

``results.json`` (every number), ``predictions.parquet`` (the out-of-fold record), ``report.html``,
``run.toml`` (the configuration) and ``bundle/`` (the model). Each file appears whole or not at all.
"""

import json
from pathlib import Path
from typing import Any

from outweigh._bundle import save
from outweigh._errors import UsageError
from outweigh._files import write_text
from outweigh._model import Model
from outweigh._predictions import Predictions
from outweigh.report import page

RESULTS = "results.json"
REPORT = "report.html"
PREDICTIONS = "predictions.parquet"
CONFIGURATION = "run.toml"
BUNDLE = "bundle"


def write(
    folder: Path,
    *,
    results: dict[str, Any],
    predictions: Predictions,
    configuration: dict[str, Any],
    model: Model | None = None,
) -> None:
    """Write a study's files; the model last, for it can be too large to save."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / CONFIGURATION, to_toml(configuration))
    draft = folder / f".{PREDICTIONS}.draft"
    predictions.save(draft)
    draft.replace(folder / PREDICTIONS)
    write_text(folder / RESULTS, json.dumps(results, indent=1, allow_nan=False))
    write_text(folder / REPORT, page(results))
    if model is not None:
        save(model, folder / BUNDLE)


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


def to_toml(configuration: dict[str, Any]) -> str:
    """Write a flat configuration as TOML; what is None is left out."""
    # a JSON string, number, list or true/false is also a TOML value, but for pairs of surrogates
    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False).replace(chr(127), chr(92) + 'u007f')}"
        for key, value in configuration.items()
        if value is not None
    ]
    return "\n".join(lines) + "\n"
