"""Does the interval of the verdict cover? Simulated studies whose true difference is known.

Each study draws a table from a world, trains weighted logistic regressions on it, chooses class
weights as the verdict does and asks every interval for its bounds. The truth is what the fold
models that were compared cost on new rows, by the exact posterior of the world.

Letters: N rows, M new rows, D features, S settings, R seeds, F folds, L fits.
"""

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy import special
from scipy.optimize import brentq

from outweigh._interval import Paired
from outweigh._costs import by_default
from outweigh._predictions import Predictions
from outweigh._settings import path

PREVALENCE = 0.05
FOLDS = 5
SEEDS = 3
FEATURES = 5
FRESH = 30_000  # new rows; what they leave open is far below an interval's width
SETTINGS = path(8)


@dataclass(frozen=True)
class Rows:
    x: np.ndarray  # (N, D)
    y: np.ndarray  # (N,)
    unit: np.ndarray  # (N,)
    amount: np.ndarray | None  # (N,) cost of missing a positive; None: the same for all


@dataclass(frozen=True)
class World:
    """Where studies come from.

    `score` (N, D) -> (N,) gives the log odds up to a constant that sets the prevalence.
    """

    name: str
    positives: int
    score: Callable[[np.ndarray], np.ndarray]
    studies: float = 1.0
    spread: float = 0.0  # standard deviation of a group's effect on the log odds
    group: int = 1  # rows of a group
    alike: float = 0.98  # correlation of the features in a group
    copies: float = 0.0  # share of rows that repeat another
    amounts: float = 0.0  # standard deviation of log amounts

    @cached_property
    def intercept(self) -> float:
        score = self.score(np.random.default_rng(1).normal(size=(200_000, FEATURES)))
        return brentq(lambda a: self.posterior(a + score).mean() - PREVALENCE, -30, 10)

    def posterior(self, logit: np.ndarray) -> np.ndarray:
        """Average over the effects of groups that are not known."""
        if not self.spread:
            return special.expit(logit)
        nodes, weights = np.polynomial.hermite_e.hermegauss(15)
        each = special.expit(logit[..., None] + self.spread * nodes)
        return each @ (weights / weights.sum())

    @cached_property
    def fresh(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """New rows: of new groups, copies of none."""
        rng = np.random.default_rng(2)
        x = rng.normal(size=(FRESH, FEATURES))
        p = self.posterior(self.intercept + self.score(x))
        return x, p, self.draw_amounts(rng, FRESH)

    def draw_amounts(self, rng, n):
        if not self.amounts:
            return None
        mean = (1 - PREVALENCE) / PREVALENCE
        return mean * np.exp(self.amounts * rng.normal(size=n) - self.amounts**2 / 2)

    def draw(self, rng: np.random.Generator) -> Rows:
        n = round(self.positives / PREVALENCE)
        unit = self.draw_units(rng, n)
        m = unit.max() + 1
        x = rng.normal(size=(m, FEATURES))
        effect = self.spread * rng.normal(size=m)
        amount = self.draw_amounts(rng, m)
        amount = None if amount is None else amount[unit]
        if self.group > 1:
            x = np.sqrt(self.alike) * x[unit] + np.sqrt(1 - self.alike) * rng.normal(size=(n, FEATURES))
            logit = self.intercept + self.score(x) + effect[unit]
            y = rng.random(n) < special.expit(logit)
            return Rows(x, y.astype(int), unit, amount)
        y = rng.random(m) < special.expit(self.intercept + self.score(x))
        return Rows(x[unit], y.astype(int)[unit], unit, amount)

    def draw_units(self, rng, n):
        if self.group > 1:
            return np.arange(n) // self.group
        if self.copies:
            first = rng.random(n) >= self.copies
            first[0] = True
            return np.cumsum(first) - 1
        return np.arange(n)

    def fold(self, rng, rows: Rows) -> np.ndarray:
        n = len(rows.y)
        if self.group > 1:
            return (rng.permutation(rows.unit.max() + 1) % FOLDS)[rows.unit]
        order = np.lexsort((rng.random(n), rows.y))
        fold = np.empty(n, dtype=int)
        fold[order] = np.arange(n) % FOLDS
        return fold


def fit(x: np.ndarray, y: np.ndarray, weight: np.ndarray, start: np.ndarray):
    """Fit L logistic regressions at once; x (N, D) with a constant, weight (N, L), start (D, L).

    Gives the coefficients (D, L) and the information (L, D, D).
    """
    d = x.shape[1]
    products = (x[:, :, None] * x[:, None, :]).reshape(len(x), d * d)
    beta = start
    for _ in range(25):
        p = special.expit(x @ beta)
        slope = x.T @ (weight * (y[:, None] - p))
        ridge = 1e-3 * np.eye(d)
        information = (products.T @ (weight * p * (1 - p))).T.reshape(-1, d, d) + ridge
        step = np.linalg.solve(information, slope.T[..., None] - 1e-3 * beta.T[..., None])[..., 0].T
        size = np.abs(step).max(axis=0)
        beta = beta + step * np.minimum(1, 2 / np.maximum(size, 1e-12))
        if size.max() < 1e-4:
            break
    return beta, information


@dataclass(frozen=True)
class Trained:
    predictions: Predictions
    beta: np.ndarray  # (S, R, F, D)
    shift: np.ndarray  # (S, F) what undoing takes from the log odds


def train(rng, rows: Rows, fold: np.ndarray) -> Trained:
    y = rows.y
    x = np.column_stack([np.ones(len(y)), rows.x])
    held_out = fold[:, None] == np.arange(FOLDS)
    counts = np.stack([np.bincount(y[~held_out[:, f]], minlength=2) for f in range(FOLDS)])
    class_weight = np.stack(
        [[setting.class_weight(c, (0, 1)) for c in counts] for setting in SETTINGS]
    )  # (S, F, 2)
    shift = np.log(class_weight[..., 1] / class_weight[..., 0])
    weight = class_weight[:, :, y].transpose(2, 0, 1) * ~held_out[:, None, :]  # (N, S, F)
    n, s, f = weight.shape
    twin, information = fit(x, y, weight[:, 0], np.zeros((x.shape[1], f)))
    start = np.repeat(twin[:, None, :], s, axis=1)
    start[0] += shift
    beta, _ = fit(x, y, weight.reshape(n, -1), start.reshape(x.shape[1], -1))
    beta = beta.reshape(-1, s, f).transpose(1, 2, 0)  # (S, F, D)
    root = np.linalg.cholesky(np.linalg.inv(information))  # (F, D, D)
    noise = rng.normal(size=(s, SEEDS, f, x.shape[1])) + rng.normal(size=(1, SEEDS, f, x.shape[1]))
    beta = beta[:, None] + np.einsum("fde,srfe->srfd", root, noise) / np.sqrt(2)
    logit = np.empty((s, SEEDS, n))
    for k in range(FOLDS):
        logit[:, :, fold == k] = beta[:, :, k] @ x[fold == k].T
    p = special.expit(logit)
    predictions = Predictions(
        row=np.arange(n),
        fold=fold,
        y=y,
        classes=(0, 1),
        settings=tuple(setting.name for setting in SETTINGS),
        seeds=tuple(range(SEEDS)),
        class_weight=class_weight,
        prior=counts / counts.sum(axis=1, keepdims=True),
        probability=np.stack([1 - p, p], axis=-1),
        outcome=np.full((s, SEEDS, f), "finished"),
        n_training=n,
        unit=rows.unit,
        amount=rows.amount,
    )
    return Trained(predictions, beta, shift)


def losses(flagged, y, miss):
    return np.where(y == 1, miss * ~flagged, 1.0 * flagged)


@dataclass(frozen=True)
class Study:
    paired: Paired
    truth: float
    by_seed: tuple[float, float]  # mean and standard error over single seeds
    loss: np.ndarray = None


def judge(predictions: Predictions, miss: np.ndarray):
    """Choose for each fold the setting cheapest on the others; give it and the paired losses."""
    y, fold = predictions.y, predictions.fold
    cut = 1 / (1 + miss)
    loss = losses(predictions.averaged()[..., 1] >= cut, y, miss)  # (S, N)
    by_fold = np.stack([np.bincount(fold, each, FOLDS) for each in loss])
    elsewhere = by_fold.sum(axis=1, keepdims=True) - by_fold
    picked = 1 + np.argmin(elsewhere[1:].round(6), axis=0)
    entry = np.arange(len(y))
    paired = Paired(
        twin=loss[0],
        weighted=loss[picked[fold], entry],
        stake=np.where(y == 1, miss, 1.0),
        y=y,
        fold=fold,
        unit=predictions.unit,
        repeat=np.zeros(FOLDS, dtype=int),
    )
    singles = []
    for r in range(SEEDS):
        lanes = {s: predictions.of_lane(s, r)[:, 1] for s in {0, *picked.tolist()}}
        said = np.choose(picked[fold], [lanes.get(s, lanes[0]) for s in range(len(SETTINGS))])
        twin = losses(lanes[0] >= cut, y, miss).sum()
        singles.append(100 * (1 - losses(said >= cut, y, miss).sum() / twin))
    return picked, paired, (np.mean(singles), np.std(singles, ddof=1) / np.sqrt(SEEDS)), loss


def true_difference(world: World, trained: Trained, picked: np.ndarray, scale: float) -> float:
    x, p, amount = world.fresh
    x = np.column_stack([np.ones(len(x)), x]).astype(np.float32)
    miss = np.full(len(x), scale) if amount is None else amount
    risk = np.zeros(2)
    for f, s in enumerate(picked):
        for side, setting in enumerate((0, s)):
            beta = trained.beta[setting, :, f].copy()
            beta[:, 0] -= trained.shift[setting, f]
            said = special.expit(beta.astype(np.float32) @ x.T).mean(axis=0)
            flagged = said >= 1 / (1 + miss)
            risk[side] += np.where(flagged, 1 - p, p * miss).mean()
    return 100 * (1 - risk[1] / risk[0])


def study(world: World, number: int) -> Study:
    rng = np.random.default_rng([sum(map(ord, world.name)), world.positives, number])
    rows = world.draw(rng)
    trained = train(rng, rows, world.fold(rng, rows))
    scale = by_default(np.bincount(rows.y, minlength=2), (0, 1)).matrix[1, 0]
    miss = np.full(len(rows.y), scale) if rows.amount is None else rows.amount
    picked, paired, by_seed, loss = judge(trained.predictions, miss)
    return Study(paired, true_difference(world, trained, picked, scale), by_seed, loss)


LINEAR = np.array([1.2, 0.8, 0.5, 0.3, 0.0])


def linear(x):
    return x @ LINEAR


def quadratic(x):
    return x @ LINEAR + 0.6 * x[:, 0] ** 2 - 0.5 * x[:, 1] ** 2 + 0.4 * x[:, 2] * x[:, 3]


WORLDS = [
    *(World("null", n, linear) for n in (50, 100, 400)),
    *(World("misspecified", n, quadratic) for n in (50, 100, 400)),
    *(World("groups", n, linear, 0.25, spread=1.0, group=8) for n in (100, 400)),
    World("ten groups", 100, linear, 0.25, spread=0.5, group=200, alike=0.2),
    World("five blocks", 100, linear, 0.25, spread=0.5, group=400, alike=0.1),
    *(World("duplicates", n, linear, 0.25, copies=0.3) for n in (100, 400)),
    *(World("amounts", n, linear, 0.25, amounts=1.0) for n in (100, 400)),
]
