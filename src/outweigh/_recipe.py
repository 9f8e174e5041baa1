"""A recipe: what preprocessing learned, as plain numbers and texts, and preprocessing made from it.

`Features` works with fitted objects of scikit-learn and skrub. Whoever reads such an object from a
file trusts every number in it: one index beyond an array's end, and compiled code writes over
memory that is not its own. So a recipe holds only what was learned, and what reads it checks all of
it and makes the objects anew, by their public parts. It also outlives other versions of them.

P columns of numbers and dates, G of which had gaps; W features from the other columns; T terms.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol, final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from outweigh._columns import TYPES
from outweigh._errors import BundleError
from outweigh._features import LARGEST, Features
from outweigh._reading import one_line

SEPARATOR = "\n"
"""Between terms: there is no white space but the blank in parts of words."""

LONGEST_TERM = 20
"""Letters; parts of words have three or four."""

STANDARD = {"fill": np.ndarray, "gaps": [int], "mean": np.ndarray, "scale": np.ndarray}
FEW = {"texts": [str], "rare": [str]}
MANY = {
    "terms": str,
    "ngrams": (int, int),
    "idf": np.ndarray,
    "directions": np.ndarray,
    "scale": np.ndarray,
    "width": int,
}
CALENDAR = {"options": [(str, {str, bool, None})]}
RECIPE = {
    "schema": [(str, str)],
    "names": [str],
    "known": [(str, [str])],
    "numbers": STANDARD,
    "encoders": [dict],
    "others": STANDARD,
}
"""The kinds of a recipe's parts, as `fits` takes them. Arrays of nothing stand for what is not
there; pairs stand where a user's names would be keys."""


class Encoder(Protocol):
    """What turns a column of text or dates into features."""

    @property
    def width(self) -> int:
        """How many features."""
        ...

    def transform(self, column: Any) -> NDArray[Any]:
        """Turn a pandas series of n cells into features (n, width)."""
        ...


