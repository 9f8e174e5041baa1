"""What TensorFlow, torch and grain load, with weights: as arrays with `sample_weight`, again."""

import pickle

import numpy as np
import pytest

from outweigh import Labels, OneHot, UsageError, YesNo, count_classes, row_weight, weighted

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

N, B = 50, 8
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(N, 6)).astype("float32"), rng.integers(0, 5, N) // 4
S = rng.random(N).astype("float32")
MASK, MANY = rng.integers(0, 3, (N, 3, 4)), rng.integers(0, 2, (N, 3, 1))
HOT = np.eye(3, dtype="float32")[MASK]
REASON = "a library that only the extra 'benchmarks' installs"


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow", reason=REASON)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason=REASON)


@pytest.fixture(scope="module")
def grain():
    return pytest.importorskip("grain", reason=REASON)


class Rows:
    """A source of rows, as torch and grain take it."""

    def __init__(self, *arrays):
        self.arrays = arrays

    def __len__(self):
        return len(self.arrays[0])

    def __getitem__(self, i):
        return tuple(a[i] for a in self.arrays)


def fitted(*data, **options):
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy")
    history = model.fit(*data, shuffle=False, verbose=0, **options)
    kernel, bias = (np.asarray(v.value) for v in model.trainable_variables)
    return [history.history["loss"][-1], *kernel[:, 0], *bias]


@pytest.fixture(scope="module")
def on_arrays():
    weight = row_weight(Y)
    return fitted(X, Y[:, None], sample_weight=weight, batch_size=B)


def same(got, expected):
    assert got == pytest.approx(expected, rel=1e-6, abs=1e-6)


# TensorFlow


@pytest.mark.parametrize("ignore", [np.nan, -1])
def test_what_is_ignored_weighs_nothing_in_a_graph_too(tf, ignore):
    labels = np.array([0, 1, 0, ignore, 0, ignore])
    given = {0: 1, 1: 5}
    for kind in (Labels(ignore=ignore), YesNo(ignore=ignore)):
        y = labels.reshape(2, 3)
        data = tf.data.Dataset.from_tensors((np.zeros((2, 1)), y))
        [(_, _, found)] = weighted(data, given, kind=kind)
        assert found.numpy().tolist() == row_weight(y, given, kind=kind).tolist()


@pytest.mark.parametrize("label", [1e20, 10**400, 2**63, "1", 0.5, None, np.nan], ids=lambda _: "")
def test_labels_that_no_graph_can_hold_are_one_clear_line(tf, label):
    data = tf.data.Dataset.from_tensors((np.zeros((2, 1)), np.array([0.0, 1.0])))
    with pytest.raises(UsageError, match="are whole numbers; weights came for"):
        weighted(data, {0: 1, label: 2})
    with pytest.raises(UsageError, match="a number can be ignored; came 'x'"):
        weighted(data, {0: 1, 1: 2}, kind=Labels(ignore="x"))


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_a_row_of_several_numbers_is_not_guessed_to_be_a_batch(tf, shape):
    y = np.eye(3).reshape(3, *shape)
    for x in (np.zeros(3), np.zeros((3, 6))):
        rows = tf.data.Dataset.from_tensor_slices((x, y))
        for rule in ("balanced", {0: 1, 1: 2}):
            with pytest.raises(UsageError, match="y must be a batch of labels"):
                weighted(rows, rule)
    whole = tf.data.Dataset.from_tensor_slices((np.zeros((4, 6)), np.array([0, 1, 0, 1])))
    [first, _] = weighted(whole.batch(2, drop_remainder=True))
    assert first[2].numpy().tolist() == [1, 1]


def test_an_output_without_weights_may_have_any_shape(tf):
    y = {"a": Y, "b": X}
    rows = tf.data.Dataset.from_tensor_slices((X, y)).batch(B)
    for *_, weight in weighted(rows, {"a": "balanced", "b": None}):
        assert weight["b"].numpy().tolist() == [1] * len(weight["a"])


def test_fit_takes_a_weighted_tf_dataset_as_arrays(tf, on_arrays):
    rows = tf.data.Dataset.from_tensor_slices((X, Y[:, None]))
    same(fitted(weighted(rows.batch(B))), on_arrays)
    same(fitted(weighted(rows).batch(B)), on_arrays)
    for data in (weighted(rows.batch(B)), weighted(rows)):
        *_, spec = data.element_spec
        assert spec.dtype == tf.float32
        assert spec.shape.as_list() in ([None, 1], [1])
        assert int(data.cardinality()) in (7, N)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "bool"])
