import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from outweigh._errors import UsageError
from outweigh._grammar import parse_settings
from outweigh._settings import Setting, path
from outweigh._shapes import undo
from outweigh._weights import Effective, Fixed, Power, Ratio


def names(text: str, classes=(0, 1)) -> list[str]:
    return [setting.name for setting in parse_settings(text, classes)]


# parse_settings


def test_every_setting_of_the_command_line_is_known():
    text = "none,balanced,sqrt,power:0.7,effective:0.999,ratio:50,weights:0=1|1=200"
    assert parse_settings(text, (0, 1)) == (
        Setting("none", Power(0)),
        Setting("balanced", Power(1)),
        Setting("sqrt", Power(0.5)),
        Setting("power:0.7", Power(0.7)),
        Setting("effective:0.999", Effective(0.999)),
        Setting("ratio:50", Ratio(50)),
        Setting("weights:0=1|1=200", Fixed(((0, 1), (1, 200)))),
    )


def test_the_twin_is_always_there_and_first():
    assert names("balanced,ratio:2") == ["none", "balanced", "ratio:2"]
    assert names("balanced,none") == ["none", "balanced"]


def test_a_rule_is_kept_once_under_its_first_name():
    assert names("balanced,power:1,power:0,ratio:50,ratio:5e1") == ["none", "balanced", "ratio:50"]
    assert names("sqrt,power:0.5") == ["none", "sqrt"]
    assert names("power:0.2,path:8")[:3] == ["none", "power:0.2", "power:0.4"]


def test_a_path_stands_in_a_list():
    assert names("path:3,ratio:9") == ["none", "balanced", "power:1.4", "ratio:9"]


def test_spaces_around_commas_do_not_matter():
    assert names(" balanced , ratio:50 ") == ["none", "balanced", "ratio:50"]


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_different_numbers_have_different_names_that_read_back(a, b):
    [_, *settings] = parse_settings(f"ratio:{a!r},ratio:{b!r}", (0, 1))
    assert len(settings) == (1 if a == b else 2)
    assert parse_settings(",".join(s.name for s in settings), (0, 1))[1:] == tuple(settings)


@pytest.mark.parametrize(
    ("text", "classes", "pairs"),
    [
        ("weights:1=200|0=1", (0, 1), ((0, 1), (1, 200))),
        ("weights:not spam=1|spam=9", ("not spam", "spam"), (("not spam", 1), ("spam", 9))),
        ("weights:a=b=1|c:d=2", ("a=b", "c:d"), (("a=b", 1), ("c:d", 2))),
        ("weights:false=1|True=2", (False, True), ((False, 1), (True, 2))),
        ("weights:0=1|1.0=2", (0.0, 1.0), ((0.0, 1), (1.0, 2))),
        ("weights:0=1|1=2|2=3", (0, 1, 2), ((0, 1), (1, 2), (2, 3))),
    ],
)
def test_labels_are_given_as_their_text(text, classes, pairs):
    _, setting = parse_settings(text, classes)
    assert setting.rule == Fixed(pairs)


@pytest.mark.parametrize(
    ("text", "classes", "message"),
    [
        ("smoat", (0, 1), "came 'smoat': choose from none, balanced, sqrt, power:0.7, effective"),
        ("", (0, 1), "settings must be known; came ''"),
        ("none,,balanced", (0, 1), "settings must be known; came ''"),
        ("Balanced", (0, 1), "settings must be known"),
        ("power", (0, 1), "settings must be known"),
        ("balanced:2", (0, 1), "settings must be known"),
        ("power:", (0, 1), "must hold a number; came ''"),
        ("power:x", (0, 1), "'power:x' must hold a number; came 'x'"),
        ("power:nan", (0, 1), "a power must be a number from 0 to 4; came nan"),
        ("power:-1", (0, 1), "a power must be"),
        ("effective:1", (0, 1), "beta must be"),
        ("ratio:0", (0, 1), "a ratio must be"),
        ("ratio:50", (0, 1, 2), "a ratio needs two classes; came 3"),
        ("path:1", (0, 1), "a path must have from 2 to 1000 values; came 1"),
        ("path:2.5", (0, 1), "must hold a whole number"),
        ("weights:0", (0, 1), "weights must be label=weight"),
        ("weights:0=1", (0, 1), r"none came for \[1\]"),
        ("weights:0=1|1=2|2=3", (0, 1), "came '2', which is none of"),
        ("weights:0=1|0=2|1=3", (0, 1), "class must have one weight; 0 has 2"),
        ("weights:0=1|1=0", (0, 1), "the weight of class 1 must be"),
        ("weights:0=1|1=x", (0, 1), "must hold a number; came 'x'"),
    ],
)
def test_what_makes_no_sense_is_one_line(text, classes, message):
    with pytest.raises(UsageError, match=message) as caught:
        parse_settings(text, classes)
    assert "\n" not in str(caught.value)


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


