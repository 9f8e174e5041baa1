"""The flow of a study, with an exact trainer in place of the engine."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from outweigh import _training
from outweigh._chunk import FINISHED, Curves, Trained
from outweigh._columns import number_columns
from outweigh._compare import HELP, judge
from outweigh._costs import Cost
from outweigh._decisions import decide_all
from outweigh._errors import UsageError
from outweigh._plan import EPOCHS, EPOCHS_UNSTOPPED, Design, settle
from outweigh._settings import TWIN
from tests.trainers import Logistic, Slow, studied, table_of, world


def of_fold(chunk):
    """The training rows of a chunk's fold: those of gradient steps, and those that validate."""
    return np.sort(np.concatenate([chunk.training, chunk.validation]))


def moved(table, rows):
    """The same table, some of its rows far away."""
    numbers = table.columns.numbers.copy()
    numbers[rows] = 1e6
    return replace(table, columns=number_columns(numbers, table.names))


class Blind(Logistic):
    """A trainer whose unweighted lanes see nothing, so that weights help."""

    def train_one(self, chunk, keep_parameters):
        trained = super().train_one(chunk, keep_parameters)
        twin = (chunk.class_weight == 1).all(axis=1)
        return replace(
            trained,
            probability=np.where(twin[:, None, None], chunk.prior, trained.probability),
        )


# which rows train, and which judge


@pytest.mark.parametrize("patience", [0, 15])
@pytest.mark.parametrize("test_size", [0.0, 0.3])
def test_each_row_is_judged_once_by_lanes_that_never_visited_it(patience, test_size):
    evidence, chunks, _ = studied(patience=patience, test_size=test_size)
    every = np.setdiff1d(np.arange(len(evidence.table.y)), evidence.split.test)
    assert (np.sort(evidence.predictions.row) == every).all()
    for chunk in chunks:
        parts = (chunk.training, chunk.validation, chunk.held_out)
        assert (np.sort(np.concatenate(parts)) == every).all()
        judged = evidence.predictions.row[evidence.predictions.fold == chunk.fold]
        assert (judged == chunk.held_out).all()
        assert (of_fold(chunk) == evidence.split.folds[chunk.fold].training).all()


def test_test_rows_are_held_out_by_the_final_model_and_met_by_no_other():
    evidence, chunks, final = studied(test_size=0.3)
    test = evidence.split.test
    assert len(test) == 361  # 0.3 × 1203, upwards
    for chunk in chunks:
        for rows in (chunk.training, chunk.validation, chunk.held_out):
            assert not np.isin(rows, test).any()
    for chunk in final:
        assert (chunk.held_out == test).all()
        assert not np.isin(of_fold(chunk), test).any()
        assert len(of_fold(chunk)) == 1203 - 361
    assert (evidence.final.test.row == test).all()


def test_nothing_that_comes_before_the_end_depends_on_the_test_rows():
    table = world()
    evidence, *calls = studied(table, test_size=0.3)
    other, *other_calls = studied(moved(table, evidence.split.test), test_size=0.3)
    assert other.predictions == evidence.predictions
    assert other.verdict == evidence.verdict
    for chunks, other_chunks in zip(calls, other_calls, strict=True):
        for one, two in zip(chunks, other_chunks, strict=True):
            assert (one.x[of_fold(one)] == two.x[of_fold(one)]).all()
    assert other.final.test != evidence.final.test


def test_preprocessing_is_learned_from_the_fold_s_training_rows_alone():
    table = world()
    evidence, chunks, _ = studied(table)
    row = evidence.split.folds[0].held_out[0]
    _, other_chunks, _ = studied(moved(table, row))
    for one, two in zip(chunks, other_chunks, strict=True):
        rows = np.delete(of_fold(one), np.flatnonzero(of_fold(one) == row))
        assert (one.x[rows] != two.x[rows]).any() == (one.fold != 0)


def test_features_have_mean_0_and_deviation_1_on_the_training_rows():
    for chunk in studied()[1]:
        assert chunk.x[of_fold(chunk)].mean(axis=0) == pytest.approx([0, 0], abs=1e-6)
        assert chunk.x[of_fold(chunk)].std(axis=0) == pytest.approx([1, 1], abs=1e-6)


