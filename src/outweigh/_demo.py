"""The demo: a well-known tutorial on class weights, made honest.

The tutorial draws 100,000 rows with 1 % positives, trains one network without weights, another
one with balanced weights and with 1:200, and reports recall 0, 0.56 and 0.98. It says that the
weight did it, while a hidden layer was dropped on the way; it trains one seed; and it does not
say how many cases are flagged. Here both networks train with 64 ratios and five seeds, the share
flagged stands beside each recall, and the known generating process tells how good any rule can be.

Letters: N rows, S settings, R seeds, B blocks of judged rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy import stats
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, classification_report, roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.utils.random import sample_without_replacement

from outweigh._chunk import COLLAPSED, Chunk, Progress, Trained
from outweigh._compare import judge
from outweigh._costs import by_default
from outweigh._decisions import Decisions, decide_all
from outweigh._deployment import AS_TRAINED
from outweigh._network import Build, keras_on_jax
from outweigh._predictions import Predictions
from outweigh._record import (
    SCHEMA,
    about,
    chosen_record,
    counted_record,
    curves_record,
    data_record,
    environment,
    findings_record,
    objective_record,
    settings_record,
    thresholds_record,
    verdict_record,
)
from outweigh._scored import Record
from outweigh._settings import TWIN, Setting
from outweigh._split import Fold
from outweigh._study import Clock, gather
from outweigh._table import Table, from_arrays
from outweigh._weights import Fixed, Power, Ratio

TUTORIAL: dict[str, Any] = {
    "n_samples": 100_000,
    "n_features": 2,
    "n_informative": 2,
    "n_redundant": 0,
    "n_repeated": 0,
    "n_classes": 2,
    "n_clusters_per_class": 1,
    "weights": [0.995, 0.005],
    "class_sep": 0.5,
    "random_state": 0,
}
REDRAWN = 0.01  # share of labels that make_classification draws anew, its default flip_y
EPOCHS, QUICK_EPOCHS, BATCH_SIZE = 50, 3, 100
SEEDS = (0, 1, 2, 3, 4)
RATIOS, LARGEST = 64, 200
BLOCKS = 5  # of test rows: the setting is chosen on four of them and judged on the fifth

MANUAL = Setting("weights:0=1|1=200", Fixed(((0, 1.0), (1, 200.0))))
CLAIMED = {"baseline": 0.0, "balanced": 0.56, "manual 1:200": 0.98}  # recall, as published

Tell = Callable[[str, Progress], None]


def two_layers(n_features: int, n_outputs: int) -> Any:
    """Build the tutorial's baseline network, 2-2-1."""
    return _network(n_features, n_outputs, hidden=2)


def one_layer(n_features: int, n_outputs: int) -> Any:
    """Build the network that the tutorial trains with weights, 2-1."""
    return _network(n_features, n_outputs, hidden=1)


NETWORKS: dict[str, Build] = {"2-2-1": two_layers, "2-1": one_layer}


@dataclass(frozen=True, eq=False)
class Demo:
    """What the demo found: its numbers, and the decisions of the baseline network."""

    results: Record
    decisions: Decisions


def run_demo(*, quick: bool = False, tell: Tell = lambda stage, progress: None) -> Demo:
    """Train the tutorial's networks with every weight at once.

    Parameters
    ----------
    quick : bool
        Train 3 epochs instead of the tutorial's 50.
    tell : callable
        Called with the network's name and its Progress.

    Returns
    -------
    demo : Demo
        Its study is that of the baseline network.
    """
    clock = Clock()
    X, y = make_classification(**TUTORIAL)
    table = from_arrays(X, y, positive=1)
    training, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=42)
    settings = (*ratios(np.bincount(y[training])), MANUAL)
    clock.lap("data")
    epochs = QUICK_EPOCHS if quick else EPOCHS
    said = {}
    for name, build in NETWORKS.items():
        from outweigh._lanes import KerasTrainer  # late: JAX and Keras load only to train

        chunks = _chunks(table, training, test, settings, epochs)
        trained = KerasTrainer(build).train(chunks, tell=partial(tell, name))
        said[name] = in_blocks(_gathered(table, settings, chunks, trained))
        clock.lap(f"train {name}")
    objective = by_default(np.bincount(table.y[training]), table.classes)
    decided = {name: decide_all(p, objective) for name, p in said.items()}
    results = _results(table, training, test, settings, decided, epochs)
    clock.lap("judge")
    results["timing"] = {"seconds": clock.rounded()}
    return Demo(results, decided["2-2-1"])


def ratios(counts: np.ndarray) -> tuple[Setting, ...]:
    """Give 64 ratios from 1 to 200, evenly on the log scale; the nearest one becomes balanced.

    Examples
    --------
    >>> [setting.name for setting in ratios(np.array([79183, 817]))[::21]]
    ['none', 'ratio:5.848', 'ratio:34.2', 'ratio:200']
    """
    values = np.geomspace(1, LARGEST, RATIOS)
    nearest = np.abs(np.log(values * counts[1] / counts[0])).argmin()
    settings = [Setting(f"ratio:{value:.4g}", Ratio(float(value))) for value in values]
    settings[nearest] = Setting("balanced", Power(1.0))
    return (TWIN, *settings[1:])


