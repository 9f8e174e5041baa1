"""Loaders: data sets of (x, y) that become the same kind of data set with row weights.

Each library's own loader goes on as it was, with its workers, order and epochs. None is imported
here: who has a loader has loaded its library.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, final

from outweigh import _tf_data
from outweigh._batches import Collating, Weighing, counted, weighed
from outweigh._errors import UsageError
from outweigh._row_weights import asks, settled


def weighted(
    data: Any, class_weight: Any = "balanced", *, kind: Any = None, counts: Any = None
) -> Any:
    """Give a data set its row weights, for ``model.fit`` or a training loop.

    Parameters
    ----------
    data
        Of (x, y) or (x, y, sample_weight): a `tf.data.Dataset`, a `keras.utils.PyDataset`, a torch
        `DataLoader`, a grain `MapDataset`, `IterDataset` or `DataLoader`, a generator, or whatever
        else can be iterated. In batches; or row by row, where the target of a row is one number or
        has a kind: without one several numbers are taken for a batch of labels.
    class_weight : {"balanced", "sqrt", "none"}, rule, float or dict
        As `row_weight` takes it.
    kind : Labels, OneHot or YesNo, optional
        What numbers of y mean; without it, (n,) or (n, 1) holds one label per row. Of several
        outputs one for all, or one by name or place.
    counts : collections.Counter, or tuple of them for `YesNo`, optional
        How often each class comes, as `count_classes` counts it; of several outputs by name or in a
        list. Without it a rule makes a pass over the data first, x and all, one batch in memory at
        a time; only over data that say how long they are.

    Returns
    -------
    data
        Of (x, y, row_weight), of the same kind; sample weights that came are multiplied. What is no
        library's loader becomes a generator if it can be iterated once, and else an iterable, whose
        ``iter()`` is a generator for ``fit``.

    Raises
    ------
    UsageError
        When a rule needs counts and the data can be iterated once, never end, or do not say how
        long they are; when the data are none; and as `row_weight` does. A class without a weight
        is an error when it comes.

    Examples
    --------
    >>> batches = [(["a", "b"], [0, 0]), (["c", "d"], [0, 1])]
    >>> for x, y, row_weight in weighted(batches):
    ...     print(x, y, row_weight)
    ['a', 'b'] [0, 0] [0.6666667 0.6666667]
    ['c', 'd'] [0, 1] [0.6666667 2.       ]
    """
    loader = _loader_of(data)
    if counts is None and asks(class_weight):
        counts = loader.counted(data, class_weight, kind)
    settled_weight = class_weight if counts is None else settled(class_weight, counts)
    return loader.weighted(data, Weighing(settled_weight, kind))


class Loader(Protocol):
    """A kind of data set."""

    def counted(self, data: Any, class_weight: Any, kind: Any) -> Any:
        """Count the classes in one pass, or raise where that cannot be."""

    def weighted(self, data: Any, weighing: Weighing) -> Any:
        """Give the same kind of data set with row weights."""


@final
class TensorFlow:
    """``tf.data``: weights are computed in its graph."""

    def counted(self, data: Any, class_weight: Any, kind: Any) -> Any:
        """Count the targets."""
        return _tf_data.counted_targets(sys.modules["tensorflow"], data, class_weight, kind)

    def weighted(self, data: Any, weighing: Weighing) -> Any:
        """Map the data set."""
        tf = sys.modules["tensorflow"]
        return _tf_data.weighted_dataset(tf, data, weighing.class_weight, weighing.kind)


@final
class Keras:
    """``keras.utils.PyDataset``: batches by number."""

    def counted(self, data: Any, class_weight: Any, kind: Any) -> Any:
        """Count batch by batch."""
        if data.num_batches is None:
            raise _uncountable("never ends")
        return counted((data[i] for i in range(data.num_batches)), class_weight, kind)

    def weighted(self, data: Any, weighing: Weighing) -> Any:
        """Wrap the data set."""
        from outweigh._py_dataset import WeightedDataset

        return WeightedDataset(data, weighing)


@final
class Torch:
    """torch's ``DataLoader``: weights are made where batches are, in its workers."""

    def counted(self, data: Any, class_weight: Any, kind: Any) -> Any:
        """Count batch by batch, and leave random numbers as they were."""
        _length(data)
        with _same_random_numbers(data):
            batches = self._like(data, data.collate_fn, persistent_workers=False)
            return counted(batches, class_weight, kind)

    def weighted(self, data: Any, weighing: Weighing) -> Any:
        """Make a loader of the same rows in the same order."""
        return self._like(data, Collating(data.collate_fn, weighing))

    def _like(self, data: Any, collate_fn: Any, **other: Any) -> Any:
        """Make a loader like another one."""
        torch_data = sys.modules["torch.utils.data"]
        if type(data).__iter__ is not torch_data.DataLoader.__iter__:
            raise UsageError(
                f"a DataLoader must iterate as torch's does; {type(data).__name__} has a way of "
                "its own: pass a generator, ((x, y) for x, y in loader), and counts="
            )
        options = {name: getattr(data, name) for name in TORCH_OPTIONS}
        if isinstance(data.dataset, torch_data.IterableDataset):
            options |= {"batch_size": data.batch_size, "drop_last": data.drop_last}
        elif data.batch_size is None and data.batch_sampler is not None:
            options |= {"batch_sampler": data.batch_sampler}
        else:
            options |= {"batch_size": data.batch_size, "sampler": data.sampler}
            options |= {"drop_last": data.drop_last}
        return torch_data.DataLoader(data.dataset, collate_fn=collate_fn, **(options | other))