def test_class_weights_and_prior_are_those_of_the_fold_s_training_rows():
    table = world(1000)  # does not divide by 3
    evidence, chunks, _ = studied(table, settings="none,balanced,ratio:20")
    assert len({tuple(chunk.prior) for chunk in chunks}) > 1
    for chunk in chunks:
        y = table.y[of_fold(chunk)]
        assert chunk.prior == pytest.approx(np.bincount(y) / len(y))
        balanced = compute_class_weight("balanced", classes=np.array([0, 1]), y=y)
        assert (chunk.class_weight[1] == balanced).all()
        assert chunk.class_weight[2, 1] / chunk.class_weight[2, 0] == pytest.approx(20)
        assert chunk.class_weight[:, y].mean(axis=1) == pytest.approx([1, 1, 1])
        assert (evidence.predictions.class_weight[:, chunk.fold] == chunk.class_weight).all()
        assert (evidence.predictions.prior[chunk.fold] == chunk.prior).all()


# which lanes train together


def test_the_twin_and_all_settings_share_the_chunk_of_their_fold_and_seed():
    _, chunks, _ = studied(seed=7)
    assert [(c.fold, c.seed) for c in chunks] == [(f, s) for s in (7, 8) for f in range(3)]
    for chunk in chunks:
        assert chunk.class_weight.shape == (3, 2)
        assert (chunk.class_weight[0] == 1).all()


def test_all_chunks_take_gradient_steps_on_as_many_rows_in_whole_batches():
    evidence, chunks, _ = studied(world(1301))
    assert evidence.schedule.stops_early
    assert len({len(of_fold(chunk)) for chunk in chunks}) > 1
    [n] = {len(chunk.training) for chunk in chunks}
    assert n % evidence.schedule.batch_size == 0
    assert n / 1301 * 3 / 2 == pytest.approx(0.85, abs=0.03)


def test_each_seed_validates_on_other_rows_and_each_fold_alike():
    _, chunks, _ = studied()
    validating = {(c.fold, c.seed): c.validation.tolist() for c in chunks}
    assert validating[0, 0] != validating[0, 1]
    for chunk in chunks:
        share = chunk.y[chunk.validation].mean()
        assert share == pytest.approx(chunk.prior[1], abs=1 / len(chunk.validation))


# how long lanes train


def of_classes(*counts, seed=0):
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.random.default_rng(seed).normal(size=(len(y), 1))
    return table_of(x, y, tuple(range(len(counts))))


@pytest.mark.parametrize(
    ("n", "positives"),
    [(500, 83), (500, 89), (500, 98), (500, 110), (1300, 86), (2600, 86), (2600, 95), (9000, 80)],
)
@pytest.mark.parametrize("batch_size", [None, 50, 150])
def test_lanes_stop_early_only_by_ten_validating_positives(n, positives, batch_size):
    table = of_classes(n - positives, positives)
    evidence, chunks, _ = studied(table, folds=5, seeds=1, batch_size=batch_size)
    validating = min(table.y[chunk.validation].sum() for chunk in chunks)
    assert validating >= 10 if evidence.schedule.stops_early else validating == 0


@pytest.mark.parametrize(
    ("positives", "design", "epochs", "patience"),
    [
        (400, {}, EPOCHS, 15),
        (400, {"patience": 4, "epochs": 9}, 9, 4),
        (400, {"patience": 0}, EPOCHS_UNSTOPPED, 0),
        (60, {}, EPOCHS_UNSTOPPED, 0),  # 8 or 9 would validate
        (60, {"epochs": 9}, 9, 0),
        (400, {"batch_size": 600}, EPOCHS_UNSTOPPED, 0),  # no whole batch beside a validation share
    ],
)
def test_the_schedule_is_settled_for_the_data(positives, design, epochs, patience):
    table = of_classes(1000 - positives, positives)
    schedule = settle(table, [np.arange(1000)], Design(**design))
    assert (schedule.epochs, schedule.patience) == (epochs, patience)
    assert schedule.batch_size == design.get("batch_size", 32)  # 1000 / 16, down to a power of 2


def test_a_batch_is_never_larger_than_the_training_rows():
    schedule = settle(
        of_classes(50, 10), [np.arange(40), np.arange(40, 60)], Design(batch_size=999)
    )
    assert schedule.batch_size == 20