def bayes_posterior(X: np.ndarray, *, exact: bool = False) -> np.ndarray:
    """Give the true probability of a positive at each row of the tutorial's data.

    ``make_classification`` draws 99,500 and 500 points from two Gaussians, N(0, I) A_k + c_k, and
    then redraws 1 % of the labels at random, half of them to each class.

    Parameters
    ----------
    X : array of float, shape (N, 2)
        Rows of ``make_classification(**TUTORIAL)``.
    exact : bool
        Whether to use A_k and c_k themselves, or the moments of the points drawn. The two differ
        since 500 points are few.

    Returns
    -------
    posterior : array of float, shape (N,)

    Raises
    ------
    RuntimeError
        When scikit-learn's generator draws in another way than it did.
    """
    drawn, _ = make_classification(**TUTORIAL, shuffle=False)
    if not np.allclose(np.sort(X[:, 0]), np.sort(drawn[:, 0])):
        X = X[:, ::-1]  # shuffling swapped the columns
    n_first = round(TUTORIAL["n_samples"] * TUTORIAL["weights"][0])
    moments = _moments_of_generator if exact else _moments_of_points
    first, second = (
        share * stats.multivariate_normal(*moments(drawn, rows)).pdf(X)
        for rows, share in zip(
            (slice(0, n_first), slice(n_first, None)), TUTORIAL["weights"], strict=True
        )
    )
    return np.asarray((1 - REDRAWN) * second / (first + second) + REDRAWN / 2)


def in_blocks(predictions: Predictions) -> Predictions:
    """Divide the rows of one split into blocks, to choose on some and judge on another."""
    splitter = StratifiedKFold(BLOCKS, shuffle=True, random_state=0)
    block = np.empty(len(predictions.y), dtype=int)
    for b, (_, rows) in enumerate(splitter.split(block, predictions.y)):
        block[rows] = b
    return replace(
        predictions,
        fold=block,
        class_weight=np.repeat(predictions.class_weight, BLOCKS, axis=1),
        prior=np.repeat(predictions.prior, BLOCKS, axis=0),
        outcome=np.repeat(predictions.outcome, BLOCKS, axis=2),
        repeat=None,
    )


def _network(n_features: int, n_outputs: int, *, hidden: int) -> Any:
    keras = keras_on_jax()
    layers = [keras.layers.Dense(2, activation="relu") for _ in range(hidden)]
    output = keras.layers.Dense(n_outputs, activation="sigmoid")
    model = keras.Sequential([keras.Input((n_features,)), *layers, output])
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model


def _chunks(
    table: Table,
    training: np.ndarray,
    test: np.ndarray,
    settings: tuple[Setting, ...],
    epochs: int,
) -> list[Chunk]:
    """Plan the tutorial's training: its features as they are, its epochs, no early stopping."""
    counts = np.bincount(table.y[training])
    class_weight = np.stack([s.class_weight(counts, table.classes) for s in settings])
    return [
        Chunk(
            fold=0,
            seed=seed,
            x=table.columns.numbers.astype("float32"),
            y=table.y,
            row_weight=None,
            class_weight=class_weight,
            prior=counts / counts.sum(),
            training=training,
            validation=training[:0],
            held_out=test,
            batch_size=BATCH_SIZE,
            epochs=epochs,
            patience=0,
        )
        for seed in SEEDS
    ]


def _gathered(
    table: Table,
    settings: tuple[Setting, ...],
    chunks: list[Chunk],
    trained: list[Trained | None],
) -> Predictions:
    """Put what the lanes said about the test rows into one record, as of one fold."""
    one = chunks[0]
    return gather(
        table,
        settings,
        [Fold(one.training, one.held_out)],
        [[lanes for lanes in trained if lanes is not None]],
        seeds=[chunk.seed for chunk in chunks],
        class_weight=one.class_weight[:, None],
        prior=one.prior[None],
    )


def _results(
    table: Table,
    training: np.ndarray,
    test: np.ndarray,
    settings: tuple[Setting, ...],
    decided: dict[str, Decisions],
    epochs: int,
) -> Record:
    """Give the record of the baseline network's study, and what the demo adds to it."""
    baseline = decided["2-2-1"]
    verdict = judge(baseline)
    taught = table.take(training)
    scored = settings_record(baseline, [about(setting, taught) for setting in settings])
    shown = ("none", "balanced", verdict.best, verdict.chosen)
    posterior = bayes_posterior(table.columns.numbers)[test]
    data = data_record(table, training, test)
    return {
        "outweigh": environment()["outweigh"],
        "schema": SCHEMA,
        "data": data | {"source": "the tutorial's make_classification data", "target": "y"},
        "objective": objective_record(
            baseline.objective, table.classes, given=False, deployment=AS_TRAINED
        ),
        "design": {
            "folds": BLOCKS,
            "seeds": list(SEEDS),
            "judged": f"test rows of one split, in {BLOCKS} blocks",
            "epochs": epochs,
            "patience": 0,
            "batch_size": BATCH_SIZE,
            "lanes": len(settings) * len(SEEDS) * len(decided),
            "network": "the tutorial's: 2-2-1 (the study) and 2-1, ReLU, sigmoid",
            "optimizer": "Adam",
        },
        "settings": scored,
        "chosen": chosen_record(verdict, scored, objective=baseline.objective),
        "verdict": verdict_record(verdict),
        "thresholds": thresholds_record(baseline, verdict.chosen),
        "curves": curves_record(baseline, shown),
        **counted_record(baseline, shown),
        "per_class": None,
        "segments": [],
        "history": {},
        "test": None,
        **findings_record(()),
        "environment": environment(),
        "tutorial": _tutorial(decided, settings, table, training),
        "bayes_limit": {
            **_limit(table.y[test], posterior),
            "gaussians": "with the moments of the points drawn",
            "exact": _limit(
                table.y[test], bayes_posterior(table.columns.numbers, exact=True)[test]
            ),
        },
        "demo": {
            "networks": [_by_ratio(name, d) for name, d in decided.items()],
            "bayes": _bayes_by_ratio(posterior, table.y[test]),
        },
    }


