"""Samplers: any object with ``fit_resample``, such as imbalanced-learn's, on training rows only.

A sampler is handed a copy of the training rows, and what it gives back is checked: it trains
networks next. Columns of text are turned into codes for those that ask which columns are
categories. Row weights go along with the rows, and to rows that were made up from the nearest one.

Letters: n training rows, n' rows that come back, D features, P of them that code no text, G columns
of few texts.
"""

import importlib
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from outweigh._errors import SettingError, UsageError
from outweigh._estimators import called, parameters, seeded
from outweigh._reading import one_line

OVER, UNDER = "imblearn.over_sampling", "imblearn.under_sampling"

SAMPLERS = {
    "smote": (OVER, "SMOTE"),
    "smotenc": (OVER, "SMOTENC"),
    "borderline-smote": (OVER, "BorderlineSMOTE"),
    "svm-smote": (OVER, "SVMSMOTE"),
    "adasyn": (OVER, "ADASYN"),
    "smote-enn": ("imblearn.combine", "SMOTEENN"),
    "smote-tomek": ("imblearn.combine", "SMOTETomek"),
    "tomek-links": (UNDER, "TomekLinks"),
    "near-miss": (UNDER, "NearMiss"),
    "edited-nearest-neighbours": (UNDER, "EditedNearestNeighbours"),
    "neighbourhood-cleaning": (UNDER, "NeighbourhoodCleaningRule"),
    "one-sided-selection": (UNDER, "OneSidedSelection"),
    "cluster-centroids": (UNDER, "ClusterCentroids"),
    "instance-hardness": (UNDER, "InstanceHardnessThreshold"),
    "random-over": (OVER, "RandomOverSampler"),
    "random-under": (UNDER, "RandomUnderSampler"),
}
"""The module and class of each sampler that goes by a name. The last two draw once, before
training; `outweigh._draws` does so anew in each epoch."""

BY_CLASS = ("RandomOverSampler", "RandomUnderSampler")
"""Classes of samplers that draw rows whatever their features."""

CATEGORICAL = "categorical_features"
"""The parameter by which a sampler is told which columns are categories."""

Texts = Sequence[NDArray[np.int64]]
"""For each of G columns of few texts, the features that together tell its text."""


class Resampled(NamedTuple):
    """The rows that a sampler made of the training rows."""

    x: NDArray[np.float32]  # (n', D)
    y: NDArray[np.int64]  # (n',)
    row_weight: NDArray[np.float64] | None  # (n',)


