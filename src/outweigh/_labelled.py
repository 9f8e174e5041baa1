"""Several yes/no targets: one network with an output for each, and a study of each.

The networks learn all labels at once; each label has class weights of its own, and its own
predictions, repair, threshold and verdict, as if it had been alone. Rows are dealt to folds so that
every combination of labels that is frequent enough has its share in each.

Letters: N rows, T labels, S settings, R seeds, F folds.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outweigh._chunk import Chunk, Progress, Trained
from outweigh._compare import judge
from outweigh._costs import by_default
from outweigh._decisions import decide_all
from outweigh._deployment import Deployment
from outweigh._errors import UsageError
from outweigh._objective import Objective
from outweigh._plan import Design, Plan, group_of, plan, split
from outweigh._predictions import WEIGHTS, Predictions
from outweigh._settings import TWIN, Setting
from outweigh._shapes import Shape
from outweigh._split import Fold, Split
from outweigh._study import FOLDS_SHARE, Clock, Evidence, Final, Tell, check_world, gather
from outweigh._table import Table
from outweigh._training import Trainer, finished, part_of, waves

ByFold = dict[tuple[int, int], Trained]  # and by seed; probability (S, m, T, 2)


@dataclass(frozen=True, eq=False)
class _Joint:
    """A plan of rows and schedules, and what every label's weights are in it."""

    planned: Plan
    labels: NDArray[np.int64]  # (N, T)
    class_weight: tuple[NDArray[np.float64], ...]  # of each fold, (S, T, 2)
    prior: tuple[NDArray[np.float64], ...]  # (T, 2)

    def chunks(self, numbers: Sequence[int]) -> Iterator[Chunk]:
        """Give the chunks of some folds, with all labels."""
        x = {n: self.planned.x(n) for n in numbers}
        for job in self.planned.jobs(numbers):
            chunk, _ = self.planned.chunk(job, x[job.part])
            weight, prior = self.class_weight[job.part], self.prior[job.part]
            yield replace(chunk, y=self.labels, class_weight=weight, prior=prior)


def run_labels(
    tables: Mapping[Any, Table],
    *,
    settings: tuple[Setting, ...],
    objectives: Mapping[Any, Objective | None],
    deployment: Deployment,
    trainer: Trainer,
    design: Design,
    tell: Tell,
) -> dict[Any, Evidence]:
    """Weigh the settings against the twin, for each label.

    Parameters
    ----------
    tables : mapping of label → Table
        The same rows, each with the two classes of one label.
    settings : tuple of Setting
        Class weights only; the twin, ``none``, among them.
    objectives : mapping of label → Objective or None
    deployment : Deployment
    trainer : Trainer
    design : Design
    tell : callable

    Returns
    -------
    evidence : dict of label → Evidence
    """
    _check(tables, settings)
    clock = Clock(design.time_limit)
    group = group_of(next(iter(tables.values())), design)
    tables = {name: replace(table, group=group) for name, table in tables.items()}
    base, divided = split(_combined(tables, design), replace(design, duplicates_together=False))
    for table in tables.values():
        check_world(deployment, table, divided.folds)
    joint = _joint(base, divided.folds, settings, tables, design)
    clock.lap("prepare")
    told = lambda progress: tell("folds", progress)
    results = _train(joint, trainer, clock.until(FOLDS_SHARE), told)
    folds, seeds = finished(results, len(divided.folds), joint.planned.seeds)
    clock.lap("folds")
    judged = []
    for t, (name, table) in enumerate(tables.items()):
        counts = np.bincount(table.y[divided.rest], minlength=2)
        objective = objectives[name] or by_default(counts, table.classes)
        predictions = _predictions(joint, results, folds, seeds, table, settings, t)
        world = deployment.factor(predictions.shares)
        decisions = decide_all(predictions, objective, factor=world)
        judged.append((decisions, judge(decisions)))
    clock.lap("judge")
    chosen = [_named(settings, verdict.chosen) for _, verdict in judged]
    design_of_final = replace(design, seeds=len(seeds))
    finals = _refit(base, divided, chosen, tables, design_of_final, trainer, clock, tell)
    clock.lap("final")
    return {
        name: Evidence(
            table=tables[name],
            split=divided,
            settings=settings,
            objective=decisions.objective,
            objective_given=objectives[name] is not None,
            deployment=deployment,
            design=design,
            schedule=joint.planned.schedule,
            decisions=decisions,
            verdict=verdict,
            curves=tuple(_of_label(results[f, seed], t) for f in folds for seed in seeds),
            failures=(),
            final=finals[t],
            seconds=clock.rounded(),
        )
        for t, (name, (decisions, verdict)) in enumerate(zip(tables, judged, strict=True))
    }


def _predictions(
    joint: _Joint,
    results: ByFold,
    folds: Sequence[int],
    seeds: Sequence[int],
    table: Table,
    settings: Sequence[Setting],
    t: int,
) -> Predictions:
    """Gather what the lanes said of one label."""
    return gather(
        table,
        settings,
        [joint.planned.parts[f].fold for f in folds],
        [[_of_label(results[f, seed], t) for seed in seeds] for f in folds],
        seeds=seeds,
        class_weight=np.stack([joint.class_weight[f][:, t] for f in folds], axis=1),
        prior=np.stack([joint.prior[f][t] for f in folds]),
    )


def _named(settings: Sequence[Setting], name: str) -> Setting:
    return next(setting for setting in settings if setting.name == name)


