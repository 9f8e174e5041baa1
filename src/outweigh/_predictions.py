"""The waist: what every lane said about rows it never saw, in one frozen record.

Everything before makes a `Predictions`; everything after reads it and nothing else. It comes from
any trainer, or from a file.

Letters: N entries, K classes, S settings, R seeds, F folds. An entry is a row of the table judged
in one fold.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain, product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import DTypeLike, NDArray

from outweigh._deployment import shares
from outweigh._errors import TableError
from outweigh._shapes import Shape, are_shapes, is_plain, undo, unshaped

DIVERGED = "diverged"
TWIN_NAME = "none"
"""Name of the setting that does nothing."""

WEIGHTS, LOSS, SAMPLING, REFERENCE = KINDS = ("weights", "loss", "sampling", "reference")
"""What a setting can be about: classes, a loss, rows, or no network at all."""

OUTCOMES = ("stopped", "finished", "collapsed", DIVERGED)

DTYPES: dict[str, DTypeLike] = {
    "row": np.int64,
    "fold": np.int64,
    "y": np.int64,
    "class_weight": np.float64,
    "prior": np.float64,
    "probability": np.float32,
    "outcome": "<U9",  # as long as the longest outcome
    "row_weight": np.float64,
    "repeat": np.int64,
    "unit": np.int64,
    "amount": np.float64,
}
"""Kind of each array of the record."""

ROUNDING = 1e-3
"""How far above 1 a probability in float32 may be: a network's rounding is its own."""

FORMAT = 3
"""Number of the file format; a reader refuses what it does not know."""

MEASURES = ("row_weight", "amount")
"""Columns of the file that not every record has."""

KEY = b"outweigh"
"""Name of the file's header."""

