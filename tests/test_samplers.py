import warnings
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from imblearn.over_sampling import ADASYN, SMOTE, SMOTENC, RandomOverSampler
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import RandomUnderSampler, TomekLinks
from scipy import sparse
from sklearn.datasets import make_blobs

from outweigh._columns import columns_of
from outweigh._errors import SettingError, UsageError
from outweigh._features import fit_features
from outweigh._samplers import SAMPLERS, Sampler, sampler_named, sampler_of


def rows(*counts, features=3, seed=0, spread=2.0):
    """Draw overlapping clouds of so many rows, in some order: x (n, D) float32, y (n,)."""
    x, y = make_blobs(counts, features, cluster_std=spread, center_box=(-3, 3), random_state=seed)
    order = np.random.default_rng(seed).permutation(len(y))
    return x[order].astype(np.float32), y[order].astype(np.int64)


def texts(n=300, seed=0):
    """Features of two columns of texts, a date and a number; positives are in one site mostly."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.15).astype(np.int64)
    days = [datetime(2020, 1, 1) + timedelta(hours=int(h)) for h in rng.integers(0, 9999, n)]
    held = {
        "site": pa.array(np.where(y & (rng.random(n) < 0.7), "north", rng.choice([*"ab"], n))),
        "day": pa.array(days, pa.timestamp("us")),
        "size": pa.array(rng.normal(size=n) + y),
        "kind": pa.array(rng.choice(["u", "v", "w", None], n).tolist()),
    }
    columns = columns_of(held)
    features = fit_features(columns, range(n))
    return features.transform(columns), y, features.one_hot


def planted(give, **attributes):
    """Give a sampler that has nothing but a ``fit_resample`` that does as it is told."""
    sampler = type("Planted", (), {"fit_resample": lambda self, x, y: give(x, y)})()
    for name, value in attributes.items():
        setattr(sampler, name, value)
    return sampler_of(sampler, "planted")


def bits(resampled):
    return [None if part is None else part.tobytes() for part in resampled]


def as_rows(x):
    return {row.tobytes() for row in x}


# every sampler that goes by a name


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("counts", [(120, 30), (90, 25, 40)], ids=["K=2", "K=3"])
def test_a_named_sampler_gives_rows_that_can_be_trained_on(name, counts):
    x, y = rows(*counts)
    one_hot = ()
    if name == "smotenc":
        x, one_hot = np.concatenate([x, np.eye(4)[np.arange(len(y)) % 4]], 1), (np.arange(3, 7),)
        x = x.astype(np.float32)
    sampler = sampler_named(name)
    one = sampler.resample(x, y, np.ones(len(y)), one_hot=one_hot, seed=1)
    again = sampler.resample(x, y, np.ones(len(y)), one_hot=one_hot, seed=1)
    assert sampler.name == name
    assert bits(one) == bits(again)
    assert one.x.dtype == np.float32
    assert one.x.flags.c_contiguous
    assert one.x.shape == (len(one.y), x.shape[1])
    assert np.isfinite(one.x).all()
    assert one.y.dtype == np.int64
    assert np.unique(one.y).tolist() == np.unique(y).tolist()
    assert one.row_weight.tolist() == [1.0] * len(one.y)


def test_a_name_is_imbalanced_learns_class_with_its_defaults_and_our_seed():
    x, y = rows(60, 20)
    ours = sampler_named("smote").resample(x, y, seed=7)
    theirs_x, theirs_y = SMOTE(random_state=7).fit_resample(x, y)
    assert ours.x.tobytes() == theirs_x.tobytes()
    assert ours.y.tolist() == theirs_y.tolist()
    assert ours.row_weight is None


def test_seeds_differ():
    x, y = rows(60, 20)
    first, second = (sampler_named("smote").resample(x, y, seed=seed).x for seed in (0, 1))
    assert (first != second).any()
    assert np.isfinite(sampler_named("smote").resample(x, y, seed=2**40).x).all()


def test_an_unknown_name_is_none():
    assert sampler_named("smoat") is None


def test_samplers_are_told_apart_by_their_names():
    assert sampler_named("smote") == sampler_named("smote") != sampler_named("adasyn")
    assert len({sampler_named("smote"), sampler_named("smote")}) == 1


def test_an_object_is_built_anew_for_each_use():
    built = []

    def build():
        built.append(RandomUnderSampler())
        return built[-1]

    sampler = Sampler("mine", build)
    one, again = (sampler.resample(*rows(30, 10), seed=0) for _ in range(2))
    assert bits(one) == bits(again)
    assert len(built) == 2


# a user's own


def test_a_user_s_object_goes_by_its_representation_on_one_line():
    assert sampler_of(SMOTE(k_neighbors=3)).name == "SMOTE(k_neighbors=3)"
    assert sampler_of(SMOTE(), "mine").name == "mine"
    pipeline = Pipeline([("clean", TomekLinks()), ("over", SMOTE(k_neighbors=2))])
    steps = "('clean', TomekLinks()), ('over', SMOTE(k_neighbors=2))"
    assert sampler_of(pipeline).name == f"Pipeline(steps=[{steps}])"
    hostile = type("Hostile", (), {"__repr__": lambda self: "a\n  b\x1b[31m", "fit_resample": id})
    assert sampler_of(hostile()).name == "a b[31m"


def test_a_user_s_random_state_is_kept_and_the_object_not_changed():
    x, y = rows(60, 20)
    own = SMOTE(random_state=5)
    want = SMOTE(random_state=5).fit_resample(x, y)[0]
    for seed in (0, 1):
        assert sampler_of(own).resample(x, y, seed=seed).x.tobytes() == want.tobytes()
    free = SMOTE()
    sampler_of(free).resample(x, y, seed=0)
    assert free.random_state is None
    assert not hasattr(free, "sampling_strategy_")


def test_the_parts_of_an_object_are_seeded_too():
    x, y = rows(60, 20)
    both = Pipeline([("over", RandomOverSampler(shrinkage=1.0)), ("smote", SMOTE())])
    one, again, other = (sampler_of(both).resample(x, y, seed=seed) for seed in (0, 0, 1))
    assert bits(one) == bits(again) != bits(other)


def test_numbers_of_jobs_are_left_alone():
    seen = []

    class Noted(SMOTE):
        def __init__(self, n_jobs=None, random_state=None):
            super().__init__(random_state=random_state)
            self.n_jobs = n_jobs

        def fit_resample(self, x, y):
            seen.append((self.n_jobs, self.random_state))
            return super().fit_resample(x, y)

    x, y = rows(60, 20)
    sampler_of(Noted()).resample(x, y, seed=3)
    sampler_of(Noted(n_jobs=2, random_state=4)).resample(x, y, seed=3)
    assert seen == [(None, 3), (2, 4)]


@pytest.mark.parametrize("sampler", [SMOTE, "smote", None, object(), make_blobs], ids=type)
def test_what_cannot_resample_is_no_sampler(sampler):
    with pytest.raises(UsageError, match="must be an object with fit_resample; came") as caught:
        sampler_of(sampler)
    assert str(caught.value).isprintable()


# what it sees


def test_an_object_sees_the_rows_handed_over_and_cannot_touch_them():
    seen = []

    def meddle(x, y):
        seen.append((x.copy(), y.copy()))
        x[:], y[:] = 99, 1 - y
        return x, y

    x, y = rows(30, 10)
    kept = x.tobytes(), y.tobytes()
    x.flags.writeable = y.flags.writeable = False
    resampled = planted(meddle).resample(x, y, seed=0)
    assert (seen[0][0].tobytes(), seen[0][1].tobytes()) == kept == (x.tobytes(), y.tobytes())
    assert (resampled.x == 99).all()
    assert (resampled.y == 1 - y).all()


def test_its_warnings_do_not_escape():
    def warn(x, y):
        warnings.warn("a library's own business", stacklevel=1)
        return x, y

    x, y = rows(30, 10)
    planted(warn).resample(x, y, seed=0)


@pytest.mark.parametrize(
    "shape",
    [pd.DataFrame, sparse.csr_matrix, np.asfortranarray, lambda x: x.astype(object), list],
    ids=["frame", "sparse", "columns first", "objects", "list"],
)
def test_rows_may_come_back_in_any_shape(shape):
    x, y = rows(30, 10)
    back = planted(lambda x, y: (shape(x), pd.Series(y, dtype=float))).resample(x, y, seed=0)
    assert back.x.tobytes() == x.tobytes()
    assert back.y.tobytes() == y.tobytes()


# what it must not give back


@pytest.mark.parametrize(
    ("give", "says"),
    [
        (lambda x, y: (x[:, :2], y), "give back the 3 columns that it was given; came 2"),
        (lambda x, y: (x[0], y), "a matrix of finite numbers"),
        (lambda x, y: (x * np.nan, y), "a matrix of finite numbers"),
        (lambda x, y: (x.astype(float) * 1e300, y), "a matrix of finite numbers"),
        (lambda x, y: (np.full(x.shape, "text"), y), "could not convert string to float"),
        (lambda x, y: (x, y[:-1]), "a label for each row; came 39 for 40"),
        (lambda x, y: (x, y[:, None]), "one whole number for each row"),
        (lambda x, y: (x, y / 2), "one whole number for each row"),
        (lambda x, y: (x, np.where(y, np.nan, 0)), "one whole number for each row"),
        (lambda x, y: (x, np.array([*"ab"])[y]), "invalid literal"),
        (lambda x, y: (x, y + 1), "classes that came; 2 did not"),
        (lambda x, y: (x[y == 0], y[y == 0]), "rows of each class; there are none of class 1"),
        (lambda x, y: (x[:0], y[:0]), "rows of each class; there are none of class 0"),
        (lambda x, y: None, "cannot unpack"),
        (lambda x, y: 1 / 0, "division by zero"),
        (lambda x, y: (_ for _ in ()).throw(ValueError()), "ValueError"),
        (lambda x, y: (_ for _ in ()).throw(OSError("two\nlines\x1b")), "two lines"),
    ],
)
def test_what_cannot_be_trained_on_ends_the_setting_in_one_line(give, says):
    x, y = rows(30, 10)
    with pytest.raises(SettingError, match=says) as caught:
        planted(give).resample(x, y, seed=0)
    message = str(caught.value)
    assert message.startswith("planted could not resample the training rows: ")
    assert message.isprintable()


def test_one_row_of_one_class_is_not_enough():
    x, y = rows(30)
    with pytest.raises(SettingError, match="leave two rows at least; came 1"):
        planted(lambda x, y: (x[:1], y[:1])).resample(x, y, seed=0)


def test_smote_among_two_positives_ends_the_setting():
    x, y = rows(30, 2)
    with pytest.raises(SettingError, match="smote could not resample the training rows"):
        sampler_named("smote").resample(x, y, seed=0)
    with pytest.raises(SettingError, match="ADASYN"):
        sampler_of(ADASYN()).resample(x, y, seed=0)


# row weights


def test_a_copy_keeps_its_row_s_weight_and_a_new_row_has_that_of_the_nearest_of_its_class():
    x, y = np.array([[0], [2], [4], [3.1]], np.float32), np.array([1, 1, 1, 0])
    weight = np.array([1.0, 2.0, 3.0, 50.0])
    give = lambda x, y: (np.array([[2], [3.2], [0.5], [3.1], [2.9], [9]]), [1, 1, 1, 0, 1, 0])
    back = planted(give).resample(x, y, weight, seed=0)
    assert back.row_weight.tolist() == [2, 3, 1, 50, 2, 50]


def test_oversampling_leaves_every_training_row_its_own_weight():
    x, y = rows(60, 20)
    x[::2] = x[1::2]  # equal rows too
    weight = np.random.default_rng(0).random(80) + 0.1
    back = sampler_named("smote").resample(x, y, weight, seed=0)
    assert back.row_weight[:80].tolist() == weight.tolist()
    assert {*back.row_weight[80:]} <= {*weight[y == 1]}


def test_new_rows_weigh_as_brute_force_says():
    x, y = rows(60, 20, 15)
    weight = np.random.default_rng(0).random(95)
    back = sampler_named("smote-enn").resample(x, y, weight, seed=0)
    assert len(as_rows(back.x) - as_rows(x)) > 20
    for row, code, of_row in zip(*back, strict=True):
        distance = np.linalg.norm(x - row, axis=1) + np.where(y == code, 0, np.inf)
        assert of_row == weight[distance.argmin()]


def test_a_sampler_that_tells_where_its_rows_came_from_is_believed():
    x, y = np.zeros((4, 1), np.float32), np.array([0, 0, 1, 1])
    weight = np.array([1.0, 2.0, 3.0, 4.0])
    give = lambda x, y: (x[[1, 3, 3]], y[[1, 3, 3]])
    told = planted(give, sample_indices_=[1, 3, 3]).resample(x, y, weight, seed=0)
    assert told.row_weight.tolist() == [2, 4, 4]
    stale = planted(give, sample_indices_=[1, 3]).resample(x, y, weight, seed=0)
    assert stale.row_weight.tolist() == [1, 3, 4]
    under = sampler_of(RandomUnderSampler()).resample(*rows(60, 20), np.arange(80) + 1.0, seed=0)
    assert (under.x == rows(60, 20)[0][under.row_weight.astype(int) - 1]).all()


def test_a_row_of_weight_0_is_absent():
    x, y = rows(60, 20)
    weight = np.random.default_rng(0).integers(0, 3, 80).astype(float)
    kept = weight > 0
    sampler = sampler_named("smote")
    assert bits(sampler.resample(x, y, weight, seed=0)) == bits(
        sampler.resample(x[kept], y[kept], weight[kept], seed=0)
    )


# columns of text


def test_smotenc_makes_up_rows_of_texts_that_came():
    x, y, one_hot = texts()
    back = sampler_named("smotenc").resample(x, y, np.ones(len(y)), one_hot=one_hot, seed=0)
    assert [len(places) for places in one_hot] == [3, 4]
    assert np.bincount(back.y).tolist() == [np.bincount(y)[0]] * 2
    assert as_rows(x) <= as_rows(back.x)
    for places in one_hot:
        assert as_rows(back.x[:, places]) == as_rows(x[:, places])
    blurred = sampler_named("smote").resample(x, y, seed=0)
    assert as_rows(blurred.x[:, one_hot[0]]) > as_rows(x[:, one_hot[0]])


def test_smotenc_equals_imbalanced_learns_on_codes_made_by_hand():
    x, y, one_hot = texts()
    others = [j for j in range(x.shape[1]) if j not in np.concatenate(one_hot)]
    codes = np.stack([(x[:, places] > 0) @ np.arange(len(places)) for places in one_hot], axis=1)
    by_hand = np.concatenate([x[:, others], codes], axis=1).astype(np.float32)
    where = [len(others), len(others) + 1]
    want_x, want_y = SMOTENC(where, random_state=2).fit_resample(by_hand, y)
    back = sampler_named("smotenc").resample(x, y, one_hot=one_hot, seed=2)
    assert (back.y == want_y).all()
    assert (back.x[:, others] == want_x[:, : len(others)]).all()
    for places, column in zip(one_hot, want_x[:, len(others) :].T, strict=True):
        assert ((back.x[:, places] > 0) @ np.arange(len(places)) == column).all()


def test_a_user_s_smotenc_is_told_the_columns():
    x, y, one_hot = texts()
    own = sampler_of(SMOTENC([0], k_neighbors=3)).resample(x, y, one_hot=one_hot, seed=0)
    for places in one_hot:
        assert as_rows(own.x[:, places]) == as_rows(x[:, places])


@pytest.mark.parametrize("sampler", [sampler_named("smotenc"), sampler_of(SMOTENC([0]), "own")])
def test_smotenc_needs_a_column_of_few_texts(sampler):
    says = "needs a column of few texts, none is here: use smote"
    with pytest.raises(SettingError, match=f"^{sampler.name} {says}$"):
        sampler.resample(*rows(60, 20), seed=0)


def test_texts_that_never_came_end_the_setting():
    class MadeUp(SMOTENC):
        def fit_resample(self, x, y):
            return x + 0.5, y

    x, y, one_hot = texts()
    with pytest.raises(SettingError, match="give back texts that came; it made up others"):
        sampler_of(MadeUp([0])).resample(x, y, one_hot=one_hot, seed=0)


def test_samplers_that_do_not_ask_for_texts_see_the_features():
    x, y, one_hot = texts()
    seen = []

    def look(x, y):
        seen.append(x)
        return x, y

    planted(look).resample(x, y, one_hot=one_hot, seed=0)
    assert seen[0].tobytes() == x.tobytes()
