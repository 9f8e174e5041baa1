"""What one setting is."""

import numpy as np
import pytest

from outweigh._errors import UsageError
from outweigh._grammar import parse_references, parse_settings
from outweigh._settings import EXACT, PRIOR_ONLY, TWIN, Setting, path
from outweigh._weights import Power


def one(text: str, classes=(0, 1)) -> Setting:
    return parse_settings(text, classes)[1]


# path


def test_the_usual_path():
    assert [setting.name for setting in path(8)] == [
        *("none", "power:0.2", "power:0.4", "power:0.6", "power:0.8", "balanced"),
        *("power:1.2", "power:1.4"),
    ]


@pytest.mark.parametrize("n", [2, 3, 4, 7, 8, 9, 15, 100, 1000])
def test_a_path_holds_n_powers_from_0_to_at_most_1_4_with_0_and_1(n):
    settings = path(n)
    tau = [setting.power for setting in settings]
    assert len({setting.name for setting in settings}) == n
    assert tau == sorted(tau)
    assert {0, 1} <= set(tau)
    assert max(tau) <= 1.4
    assert tau == pytest.approx(np.linspace(0, 1.4, n), abs=1.4 / n / 2 + 1e-4) or n <= 3
    assert parse_settings(",".join(s.name for s in settings), (0, 1)) == settings


def test_only_powers_have_a_power():
    settings = parse_settings("sqrt,ratio:3,effective:0.9,weights:0=1|1=1", (0, 1))
    assert [setting.power for setting in settings] == [0, 0.5, None, None, None]


def test_a_setting_weighs_by_its_rule():
    _, setting = parse_settings("balanced", (0, 1))
    assert setting.class_weight([90, 10], (0, 1)).tolist() == Power(1).weights([9, 1], ()).tolist()


# what a setting is


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("balanced", "weights"),
        ("weights:0=1|1=200", "weights"),
        ("focal:2", "loss"),
        ("focal:2+balanced", "loss"),
        ("deferred:0.8", "loss"),
        ("smote", "sampling"),
        ("oversample+focal:2", "sampling"),
        ("balanced-batches", "sampling"),
    ],
)
def test_a_setting_is_of_the_kind_of_its_strongest_part(text, kind):
    assert one(text).kind == kind


def test_the_twin_is_of_class_weights_and_a_reference_of_none():
    assert TWIN.kind == "weights"
    assert [s.kind for s in parse_references("logistic+balanced", (0, 1))] == ["reference"]


@pytest.mark.parametrize(
    ("text", "inverse"),
    [
        ("balanced", EXACT),
        ("logit-adjusted:1", EXACT),
        ("oversample", EXACT),
        ("random-under", EXACT),
        ("smote", PRIOR_ONLY),
        ("tomek-links", PRIOR_ONLY),
        ("smote+focal:2", PRIOR_ONLY),
        ("deferred:0.5", PRIOR_ONLY),
    ],
)
def test_only_what_looks_at_classes_alone_is_undone_as_a_whole(text, inverse):
    assert one(text).inverse == inverse


def test_a_setting_says_what_it_does():
    assert TWIN.text == "nothing"
    assert one("focal:2+balanced").text == "focal loss, γ = 2, class weights balanced"
    assert one("deferred:0.8").text == "class weights balanced, from 80 % of the epochs on"


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, float("nan")])
def test_weights_act_at_last(share):
    with pytest.raises(UsageError, match="deferred by a share of the epochs"):
        Setting("late", Power(1), deferred=share)