ENCODINGS = {
    "row": "DELTA_BINARY_PACKED",
    "unit": "DELTA_BINARY_PACKED",
    "probability": "BYTE_STREAM_SPLIT",
    "complement": "BYTE_STREAM_SPLIT",
}
"""For columns that hardly repeat a value; the others are dictionaries."""

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, eq=False, kw_only=True)
class Predictions:
    """Out-of-fold predictions of all lanes.

    Attributes
    ----------
    row : (N,) int64
        Number in the table of each entry's row.
    fold : (N,) int64
        Fold in which the entry is judged.
    y : (N,) int64
        Its class, as a place in `classes`.
    classes : (K,) tuple
        The labels, plain Python values; (negative, positive) when there are two.
    settings : (S,) tuple of str
        Their names; ``"none"`` is the twin.
    seeds : (R,) tuple of int
    class_weight : (S, F, K) float64
        How many times as frequent each class is in what the setting's lanes of each fold learned:
        class weights, times what sampling did.
    prior : (F, K) float64
        Class shares of each fold's training rows.
    probability : (S, R, N, K) float32
        As the lanes gave it: weighted, not undone. Only a diverged lane may hold anything else
        than probabilities.
    outcome : (S, R, F) str
        How each lane ended: ``"stopped"`` early, ``"finished"`` all epochs, ``"collapsed"`` to a
        constant, or ``"diverged"``.
    n_training : int
        Rows of the table that the folds were made from.
    row_weight : (N,) float64, optional
        How much each entry counts.
    unit : (N,) int64
        Entries of one unit are one draw from the world: those of a group, of a block of time, of
        rows that are equal in every feature, of a row that is judged in several repetitions. Each
        row is its own unless given.
    amount : (N,) float64, optional
        What it costs to miss each entry if it is positive.
    kinds : (S,) tuple of str
        What each setting does: ``"weights"`` (classes, or nothing at all), ``"loss"``,
        ``"sampling"``, or ``"reference"``, which is no network. All ``"weights"`` unless given.
    shape : Shape of arrays (S, F), (S, F, K), optional
        What the losses of each setting and fold were; cross-entropy unless given.
    repeat : (F,) int64
        Repetition of the split that each fold belongs to; all 0 unless given. A row has an entry
        in each repetition.

    Notes
    -----
    The arrays are read-only. Two records are equal when every bit is.

    Examples
    --------
    Two entries, each judged in its own fold, by the twin and by balanced weights:

    >>> said = np.array([[[[0.9, 0.1], [0.8, 0.2]]], [[[0.5, 0.5], [0.3, 0.7]]]])
    >>> predictions = Predictions(
    ...     row=[7, 3], fold=[0, 1], y=[0, 1], classes=("no", "yes"),
    ...     settings=("none", "balanced"), seeds=(0,),
    ...     class_weight=[[[1, 1], [1, 1]], [[5 / 9, 5], [5 / 9, 5]]],
    ...     prior=[[0.9, 0.1], [0.9, 0.1]], probability=said,
    ...     outcome=np.full((2, 1, 2), "finished"), n_training=100,
    ... )
    >>> predictions.averaged()[1].round(3)
    array([[0.9  , 0.1  ],
           [0.794, 0.206]])
    """

    row: NDArray[np.int64]
    fold: NDArray[np.int64]
    y: NDArray[np.int64]
    classes: tuple[Any, ...]
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    class_weight: NDArray[np.float64]
    prior: NDArray[np.float64]
    probability: NDArray[np.float32]
    outcome: NDArray[np.str_]
    n_training: int
    row_weight: NDArray[np.float64] | None = None
    repeat: NDArray[np.int64] | None = None
    unit: NDArray[np.int64] | None = None
    amount: NDArray[np.float64] | None = None
    kinds: tuple[str, ...] = ()
    shape: Shape | None = None

    def __post_init__(self) -> None:
        if not self.kinds:
            object.__setattr__(self, "kinds", (WEIGHTS,) * len(self.settings))
        if self.repeat is None:
            object.__setattr__(self, "repeat", np.zeros(len(self.prior), dtype=np.int64))
        if self.unit is None:
            object.__setattr__(self, "unit", self.row)
        plain = {  # for JSON
            "classes": tuple(self.classes),
            "settings": tuple(map(str, self.settings)),
            "seeds": tuple(map(int, self.seeds)),
            "kinds": tuple(map(str, self.kinds)),
            "n_training": int(self.n_training),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        if self.shape is not None:
            arrays = (np.ascontiguousarray(part, dtype=np.float64) for part in self.shape)
            object.__setattr__(self, "shape", Shape(*map(_frozen, arrays)))
        for name, dtype in DTYPES.items():
            if (values := getattr(self, name)) is not None:
                array = np.ascontiguousarray(values, dtype=dtype)
                object.__setattr__(self, name, _frozen(array))
        _check_shapes(self)
        _check_values(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Predictions):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    @property
    def lanes(self) -> Iterator[tuple[int, int]]:
        """Pairs of setting and seed, by number, in the order of the record."""
        return product(range(len(self.settings)), range(len(self.seeds)))

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Which lanes (S, R, F) did not diverge."""
        return np.not_equal(self.outcome, DIVERGED)

    @property
    def shares(self) -> NDArray[np.float64]:
        """The share (K,) of each class among the entries, as much as they count."""
        return shares(self.y, len(self.classes), self.row_weight)

    def undone(self) -> NDArray[np.float64]:
        """Give the probabilities (S, R, N, K) with the class weights taken out, lane by lane.

        What a diverged lane left may be NaN.
        """
        undone = np.empty(self.probability.shape)
        for s, r in self.lanes:
            undone[s, r] = self.of_lane(s, r)
        return undone

    def averaged(self) -> NDArray[np.float64]:
        """Give the prediction (S, N, K) of each setting: the mean of its seeds' undone probability.

        Diverged lanes are left out; where all of a setting's lanes diverged, its prediction is the
        prior of the fold. Computed once, read-only.
        """
        return self._averaged

    @cached_property
    def _averaged(self) -> NDArray[np.float64]:
        total = np.zeros((len(self.settings), len(self.row), len(self.classes)))
        for s, r in self.lanes:
            alive = self.alive[s, r, self.fold, np.newaxis]
            np.add(total[s], self.of_lane(s, r), out=total[s], where=alive)
        n_alive = self.alive.sum(axis=1)[:, self.fold, np.newaxis]
        mean = total / np.maximum(n_alive, 1)
        return _frozen(np.where(n_alive > 0, mean, self.prior[self.fold]))

    def of_lane(self, s: int, r: int) -> NDArray[np.float64]:
        """Give the undone probabilities (N, K) of setting s with seed r."""
        said = self.probability[s, r]
        with np.errstate(all="ignore"):  # what diverged lanes left
            if self.shape is not None:
                said = self._straight(s, said)
            return undo(said, self.class_weight[s, self.fold])

    def _straight(self, s: int, said: NDArray[Any]) -> NDArray[Any]:
        """Take what the losses of a setting did out of probabilities (N, K), fold by fold."""
        shapes = [Shape(*(part[s, f] for part in self.shape or ())) for f in range(len(self.prior))]
        if all(map(is_plain, shapes)):
            return said
        straight = np.empty(said.shape)
        for f, shape in enumerate(shapes):
            there = self.fold == f
            straight[there] = unshaped(said[there], shape)
        return straight

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record to a Parquet file, a row per prediction, for anyone to check.

        Columns: row, fold, setting, seed, class (with more than two), y, probability (of the class;
        with two, of the positive one), complement (with two: of the negative one, since
        1 − probability would lose its last digits), unit, and row_weight and amount (if any).
        """
        path = Path(path)
        part = path.with_name(f"{path.name}.part")  # a crash leaves the old file whole
        try:
            _write((_lane_table(self, s, r) for s, r in self.lanes), part, _facts(self))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Predictions":
        """Read a record that `save` wrote: the same, bit for bit.

        Raises
        ------
        TableError
            When the file is missing, damaged, or no such record.
        """
        path = Path(path)
        try:
            with pq.ParquetFile(path) as file:
                return cls(**_read(file))
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise TableError(
                f"predictions must be a file that outweigh saved; {path.name!r} is none "
                f"({reason}): run the study again, or name another file"
            ) from None


def _frozen(array: NDArray[Number]) -> NDArray[Number]:
    """Give a read-only view, so that the caller's own array stays writeable."""
    view = array.view()
    view.flags.writeable = False
    return view


def _same(a: Any, b: Any) -> bool:
    """Compare to the bit: a NaN equals itself, and the labels 1, 1.0 and True differ."""
    if isinstance(a, Shape) and isinstance(b, Shape):
        return all(map(_same, a, b))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and np.array_equal(a.view(np.uint8), b.view(np.uint8))
    return repr(a) == repr(b)


def _check_shapes(p: Predictions) -> None:
    n, k, s, r, f = len(p.row), len(p.classes), len(p.settings), len(p.seeds), len(p.prior)
    if min(n, s, r, f) < 1 or k < 2:
        raise ValueError(f"N, S, R, F must be at least 1 and K 2; came {n}, {s}, {r}, {f} and {k}")
    shapes: dict[str, tuple[int, ...]] = {
        "row": (n,),
        "fold": (n,),
        "y": (n,),
        "class_weight": (s, f, k),
        "prior": (f, k),
        "probability": (s, r, n, k),
        "outcome": (s, r, f),
        "row_weight": (n,),
        "repeat": (f,),
        "unit": (n,),
        "amount": (n,),
    }
    arrays = {name: getattr(p, name) for name in shapes}
    if p.shape is not None:
        shapes |= {"gamma": (s, f), "delta": (s, f, k), "iota": (s, f, k), "epsilon": (s, f, k)}
        arrays |= p.shape._asdict()
    for name, shape in shapes.items():
        array = arrays[name]
        if array is not None and array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}; came {array.shape}")


