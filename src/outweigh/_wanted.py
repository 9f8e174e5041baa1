"""What is wanted of the decisions: options of the command line, made into one objective."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from outweigh._cost_file import read_costs
from outweigh._costs import Cost, CostMatrix, RowCost
from outweigh._counted import (
    Alerts,
    BalancedAccuracy,
    FBeta,
    Matthews,
    PrecisionAtRecall,
    RecallAtPrecision,
)
from outweigh._errors import UsageError
from outweigh._objective import Costs, Objective, Ranking
from outweigh._rankings import AveragePrecision, RocAuc

GRAMMAR = (
    "cost, f1, fbeta:2, recall@precision>=0.9, precision@recall>=0.9, alerts:10, "
    "balanced-accuracy, mcc, average-precision, roc-auc"
)
"""One example of each objective, as messages show them."""


@final
@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Options that say what decisions are for; at most one way of saying it may be used.

    Attributes
    ----------
    cost_fn, cost_fp : float, optional
        Costs of a missed positive and of a false alarm.
    costs : Path, optional
        A file with the cost of each decision for each class.
    cost_column : str, optional
        The column that says what it costs to miss a row; goes with `cost_fp`.
    objective : str, optional
        The name of something else than costs, as `parse_objective` takes it.
    refer_cost : float, optional
        What it costs to hand a case to a person; goes with costs.
    tuned_threshold : bool
        Whether the threshold is tuned on other folds instead of implied by two costs.
    """

    cost_fn: float | None = None
    cost_fp: float | None = None
    costs: Path | None = None
    cost_column: str | None = None
    objective: str | None = None
    refer_cost: float | None = None
    tuned_threshold: bool = False

    def __post_init__(self) -> None:
        named = None if self.objective is None else parse_objective(self.objective)
        ways = {
            "--costs": self.costs is not None,
            "--cost-column": self.cost_column is not None,
            "--cost-fn": self.cost_fn is not None,
            f"--objective {self.objective}": named is not None,
        }
        said = [way for way, is_said in ways.items() if is_said]
        if len(said) > 1:
            raise UsageError(
                f"what decisions are for must be said once; came {' and '.join(said)}: leave all "
                "but one out"
            )
        if self.tuned_threshold and isinstance(named, Ranking):
            raise UsageError(
                f"an objective must decide to have a threshold; {named.name} ranks: leave "
                "--tuned-threshold out, or give costs"
            )
        beside = self.cost_column if self.cost_fn is None else self.cost_fn
        if (self.cost_fp is None) != (beside is None):
            missing = "--cost-fp" if self.cost_fp is None else "--cost-fn or --cost-column"
            raise UsageError(
                f"--cost-fp must come with --cost-fn or --cost-column; {missing} is missing: give "
                "both"
            )
        for option, is_said in (
            ("--refer-cost", self.refer_cost is not None),
            ("--tuned-threshold", self.tuned_threshold),
        ):
            if is_said and (named is not None or not said):
                raise UsageError(
                    f"{option} must come with costs; none came: give --cost-fn and --cost-fp, or "
                    "--costs"
                )

    def resolved(self, classes: Sequence[Any]) -> Objective | None:
        """Give the objective for a table's classes; None where nothing is said."""
        named = None if self.objective is None else parse_objective(self.objective)
        return self.resolved_costs(classes) if named is None else named

    def resolved_costs(self, classes: Sequence[Any]) -> Costs | None:
        """Give the costs for a table's classes; None where none are said."""
        found: Costs | None = None
        if self.costs is not None:
            found = read_costs(self.costs, classes)
        elif self.cost_column is not None and self.cost_fp is not None:
            found = RowCost(fp=self.cost_fp)
        elif self.cost_fn is not None and self.cost_fp is not None:
            found = Cost(fn=self.cost_fn, fp=self.cost_fp)
        if found is None:
            return None
        if self.refer_cost is not None:
            found = _referring(found, self.refer_cost)
        if self.tuned_threshold:
            found = _tuned(found)
        return found


def _referring(costs: Costs, refer: float) -> Costs:
    """Let cases be handed to a person."""
    if isinstance(costs, Cost | CostMatrix):
        return replace(costs, refer=refer)
    raise UsageError("--refer-cost needs costs that are the same for all rows: leave it out")


def _tuned(costs: Costs) -> Cost:
    """Tune the threshold of two costs; of other costs there is none."""
    if isinstance(costs, CostMatrix) and costs.matrix.shape == (2, 2):
        (tn, fp), (fn, tp) = costs.matrix.tolist()
        costs = Cost(fn=fn, fp=fp, tp=tp, tn=tn)
    if not isinstance(costs, Cost) or costs.refer is not None:
        raise UsageError(
            "--tuned-threshold needs two costs, and a threshold to tune; these costs have none: "
            "leave it out"
        )
    return replace(costs, tuned=True)


def parse_objective(text: str) -> Objective | None:
    """Read an objective as it stands on the command line; ``cost`` is None, said by costs.

    Raises
    ------
    UsageError
        When it is unknown or makes no sense.

    Examples
    --------
    >>> parse_objective("alerts:10")
    Alerts(per_1000=10.0)
    """
    plain: dict[str, Objective | None] = {
        "cost": None,
        "f1": FBeta(1.0),
        "balanced-accuracy": BalancedAccuracy(),
        "mcc": Matthews(),
        "average-precision": AveragePrecision(),
        "roc-auc": RocAuc(),
    }
    if text in plain:
        return plain[text]
    for start, made in (
        ("fbeta:", FBeta),
        ("alerts:", Alerts),
        ("recall@precision>=", RecallAtPrecision),
        ("precision@recall>=", PrecisionAtRecall),
    ):
        if text.startswith(start):
            return made(_number(text.removeprefix(start), text))
    raise UsageError(f"an objective must be known; came {text!r}: choose from {GRAMMAR}")


def _number(argument: str, text: str) -> float:
    try:
        return float(argument)
    except ValueError:
        raise UsageError(
            f"{text!r} must end in a number; came {argument!r}: choose from {GRAMMAR}"
        ) from None
