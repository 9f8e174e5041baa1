"""Does the way back lead to the posterior? Remedies in a smooth world whose posterior is known.

The default network learns under each remedy, with early stopping as in any study. What three seeds
say of new rows is taken back and averaged, and held against the exact posterior: no label of a new
row is drawn. In `tests/test_inverses.py` a network without any bounds must come back exactly; here
is what remains of it where networks are smooth, stop early, and see each row many times.

Letters: N rows, n training, v validating, M new rows, K = 2 classes, S settings, R seeds.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from benchmarks.worlds import newton
from outweigh._chunk import Chunk
from outweigh._cohorts import Cohort, cohorts_of, visited
from outweigh._grammar import parse_settings
from outweigh._lanes import KerasTrainer
from outweigh._settings import Setting
from outweigh._shapes import Shape, undo, unshaped

SETTINGS = (
    "balanced, focal:2, logit-adjusted:1, vector-scaled:0.15|1, smoothed:0.1, focal:2+balanced, "
    "oversample, undersample, balanced-batches"
)
PREVALENCES = (0.01, 0.2)
TRAINING, VALIDATING, NEW = 85_000, 15_000, 200_000
SEEDS = 3
BATCH, EPOCHS, PATIENCE = 256, 150, 15  # the defaults of a study


@dataclass(frozen=True)
class World:
    """Rows x (N, 2), training rows first, new rows last; their posterior and classes."""

    x: np.ndarray
    posterior: np.ndarray  # (N,) of the positive class
    y: np.ndarray


@dataclass(frozen=True)
class Line:
    """How a setting fares on the new rows."""

    setting: str
    log_loss: float
    slope: float
    intercept: float
    before: float  # mean probability / mean posterior, as the networks say it
    after: float


def inverses() -> None:
    """Print a table for each prevalence."""
    for prevalence in PREVALENCES:
        begun = time.perf_counter()
        lines = study(drawn(prevalence))
        spent = time.perf_counter() - begun
        lanes = f"{len(lines)} settings × {SEEDS} seeds"
        print(f"**{prevalence:.0%} positives**, {lanes}, {spent:.0f} s\n")
        print_lines(lines)


def drawn(prevalence: float) -> World:
    """Draw a world's rows; those that are new have no class."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(TRAINING + VALIDATING + NEW, 2))
    score = smooth(x)
    constant = brentq(lambda a: expit(a + score).mean() - prevalence, -30, 10)
    posterior = expit(constant + score)
    parts = np.split(posterior, [TRAINING, TRAINING + VALIDATING])
    y = [*(classes(rng, part) for part in parts[:2]), np.zeros(NEW, dtype=int)]
    return World(x.astype("float32"), posterior, np.concatenate(y))


def classes(rng: np.random.Generator, posterior: np.ndarray) -> np.ndarray:
    """Draw classes, systematically along the posterior: a table without luck in its calibration.

    Each row is positive by its own chance, but of rows of about one posterior the share of
    positives is that. Of 850 positives at random an intercept has a standard error of 0.09.
    """
    order = np.argsort(posterior)
    positives = np.floor(np.cumsum(posterior[order]) + rng.random())
    y = np.empty(len(posterior), dtype=int)
    y[order] = np.diff(positives, prepend=0)
    return y


def smooth(x: np.ndarray) -> np.ndarray:
    """Give a score that a network has to learn, but can."""
    return 1.2 * x[:, 0] + np.sin(2 * x[:, 1]) + 0.4 * x[:, 0] * x[:, 1]


def study(world: World) -> list[Line]:
    """Train every setting in a world; tell how it fares."""
    settings, trainer = parse_settings(SETTINGS, (0, 1)), KerasTrainer()
    lines = {}
    for cohort in cohorts_of(settings):
        of_cohort = [settings[s] for s in cohort.settings]
        for setting, said, back in trained(world, cohort, of_cohort, trainer):
            lines[setting.name] = line(setting.name, world.posterior[-NEW:], said, back)
    return [lines[setting.name] for setting in settings]


def trained(
    world: World, cohort: Cohort, settings: Sequence[Setting], trainer: KerasTrainer
) -> Iterator[tuple[Setting, np.ndarray, np.ndarray]]:
    """Train a cohort; give what each setting says of the new rows (M,), and what comes back."""
    counts = np.bincount(world.y[:TRAINING])
    shapes = [setting.loss.shape(counts) for setting in settings]
    weights = [setting.class_weight(counts, (0, 1)) for setting in settings]
    chunk = chunk_of(world, weights, shapes if cohort.bends else None)
    made = [visited(replace(chunk, seed=r), cohort, one_hot=()) for r in range(SEEDS)]
    lanes = [one.probability for one in trainer.train([chunk for chunk, _ in made])]
    for s, setting in enumerate(settings):
        said = np.stack([of_seed[s] for of_seed in lanes])
        back = undo(unshaped(said, shapes[s]), weights[s] * made[0][1])
        yield setting, said[..., 1].mean(axis=0), back[..., 1].mean(axis=0)


def chunk_of(
    world: World, class_weight: Sequence[np.ndarray], shapes: Sequence[Shape] | None
) -> Chunk:
    rows = np.arange(len(world.y))
    counts = np.bincount(world.y[:TRAINING])
    return Chunk(
        fold=0,
        seed=0,
        x=world.x,
        y=world.y,
        row_weight=None,
        class_weight=np.stack(class_weight),
        prior=counts / counts.sum(),
        training=rows[:TRAINING],
        validation=rows[TRAINING:-NEW],
        held_out=rows[-NEW:],
        batch_size=BATCH,
        epochs=EPOCHS,
        patience=PATIENCE,
        shape=None if shapes is None else Shape(*map(np.stack, zip(*shapes, strict=True))),
    )


def line(name: str, posterior: np.ndarray, said: np.ndarray, back: np.ndarray) -> Line:
    """Hold what came back (M,) against the posterior of new rows (M,)."""
    loss = -(posterior * np.log(back) + (1 - posterior) * np.log1p(-back)).mean()
    of_log_odds = np.column_stack([np.ones(NEW), logit(back)])
    recalibrated, _ = newton(of_log_odds, posterior, np.ones((1, NEW)), np.array([[0.0, 1.0]]))
    intercept, slope = recalibrated[0]
    true = posterior.mean()
    return Line(name, loss, slope, intercept, said.mean() / true, back.mean() / true)


def print_lines(lines: Sequence[Line]) -> None:
    """Print the settings of a world; the first one is the unweighted fit."""
    print("| setting | log loss, × none | slope | intercept | mean / true, before | after |")
    print("|---|---|---|---|---|---|")
    for one in lines:
        name = one.setting.replace("|", r"\|")
        print(
            f"| {name} | {one.log_loss / lines[0].log_loss:.4f} | {one.slope:.3f} | "
            f"{one.intercept:+.3f} | {one.before:.3f} | {one.after:.3f} |"
        )
    print(flush=True)
