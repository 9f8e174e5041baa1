"""The tables of a report: from the plain record to cells of text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from outweigh._predictions import TWIN_NAME
from outweigh._written import with_sign, written
from outweigh.report._aim import aim, gained

Record = dict[str, Any]

NUMBERS = (
    ("expected_cost", "cost per 1,000", "{:.4g}"),
    ("score", "score", "{:.3f}"),
    ("cost_share", "of the cheapest constant policy", "{:.3f}"),
    ("flagged_share", "flagged", "{:.1%}"),
    ("recall", "recall", "{:.1%}"),
    ("precision", "precision", "{:.1%}"),
    ("referred_share", "referred", "{:.1%}"),
    ("average_precision", "average precision", "{:.3f}"),
    ("roc_auc", "ROC AUC", "{:.3f}"),
    ("log_loss", "log loss", "{:.4f}"),
    ("brier", "Brier score", "{:.4f}"),
)


GROUPS = {
    "weights": "Class weights",
    "loss": "Losses",
    "sampling": "Sampling",
    "reference": "References, no networks",
}
"""What the kinds of settings are called, in the order in which they are shown."""

SAYS = {"no detectable difference": "open"}
"""Words that are too long for a cell."""


@dataclass(frozen=True)
class Row:
    """A row: its name, its cells, the part it plays, what to say when asked for more, its group."""

    name: str
    cells: tuple[str, ...]
    role: str = ""
    title: str = ""
    group: str = ""


@dataclass(frozen=True)
class Sheet:
    """A table of text. The head names the rows' names too; cells of prose are wrapped."""

    head: tuple[str, ...]
    rows: tuple[Row, ...]
    prose: bool = False

    @property
    def groups(self) -> Iterator[tuple[str, list[Row]]]:
        """The rows of each group that has any, with its name."""
        for name, rows in groupby(self.rows, key=lambda row: row.group):
            yield name, list(rows)


def setting_rows(results: Record) -> Sheet:
    """Give the settings, each with its numbers."""
    roles = {TWIN_NAME: "twin", results["chosen"]["setting"]: "chosen"}
    kept = known_numbers(results, results["settings"])
    last = ("flagged from 0.5, raw", "repair", "seeds collapsed")
    head = ("setting", "ratio", *(title for _, title, _ in kept), *last)
    rows = (
        Row(
            setting["name"],
            (
                written(setting["weight_ratio"], "1:{:.4g}"),
                *_numbers(setting, kept),
                _flagged_at_half(setting),
                setting["calibration"]["repair"],
                str(setting["seeds_collapsed"]),
            ),
            role=roles.get(setting["name"], ""),
            title=_about(setting),
        )
        for setting in results["settings"]
    )
    return Sheet(head, tuple(rows))


def remedy_rows(results: Record) -> Sheet | None:
    """Give what each setting gains on the twin, kind by kind; None in an older record."""
    compared = [s for s in results["settings"] if s.get("versus_none")]
    if not compared:
        return None
    head = (
        "setting",
        gained(results),
        f"in {aim(results)}",
        "average precision gained, points",
        "in ranking",
        "log loss saved, %",
        "in calibration",
        "undone",
    )
    role = {results["chosen"]["setting"]: "chosen"}
    rows = (
        Row(
            setting["name"],
            (
                *(cell for gain in setting["versus_none"].values() for cell in _gain(gain)),
                setting["inverse"] or "–",
            ),
            role=role.get(setting["name"], ""),
            title=_about(setting),
            group=title,
        )
        for kind, title in GROUPS.items()
        for setting in compared
        if setting["kind"] == kind
    )
    return Sheet(head, tuple(rows))


def test_rows(results: Record) -> Sheet | None:
    """Give the held-out numbers of the chosen setting and its twin, where there are test rows."""
    if results["test"] is None:
        return None
    tests = results["test"]
    if tests["chosen"]["setting"] == TWIN_NAME:
        tests = {"chosen": tests["chosen"]}
    kept = known_numbers(results, list(tests.values()))
    rows = (Row(f"{role}: {test['setting']}", _numbers(test, kept)) for role, test in tests.items())
    return Sheet(("setting", *(title for _, title, _ in kept)), tuple(rows))