def test_a_graph_weighs_labels_as_arrays(tf, dtype):
    y = (Y[:, None] if dtype == "bool" else MASK).astype(dtype)
    data = weighted(tf.data.Dataset.from_tensor_slices((X, y)).batch(B), "sqrt", kind=Labels())
    got = np.concatenate([weight.numpy() for *_, weight in data])
    np.testing.assert_array_equal(got, row_weight(y, "sqrt", kind=Labels()))


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (np.where(MASK == 2, 255, MASK), Labels(ignore=255)),
        (HOT, OneHot()),
        (HOT * (rng.random((N, 3, 4, 1)) < 0.9), OneHot()),
        (HOT.astype(bool), OneHot()),
        (MANY, YesNo(axis=-2)),
        (MANY[..., 0], YesNo()),
        (np.where(rng.random(MANY.shape) < 0.2, -1, MANY), YesNo(axis=-2, ignore=-1)),
    ],
)
def test_a_graph_weighs_each_kind_as_arrays(tf, y, kind):
    rows = tf.data.Dataset.from_tensor_slices((X, y))
    for data in (weighted(rows.batch(B), kind=kind), weighted(rows, kind=kind).batch(B)):
        got = np.concatenate([weight.numpy() for *_, weight in data])
        np.testing.assert_array_equal(got, row_weight(y, kind=kind))


def test_a_graph_weighs_outputs_and_multiplies_sample_weights(tf):
    y = {"a": Y, "b": HOT, "c": X[:, :1]}
    kind = {"a": None, "b": OneHot(), "c": None}
    rule = {"a": "balanced", "b": {0: 1, 1: 2, 2: 3}, "c": None}
    expected = row_weight(y, rule, kind=kind)
    for given in (None, S, {"a": S, "b": S, "c": S}):
        parts = (X, y) if given is None else (X, y, given)
        data = weighted(tf.data.Dataset.from_tensor_slices(parts).batch(B), rule, kind=kind)
        for name, weight in expected.items():
            got = np.concatenate([w[name].numpy() for *_, w in data])
            factor = 1 if given is None else S.reshape(N, *[1] * (weight.ndim - 1))
            np.testing.assert_allclose(got, weight * factor, rtol=1e-6)
    data = tf.data.Dataset.from_tensor_slices((X, (Y, Y)))
    assert [len(weight) for *_, weight in weighted(data)] == [2] * N


@pytest.mark.parametrize(
    ("y", "rule", "kind", "says"),
    [
        (Y, {0: 1}, None, r"none was given for labels of y:.*\[1 1"),
        (np.where(Y == 1, 0.5, 0), {0: 1, 1: 2}, None, r"none was given for labels of y:.*0.5"),
        (HOT, {0: 1, 1: 2}, OneHot(), "the class of these rows of y"),
        (HOT * 0.9, {0: 1, 1: 2, 2: 3}, OneHot(), "must hold one 1 and zeros"),
        (MANY * 2, {0: 1, 1: 2}, YesNo(-2), r"must be 0 or 1; in y came.*\[2"),
        (MANY, {0: 1}, YesNo(-2), "none was given for these labels of y"),
    ],
)
def test_a_graph_says_which_label_has_no_weight(tf, y, rule, kind, says):
    data = weighted(tf.data.Dataset.from_tensor_slices((X, y)).batch(B), rule, kind=kind)
    with pytest.raises(tf.errors.InvalidArgumentError, match=says):
        list(data)


def test_what_a_graph_cannot_weigh_is_refused_at_once(tf):
    rows = tf.data.Dataset.from_tensor_slices
    ragged = tf.ragged.constant([[0, 1], [1]])
    for data, options, says in (
        (rows((X, Y)).batch(B).repeat(), {}, "this one never ends: pass counts"),
        (rows((X, Y)).filter(lambda x, y: y > 0), {}, "this one does not: .*assert_cardinality"),
        (rows(X), {}, "data must give .x, y."),
        (rows((ragged, ragged)), {}, "targets must be plain tensors; came RaggedTensorSpec"),
        (rows((X, MASK)).batch(B), {}, "unless another kind is said"),
        (rows((X, np.array(["a", "b"])[Y])), {"class_weight": {0: 1}}, "holds text: encode"),
        (rows((X, Y)), {"class_weight": {"0": 1, "1": 2}}, "are whole numbers; weights came for"),
        (rows((X, Y)), {"class_weight": {0: 1, 1: 0}}, "the weight of class 1"),
        (rows((X, HOT)), {"class_weight": {3: 1}, "kind": OneHot()}, "came 3, which is none of"),
        (rows((X, {"a": Y})), {"class_weight": {"a": 20}}, "output 'a'.* a rule needs counts"),
    ):
        with pytest.raises(UsageError, match=says):
            weighted(data, **options)
    endless = weighted(rows((X, Y)).batch(B).repeat(), counts=count_classes([Y]))
    np.testing.assert_array_equal(next(iter(endless))[2], row_weight(Y)[:B])


def test_the_map_is_a_graph_without_python(tf):
    data = weighted(tf.data.Dataset.from_tensor_slices((X, Y)).batch(B))
    graph = data._variant_tensor_attr  # a data set that ran Python would not be saved
    assert "PyFunc" not in str(tf.raw_ops.DatasetToGraphV2(input_dataset=graph).numpy())


# torch


