"""Preprocessing made from a recipe is the one that was learned, and a wrong recipe makes none."""

import copy
import json
import time
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from outweigh import BundleError
from outweigh._columns import align, columns_of
from outweigh._features import fit_features
from outweigh._recipe import Encoded, fits, read, written
from tests.models import drawn

N = 1200
NOON = datetime(2020, 6, 1, 12)


def every(n=N, seed=0, *, hours=0):
    """Columns of each kind: numbers with gaps, few texts some of which are rare, many, dates."""
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("abcdefgh"), 7)) for _ in range(60)]
    days = [NOON + timedelta(days=int(d), hours=hours * (i % 24)) for i, d in enumerate(range(n))]
    held = {
        "size": pa.array(rng.normal(size=n), mask=rng.random(n) < 0.1),
        "site": pa.array(["rare", "rarer", *rng.choice(["a", "b"], n - 2)]),
        "note": pa.array([" ".join(rng.choice(words, 3)) for _ in range(n)]),
        "day": pa.array([day if hours else datetime(*day.timetuple()[:3]) for day in days]),
    }
    return columns_of(held)


def strange(schema):
    """New rows as unlike those that were learned from as can be."""
    cells = {
        "number": pa.array([None, 1e300, -1e300, 0.0]),
        "text": pa.array(["never came", "", None, "\x00\n🙂 İ"]),
        "date": pa.array([datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59), None, NOON]),
    }
    return align({name: cells[kind] for name, kind in schema}, schema)[0]


def same(one, two) -> bool:
    """Whether two recipes are the same to the last bit."""
    told = [json.dumps(r, default=lambda a: [str(a.dtype), a.shape, a.tobytes().hex()])
            for r in (one, two)]  # fmt: skip
    return told[0] == told[1]


def agree(features, columns) -> None:
    made = read(written(features))
    assert (made.schema, made.names) == (features.schema, features.names)
    assert made.known == features.known
    for rows in (columns, strange(columns.schema), columns.take([0]), columns.take(np.arange(0))):
        found = made.transform(rows)
        assert found.tobytes() == features.transform(rows).tobytes()
        assert np.isfinite(found).all()
        assert made.unknown(rows) == features.unknown(rows)


@pytest.mark.parametrize("hours", [0, 1])
def test_preprocessing_of_every_kind_is_made_anew(hours):
    columns = every(hours=hours)
    features = fit_features(columns, range(N))
    assert ("day_hour_circular_0" in features.names) == bool(hours)
    assert "site_infrequent_sklearn" in features.names
    agree(features, columns)


@pytest.mark.parametrize("seed", range(100, 112))
def test_preprocessing_of_any_table_is_made_anew(seed):
    columns = drawn(seed).columns
    agree(fit_features(columns, range(0, len(columns), 2)), columns)


@pytest.mark.parametrize(
    "cell",
    [
        lambda i: " " * i,
        lambda i: "always the same " * (i + 1),
        lambda i: chr(0x4E00 + i),
        lambda i: f"x\ny\0{i}\r\n\x1c z{i}İ",
        lambda i: "none" if i % 3 else None,
        lambda i: None if i < 99 else "came once",
    ],
    ids=["blank", "one text", "signs", "controls", "gaps", "rare"],
)
def test_texts_of_any_kind_are_no_trouble(cell):
    columns = columns_of({"note": pa.array([cell(i) for i in range(100)])})
    agree(fit_features(columns, range(100)), columns)


def test_a_recipe_of_a_recipe_is_the_same():
    features = fit_features(every(), range(N))
    first = written(read(written(features)))
    assert same(first, written(features))
    assert isinstance(read(first).others, Encoded)


