"""The demo: what each ratio does to the tutorial's two networks."""

from typing import Any

from outweigh.report._axis import shares
from outweigh.report._chart import Chart
from outweigh.report._line import Line
from outweigh.report._shown import slug
from outweigh.report._weight_figures import RATIO

Record = dict[str, Any]


def ratio_charts(demo: Record | None) -> list[Chart]:
    """Draw recall and flagged share of each network against the ratio; none if it is no demo."""
    return [] if demo is None else [_ratios(n, demo["bayes"]) for n in demo["networks"]]


def _ratios(network: Record, bayes: Record) -> Chart:
    lines = []
    for key, name, look in (
        ("recall", "recall", "chosen"),
        ("flagged_share", "flagged of everybody", "half"),
    ):
        by_ratio = [sorted(column) for column in zip(*network[key], strict=True)]
        low, middle, high = ([v[i] for v in by_ratio] for i in (0, len(by_ratio[0]) // 2, -1))
        lines += [
            Line(name, look, network["ratios"], middle, low, high),
            Line(f"{name}, best possible", f"limit {look}", bayes["ratio"], bayes[key]),
        ]
    collapsed = sum(network["collapsed"])
    lanes = len(network["collapsed"]) * network["seeds"]
    return Chart(
        f"Network {network['name']}",
        f"{collapsed:,} of {lanes:,} lanes collapsed to a constant",
        RATIO,
        shares("share", least=0.0, most=1.0),
        tuple(lines),
        key=f"network-{slug(network['name'])}",
        basis="held-out",
    )