def calibration_rows(results: Record) -> Sheet:
    """Follow the probabilities of the settings: raw, undone, repaired."""
    stages = ("raw", "undone", "repaired")
    keys = [("log_loss", "log loss", "{:.4f}"), ("brier", "Brier score", "{:.4f}")]
    if results["data"]["positive"] is not None:
        keys.append(("mean", "mean probability", "{:.2%}"))
    head = ("setting", *(f"{title}, {stage}" for _, title, _ in keys for stage in stages))
    rows = (
        Row(
            setting["name"],
            (
                *(
                    written(setting["calibration"][stage][key]["value"], form)
                    for key, _, form in keys
                    for stage in stages
                ),
                setting["calibration"]["repair"],
                written(setting["calibration"]["expressed"], "{:.0%}"),
            ),
        )
        for setting in results["settings"]
    )
    return Sheet((*head, "repair", "of the weight expressed"), tuple(rows))


def tutorial_rows(results: Record) -> Sheet | None:
    """Give what the tutorial reports beside what its networks do."""
    if "tutorial" not in results:
        return None
    head = (
        "network",
        "recall reported",
        "recall here, median seed",
        "all seeds",
        "precision",
        "flagged of everybody",
    )
    return Sheet(head, tuple(_tutorial_row(run) for run in results["tutorial"]))


def _tutorial_row(run: Record) -> Row:
    positive, recall = run["report"]["1"], run["recall_by_seed"]
    precision = positive["precision"] if run["flagged_share"] else None  # there: 0 of 0 is 0
    cells = (
        f"{run['claimed_recall']:.2f}",
        f"{positive['recall']:.2f}",
        f"{min(recall):.2f} to {max(recall):.2f}",
        written(precision, "{:.3f}"),
        written(run["flagged_share"], "{:.1%}"),
    )
    return Row(run["name"], cells)


def look_rows(results: Record) -> Sheet:
    """Give how every look for findings ended."""
    rows = (
        Row(look["code"], (look["outcome"], look["because"] or "")) for look in results["looks"]
    )
    return Sheet(("code", "outcome", "because"), tuple(rows), prose=True)


def data_rows(results: Record) -> list[tuple[str, str]]:
    """Describe the data."""
    data = results["data"]
    training = "to train" if "demo" in results else "to train and judge"
    parts = [("all rows", data), (training, data["training"]), ("test", data["test"])]
    rows = [("source", data["source"]), ("target", data["target"])]
    rows += [(name, _counted(part)) for name, part in parts if part is not None]
    if data["positive"] is not None:
        share = written(data["prevalence"], "{:.2%}")
        rows.append(("positive class", f"{data['positive']} ({share})"))
    if data.get("weighted"):
        rows.append(("row weights", "shares, costs and scores sum them; here rows are counted"))
    if data["features"] is not None:
        rows.append(("features", str(data["features"])))
    if data.get("sha256"):
        rows.append(("SHA-256 of the table", data["sha256"]))
    return rows + [("note", note) for note in data["notes"]]


def design_rows(results: Record) -> list[tuple[str, str]]:
    """Describe how the study was made, and with what."""
    rows = [(name.replace("_", " "), _plain(value)) for name, value in results["design"].items()]
    rows += [(f"seconds: {stage}", f"{s:.1f}") for stage, s in results["timing"]["seconds"].items()]
    return rows + [(name, _plain(value)) for name, value in results["environment"].items()]


def known_numbers(results: Record, scored: Iterable[Record]) -> list[tuple[str, str, str]]:
    """Give the numbers that any of the rows has: key, title and form; a score says which it is."""
    told, rows = {"score": f"score: {aim(results)}"}, list(scored)
    return [
        (key, told.get(key, title), form)
        for key, title, form in NUMBERS
        if any(row.get(key, {}).get("value") is not None for row in rows)
    ]


def _numbers(scored: Record, kept: list[tuple[str, str, str]]) -> tuple[str, ...]:
    return tuple(written(scored[key]["value"], form) for key, _, form in kept)


def _flagged_at_half(setting: Record) -> str:
    half = setting["at_half"]
    return written(None if half is None else half["flagged_share"]["value"], "{:.1%}")


def _gain(gain: Record) -> tuple[str, str]:
    """Write what is gained, between which bounds, and what that says."""
    if gain["value"] is None:
        return "–", "–"
    low, high = map(with_sign, gain["interval"] or (None, None))
    says: str = gain["says"]
    return f"{with_sign(gain['value'])} ({low} to {high})", SAYS.get(says, says)


def _about(setting: Record) -> str:
    """Say what a setting does, and with which weights."""
    return "; ".join(part for part in (setting.get("text"), _weights(setting)) if part)


def _weights(setting: Record) -> str:
    weights = setting["class_weight"] or {}
    return ", ".join(f"{label}: {weight:.6g}" for label, weight in weights.items())


def _counted(part: Record) -> str:
    counts = ", ".join(f"{n:,} × {label}" for label, n in part["classes"].items())
    return f"{part['rows']:,} rows: {counts}"


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
