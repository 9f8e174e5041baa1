"""Plans trained, cohort by cohort: who trains what, who ends, and what is left."""

import time

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from outweigh._errors import UsageError
from outweigh._grammar import parse_references, parse_settings
from outweigh._plan import Design
from outweigh._study import run
from tests.trainers import Logistic, studied, world


class Remembers:
    """A sampler that remembers the rows that it saw, by their first feature."""

    def __init__(self):
        self.calls: list[np.ndarray] = []

    def fit_resample(self, x, y):
        self.calls.append(np.sort(x[:, 0].copy()))
        x[:] = 0  # what it does to what it is handed is its own affair
        return np.zeros((4, x.shape[1])), np.array([0, 0, 1, 1])


class FailsOn:
    """A sampler that cannot serve one of its calls."""

    def __init__(self, call):
        self.left = call

    def fit_resample(self, x, y):
        self.left -= 1
        if self.left < 0:
            raise ValueError("no neighbours\nleft")
        return x, y


def with_settings(given, references=(), **design):
    table = world()
    settings = parse_settings(given, table.classes)
    settings += parse_references(references, table.classes) if references else ()
    trainer = Logistic()
    evidence = run(
        table,
        settings=settings,
        trainer=trainer,
        design=Design(**({"folds": 3, "seeds": 2} | design)),
    )
    return evidence, trainer


def test_no_sampler_ever_sees_a_row_that_judges_or_waits():
    remembers = Remembers()
    _, trainer = with_settings([remembers])
    plain = [c for c in trainer.calls[0] if c.draw is None]
    seen = {call.tobytes() for call in remembers.calls}
    assert len(remembers.calls) == 6
    allowed = {np.sort(c.x[c.training, 0]).tobytes() for c in plain}
    assert seen == allowed
    for c in plain:  # the planted sampler wrote into what it was handed, and nowhere else
        assert c.x.any()


def test_lanes_stand_in_the_order_of_the_settings_whatever_their_cohorts():
    mixed, _ = with_settings("oversample, balanced, focal:2, sqrt")
    names = [setting.name for setting in mixed.settings]
    assert names == ["none", "oversample", "balanced", "focal:2", "sqrt"]
    alone, _ = with_settings("balanced, sqrt")
    p, q = mixed.predictions, alone.predictions
    for name in q.settings:
        one, other = p.settings.index(name), q.settings.index(name)
        assert (p.probability[one] == q.probability[other]).all()
    assert p.kinds == ("weights", "sampling", "weights", "loss", "weights")


def test_remedies_leave_the_verdict_as_it_is():
    alone, _ = with_settings("balanced, sqrt")
    beside, _ = with_settings("balanced, oversample, sqrt, focal:1", references="logistic")
    assert beside.verdict == alone.verdict


def test_a_setting_that_fails_once_ends_and_the_others_go_on():
    alone, _ = with_settings("balanced")
    found, _ = with_settings(["balanced", FailsOn(call=4)])
    assert [setting.name for setting in found.settings] == ["none", "balanced"]
    [failure] = found.failures
    assert (failure.fold, failure.seed) == (1, 1)
    assert failure.reason.endswith("no neighbours left")
    assert found.predictions == alone.predictions


def test_smote_with_two_positives_ends_with_a_finding_and_the_others_go_on():
    from outweigh._findings import findings

    table = world(n=120, log_odds=-9.0)
    y = table.y.copy()
    y[:6] = 1
    evidence, *_ = studied(
        type(table)(**(vars(table) | {"y": y})), settings="balanced, smote, oversample", seeds=1
    )
    assert [s.name for s in evidence.settings] == ["none", "balanced", "oversample"]
    [found] = [f for f in findings(evidence) if f.code == "setting-failed"]
    assert "smote" in found.title


def test_a_failed_setting_cannot_be_used():
    table = world()
    with pytest.raises(UsageError, match=r"--use must name a setting that can be trained"):
        run(
            table,
            settings=parse_settings([FailsOn(call=0)], table.classes),
            use=repr_of(FailsOn(call=0)),
            trainer=Logistic(),
            design=Design(folds=3, seeds=1),
        )


