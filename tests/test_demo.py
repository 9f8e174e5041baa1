"""The tutorial's data, what is known of them, and the demo from end to end, made small."""

import json

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

from outweigh import _demo
from outweigh._demo import (
    CLAIMED,
    LARGEST,
    MANUAL,
    RATIOS,
    TUTORIAL,
    bayes_posterior,
    in_blocks,
    ratios,
    run_demo,
)
from outweigh._predictions import Predictions
from outweigh._settings import TWIN


@pytest.fixture(scope="module")
def tutorial():
    """The data as the tutorial divides them: features, labels, training rows, test rows."""
    X, y = make_classification(**TUTORIAL)
    return X, y, *train_test_split(np.arange(len(y)), test_size=0.2, random_state=42)


@pytest.fixture(scope="module")
def posterior(tutorial):
    return bayes_posterior(tutorial[0])


# the data


def test_the_data_are_the_tutorials(tutorial):
    _, y, training, test = tutorial
    assert np.bincount(y).tolist() == [98_970, 1_030]
    assert np.bincount(y[training]).tolist() == [79_183, 817]
    assert np.bincount(y[test]).tolist() == [19_787, 213]


def test_balanced_weights_are_the_tutorials():
    [balanced] = [s for s in ratios(np.array([79_183, 817])) if s.name == "balanced"]
    weight = balanced.class_weight([79_183, 817], (0, 1)).tolist()
    assert weight == [0.5051589356301226, 48.959608323133416]


def test_the_ratios_are_even_on_the_log_scale_with_none_and_balanced_among_them():
    counts = np.array([79_183, 817])
    settings = ratios(counts)
    assert len(settings) == len({s.name for s in settings}) == RATIOS == 64
    assert settings[0] == TWIN
    [place] = [i for i, s in enumerate(settings) if s.name == "balanced"]
    weights = np.array([s.class_weight(counts, (0, 1)) for s in settings])
    steps = np.log(weights[:, 1] / weights[:, 0])
    even = np.linspace(0, np.log(LARGEST), 64)
    assert np.delete(steps, place) == pytest.approx(np.delete(even, place))
    assert np.exp(steps[place]) == pytest.approx(79_183 / 817)
    assert np.abs(even - steps[place]).argmin() == place


def test_the_manual_weights_are_used_as_they_were_published():
    assert MANUAL.class_weight([79_183, 817], (0, 1)).tolist() == [1, 200]


# the posterior


def test_the_bayes_limit_of_the_tutorial_s_test_rows(tutorial, posterior):
    _, y, _, test = tutorial
    assert round(roc_auc_score(y[test], posterior[test]), 3) == 0.671
    assert round(average_precision_score(y[test], posterior[test]), 3) == 0.071


@pytest.mark.parametrize("exact", [False, True])
def test_one_label_in_a_hundred_is_a_coin_whatever_the_row(tutorial, exact):
    found = bayes_posterior(tutorial[0], exact=exact)
    assert found.shape == (100_000,)
    assert found.min() >= 0.005
    assert found.max() <= 0.995
    assert found.mean() == pytest.approx(0.99 * 0.005 + 0.005, abs=3e-4)


def test_no_shift_of_the_posterior_is_better(tutorial, posterior):
    """A true posterior has the least log loss of all its own distortions."""
    y = tutorial[1]
    logit = np.log(posterior / (1 - posterior))

    def loss(scale, shift):
        return log_loss(y, 1 / (1 + np.exp(-scale * logit - shift)))

    least = loss(1, 0)
    assert all(loss(1, shift) > least for shift in (-0.2, 0.2))
    assert all(loss(scale, 0) > least for scale in (0.9, 1.1))


def test_the_posterior_goes_with_its_row(tutorial, posterior):
    X = tutorial[0]
    rows = np.random.default_rng(0).permutation(len(X))
    assert bayes_posterior(X[rows]) == pytest.approx(posterior[rows])
    assert bayes_posterior(X[:, ::-1]) == pytest.approx(posterior)


def test_a_generator_that_draws_otherwise_is_noticed(tutorial, monkeypatch):
    monkeypatch.setattr(_demo, "sample_without_replacement", lambda *_, **__: None)
    with pytest.raises(RuntimeError, match="no longer draws as it did"):
        bayes_posterior(tutorial[0], exact=True)


# blocks of one split


