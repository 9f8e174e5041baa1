"""A data set with weights is that data set: trained on as arrays with `sample_weight` are."""

import pickle
from collections import Counter

import numpy as np
import pytest

from outweigh import (
    DataError,
    Labels,
    OneHot,
    UsageError,
    YesNo,
    count_classes,
    row_weight,
    weighted,
)

N, B = 50, 8
rng = np.random.default_rng(0)
X, Y, S = rng.normal(size=(N, 6)).astype("float32"), rng.integers(0, 5, N) // 4, rng.random(N)


def batches(*arrays):
    return [tuple(a[i : i + B] for a in arrays) for i in range(0, N, B)]


def generator(*arrays):
    yield from batches(*arrays)


@pytest.fixture(scope="module")
def py_dataset():
    import keras

    class Stored(keras.utils.PyDataset):
        def __init__(self, stored, n_batches, **options):
            super().__init__(**options)
            self.stored, self.n_batches, self.heard = stored, n_batches, []

        @property
        def num_batches(self):
            return self.n_batches

        def __getitem__(self, i):
            return self.stored[i % len(self.stored)]

        def on_epoch_begin(self):
            self.heard.append("begin")

        def on_epoch_end(self):
            self.heard.append("end")

    return lambda stored, *n_batches, **options: Stored(
        stored, *(n_batches or [len(stored)]), **options
    )


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
    return fitted(X, Y[:, None], sample_weight=row_weight(Y), batch_size=B)


def test_fit_takes_a_weighted_py_dataset_as_arrays(py_dataset, on_arrays):
    data = weighted(py_dataset(batches(X, Y[:, None])))
    assert fitted(data) == pytest.approx(on_arrays, rel=1e-6, abs=1e-6)


def test_fit_takes_a_weighted_generator_as_arrays(on_arrays):
    counts = count_classes([Y])
    data = weighted(generator(X, Y[:, None]), counts=counts)
    assert fitted(data, steps_per_epoch=7) == pytest.approx(on_arrays, rel=1e-6, abs=1e-6)


def test_fit_takes_the_iterator_of_a_weighted_list_as_arrays(on_arrays):
    data = iter(weighted(batches(X, Y[:, None])))
    assert fitted(data, steps_per_epoch=7) == pytest.approx(on_arrays, rel=1e-6, abs=1e-6)


def test_a_py_dataset_keeps_its_ways(py_dataset):
    data = py_dataset(batches(X, Y), workers=3, use_multiprocessing=True, max_queue_size=5)
    with_weights = weighted(data)
    assert (with_weights.workers, with_weights.max_queue_size) == (3, 5)
    assert with_weights.use_multiprocessing
    assert with_weights.num_batches == len(with_weights) == 7
    with_weights.on_epoch_begin()
    with_weights.on_epoch_end()
    assert data.heard == ["begin", "end"]


def test_what_workers_are_sent_can_be_pickled():
    import keras

    from outweigh._py_dataset import WeightedDataset

    data = weighted(batches(X, Y), kind=Labels(ignore=255))
    again = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(list(again)[3][2], list(data)[3][2])
    stored = WeightedDataset(keras.utils.PyDataset(workers=2), data.weighing)
    assert pickle.loads(pickle.dumps(stored)).workers == 2


def test_batches_together_weigh_as_the_whole_and_can_be_had_again():
    data = weighted(batches(X, Y))
    assert len(data) == 7
    for _ in range(2):
        x, y, weight = (np.concatenate(parts) for parts in zip(*data, strict=True))
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(y, Y)
        np.testing.assert_array_equal(weight, row_weight(Y))


@pytest.mark.parametrize("shape", [(N,), (N, 1)])
def test_weights_that_came_are_multiplied(shape):
    data = weighted(batches(X, Y, S.reshape(shape)))
    weight = np.concatenate([weight for _, _, weight in data])
    assert weight == pytest.approx(row_weight(Y) * S.astype("float32"))
    masks = rng.integers(0, 2, (N, 3, 4))
    steps = weighted(batches(X, masks, S.reshape(shape)), kind=Labels())
    weight = np.concatenate([weight for _, _, weight in steps])
    assert weight == pytest.approx(row_weight(masks, kind=Labels()) * S[:, None, None], rel=1e-6)


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="sample weights must fit their targets"):
        list(weighted(batches(X, Y, rng.random((N, 3)))))


