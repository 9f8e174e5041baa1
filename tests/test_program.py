"""Programs: weights that wait for their time, rows in batches, and one compilation for a study."""

import math
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from outweigh._chunk import FINISHED, STOPPED, Chunk
from outweigh._grammar import parse_settings
from outweigh._lanes import KerasTrainer
from outweigh._network import keras_on_jax
from outweigh._plan import Design, plan, split
from outweigh._program import EPOCH, ROWS_AT_ONCE, Lane, Rows, Watch, _switched, padded
from outweigh._shapes import Shape, undo
from outweigh._shapes import plain as plain_shape
from outweigh._training import train
from tests.trainers import linear, world

keras = keras_on_jax()

N = 600
RNG = np.random.default_rng(5)
X = RNG.normal(size=(N, 4)).astype("float32")
Y = (X[:, 0] + RNG.normal(size=N) > 1.2).astype(int)
BALANCED = N / (2 * np.bincount(Y))


def small(n_features, n_outputs):
    hidden = keras.layers.Dense(16, activation="relu")
    model = keras.Sequential([keras.Input((n_features,)), hidden, keras.layers.Dense(n_outputs)])
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def chunk(starts, class_weight=BALANCED, **changed):
    """Lanes whose weights act after so many epochs; None: of no shape, and from the first on."""
    n_lanes = 1 if starts is None else len(starts)
    whole = Chunk(
        fold=0,
        seed=1,
        x=X,
        y=Y,
        row_weight=None,
        class_weight=np.tile(class_weight, (n_lanes, 1)),
        prior=np.bincount(Y) / N,
        training=np.arange(384),
        validation=np.arange(384, 500),
        held_out=np.arange(500, N),
        batch_size=32,
        epochs=60,
        patience=4,
    )
    if starts is not None:
        shapes = Shape(*(np.stack([part] * n_lanes) for part in plain_shape(2)))
        whole = replace(whole, shape=shapes, start=np.array(starts))
    return replace(whole, **changed)


def trained(*arguments, **changed):
    [done] = KerasTrainer(small).train([chunk(*arguments, **changed)])
    return done


# -- weights that wait


@pytest.fixture(scope="module")
def weightless():
    """The lane of no weights, and the epoch at which its patience runs out."""
    lane = trained([0], class_weight=np.ones(2))
    assert lane.outcome == (STOPPED,)
    return lane, int(lane.epochs[0]) + 4


def test_until_its_time_is_over_a_lane_is_one_without_weights(weightless):
    alone, out = weightless
    waiting = trained([out + 10])
    np.testing.assert_allclose(
        waiting.curves.undone[0, :out], alone.curves.undone[0, :out], rtol=1e-5
    )
    np.testing.assert_array_equal(waiting.curves.raw[0, :out], waiting.curves.weighted[0, :out])
    weighs = waiting.curves.weighted[0] != waiting.curves.raw[0]
    assert weighs[out:].all()


