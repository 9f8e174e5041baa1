"""Every remedy on equal footing, on real tables: one ``outweigh run`` each."""

import sys
import tomllib
from pathlib import Path
from typing import Any

from benchmarks.tables import timed

TABLES = ("mammography", "wine_quality", "us_crime", "satimage2", "abalone_19")
SETTINGS = "path:8,remedies"
REFERENCES = "usual,hist-gradient-boosting+balanced,balanced-random-forest,lightgbm,xgboost"
CURRENCIES = ("cost", "ranking", "calibration")
WORDS = {"better": " **+**", "worse": " **−**", "no detectable difference": ""}


def remedies(data: Path) -> None:
    """Run each table with every remedy and the references; print how each fares against none."""
    known = tomllib.loads((data / "datasets.toml").read_text())
    for name in TABLES:
        about = known[name]
        path = data / about["file"]
        options = ["--target", about["target"], "--positive", str(about["positive"])]
        options += ["--settings", SETTINGS, "--reference", REFERENCES]
        status, seconds, peak, results, errors = timed([str(path), *options])
        if status:
            sys.exit(f"{name}: {errors[-1]}")
        print_table(name, results, seconds, peak)


def print_table(name: str, results: dict[str, Any], seconds: float, peak: int) -> None:
    """Print one table: a row for each setting."""
    data, twin = results["data"], results["settings"][0]
    lanes, numbers = results["design"]["lanes"], [twin["average_precision"], twin["log_loss"]]
    said = " and ".join(f"{n['value']:.3f}" for n in numbers)
    rows = f"{data['rows']:,} rows, {data['prevalence']:.1%} positives"
    print(f"**{name}**, {rows}: {lanes} lanes in")
    print(f"{seconds:.0f} s, {peak / 1e9:.1f} GB; without remedies average precision and log loss")
    print(f"{said}. {results['verdict']['text'].split('. ')[0]}.\n")
    print("| setting | cost saved, % | ranking, points of AP | log loss saved, % |")
    print("|---|---|---|---|")
    for setting in results["settings"][1:]:
        cells = " | ".join(cell(setting["versus_none"][currency]) for currency in CURRENCIES)
        print(f"| {setting['name'].replace('|', chr(92) + '|')} | {cells} |")
    for finding in results["findings"]:
        if finding["code"] == "setting-failed":
            print(f"\n{finding['title']}")
    print(flush=True)


def cell(gain: dict[str, Any]) -> str:
    """Give a gain with its interval; a sign where it can be told from chance."""
    if gain["interval"] is None:
        return "–"
    low, high = gain["interval"]
    return f"{gain['value']:.1f} ({low:.1f} to {high:.1f}){WORDS[gain['says']]}"