def test_each_row_is_in_one_block_and_its_prediction_stays():
    rng = np.random.default_rng(0)
    y = np.arange(1000) % 10 // 9
    one = Predictions(
        row=rng.permutation(1000),
        fold=np.zeros(1000),
        y=y,
        classes=(0, 1),
        settings=("none", "balanced"),
        seeds=(0, 1, 2),
        class_weight=[[[1, 1]], [[5 / 9, 5]]],
        prior=[[0.9, 0.1]],
        probability=rng.dirichlet([9, 1], size=(2, 3, 1000)),
        outcome=np.full((2, 3, 1), "finished"),
        n_training=5000,
    )
    blocks = in_blocks(one)
    assert np.bincount(blocks.fold).tolist() == [200] * 5
    assert np.bincount(blocks.fold, weights=y).tolist() == [20] * 5
    assert (blocks.averaged() == one.averaged()).all()
    assert (blocks.row == one.row).all()


# the whole demo


@pytest.fixture(scope="module")
def small():
    """The demo with 4 ratios, 2 seeds and 1 epoch: its results, and what it told."""
    told = []
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("SEEDS", (0, 1)), ("RATIOS", 4), ("QUICK_EPOCHS", 1)):
            patch.setattr(_demo, name, value)
        demo = run_demo(quick=True, tell=lambda stage, progress: told.append(stage))
    return demo, told


def test_the_demo_s_record_has_the_contract_s_keys_and_is_plain_json(small):
    demo, _ = small
    found = demo.results
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {"tutorial", "bayes_limit", "demo", "timing", "settings", "verdict"} <= set(found)
    assert [s["name"] for s in found["settings"]] == [
        *("none", "ratio:5.848", "ratio:34.2", "balanced", "weights:0=1|1=200"),
    ]
    assert list(found["counts"]["settings"]) == [s["name"] for s in found["settings"]]
    assert (found["counts"]["positives"], found["counts"]["negatives"]) == (213, 19_787)
    assert found["design"]["lanes"] == 2 * 2 * 5  # networks × seeds × settings
    assert demo.decisions.predictions.probability.shape == (5, 2, 20_000, 2)


def test_the_demo_says_what_its_data_are(small):
    data = small[0].results["data"]
    assert data["classes"] == {"0": 98_970, "1": 1_030}
    assert data["training"]["classes"] == {"0": 79_183, "1": 817}
    assert data["test"]["classes"] == {"0": 19_787, "1": 213}
    assert small[0].results["objective"]["cost_fn"] == 79_183 / 817
    limit = small[0].results["bayes_limit"]
    assert (round(limit["roc_auc"], 3), round(limit["average_precision"], 3)) == (0.671, 0.071)


def test_the_tutorial_s_three_reports_are_repeated(small):
    runs = small[0].results["tutorial"]
    assert [run["name"] for run in runs] == [
        *("baseline (2-2-1)", "balanced (2-1)", "manual 1:200 (2-1)"),
    ]
    assert [run["claimed_recall"] for run in runs] == list(CLAIMED.values()) == [0, 0.56, 0.98]
    assert [run["class_weight"] for run in runs] == [
        *(None, {"0": 0.5051589356301226, "1": 48.959608323133416}, {"0": 1, "1": 200}),
    ]
    for run in runs:
        positive = run["report"]["1"]
        assert positive["support"] == 213
        assert positive["recall"] == max(run["recall_by_seed"])  # the upper median of two
        flagged = run["flagged_share"] * 20_000
        assert positive["precision"] * flagged == pytest.approx(positive["recall"] * 213)


def test_each_network_has_a_row_of_numbers_for_each_seed(small):
    networks = small[0].results["demo"]["networks"]
    assert [network["name"] for network in networks] == ["2-2-1", "2-1"]
    for network in networks:
        assert network["ratios"] == pytest.approx([1, 200 ** (1 / 3), 200 ** (2 / 3), 79_183 / 817])
        for name in ("recall", "flagged_share"):
            assert np.shape(network[name]) == (2, 4)
        assert network["verdict"]["code"]


def test_the_best_rule_flags_everybody_at_1_to_200(small):
    """Each row is a positive by the coin alone with 0.005, and 200 × 0.005 outweighs 0.995."""
    bayes = small[0].results["demo"]["bayes"]
    assert bayes["ratio"] == pytest.approx([1, 200 ** (1 / 3), 200 ** (2 / 3), 200])
    assert bayes["recall"][-1] == bayes["flagged_share"][-1] == 1


def test_the_best_rule_flags_where_the_weighted_odds_exceed_1(small, tutorial, posterior):
    bayes = small[0].results["demo"]["bayes"]
    _, y, _, test = tutorial
    p = posterior[test]
    for r, recall, flagged_share in zip(
        *(bayes[name] for name in ("ratio", "recall", "flagged_share")), strict=True
    ):
        flagged = r * p > 1 - p
        assert (recall, flagged_share) == (flagged[y[test] == 1].mean(), flagged.mean())


def test_progress_is_told_by_network(small):
    _, told = small
    assert list(dict.fromkeys(told)) == ["2-2-1", "2-1"]