def _check(tables: Mapping[Any, Table], settings: Sequence[Setting]) -> None:
    for name, table in tables.items():
        if len(table.classes) != 2:
            raise UsageError(
                f"each label must have two classes, yes and no; {name!r} has "
                f"{len(table.classes)}: weigh it by itself"
            )
    if others := [setting.name for setting in settings if setting.kind != WEIGHTS]:
        raise UsageError(
            f"settings of several labels must be class weights; came {others[0]!r}: weigh each "
            "label by itself"
        )


def _combined(tables: Mapping[Any, Table], design: Design) -> Table:
    """Give a table whose classes are the combinations of labels, the rare ones taken together.

    A combination in fewer rows or groups than there are parts cannot have its share in each, and
    such rows must be judged all the same. Where even together they are too few, they are counted
    among the most frequent combination. Blocks of time cannot be chosen so as to hold them all:
    there, and where no combination is frequent, the rarest label alone counts.
    """
    first = next(iter(tables.values()))
    rarest = min((t.y for t in tables.values()), key=lambda y: np.bincount(y).min())
    if first.time is not None:
        return replace(first, y=rarest, classes=(0, 1))
    _, y = np.unique(_labels(tables), axis=0, return_inverse=True)
    y = y.reshape(-1)
    unit = np.arange(len(y)) if first.group is None else first.group
    parts = design.folds + (design.test_size > 0)
    size = np.bincount(np.unique(np.stack([y, unit]), axis=1)[0])
    rest = len(size)
    y = np.where(size[y] < parts, rest, y)
    if len(np.unique(unit[y == rest])) < parts:
        y[y == rest] = np.bincount(y).argmax()
    kept, y = np.unique(y, return_inverse=True)
    if len(kept) < 2:
        return replace(first, y=rarest, classes=(0, 1))
    return replace(first, y=y.astype(np.int64), classes=tuple(range(len(kept))))


def _labels(tables: Mapping[Any, Table]) -> NDArray[np.int64]:
    return np.stack([table.y for table in tables.values()], axis=1)


def _joint(
    base: Table,
    folds: Sequence[Fold],
    settings: Sequence[Setting],
    tables: Mapping[Any, Table],
    design: Design,
) -> _Joint:
    labels, weights, priors = _labels(tables), [], []
    for fold in folds:
        counts = [np.bincount(t.y[fold.training], minlength=2) for t in tables.values()]
        of_labels = list(zip(counts, tables.values(), strict=True))
        weights.append(
            np.stack([[s.class_weight(n, t.classes) for n, t in of_labels] for s in settings])
        )
        priors.append(np.stack([n / n.sum() for n in counts]))
    return _Joint(plan(base, folds, (TWIN,), design), labels, tuple(weights), tuple(priors))


def _train(
    joint: _Joint,
    trainer: Trainer,
    until: float,
    tell: Callable[[Progress], None],
    *,
    keep_parameters: bool = False,
) -> ByFold:
    planned = joint.planned
    results: ByFold = {}
    parts = list(waves(len(planned.parts), planned.x_bytes))
    for i, numbers in enumerate(parts):
        chunks = list(joint.chunks(numbers))
        lanes = sum(len(chunk.class_weight) for chunk in chunks)
        of_wave = part_of(tell, i, len(parts), 0, lanes)
        trained = trainer.train(chunks, keep_parameters=keep_parameters, until=until, tell=of_wave)
        results |= {
            (chunk.fold, chunk.seed): one
            for chunk, one in zip(chunks, trained, strict=True)
            if one is not None
        }
    return results


def _of_label(trained: Trained, t: int) -> Trained:
    return replace(trained, probability=trained.probability[:, :, t])


def _refit(
    base: Table,
    divided: Split,
    chosen: Sequence[Setting],
    tables: Mapping[Any, Table],
    design: Design,
    trainer: Trainer,
    clock: Clock,
    tell: Tell,
) -> list[Final]:
    """Train what any label chose, and the twin where there are test rows, on all other rows."""
    settings = tuple(dict.fromkeys([*chosen, TWIN] if len(divided.test) else chosen))
    fold = Fold(divided.rest, divided.test)
    joint = _joint(base, [fold], settings, tables, design)
    told = lambda progress: tell("final", progress)
    results = _train(joint, trainer, clock.until(), told, keep_parameters=True)
    if not results:
        joint = replace(joint, planned=replace(joint.planned, seeds=joint.planned.seeds[:1]))
        results = _train(joint, trainer, math.inf, told, keep_parameters=True)
    seeds = [seed for _, seed in results]
    finals = []
    for t, (table, setting) in enumerate(zip(tables.values(), chosen, strict=True)):
        mine = tuple(dict.fromkeys([setting, TWIN] if len(divided.test) else [setting]))
        lanes = [settings.index(one) for one in mine]
        trained = [_of_label(one.take(lanes), t) for one in results.values()]
        test = None
        if len(divided.test):
            kept = {key: one.take(lanes) for key, one in results.items()}
            of_lanes = replace(joint, class_weight=(joint.class_weight[0][lanes],))
            test = _predictions(of_lanes, kept, [0], seeds, table, mine, t)
        shapes = [one.loss.shape(np.bincount(table.y, minlength=2)) for one in mine]
        finals.append(
            Final(
                settings=mine,
                class_weight=joint.class_weight[0][lanes, t],
                shape=Shape(*map(np.stack, zip(*shapes, strict=True))),
                features=joint.planned.parts[0].features,
                trained=tuple(trained),
                test=test,
                label=(t, len(tables)),
            )
        )
    return finals
