"""All benchmarks, side by side in one run: ``python -m benchmarks [--data DIR] [--rounds N]``.

Every arm is a process of its own, and the arms take turns, so that a machine whose speed drifts
drifts for all of them. Medians over the rounds are printed as the tables of benchmarks/README.md.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.calibration import calibration
from benchmarks.coverage import coverage
from benchmarks.inverses import inverses
from benchmarks.losses import losses
from benchmarks.objectives import objectives
from benchmarks.remedies import remedies
from benchmarks.report import report
from benchmarks.search import search
from benchmarks.stopping import stopping
from benchmarks.tables import growth, tables
from benchmarks.versus import versus

HERE = Path(__file__).parent

# name: features, hidden units, batch, rows, lanes
NETWORKS = {
    "tutorial 2-2-1": (2, [2, 2], 100, 80_000, 64),
    "30-16-16": (30, [16, 16], 256, 100_000, 64),
    "30-64-64": (30, [64, 64], 256, 100_000, 16),
}
KERAS = ("jax", "tensorflow", "torch")


PARTS = {
    "speed": lambda o: speed(o.rounds),
    "verdict": lambda o: verdict(o.data, o.rounds),
    "tables": lambda o: [tables(o.data), growth(o.data)],
    "coverage": lambda o: coverage(o.studies),
    "versus": lambda o: versus(o.studies // 10),
    "stopping": lambda o: stopping(o.data),
    "calibration": lambda o: calibration(o.data),
    "objectives": lambda o: objectives(o.data),
    "remedies": lambda o: remedies(o.data),
    "inverses": lambda o: inverses(),
    "losses": lambda o: losses(o.rounds),
    "search": lambda o: search(o.rounds),
    "report": lambda o: report(o.data),
}
ON_TABLES = ("tables", "stopping", "calibration", "objectives", "remedies")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder with mammography.csv and datasets.toml")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--studies", type=int, default=2000, help="simulated, of each null world")
    options = parser.parse_args()
    print(machine(), "\n")
    for name, part in PARTS.items():
        if options.only in (None, name) and (options.data or name not in ON_TABLES):
            part(options)


def speed(rounds: int) -> None:
    """Time an epoch of each arm in its steady state, and what comes before it."""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for turn in range(rounds):
        for name in NETWORKS:
            for arm in ("peak", "outweigh", *(f"keras on {b}" for b in KERAS), "MLPClassifier"):
                slow = arm in ("keras on torch", "keras on tensorflow")
                if slow and turn:
                    continue  # one round is enough to see an order of magnitude
                found.setdefault((name, arm), []).append(measure("arms.py", arm, name))
                print(f"round {turn + 1} {name} {arm}", file=sys.stderr, flush=True)
    for name, (features, hidden, batch, rows, lanes) in NETWORKS.items():
        print_speed(name, features, hidden, batch, rows, lanes, found)


def print_speed(name, features, hidden, batch, rows, lanes, found) -> None:
    median = lambda arm, key: statistics.median(r[key] for r in found[name, arm])
    peak = median("peak", "flops")
    ours = median("outweigh", "epoch")
    keras = median("keras on jax", "epoch")
    sizes = [features, *hidden, 1]
    parameters = sum(a * b for a, b in itertools.pairwise(sizes))
    flops = 6 * parameters * (rows // batch * batch) * lanes / ours
    print(f"**{name}**, batch {batch}, {rows:,} rows, {lanes} lanes\n")
    print("| arm | start, s | an epoch of one fit, s | an epoch of all lanes, s | per lane, × |")
    print("|---|---|---|---|---|")
    print(
        f"| outweigh | {median('outweigh', 'start'):.2f} | – | {ours:.4f} | "
        f"{keras * lanes / ours:.1f} |"
    )
    for arm in (*(f"keras on {b}" for b in KERAS), "MLPClassifier"):
        epoch = median(arm, "epoch")
        print(
            f"| {arm} | {median(arm, 'start'):.2f} | {epoch:.4f} | {epoch * lanes:.2f} | "
            f"{keras / epoch:.2f} |"
        )
    print(
        f"\nAll {lanes} lanes cost {ours / keras:.2f} × one Keras fit on JAX. "
        f"{flops / 1e9:.0f} of {peak / 1e9:.0f} GFLOP/s: {flops / peak:.2f} of the float32 "
        "matrix-product peak.\n"
    )


def verdict(data: Path | None, rounds: int) -> None:
    """Time a whole run against the same 200 fits with Keras."""
    path = None if data is None else data / "mammography.csv"
    if path is None or not path.is_file():
        print("Time to verdict: not measured, --data DIR must hold mammography.csv.")
        return
    ours, keras = [], []
    for turn in range(rounds):
        begun = time.perf_counter()
        out = HERE / f".verdict-{os.getpid()}-{turn}"
        command = [str(Path(sys.executable).with_name("outweigh")), "run", str(path)]
        subprocess.run(
            [*command, "--target", "Class", "--out", str(out)], check=True, capture_output=True
        )
        ours.append(time.perf_counter() - begun)
        subprocess.run(["rm", "-r", str(out)], check=True)
        keras.append(measure("arms.py", "mammography", str(path))["fit"])
        print(f"round {turn + 1} verdict", file=sys.stderr, flush=True)
    fit = statistics.median(keras)
    whole = statistics.median(ours)
    print("**Time to verdict**, mammography, 8 settings × 5 folds × 5 seeds\n")
    print("| arm | s |\n|---|---|")
    print(f"| `outweigh run`, all in: start, 200 lanes, final model, report | {whole:.1f} |")
    print(f"| 200 fits with Keras on JAX, 4 measured: {fit:.2f} s each | {200 * fit:.0f} |")
    print(f"\n{200 * fit / whole:.1f} × as fast.\n")


def measure(script: str, *arguments: str) -> dict[str, float]:
    """Run an arm in a process of its own."""
    backend = arguments[0].removeprefix("keras on ")
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend if backend in KERAS else "jax",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{script} {arguments} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def machine() -> str:
    cpu = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {cpu}, Python {platform.python_version()}, {platform.system()}"


if __name__ == "__main__":
    main()