@final
@dataclass(frozen=True)
class Sampler:
    """What turns training rows into other training rows, by the name that it goes by.

    Attributes
    ----------
    name : str
    build : callable
        Gives a fresh object with ``fit_resample(x, y)``.
    own : int, optional
        Tells apart the objects that a user brought along, whatever they are called.

    References
    ----------
    Lemaître, Nogueira and Aridas, Imbalanced-learn: A Python Toolbox to Tackle the Curse of
    Imbalanced Datasets in Machine Learning, JMLR 18(17), 2017. Chawla et al., SMOTE: Synthetic
    Minority Over-sampling Technique, JAIR 16, 2002. doi:10.1613/jair.953

    Examples
    --------
    >>> x = np.array([[0], [1], [2], [3], [7], [9]], dtype=np.float32)
    >>> y = np.array([0, 0, 0, 0, 1, 1])
    >>> found = sampler_named("random-over").resample(x, y, seed=0)
    >>> found.y
    array([0, 0, 0, 0, 1, 1, 1, 1])
    >>> sampler_named("smote").resample(x, y, seed=0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    outweigh._errors.SettingError: smote could not resample the training rows: Expected ...
    """

    name: str
    build: Callable[[], Any] = field(compare=False, repr=False)
    own: int | None = field(default=None, repr=False)

    @property
    def by_class(self) -> bool:
        """Whether it looks at nothing but classes: then the odds tell all that it does."""
        sampler = self.build()
        smoothed = getattr(sampler, "shrinkage", None) is not None
        return type(sampler).__name__ in BY_CLASS and not smoothed

    def resample(
        self,
        x: NDArray[np.float32],
        y: NDArray[np.int64],
        row_weight: NDArray[np.float64] | None = None,
        *,
        one_hot: Texts = (),
        seed: int,
    ) -> Resampled:
        """Resample training rows.

        Parameters
        ----------
        x : (n, D) float32 array
            Features of the training rows, and of no other row.
        y : (n,) array of int
            Codes of their classes.
        row_weight : (n,) array of float, optional
            Rows of weight 0 are left out.
        one_hot : sequence of arrays of int
            For each column of few texts the features that together tell its text, as
            `Features.one_hot` gives them. A sampler with a parameter ``categorical_features`` is
            handed a column of codes for each, behind the other features.
        seed : int
            The ``random_state`` of a sampler that has such a parameter, or parts that do, left at
            None.

        Returns
        -------
        Resampled
            Of the classes that came, none left out. The same to the bit for one seed, if the
            sampler draws from its ``random_state`` alone.

        Raises
        ------
        SettingError
            When the sampler cannot serve these rows, or what it gives back cannot.
        """
        if row_weight is not None and not row_weight.all():
            kept = row_weight > 0
            return self.resample(x[kept], y[kept], row_weight[kept], one_hot=one_hot, seed=seed)
        try:
            return self._resample(x, y, row_weight, one_hot, seed)
        except SettingError:
            raise
        except Exception as error:  # from any library: whatever it is, other settings go on
            reason = one_line(error) or type(error).__name__
            raise SettingError(
                f"{self.name} could not resample the training rows: {reason}"
            ) from error

    def _resample(
        self,
        x: NDArray[np.float32],
        y: NDArray[np.int64],
        row_weight: NDArray[np.float64] | None,
        one_hot: Texts,
        seed: int,
    ) -> Resampled:
        with warnings.catch_warnings(), threadpool_limits(1):  # threads change the rounding
            warnings.simplefilter("ignore")
            sampler = seeded(self.build(), seed)
            texts = self._told_of(sampler, x.shape[1], one_hot)
            found_x, found_y, *_ = sampler.fit_resample(_coded(x, texts), y.copy())
            found_x, found_y = _decoded(_matrix(found_x), x, texts), _codes(found_y)
            _check(found_x, found_y, y)
            if row_weight is not None:
                row_weight = row_weight[_sources(sampler, x, y, found_x, found_y)]
        return Resampled(found_x, found_y, row_weight)

    def _told_of(self, sampler: Any, n_features: int, one_hot: Texts) -> Texts:
        """Tell a sampler that asks for it which columns are categories: the last ones."""
        if CATEGORICAL not in parameters(sampler):
            return ()
        if not one_hot:
            raise SettingError(f"{self.name} needs a column of few texts, none is here: use smote")
        n_others = len(_others(n_features, one_hot))
        sampler.set_params(**{CATEGORICAL: list(range(n_others, n_others + len(one_hot)))})
        return one_hot


def sampler_named(name: str) -> Sampler | None:
    """Give the sampler of a name in `SAMPLERS`, or None."""
    return Sampler(name, partial(_made, *SAMPLERS[name])) if name in SAMPLERS else None


def sampler_of(sampler: Any, name: str | None = None) -> Sampler:
    """Take a user's own sampler.

    Parameters
    ----------
    sampler : object with fit_resample
        One with parameters, as scikit-learn's estimators have them, is cloned for each use and
        never changed; any other one is used as it is.
    name : str, optional
        Its representation on one line unless given.

    Raises
    ------
    UsageError
        When it is no such object.

    Examples
    --------
    >>> from imblearn.over_sampling import SMOTE
    >>> sampler_of(SMOTE(k_neighbors=3))
    Sampler(name='SMOTE(k_neighbors=3)')
    """
    if isinstance(sampler, type) or not callable(getattr(sampler, "fit_resample", None)):
        raise UsageError(
            f"a sampler must be an object with fit_resample; came {called(sampler)}: "
            "give one such as SMOTE(k_neighbors=3)"
        )
    return Sampler(name or called(sampler), partial(_cloned, sampler), own=id(sampler))


# -- the object


def _made(module: str, name: str) -> Any:
    """Make a sampler of imbalanced-learn, which is imported only now."""
    made = getattr(importlib.import_module(module), name)
    return made(**{CATEGORICAL: []}) if name == "SMOTENC" else made()


def _cloned(sampler: Any) -> Any:
    from sklearn.base import clone

    return clone(sampler) if hasattr(sampler, "get_params") else sampler


# -- columns of text


