"""Do the intervals of a remedy against none cover, in cost, ranking and calibration alike?

Each study draws a table from a world of `benchmarks.worlds` and trains four remedies that were
fixed before, in closed form: class weights, a loss with a strong pull to 0, as many negatives drawn
as there are positives, and a reference that sees squares and products. Repairs are on offer as in
any study. The truth is what the fold models, with their repairs and thresholds, come to on new
rows, by the exact posterior: no label is drawn.

Letters: N rows, M new rows, D features and a constant, S settings, R seeds, F folds.
"""

import multiprocessing
import os
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import expit
from threadpoolctl import threadpool_limits

from benchmarks.coverage import nadeau_bengio
from benchmarks.worlds import FOLDS, RIDGE, SEEDS, Rows, World, curved, linear, newton
from outweigh._costs import by_default
from outweigh._decisions import Decisions, decide_all, ranked
from outweigh._difference import compare, compare_losses, compare_scores
from outweigh._interval import Interval, Paired, over_folds, over_units
from outweigh._objective import Costs
from outweigh._predictions import LOSS, REFERENCE, SAMPLING, WEIGHTS, Predictions
from outweigh._rankings import AveragePrecision
from outweigh._scores import log_losses
from outweigh._versus import ALIKE, versus_twin

WORLDS = (
    *(World("null", n, linear) for n in (100, 400)),
    *(World("misspecified", n, curved) for n in (100, 400)),
    World("groups of 8", 100, linear, group=8, effect=1, alike=0.98),
    World("30 % copies", 100, linear, copies=0.3),
)
PULL = 30.0  # ridge of the loss with a strong pull
CURRENCIES = ("cost", "ranking", "calibration")


@dataclass(frozen=True)
class Remedy:
    """What is done: to which class weights, with which ridge, on which rows and features."""

    name: str
    kind: str
    ratio: float = 1.0  # of a positive's weight, times n0/n1 to that power
    ridge: float = RIDGE
    drawn: bool = False  # as many negatives as positives, anew for each seed
    products: bool = False


REMEDIES = (
    Remedy("none", WEIGHTS, ratio=0.0),
    Remedy("balanced", WEIGHTS),
    Remedy("pulled", LOSS, ratio=0.0, ridge=PULL),
    Remedy("undersample", SAMPLING, drawn=True),
    Remedy("products", REFERENCE, ratio=0.0, products=True),
)


@dataclass(frozen=True)
class Answer:
    """What came of one remedy in one currency: the truth, and each method's interval."""

    remedy: str
    currency: str
    truth: float
    says: str
    intervals: dict[str, Interval]


