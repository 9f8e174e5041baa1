"""Each class against the rest: the same numbers as scikit-learn's, and as the whole study's."""

import json

import numpy as np
import pytest
from sklearn import metrics

from outweigh._costs import Cost, CostMatrix
from outweigh._decisions import decide_all
from outweigh._per_class import per_class
from outweigh._rankings import AveragePrecision
from outweigh._repairs import NONE
from outweigh._scored import all_numbers
from outweigh._scores import POINTS
from tests.records import noisy, of_rows
from tests.test_record import recorded
from tests.trainers import world

COSTS = [[0, 1, 2, 2], [9, 0, 1, 1], [7, 7, -1, 3], [5, 5, 5, 0]]
NAMES = ("none", "ratio:3")


def decided(predictions=None, *, refer=None):
    predictions = noisy(k=4, n=900) if predictions is None else predictions
    costs = CostMatrix(COSTS, predictions.classes, refer=refer)
    return decide_all(predictions, costs, repairs=(NONE,))


def numbers_of(d, s):
    return all_numbers(d.objective, d.cases, d.probability[s], d.decided[s], "cross-fitted")


def test_two_classes_have_no_tables_of_their_own():
    assert per_class(decide_all(noisy(), Cost(fn=9, fp=1)), NAMES) is None
    assert recorded(world())[1]["per_class"] is None


def test_a_study_tells_of_the_chosen_setting_its_twin_and_the_best_weights():
    evidence, found = recorded(world(900, k=3), use="power:1.4")
    best = evidence.verdict.best
    want = dict.fromkeys(("power:1.4", "none", best))
    assert list(found["per_class"]["settings"]) == list(want)
    assert [c["label"] for c in found["per_class"]["classes"]] == ["0", "1", "2"]
    rows = found["data"]["training"]["classes"]
    assert {c["label"]: c["rows"] for c in found["per_class"]["classes"]} == rows


@pytest.mark.parametrize("refer", [None, 0.6])
def test_cases_are_counted_by_true_class_and_decision(refer):
    d = decided(refer=refer)
    table = np.array(per_class(d, NAMES)["settings"]["ratio:3"]["confusion"]["value"])
    y, decisions = d.cases.y, d.decided[d.predictions.settings.index("ratio:3")]
    assert table.shape == (4, 4 if refer is None else 5)
    for k, j in np.ndindex(*table.shape):
        assert table[k, j] == pytest.approx(1000 * np.mean((y == k) & (decisions == j)))
    assert (table[:, 4:].sum() > 0) == (refer is not None)


@pytest.mark.parametrize("refer", [None, 0.6])
def test_classes_add_up_to_the_study(refer):
    d = decided(refer=refer)
    found = per_class(d, NAMES)
    whole = numbers_of(d, 0)
    each = found["settings"]["none"]["classes"]
    values = lambda key: np.array([c[key]["value"] for c in each])
    shares = np.array([c["share"] for c in found["classes"]])
    assert shares.sum() == pytest.approx(1)
    assert sum(c["rows"] for c in found["classes"]) == 900
    assert shares @ values("expected_cost") == pytest.approx(whole["expected_cost"]["value"])
    for key in ("recall", "precision", "average_precision", "roc_auc"):
        assert values(key).mean() == pytest.approx(whole[key]["value"])


def test_a_class_is_ranked_as_scikit_learn_ranks_it():
    d = decided()
    found = per_class(d, NAMES)["settings"]["none"]["classes"]
    for k, of_class in enumerate(found):
        own, said = d.cases.y == k, d.probability[0, :, k]
        folds = [d.cases.fold == f for f in range(5)]
        for key, score in (
            ("average_precision", metrics.average_precision_score),
            ("roc_auc", metrics.roc_auc_score),
        ):
            want = np.mean([score(own[f], said[f]) for f in folds])
            assert of_class[key]["value"] == pytest.approx(want)
        false, true, _ = metrics.roc_curve(own, said)
        points = list(zip(*of_class["roc"].values(), strict=True))
        assert 2 < len(points) <= POINTS
        assert set(points) <= set(zip(false.round(6), true.round(6), strict=True))
        assert sum(of_class["reliability"]["count"]) == len(own)


def test_a_ranking_decides_nothing_and_is_drawn_all_the_same():
    found = per_class(decide_all(noisy(k=3), AveragePrecision()), NAMES)
    for setting in found["settings"].values():
        assert setting["confusion"]["value"] is None
        for of_class in setting["classes"]:
            for key in ("recall", "precision", "expected_cost"):
                assert of_class[key]["value"] is None
            assert 0 < of_class["average_precision"]["value"] <= 1
            assert len(of_class["precision_recall"]["recall"]) > 2


def test_a_class_that_is_never_decided_has_no_precision():
    never = CostMatrix([[0, 1, 1e15], [1, 0, 1e15], [1, 1, 0]], ("a", "b", "c"))
    d = decide_all(noisy(k=3), never, repairs=(NONE,))
    found = per_class(d, ("none",))["settings"]["none"]
    table = np.array(found["confusion"]["value"])
    assert table[:, 2].sum() == 0
    assert found["classes"][2]["precision"]["value"] is None
    assert found["classes"][2]["recall"]["value"] == 0


def test_every_number_says_what_it_stands_on():
    found = per_class(decided(), NAMES)
    assert found["basis"] == "cross-fitted"
    for setting in found["settings"].values():
        assert setting["confusion"]["basis"] == "cross-fitted"
        for of_class in setting["classes"]:
            numbers = [v for v in of_class.values() if "basis" in v]
            assert [number["basis"] for number in numbers] == ["cross-fitted"] * 5


def test_weight_2_is_a_row_twice_and_weight_0_is_a_row_absent():
    plain = noisy(k=3, n=300)
    weight = np.array([0, 1, 2])[np.arange(300) % 3]
    weighted = noisy(k=3, n=300, row_weight=weight)
    rows = np.repeat(np.arange(300), weight)
    costs = CostMatrix([[0, 1, 1], [4, 0, 4], [4, 4, 0]], ("a", "b", "c"))
    both = (decide_all(p, costs, repairs=(NONE,)) for p in (weighted, of_rows(plain, rows)))
    one, other = (per_class(decisions, NAMES) for decisions in both)
    assert [c["share"] for c in one["classes"]] == pytest.approx(
        [c["share"] for c in other["classes"]]
    )
    for name in NAMES:
        np.testing.assert_allclose(
            one["settings"][name]["confusion"]["value"],
            other["settings"][name]["confusion"]["value"],
        )
        pairs = zip(*(found["settings"][name]["classes"] for found in (one, other)), strict=True)
        for a, b in pairs:
            for key in ("recall", "precision", "expected_cost", "average_precision", "roc_auc"):
                assert a[key]["value"] == pytest.approx(b[key]["value"])


def test_tables_are_the_same_once_written_and_read():
    found = per_class(decided(refer=0.6), NAMES)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
