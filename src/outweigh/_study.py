"""The study: split, plan lanes, train, gather, decide, compare, refit.

The trainer is an argument: anything with one method that turns chunks into predictions. So the
flow can be run with the engine, or with a closed form.

Letters: N rows, K classes, S settings, R seeds, F folds.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from outweigh._chunk import Chunk, Progress, Trained, default_batch_size
from outweigh._compare import Verdict, judge
from outweigh._errors import UsageError
from outweigh._features import Features, fit_features
from outweigh._operating import default_costs
from outweigh._predictions import Predictions
from outweigh._settings import TWIN, Setting
from outweigh._split import Split, stratified, validation_share, whole_batches
from outweigh._table import Table

FEWEST_VALIDATING = 10  # rows of the rarest class in the validation share, to stop by them
EPOCHS, EPOCHS_UNSTOPPED = 150, 30

Tell = Callable[[str, Progress], None]


class Trainer(Protocol):
    """What trains the lanes of chunks."""

    def train(
        self,
        chunks: Sequence[Chunk],
        *,
        keep_parameters: bool = False,
        tell: Callable[[Progress], None],
    ) -> list[Trained]:
        """Train each chunk's lanes on its training rows, and predict its held-out rows."""
        ...


@dataclass(frozen=True)
class Design:
    """How a study is made.

    Attributes
    ----------
    folds, seeds : int
    seed : int
        Of the split and the first lane; the others count up from it.
    test_size : float
        Share of the rows that is touched once, at the end.
    epochs : int or None
        At most; None: 150 with early stopping, 30 without.
    patience : int
        Epochs without improvement after which a lane stops; 0: never.
    batch_size : int or None
        None: about a sixteenth of the training rows, a power of 2 from 32 to 256.
    """

    folds: int = 5
    seeds: int = 5
    seed: int = 0
    test_size: float = 0.0
    epochs: int | None = None
    patience: int = 15
    batch_size: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("seeds", 1), ("seed", 0), ("patience", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"--{name} must be at least {least}; came {getattr(self, name)}")
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                option = name.replace("_", "-")
                raise UsageError(f"--{option} must be at least 1; came {value}")

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds of the lanes, (R,)."""
        return tuple(range(self.seed, self.seed + self.seeds))


@dataclass(frozen=True)
class Schedule:
    """How long lanes train, settled for the data at hand."""

    batch_size: int
    epochs: int
    patience: int  # 0: no early stopping

    @property
    def stops_early(self) -> bool:
        """Whether a validation share is taken out to stop by."""
        return self.patience > 0


@dataclass(frozen=True, eq=False)
class Final:
    """The chosen setting and its twin, refitted on every row that is not a test row."""

    settings: tuple[Setting, ...]  # the chosen one first
    class_weight: np.ndarray  # (S, K)
    features: Features
    trained: tuple[Trained, ...]  # one for each seed
    test: Predictions | None


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a study did and what came out of it."""

    table: Table
    split: Split
    settings: tuple[Setting, ...]
    costs: np.ndarray  # (K, K), true × decided
    costs_given: bool
    design: Design
    schedule: Schedule
    predictions: Predictions
    verdict: Verdict
    curves: tuple[Trained, ...]  # of all chunks, for their validation curves
    final: Final | None
    judged: str = "out-of-fold"
    seconds: dict[str, float] = field(default_factory=dict)


def run(
    table: Table,
    *,
    settings: tuple[Setting, ...],
    costs: np.ndarray | None,
    trainer: Trainer,
    design: Design,
    tell: Tell = lambda stage, progress: None,
) -> Evidence:
    """Weigh the settings against the twin.

    Parameters
    ----------
    table : Table
    settings : tuple of Setting
        The twin, ``none``, among them.
    costs : array of float, shape (K, K), or None
        None: the default costs at the prevalence of the rows that are not test rows.
    trainer : Trainer
    design : Design
    tell : callable
        Called with the stage, ``"folds"`` or ``"final"``, and its Progress.

    Returns
    -------
    evidence : Evidence
    """
    clock = Clock()
    split = stratified(table.y, folds=design.folds, test_size=design.test_size, seed=design.seed)
    costs_given = costs is not None
    if costs is None:
        costs = default_costs(np.bincount(np.delete(table.y, split.test)))
    parts = [fold.training for fold in split.folds]
    schedule = settle(table, parts, design)
    n_gradient = _n_gradient(parts, schedule)
    chunks = [
        chunk
        for f, fold in enumerate(split.folds)
        for chunk in _chunks(
            table, f, fold.training, fold.held_out, settings, design, schedule, n_gradient
        )[1]
    ]
    clock.lap("prepare")
    trained = trainer.train(chunks, tell=lambda progress: tell("folds", progress))
    clock.lap("folds")
    predictions = gather(table, settings, chunks, trained)
    verdict = judge(predictions, costs)
    clock.lap("judge")
    chosen = [s for s in settings if s.name == verdict.chosen]
    final = _refit(table, split, chosen[0], design, trainer, lambda p: tell("final", p))
    clock.lap("final")
    return Evidence(
        table=table,
        split=split,
        settings=settings,
        costs=costs,
        costs_given=costs_given,
        design=design,
        schedule=schedule,
        predictions=predictions,
        verdict=verdict,
        curves=tuple(trained),
        final=final,
        seconds=clock.rounded(),
    )


