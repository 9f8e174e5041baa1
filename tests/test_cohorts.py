"""Which settings train together, on which rows."""

from dataclasses import replace

import numpy as np
import pytest

from outweigh._chunk import Chunk
from outweigh._cohorts import Cohort, Passes, cohorts_of, visited
from outweigh._draws import Oversampled
from outweigh._errors import SettingError
from outweigh._grammar import parse_references, parse_settings
from outweigh._samplers import sampler_named, sampler_of

BOTH = (0, 1)


def chunk(n=90, n_positive=12, *, weighted=False, seed=3) -> Chunk:
    """A chunk of rows that tell their number by their first feature."""
    rng = np.random.default_rng(0)
    x = np.column_stack([np.arange(n), rng.normal(size=n)]).astype("float32")
    y = (np.arange(n) % (n // n_positive) == 0).astype(np.int64)
    numbers = rng.permutation(n)
    return Chunk(
        fold=0,
        seed=seed,
        x=x,
        y=y,
        row_weight=rng.uniform(1, 5, n) if weighted else None,
        class_weight=np.ones((1, 2)),
        prior=np.array([0.8, 0.2]),
        training=numbers[: n // 2],
        validation=numbers[n // 2 : 2 * n // 3],
        held_out=numbers[2 * n // 3 :],
        batch_size=8,
        epochs=3,
        patience=2,
    )


def of(name: str, one_hot=()):
    """Give a chunk the rows of a sampler, by its name."""
    return visited(chunk(), Cohort((0,), sampler=sampler_named(name)), one_hot=one_hot)


class Keeps:
    """A sampler that remembers the rows that it saw, and gives them back."""

    def __init__(self):
        self.seen: list[int] = []

    def fit_resample(self, x, y):
        self.seen += x[:, 0].astype(int).tolist()
        return x, y


# cohorts


def test_class_weights_are_one_cohort_and_losses_another():
    settings = parse_settings("path:3, focal:2, sqrt, deferred:0.5, smoothed:0.1+sqrt", BOTH)
    assert [cohort.settings for cohort in cohorts_of(settings)] == [(0, 1, 2, 4), (3, 5, 6)]


def test_rows_drawn_alike_are_visited_by_one_cohort():
    settings = parse_settings(
        "smote, oversample, smote+sqrt, oversample:0.5, oversample+sqrt", BOTH
    )
    assert [c.settings for c in cohorts_of(settings)] == [(0,), (1, 3), (2, 5), (4,)]


def test_a_loss_of_ours_needs_a_program_of_its_own_whatever_the_rows():
    settings = parse_settings("oversample, oversample+focal:2", BOTH)
    assert [c.settings for c in cohorts_of(settings)] == [(0,), (1,), (2,)]


def test_each_reference_stands_alone_under_each_rule():
    settings = parse_references("logistic, random-forest, logistic+balanced", BOTH)
    assert [c.settings for c in cohorts_of(settings)] == [(0,), (1,), (2,)]


# rows


def test_class_weights_visit_the_rows_they_are_given():
    given = chunk()
    found, frequency = visited(given, Cohort((0,)), one_hot=())
    assert found is given
    assert frequency.tolist() == [1, 1]


def test_a_draw_tells_how_often_it_visits_each_class():
    given = chunk()
    found, frequency = visited(given, Cohort((0,), draw=Oversampled()), one_hot=())
    counts = np.bincount(given.y[given.training])
    np.testing.assert_allclose(frequency, counts.sum() / (2 * counts))
    assert found.rows_per_epoch == 2 * counts.max() // 8 * 8


def test_a_sampler_sees_the_training_rows_and_no_others():
    keeps, given = Keeps(), chunk()
    visited(given, Cohort((0,), sampler=sampler_of(keeps)), one_hot=())
    assert sorted(keeps.seen) == sorted(given.training)


def test_rows_that_wait_or_judge_are_the_same_after_a_sampler():
    given, (found, _) = chunk(), of("smote")
    for part in ("validation", "held_out"):
        before, after = getattr(given, part), getattr(found, part)
        assert (given.x[before] == found.x[after]).all()
        assert (given.y[before] == found.y[after]).all()


def test_what_a_sampler_makes_of_the_classes_is_told():
    given, (found, frequency) = chunk(), of("smote")
    n_made = found.draw.n_rows
    before = np.bincount(given.y[given.training]) / len(given.training)
    after = np.bincount(found.y[found.training[:n_made]]) / n_made
    np.testing.assert_allclose(frequency, after / before)
    np.testing.assert_allclose(after, [0.5, 0.5])
    np.testing.assert_allclose(frequency @ before, 1)


def test_row_weights_are_part_of_what_a_sampler_makes_of_the_classes():
    given = chunk(weighted=True)
    found, frequency = visited(
        given, Cohort((0,), sampler=sampler_named("random-over")), one_hot=()
    )
    made = found.training[: found.draw.n_rows]
    mass = [
        np.bincount(c.y[rows], c.row_weight[rows]) / c.row_weight[rows].sum()
        for c, rows in ((given, given.training), (found, made))
    ]
    np.testing.assert_allclose(frequency, mass[1] / mass[0])


def test_seeds_make_rows_of_their_own():
    ones = [
        visited(chunk(seed=s), Cohort((0,), sampler=sampler_named("smote")), one_hot=())[0]
        for s in (3, 4, 3)
    ]
    assert ones[0].x.tobytes() == ones[2].x.tobytes()
    assert ones[0].x.tobytes() != ones[1].x.tobytes()


def test_a_sampler_that_cannot_serve_says_so():
    few = replace(chunk(), y=np.zeros(90, dtype=np.int64))
    few.y[few.training[:2]] = 1
    with pytest.raises(SettingError, match="smote could not resample"):
        visited(few, Cohort((0,), sampler=sampler_named("smote")), one_hot=())


# passes


@pytest.mark.parametrize(("n_rows", "batch_size"), [(100, 8), (7, 8), (1003, 32), (64, 64)])
def test_passes_visit_every_row_equally_often_but_for_one(n_rows, batch_size):
    passes, y = Passes(n_rows), np.zeros(n_rows + 5, dtype=np.int64)
    epochs = [passes.order(y, seed=0, epoch=e, batch_size=batch_size) for e in range(7)]
    assert {len(rows) for rows in epochs} == {passes.length(y, batch_size)}
    visits = np.bincount(np.concatenate(epochs), minlength=n_rows)
    assert len(visits) == n_rows  # what fills the chunk up is never visited
    assert np.ptp(visits) <= 1


def test_numbers_of_rows_that_hardly_differ_are_padded_to_one_shape():
    lengths = {(Passes(n).length((), 32), -n % 32) for n in (6400, 6401)}
    assert len({length for length, _ in lengths}) == 1