@pytest.mark.parametrize(("rarer", "stops"), [((40, 12), False), ((60, 40), True)])
def test_of_three_classes_the_rarer_ones_are_counted_together(rarer, stops):
    table = of_classes(900, *rarer)
    rows = np.arange(len(table.y))
    assert settle(table, [rows], Design()).stops_early == stops


def test_chunks_carry_the_schedule():
    evidence, chunks, final = studied(epochs=7, patience=3, batch_size=25, watch="raw")
    assert evidence.schedule.stops_early
    for chunk in chunks + final:
        assert (chunk.epochs, chunk.patience, chunk.batch_size) == (7, 3, 25)
        assert chunk.watch == "raw"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seeds": 0}, "--seeds must be at least 1; came 0"),
        ({"seed": -1}, "--seed must be at least 0; came -1"),
        ({"patience": -1}, "--patience must be at least 0; came -1"),
        ({"epochs": 0}, "--epochs must be at least 1; came 0"),
        ({"batch_size": 0}, "--batch-size must be at least 1; came 0"),
        ({"watch": "loss"}, "--watch must be one of undone, raw, weighted; came 'loss': undone"),
    ],
)
def test_a_design_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(UsageError, match=message):
        Design(**wrong)


# what comes out


def test_one_seed_gives_one_result_and_another_another():
    one, again, other = (studied(seed=seed, test_size=0.2)[0] for seed in (3, 3, 4))
    assert again.predictions == one.predictions
    assert again.verdict == one.verdict
    assert again.final.test == one.final.test
    assert other.predictions.row.tolist() != one.predictions.row.tolist()


@pytest.mark.parametrize("k", [2, 3])
def test_in_a_well_specified_world_the_undone_predictions_agree(k):
    """Whatever the weights, the posterior is one; only they are estimated less well."""
    settings = "none,sqrt,balanced"
    evidence, *_ = studied(world(20_000, k=k), settings=settings, folds=2, seeds=1)
    said, undone = evidence.predictions.probability[:, 0], evidence.predictions.averaged()
    for s in (1, 2):
        assert np.abs(said[s] - said[0]).mean() > 0.05
        assert np.abs(undone[s] - undone[0]).mean() < 0.005
        assert undone[s].mean(axis=0) == pytest.approx(evidence.table.counts / 20_000, abs=0.005)


class Telling(Logistic):
    """A trainer whose predictions tell where they were made."""

    def train_one(self, chunk, keep_parameters):
        n_lanes = len(chunk.class_weight)
        lane, row = np.meshgrid(np.arange(n_lanes), chunk.held_out, indexing="ij")
        said = told(chunk.fold, chunk.seed, lane, row)
        return Trained(
            probability=np.stack([1 - said, said], axis=-1),
            outcome=tuple(FINISHED for _ in range(n_lanes)),
            epochs=np.ones(n_lanes, dtype=int),
            curves=Curves(*np.empty((3, n_lanes, 0))),
        )


def told(fold, seed, setting, row):
    return (fold + 10 * seed + 100 * setting + 1000 * row) / 2**24


def test_every_prediction_comes_to_its_place():
    evidence, *_ = studied(world(600), trainer=Telling())
    p = evidence.predictions
    for s, r in p.lanes:
        expected = told(p.fold, p.seeds[r], s, p.row)
        assert (p.probability[s, r, :, 1] == expected.astype(np.float32)).all()
    assert (p.y == evidence.table.y[p.row]).all()


@pytest.mark.parametrize("room", [0, 1, 2, 99])
def test_folds_that_do_not_fit_in_memory_together_train_one_after_another(monkeypatch, room):
    """Whatever the waves, the result is one."""
    whole, *_ = studied(world(600), trainer=Telling())
    one_fold = 4 * 600 * 2  # bytes: float32, two features
    share = _training.MEMORY_SHARE
    monkeypatch.setattr(_training, "free_memory", lambda: room * one_fold / share)
    told = []
    evidence, *calls = studied(
        world(600), trainer=Telling(), tell=lambda stage, p: told.append((stage, p))
    )
    assert len(calls) == {0: 3, 1: 3, 2: 2, 99: 1}[room] + 1
    assert evidence.predictions == whole.predictions
    shares = [p.share_done for stage, p in told if stage == "folds"]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


# a limit of time


