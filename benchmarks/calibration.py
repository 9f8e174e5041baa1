"""Can probabilities be believed after weighting? Raw, undone, repaired, and the twin's.

The balanced network and its twin, five folds and five seeds, on tables of a folder.
"""

import sys
import tomllib
from pathlib import Path
from typing import Any

NAMES = ("mammography", "wine_quality", "us_crime", "churn", "satimage2")
STAGES = ("raw", "undone", "repaired")


def calibration(data: Path) -> None:
    """Print log loss and Brier score of each stage, beside the twin's."""
    import outweigh as ow
    from outweigh._reading import read_file

    known = tomllib.loads((data / "datasets.toml").read_text())
    rows = []
    for name in NAMES:
        about = known[name]
        frame = read_file(data / about["file"])
        study = ow.weigh(
            frame, target=about["target"], positive=about["positive"], settings="balanced"
        )
        of = {setting["name"]: setting["calibration"] for setting in study.results["settings"]}
        rows.append((name, of, bounds(study.predictions)))
        print(f"calibration: {name}", file=sys.stderr, flush=True)
    for key, title in (("log_loss", "log loss"), ("brier", "Brier score")):
        print(f"**{title}**, cross-fitted where repaired, held-out elsewhere\n")
        print("| table | balanced, raw | undone | repaired | twin | repaired / twin | repair |")
        print("|---|---|---|---|---|---|---|")
        for name, of, _ in rows:
            values = [of["balanced"][stage][key]["value"] for stage in STAGES]
            twin = of["none"]["undone"][key]["value"]
            cells = " | ".join(f"{value:.4f}" for value in (*values, twin))
            ratio, repair = values[-1] / twin, of["balanced"]["repair"]
            print(f"| {name} | {cells} | {ratio:.3f} | {repair} |")
        print()
    print("**Bounds**: log loss / that of the twin, unrepaired\n")
    print("| table | best line, fitted on the rows it is scored on | isotonic, cross-fitted |")
    print("|---|---|---|")
    for name, of, best in rows:
        twin = of["none"]["undone"]["log_loss"]["value"]
        isotonic = of["balanced"]["tried"]["isotonic"]
        print(f"| {name} | {best / twin:.3f} | {isotonic / twin:.3f} |")


def bounds(predictions: Any) -> float:
    """Give the least log loss that any line a·log-odds + b can bring the balanced network to."""
    from outweigh._repairs import PLATT, fit
    from outweigh._scores import log_loss

    said, y = predictions.averaged()[predictions.settings.index("balanced")], predictions.y
    return log_loss(y, fit(PLATT, said, y)(said))