def settle(table: Table, parts: Sequence[np.ndarray], design: Design) -> Schedule:
    """Settle batch size and epochs for the training parts of all folds.

    Lanes stop early only where the validation share holds enough of the rarest class to stop by,
    and one batch at least is left for the gradient steps.
    """
    smallest = min(len(part) for part in parts)
    batch_size = design.batch_size or default_batch_size(smallest)
    stops = (
        design.patience > 0
        and batch_size < smallest / 2
        and _rarest_validating(table, parts, batch_size) >= FEWEST_VALIDATING
    )
    epochs = design.epochs or (EPOCHS if stops else EPOCHS_UNSTOPPED)
    return Schedule(min(batch_size, smallest), epochs, design.patience if stops else 0)


def gather(
    table: Table,
    settings: Sequence[Setting],
    chunks: Sequence[Chunk],
    trained: Sequence[Trained],
) -> Predictions:
    """Put what the lanes said about their held-out rows into one record."""
    seeds = tuple(dict.fromkeys(chunk.seed for chunk in chunks))
    folds = list({chunk.fold: chunk for chunk in chunks}.values())
    by_place = {(c.fold, c.seed): t for c, t in zip(chunks, trained, strict=True)}
    rows = np.concatenate([chunk.held_out for chunk in folds])
    probability = np.concatenate(
        [np.stack([by_place[c.fold, r].probability for r in seeds], axis=1) for c in folds], axis=2
    )
    outcome = np.stack(
        [np.stack([by_place[c.fold, r].outcome for r in seeds], axis=1) for c in folds], axis=2
    )
    return Predictions(
        row=rows,
        fold=np.repeat(np.arange(len(folds)), [len(chunk.held_out) for chunk in folds]),
        y=table.y[rows],
        classes=table.classes,
        settings=tuple(setting.name for setting in settings),
        seeds=seeds,
        class_weight=np.stack([chunk.class_weight for chunk in folds], axis=1),
        prior=np.stack([chunk.prior for chunk in folds]),
        probability=probability,
        outcome=outcome,
        n_training=len(table.y),
        row_weight=None if table.row_weight is None else table.row_weight[rows],
    )


def _rarest_validating(table: Table, parts: Sequence[np.ndarray], batch_size: int) -> int:
    """Count the rows of the rarest class that every validation share is sure to hold."""
    n_gradient = whole_batches(min(len(part) for part in parts), batch_size=batch_size)
    return min(
        int(np.bincount(table.y[part], minlength=len(table.classes)).min())
        * (len(part) - n_gradient)
        // len(part)
        for part in parts
    )


def _n_gradient(parts: Sequence[np.ndarray], schedule: Schedule) -> int | None:
    """Give the one number of rows for gradient steps, so that one program serves all folds."""
    if not schedule.stops_early:
        return None
    return whole_batches(min(len(part) for part in parts), batch_size=schedule.batch_size)


def _chunks(
    table: Table,
    fold: int,
    training: np.ndarray,
    held_out: np.ndarray,
    settings: Sequence[Setting],
    design: Design,
    schedule: Schedule,
    n_gradient: int | None,
) -> tuple[Features, list[Chunk]]:
    """Plan a fold: one chunk for each seed, its preprocessing fitted on the training rows."""
    features = fit_features(table, training)
    x = features.transform(table.columns)
    counts = np.bincount(table.y[training], minlength=len(table.classes))
    class_weight = np.stack([s.class_weight(counts, table.classes) for s in settings])
    chunks = []
    for seed in design.all_seeds:
        gradient, validation = training, training[:0]
        if n_gradient is not None:
            gradient, validation = validation_share(
                table.y, training, n_gradient=n_gradient, seed=seed
            )
        chunks.append(
            Chunk(
                fold=fold,
                seed=seed,
                x=x,
                y=table.y,
                row_weight=table.row_weight,
                class_weight=class_weight,
                prior=counts / counts.sum(),
                training=gradient,
                validation=validation,
                held_out=held_out,
                batch_size=schedule.batch_size,
                epochs=schedule.epochs,
                patience=schedule.patience,
            )
        )
    return features, chunks


def _refit(
    table: Table,
    split: Split,
    chosen: Setting,
    design: Design,
    trainer: Trainer,
    tell: Callable[[Progress], None],
) -> Final:
    """Train the chosen setting on every row that is not a test row, with as many seeds.

    The twin comes along where there are test rows to compare them on.
    """
    training = np.setdiff1d(np.arange(len(table.y)), split.test)
    with_twin = len(split.test) > 0 and chosen != TWIN
    settings = (chosen, TWIN) if with_twin else (chosen,)
    schedule = settle(table, [training], design)
    n_gradient = _n_gradient([training], schedule)
    features, chunks = _chunks(
        table, 0, training, split.test, settings, design, schedule, n_gradient
    )
    trained = trainer.train(chunks, keep_parameters=True, tell=tell)
    test = gather(table, settings, chunks, trained) if len(split.test) else None
    return Final(settings, chunks[0].class_weight, features, tuple(trained), test)


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """End a stage, and begin the next one."""
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now

    def rounded(self) -> dict[str, float]:
        """Give the seconds to the millisecond, and their total."""
        rounded = {stage: round(spent, 3) for stage, spent in self.seconds.items()}
        return rounded | {"total": round(sum(self.seconds.values()), 3)}