def _others(n_features: int, texts: Texts) -> NDArray[np.int64]:
    """Give the places (P,) of the features that code no text."""
    return np.setdiff1d(np.arange(n_features), np.concatenate([np.arange(0), *texts]))


def _coded(x: NDArray[np.float32], texts: Texts) -> NDArray[np.float32]:
    """Copy features (n, D), with a column of codes for each text behind the others: (n, P + G)."""
    codes = [x[:, places].argmax(axis=1) for places in texts]
    columns = [x[:, _others(x.shape[1], texts)], *codes]
    return np.ascontiguousarray(np.column_stack(columns), dtype=np.float32)


def _decoded(
    found: NDArray[np.float32], x: NDArray[np.float32], texts: Texts
) -> NDArray[np.float32]:
    """Turn codes back into the features that rows of x have them by: (n', P + G) to (n', D)."""
    others = _others(x.shape[1], texts)
    if found.shape[1] != len(others) + len(texts):
        raise ValueError(
            f"it must give back the {len(others) + len(texts)} columns that it was given; "
            f"came {found.shape[1]}"
        )
    features = np.empty((len(found), x.shape[1]), dtype=np.float32)
    features[:, others] = found[:, : len(others)]
    for places, code in zip(texts, found[:, len(others) :].T, strict=True):
        known, first = np.unique(x[:, places].argmax(axis=1), return_index=True)
        if not np.isin(code, known).all():
            raise ValueError("it must give back texts that came; it made up others")
        features[:, places] = x[first][:, places][np.searchsorted(known, code)]
    return features


# -- what comes back


def _matrix(found: Any) -> NDArray[np.float32]:
    """Give rows that may be sparse, a frame, or of another type."""
    dense = found.toarray() if hasattr(found, "toarray") else found
    matrix = np.asarray(dense, dtype=np.float32)
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise ValueError("it must give back a matrix of finite numbers")
    return matrix


def _codes(found: Any) -> NDArray[np.int64]:
    """Give labels that may be a series, or of another type."""
    labels = np.asarray(found)
    codes = labels.astype(np.int64)
    if codes.ndim != 1 or not (codes == labels).all():
        raise ValueError("it must give back one whole number for each row")
    return codes


def _check(found_x: NDArray[np.float32], found_y: NDArray[np.int64], y: NDArray[np.int64]) -> None:
    if len(found_x) != len(found_y):
        raise ValueError(
            f"it must give back a label for each row; came {len(found_y)} for {len(found_x)}"
        )
    if strange := sorted({*found_y.tolist()} - {*y.tolist()}):
        raise ValueError(f"it must give back classes that came; {strange[0]} did not")
    if lost := sorted({*y.tolist()} - {*found_y.tolist()}):
        raise ValueError(f"it must leave rows of each class; there are none of class {lost[0]}")
    if len(found_y) < 2:
        raise ValueError(f"it must leave two rows at least; came {len(found_y)}")


# -- row weights


def _sources(
    sampler: Any,
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    found_x: NDArray[np.float32],
    found_y: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Give the training row (n',) that each row came from; as the sampler tells it, if it does.

    Else it is the nearest one of its class.
    """
    told = getattr(sampler, "sample_indices_", ())
    if len(told) == len(found_y):
        return np.asarray(told)
    sources = np.empty(len(found_y), dtype=np.int64)
    for code in np.unique(found_y):
        ours, theirs = np.flatnonzero(y == code), np.flatnonzero(found_y == code)
        sources[theirs] = ours[_nearest(x[ours], found_x[theirs])]
    return sources


def _nearest(x: NDArray[np.float32], found: NDArray[np.float32]) -> NDArray[np.int64]:
    """Give the nearest row of x for each row found; equal rows of x are taken in turns.

    Copies, which most rows are, are looked up first: a search for each would take hours.
    """
    from sklearn.neighbors import NearestNeighbors

    places = defaultdict(list)
    for place, row in enumerate(x):
        places[row.tobytes()].append(place)
    turns = {row: cycle(equal) for row, equal in places.items()}
    rows = (row.tobytes() for row in found)
    nearest = np.array([next(turns[row]) if row in turns else -1 for row in rows])
    if (made_up := nearest < 0).any():
        tree = NearestNeighbors(n_neighbors=1).fit(x)
        nearest[made_up] = tree.kneighbors(found[made_up], return_distance=False)[:, 0]
    return nearest