@final
@dataclass(frozen=True)
class Few:
    """A feature for each text; one for all the rare ones, and for those that never came.

    Without rare ones a text that never came has no feature.

    Examples
    --------
    >>> Few(texts=("a", "b", "c", "d"), rare=("b", "d")).transform(["a", "b", "c", "never"])
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.],
           [0., 0., 1.]], dtype=float32)
    """

    texts: tuple[str, ...]
    rare: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many features."""
        return len(self.texts) - len(self.rare) + bool(self.rare)

    def transform(self, column: Any) -> NDArray[np.float32]:
        """Turn n texts into features (n, width)."""
        frequent = [text for text in self.texts if text not in self.rare]
        place = {text: k for k, text in enumerate(frequent)}
        places = [place.get(text, len(frequent)) for text in column]
        return np.eye(len(frequent) + 1, dtype=np.float32)[places, : self.width]


@final
@dataclass(frozen=True, eq=False)
class Many:
    """The main directions among the parts of words.

    Attributes
    ----------
    terms : (T,) tuple of str
    ngrams : (int, int)
        How many letters a term has, from and to.
    idf : (T,) array
        Inverse document frequency of each term.
    directions : (width, T) float32
        Where there are none, (0, T), the first terms stand for themselves.
    scale : array of no dimension
        What the features are divided by.
    width : int
    """

    terms: tuple[str, ...]
    ngrams: tuple[int, int]
    idf: NDArray[Any]
    directions: NDArray[np.float32]
    scale: NDArray[Any]
    width: int

    def transform(self, column: Any) -> NDArray[np.float32]:
        """Turn n texts into features (n, width)."""
        counts = self._vectorizer.transform(column.fillna("")).astype(np.float32)
        if len(self.directions):
            found = counts @ self.directions.T
        else:
            found = counts[:, : self.width].toarray()
        found /= self.scale[()]
        return np.asarray(found)

    @cached_property
    def _vectorizer(self) -> Any:
        made = TfidfVectorizer(
            analyzer="char_wb", ngram_range=self.ngrams, vocabulary=list(self.terms)
        )
        made.idf_ = self.idf
        return made


@final
@dataclass(frozen=True)
class Calendar:
    """The places of a date in the year, the month, the week and the day; nothing is learned."""

    options: Mapping[str, str | bool | None]

    @property
    def width(self) -> int:
        """How many features."""
        return len(self._encoder.all_outputs_)

    def transform(self, column: Any) -> NDArray[Any]:
        """Turn n dates into features (n, width)."""
        return np.asarray(self._encoder.transform(column))

    @cached_property
    def _encoder(self) -> Any:
        """An encoder fitted to a date that is no midnight, lest it leave out the hours."""
        from skrub import DatetimeEncoder  # late: it loads seconds long

        encoder = DatetimeEncoder(**self.options)
        noon = pa.array([datetime(2000, 1, 1, 12)], TYPES["date"])
        encoder.fit_transform(noon.to_pandas().rename("date"))
        return encoder


@final
@dataclass(frozen=True, eq=False)
class Encoded:
    """An encoder for each column of text or dates, in their order, and what standardises them."""

    encoders: tuple[Encoder, ...]
    standard: Any  # a pipeline, and None without columns

    def transform(self, frame: Any) -> NDArray[Any]:
        """Turn a pandas frame of n rows into features (n, W)."""
        columns = (frame.iloc[:, place] for place in range(len(self.encoders)))
        found = [e.transform(column) for e, column in zip(self.encoders, columns, strict=True)]
        return np.asarray(self.standard.transform(np.concatenate(found, axis=1)))


def written(features: Features) -> dict[str, Any]:
    """Give what preprocessing learned as dicts, lists, texts, numbers and arrays.

    Examples
    --------
    >>> from outweigh._columns import number_columns
    >>> from outweigh._features import fit_features
    >>> features = fit_features(number_columns(np.array([[1.0], [3.0]]), ["a"]), [0, 1])
    >>> written(features)["numbers"]
    {'fill': array([2.]), 'gaps': [], 'mean': array([2.]), 'scale': array([1.])}
    """
    encoded = _encoded(features)
    return {
        "schema": [list(column) for column in features.schema],
        "names": list(features.names),
        "known": [[name, list(texts)] for name, texts in features.known.items()],
        "numbers": _learned(features.numbers),
        "encoders": [_told(encoder) for encoder in encoded.encoders],
        "others": _learned(encoded.standard),
    }


def read(recipe: Any) -> Features:
    """Make the preprocessing of a recipe: it gives the same features, to the bit.

    Raises
    ------
    BundleError
        When the recipe is not as `written` gives it.

    Examples
    --------
    >>> from outweigh._columns import number_columns
    >>> from outweigh._features import fit_features
    >>> columns = number_columns(np.array([[1.0], [3.0], [np.nan]]), ["a"])
    >>> read(written(fit_features(columns, [0, 1]))).transform(columns).tolist()
    [[-1.0], [1.0], [0.0]]
    """
    _require(fits(recipe, RECIPE), "be a recipe")
    kinds = dict(recipe["schema"])
    known = {name: tuple(texts) for name, texts in recipe["known"]}
    encoders = tuple(_encoder(told) for told in recipe["encoders"])
    _require(len(kinds) == len(recipe["schema"]), "name each column once")
    _require({*kinds.values()} <= TYPES.keys(), "know the kind of each column")
    _require(_types(encoders) == _types_for(kinds, known), "have an encoder for each column")
    counted = sum(kind != "text" for kind in kinds.values())
    numbers = _standard(recipe["numbers"], counted)
    standard = _standard(recipe["others"], sum(e.width for e in encoders))
    made = len(recipe["numbers"]["mean"]) + len(recipe["others"]["mean"])
    _require(len(recipe["names"]) == made, "name each feature")
    return Features(
        schema=tuple(kinds.items()),
        names=tuple(recipe["names"]),
        numbers=numbers,
        others=Encoded(encoders, standard) if encoders else None,
        known=known,
    )


def fits(value: Any, kind: Any) -> bool:
    """Tell whether what came from a file is of a kind.

    A kind is a type, ``[kind]`` (a list of any length), a tuple (a list of these), a dict (one of
    these keys) or a set (one of these). Whole numbers are not below 0, numbers are finite, and
    truth values are no numbers.

    Examples
    --------
    >>> fits({"a": [1, 2.5]}, {"a": [float]}), fits([1, True], [int]), fits(None, {None, str})
    (True, False, True)
    """
    if isinstance(kind, set):
        return any(fits(value, one) for one in kind)
    if isinstance(kind, dict):
        named = type(value) is dict and value.keys() == kind.keys()
        return named and all(fits(value[name], kind[name]) for name in kind)
    if isinstance(kind, list):
        return type(value) is list and all(fits(one, kind[0]) for one in value)
    if isinstance(kind, tuple):
        return type(value) is list and len(value) == len(kind) and all(map(fits, value, kind))
    if kind is int:
        return type(value) is int and 0 <= value < 1 << 63
    if kind is float:
        return type(value) in (int, float) and -math.inf < value < math.inf
    return value is None if kind is None else type(value) is kind


# what was learned, from fitted objects


def _encoded(features: Features) -> Encoded:
    """Give the encoders of text and dates, and what standardises them."""
    if features.others is None:
        return Encoded((), None)
    if isinstance(features.others, Encoded):
        return features.others
    vectorizer, *standard = (step for _, step in features.others.steps)
    fitted = vectorizer.transformers_  # by the places of the columns, see `Features`
    encoders = [_taken(fitted[str(place)]) for place in range(len(fitted))]
    return Encoded(tuple(encoders), make_pipeline(*standard))


def _taken(fitted: Any) -> Encoder:
    """Take what an encoder learned."""
    if hasattr(fitted, "categories_"):
        (texts,), (rare,) = fitted.categories_, fitted.infrequent_categories_
        return Few(tuple(texts), () if rare is None else tuple(rare))
    if hasattr(fitted, "vectorizer_"):
        place = fitted.vectorizer_.vocabulary_
        nothing = np.zeros((0, len(place)), dtype=np.float32)
        return Many(
            terms=tuple(sorted(place, key=place.__getitem__)),
            ngrams=fitted.vectorizer_.ngram_range,
            idf=fitted.vectorizer_.idf_,
            directions=fitted.tsvd_.components_ if hasattr(fitted, "tsvd_") else nothing,
            scale=np.asarray(fitted.scaling_factor_ * np.float32(1)),  # it may be the int 1
            width=fitted.n_components_,
        )
    options = fitted.get_params()
    if fitted.resolution not in fitted.extracted_features_:
        options["resolution"] = "day"  # it has seen midnights only
    return Calendar(options)


def _told(encoder: Encoder) -> dict[str, Any]:
    """Give an encoder as FEW, MANY or CALENDAR says."""
    if isinstance(encoder, Few):
        return {"texts": list(encoder.texts), "rare": list(encoder.rare)}
    if isinstance(encoder, Calendar):
        return {"options": [list(option) for option in encoder.options.items()]}
    told = {name: getattr(encoder, name) for name in MANY}
    return told | {"terms": SEPARATOR.join(told["terms"]), "ngrams": list(told["ngrams"])}


def _learned(standard: Pipeline | None) -> dict[str, Any]:
    """Give what imputer and scaler learned as STANDARD says."""
    if standard is None:
        return {"fill": np.zeros(0), "gaps": [], "mean": np.zeros(0), "scale": np.zeros(0)}
    imputer, scaler = (step for _, step in standard.steps)
    gaps = imputer.indicator_.features_.tolist() if imputer.add_indicator else []
    fill = imputer.statistics_.astype(np.float64)
    return {"fill": fill, "gaps": gaps, "mean": scaler.mean_, "scale": scaler.scale_}


# objects made anew, from what was learned


def _encoder(told: dict[str, Any]) -> Encoder:
    if fits(told, FEW):
        return _few(**told)
    if fits(told, CALENDAR):
        return _calendar(**told)
    _require(fits(told, MANY), "know its encoders")
    return _many(**told)


def _few(texts: list[str], rare: list[str]) -> Few:
    distinct = len({*texts}) == len(texts) > 0 and len({*rare}) == len(rare)
    _require(distinct and {*rare} <= {*texts}, "know the texts of a column")
    return Few(tuple(texts), tuple(rare))


def _calendar(options: list[list[Any]]) -> Calendar:
    calendar = Calendar(dict(options))
    try:
        _require(calendar.width > 0, "turn a date into features")
    except (TypeError, ValueError) as error:
        raise BundleError(f"the preprocessing must know dates: {one_line(error)}") from None
    return calendar


def _many(terms: str, ngrams: list[int], idf: Any, directions: Any, scale: Any, width: int) -> Many:
    parts = terms.split(SEPARATOR)
    n = len(parts)
    fewest, most = ngrams
    _require(0 < fewest <= most <= LONGEST_TERM and width > 0, "count letters and features")
    _require(
        len({*parts}) == n and all(0 < len(part) <= LONGEST_TERM for part in parts),
        "know the parts of words",
    )
    _require(_finite(idf, (n,)) and _finite(scale, ()) and scale > 0, "weigh the parts of words")
    _require(
        _finite(directions, (width, n)) or (_finite(directions, (0, n)) and width <= n),
        "turn the parts of words into features",
    )
    return Many(tuple(parts), (fewest, most), idf, directions, scale, width)


def _standard(told: dict[str, Any], n: int) -> Pipeline | None:
    """Make imputer and scaler of n columns; None when there are none."""
    fill, gaps, mean, scale = (told[name] for name in STANDARD)
    n_out = n + len(gaps)
    _require(gaps == sorted({*gaps}) and all(gap < n for gap in gaps), "know where the gaps were")
    _require(
        _finite(fill, (n,)) and bool((abs(fill.astype(np.float64)) <= LARGEST).all()),
        "fill the gaps",
    )
    _require(_finite(mean, (n_out,)), "have a mean for each feature")
    _require(_numbers(scale, (n_out,)) and (scale > 0).all(), "have a scale for each feature")
    return make_pipeline(_imputer(fill, gaps), _scaler(mean, scale)) if n else None


def _imputer(fill: NDArray[Any], gaps: list[int]) -> SimpleImputer:
    """Fit an imputer to two rows whose median is `fill`, one of them with the gaps."""
    rows = np.stack([fill, fill])
    rows[1, gaps] = np.nan
    return SimpleImputer(strategy="median", add_indicator=bool(gaps)).fit(rows)


def _scaler(mean: NDArray[Any], scale: NDArray[Any]) -> StandardScaler:
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_, scaler.n_features_in_ = mean, scale, len(mean)
    return scaler


def _types(encoders: tuple[Encoder, ...]) -> list[type]:
    return [type(encoder) for encoder in encoders]


def _types_for(kinds: Mapping[str, str], known: Mapping[str, Any]) -> list[type]:
    """Say which encoders columns of text and dates must have."""
    of_text = {name: Few if name in known else Many for name in kinds if kinds[name] == "text"}
    _require({*known} <= {*of_text}, "know texts of its own columns only")
    return [of_text.get(name, Calendar) for name in kinds if kinds[name] != "number"]


def _numbers(array: NDArray[Any], shape: tuple[int, ...]) -> bool:
    return array.shape == shape and array.dtype in (np.float32, np.float64)


def _finite(array: NDArray[Any], shape: tuple[int, ...]) -> bool:
    return _numbers(array, shape) and bool(np.isfinite(array).all())


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise BundleError(
            f"the preprocessing of a bundle must {what}, it does not: something else wrote it; "
            "run the study again"
        )