def test_a_recipe_holds_each_number_once():
    """What the fitted objects say several times over: 240 MB for such a column, 30 s to write."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), 6)) for _ in range(4000)]
    columns = columns_of({"note": pa.array([" ".join(rng.choice(words, 8)) for _ in range(3000)])})
    features = fit_features(columns, range(3000))
    begun = time.perf_counter()
    (many,) = written(features)["encoders"]
    assert time.perf_counter() - begun < 3
    n_terms = len(many["terms"].split("\n"))
    assert n_terms > 10_000
    assert many["directions"].shape == (10, n_terms)


# recipes that are wrong


@pytest.fixture(scope="module")
def recipe():
    return written(fit_features(every(), range(N)))


f, i = np.float64, np.int64
WRONG = {
    "schema": [[], [["size"]], [["size", "number"]] * 2, None, [["size", "colour"]], "size"],
    "names": [[], ["size"], None, [1], "size"],
    "known": [[], [["size", []], ["site", []]], [["nowhere", []]], [["site", [1]]], {}],
    "encoders": [[], None, [{}], [[]], [1, 2, 3]],
    "numbers.fill": [np.zeros(1), np.full(2, np.nan), np.full(2, 1e200), np.zeros(2, i), [0, 0]],
    "numbers.gaps": [[2], [0, 0], [1, 0], [-1], [True], [0.0], [10**30], [0, 1], None],
    "numbers.mean": [np.zeros(2), np.full(3, np.inf), np.zeros(3, complex), np.zeros((3, 1)), 0],
    "numbers.scale": [np.zeros(3), np.full(3, -1.0), np.full(3, np.nan), np.ones(3, object)],
    "others.fill": [np.zeros(0), np.zeros(99)],
    "others.gaps": [[0]],
    "others.mean": [np.zeros(0)],
    "others.scale": [np.zeros(99)],
    "encoders.0.texts": [[], ["a"], ["a", "a", "rare", "rarer"], ["a", "b", "c", "d"], [None]],
    "encoders.0.rare": [["c"], ["a", "a"], ["a", "b", "rare"], None, "a"],
    "encoders.1.terms": ["", "a", "a\na", "a" * 99, None, ["a"]],
    "encoders.1.ngrams": [[0, 3], [4, 3], [3], [3, 99], [3.0, 4.0], [True, True]],
    "encoders.1.idf": [np.ones(3), np.ones(0), np.ones((1, 1)), None],
    "encoders.1.directions": [np.ones((10, 3), "f4"), np.ones(10, "f4"), np.zeros((0, 0), "f4")],
    "encoders.1.scale": [f(1.0), np.ones(1), np.array(0.0), np.array(-1.0), np.array(np.nan)],
    "encoders.1.width": [0, 9, 10**9, -1, True, 10.0],
    "encoders.2.options": [
        [],
        None,
        [["resolution", "century"]],
        [["resolution", None]],
        [["add_weekday", 1]],
        [["add_weekday", True], ["harm", "os.system"]],
        [["periodic_encoding", "os.system"]],
    ],
}


@pytest.mark.parametrize(
    ("path", "value"), [(path, value) for path, values in WRONG.items() for value in values]
)
def test_a_wrong_recipe_is_refused_in_one_line(recipe, path, value):
    wrong = copy.deepcopy(recipe)
    *parents, name = path.split(".")
    part = wrong
    for parent in parents:
        part = part[int(parent) if isinstance(part, list) else parent]
    assert name in part
    part[name] = value
    with pytest.raises(BundleError, match="the preprocessing") as caught:
        read(wrong)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("wrong", [None, [], {}, 0, "recipe", {"schema": []}])
def test_what_is_no_recipe_is_refused(wrong):
    with pytest.raises(BundleError, match="must be a recipe"):
        read(wrong)


@pytest.mark.parametrize("path", [*WRONG, "numbers", "others", "encoders.0", "encoders.1"])
def test_a_recipe_that_lacks_a_part_or_has_one_more_is_refused(recipe, path):
    *parents, name = path.split(".")
    for change in (lambda part: part.pop(name), lambda part: part.update({name + "?": None})):
        wrong = copy.deepcopy(recipe)
        part = wrong
        for parent in parents:
            part = part[int(parent) if isinstance(part, list) else parent]
        if isinstance(part, dict):
            change(part)
            with pytest.raises(BundleError):
                read(wrong)


def test_kinds_are_told_apart():
    assert fits({"a": [[1, "x"], [2, "y"]]}, {"a": [(int, str)]})
    assert not fits({"a": [[1, "x", 0]]}, {"a": [(int, str)]})
    assert not fits({"a": (1, 2)}, {"a": [int]})
    assert fits([0.5, -3, 2**60], [float])
    for wrong in (True, "1", None, float("nan"), float("inf"), 1j, np.float64(1), [1.0]):
        assert not fits(wrong, float)
    for wrong in (True, -1, 1.0, 2**63, None):
        assert not fits(wrong, int)
