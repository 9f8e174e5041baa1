"""Training: validation losses by epoch."""

from typing import Any

from outweigh.report._axis import Axis
from outweigh.report._chart import Chart
from outweigh.report._line import Line
from outweigh.report._shown import known, roles

Record = dict[str, Any]

KINDS = (
    ("undone", "Validation loss, undone", "class weights taken out of what the network says"),
    ("raw", "Validation loss, raw", "the weighted output as it is: what Keras shows as val_loss"),
    ("weighted", "Validation loss, weighted", "the weighted output, rows counting as in training"),
)


def history_charts(results: Record) -> list[Chart]:
    """Draw the three validation curves of chosen, twin and the best of the others."""
    history = results["history"]
    shown = [(name, look) for name, look in roles(results) if name in history]
    if not shown or len(history[shown[0][0]]["epoch"]) < 2:
        return []
    return [
        Chart(
            title,
            caption,
            Axis("epoch", whole=True),
            Axis("log loss"),
            tuple(
                Line(name, look, history[name]["epoch"], [known(v) for v in history[name][kind]])
                for name, look in shown
            ),
            key=f"training-{kind}",
            basis="validation rows of each lane",
        )
        for kind, title, caption in KINDS
    ]
