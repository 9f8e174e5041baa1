"""What it costs to stop on the validation loss that Keras shows, instead of on the undone one.

Five folds and five seeds, twice: the same rows, first parameters and batches, and so the same
steps; only the epoch at which a lane stops, and the parameters that it keeps, can differ.

Letters: S settings, F folds, R seeds, m held-out rows of a fold.
"""

import math
import sys
import tomllib
from pathlib import Path

import numpy as np
from scipy import stats

NAMES = ("mammography", "us_crime", "wine_quality", "churn")
SETTINGS = "none,balanced,power:1.4"
MEASURES = ("log loss", "Brier score", "cost", "cost, single seeds", "epochs kept")
DIGITS = (4, 4, 4, 4, 1)


def stopping(data: Path) -> None:
    """Print each measure watching undone and watching raw, and the paired difference."""
    from outweigh._grammar import parse_settings
    from outweigh._lanes import KerasTrainer
    from outweigh._table import read_table

    known = tomllib.loads((data / "datasets.toml").read_text())
    for name in NAMES:
        about = known[name]
        table = read_table(data / about["file"], target=about["target"], positive=about["positive"])
        settings = parse_settings(SETTINGS, table.classes)
        undone, raw = (measured(table, settings, w, KerasTrainer()) for w in ("undone", "raw"))
        print_table(name, [setting.name for setting in settings], undone, raw)
        print(f"stopping: {name}", file=sys.stderr, flush=True)


def measured(table, settings, watch, trainer) -> np.ndarray:
    """Train a default study that watches a curve; give its measures (S, F, 5)."""
    from outweigh._plan import Design, plan, split
    from outweigh._training import train

    design = Design(watch=watch)
    table, divided = split(table, design)
    planned = plan(table, divided.folds, settings, design)
    trained = train(planned, trainer, math.inf, lambda progress: None).trained
    each = [
        of_fold(table, part, [trained[part.number, seed] for seed in planned.seeds])
        for part in planned.parts
    ]
    return np.stack(each, axis=1)


def of_fold(table, part, trained) -> np.ndarray:
    """Give a fold's measures (S, 5); a missed positive costs n0/n1, a false alarm 1."""
    from outweigh._shapes import undo

    y = table.y[part.fold.held_out] == 1
    single = [undo(t.probability, part.class_weight[:, None])[..., 1] for t in trained]  # (R, S, m)
    p = np.mean(single, axis=0)
    miss = np.mean(table.y == 0) / np.mean(table.y == 1)
    threshold = 1 / (1 + miss)  # Elkan 2001
    cost = lambda p: np.where(y, miss * (p < threshold), p >= threshold).mean(axis=-1)
    own = np.maximum(np.where(y, p, 1 - p), np.finfo(float).eps)
    return np.stack(
        [
            -np.log(own).mean(axis=-1),
            ((p - y) ** 2).mean(axis=-1),
            cost(p),
            np.mean([cost(one) for one in single], axis=0),
            np.mean([t.epochs for t in trained], axis=0),
        ],
        axis=-1,
    )


def print_table(name, settings, undone, raw) -> None:
    """Print means over the folds; of the differences also half their 95 % interval, Student's t."""
    print(f"**{name}**\n")
    print(f"| setting | watched | {' | '.join(MEASURES)} |")
    print("|---|---|" + "---|" * len(MEASURES))
    for s, setting in enumerate(settings):
        for watch, values in (("undone", undone[s]), ("raw", raw[s])):
            cells = [f"{v:.{d}f}" for v, d in zip(values.mean(axis=0), DIGITS, strict=True)]
            print(f"| {setting} | {watch} | {' | '.join(cells)} |")
        more = raw[s] - undone[s]
        half = stats.t.ppf(0.975, len(more) - 1) * stats.sem(more)
        cells = [
            f"{v:+.{d}f} ± {h:.{d}f}"
            for v, h, d in zip(more.mean(axis=0), half, DIGITS, strict=True)
        ]
        print(f"| | raw − undone | {' | '.join(cells)} |".replace("-", "−"))
    print(flush=True)
