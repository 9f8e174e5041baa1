"""Columns as a network wants them: no gap, every feature of mean 0 and standard deviation 1.

N rows in columns of numbers, text and dates; D' features out. Everything that is learned (medians,
means, scales, categories, parts of words) is learned from training rows alone.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from outweigh._columns import TYPES, Columns, Schema

LARGEST = 1e100
"""Values are clipped to ± this before they are averaged: a variance must fit into a float64."""

FARTHEST = 1e4
"""Features are clipped to ± this many standard deviations. A value farther out says no more than
that, while one of 1e300 would overflow float32, and with it the network."""

MOST_CATEGORIES = 40
"""A column with more distinct texts than this is told by parts of words, not by whole texts."""

PARTS = 10
"""Features that a column of many texts becomes."""

FEWEST = 10
"""A text in fewer training rows than this shares a feature with all such texts, lest a handful of
rows, many standard deviations out, be learned by heart. In small tables it is one row in 100."""

GAP = "(missing)"
"""Stands for a missing text."""


@dataclass(frozen=True, eq=False)
class Features:
    """What the training rows taught about the columns; made by `fit_features`.

    Attributes
    ----------
    schema : tuple of (name, kind)
        The columns that it was fitted on.
    names : (D',) tuple of str
        Numbers, and dates in seconds, by their names; ``missingindicator_…`` for each of these that
        had gaps in the training rows; then ``site_north``, ``note_3``, ``day_month_circular_0``.
    numbers : sklearn.pipeline.Pipeline, optional
        Median imputation with indicators, then standardisation.
    others : sklearn.pipeline.Pipeline, optional
        skrub's ``TableVectorizer`` for text and the calendar, then the same without indicators.
    known : mapping of str to tuple of str
        For each column of few texts those that came in the training rows.
    """

    schema: Schema
    names: tuple[str, ...]
    numbers: Pipeline | None = None
    others: Pipeline | None = None
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def one_hot(self) -> tuple[NDArray[np.int64], ...]:
        """For each column of few texts, the places of the features that together tell its text.

        There are none of them where the features come from a bundle: nothing is trained on those.
        """
        if not isinstance(self.others, Pipeline):
            return ()
        outputs = self.others[0].all_outputs_  # begin with the place of their column, see `_frame`
        column = np.array([int(output.split("_", 1)[0]) for output in outputs])
        names = [name for name, kind in self.schema if kind != "number"]
        return tuple(
            len(self.names) - len(outputs) + np.flatnonzero(column == names.index(name))
            for name in self.known
        )

    def transform(self, columns: Columns) -> NDArray[np.float32]:
        """Turn columns of N rows into features (N, D'): float32, C-contiguous, all finite."""
        features = np.zeros((len(columns), len(self.names)), dtype=np.float32)
        if len(columns) == 0:  # an empty test part is no error, though scikit-learn calls it one
            return features
        begin = 0
        for pipeline, given in ((self.numbers, _numbers), (self.others, self._frame)):
            if pipeline is not None:
                found = pipeline.transform(given(columns))
                end = begin + found.shape[1]
                np.clip(found, -FARTHEST, FARTHEST, out=features[:, begin:end], casting="same_kind")
                begin = end
        return features

    def unknown(self, columns: Columns) -> dict[str, int]:
        """Count, in each column of few texts, the rows whose text no training row had.

        To the network such a row has none of the known texts. Columns without such rows are left
        out.
        """
        counts = {}
        for name, texts in self.known.items():
            column = columns.others[name].drop_null()
            is_known = pc.is_in(column, value_set=pa.array(texts, TYPES["text"]))
            counts[name] = len(column) - (pc.sum(is_known).as_py() or 0)
        return {name: count for name, count in counts.items() if count}

    def _frame(self, columns: Columns) -> Any:
        return _frame(columns, self.known)


def fit_features(columns: Columns, rows: ArrayLike) -> Features:
    """Learn from some rows how to turn columns into features.

    A gap in numbers becomes the column's median, and a further feature says where the gaps were. A
    date becomes a number of seconds, and its place in the year, the month, the week and the day. A
    column of few texts becomes a feature for each of them, one of them for gaps; a column of many
    texts becomes the main directions among the parts of its words. A feature that is constant on
    these rows is 0 everywhere: no weight could be learned for it, so that another value met later
    must not move the network.

    Parameters
    ----------
    columns : Columns
    rows : (n,) array-like of int
        Numbers of the training rows.

    Returns
    -------
    Features
        The same to the bit, whatever the number of threads.

    Examples
    --------
    >>> from outweigh._table import from_arrays
    >>> X = [[1, "u"], [None, "v"], [3, "u"], [9, "w"]]
    >>> columns = from_arrays(X, [0, 0, 1, 0], names=["a", "b"]).columns
    >>> features = fit_features(columns, [0, 1, 2])
    >>> features.names
    ('a', 'missingindicator_a', 'b_u', 'b_v')
    >>> features.transform(columns).round(2)
    array([[-1.22, -0.71,  0.71, -0.71],
           [ 0.  ,  1.41, -1.41,  1.41],
           [ 1.22, -0.71,  0.71, -0.71],
           [ 8.57, -0.71, -1.41, -0.71]], dtype=float32)
    >>> features.unknown(columns)
    {'b': 1}
    """
    names: list[str] = []
    numbers, others, known = None, None, {}
    if counted := (*columns.of_kind("number"), *columns.of_kind("date")):
        imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        numbers = make_pipeline(imputer, StandardScaler())
        _fit(numbers, _numbers(columns.take(rows)))
        names += numbers.get_feature_names_out(counted).tolist()
    if columns.others.num_columns:
        training = columns.take(rows)
        known = _known(training)
        imputer = SimpleImputer(strategy="median", keep_empty_features=True)
        others = make_pipeline(_vectorizer(training, known), imputer, StandardScaler())
        with warnings.catch_warnings(), threadpool_limits(1, "blas"):  # threads change the rounding
            warnings.simplefilter("ignore")  # of columns whose many texts hardly differ
            _fit(others, _frame(training, known))
        names += _called(others[0].all_outputs_, columns.others.column_names)
    return Features(columns.schema, tuple(names), numbers, others, known)


def _numbers(columns: Columns) -> NDArray[np.float64]:
    """(N, P) numbers, then dates in seconds, none so large that its square overflows."""
    dates = [columns.others[name] for name in columns.of_kind("date")]
    seconds = [column.cast(pa.int64()).to_numpy() / 1e6 for column in dates]
    numbers = np.column_stack([columns.numbers, *seconds]) if dates else columns.numbers
    return np.clip(numbers, -LARGEST, LARGEST)


def _fit(pipeline: Pipeline, training: Any) -> None:
    """Fit a pipeline that ends in a scaler, which then turns what was constant into 0."""
    features = pipeline.fit_transform(training)
    constant = features.min(axis=0) == features.max(axis=0)
    pipeline[-1].scale_[constant] = np.inf  # whatever is divided by it is 0


def _known(training: Columns) -> dict[str, tuple[str, ...]]:
    """Texts of each column that has few, blank ones aside: there are no words in them."""
    distinct = {n: training.others[n].unique().drop_null() for n in training.of_kind("text")}
    texts = {name: tuple(sorted(values.to_pylist())) for name, values in distinct.items()}
    return {n: t for n, t in texts.items() if sum(bool(x.split()) for x in t) <= MOST_CATEGORIES}


def _vectorizer(training: Columns, known: Mapping[str, tuple[str, ...]]) -> Any:
    """One encoder for each column, by its place: the guesses of `TableVectorizer` are left out."""
    from skrub import DatetimeEncoder, StringEncoder, TableVectorizer  # late: it loads seconds long

    encoders = {
        "few": OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            min_frequency=max(1, min(FEWEST, len(training) // 100)),
            sparse_output=False,
            dtype="float32",
        ),
        "many": StringEncoder(n_components=PARTS, random_state=0),
        "date": DatetimeEncoder(
            add_weekday=True, add_total_seconds=False, periodic_encoding="circular"
        ),
    }
    places: dict[str, list[str]] = {encoder: [] for encoder in encoders}
    kinds = dict(training.schema)
    for place, name in enumerate(training.others.column_names):
        few = "few" if name in known else "many"
        places["date" if kinds[name] == "date" else few].append(str(place))
    return TableVectorizer(
        specific_transformers=[(encoders[e], at) for e, at in places.items() if at]
    )


def _frame(columns: Columns, known: Mapping[str, tuple[str, ...]]) -> Any:
    """Text and dates as a pandas frame; columns are called by their places, which never clash."""
    named = zip(columns.others.column_names, columns.others.columns, strict=True)
    arrays = [column.fill_null(GAP) if name in known else column for name, column in named]
    return pa.table(arrays, [str(place) for place in range(len(arrays))]).to_pandas()


def _called(outputs: Sequence[str], names: Sequence[str]) -> list[str]:
    """Names of features, with the column's name for its place."""
    parts = (output.split("_", 1) for output in outputs)
    return [f"{names[int(place)]}_{part}" for place, part in parts]