# undo


@st.composite
def posteriors_and_weights(draw):
    k = draw(st.integers(2, 6))
    mass = draw(arrays(float, (3, k), elements=st.floats(1e-6, 1)))
    weight = draw(arrays(float, k, elements=st.floats(1e-6, 1e6)))
    return mass / mass.sum(axis=1, keepdims=True), weight


@given(posteriors_and_weights())
def test_undo_is_the_inverse_of_weighting_a_posterior(drawn):
    posterior, weight = drawn
    weighted = posterior * weight / (posterior * weight).sum(axis=1, keepdims=True)
    assert undo(weighted, weight) == pytest.approx(posterior, rel=1e-12)


@given(st.floats(1e-9, 1 - 1e-9), st.floats(1e-6, 1e6))
def test_with_two_classes_the_odds_are_divided_by_the_ratio(p, r):
    q_0, q_1 = undo([1 - p, p], [1, r])
    assert q_1 / q_0 == pytest.approx(p / (1 - p) / r, rel=1e-12)


@pytest.mark.parametrize("k", range(2, 7))
def test_undo_is_exact_at_0_and_1(k):
    weight = np.random.default_rng(k).lognormal(sigma=5, size=k)
    certain = np.eye(k, dtype=np.float32)
    assert (undo(certain, weight) == certain).all()


@given(posteriors_and_weights())
def test_equal_weights_change_nothing(drawn):
    posterior, weight = drawn
    assert undo(posterior, np.full_like(weight, 7.3)) == pytest.approx(posterior, rel=1e-14)


@given(posteriors_and_weights(), st.floats(1e-3, 1e3))
def test_only_ratios_of_weights_matter(drawn, factor):
    posterior, weight = drawn
    assert undo(posterior, weight * factor) == pytest.approx(undo(posterior, weight), rel=1e-12)


@given(posteriors_and_weights())
def test_undone_probabilities_sum_to_1_in_double_precision(drawn):
    posterior, weight = drawn
    undone = undo(posterior.astype(np.float32), weight)
    assert undone.dtype == np.float64
    assert undone.sum(axis=1) == pytest.approx(1, rel=1e-14)


@given(arrays(np.float32, 9, elements=st.floats(0, 1, width=32)), st.floats(1e-3, 1e3))
def test_with_two_classes_undo_keeps_the_order_of_rows(p, r):
    p = np.sort(p).astype(np.float64)
    undone = undo(np.stack([1 - p, p], axis=1), [1, r])[:, 1]
    assert (np.diff(undone) >= 0).all()


def test_undo_broadcasts_and_leaves_its_input_alone():
    said = np.array([[0.5, 0.5], [0.5, 0.5]], dtype=np.float32)
    undone = undo(said, np.array([[1, 1], [1, 9]]))
    assert undone == pytest.approx(np.array([[0.5, 0.5], [0.9, 0.1]]))
    assert (said == 0.5).all()


@pytest.mark.parametrize("name", ["sqrt", "balanced", "ratio:50", "power:1.4"])
def test_the_bayes_posterior_under_weights_comes_back(name):
    """A world of two bins: counts can be checked by hand, and no network is needed."""
    counts = np.array([[80, 5], [10, 5]])  # bin, class
    _, setting = parse_settings(name, (0, 1))
    weight = setting.class_weight(counts.sum(axis=0), (0, 1))
    weighted = counts * weight / (counts * weight).sum(axis=1, keepdims=True)
    assert undo(weighted, weight) == pytest.approx(np.array([[80 / 85, 5 / 85], [2 / 3, 1 / 3]]))
