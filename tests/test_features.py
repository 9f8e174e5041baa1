import os
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from outweigh._columns import Columns, columns_of, number_columns
from outweigh._features import FARTHEST, FEWEST, GAP, MOST_CATEGORIES, PARTS, fit_features
from outweigh._recipe import read, written
from outweigh._table import from_frame

nan = np.nan


def columns_from(values) -> Columns:
    values = np.asarray(values, dtype=float)
    return number_columns(values, [f"x{j}" for j in range(values.shape[1])])


def texts(*cells, name="site") -> Columns:
    return columns_of({name: pa.array(cells, pa.large_string())})


def street(i: int) -> str:
    return f"{'abcdefghij'[i % 10] * 3} {'klmnopqrstuvw'[i % 13] * 4} {i}"


def mixed(n: int, seed: int = 0) -> Columns:
    """Draw columns of every kind, with gaps."""
    rng = np.random.default_rng(seed)
    gaps = rng.random((4, n)) < 0.1
    days = [datetime(2020, 1, 1) + timedelta(hours=int(h)) for h in rng.integers(0, 9999, n)]
    held = {
        "size": pa.array(rng.normal(size=n), mask=gaps[0]),
        "site": pa.array(rng.choice(["north", "south", "nan", ""], n).tolist(), mask=gaps[1]),
        "note": pa.array([street(i) for i in rng.integers(0, 500, n)], mask=gaps[2]),
        "day": pa.array(days, pa.timestamp("us"), mask=gaps[3]),
    }
    return columns_of(held)


def bits(features, columns) -> bytes:
    return features.transform(columns).tobytes()


# ------------------------------------------------------------------- numbers


def test_features_can_be_checked_with_a_pencil():
    columns = columns_from([[1, 5], [nan, 5], [3, 5]])
    features = fit_features(columns, np.arange(3))
    assert features.names == ("x0", "x1", "missingindicator_x0")
    a, b = 1.5**0.5, 0.5**0.5  # (3 − 2) / sd(1, 2, 3) and (1/3) / sd(0, 1, 0)
    want = [[-a, 0, -b], [0, 0, 2 * b], [a, 0, -b]]
    assert features.transform(columns) == pytest.approx(np.array(want))


def test_a_far_value_is_clipped_and_nothing_overflows():
    columns = columns_from([[0.0], [1.0], [1e300], [-1.7e308]])
    z = fit_features(columns, [0, 1]).transform(columns)
    assert z.ravel().tolist() == [-1, 1, FARTHEST, -FARTHEST]


@settings(max_examples=60, deadline=None)
@given(arrays(float, (6, 3), elements=st.floats(allow_infinity=False)))
def test_numbers_become_finite_features_ready_for_a_network(values):
    columns = columns_from(values)
    features = fit_features(columns, [0, 1, 2, 3])
    z = features.transform(columns)
    assert z.shape == (6, len(features.names))
    assert z.dtype == np.float32
    assert z.flags.c_contiguous
    assert np.isfinite(z).all()
    assert np.abs(z).max() <= FARTHEST


