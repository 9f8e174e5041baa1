"""The engine's other laws: own rows only, common random numbers, same bits, outcomes as data."""

import hashlib
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from outweigh import NetworkError, _lanes
from outweigh._chunk import COLLAPSED, DIVERGED, FINISHED, STOPPED, Chunk, Curves
from outweigh._lanes import KerasTrainer
from outweigh._network import keras_on_jax
from tests.trainers import log_losses

keras = keras_on_jax()

N = 600
RNG = np.random.default_rng(5)
X = RNG.normal(size=(N, 4)).astype("float32")
Y = (X[:, 0] + RNG.normal(size=N) > 1.2).astype(int)
PRIOR = np.bincount(Y) / N


def small(n_features, n_outputs):
    hidden = keras.layers.Dense(8, activation="relu")
    output = keras.layers.Dense(n_outputs, activation="sigmoid")
    return keras.Sequential([keras.Input((n_features,)), hidden, output])


def chunk(ratios=(1, 5, 25), **changed):
    whole = Chunk(
        fold=0,
        seed=1,
        x=X,
        y=Y,
        row_weight=None,
        class_weight=np.array([[1.0, ratio] for ratio in ratios]),
        prior=PRIOR,
        training=np.arange(384),
        validation=np.arange(384, 500),
        held_out=np.arange(500, N),
        batch_size=32,
        epochs=12,
        patience=3,
    )
    return replace(whole, **changed)


def sha(trained):
    together = hashlib.sha256()
    for one in trained:
        together.update(one.probability.tobytes())
    return together.hexdigest()


def normalised(n_features, n_outputs):
    norm, hidden = keras.layers.BatchNormalization(), keras.layers.Dense(8, activation="relu")
    output = keras.layers.Dense(n_outputs, activation="sigmoid")
    return keras.Sequential([keras.Input((n_features,)), norm, hidden, output])


@pytest.mark.parametrize("build", [small, normalised])
def test_a_lane_visits_only_its_training_rows(build):
    """Weight 0 would not do: a row of weight 0 still moves the statistics of BatchNormalization."""
    x = X.copy()
    x[500:] = 1e30
    plain, poisoned = (
        KerasTrainer(build).train([chunk(x=given)], keep_parameters=True)[0] for given in (X, x)
    )
    for mine, theirs in zip(plain.parameters, poisoned.parameters, strict=True):
        assert [v.tobytes() for v in mine] == [v.tobytes() for v in theirs]


def test_validation_rows_stop_a_lane_but_never_move_its_parameters():
    y = Y.copy()
    y[384:500] = 1 - y[384:500]
    patient = {"epochs": 3, "patience": 99}
    curves = [
        KerasTrainer(small).train([chunk(y=given, **patient)])[0].validation_log_loss
        for given in (Y, y)
    ]
    unstopped = {"validation": np.arange(0), "epochs": 3}
    probabilities = [
        KerasTrainer(small).train([chunk(y=given, **unstopped)])[0].probability for given in (Y, y)
    ]
    assert (curves[0] != curves[1]).all()
    np.testing.assert_array_equal(*probabilities)


def test_the_same_plan_gives_the_same_bits_whatever_the_workers_and_the_order():
    plan = [chunk(seed=seed, ratios=np.geomspace(1, 50, 18)) for seed in range(3)]
    alone = sha(KerasTrainer(small, workers=1).train(plan))
    many = sha(KerasTrainer(small, workers=3).train(plan))
    backwards = sha(KerasTrainer(small, workers=2).train(plan[::-1])[::-1])
    assert alone == many == backwards


ALONE = """
import os, random, sys
if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
from outweigh._lanes import KerasTrainer
from tests.test_lanes import chunk, np, sha, small
plan = [chunk(seed=seed, ratios=np.geomspace(1, 50, 18)) for seed in range(3)]
order = random.Random(sys.argv[1]).sample(range(3), 3)
trained = KerasTrainer(small).train([plan[i] for i in order])
print(sha([trained[order.index(i)] for i in range(3)]))
"""


