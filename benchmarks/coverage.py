"""Does the interval of the verdict cover? Simulated studies whose true difference is known.

Each study draws a table from a world, trains on it, and is judged as any other: repairs, thresholds
and class weights chosen on other folds. Then every interval is asked for its bounds. The truth is
what the fold models that were compared, with their repairs and thresholds, cost on new rows: by the
exact posterior, so that no label is drawn. A study depends on its world and number alone.

Letters: F folds, U units, B imagined tables.
"""

import multiprocessing
import os
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import stats
from scipy.special import expit
from threadpoolctl import threadpool_limits

from benchmarks.worlds import Trained, World, curved, linear, saturating, train
from outweigh._compare import HELP, HURT, Verdict, judge
from outweigh._costs import RowCost, by_default
from outweigh._decisions import Decisions, decide_all
from outweigh._interval import Interval, Paired, difference, over_folds, over_units
from outweigh._repairs import REPAIRS, Repair
from outweigh._settings import TWIN

NULL = [World("null", n, linear) for n in (50, 100, 400)]
OTHERS = [
    *(World("misspecified", n, curved) for n in (50, 100, 400)),
    *(World("groups of 8", n, linear, group=8, effect=1, alike=0.98) for n in (100, 400)),
    World("10 groups", 100, linear, group=200, effect=0.5, alike=0.2),
    World("5 blocks", 100, linear, group=400, effect=0.5, alike=0.1),
    *(World("30 % copies", n, linear, copies=0.3) for n in (100, 400)),
    *(World("lognormal amounts", n, linear, amounts=1) for n in (100, 400)),
    World("saturating", 300, saturating),
]
REPAIRED = [
    World("null", 100, linear),
    World("null", 400, linear),
    World("misspecified", 100, curved),
]


@dataclass(frozen=True)
class Answer:
    """What came of a study: the truth and its error, and each method's interval and code."""

    truth: float
    error: float
    intervals: dict[str, Interval]
    codes: dict[str, str]