@pytest.mark.parametrize(("done", "seeds"), [(3, 1), (5, 1), (6, 2), (8, 2), (9, 3)])
def test_what_is_finished_in_time_is_judged_seed_by_seed(done, seeds):
    limited, *_ = studied(trainer=Slow(done, 9), seeds=3, time_limit=1.0)
    whole, *_ = studied(seeds=seeds)
    assert limited.predictions == whole.predictions
    assert limited.verdict == whole.verdict
    assert len(limited.final.trained) == seeds


def test_where_not_one_seed_was_finished_the_folds_are_judged_that_were():
    limited, chunks, _ = studied(trainer=Slow(2, 9), seeds=2, time_limit=1.0)
    assert limited.predictions.seeds == (0,)
    assert (limited.predictions.row == np.concatenate([c.held_out for c in chunks[:2]])).all()
    assert len(limited.predictions.prior) == 2


def test_less_than_two_folds_in_time_are_refused():
    with pytest.raises(UsageError, match="--time-limit must leave time for two folds; 1 of 3"):
        studied(trainer=Slow(1, 9), time_limit=1.0)


def test_one_seed_of_the_final_model_is_trained_however_little_time_is_left():
    limited, _, *final = studied(trainer=Slow(6, 0), time_limit=1.0)
    assert len(limited.final.trained) == 1
    assert len(final) == 2  # the second call has no limit
    assert [chunk.seed for chunk in final[1]] == [0]


def test_the_verdict_is_that_of_the_predictions_at_the_costs_given():
    objective = Cost(fn=7, fp=2)
    evidence, *_ = studied(objective=objective)
    assert evidence.verdict == judge(decide_all(evidence.predictions, objective))
    assert evidence.objective_given
    assert evidence.objective == objective


@pytest.mark.parametrize("test_size", [0.0, 0.3])
def test_costs_not_given_are_those_of_the_rows_that_are_not_test_rows(test_size):
    table = world(1001)
    evidence, *_ = studied(table, test_size=test_size)
    training = np.setdiff1d(np.arange(1001), evidence.split.test)
    n_0, n_1 = np.bincount(table.y[training])
    assert evidence.objective.matrix.tolist() == [[0, 1], [n_0 / n_1, 0]]
    assert not evidence.objective_given
    assert evidence.verdict == judge(decide_all(evidence.predictions, evidence.objective))


def test_row_weights_go_with_their_rows():
    table = replace(world(), row_weight=np.random.default_rng(0).random(1203))
    evidence, chunks, _ = studied(table)
    assert all((chunk.row_weight == table.row_weight).all() for chunk in chunks)
    assert (evidence.predictions.row_weight == table.row_weight[evidence.predictions.row]).all()


# the final model


def test_the_twin_is_refitted_on_every_row_where_weights_gain_nothing():
    evidence, _, final = studied(seeds=4)
    assert evidence.verdict.chosen == "none"
    assert [chunk.seed for chunk in final] == [0, 1, 2, 3]
    assert all(len(of_fold(chunk)) == 1203 for chunk in final)
    assert evidence.final.settings == (TWIN,)
    assert evidence.final.test is None
    assert (evidence.final.class_weight == 1).all()


@pytest.mark.parametrize("test_size", [0.0, 0.3])
def test_the_twin_comes_along_where_there_are_test_rows(test_size):
    evidence, _, final = studied(world(4000), trainer=Blind(), test_size=test_size)
    assert evidence.verdict.code == HELP
    names = [setting.name for setting in evidence.final.settings]
    assert names == ([evidence.verdict.best, "none"] if test_size else [evidence.verdict.best])
    weight = evidence.final.settings[0].class_weight(
        np.bincount(evidence.table.y[of_fold(final[0])]), (0, 1)
    )
    assert (evidence.final.class_weight[0] == weight).all()
    assert all((chunk.class_weight == evidence.final.class_weight).all() for chunk in final)
    if test_size:
        assert evidence.final.test.settings == tuple(names)
        assert evidence.final.test.averaged().shape == (2, 1200, 2)


def test_progress_is_told_by_stage():
    told = []
    studied(tell=lambda stage, progress: told.append((stage, progress.lanes, progress.share_done)))
    lanes = 3 * 3 * 2  # settings × folds × seeds
    assert told == [("folds", lanes, 0), ("folds", lanes, 1), ("final", 2, 0), ("final", 2, 1)]


def test_the_table_is_left_as_it_was():
    table = world()
    before = table.columns.numbers.copy()
    studied(table)
    assert (table.columns.numbers == before).all()