@pytest.mark.slow
def test_the_same_plan_gives_the_same_bits_in_other_processes_on_one_core_and_on_two():
    plan = [chunk(seed=seed, ratios=np.geomspace(1, 50, 18)) for seed in range(3)]
    here = sha(KerasTrainer(small).train(plan))
    how = {"capture_output": True, "text": True, "check": True, "cwd": Path(__file__).parents[1]}
    for cores in ("1", "2"):
        done = subprocess.run([sys.executable, "-c", ALONE, cores], **how)
        assert done.stdout.split()[-1] == here


def test_lanes_of_a_chunk_start_alike_and_see_the_same_batches():
    twins = KerasTrainer(small).train([chunk(ratios=(7, 1, 7))])[0]
    np.testing.assert_array_equal(twins.probability[0], twins.probability[2])
    assert (twins.probability[0] != twins.probability[1]).any()


def test_a_stopped_lane_gives_the_parameters_of_its_best_epoch():
    [trained] = KerasTrainer(small).train([chunk(epochs=60)])
    for lane, curve in enumerate(trained.validation_log_loss):
        run = curve[: trained.epochs[lane] + 3]
        assert np.nanargmin(run) + 1 == trained.epochs[lane]
        assert trained.outcome[lane] in (STOPPED, FINISHED)


def test_a_run_cut_at_the_best_epoch_gives_the_same_parameters():
    [long] = KerasTrainer(small).train([chunk(ratios=(5,), epochs=60)])
    [cut] = KerasTrainer(small).train([chunk(ratios=(5,), epochs=int(long.epochs[0]))])
    np.testing.assert_array_equal(long.probability, cut.probability)


