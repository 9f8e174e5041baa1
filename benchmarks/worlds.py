"""Worlds with a known posterior, and a trainer cheap enough for thousands of studies.

A world draws tables and tells the exact probability of new rows. The trainer is weighted logistic
regression, all settings and folds in one Newton iteration; its coefficients are moved by about
their own standard error to stand in for the luck of a seed.

Letters: N rows, M units, D features and a constant, S settings, R seeds, F folds, L fits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from outweigh._predictions import Predictions
from outweigh._settings import path

PREVALENCE = 0.05
FEATURES = 5
FRESH = 30_000  # new rows that the truth is read from
FOLDS = 5
SEEDS = 3
SETTINGS = path(8)
RIDGE = 1e-3

Score = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Rows:
    x: np.ndarray  # (N, D)
    y: np.ndarray  # (N,)
    unit: np.ndarray  # (N,)
    fold: np.ndarray  # (N,)
    amount: np.ndarray | None  # (N,) cost of a missed positive


@dataclass(frozen=True)
class World:
    """Where tables come from.

    A row is positive with log odds `score` of its features, a constant that sets the prevalence,
    and the effect of its group. New rows are of new groups, whose effect nobody knows: their
    posterior is the mean over it. They are copies of no training row.
    """

    name: str
    positives: int  # expected
    score: Score  # (N, D) -> (N,)
    group: int = 1  # rows of a group
    effect: float = 0.0  # standard deviation of a group's effect
    alike: float = 0.0  # correlation of a feature within a group
    copies: float = 0.0  # share of rows that repeat the one before, features and class
    amounts: float = 0.0  # standard deviation of the log of lognormal amounts

    @cached_property
    def constant(self) -> float:
        score = self.score(np.random.default_rng(1).normal(size=(200_000, FEATURES)))
        return brentq(lambda a: self.posterior(a + score).mean() - PREVALENCE, -30, 10)

    def posterior(self, logit: np.ndarray) -> np.ndarray:
        """Average the probability over the effect of a group."""
        effect, weight = np.polynomial.hermite_e.hermegauss(15)
        return sum(
            share * expit(logit + self.effect * e)
            for e, share in zip(effect, weight / weight.sum(), strict=True)
        )

    @cached_property
    def fresh(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Give features, posterior and amount of new rows."""
        rng = np.random.default_rng(2)
        x = rng.normal(size=(FRESH, FEATURES))
        return x, self.posterior(self.constant + self.score(x)), self._amounts(rng, FRESH)

    def draw(self, rng: np.random.Generator) -> Rows:
        n = round(self.positives / PREVALENCE)
        if self.copies:
            unit = np.cumsum(rng.random(n) >= self.copies)
            rows = self._table(rng, np.arange(unit[-1] + 1), unit)
            return Rows(**rows, fold=stratified(rng, rows["y"]))
        unit = np.arange(n) // self.group
        rows = self._table(rng, unit, np.arange(n))
        fold = stratified(rng, rows["y"]) if self.group == 1 else whole_groups(rng, unit)
        return Rows(**rows, fold=fold)

    def _table(self, rng, group: np.ndarray, taken: np.ndarray) -> dict[str, np.ndarray]:
        """Draw a row for each of the groups, and take some of them, some more than once."""
        centre = rng.normal(size=(group[-1] + 1, FEATURES))[group]
        own = rng.normal(size=(len(group), FEATURES))
        x = np.sqrt(self.alike) * centre + np.sqrt(1 - self.alike) * own
        effect = self.effect * rng.normal(size=group[-1] + 1)[group]
        y = (rng.random(len(group)) < expit(self.constant + self.score(x) + effect)).astype(int)
        amount = self._amounts(rng, len(group))
        return {
            "x": x[taken],
            "y": y[taken],
            "unit": group[taken],
            "amount": None if amount is None else amount[taken],
        }

    def _amounts(self, rng, n: int) -> np.ndarray | None:
        """Draw lognormal amounts whose mean is what a miss costs by default."""
        if not self.amounts:
            return None
        mean = (1 - PREVALENCE) / PREVALENCE
        return mean * rng.lognormal(-(self.amounts**2) / 2, self.amounts, n)


@dataclass(frozen=True)
class Trained:
    predictions: Predictions
    undone: np.ndarray  # (S, R, F, D) coefficients without what the weights add


