"""Folds that scikit-learn's splitters make."""

import numpy as np
import pytest
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)

from outweigh._errors import SplitError, UsageError
from outweigh._splitter import folds_of

Y = np.array([0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 1])
GROUP = np.arange(12) // 2


@pytest.mark.parametrize(
    "cv",
    [
        StratifiedKFold(3, shuffle=True, random_state=7),
        KFold(2),
        TimeSeriesSplit(3),
        PredefinedSplit([0, 0, 0, 1, 1, 1, -1, -1, -1, -1, -1, -1]),
        GroupKFold(3),
    ],
    ids=lambda cv: type(cv).__name__,
)
def test_folds_are_those_that_a_search_of_scikit_learn_would_use(cv):
    group = GROUP if isinstance(cv, GroupKFold) else None
    folds = folds_of(cv, Y, group=group)
    wanted = list(cv.split(np.zeros((12, 1)), Y, group))
    assert len(folds) == len(wanted)
    for fold, (training, held_out) in zip(folds, wanted, strict=True):
        assert fold.training.tolist() == sorted(training)
        assert fold.held_out.tolist() == sorted(held_out)
        assert fold.repeat == 0


def test_pairs_of_row_numbers_will_do_and_are_sorted():
    pairs = [([5, 4, 1, 0], [2, 3]), ([2, 3, 4], [0, 1])]
    first, second = folds_of(pairs, Y[:6])
    assert first.training.tolist() == [0, 1, 4, 5]
    assert second.held_out.tolist() == [0, 1]


def test_a_row_held_out_again_begins_a_repetition():
    cv = RepeatedStratifiedKFold(n_splits=2, n_repeats=3, random_state=0)
    assert [fold.repeat for fold in folds_of(cv, Y)] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (ShuffleSplit(2, test_size=0.6, random_state=0), "ShuffleSplit does not: StratifiedKFold"),
        ([(np.arange(6), np.arange(6, 12))], "cv must hold out other rows in each of two folds"),
        (3.5, "cv must be a number of folds, a splitter or pairs of row numbers; came 3.5"),
        ("kfold", "cv must be a number of folds, a splitter or pairs of row numbers"),
    ],
)
def test_folds_that_cannot_choose_on_the_others_are_refused(cv, message):
    with pytest.raises(UsageError, match=message):
        folds_of(cv, Y)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (([0, 1, 99], [2]), "must be numbers from 0 to 11; fold 0 of cv has 0 to 99"),
        (([-1, 1], [2]), "must be numbers from 0 to 11; fold 0 of cv has -1 to 1"),
        (([0, 1, 2], [2]), "no row may train and judge at once; 1 of fold 0 of cv do"),
        (([0, 1], []), "fold 0 of cv has none: divide"),
        (([0, 2], [1]), "fold 0 of cv has no positives: use StratifiedKFold"),
    ],
)
def test_a_fold_that_cannot_train_or_judge_is_one_clear_line(pair, message):
    with pytest.raises(SplitError, match=message):
        folds_of([pair, ([0, 1], [3])], Y)


def test_leaving_one_out_is_a_fold_for_each_row():
    assert len(folds_of(LeaveOneOut(), Y)) == 12


def test_a_splitter_is_shown_the_table_as_it_came():
    class Watching(KFold):
        def split(self, X, y=None, groups=None):
            self.shown = X, y
            return super().split(X, y, groups)

    cv, names = Watching(2), np.array(["no", "yes"])[Y]
    folds_of(cv, Y, shown=("X" * 12, names))
    assert cv.shown[0] == "X" * 12
    assert cv.shown[1] is names


def test_rows_that_are_left_out_leave_folds_of_the_others():
    kept = np.array([0, 1, 2, 4, 5, 7, 8, 9])
    first, second = folds_of([([0, 1, 2, 3, 4], [5, 6, 7]), ([5, 6, 7], [0, 1, 3])], Y, kept=kept)
    assert (first.training.tolist(), first.held_out.tolist()) == ([0, 1, 2, 3], [4, 5])
    assert (second.training.tolist(), second.held_out.tolist()) == ([4, 5], [0, 1])
    with pytest.raises(SplitError, match="must hold out rows that weigh something; fold 0 of cv"):
        folds_of([([0, 1], [3, 6]), ([2, 4], [0])], Y, kept=kept)


def test_groups_are_whole_or_an_error():
    with pytest.raises(SplitError, match="1 groups of fold 0 of cv are on both: use Stratified"):
        folds_of([([0, 1, 2], [3]), ([3, 4], [0, 1])], Y, group=GROUP)