def test_stopping_watches_the_undone_log_loss_of_the_validation_rows():
    kept = chunk(ratios=(9,), epochs=1, held_out=np.arange(384, 500))
    [trained] = KerasTrainer(small).train([kept])
    weighted = trained.probability[0].astype(float)
    undone = weighted / np.array([1.0, 9.0])
    undone /= undone.sum(axis=1, keepdims=True)
    expected = -np.log(undone[np.arange(116), Y[384:500]]).mean()
    assert trained.validation_log_loss[0, 0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("row_weight", [None, RNG.uniform(0, 2, N).round(1)])
@pytest.mark.parametrize("k", [2, 5])
def test_the_curves_are_what_the_lanes_say_of_the_validation_rows(k, row_weight):
    """Trained to epoch e and asked about those very rows, lane by lane."""

    def build(n_features, n_outputs):
        hidden = keras.layers.Dense(8, activation="relu")
        output = keras.layers.Dense(n_outputs, activation="sigmoid" if k == 2 else "softmax")
        model = keras.Sequential([keras.Input((n_features,)), hidden, output])
        name = "binary_crossentropy" if k == 2 else "sparse_categorical_crossentropy"
        model.compile(keras.optimizers.Adam(1e-2), name)
        return model

    y = Y if k == 2 else np.searchsorted([-1, -0.2, 0.4, 1.2], X[:, 0])
    weights = np.stack([np.geomspace(1, ratio, k) for ratio in (1, 5, 25)])
    asked = chunk(y=y, class_weight=weights, prior=np.bincount(y) / N, row_weight=row_weight)
    asked = replace(asked, held_out=asked.validation, patience=99)
    for epochs in (1, 4):
        [trained] = KerasTrainer(build).train([replace(asked, epochs=epochs)])
        assert (trained.epochs == epochs).all()  # it still improves, so the last epoch is kept
        for lane, weight in enumerate(weights):
            rows = None if row_weight is None else row_weight[384:500]
            said = trained.probability[lane].astype(float)
            expected = log_losses(said, y[384:500], weight, rows)
            for name, curve in trained.curves._asdict().items():
                assert curve[lane, -1] == pytest.approx(getattr(expected, name), rel=1e-5)


def test_without_weights_the_three_curves_are_one():
    [trained] = KerasTrainer(small).train([chunk(ratios=(1, 9))])
    undone, raw, weighted = trained.curves
    np.testing.assert_array_equal(raw[0], weighted[0])
    np.testing.assert_allclose(raw[0], undone[0], rtol=1e-6)
    assert (np.abs(raw[1] - undone[1]) > 0.01).all()
    assert (weighted[1] > raw[1]).all()
    np.testing.assert_array_equal(trained.validation_log_loss, undone)


@pytest.mark.parametrize("watch", Curves._fields)
def test_the_epoch_kept_is_the_least_of_the_curve_that_is_watched(watch):
    [trained] = KerasTrainer(small).train([chunk(ratios=(1, 9, 60), epochs=90, watch=watch)])
    for lane, curve in enumerate(getattr(trained.curves, watch)):
        assert np.nanargmin(curve[: trained.epochs[lane] + 3]) + 1 == trained.epochs[lane]
    assert trained.outcome == (STOPPED,) * 3


def test_what_is_watched_moves_no_step_only_where_a_lane_stops():
    trainer = KerasTrainer(small)
    patient = {"ratios": (1, 60), "epochs": 40, "patience": 40}
    watched = [trainer.train([chunk(watch=watch, **patient)])[0] for watch in Curves._fields]
    for one in watched[1:]:
        for mine, first in zip(one.curves, watched[0].curves, strict=True):
            np.testing.assert_allclose(mine, first, rtol=1e-5)
    assert watched[0].epochs[1] != watched[1].epochs[1]


def test_without_validation_rows_there_are_no_curves():
    [trained] = KerasTrainer(small).train([chunk(validation=np.arange(0), epochs=2, watch="raw")])
    assert [curve.shape for curve in trained.curves] == [(3, 0)] * 3
    assert trained.outcome == (FINISHED,) * 3


def test_a_lane_that_diverges_is_data_and_the_others_go_on():
    wild = chunk(ratios=(1, 1e30, 1), validation=np.arange(0), patience=0)

    def build(n_features, n_outputs):
        hidden, output = keras.layers.Dense(8), keras.layers.Dense(n_outputs)
        model = keras.Sequential([keras.Input((n_features,)), hidden, output])
        model.compile(keras.optimizers.SGD(0.1), keras.losses.BinaryCrossentropy(from_logits=True))
        return model

    [trained] = KerasTrainer(build).train([wild])
    assert trained.outcome == (FINISHED, DIVERGED, FINISHED)
    assert np.isfinite(trained.probability[[0, 2]]).all()


def test_a_lane_that_says_the_same_of_every_row_has_collapsed():
    def build(n_features, n_outputs):
        dead = keras.layers.Dense(4, activation="relu", bias_initializer=_far_below)
        output = keras.layers.Dense(n_outputs, activation="sigmoid")
        return keras.Sequential([keras.Input((n_features,)), dead, output])

    [trained] = KerasTrainer(build).train([chunk(validation=np.arange(0), patience=0)])
    assert trained.outcome == (COLLAPSED,) * 3


def test_a_lane_that_sees_no_positive_is_data_too():
    negatives = np.flatnonzero(Y[:384] == 0)[:256]
    poor = chunk(training=negatives, validation=np.arange(0), patience=0, epochs=3)
    [trained] = KerasTrainer(small).train([poor])
    assert trained.outcome == (FINISHED,) * 3
    assert np.isfinite(trained.probability).all()


def test_a_chunk_ends_when_its_last_lane_does():
    told = []
    [trained] = KerasTrainer(small).train([chunk(epochs=300)], tell=told.append)
    ends = trained.epochs + 3  # the patience
    assert (ends < 300).all()
    assert len(set(ends)) > 1
    assert trained.validation_log_loss.shape[1] == ends.max()
    assert told[-1].epochs_done == 3 * ends.max()


def test_weight_2_is_the_row_twice_in_one_batch():
    def build(n_features, n_outputs):
        model = small(n_features, n_outputs)
        model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
        return model

    rows = np.arange(100)
    once = chunk(
        ratios=(1,), training=rows, validation=rows[:0], batch_size=100, epochs=1, patience=0,
        row_weight=np.where(np.arange(N) < 50, 2.0, 1.0),
    )  # fmt: skip
    doubled = np.concatenate([rows, rows[:50]])
    # a batch of 150 divides by 150: the weights make up for it
    twice = replace(once, training=doubled, batch_size=150, row_weight=np.full(N, 1.5))
    one, two = (KerasTrainer(build).train([c])[0].probability for c in (once, twice))
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_kept_parameters_predict_what_was_predicted():
    trainer = KerasTrainer(small)
    [trained] = trainer.train([chunk()], keep_parameters=True)
    again = _lanes.predict(small, trained.parameters, X[500:], n_classes=2)
    np.testing.assert_allclose(again, trained.probability, atol=1e-6)


def test_parameters_of_another_network_are_refused():
    [trained] = KerasTrainer(small).train([chunk(epochs=1)], keep_parameters=True)
    with pytest.raises(NetworkError, match="must build the network that was trained"):
        _lanes.predict(normalised, trained.parameters, X, n_classes=2)


def test_progress_ends_at_all_lanes_and_the_whole_share():
    told = []
    KerasTrainer(small).train([chunk(seed=s) for s in (0, 1)], tell=told.append)
    assert told[-1].lanes_done == told[-1].lanes == 6
    assert told[-1].share_done == pytest.approx(1)
    assert [t.share_done for t in told] == sorted(t.share_done for t in told)


def test_an_interrupt_stops_the_training():
    def interrupt(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        KerasTrainer(small).train([chunk(epochs=10_000)], tell=interrupt)


def test_one_program_is_compiled_for_each_shape(monkeypatch):
    from outweigh import _lanes

    programs = []

    class Counted(_lanes.Program):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            programs.append(self)

    monkeypatch.setattr(_lanes, "Program", Counted)
    KerasTrainer(small).train([chunk(seed=s, fold=f) for s in range(3) for f in range(2)])
    assert len(programs) == 1
    assert len(programs[0].compiled) == 2  # one to train, one to predict


def test_a_network_that_differs_from_seed_to_seed_is_refused():
    units = iter((4, 5))

    def build(n_features, n_outputs):
        hidden = keras.layers.Dense(next(units))
        output = keras.layers.Dense(n_outputs, activation="sigmoid")
        return keras.Sequential([keras.Input((n_features,)), hidden, output])

    with pytest.raises(NetworkError, match="same layers at each call"):
        KerasTrainer(build).train([chunk(seed=0), chunk(seed=1)])


def _far_below(shape, dtype=None):
    return keras.ops.full(shape, -1e6, dtype=dtype)


def test_lanes_that_are_not_done_in_time_are_left_out_and_the_others_are_as_ever():
    plan = [chunk(seed=seed, epochs=4) for seed in range(3)]
    whole = KerasTrainer(small).train(plan)
    ends = []

    def tell(progress):
        ends.append(progress.lanes_done)
        if progress.lanes_done == 3:  # the first chunk
            monkey.setattr(time, "monotonic", lambda: 1.0)

    with pytest.MonkeyPatch.context() as monkey:
        monkey.setattr(time, "monotonic", lambda: 0.0)
        cut = KerasTrainer(small, workers=1).train(plan, until=0.5, tell=tell)
    assert cut[1:] == [None, None]
    np.testing.assert_array_equal(cut[0].probability, whole[0].probability)
    assert ends[-1] == 3


def test_a_shape_is_compiled_once_for_all_calls_too():
    trainer = KerasTrainer(small)
    for _ in range(2):
        trainer.train([chunk(fold=fold, epochs=2) for fold in range(3)])
        [program] = trainer.programs.values()
        assert len(program.compiled) == 2  # an epoch, a prediction


def test_parameters_are_kept_only_where_they_are_asked_for():
    trainer = KerasTrainer(small)
    assert trainer.train([chunk(epochs=1)])[0].parameters is None
    assert trainer.train([chunk(epochs=1)], keep_parameters=True)[0].parameters is not None


def test_blocks_train_side_by_side_only_where_memory_holds_them(monkeypatch):
    monkeypatch.setattr(_lanes, "cores", lambda: 8)
    one_block = 4 * 4 * 384 * _lanes.COPIES  # bytes: float32, 4 features, 384 training rows
    for fitting in (0, 1, 3, 100):
        monkeypatch.setattr(_lanes, "free_memory", lambda n=fitting: 2 * n * one_block)
        assert _lanes._n_workers([chunk()]) == min(max(fitting, 1), 8)