def _check_values(p: Predictions) -> None:
    rules = {
        "fold must count from 0 to F − 1": _are_codes(p.fold, len(p.prior)),
        "y must count from 0 to K − 1": _are_codes(p.y, len(p.classes)),
        "classes must differ": len(set(p.classes)) == len(p.classes),
        "settings must differ": len(set(p.settings)) == len(p.settings),
        f"kinds must be S of {KINDS}": len(p.kinds) == len(p.settings) and {*p.kinds} <= {*KINDS},
        "seeds must differ": len(set(p.seeds)) == len(p.seeds),
        "class_weight must be positive": _are_finite(p.class_weight) and p.class_weight.all(),
        "prior must be shares of 1": np.allclose(p.prior.sum(axis=1), 1) and _are_finite(p.prior),
        "shape must be that of losses": p.shape is None or are_shapes(p.shape),
        f"outcome must be one of {OUTCOMES}": np.isin(p.outcome, OUTCOMES).all(),
        "row_weight must not be negative": p.row_weight is None or _are_finite(p.row_weight),
        "amount must not be negative": p.amount is None or _are_finite(p.amount),
    }
    if broken := [rule for rule, holds in rules.items() if not holds]:
        raise ValueError(f"predictions: {broken[0]}")
    for s, r in p.lanes:
        dead = ~p.alive[s, r, p.fold]
        if not (dead | _are_probabilities(p.probability[s, r])).all():
            raise ValueError(
                "predictions: a lane must hold probabilities unless it diverged; setting "
                f"{p.settings[s]!r} of seed {p.seeds[r]} does not"
            )


def _are_codes(codes: NDArray[np.int64], n: int) -> bool:
    return bool(codes.min() >= 0 and codes.max() < n)


def _are_finite(values: NDArray[np.float64]) -> bool:
    return bool((np.isfinite(values) & (values >= 0)).all())