def _tutorial(
    decided: dict[str, Decisions],
    settings: tuple[Setting, ...],
    table: Table,
    training: np.ndarray,
) -> list[Record]:
    """Repeat the tutorial's three reports, flagged where p > 0.5."""
    by_name = {s.name: s for s in settings}
    runs = (("baseline", "2-2-1", TWIN), ("balanced", "2-1", by_name["balanced"]))
    counts = np.bincount(table.y[training])
    return [
        {
            "name": f"{name} ({network})",
            "class_weight": None
            if setting == TWIN
            else dict(zip("01", setting.class_weight(counts, (0, 1)).tolist(), strict=True)),
            "claimed_recall": CLAIMED[name],
            **_report(decided[network].predictions, settings.index(setting)),
        }
        for name, network, setting in (*runs, ("manual 1:200", "2-1", MANUAL))
    ]


def _report(predictions: Predictions, s: int) -> Record:
    """Give the report of the seed with the median recall, and every seed's recall beside it."""
    flagged = predictions.probability[s, :, :, 1] > 0.5  # (R, N)
    recall = flagged[:, predictions.y == 1].mean(axis=1)
    typical = int(np.argsort(recall, kind="stable")[len(recall) // 2])
    report = classification_report(
        predictions.y, flagged[typical].astype(int), output_dict=True, zero_division=0
    )
    return {
        "report": report,
        "flagged_share": float(flagged[typical].mean()),
        "seed": predictions.seeds[typical],
        "recall_by_seed": recall.tolist(),
    }


def _limit(y: np.ndarray, posterior: np.ndarray) -> Record:
    return {
        "roc_auc": float(roc_auc_score(y, posterior)),
        "average_precision": float(average_precision_score(y, posterior)),
    }


def _by_ratio(name: str, decisions: Decisions) -> Record:
    """Give recall and flagged share at p > 0.5 for each seed and ratio, and count collapses."""
    verdict, predictions = judge(decisions), decisions.predictions
    flagged = predictions.probability[:-1, :, :, 1] > 0.5  # all but the tutorial's own 1:200
    positive = predictions.y == 1
    weight = predictions.class_weight[:-1, 0]
    collapsed = (predictions.outcome[:-1, :, 0] == COLLAPSED).sum(axis=1)
    return {
        "name": name,
        "ratios": (weight[:, 1] / weight[:, 0]).tolist(),
        "recall": flagged[:, :, positive].mean(axis=2).T.tolist(),
        "flagged_share": flagged.mean(axis=2).T.tolist(),
        "collapsed": collapsed.tolist(),
        "seeds": len(predictions.seeds),
        "verdict": verdict_record(verdict),
    }


def _bayes_by_ratio(posterior: np.ndarray, y: np.ndarray) -> Record:
    """Give what the best possible rule does under each ratio: flag where r × odds exceeds 1."""
    values = np.geomspace(1, LARGEST, RATIOS)
    flagged = posterior > 1 / (1 + values[:, None])
    return {
        "ratio": values.tolist(),
        "recall": flagged[:, y == 1].mean(axis=1).tolist(),
        "flagged_share": flagged.mean(axis=1).tolist(),
    }


def _moments_of_points(drawn: np.ndarray, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    return drawn[rows].mean(axis=0), np.cov(drawn[rows].T)


def _moments_of_generator(drawn: np.ndarray, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    """Repeat the generator's draws of N(0, I), and solve for A and c: there is no residual."""
    rng = np.random.RandomState(TUTORIAL["random_state"])
    sample_without_replacement(4, 2, random_state=rng)  # the corners of its hypercube
    z = np.column_stack([rng.standard_normal(drawn.shape), np.ones(len(drawn))])[rows]
    solution, *_ = np.linalg.lstsq(z, drawn[rows], rcond=None)
    if not np.allclose(z @ solution, drawn[rows], atol=1e-8):
        raise RuntimeError(
            "make_classification no longer draws as it did: its Gaussians are not known."
        )
    return solution[-1], solution[:-1].T @ solution[:-1]