def test_weights_act_when_patience_runs_out_however_long_they_were_to_wait(weightless):
    """And then it does not matter any more what was planned."""
    _, out = weightless
    soon, late = trained([out + 1]), trained([out + 30])
    for one, other in zip(soon.curves, late.curves, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(soon.probability, late.probability)
    assert soon.epochs[0] > out


def test_weights_act_after_the_planned_epoch_where_that_comes_first(weightless):
    _, out = weightless
    early = out // 2
    lane = trained([early])
    acts = lane.curves.weighted[0] != lane.curves.raw[0]
    assert np.flatnonzero(acts)[0] == early
    assert lane.epochs[0] > early


def test_a_lane_that_waits_goes_on_from_its_best_epoch(weightless):
    """And stays there where steps are of length 0 from then on."""
    alone, out = weightless
    best = int(alone.epochs[0])

    def build(n_features, n_outputs):
        model = small(n_features, n_outputs)
        last = 12 * out - 1  # of the batches until the patience runs out
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([last], [1e-2, 0.0])
        model.compile(keras.optimizers.Adam(rate), model.loss)
        return model

    [lane] = KerasTrainer(build).train([chunk([out + 30])])
    at_best = alone.curves.raw[0, best - 1]
    assert lane.curves.raw[0, out:] == pytest.approx(at_best, rel=1e-5)
    assert lane.epochs[0] == out + 1  # it is watched anew, and never improves again
    np.testing.assert_allclose(lane.probability, alone.probability, rtol=1e-4)


def test_without_rows_to_stop_by_weights_act_after_the_planned_epoch():
    none = {"validation": np.arange(0), "patience": 0, "epochs": 6}
    never, last, first = (trained([start], **none).probability for start in (6, 5, 0))
    without = trained([0], class_weight=np.ones(2), **none).probability
    np.testing.assert_array_equal(never, without)
    inflated = [p[0, :, 1].mean() for p in (never, last, first)]
    assert inflated[0] < inflated[1] < inflated[2]


def test_a_lane_whose_weights_do_not_wait_is_as_without_a_start():
    """Next to one that waits, which has its own best epoch and its own end."""
    beside = trained([0, 5])
    alone = trained([0])
    assert beside.epochs[0] == alone.epochs[0]
    np.testing.assert_allclose(beside.probability[0], alone.probability[0], atol=1e-5)
    without = trained(None)
    assert np.abs(alone.probability - without.probability).max() < 0.05
    back = undo(beside.probability, BALANCED)[..., 1].mean(axis=1)
    assert back == pytest.approx(Y[500:].mean(), abs=0.08)


@pytest.mark.parametrize(("epochs", "expected"), [(1, [0, 0]), (30, [24, 29]), (150, [120, 148])])
def test_however_long_weights_wait_the_last_epoch_is_theirs(epochs, expected):
    table, design = world(400), Design(folds=2, seeds=1, epochs=epochs, patience=0)
    table, divided = split(table, design)
    late = parse_settings("deferred:0.8, deferred:0.99", table.classes)
    planned = plan(table, divided.folds, late, design)
    of_losses = [job for job in planned.jobs([0]) if job.cohort.bends]
    [(made, _)] = [planned.chunk(job, planned.x(0)) for job in of_losses]
    assert made.start.tolist() == expected


def watch(**parts):
    usual = {"loss": 0.5, "epoch": 3, "now": 7, "running": True, "start": 10}
    numbers = {name: jnp.asarray(v) for name, v in (usual | parts).items()}
    return Watch(trainable=[jnp.array([1.0])], other=[jnp.array([2.0])], **numbers)


LANE = Lane([jnp.array([8.0])], [jnp.array([9.0])], [jnp.array([7.0])])


def test_a_lane_with_patience_left_goes_on_waiting():
    lane, after = _switched(LANE, watch(now=6), watch(), patience=5)
    assert (lane.trainable[0], lane.other[0]) == (8, 9)
    assert (float(after.loss), int(after.epoch), int(after.start)) == (0.5, 3, 10)
    assert bool(after.running)


@pytest.mark.parametrize(
    "over", [watch(now=8, running=False), watch(now=10, epoch=9)], ids=["patience", "planned"]
)
def test_a_lane_whose_wait_is_over_is_watched_anew_from_its_best_epoch(over):
    lane, after = _switched(LANE, over._replace(now=over.now - 1, running=True), over, patience=5)
    assert (lane.trainable[0], lane.other[0], lane.steps[0]) == (1, 2, 7)
    assert math.isinf(after.loss)
    assert int(after.epoch) == int(after.now) == int(after.start) == int(over.now)
    assert bool(after.running)


@pytest.mark.parametrize("running", [True, False])
def test_a_lane_whose_weights_act_is_left_alone(running):
    before, after = watch(now=12, start=10), watch(now=13, start=10, running=running)
    lane, left = _switched(LANE, before, after, patience=5)
    assert (lane.trainable[0], lane.other[0]) == (8, 9)
    assert left == after


def test_a_lane_that_stopped_is_not_woken_by_what_was_planned():
    before, after = watch(now=9, start=5, running=False), watch(now=10, start=5, running=False)
    _, left = _switched(LANE, before, after, patience=5)
    assert not bool(left.running)


def test_a_lane_in_no_hurry_ends_after_all_its_epochs():
    lane = trained([20], epochs=24, patience=20)
    assert lane.outcome == (FINISHED,)
    assert lane.curves.undone.shape == (1, 24)


# -- rows in batches


@pytest.mark.parametrize("n", [0, 1, 64, 65, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 3 * ROWS_AT_ONCE - 1])
def test_rows_are_cut_into_equal_batches_with_little_to_fill_up(n):
    x, y = RNG.normal(size=(n, 3)).astype("float32"), np.arange(n, dtype="int32")
    cut = padded(Rows(x, y, None))
    n_batches, size = cut.y.shape
    assert size <= ROWS_AT_ONCE
    assert 0 <= n_batches * size - n <= 64 * n_batches
    np.testing.assert_array_equal(cut.x.reshape(-1, 3)[:n], x)
    np.testing.assert_array_equal(cut.y.ravel()[:n], y)
    np.testing.assert_array_equal(cut.row_weight.ravel(), np.arange(n_batches * size) < n)


# -- compiled once

TEN = (
    "focal:1, focal:2, focal:5, logit-adjusted:0.5, logit-adjusted:1, vector-scaled:0.15|1, "
    "smoothed:0.1, focal:2+balanced, deferred:0.8, deferred:0.5+sqrt"
)


@pytest.mark.parametrize("patience", [pytest.param(3, marks=pytest.mark.slow), 0])
def test_ten_loss_remedies_of_all_folds_and_seeds_are_one_program(patience):
    table, design = world(400), Design(folds=5, seeds=3, epochs=3, patience=patience)
    table, divided = split(table, design)
    settings = parse_settings(TEN, table.classes)
    trainer = KerasTrainer(linear)
    planned = plan(table, divided.folds, settings, design)
    results = train(planned, trainer, math.inf, lambda progress: None)
    assert len(results.settings) == 11
    assert len(results.trained) == 15
    [program] = trainer.programs.values()
    widths = [width for part, width, *_ in program.compiled if part is EPOCH]
    assert sorted(widths) == [1, 10]  # the twin's and theirs