def versus(studies: int) -> None:
    """Print a table of the intervals' coverage for each world."""
    with multiprocessing.Pool(len(os.sched_getaffinity(0)), threadpool_limits, (1,)) as pool:
        for world in WORLDS:
            begun = time.perf_counter()
            answers = pool.map(partial(study, world), range(studies), chunksize=1 + studies // 20)
            spent = time.perf_counter() - begun
            print(
                f"**{world.name}, {world.positives} positives**: {studies} studies, {spent:.0f} s"
            )
            print_world([answer for of_study in answers for answer in of_study])


def study(world: World, number: int) -> list[Answer]:
    rng = np.random.default_rng([zlib.crc32(world.name.encode()), world.positives, number, 1])
    rows = world.draw(rng)
    trained = [train(rng, rows, remedy) for remedy in REMEDIES]
    objective = by_default(np.bincount(rows.y, minlength=2), (0, 1))
    decisions = decide_all(record(rows, trained), objective)
    truths = [true_worth(world, decisions, s, trained[s]) for s in range(len(REMEDIES))]
    answers = []
    for s, versus in enumerate(versus_twin(decisions), start=1):
        others = alternatives(decisions, s)
        for currency in CURRENCIES:
            gain = getattr(versus, currency)
            truth = true_gain(currency, truths[s][currency], truths[0][currency])
            intervals = {"outweigh": gain.interval, **others.get(currency, {})}
            answers.append(Answer(versus.setting, currency, truth, gain.says, intervals))
    return answers


def features(x: np.ndarray, remedy: Remedy) -> np.ndarray:
    """Give a constant and the features of rows, with squares and products where they are seen."""
    i, j = np.triu_indices(x.shape[1])
    parts = [np.ones((len(x), 1)), x, *([x[:, i] * x[:, j]] if remedy.products else [])]
    return np.column_stack(parts)


@dataclass(frozen=True)
class Trained:
    remedy: Remedy
    weight: np.ndarray  # (F, 2) how many times as frequent each class is
    beta: np.ndarray  # (R, F, D)

    def said(self, f: int, x: np.ndarray) -> np.ndarray:
        """Give the undone probability (M,) of fold f, averaged over the seeds."""
        shift = np.log(self.weight[f, 1] / self.weight[f, 0])
        return expit(self.beta[:, f] @ features(x, self.remedy).T - shift).mean(axis=0)


def train(rng: np.random.Generator, rows: Rows, remedy: Remedy) -> Trained:
    x, y = features(rows.x, remedy), rows.y
    trains = rows.fold != np.arange(FOLDS)[:, None]  # (F, N)
    counts = np.stack([np.bincount(y[of_fold], minlength=2) for of_fold in trains])
    weight = np.column_stack([np.ones(FOLDS), (counts[:, 0] / counts[:, 1]) ** remedy.ratio])
    each = []
    for _ in range(SEEDS):
        row_weight = drawn(rng, y, trains) if remedy.drawn else weight[:, y] * trains
        beta, information = fitted(x, y, row_weight, remedy.ridge)
        root = np.linalg.cholesky(np.linalg.inv(information))
        luck = 0.5 if remedy.products else 1.0  # many coefficients, each with its own
        each.append(beta + luck * np.einsum("fde,fe->fd", root, rng.normal(size=beta.shape)))
    return Trained(remedy, weight, np.stack(each))


def drawn(rng: np.random.Generator, y: np.ndarray, trains: np.ndarray) -> np.ndarray:
    """Give weight 1 (F, N) to the positives and to as many negatives, 0 to the rest."""
    weight = np.zeros(trains.shape)
    for f, of_fold in enumerate(trains):
        positives, negatives = (np.flatnonzero(of_fold & (y == k)) for k in (1, 0))
        weight[f, positives] = 1
        weight[f, rng.choice(negatives, len(positives), replace=False)] = 1
    return weight


def fitted(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, ridge: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a fold each; a pull to 0 of any strength is one of 1e-3 on fewer rows."""
    start = np.zeros((len(weight), x.shape[1]))
    beta, information = newton(x, y, weight * RIDGE / ridge, start)
    return beta, information * ridge / RIDGE


def record(rows: Rows, trained: Sequence[Trained]) -> Predictions:
    logit = np.stack(
        [np.einsum("rnd,nd->rn", t.beta[:, rows.fold], features(rows.x, t.remedy)) for t in trained]
    )
    p, n = expit(logit), len(rows.y)
    share = np.array([np.mean(rows.y[rows.fold != f]) for f in range(FOLDS)])
    return Predictions(
        row=np.arange(n),
        fold=rows.fold,
        y=rows.y,
        classes=(0, 1),
        settings=tuple(t.remedy.name for t in trained),
        kinds=tuple(t.remedy.kind for t in trained),
        seeds=tuple(range(SEEDS)),
        class_weight=np.stack([t.weight for t in trained]),
        prior=np.column_stack([1 - share, share]),
        probability=np.stack([1 - p, p], axis=-1),
        outcome=np.full((len(trained), SEEDS, FOLDS), "finished"),
        n_training=n,
        unit=rows.unit,
    )


def true_worth(
    world: World, decisions: Decisions, s: int, trained: Trained
) -> dict[str, np.ndarray]:
    """Give what each fold's models (F,) come to on new rows, in each currency."""
    x, posterior, _ = world.fresh
    objective = decisions.objective
    assert isinstance(objective, Costs)
    chances = np.stack([1 - posterior, posterior])
    found: dict[str, list[float]] = {currency: [] for currency in CURRENCIES}
    for f in range(FOLDS):
        p = trained.said(f, x)
        said = decisions.calibrated.maps[s][f](np.column_stack([1 - p, p]))
        decided = decisions.rules[s][f].decide(said, None)
        for currency, of_class in (
            ("cost", lambda k, d=decided: objective.row_loss(np.full(len(x), k), d)),
            ("calibration", lambda k, q=said: log_losses(np.full(len(x), k), q)),
        ):
            found[currency].append(sum(np.mean(chances[k] * of_class(k)) for k in (0, 1)))
        found["ranking"].append(true_precision(said[:, 1], chances))
    return {currency: np.array(of_folds) for currency, of_folds in found.items()}


def true_precision(said: np.ndarray, chances: np.ndarray) -> float:
    """Give average precision where each new row is either class by its chance."""
    _, place = np.unique(-said, return_inverse=True)  # ties are one step
    negatives, positives = (np.bincount(place, chance) for chance in chances)
    precision = positives.cumsum() / (positives + negatives).cumsum()
    return float(positives @ precision / positives.sum())


def true_gain(currency: str, mine: np.ndarray, twin: np.ndarray) -> float:
    if currency == "ranking":
        return float(100 * (mine - twin).mean())
    return float(100 * (1 - mine.sum() / twin.sum()))


# intervals to compare with


def alternatives(decisions: Decisions, s: int) -> dict[str, dict[str, Interval | None]]:
    """Give other intervals of what a setting gains, by currency."""
    p, two = decisions.predictions, decisions.probability[[s, 0]]
    precision = [ranked(AveragePrecision(), decisions.cases, said) for said in two]
    loss = [log_losses(decisions.cases.y, said) for said in two]
    every = np.ones(len(loss[0]))
    found: dict[str, dict[str, Interval | None]] = {"cost": {}, "calibration": {}}
    for name, (method, shared) in METHODS.items():
        how = {"shared": shared, "method": method}
        found["cost"][name] = compare(decisions, two, decisions.decided[[s, 0]], **how).interval
        found["calibration"][name] = compare_losses(decisions, *loss, stake=every, **how).interval
    return {**found, "ranking": {"t over folds": compare_scores(p, *precision).interval}}


METHODS: dict[str, tuple[Callable[[Paired], Interval | None], float]] = {
    "t over units": (partial(over_units, unseen=0.0), 1.0),
    "the same, variance doubled": (partial(over_units, unseen=0.0), 2.0),
    "t over folds": (over_folds, 1.0),
    "t over folds, Nadeau–Bengio": (nadeau_bengio, 1.0),
}


def print_world(answers: Sequence[Answer]) -> None:
    """Print the share of intervals that cover, and their mean width, by currency and remedy."""
    names = [remedy.name for remedy in REMEDIES[1:]]
    print(f"\n| currency | interval | {' | '.join(names)} |")
    print("|---|---|" + "---|" * len(names))
    for currency in CURRENCIES:
        kept = [[a for a in answers if (a.currency, a.remedy) == (currency, n)] for n in names]
        print_row(currency, "true gain", [f"{np.mean([a.truth for a in k]):+.1f}" for k in kept])
        claims = [np.mean([answer.says != ALIKE for answer in of_remedy]) for of_remedy in kept]
        print_row(currency, "better or worse is said", [f"{share:.3f}" for share in claims])
        for method in kept[0][0].intervals:
            print_row(currency, method, [covered(method, of_remedy) for of_remedy in kept])
    print(flush=True)


def print_row(currency: str, title: str, cells: Sequence[str]) -> None:
    print(f"| {currency} | {title} | {' | '.join(cells)} |")


def covered(method: str, answers: Sequence[Answer]) -> str:
    truth = np.array([answer.truth for answer in answers])
    low, high = np.array([answer.intervals[method] for answer in answers]).T
    return f"{np.mean((low <= truth) & (truth <= high)):.3f} ({np.mean(high - low):.1f})"