@final
class GrainDataset:
    """Grain's ``MapDataset`` and ``IterDataset``."""

    def counted(self, data: Any, class_weight: Any, kind: Any) -> Any:
        """Count batch by batch."""
        if _length(data) >= sys.maxsize:  # how grain says it
            raise _uncountable("never ends")
        return counted(data, class_weight, kind)

    def weighted(self, data: Any, weighing: Weighing) -> Any:
        """Map the data set."""
        return data.map(weighing)


@final
class GrainLoader:
    """Grain's ``DataLoader``."""

    def counted(self, data: Any, class_weight: Any, kind: Any) -> Any:
        """Count nothing: a sampler that never ends does not say so."""
        raise _uncountable("does not say how long it is")

    def weighted(self, data: Any, weighing: Weighing) -> Any:
        """Make a loader with one operation more; only its attributes tell how it was made."""
        grain = sys.modules["grain"]
        weigh = type("Weigh", (grain.transforms.Map,), {"map": staticmethod(weighing)})
        workers = data.multiprocessing_options
        return grain.DataLoader(
            data_source=data._data_source,
            sampler=data._sampler,
            operations=[*data._operations, weigh()],
            worker_count=workers.num_workers,
            worker_buffer_size=workers.per_worker_buffer_size,
            shard_options=data._shard_options,
            read_options=data._read_options,
            enable_profiling=workers.enable_profiling,
        )


@final
class Once:
    """Generators and iterators."""

    def counted(self, data: Any, class_weight: Any, kind: Any) -> Any:
        """Count nothing: what is counted would be gone."""
        raise _uncountable(f"is a {type(data).__name__}, which can be iterated once")

    def weighted(self, data: Any, weighing: Weighing) -> Any:
        """Give a generator."""
        return weighed(data, weighing)


@final
class Again:
    """Whatever else can be iterated, again and again."""

    def counted(self, data: Any, class_weight: Any, kind: Any) -> Any:
        """Count batch by batch."""
        _length(data)
        return counted(data, class_weight, kind)

    def weighted(self, data: Any, weighing: Weighing) -> Any:
        """Wrap it."""
        return Weighted(data, weighing)


@dataclass(frozen=True, eq=False)
class Weighted:
    """Batches with their weights, as often as they are asked for."""

    data: Iterable[Any]
    weighing: Weighing

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        """Give batches (x, y, row weight)."""
        return weighed(self.data, self.weighing)

    def __len__(self) -> int:
        """Give the number of batches, where it is known."""
        return len(self.data)  # type: ignore[arg-type]  # a TypeError, as without weights


TORCH_OPTIONS = (
    "num_workers",
    "pin_memory",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
    "generator",
    "prefetch_factor",
    "persistent_workers",
    "in_order",
)
"""What a loader of the same rows is given besides their order."""

KNOWN = (
    ("tensorflow", "data.Dataset", TensorFlow()),
    ("keras", "utils.PyDataset", Keras()),
    ("torch.utils.data", "DataLoader", Torch()),
    ("grain", "MapDataset", GrainDataset()),
    ("grain", "IterDataset", GrainDataset()),
    ("grain", "DataLoader", GrainLoader()),
)
"""Module, class and what is done with it."""


def _loader_of(data: Any) -> Loader:
    """Find what kind of data set it is, among the libraries that are loaded."""
    for module, path, loader in KNOWN:
        found: Any = sys.modules.get(module)
        for name in path.split("."):
            found = getattr(found, name, None)
        if found is not None and isinstance(data, found):
            return loader
    if hasattr(data, "shape") or isinstance(data, str | bytes | dict):
        raise UsageError(
            f"data must give batches (x, y); came one {type(data).__name__}: arrays need no "
            "loader, fit takes sample_weight=row_weight(y)"
        )
    if not isinstance(data, Iterable):
        raise UsageError(
            f"data must give batches (x, y); came {type(data).__name__}, which cannot be iterated: "
            "pass a data set, or a generator"
        )
    return Once() if isinstance(data, Iterator) else Again()


def _length(data: Any) -> int:
    try:
        return len(data)
    except TypeError:
        raise _uncountable("does not say how long it is") from None


def _uncountable(why: str) -> UsageError:
    return UsageError(
        f"a rule needs counts of all classes, and data that are counted must end; this one {why}: "
        "pass counts=count_classes(...), or the weights as a dict"
    )


@contextmanager
def _same_random_numbers(data: Any) -> Iterator[None]:
    """Leave torch's random numbers as they were, so that counting changes no order of rows."""
    torch = sys.modules["torch"]
    found = (data.generator, getattr(data.sampler, "generator", None))
    states = [(own, own.get_state()) for own in found if own is not None]
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            for own, state in states:
                own.set_state(state)