def repr_of(sampler):
    return parse_settings([sampler], (0, 1))[1].name


def test_the_setting_to_use_is_what_is_refitted():
    table = world()
    settings = parse_settings("balanced, sqrt", table.classes)
    evidence = run(
        table,
        settings=settings,
        use="sqrt",
        trainer=Logistic(),
        design=Design(folds=3, seeds=2, test_size=0.2),
    )
    assert [s.name for s in evidence.final.settings] == ["sqrt", "none"]
    assert evidence.final.test is not None
    assert evidence.final.test.settings == ("sqrt", "none")


def test_a_reference_is_fitted_to_the_rows_that_networks_train_and_stop_on():
    evidence, trainer = with_settings("balanced", references=[LogisticRegression(C=3)], seeds=1)
    p, [plain, *_] = evidence.predictions, trainer.calls[0]
    rows = np.sort(np.concatenate([plain.training, plain.validation]))
    model = LogisticRegression(C=3).fit(plain.x[rows], plain.y[rows])
    expected = model.predict_proba(plain.x[plain.held_out]).astype("float32")
    there = p.fold == plain.fold
    assert p.kinds == ("weights", "weights", "reference")
    np.testing.assert_allclose(p.probability[2, 0, there], expected, rtol=1e-5)


def test_what_sampling_made_of_the_classes_is_undone():
    evidence, _ = with_settings("oversample")
    p = evidence.predictions
    prior = p.prior
    np.testing.assert_allclose(p.class_weight[1], 1 / (2 * prior), rtol=0.02)
    assert (p.class_weight[0] == 1).all()


def test_losses_are_known_to_what_comes_after():
    evidence, _ = with_settings("focal:2, logit-adjusted:1")
    shape = evidence.predictions.shape
    assert shape.gamma.tolist() == [[0, 0, 0], [2, 2, 2], [0, 0, 0]]
    odds = np.log(evidence.predictions.prior[:, 0] / evidence.predictions.prior[:, 1])
    np.testing.assert_allclose(shape.iota[2], np.stack([-odds, odds], axis=1))


def test_a_reference_that_cannot_weigh_leaves_its_sibling_that_need_not():
    evidence, _ = with_settings("none", references="easy-ensemble, easy-ensemble+balanced", seeds=1)
    assert [s.name for s in evidence.settings] == ["none", "easy-ensemble"]
    [failure] = evidence.failures
    assert failure.setting == "easy-ensemble+balanced"
    assert "cannot weigh rows" in failure.reason


def test_a_reference_that_fails_is_told_with_the_fold_it_failed_in():
    class FailsSecond(LogisticRegression):
        fits = []  # noqa: RUF012  (counts over all clones)

        def fit(self, X, y, sample_weight=None):
            self.fits.append(len(X))
            if len(self.fits) > 1:
                raise ValueError("no more")
            return super().fit(X, y)

    evidence, _ = with_settings("none", references=[FailsSecond()], seeds=1)
    [failure] = evidence.failures
    assert (failure.fold, failure.seed) == (1, 0)


def test_a_setting_that_fails_on_all_rows_at_last_cannot_be_used():
    class RefusesMany:
        def fit_resample(self, x, y):
            if len(y) > 750:
                raise ValueError("too many")
            return x, y

    for test_size in (0.0, 0.2):
        n = {"epochs": 3, "patience": 0, "test_size": test_size, "folds": 3, "seeds": 1}
        with pytest.raises(UsageError, match=r"--use must name .* too many"):
            run(
                world(1100),
                settings=parse_settings([RefusesMany()], (0, 1)),
                use="RefusesMany",
                trainer=Logistic(),
                design=Design(**n),
            )


def test_time_that_is_over_ends_the_making_of_rows():
    calls = []

    class Slow:
        def fit_resample(self, x, y):
            calls.append(time.monotonic())
            time.sleep(0.4)
            return x, y

    with pytest.raises(UsageError, match="--time-limit"):
        with_settings([Slow()], folds=3, seeds=4, time_limit=0.3 / 60 / 0.85)
    assert len(calls) <= 2
