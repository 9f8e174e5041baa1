"""The plan: which lanes train on which rows, for how long, and with what class weights.

It is settled before anything trains, from the table, the split and the design alone. Workers,
waves and the machine have no say in it, so that they cannot change a result.

Letters: N rows, K classes, S settings, R seeds, F folds, D features.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from outweigh._chunk import Chunk, Curves, default_batch_size
from outweigh._cohorts import Cohort, cohorts_of, visited
from outweigh._errors import UsageError
from outweigh._features import Features, fit_features
from outweigh._groups import duplicate_groups
from outweigh._settings import Setting
from outweigh._shapes import Shape
from outweigh._split import Fold, Split, divide
from outweigh._table import Table
from outweigh._validation import validation_share, whole_batches

FEWEST_VALIDATING = 10  # rows outside the most frequent class that lanes may be stopped by
VALIDATING = 0.15  # share of the training rows that stops lanes
ALIKE = 1.1  # training parts that differ by less get as many gradient rows: one program for all
MADE = 2  # times the training rows that a sampler makes of two classes
WATCHED = Curves._fields
EPOCHS, EPOCHS_UNSTOPPED = 150, 30


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
    watch : str
        The validation log loss that has to improve: ``undone``, ``raw`` or ``weighted``.
    batch_size : int or None
        None: about a sixteenth of the training rows, a power of 2 from 32 to 256.
    repeats : int
        How often the split is made anew.
    duplicates_together : bool
        Whether rows that are equal in every feature stay in one fold.
    time_limit : float or None
        Minutes; what is finished by then is judged.
    """

    folds: int = 5
    seeds: int = 5
    seed: int = 0
    test_size: float = 0.0
    epochs: int | None = None
    patience: int = 15
    watch: str = "undone"
    batch_size: int | None = None
    repeats: int = 1
    duplicates_together: bool = False
    time_limit: float | None = None

    def __post_init__(self) -> None:
        for name, least in (("seeds", 1), ("repeats", 1), ("seed", 0), ("patience", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"--{name} must be at least {least}; came {getattr(self, name)}")
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                option = name.replace("_", "-")
                raise UsageError(f"--{option} must be at least 1; came {value}")
        if self.watch not in WATCHED:
            raise UsageError(
                f"--watch must be one of {', '.join(WATCHED)}; came {self.watch!r}: undone is usual"
            )
        if self.time_limit is not None and not self.time_limit > 0:
            raise UsageError(
                f"--time-limit must be above 0 minutes; came {self.time_limit}: leave it out, or "
                "allow more"
            )

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
    watch: str = "undone"  # the validation curve that stops a lane

    @property
    def stops_early(self) -> bool:
        """Whether a validation share is taken out to stop by."""
        return self.patience > 0


@dataclass(frozen=True, eq=False)
class Part:
    """A fold made ready: what its training rows taught, and what every setting makes of them."""

    number: int
    fold: Fold
    features: Features
    class_weight: np.ndarray  # (S, K)
    shape: Shape  # of the settings' losses, (S, ...)
    prior: np.ndarray  # (K,) class shares of the training rows
    n_gradient: int  # training rows for gradient steps; all of them where no lane stops early


class Job(NamedTuple):
    """One chunk to be: a cohort with one seed in one part."""

    part: int
    seed: int
    cohort: Cohort


@dataclass(frozen=True, eq=False)
class Plan:
    """Parts and how they train."""

    table: Table
    settings: tuple[Setting, ...]
    parts: tuple[Part, ...]
    schedule: Schedule
    seeds: tuple[int, ...]

    @property
    def n_features(self) -> int:
        """D, the same for every part: those with fewer features are filled up with zeros."""
        return max(len(part.features.names) for part in self.parts)

    @property
    def cohorts(self) -> tuple[Cohort, ...]:
        """The settings, as they train together."""
        return cohorts_of(self.settings)

    @property
    def x_bytes(self) -> int:
        """Bytes of one part's features, and of the rows that samplers make of them."""
        n_made = len(self.seeds) * sum(cohort.sampler is not None for cohort in self.cohorts)
        return 4 * len(self.table.y) * self.n_features * (1 + MADE * n_made)

    def jobs(self, numbers: Sequence[int]) -> Iterator[Job]:
        """Give the jobs of some parts, seed by seed: a whole seed is judged before the next."""
        for seed in self.seeds:
            for cohort in self.cohorts:
                for n in numbers:
                    yield Job(n, seed, cohort)

    def x(self, n: int) -> np.ndarray:
        """Give the features (N, D) of all rows, as a part's training rows say."""
        part = self.parts[n]
        x = part.features.transform(self.table.columns)
        missing = self.n_features - x.shape[1]
        return np.pad(x, ((0, 0), (0, missing))) if missing else x

    def chunk(self, job: Job, x: np.ndarray) -> tuple[Chunk, np.ndarray]:
        """Give a job's chunk, of the features x of its part; how frequent classes are in it, (K,).

        Raises
        ------
        SettingError
            When the cohort's sampler cannot serve its rows.
        """
        part, settings = self.parts[job.part], list(job.cohort.settings)
        chunk = self._given(part, job.seed, x)
        chunk = replace(chunk, class_weight=chunk.class_weight[settings])
        if job.cohort.bends:
            shape = Shape(*(values[settings] for values in part.shape))
            chunk = replace(chunk, shape=shape, start=self._starts(settings))
        return visited(chunk, job.cohort, one_hot=part.features.one_hot)

    def _starts(self, settings: Sequence[int]) -> np.ndarray | None:
        """Give the epochs that settings' class weights wait; None where none does."""
        shares = np.array([self.settings[s].deferred for s in settings])
        if not shares.any():
            return None
        waits: np.ndarray = np.rint(shares * self.schedule.epochs).astype(int)
        return waits.clip(max=self.schedule.epochs - 1)  # in the last one they act, whatever else

    def _given(self, part: Part, seed: int, x: np.ndarray) -> Chunk:
        """Give the chunk of all settings, on the rows that they are given."""
        gradient, validation = part.fold.training, part.fold.training[:0]
        if self.schedule.stops_early:
            gradient, validation = validation_share(
                self.table.y,
                part.fold.training,
                n_gradient=part.n_gradient,
                seed=seed,
                group=self.table.group,
            )
        return Chunk(
            fold=part.number,
            seed=seed,
            x=x,
            y=self.table.y,
            row_weight=self.table.row_weight,
            class_weight=part.class_weight,
            prior=part.prior,
            training=gradient,
            validation=validation,
            held_out=part.fold.held_out,
            batch_size=self.schedule.batch_size,
            epochs=self.schedule.epochs,
            patience=self.schedule.patience,
            watch=self.schedule.watch,
        )


def split(
    table: Table,
    design: Design,
    test: np.ndarray | None = None,
    folds: Sequence[Fold] | None = None,
) -> tuple[Table, Split]:
    """Divide a table's rows; the table comes back with the groups that were kept together.

    Where folds are given, there is nothing to divide.
    """
    table = replace(table, group=group_of(table, design))
    if folds is not None:
        return table, Split(tuple(folds), test=np.zeros(0, dtype=np.int64))
    divided = divide(
        table.y,
        folds=design.folds,
        repeats=design.repeats,
        test_size=design.test_size,
        seed=design.seed,
        group=table.group,
        time=table.time,
        test=test,
    )
    return table, divided


def group_of(table: Table, design: Design) -> np.ndarray | None:
    """Give the groups (N,) that stay on one side of every cut, None where there are none."""
    if design.duplicates_together:
        return duplicate_groups(table.columns.comparable(), table.group)
    return table.group


def plan(
    table: Table, folds: Sequence[Fold], settings: tuple[Setting, ...], design: Design
) -> Plan:
    """Plan the lanes of some folds.

    Parameters
    ----------
    table : Table
    folds : sequence of Fold
    settings : tuple of Setting
    design : Design

    Returns
    -------
    plan : Plan
        One part for each fold; preprocessing, class weights and priors come from its training rows.
    """
    schedule = settle(table, [fold.training for fold in folds], design)
    smallest = min(len(fold.training) for fold in folds)
    parts = tuple(
        _part(table, number, fold, settings, schedule, smallest)
        for number, fold in enumerate(folds)
    )
    return Plan(table, settings, parts, schedule, design.all_seeds)


def settle(table: Table, trainings: Sequence[np.ndarray], design: Design) -> Schedule:
    """Settle batch size and epochs for the training parts of all folds.

    Lanes stop early only where the validation share holds enough rows outside the most frequent
    class to stop by, and one batch at least is left for the gradient steps.
    """
    smallest = min(len(rows) for rows in trainings)
    batch_size = design.batch_size or default_batch_size(smallest)
    stops = (
        design.patience > 0
        and batch_size < smallest / 2
        and min(_validating(table.y[rows], batch_size) for rows in trainings) >= FEWEST_VALIDATING
    )
    epochs = design.epochs or (EPOCHS if stops else EPOCHS_UNSTOPPED)
    patience = design.patience if stops else 0
    return Schedule(min(batch_size, smallest), epochs, patience, design.watch)


def _part(
    table: Table,
    number: int,
    fold: Fold,
    settings: Sequence[Setting],
    schedule: Schedule,
    smallest: int,
) -> Part:
    n = len(fold.training)
    counts = np.bincount(table.y[fold.training], minlength=len(table.classes))
    n_gradient = n
    if schedule.stops_early:
        alike = smallest if n <= ALIKE * smallest else n
        n_gradient = whole_batches(alike, batch_size=schedule.batch_size, share=VALIDATING)
    shapes = [setting.loss.shape(counts) for setting in settings]
    return Part(
        number=number,
        fold=fold,
        features=fit_features(table.columns, fold.training),
        class_weight=np.stack([s.class_weight(counts, table.classes) for s in settings]),
        shape=Shape(*map(np.stack, zip(*shapes, strict=True))),
        prior=counts / counts.sum(),
        n_gradient=n_gradient,
    )


def _validating(y: np.ndarray, batch_size: int) -> int:
    """Count the rows outside the most frequent class that a validation share is sure to hold."""
    counts = np.bincount(y)
    n_gradient = whole_batches(len(y), batch_size=batch_size, share=VALIDATING)
    return int((counts.sum() - counts.max()) * (len(y) - n_gradient) // len(y))