def train(rng: np.random.Generator, rows: Rows) -> Trained:
    x, y, fold = np.column_stack([np.ones(len(rows.y)), rows.x]), rows.y, rows.fold
    trains = fold[:, None] != np.arange(FOLDS)  # (N, F)
    counts = np.stack([np.bincount(y[trains[:, f]], minlength=2) for f in range(FOLDS)])
    weight = np.stack([[s.class_weight(c, (0, 1)) for c in counts] for s in SETTINGS])  # (S, F, 2)
    beta, covariance = fit(x, y, weight, trains)
    beta = beta[:, None] + seed_noise(rng, covariance)  # (S, R, F, D)
    logit = np.empty((len(SETTINGS), SEEDS, len(y)))
    for f in range(FOLDS):
        logit[:, :, fold == f] = beta[:, :, f] @ x[fold == f].T
    p = expit(logit)
    undone = beta.copy()
    undone[..., 0] -= np.log(weight[..., 1] / weight[..., 0])[:, None]
    predictions = Predictions(
        row=np.arange(len(y)),
        fold=fold,
        y=y,
        classes=(0, 1),
        settings=tuple(s.name for s in SETTINGS),
        seeds=tuple(range(SEEDS)),
        class_weight=weight,
        prior=counts / counts.sum(axis=1, keepdims=True),
        probability=np.stack([1 - p, p], axis=-1),
        outcome=np.full((len(SETTINGS), SEEDS, FOLDS), "finished"),
        n_training=len(y),
        unit=rows.unit,
        amount=rows.amount,
    )
    return Trained(predictions, undone)


def fit(x, y, class_weight, trains) -> tuple[np.ndarray, np.ndarray]:
    """Fit every setting on every fold; give coefficients (S, F, D) and the twins' covariance."""
    row_weight = class_weight[:, :, y] * trains.T  # (S, F, N)
    twin, information = newton(x, y, row_weight[0], np.zeros((FOLDS, x.shape[1])))
    start = np.repeat(twin[None], len(row_weight), axis=0)
    start[..., 0] += np.log(class_weight[..., 1] / class_weight[..., 0])
    beta, _ = newton(x, y, row_weight.reshape(-1, len(y)), start.reshape(-1, x.shape[1]))
    return beta.reshape(start.shape), np.linalg.inv(information)


def newton(x, y, weight, start) -> tuple[np.ndarray, np.ndarray]:
    """Fit L logistic regressions, weight (L, N), with steps of limited length."""
    beta, d = start, x.shape[1]
    products = (x[:, :, None] * x[:, None, :]).reshape(len(x), d * d)
    for _ in range(25):
        p = expit(beta @ x.T)
        slope = (weight * (y - p)) @ x - RIDGE * beta
        information = ((weight * p * (1 - p)) @ products).reshape(-1, d, d) + RIDGE * np.eye(d)
        step = np.linalg.solve(information, slope[..., None])[..., 0]
        longest = np.abs(step).max(axis=1, keepdims=True)
        beta = beta + step * np.minimum(1, 2 / np.maximum(longest, 1e-12))
        if longest.max() < 1e-4:
            break
    return beta, information


def seed_noise(rng, covariance: np.ndarray) -> np.ndarray:
    """Draw noise (S, R, F, D), half of it shared by the settings of a fold and seed."""
    root = np.linalg.cholesky(covariance)
    shape = (SEEDS, FOLDS, root.shape[-1])
    own, shared = rng.normal(size=(len(SETTINGS), *shape)), rng.normal(size=shape)
    return np.einsum("fde,srfe->srfd", root, (own + shared) / np.sqrt(2))


def stratified(rng, y: np.ndarray) -> np.ndarray:
    fold = np.empty(len(y), dtype=int)
    fold[np.lexsort((rng.random(len(y)), y))] = np.arange(len(y)) % FOLDS
    return fold


def whole_groups(rng, group: np.ndarray) -> np.ndarray:
    return (rng.permutation(group[-1] + 1) % FOLDS)[group]


def linear(x: np.ndarray) -> np.ndarray:
    return x @ np.array([1.2, 0.8, 0.5, 0.3, 0.0])


def curved(x: np.ndarray) -> np.ndarray:
    """Give a score that no linear model can say; where the costs cut it hardly matters."""
    return linear(x) + 0.6 * x[:, 0] ** 2 - 0.5 * x[:, 1] ** 2 + 0.4 * x[:, 2] * x[:, 3]


def saturating(x: np.ndarray) -> np.ndarray:
    """Give a score that levels off along one feature and jumps far out along two others.

    A fit without weights follows the sure cases far out; weights move it to where the costs cut.
    """
    far_out = np.maximum(x[:, 1] - 1.5, 0) - np.maximum(x[:, 2] - 1.5, 0)
    return 5 * np.tanh(4 * x[:, 0]) + 8 * far_out