def test_numbers_alone_do_without_the_encoders_of_text():
    code = (
        "import sys, numpy as np\n"
        "from outweigh._columns import number_columns\n"
        "from outweigh._features import fit_features\n"
        "columns = number_columns(np.eye(3), 'abc')\n"
        "fit_features(columns, [0, 1, 2]).transform(columns)\n"
        "print('skrub' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# ------------------------------------------------------------------- what is learned, and from whom


@pytest.mark.parametrize("n", [30, 400])
def test_only_the_training_rows_teach(n):
    columns, strange = mixed(n), mixed(n, seed=7)
    rows, others = np.arange(0, n, 2), np.arange(1, n, 2)
    both = {name: column.to_pylist() for name, column in columns.arrays().items()}
    for name, column in strange.arrays().items():
        for i in others:
            value = column[i].as_py()
            both[name][i] = f"{value} too" if isinstance(value, str) else value
    other = columns_of({n: pa.array(v, columns.arrays()[n].type) for n, v in both.items()})
    one, two = fit_features(columns, rows), fit_features(other, rows)
    assert one.names == two.names
    assert one.known == two.known
    assert bits(one, columns.take(rows)) == bits(two, columns.take(rows))
    assert bits(one, other) == bits(two, other)


def test_the_training_rows_are_learned_in_the_order_given():
    columns, rows = mixed(60), np.random.default_rng(1).permutation(60)
    assert bits(fit_features(columns, rows), columns) == bits(
        fit_features(columns.take(rows), np.arange(60)), columns
    )


def test_a_row_is_the_same_alone_and_among_others():
    columns = mixed(120)
    features = fit_features(columns, np.arange(100))
    together = features.transform(columns)
    for row in (0, 50, 119):
        assert features.transform(columns.take([row])).tobytes() == together[row].tobytes()


def test_what_is_constant_in_training_is_zero_everywhere():
    columns = columns_from([[5, nan, 1e300], [5, nan, 1e300], [1e9, 3, -1e300], [nan, nan, nan]])
    assert not fit_features(columns, [0, 1]).transform(columns).any()
    day = datetime(2020, 2, 29)
    held = {
        "one": pa.array(["a", "a", "b", None]),
        "none": pa.array([None, None, "c", ""]),
        "day": pa.array([day, day, day + timedelta(hours=40), None]),
        "never": pa.array([None, None, day, None], pa.timestamp("us")),
    }
    columns = columns_of(held)
    assert columns.kinds == ("text", "text", "date", "date")
    features = fit_features(columns, [0, 1])
    assert len(features.names) > 10
    assert not features.transform(columns).any()


def test_no_rows_become_no_rows():
    features = fit_features(mixed(30), np.arange(30))
    none = mixed(30).take(np.arange(0))
    assert features.transform(none).shape == (0, len(features.names))
    assert features.unknown(none) == {}


@pytest.mark.parametrize("n", [2, 17, 300])
def test_columns_of_every_kind_become_finite_features(n):
    columns = mixed(n)
    features = fit_features(columns, np.arange(n)[: max(1, n // 2)])
    z = features.transform(columns)
    assert z.shape == (n, len(features.names))
    assert z.dtype == np.float32
    assert z.flags.c_contiguous
    assert np.isfinite(z).all()


def test_training_rows_have_mean_0_and_deviation_1():
    columns = mixed(300)
    z = fit_features(columns, np.arange(300)).transform(columns)
    assert z.mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert z.std(axis=0) == pytest.approx(1, abs=1e-5)


# ------------------------------------------------------------------- few texts


def test_a_text_is_a_feature_that_can_be_checked_with_a_pencil():
    columns = texts("a", "b", "a", None)
    features = fit_features(columns, range(4))
    assert features.names == (f"site_{GAP}", "site_a", "site_b")
    r = 3**0.5  # (1 − 1/4) / sd(1, 0, 0, 0), and the other three −1/r
    want = [[-1 / r, 1, -1 / r], [-1 / r, -1, r], [-1 / r, 1, -1 / r], [r, -1, -1 / r]]
    assert features.transform(columns) == pytest.approx(np.array(want))


def test_relabelling_texts_only_permutes_their_features():
    cells = np.random.default_rng(0).choice(["a", "b", "c"], 50).tolist()
    other = {"a": "é", "b": "", "c": "a"}
    one, two = texts(*cells), texts(*(other[cell] for cell in cells))
    z = fit_features(one, range(40)).transform(one)
    relabelled = fit_features(two, range(40)).transform(two)
    assert sorted(z.T.tolist()) == sorted(relabelled.T.tolist())
    assert (z != relabelled).any()


def test_a_category_that_no_row_has_changes_nothing():
    cells = ["a", "b", "a", "b", "b", "a"]
    frames = [
        pd.DataFrame({"site": pd.Categorical(cells, categories=every), "y": [0, 0, 0, 0, 1, 1]})
        for every in (["a", "b"], ["never", "b", "a", "nor this"])
    ]
    one, two = (from_frame(frame, target="y").columns for frame in frames)
    first, second = fit_features(one, range(5)), fit_features(two, range(5))
    assert first.names == second.names == ("site_a", "site_b")
    assert bits(first, one) == bits(second, two)


def test_a_text_that_never_came_is_none_of_the_known_ones():
    columns = texts("a", "b", "a", "b", "c", "A", None)
    features = fit_features(columns, range(4))
    assert features.transform(columns)[4:].tolist() == [[-1, -1]] * 3
    assert features.unknown(columns) == {"site": 2}  # a gap is not a text
    assert features.unknown(columns.take(range(4))) == {}


def test_texts_of_a_handful_of_rows_share_a_feature():
    few = [f"few{i}" for i in range(FEWEST)] + ["some"] * FEWEST
    columns = texts(*["many"] * 1000, *few, "never came")
    features = fit_features(columns, range(1000 + 2 * FEWEST))
    assert features.names == ("site_many", "site_some", "site_infrequent_sklearn")
    z = features.transform(columns)
    assert (z[1000 : 1000 + FEWEST] == z[-1]).all()
    assert (z[-1] != z[-2]).any()
    assert features.unknown(columns) == {"site": 1}


def test_names_never_clash_and_are_the_same_each_time():
    held = {
        "a": pa.array(["b_c", "nan", None, "None"] * 3),
        "a_b": pa.array(["c", GAP, None, "x"] * 3),
        "0": pa.array([street(i) for i in range(12)]),
    }
    columns = columns_of(held)
    one, two = fit_features(columns, range(12)), fit_features(columns, range(12))
    assert one.names == two.names
    assert one.names[:4] == (f"a_{GAP}", "a_None", "a_b_c", "a_nan")
    assert not any("skrub" in name for name in one.names)
    assert [name for name in one.names if name.startswith("a_b_")] == [
        "a_b_c",
        f"a_b_{GAP}",
        "a_b_c",
        "a_b_x",
    ]


def test_the_features_of_a_text_can_be_found_again():
    n = 60
    cells = np.random.default_rng(0).choice(["p", "q", "r", GAP], n)
    held = {
        "kind": pa.array(["v", "u", "v"] * 20),
        "day": pa.array([datetime(2020, 1, 1) + timedelta(hours=31 * i) for i in range(n)]),
        "size": pa.array([*map(float, range(n - 1)), None]),
        "site": pa.array([None if cell == GAP else cell for cell in cells.tolist()]),
        "note": pa.array([street(i) for i in range(n)]),
    }
    columns = columns_of(held)
    features = fit_features(columns, range(50))
    kind, site = features.one_hot
    names = np.array(features.names)
    assert names[kind].tolist() == ["kind_u", "kind_v"]
    assert names[site].tolist() == [f"site_{GAP}", "site_p", "site_q", "site_r"]
    z = features.transform(columns)
    assert (z[:, kind].argmax(axis=1) == np.array([1, 0, 1] * 20)).all()
    assert (np.array([GAP, "p", "q", "r"])[z[:, site].argmax(axis=1)] == cells).all()
    assert ((z[:, site] > 0).sum(axis=1) == 1).all()


def test_without_few_texts_no_features_are_together():
    many = texts(*(street(i) for i in range(MOST_CATEGORIES + 1)))
    assert fit_features(many, range(MOST_CATEGORIES + 1)).one_hot == ()
    assert fit_features(columns_from([[1], [2]]), [0, 1]).one_hot == ()
    few = fit_features(texts("a", "b", "a"), range(3))
    assert [places.tolist() for places in few.one_hot] == [[0, 1]]
    assert read(written(few)).one_hot == ()  # from a bundle: nothing is trained on these


# ------------------------------------------------------------------- many texts


def test_many_texts_become_a_few_features_and_similar_ones_are_near():
    similar = [f"{street(i)[:8]} 999" for i in range(20)]
    columns = texts(*(street(i) for i in range(500)), "zzz yyyy", "", None, *similar)
    features = fit_features(columns, range(500))
    assert features.names == tuple(f"site_{i}" for i in range(PARTS))
    assert features.known == {}
    assert features.unknown(columns) == {}
    z = features.transform(columns)
    assert (z[500:503] == z[502]).all()  # nothing in these is known
    for i, row in enumerate(z[503:]):
        nearest = street(np.linalg.norm(z[:500] - row, axis=1).argmin())
        assert {*nearest.split()} & {*street(i).split()[:2]}


def test_few_and_many_are_told_apart_by_the_training_rows():
    columns = texts(*(street(i) for i in range(2 * MOST_CATEGORIES)))
    assert fit_features(columns, range(MOST_CATEGORIES)).known
    assert not fit_features(columns, range(MOST_CATEGORIES + 1)).known


@pytest.mark.parametrize(
    "cell",
    [
        lambda i: " " * i,
        lambda i: "\x1c" * i,
        lambda i: "a " * i,
        lambda i: "abcdefghijklmnop " * (i + 1),
        lambda i: chr(0x4E00 + i),
        lambda i: str(i),
        lambda i: "—" * i,
    ],
    ids=["blank", "separators", "one word", "always the same words", "signs", "digits", "dashes"],
)
def test_texts_that_hardly_differ_are_no_trouble(cell):
    columns = texts(*(cell(i) for i in range(3 * MOST_CATEGORIES)), None, "something else")
    features = fit_features(columns, range(3 * MOST_CATEGORIES))
    z = features.transform(columns)
    assert np.isfinite(z).all()
    assert z.shape[1] == len(features.names)


# ------------------------------------------------------------------- dates


def test_a_date_is_seconds_and_a_place_in_the_calendar():
    days = [datetime(2021, 3, 1, 0), datetime(2021, 9, 30, 12), None, datetime(2021, 3, 1, 6)]
    columns = columns_of({"day": pa.array(days)})
    features = fit_features(columns, range(4))
    assert features.names[:3] == ("day", "missingindicator_day", "day_year")
    assert "day_hour_circular_0" in features.names
    z = dict(zip(features.names, features.transform(columns).T.astype(float), strict=True))
    seconds = np.array([(d - days[0]).total_seconds() if d else 6 * 3600 for d in days])
    assert z["day"] == pytest.approx((seconds - seconds.mean()) / seconds.std(), abs=1e-5)
    assert z["missingindicator_day"] == pytest.approx(np.array([-1, -1, 3, -1]) / 3**0.5)
    assert not z["day_year"].any()  # always 2021
    months = np.sin(np.array([3, 9, 3, 3]) * np.pi / 6)  # in the gap the median
    assert z["day_month_circular_0"] == pytest.approx((months - months.mean()) / months.std())


def test_the_end_of_the_year_is_near_its_beginning():
    days = [datetime(2020, month, 15) for month in range(1, 13)]
    columns = columns_of({"day": pa.array(days)})
    features = fit_features(columns, range(12))
    months = ["day_month_circular_0", "day_month_circular_1"]
    z = features.transform(columns)[:, [features.names.index(name) for name in months]]
    steps = [np.linalg.norm(a - b) for a, b in pairwise([*z, z[0]])]
    assert steps == pytest.approx([float(steps[0])] * 12, rel=1e-6)


def test_dates_at_the_ends_of_the_calendar_are_no_trouble():
    days = [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(2020, 2, 29)]
    columns = columns_of({"day": pa.array([*days, None], pa.timestamp("us"))})
    assert np.isfinite(fit_features(columns, [0, 1]).transform(columns)).all()


# ------------------------------------------------------------------- the same everywhere


DIGEST = """
import hashlib
import pyarrow as pa
from outweigh._columns import columns_of
from outweigh._features import fit_features

words = [f"{'abcdefg'[i % 7] * 3} {'klmno'[i % 5]}k {7919 * i % 10007}" for i in range(6000)]
columns = columns_of({"site": pa.array(words), "few": pa.array([word[:1] for word in words])})
features = fit_features(columns, range(5000))
digest = hashlib.sha256(features.transform(columns).tobytes() + repr(features.names).encode())
digest = digest.hexdigest()
"""


def test_features_are_the_same_bits_whatever_the_process_and_its_threads():
    here: dict = {}
    exec(DIGEST, here)
    done = subprocess.run(
        [sys.executable, "-c", f"{DIGEST}\nprint(digest)"],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == here["digest"]


def test_what_was_learned_can_be_saved_without_pickle():
    columns = mixed(200)
    features = fit_features(columns, range(150))
    for pipeline in (features.numbers, features.others):
        saved = skops.io.dumps(pipeline)
        types = skops.io.get_untrusted_types(data=saved)
        assert all(name.split(".")[0] in {"numpy", "sklearn", "skrub"} for name in types)
    back = {
        name: skops.io.loads(skops.io.dumps(value), trusted=types)
        for name, value in vars(features).items()
    }
    assert bits(type(features)(**back), columns) == bits(features, columns)
    assert back["known"] == features.known
