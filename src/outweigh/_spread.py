"""The spread of thresholds: how much luck there is in a threshold that is tuned.

Elkan's threshold follows from the costs alone. One that is tuned on rows differs from fold to fold
and from seed to seed, and what it gains on the rows that chose it it may lose on others.

Letters: N entries, S settings, R seeds, F folds.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from outweigh._costs import Cost
from outweigh._decisions import Decisions
from outweigh._deployment import deployed
from outweigh._objective import Costs, Counted, Objective

Float = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Spread:
    """Thresholds of one setting, each chosen on the other folds.

    Attributes
    ----------
    by_fold : (F,) float64
        Of the average over seeds.
    by_seed : (R, F) float64
        Of each seed alone.
    decided : (N,) int64
        What the average decides by the thresholds of its folds.
    """

    by_fold: Float
    by_seed: Float
    decided: NDArray[np.int64]


def spread(decisions: Decisions, s: int) -> Spread | None:
    """Tune the threshold of a setting; None where nothing can be tuned.

    That is so with more than two classes, with costs that differ from row to row, and where cases
    are ranked or referred.
    """
    objective = _tuned(decisions.objective)
    if objective is None:
        return None
    p, cases = decisions.predictions, decisions.cases
    n_folds, n_seeds = len(p.prior), len(p.seeds)
    of_fold = np.full(n_folds, s)
    lanes = [decisions.of_lane(of_fold, r) for r in range(n_seeds)]
    found = np.empty((1 + n_seeds, n_folds))
    for f in range(n_folds):
        entries, said = decisions.calibrated.within(f)
        others = cases.take(entries)
        average = deployed(said[s], decisions.factor)
        for i, one in enumerate([average, *(lane[entries] for lane in lanes)]):
            found[i, f] = objective.rule(one, others.y, others.weight).threshold
    flagged = decisions.probability[s, :, 1] >= found[0][p.fold]
    return Spread(found[0], found[1:], flagged.astype(np.int64))


def _tuned(objective: Objective) -> Objective | None:
    """Give the objective whose rule is the best of all cut-offs, where there is one."""
    if isinstance(objective, Counted):
        return objective
    if not isinstance(objective, Costs) or objective.matrix is None:
        return None
    if objective.matrix.shape != (2, 2):
        return None
    (tn, fp), (fn, tp) = objective.matrix.tolist()
    return Cost(fn=fn, fp=fp, tp=tp, tn=tn, tuned=True)