def _are_probabilities(said: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell for each row (N,) of (N, K); they need not sum to 1, for a user's network may not."""
    within = (said >= 0) & (said <= 1 + ROUNDING)
    return np.logical_and(within.all(axis=1), said.any(axis=1))


def _facts(p: Predictions) -> dict[str, Any]:
    """Give what the file's header holds: all but the columns. JSON keeps floats to the bit."""
    return {
        "format": FORMAT,
        "classes": p.classes,
        "settings": p.settings,
        "kinds": p.kinds,
        "shape": None if p.shape is None else [part.tolist() for part in p.shape],
        "seeds": p.seeds,
        "class_weight": p.class_weight.tolist(),
        "prior": p.prior.tolist(),
        "outcome": p.outcome.tolist(),
        "repeat": np.asarray(p.repeat).tolist(),
        "n_training": p.n_training,
    }


def _lane_table(p: Predictions, s: int, r: int) -> pa.Table:
    """Give one lane's predictions: N rows with two classes, else N K of them."""
    said, (n, k) = p.probability[s, r], p.probability.shape[2:]
    two = k == 2
    times = 1 if two else k
    columns = {
        "row": np.repeat(p.row, times),
        "fold": np.repeat(p.fold, times),
        "setting": _labels(p.settings, np.full(n * times, s)),
        "seed": np.full(n * times, p.seeds[r]),
        "class": None if two else _labels(p.classes, np.tile(np.arange(k), n)),
        "y": _labels(p.classes, np.repeat(p.y, times)),
        "probability": said[:, 1] if two else said.ravel(),
        "complement": said[:, 0] if two else None,
        "unit": np.repeat(np.asarray(p.unit), times),
        **{name: np.repeat(getattr(p, name), times) for name in MEASURES if _has(p, name)},
    }
    return pa.table({name: column for name, column in columns.items() if column is not None})


def _has(p: Predictions, name: str) -> bool:
    return getattr(p, name) is not None


def _labels(names: Sequence[Any], codes: NDArray[np.int64]) -> pa.Array:
    """Give the name of each code; a text is kept once, however often it comes."""
    values = pa.array(names)
    if pa.types.is_string(values.type):
        return pa.DictionaryArray.from_arrays(codes.astype(np.int32), values)
    return values.take(pa.array(codes))


def _write(tables: Iterator[pa.Table], path: Path, facts: dict[str, Any]) -> None:
    """Write each table as a row group, so that one lane at a time is in memory."""
    first = next(tables)
    schema = first.schema.with_metadata({KEY: json.dumps(facts)})
    encodings = {name: how for name, how in ENCODINGS.items() if name in schema.names}
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=[name for name in schema.names if name not in encodings],
        column_encoding=encodings,
    ) as writer:
        for table in chain([first], tables):
            writer.write_table(table.cast(schema), row_group_size=len(table))


def _read(file: pq.ParquetFile) -> dict[str, Any]:
    """Read the arguments of `Predictions`."""
    facts = _read_facts(file)
    classes, lanes = facts["classes"], (len(facts["settings"]), len(facts["seeds"]))
    times = 1 if len(classes) == 2 else len(classes)
    n = file.metadata.num_rows // (lanes[0] * lanes[1] * times)
    entries = _read_entries(file, np.arange(n) * times)
    labels = pa.array(classes)
    codes = pc.index_in(entries["y"].cast(labels.type), labels)
    return {
        **facts,
        "row": entries["row"].to_numpy(),
        "fold": entries["fold"].to_numpy(),
        "y": codes.to_numpy(),
        "probability": _read_probability(file, (*lanes, n, len(classes))),
        "unit": entries["unit"].to_numpy(),
        **{name: entries[name].to_numpy() for name in MEASURES if name in entries.schema.names},
    }


def _read_facts(file: pq.ParquetFile) -> dict[str, Any]:
    header = (file.schema_arrow.metadata or {}).get(KEY)
    if header is None:
        raise ValueError("it lacks outweigh's header")
    facts: dict[str, Any] = json.loads(header)
    if (came := facts.pop("format")) != FORMAT:
        raise ValueError(f"its format is {came}, this version of outweigh reads {FORMAT}")
    facts["shape"] = None if facts["shape"] is None else Shape(*facts["shape"])
    return facts


def _read_entries(file: pq.ParquetFile, places: NDArray[np.int64]) -> pa.Table:
    """Give some rows of the first lane, all but its predictions."""
    wanted = ("row", "fold", "y", "unit", *MEASURES)
    names = [name for name in file.schema_arrow.names if name in wanted]
    return file.read_row_group(0, columns=names).take(pa.array(places))


def _read_probability(file: pq.ParquetFile, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Fill (S, R, N, K) in the order in which the lanes were written."""
    names = ["complement", "probability"] if shape[-1] == 2 else ["probability"]
    said = np.empty((file.metadata.num_rows, len(names)), dtype=np.float32)
    begin = 0
    for group in range(file.num_row_groups):
        lane = file.read_row_group(group, columns=names)
        end = begin + len(lane)
        for column, name in enumerate(names):
            said[begin:end, column] = lane[name].to_numpy()
        begin = end
    return said.reshape(shape)