def test_fit_takes_a_weighted_torch_loader_as_arrays(torch, on_arrays):
    loader = torch.utils.data.DataLoader(Rows(X, Y[:, None]), batch_size=B)
    data = weighted(loader)
    same(fitted(data), on_arrays)
    assert len(data) == 7
    assert all(isinstance(part, torch.Tensor) for part in next(iter(data)))


def test_counting_changes_no_order_of_rows(torch):
    for generator in (None, torch.Generator()):
        orders = []
        for count in (True, False):
            torch.manual_seed(0)
            if generator is not None:
                generator.manual_seed(0)
            loader = torch.utils.data.DataLoader(
                Rows(X, Y), batch_size=B, shuffle=True, generator=generator
            )
            data = weighted(loader) if count else loader
            orders.append([np.concatenate([b[0] for b in data]) for _ in range(2)])
        np.testing.assert_array_equal(*orders)
        assert not np.array_equal(*orders[0])


def collate(rows):
    x, y = zip(*rows, strict=True)
    return {"pixels": np.array(x)}, {"a": np.array(y), "b": np.array(y)}


def test_a_torch_loader_keeps_its_ways(torch):
    sampler = torch.utils.data.SequentialSampler(range(N))
    loader = torch.utils.data.DataLoader(
        Rows(X, Y),
        batch_size=B,
        sampler=sampler,
        collate_fn=collate,
        num_workers=2,
        prefetch_factor=3,
        persistent_workers=True,
        timeout=5,
        drop_last=True,
    )
    data = weighted(loader, {0: 1, 1: 9})
    for name in ("dataset", "sampler", "num_workers", "prefetch_factor", "persistent_workers"):
        assert getattr(data, name) is getattr(loader, name)
    assert data.batch_size == B
    assert data.drop_last
    again = pickle.loads(pickle.dumps(weighted(torch.utils.data.DataLoader(Rows(X, Y))).collate_fn))
    assert again([(X[0], Y[0])])[2].shape == (1,)


def test_torch_loaders_of_every_make_are_weighed(torch):
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return zip(X, Y, strict=True)

    loaders = torch.utils.data
    made = loaders.BatchSampler(loaders.SequentialSampler(range(N)), B, drop_last=False)
    counts = count_classes([Y])
    for loader in (
        loaders.DataLoader(Stream(), batch_size=B),
        loaders.DataLoader(Rows(X, Y), batch_sampler=made),
        loaders.DataLoader(Rows(X, Y), batch_size=None),
        loaders.DataLoader(Rows(X, Y), batch_size=B, collate_fn=lambda r: (0, Y[: len(r)])),
    ):
        got = np.concatenate(
            [np.atleast_1d(weight) for *_, weight in weighted(loader, counts=counts)]
        )
        assert len(got) == N
    with pytest.raises(UsageError, match="does not say how long it is"):
        weighted(loaders.DataLoader(Stream(), batch_size=B))
    named = weighted(loaders.DataLoader(Rows(X, Y), batch_size=B, collate_fn=collate))
    got = np.concatenate([weight["b"] for *_, weight in named])
    np.testing.assert_array_equal(got, row_weight(Y))

    class Own(loaders.DataLoader):
        def __iter__(self):
            return iter(())

    with pytest.raises(UsageError, match="Own has a way of its own"):
        weighted(Own(Rows(X, Y)), {0: 1, 1: 9})


def test_torch_tensors_are_targets(torch):
    y = torch.tensor([0.0, 1.0, 1.0], requires_grad=True)
    assert row_weight(y, {0: 1, 1: 9}).tolist() == [1, 9, 9]


# grain


def test_fit_takes_weighted_grain_data_as_arrays(grain, on_arrays):
    rows = grain.MapDataset.source(Rows(X, Y[:, None]))
    counts = count_classes([Y])
    shards = grain.sharding.NoSharding()
    loader = grain.DataLoader(
        data_source=Rows(X, Y[:, None]),
        sampler=grain.samplers.SequentialSampler(N, shards),
        operations=[grain.transforms.Batch(B)],
    )
    for data in (
        weighted(rows.batch(B)),
        weighted(rows).batch(B),
        weighted(rows.batch(B).to_iter_dataset(), counts=counts),
        weighted(loader, counts=counts),
    ):
        same(fitted(data, steps_per_epoch=7), on_arrays)


def test_grain_data_that_never_end_or_do_not_say_are_refused(grain):
    rows = grain.MapDataset.source(Rows(X, Y)).batch(B)
    sampler = grain.samplers.SequentialSampler(N, grain.sharding.NoSharding())
    for data, says in (
        (rows.repeat(), "never ends"),
        (rows.to_iter_dataset(), "does not say how long"),
        (grain.DataLoader(data_source=Rows(X, Y), sampler=sampler), "does not say how long"),
    ):
        with pytest.raises(UsageError, match=says):
            weighted(data)
    np.testing.assert_array_equal(weighted(rows.repeat(), {0: 1, 1: 9})[0][2], 1 + 8 * Y[:B])
