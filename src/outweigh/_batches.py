"""Batches: (x, y) becomes (x, y, row weight), one batch at a time.

A batch that has sample weights keeps them: they are multiplied.
"""

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from outweigh._counts import added, counts_in
from outweigh._errors import UsageError
from outweigh._outputs import each_output
from outweigh._row_weights import asks, settled_row_weight
from outweigh._targets import as_array, is_several, read_target


@dataclass(frozen=True)
class Weighing:
    """Adds the weights to a batch; it can be pickled, so that workers can do it.

    Parameters
    ----------
    class_weight
        Settled weights, as `row_weight` takes them.
    kind : Labels, OneHot or YesNo, optional

    Examples
    --------
    >>> Weighing({0: 1, 1: 20})((["a", "b"], [0, 1]))
    (['a', 'b'], [0, 1], array([ 1., 20.], dtype=float32))
    """

    class_weight: Any
    kind: Any = None

    def __call__(self, batch: Any) -> tuple[Any, Any, Any]:
        """Add the weights, or multiply those that there are."""
        x, y, *given = pair(batch)
        weight = settled_row_weight(y, self.class_weight, self.kind)
        return x, y, _times(weight, given[0]) if given else weight


@dataclass(frozen=True)
class Collating:
    """Collates and adds the weights, as torch tensors; it can be pickled if `collate` can."""

    collate: Callable[[Any], Any]
    weighing: Weighing

    def __call__(self, rows: Any) -> tuple[Any, Any, Any]:
        """Make a batch of rows."""
        torch = sys.modules["torch"]  # which runs this
        x, y, weight = self.weighing(self.collate(rows))
        return x, y, each_output(lambda w, _: torch.from_numpy(np.asarray(w)), weight)


def pair(batch: Any) -> Any:
    """Check that a batch is (x, y) or (x, y, sample_weight)."""
    if isinstance(batch, tuple | list) and len(batch) in (2, 3):
        return batch
    came = f"{type(batch).__name__} of {len(batch)}" if hasattr(batch, "__len__") else repr(batch)
    raise UsageError(
        f"data must give (x, y) or (x, y, sample_weight); came {came[:60]}: map it to that"
    )


def counted(batches: Iterable[Any], class_weight: Any, kind: Any) -> Any:
    """Count the targets of batches (x, y), one batch in memory at a time.

    Returns
    -------
    counts : Counter or tuple of T Counters; or a dict or list of these, one for each output
        None for outputs that need no counts.
    """
    total, number = None, 0
    # map holds on to no batch, as a loop over them would
    each = map(_batch_counts, batches, itertools.repeat(class_weight), itertools.repeat(kind))
    for number, counts in enumerate(each, 1):
        total = counts if number == 1 else _sum(total, counts, f"batch {number}")
    if not number:
        raise UsageError("data must give batches to count; none came: pass counts=, or data anew")
    return total


def weighed(batches: Iterable[Any], weighing: Weighing) -> Iterator[tuple[Any, Any, Any]]:
    """Generate batches with their weights, and hold on to none."""
    yield from map(weighing, batches)


def _batch_counts(batch: Any, class_weight: Any, kind: Any) -> Any:
    y = pair(batch)[1]
    counts = each_output(_counted, y, class_weight=class_weight, kind=kind)
    return list(counts) if is_several(y) and isinstance(counts, tuple) else counts


def _counted(y: Any, name: str, class_weight: Any, kind: Any) -> Any:
    return counts_in(read_target(y, kind, name), name) if asks(class_weight) else None


def _sum(total: Any, more: Any, name: str) -> Any:
    """Add counts, output by output."""
    if type(total) is not type(more) or (type(total) is dict and set(total) != set(more)):
        raise UsageError(f"batches must have the same outputs; {name} has others: mend it")
    if total is None:
        return None
    if type(total) is dict:
        return {output: _sum(total[output], more[output], name) for output in total}
    if isinstance(total, list):
        return [_sum(a, b, name) for a, b in zip(total, more, strict=True)]
    return added(total, more, name)


def _times(weight: Any, given: Any) -> Any:
    """Multiply weights by those that came with the data, for all outputs or for each."""
    if given is None:
        return weight
    if isinstance(weight, Mapping):
        own = given if isinstance(given, Mapping) else dict.fromkeys(weight, given)
        return {output: _times(weight[output], own[output]) for output in weight}
    if isinstance(weight, list | tuple):
        several = given if isinstance(given, list | tuple) else [given] * len(weight)
        return type(weight)(map(_times, weight, several))
    sample = as_array(given, "sample_weight").astype(np.float32)
    if sample.ndim == weight.ndim + 1 and sample.shape[-1] == 1:
        sample = sample[..., 0]
    sample = sample.reshape(sample.shape + (1,) * (weight.ndim - sample.ndim))
    if sample.ndim > weight.ndim or not _fits(sample.shape, weight.shape):
        raise UsageError(
            f"sample weights must fit their targets; came shape {sample.shape} for weights of "
            f"shape {weight.shape}: give one for each row, or for each element"
        )
    return weight * sample


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    return all(a in (1, b) for a, b in zip(shape, target, strict=True))
