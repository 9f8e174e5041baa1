"""Parts: counted tables as the page carries them, in whole rows or in fine parts of row weights.

Letters: G knots, thresholds at which cases were counted.
"""

import math
from typing import Any

from outweigh.report._block import packed

Record = dict[str, Any]

DIGITS = 36  # binary ones, of sums of row weights that are no whole numbers


def scales(counts: Record) -> tuple[float, float]:
    """Give what counts of negatives and of positives are multiplied by to be whole numbers.

    Parameters
    ----------
    counts : dict
        ``results["counts"]``.
    """
    totals = (counts["negatives"], counts["positives"])
    if all(isinstance(total, int) for total in totals):
        return 1, 1
    fp, tp = (2.0 ** (DIGITS - math.ceil(math.log2(total))) for total in totals)
    return fp, tp


def in_parts(counts: Record) -> Record:
    """Give counts as the script unpacks them, so that page and script begin with the same bits.

    Examples
    --------
    >>> counts = {"negatives": 2.0, "positives": 0.3, "settings": {"none": {"tp": [0.3, 0.1, 0]}}}
    >>> counts["settings"]["none"] |= {"fp": [2.0, 0.5, 0], "by_seed": None}
    >>> in_parts(counts)["settings"]["none"]["tp"]
    [0.3, 0.09999999999854481, 0.0]
    """
    scale = dict(zip(("fp", "tp"), scales(counts), strict=True))
    if set(scale.values()) == {1}:
        return counts
    total = {"fp": counts["negatives"], "tp": counts["positives"]}
    settings = {
        name: counted
        | {cell: [_part(n, scale[cell], total[cell]) for n in counted[cell]] for cell in scale}
        for name, counted in counts["settings"].items()
    }
    return counts | {"settings": settings}


def packed_counts(counts: Record) -> str:
    """Pack the tables (G,) of all settings, and those of each seed where they are told apart."""
    fp_scale, tp_scale = scales(counts)
    tables = []
    for counted in counts["settings"].values():
        tables += [(counted["tp"], tp_scale), (counted["fp"], fp_scale)]
        for tp, fp in zip(*_seeds(counted), strict=True):
            tables += [(tp, tp_scale), (fp, fp_scale)]
    return packed(tables)


def _part(n: float, scale: float, total: float) -> float:
    whole = round(n * scale)
    return total if whole == round(total * scale) else whole / scale


def _seeds(counted: Record) -> tuple[list[list[float]], list[list[float]]]:
    seeds = counted["by_seed"] or {"tp": [], "fp": []}
    return seeds["tp"], seeds["fp"]
