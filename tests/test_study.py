"""The flow of a study, with an exact trainer in place of the engine."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from outweigh._chunk import FINISHED, Trained
from outweigh._compare import HELP, judge
from outweigh._errors import UsageError
from outweigh._operating import default_costs
from outweigh._settings import TWIN, parse_settings
from outweigh._study import EPOCHS, EPOCHS_UNSTOPPED, Design, gather, run, settle
from outweigh._table import Table
from tests.trainers import Logistic

SETTINGS = "none,balanced,ratio:20"


def world(n=1203, *, k=2, seed=0, log_odds=-2.0) -> Table:
    """A world in which logistic regression is right: log odds of each class linear in x."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    logits = x @ rng.normal(size=(2, k)) + log_odds * (np.arange(k) > 0)
    odds = np.exp(logits).cumsum(axis=1)
    y = (rng.random((n, 1)) * odds[:, -1:] > odds).sum(axis=1)
    return Table(x, ("a", "b"), y, tuple(range(k)), "y", "world")


def studied(table=None, *, trainer=None, settings=SETTINGS, tell=None, **design):
    table = world() if table is None else table
    trainer = Logistic() if trainer is None else trainer
    evidence = run(
        table,
        settings=parse_settings(settings, table.classes),
        costs=default_costs(table.counts),
        costs_given=False,
        trainer=trainer,
        design=Design(**({"folds": 3, "seeds": 2} | design)),
        **({} if tell is None else {"tell": tell}),
    )
    return evidence, *trainer.calls


def of_fold(chunk):
    """The training rows of a chunk's fold: those of gradient steps, and those that validate."""
    return np.sort(np.concatenate([chunk.training, chunk.validation]))


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
    columns = table.columns.copy()
    columns[evidence.split.test] = 1e6
    other, *other_calls = studied(replace(table, columns=columns), test_size=0.3)
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
    columns = table.columns.copy()
    columns[row] = 1e6
    _, other_chunks, _ = studied(replace(table, columns=columns))
    for one, two in zip(chunks, other_chunks, strict=True):
        rows = np.delete(of_fold(one), np.flatnonzero(of_fold(one) == row))
        moved = (one.x[rows] != two.x[rows]).any()
        assert moved == (one.fold != 0)


def test_features_have_mean_0_and_deviation_1_on_the_training_rows():
    for chunk in studied()[1]:
        assert chunk.x[of_fold(chunk)].mean(axis=0) == pytest.approx([0, 0], abs=1e-6)
        assert chunk.x[of_fold(chunk)].std(axis=0) == pytest.approx([1, 1], abs=1e-6)


def test_class_weights_and_prior_are_those_of_the_fold_s_training_rows():
    table = world(1000)  # does not divide by 3
    evidence, chunks, _ = studied(table)
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
    assert [(c.fold, c.seed) for c in chunks] == [(f, s) for f in range(3) for s in (7, 8)]
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


def table_of(negatives, positives) -> Table:
    y = np.repeat([0, 1], [negatives, positives])
    return Table(np.zeros((len(y), 1)), ("a",), y, (0, 1), "y", "counts")


@pytest.mark.parametrize(
    ("n", "positives"),
    [(500, 83), (500, 89), (500, 98), (500, 110), (1300, 86), (2600, 86), (2600, 95), (9000, 80)],
)
@pytest.mark.parametrize("batch_size", [None, 50, 150])
def test_lanes_stop_early_only_by_ten_validating_positives(n, positives, batch_size):
    rng = np.random.default_rng(0)
    table = table_of(n - positives, positives)
    table = replace(table, columns=rng.normal(size=(n, 1)))
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
    table = table_of(1000 - positives, positives)
    schedule = settle(table, [np.arange(1000)], Design(**design))
    assert (schedule.epochs, schedule.patience) == (epochs, patience)
    assert schedule.batch_size == design.get("batch_size", 32)  # 1000 / 16, down to a power of 2


def test_a_batch_is_never_larger_than_the_training_rows():
    schedule = settle(table_of(50, 10), [np.arange(40), np.arange(40, 60)], Design(batch_size=999))
    assert schedule.batch_size == 20


def test_the_rarest_of_three_classes_is_asked_too():
    y = np.repeat([0, 1, 2], [500, 460, 40])
    table = Table(np.zeros((1000, 1)), ("a",), y, (0, 1, 2), "y", "counts")
    assert not settle(table, [np.arange(1000)], Design()).stops_early


def test_chunks_carry_the_schedule():
    evidence, chunks, final = studied(epochs=7, patience=3, batch_size=25)
    assert evidence.schedule.stops_early
    for chunk in chunks + final:
        assert (chunk.epochs, chunk.patience, chunk.batch_size) == (7, 3, 25)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seeds": 0}, "--seeds must be at least 1; came 0"),
        ({"seed": -1}, "--seed must be at least 0; came -1"),
        ({"patience": -1}, "--patience must be at least 0; came -1"),
        ({"epochs": 0}, "--epochs must be at least 1; came 0"),
        ({"batch_size": 0}, "--batch-size must be at least 1; came 0"),
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
            validation_log_loss=np.empty((n_lanes, 0)),
        )


def told(fold, seed, setting, row):
    return (fold + 10 * seed + 100 * setting + 1000 * row) / 2**24


def test_every_prediction_comes_to_its_place():
    evidence, chunks, _ = studied(world(600), trainer=Telling())
    for p in (evidence.predictions, _gathered(evidence, chunks[::-1])):
        for s, r in p.lanes:
            expected = told(p.fold, p.seeds[r], s, p.row)
            assert (p.probability[s, r, :, 1] == expected.astype(np.float32)).all()
        assert (p.y == evidence.table.y[p.row]).all()


def _gathered(evidence, chunks):
    """Gather the chunks in another order: their folds are numbered as they come."""
    chunks = [replace(c, fold=2 - c.fold) for c in chunks]
    trained = [Telling().train_one(chunk, False) for chunk in chunks]
    return gather(evidence.table, evidence.settings, chunks, trained)


def test_the_verdict_is_that_of_the_predictions():
    evidence, *_ = studied()
    assert evidence.verdict == judge(evidence.predictions, evidence.costs)


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
    before = table.columns.copy()
    studied(table)
    assert (table.columns == before).all()
