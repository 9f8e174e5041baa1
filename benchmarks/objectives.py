"""Objectives from the command line, on real tables, each number checked with scikit-learn."""

import csv
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from benchmarks.oracle import check

OUTWEIGH = str(Path(sys.executable).with_name("outweigh"))
QUALITIES = [str(q) for q in range(3, 10)]
RUNS = (
    ("german_credit", ["--cost-fn", "5", "--cost-fp", "1"]),
    ("german_credit", ["--cost-fn", "5", "--cost-fp", "1", "--refer-cost", "0.4"]),
    ("german_credit", ["--cost-fn", "5", "--cost-fp", "1", "--tuned-threshold"]),
    ("wine_white_quality", ["--costs", "costs.csv"]),
    ("churn", ["--cost-column", "total_day_charge", "--cost-fp", "10"]),
    ("mammography", ["--objective", "alerts:10"]),
    ("mammography", ["--prevalence", "0.005"]),
    ("satimage2", ["--sampled-at", "0.1"]),
    ("wilt", ["--objective", "f1"]),
    ("wilt", ["--objective", "mcc"]),
    ("us_crime", ["--objective", "recall@precision>=0.5"]),
    ("us_crime", ["--objective", "average-precision"]),
)


def objectives(data: Path) -> None:
    """Run each objective; print what it says and how many of its numbers scikit-learn confirms."""
    known = tomllib.loads((data / "datasets.toml").read_text())
    print("| table | objective | what it says | numbers confirmed |\n|---|---|---|---|")
    for name, options in RUNS:
        about = known[name]
        with tempfile.TemporaryDirectory() as folder:
            write_costs(Path(folder, "costs.csv"))
            command = [OUTWEIGH, "run", str((data / about["file"]).resolve()), *options]
            command += ["--target", about["target"], "--out", "run"]
            if "positive" in about:
                command += ["--positive", str(about["positive"])]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"| {name} | `{' '.join(options)}` | {done.stderr.splitlines()[-1]} | – |")
                continue
            confirmed = check(Path(folder, "run"))
            text = verdict(Path(folder, "run"))
            print(f"| {name} | `{' '.join(options)}` | {text} | {len(confirmed)} |", flush=True)


def write_costs(path: Path) -> None:
    """Write the costs of a wine's quality told wrong: the square of the distance."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["true", *QUALITIES])
        for true in QUALITIES:
            writer.writerow([true, *((int(true) - int(told)) ** 2 for told in QUALITIES)])


def verdict(folder: Path) -> str:
    """Give the first sentence of a run's verdict."""
    text: str = json.loads((folder / "results.json").read_text())["verdict"]["text"]
    return text.split(". ")[0]
