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
from outweigh._reading import shown

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
        self._check_said_once()
        self._check_false_alarm()
        if self.refer_cost is not None:
            self._check_addition("--refer-cost")
        if self.tuned_threshold:
            self._check_addition("--tuned-threshold")
        if self.refer_cost is not None and self.tuned_threshold:
            raise UsageError(
                "a threshold can be tuned where all cases are decided; came --tuned-threshold and "
                "--refer-cost: leave one of them out"
            )
        if self.costs is None:
            self.resolved_costs(())  # so that costs that make no sense are told before any work

    @property
    def named(self) -> Objective | None:
        """The objective that `objective` names; None for costs, or where it names none."""
        return None if self.objective is None else parse_objective(self.objective)

    @property
    def ways(self) -> list[str]:
        """The options that say what decisions are for."""
        ways = {
            "--costs": self.costs is not None,
            "--cost-column": self.cost_column is not None,
            "--cost-fn": self.cost_fn is not None,
        }
        objectives = [] if self.named is None else [f"--objective {self.named.name}"]
        return [way for way, is_said in ways.items() if is_said] + objectives

    def resolved(self, classes: Sequence[Any]) -> Objective | None:
        """Give the objective for a table's classes; None where nothing is said."""
        return self.resolved_costs(classes) if self.named is None else self.named

    def resolved_costs(self, classes: Sequence[Any]) -> Costs | None:
        """Give the costs for a table's classes; None where none are said.

        Raises
        ------
        UsageError
            When they make no sense, or their file is not for these classes.
        """
        if self.costs is not None:
            return self._with_additions(read_costs(self.costs, classes))
        if self.cost_fn is not None and self.cost_fp is not None:
            return self._with_additions(Cost(fn=self.cost_fn, fp=self.cost_fp))
        if self.cost_column is not None and self.cost_fp is not None:
            return RowCost(fp=self.cost_fp)
        return None

    def _with_additions(self, costs: Cost | CostMatrix) -> Costs:
        """Let cases be handed to a person, or the threshold be tuned, where that is asked for."""
        if self.tuned_threshold:
            return _tuned(costs)
        return costs if self.refer_cost is None else replace(costs, refer=self.refer_cost)

    def _check_said_once(self) -> None:
        if len(self.ways) > 1:
            raise UsageError(
                f"what decisions are for must be said once; came {' and '.join(self.ways)}: leave "
                "all but one out"
            )

    def _check_false_alarm(self) -> None:
        """Costs of a mistake come in pairs."""
        misses = self.cost_fn is not None or self.cost_column is not None
        if misses and self.cost_fp is None:
            raise UsageError(
                f"{self.ways[0]} must come with --cost-fp; it came alone: give what a false alarm "
                "costs, such as --cost-fp 1"
            )
        if self.cost_fp is not None and not misses:
            beside = self.ways[0] if self.ways else "nothing"
            todo = "leave --cost-fp out" if self.ways else "give what a miss costs"
            raise UsageError(
                f"--cost-fp must come with --cost-fn or --cost-column; {beside} came with it: "
                f"{todo}"
            )

    def _check_addition(self, option: str) -> None:
        """Only costs that are the same for all rows take --refer-cost and --tuned-threshold."""
        if isinstance(self.named, Ranking) and option == "--tuned-threshold":
            raise UsageError(
                f"an objective must decide to have a threshold; {self.named.name} ranks: leave "
                f"{option} out, or give costs"
            )
        if self.named is not None or not self.ways:
            came = "none" if self.named is None else f"--objective {self.named.name}"
            raise UsageError(
                f"{option} must come with costs; came {came}: give --cost-fn and --cost-fp, or "
                "--costs"
            )
        if self.cost_column is not None:
            raise UsageError(
                f"{option} must come with costs that are the same for all rows; came "
                f"--cost-column: leave {option} out"
            )


def _tuned(costs: Cost | CostMatrix) -> Cost:
    """Tune the threshold of two classes; of more there is none."""
    if isinstance(costs, CostMatrix):
        if len(costs.classes) != 2:
            raise UsageError(
                "--tuned-threshold needs two classes, of which one is flagged from a threshold "
                f"on; the costs are for {len(costs.classes)}: leave it out"
            )
        (tn, fp), (fn, tp) = costs.costs.tolist()
        costs = Cost(fn=fn, fp=fp, tp=tp, tn=tn)
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
    raise UsageError(f"an objective must be known; came {shown(text)}: choose from {GRAMMAR}")


def _number(argument: str, text: str) -> float:
    try:
        return float(argument)
    except ValueError:
        raise UsageError(
            f"an objective with a number must end in one; came {shown(text)}: choose from {GRAMMAR}"
        ) from None
