"""``outweigh run`` on every table of a folder: seconds and peak memory of the whole process."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

OUTWEIGH = str(Path(sys.executable).with_name("outweigh"))
LARGE = 200_000  # rows from which a run gets a limit of time
LIMIT = 5  # minutes


def tables(data: Path) -> None:
    """Run each table that datasets.toml names, with the defaults."""
    known = tomllib.loads((data / "datasets.toml").read_text())
    print("| table | rows × columns | s | peak MB | what it says |")
    print("|---|---|---|---|---|")
    for name, about in known.items():
        options = ["--target", about["target"]]
        if "positive" in about:
            options += ["--positive", str(about["positive"])]
        if "cost_fn" in about:
            options += ["--cost-fn", str(about["cost_fn"]), "--cost-fp", str(about["cost_fp"])]
        print_run(name, data / about["file"], options)


def print_run(name: str, path: Path, options: list[str]) -> None:
    """Run one table and print its row; a large one has a limit of time."""
    limit = ["--time-limit", str(LIMIT)] if n_rows(path) > LARGE else []
    status, seconds, peak, results, errors = timed([str(path), *options, *limit])
    if status:
        said, shape = errors[-1], "–"
    else:
        said = results["verdict"]["text"].split(". ")[0]
        shape = f"{results['data']['rows']:,} × {results['data']['features']}"
        said += "".join(f"; {f['code']}" for f in results["findings"])
    limited = f" (`{shlex.join(limit)}`)" if limit else ""
    print(f"| {name}{limited} | {shape} | {seconds:.0f} | {peak / 1e6:.0f} | {said} |", flush=True)


def growth(data: Path) -> None:
    """Time one table in four sizes: two folds, one seed, five epochs."""
    import pyarrow.parquet as pq

    whole = pq.read_table(data / "cover.parquet")
    print("\n| rows of cover | s | s for 100,000 rows more |\n|---|---|---|")
    before = None
    for share in (8, 4, 2, 1):
        part = whole.take(list(range(0, len(whole), share)))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "cover.parquet")
            pq.write_table(part, path)
            fixed = ["--folds", "2", "--seeds", "1", "--epochs", "5", "--patience", "0"]
            batch = ["--batch-size", "256"]
            _, seconds, *_ = timed([str(path), "--target", "target", *fixed, *batch])
        step = "–" if before is None else (seconds - before[1]) / (len(part) - before[0]) * 1e5
        print(f"| {len(part):,} | {seconds:.1f} | {step if before is None else f'{step:.1f}'} |")
        before = len(part), seconds


def n_rows(path: Path) -> int:
    """Count the rows of a Parquet file without reading it; of a CSV file by its lines."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)
    with path.open("rb") as file:
        return sum(1 for _ in file)


def timed(arguments: list[str]):
    """Run ``outweigh run``: exit status, seconds, peak bytes, results, lines on stderr."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "run")
        command = [OUTWEIGH, "run", *arguments, "--out", str(out)]
        with tempfile.TemporaryFile("w+") as errors:
            begun = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
            _, status, used = os.wait4(process.pid, 0)  # what this process used, and no other
            seconds = time.perf_counter() - begun
            errors.seek(0)
            lines = errors.read().splitlines()
        results = json.loads((out / "results.json").read_text()) if not status else None
    return status, seconds, used.ru_maxrss * 1024, results, lines