def test_outputs_are_weighed_each_by_its_own_counts():
    hot = np.eye(3)[rng.integers(0, 3, N)]
    stored = [(x, {"a": a, "b": b}) for x, a, b in batches(X, Y, hot)]
    kind = {"a": None, "b": OneHot()}
    data = weighted(stored, {"a": "balanced", "b": "sqrt"}, kind=kind)
    for name, y, rule in (("a", Y, "balanced"), ("b", hot, "sqrt")):
        weight = np.concatenate([weight[name] for _, _, weight in data])
        np.testing.assert_array_equal(weight, row_weight(y, rule, kind=kind[name]))
    one = weighted(
        stored, {"a": "balanced", "b": None}, counts={"a": Counter(Y.tolist()), "b": None}
    )
    weight = np.concatenate([weight["a"] for _, _, weight in one])
    np.testing.assert_array_equal(weight, row_weight(Y))
    for make in (list, tuple):
        placed = [(x, make([a, a])) for x, a in batches(X, Y)]
        weight = np.concatenate([weight[1] for _, _, weight in weighted(placed)])
        np.testing.assert_array_equal(weight, row_weight(Y))


def test_sample_weights_of_outputs_are_multiplied_each():
    stored = [(x, {"a": y, "b": y}, {"a": s, "b": 2 * s}) for x, y, s in batches(X, Y, S)]
    shared = [(x, {"a": y, "b": y}, s) for x, y, s in batches(X, Y, S)]
    expected = row_weight(Y) * S
    for data, factor in ((stored, 2), (shared, 1)):
        weight = np.concatenate([weight["b"] for _, _, weight in weighted(data)])
        assert weight == pytest.approx(factor * expected, rel=1e-6)


def test_yes_no_labels_are_counted_each():
    many = rng.integers(0, 2, (N, 3, 1))
    kind = YesNo(axis=-2)
    weight = np.concatenate([weight for *_, weight in weighted(batches(X, many), kind=kind)])
    np.testing.assert_array_equal(weight, row_weight(many, kind=kind))
    counted = weighted(generator(X, many), kind=kind, counts=count_classes([many], kind=kind))
    np.testing.assert_array_equal(np.concatenate([weight for *_, weight in counted]), weight)


def test_x_is_what_it_was():
    x = {"pixels": [1, 2], "text": object()}
    assert next(iter(weighted([(x, [0, 1])])))[0] is x


def test_one_batch_is_held_at_a_time():
    class Batches:
        passes = 0

        def __len__(self):
            return 3

        def __iter__(self):
            for i in range(3):
                assert Held.freed == i + 3 * self.passes
                yield [0], Held([0, 1])
            self.passes += 1

    class Held(list):
        freed = 0

        def __del__(self):
            Held.freed += 1

    for batch in weighted(Batches()):
        assert batch[2].tolist() == [1, 1]
        del batch


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        (generator(X, Y), {}, "is a generator, which can be iterated once: pass counts="),
        (zip(X, Y, strict=True), {"class_weight": 3}, "is a zip, which can be iterated once"),
        (X, {}, r"came one ndarray: arrays need no loader, .*row_weight\(y\)"),
        ({"x": X}, {}, "came one dict"),
        (7, {}, "came int, which cannot be iterated"),
        ([X, Y], {}, r"must give \(x, y\) .* came ndarray of 50"),
        ([(X,)], {}, "came tuple of 1"),
        ([], {}, "none came"),
        (batches(X, Y), {"class_weight": "auto"}, "a rule must be one of"),
        (batches(X, np.eye(2)[Y]), {}, "unless another kind is said"),
        ([(X, {"a": Y}), (X, {"b": Y})], {}, "must have the same outputs; batch 2 has others"),
        ([(X, Y), (X, {"a": Y})], {}, "must have the same outputs"),
    ],
)
def test_what_cannot_be_counted_is_refused_at_once(data, options, says):
    with pytest.raises(UsageError, match=says):
        weighted(data, **options)


def test_what_never_ends_or_does_not_say_is_refused_and_taken_with_a_dict(py_dataset):
    class Endless:
        def __iter__(self):
            while True:
                yield X, Y

    for data in (Endless(), py_dataset(batches(X, Y), None)):
        with pytest.raises(UsageError, match=r"pass counts=count_classes\(...\)"):
            weighted(data)
        first = next(iter(weighted(data, {0: 1, 1: 9})))
        assert first[2].tolist() == (1 + 8 * first[1]).tolist()


@pytest.mark.parametrize(
    ("rule", "counts", "error", "says"),
    [
        ({0: 1}, None, UsageError, r"none came for \[1\]"),
        ("balanced", Counter({0: 5, 7: 2}), UsageError, r"none came for \[1\]"),
        ({0: 1, 1: 0}, None, UsageError, "the weight of class 1"),
    ],
)
def test_a_class_without_a_weight_ends_the_epoch(rule, counts, error, says):
    with pytest.raises(error, match=says):
        list(weighted(batches(X, Y), rule, counts=counts))


def test_a_target_that_is_no_class_is_refused():
    with pytest.raises(DataError, match="is this a regression target"):
        weighted(batches(X, S))


def test_a_ratio_by_output_is_not_taken_for_each_batch_anew():
    data = weighted([(x, {"a": y}) for x, y in batches(X, Y)], {"a": 20})
    with pytest.raises(UsageError, match=r"output 'a'.* a rule needs counts"):
        list(data)