def coverage(studies: int) -> None:
    """Print a table for each world: null worlds have `studies` studies, the others a quarter.

    Repairs are on offer in the last three only: they take three times as long.
    """
    plan = [
        *((world, REPAIRS[:1], studies) for world in NULL),
        *((world, REPAIRS[:1], studies // 4) for world in OTHERS),
        *((world, REPAIRS, studies // 4) for world in REPAIRED),
    ]
    with multiprocessing.Pool(len(os.sched_getaffinity(0)), threadpool_limits, (1,)) as pool:
        for world, repairs, n in plan:
            begun = time.perf_counter()
            answers = pool.map(partial(study, world, repairs), range(n), chunksize=1 + n // 20)
            name = f"{world.name}{', repaired' * (len(repairs) > 1)}, {world.positives} positives"
            print_world(name, answers, time.perf_counter() - begun)


def study(world: World, repairs: Sequence[Repair], number: int) -> Answer:
    rng = np.random.default_rng([zlib.crc32(world.name.encode()), world.positives, number])
    rows = world.draw(rng)
    trained = train(rng, rows)
    counts = np.bincount(rows.y, minlength=2)
    objective = by_default(counts, (0, 1)) if rows.amount is None else RowCost(fp=1)
    decisions = decide_all(trained.predictions, objective, repairs=repairs)
    paired, verdict = judged(decisions)
    truth, error = true_difference(world, trained, decisions, verdict)
    intervals = {name: method(paired) for name, method in METHODS.items()}
    codes = {name: code(interval, verdict) for name, interval in intervals.items()}
    return Answer(truth, error, intervals, codes)


def judged(decisions: Decisions) -> tuple[Paired, Verdict]:
    """Let the verdict choose; keep the losses that it gives its interval first."""
    seen: list[Paired] = []
    verdict = judge(decisions, method=seen.append)
    return seen[0], verdict


def true_difference(
    world: World, trained: Trained, decisions: Decisions, verdict: Verdict
) -> tuple[float, float]:
    """Give what the models compared differ by on new rows, in percent, and its standard error."""
    names = decisions.predictions.settings
    risk = np.zeros((2, len(world.fresh[0])))
    for result in verdict.by_fold:
        for side, name in enumerate((TWIN.name, result.setting)):
            risk[side] += risks(world, trained, decisions, names.index(name), result.fold)
    twin, weighted = risk.mean(axis=1)
    error = np.std(weighted / twin * risk[0] - risk[1]) / np.sqrt(risk.shape[1]) / twin
    return 100 * (1 - weighted / twin), 100 * error


def risks(world: World, trained: Trained, decisions: Decisions, s: int, f: int) -> np.ndarray:
    """Give the expected loss on each new row of a setting's models of one fold."""
    x, posterior, amount = world.fresh
    beta = trained.undone[s, :, f].astype(np.float32)
    p = expit(beta[:, 1:] @ x.T.astype(np.float32) + beta[:, :1]).mean(axis=0, dtype=float)
    said = decisions.calibrated.maps[s][f](np.column_stack([1 - p, p]))
    decided = decisions.rules[s][f].decide(said, amount)
    loss = [decisions.objective.row_loss(np.full(len(x), k), decided, amount) for k in (0, 1)]
    return (1 - posterior) * loss[0] + posterior * loss[1]


def code(interval: Interval | None, verdict: Verdict) -> str:
    """Say what the verdict would with this interval: the mean over seeds must agree by 2 errors."""
    if interval is None:
        return "none"
    mean, error = verdict.seed_mean, verdict.seed_standard_error
    if interval[0] > 0 and mean - 2 * error > 0:
        return HELP
    return HURT if interval[1] < 0 and mean + 2 * error < 0 else "none"


# intervals to compare with


def parts(paired: Paired) -> tuple[np.ndarray, np.ndarray]:
    """Give each unit's loss under the twin (U,) and its part (U,) in the error of the ratio."""
    _, place = np.unique(paired.unit, return_inverse=True)
    ratio = paired.other.sum() / paired.twin.sum()
    twin, weighted = np.bincount(place, paired.twin), np.bincount(place, paired.other)
    return twin, ratio * twin - weighted


def around(paired: Paired, half: float) -> Interval:
    centre, half = difference(paired), 100 * half / paired.twin.sum()
    return centre - half, centre + half


def bootstrap(paired: Paired, tables: int = 2000) -> Interval:
    """Percentiles over B tables of units drawn anew, those that lose the same drawn together."""
    twin, part = parts(paired)
    saved = part + difference(paired) / 100 * twin
    alike, times = np.unique(np.column_stack([saved, twin]).round(9), axis=0, return_counts=True)
    rng = np.random.default_rng(0)
    saved, twin = (rng.multinomial(len(twin), times / len(twin), size=tables) @ alike).T
    low, high = np.quantile(100 * saved / twin, (0.025, 0.975))
    return low, high


def normal(paired: Paired) -> Interval:
    return around(paired, stats.norm.ppf(0.975) * np.sqrt(np.sum(parts(paired)[1] ** 2)))


def imagined_rows(paired: Paired) -> Interval:
    """Half a row of each class decided differently each way, Satterthwaite's degrees of freedom.

    The variance of a sum of rare events is known to as many degrees as twice their number.
    """
    _, part = parts(paired)
    stakes = np.bincount(paired.y, paired.stake**2) / np.bincount(paired.y)
    variance = np.sum(part**2) + stakes.sum()
    freedom = 2 * variance**2 / (np.sum(part**4) + np.sum(stakes**2))
    return around(paired, stats.t.ppf(0.975, min(freedom, len(part) - 1)) * np.sqrt(variance))


def discordant_cells(paired: Paired, draws: int = 4000) -> Interval:
    """Dirichlet posterior, Jeffreys' prior, of each class's four cells; rows taken as units."""
    rng, saved, twin = np.random.default_rng(0), 0.0, 0.0
    for k in np.unique(paired.y):
        of_class = paired.y == k
        cell = 2 * (paired.twin[of_class] > 0) + (paired.other[of_class] > 0)
        share = rng.dirichlet(np.bincount(cell, minlength=4) + 0.5, draws)
        stake = paired.stake[of_class].sum()
        saved = saved + stake * (share[:, 2] - share[:, 1])
        twin = twin + stake * (share[:, 2] + share[:, 3])
    low, high = np.quantile(100 * saved / twin, (0.025, 0.975))
    return low, high


def nadeau_bengio(paired: Paired) -> Interval:
    """Student's t over folds whose models share training rows (Machine Learning 52, 2003)."""
    low, high = over_folds(paired)
    n_folds = len(paired.repeat)
    wider = np.sqrt(1 + n_folds / (n_folds - 1))
    return (low + high) / 2 - wider * (high - low) / 2, (low + high) / 2 + wider * (high - low) / 2


METHODS = {
    "bootstrap over units": bootstrap,
    "normal over units": normal,
    "the same, imagined rows, Satterthwaite": imagined_rows,
    "posterior of discordant cells": discordant_cells,
    "t over folds": over_folds,
    "t over folds, Nadeau–Bengio": nadeau_bengio,
    "outweigh without the choice": lambda paired: over_units(replace(paired, tried=None)),
    "outweigh": over_units,
}


def print_world(name: str, answers: list[Answer], seconds: float) -> None:
    truth = np.array([answer.truth for answer in answers])
    error = max(answer.error for answer in answers)
    print(
        f"**{name}**: {len(answers)} studies in {seconds:.0f} s, true difference "
        f"{truth.mean():.2f} % on average, varying by {truth.std():.2f}, known "
        f"to {error:.2f} at worst\n"
    )
    print("| interval | covers | too high · too low | mean width | median | help | hurt |")
    print("|---|---|---|---|---|---|---|")
    for method in METHODS:
        print_method(method, truth, answers)
    print(flush=True)


def print_method(name: str, truth: np.ndarray, answers: list[Answer]) -> None:
    low, high = np.array([answer.intervals[name] for answer in answers]).T
    codes = [answer.codes[name] for answer in answers]
    covers = np.mean((low <= truth) & (truth <= high))
    error = np.sqrt(covers * (1 - covers) / len(truth))
    print(
        f"| {name} | {covers:.3f} ± {error:.3f} | {np.mean(truth < low):.3f} · "
        f"{np.mean(truth > high):.3f} | {np.mean(high - low):.2f} | {np.median(high - low):.2f} | "
        f"{codes.count(HELP) / len(codes):.3f} | {codes.count(HURT) / len(codes):.3f} |"
    )