# other splits


def parts_of(chunk):
    return (chunk.training, chunk.validation, chunk.held_out)


@pytest.mark.parametrize("patience", [0, 15])
def test_a_group_stays_on_one_side_of_every_cut(patience):
    group = np.random.default_rng(1).integers(0, 300, 1203)
    table = replace(world(), group=group)
    evidence, chunks, final = studied(table, patience=patience, test_size=0.2)
    assert patience == 0 or any(len(chunk.validation) for chunk in chunks)
    for chunk in chunks + final:
        met = [set(group[rows]) for rows in parts_of(chunk)]
        assert met[0].isdisjoint(met[1] | met[2])
        assert met[1].isdisjoint(met[2])
    test, rest = evidence.split.test, np.delete(group, evidence.split.test)
    assert len(test)
    assert set(group[test]).isdisjoint(rest)


def test_no_row_is_judged_by_a_model_that_saw_a_later_one():
    time = np.random.default_rng(2).permutation(1203) // 3
    evidence, chunks, final = studied(replace(world(), time=time), test_size=0.2)
    for chunk in chunks + final:
        assert time[of_fold(chunk)].max() < time[chunk.held_out].min()
    assert time[evidence.split.test].min() > time[evidence.predictions.row].max()


def test_folds_of_other_sizes_take_gradient_steps_on_as_many_rows_as_they_have():
    evidence, chunks, _ = studied(replace(world(4000), time=np.arange(4000)))
    assert evidence.schedule.stops_early
    shares = {len(c.training) / len(of_fold(c)) for c in chunks}
    assert len({len(chunk.training) for chunk in chunks}) == 3
    assert all(share == pytest.approx(0.85, abs=0.03) for share in shares)


def test_each_repetition_judges_each_row_once_more():
    evidence, chunks, _ = studied(repeats=3)
    predictions = evidence.predictions
    assert len(chunks) == 3 * 3 * 2
    assert predictions.repeat.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for repeat in range(3):
        of_repeat = np.isin(predictions.fold, np.flatnonzero(predictions.repeat == repeat))
        assert (np.sort(predictions.row[of_repeat]) == np.arange(1203)).all()


def test_equal_rows_stay_in_one_fold_where_that_is_asked():
    copies = np.random.default_rng(3).integers(0, 400, 1203)
    table = world()
    table = replace(table, columns=table.columns.take(copies))
    values = table.columns.numbers[:, 0]
    for together in (False, True):
        _, chunks, _ = studied(table, duplicates_together=together)
        crossing = [
            bool(set(values[of_fold(chunk)]) & set(values[chunk.held_out])) for chunk in chunks
        ]
        assert all(crossing) != together
        assert any(crossing) != together


def test_a_class_with_fewer_rows_than_folds_is_trained_on_and_never_judged():
    table = of_classes(700, 300, 2)
    evidence, chunks, _ = studied(table)
    rare = np.flatnonzero(table.y == 2)
    for chunk in chunks:
        assert np.isin(rare, chunk.training).all()
        assert not np.isin(rare, chunk.held_out).any()
    assert not np.isin(rare, evidence.predictions.row).any()
    assert np.isfinite(evidence.verdict.difference)


def test_folds_with_fewer_features_are_filled_up_to_one_width():
    """A gap in one row: the fold that holds it out learns no indicator of gaps."""
    table = world()
    numbers = table.columns.numbers.copy()
    numbers[7, 0] = np.nan
    table = replace(table, columns=number_columns(numbers, table.names))
    evidence, chunks, _ = studied(table)
    without = next(f for f, fold in enumerate(evidence.split.folds) if 7 in fold.held_out)
    assert {chunk.x.shape[1] for chunk in chunks} == {3}
    for chunk in chunks:
        assert (chunk.x[:, 2] == 0).all() == (chunk.fold == without)


def test_rows_that_share_a_group_with_a_given_test_row_train_nothing():
    group = np.arange(1203) // 3
    test = np.arange(0, 300, 3)
    evidence, chunks, final = studied(replace(world(), group=group), test=test)
    assert (evidence.split.test == test).all()
    for chunk in chunks + final:
        assert set(group[of_fold(chunk)]).isdisjoint(group[test])
    assert len(of_fold(final[0])) == 903
